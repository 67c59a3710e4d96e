/* SPDX-License-Identifier: MIT */
/* safetensors: what is written reads back, and no header gets past the checks. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/safetensors.h"
#include "tensor/tensor.h"

/* A file in memory of exactly its size, so that the address sanitizer sees a read past its end. */
typedef struct image {
    char *bytes;
    size_t size;
} image;

static image make_image(uint64_t claimed, const char *header, size_t header_bytes, const void *data, size_t n)
{
    image m = {malloc(8 + header_bytes + n), 8 + header_bytes + n};

    assert_non_null(m.bytes);
    for (int i = 0; i < 8; i++)
        m.bytes[i] = (char)(unsigned char)(claimed >> (8 * i));
    memcpy(m.bytes + 8, header, header_bytes);
    if (n > 0)
        memcpy(m.bytes + 8 + header_bytes, data, n);
    return m;
}

static void assert_refused(image m, const char *part)
{
    heed_safetensors *file = NULL;
    heed_error err = {0};
    const heed_status status = heed_safetensors_parse(m.bytes, m.size, "m.safetensors", &file, &err);

    free(m.bytes);
    if (status == HEED_OK) {
        heed_safetensors_close(file);
        fail_msg("accepted, expected \"%s\"", part);
    }
    assert_null(file);
    assert_int_equal(status, HEED_ERR_FILE);
    if (strncmp(err.message, "m.safetensors: ", 15) != 0 || strstr(err.message, part) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", part, err.message);
}

/* header over n zero bytes of data is refused with a message that holds part. */
static void assert_header_refused(const char *header, size_t n, const char *part)
{
    static const char zeros[256];

    assert_true(n <= sizeof zeros);
    assert_refused(make_image(strlen(header), header, strlen(header), zeros, n), part);
}

static void a_header_size_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        image m = make_image(0, "", 0, NULL, 0);
        m.size = n;
        assert_refused(m, "at least 8 bytes");
    }
    assert_refused(make_image(0, "", 0, NULL, 0), "starts with {");
    assert_refused(make_image(0, "{}", 2, NULL, 0), "starts with {");
    assert_refused(make_image(3, "{}", 2, NULL, 0), "header takes 3 bytes");
    assert_refused(make_image((uint64_t)1 << 63, "{}", 2, NULL, 0), "not a whole safetensors file");
    assert_refused(make_image(UINT64_MAX, "{}", 2, NULL, 0), "not a whole safetensors file");
    assert_refused(make_image(UINT64_MAX - 7, "{}", 2, NULL, 0), "not a whole safetensors file");
}

static void a_header_above_the_limit_is_refused(void **state)
{
    const size_t size = HEED_SAFETENSORS_MAX_HEADER + 1;
    char *header = malloc(size);

    (void)state;
    assert_non_null(header);
    memset(header, ' ', size);
    memcpy(header, "{}", 2);
    assert_refused(make_image(size, header, size, NULL, 0), "header of at most");
    memset(header, '[', size - 1);
    memcpy(header, "{\"a\":", 5);
    assert_refused(make_image(size - 1, header, size - 1, NULL, 0), "levels");
    for (size_t i = 6; i + 1 < size; i += 2)
        memcpy(header + i, "0,", 2);
    assert_refused(make_image(size - 1, header, size - 1, NULL, 0), "JSON values");
    free(header);
}

static void a_header_that_is_no_map_of_tensors_is_refused(void **state)
{
    (void)state;
    assert_header_refused(" {}", 0, "starts with {");
    assert_header_refused("{", 0, "not valid JSON");
    assert_header_refused("{} x", 0, "not valid JSON");
    assert_header_refused("{\"a\":1}", 0, "tensor \"a\": expected an object");
    assert_header_refused("{\"a\":{}}", 0, "expected a string \"dtype\"");
    assert_header_refused("{\"a\":{\"dtype\":\"F32\"}}", 0, "expected a list \"shape\"");
    assert_header_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "two integers \"data_offsets\"");
    assert_header_refused("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
                          "the type \"F8_E4M3\" is not supported");
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                          "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                          2, "duplicate");
    assert_header_refused("{\"__metadata__\":{\"a\":1}}", 0, "only strings");
    assert_header_refused("{\"__metadata__\":\"a\"}", 0, "a map of strings");
    assert_header_refused("{\"\\u001b[31m\":1}", 0, "tensor \"\\x1B[31m\"");
}

