/* SPDX-License-Identifier: MIT */
/* Symbols, formulas, and an entry worked out with its numbers: S[0,0] = 1*1 + 0*0 = 1, in plain signs or in LaTeX. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/paper.h"

#define EXACT_BELOW 1e7  /* whole numbers that are written out */
#define MOST_TERMS  6    /* of a sum that are written out */
#define FIRST_TERMS 3    /* of a longer one, and its last */
#define LARGE_SCORE 30.0 /* from here on the largest score is taken off before exp */

typedef const heed_paper_notation notation;

/* --- numbers and symbols --- */

/* Plain or LaTeX, whichever is wanted. */
static const char *either(notation *n, const char *plain, const char *latex)
{
    return n->latex ? latex : plain;
}

/* 1.2346e10; zeros behind the point are left out where nothing was rounded. */
static void put_large(heed_text_buffer *out, notation *n, double value)
{
    char digits[64], *power, *last;
    bool exact;

    snprintf(digits, sizeof digits, "%.*e", n->digits, value);
    exact = strtod(digits, NULL) == value;
    power = strchr(digits, 'e');
    *power = '\0';
    for (last = power - 1; exact && (*last == '0' || *last == '.') && strchr(digits, '.') != NULL; last--)
        *last = '\0';
    heed_text_printf(out, n->latex ? "%s \\cdot 10^{%d}" : "%se%d", digits, atoi(power + 1));
}

void heed_paper_put_number(heed_text_buffer *out, notation *n, double value)
{
    char digits[64];

    if (isnan(value))
        heed_text_puts(out, either(n, "nan", "\\text{nan}"));
    else if (isinf(value))
        heed_text_printf(out, "%s%s", value < 0.0 ? "-" : "", either(n, "inf", "\\infty"));
    else if (fabs(value) < EXACT_BELOW && value == floor(value))
        heed_text_printf(out, "%.0f", value == 0.0 ? 0.0 : value); /* -0 is 0 */
    else if (fabs(value) < EXACT_BELOW) {
        snprintf(digits, sizeof digits, "%.*f", n->digits, value);
        heed_text_puts(out, digits + (digits[0] == '-' && strspn(digits, "-0.") == strlen(digits)));
    } else
        put_large(out, n, value);
}

/* A factor or an addend that is not the first: in parentheses where it has a sign. */
static void put_inner(heed_text_buffer *out, notation *n, double value)
{
    const bool sign = value < 0.0;

    heed_text_puts(out, sign ? "(" : "");
    heed_paper_put_number(out, n, value);
    heed_text_puts(out, sign ? ")" : "");
}

/* W_q, and in LaTeX W_{q} */
static void put_base(heed_text_buffer *out, notation *n, const char *base)
{
    const char *low = n->latex ? strchr(base, '_') : NULL;

    if (low == NULL)
        heed_text_puts(out, base);
    else
        heed_text_printf(out, "%.*s_{%s}", (int)(low - base), base, low + 1);
}

static void put_of_head(heed_text_buffer *out, notation *n, const char *base, bool numbered, int head)
{
    put_base(out, n, base);
    if (numbered)
        heed_text_printf(out, n->latex ? "^{(%d)}" : "_%d", head);
}

void heed_paper_put_symbol(heed_text_buffer *out, notation *n, const heed_paper_line *line)
{
    put_of_head(out, n, line->base, line->numbered, line->step.head);
}

static void put_operand(heed_text_buffer *out, notation *n, const heed_paper_line *line, bool transpose)
{
    heed_text_puts(out, transpose && n->latex ? "{" : "");
    heed_paper_put_symbol(out, n, line);
    heed_text_puts(out, transpose ? either(n, "^T", "}^{\\top}") : "");
}

/* An entry by words or numbers: S[i,j], and in LaTeX S_{i,j}, or in parentheses where the symbol has an index of its own. */
static void put_entry(heed_text_buffer *out, notation *n, const heed_paper_line *line, const char *i,
                      const char *j)
{
    const bool inside = n->latex && strchr(line->base, '_') != NULL;

    heed_text_puts(out, inside ? "(" : "");
    heed_paper_put_symbol(out, n, line);
    heed_text_puts(out, inside ? ")" : "");
    heed_text_printf(out, n->latex ? "_{%s,%s}" : "[%s,%s]", i, j);
}

static void put_entry_of(heed_text_buffer *out, notation *n, const heed_paper_line *line, int64_t i, int64_t j)
{
    char row[24], column[24];

    snprintf(row, sizeof row, "%lld", (long long)i);
    snprintf(column, sizeof column, "%lld", (long long)j);
    put_entry(out, n, line, row, column);
}

