/* SPDX-License-Identifier: MIT */
/* The loss on a text is what a plain loop over its tokens gives. */
#include "cmocka_all.h"

#include <heed/session.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "small_model.h"

static const heed_evaluation_options one_thread = {.threads = 1};

/* A text of n letters. */
static void make_text(char *text, int n)
{
    heed_rng rng = heed_rng_make((uint64_t)n, 60);

    for (int i = 0; i < n; i++)
        text[i] = small_letters[heed_rng_below(&rng, SMALL_VOCAB)];
}

/* -log of the probability of the next token after what the session has read. */
static double surprise(const heed_session *session, int32_t next)
{
    const float *logits = heed_session_logits(session);
    double sum = 0.0;

    for (int i = 0; i < SMALL_VOCAB; i++)
        sum += exp((double)logits[i] - (double)logits[next]);
    return log(sum);
}

/* Token by token, in windows that begin anew every T tokens; those from place `from` of a window on count. */
static double plain_loss(const heed_model *model, const int32_t *ids, int n, int64_t T, int64_t from)
{
    const heed_session_options options = {.threads = 1, .context_length = T};
    double sum = 0.0;
    int n_counted = 0;

    for (int64_t begin = 0; begin + 1 < n; begin += T) {
        heed_session *session = NULL;
        assert_int_equal(heed_session_open(model, &options, &session, NULL), HEED_OK);
        for (int64_t i = begin; i < begin + T && i + 1 < n; i++) {
            assert_int_equal(heed_session_feed(session, &ids[i], 1, NULL), HEED_OK);
            if (i - begin >= from) {
                sum += surprise(session, ids[i + 1]);
                n_counted++;
            }
        }
        heed_session_close(session);
    }
    return sum / (double)n_counted;
}

/* Single precision in the logits, averaged over the tokens: 1e-5. */
static void the_loss_is_that_of_a_plain_loop(void **state)
{
    static const int lengths[] = {2, 3, SMALL_CONTEXT, SMALL_CONTEXT + 1, SMALL_CONTEXT + 2, 100, 1000};
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 21);
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
            const int n = lengths[l];
            char text[1000];
            int32_t *ids = NULL;
            size_t n_ids = 0;
            heed_evaluation e;
            heed_error err = {0};
            make_text(text, n);
            assert_int_equal(heed_model_encode(model, text, (size_t)n, &ids, &n_ids, &err), HEED_OK);
            if (heed_model_evaluate(model, text, (size_t)n, "text", &one_thread, &e, &err) != HEED_OK)
                fail_msg("%s: %s", name, err.message);
            const double expected = plain_loss(model, ids, n, config.context_length, 0);
            if (!(fabs(e.loss - expected) < 1e-5 * expected))
                fail_msg("%s, %d tokens: the loss is %.9g, token by token %.9g", name, n, e.loss, expected);
            assert_int_equal(e.n_tokens, n - 1);
            assert_true(fabs(e.perplexity - exp(e.loss)) < 1e-9 * e.perplexity);
            assert_true(fabs(e.nats_per_byte - e.loss * (n - 1) / n) < 1e-9);
            free(ids);
        }
        heed_model_close(model);
    }
}

/* Windows of three trained lengths, and of each the last five tokens alone. */
static void windows_may_be_longer_than_the_trained_ones(void **state)
{
    enum { N = 200, LONG = 3 * SMALL_CONTEXT, LAST = 5 };
    char text[N];
    const char *name;
    heed_config config;

    (void)state;
    make_text(text, N);
    for (int v = 0; small_variant(v, &config, &name); v++) {
        heed_model *model = small_model(&config, 24);
        const heed_evaluation_options longer = {.threads = 1, .context_length = LONG},
                                      last = {.threads = 1, .context_length = LONG, .last = LAST};
        const bool table = small_table(&config);
        int32_t *ids = NULL;
        size_t n_ids = 0;
        heed_evaluation all, some;
        heed_error err = {0};
        assert_int_equal(heed_model_encode(model, text, N, &ids, &n_ids, &err), HEED_OK);
        if (table) {
            assert_int_equal(heed_model_evaluate(model, text, N, "text", &longer, &all, &err), HEED_ERR_USAGE);
            assert_non_null(strstr(err.message, "rows"));
        } else {
            assert_int_equal(heed_model_evaluate(model, text, N, "text", &longer, &all, &err), HEED_OK);
            assert_int_equal(heed_model_evaluate(model, text, N, "text", &last, &some, &err), HEED_OK);
            const double expected = plain_loss(model, ids, N, LONG, 0);
            const double expected_last = plain_loss(model, ids, N, LONG, LONG - LAST);
            if (!(fabs(all.loss - expected) < 1e-5 * expected) ||
                !(fabs(some.loss - expected_last) < 1e-5 * expected_last))
                fail_msg("%s: %.9g and %.9g, token by token %.9g and %.9g", name, all.loss, some.loss, expected,
                         expected_last);
            assert_int_equal(some.n_tokens, (N - 1) / LONG * LAST);
            assert_true(isnan(some.nats_per_byte));
        }
        free(ids);
        heed_model_close(model);
    }
}

static void a_text_that_cannot_be_measured_is_refused(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 22), *mute = NULL;
    heed_evaluation e;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_model_evaluate(model, "", 0, "text", &one_thread, &e, &err), HEED_ERR_FILE);
    assert_int_equal(heed_model_evaluate(model, "a", 1, "text", &one_thread, &e, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "text"));
    assert_int_equal(heed_model_evaluate(model, "ab\xff", 3, "text", &one_thread, &e, &err), HEED_ERR_FILE);
    assert_int_equal(heed_model_evaluate(model, "ab!", 3, "text", &one_thread, &e, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "!"));
    assert_int_equal(heed_model_create(&config, 1, &mute, &err), HEED_OK);
    assert_int_equal(heed_model_evaluate(mute, "ab", 2, "text", &one_thread, &e, &err), HEED_ERR_USAGE);
    heed_model_close(model);
    heed_model_close(mute);
}

static void weights_that_are_no_numbers_are_said(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 23);
    heed_evaluation e;
    heed_error err = {0};

    (void)state;
    ((float *)(uintptr_t)heed_model_parameter(model, 0).data)[5] = NAN;
    assert_int_equal(heed_model_evaluate(model, "abcabcabc", 9, "text", &one_thread, &e, &err), HEED_ERR_CHECK);
    assert_non_null(strstr(err.message, "not a number"));
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_that_of_a_plain_loop),
        cmocka_unit_test(windows_may_be_longer_than_the_trained_ones),
        cmocka_unit_test(a_text_that_cannot_be_measured_is_refused),
        cmocka_unit_test(weights_that_are_no_numbers_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
