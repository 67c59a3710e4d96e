/* SPDX-License-Identifier: MIT */
/* A model's folder: opened as it is, in the forms that others write it, and refused in one sentence when it is not one. */
#include "cmocka_all.h"

#include <heed/model.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "nn/config_json.h"
#include "nn/weights.h"
#include "text/tokenizer.h"

enum { PATH = 200, MAX_ENTRIES = 64 };

static char folder[64];
static heed_config config;
static heed_model *model; /* random weights, and what the files are made from */

static const char *inside(const char *name)
{
    static char path[PATH];

    assert_int_equal(heed_path_join(path, sizeof path, folder, name, NULL), HEED_OK);
    return path;
}

/* --- writing the files --- */

/* The tensors of the model; names may be given a prefix. */
static size_t list_entries(heed_safetensors_entry *entries, const char *prefix)
{
    static char names[MAX_ENTRIES][128];
    const int n = heed_model_n_parameters(model);

    assert_true(n + 4 < MAX_ENTRIES);
    for (int i = 0; i < n; i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        snprintf(names[i], sizeof names[i], "%s%s", prefix, p.name);
        entries[i] = (heed_safetensors_entry){
            .name = names[i], .dtype = HEED_SAFETENSORS_F32, .rank = p.rank, .data = p.data};
        memcpy(entries[i].size, p.size, sizeof p.size);
    }
    return (size_t)n;
}

static void write_tensors(const heed_safetensors_entry *entries, size_t n)
{
    heed_error err = {0};

    if (heed_safetensors_write(inside("model.safetensors"), entries, n, NULL, 0, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static void write_config(const heed_config *c)
{
    json_t *object = heed_config_to_json(c);

    assert_int_equal(heed_json_write(inside("config.json"), object, NULL), HEED_OK);
    json_decref(object);
}

static void write_text(const char *name, const char *text, size_t n)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text, n}, 1, NULL), HEED_OK);
}

