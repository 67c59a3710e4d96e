/* SPDX-License-Identifier: MIT */
/* Ablation: runs that begin late have the bits of whole ones, and what is replaced has the effect that weights say. */
#include "../cmocka_all.h"

#include <math.h>

#include <heed/verify.h>

#include "ablation_model.h"
#include "base/rng.h"
#include "inspect/ablate.h"
#include "inspect/component.h"
#include "inspect/intervention.h"

/* --- runs with edits --- */

static heed_intervention *open_runs(const heed_model *model, heed_node **node, const heed_component *part,
                                    bool store)
{
    const heed_forward_ids in = {.ids = small_ids, .batch = 2, .length = SMALL_CONTEXT};
    heed_intervention *v = NULL;
    heed_node *nodes[2];
    heed_error err = {0};
    int n = 0;

    if (heed_intervention_create(model, &in, false, 2, &v, &err) != HEED_OK ||
        heed_component_nodes(heed_intervention_forward(v), part, nodes, &n, &err) != HEED_OK ||
        (store && heed_intervention_store(v, nodes, n, &err) != HEED_OK))
        fail_msg("%s", err.message);
    *node = nodes[0];
    return v;
}

static float *run(heed_intervention *v, const heed_edit *edits, int n)
{
    const int64_t count = 2 * SMALL_CONTEXT;
    float *out = calloc((size_t)count, sizeof *out);
    heed_error err = {0};

    assert_non_null(out);
    if (heed_intervention_run(v, edits, n, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int64_t i = 0; i < count; i++)
        out[i] = heed_tensor_get(heed_intervention_result(v), i);
    return out;
}

static const size_t result_bytes = 2 * SMALL_CONTEXT * sizeof(float);

/* Some positions of one head or of a whole row get random numbers. */
static void expect_late_as_whole(const heed_model *model, const heed_component *part, const char *name)
{
    heed_node *late_node, *whole_node;
    heed_intervention *late = open_runs(model, &late_node, part, true),
                      *whole = open_runs(model, &whole_node, part,
                                         false); /* without residuals: from the start */
    const int64_t width = heed_intervention_width(late_node);
    float *rows = calloc((size_t)(2 * SMALL_CONTEXT * width), sizeof *rows);
    heed_rng rng = heed_rng_make(5, 99);
    heed_edit edit = {.node = late_node, .head = -1, .first = 3, .n = 9, .rows = rows, .stride = width};
    char text[128];

    assert_non_null(rows);
    for (int64_t i = 0; i < 2 * SMALL_CONTEXT * width; i++)
        rows[i] = heed_rng_normal(&rng);
    if (part->kind == HEED_COMPONENT_HEAD)
        edit.head = part->head;
    for (int again = 0; again < 2; again++) { /* the plan serves again, and its residuals are still there */
        float *a, *b;
        edit.node = late_node;
        a = run(late, &edit, 1);
        edit.node = whole_node;
        b = run(whole, &edit, 1);
        if (memcmp(a, b, result_bytes) != 0)
            fail_msg("%s, %s: a run that begins late differs from a whole one", name,
                     heed_component_text(text, part));
        free(a);
        free(b);
    }
    free(rows);
    heed_intervention_destroy(late);
    heed_intervention_destroy(whole);
}

static void a_run_that_begins_late_has_the_bits_of_a_whole_one(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; attending_variant(&i, &config, &name);) {
        heed_model *model = small_model(&config, 21);
        for (int layer = 0; layer < config.n_layers; layer++) {
            expect_late_as_whole(model, &(heed_component){HEED_COMPONENT_HEAD, layer, 0, ""}, name);
            expect_late_as_whole(model, &(heed_component){HEED_COMPONENT_ATTENTION, layer, 0, ""}, name);
            if (config.mlp)
                expect_late_as_whole(model, &(heed_component){HEED_COMPONENT_MLP, layer, 0, ""}, name);
        }
        heed_model_close(model);
    }
}

