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

void heed_angles_fill(const heed_angles *angles, int64_t rows, double *scratch, int n_threads)
{
    fill_job job = {.angles = angles};

    if (angles->positions == NULL && rows > HEED_ANGLES_BLOCK) {
        for (int64_t step = 0; step < HEED_ANGLES_BLOCK; step++) {
            for (int64_t m = 0; m < angles->n; m++) {
                scratch[2 * (step * angles->n + m)] = cos((double)step * angles->frequency[m]);
                scratch[2 * (step * angles->n + m) + 1] = sin((double)step * angles->frequency[m]);
            }
        }
        job.steps = scratch;
    }
    heed_parallel(n_threads, rows, HEED_ANGLES_BLOCK, fill_block, &job);
}
