/* SPDX-License-Identifier: MIT */
/* The help of a command, made from its tables. No line is longer than 100 columns. */
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"

#define LEFT  28 /* columns of an option's name */
#define WIDTH 98

/* Prints words from column `at` on, wrapped, each further line beginning at LEFT. */
static void put_words(const char *words, int at)
{
    while (*words != '\0') {
        const int n = (int)strcspn(words, " ");
        if (at + 1 + n > WIDTH) {
            printf("\n%*s", LEFT, "");
            at = LEFT;
        }
        at += printf("%s%.*s", at > LEFT ? " " : "", n, words);
        words += n + (words[n] == ' ');
    }
    putchar('\n');
}

static void put_option(const char *name, const char *value, const char *words)
{
    char left[96];
    int n = snprintf(left, sizeof left, "  --%s%s%s", name, value[0] != '\0' ? " " : "", value);

    for (char *c = left + 2; *c != '\0' && *c != ' '; c++) {
        if (*c == '_')
            *c = '-';
    }
    n = printf("%s", left);
    if (n > LEFT - 2)
        printf("\n%*s", LEFT, "");
    else
        printf("%*s", LEFT - n, "");
    put_words(words, LEFT);
}

static const char *value_word(const heed_field *field)
{
    switch (field->type) {
    case HEED_FIELD_INTEGER:
        return "N";
    case HEED_FIELD_NUMBER:
        return "X";
    case HEED_FIELD_CHOICE:
        return "WORD";
    case HEED_FIELD_TEXT:
        return "TEXT";
    case HEED_FIELD_BOOLEAN:
        break;
    }
    return "";
}

static void put_field(const heed_cli_group *group, const heed_field *field)
{
    char words[400], value[64];
    size_t used = (size_t)snprintf(words, sizeof words, "%s", field->help);
    const char *was = heed_field_get(field, group->structure, value, sizeof value);

    for (int i = 0; field->type == HEED_FIELD_CHOICE && field->choices[i] != NULL; i++)
        used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i == 0 ? ": " : ", ",
                                 field->choices[i]);
    if (field->type == HEED_FIELD_TEXT && was[0] == '\0')
        was = "none";
    if (field->type != HEED_FIELD_BOOLEAN)
        snprintf(words + used, sizeof words - used, " [%s]", was);
    else if (!group->flags)
        snprintf(words + used, sizeof words - used, " [%s]", strcmp(was, "true") == 0 ? "yes" : "no");
    put_option(field->name, value_word(field), words);
}

void heed_cli_show_help(const heed_cli_options *o)
{
    const heed_cli_command *c = o->command;
    bool switches = false;

    printf("heed %s%s%s: %s\n", c->name, c->operands[0] != '\0' ? " " : "", c->operands, c->summary);
    if (c->details != NULL)
        printf("\n%s", c->details);
    if (o->n_texts + o->n_lists > 0)
        printf("\nOptions\n");
    for (int i = 0; i < o->n_texts; i++)
        put_option(o->texts[i].name, o->texts[i].value, o->texts[i].help);
    for (int i = 0; i < o->n_lists; i++)
        put_option(o->lists[i].name, o->lists[i].value, o->lists[i].help);
    for (int g = 0; g < o->n_groups; g++) {
        if (o->groups[g].title != NULL || (g == 0 && o->n_texts + o->n_lists == 0))
            printf("\n%s\n", o->groups[g].title != NULL ? o->groups[g].title : "Options");
        for (int i = 0; i < o->groups[g].n_texts; i++)
            put_option(o->groups[g].texts[i].name, o->groups[g].texts[i].value, o->groups[g].texts[i].help);
        for (int i = 0; i < o->groups[g].n; i++) {
            put_field(&o->groups[g], &o->groups[g].fields[i]);
            switches |= o->groups[g].fields[i].type == HEED_FIELD_BOOLEAN && !o->groups[g].flags;
        }
    }
    printf("\nIn brackets: what holds when nothing is said.%s\n",
           switches ? " --no-NAME or --NAME=false switches a yes off." : "");
    if (c->examples != NULL)
        printf("\nExamples\n%s", c->examples);
}
