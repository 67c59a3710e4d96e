/* SPDX-License-Identifier: MIT */
/* Weights in every type that files have, streamed past a few rows of x, against double precision. */
#include "cmocka_all.h"

#include "base/rng.h"
#include "kernels/arrays.h"
#include "tensor/tensor.h"

enum { SEED = 411, MAX_ROWS = 16, GROUP = 32 };

/* Inputs and outputs: one, a vector and its neighbours, groups cut short, eight streams with rows left over. */
static const int64_t sizes[][2] = {{1, 1},   {3, 2},    {16, 9},   {17, 31},   {64, 8},   {65, 70},
                                   {96, 33}, {130, 65}, {33, 130}, {257, 100}, {71, 515}, {200, 4100}};

static const char *const type_names[] = {"f32", "bf16", "f16", "8-bit"};

/* A matrix [rows, columns] with rows `extra` numbers longer than needed, and what its numbers are. */
typedef struct problem {
    heed_weight_matrix w;
    void *data;
    float *scales;
    double *value; /* [rows, columns] */
    int64_t rows, columns;
} problem;

static size_t bytes_of(heed_weight_type type)
{
    return type == HEED_WEIGHT_F32 ? 4 : type == HEED_WEIGHT_8BIT ? 1 : 2;
}

static float set_number(problem *p, int64_t at, heed_rng *rng)
{
    const float x = heed_rng_normal(rng);

    switch (p->w.type) {
    case HEED_WEIGHT_F32:
        ((float *)p->data)[at] = x;
        return x;
    case HEED_WEIGHT_BF16:
        ((uint16_t *)p->data)[at] = heed_bf16_of_float(x);
        return heed_float_of_bf16(((uint16_t *)p->data)[at]);
    case HEED_WEIGHT_F16:
        ((uint16_t *)p->data)[at] = heed_f16_of_float(x);
        return heed_float_of_f16(((uint16_t *)p->data)[at]);
    default:
        ((int8_t *)p->data)[at] = (int8_t)(heed_rng_below(rng, 255) - 127);
        return ((int8_t *)p->data)[at];
    }
}

static problem open_problem(heed_weight_type type, int64_t rows, int64_t columns, int64_t extra,
                            bool group_in_row, heed_rng *rng)
{
    const int64_t stride = columns + extra;
    const int64_t per_row = (columns + GROUP - 1) / GROUP, per_column = (rows + GROUP - 1) / GROUP;
    const int64_t n_scales = group_in_row ? rows * per_row : per_column * columns;
    problem p = {.rows = rows, .columns = columns};

    /* not a number more than the last row needs, so that a read past the end shows */
    p.data = malloc((size_t)((rows - 1) * stride + columns) * bytes_of(type));
    p.scales = array_new(n_scales);
    p.value = malloc((size_t)(rows * columns) * sizeof *p.value);
    assert_true(p.data != NULL && p.value != NULL);
    memset(p.data, 0x7f, (size_t)((rows - 1) * stride + columns) * bytes_of(type));
    p.w = (heed_weight_matrix){.type = type,
                               .data = p.data,
                               .stride = stride,
                               .scales = type == HEED_WEIGHT_8BIT ? p.scales : NULL,
                               .group = GROUP,
                               .scale_stride = group_in_row ? per_row : columns,
                               .group_in_row = group_in_row};
    for (int64_t i = 0; i < n_scales; i++)
        p.scales[i] = 0.001f + 0.01f * heed_rng_float(rng);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            const double x = (double)set_number(&p, r * stride + c, rng);
            const float scale = p.scales[group_in_row ? r * per_row + c / GROUP : r / GROUP * columns + c];

            p.value[r * columns + c] = type == HEED_WEIGHT_8BIT ? x * (double)scale : x;
        }
    return p;
}

static void close_problem(problem *p)
{
    const int64_t per_row = (p->columns + GROUP - 1) / GROUP, per_column = (p->rows + GROUP - 1) / GROUP;

    array_free(p->scales, p->w.group_in_row ? p->rows * per_row : per_column * p->columns);
    free(p->data);
    free(p->value);
}

