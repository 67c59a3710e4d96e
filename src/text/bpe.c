/* SPDX-License-Identifier: MIT */
/* The kind of tokenizer: what it is asked, and how it is put together. */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/hash.h"
#include "text/letters.h"

static const heed_bpe *of(const heed_tokenizer *tokenizer)
{
    return (const heed_bpe *)tokenizer;
}

heed_bpe *heed_bpe_create(void)
{
    heed_bpe *bpe = calloc(1, sizeof *bpe);

    if (bpe == NULL)
        return NULL;
    bpe->base.kind = &heed_tokenizer_bpe_kind;
    bpe->unknown = -1;
    return bpe;
}

void heed_bpe_destroy(heed_bpe *bpe)
{
    if (bpe == NULL)
        return;
    heed_vocabulary_free(&bpe->vocabulary);
    heed_added_free(&bpe->added);
    heed_normalizer_destroy(bpe->normalizer);
    heed_pieces_destroy(bpe->pieces);
    json_decref(bpe->parts);
    free(bpe->merges);
    free(bpe->pairs);
    free(bpe->before);
    free(bpe->after);
    free(bpe);
}

/* ---- putting it together -------------------------------------------------------------------------------------- */

heed_status heed_bpe_seal(heed_bpe *bpe, const char *name, heed_error *err)
{
    const heed_status status = heed_vocabulary_seal(&bpe->vocabulary, name, err);

    if (status != HEED_OK)
        return status;
    for (int byte = 0; byte < 256; byte++) {
        const char one = (char)byte;

        bpe->byte_ids[byte] = heed_vocabulary_find(&bpe->vocabulary, &one, 1);
        bpe->lacks_bytes = bpe->lacks_bytes || bpe->byte_ids[byte] < 0;
    }
    return HEED_OK;
}

static heed_status no_piece(const heed_bpe *bpe, const char *left, size_t n_left, const char *right,
                            size_t n_right, const char *what, const char *name, heed_error *err)
{
    char l[60], r[60];

    return heed_fail(err, HEED_ERR_FILE, "%s: merge %zu, \"%s\" with \"%s\": %s is no token of the vocabulary",
                     name, bpe->n_merges, heed_quote(l, sizeof l, left, n_left),
                     heed_quote(r, sizeof r, right, n_right), what);
}

static int32_t find_part(const heed_bpe *bpe, const char *bytes, size_t n)
{
    return n == 1 ? bpe->byte_ids[(unsigned char)bytes[0]] : heed_vocabulary_find(&bpe->vocabulary, bytes, n);
}

/* The id of the bytes. A list in the order of its results, as nearly all are, is found without looking up. */
static int32_t find_result(const heed_bpe *bpe, const char *bytes, size_t n)
{
    const int32_t guess = bpe->n_merges > 0 ? bpe->merges[bpe->n_merges - 1].result + 1 : 256;
    size_t length = 0;
    const char *piece = heed_vocabulary_piece(&bpe->vocabulary, guess, &length);

    if (piece != NULL && length == n && memcmp(piece, bytes, n) == 0)
        return guess;
    return heed_vocabulary_find(&bpe->vocabulary, bytes, n);
}

heed_status heed_bpe_add_merge(heed_bpe *bpe, const char *left, size_t n_left, const char *right,
                               size_t n_right, const char *name, heed_error *err)
{
    char small[256];
    char *bytes = n_left + n_right <= sizeof small ? small : malloc(n_left + n_right);
    const ptrdiff_t n = bytes != NULL ? heed_letters_decode(left, n_left, bytes) : -1;
    const ptrdiff_t m = n >= 0 ? heed_letters_decode(right, n_right, bytes + n) : -1;
    heed_merge merge = {-1, -1, -1};

    if (n > 0)
        merge.left = find_part(bpe, bytes, (size_t)n);
    if (m > 0) {
        merge.right = find_part(bpe, bytes + n, (size_t)m);
        merge.result = find_result(bpe, bytes, (size_t)(n + m));
    }
    if (bytes != small)
        free(bytes);
    if (merge.left < 0 || merge.right < 0 || merge.result < 0)
        return no_piece(bpe, left, n_left, right, n_right,
                        merge.left < 0    ? "the first"
                        : merge.right < 0 ? "the second"
                                          : "what they make",
                        name, err);
    if (bpe->n_merges == bpe->merge_capacity) {
        const size_t capacity = bpe->merge_capacity > 0 ? 2 * bpe->merge_capacity : 4096;
        heed_merge *merges = realloc(bpe->merges, capacity * sizeof *merges);

        if (merges == NULL || capacity > UINT32_MAX)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu merges", name, capacity);
        bpe->merges = merges;
        bpe->merge_capacity = capacity;
    }
    bpe->merges[bpe->n_merges++] = merge;
    return HEED_OK;
}

