/* SPDX-License-Identifier: MIT */
/* The record of heads over a run: what is written is what was measured, it goes on where a run goes on, and it is checked. */
#include "../cmocka_all.h"

#include <heed/head_history.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../folder.h"
#include "../infer/small_model.h"

enum { CONTEXT = 24 };

/* A new folder for a run. */
static void make_run(char out[160])
{
    static int n;
    char name[32];
    heed_error err = {0};

    snprintf(name, sizeof name, "run-%d", n++);
    snprintf(out, 160, "%s", inside(name));
    assert_int_equal(heed_folder_make(out, &err), HEED_OK);
}

static heed_model *model_of(uint64_t seed)
{
    heed_config config = small_config();

    config.context_length = CONTEXT;
    return small_model(&config, seed);
}

static const heed_head_recorder_options usual = {
    .text = "abcabcab", .patterns = "0.1,1.0", .length = 6, .seed = 5};

static heed_head_recorder *open_recorder(const char *where, const heed_model *model, int64_t step,
                                         const heed_head_recorder_options *options)
{
    heed_head_recorder *recorder = NULL;
    heed_error err = {0};

    if (heed_head_recorder_open(where, model, step, options, &recorder, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return recorder;
}

static heed_head_history *read_history(const char *where)
{
    heed_head_history *history = NULL;
    heed_error err = {0};

    if (heed_head_history_read(where, &history, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return history;
}

/* A record of models with other weights at each of the steps 0, 10, 20, … */
static void record(const char *where, int n)
{
    heed_model *model = model_of(1);
    heed_head_recorder *recorder = open_recorder(where, model, 0, &usual);
    heed_error err = {0};

    heed_model_close(model);
    for (int i = 1; i < n; i++) {
        model = model_of((uint64_t)i + 1);
        assert_int_equal(heed_head_recorder_take(recorder, model, 10 * i, 3.0 - 0.1 * i, &err), HEED_OK);
        heed_model_close(model);
    }
    heed_head_recorder_close(recorder);
}

/* Five digits are kept of scores; NaN stays NaN. */
static void expect_near(double got, double expected, double tolerance)
{
    if (isnan(expected) ? !isnan(got) : !(fabs(got - expected) <= tolerance * (1.0 + fabs(expected))))
        fail_msg("%.9g, expected %.9g", got, expected);
}

static void expect_state(const heed_head_state *got, const heed_head_scores *expected)
{
    expect_near(got->entropy, expected->entropy, 1e-4);
    expect_near(got->entropy_share, expected->entropy_share, 1e-4);
    expect_near(got->largest, expected->largest, 1e-4);
    expect_near(got->stripe, expected->stripe, 1e-4);
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        expect_near(got->gain[role], expected->roles[role].gain, 1e-4);
        assert_int_equal(got->named[role], expected->roles[role].named);
    }
}

static void what_is_read_is_what_was_measured(void **state)
{
    const heed_repeated_options repeated = {.length = 6, .seed = 5};
    heed_model *model = model_of(3);
    heed_heads *heads = NULL, *on_text = NULL;
    heed_repeated test;
    heed_head_history *h;
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_error err = {0};
    char run[160];

    (void)state;
    make_run(run);
    record(run, 3);
    h = read_history(run);
    assert_int_equal(heed_head_history_count(h), 3);
    assert_int_equal(heed_head_history_n_layers(h), 2);
    assert_int_equal(heed_head_history_n_heads(h), 2);
    assert_int_equal(heed_head_history_at(h, 2).step, 20);
    expect_near(heed_head_history_at(h, 2).validation_loss, 2.8, 1e-8);
    assert_true(isnan(heed_head_history_at(h, 0).validation_loss));
    assert_int_equal(heed_heads_repeat(model, &repeated, &heads, &test, &err), HEED_OK);
    expect_near(heed_head_history_at(h, 2).first_loss, test.first_loss, 1e-5);
    expect_near(heed_head_history_at(h, 2).second_loss, test.second_loss, 1e-5);
    assert_int_equal(heed_model_encode(model, usual.text, strlen(usual.text), &ids, &n_ids, &err), HEED_OK);
    assert_int_equal(heed_heads_look(model, ids, 1, (int64_t)n_ids, NULL, &on_text, &err), HEED_OK);
    for (int at = 0; at < 4; at++) {
        heed_head_scores scores;
        heed_head_state got;

        heed_heads_scores(heads, HEED_HEADS_ALL, at / 2, at % 2, &scores);
        assert_true(heed_head_history_state(h, 2, false, at / 2, at % 2, &got));
        expect_state(&got, &scores);
        heed_heads_scores(on_text, HEED_HEADS_ALL, at / 2, at % 2, &scores);
        assert_true(heed_head_history_state(h, 2, true, at / 2, at % 2, &got));
        expect_state(&got, &scores);
    }
    free(ids);
    heed_heads_destroy(heads);
    heed_heads_destroy(on_text);
    heed_head_history_close(h);
    heed_model_close(model);
}

static void a_chosen_pattern_is_kept_to_three_digits(void **state)
{
    heed_model *model = model_of(2);
    heed_attention_maps *maps = NULL;
    heed_head_history *h;
    heed_error err = {0};
    char run[160];

    (void)state;
    make_run(run);
    record(run, 2);
    h = read_history(run);
    assert_int_equal(heed_attention_maps_create(model, usual.text, strlen(usual.text), &maps, &err), HEED_OK);
    assert_int_equal(heed_head_history_n_patterns(h), 2);
    for (int k = 0; k < 2; k++) {
        int layer = -1, head = -1;
        int64_t n = 0;
        const float *got = heed_head_history_pattern(h, 1, k, &n), *expected;

        heed_head_history_pattern_head(h, k, &layer, &head);
        assert_int_equal(layer, k);
        assert_int_equal(head, 1 - k);
        assert_int_equal(n, strlen(usual.text));
        expected = heed_attention_maps_pattern(maps, layer, head);
        for (int64_t i = 0; i < n * n; i++)
            assert_true(fabs((double)got[i] - (double)expected[i]) <= 0.00501 * fabs((double)expected[i]));
    }
    heed_attention_maps_destroy(maps);
    heed_head_history_close(h);
    heed_model_close(model);
}

static char *file_text(const char *where, size_t *size)
{
    char path[192];
    char *text = calloc(1, 1 << 20);
    FILE *in;

    snprintf(path, sizeof path, "%s/heads.jsonl", where);
    in = fopen(path, "rb");
    assert_non_null(in);
    *size = fread(text, 1, (1 << 20) - 1, in);
    fclose(in);
    return text;
}

static void put_file(const char *where, const char *text, size_t size)
{
    char path[192];
    FILE *out;

    snprintf(path, sizeof path, "%s/heads.jsonl", where);
    out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, size, out), size);
    fclose(out);
}

/* Lines behind the step of the checkpoint are dropped and made again, to the same bytes. */
static void a_record_goes_on_at_the_step_of_the_checkpoint(void **state)
{
    heed_head_recorder *recorder;
    heed_model *model = model_of(1);
    heed_error err = {0};
    size_t size = 0, again = 0;
    char *before, *after, run[160];

    (void)state;
    make_run(run);
    record(run, 4);
    before = file_text(run, &size);
    recorder = open_recorder(run, model, 15, NULL);
    heed_model_close(model);
    for (int i = 2; i < 4; i++) {
        model = model_of((uint64_t)i + 1);
        assert_int_equal(heed_head_recorder_take(recorder, model, 10 * i, 3.0 - 0.1 * i, &err), HEED_OK);
        heed_model_close(model);
    }
    heed_head_recorder_close(recorder);
    after = file_text(run, &again);
    assert_int_equal(again, size);
    assert_memory_equal(after, before, size);
    free(before);
    free(after);
}

static void expect_refused(const char *where, const heed_model *model,
                           const heed_head_recorder_options *options, heed_status status, const char *words)
{
    heed_head_recorder *recorder = NULL;
    heed_error err = {0};

    assert_int_equal(heed_head_recorder_open(where, model, 100, options, &recorder, &err), status);
    assert_null(recorder);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void what_cannot_be_recorded_is_refused(void **state)
{
    const heed_head_recorder_options words = {.patterns = "first"}, far = {.patterns = "0.1,2.0"},
                                     foreign = {.text = "Z"}, other_text = {.text = "ab"},
                                     other_heads = {.patterns = "0.0"}, other_length = {.length = 7};
    heed_model *model = model_of(1);
    heed_config config = small_config();
    heed_model *deeper;
    char run[160];

    (void)state;
    make_run(run);
    expect_refused(run, model, &words, HEED_ERR_USAGE, "expected heads such as 0.1,1.3, got \"first\"");
    expect_refused(run, model, &far, HEED_ERR_USAGE,
                   "patterns: \"2.0\": there is no layer 2: layers are 0 to 1");
    expect_refused(run, model, &foreign, HEED_ERR_USAGE, "\"Z\"");
    assert_false(heed_head_recorder_exists(run));
    record(run, 2);
    assert_true(heed_head_recorder_exists(run));
    expect_refused(run, model, &other_text, HEED_ERR_USAGE, "has another one");
    expect_refused(run, model, &other_heads, HEED_ERR_USAGE, "keeps other heads");
    expect_refused(run, model, &other_length, HEED_ERR_USAGE, "repeats 6 tokens");
    config.n_layers = 3;
    deeper = small_model(&config, 1);
    expect_refused(run, deeper, NULL, HEED_ERR_FILE, "expected 3 layers of 2 heads, the record has 2 of 2");
    heed_model_close(deeper);
    heed_model_close(model);
}

static heed_status read_status(const char *where, heed_error *err)
{
    heed_head_history *history = NULL;
    const heed_status status = heed_head_history_read(where, &history, err);

    heed_head_history_close(history);
    return status;
}

/* Cut anywhere, a record reads as the whole lines that it has, or says that there are none. */
static void a_record_that_is_cut_short_has_its_whole_lines(void **state)
{
    heed_error err = {0};
    size_t size = 0;
    char *whole, run[160];
    int n_read = 0;

    (void)state;
    make_run(run);
    record(run, 2);
    whole = file_text(run, &size);
    for (size_t cut = 0; cut < size; cut += 37) {
        put_file(run, whole, cut);
        if (read_status(run, &err) == HEED_OK)
            n_read++;
        else
            assert_int_equal(err.status, HEED_ERR_FILE);
    }
    assert_true(n_read > 0);
    free(whole);
}

static void a_damaged_record_is_refused(void **state)
{
    static const struct {
        const char *from, *to, *words;
    } damages[] = {
        {"\"heads\": 1", "\"heads\": 9", "\"heads\""},
        {"\"n_heads\": 2", "\"n_heads\": 3", "of 6 numbers, one a head, got 4"},
        {"\"entropy\": [", "\"entropi\": [", "expected a list \"entropy\" of 4 numbers"},
        {"\"step\": 10", "\"step\": 00", "line 3"},
        {"\"step\": 10", "\"step\": -1", "\"step\""},
        {"\"repeated\"", "\"repeates\"", "\"repeated\""},
        {"\"patterns\": [[1, ", "\"patterns\": [[", "lower triangle"},
    };
    size_t size = 0;
    char *whole, *damaged, run[160];

    (void)state;
    make_run(run);
    record(run, 2);
    whole = file_text(run, &size);
    damaged = calloc(1, size + 64);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        const char *at = strstr(whole, damages[i].from);
        heed_error err = {0};
        int n;

        assert_non_null(at);
        n = snprintf(damaged, size + 64, "%.*s%s%s", (int)(at - whole), whole, damages[i].to,
                     at + strlen(damages[i].from));
        put_file(run, damaged, (size_t)n);
        assert_int_equal(read_status(run, &err), HEED_ERR_FILE);
        if (strstr(err.message, damages[i].words) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", damages[i].to, err.message, damages[i].words);
    }
    free(damaged);
    free(whole);
}

/* A role that comes and goes has not appeared: only the last run of evaluations counts. */
static void a_head_appears_where_its_role_is_named_to_the_end(void **state)
{
    static const char lists[] =
        "\"entropy\": [1], \"entropy_share\": [1], \"largest\": [1], \"stripe\": [null], "
        "\"previous\": [0.5], \"duplicate\": [null], \"induction\": [0.1], \"delimiter\": [0], "
        "\"first\": [0]";
    static const bool previous[] = {true, false, true, true}, induction[] = {true, true, true, false};
    char text[4096] = "{\"heads\": 1, \"n_layers\": 1, \"n_heads\": 1, \"seed\": 1, \"patterns\": []}\n";
    heed_head_history *h;
    char run[160];
    int layer = -1, head = -1;

    (void)state;
    make_run(run);
    for (int i = 0; i < 4; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "{\"step\": %d, \"val_loss\": null, \"repeated\": {%s, \"named\": {\"previous\": [%s], "
                 "\"induction\": [%s]}}}\n",
                 100 * i, lists, previous[i] ? "0" : "", induction[i] ? "0" : "");
    put_file(run, text, strlen(text));
    h = read_history(run);
    assert_int_equal(heed_head_history_appears(h, HEED_HEAD_PREVIOUS, 0, 0), 200);
    assert_int_equal(heed_head_history_appears(h, HEED_HEAD_INDUCTION, 0, 0), -1);
    assert_int_equal(heed_head_history_appears(h, HEED_HEAD_FIRST, 0, 0), -1);
    assert_true(heed_head_history_best(h, 0, HEED_HEAD_PREVIOUS, &layer, &head));
    assert_false(heed_head_history_best(h, 0, HEED_HEAD_DUPLICATE, &layer, &head));
    heed_head_history_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_was_measured),
        cmocka_unit_test(a_chosen_pattern_is_kept_to_three_digits),
        cmocka_unit_test(a_record_goes_on_at_the_step_of_the_checkpoint),
        cmocka_unit_test(what_cannot_be_recorded_is_refused),
        cmocka_unit_test(a_record_that_is_cut_short_has_its_whole_lines),
        cmocka_unit_test(a_damaged_record_is_refused),
        cmocka_unit_test(a_head_appears_where_its_role_is_named_to_the_end),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
