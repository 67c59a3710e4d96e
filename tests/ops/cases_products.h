/* SPDX-License-Identifier: MIT */
/* Builders of cases_products.c, for the table in cases_table.c: look-ups, products, views, attention, the fused head. */
#ifndef HEED_TESTS_OPS_CASES_PRODUCTS_H
#define HEED_TESTS_OPS_CASES_PRODUCTS_H

#include "cases.h"

typedef heed_node *case_build(case_graph *c);

case_build embedding, embedding_one, embedding_many, embedding_twice, embedding_tied;
case_build position_embedding, position_embedding_past, position_embedding_rows, attention_past_rows,
    cache_append_rows;
case_build linear, linear_one, linear_no_bias, linear_strided, linear_one_row, linear_two_rows, linear_many;
case_build linear_out_in, linear_out_in_one_row, linear_out_in_strided, linear_out_in_many, linear_many_one_row;
case_build matmul, matmul_one, matmul_a, matmul_b, matmul_ab, matmul_strided, matmul_heads, matmul_many;
case_build reshape, reshape_strided, reshape_heads, reshape_to_heads, narrow, narrow_apart, merge_dense_heads,
    merge_one_head;
case_build attention, attention_one, attention_full, attention_cross, attention_shared, attention_past,
    attention_wide_v;
case_build attention_fused, attention_fused_shared, attention_fused_twice, attention_long;
case_build attention_scores, attention_pattern, attention_pattern_past, cache_append, cache_attention;
case_build head, head_one, head_ignored, head_tied, head_strided, head_tiles, head_chunks, head_parts;
case_build head_rows, head_rows_ignored, head_rows_strided, head_rows_tiles, head_rows_chunks, head_rows_parts;
case_build distill, distill_one, distill_padded, distill_teacher_alone, distill_targets_alone, distill_ignored,
    distill_strided, distill_tiles, distill_chunks;

#endif
