/* SPDX-License-Identifier: MIT */
/* heed workbook list [GROUP]: where you stand. */
#include <string.h>
#include <strings.h>

#include "cli/output.h"
#include "cli/workbook_next.h"
#include "cli/workbook_print.h"

#define BAR_CELLS 20

typedef struct list_options {
    bool json;
} list_options;

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(list_options, json), 0, 0, NULL},
};

/* A group: the exercises first .. end-1 of the book. */
typedef struct group {
    int first, end, n_right, n_tried;
} group;

/* The group that begins at first. */
static group group_at(const heed_cli_desk *desk, int first)
{
    const int n = heed_workbook_count(desk->book);
    const char *name = heed_workbook_info(desk->book, first)->group;
    group g = {.first = first, .end = first};

    while (g.end < n && strcmp(heed_workbook_info(desk->book, g.end)->group, name) == 0) {
        const heed_notebook_entry entry = heed_notebook_entry_of(desk->notebook,
                                                                 heed_workbook_info(desk->book, g.end)->id);
        g.n_right += entry.n_right > 0;
        g.n_tried += entry.n_right == 0 && entry.n_wrong > 0;
        g.end++;
    }
    return g;
}

/* Title in so many columns, cut where it is longer. */
static void put_title(const char *title, int columns)
{
    int at = 0;
    size_t n = 0;

    while (title[n] != '\0' &&
           (at < columns - 1 || heed_cli_characters(title + n, strlen(title + n)) <= columns - at)) {
        n++;
        while (((unsigned char)title[n] & 0xc0) == 0x80)
            n++;
        at++;
    }
    heed_cli_put_safe(stdout, title, n);
    if (title[n] != '\0') {
        fputs("\xe2\x80\xa6", stdout);
        at++;
    }
    printf("%*s", columns - at, "");
}

/* How many are right, which was the last, which comes next. */
static void put_sum(const heed_cli_desk *desk, int n_right)
{
    const int next = heed_cli_workbook_find_next(desk);
    const char *now = heed_notebook_now(desk->notebook);
    const bool known = now != NULL && heed_workbook_find(desk->book, now, &(heed_error){HEED_OK, ""}) >= 0;
    char words[512];
    int n = snprintf(words, sizeof words, "%d of %d answered right.", n_right, heed_workbook_count(desk->book));

    if (known)
        n += snprintf(words + n, sizeof words - (size_t)n, " Last: %.60s.", now);
    if (next >= 0)
        snprintf(words + n, sizeof words - (size_t)n, " Next: %s, %.200s.",
                 heed_workbook_info(desk->book, next)->id, heed_workbook_info(desk->book, next)->title);
    putchar('\n');
    heed_cli_put_words(words, 0, 0);
}

static void put_groups(const heed_cli_desk *desk)
{
    const int n = heed_workbook_count(desk->book), title = heed_cli_page_width() - BAR_CELLS - 17;
    int n_right = 0;

    for (int i = 0; i < n;) {
        const group g = group_at(desk, i);
        const heed_exercise_info *info = heed_workbook_info(desk->book, i);

        printf("%s%s%s  ", heed_cli_ink_on(HEED_CLI_INK_BOLD), info->group, heed_cli_ink_off());
        put_title(info->group_title, title);
        putchar(' ');
        heed_cli_put_bar(g.n_right, g.end - g.first, BAR_CELLS);
        printf(" %3d of %d\n", g.n_right, g.end - g.first);
        n_right += g.n_right;
        i = g.end;
    }
    put_sum(desk, n_right);
}

static const char *mark_of(const heed_notebook_entry *entry)
{
    return entry->n_right > 0 ? "right" : entry->n_wrong > 0 ? "tried" : "-";
}

