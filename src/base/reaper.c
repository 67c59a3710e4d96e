/* SPDX-License-Identifier: MIT */
/* Between fork() and execve() of a process with threads: only what a signal handler may call, too. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/reaper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "base/cgroup.h"

enum { MOST_ROUNDS = 1000, FIRST_FILE = 4, LAST_FILE = 1024 };

static void tell(int report, int what, int value)
{
    const heed_reaped r = {what, value, (int)getpid()};

    while (write(report, &r, sizeof r) < 0 && errno == EINTR)
        ;
}

/* --- the program --- */

/* No file but the three, and the report as number 3, is handed on. */
static void close_others(void)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, FIRST_FILE, ~0U, 0) == 0)
        return;
#endif
    for (int fd = FIRST_FILE; fd < LAST_FILE; fd++)
        close(fd);
}

static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* When memory runs out, the kernel takes this one first. */
static void offer_to_the_kernel(void)
{
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (file < 0)
        return;
    if (write(file, "1000", 4) < 0) {
        /* then the kernel chooses as it does without */
    }
    close(file);
}

static void become_program(const heed_reaper_task *task)
{
    const heed_program *p = task->program;
    const int nothing = open("/dev/null", O_RDONLY);
    heed_limits limits = p->limits;
    bool confined;
    int report;

    setpgid(0, 0);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    offer_to_the_kernel();
    if (chdir(p->folder) != 0 || nothing < 0)
        return;
    report = fcntl(task->report, F_DUPFD, 10); /* out of the way of what follows */
    if (report < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(task->printed, STDOUT_FILENO) < 0 ||
        dup2(task->printed, STDERR_FILENO) < 0)
        return;
    if (limits.time_s == 0)
        limits.time_s = (int64_t)p->time_s + 2;
    heed_confine_to_group(); /* where it cannot be, there is the reaper */
    confined = heed_confine_self(task->rules);
    if (dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
        return;
    close_others();
    tell(3, HEED_REAPED_STARTED, confined);
    reset_signals();
    heed_confine_limit(&limits);
    execve(p->argv[0], (char *const *)(uintptr_t)p->argv, task->environment);
    tell(3, HEED_REAPED_NOT_STARTED, errno);
    _exit(127);
}

/* --- what it leaves behind --- */

/* Sends SIGKILL to all children of this process; those that they leave are its children next. */
static void kill_children(void)
{
    char text[8192], *at = text;

    if (!heed_kernel_file_read("/proc/thread-self/children", text, sizeof text))
        return;
    while (*at >= '0' && *at <= '9') {
        const pid_t child = (pid_t)strtol(at, &at, 10);

        at += *at == ' ';
        if (*at != '\0' || at < text + sizeof text - 1) /* a number that the buffer may have cut is none */
            kill(child, SIGKILL);
    }
}

/* Its group at one blow, then who has left that, until nobody is there; what the kernel does not let go is left to it. */
static void end_all(pid_t program)
{
    const struct timespec moment = {0, 2000000};

    kill(-program, SIGKILL);
    for (int round = 0; round < MOST_ROUNDS; round++) {
        pid_t child;

        kill_children();
        do
            child = waitpid(-1, NULL, WNOHANG);
        while (child > 0);
        if (child < 0 && errno == ECHILD)
            return;
        nanosleep(&moment, NULL);
    }
}

/* Waits for the end of the program or for SIGTERM; true: the program ended, and *how says how. */
static bool wait_for(pid_t program, const sigset_t *signals, int *how)
{
    for (;;) {
        int number = 0;
        pid_t child;

        do {
            child = waitpid(-1, how, WNOHANG);
            if (child == program)
                return true;
        } while (child > 0);
        if (sigwait(signals, &number) == 0 && number == SIGTERM)
            return false;
    }
}

void heed_reaper_main(const heed_reaper_task *task)
{
    sigset_t signals;
    pid_t program;
    int how = 0;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    setsid();
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
    program = fork();
    if (program == 0) {
        become_program(task);
        tell(task->report, HEED_REAPED_NOT_STARTED, errno);
        _exit(127);
    }
    if (program < 0) {
        tell(task->report, HEED_REAPED_NOT_STARTED, errno);
        _exit(1);
    }
    close(task->printed);
    setpgid(program, program); /* whoever of the two comes first */
    if (wait_for(program, &signals, &how))
        tell(task->report, HEED_REAPED_ENDED, how);
    else
        kill(program, SIGKILL);
    end_all(program);
    _exit(0);
}
