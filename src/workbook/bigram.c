/* SPDX-License-Identifier: MIT */
/* O. The bigram model: a table of logits, its loss, its steps, and what is asked of its texts. */
#include <math.h>

#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/small_graph.h"

/* --- the model over the numbers of an exercise --- */

typedef struct bigram {
    heed_grid table, x, y;
} bigram;

typedef struct bigram_nodes {
    heed_node *table, *logits, *losses, *loss;
} bigram_nodes;

static bigram take_bigram(heed_solving *s)
{
    const bigram b = {
        .table = heed_take_grid(s, "table"), .x = heed_take_list(s, "x"), .y = heed_take_list(s, "y")};

    if (s->status == HEED_OK && b.x.columns != b.y.columns)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected as many targets y as tokens x, got %lld and %lld",
                        (long long)b.y.columns, (long long)b.x.columns);
    return b;
}

/* As heed_gpt_build() makes the bigram model (src/nn/gpt.c). */
static bigram_nodes build(heed_small *m, const bigram *b, heed_grid table)
{
    bigram_nodes n = {.table = heed_small_matrix(m, "table.weight", table)};
    heed_node *targets = heed_small_ids(m, "y", b->y, table.columns);

    n.logits = heed_embedding(m->g, n.table, heed_small_ids(m, "x", b->x, table.rows));
    n.losses = heed_cross_entropy_rows(m->g, n.logits, targets);
    n.loss = heed_cross_entropy(m->g, n.logits, targets);
    return n;
}

/* The loss of logits that are all alike. */
static double uniform_loss(heed_solving *s, int64_t V)
{
    const heed_grid zeros = heed_grid_make(s, 1, V);
    const bigram b = {.x = heed_grid_make(s, 1, 1), .y = heed_grid_make(s, 1, 1)};
    bigram_nodes n;
    heed_grid loss = {0, 0, NULL};
    heed_small m;

    if (!heed_small_begin(s, &m))
        return 0.0;
    n = build(&m, &b, zeros);
    heed_small_run(&m, &n.loss, 1);
    loss = heed_small_value(&m, n.loss);
    heed_small_end(&m);
    return loss.data != NULL ? loss.data[0] : 0.0;
}

/* --- a12.n05, a12.n07 --- */

typedef struct losses {
    heed_grid logits, each;
    double mean;
} losses;

static losses work_out(heed_solving *s, const bigram *b)
{
    losses out = {.mean = 0.0};
    bigram_nodes n;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return out;
    n = build(&m, b, b->table);
    heed_small_run(&m, (heed_node *[]){n.logits, n.losses, n.loss}, 3);
    out.logits = heed_small_value(&m, n.logits);
    out.each = heed_small_value(&m, n.losses);
    if (s->status == HEED_OK)
        out.mean = heed_small_value(&m, n.loss).data[0] *
                   (s->slip == HEED_SLIP_SUM ? (double)b->x.columns : 1.0);
    if (s->slip == HEED_SLIP_LOG_BASE) {
        out.mean /= log(2.0);
        for (int64_t i = 0; i < out.each.columns; i++)
            out.each.data[i] /= log(2.0);
    }
    heed_small_end(&m);
    return out;
}

static void explain_losses(heed_solving *s, const bigram *b, const losses *l)
{
    heed_step_grid(s, l->logits, "logits: row x of the table for each token x");
    for (int64_t t = 0; s->status == HEED_OK && t < b->x.columns && t < 16; t++) {
        const double *row = l->logits.data + t * l->logits.columns;
        double sum = 0.0;
        for (int64_t j = 0; j < l->logits.columns; j++)
            sum += exp(row[j]);
        heed_step(s, "after token %.0f comes %.0f: -ln(e^%.4g / %.4g) = %.4g", b->x.data[t], b->y.data[t],
                  row[(int64_t)b->y.data[t]], sum, l->each.data[t]);
    }
    heed_step(s, "the loss is their mean, %.5g", l->mean);
}

