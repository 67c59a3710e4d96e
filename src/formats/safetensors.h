/* SPDX-License-Identifier: MIT */
/*
 * safetensors: named arrays in one file, as Hugging Face lays them out.
 *
 *     8 bytes      N, the size of the header, little-endian
 *     N bytes      a JSON object: name -> {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
 *                  and, optionally, "__metadata__": a map of strings
 *     the rest     the arrays, row-major, little-endian, without gaps or overlaps
 *
 * A file that opens has been checked completely: each entry's data lies inside the file and has exactly
 * the bytes of its shape and type. What it takes in memory is bounded by the header, not by what the
 * header claims; the data stays in the mapped file.
 *
 *     heed_safetensors *file = NULL;
 *     const heed_safetensors_entry *entry;
 *     status = heed_safetensors_open("story/model.safetensors", &file, err);
 *     if (status == HEED_OK)
 *         status = heed_safetensors_get(file, "wte.weight", &entry, err);
 *     if (status == HEED_OK)
 *         status = heed_safetensors_read_f32(entry, weights, err);           entry->count floats
 *     heed_safetensors_close(file);
 *
 * Source of the format: the README of Hugging Face's safetensors.
 */
#ifndef HEED_FORMATS_SAFETENSORS_H
#define HEED_FORMATS_SAFETENSORS_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEED_SAFETENSORS_MAX_RANK   8
#define HEED_SAFETENSORS_MAX_HEADER ((size_t)16 << 20) /* bytes */

/* Every element type taken: name in files, bytes. Others (F8_E4M3, U16, ...) are refused by name. */
#define HEED_SAFETENSORS_DTYPES(X) \
    X(F64, 8) X(F32, 4) X(F16, 2) X(BF16, 2) X(I64, 8) X(I32, 4) X(I16, 2) X(I8, 1) X(U8, 1) X(BOOL, 1)

#define HEED_SAFETENSORS_ENUM(name, bytes) HEED_SAFETENSORS_##name,
typedef enum heed_safetensors_dtype {
    HEED_SAFETENSORS_DTYPES(HEED_SAFETENSORS_ENUM) HEED_SAFETENSORS_N_DTYPES
} heed_safetensors_dtype;
#undef HEED_SAFETENSORS_ENUM

/* One array, read or to be written. All pointers are lent. */
typedef struct heed_safetensors_entry {
    const char *name; /* UTF-8 as in the file; heed_quote() it before showing it */
    heed_safetensors_dtype dtype;
    int rank; /* 0: a single number */
    int64_t size[HEED_SAFETENSORS_MAX_RANK];
    const void *data; /* perhaps not aligned for its type */
    int64_t count;    /* elements; a writer need not set this and what follows */
    size_t bytes;
    const char *where; /* the file, safe to show */
} heed_safetensors_entry;

/* One string of the metadata. */
typedef struct heed_safetensors_pair {
    const char *key, *value;
} heed_safetensors_pair;

typedef struct heed_safetensors heed_safetensors;
struct heed_file_sink; /* base/file.h */

/** Maps and checks the file. HEED_ERR_FILE names the file and, where there is one, the tensor. */
heed_status heed_safetensors_open(const char *path, heed_safetensors **file, heed_error *err);
/** The same for size bytes in memory, lent until close; `where` names them in messages. */
heed_status heed_safetensors_parse(const void *data, size_t size, const char *where, heed_safetensors **file,
                                   heed_error *err);
void heed_safetensors_close(heed_safetensors *file); /* NULL is allowed; entries die with it */

size_t heed_safetensors_n_entries(const heed_safetensors *file);
/** Entry i of 0 .. n-1 in the order of the data. */
const heed_safetensors_entry *heed_safetensors_at(const heed_safetensors *file, size_t i);
/** The entry of that name, or NULL. */
const heed_safetensors_entry *heed_safetensors_find(const heed_safetensors *file, const char *name);
/** The same; a missing one is HEED_ERR_FILE. */
heed_status heed_safetensors_get(const heed_safetensors *file, const char *name,
                                 const heed_safetensors_entry **entry, heed_error *err);

size_t heed_safetensors_n_metadata(const heed_safetensors *file);
heed_safetensors_pair heed_safetensors_metadata_at(const heed_safetensors *file, size_t i);
/** The metadata's value for key, or NULL. */
const char *heed_safetensors_metadata(const heed_safetensors *file, const char *key);

/** "F32". */
const char *heed_safetensors_dtype_name(heed_safetensors_dtype dtype);
size_t heed_safetensors_dtype_bytes(heed_safetensors_dtype dtype);
/** True for the types of numbers with a fraction: F64, F32, F16, BF16. */
bool heed_safetensors_is_real(heed_safetensors_dtype dtype);
/** "[2, 3]" in out; 192 characters always suffice. Returns out. */
const char *heed_safetensors_shape(char *out, size_t size, const heed_safetensors_entry *entry);

/** The data in place when it is F32 and aligned, else NULL: then read it. */
const float *heed_safetensors_f32(const heed_safetensors_entry *entry);
/** Element i = 0 .. count-1 of any type, exactly but for integers beyond 2^53. */
double heed_safetensors_number(const heed_safetensors_entry *entry, int64_t i);
/** Converts count elements of any type to float; numbers too large for a float become infinite. */
heed_status heed_safetensors_read_f32(const heed_safetensors_entry *entry, float *out, heed_error *err);
/** Converts to int32; a number outside its range, or not a whole one, is HEED_ERR_FILE with its index. */
heed_status heed_safetensors_read_i32(const heed_safetensors_entry *entry, int32_t *out, heed_error *err);

/**
 * Replaces the file at path by the entries (name, dtype, rank, size and data are read) in the order
 * given, and the metadata. The data is written from where it lies, without a copy; it begins at a
 * multiple of 64 bytes in the file. Equal input gives equal bytes. HEED_ERR_USAGE for a name given twice.
 */
heed_status heed_safetensors_write(const char *path, const heed_safetensors_entry *entries, size_t n_entries,
                                   const heed_safetensors_pair *metadata, size_t n_metadata, heed_error *err);

/** Puts the bytes of entry i, whose data is NULL, into sink: as many as its shape and type have. */
typedef heed_status heed_safetensors_fill_fn(void *context, size_t i, struct heed_file_sink *sink,
                                             heed_error *err);
/** The same with entries whose data does not lie in memory; fill is called for them in their order. */
heed_status heed_safetensors_write_from(const char *path, const heed_safetensors_entry *entries,
                                        size_t n_entries, const heed_safetensors_pair *metadata,
                                        size_t n_metadata, heed_safetensors_fill_fn *fill, void *context,
                                        heed_error *err);

/**
 * Puts the numbers of a real type as another one into sink, rounded to nearest with ties to even; NaN stays NaN.
 * *n_overflows counts the finite numbers that became infinite. Nothing but a small piece of it is ever in memory.
 */
heed_status heed_safetensors_put_as(const heed_safetensors_entry *entry, heed_safetensors_dtype dtype,
                                    struct heed_file_sink *sink, int64_t *n_overflows, heed_error *err);

/** Sets count and bytes from size and dtype; false when they overflow or a size is negative. For both directions. */
bool heed_safetensors_measure(heed_safetensors_entry *entry);

#endif
