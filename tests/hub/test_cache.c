/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <heed/pull.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/cache.h"
#include "hub/record.h"

static void put(const char *path, const char *text)
{
    const heed_bytes piece = {text, strlen(text)};

    assert_int_equal(heed_file_write(path, &piece, 1, NULL), HEED_OK);
}

static void make(const char *name)
{
    assert_int_equal(heed_folder_make(inside(name), NULL), HEED_OK);
}

/* A model in the cache, by its path below models/. */
static void put_model(const char *name, bool pulled)
{
    char path[160];

    snprintf(path, sizeof path, "models/%s", name);
    make(path);
    snprintf(path, sizeof path, "models/%s/config.json", name);
    put(inside(path), "{}");
    snprintf(path, sizeof path, "models/%s/pull.json", name);
    if (pulled)
        put(inside(path), "{}");
}

static void use_cache(void)
{
    setenv("HEED_CACHE", folder, 1);
}

static void the_cache_follows_the_xdg_rules(void **state)
{
    char path[HEED_PULL_PATH_BYTES];

    (void)state;
    setenv("HOME", "/home/me", 1);
    setenv("XDG_CACHE_HOME", "", 1);
    unsetenv("HEED_CACHE");
    assert_int_equal(heed_cache_folder(path, sizeof path, NULL), HEED_OK);
    assert_string_equal(path, "/home/me/.cache/heed");
    setenv("XDG_CACHE_HOME", "relative", 1); /* counts as unset */
    assert_int_equal(heed_cache_folder(path, sizeof path, NULL), HEED_OK);
    assert_string_equal(path, "/home/me/.cache/heed");
    setenv("XDG_CACHE_HOME", "/var/cache/me", 1);
    assert_int_equal(heed_cache_folder(path, sizeof path, NULL), HEED_OK);
    assert_string_equal(path, "/var/cache/me/heed");
    setenv("HEED_CACHE", "/big/disk", 1);
    assert_int_equal(heed_cache_folder(path, sizeof path, NULL), HEED_OK);
    assert_string_equal(path, "/big/disk");
    setenv("HEED_CACHE", "disk", 1);
    assert_int_equal(heed_cache_folder(path, sizeof path, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_cache_folder(path, 5, NULL), HEED_ERR_USAGE);
    use_cache();
}

static void a_folder_wins_over_a_pulled_model(void **state)
{
    char path[HEED_PULL_PATH_BYTES], expected[HEED_PULL_PATH_BYTES];

    (void)state;
    use_cache();
    put_model("openai-community/gpt2", true);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(heed_model_find("gpt2", path, sizeof path, NULL), HEED_OK);
    snprintf(expected, sizeof expected, "%s/models/openai-community/gpt2", folder);
    assert_string_equal(path, expected);
    make("gpt2");
    assert_int_equal(heed_model_find("gpt2", path, sizeof path, NULL), HEED_OK);
    assert_string_equal(path, "gpt2");
    rmdir("gpt2");
    assert_int_equal(chdir("/"), 0);
}

static void what_is_neither_is_named_with_what_to_do(void **state)
{
    char path[HEED_PULL_PATH_BYTES];
    heed_error err = {0};

    (void)state;
    use_cache();
    assert_int_equal(heed_model_find("gpt2-xl", path, sizeof path, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "models/openai-community/gpt2-xl"));
    assert_int_equal(heed_can_pull(), strstr(err.message, "heed pull gpt2-xl") != NULL);
    /* a path is left to whoever opens it */
    assert_int_equal(heed_model_find("./none", path, sizeof path, &err), HEED_OK);
    assert_int_equal(heed_model_find("none.json", path, sizeof path, &err), HEED_OK);
    assert_int_equal(heed_model_find("gpt2", path, 4, &err), HEED_ERR_USAGE);
}

static void the_list_shows_models_and_stopped_pulls_by_name(void **state)
{
    heed_cached *models = NULL;
    int n = -1;

    (void)state;
    use_cache();
    put_model("tiny@refs+pr+1", true);
    put_model("someone/by-hand", false);
    put_model("someone/.half.pulling", true);
    make("models/someone/empty");
    put(inside("models/someone/file"), "x");
    make("models/.hidden/x");
    assert_int_equal(heed_cache_list(&models, &n, NULL), HEED_OK);
    assert_int_equal(n, 4);
    assert_string_equal(models[0].name, "openai-community/gpt2");
    assert_string_equal(models[1].name, "someone/by-hand");
    assert_string_equal(models[2].name, "someone/half");
    assert_string_equal(models[3].name, "tiny@refs/pr/1");
    for (int i = 0; i < n; i++)
        assert_int_equal(models[i].complete, i != 2);
    assert_int_equal(models[1].bytes, 2);
    free(models);
}

static void only_what_was_pulled_is_removed(void **state)
{
    (void)state;
    use_cache();
    put_model("someone/pulled", true);
    put_model("someone/by-hand", false);
    put_model("someone/.half.pulling", true);
    assert_int_equal(heed_cache_remove("someone/pulled", NULL), HEED_OK);
    assert_false(heed_file_exists(inside("models/someone/pulled")));
    assert_int_equal(heed_cache_remove("someone/half", NULL), HEED_OK);
    assert_false(heed_file_exists(inside("models/someone/.half.pulling")));
    assert_int_equal(heed_cache_remove("someone/by-hand", NULL), HEED_ERR_FILE);
    assert_true(heed_file_exists(inside("models/someone/by-hand/config.json")));
    assert_int_equal(heed_cache_remove("../x", NULL), HEED_ERR_USAGE);
}

/* A link in the place of a model is taken away; what it points to stays. */
static void removing_does_not_follow_a_link(void **state)
{
    (void)state;
    use_cache();
    make("elsewhere");
    put(inside("elsewhere/config.json"), "{}");
    put(inside("elsewhere/pull.json"), "{}");
    assert_int_equal(symlink(inside("elsewhere"), inside("models/someone/link")), 0);
    assert_int_equal(heed_cache_remove("someone/link", NULL), HEED_OK);
    assert_true(heed_file_exists(inside("elsewhere/config.json")));
    assert_false(heed_file_exists(inside("models/someone/link")));
}

static void a_lock_excludes_others_and_leaves_no_file(void **state)
{
    heed_hub_name name;
    heed_place place;
    int first = -1, second = -1;

    (void)state;
    use_cache();
    assert_int_equal(heed_hub_name_read("someone/locked", NULL, &name, NULL), HEED_OK);
    assert_int_equal(heed_place_find(&name, NULL, &place, NULL), HEED_OK);
    assert_int_equal(heed_place_lock(&place, &first, NULL), HEED_OK);
    assert_true(first >= 0);
    assert_int_equal(heed_place_lock(&place, &second, NULL), HEED_OK);
    assert_int_equal(second, -1);
    heed_place_unlock(&place, first);
    assert_false(heed_file_exists(place.lock));
    assert_int_equal(heed_place_lock(&place, &second, NULL), HEED_OK);
    assert_true(second >= 0);
    heed_place_unlock(&place, second);
}

/* Killed between two renamings: the old model is back, or the new one stays; never both, never none. */
static void a_publication_that_was_killed_is_mended(void **state)
{
    heed_hub_name name;
    heed_place place;

    (void)state;
    use_cache();
    assert_int_equal(heed_hub_name_read("someone/mended", NULL, &name, NULL), HEED_OK);
    assert_int_equal(heed_place_find(&name, NULL, &place, NULL), HEED_OK);
    put_model("someone/.mended.old", true);
    heed_place_mend(&place);
    assert_true(heed_place_was_pulled(place.folder));
    assert_false(heed_file_exists(place.old));
    put_model("someone/.mended.old", true);
    heed_place_mend(&place);
    assert_true(heed_place_was_pulled(place.folder));
    assert_false(heed_file_exists(place.old));
    /* and one that goes well */
    put_model("someone/.mended.pulling", true);
    put(inside("models/someone/.mended.pulling/new"), "x");
    assert_int_equal(heed_place_publish(&place, NULL), HEED_OK);
    assert_true(heed_file_exists(inside("models/someone/mended/new")));
    assert_false(heed_file_exists(place.old));
    assert_false(heed_file_exists(place.pulling));
}

static void a_record_comes_back_as_it_was(void **state)
{
    heed_record record = {.n = 0}, again;
    heed_record_file *file = heed_record_get(&record, "model.safetensors");

    (void)state;
    make("record");
    assert_non_null(file);
    *file = (heed_record_file){
        .name = "model.safetensors", .bytes = INT64_MAX, .etag = "\"a\\b\"", .done = true};
    strcpy(record.base_url, "http://127.0.0.1:1");
    strcpy(record.commit, "0123");
    assert_ptr_equal(heed_record_get(&record, "model.safetensors"), record.files);
    assert_non_null(heed_record_get(&record, "config.json"));
    assert_int_equal(heed_record_save(inside("record"), &record, NULL), HEED_OK);
    assert_int_equal(heed_record_load(inside("record"), &again, NULL), HEED_OK);
    assert_string_equal(again.base_url, record.base_url);
    assert_string_equal(again.commit, record.commit);
    assert_int_equal(again.n, 2);
    assert_true(again.files[0].bytes == INT64_MAX && again.files[0].done);
    assert_string_equal(again.files[0].etag, "\"a\\b\"");
    assert_true(again.files[1].bytes == -1 && !again.files[1].done);
    heed_record_free(&record);
    heed_record_free(&again);
}

static void a_hostile_record_reads_as_an_empty_one(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{\"files\": []}",
        "{\"files\": {\"../x\": {\"bytes\": 1}}}",
        "{\"files\": {\"a\": 1}}",
        "{\"files\": {\"a\": {\"bytes\": -2}}}",
        "{\"files\": {\"a\": {\"bytes\": 1e999}}}",
        "{\"name\": 3}",
        "{\"files\": {\"\": {}}}",
    };

    (void)state;
    make("hostile");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        heed_record record;
        put(inside("hostile/pull.json"), texts[i]);
        assert_int_equal(heed_record_load(inside("hostile"), &record, NULL), HEED_OK);
        if (record.n != 0 || record.name[0] != '\0')
            fail_msg("%s was taken", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cache_follows_the_xdg_rules),
        cmocka_unit_test(a_folder_wins_over_a_pulled_model),
        cmocka_unit_test(what_is_neither_is_named_with_what_to_do),
        cmocka_unit_test(the_list_shows_models_and_stopped_pulls_by_name),
        cmocka_unit_test(only_what_was_pulled_is_removed),
        cmocka_unit_test(removing_does_not_follow_a_link),
        cmocka_unit_test(a_lock_excludes_others_and_leaves_no_file),
        cmocka_unit_test(a_publication_that_was_killed_is_mended),
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_hostile_record_reads_as_an_empty_one),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
