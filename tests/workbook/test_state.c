/* SPDX-License-Identifier: MIT */
/* The notebook: what is kept, by whom, and that nothing is lost when it is killed, damaged, full or written twice at once. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "../cmocka_all.h"

#include <fcntl.h>
#include <heed/workbook.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../folder.h"

#define ID "pp.q10"

static heed_notebook *open_at(const char *path)
{
    heed_notebook *notebook = NULL;
    heed_error err = {0};

    if (heed_notebook_open(path, &notebook, &err) != HEED_OK)
        fail_msg("%s: %s", path, err.message);
    return notebook;
}

static heed_workbook *open_book; /* posings lend from it */

static heed_posing *pose(int64_t variant)
{
    heed_posing *p = NULL;

    if (open_book == NULL)
        assert_int_equal(heed_workbook_open(&open_book, NULL), HEED_OK);
    assert_int_equal(heed_workbook_pose(open_book, ID, variant, &p, NULL), HEED_OK);
    return p;
}

static int close_book(void **state)
{
    heed_workbook_close(open_book);
    return remove_folder(state);
}

static void put(const char *path, const char *text)
{
    const heed_bytes piece = {text, strlen(text)};

    assert_int_equal(heed_file_write(path, &piece, 1, NULL), HEED_OK);
}

static void assert_file_is(const char *path, const char *text)
{
    heed_file file;

    assert_int_equal(heed_file_open(&file, path, NULL), HEED_OK);
    assert_int_equal(file.size, strlen(text));
    assert_memory_equal(file.data, text, file.size);
    heed_file_close(&file);
}

/* --- what is kept --- */

static void what_is_kept_is_read_again(void **state)
{
    heed_posing *p = pose(0);
    heed_notebook *notebook = open_at(inside("a/b/kept.json")), *again;
    heed_notebook_entry entry;

    (void)state;
    assert_null(heed_notebook_now(notebook));
    assert_int_equal(heed_notebook_attempted(notebook, p, false, "1 1; 0 1", NULL), HEED_OK);
    assert_int_equal(heed_notebook_hinted(notebook, ID, 2, NULL), HEED_OK);
    assert_int_equal(heed_notebook_note(notebook, ID, "rows look \xe2\x88\x9e", NULL), HEED_OK);
    assert_int_equal(heed_notebook_explained(notebook, ID, NULL), HEED_OK);
    assert_int_equal(heed_notebook_attempted(notebook, p, true, "1 0; 1 1", NULL), HEED_OK);
    again = open_at(inside("a/b/kept.json"));
    entry = heed_notebook_entry_of(again, ID);
    assert_string_equal(heed_notebook_now(again), ID);
    assert_int_equal(entry.n_right, 1);
    assert_int_equal(entry.n_wrong, 1);
    assert_int_equal(entry.n_tried, 2);
    assert_int_equal(entry.n_hints, 2);
    assert_true(entry.explained);
    assert_string_equal(entry.note, "rows look \xe2\x88\x9e");
    assert_int_equal(heed_notebook_n_attempts(again, ID), 2);
    assert_string_equal(heed_notebook_attempt_at(again, ID, 1).answer, "1 0; 1 1");
    assert_true(heed_notebook_attempt_at(again, ID, 1).ok);
    assert_int_equal(heed_notebook_entry_of(again, "pp.none").n_right, 0);
    heed_notebook_close(again);
    heed_notebook_close(notebook);
    heed_posing_destroy(p);
}

