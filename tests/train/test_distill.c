/* SPDX-License-Identifier: MIT */
/* A student beside its teacher: what the loss is, that the teacher stays as it is, and which teachers are refused. */
#include "run.h"

#include <float.h>
#include <heed/convert.h>
#include <math.h>

#include "from_case.h"
#include "inspect/forward.h"

/* The teacher of the next runs: two layers and two heads; the student has one of each, and another width. */
static void learn_from(run_case *c, const char *name)
{
    const heed_config student = c->config;

    c->config.n_layers = 2;
    c->config.d_model = 12;
    start_make(c, name);
    c->config = student;
    c->config.n_heads = 1;
    c->config.dropout = 0.0;
    start_set(c->options.distill, run_path(c, name));
}

/* --- the loss --- */

typedef struct logits {
    double *x;
    int64_t n;
} logits;

static void keep_logits(void *context, const heed_node *node, const heed_tensor *value)
{
    logits *to = context;

    (void)node;
    to->n = heed_tensor_count(value);
    to->x = malloc((size_t)to->n * sizeof *to->x);
    assert_non_null(to->x);
    for (int64_t i = 0; i < to->n; i++)
        to->x[i] = (double)heed_tensor_get(value, i);
}

static logits logits_of(const heed_model *model, const int32_t *ids, int64_t length)
{
    heed_forward *forward = NULL;
    heed_error err = {0};
    heed_node *node;
    logits out = {0};

    if (heed_forward_create(model, &(heed_forward_ids){ids, NULL, 1, length}, false, 1, &forward, &err) !=
        HEED_OK)
        fail_msg("%s", err.message);
    node = heed_forward_find(forward, "logits");
    assert_int_equal(heed_forward_run(forward, &node, 1, keep_logits, &out, &err), HEED_OK);
    heed_forward_destroy(forward);
    return out;
}

static double log_sum(const double *x, int64_t V, double T)
{
    double largest = -INFINITY, sum = 0.0;

    for (int64_t j = 0; j < V; j++)
        largest = fmax(largest, x[j] / T);
    for (int64_t j = 0; j < V; j++)
        sum += exp(x[j] / T - largest);
    return largest + log(sum);
}

/* The divergence of the definition, in double, over the windows of a validation that sees everything. */
static double divergence(const heed_model *teacher, const heed_model *student, const int32_t *ids,
                         int64_t length, double T)
{
    const int64_t V = heed_model_config(student)->vocab_size, V_t = heed_model_config(teacher)->vocab_size;
    logits t = logits_of(teacher, ids, length), s = logits_of(student, ids, length);
    double sum = 0.0;

    for (int64_t r = 0; r < length; r++) {
        const double *x = s.x + r * V, *y = t.x + r * V_t, a = log_sum(y, V, T), b = log_sum(x, V, T);

        for (int64_t j = 0; j < V; j++)
            sum += exp(y[j] / T - a) * ((y[j] / T - a) - (x[j] / T - b));
    }
    free(t.x);
    free(s.x);
    return sum / (double)length;
}

/*
 * A text whose validation part is one window, so that every batch of an evaluation is known. Numbers of size 1 through
 * some dozen sums in single precision: 1e-5 is some twenty times what they differ by.
 */
static void the_divergence_is_that_of_the_definition(void **state)
{
    run_case c;
    heed_trainer *trainer;
    heed_progress now = {0};
    heed_error err = {0};
    char *text;
    size_t n, n_ids;
    int32_t *ids = NULL;
    heed_model *teacher;
    double expected;

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    text = run_read(c.text, &n);
    run_write(c.text, text, 70); /* 63 to learn from, 7 to validate: 6 and a target */
    c.options.steps = 1;
    c.options.temperature = 1.7;
    trainer = run_create(&c, "student");
    assert_int_equal(heed_trainer_step(trainer, &now, &err), HEED_OK);
    assert_true(now.done);
    teacher = start_open(&c, "teacher");
    assert_int_equal(heed_model_encode(teacher, text + 63, 6, &ids, &n_ids, &err), HEED_OK);
    assert_int_equal(n_ids, 6);
    expected = divergence(teacher, heed_trainer_model(trainer), ids, 6, 1.7);
    if (!(fabs(now.validation_kl - expected) <= 1e-5) || !(expected > 1e-3))
        fail_msg("the divergence is %.9g, by the definition %.9g", now.validation_kl, expected);
    assert_true(fabs(heed_trainer_evaluate(trainer, 3) - now.validation_loss) <= 1e-6);
    free(ids);
    free(text);
    heed_model_close(teacher);
    heed_trainer_close(trainer);
    run_close(&c);
}

