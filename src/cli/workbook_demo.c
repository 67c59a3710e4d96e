/* SPDX-License-Identifier: MIT */
/* heed workbook demo ID: an experiment on the engine, and whether it came out as is claimed. */
#include <heed/demo.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

#define MOST_SHOWN 12 /* rows, and columns, of a table */

typedef struct demo_options {
    heed_cli_numbers numbers;
    const char *picture;
    bool full, sabotage, json;
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
    {"seed", "of all that is drawn", HEED_FIELD_INTEGER, AT(seed), 0, 1e15, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- text --- */

static void put_head(const char *words)
{
    printf("\n%s%s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), words, heed_cli_ink_off());
}

static void put_label(const char *const *labels, int i, int width)
{
    if (labels != NULL)
        printf("%*s", width, labels[i]);
    else
        printf("%*d", width, i + 1);
}

static int label_width(const char *const *labels, int n)
{
    int width = 3;

    for (int i = 0; labels != NULL && i < n; i++)
        width = (int)strlen(labels[i]) > width ? (int)strlen(labels[i]) : width;
    return width;
}

/* As many columns as fit on the page, at least one. */
static int columns_shown(const heed_demo_table *t, int left, int wide)
{
    const int fit = (heed_cli_page_width() - left - 6) / (wide + 2), most = fit < MOST_SHOWN ? fit : MOST_SHOWN;

    return t->n_columns <= most ? t->n_columns : most > 1 ? most : 1;
}

static void put_table(const heed_demo_table *t)
{
    const int rows = t->n_rows < MOST_SHOWN ? t->n_rows : MOST_SHOWN, left = label_width(t->row_labels, rows),
              label = label_width(t->column_labels, t->n_columns), wide = label > 9 ? label : 9,
              columns = columns_shown(t, left, wide);

    put_head(t->title);
    printf("  %*s", left, "");
    for (int j = 0; j < columns; j++) {
        fputs("  ", stdout);
        put_label(t->column_labels, j, wide);
    }
    fputs(columns < t->n_columns ? "  ...\n" : "\n", stdout);
    for (int i = 0; i < rows; i++) {
        fputs("  ", stdout);
        put_label(t->row_labels, i, left);
        for (int j = 0; j < columns; j++) {
            const double x = t->values[(size_t)i * (size_t)t->n_columns + (size_t)j];
            printf("  %*.5g", wide, x == 0.0 ? 0.0 : x); /* not -0 */
        }
        putchar('\n');
    }
    if (rows < t->n_rows || columns < t->n_columns)
        printf("  ... %d x %d in all; --json has them\n", t->n_rows, t->n_columns);
}

static void put_passages(const heed_demo_result *r)
{
    for (int i = 0; i < r->n_passages; i++) {
        put_head(r->passages[i].title);
        heed_cli_put_paragraph(stdout, r->passages[i].text, strlen(r->passages[i].text), heed_cli_page_width());
    }
}

static void put_figures(const heed_demo_result *r)
{
    if (r->n_figures > 0)
        put_head("Figures");
    for (int i = 0; i < r->n_figures; i++)
        printf("  %-24s %-11.5g %s\n", r->figures[i].name, r->figures[i].value, r->figures[i].meaning);
}

static void put_verdict(const heed_demo_result *r)
{
    const heed_cli_ink ink = r->observed ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG;

    put_head("The rule");
    heed_cli_put_words(r->info->rule, 2, 0);
    for (int i = 0; i < r->n_checks; i++) {
        fputs(r->checks[i].holds ? "  yes  " : "  NO   ", stdout);
        heed_cli_put_words(r->checks[i].words, 7, 7);
    }
    printf("\n%s%s%s\n", heed_cli_ink_on(ink), r->observed ? "observed" : "not observed", heed_cli_ink_off());
}

static heed_status put_drawing(const heed_demo_result *r, heed_error *err)
{
    const int columns = heed_cli_page_width();
    char *text = NULL;
    const heed_status status = heed_demo_text(r, columns, heed_cli_palette(stdout), &text, err);

    if (status == HEED_OK && text != NULL && text[0] != '\0')
        printf("\n%s", text);
    free(text);
    return status;
}

static heed_status put_result(const heed_demo_result *r, heed_error *err)
{
    heed_status status;

    printf("%s%s  %s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), r->info->id, r->info->title, heed_cli_ink_off());
    heed_cli_put_words(r->info->shows, 0, 0);
    if (r->sabotage) {
        put_head("Broken on purpose");
        heed_cli_put_words(r->info->sabotage, 2, 0);
    }
    for (int i = 0; i < r->n_tables; i++)
        put_table(&r->tables[i]);
    put_passages(r);
    status = put_drawing(r, err);
    put_figures(r);
    put_verdict(r);
    return status;
}

static heed_status put_json(const heed_demo_result *r, heed_error *err)
{
    char *text = NULL;
    const heed_status status = heed_demo_json(r, &text, err);

    if (status == HEED_OK)
        printf("%s\n", text);
    free(text);
    return status;
}

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

static heed_status show(const char *name, const demo_options *own, heed_error *err)
{
    heed_demo_options how = {
        .full = own->full, .sabotage = own->sabotage, .seed = (uint64_t)own->seed, .params = NULL};
    heed_demo_result *result = NULL;
    char *params = NULL;
    const char *id;
    heed_status status = find(name, &id, err);

    if (status == HEED_OK)
        status = heed_cli_numbers_join(&own->numbers, &params, err);
    how.params = params;
    if (status == HEED_OK)
        status = heed_demo_run(id, &how, &result, err);
    if (status == HEED_OK && own->picture != NULL)
        status = heed_demo_picture(result, own->picture, err);
    if (status == HEED_OK)
        status = own->json ? put_json(result, err) : put_result(result, err);
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
                "  heed workbook demo D05 --full --seed 7 --picture growth.svg\n",
    .run = run,
};
