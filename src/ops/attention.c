/* SPDX-License-Identifier: MIT */
/*
 * Scaled dot-product attention over all heads.      q, k, v, ..  ->  z, lse, max, sum, entropy, scores, pattern
 *
 *   z_i = sum_j p_ij v_j        over the keys j that query i sees
 *
 * with p_ij from the scores s_ij, and all that may be added to those, as in attention_pairs.c.
 *
 *   q [B, H, n_query, D]     k [B, Hkv, n_key, D]     v [B, Hkv, n_key, Dv]
 *   z [B, H, n_query, Dv]    lse, max, sum, entropy [B, H, n_query]    scores, pattern [B, H, n_query, n_key]
 *
 * Head h reads key/value head h * Hkv / H. Query i stands at position n_key - n_query + i, or where it is put; who sees
 * whom is in heed/mask.h. With `past` (a cache with room for more; one number, or one for each row of the batch) only the
 * first past + n_query keys exist. A query
 * that sees nothing gets zeros. z lies in memory as [B, n_query, H, Dv], so that merging the heads costs nothing.
 *
 * The scores are not stored unless they are asked for: memory is linear in n_key. The gradient reads z, max and sum and
 * forms the scores again (attention_backward.c); the other outputs are there to be looked at and have none.
 * Source: Vaswani et al. 2017 (arXiv:1706.03762) 3.2.1; shared heads: Ainslie et al. 2023 (arXiv:2305.13245).
 */
#include <math.h>

#include "kernels/mask.h"
#include "ops/attention_fast.h"
#include "ops/list.h"

enum { Q, K, V, EXTRA, N_INPUTS = EXTRA + HEED_ATTENTION_EXTRAS };
enum {
    Z = HEED_ATTENTION_Z,
    LSE = HEED_ATTENTION_LSE,
    MAX = HEED_ATTENTION_MAX,
    SUM = HEED_ATTENTION_SUM,
    ENTROPY = HEED_ATTENTION_ENTROPY,
    SCORES = HEED_ATTENTION_SCORES,
    PATTERN = HEED_ATTENTION_PATTERN,
};

static bool attention_shape(heed_graph *g, heed_node *z)
{
    const int64_t *q = z->in[Q]->tensor.shape.size, *k = z->in[K]->tensor.shape.size;

    if (!heed_attention_check(g, z, EXTRA, true, true))
        return false;
    const int64_t B = q[0], H = q[1], T = q[2], Dv = z->in[V]->tensor.shape.size[3];

    heed_node_set_shape(z, Z, z->in[Q]->tensor.dtype, heed_shape4(B, H, T, Dv));
    z->tensor.stride[0] = T * H * Dv;
    z->tensor.stride[1] = Dv;
    z->tensor.stride[2] = H * Dv;
    for (int k_out = LSE; k_out <= ENTROPY; k_out++)
        heed_node_set_shape(z, k_out, HEED_F32, heed_shape3(B, H, T));
    for (int k_out = SCORES; k_out <= PATTERN; k_out++)
        heed_node_set_shape(z, k_out, HEED_F32, heed_shape4(B, H, T, k[2]));
    return true;
}

/* --- the reference ------------------------------------------------------------------------------- */

enum { PART = 64 }; /* numbers of z_i that are summed side by side */

/* sum = numbers d .. d+n-1 of z_i. */
static void sum_values(const heed_attention_row *row, int64_t d, int64_t n, float *sum)
{
    const heed_attention_run *run = row->run;

    for (int64_t c = 0; c < n; c++)
        sum[c] = 0.0f;
    for (int64_t j = 0; j < run->n_key; j++) {
        if (!heed_attention_weighs(row, j))
            continue;
        const heed_attention_numbers v = heed_attention_numbers_of(run->v, row->b, row->h / run->group, j);
        const float p = heed_attention_pattern(row, j);

        for (int64_t c = 0; c < n; c++)
            sum[c] += p * heed_attention_number(&v, d + c);
    }
}

