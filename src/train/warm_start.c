/* SPDX-License-Identifier: MIT */
/*
 * A warm start of the embeddings: rows of the token embedding, and of the head where both models have one of its own, come
 * from another model.
 *
 *   same tokens under the same ids   row i is the other's row i, also past the tokenizer's last token
 *   another tokenizer                row i is the other's row of the token with the same bytes; without one it stays as
 *                                    the seed has made it
 *
 * The width must be the same: rows are taken as they are, not projected. Positions come along where that is asked for.
 */
#include <string.h>

#include "base/error.h"
#include "train/trainer.h"

/* The other model's row for each of n rows, or -1. */
static int64_t other_row(const heed_tokenizer *own, const heed_model *other, bool same, int64_t row)
{
    const int64_t n = other->config.vocab_size;
    const char *piece;
    size_t bytes = 0;
    int64_t id;

    if (same)
        return row < n ? row : -1;
    piece = heed_tokenizer_piece(own, row, &bytes);
    id = piece != NULL ? heed_tokenizer_find(other->tokenizer, piece, bytes) : -1;
    return id < n ? id : -1;
}

static int64_t copy_rows(const heed_trainer *t, const heed_model *other, const char *name, bool same)
{
    const heed_parameter *to = heed_weights_find(t->model->weights, name);
    const heed_parameter *from = heed_weights_find(other->weights, name);
    int64_t n_mapped = 0;

    if (to == NULL || from == NULL)
        return 0;
    const int64_t d = to->size[1];

    for (int64_t row = 0; row < to->size[0]; row++) {
        const int64_t id = other_row(t->model->tokenizer, other, same, row);

        if (id < 0)
            continue;
        heed_parameter_read(from, id * d, d, (float *)(uintptr_t)to->data + row * d);
        n_mapped++;
    }
    return n_mapped;
}

static heed_status check(const heed_trainer *t, const heed_model *other, heed_error *err)
{
    const heed_config *own = &t->model->config, *its = &other->config;
    const char *path = t->options.init_embeddings;

    if (own->kind != HEED_KIND_GPT || its->kind != HEED_KIND_GPT)
        return heed_fail(err, HEED_ERR_USAGE,
                         "init_embeddings: expected two models with embeddings, a bigram model has none");
    if (own->d_model != its->d_model)
        return heed_fail(err, HEED_ERR_USAGE,
                         "init_embeddings: the embeddings of %.300s are %lld wide, those of this model %lld "
                         "(d_model); they must be the same",
                         path, (long long)its->d_model, (long long)own->d_model);
    if (other->tokenizer == NULL)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "init_embeddings: %.300s has no tokenizer, so nothing says whose rows its embeddings are", path);
    if (t->options.init_positions &&
        (own->positions != HEED_POSITIONS_LEARNED || its->positions != HEED_POSITIONS_LEARNED))
        return heed_fail(err, HEED_ERR_USAGE,
                         "init_positions: expected two models with learned positions, %s has others",
                         own->positions != HEED_POSITIONS_LEARNED ? "this model" : path);
    return HEED_OK;
}

static void copy_positions(const heed_trainer *t, const heed_model *other)
{
    const heed_parameter *to = heed_weights_find(t->model->weights, "wpe.weight");
    const heed_parameter *from = heed_weights_find(other->weights, "wpe.weight");

    heed_parameter_read(from, 0, from->count < to->count ? from->count : to->count,
                        (float *)(uintptr_t)to->data);
}

heed_status heed_warm_start(heed_trainer *t, heed_error *err)
{
    const char *path = t->options.init_embeddings;
    heed_model *other = NULL;
    heed_status status = heed_model_open(path, &other, err);

    if (status == HEED_OK)
        status = check(t, other, err);
    if (status == HEED_OK)
        status = heed_start_identify(other, path, &t->start.embeddings_hash, err);
    if (status == HEED_OK) {
        const bool same = heed_start_same_tokens(t->model->tokenizer, other->tokenizer);

        t->plan.n_embeddings = t->model->config.vocab_size;
        t->plan.n_embeddings_mapped = copy_rows(t, other, "wte.weight", same);
        copy_rows(t, other, "lm_head.weight", same);
        if (t->options.init_positions)
            copy_positions(t, other);
        if (t->plan.n_embeddings_mapped == 0)
            status = heed_fail(err, HEED_ERR_USAGE,
                               "init_embeddings: %.300s has no token in common with this model", path);
    }
    heed_model_close(other);
    return status;
}
