/* SPDX-License-Identifier: MIT */
/* Look-ups, products, views, attention, the fused head. As in cases_table.c sizes are odd and inputs are met as views. */
#include "cases_products.h"

static heed_node *parameter2(case_graph *c, int64_t rows, int64_t columns)
{
    return case_parameter(c, heed_shape2(rows, columns));
}

/* --- looking up --- */

heed_node *embedding(case_graph *c)
{
    return heed_embedding(c->g, parameter2(c, 7, 5), case_ints(c, heed_shape2(2, 3), 0, 6));
}

heed_node *embedding_one(case_graph *c)
{
    return heed_embedding(c->g, parameter2(c, 1, 1), case_ints(c, heed_shape1(1), 0, 0));
}

heed_node *embedding_many(case_graph *c)
{
    return heed_embedding(c->g, parameter2(c, MANY_ROWS, MANY_COLUMNS),
                          case_ints(c, heed_shape2(3, 37), 0, MANY_ROWS - 1));
}

heed_node *embedding_twice(case_graph *c)
{
    heed_node *table = parameter2(c, 4, 5);
    heed_node *a = heed_embedding(c->g, table, case_ints(c, heed_shape1(6), 0, 3));

    return heed_add(c->g, a, heed_embedding(c->g, table, case_ints(c, heed_shape1(6), 1, 3)));
}

/* The table is the head's matrix too: its gradient is a sum of both uses. */
heed_node *embedding_tied(case_graph *c)
{
    heed_node *table = parameter2(c, 7, 5);
    heed_node *x = heed_embedding(c->g, table, case_ints(c, heed_shape2(2, 3), 0, 6));

    return heed_linear(c->g, x, table, NULL, HEED_WEIGHT_OUT_IN);
}

heed_node *position_embedding(case_graph *c)
{
    return heed_position_embedding(c->g, parameter2(c, 6, 5), NULL, 4);
}

heed_node *position_embedding_past(case_graph *c)
{
    return heed_position_embedding(c->g, parameter2(c, 6, 5), case_int(c, 2), 3);
}

/* Each row of the batch stands elsewhere; rows of the table that two of them look up get both gradients. */
heed_node *position_embedding_rows(case_graph *c)
{
    return heed_position_embedding(c->g, parameter2(c, 6, 5), case_ints(c, heed_shape1(3), 0, 3), 3);
}

/* --- linear: rows of in numbers to rows of out --- */

static heed_node *linear_of(case_graph *c, heed_node *x, int64_t out, bool has_bias, heed_weight_layout layout)
{
    const int64_t in = heed_cols(&x->tensor);
    heed_node *w = layout == HEED_WEIGHT_IN_OUT ? parameter2(c, in, out) : parameter2(c, out, in);

    return heed_linear(c->g, x, w, has_bias ? case_parameter(c, heed_shape1(out)) : NULL, layout);
}

