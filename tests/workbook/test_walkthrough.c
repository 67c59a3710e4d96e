/* SPDX-License-Identifier: MIT */
/* Group O against its definitions in double precision. */
#include "workbook/oracle.h"

#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void put(json_t *answer, const char *name, double x)
{
    json_object_set_new(answer, name, json_real(x));
}

static void put_sizes(json_t *answer, const char *name, int n, const double *size)
{
    json_object_set_new(answer, name, list_of(size, n));
}

/* --- the videos --- */

static void unembedding(const json_t *p, json_t *answer)
{
    const double d = param(p, "d_model"), V = param(p, "vocab_size"), T = param(p, "seq_len");

    put_sizes(answer, "map", 2, (double[]){d, V});
    put_sizes(answer, "logits", 2, (double[]){T, V});
    put(answer, "parameters_no_bias", d * V);
}

/* n numbers in, their softmax out; -inf counts nothing. */
static void softmax(const double *x, int64_t n, double *y)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += y[i] = exp(x[i]);
    for (int64_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void most_probable(const json_t *p, json_t *answer)
{
    static table x;
    double y[4096];
    int64_t best = 0;

    param_table(p, "logits", &x);
    softmax(x.at, x.columns, y);
    for (int64_t i = 0; i < x.columns; i++)
        best = x.at[i] > x.at[best] ? i : best;
    json_object_set_new(answer, "probabilities", list_of(y, x.columns));
    put(answer, "next", (double)best);
}

/* q k^T, over sqrt(d) where scaled. */
static void scores_of(const table *q, const table *k, bool scaled, double *out)
{
    for (int64_t i = 0; i < q->rows; i++) {
        for (int64_t j = 0; j < k->rows; j++) {
            double s = 0.0;
            for (int64_t c = 0; c < q->columns; c++)
                s += q->at[i * q->columns + c] * k->at[j * k->columns + c];
            out[i * k->rows + j] = scaled ? s / sqrt((double)q->columns) : s;
        }
    }
}

static void hide_later(double *scores, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = i + 1; j < columns; j++)
            scores[i * columns + j] = -INFINITY;
    }
}

static void softmax_rows(const double *x, int64_t rows, int64_t columns, double *y)
{
    for (int64_t i = 0; i < rows; i++)
        softmax(x + i * columns, columns, y + i * columns);
}

static void dot_products(const json_t *p, json_t *answer)
{
    static table q, k;
    double s[4096];

    param_table(p, "Q", &q);
    param_table(p, "K", &k);
    scores_of(&q, &k, false, s);
    json_object_set_new(answer, "value", matrix_of(s, q.rows, k.rows));
}

static void both_ways(const json_t *p, json_t *answer)
{
    static table q, k;
    double s[4096], w[4096], turned[4096];

    param_table(p, "Q", &q);
    param_table(p, "K", &k);
    scores_of(&q, &k, true, s);
    softmax_rows(s, q.rows, k.rows, w);
    for (int64_t i = 0; i < q.rows * k.rows; i++)
        turned[i % k.rows * q.rows + i / k.rows] = w[i];
    json_object_set_new(answer, "rows_are_queries", matrix_of(w, q.rows, k.rows));
    json_object_set_new(answer, "columns_are_queries", matrix_of(turned, k.rows, q.rows));
}

static void masking(const json_t *p, json_t *answer)
{
    static table q, k;
    double s[4096], w[4096], sums[64] = {0};

    param_table(p, "Q", &q);
    param_table(p, "K", &k);
    scores_of(&q, &k, true, s);
    softmax_rows(s, q.rows, k.rows, w);
    for (int64_t i = 0; i < q.rows; i++) {
        for (int64_t j = 0; j <= i && j < k.rows; j++)
            sums[i] += w[i * k.rows + j];
    }
    hide_later(s, q.rows, k.rows);
    softmax_rows(s, q.rows, k.rows, w);
    json_object_set_new(answer, "masked", matrix_of(s, q.rows, k.rows));
    json_object_set_new(answer, "weights", matrix_of(w, q.rows, k.rows));
    json_object_set_new(answer, "row_sums_if_zeroed_after_softmax", list_of(sums, q.rows));
}

