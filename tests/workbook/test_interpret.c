/* SPDX-License-Identifier: MIT */
/* Group N against its definitions in double precision. */
#include "workbook/oracle.h"

#include "../cmocka_all.h"

#include <ctype.h>
#include <heed/workbook.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* --- induction --- */

static void induction(const json_t *p, json_t *answer)
{
    const json_t *list = json_object_get(p, "sequence");
    const int n = (int)json_array_size(list);
    int at = n - 2;

    while (strcmp(json_string_value(json_array_get(list, (size_t)at)),
                  json_string_value(json_array_get(list, (size_t)n - 1))) != 0)
        at--;
    json_object_set_new(answer, "attended_position_0based", json_integer(at + 1));
    json_object_set(answer, "attended_token", json_array_get(list, (size_t)at + 1));
    json_object_set(answer, "predicted_token", json_array_get(list, (size_t)at + 1));
    json_object_set_new(answer, "match_position_0based", json_integer(at));
}

static void an_induction_head_looks_behind_the_latest_match(void **state)
{
    (void)state;
    expect_exercise("ch12.e08", induction);
    expect_exercise_with("ch12.e08", "{\"sequence\": [\"A\", \"B\", \"A\", \"C\", \"A\"]}", induction);
    expect_exercise_with("ch12.e08", "{\"sequence\": [\"x\", \"x\"]}", induction);
    expect_exercise_with("ch12.e08", "{\"sequence\": [\"the\", \"cat\", \"and\", \"the\"]}", induction);
    expect_refused("ch12.e08", "{\"sequence\": [\"A\", \"B\"]}", "to stand there before");
    expect_refused("ch12.e08", "{\"sequence\": [\"A\"]}", "sequence");
    expect_refused("ch12.e08", "{\"sequence\": [1, 1]}", "texts");
    /* the match itself, as some descriptions have it: the head is said to go there first */
    expect_slip("ch12.e08", "{}",
                "{\"attended_position_0based\": 0, \"attended_token\": \"A\", \"predicted_token\": \"B\","
                " \"match_position_0based\": 0}",
                "attended_token", "match itself");
    expect_slip("ch12.e08", "{\"sequence\": [\"A\", \"B\", \"A\", \"C\", \"A\"]}",
                "{\"attended_position_0based\": 1, \"attended_token\": \"B\", \"predicted_token\": \"B\","
                " \"match_position_0based\": 0}",
                "predicted_token", "first match");
}

/* --- the same token twice --- */

static void outputs(const json_t *p, bool causal, double *out)
{
    static table tokens, E, w[3];
    double x[1024], m[3][1024];

    param_table(p, "tokens", &tokens);
    param_table(p, "E", &E);
    param_table(p, "Wq", &w[0]);
    param_table(p, "Wk", &w[1]);
    param_table(p, "Wv", &w[2]);
    for (int64_t i = 0; i < tokens.columns; i++)
        memcpy(x + i * E.columns, E.at + (int64_t)tokens.at[i] * E.columns, (size_t)E.columns * sizeof *x);
    for (int which = 0; which < 3; which++) {
        for (int64_t i = 0; i < tokens.columns * w[which].columns; i++) {
            const int64_t row = i / w[which].columns, column = i % w[which].columns;
            m[which][i] = 0.0;
            for (int64_t c = 0; c < E.columns; c++)
                m[which][i] += x[row * E.columns + c] * w[which].at[c * w[which].columns + column];
        }
    }
    for (int64_t i = 0; i < tokens.columns; i++) {
        double e[64], sum = 0.0;
        for (int64_t j = 0; j < tokens.columns; j++) {
            double s = 0.0;
            for (int64_t c = 0; c < w[0].columns; c++)
                s += m[0][i * w[0].columns + c] * m[1][j * w[0].columns + c];
            e[j] = causal && j > i ? 0.0 : exp(s / sqrt((double)w[0].columns));
            sum += e[j];
        }
        for (int64_t c = 0; c < w[2].columns; c++) {
            out[i * w[2].columns + c] = 0.0;
            for (int64_t j = 0; j < tokens.columns; j++)
                out[i * w[2].columns + c] += e[j] / sum * m[2][j * w[2].columns + c];
        }
    }
}

static double apart(const json_t *p, const double *out, int64_t n)
{
    static table pair;
    double largest = 0.0;

    param_table(p, "pair", &pair);
    for (int64_t c = 0; c < n; c++)
        largest = fmax(largest,
                       fabs(out[((int64_t)pair.at[0] - 1) * n + c] - out[((int64_t)pair.at[1] - 1) * n + c]));
    return largest;
}

