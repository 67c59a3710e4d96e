/* SPDX-License-Identifier: MIT */
/* Training: it learns, equal seeds give equal bytes, looking changes nothing, and what cannot be trained is refused. */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- equal bytes --- */

static void expect_losses(const double *a, const double *b, int64_t n, bool same)
{
    const bool equal = memcmp(a, b, (size_t)n * sizeof *a) == 0;

    for (int64_t i = 0; i < n; i++)
        assert_true(isfinite(a[i]) && isfinite(b[i]));
    if (equal != same)
        fail_msg("expected %s losses", same ? "equal" : "other");
}

static void check_seed(run_case *c)
{
    double a[RUN_MAX_STEPS] = {0}, b[RUN_MAX_STEPS] = {0}, other[RUN_MAX_STEPS] = {0};

    assert_true(run_train(c, "a", RUN_MAX_STEPS, a));
    assert_true(run_train(c, "b", RUN_MAX_STEPS, b));
    c->options.seed++;
    assert_true(run_train(c, "other", RUN_MAX_STEPS, other));
    expect_losses(a, b, c->options.steps, true);
    expect_losses(a, other, c->options.steps, false);
    run_expect_same(c, "a", "b");
    run_remove(c, "a");
    run_remove(c, "b");
    run_remove(c, "other");
}

static void a_seed_gives_the_same_bytes_every_time(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    check_seed(&c);
    unsetenv("HEED_CPU");
    check_seed(&c);
    c.options.threads = 2;
    check_seed(&c);
    run_close(&c);
}

/* Work is cut by its size and never by the number of threads. oneDNN chooses its own cuts, by the number of threads for
 * large products, so this holds for heed's own. */
static void the_number_of_threads_changes_no_byte_of_heeds_own_products(void **state)
{
    double one[RUN_MAX_STEPS] = {0}, three[RUN_MAX_STEPS] = {0};
    run_case c;

    (void)state;
    run_open(&c);
    setenv("HEED_CPU", "generic", 1);
    c.config.d_model = 32;
    c.config.context_length = 32;
    c.options.batch_size = 8;
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, one));
    c.options.threads = 3;
    assert_true(run_train(&c, "b", RUN_MAX_STEPS, three));
    expect_losses(one, three, c.options.steps, true);
    run_close(&c);
}

/* --- evaluations, checkpoints and progress --- */

static void evaluations_and_checkpoints_change_no_byte(void **state)
{
    double a[RUN_MAX_STEPS] = {0}, b[RUN_MAX_STEPS] = {0};
    size_t n_a, n_b;
    char *x, *y;
    run_case c;

    (void)state;
    run_open(&c);
    c.options.eval_interval = c.options.save_interval = 0;
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, a));
    c.options.eval_interval = c.options.save_interval = 1;
    assert_true(run_train(&c, "b", RUN_MAX_STEPS, b));
    expect_losses(a, b, c.options.steps, true);
    x = run_read(run_file(&c, "a", "model.safetensors"), &n_a);
    y = run_read(run_file(&c, "b", "model.safetensors"), &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(x, y, n_a);
    free(x);
    free(y);
    run_close(&c);
}

static void an_evaluation_is_the_same_each_time(void **state)
{
    heed_trainer *trainer;
    run_case c;
    double first;

    (void)state;
    run_open(&c);
    trainer = run_create(&c, "a");
    first = heed_trainer_evaluate(trainer, 5);
    assert_true(first > 1.0 && first < 5.0); /* near log(vocab_size) before any step */
    assert_true(heed_trainer_evaluate(trainer, 5) == first);
    run_steps(trainer, 3, NULL);
    assert_true(heed_trainer_evaluate(trainer, 5) != first);
    assert_true(isnan(heed_trainer_evaluate(trainer, 0)));
    assert_true(heed_trainer_evaluate(trainer, -1) ==
                heed_trainer_evaluate(trainer, 200)); /* as after the last step */
    heed_trainer_close(trainer);
    run_close(&c);
}

static void progress_says_what_was_done(void **state)
{
    heed_trainer *trainer;
    heed_progress p = {0};
    heed_error err = {0};
    double first = 0.0;
    run_case c;

    (void)state;
    run_open(&c);
    trainer = run_create(&c, "a");
    for (int64_t step = 1; step <= c.options.steps; step++) {
        const bool last = step == c.options.steps;
        assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK);
        assert_int_equal(p.step, step);
        assert_int_equal(p.steps, c.options.steps);
        assert_int_equal(p.done, last);
        assert_int_equal(p.saved, last || step % 4 == 0);
        assert_int_equal(!isnan(p.validation_loss), last || step % 5 == 0);
        assert_true(isfinite(p.loss) && p.gradient_norm > 0.0 && p.tokens_per_s > 0.0 && p.eta_s >= 0.0);
        assert_true(p.learning_rate > 0.0 && p.learning_rate <= c.options.learning_rate);
        first = step == 1 ? p.loss : first;
    }
    assert_true(p.eta_s == 0.0);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_OK); /* one more changes nothing */
    assert_true(p.done && !p.saved && isnan(p.loss));
    assert_int_equal(p.step, c.options.steps);
    heed_trainer_close(trainer);
    run_close(&c);
}

