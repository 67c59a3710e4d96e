/* SPDX-License-Identifier: MIT */
/*
 * M. A block, forward and backward, of the ops that models are made of:
 *
 *   mid = x + attention(LayerNorm(x)),  out = mid + W2 relu(W1 LayerNorm(mid) + b1) + b2,  loss = sum(out * upstream)
 */
#include "workbook/groups.h"
#include "workbook/small_graph.h"

#define EPS 1e-5f

/* What has a gradient, in the order of the answer. */
enum { X, WQ, BQ, WK, BK, WV, BV, WO, BO, LN1_G, LN1_B, LN2_G, LN2_B, W1, B1, W2, B2, N_PARTS };

static const struct {
    const char *name, *answer;
    int rank; /* of what is given */
} parts[N_PARTS] = {
    {"x", "grad_x", 2},         {"Wq", "grad_Wq", 2},       {"bq", "grad_bq", 1},
    {"Wk", "grad_Wk", 2},       {"bk", "grad_bk", 1},       {"Wv", "grad_Wv", 2},
    {"bv", "grad_bv", 1},       {"Wo", "grad_Wo", 2},       {"bo", "grad_bo", 1},
    {"ln1_g", "grad_ln1_g", 1}, {"ln1_b", "grad_ln1_b", 1}, {"ln2_g", "grad_ln2_g", 1},
    {"ln2_b", "grad_ln2_b", 1}, {"W1", "grad_W1", 2},       {"b1", "grad_b1", 1},
    {"W2", "grad_W2", 2},       {"b2", "grad_b2", 1},
};

typedef struct block {
    heed_grid given[N_PARTS], upstream;
    int64_t n_heads;
    bool causal;
    heed_node *node[N_PARTS];
    heed_node *ln1, *q, *z, *mid, *ln2, *hidden, *out; /* on the way */
} block;

static void take(heed_solving *s, block *b)
{
    for (int i = 0; i < N_PARTS; i++)
        b->given[i] = parts[i].rank == 2 ? heed_take_grid(s, parts[i].name) : heed_take_list(s, parts[i].name);
    b->upstream = heed_take_grid(s, "upstream");
    b->n_heads = heed_take_int(s, "n_heads", 1, 1024);
    b->causal = heed_take_bool(s, "causal") && s->slip != HEED_SLIP_NO_MASK;
    if (s->status == HEED_OK && b->given[X].columns % b->n_heads != 0)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected n_heads to divide the %lld columns of x, got %lld",
                        (long long)b->given[X].columns, (long long)b->n_heads);
    if (s->slip == HEED_SLIP_NO_HEADS)
        b->n_heads = 1;
}

static bool is_bias(int i)
{
    return i == BQ || i == BK || i == BV || i == BO || i == B1 || i == B2;
}

static heed_node *linear(heed_small *m, block *b, heed_node *x, int weight)
{
    return heed_linear(m->g, x, b->node[weight], b->node[weight + 1], HEED_WEIGHT_IN_OUT);
}

static heed_node *heads(heed_small *m, block *b, int weight)
{
    return heed_split_heads(m->g, linear(m, b, b->ln1, weight), b->n_heads);
}

static void build(heed_small *m, block *b)
{
    heed_graph *g = m->g;
    const bool residual = m->s->slip != HEED_SLIP_NO_RESIDUAL;
    const heed_attention_options options = {.causal = b->causal,
                                            .scale = m->s->slip == HEED_SLIP_NO_SCALE ? 1.0f : 0.0f};
    heed_node *y;

    b->node[X] = heed_small_batch(m, "x", b->given[X]);
    for (int i = 1; i < N_PARTS; i++) {
        if (is_bias(i) && m->s->slip == HEED_SLIP_NO_BIAS)
            continue;
        b->node[i] = parts[i].rank == 2 ? heed_small_matrix(m, parts[i].name, b->given[i])
                                        : heed_small_vector(m, parts[i].name, b->given[i]);
    }
    b->ln1 = heed_layernorm(g, b->node[X], b->node[LN1_G], b->node[LN1_B], EPS);
    b->q = heads(m, b, WQ);
    b->z = heed_attention(g, b->q, heads(m, b, WK), heads(m, b, WV), &options);
    y = linear(m, b, heed_merge_heads(g, b->z), WO);
    b->mid = residual ? heed_add(g, b->node[X], y) : y;
    b->ln2 = heed_layernorm(g, b->mid, b->node[LN2_G], b->node[LN2_B], EPS);
    b->hidden = heed_relu(g, linear(m, b, b->ln2, W1));
    y = linear(m, b, b->hidden, W2);
    b->out = residual ? heed_add(g, b->mid, y) : y;
}

