/* SPDX-License-Identifier: MIT */
/* Opening a model's folder, making a random one, and looking at it. */
#include "nn/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "nn/config_json.h"

#define PATH_BYTES 4096

heed_status heed_model_wrap(heed_weights *weights, heed_tokenizer *tokenizer, heed_model **model,
                            heed_error *err)
{
    heed_model *m = calloc(1, sizeof *m);

    *model = NULL;
    if (m == NULL) {
        heed_weights_destroy(weights);
        heed_tokenizer_destroy(tokenizer);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a model");
    }
    m->config = weights->config;
    m->weights = weights;
    m->tokenizer = tokenizer;
    m->end_of_text = tokenizer != NULL ? heed_tokenizer_end_of_text(tokenizer) : -1;
    *model = m;
    return HEED_OK;
}

heed_status heed_model_create(const heed_config *config, uint64_t seed, heed_model **model, heed_error *err)
{
    heed_weights *weights = NULL;
    heed_status status = heed_config_check(config, err);

    *model = NULL;
    if (status == HEED_OK)
        status = heed_weights_create(config, &weights, err);
    if (status == HEED_OK)
        status = heed_weights_place(weights, NULL, err);
    if (status != HEED_OK) {
        heed_weights_destroy(weights);
        return status;
    }
    heed_weights_init(weights, seed);
    return heed_model_wrap(weights, NULL, model, err);
}

heed_status heed_model_describe(const heed_config *config, heed_model **model, heed_error *err)
{
    heed_weights *weights = NULL;
    heed_status status = heed_config_check(config, err);

    *model = NULL;
    if (status == HEED_OK)
        status = heed_weights_create(config, &weights, err);
    if (status != HEED_OK)
        return status;
    for (int i = 0; i < weights->n; i++)
        weights->list[i].bytes = weights->list[i].count * (int64_t)sizeof(float);
    return heed_model_wrap(weights, NULL, model, err);
}

void heed_model_close(heed_model *model)
{
    if (model == NULL)
        return;
    heed_weights_destroy(model->weights);
    heed_tokenizer_destroy(model->tokenizer);
    heed_shards_close(model->shards);
    free(model);
}

/* --- opening a folder --- */

static heed_status open_tokenizer(const char *folder, const heed_config *config, heed_tokenizer **tokenizer,
                                  heed_error *err)
{
    static const char *const files[] = {"tokenizer.json", "vocab.json"}; /* that one has merges.txt beside it */
    char path[PATH_BYTES];
    bool there = false;
    heed_status status = HEED_OK;

    for (size_t i = 0; status == HEED_OK && !there && i < sizeof files / sizeof files[0]; i++) {
        status = heed_path_join(path, sizeof path, folder, files[i], err);
        there = status == HEED_OK && heed_file_exists(path);
    }
    if (!there)
        return status; /* a model without a tokenizer still has logits */
    status = heed_tokenizer_open(path, NULL, tokenizer, err);
    if (status == HEED_OK && heed_tokenizer_vocab_size(*tokenizer) > config->vocab_size)
        return heed_fail(err, HEED_ERR_FILE, "%s: the tokenizer has %lld tokens, the model only %lld", path,
                         (long long)heed_tokenizer_vocab_size(*tokenizer), (long long)config->vocab_size);
    return status;
}

/* What config.json names, a number or a list of them; ids that no vocabulary of this size has mean none. */
static int32_t end_of_text_of(const json_t *root, int32_t otherwise, int64_t vocab_size)
{
    const json_t *given = json_object_get(root, "eos_token_id");
    const json_t *id = json_is_array(given) ? json_array_get(given, 0) : given;

    if (json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < vocab_size)
        return (int32_t)json_integer_value(id);
    return otherwise;
}

heed_status heed_model_open(const char *folder, heed_model **model, heed_error *err)
{
    heed_config config;
    json_t *root = NULL;
    heed_weights *weights = NULL;
    heed_tokenizer *tokenizer = NULL;
    heed_shards *shards = NULL;
    heed_status status;

    *model = NULL;
    status = heed_config_open(folder, &config, &root, err);
    if (status == HEED_OK)
        status = open_tokenizer(folder, &config, &tokenizer, err);
    if (status == HEED_OK)
        status = heed_shards_open(folder, &shards, err);
    if (status == HEED_OK)
        status = heed_weights_create(&config, &weights, err);
    if (status == HEED_OK)
        status = heed_weights_load(weights, shards, err);
    if (status != HEED_OK) {
        heed_weights_destroy(weights);
        heed_tokenizer_destroy(tokenizer);
        heed_shards_close(shards);
        json_decref(root);
        return status;
    }
    status = heed_model_wrap(weights, tokenizer, model, err);
    if (status == HEED_OK) {
        (*model)->shards = shards;
        (*model)->end_of_text = end_of_text_of(root, (*model)->end_of_text, config.vocab_size);
    } else
        heed_shards_close(shards);
    json_decref(root);
    return status;
}

/* --- looking at it --- */

const heed_config *heed_model_config(const heed_model *model)
{
    return &model->config;
}

bool heed_model_has_tokenizer(const heed_model *model)
{
    return model->tokenizer != NULL;
}

const heed_tokenizer *heed_model_tokenizer(const heed_model *model)
{
    return model->tokenizer;
}

heed_status heed_model_encode(const heed_model *model, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                              heed_error *err)
{
    *ids = NULL;
    *n_ids = 0;
    if (model->tokenizer == NULL)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "the model has no tokenizer.json, nor vocab.json with merges.txt, so a text cannot become tokens");
    return heed_tokenizer_encode(model->tokenizer, text, n, NULL, ids, n_ids, err);
}

const char *heed_model_piece(const heed_model *model, int32_t id, size_t *n)
{
    return model->tokenizer != NULL ? heed_tokenizer_piece(model->tokenizer, id, n) : NULL;
}

int32_t heed_model_end_of_text(const heed_model *model)
{
    return model->end_of_text;
}

int heed_model_n_parameters(const heed_model *model)
{
    return model->weights->n;
}

void heed_model_read_parameter(const heed_model *model, int i, float *out)
{
    const heed_parameter *p = &model->weights->list[i];

    if (p->numbers == NULL) /* only described */
        memset(out, 0, (size_t)p->count * sizeof *out);
    else
        heed_parameter_read(p, 0, p->count, out);
}

heed_parameter heed_model_parameter(const heed_model *model, int i)
{
    return model->weights->list[i];
}
