/* SPDX-License-Identifier: MIT */
/*
 * Byte-level BPE: a text is cut into pieces, and the bytes of each piece are joined pair by pair, the pair of the
 * lowest rank first and of equals the leftmost, until no pair has a rank.
 *
 *     " hello"  ->  " " h e l l o  ->  " " h e ll o  ->  " " he ll o  ->  " " hell o  ->  " hello"
 *
 * Ranks come in two forms. A list of merges names pairs of tokens; a table of ranks (.tiktoken) gives every token a
 * rank, its id, and any two neighbours may join whose bytes together are a token.
 * Sources: Sennrich et al. 2016 (arXiv:1508.07909); Radford et al. 2019 for bytes.
 */
#ifndef HEED_TEXT_BPE_H
#define HEED_TEXT_BPE_H

#include <jansson.h>

#include "text/added.h"
#include "text/normalizer.h"
#include "text/pieces.h"
#include "text/tokenizer_kind.h"
#include "text/vocabulary.h"

#define HEED_NO_RANK UINT32_MAX

/* One merge in the hash table of pairs. */
typedef struct heed_pair {
    uint64_t key; /* left id << 32 | right id; UINT64_MAX: free */
    uint32_t rank;
    int32_t result;
} heed_pair;

/* A merge as listed: its place in the list is its rank. */
typedef struct heed_merge {
    int32_t left, right, result;
} heed_merge;

typedef struct heed_bpe {
    heed_tokenizer base;
    heed_vocabulary vocabulary; /* sealed */
    int32_t byte_ids[256];      /* -1: no token */
    bool lacks_bytes;           /* some are -1 */
    bool by_ranks;              /* a table of ranks: pairs, merges are empty */
    bool whole;                 /* a piece that is a token is not merged at all */
    heed_merge *merges;
    size_t n_merges, merge_capacity;
    heed_pair *pairs;
    size_t pair_mask;
    int32_t unknown; /* for a byte without a token; -1: such a byte is an error */
    bool fuse_unknown;

    heed_added_set added; /* sealed */
    heed_normalizer *normalizer;
    heed_pieces *pieces;
    bool prefix_space;       /* a text, or what follows an added token, gets a space in front */
    int32_t *before, *after; /* what the template puts around a text */
    size_t n_before, n_after;
    json_t *parts; /* normalizer, pre_tokenizer, post_processor, decoder: as they are written */
} heed_bpe;

extern const heed_tokenizer_kind heed_tokenizer_bpe_kind;

heed_bpe *heed_bpe_create(void);      /* NULL: no memory */
void heed_bpe_destroy(heed_bpe *bpe); /* NULL is allowed */

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* A tokenizer.json with its two long lists left out of the tree. */
typedef struct heed_bpe_file {
    const char *name;
    json_t *root;               /* its model's vocab is {} and merges is [] */
    const char *vocab, *merges; /* their texts; NULL: there is none */
    size_t n_vocab, n_merges;
} heed_bpe_file;

/**
 * Takes the two lists out of a tokenizer.json and parses the rest, with the limits of heed_json_parse(). json stays
 * lent; root is given back with json_decref(). HEED_ERR_FILE: not JSON.
 */
heed_status heed_bpe_split(const char *json, size_t n, size_t max_values, heed_bpe_file *file, heed_error *err);
/** Whether it is a BPE model over bytes, as far as its shape tells. */
bool heed_bpe_claims(const heed_bpe_file *file);
heed_status heed_bpe_read(const heed_bpe_file *file, heed_tokenizer **tokenizer, heed_error *err);

/** The text of a vocab.json and of a merges.txt, with GPT-2's pattern. */
heed_status heed_bpe_read_pair(const char *vocab, size_t n_vocab, const char *vocab_name, const char *merges,
                               size_t n_merges, const char *merges_name, heed_tokenizer **tokenizer,
                               heed_error *err);
/** A table of ranks; encoding as in heed_tokenizer_open(), NULL: by `path` or the number of tokens. */
heed_status heed_bpe_read_ranks(const char *text, size_t n, const char *path, const char *encoding,
                                heed_tokenizer **tokenizer, heed_error *err);

/** The steps of the readers. A vocabulary's JSON object, keys written in letters: */
heed_status heed_bpe_read_vocab(heed_bpe *bpe, const char *json, size_t n, const char *name, heed_error *err);
/** Seals the vocabulary, which is complete but for added tokens, and fills byte_ids. */
heed_status heed_bpe_seal(heed_bpe *bpe, const char *name, heed_error *err);
/** Adds the merge of two tokens given in letters; ranks ascend from call to call. The vocabulary is sealed. */
heed_status heed_bpe_add_merge(heed_bpe *bpe, const char *left, size_t n_left, const char *right,
                               size_t n_right, const char *name, heed_error *err);
/** Everything around the model: the added tokens and the four parts of root. The vocabulary is sealed. */
heed_status heed_bpe_read_parts(heed_bpe *bpe, const json_t *root, const char *name, heed_error *err);
/** Last: the table of pairs, and a check that no id lies idle among those of the vocabulary. */
heed_status heed_bpe_finish(heed_bpe *bpe, const char *name, heed_error *err);

/** Parts of its own making: ByteLevel with GPT-2's pattern, or Split by `pattern` and ByteLevel without one. */
json_t *heed_bpe_parts_for(const char *pattern); /* NULL: no memory */
/** Adds a special token to the list "added_tokens" of root. false: no memory. */
bool heed_bpe_parts_add_special(json_t *root, const char *text, size_t n, int32_t id);

/* ---- writing, encoding -------------------------------------------------------------------------------------- */

void heed_bpe_write(const heed_tokenizer *tokenizer, heed_text_buffer *out);

heed_status heed_bpe_encode(const heed_tokenizer *tokenizer, const char *text, size_t n,
                            const heed_encode_options *options, heed_id_sink *sink, void *context,
                            heed_error *err);
heed_status heed_bpe_stream(const heed_tokenizer *tokenizer, const heed_encode_options *options,
                            heed_text_source *source, void *source_context, heed_id_sink *sink,
                            void *sink_context, heed_error *err);

/* One thread's scratch and memory of pieces that it has seen. */
typedef struct heed_bpe_worker heed_bpe_worker;

heed_bpe_worker *heed_bpe_worker_create(const heed_bpe *bpe, size_t n_cached); /* NULL: no memory */
void heed_bpe_worker_destroy(heed_bpe_worker *worker);                         /* NULL is allowed */
/** The ids of a piece of n > 0 bytes: out has room for n. 0: no memory. A byte without a token gives -1. */
size_t heed_bpe_piece(heed_bpe_worker *worker, const char *bytes, size_t n, int32_t *out);

#endif