static void update(const json_t *p, json_t *answer)
{
    static table old, values, weights;
    double change[4096] = {0}, sum[4096];

    param_table(p, "embedding", &old);
    param_table(p, "values", &values);
    param_table(p, "weights", &weights);
    for (int64_t c = 0; c < values.columns; c++) {
        for (int64_t j = 0; j < values.rows; j++)
            change[c] += weights.at[j] * values.at[j * values.columns + c];
        sum[c] = old.at[c] + change[c];
    }
    json_object_set_new(answer, "change", list_of(change, values.columns));
    json_object_set_new(answer, "updated", list_of(sum, values.columns));
}

static void value_map(const json_t *p, json_t *answer)
{
    const double d = param(p, "d_model"), h = param(p, "d_head");

    put(answer, "full_value_map", d * d);
    put(answer, "factored_value_map", 2 * d * h);
    put(answer, "query_plus_key", 2 * d * h);
}

static void asks(const json_t *p, json_t *answer)
{
    (void)p;
    json_object_set_new(answer, "choice", json_string("asks"));
}

static void answers(const json_t *p, json_t *answer)
{
    (void)p;
    json_object_set_new(answer, "choice", json_string("answers"));
}

static void the_videos_in_numbers(void **state)
{
    (void)state;
    expect_exercise("a12.k05", unembedding);
    expect_exercise("a12.k06", most_probable);
    expect_exercise("a12.k09", asks);
    expect_exercise("a12.k10", answers);
    expect_exercise("a12.k11", dot_products);
    expect_exercise("a12.k12", both_ways);
    expect_exercise("a12.k13", masking);
    expect_exercise("a12.k14", update);
    expect_exercise("a12.k15", value_map);
    expect_exercise_with("a12.k06", "{\"logits\": [-3, 12.5, 12, 0, 1, 2, 3]}", most_probable);
    expect_exercise_with("a12.k12", "{\"Q\": [[1, 2, 3], [0, 1, 0]], \"K\": [[1, 0, 1], [2, 1, 0], [0, 0, 1]]}",
                         both_ways);
    expect_exercise_with("a12.k13",
                         "{\"Q\": [[5, 1], [0, 1], [2, 2], [1, 0]], \"K\": [[1, 0], [2, 1], [0, 3], [1, 1]]}",
                         masking);
    expect_refused("a12.k11", "{\"Q\": [[1, 2, 3]]}", "column");
    expect_refused("a12.k14", "{\"weights\": [1]}", "");
    expect_refused("a12.k05", "{\"vocab_size\": 1e18}", "vocab_size");
    expect_slip("a12.k14", "{}", "{\"change\": [1.5, 1], \"updated\": [1.5, 1]}", "updated", "change alone");
}

/* --- text --- */

static int compare_bytes(const void *a, const void *b)
{
    return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* Of ASCII. */
static void characters(const json_t *p, json_t *answer)
{
    char sorted[256];
    const char *text = json_string_value(json_object_get(p, "text"));
    const char *encode = json_string_value(json_object_get(p, "encode"));
    json_t *set = json_array(), *ids = json_array();
    size_t n = strlen(text), n_set = 0;

    memcpy(sorted, text, n);
    qsort(sorted, n, 1, compare_bytes);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            sorted[n_set++] = sorted[i];
            json_array_append_new(set, json_stringn(&sorted[n_set - 1], 1));
        }
    }
    for (; *encode != '\0'; encode++)
        json_array_append_new(ids, json_integer((const char *)memchr(sorted, *encode, n_set) - sorted));
    json_object_set_new(answer, "charset", set);
    put(answer, "vocab_size", (double)n_set);
    json_object_set_new(answer, "ids", ids);
    json_object_set(answer, "decoded", json_object_get(p, "encode"));
}

