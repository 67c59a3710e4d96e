/* SPDX-License-Identifier: MIT */
#include "cli/workbook_print.h"

#include <ctype.h>
#include <string.h>

#include "cli/output.h"

#define LONGEST_ROW 40 /* bytes of a row that is kept on one line */

/* --- colours --- */

static bool has_colours(void)
{
    return heed_cli_palette(stdout) != HEED_PALETTE_NONE;
}

const char *heed_cli_ink_on(heed_cli_ink ink)
{
    static const char *const codes[] = {"", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[36m"};

    return has_colours() ? codes[ink] : "";
}

const char *heed_cli_ink_off(void)
{
    return has_colours() ? "\x1b[0m" : "";
}

void heed_cli_put_head(const char *words)
{
    printf("\n%s%s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), words, heed_cli_ink_off());
}

int heed_cli_page_width(void)
{
    const int columns = heed_cli_columns(stdout);

    return columns < 80 ? columns : 80;
}

/* --- wrapped words --- */

/* Where a paragraph stands, and which marks are open. */
typedef struct writer {
    int width, indent, at;
    bool bold, code, colours;
} writer;

/* Is there a mark of bold at c? 2**21 is a power. */
static bool is_bold_mark(const writer *w, const char *begin, const char *c)
{
    return !w->code && strncmp(c, "**", 2) == 0 && (w->bold || c == begin || !isalnum((unsigned char)c[-1]));
}

/* Columns of the word of n bytes, its marks left out. */
static int columns_of(const writer *w, const char *word, size_t n)
{
    writer now = *w;
    int columns = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_bold_mark(&now, word, word + i)) {
            now.bold = !now.bold;
            i++;
        } else if (word[i] == '`') {
            now.code = !now.code;
            columns += !w->colours;
        } else
            columns += ((unsigned char)word[i] & 0xc0) != 0x80;
    }
    return columns;
}

static void put_ink(const writer *w)
{
    if (w->colours)
        printf("\x1b[0m%s%s", w->bold ? "\x1b[1m" : "", w->code ? "\x1b[36m" : "");
}

static void put_word(writer *w, const char *word, size_t n)
{
    size_t from = 0;

    for (size_t i = 0; i < n; i++) {
        const bool bold = is_bold_mark(w, word, word + i), code = word[i] == '`';

        if (!bold && !(code && w->colours) && !code)
            continue;
        heed_cli_put_safe(stdout, word + from, i - from);
        w->bold = bold ? !w->bold : w->bold;
        w->code = code ? !w->code : w->code;
        if (code && !w->colours)
            putchar('`');
        put_ink(w);
        i += bold;
        from = i + 1;
    }
    if (from < n)
        heed_cli_put_safe(stdout, word + from, n - from);
}

/* Bytes of the word at text, of n: up to a blank, but that a row [1 0 1] is not broken. */
static size_t word_length(const char *text, size_t n)
{
    size_t length = 0, open = 0; /* open: behind the last bracket that stands open */

    for (; length < n; length++) {
        if (text[length] == '[')
            open = length + 1;
        else if (text[length] == ']')
            open = 0;
        if (text[length] == '\n' ||
            (isspace((unsigned char)text[length]) && (open == 0 || length - open > LONGEST_ROW)))
            break;
    }
    if (open > 0 && length == n) /* it is never closed */
        for (length = 0; length < n && !isspace((unsigned char)text[length]);)
            length++;
    return length;
}

/* A paragraph of n bytes; line ends are blanks. */
static void put_paragraph(writer *w, const char *text, size_t n)
{
    bool first = true;

    for (size_t i = 0; i < n;) {
        size_t length;
        int columns;

        if (isspace((unsigned char)text[i])) {
            i++;
            continue;
        }
        length = word_length(text + i, n - i);
        columns = columns_of(w, text + i, length);
        if (!first && w->at + 1 + columns > w->width) {
            printf("\n%*s", w->indent, "");
            w->at = w->indent;
            first = true;
        }
        if (!first)
            putchar(' ');
        put_word(w, text + i, length);
        w->at += columns + !first;
        first = false;
        i += length;
    }
    if (w->bold || w->code) {
        w->bold = w->code = false;
        put_ink(w);
    }
    putchar('\n');
    w->at = 0;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');

    return end != NULL ? end + 1 : line + strlen(line);
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

static const char *end_of_block(const char *text)
{
    const char *line = next_line(text);

    while (*line != '\0' && !is_blank(line) && !is_item(line))
        line = next_line(line);
    return line;
}

void heed_cli_put_words(const char *words, int indent, int at)
{
    bool gap = false; /* an empty line stands before what comes next */

    while (*words != '\0') {
        writer w = {heed_cli_page_width(), indent, at, false, false, has_colours()};
        const char *end = is_plain(words) ? next_line(words) : end_of_block(words);

        if (is_blank(words)) {
            gap = true;
            words = next_line(words);
            continue;
        }
        if (gap)
            putchar('\n');
        gap = false;
        if (at < indent)
            printf("%*s", indent - at, "");
        w.at = at < indent ? indent : at;
        at = 0;
        if (is_plain(words)) {
            heed_cli_put_safe(stdout, words, strcspn(words, "\n"));
            putchar('\n');
        } else {
            if (is_item(words)) {
                fputs("- ", stdout);
                w.indent += 2;
                w.at += 2;
                words += 2;
            }
            put_paragraph(&w, words, (size_t)(end - words));
        }
        words = end;
    }
    if (at > 0)
        putchar('\n');
}

/* A line of n bytes that is too long goes on below, indented by two more. */
static void put_long_line(const char *text, size_t n, int indent)
{
    const int blanks = (int)strspn(text, " ");
    writer w = {heed_cli_page_width(), indent + blanks + 2, indent + blanks, false, true, false};

    printf("%*s", indent + blanks, "");
    for (size_t i = (size_t)blanks; i < n;) {
        const size_t gap = strspn(text + i, " "), length = strcspn(text + i + gap, " \n");
        const int columns = heed_cli_characters(text + i + gap, length);

        if (w.at > w.indent && w.at + (int)gap + columns > w.width) {
            printf("\n%*s", w.indent, "");
            w.at = w.indent;
        } else {
            printf("%*s", (int)gap, "");
            w.at += (int)gap;
        }
        heed_cli_put_safe(stdout, text + i + gap, length);
        w.at += columns;
        i += gap + length;
    }
}

void heed_cli_put_lines(const char *text, int indent)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");

        if (indent + heed_cli_characters(text, n) > heed_cli_page_width())
            put_long_line(text, n, indent);
        else {
            printf("%*s", n > 0 ? indent : 0, "");
            heed_cli_put_safe(stdout, text, n);
        }
        putchar('\n');
        text += n + (text[n] == '\n');
    }
}

void heed_cli_put_bar(int64_t part, int64_t whole, int cells)
{
    const int full = whole > 0 ? (int)(part * cells / whole) : 0;

    fputs(heed_cli_ink_on(HEED_CLI_INK_RIGHT), stdout);
    for (int i = 0; i < cells; i++) {
        if (i == full)
            fputs(heed_cli_ink_off(), stdout);
        fputs(i < full ? "\xe2\x96\x88" : "\xc2\xb7", stdout);
    }
    fputs(heed_cli_ink_off(), stdout);
}
