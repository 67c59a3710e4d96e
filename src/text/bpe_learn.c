/* SPDX-License-Identifier: MIT */
/*
 * Counts of pairs are kept up to date, not counted anew: a merge changes only the pairs beside the places where it
 * happens. Each pair knows the pieces it may stand in, and a heap knows the pair of the highest count.
 *
 *   l x r  ->  merging (x, r)'s neighbours:     before   a [l r] b        after   a m b
 *              (a, l) and (r, b) lose count(piece), (a, m) and (m, b) gain it
 *
 * The heap is lazy. A count rises only in the round that makes the pair's newer token, and enters the heap at the end of
 * it; later it can only fall. So an entry that is too high when it comes up is put back with the true count.
 */
#include "text/bpe_learn.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/byte_order.h"

#define NOWHERE     UINT32_MAX
#define LEAST_SLOTS ((size_t)4096)

typedef struct pair {
    int32_t left, right;
    int64_t count;
    uint32_t where;  /* the newest node of its list of pieces */
    uint32_t raised; /* the round that raised its count last, from 1 */
} pair;

/* One piece that a pair may stand in. */
typedef struct node {
    uint32_t piece, next;
} node;

typedef struct entry {
    int64_t count;
    int32_t left, right;
    uint32_t pair;
} entry;

typedef struct learner {
    const heed_piece_table *pieces;
    int32_t *symbols; /* the ids of all pieces; piece i has length[i] of them, from its offset on */
    uint32_t *length;

    pair *pairs; /* [n_pairs] */
    size_t n_pairs, pairs_capacity;
    uint32_t *slots; /* [n_slots] number of the pair + 1; 0: free */
    size_t n_slots;
    node *nodes; /* [n_nodes] */
    size_t n_nodes, nodes_capacity;
    uint32_t free_node; /* the first of those that are free again */

    entry *heap; /* [n_heap] heap[i] comes before heap[2i + 1] and heap[2i + 2] */
    size_t n_heap, heap_capacity;
    uint32_t *raised; /* [n_raised] pairs whose count this round has raised */
    size_t n_raised, raised_capacity;
    uint32_t round;
    bool failed; /* no memory */
} learner;

/* Room for one more element of `size` bytes in an array that may move. */
static bool grow(void **array, size_t n, size_t *capacity, size_t size)
{
    const size_t more = *capacity == 0 ? 1024 : 2 * *capacity;
    void *grown;

    if (n < *capacity)
        return true;
    grown = more < UINT32_MAX ? realloc(*array, more * size) : NULL;
    if (grown == NULL)
        return false;
    *array = grown;
    *capacity = more;
    return true;
}

/* --- the heap --- */

