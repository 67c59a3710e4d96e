/* SPDX-License-Identifier: MIT */
/*
 * Options, from tables. A command has texts (--out DIR), and groups of fields (--n-layers 4) that fill a structure of
 * the library's or of its own. Its help is made from the same tables.
 *
 *     heed_cli_options options = {.command = command, .texts = texts, .n_texts = 3, .structure = &own};
 *     heed_cli_add_group(&options, "Model", fields, n, &config, false);
 *     status = heed_cli_read(&options, argc, argv, err);       finds out what was given
 *     if (status != HEED_OK || options.help_shown) …
 *     status = heed_cli_apply(&options, err);                  sets the fields
 *
 * --name value and --name=value mean the same, and so do dashes and underscores. A boolean is --name, --no-name or
 * --name=false, and, where it is no flag, --name false. What follows -- is an operand.
 */
#ifndef HEED_CLI_OPTIONS_H
#define HEED_CLI_OPTIONS_H

#include "cli/command.h"

/* An option whose value is a text. */
typedef struct heed_cli_text {
    const char *name, *value, *help; /* "out", "DIR", a few words */
    size_t offset;                   /* of a const char * in the structure */
} heed_cli_text;

#define HEED_CLI_MAX_LIST     64
#define HEED_CLI_MAX_OPERANDS 1024

/* The texts of an option that may be given several times, in their order. */
typedef struct heed_cli_list {
    const char *items[HEED_CLI_MAX_LIST];
    int n;
} heed_cli_list;

typedef struct heed_cli_group {
    const char *title;
    const heed_field *fields;
    int n;
    void *structure;            /* holds the defaults while the help is made */
    bool flags;                 /* booleans stand alone: --json takes no word */
    const heed_cli_text *texts; /* of the same structure; NULL: none */
    int n_texts;
} heed_cli_group;

typedef struct heed_cli_setting {
    const heed_cli_group *group;
    const heed_field *field; /* NULL: a text of the group, which is set already */
    const char *name, *text;
} heed_cli_setting;

#define HEED_CLI_MAX_SETTINGS 128
#define HEED_CLI_MAX_GROUPS   24

typedef struct heed_cli_options {
    const heed_cli_command *command;
    const heed_cli_text *texts;
    int n_texts;
    const heed_cli_text *lists; /* offset is that of a heed_cli_list */
    int n_lists;
    void *structure; /* of texts and lists */
    heed_cli_group groups[HEED_CLI_MAX_GROUPS];
    int n_groups;
    int least_operands, most_operands;
    const char *operands[HEED_CLI_MAX_OPERANDS];
    int n_operands;
    heed_cli_setting settings[HEED_CLI_MAX_SETTINGS];
    int n_settings;
    bool help_shown;
} heed_cli_options;

void heed_cli_add_group(heed_cli_options *options, const char *title, const heed_field *fields, int n,
                        void *structure, bool flags);
/** Options with texts for the group that was added last. */
void heed_cli_add_texts(heed_cli_options *options, const heed_cli_text *texts, int n);
/** Reads the line: texts and operands are set, fields wait for heed_cli_apply(). --help is answered here. */
heed_status heed_cli_read(heed_cli_options *options, int argc, char **argv, heed_error *err);
/** Sets the fields that were given, in their order. */
heed_status heed_cli_apply(const heed_cli_options *options, heed_error *err);
/** The name of the first option of that structure's groups that was given, NULL if none was. */
const char *heed_cli_given(const heed_cli_options *options, const void *structure);
/** The operands from this one on as one line with blanks between; allocated, NULL: no memory. */
char *heed_cli_join(const heed_cli_options *options, int from);
/** The help of the command, on stdout. */
void heed_cli_show_help(const heed_cli_options *options);

#endif
