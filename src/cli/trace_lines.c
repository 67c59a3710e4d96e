/* SPDX-License-Identifier: MIT */
/* The calculation of a number, line by line. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/trace_print.h"

enum {
    FEW_TERMS = 12,  /* of a sum, that are all shown */
    LARGEST = 8,     /* of a longer one */
    FEW_DEEPER = 12, /* lines of how a number came about, that are all shown */
    INDENT = 8,
    FORMULA = 400,    /* bytes */
    LEAST_WIDTH = 96, /* columns that a line may take where the terminal is narrower */
    RESULT = 34,      /* columns of a term's value and the total */
};

typedef struct printer {
    const heed_trace_explanation *e;
    bool all;
    int columns;
} printer;

static int indent_of(const heed_trace_line *line)
{
    return INDENT + 2 * (line->depth < 16 ? line->depth : 16);
}

/* A formula that is one letter, whose number is the result. */
static bool is_bare(const heed_trace_line *line)
{
    return strpbrk(line->formula, " (") == NULL;
}

/* label = with letters = with numbers = result */
static void put_step(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];
    char letters[FORMULA], numbers[FORMULA], result[32];
    int at;

    heed_trace_line_write(p->e, i, 0, HEED_TRACE_LETTERS, letters, sizeof letters);
    heed_trace_line_write(p->e, i, 0, HEED_TRACE_NUMBERS, numbers, sizeof numbers);
    snprintf(result, sizeof result, "%.9g", heed_cli_unsigned_nan(line->result));
    at = printf("%*s%s = %s", indent_of(line), "", line->label, letters);
    if (!is_bare(line) && at + (int)strlen(numbers) + (int)strlen(result) + 6 > p->columns)
        printf("\n%*s", indent_of(line) + (int)strlen(line->label), "");
    if (!is_bare(line))
        printf(" = %s", numbers);
    printf(" = %s\n", result);
}

static double size_of(const heed_trace_line *line, int64_t term)
{
    const double x = line->terms[term];

    if (isnan(x))
        return INFINITY;
    return line->kind == HEED_TRACE_LARGEST ? x : fabs(x);
}

/* The terms of largest magnitude, or the largest ones, in their order; all where there are few. */
static int pick_terms(const heed_trace_line *line, int64_t *picks, int most)
{
    const int wanted = line->kind == HEED_TRACE_LARGEST && most == LARGEST ? LARGEST / 2 : most;
    int n = 0;

    for (int64_t t = 0; t < line->n_terms; t++) {
        int at = n;
        while (most < line->n_terms && at > 0 && size_of(line, t) > size_of(line, picks[at - 1]))
            at--;
        if (at == wanted)
            continue;
        n += n < wanted;
        for (int k = n - 1; k > at; k--)
            picks[k] = picks[k - 1];
        picks[at] = t;
    }
    for (int a = 1; a < n; a++) {
        for (int b = a; b > 0 && picks[b] < picks[b - 1]; b--) {
            const int64_t kept = picks[b];
            picks[b] = picks[b - 1];
            picks[b - 1] = kept;
        }
    }
    return n;
}

/* How wide the terms are with letters, and with numbers. */
static void measure(const printer *p, int i, const int64_t *picks, int n, int *letters, int *numbers)
{
    char text[FORMULA];

    *letters = *numbers = 0;
    for (int k = 0; k < n && k < FORMULA; k++) {
        const int a = (int)strlen(
                      heed_trace_line_write(p->e, i, picks[k], HEED_TRACE_LETTERS, text, sizeof text)),
                  b = (int)strlen(
                      heed_trace_line_write(p->e, i, picks[k], HEED_TRACE_NUMBERS, text, sizeof text));
        *letters = a > *letters ? a : *letters;
        *numbers = b > *numbers ? b : *numbers;
    }
    if (is_bare(&p->e->lines[i]))
        *numbers = 0;
    else if (indent_of(&p->e->lines[i]) + 4 + *letters + *numbers + RESULT > p->columns)
        *letters = 0;
}

