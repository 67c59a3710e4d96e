/* SPDX-License-Identifier: MIT */
#include "workbook/demos/small_model.h"

heed_model *heed_demo_small_model(heed_demoing *d, int64_t vocab_size, int64_t context_length)
{
    heed_config config = heed_config_default();
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return NULL;
    config.vocab_size = vocab_size;
    config.context_length = context_length;
    config.n_layers = 2;
    config.d_model = 64;
    config.n_heads = 4;
    config.tied_head = false;
    heed_demo_ok(d, heed_model_create(&config, heed_rng_u64(&d->rng), &model, &err), &err);
    return model;
}

int32_t *heed_demo_ids(heed_demoing *d, int64_t n, int64_t n_ids)
{
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, n);

    for (int64_t i = 0; ids != NULL && i < n; i++)
        ids[i] = (int32_t)heed_rng_below(&d->rng, n_ids);
    return ids;
}

typedef struct copying {
    heed_demoing *d;
    heed_grid out;
} copying;

static void copy_out(void *context, const heed_node *node, const heed_tensor *value)
{
    copying *c = context;
    const int64_t n = heed_tensor_count(value);
    const int64_t columns = value->shape.rank > 0 ? value->shape.size[value->shape.rank - 1] : 1;

    (void)node;
    c->out = heed_grid_make(&c->d->s, n / columns, columns);
    for (int64_t i = 0; i < c->out.rows * columns; i++)
        c->out.data[i] = (double)heed_tensor_get(value, i);
}

heed_grid heed_demo_read(heed_demoing *d, const heed_model *model, const heed_forward_ids *ids,
                         const char *name)
{
    copying c = {d, {0, 0, NULL}};
    heed_forward *forward = NULL;
    heed_error err = {HEED_OK, ""};
    heed_node *node;

    if (d->s.status != HEED_OK ||
        !heed_demo_ok(d, heed_forward_create(model, ids, false, 1, &forward, &err), &err))
        return c.out;
    node = heed_forward_find(forward, name);
    if (node == NULL)
        heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "a model computes no %s", name);
    else
        heed_demo_ok(d, heed_forward_run(forward, &node, 1, copy_out, &c, &err), &err);
    heed_forward_destroy(forward);
    return c.out;
}
