/* SPDX-License-Identifier: MIT */
#include "nn/precision.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    heed_dtype dtype;
    heed_safetensors_dtype in_file;
} precisions[] = {
    [HEED_PRECISION_F32] = {"f32", HEED_F32, HEED_SAFETENSORS_F32},
    [HEED_PRECISION_BF16] = {"bf16", HEED_BF16, HEED_SAFETENSORS_BF16},
    [HEED_PRECISION_F16] = {"f16", HEED_F16, HEED_SAFETENSORS_F16},
    [HEED_PRECISION_INT8] = {"int8", HEED_Q8, HEED_SAFETENSORS_I8},
};
#define N_PRECISIONS (sizeof precisions / sizeof precisions[0])

const char *heed_precision_name(heed_precision precision)
{
    return (size_t)precision < N_PRECISIONS ? precisions[precision].name : "unknown";
}

heed_dtype heed_precision_dtype(heed_precision precision)
{
    return precisions[precision].dtype;
}

bool heed_precision_of_file(heed_safetensors_dtype dtype, heed_precision *precision)
{
    for (size_t i = 0; i < N_PRECISIONS; i++) {
        if (precisions[i].in_file == dtype) {
            *precision = (heed_precision)i;
            return true;
        }
    }
    return false;
}

void heed_parameter_read(const heed_parameter *p, int64_t first, int64_t n, float *out)
{
    const heed_scales scales = {p->scales, p->group, p->axis};
    heed_tensor t = {.dtype = heed_precision_dtype(p->precision),
                     .shape = {.rank = p->rank},
                     .data = (void *)(uintptr_t)p->numbers,
                     .scales = p->scales != NULL ? &scales : NULL};

    if (p->precision == HEED_PRECISION_F32) {
        memcpy(out, (const float *)p->numbers + first, (size_t)n * sizeof *out);
        return;
    }
    memcpy(t.shape.size, p->size, sizeof p->size);
    heed_tensor_set_dense(&t);
    for (int64_t i = 0; i < n; i++)
        out[i] = heed_tensor_get(&t, first + i);
}

/* --- 8 bits --- */

heed_shape heed_int8_scales_shape(int64_t rows, int64_t columns, int64_t group, int axis)
{
    if (axis == 0)
        return heed_shape2((rows + group - 1) / group, columns);
    return heed_shape2(rows, (columns + group - 1) / group);
}

int64_t heed_int8_n_scales(int64_t rows, int64_t columns, int64_t group, int axis)
{
    const heed_shape shape = heed_int8_scales_shape(rows, columns, group, axis);

    return heed_shape_count(&shape);
}

/* n numbers `step` apart: their scale, and their integers in its units. */
static bool quantize_group(const float *x, int64_t n, int64_t step, int8_t *q, float *scale)
{
    float largest = 0.0f;

    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i * step]))
            return false;
        largest = fmaxf(largest, fabsf(x[i * step]));
    }
    *scale = largest / 127.0f;
    for (int64_t i = 0; i < n; i++) {
        const float units = *scale > 0.0f ? rintf(x[i * step] / *scale) : 0.0f;

        /* a scale among the smallest of floats is rounded so much that more than 127 of it fit */
        q[i * step] = (int8_t)fmaxf(-127.0f, fminf(127.0f, units));
    }
    return true;
}

bool heed_int8_quantize(const float *x, int64_t rows, int64_t columns, int64_t group, int axis, int8_t *q,
                        float *scales)
{
    const int64_t lines = axis == 0 ? columns : rows, length = axis == 0 ? rows : columns;
    const int64_t step = axis == 0 ? columns : 1, line_step = axis == 0 ? 1 : columns;
    const int64_t groups = (length + group - 1) / group;

    for (int64_t line = 0; line < lines; line++) {
        for (int64_t g = 0; g < groups; g++) {
            const int64_t first = g * group, n = length - first < group ? length - first : group;
            const int64_t at = line * line_step + first * step;
            float *scale = axis == 0 ? &scales[g * columns + line] : &scales[line * groups + g];

            if (!quantize_group(x + at, n, step, q + at, scale))
                return false;
        }
    }
    return true;
}
