/* SPDX-License-Identifier: MIT */
#include "text/special_filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

heed_status heed_special_filter_open(heed_special_filter *f, const char *const *special, int n,
                                     heed_text_source *source, void *context, heed_error *err)
{
    *f = (heed_special_filter){.special = special, .n = n, .source = source, .context = context};
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(special[i]);

        f->longest = length > f->longest ? length : f->longest;
        f->begins[(unsigned char)special[i][0]] = true;
    }
    f->block = malloc(HEED_FILTER_BYTES + f->longest);
    return f->block != NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory to read a text");
}

void heed_special_filter_close(heed_special_filter *f)
{
    free(f->block);
    *f = (heed_special_filter){0};
}

/* Length of the longest special token at text, 0 where there is none. */
static size_t match(const heed_special_filter *f, const char *text, size_t n)
{
    size_t found = 0;

    if (!f->begins[(unsigned char)text[0]])
        return 0;
    for (int i = 0; i < f->n; i++) {
        const size_t length = strlen(f->special[i]);

        if (length > found && length <= n && memcmp(text, f->special[i], length) == 0)
            found = length;
    }
    return found;
}

/* A token may begin in what is left and end in what comes. */
static heed_status refill(heed_special_filter *f, heed_error *err)
{
    const size_t left = f->end - f->at;
    size_t n = 0;
    heed_status status;

    memmove(f->block, f->block + f->at, left);
    status = f->source(f->context, f->block + left, HEED_FILTER_BYTES, &n, err);
    f->at = 0;
    f->end = left + n;
    f->ended = n == 0;
    return status;
}

heed_status heed_special_filter_read(void *filter, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    heed_special_filter *f = filter;
    heed_status status = HEED_OK;

    *n = 0;
    while (*n < capacity) {
        size_t length;

        if (!f->ended && f->end - f->at < f->longest) {
            status = refill(f, err);
            if (status != HEED_OK)
                return status;
            continue;
        }
        if (f->at == f->end)
            break;
        length = match(f, f->block + f->at, f->end - f->at);
        buffer[(*n)++] = length > 0 ? '\xff' : f->block[f->at];
        f->at += length > 0 ? length : 1;
    }
    return HEED_OK;
}
