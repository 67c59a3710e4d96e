/* SPDX-License-Identifier: MIT */
/* A worked example in LaTeX: a document that needs amsmath alone, or its body. */
#include "inspect/paper.h"

#define PREAMBLE                           \
    "\\documentclass{article}\n"           \
    "\\usepackage[margin=2cm]{geometry}\n" \
    "\\usepackage{amsmath}\n"              \
    "\\allowdisplaybreaks\n"               \
    "\\begin{document}\n"

/* Words between formulas: an underscore means something there. */
static void put_words(heed_text_buffer *out, const char *words)
{
    for (; *words != '\0'; words++)
        heed_text_printf(out, *words == '_' ? "\\%c" : "%c", *words);
}

static void put_row(heed_text_buffer *out, const heed_paper_line *line, const heed_paper_style *style,
                    int64_t i)
{
    const heed_paper_notation n = {.latex = true, .digits = style->digits};
    const int64_t columns = line->step.columns;

    for (int64_t k = 0; k < heed_paper_n_shown(columns, style->most); k++) {
        const int64_t j = heed_paper_shown(columns, style->most, k);

        heed_text_puts(out, k > 0 ? " & " : "  ");
        if (i >= 0 && j >= 0)
            heed_paper_put_number(out, &n, (double)line->step.values[i * columns + j]);
        else
            heed_text_puts(out, i < 0 && j < 0 ? "\\ddots" : i < 0 ? "\\vdots" : "\\cdots");
    }
    heed_text_puts(out, " \\\\\n");
}

static void put_matrix(heed_text_buffer *out, const heed_paper_line *line, const heed_paper_style *style)
{
    const heed_paper_notation n = {.latex = true, .digits = style->digits};
    const int64_t rows = line->step.rows, shown = heed_paper_n_shown(rows, style->most);

    heed_text_puts(out, "\\[\n");
    heed_paper_put_symbol(out, &n, line);
    heed_text_puts(out, " = \\begin{bmatrix}\n");
    for (int64_t k = 0; k < shown; k++)
        put_row(out, line, style, heed_paper_shown(rows, style->most, k));
    heed_text_puts(out, "\\end{bmatrix}");
    if (line->step.sums) {
        heed_text_puts(out, " \\quad \\text{sums of the rows } ");
        for (int64_t k = 0; k < shown; k++) {
            const int64_t i = heed_paper_shown(rows, style->most, k);
            heed_text_puts(out, k > 0 ? ",\\ " : "");
            if (i < 0)
                heed_text_puts(out, "\\dots");
            else
                heed_paper_put_number(out, &n, heed_paper_row_sum(line, i));
        }
    }
    heed_text_puts(out, "\n\\]\n");
}

static void put_work(void *out, const char *text)
{
    heed_text_printf(out, "\\[ %s \\]\n", text);
}

static void put_line(heed_text_buffer *out, const heed_paper *paper, const heed_paper_line *line,
                     const heed_paper_style *style)
{
    const heed_paper_notation n = {.latex = true, .digits = style->digits};

    heed_text_printf(out, "\n\\paragraph{%s}\n", line->step.title);
    if (line->step.formula[0] != '\0') {
        heed_text_puts(out, "\\[ ");
        heed_paper_put_formula(out, &n, paper, line);
        heed_text_puts(out, " \\]\n");
    }
    put_matrix(out, line, style);
    heed_paper_work_out(paper, line, style, put_work, out, out);
    if (line->step.note[0] != '\0') {
        heed_text_puts(out, "\\noindent ");
        put_words(out, line->step.note);
        heed_text_puts(out, ".\n");
    }
}

void heed_paper_write_latex(const heed_paper *paper, const heed_paper_style *style, heed_text_buffer *out)
{
    heed_text_buffer summary = {0};

    if (!style->fragment)
        heed_text_puts(out, PREAMBLE);
    /* a bmatrix takes 10 columns unless it is told */
    heed_text_printf(out, "\\setcounter{MaxMatrixCols}{%d}\n", style->most > 10 ? style->most : 10);
    heed_text_puts(out, "\\noindent Attention with pen and paper: ");
    heed_paper_put_summary(&summary, paper);
    put_words(out, summary.data != NULL ? summary.data : "");
    out->failed = out->failed || summary.failed;
    heed_text_free(&summary);
    heed_text_printf(
        out,
        ".\nRows and columns are counted from 0; a number without a point is exact, others have %d digits.\n",
        style->digits);
    for (int i = 0; i < paper->n_lines; i++) {
        if (heed_paper_begins_part(paper, i)) {
            heed_text_puts(out, "\n\\subsection*{");
            heed_paper_put_part(out, paper, &paper->lines[i]);
            heed_text_puts(out, "}\n");
        }
        put_line(out, paper, &paper->lines[i], style);
    }
    if (!style->fragment)
        heed_text_puts(out, "\n\\end{document}\n");
}
