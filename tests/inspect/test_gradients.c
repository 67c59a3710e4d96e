/* SPDX-License-Identifier: MIT */
/* Norms of gradients and weights: those of the very gradients that can be looked at, and the slope of the loss. */
#include "cmocka_all.h"

#include <heed/gradients.h>
#include <heed/verify.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/small_model.h"

enum { LENGTH = 5 };
static const int32_t ids[LENGTH] = {3, 1, 4, 1, 5};

static heed_gradients measure(const heed_model *model)
{
    heed_gradients g;
    heed_error err = {0};

    if (heed_model_gradients(model, ids, LENGTH, &g, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return g;
}

static void add_squares(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    double *squares = context;
    int64_t count = 1;

    (void)name;
    for (int axis = 0; axis < rank; axis++)
        count *= size[axis];
    for (int64_t i = 0; i < count; i++)
        *squares += (double)numbers[i] * (double)numbers[i];
}

static double observe_squares(const heed_model *model, const char *name)
{
    double squares = 0.0;
    heed_error err = {0};

    if (heed_model_observe(model, ids, LENGTH, &name, 1, add_squares, &squares, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return squares;
}

static void norms_are_those_of_the_gradients_and_weights(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model = small_model(&config, 5);
        heed_gradients g = measure(model);
        double all = 0.0;
        assert_int_equal(g.n, heed_model_n_parameters(model));
        for (int k = 0; k < g.n; k++) {
            const heed_parameter p = heed_model_parameter(model, k);
            char gradient[160];
            double weights = 0.0, squares;
            snprintf(gradient, sizeof gradient, "grad/%s", p.name);
            squares = observe_squares(model, gradient);
            for (int64_t j = 0; j < p.count; j++)
                weights += (double)p.data[j] * (double)p.data[j];
            /* the same numbers, added up in the same order */
            if (g.list[k].gradient != sqrt(squares) || g.list[k].weight != sqrt(weights))
                fail_msg("%s: %s: |g| %.9g for %.9g, |w| %.9g for %.9g", name, p.name, g.list[k].gradient,
                         sqrt(squares), g.list[k].weight, sqrt(weights));
            assert_int_equal(g.list[k].n_bad, 0);
            all += squares;
        }
        assert_true(fabs(heed_gradients_sum(&g, NULL, HEED_ANY_LAYER).gradient - sqrt(all)) <=
                    1e-12 * sqrt(all));
        heed_gradients_free(&g);
        heed_model_close(model);
    }
}

/* Along its own gradient g a loss rises by |g|^2 a unit: central differences of the loss itself. */
static void the_norm_is_the_slope_of_the_loss(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_gradients g = measure(model);
    const int table = 0; /* wte.weight, tied: it is reached through the head and through the lookup */
    const heed_parameter p = heed_model_parameter(model, table);
    float *numbers = (float *)(uintptr_t)p.data;
    const double step = 1e-2;
    double slope = 0.0;

    (void)state;
    assert_string_equal(p.name, "wte.weight");
    for (int64_t i = 0; i < p.count; i += 7) {
        const float held = numbers[i];
        double losses[2];
        for (int side = 0; side < 2; side++) {
            heed_gradients moved;
            numbers[i] = held + (float)(side == 0 ? -step : step);
            moved = measure(model);
            losses[side] = moved.loss;
            heed_gradients_free(&moved);
        }
        numbers[i] = held;
        slope += pow((losses[1] - losses[0]) / (2.0 * step), 2.0);
    }
    /* every seventh number has about a seventh of the squares; a factor of two either way rules out a wrong scale */
    assert_true(slope > 0.5 / 7.0 * g.list[table].gradient * g.list[table].gradient);
    assert_true(slope < 2.0 / 7.0 * g.list[table].gradient * g.list[table].gradient);
    heed_gradients_free(&g);
    heed_model_close(model);
}

static void groups_are_the_roots_of_sums_of_squares(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_gradients g = measure(model);
    const heed_gradient_norms layer = heed_gradients_sum(&g, NULL, 1);
    const heed_gradient_norms attention = heed_gradients_sum(&g, "attention", HEED_ANY_LAYER);
    const heed_gradient_norms none = heed_gradients_sum(&g, "router", HEED_ANY_LAYER);
    double squares[2] = {0.0};
    int64_t counts[2] = {0};

    (void)state;
    for (int k = 0; k < g.n; k++) {
        const bool in_layer = strncmp(g.list[k].name, "h.1.", 4) == 0;
        const bool in_attention = strstr(g.list[k].name, ".attn.") != NULL;
        squares[0] += in_layer ? g.list[k].gradient * g.list[k].gradient : 0.0;
        squares[1] += in_attention ? g.list[k].gradient * g.list[k].gradient : 0.0;
        counts[0] += in_layer ? g.list[k].count : 0;
        counts[1] += in_attention ? g.list[k].count : 0;
    }
    assert_true(layer.count == counts[0] && layer.gradient == sqrt(squares[0]));
    assert_true(attention.count == counts[1] && attention.gradient == sqrt(squares[1]));
    assert_true(none.count == 0 && none.gradient == 0.0);
    heed_gradients_free(&g);
    heed_model_close(model);
}

static void what_a_text_says_nothing_about_has_zeros(void **state)
{
    heed_config config = small_config();
    heed_model *model;
    heed_gradients g;

    (void)state;
    config.tied_head = false;
    model = small_model(&config, 5);
    g = measure(model);
    /* the last token predicts nothing, so its own row has none either: 3, 1 and 4 are left of 23 */
    assert_string_equal(g.list[0].name, "wte.weight");
    assert_int_equal(g.list[0].n_zero, (SMALL_VOCAB - 3) * config.d_model);
    heed_gradients_free(&g);
    heed_model_close(model);
}

static void gradients_that_are_not_finite_are_counted(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_gradients g;

    (void)state;
    ((float *)(uintptr_t)heed_weights_find(model->weights, "h.1.mlp.c_fc.weight")->data)[3] = INFINITY;
    g = measure(model);
    assert_true(isnan(g.loss));
    assert_true(heed_gradients_sum(&g, NULL, HEED_ANY_LAYER).n_bad > 0);
    heed_gradients_free(&g);
    heed_model_close(model);
}

static void one_token_teaches_nothing(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_gradients g;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_model_gradients(model, ids, 1, &g, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message,
                        "gradients: expected at least two tokens, one that predicts and one that comes, got 1");
    heed_gradients_free(&g);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_those_of_the_gradients_and_weights),
        cmocka_unit_test(the_norm_is_the_slope_of_the_loss),
        cmocka_unit_test(groups_are_the_roots_of_sums_of_squares),
        cmocka_unit_test(what_a_text_says_nothing_about_has_zeros),
        cmocka_unit_test(gradients_that_are_not_finite_are_counted),
        cmocka_unit_test(one_token_teaches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