static void characters_are_numbered_by_their_codes(void **state)
{
    (void)state;
    expect_exercise("a12.n01", characters);
    expect_exercise_with("a12.n01", "{\"text\": \"To be, or not to be: 'tis 1603!\", \"encode\": \"Tobe, or\"}",
                         characters);
    expect_refused("a12.n01", "{\"encode\": \"hexl\"}", "x");
    expect_refused("a12.n01", "{\"text\": \"\"}", "text");
    expect_refused("a12.n01", "{\"text\": 5}", "text");
}

/* Is the answer of a line right? */
static bool is_right(const char *line)
{
    heed_workbook *book = NULL;
    heed_error err = {0};
    char *verdict = NULL;
    bool ok = false;

    assert_int_equal(heed_workbook_open(&book, &err), HEED_OK);
    heed_workbook_mark(book, line, strlen(line), &verdict, &ok, &err);
    free(verdict);
    heed_workbook_close(book);
    return ok;
}

static void letters_count_as_they_are(void **state)
{
    (void)state;
#define N01(charset, decoded)                                                                   \
    "{\"id\": \"a12.n01\", \"params\": {\"text\": \"aB ,\", \"encode\": \"B a\"}, \"answer\": " \
    "{\"charset\": " charset ", \"vocab_size\": 4, \"ids\": [2, 0, 3], \"decoded\": " decoded "}}"
    assert_true(is_right(N01("[\" \", \",\", \"B\", \"a\"]", "\"B a\"")));
    assert_false(is_right(N01("[\" \", \",\", \"b\", \"a\"]", "\"B a\"")));
    assert_false(is_right(N01("[\" \", \",\", \"B\", \"a\"]", "\"b a\"")));
    assert_false(is_right(N01("[\" \", \",\", \"B\", \"a\"]", "\"Ba\"")));
    assert_false(is_right(N01("[\",\", \" \", \"B\", \"a\"]", "\"B a\"")));
}

static void a_blank_can_be_typed(void **state)
{
    static const char *const typed[] = {"' ', ',', B, a", "4", "2 0 3", "B a"};
    heed_workbook *book = NULL;
    heed_posing *posing = NULL;
    heed_marking *marking = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_workbook_open(&book, &err), HEED_OK);
    assert_int_equal(
        heed_workbook_pose_with(book, "a12.n01", "{\"text\": \"aB ,\", \"encode\": \"B a\"}", &posing, &err),
        HEED_OK);
    assert_int_equal(heed_posing_answer(posing, typed, &marking, &err), HEED_OK);
    assert_true(heed_marking_ok(marking));
    heed_marking_destroy(marking);
    heed_posing_destroy(posing);
    heed_workbook_close(book);
}

static void split(const json_t *p, json_t *answer)
{
    /* the share in thousandths, so that the product is whole */
    const long long n = (long long)param(p, "n"), share = llround(1000.0 * param(p, "share"));

    put(answer, "train", (double)(n * share / 1000));
    put(answer, "val", (double)(n - n * share / 1000));
}

static void a_share_is_rounded_down(void **state)
{
    (void)state;
    expect_exercise("a12.n02", split);
    expect_exercise_with("a12.n02", "{\"n\": 90, \"share\": 0.7}",
                         split); /* 0.7 * 90 is below 63 as a double */
    expect_exercise_with("a12.n02", "{\"n\": 1, \"share\": 0.9}", split);
    expect_exercise_with("a12.n02", "{\"n\": 10, \"share\": 1}", split);
    expect_refused("a12.n02", "{\"share\": 1.5}", "share");
    expect_refused("a12.n02", "{\"n\": 0.5}", "n:");
    expect_slip("a12.n02", "{}", "{\"train\": 1003855, \"val\": 111539}", "train", "rounded up");
}

static void contexts(const json_t *p, json_t *answer)
{
    const json_t *chunk = json_object_get(p, "chunk");
    const int T = (int)param(p, "block_size");
    json_t *rows = json_array();

    for (int t = 0; t < T; t++) {
        json_t *context = json_array(), *row = json_array();
        for (int j = 0; j <= t; j++)
            json_array_append(context, json_array_get(chunk, (size_t)j));
        json_array_append_new(row, context);
        json_array_append(row, json_array_get(chunk, (size_t)t + 1));
        json_array_append_new(rows, row);
    }
    put(answer, "count", T);
    json_object_set_new(answer, "examples", rows);
}

