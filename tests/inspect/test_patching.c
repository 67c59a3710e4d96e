/* SPDX-License-Identifier: MIT */
/* Activation patching: all of the clean run gives its very bits, nothing of it changes none, parts add up where they are linear. */
#include "../cmocka_all.h"

#include <heed/session.h>
#include <math.h>

#include "ablation_model.h"

enum { LENGTH = 7, DIFFERENT = 2 };

static const int32_t clean[LENGTH] = {3, 1, 4, 1, 5, 9, 2}, corrupted[LENGTH] = {3, 1, 7, 1, 5, 8, 2};

static heed_patching *open_patching(const heed_model *model, const int32_t *from, const int32_t *to, int metric)
{
    heed_patch_options options = heed_patch_default();
    heed_patching *p = NULL;
    heed_error err = {0};

    options.metric = metric;
    options.answer = 6;
    options.wrong = 11;
    if (heed_patching_create(model, from, LENGTH, to, LENGTH, &options, &p, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return p;
}

static double patch(heed_patching *p, const heed_model *model, const char *list, int64_t position,
                    double *recovery)
{
    heed_component parts[64];
    heed_error err = {0};
    double metric = NAN;
    int n = 0;

    if (heed_components_read(model, list, parts, 64, &n, &err) != HEED_OK ||
        heed_patching_run(p, parts, n, position, &metric, recovery, &err) != HEED_OK)
        fail_msg("%s: %s", list, err.message);
    return metric;
}

static void all_of_the_clean_run_gives_its_very_bits(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; attending_variant(&i, &config, &name);) {
        heed_model *model = small_model(&config, 51);
        for (int metric = HEED_PATCH_LOGIT_DIFFERENCE; metric <= HEED_PATCH_LOSS; metric++) {
            heed_patching *p = open_patching(model, clean, corrupted, metric);
            double recovery = NAN;

            for (int layer = 0; layer < config.n_layers; layer++) {
                char resid[64];
                snprintf(resid, sizeof resid, "blocks.%d.resid_pre", layer);
                if (patch(p, model, resid, -1, &recovery) != heed_patching_metric(p, true) || recovery != 1.0)
                    fail_msg("%s: all of %s recovers %.9g", name, resid, recovery);
            }
            heed_patching_destroy(p);
        }
        heed_model_close(model);
    }
}

/* After the last layer nothing but the last position counts; before the first difference there is nothing to patch. */
static void positions_count_where_they_are_read(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 52);
    heed_patching *p = open_patching(model, clean, corrupted, HEED_PATCH_LOGIT_DIFFERENCE);
    double recovery = NAN;

    (void)state;
    patch(p, model, "blocks.1.resid_post", LENGTH - 1, &recovery);
    assert_true(recovery == 1.0);
    for (int64_t position = 0; position < LENGTH - 1; position++) {
        patch(p, model, "blocks.1.resid_post", position, &recovery);
        assert_true(recovery == 0.0);
    }
    for (int64_t position = 0; position < DIFFERENT; position++) {
        patch(p, model, "0.*,1.*,*.mlp,blocks.1.resid_pre", position, &recovery);
        assert_true(recovery == 0.0);
    }
    patch(p, model, "blocks.1.resid_pre", DIFFERENT, &recovery);
    assert_true(recovery != 0.0 && recovery != 1.0);
    heed_patching_destroy(p);
    heed_model_close(model);
}

static void a_text_patched_by_itself_changes_no_bit(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; attending_variant(&i, &config, &name);) {
        heed_model *model = small_model(&config, 53);
        heed_patching *p = open_patching(model, clean, clean, HEED_PATCH_LOGIT_DIFFERENCE);
        double recovery = 0.0;

        assert_true(patch(p, model, "*.*", -1, &recovery) == heed_patching_metric(p, true));
        assert_true(isnan(recovery)); /* there is nothing to recover */
        assert_true(patch(p, model, "0.0", 3, NULL) == heed_patching_metric(p, false));
        heed_patching_destroy(p);
        heed_model_close(model);
    }
}

/*
 * One layer of attention without norm, residual or feed-forward: logits are a sum over heads, so what heads recover adds
 * up to all. Logits of some units are sums of 16 products in another order for each run: 1e-5 of the difference of two.
 */
static void what_heads_recover_adds_up_where_logits_are_linear(void **state)
{
    heed_config config = small_config();
    heed_model *model;
    heed_patching *p;
    double *recovery = NULL, sum = 0.0;
    int64_t n_rows = 0, n_columns = 0;

    (void)state;
    config.n_layers = 1;
    config.n_heads = 4;
    config.norm = HEED_NORM_NONE;
    config.mlp = config.residual = config.tied_head = false;
    model = small_model(&config, 54);
    p = open_patching(model, clean, corrupted, HEED_PATCH_LOGIT_DIFFERENCE);
    assert_int_equal(heed_patching_sweep(p, HEED_PATCH_HEADS, &recovery, &n_rows, &n_columns, NULL), HEED_OK);
    assert_true(n_rows == 1 && n_columns == 4);
    for (int64_t h = 0; h < 4; h++)
        sum += recovery[h];
    if (fabs(sum - 1.0) > 1e-4)
        fail_msg("heads recover %.9g in all", sum);
    free(recovery);
    heed_patching_destroy(p);
    heed_model_close(model);
}

