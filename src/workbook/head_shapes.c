/* SPDX-License-Identifier: MIT */
/* A. How rows become heads and heads rows: shapes, strides, and where numbers move. */
#include "graph/graph.h"
#include "ops/ops.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

typedef struct sizes {
    int64_t B, T, H, d;
    heed_config config;
} sizes;

static sizes take_sizes(heed_solving *s, const char *batch, const char *d_model)
{
    sizes x = {.B = batch != NULL ? heed_take_int(s, batch, 1, HEED_COUNT_MOST_BATCH) : 1,
               .T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T),
               .H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS),
               .d = heed_take_int(s, d_model, 1, HEED_COUNT_MOST_D)};

    x.config = heed_count_m0(1, x.d, x.H, x.T);
    if (heed_config_check(&x.config, s->err) != HEED_OK && s->status == HEED_OK)
        s->status = HEED_ERR_USAGE;
    else if (s->slip == HEED_SLIP_WRONG_SPLIT)
        x.config.n_heads = x.d / x.H;
    return x;
}

/* --- pp.q15 --- */

static void split(heed_solving *s)
{
    const sizes x = take_sizes(s, "batch_size", "d_model");
    heed_shapes *all = heed_count_heads(s, &x.config, x.B, x.T);
    const heed_shapes_entry *rows = heed_count_entry(s, all, "x"), *view = heed_count_entry(s, all, "split");
    const heed_shapes_entry *heads = heed_count_entry(s, all, s->slip == HEED_SLIP_NO_SWAP ? "split" : "heads");

    heed_step(s, "before the view, a row of d_model numbers for each position: %s", heed_sizes_text(s, rows));
    heed_step(s, "the view cuts a row into n_heads = %lld parts of %lld / %lld = %lld numbers: %s",
              (long long)x.H, (long long)x.d, (long long)x.H, (long long)(x.d / x.H), heed_sizes_text(s, view));
    heed_step(s, "transpose(1, 2) swaps positions and heads: %s", heed_sizes_text(s, heads));
    heed_put_sizes(s, "a", rows);
    heed_put_sizes(s, "b", view);
    heed_put_sizes(s, "c", heads);
    heed_shapes_destroy(all);
}

static void what_swapping_does(heed_solving *s)
{
    const sizes x = take_sizes(s, "batch_size", "d_model");
    heed_shapes *all = heed_count_heads(s, &x.config, x.B, x.T);
    const heed_shapes_entry *view = heed_count_entry(s, all, "split"),
                            *heads = heed_count_entry(s, all, "heads");

    if (view != NULL && heads != NULL) {
        const bool swapped = heads->size[1] == view->size[2] && heads->size[2] == view->size[1];
        heed_step(s, "%s becomes %s", heed_sizes_text(s, view), heed_sizes_text(s, heads));
        heed_step(s, "the memory is %s", heads->is_view ? "that of x: nothing has moved" : "new");
        heed_put_text(s, "choice", !heads->is_view ? "moves" : swapped ? "heads_first" : "matrices");
    }
    heed_shapes_destroy(all);
}

/* --- pp.q16ab --- */

static const char *strides_text(heed_solving *s, const heed_shapes_entry *e)
{
    heed_shapes_entry copy = {0};

    for (int i = 0; e != NULL && i < e->rank; i++) {
        copy.rank = e->rank;
        copy.size[i] = e->stride[i];
    }
    return heed_sizes_text(s, &copy);
}

/* The heads lie by themselves, one matrix after the other, as attention leaves them in most programs. */
static void merge(heed_solving *s)
{
    const sizes x = take_sizes(s, "batch_size", "d_model");
    heed_shapes *all = heed_count_heads(s, &x.config, x.B, x.T);
    const heed_shapes_entry *stored = heed_count_entry(s, all, "stored");
    const heed_shapes_entry *swapped = heed_count_entry(s, all, "swapped");
    const heed_shapes_entry *merged = heed_count_entry(s, all, "merged");
    const heed_shapes_entry *dense = heed_count_entry(s, all, "split"); /* rows as heads, in order */

    if (s->status == HEED_OK) {
        const bool copied = heed_shapes_get(all, merged->of)->is_copy;
        heed_step(s, "heads one after the other: %s, strides %s", heed_sizes_text(s, stored),
                  strides_text(s, stored));
        heed_step(s, "transpose(1, 2) swaps sizes and strides: %s, strides %s", heed_sizes_text(s, swapped),
                  strides_text(s, swapped));
        heed_step(s, copied ? "the strides do not fall from axis to axis, so the rows must be written anew"
                            : "an axis of size one is no obstacle: the numbers are in order already");
        heed_step(s, "in order %s has strides %s", heed_sizes_text(s, swapped), strides_text(s, dense));
        heed_step(s, "the view joins n_heads = %lld parts of %lld numbers: %s", (long long)x.H,
                  (long long)(x.d / x.H), heed_sizes_text(s, merged));
        heed_put_sizes(s, "after_transpose", s->slip == HEED_SLIP_NO_SWAP ? stored : swapped);
        if (s->slip == HEED_SLIP_NO_HEADS)
            heed_put_shape(s, "after_view", 3, x.B, x.T, swapped->size[3]);
        else
            heed_put_sizes(s, "after_view", merged);
        heed_put_strides(s, "strides_before", stored);
        heed_put_strides(s, "strides_after_transpose", s->slip == HEED_SLIP_NO_SWAP ? stored : swapped);
        heed_put_strides(s, "strides_after_copy", dense);
        heed_put_bool(s, "copy_needed", copied);
    }
    heed_shapes_destroy(all);
}

