/* SPDX-License-Identifier: MIT */
#include "workbook/demos/subject.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text_buffer.h"
#include "data/stories.h"
#include "train/trainer.h"

enum { LONGEST = 128, MOST_BYTES = 1 << 20, BYTES_PER_TOKEN = 8 };

static bool has(heed_demoing *d, const char *name)
{
    return json_object_get(d->s.params, name) != NULL && heed_take_text(&d->s, name)[0] != '\0';
}

bool heed_demo_names_model(heed_demoing *d)
{
    return has(d, "model");
}

heed_model *heed_demo_given_model(heed_demoing *d)
{
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_demo_names_model(d) && d->s.status == HEED_OK)
        heed_demo_ok(d, heed_model_open(heed_take_text(&d->s, "model"), &model, &err), &err);
    return model;
}

const char *heed_demo_subject_words(heed_demoing *d, const heed_demo_training *t)
{
    if (heed_demo_names_model(d))
        return heed_demo_words(d, "the model in %s", heed_take_text(&d->s, "model"));
    return heed_demo_words(d, "a model trained here, %lld steps", (long long)t->options.steps);
}

/* --- one that was trained here --- */

static void make_room(heed_demoing *d, heed_demo_subject *s)
{
    s->ids = (int32_t *)(void *)heed_demo_floats(d, s->batch * s->length);
}

bool heed_demo_subject_of(heed_demoing *d, heed_trainer *trainer, int64_t windows, heed_demo_subject *out)
{
    const heed_source *source;
    int64_t n;
    int32_t *targets;

    *out = (heed_demo_subject){0};
    if (trainer == NULL || d->s.status != HEED_OK)
        return false;
    source = trainer->source;
    out->model = heed_trainer_model(trainer);
    out->length = heed_trainer_config(trainer)->context_length;
    n = source->n_tokens[HEED_PART_VALIDATION];
    out->batch = n > 0 && n / out->length < windows ? n / out->length : windows;
    out->batch = out->batch > 0 ? out->batch : 1;
    make_room(d, out);
    targets = (int32_t *)(void *)heed_demo_floats(d, out->length);
    for (int64_t i = 0; d->s.status == HEED_OK && i < out->batch; i++)
        source->fill(source, HEED_PART_VALIDATION, n > 0 ? i * out->length : i, out->length,
                     out->ids + i * out->length, targets);
    return d->s.status == HEED_OK;
}

/* As it was made, where there are no steps. */
static heed_trainer *train(heed_demoing *d, heed_demo_training *t, const char *words, double from, double to)
{
    return t->options.steps > 0 ? heed_demo_train(d, t, words, from, to) : heed_demo_train_begin(d, t);
}

/* --- one of a folder --- */

static void take_ids(heed_demoing *d, heed_demo_subject *s, const char *text, size_t n_bytes, int64_t windows)
{
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {HEED_OK, ""};

    if (!heed_demo_ok(d, heed_model_encode(s->model, text, n_bytes, &ids, &n, &err), &err))
        return;
    if (n < 8)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "text: expected 8 tokens or more, got %zu", n);
    if (n < (size_t)s->length)
        s->length = (int64_t)n;
    s->batch = (int64_t)n / s->length < windows ? (int64_t)n / s->length : windows;
    make_room(d, s);
    if (d->s.status == HEED_OK)
        memcpy(s->ids, ids, (size_t)(s->batch * s->length) * sizeof *ids);
    free(ids);
}

/* So many bytes of it, and never a part of a character. */
static size_t front_of(const char *text, size_t n, size_t most)
{
    if (n <= most)
        return n;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}

