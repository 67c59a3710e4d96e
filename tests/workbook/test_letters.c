/* SPDX-License-Identifier: MIT */
/* Heads set by hand on letters, against their definition in double precision; traps of the source among them. */
#include "../cmocka_all.h"

#include <heed/workbook.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/oracle.h"

/* --- the head, from its definition --- */

typedef struct head {
    int64_t T, nq, features;
    double *r, *q, *k, *v, *scores, *masked, *weights, *output; /* v, output: [T, 2 or 3] */
    int64_t v_dim;
} head;

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

static double *numbers(int64_t n)
{
    double *x = calloc((size_t)n + 1, sizeof *x);

    assert_non_null(x);
    return x;
}

/* y [T, rows] = each row of r through w. */
static double *through(const double *r, int64_t T, const table *w)
{
    double *y = numbers(T * w->rows);

    for (int64_t t = 0; t < T; t++) {
        for (int64_t i = 0; i < w->rows; i++) {
            for (int64_t c = 0; c < w->columns; c++)
                y[t * w->rows + i] += w->at[i * w->columns + c] * r[t * w->columns + c];
        }
    }
    return y;
}

static double *columns_of(const char *s, int64_t features)
{
    const int64_t T = (int64_t)strlen(s);
    double *r = numbers(T * features);

    for (int64_t t = 0; t < T; t++) {
        r[t * features + (is_vowel(s[t]) ? 0 : 1)] = 1.0;
        if (features == 3 && t == 0)
            r[2] = 1.0;
    }
    return r;
}

static head run_head(const char *s, int64_t features, const table *wq, const table *wk, const table *wv)
{
    const int64_t T = (int64_t)strlen(s);
    head h = {.T = T, .nq = wq->rows, .features = features, .r = columns_of(s, features)};

    h.q = through(h.r, T, wq);
    h.k = through(h.r, T, wk);
    h.v_dim = wv->rows;
    h.v = through(h.r, T, wv);
    h.scores = numbers(T * T);
    h.masked = numbers(T * T);
    h.weights = numbers(T * T);
    h.output = numbers(T * h.v_dim);
    for (int64_t i = 0; i < T; i++) {
        double sum = 0.0;

        for (int64_t j = 0; j < T; j++) {
            double *score = &h.scores[i * T + j];
            for (int64_t c = 0; c < h.nq; c++)
                *score += h.q[i * h.nq + c] * h.k[j * h.nq + c];
            h.masked[i * T + j] = j <= i ? *score : -INFINITY;
            sum += j <= i ? exp(*score) : 0.0;
        }
        for (int64_t j = 0; j <= i; j++) {
            h.weights[i * T + j] = exp(h.scores[i * T + j]) / sum;
            for (int64_t c = 0; c < h.v_dim; c++)
                h.output[i * h.v_dim + c] += h.weights[i * T + j] * h.v[j * h.v_dim + c];
        }
    }
    return h;
}