static void logits_and_loss(heed_solving *s)
{
    const bigram b = take_bigram(s);
    const losses l = work_out(s, &b);
    const double uniform = uniform_loss(s, b.table.columns > 0 ? b.table.columns : 1);

    explain_losses(s, &b, &l);
    heed_step(s, "equal logits would give ln %lld = %.5g", (long long)b.table.columns, uniform);
    heed_put_grid(s, "logits", l.logits);
    heed_put_list(s, "losses", l.each);
    heed_put_number(s, "loss", l.mean);
    heed_put_number(s, "uniform_loss", uniform);
}

/* Without targets the graph has logits alone: there is no loss in it. */
static void forward(heed_solving *s)
{
    const bigram b = take_bigram(s);
    const losses l = work_out(s, &b);

    explain_losses(s, &b, &l);
    heed_step(s, "without targets there is nothing to compare with: the logits come back, and no loss");
    heed_put_number(s, "loss", l.mean);
    heed_put_grid(s, "logits", l.logits);
    heed_put_json(s, "loss_without_targets", json_null());
}

static void vary_bigram(heed_varying *v)
{
    const int64_t V = heed_draw_int(v, 3, 4), T = heed_draw_int(v, 3, 4);

    heed_vary_whole(v, "table", V, V, -2, 3);
    heed_vary_whole(v, "x", 0, T, 0, V - 1);
    heed_vary_whole(v, "y", 0, T, 0, V - 1);
}

/* --- a12.n05b --- */

static void shapes(heed_solving *s)
{
    const int64_t B = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH),
                  T = heed_take_int(s, "block_size", 1, HEED_COUNT_MOST_T),
                  V = heed_take_int(s, "vocab_size", 1, 1048576);
    const double loss = uniform_loss(s, V);
    heed_node *table, *logits;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    table = heed_graph_parameter(m.g, "table.weight", heed_shape2(V, V));
    logits = heed_embedding(m.g, table, heed_graph_input(m.g, "ids", HEED_I32, heed_shape2(B, T)));
    heed_small_put_shape(&m, "logits", logits);
    heed_small_put_shape(&m, "table", table);
    if (s->status == HEED_OK) {
        const double count = (double)heed_tensor_count(&table->tensor);
        heed_step(s, "each of B * T tokens becomes a row of the table %s: %s", heed_small_shape_text(&m, table),
                  heed_small_shape_text(&m, logits));
        heed_step(s, "the table has V^2 = %s numbers", heed_count_text(s, count));
        heed_step(s, "zeros say that all tokens are alike: p = 1/%lld and the loss is ln %lld = %.5g",
                  (long long)V, (long long)V, loss);
        heed_put_number(s, "parameters", count);
        heed_put_number(s, "initial_loss_zero_logits", s->slip == HEED_SLIP_LOG_BASE ? loss / log(2.0) : loss);
    }
    heed_small_end(&m);
}

static void vary_shapes(heed_varying *v)
{
    heed_vary_int(v, "batch", 2, 32);
    heed_vary_int(v, "block_size", 3, 64);
    heed_vary_int(v, "vocab_size", 20, 300);
}

/* --- a12.n06 --- */

static void flatten(heed_solving *s)
{
    const int64_t B = heed_take_int(s, "B", 1, HEED_COUNT_MOST_BATCH),
                  T = heed_take_int(s, "T", 1, HEED_COUNT_MOST_T),
                  C = heed_take_int(s, "C", 1, HEED_COUNT_MOST_V);
    const int64_t b = heed_take_int(s, "b", 0, B - 1), t = heed_take_int(s, "t", 0, T - 1);
    const int64_t shift = s->slip == HEED_SLIP_OFF_BY_ONE;
    heed_node *logits, *flat, *targets;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    logits = heed_graph_input(m.g, "logits", HEED_F32, heed_shape3(B, T, C));
    flat = heed_reshape(m.g, logits, heed_shape2(B * T, C));
    targets = heed_reshape(m.g, heed_graph_input(m.g, "targets", HEED_F32, heed_shape2(B, T)),
                           heed_shape1(B * T));
    heed_small_put_shape(&m, "logits", flat);
    heed_small_put_shape(&m, "targets", targets);
    if (s->status == HEED_OK) { /* the same memory: a row of the view begins where row (b, t) does */
        const int64_t *stride = logits->tensor.stride;
        const int64_t row = (b * stride[0] + t * stride[1]) / flat->tensor.stride[0];
        const int64_t last = flat->tensor.shape.size[0] - 1;
        heed_step(s, "the view %s has the numbers of %s in the same order", heed_small_shape_text(&m, flat),
                  heed_small_shape_text(&m, logits));
        heed_step(s, "before (%lld, %lld) lie %lld whole sequences of %lld rows and %lld rows more: row %lld",
                  (long long)b, (long long)t, (long long)b, (long long)T, (long long)t, (long long)row);
        heed_step(s, "the last row, %lld, is position %lld of sequence %lld", (long long)last,
                  (long long)(T - 1), (long long)(B - 1));
        heed_put_number(s, "row_of_b_t", s->slip == HEED_SLIP_TRANSPOSED ? (double)(t * B + b) : (double)row);
        heed_put_shape(s, "b_t_of_last_row", 2, last / T + shift, last % T + shift);
    }
    heed_small_end(&m);
}

