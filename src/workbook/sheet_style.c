/* SPDX-License-Identifier: MIT */
/* Markdown, LaTeX and HTML: how a sheet writes headings, lists, and the signs that mean something to it. */
#include <ctype.h>
#include <string.h>

#include "workbook/sheet.h"

#define LATEX_COLUMNS 92 /* of small letters between the margins */

/* Signs of mathematics that LaTeX's own fonts lack; its newer engines have them from a font. */
static const char latex_head[] = "\\documentclass[11pt,a4paper]{article}\n"
                                 "\\usepackage[margin=25mm]{geometry}\n"
                                 "\\usepackage{iftex,textcomp}\n"
                                 "\\ifpdftex\n"
                                 "\\usepackage[T1]{fontenc}\n"
                                 "\\usepackage[utf8]{inputenc}\n"
                                 "\\DeclareUnicodeCharacter{221A}{\\ensuremath{\\surd}}\n"
                                 "\\DeclareUnicodeCharacter{00B7}{\\ensuremath{\\cdot}}\n"
                                 "\\DeclareUnicodeCharacter{22C5}{\\ensuremath{\\cdot}}\n"
                                 "\\DeclareUnicodeCharacter{00D7}{\\ensuremath{\\times}}\n"
                                 "\\DeclareUnicodeCharacter{2212}{\\ensuremath{-}}\n"
                                 "\\DeclareUnicodeCharacter{2264}{\\ensuremath{\\leq}}\n"
                                 "\\DeclareUnicodeCharacter{2265}{\\ensuremath{\\geq}}\n"
                                 "\\DeclareUnicodeCharacter{2260}{\\ensuremath{\\neq}}\n"
                                 "\\DeclareUnicodeCharacter{2248}{\\ensuremath{\\approx}}\n"
                                 "\\DeclareUnicodeCharacter{2192}{\\ensuremath{\\to}}\n"
                                 "\\DeclareUnicodeCharacter{2190}{\\ensuremath{\\leftarrow}}\n"
                                 "\\DeclareUnicodeCharacter{221E}{\\ensuremath{\\infty}}\n"
                                 "\\DeclareUnicodeCharacter{2211}{\\ensuremath{\\sum}}\n"
                                 "\\DeclareUnicodeCharacter{2208}{\\ensuremath{\\in}}\n"
                                 "\\DeclareUnicodeCharacter{230A}{\\ensuremath{\\lfloor}}\n"
                                 "\\DeclareUnicodeCharacter{230B}{\\ensuremath{\\rfloor}}\n"
                                 "\\DeclareUnicodeCharacter{2016}{\\ensuremath{\\Vert}}\n"
                                 "\\DeclareUnicodeCharacter{2202}{\\ensuremath{\\partial}}\n"
                                 "\\DeclareUnicodeCharacter{03B1}{\\ensuremath{\\alpha}}\n"
                                 "\\DeclareUnicodeCharacter{03B2}{\\ensuremath{\\beta}}\n"
                                 "\\DeclareUnicodeCharacter{03B3}{\\ensuremath{\\gamma}}\n"
                                 "\\DeclareUnicodeCharacter{03B5}{\\ensuremath{\\varepsilon}}\n"
                                 "\\DeclareUnicodeCharacter{03B8}{\\ensuremath{\\theta}}\n"
                                 "\\DeclareUnicodeCharacter{03BC}{\\ensuremath{\\mu}}\n"
                                 "\\DeclareUnicodeCharacter{03C0}{\\ensuremath{\\pi}}\n"
                                 "\\DeclareUnicodeCharacter{03C3}{\\ensuremath{\\sigma}}\n"
                                 "\\DeclareUnicodeCharacter{0394}{\\ensuremath{\\Delta}}\n"
                                 "\\DeclareUnicodeCharacter{1D40}{\\ensuremath{^{\\mathsf T}}}\n"
                                 "\\DeclareUnicodeCharacter{1D62}{\\ensuremath{_i}}\n"
                                 "\\DeclareUnicodeCharacter{2C7C}{\\ensuremath{_j}}\n"
                                 "\\DeclareUnicodeCharacter{2080}{\\ensuremath{_0}}\n"
                                 "\\DeclareUnicodeCharacter{2081}{\\ensuremath{_1}}\n"
                                 "\\DeclareUnicodeCharacter{2082}{\\ensuremath{_2}}\n"
                                 "\\DeclareUnicodeCharacter{2070}{\\ensuremath{^0}}\n"
                                 "\\DeclareUnicodeCharacter{2074}{\\ensuremath{^4}}\n"
                                 "\\DeclareUnicodeCharacter{207B}{\\ensuremath{^-}}\n"
                                 "\\DeclareUnicodeCharacter{207F}{\\ensuremath{^n}}\n"
                                 "\\else\n"
                                 "\\usepackage{fontspec}\n"
                                 "\\fi\n"
                                 "\\setlength{\\parindent}{0pt}\n"
                                 "\\setlength{\\parskip}{5pt}\n"
                                 "\\begin{document}\n";

