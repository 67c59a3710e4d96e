/* SPDX-License-Identifier: MIT */
/*
 * The scores that attention forms inside, written down.      q [B, H, n_query, D], k [B, Hkv, n_key, D], ..  ->  s
 *
 *   s_ij = scale q_i . k_j + what is added    for the keys j that query i sees, -inf (or -1e9) elsewhere
 *
 *   s [B, H, n_query, n_key]
 *
 * The score of a pair is that of attention_pairs.c, times the scale; who sees whom, and which heads share a key, is as in
 * attention.c. Softmax of s is the attention pattern, and its product with v is attention. Keys that do not exist yet
 * have -inf.
 */
#include <math.h>

#include "base/parallel.h"
#include "ops/attention.h"
#include "ops/list.h"

enum { Q, K, EXTRA, N_INPUTS = EXTRA + HEED_ATTENTION_EXTRAS };

static bool scores_shape(heed_graph *g, heed_node *s)
{
    const int64_t *q = s->in[Q]->tensor.shape.size, *k = s->in[K]->tensor.shape.size;

    if (!heed_attention_check(g, s, EXTRA, false, false))
        return false;
    heed_node_set_shape(s, 0, HEED_F32, heed_shape4(q[0], q[1], q[2], k[2]));
    return true;
}

static heed_attention_row row_number(const heed_attention_run *run, int64_t number)
{
    return heed_attention_row_begin(run, number / run->n_query / run->n_heads,
                                    number / run->n_query % run->n_heads, number % run->n_query);
}

static void scores_forward(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, false);

    for (int64_t number = 0; number < heed_rows(a->out); number++) {
        const heed_attention_row row = row_number(&run, number);
        float *scores = heed_row(a->out, number);

        for (int64_t j = 0; j < run.capacity; j++)
            scores[j] = j < run.n_key ? heed_attention_shown_score(&row, j) : -INFINITY;
    }
}

/* --- fast: the products by a kernel, what is added and hidden as above ---------------------------- */

typedef struct scores_job {
    const heed_op_args *a;
    heed_attention_run run;
} scores_job;

/* scores = q . k so far; adds what the options add, scales, hides. */
static void finish_row(const heed_attention_row *row, float *scores, const heed_kernels *kernels)
{
    const heed_attention_run *run = row->run;
    const heed_tensor *bias = run->extra[HEED_ATTENTION_BIAS], *relative = run->extra[HEED_ATTENTION_RELATIVE];
    const float *added = bias != NULL ? heed_attention_floats(bias, row->b, row->h, row->i) : NULL;
    const int64_t position = run->position + row->i, D = run->head_dim;

    for (int64_t j = 0; j < run->n_key; j++) {
        if (!heed_attention_sees(row, j)) {
            scores[j] = run->attrs->fill_1e9 ? -1e9f : -INFINITY;
            continue;
        }
        if (relative != NULL) {
            float met;

            kernels->rows_dot(
                &met, heed_attention_floats(relative, row->b, row->h, run->attrs->relative_zero + j - position),
                D, heed_attention_floats(run->extra[HEED_ATTENTION_Q_RELATIVE], row->b, row->h, row->i), NULL,
                1, D);
            scores[j] += met;
        }
        scores[j] = run->attrs->scale * scores[j] + (added != NULL ? added[j] : 0.0f) -
                    row->slope * (float)(position - j);
    }
}

static void scores_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const scores_job *job = context;
    const heed_attention_run *run = &job->run;
    const heed_kernels *kernels = job->a->device->kernels;

    (void)thread;
    for (int64_t number = begin; number < end; number++) {
        const heed_attention_row row = row_number(run, number);
        float *scores = heed_row(job->a->out, number);

        kernels->rows_dot(scores, heed_attention_floats(run->k, row.b, row.h / run->group, 0),
                          run->k->stride[2], heed_attention_floats(run->q, row.b, row.h, row.i), NULL,
                          run->n_key, run->head_dim);
        finish_row(&row, scores, kernels);
        for (int64_t j = run->n_key; j < run->capacity; j++)
            scores[j] = -INFINITY;
    }
}

