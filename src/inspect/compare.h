/* SPDX-License-Identifier: MIT */
/* What the files of a comparison share. */
#ifndef HEED_INSPECT_COMPARE_H
#define HEED_INSPECT_COMPARE_H

#include <heed/compare.h>

struct heed_comparison {
    heed_compared_head *heads;
    int n_heads;
    bool has_test;
    heed_compared_token *tokens;
    int64_t n_tokens;
    heed_effect effect;
    heed_compared_group *groups;
    int n_groups;
};

/** Fills the heads; none where there is no attention. */
heed_status heed_comparison_heads(heed_comparison *comparison, const heed_model *before,
                                  const heed_model *after, const int32_t *ids, size_t n,
                                  const heed_compare_options *options, heed_error *err);

#endif
