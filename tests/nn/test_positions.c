/* SPDX-License-Identifier: MIT */
/* What each form of attention promises, on whole models: what it can tell apart, and what it cannot. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "graph/plan.h"
#include "infer/small_model.h"
#include "kernels/device.h"
#include "nn/nn.h"

enum { LENGTH = 12 };

/* A model over a text of LENGTH tokens, with every tensor kept. */
typedef struct forward {
    heed_device device;
    heed_graph *g;
    heed_plan *plan;
    int32_t ids[LENGTH];
} forward;

static void open_forward(forward *f, const heed_model *model)
{
    heed_nn nn = {.config = heed_model_config(model)};
    heed_node *targets[4];
    heed_plan_options options = {.device = &f->device, .targets = targets, .n_targets = 1, .keep_all = true};
    heed_rng rng = heed_rng_make(4, 50);
    heed_error err = {0};

    *f = (forward){.g = heed_graph_create()};
    nn.g = f->g;
    assert_int_equal(heed_device_open(&f->device, NULL, 1, &err), HEED_OK);
    for (int i = 0; i < LENGTH; i++)
        f->ids[i] = (int32_t)heed_rng_below(&rng, SMALL_VOCAB);
    targets[0] = heed_gpt_build(
                     &nn, heed_graph_bound_input(f->g, "ids", HEED_I32, heed_shape2(1, LENGTH), f->ids), NULL)
                     .logits;
    for (const char *const *name = (const char *const[]){"scores", "pattern", NULL}; *name != NULL; name++) {
        char full[HEED_MAX_NAME];
        snprintf(full, sizeof full, "blocks.0.attn.%s", *name);
        targets[options.n_targets] = heed_graph_find(f->g, full);
        assert_non_null(targets[options.n_targets++]);
    }
    heed_weights_bind(model->weights, f->g);
    options.reference = f->device.kernels == NULL;
    if (heed_plan_create(f->g, &options, &f->plan, &err) != HEED_OK ||
        heed_plan_place(f->plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(f->plan);
}

static void close_forward(forward *f)
{
    heed_plan_destroy(f->plan);
    heed_graph_destroy(f->g);
    heed_device_close(&f->device);
}

static double at(const forward *f, const char *name, int64_t i)
{
    const heed_node *node = heed_graph_find(f->g, name);

    assert_non_null(node);
    return (double)heed_tensor_get(heed_plan_value(f->plan, node), i);
}

static double score(const forward *f, int h, int i, int j)
{
    return at(f, "blocks.0.attn.scores", (h * LENGTH + i) * LENGTH + j);
}

static double pattern(const forward *f, int h, int i, int j)
{
    return at(f, "blocks.0.attn.pattern", (h * LENGTH + i) * LENGTH + j);
}

/* One layer, so that what the last token sees is what its one attention sees. */
static heed_config one_layer(int positions)
{
    heed_config config = small_config();

    config.context_length = LENGTH;
    config.n_layers = 1;
    config.positions = positions;
    return config;
}

/* Sums of sixteen products of some units, in another order or at other angles. */
static bool near(double a, double b)
{
    return fabs(a - b) <= 3e-5 * (1.0 + fabs(b));
}

/* --- what positions tell --- */

/* Logits of the last token, largest difference after two earlier tokens have changed places. */
static double change_by_swapping(const heed_model *model)
{
    double before[SMALL_VOCAB], most = 0.0;
    forward f;

    open_forward(&f, model);
    for (int i = 0; i < SMALL_VOCAB; i++)
        before[i] = at(&f, "logits", (LENGTH - 1) * SMALL_VOCAB + i);
    assert_int_not_equal(f.ids[2], f.ids[7]);
    const int32_t second = f.ids[2];
    f.ids[2] = f.ids[7];
    f.ids[7] = second;
    heed_plan_run(f.plan);
    for (int i = 0; i < SMALL_VOCAB; i++)
        most = fmax(most, fabs(at(&f, "logits", (LENGTH - 1) * SMALL_VOCAB + i) - before[i]));
    close_forward(&f);
    return most;
}

/* Without positions one layer sees a bag of tokens; with any of them it knows their order. */
static void only_positions_tell_order(void **state)
{
    (void)state;
    for (int positions = HEED_POSITIONS_LEARNED; positions <= HEED_POSITIONS_TRANSFORMER_XL; positions++) {
        const heed_config config = one_layer(positions);
        heed_model *model = small_model(&config, 3);
        const double change = change_by_swapping(model);
        if (positions == HEED_POSITIONS_NONE ? change > 1e-4 : change < 1e-2)
            fail_msg("positions %d: a swap changes logits by %g", positions, change);
        heed_model_close(model);
    }
}

/* The score of two tokens, the same two seven places further on: positions relative to each other do not see it. */
static void relative_positions_do_not_know_where_a_text_begins(void **state)
{
    static const int shift = 7;

    (void)state;
    for (int positions = HEED_POSITIONS_LEARNED; positions <= HEED_POSITIONS_TRANSFORMER_XL; positions++) {
        const heed_config config = one_layer(positions);
        const bool absolute = positions == HEED_POSITIONS_LEARNED || positions == HEED_POSITIONS_SINUSOIDAL;
        heed_model *model = small_model(&config, 3);
        double most = 0.0;
        forward f;
        open_forward(&f, model);
        for (int i = 0; i < LENGTH - shift; i++)
            f.ids[i + shift] = f.ids[i];
        heed_plan_run(f.plan);
        for (int i = 0; i < LENGTH - shift; i++) {
            for (int j = 0; j <= i; j++) {
                const double a = score(&f, 1, i, j), b = score(&f, 1, i + shift, j + shift);
                most = fmax(most, fabs(a - b) / (1.0 + fabs(b)));
            }
        }
        if (absolute ? most < 1e-2 : most > 3e-5)
            fail_msg("positions %d: scores that are %d apart differ by %g", positions, shift, most);
        close_forward(&f);
        heed_model_close(model);
    }
}

static void alibi_takes_a_slope_off_for_every_step_back(void **state)
{
    const heed_config with = one_layer(HEED_POSITIONS_ALIBI), without = one_layer(HEED_POSITIONS_NONE);
    heed_model *a = small_model(&with, 3), *b = small_model(&without, 3); /* the same weights */
    forward f, g;

    (void)state;
    open_forward(&f, a);
    open_forward(&g, b);
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < LENGTH; i++) {
            for (int j = 0; j <= i; j++)
                assert_true(near(score(&f, h, i, j),
                                 score(&g, h, i, j) - (double)heed_alibi_slope(h, 2) * (double)(i - j)));
        }
    }
    close_forward(&f);
    close_forward(&g);
    heed_model_close(a);
    heed_model_close(b);
}

