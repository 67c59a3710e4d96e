/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/reaper.h"

extern char **environ;

#define TICK_MS    100
#define PATIENCE_S 4.0 /* for a reaper that was asked to end everything */

/* A program while it runs. */
typedef struct running {
    const heed_program *program;
    heed_program_result *result;
    pid_t reaper, process;
    int printed, report; /* -1: closed */
    int64_t others;      /* processes when it began */
    double begun, asked; /* asked: when the reaper was told to end it; 0: it was not */
    bool started, ended;
    int refused; /* errno of a start that failed */
} running;

/* --- before --- */

/* Variables of heed, but those that are given. *all is allocated; its texts are lent. */
static char **join_environment(const char *const *given)
{
    size_t n = 0, n_given = 0, used = 0;
    char **all;

    while (environ[n] != NULL)
        n++;
    while (given != NULL && given[n_given] != NULL)
        n_given++;
    all = calloc(n + n_given + 1, sizeof *all);
    for (size_t i = 0; all != NULL && i < n; i++) {
        const size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = false;

        for (size_t k = 0; k < n_given; k++)
            replaced = replaced || strncmp(environ[i], given[k], name) == 0;
        if (!replaced)
            all[used++] = environ[i];
    }
    for (size_t k = 0; all != NULL && k < n_given; k++)
        all[used++] = (char *)(uintptr_t)given[k];
    return all;
}

static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Forks the reaper with its ends of two pipes. */
static bool start(running *r)
{
    int printed[2] = {-1, -1}, report[2] = {-1, -1};
    heed_reaper_task task = {.program = r->program, .rules = -1};
    bool made = make_pipe(printed) && make_pipe(report);

    task.environment = join_environment(r->program->environment);
    task.printed = printed[1];
    task.report = report[1];
    if (r->program->writable != NULL)
        task.rules = heed_confine_prepare(r->program->folder, r->program->writable);
    r->reaper = made && task.environment != NULL ? fork() : -1;
    if (r->reaper == 0) {
        close(printed[0]);
        close(report[0]);
        heed_reaper_main(&task);
    }
    r->refused = errno;
    r->printed = printed[0];
    r->report = report[0];
    close_end(&printed[1]);
    close_end(&report[1]);
    close_end(&task.rules);
    free(task.environment);
    return r->reaper > 0;
}

/* --- while it runs --- */

static void read_printed(running *r)
{
    heed_program_result *out = r->result;
    char bytes[65536];
    ssize_t n;

    /* A program that prints faster than this reads is looked at in turn with the clock. */
    for (int i = 0; i < 16 && r->printed >= 0; i++) {
        n = read(r->printed, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            close_end(&r->printed);
            return;
        }
        out->n_written += n;
        if (out->n_printed < HEED_PROGRAM_KEPT) {
            const size_t room = HEED_PROGRAM_KEPT - out->n_printed, kept = (size_t)n < room ? (size_t)n : room;

            memcpy(out->printed + out->n_printed, bytes, kept);
            out->n_printed += kept;
        }
    }
}

static void read_report(running *r)
{
    heed_reaped said;
    ssize_t n;

    while ((n = read(r->report, &said, sizeof said)) == (ssize_t)sizeof said) {
        if (said.what == HEED_REAPED_STARTED) {
            r->started = true;
            r->process = said.process;
            r->result->confined = said.value != 0;
        } else if (said.what == HEED_REAPED_NOT_STARTED) {
            r->started = false;
            r->asked = 0.0;
            r->refused = said.value;
        } else if (r->asked == 0.0) {
            r->ended = true;
            r->result->end = WIFSIGNALED(said.value) ? HEED_PROGRAM_CRASHED : HEED_PROGRAM_EXITED;
            r->result->code = WIFSIGNALED(said.value) ? WTERMSIG(said.value) : WEXITSTATUS(said.value);
        }
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_end(&r->report);
}

static void ask_to_end(running *r, heed_program_end why)
{
    if (r->asked != 0.0 || r->ended)
        return;
    r->asked = heed_clock_s();
    r->result->end = why;
    kill(r->reaper, SIGTERM);
}

static void look(running *r)
{
    const heed_program *p = r->program;
    const double now = heed_clock_s();

    if (p->stop != NULL && p->stop(p->context))
        ask_to_end(r, HEED_PROGRAM_STOPPED);
    if (now - r->begun > p->time_s)
        ask_to_end(r, HEED_PROGRAM_TIMED_OUT);
    if (r->result->n_written > p->printed_bytes)
        ask_to_end(r, HEED_PROGRAM_FLOODED);
    if (r->others >= 0 && heed_processes_now() - r->others > p->swarm)
        ask_to_end(r, HEED_PROGRAM_SWARMED);
}

/* Until the reaper has gone, or does not go. */
static void watch(running *r)
{
    const double most = r->program->time_s + PATIENCE_S;

    while (r->report >= 0) {
        struct pollfd files[] = {{.fd = r->printed, .events = POLLIN}, {.fd = r->report, .events = POLLIN}};
        const double now = heed_clock_s();

        if ((r->asked != 0.0 && now - r->asked > PATIENCE_S) || now - r->begun > most + PATIENCE_S)
            break;
        poll(files, 2, TICK_MS);
        read_printed(r);
        read_report(r);
        look(r);
    }
    read_printed(r);
}

static void finish(running *r)
{
    int how = 0;

    if (r->report >= 0)
        kill(r->reaper, SIGKILL);
    if (r->process > 0 && !r->ended)
        kill(-r->process, SIGKILL);
    while (waitpid(r->reaper, &how, 0) < 0 && errno == EINTR)
        ;
    close_end(&r->printed);
    close_end(&r->report);
    r->result->printed[r->result->n_printed] = '\0';
    r->result->seconds = heed_clock_s() - r->begun;
    if (r->started && !r->ended && r->asked == 0.0)
        r->result->end = HEED_PROGRAM_LOST;
    if (r->result->end == HEED_PROGRAM_CRASHED && r->result->code == SIGXCPU)
        r->result->end = HEED_PROGRAM_TIMED_OUT;
}

heed_status heed_program_run(const heed_program *p, heed_program_result *result, heed_error *err)
{
    running r = {.program = p, .result = result, .printed = -1, .report = -1};
    char shown[128];

    *result = (heed_program_result){.printed = malloc(HEED_PROGRAM_KEPT + 1)};
    if (result->printed == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to run a program");
    r.begun = heed_clock_s();
    r.others = heed_processes_now();
    if (!start(&r)) {
        close_end(&r.printed);
        close_end(&r.report);
    } else {
        watch(&r);
        finish(&r);
    }
    if (r.started || r.asked != 0.0) /* or its time was over before it began */
        return HEED_OK;
    heed_program_free(result);
    return heed_fail(err, HEED_ERR_FILE, "%s: cannot be started: %s",
                     heed_quote(shown, sizeof shown, p->argv[0], strlen(p->argv[0])), strerror(r.refused));
}

void heed_program_free(heed_program_result *result)
{
    free(result->printed);
    *result = (heed_program_result){.printed = NULL};
}
