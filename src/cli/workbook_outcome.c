/* SPDX-License-Identifier: MIT */
#include "cli/workbook_outcome.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"
#include "cli/workbook_shown.h"

#define GAP          3  /* between two columns */
#define LEAST_COLUMN 26 /* narrower ones are not read with pleasure */

int heed_cli_own_words(const heed_posing *p)
{
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        if (heed_posing_field_at(p, i)->free)
            return i;
    }
    return -1;
}

int heed_cli_count_judged(const heed_marking *m, int *n_right)
{
    int n = 0;

    *n_right = 0;
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        n += !heed_marking_field_at(m, i)->free;
        *n_right += !heed_marking_field_at(m, i)->free && heed_marking_field_at(m, i)->ok;
    }
    return n;
}

/* --- predictions --- */

/* "b: the loss rises", or the value as it is; further lines at indent. */
static void put_value(const heed_posing *p, const char *value, bool choice, int indent)
{
    const int option = choice ? heed_posing_option_find(p, value) : -1;
    char words[2048];

    if (option >= 0)
        snprintf(words, sizeof words, "%c: %s", 'a' + option, heed_posing_option_at(p, option).text);
    else
        snprintf(words, sizeof words, "%s", value);
    heed_cli_put_words(words, indent,
                       indent); /* it begins a letter's width before, which makes no difference */
}

static void put_prediction(const heed_posing *p, int i, const heed_marking_field *f, const char *given,
                           int widest)
{
    const bool choice = heed_posing_field_at(p, i)->kind == HEED_ANSWER_TEXT;
    const int indent = widest + (choice ? 27 : 24);

    printf("  %s%s%s  %-*s  you said ", heed_cli_ink_on(f->ok ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG),
           f->ok ? "came true" : "otherwise", heed_cli_ink_off(), widest, f->name);
    put_value(p, given != NULL ? given : "nothing", choice, indent);
    if (f->ok)
        return;
    printf("%*sit is    ", widest + 15, "");
    put_value(p, f->expected, choice, indent);
}

static void put_predictions(const heed_posing *p, const heed_marking *m, const char *const *given)
{
    int widest = 0, n_right = 0;
    const int n = heed_cli_count_judged(m, &n_right);

    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        const int length = (int)strlen(heed_marking_field_at(m, i)->name);
        widest = !heed_marking_field_at(m, i)->free && length > widest ? length : widest;
    }
    heed_cli_put_head(n == 1 ? "Your prediction" : "Your predictions");
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        if (!heed_marking_field_at(m, i)->free)
            put_prediction(p, i, heed_marking_field_at(m, i), given[i], widest);
    }
}

