/* SPDX-License-Identifier: MIT */
/* The logit lens: the last place is the model, and the others are the residual stream under the same head. */
#include "cmocka_all.h"

#include <heed/lens.h>
#include <heed/verify.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/small_model.h"
#include "inspect/forward.h"

enum { LENGTH = 5, MOST_PLACES = 8 };
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

static heed_lens *look(const heed_model *model, const heed_lens_options *options)
{
    heed_lens *lens = NULL;
    heed_error err = {0};

    if (heed_lens_create(model, ids, LENGTH, options, &lens, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return lens;
}

/* --- what the model itself says --- */

typedef struct shown {
    float numbers[LENGTH * SMALL_VOCAB];
    int64_t count;
} shown;

static void keep(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    shown *s = context;

    (void)name;
    s->count = 1;
    for (int axis = 0; axis < rank; axis++)
        s->count *= size[axis];
    assert_true(s->count <= LENGTH * SMALL_VOCAB);
    memcpy(s->numbers, numbers, (size_t)s->count * sizeof(float));
}

static shown observe(const heed_model *model, const char *name)
{
    shown s = {.count = 0};
    heed_error err = {0};

    if (heed_model_observe(model, ids, LENGTH, &name, 1, keep, &s, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return s;
}

/* --- the last place --- */

typedef struct two {
    heed_node *nodes[2]; /* the model's logits, and its head on what the last block leaves */
    float numbers[2][LENGTH * SMALL_VOCAB];
} two;

static void append_head(void *context, heed_nn *nn, const heed_gpt *gpt)
{
    two *t = context;

    t->nodes[0] = gpt->logits;
    t->nodes[1] = heed_nn_head(nn, heed_nn_final_norm(nn, gpt->resid_last));
}

static void keep_both(void *context, const heed_node *node, const heed_tensor *value)
{
    two *t = context;

    for (int64_t i = 0; i < LENGTH * SMALL_VOCAB; i++)
        t->numbers[node == t->nodes[1]][i] = heed_tensor_get(value, i);
}

static void the_head_on_the_last_residual_gives_the_bits_of_the_logits(void **state)
{
    const heed_forward_ids in = {ids, NULL, 1, LENGTH};
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        if (config.kind == HEED_KIND_BIGRAM)
            continue;
        heed_model *model = uneven_model(&config, 5);
        heed_forward *f = NULL;
        two t = {.nodes = {NULL}};
        heed_error err = {0};
        if (heed_forward_create(model, &in, false, 2, &f, &err) != HEED_OK ||
            heed_forward_extend(f, append_head, &t, &err) != HEED_OK ||
            heed_forward_run(f, t.nodes, 2, keep_both, &t, &err) != HEED_OK)
            fail_msg("%s: %s", name, err.message);
        if (memcmp(t.numbers[0], t.numbers[1], sizeof t.numbers[0]) != 0)
            fail_msg("%s: the head on the last residual gives other bits than the logits", name);
        heed_forward_destroy(f);
        heed_model_close(model);
    }
}

/* Log-probabilities in single precision: 2^-24 of numbers up to 100, a few times. */
static const double LOG_TOLERANCE = 3e-5;

static void the_last_place_says_what_the_model_says(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model = uneven_model(&config, 5);
        const shown logits = observe(model, "logits");
        heed_lens_options options = heed_lens_default();
        heed_lens *lens;
        options.predictions_only = config.kind == HEED_KIND_BIGRAM;
        lens = look(model, &options);
        for (int p = 0; p < LENGTH; p++) {
            const float *row = logits.numbers + p * SMALL_VOCAB;
            const heed_prediction *it = heed_lens_at(lens, heed_lens_n_places(lens) - 1, p);
            heed_likelihood likeliest[5];
            heed_logits_likeliest(row, SMALL_VOCAB, likeliest, 5);
            assert_int_equal(it->n_top, 5);
            for (int k = 0; k < 5; k++) {
                if (it->top[k].id != likeliest[k].id ||
                    fabs(it->top[k].log_probability - likeliest[k].log_probability) > LOG_TOLERANCE)
                    fail_msg("%s, position %d: number %d is %d, %.9g; expected %d, %.9g", name, p, k,
                             (int)it->top[k].id, it->top[k].log_probability, (int)likeliest[k].id,
                             likeliest[k].log_probability);
            }
            assert_true(it->divergence == 0.0);
            assert_int_equal(it->next, p + 1 < LENGTH ? ids[p + 1] : -1);
            if (it->next >= 0 && fabs(it->log_probability -
                                      heed_logits_log_probability(row, SMALL_VOCAB, it->next)) > LOG_TOLERANCE)
                fail_msg("%s, position %d: log-probability %.9g", name, p, it->log_probability);
        }
        assert_true(isnan(heed_lens_at(lens, 0, LENGTH - 1)->log_probability));
        assert_int_equal(heed_lens_at(lens, 0, LENGTH - 1)->rank, 0);
        heed_lens_destroy(lens);
        heed_model_close(model);
    }
}

static void the_losses_of_the_tokens_have_the_mean_of_the_loss(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model = uneven_model(&config, 5);
        const shown loss = observe(model, "loss");
        heed_lens_options options = heed_lens_default();
        double mean = 0.0;
        options.predictions_only = true;
        heed_lens *lens = look(model, &options);
        assert_int_equal(heed_lens_n_places(lens), 1);
        for (int p = 0; p + 1 < LENGTH; p++)
            mean -= heed_lens_at(lens, 0, p)->log_probability / (LENGTH - 1);
        if (fabs(mean - (double)loss.numbers[0]) > LOG_TOLERANCE)
            fail_msg("%s: the mean is %.9g, the loss %.9g", name, mean, (double)loss.numbers[0]);
        heed_lens_destroy(lens);
        heed_model_close(model);
    }
}

/* --- the places before, by hand: LayerNorm with gain and shift, the tied table as the head --- */

typedef struct by_hand {
    double logs[SMALL_VOCAB];
    double entropy;
} by_hand;

static by_hand apply_head(const heed_model *model, const float *x)
{
    const int64_t d = model->config.d_model;
    const float *gamma = heed_weights_find(model->weights, "ln_f.weight")->data;
    const float *beta = heed_weights_find(model->weights, "ln_f.bias")->data;
    const float *table = heed_weights_find(model->weights, "wte.weight")->data;
    double mean = 0.0, var = 0.0, sum = 0.0, most = -INFINITY;
    by_hand out = {.entropy = 0.0};

    for (int64_t i = 0; i < d; i++)
        mean += (double)x[i] / (double)d;
    for (int64_t i = 0; i < d; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)d;
    for (int64_t id = 0; id < SMALL_VOCAB; id++) {
        for (int64_t i = 0; i < d; i++)
            out.logs[id] += (((double)x[i] - mean) / sqrt(var + model->config.norm_eps) * (double)gamma[i] +
                             (double)beta[i]) *
                            (double)table[id * d + i];
        most = fmax(most, out.logs[id]);
    }
    for (int id = 0; id < SMALL_VOCAB; id++)
        sum += exp(out.logs[id] - most);
    for (int id = 0; id < SMALL_VOCAB; id++) {
        out.logs[id] -= most + log(sum);
        out.entropy -= exp(out.logs[id]) * out.logs[id];
    }
    return out;
}

/* The d_model products of one logit are near 1 and each rounds by 6e-8; sums of 23 logarithms follow. */
static const double HAND_TOLERANCE = 1e-4;

static void each_place_is_the_final_norm_and_the_head_on_its_residual(void **state)
{
    static const char *const names[] = {"blocks.0.resid_pre", "blocks.0.resid_mid", "blocks.0.resid_post",
                                        "blocks.1.resid_mid", "blocks.1.resid_post"};
    const heed_config config = small_config();
    heed_model *model = uneven_model(&config, 11);
    const heed_lens_options options = heed_lens_default();
    heed_lens *lens = look(model, &options);

    (void)state;
    assert_int_equal(heed_lens_n_places(lens), 5);
    for (int p = 0; p < LENGTH; p++) {
        const shown last = observe(model, names[4]);
        const by_hand final = apply_head(model, last.numbers + p * config.d_model);
        for (int place = 0; place < 5; place++) {
            const shown resid = observe(model, names[place]);
            const by_hand hand = apply_head(model, resid.numbers + p * config.d_model);
            const heed_prediction *it = heed_lens_at(lens, place, p);
            double divergence = 0.0;
            int64_t rank = 1;
            assert_string_equal(heed_lens_name(lens, place), names[place]);
            for (int id = 0; id < SMALL_VOCAB; id++) {
                divergence += exp(final.logs[id]) * (final.logs[id] - hand.logs[id]);
                rank += it->next >= 0 && hand.logs[id] > hand.logs[it->next];
            }
            for (int k = 0; k < it->n_top; k++)
                assert_true(fabs(it->top[k].log_probability - hand.logs[it->top[k].id]) < HAND_TOLERANCE);
            if (fabs(it->divergence - divergence) > HAND_TOLERANCE ||
                fabs(it->entropy - hand.entropy) > HAND_TOLERANCE)
                fail_msg("%s, position %d: divergence %.9g for %.9g, entropy %.9g for %.9g", names[place], p,
                         it->divergence, divergence, it->entropy, hand.entropy);
            assert_int_equal(it->rank, it->next >= 0 ? rank : 0);
        }
    }
    heed_lens_destroy(lens);
    heed_model_close(model);
}

static void a_range_of_positions_shows_what_all_of_them_show(void **state)
{
    const heed_config config = small_config();
    heed_model *model = uneven_model(&config, 11);
    heed_lens_options options = heed_lens_default();
    heed_lens *all = look(model, &options), *some;

    (void)state;
    options.first = 1;
    options.last = 3;
    some = look(model, &options);
    assert_true(heed_lens_first(some) == 1 && heed_lens_last(some) == 3);
    assert_null(heed_lens_at(some, 0, 0));
    assert_null(heed_lens_at(some, 0, 4));
    for (int place = 0; place < heed_lens_n_places(all); place++) {
        for (int p = 1; p <= 3; p++) {
            const heed_prediction *a = heed_lens_at(all, place, p), *b = heed_lens_at(some, place, p);
            assert_int_equal(a->top[0].id, b->top[0].id);
            assert_int_equal(a->next, b->next);
            assert_true(fabs(a->log_probability - b->log_probability) < LOG_TOLERANCE);
        }
    }
    heed_lens_destroy(some);
    heed_lens_destroy(all);
    heed_model_close(model);
}

static void parts_that_are_absent_leave_no_place(void **state)
{
    static const int expected[] = {5, 2, 0, 5, 5, 5, 5, 3, 1};
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; i < 9 && small_variant(i, &config, &name); i++) {
        if (config.kind == HEED_KIND_BIGRAM)
            continue;
        heed_model *model = uneven_model(&config, 5);
        const heed_lens_options options = heed_lens_default();
        heed_lens *lens = look(model, &options);
        if (heed_lens_n_places(lens) != expected[i])
            fail_msg("%s: expected %d places, got %d", name, expected[i], heed_lens_n_places(lens));
        heed_lens_destroy(lens);
        heed_model_close(model);
    }
}

