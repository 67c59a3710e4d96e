/* SPDX-License-Identifier: MIT */
/* The guard over updates, the best evaluation, and evaluations that are no larger than their text. */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "train/trainer.h"

enum { K = 6 };

/* --- judging --- */

static heed_skip judge(heed_guard *g, double loss, double norm)
{
    double deviations;

    return heed_guard_judge(g, K, 1.0, loss, norm, &deviations);
}

/* Losses and norms as they are in a run, with the spread that batches have. */
static void settle(heed_guard *g, heed_rng *rng, int n)
{
    for (int i = 0; i < n; i++) {
        const double loss = 2.0 + 0.05 * (double)heed_rng_normal(rng);
        const double norm = exp(0.1 * (double)heed_rng_normal(rng));
        assert_int_equal(judge(g, loss, norm), HEED_SKIP_NONE);
    }
}

static void an_outlying_norm_or_loss_is_skipped_and_an_ordinary_one_never(void **state)
{
    heed_guard g = {0};
    heed_rng rng = heed_rng_make(3, 3);
    double deviations;

    (void)state;
    settle(&g, &rng, 2000);
    assert_int_equal(judge(&g, 2.0, 3.2), HEED_SKIP_NONE); /* exp(0.2 * 6) = 3.3 */
    assert_int_equal(heed_guard_judge(&g, K, 1.0, 2.0, 20.0, &deviations), HEED_SKIP_NORM);
    assert_true(deviations > 6.0 && deviations < 20.0);
    assert_int_equal(judge(&g, 2.0, 1.0), HEED_SKIP_NONE);
    assert_int_equal(judge(&g, 4.0, 1.0), HEED_SKIP_LOSS);
    assert_int_equal(heed_guard_judge(&g, 0.0, 1.0, 2.0, 1e9, &deviations),
                     HEED_SKIP_NONE); /* k 0: switched off */
    assert_int_equal(g.n_skipped, 2);
}

static void a_small_norm_or_loss_is_no_outlier(void **state)
{
    heed_guard g = {0};
    heed_rng rng = heed_rng_make(3, 4);

    (void)state;
    settle(&g, &rng, 100);
    assert_int_equal(judge(&g, 1e-6, 0.0), HEED_SKIP_NONE);
}

/* The first steps of a run have large gradients that shrink: nothing is known yet. */
static void nothing_is_outlying_at_the_beginning(void **state)
{
    heed_guard g = {0};

    (void)state;
    for (int i = 0; i < HEED_GUARD_MEMORY; i++)
        assert_int_equal(judge(&g, 2.0, i == 40 ? 1e6 : 1.0), HEED_SKIP_NONE);
}

/* Gradients that have become larger for good are let through, and are then what is usual. */
static void a_new_level_is_accepted(void **state)
{
    heed_guard g = {0};
    heed_rng rng = heed_rng_make(3, 5);

    (void)state;
    settle(&g, &rng, 200);
    for (int i = 0; i < HEED_GUARD_MOST_OUTLIERS; i++)
        assert_int_equal(judge(&g, 2.0, 100.0), HEED_SKIP_NORM);
    for (int i = 0; i < 200; i++)
        assert_int_equal(judge(&g, 2.0, 100.0), HEED_SKIP_NONE);
}

static void a_drift_is_followed(void **state)
{
    heed_guard g = {0};

    (void)state;
    for (int i = 0; i < 2000; i++)
        assert_int_equal(judge(&g, 5.0 - 0.002 * i, exp(0.01 * i)), HEED_SKIP_NONE);
}

static void what_is_not_finite_is_counted_and_forgotten_by_a_good_one(void **state)
{
    heed_guard g = {0};

    (void)state;
    assert_int_equal(judge(&g, (double)NAN, 1.0), HEED_SKIP_NOT_FINITE);
    assert_int_equal(judge(&g, 1.0, (double)INFINITY), HEED_SKIP_NOT_FINITE);
    assert_int_equal(g.n_broken, 2);
    assert_int_equal(judge(&g, 1.0, 1.0), HEED_SKIP_NONE);
    assert_int_equal(g.n_broken, 0);
    assert_int_equal(g.n_skipped, 2);
}

