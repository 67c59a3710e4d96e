/* SPDX-License-Identifier: MIT */
/* A worked example for the terminal: numbers in columns, their points below each other. */
#include <string.h>

#include "inspect/paper.h"

#define DOTS ".."

/* Characters of a column before and from the decimal point on. */
typedef struct width {
    int whole, rest;
} width;

static void put_cell(heed_text_buffer *cell, const heed_paper_line *line, const heed_paper_style *style,
                     int64_t i, int64_t j)
{
    const heed_paper_notation n = {.digits = style->digits};

    cell->size = 0;
    if (i < 0 || j < 0)
        heed_text_puts(cell, DOTS);
    else
        heed_paper_put_number(cell, &n, (double)line->step.values[i * line->step.columns + j]);
}

static width width_of(const heed_text_buffer *cell)
{
    const char *text = cell->data != NULL ? cell->data : "";
    const char *point = strcmp(text, DOTS) == 0 ? NULL : strchr(text, '.');
    const int whole = (int)(point != NULL ? (size_t)(point - text) : strlen(text));

    return (width){whole, (int)strlen(text) - whole};
}

/* What column j takes over all rows that are shown. */
static width column_width(const heed_paper_line *line, const heed_paper_style *style, int64_t j)
{
    const int64_t rows = line->step.rows;
    heed_text_buffer cell = {0};
    width most = {0};

    for (int64_t k = 0; k < heed_paper_n_shown(rows, style->most); k++) {
        put_cell(&cell, line, style, heed_paper_shown(rows, style->most, k), j);
        const width w = width_of(&cell);
        most.whole = w.whole > most.whole ? w.whole : most.whole;
        most.rest = w.rest > most.rest ? w.rest : most.rest;
    }
    heed_text_free(&cell);
    return most;
}

static void put_row(heed_text_buffer *out, const heed_paper_line *line, const heed_paper_style *style,
                    int64_t i, const width *widths)
{
    const heed_paper_notation n = {.digits = style->digits};
    const int64_t columns = line->step.columns;
    heed_text_buffer cell = {0};

    heed_text_puts(out, "  [");
    for (int64_t k = 0; k < heed_paper_n_shown(columns, style->most); k++) {
        put_cell(&cell, line, style, i, heed_paper_shown(columns, style->most, k));
        const width w = width_of(&cell);
        heed_text_printf(out, "  %*s%s%*s", widths[k].whole - w.whole, "", cell.data != NULL ? cell.data : "",
                         widths[k].rest - w.rest, "");
    }
    heed_text_puts(out, "  ]");
    if (line->step.sums && i >= 0) {
        heed_text_puts(out, "  sum ");
        heed_paper_put_number(out, &n, heed_paper_row_sum(line, i));
    }
    heed_text_puts(out, "\n");
    out->failed = out->failed || cell.failed;
    heed_text_free(&cell);
}

static void put_matrix(heed_text_buffer *out, const heed_paper_line *line, const heed_paper_style *style)
{
    const int64_t rows = line->step.rows, columns = line->step.columns;
    const int64_t n = heed_paper_n_shown(columns, style->most);
    heed_arena *arena = heed_arena_create();
    width *widths = arena != NULL ? heed_arena_alloc(arena, (size_t)n * sizeof *widths) : NULL;

    if (widths == NULL)
        out->failed = true;
    for (int64_t k = 0; k < n && widths != NULL; k++)
        widths[k] = column_width(line, style, heed_paper_shown(columns, style->most, k));
    for (int64_t k = 0; k < heed_paper_n_shown(rows, style->most) && widths != NULL; k++)
        put_row(out, line, style, heed_paper_shown(rows, style->most, k), widths);
    heed_arena_destroy(arena);
}

static void put_work(void *out, const char *text)
{
    heed_text_printf(out, "  %s\n", text);
}

static void put_line(heed_text_buffer *out, const heed_paper *paper, const heed_paper_line *line,
                     const heed_paper_style *style)
{
    heed_text_printf(out, "\n%s: %s  [%lld, %lld]\n", line->step.title,
                     line->step.formula[0] != '\0' ? line->step.formula : line->step.symbol,
                     (long long)line->step.rows, (long long)line->step.columns);
    put_matrix(out, line, style);
    heed_paper_work_out(paper, line, style, put_work, out, out);
    if (line->step.note[0] != '\0')
        heed_text_printf(out, "  %s\n", line->step.note);
}

void heed_paper_write_text(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out)
{
    heed_text_puts(out, "attention with pen and paper\n");
    heed_paper_put_summary(out, paper);
    heed_text_printf(out,
                     "\n[i,j] is row i, column j, counted from 0\n"
                     "a number without a point is exact, others have %d digits\n",
                     style->digits);
    for (int i = 0; i < paper->n_lines; i++) {
        if (heed_paper_begins_part(paper, i)) {
            heed_text_puts(out, "\n--- ");
            heed_paper_put_part(out, paper, &paper->lines[i]);
            heed_text_puts(out, " ---\n");
        }
        put_line(out, paper, &paper->lines[i], style);
    }
}
