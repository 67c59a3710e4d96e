/* SPDX-License-Identifier: MIT */
/* D. Several heads: what splitting changes and what it does not. */
#include <math.h>

#include "graph/graph.h"
#include "ops/ops.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

typedef struct sizes {
    int64_t B, T, d, H;
    heed_config config; /* without biases where they are the slip */
} sizes;

static heed_config layer(heed_solving *s, int64_t d, int64_t H, int64_t T)
{
    heed_config c = heed_count_m0(1, d, H, T);

    if (s->status == HEED_OK && heed_config_check(&c, s->err) != HEED_OK)
        s->status = HEED_ERR_USAGE;
    c.attention_bias = s->slip != HEED_SLIP_NO_BIAS;
    return c;
}

static sizes take_sizes(heed_solving *s)
{
    sizes x = {.B = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH),
               .T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T),
               .d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D),
               .H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS)};

    x.config = layer(s, x.d, x.H, x.T);
    return x;
}

static void vary_sizes(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 5, INT64_C(1), INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
    heed_vary_pick_int(v, "seq_len", 4, INT64_C(64), INT64_C(128), INT64_C(512), INT64_C(1024));
    heed_vary_pick_int(v, "d_model", 3, INT64_C(128), INT64_C(256), INT64_C(512));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
}

/* --- read off one pass --- */

/* Of one pass of a layer: the axes of its scores and queries, and how many numbers the scores are. */
typedef struct heads {
    double n, head_dim, score_numbers;
} heads;

static double numbers_in(const heed_shapes_entry *e)
{
    double n = 1.0;

    for (int i = 0; i < e->rank; i++)
        n *= (double)e->size[i];
    return n;
}

static heads count_heads(heed_solving *s, const heed_config *config, int64_t batch, int64_t length)
{
    heed_shapes *all = heed_count_shapes(s, config, batch, length);
    const heed_shapes_entry *q = heed_count_entry(s, all, "blocks.0.attn.q"),
                            *scores = heed_count_entry(s, all, "blocks.0.attn.scores");
    heads x = {1.0, 1.0, 0.0};

    if (s->status == HEED_OK)
        x = (heads){(double)scores->size[1], (double)q->size[3], numbers_in(scores)};
    heed_shapes_destroy(all);
    return x;
}

/* Multiplications of a product, which heed counts as two operations with their additions. */
static double multiplications(const heed_node *product)
{
    heed_cost cost = {0};

    product->op->cost(product, &cost);
    return cost.flops / 2.0;
}

/* What one layer multiplies for T tokens: in each head Q K^T and A V, in its four maps x W. */
typedef struct work {
    double scores, head, heads, maps;
} work;

static work count_work(heed_solving *s, int64_t T, int64_t d, int64_t H)
{
    heed_graph *g = s->status == HEED_OK ? heed_graph_create() : NULL;
    work w = {0};

    if (g != NULL) {
        heed_node *x = heed_graph_input(g, "x", HEED_F32, heed_shape2(T, d));
        heed_node *map = heed_graph_input(g, "W", HEED_F32, heed_shape2(d, d));
        heed_node *q = heed_graph_input(g, "q", HEED_F32, heed_shape3(H, T, d / H));
        heed_node *scores = heed_matmul(g, q, q, false, true);
        heed_node *z = heed_matmul(g, scores, q, false, false), *y = heed_matmul(g, x, map, false, false);
        heed_error err = {HEED_OK, ""};

        if (heed_graph_status(g, &err) != HEED_OK)
            heed_solve_fail(s, HEED_ERR_USAGE, "%s", err.message);
        else {
            w = (work){.scores = multiplications(scores), .maps = 4.0 * multiplications(y)};
            w.heads = w.scores + multiplications(z);
            w.head = w.heads / (double)H;
        }
        heed_graph_destroy(g);
    } else
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a graph");
    return w;
}

/* --- pp.q17a --- */

static void dots(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS);
    const heed_config config = layer(s, d, s->slip == HEED_SLIP_NO_HEADS ? 1 : H, 1);
    const heads x = count_heads(s, &config, 1, 1);
    const work w = count_work(s, 1, d, H);

    heed_step(s, "each of the %lld heads has its own score for a pair: %.0f dot products", (long long)H, x.n);
    heed_step(s, "a head owns %lld / %lld = %.0f of the numbers", (long long)d, (long long)H, x.head_dim);
    heed_step(s, "%.0f dot products of %.0f numbers are %.0f multiplications, as many as one of %lld numbers",
              x.n, x.head_dim, w.scores, (long long)d);
    heed_put_number(s, "dots_per_pair", x.n);
    heed_put_number(s, "dot_length", x.head_dim);
    heed_put_number(s, "multiplications_per_pair", w.scores);
}

