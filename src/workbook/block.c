/* SPDX-License-Identifier: MIT */
/*
 * M. A block, forward and backward:
 *
 *   mid = x + attention(LayerNorm(x)),  out = mid + W2 relu(W1 LayerNorm(mid) + b1) + b2,  loss = sum(out * upstream)
 *
 * The answer is that of exact_block.h, in double precision, so that any program that computes in it is right, whatever the
 * sizes of the numbers; the block that models are made of, of ops, is run beside it.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "workbook/exact_block.h"
#include "workbook/groups.h"

static const struct {
    const char *name, *answer;
    int rank; /* of what is given */
} parts[HEED_BLOCK_PARTS] = {
    {"x", "grad_x", 2},         {"Wq", "grad_Wq", 2},       {"bq", "grad_bq", 1},
    {"Wk", "grad_Wk", 2},       {"bk", "grad_bk", 1},       {"Wv", "grad_Wv", 2},
    {"bv", "grad_bv", 1},       {"Wo", "grad_Wo", 2},       {"bo", "grad_bo", 1},
    {"ln1_g", "grad_ln1_g", 1}, {"ln1_b", "grad_ln1_b", 1}, {"ln2_g", "grad_ln2_g", 1},
    {"ln2_b", "grad_ln2_b", 1}, {"W1", "grad_W1", 2},       {"b1", "grad_b1", 1},
    {"W2", "grad_W2", 2},       {"b2", "grad_b2", 1},
};

static bool is_bias(int i)
{
    return i == HEED_BLOCK_BQ || i == HEED_BLOCK_BK || i == HEED_BLOCK_BV || i == HEED_BLOCK_BO ||
           i == HEED_BLOCK_B1 || i == HEED_BLOCK_B2;
}

static heed_block take(heed_solving *s)
{
    heed_block b = {.n_heads = 1};

    for (int i = 0; i < HEED_BLOCK_PARTS; i++) {
        b.part[i] = parts[i].rank == 2 ? heed_take_grid(s, parts[i].name) : heed_take_list(s, parts[i].name);
        if (is_bias(i) && s->slip == HEED_SLIP_NO_BIAS)
            b.part[i] = (heed_grid){0, 0, NULL};
    }
    b.upstream = heed_take_grid(s, "upstream");
    b.n_heads = heed_take_int(s, "n_heads", 1, 1024);
    b.causal = heed_take_bool(s, "causal") && s->slip != HEED_SLIP_NO_MASK;
    b.no_residual = s->slip == HEED_SLIP_NO_RESIDUAL;
    b.scale = s->slip == HEED_SLIP_NO_SCALE ? 1.0 : 0.0;
    if (s->status == HEED_OK && b.part[HEED_BLOCK_X].columns % b.n_heads != 0)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected n_heads to divide the %lld columns of x, got %lld",
                        (long long)b.part[HEED_BLOCK_X].columns, (long long)b.n_heads);
    if (s->slip == HEED_SLIP_NO_HEADS)
        b.n_heads = 1;
    return b;
}

/* --- both --- */

static double largest(heed_grid x)
{
    double most = 0.0;

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        most = fmax(most, fabs(x.data[i]));
    return most;
}

static double apart(heed_grid a, heed_grid b)
{
    double most = 0.0;

    for (int64_t i = 0; i < b.rows * b.columns; i++)
        most = fmax(most, fabs(a.data[i] - b.data[i]));
    return most;
}

static void explain(heed_solving *s, const heed_block *b, const heed_block_values *v,
                    const heed_block_values *ops)
{
    double most = apart(ops->out, v->out), size = largest(v->out);

    for (int i = 0; i < HEED_BLOCK_PARTS; i++) {
        most = fmax(most, apart(ops->grad[i], v->grad[i]));
        size = fmax(size, largest(v->grad[i]));
    }
    heed_step_grid(
        s, v->ln1,
        "LayerNorm of x: each row minus its mean, over sqrt(variance + 1e-5), times ln1_g plus ln1_b");
    heed_step_grid(s, v->z, "attention of %lld heads, q k^T / sqrt(%lld), outputs of the heads side by side",
                   (long long)b->n_heads, (long long)(b->part[HEED_BLOCK_X].columns / b->n_heads));
    heed_step_grid(s, v->mid, "x plus the out map of the joined heads");
    heed_step_grid(s, v->ln2, "LayerNorm of that");
    heed_step_grid(s, v->hidden, "relu(. W1 + b1)");
    heed_step_grid(s, v->out, "plus . W2 + b2: the output");
    heed_step_grid(
        s, v->d_mid,
        "backward: the gradient in the middle is upstream, which the addition hands on as it is, and "
        "what comes through the feed-forward");
    heed_step_grid(s, v->grad[HEED_BLOCK_X], "gradient of x, by the shortcut and through attention");
    heed_step_grid(
        s, v->grad[HEED_BLOCK_BK],
        "gradient of bk: 0 up to rounding, as q . bk adds the same to all scores of a row and softmax "
        "does not see it");
    heed_step(s,
              "all that in double precision; the block of ops that models are made of, in single precision, "
              "is off by at most %.1e of the largest of these numbers, %.4g",
              size > 0.0 ? most / size : most, size);
}

