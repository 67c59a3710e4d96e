/* SPDX-License-Identifier: MIT */
/* What the ways to start share: options that fit together, a tokenizer, the first weights, and whether a model has changed. */
#include "train/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fnv.h"
#include "train/trainer.h"

/* --- options --- */

static heed_status check_from(const heed_trainer *t, heed_error *err)
{
    const heed_train_options *o = &t->options;

    if (o->init_embeddings[0] != '\0')
        return heed_fail(err, HEED_ERR_USAGE,
                         "init_embeddings: a run from a checkpoint has its embeddings already");
    if (o->tokenizer != HEED_TRAIN_CHARACTERS)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "tokenizer: a run from a checkpoint has the checkpoint's tokenizer, no other can be given");
    return HEED_OK;
}

heed_status heed_start_check(heed_trainer *t, heed_error *err)
{
    heed_train_options *o = &t->options;
    char *const paths[] = {o->from, o->init_embeddings, o->distill};
    heed_status status = o->from[0] != '\0' ? check_from(t, err) : HEED_OK;

    if (status == HEED_OK && o->init_positions && o->init_embeddings[0] == '\0')
        status = heed_fail(err, HEED_ERR_USAGE,
                           "init_positions: expected init_embeddings beside it, the model they come from");
    for (int i = 0; i < 3 && status == HEED_OK; i++) {
        if (paths[i][0] != '\0')
            status = heed_absolute_path(paths[i], paths[i], "model", err);
    }
    return status;
}

void heed_start_close(heed_trainer *t)
{
    heed_model_close(t->start.from);
    t->start.from = NULL;
    json_decref(t->start.ids);
    t->start.ids = NULL;
    heed_teacher_close(&t->start.teacher);
}

/* --- the tokenizer --- */

bool heed_start_gives_tokenizer(const heed_trainer *t)
{
    const heed_train_options *o = &t->options;
    const bool own = t->tokenizer.path[0] != '\0' || o->tokenizer != HEED_TRAIN_CHARACTERS;

    return !own && (o->from[0] != '\0' || o->distill[0] != '\0');
}

heed_status heed_start_tokenizer(heed_trainer *t, heed_tokenizer **tokenizer, heed_error *err)
{
    const bool from = t->options.from[0] != '\0';
    heed_model *model;

    if (from && t->start.from == NULL) { /* a run that was stopped before its folder had the tokenizer */
        const heed_status status = heed_model_open(t->options.from, &t->start.from, err);
        if (status != HEED_OK)
            return status;
    }
    model = from ? t->start.from : t->start.teacher.model;
    if (model->tokenizer == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%.300s: the model has no tokenizer; give one with \"tokenizer\"",
                         from ? t->options.from : t->options.distill);
    *tokenizer = model->tokenizer;
    model->tokenizer = NULL;
    return HEED_OK;
}

bool heed_start_same_tokens(const heed_tokenizer *a, const heed_tokenizer *b)
{
    const int64_t n = heed_tokenizer_vocab_size(a);

    if (heed_tokenizer_vocab_size(b) != n ||
        strcmp(heed_tokenizer_kind_name(a), heed_tokenizer_kind_name(b)) != 0)
        return false;
    for (int64_t id = 0; id < n; id++) {
        size_t n_a = 0, n_b = 0;
        const char *x = heed_tokenizer_piece(a, id, &n_a), *y = heed_tokenizer_piece(b, id, &n_b);

        if ((x == NULL) != (y == NULL) || n_a != n_b || (x != NULL && memcmp(x, y, n_a) != 0))
            return false;
    }
    return true;
}

/* --- the first weights --- */

heed_status heed_start_weights(heed_trainer *t, heed_error *err)
{
    heed_weights_init(t->model->weights, (uint64_t)t->options.seed);
    if (t->options.from[0] != '\0')
        return heed_from_take(t, err);
    return t->options.init_embeddings[0] != '\0' ? heed_warm_start(t, err) : HEED_OK;
}

/* --- whether a model is still the same --- */

/* FNV-1a by words of eight bytes, which takes a tenth of a second for 500 MB. */
static uint64_t add_to_hash(uint64_t hash, const void *data, size_t bytes)
{
    const char *at = data;
    uint64_t word;

    for (; bytes >= sizeof word; bytes -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * 1099511628211u;
        hash ^= hash >> 32; /* a product carries upwards alone */
    }
    return heed_fnv(hash, at, bytes);
}

/* Of all numbers, as they are stored; never 0. */
static uint64_t hash_of(const heed_model *model)
{
    const heed_weights *w = model->weights;
    uint64_t hash = HEED_FNV_BEGIN;

    for (int i = 0; i < w->n; i++) {
        const heed_parameter *p = &w->list[i];
        const size_t numbers = (size_t)p->count * heed_dtype_bytes(heed_precision_dtype(p->precision));

        hash = add_to_hash(hash, p->numbers, numbers);
        if (p->scales != NULL)
            hash = add_to_hash(hash, p->scales, (size_t)p->bytes - numbers);
    }
    return hash != 0 ? hash : 1;
}

heed_status heed_start_identify(const heed_model *model, const char *path, uint64_t *known, heed_error *err)
{
    const uint64_t hash = hash_of(model);

    if (*known != 0 && *known != hash)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: the model has changed since the run began", path);
    *known = hash;
    return HEED_OK;
}

typedef struct kept {
    const char *key;
    uint64_t *hash;
} kept;

#define N_KEPT 3

static void list_kept(heed_start *start, kept list[N_KEPT])
{
    list[0] = (kept){"from_hash", &start->from_hash};
    list[1] = (kept){"init_embeddings_hash", &start->embeddings_hash};
    list[2] = (kept){"distill_hash", &start->teacher_hash};
}

bool heed_start_put(const heed_trainer *t, json_t *root)
{
    heed_start start = t->start;
    kept list[N_KEPT];
    char text[32];

    list_kept(&start, list);
    for (int i = 0; i < N_KEPT; i++) {
        snprintf(text, sizeof text, "%016llx", (unsigned long long)*list[i].hash);
        if (*list[i].hash != 0 && json_object_set_new(root, list[i].key, json_string(text)) != 0)
            return false;
    }
    return true;
}

void heed_start_get(heed_trainer *t, heed_json_reader *r)
{
    kept list[N_KEPT];

    list_kept(&t->start, list);
    for (int i = 0; i < N_KEPT; i++)
        *list[i].hash = strtoull(heed_json_string(r, list[i].key, "0"), NULL, 16);
}
