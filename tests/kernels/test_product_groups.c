/* SPDX-License-Identifier: MIT */
/* Products of groups of rows against a loop in double, on every kernel table; threads and neighbours change no bit. */
#include "cmocka_all.h"

#include "arrays.h"

#include <float.h>

#include "kernels/product_groups.h"

enum { GROUPS = 5, ROWS = 437 };

/* A large group, a few rows, one that crosses blocks of rows and of the summed axis, none, and the rest. */
static const int32_t offsets[] = {0, 130, 133, 433, 433, 436};

typedef struct problem {
    heed_groups groups;
    bool has_bias;
    int64_t n_a, n_b, n_c;
} problem;

static problem rows_problem(int64_t n, int64_t k, bool transpose_b, bool has_bias)
{
    return (problem){
        .groups = {.n_groups = GROUPS, .offsets = offsets, .n = n, .k = k, .transpose_b = transpose_b},
        .has_bias = has_bias,
        .n_a = ROWS * k,
        .n_b = GROUPS * n * k,
        .n_c = ROWS * n,
    };
}

static problem weights_problem(int64_t m, int64_t n)
{
    return (problem){
        .groups = {.n_groups = GROUPS, .offsets = offsets, .weights = true, .m = m, .n = n},
        .n_a = ROWS * m,
        .n_b = ROWS * n,
        .n_c = GROUPS * m * n,
    };
}

/* C in a block of NaN, run with so many threads. */
static float *run(const problem *p, const heed_kernels *kernels, int n_threads, const float *a, const float *b,
                  const float *bias)
{
    const heed_device device = {.kernels = kernels, .n_threads = n_threads};
    const size_t bytes = heed_groups_workspace_bytes(&p->groups, &device);
    void *workspace = aligned_alloc(64, bytes);
    float *c = array_new(p->n_c);

    assert_non_null(workspace);
    memset(workspace, 0xff, bytes);
    memset(c, 0xff, (size_t)p->n_c * sizeof *c);
    heed_groups_run(&p->groups, &device, a, b, p->has_bias ? bias : NULL, c, workspace);
    free(workspace);
    return c;
}

static int64_t group_of(int64_t row)
{
    int64_t e = 0;

    while (e < GROUPS && row >= offsets[e + 1])
        e++;
    return e;
}

/* Element i of C; *sizes: the sum of the sizes of its terms. */
static double in_double(const problem *p, int64_t i, const float *a, const float *b, const float *bias,
                        double *sizes)
{
    const heed_groups *s = &p->groups;
    const int64_t row = i / s->n, j = i % s->n, e = s->weights ? row / s->m : group_of(row);
    const int64_t begin = s->weights ? offsets[e] : 0, end = s->weights ? offsets[e + 1] : s->k;
    double sum = p->has_bias ? (double)bias[e * s->n + j] : 0.0;

    *sizes = fabs(sum);
    for (int64_t l = begin; l < end; l++) {
        const int64_t at = s->weights ? l * s->m + row % s->m : row * s->k + l;
        const int64_t bt = s->weights       ? l * s->n + j
                           : s->transpose_b ? (e * s->n + j) * s->k + l
                                            : (e * s->k + l) * s->n + j;
        const double term = (double)a[at] * (double)b[bt];

        sum += term;
        *sizes += fabs(term);
    }
    return sum;
}

/* A sum of n terms in any order is off by at most (n + 4) u of the sum of their sizes, as any matrix product. */
static void check(const problem *p)
{
    const double n_terms = p->groups.weights ? 300.0 : (double)p->groups.k + p->has_bias;
    float *a = array_random(p->n_a, 1, 1.0f), *b = array_random(p->n_b, 2, 1.0f);
    float *bias = array_random(GROUPS * p->groups.n, 3, 1.0f);

    for (int t = 0; heed_kernels_at(t) != NULL; t++) {
        const heed_kernels *kernels = heed_kernels_at(t);
        float *one = run(p, kernels, 1, a, b, bias), *three = run(p, kernels, 3, a, b, bias);

        check_same_bits(kernels, "three threads", three, one, p->n_c);
        for (int64_t i = 0; i < p->n_c; i++) {
            double sizes;

            if (!p->groups.weights && group_of(i / p->groups.n) == GROUPS) {
                assert_true(isnan(one[i])); /* rows of nobody are left alone */
                continue;
            }
            const double expected = in_double(p, i, a, b, bias, &sizes);
            check_near(kernels, "product of a group", p->groups.n, i, (double)one[i], expected,
                       (n_terms + 4.0) * 0.5 * FLT_EPSILON * sizes);
        }
        array_free(one, p->n_c);
        array_free(three, p->n_c);
    }
    array_free(a, p->n_a);
    array_free(b, p->n_b);
    array_free(bias, GROUPS * p->groups.n);
}

static void each_group_is_multiplied_by_its_own_matrix(void **state)
{
    static const int64_t sizes[][2] = {{1, 1}, {5, 7}, {64, 256}, {63, 257}, {300, 257}, {515, 70}};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int variant = 0; variant < 4; variant++) {
            const problem p = rows_problem(sizes[i][0], sizes[i][1], variant & 1, variant & 2);
            check(&p);
        }
        const problem weights = weights_problem(sizes[i][1], sizes[i][0]);
        check(&weights);
    }
}

/* The third group alone gives the bits that it gave among others. */
static void other_groups_change_no_bit(void **state)
{
    static const int32_t alone[] = {0, 0, 0, 300, 300, 300};
    const problem all = rows_problem(70, 300, false, true);
    float *a = array_random(all.n_a, 1, 1.0f), *b = array_random(all.n_b, 2, 1.0f);
    float *bias = array_random(GROUPS * 70, 3, 1.0f);
    problem one = all;

    (void)state;
    one.groups.offsets = alone;
    for (int t = 0; heed_kernels_at(t) != NULL; t++) {
        float *c = run(&all, heed_kernels_at(t), 2, a, b, bias);
        float *d = run(&one, heed_kernels_at(t), 2, a + 133 * 300, b, bias);

        check_same_bits(heed_kernels_at(t), "a group alone", d, c + 133 * 70, 300 * 70);
        array_free(c, all.n_c);
        array_free(d, one.n_c);
    }
    array_free(a, all.n_a);
    array_free(b, all.n_b);
    array_free(bias, GROUPS * 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_group_is_multiplied_by_its_own_matrix),
        cmocka_unit_test(other_groups_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