static void vary_flatten(heed_varying *v)
{
    const int64_t B = heed_vary_int(v, "B", 2, 9), T = heed_vary_int(v, "T", 2, 12);

    heed_vary_int(v, "C", 2, 99);
    heed_vary_int(v, "b", 0, B - 1);
    heed_vary_int(v, "t", 0, T - 1);
}

/* --- a12.n08 --- */

/* The loop of generation, counted: the model is fed the last block_size tokens at most. */
static void generation(heed_solving *s)
{
    const int64_t start = heed_take_int(s, "start_len", 1, 1000000), n = heed_take_int(s, "new", 1, 1000000),
                  block = heed_take_int(s, "block_size", 1, 1000000);
    int64_t length = start, passes = 0, longest = 0;

    while (s->status == HEED_OK && passes < n) {
        const int64_t fed = length < block ? length : block;
        longest = fed > longest ? fed : longest;
        passes++;
        length++;
    }
    heed_step(s, "each pass gives one token: %lld passes, and %lld + %lld = %lld tokens at the end",
              (long long)passes, (long long)start, (long long)n, (long long)length);
    heed_step(s,
              "before the last pass there are %lld tokens, and at most block_size = %lld of them are fed: %lld",
              (long long)(length - 1), (long long)block, (long long)longest);
    heed_put_number(s, "final_length", (double)length);
    heed_put_number(s, "forward_passes", (double)passes);
    heed_put_number(s, "longest_context_fed", (double)longest);
}

