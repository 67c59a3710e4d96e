/* SPDX-License-Identifier: MIT */
/* O. From the bigram model to one head of self-attention. */
#include "workbook/attend.h"
#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/small_graph.h"

static double count_of(const heed_node *node)
{
    return node != NULL ? (double)heed_tensor_count(&node->tensor) : 0.0;
}

typedef struct sizes {
    int64_t V, n, B, T;
} sizes;

static sizes take_sizes(heed_solving *s)
{
    return (sizes){.V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V),
                   .n = heed_take_int(s, "n_embd", 1, HEED_COUNT_MOST_D),
                   .B = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH),
                   .T = heed_take_int(s, "block_size", 1, HEED_COUNT_MOST_T)};
}

static void vary_sizes(heed_varying *v)
{
    heed_vary_int(v, "vocab_size", 20, 300);
    heed_vary_pick_int(v, "n_embd", 4, INT64_C(16), INT64_C(32), INT64_C(64), INT64_C(384));
    heed_vary_int(v, "batch", 1, 32);
    heed_vary_int(v, "block_size", 4, 64);
}

/* Rows of a table for each of B * T tokens, with the table. */
static heed_node *embed(heed_small *m, const sizes *z, heed_node **table)
{
    *table = heed_graph_parameter(m->g, "wte.weight", heed_shape2(z->V, z->n));
    return heed_embedding(m->g, *table, heed_graph_input(m->g, "ids", HEED_I32, heed_shape2(z->B, z->T)));
}

/* --- a12.n16 --- */

static void with_a_head(heed_solving *s)
{
    const sizes z = take_sizes(s);
    heed_config two_by_two;
    heed_node *table, *x, *weight, *bias, *logits;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    x = embed(&m, &z, &table);
    weight = heed_graph_parameter(m.g, "head.weight", heed_shape2(z.n, z.V));
    bias = s->slip == HEED_SLIP_NO_BIAS ? NULL : heed_graph_parameter(m.g, "head.bias", heed_shape1(z.V));
    logits = heed_linear(m.g, x, weight, bias, HEED_WEIGHT_IN_OUT);
    heed_small_put_shape(&m, "token_table", table);
    heed_small_put_shape(&m, "embedded", x);
    heed_small_put_shape(&m, "logits", logits);
    if (s->status == HEED_OK) {
        const double count = count_of(table) + count_of(weight) + count_of(bias);
        heed_step(s, "a token's row of the table %s: %s", heed_small_shape_text(&m, table),
                  heed_small_shape_text(&m, x));
        heed_step(s, "the head makes logits of it: %s", heed_small_shape_text(&m, logits));
        heed_step(s, "V n + n V + V = %s + %s + %s = %s", heed_count_text(s, count_of(table)),
                  heed_count_text(s, count_of(weight)), heed_count_text(s, count_of(bias)),
                  heed_count_text(s, count));
        heed_config_preset("bigram", &two_by_two, NULL);
        two_by_two.vocab_size = z.V;
        heed_put_number(s, "parameters", count);
        heed_put_number(s, "bigram_parameters", heed_count_parameters(s, &two_by_two, NULL));
        heed_step(s, "the bigram table has V^2 = %s",
                  heed_count_text(s, heed_count_parameters(s, &two_by_two, NULL)));
    }
    heed_small_end(&m);
}

/* --- a12.n18 --- */

static void with_positions(heed_solving *s)
{
    const sizes z = take_sizes(s);
    heed_node *tokens, *x, *table, *rows, *sum;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    x = embed(&m, &z, &tokens);
    table = heed_graph_parameter(m.g, "wpe.weight", heed_shape2(z.T, z.n));
    rows = heed_position_embedding(m.g, table, NULL, z.T);
    sum = heed_add(m.g, x, rows);
    heed_small_put_shape(&m, "table", table);
    heed_small_put_shape(&m, "looked_up", s->slip == HEED_SLIP_BATCH_AXIS ? x : rows);
    heed_small_put_shape(&m, "sum", sum);
    heed_step(s, "a row for each of block_size places: %s", heed_small_shape_text(&m, table));
    heed_step(s, "looked up for places 0 to %lld, the same for all sequences: %s", (long long)z.T - 1,
              heed_small_shape_text(&m, rows));
    heed_step(s, "added to %s, repeated for each sequence: %s", heed_small_shape_text(&m, x),
              heed_small_shape_text(&m, sum));
    heed_step(s, "T n = %s more numbers to learn", heed_count_text(s, count_of(table)));
    heed_put_number(s, "added_parameters", count_of(table));
    heed_small_end(&m);
}

