/* SPDX-License-Identifier: MIT */
/* Groups of parameters by name: learning rates, decay, freezing, optimizers and what they remember, looks. */
#include "run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"
#include "train/groups.h"
#include "train/trainer.h"

/* All numbers of a model, one parameter behind the other; free() it. */
static float *numbers_of(const heed_trainer *trainer)
{
    const heed_weights *w = trainer->model->weights;
    float *all = malloc((size_t)heed_weights_count(w) * sizeof *all), *to = all;

    assert_non_null(all);
    for (int i = 0; i < w->n; i++) {
        memcpy(to, w->list[i].data, (size_t)w->list[i].count * sizeof *to);
        to += w->list[i].count;
    }
    return all;
}

static void set_text(char *option, const char *text)
{
    snprintf(option, HEED_TRAIN_TEXT_BYTES, "%s", text);
}

/* --- freezing --- */

/* What matches `freeze` has the bits it had, everything else has changed. */
static void check_frozen(run_case *c, const char *freeze)
{
    heed_trainer *trainer;
    float *before;
    const float *at;

    set_text(c->options.freeze, freeze);
    trainer = run_create(c, "frozen");
    before = numbers_of(trainer);
    at = before;
    run_steps(trainer, 5, NULL);
    for (int i = 0; i < trainer->model->weights->n; i++) {
        const heed_parameter *p = &trainer->model->weights->list[i];
        const bool same = memcmp(at, p->data, (size_t)p->count * sizeof *at) == 0;
        if (same != heed_pattern_matches(freeze, p->name))
            fail_msg("freeze \"%s\": %s has %s", freeze, p->name, same ? "not changed" : "changed");
        if (same != (heed_step_moment(&trainer->train, trainer->model->weights, i, 0) == NULL))
            fail_msg("freeze \"%s\": %s has %s moments", freeze, p->name, same ? "" : "no");
        at += p->count;
    }
    free(before);
    heed_trainer_close(trainer);
    run_remove(c, "frozen");
}

static void a_frozen_parameter_keeps_its_bits_and_has_no_moments(void **state)
{
    static const char *const patterns[] = {"wte.weight", "wpe.weight",     "*.bias",  "*.ln_*",
                                           "*.attn.*",   "*c_attn.weight", "*.mlp.*", "h.0.*"};
    run_case c;

    (void)state;
    run_open(&c);
    c.config.n_layers = 2;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        check_frozen(&c, patterns[i]);
    c.config.tied_head = false;
    check_frozen(&c, "lm_head.weight");
    check_frozen(&c, "wte.weight");
    c.config.n_experts = 3;
    c.config.experts_per_token = 1;
    check_frozen(&c, "*.experts.*");
    check_frozen(&c, "*.router*");
    run_close(&c);
}

static double flops_with(run_case *c, const char *freeze, double *state_bytes)
{
    heed_trainer *trainer;
    double flops;

    set_text(c->options.freeze, freeze);
    trainer = run_create(c, "flops");
    flops = heed_trainer_plan(trainer)->flops_per_step;
    *state_bytes = heed_trainer_plan(trainer)->state_bytes;
    heed_trainer_close(trainer);
    run_remove(c, "flops");
    return flops;
}

/* Nothing below the second block trains: its backward pass is not there. */
static void what_lies_below_the_first_trained_parameter_is_not_differentiated(void **state)
{
    double all_bytes, some_bytes;
    run_case c;

    (void)state;
    run_open(&c);
    c.config.n_layers = 2;
    c.config.d_model = 32;
    c.config.tied_head = false;
    const double all = flops_with(&c, "", &all_bytes), some = flops_with(&c, "w?e.*, h.0.*", &some_bytes);
    assert_true(some < 0.75 * all);
    assert_true(some_bytes < 0.75 * all_bytes);
    run_close(&c);
}

/* --- optimizers --- */

static double bytes_with(run_case *c, heed_optimizer optimizer, double momentum)
{
    double bytes;
    heed_trainer *trainer;

    c->options.optimizer = optimizer;
    c->options.momentum = momentum;
    trainer = run_create(c, "bytes");
    bytes = heed_trainer_plan(trainer)->state_bytes;
    heed_trainer_close(trainer);
    run_remove(c, "bytes");
    return bytes;
}