static void vary_generation(heed_varying *v)
{
    heed_vary_int(v, "start_len", 1, 12);
    heed_vary_int(v, "new", 5, 500);
    heed_vary_pick_int(v, "block_size", 4, INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
}

/* --- a12.n09 --- */

typedef struct step {
    heed_grid gradient, table; /* of this step alone; after it */
} step;

/* One step of plain gradient descent from a table; kept: a gradient that was left there, NULL: none. */
static step descend(heed_solving *s, const bigram *b, heed_grid table, double lr, heed_grid kept)
{
    step out = {{0, 0, NULL}, {0, 0, NULL}};
    bigram_nodes n;
    heed_node *gradient, *after;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return out;
    n = build(&m, b, table);
    if (heed_small_differentiate(&m, n.loss, (heed_grid){0, 0, NULL})) {
        gradient = n.table->grad;
        if (s->slip == HEED_SLIP_SUM)
            gradient = heed_scale(m.g, gradient, (float)b->x.columns);
        after = kept.data != NULL ? heed_add(m.g, gradient, heed_small_input(&m, "kept", kept)) : gradient;
        after = heed_sgd(m.g, n.table, after, heed_small_scalar(&m, "lr", s->slip == HEED_SLIP_SIGN ? -lr : lr),
                         NULL, 0.0f);
        heed_small_run(&m, (heed_node *[]){gradient, after}, 2);
        out.gradient = heed_small_value(&m, gradient);
        out.table = heed_small_value(&m, after);
    }
    heed_small_end(&m);
    return out;
}

static void two_steps(heed_solving *s)
{
    const bigram b = take_bigram(s);
    const double lr = heed_take_number(s, "lr");
    const heed_grid none = {0, 0, NULL};
    const step one = descend(s, &b, b.table, lr, none);
    const step two = descend(s, &b, one.table, lr, none);
    const step dirty = descend(s, &b, one.table, lr, one.gradient);
    heed_grid again = heed_grid_make(s, one.table.rows, one.table.columns);

    if (s->status != HEED_OK)
        return;
    for (int64_t i = 0; i < again.rows * again.columns; i++)
        again.data[i] = one.table.data[i] - lr * one.gradient.data[i];
    heed_step(s,
              "row x of the gradient gets (softmax(row x) - 1 at the target y) / %lld from each pair (x, y); "
              "rows of tokens that "
              "are not there get 0",
              (long long)b.x.columns);
    heed_step_grid(s, one.gradient, "gradient");
    heed_step_grid(s, one.table, "table - %.4g * gradient", lr);
    heed_step_grid(s, two.gradient, "the gradient there");
    heed_step_grid(s, two.table, "after the second step");
    heed_step_grid(s, dirty.table, "had the first gradient not been set to zero, both would be subtracted");
    heed_put_grid(s, "gradient", one.gradient);
    heed_put_grid(s, "after_one_step", one.table);
    heed_put_grid(s, "after_two_steps", s->slip == HEED_SLIP_OLD_GRADIENT ? again : two.table);
    heed_put_grid(s, "after_two_steps_without_zeroing", dirty.table);
}

static void vary_two_steps(heed_varying *v)
{
    vary_bigram(v);
    heed_vary_pick(v, "lr", 3, 0.5, 1.0, 2.0);
}

/* --- a12.n10 --- */

static void mean_of_losses(heed_solving *s)
{
    const heed_grid list = heed_take_list(s, "losses");
    const int64_t n = list.columns;
    heed_node *x, *mean, *squares;
    heed_small m;

    if (s->status == HEED_OK && n < 2)
        heed_solve_fail(s, HEED_ERR_USAGE, "losses: expected two or more, got %lld", (long long)n);
    if (!heed_small_begin(s, &m))
        return;
    x = heed_small_vector(&m, "losses", list);
    mean = heed_mean(m.g, x);
    squares = heed_sum_squares(
        m.g, heed_add(m.g, x, heed_scale(m.g, heed_repeat(m.g, mean, heed_shape1(n)), -1.0f)), NULL);
    heed_small_run(&m, (heed_node *[]){mean, squares}, 2);
    if (s->status == HEED_OK) {
        const double center = heed_small_value(&m, mean).data[0], sum = heed_small_value(&m, squares).data[0];
        const double deviation = sqrt(sum / (double)(s->slip == HEED_SLIP_SAMPLE ? n : n - 1));
        heed_step(s, "the mean of %lld losses is %.6g", (long long)n, center);
        heed_step(s,
                  "the squares of their distances from it add up to %.5g; over n - 1 = %lld and under the root "
                  "that is %.5g",
                  sum, (long long)(n - 1), deviation);
        heed_step(s, "a mean of %lld is surer by sqrt(%lld): %.5g", (long long)n, (long long)n,
                  deviation / sqrt((double)n));
        heed_put_number(s, "mean", s->slip == HEED_SLIP_SUM ? center * (double)n : center);
        heed_put_number(s, "std_of_mean", s->slip == HEED_SLIP_SUM ? deviation : deviation / sqrt((double)n));
    }
    heed_small_end(&m);
}

static void vary_losses(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 4, 8);
    json_t *list = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, heed_json_of_double((double)heed_draw_int(v, 210, 290) / 100.0));
    v->again = json_equal(json_array_get(list, 0), json_array_get(list, 1));
    heed_vary_set_json(v, "losses", list);
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }
#define PLACE(name)                                                \
    {                                                              \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION, \
    }
#define SHAPE(name)                            \
    {                                          \
        name, HEED_ANSWER_LIST, HEED_EXACT, 0, \
    }
#define TABLE(name)                           \
    {                                         \
        name, HEED_ANSWER_MATRIX, HEED_E5, 0, \
    }
#define ROUNDED(name)                         \
    {                                         \
        name, HEED_ANSWER_NUMBER, HEED_T2, 0, \
    }
