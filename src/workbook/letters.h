/* SPDX-License-Identifier: MIT */
/*
 * One attention head with weights set by hand, over letters: a .. z are the tokens 0 .. 25. A letter has two features, or
 * three in places:
 *
 *   W_E [2 or 3, 26]   1 in row 1 for a, e, i, o, u; 1 in row 2 for all others (y too); 0 in row 3
 *   W_P [3, T]         1 in row 3 for the first place, 0 elsewhere
 *   r_i = column of W_E (+ column of W_P)        q_i = W_q r_i    k_i = W_k r_i    v_i = W_V r_i
 *
 * Q, K and V have a row for each token. Scores are not scaled; query i sees keys 1 .. i, its own included.
 *
 *     const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 3);
 *     const heed_letter_maps maps = {heed_take_letter_map(s, "Wq", 3), heed_take_letter_map(s, "Wk", 3), ..};
 *     const heed_attended a = heed_letters_attend(s, &x, &maps);
 */
#ifndef HEED_WORKBOOK_LETTERS_H
#define HEED_WORKBOOK_LETTERS_H

#include "workbook/attend.h"

#define HEED_N_LETTERS    26
#define HEED_MOST_LETTERS 256 /* of a text */

enum { HEED_LETTER_VOWEL, HEED_LETTER_CONSONANT, HEED_LETTER_FIRST }; /* features */

/* [T, features] each, a row a letter. */
typedef struct heed_letters {
    heed_grid ids; /* [1, T] */
    heed_grid token, position, r;
} heed_letters;

/** Of 1 to HEED_MOST_LETTERS letters, small or large; features: 2, or 3 with places. What does not fit fails s. */
heed_letters heed_letters_of(heed_solving *s, const char *text, int64_t features);
bool heed_letter_is_vowel(char letter);
bool heed_letter_is_consonant(const heed_letters *x, int64_t i);

/* v without data: the identity. */
typedef struct heed_letter_maps {
    heed_grid q, k, v;
} heed_letter_maps;

/** [n, features]; a plain list is one row. */
heed_grid heed_take_letter_map(heed_solving *s, const char *name, int64_t features);
/** "Wq" and "Wk", which must have as many rows. */
heed_letter_maps heed_take_letter_maps(heed_solving *s, int64_t features);

/** The slips of masked attention, and SCALED. */
heed_attended heed_letters_attend(heed_solving *s, const heed_letters *x, const heed_letter_maps *maps);
/** With the steps of it, up to the last one wanted. */
heed_attended heed_letters_work(heed_solving *s, const heed_letters *x, const heed_letter_maps *maps,
                                heed_attend_step last);
/** [rows of a, rows of b] scores of queries of the one and keys of the other, nothing hidden. */
heed_grid heed_letter_scores(heed_solving *s, heed_grid r, const heed_letter_maps *maps);

/** The largest distance between two entries in the same place. */
double heed_largest_deviation(heed_grid a, heed_grid b);

#define HEED_LETTER_MARGIN   3.0  /* wanted between scores: weights in a ratio of 20 */
#define HEED_LETTER_ROUNDING 1e-6 /* of the engine's floats */

/** "Q", "K", "scores", "masked", "weights". */
void heed_letters_put_weights(heed_solving *s, const heed_attended *a);
/** These five of the text "s" and the maps "Wq" and "Wk". */
void heed_letters_solve_weights(heed_solving *s, int64_t features);
/** Steps that say how far an output is from what is wanted, and whether a margin is enough. */
void heed_letters_step_closeness(heed_solving *s, heed_grid ideal, double deviation, double allowed);
void heed_letters_step_margin(heed_solving *s, double margin);

/** "s" of 4 to 8 letters of both kinds. */
void heed_vary_letter_text(heed_varying *v);
/** Letters of both kinds, so many of them, as parameter `name`. */
void heed_vary_letters(heed_varying *v, const char *name, int64_t least, int64_t most);
/** Wq of ones but for the third feature; Wk of zeros but for one, which is 4 to 7: consonant, or first. */
void heed_vary_letter_maps(heed_varying *v, int64_t features);

#define HEED_SLIPS_LETTERS                                                                               \
    (HEED_SLIP(HEED_SLIP_COLUMNS) | HEED_SLIP(HEED_SLIP_TURNED_INPUT) | HEED_SLIP(HEED_SLIP_MASK_LATE) | \
     HEED_SLIP(HEED_SLIP_MASK_TURNED) | HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_ZERO_MASK) |  \
     HEED_SLIP(HEED_SLIP_SCALED))

#endif
