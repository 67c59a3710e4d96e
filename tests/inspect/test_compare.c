/* SPDX-License-Identifier: MIT */
/* Comparing two models: nothing moves between equals, and what moves is measured as its definition says. */
#include "../cmocka_all.h"

#include <heed/compare.h>
#include <heed/inspect.h>
#include <heed/lens.h>
#include <math.h>

#include "ablation_model.h"

enum { LENGTH = 8 };

static heed_comparison *compare(const heed_model *before, const heed_model *after)
{
    heed_comparison *c = NULL;
    heed_error err = {0};

    if (heed_comparison_create(before, after, small_ids, LENGTH, NULL, &c, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return c;
}

static void between_equal_models_nothing_moves(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        config.context_length = SMALL_CONTEXT;
        heed_model *model = small_model(&config, 61), *copy = small_model(&config, 61);
        heed_comparison *c = compare(model, copy);
        const heed_effect e = heed_comparison_effect(c);
        int64_t n_numbers = 0;

        assert_int_equal(heed_comparison_n_heads(c), config.kind == HEED_KIND_GPT && config.attention
                                                         ? config.n_layers * config.n_heads
                                                         : 0);
        for (int k = 0; k < heed_comparison_n_heads(c); k++) {
            const heed_compared_head *h = heed_comparison_head(c, k);
            assert_true(h->variation == 0.0 && h->divergence == 0.0 && !h->role_changed);
        }
        for (int64_t k = 0; k < heed_comparison_n_tokens(c); k++) {
            const heed_compared_token *t = heed_comparison_token(c, k);
            assert_true(t->loss_before == t->loss_after && t->top_before.id == t->top_after.id);
            assert_int_equal(t->id, small_ids[k + 1]);
        }
        for (int k = 0; k < heed_comparison_n_groups(c); k++) {
            const heed_compared_group *g = heed_comparison_group(c, k);
            assert_true(g->change == 0.0);
            n_numbers += g->count;
        }
        assert_true(e.mean == 0.0 && e.low == 0.0 && e.high == 0.0);
        assert_int_equal(n_numbers, heed_weights_count(model->weights));
        heed_comparison_destroy(c);
        heed_model_close(model);
        heed_model_close(copy);
    }
}

/* Distances by the definitions, from the maps that heed inspect shows. Sums of some eight terms near 1: 1e-6. */
static void patterns_are_as_far_apart_as_their_rows(void **state)
{
    const heed_config config = small_config();
    heed_model *models[2] = {small_model(&config, 62), small_model(&config, 63)};
    heed_attention_maps *maps[2];
    heed_comparison *c = compare(models[0], models[1]);
    char text[LENGTH];

    (void)state;
    for (int i = 0; i < LENGTH; i++)
        text[i] = small_letters[small_ids[i]];
    for (int m = 0; m < 2; m++)
        assert_int_equal(heed_attention_maps_create(models[m], text, LENGTH, &maps[m], NULL), HEED_OK);
    for (int k = 0; k < 4; k++) {
        const heed_compared_head *h = heed_comparison_head(c, k);
        const float *a = heed_attention_maps_pattern(maps[0], k / 2, k % 2),
                    *b = heed_attention_maps_pattern(maps[1], k / 2, k % 2);
        double variation = 0.0, divergence = 0.0;

        assert_true(h->layer == k / 2 && h->head == k % 2);
        for (int i = 1; i < LENGTH; i++) {
            for (int j = 0; j <= i; j++) {
                const double p = (double)a[i * LENGTH + j], q = (double)b[i * LENGTH + j];
                variation += (p > q ? p - q : q - p) / 2.0 / (LENGTH - 1);
                divergence += (p > 0.0 ? p * (log(p) - log(q)) : 0.0) / (LENGTH - 1);
            }
        }
        if (fabs(h->variation - variation) > 1e-6 || fabs(h->divergence - divergence) > 1e-5 * divergence)
            fail_msg("head %d: moved %.9g and %.9g, expected %.9g and %.9g", k, h->variation, h->divergence,
                     variation, divergence);
        assert_true(variation > 0.01 && variation < 1.0);
    }
    for (int m = 0; m < 2; m++) {
        heed_attention_maps_destroy(maps[m]);
        heed_model_close(models[m]);
    }
    heed_comparison_destroy(c);
}

/* One matrix is doubled: its change is its norm, the rest of its group is as it was. */
static void weights_changed_by_their_own_norm(void **state)
{
    const heed_config config = small_config();
    heed_model *before = small_model(&config, 64), *after = small_model(&config, 64);
    heed_parameter *w = parameter_of(after, "h.%d.attn.c_proj.weight", 1);
    heed_comparison *c;
    double squares = 0.0;
    int n_changed = 0;

    (void)state;
    for (int64_t k = 0; k < w->count; k++) {
        squares += (double)w->data[k] * (double)w->data[k];
        ((float *)(uintptr_t)w->data)[k] *= 2.0f;
    }
    c = compare(before, after);
    for (int i = 0; i < heed_comparison_n_groups(c); i++) {
        const heed_compared_group *g = heed_comparison_group(c, i);
        if (g->change == 0.0)
            continue;
        n_changed++;
        assert_int_equal(g->layer, 1);
        assert_string_equal(g->component, "attention");
        assert_true(fabs(g->change - sqrt(squares)) < 1e-12 * sqrt(squares));
        assert_true(g->relative > 0.0 && g->relative < 1.0 && g->norm > g->change);
    }
    assert_int_equal(n_changed, 1);
    heed_comparison_destroy(c);
    heed_model_close(before);
    heed_model_close(after);
}

static void tokens_are_predicted_as_each_model_says(void **state)
{
    const heed_config config = small_config();
    heed_model *models[2] = {small_model(&config, 65), small_model(&config, 66)};
    heed_comparison *c = compare(models[0], models[1]);
    double sum = 0.0;

    (void)state;
    assert_int_equal(heed_comparison_n_tokens(c), LENGTH - 1);
    for (int m = 0; m < 2; m++) {
        heed_lens *lens = NULL;
        heed_lens_options options = heed_lens_default();
        options.predictions_only = true;
        assert_int_equal(heed_lens_create(models[m], small_ids, LENGTH, &options, &lens, NULL), HEED_OK);
        for (int64_t i = 0; i < LENGTH - 1; i++) {
            const heed_prediction *p = heed_lens_at(lens, 0, i);
            const heed_compared_token *t = heed_comparison_token(c, i);
            assert_true((m == 0 ? t->loss_before : t->loss_after) == -p->log_probability);
            assert_int_equal((m == 0 ? t->top_before : t->top_after).id, p->top[0].id);
            sum += (m == 0 ? 1.0 : -1.0) * p->log_probability;
        }
        heed_lens_destroy(lens);
    }
    assert_true(fabs(heed_comparison_effect(c).mean - sum / (LENGTH - 1)) < 1e-12);
    heed_comparison_destroy(c);
    heed_model_close(models[0]);
    heed_model_close(models[1]);
}

/* --- refusals --- */

static void expect_refused(heed_model *before, heed_model *after, size_t n, const char *part)
{
    heed_comparison *c = (heed_comparison *)before;
    heed_error err = {0};

    assert_int_equal(heed_comparison_create(before, after, small_ids, n, NULL, &c, &err), HEED_ERR_USAGE);
    assert_null(c);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
    heed_model_close(after);
}

static heed_model *with_letters(const heed_config *config, const char *letters)
{
    heed_model *model = small_model(config, 67);

    heed_tokenizer_destroy(model->tokenizer);
    model->tokenizer = NULL;
    if (letters != NULL)
        assert_int_equal(heed_tokenizer_characters(letters, strlen(letters), &model->tokenizer, NULL), HEED_OK);
    return model;
}

static void models_of_different_kinds_are_refused(void **state)
{
    const heed_config config = small_config();
    heed_config other = config;
    heed_model *model = small_model(&config, 67);

    (void)state;
    other.n_layers = 3;
    expect_refused(model, small_model(&other, 1), LENGTH, "their n_layers is 2 and 3");
    other = config;
    other.activation = HEED_ACTIVATION_RELU;
    expect_refused(model, small_model(&other, 1), LENGTH, "activation");
    other = config;
    other.context_length = 16;
    expect_refused(model, small_model(&other, 1), LENGTH, "wpe.weight");
    expect_refused(model, with_letters(&config, "abcdefghijklmnopqrstuvx"), LENGTH,
                   "their token 22 is \"w\" and \"x\"");
    expect_refused(model, with_letters(&config, NULL), LENGTH, "only the first has any");
    expect_refused(model, small_model(&config, 1), 1, "at least 2 tokens");
    expect_refused(model, small_model(&config, 1), 9, "8 rows");
    other = config;
    other.dropout = 0.1; /* of training alone */
    heed_model *after = small_model(&other, 1);
    heed_comparison_destroy(compare(model, after));
    heed_model_close(after);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(between_equal_models_nothing_moves),
        cmocka_unit_test(patterns_are_as_far_apart_as_their_rows),
        cmocka_unit_test(weights_changed_by_their_own_norm),
        cmocka_unit_test(tokens_are_predicted_as_each_model_says),
        cmocka_unit_test(models_of_different_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