static void the_share_of_clipped_updates_counts_those_above_the_limit(void **state)
{
    heed_guard g = {0};

    (void)state;
    assert_true(isnan(heed_guard_clipped_share(&g)));
    judge(&g, 1.0, 2.0);
    judge(&g, 1.0, 0.5);
    judge(&g, 1.0, 0.5);
    judge(&g, (double)NAN, 5.0); /* no update */
    judge(&g, 1.0, 1.5);
    assert_true(heed_guard_clipped_share(&g) == 0.5);
}

static void guard_and_best_come_back_from_json_as_they_were(void **state)
{
    heed_guard g = {0}, back = {0};
    heed_best best = {.loss = 1.0 / 3.0, .step = 7, .n_waited = 2, .stopped = true},
              best_back = {.loss = (double)NAN};
    heed_rng rng = heed_rng_make(3, 6);
    heed_error err = {0};
    json_t *root = json_object();

    (void)state;
    settle(&g, &rng, 70);
    judge(&g, 2.0, 50.0);
    assert_int_equal(json_object_set_new(root, "guard", heed_guard_to_json(&g)), 0);
    assert_int_equal(json_object_set_new(root, "best", heed_best_to_json(&best)), 0);
    heed_json_reader r = heed_json_read(root, "here", &err);
    heed_guard_from_json(&back, 71, &r);
    heed_best_from_json(&best_back, &r);
    assert_int_equal(r.status, HEED_OK);
    assert_memory_equal(&g, &back, sizeof g);
    assert_true(best.loss == best_back.loss && best.step == best_back.step &&
                best.n_waited == best_back.n_waited && best_back.stopped);
    json_decref(root);
}

/* What no run can have counted, and numbers whose squares would be infinite. */
static void a_guard_that_makes_no_sense_is_refused(void **state)
{
    static const char *const texts[][2] = {
        {"{\"guard\": {\"updates\": 9, \"skipped\": 2}}", "skipped"},
        {"{\"guard\": {\"updates\": 11}}", "updates"},
        {"{\"guard\": {\"updates\": 5, \"clipped\": 6}}", "clipped"},
        {"{\"guard\": {\"skipped\": -1}}", "skipped"},
        {"{\"guard\": {\"log_norm_mean\": 1e308}}", "log_norm_mean"},
        {"{\"guard\": {\"log_norm_variance\": 1e300}}", "log_norm_variance"},
        {"{\"guard\": {\"loss_mean\": -1e200}}", "loss_mean"},
        {"{\"guard\": {\"loss_variance\": -1}}", "loss_variance"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        heed_guard g = {0};
        heed_error err = {0};
        json_t *root = json_loads(texts[i][0], 0, NULL);
        heed_json_reader r = heed_json_read(root, "trainer.json", &err);
        heed_guard_from_json(&g, 10, &r);
        assert_int_equal(r.status, HEED_ERR_FILE);
        run_expect_sentence(&err, texts[i][1]);
        json_decref(root);
    }
}

/* --- in a run --- */

/* As if all gradients so far had been tiny: what comes now is outlying. */
static void expect_tiny(heed_trainer *trainer)
{
    trainer->guard.log_norm = (heed_guard_average){.mean = -20.0, .n = HEED_GUARD_MEMORY};
}

static void a_skipped_update_changes_no_weight_and_is_logged(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};
    size_t size;

    (void)state;
    run_open(&c);
    c.options.eval_interval = c.options.save_interval = 0;
    heed_trainer *trainer = run_create(&c, "a");
    const size_t bytes = heed_step_own_bytes(&trainer->train, trainer->model->weights);
    const size_t weights = heed_weights_bytes(trainer->model->weights);
    const size_t gradients = heed_step_gradients_bytes(&trainer->train, trainer->model->weights);
    run_steps(trainer, 2, NULL);
    char *before = malloc(bytes);
    memcpy(before, trainer->block, bytes);
    expect_tiny(trainer);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
    assert_int_equal(p.skipped, HEED_SKIP_NORM);
    assert_int_equal(p.n_skipped, 1);
    assert_int_equal(p.step, 3);
    assert_memory_equal(before, trainer->block, weights);
    assert_memory_equal(before + weights + gradients, trainer->block + weights + gradients,
                        bytes - weights - gradients);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK); /* another batch, still tiny */
    assert_int_equal(p.skipped, HEED_SKIP_NORM);
    trainer->guard.log_norm = (heed_guard_average){0};
    run_steps(trainer, 1, NULL);
    assert_int_equal(trainer->inputs.t, 3); /* the third update, in the fifth step */
    heed_trainer_close(trainer);
    char *log = run_read(run_file(&c, "a", "log.jsonl"), &size);
    assert_non_null(strstr(log, "\"skipped\": \"norm\""));
    assert_non_null(strstr(log, "\"clipped\": "));
    free(log);
    free(before);
    run_close(&c);
}

