/* SPDX-License-Identifier: MIT */
#include "text/added.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/pattern.h"

bool heed_added_append(heed_added_set *set, heed_added token)
{
    if (set->n == set->capacity) {
        const size_t capacity = set->capacity > 0 ? 2 * set->capacity : 16;
        heed_added *items = realloc(set->items, capacity * sizeof *items);

        if (items == NULL) {
            free(token.text);
            return false;
        }
        set->items = items;
        set->capacity = capacity;
    }
    set->items[set->n++] = token;
    return true;
}

void heed_added_free(heed_added_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].sought != set->items[i].text)
            free(set->items[i].sought);
        free(set->items[i].text);
    }
    free(set->items);
    free(set->by_id);
    pcre2_code_free(set->word);
    *set = (heed_added_set){0};
}

static int compare(const void *a, const void *b)
{
    const heed_added *x = a, *y = b;
    const size_t n = x->n_sought < y->n_sought ? x->n_sought : y->n_sought;
    int order = (x->normalized > y->normalized) - (x->normalized < y->normalized);

    if (order == 0)
        order = memcmp(x->sought, y->sought, n);
    return order != 0 ? order : (x->n_sought > y->n_sought) - (x->n_sought < y->n_sought);
}

static void index_first_bytes(heed_added_set *set)
{
    for (int k = 0; k < 2; k++) {
        size_t i = k == 0 ? 0 : set->n_raw;
        const size_t end = k == 0 ? set->n_raw : set->n;

        for (unsigned byte = 0; byte <= 256; byte++) {
            while (byte > 0 && i < end && (unsigned char)set->items[i].sought[0] < byte)
                i++;
            set->first[k][byte] = (uint32_t)i;
        }
    }
}

static int compare_ids(const void *a, const void *b)
{
    const heed_added *const *x = a, *const *y = b;

    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static heed_status index_ids(heed_added_set *set, const char *name, heed_error *err)
{
    const heed_added **order = malloc((set->n + 1) * sizeof *order);

    set->by_id = malloc((set->n + 1) * sizeof *set->by_id);
    if (order == NULL || set->by_id == NULL) {
        free(order);
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu added tokens", name, set->n);
    }
    for (size_t i = 0; i < set->n; i++)
        order[i] = &set->items[i];
    qsort(order, set->n, sizeof *order, compare_ids);
    for (size_t i = 0; i < set->n; i++)
        set->by_id[i] = (size_t)(order[i] - set->items);
    free(order);
    return HEED_OK;
}

/* Only where a token asks: most files have none that does. */
static bool compile_word(heed_added_set *set)
{
    static const char pattern[] = "[" HEED_PATTERN_WORD "]";
    PCRE2_SIZE at = 0;
    int error = 0;

    if (set->sees_before)
        set->word = pcre2_compile((PCRE2_SPTR)pattern, sizeof pattern - 1,
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &at, NULL);
    return !set->sees_before || set->word != NULL;
}

heed_status heed_added_seal(heed_added_set *set, const char *name, heed_error *err)
{
    char text[80];

    for (size_t i = 0; i < set->n; i++) {
        heed_added *token = &set->items[i];

        if (token->sought == NULL) {
            token->sought = token->text;
            token->n_sought = token->n;
        }
        if (token->n_sought == 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: the added token with the id %d is empty", name,
                             (int)token->id);
        set->n_raw += !token->normalized;
        set->sees_before = set->sees_before || token->single_word;
        set->strips_left = set->strips_left || token->left_strip;
    }
    if (set->n > 0)
        qsort(set->items, set->n, sizeof *set->items, compare);
    for (size_t i = 1; i < set->n; i++)
        if (compare(&set->items[i - 1], &set->items[i]) == 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: the added token \"%s\" is there twice, as %d and as %d",
                             name, heed_quote(text, sizeof text, set->items[i].text, set->items[i].n),
                             (int)set->items[i - 1].id, (int)set->items[i].id);
    if (!compile_word(set))
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu added tokens", name, set->n);
    index_first_bytes(set);
    return index_ids(set, name, err);
}

const heed_added *heed_added_by_text(const heed_added_set *set, const char *text, size_t n)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i].n == n && memcmp(set->items[i].text, text, n) == 0)
            return &set->items[i];
    return NULL;
}