/* Score or weight of key j; keys that do not exist yet have none. */
static float shown_pair(const heed_attention_row *row, int output, int64_t j)
{
    const bool exists = j < row->run->n_key;

    if (output == SCORES)
        return exists ? heed_attention_shown_score(row, j) : -INFINITY;
    return exists ? heed_attention_pattern(row, j) : 0.0f;
}

static float statistic(const heed_attention_row *row, int output)
{
    switch (output) {
    case LSE:
        return heed_attention_lse(row);
    case MAX:
        return row->max;
    case SUM:
        return row->sum;
    default:
        return heed_attention_entropy(row);
    }
}

static void attend(const heed_op_args *a, const heed_attention_row *row)
{
    const int64_t at = heed_attention_numbers_of(a->out, row->b, row->h, row->i).at, v_dim = row->run->v_dim;

    for (int64_t d = 0; d < v_dim; d += PART) {
        const int64_t n = v_dim - d < PART ? v_dim - d : PART;
        float sum[PART];

        sum_values(row, d, n, sum);
        for (int64_t c = 0; c < n; c++)
            heed_attention_put(a->out, at + d + c, sum[c]);
    }
}

static void show(const heed_op_args *a, const heed_attention_row *row)
{
    const heed_attention_run *run = row->run;
    const int64_t number = (row->b * run->n_heads + row->h) * run->n_query + row->i;

    for (int k = LSE; k <= ENTROPY; k++) {
        if (a->outs[k] != NULL)
            ((float *)a->outs[k]->data)[number] = statistic(row, k);
    }
    for (int k = SCORES; k <= PATTERN; k++) {
        for (int64_t j = 0; a->outs[k] != NULL && j < run->capacity; j++)
            ((float *)a->outs[k]->data)[number * run->capacity + j] = shown_pair(row, k, j);
    }
}

static void attention_forward(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, true);

    for (int64_t b = 0; b < run.batch; b++) {
        const heed_attention_run own = heed_attention_run_in(&run, b);

        for (int64_t h = 0; h < run.n_heads; h++) {
            for (int64_t i = 0; i < run.n_query; i++) {
                const heed_attention_row row = heed_attention_row_of(&own, b, h, i);

                attend(a, &row);
                show(a, &row);
            }
        }
    }
}

/* --- the rest ------------------------------------------------------------------------------------ */

static void attention_fast(const heed_op_args *a)
{
    const heed_attention_run run = heed_attention_run_of(a, EXTRA, true);

    heed_attention_fast(a, &run);
}

static size_t attention_workspace(const heed_node *z, heed_device *device)
{
    const heed_attention_run run = heed_attention_run_of_node(z, EXTRA, true);

    return heed_attention_fast_workspace(&run, device);
}

static void attention_grad(heed_graph *g, heed_node *z, heed_node *const *dy, heed_node **dx)
{
    enum { OWN = 7, GIVEN = OWN + HEED_ATTENTION_EXTRAS };
    static const int wanted[] = {Q,
                                 K,
                                 V,
                                 EXTRA + HEED_ATTENTION_BIAS,
                                 EXTRA + HEED_ATTENTION_Q_RELATIVE,
                                 EXTRA + HEED_ATTENTION_RELATIVE}; /* in the order of the outputs */
    heed_node *in[GIVEN] = {z->in[Q], z->in[K], z->in[V], z, z->outputs[MAX], z->outputs[SUM]};
    const heed_node *past = z->in[EXTRA + HEED_ATTENTION_PAST];
    heed_node *dq;

    if (dy[Z] == NULL)
        return;
    if (past != NULL && past->tensor.shape.rank > 0) {
        heed_graph_fail(g, z, HEED_ERR_SHAPE, "a past for each row is for generation; it has no gradient");
        return;
    }
    in[OWN - 1] = z->tensor.dtype == HEED_BF16 && dy[Z]->tensor.dtype == HEED_F32 ? heed_to_bf16(g, dy[Z])
                                                                                  : dy[Z];
    for (int i = 0; i < HEED_ATTENTION_EXTRAS; i++)
        in[OWN + i] = z->in[EXTRA + i];
    dq = heed_attention_backward(g, in, GIVEN, z->attrs);
    for (int i = 0; i < 6 && dq != NULL; i++) {
        if (heed_node_wants_grad(z->in[wanted[i]]))
            dx[wanted[i]] = dq->outputs[i];
    }
}

