/* SPDX-License-Identifier: MIT */
/* Stopping a run: Ctrl-C, SIGTERM, kill -9, a full disk; and going on. */
#include "program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDLESS "--steps", "100000000", "--eval-interval", "0"

static void stop_once(int number, const char *folder)
{
    char model[64];
    const pid_t pid = start("train", TINY, ENDLESS, "--save-interval", "0", "--out", folder, NULL);

    snprintf(model, sizeof model, "%s/log.jsonl", folder);
    wait_for_file(model);
    kill(pid, number);
    assert_int_equal(finish(pid), 5);
    assert_contains(output("stderr"), "saved; go on with: heed train --resume ");
    assert_int_equal(output_size("stdout"), 0);
    assert_int_equal(run("generate", folder, "--max-tokens", "3", "--threads", "1", NULL), 0);
}

static void interrupt_saves_and_says_how_to_go_on(void **state)
{
    (void)state;
    stop_once(SIGINT, "int");
    stop_once(SIGTERM, "term");
}

/* The second signal must come within the same step, so the steps are long; three attempts. */
static void second_interrupt_ends_at_once(void **state)
{
    int code = 0;

    (void)state;
    for (int i = 0; i < 3 && code != 128 + SIGINT; i++) {
        char folder[32], log[48];
        snprintf(folder, sizeof folder, "twice%d", i);
        snprintf(log, sizeof log, "%s/log.jsonl", folder);
        const pid_t pid = start("train", "--n-layers", "4", "--d-model", "32", "--batch-size", "512",
                                "--threads", "1", "--corpus-bytes", "20000", ENDLESS, "--out", folder, NULL);
        wait_for_file(log);
        kill(pid, SIGINT);
        wait_for_text("stderr", "once more stops at once");
        kill(pid, SIGINT);
        code = finish(pid);
        if (code != 128 + SIGINT)
            assert_int_equal(code, 5);
    }
    assert_int_equal(code, 128 + SIGINT);
}

static void resumed_run_ends_with_the_same_bytes(void **state)
{
    static const int numbers[] = {SIGTERM, SIGKILL};

    (void)state;
    assert_int_equal(run("train", TINY, "--steps", "300", "--save-interval", "10", "--out", "whole", NULL), 0);
    for (int i = 0; i < 2; i++) {
        const char *folder = i == 0 ? "stopped" : "killed",
                   *model = i == 0 ? "stopped/model.safetensors" : "killed/model.safetensors";
        const pid_t pid = start("train", TINY, "--steps", "300", "--save-interval", "10", "--out", folder,
                                NULL);
        wait_for_file(model);
        kill(pid, numbers[i]);
        const int code = finish(pid);
        assert_true(code == 0 || code == (i == 0 ? 5 : 128 + SIGKILL));
        assert_int_equal(run("train", "--resume", folder, "--sample-tokens", "0", NULL), 0);
        assert_int_equal(output_size(model), output_size("whole/model.safetensors"));
        assert_memory_equal(output(model), output("whole/model.safetensors"), output_size(model));
    }
}

static void resuming_takes_no_other_settings(void **state)
{
    (void)state;
    assert_int_equal(run("train", "--resume", "whole", "--seed", "9", NULL), 2);
    assert_contains(output("stderr"), "the setting seed cannot be given");
    assert_int_equal(run("train", "text.txt", "--resume", "whole", NULL), 2);
    assert_contains(output("stderr"), "a text cannot be given");
}

static void resuming_takes_other_threads(void **state)
{
    (void)state;
    assert_int_equal(run("train", TINY, "--steps", "2", "--threads", "1", "--out", "threads", NULL), 0);
    assert_contains(output("stderr"), "1 thread");
    assert_int_equal(run("train", "--resume", "threads", "--threads", "3", NULL), 0);
    assert_contains(output("stderr"), "3 threads");
    assert_int_equal(run("train", "--resume", "threads", NULL), 0);
    assert_contains(output("stderr"), "1 thread"); /* nothing was left to do, so nothing was saved */
}