static void vary_dots(heed_varying *v)
{
    const int64_t H = heed_vary_pick_int(v, "n_heads", 4, INT64_C(2), INT64_C(4), INT64_C(8), INT64_C(16));

    heed_vary_set_int(v, "d_model",
                      H * heed_vary_pick_int(v, "d_model", 3, INT64_C(16), INT64_C(32), INT64_C(64)));
}

/* --- hard.h3.2a --- */

static void out_map(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);
    const heed_shapes_entry *merged = heed_count_entry(s, all, "blocks.0.attn.merge_heads"),
                            *z = heed_count_entry(s, all, "blocks.0.attn.z"),
                            *map = heed_count_entry(s, all, "h.0.attn.c_proj.weight");
    const double weights = heed_count_parameters(s, &x.config, "h.0.attn.c_proj.weight");
    const double both = heed_count_parameters(s, &x.config, "h.0.attn.c_proj.*");

    if (s->status == HEED_OK) {
        heed_step(s, "the heads give %s: batch, heads, positions, head_dim", heed_sizes_text(s, z));
        heed_step(s, "side by side they are rows of %lld * %lld numbers again: %s", (long long)x.H,
                  (long long)z->size[3], heed_sizes_text(s, merged));
        heed_step(s, "the out map takes such a row to one as long: %s, %s weights", heed_sizes_text(s, map),
                  heed_count_text(s, weights));
        heed_step(s, "with a bias for each number that comes out: %s", heed_count_text(s, both));
        heed_step(s, "heed lists it among the parameters of the model, which are what training changes");
        if (s->slip == HEED_SLIP_NO_HEADS)
            heed_put_shape(s, "concat_shape", 3, x.B, x.T, z->size[3]);
        else
            heed_put_sizes(s, "concat_shape", merged);
        heed_put_sizes(s, "shape", map);
        heed_put_number(s, "params", weights);
        heed_put_number(s, "params_with_bias", both);
        heed_put_bool(s, "trainable", map->kind == HEED_SHAPES_PARAMETER);
    }
    heed_shapes_destroy(all);
}

/* --- hard.h3.4a --- */

static void more_heads(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t before = heed_take_int(s, "heads_before", 1, HEED_COUNT_MOST_HEADS);
    const int64_t after = heed_take_int(s, "heads_after", 1, HEED_COUNT_MOST_HEADS);
    const int64_t B = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH);
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    const heed_config few = layer(s, d, before, T), many = layer(s, d, after, T);
    const heads a = count_heads(s, &few, B, T), b = count_heads(s, &many, B, T);
    const double params[2] = {heed_count_parameters(s, &few, "attention"),
                              heed_count_parameters(s, &many, "attention")};
    const work work_a = count_work(s, T, d, before), work_b = count_work(s, T, d, after);

    if (s->status != HEED_OK)
        return;
    heed_step(s, "a head has %lld / %lld = %.0f numbers before and %lld / %lld = %.0f after", (long long)d,
              (long long)before, a.head_dim, (long long)d, (long long)after, b.head_dim);
    heed_step(s, "four maps of d_model * d_model weights and d_model biases, whatever the heads: %s and %s",
              heed_count_text(s, params[0]), heed_count_text(s, params[1]));
    heed_step(s, "scores, batch * heads * T * T: %s before, %s after", heed_count_text(s, a.score_numbers),
              heed_count_text(s, b.score_numbers));
    heed_step(s, "multiplications in Q K^T, heads * T * T * head_dim = T * T * d_model: %s and %s a sequence",
              heed_count_text(s, work_a.scores), heed_count_text(s, work_b.scores));
    heed_step(s, "softmax reads every score once: %.4g times the work", b.score_numbers / a.score_numbers);
    heed_put_number(s, "d_head_before", a.head_dim);
    heed_put_number(s, "d_head_after", b.head_dim);
    heed_put_number(s, "params_before", params[0]);
    heed_put_number(s, "params_after", params[1]);
    heed_put_number(s, "score_numbers_before",
                    s->slip == HEED_SLIP_NO_HEADS ? a.score_numbers / a.n : a.score_numbers);
    heed_put_number(s, "score_numbers_after",
                    s->slip == HEED_SLIP_NO_HEADS ? b.score_numbers / b.n : b.score_numbers);
    heed_put_number(s, "qk_multiplications_factor", work_b.scores / work_a.scores);
    heed_put_number(s, "softmax_factor", b.score_numbers / a.score_numbers);
}