/* --- formulas --- */

static void put_products(heed_text_buffer *out, notation *n, const heed_paper_line *line)
{
    for (int t = 0; t < line->n_products; t++) {
        const heed_paper_product *p = &line->products[t];

        heed_text_puts(out, t > 0 ? " + " : "");
        put_operand(out, n, p->a, p->transpose_a);
        if (p->b != NULL) {
            heed_text_puts(out, " ");
            put_operand(out, n, p->b, p->transpose_b);
        }
    }
    if (line->bias != NULL) {
        heed_text_puts(out, " + ");
        heed_paper_put_symbol(out, n, line->bias);
        heed_text_puts(out, either(n, " in each row", " \\text{ in each row}"));
    }
}

static void put_columns(heed_text_buffer *out, notation *n, const heed_paper_line *line)
{
    const int64_t first = line->first, last = first + line->step.columns - 1;

    heed_text_printf(out, either(n, "column%s %lld", "\\text{column%s } %lld"), last > first ? "s" : "",
                     (long long)first);
    if (last > first)
        heed_text_printf(out, either(n, " to %lld", " \\text{ to } %lld"), (long long)last);
    heed_text_puts(out, either(n, " of ", " \\text{ of } "));
    heed_paper_put_symbol(out, n, line->from);
}

static void put_join(heed_text_buffer *out, notation *n, const heed_paper *paper, const heed_paper_line *line)
{
    const int64_t n_heads = paper->sizes.n_heads;

    heed_text_puts(out, either(n, "[", "\\bigl[ "));
    for (int64_t h = 0; h < n_heads; h++) {
        if (n_heads > MOST_TERMS && h == FIRST_TERMS) {
            heed_text_puts(out, either(n, " ..", "\\; \\dots"));
            h = n_heads - 1;
        }
        heed_text_puts(out, h > 0 ? either(n, " ", "\\; ") : "");
        put_of_head(out, n, line->base, true, (int)h);
    }
    heed_text_puts(out, either(n, "]", " \\bigr]"));
}

static void put_scale(heed_text_buffer *out, notation *n, const heed_paper *paper, const heed_paper_line *line)
{
    if (!paper->sizes.default_scale) {
        heed_text_printf(out, either(n, "%.6g ", "%.6g\\,"), paper->sizes.scale);
        heed_paper_put_symbol(out, n, line->from);
        return;
    }
    heed_text_puts(out, n->latex ? "\\frac{" : "");
    heed_paper_put_symbol(out, n, line->from);
    heed_text_printf(out, either(n, " / sqrt(%lld)", "}{\\sqrt{%lld}}"), (long long)paper->sizes.head_dim);
}

static void put_mask(heed_text_buffer *out, notation *n, const heed_paper *paper, const heed_paper_line *line)
{
    static const char *const words[] = {
        [HEED_MASK_SEEN] = "%s = 1 where query i sees key j, 0 where it does not",
        [HEED_MASK_BLOCKED] = "%s = 1 where key j is hidden from query i, 0 where it is not",
        [HEED_MASK_ADDED] = "%s is added to the score of query i and key j"};
    static const char *const latex[] = {
        [HEED_MASK_SEEN] = "%s = 1 \\text{ where query } i \\text{ sees key } j, \\text{ 0 where it does not}",
        [HEED_MASK_BLOCKED] =
            "%s = 1 \\text{ where key } j \\text{ is hidden from query } i, \\text{ 0 where it is not}",
        [HEED_MASK_ADDED] = "%s \\text{ is added to the score of query } i \\text{ and key } j"};

    (void)line;
    heed_text_printf(out, (n->latex ? latex : words)[paper->sizes.form], either(n, "M[i,j]", "M_{i,j}"));
}

static void put_masked(heed_text_buffer *out, notation *n, const heed_paper *paper, const heed_paper_line *line)
{
    heed_paper_put_symbol(out, n, line->from);
    if (paper->sizes.form == HEED_MASK_ADDED)
        heed_text_puts(out, " + M");
    else if (paper->sizes.form == HEED_MASK_SEEN)
        heed_text_puts(out, either(n, " where M is 1, -inf where it is 0",
                                   " \\text{ where } M \\text{ is } 1, -\\infty \\text{ where it is } 0"));
    else
        heed_text_puts(out, either(n, " where M is 0, -inf where it is 1",
                                   " \\text{ where } M \\text{ is } 0, -\\infty \\text{ where it is } 1"));
}

