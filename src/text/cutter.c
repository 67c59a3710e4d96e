/* SPDX-License-Identifier: MIT */
/*
 * Cutting a text: one piece after the other, by a known pattern's loop or by PCRE2.
 *
 * PCRE2 sees well-formed text only: a stretch from the place where it starts up to the next byte that is no character,
 * or up to a window's end. Where a match depends on what follows the window (PCRE2 reports it as partial), the window
 * grows. So a piece costs its own length and not that of the text.
 */
#include "text/cutter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/letters.h"

#define WINDOW_BYTES   ((size_t)4096)
#define STACK_BYTES    ((size_t)1 << 20) /* for the code that PCRE2 compiles */
#define HEAP_KIB       (64 * 1024)       /* for its interpreter */
#define STEPS          100000            /* of one match, and */
#define STEPS_PER_BYTE 8
#define LOOKED_BYTES   ((uint64_t)1 << 28) /* that matches together may look at, and */
#define LOOKED_A_BYTE  64                  /* for each byte that they take */

bool heed_piece_list_add(heed_piece_list *list, heed_piece piece)
{
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity > 0 ? 2 * list->capacity : 1024;
        heed_piece *items = capacity < SIZE_MAX / sizeof *items / 2
                                ? realloc(list->items, capacity * sizeof *items)
                                : NULL;

        if (items == NULL)
            return false;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->n++] = piece;
    return true;
}

static heed_status out_of_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "no memory to cut a text into pieces");
}

heed_status heed_cutter_open(heed_cutter *cutter, const heed_pieces *pieces, heed_error *err)
{
    *cutter = (heed_cutter){.pieces = pieces};
    cutter->match = pcre2_match_data_create(1, NULL);
    cutter->limits = pcre2_match_context_create(NULL);
    cutter->stack = pcre2_jit_stack_create(32 * 1024, STACK_BYTES, NULL); /* NULL: the interpreter's turn */
    cutter->classes = heed_classes_create(pieces->class_code);
    if (cutter->match == NULL || cutter->limits == NULL || cutter->classes == NULL) {
        heed_cutter_close(cutter);
        return out_of_memory(err);
    }
    pcre2_jit_stack_assign(cutter->limits, NULL, cutter->stack);
    pcre2_set_heap_limit(cutter->limits, HEAP_KIB);
    heed_cutter_forget(cutter);
    return HEED_OK;
}

void heed_cutter_close(heed_cutter *cutter)
{
    pcre2_match_data_free(cutter->match);
    pcre2_match_context_free(cutter->limits);
    pcre2_jit_stack_free(cutter->stack);
    heed_classes_destroy(cutter->classes);
    *cutter = (heed_cutter){0};
}

void heed_cutter_forget(heed_cutter *cutter)
{
    for (int i = 0; i < HEED_MAX_STAGES; i++)
        cutter->stretches[i] = (heed_stretch){0};
}

/* ---- the well-formed stretch ------------------------------------------------------------------------------ */

