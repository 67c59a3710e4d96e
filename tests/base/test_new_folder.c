/* SPDX-License-Identifier: MIT */
/* A folder appears whole or not at all, replaces another as a whole, and leaves nothing beside it. */
#include "folder.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/new_folder.h"

static int count_entries(const char *path)
{
    DIR *listing = opendir(path);
    int n = 0;

    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(listing);
    return n;
}

static void begin(heed_new_folder *f, const char *name)
{
    heed_error err = {0};

    if (heed_new_folder_begin(f, inside(name), &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static void put(const heed_new_folder *f, const char *name)
{
    char path[HEED_NEW_FOLDER_PATH];

    assert_int_equal(heed_path_join(path, sizeof path, f->beside, name, NULL), HEED_OK);
    assert_int_equal(heed_file_write(path, &(heed_bytes){name, strlen(name)}, 1, NULL), HEED_OK);
}

static void commit(heed_new_folder *f)
{
    heed_error err = {0};

    if (heed_new_folder_commit(f, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

static void remove_all(void)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf '%s'/*", folder);
    assert_int_equal(system(command), 0);
}

static void it_is_not_there_before_and_whole_after(void **state)
{
    heed_new_folder f;

    (void)state;
    begin(&f, "deep/er/new/");
    put(&f, "a");
    assert_false(heed_file_exists(inside("deep/er/new")));
    commit(&f);
    assert_true(heed_file_exists(inside("deep/er/new/a")));
    assert_int_equal(count_entries(inside("deep/er")), 1);
    begin(&f, "deep/er/new");
    put(&f, "b");
    assert_true(heed_file_exists(inside("deep/er/new/a")));
    commit(&f);
    assert_true(heed_file_exists(inside("deep/er/new/b")));
    assert_false(heed_file_exists(inside("deep/er/new/a")));
    assert_int_equal(count_entries(inside("deep/er")), 1);
    heed_new_folder_abandon(&f); /* is harmless behind a commit */
    assert_true(heed_file_exists(inside("deep/er/new/b")));
    remove_all();
}

static void an_abandoned_one_leaves_the_old_one_alone(void **state)
{
    heed_new_folder f;

    (void)state;
    begin(&f, "new");
    put(&f, "a");
    heed_new_folder_abandon(&f);
    assert_int_equal(count_entries(folder), 0);
    begin(&f, "new");
    put(&f, "a");
    commit(&f);
    begin(&f, "new");
    put(&f, "b");
    heed_new_folder_abandon(&f);
    assert_true(heed_file_exists(inside("new/a")));
    assert_int_equal(count_entries(folder), 1);
    remove_all();
}

/* Two at once, the second of them ended first; and one whose process is gone, even if nobody has waited for it yet. */
static void only_what_dead_writers_left_is_swept(void **state)
{
    heed_new_folder mine, other;
    int ready[2], code;
    char byte = 0;

    (void)state;
    begin(&mine, "new");
    put(&mine, "a");
    begin(&other, "new");
    assert_true(heed_file_is_folder(mine.beside));
    put(&other, "b");
    commit(&other);
    commit(&mine);
    assert_true(heed_file_exists(inside("new/a")));
    assert_int_equal(count_entries(folder), 1);

    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        begin(&other, "new");
        put(&other, "c");
        _exit(write(ready[1], &byte, 1) == 1 && raise(SIGKILL) == 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(count_entries(folder), 2);
    begin(&mine, "new");
    assert_int_equal(count_entries(folder), 2);
    heed_new_folder_abandon(&mine);
    assert_int_equal(count_entries(folder), 1);
    assert_int_equal(waitpid(pid, &code, 0), pid);
    close(ready[0]);
    close(ready[1]);
    remove_all();
}

static void a_link_stays_and_its_folder_is_replaced(void **state)
{
    heed_new_folder f;
    char target[8];

    (void)state;
    assert_int_equal(heed_folder_make(inside("there"), NULL), HEED_OK);
    assert_int_equal(symlink("there", inside("link")), 0);
    begin(&f, "link");
    put(&f, "a");
    commit(&f);
    assert_true(heed_file_exists(inside("there/a")));
    assert_int_equal(readlink(inside("link"), target, sizeof target), 5);
    remove_all();
}

static void what_cannot_be_made_is_named(void **state)
{
    heed_new_folder f;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_file_write(inside("file"), NULL, 0, NULL), HEED_OK);
    assert_int_equal(heed_new_folder_begin(&f, inside("file"), &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "file: cannot be made"));
    heed_new_folder_abandon(&f);
    assert_int_equal(heed_new_folder_begin(&f, inside("file/below"), &err), HEED_ERR_FILE);
    heed_new_folder_abandon(&f);
    assert_int_equal(heed_new_folder_begin(&f, "", &err), HEED_ERR_FILE);
    heed_new_folder_abandon(&f);
    assert_int_equal(count_entries(folder), 1);
    remove_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_not_there_before_and_whole_after),
        cmocka_unit_test(an_abandoned_one_leaves_the_old_one_alone),
        cmocka_unit_test(only_what_dead_writers_left_is_swept),
        cmocka_unit_test(a_link_stays_and_its_folder_is_replaced),
        cmocka_unit_test(what_cannot_be_made_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