static void other_numbers_begin_anew_and_keep_what_was_right(void **state)
{
    heed_posing *source = pose(0), *seventh = pose(7);
    heed_notebook *notebook = open_at(inside("numbers.json"));
    heed_notebook_entry entry;

    (void)state;
    assert_int_equal(heed_notebook_attempted(notebook, source, true, "x", NULL), HEED_OK);
    assert_int_equal(heed_notebook_hinted(notebook, ID, 3, NULL), HEED_OK);
    assert_int_equal(heed_notebook_use(notebook, ID, 7, NULL, NULL), HEED_OK);
    entry = heed_notebook_entry_of(notebook, ID);
    assert_int_equal(entry.variant, 7);
    assert_int_equal(entry.n_tried + entry.n_hints, 0);
    assert_int_equal(entry.n_right, 1);
    assert_int_equal(heed_notebook_attempted(notebook, source, true, "late", NULL), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_tried, 0); /* it was about other numbers */
    assert_int_equal(heed_notebook_attempted(notebook, seventh, true, "y", NULL), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_tried, 1);
    assert_int_equal(heed_notebook_use(notebook, ID, 7, "{\"seq_len\": 5}", NULL), HEED_OK);
    entry = heed_notebook_entry_of(notebook, ID);
    assert_string_equal(entry.params, "{\"seq_len\":5}");
    assert_int_equal(entry.n_tried, 0);
    assert_int_equal(heed_notebook_use(notebook, ID, 0, "[5]", NULL), HEED_ERR_USAGE);
    heed_notebook_close(notebook);
    heed_posing_destroy(source);
    heed_posing_destroy(seventh);
}

static void the_numbers_in_force_are_posed(void **state)
{
    heed_notebook *notebook = open_at(inside("posed.json"));
    heed_workbook *book = NULL;
    heed_posing *p = NULL;

    (void)state;
    assert_int_equal(heed_workbook_open(&book, NULL), HEED_OK);
    assert_int_equal(heed_notebook_use(notebook, ID, 0, "{\"seq_len\": 5}", NULL), HEED_OK);
    assert_int_equal(heed_notebook_pose(notebook, book, ID, &p, NULL), HEED_OK);
    assert_string_equal(heed_posing_params(p), "{\"seq_len\":5}");
    assert_int_equal(heed_notebook_attempted(notebook, p, true, "z", NULL), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_tried, 1);
    heed_posing_destroy(p);
    assert_int_equal(heed_notebook_use(notebook, ID, 0, "{\"gone\": 5}", NULL), HEED_OK); /* of an older heed */
    assert_int_equal(heed_notebook_pose(notebook, book, ID, &p, NULL), HEED_OK);
    assert_string_equal(heed_posing_params(p), "{\"seq_len\":3}");
    heed_posing_destroy(p);
    heed_workbook_close(book);
    heed_notebook_close(notebook);
}

static void long_answers_are_cut_between_characters_and_old_attempts_go(void **state)
{
    heed_posing *p = pose(0);
    heed_notebook *notebook = open_at(inside("long.json"));
    char answer[2001];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof answer; i += 2)
        memcpy(answer + i, i == 0 ? "a\xc3" : "\xbc\xc3", 2); /* an umlaut lies across every even place */
    answer[sizeof answer - 1] = '\0';
    for (int i = 0; i < 25; i++)
        assert_int_equal(heed_notebook_attempted(notebook, p, false, answer, NULL), HEED_OK);
    assert_int_equal(heed_notebook_n_attempts(notebook, ID), 20);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_wrong, 25);
    assert_int_equal(strlen(heed_notebook_attempt_at(notebook, ID, 0).answer), 511);
    assert_int_equal(heed_notebook_note(notebook, ID, "\xff", NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_notebook_attempted(notebook, p, false, "\xff", NULL), HEED_OK);
    heed_notebook_close(notebook);
    heed_posing_destroy(p);
}

static void what_is_not_known_stays_in_the_file(void **state)
{
    heed_notebook *notebook;
    heed_file file;

    (void)state;
    put(inside("newer.json"), "{\"heed_workbook\": 1, \"tomorrow\": [1], \"exercises\": {\"zz.q99\": "
                              "{\"right\": 4, \"colour\": \"red\"}}}");
    notebook = open_at(inside("newer.json"));
    assert_int_equal(heed_notebook_entry_of(notebook, "zz.q99").n_right, 4);
    assert_int_equal(heed_notebook_hinted(notebook, ID, 1, NULL), HEED_OK);
    heed_notebook_close(notebook);
    assert_int_equal(heed_file_open(&file, inside("newer.json"), NULL), HEED_OK);
    assert_non_null(memmem(file.data, file.size, "tomorrow", 8));
    assert_non_null(memmem(file.data, file.size, "red", 3));
    heed_file_close(&file);
}