static const char html_head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>Exercises</title>\n"
    "<style>body{max-width:44em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif}"
    "h2{font-size:1.1em;break-after:avoid}pre,code{font-family:monospace}"
    ".answer{border:1px solid #999;min-height:2.5em;padding:.3em;break-inside:avoid}</style></head><body>\n";

static const heed_sheet_style styles[] = {
    [HEED_SHEET_MARKDOWN] = {.bold = {"**", "**"},
                             .code = {"`", "`"},
                             .item = {"- ", "\n"},
                             .list = {"", "\n"},
                             .paragraph = {"", "\n\n"},
                             .plain = {"```\n", "```\n\n"},
                             .heading = {"## ", "\n\n"},
                             .title = {"# ", "\n\n"},
                             .head = "",
                             .foot = ""},
    [HEED_SHEET_LATEX] = {.bold = {"\\textbf{", "}"},
                          .code = {"\\texttt{", "}"},
                          .item = {"\\item ", "\n"},
                          .list = {"\\begin{itemize}\n", "\\end{itemize}\n\n"},
                          .paragraph = {"", "\n\n"},
                          .plain = {"{\\footnotesize\n\\begin{verbatim}\n", "\\end{verbatim}\n}\n\n"},
                          .heading = {"\\subsection*{", "}\n"},
                          .title = {"\\section*{", "}\n"},
                          .head = latex_head,
                          .foot = "\\end{document}\n"},
    [HEED_SHEET_HTML] = {.bold = {"<strong>", "</strong>"},
                         .code = {"<code>", "</code>"},
                         .item = {"<li>", "</li>\n"},
                         .list = {"<ul>\n", "</ul>\n"},
                         .paragraph = {"<p>", "</p>\n"},
                         .plain = {"<pre>", "</pre>\n"},
                         .heading = {"<h2>", "</h2>\n"},
                         .title = {"<h1>", "</h1>\n"},
                         .head = html_head,
                         .foot = "</body></html>\n"},
};

const heed_sheet_style *heed_sheet_style_of(heed_sheet_format format)
{
    return &styles[format];
}

/* --- signs --- */

static const char *latex_sign(char c)
{
    switch (c) {
    case '\\':
        return "\\textbackslash{}";
    case '~':
        return "\\textasciitilde{}";
    case '^':
        return "\\textasciicircum{}";
    case '{':
        return "\\{";
    case '}':
        return "\\}";
    case '$':
        return "\\$";
    case '&':
        return "\\&";
    case '%':
        return "\\%";
    case '#':
        return "\\#";
    case '_':
        return "\\_";
    case '<':
        return "\\textless{}";
    case '>':
        return "\\textgreater{}";
    case '|':
        return "\\textbar{}";
    case '"':
        return "\\textquotedbl{}";
    }
    return NULL;
}

static const char *html_sign(char c)
{
    return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
}

void heed_sheet_escape(heed_text_buffer *out, heed_sheet_format format, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *sign = format == HEED_SHEET_LATEX  ? latex_sign(text[i])
                           : format == HEED_SHEET_HTML ? html_sign(text[i])
                                                       : NULL;

        if (sign != NULL)
            heed_text_puts(out, sign);
        else
            heed_text_append(out, text + i, 1);
    }
}

/* --- words --- */