static void the_log_has_a_line_a_step(void **state)
{
    run_case c;
    size_t n, n_lines = 0, n_evaluations = 0;
    char *log;

    (void)state;
    run_open(&c);
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    log = run_read(run_file(&c, "a", "log.jsonl"), &n);
    for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char start[32];
        snprintf(start, sizeof start, "{\"step\": %zu, \"loss\": ", ++n_lines);
        assert_true(strncmp(line, start, strlen(start)) == 0);
        assert_true(line[strlen(line) - 1] == '}');
        n_evaluations += strstr(line, "\"val_loss\"") != NULL;
    }
    assert_int_equal(n_lines, c.options.steps);
    assert_int_equal(n_evaluations, 3); /* after 5, 10 and 12 steps */
    free(log);
    run_close(&c);
}

/* Words from a list of eight have some log(8) / 3.7 = 0.56 nats a character; a bigram model gets near 0.9. */
static void a_small_model_learns_its_text(void **state)
{
    double losses[RUN_MAX_STEPS] = {0};
    run_case c;

    (void)state;
    run_open(&c);
    unsetenv("HEED_CPU");
    c.config.d_model = 32;
    c.config.context_length = 16;
    c.config.dropout = 0.0;
    c.options.batch_size = 16;
    c.options.steps = RUN_MAX_STEPS;
    c.options.learning_rate = 1e-2;
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, losses));
    if (losses[0] < 2.3 || losses[RUN_MAX_STEPS - 1] > 1.5)
        fail_msg("the loss goes from %g to %g", losses[0], losses[RUN_MAX_STEPS - 1]);
    run_close(&c);
}

static void the_plan_is_known_before_the_first_step(void **state)
{
    const heed_train_plan *plan;
    heed_trainer *trainer;
    run_case c;

    (void)state;
    run_open(&c);
    trainer = run_create(&c, "a");
    plan = heed_trainer_plan(trainer);
    assert_int_equal(plan->n_train_tokens, 2700);
    assert_int_equal(plan->n_validation_tokens, 300);
    assert_true(isnan(plan->floor));
    assert_true(plan->n_parameters > 1000 && plan->flops_per_step > 6.0 * (double)plan->n_parameters * 12.0);
    assert_true(plan->state_bytes >= 16.0 * (double)plan->n_parameters && plan->step_bytes > 0.0);
    assert_true(plan->process_bytes > plan->state_bytes + plan->step_bytes);
    assert_non_null(strstr(plan->device, "1 thread"));
    assert_int_equal(heed_trainer_config(trainer)->vocab_size,
                     heed_model_config(heed_trainer_model(trainer))->vocab_size);
    assert_string_equal(heed_trainer_folder(trainer), run_path(&c, "a"));
    heed_trainer_close(trainer);
    run_close(&c);
}

/* --- refusals --- */

static void expect_refusal(const run_case *c, const char *text, heed_status expected, const char *part)
{
    heed_trainer *trainer = (heed_trainer *)c;
    heed_error err = {0};
    const heed_status status = heed_trainer_create(text, &c->config, &c->options, run_path(c, "refused"),
                                                   &trainer, &err);

    if (status != expected)
        fail_msg("expected status %d, got %d: %s", (int)expected, (int)status, err.message);
    assert_null(trainer);
    run_expect_sentence(&err, part);
    assert_string_equal(run_list(c, "refused"), "");
}

static void texts_that_cannot_be_trained_on_are_refused(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    expect_refusal(&c, run_path(&c, "missing.txt"), HEED_ERR_FILE, "missing.txt");
    expect_refusal(&c, c.root, HEED_ERR_FILE, "folder");
    run_write(run_path(&c, "empty.txt"), "", 0);
    expect_refusal(&c, run_path(&c, "empty.txt"), HEED_ERR_FILE, "empty");
    run_write(run_path(&c, "short.txt"), "to be or not", 12);
    expect_refusal(&c, run_path(&c, "short.txt"), HEED_ERR_FILE, "at least");
    run_write(run_path(&c, "binary.bin"), "to be\0or not to be", 18);
    expect_refusal(&c, run_path(&c, "binary.bin"), HEED_ERR_FILE, "binary");
    run_write(run_path(&c, "latin.txt"), "caf\xe9 caf\xe9 caf\xe9 caf\xe9 caf\xe9", 24);
    expect_refusal(&c, run_path(&c, "latin.txt"), HEED_ERR_FILE, "UTF-8");
    c.config.vocab_size = 5;
    expect_refusal(&c, c.text, HEED_ERR_USAGE, "vocab_size");
    run_close(&c);
}

static void configurations_that_do_not_fit_are_refused(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.config.n_heads = 3;
    expect_refusal(&c, c.text, HEED_ERR_USAGE, "n_heads");
    c.config.n_heads = 2;
    c.options.steps = 0;
    expect_refusal(&c, c.text, HEED_ERR_USAGE, "steps");
    c.options.steps = 12;
    c.options.learning_rate = NAN;
    expect_refusal(&c, c.text, HEED_ERR_USAGE, "learning_rate");
    c.options.learning_rate = 1e-3;
    c.config.context_length = 1000;
    expect_refusal(&c, c.text, HEED_ERR_FILE, "context_length");
    run_close(&c);
}

