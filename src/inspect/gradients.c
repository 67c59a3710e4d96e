/* SPDX-License-Identifier: MIT */
/* The gradients of a text's loss, measured one after the other; groups are sums of squares. */
#include <heed/gradients.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/forward.h"
#include "nn/part.h"

typedef struct measuring {
    heed_gradients *out;
    const heed_graph *g;
    heed_node *loss; /* the node that holds it */
} measuring;

/* Whose gradient the node is. */
static heed_gradient_norms *entry_of(const measuring *m, const heed_node *node)
{
    for (int i = 0; i < m->out->n; i++) {
        if (heed_graph_find(m->g, m->out->list[i].name)->grad == node)
            return &m->out->list[i];
    }
    return NULL;
}

static void measure(void *context, const heed_node *node, const heed_tensor *value)
{
    measuring *m = context;
    heed_gradient_norms *entry = entry_of(m, node);
    double squares = 0.0;

    if (node == m->loss) {
        m->out->loss = (double)heed_tensor_get(value, 0);
        return;
    }
    for (int64_t r = 0; entry != NULL && r < heed_rows(value); r++) {
        const float *row = heed_row(value, r);
        for (int64_t i = 0; i < heed_cols(value); i++) {
            squares += (double)row[i] * (double)row[i];
            entry->n_zero += row[i] == 0.0f;
            entry->n_bad += !isfinite(row[i]);
        }
    }
    if (entry != NULL)
        entry->gradient = sqrt(squares);
}

static void measure_weights(const heed_model *model, int i, float *numbers, heed_gradient_norms *entry)
{
    double squares = 0.0;

    heed_model_read_parameter(model, i, numbers);
    for (int64_t k = 0; k < entry->count; k++)
        squares += (double)numbers[k] * (double)numbers[k];
    entry->weight = sqrt(squares);
}

/* The list of parameters with the norms of their weights. */
static heed_status list_weights(const heed_model *model, heed_gradients *out, heed_error *err)
{
    const int n = heed_model_n_parameters(model);
    int64_t most = 1;
    float *numbers;

    for (int i = 0; i < n; i++)
        most = heed_model_parameter(model, i).count > most ? heed_model_parameter(model, i).count : most;
    out->list = calloc((size_t)n + 1, sizeof *out->list);
    numbers = malloc((size_t)most * sizeof *numbers);
    if (out->list == NULL || numbers == NULL) {
        free(numbers);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to measure %d parameters", n);
    }
    for (int i = 0; i < n; i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        out->list[out->n++] = (heed_gradient_norms){.name = p.name,
                                                    .component = p.component,
                                                    .layer = heed_part_name(NULL, 0, p.name),
                                                    .count = p.count};
        measure_weights(model, i, numbers, &out->list[i]);
    }
    free(numbers);
    return HEED_OK;
}

/* A parameter that the loss does not depend on has a gradient of zeros. */
static heed_status run(heed_forward *f, heed_gradients *out, heed_error *err)
{
    measuring m = {.out = out, .g = heed_forward_graph(f)};
    heed_node **nodes = calloc((size_t)out->n + 1, sizeof *nodes);
    heed_status status;
    int n = 0;

    if (nodes == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of gradients");
    nodes[n++] = m.loss = heed_graph_value_of(heed_forward_gpt(f)->loss);
    for (int i = 0; i < out->n; i++) {
        heed_node *gradient = heed_graph_find(m.g, out->list[i].name)->grad;
        if (gradient != NULL)
            nodes[n++] = gradient;
        else
            out->list[i].n_zero = out->list[i].count;
    }
    status = heed_forward_run(f, nodes, n, measure, &m, err);
    free(nodes);
    return status;
}

heed_status heed_model_gradients(const heed_model *model, const int32_t *ids, size_t n, heed_gradients *out,
                                 heed_error *err)
{
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = (int64_t)n};
    heed_forward *f = NULL;
    heed_status status;

    *out = (heed_gradients){0};
    if (n < 2)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "gradients: expected at least two tokens, one that predicts and one that comes, got %zu", n);
    status = heed_forward_create(model, &in, true, 0, &f, err);
    if (status == HEED_OK)
        status = list_weights(model, out, err);
    if (status == HEED_OK)
        status = run(f, out, err);
    heed_forward_destroy(f);
    if (status != HEED_OK)
        heed_gradients_free(out);
    return status;
}

void heed_gradients_free(heed_gradients *gradients)
{
    free(gradients->list);
    *gradients = (heed_gradients){0};
}

heed_gradient_norms heed_gradients_sum(const heed_gradients *gradients, const char *component, int layer)
{
    heed_gradient_norms sum = {.component = component, .layer = layer};

    for (int i = 0; i < gradients->n; i++) {
        const heed_gradient_norms *p = &gradients->list[i];
        if ((component != NULL && strcmp(p->component, component) != 0) ||
            (layer != HEED_ANY_LAYER && p->layer != layer))
            continue;
        sum.count += p->count;
        sum.gradient += p->gradient * p->gradient;
        sum.weight += p->weight * p->weight;
        sum.n_zero += p->n_zero;
        sum.n_bad += p->n_bad;
    }
    sum.gradient = sqrt(sum.gradient);
    sum.weight = sqrt(sum.weight);
    return sum;
}
