/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* posix_openpt() and its kin */

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGUMENTS 64
#define PATIENCE_MS   120000

static char folder[64];

static void pause_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* --- the folder --- */

int enter_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heed-cli-XXXXXX");
    return mkdtemp(folder) != NULL && chdir(folder) == 0 && getenv("HEED_PROGRAM") != NULL ? 0 : -1;
}

int leave_folder(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

/* --- running --- */

/* In the child: becomes heed. */
static void become(char **arguments)
{
    const int null = open("/dev/null", O_RDONLY);

    dup2(null, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    execv(arguments[0], arguments);
    _exit(127);
}

static void collect(char **arguments, const char *first, va_list more)
{
    int n = 0;

    arguments[n++] = getenv("HEED_PROGRAM");
    for (const char *a = first; a != NULL && n < MAX_ARGUMENTS - 1; a = va_arg(more, const char *))
        arguments[n++] = (char *)(uintptr_t)a;
    arguments[n] = NULL;
}

static pid_t start_list(char **arguments)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const int out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        const int err = open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, 1);
        dup2(err, 2);
        become(arguments);
    }
    return pid;
}

pid_t start(const char *argument, ...)
{
    char *arguments[MAX_ARGUMENTS];
    va_list more;

    va_start(more, argument);
    collect(arguments, argument, more);
    va_end(more);
    unlink("stdout");
    unlink("stderr");
    return start_list(arguments);
}

int finish(pid_t pid)
{
    int status = 0;

    for (long waited = 0; waitpid(pid, &status, WNOHANG) == 0; waited += 5) {
        if (waited > PATIENCE_MS) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            fail_msg("heed was still running after %d s", PATIENCE_MS / 1000);
        }
        pause_ms(5);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run(const char *argument, ...)
{
    char *arguments[MAX_ARGUMENTS];
    va_list more;

    va_start(more, argument);
    collect(arguments, argument, more);
    va_end(more);
    return finish(start_list(arguments));
}

/* The master of a new pseudo terminal; a bare chroot has none, which is no fault of the program. */
static int open_terminal(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);

    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        print_message("this system has no pseudo terminals: %s\n", strerror(errno));
        skip();
    }
    return master;
}

int run_on_terminal(const char *argument, ...)
{
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    const int master = open_terminal();
    char *arguments[MAX_ARGUMENTS], bytes[4096];
    FILE *copy = fopen("terminal", "wb");
    va_list more;
    ssize_t n;
    pid_t pid;

    va_start(more, argument);
    collect(arguments, argument, more);
    va_end(more);
    assert_non_null(copy);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
        dup2(slave, 1);
        dup2(slave, 2);
        close(slave);
        close(master);
        become(arguments);
    }
    /* reading ends with an error once the last of the other side is gone */
    for (;;) {
        struct pollfd ready = {.fd = master, .events = POLLIN};
        if (poll(&ready, 1, PATIENCE_MS) <= 0 || (n = read(master, bytes, sizeof bytes)) <= 0)
            break;
        fwrite(bytes, 1, (size_t)n, copy);
    }
    fclose(copy);
    close(master);
    return finish(pid);
}

/* --- files --- */

size_t output_size(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 ? (size_t)about.st_size : 0;
}

const char *output(const char *path)
{
    static char *texts[8]; /* so many answers at a time */
    static int next;
    const size_t size = output_size(path);
    FILE *file = fopen(path, "rb");
    char *text = calloc(size + 1, 1);

    assert_non_null(text);
    if (file != NULL && fread(text, 1, size, file) != size)
        fail_msg("%s cannot be read", path);
    if (file != NULL)
        fclose(file);
    free(texts[next % 8]);
    texts[next++ % 8] = text;
    return text;
}

void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void wait_for_file(const char *path)
{
    for (long waited = 0; access(path, F_OK) != 0; waited++) {
        if (waited > PATIENCE_MS)
            fail_msg("%s did not appear", path);
        pause_ms(1);
    }
}

void wait_for_text(const char *path, const char *text)
{
    char bytes[65536];

    for (long waited = 0; waited < PATIENCE_MS; waited++) {
        FILE *file = fopen(path, "rb");
        const size_t n = file != NULL ? fread(bytes, 1, sizeof bytes - 1, file) : 0;
        bytes[n] = '\0';
        if (file != NULL)
            fclose(file);
        if (strstr(bytes, text) != NULL)
            return;
        pause_ms(1);
    }
    fail_msg("%s did not say \"%s\"", path, text);
}
