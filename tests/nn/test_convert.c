/* SPDX-License-Identifier: MIT */
/* Converting: every form opens as the same model, numbers are rounded once, and nothing is lost or left half-done. */
#include "folder.h"

#include <dirent.h>
#include <heed/convert.h>
#include <heed/model.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formats/json.h"
#include "formats/shards.h"
#include "nn/config_json.h"

/* A small GPT-2 with random weights, single precision, a tied head, names without a prefix. */
static char source[512];

static int set_up(void **state)
{
    const char *data = getenv("HEED_TEST_DATA");

    snprintf(source, sizeof source, "%s/vectors/gpt2", data != NULL ? data : "tests");
    return make_folder(state);
}

static heed_model *open_model(const char *path)
{
    heed_model *model = NULL;
    heed_error err = {0};

    if (heed_model_open(path, &model, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return model;
}

static heed_conversion convert(const char *from, const char *to, const heed_convert_options *options)
{
    heed_conversion done;
    heed_error err = {0};

    if (heed_model_convert(from, to, options, &done, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return done;
}

static void expect_refused(const char *from, const char *to, const heed_convert_options *options,
                           heed_status expected, const char *part)
{
    heed_error err = {0};
    const heed_status status = heed_model_convert(from, to, options, NULL, &err);

    if (status != expected || strstr(err.message, part) == NULL)
        fail_msg("expected status %d with \"%s\", got %d: %s", (int)expected, part, (int)status, err.message);
}

/* Entries of the test's folder; what a conversion leaves beside its target would be among them. */
static int count_entries(void)
{
    DIR *listing = opendir(folder);
    int n = 0;

    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(listing);
    return n;
}

static void remove_all(void)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf '%s'/*", folder);
    assert_int_equal(system(command), 0);
}

/* x in steps of its last kept bit, to the nearest, ties to even; bits: of the significand with its leading one. */
static double rounded(double x, int bits, int least_exponent)
{
    int exponent;

    frexp(x, &exponent);
    if (exponent < least_exponent)
        exponent = least_exponent;
    return ldexp(nearbyint(ldexp(x, bits - exponent)), exponent - bits);
}

static void expect_same(const char *a, const char *b, int bits, int least_exponent)
{
    heed_model *x = open_model(a), *y = open_model(b);

    for (int i = 0; i < heed_model_n_parameters(y); i++) {
        const heed_parameter q = heed_model_parameter(y, i);
        const heed_parameter p = heed_model_parameter(x, strcmp(q.name, "lm_head.weight") == 0 ? 0 : i);
        float *before = malloc((size_t)p.count * sizeof *before),
              *after = malloc((size_t)p.count * sizeof *after);

        assert_true(before != NULL && after != NULL);
        heed_model_read_parameter(x, strcmp(q.name, "lm_head.weight") == 0 ? 0 : i, before);
        heed_model_read_parameter(y, i, after);
        for (int64_t k = 0; k < p.count; k++) {
            const double wanted = bits > 0 ? rounded((double)before[k], bits, least_exponent)
                                           : (double)before[k];
            if ((double)after[k] != wanted)
                fail_msg("%s[%lld]: %.9g became %.9g, expected %.9g", q.name, (long long)k, (double)before[k],
                         (double)after[k], wanted);
        }
        free(before);
        free(after);
    }
    heed_model_close(x);
    heed_model_close(y);
}

static void every_form_opens_as_the_same_model(void **state)
{
    /* bits of the significand, and the exponent below which the steps stay as they are */
    static const int bits[] = {0, 0, 11, 8}, least[] = {0, 0, -13, -125};

    (void)state;
    for (int dtype = HEED_CONVERT_KEEP; dtype <= HEED_CONVERT_BF16; dtype++) {
        for (int form = 0; form < 8; form++) {
            heed_convert_options options = heed_convert_options_default();
            options.dtype = dtype;
            options.prefix = form & 1;
            options.max_shard_bytes = form & 2 ? 20000 : 0;
            options.head = form & 4 ? HEED_CONVERT_HEAD_UNTIED : HEED_CONVERT_HEAD_KEEP;
            const heed_conversion done = convert(source, inside("out"), &options);
            /* which takes no head of its own beside names without the prefix */
            assert_int_equal(done.for_transformers, options.prefix || !(form & 4));
            assert_true(done.bytes > 0);
            assert_int_equal(done.n_files > 1, (form & 2) != 0);
            assert_int_equal(done.n_tensors, form & 4 ? 29 : 28);
            expect_same(source, inside("out"), bits[dtype], least[dtype]);
            assert_int_equal(count_entries(), 1);
            remove_all();
        }
    }
}

static void names_have_the_prefix_or_not(void **state)
{
    heed_convert_options options = heed_convert_options_default();
    heed_shards *shards = NULL;

    (void)state;
    options.head = HEED_CONVERT_HEAD_UNTIED;
    convert(source, inside("a"), &options);
    options.prefix = false;
    convert(source, inside("b"), &options);
    assert_int_equal(heed_shards_open(inside("a"), &shards, NULL), HEED_OK);
    assert_non_null(heed_shards_find(shards, "transformer.h.1.mlp.c_fc.bias"));
    assert_non_null(heed_shards_find(shards, "lm_head.weight"));
    heed_shards_close(shards);
    assert_int_equal(heed_shards_open(inside("b"), &shards, NULL), HEED_OK);
    assert_non_null(heed_shards_find(shards, "h.1.mlp.c_fc.bias"));
    assert_non_null(heed_shards_find(shards, "lm_head.weight"));
    heed_shards_close(shards);
    remove_all();
}

static void no_file_holds_more_than_asked_for_unless_one_tensor_does(void **state)
{
    heed_convert_options options = heed_convert_options_default();
    heed_shards *shards = NULL;
    size_t in_file = 0, n_in_file = 0;
    const char *file = "";

    (void)state;
    options.max_shard_bytes = 15000; /* wte is 97 x 36 x 4 = 13,968; c_fc is 36 x 144 x 4 = 20,736 */
    convert(source, inside("out"), &options);
    assert_int_equal(heed_shards_open(inside("out"), &shards, NULL), HEED_OK);
    for (size_t i = 0; i < heed_shards_n_entries(shards); i++) {
        const heed_safetensors_entry *entry = heed_shards_at(shards, i);
        if (strcmp(entry->where, file) != 0)
            in_file = n_in_file = 0;
        file = entry->where;
        in_file += entry->bytes;
        n_in_file++;
        assert_true(in_file <= 15000 || n_in_file == 1);
    }
    heed_shards_close(shards);
    options.overwrite = true;
    options.max_shard_bytes = (int64_t)1 << 40;
    assert_int_equal(convert(source, inside("out"), &options).n_files, 1);
    assert_true(heed_file_exists(inside("out/model.safetensors")));
    assert_false(heed_file_exists(inside("out/" HEED_SHARDS_INDEX)));
    remove_all();
}

/* Gives a tensor of the model in that folder the numbers value and -value in two places. */
static void change_number(const char *name, const char *parameter, float value)
{
    heed_shards *shards = NULL;
    heed_safetensors_entry entries[64];
    float *copy = NULL;
    char path[200];

    assert_int_equal(heed_shards_open(inside(name), &shards, NULL), HEED_OK);
    for (size_t i = 0; i < heed_shards_n_entries(shards); i++) {
        entries[i] = *heed_shards_at(shards, i);
        if (strcmp(entries[i].name, parameter) == 0) {
            copy = malloc(entries[i].bytes);
            assert_non_null(copy);
            memcpy(copy, entries[i].data, entries[i].bytes);
            copy[3] = value;
            copy[5] = -value;
            entries[i].data = copy;
        }
    }
    snprintf(path, sizeof path, "%s/model.safetensors", inside(name));
    assert_int_equal(heed_safetensors_write(path, entries, heed_shards_n_entries(shards), NULL, 0, NULL),
                     HEED_OK);
    heed_shards_close(shards);
    free(copy);
}

/* A model whose tensors have odd numbers of numbers. */
static void write_odd_model(const char *name)
{
    heed_config config = heed_config_default();
    heed_model *model = NULL;
    heed_safetensors_entry entries[64];
    char path[200];
    json_t *object;

    config.vocab_size = 11;
    config.context_length = config.d_model = config.n_heads = 3;
    config.d_mlp = 5;
    config.n_layers = 1;
    assert_int_equal(heed_folder_make(inside(name), NULL), HEED_OK);
    assert_int_equal(heed_model_create(&config, 1, &model, NULL), HEED_OK);
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        entries[i] = (heed_safetensors_entry){
            .name = p.name, .dtype = HEED_SAFETENSORS_F32, .rank = p.rank, .data = p.data};
        memcpy(entries[i].size, p.size, sizeof p.size);
    }
    snprintf(path, sizeof path, "%s/model.safetensors", inside(name));
    assert_int_equal(
        heed_safetensors_write(path, entries, (size_t)heed_model_n_parameters(model), NULL, 0, NULL), HEED_OK);
    snprintf(path, sizeof path, "%s/config.json", inside(name));
    object = heed_config_to_json(&config);
    assert_int_equal(heed_json_write(path, object, NULL), HEED_OK);
    json_decref(object);
    heed_model_close(model);
}

static void tensors_begin_at_multiples_of_their_numbers_size(void **state)
{
    (void)state;
    write_odd_model("odd");
    for (int dtype = HEED_CONVERT_KEEP; dtype <= HEED_CONVERT_INT8; dtype++) {
        heed_convert_options options = heed_convert_options_default();
        heed_shards *shards = NULL;
        options.dtype = dtype;
        options.overwrite = true;
        options.max_shard_bytes = 100;
        assert_true(convert(inside("odd"), inside("out"), &options).n_files > 1);
        assert_int_equal(heed_shards_open(inside("out"), &shards, NULL), HEED_OK);
        for (size_t i = 0; i < heed_shards_n_entries(shards); i++) {
            const heed_safetensors_entry *entry = heed_shards_at(shards, i);
            assert_true((uintptr_t)entry->data % heed_safetensors_dtype_bytes(entry->dtype) == 0);
        }
        heed_shards_close(shards);
        heed_model_close(open_model(inside("out")));
    }
    remove_all();
}

static void a_number_too_large_is_refused_with_its_tensor(void **state)
{
    heed_convert_options options = heed_convert_options_default();

    (void)state;
    convert(source, inside("large"), &options);
    options.dtype = HEED_CONVERT_F16;
    change_number("large", "transformer.h.1.mlp.c_fc.bias", 65520.0f); /* half way to what would be 65536 */
    expect_refused(inside("large"), inside("out"), &options, HEED_ERR_CHECK,
                   "transformer.h.1.mlp.c_fc.bias: 2 of 144 numbers are too large for F16");
    assert_int_equal(count_entries(), 1);
    change_number("large", "transformer.h.1.mlp.c_fc.bias", 65519.996f); /* the float before it */
    convert(inside("large"), inside("out"), &options);
    change_number("large", "transformer.h.1.mlp.c_fc.bias", INFINITY); /* is one already */
    options.overwrite = true;
    convert(inside("large"), inside("out"), &options);
    options.dtype = HEED_CONVERT_BF16;
    change_number("large", "transformer.h.1.mlp.c_fc.bias", 3.4e38f);
    expect_refused(inside("large"), inside("out"), &options, HEED_ERR_CHECK, "too large for BF16");
    remove_all();
}

static void a_head_is_tied_only_where_it_is_the_embedding(void **state)
{
    heed_convert_options options = heed_convert_options_default();
    heed_model *model;

    (void)state;
    options.head = HEED_CONVERT_HEAD_UNTIED;
    convert(source, inside("untied"), &options);
    model = open_model(inside("untied"));
    assert_false(heed_model_config(model)->tied_head);
    heed_model_close(model);
    options.head = HEED_CONVERT_HEAD_TIED;
    assert_int_equal(convert(inside("untied"), inside("tied"), &options).n_tensors, 28);
    expect_same(source, inside("tied"), 0, 0);
    model = open_model(inside("tied"));
    assert_true(heed_model_config(model)->tied_head);
    heed_model_close(model);

    /* a head of its own beside an embedding that has changed since */
    options.head = HEED_CONVERT_HEAD_KEEP;
    remove_all();
    options.overwrite = true;
    convert(source, inside("other"), &options);
    change_number("other", "transformer.wte.weight", 2.0f);
    options.head = HEED_CONVERT_HEAD_UNTIED;
    convert(inside("other"), inside("other"), &options); /* in its own place */
    model = open_model(inside("other"));
    assert_false(heed_model_config(model)->tied_head);
    assert_true(heed_model_parameter(model, 0).data[3] == 2.0f);
    heed_model_close(model);
    change_number("other", "transformer.wte.weight", 3.0f);
    options.head = HEED_CONVERT_HEAD_TIED;
    expect_refused(inside("other"), inside("tied"), &options, HEED_ERR_CHECK,
                   "lm_head.weight[0, 3] is 2, wte.weight has 3");
    remove_all();
}

static void what_is_there_is_not_replaced_unasked(void **state)
{
    heed_convert_options options = heed_convert_options_default();
    const heed_bytes piece = {"x", 1};

    (void)state;
    assert_int_equal(heed_folder_make(inside("out"), NULL), HEED_OK); /* an empty folder is nothing */
    convert(source, inside("out"), &options);
    expect_refused(source, inside("out"), &options, HEED_ERR_USAGE, "overwrite");
    options.overwrite = true;
    convert(source, inside("out"), &options);
    assert_int_equal(heed_file_write(inside("out/trainer.json"), &piece, 1, NULL), HEED_OK);
    expect_refused(source, inside("out"), &options, HEED_ERR_USAGE, "more than a model: trainer.json");
    assert_true(heed_file_exists(inside("out/trainer.json")));
    assert_int_equal(heed_file_write(inside("file"), &piece, 1, NULL), HEED_OK);
    expect_refused(source, inside("file"), &options, HEED_ERR_USAGE, "there is a file");
    expect_refused(inside("none"), inside("new"), &options, HEED_ERR_FILE, "nothing of that name");
    assert_int_equal(count_entries(), 2);
    remove_all();
}

static void files_of_the_tokenizer_go_along(void **state)
{
    heed_convert_options options = heed_convert_options_default();
    const heed_bytes piece = {"{}\n", 3};
    heed_file file;
    json_t *root = NULL;

    (void)state;
    convert(source, inside("from"), &options);
    assert_int_equal(heed_file_write(inside("from/merges.txt"), &piece, 1, NULL), HEED_OK);
    assert_int_equal(heed_file_write(inside("from/generation_config.json"), &piece, 1, NULL), HEED_OK);
    assert_int_equal(heed_file_write(inside("from/notes.txt"), &piece, 1, NULL), HEED_OK);
    options.dtype = HEED_CONVERT_BF16;
    assert_int_equal(convert(inside("from"), inside("to"), &options).n_copied, 2);
    assert_int_equal(heed_file_open(&file, inside("to/merges.txt"), NULL), HEED_OK);
    assert_int_equal(file.size, 3);
    heed_file_close(&file);
    assert_false(heed_file_exists(inside("to/notes.txt")));
    assert_int_equal(heed_json_load(inside("to/config.json"), HEED_JSON_CONFIG_BYTES, &root, NULL), HEED_OK);
    assert_string_equal(json_string_value(json_object_get(root, "torch_dtype")), "bfloat16");
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "architectures"), 0)),
                        "GPT2LMHeadModel");
    assert_non_null(json_object_get(root, "bos_token_id")); /* keys that heed does not read stay */
    json_decref(root);
    remove_all();
}