/* Files may not grow beyond 8 kB, which a checkpoint does: to heed that is a full disk. */
static void full_disk_leaves_the_earlier_checkpoint(void **state)
{
    struct rlimit before, small;
    const pid_t pid = start("train", TINY, ENDLESS, "--save-interval", "20", "--out", "full", NULL);
    char *model;
    size_t size;

    (void)state;
    wait_for_file("full/model.safetensors");
    kill(pid, SIGTERM);
    assert_int_equal(finish(pid), 5);
    size = output_size("full/model.safetensors");
    model = malloc(size);
    assert_non_null(model);
    memcpy(model, output("full/model.safetensors"), size);
    put_file("full/log.jsonl", "");
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 8192;
    setrlimit(RLIMIT_FSIZE, &small);
    const int code = run("train", "--resume", "full", NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(code, 3);
    assert_contains(output("stderr"), "heed: full/");
    assert_int_equal(output_size("full/model.safetensors"), size);
    assert_memory_equal(output("full/model.safetensors"), model, size);
    assert_int_equal(run("generate", "full", "--max-tokens", "3", "--threads", "1", NULL), 0);
    free(model);
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

/* The model is mapped when eval waits for its text, and cut before it comes. */
static void a_model_that_is_cut_short_while_it_is_used_ends_with_a_sentence(void **state)
{
    char maps[64];
    int text = -1;
    pid_t pid;

    (void)state;
    if (access("/proc/self/maps", R_OK) != 0)
        skip();
    assert_int_equal(run("train", TINY, "--steps", "1", "--out", "cut", "--quiet", NULL), 0);
    assert_int_equal(mkfifo("text", 0600), 0);
    pid = start("eval", "cut", "text", "--threads", "1", NULL);
    snprintf(maps, sizeof maps, "/proc/%ld/maps", (long)pid);
    wait_for_text(maps, "cut/model.safetensors");
    assert_int_equal(truncate("cut/model.safetensors", 0), 0);
    /* a slow program may find the cut before it asks for its text, and then nobody ever reads it */
    while (text < 0 && !has_ended(pid))
        text = open("text", O_WRONLY | O_NONBLOCK);
    if (text >= 0) {
        signal(SIGPIPE, SIG_IGN);
        if (write(text, "One day", 7) != 7)
            print_message("the program ended before it read its text\n");
        close(text);
    }
    assert_int_equal(finish(pid), 3);
    assert_string_equal(
        output("stderr"),
        "heed: a file that is in use has become shorter; replace models as a whole, not in place\n");
    assert_int_equal(output_size("stdout"), 0);
}

/* The run's folder may come from elsewhere, and its names lead anywhere. */
static void a_link_of_the_pictures_name_is_replaced(void **state)
{
    struct stat info;

    (void)state;
    put_file("precious", "mine");
    assert_int_equal(mkdir("linked", 0777), 0);
    assert_int_equal(symlink("../precious", "linked/loss.png"), 0);
    assert_int_equal(run("train", TINY, "--steps", "3", "--out", "linked", NULL), 0);
    assert_int_equal(stat("precious", &info), 0);
    assert_int_equal(info.st_size, 4);
    assert_int_equal(lstat("linked/loss.png", &info), 0);
    assert_true(S_ISREG(info.st_mode) && info.st_size > 4);
}

/* Its loss is measured once more; there is no curve, as the steps are in the log of the run that was kept. */
static void a_finished_run_is_resumed_in_its_step_folder(void **state)
{
    (void)state;
    assert_int_equal(run("train", TINY, "--steps", "3", "--keep-last", "1", "--out", "kept", NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(run("train", "--resume", "kept/step-000003", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupt_saves_and_says_how_to_go_on),
        cmocka_unit_test(second_interrupt_ends_at_once),
        cmocka_unit_test(resumed_run_ends_with_the_same_bytes),
        cmocka_unit_test(resuming_takes_no_other_settings),
        cmocka_unit_test(resuming_takes_other_threads),
        cmocka_unit_test(full_disk_leaves_the_earlier_checkpoint),
        cmocka_unit_test(a_model_that_is_cut_short_while_it_is_used_ends_with_a_sentence),
        cmocka_unit_test(a_link_of_the_pictures_name_is_replaced),
        cmocka_unit_test(a_finished_run_is_resumed_in_its_step_folder),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
