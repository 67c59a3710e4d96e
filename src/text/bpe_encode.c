/* SPDX-License-Identifier: MIT */
/*
 * A text of any length to ids, block by block:
 *
 *     text  ->  added tokens found  ->  [normalized]  ->  pieces (block.h)  ->  ids, a run of pieces a thread
 *
 * Every step tells how far it is sure; the rest of a block waits for more text. Only finding added tokens and
 * normalizing is done by one thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"
#include "text/block.h"
#include "text/bpe.h"

#define SMALL_TEXT    ((size_t)64 * 1024) /* up to here one thread is quicker than two */
#define CACHED_PIECES ((size_t)1 << 15)   /* 2 MB a thread */

static heed_status out_of_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "no memory to encode a text");
}

/* ---- the part of the text in hand: of one in memory, or of a stream ------------------------------------------- */

typedef struct window {
    heed_text_source *source; /* NULL: the text is in memory */
    void *context;
    char *buffer;       /* of a stream */
    const char *text;   /* [n] in hand */
    size_t n, capacity; /* capacity: how much to have in hand */
    size_t left;        /* in memory behind the window */
    bool last;          /* nothing follows */
} window;

static heed_status fill_window(window *w, heed_error *err)
{
    heed_status status = HEED_OK;

    if (w->source == NULL) {
        const size_t more = w->n < w->capacity ? w->capacity - w->n : 0, step = more < w->left ? more : w->left;

        w->n += step;
        w->left -= step;
        w->last = w->left == 0;
        return HEED_OK;
    }
    while (status == HEED_OK && w->n < w->capacity && !w->last) {
        size_t got = 0;

        status = w->source(w->context, w->buffer + w->n, w->capacity - w->n, &got, err);
        w->n += got;
        w->last = got == 0;
    }
    return status;
}

/* Forgets `used` bytes. When little could be used a piece is long, and the window grows. */
static heed_status advance_window(window *w, size_t used, heed_error *err)
{
    w->n -= used;
    if (w->source == NULL)
        w->text += used;
    else
        memmove(w->buffer, w->buffer + used, w->n);
    if (w->n > w->capacity / 2) {
        if (w->source != NULL) {
            char *larger = w->capacity < SIZE_MAX / 2 ? realloc(w->buffer, 2 * w->capacity) : NULL;

            if (larger == NULL)
                return out_of_memory(err);
            w->buffer = larger;
            w->text = larger;
        }
        w->capacity *= 2;
    }
    return HEED_OK;
}

/* ---- the whole way --------------------------------------------------------------------------------------------- */

/* Ids of one run of pieces. */
typedef struct run_ids {
    int32_t *ids;
    size_t n, capacity;
    heed_status status;
    heed_error err;
} run_ids;

typedef struct encoding {
    const heed_bpe *bpe;
    const heed_encode_options *options;
    heed_id_sink *sink;
    void *sink_context;
    int threads;
    heed_block block;
    heed_bpe_worker **workers; /* [threads] */
    run_ids *runs;
    size_t n_runs;
    heed_piece_list raw, breaks; /* added tokens found */
    /* of the raw ones and the normalized: special tokens that did not act, and bytes of one that began further back */
    heed_piece_list passed[2];
    size_t carried[2];

    /* with a normalizer: */
    heed_text_buffer section;         /* normalized, not yet searched for added tokens */
    heed_text_buffer text;            /* what pieces are cut from; breaks are in it */
    heed_piece_list inner;            /* added tokens found in the section */
    size_t n_kept;                    /* bytes of the text that the last cut has left */
    bool section_begins, text_begins; /* nothing of a section, of a text between added tokens was there yet */
    heed_error *err;
} encoding;

