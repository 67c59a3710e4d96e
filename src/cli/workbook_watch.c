/* SPDX-License-Identifier: MIT */
/* heed workbook watch [FOLDER]: a program of one's own, run and judged whenever it is saved. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/saves.h"
#include "cli/workbook_print.h"
#include "cli/workbook_verdict.h"

#define MOST_LINES 24   /* of what a program prints that are shown */
#define MOST_BYTES 2000 /* of these */

typedef struct watch_options {
    const char *run;
    double time_limit;
    bool once, json;
} watch_options;

#define AT(member) offsetof(watch_options, member)

static const heed_cli_text texts[] = {
    {"run", "COMMAND", "run this in the folder, by the shell, in place of the file that it began with",
     AT(run)},
};

static const heed_field fields[] = {
    {"time-limit", "seconds that the program has", HEED_FIELD_NUMBER, AT(time_limit), 0.1, 86400, NULL},
    {"once", "run and judge once; 1: it is not right", HEED_FIELD_BOOLEAN, AT(once), 0, 0, NULL},
    {"json", "print a JSON object for each verdict", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- what it printed --- */

/* Bytes of the lines that are shown. */
static size_t shown_bytes(const heed_code_run *run)
{
    size_t n = 0;

    for (int lines = 0; n < run->n_printed && n < MOST_BYTES && lines < MOST_LINES; n++)
        lines += run->printed[n] == '\n';
    return n;
}

/* Behind a bar, so that nobody takes it for heed's words. */
static void put_printed(const heed_code_run *run)
{
    const size_t n = shown_bytes(run);

    for (size_t at = 0; at < n;) {
        const char *end = memchr(run->printed + at, '\n', n - at);
        const size_t length = end != NULL ? (size_t)(end - (run->printed + at)) : n - at;

        fputs("  | ", stdout);
        heed_cli_put_safe(stdout, run->printed + at, length);
        putchar('\n');
        at += length + 1;
    }
    if ((int64_t)n < run->n_written)
        printf("  | ... and %lld more bytes\n", (long long)(run->n_written - (int64_t)n));
}

/* --- one verdict --- */

static bool stop(void *context)
{
    (void)context;
    return heed_cli_interrupted();
}

static void put_begin(const heed_code_folder *folder, const watch_options *own)
{
    const time_t now = time(NULL);
    struct tm at;
    char clock[16] = "", safe[200];

    if (localtime_r(&now, &at) != NULL)
        strftime(clock, sizeof clock, "%H:%M:%S", &at);
    heed_cli_quote(safe, sizeof safe, own->run != NULL ? own->run : heed_code_file(folder));
    printf("%s%s  %s%s\n", heed_cli_ink_on(HEED_CLI_INK_DIM), clock, safe, heed_cli_ink_off());
    heed_cli_flush();
}

/* The program ran, or did not: HEED_ERR_CHECK with the sentence that says how. */
static heed_status run_it(const heed_code_folder *folder, const watch_options *own, heed_code_run *run,
                          heed_error *err)
{
    const heed_code_options options = {
        .command = own->run, .time_limit_s = own->time_limit, .stop = stop, .context = NULL};
    const heed_status status = heed_code_run_in(folder, &options, run, err);

    if (status != HEED_OK)
        return status;
    return run->ok ? HEED_OK
                   : heed_cli_fail(err, run->stopped ? HEED_ERR_INTERRUPTED : HEED_ERR_CHECK, "%s", run->words);
}

static heed_status judge(const heed_cli_desk *desk, const heed_code_folder *folder, const watch_options *own,
                         heed_error *err)
{
    heed_code_run run = {.printed = NULL};
    heed_status status;

    put_begin(folder, own);
    status = run_it(folder, own, &run, err);
    if (run.n_inputs_mended > 0)
        printf("inputs/ was not as it was written: %lld files are again\n", (long long)run.n_inputs_mended);
    if (run.n_printed > 0)
        put_printed(&run);
    heed_code_run_free(&run);
    return status == HEED_OK ? heed_cli_judge_outputs(desk, folder, err) : status;
}

static heed_status judge_json(const heed_cli_desk *desk, const heed_code_folder *folder,
                              const watch_options *own, heed_error *err)
{
    heed_cli_json json = {.out = stdout};
    heed_code_run run = {.printed = NULL};
    heed_status status = run_it(folder, own, &run, err);

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "id", heed_posing_info(heed_code_posing(folder))->id);
    heed_cli_json_number(&json, "seconds", run.seconds);
    if (run.n_printed > 0) {
        heed_cli_json_bytes(&json, "printed", run.printed, run.n_printed);
        heed_cli_json_integer(&json, "printed_bytes", run.n_written);
    }
    if (run.n_inputs_mended > 0)
        heed_cli_json_integer(&json, "inputs_mended", run.n_inputs_mended);
    if (status == HEED_OK)
        status = heed_cli_judge_outputs_json(desk, folder, &json, err);
    else
        heed_cli_json_bool(&json, "ok", false);
    if (status != HEED_OK)
        heed_cli_json_text(&json, "error", err->message);
    heed_cli_json_close(&json, '}');
    heed_code_run_free(&run);
    return status;
}

/* --- one after the other --- */

/* The verdict's last line; what the program did badly, too, is a verdict, and what heed cannot do ends the watch. */
static heed_status say(const heed_code_folder *folder, const watch_options *own, heed_status status,
                       heed_error *err)
{
    const bool right = status == HEED_OK;
    char words[1100], safe[1024];

    if (status == HEED_ERR_INTERRUPTED || own->json)
        return HEED_OK;
    if (right)
        snprintf(words, sizeof words, "%s is right", heed_posing_info(heed_code_posing(folder))->id);
    else
        snprintf(words, sizeof words, "%s", heed_cli_quote(safe, sizeof safe, err->message));
    fputs(heed_cli_ink_on(right ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG), stdout);
    heed_cli_put_words(words, 0, 0);
    fputs(heed_cli_ink_off(), stdout);
    heed_cli_flush();
    return HEED_OK;
}

static heed_status verdict(const heed_cli_desk *desk, const heed_code_folder *folder, const watch_options *own,
                           heed_error *err)
{
    return own->json ? judge_json(desk, folder, own, err) : judge(desk, folder, own, err);
}

static heed_status watch(heed_cli_desk *desk, const heed_code_folder *folder, const char *path,
                         const watch_options *own, heed_error *err)
{
    heed_cli_saves *saves = heed_cli_saves_open(path, heed_code_file(folder));
    heed_status status = saves != NULL ? HEED_OK
                                       : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory to watch");

    fprintf(stderr, "heed: a save in %s runs it; Ctrl-C ends\n", path);
    while (status == HEED_OK && !heed_cli_interrupted()) {
        heed_error one = {HEED_OK, ""}, unread = {HEED_OK, ""};

        heed_cli_desk_note(heed_notebook_refresh(desk->notebook, &unread), &unread);
        status = say(folder, own, verdict(desk, folder, own, &one), &one);
        if (!heed_cli_flush())
            break;
        heed_cli_saves_go_on(saves);
        heed_cli_saves_wait(saves, heed_cli_interrupted);
    }
    heed_cli_saves_close(saves);
    if (heed_cli_interrupted() && heed_cli_is_terminal(stderr))
        fputc('\n', stderr); /* behind the ^C */
    return status;
}

static heed_status begin(const heed_cli_options *options, const watch_options *own, heed_error *err)
{
    const char *path = options->n_operands > 0 ? options->operands[0] : ".";
    heed_cli_desk *desk = NULL;
    heed_code_folder *folder = NULL;
    heed_status status = heed_cli_desk_open(&desk, err);

    if (status == HEED_OK)
        status = heed_code_open(desk->book, path, &folder, err);
    if (status == HEED_OK && own->run == NULL && heed_code_file(folder) == NULL)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "run: expected a COMMAND that runs your program");
    if (status == HEED_OK && !heed_code_confines())
        fprintf(stderr,
                "heed: this system cannot keep a program from writing outside of its folder (no Landlock)\n");
    if (status == HEED_OK) {
        heed_cli_catch_interrupts(NULL);
        status = own->once ? verdict(desk, folder, own, err) : watch(desk, folder, path, own, err);
        heed_cli_release_interrupts();
    }
    if (status == HEED_OK && own->once && !own->json)
        status = say(folder, own, HEED_OK, err);
    heed_code_close(folder);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    watch_options own = {.time_limit = 10.0};
    heed_cli_options options = {
        .command = command, .texts = texts, .n_texts = 1, .structure = &own, .most_operands = 1};
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    return status == HEED_OK ? begin(&options, &own, err) : status;
}

const heed_cli_command heed_cli_workbook_watch = {
    .name = "workbook watch",
    .operands = "[FOLDER]",
    .summary = "run and judge your program whenever you save it",
    .details =
        "FOLDER is one of \"heed workbook start\", where it is left out the one you are in. What heed wrote as "
        "a\n"
        "file to begin with is compiled (CC, CFLAGS) and run; with --run your command is run in place of it.\n"
        "inputs/ is as it was written and outputs/ has nothing of a run before when a program begins. It has "
        "no\n"
        "input and no terminal, and can write into outputs/ and build/ alone; a command of yours into all of\n"
        "FOLDER. It is ended after its time, after 64 MiB of printing, at 4 GiB of memory, and so is whatever "
        "it\n"
        "has started.\n",
    .examples = "  heed workbook watch\n"
                "  heed workbook watch attention --run 'cargo run --release'\n"
                "  heed workbook watch attention --once\n",
    .run = run,
};
