/* SPDX-License-Identifier: MIT */
#include "cli/line.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/output.h"

static heed_cli_candidate *candidates;
static void *candidates_of;
static char *kept; /* the line that was lent last */

void heed_cli_complete_with(heed_cli_candidate *candidate, void *context)
{
    candidates = candidate;
    candidates_of = context;
}

#ifdef HEED_HAVE_LIBEDIT
#include <dlfcn.h>
#include <histedit.h>

#define HISTORY_LINES 500

/* libedit's functions, and what they have made. */
static struct {
    EditLine *(*init)(const char *, FILE *, FILE *, FILE *);
    void (*end)(EditLine *);
    int (*set)(EditLine *, int, ...);
    const char *(*gets)(EditLine *, int *);
    const LineInfo *(*line)(EditLine *);
    int (*insert)(EditLine *, const char *);
    History *(*history_init)(void);
    void (*history_end)(History *);
    int (*history)(History *, HistEvent *, int, ...);
    EditLine *editor;
    History *past;
    bool tried;
} edit;

static const char *the_prompt;

/* --- completion --- */

/* The word before the cursor: its bytes in *n, its number among the words returned. */
static int word_at(const LineInfo *line, const char **word, size_t *n)
{
    int number = 0;

    *word = line->cursor;
    while (*word > line->buffer && (*word)[-1] != ' ')
        (*word)--;
    *n = (size_t)(line->cursor - *word);
    for (const char *c = line->buffer; c < *word; c++)
        number += *c != ' ' && (c + 1 == *word || c[1] == ' ');
    return number;
}

static void list_candidates(int number, const char *word, size_t n)
{
    const char *candidate;
    int at = 0;

    putchar('\n');
    for (int i = 0; (candidate = candidates(candidates_of, number, n > 0, i)) != NULL; i++) {
        if (strncasecmp(candidate, word, n) != 0)
            continue;
        if (at + (int)strlen(candidate) + 2 > heed_cli_columns(stdout)) {
            putchar('\n');
            at = 0;
        }
        at += printf("%s  ", candidate);
    }
    putchar('\n');
    fflush(stdout);
}

/* As many letters as all candidates share behind the n that stand; *n_found is how many there are. */
static size_t shared(int number, const char *word, size_t n, const char **first, int *n_found)
{
    const char *candidate;
    size_t length = 0;

    *n_found = 0;
    *first = NULL;
    for (int i = 0; (candidate = candidates(candidates_of, number, n > 0, i)) != NULL; i++) {
        size_t same = 0;

        if (strncasecmp(candidate, word, n) != 0)
            continue;
        if ((*n_found)++ == 0) {
            *first = candidate;
            length = strlen(candidate);
        }
        while (same < length && candidate[same] == (*first)[same])
            same++;
        length = same;
    }
    return length;
}

static unsigned char complete(EditLine *editor, int key)
{
    const char *word, *first;
    char more[128];
    size_t n, length;
    int number, n_found;

    (void)key;
    if (candidates == NULL)
        return CC_ERROR;
    number = word_at(edit.line(editor), &word, &n);
    length = shared(number, word, n, &first, &n_found);
    if (n_found == 0 || length < n)
        return CC_ERROR;
    snprintf(more, sizeof more, "%.*s%s", (int)(length - n), first + n,
             n_found == 1 && first[length - 1] != '=' ? " " : "");
    if (more[0] != '\0')
        return edit.insert(editor, more) == 0 ? CC_REFRESH : CC_ERROR;
    list_candidates(number, word, n);
    return CC_REDISPLAY;
}

/* --- the editor --- */

static char *prompt_of(EditLine *editor)
{
    (void)editor;
    return (char *)(uintptr_t)the_prompt;
}

