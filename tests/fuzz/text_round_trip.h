/* SPDX-License-Identifier: MIT */
/* What any tokenizer must do with any bytes: the same ids whole and streamed, and text from them. */
#ifndef HEED_FUZZ_TEXT_ROUND_TRIP_H
#define HEED_FUZZ_TEXT_ROUND_TRIP_H

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

static inline void require(int condition)
{
    if (!condition)
        abort();
}

typedef struct streamed {
    const char *text;
    size_t n, at, step;
    int32_t *ids;
    size_t n_ids;
} streamed;

static inline heed_status read_step(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    streamed *s = context;

    (void)err;
    *n = s->n - s->at < s->step ? s->n - s->at : s->step;
    *n = *n < capacity ? *n : capacity;
    if (*n > 0)
        memcpy(buffer, s->text + s->at, *n);
    s->at += *n;
    return HEED_OK;
}

static inline heed_status take_ids(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    streamed *s = context;
    int32_t *grown = realloc(s->ids, (s->n_ids + n + 1) * sizeof *grown);

    (void)err;
    require(grown != NULL);
    s->ids = grown;
    if (n > 0)
        memcpy(s->ids + s->n_ids, ids, n * sizeof *ids);
    s->n_ids += n;
    return HEED_OK;
}

/* inverts: decoding gives the text itself. Nothing is asked of a text that cannot be encoded. */
static inline void check_text(const heed_tokenizer *tokenizer, const char *text, size_t n, int inverts)
{
    for (int special = 0; special < 2; special++) {
        const heed_encode_options options = {.special = special, .complete = !inverts, .threads = 1 + special};
        streamed s = {.text = text, .n = n, .step = 1 + n / 3};
        int32_t *ids = NULL;
        size_t n_ids = 0, n_back = 0;
        char *back = NULL;

        if (heed_tokenizer_encode(tokenizer, text, n, &options, &ids, &n_ids, NULL) != HEED_OK)
            return;
        require(heed_tokenizer_stream(tokenizer, &options, read_step, &s, take_ids, &s, NULL) == HEED_OK);
        require(s.n_ids == n_ids && (n_ids == 0 || memcmp(s.ids, ids, n_ids * sizeof *ids) == 0));
        require(heed_tokenizer_decode(tokenizer, ids, n_ids, &back, &n_back, NULL) == HEED_OK);
        if (inverts)
            require(n_back == n && (n == 0 || memcmp(back, text, n) == 0));
        free(ids);
        free(s.ids);
        free(back);
    }
}

/* Both tokenizers have the same tokens and make the same ids of the text. */
static inline void check_same(const heed_tokenizer *a, const heed_tokenizer *b, const char *text, size_t n)
{
    int32_t *ids[2] = {NULL, NULL};
    size_t n_ids[2] = {0, 0};
    heed_status status[2];

    require(heed_tokenizer_vocab_size(a) == heed_tokenizer_vocab_size(b));
    for (int64_t id = 0; id < heed_tokenizer_vocab_size(a) && id < 2000; id++) {
        size_t n_a = 0, n_b = 0;
        const char *x = heed_tokenizer_piece(a, id, &n_a), *y = heed_tokenizer_piece(b, id, &n_b);

        require((x == NULL) == (y == NULL) && n_a == n_b && (x == NULL || memcmp(x, y, n_a) == 0));
    }
    status[0] = heed_tokenizer_encode(a, text, n, NULL, &ids[0], &n_ids[0], NULL);
    status[1] = heed_tokenizer_encode(b, text, n, NULL, &ids[1], &n_ids[1], NULL);
    require(status[0] == status[1] && n_ids[0] == n_ids[1]);
    require(n_ids[0] == 0 || memcmp(ids[0], ids[1], n_ids[0] * sizeof *ids[0]) == 0);
    free(ids[0]);
    free(ids[1]);
}

/* The tokenizer, written as a tokenizer.json and read again, is the same. */
static inline void check_written(const heed_tokenizer *tokenizer, const char *text, size_t n)
{
    heed_text_buffer json = {0};
    heed_tokenizer *again = NULL;

    require(heed_tokenizer_write(tokenizer, &json, NULL) == HEED_OK);
    require(heed_tokenizer_parse(json.data, json.size, "again", &again, NULL) == HEED_OK);
    check_same(tokenizer, again, text, n);
    heed_tokenizer_destroy(again);
    heed_text_free(&json);
}

#endif