/* The first steps of a run: loss, divergence and gradient. */
static heed_progress first_step(const run_case *c, const char *name)
{
    heed_trainer *trainer = run_create(c, name);
    heed_progress now = {0};
    heed_error err = {0};

    assert_int_equal(heed_trainer_step(trainer, &now, &err), HEED_OK);
    heed_trainer_close(trainer);
    run_remove(c, name);
    return now;
}

static void a_model_that_is_its_teacher_has_nothing_to_learn(void **state)
{
    run_case c;
    heed_progress now;

    (void)state;
    run_open(&c);
    c.config.dropout = 0.0;
    start_make(&c, "teacher");
    assert_int_equal(heed_config_load(run_path(&c, "teacher"), &c.config, NULL), HEED_OK);
    start_set(c.options.distill, run_path(&c, "teacher"));
    start_set(c.options.from, run_path(&c, "teacher"));
    c.options.distill_weight = 1.0;
    now = first_step(&c, "student");
    assert_true(fabs(now.kl) < 1e-6 && now.gradient_norm < 1e-5 && now.loss > 0.1);
    run_close(&c);
}

/* The sums are the same ones, taken by another op: a rounding or two of numbers of size 1 to 3. */
static void without_weight_the_teacher_is_but_watched(void **state)
{
    run_case c;
    heed_progress watched, alone;

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    c.options.distill_weight = 0.0;
    watched = first_step(&c, "student");
    c.options.distill[0] = '\0';
    alone = first_step(&c, "student");
    assert_true(isnan(alone.kl) && watched.kl > 1e-4);
    assert_true(fabs(watched.loss - alone.loss) < 1e-6);
    assert_true(fabs(watched.gradient_norm - alone.gradient_norm) < 1e-5);
    run_close(&c);
}

static void parts_of_a_step_add_up(void **state)
{
    run_case c;
    heed_progress whole, parts;

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    c.options.batch_size = 4;
    whole = first_step(&c, "student");
    c.options.micro_batch = 2;
    parts = first_step(&c, "student");
    assert_true(fabs(whole.loss - parts.loss) < 1e-6 && fabs(whole.kl - parts.kl) < 1e-6);
    assert_true(fabs(whole.gradient_norm - parts.gradient_norm) < 1e-5);
    run_close(&c);
}

/* bfloat16 keeps 8 bits: logits of size 1 move by some hundredths at most, and the divergence with them. */
static void a_teacher_is_read_in_its_own_precision(void **state)
{
    static const int dtypes[] = {HEED_CONVERT_BF16, HEED_CONVERT_F16, HEED_CONVERT_INT8};
    run_case c;
    double in_full;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    in_full = first_step(&c, "student").kl;
    for (int i = 0; i < 3; i++) {
        heed_convert_options form = heed_convert_options_default();
        heed_progress now;

        form.dtype = dtypes[i];
        if (heed_model_convert(run_path(&c, "teacher"), run_path(&c, "narrow"), &form, NULL, &err) != HEED_OK)
            fail_msg("%s", err.message);
        start_set(c.options.distill, run_path(&c, "narrow"));
        now = first_step(&c, "student");
        if (!(fabs(now.kl - in_full) < 0.05 * in_full) || now.kl == in_full)
            fail_msg("form %d: the divergence is %g, in single precision %g", dtypes[i], now.kl, in_full);
        run_remove(&c, "narrow");
    }
    run_close(&c);
}

