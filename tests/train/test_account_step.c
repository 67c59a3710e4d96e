/* SPDX-License-Identifier: MIT */
/* The account of a step adds up to its plan, and a step that is run takes what was announced. */
#include "cmocka_all.h"

#include <heed/accounting.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

/* --- cases: several kinds of models, and of steps --- */

static heed_config small(void)
{
    heed_config c = heed_config_default();

    c.vocab_size = 65;
    c.n_layers = 3;
    c.d_model = 32;
    c.context_length = 16;
    return c;
}

enum { N_CASES = 8 };

static void make_case(int i, heed_config *c, heed_account_options *o)
{
    *c = small();
    *o = heed_account_options_default();
    o->batch_size = 4;
    switch (i) {
    case 1:
        o->recompute = HEED_RECOMPUTE_CHEAP;
        c->n_kv_heads = 2;
        break;
    case 2:
        o->recompute = HEED_RECOMPUTE_BLOCKS;
        c->positions = HEED_POSITIONS_ROTARY;
        break;
    case 3:
        o->micro_batch = 1;
        c->tied_head = false;
        break;
    case 4:
        o->precision = HEED_PRECISION_BF16;
        o->length = 7;
        break;
    case 5:
        c->n_experts = 3;
        c->balance_weight = 0.01;
        o->recompute = HEED_RECOMPUTE_BLOCKS;
        o->micro_batch = 2;
        break;
    case 6:
        c->kind = HEED_KIND_BIGRAM;
        o->optimizer = HEED_OPTIMIZER_SGD;
        break;
    case 7:
        o->whole_logits = true;
        c->n_layers = 0;
        break;
    default:
        break;
    }
}

static heed_account *make(const heed_config *c, const heed_account_options *o)
{
    heed_account *account = NULL;
    heed_error err = {0};

    if (heed_account_create(c, o, &account, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return account;
}

/* --- arithmetic --- */

static double sum_of(const heed_account_flops *list, int n, double *again)
{
    double sum = 0.0;

    *again = 0.0;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < HEED_ACCOUNT_STAGES; k++)
            sum += list[i].stage[k];
        *again += list[i].again;
    }
    return sum;
}

/* All are whole numbers below 2^53, so sums are exact in any order. */
static void flops_add_up_by_op_and_by_part(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        heed_config c;
        heed_account_options o;
        make_case(i, &c, &o);
        heed_account *account = make(&c, &o);
        const heed_account_total *t = heed_account_totals(account);
        double again;
        int n;
        const heed_account_flops *list = heed_account_flops_by_op(account, &n);
        assert_true(sum_of(list, n, &again) == t->flops && again == t->again_flops);
        list = heed_account_flops_by_part(account, &n);
        assert_true(sum_of(list, n, &again) == t->flops && again == t->again_flops);
        assert_int_equal(n, (c.kind == HEED_KIND_BIGRAM ? 0 : (int)c.n_layers) + 3);
        assert_true(list[n - 1].stage[HEED_ACCOUNT_FORWARD] == 0.0 &&
                    list[n - 1].stage[HEED_ACCOUNT_UPDATE] > 0.0);
        assert_true((t->again_flops > 0.0) == (o.recompute != HEED_RECOMPUTE_NONE));
        heed_account_destroy(account);
    }
}

static void they_are_those_of_the_plan(void **state)
{
    heed_config c = small();
    heed_account_options o = heed_account_options_default();
    heed_accounting training;
    heed_model *model = NULL;
    heed_account *account;
    const heed_account_total *t;

    (void)state;
    o.batch_size = 4;
    o.recompute = HEED_RECOMPUTE_CHEAP;
    assert_int_equal(heed_model_create(&c, 1, &model, NULL), HEED_OK);
    assert_int_equal(
        heed_model_account_training(model, 4, HEED_PRECISION_F32, HEED_RECOMPUTE_CHEAP, &training, NULL),
        HEED_OK);
    account = make(&c, &o);
    t = heed_account_totals(account);
    assert_true(t->flops == training.flops && t->arena_bytes == training.arena_bytes);
    assert_true(t->weights_bytes + t->gradients_bytes + t->moments_bytes == training.state_bytes);
    assert_true(t->n_parameters == training.parameters && t->n_moments == training.n_nodes);
    heed_account_destroy(account);
    heed_model_close(model);
}

/* --- memory --- */