/* What is stored is what runs: putting it back where it was changes nothing, from any start. */
static void an_activation_replaced_by_itself_changes_no_bit(void **state)
{
    static const char *const names[] = {"blocks.0.attn.z",    "blocks.1.attn.z",      "blocks.1.attn_out",
                                        "blocks.0.mlp_out",   "blocks.1.resid_pre",   "blocks.1.resid_mid",
                                        "blocks.0.attn.q",    "blocks.1.attn.hook_v", "blocks.1.mlp.post",
                                        "ln_final.normalized"};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 22);

    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        heed_component part = {.kind = HEED_COMPONENT_ACTIVATION};
        heed_node *node;
        heed_intervention *v;
        float *base, *same;

        snprintf(part.name, sizeof part.name, "%s", names[k]);
        v = open_runs(model, &node, &part, true);
        base = run(v, NULL, 0);
        same = run(v,
                   &(heed_edit){.node = node,
                                .head = -1,
                                .n = 2 * SMALL_CONTEXT,
                                .rows = heed_intervention_rows(v, node),
                                .stride = heed_intervention_width(node)},
                   1);
        if (memcmp(base, same, result_bytes) != 0)
            fail_msg("%s: replacing it by itself changes the losses", names[k]);
        free(base);
        free(same);
        heed_intervention_destroy(v);
    }
    heed_model_close(model);
}

/* --- effects that weights tell --- */

static void expect_losses(const double *a, const double *b, int n, double tolerance, const char *what)
{
    for (int i = 1; i < n; i++) {
        if (!(fabs(a[i] - b[i]) <= tolerance * (1.0 + fabs(b[i]))))
            fail_msg("%s: token %d loses %.9g, expected %.9g", what, i, a[i], b[i]);
    }
}

static void a_head_that_writes_nothing_is_not_missed(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; attending_variant(&i, &config, &name);) {
        for (int method = HEED_ABLATE_ZERO; method <= HEED_ABLATE_RESAMPLE; method++) {
            heed_model *model = small_model(&config, 23);
            const heed_ablate_options options = without_controls(method);
            heed_ablation *a;

            silence_head(model, 0, 0);
            a = ablate(model, small_ids, N_IDS, "0.0", &options);
            assert_true(isnan(heed_ablation_losses(a)[0]));
            /* adding zeros to a sum changes no number */
            expect_losses(heed_ablation_ablated_losses(a), heed_ablation_losses(a), N_IDS, 0.0, name);
            assert_true(heed_ablation_effect(a).mean == 0.0 && heed_ablation_effect(a).high == 0.0);
            heed_ablation_destroy(a);
            heed_model_close(model);
        }
    }
}

/*
 * An oracle without interventions: the rows of W_O that read the head are zeros. A sum of 16 products loses some of its
 * terms, which may change its order by SIMD lanes: a few epsilons of 16 terms, far below 1e-5.
 */
static void zeroing_a_head_is_zeroing_its_rows_of_the_output_map(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; attending_variant(&i, &config, &name);) {
        const int layer = (int)config.n_layers - 1, head = (int)config.n_heads - 1;
        const heed_ablate_options options = without_controls(HEED_ABLATE_ZERO);
        heed_model *model = small_model(&config, 24), *silent = small_model(&config, 24);
        heed_ablation *a, *b;
        char list[32];

        silence_head(silent, layer, head);
        snprintf(list, sizeof list, "%d.%d", layer, head);
        a = ablate(model, small_ids, N_IDS, list, &options);
        b = ablate(silent, small_ids, N_IDS, list, &options);
        expect_losses(heed_ablation_ablated_losses(a), heed_ablation_losses(b), N_IDS, 1e-5, name);
        assert_true(heed_ablation_effect(a).mean != 0.0);
        heed_ablation_destroy(a);
        heed_ablation_destroy(b);
        heed_model_close(model);
        heed_model_close(silent);
    }
}