heed_node *linear(case_graph *c)
{
    return linear_of(c, case_parameter(c, heed_shape3(2, 3, 7)), 5, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_one(case_graph *c)
{
    return linear_of(c, parameter2(c, 1, 1), 1, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_no_bias(case_graph *c)
{
    return linear_of(c, parameter2(c, 6, 4), 19, false, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_strided(case_graph *c)
{
    return linear_of(c, heed_narrow(c->g, parameter2(c, 5, 12), 2, 7), 4, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_one_row(case_graph *c)
{
    return linear_of(c, case_parameter(c, heed_shape1(9)), 21, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_two_rows(case_graph *c)
{
    return linear_of(c, heed_narrow(c->g, parameter2(c, 2, 12), 1, 9), 21, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_many(case_graph *c)
{
    return linear_of(c, parameter2(c, MANY_ROWS, MANY_COLUMNS), 131, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_many_one_row(case_graph *c)
{
    return linear_of(c, parameter2(c, 1, MANY_COLUMNS), 333, true, HEED_WEIGHT_IN_OUT);
}

heed_node *linear_out_in(case_graph *c)
{
    return linear_of(c, parameter2(c, 6, 7), 5, true, HEED_WEIGHT_OUT_IN);
}

heed_node *linear_out_in_one_row(case_graph *c)
{
    return linear_of(c, case_parameter(c, heed_shape3(1, 1, 9)), 21, false, HEED_WEIGHT_OUT_IN);
}

heed_node *linear_out_in_strided(case_graph *c)
{
    return linear_of(c, case_strided(c), 21, true, HEED_WEIGHT_OUT_IN);
}

heed_node *linear_out_in_many(case_graph *c)
{
    return linear_of(c, parameter2(c, 3, MANY_COLUMNS), 333, true, HEED_WEIGHT_OUT_IN);
}

/* --- matmul --- */

/* [2, m, k] times [2, k, n], stored as the flags say. */
static heed_node *matmul_of(case_graph *c, int64_t m, int64_t k, int64_t n, bool transpose_a, bool transpose_b)
{
    heed_node *a = case_parameter(c, transpose_a ? heed_shape3(2, k, m) : heed_shape3(2, m, k));
    heed_node *b = case_parameter(c, transpose_b ? heed_shape3(2, n, k) : heed_shape3(2, k, n));

    return heed_matmul(c->g, a, b, transpose_a, transpose_b);
}

heed_node *matmul(case_graph *c)
{
    return matmul_of(c, 3, 5, 7, false, false);
}

heed_node *matmul_one(case_graph *c)
{
    return heed_matmul(c->g, parameter2(c, 1, 1), parameter2(c, 1, 1), false, true);
}

heed_node *matmul_a(case_graph *c)
{
    return matmul_of(c, 3, 5, 7, true, false);
}

heed_node *matmul_b(case_graph *c)
{
    return matmul_of(c, 3, 5, 7, false, true);
}

heed_node *matmul_ab(case_graph *c)
{
    return matmul_of(c, 3, 5, 7, true, true);
}

heed_node *matmul_strided(case_graph *c)
{
    return heed_matmul(c->g, case_strided(c), parameter2(c, 7, 4), false, false);
}

/* Queries and keys, as attention written out by hand multiplies them. */
heed_node *matmul_heads(case_graph *c)
{
    heed_node *q = heed_split_heads(c->g, case_parameter(c, heed_shape3(2, 5, 12)), 3);

    return heed_matmul(c->g, q, heed_split_heads(c->g, case_parameter(c, heed_shape3(2, 5, 12)), 3), false,
                       true);
}

heed_node *matmul_many(case_graph *c)
{
    return heed_matmul(c->g, parameter2(c, MANY_ROWS, MANY_COLUMNS), parameter2(c, MANY_COLUMNS, 67), false,
                       false);
}

/* --- views; the gradient comes through the same shapes --- */

heed_node *reshape(case_graph *c)
{
    return heed_reshape(c->g, case_parameter(c, heed_shape3(2, 3, 4)), heed_shape4(1, 6, 2, 2));
}

heed_node *reshape_strided(case_graph *c)
{
    return heed_reshape(c->g, case_strided(c), heed_shape1(21));
}

/* Strides that no view has: a copy comes first. */
heed_node *reshape_heads(case_graph *c)
{
    return heed_reshape(c->g, heed_split_heads(c->g, case_parameter(c, heed_shape3(2, 5, 12)), 3),
                        heed_shape1(120));
}

/* Rows lie apart, but splitting them further needs no copy. */
heed_node *reshape_to_heads(case_graph *c)
{
    heed_node *x = heed_narrow(c->g, parameter2(c, 6, 12), 2, 8);

    return heed_scale(c->g, heed_reshape(c->g, x, heed_shape4(2, 3, 2, 4)), 2.0f);
}

heed_node *narrow(case_graph *c)
{
    return heed_scale(c->g, case_strided(c), 2.0f);
}

/* Two parts of one row that leave a gap, and overlap with a third: no alias, they must be added. */
heed_node *narrow_apart(case_graph *c)
{
    heed_node *x = parameter2(c, 3, 12);
    heed_node *sum = heed_add(c->g, heed_narrow(c->g, x, 0, 4), heed_narrow(c->g, x, 8, 4));

    return heed_add(c->g, sum, heed_narrow(c->g, x, 2, 4));
}

heed_node *merge_dense_heads(case_graph *c)
{
    return heed_merge_heads(c->g, case_parameter(c, heed_shape4(2, 3, 5, 4)));
}

heed_node *merge_one_head(case_graph *c)
{
    return heed_merge_heads(c->g, case_parameter(c, heed_shape4(2, 1, 5, 4)));
}

/* --- attention --- */

static heed_node *attention_of(case_graph *c, heed_node *q, heed_node *k, heed_node *v, bool causal,
                               heed_node *past)
{
    const heed_attention_options options = {.causal = causal, .past = past};

    return heed_attention(c->g, q, k, v, &options);
}

/* Each of q, k, v in storage of its own, dense. */
static heed_node *attention_apart(case_graph *c, int64_t T, int64_t n_key, int64_t Hkv, int64_t Dv, bool causal)
{
    heed_node *q = case_parameter(c, heed_shape4(2, 4, T, 6)),
              *k = case_parameter(c, heed_shape4(2, Hkv, n_key, 6));

    return attention_of(c, q, k, case_parameter(c, heed_shape4(2, Hkv, n_key, Dv)), causal, NULL);
}

heed_node *attention(case_graph *c)
{
    return heed_merge_heads(c->g, attention_apart(c, 5, 5, 4, 6, true));
}

heed_node *attention_one(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(1, 1, 1, 1)), *k = case_parameter(c, heed_shape4(1, 1, 1, 1));

    return attention_of(c, q, k, case_parameter(c, heed_shape4(1, 1, 1, 1)), true, NULL);
}

heed_node *attention_full(case_graph *c)
{
    return attention_apart(c, 5, 5, 4, 6, false);
}

heed_node *attention_cross(case_graph *c)
{
    return attention_apart(c, 7, 3, 4, 6, false);
}

heed_node *attention_shared(case_graph *c)
{
    return attention_apart(c, 3, 5, 2, 6, true);
}

heed_node *attention_wide_v(case_graph *c)
{
    return attention_apart(c, 4, 4, 1, 9, true);
}

/* Keys past + n_query .. are there but do not exist yet. */
heed_node *attention_past(case_graph *c)
{
    heed_node *q = case_parameter(c, heed_shape4(1, 2, 3, 4)), *k = case_parameter(c, heed_shape4(1, 1, 9, 4));

    return attention_of(c, q, k, case_parameter(c, heed_shape4(1, 1, 9, 4)), true, case_int(c, 2));
}

/* Rows of a batch that have read texts of different lengths. */
heed_node *attention_past_rows(case_graph *c)
{
    heed_node *q = case_state(c, heed_shape4(3, 2, 2, 4)), *k = case_state(c, heed_shape4(3, 1, 9, 4));
    const heed_attention_options options = {
        .causal = true, .window = 4, .past = case_ints(c, heed_shape1(3), 0, 7), .alibi = true};

    return heed_attention(c->g, q, k, case_state(c, heed_shape4(3, 1, 9, 4)), &options);
}

/* A fused row q | k | v, as a model has it: the gradient of the row is an alias, nothing is added. */
static heed_node *attention_of_row(case_graph *c, heed_node *row, int64_t H, int64_t Hkv, int64_t D)
{
    heed_node *q = heed_split_heads(c->g, heed_narrow(c->g, row, 0, H * D), H);
    heed_node *k = heed_split_heads(c->g, heed_narrow(c->g, row, H * D, Hkv * D), Hkv);
    heed_node *v = heed_split_heads(c->g, heed_narrow(c->g, row, (H + Hkv) * D, Hkv * D), Hkv);

    return heed_merge_heads(c->g, attention_of(c, q, k, v, true, NULL));
}

heed_node *attention_fused(case_graph *c)
{
    return attention_of_row(c, heed_scale(c->g, case_parameter(c, heed_shape3(2, 5, 18)), 1.0f), 2, 2, 3);
}

heed_node *attention_fused_shared(case_graph *c)
{
    return attention_of_row(c, heed_scale(c->g, case_parameter(c, heed_shape3(2, 5, 24)), 1.0f), 4, 2, 3);
}

/* The row is used elsewhere too, so its gradient is a sum after all. */
heed_node *attention_fused_twice(case_graph *c)
{
    heed_node *row = heed_scale(c->g, case_parameter(c, heed_shape3(2, 5, 18)), 1.0f);

    return heed_add(c->g, attention_of_row(c, row, 2, 2, 3), heed_narrow(c->g, row, 12, 6));
}

/* Several blocks of queries and tiles of keys. */
heed_node *attention_long(case_graph *c)
{
    return attention_of_row(c, case_parameter(c, heed_shape3(1, 203, 40)), 3, 1, 8);
}

static heed_node *scores_of(case_graph *c, int64_t T, int64_t n_key, heed_node *past)
{
    const heed_attention_options options = {.causal = true, .scale = 0.7f, .past = past};
    heed_node *q = case_parameter(c, heed_shape4(2, 4, T, 6));

    return heed_attention_scores(c->g, q, case_parameter(c, heed_shape4(2, 2, n_key, 6)), &options);
}

heed_node *attention_scores(case_graph *c)
{
    return scores_of(c, 3, 5, NULL);
}

heed_node *attention_pattern(case_graph *c)
{
    return heed_softmax(c->g, scores_of(c, 5, 5, NULL));
}

heed_node *attention_pattern_past(case_graph *c)
{
    return heed_softmax(c->g, scores_of(c, 3, 9, case_int(c, 2)));
}

heed_node *cache_append(case_graph *c)
{
    heed_node *cache = case_state(c, heed_shape4(2, 3, 7, 4));

    return heed_cache_append(c->g, cache, heed_split_heads(c->g, case_parameter(c, heed_shape3(2, 2, 12)), 3),
                             case_int(c, 4));
}

heed_node *cache_append_rows(case_graph *c)
{
    heed_node *cache = case_state(c, heed_shape4(3, 2, 7, 4));

    return heed_cache_append(c->g, cache, case_parameter(c, heed_shape4(3, 2, 2, 4)),
                             case_ints(c, heed_shape1(3), 0, 5));
}

/* Generation: new keys and values go into their caches, and the queries look at those. */
heed_node *cache_attention(case_graph *c)
{
    heed_node *past = case_int(c, 4), *row = case_parameter(c, heed_shape3(1, 2, 24));
    heed_node *q = heed_split_heads(c->g, heed_narrow(c->g, row, 0, 8), 2);
    heed_node *k = heed_split_heads(c->g, heed_narrow(c->g, row, 8, 8), 2);
    heed_node *v = heed_split_heads(c->g, heed_narrow(c->g, row, 16, 8), 2);

    k = heed_cache_append(c->g, case_state(c, heed_shape4(1, 2, 9, 4)), k, past);
    v = heed_cache_append(c->g, case_state(c, heed_shape4(1, 2, 9, 4)), v, past);
    return attention_of(c, q, k, v, true, past);
}

/* --- the head with its loss --- */

static heed_node *head_of(case_graph *c, int64_t rows, int64_t d, int64_t V)
{
    return heed_linear_cross_entropy(c->g, parameter2(c, rows, d), parameter2(c, V, d),
                                     case_filled_ints(c, heed_shape1(rows), CASE_TARGETS, 0, (int)V - 1));
}

heed_node *head(case_graph *c)
{
    return heed_linear_cross_entropy(c->g, case_parameter(c, heed_shape3(2, 3, 5)), parameter2(c, 13, 5),
                                     case_filled_ints(c, heed_shape2(2, 3), CASE_TARGETS, 0, 12));
}

heed_node *head_one(case_graph *c)
{
    return head_of(c, 1, 1, 1);
}

heed_node *head_ignored(case_graph *c)
{
    return heed_linear_cross_entropy(c->g, parameter2(c, 3, 5), parameter2(c, 4, 5),
                                     case_ints(c, heed_shape1(3), HEED_IGNORE_TARGET, HEED_IGNORE_TARGET));
}

heed_node *head_tied(case_graph *c)
{
    heed_node *table = parameter2(c, 7, 5);
    heed_node *x = heed_embedding(c->g, table, case_ints(c, heed_shape2(2, 3), 0, 6));

    return heed_linear_cross_entropy(c->g, x, table, case_ints(c, heed_shape2(2, 3), 0, 6));
}

heed_node *head_strided(case_graph *c)
{
    return heed_linear_cross_entropy(c->g, case_strided(c), parameter2(c, 9, 7),
                                     case_ints(c, heed_shape1(3), 0, 8));
}

/* Two tiles of columns, the second one shorter. */
heed_node *head_tiles(case_graph *c)
{
    return head_of(c, 37, 19, 1301);
}

/* Two chunks of rows, the second one shorter: the first writes dW, the second adds. */
heed_node *head_chunks(case_graph *c)
{
    return head_of(c, 1033, 5, 67);
}

/* Eight tiles, so eight parts; the last one is shorter. */
heed_node *head_parts(case_graph *c)
{
    return head_of(c, 11, 19, 3700);
}

/* --- the same row by row --- */

static heed_node *head_rows_of(case_graph *c, heed_node *x, int64_t V)
{
    heed_shape leading = x->tensor.shape;

    leading.rank--;
    return heed_linear_cross_entropy_rows(c->g, x, parameter2(c, V, heed_cols(&x->tensor)),
                                          case_filled_ints(c, leading, CASE_TARGETS, 0, (int)V - 1));
}

heed_node *head_rows(case_graph *c)
{
    return head_rows_of(c, case_parameter(c, heed_shape3(2, 3, 5)), 13);
}

heed_node *head_rows_ignored(case_graph *c)
{
    return heed_linear_cross_entropy_rows(c->g, parameter2(c, 3, 5), parameter2(c, 4, 5),
                                          case_ints(c, heed_shape1(3), HEED_IGNORE_TARGET, HEED_IGNORE_TARGET));
}

heed_node *head_rows_strided(case_graph *c)
{
    return head_rows_of(c, case_strided(c), 9);
}

heed_node *head_rows_parts(case_graph *c)
{
    return head_rows_of(c, case_parameter(c, heed_shape2(11, 19)), 3700);
}

heed_node *head_rows_tiles(case_graph *c)
{
    return head_rows_of(c, parameter2(c, 37, 19), 1301);
}

heed_node *head_rows_chunks(case_graph *c)
{
    return head_rows_of(c, parameter2(c, 1033, 5), 67);
}

/* --- the head of a student; the teacher is a state, as it has no gradient --- */

static heed_node *distill_of(case_graph *c, heed_shape x, int64_t d, int64_t V, heed_shape teacher_x, int64_t e,
                             int64_t teacher_V, heed_node *targets, float temperature, float weight)
{
    const heed_distill_options options = {temperature, weight};
    heed_node *student = case_parameter(c, x), *head = parameter2(c, V, d);
    heed_node *teacher = case_state(c, teacher_x), *teacher_head = case_state(c, heed_shape2(teacher_V, e));

    return heed_distill_loss(c->g, student, head, targets, teacher, teacher_head, &options).loss;
}

heed_node *distill(case_graph *c)
{
    return distill_of(c, heed_shape3(2, 3, 5), 5, 13, heed_shape3(2, 3, 7), 7, 13,
                      case_filled_ints(c, heed_shape2(2, 3), CASE_TARGETS, 0, 12), 2.0f, 0.5f);
}

heed_node *distill_one(case_graph *c)
{
    return distill_of(c, heed_shape2(1, 1), 1, 1, heed_shape2(1, 1), 1, 1, case_ints(c, heed_shape1(1), 0, 0),
                      1.0f, 0.25f);
}

/* A teacher with a padded vocabulary; below 1 the temperature sharpens. */
heed_node *distill_padded(case_graph *c)
{
    return distill_of(c, heed_shape2(4, 3), 3, 6, heed_shape2(4, 2), 2, 9, case_ints(c, heed_shape1(4), 0, 5),
                      0.8f, 0.7f);
}

heed_node *distill_teacher_alone(case_graph *c)
{
    return distill_of(c, heed_shape2(3, 4), 4, 5, heed_shape2(3, 2), 2, 5, case_ints(c, heed_shape1(3), 0, 4),
                      3.0f, 1.0f);
}

heed_node *distill_targets_alone(case_graph *c)
{
    return distill_of(c, heed_shape2(3, 4), 4, 5, heed_shape2(3, 2), 2, 5, case_ints(c, heed_shape1(3), 0, 4),
                      3.0f, 0.0f);
}

heed_node *distill_ignored(case_graph *c)
{
    return distill_of(c, heed_shape2(3, 4), 4, 5, heed_shape2(3, 2), 2, 5,
                      case_ints(c, heed_shape1(3), HEED_IGNORE_TARGET, HEED_IGNORE_TARGET), 2.0f, 0.5f);
}

heed_node *distill_strided(case_graph *c)
{
    const heed_distill_options options = {2.0f, 0.5f};
    heed_node *x = case_strided(c), *head = parameter2(c, 9, 7);
    heed_node *teacher = heed_narrow(c->g, case_state(c, heed_shape2(3, 9)), 4, 5);
    heed_node *teacher_head = case_state(c, heed_shape2(9, 5));

    return heed_distill_loss(c->g, x, head, case_ints(c, heed_shape1(3), 0, 8), teacher, teacher_head, &options)
        .loss;
}

/* Two tiles of columns, the second one shorter. */
heed_node *distill_tiles(case_graph *c)
{
    return distill_of(c, heed_shape2(4, 3), 3, 1301, heed_shape2(4, 2), 2, 1301,
                      case_filled_ints(c, heed_shape1(4), CASE_TARGETS, 0, 1300), 2.0f, 0.5f);
}

/* Two chunks of rows, the second one shorter: the first writes dW, the second adds. */
heed_node *distill_chunks(case_graph *c)
{
    return distill_of(c, heed_shape2(1033, 3), 3, 11, heed_shape2(1033, 2), 2, 11,
                      case_filled_ints(c, heed_shape1(1033), CASE_TARGETS, 0, 10), 2.0f, 0.5f);
}
