/* SPDX-License-Identifier: MIT */
/* What all forms of a worked example share. */
#include <stdlib.h>

#include "base/error.h"
#include "inspect/paper.h"

#define DIGITS 4
#define MOST   12

void heed_paper_put_summary(heed_text_buffer *out, const heed_paper *paper)
{
    const heed_paper_sizes *s = &paper->sizes;

    heed_text_printf(out, "%lld %s, %lld %s; %lld %s, head_dim %lld, v_dim %lld; scale ", (long long)s->n_query,
                     s->n_query == 1 ? "query" : "queries", (long long)s->n_key, s->n_key == 1 ? "key" : "keys",
                     (long long)s->n_heads, s->n_heads == 1 ? "head" : "heads", (long long)s->head_dim,
                     (long long)s->v_dim);
    if (s->default_scale)
        heed_text_printf(out, "1/sqrt(%lld)", (long long)s->head_dim);
    else if (s->scale == 1.0)
        heed_text_puts(out, "none");
    else
        heed_text_printf(out, "%.6g", s->scale);
}

void heed_paper_put_part(heed_text_buffer *out, const heed_paper *paper, const heed_paper_line *line)
{
    static const char *const parts[] = {"given", "forward", "backward"};

    heed_text_puts(out, parts[line->step.part]);
    if (line->numbered)
        heed_text_printf(out, ", head %d of %lld", line->step.head, (long long)paper->sizes.n_heads);
}

bool heed_paper_begins_part(const heed_paper *paper, int i)
{
    const heed_paper_line *line = &paper->lines[i], *before = line - 1;

    return i == 0 || line->step.part != before->step.part || line->numbered != before->numbered ||
           (line->numbered && line->step.head != before->step.head);
}

double heed_paper_row_sum(const heed_paper_line *line, int64_t i)
{
    double sum = 0.0;

    for (int64_t j = 0; j < line->step.columns; j++)
        sum += (double)line->step.values[i * line->step.columns + j];
    return sum;
}

int64_t heed_paper_n_shown(int64_t n, int most)
{
    return n > most ? most : n;
}

int64_t heed_paper_shown(int64_t n, int most, int64_t k)
{
    if (n <= most || k < most - 2)
        return k;
    return k == most - 2 ? -1 : n - 1;
}

static void work_one(const heed_paper *paper, const heed_paper_line *line, const heed_paper_notation *n,
                     int64_t i, int64_t j, heed_paper_work_fn *each, void *context, heed_text_buffer *out)
{
    heed_text_buffer text = {0};

    if (heed_paper_put_work(&text, n, paper, line, i, j) && text.data != NULL)
        each(context, text.data);
    out->failed = out->failed || text.failed;
    heed_text_free(&text);
}

void heed_paper_work_out(const heed_paper *paper, const heed_paper_line *line, const heed_paper_style *style,
                         heed_paper_work_fn *each, void *context, heed_text_buffer *out)
{
    const heed_paper_notation n = {.latex = style->format == HEED_PAPER_LATEX, .digits = style->digits};
    int64_t i, j;

    if (style->work == HEED_PAPER_WORK_NONE)
        return;
    if (style->work == HEED_PAPER_WORK_ONE) {
        heed_paper_choose_entry(paper, line, &i, &j);
        work_one(paper, line, &n, i, j, each, context, out);
        return;
    }
    for (i = 0; i < line->step.rows; i++)
        for (j = 0; j < line->step.columns; j++)
            work_one(paper, line, &n, i, j, each, context, out);
}

heed_status heed_paper_write(const heed_paper *paper, const heed_paper_style *given, char **out,
                             heed_error *err)
{
    static void (*const writers[])(const heed_paper *, const heed_paper_style *, heed_text_buffer *) = {
        [HEED_PAPER_TEXT] = heed_paper_write_text,
        [HEED_PAPER_MARKDOWN] = heed_paper_write_markdown,
        [HEED_PAPER_LATEX] = heed_paper_write_latex,
        [HEED_PAPER_JSON] = heed_paper_write_json,
    };
    heed_paper_style style = *given;
    heed_text_buffer text = {0};

    *out = NULL;
    style.digits = style.digits == 0 ? DIGITS : style.digits;
    style.most = style.most == 0 ? MOST : style.most;
    if (style.digits < 1 || style.digits > 9 || style.most < 3)
        return heed_fail(err, HEED_ERR_USAGE, "expected 1 to 9 digits and 3 or more rows shown, got %d and %d",
                         style.digits, style.most);
    writers[style.format](paper, &style, &text);
    if (text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the worked example's text");
    }
    *out = text.data;
    return HEED_OK;
}
