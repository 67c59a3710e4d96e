/* SPDX-License-Identifier: MIT */
/* Characters of texts of any length: one bit for each code that occurs. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_buffer.h"
#include "base/utf8.h"
#include "text/position.h"
#include "text/vocab_kinds.h"

#define N_CODES     0x110000u
#define BLOCK_BYTES 65536

struct heed_character_set {
    uint64_t seen[N_CODES / 64];
    heed_text_position place; /* of what is held */
    size_t n_held;            /* bytes at the beginning of block, of a character that is not whole yet */
    char block[BLOCK_BYTES + 4];
};

heed_character_set *heed_character_set_create(void)
{
    heed_character_set *set = calloc(1, sizeof *set);

    if (set != NULL)
        set->place = (heed_text_position){1, 1};
    return set;
}

void heed_character_set_destroy(heed_character_set *set)
{
    free(set);
}

static bool has(const heed_character_set *set, uint32_t code)
{
    return (set->seen[code / 64] >> code % 64 & 1) != 0;
}

static heed_status refuse(const heed_character_set *set, size_t at, heed_error *err)
{
    const heed_text_position place = heed_text_position_after(set->place, set->block, at);

    return heed_fail(err, HEED_ERR_USAGE, "line %zu, column %zu: expected UTF-8, got %s0x%02x", place.line,
                     place.column, set->block[at] == '\0' ? "a NUL, " : "",
                     (unsigned)(unsigned char)set->block[at]);
}

heed_status heed_character_set_read(heed_character_set *set, heed_text_source *source, void *context, size_t *n,
                                    heed_error *err)
{
    size_t size, i = 0, length = 0;
    heed_status status = source(context, set->block + set->n_held, BLOCK_BYTES, n, err);

    if (status != HEED_OK)
        return status;
    size = set->n_held + *n;
    for (; i < size; i += length) {
        uint32_t code = 0;

        length = heed_utf8_decode(set->block + i, size - i, &code);
        if (length == 0 && *n > 0 && size - i < 4) /* the next block may complete it */
            break;
        if (length == 0 || code == 0)
            return refuse(set, i, err);
        set->seen[code / 64] |= UINT64_C(1) << code % 64;
    }
    set->place = *n > 0 ? heed_text_position_after(set->place, set->block, i) : (heed_text_position){1, 1};
    set->n_held = size - i;
    memmove(set->block, set->block + i, set->n_held);
    return HEED_OK;
}

int64_t heed_character_set_count(const heed_character_set *set)
{
    int64_t n = 0;

    for (size_t i = 0; i < N_CODES / 64; i++)
        n += __builtin_popcountll(set->seen[i]);
    return n;
}

heed_status heed_character_set_make(const heed_character_set *set, heed_tokenizer **tokenizer, heed_error *err)
{
    heed_text_buffer all = {0};
    heed_status status;
    char bytes[4];

    for (uint32_t code = 0; code < N_CODES; code++) {
        if (has(set, code))
            heed_text_append(&all, bytes, heed_utf8_encode(code, bytes));
    }
    status = all.failed ? heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary of characters")
                        : heed_tokenizer_characters(all.data, all.size, tokenizer, err);
    heed_text_free(&all);
    return status;
}
