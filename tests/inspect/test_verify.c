/* SPDX-License-Identifier: MIT */
/* Verifying: what a model records it agrees with, under every name; a changed number is named with its place. */
#include "folder.h"

#include <heed/verify.h>
#include <math.h>
#include <string.h>

#include "formats/safetensors.h"
#include "infer/small_model.h"

static const int32_t ids[5] = {3, 1, 4, 1, 22};

#define MAX_ENTRIES 128

/* --- files --- */

static heed_verification *verify(const heed_model *model, const char *path, const heed_verify_options *options)
{
    heed_verification *v = NULL;
    heed_error err = {0};

    if (heed_model_verify(model, path, options, &v, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return v;
}

static void expect_refused(const heed_model *model, const char *path, heed_status expected, const char *part)
{
    heed_verification *v = NULL;
    heed_error err = {0};
    const heed_status status = heed_model_verify(model, path, NULL, &v, &err);

    if (status != expected || strstr(err.message, part) == NULL)
        fail_msg("expected status %d with \"%s\", got %d: %s", (int)expected, part, (int)status, err.message);
    assert_null(v);
}

static void write_file(const char *name, const heed_safetensors_entry *entries, size_t n,
                       const heed_safetensors_pair *metadata, size_t n_metadata)
{
    heed_error err = {0};

    if (heed_safetensors_write(inside(name), entries, n, metadata, n_metadata, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* Entries of a recorded file, to be written once more with changes. */
static size_t copy_entries(const heed_safetensors *file, heed_safetensors_entry *out)
{
    const size_t n = heed_safetensors_n_entries(file);

    assert_true(n < MAX_ENTRIES);
    for (size_t i = 0; i < n; i++)
        out[i] = *heed_safetensors_at(file, i);
    return n;
}

static heed_safetensors_entry *entry_of(heed_safetensors_entry *entries, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    fail_msg("there is no %s", name);
    return NULL;
}

static void record(const heed_model *model, const char *name)
{
    heed_error err = {0};

    if (heed_model_record(model, ids, 5, NULL, 0, inside(name), &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* --- tests --- */

static void every_model_agrees_with_what_it_recorded(void **state)
{
    const heed_verify_options exactly = {.atol = 0.0, .rtol = 0.0};
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model = small_model(&config, 5);
        heed_verification *v;
        record(model, "all.safetensors");
        v = verify(model, inside("all.safetensors"), &exactly);
        assert_true(heed_verification_count(v) >= 2); /* a bigram model has logits and a loss */
        for (int k = 0; k < heed_verification_count(v); k++) {
            const heed_verified *row = heed_verification_at(v, k);
            if (row->node == NULL || !row->agrees)
                fail_msg("%s: %s: %s, %g for %g", name, row->name,
                         row->problem != NULL ? row->problem : "differs", row->got, row->expected);
        }
        assert_null(heed_verification_first_wrong(v));
        heed_verification_destroy(v);
        heed_model_close(model);
    }
}

static void the_first_difference_on_the_way_is_named(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_safetensors_entry entries[MAX_ENTRIES], *post, *z;
    heed_safetensors *file = NULL;
    heed_verification *v;
    const heed_verified *wrong;
    float changed_post[80], changed_z[80];

    (void)state;
    record(model, "all.safetensors");
    assert_int_equal(heed_safetensors_open(inside("all.safetensors"), &file, NULL), HEED_OK);
    const size_t n = copy_entries(file, entries);
    post = entry_of(entries, n, "blocks.1.attn_out"); /* [1, 5, 16] */
    z = entry_of(entries, n, "blocks.0.attn.z");      /* [1, 2, 5, 8] */
    assert_int_equal(post->count, 80);
    memcpy(changed_post, post->data, sizeof changed_post);
    memcpy(changed_z, z->data, sizeof changed_z);
    changed_post[0] += 1.0f;
    changed_z[17] += 0.5f;
    changed_z[33] = NAN;
    post->data = changed_post;
    z->data = changed_z;
    write_file("changed.safetensors", entries, n, NULL, 0);
    v = verify(model, inside("changed.safetensors"), NULL);
    wrong = heed_verification_first_wrong(v);
    assert_non_null(wrong);
    assert_string_equal(wrong->name, "blocks.0.attn.z");
    assert_int_equal(wrong->n_wrong, 2);
    assert_int_equal(wrong->worst, 17);
    assert_true(fabs(wrong->expected - wrong->got - 0.5) < 1e-6); /* one rounding of a number near 1 */
    assert_true(isinf(wrong->max_error));
    heed_verification_destroy(v);
    heed_safetensors_close(file);
    heed_model_close(model);
}

/* [1, n_heads, T, width] as TransformerLens has it: [1, T, n_heads, width]. */
static void put_heads_last(const float *x, int64_t n, int64_t T, int64_t width, float *y)
{
    for (int64_t h = 0; h < n; h++)
        for (int64_t t = 0; t < T; t++)
            memcpy(y + (t * n + h) * width, x + (h * T + t) * width, (size_t)width * sizeof *x);
}

static void other_programs_names_and_layouts_are_known(void **state)
{
    static const char *const names[][2] = {
        {"embed", "hook_embed"},
        {"pos_embed", "hook_pos_embed"},
        {"blocks.0.ln1.normalized", "blocks.0.ln1.hook_normalized"},
        {"blocks.0.attn.scores", "blocks.0.attn.hook_attn_scores"},
        {"blocks.0.attn.pattern", "attentions.0"},
        {"blocks.0.attn_out", "blocks.0.hook_attn_out"},
        {"blocks.0.attn.qkv", "transformer.h.0.attn.c_attn"},
        {"blocks.0.resid_mid", "blocks.0.hook_resid_mid"},
        {"blocks.0.mlp.pre", "h.0.mlp.c_fc"},
        {"blocks.0.mlp.post", "blocks.0.mlp.hook_post"},
        {"blocks.0.mlp_out", "transformer.h.0.mlp"},
        {"blocks.0.resid_post", "hidden_states.1"},
        {"blocks.1.ln1.normalized", "h.1.ln_1"},
        {"blocks.1.ln2.normalized", "transformer.h.1.ln_2"},
        {"blocks.1.resid_post", "h.1"},
        {"ln_final.normalized", "hidden_states.2"},
        {"logits", "lm_head"},
    };
    static const char *const heads[] = {"q", "k", "v", "z"};
    const heed_verify_options exactly = {.atol = 0.0, .rtol = 0.0};
    heed_config config = small_config();
    heed_safetensors_entry entries[MAX_ENTRIES];
    heed_safetensors *file = NULL;
    heed_verification *v;
    float turned[4][80];
    char hooks[4][64];
    heed_model *model;
    heed_error err = {0};

    (void)state;
    for (int T = 2; T <= 5; T += 3) { /* with two tokens and two heads the sizes say nothing about the layout */
        model = small_model(&config, 5);
        assert_int_equal(heed_model_record(model, ids, (size_t)T, NULL, 0, inside("all.safetensors"), &err),
                         HEED_OK);
        assert_int_equal(heed_safetensors_open(inside("all.safetensors"), &file, NULL), HEED_OK);
        const size_t n = copy_entries(file, entries);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            entry_of(entries, n, names[i][0])->name = names[i][1];
        for (int i = 0; i < 4; i++) {
            snprintf(hooks[i], sizeof hooks[i], "blocks.0.attn.%s", heads[i]);
            heed_safetensors_entry *entry = entry_of(entries, n, hooks[i]);
            put_heads_last(entry->data, 2, T, 8, turned[i]);
            entry->data = turned[i];
            entry->size[1] = T;
            entry->size[2] = 2;
            snprintf(hooks[i], sizeof hooks[i], "blocks.0.attn.hook_%s", heads[i]);
            entry->name = hooks[i];
        }
        entry_of(entries, n, "ids")->name = "input_ids";
        write_file("theirs.safetensors", entries, n, NULL, 0);
        v = verify(model, inside("theirs.safetensors"), &exactly);
        for (int k = 0; k < heed_verification_count(v); k++) {
            const heed_verified *row = heed_verification_at(v, k);
            if (row->node == NULL || !row->agrees)
                fail_msg("T %d: %s: %s", T, row->name, row->problem != NULL ? row->problem : "differs");
        }
        heed_verification_destroy(v);
        heed_safetensors_close(file);
        heed_model_close(model);
    }
}

/* Gradients of a batch against central differences of its loss. */
static void gradients_of_a_batch_are_those_of_its_loss(void **state)
{
    static const int32_t batch[6] = {1, 2, 3, 4, 5, 6}, targets[6] = {2, -100, 4, 5, -100, 7};
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    const float zeros[16] = {0};
    const heed_safetensors_entry entries[] = {
        {.name = "a/ids", .dtype = HEED_SAFETENSORS_I32, .rank = 2, .size = {2, 3}, .data = batch},
        {.name = "a/targets", .dtype = HEED_SAFETENSORS_I32, .rank = 2, .size = {2, 3}, .data = targets},
        {.name = "a/grad/transformer.ln_f.weight",
         .dtype = HEED_SAFETENSORS_F32,
         .rank = 1,
         .size = {16},
         .data = zeros},
        {.name = "a/loss", .dtype = HEED_SAFETENSORS_F32, .rank = 0, .data = zeros},
        {.name = "b/tokens", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {3}, .data = batch},
        {.name = "b/labels", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {3}, .data = batch},
        {.name = "b/loss", .dtype = HEED_SAFETENSORS_F32, .rank = 0, .data = zeros},
        {.name = "c/ids", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {3}, .data = batch},
        {.name = "c/loss", .dtype = HEED_SAFETENSORS_F32, .rank = 0, .data = zeros},
    };
    const float step = 1e-2f;
    double loss[2], gradient, at;
    float *weight = NULL;
    heed_verification *v;

    (void)state;
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        if (strcmp(heed_model_parameter(model, i).name, "ln_f.weight") == 0)
            weight = (float *)(uintptr_t)heed_model_parameter(model, i).data;
    }
    assert_non_null(weight);
    write_file("batch.safetensors", entries, 9, NULL, 0);
    v = verify(model, inside("batch.safetensors"), NULL);
    assert_int_equal(heed_verification_count(v), 4);
    assert_string_equal(heed_verification_at(v, 0)->name, "a/loss"); /* comes before its gradient */
    assert_string_equal(heed_verification_at(v, 1)->name, "a/grad/transformer.ln_f.weight");
    gradient = heed_verification_at(v, 1)->got;
    at = (double)heed_verification_at(v, 1)->worst;
    assert_true(heed_verification_at(v, 2)->got ==
                heed_verification_at(v, 3)->got); /* labels are the ids, shifted */
    heed_verification_destroy(v);
    for (int side = 0; side < 2; side++) {
        weight[(int)at] += side == 0 ? step : -2 * step;
        v = verify(model, inside("batch.safetensors"), NULL);
        loss[side] = heed_verification_at(v, 0)->got;
        heed_verification_destroy(v);
    }
    /* differences of two losses near 3 in single precision, 1e-6 over 2e-2, and the curvature's 1e-4 */
    assert_true(fabs((loss[0] - loss[1]) / (2 * (double)step) - gradient) < 1e-3);
    heed_model_close(model);
}

static void tolerances_come_from_the_caller_then_the_file(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_safetensors *file = NULL;
    heed_safetensors_entry entries[MAX_ENTRIES];
    const heed_safetensors_pair metadata[] = {
        {"atol/embed", "0.5"}, {"rtol/embed", "0"}, {"atol/*", "0.25"}, {"rtol/logits", "1 rubbish"}};
    const heed_verify_options wide = {.atol = 2.0, .rtol = -1.0};
    float changed[80];
    heed_verification *v;

    (void)state;
    assert_int_equal(heed_model_record(model, ids, 5, (const char *const[]){"embed", "logits"}, 2,
                                       inside("two.safetensors"), NULL),
                     HEED_OK);
    assert_int_equal(heed_safetensors_open(inside("two.safetensors"), &file, NULL), HEED_OK);
    assert_int_equal(copy_entries(file, entries), 3);
    heed_safetensors_entry *embed = entry_of(entries, 3, "embed");
    memcpy(changed, embed->data, sizeof changed);
    changed[7] += 0.75f;
    embed->data = changed;
    write_file("changed.safetensors", entries, 3, metadata, 4);
    v = verify(model, inside("changed.safetensors"), NULL);
    assert_true(heed_verification_at(v, 0)->atol == 0.5 && heed_verification_at(v, 0)->rtol == 0.0);
    assert_true(heed_verification_at(v, 1)->atol == 0.25 &&
                heed_verification_at(v, 1)->rtol == HEED_VERIFY_TOLERANCE);
    assert_string_equal(heed_verification_first_wrong(v)->name, "embed");
    heed_verification_destroy(v);
    v = verify(model, inside("changed.safetensors"), &wide);
    assert_null(heed_verification_first_wrong(v));
    assert_true(fabs(heed_verification_at(v, 0)->max_error - 0.75) < 1e-6);
    heed_verification_destroy(v);
    heed_safetensors_close(file);
    heed_model_close(model);
}

/* An infinity is nothing that a tolerance can reach: not from a number, from NaN or from the other infinity. */
static void an_infinity_agrees_with_itself_alone(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_safetensors *file = NULL;
    heed_safetensors_entry entries[MAX_ENTRIES];
    const heed_safetensors_pair loose = {"atol/*", "inf"};
    float changed[5 * 64];
    heed_verification *v;

    (void)state;
    assert_int_equal(heed_model_record(model, ids, 5, (const char *const[]){"logits"}, 1,
                                       inside("logits.safetensors"), NULL),
                     HEED_OK);
    assert_int_equal(heed_safetensors_open(inside("logits.safetensors"), &file, NULL), HEED_OK);
    const size_t n = copy_entries(file, entries);
    heed_safetensors_entry *logits = entry_of(entries, n, "logits");
    assert_true(logits->bytes <= sizeof changed);
    memcpy(changed, logits->data, logits->bytes);
    changed[2] = INFINITY;
    changed[3] = -INFINITY;
    logits->data = changed;
    for (int i = 0; i < 2; i++) {
        write_file("infinite.safetensors", entries, n, &loose, (size_t)i);
        v = verify(model, inside("infinite.safetensors"), NULL);
        assert_non_null(heed_verification_first_wrong(v));
        assert_int_equal(heed_verification_first_wrong(v)->n_wrong, 2);
        assert_int_equal(heed_verification_first_wrong(v)->worst, 2);
        heed_verification_destroy(v);
    }
    heed_safetensors_close(file);
    heed_model_close(model);
}

static void a_tensor_without_numbers_does_not_agree(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    const heed_safetensors_entry entries[] = {
        {.name = "ids", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {5}, .data = ids},
        {.name = "embed", .dtype = HEED_SAFETENSORS_F32, .rank = 4, .size = {0, 1, 5, 16}, .data = ""},
    };
    heed_verification *v;

    (void)state;
    write_file("empty.safetensors", entries, 2, NULL, 0);
    v = verify(model, inside("empty.safetensors"), NULL);
    assert_non_null(heed_verification_first_wrong(v));
    assert_string_equal(heed_verification_first_wrong(v)->problem,
                        "expected [1, 5, 16], file has [0, 1, 5, 16]");
    heed_verification_destroy(v);
    heed_model_close(model);
}

static void what_is_no_activation_or_has_another_shape_is_told_apart(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    const float numbers[256] = {0};
    const heed_safetensors_entry entries[] = {
        {.name = "ids", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {5}, .data = ids},
        {.name = "logit", .dtype = HEED_SAFETENSORS_F32, .rank = 1, .size = {3}, .data = numbers},
        {.name = "\x1b[2J", .dtype = HEED_SAFETENSORS_F32, .rank = 1, .size = {3}, .data = numbers},
        {.name = "embed", .dtype = HEED_SAFETENSORS_F32, .rank = 2, .size = {5, 15}, .data = numbers},
        {.name = "wte.weight", .dtype = HEED_SAFETENSORS_F32, .rank = 1, .size = {1}, .data = numbers},
    };
    heed_verification *v;

    (void)state;
    write_file("odd.safetensors", entries, 5, NULL, 0);
    v = verify(model, inside("odd.safetensors"), NULL);
    assert_int_equal(heed_verification_count(v), 4);
    assert_string_equal(heed_verification_at(v, 0)->problem, "expected [1, 5, 16], file has [5, 15]");
    assert_ptr_equal(heed_verification_first_wrong(v), heed_verification_at(v, 0));
    for (int i = 1; i < 4; i++) {
        const heed_verified *row = heed_verification_at(v, i);
        assert_null(row->node);
        assert_int_equal(row->near != NULL && strcmp(row->near, "logits") == 0,
                         strcmp(row->name, "logit") == 0);
    }
    heed_verification_destroy(v);
    heed_model_close(model);
}

static void ids_that_do_not_fit_are_refused(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    static const int32_t large[2] = {3, SMALL_VOCAB}, below[2] = {3, -1}, many[40] = {0};
    static const float half[2] = {1.0f, 0.5f};
    static const unsigned char hidden[2] = {1, 0};
    heed_safetensors_entry e[2] = {
        {.name = "ids", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {2}, .data = large}};
    const heed_safetensors_pair text = {"text", "hello"}, odd = {"a/text", "hello!"};

    (void)state;
    write_file("x", e, 1, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "token 1: expected an id from 0 to 22, got 23");
    e[0].data = below;
    write_file("x", e, 1, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "got -1");
    e[0].data = many;
    e[0].size[0] = 40;
    write_file("x", e, 1, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "position");
    e[0].size[0] = 0;
    write_file("x", e, 1, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "expected [length] or [batch, length], file has [0]");
    e[0].dtype = HEED_SAFETENSORS_F32;
    e[0].size[0] = 2;
    e[0].data = half;
    write_file("x", e, 1, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "whole numbers");
    e[0] = (heed_safetensors_entry){
        .name = "ids", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {2}, .data = many};
    e[1] = (heed_safetensors_entry){
        .name = "attention_mask", .dtype = HEED_SAFETENSORS_U8, .rank = 1, .size = {2}, .data = hidden};
    write_file("x", e, 2, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "hides tokens");
    write_file("x", NULL, 0, NULL, 0);
    expect_refused(model, inside("x"), HEED_ERR_FILE, "expected token ids");
    write_file("x", NULL, 0, &odd, 1);
    expect_refused(model, inside("x"), HEED_ERR_USAGE, "!");
    write_file("x", NULL, 0, &text, 1); /* opens; there is nothing to compare */
    heed_verification_destroy(verify(model, inside("x"), NULL));
    expect_refused(model, inside("none"), HEED_ERR_FILE, "none");
    heed_model_close(model);
}

/* In heed's layout, so under heed's name: with two tokens and two heads the sizes would not tell. */
static void what_is_recorded_under_other_names_is_verified(void **state)
{
    const heed_config config = small_config();
    const heed_verify_options exactly = {.atol = 0.0, .rtol = 0.0};
    const char *const names[] = {"blocks.0.attn.hook_q", "hidden_states.1", "grad/wte.weight",
                                 "d.blocks.0.attn.z"};
    heed_model *model = small_model(&config, 5);
    heed_verification *v;

    (void)state;
    assert_int_equal(heed_model_record(model, ids, 2, names, 4, inside("named.safetensors"), NULL), HEED_OK);
    v = verify(model, inside("named.safetensors"), &exactly);
    assert_int_equal(heed_verification_count(v), 4);
    assert_string_equal(heed_verification_at(v, 0)->name, "blocks.0.attn.q");
    for (int i = 0; i < 4; i++)
        assert_true(heed_verification_at(v, i)->agrees);
    heed_verification_destroy(v);
    heed_model_close(model);
}

static void a_wrong_name_to_record_is_corrected(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    const char *const names[] = {"blocks.0.attn.patern"};
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_model_record(model, ids, 5, names, 1, inside("none"), &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "did you mean \"blocks.0.attn.pattern\"?"));
    assert_false(heed_file_exists(inside("none")));
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_agrees_with_what_it_recorded),
        cmocka_unit_test(the_first_difference_on_the_way_is_named),
        cmocka_unit_test(other_programs_names_and_layouts_are_known),
        cmocka_unit_test(gradients_of_a_batch_are_those_of_its_loss),
        cmocka_unit_test(tolerances_come_from_the_caller_then_the_file),
        cmocka_unit_test(an_infinity_agrees_with_itself_alone),
        cmocka_unit_test(a_tensor_without_numbers_does_not_agree),
        cmocka_unit_test(what_is_no_activation_or_has_another_shape_is_told_apart),
        cmocka_unit_test(ids_that_do_not_fit_are_refused),
        cmocka_unit_test(what_is_recorded_under_other_names_is_verified),
        cmocka_unit_test(a_wrong_name_to_record_is_corrected),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