/* Weights and gradients are two equal parts here, as nothing is frozen. */
static void an_optimizer_takes_memory_for_the_moments_that_it_has(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    const double two = bytes_with(&c, HEED_OPTIMIZER_ADAMW, 0.9), one = bytes_with(&c, HEED_OPTIMIZER_SGD, 0.9),
                 none = bytes_with(&c, HEED_OPTIMIZER_SGD, 0.0);
    assert_true(bytes_with(&c, HEED_OPTIMIZER_ADAM, 0.9) == two);
    assert_true(2.0 * two == 4.0 * none && 2.0 * one == 3.0 * none);
    run_close(&c);
}

static void every_optimizer_resumes_to_the_same_bytes(void **state)
{
    static const struct {
        heed_optimizer optimizer;
        double momentum, l2;
        bool nesterov;
        const char *freeze;
    } cases[] = {
        {HEED_OPTIMIZER_ADAMW, 0.9, 0.0, false, "h.0.mlp.*"},
        {HEED_OPTIMIZER_ADAM, 0.9, 0.1, false, ""},
        {HEED_OPTIMIZER_SGD, 0.9, 0.1, true, "wpe.weight"},
        {HEED_OPTIMIZER_SGD, 0.0, 0.0, false, ""},
    };
    run_case c;

    (void)state;
    run_open(&c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        c.options.optimizer = (int)cases[i].optimizer;
        c.options.momentum = cases[i].momentum;
        c.options.l2 = cases[i].l2;
        c.options.nesterov = cases[i].nesterov;
        set_text(c.options.freeze, cases[i].freeze);
        assert_true(run_train(&c, "whole", RUN_MAX_STEPS, NULL));
        assert_false(run_train(&c, "parts", 9, NULL)); /* the checkpoint of step 8 */
        assert_true(run_resume(&c, "parts", RUN_MAX_STEPS, NULL));
        run_expect_same(&c, "whole", "parts");
        run_remove(&c, "whole");
        run_remove(&c, "parts");
    }
    run_close(&c);
}

/* --- learning rates and decay by group --- */

/* Plain descent for one step: the update is the learning rate times the gradient, whatever it is. */
static void a_factor_on_the_learning_rate_scales_the_update(void **state)
{
    run_case c;
    float *start, *whole, *part;

    (void)state;
    run_open(&c);
    c.options.optimizer = HEED_OPTIMIZER_SGD;
    c.options.momentum = 0.0;
    heed_trainer *a = run_create(&c, "a");
    start = numbers_of(a);
    run_steps(a, 1, NULL);
    whole = numbers_of(a);
    heed_trainer_close(a);
    set_text(c.options.groups, "*: lr 0.25; *.mlp.*: lr=0; wpe.weight : lr 1 ;");
    heed_trainer *b = run_create(&c, "b");
    run_steps(b, 1, NULL);
    part = numbers_of(b);
    const heed_weights *w = b->model->weights;
    for (int64_t i = 0, k = 0; i < w->n; i++) {
        const char *name = w->list[i].name;
        const double factor = strcmp(name, "wpe.weight") == 0 ? 1.0
                              : strstr(name, ".mlp.") != NULL ? 0.0
                                                              : 0.25;
        for (int64_t n = k + w->list[i].count; k < n; k++) {
            const double expected = factor * ((double)whole[k] - (double)start[k]);
            /* two roundings of numbers up to 1, and of the update */
            if (!(fabs((double)part[k] - (double)start[k] - expected) <= 2.5e-7))
                fail_msg("%s: update %g, expected %g", name, (double)part[k] - (double)start[k], expected);
        }
    }
    heed_trainer_close(b);
    free(start);
    free(whole);
    free(part);
    run_close(&c);
}