static void put_term(const printer *p, int i, int64_t term, int letters, int numbers)
{
    const heed_trace_line *line = &p->e->lines[i];
    char text[FORMULA];

    printf("%*s", indent_of(line) + 2, "");
    if (letters > 0)
        printf("%-*s  ", letters, heed_trace_line_write(p->e, i, term, HEED_TRACE_LETTERS, text, sizeof text));
    if (numbers > 0)
        printf("%-*s  ", numbers, heed_trace_line_write(p->e, i, term, HEED_TRACE_NUMBERS, text, sizeof text));
    printf("= %-12.6g  %s %.6g\n", heed_cli_unsigned_nan(line->terms[term]),
           line->kind == HEED_TRACE_LARGEST ? "largest" : "total", heed_cli_unsigned_nan(line->running[term]));
}

static void put_left_out(const heed_trace_line *line, const int64_t *picks, int n)
{
    double rest = 0.0;
    int next = 0;

    for (int64_t t = 0; t < line->n_terms; t++) {
        if (next < n && picks[next] == t)
            next++;
        else
            rest += line->terms[t];
    }
    printf("%*s", indent_of(line) + 2, "");
    printf("these are the largest %d of %lld terms", n, (long long)line->n_terms);
    if (line->kind == HEED_TRACE_SUM_OF)
        printf("; the others make %.6g, and the totals count all", heed_cli_unsigned_nan(rest));
    putchar('\n');
}

/* False: there is no memory to pick them with. */
static bool put_terms(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];
    const int64_t most = p->all || line->n_terms <= FEW_TERMS ? line->n_terms : LARGEST;
    int64_t few[FEW_TERMS], *picks = most > FEW_TERMS ? malloc((size_t)most * sizeof *picks) : few;
    int n, letters, numbers;

    if (picks == NULL)
        return false;
    n = pick_terms(line, picks, most < INT_MAX ? (int)most : INT_MAX);
    measure(p, i, picks, n, &letters, &numbers);
    for (int k = 0; k < n; k++)
        put_term(p, i, picks[k], letters, numbers);
    if (n < line->n_terms)
        put_left_out(line, picks, n);
    if (picks != few)
        free(picks);
    return true;
}

static void put_sum(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];

    printf("%*s%s = %s %lld term%s %s%s", indent_of(line), "", line->label,
           line->kind == HEED_TRACE_LARGEST ? "the largest of" : "the sum of", (long long)line->n_terms,
           line->n_terms == 1 ? "" : "s", line->formula, line->in_double ? ", in double" : "");
    if (line->kind == HEED_TRACE_SUM_OF && line->start != 0.0)
        printf(", from %.9g on", line->start);
    printf(" = %.9g\n", heed_cli_unsigned_nan(line->result));
    if (line->depth > 0 && !p->all)
        return; /* how a number in the calculation came about: its terms by --all */
    if (line->terms == NULL)
        printf("%*sits terms are too many to be kept\n", indent_of(line) + 2, "");
    else if (!put_terms(p, i))
        printf("%*sits terms are too many for the memory\n", indent_of(line) + 2, "");
}

static void put_line(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];

    switch (line->kind) {
    case HEED_TRACE_STEP_OF:
        put_step(p, i);
        break;
    case HEED_TRACE_SUM_OF:
    case HEED_TRACE_LARGEST:
        put_sum(p, i);
        break;
    case HEED_TRACE_FOUND:
        printf("%*s%s = %.9g: %s\n", indent_of(line), "", line->label, heed_cli_unsigned_nan(line->result),
               line->formula);
        break;
    case HEED_TRACE_NOTE:
        printf("%*s%s\n", indent_of(line), "", line->formula);
        break;
    }
}

/* Lines of a depth that belong to one of depth 0 behind them. */
static int deeper_from(const heed_trace_explanation *e, int i)
{
    int n = 0;

    while (i + n < e->n_lines && e->lines[i + n].depth > 0)
        n++;
    return n;
}

void heed_cli_trace_put_lines(const heed_trace_explanation *e, bool all)
{
    const int columns = heed_cli_columns(stdout);
    const printer p = {e, all, columns > LEAST_WIDTH ? columns : LEAST_WIDTH};

    if (e->n_lines > 0)
        printf("lines\n");
    for (int i = 0; i < e->n_lines; i++) {
        const int n = deeper_from(e, i);
        if (n > FEW_DEEPER && !all) {
            printf("%*s(%d lines of how numbers in the next one came about: --all)\n", INDENT + 2, "", n);
            i += n;
        }
        if (i < e->n_lines)
            put_line(&p, i);
    }
    if (e->n_left_out > 0)
        printf("%*s(%lld further lines of how numbers came about are too many to be kept)\n", INDENT, "",
               (long long)e->n_left_out);
}
