/* SPDX-License-Identifier: MIT */
/*
 * .npy: one array in a file, as NumPy saves it.
 *
 *     6 bytes      "\x93NUMPY"
 *     2 bytes      version: 1.0, or 2.0, whose header may be longer
 *     2 (4) bytes  N, the size of the header, little-endian
 *     N bytes      a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } and blanks
 *     the rest     the numbers, the last axis fastest, or the first one in Fortran's order
 *
 *     heed_npy array = {0};
 *     status = heed_npy_open("q.npy", &array, err);
 *     if (status == HEED_OK)
 *         heed_npy_read_f32(&array, q);                   array.count floats, the last axis fastest
 *     heed_npy_close(&array);
 *
 * An array that opens has been checked completely: the file has exactly the numbers of its shape, and they stay in the
 * mapped file. What is refused is refused by name: other types, big-endian numbers, objects.
 *
 * Source: NumPy's documentation, "numpy.lib.format".
 */
#ifndef HEED_FORMATS_NPY_H
#define HEED_FORMATS_NPY_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"

#define HEED_NPY_MAX_RANK 8

/* Every element type taken: its name here, in files, bytes. */
#define HEED_NPY_DTYPES(X) \
    X(F32, "<f4", 4)       \
    X(F64, "<f8", 8) X(F16, "<f2", 2) X(I64, "<i8", 8) X(I32, "<i4", 4) X(U8, "|u1", 1) X(BOOL, "|b1", 1)

#define HEED_NPY_ENUM(name, descr, bytes) HEED_NPY_##name,
typedef enum heed_npy_dtype { HEED_NPY_DTYPES(HEED_NPY_ENUM) HEED_NPY_N_DTYPES } heed_npy_dtype;
#undef HEED_NPY_ENUM

typedef struct heed_npy {
    heed_npy_dtype dtype;
    int rank; /* 0: a single number */
    int64_t size[HEED_NPY_MAX_RANK];
    bool fortran;     /* the first axis is the fastest in the file */
    int64_t count;    /* numbers */
    const void *data; /* perhaps not aligned for its type */
    heed_file file;
} heed_npy;

/** Maps and checks the file. HEED_ERR_FILE names the file and what was expected. */
heed_status heed_npy_open(const char *path, heed_npy *array, heed_error *err);
/** The same for size bytes in memory, lent as long as the array is read; `where` names them in messages. */
heed_status heed_npy_parse(const void *data, size_t size, const char *where, heed_npy *array, heed_error *err);
void heed_npy_close(heed_npy *array); /* an empty struct is allowed */

/** "[2, 3]" in out; 192 characters always suffice. Returns out. */
const char *heed_npy_shape(char *out, size_t size, const heed_npy *array);
/** Number i = 0 .. count-1, counted with the last axis fastest whatever the file's order; a bool is 0 or 1. */
double heed_npy_number(const heed_npy *array, int64_t i);
/** All numbers in that order; one too large for a float becomes infinite. */
void heed_npy_read_f32(const heed_npy *array, float *out);

#define HEED_NPY_MAX_HEADER 256 /* bytes of what heed_npy_header_of() makes */
/** What a file of numbers of that type and shape begins with, as below. */
size_t heed_npy_header_of(char out[HEED_NPY_MAX_HEADER], heed_npy_dtype dtype, int rank, const int64_t *size);
/** What a file of floats of that shape begins with, in out; returns its bytes, a multiple of 64. Negative sizes are ours to avoid. */
size_t heed_npy_header(char out[HEED_NPY_MAX_HEADER], int rank, const int64_t *size);
/** Replaces the file at path by the array, data [size[0], .., size[rank-1]] with the last axis fastest. */
heed_status heed_npy_write(const char *path, int rank, const int64_t *size, const float *data, heed_error *err);

#endif
