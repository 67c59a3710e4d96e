/* SPDX-License-Identifier: MIT */
/* What views.c, copy.c, widen.c and accumulate.c share beside the builders of ops.h. */
#ifndef HEED_OPS_VIEWS_H
#define HEED_OPS_VIEWS_H

#include "graph/op.h"

/* Attributes of narrow (columns of x), and of widen (n columns in all, dy fills `length` of them). */
typedef struct heed_columns {
    int64_t start, length, n;
} heed_columns;

/* Attributes of alias: the dense shape that the parts make up, where its element 0 lies, the first column of each. */
typedef struct heed_alias {
    heed_shape shape;
    int64_t offset;
    int64_t start[HEED_MAX_INPUTS];
} heed_alias;

typedef enum heed_copy_layout {
    HEED_COPY_DENSE,
    HEED_COPY_HEADS_INSIDE, /* [B, H, T, D] laid out as [B, T, H, D], so that heads can be merged */
} heed_copy_layout;

/** The same numbers in storage of their own. */
heed_node *heed_copy(heed_graph *g, heed_node *x, heed_copy_layout layout);
/** dy [..., length] placed at columns start .. of zeros [..., n]: the gradient of narrow. */
heed_node *heed_widen(heed_graph *g, heed_node *dy, int64_t start, int64_t n);
/** The dense tensor that n parts, all in the storage of one owner, already form. */
heed_node *heed_alias_of(heed_graph *g, heed_node *const *parts, int n, const heed_alias *alias);

#endif
