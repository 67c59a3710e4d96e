/* SPDX-License-Identifier: MIT */
/* Attention as its formula says, in double precision: what exercises are compared with. */
#ifndef HEED_TESTS_WORKBOOK_DEFINITION_H
#define HEED_TESTS_WORKBOOK_DEFINITION_H

#include <stdbool.h>
#include <stdint.h>

/* T queries, S keys of d numbers, S values of dv; causal: query i sees keys 0 .. i. */
typedef struct definition {
    int64_t T, S, d, dv;
    const double *q, *k, *v;
    double scale;
    bool causal;
} definition;

/** scores, scaled and masked, weights [T, S], out [T, dv]; any may be NULL but weights. */
void define_attention(const definition *a, double *scores, double *masked, double *weights, double *out);
/** y = softmax(x), n numbers, -inf among them; x may be y. */
void define_softmax(const double *x, int64_t n, double *y);
/** -sum p ln p. */
double define_entropy(const double *p, int64_t n);

#endif
