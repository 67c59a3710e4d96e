/* SPDX-License-Identifier: MIT */
/* A sweep: each part as if it were ablated alone, beside controls of its own. */
#include "../cmocka_all.h"

#include <math.h>

#include "ablation_model.h"

static heed_ablation_sweep *sweep(const heed_model *model, const heed_ablate_options *options)
{
    heed_ablation_sweep *s = NULL;
    heed_error err = {0};

    if (heed_ablation_sweep_create(model, small_ids, 17, options, &s, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return s;
}

static void an_entry_is_the_ablation_of_its_part(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; attending_variant(&i, &config, &name);) {
        const heed_ablate_options options = without_controls(HEED_ABLATE_MEAN);
        heed_model *model = small_model(&config, 41);
        heed_ablation_sweep *s = sweep(model, &options);

        assert_int_equal(heed_ablation_sweep_count(s), config.n_layers * (config.n_heads + config.mlp));
        for (int k = 0; k < heed_ablation_sweep_count(s); k++) {
            const heed_sweep_entry *entry = heed_ablation_sweep_at(s, k);
            char list[128];
            heed_ablation *a = ablate(model, small_ids, 17, heed_component_text(list, &entry->part), &options);
            const heed_effect alone = heed_ablation_effect(a);
            if (memcmp(&alone, &entry->effect, sizeof alone) != 0)
                fail_msg("%s, %s: %.9g in the sweep, %.9g alone", name, list, entry->effect.mean, alone.mean);
            assert_true(isnan(entry->control.mean) && isnan(entry->beyond.mean));
            heed_ablation_destroy(a);
        }
        heed_ablation_sweep_destroy(s);
        heed_model_close(model);
    }
}

/* Head 1.1 writes nothing, whatever direction it is moved in. */
static void a_part_stands_beside_its_own_controls(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 42);
    heed_ablation_sweep *s;
    double low, high, total = 0.0;

    (void)state;
    silence_head(model, 1, 1);
    s = sweep(model, NULL);
    heed_ablation_sweep_band(s, &low, &high);
    assert_true(low < high);
    for (int k = 0; k < heed_ablation_sweep_count(s); k++) {
        const heed_sweep_entry *entry = heed_ablation_sweep_at(s, k);
        const bool silent = entry->part.kind == HEED_COMPONENT_HEAD && entry->part.layer == 1 &&
                            entry->part.head == 1;
        /* means are linear, up to roundings of 16 losses of some nats */
        assert_true(fabs(entry->beyond.mean - (entry->effect.mean - entry->control.mean)) < 1e-12);
        assert_true(entry->beyond.low <= entry->beyond.mean && entry->beyond.mean <= entry->beyond.high);
        assert_int_equal(entry->effect.mean == 0.0, silent);
        assert_int_equal(entry->control.mean == 0.0, silent);
        total += entry->control.mean;
    }
    assert_true(total != 0.0);
    assert_int_equal(heed_ablation_sweep_n_tokens(s), 17);
    heed_ablation_sweep_destroy(s);
    heed_model_close(model);
}

/* Those that change the loss most are controlled, with the numbers that they have when all are. */
static void the_largest_changes_get_controls(void **state)
{
    const heed_config config = small_config();
    heed_ablate_options options = heed_ablate_default();
    heed_model *model = small_model(&config, 46);
    heed_ablation_sweep *all, *some;
    double least = INFINITY, most = 0.0;
    int n_controlled = 0;

    (void)state;
    options.n_controls = 1;
    all = sweep(model, &options);
    options.n_controlled = 2;
    some = sweep(model, &options);
    for (int k = 0; k < heed_ablation_sweep_count(some); k++) {
        const heed_sweep_entry *x = heed_ablation_sweep_at(some, k), *y = heed_ablation_sweep_at(all, k);
        assert_memory_equal(&x->effect, &y->effect, sizeof x->effect);
        assert_true(!isnan(y->control.mean));
        if (isnan(x->control.mean)) {
            most = fmax(most, fabs(x->effect.mean));
            continue;
        }
        n_controlled++;
        least = fmin(least, fabs(x->effect.mean));
        assert_memory_equal(&x->control, &y->control, sizeof x->control);
        assert_memory_equal(&x->beyond, &y->beyond, sizeof x->beyond);
    }
    assert_int_equal(n_controlled, 2);
    assert_true(least > most);
    heed_ablation_sweep_destroy(all);
    heed_ablation_sweep_destroy(some);
    heed_model_close(model);
}

static void the_loss_is_that_of_the_whole_model(void **state)
{
    const heed_config config = small_config();
    const heed_ablate_options options = without_controls(HEED_ABLATE_ZERO);
    heed_model *model = small_model(&config, 43);
    heed_ablation_sweep *s = sweep(model, &options);
    heed_ablation *a = ablate(model, small_ids, 17, "0.0", &options);
    double sum = 0.0;

    (void)state;
    for (int i = 1; i < 17; i++)
        sum += heed_ablation_losses(a)[i];
    assert_true(heed_ablation_sweep_loss(s) == sum / 16.0);
    heed_ablation_destroy(a);
    heed_ablation_sweep_destroy(s);
    heed_model_close(model);
}

static void sweeps_of_one_seed_are_equal(void **state)
{
    const heed_config config = small_config();
    heed_ablate_options options = heed_ablate_default();
    heed_model *model = small_model(&config, 44);
    heed_ablation_sweep *a, *b, *c;
    int n_equal = 0;

    (void)state;
    options.n_controls = 2;
    options.method = HEED_ABLATE_RESAMPLE;
    a = sweep(model, &options);
    b = sweep(model, &options);
    options.seed = 7;
    c = sweep(model, &options);
    for (int k = 0; k < heed_ablation_sweep_count(a); k++) {
        const heed_sweep_entry *x = heed_ablation_sweep_at(a, k);
        assert_memory_equal(&x->effect, &heed_ablation_sweep_at(b, k)->effect, sizeof x->effect);
        assert_memory_equal(&x->control, &heed_ablation_sweep_at(b, k)->control, sizeof x->control);
        assert_memory_equal(&x->beyond, &heed_ablation_sweep_at(b, k)->beyond, sizeof x->beyond);
        n_equal += x->control.mean == heed_ablation_sweep_at(c, k)->control.mean;
    }
    assert_int_equal(n_equal, 0);
    heed_ablation_sweep_destroy(a);
    heed_ablation_sweep_destroy(b);
    heed_ablation_sweep_destroy(c);
    heed_model_close(model);
}

static void a_model_without_parts_has_no_sweep(void **state)
{
    heed_config config = small_config();
    heed_model *model;
    heed_ablation_sweep *s = NULL;
    heed_error err = {0};

    (void)state;
    config.kind = HEED_KIND_BIGRAM;
    config.n_layers = 0;
    model = small_model(&config, 45);
    assert_int_equal(heed_ablation_sweep_create(model, small_ids, 9, NULL, &s, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "neither heads nor feed-forwards"));
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_the_ablation_of_its_part),
        cmocka_unit_test(a_part_stands_beside_its_own_controls),
        cmocka_unit_test(the_largest_changes_get_controls),
        cmocka_unit_test(the_loss_is_that_of_the_whole_model),
        cmocka_unit_test(sweeps_of_one_seed_are_equal),
        cmocka_unit_test(a_model_without_parts_has_no_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