static void a_run_larger_than_memory_is_refused_with_its_size(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    unsetenv("HEED_CPU");
    c.config.d_model = 65536;
    c.config.n_layers = 96;
    expect_refusal(&c, c.text, HEED_ERR_MEMORY, "GB"); /* 60 TB of weights and moments */
    c.config.d_model = 8;
    c.config.n_layers = 1;
    c.options.batch_size = 1 << 20;
    c.config.mlp_factor = 1000.0;
    expect_refusal(&c, c.text, HEED_ERR_MEMORY, "GB"); /* 6 M tokens with 8,000 numbers each, several times */
    run_close(&c);
}

static void a_folder_that_holds_a_model_is_refused(void **state)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};
    run_case c;

    (void)state;
    run_open(&c);
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    run_copy(&c, "a", "b");
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "b"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "already");
    run_expect_same(&c, "a", "b");
    run_remove(&c, "b");
    run_copy(&c, "empty", "b");
    run_write(run_file(&c, "b", "config.json"), "{}", 2); /* a file that would be replaced is enough */
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "b"), &trainer, &err),
                     HEED_ERR_USAGE);
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, c.text, &trainer, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "text.txt");
    assert_null(trainer);
    run_close(&c);
}

static void two_trainers_never_share_a_folder(void **state)
{
    heed_trainer *first, *second = NULL;
    heed_error err = {0};
    run_case c;

    (void)state;
    run_open(&c);
    first = run_create(&c, "a");
    assert_int_equal(heed_trainer_resume(run_path(&c, "a"), -1, &second, &err), HEED_ERR_USAGE);
    run_expect_sentence(&err, "another process");
    assert_null(second);
    heed_trainer_close(first);
    assert_true(run_resume(&c, "a", RUN_MAX_STEPS, NULL));
    run_close(&c);
}

/* One step so wide that no weight of the next forward pass is of use. */
static void a_diverged_run_stops_and_keeps_its_last_checkpoint(void **state)
{
    heed_status status = HEED_OK;
    heed_progress p = {0};
    heed_trainer *trainer;
    heed_error err = {0};
    int64_t good = -1;
    run_case c;

    (void)state;
    run_open(&c);
    c.config.norm = HEED_NORM_NONE;
    c.config.n_layers = 3;
    c.options.clip_norm = 0.0;
    c.options.warmup_steps = 0;
    c.options.learning_rate = 1000.0;
    c.options.save_interval = 1;
    trainer = run_create(&c, "a");
    while (status == HEED_OK && !p.done) {
        status = heed_trainer_step(trainer, &p, &err);
        good = p.skipped == HEED_SKIP_NONE && status == HEED_OK ? p.step : good;
    }
    assert_int_equal(status, HEED_ERR_CHECK);
    run_expect_sentence(&err, "diverged");
    assert_false(p.saved);
    assert_int_equal(heed_trainer_save(trainer, &err), HEED_ERR_CHECK);
    assert_int_equal(heed_trainer_step(trainer, &p, &err), HEED_ERR_CHECK);
    heed_trainer_close(trainer);
    trainer = run_open_again(&c, "a");
    assert_int_equal(heed_trainer_progress(trainer).step,
                     good); /* nothing is saved of steps that had no loss */
    heed_trainer_close(trainer);
    run_close(&c);
}

static void a_finished_run_is_a_model(void **state)
{
    heed_model *model = NULL;
    heed_error err = {0};
    run_case c;

    (void)state;
    run_open(&c);
    assert_true(run_train(&c, "a", RUN_MAX_STEPS, NULL));
    if (heed_model_open(run_path(&c, "a"), &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_true(heed_model_has_tokenizer(model));
    assert_int_equal(heed_model_config(model)->d_model, c.config.d_model);
    heed_model_close(model);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_gives_the_same_bytes_every_time),
        cmocka_unit_test(the_number_of_threads_changes_no_byte_of_heeds_own_products),
        cmocka_unit_test(evaluations_and_checkpoints_change_no_byte),
        cmocka_unit_test(an_evaluation_is_the_same_each_time),
        cmocka_unit_test(progress_says_what_was_done),
        cmocka_unit_test(the_log_has_a_line_a_step),
        cmocka_unit_test(a_small_model_learns_its_text),
        cmocka_unit_test(the_plan_is_known_before_the_first_step),
        cmocka_unit_test(texts_that_cannot_be_trained_on_are_refused),
        cmocka_unit_test(configurations_that_do_not_fit_are_refused),
        cmocka_unit_test(a_run_larger_than_memory_is_refused_with_its_size),
        cmocka_unit_test(a_folder_that_holds_a_model_is_refused),
        cmocka_unit_test(two_trainers_never_share_a_folder),
        cmocka_unit_test(a_diverged_run_stops_and_keeps_its_last_checkpoint),
        cmocka_unit_test(a_finished_run_is_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
