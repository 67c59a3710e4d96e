/* SPDX-License-Identifier: MIT */
/* Models whose weights are not single precision: used as they lie in the file, and worth what their numbers say. */
#include "folder.h"

#include <heed/convert.h>
#include <heed/session.h>
#include <math.h>
#include <string.h>

#include "formats/json.h"
#include "formats/shards.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "nn/config_json.h"
#include "nn/model.h"
#include "nn/nn.h"

enum { T = 24, MAX_ENTRIES = 128 };

static const struct {
    const char *name;
    heed_convert_dtype dtype;
    heed_precision precision;
} narrow[] = {{"bf16", HEED_CONVERT_BF16, HEED_PRECISION_BF16},
              {"f16", HEED_CONVERT_F16, HEED_PRECISION_F16},
              {"int8", HEED_CONVERT_INT8, HEED_PRECISION_INT8}};
enum { N_NARROW = 3 };

/* A small GPT-2 with random weights. */
static char source[512];

static void convert(const char *from, const char *to, heed_convert_dtype dtype)
{
    heed_convert_options options = heed_convert_options_default();
    heed_error err = {0};

    options.dtype = (int)dtype;
    if (heed_model_convert(from, to, &options, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static heed_model *open_model(const char *path)
{
    heed_model *model = NULL;
    heed_error err = {0};

    if (heed_model_open(path, &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return model;
}

/* In each precision, and each of those as single precision again. */
static int set_up(void **state)
{
    const char *data = getenv("HEED_TEST_DATA");
    char wide[16];

    snprintf(source, sizeof source, "%s/vectors/gpt2", data != NULL ? data : "tests");
    if (make_folder(state) != 0)
        return 1;
    for (int i = 0; i < N_NARROW; i++) {
        snprintf(wide, sizeof wide, "%s-f32", narrow[i].name);
        convert(source, inside(narrow[i].name), narrow[i].dtype);
        convert(inside(narrow[i].name), inside(wide), HEED_CONVERT_F32);
    }
    return 0;
}

static heed_model *open_narrow(int i)
{
    return open_model(inside(narrow[i].name));
}

static heed_model *open_wide(int i)
{
    char wide[16];

    snprintf(wide, sizeof wide, "%s-f32", narrow[i].name);
    return open_model(inside(wide));
}

static float *numbers_of(const heed_model *model, int i)
{
    float *x = malloc((size_t)heed_model_parameter(model, i).count * sizeof *x);

    assert_non_null(x);
    heed_model_read_parameter(model, i, x);
    return x;
}

static void matrices_keep_the_precision_of_their_file(void **state)
{
    (void)state;
    for (int m = 0; m < N_NARROW; m++) {
        heed_model *model = open_narrow(m);

        for (int i = 0; i < heed_model_n_parameters(model); i++) {
            const heed_parameter p = heed_model_parameter(model, i);
            const bool kept = p.rank == 2;

            assert_int_equal(p.precision, kept ? narrow[m].precision : HEED_PRECISION_F32);
            assert_true((p.data != NULL) == !kept);
            assert_true((p.scales != NULL) == (kept && narrow[m].precision == HEED_PRECISION_INT8));
            if (narrow[m].precision == HEED_PRECISION_INT8 && kept)
                assert_int_equal(p.bytes, p.count + 4 * heed_int8_n_scales(p.size[0], p.size[1], 64, p.axis));
            else
                assert_int_equal(p.bytes, p.count * (kept ? 2 : 4));
        }
        heed_model_close(model);
    }
}

/* 8 and 11 bits of significand; in 8-bit groups half a scale, which is the largest number over 127. */
static void numbers_are_those_of_the_source_within_a_rounding(void **state)
{
    heed_model *model = open_model(source);

    (void)state;
    for (int m = 0; m < N_NARROW; m++) {
        heed_model *other = open_narrow(m);

        for (int i = 0; i < heed_model_n_parameters(model); i++) {
            const heed_parameter p = heed_model_parameter(other, i);
            float *x = numbers_of(model, i), *y = numbers_of(other, i);
            float largest = 0.0f;

            for (int64_t k = 0; k < p.count; k++)
                largest = fmaxf(largest, fabsf(x[k]));
            for (int64_t k = 0; k < p.count; k++) {
                const double u = narrow[m].precision == HEED_PRECISION_BF16 ? 1.0 / 256 : 1.0 / 2048;
                const double tolerance = narrow[m].precision != HEED_PRECISION_INT8
                                             ? u * fabs((double)x[k]) + 1.0 / (1 << 25)
                                             : 0.5001 * (double)largest / 127;
                if (!(fabs((double)x[k] - (double)y[k]) <= tolerance))
                    fail_msg("%s in %s, [%lld]: %.9g, was %.9g", p.name, narrow[m].name, (long long)k,
                             (double)y[k], (double)x[k]);
            }
            free(x);
            free(y);
        }
        heed_model_close(other);
    }
    heed_model_close(model);
}

/* Logits [T, V] of all positions, or the loss over them, on a device; the caller frees them. */
static float *run(const heed_model *model, const char *cpu, bool loss, int64_t *n)
{
    static int32_t ids[T], targets[T];
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = &model->config, .weights = model->weights};
    heed_device device = {0};
    heed_plan *plan = NULL;
    heed_error err = {0};
    heed_node *y;
    float *out;

    for (int t = 0; t < T; t++) {
        ids[t] = (int32_t)(t * 7 % model->config.vocab_size);
        targets[t] = (int32_t)(t * 5 % model->config.vocab_size);
    }
    heed_gpt gpt = heed_gpt_build(&nn, heed_graph_bound_input(g, "ids", HEED_I32, heed_shape2(1, T), ids),
                                  heed_graph_bound_input(g, "targets", HEED_I32, heed_shape2(1, T), targets));
    y = loss ? gpt.loss : gpt.logits;
    heed_weights_bind(model->weights, g);
    assert_int_equal(heed_device_open(&device, cpu, 2, NULL), HEED_OK);
    const heed_plan_options options = {
        .device = &device, .reference = device.kernels == NULL, .targets = &y, .n_targets = 1};
    if (heed_plan_create(g, &options, &plan, &err) != HEED_OK || heed_plan_place(plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(plan);
    *n = heed_tensor_count(&y->tensor);
    out = malloc((size_t)*n * sizeof *out);
    assert_non_null(out);
    memcpy(out, heed_plan_value(plan, y)->data, (size_t)*n * sizeof *out);
    heed_plan_destroy(plan);
    heed_graph_destroy(g);
    heed_device_close(&device);
    return out;
}

/* The plain loops see the same floats. Kernels add products of the same floats in another order: some units, relative to
 * logits that are sums of products as large as themselves; 1e-5 is 80 units. */
static void a_narrow_model_computes_what_its_copy_in_single_precision_does(void **state)
{
    (void)state;
    for (int m = 0; m < N_NARROW; m++) {
        heed_model *a = open_narrow(m), *b = open_wide(m);

        for (int loss = 0; loss < 2; loss++) {
            int64_t n;
            float *plain = run(b, "plain", loss, &n), *same = run(a, "plain", loss, &n);
            float largest = 0.0f;

            assert_memory_equal(plain, same, (size_t)n * sizeof *plain);
            for (int64_t i = 0; i < n; i++)
                largest = fmaxf(largest, fabsf(plain[i]));
            for (int t = 0; heed_kernels_at(t) != NULL; t++) {
                float *fast = run(a, heed_kernels_at(t)->name, loss, &n);

                for (int64_t i = 0; i < n; i++) {
                    if (!(fabsf(fast[i] - plain[i]) <= 1e-5f * largest))
                        fail_msg("%s on %s, %s %lld: %.9g, expected %.9g", narrow[m].name,
                                 heed_kernels_at(t)->name, loss ? "loss" : "logit", (long long)i,
                                 (double)fast[i], (double)plain[i]);
                }
                free(fast);
            }
            free(plain);
            free(same);
        }
        heed_model_close(a);
        heed_model_close(b);
    }
}

/* A prompt in one piece (a product), then token by token (streamed weights). */
static void generate(const heed_model *model, int32_t *out, int n)
{
    const heed_session_options options = {.threads = 2};
    const heed_sampling greedy = {.top_p = 1.0};
    heed_session *session = NULL;
    heed_error err = {0};
    int32_t prompt[20];

    for (int i = 0; i < 20; i++)
        prompt[i] = (int32_t)(i * 11 % model->config.vocab_size);
    if (heed_session_open(model, &options, &session, &err) != HEED_OK ||
        heed_session_feed(session, prompt, 20, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < n; i++) {
        out[i] = heed_session_sample(session, &greedy);
        assert_int_equal(heed_session_feed(session, &out[i], 1, &err), HEED_OK);
    }
    heed_session_close(session);
}

static void a_narrow_model_writes_what_its_copy_in_single_precision_does(void **state)
{
    (void)state;
    for (int m = 0; m < N_NARROW; m++) {
        heed_model *a = open_narrow(m), *b = open_wide(m);
        int32_t x[12], y[12];

        generate(a, x, 12);
        generate(b, y, 12);
        assert_memory_equal(x, y, sizeof x);
        heed_model_close(a);
        heed_model_close(b);
    }
}

/* Training and resuming want their own numbers in single precision. */
static void placed_weights_are_read_as_single_precision(void **state)
{
    (void)state;
    for (int m = 0; m < N_NARROW; m++) {
        heed_model *model = open_narrow(m);
        heed_weights *placed = NULL;
        heed_shards *shards = NULL;
        heed_error err = {0};

        assert_int_equal(heed_shards_open(inside(narrow[m].name), &shards, &err), HEED_OK);
        assert_int_equal(heed_weights_create(&model->config, &placed, &err), HEED_OK);
        assert_int_equal(heed_weights_place(placed, NULL, &err), HEED_OK);
        if (heed_weights_load(placed, shards, &err) != HEED_OK)
            fail_msg("%s", err.message);
        for (int i = 0; i < placed->n; i++) {
            float *x = numbers_of(model, i);

            assert_int_equal(placed->list[i].precision, HEED_PRECISION_F32);
            assert_memory_equal(placed->list[i].data, x, (size_t)placed->list[i].count * sizeof *x);
            free(x);
        }
        heed_weights_destroy(placed);
        heed_shards_close(shards);
        heed_model_close(model);
    }
}

static void narrow_weights_have_no_gradient(void **state)
{
    heed_model *model = open_narrow(0);
    heed_graph *g = heed_graph_create();
    heed_nn nn = {.g = g, .config = &model->config, .weights = model->weights};
    heed_node *ids = heed_graph_input(g, "ids", HEED_I32, heed_shape2(1, 4));
    heed_node *targets = heed_graph_input(g, "targets", HEED_I32, heed_shape2(1, 4));
    heed_node *seed = heed_graph_input(g, "seed", HEED_F32, heed_shape0());
    heed_error err = {0};

    (void)state;
    heed_gpt gpt = heed_gpt_build(&nn, ids, targets);
    assert_int_equal(heed_graph_status(g, &err), HEED_OK);
    assert_false(heed_node_wants_grad(heed_graph_find(g, "wte.weight")));
    heed_graph_differentiate(g, gpt.loss, seed,
                             heed_accumulate); /* the norms want one, and it goes through matrices */
    assert_int_equal(heed_graph_status(g, &err), HEED_ERR_SHAPE);
    assert_non_null(strstr(err.message, "f32"));
    heed_graph_destroy(g);
    heed_model_close(model);
}

static void memory_is_narrowed_as_files_are(void **state)
{
    heed_model *model = open_model(source);

    (void)state;
    for (int m = 0; m < N_NARROW; m++) {
        heed_model *other = open_narrow(m);
        heed_weights *w = NULL;
        heed_error err = {0};

        if (heed_weights_narrow(model->weights, narrow[m].precision, &w, &err) != HEED_OK)
            fail_msg("%s", err.message);
        for (int i = 0; i < w->n; i++) {
            const heed_parameter p = heed_model_parameter(other, i);

            if (p.rank < 2)
                continue; /* a file in half precision has its biases so too */
            assert_int_equal(w->list[i].precision, p.precision);
            assert_int_equal(w->list[i].bytes, p.bytes);
            assert_memory_equal(w->list[i].numbers, p.numbers,
                                (size_t)p.count * heed_dtype_bytes(heed_precision_dtype(p.precision)));
        }
        heed_weights_destroy(w);
        heed_model_close(other);
    }
    heed_model_close(model);
}

/* --- files that are not right --- */

/* The 8-bit model with one entry changed, added or left out. */
static void expect_refused(void (*change)(heed_safetensors_entry *entries, size_t *n), const char *part)
{
    heed_safetensors_entry entries[MAX_ENTRIES];
    heed_shards *shards = NULL;
    heed_model *model = NULL;
    heed_error err = {0};
    char command[400];
    size_t n;

    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", inside("bad"), inside("int8"),
             inside("bad"));
    assert_int_equal(system(command), 0);
    assert_int_equal(heed_shards_open(inside("int8"), &shards, &err), HEED_OK);
    n = heed_shards_n_entries(shards);
    assert_true(n < MAX_ENTRIES);
    for (size_t i = 0; i < n; i++)
        entries[i] = *heed_shards_at(shards, i);
    change(entries, &n);
    assert_int_equal(heed_safetensors_write(inside("bad/model.safetensors"), entries, n, NULL, 0, &err),
                     HEED_OK);
    const heed_status status = heed_model_open(inside("bad"), &model, &err);
    if (status != HEED_ERR_FILE || strstr(err.message, part) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("expected one sentence with \"%s\", got %d: %s", part, (int)status, err.message);
    assert_null(model);
    heed_shards_close(shards);
}

static heed_safetensors_entry *entry_named(heed_safetensors_entry *entries, size_t n, const char *part)
{
    for (size_t i = 0; i < n; i++) {
        if (strstr(entries[i].name, part) != NULL)
            return &entries[i];
    }
    fail_msg("no tensor %s", part);
    return NULL;
}

static void drop_scales(heed_safetensors_entry *entries, size_t *n)
{
    *entry_named(entries, *n, "h.1.mlp.c_fc.weight_scale") = entries[*n - 1];
    (*n)--;
}

static void shorten_scales(heed_safetensors_entry *entries, size_t *n)
{
    entry_named(entries, *n, "h.1.mlp.c_fc.weight_scale")->size[1]--;
}

static void retype_scales(heed_safetensors_entry *entries, size_t *n)
{
    heed_safetensors_entry *entry = entry_named(entries, *n, "wte.weight_scale");

    entry->dtype = HEED_SAFETENSORS_I32;
}

static void shorten_norm(heed_safetensors_entry *entries, size_t *n)
{
    entry_named(entries, *n, "ln_f.weight")->dtype = HEED_SAFETENSORS_I8;
}

static void add_scales_of_nothing(heed_safetensors_entry *entries, size_t *n)
{
    entries[*n] = *entry_named(entries, *n, "wte.weight_scale");
    entries[*n].name = "transformer.ln_f.weight_scale";
    (*n)++;
}

static void scales_that_do_not_fit_are_refused_by_name(void **state)
{
    (void)state;
    expect_refused(drop_scales, "h.1.mlp.c_fc.weight_scale");
    expect_refused(shorten_scales, "h.1.mlp.c_fc.weight_scale");
    expect_refused(retype_scales, "wte.weight_scale");
    expect_refused(shorten_norm, "ln_f.weight");
    expect_refused(add_scales_of_nothing, "ln_f.weight_scale");
}

static void other_quantizations_are_refused_by_name(void **state)
{
    char command[600];
    heed_model *model = NULL;
    heed_error err = {0};

    (void)state;
    snprintf(command, sizeof command,
             "rm -rf '%s' && cp -r '%s' '%s' && sed -i s/heed-int8/gptq/ '%s'/config.json", inside("bad"),
             inside("int8"), inside("bad"), inside("bad"));
    assert_int_equal(system(command), 0);
    assert_int_equal(heed_model_open(inside("bad"), &model, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "gptq"));
}

/* A model with an odd number of weights in every matrix, in the test's folder. */
static void write_odd_model(const char *name)
{
    heed_config config = heed_config_default();
    heed_safetensors_entry entries[MAX_ENTRIES];
    heed_model *model = NULL;
    heed_error err = {0};
    char path[600], command[600];
    json_t *object;
    int n;

    config.vocab_size = 57;
    config.context_length = 7;
    config.n_layers = config.n_heads = 1;
    config.d_model = 33;
    config.d_mlp = 35;
    assert_int_equal(heed_model_create(&config, 1, &model, &err), HEED_OK);
    n = heed_model_n_parameters(model);
    assert_true(n <= MAX_ENTRIES);
    for (int i = 0; i < n; i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        entries[i] = (heed_safetensors_entry){
            .name = p.name, .dtype = HEED_SAFETENSORS_F32, .rank = p.rank, .data = p.data};
        for (int axis = 0; axis < p.rank; axis++)
            entries[i].size[axis] = p.size[axis];
    }
    snprintf(command, sizeof command, "mkdir '%s'", inside(name));
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/model.safetensors", inside(name));
    assert_int_equal(heed_safetensors_write(path, entries, (size_t)n, NULL, 0, &err), HEED_OK);
    snprintf(path, sizeof path, "%s/config.json", inside(name));
    object = heed_config_to_json(&config);
    assert_int_equal(heed_json_write(path, object, &err), HEED_OK);
    json_decref(object);
    heed_model_close(model);
}

static void expect_equal_models(const char *a, const char *b)
{
    heed_model *x = open_model(inside(a)), *y = open_model(inside(b));

    for (int i = 0; i < heed_model_n_parameters(x); i++) {
        float *p = numbers_of(x, i), *q = numbers_of(y, i);

        assert_memory_equal(p, q, (size_t)heed_model_parameter(x, i).count * sizeof *p);
        free(p);
        free(q);
    }
    heed_model_close(x);
    heed_model_close(y);
}

/* An odd number of bytes must not stand before floats; where another program has put it there, it is read all the same. */
static void scales_of_odd_matrices_are_read_wherever_they_lie(void **state)
{
    heed_safetensors_entry entries[MAX_ENTRIES], *first;
    heed_shards *shards = NULL;
    heed_error err = {0};
    char command[400];
    size_t n;

    (void)state;
    write_odd_model("odd");
    convert(inside("odd"), inside("odd-int8"), HEED_CONVERT_INT8);
    assert_int_equal(heed_shards_open(inside("odd-int8"), &shards, &err), HEED_OK);
    n = heed_shards_n_entries(shards);
    for (size_t i = 0; i < n; i++) {
        entries[i] = *heed_shards_at(shards, i);
        if ((uintptr_t)entries[i].data % heed_safetensors_dtype_bytes(entries[i].dtype) != 0)
            fail_msg("%s does not lie at a multiple of its type", entries[i].name);
    }
    first = entry_named(entries, n, "wte.weight");
    if (first->dtype != HEED_SAFETENSORS_I8)
        first = entry_named(first + 1, n - (size_t)(first + 1 - entries), "wte.weight");
    entries[n] = entries[0];
    entries[0] = *first;
    *first = entries[n];
    snprintf(command, sizeof command, "cp -r '%s' '%s'", inside("odd-int8"), inside("odd-moved"));
    assert_int_equal(system(command), 0);
    assert_int_equal(heed_safetensors_write(inside("odd-moved/model.safetensors"), entries, n, NULL, 0, &err),
                     HEED_OK);
    heed_shards_close(shards);
    expect_equal_models("odd-int8", "odd-moved");
    convert(inside("odd-moved"), inside("odd-again"), HEED_CONVERT_KEEP);
    expect_equal_models("odd-int8", "odd-again");
}

/* --- the numbers themselves --- */

static void groups_have_the_largest_number_at_127(void **state)
{
    enum { ROWS = 70, COLUMNS = 65 };
    float x[ROWS * COLUMNS], scales[ROWS * COLUMNS];
    int8_t q[ROWS * COLUMNS];

    (void)state;
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = i % 7 == 0 ? 0.0f : sinf((float)i) * ldexpf(1.0f, i % 40 - 20);
    for (int axis = 0; axis < 2; axis++) {
        assert_int_equal(heed_int8_n_scales(ROWS, COLUMNS, 64, axis), axis == 0 ? 2 * COLUMNS : 2 * ROWS);
        assert_true(heed_int8_quantize(x, ROWS, COLUMNS, 64, axis, q, scales));
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLUMNS; c++) {
                const float s = axis == 0 ? scales[r / 64 * COLUMNS + c] : scales[r * 2 + c / 64];

                assert_in_range(q[r * COLUMNS + c] + 127, 0, 254);
                assert_true(fabsf((float)q[r * COLUMNS + c] * s - x[r * COLUMNS + c]) <= 0.5001f * s);
            }
    }
    memset(x, 0, sizeof x);
    x[3] = 1e-45f; /* the smallest number there is: a 127th of it is nothing */
    assert_true(heed_int8_quantize(x, ROWS, COLUMNS, 64, 1, q, scales));
    assert_true(scales[0] == 0.0f && q[3] == 0 && q[0] == 0);
    x[9] = INFINITY;
    assert_false(heed_int8_quantize(x, ROWS, COLUMNS, 64, 1, q, scales));
    x[9] = NAN;
    assert_false(heed_int8_quantize(x, ROWS, COLUMNS, 64, 0, q, scales));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_keep_the_precision_of_their_file),
        cmocka_unit_test(numbers_are_those_of_the_source_within_a_rounding),
        cmocka_unit_test(a_narrow_model_computes_what_its_copy_in_single_precision_does),
        cmocka_unit_test(a_narrow_model_writes_what_its_copy_in_single_precision_does),
        cmocka_unit_test(placed_weights_are_read_as_single_precision),
        cmocka_unit_test(narrow_weights_have_no_gradient),
        cmocka_unit_test(memory_is_narrowed_as_files_are),
        cmocka_unit_test(scales_that_do_not_fit_are_refused_by_name),
        cmocka_unit_test(other_quantizations_are_refused_by_name),
        cmocka_unit_test(scales_of_odd_matrices_are_read_wherever_they_lie),
        cmocka_unit_test(groups_have_the_largest_number_at_127),
    };

    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