static void a_grid_is_made_of_runs(void **state)
{
    static const char *const formats[] = {"blocks.%d.resid_pre", NULL, "%d.attn", "%d.mlp"};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 55);
    heed_patching *p = open_patching(model, clean, corrupted, HEED_PATCH_PROBABILITY);

    (void)state;
    for (int grid = HEED_PATCH_RESIDUALS; grid <= HEED_PATCH_MLP; grid++) {
        const bool heads = grid == HEED_PATCH_HEADS;
        double *recovery = NULL;
        int64_t n_rows = 0, n_columns = 0;

        assert_int_equal(heed_patching_sweep(p, (heed_patch_grid)grid, &recovery, &n_rows, &n_columns, NULL),
                         HEED_OK);
        assert_int_equal(n_rows, heads ? 2 : LENGTH);
        assert_int_equal(n_columns, 2);
        for (int64_t i = 0; i < n_rows * n_columns; i++) {
            const int row = (int)(i / n_columns), column = (int)(i % n_columns);
            double alone = NAN;
            char list[64];

            if (heads)
                snprintf(list, sizeof list, "%d.%d", row, column);
            else
                snprintf(list, sizeof list, formats[grid], column);
            patch(p, model, list, heads ? -1 : row, &alone);
            if (alone != recovery[i])
                fail_msg("%s at %d: %.9g in the grid, %.9g alone", list, row, recovery[i], alone);
        }
        free(recovery);
    }
    heed_patching_destroy(p);
    heed_model_close(model);
}

/* Against a session that reads the text: another plan, so other roundings. */
static void metrics_are_those_of_the_next_token(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 56);
    heed_session *session = NULL;
    const float *logits;
    double expected[3];

    (void)state;
    assert_int_equal(heed_session_open(model, NULL, &session, NULL), HEED_OK);
    assert_int_equal(heed_session_feed(session, clean, LENGTH, NULL), HEED_OK);
    logits = heed_session_logits(session);
    assert_non_null(logits);
    expected[HEED_PATCH_LOGIT_DIFFERENCE] = (double)logits[6] - (double)logits[11];
    expected[HEED_PATCH_LOSS] = -heed_logits_log_probability(logits, SMALL_VOCAB, 6);
    expected[HEED_PATCH_PROBABILITY] = exp(-expected[HEED_PATCH_LOSS]);
    for (int metric = 0; metric < 3; metric++) {
        heed_patching *p = open_patching(model, clean, corrupted, metric);
        if (fabs(heed_patching_metric(p, true) - expected[metric]) > 1e-4 * (1.0 + fabs(expected[metric])))
            fail_msg("%s is %.9g, expected %.9g", heed_patch_metrics()[metric], heed_patching_metric(p, true),
                     expected[metric]);
        heed_patching_destroy(p);
    }
    heed_session_close(session);
    heed_model_close(model);
}

static void expect_refused(const int32_t *from, size_t n_from, const int32_t *to, size_t n_to,
                           const heed_patch_options *options, const char *part)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 57);
    heed_patching *p = (heed_patching *)model;
    heed_error err = {0};

    assert_int_equal(heed_patching_create(model, from, n_from, to, n_to, options, &p, &err), HEED_ERR_USAGE);
    assert_null(p);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
    heed_model_close(model);
}

static void what_cannot_be_patched_is_refused(void **state)
{
    static const int32_t outside[LENGTH] = {3, 1, 7, 1, 5, 99, 2};
    const heed_patch_options large = {.answer = 23, .wrong = -1}, same = {.answer = 4, .wrong = 4};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 58);
    heed_patching *p = open_patching(model, clean, corrupted, HEED_PATCH_LOSS);
    const heed_component pattern = {.kind = HEED_COMPONENT_ACTIVATION, .name = "blocks.0.attn.pattern"},
                         head = {.kind = HEED_COMPONENT_HEAD, .head = 2}, good = {.head = 1};
    heed_error err = {0};

    (void)state;
    expect_refused(clean, LENGTH, corrupted, LENGTH - 1, NULL, "equally many tokens, got 7 and 6");
    expect_refused(clean, LENGTH, corrupted, LENGTH, &large, "answer");
    expect_refused(clean, LENGTH, corrupted, LENGTH, &same, "that differ");
    expect_refused(clean, LENGTH, clean, LENGTH, NULL, "the model says the same");
    expect_refused(outside, LENGTH, corrupted, LENGTH, NULL, "an id");
    expect_refused(clean, 0, corrupted, 0, NULL, "at least one token");
    expect_refused(small_ids, 20, small_ids, 20, NULL, "8 rows");
    assert_int_equal(heed_patching_run(p, &pattern, 1, -1, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "blocks.0.attn.z"));
    assert_int_equal(heed_patching_run(p, &head, 1, -1, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_patching_run(p, &good, 1, LENGTH, NULL, NULL, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "no position 7"));
    assert_int_equal(heed_patching_run(p, &good, 1, -1, NULL, NULL, &err), HEED_OK);
    heed_patching_destroy(p);
    heed_patching_destroy(NULL);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_the_clean_run_gives_its_very_bits),
        cmocka_unit_test(positions_count_where_they_are_read),
        cmocka_unit_test(a_text_patched_by_itself_changes_no_bit),
        cmocka_unit_test(what_heads_recover_adds_up_where_logits_are_linear),
        cmocka_unit_test(a_grid_is_made_of_runs),
        cmocka_unit_test(metrics_are_those_of_the_next_token),
        cmocka_unit_test(what_cannot_be_patched_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