static void the_arena_holds_what_is_in_use_at_every_moment(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        heed_config c;
        heed_account_options o;
        make_case(i, &c, &o);
        heed_account *account = make(&c, &o);
        const heed_account_total *t = heed_account_totals(account);
        double most = 0.0, at_peak = 0.0;
        heed_account_stage stage = HEED_ACCOUNT_FORWARD;
        int n;
        for (int k = 0; k < t->n_moments; k++) {
            const heed_account_moment m = heed_account_at(account, k);
            most = m.live_bytes > most ? m.live_bytes : most;
            assert_true(m.stage >= stage); /* forward, backward, norm, update */
            stage = m.stage;
        }
        const heed_account_tensor *list = heed_account_peak(account, &n);
        for (int k = 0; k < n; k++)
            at_peak += list[k].bytes;
        assert_true(most == t->peak_bytes && most == heed_account_at(account, t->peak).live_bytes);
        assert_true(at_peak == most && most <= t->arena_bytes);
        assert_true(t->arena_bytes < 1.25 * most); /* places that do not fit together: a few per cent at most */
        heed_account_destroy(account);
    }
}

static void components_are_all_weights_gradients_and_moments(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        heed_config c;
        heed_account_options o;
        make_case(i, &c, &o);
        heed_account *account = make(&c, &o);
        const heed_account_total *t = heed_account_totals(account);
        heed_account_total sum = {0};
        int n;
        const heed_account_component *list = heed_account_components(account, &n);
        for (int k = 0; k < n; k++) {
            sum.n_parameters += (double)list[k].n_parameters;
            sum.weights_bytes += list[k].weights_bytes;
            sum.gradients_bytes += list[k].gradients_bytes;
            sum.moments_bytes += list[k].moments_bytes;
        }
        assert_true(sum.n_parameters == t->n_parameters && sum.weights_bytes == t->weights_bytes);
        assert_true(sum.gradients_bytes == t->gradients_bytes && sum.moments_bytes == t->moments_bytes);
        assert_true(t->planned_bytes ==
                    t->weights_bytes + t->gradients_bytes + t->moments_bytes + t->arena_bytes + t->batch_bytes);
        heed_account_destroy(account);
    }
}

/* With 20,000 words the logits are the largest tensor by far, and whoever stores them needs that much more. */
static void whole_logits_take_their_bytes(void **state)
{
    heed_config c = small();
    heed_account_options o = heed_account_options_default();
    heed_account *tiles, *whole;
    double logits;

    (void)state;
    c.vocab_size = 20000;
    c.context_length = 256;
    o.batch_size = 16;
    tiles = make(&c, &o);
    o.whole_logits = true;
    whole = make(&c, &o);
    logits = heed_account_totals(tiles)->logits_bytes;
    assert_true(logits == 16.0 * 256.0 * 20000.0 * 4.0);
    assert_true(heed_account_totals(whole)->arena_bytes > logits);
    assert_true(heed_account_totals(tiles)->arena_bytes < 0.5 * logits);
    assert_true(heed_account_totals(tiles)->scores_bytes == 3.0 * 16.0 * 4.0 * 256.0 * 256.0 * 4.0);
    heed_account_destroy(tiles);
    heed_account_destroy(whole);
}

static void steps_that_cannot_be_are_refused(void **state)
{
    heed_config c = small();
    heed_account_options o = heed_account_options_default();
    heed_account *account = NULL;
    heed_account_measured measured;

    (void)state;
    o.micro_batch = 5;
    assert_int_equal(heed_account_create(&c, &o, &account, NULL), HEED_ERR_USAGE);
    assert_null(account);
    o = heed_account_options_default();
    o.length = 17;
    assert_int_equal(heed_account_create(&c, &o, &account, NULL), HEED_ERR_USAGE);
    o = heed_account_options_default();
    o.precision = HEED_PRECISION_INT8;
    assert_int_equal(heed_account_create(&c, &o, &account, NULL), HEED_ERR_USAGE);
    o = heed_account_options_default();
    o.batch_size = (int64_t)1 << 56;
    assert_int_equal(heed_account_create(&c, &o, &account, NULL), HEED_ERR_MEMORY);
    assert_int_equal(heed_account_measure(&c, &o, 1, NULL, &measured, NULL), HEED_ERR_USAGE);
}

/* --- a token --- */

