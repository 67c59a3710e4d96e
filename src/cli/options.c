/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/output.h"

#define MAX_NAME 64

void heed_cli_add_group(heed_cli_options *o, const char *title, const heed_field *fields, int n,
                        void *structure, bool flags)
{
    assert(o->n_groups < HEED_CLI_MAX_GROUPS);
    o->groups[o->n_groups++] = (heed_cli_group){title, fields, n, structure, flags, NULL, 0};
}

void heed_cli_add_texts(heed_cli_options *o, const heed_cli_text *texts, int n)
{
    o->groups[o->n_groups - 1].texts = texts;
    o->groups[o->n_groups - 1].n_texts = n;
}

/* An argument without its leading dashes, dashes inside as underscores, up to "=". */
static void name_of(const char *arg, char name[MAX_NAME])
{
    size_t n = 0;

    for (const char *c = arg + 2; *c != '\0' && *c != '=' && n + 1 < MAX_NAME; c++)
        name[n++] = *c == '-' ? '_' : *c;
    name[n] = '\0';
}

static const heed_field *find_field(const heed_cli_options *o, const char *name, const heed_cli_group **group)
{
    for (int i = 0; i < o->n_groups; i++) {
        const heed_field *field = heed_field_find(o->groups[i].fields, o->groups[i].n, name);
        *group = &o->groups[i];
        if (field != NULL)
            return field;
    }
    return NULL;
}

static const heed_cli_text *find_text(const heed_cli_text *texts, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(texts[i].name, name) == 0)
            return &texts[i];
    }
    return NULL;
}

static const heed_cli_text *find_group_text(const heed_cli_options *o, const char *name,
                                            const heed_cli_group **group)
{
    for (int i = 0; i < o->n_groups; i++) {
        const heed_cli_text *text = find_text(o->groups[i].texts, o->groups[i].n_texts, name);
        *group = &o->groups[i];
        if (text != NULL)
            return text;
    }
    return NULL;
}

/* --- what does not fit --- */

static void put_dashes(char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '_')
            *name = '-';
    }
}

static heed_status unknown_option(const heed_cli_options *o, const char *arg, const char *name, heed_error *err)
{
    heed_field all[192] = {{.name = "help"}};
    char shown[80], near[MAX_NAME] = "";
    const char *found;
    int n = 1;

    for (int i = 0; i < o->n_texts; i++)
        all[n++].name = o->texts[i].name;
    for (int i = 0; i < o->n_lists; i++)
        all[n++].name = o->lists[i].name;
    for (int g = 0; g < o->n_groups; g++) {
        for (int i = 0; i < o->groups[g].n && n < 192; i++)
            all[n++].name = o->groups[g].fields[i].name;
        for (int i = 0; i < o->groups[g].n_texts && n < 192; i++)
            all[n++].name = o->groups[g].texts[i].name;
    }
    found = strncmp(name, "no_", 3) == 0 ? heed_field_nearest(all, n, name + 3) : NULL;
    if (found == NULL)
        found = heed_field_nearest(all, n, name);
    if (found != NULL) {
        snprintf(near, sizeof near, "%s", found);
        put_dashes(near);
    }
    heed_cli_quote(shown, sizeof shown, arg);
    if (found == NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s has no option \"%s\"; \"heed help %s\" shows all",
                             o->command->name, shown, o->command->name);
    return heed_cli_fail(err, HEED_ERR_USAGE, "%s has no option \"%s\"; did you mean \"--%s\"?",
                         o->command->name, shown, near);
}

static heed_status missing_value(const char *arg, const char *what, heed_error *err)
{
    char shown[80];

    return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected %s behind it, got nothing",
                         heed_cli_quote(shown, sizeof shown, arg), what);
}

/* --- reading the line --- */

static bool is_boolean_word(const char *word)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (size_t i = 0; word != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

static heed_status add_setting(heed_cli_options *o, const heed_cli_group *group, const heed_field *field,
                               const char *text, heed_error *err)
{
    if (o->n_settings == HEED_CLI_MAX_SETTINGS)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected at most %d options", HEED_CLI_MAX_SETTINGS);
    o->settings[o->n_settings++] = (heed_cli_setting){group, field, field->name, text};
    return HEED_OK;
}

/* The value of the option at argv[*i]: behind "=", or the next argument unless that is an option itself. */
static const char *take_value(int argc, char **argv, int *i)
{
    const char *equals = strchr(argv[*i], '=');

    if (equals != NULL)
        return equals + 1;
    if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)
        return NULL;
    return argv[++*i];
}

/* The value of a text of the structure, or one more of a list. */
static heed_status read_text(const heed_cli_text *text, void *structure, bool list, int argc, char **argv,
                             int *i, heed_error *err)
{
    const char *arg = argv[*i], *value = take_value(argc, argv, i);
    void *at = (char *)structure + text->offset;
    heed_cli_list *items = list ? at : NULL;

    if (value == NULL)
        return missing_value(arg, text->value, err);
    if (value[0] == '\0' && strcmp(text->value, "TEXT") != 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "--%s: expected %s, got an empty word", text->name,
                             text->value);
    if (!list)
        *(const char **)at = value;
    else if (items->n < HEED_CLI_MAX_LIST)
        items->items[items->n++] = value;
    else
        return heed_cli_fail(err, HEED_ERR_USAGE, "--%s: expected it at most %d times", text->name,
                             HEED_CLI_MAX_LIST);
    return HEED_OK;
}