static void a_shape_that_is_no_shape_is_refused(void **state)
{
#define ENTRY(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
    (void)state;
    assert_header_refused(ENTRY("U8", "[-1]", "[0,1]"), 1, "sizes of 0 or more");
    assert_header_refused(ENTRY("U8", "[1.0]", "[0,1]"), 1, "sizes of 0 or more");
    assert_header_refused(ENTRY("U8", "[\"1\"]", "[0,1]"), 1, "sizes of 0 or more");
    assert_header_refused(ENTRY("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "at most 8 sizes");
    assert_header_refused(ENTRY("U8", "[4294967296,4294967297]", "[0,1]"), 1, "more elements than fit");
    assert_header_refused(ENTRY("F32", "[4611686018427387904,1]", "[0,0]"), 0, "more elements than fit");
    assert_header_refused(ENTRY("F32", "[2305843009213693952,8]", "[0,0]"), 0, "more elements than fit");
    assert_header_refused(ENTRY("F32", "[9223372036854775808]", "[0,0]"), 0, "not valid JSON");
    assert_header_refused(ENTRY("F32", "[2,3]", "[0,23]"), 23, "expected 24 bytes for F32 [2, 3], got 23");
    assert_header_refused(ENTRY("F32", "[]", "[0,0]"), 0, "expected 4 bytes for F32 [], got 0");
}

static void offsets_that_lie_are_refused(void **state)
{
    (void)state;
    assert_header_refused(ENTRY("U8", "[4]", "[0,4]"), 3, "has only 3 bytes of data (is it cut off?)");
    assert_header_refused(ENTRY("U8", "[4]", "[4,0]"), 4, "impossible");
    assert_header_refused(ENTRY("U8", "[4]", "[-4,0]"), 4, "impossible");
    assert_header_refused(ENTRY("U8", "[4]", "[9223372036854775803,9223372036854775807]"), 4,
                          "has only 4 bytes");
    assert_header_refused(ENTRY("U8", "[4]", "[0]"), 4, "two integers");
    assert_header_refused(ENTRY("U8", "[4]", "[0,4,4]"), 4, "two integers");
    assert_header_refused(ENTRY("U8", "[4]", "[0.0,4.0]"), 4, "two integers");
    assert_header_refused(ENTRY("U8", "[4]", "[1,5]"), 5, "a gap");
    assert_header_refused(ENTRY("U8", "[4]", "[0,4]"), 5, "1 bytes of data belong to no tensor");
    assert_header_refused("{}", 5, "5 bytes of data belong to no tensor");
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}",
                          7, "overlaps");
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                          4, "overlaps");
    assert_header_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                          "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]}}",
                          4, "overlaps");
}

static void every_prefix_of_a_good_file_is_refused(void **state)
{
    const char header[] = ENTRY("F32", "[2]", "[0,8]");
    const size_t whole = 8 + sizeof header - 1 + 8;

    (void)state;
    for (size_t n = 0; n < whole; n++) {
        image m = make_image(sizeof header - 1, header, sizeof header - 1, "12345678", 8);
        m.bytes = realloc(m.bytes, n > 0 ? n : 1);
        m.size = n;
        assert_refused(m, "");
    }
}