/* --- a12.n19 --- */

/* A map of n_embd to head_size; with a bias one more row. */
static heed_node *head_map(heed_small *m, heed_node *x, const char *name, int64_t n, int64_t h, double *plain,
                           double *biased)
{
    heed_node *weight = heed_graph_parameter(m->g, name, heed_shape2(n, h));

    *plain += count_of(weight);
    *biased += count_of(weight) + (double)h;
    return heed_linear(m->g, x, weight, NULL, HEED_WEIGHT_IN_OUT);
}

static void one_head(heed_solving *s)
{
    const int64_t B = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH),
                  T = heed_take_int(s, "block_size", 1, HEED_COUNT_MOST_T),
                  n = heed_take_int(s, "n_embd", 1, HEED_COUNT_MOST_D),
                  h = heed_take_int(s, "head_size", 1, HEED_COUNT_MOST_D);
    double plain = 0.0, biased = 0.0;
    heed_node *x, *q, *k, *v, *wei, *out;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    x = heed_graph_input(m.g, "x", HEED_F32, heed_shape3(B, T, n));
    q = head_map(&m, x, "query", n, h, &plain, &biased);
    k = head_map(&m, x, "key", n, h, &plain, &biased);
    v = head_map(&m, x, "value", n, h, &plain, &biased);
    wei = heed_softmax(m.g, heed_matmul(m.g, q, k, false, true));
    out = heed_matmul(m.g, wei, v, false, false);
    heed_small_put_shape(&m, "q", q);
    heed_small_put_shape(&m, "wei", wei);
    heed_small_put_shape(&m, "out", out);
    heed_step(s, "q = x W_q: %s", heed_small_shape_text(&m, q));
    heed_step(s, "q k^T, a number for each pair of places of a sequence: %s", heed_small_shape_text(&m, wei));
    heed_step(s, "weights times v: %s", heed_small_shape_text(&m, out));
    heed_step(s, "three maps of n_embd * head_size: %s; with biases 3 head_size more: %s",
              heed_count_text(s, plain), heed_count_text(s, biased));
    heed_step(s, "a key bias b adds q . b to all scores of a row, and softmax does not see it");
    heed_put_number(s, "parameters_no_bias", plain);
    heed_put_number(s, "parameters_with_bias", biased);
    heed_small_end(&m);
}