/* Any order of adding n products errs by (n + 1) u sum |x w|, u = 2^-24; a scale and a bias round once more each. */
static void check_output(const heed_kernels *k, const problem *p, const char *what, const float *x, float bias,
                         int64_t n_in, int64_t o, bool dot, float got)
{
    const double u = 1.0 / (1 << 24);
    double sum = (double)bias, size = fabs(sum);

    for (int64_t i = 0; i < n_in; i++) {
        const double product = (double)x[i] * p->value[dot ? o * p->columns + i : i * p->columns + o];

        sum += product;
        size += fabs(product);
    }
    if (!(fabs((double)got - sum) <= (double)(n_in + 3) * u * size))
        fail_msg("%s of %s on %s, [%lld, %lld], output %lld: %.9g, expected %.9g +- %.2g (seed %d)", what,
                 type_names[p->w.type], k->name, (long long)p->rows, (long long)p->columns, (long long)o,
                 (double)got, sum, (double)(n_in + 3) * u * size, SEED);
}

static void check(const heed_kernels *k, heed_weight_type type, bool dot, const int64_t *size, int64_t n_rows,
                  int64_t extra, heed_rng *rng)
{
    const int64_t n_in = size[0], n_out = size[1], x_stride = n_in + extra, y_stride = n_out + 2;
    problem p = dot ? open_problem(type, n_out, n_in, extra, true, rng)
                    : open_problem(type, n_in, n_out, extra, false, rng);
    float *x = array_random(n_rows * x_stride, (uint32_t)n_rows, 2.0f);
    float *bias = array_random(n_out, 7, 1.0f), *y = array_new(n_rows * y_stride);

    if (dot) {
        k->stream_dot(y, y_stride, &p.w, x, x_stride, extra > 0 ? bias : NULL, n_rows, n_out, n_in);
    } else {
        for (int64_t r = 0; r < n_rows; r++)
            memcpy(y + r * y_stride, bias, (size_t)n_out * sizeof *y);
        k->stream_combine(y, y_stride, &p.w, x, x_stride, n_rows, n_out, 0, n_in);
    }
    for (int64_t r = 0; r < n_rows; r++) {
        for (int64_t o = 0; o < n_out; o++)
            check_output(k, &p, dot ? "stream_dot" : "stream_combine", x + r * x_stride,
                         !dot || extra > 0 ? bias[o] : 0.0f, n_in, o, dot, y[r * y_stride + o]);
        assert_true(y[r * y_stride + n_out] == 0.0f && y[r * y_stride + n_out + 1] == 0.0f);
    }
    array_free(x, n_rows * x_stride);
    array_free(bias, n_out);
    array_free(y, n_rows * y_stride);
    close_problem(&p);
}

static void check_all(bool dot)
{
    static const int64_t rows[] = {1, 2, 3, 4, 7, 8, 11, 16};
    heed_rng rng = heed_rng_make(SEED, 1);

    for (int t = 0; heed_kernels_at(t); t++)
        for (int type = 0; type < 4; type++)
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
                for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
                    if (sizes[i][0] * sizes[i][1] < 100000 || rows[r] == 2) /* the largest once */
                        check(heed_kernels_at(t), (heed_weight_type)type, dot, sizes[i], rows[r],
                              (int64_t)(i + r) % 2 * 5, &rng);
}

static void stream_dot_equals_a_sum_in_double_precision(void **state)
{
    (void)state;
    check_all(true);
}

static void stream_combine_equals_a_sum_in_double_precision(void **state)
{
    (void)state;
    check_all(false);
}