/* Two multiply-adds a number of k and v, and one of q_relative, for the pairs that see each other. */
/* What is only there to be looked at, and written for nobody else, is not counted. */
static void attention_cost(const heed_node *z, heed_cost *cost)
{
    static const int shown[] = {LSE, ENTROPY, SCORES, PATTERN};
    const heed_attention_run run = heed_attention_run_of_node(z, EXTRA, true);
    const int64_t numbers = run.head_dim * (run.extra[HEED_ATTENTION_RELATIVE] != NULL ? 2 : 1) + run.v_dim;

    cost->flops += 2.0 * (double)numbers * heed_attention_pairs(&run);
    heed_cost_add_traffic(z, cost);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        cost->bytes_written -= (double)sizeof(float) * (double)heed_tensor_count(&z->outputs[shown[i]]->tensor);
}

static void describe(heed_explanation *e, const heed_attention_row *row, int output, int64_t j)
{
    const double scale = (double)row->run->attrs->scale;
    const long long i = (long long)row->i, key = (long long)j;

    switch (output) {
    case Z:
        heed_explain_formula(
            e, "z_i = sum_j p_ij v_j, p_ij = softmax_j(%g s_ij) over the keys that query %lld sees", scale, i);
        break;
    case LSE:
        heed_explain_formula(e, "lse_i = log sum_j exp(%g s_ij) over the keys that query %lld sees", scale, i);
        break;
    case MAX:
        heed_explain_formula(e, "max_i = max_j s_ij over the keys that query %lld sees", i);
        break;
    case SUM:
        heed_explain_formula(e, "sum_i = sum_j exp(%g (s_ij - max_i)) over the keys that query %lld sees",
                             scale, i);
        break;
    case ENTROPY:
        heed_explain_formula(
            e, "-sum_j p_ij log p_ij, p_ij = softmax_j(%g s_ij) over the keys that query %lld sees", scale, i);
        break;
    case SCORES:
        heed_explain_formula(e, "%g s_ij, query %lld and key %lld", scale, i, key);
        break;
    default:
        heed_explain_formula(e, "p_ij = softmax_j(%g s_ij), query %lld and key %lld", scale, i, key);
    }
}

/* Number d of the values of these keys. */
static heed_figures read_column(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                                heed_key_range range, int64_t d)
{
    const heed_attention_run *run = row->run;
    const int64_t kv = (row->b * run->n_kv_heads + row->h / run->group) * run->capacity;

    return heed_explain_operand(e, a, V, "v", (kv + range.begin) * run->v_dim + d, run->v_dim,
                                range.end - range.begin);
}

/* z_i, or the entropy of the weights: both go over the keys that take part. */
static void explain_mean(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row,
                         const heed_attention_figures *figures, int output, int64_t d)
{
    const heed_attention_run *run = row->run;
    heed_key_range range = heed_mask_range(&row->mask, row->i, row->i + 1, run->n_key);
    heed_figure_list p = {0}, values = {0};

    if (row->blind)
        range = (heed_key_range){0, run->n_key};
    const heed_figures v = output == Z ? read_column(e, a, row, range, d) : (heed_figures){0};

    heed_explain_enter(e);
    for (int64_t j = range.begin; j < range.end; j++) {
        if (!heed_attention_weighs(row, j))
            continue;
        const heed_figure p_j = heed_attention_explain_weight(e, row, j, figures->scores[j], figures->m,
                                                              figures->sum);
        if (output == ENTROPY && p_j.value == 0.0) /* p log p goes to 0 with p */
            continue;
        heed_explain_add(e, &p, p_j);
        if (output == Z)
            heed_explain_add(e, &values, heed_explain_at(e, v, j - range.begin));
    }
    heed_explain_leave(e);
    if (output == Z)
        heed_explain_sum(e, "z", p.n, "p[j] * v[j]", heed_figures_of(p.figures),
                         heed_figures_of(values.figures));
    else
        heed_explain_sum(e, "entropy", p.n, "-(p[j] * log(p[j]))", heed_figures_of(p.figures));
}