static void free_head(head *h)
{
    double *all[] = {h->r, h->q, h->k, h->v, h->scores, h->masked, h->weights, h->output};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static const char *text_of(const json_t *params)
{
    return json_string_value(json_object_get(params, "s"));
}

static head head_of(const json_t *params, int64_t features)
{
    static table wq, wk, wv;

    param_table(params, "Wq", &wq);
    param_table(params, "Wk", &wk);
    if (json_object_get(params, "Wv") != NULL)
        param_table(params, "Wv", &wv);
    else {
        wv = (table){.rows = features, .columns = features};
        for (int64_t i = 0; i < features; i++)
            wv.at[i * features + i] = 1.0;
    }
    return run_head(text_of(params), features, &wq, &wk, &wv);
}

static void put_weights(json_t *answer, const head *h)
{
    json_object_set_new(answer, "Q", matrix_of(h->q, h->T, h->nq));
    json_object_set_new(answer, "K", matrix_of(h->k, h->T, h->nq));
    json_object_set_new(answer, "scores", matrix_of(h->scores, h->T, h->T));
    json_object_set_new(answer, "masked", matrix_of(h->masked, h->T, h->T));
    json_object_set_new(answer, "weights", matrix_of(h->weights, h->T, h->T));
}

static double furthest(const double *a, const double *b, int64_t n)
{
    double most = 0.0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* --- the exercises --- */

static void labels(const json_t *params, json_t *answer)
{
    json_t *list = json_array();
    bool heard = false;

    for (const char *c = text_of(params); *c != '\0'; c++) {
        heard = heard || !is_vowel(*c);
        json_array_append_new(list, json_string(heard ? "yes" : "no"));
    }
    json_object_set_new(answer, "labels", list);
}

static void column(const json_t *params, json_t *answer)
{
    const char letter = json_string_value(json_object_get(params, "letter"))[0];

    json_object_set_new(answer, "token_id", json_integer(letter - 'a'));
    json_object_set_new(answer, "column",
                        list_of(is_vowel(letter) ? (double[]){1.0, 0.0} : (double[]){0.0, 1.0}, 2));
}

static void placed(const json_t *params, json_t *answer)
{
    const bool vowel = is_vowel(json_string_value(json_object_get(params, "letter"))[0]);
    const double token[] = {vowel, !vowel, 0.0}, place[] = {0.0, 0.0, param(params, "position") == 1.0},
                 sum[] = {vowel, !vowel, place[2]};

    json_object_set_new(answer, "token", list_of(token, 3));
    json_object_set_new(answer, "position", list_of(place, 3));
    json_object_set_new(answer, "sum", list_of(sum, 3));
}

/* (W_q a).(W_k b) */
static double score(const table *wq, const table *wk, const double *a, const double *b)
{
    double sum = 0.0;

    for (int64_t i = 0; i < wq->rows; i++) {
        double q = 0.0, k = 0.0;
        for (int64_t c = 0; c < wq->columns; c++) {
            q += wq->at[i * wq->columns + c] * a[c];
            k += wk->at[i * wk->columns + c] * b[c];
        }
        sum += q * k;
    }
    return sum;
}

static void to_consonants(const json_t *params, json_t *answer)
{
    static table wq, wk;
    const double vowel[] = {1.0, 0.0}, consonant[] = {0.0, 1.0};
    double vv, cv, vc, cc, margin;

    param_table(params, "Wq", &wq);
    param_table(params, "Wk", &wk);
    vv = score(&wq, &wk, vowel, vowel);
    cv = score(&wq, &wk, consonant, vowel);
    vc = score(&wq, &wk, vowel, consonant);
    cc = score(&wq, &wk, consonant, consonant);
    margin = fmin(vc - vv, cc - cv);
    json_object_set_new(answer, "vowel_vowel", json_real(vv));
    json_object_set_new(answer, "consonant_query_vowel_key", json_real(cv));
    json_object_set_new(answer, "vowel_query_consonant_key", json_real(vc));
    json_object_set_new(answer, "consonant_consonant", json_real(cc));
    json_object_set_new(answer, "smallest_margin", json_real(margin));
    json_object_set_new(answer, "accepted", json_boolean(margin >= 3.0));
}

static void to_first(const json_t *params, json_t *answer)
{
    static table wq, wk;
    double margin = INFINITY;

    param_table(params, "Wq", &wq);
    param_table(params, "Wk", &wk);
    for (int query = 0; query < 4; query++) {
        const double q[] = {query % 2 == 0, query % 2 == 1, query / 2};
        for (int first = 0; first < 2; first++) {
            for (int other = 0; other < 2; other++) {
                const double a[] = {first == 0, first == 1, 1.0}, b[] = {other == 0, other == 1, 0.0};
                margin = fmin(margin, score(&wq, &wk, q, a) - score(&wq, &wk, q, b));
            }
        }
    }
    json_object_set_new(answer, "smallest_margin", json_real(margin));
    json_object_set_new(answer, "accepted", json_boolean(margin >= 3.0));
}

static void weights_2(const json_t *params, json_t *answer)
{
    head h = head_of(params, 2);

    put_weights(answer, &h);
    free_head(&h);
}

static void weights_3(const json_t *params, json_t *answer)
{
    head h = head_of(params, 3);

    put_weights(answer, &h);
    free_head(&h);
}

static void output_2(const json_t *params, json_t *answer)
{
    head h = head_of(params, 2);
    const char *s = text_of(params);
    double *ideal = numbers(2 * h.T);
    bool heard = false;

    for (int64_t t = 0; t < h.T; t++) {
        heard = heard || !is_vowel(s[t]);
        ideal[2 * t + heard] = 1.0;
    }
    json_object_set_new(answer, "V", matrix_of(h.v, h.T, 2));
    json_object_set_new(answer, "output", matrix_of(h.output, h.T, 2));
    json_object_set_new(answer, "ideal", matrix_of(ideal, h.T, 2));
    json_object_set_new(answer, "largest_deviation", json_real(furthest(h.output, ideal, 2 * h.T)));
    free(ideal);
    free_head(&h);
}

static void share(const json_t *params, json_t *answer)
{
    static table wq, wk;
    const double kinds[2][2] = {{1.0, 0.0}, {0.0, 1.0}};
    head h = head_of(params, 2);
    double spread = 0.0;

    param_table(params, "Wq", &wq);
    param_table(params, "Wk", &wk);
    for (int q = 0; q < 2; q++)
        spread = fmax(spread, fabs(score(&wq, &wk, kinds[q], kinds[0]) - score(&wq, &wk, kinds[q], kinds[1])));
    put_weights(answer, &h);
    json_object_set_new(answer, "V", matrix_of(h.v, h.T, 2));
    json_object_set_new(answer, "output", matrix_of(h.output, h.T, 2));
    json_object_set_new(answer, "accepted", json_boolean(spread <= 1e-9));
    free_head(&h);
}

static double *ideal_of_first(const char *s)
{
    double *ideal = numbers(2 * (int64_t)strlen(s));

    for (size_t t = 0; t < strlen(s); t++)
        ideal[2 * t] = !is_vowel(s[0]);
    return ideal;
}

static void targets(const json_t *params, json_t *answer)
{
    double *ideal = ideal_of_first(text_of(params));

    json_object_set_new(answer, "targets", matrix_of(ideal, (int64_t)strlen(text_of(params)), 2));
    free(ideal);
}

static void output_3(const json_t *params, json_t *answer)
{
    head h = head_of(params, 3);
    double *ideal = ideal_of_first(text_of(params)), far = furthest(h.output, ideal, 2 * h.T);

    json_object_set_new(answer, "V", matrix_of(h.v, h.T, 2));
    json_object_set_new(answer, "output", matrix_of(h.output, h.T, 2));
    json_object_set_new(answer, "ideal", matrix_of(ideal, h.T, 2));
    json_object_set_new(answer, "largest_deviation", json_real(far));
    json_object_set_new(answer, "accepted", json_boolean(far <= 0.1));
    free(ideal);
    free_head(&h);
}

static void value_map(const json_t *params, json_t *answer)
{
    static table wv;
    const table wq = {1, 3, {1.0, 1.0, 0.0}}, wk = {1, 3, {0.0, 0.0, 5.0}};
    const json_t *strings = json_object_get(params, "strings");
    double most = 0.0;

    param_table(params, "Wv", &wv);
    for (size_t i = 0; i < json_array_size(strings); i++) {
        const char *s = json_string_value(json_array_get(strings, i));
        head h = run_head(s, 3, &wq, &wk, &wv);
        double *ideal = ideal_of_first(s);

        most = fmax(most, furthest(h.output, ideal, 2 * h.T));
        free(ideal);
        free_head(&h);
    }
    json_object_set_new(answer, "largest_deviation", json_real(most));
    json_object_set_new(answer, "accepted", json_boolean(most <= 0.1));
}

static void letters_have_their_columns(void **state)
{
    char params[80];

    (void)state;
    expect_exercise("a12.p1a1", column);
    for (char letter = 'a'; letter <= 'z'; letter++) {
        snprintf(params, sizeof params, "{\"letter\": \"%c\"}", letter);
        expect_exercise_with("a12.p1a1", params, column);
        snprintf(params, sizeof params, "{\"letter\": \"%c\", \"position\": %d}", letter, letter % 9 + 1);
        expect_exercise_with("a12.p2a1", params, placed);
    }
    expect_exercise("a12.p2a1", placed);
    expect_exercise_with("a12.p2a1", "{\"position\": 256}", placed);
    expect_slip("a12.p2a1", "{}", "{\"position\": [0, 0, 0]}", "position", "count from 1");
}

static void heads_on_letters_are_those_of_their_definition(void **state)
{
    (void)state;
    expect_exercise("a12.p1x", labels);
    expect_exercise_with("a12.p1x", "{\"s\": \"eaeia\"}", labels);
    expect_exercise_with("a12.p1x", "{\"s\": \"ccrs\"}", labels);
    expect_exercise("a12.p1c", weights_2);
    expect_exercise_with(
        "a12.p1c", "{\"s\": \"oyuaz\", \"Wq\": [[1, -2], [0.5, 1], [0, 3]], \"Wk\": [[2, 1], [1, 0], [0, -1]]}",
        weights_2);
    expect_exercise("a12.p1d", output_2);
    expect_exercise_with("a12.p1d", "{\"s\": \"b\"}", output_2);
    expect_exercise("a12.p1e", share);
    expect_exercise_with("a12.p1e", "{\"s\": \"zae\", \"Wk\": [[1, 2]]}", share);
    expect_exercise("a12.p2x", targets);
    expect_exercise("a12.p2c", weights_3);
    expect_exercise_with("a12.p2c", "{\"s\": \"uiz\", \"Wq\": [[1, 2, 3]], \"Wk\": [[-1, 0.5, 2]]}", weights_3);
    expect_exercise("a12.p2d", output_3);
    expect_exercise_with("a12.p2d", "{\"s\": \"uiz\", \"Wv\": [[1, 2, 3], [0, -1, 4]]}", output_3);
    expect_exercise("a12.p2d-printed", output_3);
}

static void pairs_of_maps_are_judged_by_their_property(void **state)
{
    (void)state;
    expect_exercise("a12.p1b", to_consonants);
    expect_exercise_with("a12.p1b", "{\"Wq\": [[1, 1]], \"Wk\": [[0, 2]]}", to_consonants);
    expect_exercise_with("a12.p1b", "{\"Wq\": [[1, 1]], \"Wk\": [[0, 3]]}", to_consonants);
    expect_exercise_with("a12.p1b", "{\"Wq\": [[1, -1]], \"Wk\": [[0, 5]]}", to_consonants);
    expect_exercise_with("a12.p1b", "{\"Wq\": [[1, 0], [0, 1]], \"Wk\": [[-2, 2], [-2.5, 1]]}", to_consonants);
    expect_exercise("a12.p2b", to_first);
    expect_exercise_with("a12.p2b", "{\"Wq\": [[1, 1, 0]], \"Wk\": [[0, 1, 3]]}", to_first);
    expect_exercise_with("a12.p2b", "{\"Wk\": [[0, -1, 6]]}", to_first);
    expect_exercise_with("a12.p2b", "{\"Wk\": [[-1, 0, 6]]}", to_first);
    expect_exercise_with("a12.p2b", "{\"Wq\": [[1, 1, -1]], \"Wk\": [[0, 0, 5]]}", to_first);
    expect_exercise("a12.p2d1", value_map);
    expect_exercise_with("a12.p2d1", "{\"Wv\": [[0, 0, 0], [0, 1, 0]]}", value_map);
    expect_exercise_with("a12.p2d1", "{\"Wv\": [[0, 0.95, 0], [0, 0, 0.02]]}", value_map);
}

/* --- traps of the source --- */

/* One consonant and n vowels: the output's mark falls below a half where n passes e^5, 148.4. */
static void a_consonant_is_outvoted_by_149_vowels(void **state)
{
    char s[160] = "b", params[220];

    (void)state;
    memset(s + 1, 'a', 149);
    snprintf(params, sizeof params, "{\"s\": \"%s\"}", s);
    expect_exercise_with("a12.p1d", params, output_2);
    {
        const table wq = {1, 2, {1.0, 1.0}}, wk = {1, 2, {0.0, 5.0}}, wv = {2, 2, {1.0, 0.0, 0.0, 1.0}};
        head h = run_head(s, 2, &wq, &wk, &wv);
        assert_true(h.output[2 * 148 + 1] > 0.5 && h.output[2 * 149 + 1] < 0.5);
        free_head(&h);
    }
}

static void rows_of_tokens_are_told_from_columns(void **state)
{
    (void)state;
    expect_slip("a12.p1c", "{}", "{\"Q\": [[1, 1, 1, 1, 1]]}", "Q", "rows and columns");
    expect_slip("a12.p1c", "{}", "{\"K\": [[0, 5, 5, 5, 0]]}", "K", "rows and columns");
    expect_slip("a12.p2c", "{}", "{\"K\": [[5, 0, 0, 0, 0]]}", "K", "rows and columns");
    expect_slip("a12.p1c", "{}", "{\"K\": [[1], [1], [1], [1], [1]]}", "K", "Q and K");
}

/* Scores of these heads are not divided by sqrt(n_q); with one row in W_q nobody would see it. */
static void scaling_is_a_slip_here(void **state)
{
    (void)state;
    expect_slip("a12.p1c", "{\"s\": \"ab\", \"Wq\": [[1, 1], [1, 1]], \"Wk\": [[0, 1], [0, 1]]}",
                "{\"weights\": [[1, 0], [0.1956, 0.8044]]}", "weights", "divided by sqrt(head_dim)");
}

static void the_printed_values_are_refused(void **state)
{
    (void)state;
    expect_slip("a12.p2d", "{}", "{\"V\": [[0, 1], [0, 1], [0, 1], [0, 1], [0, 0]]}", "V", "print");
    expect_slip("a12.p2d", "{}", "{\"output\": [[0, 1], [0, 1], [0, 1], [0, 1], [0, 0.9934]]}", "output",
                "print");
}

static void maps_of_the_wrong_size_are_refused(void **state)
{
    (void)state;
    expect_refused("a12.p2b", "{\"Wq\": [[1, 1]]}", "3 features");
    expect_refused("a12.p2c", "{\"Wk\": [[0, 5]]}", "3 features");
    expect_refused("a12.p1b", "{\"Wq\": [[1, 1], [1, 1]]}", "as many rows");
    expect_refused("a12.p1b", "{\"Wq\": [[1, 1, 0]]}", "2 columns");
    expect_refused("a12.p2d1", "{\"Wv\": [[0, 1, 0]]}", "2 rows");
    expect_refused("a12.p2d1", "{\"strings\": []}", "1 to 64");
    expect_refused("a12.p2d1", "{\"strings\": [3]}", "letters");
    expect_refused("a12.p1c", "{\"s\": \"\"}", "letters");
    expect_refused("a12.p1c", "{\"s\": \"a1\"}", "letter 2");
    expect_refused("a12.p1a1", "{\"letter\": \"ab\"}", "one letter");
    expect_refused("a12.p2a1", "{\"position\": 0}", "position");
    expect_refused("a12.p2a1", "{\"position\": 257}", "position");
    expect_refused("a12.p1c", "{\"Wk\": [[0, \"inf\"]]}", "numbers up to");
}

/* --- answers of people --- */

static heed_workbook *book;

/* The answer to exercise id is right or not, and its first field's words have these in them. */
static void expect_answer(const char *id, const char *const *answers, bool right, const char *words)
{
    heed_posing *p = NULL;
    heed_marking *m = NULL;
    heed_error err = {0};

    assert_int_equal(heed_workbook_pose(book, id, 0, &p, &err), HEED_OK);
    if (heed_posing_answer(p, answers, &m, &err) != HEED_OK)
        fail_msg("%s: %s", id, err.message);
    if (heed_marking_ok(m) != right)
        fail_msg("%s: \"%s\" is judged %s", id, answers[0], right ? "wrong" : "right");
    if (strstr(heed_marking_field_at(m, 0)->words, words) == NULL)
        fail_msg("%s: expected \"%s\" in \"%s\"", id, words, heed_marking_field_at(m, 0)->words);
    heed_marking_destroy(m);
    heed_posing_destroy(p);
}

static void own_maps_are_judged_by_what_they_do(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_workbook_open(&book, &err), HEED_OK);
    expect_answer("a12.p1b", (const char *[]){"1 1", "0 5"}, true, "smallest margin is 5");
    expect_answer("a12.p1b", (const char *[]){"2 2; 1 1", "-1 1; 0 2"}, true, "smallest margin is 6");
    expect_answer("a12.p1b", (const char *[]){"1 1", "0 2"}, false, "right direction, too weak");
    expect_answer("a12.p1b", (const char *[]){"1 1", "5 0"}, false, "wrong key");
    expect_answer("a12.p1b", (const char *[]){"1 1", NULL}, false, "no answer");
    expect_answer("a12.p2b", (const char *[]){"1 1 0", "0 0 3"}, true, "smallest margin is 3");
    expect_answer("a12.p2b", (const char *[]){"1 1 0", "0 1 3"}, false, "right direction, too weak");
    expect_answer("a12.p2d1", (const char *[]){"0 1 0; 0 0 0"}, true, "at most 0.1");
    expect_answer("a12.p2d1", (const char *[]){"0 0 0; 0 1 0"}, false, "exchanged");
    expect_answer("a12.p2d1", (const char *[]){"1 1 0; 0 0 0"}, false, "0.1 is allowed");
    expect_answer("a12.p1e",
                  (const char *[]){"1 1", "2 2",
                                   "1 0 0 0 0; .5 .5 0 0 0; .333 .333 .333 0 0; .25 .25 .25 .25 0; "
                                   ".2 .2 .2 .2 .2",
                                   "1 0; .5 .5; .333 .667; .25 .75; .4 .6"},
                  true, "share of consonants");
    expect_answer("a12.p1e",
                  (const char *[]){"1 1", "0 5",
                                   "1 0 0 0 0; .5 .5 0 0 0; .333 .333 .333 0 0; .25 .25 .25 .25 0; "
                                   ".2 .2 .2 .2 .2",
                                   "1 0; .5 .5; .333 .667; .25 .75; .4 .6"},
                  false, "score differently");
    expect_answer("a12.p1x", (const char *[]){"no no yes yes"}, true, "");
    expect_answer("a12.p1a2", (const char *[]){"kind"}, true, "");
    expect_answer("a12.p2a2", (const char *[]){"first"}, true, "");
    expect_answer("a12.p2d2", (const char *[]){"columns"}, true, "");
    heed_workbook_close(book);
}

/* Labels may come as truths from a program. */
static void yes_and_no_may_be_truths(void **state)
{
    const char *line =
        "{\"id\": \"a12.p1x\", \"params\": {\"s\": \"aeri\"}, \"answer\": {\"labels\": [false, 0, true, 1]}}";
    heed_workbook *all = NULL;
    char *verdict = NULL;
    bool ok = false;

    (void)state;
    assert_int_equal(heed_workbook_open(&all, NULL), HEED_OK);
    assert_int_equal(heed_workbook_mark(all, line, strlen(line), &verdict, &ok, NULL), HEED_OK);
    assert_true(ok);
    free(verdict);
    heed_workbook_close(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_have_their_columns),
        cmocka_unit_test(heads_on_letters_are_those_of_their_definition),
        cmocka_unit_test(pairs_of_maps_are_judged_by_their_property),
        cmocka_unit_test(a_consonant_is_outvoted_by_149_vowels),
        cmocka_unit_test(rows_of_tokens_are_told_from_columns),
        cmocka_unit_test(scaling_is_a_slip_here),
        cmocka_unit_test(the_printed_values_are_refused),
        cmocka_unit_test(maps_of_the_wrong_size_are_refused),
        cmocka_unit_test(own_maps_are_judged_by_what_they_do),
        cmocka_unit_test(yes_and_no_may_be_truths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