static heed_group group_of(const heed_config *config, const heed_train_options *options, const char *name)
{
    heed_weights *w = NULL;
    heed_groups groups = {0};
    heed_group found = {.lr = -1.0};
    heed_error err = {0};

    assert_int_equal(heed_weights_create(config, &w, NULL), HEED_OK);
    if (heed_groups_create(w, options, &groups, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < w->n; i++) {
        if (strcmp(w->list[i].name, name) == 0)
            found = groups.list[i];
    }
    if (found.lr < 0.0)
        fail_msg("there is no %s", name);
    heed_groups_destroy(&groups);
    heed_weights_destroy(w);
    return found;
}

static void decay_is_for_the_matrices_of_maps_unless_a_rule_says_otherwise(void **state)
{
    static const char *const decayed[] = {"h.0.attn.c_attn.weight", "h.0.mlp.c_fc.weight", "lm_head.weight"};
    static const char *const not_decayed[] = {"wte.weight", "wpe.weight", "h.0.ln_1.weight", "ln_f.bias",
                                              "h.0.attn.c_attn.bias"};
    heed_config config = heed_config_default();
    heed_train_options options = heed_train_options_default();

    (void)state;
    config.vocab_size = 10;
    config.tied_head = false;
    options.l2 = 0.5;
    for (size_t i = 0; i < sizeof decayed / sizeof decayed[0]; i++) {
        const heed_group g = group_of(&config, &options, decayed[i]);
        assert_true(g.weight_decay == 0.1 && g.l2 == 0.5 && g.trains && g.lr == 1.0);
    }
    for (size_t i = 0; i < sizeof not_decayed / sizeof not_decayed[0]; i++) {
        const heed_group g = group_of(&config, &options, not_decayed[i]);
        assert_true(g.weight_decay == 0.0 && g.l2 == 0.0);
    }
    set_text(options.groups, "*: weight_decay 0.2, l2 0 ; h.0.*: lr 3;h.*.ln_1.weight:l2 0.25");
    const heed_group wte = group_of(&config, &options, "wte.weight");
    const heed_group ln = group_of(&config, &options, "h.0.ln_1.weight");
    assert_true(wte.weight_decay == 0.2 && wte.l2 == 0.0 && wte.lr == 1.0);
    assert_true(ln.weight_decay == 0.2 && ln.l2 == 0.25 && ln.lr == 3.0);
}

static void a_wrong_rule_is_refused_with_the_near_word(void **state)
{
    static const struct {
        const char *groups, *freeze, *part;
    } cases[] = {
        {"wte.wieght: lr 1", "", "did you mean \"wte.weight\"?"},
        {"h.0.atn.*: lr 1", "", "did you mean \"h.0.attn"},
        {"zzzzzzzzzz: lr 1", "", "heed info lists their names"},
        {"wte.weight", "", "expected rules"},
        {"wte.weight:", "", "expected a setting and a number"},
        {"wte.weight: lr", "", "expected a setting and a number"},
        {"wte.weight: lr 1,", "", "expected a setting and a number"},
        {": lr 1", "", "expected the name of a parameter"},
        {"wte.weight: weight_deacy 1", "", "did you mean \"weight_decay\"?"},
        {"wte.weight: lr -1", "", "expected a number from 0"},
        {"wte.weight: lr nan", "", "expected a number from 0"},
        {"wte.weight: lr 1 2", "", "expected a number from 0"},
        {"", "wte.weight,", "expected the name of a parameter"},
        {"", "wte.wight", "did you mean \"wte.weight\"?"},
        {"", "*", "no parameter is left to train"},
    };
    run_case c;

    (void)state;
    run_open(&c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_trainer *trainer = NULL;
        heed_error err = {0};
        set_text(c.options.groups, cases[i].groups);
        set_text(c.options.freeze, cases[i].freeze);
        if (heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "no"), &trainer, &err) !=
            HEED_ERR_USAGE)
            fail_msg("groups \"%s\" freeze \"%s\": %s", cases[i].groups, cases[i].freeze, err.message);
        run_expect_sentence(&err, cases[i].part);
        assert_string_equal(run_list(&c, "no"), "");
    }
    run_close(&c);
}