static void forgetting_is_about_one_and_reset_keeps_the_old_file(void **state)
{
    heed_notebook *notebook = open_at(inside("reset.json"));

    (void)state;
    assert_int_equal(heed_notebook_hinted(notebook, ID, 1, NULL), HEED_OK);
    assert_int_equal(heed_notebook_hinted(notebook, "pp.q11", 1, NULL), HEED_OK);
    assert_int_equal(heed_notebook_forget(notebook, ID, NULL), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_hints, 0);
    assert_int_equal(heed_notebook_entry_of(notebook, "pp.q11").n_hints, 1);
    assert_int_equal(heed_notebook_reset(notebook, NULL), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, "pp.q11").n_hints, 0);
    heed_notebook_close(notebook);
    notebook = open_at(inside("reset.json.old"));
    assert_int_equal(heed_notebook_entry_of(notebook, "pp.q11").n_hints, 1);
    heed_notebook_close(notebook);
}

static void the_environment_says_where_it_is(void **state)
{
    static const struct {
        const char *own, *xdg, *home, *path;
    } cases[] = {{"/x/n.json", "/state", "/home/me", "/x/n.json"},
                 {"", "/state", "/home/me", "/state/heed/workbook.json"},
                 {NULL, "relative", "/home/me", "/home/me/.local/state/heed/workbook.json"},
                 {NULL, NULL, "/home/me", "/home/me/.local/state/heed/workbook.json"},
                 {NULL, NULL, NULL, ""}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const values[] = {cases[i].own, cases[i].xdg, cases[i].home};
        static const char *const names[] = {"HEED_WORKBOOK", "XDG_STATE_HOME", "HOME"};
        heed_notebook *notebook = NULL;
        heed_error err = {0};

        for (int k = 0; k < 3; k++) {
            if (values[k] != NULL)
                setenv(names[k], values[k], 1);
            else
                unsetenv(names[k]);
        }
        assert_int_equal(heed_notebook_open(NULL, &notebook, &err),
                         cases[i].path[0] != '\0' ? HEED_OK : HEED_ERR_USAGE);
        assert_string_equal(heed_notebook_path(notebook), cases[i].path);
        heed_notebook_close(notebook);
    }
}

/* --- what goes wrong --- */

static void a_damaged_file_is_named_and_left_alone(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"heed_workbook\": 1}",
                                        "{\"heed_workbook\": 2, \"exercises\": {}}",
                                        "{\"heed_workbook\": 1, \"exercises\": {\"a\": 3}}",
                                        "{\"heed_workbook\": 1, \"exercises\": {}} x",
                                        "{\"heed_workbook\": 1, \"exercises\": {}, \"now\": \"\xff\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        heed_notebook *notebook = NULL;
        heed_error err = {0};

        put(inside("damaged.json"), texts[i]);
        assert_int_equal(heed_notebook_open(inside("damaged.json"), &notebook, &err), HEED_ERR_FILE);
        assert_non_null(strstr(err.message, "damaged.json"));
        assert_int_equal(heed_notebook_hinted(notebook, ID, 2, &err), HEED_ERR_FILE);
        assert_int_equal(heed_notebook_entry_of(notebook, ID).n_hints, 2);
        assert_file_is(inside("damaged.json"), texts[i]);
        assert_int_equal(heed_notebook_reset(notebook, &err), HEED_OK);
        assert_int_equal(heed_notebook_hinted(notebook, ID, 1, &err), HEED_OK);
        assert_file_is(inside("damaged.json.old"), texts[i]);
        heed_notebook_close(notebook);
    }
}