/* It is set at once, and noted for heed_cli_given(). */
static heed_status read_group_text(heed_cli_options *o, const heed_cli_group *group, const heed_cli_text *text,
                                   int argc, char **argv, int *i, heed_error *err)
{
    const heed_status status = read_text(text, group->structure, false, argc, argv, i, err);

    if (status == HEED_OK && o->n_settings < HEED_CLI_MAX_SETTINGS)
        o->settings[o->n_settings++] = (heed_cli_setting){group, NULL, text->name, NULL};
    return status;
}

static heed_status read_option(heed_cli_options *o, int argc, char **argv, int *i, heed_error *err)
{
    const char *arg = argv[*i], *value;
    const heed_cli_group *group = NULL;
    const heed_cli_text *text;
    const heed_field *field;
    bool negated = false;
    char name[MAX_NAME];

    name_of(arg, name);
    text = find_text(o->texts, o->n_texts, name);
    if (text != NULL)
        return read_text(text, o->structure, false, argc, argv, i, err);
    text = find_text(o->lists, o->n_lists, name);
    if (text != NULL)
        return read_text(text, o->structure, true, argc, argv, i, err);
    text = find_group_text(o, name, &group);
    if (text != NULL)
        return read_group_text(o, group, text, argc, argv, i, err);
    field = find_field(o, name, &group);
    if (field == NULL && strncmp(name, "no_", 3) == 0 && strchr(arg, '=') == NULL) {
        field = find_field(o, name + 3, &group);
        negated = field != NULL && field->type == HEED_FIELD_BOOLEAN;
        field = negated ? field : NULL;
    }
    if (field == NULL)
        return unknown_option(o, arg, name, err);
    if (field->type == HEED_FIELD_BOOLEAN && strchr(arg, '=') == NULL) {
        const bool has_word = !negated && !group->flags && *i + 1 < argc && is_boolean_word(argv[*i + 1]);
        return add_setting(o, group, field, has_word ? argv[++*i] : negated ? "false" : "true", err);
    }
    value = take_value(argc, argv, i);
    if (value == NULL)
        return missing_value(arg,
                             field->type == HEED_FIELD_CHOICE ? "a word"
                             : field->type == HEED_FIELD_TEXT ? "a text"
                                                              : "a number",
                             err);
    return add_setting(o, group, field, value, err);
}

static heed_status read_operand(heed_cli_options *o, const char *arg, heed_error *err)
{
    char shown[80];

    if (o->n_operands == HEED_CLI_MAX_OPERANDS)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected at most %d names", o->command->name,
                             HEED_CLI_MAX_OPERANDS);
    if (o->n_operands == o->most_operands)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected %s%s, got one more: \"%s\"", o->command->name,
                             o->most_operands == 0 ? "options only" : "only ", o->command->operands,
                             heed_cli_quote(shown, sizeof shown, arg));
    o->operands[o->n_operands++] = arg;
    return HEED_OK;
}

/* -3, -.5 and -inf are operands. */
static bool is_negative_number(const char *arg)
{
    return arg[0] == '-' &&
           (isdigit((unsigned char)arg[1]) || arg[1] == '.' || strncasecmp(arg + 1, "inf", 3) == 0);
}

heed_status heed_cli_read(heed_cli_options *o, int argc, char **argv, heed_error *err)
{
    bool only_operands = false;
    heed_status status = HEED_OK;

    for (int i = 0; i < argc && status == HEED_OK; i++) {
        if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0' || is_negative_number(argv[i]))
            status = read_operand(o, argv[i], err);
        else if (strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            heed_cli_show_help(o);
            o->help_shown = true;
            return HEED_OK;
        } else if (argv[i][1] != '-') {
            char shown[80];
            status = heed_cli_fail(err, HEED_ERR_USAGE,
                                   "%s has no option \"%s\"; options begin with two dashes", o->command->name,
                                   heed_cli_quote(shown, sizeof shown, argv[i]));
        } else
            status = read_option(o, argc, argv, &i, err);
    }
    if (status == HEED_OK && o->n_operands < o->least_operands)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "expected heed %s %s; \"heed help %s\" shows more",
                               o->command->name, o->command->operands, o->command->name);
    return status;
}

heed_status heed_cli_apply(const heed_cli_options *o, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < o->n_settings && status == HEED_OK; i++) {
        const heed_cli_setting *s = &o->settings[i];
        if (s->field == NULL)
            continue;
        status = heed_field_set(s->group->fields, s->group->n, s->group->structure, s->field->name, s->text,
                                err);
    }
    return status;
}

const char *heed_cli_given(const heed_cli_options *o, const void *structure)
{
    for (int i = 0; i < o->n_settings; i++) {
        if (o->settings[i].group->structure == structure)
            return o->settings[i].name;
    }
    return NULL;
}

char *heed_cli_join(const heed_cli_options *o, int from)
{
    size_t size = 1;
    char *line, *end;

    for (int i = from; i < o->n_operands; i++)
        size += strlen(o->operands[i]) + 1;
    line = end = calloc(size, 1);
    for (int i = from; line != NULL && i < o->n_operands; i++) {
        if (i > from)
            *end++ = ' ';
        end += strlen(strcpy(end, o->operands[i]));
    }
    return line;
}
