/* SPDX-License-Identifier: MIT */
#include "text/block.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"

#define SEGMENT_BYTES ((size_t)128 * 1024) /* of one turn of a thread: its pieces stay in the cache */
#define TURNS         8                    /* of a thread in a block */
#define N_MARKS       1024

/* A boundary that the first stage made, and the piece that begins there. */
typedef struct mark {
    size_t at, piece;
} mark;

struct heed_block_segment {
    size_t begin, limit; /* where it starts, and where the next one does */
    size_t end;          /* how far its pieces reach */
    heed_piece_list list;
    mark marks[N_MARKS]; /* its first ones */
    size_t n_marks, first_piece;
    heed_status status;
    heed_error err;
};

static heed_status out_of_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "no memory to cut a text into pieces");
}

heed_status heed_block_open(heed_block *block, const heed_pieces *pieces, int threads, heed_error *err)
{
    heed_status status = HEED_OK;

    *block = (heed_block){.pieces = pieces};
    block->cutters = calloc((size_t)threads, sizeof *block->cutters);
    if (block->cutters == NULL)
        return out_of_memory(err);
    for (; status == HEED_OK && block->threads < threads; block->threads++)
        status = heed_cutter_open(&block->cutters[block->threads], pieces, err);
    if (status != HEED_OK)
        heed_block_close(block);
    return status;
}

void heed_block_close(heed_block *block)
{
    for (int i = 0; i < block->threads; i++)
        heed_cutter_close(&block->cutters[i]);
    for (size_t i = 0; i < block->segment_capacity; i++)
        free(block->segments[i].list.items);
    free(block->cutters);
    free(block->segments);
    free(block->runs);
    *block = (heed_block){0};
}

size_t heed_block_bytes(int threads)
{
    return (size_t)threads * TURNS * SEGMENT_BYTES;
}

/* ---- one step --------------------------------------------------------------------------------------------- */