static void a_cache_holds_keys_and_values_and_saves_arithmetic(void **state)
{
    heed_config c = small();
    heed_account_generation first, last;

    (void)state;
    c.n_kv_heads = 2;
    assert_int_equal(heed_account_generate(&c, 0, &first, NULL), HEED_OK);
    assert_int_equal(heed_account_generate(&c, 15, &last, NULL), HEED_OK);
    /* keys and values, layers, heads, their width, bytes */
    assert_true(first.cache_bytes == 2.0 * 3.0 * 2.0 * 8.0 * 4.0);
    assert_true(first.cache_full_bytes == 16.0 * first.cache_bytes);
    assert_true(first.flops_cached == first.flops_uncached); /* there is nothing to remember */
    assert_true(last.flops_cached > first.flops_cached);     /* more keys */
    assert_true(last.flops_cached < 1.1 * first.flops_cached && last.flops_uncached > 14.0 * last.flops_cached);
    assert_int_equal(heed_account_generate(&c, 16, &last, NULL), HEED_ERR_USAGE);
    c.tied_kv = true;
    assert_int_equal(heed_account_generate(&c, 0, &first, NULL), HEED_OK);
    assert_true(first.cache_bytes == 3.0 * 2.0 * 8.0 * 4.0);
}

/* --- measured --- */

typedef struct measured_case {
    const char *name;
    int64_t d_model, batch_size, micro_batch;
    int recompute;
    bool whole_logits;
} measured_case;

static const measured_case measured_cases[] = {
    {"a small model", 128, 12, 0, HEED_RECOMPUTE_NONE, false},
    {"in runs, made again", 192, 8, 2, HEED_RECOMPUTE_BLOCKS, false},
    {"with whole logits", 128, 12, 0, HEED_RECOMPUTE_NONE, true},
};
enum { N_MEASURED = sizeof measured_cases / sizeof measured_cases[0] };

static int measure(const measured_case *m)
{
    heed_config c = heed_config_default();
    heed_account_options o = heed_account_options_default();
    heed_account_measured measured;
    heed_error err = {0};

    c.vocab_size = m->whole_logits ? 8000 : 65;
    c.d_model = m->d_model;
    o.batch_size = m->batch_size;
    o.micro_batch = m->micro_batch;
    o.recompute = m->recompute;
    o.whole_logits = m->whole_logits;
    o.threads = 2;
    unsetenv("HEED_CPU");
    if (heed_account_measure(&c, &o, 2, NULL, &measured, &err) != HEED_OK) {
        printf("%s\n", err.message);
        return 4;
    }
    printf("%s: expected %.1f MB, measured %.1f MB, heap %+.0f bytes\n", m->name, measured.estimate_bytes / 1e6,
           measured.peak_bytes / 1e6, measured.heap_growth_bytes);
    if (fabs(measured.loss - log((double)c.vocab_size)) > 0.3)
        return 5;
    return fabs(measured.peak_bytes / measured.estimate_bytes - 1.0) <= 0.05 ? 0 : 3;
}

/* In a program of its own, as in test_memory.c. */
static void the_estimate_is_what_a_step_takes(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* sanitizers keep memory of their own */
#endif
    for (int i = 0; i < N_MEASURED; i++) {
        const char number[2] = {(char)('0' + i), '\0'};
        const pid_t child = fork();
        int status = 0;
        assert_true(child >= 0);
        if (child == 0) {
            execl("/proc/self/exe", "test_account_step", number, (char *)NULL);
            _exit(9);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status != 0)
            fail_msg("%s: the peak is not within 5 %% of the estimate (status %#x)", measured_cases[i].name,
                     (unsigned)status);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flops_add_up_by_op_and_by_part),
        cmocka_unit_test(they_are_those_of_the_plan),
        cmocka_unit_test(the_arena_holds_what_is_in_use_at_every_moment),
        cmocka_unit_test(components_are_all_weights_gradients_and_moments),
        cmocka_unit_test(whole_logits_take_their_bytes),
        cmocka_unit_test(steps_that_cannot_be_are_refused),
        cmocka_unit_test(a_cache_holds_keys_and_values_and_saves_arithmetic),
        cmocka_unit_test(the_estimate_is_what_a_step_takes),
    };

    if (argc > 1)
        return measure(&measured_cases[(argv[1][0] - '0') % N_MEASURED]);
    setenv("HEED_CPU", "generic", 1); /* products of heed's own are planned at once */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
