/* SPDX-License-Identifier: MIT */
#include "kernels/limits.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_REPETITIONS = 64,
    PIECE_WORDS = 1 << 17, /* 1 MB */
    QUICK_PIECES =
        96, /* larger than the caches of a small machine, and written in a few hundredths of a second */
    THOROUGH_PIECES = 768,
    HANDED_PIECES = 4, /* to a thread at once */
    STREAMS = 8,       /* that a piece is read in */
    LINE_PAIRS = 4,    /* 16-byte vectors of a cache line */
};

/* One thing to repeat against the clock. */
typedef void repeat_fn(void *context);

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Repeats fn for `seconds`, once at least; each time does `work` units. The first, which touches memory, does not count. */
static heed_rate repeat(repeat_fn *fn, void *context, double work, double seconds)
{
    const double end = heed_clock_s() + seconds;
    double rates[MAX_REPETITIONS];
    int n = 0;

    fn(context);
    do {
        const double begin = heed_clock_s();

        fn(context);
        rates[n++] = work / (heed_clock_s() - begin);
    } while (n < MAX_REPETITIONS && heed_clock_s() < end);
    qsort(rates, (size_t)n, sizeof(rates[0]), compare_doubles);
    return (heed_rate){.best = rates[n - 1], .median = rates[n / 2], .repetitions = n};
}

typedef struct square_product {
    const heed_product *product;
    float *a, *b, *c;
    void *workspace;
} square_product;

static void run_square(void *context)
{
    const square_product *s = context;

    heed_product_run(s->product, s->a, s->b, NULL, s->c, s->workspace);
}

/* Square matrices of size n; large enough to hide everything but the arithmetic, small enough for the time given. */
static heed_status measure_product(heed_products *products, bool bf16, int64_t n, double seconds,
                                   heed_rate *rate, heed_error *err)
{
    const heed_product_shape shape = {.m = n, .n = n, .k = n, .bf16 = bf16};
    const size_t matrix_bytes = heed_size_align((size_t)(n * n) * sizeof(float));
    square_product square = {0};
    heed_status status = heed_products_get(products, &shape, &square.product, err);
    float *block;

    if (status != HEED_OK)
        return status;
    const size_t bytes = 3 * matrix_bytes + heed_product_workspace_bytes(square.product);
    block = heed_memory_reserve(bytes);
    if (!block)
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to measure the speed of matrix products (%zu bytes)",
                         bytes);
    /* 0x3f3f3f3f is 0.747 as a float, and 0x3f3f 0.746 as a bfloat16 */
    memset(block, 0x3f, 2 * matrix_bytes);
    square.a = block;
    square.b = square.a + matrix_bytes / sizeof(float);
    square.c = square.b + matrix_bytes / sizeof(float);
    square.workspace = square.c + matrix_bytes / sizeof(float);
    *rate = repeat(run_square, &square, 2.0 * (double)n * (double)n * (double)n, seconds);
    heed_memory_release(block, bytes);
    return HEED_OK;
}

typedef uint64_t pair __attribute__((vector_size(16), aligned(16)));

/*
 * Adds up n pairs in STREAMS parts side by side: memory gives more so than from one place after the other (two Ice Lake
 * cores: 27 GB/s and 21).
 */
static uint64_t add_up(const pair *x, int64_t all)
{
    const int64_t n = all / (STREAMS * LINE_PAIRS) * LINE_PAIRS;
    pair sum[STREAMS][2] = {{{0}}};

    for (int64_t i = STREAMS * n; i < all; i++)
        sum[0][0] += x[i];
    for (int64_t i = 0; i < n; i += LINE_PAIRS) {
        for (int s = 0; s < STREAMS; s++) {
            const pair *line = x + s * n + i;

            sum[s][0] += line[0] + line[2];
            sum[s][1] += line[1] + line[3];
        }
    }
    for (int s = 1; s < STREAMS; s++) {
        sum[0][0] += sum[s][0];
        sum[0][1] += sum[s][1];
    }
    return sum[0][0][0] + sum[0][0][1] + sum[0][1][0] + sum[0][1][1];
}

/* Adds up each piece in vectors that every processor has; the adding is several times faster than any memory. */
static void read_pieces(void *context, int64_t begin, int64_t end, int thread)
{
    const heed_reading *r = context;
    const int64_t n_pieces = r->n_words / PIECE_WORDS;

    (void)thread;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t rest = r->n_pass - piece * PIECE_WORDS, n = rest < PIECE_WORDS ? rest : PIECE_WORDS;
        const pair *x = (const pair *)(const void *)(r->x + (r->first_piece + piece) % n_pieces * PIECE_WORDS);

        r->sums[piece] = add_up(x, n / 2);
    }
}

static int64_t pieces_of(int64_t words)
{
    return words / PIECE_WORDS + (words % PIECE_WORDS != 0);
}

