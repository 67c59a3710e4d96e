/* SPDX-License-Identifier: MIT */
#include "workbook/demos/reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_buffer.h"
#include "data/corpus.h"
#include "data/stories.h"

/* So many bytes of it, and never a part of a character. */
static size_t front_of(const char *text, size_t n, size_t most)
{
    if (n <= most)
        return n;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

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

static bool take_file(heed_demoing *d, const char *path, size_t most, heed_demo_reading *out)
{
    heed_file file = {0};
    heed_error err = {HEED_OK, ""};
    bool ok = heed_demo_ok(d, heed_corpus_open_text(&file, path, false, &err), &err);

    out->floor = NAN;
    ok = ok && take(d, file.data, front_of(file.data, file.size, most), out);
    heed_file_close(&file);
    return ok;
}

static bool take_stories(heed_demoing *d, size_t bytes, heed_demo_reading *out)
{
    heed_text_buffer stories = {0};
    heed_error err = {HEED_OK, ""};
    bool ok = heed_demo_ok(d, heed_stories_generate(d->options->seed, bytes, &stories, NULL, &err), &err);

    out->floor = heed_stories_entropy().nats_per_character;
    ok = ok && take(d, stories.data, front_of(stories.data, stories.size, bytes), out);
    heed_text_free(&stories);
    return ok;
}

bool heed_demo_reading_open(heed_demoing *d, int64_t bytes, heed_demo_reading *out)
{
    const char *path = heed_take_text(&d->s, "text");

    *out = (heed_demo_reading){.floor = NAN};
    if (d->s.status != HEED_OK)
        return false;
    return path[0] != '\0' ? take_file(d, path, (size_t)bytes, out) : take_stories(d, (size_t)bytes, out);
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