/* --- what ends it early --- */

typedef struct stop {
    int after;
    bool kill;
} stop;

static bool stop_after(void *context, double done, double all)
{
    stop *s = context;

    assert_true(done > 0 && done <= all);
    if (--s->after > 0)
        return true;
    if (s->kill)
        _exit(9); /* as much as a SIGKILL leaves: nothing of ours runs any more */
    return false;
}

static void an_interrupted_conversion_leaves_nothing(void **state)
{
    heed_convert_options options = heed_convert_options_default();
    stop s = {.after = 7};

    (void)state;
    options.progress = stop_after;
    options.progress_context = &s;
    expect_refused(source, inside("out"), &options, HEED_ERR_INTERRUPTED, "nothing was written");
    assert_int_equal(count_entries(), 0);
}

static void a_killed_conversion_leaves_no_model_and_the_next_one_tidies_up(void **state)
{
    heed_convert_options options = heed_convert_options_default();

    (void)state;
    for (int after = 1; after <= 28; after += 9) {
        stop s = {.after = after, .kill = true};
        int code = 0;
        options.progress = stop_after;
        options.progress_context = &s;
        options.max_shard_bytes = 20000;
        options.overwrite = true;
        const pid_t pid = fork();
        if (pid == 0)
            _exit((int)heed_model_convert(source, inside("out"), &options, NULL, NULL));
        assert_int_equal(waitpid(pid, &code, 0), pid);
        assert_int_equal(WEXITSTATUS(code), 9);
        assert_int_equal(heed_file_exists(inside("out")), after > 1);
        if (after > 1)
            expect_same(source, inside("out"), 0, 0); /* the one that was there before */
        options.progress = NULL;
        convert(source, inside("out"), &options);
        assert_int_equal(count_entries(), 1);
    }
    remove_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_opens_as_the_same_model),
        cmocka_unit_test(names_have_the_prefix_or_not),
        cmocka_unit_test(no_file_holds_more_than_asked_for_unless_one_tensor_does),
        cmocka_unit_test(tensors_begin_at_multiples_of_their_numbers_size),
        cmocka_unit_test(a_number_too_large_is_refused_with_its_tensor),
        cmocka_unit_test(a_head_is_tied_only_where_it_is_the_embedding),
        cmocka_unit_test(what_is_there_is_not_replaced_unasked),
        cmocka_unit_test(files_of_the_tokenizer_go_along),
        cmocka_unit_test(an_interrupted_conversion_leaves_nothing),
        cmocka_unit_test(a_killed_conversion_leaves_no_model_and_the_next_one_tidies_up),
    };
    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