/* --- hard.h1.2a --- */

static void through_attention(heed_solving *s)
{
    static const char *const fields[][2] = {{"q", "blocks.0.attn.q"},
                                            {"scores", "blocks.0.attn.scores"},
                                            {"weights", "blocks.0.attn.pattern"},
                                            {"out", "blocks.0.attn.z"}};
    const sizes x = take_sizes(s, "batch", "d_model");
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const heed_shapes_entry *e = heed_count_entry(s, all, fields[i][1]);
        if (e == NULL)
            break;
        heed_step(s, "%s, %s: %s", fields[i][0], e->meaning, heed_sizes_text(s, e));
        if (s->slip == HEED_SLIP_NO_SWAP)
            heed_put_shape(s, fields[i][0], 4, e->size[0], e->size[2], e->size[1], e->size[3]);
        else if (s->slip == HEED_SLIP_NO_HEADS)
            heed_put_shape(s, fields[i][0], 3, e->size[0], e->size[2], i == 0 || i == 3 ? x.d : e->size[3]);
        else
            heed_put_sizes(s, fields[i][0], e);
    }
    heed_shapes_destroy(all);
}

static void vary_through_attention(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 5, INT64_C(1), INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
    heed_vary_pick_int(v, "seq_len", 4, INT64_C(64), INT64_C(128), INT64_C(512), INT64_C(1024));
    heed_vary_pick_int(v, "d_model", 3, INT64_C(128), INT64_C(256), INT64_C(512));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
}

/* --- ch12.e06 --- */

static void put_node(heed_solving *s, const char *name, const heed_node *node)
{
    if (node != NULL)
        heed_put_shape(s, name, 2, node->tensor.shape.size[0], node->tensor.shape.size[1]);
}

static void across(heed_solving *s)
{
    const int64_t target = heed_take_int(s, "target", 1, HEED_COUNT_MOST_T);
    const int64_t source = heed_take_int(s, "source", 1, HEED_COUNT_MOST_T);
    const int64_t d_k = heed_take_int(s, "d_k", 1, HEED_COUNT_MOST_D);
    heed_graph *g = s->status == HEED_OK ? heed_graph_create() : NULL;
    heed_node *q, *k, *self, *cross, *out;

    if (g == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a graph");
        return;
    }
    q = heed_graph_input(g, "q", HEED_F32, heed_shape2(target, d_k));
    k = heed_graph_input(g, "k", HEED_F32, heed_shape2(source, d_k));
    self = heed_matmul(g, q, q, false, true);
    cross = heed_matmul(g, q, k, false, true);
    out = heed_matmul(g, cross, k, false, false); /* values have the shape of keys */
    heed_step(s, "self-attention: %lld queries against %lld keys of the same sequence", (long long)target,
              (long long)target);
    heed_step(s, "cross-attention: %lld queries of the target against %lld keys of the source",
              (long long)target, (long long)source);
    heed_step(s, "output: for each of the %lld queries a mean of %lld values of %lld numbers",
              (long long)target, (long long)source, (long long)d_k);
    put_node(s, "self_scores", self);
    put_node(s, "cross_scores", s->slip == HEED_SLIP_TRANSPOSED ? heed_matmul(g, k, q, false, true) : cross);
    put_node(s, "cross_output", out);
    if (heed_graph_status(g, NULL) != HEED_OK)
        heed_solve_fail(s, HEED_ERR_USAGE, "expected queries and keys that fit each other");
    heed_graph_destroy(g);
}

static void vary_across(heed_varying *v)
{
    const int64_t target = heed_vary_int(v, "target", 2, 40), source = heed_vary_int(v, "source", 2, 40);

    heed_vary_int(v, "d_k", 2, 64);
    v->again = target == source; /* cross-attention would look like self-attention */
}

/* --- ch12.e14 --- */

/* One sequence: the axis of the batch is left away. */
static void put_alone(heed_solving *s, const char *name, const char *what, const heed_shapes_entry *e,
                      bool swap_back)
{
    heed_shapes_entry one = {0};

    if (e == NULL)
        return;
    one.rank = e->rank - 1;
    for (int i = 0; i < one.rank; i++)
        one.size[i] = e->size[i + 1];
    if (swap_back) {
        one.size[0] = e->size[2];
        one.size[1] = e->size[1];
    }
    heed_step(s, "%s, %s: %s", name, what, heed_sizes_text(s, &one));
    heed_put_sizes(s, name, &one);
}