static void read_text(heed_demoing *d, heed_demo_subject *s, int64_t windows)
{
    const size_t most = (size_t)(windows * s->length * BYTES_PER_TOKEN);
    heed_text_buffer stories = {0};
    heed_file file = {0};
    heed_error err = {HEED_OK, ""};

    if (has(d, "text")) {
        if (heed_demo_ok(d, heed_file_open(&file, heed_take_text(&d->s, "text"), &err), &err))
            take_ids(d, s, file.data, front_of(file.data, file.size, most < MOST_BYTES ? most : MOST_BYTES),
                     windows);
        heed_file_close(&file);
        return;
    }
    if (heed_demo_ok(d, heed_stories_generate(d->options->seed + 1, most, &stories, NULL, &err), &err))
        take_ids(d, s, stories.data, stories.size, windows);
    heed_text_free(&stories);
}

static bool open_folder(heed_demoing *d, int64_t windows, heed_demo_subject *out)
{
    const heed_config *config;

    out->model = out->opened = heed_demo_given_model(d);
    if (out->model == NULL)
        return false;
    config = heed_model_config(out->model);
    out->length = config->context_length > LONGEST ? LONGEST : config->context_length;
    read_text(d, out, windows);
    return d->s.status == HEED_OK;
}

/* --- either --- */

bool heed_demo_subject_open(heed_demoing *d, heed_demo_training *t, const char *words, double from, double to,
                            int64_t windows, heed_demo_subject *out)
{
    bool ok;

    *out = (heed_demo_subject){0};
    if (heed_demo_names_model(d))
        ok = open_folder(d, windows, out);
    else {
        heed_trainer *trainer = train(d, t, words, from, to);

        ok = heed_demo_subject_of(d, trainer, windows, out);
        out->trainer = trainer;
    }
    if (!ok)
        heed_demo_subject_close(out);
    return ok;
}

void heed_demo_subject_close(heed_demo_subject *subject)
{
    heed_trainer_close(subject->trainer);
    heed_model_close(subject->opened);
    *subject = (heed_demo_subject){0};
}

/* --- its heads --- */

heed_heads *heed_demo_look(heed_demoing *d, const heed_demo_subject *s, bool similarity)
{
    const heed_heads_options options = {.similarity = similarity};
    heed_heads *heads = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_heads_look(s->model, s->ids, s->batch, s->length, &options, &heads, &err), &err);
    return heads;
}

const char *heed_demo_names_of(heed_demoing *d, const heed_demo_head *heads, int64_t n)
{
    heed_text_buffer text = {0};
    const char *out = NULL;

    for (int64_t i = 0; heads != NULL && i < n; i++)
        heed_text_printf(&text, "%s%d.%d", i > 0 ? "|" : "", heads[i].layer, heads[i].head);
    if (!text.failed && text.data != NULL)
        out = heed_arena_format(d->s.arena, "%s", text.data);
    if (out == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for the names of %lld heads", (long long)n);
    heed_text_free(&text);
    return out;
}

heed_demo_head heed_demo_head_at(const heed_heads *heads, int64_t i)
{
    const int H = heed_heads_n_heads(heads);

    return (heed_demo_head){(int)i / H, (int)i % H};
}

const char *heed_demo_head_names(heed_demoing *d, const heed_heads *heads)
{
    const int64_t n = (int64_t)heed_heads_n_layers(heads) * heed_heads_n_heads(heads);
    heed_demo_head *all = heed_arena_alloc(d->s.arena, (size_t)n * sizeof *all);

    for (int64_t i = 0; all != NULL && i < n; i++)
        all[i] = heed_demo_head_at(heads, i);
    return heed_demo_names_of(d, all, n);
}

heed_grid heed_demo_similarity(heed_demoing *d, const heed_heads *heads)
{
    const int64_t n = (int64_t)heed_heads_n_layers(heads) * heed_heads_n_heads(heads);
    float *cosines = heed_demo_floats(d, n * n);
    heed_grid out = heed_grid_make(&d->s, n, n);
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK && heed_demo_ok(d, heed_heads_similarity(heads, cosines, &err), &err)) {
        for (int64_t i = 0; i < n * n; i++)
            out.data[i] = (double)cosines[i];
    }
    return out;
}
