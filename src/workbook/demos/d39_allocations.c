/* SPDX-License-Identifier: MIT */
/* D39: how often passes over the same tokens ask for memory. */
#include <string.h>

#include "infer/reader.h"
#include "ops/ops.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"

enum { VOCAB_SIZE = 65 };
enum { ANEW, ONCE, ROWS, FORWARD, N_WAYS };

/* The rows of a table of positions: looked up by indices, or, where these are NULL, taken as they lie. */
typedef struct lookup {
    heed_graph *g;
    heed_node *indices, *y;
    heed_device device;
    heed_plan *plan;
} lookup;

static void close_lookup(lookup *l)
{
    heed_plan_destroy(l->plan);
    heed_device_close(&l->device);
    heed_graph_destroy(l->g);
}

static bool open_lookup(heed_demoing *d, lookup *l, const heed_parameter *positions, int32_t *indices)
{
    const int64_t T = positions->size[0];
    const heed_plan_options options = {.device = &l->device, .targets = &l->y, .n_targets = 1};
    heed_error err = {HEED_OK, ""};
    heed_status status;
    heed_node *table;

    *l = (lookup){.g = heed_graph_create()};
    table = heed_graph_bound_input(l->g, "wpe.weight", HEED_F32, heed_shape2(T, positions->size[1]),
                                   (void *)(uintptr_t)positions->data);
    if (indices != NULL)
        l->indices = heed_graph_bound_input(l->g, "indices", HEED_I32, heed_shape1(T), indices);
    l->y = indices != NULL ? heed_embedding(l->g, table, l->indices)
                           : heed_position_embedding(l->g, table, NULL, T);
    status = heed_graph_status(l->g, &err);
    if (status == HEED_OK)
        status = heed_device_open(&l->device, NULL, 1, &err);
    if (status == HEED_OK)
        status = heed_plan_create(l->g, &options, &l->plan, &err);
    if (status == HEED_OK)
        status = heed_plan_place(l->plan, NULL, &err);
    return heed_demo_ok(d, status, &err);
}

static int32_t *make_indices(int64_t n)
{
    int32_t *indices = heed_memory_reserve((size_t)n * sizeof *indices);

    for (int64_t i = 0; indices != NULL && i < n; i++)
        indices[i] = (int32_t)i;
    return indices;
}

/* The rows that came out are the table's own. */
static bool is_right(const lookup *l, const heed_parameter *positions)
{
    return memcmp(heed_plan_value(l->plan, l->y)->data, positions->data,
                  (size_t)positions->count * sizeof *positions->data) == 0;
}

/*
 * Passes that look positions up, and how often each of them asks for memory; what is made before the first one counts as its
 * own. anew: the indices are made in every pass, else once. Without indices for ROWS.
 */
