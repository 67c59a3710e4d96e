/* SPDX-License-Identifier: MIT */
#include "workbook/demos/patterns.h"

#include <heed/label.h>
#include <math.h>

#include "base/text_buffer.h"
#include "workbook/demos/small_model.h"

enum { BESIDE = 4 };

heed_grid heed_demo_pattern(heed_demoing *d, const heed_demo_subject *s, heed_demo_head which)
{
    const heed_forward_ids first = {.ids = s->ids, .batch = 1, .length = s->length};
    const char *name = heed_demo_words(d, "blocks.%d.attn.pattern", which.layer);
    heed_grid all = heed_demo_read(d, s->model, &first, name);

    if (d->s.status != HEED_OK)
        return (heed_grid){0, 0, NULL};
    return (heed_grid){s->length, s->length, all.data + which.head * s->length * s->length};
}

heed_demo_laws heed_demo_laws_of(heed_grid pattern)
{
    heed_demo_laws out = {0.0, 1.0};

    for (int64_t i = 0; i < pattern.rows; i++) {
        double sum = 0.0;

        for (int64_t j = 0; j < pattern.columns; j++) {
            const double w = pattern.data[i * pattern.columns + j];
            sum += w;
            out.above = j > i ? fmax(out.above, fabs(w)) : out.above;
        }
        out.sum = fabs(sum - 1.0) > fabs(out.sum - 1.0) ? sum : out.sum;
    }
    return out;
}

/* --- as characters --- */

static const struct {
    double below;
    char sign;
} shades[] = {{0.05, '.'}, {0.1, ':'}, {0.2, '-'}, {0.35, '+'}, {0.5, '*'}, {0.75, '#'}, {INFINITY, '@'}};

static char shade(double weight)
{
    for (size_t i = 0; i < sizeof shades / sizeof shades[0]; i++) {
        if (weight < shades[i].below)
            return shades[i].sign;
    }
    return '?'; /* not a number */
}

static void put_label(const heed_demo_subject *s, int64_t i, heed_text_buffer *out)
{
    char label[HEED_LABEL_BYTES];
    const int columns = heed_token_label(s->model, s->ids[i], 1, label, sizeof label);

    heed_text_puts(out, columns == 1 ? label : "?");
}

/* The tokens above, then for each query its token and its row. */
static void put_row(const heed_demo_subject *s, const heed_grid *patterns, int n, int64_t i, int64_t shown,
                    heed_text_buffer *out)
{
    for (int h = 0; h < n; h++) {
        if (i < 0)
            heed_text_puts(out, " ");
        else
            put_label(s, i, out);
        for (int64_t j = 0; j < shown; j++) {
            if (i < 0)
                put_label(s, j, out);
            else
                heed_text_printf(out, "%c", j > i ? ' ' : shade(patterns[h].data[i * patterns[h].columns + j]));
        }
        heed_text_puts(out, h + 1 < n ? "  " : "\n");
    }
}

static void put_block(heed_demoing *d, const heed_demo_subject *s, const heed_demo_head *heads, int n,
                      heed_text_buffer *out)
{
    const int64_t shown = s->length < HEED_DEMO_SHOWN ? s->length : HEED_DEMO_SHOWN;
    heed_grid patterns[BESIDE];

    for (int h = 0; h < n; h++) {
        char name[32];

        patterns[h] = heed_demo_pattern(d, s, heads[h]);
        snprintf(name, sizeof name, "%d.%d", heads[h].layer, heads[h].head);
        heed_text_printf(out, "%-*s%s", (int)shown + 1, name, h + 1 < n ? "  " : "\n");
    }
    for (int64_t i = -1; d->s.status == HEED_OK && i < shown; i++)
        put_row(s, patterns, n, i, shown, out);
}

void heed_show_patterns(heed_demoing *d, const heed_demo_subject *s, const heed_demo_head *heads, int n,
                        const char *title)
{
    heed_text_buffer text = {0};

    for (int i = 0; d->s.status == HEED_OK && i < n; i += BESIDE) {
        if (i > 0)
            heed_text_puts(&text, "\n");
        put_block(d, s, heads + i, n - i < BESIDE ? n - i : BESIDE, &text);
    }
    heed_text_puts(&text,
                   "\nrows are queries, columns keys; weight below 0.05 . 0.1 : 0.2 - 0.35 + 0.5 * 0.75 # 1 @");
    if (text.failed)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory to draw patterns");
    else
        heed_show_passage(d, title, text.data, text.size);
    heed_text_free(&text);
}

/* --- as a map --- */

/* "the|·|cat": no label has a "|" of its own. */
static const char *labels_of(heed_demoing *d, const heed_demo_subject *s, int64_t shown)
{
    heed_text_buffer text = {0};
    const char *out;

    for (int64_t i = 0; i < shown; i++) {
        char label[HEED_LABEL_BYTES];

        heed_token_label(s->model, s->ids[i], 6, label, sizeof label);
        for (char *c = label; *c != '\0'; c++)
            *c = *c == '|' ? '!' : *c;
        heed_text_printf(&text, "%s%s", i > 0 ? "|" : "", label);
    }
    out = text.failed || text.data == NULL ? NULL : heed_arena_format(d->s.arena, "%s", text.data);
    if (out == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for tokens");
    heed_text_free(&text);
    return out;
}

void heed_show_pattern(heed_demoing *d, const heed_demo_subject *s, heed_demo_head which, const char *title)
{
    const int64_t shown = s->length < HEED_DEMO_MAPPED ? s->length : HEED_DEMO_MAPPED;
    const heed_grid pattern = heed_demo_pattern(d, s, which);
    const char *labels = d->s.status == HEED_OK ? labels_of(d, s, shown) : NULL;
    const heed_grid part = heed_grid_make(&d->s, shown, shown);

    for (int64_t i = 0; d->s.status == HEED_OK && i < shown * shown; i++)
        part.data[i] = pattern.data[i / shown * pattern.columns + i % shown];
    heed_show_table(d, part, title, labels, labels, true);
}

/* --- distances --- */

void heed_show_distances(heed_demoing *d, const heed_heads *heads, const char *names)
{
    static const int64_t from[] = {0, 1, 2, 3, 4, 8, 16};
    enum { N = sizeof from / sizeof from[0] };
    const int64_t H = heed_heads_n_heads(heads), n = heed_heads_n_layers(heads) * H,
                  T = heed_heads_length(heads);
    double *profile = heed_grid_make(&d->s, 1, T).data;
    const heed_grid out = heed_grid_make(&d->s, n, N);

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        heed_heads_profile(heads, (int)(i / H), (int)(i % H), profile);
        for (int64_t k = 0, column = 0; k < T; k++) {
            const double pairs = (double)(k == 0 ? T - 1 : T - k); /* rows that see two keys or more */

            column += column + 1 < N && k == from[column + 1];
            if (isfinite(profile[k]))
                out.data[i * N + column] += profile[k] * pairs / (double)(T - 1);
        }
    }
    heed_show_table(d, out, "How far back heads look: shares of their weight by distance", names,
                    "0|1|2|3|4-7|8-15|16-", false);
}