static void odd_values_in_it_are_none(void **state)
{
    heed_notebook *notebook;
    heed_notebook_entry entry;

    (void)state;
    put(inside("odd.json"), "{\"heed_workbook\": 1, \"now\": 7, \"exercises\": {\"pp.q10\": {\"variant\": -3, "
                            "\"params\": \"x\", \"right\": "
                            "\"many\", \"hints\": 1e300, \"note\": [], \"attempts\": [3, {\"answer\": 4}]}}}");
    notebook = open_at(inside("odd.json"));
    entry = heed_notebook_entry_of(notebook, ID);
    assert_int_equal(entry.variant + entry.n_right + entry.n_hints, 0);
    assert_null(entry.params);
    assert_null(entry.note);
    assert_null(heed_notebook_now(notebook));
    assert_string_equal(heed_notebook_attempt_at(notebook, ID, 0).answer, "");
    assert_string_equal(heed_notebook_attempt_at(notebook, ID, 1).answer, "");
    assert_int_equal(heed_notebook_hinted(notebook, ID, 1, NULL), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_hints, 1);
    heed_notebook_close(notebook);
}

static void a_place_that_cannot_be_written_is_named_and_memory_goes_on(void **state)
{
    heed_notebook *notebook = NULL;
    heed_error err = {0};

    (void)state;
    put(inside("file"), "x");
    notebook = open_at(inside("file/workbook.json"));
    assert_int_equal(heed_notebook_hinted(notebook, ID, 1, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "file"));
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_hints, 1);
    assert_int_equal(heed_notebook_refresh(notebook, &err), HEED_OK);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_hints, 1);
    heed_notebook_close(notebook);
}

/* A limit on the size of files fails a write like a full disk does. What could not be saved is saved with the next. */
static void a_full_disk_keeps_the_old_file_and_later_all_is_saved(void **state)
{
    (void)state;
    heed_notebook *first = open_at(inside("full.json"));
    char note[4000];
    pid_t child;
    int code = 0;

    memset(note, 'n', sizeof note - 1);
    note[sizeof note - 1] = '\0';
    assert_int_equal(heed_notebook_hinted(first, ID, 1, NULL), HEED_OK);
    heed_notebook_close(first);
    child = fork();
    if (child == 0) {
        struct rlimit limit;
        heed_error err = {0};
        heed_notebook *notebook = NULL, *other = NULL;
        int failures = 0;

        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &limit);
        const rlim_t before = limit.rlim_cur;
        limit.rlim_cur = 2000;
        setrlimit(RLIMIT_FSIZE, &limit);
        failures += heed_notebook_open(inside("full.json"), &notebook, &err) != HEED_OK;
        failures += heed_notebook_note(notebook, "pp.q11", note, &err) != HEED_ERR_FILE;
        failures += strstr(err.message, "the earlier file is kept") == NULL;
        failures += heed_notebook_open(inside("full.json"), &other, &err) != HEED_OK;
        failures += heed_notebook_entry_of(other, ID).n_hints != 1 ||
                    heed_notebook_entry_of(other, "pp.q11").note != NULL;
        limit.rlim_cur = before;
        setrlimit(RLIMIT_FSIZE, &limit);
        failures += heed_notebook_hinted(notebook, ID, 2, &err) != HEED_OK;
        _exit(failures);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    first = open_at(inside("full.json"));
    assert_int_equal(heed_notebook_entry_of(first, ID).n_hints, 2);
    assert_string_equal(heed_notebook_entry_of(first, "pp.q11").note, note);
    heed_notebook_close(first);
}

enum { N_WRITERS = 4, N_CHANGES = 20 };

static void many_workbooks_at_once_lose_nothing(void **state)
{
    heed_posing *p = pose(0);
    heed_notebook *notebook;
    char id[16];

    (void)state;
    for (int k = 0; k < N_WRITERS; k++) {
        if (fork() != 0)
            continue;
        notebook = open_at(inside("many.json"));
        snprintf(id, sizeof id, "own.%d", k);
        for (int i = 0; i < N_CHANGES; i++) {
            if (heed_notebook_attempted(notebook, p, i % 2 == 0, "x", NULL) != HEED_OK ||
                heed_notebook_hinted(notebook, id, i + 1, NULL) != HEED_OK)
                _exit(1);
        }
        _exit(0);
    }
    for (int k = 0; k < N_WRITERS; k++) {
        int code = 1;
        assert_true(wait(&code) > 0);
        assert_int_equal(code, 0);
    }
    notebook = open_at(inside("many.json"));
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_right, N_WRITERS * N_CHANGES / 2);
    assert_int_equal(heed_notebook_entry_of(notebook, ID).n_wrong, N_WRITERS * N_CHANGES / 2);
    for (int k = 0; k < N_WRITERS; k++) {
        snprintf(id, sizeof id, "own.%d", k);
        assert_int_equal(heed_notebook_entry_of(notebook, id).n_hints, N_CHANGES);
    }
    heed_notebook_close(notebook);
    heed_posing_destroy(p);
}

