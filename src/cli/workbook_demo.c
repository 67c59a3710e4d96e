/* SPDX-License-Identifier: MIT */
/* heed workbook demo ID: an experiment on the engine, and whether it came out as is claimed. */
#include <heed/demo.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocations.h"
#include "cli/output.h"
#include "cli/workbook_demo_all.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_print.h"
#include "cli/workbook_shown.h"

typedef struct demo_options {
    heed_cli_numbers numbers;
    const char *picture;
    bool full, sabotage, all, json;
    int64_t seed;
} demo_options;

#define AT(member) offsetof(demo_options, member)

static const heed_cli_text texts[] = {
    {"params", "JSON", "other parameters than the preset's, as one JSON object", AT(numbers.params)},
    {"picture", "FILE", "also draw the plot or the map, as .png, .svg or .pdf by the name's ending",
     AT(picture)},
};

static const heed_cli_text lists[] = {
    {"param", "NAME=VALUE", "one parameter, its value as JSON or as a word; several times", AT(numbers.param)},
};

static const heed_field fields[] = {
    {"full", "the larger preset, up to minutes", HEED_FIELD_BOOLEAN, AT(full), 0, 0, NULL},
    {"sabotage", "break what the claim rests on: then it must not be observed", HEED_FIELD_BOOLEAN,
     AT(sabotage), 0, 0, NULL},
    {"all", "run every one of them: a table of verdicts and seconds; 1: one is not as it should be",
     HEED_FIELD_BOOLEAN, AT(all), 0, 0, NULL},
    {"seed", "of all that is drawn", HEED_FIELD_INTEGER, AT(seed), 0, 1e15, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- which one --- */

static void put_list(void)
{
    for (int i = 0; i < heed_demo_count(); i++)
        printf("  %s  %s\n", heed_demo_at(i)->id, heed_demo_at(i)->title);
}

static void put_list_json(void)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_open(&json, "demonstrations", '[');
    for (int i = 0; i < heed_demo_count(); i++) {
        const heed_demo_info *info = heed_demo_at(i);

        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "id", info->id);
        heed_cli_json_text(&json, "title", info->title);
        heed_cli_json_text(&json, "rule", info->rule);
        heed_cli_json_text(&json, "sabotage", info->sabotage);
        heed_cli_json_raw(&json, "params", info->params);
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

/* The demonstration of that name, or that of the exercise of that name. */
static heed_status find(const char *name, const char **id, heed_error *err)
{
    heed_workbook *book = NULL;
    heed_status status;
    int i;

    *id = name;
    if (strchr(name, '.') == NULL) /* the ids of exercises have one */
        return HEED_OK;
    status = heed_workbook_open(&book, err);
    if (status != HEED_OK)
        return status;
    i = heed_workbook_find(book, name, err);
    *id = i >= 0 ? heed_workbook_info(book, i)->demo : NULL;
    heed_workbook_close(book);
    if (i < 0)
        return HEED_ERR_USAGE;
    if (*id == NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "%s has no demonstration; \"heed workbook demo\" lists those that there are",
                             name);
    return HEED_OK;
}

/* Something is said only of what takes longer than a moment. */
static heed_status watch(const char *id, heed_demo_options *how, heed_demo_result **result, heed_error *err)
{
    heed_cli_watch w = heed_cli_watch_start("\nheed: stopping\n");
    const heed_demo_info *info = heed_demo_find(id);
    heed_status status;

    how->progress = heed_cli_watch_progress;
    how->context = &w;
    if (info != NULL)
        heed_cli_watch_begin(&w, info, "");
    w.told = info == NULL || !info->trains;
    status = heed_demo_run(id, how, result, err);
    heed_cli_watch_end(&w);
    return status;
}

static heed_status show(const char *name, const demo_options *own, heed_error *err)
{
    heed_demo_options how = {.full = own->full,
                             .sabotage = own->sabotage,
                             .seed = (uint64_t)own->seed,
                             .count = heed_cli_allocation_counter()};
    heed_demo_result *result = NULL;
    char *params = NULL;
    const char *id;
    heed_status status = find(name, &id, err);

    if (status == HEED_OK)
        status = heed_cli_numbers_join(&own->numbers, &params, err);
    how.params = params;
    if (status == HEED_OK)
        status = watch(id, &how, &result, err);
    if (status == HEED_OK && own->picture != NULL)
        status = heed_demo_picture(result, own->picture, err);
    if (status == HEED_OK)
        status = own->json ? heed_cli_demo_json(result, err) : heed_cli_put_demo(result, err);
    heed_demo_result_destroy(result);
    free(params);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    demo_options own = {.numbers = {.variant = -1}, .seed = 1};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 2,
                                .lists = lists,
                                .n_lists = 1,
                                .structure = &own,
                                .most_operands = 1};
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status != HEED_OK)
        return status;
    if (own.all && (options.n_operands > 0 || own.picture != NULL || own.numbers.params != NULL ||
                    own.numbers.param.n > 0))
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "all: expected neither an ID nor --param, --params or --picture beside it");
    if (own.all)
        return heed_cli_demo_all(
            &(heed_demo_options){.full = own.full, .sabotage = own.sabotage, .seed = (uint64_t)own.seed},
            own.json, err);
    if (options.n_operands > 0)
        return show(options.operands[0], &own, err);
    if (own.json)
        put_list_json();
    else
        put_list();
    return HEED_OK;
}

const heed_cli_command heed_cli_workbook_demo = {
    .name = "workbook demo",
    .operands = "[ID]",
    .summary = "an experiment on the engine, and whether it comes out as is claimed",
    .details =
        "ID is a demonstration (D03) or an exercise that has one (pp.q06); without it they are listed. The\n"
        "verdict follows from the rule that is printed with it. A run with --sabotage lacks what the claim\n"
        "rests on, and must not be \"observed\".\n",
    .examples = "  heed workbook demo\n"
                "  heed workbook demo D03\n"
                "  heed workbook demo D03 --sabotage\n"
                "  heed workbook demo --all --sabotage\n"
                "  heed workbook demo D05 --full --seed 7 --picture growth.svg\n",
    .run = run,
};