static void write_tokenizer(const char *characters)
{
    heed_tokenizer *tokenizer = NULL;
    heed_text_buffer text = {0};

    assert_int_equal(heed_tokenizer_characters(characters, strlen(characters), &tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_tokenizer_write(tokenizer, &text, NULL), HEED_OK);
    write_text("tokenizer.json", text.data, text.size);
    heed_text_free(&text);
    heed_tokenizer_destroy(tokenizer);
}

static void write_folder(void)
{
    heed_safetensors_entry entries[MAX_ENTRIES];

    write_config(&config);
    write_tensors(entries, list_entries(entries, "transformer."));
    write_tokenizer("abcdefgh");
}

static int set_up(void **state)
{
    heed_error err = {0};

    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heed-test-model-XXXXXX");
    assert_non_null(mkdtemp(folder));
    config = heed_config_default();
    config.vocab_size = 11;
    config.context_length = 6;
    config.n_layers = 2;
    config.n_heads = 2;
    config.d_model = 8;
    config.d_mlp = 20;
    if (heed_model_create(&config, 3, &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    write_folder();
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    heed_model_close(model);
    model = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0;
}

/* --- reading them --- */

static void expect_opens(double tolerance)
{
    heed_model *opened = NULL;
    heed_error err = {0};

    if (heed_model_open(folder, &opened, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_model_n_parameters(opened), heed_model_n_parameters(model));
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter a = heed_model_parameter(model, i), b = heed_model_parameter(opened, i);
        assert_string_equal(a.name, b.name);
        assert_int_equal(a.count, b.count);
        float *read = malloc((size_t)b.count * sizeof *read);

        assert_non_null(read);
        heed_model_read_parameter(opened, i, read);
        for (int64_t k = 0; k < a.count; k++) {
            if (!(fabs((double)a.data[k] - (double)read[k]) <= tolerance * fabs((double)a.data[k])))
                fail_msg("%s[%lld] is %g, read as %g", a.name, (long long)k, (double)a.data[k],
                         (double)read[k]);
        }
        free(read);
    }
    heed_model_close(opened);
}

static void expect_refused(const char *part)
{
    heed_model *opened = model;
    heed_error err = {0};
    const heed_status status = heed_model_open(folder, &opened, &err);

    if (status != HEED_ERR_FILE)
        fail_msg("expected to be refused for %s, got status %d: %s", part, (int)status, err.message);
    assert_null(opened);
    if (strstr(err.message, part) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err.message);
}

static void a_written_model_is_read_to_the_bit(void **state)
{
    heed_safetensors_entry entries[MAX_ENTRIES];
    heed_model *opened = NULL;
    size_t n_piece = 0;

    (void)state;
    expect_opens(0.0);
    write_tensors(entries, list_entries(entries, "")); /* names without the prefix are as good */
    expect_opens(0.0);
    assert_int_equal(heed_model_open(folder, &opened, NULL), HEED_OK);
    assert_true(heed_model_has_tokenizer(opened));
    assert_memory_equal(heed_model_piece(opened, 2, &n_piece), "c", 1);
    assert_int_equal(n_piece, 1);
    assert_null(heed_model_piece(opened, 8, NULL)); /* the model has more ids than its tokenizer */
    assert_null(heed_model_piece(opened, -1, NULL));
    heed_model_close(opened);
}

static void a_model_without_a_tokenizer_opens_and_says_so(void **state)
{
    heed_model *opened = NULL;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n;

    (void)state;
    unlink(inside("tokenizer.json"));
    expect_opens(0.0);
    assert_int_equal(heed_model_open(folder, &opened, NULL), HEED_OK);
    assert_false(heed_model_has_tokenizer(opened));
    assert_int_equal(heed_model_encode(opened, "abc", 3, &ids, &n, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "tokenizer.json"));
    heed_model_close(opened);
}

static void text_becomes_tokens_or_names_the_character(void **state)
{
    heed_model *opened = NULL;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n;

    (void)state;
    assert_int_equal(heed_model_open(folder, &opened, NULL), HEED_OK);
    assert_int_equal(heed_model_encode(opened, "had", 3, &ids, &n, &err), HEED_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ids[0], 7);
    free(ids);
    assert_int_equal(heed_model_encode(opened, "", 0, &ids, &n, &err), HEED_OK);
    assert_int_equal(n, 0);
    free(ids);
    assert_int_equal(heed_model_encode(opened, "had!", 4, &ids, &n, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "!"));
    assert_null(ids);
    heed_model_close(opened);
}

/* --- forms that others write --- */

/* Half of every tensor's bits: 8 of 24 digits in bfloat16. */
static void weights_in_other_forms_are_converted(void **state)
{
    heed_safetensors_entry entries[MAX_ENTRIES];
    const size_t n = list_entries(entries, "transformer.");
    uint16_t *half[MAX_ENTRIES];

    (void)state;
    for (size_t i = 0; i < n; i++) {
        const int64_t count = heed_model_parameter(model, (int)i).count;
        half[i] = malloc((size_t)count * sizeof *half[i]);
        assert_non_null(half[i]);
        for (int64_t k = 0; k < count; k++) {
            uint32_t bits;
            memcpy(&bits, (const float *)entries[i].data + k, sizeof bits);
            half[i][k] = (uint16_t)(bits >> 16);
        }
        entries[i].dtype = HEED_SAFETENSORS_BF16;
        entries[i].data = half[i];
    }
    write_tensors(entries, n);
    expect_opens(1.0 / 128.0);
    for (size_t i = 0; i < n; i++)
        free(half[i]);
}

static void buffers_and_doubled_heads_of_published_files_are_passed_over(void **state)
{
    heed_safetensors_entry entries[MAX_ENTRIES];
    size_t n = list_entries(entries, "transformer.");
    const float mask[36] = {0};

    (void)state;
    entries[n++] = (heed_safetensors_entry){.name = "transformer.h.0.attn.bias",
                                            .dtype = HEED_SAFETENSORS_F32,
                                            .rank = 4,
                                            .size = {1, 1, 6, 6},
                                            .data = mask};
    entries[n++] = (heed_safetensors_entry){
        .name = "h.1.attn.masked_bias", .dtype = HEED_SAFETENSORS_F32, .rank = 0, .data = mask};
    entries[n] = entries[0]; /* the head that is tied to the token embedding */
    entries[n++].name = "lm_head.weight";
    write_tensors(entries, n);
    expect_opens(0.0);
}

/* The files of one tensor each, as a set with an index. */
static void write_in_parts(size_t n, const heed_safetensors_entry *entries)
{
    heed_text_buffer text = {0};
    char name[64];

    unlink(inside("model.safetensors"));
    heed_text_puts(&text, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {");
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "model-%05zu.safetensors", i);
        assert_int_equal(heed_safetensors_write(inside(name), &entries[i], 1, NULL, 0, NULL), HEED_OK);
        heed_text_printf(&text, "%s\"%s\": \"%s\"", i > 0 ? ", " : "", entries[i].name, name);
    }
    heed_text_puts(&text, "}}");
    write_text("model.safetensors.index.json", text.data, text.size);
    heed_text_free(&text);
}

static void a_model_in_parts_is_the_same_model(void **state)
{
    heed_safetensors_entry entries[MAX_ENTRIES];
    const size_t n = list_entries(entries, "transformer.");
    heed_model *opened = NULL;

    (void)state;
    write_in_parts(n, entries);
    expect_opens(0.0);
    assert_int_equal(heed_model_open(folder, &opened, NULL), HEED_OK);
    for (int i = 0; i < heed_model_n_parameters(opened); i++) /* and mapped: nobody could write there */
        assert_true((uintptr_t)heed_model_parameter(opened, i).data % sizeof(float) == 0);
    heed_model_close(opened);
    const char *name = entries[3].name;
    entries[3].name = "wte.weight"; /* beside transformer.wte.weight */
    write_in_parts(n, entries);
    expect_refused("model.safetensors.index.json: wte.weight is there twice");
    entries[0].size[0]--;
    entries[3].name = name;
    write_in_parts(n, entries);
    expect_refused("model-00000.safetensors: wte.weight: expected [11, 8], file has [10, 8]");
}

/* --- config.json as the hub has it --- */

/* Sizes of this model among the keys of a published file. */
static void write_published_config(const char *model_type, const char *more)
{
    heed_text_buffer text = {0};

    heed_text_printf(&text,
                     "{%s\"vocab_size\": 11, \"n_ctx\": 6, \"n_positions\": 6, \"n_embd\": 8, \"n_head\": 2, "
                     "\"n_layer\": 2, \"n_inner\": 20, \"activation_function\": \"gelu_new\", "
                     "\"layer_norm_epsilon\": 1e-05%s%s}",
                     model_type, more[0] != '\0' ? ", " : "", more);
    write_text("config.json", text.data, text.size);
    heed_text_free(&text);
}

static void configurations_of_published_models_are_read(void **state)
{
    static const char gpt2[] = "\"model_type\": \"gpt2\", ";
    static const char *const more[] = {
        /* gpt2 and gpt2-large */
        "\"architectures\": [\"GPT2LMHeadModel\"], \"attn_pdrop\": 0.1, \"bos_token_id\": 50256, "
        "\"embd_pdrop\": "
        "0.1, \"eos_token_id\": 50256, \"initializer_range\": 0.02, \"resid_pdrop\": 0.1, "
        "\"summary_activation\": "
        "null, \"summary_first_dropout\": 0.1, \"summary_proj_to_labels\": true, \"summary_type\": "
        "\"cls_index\", "
        "\"summary_use_proj\": true, \"task_specific_params\": {\"text-generation\": {\"do_sample\": true, "
        "\"max_length\": 50}}",
        /* gpt2-medium */
        "\"n_special\": 0, \"predict_special_tokens\": true, \"architectures\": [\"GPT2LMHeadModel\"]",
        /* gpt2-xl */
        "\"output_past\": true, \"architectures\": [\"GPT2LMHeadModel\"]",
        /* distilgpt2 */
        "\"_num_labels\": 1, \"id2label\": {\"0\": \"LABEL_0\"}, \"label2id\": {\"LABEL_0\": 0}, "
        "\"architectures\": [\"GPT2LMHeadModel\"]",
        /* saved by transformers of several years */
        "\"architectures\": [\"GPT2Model\"], \"gradient_checkpointing\": false, \"use_cache\": true, "
        "\"torch_dtype\": \"float32\", \"transformers_version\": \"4.38.2\", \"_name_or_path\": \"./x\", "
        "\"reorder_and_upcast_attn\": false, \"scale_attn_by_inverse_layer_idx\": false, "
        "\"scale_attn_weights\": "
        "true, \"add_cross_attention\": null, \"tie_word_embeddings\": true",
        "\"architectures\": null, \"dtype\": \"bfloat16\", \"pad_token_id\": null, \"resid_pdrop\": 0",
    };
    static const char no_type[] = "\"architectures\": [\"GPT2LMHeadModel\"], ";

    (void)state;
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        write_published_config(gpt2, more[i]);
        expect_opens(0.0);
    }
    write_published_config(no_type, "");
    expect_opens(0.0);
    write_published_config("", "");
    expect_refused("model_type");
}

/* The five on the hub have as many numbers as their papers and files say, the tied head counted once. */
static void published_models_have_their_known_sizes(void **state)
{
    static const struct {
        int layers, heads, width;
        int64_t parameters;
    } known[] = {{6, 12, 768, 81912576},
                 {12, 12, 768, 124439808},
                 {24, 16, 1024, 354823168},
                 {36, 20, 1280, 774030080},
                 {48, 25, 1600, 1557611200}};

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        heed_weights *weights = NULL;
        heed_config c;
        json_t *root = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "model_type", "gpt2", "vocab_size",
                                 50257, "n_positions", 1024, "n_ctx", 1024, "n_embd", known[i].width, "n_layer",
                                 known[i].layers, "n_head", known[i].heads);
        assert_int_equal(heed_config_from_json(root, "config.json", &c, NULL), HEED_OK);
        assert_int_equal(heed_weights_create(&c, &weights, NULL), HEED_OK);
        assert_int_equal(heed_weights_count(weights), known[i].parameters);
        heed_weights_destroy(weights);
        json_decref(root);
    }
}

