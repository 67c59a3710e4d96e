/* SPDX-License-Identifier: MIT */
/* O. What the two videos tell: logits and their softmax, queries, keys and values. */
#include <math.h>

#include "workbook/attend.h"
#include "workbook/counting.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"
#include "workbook/small_graph.h"

/* --- a12.k05 --- */

static void unembedding(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D),
                  V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V),
                  T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    heed_node *map, *logits;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    map = heed_graph_parameter(m.g, "W_U", heed_shape2(d, V));
    logits = heed_linear(m.g, heed_graph_input(m.g, "x", HEED_F32, heed_shape2(T, d)), map, NULL,
                         HEED_WEIGHT_IN_OUT);
    heed_small_put_shape(&m, "map", map);
    heed_small_put_shape(&m, "logits", logits);
    if (s->status == HEED_OK) {
        const double count = (double)heed_tensor_count(&map->tensor);
        heed_step(
            s, "each of %lld vectors of d_model numbers becomes vocab_size logits: (%lld, %lld) times %s is %s",
            (long long)T, (long long)T, (long long)d, heed_small_shape_text(&m, map),
            heed_small_shape_text(&m, logits));
        heed_step(s, "the map has d_model * vocab_size = %s numbers", heed_count_text(s, count));
        heed_put_number(s, "parameters_no_bias", count);
    }
    heed_small_end(&m);
}

static void vary_unembedding(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 4, INT64_C(16), INT64_C(64), INT64_C(512), INT64_C(768));
    heed_vary_int(v, "vocab_size", 20, 60000);
    heed_vary_int(v, "seq_len", 1, 9);
}

/* --- a12.k06 --- */

static void most_probable(heed_solving *s)
{
    const heed_grid logits = heed_take_list(s, "logits"), p = heed_softmax_of_rows(s, logits);
    int64_t best = 0;

    for (int64_t i = 1; i < p.columns; i++)
        best = p.data[i] > p.data[best] ? i : best;
    if (s->status != HEED_OK)
        return;
    for (int64_t i = 0; i < p.columns && i < 16; i++)
        heed_step(s, "token %lld: e^%.5g = %.5g", (long long)i, logits.data[i], exp(logits.data[i]));
    heed_step_grid(s, p, "each divided by their sum");
    heed_step(s, "the largest is that of token %lld", (long long)best);
    heed_put_list(s, "probabilities", p);
    heed_put_number(s, "next", (double)best);
}

static void vary_logits(heed_varying *v)
{
    const json_t *list;
    const int64_t n = heed_draw_int(v, 3, 5);
    double largest = -INFINITY, second = -INFINITY;

    heed_vary_normal(v, "logits", 0, n, 1.5);
    list = json_object_get(v->params, "logits");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const double x = json_number_value(json_array_get(list, i));
        second = x > largest ? largest : x > second ? x : second;
        largest = x > largest ? x : largest;
    }
    v->again = largest - second < 0.05; /* no two are the most probable */
}

/* --- a12.k09, a12.k10 --- */

/* What changes when one row of Q, K or V does: one row of the weights, a column of them, or none. */
static const char *role_of(heed_solving *s, int which)
{
    double numbers[3][6] = {{1, 0, 0, 1, 1, 1}, {1, 0, 0, 1, 1, 1}, {1, 2, 3, 4, 5, 6}};
    heed_grid x[3];
    heed_attended before, after;
    int n_rows = 0;

    for (int i = 0; i < 3; i++)
        x[i] = (heed_grid){3, 2, numbers[i]};
    before = heed_attend(s, &(heed_attend_inputs){.q = x[0], .k = x[1], .v = x[2]});
    x[which] = heed_grid_turn(s, heed_grid_turn(s, x[which]));
    if (s->status != HEED_OK)
        return "";
    x[which].data[2] += 1.0;
    after = heed_attend(s, &(heed_attend_inputs){.q = x[0], .k = x[1], .v = x[2]});
    for (int i = 0; s->status == HEED_OK && i < 3; i++) {
        bool changed = false;
        for (int j = 0; j < 3; j++)
            changed = changed || before.weights.data[3 * i + j] != after.weights.data[3 * i + j];
        n_rows += changed;
    }
    heed_step(s, "three tokens, and row 2 of %s changed: of the weights %d of 3 rows change",
              which == 0   ? "Q"
              : which == 1 ? "K"
                           : "V",
              n_rows);
    return n_rows == 0 ? "hands_over" : n_rows == 1 ? "asks" : "answers";
}

static void role_of_query(heed_solving *s)
{
    const char *role = role_of(s, 0);

    heed_step(s, "so a query decides what its own token looks at, and nothing else");
    heed_put_text(s, "choice", role);
}

static void role_of_key(heed_solving *s)
{
    const char *role = role_of(s, 1);

    heed_step(s, "so a key decides how all tokens look at this one");
    heed_put_text(s, "choice", role);
}

/* --- a12.k11, a12.k12, a12.k13 --- */