static void scores_fast(const heed_op_args *a)
{
    scores_job job = {.a = a, .run = heed_attention_run_of(a, EXTRA, false)};
    const int64_t row_work = heed_cols(a->out) * heed_cols(a->in[Q]);

    if (a->in[Q]->dtype != HEED_F32)
        scores_forward(a);
    else
        heed_parallel(a->device->n_threads, heed_rows(a->out), 1 + HEED_PIECE / row_work, scores_rows, &job);
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void scores_grad(heed_graph *g, heed_node *s, heed_node *const *dy, heed_node **dx)
{
    enum { OWN = 3, GIVEN = OWN + HEED_ATTENTION_EXTRAS };
    static const int wanted[] = {Q, K, EXTRA + HEED_ATTENTION_BIAS, EXTRA + HEED_ATTENTION_Q_RELATIVE,
                                 EXTRA + HEED_ATTENTION_RELATIVE}; /* in the order of the outputs */
    heed_node *in[GIVEN] = {s->in[Q], s->in[K], dy[0]};
    heed_node *dq;

    for (int i = 0; i < HEED_ATTENTION_EXTRAS; i++)
        in[OWN + i] = s->in[EXTRA + i];
    dq = heed_node_append_list(g, &heed_op_attention_scores_backward, s->attrs, sizeof(heed_attention_attrs),
                               in, GIVEN);
    for (int i = 0; i < 5 && dq != NULL; i++) {
        if (heed_node_wants_grad(s->in[wanted[i]]))
            dx[wanted[i]] = dq->outputs[i];
    }
}

/* A multiply-add a number of k, and one of the distance, for the pairs that see each other. */
static void scores_cost(const heed_node *node, heed_cost *cost)
{
    const heed_attention_run run = heed_attention_run_of_node(node, EXTRA, false);
    const int64_t products = run.extra[HEED_ATTENTION_RELATIVE] != NULL ? 2 : 1;

    cost->flops += 2.0 * (double)(products * run.head_dim) * heed_attention_pairs(&run);
    heed_cost_add_traffic(node, cost);
}

static void scores_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, false);
    const heed_attention_row row = row_number(&run, element / run.capacity);
    const int64_t j = element % run.capacity;

    (void)output;
    if (j < run.n_key && heed_attention_sees(&row, j)) {
        heed_explain_formula(e, "s_ij = %g sum_d q_id k_jd%s", (double)run.attrs->scale,
                             run.attrs->alibi || a->in[EXTRA + HEED_ATTENTION_BIAS] != NULL ||
                                     a->in[EXTRA + HEED_ATTENTION_RELATIVE] != NULL
                                 ? " + what its position and the bias add"
                                 : "");
        heed_attention_explain_scaled(e, a, &row, EXTRA, j);
        return;
    }
    heed_attention_explain_mask(e, a, &run, EXTRA, &row);
    heed_explain_formula(e, "query %lld does not see key %lld", (long long)row.i, (long long)j);
    heed_attention_explain_hidden_pair(e, &row, j, "score",
                                       j < run.n_key ? heed_attention_shown_score(&row, j) : -INFINITY);
}

const heed_op heed_op_attention_scores = {
    .name = "attention_scores",
    .n_inputs = N_INPUTS,
    .required_inputs = EXTRA,
    .shape = scores_shape,
    .forward = scores_forward,
    .fast = scores_fast,
    .grad = scores_grad,
    .cost = scores_cost,
    .explain = scores_explain,
};

heed_node *heed_attention_scores(heed_graph *g, heed_node *q, heed_node *k,
                                 const heed_attention_options *options)
{
    const heed_attention_attrs attrs = heed_attention_attrs_of(q, options);
    heed_node *in[N_INPUTS] = {q, k};

    heed_attention_extras_of(options, in + EXTRA);
    return heed_node_append_list(g, &heed_op_attention_scores, &attrs, sizeof attrs, in, N_INPUTS);
}