static void vary_one_head(heed_varying *v)
{
    heed_vary_int(v, "batch", 1, 32);
    heed_vary_int(v, "block_size", 4, 64);
    heed_vary_pick_int(v, "n_embd", 4, INT64_C(16), INT64_C(32), INT64_C(64), INT64_C(384));
    heed_vary_pick_int(v, "head_size", 4, INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
}

/* --- a12.n20 --- */

static void batched_products(heed_solving *s)
{
    const int64_t B = heed_take_int(s, "B", 1, HEED_COUNT_MOST_BATCH),
                  T = heed_take_int(s, "T", 1, HEED_COUNT_MOST_T),
                  C = heed_take_int(s, "C", 1, HEED_COUNT_MOST_V);
    heed_node *x, *shared, *first, *scores, *out;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    x = heed_graph_input(m.g, "x", HEED_F32, heed_shape3(B, T, C));
    shared = heed_graph_input(m.g, "wei", HEED_F32, heed_shape2(T, T));
    first = heed_matmul(m.g, heed_repeat(m.g, shared, heed_shape3(B, T, T)), x, false, false);
    scores = heed_matmul(m.g, x, x, false, true);
    out = heed_matmul(m.g, scores, x, false, false);
    heed_small_put_shape(&m, "shared_weights_times_x", first);
    heed_small_put_shape(&m, "q_times_k_transposed", scores);
    heed_small_put_shape(&m, "weights_times_v", out);
    heed_step(s, "(T, T) is repeated for each of B sequences, then each is multiplied by itself: %s",
              heed_small_shape_text(&m, first));
    heed_step(s, "q k^T: (T, C) times (C, T) in each sequence: %s", heed_small_shape_text(&m, scores));
    heed_step(s, "weights times v: (T, T) times (T, C): %s", heed_small_shape_text(&m, out));
    heed_small_end(&m);
}

static void vary_batched_products(heed_varying *v)
{
    heed_vary_int(v, "B", 1, 9);
    heed_vary_int(v, "T", 2, 20);
    heed_vary_int(v, "C", 2, 32);
}

/* --- a12.n21 --- */

static void whole_head(heed_solving *s)
{
    heed_attend_inputs in = {.x = heed_take_grid(s, "x"),
                             .w_q = heed_take_grid(s, "Wq"),
                             .w_k = heed_take_grid(s, "Wk"),
                             .w_v = heed_take_grid(s, "Wv"),
                             .causal = true};
    const heed_attended scaled = heed_attend(s, &in);
    heed_attended plain;

    in.scale = 1.0;
    plain = heed_attend(s, &in);
    heed_step_grid(s, plain.q, "q = x Wq, the code's query(x)");
    heed_step_grid(s, plain.k, "k = x Wk, its key(x)");
    heed_step_grid(s, plain.v, "v = x Wv, its value(x)");
    heed_attend_explain(s, &in, &plain, HEED_ATTEND_OUTPUT);
    heed_step(s, "q @ k.transpose(-2, -1) is Q K^T, masked_fill with -inf is the mask, softmax(dim=-1) the "
                 "softmax of rows, wei @ v the product with V");
    heed_step_grid(s, scaled.weights,
                   "with scores divided by sqrt(head_size) = sqrt(%lld) the weights are more even",
                   (long long)scaled.q.columns);
    heed_step_grid(s, scaled.output, "and the output is");
    heed_put_grid(s, "weights_unscaled", plain.weights);
    heed_put_grid(s, "out_unscaled", plain.output);
    heed_put_grid(s, "weights", scaled.weights);
    heed_put_grid(s, "out", scaled.output);
}

static void vary_whole_head(heed_varying *v)
{
    const int64_t T = heed_draw_int(v, 3, 4), C = heed_draw_int(v, 2, 3);

    heed_vary_normal(v, "x", T, C, 1.0);
    heed_vary_normal(v, "Wq", C, 2, 1.0);
    heed_vary_normal(v, "Wk", C, 2, 1.0);
    heed_vary_normal(v, "Wv", C, 2, 1.0);
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }
#define SHAPE(name)                            \
    {                                          \
        name, HEED_ANSWER_LIST, HEED_EXACT, 0, \
    }
#define ROWS(name)                            \
    {                                         \
        name, HEED_ANSWER_MATRIX, HEED_T2, 0, \
    }
#define SIZES "{\"vocab_size\": 65, \"n_embd\": 32, \"batch\": 4, \"block_size\": 8}"

const heed_exercise heed_exercises_first_head[] = {
    {.id = "a12.n16",
     .seed = "003 59:10",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SIZES,
     .vary = vary_sizes,
     .solve = with_a_head,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {SHAPE("token_table"), SHAPE("embedded"), SHAPE("logits"), WHOLE("parameters"),
                WHOLE("bigram_parameters")},
     .demo = "D36"},
    {.id = "a12.n18",
     .seed = "003 1:00:57",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SIZES,
     .vary = vary_sizes,
     .solve = with_positions,
     .slips = HEED_SLIP(HEED_SLIP_BATCH_AXIS),
     .fields = {SHAPE("table"), SHAPE("looked_up"), SHAPE("sum"), WHOLE("added_parameters")},
     .demo = "D36"},
    {.id = "a12.n19",
     .seed = "003 1:05:11",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"batch\": 4, \"block_size\": 8, \"n_embd\": 32, \"head_size\": 16}",
     .vary = vary_one_head,
     .solve = one_head,
     .fields = {SHAPE("q"), SHAPE("wei"), SHAPE("out"), WHOLE("parameters_no_bias"),
                WHOLE("parameters_with_bias")},
     .demo = "D36"},
    {.id = "a12.n20",
     .seed = "003 1:07:08",
     .kind = HEED_EXERCISE_SHAPE,
     .params = "{\"B\": 4, \"T\": 8, \"C\": 16}",
     .vary = vary_batched_products,
     .solve = batched_products,
     .fields = {SHAPE("shared_weights_times_x"), SHAPE("q_times_k_transposed"), SHAPE("weights_times_v")}},
    {.id = "a12.n21",
     .seed = "003 1:11:37",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"x\": [[1.51, -1.79, 1.69], [-0.05, -0.8, -0.8], [-1.08, -0.22, 0.83]],"
               " \"Wq\": [[0.58, 0.64], [-1.69, -1.57], [1.55, 0.97]],"
               " \"Wk\": [[2.18, 1.21], [-1.02, 1.29], [0.63, 0.21]],"
               " \"Wv\": [[-0.82, 0.0], [-0.15, 0.89], [0.12, 1.58]]}",
     .vary = vary_whole_head,
     .solve = whole_head,
     .slips = HEED_SLIPS_MASKED,
     .fields = {ROWS("weights_unscaled"), ROWS("out_unscaled"), ROWS("weights"), ROWS("out")},
     .demo = "D36"},
    {.id = NULL},
};