static void close_encoding(encoding *e)
{
    heed_block_close(&e->block);
    for (int i = 0; e->workers != NULL && i < e->threads; i++)
        heed_bpe_worker_destroy(e->workers[i]);
    for (size_t i = 0; i < e->n_runs; i++)
        free(e->runs[i].ids);
    free(e->workers);
    free(e->runs);
    free(e->raw.items);
    free(e->breaks.items);
    free(e->inner.items);
    free(e->passed[0].items);
    free(e->passed[1].items);
    heed_text_free(&e->section);
    heed_text_free(&e->text);
}

static heed_status open_encoding(encoding *e, size_t n_cached)
{
    heed_status status = heed_block_open(&e->block, e->bpe->pieces, e->threads, e->err);

    if (status != HEED_OK)
        return status;
    e->workers = calloc((size_t)e->threads, sizeof *e->workers);
    for (int i = 0; e->workers != NULL && i < e->threads; i++) {
        e->workers[i] = heed_bpe_worker_create(e->bpe, n_cached);
        if (e->workers[i] == NULL)
            return out_of_memory(e->err);
    }
    return e->workers != NULL ? HEED_OK : out_of_memory(e->err);
}

/* ---- pieces to ids --------------------------------------------------------------------------------------------- */

static heed_status no_token(const heed_bpe *bpe, const char *piece, size_t n, heed_error *err)
{
    size_t i = 0;

    while (i + 1 < n && bpe->byte_ids[(unsigned char)piece[i]] >= 0)
        i++;
    return heed_fail(err, HEED_ERR_USAGE, "the byte 0x%02x of the text has no token in this vocabulary",
                     (unsigned)(unsigned char)piece[i]);
}

static heed_status encode_run(const heed_bpe *bpe, heed_bpe_worker *worker, const heed_piece_run *run,
                              run_ids *out)
{
    const size_t bytes = run->pieces[run->n - 1].end - run->pieces[0].begin + 1;
    int32_t *ids = NULL;

    if (out->capacity < bytes) {
        free(out->ids);
        out->ids = malloc(bytes * sizeof *out->ids);
        out->capacity = out->ids != NULL ? bytes : 0;
        if (out->ids == NULL)
            return out_of_memory(&out->err);
    }
    ids = out->ids;
    for (size_t i = 0; i < run->n; i++) {
        const heed_piece *piece = &run->pieces[i];
        const size_t n = piece->end - piece->begin;
        size_t made = 1;

        if (piece->id >= 0)
            *ids = piece->id;
        else
            made = heed_bpe_piece(worker, run->text + piece->begin, n, ids);
        if (made == 0)
            return out_of_memory(&out->err);
        ids += made;
    }
    out->n = (size_t)(ids - out->ids);
    for (size_t i = 0; bpe->lacks_bytes && bpe->unknown < 0 && i < out->n; i++)
        if (out->ids[i] < 0)
            return no_token(bpe, run->text + run->pieces[0].begin, bytes - 1, &out->err);
    return HEED_OK;
}

static void encode_runs(void *context, int64_t begin, int64_t end, int thread)
{
    encoding *e = context;

    for (int64_t i = begin; i < end; i++)
        e->runs[i].status = encode_run(e->bpe, e->workers[thread], &e->block.runs[i], &e->runs[i]);
}

/* The ids of the pieces of a block, in order. */
static heed_status encode_block(encoding *e)
{
    const size_t n = e->block.n_runs;

    if (n > e->n_runs) {
        run_ids *runs = realloc(e->runs, n * sizeof *runs);

        if (runs == NULL)
            return out_of_memory(e->err);
        memset(runs + e->n_runs, 0, (n - e->n_runs) * sizeof *runs);
        e->runs = runs;
        e->n_runs = n;
    }
    heed_parallel(e->threads, (int64_t)n, 1, encode_runs, e);
    for (size_t i = 0; i < n; i++) {
        heed_status status = e->runs[i].status;

        if (status != HEED_OK)
            return heed_fail(e->err, status, "%s", e->runs[i].err.message);
        status = e->sink(e->sink_context, e->runs[i].ids, e->runs[i].n, e->err);
        if (status != HEED_OK)
            return status;
    }
    return HEED_OK;
}