/* Of a pair that is listed twice the last place counts, as in the tokenizers library. */
static heed_status index_pairs(heed_bpe *bpe, const char *name, heed_error *err)
{
    size_t n = 16;

    while (n < 2 * bpe->n_merges)
        n *= 2;
    bpe->pairs = malloc(n * sizeof *bpe->pairs);
    if (bpe->pairs == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for %zu merges", name, bpe->n_merges);
    memset(bpe->pairs, 0xff, n * sizeof *bpe->pairs);
    bpe->pair_mask = n - 1;
    for (size_t i = 0; i < bpe->n_merges; i++) {
        const heed_merge *merge = &bpe->merges[i];
        const uint64_t key = (uint64_t)(uint32_t)merge->left << 32 | (uint32_t)merge->right;
        size_t slot = (size_t)heed_hash_mix(0, key) & bpe->pair_mask;

        while (bpe->pairs[slot].key != UINT64_MAX && bpe->pairs[slot].key != key)
            slot = (slot + 1) & bpe->pair_mask;
        if (((slot - (size_t)heed_hash_mix(0, key)) & bpe->pair_mask) > HEED_MAX_PROBES)
            return heed_fail(
                err, HEED_ERR_FILE,
                "%s: merge %zu collides with more than %d others in a hash table: such a list is made "
                "to be slow",
                name, i, HEED_MAX_PROBES);
        bpe->pairs[slot] = (heed_pair){.key = key, .rank = (uint32_t)i, .result = merge->result};
    }
    return HEED_OK;
}

/* Ids may lie idle behind the vocabulary, among added tokens; not in it. */
static heed_status check_holes(const heed_bpe *bpe, const char *name, heed_error *err)
{
    int64_t end = bpe->vocabulary.size;

    while (end > 0 && (bpe->vocabulary.by_id[end - 1] == 0 || heed_added_by_id(&bpe->added, end - 1) != NULL))
        end--;
    for (int64_t id = 0; id < end; id++)
        if (bpe->vocabulary.by_id[id] == 0 && heed_added_by_id(&bpe->added, id) == NULL)
            return heed_fail(err, HEED_ERR_FILE, "%s: the vocabulary has a hole: no token has the id %lld",
                             name, (long long)id);
    return HEED_OK;
}

heed_status heed_bpe_finish(heed_bpe *bpe, const char *name, heed_error *err)
{
    heed_status status = check_holes(bpe, name, err);

    if (status == HEED_OK && bpe->vocabulary.n == 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a vocabulary, found an empty one", name);
    return status == HEED_OK ? index_pairs(bpe, name, err) : status;
}

/* ---- what it is asked ------------------------------------------------------------------------------------------ */

static void destroy(heed_tokenizer *tokenizer)
{
    heed_bpe_destroy((heed_bpe *)tokenizer);
}

static int64_t vocab_size(const heed_tokenizer *tokenizer)
{
    const heed_bpe *bpe = of(tokenizer);
    const size_t n = bpe->added.n;
    const int64_t last = n > 0 ? bpe->added.items[bpe->added.by_id[n - 1]].id : -1;

    return last >= bpe->vocabulary.size ? last + 1 : bpe->vocabulary.size;
}

static const char *piece(const heed_tokenizer *tokenizer, int64_t id, size_t *n)
{
    const heed_added *added = heed_added_by_id(&of(tokenizer)->added, id);

    if (added == NULL)
        return heed_vocabulary_piece(&of(tokenizer)->vocabulary, id, n);
    *n = added->n;
    return added->text;
}

static int32_t find(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    const heed_added *added = heed_added_by_text(&of(tokenizer)->added, text, n);

    return added != NULL ? added->id : heed_vocabulary_find(&of(tokenizer)->vocabulary, text, n);
}

static int n_added(const heed_tokenizer *tokenizer)
{
    return (int)of(tokenizer)->added.n;
}

static heed_added_token added(const heed_tokenizer *tokenizer, int i)
{
    const heed_added_set *set = &of(tokenizer)->added;
    const heed_added *token = &set->items[set->by_id[i]];

    return (heed_added_token){.text = token->text, .n = token->n, .id = token->id, .special = token->special};
}

const heed_tokenizer_kind heed_tokenizer_bpe_kind = {
    .name = "byte-level BPE",
    .write = heed_bpe_write,
    .destroy = destroy,
    .vocab_size = vocab_size,
    .piece = piece,
    .find = find,
    .encode = heed_bpe_encode,
    .stream = heed_bpe_stream,
    .n_added = n_added,
    .added = added,
};
