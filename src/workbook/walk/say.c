/* SPDX-License-Identifier: MIT */
/* What a step of the walk says. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "formats/label.h"
#include "workbook/walk/walk.h"

enum { MOST_ROWS = 8 };

const char *heed_walk_keep(heed_walking *w, const char *text)
{
    const char *kept = w->d->s.status == HEED_OK ? heed_arena_format(w->d->s.arena, "%s", text) : "";

    if (kept == NULL)
        heed_solve_fail(&w->d->s, HEED_ERR_MEMORY, "not enough memory for words");
    return kept != NULL ? kept : "";
}

const char *heed_walk_pad(heed_walking *w, const char *text, int columns)
{
    const int blanks = columns - heed_label_chars(text);
    const char *kept = w->d->s.status == HEED_OK
                           ? heed_arena_format(w->d->s.arena, "%s%*s", text, blanks > 0 ? blanks : 0, "")
                           : "";

    if (kept == NULL)
        heed_solve_fail(&w->d->s, HEED_ERR_MEMORY, "not enough memory for words");
    return kept != NULL ? kept : "";
}

/* text becomes a block of its own, or the next line of the last one. */
static void add(heed_walking *w, bool lines, bool new_block, const char *text)
{
    heed_walk_made *made = w->made;
    const int last = made->result.n_blocks - 1;
    const bool joins = !new_block && lines && last >= 0 && made->blocks[last].lines;
    const char *kept;

    if (w->d->s.status != HEED_OK)
        return;
    if (!joins && last + 1 >= HEED_WALK_BLOCKS) {
        heed_solve_fail(&w->d->s, HEED_ERR_INTERNAL, "a step says more than %d things", (int)HEED_WALK_BLOCKS);
        return;
    }
    kept = joins ? heed_arena_format(w->d->s.arena, "%s\n%s", made->blocks[last].text, text)
                 : heed_arena_format(w->d->s.arena, "%s", text);
    if (kept == NULL)
        heed_solve_fail(&w->d->s, HEED_ERR_MEMORY, "not enough memory for words");
    else
        made->blocks[joins ? last : made->result.n_blocks++] = (heed_walk_block){lines, kept};
}

void heed_walk_say(heed_walking *w, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(w, false, true, text);
}

/* Columns beyond the page are cut off: numbers of an unforeseen size must not break it. */
void heed_walk_line(heed_walking *w, const char *format, ...)
{
    char text[1024], cut[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(w, true, false, heed_label_cut(cut, sizeof cut, text, HEED_WALK_COLUMNS));
}

/* --- numbers --- */

static int put_number(char *out, size_t size, double x, int digits)
{
    if (isinf(x) || isnan(x))
        return snprintf(out, size, isnan(x) ? "nan" : x < 0.0 ? "-inf" : "inf");
    return snprintf(out, size, "%.*f", digits, x == 0.0 ? 0.0 : x); /* not -0 */
}

static int widest(heed_grid x, int64_t rows, int digits)
{
    char text[64];
    int most = 1;

    for (int64_t i = 0; i < rows * x.columns; i++) {
        const int n = put_number(text, sizeof text, x.data[i], digits);
        most = n > most ? n : most;
    }
    return most;
}

void heed_walk_grid(heed_walking *w, heed_grid x, int digits, const char *format, ...)
{
    const int64_t rows = x.rows < MOST_ROWS ? x.rows : MOST_ROWS;
    char title[256], line[256], number[64];
    va_list args;
    int wide;
    int64_t columns;

    if (w->d->s.status != HEED_OK)
        return;
    va_start(args, format);
    vsnprintf(title, sizeof title, format, args);
    va_end(args);
    wide = widest(x, rows, digits);
    columns = (HEED_WALK_COLUMNS - 8) / (wide + 2);
    columns = columns < x.columns ? columns : x.columns;
    heed_walk_line(w, "%s", title);
    for (int64_t i = 0; i < rows; i++) {
        int at = snprintf(line, sizeof line, "  ");

        for (int64_t j = 0; j < columns; j++) {
            put_number(number, sizeof number, x.data[i * x.columns + j], digits);
            at += snprintf(line + at, sizeof line - (size_t)at, "  %*s", wide, number);
        }
        heed_walk_line(w, "%s%s", line, columns < x.columns ? "  .." : "");
    }
    if (rows < x.rows)
        heed_walk_line(w, "    .. %lld rows in all", (long long)x.rows);
}

/* --- text that was written --- */

void heed_walk_quote(heed_walking *w, const char *text, size_t n, int lines)
{
    char line[512], safe[HEED_LABEL_SIZE];
    size_t at = 0;

    for (int i = 0; i < lines && at < n; i++) {
        size_t end = at, used = 0;
        int columns = 0;

        while (end < n && text[end] != '\n' && columns < HEED_WALK_COLUMNS - 4) {
            uint32_t code = 0;
            const size_t step = heed_utf8_decode(text + end, n - end, &code);
            end += step > 0 ? step : 1;
            columns++;
        }
        used = end - at < sizeof line - 1 ? end - at : sizeof line - 1;
        memcpy(line, text + at, used);
        line[used] = '\0';
        heed_walk_line(w, "  | %s", heed_label_text(safe, line));
        at = end + (end < n && text[end] == '\n');
    }
}