/* ---- a text as it is ------------------------------------------------------------------------------------------- */

static size_t search(encoding *e, bool normalized, const char *text, size_t begin, size_t n, bool last,
                     heed_piece_list *found, heed_status *status)
{
    const size_t carried = e->carried[normalized] > begin ? e->carried[normalized] : begin;
    const heed_added_search s = {.set = &e->bpe->added,
                                 .normalized = normalized,
                                 .special = e->options->special,
                                 .classes = e->block.cutters[0].classes,
                                 .text = text,
                                 .begin = begin,
                                 .n = n,
                                 .from = carried < n ? carried : n,
                                 .last = last};
    bool memory_out = false;
    const size_t settled = heed_added_find(&s, found, &e->passed[normalized], &memory_out);

    if (memory_out)
        *status = out_of_memory(e->err);
    return settled;
}

/* Before `used` bytes are forgotten: when they end within a token that was passed over, its rest stays that. */
static void carry(encoding *e, int normalized, size_t used)
{
    heed_piece_list *passed = &e->passed[normalized];
    size_t rest = e->carried[normalized] > used ? e->carried[normalized] - used : 0;

    for (size_t i = passed->n; i-- > 0 && passed->items[i].end > used;)
        if (passed->items[i].begin < used)
            rest = passed->items[i].end - used;
    e->carried[normalized] = rest;
    passed->n = 0;
}

/* Both sets in one list: the second one is looked for between finds of the first. Returns how far it is final. */
static size_t find_breaks(encoding *e, const char *text, size_t n, bool last, heed_status *status)
{
    size_t at = 0, settled = 0;

    e->raw.n = 0;
    e->breaks.n = 0;
    if (e->bpe->added.n == 0)
        return n;
    settled = search(e, false, text, 0, n, last, &e->raw, status);
    for (size_t i = 0; *status == HEED_OK && i < e->raw.n; i++) {
        search(e, true, text, at, e->raw.items[i].begin, true, &e->breaks, status);
        if (!heed_piece_list_add(&e->breaks, e->raw.items[i]))
            *status = out_of_memory(e->err);
        at = e->raw.items[i].end;
    }
    return *status == HEED_OK ? search(e, true, text, at, settled, last, &e->breaks, status) : 0;
}

static heed_status encode_as_it_is(encoding *e, const window *w, size_t *used)
{
    heed_status status = HEED_OK;
    const size_t settled = find_breaks(e, w->text, w->n, w->last, &status);

    *used = 0;
    if (status == HEED_OK && settled > 0)
        status = heed_block_cut(&e->block, w->text, settled, w->last, e->breaks.items, e->breaks.n, used,
                                e->err);
    else
        e->block.n_runs = 0;
    carry(e, false, *used);
    carry(e, true, *used);
    return status == HEED_OK && e->block.n_runs > 0 ? encode_block(e) : status;
}

/* ---- a text that is changed first -------------------------------------------------------------------------------- */

static heed_status append_token(encoding *e, const char *text, heed_piece token)
{
    const size_t begin = e->text.size;

    heed_text_append(&e->text, text + token.begin, token.end - token.begin);
    e->section_begins = true;
    e->text_begins = true;
    return heed_piece_list_add(
               &e->breaks,
               (heed_piece){.begin = (uint32_t)begin, .end = (uint32_t)e->text.size, .id = token.id})
               ? HEED_OK
               : out_of_memory(e->err);
}

static void append_text(encoding *e, const char *text, size_t n)
{
    if (n == 0)
        return;
    if (e->text_begins && e->bpe->prefix_space && text[0] != ' ')
        heed_text_append(&e->text, " ", 1);
    e->text_begins = false;
    heed_text_append(&e->text, text, n);
}