static float *numbers_of(const heed_model *model, const char *name)
{
    const heed_parameter *p = heed_weights_find(model->weights, name);

    assert_non_null(p);
    return (float *)(uintptr_t)p->data;
}

static double dot(const forward *f, const char *q, int64_t q_row, const float *row, int64_t n)
{
    double sum = 0.0;

    for (int64_t d = 0; d < n; d++)
        sum += at(f, q, q_row * n + d) * (double)row[d];
    return sum;
}

/* s_ij = (q_i . k_j + q_i . r_(i-j)) / sqrt(D), with the row of distance 0 at the end of the table. */
static void a_relative_table_adds_its_row_for_the_distance(void **state)
{
    const heed_config config = one_layer(HEED_POSITIONS_RELATIVE);
    const int64_t D = config.d_model / config.n_heads;
    heed_model *model = small_model(&config, 3);
    const float *table = numbers_of(model, "h.0.attn.relative.weight");
    forward f;

    (void)state;
    open_forward(&f, model);
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < LENGTH; i++) {
            for (int j = 0; j <= i; j++) {
                float k[16];
                for (int64_t d = 0; d < D; d++)
                    k[d] = (float)at(&f, "blocks.0.attn.k", (h * LENGTH + j) * D + d);
                const double expected = (dot(&f, "blocks.0.attn.q", h * LENGTH + i, k, D) +
                                         dot(&f, "blocks.0.attn.q", h * LENGTH + i,
                                             table + (config.context_length - 1 - (i - j)) * D, D)) /
                                        sqrt((double)D);
                if (!near(score(&f, h, i, j), expected))
                    fail_msg("head %d, query %d, key %d: %g, expected %g", h, i, j, score(&f, h, i, j),
                             expected);
            }
        }
    }
    close_forward(&f);
    heed_model_close(model);
}

