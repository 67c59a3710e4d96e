/* SPDX-License-Identifier: MIT */
#include "text/piece_counter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"

#define CHECK_BYTES     ((int64_t)1 << 24) /* of text between two looks at the size of the table */
#define BYTES_PER_PIECE 64                 /* on average, beyond which the table counts as full */

/* --- one run --- */

/* Bytes of a long piece that are counted together: no character is cut. */
static size_t first_part(const char *text, size_t n)
{
    size_t part = HEED_MAX_PIECE_BYTES;

    if (n <= part)
        return n;
    for (int back = 0; back < 3 && ((unsigned char)text[part] & 0xc0) == 0x80; back++)
        part--;
    return part;
}

static void count_piece(heed_piece_table *table, const char *text, size_t n)
{
    for (size_t part; n > 0; text += part, n -= part) {
        part = first_part(text, n);
        heed_piece_table_add(table, text, part, 1);
    }
}

/* Runs, of which the first may have been counted in part already, and the last may be counted in part only. */
typedef struct stretch {
    const heed_piece_run *runs;
    heed_piece_table *parts;
    size_t n, first,
        last; /* runs 0 .. n-1; from piece `first` of the first one, up to piece `last` of the last one */
} stretch;

static void count_runs(void *context, int64_t begin, int64_t end, int thread)
{
    const stretch *s = context;

    (void)thread;
    for (int64_t r = begin; r < end; r++) {
        const heed_piece_run *run = &s->runs[r];
        const size_t from = r == 0 ? s->first : 0, to = (size_t)r + 1 == s->n ? s->last : run->n;

        heed_piece_table_clear(&s->parts[r]);
        for (size_t i = from; i < to; i++)
            count_piece(&s->parts[r], run->text + run->pieces[i].begin,
                        run->pieces[i].end - run->pieces[i].begin);
    }
}

/* --- what is kept --- */

static size_t count_above(const heed_piece_table *table, int64_t least)
{
    size_t n = 0;

    for (size_t i = 0; i < table->n; i++)
        n += table->pieces[i].count > least;
    return n;
}

/* Where the table is full, the rarest are dropped until half of it is free. */
static void make_room(heed_piece_counter *c)
{
    int64_t least = 1, occurrences = 0;

    if (c->all.n <= c->max_pieces && c->all.n_bytes / BYTES_PER_PIECE <= c->max_pieces)
        return;
    while (count_above(&c->all, least) > c->max_pieces / 2)
        least += least < 64 ? 1 : least; /* equal counts are dropped together, however high */
    c->n_dropped += (int64_t)heed_piece_table_drop(&c->all, least, &occurrences);
    c->n_occurrences += occurrences;
}

/* --- the sink --- */

/* The stretch of runs from piece s->first on that ends at the next check, or with the runs. Its bytes are returned. */
static int64_t find_stretch(stretch *s, size_t n_runs, int64_t n_bytes)
{
    const int64_t room = CHECK_BYTES - n_bytes % CHECK_BYTES;
    int64_t bytes = 0;

    for (s->n = 0; s->n < n_runs;) {
        const heed_piece_run *run = &s->runs[s->n++];
        for (s->last = s->n == 1 ? s->first : 0; s->last < run->n;) {
            const heed_piece *piece = &run->pieces[s->last++];
            bytes += piece->end - piece->begin;
            if (bytes >= room)
                return bytes;
        }
    }
    return bytes;
}

static bool make_parts(heed_piece_counter *c, size_t n)
{
    heed_piece_table *parts;

    if (n <= c->n_parts)
        return true;
    parts = realloc(c->parts, n * sizeof *parts);
    if (parts == NULL)
        return false;
    memset(parts + c->n_parts, 0, (n - c->n_parts) * sizeof *parts);
    c->parts = parts;
    c->n_parts = n;
    return true;
}

heed_status heed_piece_counter_add(void *context, const heed_piece_run *runs, size_t n_runs, heed_error *err)
{
    heed_piece_counter *c = context;
    stretch s = {.runs = runs};

    if (!make_parts(c, n_runs))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to count pieces of text");
    while (n_runs > 0) {
        const int64_t checks = c->n_bytes / CHECK_BYTES, bytes = find_stretch(&s, n_runs, c->n_bytes);

        s.parts = c->parts;
        heed_parallel(c->threads, (int64_t)s.n, 1, count_runs, &s);
        for (size_t r = 0; r < s.n; r++)
            heed_piece_table_merge(&c->all, &c->parts[r]);
        c->n_bytes += bytes;
        if (c->n_bytes / CHECK_BYTES > checks)
            make_room(c);
        s.runs += s.n - 1; /* the last one again, from where it was left */
        n_runs -= s.n - 1;
        s.first = s.last;
        if (s.first == s.runs->n) {
            s.runs++;
            n_runs--;
            s.first = 0;
        }
    }
    if (c->all.failed)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to count %zu different pieces of text",
                         c->all.n);
    return HEED_OK;
}

void heed_piece_counter_free(heed_piece_counter *c)
{
    for (size_t i = 0; i < c->n_parts; i++)
        heed_piece_table_free(&c->parts[i]);
    free(c->parts);
    heed_piece_table_free(&c->all);
    *c = (heed_piece_counter){0};
}