static void whole_block(heed_solving *s)
{
    const heed_block b = take(s);
    const heed_block_values ops = heed_ops_block(s, &b);
    heed_block_values v;

    if (s->status != HEED_OK)
        return;
    v = heed_exact_block(s, &b);
    if (s->steps != NULL && s->status == HEED_OK)
        explain(s, &b, &v, &ops);
    heed_put_grid(s, "output", v.out);
    for (int i = 0; i < HEED_BLOCK_PARTS && s->status == HEED_OK; i++) {
        if (v.grad[i].data == NULL)
            continue;
        if (parts[i].rank == 2)
            heed_put_grid(s, parts[i].answer, v.grad[i]);
        else
            heed_put_list(s, parts[i].answer, v.grad[i]);
    }
}

/*
 * How far programs in double precision may be apart in a field beside its 1e-5: where large numbers cancel, as they do in the
 * gradient of bk, what is left are roundings. Runs that are off by SHAKE, some 16 units of the last place, show how large.
 */
#define SHAKE       (16.0 * DBL_EPSILON)
#define SHAKEN_RUNS 4

static double roundings(heed_solving *s, const char *field)
{
    const heed_block b = take(s);
    const heed_block_values v = s->status == HEED_OK ? heed_exact_block(s, &b)
                                                     : (heed_block_values){.out = {0, 0, NULL}};
    double most = 0.0;

    for (int run = 0; s->status == HEED_OK && run < SHAKEN_RUNS; run++) {
        const heed_block_values other = heed_shaken_block(s, &b, SHAKE, (uint64_t)run);

        if (s->status == HEED_OK && strcmp(field, "output") == 0)
            most = fmax(most, apart(other.out, v.out));
        for (int i = 0; s->status == HEED_OK && i < HEED_BLOCK_PARTS; i++) {
            if (strcmp(field, parts[i].answer) == 0)
                most = fmax(most, apart(other.grad[i], v.grad[i]));
        }
    }
    return isfinite(most) ? most : 0.0;
}

/* --- variants --- */

enum { T = 3, D = 4, HIDDEN = 8 };
#define LEAST_VARIANCE 0.05

/* Gains lie around 1. */
static void vary_gain(heed_varying *v, const char *name)
{
    json_t *list = json_array();

    for (int i = 0; i < D; i++)
        json_array_append_new(list, heed_json_of_double((double)heed_draw_int(v, 30, 170) / 100.0));
    heed_vary_set_json(v, name, list);
}

static bool has_flat_row(heed_grid x)
{
    for (int64_t i = 0; i < x.rows; i++) {
        double sum = 0.0, squares = 0.0;
        for (int64_t j = 0; j < x.columns; j++) {
            const double entry = x.data[i * x.columns + j];
            sum += entry;
            squares += entry * entry;
        }
        if (squares / (double)x.columns - (sum / (double)x.columns) * (sum / (double)x.columns) <
            LEAST_VARIANCE)
            return true;
    }
    return false;
}

/* LayerNorm divides by a row's deviation; by one near 0 it makes large numbers of small roundings. */
static bool is_flat(const json_t *params)
{
    heed_solving s = {.params = params, .arena = heed_arena_create()};
    bool flat = true;

    if (s.arena != NULL) {
        const heed_block b = take(&s);
        const heed_block_values v = heed_exact_block(&s, &b);
        flat = s.status != HEED_OK || has_flat_row(b.part[HEED_BLOCK_X]) || has_flat_row(v.mid);
    }
    heed_arena_destroy(s.arena);
    return flat;
}

static void vary_block(heed_varying *v)
{
    static const char *const square[] = {"Wq", "Wk", "Wv", "Wo"};
    static const char *const vectors[] = {"bq", "bk", "bv", "bo", "ln1_b", "ln2_b", "b2"};

    heed_vary_normal(v, "x", T, D, 0.5);
    heed_vary_normal(v, "upstream", T, D, 0.5);
    for (size_t i = 0; i < sizeof square / sizeof square[0]; i++)
        heed_vary_normal(v, square[i], D, D, 0.7);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++)
        heed_vary_normal(v, vectors[i], 0, D, 0.5);
    vary_gain(v, "ln1_g");
    vary_gain(v, "ln2_g");
    heed_vary_normal(v, "W1", D, HIDDEN, 0.5);
    heed_vary_normal(v, "b1", 0, HIDDEN, 0.5);
    heed_vary_normal(v, "W2", HIDDEN, D, 0.5);
    v->again = is_flat(v->params);
}

/* --- */

