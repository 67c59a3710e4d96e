/* SPDX-License-Identifier: MIT */
/* A run that is interrupted and resumed ends with the bytes of one that was not; one that cannot be resumed says why. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the same bytes --- */

static void expect_same_losses(const double *a, const double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0)
            fail_msg("step %lld: the loss is %.9g in one run and %.9g in the other", (long long)i + 1, a[i],
                     b[i]);
    }
}

/* Saves after `stop` steps (wherever that falls between the regular checkpoints), leaves and comes back. */
static void interrupt_at(run_case *c, int64_t stop, const double *expected)
{
    double losses[RUN_MAX_STEPS] = {0};
    heed_trainer *trainer = run_create(c, "part");
    heed_error err = {0};

    run_steps(trainer, stop, losses);
    assert_int_equal(heed_trainer_save(trainer, &err), HEED_OK);
    heed_trainer_close(trainer);
    assert_true(run_resume(c, "part", RUN_MAX_STEPS, losses));
    expect_same_losses(expected, losses, c->options.steps);
    run_expect_same(c, "whole", "part");
    run_remove(c, "part");
}

static void check_every_stop(run_case *c)
{
    double losses[RUN_MAX_STEPS] = {0};

    assert_true(run_train(c, "whole", RUN_MAX_STEPS, losses));
    for (int64_t stop = 0; stop < c->options.steps; stop++)
        interrupt_at(c, stop, losses);
    run_remove(c, "whole");
}

static void a_resumed_run_ends_with_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    check_every_stop(&c);
    c.options.precision =
        HEED_PRECISION_BF16; /* weights and moments are f32, so nothing is rounded in a checkpoint */
    check_every_stop(&c);
    c.options.precision = HEED_PRECISION_F32;
    c.config.norm = HEED_NORM_POST;
    c.config.tied_head = false;
    c.options.seed = 8;
    c.options.clip_norm = 0.0;
    check_every_stop(&c);
    c.config = heed_config_default();
    assert_int_equal(heed_config_preset("bigram", &c.config, NULL), HEED_OK);
    c.config.context_length = 6;
    check_every_stop(&c);
    run_close(&c);
}

static void a_resumed_run_ends_with_the_same_bytes_on_fast_kernels(void **state)
{
    double losses[RUN_MAX_STEPS] = {0};
    run_case c;

    (void)state;
    run_open(&c);
    unsetenv("HEED_CPU");
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, losses));
    interrupt_at(&c, 1, losses);
    interrupt_at(&c, 7, losses);
    run_remove(&c, "whole");
    c.options.precision = HEED_PRECISION_BF16;
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, losses));
    interrupt_at(&c, 7, losses);
    run_close(&c);
}

/* Resumed for every single step, saved by hand each time. */
static void a_run_that_stops_after_every_step_ends_with_the_same_bytes(void **state)
{
    run_case c;
    heed_error err = {0};
    bool done;

    (void)state;
    run_open(&c);
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    heed_trainer_close(run_create(&c, "steps"));
    do {
        heed_trainer *trainer = run_open_again(&c, "steps");
        done = run_steps(trainer, 1, NULL);
        assert_int_equal(heed_trainer_save(trainer, &err), HEED_OK);
        heed_trainer_close(trainer);
    } while (!done);
    run_expect_same(&c, "whole", "steps");
    run_close(&c);
}

/* What was not saved is lost: the run goes back to its last checkpoint, and its log with it. */
static void unsaved_steps_are_taken_again(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    for (int64_t stop = 0; stop < c.options.steps; stop++) {
        assert_false(run_train(&c, "part", stop, NULL));
        assert_true(run_resume(&c, "part", RUN_MAX_STEPS, NULL));
        run_expect_same(&c, "whole", "part");
        run_remove(&c, "part");
    }
    run_close(&c);
}

