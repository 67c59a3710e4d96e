/* SPDX-License-Identifier: MIT */
#include "workbook/demos/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/stories.h"
#include "workbook/demos/plain_text.h"

static bool take(heed_demoing *d, const char *text, size_t n, heed_demo_reading *out)
{
    heed_error err = {HEED_OK, ""};
    int32_t *ids = NULL;
    size_t n_ids = 0;

    if (!heed_demo_ok(d, heed_tokenizer_characters(text, n, &out->tokenizer, &err), &err) ||
        !heed_demo_ok(d, heed_tokenizer_encode(out->tokenizer, text, n, NULL, &ids, &n_ids, &err), &err))
        return false;
    out->n = (int64_t)n_ids;
    out->vocab_size = heed_tokenizer_vocab_size(out->tokenizer);
    out->ids = (int32_t *)(void *)heed_demo_floats(d, out->n + 1);
    if (out->ids != NULL)
        memcpy(out->ids, ids, n_ids * sizeof *ids);
    free(ids);
    return d->s.status == HEED_OK;
}

bool heed_demo_reading_open(heed_demoing *d, int64_t bytes, heed_demo_reading *out)
{
    heed_demo_plain_text text = heed_demo_plain_text_of(d, (size_t)bytes);
    const bool stories = text.file.data == NULL;
    bool ok;

    *out = (heed_demo_reading){.floor = stories ? heed_stories_entropy().nats_per_character : NAN};
    ok = d->s.status == HEED_OK && take(d, text.data, text.n, out);
    heed_demo_plain_text_close(&text);
    return ok;
}

void heed_demo_reading_close(heed_demo_reading *r)
{
    heed_tokenizer_destroy(r->tokenizer);
    *r = (heed_demo_reading){.floor = NAN};
}

void heed_demo_reading_window(const heed_demo_reading *r, int64_t begin, int64_t length, int32_t *ids,
                              int32_t *targets)
{
    memcpy(ids, r->ids + begin, (size_t)length * sizeof *ids);
    memcpy(targets, r->ids + begin + 1, (size_t)length * sizeof *targets);
}