/* W_O 0 + b is b: what attention adds without its heads is the bias at each position, and with no bias nothing. */
static void all_heads_of_a_layer_leave_the_bias_of_attention(void **state)
{
    const heed_component attention = {.kind = HEED_COMPONENT_ATTENTION, .layer = 1};
    const heed_ablate_options options = without_controls(HEED_ABLATE_ZERO);
    heed_config config = small_config();

    (void)state;
    for (int bias = 0; bias < 2; bias++) {
        heed_model *model;
        heed_ablation *heads, *whole;
        heed_intervention *v;
        heed_parameter *b;
        heed_node *node;
        float *expected;

        config.attention_bias = bias != 0;
        model = small_model(&config, 25);
        heads = ablate(model, small_ids, 17, "1.*", &options);
        b = parameter_of(model, "h.%d.attn.c_proj.bias", 1);
        assert_int_equal(b != NULL, bias);
        for (int64_t k = 0; bias && k < b->count; k++)
            ((float *)(uintptr_t)b->data)[k] = (float)k / 16.0f - 0.4f;
        heed_ablation_destroy(heads);
        heads = ablate(model, small_ids, 17, "1.*", &options);
        v = open_runs(model, &node, &attention, true);
        expected = run(
            v, &(heed_edit){.node = node, .head = -1, .n = 2 * SMALL_CONTEXT, .rows = bias ? b->data : NULL},
            1);
        for (int p = 0; p < SMALL_CONTEXT - 1; p++) /* the last of a window is asked for another token there */
            assert_true(heed_ablation_ablated_losses(heads)[p + 1] == (double)expected[p]);
        if (!bias) {
            whole = ablate(model, small_ids, 17, "1.attn", &options);
            expect_losses(heed_ablation_ablated_losses(heads), heed_ablation_ablated_losses(whole), 17, 0.0,
                          "without a bias");
            heed_ablation_destroy(whole);
        }
        free(expected);
        heed_ablation_destroy(heads);
        heed_intervention_destroy(v);
        heed_model_close(model);
    }
}

/* A layer whose parts are zero hands the residual on, as if it were not there. */
static void a_layer_without_its_parts_is_no_layer(void **state)
{
    const heed_ablate_options options = without_controls(HEED_ABLATE_ZERO);
    heed_config two = small_config(), one = small_config();
    heed_model *model, *shorter;
    heed_ablation *a, *b;

    (void)state;
    one.n_layers = 1;
    model = small_model(&two, 26);
    shorter = small_model(&one, 27);
    for (int i = 0; i < shorter->weights->n; i++) {
        heed_parameter *to = &shorter->weights->list[i];
        const heed_parameter *from = parameter_of(model, to->name, 0); /* the names have no %d */
        assert_non_null(from);
        memcpy((float *)(uintptr_t)to->data, from->data, (size_t)to->count * sizeof(float));
    }
    a = ablate(model, small_ids, N_IDS, "1", &options);
    b = ablate(shorter, small_ids, N_IDS, "0", &options);
    expect_losses(heed_ablation_ablated_losses(a), heed_ablation_losses(b), N_IDS, 0.0, "the shorter model");
    heed_ablation_destroy(a);
    heed_ablation_destroy(b);
    heed_model_close(model);
    heed_model_close(shorter);
}

/* --- mean and resample --- */

/* A feed-forward without its last map puts out its bias everywhere: its mean, and any of its outputs, is itself. */
static void what_is_the_same_everywhere_is_its_mean_and_its_resample(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 28);
    heed_parameter *w = parameter_of(model, "h.%d.mlp.c_proj.weight", 1);
    heed_parameter *b = parameter_of(model, "h.%d.mlp.c_proj.bias", 1);

    (void)state;
    assert_true(w != NULL && b != NULL);
    memset((float *)(uintptr_t)w->data, 0, (size_t)w->count * sizeof(float));
    for (int64_t k = 0; k < b->count; k++)
        ((float *)(uintptr_t)b->data)[k] = (float)k / 7.0f - 1.0f;
    for (int method = HEED_ABLATE_ZERO; method <= HEED_ABLATE_RESAMPLE; method++) {
        heed_ablate_options options = heed_ablate_default();
        heed_ablation *a;
        const double *controls;
        int n = 0;

        options.method = method;
        a = ablate(model, small_ids, 17, "1.mlp", &options);
        assert_int_equal(heed_ablation_effect(a).mean == 0.0, method != HEED_ABLATE_ZERO);
        controls = heed_ablation_controls(a, HEED_CONTROL_DIRECTION, &n);
        assert_int_equal(n, 10);
        for (int i = 0; i < n; i++) /* nothing is moved, so controls move nothing */
            assert_int_equal(controls[i] == 0.0, method != HEED_ABLATE_ZERO);
        heed_ablation_destroy(a);
    }
    heed_model_close(model);
}

