/* SPDX-License-Identifier: MIT */
/*
 * Cutting from inside: the stages of a cut, and the scratch of one thread that cuts.
 *
 * A pattern without look-behind and anchors decides about a piece by the text from the piece's begin on. So a cut may
 * begin at any boundary; and a second thread, which begins anywhere, is right from the first boundary that it shares
 * with the first thread's.
 */
#ifndef HEED_TEXT_CUTTER_H
#define HEED_TEXT_CUTTER_H

#include "text/classes.h"
#include "text/pieces.h"

/* Patterns that heed knows by heart (known.c). */
typedef enum heed_known { HEED_KNOWN_NONE, HEED_KNOWN_GPT2, HEED_KNOWN_CL100K, HEED_KNOWN_O200K } heed_known;

#define HEED_MAX_STAGES 16

typedef struct heed_stage {
    heed_known known;
    pcre2_code *code; /* NULL: no pattern, everything is one piece */
    char *shown;      /* the pattern as messages show it */
    heed_split split;
    bool invert, letters;
    bool contextual; /* looks behind the place where it starts */
} heed_stage;

struct heed_pieces {
    heed_stage stages[HEED_MAX_STAGES];
    int n_stages;
    pcre2_code *class_code;
};

/** False for a pattern that has to see the text from its begin on. */
bool heed_pieces_start_anywhere(const heed_pieces *pieces);

/* A growing list of pieces. */
typedef struct heed_piece_list {
    heed_piece *items;
    size_t n, capacity;
} heed_piece_list;

bool heed_piece_list_add(heed_piece_list *list, heed_piece piece); /* false: no memory */

/* The well-formed stretch of text, as far as it has been looked at, in which a stage looks for matches. */
typedef struct heed_stretch {
    size_t begin, end;
    bool ends; /* a byte that is no character follows; else it may go on */
} heed_stretch;

/* What one thread needs to cut. */
typedef struct heed_cutter {
    const heed_pieces *pieces;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    heed_classes *classes;
    bool plain; /* known patterns are left to PCRE2 as well: the yardstick */

    heed_stretch stretches[HEED_MAX_STAGES];
    uint64_t looked;   /* bytes that matches had to look at beyond a first window */
    uint64_t advanced; /* bytes that they took */
    heed_status failure;
} heed_cutter;

heed_status heed_cutter_open(heed_cutter *cutter, const heed_pieces *pieces, heed_error *err);
void heed_cutter_close(heed_cutter *cutter);

/**
 * Cuts off what begins at `at`, a boundary: appends its pieces and gives its end in *end. n: the text is known up to
 * there; last: it ends there, else *end = at says that more has to be seen. at < n.
 * Where a text begins, and when it has moved or changed, heed_cutter_forget() comes first.
 */
heed_status heed_cutter_next(heed_cutter *cutter, const char *text, size_t at, size_t n, bool last,
                             heed_piece_list *list, size_t *end, heed_error *err);
void heed_cutter_forget(heed_cutter *cutter);

/** The end of the piece of a known pattern, or `at` when more has to be seen. */
size_t heed_known_next(heed_classes *classes, heed_known known, const char *text, size_t at, size_t n,
                       bool last);

#endif