static void put_softmax(heed_text_buffer *out, notation *n, const heed_paper_line *line)
{
    heed_text_puts(out, either(n, "softmax(", "\\operatorname{softmax}("));
    heed_paper_put_symbol(out, n, line->from);
    heed_text_puts(out, either(n, "): ", ") \\text{, row by row: } "));
    put_entry(out, n, line, "i", "j");
    heed_text_puts(out, either(n, " = exp(", " = \\frac{\\exp("));
    put_entry(out, n, line->from, "i", "j");
    heed_text_puts(out, either(n, ") / sum_k exp(", ")}{\\sum_k \\exp("));
    put_entry(out, n, line->from, "i", "k");
    heed_text_puts(out, either(n, ")", ")}"));
}

static void put_softmax_backward(heed_text_buffer *out, notation *n, const heed_paper_line *line)
{
    const heed_paper_line *a = line->products[0].a, *da = line->products[0].b;

    put_entry(out, n, a, "i", "j");
    heed_text_puts(out, either(n, " (", " \\bigl("));
    put_entry(out, n, da, "i", "j");
    heed_text_puts(out, either(n, " - sum_k ", " - \\sum_k "));
    put_entry(out, n, a, "i", "k");
    heed_text_puts(out, " ");
    put_entry(out, n, da, "i", "k");
    heed_text_puts(out, either(n, ")", "\\bigr)"));
}

void heed_paper_put_formula(heed_text_buffer *out, notation *n, const heed_paper *paper,
                            const heed_paper_line *line)
{
    if (line->kind == HEED_PAPER_KIND_GIVEN)
        return;
    if (line->kind == HEED_PAPER_KIND_MASK) {
        put_mask(out, n, paper, line);
        return;
    }
    if (line->kind == HEED_PAPER_KIND_SOFTMAX_BACKWARD)
        put_entry(out, n, line, "i", "j");
    else
        heed_paper_put_symbol(out, n, line);
    heed_text_puts(out, " = ");
    switch (line->kind) {
    case HEED_PAPER_KIND_PRODUCTS:
        put_products(out, n, line);
        break;
    case HEED_PAPER_KIND_COLUMNS:
        put_columns(out, n, line);
        break;
    case HEED_PAPER_KIND_JOIN:
        put_join(out, n, paper, line);
        break;
    case HEED_PAPER_KIND_SCALE:
        put_scale(out, n, paper, line);
        break;
    case HEED_PAPER_KIND_MASKED:
        put_masked(out, n, paper, line);
        break;
    case HEED_PAPER_KIND_SOFTMAX:
        put_softmax(out, n, line);
        break;
    case HEED_PAPER_KIND_SOFTMAX_BACKWARD:
        put_softmax_backward(out, n, line);
        break;
    default:
        heed_text_puts(out, either(n, "the sum of the rows of ", "\\text{the sum of the rows of } "));
        heed_paper_put_symbol(out, n, line->from);
    }
}

/* --- an entry, worked out --- */

static double at(const heed_paper_line *line, int64_t i, int64_t j)
{
    return (double)line->step.values[i * line->step.columns + j];
}

/* Term t of n of a sum comes next; false for those that dots stand for. */
static bool next_term(heed_text_buffer *out, notation *n, int64_t t, int64_t n_terms)
{
    const bool skipped = n_terms > MOST_TERMS && t > FIRST_TERMS && t + 1 < n_terms;

    if (n_terms > MOST_TERMS && t == FIRST_TERMS) {
        heed_text_puts(out, either(n, " + ..", " + \\dots"));
        return false;
    }
    if (!skipped)
        heed_text_puts(out, t > 0 ? " + " : "");
    return !skipped;
}

static void put_times(heed_text_buffer *out, notation *n, double a, double b)
{
    put_inner(out, n, a);
    heed_text_puts(out, either(n, "*", " \\cdot "));
    put_inner(out, n, b);
}

/* Numbers that are multiplied for one entry of a product; without b there is one, a itself. */
static int64_t n_factors(const heed_paper_product *p)
{
    return p->b == NULL ? 1 : p->transpose_a ? p->a->step.rows : p->a->step.columns;
}

static void work_products(heed_text_buffer *out, notation *n, const heed_paper_line *line, int64_t i, int64_t j)
{
    int64_t n_terms = line->bias != NULL, t = 0;

    for (int p = 0; p < line->n_products; p++)
        n_terms += n_factors(&line->products[p]);
    for (int k = 0; k < line->n_products; k++) {
        const heed_paper_product *p = &line->products[k];

        for (int64_t m = 0; m < n_factors(p); m++, t++) {
            if (!next_term(out, n, t, n_terms))
                continue;
            if (p->b == NULL)
                put_inner(out, n, at(p->a, i, j));
            else
                put_times(out, n, p->transpose_a ? at(p->a, m, i) : at(p->a, i, m),
                          p->transpose_b ? at(p->b, j, m) : at(p->b, m, j));
        }
    }
    if (line->bias != NULL && next_term(out, n, t, n_terms))
        put_inner(out, n, (double)line->bias->step.values[j]);
}

