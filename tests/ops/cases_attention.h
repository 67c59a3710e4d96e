/* SPDX-License-Identifier: MIT */
/* Builders of cases_attention.c, for the table in cases_table.c: what attention's options ask for. */
#ifndef HEED_TESTS_OPS_CASES_ATTENTION_H
#define HEED_TESTS_OPS_CASES_ATTENTION_H

#include "cases_products.h"

case_build attention_keys, attention_window, attention_stride, attention_prefix, attention_documents,
    attention_blocks, attention_pairs, attention_pairs_of_each, attention_before, attention_behind,
    attention_filled;
case_build attention_bias, attention_bias_of_heads, attention_bias_of_all, attention_alibi, attention_relative,
    attention_relative_shared, attention_everything, attention_everything_long, attention_tied;
case_build lookup, lookup_masked, running_mean, running_mean_of_a_view;
case_build scores_of_everything, pattern_of_everything, pattern_filled, bias_scores;

#endif