static bool load(void)
{
    static const char *const names[] = {"libedit.so.2", "libedit.so.0", "libedit.3.dylib", "libedit.dylib"};
    static const struct {
        const char *name;
        void *at;
    } symbols[] = {{"el_init", &edit.init},
                   {"el_end", &edit.end},
                   {"el_set", &edit.set},
                   {"el_gets", &edit.gets},
                   {"el_line", &edit.line},
                   {"el_insertstr", &edit.insert},
                   {"history_init", &edit.history_init},
                   {"history_end", &edit.history_end},
                   {"history", &edit.history}};
    void *library = NULL;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && library == NULL; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library != NULL && i < sizeof symbols / sizeof symbols[0]; i++) {
        void *found = dlsym(library, symbols[i].name);

        if (found == NULL)
            return false;
        memcpy(symbols[i].at, &found, sizeof found); /* a function's address behind a pointer to data */
    }
    return library != NULL;
}

/* Ctrl-C takes the line away, as in a shell; it ends nothing. */
static void set_keys(void)
{
    edit.set(edit.editor, EL_EDITOR, "emacs");
    edit.set(edit.editor, EL_SETTY, "-d", "-isig", NULL);
    edit.set(edit.editor, EL_BIND, "^C", "em-kill-line", NULL);
    edit.set(edit.editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    edit.set(edit.editor, EL_BIND, "^[[A", "ed-prev-history", NULL);
    edit.set(edit.editor, EL_BIND, "^[[B", "ed-next-history", NULL);
    edit.set(edit.editor, EL_ADDFN, "heed-complete", "complete a word", complete);
    edit.set(edit.editor, EL_BIND, "^I", "heed-complete", NULL);
}

static bool open_editor(void)
{
    HistEvent event;

    if (edit.tried)
        return edit.editor != NULL;
    edit.tried = true;
    if (!isatty(STDIN_FILENO) || !heed_cli_is_terminal(stdout) || !load())
        return false;
    setlocale(LC_CTYPE, ""); /* letters beyond ASCII */
    edit.editor = edit.init("heed", stdin, stdout, stderr);
    if (edit.editor == NULL)
        return false;
    edit.set(edit.editor, EL_PROMPT, prompt_of);
    set_keys();
    edit.past = edit.history_init();
    if (edit.past != NULL) {
        edit.history(edit.past, &event, H_SETSIZE, HISTORY_LINES);
        edit.history(edit.past, &event, H_SETUNIQUE, 1);
        edit.set(edit.editor, EL_HIST, edit.history, edit.past);
    }
    return true;
}

static bool edit_line(const char *prompt, bool remember)
{
    HistEvent event;
    const char *line;
    int n = 0;

    the_prompt = prompt;
    line = edit.gets(edit.editor, &n);
    if (line == NULL || n <= 0)
        return false;
    kept = strdup(line);
    if (remember && edit.past != NULL && line[strspn(line, " \n")] != '\0')
        edit.history(edit.past, &event, H_ENTER, line);
    return kept != NULL;
}

void heed_cli_close_lines(void)
{
    free(kept);
    kept = NULL;
    if (edit.editor != NULL)
        edit.end(edit.editor);
    if (edit.past != NULL)
        edit.history_end(edit.past);
    edit.editor = NULL;
    edit.past = NULL;
}
#else
static bool open_editor(void)
{
    return false;
}

static bool edit_line(const char *prompt, bool remember)
{
    (void)prompt;
    (void)remember;
    return false;
}

void heed_cli_close_lines(void)
{
    free(kept);
    kept = NULL;
}
#endif

static bool plain_line(const char *prompt)
{
    size_t size = 0;

    fputs(prompt, stdout);
    fflush(stdout);
    return getline(&kept, &size, stdin) > 0;
}

bool heed_cli_read_line(const char *prompt, bool remember, const char **line)
{
    bool there;

    heed_cli_flush();
    free(kept);
    kept = NULL;
    *line = "";
    there = open_editor() ? edit_line(prompt, remember) : plain_line(prompt);
    if (!there) {
        putchar('\n');
        return false;
    }
    kept[strcspn(kept, "\r\n")] = '\0';
    *line = kept;
    return true;
}

bool heed_cli_ask_yes(const char *question)
{
    const char *line;
    char prompt[200];

    snprintf(prompt, sizeof prompt, "%s [yes/no] ", question);
    return heed_cli_read_line(prompt, false, &line) &&
           (strcasecmp(line, "yes") == 0 || strcasecmp(line, "y") == 0);
}