static void dot_products(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K")};
    const heed_attended a = heed_attend(s, &in);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_SCORES);
    heed_put_grid(s, "value", a.scores);
}

static void weights_both_ways(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K")};
    const heed_attended a = heed_attend(s, &in);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_WEIGHTS);
    heed_step_grid(
        s, heed_grid_turn(s, a.weights),
        "with queries as columns, as the video draws it: the same transposed; now columns add up to 1");
    heed_put_grid(s, "rows_are_queries", a.weights);
    heed_put_grid(s, "columns_are_queries", heed_grid_turn(s, a.weights));
}

/* Sums of rows of the softmax without a mask, behind the mask. */
static heed_grid sums_behind_mask(heed_solving *s, const heed_attended *a)
{
    const heed_grid all = heed_softmax_of_rows(s, a->scaled);
    heed_grid sums = heed_grid_make(s, 1, all.rows);

    for (int64_t i = 0; s->status == HEED_OK && i < all.rows; i++) {
        for (int64_t j = 0; j < all.columns; j++)
            sums.data[i] += isinf(a->masked.data[i * all.columns + j]) ? 0.0 : all.data[i * all.columns + j];
    }
    return sums;
}

static void masking(heed_solving *s)
{
    const heed_attend_inputs in = {.q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K"), .causal = true};
    const heed_attended a = heed_attend(s, &in);
    const heed_grid sums = sums_behind_mask(s, &a);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_WEIGHTS);
    heed_step_grid(s, sums,
                   "had the softmax come first and zeros above the diagonal after it, rows would add up to");
    heed_put_grid(s, "masked", a.masked);
    heed_put_grid(s, "weights", a.weights);
    heed_put_list(s, "row_sums_if_zeroed_after_softmax", sums);
}

static void vary_queries(heed_varying *v)
{
    const int64_t T = heed_draw_int(v, 3, 5), d = heed_draw_int(v, 2, 4);

    heed_vary_whole(v, "Q", T, d, -2, 2);
    heed_vary_whole(v, "K", T, d, -2, 2);
    v->again = json_equal(json_object_get(v->params, "Q"), json_object_get(v->params, "K"));
}

/* --- a12.k14 --- */

static void update(heed_solving *s)
{
    const heed_grid old = heed_take_list(s, "embedding"), values = heed_take_grid(s, "values"),
                    weights = heed_take_list(s, "weights");
    heed_node *change, *sum;
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    change = heed_matmul(m.g, heed_small_input(&m, "weights", weights), heed_small_input(&m, "values", values),
                         false, false);
    sum = heed_add(m.g, heed_small_input(&m, "embedding", old), change);
    heed_small_run(&m, (heed_node *[]){change, sum}, 2);
    heed_step_grid(s, heed_small_value(&m, change), "each value times its weight, added up");
    heed_step_grid(s, heed_small_value(&m, sum), "added to the embedding");
    heed_put_list(s, "change", heed_small_value(&m, change));
    heed_put_list(s, "updated", heed_small_value(&m, s->slip == HEED_SLIP_NO_OLD ? change : sum));
    heed_small_end(&m);
}

static void vary_update(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 2, 4), d = heed_draw_int(v, 2, 3);
    int64_t left = 20;
    json_t *weights = json_array();

    for (int64_t i = 0; i < n; i++) {
        const int64_t share = i == n - 1 ? left : heed_draw_int(v, 0, left);
        json_array_append_new(weights, heed_json_of_double((double)share / 20.0));
        left -= share;
    }
    heed_vary_set_json(v, "weights", weights);
    heed_vary_whole(v, "embedding", 0, d, -3, 3);
    heed_vary_whole(v, "values", n, d, -4, 4);
}

/* --- a12.k15 --- */

/* Out of a wide vector into a narrow one and back, against the one wide map that does the same. */
static void show_factors(heed_solving *s)
{
    double down[] = {1, 2, -1}, up[] = {2, 0, 1}, x[] = {3, 1, 2};
    heed_node *a, *b, *V_down, *V_up, *v;
    heed_small m;

    if (s->steps == NULL || !heed_small_begin(s, &m))
        return;
    V_down = heed_small_input(&m, "V_down", (heed_grid){3, 1, down});
    V_up = heed_small_input(&m, "V_up", (heed_grid){1, 3, up});
    v = heed_small_input(&m, "x", (heed_grid){1, 3, x});
    a = heed_matmul(m.g, heed_matmul(m.g, v, V_down, false, false), V_up, false, false);
    b = heed_matmul(m.g, v, heed_matmul(m.g, V_down, V_up, false, false), false, false);
    heed_small_run(&m, (heed_node *[]){a, b}, 2);
    heed_step_grid(s, heed_small_value(&m, a),
                   "a small case, x = (3 1 2), one number in the middle: value first, then out");
    heed_step_grid(s, heed_small_value(&m, b), "and by the product of both maps, 3 x 3: the same");
    heed_small_end(&m);
}