static void numbers_that_json_has_not_are_refused(void **state)
{
    static const char gpt2[] = "\"model_type\": \"gpt2\", ";

    (void)state;
    write_published_config(gpt2, "\"resid_pdrop\": NaN");
    expect_refused("config.json: not valid JSON");
    write_published_config(gpt2, "\"resid_pdrop\": 1e999");
    expect_refused("config.json: not valid JSON");
    write_published_config(gpt2, "\"resid_pdrop\": Infinity");
    expect_refused("config.json: not valid JSON");
    write_published_config(gpt2, "\"initializer_range\": -1e999"); /* where nobody reads it, too */
    expect_refused("config.json: not valid JSON");
    write_published_config(gpt2, "\"n_layer\": 3");
    expect_refused("duplicate");
}

static void another_architecture_is_refused_by_its_name(void **state)
{
    (void)state;
    write_published_config("\"model_type\": \"llama\", \"architectures\": [\"LlamaForCausalLM\"], ", "");
    expect_refused("the model is a \"llama\" (LlamaForCausalLM); expected \"model_type\" gpt2");
    write_published_config("\"model_type\": \"bert\", ", "");
    expect_refused("the model is a \"bert\"; expected");
    write_published_config("\"model_type\": \"gpt_neox\\u001b[2J\", ", "");
    expect_refused("gpt_neox\\x1B[2J");
    write_published_config("\"model_type\": 7, ", "");
    expect_refused("expected a string \"model_type\", got 7");
    write_published_config("\"model_type\": \"gpt2\", ", "\"scale_attn_by_inverse_layer_idx\": true");
    expect_refused("scale_attn_by_inverse_layer_idx");
    write_published_config("\"model_type\": \"gpt2\", ", "\"activation_functio\": 1, \"n_positions_\": 3");
    expect_opens(0.0); /* keys that are unknown say nothing */
}