#define SEED                                                                                                   \
    "{\"n_heads\": 2, \"causal\": true"                                                                        \
    ", \"x\": [[-0.18, 0.6, 0.7, 0.16], [0.21, -0.24, -0.46, -0.45], [-0.5, 0.46, -0.03, 0.06]]"               \
    ", \"upstream\": [[-0.32, -0.54, -0.6, -0.42], [0.3, 0.01, -0.23, -0.12], [-0.71, 0.62, -0.61, 0.02]]"     \
    ", \"Wq\": [[1.07, -1.28, -0.7, -0.36], [0.06, -0.86, -0.12, -0.01], [0.09, -1.19, 0.32, 0.8], [0.22, "    \
    "-0.36, -0.31, -1.32]]"                                                                                    \
    ", \"bq\": [0.24, 0.75, 0.33, -1.49]"                                                                      \
    ", \"Wk\": [[-0.21, -0.05, -0.24, 0.52], [-0.87, -0.36, 0.3, 0.5], [0.08, 0.53, 0.26, -0.53], [0.65, "     \
    "-0.25, -0.82, 0.22]]"                                                                                     \
    ", \"bk\": [0.91, 0.48, 0.5, 0.1]"                                                                         \
    ", \"Wv\": [[-1.23, 0.34, 0.08, -1.32], [-0.33, -0.44, 0.53, 0.06], [0.15, 0.12, -0.66, -0.98], [0.03, "   \
    "-0.15, -0.01, -0.08]]"                                                                                    \
    ", \"bv\": [-0.25, 0.28, 0.1, -0.31]"                                                                      \
    ", \"Wo\": [[-0.95, -1.3, -0.72, -0.08], [0.46, -0.21, 0.34, 0.58], [1.19, 0.14, 0.75, 0.12], [-0.62, "    \
    "-1.14, 0.15, 0.44]]"                                                                                      \
    ", \"bo\": [1.23, -0.33, 0.25, -0.06]"                                                                     \
    ", \"ln1_g\": [-0.18, 1.19, 0.84, 0.36]"                                                                   \
    ", \"ln1_b\": [0.84, -0.31, 0.23, -0.13]"                                                                  \
    ", \"ln2_g\": [0.64, 0.92, 1.4, 0.66]"                                                                     \
    ", \"ln2_b\": [-0.83, 0.9, 0.22, -0.48]"                                                                   \
    ", \"W1\": [[-0.05, -0.78, -0.03, 0.43, -0.97, 0.43, 0.4, -0.14], [0.05, -0.17, -0.22, -0.93, 0.82, "      \
    "-0.34, 0.07, -0.11], [0.23, 0.28, -0.51, 0.18, -0.13, -0.44, 0.65, 0.59], [-0.45, -0.15, -0.51, -0.57, "  \
    "-0.49, 0.28, -0.71, -0.73]]"                                                                              \
    ", \"b1\": [0.14, -0.36, 0.61, -0.48, -0.24, -0.39, -1.16, 0.17]"                                          \
    ", \"W2\": [[0.35, 0.48, -0.09, 0.33], [-0.08, -0.05, -0.4, -0.08], [-0.47, 0.3, -0.34, -0.52], [-0.05, "  \
    "-0.03, -0.84, -0.54], [-0.29, 0.19, 0.26, 0.39], [-0.13, -0.42, -0.72, 0.05], [-0.21, 0.21, 0.5, 0.99], " \
    "[-0.44, 0.28, -0.83, 0.52]]"                                                                              \
    ", \"b2\": [-0.61, -0.07, -0.55, 0.78]"                                                                    \
    "}"

#define ROWS(name)                            \
    {                                         \
        name, HEED_ANSWER_MATRIX, HEED_E5, 0, \
    }
#define LIST(name)                          \
    {                                       \
        name, HEED_ANSWER_LIST, HEED_E5, 0, \
    }

const heed_exercise heed_exercises_block[] = {
    {.id = "ch12.e20b",
     .seed = "002 e20",
     .kind = HEED_EXERCISE_CODE,
     .params = SEED,
     .vary = vary_block,
     .solve = whole_block,
     .slips = HEED_SLIP(HEED_SLIP_NO_SCALE) | HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_NO_HEADS) |
              HEED_SLIP(HEED_SLIP_NO_BIAS) | HEED_SLIP(HEED_SLIP_NO_RESIDUAL),
     .fields = {ROWS("output"), ROWS("grad_x"), ROWS("grad_Wq"), LIST("grad_bq"), ROWS("grad_Wk"),
                LIST("grad_bk"), ROWS("grad_Wv"), LIST("grad_bv"), ROWS("grad_Wo"), LIST("grad_bo"),
                LIST("grad_ln1_g"), LIST("grad_ln1_b"), LIST("grad_ln2_g"), LIST("grad_ln2_b"), ROWS("grad_W1"),
                LIST("grad_b1"), ROWS("grad_W2"), LIST("grad_b2")},
     .rounding = roundings,
     .demo = "D29"},
    {.id = NULL},
};
