/* SPDX-License-Identifier: MIT */
/*
 * The numbers of one tensor of a conversion. Real types are converted as they stream by. Where the source or what is
 * written has 8 bits, a block of rows at a time goes through floats: what a scale belongs to lies in one block.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/convert.h"

/* A block of rows, as floats and as integers; it lies on groups of HEED_INT8_GROUP rows. */
typedef struct block {
    float *x, *scales;
    int8_t *q;
} block;

static heed_status refuse_overflows(const heed_convert_tensor *t, int64_t n_overflows, heed_error *err)
{
    if (n_overflows == 0)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_CHECK, "%s: %lld of %lld numbers are too large for %s, nothing was written",
                     t->name, (long long)n_overflows, (long long)t->from->count,
                     heed_safetensors_dtype_name(t->dtype));
}

/* Elements first .. first+n-1 of the source as floats. */
static heed_status read_floats(const heed_convert_tensor *t, int64_t first, int64_t n, float *x,
                               heed_error *err)
{
    heed_safetensors_entry some = *t->from;

    if (t->stored.scales != NULL) {
        heed_parameter_read(&t->stored, first, n, x);
        return HEED_OK;
    }
    some.data = (const char *)some.data + (size_t)first * heed_safetensors_dtype_bytes(some.dtype);
    some.count = n;
    some.bytes = (size_t)n * heed_safetensors_dtype_bytes(some.dtype);
    return heed_safetensors_read_f32(&some, x, err);
}

static heed_status put_real(const heed_convert_tensor *t, const block *b, int64_t n, heed_file_sink *sink,
                            heed_error *err)
{
    heed_safetensors_entry some = {.dtype = HEED_SAFETENSORS_F32,
                                   .rank = 1,
                                   .size = {n},
                                   .count = n,
                                   .bytes = (size_t)n * sizeof(float),
                                   .data = b->x};
    int64_t n_overflows = 0;
    const heed_status status = heed_safetensors_put_as(&some, t->dtype, sink, &n_overflows, err);

    return status == HEED_OK ? refuse_overflows(t, n_overflows, err) : status;
}

static heed_status put_int8(const heed_convert_tensor *t, const block *b, int64_t rows, heed_file_sink *sink,
                            heed_error *err)
{
    const heed_parameter *p = &t->stored;
    const int64_t n_scales = heed_int8_n_scales(rows, p->size[1], HEED_INT8_GROUP, p->axis);

    if (!heed_int8_quantize(b->x, rows, p->size[1], HEED_INT8_GROUP, p->axis, b->q, b->scales))
        return heed_fail(err, HEED_ERR_CHECK,
                         "%s: a number is not finite, which 8 bits cannot say; nothing was written", t->name);
    if (t->scales ? heed_file_put(sink, b->scales, (size_t)n_scales * sizeof *b->scales)
                  : heed_file_put(sink, b->q, (size_t)(rows * p->size[1])))
        return HEED_OK;
    return HEED_ERR_FILE;
}

static heed_status put_blocks(const heed_convert_tensor *t, heed_file_sink *sink, heed_error *err)
{
    const int64_t rows = t->stored.size[0], columns = t->stored.size[1];
    const size_t numbers = (size_t)(HEED_INT8_GROUP * columns);
    block b = {malloc(numbers * sizeof *b.x), malloc(numbers * sizeof *b.scales), malloc(numbers)};
    heed_status status = HEED_OK;

    if (b.x == NULL || b.scales == NULL || b.q == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %d rows of %s", HEED_INT8_GROUP,
                           t->name);
    for (int64_t row = 0; row < rows && status == HEED_OK; row += HEED_INT8_GROUP) {
        const int64_t n = rows - row < HEED_INT8_GROUP ? rows - row : HEED_INT8_GROUP;

        status = read_floats(t, row * columns, n * columns, b.x, err);
        if (status == HEED_OK)
            status = t->scales || t->dtype == HEED_SAFETENSORS_I8 ? put_int8(t, &b, n, sink, err)
                                                                  : put_real(t, &b, n * columns, sink, err);
    }
    free(b.x);
    free(b.scales);
    free(b.q);
    return status;
}

heed_status heed_convert_put(const heed_convert_tensor *t, heed_file_sink *sink, heed_error *err)
{
    int64_t n_overflows = 0;
    heed_status status;

    if (t->stored.numbers == NULL) {
        status = heed_safetensors_put_as(t->from, t->dtype, sink, &n_overflows, err);
        return status == HEED_OK ? refuse_overflows(t, n_overflows, err) : status;
    }
    if (t->stored.scales == NULL || (t->dtype != HEED_SAFETENSORS_I8 && !t->scales))
        return put_blocks(t, sink, err);
    /* 8 bits stay as they are: their group need not be the one that is written here */
    if (t->scales ? heed_file_put(sink, t->stored.scales, t->bytes)
                  : heed_file_put(sink, t->from->data, t->bytes))
        return HEED_OK;
    return HEED_ERR_FILE;
}
