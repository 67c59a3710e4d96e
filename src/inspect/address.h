/* SPDX-License-Identifier: MIT */
/*
 * The address of one number, as it is written: a tensor's name and an index for each axis.
 *
 *     blocks.0.attn.scores[0,1,7,3]      logits[0,2,"the"]      d.h.0.attn.c_attn.weight[5,-1]      loss
 *
 *     address = name [ "[" index { "," index } "]" ]        "loss" and "loss[]" are the same
 *     index   = [ "-" ] digits  |  '"' text '"'  |  "'" text "'"
 *
 * A negative index counts from the end of its axis. A text is a token; in it \n, \t, \\, \", \' and \xNN are one byte
 * each, so that any token can be written. Blanks between the parts mean nothing. Reading knows no tensors: what a name
 * and an index mean is trace_find.c's.
 */
#ifndef HEED_INSPECT_ADDRESS_H
#define HEED_INSPECT_ADDRESS_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/graph.h"

#define HEED_ADDRESS_TOKEN_BYTES 256

/* One index: a number, or the bytes of a token. */
typedef struct heed_address_index {
    int64_t at;
    bool is_token;
    char token[HEED_ADDRESS_TOKEN_BYTES]; /* [n_token] */
    size_t n_token;
} heed_address_index;

typedef struct heed_address {
    char name[HEED_MAX_NAME];
    int n; /* indices */
    heed_address_index index[HEED_MAX_RANK];
} heed_address;

/** Reads n bytes. HEED_ERR_USAGE says at which character something else was expected. */
heed_status heed_address_read(const char *text, size_t n, heed_address *address, heed_error *err);
/** Writes it so that heed_address_read() gives the same; "..." at the end where out is too small. Returns out. */
const char *heed_address_write(const heed_address *address, char *out, size_t size);

#endif