typedef struct kept {
    float *numbers;
    int64_t count;
} kept;

static void keep(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    kept *k = context;

    (void)name;
    k->count = 1;
    for (int i = 0; i < rank; i++)
        k->count *= size[i];
    k->numbers = malloc((size_t)k->count * sizeof *k->numbers);
    memcpy(k->numbers, numbers, (size_t)k->count * sizeof *k->numbers);
}

/* The mean over positions, from the activations that observing shows; the ablated run is that of the edit by hand. */
static void a_mean_is_taken_over_the_positions_that_predict(void **state)
{
    static const char *const names[] = {"blocks.0.mlp_out"};
    const heed_component part = {.kind = HEED_COMPONENT_MLP, .layer = 0};
    const heed_ablate_options options = without_controls(HEED_ABLATE_MEAN);
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 29);
    heed_ablation *a = ablate(model, small_ids, N_IDS, "0.mlp", &options);
    heed_node *node;
    heed_intervention *v = open_runs(model, &node, &part, true);
    const int64_t d = config.d_model;
    float mean[16], *expected;
    kept k = {0};

    (void)state;
    assert_int_equal(heed_model_observe(model, small_ids, N_IDS - 1, names, 1, keep, &k, NULL), HEED_OK);
    assert_int_equal(k.count, (N_IDS - 1) * d);
    for (int64_t j = 0; j < d; j++) {
        double sum = 0.0;
        for (int64_t p = 0; p < N_IDS - 1; p++)
            sum += (double)k.numbers[p * d + j];
        mean[j] = (float)(sum / (N_IDS - 1));
    }
    expected = run(v, &(heed_edit){.node = node, .head = -1, .n = 2 * SMALL_CONTEXT, .rows = mean}, 1);
    for (int p = 0; p < SMALL_CONTEXT - 1; p++) /* products of 8 and of 16 rows may run on other kernels */
        assert_true(fabs(heed_ablation_ablated_losses(a)[p + 1] - (double)expected[p]) < 1e-4);
    free(expected);
    free(k.numbers);
    heed_ablation_destroy(a);
    heed_intervention_destroy(v);
    heed_model_close(model);
}

/* With a reference of equal tokens every position of it has one output but for its position; here there are none. */
static void a_reference_text_stands_in_for_the_text(void **state)
{
    static const int32_t same[12] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
    heed_config config = small_config();
    heed_ablate_options options;
    heed_model *model;
    heed_ablation *mean, *resampled, *own;

    (void)state;
    config.positions = HEED_POSITIONS_NONE;
    model = small_model(&config, 30);
    options = without_controls(HEED_ABLATE_MEAN);
    own = ablate(model, small_ids, 17, "0.mlp", &options);
    options.reference = same;
    options.n_reference = 12;
    mean = ablate(model, small_ids, 17, "0.mlp", &options);
    options.method = HEED_ABLATE_RESAMPLE;
    resampled = ablate(model, small_ids, 17, "0.mlp", &options);
    /* one output everywhere, up to roundings of attention over more and more equal keys */
    expect_losses(heed_ablation_ablated_losses(mean), heed_ablation_ablated_losses(resampled), 17, 1e-4,
                  "mean and resample of equal tokens");
    assert_true(fabs(heed_ablation_effect(own).mean - heed_ablation_effect(mean).mean) > 1e-3);
    heed_ablation_destroy(own);
    heed_ablation_destroy(mean);
    heed_ablation_destroy(resampled);
    heed_model_close(model);
}