/* The first break that ends behind `at`. */
static size_t break_behind(const heed_block *b, size_t at)
{
    size_t low = 0, high = b->n_breaks;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (b->breaks[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Appends what begins at *at, a boundary, and moves *at behind it; *at stays when more text has to be seen. */
static heed_status step(const heed_block *b, heed_cutter *cutter, size_t *at, size_t *k, heed_piece_list *list,
                        heed_error *err)
{
    const bool in_front = *k < b->n_breaks;
    const size_t end = in_front ? b->breaks[*k].begin : b->n;

    if (*at < end) {
        /* a pattern that looks behind has to see its text from the begin to the end */
        if (!in_front && !b->last && !heed_pieces_start_anywhere(b->pieces))
            return HEED_OK;
        return heed_cutter_next(cutter, b->text, *at, end, in_front || b->last, list, at, err);
    }
    if (!in_front)
        return HEED_OK;
    if (!heed_piece_list_add(list, b->breaks[*k]))
        return out_of_memory(err);
    *at = b->breaks[*k].end;
    (*k)++;
    heed_cutter_forget(cutter);
    return HEED_OK;
}

/* ---- all segments ----------------------------------------------------------------------------------------- */

static void cut_segment(const heed_block *b, heed_cutter *cutter, heed_block_segment *s)
{
    size_t at = s->begin, k = break_behind(b, at);

    if (k < b->n_breaks && b->breaks[k].begin < at) { /* within a break */
        at = b->breaks[k].end;
        k++;
    }
    s->list.n = 0;
    s->n_marks = 0;
    s->status = HEED_OK;
    heed_cutter_forget(cutter);
    while (at < s->limit) {
        const size_t before = at;

        if (s->n_marks < N_MARKS)
            s->marks[s->n_marks++] = (mark){.at = at, .piece = s->list.n};
        s->status = step(b, cutter, &at, &k, &s->list, &s->err);
        if (s->status != HEED_OK || at == before)
            break;
    }
    s->end = at;
}

static void cut_segments(void *context, int64_t begin, int64_t end, int thread)
{
    heed_block *b = context;

    for (int64_t i = begin; i < end; i++)
        cut_segment(b, &b->cutters[thread], &b->segments[i]);
}

/*
 * Plans the segments: each begins at a character. Of a text that grew because a piece is long, segments are long, too:
 * each of them may run through the whole piece before it is found to be in the middle of it.
 */
static heed_status plan(heed_block *b, heed_error *err)
{
    const bool several = b->threads > 1 && heed_pieces_start_anywhere(b->pieces);
    const size_t most = (size_t)b->threads * TURNS + 1, wanted = b->n / SEGMENT_BYTES + 1;
    const size_t n = !several ? 1 : wanted < most ? wanted : most;
    size_t at = 0;

    if (n > b->segment_capacity) {
        heed_block_segment *segments = realloc(b->segments, n * sizeof *segments);
        heed_piece_run *runs = NULL;

        if (segments == NULL)
            return out_of_memory(err);
        memset(segments + b->segment_capacity, 0, (n - b->segment_capacity) * sizeof *segments);
        b->segments = segments;
        runs = realloc(b->runs, n * sizeof *runs);
        b->segment_capacity = n;
        if (runs == NULL)
            return out_of_memory(err);
        b->runs = runs;
    }
    b->n_segments = n;
    for (size_t i = 0; i < n; i++) {
        b->segments[i].begin = at;
        at = i + 1 < n ? b->n / n * (i + 1) : b->n;
        for (int k = 0; k < 3 && at < b->n && ((unsigned char)b->text[at] & 0xc0) == 0x80; k++)
            at++;
        b->segments[i].limit = at;
    }
    return HEED_OK;
}

/* The segment's piece that begins where a boundary is at `at`, or -1. */
static ptrdiff_t marked(const heed_block_segment *s, size_t at)
{
    size_t low = 0, high = s->n_marks;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (s->marks[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return s->status == HEED_OK && low < s->n_marks && s->marks[low].at == at ? (ptrdiff_t)s->marks[low].piece
                                                                              : -1;
}

/* Makes *at, where valid pieces end, reach the segment's limit: by its own pieces as soon as they are in step. */
static heed_status join(heed_block *b, heed_block_segment *s, heed_block_segment **current, size_t *at,
                        heed_error *err)
{
    heed_cutter *cutter = &b->cutters[0];
    size_t k = break_behind(b, *at);

    s->first_piece = s->list.n; /* nothing of it counts yet */
    heed_cutter_forget(cutter);
    while (*at < s->limit) {
        const ptrdiff_t piece = marked(s, *at);
        const size_t before = *at;
        heed_status status = HEED_OK;

        if (piece >= 0) {
            s->first_piece = (size_t)piece;
            *current = s;
            *at = s->end;
            return HEED_OK;
        }
        status = step(b, cutter, at, &k, &(*current)->list, err);
        if (status != HEED_OK || *at == before)
            return status;
    }
    return HEED_OK;
}

heed_status heed_block_cut(heed_block *block, const char *text, size_t n, bool last, const heed_piece *breaks,
                           size_t n_breaks, size_t *done, heed_error *err)
{
    heed_block_segment *current = NULL;
    heed_status status = HEED_OK;

    *done = 0;
    block->text = text;
    block->n = n;
    block->last = last;
    block->breaks = breaks;
    block->n_breaks = n_breaks;
    block->n_runs = 0;
    if (n >= UINT32_MAX)
        return heed_fail(err, HEED_ERR_MEMORY, "a piece of text of more than 4 GiB is too long");
    status = plan(block, err);
    if (status != HEED_OK)
        return status;
    heed_parallel(block->threads, (int64_t)block->n_segments, 1, cut_segments, block);

    current = &block->segments[0];
    current->first_piece = 0;
    if (current->status != HEED_OK)
        return heed_fail(err, current->status, "%s", current->err.message);
    *done = current->end;
    for (size_t i = 1; status == HEED_OK && i < block->n_segments; i++)
        status = join(block, &block->segments[i], &current, done, err);
    if (status != HEED_OK)
        return status;
    for (size_t i = 0; i < block->n_segments; i++) {
        const heed_block_segment *s = &block->segments[i];

        if (s->list.n > s->first_piece)
            block->runs[block->n_runs++] = (heed_piece_run){
                .text = text, .pieces = s->list.items + s->first_piece, .n = s->list.n - s->first_piece};
    }
    return HEED_OK;
}

/* ---- a stream of text ------------------------------------------------------------------------------------- */

/* Fills the buffer from the source; *last at its end. */
static heed_status fill(heed_text_source *source, void *context, char *buffer, size_t capacity, size_t *n,
                        bool *last, heed_error *err)
{
    while (*n < capacity && !*last) {
        size_t got = 0;
        const heed_status status = source(context, buffer + *n, capacity - *n, &got, err);

        if (status != HEED_OK)
            return status;
        *last = got == 0;
        *n += got;
    }
    return HEED_OK;
}

heed_status heed_pieces_stream(const heed_pieces *pieces, heed_text_source *source, void *source_context,
                               int threads, heed_piece_sink *sink, void *sink_context, heed_error *err)
{
    heed_block block = {0};
    size_t capacity = heed_block_bytes(threads), n = 0;
    char *buffer = malloc(capacity);
    bool last = false;
    heed_status status = heed_block_open(&block, pieces, threads, err);

    if (status == HEED_OK && buffer == NULL)
        status = out_of_memory(err);
    while (status == HEED_OK && !(last && n == 0)) {
        size_t done = 0;

        status = fill(source, source_context, buffer, capacity, &n, &last, err);
        if (status == HEED_OK)
            status = heed_block_cut(&block, buffer, n, last, NULL, 0, &done, err);
        if (status == HEED_OK && block.n_runs > 0)
            status = sink(sink_context, block.runs, block.n_runs, err);
        if (status != HEED_OK)
            break;
        n -= done;
        memmove(buffer, buffer + done, n);
        if (n > capacity / 2) { /* a long piece */
            char *larger = realloc(buffer, 2 * capacity);

            if (larger == NULL)
                status = out_of_memory(err);
            else
                buffer = larger;
            capacity *= 2;
        }
    }
    free(buffer);
    heed_block_close(&block);
    return status;
}
