/* SPDX-License-Identifier: MIT */
/* What TransformerLens gave for the small GPT-2 of tests/vectors; how stands in tests/vectors/README.md. */
#include "cmocka_all.h"

#include <heed/lens.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 6, PLACES = 5, PARTS = 10 };

static const int32_t ids[N] = {5, 41, 7, 96, 7, 12};

/* Log-probabilities of the token that comes, at each place (0_pre, 0_mid, 1_pre, 1_mid, final_post) and position. */
static const double coming[PLACES][N - 1] = {
    {-8.176929488, -8.821872727, -6.608399067, -7.832855182, -7.473790824},
    {-5.805941355, -11.458826814, -5.194555263, -10.875320186, -8.755175809},
    {-9.207549148, -11.274477477, -6.322089319, -12.850452474, -9.265065782},
    {-8.493923736, -11.880078593, -7.727499365, -11.345259763, -9.909907321},
    {-7.890145542, -12.738034597, -9.133187533, -11.923335621, -10.231632196},
};

static const int32_t top_at_3[PLACES] = {45, 91, 45, 45, 45};
static const double entropy_at_3[PLACES] = {3.040652061, 2.273589581, 2.549102629, 1.875015085, 1.550428104};

/* Logits at position 4 of the token, less that of `against`, split. */
static const struct {
    int32_t token, against;
    double logit, values[PARTS], biases, shift; /* biases of all layers' attention; the final norm's shift */
} split[] = {
    {12,
     -1,
     -2.038609312,
     {0.201403695, 0.584396068, 0.542414752, -1.078077908, -0.638077054, -0.599004287, 1.847456390,
      -0.834256984, -1.667312201, -0.466304862},
     0.052300335,
     0.016452745},
    {12,
     40,
     -2.665209386,
     {-0.144114283, 0.368430358, 0.463906828, -0.987202598, -1.002774172, 0.145120942, 2.792567897,
      -0.664888302, -3.808198169, -0.507994323},
     -0.020679433,
     0.700615870},
};

/* Both sides of logits near 10 in single precision, sums of 36 products: 2e-6 of each. */
static const double TOLERANCE = 3e-5;

static heed_model *open_model(void)
{
    char path[512];
    heed_model *model = NULL;
    heed_error err = {0};
    const char *data = getenv("HEED_TEST_DATA");

    snprintf(path, sizeof path, "%s/vectors/gpt2", data != NULL ? data : "tests");
    if (heed_model_open(path, &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return model;
}

static void the_lens_is_that_of_transformer_lens(void **state)
{
    const heed_lens_options options = heed_lens_default();
    heed_model *model = open_model();
    heed_lens *lens = NULL;
    heed_error err = {0};

    (void)state;
    if (heed_lens_create(model, ids, N, &options, &lens, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_lens_n_places(lens), PLACES);
    for (int place = 0; place < PLACES; place++) {
        const heed_prediction *third = heed_lens_at(lens, place, 3);
        for (int p = 0; p + 1 < N; p++) {
            const double got = heed_lens_at(lens, place, p)->log_probability;
            if (fabs(got - coming[place][p]) > TOLERANCE)
                fail_msg("%s, position %d: %.9g, expected %.9g", heed_lens_name(lens, place), p, got,
                         coming[place][p]);
        }
        assert_int_equal(third->top[0].id, top_at_3[place]);
        if (fabs(third->entropy - entropy_at_3[place]) > TOLERANCE)
            fail_msg("%s: entropy %.9g, expected %.9g", heed_lens_name(lens, place), third->entropy,
                     entropy_at_3[place]);
    }
    heed_lens_destroy(lens);
    heed_model_close(model);
}

static bool is_bias_of_attention(const heed_contribution *c)
{
    return strstr(c->name, "attn.c_proj.bias") != NULL;
}

static void attribution_is_that_of_transformer_lens(void **state)
{
    heed_model *model = open_model();

    (void)state;
    for (size_t k = 0; k < sizeof split / sizeof split[0]; k++) {
        heed_attribution a;
        heed_error err = {0};
        double biases = 0.0;
        int part = 0;
        if (heed_model_attribute(model, ids, N, 4, split[k].token, split[k].against, &a, &err) != HEED_OK)
            fail_msg("%s", err.message);
        assert_true(fabs(a.logit - split[k].logit) < TOLERANCE);
        for (int i = 0; i + 1 < a.n; i++) {
            biases += is_bias_of_attention(&a.list[i]) ? a.list[i].value : 0.0;
            if (is_bias_of_attention(&a.list[i]))
                continue;
            if (fabs(a.list[i].value - split[k].values[part]) > TOLERANCE)
                fail_msg("%s, head %d: %.9g, expected %.9g", a.list[i].name, a.list[i].head, a.list[i].value,
                         split[k].values[part]);
            part++;
        }
        assert_int_equal(part, PARTS);
        assert_true(fabs(biases - split[k].biases) < TOLERANCE);
        assert_string_equal(a.list[a.n - 1].name, "ln_f.bias");
        assert_true(fabs(a.list[a.n - 1].value - split[k].shift) < TOLERANCE);
        heed_attribution_free(&a);
    }
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lens_is_that_of_transformer_lens),
        cmocka_unit_test(attribution_is_that_of_transformer_lens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