void heed_cli_put_outcome(const heed_posing *p, const heed_marking *m, const char *const *given,
                          const heed_demo_result *r)
{
    printf("%s%s  %s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), r->info->id, r->info->title, heed_cli_ink_off());
    heed_cli_put_demo_figures(r);
    heed_cli_put_demo_verdict(r);
    put_predictions(p, m, given);
    if (heed_posing_n_steps(p) > 0)
        heed_cli_put_head("In this run");
    for (int i = 0; i < heed_posing_n_steps(p); i++)
        heed_cli_put_lines(heed_posing_step(p, i), 2);
}

/* --- two columns --- */

/* Text as lines of at most `width` columns, ended by a newline each; marks of bold and code are left out. */
static void wrap(FILE *out, const char *text, int width, const char *first, const char *others)
{
    int at = (int)strlen(first);
    bool bold = false;

    fputs(first, out);
    for (const char *c = text; *c != '\0';) {
        const size_t n = strcspn(c, " \t\r\n");
        int columns = 0;

        if (n == 0) {
            c++;
            continue;
        }
        for (size_t i = 0; i < n; i++)
            columns += ((unsigned char)c[i] & 0xc0) != 0x80 && c[i] != '`';
        if (at > (int)strlen(others) && at + 1 + columns > width) {
            fprintf(out, "\n%s", others);
            at = (int)strlen(others);
        } else if (at > (int)strlen(others)) {
            fputc(' ', out);
            at++;
        }
        for (size_t i = 0; i < n; i++) {
            if (strncmp(c + i, "**", 2) == 0 && (bold || i == 0 || !isalnum((unsigned char)c[i - 1]))) {
                bold = !bold; /* 2**21 is a power */
                i++;
            } else if (c[i] != '`')
                fputc(c[i], out);
        }
        at += columns;
        c += n;
    }
    fputc('\n', out);
}

/* The next line, padded to so many columns; 0: as it is. Returns what follows it. */
static const char *put_line(const char *text, int columns)
{
    const size_t n = strcspn(text, "\n");
    int taken = 0;

    for (size_t i = 0; i < n; i++)
        taken += ((unsigned char)text[i] & 0xc0) != 0x80;
    heed_cli_put_safe(stdout, text, n);
    if (columns > taken)
        printf("%*s", columns - taken, "");
    return text[n] == '\n' ? text + n + 1 : text + n;
}

static char *points_of(const heed_posing *p, int width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (int i = 0; out != NULL && i < heed_posing_n_key_points(p); i++)
        wrap(out, heed_posing_key_point(p, i), width, "- ", "  ");
    return out != NULL && fclose(out) == 0 ? text : NULL;
}

/* Line ends of a reader stay, so that a list remains one. */
static char *words_of(const char *words, int width)
{
    char *text = NULL, *line = strdup(words), *rest = line;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    while (out != NULL && rest != NULL) {
        char *end = strchr(rest, '\n');

        if (end != NULL)
            *end = '\0';
        wrap(out, rest, width, "", "");
        rest = end != NULL ? end + 1 : NULL;
    }
    free(line);
    return out != NULL && fclose(out) == 0 ? text : NULL;
}

static void put_columns(const char *left, const char *right, int width)
{
    printf("\n%s%-*s%*sKey points%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), width, "Your words", GAP, "",
           heed_cli_ink_off());
    while (*left != '\0' || *right != '\0') {
        left = put_line(left, *right != '\0' ? width + GAP : 0);
        right = put_line(right, 0);
        putchar('\n');
    }
}

void heed_cli_put_words_beside_points(const heed_posing *p, const char *words)
{
    const int n = heed_posing_n_key_points(p), page = heed_cli_page_width(), column = (page - GAP) / 2;
    const bool beside = words != NULL && n > 0 && column >= LEAST_COLUMN;
    char *left = beside ? words_of(words, column) : NULL, *right = beside ? points_of(p, column) : NULL;

    if (left != NULL && right != NULL)
        put_columns(left, right, column);
    else {
        if (words != NULL) {
            heed_cli_put_head("Your words");
            heed_cli_put_lines(words, 0);
        }
        if (n > 0)
            heed_cli_put_head("Key points");
        for (int i = 0; i < n; i++) {
            fputs("- ", stdout);
            heed_cli_put_words(heed_posing_key_point(p, i), 2, 2);
        }
    }
    free(left);
    free(right);
}

/* --- JSON --- */

void heed_cli_json_outcome(heed_cli_json *json, const heed_posing *p, const heed_demo_result *r)
{
    if (r != NULL) {
        heed_cli_json_open(json, "experiment", '{');
        heed_cli_json_text(json, "id", r->info->id);
        heed_cli_json_bool(json, "observed", r->observed);
        heed_cli_json_open(json, "figures", '{');
        for (int i = 0; i < r->n_figures; i++)
            heed_cli_json_number(json, r->figures[i].name, r->figures[i].value);
        heed_cli_json_close(json, '}');
        heed_cli_json_close(json, '}');
        heed_cli_json_open(json, "steps", '[');
        for (int i = 0; i < heed_posing_n_steps(p); i++)
            heed_cli_json_text(json, NULL, heed_posing_step(p, i));
        heed_cli_json_close(json, ']');
    }
    if (heed_posing_n_key_points(p) == 0)
        return;
    heed_cli_json_open(json, "key_points", '[');
    for (int i = 0; i < heed_posing_n_key_points(p); i++)
        heed_cli_json_text(json, NULL, heed_posing_key_point(p, i));
    heed_cli_json_close(json, ']');
}