static void vary_more_heads(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 3, INT64_C(128), INT64_C(256), INT64_C(512));
    heed_vary_pick_int(v, "heads_before", 3, INT64_C(1), INT64_C(2), INT64_C(4));
    heed_vary_pick_int(v, "heads_after", 3, INT64_C(8), INT64_C(16), INT64_C(32));
    heed_vary_pick_int(v, "batch", 3, INT64_C(4), INT64_C(8), INT64_C(16));
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(64), INT64_C(128), INT64_C(512));
}

/* --- hard.h3.5a --- */

static double scale_of(heed_solving *s, double head_dim)
{
    return s->slip == HEED_SLIP_HEAD_DIM ? 1.0 / head_dim : 1.0 / sqrt(head_dim);
}

static void unsplit(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const heed_config one = layer(s, x.d, 1, x.T);
    const heads split = count_heads(s, &x.config, x.B, x.T), single = count_heads(s, &one, x.B, x.T);
    const double params = heed_count_parameters(s, &x.config, "attention");
    const double same = heed_count_parameters(s, &one, "attention");

    heed_step(s, "parameters, 4 (d_model^2 + d_model): %s split, %s unsplit", heed_count_text(s, params),
              heed_count_text(s, same));
    heed_step(s, "scores, batch * heads * T * T: %s with %.0f heads, %s with one",
              heed_count_text(s, split.score_numbers), split.n, heed_count_text(s, single.score_numbers));
    heed_step(s, "scale, 1/sqrt(head_dim): 1/sqrt(%.0f) = %.6g split, 1/sqrt(%.0f) = %.6g unsplit",
              split.head_dim, 1.0 / sqrt(split.head_dim), single.head_dim, 1.0 / sqrt(single.head_dim));
    heed_step(s, "patterns of weights at a position: %.0f and %.0f", split.n, single.n);
    heed_put_number(s, "params", params);
    heed_put_number(s, "score_numbers_heads",
                    s->slip == HEED_SLIP_NO_HEADS ? single.score_numbers : split.score_numbers);
    heed_put_number(s, "score_numbers_single", single.score_numbers);
    heed_put_number(s, "scale_heads",
                    scale_of(s, s->slip == HEED_SLIP_NO_HEADS ? single.head_dim : split.head_dim));
    heed_put_number(s, "scale_single", scale_of(s, single.head_dim));
    heed_put_number(s, "patterns_per_position_heads", split.n);
    heed_put_number(s, "patterns_per_position_single", single.n);
}

/* --- ch12.e07 --- */

static void multiplied(heed_solving *s)
{
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    const int64_t d = heed_take_int(s, "d", 1, HEED_COUNT_MOST_D);
    const int64_t H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS);
    const heed_config config = layer(s, d, H, T);
    const work w = count_work(s, T, d, s->status == HEED_OK ? H : 1), one = count_work(s, T, d, 1);

    (void)config;
    heed_step(s, "in one head Q K^T takes T * T * d/H multiplications, and A V as many: 2 * %lld^2 * %lld = %s",
              (long long)T, (long long)(d / H), heed_count_text(s, w.head));
    heed_step(s, "all %lld heads: %s", (long long)H, heed_count_text(s, w.heads));
    heed_step(s, "one head of %lld numbers: 2 * %lld^2 * %lld = %s, the same", (long long)d, (long long)T,
              (long long)d, heed_count_text(s, one.heads));
    heed_step(s, "query, key, value and out map, each T * d * d: 4 * %lld * %lld^2 = %s", (long long)T,
              (long long)d, heed_count_text(s, w.maps));
    heed_put_number(s, "per_head_multiplications", s->slip == HEED_SLIP_NO_HEADS ? one.heads : w.head);
    heed_put_number(s, "all_heads_multiplications",
                    s->slip == HEED_SLIP_NO_HEADS ? w.heads * (double)H : w.heads);
    heed_put_number(s, "single_head_multiplications", one.heads);
    heed_put_number(s, "projection_multiplications", w.maps);
}

static void vary_multiplied(heed_varying *v)
{
    const int64_t H = heed_vary_pick_int(v, "n_heads", 4, INT64_C(2), INT64_C(4), INT64_C(8), INT64_C(16));

    heed_vary_set_int(v, "d", H * heed_vary_pick_int(v, "d", 3, INT64_C(16), INT64_C(32), INT64_C(64)));
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(16), INT64_C(64), INT64_C(128));
}

/* --- s5.e5.3b --- */

