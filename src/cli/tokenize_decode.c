/* SPDX-License-Identifier: MIT */
/* Ids to text: exactly the bytes that the ids stand for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/input.h"
#include "cli/out_file.h"
#include "cli/output.h"
#include "cli/tokenize.h"

#define BUFFER_BYTES 65536
#define MAX_IDS      16384 /* decoded at a time */

/* Ids on their way to text. */
typedef struct decoding {
    const heed_cli_tokenizing *t;
    heed_cli_out out;
    heed_cli_input in;
    int32_t ids[MAX_IDS];
    size_t n;
    bool gone;
} decoding;

static heed_status write_text(decoding *d, heed_error *err)
{
    char *text = NULL;
    size_t n = 0;
    heed_status status = heed_tokenizer_decode(d->t->tokenizer, d->ids, d->n, &text, &n, err);

    d->n = 0;
    if (status == HEED_OK && d->t->own->out != NULL) {
        status = heed_cli_out_put(&d->out, text, n, err);
    } else if (status == HEED_OK) {
        fwrite(text, 1, n, stdout);
        d->gone = !heed_cli_flush();
        status = d->gone ? HEED_ERR_FILE : HEED_OK;
    }
    free(text);
    return status;
}

/* Each id is looked at here, where its place is known. */
static heed_status add_id(decoding *d, int64_t id, int64_t place, heed_error *err)
{
    const int64_t vocab_size = heed_tokenizer_vocab_size(d->t->tokenizer);

    if (heed_tokenizer_piece(d->t->tokenizer, id, NULL) == NULL)
        return heed_cli_fail(err, HEED_ERR_FILE,
                             "%.300s: byte %lld: expected a token's id from 0 to %lld, got %lld%s", d->in.name,
                             (long long)place, (long long)vocab_size - 1, (long long)id,
                             id < vocab_size && id >= 0 ? ", which no token has" : "");
    d->ids[d->n++] = (int32_t)id;
    return d->n == MAX_IDS ? write_text(d, err) : HEED_OK;
}

/* --- numbers in text --- */

static bool is_between(char c)
{
    return strchr(" \t\r\n,;[]", c) != NULL && c != '\0';
}

/* Digits and what is between them. An id may begin in one buffer and end in the next. */
static heed_status read_words(decoding *d, heed_error *err)
{
    char buffer[BUFFER_BYTES];
    int64_t id = -1, start = 0, place = 0; /* id: -1 between ids */
    size_t n = 0;
    heed_status status = HEED_OK;

    do {
        status = heed_cli_input_read(&d->in, buffer, sizeof buffer, &n, err);
        for (size_t i = 0; i < n && status == HEED_OK; i++, place++) {
            char shown[2] = {buffer[i], '\0'}, quoted[16];

            if (buffer[i] >= '0' && buffer[i] <= '9') {
                start = id < 0 ? place : start;
                id = id < 0 ? 0 : id;
                id = id > INT32_MAX ? id : 10 * id + (buffer[i] - '0'); /* too large is too large */
            } else if (!is_between(buffer[i])) {
                status = heed_cli_fail(err, HEED_ERR_FILE, "%.300s: byte %lld: expected ids, got \"%s\"%s",
                                       d->in.name, (long long)place,
                                       heed_cli_quote(quoted, sizeof quoted, shown),
                                       buffer[i] == '\0' ? "a NUL; --raw reads 32-bit numbers" : "");
            } else if (id >= 0) {
                status = add_id(d, id, start, err);
                id = -1;
            }
        }
    } while (status == HEED_OK && n > 0);
    return status == HEED_OK && id >= 0 ? add_id(d, id, start, err) : status;
}

/* --- 32-bit numbers --- */

static heed_status read_raw(decoding *d, heed_error *err)
{
    unsigned char buffer[BUFFER_BYTES];
    int64_t place = 0;
    size_t n = 0;
    heed_status status = HEED_OK;

    do {
        status = heed_cli_input_read(&d->in, (char *)buffer, sizeof buffer, &n, err);
        for (size_t i = 0; i + 4 <= n && status == HEED_OK; i += 4, place += 4) {
            const uint32_t id = (uint32_t)buffer[i] | (uint32_t)buffer[i + 1] << 8 |
                                (uint32_t)buffer[i + 2] << 16 | (uint32_t)buffer[i + 3] << 24;
            status = add_id(d, (int64_t)id, place, err);
        }
        if (status == HEED_OK && n % 4 != 0)
            status = heed_cli_fail(err, HEED_ERR_FILE,
                                   "%.300s: expected 32-bit numbers, got %lld bytes, no multiple of 4",
                                   d->in.name, (long long)d->in.n_bytes);
    } while (status == HEED_OK && n > 0);
    return status;
}

/* --- the whole --- */

heed_status heed_cli_tokenize_ids(const heed_cli_tokenizing *t, heed_error *err)
{
    const char *const standard[] = {"-"};
    const char *const *files = t->n_files > 0 ? t->files : standard;
    decoding *d = calloc(1, sizeof *d);
    heed_status status = HEED_OK;
    bool gone;

    if (d == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory to decode");
    d->t = t;
    d->out.fd = -1;
    if (t->own->out != NULL)
        status = heed_cli_out_open(&d->out, t->own->out, t->own->force, err);
    for (int i = 0; i < (t->n_files > 0 ? t->n_files : 1) && status == HEED_OK; i++) {
        status = heed_cli_input_open(&d->in, files[i], err);
        if (status == HEED_OK)
            status = (t->own->raw ? read_raw : read_words)(d, err);
        heed_cli_input_close(&d->in);
    }
    if (status == HEED_OK)
        status = write_text(d, err);
    status = heed_cli_out_close(&d->out, status, err);
    gone = d->gone;
    free(d);
    return gone ? HEED_OK : status;
}
