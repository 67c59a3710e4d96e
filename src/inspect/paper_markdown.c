/* SPDX-License-Identifier: MIT */
/* A worked example in Markdown: a heading, a formula and a table for each step. */
#include "inspect/paper.h"

static void put_cells(heed_text_buffer *out, const heed_paper_line *line, const heed_paper_style *style,
                      int64_t i)
{
    const heed_paper_notation n = {.digits = style->digits};
    const int64_t columns = line->step.columns;

    if (i < 0)
        heed_text_puts(out, "| .. ");
    else
        heed_text_printf(out, line->step.pairs ? "| query %lld " : "| %lld ", (long long)i);
    for (int64_t k = 0; k < heed_paper_n_shown(columns, style->most); k++) {
        const int64_t j = heed_paper_shown(columns, style->most, k);

        heed_text_puts(out, "| ");
        if (i < 0 || j < 0)
            heed_text_puts(out, "..");
        else
            heed_paper_put_number(out, &n, (double)line->step.values[i * columns + j]);
        heed_text_puts(out, " ");
    }
    if (line->step.sums) {
        heed_text_puts(out, "| ");
        if (i >= 0)
            heed_paper_put_number(out, &n, heed_paper_row_sum(line, i));
        heed_text_puts(out, " ");
    }
    heed_text_puts(out, "|\n");
}

static void put_table(heed_text_buffer *out, const heed_paper_line *line, const heed_paper_style *style)
{
    const int64_t columns = line->step.columns, rows = line->step.rows;
    const int64_t n = heed_paper_n_shown(columns, style->most);

    heed_text_puts(out, "| ");
    for (int64_t k = 0; k < n; k++) {
        const int64_t j = heed_paper_shown(columns, style->most, k);
        if (j < 0)
            heed_text_puts(out, "| .. ");
        else
            heed_text_printf(out, line->step.pairs ? "| key %lld " : "| %lld ", (long long)j);
    }
    heed_text_puts(out, line->step.sums ? "| sum |\n|---" : "|\n|---");
    for (int64_t k = 0; k < n + line->step.sums; k++)
        heed_text_puts(out, "|---:");
    heed_text_puts(out, "|\n");
    for (int64_t k = 0; k < heed_paper_n_shown(rows, style->most); k++)
        put_cells(out, line, style, heed_paper_shown(rows, style->most, k));
}

static void put_work(void *out, const char *text)
{
    heed_text_printf(out, "\n`%s`\n", text);
}

void heed_paper_write_markdown(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out)
{
    heed_text_puts(out, "# Attention with pen and paper\n\n");
    heed_paper_put_summary(out, paper);
    heed_text_printf(out,
                     ".\nIn `[i,j]` row i and column j are counted from 0. A number without a point is exact, "
                     "others have %d digits.\n",
                     style->digits);
    for (int i = 0; i < paper->n_lines; i++) {
        const heed_paper_line *line = &paper->lines[i];

        if (heed_paper_begins_part(paper, i)) {
            heed_text_puts(out, "\n## ");
            heed_paper_put_part(out, paper, line);
            heed_text_puts(out, "\n");
        }
        heed_text_printf(out, "\n### %s\n\n`%s`\n\n", line->step.title,
                         line->step.formula[0] != '\0' ? line->step.formula : line->step.symbol);
        put_table(out, line, style);
        heed_paper_work_out(paper, line, style, put_work, out, out);
        if (line->step.note[0] != '\0')
            heed_text_printf(out, "\n%s\n", line->step.note);
    }
}