static bool goes_first(const entry *a, const entry *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

static void sift_down(learner *l, size_t i)
{
    const entry moved = l->heap[i];

    for (size_t child = 2 * i + 1; child < l->n_heap; child = 2 * i + 1) {
        if (child + 1 < l->n_heap && goes_first(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (!goes_first(&l->heap[child], &moved))
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = moved;
}

static void push(learner *l, uint32_t number)
{
    const pair *p = &l->pairs[number];
    const entry moved = {p->count, p->left, p->right, number};
    size_t i = l->n_heap;

    if (!grow((void **)&l->heap, l->n_heap, &l->heap_capacity, sizeof *l->heap)) {
        l->failed = true;
        return;
    }
    l->n_heap++;
    for (; i > 0 && goes_first(&moved, &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = moved;
}

static void pop(learner *l)
{
    l->heap[0] = l->heap[--l->n_heap];
    if (l->n_heap > 0)
        sift_down(l, 0);
}

/* The pair to merge next, NOWHERE when none has a count of min_count. */
static uint32_t take_best(learner *l, int64_t min_count)
{
    while (l->n_heap > 0) {
        entry *top = &l->heap[0];
        const int64_t count = l->pairs[top->pair].count;

        if (top->count == count) {
            const uint32_t best = top->pair;
            pop(l);
            return best;
        }
        if (count < min_count) {
            pop(l);
            continue;
        }
        top->count = count;
        sift_down(l, 0);
    }
    return NOWHERE;
}

/* --- pairs --- */

static size_t slot_of(const learner *l, int32_t left, int32_t right)
{
    const uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    const uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(mixed ^ mixed >> 32) & (l->n_slots - 1);

    for (; l->slots[i] != 0; i = (i + 1) & (l->n_slots - 1)) {
        const pair *p = &l->pairs[l->slots[i] - 1];
        if (p->left == left && p->right == right)
            break;
    }
    return i;
}

static bool make_slots(learner *l)
{
    const size_t n_slots = l->n_slots == 0 ? LEAST_SLOTS : 2 * l->n_slots;
    uint32_t *slots;

    if (2 * (l->n_pairs + 1) <= l->n_slots)
        return true;
    slots = realloc(l->slots, n_slots * sizeof *slots);
    if (slots == NULL)
        return false;
    l->slots = slots;
    l->n_slots = n_slots;
    memset(slots, 0, n_slots * sizeof *slots);
    for (size_t i = 0; i < l->n_pairs; i++)
        slots[slot_of(l, l->pairs[i].left, l->pairs[i].right)] = (uint32_t)i + 1;
    return true;
}

/* The number of the pair, made with a count of 0 where it is new; NOWHERE without memory. */
static uint32_t pair_of(learner *l, int32_t left, int32_t right)
{
    size_t slot;

    if (!make_slots(l) || !grow((void **)&l->pairs, l->n_pairs, &l->pairs_capacity, sizeof *l->pairs)) {
        l->failed = true;
        return NOWHERE;
    }
    slot = slot_of(l, left, right);
    if (l->slots[slot] == 0) {
        l->pairs[l->n_pairs] = (pair){.left = left, .right = right, .where = NOWHERE};
        l->slots[slot] = (uint32_t)++l->n_pairs;
    }
    return l->slots[slot] - 1;
}

/* Notes that the pair may stand in the piece; the same piece twice in a row is noted once. */
static void note_place(learner *l, pair *p, uint32_t piece)
{
    uint32_t at = l->free_node;

    if (p->where != NOWHERE && l->nodes[p->where].piece == piece)
        return;
    if (at != NOWHERE) {
        l->free_node = l->nodes[at].next;
    } else if (grow((void **)&l->nodes, l->n_nodes, &l->nodes_capacity, sizeof *l->nodes)) {
        at = (uint32_t)l->n_nodes++;
    } else {
        l->failed = true;
        return;
    }
    l->nodes[at] = (node){piece, p->where};
    p->where = at;
}

static void raise_count(learner *l, int32_t left, int32_t right, uint32_t piece)
{
    const uint32_t number = pair_of(l, left, right);

    if (number == NOWHERE)
        return;
    l->pairs[number].count += l->pieces->pieces[piece].count;
    note_place(l, &l->pairs[number], piece);
    if (l->pairs[number].raised == l->round)
        return;
    l->pairs[number].raised = l->round;
    if (grow((void **)&l->raised, l->n_raised, &l->raised_capacity, sizeof *l->raised))
        l->raised[l->n_raised++] = number;
    else
        l->failed = true;
}

/* A pair that stands in a piece is known. */
static void lower_count(learner *l, int32_t left, int32_t right, uint32_t piece)
{
    l->pairs[l->slots[slot_of(l, left, right)] - 1].count -= l->pieces->pieces[piece].count;
}

/* The pairs of the new token enter the heap now that all of their places are counted. */
static void push_raised(learner *l, int64_t min_count)
{
    for (size_t i = 0; i < l->n_raised; i++) {
        if (l->pairs[l->raised[i]].count >= min_count)
            push(l, l->raised[i]);
    }
    l->n_raised = 0;
    l->round++;
}

/* --- rounds --- */

static void split_into_bytes(learner *l)
{
    for (uint32_t i = 0; i < l->pieces->n; i++) {
        const heed_counted_piece *p = &l->pieces->pieces[i];
        const unsigned char *bytes = (const unsigned char *)l->pieces->bytes + p->offset;

        l->length[i] = p->length;
        for (uint32_t k = 0; k < p->length && !l->failed; k++) {
            l->symbols[p->offset + k] = heed_byte_rank(bytes[k]);
            if (k > 0)
                raise_count(l, l->symbols[p->offset + k - 1], l->symbols[p->offset + k], i);
        }
    }
}

static void merge_in_piece(learner *l, const heed_bpe_pair *m, uint32_t piece)
{
    int32_t *s = l->symbols + l->pieces->pieces[piece].offset;
    const uint32_t n = l->length[piece];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n && !l->failed; i++) {
        if (s[i] != m->left || i + 1 == n || s[i + 1] != m->right) {
            s[kept++] = s[i];
            continue;
        }
        if (kept > 0) {
            lower_count(l, s[kept - 1], m->left, piece);
            raise_count(l, s[kept - 1], m->merged, piece);
        }
        if (i + 2 < n) {
            lower_count(l, m->right, s[i + 2], piece);
            raise_count(l, m->merged, s[i + 2], piece);
        }
        s[kept++] = m->merged;
        i++;
    }
    l->length[piece] = kept;
}

static void merge_everywhere(learner *l, uint32_t number, const heed_bpe_pair *m)
{
    uint32_t at = l->pairs[number].where;

    l->pairs[number].where = NOWHERE;
    while (at != NOWHERE && !l->failed) {
        const node here = l->nodes[at];

        merge_in_piece(l, m, here.piece);
        l->nodes[at].next = l->free_node;
        l->free_node = at;
        at = here.next;
    }
    l->pairs[number].count = 0; /* "aaa" left one of (a, a) in the count, but none in the piece */
}

/* --- what is learned --- */

/* The id of the token that the two make. */
static int32_t join(heed_piece_table *tokens, int32_t left, int32_t right)
{
    const size_t n_left = tokens->pieces[left].length, n = n_left + tokens->pieces[right].length;
    char *joined = malloc(n);
    uint32_t id;

    if (joined == NULL)
        return -1;
    memcpy(joined, heed_piece_table_bytes(tokens, (uint32_t)left), n_left);
    memcpy(joined + n_left, heed_piece_table_bytes(tokens, (uint32_t)right), n - n_left);
    id = heed_piece_table_add(tokens, joined, n, 0);
    free(joined);
    return id == HEED_PIECE_NONE ? -1 : (int32_t)id;
}

static void add_bytes(heed_piece_table *tokens)
{
    for (int rank = 0; rank < 256; rank++) {
        const char byte = (char)heed_byte_of_rank(rank);
        heed_piece_table_add(tokens, &byte, 1, 0);
    }
}

/* Rounds until there are n_tokens. */
static void learn(learner *l, int64_t n_tokens, int64_t min_count, heed_bpe_learn_fn *each, void *context,
                  heed_bpe_merges *out)
{
    size_t capacity = 0;
    bool go_on = true;

    while (go_on && !l->failed && (int64_t)out->tokens.n < n_tokens) {
        const uint32_t best = take_best(l, min_count);
        heed_bpe_pair m;

        if (best == NOWHERE)
            break;
        m = (heed_bpe_pair){
            .left = l->pairs[best].left, .right = l->pairs[best].right, .count = l->pairs[best].count};
        m.merged = join(&out->tokens, m.left, m.right);
        if (m.merged < 0 || !grow((void **)&out->list, out->n, &capacity, sizeof *out->list)) {
            l->failed = true;
            break;
        }
        out->list[out->n++] = m;
        merge_everywhere(l, best, &m);
        push_raised(l, min_count);
        go_on = each == NULL || each(context, (int64_t)out->tokens.n);
    }
}

static void free_learner(learner *l)
{
    free(l->symbols);
    free(l->length);
    free(l->pairs);
    free(l->slots);
    free(l->nodes);
    free(l->heap);
    free(l->raised);
}

heed_status heed_bpe_learn(const heed_piece_table *pieces, int64_t n_tokens, int64_t min_count,
                           heed_bpe_learn_fn *each, void *context, heed_bpe_merges *merges, heed_error *err)
{
    learner l = {.pieces = pieces, .free_node = NOWHERE, .round = 1};
    heed_status status = HEED_OK;

    *merges = (heed_bpe_merges){0};
    add_bytes(&merges->tokens);
    l.symbols = malloc((pieces->n_bytes + 1) * sizeof *l.symbols);
    l.length = malloc((pieces->n + 1) * sizeof *l.length);
    l.failed = l.symbols == NULL || l.length == NULL || merges->tokens.failed || !make_slots(&l);
    if (!l.failed)
        split_into_bytes(&l);
    push_raised(&l, min_count);
    learn(&l, n_tokens, min_count, each, context, merges);
    if (l.failed) {
        heed_bpe_merges_free(merges);
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to learn from %zu different pieces of text",
                           pieces->n);
    }
    free_learner(&l);
    return status;
}

void heed_bpe_merges_free(heed_bpe_merges *merges)
{
    free(merges->list);
    heed_piece_table_free(&merges->tokens);
    *merges = (heed_bpe_merges){0};
}