static void a_run_resumed_between_skipped_updates_has_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.options.save_interval = 0;
    for (int parts = 0; parts < 2; parts++) {
        const char *name = parts ? "parts" : "whole";
        heed_trainer *trainer = run_create(&c, name);
        run_steps(trainer, 2, NULL);
        expect_tiny(trainer);
        run_steps(trainer, 2, NULL); /* two skipped, one more would be */
        if (parts) {
            assert_int_equal(heed_trainer_save(trainer, NULL), HEED_OK);
            heed_trainer_close(trainer);
            trainer = run_open_again(&c, name);
        }
        run_steps(trainer, RUN_MAX_STEPS, NULL);
        assert_int_equal(trainer->guard.n_skipped, 3);
        heed_trainer_close(trainer);
    }
    run_expect_same(&c, "whole", "parts");
    run_close(&c);
}

/* One weight is broken for some steps, as a flipped bit would do it: nothing is learned from that, and nothing is lost. */
static void broken_weights_end_the_run_and_keep_the_checkpoint(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};

    (void)state;
    run_open(&c);
    heed_trainer *trainer = run_create(&c, "a");
    run_steps(trainer, 5, NULL);
    ((float *)(uintptr_t)trainer->model->weights->list[0].data)[0] = NAN;
    while (heed_trainer_step(trainer, &p, &err) == HEED_OK)
        assert_true(p.step < c.options.steps);
    run_expect_sentence(&err, "the checkpoint of step 4 is kept");
    assert_int_equal(heed_trainer_save(trainer, &err), HEED_ERR_CHECK);
    heed_trainer_close(trainer);
    assert_true(run_resume(&c, "a", RUN_MAX_STEPS, NULL));
    run_close(&c);
}

/* Weights that are huge and finite give losses that are not. */
static void inflate(heed_trainer *trainer)
{
    heed_parameter *head = heed_weights_find(trainer->model->weights, "wte.weight");

    for (int64_t i = 0; i < head->count; i++)
        ((float *)(uintptr_t)head->data)[i] = i % 2 == 0 ? 3e38f : -3e38f;
}

static void expect_checkpoint(const run_case *c, const char *name, int64_t step)
{
    heed_trainer *trainer = run_open_again(c, name);

    assert_int_equal(heed_trainer_progress(trainer).step, step);
    heed_trainer_close(trainer);
}

/* Ten of those are enough, and none of its evaluations is the best. */
static void ten_broken_steps_in_a_row_end_the_run(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};
    int n = 0;

    (void)state;
    run_open(&c);
    c.options.steps = 40;
    c.options.save_interval = 0;
    c.options.eval_interval = 3;
    c.options.keep_best = true;
    heed_trainer *trainer = run_create(&c, "a");
    run_steps(trainer, 3, NULL);
    inflate(trainer);
    while (heed_trainer_step(trainer, &p, &err) == HEED_OK) {
        assert_int_equal(p.skipped, HEED_SKIP_NOT_FINITE);
        assert_false(p.saved);
        n++;
    }
    assert_int_equal(n, HEED_GUARD_MOST_BROKEN - 1);
    run_expect_sentence(&err, "diverged; the checkpoint of step 3 is kept");
    heed_trainer_close(trainer);
    expect_checkpoint(&c, "a", 3);
    run_remove(&c, "a/best");
    run_close(&c);
}

/* A checkpoint falls due before ten were seen: a batch of validation says that the weights are to blame. */
static void what_predicts_nothing_is_not_saved(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.eval_interval = 0;
    c.options.save_interval = 3;
    heed_trainer *trainer = run_create(&c, "a");
    run_steps(trainer, 4, NULL);
    inflate(trainer);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
    assert_int_equal(p.skipped, HEED_SKIP_NOT_FINITE);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_ERR_CHECK);
    run_expect_sentence(&err, "diverged; the checkpoint of step 3 is kept");
    heed_trainer_close(trainer);
    expect_checkpoint(&c, "a", 3);
    run_close(&c);
}