static void explain(heed_small *m, const block *b)
{
    heed_solving *s = m->s;

    if (s->steps == NULL || s->status != HEED_OK)
        return;
    heed_step_grid(
        s, heed_small_value(m, b->ln1),
        "LayerNorm of x: each row minus its mean, over sqrt(variance + 1e-5), times ln1_g plus ln1_b");
    heed_step_grid(s, heed_small_value(m, b->z),
                   "attention of %lld heads, q k^T / sqrt(%lld), outputs of the heads below each other",
                   (long long)b->n_heads, (long long)(b->given[X].columns / b->n_heads));
    heed_step_grid(s, heed_small_value(m, b->mid), "x plus the out map of the joined heads");
    heed_step_grid(s, heed_small_value(m, b->ln2), "LayerNorm of that");
    heed_step_grid(s, heed_small_value(m, b->hidden), "relu(. W1 + b1)");
    heed_step_grid(s, heed_small_value(m, b->out), "plus . W2 + b2: the output");
    heed_step_grid(
        s, heed_small_value(m, b->mid->grad),
        "backward: the gradient in the middle is upstream, which the addition hands on as it is, and "
        "what comes through the feed-forward");
    heed_step_grid(s, heed_small_value(m, b->node[X]->grad),
                   "gradient of x, by the shortcut and through attention");
    heed_step_grid(
        s, heed_small_value(m, b->node[BK]->grad),
        "gradient of bk: 0 up to rounding, as q . bk adds the same to all scores of a row and softmax "
        "does not see it");
}

static void run(heed_small *m, block *b)
{
    heed_node *wanted[N_PARTS + 9] = {b->ln1, b->z, b->mid, b->ln2, b->hidden, b->out, b->mid->grad};
    int n = 7;

    for (int i = 0; i < N_PARTS; i++)
        wanted[n++] = b->node[i] != NULL ? b->node[i]->grad : NULL;
    heed_small_run(m, wanted, n);
}

static void whole_block(heed_solving *s)
{
    block b = {0};
    heed_small m;

    take(s, &b);
    if (!heed_small_begin(s, &m))
        return;
    build(&m, &b);
    if (heed_small_differentiate(&m, b.out, b.upstream)) {
        run(&m, &b);
        explain(&m, &b);
        heed_put_grid(s, "output", heed_small_value(&m, b.out));
        for (int i = 0; i < N_PARTS && s->status == HEED_OK; i++) {
            const heed_grid x = b.node[i] != NULL ? heed_small_value(&m, b.node[i]->grad)
                                                  : (heed_grid){0, 0, NULL};
            if (x.data == NULL)
                continue;
            if (parts[i].rank == 2)
                heed_put_grid(s, parts[i].answer, x);
            else
                heed_put_list(s, parts[i].answer, x);
        }
    }
    heed_small_end(&m);
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
    block b = {0};
    heed_small m;
    bool flat = true;

    if (s.arena != NULL)
        take(&s, &b);
    if (s.arena != NULL && heed_small_begin(&s, &m)) {
        build(&m, &b);
        heed_small_run(&m, &b.mid, 1);
        flat = has_flat_row(b.given[X]) || has_flat_row(heed_small_value(&m, b.mid));
        heed_small_end(&m);
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
     .demo = "D29"},
    {.id = NULL},
};
