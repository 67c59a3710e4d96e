/* SPDX-License-Identifier: MIT */
/* An account of a step from inside: account_step.c makes it, account_flops.c its arithmetic, account_draw.c its picture. */
#ifndef HEED_TRAIN_ACCOUNT_H
#define HEED_TRAIN_ACCOUNT_H

#include "train/planned.h"

struct heed_account {
    heed_account_total total;
    heed_account_moment *moments; /* [total.n_moments] */
    double *live;                 /* the same moments' bytes */
    heed_account_tensor *peak;
    int n_peak, peak_capacity;
    heed_account_component *components;
    int n_components;
    heed_account_flops *by_op, *by_part;
    int n_ops, n_parts;
    bool failed;          /* a list could not grow */
    heed_planned planned; /* names point into its graph */
};

/** The stage that step i of a plan belongs to. */
heed_account_stage heed_account_stage_of(const heed_planned *p, const heed_plan *plan, int i);
/** Fills by_op and by_part. HEED_ERR_MEMORY. */
heed_status heed_account_count_flops(heed_account *account, heed_error *err);

#endif