/* A single batch was to blame: the weights still predict. */
static void weights_that_predict_are_saved_behind_a_broken_step(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.save_interval = c.options.eval_interval = 0;
    heed_trainer *trainer = run_create(&c, "a");
    run_steps(trainer, 1, NULL);
    heed_parameter *head = heed_weights_find(trainer->model->weights, "wte.weight");
    float *kept = malloc((size_t)head->count * sizeof *kept);
    memcpy(kept, head->data, (size_t)head->count * sizeof *kept);
    inflate(trainer);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
    assert_int_equal(p.skipped, HEED_SKIP_NOT_FINITE);
    memcpy((float *)(uintptr_t)head->data, kept, (size_t)head->count * sizeof *kept);
    assert_int_equal(heed_trainer_save(trainer, &err), HEED_OK);
    heed_trainer_close(trainer);
    expect_checkpoint(&c, "a", 2);
    free(kept);
    run_close(&c);
}

/* No step comes behind the last update that would show what it has done. */
static void a_run_that_cannot_predict_at_its_end_has_diverged(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.steps = 4;
    c.options.save_interval = 1;
    heed_trainer *trainer = run_create(&c, "a");
    run_steps(trainer, 3, NULL);
    inflate(trainer);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_ERR_CHECK);
    run_expect_sentence(&err, "diverged; the checkpoint of step 3 is kept");
    heed_trainer_close(trainer);
    expect_checkpoint(&c, "a", 3);
    run_close(&c);
}

/* Not even when somebody asks for it. */
static void weights_that_are_no_numbers_are_never_saved(void **state)
{
    run_case c;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.save_interval = 1;
    heed_trainer *trainer = run_create(&c, "a");
    run_steps(trainer, 2, NULL);
    ((float *)(uintptr_t)trainer->model->weights->list[1].data)[0] = INFINITY;
    assert_int_equal(heed_trainer_save(trainer, &err), HEED_ERR_CHECK);
    run_expect_sentence(&err, "the checkpoint of step 2 is kept");
    heed_trainer_close(trainer);
    expect_checkpoint(&c, "a", 2);
    run_close(&c);
}

/* --- the best, and the end --- */

static void patience_counts_evaluations_since_the_best(void **state)
{
    static const double losses[] = {3.0, 2.0, 2.5, 2.0, 1.9, 1.95, (double)NAN, 2.0};
    heed_best b = {.loss = (double)NAN};

    (void)state;
    for (int i = 0; i < 8; i++) {
        const bool best = heed_best_judge(&b, 3, i + 1, losses[i]);
        assert_true(best == (i == 0 || i == 1 || i == 4));
        assert_true(b.stopped == (i == 7));
    }
    assert_true(b.step == 5 && b.loss == 1.9);
    assert_false(heed_best_judge(&b, 0, 9, 5.0));
    assert_false(b.stopped); /* patience 0: forever */
}

/* A learning rate of 0 makes nothing better: the first evaluation is the best, and two more end the run. */
static void a_run_stops_early_and_stays_stopped(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.learning_rate = c.options.min_learning_rate = 0.0;
    c.options.steps = 60;
    c.options.eval_interval = 3;
    c.options.patience = 2;
    heed_trainer *trainer = run_create(&c, "a");
    while (!p.done)
        assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
    assert_true(p.stopped_early && p.saved);
    assert_int_equal(p.step, 9);
    assert_int_equal(p.best_step, 3);
    heed_trainer_close(trainer);
    trainer = run_open_again(&c, "a");
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
    assert_true(p.done && p.stopped_early && p.step == 9 && p.best_step == 3);
    heed_trainer_close(trainer);
    run_close(&c);
}

static void patience_without_evaluations_is_refused(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.eval_interval = 0;
    c.options.patience = 3;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "no"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "eval_interval");
    run_close(&c);
}

/* --- evaluations --- */

static double evaluate(run_case *c, int64_t batch_size, int64_t micro_batch, int64_t n_batches)
{
    double loss;

    c->options.batch_size = batch_size;
    c->options.micro_batch = micro_batch;
    heed_trainer *trainer = run_create(c, "eval");
    loss = heed_trainer_evaluate(trainer, n_batches);
    heed_trainer_close(trainer);
    run_remove(c, "eval");
    return loss;
}

