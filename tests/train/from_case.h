/* SPDX-License-Identifier: MIT */
/* What the tests of runs that start from another model share. Include after run.h. */
#ifndef HEED_TESTS_TRAIN_FROM_CASE_H
#define HEED_TESTS_TRAIN_FROM_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* options->from and its like. */
static inline void start_set(char *option, const char *path)
{
    assert_true(strlen(path) < HEED_TRAIN_PATH_BYTES);
    memcpy(option, path, strlen(path) + 1);
}

/* A trained model in root/name: what others start from. */
static inline void start_make(const run_case *c, const char *name)
{
    assert_true(run_train(c, name, RUN_MAX_STEPS, NULL));
}

static inline heed_model *start_open(const run_case *c, const char *name)
{
    heed_model *model = NULL;
    heed_error err = {0};

    if (heed_model_open(run_path(c, name), &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return model;
}

/* The numbers of a parameter in single precision; free() them. */
static inline float *start_numbers(const heed_model *model, const char *name, int64_t *count)
{
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        float *numbers;

        if (strcmp(p.name, name) != 0)
            continue;
        numbers = malloc((size_t)p.count * sizeof *numbers);
        assert_non_null(numbers);
        heed_model_read_parameter(model, i, numbers);
        *count = p.count;
        return numbers;
    }
    fail_msg("there is no parameter %s", name);
    return NULL;
}

static inline void start_expect_refusal(const run_case *c, heed_status expected, const char *part)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};
    const heed_status status = heed_trainer_create(c->text, &c->config, &c->options, run_path(c, "refused"),
                                                   &trainer, &err);

    if (status != expected)
        fail_msg("expected status %d, got %d: %s", (int)expected, (int)status, err.message);
    assert_null(trainer);
    run_expect_sentence(&err, part);
    assert_string_equal(run_list(c, "refused"), "");
}

/*
 * The run of c, whole, against runs that stop after so many steps, with a checkpoint then or without one since the last
 * regular one, and go on: all end with the same bytes.
 */
static inline void start_check_resuming(run_case *c)
{
    static const int64_t stops[] = {0, 1, 3, 4, 7, 11};
    heed_error err = {0};

    assert_true(run_train(c, "whole", RUN_MAX_STEPS, NULL));
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        for (int saved = 0; saved < 2; saved++) {
            heed_trainer *trainer = run_create(c, "part");

            run_steps(trainer, stops[i], NULL);
            if (saved)
                assert_int_equal(heed_trainer_save(trainer, &err), HEED_OK);
            heed_trainer_close(trainer);
            assert_true(run_resume(c, "part", RUN_MAX_STEPS, NULL));
            run_expect_same(c, "whole", "part");
            run_remove(c, "part");
        }
    }
    run_remove(c, "whole");
}

/* Trained a little more, so that another model lies in the same place. */
static inline void start_change(run_case *c, const char *name)
{
    run_case other = *c;

    other.options = heed_train_options_default();
    other.options.batch_size = 2;
    other.options.steps = 1;
    other.options.threads = 1;
    other.options.eval_batches = 1;
    start_set(other.options.from, run_path(c, name));
    assert_true(run_train(&other, "changed", 1, NULL));
    run_copy(c, "changed", "changed2");
    run_remove(c, name);
    run_copy(c, "changed2", name);
    run_remove(c, "changed");
    run_remove(c, "changed2");
}

#endif
