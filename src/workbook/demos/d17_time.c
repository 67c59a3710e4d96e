/* SPDX-License-Identifier: MIT */
/* D17: seconds of attention over the length of the text. */
#include <math.h>
#include <stdlib.h>

#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"
#include "workbook/demos/demos.h"

enum { MOST_REPEATS = 31, LEAST = 128 };
enum { LENGTH, CORE, LAYER, CORE_FACTOR, LAYER_FACTOR, N_COLUMNS };

/* One attention layer, forward, on one thread. */
typedef struct layer {
    heed_graph *g;
    heed_node *z, *y;
    heed_device device;
    heed_plan *plan;
} layer;

static heed_node *draw(heed_demoing *d, heed_graph *g, const char *name, heed_shape shape, float scale)
{
    float *x = heed_demo_floats(d, heed_shape_count(&shape));

    heed_demo_draw_uniform(d, x, heed_shape_count(&shape));
    for (int64_t i = 0; x != NULL && i < heed_shape_count(&shape); i++)
        x[i] *= scale;
    return x != NULL ? heed_graph_bound_input(g, name, HEED_F32, shape, x) : NULL;
}

/* windows of length tokens each. */
static void build(heed_demoing *d, layer *l, int64_t windows, int64_t length, int64_t width, int64_t heads)
{
    const heed_attention_options causal = {.causal = true};
    const float scale = 1.0f / sqrtf((float)width);
    heed_graph *g = l->g = heed_graph_create();
    heed_node *x = draw(d, g, "x", heed_shape3(windows, length, width), 1.0f),
              *maps = draw(d, g, "W_qkv", heed_shape2(width, 3 * width), scale),
              *out = draw(d, g, "W_o", heed_shape2(width, width), scale), *qkv, *q, *k, *v;

    qkv = heed_linear(g, x, maps, NULL, HEED_WEIGHT_IN_OUT);
    q = heed_split_heads(g, heed_narrow(g, qkv, 0, width), heads);
    k = heed_split_heads(g, heed_narrow(g, qkv, width, width), heads);
    v = heed_split_heads(g, heed_narrow(g, qkv, 2 * width, width), heads);
    l->z = heed_attention(g, q, k, v, &causal);
    l->y = heed_linear(g, heed_merge_heads(g, l->z), out, NULL, HEED_WEIGHT_IN_OUT);
}

static bool place(heed_demoing *d, layer *l)
{
    const heed_plan_options options = {.device = &l->device, .targets = &l->y, .n_targets = 1};
    heed_error err = {HEED_OK, ""};
    heed_status status = heed_graph_status(l->g, &err);

    if (status == HEED_OK)
        status = heed_device_open(&l->device, NULL, 1, &err);
    if (status == HEED_OK)
        status = heed_plan_create(l->g, &options, &l->plan, &err);
    if (status == HEED_OK)
        status = heed_plan_place(l->plan, NULL, &err);
    return heed_demo_ok(d, status, &err);
}

/* Seconds of attention itself, and of all. */
static void run_once(const layer *l, double *core, double *all)
{
    *core = *all = 0.0;
    heed_plan_profile(l->plan, true); /* from 0 */
    heed_plan_run(l->plan);
    for (int i = 0; i < heed_plan_n_steps(l->plan); i++) {
        const heed_node *node = heed_plan_step(l->plan, i);
        const double seconds = heed_plan_step_seconds(l->plan, i);

        *all += seconds;
        *core += node->first == l->z->first ? seconds : 0.0;
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, compare);
    return x[n / 2];
}

static void measure(heed_demoing *d, int64_t length, int64_t width, int64_t heads, int64_t repeats, double *row)
{
    const int64_t window = d->sabotage ? LEAST : length;
    double core[MOST_REPEATS], all[MOST_REPEATS], first;
    layer l = {.g = NULL};

    build(d, &l, length / window, window, width, heads);
    if (d->s.status == HEED_OK && l.g != NULL && place(d, &l)) {
        run_once(&l, &first, &first); /* touches the memory */
        for (int64_t i = 0; i < repeats; i++)
            run_once(&l, &core[i], &all[i]);
        row[LENGTH] = (double)length;
        row[CORE] = median(core, repeats);
        row[LAYER] = median(all, repeats);
    }
    heed_plan_destroy(l.plan);
    heed_device_close(&l.device);
    heed_graph_destroy(l.g);
}

