/* SPDX-License-Identifier: MIT */
/* heed workbook walk [N]: the path from characters to a GPT that writes, step by step. */
#include <heed/walk.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_print.h"

#define BAR_CELLS 20

typedef struct walk_options {
    const char *text, *encode, *out;
    bool all, list, json;
    int64_t seed, steps;
} walk_options;

#define AT(member) offsetof(walk_options, member)

static const heed_cli_text texts[] = {
    {"text", "FILE", "the text to walk with, from now on; \"\": the built-in stories", AT(text)},
    {"encode", "TEXT", "what step 1 turns into ids", AT(encode)},
    {"out", "FOLDER", "keep the model of the last steps there, as heed train does", AT(out)},
};

static const heed_field fields[] = {
    {"all", "every step, from the first to the last", HEED_FIELD_BOOLEAN, AT(all), 0, 0, NULL},
    {"list", "the whole path, and where you are on it", HEED_FIELD_BOOLEAN, AT(list), 0, 0, NULL},
    {"seed", "of all that is drawn", HEED_FIELD_INTEGER, AT(seed), 0, 1e15, NULL},
    {"steps", "of each training; 0: as many as it takes", HEED_FIELD_INTEGER, AT(steps), 0, 100000, NULL},
    {"json", "print one JSON object a step", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- a step --- */

static void put_head(const heed_walk_info *info)
{
    printf("%sStep %d of %d  %s%s%s%s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), info->number, heed_walk_count(),
           info->title, heed_cli_ink_off(), info->time != NULL ? "  (" : "",
           info->time != NULL ? info->time : "", info->time != NULL ? ")" : "");
    heed_cli_put_words(info->words, 0, 0);
}

static heed_status put_drawing(const heed_demo_result *r, heed_error *err)
{
    char *text = NULL;
    heed_status status = HEED_OK;

    if (r->plot.n_curves > 0)
        status = heed_demo_text(r, heed_cli_page_width(), heed_cli_palette(stdout), &text, err);
    if (status == HEED_OK && text != NULL && text[0] != '\0')
        printf("\n%s", text);
    free(text);
    return status;
}

static void put_checks(const heed_demo_result *r)
{
    if (r->n_checks > 0)
        putchar('\n');
    for (int i = 0; i < r->n_checks; i++) {
        const heed_cli_ink ink = r->checks[i].holds ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG;

        printf("%s%s%s  ", heed_cli_ink_on(ink), r->checks[i].holds ? "yes" : "NO ", heed_cli_ink_off());
        heed_cli_put_words(r->checks[i].words, 5, 5);
    }
}

static void put_ways_on(const heed_walk_info *info)
{
    putchar('\n');
    if (info->exercises[0] != '\0')
        printf("Exercises       %s\n", info->exercises);
    if (info->demos[0] != '\0')
        printf("Demonstrations  %s\n", info->demos);
}

static heed_status put_result(const heed_walk_result *r, heed_error *err)
{
    heed_status status;

    put_head(r->info);
    for (int i = 0; i < r->n_blocks; i++) {
        putchar('\n');
        if (r->blocks[i].lines)
            heed_cli_put_lines(r->blocks[i].text, 2);
        else
            heed_cli_put_words(r->blocks[i].text, 0, 0);
    }
    status = put_drawing(r->shown, err);
    put_checks(r->shown);
    put_ways_on(r->info);
    return status;
}

static heed_status put_json(const heed_walk_result *r, heed_error *err)
{
    char *text = NULL;
    const heed_status status = heed_walk_json(r, &text, err);

    if (status == HEED_OK)
        printf("%s\n", text);
    free(text);
    return status;
}

static heed_status run_step(heed_cli_desk *desk, heed_walk *walk, heed_cli_watch *watch, int number,
                            const walk_options *own, heed_error *err)
{
    heed_walk_result *result = NULL;
    heed_error saving = {HEED_OK, ""};
    heed_status status = heed_walk_run(walk, number, &result, err);

    heed_cli_watch_clear(watch);
    if (status == HEED_OK)
        status = own->json ? put_json(result, err) : put_result(result, err);
    heed_walk_result_destroy(result);
    if (status == HEED_OK)
        heed_cli_desk_note(heed_notebook_walked(desk->notebook, number, own->text, &saving), &saving);
    return status;
}

/* --- where you are --- */

static int count_done(const heed_cli_desk *desk)
{
    int n = 0;

    for (int i = 1; i <= heed_walk_count(); i++)
        n += heed_notebook_walk_done(desk->notebook, i);
    return n;
}

static void put_path(const heed_cli_desk *desk)
{
    const int n = heed_walk_count(), last = heed_notebook_walk_last(desk->notebook);

    for (int i = 1; i <= n; i++) {
        const heed_walk_info *info = heed_walk_at(i);
        const bool done = heed_notebook_walk_done(desk->notebook, i);

        printf("%s%-4s%s %2d  %-7s  %-42s  %s\n", heed_cli_ink_on(done ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_DIM),
               done ? "done" : "-", heed_cli_ink_off(), i, info->time != NULL ? info->time : "", info->title,
               i == last ? "<- you are here" : "");
    }
    putchar('\n');
    heed_cli_put_bar(count_done(desk), n, BAR_CELLS);
    printf("  %d of %d steps walked, with %s\n", count_done(desk), n,
           heed_notebook_walk_text(desk->notebook)[0] != '\0' ? heed_notebook_walk_text(desk->notebook)
                                                              : "the built-in stories");
}

static void put_path_json(const heed_cli_desk *desk)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_integer(&json, "last", heed_notebook_walk_last(desk->notebook));
    heed_cli_json_text(&json, "text", heed_notebook_walk_text(desk->notebook));
    heed_cli_json_open(&json, "steps", '[');
    for (int i = 1; i <= heed_walk_count(); i++) {
        const heed_walk_info *info = heed_walk_at(i);

        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_integer(&json, "step", i);
        if (info->time != NULL)
            heed_cli_json_text(&json, "time", info->time);
        heed_cli_json_text(&json, "title", info->title);
        heed_cli_json_text(&json, "exercises", info->exercises);
        heed_cli_json_bool(&json, "done", heed_notebook_walk_done(desk->notebook, i));
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

static void put_way(int number)
{
    heed_cli_flush();
    if (number < heed_walk_count())
        fprintf(stderr, "\nheed workbook walk            goes on with step %d, %s\n", number + 1,
                heed_walk_at(number + 1)->title);
    else
        fputs("\nThis was the last step. \"heed workbook walk 1\" begins again.\n", stderr);
}

/* --- the action --- */

static heed_status which(const heed_cli_desk *desk, const heed_cli_options *options, int *number,
                         heed_error *err)
{
    const int last = heed_notebook_walk_last(desk->notebook);
    char shown[80], *end;
    long n;

    if (options->n_operands == 0) {
        *number = last < heed_walk_count() ? last + 1 : 0;
        return HEED_OK;
    }
    n = strtol(options->operands[0], &end, 10);
    if (end == options->operands[0] || *end != '\0' || n < 1 || n > heed_walk_count())
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected a step from 1 to %d, got \"%s\"", heed_walk_count(),
                             heed_cli_quote(shown, sizeof shown, options->operands[0]));
    *number = (int)n;
    return HEED_OK;
}

static heed_status walk_on(heed_cli_desk *desk, int from, int to, const walk_options *own, heed_error *err)
{
    heed_cli_watch watch = heed_cli_watch_start("\nheed: stopping\n");
    const heed_walk_options how = {.text = own->text,
                                   .encode = own->encode,
                                   .out = own->out,
                                   .seed = (uint64_t)own->seed,
                                   .steps = own->steps,
                                   .progress = heed_cli_watch_progress,
                                   .context = &watch};
    heed_walk *walk = NULL;
    heed_status status = heed_walk_open(&how, &walk, err);

    for (int i = from; i <= to && status == HEED_OK; i++) {
        if (i > from && !own->json)
            putchar('\n');
        status = run_step(desk, walk, &watch, i, own, err);
        if (!heed_cli_flush())
            break;
    }
    heed_cli_watch_end(&watch);
    heed_walk_close(walk);
    if (status == HEED_OK && !own->json)
        put_way(to);
    return status;
}

static heed_status act(heed_cli_desk *desk, const heed_cli_options *options, walk_options *own, heed_error *err)
{
    int number = 0;
    char *text = NULL;
    heed_status status;

    if (own->list) {
        if (own->json)
            put_path_json(desk);
        else
            put_path(desk);
        return HEED_OK;
    }
    if (own->all && options->n_operands > 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected a step or --all, not both");
    status = which(desk, options, &number, err);
    if (status == HEED_OK && number == 0 && !own->all) {
        put_path(desk);
        puts("The whole path is walked. \"heed workbook walk 1\" begins again.");
        return HEED_OK;
    }
    if (status == HEED_OK && own->text == NULL) {
        text = strdup(heed_notebook_walk_text(desk->notebook));
        if (text == NULL)
            return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a path");
        own->text = text;
    }
    if (status == HEED_OK)
        status = own->all ? walk_on(desk, 1, heed_walk_count(), own, err)
                          : walk_on(desk, number, number, own, err);
    free(text);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    walk_options own = {.seed = 1};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = (int)(sizeof texts / sizeof texts[0]),
                                .structure = &own,
                                .most_operands = 1};
    heed_cli_desk *desk = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    return status == HEED_OK ? act(desk, &options, &own, err) : status;
}

const heed_cli_command heed_cli_workbook_walk = {
    .name = "workbook walk",
    .operands = "[N]",
    .summary = "the path from characters to a GPT that writes, a step at a time",
    .details =
        "Without N the next step is run; where you are is kept in your notebook, and so is the text, once it\n"
        "was named. Each step computes what it shows. Steps that train take some seconds.\n",
    .examples = "  heed workbook walk\n"
                "  heed workbook walk 4 --text plays.txt\n"
                "  heed workbook walk 1 --encode 'hear ye'\n"
                "  heed workbook walk --all --out my-first-gpt\n"
                "  heed workbook walk --list\n",
    .run = run,
};
