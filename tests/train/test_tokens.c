/* SPDX-License-Identifier: MIT */
/* Runs whose tokens are words or byte pairs, or come from a file: resumed to the same bytes, never with other ids. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text/tokenizer.h"
#include "train/trainer.h"

static heed_status open_again(const run_case *c, const char *name, heed_error *err)
{
    heed_trainer *trainer = NULL;
    const heed_status status = heed_trainer_resume(run_path(c, name), -1, &trainer, err);

    heed_trainer_close(trainer);
    return status;
}

/* Stopped before its first checkpoint, and once more after it; compared with a run that never stopped. */
static void expect_resumable(run_case *c, const char *first_kind)
{
    heed_trainer *trainer;

    run_train(c, "whole", 99, NULL);
    trainer = run_create(c, "parts");
    assert_string_equal(heed_tokenizer_kind_name(trainer->model->tokenizer), first_kind);
    assert_int_equal(trainer->model->config.vocab_size, heed_tokenizer_vocab_size(trainer->model->tokenizer));
    run_steps(trainer, 3, NULL); /* no checkpoint yet: the run begins again from its seed */
    heed_trainer_close(trainer);
    run_resume(c, "parts", 6, NULL);
    assert_true(run_resume(c, "parts", 99, NULL));
    run_expect_same(c, "whole", "parts");
}

static void words_resume_to_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.options.tokenizer = HEED_TRAIN_WORDS;
    c.options.tokenizer_vocab_size = 8;
    expect_resumable(&c, "words");
    run_close(&c);
}

static void byte_pairs_resume_to_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.options.tokenizer = HEED_TRAIN_BPE;
    c.options.tokenizer_vocab_size = 260;
    expect_resumable(&c, "byte-level BPE");
    run_close(&c);
}

/* The file may be gone later: the run's folder has it. */
static void a_given_tokenizer_is_kept_in_the_folder(void **state)
{
    run_case c;
    char path[RUN_PATH];

    (void)state;
    run_open(&c);
    c.options.tokenizer = HEED_TRAIN_WORDS;
    c.options.tokenizer_vocab_size = 10;
    run_train(&c, "first", 99, NULL);
    snprintf(path, sizeof path, "%s", run_path(&c, "given.json"));
    {
        size_t n;
        char *json = run_read(run_file(&c, "first", "tokenizer.json"), &n);
        run_write(path, json, n);
        free(json);
    }
    c.options.tokenizer = HEED_TRAIN_CHARACTERS;
    c.options.tokenizer_path = path;
    run_train(&c, "whole", 99, NULL);
    run_train(&c, "parts", 2, NULL);
    assert_int_equal(unlink(path), 0);
    assert_true(run_resume(&c, "parts", 99, NULL));
    run_expect_same(&c, "whole", "parts");
    run_close(&c);
}

static void other_ids_are_no_resumption(void **state)
{
    run_case c;
    heed_error err = {0};
    size_t n;
    char *json, *at;

    (void)state;
    run_open(&c);
    c.options.tokenizer = HEED_TRAIN_WORDS;
    run_train(&c, "run", 5, NULL);
    json = run_read(run_file(&c, "run", "tokenizer.json"), &n);
    at = strstr(json, "\"that\"");
    assert_non_null(at);
    memcpy(at, "\"Zhat\"", 6);
    run_write(run_file(&c, "run", "tokenizer.json"), json, n);
    assert_int_equal(open_again(&c, "run", &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "the tokenizer has changed since the run began");
    memcpy(at, "\"that ", 6);
    run_write(run_file(&c, "run", "tokenizer.json"), json, n);
    assert_int_equal(open_again(&c, "run", &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "tokenizer.json");
    free(json);
    run_close(&c);
}

static void bytes_that_are_no_text_are_fine_for_byte_pairs_alone(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};
    char text[20000];

    (void)state;
    run_open(&c);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i > 10000 ? (char)(i * i % 251) : "to be\xff\xfe"[i % 7];
    run_write(c.text, text, sizeof text);
    c.options.tokenizer = HEED_TRAIN_WORDS;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "w"), &trainer, &err),
                     HEED_ERR_FILE);
    run_expect_sentence(&err, "expected UTF-8, got 0xff at byte 5");
    c.options.tokenizer = HEED_TRAIN_BPE;
    c.options.tokenizer_vocab_size = 300;
    assert_true(run_train(&c, "b", 99, NULL));
    run_close(&c);
}

static void a_vocabulary_that_cannot_be_is_refused_and_leaves_nothing(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.tokenizer = HEED_TRAIN_BPE;
    c.options.tokenizer_vocab_size = 255;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "b"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "vocab_size: expected at least 256");
    c.options.tokenizer_path = "/nowhere/tokenizer.json";
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "b"), &trainer, &err),
                     HEED_ERR_FILE);
    run_expect_sentence(&err, "/nowhere/tokenizer.json");
    c.options.tokenizer_path = NULL;
    c.options.tokenizer = HEED_TRAIN_WORDS;
    c.options.tokenizer_vocab_size = 12;
    c.config.vocab_size = 5;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "b"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "vocab_size: the tokenizer has ");
    assert_string_equal(run_list(&c, "b"), "");
    run_close(&c);
}

static void losses_can_be_told_a_byte(void **state)
{
    run_case c;
    heed_trainer *trainer;

    (void)state;
    run_open(&c);
    trainer = run_create(&c, "characters");
    assert_true(heed_trainer_plan(trainer)->bytes_per_token == 1.0);
    heed_trainer_close(trainer);
    c.options.tokenizer = HEED_TRAIN_WORDS;
    trainer = run_create(&c, "words");
    /* "to " and its like: a word of 2 to 4 letters and a space, now and then a full stop or a line end */
    assert_true(heed_trainer_plan(trainer)->bytes_per_token > 1.4);
    assert_true(heed_trainer_plan(trainer)->bytes_per_token < 2.2);
    heed_trainer_close(trainer);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_resume_to_the_same_bytes),
        cmocka_unit_test(byte_pairs_resume_to_the_same_bytes),
        cmocka_unit_test(a_given_tokenizer_is_kept_in_the_folder),
        cmocka_unit_test(other_ids_are_no_resumption),
        cmocka_unit_test(bytes_that_are_no_text_are_fine_for_byte_pairs_alone),
        cmocka_unit_test(a_vocabulary_that_cannot_be_is_refused_and_leaves_nothing),
        cmocka_unit_test(losses_can_be_told_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
