/* SPDX-License-Identifier: MIT */
/* Files: what a reader sees, and that a failed write leaves the old file and nothing else. */
#include "cmocka_all.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "folder.h"

static int count_entries(const char *path)
{
    DIR *listing = opendir(path);
    int n = 0;

    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(listing);
    return n;
}

static heed_status write_text(const char *path, const char *text, heed_error *err)
{
    const heed_bytes piece = {text, strlen(text)};

    return heed_file_write(path, &piece, 1, err);
}

static void assert_holds(const char *path, const char *text)
{
    heed_file file;
    heed_error err = {0};

    if (heed_file_open(&file, path, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(file.size, strlen(text));
    assert_memory_equal(file.data, text, file.size);
    heed_file_close(&file);
}

static void pieces_are_written_one_after_the_other(void **state)
{
    const heed_bytes pieces[] = {{"one ", 4}, {"", 0}, {"two", 3}};

    (void)state;
    assert_int_equal(heed_file_write(inside("a"), pieces, 3, NULL), HEED_OK);
    assert_holds(inside("a"), "one two");
    assert_int_equal(heed_file_write(inside("a"), pieces, 1, NULL), HEED_OK);
    assert_holds(inside("a"), "one ");
    assert_int_equal(count_entries(folder), 1);
}

static void an_empty_file_has_size_zero_and_a_pointer(void **state)
{
    heed_file file;

    (void)state;
    assert_int_equal(heed_file_write(inside("empty"), NULL, 0, NULL), HEED_OK);
    assert_int_equal(heed_file_open(&file, inside("empty"), NULL), HEED_OK);
    assert_int_equal(file.size, 0);
    assert_non_null(file.data);
    heed_file_close(&file);
    heed_file_close(&file);
}

static void what_is_not_a_file_is_named(void **state)
{
    heed_error err = {0};
    heed_file file;

    (void)state;
    assert_int_equal(heed_file_open(&file, inside("none"), &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "none: cannot be opened: No such file"));
    assert_int_equal(heed_file_open(&file, folder, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "expected a file, got a folder"));
    assert_int_equal(mkfifo(inside("pipe"), 0600), 0);
    assert_int_equal(heed_file_open(&file, inside("pipe"), &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "a pipe or a device"));
    assert_null(file.data);
}

static void a_path_with_escapes_is_shown_without_them(void **state)
{
    heed_error err = {0};
    heed_file file;

    (void)state;
    assert_int_equal(heed_file_open(&file, "/none/\x1b[31m", &err), HEED_ERR_FILE);
    assert_null(strchr(err.message, '\x1b'));
    assert_non_null(strstr(err.message, "\\x1B[31m"));
}

static void a_pipe_or_folder_is_never_replaced(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(mkfifo(inside("pipe"), 0600), 0);
    assert_int_equal(write_text(inside("pipe"), "x", &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "not an ordinary file"));
    assert_int_equal(write_text(folder, "x", &err), HEED_ERR_FILE);
    assert_true(heed_file_is_folder(folder));
}

static void a_missing_folder_is_an_error_that_leaves_nothing(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(write_text(inside("no/such/file"), "x", &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(count_entries(folder), 0);
}

static void a_link_stays_and_its_file_changes(void **state)
{
    struct stat info;

    (void)state;
    assert_int_equal(write_text(inside("real"), "old", NULL), HEED_OK);
    assert_int_equal(chmod(inside("real"), 0640), 0);
    assert_int_equal(symlink("real", inside("link")), 0);
    assert_int_equal(write_text(inside("link"), "new", NULL), HEED_OK);
    assert_int_equal(lstat(inside("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_holds(inside("real"), "new");
    assert_int_equal(stat(inside("real"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

/* A limit on the size of files fails a write in its middle like a full disk does, with another reason. */
static void a_write_that_fails_in_the_middle_keeps_the_old_file(void **state)
{
    (void)state;
    assert_int_equal(write_text(inside("f"), "old", NULL), HEED_OK);
    const pid_t child = fork();
    if (child == 0) {
        static char big[1 << 20];
        const struct rlimit limit = {65536, 65536};
        const heed_bytes piece = {big, sizeof big};
        heed_error err = {0};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        const heed_status status = heed_file_write(inside("f"), &piece, 1, &err);
        const bool clear = strstr(err.message, "1048576 bytes cannot be written: File too large") != NULL &&
                           strstr(err.message, "(the earlier file is kept)") != NULL;
        _exit(status != HEED_ERR_FILE ? 1 : clear ? 0 : 2);
    }
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_holds(inside("f"), "old");
    assert_int_equal(count_entries(folder), 1);
}

/* Needs the right to mount; without it the test above covers the same path. */
static void a_full_disk_keeps_the_old_file(void **state)
{
    static char big[1 << 20];
    const heed_bytes piece = {big, sizeof big};
    heed_error err = {0};
    char command[256], file[96];

    (void)state;
    snprintf(command, sizeof command, "mount -t tmpfs -o size=64k tmpfs '%s' 2>/dev/null", folder);
    if (geteuid() != 0 || system(command) != 0)
        skip();
    snprintf(file, sizeof file, "%s", inside("f"));
    const heed_status before = write_text(file, "old", NULL);
    const heed_status during = heed_file_write(file, &piece, 1, &err);
    const int entries = count_entries(folder);
    char kept[8] = "";
    FILE *stream = fopen(file, "r");
    if (stream != NULL) {
        if (fgets(kept, sizeof kept, stream) == NULL)
            kept[0] = '\0';
        fclose(stream);
    }
    snprintf(command, sizeof command, "umount '%s'", folder);
    assert_int_equal(system(command), 0); /* before the assertions, so that a failure leaves no mount behind */
    assert_int_equal(before, HEED_OK);
    assert_int_equal(during, HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "No space left on device (the earlier file is kept)"));
    assert_int_equal(entries, 1);
    assert_string_equal(kept, "old");
}

static void folders_are_made_with_their_parents(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_folder_make(inside("a/b//c/"), NULL), HEED_OK);
    assert_int_equal(heed_folder_make(inside("a/b"), NULL), HEED_OK);
    assert_true(heed_file_is_folder(inside("a/b/c")));
    assert_int_equal(write_text(inside("a/f"), "x", NULL), HEED_OK);
    assert_int_equal(heed_folder_make(inside("a/f/g"), &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "Not a directory"));
    assert_false(heed_file_is_folder(inside("a/f")));
    assert_true(heed_file_exists(inside("a/f")));
    assert_int_equal(heed_folder_sync(folder, NULL), HEED_OK);
}

static void a_joined_path_that_does_not_fit_is_refused(void **state)
{
    char out[8];

    (void)state;
    assert_int_equal(heed_path_join(out, sizeof out, "abc", "def", NULL), HEED_OK);
    assert_string_equal(out, "abc/def");
    assert_int_equal(heed_path_join(out, sizeof out, "abc/", "def", NULL), HEED_OK);
    assert_string_equal(out, "abc/def");
    assert_int_equal(heed_path_join(out, sizeof out, "abc", "defg", NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_path_join(out, sizeof out, "", "def", NULL), HEED_OK);
    assert_string_equal(out, "def");
}

/* A process number that nobody has: of a child that is gone. */
static long dead_process(void)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return (long)child;
}

static void what_dead_writers_left_is_swept_away_and_nothing_else(void **state)
{
    const long dead = dead_process(), living = (long)getppid();
    char names[9][64];
    int n = 0;

    (void)state;
    snprintf(names[n++], sizeof names[0], "f.%ld-0.tmp", dead);
    snprintf(names[n++], sizeof names[0], "f.%ld-12.tmp", dead);
    snprintf(names[n++], sizeof names[0], "f.%ld-0.tmp",
             (long)getpid()); /* of an earlier process of our number */
    const int n_gone = n;
    snprintf(names[n++], sizeof names[0], "f.%ld-0.tmp", living);
    snprintf(names[n++], sizeof names[0], "f.%ld-0.tmp.old", dead);
    snprintf(names[n++], sizeof names[0], "f.%ld.tmp", dead);
    snprintf(names[n++], sizeof names[0], "g.%ld-0.tmp", dead);
    snprintf(names[n++], sizeof names[0], "f.%s-0.tmp", "12x");
    snprintf(names[n++], sizeof names[0], "f");
    for (int i = 0; i < n; i++)
        assert_int_equal(write_text(inside(names[i]), "left", NULL), HEED_OK);
    heed_file_sweep(inside("f"));
    for (int i = 0; i < n; i++) {
        if (heed_file_exists(inside(names[i])) != (i >= n_gone))
            fail_msg("%s %s", names[i], i < n_gone ? "is still there" : "is gone");
    }
    heed_file_sweep(inside("missing/f")); /* a folder that is not there has nothing in it */
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(pieces_are_written_one_after_the_other),
        IN_FOLDER(an_empty_file_has_size_zero_and_a_pointer),
        IN_FOLDER(what_is_not_a_file_is_named),
        IN_FOLDER(a_path_with_escapes_is_shown_without_them),
        IN_FOLDER(a_pipe_or_folder_is_never_replaced),
        IN_FOLDER(a_missing_folder_is_an_error_that_leaves_nothing),
        IN_FOLDER(a_link_stays_and_its_file_changes),
        IN_FOLDER(a_write_that_fails_in_the_middle_keeps_the_old_file),
        IN_FOLDER(a_full_disk_keeps_the_old_file),
        IN_FOLDER(folders_are_made_with_their_parents),
        IN_FOLDER(what_dead_writers_left_is_swept_away_and_nothing_else),
        IN_FOLDER(a_joined_path_that_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
