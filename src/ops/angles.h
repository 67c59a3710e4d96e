/* SPDX-License-Identifier: MIT */
/*
 * Tables of cosines and sines of position times frequency: what rotary.c and sinusoidal.c are made from.
 *
 *   cosine[t, m] = amplitude cos(position_t frequency_m)        sine[t, m] = amplitude sin(position_t frequency_m)
 *
 * Everything is in double until the last rounding to float: an angle in float would be off by 0.03 at a position of a
 * million. Positions of any size and sign have angles.
 */
#ifndef HEED_OPS_ANGLES_H
#define HEED_OPS_ANGLES_H

#include <stdint.h>

/* Rows that one exact row serves, and so rows of the scratch. */
#define HEED_ANGLES_BLOCK 32

typedef struct heed_angles {
    const double *frequency; /* [n] */
    int64_t n;
    const int32_t *positions; /* [rows], or NULL: first, first + 1, … */
    int64_t first;
    double amplitude;
    float *cosine, *sine; /* of row 0, column 0 */
    int64_t row_stride, column_stride;
} heed_angles;

/**
 * Fills the table. Where positions follow each other, only every 32nd row is computed from its angle; the others are that
 * row turned on by 0 .. 31 steps, products of complex numbers in double. scratch: 64 n doubles.
 */
void heed_angles_fill(const heed_angles *angles, int64_t rows, double *scratch, int n_threads);

#endif