/* --- texts --- */

/* 17 tokens are two windows; each is a text of its own. Products of 8 and of 16 rows may run on other kernels. */
static void a_long_text_is_read_in_windows(void **state)
{
    const heed_ablate_options options = without_controls(HEED_ABLATE_ZERO);
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 31);
    heed_ablation *both = ablate(model, small_ids, 17, "0.1", &options);
    heed_ablation *first = ablate(model, small_ids, 9, "0.1", &options);
    heed_ablation *second = ablate(model, small_ids + 8, 9, "0.1", &options);
    heed_ablation *cut = ablate(model, small_ids, 12, "0.1", &options);

    (void)state;
    assert_int_equal(heed_ablation_n_windows(both), 2);
    assert_int_equal(heed_ablation_n_windows(first), 1);
    assert_int_equal(heed_ablation_n_windows(cut), 2);
    expect_losses(heed_ablation_losses(both), heed_ablation_losses(first), 9, 1e-4, "first window");
    expect_losses(heed_ablation_losses(both) + 8, heed_ablation_losses(second), 9, 1e-4, "second window");
    expect_losses(heed_ablation_ablated_losses(both) + 8, heed_ablation_ablated_losses(second), 9, 1e-4,
                  "second window, ablated");
    /* what fills the last window up comes later than all that counts */
    expect_losses(heed_ablation_ablated_losses(cut), heed_ablation_ablated_losses(both), 12, 0.0, "cut");
    heed_ablation_destroy(both);
    heed_ablation_destroy(first);
    heed_ablation_destroy(second);
    heed_ablation_destroy(cut);
    heed_model_close(model);
}

/* --- controls --- */

static void the_same_seed_gives_the_same_numbers(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 32);

    (void)state;
    for (int method = HEED_ABLATE_ZERO; method <= HEED_ABLATE_RESAMPLE; method++) {
        heed_ablate_options options = heed_ablate_default();
        heed_ablation *a, *b, *c;
        const double *x, *y, *z;
        int n = 0;

        options.method = method;
        a = ablate(model, small_ids, 17, "0.1,1.mlp", &options);
        b = ablate(model, small_ids, 17, "0.1,1.mlp", &options);
        options.seed++;
        c = ablate(model, small_ids, 17, "0.1,1.mlp", &options);
        x = heed_ablation_controls(a, HEED_CONTROL_DIRECTION, &n);
        y = heed_ablation_controls(b, HEED_CONTROL_DIRECTION, &n);
        z = heed_ablation_controls(c, HEED_CONTROL_DIRECTION, &n);
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
        assert_true(memcmp(x, z, (size_t)n * sizeof *x) != 0);
        assert_true(x[0] != x[1]);
        assert_memory_equal(heed_ablation_ablated_losses(a) + 1, heed_ablation_ablated_losses(b) + 1,
                            16 * sizeof(double));
        assert_int_equal(memcmp(heed_ablation_ablated_losses(a) + 1, heed_ablation_ablated_losses(c) + 1,
                                16 * sizeof(double)) == 0,
                         method != HEED_ABLATE_RESAMPLE);
        heed_ablation_destroy(a);
        heed_ablation_destroy(b);
        heed_ablation_destroy(c);
    }
    heed_model_close(model);
}