static void work_scale(heed_text_buffer *out, notation *n, const heed_paper *paper, const heed_paper_line *line,
                       int64_t i, int64_t j)
{
    const double root = sqrt((double)paper->sizes.head_dim);

    if (!paper->sizes.default_scale) {
        put_times(out, n, paper->sizes.scale, at(line->from, i, j));
        return;
    }
    heed_text_puts(out, n->latex ? "\\frac{" : "");
    heed_paper_put_number(out, n, at(line->from, i, j));
    heed_text_puts(out, either(n, " / ", "}{"));
    heed_paper_put_number(out, n, root);
    heed_text_puts(out, n->latex ? "}" : "");
}

/* Where the mask is no number that is added, it is the reason behind the value. */
static void work_masked(heed_text_buffer *out, notation *n, const heed_paper *paper,
                        const heed_paper_line *line, int64_t i, int64_t j)
{
    if (paper->sizes.form != HEED_MASK_ADDED) {
        put_entry_of(out, n, line, i, j);
        heed_text_puts(out, " = ");
        heed_paper_put_number(out, n, at(line, i, j));
        heed_text_puts(out, either(n, ", as ", " \\text{, as } "));
        put_entry_of(out, n, line->mask, i, j);
        heed_text_puts(out, " = ");
        heed_paper_put_number(out, n, at(line->mask, i, j));
        return;
    }
    heed_paper_put_number(out, n, at(line->from, i, j));
    heed_text_puts(out, " + ");
    put_inner(out, n, at(line->mask, i, j));
}

/* What is taken off every score of row i before exp: nothing while they are small. */
static double taken_off(const heed_paper_line *scores, int64_t i)
{
    double largest = 0.0, most = -INFINITY;

    for (int64_t k = 0; k < scores->step.columns; k++) {
        const double s = at(scores, i, k);
        most = fmax(most, s);
        largest = isinf(s) ? largest : fmax(largest, fabs(s));
    }
    return largest > LARGE_SCORE && isfinite(most) ? most : 0.0;
}

static void put_exp(heed_text_buffer *out, notation *n, double x)
{
    heed_text_puts(out, either(n, "exp(", "e^{"));
    heed_paper_put_number(out, n, x);
    heed_text_puts(out, either(n, ")", "}"));
}

/* The sum over row i's keys that are seen, of exp() as it is written, or of its values. */
static void put_exp_sum(heed_text_buffer *out, notation *n, const heed_paper_line *scores, int64_t i,
                        double off, bool values)
{
    int64_t n_terms = 0, t = 0;

    for (int64_t k = 0; k < scores->step.columns; k++)
        n_terms += at(scores, i, k) > -INFINITY;
    for (int64_t k = 0; k < scores->step.columns; k++) {
        const double x = at(scores, i, k) - off;

        if (!(x > -INFINITY) || !next_term(out, n, t++, n_terms))
            continue;
        if (values)
            heed_paper_put_number(out, n, exp(x));
        else
            put_exp(out, n, x);
    }
}

/* exp(a) / (exp(a) + exp(b)) = 1 / (1 + 2.0281) */
static bool work_softmax(heed_text_buffer *out, notation *n, const heed_paper_line *line, int64_t i, int64_t j)
{
    const heed_paper_line *scores = line->from;
    const double off = taken_off(scores, i), x = at(scores, i, j) - off;
    bool sees = false;

    for (int64_t k = 0; k < scores->step.columns; k++)
        sees = sees || at(scores, i, k) > -INFINITY;
    if (!sees)
        return false;
    for (int values = 0; values < 2; values++) {
        heed_text_puts(out, values ? " = " : "");
        heed_text_puts(out, n->latex ? "\\frac{" : "");
        if (values)
            heed_paper_put_number(out, n, exp(x));
        else
            put_exp(out, n, x);
        heed_text_puts(out, either(n, " / (", "}{"));
        put_exp_sum(out, n, scores, i, off, values);
        heed_text_puts(out, either(n, ")", "}"));
    }
    return true;
}

