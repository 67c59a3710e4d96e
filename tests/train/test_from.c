/* SPDX-License-Identifier: MIT */
/* A run from a checkpoint begins with its numbers, whatever they are stored as, and with its tokenizer. */
#include "run.h"

#include <heed/convert.h>
#include <unistd.h>

#include "from_case.h"

/* The next runs go on from the model root/name. */
static void go_on_from(run_case *c, const char *name)
{
    heed_error err = {0};

    start_set(c->options.from, run_path(c, name));
    if (heed_config_load(c->options.from, &c->config, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* Weights that do not move: what a run ends with is what it began with. */
static void stand_still(run_case *c)
{
    c->options.learning_rate = c->options.min_learning_rate = 0.0;
    c->options.steps = 1;
}

static void expect_same_numbers(const run_case *c, const char *a, const char *b)
{
    heed_model *x = start_open(c, a), *y = start_open(c, b);

    assert_int_equal(heed_model_n_parameters(x), heed_model_n_parameters(y));
    for (int i = 0; i < heed_model_n_parameters(x); i++) {
        const char *name = heed_model_parameter(x, i).name;
        int64_t n = 0, m = 0;
        float *p = start_numbers(x, name, &n), *q = start_numbers(y, name, &m);

        assert_int_equal(n, m);
        for (int64_t k = 0; k < n; k++) {
            if (p[k] != q[k]) /* -0, which f16 makes of what it is too coarse for, may become 0 */
                fail_msg("%s[%lld] is %.9g in %s and %.9g in %s", name, (long long)k, (double)p[k], a,
                         (double)q[k], b);
        }
        free(p);
        free(q);
    }
    heed_model_close(x);
    heed_model_close(y);
}

static void a_run_begins_with_the_numbers_of_its_checkpoint(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    go_on_from(&c, "base");
    stand_still(&c);
    c.options.seed = 5;
    c.config.dropout = 0.5;
    assert_true(run_train(&c, "fine", 1, NULL));
    expect_same_numbers(&c, "base", "fine");
    run_close(&c);
}

/* bf16, f16, 8 bits, three files, names without the prefix, a head of its own. */
static void every_form_of_a_checkpoint_is_widened(void **state)
{
    static const heed_convert_options forms[] = {
        {.dtype = HEED_CONVERT_BF16, .prefix = true},
        {.dtype = HEED_CONVERT_F16},
        {.dtype = HEED_CONVERT_INT8, .prefix = true},
        {.max_shard_bytes = 3000, .prefix = true},
        {.dtype = HEED_CONVERT_BF16, .head = HEED_CONVERT_HEAD_UNTIED, .prefix = true},
    };
    run_case c;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (heed_model_convert(run_path(&c, "base"), run_path(&c, "form"), &forms[i], NULL, &err) != HEED_OK)
            fail_msg("%s", err.message);
        go_on_from(&c, "form");
        stand_still(&c);
        assert_true(run_train(&c, "fine", 1, NULL));
        expect_same_numbers(&c, "form", "fine");
        run_remove(&c, "form");
        run_remove(&c, "fine");
    }
    run_close(&c);
}

/* The first positions of a table, the nearest of relative distances. */
static void check_cut(heed_positions positions, const char *table, bool last_rows)
{
    run_case c;
    heed_model *base, *fine;
    int64_t n = 0, m = 0;
    float *p, *q;

    run_open(&c);
    c.config.positions = (int)positions;
    start_make(&c, "base");
    go_on_from(&c, "base");
    stand_still(&c);
    c.config.context_length = 4;
    assert_true(run_train(&c, "fine", 1, NULL));
    base = start_open(&c, "base");
    fine = start_open(&c, "fine");
    p = start_numbers(base, table, &n);
    q = start_numbers(fine, table, &m);
    assert_int_equal(6 * m, 4 * n);
    assert_memory_equal(q, p + (last_rows ? n - m : 0), (size_t)m * sizeof *q);
    assert_int_equal(heed_model_config(fine)->context_length, 4);
    free(p);
    free(q);
    heed_model_close(base);
    heed_model_close(fine);
    run_close(&c);
}

static void a_shorter_context_cuts_the_positions(void **state)
{
    (void)state;
    check_cut(HEED_POSITIONS_LEARNED, "wpe.weight", false);
    check_cut(HEED_POSITIONS_RELATIVE, "h.0.attn.relative.weight", true);
}

static void positions_with_a_formula_may_become_longer(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.config.positions = HEED_POSITIONS_ROTARY;
    start_make(&c, "base");
    go_on_from(&c, "base");
    stand_still(&c);
    c.config.context_length = 9;
    assert_true(run_train(&c, "fine", 1, NULL));
    expect_same_numbers(&c, "base", "fine");
    run_close(&c);
}

static void the_tokenizer_comes_along(void **state)
{
    static const char text[] = "to be or not to be, so to be is not to be, or so. to be or not to be so.\n"
                               "to be or not to be, so to be is not to be, or so. to be or not to be so.\n";
    run_case c;
    size_t n, m;
    char *a, *b;

    (void)state;
    run_open(&c);
    c.options.tokenizer = HEED_TRAIN_BPE;
    c.options.tokenizer_vocab_size = 270;
    start_make(&c, "base");
    c.options.tokenizer = HEED_TRAIN_CHARACTERS;
    go_on_from(&c, "base");
    c.config.context_length = 2;
    run_write(c.text, text, sizeof text - 1);
    assert_true(run_train(&c, "fine", RUN_MAX_STEPS, NULL));
    a = run_read(run_file(&c, "base", "tokenizer.json"), &n);
    b = run_read(run_file(&c, "fine", "tokenizer.json"), &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
    c.options.tokenizer = HEED_TRAIN_WORDS;
    start_expect_refusal(&c, HEED_ERR_USAGE, "tokenizer: ");
    run_close(&c);
}

static void a_text_that_the_tokenizer_lacks_is_refused(void **state)
{
    static const char text[] = "to be or not to be, that is the #question";
    run_case c;

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    go_on_from(&c, "base");
    run_write(c.text, text, sizeof text - 1);
    start_expect_refusal(&c, HEED_ERR_FILE, "line 1");
    run_close(&c);
}

static void what_contradicts_the_checkpoint_is_refused(void **state)
{
    run_case c;
    heed_config config;

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    go_on_from(&c, "base");
    config = c.config;
    c.config.n_layers = 2;
    start_expect_refusal(&c, HEED_ERR_USAGE, "n_layers: the checkpoint ");
    c.config = config;
    c.config.context_length = 7;
    start_expect_refusal(&c, HEED_ERR_USAGE, "has positions for 6 tokens, got 7");
    c.config = config;
    c.config.tied_head = false;
    start_expect_refusal(&c, HEED_ERR_USAGE, "has true, got false");
    c.config = config;
    start_set(c.options.init_embeddings, run_path(&c, "base"));
    start_expect_refusal(&c, HEED_ERR_USAGE, "init_embeddings: ");
    c.options.init_embeddings[0] = '\0';
    c.config.d_mlp = 32; /* 4 d_model: the same, said otherwise */
    assert_true(run_train(&c, "fine", RUN_MAX_STEPS, NULL));
    start_set(c.options.from, run_path(&c, "nowhere"));
    start_expect_refusal(&c, HEED_ERR_FILE, "nowhere");
    run_close(&c);
}

/* The ids of special tokens are the configuration's to say; a tokenizer.json of characters has none. */
static void special_tokens_keep_their_ids(void **state)
{
    run_case c;
    heed_model *model;
    size_t n;
    char *config, *at;

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    config = run_read(run_file(&c, "base", "config.json"), &n);
    at = strstr(config, "\"eos_token_id\": null");
    assert_non_null(at);
    at = strstr(at, "null");
    memcpy(at, "   3", 4);
    at = strstr(config, "\"bos_token_id\": null");
    assert_non_null(at);
    memcpy(strstr(at, "null"), "9999", 4); /* no token of this vocabulary */
    run_write(run_file(&c, "base", "config.json"), config, n);
    free(config);
    go_on_from(&c, "base");
    assert_false(run_train(&c, "fine", 5, NULL));
    assert_true(run_resume(&c, "fine", RUN_MAX_STEPS, NULL));
    model = start_open(&c, "fine");
    assert_int_equal(heed_model_end_of_text(model), 3);
    heed_model_close(model);
    config = run_read(run_file(&c, "fine", "config.json"), &n);
    assert_non_null(strstr(config, "\"bos_token_id\": null"));
    free(config);
    run_close(&c);
}

/* Stopped between the two files that come before the first step: the tokenizer is the checkpoint's again. */
static void a_run_without_its_tokenizer_yet_takes_it_again(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    go_on_from(&c, "base");
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    heed_trainer_close(run_create(&c, "part"));
    assert_int_equal(unlink(run_file(&c, "part", "tokenizer.json")), 0);
    assert_true(run_resume(&c, "part", RUN_MAX_STEPS, NULL));
    run_expect_same(&c, "whole", "part");
    run_close(&c);
}

static void a_resumed_run_from_a_checkpoint_ends_with_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    go_on_from(&c, "base");
    c.options.seed = 3;
    start_check_resuming(&c);
    run_close(&c);
}

/* After its first checkpoint a run needs the model no more; before, it must find the one it began with. */
static void a_checkpoint_that_has_changed_is_noticed(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    start_make(&c, "base");
    go_on_from(&c, "base");
    assert_false(run_train(&c, "early", 1, NULL));
    assert_false(run_train(&c, "late", 5, NULL));
    start_change(&c, "base");
    assert_int_equal(heed_trainer_resume(run_path(&c, "early"), -1, &trainer, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "the model has changed since the run began");
    run_remove(&c, "base");
    assert_true(run_resume(&c, "late", RUN_MAX_STEPS, NULL));
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_begins_with_the_numbers_of_its_checkpoint),
        cmocka_unit_test(every_form_of_a_checkpoint_is_widened),
        cmocka_unit_test(a_shorter_context_cuts_the_positions),
        cmocka_unit_test(positions_with_a_formula_may_become_longer),
        cmocka_unit_test(the_tokenizer_comes_along),
        cmocka_unit_test(a_text_that_the_tokenizer_lacks_is_refused),
        cmocka_unit_test(what_contradicts_the_checkpoint_is_refused),
        cmocka_unit_test(special_tokens_keep_their_ids),
        cmocka_unit_test(a_run_without_its_tokenizer_yet_takes_it_again),
        cmocka_unit_test(a_resumed_run_from_a_checkpoint_ends_with_the_same_bytes),
        cmocka_unit_test(a_checkpoint_that_has_changed_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