/* Column c of the sinusoidal row of a distance. */
static double wave(int64_t c, int64_t d, int distance)
{
    const double angle = distance * pow(10000.0, -(double)(c / 2 * 2) / (double)d);

    return c % 2 == 0 ? sin(angle) : cos(angle);
}

/* s_ij = ((q_i + u) . k_j + (q_i + v) . r_(i-j)) / sqrt(D), r_b = (sin, cos)(b) W_R, all written out. */
static void transformer_xl_is_its_formula(void **state)
{
    const heed_config config = one_layer(HEED_POSITIONS_TRANSFORMER_XL);
    const int64_t d = config.d_model, D = d / config.n_heads;
    heed_model *model = small_model(&config, 3);
    float *u = numbers_of(model, "h.0.attn.relative_u.bias"),
          *v = numbers_of(model, "h.0.attn.relative_v.bias");
    const float *map = numbers_of(model, "h.0.attn.c_relative.weight");
    heed_rng rng = heed_rng_make(5, 51);
    forward f;

    (void)state;
    for (int64_t i = 0; i < d; i++) {
        u[i] = heed_rng_normal(&rng);
        v[i] = heed_rng_normal(&rng);
    }
    open_forward(&f, model);
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < LENGTH; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = 0.0;
                for (int64_t e = 0; e < D; e++) {
                    const double q = at(&f, "blocks.0.attn.q", (h * LENGTH + i) * D + e);
                    double r = 0.0;
                    for (int64_t c = 0; c < d; c++)
                        r += wave(c, d, i - j) * (double)map[c * d + h * D + e];
                    sum += (q + (double)u[h * D + e]) * at(&f, "blocks.0.attn.k", (h * LENGTH + j) * D + e) +
                           (q + (double)v[h * D + e]) * r;
                }
                if (!near(score(&f, h, i, j), sum / sqrt((double)D)))
                    fail_msg("head %d, query %d, key %d: %g, expected %g", h, i, j, score(&f, h, i, j),
                             sum / sqrt((double)D));
            }
        }
    }
    close_forward(&f);
    heed_model_close(model);
}

/* --- forms of attention --- */

static void uniform_attention_is_the_mean_of_what_is_seen(void **state)
{
    heed_config config = one_layer(HEED_POSITIONS_LEARNED);
    forward f;

    (void)state;
    config.uniform_attention = true;
    heed_model *model = small_model(&config, 3);
    open_forward(&f, model);
    for (int i = 0; i < LENGTH; i++) {
        for (int j = 0; j < LENGTH; j++)
            assert_true(near(pattern(&f, 1, i, j), j <= i ? 1.0 / (i + 1) : 0.0));
        for (int d = 0; d < 8; d++) {
            double sum = 0.0;
            for (int j = 0; j <= i; j++)
                sum += at(&f, "blocks.0.attn.v", (LENGTH + j) * 8 + d);
            assert_true(near(at(&f, "blocks.0.attn.z", (LENGTH + i) * 8 + d), sum / (i + 1)));
        }
    }
    close_forward(&f);
    heed_model_close(model);
}

/* Each row of the pattern is a softmax over all scores, and with positions left out order means nothing: shuffled tokens get
 * shuffled logits. Sums of 12 terms in another order: 1e-4 of logits of a few units. */
static void a_model_that_is_not_causal_sees_all_keys(void **state)
{
    heed_config config = one_layer(HEED_POSITIONS_NONE);
    forward f;

    (void)state;
    config.causal = false;
    heed_model *model = small_model(&config, 3);
    open_forward(&f, model);
    for (int i = 0; i < LENGTH; i++) {
        double sum = 0.0, all = 0.0;
        for (int j = 0; j < LENGTH; j++)
            sum += exp(score(&f, 1, i, j));
        for (int j = 0; j < LENGTH; j++) {
            assert_true(near(pattern(&f, 1, i, j), exp(score(&f, 1, i, j)) / sum));
            all += pattern(&f, 1, i, j);
        }
        assert_true(near(all, 1.0));
    }
    double before[LENGTH * SMALL_VOCAB];
    for (int i = 0; i < LENGTH * SMALL_VOCAB; i++)
        before[i] = at(&f, "logits", i);
    for (int i = 0; i < LENGTH / 2; i++) { /* the text backwards */
        const int32_t id = f.ids[i];
        f.ids[i] = f.ids[LENGTH - 1 - i];
        f.ids[LENGTH - 1 - i] = id;
    }
    heed_plan_run(f.plan);
    for (int i = 0; i < LENGTH; i++) {
        for (int v = 0; v < SMALL_VOCAB; v++) {
            const double a = at(&f, "logits", i * SMALL_VOCAB + v),
                         b = before[(LENGTH - 1 - i) * SMALL_VOCAB + v];
            assert_true(fabs(a - b) < 1e-4 * (1.0 + fabs(b)));
        }
    }
    close_forward(&f);
    heed_model_close(model);
}