#define SEED_TABLE "{\"table\": [[0, 1, -1], [2, 0, 0], [0, 0, 3]], \"x\": [0, 1, 2], \"y\": [1, 0, 2]}"
#define SLIPS_LOSS (HEED_SLIP(HEED_SLIP_SUM) | HEED_SLIP(HEED_SLIP_LOG_BASE))

const heed_exercise heed_exercises_bigram[] = {
    {.id = "a12.n05",
     .seed = "003 22:44",
     .kind = HEED_EXERCISE_MATRIX,
     .params = SEED_TABLE,
     .vary = vary_bigram,
     .solve = logits_and_loss,
     .slips = SLIPS_LOSS,
     .fields =
         {TABLE("logits"), {"losses", HEED_ANSWER_LIST, HEED_T2, 0}, ROUNDED("loss"), ROUNDED("uniform_loss")},
     .demo = "D36"},
    {.id = "a12.n05b",
     .seed = "003 22:44",
     .kind = HEED_EXERCISE_SHAPE,
     .params = "{\"batch\": 4, \"block_size\": 8, \"vocab_size\": 65}",
     .vary = vary_shapes,
     .solve = shapes,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE),
     .fields = {SHAPE("logits"), SHAPE("table"), WHOLE("parameters"), ROUNDED("initial_loss_zero_logits")},
     .demo = "D36"},
    {.id = "a12.n06",
     .seed = "003 27:25",
     .kind = HEED_EXERCISE_SHAPE,
     .params = "{\"B\": 4, \"T\": 8, \"C\": 65, \"b\": 2, \"t\": 3}",
     .vary = vary_flatten,
     .solve = flatten,
     .slips = HEED_SLIP(HEED_SLIP_OFF_BY_ONE) | HEED_SLIP(HEED_SLIP_TRANSPOSED),
     .fields = {SHAPE("logits"), SHAPE("targets"), PLACE("row_of_b_t"), SHAPE("b_t_of_last_row")}},
    {.id = "a12.n07",
     .seed = "003 28:13",
     .kind = HEED_EXERCISE_CODE,
     .params = SEED_TABLE,
     .vary = vary_bigram,
     .solve = forward,
     .slips = SLIPS_LOSS,
     .fields = {{"loss", HEED_ANSWER_NUMBER, HEED_E5, 0},
                {"logits", HEED_ANSWER_MATRIX, HEED_MIXED, 0},
                {"loss_without_targets", HEED_ANSWER_TEXT, HEED_EXACT, 0}}},
    {.id = "a12.n08",
     .seed = "003 29:07",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"start_len\": 1, \"new\": 100, \"block_size\": 8}",
     .vary = vary_generation,
     .solve = generation,
     .fields = {PLACE("final_length"), PLACE("forward_passes"), PLACE("longest_context_fed")},
     .demo = "D36"},
    {.id = "a12.n09",
     .seed = "003 35:34",
     .kind = HEED_EXERCISE_CODE,
     .params =
         "{\"table\": [[0, 0, 0], [0, 0, 0], [0, 0, 0]], \"x\": [0, 1, 2], \"y\": [1, 0, 2], \"lr\": 1.0}",
     .vary = vary_two_steps,
     .solve = two_steps,
     .slips = HEED_SLIP(HEED_SLIP_SUM) | HEED_SLIP(HEED_SLIP_SIGN) | HEED_SLIP(HEED_SLIP_OLD_GRADIENT),
     .fields = {TABLE("gradient"), TABLE("after_one_step"), TABLE("after_two_steps"),
                TABLE("after_two_steps_without_zeroing")},
     .demo = "D36"},
    {.id = "a12.n10",
     .seed = "003 40:17",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"losses\": [2.61, 2.48, 2.55, 2.4]}",
     .vary = vary_losses,
     .solve = mean_of_losses,
     .slips = HEED_SLIP(HEED_SLIP_SAMPLE) | HEED_SLIP(HEED_SLIP_SUM),
     .fields = {{"mean", HEED_ANSWER_NUMBER, HEED_ABS(0.0005), 0},
                {"std_of_mean", HEED_ANSWER_NUMBER, HEED_REL(0.03), 0}},
     .demo = "D36"},
    {.id = NULL},
};