static void equal_tokens(const json_t *p, json_t *answer)
{
    const int64_t T = (int64_t)json_array_size(json_object_get(p, "tokens"));
    const int64_t n = (int64_t)json_array_size(json_array_get(json_object_get(p, "Wv"), 0));
    double open[1024], causal[1024];

    outputs(p, false, open);
    outputs(p, true, causal);
    json_object_set_new(answer, "out_unmasked", matrix_of(open, T, n));
    json_object_set_new(answer, "out_causal", matrix_of(causal, T, n));
    json_object_set_new(answer, "difference_unmasked", json_real(apart(p, open, n)));
    json_object_set_new(answer, "difference_causal", json_real(apart(p, causal, n)));
}

static void equal_tokens_differ_through_the_mask_alone(void **state)
{
    (void)state;
    expect_exercise("ch12.e12", equal_tokens);
    expect_exercise_with("ch12.e12", "{\"tokens\": [3, 3, 1, 0, 3], \"pair\": [5, 2]}", equal_tokens);
    expect_refused("ch12.e12", "{\"tokens\": [4, 4, 4]}", "tokens");
    expect_refused("ch12.e12", "{\"pair\": [0, 1]}", "pair");
    expect_refused("ch12.e12", "{\"pair\": [1, 2, 3]}", "pair");
    expect_refused("ch12.e12", "{\"Wq\": [[1]]}", "");
}

/* How far two rows are apart may be said by the length of their difference, too: sqrt(0.149981^2 + 0.139056^2 + 0.208796^2) */
static void another_measure_of_distance_is_right_with_a_remark(void **state)
{
    static const char *const typed[] = {
        "0.11827075 0.17416949 0.12880703; -0.11658186 0.06137242 0.05146978; "
        "0.11827075 0.17416949 0.12880703; -0.72234029 -0.17227780 -0.19126946",
        "-0.774 -0.3275 -0.1098; -0.93095057 -0.1819819 -0.32829894; "
        "-0.92398094 -0.18844403 -0.31859558; -0.72234029 -0.17227780 -0.19126946",
        "0", "0.292278"};
    heed_workbook *book = NULL;
    heed_posing *posing = NULL;
    heed_marking *marking = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_workbook_open(&book, &err), HEED_OK);
    assert_int_equal(heed_workbook_pose(book, "ch12.e12", 0, &posing, &err), HEED_OK);
    assert_int_equal(heed_posing_answer(posing, typed, &marking, &err), HEED_OK);
    for (int i = 0; i < heed_marking_n_fields(marking); i++) {
        const heed_marking_field *f = heed_marking_field_at(marking, i);
        if (!f->ok)
            fail_msg("%s: %s, expected %s", f->name, f->words, f->expected);
    }
    assert_non_null(heed_marking_field_at(marking, 3)->remark);
    heed_marking_destroy(marking);
    heed_posing_destroy(posing);
    heed_workbook_close(book);
}

/* --- scores of a head --- */

static void head_scores(const json_t *p, json_t *answer)
{
    static table w, parting;
    double sum[4] = {0};

    param_table(p, "weights", &w);
    param_table(p, "delimiters", &parting);
    for (int64_t i = 1; i < w.rows; i++) {
        sum[0] += w.at[i * w.columns + i - 1];
        sum[1] += w.at[i * w.columns];
        for (int64_t k = 0; k < parting.columns; k++) {
            if ((int64_t)parting.at[k] <= i) {
                sum[2] += w.at[i * w.columns + (int64_t)parting.at[k]];
                sum[3] += 1.0 / (double)(i + 1);
            }
        }
    }
    json_object_set_new(answer, "previous_token", json_real(sum[0] / (double)(w.rows - 1)));
    json_object_set_new(answer, "first_token", json_real(sum[1] / (double)(w.rows - 1)));
    json_object_set_new(answer, "delimiter", json_real(sum[2] / (double)(w.rows - 1)));
    json_object_set_new(answer, "delimiter_share_of_visible", json_real(sum[3] / (double)(w.rows - 1)));
}