static void head_split(heed_solving *s)
{
    const sizes x = take_sizes(s, NULL, "d");
    const bool unswapped = s->slip == HEED_SLIP_NO_SWAP;
    heed_shapes *heads = heed_count_heads(s, &x.config, 1, x.T);
    heed_shapes *all = heed_count_shapes(s, &x.config, 1, x.T);
    const heed_shapes_entry *scores = heed_count_entry(s, all, "blocks.0.attn.scores");

    put_alone(s, "split", "a row cut into its heads", heed_count_entry(s, heads, "split"), false);
    put_alone(s, "qkv", "heads before positions", heed_count_entry(s, heads, "heads"), unswapped);
    if (unswapped && scores != NULL) /* each position by itself: its heads against each other */
        heed_put_shape(s, "scores", 3, x.T, scores->size[1], scores->size[1]);
    else
        put_alone(s, "scores", "every query against every key, in each head", scores, false);
    put_alone(s, "context", "a mean of values for every query, in each head",
              heed_count_entry(s, all, "blocks.0.attn.z"), unswapped);
    put_alone(s, "output", "the heads side by side, through the out map",
              heed_count_entry(s, all, "blocks.0.attn_out"), false);
    heed_shapes_destroy(all);
    heed_shapes_destroy(heads);
}

static void vary_head_split(heed_varying *v)
{
    const int64_t H = heed_vary_pick_int(v, "n_heads", 5, INT64_C(2), INT64_C(3), INT64_C(4), INT64_C(8),
                                         INT64_C(12));
    const int64_t head_dim = heed_vary_pick_int(v, "d", 4, INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
    const int64_t T = heed_vary_int(v, "seq_len", 3, 40);

    heed_vary_set_int(v, "d", H * head_dim);
    v->again = T == H || T == head_dim || H == head_dim; /* an order of axes could not be told from another */
}

#define SEED "{\"batch_size\": 1, \"seq_len\": 3, \"d_model\": 8, \"n_heads\": 2}"
#define SHAPE(name)                            \
    {                                          \
        name, HEED_ANSWER_LIST, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_head_shapes[] = {
    {.id = "pp.q15abc",
     .seed = "000 Q15",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SEED,
     .vary = heed_vary_heads,
     .solve = split,
     .slips = HEED_SLIP(HEED_SLIP_NO_SWAP) | HEED_SLIP(HEED_SLIP_WRONG_SPLIT),
     .fields = {SHAPE("a"), SHAPE("b"), SHAPE("c")},
     .demo = "D01"},
    {.id = "pp.q15d",
     .seed = "000 Q15",
     .kind = HEED_EXERCISE_CHOICE,
     .params = SEED,
     .solve = what_swapping_does,
     .fields = {{"choice", HEED_ANSWER_TEXT, HEED_EXACT, 0}},
     .demo = "D01"},
    {.id = "pp.q16ab",
     .seed = "000 Q16",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SEED,
     .vary = heed_vary_heads,
     .solve = merge,
     .slips = HEED_SLIP(HEED_SLIP_NO_SWAP) | HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {SHAPE("after_transpose"),
                SHAPE("after_view"),
                SHAPE("strides_before"),
                SHAPE("strides_after_transpose"),
                SHAPE("strides_after_copy"),
                {"copy_needed", HEED_ANSWER_TRUTH, HEED_EXACT, 0}},
     .demo = "D01"},
    {.id = "hard.h1.2a",
     .seed = "001 H1.2",
     .kind = HEED_EXERCISE_SHAPE,
     .params = "{\"batch\": 32, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4}",
     .vary = vary_through_attention,
     .solve = through_attention,
     .slips = HEED_SLIP(HEED_SLIP_NO_SWAP) | HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {SHAPE("q"), SHAPE("scores"), SHAPE("weights"), SHAPE("out")},
     .demo = "D01"},
    {.id = "ch12.e06",
     .seed = "002 e6",
     .kind = HEED_EXERCISE_SHAPE,
     .params = "{\"target\": 10, \"source\": 15, \"d_k\": 8}",
     .vary = vary_across,
     .solve = across,
     .slips = HEED_SLIP(HEED_SLIP_TRANSPOSED),
     .fields = {SHAPE("self_scores"), SHAPE("cross_scores"), SHAPE("cross_output")},
     .demo = "D01"},
    {.id = "ch12.e14",
     .seed = "002 e14",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"d\": 512, \"n_heads\": 8, \"seq_len\": 16}",
     .vary = vary_head_split,
     .solve = head_split,
     .slips = HEED_SLIP(HEED_SLIP_NO_SWAP) | HEED_SLIP(HEED_SLIP_WRONG_SPLIT),
     .fields = {SHAPE("split"), SHAPE("qkv"), SHAPE("scores"), SHAPE("context"), SHAPE("output")},
     .demo = "D01",
     .program = &heed_program_head_split},
    {.id = NULL},
};