static void what_is_not_a_number_has_no_rank(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    const heed_lens_options options = heed_lens_default();
    heed_lens *lens;

    (void)state;
    ((float *)(uintptr_t)heed_weights_find(model->weights, "h.1.mlp.c_fc.weight")->data)[3] = NAN;
    lens = look(model, &options);
    assert_true(heed_lens_at(lens, 3, 1)->rank > 0 && heed_lens_at(lens, 3, 1)->n_top == 5);
    assert_true(heed_lens_at(lens, 4, 1)->rank == 0 && heed_lens_at(lens, 4, 1)->n_top == 0);
    assert_true(isnan(heed_lens_at(lens, 4, 1)->log_probability) &&
                isnan(heed_lens_at(lens, 4, 1)->divergence));
    heed_lens_destroy(lens);
    heed_model_close(model);
}

/* --- what is refused --- */

static void expect_refusal(const heed_model *model, const heed_lens_options *options, size_t n,
                           const char *message)
{
    heed_lens *lens = NULL;
    heed_error err = {0};

    assert_int_equal(heed_lens_create(model, ids, n, options, &lens, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, message);
    assert_null(lens);
}

static void what_is_not_there_is_refused(void **state)
{
    heed_config config = small_config();
    heed_model *model = uneven_model(&config, 5);
    heed_lens_options o = heed_lens_default();

    (void)state;
    expect_refusal(model, &o, 0, "expected at least one token to read, got none");
    o.last = LENGTH;
    expect_refusal(model, &o, LENGTH, "positions: expected a range within 0 to 4, got 0 to 5");
    o.first = 3;
    o.last = 2;
    expect_refusal(model, &o, LENGTH, "positions: expected a range within 0 to 4, got 3 to 2");
    o = heed_lens_default();
    o.n_top = 0;
    expect_refusal(model, &o, LENGTH, "expected 1 to 100 likeliest tokens to show, got 0");
    heed_model_close(model);
    config.kind = HEED_KIND_BIGRAM;
    config.n_layers = 0;
    model = uneven_model(&config, 5);
    o = heed_lens_default();
    expect_refusal(model, &o, LENGTH,
                   "the lens reads a residual stream, and a bigram model is a table without one");
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_on_the_last_residual_gives_the_bits_of_the_logits),
        cmocka_unit_test(the_last_place_says_what_the_model_says),
        cmocka_unit_test(the_losses_of_the_tokens_have_the_mean_of_the_loss),
        cmocka_unit_test(each_place_is_the_final_norm_and_the_head_on_its_residual),
        cmocka_unit_test(a_range_of_positions_shows_what_all_of_them_show),
        cmocka_unit_test(parts_that_are_absent_leave_no_place),
        cmocka_unit_test(what_is_not_a_number_has_no_rank),
        cmocka_unit_test(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