static void a_chunk_holds_a_triangle_of_examples(void **state)
{
    (void)state;
#define N03(examples)                                                                                          \
    "{\"id\": \"a12.n03\", \"params\": {\"chunk\": [5, 6, 7], \"block_size\": 2}, \"answer\": {\"count\": 2, " \
    "\"examples\": " examples "}}"
    assert_true(is_right(N03("[[5, 6], [5, 6, 7]]")));
    assert_true(is_right(N03("[[[5], 6], [[5, 6], 7]]")));
    assert_true(is_right(N03("[{\"context\": [5], \"target\": 6}, {\"context\": [5, 6], \"target\": 7}]")));
    assert_false(is_right(N03("[[[5], 6], [[5, 6], 6]]")));
    assert_false(is_right(N03("[[5, 6, 5, 6, 7]]")));
    assert_false(is_right(N03("[[5, 6, 7], [5, 6]]")));
    assert_false(is_right(N03("5")));
    expect_refused("a12.n03", "{\"chunk\": [1, 2]}", "ids");
    expect_refused("a12.n03", "{\"chunk\": [1, 2.5, 3], \"block_size\": 2}", "id");
    expect_slip("a12.n03", "{\"chunk\": [5, 6, 7], \"block_size\": 2}",
                "{\"count\": 2, \"examples\": [[5, 5], [5, 6, 6]]}", "examples",
                "targets seem to be the inputs");
    expect_exercise("a12.n03", contexts);
}

static void windows(const json_t *p, json_t *answer)
{
    static table data, starts;
    const int64_t T = (int64_t)param(p, "block_size"), i = (int64_t)param(p, "i"), j = (int64_t)param(p, "j");
    double in[4096], out[4096];

    param_table(p, "data", &data);
    param_table(p, "starts", &starts);
    for (int64_t k = 0; k < starts.columns * T; k++) {
        in[k] = data.at[(int64_t)starts.at[k / T] + k % T];
        out[k] = data.at[(int64_t)starts.at[k / T] + k % T + 1];
    }
    json_object_set_new(answer, "inputs", matrix_of(in, starts.columns, T));
    json_object_set_new(answer, "targets", matrix_of(out, starts.columns, T));
    put(answer, "examples", (double)(starts.columns * T));
    json_object_set_new(answer, "question_context", list_of(in + i * T, j + 1));
    put(answer, "question_target", out[i * T + j]);
}

static void targets_are_one_further_on(void **state)
{
    (void)state;
    expect_exercise("a12.n04", windows);
    expect_exercise_with("a12.n04", "{\"starts\": [31], \"i\": 0, \"j\": 7}", windows);
    expect_refused("a12.n04", "{\"starts\": [32], \"i\": 0}", "starts");
    expect_refused("a12.n04", "{\"i\": 4}", "i:");
    expect_refused("a12.n04", "{\"j\": 8}", "j:");
}

/* --- the bigram model --- */

typedef struct bigram {
    table table, x, y;
} bigram;

static void take(const json_t *p, bigram *b)
{
    param_table(p, "table", &b->table);
    param_table(p, "x", &b->x);
    param_table(p, "y", &b->y);
}

static double loss_of(const bigram *b, int64_t t)
{
    const double *row = b->table.at + (int64_t)b->x.at[t] * b->table.columns;
    double sum = 0.0;

    for (int64_t j = 0; j < b->table.columns; j++)
        sum += exp(row[j]);
    return log(sum) - row[(int64_t)b->y.at[t]];
}

static double mean_loss(const bigram *b)
{
    double sum = 0.0;

    for (int64_t t = 0; t < b->x.columns; t++)
        sum += loss_of(b, t);
    return sum / (double)b->x.columns;
}

static json_t *logits_of(const bigram *b)
{
    double out[4096];

    for (int64_t i = 0; i < b->x.columns * b->table.columns; i++)
        out[i] = b->table.at[(int64_t)b->x.at[i / b->table.columns] * b->table.columns + i % b->table.columns];
    return matrix_of(out, b->x.columns, b->table.columns);
}