static void weights_that_are_whole_numbers_are_refused(void **state)
{
    static const heed_safetensors_dtype dtypes[] = {HEED_SAFETENSORS_I64, HEED_SAFETENSORS_I32,
                                                    HEED_SAFETENSORS_I16, HEED_SAFETENSORS_U8,
                                                    HEED_SAFETENSORS_BOOL};
    heed_safetensors_entry entries[MAX_ENTRIES];
    const size_t n = list_entries(entries, "");
    static const int64_t zeros[1000];

    (void)state;
    entries[4].data = zeros;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        entries[4].dtype = dtypes[i];
        write_tensors(entries, n);
        expect_refused("h.0.attn.c_attn.weight: expected F32, F16, BF16 or F64, file has");
    }
}

/* --- what is no model --- */

static void a_missing_part_is_named(void **state)
{
    heed_model *opened = NULL;
    heed_error err = {0};

    (void)state;
    unlink(inside("model.safetensors"));
    expect_refused("model.safetensors");
    unlink(inside("config.json"));
    expect_refused("config.json");
    assert_int_equal(heed_model_open("/tmp/heed-there-is-nothing-here", &opened, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "nothing of that name"));
    write_folder();
    char file[PATH];
    snprintf(file, sizeof file, "%s", inside("config.json"));
    assert_int_equal(heed_model_open(file, &opened, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "this is a file"));
}

static void a_truncated_file_is_refused_wherever_it_ends(void **state)
{
    static const char *const names[] = {"model.safetensors", "config.json", "tokenizer.json"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        heed_file file;
        assert_int_equal(heed_file_open(&file, inside(names[i]), NULL), HEED_OK);
        char *data = malloc(file.size);
        const size_t size = file.size;
        assert_non_null(data);
        memcpy(data, file.data, size);
        heed_file_close(&file);
        for (size_t cut = 0; cut + 2 < size; cut += 1 + size / 97) {
            write_text(names[i], data, cut);
            expect_refused(names[i]);
        }
        write_text(names[i], data, size);
        free(data);
    }
    expect_opens(0.0);
}