const heed_added *heed_added_by_id(const heed_added_set *set, int64_t id)
{
    size_t low = 0, high = set->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (set->items[set->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n && set->items[set->by_id[low]].id == id ? &set->items[set->by_id[low]] : NULL;
}

/* ---- search ----------------------------------------------------------------------------------------------- */

typedef heed_added_search search;

/*
 * The longest token at `at`, NULL for none: the sorted list narrows down byte by byte. *open: the text ends within a
 * token that may be longer.
 */
static const heed_added *longest_at(const search *s, size_t at, bool *open)
{
    const int k = s->normalized;
    const unsigned char lead = (unsigned char)s->text[at];
    size_t low = s->set->first[k][lead], high = s->set->first[k][lead + 1];
    const heed_added *items = s->set->items, *found = NULL;

    *open = false;
    for (size_t depth = 1; low < high; depth++) {
        unsigned char byte = 0;
        size_t a = 0, b = 0;

        if (items[low].n_sought == depth) /* the shortest of those with one begin is the first */
            found = &items[low++];
        if (low == high)
            break;
        if (at + depth == s->n) {
            *open = !s->last;
            break;
        }
        byte = (unsigned char)s->text[at + depth];
        for (a = low, b = high; a < b;) { /* the first whose next byte is not below */
            const size_t middle = a + (b - a) / 2;

            if ((unsigned char)items[middle].sought[depth] < byte)
                a = middle + 1;
            else
                b = middle;
        }
        low = a;
        for (b = high; a < b;) { /* the first whose next byte is above */
            const size_t middle = a + (b - a) / 2;

            if ((unsigned char)items[middle].sought[depth] <= byte)
                a = middle + 1;
            else
                b = middle;
        }
        high = a;
    }
    return found;
}

/* Whether the character at `at` belongs to a word; -1: not known yet. */
static int in_word(const search *s, size_t at)
{
    size_t length = 0;
    const int class = heed_class_of(s->classes, s->text, at, s->n, s->last, &length);
    pcre2_match_data *match = NULL;
    int found = 0;

    if (class == HEED_CLASS_MORE || class == HEED_CLASS_END)
        return class == HEED_CLASS_MORE ? -1 : 0;
    match = pcre2_match_data_create(1, NULL);
    if (match != NULL)
        found = pcre2_match(s->set->word, (PCRE2_SPTR)s->text + at, length, 0, PCRE2_NO_UTF_CHECK, match, NULL);
    pcre2_match_data_free(match);
    return found > 0;
}

/* The begin of the character before `at`. */
static size_t before(const search *s, size_t at)
{
    size_t i = at - 1;

    while (i > s->begin && at - i < 4 && ((unsigned char)s->text[i] & 0xc0) == 0x80)
        i--;
    return i;
}

static bool is_space(const search *s, size_t at, bool *more)
{
    size_t length = 0;
    const int class = heed_class_of(s->classes, s->text, at, s->n, s->last, &length);

    *more = class == HEED_CLASS_MORE;
    return class == HEED_CLASS_SPACE;
}

/* Where the white space that ends at `at` begins, not before `floor`. */
static size_t strip_left(const search *s, size_t at, size_t floor)
{
    bool more = false;

    while (at > floor && is_space(s, before(s, at), &more))
        at = before(s, at);
    return at > floor ? at : floor;
}

/* Where the white space from `at` on ends; *more: not known yet. */
static size_t strip_right(const search *s, size_t at, bool *more)
{
    size_t length = 0;

    while (is_space(s, at, more)) {
        heed_class_of(s->classes, s->text, at, s->n, s->last, &length);
        at += length;
    }
    return at;
}

/* The next place at or after `at` where a token of the set may begin; n for none. */
static size_t next_candidate(const search *s, size_t at)
{
    const uint32_t *first = s->set->first[s->normalized];
    const uint32_t begin = first[0], end = first[256];

    if (begin == end)
        return s->n;
    if (s->set->items[begin].sought[0] == s->set->items[end - 1].sought[0]) { /* all begin with one byte */
        const char *found = memchr(s->text + at, s->set->items[begin].sought[0], s->n - at);

        return found != NULL ? (size_t)(found - s->text) : s->n;
    }
    while (at < s->n && first[(unsigned char)s->text[at]] == first[(unsigned char)s->text[at] + 1])
        at++;
    return at;
}

/* Whether a token that asks for it stands alone at from .. to-1; -1: not known yet. */
static int stands_alone(const search *s, size_t from, size_t to)
{
    const int after = to < s->n || !s->last ? in_word(s, to) : 0;

    if (after < 0)
        return -1;
    return after == 0 && (from == s->begin || in_word(s, before(s, from)) <= 0);
}

/*
 * What begins at `at` is not known yet; nor is the token before it, when its white space reaches over `at`. Returns how
 * far the search is final.
 */
static size_t give_up(heed_piece_list *breaks, size_t n_before, size_t at, size_t *floor)
{
    if (at < *floor && breaks->n > n_before) {
        breaks->n--;
        at = breaks->items[breaks->n].begin;
        *floor = at;
    }
    return at;
}

/*
 * The white space that a token takes may itself begin with a token, as in the tokenizers library: that one cuts it short.
 */
static bool add_break(heed_piece_list *breaks, heed_piece piece, size_t floor)
{
    if (piece.begin < floor)
        breaks->items[breaks->n - 1].end = piece.begin;
    return heed_piece_list_add(breaks, piece);
}

size_t heed_added_find(const heed_added_search *s, heed_piece_list *breaks, heed_piece_list *passed,
                       bool *memory_out)
{
    const size_t n_before = breaks->n;
    size_t floor = s->begin; /* the end of the last one found, with its white space */
    size_t at = s->from, settled = s->n;

    while (at < s->n && (at = next_candidate(s, at)) < s->n) {
        bool open = false;
        const heed_added *token = longest_at(s, at, &open);
        size_t from = at, to = at;
        int alone = 1;

        if (open) {
            settled = give_up(breaks, n_before, at, &floor);
            break;
        }
        if (token == NULL) {
            at++;
            continue;
        }
        at = to = at + token->n_sought;
        if (token->special && !s->special) {
            *memory_out = *memory_out ||
                          !heed_piece_list_add(passed, (heed_piece){(uint32_t)from, (uint32_t)to, -1});
            continue;
        }
        if (token->single_word)
            alone = stands_alone(s, from, to);
        if (alone == 0)
            continue;
        if (token->right_strip)
            to = strip_right(s, to, &open);
        if (alone < 0 || open) {
            settled = give_up(breaks, n_before, from, &floor);
            break;
        }
        if (token->left_strip && from > floor)
            from = strip_left(s, from, floor);
        if (!add_break(breaks, (heed_piece){(uint32_t)from, (uint32_t)to, token->id}, floor)) {
            *memory_out = true;
            return settled;
        }
        floor = to;
    }
    if (settled < floor)
        settled = floor;
    if (!s->last && s->set->strips_left)
        settled = strip_left(s, settled, floor);
    return settled;
}