static void the_built_in_stories_are_made_again(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.corpus_bytes = 5000;
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "whole" : "part";
        if (heed_trainer_create(NULL, &c.config, &c.options, run_path(&c, name), &trainer, &err) != HEED_OK)
            fail_msg("%s", err.message);
        run_steps(trainer, i == 0 ? RUN_MAX_STEPS : 5, NULL);
        heed_trainer_close(trainer);
    }
    trainer = run_open_again(&c, "part");
    assert_true(heed_trainer_plan(trainer)->floor > 0.3);
    assert_true(run_steps(trainer, RUN_MAX_STEPS, NULL));
    heed_trainer_close(trainer);
    run_expect_same(&c, "whole", "part");
    run_close(&c);
}

/* Epochs of a text that is no whole number of batches: the run goes over the end of each in the middle of a step. */
static void epochs_go_on_at_the_same_window(void **state)
{
    run_case c;
    heed_trainer *trainer;
    heed_progress progress;
    size_t n;
    char *text;

    (void)state;
    run_open(&c);
    text = run_read(c.text, &n);
    run_write(c.text, text, 130);
    free(text);
    c.options.batch_size = 3;
    c.options.epochs = 2;
    trainer = run_create(&c, "steps");
    progress = heed_trainer_progress(trainer);
    heed_trainer_close(trainer);
    run_remove(&c, "steps");
    /* 116 targets are 20 windows of 6, the last one with 2; two epochs are 40, in steps of 3 */
    assert_int_equal(progress.steps, 14);
    assert_true(progress.epoch == 0.0 && progress.epochs == 2.1);
    c.options.steps = progress.steps;
    check_every_stop(&c);
    run_close(&c);
}

static void several_texts_are_found_again(void **state)
{
    static const char json[] = "{\"q\": \"to be\", \"a\": \"or not\"}\n{\"q\": \"who is\", \"a\": \"that\"}\n";
    char lines[RUN_PATH], other[RUN_PATH];
    const char *more[] = {lines, other};
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    snprintf(lines, sizeof lines, "%s", run_path(&c, "lines.jsonl"));
    snprintf(other, sizeof other, "%s", run_path(&c, "other.txt"));
    run_write(lines, json, sizeof json - 1);
    run_write(other, "so is that", 10);
    c.options.more_texts = more;
    c.options.n_more_texts = 2;
    snprintf(c.options.text_field, sizeof c.options.text_field, "q");
    snprintf(c.options.target_field, sizeof c.options.target_field, "a");
    check_every_stop(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    run_write(other, "so is this", 10);
    assert_int_equal(heed_trainer_resume(run_path(&c, "a"), -1, &trainer, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "has changed");
    unlink(other);
    assert_int_equal(heed_trainer_resume(run_path(&c, "a"), -1, &trainer, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "other.txt");
    run_close(&c);
}

/* A text that counts as large is tokenized into a file, once; the run is the same to the byte but for that option. */
static void tokens_in_a_file_train_the_same_model(void **state)
{
    double memory[RUN_MAX_STEPS] = {0}, file[RUN_MAX_STEPS] = {0};
    run_case c;
    char cache[RUN_PATH], tokens[RUN_PATH], text[16];
    size_t n;
    char *bytes;

    (void)state;
    run_open(&c);
    snprintf(cache, sizeof cache, "%s", run_path(&c, "cache"));
    setenv("HEED_CACHE", cache, 1);
    assert_true(run_train(&c, "memory", RUN_MAX_STEPS, memory));
    c.options.token_file_bytes = 0;
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, file));
    expect_same_losses(memory, file, c.options.steps);
    for (int64_t stop = 0; stop < c.options.steps; stop += 5)
        interrupt_at(&c, stop, file);
    snprintf(tokens, sizeof tokens, "cache/tokens/%s", run_list(&c, "cache/tokens") + 1);
    bytes = run_read(run_path(&c, tokens), &n);
    assert_int_equal(n, 128 + 3000); /* one file serves all runs */
    assert_false(run_train(&c, "part", 3, NULL));

    /* a file that was damaged is made again */
    bytes[128] = 100;
    run_write(run_path(&c, tokens), bytes, n);
    assert_true(run_resume(&c, "part", RUN_MAX_STEPS, file));
    expect_same_losses(memory, file, c.options.steps);

    /* a text that has changed is noticed, although the tokens are still there */
    free(bytes);
    bytes = run_read(c.text, &n);
    memcpy(text, bytes, sizeof text);
    memcpy(bytes, bytes + 16, sizeof text);
    run_write(c.text, bytes, n);
    run_remove(&c, "part");
    assert_true(run_train(&c, "part", RUN_MAX_STEPS, file));
    assert_true(file[0] != memory[0] || file[7] != memory[7]);
    free(bytes);
    unlink(run_path(&c, tokens));
    rmdir(run_path(&c, "cache/tokens"));
    unsetenv("HEED_CACHE");
    run_close(&c);
}

/* Every task, resumed wherever it stops. */
static void tasks_go_on_at_the_same_window(void **state)
{
    int n;
    const heed_field *fields = heed_train_fields(&n);
    const char *const *names = heed_field_find(fields, n, "task")->choices;
    run_case c;

    (void)state;
    run_open(&c);
    c.text[0] = '\0';
    c.config.context_length = 28;
    c.options.batch_size = 1;
    for (c.options.task = 1; names[c.options.task] != NULL; c.options.task++) {
        double losses[RUN_MAX_STEPS] = {0};

        assert_true(run_train(&c, "whole", RUN_MAX_STEPS, losses));
        interrupt_at(&c, 0, losses);
        interrupt_at(&c, 7, losses);
        run_remove(&c, "whole");
    }
    run_close(&c);
}

static void a_finished_run_has_nothing_left_to_do(void **state)
{
    run_case c;
    heed_trainer *trainer;
    heed_progress progress;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    run_copy(&c, "a", "b");
    trainer = run_open_again(&c, "b");
    assert_int_equal(heed_trainer_step(trainer, &progress, &err), HEED_OK);
    assert_true(progress.done && progress.step == c.options.steps && !progress.saved);
    heed_trainer_close(trainer);
    run_expect_same(&c, "a", "b");
    run_close(&c);
}

static void the_text_is_found_from_any_folder(void **state)
{
    char here[RUN_PATH];
    run_case c;

    (void)state;
    run_open(&c);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(c.root), 0);
    snprintf(c.text, sizeof c.text, "text.txt");
    assert_false(run_train(&c, "a", 4, NULL));
    assert_int_equal(chdir("/"), 0);
    assert_true(run_resume(&c, "a", RUN_MAX_STEPS, NULL));
    assert_int_equal(chdir(here), 0);
    run_close(&c);
}

