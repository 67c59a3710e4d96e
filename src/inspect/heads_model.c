/* SPDX-License-Identifier: MIT */
/*
 * The heads of a model on ids, and which of these part words or sentences.
 *
 * A pattern is measured as soon as its layer has run, so at most one layer's patterns exist at a time. Elements run
 * together where those patterns are small, else one after the other: a run of its own packs the weights again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "inspect/forward.h"
#include "inspect/heads.h"

/* --- tokens that part words or sentences --- */

static bool is_special(const heed_tokenizer *tokenizer, int32_t id)
{
    for (int i = 0; i < heed_tokenizer_n_added(tokenizer); i++) {
        const heed_added_token added = heed_tokenizer_added(tokenizer, i);
        if (added.id == id && added.special)
            return true;
    }
    return false;
}

/* White space, and what ends sentences or their parts, in Latin and in wide form. */
static bool parts_text(uint32_t code)
{
    static const uint32_t codes[] = {' ',    '\t',   '\n',   '\r',   '\v',   '\f',  0xa0,   0x3000,
                                     '.',    ',',    ';',    ':',    '!',    '?',   0x3001, 0x3002,
                                     0xff01, 0xff0c, 0xff0e, 0xff1a, 0xff1b, 0xff1f};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

static bool is_delimiter(const heed_model *model, int32_t id)
{
    size_t n = 0, at = 0;
    const char *piece = heed_model_piece(model, id, &n);

    if (id == heed_model_end_of_text(model) || is_special(heed_model_tokenizer(model), id))
        return true;
    while (piece != NULL && at < n) {
        uint32_t code = 0;
        const size_t bytes = heed_utf8_decode(piece + at, n - at, &code);
        if (bytes == 0 || !parts_text(code))
            return false;
        at += bytes;
    }
    return n > 0 && piece != NULL;
}

bool heed_head_delimiters(const heed_model *model, const int32_t *ids, int64_t n, uint8_t *out)
{
    if (!heed_model_has_tokenizer(model))
        return false;
    for (int64_t i = 0; i < n; i++)
        out[i] = is_delimiter(model, ids[i]);
    return true;
}

/* --- running the model --- */

#define PATTERNS_BYTES ((int64_t)64 << 20) /* of a layer's patterns that run together */

typedef struct looking {
    heed_heads *heads;
    int64_t element, n; /* these run */
    heed_node **nodes;  /* [n_layers] patterns, then the losses of tokens where they are wanted */
    int n_layers;
    float *losses; /* [batch, length] or NULL */
} looking;

static void show(void *context, const heed_node *node, const heed_tensor *value)
{
    const looking *l = context;
    const int64_t T = heed_heads_length(l->heads);

    for (int layer = 0; layer < l->n_layers; layer++) {
        if (node == l->nodes[layer])
            heed_heads_take(l->heads, layer, l->element, value);
    }
    for (int64_t t = 0; node == l->nodes[l->n_layers] && t < l->n * T; t++)
        l->losses[l->element * T + t] = heed_tensor_get(value, t);
}

static heed_status look_at_elements(const heed_model *model, looking *l, int threads, heed_error *err)
{
    const int64_t T = heed_heads_length(l->heads);
    const heed_forward_ids in = {heed_heads_ids(l->heads) + l->element * T, NULL, l->n, T};
    heed_forward *f = NULL;
    char name[HEED_MAX_NAME];
    heed_status status = heed_forward_create(model, &in, false, threads, &f, err);

    if (status != HEED_OK)
        return status;
    for (int layer = 0; layer < l->n_layers; layer++) {
        snprintf(name, sizeof name, "blocks.%d.attn.pattern", layer);
        l->nodes[layer] = heed_forward_find(f, name);
    }
    l->nodes[l->n_layers] = l->losses != NULL ? heed_forward_find(f, "token_loss") : NULL;
    status = heed_forward_run(f, l->nodes, l->n_layers + (l->losses != NULL), show, l, err);
    heed_forward_destroy(f);
    return status;
}

heed_status heed_heads_run(heed_heads *heads, const heed_model *model, int threads, float *losses,
                           heed_error *err)
{
    const int64_t T = heed_heads_length(heads), B = heed_heads_batch(heads);
    const double each = (double)heed_heads_n_heads(heads) * (double)T * (double)T * sizeof(float);
    const int64_t together = each < PATTERNS_BYTES ? PATTERNS_BYTES / (int64_t)each : 1;
    looking l = {.heads = heads, .n_layers = heed_heads_n_layers(heads), .losses = losses};
    heed_status status = HEED_OK;

    l.nodes = calloc((size_t)l.n_layers + 1, sizeof(heed_node *));
    if (l.nodes == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    for (; l.element < B && status == HEED_OK; l.element += l.n) {
        l.n = B - l.element < together ? B - l.element : together;
        status = look_at_elements(model, &l, threads, err);
    }
    free(l.nodes);
    return status;
}

heed_status heed_heads_check_model(const heed_model *model, heed_error *err)
{
    const heed_config *c = &model->config;

    if (c->kind != HEED_KIND_GPT || !c->attention || c->n_layers == 0)
        return heed_fail(err, HEED_ERR_USAGE, "this model has no attention to look at");
    return HEED_OK;
}

heed_heads_plan heed_heads_plan_of(const heed_model *model, const int32_t *ids, int64_t batch, int64_t length)
{
    return (heed_heads_plan){.ids = ids,
                             .batch = batch,
                             .length = length,
                             .mask = {.causal = model->config.causal, .window = model->config.window},
                             .n_layers = (int)model->config.n_layers,
                             .n_heads = (int)model->config.n_heads};
}

/* Every id is looked up by the tokenizer, so ids are checked before. */
static heed_status check_ids(const heed_model *model, const int32_t *ids, int64_t batch, int64_t length,
                             size_t *n, heed_error *err)
{
    const int64_t V = model->config.vocab_size;

    if (batch < 1 || length < 1 || !heed_size_mul((size_t)batch, (size_t)length, n))
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one token to read, got %lld times %lld",
                         (long long)batch, (long long)length);
    for (size_t i = 0; i < *n; i++) {
        if (ids[i] < 0 || ids[i] >= V)
            return heed_fail(err, HEED_ERR_USAGE, "token %zu: expected an id from 0 to %lld, got %d", i,
                             (long long)V - 1, (int)ids[i]);
    }
    return length > model->config.context_length ? heed_config_check_length(&model->config, length, err)
                                                 : HEED_OK;
}

heed_status heed_heads_look(const heed_model *model, const int32_t *ids, int64_t batch, int64_t length,
                            const heed_heads_options *options, heed_heads **out, heed_error *err)
{
    heed_heads_plan what = heed_heads_plan_of(model, ids, batch, length);
    uint8_t *delimiters = NULL;
    size_t n = 0;
    heed_status status = heed_heads_check_model(model, err);

    *out = NULL;
    if (status == HEED_OK)
        status = check_ids(model, ids, batch, length, &n, err);
    if (status != HEED_OK)
        return status;
    delimiters = malloc(n);
    if (delimiters == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %zu tokens", n);
    if (options != NULL)
        what.options = *options;
    if (heed_head_delimiters(model, ids, (int64_t)n, delimiters))
        what.delimiters = delimiters;
    status = heed_heads_prepare(&what, out, err);
    if (status == HEED_OK)
        status = heed_heads_run(*out, model, what.options.threads, NULL, err);
    if (status != HEED_OK) {
        heed_heads_destroy(*out);
        *out = NULL;
    }
    free(delimiters);
    return status;
}
