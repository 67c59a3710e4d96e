/* SPDX-License-Identifier: MIT */
/* Small models whose weights tests change, and what they ask about them. Include after cmocka_all.h. */
#ifndef HEED_TESTS_INSPECT_ABLATION_MODEL_H
#define HEED_TESTS_INSPECT_ABLATION_MODEL_H

#include <heed/ablation.h>
#include <stdio.h>
#include <stdlib.h>

#include "../infer/small_model.h"

enum { N_IDS = 9 }; /* one more than the context: one window */

static const int32_t small_ids[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4};

/* Variants with attention and layers; false behind the last. */
static inline bool attending_variant(int *i, heed_config *config, const char **name)
{
    while (small_variant((*i)++, config, name)) {
        config->context_length = SMALL_CONTEXT;
        if (config->kind == HEED_KIND_GPT && config->attention && config->n_layers > 0)
            return true;
    }
    return false;
}

static inline heed_parameter *parameter_of(const heed_model *model, const char *format, int layer)
{
    char name[128];

    snprintf(name, sizeof name, format, layer);
    for (int i = 0; i < model->weights->n; i++) {
        if (strcmp(model->weights->list[i].name, name) == 0)
            return &model->weights->list[i];
    }
    return NULL;
}

/* W_O of a layer, [d_model, d_model]: head h reads rows h * head_dim and on. */
static inline void silence_head(heed_model *model, int layer, int head)
{
    const int64_t d = model->config.d_model, head_dim = d / model->config.n_heads;
    heed_parameter *w = parameter_of(model, "h.%d.attn.c_proj.weight", layer);

    assert_non_null(w);
    assert_int_equal(w->count, d * d);
    memset((float *)(uintptr_t)w->data + head * head_dim * d, 0, (size_t)(head_dim * d) * sizeof(float));
}

static inline heed_ablation *ablate(const heed_model *model, const int32_t *ids, size_t n, const char *list,
                                    const heed_ablate_options *options)
{
    heed_component parts[64];
    heed_ablation *a = NULL;
    heed_error err = {0};
    int n_parts = 0;

    if (heed_components_read(model, list, parts, 64, &n_parts, &err) != HEED_OK ||
        heed_ablation_create(model, ids, n, parts, n_parts, options, &a, &err) != HEED_OK)
        fail_msg("%s: %s", list, err.message);
    return a;
}

static inline heed_ablate_options without_controls(int method)
{
    heed_ablate_options options = heed_ablate_default();

    options.method = method;
    options.n_controls = 0;
    return options;
}

#endif
