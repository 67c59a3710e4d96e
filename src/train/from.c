/* SPDX-License-Identifier: MIT */
/*
 * A run that goes on from a checkpoint (fine-tuning): the configuration and the tokenizer are the checkpoint's, and so are
 * the first weights, widened to single precision from whatever its file has.
 *
 * The file is mapped, copied into the block of the run and closed: no second copy of the weights stays.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "nn/config_json.h"
#include "train/trainer.h"

/* --- the configuration --- */

/* What may differ: it acts in training alone, or is checked by itself. */
static bool may_differ(const char *field)
{
    static const char *const free_fields[] = {"dropout", "expert_capacity", "balance_weight", "context_length"};

    for (size_t i = 0; i < sizeof free_fields / sizeof free_fields[0]; i++) {
        if (strcmp(field, free_fields[i]) == 0)
            return true;
    }
    return false;
}

/* Sizes that may be left to others, spelled out: two ways to say the same are no contradiction. */
static heed_config spelled_out(const heed_config *config)
{
    heed_config c = *config;

    c.d_mlp = heed_config_d_mlp(config);
    c.mlp_factor = 0.0;
    c.n_kv_heads = heed_config_n_kv_heads(config);
    return c;
}

static heed_status check_fields(const heed_config *config, const heed_config *its, const char *path,
                                heed_error *err)
{
    const heed_config own = spelled_out(config), other = spelled_out(its);
    int n;
    const heed_field *fields = heed_config_fields(&n);
    char wanted[64], has[64];

    for (int i = 0; i < n; i++) {
        if (may_differ(fields[i].name))
            continue;
        heed_field_get(&fields[i], &own, wanted, sizeof wanted);
        heed_field_get(&fields[i], &other, has, sizeof has);
        if (strcmp(wanted, has) != 0)
            return heed_fail(err, HEED_ERR_USAGE,
                             "%s: the checkpoint %.300s has %s, got %s; a run from it cannot change that",
                             fields[i].name, path, has, wanted);
    }
    if (config->context_length > heed_config_reach(its))
        return heed_fail(err, HEED_ERR_USAGE,
                         "context_length: the checkpoint %.300s has positions for %lld tokens, got %lld; fewer "
                         "can be trained on, more cannot",
                         path, (long long)heed_config_reach(its), (long long)config->context_length);
    return HEED_OK;
}

heed_status heed_from_open(heed_trainer *t, heed_config *config, heed_error *err)
{
    const char *path = t->options.from;
    heed_status status = t->start.from == NULL ? heed_model_open(path, &t->start.from, err) : HEED_OK;

    if (status != HEED_OK)
        return status;
    if (config->vocab_size == 0)
        config->vocab_size = t->start.from->config.vocab_size;
    status = check_fields(config, &t->start.from->config, path, err);
    if (status == HEED_OK && t->tokenizer.path[0] != '\0' && t->start.from->tokenizer != NULL)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "tokenizer: the checkpoint %.300s has one of its own, no other can be given", path);
    return status;
}

/* An id of this vocabulary, or a list of such. */
static bool is_id(const json_t *given, int64_t vocab_size)
{
    const size_t n = json_is_array(given) ? json_array_size(given) : 1;

    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_is_array(given) ? json_array_get(given, i) : given;

        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= vocab_size)
            return false;
    }
    return n > 0;
}

/* Where a text begins and ends is said by the configuration, which a tokenizer.json does not repeat. */
heed_status heed_from_keep_ids(heed_trainer *t, bool resumed, heed_error *err)
{
    static const char *const names[] = {"bos_token_id", "eos_token_id"};
    char path[HEED_PATH_BYTES];
    heed_config config;
    json_t *root = NULL, *ids = json_object();
    heed_status status = heed_path_join(path, sizeof path, t->folder, "config.json", err);

    if (status == HEED_OK)
        status = heed_config_open(resumed && heed_file_exists(path) ? t->folder : t->options.from, &config,
                                  &root, err);
    for (size_t i = 0; status == HEED_OK && i < sizeof names / sizeof names[0]; i++) {
        json_t *id = json_object_get(root, names[i]);

        if (id != NULL && is_id(id, config.vocab_size) && json_object_set(ids, names[i], id) != 0)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the names of special tokens");
        if (i == 1 && json_is_integer(id) && json_integer_value(id) >= 0 &&
            json_integer_value(id) < config.vocab_size)
            t->model->end_of_text = (int32_t)json_integer_value(id);
    }
    t->start.ids = ids;
    json_decref(root);
    return status;
}

/* --- the weights --- */

/* Distances of relative positions end with 0, so a shorter table keeps its last rows; other tables keep their first. */
static bool keeps_last_rows(const char *name)
{
    const char *end = strstr(name, "attn.relative.weight");

    return end != NULL && strcmp(end, "attn.relative.weight") == 0;
}

/* p <- q, or as many of its rows as p has. */
static void copy_numbers(const heed_parameter *p, const heed_parameter *q)
{
    const int64_t columns = q->count / q->size[0];
    const int64_t first = keeps_last_rows(p->name) ? (q->size[0] - p->size[0]) * columns : 0;

    heed_parameter_read(q, first, p->count, (float *)(uintptr_t)p->data);
}

heed_status heed_from_take(heed_trainer *t, heed_error *err)
{
    const heed_weights *to = t->model->weights;
    heed_status status = HEED_OK;

    if (t->start.from == NULL) /* a run that was stopped before its first checkpoint begins again */
        status = heed_model_open(t->options.from, &t->start.from, err);
    if (status == HEED_OK)
        status = heed_start_identify(t->start.from, t->options.from, &t->start.from_hash, err);
    for (int i = 0; i < to->n && status == HEED_OK; i++) {
        const heed_parameter *q = heed_weights_find(t->start.from->weights, to->list[i].name);

        if (q == NULL || q->count < to->list[i].count)
            status = heed_fail(err, HEED_ERR_FILE, "%.300s: %s does not fit the model of this run",
                               t->options.from, to->list[i].name);
        else
            copy_numbers(&to->list[i], q);
    }
    heed_model_close(t->start.from);
    t->start.from = NULL;
    return status;
}