/* a (da - (a_0 da_0 + ..)) = a (da - 5.6791) */
static void work_softmax_backward(heed_text_buffer *out, notation *n, const heed_paper_line *line, int64_t i,
                                  int64_t j)
{
    const heed_paper_line *a = line->products[0].a, *da = line->products[0].b;
    const int64_t n_keys = a->step.columns;
    double sum = 0.0;

    for (int values = 0; values < 2; values++) {
        heed_text_puts(out, values ? " = " : "");
        heed_paper_put_number(out, n, at(a, i, j));
        heed_text_puts(out, either(n, "*(", " \\cdot ("));
        heed_paper_put_number(out, n, at(da, i, j));
        heed_text_puts(out, " - ");
        if (values)
            put_inner(out, n, sum);
        heed_text_puts(out, values ? "" : "(");
        for (int64_t k = 0; k < n_keys && !values; k++) {
            sum += at(a, i, k) * at(da, i, k);
            if (next_term(out, n, k, n_keys))
                put_times(out, n, at(a, i, k), at(da, i, k));
        }
        heed_text_puts(out, values ? ")" : "))");
    }
}

static void work_column_sums(heed_text_buffer *out, notation *n, const heed_paper_line *line, int64_t column)
{
    const int64_t rows = line->from->step.rows;

    for (int64_t k = 0; k < rows; k++)
        if (next_term(out, n, k, rows))
            put_inner(out, n, at(line->from, k, column));
}

/* The middle of "entry = middle = value"; false where there is nothing to say. */
static bool put_middle(heed_text_buffer *out, notation *n, const heed_paper *paper, const heed_paper_line *line,
                       int64_t i, int64_t j)
{
    switch (line->kind) {
    case HEED_PAPER_KIND_PRODUCTS:
        work_products(out, n, line, i, j);
        return true;
    case HEED_PAPER_KIND_SCALE:
        work_scale(out, n, paper, line, i, j);
        return true;
    case HEED_PAPER_KIND_MASKED:
        if (paper->sizes.form != HEED_MASK_ADDED && paper->numbers.seen[i * line->step.columns + j])
            return false;
        work_masked(out, n, paper, line, i, j);
        return true;
    case HEED_PAPER_KIND_SOFTMAX:
        return work_softmax(out, n, line, i, j);
    case HEED_PAPER_KIND_SOFTMAX_BACKWARD:
        work_softmax_backward(out, n, line, i, j);
        return true;
    case HEED_PAPER_KIND_COLUMN_SUMS:
        work_column_sums(out, n, line, i * line->step.columns + j); /* a bias may stand as a column */
        return true;
    default:
        return false;
    }
}

bool heed_paper_put_work(heed_text_buffer *out, notation *n, const heed_paper *paper,
                         const heed_paper_line *line, int64_t i, int64_t j)
{
    heed_text_buffer middle = {0};
    const bool works = put_middle(&middle, n, paper, line, i, j);
    const bool is_reason = line->kind == HEED_PAPER_KIND_MASKED && paper->sizes.form != HEED_MASK_ADDED;

    if (works && is_reason) {
        heed_text_puts(out, middle.data != NULL ? middle.data : "");
    } else if (works) {
        put_entry_of(out, n, line, i, j);
        heed_text_printf(out, " = %s = ", middle.data != NULL ? middle.data : "");
        heed_paper_put_number(out, n, at(line, i, j));
    }
    out->failed = out->failed || middle.failed;
    heed_text_free(&middle);
    return works;
}

/* Keys that query i sees. */
static int64_t n_seen(const heed_paper *paper, int64_t i)
{
    int64_t n = 0;

    for (int64_t j = 0; j < paper->sizes.n_key; j++)
        n += paper->numbers.seen[i * paper->sizes.n_key + j];
    return n;
}

/* The first query that sees two keys, or else one. */
static int64_t telling_row(const heed_paper *paper)
{
    int64_t row = 0;

    for (int64_t r = paper->sizes.n_query - 1; r >= 0; r--)
        if (n_seen(paper, r) >= 2 || (n_seen(paper, r) == 1 && n_seen(paper, row) == 0))
            row = r;
    return row;
}

void heed_paper_choose_entry(const heed_paper *paper, const heed_paper_line *line, int64_t *i, int64_t *j)
{
    const bool masked = line->kind == HEED_PAPER_KIND_MASKED;
    const int64_t n_key = paper->sizes.n_key, row = telling_row(paper);

    *i = line->late ? row : 0;
    *j = 0;
    /* of the mask a pair that it hides, behind it one that is seen */
    for (int64_t k = 0; (masked || (line->late && line->step.pairs)) && k < paper->sizes.n_query * n_key; k++) {
        if ((masked || k / n_key == row) && (paper->numbers.seen[k] != 0) == !masked) {
            *i = k / n_key;
            *j = k % n_key;
            return;
        }
    }
}