/* Only one head writes anything: it is missed, and no other is. Three others make three sets of one, one of two. */
static void controls_are_other_parts_each_in_one_set(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 33);
    heed_ablation *a;
    const double *others;
    int n = -1;

    (void)state;
    silence_head(model, 0, 0);
    silence_head(model, 1, 0);
    silence_head(model, 1, 1);
    a = ablate(model, small_ids, 17, "0.1", NULL);
    others = heed_ablation_controls(a, HEED_CONTROL_OTHERS, &n);
    assert_int_equal(n, 3);
    for (int i = 0; i < n; i++)
        assert_true(others[i] == 0.0);
    assert_true(heed_ablation_effect(a).mean != 0.0);
    heed_ablation_destroy(a);

    a = ablate(model, small_ids, 17, "0.0,1.1,1.mlp", NULL);
    others = heed_ablation_controls(a, HEED_CONTROL_OTHERS, &n);
    assert_int_equal(n, 1);
    assert_true(others[0] != 0.0 && others[0] != heed_ablation_effect(a).mean);
    heed_ablation_destroy(a);

    a = ablate(model, small_ids, 17, "*.*", NULL);
    heed_ablation_controls(a, HEED_CONTROL_OTHERS, &n);
    assert_int_equal(n, 0);
    heed_ablation_controls(a, HEED_CONTROL_DIRECTION, &n);
    assert_int_equal(n, 10);
    heed_ablation_destroy(a);

    a = ablate(model, small_ids, 17, "blocks.0.mlp.post", NULL);
    heed_ablation_controls(a, HEED_CONTROL_OTHERS, &n);
    assert_int_equal(n, 0);
    heed_ablation_destroy(a);
    heed_model_close(model);
}

/* Each other head is one control of one head. */
static void controls_are_ablations_of_others(void **state)
{
    static const char *const others[] = {"0.0", "1.0", "1.1"};
    const heed_ablate_options alone = without_controls(HEED_ABLATE_ZERO);
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 36);
    heed_ablation *a = ablate(model, small_ids, 17, "0.1", NULL);
    const double *controls;
    int n = 0, n_found = 0;

    (void)state;
    controls = heed_ablation_controls(a, HEED_CONTROL_OTHERS, &n);
    assert_int_equal(n, 3);
    for (int k = 0; k < 3; k++) {
        heed_ablation *other = ablate(model, small_ids, 17, others[k], &alone);
        for (int i = 0; i < n; i++)
            n_found += fabs(controls[i] - heed_ablation_effect(other).mean) <
                       1e-12; /* one mean, summed twice */
        heed_ablation_destroy(other);
    }
    assert_int_equal(n_found, 3);
    heed_ablation_destroy(a);
    heed_model_close(model);
}

static void resampling_a_text_takes_each_position_once(void **state)
{
    const heed_component part = {.kind = HEED_COMPONENT_HEAD};
    const heed_config config = small_config();
    heed_ablate_options options = without_controls(HEED_ABLATE_RESAMPLE);
    heed_model *model = small_model(&config, 37);

    (void)state;
    for (options.seed = 1; options.seed < 9; options.seed++) {
        int taken[16] = {0}, n_moved = 0;
        heed_ablator a;

        assert_int_equal(heed_ablator_open(&a, model, small_ids, 17, &part, 1, &options, NULL), HEED_OK);
        for (int p = 0; p < 16; p++) {
            assert_true(a.index[p] >= 0 && a.index[p] < 16);
            taken[a.index[p]]++;
            n_moved += a.index[p] != p;
        }
        for (int p = 0; p < 16; p++)
            assert_int_equal(taken[p], 1);
        assert_true(n_moved > 8);
        heed_ablator_close(&a);
    }
    heed_model_close(model);
}

static bool stop_at_third(void *context, int64_t n_done, int64_t n_runs)
{
    *(int64_t *)context = n_runs;
    return n_done < 3;
}

static void whoever_watches_may_stop_it(void **state)
{
    const heed_config config = small_config();
    const heed_component part = {.kind = HEED_COMPONENT_HEAD};
    heed_ablate_options options = heed_ablate_default();
    heed_model *model = small_model(&config, 34);
    heed_ablation *a = NULL;
    heed_error err = {0};
    int64_t n_runs = 0;

    (void)state;
    options.progress = stop_at_third;
    options.progress_context = &n_runs;
    assert_int_equal(heed_ablation_create(model, small_ids, 9, &part, 1, &options, &a, &err),
                     HEED_ERR_INTERRUPTED);
    assert_null(a);
    assert_int_equal(n_runs, 2 + 3 + 10);
    heed_model_close(model);
}

/* --- refusals --- */

