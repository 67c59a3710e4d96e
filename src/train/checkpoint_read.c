/* SPDX-License-Identifier: MIT */
/* Reading a checkpoint (checkpoint.c): what a run was made with, where it stands, and its numbers. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "nn/config_json.h"
#include "train/trainer.h"

/* The numbers of trainer.json that are no settings. */
static heed_status read_position(heed_json_reader *r, heed_trainer *t, uint64_t *position)
{
    const char *text = heed_json_string(r, "text", ""), *hash = heed_json_string(r, "text_hash", "0");
    const char *tokenizer = heed_json_string(r, "tokenizer", "");

    t->step = heed_json_int(r, "step", 0, 0, HEED_TRAIN_MOST_STEPS);
    *position = (uint64_t)heed_json_int(r, "batches_position", 0, 0, INT64_MAX);
    t->text.bytes = (uint64_t)heed_json_int(r, "text_bytes", 0, 0, INT64_MAX);
    t->text.hash = strtoull(hash, NULL, 16);
    t->tokenizer.hash = strtoull(heed_json_string(r, "tokenizer_hash", "0"), NULL, 16);
    heed_start_get(t, r);
    heed_guard_from_json(&t->guard, t->step, r);
    heed_best_from_json(&t->best, r);
    t->first_loss = heed_json_number(r, "first_loss", NAN, -DBL_MAX, DBL_MAX);
    if (r->status == HEED_OK && (strlen(text) >= HEED_PATH_BYTES || strlen(tokenizer) >= HEED_PATH_BYTES))
        r->status = heed_fail(r->err, HEED_ERR_FILE,
                              "%.300s: the path of the text or the tokenizer is too long", r->where);
    if (r->status == HEED_OK) {
        memcpy(t->text.path, text, strlen(text) + 1);
        memcpy(t->tokenizer.path, tokenizer, strlen(tokenizer) + 1);
    }
    return r->status;
}

static heed_status read_more_texts(heed_json_reader *r, heed_trainer *t)
{
    const json_t *list = heed_json_has(r, "more_texts") ? heed_json_list(r, "more_texts") : NULL;

    for (size_t i = 0; r->status == HEED_OK && i < json_array_size(list); i++) {
        const char *path = json_string_value(json_array_get(list, i));
        if (path == NULL || strlen(path) >= HEED_PATH_BYTES)
            r->status = heed_fail(r->err, HEED_ERR_FILE, "%.300s: expected paths in \"more_texts\"", r->where);
        else
            r->status = heed_text_add(&t->text, path, r->err);
    }
    return r->status;
}

heed_status heed_checkpoint_read_state(const char *folder, heed_trainer *t, heed_config *config,
                                       uint64_t *position, heed_error *err)
{
    int n_options;
    const heed_field *option_fields = heed_train_fields(&n_options);
    char path[HEED_PATH_BYTES];
    json_t *root = NULL;
    heed_status status = heed_path_join(path, sizeof path, folder, "trainer.json", err);

    if (status != HEED_OK)
        return status;
    if (!heed_file_exists(path))
        return heed_fail(err, HEED_ERR_FILE, "%.300s: expected a training run (trainer.json), there is none",
                         folder);
    status = heed_json_load(path, HEED_JSON_CONFIG_BYTES, &root, err);
    if (status != HEED_OK)
        return status;

    heed_json_reader r = heed_json_read(root, path, err);
    heed_json_require(&r, "options");
    heed_json_require(&r, "config");
    const json_t *options = heed_json_object(&r, "options"), *model = heed_json_object(&r, "config");
    status = read_position(&r, t, position);
    if (status == HEED_OK)
        status = read_more_texts(&r, t);
    if (status == HEED_OK)
        status = heed_fields_from_json(option_fields, n_options, &t->options, options, path, err);
    if (status == HEED_OK)
        status = heed_config_from_fields(model, path, config, err);
    json_decref(root);
    return status;
}

/* One tensor of optimizer.safetensors into the block. */
static heed_status read_moment(heed_trainer *t, const heed_safetensors *file, const char *path, int i,
                               int second, heed_error *err)
{
    const heed_weights *w = t->model->weights;
    const heed_parameter *p = &w->list[i];
    const heed_safetensors_entry *entry = NULL;
    char name[160];
    heed_status status;

    if (!heed_step_has_moment(&t->train, i, second))
        return HEED_OK;
    snprintf(name, sizeof name, "%s.%s", second ? "v" : "m", p->name);
    status = heed_safetensors_get(file, name, &entry, err);
    if (status != HEED_OK)
        return status;
    if (entry->count != p->count)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: %s: expected %lld numbers, file has %lld", path, name,
                         (long long)p->count, (long long)entry->count);
    if (t->reduce != NULL)
        return heed_moments_read(t, entry, i, second, err);
    return heed_safetensors_read_f32(entry, heed_step_moment(&t->train, w, i, second), err);
}

static heed_status read_moments(heed_trainer *t, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_safetensors *file = NULL;
    heed_status status = heed_path_join(path, sizeof path, t->folder, "optimizer.safetensors", err);

    if (status == HEED_OK)
        status = heed_safetensors_open(path, &file, err);
    for (int i = 0; i < 2 * t->model->weights->n && status == HEED_OK; i++)
        status = read_moment(t, file, path, i / 2, i % 2, err);
    heed_safetensors_close(file);
    return status;
}

static heed_status read_weights(heed_trainer *t, heed_error *err)
{
    heed_shards *shards = NULL;
    heed_status status = heed_shards_open(t->folder, &shards, err);

    if (status == HEED_OK)
        status = heed_weights_load(t->model->weights, shards, err);
    heed_shards_close(shards);
    return status;
}

heed_status heed_checkpoint_read_numbers(heed_trainer *t, heed_error *err)
{
    heed_status status;

    if (t->step == 0)
        return heed_start_weights(t, err);
    status = read_weights(t, err);
    return status == HEED_OK ? read_moments(t, err) : status;
}