static void many_or_one(heed_solving *s)
{
    const int64_t H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS);
    const int64_t h = heed_take_int(s, "d_head", 1, HEED_COUNT_MOST_D / HEED_COUNT_MOST_HEADS);
    const int64_t d = H * h;
    heed_config many = layer(s, d, H, 1), one = layer(s, d, 1, 1);
    const heads split = count_heads(s, &many, 1, 1), single = count_heads(s, &one, 1, 1);
    const double with_bias = heed_count_parameters(s, &many, "attention");
    double params[2];

    many.attention_bias = one.attention_bias = false;
    params[0] = heed_count_parameters(s, &many, "attention");
    params[1] = heed_count_parameters(s, &one, "attention");
    heed_step(s, "d_model = %lld * %lld = %lld", (long long)H, (long long)h, (long long)d);
    heed_step(s, "query, key, value and out map: 4 * %lld^2 = %s without biases, for %lld heads as for one",
              (long long)d, heed_count_text(s, params[0]), (long long)H);
    heed_step(s, "with a bias in each: %s + 4 * %lld = %s", heed_count_text(s, params[0]), (long long)d,
              heed_count_text(s, with_bias));
    heed_step(s, "a position has a pattern of weights in each head: %.0f against %.0f", split.n, single.n);
    heed_put_number(s, "d_model", s->slip == HEED_SLIP_NO_HEADS ? (double)h : (double)d);
    heed_put_number(s, "params_many", params[0]);
    heed_put_number(s, "params_one", params[1]);
    heed_put_number(s, "params_many_with_bias", with_bias);
    heed_put_bool(s, "same", params[0] == params[1]);
    heed_put_number(s, "weight_patterns_many", split.n);
    heed_put_number(s, "weight_patterns_one", single.n);
}

static void vary_many_or_one(heed_varying *v)
{
    heed_vary_pick_int(v, "n_heads", 5, INT64_C(2), INT64_C(4), INT64_C(6), INT64_C(12), INT64_C(16));
    heed_vary_pick_int(v, "d_head", 4, INT64_C(16), INT64_C(32), INT64_C(64), INT64_C(128));
}

#define SIZES "{\"batch\": 32, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4}"
#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }
#define SHAPE(name)                            \
    {                                          \
        name, HEED_ANSWER_LIST, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_multi_head[] = {
    {.id = "pp.q17a",
     .seed = "000 Q17",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 256, \"n_heads\": 4}",
     .vary = vary_dots,
     .solve = dots,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {WHOLE("dots_per_pair"), WHOLE("dot_length"), WHOLE("multiplications_per_pair")}},
    {.id = "hard.h3.2a",
     .seed = "001 H3.2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SIZES,
     .vary = vary_sizes,
     .solve = out_map,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS) | HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {SHAPE("concat_shape"),
                SHAPE("shape"),
                WHOLE("params"),
                WHOLE("params_with_bias"),
                {"trainable", HEED_ANSWER_TRUTH, HEED_EXACT, 0}},
     .demo = "D24"},
    {.id = "hard.h3.4a",
     .seed = "001 H3.4",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 256, \"heads_before\": 4, \"heads_after\": 8, \"batch\": 32, \"seq_len\": 256}",
     .vary = vary_more_heads,
     .solve = more_heads,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS) | HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("d_head_before"), WHOLE("d_head_after"), WHOLE("params_before"), WHOLE("params_after"),
                WHOLE("score_numbers_before"), WHOLE("score_numbers_after"), WHOLE("qk_multiplications_factor"),
                WHOLE("softmax_factor")},
     .demo = "D24"},
    {.id = "hard.h3.5a",
     .seed = "001 H3.5",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SIZES,
     .vary = vary_sizes,
     .solve = unsplit,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS) | HEED_SLIP(HEED_SLIP_NO_BIAS) | HEED_SLIP(HEED_SLIP_HEAD_DIM),
     .fields = {WHOLE("params"), WHOLE("score_numbers_heads"), WHOLE("score_numbers_single"),
                WHOLE("scale_heads"), WHOLE("scale_single"), WHOLE("patterns_per_position_heads"),
                WHOLE("patterns_per_position_single")},
     .demo = "D24"},
    {.id = "ch12.e07",
     .seed = "002 e7",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"seq_len\": 16, \"d\": 512, \"n_heads\": 8}",
     .vary = vary_multiplied,
     .solve = multiplied,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {WHOLE("per_head_multiplications"), WHOLE("all_heads_multiplications"),
                WHOLE("single_head_multiplications"), WHOLE("projection_multiplications")}},
    {.id = "s5.e5.3b",
     .seed = "004 5.3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"n_heads\": 8, \"d_head\": 64}",
     .vary = vary_many_or_one,
     .solve = many_or_one,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS) | HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("d_model"),
                WHOLE("params_many"),
                WHOLE("params_one"),
                WHOLE("params_many_with_bias"),
                {"same", HEED_ANSWER_TRUTH, HEED_EXACT, 0},
                WHOLE("weight_patterns_many"),
                WHOLE("weight_patterns_one")}},
    {.id = NULL},
};