static void expect_refused(const char *name, const int32_t *ids, size_t n, const char *part_of_message)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 35);
    heed_component part = {.kind = HEED_COMPONENT_ACTIVATION}; /* as a program may make one without a list */
    heed_ablation *a = (heed_ablation *)model;
    heed_error err = {0};

    snprintf(part.name, sizeof part.name, "%s", name);
    assert_int_equal(heed_ablation_create(model, ids, n, &part, 1, NULL, &a, &err), HEED_ERR_USAGE);
    assert_null(a);
    if (strstr(err.message, part_of_message) == NULL)
        fail_msg("%s: expected \"%s\" in \"%s\"", name, part_of_message, err.message);
    heed_model_close(model);
}

/* A program may hand over anything. */
static void structures_out_of_range_are_refused(void **state)
{
    const heed_component parts[] = {{.kind = 5}, {.kind = -1}, {.layer = 2}, {.layer = -1}, {.head = -1}};
    const heed_component good = {.kind = HEED_COMPONENT_HEAD};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 38);
    heed_ablate_options options[3] = {heed_ablate_default(), heed_ablate_default(), heed_ablate_default()};
    heed_ablation *a = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_int_equal(heed_ablation_create(model, small_ids, 9, &parts[i], 1, NULL, &a, NULL),
                         HEED_ERR_USAGE);
    options[0].method = 3;
    options[1].n_controls = -1;
    options[2].n_controls = HEED_ABLATE_MAX_CONTROLS + 1;
    for (int i = 0; i < 3; i++)
        assert_int_equal(heed_ablation_create(model, small_ids, 9, &good, 1, &options[i], &a, NULL),
                         HEED_ERR_USAGE);
    assert_int_equal(heed_ablation_create(model, small_ids, 9, NULL, 0, NULL, &a, NULL), HEED_ERR_USAGE);
    assert_null(a);
    heed_model_close(model);
}

static void what_nothing_reads_cannot_be_ablated(void **state)
{
    static const int32_t outside[3] = {1, 2, 23}, negative[3] = {1, 2, -5};

    (void)state;
    expect_refused("blocks.1.attn.pattern", small_ids, 9, "take the head's output, blocks.1.attn.z");
    expect_refused("blocks.0.attn.hook_attn_scores", small_ids, 9, "read by nothing");
    expect_refused("blocks.0.attn.entropy", small_ids, 9, "read by nothing");
    expect_refused("logits", small_ids, 9, "not computed from logits");
    expect_refused("blocks.1.attn.zz", small_ids, 9, "did you mean \"blocks.1.attn.z\"");
    expect_refused("banana", small_ids, 9, "the model has no part");
    expect_refused("blocks.0.attn.z", small_ids, 1, "at least 2 tokens");
    expect_refused("blocks.0.attn.z", small_ids, 0, "at least 2 tokens");
    expect_refused("blocks.0.attn.z", outside, 3, "an id");
    expect_refused("blocks.0.attn.z", negative, 3, "an id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_begins_late_has_the_bits_of_a_whole_one),
        cmocka_unit_test(an_activation_replaced_by_itself_changes_no_bit),
        cmocka_unit_test(a_head_that_writes_nothing_is_not_missed),
        cmocka_unit_test(zeroing_a_head_is_zeroing_its_rows_of_the_output_map),
        cmocka_unit_test(all_heads_of_a_layer_leave_the_bias_of_attention),
        cmocka_unit_test(a_layer_without_its_parts_is_no_layer),
        cmocka_unit_test(what_is_the_same_everywhere_is_its_mean_and_its_resample),
        cmocka_unit_test(a_mean_is_taken_over_the_positions_that_predict),
        cmocka_unit_test(a_reference_text_stands_in_for_the_text),
        cmocka_unit_test(a_long_text_is_read_in_windows),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(controls_are_other_parts_each_in_one_set),
        cmocka_unit_test(controls_are_ablations_of_others),
        cmocka_unit_test(resampling_a_text_takes_each_position_once),
        cmocka_unit_test(whoever_watches_may_stop_it),
        cmocka_unit_test(structures_out_of_range_are_refused),
        cmocka_unit_test(what_nothing_reads_cannot_be_ablated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