/* Moves what is final of the section to the text, with the added tokens in it. */
static heed_status settle_section(encoding *e, bool last)
{
    heed_status status = HEED_OK;
    size_t settled = 0, at = 0;

    if (e->section.size == 0)
        return HEED_OK;
    e->inner.n = 0;
    settled = search(e, true, e->section.data, 0, e->section.size, last, &e->inner, &status);
    for (size_t i = 0; status == HEED_OK && i < e->inner.n; i++) {
        append_text(e, e->section.data + at, e->inner.items[i].begin - at);
        status = append_token(e, e->section.data, e->inner.items[i]);
        at = e->inner.items[i].end;
    }
    append_text(e, e->section.data + at, settled - at);
    carry(e, true, settled);
    memmove(e->section.data, e->section.data + settled, e->section.size - settled);
    e->section.size -= settled;
    return status;
}

/* Where a section that goes on may be cut for the normalizer: in front of its last ASCII character. */
static size_t cut_of(const heed_bpe *bpe, const char *text, size_t begin, size_t end)
{
    if (bpe->normalizer == NULL)
        return end;
    if (!heed_normalizer_cuts(bpe->normalizer))
        return begin;
    for (size_t i = end; i-- > begin;)
        if ((unsigned char)text[i] < 0x80)
            return i;
    return begin;
}

static heed_status append_section(encoding *e, const char *text, size_t n)
{
    heed_status status = HEED_OK;

    if (n == 0)
        return HEED_OK;
    if (e->bpe->normalizer != NULL)
        status = heed_normalizer_apply(e->bpe->normalizer, text, n, e->section_begins, &e->section, e->err);
    else
        heed_text_append(&e->section, text, n);
    e->section_begins = false;
    return status;
}

/* Appends the changed form of what is in the window, as far as it is final. */
static heed_status change(encoding *e, const window *w, size_t *used)
{
    heed_status status = HEED_OK;
    size_t settled = 0, end = 0;

    e->raw.n = 0;
    *used = 0;
    settled = search(e, false, w->text, 0, w->n, w->last, &e->raw, &status);
    for (size_t i = 0; status == HEED_OK && i < e->raw.n; i++) {
        status = append_section(e, w->text + *used, e->raw.items[i].begin - *used);
        if (status == HEED_OK)
            status = settle_section(e, true);
        if (status == HEED_OK)
            status = append_token(e, w->text, e->raw.items[i]);
        *used = e->raw.items[i].end;
    }
    end = w->last ? settled : cut_of(e->bpe, w->text, *used, settled);
    if (status == HEED_OK)
        status = append_section(e, w->text + *used, end - *used);
    *used = end;
    carry(e, false, end);
    if (status == HEED_OK)
        status = settle_section(e, w->last);
    if (status == HEED_OK && (e->text.failed || e->section.failed || e->text.size >= UINT32_MAX))
        status = out_of_memory(e->err);
    return status;
}

/* Forgets the first n bytes of the changed text and the tokens found in them. */
static void forget_text(encoding *e, size_t n)
{
    size_t kept = 0;

    memmove(e->text.data, e->text.data + n, e->text.size - n);
    e->text.size -= n;
    for (size_t i = 0; i < e->breaks.n; i++)
        if (e->breaks.items[i].end > n) {
            heed_piece piece = e->breaks.items[i];

            piece.begin -= (uint32_t)n;
            piece.end -= (uint32_t)n;
            e->breaks.items[kept++] = piece;
        }
    e->breaks.n = kept;
}

