/* SPDX-License-Identifier: MIT */
/* Activations: looking changes nothing, files hold what ran, patterns are those of the text book, and the first nan is found. */
#include "folder.h"

#include <heed/activations.h>
#include <heed/verify.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "formats/npy.h"
#include "formats/safetensors.h"
#include "infer/small_model.h"
#include "inspect/forward.h"

enum { LENGTH = 5, MOST = 4096 };
static const int32_t ids[LENGTH] = {3, 1, 4, 1, 22};

/* --- looking changes nothing --- */

typedef struct logits_of {
    const heed_node *node;
    float numbers[LENGTH * SMALL_VOCAB];
    int n_shown;
} logits_of;

static void keep_logits(void *context, const heed_node *node, const heed_tensor *value)
{
    logits_of *l = context;

    l->n_shown++;
    for (int64_t i = 0; node == l->node && i < LENGTH * SMALL_VOCAB; i++)
        l->numbers[i] = heed_tensor_get(value, i);
}

/* The logits of a reading that looks at every computed node, or at the logits alone. */
static logits_of read_logits(const heed_model *model, bool everything, bool gradients)
{
    const heed_forward_ids in = {ids, NULL, 1, LENGTH};
    heed_forward *f = NULL;
    heed_node *nodes[MOST];
    heed_error err = {0};
    logits_of l = {.n_shown = 0};
    int n = 0;

    if (heed_forward_create(model, &in, gradients, 2, &f, &err) != HEED_OK)
        fail_msg("%s", err.message);
    l.node = heed_forward_find(f, "logits");
    nodes[n++] = heed_forward_find(f, "logits");
    for (int i = 0; everything && i < heed_graph_n_nodes(heed_forward_graph(f)); i++) {
        heed_node *node = heed_graph_node(heed_forward_graph(f), i);
        assert_true(n < MOST);
        if (node->op != NULL && node != l.node)
            nodes[n++] = node;
    }
    if (heed_forward_run(f, nodes, n, keep_logits, &l, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_true(!everything || l.n_shown == n);
    heed_forward_destroy(f);
    return l;
}

static void looking_at_everything_changes_no_bit_of_the_logits(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model = small_model(&config, 5);
        const logits_of alone = read_logits(model, false, false);
        for (int gradients = 0; gradients < 2; gradients++) {
            const logits_of all = read_logits(model, true, gradients);
            if (memcmp(alone.numbers, all.numbers, sizeof alone.numbers) != 0)
                fail_msg("%s: looking at everything%s changes the logits", name,
                         gradients ? " and all gradients" : "");
        }
        heed_model_close(model);
    }
}

enum { LONG = 150 }; /* longer than a tile of keys or queries on any device */

/* A model for LONG tokens, and such tokens. */
static heed_model *long_model(int32_t long_ids[LONG])
{
    heed_config config = small_config();

    config.context_length = LONG;
    for (int i = 0; i < LONG; i++)
        long_ids[i] = (7 * i + i * i) % SMALL_VOCAB;
    return small_model(&config, 5);
}

static void the_cost_of_looking_is_measured(void **state)
{
    static const char *const names[] = {"blocks.0.attn.pattern", "blocks.1.resid_post", "blocks.1.attn.scores",
                                        "blocks.0.attn.entropy"};
    int32_t long_ids[LONG];
    heed_model *model = long_model(long_ids);
    heed_observing cost;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_model_measure_observing(model, long_ids, LONG, names, 4, &cost, &err), HEED_OK);
    assert_true(cost.bytes == 4.0 * (2 * 2 * LONG * LONG + LONG * 16 + 2 * LONG));
    assert_true(cost.same_logits);
    assert_true(cost.seconds > 0.0 && cost.seconds_without > 0.0 && isfinite(cost.seconds));
    heed_model_close(model);
}

/* --- patterns --- */

typedef struct kept {
    float q[2 * LONG * 8], k[2 * LONG * 8], pattern[2 * LONG * LONG];
} kept;

static void keep_heads(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    kept *it = context;
    const char *last = strrchr(name, '.') + 1;
    float *to = strcmp(last, "pattern") == 0 ? it->pattern : last[0] == 'q' ? it->q : it->k;
    size_t count = 1;

    for (int axis = 0; axis < rank; axis++)
        count *= (size_t)size[axis];
    memcpy(to, numbers, count * sizeof(float));
}

