/* SPDX-License-Identifier: MIT */
/* Direct logit attribution: the parts add up to the logit, and each is what it writes under the frozen norms. */
#include "cmocka_all.h"

#include <heed/lens.h>
#include <heed/verify.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/small_model.h"

enum { LENGTH = 5 };
static const int32_t ids[LENGTH] = {3, 1, 4, 1, 22};

/* A small model whose gains and biases are no ones and zeros. */
static heed_model *uneven_model(const heed_config *config, uint64_t seed)
{
    heed_model *model = small_model(config, seed);

    for (int i = 0; i < model->weights->n; i++) {
        float *numbers = (float *)(uintptr_t)model->weights->list[i].data;
        for (int64_t k = 0; model->weights->list[i].rank == 1 && k < model->weights->list[i].count; k++)
            numbers[k] += 0.3f * sinf((float)(3 * k + i));
    }
    return model;
}

static heed_attribution attribute(const heed_model *model, int64_t position, int32_t token, int32_t against)
{
    heed_attribution a;
    heed_error err = {0};

    if (heed_model_attribute(model, ids, LENGTH, position, token, against, &a, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return a;
}

static double value_of(const heed_attribution *a, const char *name, int head)
{
    for (int i = 0; i < a->n; i++) {
        if (strcmp(a->list[i].name, name) == 0 && a->list[i].head == head)
            return a->list[i].value;
    }
    fail_msg("there is no %s", name);
    return NAN;
}

/* The bound is what rounding makes; it must be far below a part, or it proves nothing. */
static void the_parts_add_up_to_the_logit(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        if (config.kind == HEED_KIND_BIGRAM)
            continue;
        heed_model *model = uneven_model(&config, 5);
        for (int against = -1; against < 8; against += 8) {
            heed_attribution a = attribute(model, 3, 9, against);
            double sum = 0.0, largest = 0.0;
            for (int k = 0; k < a.n; k++) {
                sum += a.list[k].value;
                largest = fmax(largest, fabs(a.list[k].value));
            }
            if (fabs(a.logit - sum) > a.bound || fabs(a.remainder) > a.bound)
                fail_msg("%s: the parts add up to %.9g, the logit is %.9g, the bound %.3g", name, sum, a.logit,
                         a.bound);
            if (!(a.bound < 1e-3 * largest))
                fail_msg("%s: a bound of %.3g beside parts of %.3g", name, a.bound, largest);
            heed_attribution_free(&a);
        }
        heed_model_close(model);
    }
}

typedef struct shown {
    float numbers[LENGTH * SMALL_VOCAB];
} shown;

static void keep(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    size_t count = 1;

    (void)name;
    for (int axis = 0; axis < rank; axis++)
        count *= (size_t)size[axis];
    assert_true(count <= LENGTH * SMALL_VOCAB);
    memcpy(((shown *)context)->numbers, numbers, count * sizeof(float));
}

static shown observe(const heed_model *model, const char *name)
{
    shown s;
    heed_error err = {0};

    if (heed_model_observe(model, ids, LENGTH, &name, 1, keep, &s, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return s;
}

static void the_logit_is_the_models_own(void **state)
{
    const heed_config config = small_config();
    heed_model *model = uneven_model(&config, 5);
    const shown logits = observe(model, "logits");
    heed_attribution a = attribute(model, 2, 7, -1), b = attribute(model, 2, 7, 8);

    (void)state;
    assert_true(a.logit == (double)logits.numbers[2 * SMALL_VOCAB + 7]);
    assert_true(b.logit ==
                (double)logits.numbers[2 * SMALL_VOCAB + 7] - (double)logits.numbers[2 * SMALL_VOCAB + 8]);
    heed_attribution_free(&a);
    heed_attribution_free(&b);
    heed_model_close(model);
}

/* --- forwards, in double: each part's vector through the frozen final norm --- */

static const float *weight(const heed_model *model, const char *name)
{
    return heed_weights_find(model->weights, name)->data;
}

/* gamma (x_c - mean x_c) r . W_U[token], r that of the whole stream. */
static double through_norm(const heed_model *model, const float *whole, const double *part, int32_t token)
{
    const int64_t d = model->config.d_model;
    double mean = 0.0, var = 0.0, own = 0.0, value = 0.0;

    for (int64_t i = 0; i < d; i++) {
        mean += (double)whole[i] / (double)d;
        own += part[i] / (double)d;
    }
    for (int64_t i = 0; i < d; i++)
        var += ((double)whole[i] - mean) * ((double)whole[i] - mean) / (double)d;
    for (int64_t i = 0; i < d; i++)
        value += (part[i] - own) / sqrt(var + model->config.norm_eps) *
                 (double)weight(model, "ln_f.weight")[i] * (double)weight(model, "wte.weight")[token * d + i];
    return value;
}

/* Sums of 16 products near 1 in double, of numbers that were rounded to single precision once. */
static const double HAND_TOLERANCE = 1e-5;

static void expect_part(const heed_attribution *a, const char *name, int head, double expected)
{
    const double got = value_of(a, name, head);

    if (fabs(got - expected) > HAND_TOLERANCE)
        fail_msg("%s, head %d: got %.9g, expected %.9g", name, head, got, expected);
}

static void each_part_is_what_it_writes_under_the_frozen_norm(void **state)
{
    enum { P = 3, TOKEN = 9, D = 16, HEAD = 8 };
    const heed_config config = small_config();
    heed_model *model = uneven_model(&config, 5);
    const shown last = observe(model, "blocks.1.resid_post");
    heed_attribution a = attribute(model, P, TOKEN, -1);
    char name[64];
    double part[D], bias = 0.0;

    (void)state;
    for (int layer = 0; layer < 2; layer++) {
        snprintf(name, sizeof name, "blocks.%d.attn.z", layer);
        const shown z = observe(model, name); /* [1, 2, LENGTH, HEAD] */
        for (int head = 0; head < 2; head++) {
            snprintf(name, sizeof name, "h.%d.attn.c_proj.weight", layer);
            for (int i = 0; i < D; i++) {
                part[i] = 0.0;
                for (int k = 0; k < HEAD; k++)
                    part[i] += (double)z.numbers[(head * LENGTH + P) * HEAD + k] *
                               (double)weight(model, name)[(head * HEAD + k) * D + i];
            }
            snprintf(name, sizeof name, "blocks.%d.attn.z", layer);
            expect_part(&a, name, head, through_norm(model, last.numbers + P * D, part, TOKEN));
        }
        snprintf(name, sizeof name, "blocks.%d.mlp_out", layer);
        const shown mlp = observe(model, name);
        for (int i = 0; i < D; i++)
            part[i] = (double)mlp.numbers[P * D + i];
        expect_part(&a, name, -1, through_norm(model, last.numbers + P * D, part, TOKEN));
        snprintf(name, sizeof name, "h.%d.attn.c_proj.bias", layer);
        for (int i = 0; i < D; i++)
            part[i] = (double)weight(model, name)[i];
        expect_part(&a, name, -1, through_norm(model, last.numbers + P * D, part, TOKEN));
    }
    for (int i = 0; i < D; i++) {
        part[i] = (double)weight(model, "wpe.weight")[P * D + i];
        bias += (double)weight(model, "ln_f.bias")[i] * (double)weight(model, "wte.weight")[TOKEN * D + i];
    }
    expect_part(&a, "pos_embed", -1, through_norm(model, last.numbers + P * D, part, TOKEN));
    expect_part(&a, "ln_f.bias", -1, bias);
    assert_string_equal(a.list[0].name, "embed");
    assert_string_equal(a.list[a.n - 1].name, "ln_f.bias");
    heed_attribution_free(&a);
    heed_model_close(model);
}

/* --- which rows there are --- */

static void without_residuals_the_last_part_alone_is_split(void **state)
{
    heed_config config = small_config();
    heed_model *model;
    heed_attribution a;

    (void)state;
    config.residual = false;
    model = uneven_model(&config, 5);
    a = attribute(model, 2, 7, -1);
    assert_int_equal(a.n, 2); /* the last feed-forward, the norm's shift */
    assert_string_equal(a.list[0].name, "blocks.1.mlp_out");
    heed_attribution_free(&a);
    heed_model_close(model);
    config.mlp = false;
    config.norm = HEED_NORM_NONE;
    model = uneven_model(&config, 5);
    a = attribute(model, 2, 7, -1);
    assert_int_equal(a.n, 3); /* two heads and the bias of the last attention */
    assert_int_equal(a.list[1].head, 1);
    assert_string_equal(a.list[2].name, "h.1.attn.c_proj.bias");
    heed_attribution_free(&a);
    heed_model_close(model);
}

static void expect_refusal(const heed_model *model, int64_t position, int32_t token, int32_t against,
                           const char *message)
{
    heed_attribution a;
    heed_error err = {0};

    assert_int_equal(heed_model_attribute(model, ids, LENGTH, position, token, against, &a, &err),
                     HEED_ERR_USAGE);
    assert_string_equal(err.message, message);
    heed_attribution_free(&a);
}

static void what_is_not_there_is_refused(void **state)
{
    heed_config config = small_config();
    heed_model *model = uneven_model(&config, 5);

    (void)state;
    expect_refusal(model, LENGTH, 3, -1, "expected a position from 0 to 4, got 5");
    expect_refusal(model, -1, 3, -1, "expected a position from 0 to 4, got -1");
    expect_refusal(model, 0, SMALL_VOCAB, -1, "expected a token id from 0 to 22, got 23");
    expect_refusal(model, 0, -1, -1, "expected a token id from 0 to 22, got -1");
    expect_refusal(model, 0, 3, SMALL_VOCAB, "expected a token id from 0 to 22, got 23");
    heed_model_close(model);
    config.kind = HEED_KIND_BIGRAM;
    config.n_layers = 0;
    model = uneven_model(&config, 5);
    expect_refusal(model, 0, 3, -1,
                   "a bigram model looks its logits up in a table: there are no parts to split them over");
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_add_up_to_the_logit),
        cmocka_unit_test(the_logit_is_the_models_own),
        cmocka_unit_test(each_part_is_what_it_writes_under_the_frozen_norm),
        cmocka_unit_test(without_residuals_the_last_part_alone_is_split),
        cmocka_unit_test(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