static void tensors_that_do_not_fit_are_named(void **state)
{
    heed_safetensors_entry entries[MAX_ENTRIES];
    size_t n = list_entries(entries, "");

    (void)state;
    write_tensors(entries + 1, n - 1);
    expect_refused(entries[0].name);
    entries[0].size[0]--;
    write_tensors(entries, n);
    expect_refused("expected [11, 8], file has [10, 8]");
    entries[0].size[0]++;
    entries[n] = entries[1];
    entries[n].name = "h.2.attn.c_attn.weight";
    write_tensors(entries, n + 1);
    expect_refused("h.2.attn.c_attn.weight");
    write_tensors(NULL, 0);
    expect_refused("wte.weight");
}

static void a_file_of_something_else_is_refused(void **state)
{
    static const char pickle[] =
        "PK\x03\x04 this is a zip, as torch.save() writes it, and no safetensors at all";
    static const char llama[] = "{\"model_type\": \"llama\", \"hidden_size\": 8}";
    static const char unigram[] = "{\"model\": {\"type\": \"Unigram\"}}";

    (void)state;
    write_text("model.safetensors", pickle, sizeof pickle);
    expect_refused("model.safetensors");
    write_folder();
    write_text("config.json", llama, strlen(llama));
    expect_refused("llama");
    write_folder();
    write_tokenizer("abcdefghijklmnop"); /* 16 characters, 11 rows */
    expect_refused("tokenizer");
    write_text("tokenizer.json", unigram, strlen(unigram));
    expect_refused("tokenizer.json");
}

/* A small file that claims to be huge: nothing is allocated for what is not there. */
static void sizes_that_the_file_does_not_hold_are_refused(void **state)
{
    heed_config huge = config;

    (void)state;
    huge.vocab_size = huge.d_model = 1 << 24;
    huge.n_layers = 1024;
    write_config(&huge);
    expect_refused("wte.weight");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void a_vocabulary_with_merges_serves_where_no_tokenizer_json_is(void **state)
{
    static const char vocab[] = "{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"<|endoftext|>\":5}";
    static const char merges[] = "#version: 0.2\na b\nab c\n";
    heed_model *opened = NULL;
    heed_error err = {0};
    int32_t *ids = NULL;
    size_t n = 0;

    (void)state;
    assert_int_equal(remove(inside("tokenizer.json")), 0);
    write_text("vocab.json", vocab, sizeof vocab - 1);
    assert_int_equal(heed_model_open(folder, &opened, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "merges.txt"));
    write_text("merges.txt", merges, sizeof merges - 1);
    if (heed_model_open(folder, &opened, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_tokenizer_vocab_size(heed_model_tokenizer(opened)), 6);
    assert_int_equal(heed_model_encode(opened, "abcab", 5, &ids, &n, &err), HEED_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 4);
    assert_int_equal(ids[1], 3);
    assert_memory_equal(heed_model_piece(opened, 4, &n), "abc", 4);
    free(ids);
    heed_model_close(opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_written_model_is_read_to_the_bit),
        IN_FOLDER(a_model_without_a_tokenizer_opens_and_says_so),
        IN_FOLDER(text_becomes_tokens_or_names_the_character),
        IN_FOLDER(a_vocabulary_with_merges_serves_where_no_tokenizer_json_is),
        IN_FOLDER(weights_in_other_forms_are_converted),
        IN_FOLDER(buffers_and_doubled_heads_of_published_files_are_passed_over),
        IN_FOLDER(a_model_in_parts_is_the_same_model),
        IN_FOLDER(configurations_of_published_models_are_read),
        IN_FOLDER(published_models_have_their_known_sizes),
        IN_FOLDER(numbers_that_json_has_not_are_refused),
        IN_FOLDER(another_architecture_is_refused_by_its_name),
        IN_FOLDER(weights_that_are_whole_numbers_are_refused),
        IN_FOLDER(a_missing_part_is_named),
        IN_FOLDER(a_truncated_file_is_refused_wherever_it_ends),
        IN_FOLDER(tensors_that_do_not_fit_are_named),
        IN_FOLDER(a_file_of_something_else_is_refused),
        IN_FOLDER(sizes_that_the_file_does_not_hold_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