static void put_exercises(const heed_cli_desk *desk, group g)
{
    const heed_exercise_info *head = heed_workbook_info(desk->book, g.first);

    printf("%s%s. %s%s\n\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), head->group, head->group_title,
           heed_cli_ink_off());
    for (int i = g.first; i < g.end; i++) {
        const heed_exercise_info *info = heed_workbook_info(desk->book, i);
        const heed_notebook_entry entry = heed_notebook_entry_of(desk->notebook, info->id);
        const heed_cli_ink ink = entry.n_right > 0   ? HEED_CLI_INK_RIGHT
                                 : entry.n_wrong > 0 ? HEED_CLI_INK_WRONG
                                                     : HEED_CLI_INK_DIM;

        printf("%s%-6s%s %-12s ", heed_cli_ink_on(ink), mark_of(&entry), heed_cli_ink_off(), info->id);
        put_title(info->title, heed_cli_page_width() - 31);
        printf(" %s\n", heed_exercise_kind_name(info->kind));
    }
}

/* --- as JSON --- */

static void json_group(heed_cli_json *json, const heed_cli_desk *desk, group g)
{
    const heed_exercise_info *head = heed_workbook_info(desk->book, g.first);

    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "group", head->group);
    heed_cli_json_text(json, "title", head->group_title);
    heed_cli_json_integer(json, "right", g.n_right);
    heed_cli_json_integer(json, "tried", g.n_tried);
    heed_cli_json_open(json, "exercises", '[');
    for (int i = g.first; i < g.end; i++) {
        const heed_exercise_info *info = heed_workbook_info(desk->book, i);
        const heed_notebook_entry entry = heed_notebook_entry_of(desk->notebook, info->id);

        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "id", info->id);
        heed_cli_json_text(json, "title", info->title);
        heed_cli_json_text(json, "kind", heed_exercise_kind_name(info->kind));
        heed_cli_json_integer(json, "right", entry.n_right);
        heed_cli_json_integer(json, "wrong", entry.n_wrong);
        heed_cli_json_integer(json, "hints", entry.n_hints);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

/* All groups, or the one that begins at `only`. */
static void put_json(const heed_cli_desk *desk, int only)
{
    heed_cli_json json = {.out = stdout};
    const int next = heed_cli_workbook_find_next(desk);

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "notebook", heed_notebook_path(desk->notebook));
    if (next >= 0)
        heed_cli_json_text(&json, "next", heed_workbook_info(desk->book, next)->id);
    heed_cli_json_open(&json, "groups", '[');
    for (int i = 0; i < heed_workbook_count(desk->book);) {
        const group g = group_at(desk, i);
        if (only < 0 || only == i)
            json_group(&json, desk, g);
        i = g.end;
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

/* --- the action --- */

/* Where the group of that name begins. */
static heed_status find_group(const heed_cli_desk *desk, const char *name, int *first, heed_error *err)
{
    char shown[80];

    for (*first = 0; *first < heed_workbook_count(desk->book); *first = group_at(desk, *first).end) {
        if (strcasecmp(heed_workbook_info(desk->book, *first)->group, name) == 0)
            return HEED_OK;
    }
    return heed_cli_fail(err, HEED_ERR_USAGE, "there is no group \"%s\"; \"heed workbook list\" shows all",
                         heed_cli_quote(shown, sizeof shown, name));
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    list_options own = {.json = false};
    heed_cli_options options = {.command = command, .most_operands = 1};
    heed_cli_desk *desk = NULL;
    int only = -1;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_desk_begin(&options, argc, argv, &desk, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    if (status == HEED_OK && options.n_operands > 0)
        status = find_group(desk, options.operands[0], &only, err);
    if (status != HEED_OK)
        return status;
    if (own.json)
        put_json(desk, only);
    else if (only >= 0)
        put_exercises(desk, group_at(desk, only));
    else
        put_groups(desk);
    return HEED_OK;
}

const heed_cli_command heed_cli_workbook_list = {
    .name = "workbook list",
    .operands = "[GROUP]",
    .summary = "where you stand: the groups, or the exercises of one",
    .examples = "  heed workbook list\n"
                "  heed workbook list C\n",
    .run = run,
};