static double count_of(heed_node *node)
{
    return node != NULL ? (double)heed_tensor_count(&node->tensor) : 0.0;
}

static void value_map(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D),
                  h = heed_take_int(s, "d_head", 1, HEED_COUNT_MOST_D);
    heed_small m;

    if (!heed_small_begin(s, &m))
        return;
    {
        const double full = count_of(heed_graph_parameter(m.g, "V", heed_shape2(d, d)));
        const double down = count_of(heed_graph_parameter(m.g, "V_down", heed_shape2(d, h)));
        const double up = count_of(heed_graph_parameter(m.g, "V_up", heed_shape2(h, d)));
        const double query = count_of(heed_graph_parameter(m.g, "W_Q", heed_shape2(d, h)));
        const double key = count_of(heed_graph_parameter(m.g, "W_K", heed_shape2(d, h)));
        const bool one = s->slip == HEED_SLIP_ONE_MAP;

        heed_step(s, "one map from d_model to d_model: %lld^2 = %s", (long long)d, heed_count_text(s, full));
        heed_step(s, "down to d_head and up again: %lld * %lld + %lld * %lld = %s", (long long)d, (long long)h,
                  (long long)h, (long long)d, heed_count_text(s, down + up));
        heed_step(s, "query and key: 2 * %lld * %lld = %s", (long long)d, (long long)h,
                  heed_count_text(s, query + key));
        show_factors(s);
        heed_put_number(s, "full_value_map", full);
        heed_put_number(s, "factored_value_map", one ? down : down + up);
        heed_put_number(s, "query_plus_key", one ? query : query + key);
    }
    heed_small_end(&m);
}

static void vary_value_map(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 4, INT64_C(64), INT64_C(256), INT64_C(512), INT64_C(768));
    heed_vary_pick_int(v, "d_head", 3, INT64_C(8), INT64_C(16), INT64_C(64));
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
#define Q_K "{\"Q\": [[1, 0], [0, 1], [1, 1]], \"K\": [[1, 0], [0, 1], [1, 1]]}"

const heed_exercise heed_exercises_videos[] = {
    {.id = "a12.k05",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_SHAPE,
     .params = "{\"d_model\": 256, \"vocab_size\": 50257, \"seq_len\": 3}",
     .vary = vary_unembedding,
     .solve = unembedding,
     .fields = {SHAPE("map"), SHAPE("logits"), WHOLE("parameters_no_bias")}},
    {.id = "a12.k06",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"logits\": [2.0, 1.0, 0.1]}",
     .vary = vary_logits,
     .solve = most_probable,
     .fields = {{"probabilities", HEED_ANSWER_LIST, HEED_T2, 0},
                {"next", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION}}},
    {.id = "a12.k09",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{}",
     .solve = role_of_query,
     .fields = {{"choice", HEED_ANSWER_TEXT, HEED_EXACT, 0}}},
    {.id = "a12.k10",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{}",
     .solve = role_of_key,
     .fields = {{"choice", HEED_ANSWER_TEXT, HEED_EXACT, 0}}},
    {.id = "a12.k11",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_MATRIX,
     .params = Q_K,
     .vary = vary_queries,
     .solve = dot_products,
     .slips = HEED_SLIP(HEED_SLIP_TURNED_INPUT) | HEED_SLIP(HEED_SLIP_NOT_TURNED),
     .fields = {{"value", HEED_ANSWER_MATRIX, HEED_EXACT, 0}},
     .demo = "D02"},
    {.id = "a12.k12",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_MATRIX,
     .params = Q_K,
     .vary = vary_queries,
     .solve = weights_both_ways,
     .slips = HEED_SLIPS_ATTENTION,
     .fields = {ROWS("rows_are_queries"), ROWS("columns_are_queries")},
     .demo = "D02"},
    {.id = "a12.k13",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_MATRIX,
     .params = Q_K,
     .vary = vary_queries,
     .solve = masking,
     .slips = HEED_SLIPS_MASKED,
     .fields = {ROWS("masked"),
                ROWS("weights"),
                {"row_sums_if_zeroed_after_softmax", HEED_ANSWER_LIST, HEED_T2, 0}},
     .demo = "D02"},
    {.id = "a12.k14",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"embedding\": [1.0, 1.0], \"values\": [[2.0, 0.0], [0.0, 4.0]], \"weights\": [0.75, 0.25]}",
     .vary = vary_update,
     .solve = update,
     .slips = HEED_SLIP(HEED_SLIP_NO_OLD),
     .fields = {{"change", HEED_ANSWER_LIST, HEED_T2, 0}, {"updated", HEED_ANSWER_LIST, HEED_ABS(0.02), 0}}},
    {.id = "a12.k15",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 12288, \"d_head\": 128}",
     .vary = vary_value_map,
     .solve = value_map,
     .slips = HEED_SLIP(HEED_SLIP_ONE_MAP),
     .fields = {WHOLE("full_value_map"), WHOLE("factored_value_map"), WHOLE("query_plus_key")}},
    {.id = NULL},
};
