/* SPDX-License-Identifier: MIT */
#include "formats/npy.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "tensor/tensor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read in place, so as little-endian");

#define MAGIC       "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGNMENT   64 /* of the numbers in the file */

#define DTYPE_ROW(name, descr, bytes) {descr, bytes},
static const struct {
    const char *descr;
    size_t bytes;
} dtypes[HEED_NPY_N_DTYPES] = {HEED_NPY_DTYPES(DTYPE_ROW)};
#undef DTYPE_ROW

/* --- the header: a Python dictionary --- */

typedef struct npy_header {
    const char *at, *end;
    const char *where;
    bool has_descr, has_order, has_shape;
} npy_header;

static heed_status damaged(const npy_header *h, const char *expected, heed_error *err)
{
    return heed_fail(err, HEED_ERR_FILE, "%s: its .npy header is damaged: expected %s", h->where, expected);
}

/* The next character that is no blank, 0 at the end. */
static char peek(npy_header *h)
{
    while (h->at < h->end && isspace((unsigned char)*h->at))
        h->at++;
    return h->at < h->end ? *h->at : '\0';
}

/* Goes past c, if it comes next. */
static bool take(npy_header *h, char c)
{
    if (peek(h) != c)
        return false;
    h->at++;
    return true;
}

/* Goes past the word, if it comes next. */
static bool take_word(npy_header *h, const char *word)
{
    const size_t n = strlen(word);

    peek(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return false;
    h->at += n;
    return true;
}

/* A string in quotes of either kind; nothing in it is escaped in a header that NumPy writes. */
static bool take_string(npy_header *h, const char **text, size_t *n)
{
    const char quote = peek(h);
    const char *close;

    if (quote != '\'' && quote != '"')
        return false;
    *text = ++h->at;
    close = memchr(h->at, quote, (size_t)(h->end - h->at));
    if (close == NULL)
        return false;
    *n = (size_t)(close - *text);
    h->at = close + 1;
    return true;
}

static heed_status read_descr(npy_header *h, heed_npy *array, heed_error *err)
{
    const char *text = "";
    size_t n = 0;
    char shown[48];

    if (!take_string(h, &text, &n))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected an array of one type, got one of several", h->where);
    for (int d = 0; d < HEED_NPY_N_DTYPES; d++)
        if (n == 3 && memcmp(text + 1, dtypes[d].descr + 1, 2) == 0 &&
            (text[0] == dtypes[d].descr[0] || (dtypes[d].bytes == 1 && strchr("<>=|", text[0]) != NULL))) {
            array->dtype = (heed_npy_dtype)d;
            return HEED_OK;
        }
    return heed_fail(
        err, HEED_ERR_FILE,
        "%s: expected numbers of type <f4, <f8, <f2, <i8, <i4, |u1 or |b1 (little-endian), got \"%s\"",
        h->where, heed_quote(shown, sizeof shown, text, n));
}

static heed_status read_order(npy_header *h, heed_npy *array, heed_error *err)
{
    array->fortran = take_word(h, "True");
    return array->fortran || take_word(h, "False") ? HEED_OK
                                                   : damaged(h, "True or False for \"fortran_order\"", err);
}

static bool take_size(npy_header *h, int64_t *size)
{
    int64_t value = 0;

    if (!isdigit((unsigned char)peek(h)))
        return false;
    for (; h->at < h->end && isdigit((unsigned char)*h->at); h->at++) {
        if (value > (INT64_MAX - 9) / 10)
            return false;
        value = 10 * value + (*h->at - '0');
    }
    if (h->at < h->end && *h->at == 'L') /* a long of Python 2 */
        h->at++;
    *size = value;
    return true;
}

/* (), (3,), (2, 3), (2, 3,) */
static heed_status read_shape(npy_header *h, heed_npy *array, heed_error *err)
{
    if (!take(h, '('))
        return damaged(h, "a tuple for \"shape\"", err);
    while (!take(h, ')')) {
        if (array->rank == HEED_NPY_MAX_RANK)
            return heed_fail(err, HEED_ERR_FILE, "%s: expected an array of up to %d axes, got more", h->where,
                             HEED_NPY_MAX_RANK);
        if (!take_size(h, &array->size[array->rank++]))
            return damaged(h, "whole numbers for \"shape\"", err);
        if (!take(h, ',') && peek(h) != ')')
            return damaged(h, "a comma in \"shape\"", err);
    }
    return HEED_OK;
}

static heed_status read_member(npy_header *h, heed_npy *array, heed_error *err)
{
    const char *key = "";
    size_t n = 0;

    if (!take_string(h, &key, &n) || !take(h, ':'))
        return damaged(h, "a name and a colon", err);
    if (n == 5 && memcmp(key, "descr", n) == 0 && !h->has_descr) {
        h->has_descr = true;
        return read_descr(h, array, err);
    }
    if (n == 13 && memcmp(key, "fortran_order", n) == 0 && !h->has_order) {
        h->has_order = true;
        return read_order(h, array, err);
    }
    if (n == 5 && memcmp(key, "shape", n) == 0 && !h->has_shape) {
        h->has_shape = true;
        return read_shape(h, array, err);
    }
    return damaged(h, "\"descr\", \"fortran_order\" and \"shape\", each once", err);
}

static heed_status read_dictionary(npy_header *h, heed_npy *array, heed_error *err)
{
    heed_status status = take(h, '{') ? HEED_OK : damaged(h, "a dictionary", err);

    while (status == HEED_OK && !take(h, '}')) {
        status = read_member(h, array, err);
        if (status == HEED_OK && !take(h, ',') && peek(h) != '}')
            status = damaged(h, "a comma or the end of the dictionary", err);
    }
    if (status == HEED_OK && peek(h) != '\0')
        status = damaged(h, "nothing behind the dictionary", err);
    if (status == HEED_OK && !(h->has_descr && h->has_order && h->has_shape))
        status = damaged(h, "\"descr\", \"fortran_order\" and \"shape\"", err);
    return status;
}

/* --- the file --- */

/* Finds the header; *n_before bytes lie before the numbers. */
static heed_status find_header(const unsigned char *bytes, size_t size, npy_header *h, size_t *n_before,
                               heed_error *err)
{
    size_t prefix, length;

    if (size < MAGIC_BYTES + 4 || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a .npy file, it does not begin like one", h->where);
    if (bytes[6] < 1 || bytes[6] > 2 || bytes[7] != 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a .npy file of version 1.0 or 2.0, got %d.%d",
                         h->where, bytes[6], bytes[7]);
    prefix = bytes[6] == 1 ? 10 : 12;
    if (size < prefix)
        return damaged(h, "its size", err);
    length = bytes[8] | (size_t)bytes[9] << 8;
    if (prefix == 12)
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (length > size - prefix)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a .npy header of %zu bytes, the file ends after %zu",
                         h->where, length, size - prefix);
    h->at = (const char *)bytes + prefix;
    h->end = h->at + length;
    *n_before = prefix + length;
    return HEED_OK;
}

heed_status heed_npy_parse(const void *data, size_t size, const char *where, heed_npy *array, heed_error *err)
{
    npy_header h = {.where = where};
    size_t n_before = 0, count = 1, bytes = 0;
    bool fits = true;
    char shape[192];
    heed_status status;

    *array = (heed_npy){0};
    status = find_header(data, size, &h, &n_before, err);
    if (status == HEED_OK)
        status = read_dictionary(&h, array, err);
    for (int axis = 0; status == HEED_OK && axis < array->rank; axis++)
        fits = fits && heed_size_mul(count, (size_t)array->size[axis], &count);
    fits = fits && heed_size_mul(count, dtypes[array->dtype].bytes, &bytes);
    if (status == HEED_OK && (!fits || bytes != size - n_before))
        status = heed_fail(err, HEED_ERR_FILE,
                           "%s: expected the numbers of %s, %zu bytes each, the file has %zu bytes of them",
                           where, heed_npy_shape(shape, sizeof shape, array), dtypes[array->dtype].bytes,
                           size - n_before);
    if (status != HEED_OK) {
        *array = (heed_npy){0};
        return status;
    }
    array->count = (int64_t)count;
    array->data = (const char *)data + n_before;
    return HEED_OK;
}

heed_status heed_npy_open(const char *path, heed_npy *array, heed_error *err)
{
    heed_file file = {0};
    char where[256];
    heed_status status;

    *array = (heed_npy){0};
    heed_quote(where, sizeof where, path, strlen(path));
    status = heed_file_open(&file, path, err);
    if (status == HEED_OK)
        status = heed_npy_parse(file.data, file.size, where, array, err);
    if (status == HEED_OK)
        array->file = file;
    else
        heed_file_close(&file);
    return status;
}

void heed_npy_close(heed_npy *array)
{
    heed_file_close(&array->file);
    *array = (heed_npy){0};
}

const char *heed_npy_shape(char *out, size_t size, const heed_npy *array)
{
    size_t used = (size_t)snprintf(out, size, "[");

    for (int i = 0; i < array->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i > 0 ? ", " : "",
                                 (long long)array->size[i]);
    if (used < size)
        snprintf(out + used, size - used, "]");
    return out;
}

/* --- numbers --- */

/* Where number i, counted with the last axis fastest, lies in the file. */
static int64_t place_of(const heed_npy *array, int64_t i)
{
    int64_t place = 0, stride = array->count;

    if (!array->fortran)
        return i;
    for (int axis = array->rank - 1; axis >= 0; axis--) {
        stride /= array->size[axis];
        place += i % array->size[axis] * stride;
        i /= array->size[axis];
    }
    return place;
}

double heed_npy_number(const heed_npy *array, int64_t i)
{
    const char *p = (const char *)array->data + (size_t)place_of(array, i) * dtypes[array->dtype].bytes;
    double f64;
    float f32;
    int64_t i64;
    int32_t i32;
    uint16_t u16;

    switch (array->dtype) {
    case HEED_NPY_F32:
        memcpy(&f32, p, sizeof f32);
        return (double)f32;
    case HEED_NPY_F64:
        memcpy(&f64, p, sizeof f64);
        return f64;
    case HEED_NPY_F16:
        memcpy(&u16, p, sizeof u16);
        return (double)heed_float_of_f16(u16);
    case HEED_NPY_I64:
        memcpy(&i64, p, sizeof i64);
        return (double)i64;
    case HEED_NPY_I32:
        memcpy(&i32, p, sizeof i32);
        return (double)i32;
    case HEED_NPY_U8:
        return (double)(unsigned char)*p;
    default:
        return *p != 0 ? 1.0 : 0.0;
    }
}

void heed_npy_read_f32(const heed_npy *array, float *out)
{
    for (int64_t i = 0; i < array->count; i++)
        out[i] = (float)heed_npy_number(array, i);
}

/* --- writing --- */

size_t heed_npy_header_of(char out[HEED_NPY_MAX_HEADER], heed_npy_dtype dtype, int rank, const int64_t *size)
{
    size_t used = MAGIC_BYTES + 4, padded;

    used += (size_t)snprintf(out + used, HEED_NPY_MAX_HEADER - used,
                             "{'descr': '%s', 'fortran_order': False, 'shape': (", dtypes[dtype].descr);
    for (int i = 0; i < rank; i++) /* (3,) has a comma, (2, 3) none at its end */
        used += (size_t)snprintf(out + used, HEED_NPY_MAX_HEADER - used, "%lld%s", (long long)size[i],
                                 i + 1 < rank ? ", "
                                 : rank == 1  ? ","
                                              : "");
    used += (size_t)snprintf(out + used, HEED_NPY_MAX_HEADER - used, "), }");
    padded = (used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(out + used, ' ', padded - used);
    out[padded - 1] = '\n';
    memcpy(out, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    out[8] = (char)((padded - 10) & 0xff);
    out[9] = (char)((padded - 10) >> 8);
    return padded;
}

size_t heed_npy_header(char out[HEED_NPY_MAX_HEADER], int rank, const int64_t *size)
{
    return heed_npy_header_of(out, HEED_NPY_F32, rank, size);
}

heed_status heed_npy_write(const char *path, int rank, const int64_t *size, const float *data, heed_error *err)
{
    char header[HEED_NPY_MAX_HEADER], shown[256];
    size_t bytes = sizeof(float);
    bool fits = rank >= 0 && rank <= HEED_NPY_MAX_RANK;

    for (int i = 0; fits && i < rank; i++)
        fits = size[i] >= 0 && heed_size_mul(bytes, (size_t)size[i], &bytes);
    if (!fits)
        return heed_fail(err, HEED_ERR_SHAPE, "%s: expected up to %d axes that memory holds",
                         heed_quote(shown, sizeof shown, path, strlen(path)), HEED_NPY_MAX_RANK);
    const heed_bytes pieces[] = {{header, heed_npy_header(header, rank, size)}, {data, bytes}};
    return heed_file_write(path, pieces, 2, err);
}
