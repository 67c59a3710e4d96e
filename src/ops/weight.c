/* SPDX-License-Identifier: MIT */
#include "ops/weight.h"

#include <math.h>

#include "base/parallel.h"

bool heed_dtype_is_weight(heed_dtype dtype)
{
    return dtype == HEED_F32 || dtype == HEED_BF16 || dtype == HEED_F16 || dtype == HEED_Q8;
}

bool heed_expect_weight(heed_graph *g, const heed_node *node, int input, const char *role)
{
    const heed_node *w = node->in[input];

    if (w == NULL || heed_dtype_is_weight(w->tensor.dtype))
        return true;
    return heed_graph_fail(g, node, HEED_ERR_SHAPE,
                           "expected %s of type f32, bf16, f16 or 8-bit, got %s of type %s", role, w->name,
                           heed_dtype_name(w->tensor.dtype));
}

heed_weight_matrix heed_weight_of(const heed_tensor *matrix, int64_t row)
{
    heed_weight_matrix w = {.data = heed_row_bytes(matrix, row), .stride = matrix->stride[0]};
    const int64_t n = heed_cols(matrix);

    if (matrix->dtype == HEED_BF16)
        w.type = HEED_WEIGHT_BF16;
    else if (matrix->dtype == HEED_F16)
        w.type = HEED_WEIGHT_F16;
    else if (matrix->dtype == HEED_Q8) {
        const heed_scales *s = matrix->scales;

        w.type = HEED_WEIGHT_8BIT;
        w.group = s->group;
        w.group_in_row = s->axis == 1;
        w.scale_stride = w.group_in_row ? (n + s->group - 1) / s->group : n;
        w.scales = s->data + (w.group_in_row ? row : row / s->group) * w.scale_stride;
    }
    return w;
}

typedef struct widen_job {
    const heed_device *device;
    heed_weight_matrix w;
    int64_t row, column, n_columns;
    float *y;
} widen_job;

static void widen_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const widen_job *job = context;

    (void)thread;
    for (int64_t r = begin; r < end; r++)
        job->device->kernels->widen_weights(job->y + r * job->n_columns, &job->w, job->row + r, job->column,
                                            job->n_columns);
}

void heed_weight_widen(const heed_device *device, const heed_tensor *matrix, int64_t row, int64_t n_rows,
                       int64_t column, int64_t n_columns, float *y)
{
    widen_job job = {device, heed_weight_of(matrix, 0), row, column, n_columns, y};

    heed_parallel(device->n_threads, n_rows, 1 + HEED_PIECE / n_columns, widen_rows, &job);
}

void heed_weight_look_up(const heed_device *device, const heed_tensor *table, int64_t row, float *y)
{
    const heed_weight_matrix w = heed_weight_of(table, 0);
    const int64_t d = heed_cols(table);

    if (row >= 0)
        device->kernels->widen_weights(y, &w, row, 0, d);
    for (int64_t j = 0; j < d && row < 0; j++)
        y[j] = NAN;
}