static void a_lock_that_is_held_for_a_moment_is_waited_for(void **state)
{
    const struct timespec moment = {0, 200000000};
    heed_notebook *notebook = open_at(inside("held.json"));
    pid_t child;
    int pipes[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        const int fd = open(inside("held.json.lock"), O_RDWR | O_CREAT, 0666);

        flock(fd, LOCK_EX);
        if (write(pipes[1], "x", 1) == 1)
            nanosleep(&moment, NULL);
        _exit(0);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_int_equal(heed_notebook_hinted(notebook, ID, 1, NULL), HEED_OK);
    waitpid(child, NULL, 0);
    close(pipes[0]);
    close(pipes[1]);
    heed_notebook_close(notebook);
}

/* Whenever it is killed, all that was said to be saved is there, and at most the one change behind it. */
static void a_killed_workbook_has_lost_nothing_that_it_saved(void **state)
{
    (void)state;
    for (int round = 0; round < 15; round++) {
        const struct timespec moment = {0, 3000000 + round * 1700000};
        int64_t said = 0, one;
        heed_notebook *notebook;
        int pipes[2];
        pid_t child;

        unlink(inside("killed.json"));
        assert_int_equal(pipe(pipes), 0);
        child = fork();
        if (child == 0) {
            close(pipes[0]);
            notebook = open_at(inside("killed.json"));
            for (int64_t n = 1; heed_notebook_hinted(notebook, ID, n, NULL) == HEED_OK; n++) {
                if (write(pipes[1], &n, sizeof n) != sizeof n)
                    break;
            }
            _exit(0);
        }
        close(pipes[1]);
        nanosleep(&moment, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(pipes[0], &one, sizeof one) == sizeof one)
            said = one;
        close(pipes[0]);
        notebook = open_at(inside("killed.json"));
        one = heed_notebook_entry_of(notebook, ID).n_hints;
        if (one < said || one > said + 1)
            fail_msg("round %d: %lld changes were saved, the file has %lld", round, (long long)said,
                     (long long)one);
        assert_int_equal(heed_notebook_hinted(notebook, ID, said + 5, NULL), HEED_OK); /* the lock is free */
        heed_notebook_close(notebook);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_read_again),
        cmocka_unit_test(other_numbers_begin_anew_and_keep_what_was_right),
        cmocka_unit_test(the_numbers_in_force_are_posed),
        cmocka_unit_test(long_answers_are_cut_between_characters_and_old_attempts_go),
        cmocka_unit_test(what_is_not_known_stays_in_the_file),
        cmocka_unit_test(forgetting_is_about_one_and_reset_keeps_the_old_file),
        cmocka_unit_test(the_environment_says_where_it_is),
        cmocka_unit_test(a_damaged_file_is_named_and_left_alone),
        cmocka_unit_test(odd_values_in_it_are_none),
        cmocka_unit_test(a_place_that_cannot_be_written_is_named_and_memory_goes_on),
        cmocka_unit_test(a_full_disk_keeps_the_old_file_and_later_all_is_saved),
        cmocka_unit_test(many_workbooks_at_once_lose_nothing),
        cmocka_unit_test(a_lock_that_is_held_for_a_moment_is_waited_for),
        cmocka_unit_test(a_killed_workbook_has_lost_nothing_that_it_saved),
    };

    return cmocka_run_group_tests(tests, make_folder, close_book);
}