/* --- another end --- */

static heed_trainer *resume_to(const run_case *c, const char *name, int64_t steps)
{
    heed_resume_options options = heed_resume_options_default();
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    options.steps = steps;
    if (heed_trainer_resume_with(run_path(c, name), &options, &trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return trainer;
}

static void go_on_to(const run_case *c, const char *name, int64_t steps)
{
    heed_trainer *trainer = resume_to(c, name, steps);

    assert_true(run_steps(trainer, RUN_MAX_STEPS, NULL));
    assert_int_equal(heed_trainer_progress(trainer).step, steps);
    heed_trainer_close(trainer);
}

/* With a rate that knows no end, and nobody who waits for the best, it is one that was as long from the beginning. */
static void a_longer_run_is_one_of_so_many_steps(void **state)
{
    heed_trainer *again;
    run_case c;

    (void)state;
    run_open(&c);
    c.options.schedule = HEED_SCHEDULE_CONSTANT;
    c.options.steps = 12;
    assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
    c.options.steps = 9;
    assert_false(run_train(&c, "part", 8, NULL));
    heed_trainer_close(resume_to(&c, "part", 12)); /* dies before it has saved anything */
    assert_true(run_resume(&c, "part", RUN_MAX_STEPS, NULL));
    run_expect_same(&c, "whole", "part");
    /* another end may be a nearer one, and what is over may go on */
    c.options.steps = 30;
    assert_false(run_train(&c, "shorter", 8, NULL));
    go_on_to(&c, "shorter", 12);
    run_expect_same(&c, "whole", "shorter");
    go_on_to(&c, "shorter", 13);
    go_on_to(&c, "shorter", 13);           /* the same once more */
    again = run_open_again(&c, "shorter"); /* the folder knows */
    assert_true(heed_trainer_progress(again).done);
    heed_trainer_close(again);
    run_close(&c);
}

static void the_schedule_follows_the_new_end(void **state)
{
    run_case c;
    heed_trainer *whole, *part;
    heed_progress a, b;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.steps = 40;
    whole = run_create(&c, "whole");
    c.options.steps = 10;
    assert_false(run_train(&c, "part", 4, NULL));
    part = resume_to(&c, "part", 40);
    assert_false(run_steps(whole, 4, NULL));
    assert_int_equal(heed_trainer_step(whole, &a, &err), HEED_OK);
    assert_int_equal(heed_trainer_step(part, &b, &err), HEED_OK);
    assert_int_equal(a.step, b.step);
    assert_true(a.learning_rate == b.learning_rate);
    heed_trainer_close(whole);
    heed_trainer_close(part);
    run_close(&c);
}

static void epochs_may_end_elsewhere(void **state)
{
    run_case c;
    heed_trainer *trainer;

    (void)state;
    run_open(&c);
    c.options.epochs = 1;
    assert_false(run_train(&c, "a", 5, NULL));
    trainer = resume_to(&c, "a", 7);
    assert_int_equal(heed_trainer_options(trainer)->order, HEED_TRAIN_EPOCHS);
    assert_true(run_steps(trainer, 3, NULL));
    assert_int_equal(heed_trainer_progress(trainer).step, 7);
    assert_true(heed_trainer_progress(trainer).epoch > 0.0);
    heed_trainer_close(trainer);
    run_close(&c);
}

/* What trainer.json could not name is refused before it is trained on. */
static void texts_without_number_are_refused(void **state)
{
    enum { N = 20000 };
    const char **more = malloc(N * sizeof *more);
    heed_trainer *trainer = NULL;
    heed_error err = {0};
    run_case c;

    (void)state;
    run_open(&c);
    for (int i = 0; i < N; i++)
        more[i] = c.text;
    c.options.more_texts = more;
    c.options.n_more_texts = N;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "no"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "join some of them");
    assert_int_equal(heed_trainer_create(NULL, &c.config, &c.options, run_path(&c, "no"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "expected a text before them");
    free(more);
    run_close(&c);
}

/* A learning rate of 0 makes nothing better, and the last of its evaluations is the one that patience ends with. */
static void patience_that_ends_with_the_last_step_ends_nothing(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.options.learning_rate = c.options.min_learning_rate = 0.0;
    c.options.steps = 9;
    c.options.eval_interval = 3;
    c.options.patience = 2;
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    heed_trainer *trainer = resume_to(&c, "a", 30);
    heed_progress p = {0};
    while (!p.done)
        assert_int_equal(heed_trainer_step(trainer, &p, NULL), HEED_OK);
    assert_true(p.stopped_early && p.step == 12); /* at the next one that is no better */
    heed_trainer_close(trainer);
    run_close(&c);
}

static void expect_no_end_at(const run_case *c, const char *name, int64_t steps, const char *part)
{
    const heed_resume_options options = {.threads = -1, .steps = steps};
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    assert_int_equal(heed_trainer_resume_with(run_path(c, name), &options, &trainer, &err), HEED_ERR_USAGE);
    assert_null(trainer);
    run_expect_sentence(&err, part);
}

static void an_end_that_is_behind_is_refused(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 8, NULL));
    expect_no_end_at(&c, "a", 8, "more than the 8");
    expect_no_end_at(&c, "a", -1, "more than the 8");
    expect_no_end_at(&c, "a", INT64_MAX, "steps");
    c.options.learning_rate = 0.0; /* nothing gets better */
    c.options.patience = 1;
    assert_true(run_train(&c, "patient", 11, NULL));
    expect_no_end_at(&c, "patient", 50, "patience");
    run_close(&c);
}

/* --- what cannot be resumed --- */

static void expect_refusal(const run_case *c, const char *name, heed_status expected, const char *part)
{
    heed_trainer *trainer = (heed_trainer *)c;
    heed_error err = {0};
    const heed_status status = heed_trainer_resume(run_path(c, name), -1, &trainer, &err);

    if (status != expected)
        fail_msg("expected status %d, got %d: %s", (int)expected, (int)status, err.message);
    assert_null(trainer);
    run_expect_sentence(&err, part);
}

static void a_folder_without_a_run_is_refused(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    expect_refusal(&c, "nothing", HEED_ERR_FILE, "nothing");
    expect_refusal(&c, "text.txt", HEED_ERR_FILE, "this is a file");
    expect_refusal(&c, ".", HEED_ERR_FILE, "trainer.json");
    run_close(&c);
}

static void a_text_that_changed_or_went_is_refused(void **state)
{
    run_case c;
    size_t n;
    char *text;

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    text = run_read(c.text, &n);
    text[n / 2]++;
    run_write(c.text, text, n);
    expect_refusal(&c, "a", HEED_ERR_FILE, "has changed");
    text[n / 2]--;
    run_write(c.text, text, n - 1);
    expect_refusal(&c, "a", HEED_ERR_FILE, "has changed");
    unlink(c.text);
    expect_refusal(&c, "a", HEED_ERR_FILE, "text.txt");
    run_write(c.text, text, n);
    assert_true(run_resume(&c, "a", RUN_MAX_STEPS, NULL));
    free(text);
    run_close(&c);
}

static void cut_every_file(run_case *c)
{
    static const char *const files[] = {"trainer.json", "model.safetensors", "optimizer.safetensors"};

    assert_false(run_train(c, "a", 5, NULL));
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        size_t n;
        char *data = run_read(run_file(c, "a", files[f]), &n);
        for (size_t cut = 0; cut + 2 < n; cut += 1 + n / 60) { /* + 2: the last line break may go */
            run_write(run_file(c, "a", files[f]), data, cut);
            expect_refusal(c, "a", HEED_ERR_FILE, files[f]);
        }
        run_write(run_file(c, "a", files[f]), data, n);
        free(data);
    }
    assert_true(run_resume(c, "a", RUN_MAX_STEPS, NULL));
    run_remove(c, "a");
}