static void logits_and_loss(const json_t *p, json_t *answer)
{
    static bigram b;
    double each[4096];

    take(p, &b);
    for (int64_t t = 0; t < b.x.columns; t++)
        each[t] = loss_of(&b, t);
    json_object_set_new(answer, "logits", logits_of(&b));
    json_object_set_new(answer, "losses", list_of(each, b.x.columns));
    put(answer, "loss", mean_loss(&b));
    put(answer, "uniform_loss", log((double)b.table.columns));
}

static void forward(const json_t *p, json_t *answer)
{
    static bigram b;

    take(p, &b);
    json_object_set_new(answer, "logits", logits_of(&b));
    put(answer, "loss", mean_loss(&b));
    json_object_set_new(answer, "loss_without_targets", json_null());
}

/* Central differences of the mean loss: right to about 1e-10 with this step. */
static void slopes(bigram *b, double *out)
{
    const double h = 1e-5;

    for (int64_t i = 0; i < b->table.rows * b->table.columns; i++) {
        const double at = b->table.at[i];
        double up;
        b->table.at[i] = at + h;
        up = mean_loss(b);
        b->table.at[i] = at - h;
        out[i] = (up - mean_loss(b)) / (2.0 * h);
        b->table.at[i] = at;
    }
}

static void two_steps(const json_t *p, json_t *answer)
{
    static bigram b;
    const double lr = param(p, "lr");
    double first[4096], second[4096], kept[4096];
    int64_t n;

    take(p, &b);
    n = b.table.rows * b.table.columns;
    slopes(&b, first);
    json_object_set_new(answer, "gradient", matrix_of(first, b.table.rows, b.table.columns));
    for (int64_t i = 0; i < n; i++)
        b.table.at[i] -= lr * first[i];
    json_object_set_new(answer, "after_one_step", matrix_of(b.table.at, b.table.rows, b.table.columns));
    slopes(&b, second);
    for (int64_t i = 0; i < n; i++) {
        b.table.at[i] -= lr * second[i];
        kept[i] = b.table.at[i] - lr * first[i];
    }
    json_object_set_new(answer, "after_two_steps", matrix_of(b.table.at, b.table.rows, b.table.columns));
    json_object_set_new(answer, "after_two_steps_without_zeroing",
                        matrix_of(kept, b.table.rows, b.table.columns));
}

static void a_bigram_model_and_its_steps(void **state)
{
    (void)state;
    expect_exercise("a12.n05", logits_and_loss);
    expect_exercise("a12.n07", forward);
    expect_exercise("a12.n09", two_steps);
    expect_exercise_with("a12.n05",
                         "{\"table\": [[30, -30], [0.5, 0.25]], \"x\": [0, 1, 1, 0], \"y\": [0, 1, 0, 1]}",
                         logits_and_loss);
    expect_exercise_with("a12.n09", "{\"x\": [0, 0, 0, 1], \"y\": [1, 1, 2, 0], \"lr\": 5}", two_steps);
    expect_refused("a12.n05", "{\"x\": [0, 1, 3]}", "x:");
    expect_refused("a12.n05", "{\"y\": [0, 1]}", "targets");
    expect_refused("a12.n09", "{\"y\": [0, 1, -1]}", "y:");
    expect_slip("a12.n05", "{}", "{\"logits\": 0, \"losses\": 0, \"loss\": 0.742, \"uniform_loss\": 0}", "loss",
                "sum");
}

static void no_loss_is_to_be_said(void **state)
{
    (void)state;
#define N07(loss)                                                                                            \
    "{\"id\": \"a12.n07\", \"params\": {\"table\": [[0, 0], [0, 0]], \"x\": [0], \"y\": [1]}, \"answer\": {" \
    "\"loss\": 0.6931472, \"logits\": [[0, 0]]" loss "}}"
    assert_true(is_right(N07(", \"loss_without_targets\": null")));
    assert_true(is_right(N07(", \"loss_without_targets\": \"None\"")));
    assert_false(is_right(N07(", \"loss_without_targets\": \"zero\"")));
    assert_false(is_right(N07("")));
}

