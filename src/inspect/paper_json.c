/* SPDX-License-Identifier: MIT */
/*
 * A worked example as JSON, on one line: all numbers, with nine digits, so that a float comes back as it was; what is not
 * finite is null. Every text in it is heed's own and needs no escape.
 */
#include <math.h>

#include "inspect/paper.h"

static void put_number(heed_text_buffer *out, double value)
{
    if (isfinite(value))
        heed_text_printf(out, "%.9g", value);
    else
        heed_text_puts(out, "null");
}

static void put_values(heed_text_buffer *out, const heed_paper_line *line)
{
    const int64_t rows = line->step.rows, columns = line->step.columns;

    heed_text_puts(out, ", \"values\": [");
    for (int64_t i = 0; i < rows; i++) {
        heed_text_puts(out, i > 0 ? ", [" : "[");
        for (int64_t j = 0; j < columns; j++) {
            heed_text_puts(out, j > 0 ? ", " : "");
            put_number(out, (double)line->step.values[i * columns + j]);
        }
        heed_text_puts(out, "]");
    }
    heed_text_puts(out, "]");
    if (!line->step.sums)
        return;
    for (int64_t i = 0; i < rows; i++) {
        heed_text_puts(out, i > 0 ? ", " : ", \"row_sums\": [");
        put_number(out, heed_paper_row_sum(line, i));
    }
    heed_text_puts(out, "]");
}

typedef struct worked {
    heed_text_buffer *out;
    int n;
} worked;

static void put_work(void *context, const char *text)
{
    worked *w = context;

    heed_text_printf(w->out, "%s\"%s\"", w->n++ > 0 ? ", " : "", text);
}

static void put_line(heed_text_buffer *out, const heed_paper *paper, const heed_paper_line *line,
                     const heed_paper_style *style)
{
    static const char *const parts[] = {"given", "forward", "backward"};
    const heed_paper_step *s = &line->step;
    worked w = {.out = out};

    heed_text_printf(out, "{\"name\": \"%s\", \"part\": \"%s\"", s->name, parts[s->part]);
    if (s->head >= 0)
        heed_text_printf(out, ", \"head\": %d", s->head);
    heed_text_printf(out, ", \"title\": \"%s\", \"symbol\": \"%s\", \"formula\": \"%s\", \"note\": \"%s\"",
                     s->title, s->symbol, s->formula, s->note);
    heed_text_printf(out, ", \"shape\": [%lld, %lld]", (long long)s->rows, (long long)s->columns);
    put_values(out, line);
    heed_text_puts(out, ", \"worked\": [");
    heed_paper_work_out(paper, line, style, put_work, &w, out);
    heed_text_puts(out, "]}");
}

static void put_seen(heed_text_buffer *out, const heed_paper *paper)
{
    const heed_paper_sizes *s = &paper->sizes;

    heed_text_puts(out, ", \"seen\": [");
    for (int64_t i = 0; i < s->n_query; i++) {
        heed_text_puts(out, i > 0 ? ", [" : "[");
        for (int64_t j = 0; j < s->n_key; j++)
            heed_text_printf(out, "%s%d", j > 0 ? ", " : "", paper->numbers.seen[i * s->n_key + j]);
        heed_text_puts(out, "]");
    }
    heed_text_puts(out, "]");
}

void heed_paper_write_json(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out)
{
    const heed_paper_sizes *s = &paper->sizes;

    heed_text_printf(
        out,
        "{\"n_query\": %lld, \"n_key\": %lld, \"n_heads\": %lld, \"head_dim\": %lld, \"v_dim\": %lld, "
        "\"scale\": ",
        (long long)s->n_query, (long long)s->n_key, (long long)s->n_heads, (long long)s->head_dim,
        (long long)s->v_dim);
    heed_text_printf(out, "%.17g", s->scale);
    put_seen(out, paper);
    heed_text_puts(out, ", \"steps\": [");
    for (int i = 0; i < paper->n_lines; i++) {
        heed_text_puts(out, i > 0 ? ", " : "");
        put_line(out, paper, &paper->lines[i], style);
    }
    heed_text_puts(out, "]}\n");
}