/* Every file of the checkpoint, cut at many places: always one sentence, never a crash, never half a state. */
static void a_truncated_checkpoint_is_refused(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    cut_every_file(&c);
    c.options.precision = HEED_PRECISION_BF16;
    cut_every_file(&c);
    run_close(&c);
}

/* Replaces the first `from` of a file by `to`. */
static void edit(const run_case *c, const char *name, const char *file, const char *from, const char *to)
{
    size_t n;
    char *data = run_read(run_file(c, name, file), &n), *at, *edited = malloc(n + 64);

    assert_non_null(edited);
    at = strstr(data, from);
    if (at == NULL)
        fail_msg("%s has no %s", file, from);
    const size_t before = (size_t)(at - data), after = n - before - strlen(from);
    memcpy(edited, data, before);
    memcpy(edited + before, to, strlen(to));
    memcpy(edited + before + strlen(to), at + strlen(from), after);
    run_write(run_file(c, name, file), edited, before + strlen(to) + after);
    free(edited);
    free(data);
}

static void a_trainer_file_that_makes_no_sense_is_refused(void **state)
{
    static const char *const edits[][3] = {
        {"\"step\": 4", "\"step\": -4", "step"},
        {"\"step\": 4", "\"step\": 4.5", "step"},
        {"\"batch_size\": 2", "\"batch_size\": 99999999", "batch_size"},
        {"\"batch_size\": 2", "\"batch_size\": \"two\"", "batch_size"},
        {"\"batch_size\"", "\"batch_sise\"", "batch_size"},
        {"\"n_heads\": 2", "\"n_heads\": 3", "n_heads"},
        {"\"d_model\": 8", "\"d_model\": 10", "model.safetensors"},
        {"\"n_layers\": 1", "\"n_layers\": 2", "model.safetensors"},
        {"\"n_layers\": 1", "\"n_layers\": 0", "model.safetensors"},
        {"\"kind\": \"gpt\"", "\"kind\": \"gtp\"", "kind"},
        {"\"options\"", "\"optoins\"", "options"},
        {"\"text_hash\": \"", "\"text_hash\": \"1", "changed"},
        {"\"freeze\": \"\"", "\"freeze\": \"*\"", "trainer.json: freeze"},
        {"\"groups\": \"\"", "\"groups\": \"*: lr 1e300\"", "trainer.json: groups"},
        {"\"task\": \"none\"", "\"task\": \"copy\"", "trainer.json: task"},
        {"\"n_heads\": 2", "\"n_heads\": 3", "trainer.json: "},
        {"\"skipped\": 0", "\"skipped\": 5", "skipped"},
        {"{", "[", "trainer.json"},
    };
    run_case c;

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "good", 5, NULL));
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        heed_trainer *trainer = NULL;
        heed_error err = {0};
        run_copy(&c, "good", "a");
        edit(&c, "a", "trainer.json", edits[i][0], edits[i][1]);
        const heed_status status = heed_trainer_resume(run_path(&c, "a"), -1, &trainer, &err);
        if (status == HEED_OK)
            fail_msg("%s was taken", edits[i][1]);
        assert_int_equal(status, HEED_ERR_FILE);
        run_expect_sentence(&err, edits[i][2]);
        run_remove(&c, "a");
    }
    run_close(&c);
}