/* 300 characters in windows of 6: 50 windows, the last one shorter; random windows would depend on how many there are. */
static void an_evaluation_larger_than_its_text_reads_it_once(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    const double one = evaluate(&c, 1, 0, 50);
    static const int64_t batches[][2] = {{7, 0}, {50, 0}, {64, 0}, {64, 16}, {1000, 0}, {1000, 100}};
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        const double loss = evaluate(&c, batches[i][0], batches[i][1], 1000000);
        if (!(fabs(loss - one) <= 1e-6)) /* means of 300 losses in float, in another order */
            fail_msg("batches of %lld in parts of %lld: loss %.9g, expected %.9g", (long long)batches[i][0],
                     (long long)batches[i][1], loss, one);
    }
    assert_true(fabs(evaluate(&c, 1, 0, 49) - one) > 1e-6); /* random windows, not the same */
    run_close(&c);
}

/* The last evaluation takes more windows than the others, so nothing is the best of both kinds. */
static void the_best_is_known_where_it_is_kept_or_waited_for(void **state)
{
    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        run_case c;
        heed_progress p = {0};
        heed_trainer *trainer = NULL;

        run_open(&c);
        c.options.patience = kept ? 1000 : 0;
        assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, NULL, &trainer, NULL), HEED_OK);
        const double first = heed_trainer_step(trainer, &p, NULL) == HEED_OK ? p.loss : NAN;
        while (!p.done)
            assert_int_equal(heed_trainer_step(trainer, &p, NULL), HEED_OK);
        assert_true((isnan(p.best_loss) != 0) == !kept);
        assert_true(trainer->first_loss == first);
        heed_trainer_close(trainer);
        run_close(&c);
    }
}

/* Long prompts and one short answer a line: with a window of six tokens most steps have nothing to learn. */
static void open_sparse(run_case *c)
{
    char json[8192];
    int n = 0;

    run_open(c);
    for (int i = 0; i < 60; i++)
        n += sprintf(json + n,
                     "{\"q\": \"to be or not to be that is so who is it to be and why\", \"a\": \"%c\"}\n",
                     "abt"[i % 3]);
    snprintf(c->text, sizeof c->text, "%s", run_path(c, "sparse.jsonl"));
    run_write(c->text, json, (size_t)n);
    snprintf(c->options.text_field, sizeof c->options.text_field, "q");
    snprintf(c->options.target_field, sizeof c->options.target_field, "a");
    c->options.batch_size = 1;
    c->options.steps = 60;
    c->options.eval_interval = c->options.save_interval = 0;
}

/* Such a step leaves weights, moments and the guard's averages as they were. */
static void a_step_without_targets_makes_no_update(void **state)
{
    run_case c;
    heed_progress p = {0};
    heed_error err = {0};
    int64_t n_skipped = 0;
    size_t size;

    (void)state;
    open_sparse(&c);
    heed_trainer *trainer = run_create(&c, "a");
    const size_t bytes = heed_step_own_bytes(&trainer->train, trainer->model->weights);
    char *before = malloc(bytes);
    for (int i = 0; i < 50; i++) {
        const heed_guard guard = trainer->guard;
        memcpy(before, trainer->block, bytes);
        assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
        assert_true((p.skipped == HEED_SKIP_NO_TARGET) == (isnan(p.loss) != 0));
        if (p.skipped != HEED_SKIP_NO_TARGET) {
            assert_true(p.loss > 0.0 && p.gradient_norm > 0.0);
            continue;
        }
        n_skipped++;
        assert_memory_equal(before, trainer->block, bytes);
        assert_memory_equal(&guard.log_norm, &trainer->guard.log_norm, sizeof guard.log_norm);
        assert_memory_equal(&guard.loss, &trainer->guard.loss, sizeof guard.loss);
    }
    assert_true(n_skipped > 10 && n_skipped < 50);
    assert_int_equal(p.n_skipped, n_skipped);
    heed_trainer_close(trainer);
    char *log = run_read(run_file(&c, "a", "log.jsonl"), &size);
    assert_non_null(strstr(log, "\"loss\": null"));
    assert_non_null(strstr(log, "\"skipped\": \"no target\""));
    free(log);
    free(before);
    run_close(&c);
}