static void scores_of_a_head_are_means_over_rows_with_a_choice(void **state)
{
    (void)state;
    expect_exercise("ch12.e17a", head_scores);
    expect_exercise_with("ch12.e17a", "{\"delimiters\": []}", head_scores);
    expect_exercise_with("ch12.e17a", "{\"delimiters\": [0, 3]}", head_scores);
    /* a sink is no delimiter head: all weight on column 0 */
    expect_exercise_with("ch12.e17a", "{\"weights\": [[1, 0, 0], [1, 0, 0], [1, 0, 0]], \"delimiters\": [1]}",
                         head_scores);
    expect_refused("ch12.e17a", "{\"weights\": [[1, 0]]}", "square");
    expect_refused("ch12.e17a", "{\"delimiters\": [4]}", "delimiters");
    expect_slip("ch12.e17a", "{}",
                "{\"previous_token\": 0.625, \"first_token\": 0.35, \"delimiter\": 0.25,"
                " \"delimiter_share_of_visible\": 0.1944}",
                "previous_token", "first row");
}

static void pretrained(const json_t *p, json_t *answer)
{
    const double L = param(p, "layers"), H = param(p, "heads"), d = param(p, "d");

    json_object_set_new(answer, "attention_maps", json_real(L * H));
    json_object_set_new(answer, "d_head", json_real(d / H));
    json_object_set_new(
        answer, "parameters_tied",
        json_real((param(p, "vocab") + param(p, "positions")) * d + L * (12 * d * d + 13 * d) + 2 * d));
}

static void a_pretrained_model_is_counted(void **state)
{
    (void)state;
    expect_exercise("ch12.e17b", pretrained);
    expect_exercise_with("ch12.e17b", "{\"layers\": 12}", pretrained);
    expect_exercise_with(
        "ch12.e17b", "{\"layers\": 2, \"heads\": 3, \"d\": 12, \"vocab\": 7, \"positions\": 5}", pretrained);
    expect_refused("ch12.e17b", "{\"heads\": 7}", "n_heads");
    expect_refused("ch12.e17b", "{\"layers\": 1000000000}", "layers");
}

/* --- words --- */

static bool is_word(const json_t *word, const char *wanted)
{
    const char *text = json_string_value(word);
    size_t n = strlen(text);

    while (n > 0 && ispunct((unsigned char)text[n - 1]))
        n--;
    return n == strlen(wanted) && strncmp(text, wanted, n) == 0;
}

static void window(const json_t *p, json_t *answer)
{
    const json_t *words = json_object_get(p, "words");
    int source = -1, target = -1;

    for (int i = 0; i < (int)json_array_size(words); i++) {
        if (is_word(json_array_get(words, (size_t)i), json_string_value(json_object_get(p, "source"))))
            source = i;
        if (is_word(json_array_get(words, (size_t)i), json_string_value(json_object_get(p, "target"))))
            target = i;
    }
    json_object_set_new(answer, "distance", json_integer(target - source));
    json_object_set_new(answer, "smallest_window", json_integer(target - source));
}

static void a_window_reaches_back_to_the_noun(void **state)
{
    (void)state;
    expect_exercise("s5.e5.1c", window);
    expect_exercise_with("s5.e5.1c", "{\"words\": [\"cat,\", \"tired\"]}", window);
    expect_refused("s5.e5.1c", "{\"source\": \"dog\"}", "source");
    expect_refused("s5.e5.1c", "{\"source\": \"tired\", \"target\": \"cat\"}", "before the target");
    expect_refused("s5.e5.1c", "{\"words\": []}", "words");
}

static void reference(const json_t *p, json_t *answer)
{
    static const char *const living[] = {"tired", "hungry", "sleepy", "bored"};
    const char *text = json_string_value(json_object_get(p, "sentence"));
    bool alive = false;

    for (int i = 0; i < 4; i++)
        alive = alive || strstr(text, living[i]) != NULL;
    json_object_set_new(answer, "choice", json_string(alive ? "first" : "second"));
}

static void the_last_word_decides_what_it_means(void **state)
{
    (void)state;
    expect_exercise("s5.e5.1b", reference);
    expect_exercise_with("s5.e5.1b", "{\"sentence\": \"The dog lay on the rug, because it was soft.\"}",
                         reference);
    expect_refused("s5.e5.1b", "{\"sentence\": \"\"}", "two nouns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_induction_head_looks_behind_the_latest_match),
        cmocka_unit_test(equal_tokens_differ_through_the_mask_alone),
        cmocka_unit_test(another_measure_of_distance_is_right_with_a_remark),
        cmocka_unit_test(scores_of_a_head_are_means_over_rows_with_a_choice),
        cmocka_unit_test(a_pretrained_model_is_counted),
        cmocka_unit_test(a_window_reaches_back_to_the_noun),
        cmocka_unit_test(the_last_word_decides_what_it_means),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