double heed_reading_pass(heed_reading *reading)
{
    const int64_t n = pieces_of(reading->n_pass);
    const double begin = heed_clock_s();

    heed_parallel(reading->n_threads, n, HANDED_PIECES, read_pieces, reading);
    reading->first_piece = (reading->first_piece + n) % (reading->n_words / PIECE_WORDS);
    return heed_clock_s() - begin;
}

void heed_reading_close(heed_reading *reading)
{
    heed_memory_release(reading->x, (size_t)reading->n_words * sizeof(uint64_t));
    heed_memory_release(reading->sums, (size_t)pieces_of(reading->n_pass) * sizeof(uint64_t));
    *reading = (heed_reading){0};
}

/* Passes of so many bytes round a buffer of so many pieces. */
static heed_status open_reading(heed_reading *r, int n_threads, size_t bytes, int64_t n_pieces, heed_error *err)
{
    const int64_t n_pass = (int64_t)(heed_size_align(bytes) / sizeof(uint64_t));

    *r = (heed_reading){.n_words = n_pieces * PIECE_WORDS, .n_pass = n_pass, .n_threads = n_threads};
    const size_t buffer_bytes = (size_t)r->n_words * sizeof(uint64_t);
    const size_t sums_bytes = (size_t)pieces_of(n_pass) * sizeof(uint64_t);

    if (buffer_bytes + sums_bytes < heed_memory_available()) {
        r->x = heed_memory_reserve(buffer_bytes);
        r->sums = heed_memory_reserve(sums_bytes);
    }
    if (!r->x || !r->sums) {
        heed_reading_close(r);
        return heed_fail(err, HEED_ERR_MEMORY, "no memory to measure the speed of reading (%zu bytes)",
                         buffer_bytes + sums_bytes);
    }
    /* pages that were never written share one page of zeros, which stays in the cache */
    memset(r->x, 1, buffer_bytes);
    return HEED_OK;
}

/* 1 MB pieces of a buffer that no cache holds, and that leaves half of the free memory alone. */
static int64_t buffer_pieces(int64_t wished)
{
    const size_t room = heed_memory_available() / 2 / (PIECE_WORDS * sizeof(uint64_t));

    return (size_t)wished < room ? wished : QUICK_PIECES;
}

heed_status heed_reading_open(heed_reading *reading, int n_threads, size_t bytes, heed_error *err)
{
    const int64_t pass = pieces_of((int64_t)(heed_size_align(bytes) / sizeof(uint64_t)));

    return open_reading(reading, n_threads, bytes,
                        buffer_pieces(pass > THOROUGH_PIECES ? pass : THOROUGH_PIECES), err);
}

static void read_all(void *context)
{
    (void)heed_reading_pass(context);
}

static heed_status measure_reading(int n_threads, int64_t n_pieces, double seconds, heed_rate *rate,
                                   heed_error *err)
{
    const size_t bytes = (size_t)n_pieces * PIECE_WORDS * sizeof(uint64_t);
    heed_reading r;
    const heed_status status = open_reading(&r, n_threads, bytes, n_pieces, err);

    if (status == HEED_OK)
        *rate = repeat(read_all, &r, (double)bytes, seconds);
    heed_reading_close(&r);
    return status;
}

heed_status heed_limits_peak(const heed_device *device, double seconds, heed_rate *rate, heed_error *err)
{
    heed_device own;
    heed_status status = heed_device_open(&own, device->kernels ? device->kernels->name : "", device->n_threads,
                                          err);

    *rate = (heed_rate){0};
    if (status == HEED_OK) {
        status = measure_product(own.products, false, 1024, seconds, rate, err);
        heed_device_close(&own);
    }
    return status;
}

heed_status heed_limits_measure(const heed_device *device, double seconds, heed_limits *limits, heed_error *err)
{
    const bool thorough = seconds >= 1.0;
    const int64_t n = thorough ? 2048 : 1024;
    const int64_t n_pieces = thorough ? buffer_pieces(THOROUGH_PIECES) : QUICK_PIECES;
    heed_device own;
    heed_status status;

    *limits = (heed_limits){0};
    /* a device of its own, so that the caller's keeps no plans of this */
    status = heed_device_open(&own, device->kernels ? device->kernels->name : "", device->n_threads, err);
    if (status != HEED_OK)
        return status;
    const double share = seconds / (heed_products_has_bf16(own.products) ? 4 : 3);
    status = measure_product(own.products, false, n, share, &limits->f32_flops, err);
    if (status == HEED_OK && heed_products_has_bf16(own.products))
        status = measure_product(own.products, true, n, share, &limits->bf16_flops, err);
    if (status == HEED_OK)
        status = measure_reading(own.n_threads, n_pieces, share, &limits->read_bytes, err);
    heed_device_close(&own);
    return status;
}
