/* SPDX-License-Identifier: MIT */
/* Weights in memory, copied with their matrices in another precision: to measure it, and to compare. */
#include <stdlib.h>

#include "base/error.h"
#include "nn/weights.h"

static heed_precision precision_of(const heed_parameter *p, heed_precision wanted)
{
    return p->axis >= 0 ? wanted : HEED_PRECISION_F32;
}

static size_t numbers_bytes(const heed_parameter *p, heed_precision precision)
{
    return heed_size_align((size_t)p->count * heed_dtype_bytes(heed_precision_dtype(precision)));
}

static size_t scales_bytes(const heed_parameter *p, heed_precision precision)
{
    if (precision != HEED_PRECISION_INT8)
        return 0;
    return heed_size_align((size_t)heed_int8_n_scales(p->size[0], p->size[1], HEED_INT8_GROUP, p->axis) *
                           sizeof(float));
}

/* Parameter i of `to` at `at`, from its numbers in single precision. */
static bool narrow(heed_weights *to, int i, heed_precision wanted, char *at, const float *x)
{
    heed_parameter *p = &to->list[i];
    const heed_precision precision = precision_of(p, wanted);
    float *scales = (float *)(void *)(at + numbers_bytes(p, precision));
    heed_tensor t = {.dtype = heed_precision_dtype(precision), .shape = heed_shape1(p->count), .data = at};

    p->precision = precision;
    p->numbers = at;
    p->data = precision == HEED_PRECISION_F32 ? (const float *)(void *)at : NULL;
    p->bytes = p->count * (int64_t)heed_dtype_bytes(t.dtype);
    if (precision == HEED_PRECISION_INT8) {
        const int64_t n = heed_int8_n_scales(p->size[0], p->size[1], HEED_INT8_GROUP, p->axis);

        p->scales = scales;
        p->group = HEED_INT8_GROUP;
        p->bytes += n * (int64_t)sizeof *scales;
        to->scales[i] = (heed_scales){scales, p->group, p->axis};
        return heed_int8_quantize(x, p->size[0], p->size[1], p->group, p->axis, (int8_t *)at, scales);
    }
    heed_tensor_set_dense(&t);
    for (int64_t k = 0; k < p->count; k++)
        heed_tensor_set(&t, k, x[k]);
    return true;
}

heed_status heed_weights_narrow(const heed_weights *from, heed_precision precision, heed_weights **to,
                                heed_error *err)
{
    heed_weights *w = NULL;
    heed_status status = heed_weights_create(&from->config, &w, err);
    int64_t most = 0;
    float *x = NULL;
    char *at;

    *to = NULL;
    if (status != HEED_OK)
        return status;
    for (int i = 0; i < w->n; i++) {
        const heed_precision its = precision_of(&w->list[i], precision);
        w->block_bytes += numbers_bytes(&w->list[i], its) + scales_bytes(&w->list[i], its);
        most = w->list[i].count > most ? w->list[i].count : most;
    }
    x = malloc((size_t)most * sizeof *x);
    w->block = heed_memory_reserve(w->block_bytes);
    if (x == NULL || w->block == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for weights of %.1f MB",
                           (double)w->block_bytes / 1e6);
    at = w->block;
    for (int i = 0; i < w->n && status == HEED_OK; i++) {
        const heed_precision its = precision_of(&w->list[i], precision);

        heed_parameter_read(&from->list[i], 0, from->list[i].count, x);
        if (!narrow(w, i, precision, at, x))
            status = heed_fail(err, HEED_ERR_CHECK, "%s: a number is not finite, which 8 bits cannot say",
                               w->list[i].name);
        at += numbers_bytes(&w->list[i], its) + scales_bytes(&w->list[i], its);
    }
    free(x);
    if (status != HEED_OK) {
        heed_weights_destroy(w);
        return status;
    }
    *to = w;
    return HEED_OK;
}