static heed_status encode_changed(encoding *e, const window *w, size_t *used)
{
    size_t done = 0;
    heed_status status = change(e, w, used);

    if (status != HEED_OK || e->text.size == 0)
        return status;
    if (!w->last && e->text.size < 2 * e->n_kept) /* a long piece is looked at again when it has doubled */
        return HEED_OK;
    status = heed_block_cut(&e->block, e->text.data, e->text.size, w->last, e->breaks.items, e->breaks.n, &done,
                            e->err);
    if (status == HEED_OK && e->block.n_runs > 0)
        status = encode_block(e);
    forget_text(e, done);
    e->n_kept = e->text.size;
    return status;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static heed_status run(encoding *e, window *w)
{
    const heed_bpe *bpe = e->bpe;
    const bool changes = bpe->normalizer != NULL || bpe->prefix_space;
    heed_status status = HEED_OK;

    if (e->options->complete && bpe->n_before > 0)
        status = e->sink(e->sink_context, bpe->before, bpe->n_before, e->err);
    while (status == HEED_OK) {
        size_t used = 0;

        status = fill_window(w, e->err);
        if (status != HEED_OK || (w->last && w->n == 0 && e->section.size == 0 && e->text.size == 0))
            break;
        if (w->n >= UINT32_MAX) {
            status = heed_fail(e->err, HEED_ERR_MEMORY, "a piece of text of more than 4 GiB is too long");
            break;
        }
        if (bpe->added.sees_before && !w->last) { /* asks about the text before: it takes the whole */
            status = advance_window(w, 0, e->err);
            continue;
        }
        status = changes ? encode_changed(e, w, &used) : encode_as_it_is(e, w, &used);
        if (status == HEED_OK)
            status = advance_window(w, used, e->err);
    }
    if (status == HEED_OK && e->options->complete && bpe->n_after > 0)
        status = e->sink(e->sink_context, bpe->after, bpe->n_after, e->err);
    return status;
}

static heed_status encode_window(const heed_tokenizer *tokenizer, const heed_encode_options *options, window *w,
                                 int threads, size_t n_cached, heed_id_sink *sink, void *context,
                                 heed_error *err)
{
    encoding e = {.bpe = (const heed_bpe *)tokenizer,
                  .options = options,
                  .sink = sink,
                  .sink_context = context,
                  .threads = threads,
                  .section_begins = true,
                  .text_begins = true,
                  .err = err};
    heed_status status = open_encoding(&e, n_cached);

    if (status == HEED_OK)
        status = run(&e, w);
    close_encoding(&e);
    return status;
}

heed_status heed_bpe_encode(const heed_tokenizer *tokenizer, const char *text, size_t n,
                            const heed_encode_options *options, heed_id_sink *sink, void *context,
                            heed_error *err)
{
    const int threads = n <= SMALL_TEXT ? 1 : options->threads;
    window w = {.text = text, .left = n, .capacity = heed_block_bytes(threads)};

    return encode_window(tokenizer, options, &w, threads, n / 16 < CACHED_PIECES ? n / 16 : CACHED_PIECES, sink,
                         context, err);
}

/* A text that ends soon needs neither threads nor large buffers. */
heed_status heed_bpe_stream(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                            heed_text_source *source, void *source_context, heed_id_sink *sink,
                            void *sink_context, heed_error *err)
{
    window w = {.source = source, .context = source_context, .capacity = SMALL_TEXT};
    heed_status status = HEED_OK;
    char *larger = NULL;

    w.buffer = malloc(w.capacity);
    if (w.buffer == NULL)
        return out_of_memory(err);
    status = fill_window(&w, err);
    if (status == HEED_OK && w.last) {
        status = heed_bpe_encode(tokenizer, w.buffer, w.n, options, sink, sink_context, err);
    } else if (status == HEED_OK) {
        w.capacity = heed_block_bytes(options->threads);
        larger = realloc(w.buffer, w.capacity);
        if (larger == NULL)
            status = out_of_memory(err);
        else
            w.buffer = larger;
        w.text = w.buffer;
        if (status == HEED_OK)
            status = encode_window(tokenizer, options, &w, options->threads, CACHED_PIECES, sink, sink_context,
                                   err);
    }
    free(w.buffer);
    return status;
}