/* One line or paragraph with its marks. */
static void put_inline(heed_text_buffer *out, heed_sheet_format format, const char *text, size_t n)
{
    const heed_sheet_style *style = &styles[format];

    for (size_t i = 0; i < n;) {
        const bool bold = n - i > 4 && strncmp(text + i, "**", 2) == 0 &&
                          (i == 0 || !isalnum((unsigned char)text[i - 1])), /* 2**21 is a power */
            code = text[i] == '`';
        const size_t mark = bold ? 2 : 1;
        const char *const *around = bold ? style->bold : style->code, *end = NULL;

        for (size_t k = i + mark; (bold || code) && end == NULL && k + mark <= n; k++)
            end = strncmp(text + k, bold ? "**" : "`", mark) == 0 ? text + k : NULL;
        if (end != NULL) {
            heed_text_puts(out, around[0]);
            heed_sheet_escape(out, format, text + i + mark, (size_t)(end - text) - i - mark);
            heed_text_puts(out, around[1]);
            i = (size_t)(end - text) + mark;
        } else
            heed_sheet_escape(out, format, text + i++, 1);
    }
}

static bool is_item(const char *line)
{
    return strncmp(line, "- ", 2) == 0 || strncmp(line, "* ", 2) == 0;
}

static bool is_plain(const char *line)
{
    return strncmp(line, "    ", 4) == 0 || line[0] == '\t';
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\n' || line[strspn(line, " \t\r")] == '\0';
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end != NULL ? end + 1 : line + strlen(line);
}

/* The end of a paragraph or of an item that begins at text. */
static const char *end_of_block(const char *text)
{
    const char *line = next_line(text);

    while (*line != '\0' && !is_blank(line) && !is_item(line))
        line = next_line(line);
    return line;
}

/* Lines that LaTeX would print beyond its margin go on below; others wrap or scroll what is as it is. */
static void put_narrow(heed_text_buffer *out, const char *text)
{
    size_t at = 0;

    while (*text != '\0') {
        const size_t blanks = strspn(text, " "), n = blanks + strcspn(text + blanks, " \n");

        if (at > 0 && at + n > LATEX_COLUMNS) {
            heed_text_puts(out, "\n     ");
            at = 5;
        }
        heed_text_append(out, text, n);
        at += n;
        text += n;
        if (*text == '\n') {
            heed_text_append(out, text++, 1);
            at = 0;
        }
    }
}

void heed_sheet_plain(heed_text_buffer *out, heed_sheet_format format, const char *text)
{
    const size_t n = strlen(text);

    heed_text_puts(out, styles[format].plain[0]);
    if (format == HEED_SHEET_HTML)
        heed_sheet_escape(out, format, text, n);
    else if (format == HEED_SHEET_LATEX)
        put_narrow(out, text);
    else
        heed_text_append(out, text, n);
    if (n > 0 && text[n - 1] != '\n')
        heed_text_puts(out, "\n");
    heed_text_puts(out, styles[format].plain[1]);
}

/* All the indented lines at text; returns what follows. */
static const char *put_indented(heed_text_buffer *out, heed_sheet_format format, const char *text)
{
    heed_text_buffer lines = {0};

    for (; is_plain(text) && !is_blank(text); text = next_line(text)) {
        const size_t skip = text[0] == '\t' ? 1 : 4;
        heed_text_append(&lines, text + skip, (size_t)(next_line(text) - text) - skip);
    }
    heed_sheet_plain(out, format, lines.data != NULL ? lines.data : "");
    heed_text_free(&lines);
    return text;
}

void heed_sheet_words(heed_text_buffer *out, heed_sheet_format format, const char *words)
{
    const heed_sheet_style *style = &styles[format];
    bool listing = false;

    while (*words != '\0') {
        const bool item = is_item(words);
        const char *const *around = item ? style->item : style->paragraph, *end;
        size_t n;

        if (is_blank(words)) {
            words = next_line(words);
            continue;
        }
        if (listing != item)
            heed_text_puts(out, style->list[listing ? 1 : 0]);
        listing = item;
        if (is_plain(words)) {
            words = put_indented(out, format, words);
            continue;
        }
        end = end_of_block(words);
        for (n = (size_t)(end - words); n > 0 && strchr(" \t\r\n", words[n - 1]) != NULL;)
            n--;
        heed_text_puts(out, around[0]);
        put_inline(out, format, words + (item ? 2 : 0), n - (item ? 2 : 0));
        heed_text_puts(out, around[1]);
        words = end;
    }
    if (listing)
        heed_text_puts(out, style->list[1]);
}
