/* SPDX-License-Identifier: MIT */
/* Tensors in several files: seen as one set when index and files agree, and refused in one sentence otherwise. */
#include "folder.h"

#include <string.h>
#include <unistd.h>

#include "base/text_buffer.h"
#include "formats/shard_index.h"
#include "formats/shards.h"

#define FIRST  "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"

static const float numbers[4] = {1, 2, 3, 4};

static void write_text(const char *name, const char *text)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text, strlen(text)}, 1, NULL), HEED_OK);
}

/* A file with tensors of two numbers each: names apart by a space. */
static void write_shard(const char *name, const char *names)
{
    heed_safetensors_entry entries[8];
    char copy[128];
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", names);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        entries[n] = (heed_safetensors_entry){
            .name = word, .dtype = HEED_SAFETENSORS_F32, .rank = 1, .size = {2}, .data = numbers + n};
        n++;
    }
    assert_int_equal(heed_safetensors_write(inside(name), entries, n, NULL, 0, NULL), HEED_OK);
}

/* The files of a good set. */
static void write_set(void)
{
    unlink(inside(HEED_SHARDS_SINGLE));
    write_shard(FIRST, "a b");
    write_shard(SECOND, "c");
    write_text(HEED_SHARDS_INDEX, "{\"metadata\": {\"total_size\": 24}, \"weight_map\": {"
                                  "\"a\": \"" FIRST "\", \"b\": \"" FIRST "\", \"c\": \"" SECOND "\"}}");
}

static void write_map(const char *map)
{
    char text[1024];

    snprintf(text, sizeof text, "{\"weight_map\": {%s}}", map);
    write_text(HEED_SHARDS_INDEX, text);
}

static heed_shards *open_set(void)
{
    heed_shards *shards = NULL;
    heed_error err = {0};

    if (heed_shards_open(folder, &shards, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return shards;
}

static void expect_refused(const char *part)
{
    heed_shards *shards = NULL;
    heed_error err = {0};
    const heed_status status = heed_shards_open(folder, &shards, &err);

    if (status != HEED_ERR_FILE)
        fail_msg("expected to be refused for %s, got status %d: %s", part, (int)status, err.message);
    assert_null(shards);
    if (strstr(err.message, part) == NULL || strchr(err.message, '\n') != NULL ||
        strchr(err.message, '\x1b') != NULL)
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err.message);
}

static void several_files_are_one_set(void **state)
{
    heed_shards *shards;

    (void)state;
    write_set();
    shards = open_set();
    assert_int_equal(heed_shards_n_files(shards), 2);
    assert_int_equal(heed_shards_n_entries(shards), 3);
    assert_string_equal(heed_shards_at(shards, 0)->name, "a");
    assert_string_equal(heed_shards_at(shards, 2)->name, "c");
    assert_ptr_equal(heed_shards_find(shards, "b"), heed_shards_at(shards, 1));
    assert_true(heed_safetensors_f32(heed_shards_find(shards, "b"))[1] == 3.0f);
    assert_true(heed_safetensors_f32(heed_shards_find(shards, "c"))[0] == 1.0f);
    assert_null(heed_shards_find(shards, "d"));
    assert_non_null(strstr(heed_shards_where(shards), HEED_SHARDS_INDEX));
    assert_non_null(strstr(heed_shards_find(shards, "c")->where, SECOND));
    heed_shards_close(shards);
}

static void a_single_file_goes_before_an_index(void **state)
{
    heed_shards *shards;

    (void)state;
    write_set();
    write_shard(HEED_SHARDS_SINGLE, "a");
    shards = open_set();
    assert_int_equal(heed_shards_n_files(shards), 1);
    assert_int_equal(heed_shards_n_entries(shards), 1);
    assert_non_null(heed_shards_find(shards, "a"));
    assert_null(heed_shards_find(shards, "c"));
    heed_shards_close(shards);
    unlink(inside(HEED_SHARDS_SINGLE));
}

static void a_name_that_leads_out_of_the_folder_is_refused(void **state)
{
    static const char *const names[] = {"../" FIRST,
                                        "/tmp/" FIRST,
                                        "sub/" FIRST,
                                        ".",
                                        "..",
                                        "",
                                        ".hidden.safetensors",
                                        "..\\\\" FIRST,
                                        ".safetensors",
                                        "config.json",
                                        FIRST "/../" FIRST,
                                        "\\u001b[2J/x.safetensors"};
    char map[256];

    (void)state;
    write_set();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(map, sizeof map, "\"a\": \"%s\"", names[i]);
        write_map(map);
        expect_refused("expected the name of a .safetensors file in this folder");
    }
    write_map("\"a\": 1");
    expect_refused("tensor \"a\": expected the name of a file");
    write_map("\"a\": null");
    expect_refused("tensor \"a\": expected the name of a file");
}

