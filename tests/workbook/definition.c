/* SPDX-License-Identifier: MIT */
#include "workbook/definition.h"

#include <math.h>
#include <stddef.h>

void define_softmax(const double *x, int64_t n, double *y)
{
    double m = -INFINITY, sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        m = fmax(m, x[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i] - m);
    for (int64_t i = 0; i < n; i++)
        y[i] = exp(x[i] - m) / sum;
}

double define_entropy(const double *p, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum -= p[i] > 0.0 ? p[i] * log(p[i]) : 0.0;
    return sum;
}

void define_attention(const definition *a, double *scores, double *masked, double *weights, double *out)
{
    for (int64_t i = 0; i < a->T; i++) {
        for (int64_t j = 0; j < a->S; j++) {
            double dot = 0.0;
            for (int64_t c = 0; c < a->d; c++)
                dot += a->q[i * a->d + c] * a->k[j * a->d + c];
            if (scores != NULL)
                scores[i * a->S + j] = dot;
            weights[i * a->S + j] = a->causal && j > i ? -INFINITY : a->scale * dot;
            if (masked != NULL)
                masked[i * a->S + j] = weights[i * a->S + j];
        }
        define_softmax(weights + i * a->S, a->S, weights + i * a->S);
        for (int64_t c = 0; out != NULL && c < a->dv; c++) {
            out[i * a->dv + c] = 0.0;
            for (int64_t j = 0; j < a->S; j++)
                out[i * a->dv + c] += weights[i * a->S + j] * a->v[j * a->dv + c];
        }
    }
}
