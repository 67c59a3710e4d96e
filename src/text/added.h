/* SPDX-License-Identifier: MIT */
/*
 * Added tokens: byte strings that become an id wherever a text has them, before anything else happens to it.
 *
 * Of several that match, the leftmost counts, and of those the longest. Two sets are looked for one after the other:
 * raw ones in the text as it is, the others in what the normalizer makes of the text between them.
 */
#ifndef HEED_TEXT_ADDED_H
#define HEED_TEXT_ADDED_H

#include <heed/tokenizer.h>

#include "text/cutter.h"

typedef struct heed_added {
    char *text; /* as the file spells it; NUL-terminated */
    size_t n;
    char *sought; /* what is looked for: text, or what the normalizer makes of it */
    size_t n_sought;
    int32_t id;
    bool special;                 /* acts only when special tokens do */
    bool left_strip, right_strip; /* takes the white space beside it */
    bool single_word;             /* not within a word */
    bool normalized;              /* looked for in the normalized text */
} heed_added;

typedef struct heed_added_set {
    heed_added *items; /* in the file's order until sealed, then sorted by `sought` */
    size_t n, capacity;
    size_t n_raw;           /* after sealing, the first n_raw are the raw ones */
    uint32_t first[2][257]; /* of each set, where the strings that begin with a byte lie */
    bool sees_before;       /* some token asks what stands before it */
    bool strips_left;
    pcre2_code *word; /* matches a character of a word; NULL: no token asks */
    size_t *by_id;    /* [n] indices, ascending ids */
} heed_added_set;

/** Takes over text (malloc'd, also after a failure) and fills in the rest from flags. false: no memory. */
bool heed_added_append(heed_added_set *set, heed_added token);
/** HEED_ERR_FILE: an empty token, or two that are sought by the same text (named). */
heed_status heed_added_seal(heed_added_set *set, const char *name, heed_error *err);
void heed_added_free(heed_added_set *set);

/** The token with this text, or with this id; NULL: none. */
const heed_added *heed_added_by_text(const heed_added_set *set, const char *text, size_t n);
const heed_added *heed_added_by_id(const heed_added_set *set, int64_t id);

/* Where is searched: text[begin .. n-1]. */
typedef struct heed_added_search {
    const heed_added_set *set;
    bool normalized; /* which of the two sets */
    bool special;    /* special tokens act */
    heed_classes *classes;
    const char *text;
    size_t begin, n;
    size_t from; /* no token begins before: one that is passed over has begun before `begin` and ends here */
    bool last;   /* the text ends at n */
} heed_added_search;

/**
 * Appends to breaks what is found, ascending and disjoint, and to passed the special tokens that do not act: no other
 * begins within them. Returns how far the search is final: from there on, more text may change it (n when last).
 * *memory_out on failure.
 */
size_t heed_added_find(const heed_added_search *search, heed_piece_list *breaks, heed_piece_list *passed,
                       bool *memory_out);

#endif