static void an_index_that_is_none_is_refused(void **state)
{
    (void)state;
    write_set();
    write_text(HEED_SHARDS_INDEX, "{}");
    expect_refused("expected a \"weight_map\"");
    write_text(HEED_SHARDS_INDEX, "{\"weight_map\": [1]}");
    expect_refused("expected a \"weight_map\"");
    write_map("");
    expect_refused("is empty");
    write_text(HEED_SHARDS_INDEX, "");
    expect_refused("nothing");
    write_text(HEED_SHARDS_INDEX, "[]");
    expect_refused("object");
    write_map("\"a\": \"" FIRST "\", \"a\": \"" SECOND "\"");
    expect_refused("duplicate");
}

static void more_files_than_anyone_has_are_refused(void **state)
{
    heed_text_buffer text = {0};

    (void)state;
    write_set();
    heed_text_puts(&text, "{\"weight_map\": {");
    for (int i = 0; i <= HEED_SHARD_INDEX_MAX_FILES; i++)
        heed_text_printf(&text, "%s\"t%d\": \"m%d.safetensors\"", i > 0 ? "," : "", i, i);
    heed_text_puts(&text, "}}");
    write_text(HEED_SHARDS_INDEX, text.data);
    expect_refused("at most 1024 files");
    heed_text_free(&text);
}

static void a_file_that_is_missing_or_damaged_is_named(void **state)
{
    (void)state;
    write_set();
    unlink(inside(SECOND));
    expect_refused("\"" SECOND "\" that it lists is not there (2 of 2)");
    write_text(SECOND, "{}");
    expect_refused(SECOND ": not a safetensors file");
    write_set();
    write_map("\"a\": \"" FIRST "\", \"b\": \"" FIRST "\", \"c\": \"gone\\u001b[2J.safetensors\"");
    expect_refused("gone\\x1B[2J.safetensors");
}

static void a_tensor_in_another_file_than_listed_is_named(void **state)
{
    (void)state;
    write_set();
    write_map("\"a\": \"" FIRST "\", \"b\": \"" SECOND "\", \"c\": \"" SECOND "\"");
    expect_refused("tensor \"b\" should be in \"" SECOND "\" but is in \"" FIRST "\"");
    write_set();
    write_shard(SECOND, "b c"); /* listed for the first, which has it too */
    expect_refused("tensor \"b\" should be in \"" FIRST "\" but is in another too: \"" SECOND "\"");
    write_set();
    write_map("\"a\": \"" FIRST "\", \"b\": \"" FIRST "\", \"c\": \"" SECOND "\", \"d\": \"" SECOND "\"");
    expect_refused("tensor \"d\" should be in \"" SECOND "\", which has none of that name");
    write_set();
    write_shard(SECOND, "c e");
    expect_refused("the tensor \"e\" of \"" SECOND "\" is not listed");
}

static void weights_of_another_kind_are_named_with_what_to_do(void **state)
{
    static const char *const names[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                                        "flax_model.msgpack"};

    (void)state;
    unlink(inside(HEED_SHARDS_INDEX));
    expect_refused("found neither");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        write_text(names[i], "PK");
        expect_refused(names[i]);
        expect_refused("save_pretrained(");
        unlink(inside(names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_files_are_one_set),
        cmocka_unit_test(a_single_file_goes_before_an_index),
        cmocka_unit_test(a_name_that_leads_out_of_the_folder_is_refused),
        cmocka_unit_test(an_index_that_is_none_is_refused),
        cmocka_unit_test(more_files_than_anyone_has_are_refused),
        cmocka_unit_test(a_file_that_is_missing_or_damaged_is_named),
        cmocka_unit_test(a_tensor_in_another_file_than_listed_is_named),
        cmocka_unit_test(weights_of_another_kind_are_named_with_what_to_do),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