static void judge(heed_demoing *d, heed_grid table)
{
    const char *labels[] = {"core: scores, softmax, weighted sum", "the whole layer"};
    heed_grid x = heed_grid_make(&d->s, 1, table.rows), logs[3];
    double slopes[2];

    for (int i = 0; i < 3; i++)
        logs[i] = heed_grid_make(&d->s, 1, table.rows);
    heed_show_axes(d, "Seconds of one attention layer on one thread", "tokens", "s", "xy");
    for (int c = 0; d->s.status == HEED_OK && c < 2; c++) {
        heed_grid y = heed_grid_make(&d->s, 1, table.rows);

        for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
            x.data[i] = table.data[i * N_COLUMNS + LENGTH];
            y.data[i] = table.data[i * N_COLUMNS + CORE + c];
            logs[0].data[i] = log(x.data[i]);
            logs[1 + c].data[i] = log(y.data[i]);
        }
        heed_show_curve(d, labels[c], x, y);
        slopes[c] = d->s.status == HEED_OK ? heed_demo_slope(logs[0].data, logs[1 + c].data, table.rows) : 0.0;
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_figure(d, "core_slope", slopes[0], "of log seconds over log tokens, of the core");
    heed_show_figure(d, "layer_slope", slopes[1], "of the whole layer");
    heed_show_figure(d, "core_doubling", exp2(slopes[0]), "times as long for a text twice as long, the core");
    heed_show_figure(d, "layer_doubling", exp2(slopes[1]), "the same, the layer");
    heed_show_check(d, slopes[0] >= 1.8 && slopes[0] <= 2.3, "the core's slope is %.2f: from 1.8 to 2.3",
                    slopes[0]);
    heed_show_check(d, slopes[1] < slopes[0], "the layer's is lower: %.2f", slopes[1]);
}

static void run(heed_demoing *d)
{
    const int64_t sizes = heed_take_int(&d->s, "sizes", 2, 6), width = heed_take_int(&d->s, "d_model", 16, 512),
                  heads = heed_take_int(&d->s, "n_heads", 1, 16),
                  repeats = heed_take_int(&d->s, "repeats", 1, MOST_REPEATS);
    const heed_grid table = heed_grid_make(&d->s, sizes, N_COLUMNS);

    for (int64_t i = 0; d->s.status == HEED_OK && i < sizes; i++) {
        double *row = table.data + i * N_COLUMNS;

        heed_demo_progress(d, (double)i / (double)sizes, "times for longer texts");
        measure(d, (int64_t)LEAST << i, width, heads, repeats, row);
        row[CORE_FACTOR] = i > 0 ? row[CORE] / row[CORE - N_COLUMNS] : NAN;
        row[LAYER_FACTOR] = i > 0 ? row[LAYER] / row[LAYER - N_COLUMNS] : NAN;
    }
    heed_show_table(d, table, "Median seconds, and their growth with each doubling", NULL,
                    "tokens|core|layer|core, times|layer, times", false);
    if (d->s.status == HEED_OK)
        judge(d, table);
}

const heed_demo heed_demo_17 = {
    .info =
        {.id = "D17",
         .title = "Attention costs the square of the length",
         .shows =
             "Times one attention layer on one thread for texts of 128, 256, 512 ... tokens: its core, which "
             "makes, weighs and sums T x T pairs, and the whole layer with its maps of T x d x d. On "
             "logarithmic axes the core rises with slope 2; the maps rise with slope 1 and pull the layer "
             "below "
             "that until T is well above d. Other programs that run meanwhile disturb it.",
         .rule =
             "A line through log seconds over log tokens rises by 1.8 to 2.3 for the core, and by less for the "
             "whole layer.",
         .sabotage = "A longer text is cut into windows of 128 tokens.",
         .params = "{\"sizes\": 5, \"d_model\": 256, \"n_heads\": 4, \"repeats\": 9}",
         .timed = true},
    .full = "{\"sizes\": 6, \"repeats\": 15}",
    .run = run,
};
