/* SPDX-License-Identifier: MIT */
#include "ops/angles.h"

#include <math.h>
#include <stddef.h>

#include "base/parallel.h"

typedef struct fill_job {
    const heed_angles *angles;
    const double *steps; /* [HEED_ANGLES_BLOCK][n] cosines and sines of steps times frequency; NULL: none */
} fill_job;

static void put(const heed_angles *of, int64_t t, int64_t m, double cosine, double sine)
{
    const int64_t at = t * of->row_stride + m * of->column_stride;

    of->cosine[at] = (float)(of->amplitude * cosine);
    of->sine[at] = (float)(of->amplitude * sine);
}

static void fill_one_by_one(const heed_angles *of, int64_t begin, int64_t end)
{
    for (int64_t t = begin; t < end; t++) {
        const double position = (double)(of->positions != NULL ? of->positions[t] : of->first + t);

        for (int64_t m = 0; m < of->n; m++)
            put(of, t, m, cos(position * of->frequency[m]), sin(position * of->frequency[m]));
    }
}

static void fill_block(void *context, int64_t begin, int64_t end, int thread)
{
    const fill_job *job = context;
    const heed_angles *of = job->angles;

    (void)thread;
    if (job->steps == NULL) {
        fill_one_by_one(of, begin, end);
        return;
    }
    for (int64_t m = 0; m < of->n; m++) {
        const double angle = (double)(of->first + begin) * of->frequency[m], c = cos(angle), s = sin(angle);

        for (int64_t t = begin; t < end; t++) {
            const double *step = job->steps + 2 * ((t - begin) * of->n + m);

            put(of, t, m, c * step[0] - s * step[1], s * step[0] + c * step[1]);
        }
    }
}

/*
 * steps[k] = (cos k f, sin k f) for each frequency f: only k = 1 from its angle, the others as products of the two
 * halves of k. So five products in a row at most, each off by some 2^-53.
 */
static void fill_steps(double *steps, const double *frequency, int64_t n)
{
    for (int64_t m = 0; m < n; m++) {
        steps[2 * m] = 1.0;
        steps[2 * m + 1] = 0.0;
        steps[2 * (n + m)] = cos(frequency[m]);
        steps[2 * (n + m) + 1] = sin(frequency[m]);
    }
    for (int64_t k = 2; k < HEED_ANGLES_BLOCK; k++) {
        for (int64_t m = 0; m < n; m++) {
            const double *a = steps + 2 * (k / 2 * n + m), *b = steps + 2 * ((k - k / 2) * n + m);

            steps[2 * (k * n + m)] = a[0] * b[0] - a[1] * b[1];
            steps[2 * (k * n + m) + 1] = a[1] * b[0] + a[0] * b[1];
        }
    }
}

void heed_angles_fill(const heed_angles *angles, int64_t rows, double *scratch, int n_threads)
{
    fill_job job = {.angles = angles};

    if (angles->positions == NULL && rows > HEED_ANGLES_BLOCK) {
        fill_steps(scratch, angles->frequency, angles->n);
        job.steps = scratch;
    }
    heed_parallel(n_threads, rows, HEED_ANGLES_BLOCK, fill_block, &job);
}