static void bigram_sizes(const json_t *p, json_t *answer)
{
    const double B = param(p, "batch"), T = param(p, "block_size"), V = param(p, "vocab_size");

    put_sizes(answer, "logits", 3, (double[]){B, T, V});
    put_sizes(answer, "table", 2, (double[]){V, V});
    put(answer, "parameters", V * V);
    put(answer, "initial_loss_zero_logits", log(V));
}

static void unrolled(const json_t *p, json_t *answer)
{
    const double B = param(p, "B"), T = param(p, "T"), C = param(p, "C");

    put_sizes(answer, "logits", 2, (double[]){B * T, C});
    put_sizes(answer, "targets", 1, (double[]){B * T});
    put(answer, "row_of_b_t", param(p, "b") * T + param(p, "t"));
    put_sizes(answer, "b_t_of_last_row", 2, (double[]){B - 1, T - 1});
}

static void written(const json_t *p, json_t *answer)
{
    const double start = param(p, "start_len"), n = param(p, "new"), block = param(p, "block_size");

    put(answer, "final_length", start + n);
    put(answer, "forward_passes", n);
    put(answer, "longest_context_fed", fmin(block, start + n - 1));
}

static void spread(const json_t *p, json_t *answer)
{
    static table x;
    double mean = 0.0, squares = 0.0, n;

    param_table(p, "losses", &x);
    n = (double)x.columns;
    for (int64_t i = 0; i < x.columns; i++)
        mean += x.at[i] / n;
    for (int64_t i = 0; i < x.columns; i++)
        squares += (x.at[i] - mean) * (x.at[i] - mean);
    put(answer, "mean", mean);
    put(answer, "std_of_mean", sqrt(squares / (n - 1.0)) / sqrt(n));
}

static void sizes_and_counts_of_the_bigram(void **state)
{
    (void)state;
    expect_exercise("a12.n05b", bigram_sizes);
    expect_exercise("a12.n06", unrolled);
    expect_exercise("a12.n08", written);
    expect_exercise("a12.n10", spread);
    expect_exercise_with("a12.n05b", "{\"vocab_size\": 50257}", bigram_sizes);
    expect_exercise_with("a12.n08", "{\"start_len\": 3, \"new\": 1, \"block_size\": 64}", written);
    expect_exercise_with("a12.n10", "{\"losses\": [2, 4]}", spread);
    expect_refused("a12.n06", "{\"b\": 4}", "b:");
    expect_refused("a12.n10", "{\"losses\": [2]}", "two");
    expect_slip("a12.n06", "{}",
                "{\"logits\": [32, 65], \"targets\": [32], \"row_of_b_t\": 14, \"b_t_of_last_row\": [3, 7]}",
                "row_of_b_t", "rows and columns");
    expect_slip("a12.n10", "{}", "{\"mean\": 2.51, \"std_of_mean\": 0.03921}", "std_of_mean", "n - 1");
}

/* --- means of the past --- */

static void means_of(const table *x, double *means, double *sums)
{
    for (int64_t c = 0; c < x->columns; c++) {
        double sum = 0.0;
        for (int64_t i = 0; i < x->rows; i++) {
            sum += x->at[i * x->columns + c];
            sums[i * x->columns + c] = sum;
            means[i * x->columns + c] = sum / (double)(i + 1);
        }
    }
}

static json_t *even_weights(int64_t n)
{
    double w[4096];

    for (int64_t i = 0; i < n * n; i++)
        w[i] = i % n <= i / n ? 1.0 / (double)(i / n + 1) : 0.0;
    return matrix_of(w, n, n);
}

static void by_loop(const json_t *p, json_t *answer)
{
    static table x;
    double means[4096], sums[4096];

    param_table(p, "x", &x);
    means_of(&x, means, sums);
    json_object_set_new(answer, "output", matrix_of(means, x.rows, x.columns));
}

