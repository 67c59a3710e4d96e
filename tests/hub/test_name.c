/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include <string.h>

#include "hub/name.h"

static void short_names_of_the_family_are_completed(void **state)
{
    static const char *const pairs[][2] = {
        {"gpt2", "openai-community/gpt2"},
        {"gpt2-xl", "openai-community/gpt2-xl"},
        {"distilgpt2", "distilbert/distilgpt2"},
        {"someone/gpt2", "someone/gpt2"},
        {"tiny", "tiny"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        heed_hub_name name;
        assert_int_equal(heed_hub_name_read(pairs[i][0], NULL, &name, NULL), HEED_OK);
        assert_string_equal(name.full, pairs[i][1]);
        assert_string_equal(name.given, pairs[i][0]);
        assert_string_equal(name.revision, "main");
        assert_int_equal(name.is_short, i != 3);
        assert_int_equal(name.is_known, i < 3);
    }
}

static void a_typo_gets_the_near_name_and_a_right_one_none(void **state)
{
    heed_hub_name name;

    (void)state;
    heed_hub_name_read("gtp2", NULL, &name, NULL);
    assert_string_equal(heed_hub_name_near(&name), "gpt2");
    heed_hub_name_read("distillgpt2", NULL, &name, NULL);
    assert_string_equal(heed_hub_name_near(&name), "distilgpt2");
    heed_hub_name_read("gpt2", NULL, &name, NULL);
    assert_null(heed_hub_name_near(&name));
    heed_hub_name_read("someone/gtp2", NULL, &name, NULL);
    assert_null(heed_hub_name_near(&name));
    heed_hub_name_read("llama-7b", NULL, &name, NULL);
    assert_null(heed_hub_name_near(&name));
}

/* Whatever passes may stand in a path, an address and a message. */
static void hostile_names_are_refused(void **state)
{
    static const char *const names[] = {
        "",          ".",        "..",       "../x",    "a/..",    "/etc",        "a/b/c",
        "a//b",      "a/",       "/a",       ".hidden", "a/.b",    "-x",          "a b",
        "a\nb",      "a\033[m",  "a%2fb",    "a?b",     "a#b",     "a\\b",        "a:b",
        "a\"b",      "\xc3\xa9", "a..b",     "gpt2@",   "gpt2@..", "gpt2@a/../b", "gpt2@/a",
        "gpt2@a//b", "gpt2@a b", "gpt2@a@b", "@main",   "a/b@.x",
    };
    char longest[256];
    heed_hub_name name;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        heed_error err = {0};
        if (heed_hub_name_read(names[i], NULL, &name, &err) == HEED_OK)
            fail_msg("\"%s\" was taken", names[i]);
        assert_int_equal(err.status, HEED_ERR_USAGE);
        assert_null(strpbrk(err.message, "\n\033"));
    }
    for (const char *file = "a..b"; file != NULL; file = strcmp(file, "a..b") == 0 ? "a/b" : NULL)
        assert_false(heed_hub_file_name_is_safe(file));
    memset(longest, 'a', sizeof longest);
    longest[96] = '\0';
    assert_int_equal(heed_hub_name_read(longest, NULL, &name, NULL), HEED_OK);
    longest[96] = 'a';
    longest[97] = '\0';
    assert_int_equal(heed_hub_name_read(longest, NULL, &name, NULL), HEED_ERR_USAGE);
}

static void every_revision_has_a_folder_of_its_own(void **state)
{
    static const char *const texts[][2] = {
        {"gpt2", "models/openai-community/gpt2"},
        {"gpt2@main", "models/openai-community/gpt2"},
        {"gpt2@v1.0", "models/openai-community/gpt2@v1.0"},
        {"tiny@refs/pr/1", "models/tiny@refs+pr+1"},
    };
    char path[HEED_HUB_NAME_PATH_BYTES];
    heed_hub_name name;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(heed_hub_name_read(texts[i][0], NULL, &name, NULL), HEED_OK);
        heed_hub_name_path(&name, path);
        assert_string_equal(path, texts[i][1]);
    }
}

static void a_revision_may_come_from_one_place_only(void **state)
{
    heed_hub_name name;

    (void)state;
    assert_int_equal(heed_hub_name_read("gpt2", "v1", &name, NULL), HEED_OK);
    assert_string_equal(name.revision, "v1");
    assert_int_equal(heed_hub_name_read("gpt2@v1", "v1", &name, NULL), HEED_OK);
    assert_int_equal(heed_hub_name_read("gpt2@v1", "v2", &name, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_hub_name_read("gpt2", "../v2", &name, NULL), HEED_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_names_of_the_family_are_completed),
        cmocka_unit_test(a_typo_gets_the_near_name_and_a_right_one_none),
        cmocka_unit_test(hostile_names_are_refused),
        cmocka_unit_test(every_revision_has_a_folder_of_its_own),
        cmocka_unit_test(a_revision_may_come_from_one_place_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