static void a_decay_that_the_optimizer_does_not_have_is_refused(void **state)
{
    run_case c;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    (void)state;
    run_open(&c);
    c.options.optimizer = HEED_OPTIMIZER_SGD;
    c.options.weight_decay = 0.1;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "no"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "sgd has l2");
    c.options.weight_decay = -1.0;
    c.options.momentum = 0.0;
    c.options.nesterov = true;
    assert_int_equal(heed_trainer_create(c.text, &c.config, &c.options, run_path(&c, "no"), &trainer, &err),
                     HEED_ERR_USAGE);
    run_expect_sentence(&err, "nesterov");
    run_close(&c);
}

/* --- looks --- */

static void check_looks(run_case *c, heed_optimizer optimizer)
{
    c->options.optimizer = (int)optimizer;
    heed_trainer *trainer = run_create(c, "looks");
    const heed_weights *w = trainer->model->weights;
    float *before, *after;
    const heed_group_stats *groups;
    int n;

    run_steps(trainer, 3, NULL);
    heed_trainer_groups(trainer, &n);
    assert_int_equal(n, 0); /* 3 is none of 1, 4, 8 */
    before = numbers_of(trainer);
    run_steps(trainer, 1, NULL);
    after = numbers_of(trainer);
    groups = heed_trainer_groups(trainer, &n);
    assert_true(n >= 4);
    for (int g = 0; g < n; g++) {
        double weight = 0.0, update = 0.0, gradient = 0.0;
        int64_t count = 0;
        for (int64_t i = 0, k = 0; i < w->n; i++) {
            const bool in = strcmp(w->list[i].component, groups[g].name) == 0;
            const float *grad = heed_step_gradient(&trainer->train, w, (int)i);
            for (int64_t j = 0; j < w->list[i].count; j++, k++) {
                const double d = (double)after[k] - (double)before[k];
                weight += in ? (double)before[k] * (double)before[k] : 0.0;
                update += in ? d * d : 0.0;
                gradient += in ? (double)grad[j] * (double)grad[j] : 0.0;
            }
            count += in ? w->list[i].count : 0;
        }
        assert_int_equal(groups[g].n_parameters, count);
        /* sums of squares in double of the same floats, but p' - p is rounded once more: 1e-7 of p in 1e-3 of it */
        assert_true(fabs(groups[g].weight_norm - sqrt(weight)) <= 1e-6 * sqrt(weight));
        assert_true(fabs(groups[g].gradient_norm - sqrt(gradient)) <= 1e-6 * sqrt(gradient));
        assert_true(fabs(groups[g].update_norm - sqrt(update)) <= 1e-3 * sqrt(update));
        assert_true(update > 0.0);
    }
    free(before);
    free(after);
    heed_trainer_close(trainer);
    run_remove(c, "looks");
}

static void a_look_gives_the_norms_of_groups_and_changes_nothing(void **state)
{
    double with[RUN_MAX_STEPS] = {0}, without[RUN_MAX_STEPS] = {0};
    run_case c;

    (void)state;
    run_open(&c);
    c.options.warmup_steps = 0;
    assert_true(run_train(&c, "without", RUN_MAX_STEPS, without));
    c.options.group_interval = 4;
    assert_true(run_train(&c, "with", RUN_MAX_STEPS, with));
    assert_memory_equal(with, without, sizeof with);
    check_looks(&c, HEED_OPTIMIZER_ADAMW);
    check_looks(&c, HEED_OPTIMIZER_SGD);
    unsetenv("HEED_CPU");
    check_looks(&c, HEED_OPTIMIZER_ADAM);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_parameter_keeps_its_bits_and_has_no_moments),
        cmocka_unit_test(what_lies_below_the_first_trained_parameter_is_not_differentiated),
        cmocka_unit_test(an_optimizer_takes_memory_for_the_moments_that_it_has),
        cmocka_unit_test(every_optimizer_resumes_to_the_same_bytes),
        cmocka_unit_test(a_factor_on_the_learning_rate_scales_the_update),
        cmocka_unit_test(decay_is_for_the_matrices_of_maps_unless_a_rule_says_otherwise),
        cmocka_unit_test(a_wrong_rule_is_refused_with_the_near_word),
        cmocka_unit_test(a_decay_that_the_optimizer_does_not_have_is_refused),
        cmocka_unit_test(a_look_gives_the_norms_of_groups_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