static void keep_pattern_of_layer(const heed_model *model, const int32_t *long_ids, int layer, kept *it)
{
    char names[3][32];
    const char *list[3] = {names[0], names[1], names[2]};
    heed_error err = {0};

    snprintf(names[0], sizeof names[0], "blocks.%d.attn.q", layer);
    snprintf(names[1], sizeof names[1], "blocks.%d.attn.k", layer);
    snprintf(names[2], sizeof names[2], "blocks.%d.attn.pattern", layer);
    if (heed_model_observe(model, long_ids, LONG, list, 3, keep_heads, it, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* softmax(q k / sqrt(8)) in double against what the device's attention writes down of the same q and k: 1e-6. */
static void patterns_are_those_of_the_formula(void **state)
{
    int32_t long_ids[LONG];
    heed_model *model = long_model(long_ids);
    kept *it = malloc(sizeof *it);

    (void)state;
    assert_non_null(it);
    for (int layer = 0; layer < 2; layer++) {
        keep_pattern_of_layer(model, long_ids, layer, it);
        for (int row = 0; row < 2 * LONG; row++) {
            double e[LONG], most = -INFINITY, sum = 0.0;
            for (int j = 0; j <= row % LONG; j++) {
                e[j] = 0.0;
                for (int d = 0; d < 8; d++)
                    e[j] += (double)it->q[row * 8 + d] * (double)it->k[(row / LONG * LONG + j) * 8 + d] /
                            sqrt(8.0);
                most = fmax(most, e[j]);
            }
            for (int j = 0; j <= row % LONG; j++)
                sum += e[j] = exp(e[j] - most);
            for (int j = 0; j < LONG; j++) {
                const double expected = j <= row % LONG ? e[j] / sum : 0.0;
                const double got = (double)it->pattern[row * LONG + j];
                if (fabs(got - expected) > 1e-6)
                    fail_msg("layer %d, row %d, key %d: %.9g, expected %.9g", layer, row, j, got, expected);
            }
        }
    }
    heed_model_close(model);
    free(it);
}

/* --- files --- */

typedef struct numbers_of {
    float *out;
    size_t n;
} numbers_of;

static void keep_numbers(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    numbers_of *it = context;

    (void)name;
    it->n = 1;
    for (int axis = 0; axis < rank; axis++)
        it->n *= (size_t)size[axis];
    assert_true(it->n <= MOST);
    memcpy(it->out, numbers, it->n * sizeof(float));
}

static const char *const written[] = {"blocks.0.attn.scores", "blocks.1.mlp.post", "d.blocks.0.attn.q",
                                      "grad/wpe.weight"};

static void write_to(const heed_model *model, int first, int n, const char *file)
{
    heed_error err = {0};

    if (heed_model_write_activations(model, ids, LENGTH, written + first, n, inside(file), &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static void compare_json(const json_t *item, const char *name, const float *numbers, size_t n)
{
    const json_t *values = json_object_get(item, "values");

    assert_string_equal(json_string_value(json_object_get(item, "name")), name);
    assert_int_equal(json_array_size(values), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(values, i);
        if (isfinite(numbers[i]))
            assert_true((float)json_number_value(value) == numbers[i]);
        else
            assert_string_equal(json_string_value(value), "-inf");
    }
}

static void files_hold_the_bits_of_what_ran(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_safetensors *tensors = NULL;
    json_t *json;
    heed_error err = {0};

    (void)state;
    write_to(model, 0, 4, "all.safetensors");
    write_to(model, 0, 4, "all.json");
    assert_int_equal(heed_safetensors_open(inside("all.safetensors"), &tensors, &err), HEED_OK);
    json = json_load_file(inside("all.json"), 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json, "ids"), 4)), 22);
    for (int i = 0; i < 4; i++) {
        float numbers[MOST];
        numbers_of it = {.out = numbers};
        const heed_safetensors_entry *entry = heed_safetensors_find(tensors, written[i]);
        heed_npy npy = {0};
        if (heed_model_observe(model, ids, LENGTH, written + i, 1, keep_numbers, &it, &err) != HEED_OK)
            fail_msg("%s", err.message);
        write_to(model, i, 1, "one.npy");
        assert_int_equal(heed_npy_open(inside("one.npy"), &npy, &err), HEED_OK);
        assert_int_equal(npy.count, it.n);
        assert_memory_equal(npy.data, numbers, it.n * sizeof(float));
        heed_npy_close(&npy);
        assert_non_null(entry);
        assert_memory_equal(entry->data, numbers, it.n * sizeof(float));
        compare_json(json_array_get(json_object_get(json, "activations"), (size_t)i), written[i], numbers,
                     it.n);
    }
    json_decref(json);
    heed_safetensors_close(tensors);
    heed_model_close(model);
}

static void expect_refusal(const heed_model *model, const char *const *names, int n, const char *file,
                           const char *part)
{
    heed_error err = {0};

    assert_int_equal(heed_model_write_activations(model, ids, LENGTH, names, n, file, &err), HEED_ERR_USAGE);
    if (strstr(err.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
}

static void what_cannot_be_written_is_refused(void **state)
{
    static const char *const wrong[] = {"blocks.0.attn.pattren"};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);

    (void)state;
    expect_refusal(model, wrong, 1, inside("x.npy"), "did you mean \"blocks.0.attn.pattern\"?");
    expect_refusal(model, written, 2, inside("x.npy"), "a .npy file holds one activation");
    expect_refusal(model, written, 1, "x.txt", "expected a name that ends in .npy, .safetensors or .json");
    assert_int_equal(access(inside("x.npy"), F_OK), -1);
    heed_model_close(model);
}

/* --- the first number that is not finite --- */

static heed_nonfinite find(const heed_model *model)
{
    heed_nonfinite found;
    heed_error err = {0};

    if (heed_model_find_nonfinite(model, ids, LENGTH, &found, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return found;
}

static void a_sound_model_has_none(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model = small_model(&config, 5);
        const heed_nonfinite found = find(model);
        if (found.found)
            fail_msg("%s: %s is %g", name, found.node, found.value);
        heed_model_close(model);
    }
}

static void a_poisoned_weight_is_named_with_its_first_victim(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    float *weight = (float *)(uintptr_t)heed_weights_find(model->weights, "h.1.mlp.c_fc.weight")->data;
    heed_nonfinite found;

    (void)state;
    weight[3 * 64 + 17] = NAN; /* [16, 64] */
    found = find(model);
    assert_true(found.found && isnan(found.value));
    assert_string_equal(found.node, "blocks.1.mlp.pre");
    assert_int_equal(found.rank, 3);
    assert_true(found.index[0] == 0 && found.index[1] == 0 && found.index[2] == 17);
    assert_int_equal(found.position, 0);
    assert_int_equal(found.n, LENGTH); /* that column of every token */
    assert_string_equal(found.parameter, "h.1.mlp.c_fc.weight");
    assert_int_equal(found.parameter_n, 1);
    assert_true(found.parameter_index[0] == 3 && found.parameter_index[1] == 17);
    heed_model_close(model);
}

static void a_poisoned_row_of_the_table_is_found_at_its_token(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    float *table = (float *)(uintptr_t)heed_weights_find(model->weights, "wte.weight")->data;
    heed_nonfinite found;

    (void)state;
    table[4 * 16 + 5] = -INFINITY; /* token 4 stands at position 2 */
    found = find(model);
    assert_string_equal(found.node, "embed");
    assert_int_equal(found.position, 2);
    assert_int_equal(found.index[2], 5);
    assert_true(found.value == -INFINITY);
    assert_string_equal(found.parameter, "wte.weight");
    heed_model_close(model);
}

static void numbers_that_grew_too_large_accuse_no_weight(void **state)
{
    heed_config config = small_config();
    heed_model *model;
    heed_nonfinite found;

    (void)state;
    config.norm = HEED_NORM_NONE;
    model = small_model(&config, 5);
    for (int i = 0; i < model->weights->n; i++) {
        float *numbers = (float *)(uintptr_t)model->weights->list[i].data;
        for (int64_t k = 0; k < model->weights->list[i].count; k++)
            numbers[k] *= 1e18f;
    }
    found = find(model);
    assert_true(found.found);
    assert_string_equal(found.parameter, "");
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looking_at_everything_changes_no_bit_of_the_logits),
        cmocka_unit_test(the_cost_of_looking_is_measured),
        cmocka_unit_test(patterns_are_those_of_the_formula),
        cmocka_unit_test(files_hold_the_bits_of_what_ran),
        cmocka_unit_test(what_cannot_be_written_is_refused),
        cmocka_unit_test(a_sound_model_has_none),
        cmocka_unit_test(a_poisoned_weight_is_named_with_its_first_victim),
        cmocka_unit_test(a_poisoned_row_of_the_table_is_found_at_its_token),
        cmocka_unit_test(numbers_that_grew_too_large_accuse_no_weight),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