/* A text in a batch is the text alone, and threads may share outputs and rows of W in any way. */
static void a_row_has_the_same_bits_alone_and_beside_others(void **state)
{
    enum { IN = 192, OUT = 333, ROWS = 13 };
    heed_rng rng = heed_rng_make(SEED, 2);
    float *x = array_random(ROWS * IN, 3, 1.0f), *all = array_new(ROWS * OUT), *one = array_new(OUT);

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++)
        for (int type = 0; type < 4; type++) {
            const heed_kernels *k = heed_kernels_at(t);
            problem by_out = open_problem((heed_weight_type)type, OUT, IN, 0, true, &rng);
            problem by_in = open_problem((heed_weight_type)type, IN, OUT, 0, false, &rng);

            k->stream_dot(all, OUT, &by_out.w, x, IN, NULL, ROWS, OUT, IN);
            for (int64_t r = 0; r < ROWS; r++)
                for (int64_t o = 0; o < OUT; o += 100) {
                    const int64_t n = OUT - o < 100 ? OUT - o : 100;
                    heed_weight_matrix part = by_out.w;

                    part.data = (const char *)part.data + (size_t)(o * IN) * bytes_of(part.type);
                    part.scales = part.scales != NULL ? part.scales + o * part.scale_stride : NULL;
                    k->stream_dot(one, OUT, &part, x + r * IN, IN, NULL, 1, n, IN);
                    check_same_bits(k, "stream_dot", one, all + r * OUT + o, n);
                }
            memset(all, 0, ROWS * OUT * sizeof *all);
            k->stream_combine(all, OUT, &by_in.w, x, IN, ROWS, OUT, 0, IN);
            for (int64_t r = 0; r < ROWS; r++) {
                memset(one, 0, OUT * sizeof *one);
                k->stream_combine(one, OUT, &by_in.w, x + r * IN, IN, 1, OUT, 0, 64);
                k->stream_combine(one, OUT, &by_in.w, x + r * IN, IN, 1, OUT, 64, IN);
                check_same_bits(k, "stream_combine", one, all + r * OUT, OUT);
            }
            close_problem(&by_out);
            close_problem(&by_in);
        }
    array_free(x, ROWS * IN);
    array_free(all, ROWS * OUT);
    array_free(one, OUT);
}

/* Widening is exact, but for the product with a scale, which is rounded once. */
static void widened_weights_are_the_numbers_themselves(void **state)
{
    enum { ROWS = 70, COLUMNS = 131 };
    heed_rng rng = heed_rng_make(SEED, 3);
    float *y = array_new(COLUMNS);

    (void)state;
    for (int t = 0; heed_kernels_at(t); t++)
        for (int variant = 0; variant < 8; variant++) {
            problem p = open_problem((heed_weight_type)(variant / 2), ROWS, COLUMNS, 3, variant % 2, &rng);

            for (int64_t r = 0; r < ROWS; r++)
                for (int64_t begin = 0; begin < COLUMNS; begin += 48) {
                    const int64_t n = COLUMNS - begin < 48 ? COLUMNS - begin : 48;

                    heed_kernels_at(t)->widen_weights(y, &p.w, r, begin, n);
                    for (int64_t i = 0; i < n; i++)
                        if (y[i] != (float)p.value[r * COLUMNS + begin + i])
                            fail_msg("%s on %s: [%lld, %lld] is %.9g, expected %.9g", type_names[p.w.type],
                                     heed_kernels_at(t)->name, (long long)r, (long long)(begin + i),
                                     (double)y[i], p.value[r * COLUMNS + begin + i]);
                }
            close_problem(&p);
        }
    array_free(y, COLUMNS);
}

/* Zeros, numbers below 2^-14, infinities and NaN: every half-precision number there is. */
static void every_f16_widens_to_its_number(void **state)
{
    enum { N = 1 << 16 };
    uint16_t *x = malloc(N * sizeof *x);
    float *y = array_new(N);
    const heed_weight_matrix w = {.type = HEED_WEIGHT_F16, .data = x, .stride = N};

    (void)state;
    assert_non_null(x);
    for (int i = 0; i < N; i++)
        x[i] = (uint16_t)i;
    for (int t = 0; heed_kernels_at(t); t++) {
        heed_kernels_at(t)->widen_weights(y, &w, 0, 0, N);
        for (int i = 0; i < N; i++) {
            const int exponent = i >> 10 & 31;
            const double size = exponent > 0 ? ldexp(1024 + (i & 1023), exponent - 25) : ldexp(i & 1023, -24);
            const double want = exponent < 31 ? size : (i & 1023) == 0 ? INFINITY : NAN;

            if (isnan(want) ? !isnan(y[i]) : (double)y[i] != (i < 1 << 15 ? want : -want))
                fail_msg("%s: %04x is %.9g, expected %.9g", heed_kernels_at(t)->name, i, (double)y[i], want);
            assert_true(isnan(want) || (signbit(y[i]) != 0) == (i >= 1 << 15));
        }
    }
    free(x);
    array_free(y, N);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_dot_equals_a_sum_in_double_precision),
        cmocka_unit_test(stream_combine_equals_a_sum_in_double_precision),
        cmocka_unit_test(a_row_has_the_same_bits_alone_and_beside_others),
        cmocka_unit_test(widened_weights_are_the_numbers_themselves),
        cmocka_unit_test(every_f16_widens_to_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
