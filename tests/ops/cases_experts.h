/* SPDX-License-Identifier: MIT */
/* Builders of cases_experts.c, for the table in cases_table.c: routers, experts and what lies between them. */
#ifndef HEED_TESTS_OPS_CASES_EXPERTS_H
#define HEED_TESTS_OPS_CASES_EXPERTS_H

#include "cases_products.h"

case_build top_k, top_k_equal, top_k_all, gates, gates_one, gates_all, gates_many;
case_build expert_rows, expert_rows_full, expert_rows_empty;
case_build dispatch, dispatch_full, dispatch_strided, combine, combine_full, combine_many;
case_build experts_linear, experts_linear_no_bias, experts_linear_full, experts_linear_strided,
    experts_linear_many;
case_build balance, mixture;

#endif