/* False for a key that is hidden or does not exist yet. */
static bool is_shown(const heed_attention_row *row, int output, int64_t j)
{
    return j < row->run->n_key &&
           (output == SCORES ? heed_attention_sees(row, j) : heed_attention_weighs(row, j));
}

/* What is made of the whole row. */
static void explain_row(heed_explanation *e, const heed_op_args *a, const heed_attention_row *row, int output,
                        int64_t c)
{
    heed_attention_figures figures = heed_attention_explain_scores(e, a, row, EXTRA);
    const heed_figure scale = heed_constant((double)row->run->attrs->scale);

    if (output == MAX)
        return;
    heed_attention_explain_sum(e, row, &figures);
    if (output == LSE && row->blind)
        heed_explain_step(e, "lse", "-1e9 + log(sum)", figures.sum);
    else if (output == LSE)
        heed_explain_step(e, "lse", "scale * m + log(sum)", scale, figures.m, figures.sum);
    else if (output == PATTERN)
        heed_attention_explain_weight(e, row, c, figures.scores[c], figures.m, figures.sum);
    else if (output != SUM)
        explain_mean(e, a, row, &figures, output, c);
}

static void attention_explain(const heed_op_args *a, int output, int64_t element, heed_explanation *e)
{
    const heed_attention_run all = heed_attention_run_of(a, EXTRA, true);
    const int64_t columns = output == Z ? all.v_dim : output >= SCORES ? all.capacity : 1;
    const int64_t number = element / columns, c = element % columns; /* of the query; its element */
    const int64_t bh = number / all.n_query, b = bh / all.n_heads, h = bh % all.n_heads;
    const heed_attention_run run = heed_attention_run_in(&all, b);
    const heed_attention_row row = heed_attention_row_begin(&run, b, h, number % run.n_query);

    describe(e, &row, output, c);
    if (output >= SCORES && !is_shown(&row, output, c)) {
        heed_attention_explain_mask(e, a, &run, EXTRA, &row);
        heed_attention_explain_hidden_pair(e, &row, c, output == SCORES ? "score" : "p",
                                           shown_pair(&row, output, c));
    } else if (output == SCORES) {
        heed_attention_explain_scaled(e, a, &row, EXTRA, c);
    } else {
        explain_row(e, a, &row, output, c);
    }
}

const heed_op heed_op_attention = {
    .name = "attention",
    .n_inputs = N_INPUTS,
    .required_inputs = EXTRA,
    .n_outputs = PATTERN + 1,
    .shape = attention_shape,
    .forward = attention_forward,
    .fast = attention_fast,
    .grad = attention_grad,
    .cost = attention_cost,
    .explain = attention_explain,
    .workspace = attention_workspace,
};

heed_node *heed_attention(heed_graph *g, heed_node *q, heed_node *k, heed_node *v,
                          const heed_attention_options *options)
{
    const heed_attention_attrs attrs = heed_attention_attrs_of(q, options);
    heed_node *in[N_INPUTS] = {q, k, v};

    heed_attention_extras_of(options, in + EXTRA);
    return heed_node_append_list(g, &heed_op_attention, &attrs, sizeof attrs, in, N_INPUTS);
}
