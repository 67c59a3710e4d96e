/* SPDX-License-Identifier: MIT */
/*
 * Folders made to hurt: each is refused in one sentence, and none makes heed take more memory than the folder has bytes,
 * and a constant. The limit is the system's own (RLIMIT_AS) in a process for each; files that are mapped count as well.
 */
#include "folder.h"

#include <heed/model.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text_buffer.h"
#include "formats/shards.h"
#include "nn/config_json.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* it takes terabytes of addresses for itself */
#endif

enum { CONSTANT = 64 << 20 };

static const char good_config[] = "{\"model_type\": \"gpt2\", \"vocab_size\": 4, \"n_positions\": 2, "
                                  "\"n_embd\": 2, \"n_layer\": 1, \"n_head\": 1}";

/* --- files --- */

static size_t bytes_written; /* of the folder that is being made */

static void put_bytes(const char *name, const void *data, size_t n)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){data, n}, 1, NULL), HEED_OK);
    bytes_written += n;
}

static void put_text(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

/* A safetensors with this header and n zero bytes of data; claimed: the size of the header that it states. */
static void put_tensors(const char *name, uint64_t claimed, const char *header, size_t n)
{
    const size_t header_bytes = strlen(header);
    unsigned char *all = calloc(1, 8 + header_bytes + n);

    assert_non_null(all);
    for (int i = 0; i < 8; i++)
        all[i] = (unsigned char)(claimed >> (8 * i));
    memcpy(all + 8, header, header_bytes);
    put_bytes(name, all, 8 + header_bytes + n);
    free(all);
}

static void begin_folder(void)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf '%s'/*", folder);
    assert_int_equal(system(command), 0);
    bytes_written = 0;
    put_text("config.json", good_config);
}

/* `piece` n times, between the two others. */
static char *repeated(const char *before, const char *piece, size_t n, const char *after)
{
    heed_text_buffer text = {0};

    heed_text_puts(&text, before);
    for (size_t i = 0; i < n; i++)
        heed_text_puts(&text, piece);
    heed_text_puts(&text, after);
    assert_false(text.failed);
    return text.data;
}

/* --- opening them --- */

static size_t address_space(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");

    if (in != NULL && fscanf(in, "%ld", &pages) != 1)
        pages = 0;
    if (in != NULL)
        fclose(in);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_memory(void)
{
#ifndef SANITIZED
    const size_t now = address_space();
    const struct rlimit limit = {now + bytes_written + CONSTANT, now + bytes_written + CONSTANT};

    if (now > 0)
        setrlimit(RLIMIT_AS, &limit);
#else
    (void)address_space;
#endif
}

/* Opens the folder in a process of its own; what it ended with and said lies in shared memory. */
static void expect_refused(const char *part)
{
    heed_error *err = mmap(NULL, sizeof *err, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int code = 0;
    pid_t pid;

    assert_ptr_not_equal(err, MAP_FAILED);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        heed_model *model = NULL;
        limit_memory();
        _exit((int)heed_model_open(folder, &model, err));
    }
    assert_int_equal(waitpid(pid, &code, 0), pid);
    if (!WIFEXITED(code) || WEXITSTATUS(code) != HEED_ERR_FILE)
        fail_msg("expected to be refused for \"%s\", got %d: %s", part, code, err->message);
    if (strstr(err->message, part) == NULL || err->message[strcspn(err->message, "\n\x1b")] != '\0')
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err->message);
    munmap(err, sizeof *err);
}

static void expect_tensors_refused(const char *header, size_t n, const char *part)
{
    begin_folder();
    put_tensors("model.safetensors", strlen(header), header, n);
    expect_refused(part);
}

/* --- tensors --- */

#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void headers_of_impossible_sizes(void **state)
{
    static const struct {
        uint64_t claimed;
        const char *part;
    } cases[] = {{0, "starts with {"},
                 {(uint64_t)1 << 63, "not a whole safetensors file"},
                 {UINT64_MAX, "not a whole safetensors file"},
                 {UINT64_MAX - 7, "not a whole safetensors file"},
                 {1000, "not a whole safetensors file"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_folder();
        put_tensors("model.safetensors", cases[i].claimed, "{}", 100);
        expect_refused(cases[i].part);
    }
    begin_folder(); /* a terabyte of nothing on no disk */
    put_text("model.safetensors", "");
    if (truncate(inside("model.safetensors"), (off_t)1 << 30) == 0) {
        bytes_written += (size_t)1 << 30;
        expect_refused("starts with {");
    }
}

static void data_that_lies_elsewhere(void **state)
{
    (void)state;
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,2]",
                                      "[0,32]") "," TENSOR("wpe.weight", "F32", "[2,2]", "[16,32]") "}",
                           32, "overlaps");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,2]",
                                      "[0,32]") "," TENSOR("wpe.weight", "F32", "[2,2]", "[36,52]") "}",
                           52, "a gap");
    expect_tensors_refused(
        "{" TENSOR("wte.weight", "F32", "[4,2]", "[9223372036854775776,9223372036854775807]") "}", 32,
        "has only 32 bytes");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,2]", "[0,32]") "}", 16, "is it cut off?");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,2]", "[32,0]") "}", 32, "impossible");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,2]", "[0,18446744073709551616]") "}", 32,
                           "not valid JSON");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,3]", "[0,32]") "}", 32, "expected 48 bytes");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4611686018427387905,2]", "[0,32]") "}", 32,
                           "more elements");
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[1e99]", "[0,32]") "}", 32, "sizes of 0 or more");
}

