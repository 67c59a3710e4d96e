/* SPDX-License-Identifier: MIT */
/* Attention maps: what they show is what the model does, and looking changes nothing. */
#include "cmocka_all.h"

#include <heed/inspect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/plan.h"
#include "infer/small_model.h"
#include "kernels/device.h"
#include "nn/nn.h"

enum { LENGTH = 7 };
static const char text[] = "abacada";

static heed_attention_maps *look(const heed_model *model)
{
    heed_attention_maps *maps = NULL;
    heed_error err = {0};

    if (heed_attention_maps_create(model, text, LENGTH, &maps, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return maps;
}

/* A row of a softmax in single precision adds up to 1 within seven roundings. */
static void rows_add_up_to_one_and_see_nothing_that_comes_later(void **state)
{
    const char *name;
    heed_config config;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        if (config.kind == HEED_KIND_BIGRAM || !config.attention || config.n_layers == 0)
            continue;
        config.context_length = LENGTH;
        heed_model *model = small_model(&config, 31);
        heed_attention_maps *maps = look(model);
        assert_int_equal(heed_attention_maps_n_layers(maps), config.n_layers);
        assert_int_equal(heed_attention_maps_n_heads(maps), config.n_heads);
        assert_int_equal(heed_attention_maps_n_tokens(maps), LENGTH);
        for (int head = 0; head < config.n_layers * config.n_heads; head++) {
            const float *p = heed_attention_maps_pattern(maps, head / (int)config.n_heads,
                                                         head % (int)config.n_heads);
            for (int i = 0; i < LENGTH; i++) {
                double sum = 0.0;
                for (int j = 0; j < LENGTH; j++) {
                    assert_true(p[i * LENGTH + j] >= 0.0f && (j <= i || p[i * LENGTH + j] == 0.0f));
                    sum += (double)p[i * LENGTH + j];
                }
                if (fabs(sum - 1.0) > 1e-6)
                    fail_msg("%s, head %d: row %d adds up to %.9g", name, head, i, sum);
            }
        }
        heed_attention_maps_destroy(maps);
        heed_model_close(model);
    }
}

/* --- against the graph that generates --- */

typedef struct forward {
    heed_device device;
    heed_graph *g;
    heed_node *logits;
    heed_plan *plan;
    int32_t *ids;
} forward;

/* Runs the model over the text for its logits and the nodes of these names as well. */
static void run_forward(forward *f, const heed_model *model, const char *const *names, int n_names)
{
    heed_nn nn = {.config = heed_model_config(model)};
    heed_node *targets[8];
    heed_plan_options options = {.device = &f->device, .targets = targets, .n_targets = 1 + n_names};
    heed_error err = {0};
    size_t n_ids;

    *f = (forward){.g = heed_graph_create()};
    nn.g = f->g;
    assert_non_null(f->g);
    assert_int_equal(heed_device_open(&f->device, NULL, 1, &err), HEED_OK);
    assert_int_equal(heed_model_encode(model, text, LENGTH, &f->ids, &n_ids, &err), HEED_OK);
    targets[0] = f->logits =
        heed_gpt_build(&nn, heed_graph_bound_input(f->g, "ids", HEED_I32, heed_shape2(1, LENGTH), f->ids), NULL)
            .logits;
    for (int i = 0; i < n_names; i++) {
        targets[1 + i] = heed_graph_find(f->g, names[i]);
        assert_non_null(targets[1 + i]);
    }
    heed_weights_bind(model->weights, f->g);
    options.reference = f->device.kernels == NULL;
    if (heed_plan_create(f->g, &options, &f->plan, &err) != HEED_OK ||
        heed_plan_place(f->plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(f->plan);
}

static float at(const forward *f, const char *name, int64_t i)
{
    return heed_tensor_get(heed_plan_value(f->plan, heed_graph_find(f->g, name)), i);
}

static void close_forward(forward *f)
{
    heed_plan_destroy(f->plan);
    heed_graph_destroy(f->g);
    heed_device_close(&f->device);
    free(f->ids);
}

/* z = pattern v: the fused attention, against the pattern that is shown. Sums of seven products: 1e-5. */
static void the_pattern_is_the_one_that_attention_uses(void **state)
{
    static const char *const names[] = {"blocks.1.attn.v", "blocks.1.attn.z"};
    const heed_config config = small_config();
    const int head_dim = (int)(config.d_model / config.n_heads);
    heed_model *model = small_model(&config, 32);
    heed_attention_maps *maps = look(model);
    forward f;

    (void)state;
    run_forward(&f, model, names, 2);
    for (int h = 0; h < config.n_heads; h++) {
        const float *pattern = heed_attention_maps_pattern(maps, 1, h);
        for (int i = 0; i < LENGTH * head_dim; i++) {
            const int t = i / head_dim, d = i % head_dim;
            const double z = (double)at(&f, "blocks.1.attn.z", (h * LENGTH + t) * head_dim + d);
            double sum = 0.0;
            for (int j = 0; j < LENGTH; j++)
                sum += (double)pattern[t * LENGTH + j] *
                       (double)at(&f, "blocks.1.attn.v", (h * LENGTH + j) * head_dim + d);
            if (fabs(sum - z) > 1e-5 * (1.0 + fabs(z)))
                fail_msg("head %d, position %d, dimension %d: pattern times v is %g, z is %g", h, t, d, sum, z);
        }
    }
    close_forward(&f);
    heed_attention_maps_destroy(maps);
    heed_model_close(model);
}

static void looking_changes_no_logit(void **state)
{
    static const char *const names[] = {"blocks.0.attn.pattern", "blocks.1.attn.pattern",
                                        "blocks.1.attn.scores", "blocks.0.resid_mid", "blocks.1.mlp.post"};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 33);
    heed_attention_maps *maps;
    forward blind, seeing;

    (void)state;
    run_forward(&blind, model, NULL, 0);
    maps = look(model);
    run_forward(&seeing, model, names, 5);
    /* attention writes them down itself */
    assert_int_equal(heed_plan_n_steps(seeing.plan), heed_plan_n_steps(blind.plan));
    for (int64_t i = 0; i < LENGTH * SMALL_VOCAB; i++) {
        const float a = at(&blind, "logits", i), b = at(&seeing, "logits", i);
        assert_memory_equal(&a, &b, sizeof a);
    }
    for (int64_t i = 0; i < config.n_heads * LENGTH * LENGTH; i++) {
        const float shown = heed_attention_maps_pattern(maps, 1, 0)[i],
                    kept = at(&seeing, "blocks.1.attn.pattern", i);
        assert_memory_equal(&shown, &kept, sizeof shown);
    }
    close_forward(&blind);
    close_forward(&seeing);
    heed_attention_maps_destroy(maps);
    heed_model_close(model);
}

/* --- experts --- */

/* Each expert's share is the tokens whose choice it is among, as the router's node says. */
static void shares_of_experts_count_the_tokens_they_get(void **state)
{
    static const char *const names[] = {"blocks.0.mlp.expert_index", "blocks.1.mlp.expert_index"};
    heed_config config = small_config();
    heed_model *model;
    heed_attention_maps *maps;
    forward f;

    (void)state;
    config.n_experts = 4;
    config.experts_per_token = 2;
    model = small_model(&config, 36);
    maps = look(model);
    run_forward(&f, model, names, 2);
    assert_int_equal(heed_attention_maps_n_experts(maps), 4);
    for (int layer = 0; layer < 2; layer++) {
        int tokens[4] = {0};
        for (int64_t i = 0; i < LENGTH * 2; i++)
            tokens[(int)at(&f, names[layer], i)]++;
        for (int e = 0; e < 4; e++) /* some roundings of 1/14 */
            assert_true(fabs(heed_attention_maps_expert_shares(maps, layer)[e] - tokens[e] / 7.0) < 1e-6);
    }
    assert_null(heed_attention_maps_expert_shares(maps, -1));
    assert_null(heed_attention_maps_expert_shares(maps, 2));
    close_forward(&f);
    heed_attention_maps_destroy(maps);
    heed_model_close(model);

    config = small_config();
    model = small_model(&config, 36);
    maps = look(model);
    assert_int_equal(heed_attention_maps_n_experts(maps), 0);
    assert_null(heed_attention_maps_expert_shares(maps, 0));
    heed_attention_maps_destroy(maps);
    heed_model_close(model);
}

/* --- pictures --- */

static long size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

static void pictures_are_written_by_their_ending(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 34);
    heed_attention_maps *maps = look(model);
    char folder[] = "/tmp/heed-test-maps-XXXXXX", path[64];
    heed_error err = {0};
    char *drawn = NULL;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/maps.png", folder);
    assert_int_equal(heed_attention_maps_write(maps, path, &err), HEED_OK);
    assert_true(size_of(path) > 1000);
    unlink(path);
    snprintf(path, sizeof path, "%s/maps.svg", folder);
    assert_int_equal(heed_attention_maps_write(maps, path, &err), HEED_OK);
    assert_true(size_of(path) > 1000);
    unlink(path);
    snprintf(path, sizeof path, "%s/maps.bmp", folder);
    assert_int_equal(heed_attention_maps_write(maps, path, &err), HEED_ERR_USAGE);
    assert_int_equal(size_of(path), -1);
    snprintf(path, sizeof path, "%s/missing/maps.png", folder);
    assert_int_equal(heed_attention_maps_write(maps, path, &err), HEED_ERR_FILE);
    rmdir(folder);

    assert_int_equal(heed_attention_maps_text(maps, 1, 1, 0, 80, HEED_PALETTE_NONE, &drawn, &err), HEED_OK);
    assert_non_null(strstr(drawn, "layer 1 head 1"));
    assert_null(strchr(drawn, '\x1b'));
    free(drawn);
    assert_int_equal(heed_attention_maps_text(maps, 2, 0, 0, 80, HEED_PALETTE_TRUE, &drawn, &err),
                     HEED_ERR_USAGE);
    assert_null(drawn);
    assert_null(heed_attention_maps_pattern(maps, -1, 0));
    assert_null(heed_attention_maps_pattern(maps, 0, 2));
    heed_attention_maps_destroy(maps);
    heed_attention_maps_destroy(NULL);
    heed_model_close(model);
}

/* Twice the context: rows add up to 1 there as everywhere. */
static void a_text_may_be_longer_where_positions_have_values(void **state)
{
    static const int formulas[] = {HEED_POSITIONS_NONE, HEED_POSITIONS_SINUSOIDAL, HEED_POSITIONS_ROTARY,
                                   HEED_POSITIONS_ALIBI, HEED_POSITIONS_TRANSFORMER_XL};
    static const char twice[] = "abacadaeafagahai";
    enum { TWICE = sizeof twice - 1 };

    (void)state;
    for (size_t k = 0; k < sizeof formulas / sizeof formulas[0]; k++) {
        heed_config config = small_config();
        heed_attention_maps *maps = NULL;
        heed_error err = {0};
        double sum = 0.0;
        config.positions = formulas[k];
        heed_model *model = small_model(&config, 37);
        if (heed_attention_maps_create(model, twice, TWICE, &maps, &err) != HEED_OK)
            fail_msg("%s", err.message);
        assert_int_equal(heed_attention_maps_n_tokens(maps), TWICE);
        for (int j = 0; j < TWICE; j++)
            sum += (double)heed_attention_maps_pattern(maps, 1, 1)[(TWICE - 1) * TWICE + j];
        assert_true(fabs(sum - 1.0) < 1e-6);
        heed_attention_maps_destroy(maps);
        heed_model_close(model);
    }
}

/* --- refusals --- */

static void expect_refused(const heed_config *config, const char *what, heed_status expected, const char *part)
{
    heed_model *model = small_model(config, 35);
    heed_attention_maps *maps = (heed_attention_maps *)model;
    heed_error err = {0};

    assert_int_equal(heed_attention_maps_create(model, what, strlen(what), &maps, &err), expected);
    assert_null(maps);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
    heed_model_close(model);
}

static void what_cannot_be_looked_at_is_refused(void **state)
{
    heed_config config = small_config();

    (void)state;
    expect_refused(&config, "", HEED_ERR_USAGE, "1 to 8 tokens");
    expect_refused(&config, "abcabcabc", HEED_ERR_USAGE, "got 9");
    expect_refused(&config, "ab!", HEED_ERR_USAGE, "!");
    config.positions = HEED_POSITIONS_RELATIVE;
    expect_refused(&config, "abcabcabc", HEED_ERR_USAGE, "got 9");
    config.n_layers = 0;
    expect_refused(&config, "abc", HEED_ERR_USAGE, "no attention");
    config = small_config();
    config.attention = false;
    expect_refused(&config, "abc", HEED_ERR_USAGE, "no attention");
    config.kind = HEED_KIND_BIGRAM;
    expect_refused(&config, "abc", HEED_ERR_USAGE, "no attention");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_add_up_to_one_and_see_nothing_that_comes_later),
        cmocka_unit_test(the_pattern_is_the_one_that_attention_uses),
        cmocka_unit_test(looking_changes_no_logit),
        cmocka_unit_test(shares_of_experts_count_the_tokens_they_get),
        cmocka_unit_test(pictures_are_written_by_their_ending),
        cmocka_unit_test(a_text_may_be_longer_where_positions_have_values),
        cmocka_unit_test(what_cannot_be_looked_at_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