static void look_up(heed_demoing *d, const heed_parameter *positions, int way, heed_grid table, int64_t *right)
{
    const size_t bytes = (size_t)positions->size[0] * sizeof(int32_t);
    int64_t before = heed_memory_asked();
    heed_error err = {HEED_OK, ""};
    int32_t *indices = way != ROWS ? make_indices(positions->size[0]) : NULL;
    lookup l = {.g = NULL};

    if (way != ROWS && indices == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for indices");
    if (d->s.status == HEED_OK)
        open_lookup(d, &l, positions, indices);
    for (int64_t pass = 0; d->s.status == HEED_OK && pass < table.rows; pass++) {
        if (way == ANEW && pass > 0) {
            heed_memory_release(indices, bytes);
            l.indices->tensor.data = indices = make_indices(positions->size[0]);
            if (indices == NULL)
                heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for indices");
            else
                heed_demo_ok(d, heed_plan_rebind(l.plan, &err), &err);
        }
        if (d->s.status == HEED_OK) {
            heed_plan_run(l.plan);
            *right += is_right(&l, positions);
        }
        table.data[pass * N_WAYS + way] = (double)(heed_memory_asked() - before);
        before = heed_memory_asked();
    }
    close_lookup(&l);
    heed_memory_release(indices, bytes);
}

/* By the whole program, every malloc: -1 where nobody counts. */
static int64_t count_all(const heed_demoing *d)
{
    return d->options->count != NULL ? d->options->count() : -1;
}

/* The same of whole forward passes of the model, as heed makes them; what the program asked for in the later ones. */
static int64_t pass_forward(heed_demoing *d, const heed_model *model, int32_t *ids, int64_t n, heed_grid table)
{
    const heed_reader_options options = {
        .model = model, .threads = 1, .batch = 1, .n = n, .all = true, .ids = ids};
    const heed_cache none = {0};
    heed_reader reader = {0};
    heed_error err = {HEED_OK, ""};
    int64_t first = 0, later;

    for (int64_t pass = 0; d->s.status == HEED_OK && pass < table.rows; pass++) {
        const int64_t before = heed_memory_asked();

        if (heed_demo_ok(d, heed_reader_prepare(&reader, &options, &err), &err) &&
            heed_demo_ok(d, heed_reader_bind(&reader, &none, 0, &err), &err))
            heed_reader_run(&reader);
        if (d->sabotage)
            heed_reader_close(&reader);
        table.data[pass * N_WAYS + FORWARD] = (double)(heed_memory_asked() - before);
        first = pass == 0 ? count_all(d) : first;
    }
    later = count_all(d) - first;
    heed_reader_close(&reader);
    return later;
}

/* --- what came out --- */

/* The most that a pass behind the first one asks for, and the least. */
static void range_of(heed_grid table, int way, double *least, double *most)
{
    *least = *most = table.data[N_WAYS + way];
    for (int64_t pass = 2; pass < table.rows; pass++) {
        const double x = table.data[pass * N_WAYS + way];

        *least = x < *least ? x : *least;
        *most = x > *most ? x : *most;
    }
}

static void judge(heed_demoing *d, heed_grid table, int64_t right, int64_t length, int64_t later)
{
    double least[N_WAYS], most[N_WAYS];

    for (int way = 0; way < N_WAYS; way++)
        range_of(table, way, &least[way], &most[way]);
    heed_show_figure(d, "anew_each", most[ANEW], "times a later pass asks that makes its indices anew");
    heed_show_figure(d, "once_each", most[ONCE], "one whose indices were made once");
    heed_show_figure(d, "rows_each", most[ROWS], "one that takes rows as they lie");
    heed_show_figure(d, "forward_first", table.data[FORWARD], "the first forward pass of heed");
    heed_show_figure(d, "forward_each", most[FORWARD], "each later one");
    heed_show_figure(d, "index_bytes", 4.0 * (double)length, "of the indices, 32 bits each");
    heed_show_check(d, least[ANEW] == 1.0 && most[ANEW] == 1.0,
                    "indices made in the pass: each later pass asks at least %g and at most %g times",
                    least[ANEW], most[ANEW]);
    heed_show_check(d, most[ONCE] == 0.0, "indices made once: %g times", most[ONCE]);
    heed_show_check(d, most[ROWS] == 0.0, "rows taken as they lie, without indices: %g times", most[ROWS]);
    heed_show_check(d, table.data[FORWARD] > 0.0 && most[FORWARD] == 0.0,
                    "heed's whole forward pass: %g times for the first, %g for a later one",
                    table.data[FORWARD], most[FORWARD]);
    if (d->options->count != NULL) {
        heed_show_figure(d, "program_later", (double)later,
                         "times all of heed asked, any malloc, in later ones");
        heed_show_check(d, later == 0, "the program counted every malloc of heed in them: %lld",
                        (long long)later);
    }
    heed_show_check(d, right == 3 * table.rows, "%lld of %lld lookups give the rows of the table",
                    (long long)right, 3 * (long long)table.rows);
}

static void show(heed_demoing *d, heed_grid table)
{
    static const char *const labels[] = {"indices in the pass", "indices once", "rows as they lie",
                                         "whole forward pass"};
    heed_grid x = heed_grid_make(&d->s, 1, table.rows);

    heed_show_table(d, table, "Times that each pass asks for memory", NULL,
                    "indices in it|indices once|rows|whole forward", false);
    heed_show_axes(d, "Times that a pass asks for memory", "pass, from 1", "times", "");
    for (int way = 0; way < N_WAYS; way++) {
        heed_grid y = heed_grid_make(&d->s, 1, table.rows);

        for (int64_t i = 0; d->s.status == HEED_OK && i < table.rows; i++) {
            x.data[i] = (double)(i + 1);
            y.data[i] = table.data[i * N_WAYS + way];
        }
        heed_show_curve(d, labels[way], x, y);
    }
}

static heed_parameter positions_of(heed_demoing *d, const heed_model *model)
{
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);

        if (strcmp(p.name, "wpe.weight") == 0)
            return p;
    }
    heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "a model has no table of positions");
    return (heed_parameter){.name = NULL};
}

static void run(heed_demoing *d)
{
    const int64_t passes = heed_take_int(&d->s, "passes", 3, 1000),
                  length = heed_take_int(&d->s, "seq_len", 1, 1024);
    heed_grid table = heed_grid_make(&d->s, passes, N_WAYS);
    int32_t *ids = heed_demo_ids(d, length, VOCAB_SIZE);
    heed_model *model = heed_demo_small_model(d, VOCAB_SIZE, length);
    int64_t right = 0, later = 0;

    if (d->s.status == HEED_OK) {
        const heed_parameter positions = positions_of(d, model);

        for (int way = ANEW; d->s.status == HEED_OK && way <= ROWS; way++)
            look_up(d, &positions, way, table, &right);
        later = pass_forward(d, model, ids, length, table);
    }
    if (d->s.status == HEED_OK) {
        show(d, table);
        judge(d, table, right, length, later);
    }
    heed_model_close(model);
}

const heed_demo heed_demo_39 = {
    .info = {.id = "D39",
             .title = "What a forward pass asks the system for",
             .shows = "Reads the same tokens again and again and counts how often each pass asks for memory: "
                      "blocks and the chunks that small things lie in (src/base/memory.c). Position indices "
                      "0, 1, 2 ... that are made within a pass cost a buffer every time; made once, they cost "
                      "none. heed needs no indices: positions are rows that lie one behind the other, and its "
                      "plan has laid every tensor of a pass into one arena before the first one, so later "
                      "passes ask for nothing at all.",
             .rule = "Each pass that makes its indices asks once more. Passes with indices made before, with "
                     "rows as they lie, and whole forward passes of heed ask for nothing after the first. "
                     "All look up the same rows.",
             .sabotage = "The plan of the forward pass is thrown away after each of them.",
             .params = "{\"passes\": 8, \"seq_len\": 64}"},
    .full = "{\"passes\": 200, \"seq_len\": 1024}",
    .run = run,
};
