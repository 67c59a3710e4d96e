/* SPDX-License-Identifier: MIT */
/* The engine's functions that answer code exercises. */
#include "cmocka_all.h"

#include <heed/workbook.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* A file of heed's sources; its bytes are not ended by a zero. */
static heed_file open_source(const char *name)
{
    const char *tests = getenv("HEED_TEST_DATA");
    heed_file file = {0};
    heed_error err = {HEED_OK, ""};
    char path[1024];

    assert_non_null(tests);
    snprintf(path, sizeof path, "%s/../%s", tests, name);
    if (heed_file_open(&file, path, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return file;
}

/* Where line `number` begins. */
static const char *line_of(const heed_file *file, int number)
{
    const char *at = file->data, *end = file->data + file->size;

    for (; number > 1 && at != NULL; number--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    assert_non_null(at);
    return at;
}

/* The comment is above the line, the definition from it on. */
static void check_source(const char *id, heed_posing_source s)
{
    heed_file file = open_source(s.file);
    const char *at = line_of(&file, s.line), *end = file.data + file.size;
    const char *definition = s.text[0] == '/' ? strstr(s.text, "*/\n") + 3 : s.text;
    const size_t n = strlen(definition);
    const char *name = strstr(definition, s.function);

    if ((size_t)(end - at) < n || memcmp(at, definition, n) != 0)
        fail_msg("%s: %s:%d is not the text of %s", id, s.file, s.line, s.function);
    if (name == NULL || name > strchr(definition, '\n') || name[strlen(s.function)] != '(')
        fail_msg("%s: %s:%d does not define %s", id, s.file, s.line, s.function);
    assert_string_equal(definition + n - 3, "\n}\n");
    heed_file_close(&file);
}

static void each_code_exercise_has_functions_of_the_engine(void **state)
{
    heed_workbook *book = NULL;
    int n_found = 0;

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    for (int i = 0; i < heed_workbook_count(book); i++) {
        const heed_exercise_info *info = heed_workbook_info(book, i);
        heed_posing *p = NULL;
        int n;

        assert_int_equal(heed_workbook_pose(book, info->id, 0, &p, NULL), HEED_OK);
        n = heed_posing_n_sources(p);
        if (n == 0 && info->kind == HEED_EXERCISE_CODE)
            fail_msg("%s: expected a line in workbook/sources.txt", info->id);
        for (int k = 0; k < n; k++)
            check_source(info->id, heed_posing_source_at(p, k));
        n_found += n;
        heed_posing_destroy(p);
    }
    assert_true(n_found > 40);
    heed_workbook_close(book);
}

/* Lines of the list for an id that is no exercise would never be seen. */
static void each_line_of_the_list_is_of_an_exercise(void **state)
{
    heed_workbook *book = NULL;
    heed_file list = open_source("workbook/sources.txt");
    const char *end = list.data + list.size;

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    for (const char *line = list.data; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        char id[32];

        snprintf(id, sizeof id, "%.*s", (int)strcspn(line, " \n"), line);
        if (line[0] != '#' && id[0] != '\0' && heed_workbook_find(book, id, NULL) < 0)
            fail_msg("workbook/sources.txt: there is no exercise %s", id);
        line = next != NULL ? next + 1 : end;
    }
    heed_workbook_close(book);
    heed_file_close(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_exercise_has_functions_of_the_engine),
        cmocka_unit_test(each_line_of_the_list_is_of_an_exercise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
