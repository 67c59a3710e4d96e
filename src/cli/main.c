/* SPDX-License-Identifier: MIT */
/* heed COMMAND …: finds the command, runs it, and ends with the exit code of its status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/output.h"

const heed_cli_command *const heed_cli_commands[] = {
    &heed_cli_train,    &heed_cli_generate, &heed_cli_eval,    &heed_cli_tokenize, &heed_cli_info,
    &heed_cli_shapes,   &heed_cli_trace,    &heed_cli_inspect, &heed_cli_plot,     &heed_cli_verify,
    &heed_cli_convert,
#ifdef HEED_HAVE_CURL
    &heed_cli_pull,
#endif
    &heed_cli_workbook, &heed_cli_bench,    &heed_cli_help,    &heed_cli_version,  NULL,
};

heed_status heed_cli_find_command(const char *name, const heed_cli_command **command, heed_error *err)
{
    heed_field names[32] = {{.name = NULL}};
    const char *near;
    char shown[80];
    int n = 0;

    for (; heed_cli_commands[n] != NULL; n++) {
        names[n].name = heed_cli_commands[n]->name;
        if (strcmp(name, heed_cli_commands[n]->name) == 0) {
            *command = heed_cli_commands[n];
            return HEED_OK;
        }
    }
    *command = NULL;
    near = heed_field_nearest(names, n, name);
    return heed_cli_fail(err, HEED_ERR_USAGE, "there is no command \"%s\"%s%s%s",
                         heed_cli_quote(shown, sizeof shown, name),
                         near != NULL ? "; did you mean \"heed " : "", near != NULL ? near : "",
                         near != NULL ? "\"?" : "; \"heed help\" lists them");
}

/* A descriptor that the caller has closed would be given to the next file, and messages would be written into it. */
static void hold_standard_files(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) == -1)
            _exit(3);
    }
}

/*
 * GNU's OpenMP lets a thread that waits spin for milliseconds. Where another process wants the core, the one that has
 * work then waits for the one that has none, and a small model trains a hundred times slower. A short spin costs nothing
 * on a quiet machine. The runtime reads the setting before main() runs, so the program starts itself once more.
 */
static void wait_politely(int argc, char **argv)
{
    static const char *const texts[] = {"version", "help", "--version", "--help", "-h"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (argc < 2 || strcmp(argv[1], texts[i]) == 0)
            return; /* it starts no threads */
    }
    if (getenv("GOMP_SPINCOUNT") != NULL || getenv("OMP_WAIT_POLICY") != NULL)
        return;
    if (setenv("GOMP_SPINCOUNT", "10000", 1) == 0)
        execv("/proc/self/exe", argv); /* where there is no such file, all goes on as it was */
}

/* A model's files are mapped: where one is cut short meanwhile, the next number behind its end is a SIGBUS. */
static void on_lost_page(int number, siginfo_t *info, void *context)
{
    static const char words[] =
        "heed: a file that is in use has become shorter; replace models as a whole, not in place\n";

    (void)context;
    if (info->si_code == BUS_ADRERR && write(STDERR_FILENO, words, sizeof words - 1) > 0)
        _exit(3);
    signal(number, SIG_DFL); /* some other fault: it comes again, and ends the program as ever */
}

static void watch_files(void)
{
    struct sigaction action = {.sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO};

    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

static heed_status run(int argc, char **argv, heed_error *err)
{
    const char *name = argc > 1 ? argv[1] : "help";
    const heed_cli_command *command = NULL;
    heed_status status;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    status = heed_cli_find_command(name, &command, err);
    return status == HEED_OK ? command->run(command, argc > 2 ? argc - 2 : 0, argv + 2, err) : status;
}

int main(int argc, char **argv)
{
    heed_error err = {HEED_OK, ""}, output_err = {HEED_OK, ""};
    heed_status status;

    wait_politely(argc, argv);
    hold_standard_files();
    watch_files();
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away shows in heed_cli_flush() */
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk to whoever writes it */
    status = run(argc, argv, &err);
    if (status != HEED_OK && err.message[0] == '\0')
        heed_cli_fail(&err, status, "%s", heed_status_text(status));
    if (heed_cli_close_output(&output_err) != HEED_OK && status == HEED_OK) {
        status = output_err.status;
        err = output_err;
    }
    if (status != HEED_OK) {
        char safe[2 * sizeof err.message];
        fprintf(stderr, "heed: %s\n", heed_cli_quote(safe, sizeof safe, err.message));
    }
    return heed_status_exit_code(status);
}
