/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static const char *said; /* set before the signals are caught */

/* Only what a signal handler may call. */
static void on_signal(int number)
{
    const int saved = errno;

    caught = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (number == SIGUSR1)
        signal(SIGUSR1, SIG_DFL);
    if (said != NULL && write(STDERR_FILENO, said, strlen(said)) < 0)
        said = NULL;
    errno = saved;
}

static void catch (int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;

    sigemptyset(&action.sa_mask);
    /* a signal that was ignored when the program began stays so (nohup, background jobs of a shell) */
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void heed_cli_catch_interrupts(const char *words)
{
    said = words;
    catch (SIGINT);
    catch (SIGTERM);
}

void heed_cli_catch_user_signal(void)
{
    catch (SIGUSR1);
}

static void release(int number)
{
    struct sigaction old;

    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == on_signal)
        signal(number, SIG_DFL);
}

void heed_cli_release_interrupts(void)
{
    release(SIGINT);
    release(SIGTERM);
    said = NULL;
    caught = 0;
}

bool heed_cli_interrupted(void)
{
    return caught != 0;
}
