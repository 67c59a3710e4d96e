/* SPDX-License-Identifier: MIT */
/* The nearest rows of a table, with the table read once for all the tokens that are asked about. */
#include <heed/neighbours.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "graph/graph.h"
#include "nn/model.h"

typedef struct search {
    heed_tensor table; /* [V, d] in any precision */
    int64_t V, d;
    double *mean;  /* [d]; zeros where nothing is taken off */
    double *asked; /* [n, d] */
    double *norms; /* [n] */
    double *row;   /* [d] */
} search;

/* Row `id` less the mean; its length. */
static double read_row(const search *s, int64_t id, double *row)
{
    double squares = 0.0;

    for (int64_t i = 0; i < s->d; i++) {
        row[i] = (double)heed_matrix_get(&s->table, id, i) - s->mean[i];
        squares += row[i] * row[i];
    }
    return sqrt(squares);
}

static void find_mean(search *s)
{
    for (int64_t id = 0; id < s->V; id++) {
        for (int64_t i = 0; i < s->d; i++)
            s->row[i] += (double)heed_matrix_get(&s->table, id, i);
    }
    for (int64_t i = 0; i < s->d; i++)
        s->mean[i] = s->row[i] / (double)s->V;
}

/* Puts one token in its place among the n_out nearest so far. */
static void insert(heed_neighbour *list, int n_out, heed_neighbour it, bool by_dot)
{
    const double score = by_dot ? it.dot : it.cosine;
    int at = n_out;

    while (at > 0 && (list[at - 1].id < 0 || score > (by_dot ? list[at - 1].dot : list[at - 1].cosine)))
        at--;
    if (at == n_out || isnan(score))
        return;
    for (int i = n_out - 1; i > at; i--)
        list[i] = list[i - 1];
    list[at] = it;
}

static void compare_with(search *s, int64_t id, const int32_t *ids, int n, const heed_neighbour_options *o,
                         int n_out, heed_neighbour *out)
{
    const double norm = read_row(s, id, s->row);

    for (int k = 0; k < n; k++) {
        const double both = norm * s->norms[k];
        double dot = 0.0;
        if (ids[k] == id)
            continue;
        for (int64_t i = 0; i < s->d; i++)
            dot += s->row[i] * s->asked[k * s->d + i];
        insert(out + (int64_t)k * n_out, n_out,
               (heed_neighbour){(int32_t)id,
                                both > 0.0    ? dot / both
                                : both == 0.0 ? 0.0
                                              : NAN,
                                dot},
               o->by_dot);
    }
}

static heed_status check(const heed_model *model, const int32_t *ids, int n, int n_out, heed_error *err)
{
    const int64_t V = model->config.vocab_size;

    if (model->config.kind == HEED_KIND_BIGRAM)
        return heed_fail(err, HEED_ERR_USAGE, "a bigram model has a table of logits and no embeddings");
    if (n_out < 1)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one neighbour to find, got %d", n_out);
    for (int k = 0; k < n; k++) {
        if (ids[k] < 0 || ids[k] >= V)
            return heed_fail(err, HEED_ERR_USAGE, "expected a token id from 0 to %lld, got %d",
                             (long long)V - 1, (int)ids[k]);
    }
    return HEED_OK;
}

/* The table as a tensor, by a graph of one parameter that the model's numbers are bound to. */
static heed_status open_table(const heed_model *model, bool head, search *s, heed_graph *g, heed_error *err)
{
    const heed_config *c = &model->config;
    const char *name = head && !c->tied_head ? "lm_head.weight" : "wte.weight";
    const heed_node *node = heed_graph_weight(g, name, heed_weights_dtype(model->weights, name),
                                              heed_shape2(c->vocab_size, c->d_model));
    const heed_status status = heed_graph_status(g, err);

    if (status != HEED_OK)
        return status;
    heed_weights_bind(model->weights, g);
    s->table = node->tensor;
    return HEED_OK;
}

heed_status heed_model_neighbours(const heed_model *model, const int32_t *ids, int n,
                                  const heed_neighbour_options *options, int n_out, heed_neighbour *out,
                                  heed_error *err)
{
    search s = {.V = model->config.vocab_size, .d = model->config.d_model};
    heed_graph *g = NULL;
    heed_status status = check(model, ids, n, n_out, err);

    if (status != HEED_OK)
        return status;
    for (int64_t i = 0; i < (int64_t)n * n_out; i++)
        out[i] = (heed_neighbour){.id = -1};
    g = heed_graph_create();
    s.mean = calloc((size_t)s.d, sizeof *s.mean);
    s.row = calloc((size_t)s.d, sizeof *s.row);
    s.asked = calloc((size_t)n * (size_t)s.d + 1, sizeof *s.asked);
    s.norms = calloc((size_t)n + 1, sizeof *s.norms);
    if (g == NULL || s.mean == NULL || s.row == NULL || s.asked == NULL || s.norms == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to compare %d tokens", n);
    if (status == HEED_OK)
        status = open_table(model, options->head, &s, g, err);
    if (status == HEED_OK && options->centred)
        find_mean(&s);
    for (int k = 0; status == HEED_OK && k < n; k++)
        s.norms[k] = read_row(&s, ids[k], s.asked + k * s.d);
    for (int64_t id = 0; status == HEED_OK && id < s.V; id++)
        compare_with(&s, id, ids, n, options, n_out, out);
    heed_graph_destroy(g);
    free(s.mean);
    free(s.row);
    free(s.asked);
    free(s.norms);
    return status;
}