static void by_product(const json_t *p, json_t *answer)
{
    static table x;
    double means[4096], sums[4096];

    param_table(p, "x", &x);
    means_of(&x, means, sums);
    json_object_set_new(answer, "output", matrix_of(means, x.rows, x.columns));
    json_object_set_new(answer, "running_sum", matrix_of(sums, x.rows, x.columns));
    json_object_set_new(answer, "weights", even_weights(x.rows));
}

static void by_softmax(const json_t *p, json_t *answer)
{
    const int64_t n = (int64_t)param(p, "seq_len");
    double masked[4096] = {0};

    hide_later(masked, n, n);
    json_object_set_new(answer, "masked", matrix_of(masked, n, n));
    json_object_set_new(answer, "weights", even_weights(n));
}

static void closeness(const json_t *p, json_t *answer)
{
    static table a, b;
    double most = 0.0;
    bool strict = true, loose = true;

    param_table(p, "a", &a);
    param_table(p, "b", &b);
    for (int64_t i = 0; i < a.columns; i++) {
        const double apart = fabs(a.at[i] - b.at[i]);
        most = fmax(most, apart);
        strict = strict && apart <= 1e-8 + 1e-5 * fabs(b.at[i]);
        loose = loose && apart <= 1e-7 + 1e-5 * fabs(b.at[i]);
    }
    put(answer, "max_difference", most);
    json_object_set_new(answer, "allclose_default", json_boolean(strict));
    json_object_set_new(answer, "allclose_atol_1e-7", json_boolean(loose));
}

static void means_in_three_ways(void **state)
{
    (void)state;
    expect_exercise("a12.n12", by_loop);
    expect_exercise("a12.n13", by_product);
    expect_exercise("a12.n14", closeness);
    expect_exercise("a12.n15", by_softmax);
    expect_exercise_with("a12.n12", "{\"x\": [[0.25, -1, 4], [1, 1, 1]]}", by_loop);
    expect_exercise_with("a12.n13", "{\"x\": [[3], [1], [-4], [1], [5], [9], [2], [6]]}", by_product);
    /* the verdict is computed: large numbers pass by rtol alone, one near 0 does not */
    expect_exercise_with("a12.n14", "{\"a\": [100.0005], \"b\": [100]}", closeness);
    expect_exercise_with("a12.n14", "{\"a\": [100, 1e-6], \"b\": [100, 0]}", closeness);
    expect_exercise_with("a12.n15", "{\"seq_len\": 1}", by_softmax);
    expect_exercise_with("a12.n15", "{\"seq_len\": 60}", by_softmax);
    expect_refused("a12.n14", "{\"a\": [1]}", "equal length");
    expect_refused("a12.n15", "{\"seq_len\": 100000}", "seq_len");
    expect_slip("a12.n12", "{}", "{\"output\": [[2, 7], [8, 11], [14, 16]]}", "output", "sum");
    expect_slip("a12.n15", "{\"seq_len\": 2}",
                "{\"masked\": [[0, 0], [\"-inf\", 0]], \"weights\": [[0.5, 0.5], [0, 1]]}", "weights", "mask");
}

/* --- one head --- */

static void table_and_head(const json_t *p, json_t *answer)
{
    const double V = param(p, "vocab_size"), n = param(p, "n_embd"), B = param(p, "batch"),
                 T = param(p, "block_size");

    put_sizes(answer, "token_table", 2, (double[]){V, n});
    put_sizes(answer, "embedded", 3, (double[]){B, T, n});
    put_sizes(answer, "logits", 3, (double[]){B, T, V});
    put(answer, "parameters", 2 * V * n + V);
    put(answer, "bigram_parameters", V * V);
}

static void positions(const json_t *p, json_t *answer)
{
    const double n = param(p, "n_embd"), B = param(p, "batch"), T = param(p, "block_size");

    put_sizes(answer, "table", 2, (double[]){T, n});
    put_sizes(answer, "looked_up", 2, (double[]){T, n});
    put_sizes(answer, "sum", 3, (double[]){B, T, n});
    put(answer, "added_parameters", T * n);
}