static heed_safetensors *open_image(const image *m)
{
    heed_safetensors *file = NULL;
    heed_error err = {0};

    if (heed_safetensors_parse(m->bytes, m->size, "m.safetensors", &file, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return file;
}

static void entries_come_in_the_order_of_the_data(void **state)
{
    const char header[] = "{\"z\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
                          "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[1,1]},"
                          "\"b\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[0,1]},"
                          "\"__metadata__\":{\"format\":\"pt\"}}   ";
    image m = make_image(sizeof header - 1, header, sizeof header - 1, "\xff\x01\x02", 3);
    heed_safetensors *file = open_image(&m);
    const heed_safetensors_entry *entry = NULL;
    heed_error err = {0};
    char shape[192];
    float one;

    (void)state;
    assert_int_equal(heed_safetensors_n_entries(file), 3);
    assert_string_equal(heed_safetensors_at(file, 0)->name, "b");
    assert_string_equal(heed_safetensors_at(file, 1)->name, "empty");
    assert_string_equal(heed_safetensors_at(file, 2)->name, "z");
    assert_int_equal(heed_safetensors_at(file, 1)->count, 0);
    assert_string_equal(heed_safetensors_shape(shape, sizeof shape, heed_safetensors_at(file, 1)), "[0, 5]");
    assert_int_equal(heed_safetensors_get(file, "b", &entry, &err), HEED_OK);
    assert_int_equal(heed_safetensors_read_f32(entry, &one, &err), HEED_OK);
    assert_true(one == -1.0f);
    assert_int_equal(heed_safetensors_get(file, "\x1b", &entry, &err), HEED_ERR_FILE);
    assert_string_equal(err.message,
                        "m.safetensors: expected a tensor \"\\x1B\", found none of that name among 3");
    assert_null(heed_safetensors_find(file, "__metadata__"));
    assert_int_equal(heed_safetensors_n_metadata(file), 1);
    assert_string_equal(heed_safetensors_metadata(file, "format"), "pt");
    assert_null(heed_safetensors_metadata(file, "none"));
    heed_safetensors_close(file);
    free(m.bytes);
}

static void a_file_without_tensors_opens(void **state)
{
    image m = make_image(2, "{}", 2, NULL, 0);
    heed_safetensors *file = open_image(&m);

    (void)state;
    assert_int_equal(heed_safetensors_n_entries(file), 0);
    assert_null(heed_safetensors_find(file, "a"));
    heed_safetensors_close(file);
    free(m.bytes);
}

/* Values at the corners of each type, little-endian; expected as exact doubles. */
static void every_type_converts_exactly(void **state)
{
    static const struct {
        heed_safetensors_dtype dtype;
        unsigned char bytes[8];
        double expected;
    } cases[] = {
        {HEED_SAFETENSORS_F64, {0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, 1.5},
        {HEED_SAFETENSORS_F32, {0, 0, 0xc0, 0xbf}, -1.5},
        {HEED_SAFETENSORS_F16, {0x00, 0x3c}, 1.0},
        {HEED_SAFETENSORS_F16, {0xff, 0x7b}, 65504.0},
        {HEED_SAFETENSORS_F16, {0x01, 0x80}, -0x1p-24},
        {HEED_SAFETENSORS_F16, {0xff, 0x03}, 1023 * 0x1p-24},
        {HEED_SAFETENSORS_F16, {0x00, 0x7c}, INFINITY},
        {HEED_SAFETENSORS_BF16, {0x80, 0x3f}, 1.0},
        {HEED_SAFETENSORS_BF16, {0x49, 0xc0}, -3.140625},
        {HEED_SAFETENSORS_I64, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1.0},
        {HEED_SAFETENSORS_I32, {0, 0, 0, 0x80}, -2147483648.0},
        {HEED_SAFETENSORS_I16, {0, 0x80}, -32768.0},
        {HEED_SAFETENSORS_I8, {0x80}, -128.0},
        {HEED_SAFETENSORS_U8, {0xff}, 255.0},
        {HEED_SAFETENSORS_BOOL, {2}, 1.0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_safetensors_entry entry = {
            .name = "a", .dtype = cases[i].dtype, .rank = 0, .data = cases[i].bytes, .where = "m"};
        float value = NAN;
        int32_t whole = 77;
        const bool fits = cases[i].expected == floor(cases[i].expected) && !isinf(cases[i].expected);

        assert_true(heed_safetensors_measure(&entry));
        assert_int_equal(heed_safetensors_read_f32(&entry, &value, NULL), HEED_OK);
        if ((double)value != cases[i].expected)
            fail_msg("case %zu: expected %g, got %g", i, cases[i].expected, (double)value);
        assert_int_equal(heed_safetensors_read_i32(&entry, &whole, NULL), fits ? HEED_OK : HEED_ERR_FILE);
        if (fits)
            assert_true((double)whole == cases[i].expected);
    }
}

static void an_integer_out_of_range_is_named_by_its_index(void **state)
{
    const int64_t wide[] = {2147483647, 2147483648};
    const double reals[] = {1.0, NAN};
    heed_safetensors_entry entry = {
        .name = "ids", .dtype = HEED_SAFETENSORS_I64, .rank = 1, .size = {2}, .data = wide, .where = "m"};
    heed_error err = {0};
    int32_t out[2];

    (void)state;
    assert_true(heed_safetensors_measure(&entry));
    assert_int_equal(heed_safetensors_read_i32(&entry, out, &err), HEED_ERR_FILE);
    assert_string_equal(err.message,
                        "m: tensor \"ids\": expected whole numbers of 32 bits, got 2147483648 at index 1");
    entry.dtype = HEED_SAFETENSORS_F64;
    entry.data = reals;
    assert_int_equal(heed_safetensors_read_i32(&entry, out, &err), HEED_ERR_FILE);
}

static void f32_is_lent_only_when_aligned(void **state)
{
    _Alignas(8) const char bytes[12] = {0};
    heed_safetensors_entry entry = {.name = "a", .dtype = HEED_SAFETENSORS_F32, .rank = 0, .data = bytes};

    (void)state;
    assert_ptr_equal(heed_safetensors_f32(&entry), bytes);
    entry.data = bytes + 1;
    assert_null(heed_safetensors_f32(&entry));
    entry.data = bytes;
    entry.dtype = HEED_SAFETENSORS_I32;
    assert_null(heed_safetensors_f32(&entry));
}

static void what_is_written_reads_back(void **state)
{
    char path[] = "/tmp/heed-test-safetensors-XXXXXX";
    const float w[6] = {1, 2, 3, 4, 5, -0.0f};
    const int32_t ids[2] = {7, -7};
    const heed_safetensors_entry entries[] = {
        {.name = "wte.weight", .dtype = HEED_SAFETENSORS_F32, .rank = 2, .size = {2, 3}, .data = w},
        {.name = "none", .dtype = HEED_SAFETENSORS_F32, .rank = 1, .size = {0}},
        {.name = "a \"quoted\" ümlaut", .dtype = HEED_SAFETENSORS_I32, .rank = 1, .size = {2}, .data = ids},
    };
    const heed_safetensors_pair metadata[] = {{"format", "pt"}, {"x", "<&\n"}};
    heed_safetensors *file = NULL;
    heed_error err = {0};
    struct stat info;
    int32_t back[2];
    const int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    if (heed_safetensors_write(path, entries, 3, metadata, 2, &err) != HEED_OK ||
        heed_safetensors_open(path, &file, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal((info.st_size - 24 - 8) % 64, 0); /* the data begins at a multiple of 64 */
    assert_int_equal(heed_safetensors_n_entries(file), 3);
    const heed_safetensors_entry *entry = heed_safetensors_find(file, "wte.weight");
    assert_non_null(entry);
    assert_int_equal(entry->rank, 2);
    assert_int_equal(entry->size[1], 3);
    assert_non_null(heed_safetensors_f32(entry));
    assert_memory_equal(heed_safetensors_f32(entry), w, sizeof w);
    entry = heed_safetensors_find(file, "a \"quoted\" ümlaut");
    assert_non_null(entry);
    assert_int_equal(heed_safetensors_read_i32(entry, back, &err), HEED_OK);
    assert_memory_equal(back, ids, sizeof ids);
    assert_string_equal(heed_safetensors_metadata(file, "x"), "<&\n");
    heed_safetensors_close(file);
    unlink(path);
}

static void a_writer_refuses_names_that_collide(void **state)
{
    const heed_safetensors_entry twice[] = {{.name = "a", .dtype = HEED_SAFETENSORS_U8, .rank = 1},
                                            {.name = "a", .dtype = HEED_SAFETENSORS_U8, .rank = 1}};
    const heed_safetensors_entry taken = {.name = "__metadata__", .dtype = HEED_SAFETENSORS_U8, .rank = 1};
    const heed_safetensors_entry broken = {.name = "\xff", .dtype = HEED_SAFETENSORS_U8, .rank = 1};
    const heed_safetensors_entry large = {
        .name = "a", .dtype = HEED_SAFETENSORS_F32, .rank = 2, .size = {INT64_MAX, 2}};
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_safetensors_write("/none/x", twice, 2, NULL, 0, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "tensor \"a\" cannot be written: the name is given twice"));
    assert_int_equal(heed_safetensors_write("/none/x", &taken, 1, NULL, 0, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_safetensors_write("/none/x", &broken, 1, NULL, 0, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "\\xFF"));
    assert_int_equal(heed_safetensors_write("/none/x", &large, 1, NULL, 0, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_safetensors_write("/none/x", twice, 1, NULL, 0, &err), HEED_ERR_FILE);
}

/* --- as another type --- */

/* x in steps of the last of `bits` bits, ties to even; below 2^least the steps stay as they are. Exact in a double. */
static double rounded(double x, int bits, int least)
{
    int exponent;

    if (!isfinite(x))
        return x;
    frexp(x, &exponent);
    if (exponent < least)
        exponent = least;
    return ldexp(nearbyint(ldexp(x, bits - exponent)), exponent - bits);
}

typedef struct putting {
    const heed_safetensors_entry *entry;
    heed_safetensors_dtype dtype;
    int64_t n_overflows;
} putting;

static heed_status put_entry(void *context, struct heed_file_sink *sink, heed_error *err)
{
    putting *p = context;

    return heed_safetensors_put_as(p->entry, p->dtype, sink, &p->n_overflows, err);
}

/* The numbers of entry as dtype, read back as floats. */
static int64_t put_and_read(const heed_safetensors_entry *entry, heed_safetensors_dtype dtype, float *out)
{
    char path[] = "/tmp/heed-test-numbers-XXXXXX";
    putting p = {.entry = entry, .dtype = dtype};
    heed_safetensors_entry back = *entry;
    heed_file file;
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(heed_file_write_from(path, 0, put_entry, &p, NULL), HEED_OK);
    assert_int_equal(heed_file_open(&file, path, NULL), HEED_OK);
    back.dtype = dtype;
    back.data = file.data;
    assert_true(heed_safetensors_measure(&back));
    assert_int_equal(back.bytes, file.size);
    assert_int_equal(heed_safetensors_read_f32(&back, out, NULL), HEED_OK);
    heed_file_close(&file);
    unlink(path);
    return p.n_overflows;
}

static void numbers_are_rounded_once_to_nearest_even(void **state)
{
    enum { N = 50000 };
    static double x[N];
    static float as_float[N], out[N];
    static const struct {
        heed_safetensors_dtype dtype;
        int bits, least;
        double most; /* what rounds to infinity begins here */
    } types[] = {{HEED_SAFETENSORS_F16, 11, -13, 65520.0},
                 {HEED_SAFETENSORS_BF16, 8, -125, 0x1.ffp127},
                 {HEED_SAFETENSORS_F32, 24, -125, 0x1.ffffffp127}};
    heed_safetensors_entry entry = {
        .name = "a", .dtype = HEED_SAFETENSORS_F64, .rank = 1, .size = {N}, .data = x, .where = "m"};
    uint64_t random = 1;

    (void)state;
    assert_true(heed_safetensors_measure(&entry));
    for (int i = 0; i < N; i++) { /* signs and sizes of all kinds; every third a tie, or just beside one */
        random = random * 6364136223846793005u + 1442695040888963407u;
        const int exponent = (int)(random >> 40 & 63) - 40, bits = i & 1 ? 8 : 11;
        x[i] = ldexp(1.0 + (double)(random >> 12) * 0x1p-52, exponent);
        if (i % 3 == 0)
            x[i] = rounded(x[i], bits + 1, -1000) + (i % 9 == 3   ? 1
                                                     : i % 9 == 6 ? -1
                                                                  : 0) *
                                                        ldexp(1.0, exponent - 50);
        if (random & 1)
            x[i] = -x[i];
    }
    x[0] = 1.0 + 0x1p-11 + 0x1p-40; /* rounded to a float first, this is a tie */
    x[1] = 0.0;
    x[2] = 65519.999999999;
    x[3] = 65520.0;
    x[4] = 1e300;
    x[5] = INFINITY;
    x[6] = 0x1p-25;
    x[7] = 0x1.0000000001p-25;
    x[8] = 1e-300;
    x[9] = 0x1.fefffffffffffp127;
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        int64_t n_overflows = 0;
        const int64_t counted = put_and_read(&entry, types[t].dtype, out);
        for (int i = 0; i < N; i++) {
            const bool over = isfinite(x[i]) && fabs(x[i]) >= types[t].most;
            const double wanted = over ? copysign(INFINITY, x[i])
                                       : rounded(x[i], types[t].bits, types[t].least);
            n_overflows += over;
            if ((double)out[i] != wanted)
                fail_msg("%.17g became %.9g, expected %.9g", x[i], (double)out[i], wanted);
        }
        assert_int_equal(counted, n_overflows);
    }
    for (int i = 0; i < N; i++) /* and from floats */
        as_float[i] = (float)x[i];
    entry.dtype = HEED_SAFETENSORS_F32;
    entry.data = as_float;
    assert_true(heed_safetensors_measure(&entry));
    put_and_read(&entry, HEED_SAFETENSORS_F16, out);
    for (int i = 10; i < N; i++) {
        const double y = (double)as_float[i];
        assert_true((double)out[i] == (fabs(y) >= 65520.0 ? copysign(INFINITY, y) : rounded(y, 11, -13)));
    }
}

static void every_half_survives_a_float(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        const float f16 = heed_float_of_f16((uint16_t)i), bf16 = heed_float_of_bf16((uint16_t)i);
        if (isnan(f16))
            assert_true(isnan(heed_float_of_f16(heed_f16_of_float(f16))));
        else
            assert_int_equal(heed_f16_of_float(f16), i);
        if (isnan(bf16))
            assert_true(isnan(heed_float_of_bf16(heed_bf16_of_float(bf16))));
        else
            assert_int_equal(heed_bf16_of_float(bf16), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_size_that_does_not_fit_is_refused),
        cmocka_unit_test(a_header_above_the_limit_is_refused),
        cmocka_unit_test(a_header_that_is_no_map_of_tensors_is_refused),
        cmocka_unit_test(a_shape_that_is_no_shape_is_refused),
        cmocka_unit_test(offsets_that_lie_are_refused),
        cmocka_unit_test(every_prefix_of_a_good_file_is_refused),
        cmocka_unit_test(entries_come_in_the_order_of_the_data),
        cmocka_unit_test(a_file_without_tensors_opens),
        cmocka_unit_test(every_type_converts_exactly),
        cmocka_unit_test(an_integer_out_of_range_is_named_by_its_index),
        cmocka_unit_test(f32_is_lent_only_when_aligned),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(numbers_are_rounded_once_to_nearest_even),
        cmocka_unit_test(every_half_survives_a_float),
        cmocka_unit_test(a_writer_refuses_names_that_collide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
