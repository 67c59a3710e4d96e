/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t caught, silent;

/* Only what a signal handler may call. */
static void on_signal(int number)
{
    static const char words[] = "\nheed: finishing this step and saving; once more stops at once\n";
    const int saved = errno;

    (void)number;
    caught = 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (!silent && write(STDERR_FILENO, words, sizeof words - 1) < 0)
        silent = 1;
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

void heed_cli_catch_interrupts(bool quiet)
{
    silent = quiet;
    catch (SIGINT);
    catch (SIGTERM);
}

bool heed_cli_interrupted(void)
{
    return caught != 0;
}