/* The good part of a file that is not aligned is read all the same; what is refused comes behind it. */
static void unaligned_data_is_read_and_the_rest_is_missed(void **state)
{
    (void)state;
    expect_tensors_refused("{" TENSOR("h.0.attn.masked_bias", "U8", "[1]",
                                      "[0,1]") "," TENSOR("wte.weight", "F32", "[4,2]", "[1,33]") "}",
                           33, "expected a tensor wpe.weight");
}

static void names_and_types_that_do_not_belong(void **state)
{
    (void)state;
    expect_tensors_refused("{" TENSOR("wte.weight", "F32", "[4,2]",
                                      "[0,32]") "," TENSOR("wte.weight", "F32", "[4,2]", "[32,64]") "}",
                           64, "duplicate");
    expect_tensors_refused("{" TENSOR("wte.weight", "I32", "[4,2]", "[0,32]") "}", 32,
                           "expected F32, F16, BF16 or F64");
    expect_tensors_refused("{" TENSOR("wte.weight", "F8_E4M3", "[4,2]", "[0,8]") "}", 8,
                           "the type \"F8_E4M3\"");
    expect_tensors_refused("{" TENSOR("wte.weight", "\\u001b[2J", "[4,2]", "[0,8]") "}", 8, "\\x1B[2J");
    expect_tensors_refused("{" TENSOR("\\u001b]0;title\\u0007", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4,
                           "\\x1B]0;title");
}

static void headers_without_an_end(void **state)
{
    char *dimensions = repeated("{\"wte.weight\":{\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":[1", ",1",
                                1000000, "]}}");
    char *deep = repeated("{\"a\":", "[", 1000000, "");
    char *deep_objects = repeated("", "{\"a\":", 1000000, "");
    char *endless = repeated("{\"a", "a", 8000000, "");
    char *numbers = repeated("{\"a\":[0", ",0", 7000000, "]}");
    char *digits = repeated("{\"wte.weight\":{\"shape\":[1", "0", 1000000, "]}}");

    (void)state;
    expect_tensors_refused(dimensions, 4, "JSON values");
    expect_tensors_refused(deep, 0, "levels");
    expect_tensors_refused(deep_objects, 0, "levels");
    expect_tensors_refused(endless, 0, "not valid JSON");
    expect_tensors_refused(numbers, 0, "JSON values");
    expect_tensors_refused(digits, 0, "not valid JSON");
    free(dimensions);
    free(deep);
    free(deep_objects);
    free(endless);
    free(numbers);
    free(digits);
    dimensions = repeated("{\"wte.weight\":{\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":[1", ",1",
                          200000, "]}}");
    expect_tensors_refused(dimensions, 4, "at most 8 sizes");
    free(dimensions);
}

/* As many values as are let through, in the form that takes most memory. */
static void the_largest_header_that_is_read_fits_the_constant(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    heed_text_puts(&text, "{\"x\":0");
    for (int i = 0; i < (1 << 18) - 8; i++)
        heed_text_printf(&text, ",\"%x\":{}", i);
    heed_text_puts(&text, "}");
    assert_false(text.failed);
    expect_tensors_refused(text.data, 0, "expected");
    heed_text_free(&text);
}

/* --- the configuration --- */

static void configurations_that_are_none(void **state)
{
    char *deep = repeated("{\"a\":", "[", 100000, "");
    char *wide = repeated("{\"model_type\":\"gpt2\",\"a\":[0", ",0", 500000, "]}");
    char *large = repeated("{\"a\":\"", "a", 2000000, "\"}");
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"{\"model_type\": \"gpt2\", \"vocab_size\": NaN}", "not valid JSON"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 1e999}", "not valid JSON"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 4, \"n_embd\": 2, \"n_layer\": -1, \"n_head\": 1}",
         "n_layer"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 4, \"n_embd\": 3, \"n_layer\": 1, \"n_head\": 2}",
         "n_heads"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 99999999999, \"n_embd\": 2, \"n_layer\": 1, \"n_head\": "
         "1}",
         "vocab_size"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 4.5, \"n_embd\": 2, \"n_layer\": 1, \"n_head\": 1}",
         "vocab_size"},
        {"{\"model_type\": \"gpt2\"", "not valid JSON"},
        {"{\"model_type\": \"gpt2\", \"model_type\": \"heed\"}", "duplicate"},
        {"{\"model_type\": \"\\u001b[2J\"}", "\\x1B[2J"},
        {"{\"model_type\": \"gpt\\u0000\"}", "not valid JSON"},
        {"[]", "expected a JSON object"},
        {"", "expected a JSON object, got nothing"},
        {"\xff\xfe{\"", "not valid JSON"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_folder();
        put_text("config.json", cases[i].text);
        expect_refused(cases[i].part);
    }
    begin_folder();
    put_text("config.json", deep);
    expect_refused("levels");
    put_text("config.json", wide); /* let through as far as it is none of the keys that are read */
    expect_refused("vocab_size");
    put_text("config.json", large);
    expect_refused("at most 1048576 bytes");
    free(deep);
    free(wide);
    free(large);
}

static void configurations_of_models_that_are_not_there(void **state)
{
    (void)state;
    begin_folder(); /* a table of 2^48 numbers, a thousand layers */
    put_text("config.json",
             "{\"model_type\": \"gpt2\", \"vocab_size\": 16777216, \"n_embd\": 16777216, \"n_layer\": 1024, "
             "\"n_head\": 1, \"n_positions\": 16777216, \"n_inner\": 16777216}");
    put_tensors("model.safetensors", 48, "{" TENSOR("a", "U8", "[1]", "[0,1]") "}", 1);
    expect_refused("model.safetensors");
    put_tensors("model.safetensors", strlen("{" TENSOR("a", "U8", "[1]", "[0,1]") "}"),
                "{" TENSOR("a", "U8", "[1]", "[0,1]") "}", 1);
    expect_refused("expected a tensor wte.weight");
}

/* --- parts --- */

static void indices_that_lead_astray(void **state)
{
    static const struct {
        const char *map, *part;
    } cases[] = {
        {"\"a\": \"../../../../etc/passwd\"", "in this folder, got \"../../../../etc/passwd\""},
        {"\"a\": \"../model.safetensors\"", "in this folder"},
        {"\"a\": \"/dev/zero\"", "in this folder"},
        {"\"a\": \"\\u001b[2J.safetensors\"", "\\x1B[2J.safetensors"},
        {"\"a\": \"gone.safetensors\"", "is not there"},
        {"\"a\": \"x.safetensors\", \"a\": \"x.safetensors\"", "duplicate"},
        {"\"a\": {\"a\": {}}", "expected the name of a file"},
    };
    heed_text_buffer text = {0};
    char *deep = repeated("{\"weight_map\":", "{\"a\":", 1000000, "");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char all[256];
        begin_folder();
        snprintf(all, sizeof all, "{\"weight_map\": {%s}}", cases[i].map);
        put_text(HEED_SHARDS_INDEX, all);
        expect_refused(cases[i].part);
    }
    begin_folder();
    put_text(HEED_SHARDS_INDEX, deep);
    expect_refused("levels");
    heed_text_puts(&text, "{\"weight_map\": {\"a\": \"a.safetensors\"");
    for (int i = 0; i < 200000; i++)
        heed_text_printf(&text, ",\"t%d\":\"%d.safetensors\"", i, i % 2000);
    heed_text_puts(&text, "}}");
    put_text(HEED_SHARDS_INDEX, text.data);
    expect_refused("at most 1024 files");
    heed_text_free(&text);
    free(deep);
}

/* What opens a file must not wait for one that never ends. */
static void what_is_no_file_is_not_waited_for(void **state)
{
    (void)state;
    begin_folder();
    assert_int_equal(mkfifo(inside("model.safetensors"), 0600), 0);
    expect_refused("a pipe or a device");
    begin_folder();
    assert_int_equal(symlink("/dev/zero", inside("model.safetensors")), 0);
    expect_refused("a pipe or a device");
    begin_folder();
    assert_int_equal(heed_folder_make(inside("model.safetensors"), NULL), HEED_OK);
    expect_refused("a folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_impossible_sizes),
        cmocka_unit_test(data_that_lies_elsewhere),
        cmocka_unit_test(unaligned_data_is_read_and_the_rest_is_missed),
        cmocka_unit_test(names_and_types_that_do_not_belong),
        cmocka_unit_test(headers_without_an_end),
        cmocka_unit_test(the_largest_header_that_is_read_fits_the_constant),
        cmocka_unit_test(configurations_that_are_none),
        cmocka_unit_test(configurations_of_models_that_are_not_there),
        cmocka_unit_test(indices_that_lead_astray),
        cmocka_unit_test(what_is_no_file_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
