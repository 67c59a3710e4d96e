/* SPDX-License-Identifier: MIT */
/* The calculation of a number, line by line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/trace_print.h"

enum {
    FEW_TERMS = 12, /* of a sum, that are all shown */
    LARGEST = 8,    /* of a longer one */
    FEW_DEEPER = 6, /* lines of how a number came about, that are all shown */
    INDENT = 8,
    FORMULA = 400, /* bytes */
};

typedef struct printer {
    const heed_trace_explanation *e;
    bool all;
} printer;

static void put_indent(const heed_trace_line *line, int more)
{
    printf("%*s", INDENT + 2 * (line->depth < 16 ? line->depth : 16) + more, "");
}

/* label = with letters = with numbers = result */
static void put_step(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];
    char letters[FORMULA], numbers[FORMULA];

    put_indent(line, 0);
    printf("%s = %s = %s = %.9g\n", line->label,
           heed_trace_line_write(p->e, i, 0, HEED_TRACE_LETTERS, letters, sizeof letters),
           heed_trace_line_write(p->e, i, 0, HEED_TRACE_NUMBERS, numbers, sizeof numbers), line->result);
}

static void put_term(const printer *p, int i, int64_t term)
{
    const heed_trace_line *line = &p->e->lines[i];
    char letters[FORMULA], numbers[FORMULA];

    put_indent(line, 2);
    printf("%-28s %-26s = %13.6g   %s %.6g\n",
           heed_trace_line_write(p->e, i, term, HEED_TRACE_LETTERS, letters, sizeof letters),
           heed_trace_line_write(p->e, i, term, HEED_TRACE_NUMBERS, numbers, sizeof numbers), line->terms[term],
           line->kind == HEED_TRACE_LARGEST ? "largest" : "total", line->running[term]);
}

static double size_of(double x)
{
    return isnan(x) ? INFINITY : fabs(x);
}

/* The terms of largest magnitude, in their order. */
static int pick_terms(const heed_trace_line *line, int64_t *picks)
{
    int n = 0;

    for (int64_t t = 0; t < line->n_terms; t++) {
        int at = n;
        while (at > 0 && size_of(line->terms[t]) > size_of(line->terms[picks[at - 1]]))
            at--;
        if (at == LARGEST)
            continue;
        n += n < LARGEST;
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

static void put_largest_terms(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];
    int64_t picks[LARGEST];
    const int n = pick_terms(line, picks);
    double shown = 0.0, whole = 0.0;

    for (int k = 0; k < n; k++) {
        put_term(p, i, picks[k]);
        shown += line->terms[picks[k]];
    }
    for (int64_t t = 0; t < line->n_terms; t++)
        whole += line->terms[t];
    put_indent(line, 2);
    printf("these are the largest %d of %lld terms", n, (long long)line->n_terms);
    if (line->kind == HEED_TRACE_SUM_OF)
        printf("; the others make %.6g together, and the totals count all", whole - shown);
    putchar('\n');
}

static void put_sum(const printer *p, int i)
{
    const heed_trace_line *line = &p->e->lines[i];

    put_indent(line, 0);
    printf("%s = %s %lld term%s %s%s", line->label,
           line->kind == HEED_TRACE_LARGEST ? "the largest of" : "the sum of", (long long)line->n_terms,
           line->n_terms == 1 ? "" : "s", line->formula, line->in_double ? ", in double" : "");
    if (line->kind == HEED_TRACE_SUM_OF && line->start != 0.0)
        printf(", from %.9g on", line->start);
    printf(" = %.9g\n", line->result);
    if (line->terms == NULL) {
        put_indent(line, 2);
        printf("its terms are too many to be kept\n");
    } else if (p->all || line->n_terms <= FEW_TERMS) {
        for (int64_t t = 0; t < line->n_terms; t++)
            put_term(p, i, t);
    } else {
        put_largest_terms(p, i);
    }
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
        put_indent(line, 0);
        printf("%s = %.9g: %s\n", line->label, line->result, line->formula);
        break;
    case HEED_TRACE_NOTE:
        put_indent(line, 0);
        printf("%s\n", line->formula);
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
    const printer p = {e, all};

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