/* With both targets and teacher the student comes nearer to the teacher than with targets alone. */
static void a_student_comes_nearer_to_its_teacher(void **state)
{
    run_case c;
    double kl[2];

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    c.options.steps = 40;
    c.options.learning_rate = 0.01;
    for (int taught = 0; taught < 2; taught++) {
        heed_trainer *trainer;
        heed_progress now = {0};
        heed_error err = {0};

        c.options.distill_weight = taught;
        trainer = run_create(&c, "student");
        while (!now.done)
            assert_int_equal(heed_trainer_step(trainer, &now, &err), HEED_OK);
        kl[taught] = now.validation_kl;
        heed_trainer_close(trainer);
        run_remove(&c, "student");
    }
    if (!(kl[1] < 0.5 * kl[0]))
        fail_msg("the divergence is %g with the teacher, %g without", kl[1], kl[0]);
    run_close(&c);
}

/* --- teachers --- */

static void the_teachers_tokens_are_taken_and_held_against_others(void **state)
{
    static const char text[] =
        "to be or not to be. so to be is not to be. or so. to be or not to be so. to be or not "
        "to be or not to be. so to be is not to be. or so. to be or not to be so. to be or not";
    run_case c;

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    run_write(c.text, text, sizeof text - 1);
    c.config.vocab_size = 0;
    assert_true(
        run_train(&c, "student", RUN_MAX_STEPS, NULL)); /* the text has fewer characters than the teacher */
    c.options.tokenizer = HEED_TRAIN_WORDS;
    start_expect_refusal(&c, HEED_ERR_USAGE, "has another tokenizer (characters of ");
    c.options.tokenizer = HEED_TRAIN_CHARACTERS;
    c.config.vocab_size = 99;
    start_expect_refusal(&c, HEED_ERR_USAGE, "vocab_size: the teacher has ");
    c.config.vocab_size = 0;
    c.config.context_length = 7;
    start_expect_refusal(&c, HEED_ERR_USAGE, "has positions for 6 tokens, got 7");
    c.config.context_length = 6;
    c.config.kind = HEED_KIND_BIGRAM;
    start_expect_refusal(&c, HEED_ERR_USAGE, "a bigram model has none");
    run_close(&c);
}

static void a_resumed_student_ends_with_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    c.config.dropout = 0.1;
    start_check_resuming(&c);
    run_close(&c);
}

static void another_teacher_is_noticed(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};
    size_t n, m;
    char *before, *after;

    (void)state;
    run_open(&c);
    learn_from(&c, "teacher");
    before = run_read(run_file(&c, "teacher", "model.safetensors"), &n);
    assert_false(run_train(&c, "student", 5, NULL));
    after = run_read(run_file(&c, "teacher", "model.safetensors"), &m);
    assert_true(n == m && memcmp(before, after, n) == 0);
    run_case again = c;
    assert_int_equal(heed_config_load(run_path(&c, "teacher"), &again.config, NULL), HEED_OK);
    start_change(&again, "teacher");
    assert_int_equal(heed_trainer_resume(run_path(&c, "student"), -1, &trainer, &err), HEED_ERR_FILE);
    run_expect_sentence(&err, "the model has changed since the run began");
    free(before);
    free(after);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_divergence_is_that_of_the_definition),
        cmocka_unit_test(a_model_that_is_its_teacher_has_nothing_to_learn),
        cmocka_unit_test(without_weight_the_teacher_is_but_watched),
        cmocka_unit_test(parts_of_a_step_add_up),
        cmocka_unit_test(a_teacher_is_read_in_its_own_precision),
        cmocka_unit_test(a_student_comes_nearer_to_its_teacher),
        cmocka_unit_test(the_teachers_tokens_are_taken_and_held_against_others),
        cmocka_unit_test(a_resumed_student_ends_with_the_same_bytes),
        cmocka_unit_test(another_teacher_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