/* A gigabyte of them would take seconds and memory, and be refused then. */
static void stories_of_another_length_are_refused_before_they_are_made(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.text[0] = '\0';
    c.options.corpus_bytes = 2000;
    assert_false(run_train(&c, "a", 5, NULL));
    edit(&c, "a", "trainer.json", "\"corpus_bytes\": 2000", "\"corpus_bytes\": 1000000000");
    expect_refusal(&c, "a", HEED_ERR_FILE, "text_bytes");
    edit(&c, "a", "trainer.json", "\"corpus_bytes\": 1000000000", "\"corpus_bytes\": 2000");
    assert_true(run_resume(&c, "a", RUN_MAX_STEPS, NULL));
    run_close(&c);
}

static void threads_that_cannot_be_are_a_mistake_of_the_caller(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    assert_int_equal(heed_trainer_resume(run_path(&c, "a"), 5000, &trainer, &err), HEED_ERR_USAGE);
    run_expect_sentence(&err, "threads");
    run_close(&c);
}

/* It was a switch once whether there are learned positions. */
static void a_run_of_an_earlier_form_goes_on(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    assert_false(run_train(&c, "a", 5, NULL));
    edit(&c, "a", "trainer.json", "\"positions\": \"learned\"", "\"position_table\": true");
    assert_true(run_resume(&c, "a", RUN_MAX_STEPS, NULL));
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_ends_with_the_same_bytes),
        cmocka_unit_test(a_resumed_run_ends_with_the_same_bytes_on_fast_kernels),
        cmocka_unit_test(a_run_that_stops_after_every_step_ends_with_the_same_bytes),
        cmocka_unit_test(unsaved_steps_are_taken_again),
        cmocka_unit_test(the_built_in_stories_are_made_again),
        cmocka_unit_test(epochs_go_on_at_the_same_window),
        cmocka_unit_test(several_texts_are_found_again),
        cmocka_unit_test(tokens_in_a_file_train_the_same_model),
        cmocka_unit_test(tasks_go_on_at_the_same_window),
        cmocka_unit_test(a_finished_run_has_nothing_left_to_do),
        cmocka_unit_test(the_text_is_found_from_any_folder),
        cmocka_unit_test(a_longer_run_is_one_of_so_many_steps),
        cmocka_unit_test(the_schedule_follows_the_new_end),
        cmocka_unit_test(texts_without_number_are_refused),
        cmocka_unit_test(patience_that_ends_with_the_last_step_ends_nothing),
        cmocka_unit_test(epochs_may_end_elsewhere),
        cmocka_unit_test(an_end_that_is_behind_is_refused),
        cmocka_unit_test(a_folder_without_a_run_is_refused),
        cmocka_unit_test(a_text_that_changed_or_went_is_refused),
        cmocka_unit_test(a_truncated_checkpoint_is_refused),
        cmocka_unit_test(a_run_of_an_earlier_form_goes_on),
        cmocka_unit_test(a_trainer_file_that_makes_no_sense_is_refused),
        cmocka_unit_test(stories_of_another_length_are_refused_before_they_are_made),
        cmocka_unit_test(threads_that_cannot_be_are_a_mistake_of_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