/* What the first step's loss may be off by follows the targets that it has; none: nothing is expected. */
static void the_initial_loss_is_expected_of_the_targets_that_count(void **state)
{
    int n_with = 0, n_without = 0;
    run_case c;

    (void)state;
    open_sparse(&c);
    for (c.options.seed = 0; c.options.seed < 40; c.options.seed++) {
        heed_progress p;
        heed_trainer *trainer = NULL;
        assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, NULL, &trainer, NULL), HEED_OK);
        const double expected = trainer->plan.initial_loss;
        assert_int_equal(heed_trainer_step(trainer, &p, NULL), HEED_OK);
        assert_true((isnan(p.loss) != 0) == (isnan(expected) != 0));
        if (!isnan(expected)) /* 1 target or 2 of 6; variance 0.02^2 d_model */
            assert_true(trainer->plan.initial_tolerance >=
                        0.02 * expected + 5.0 * sqrt(4e-4 * 8.0 / 2.0) - 1e-9);
        n_with += !isnan(expected);
        n_without += isnan(expected) != 0;
        heed_trainer_close(trainer);
    }
    assert_true(n_with > 0 && n_without > 0);
    run_close(&c);
}

/* It is never the best, and patience does not wait for it. */
static void an_evaluation_without_targets_is_no_evaluation(void **state)
{
    run_case c;
    heed_progress p = {0};

    (void)state;
    open_sparse(&c);
    c.options.eval_interval = c.options.eval_batches = 1;
    c.options.patience = 1000;
    for (c.options.seed = 0;; c.options.seed++) { /* whose window for validation has none */
        heed_trainer *trainer = NULL;
        assert_true(c.options.seed < 40);
        assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, NULL, &trainer, NULL), HEED_OK);
        const bool none = isnan(heed_trainer_evaluate(trainer, 1));
        for (int i = 0; none && i < 3; i++)
            assert_int_equal(heed_trainer_step(trainer, &p, NULL), HEED_OK);
        if (none) {
            assert_true(isnan(p.validation_loss) && isnan(p.best_loss));
            assert_int_equal(trainer->best.n_waited, 0);
        }
        heed_trainer_close(trainer);
        if (none)
            break;
    }
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outlying_norm_or_loss_is_skipped_and_an_ordinary_one_never),
        cmocka_unit_test(a_small_norm_or_loss_is_no_outlier),
        cmocka_unit_test(nothing_is_outlying_at_the_beginning),
        cmocka_unit_test(a_new_level_is_accepted),
        cmocka_unit_test(a_drift_is_followed),
        cmocka_unit_test(what_is_not_finite_is_counted_and_forgotten_by_a_good_one),
        cmocka_unit_test(the_share_of_clipped_updates_counts_those_above_the_limit),
        cmocka_unit_test(guard_and_best_come_back_from_json_as_they_were),
        cmocka_unit_test(a_guard_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_skipped_update_changes_no_weight_and_is_logged),
        cmocka_unit_test(a_run_resumed_between_skipped_updates_has_the_same_bytes),
        cmocka_unit_test(broken_weights_end_the_run_and_keep_the_checkpoint),
        cmocka_unit_test(ten_broken_steps_in_a_row_end_the_run),
        cmocka_unit_test(what_predicts_nothing_is_not_saved),
        cmocka_unit_test(weights_that_predict_are_saved_behind_a_broken_step),
        cmocka_unit_test(a_run_that_cannot_predict_at_its_end_has_diverged),
        cmocka_unit_test(weights_that_are_no_numbers_are_never_saved),
        cmocka_unit_test(patience_counts_evaluations_since_the_best),
        cmocka_unit_test(a_run_stops_early_and_stays_stopped),
        cmocka_unit_test(patience_without_evaluations_is_refused),
        cmocka_unit_test(an_evaluation_larger_than_its_text_reads_it_once),
        cmocka_unit_test(the_best_is_known_where_it_is_kept_or_waited_for),
        cmocka_unit_test(a_step_without_targets_makes_no_update),
        cmocka_unit_test(the_initial_loss_is_expected_of_the_targets_that_count),
        cmocka_unit_test(an_evaluation_without_targets_is_no_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