/* The end of the well-formed characters from `at` on, up to n or a little over `most` bytes. */
static size_t well_formed(const char *text, size_t at, size_t n, size_t most, bool *stopped)
{
    const size_t enough = n - at > most ? at + most : n;

    *stopped = false;
    while (at < enough) {
        uint64_t eight = 0;
        uint32_t code = 0;
        size_t length = 1;

        if (enough - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        if ((unsigned char)text[at] >= 0x80)
            length = heed_utf8_decode(text + at, n - at, &code);
        if (length == 0) {
            *stopped = true;
            break;
        }
        at += length;
    }
    return at;
}

/* Makes the stretch around `at` reach at least `most` bytes further, as far as the text is known and well-formed. */
static void widen(heed_cutter *c, heed_stretch *s, const char *text, size_t at, size_t n, bool last,
                  size_t most)
{
    bool stopped = false;

    if (at < s->begin || at > s->end || (at == s->end && s->ends))
        *s = (heed_stretch){.begin = at, .end = at};
    if (s->end - at >= most || s->ends)
        return;
    s->end = well_formed(text, s->end, n, 2 * most - (s->end - at), &stopped);
    /* an incomplete character at the end of what is known may be completed yet */
    if (stopped) {
        size_t length = 0;

        s->ends = heed_class_of(c->classes, text, s->end, n, last, &length) == HEED_CLASS_END;
    }
}

/* ---- one match -------------------------------------------------------------------------------------------- */

typedef enum found { FOUND_MATCH, FOUND_NONE, FOUND_MORE, FOUND_ERROR } found;

static heed_status too_hard(const heed_stage *stage, int code, heed_error *err)
{
    PCRE2_UCHAR reason[128];

    if (code == PCRE2_ERROR_NOMEMORY)
        return out_of_memory(err);
    pcre2_get_error_message(code, reason, sizeof reason);
    return heed_fail(err, HEED_ERR_FILE, "the pattern \"%s\" takes too much work on this text: %s",
                     stage->shown, (const char *)reason);
}

/* A pattern that looks to the end of the text for every piece takes the square of its length: a+b|a. */
static bool looks_too_far(heed_cutter *c, size_t looked, size_t advanced)
{
    c->looked += looked;
    c->advanced += advanced;
    return c->looked > LOOKED_BYTES && c->looked / LOOKED_A_BYTE > c->advanced;
}

/* The first match at or after `at` in subject[0 .. n-1]. */
static int match(heed_cutter *c, const heed_stage *stage, const char *subject, size_t n, size_t at,
                 bool partial)
{
    const uint32_t options = PCRE2_NO_UTF_CHECK | (partial ? PCRE2_PARTIAL_HARD : 0);
    const uint64_t steps = STEPS + STEPS_PER_BYTE * (uint64_t)(n - at);
    int code = 0;

    pcre2_set_match_limit(c->limits, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
    code = pcre2_match(stage->code, (PCRE2_SPTR)subject, n, at, options, c->match, c->limits);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(stage->code, (PCRE2_SPTR)subject, n, at, options | PCRE2_NO_JIT, c->match,
                           c->limits);
    return code;
}

/* At most `most` bytes of text[at .. end-1], and no character of it cut. */
static size_t window_end(const char *text, size_t at, size_t end, size_t most)
{
    if (end - at <= most)
        return end;
    for (end = at + most; ((unsigned char)text[end] & 0xc0) == 0x80;)
        end--;
    return end;
}

/* The first match at or after `at` within the stretch of well-formed text there; without one, *end is its end. */
static found find(heed_cutter *c, int stage, const char *text, size_t at, size_t n, bool last, size_t *begin,
                  size_t *end, heed_error *err)
{
    const heed_stage *pattern = &c->pieces->stages[stage];
    heed_stretch *s = &c->stretches[stage];

    for (size_t most = WINDOW_BYTES;; most *= 4) {
        size_t from = at, to = 0;
        bool complete = false;
        int code = 0;

        widen(c, s, text, at, n, last, most);
        to = window_end(text, at, s->end, 2 * most);
        complete = to == s->end && (s->ends || (last && s->end == n));
        *end = s->end;
        if (s->end == at)
            return complete ? FOUND_NONE : FOUND_MORE;
        if (pattern->contextual)
            from = s->begin;
        code = match(c, pattern, text + from, to - from, at - from, !complete);
        if (code > 0) {
            const PCRE2_SIZE *span = pcre2_get_ovector_pointer(c->match);

            *begin = from + span[0];
            *end = from + span[1];
            if (looks_too_far(c, most > WINDOW_BYTES ? to - at : 0, *end - at)) {
                c->failure = too_hard(pattern, PCRE2_ERROR_MATCHLIMIT, err);
                return FOUND_ERROR;
            }
            if (*end > *begin)
                return FOUND_MATCH;
            code = PCRE2_ERROR_INTERNAL; /* compiled patterns match no empty text */
        }
        if (code != PCRE2_ERROR_NOMATCH && code != PCRE2_ERROR_PARTIAL) {
            c->failure = too_hard(pattern, code, err);
            return FOUND_ERROR;
        }
        if (complete)
            return FOUND_NONE;
        if (s->end - at < most)
            return FOUND_MORE;
    }
}

/* ---- one piece -------------------------------------------------------------------------------------------- */

/* A match, or what lies between two. */
typedef struct span {
    size_t begin, end;
    bool is_match; /* after `invert` */
} span;

/* Both spans from `at` on: the second one is empty at the end of the stretch. */
static found two_spans(heed_cutter *c, int number, const char *text, size_t at, size_t n, bool last,
                       span out[2], heed_error *err)
{
    const heed_stage *stage = &c->pieces->stages[number];
    size_t begin = 0, end = 0;
    found f = find(c, number, text, at, n, last, &begin, &end, err);

    if (f == FOUND_MORE || f == FOUND_ERROR)
        return f;
    if (f == FOUND_NONE) {
        out[0] = (span){at, end, stage->invert};
        out[1] = (span){end, end, false};
        return FOUND_NONE;
    }
    if (begin > at) {
        out[0] = (span){at, begin, stage->invert};
        out[1] = (span){begin, end, !stage->invert};
        return FOUND_MATCH;
    }
    out[0] = (span){at, end, !stage->invert};
    out[1] = (span){end, end, false};
    if (stage->split == HEED_SPLIT_ISOLATED || stage->split == HEED_SPLIT_REMOVED)
        return FOUND_MATCH; /* what follows does not matter */
    if (end == n)
        return last ? FOUND_MATCH : FOUND_MORE;
    f = find(c, number, text, end, n, last, &begin, &at, err);
    if (f == FOUND_MORE || f == FOUND_ERROR)
        return f;
    if (f == FOUND_NONE) {
        if (at > end)
            out[1] = (span){end, at, stage->invert};
    } else if (begin > end) {
        out[1] = (span){end, begin, stage->invert};
    } else {
        out[1] = (span){end, at, !stage->invert};
    }
    return f;
}

/* The piece that begins at `at`: *end is `at` when more has to be seen. *dropped: it is no piece after all. */
static heed_status next_of_stage(heed_cutter *c, int number, const char *text, size_t at, size_t n, bool last,
                                 size_t *end, bool *dropped, heed_error *err)
{
    const heed_stage *stage = &c->pieces->stages[number];
    span spans[2];

    *dropped = false;
    *end = at;
    do {
        const found f = two_spans(c, number, text, *end, n, last, spans, err);
        const bool join = spans[1].end > spans[1].begin;

        if (f == FOUND_ERROR)
            return c->failure;
        if (f == FOUND_MORE) {
            *end = at;
            return HEED_OK;
        }
        if (stage->split == HEED_SPLIT_CONTIGUOUS && *end > at && !(spans[0].is_match == !stage->invert))
            return HEED_OK; /* matches were joined, and this is none */
        *end = spans[0].end;
        if (stage->split == HEED_SPLIT_REMOVED)
            *dropped = spans[0].is_match;
        else if (stage->split == HEED_SPLIT_MERGED_PREVIOUS && join && !spans[0].is_match && spans[1].is_match)
            *end = spans[1].end;
        else if (stage->split == HEED_SPLIT_MERGED_NEXT && join && spans[0].is_match && !spans[1].is_match)
            *end = spans[1].end;
        else if (stage->split == HEED_SPLIT_CONTIGUOUS && join && spans[0].is_match == !stage->invert &&
                 spans[1].is_match == spans[0].is_match)
            continue; /* one match beside another */
        return HEED_OK;
    } while (true);
}

static heed_status refine(heed_cutter *c, int stage, const char *text, heed_piece piece, heed_piece_list *list,
                          heed_error *err);

/* Cuts the piece as the bytes' letters: places in the letters are found again in the bytes. */
static heed_status refine_letters(heed_cutter *c, int stage, const char *text, heed_piece piece,
                                  heed_piece_list *list, heed_error *err)
{
    const size_t n = piece.end - piece.begin;
    char *letters = malloc(2 * n + 4);
    heed_status status = HEED_OK;
    size_t n_letters = 0, at = 0, byte = piece.begin;

    if (letters == NULL)
        return out_of_memory(err);
    c->stretches[stage] = (heed_stretch){0};
    for (size_t i = 0; i < n; i++)
        n_letters += heed_letter_write((unsigned char)text[piece.begin + i], letters + n_letters);
    while (status == HEED_OK && at < n_letters) {
        size_t end = 0;
        bool dropped = false;
        heed_piece part = {.begin = (uint32_t)byte, .id = -1};

        status = next_of_stage(c, stage, letters, at, n_letters, true, &end, &dropped, err);
        if (status != HEED_OK)
            break;
        for (; at < end; at++)
            byte += ((unsigned char)letters[at] & 0xc0) != 0x80;
        part.end = (uint32_t)byte;
        if (!dropped)
            status = refine(c, stage + 1, text, part, list, err);
    }
    free(letters);
    return status;
}

/* Whether a byte begins no character, so that it is a piece by itself. */
static bool is_stray(heed_cutter *c, const char *text, size_t at, size_t n)
{
    size_t length = 0;

    return (unsigned char)text[at] >= 0x80 &&
           heed_class_of(c->classes, text, at, n, true, &length) == HEED_CLASS_END;
}

/* The end of the first piece that a stage cuts off text[at .. n-1]. */
static heed_status cut_off(heed_cutter *c, int stage, const char *text, size_t at, size_t n, bool last,
                           size_t *end, bool *dropped, heed_error *err)
{
    const heed_stage *s = &c->pieces->stages[stage];
    size_t length = 0;

    *dropped = false;
    if (s->known != HEED_KNOWN_NONE && !c->plain) {
        *end = heed_known_next(c->classes, s->known, text, at, n, last);
        return HEED_OK;
    }
    if ((unsigned char)text[at] >= 0x80) {
        const int class = heed_class_of(c->classes, text, at, n, last, &length);

        if (class == HEED_CLASS_MORE || class == HEED_CLASS_END) {
            *end = class == HEED_CLASS_END ? at + 1 : at;
            return HEED_OK;
        }
    }
    return next_of_stage(c, stage, text, at, n, last, end, dropped, err);
}

/* Adds the piece, cut by the stages from `stage` on. */
static heed_status refine(heed_cutter *c, int stage, const char *text, heed_piece piece, heed_piece_list *list,
                          heed_error *err)
{
    const size_t begin = piece.begin, n = piece.end;
    heed_status status = HEED_OK;

    if (stage == c->pieces->n_stages)
        return heed_piece_list_add(list, piece) ? HEED_OK : out_of_memory(err);
    if (c->pieces->stages[stage].letters)
        return refine_letters(c, stage, text, piece, list, err);
    c->stretches[stage] = (heed_stretch){.begin = begin, .end = begin}; /* a text of its own */
    for (size_t at = begin; status == HEED_OK && at < n;) {
        heed_piece part = {.begin = (uint32_t)at, .id = -1};
        size_t end = 0;
        bool dropped = false;

        status = cut_off(c, stage, text, at, n, true, &end, &dropped, err);
        part.end = (uint32_t)end;
        if (status == HEED_OK && !dropped)
            status = refine(c, stage + 1, text, part, list, err);
        at = end;
    }
    return status;
}

/* Without a pattern: the whole stretch, when it has been seen whole. */
static size_t whole_stretch(heed_cutter *c, const char *text, size_t at, size_t n, bool last)
{
    bool stopped = false;
    size_t end = at, length = 0;

    if (is_stray(c, text, at, n))
        return !last && heed_class_of(c->classes, text, at, n, last, &length) == HEED_CLASS_MORE ? at : at + 1;
    end = well_formed(text, at, n, SIZE_MAX, &stopped);
    if (!last && (!stopped || n - end < 4))
        return at;
    return end;
}

heed_status heed_cutter_next(heed_cutter *cutter, const char *text, size_t at, size_t n, bool last,
                             heed_piece_list *list, size_t *end, heed_error *err)
{
    heed_piece piece = {.begin = (uint32_t)at, .id = -1};
    heed_status status = HEED_OK;
    bool dropped = false;

    if (cutter->pieces->n_stages == 0) {
        *end = whole_stretch(cutter, text, at, n, last);
    } else if (cutter->pieces->stages[0].letters) { /* nothing was cut before: a text is one piece */
        *end = last ? n : at;
        piece.end = (uint32_t)*end;
        return *end > at ? refine_letters(cutter, 0, text, piece, list, err) : HEED_OK;
    } else {
        status = cut_off(cutter, 0, text, at, n, last, end, &dropped, err);
    }
    piece.end = (uint32_t)*end;
    if (status != HEED_OK || *end == at || dropped)
        return status;
    if (cutter->pieces->n_stages <= 1)
        return heed_piece_list_add(list, piece) ? HEED_OK : out_of_memory(err);
    status = refine(cutter, 1, text, piece, list, err);
    return status;
}