static void a_window_hides_what_lies_further_back(void **state)
{
    heed_config config = one_layer(HEED_POSITIONS_LEARNED);
    forward f;

    (void)state;
    config.window = 4;
    heed_model *model = small_model(&config, 3);
    open_forward(&f, model);
    for (int i = 0; i < LENGTH; i++) {
        double sum = 0.0;
        for (int j = 0; j < LENGTH; j++) {
            assert_int_equal(pattern(&f, 0, i, j) > 0.0, j <= i && j > i - 4);
            sum += pattern(&f, 0, i, j);
        }
        assert_true(near(sum, 1.0));
    }
    close_forward(&f);
    heed_model_close(model);
}

/* What is shown is what runs: z is the pattern times the values, heads 2g and 2g+1 reading key/value head g. */
static void shared_heads_read_the_same_values(void **state)
{
    heed_config config = one_layer(HEED_POSITIONS_LEARNED);
    forward f;

    (void)state;
    config.n_heads = 4;
    config.n_kv_heads = 2;
    for (int tied = 0; tied < 2; tied++) {
        config.tied_kv = tied;
        heed_model *model = small_model(&config, 3);
        open_forward(&f, model);
        for (int h = 0; h < 4; h++) {
            for (int i = 0; i < LENGTH * 4; i++) {
                double sum = 0.0;
                for (int j = 0; j < LENGTH; j++)
                    sum += pattern(&f, h, i / 4, j) * at(&f, tied ? "blocks.0.attn.k" : "blocks.0.attn.v",
                                                         (h / 2 * LENGTH + j) * 4 + i % 4);
                assert_true(near(at(&f, "blocks.0.attn.z", h * LENGTH * 4 + i), sum));
            }
        }
        close_forward(&f);
        heed_model_close(model);
    }
}

/* Turned queries and keys are there to be looked at, and turning keeps their length. */
static void turned_queries_keep_their_length(void **state)
{
    const heed_config config = one_layer(HEED_POSITIONS_ROTARY);
    heed_model *model = small_model(&config, 3);
    forward f;

    (void)state;
    open_forward(&f, model);
    for (int row = 0; row < 2 * LENGTH; row++) {
        double before = 0.0, after = 0.0, change = 0.0;
        for (int d = 0; d < 8; d++) {
            const double q = at(&f, "blocks.0.attn.q", row * 8 + d),
                         turned = at(&f, "blocks.0.attn.rot_q", row * 8 + d);
            before += q * q;
            after += turned * turned;
            change += fabs(q - turned);
        }
        assert_true(near(after, before));
        assert_int_equal(change > 1e-3, row % LENGTH > 0); /* position 0 does not turn */
    }
    assert_non_null(heed_graph_find(f.g, "blocks.0.attn.hook_rot_k"));
    close_forward(&f);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_positions_tell_order),
        cmocka_unit_test(relative_positions_do_not_know_where_a_text_begins),
        cmocka_unit_test(alibi_takes_a_slope_off_for_every_step_back),
        cmocka_unit_test(a_relative_table_adds_its_row_for_the_distance),
        cmocka_unit_test(transformer_xl_is_its_formula),
        cmocka_unit_test(uniform_attention_is_the_mean_of_what_is_seen),
        cmocka_unit_test(a_model_that_is_not_causal_sees_all_keys),
        cmocka_unit_test(a_window_hides_what_lies_further_back),
        cmocka_unit_test(shared_heads_read_the_same_values),
        cmocka_unit_test(turned_queries_keep_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
