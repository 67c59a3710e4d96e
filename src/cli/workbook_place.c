/* SPDX-License-Identifier: MIT */
/* heed workbook at a terminal: the actions as words on a line, until "quit". */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/line.h"
#include "cli/output.h"
#include "cli/workbook_print.h"

#define MOST_WORDS 128

/* --- completion --- */

/* The first word is an action or an id, of which there are too many to list them all; the others are ids. */
static const char *candidate(void *context, int word, bool begun, int i)
{
    static const char *const own[] = {"help", "quit"};
    const heed_cli_desk *desk = context;

    for (int k = 0; word == 0 && heed_cli_workbook_actions[k] != NULL; k++) {
        if (i-- == 0)
            return heed_cli_workbook_action_name(heed_cli_workbook_actions[k]);
    }
    for (int k = 0; word == 0 && k < 2; k++) {
        if (i-- == 0)
            return own[k];
    }
    return (begun || word > 0) && i < heed_workbook_count(desk->book) ? heed_workbook_info(desk->book, i)->id
                                                                      : NULL;
}

/* --- a line --- */

/* Does the line begin with an action? */
static bool is_action(const char *line)
{
    const size_t n = strcspn(line, " \t");

    for (int i = 0; heed_cli_workbook_actions[i] != NULL; i++) {
        const char *name = heed_cli_workbook_action_name(heed_cli_workbook_actions[i]);
        if (strlen(name) == n && strncmp(line, name, n) == 0)
            return true;
    }
    return false;
}

/* pp.q10, also where there is no such exercise. */
static bool looks_like_id(const char *word)
{
    const size_t n = strcspn(word, " \t");
    const char *dot = memchr(word, '.', n), *sign = strpbrk(word, "=()");

    return isalpha((unsigned char)word[0]) && dot != NULL && isalpha((unsigned char)dot[1]) &&
           (sign == NULL || sign > word + n);
}

/* A number, a matrix, NAME=, the letter of an option: an answer without the word for it. */
static bool looks_like_answer(const char *line)
{
    return strchr("0123456789+-.([@", line[0]) != NULL || strchr(line, '=') != NULL ||
           (isalpha((unsigned char)line[0]) && line[1] == '\0') || (unsigned char)line[0] >= 0x80;
}

/* Takes the first word off the line, ending it; returns what follows. */
static char *take_word(char *line, char **word)
{
    *word = line;
    line += strcspn(line, " \t");
    if (*line != '\0')
        *line++ = '\0';
    return line + strspn(line, " \t");
}

/* Blanks part words but inside of quotes, which are taken off. */
static int split(char *line, char *words[MOST_WORDS - 2])
{
    int n = 0;

    for (line += strspn(line, " \t"); *line != '\0' && n < MOST_WORDS - 2; line += strspn(line, " \t")) {
        char *out = line;
        char quote = '\0';

        words[n++] = line;
        for (; *line != '\0' && (quote != '\0' || (*line != ' ' && *line != '\t')); line++) {
            if (*line == quote)
                quote = '\0';
            else if (quote == '\0' && (*line == '\'' || *line == '"'))
                quote = *line;
            else
                *out++ = *line;
        }
        if (*line != '\0')
            line++;
        *out = '\0';
    }
    return n;
}

/* answer and note take the rest of the line as it is, and are about the exercise worked on where they name none. */
static heed_status act_raw(const char *action, char *rest, heed_error *err)
{
    heed_cli_desk *desk = NULL;
    char *words[MOST_WORDS], now[80] = ""; /* the notebook lends its text until the action reads it anew */
    int n = 0;
    heed_status status = heed_cli_desk_open(&desk, err);

    if (status != HEED_OK)
        return status;
    if (heed_notebook_now(desk->notebook) != NULL)
        snprintf(now, sizeof now, "%s", heed_notebook_now(desk->notebook));
    if (strncmp(rest, "--", 2) == 0) {
        n = split(rest, words);
        return heed_cli_workbook_act(action, n, words, err);
    }
    if (looks_like_id(rest) || (now[0] == '\0' && rest[0] != '\0'))
        rest = take_word(rest, &words[n++]);
    else if (now[0] != '\0')
        words[n++] = now;
    if (strncmp(rest, "--", 2) == 0)
        n += split(rest, words + n);
    else if (rest[0] != '\0') {
        words[n++] = (char *)(uintptr_t) "--";
        words[n++] = rest;
    }
    return heed_cli_workbook_act(action, n, words, err);
}

static void show_words(void)
{
    puts("An answer may stand alone: 1 0; 1 1 or value=3. Actions:\n");
    heed_cli_workbook_show_actions();
    puts("  help              this; \"ACTION --help\" shows the options of an action\n"
         "  quit              leave; Ctrl-D too");
}

static heed_status act(char *line, heed_error *err)
{
    char *words[MOST_WORDS], *rest, *first;
    int n;

    if (!is_action(line) && looks_like_id(line)) {
        n = split(line, words);
        return heed_cli_workbook_act("show", n, words, err);
    }
    if (!is_action(line) && looks_like_answer(line))
        return act_raw("answer", line, err);
    rest = take_word(line, &first);
    if (strcmp(first, "help") == 0 || strcmp(first, "?") == 0) {
        show_words();
        return HEED_OK;
    }
    if (strcmp(first, "answer") == 0 || strcmp(first, "note") == 0)
        return act_raw(first, rest, err);
    n = split(rest, words);
    return heed_cli_workbook_act(first, n, words, err);
}

static void tell(const heed_error *err)
{
    char safe[2 * sizeof err->message];

    heed_cli_flush();
    heed_cli_quote(safe, sizeof safe, err->message);
    heed_cli_put_words(safe, 0, 0);
}

heed_status heed_cli_workbook_place(heed_error *err)
{
    heed_cli_desk *desk = NULL;
    heed_status status = heed_cli_desk_open(&desk, err);
    const char *line;
    char prompt[80];

    if (status != HEED_OK)
        return status;
    desk->in_place = true;
    heed_cli_complete_with(candidate, desk);
    status = heed_cli_workbook_act("list", 0, NULL, err);
    puts("\"next\" asks a question, \"help\" shows all words, \"quit\" leaves.");
    while (status == HEED_OK) {
        const char *now = heed_notebook_now(desk->notebook);
        heed_error own = {HEED_OK, ""};
        char *copy;

        snprintf(prompt, sizeof prompt, "%.60s> ", now != NULL ? now : "heed");
        if (!heed_cli_read_line(prompt, true, &line))
            break;
        line += strspn(line, " \t");
        if (strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0)
            break;
        if (line[0] == '\0' || (copy = strdup(line)) == NULL)
            continue;
        if (act(copy, &own) != HEED_OK)
            tell(&own);
        free(copy);
        if (!heed_cli_flush())
            break;
    }
    heed_cli_close_lines();
    return status;
}