static void one_head(const json_t *p, json_t *answer)
{
    const double n = param(p, "n_embd"), B = param(p, "batch"), T = param(p, "block_size"),
                 h = param(p, "head_size");

    put_sizes(answer, "q", 3, (double[]){B, T, h});
    put_sizes(answer, "wei", 3, (double[]){B, T, T});
    put_sizes(answer, "out", 3, (double[]){B, T, h});
    put(answer, "parameters_no_bias", 3 * n * h);
    put(answer, "parameters_with_bias", 3 * n * h + 3 * h);
}

static void products(const json_t *p, json_t *answer)
{
    const double B = param(p, "B"), T = param(p, "T"), C = param(p, "C");

    put_sizes(answer, "shared_weights_times_x", 3, (double[]){B, T, C});
    put_sizes(answer, "q_times_k_transposed", 3, (double[]){B, T, T});
    put_sizes(answer, "weights_times_v", 3, (double[]){B, T, C});
}

static void times(const table *a, const table *b, table *out)
{
    out->rows = a->rows;
    out->columns = b->columns;
    for (int64_t i = 0; i < out->rows * out->columns; i++) {
        out->at[i] = 0.0;
        for (int64_t c = 0; c < a->columns; c++)
            out->at[i] += a->at[i / b->columns * a->columns + c] * b->at[c * b->columns + i % b->columns];
    }
}

static void put_head(json_t *answer, const table *q, const table *k, const table *v, bool scaled,
                     const char *weights, const char *out)
{
    static table w, y;
    double s[4096];

    scores_of(q, k, scaled, s);
    hide_later(s, q->rows, k->rows);
    softmax_rows(s, q->rows, k->rows, w.at);
    w.rows = q->rows;
    w.columns = k->rows;
    times(&w, v, &y);
    json_object_set_new(answer, weights, matrix_of(w.at, w.rows, w.columns));
    json_object_set_new(answer, out, matrix_of(y.at, y.rows, y.columns));
}

static void whole_head(const json_t *p, json_t *answer)
{
    static table x, w, q, k, v;

    param_table(p, "x", &x);
    param_table(p, "Wq", &w);
    times(&x, &w, &q);
    param_table(p, "Wk", &w);
    times(&x, &w, &k);
    param_table(p, "Wv", &w);
    times(&x, &w, &v);
    put_head(answer, &q, &k, &v, false, "weights_unscaled", "out_unscaled");
    put_head(answer, &q, &k, &v, true, "weights", "out");
}

static void up_to_one_head(void **state)
{
    (void)state;
    expect_exercise("a12.n16", table_and_head);
    expect_exercise("a12.n18", positions);
    expect_exercise("a12.n19", one_head);
    expect_exercise("a12.n20", products);
    expect_exercise("a12.n21", whole_head);
    expect_exercise_with("a12.n16", "{\"vocab_size\": 50257, \"n_embd\": 768}", table_and_head);
    expect_exercise_with("a12.n19", "{\"batch\": 1, \"block_size\": 1024, \"n_embd\": 768, \"head_size\": 64}",
                         one_head);
    expect_exercise_with(
        "a12.n21",
        "{\"x\": [[1, 0], [0, 1], [1, 1], [2, 0], [0, 2]], \"Wq\": [[1], [2]], \"Wk\": [[0.5], [1]],"
        " \"Wv\": [[1, 0, 2], [0, 1, 1]]}",
        whole_head);
    expect_refused("a12.n21", "{\"Wk\": [[1]]}", "");
    expect_refused("a12.n19", "{\"head_size\": 0}", "head_size");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_videos_in_numbers),      cmocka_unit_test(characters_are_numbered_by_their_codes),
        cmocka_unit_test(letters_count_as_they_are),  cmocka_unit_test(a_blank_can_be_typed),
        cmocka_unit_test(a_share_is_rounded_down),    cmocka_unit_test(a_chunk_holds_a_triangle_of_examples),
        cmocka_unit_test(targets_are_one_further_on), cmocka_unit_test(a_bigram_model_and_its_steps),
        cmocka_unit_test(no_loss_is_to_be_said),      cmocka_unit_test(sizes_and_counts_of_the_bigram),
        cmocka_unit_test(means_in_three_ways),        cmocka_unit_test(up_to_one_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
