/* SPDX-License-Identifier: MIT */
#include "workbook/demos/plain_text.h"

#include "data/corpus.h"
#include "data/stories.h"

heed_demo_plain_text heed_demo_plain_text_of(heed_demoing *d, size_t most)
{
    const char *path = heed_take_text(&d->s, "text");
    heed_demo_plain_text t = {.data = ""};
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return t;
    if (path[0] != '\0') {
        if (heed_demo_ok(d, heed_corpus_open_text(&t.file, path, false, &err), &err)) {
            t.data = t.file.data;
            t.n = t.file.size;
        }
        t.name = path;
    } else {
        if (heed_demo_ok(d, heed_stories_generate(d->options->seed & INT64_MAX, most, &t.stories, NULL, &err),
                         &err)) {
            t.data = t.stories.data;
            t.n = t.stories.size;
        }
        t.name = "the built-in stories";
    }
    if (t.n > most) {
        t.n = most;
        while (t.n > 0 && ((unsigned char)t.data[t.n] & 0xc0) == 0x80)
            t.n--;
    }
    return t;
}

void heed_demo_plain_text_close(heed_demo_plain_text *t)
{
    if (t->file.data != NULL)
        heed_file_close(&t->file);
    heed_text_free(&t->stories);
}
