/* SPDX-License-Identifier: MIT */
/* Sums over ranks: this program starts itself under mpirun, and each rank checks its piece against a slow sum. */
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "ranks/exchange.h"

enum { N = 50000 };

/* What rank r brings: numbers of very different sizes, so that another order of adding gives other bits. */
static void fill(float *x, int round, int rank)
{
    heed_rng rng = heed_rng_make((uint64_t)round, (uint64_t)rank + 1);

    for (int i = 0; i < N; i++)
        x[i] = ((float)heed_rng_below(&rng, 2000001) - 1e6f) * (i % 3 == 0 ? 1e-6f : 1e3f);
}

/* The tree by recursion: the sum of ranks begin .. end-1 of a block of `width`, its left half full. */
static float tree(float *const *x, int i, int begin, int width, int size)
{
    if (width == 1 || begin + width / 2 >= size)
        return width == 1 ? x[begin][i] : tree(x, i, begin, width / 2, size);
    return tree(x, i, begin, width / 2, size) + tree(x, i, begin + width / 2, width / 2, size);
}

/* Pieces of uneven lengths, an empty one where there are more than two. */
static void cut(int64_t *cuts, int size, int round)
{
    for (int r = 0; r <= size; r++)
        cuts[r] = (int64_t)N * r / size;
    if (size > 2)
        cuts[2] = cuts[1];
    for (int r = 1; r < size; r++)
        cuts[r] += 7 * round;
}

static int failed(const heed_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    return 1;
}

static int check(heed_ranks *ranks, const float *x, float *const *all, const int64_t *cuts, int round)
{
    const int size = heed_ranks_size(ranks), rank = heed_ranks_rank(ranks);
    int width = 1;

    while (width < size)
        width *= 2;
    for (int64_t i = cuts[rank]; i < cuts[rank + 1]; i++) {
        const float expected = tree(all, (int)i, 0, width, size);
        if (memcmp(&x[i], &expected, sizeof expected) != 0) {
            fprintf(stderr, "round %d, rank %d of %d, number %d: expected %.9g, got %.9g\n", round, rank, size,
                    (int)i, (double)expected, (double)x[i]);
            return 1;
        }
    }
    return 0;
}

/* Two exchanges under way at once, several times over, on two threads. */
static int exchange_in_rounds(heed_ranks *ranks)
{
    const int size = heed_ranks_size(ranks), rank = heed_ranks_rank(ranks);
    heed_exchange *x[] = {heed_exchange_create(ranks, 0, N, 2), heed_exchange_create(ranks, 1, N, 2)};
    float *data[2], **all = calloc((size_t)size, sizeof *all);
    int64_t *cuts = calloc((size_t)size + 1, sizeof *cuts);
    heed_error err = {0};
    int wrong = 0;

    for (int r = 0; r < size; r++)
        all[r] = malloc(N * sizeof(float));
    for (int k = 0; k < 2; k++)
        data[k] = malloc(N * sizeof(float));
    for (int round = 0; round < 4 && wrong == 0; round++) {
        bool arrived;
        cut(cuts, size, round);
        for (int k = 0; k < 2 && wrong == 0; k++) {
            fill(data[k], 2 * round + k, rank);
            if (heed_exchange_start(x[k], data[k], cuts, &err) != HEED_OK ||
                heed_exchange_poll(x[0], &arrived, &err) != HEED_OK)
                wrong = failed(&err);
        }
        for (int k = 0; k < 2 && wrong == 0; k++) {
            if (heed_exchange_finish(x[k], &err) != HEED_OK)
                wrong = failed(&err);
            for (int r = 0; r < size; r++)
                fill(all[r], 2 * round + k, r);
            if (wrong == 0)
                wrong = check(ranks, data[k], all, cuts, 2 * round + k);
        }
    }
    for (int k = 0; k < 2; k++) {
        heed_exchange_destroy(x[k]);
        free(data[k]);
    }
    for (int r = 0; r < size; r++)
        free(all[r]);
    free(all);
    free(cuts);
    return wrong;
}

static int inside(void)
{
    heed_ranks *ranks = NULL;
    heed_error err = {0};
    int wrong;

    if (heed_ranks_open(&ranks, &err) != HEED_OK)
        return failed(&err);
    wrong = exchange_in_rounds(ranks);
    heed_ranks_close(ranks);
    return wrong;
}

static void each_rank_has_its_piece_of_the_sum_in_the_order_of_the_tree(void **state)
{
    (void)state;
    if (!launch_possible())
        skip();
    for (int n = 2; n <= 5; n += n == 2 ? 1 : 2) { /* 2, 3, 5 */
        const launch_result r = launch_ranks(n, launch_self(), "");
        if (r.exit_code != 0)
            fail_msg("%d ranks: exit code %d: %s", n, r.exit_code, r.text);
    }
}

static void a_process_alone_keeps_its_numbers(void **state)
{
    (void)state;
    assert_int_equal(inside(), 0);
}

static void the_sum_of_numbers_is_that_of_the_tree(void **state)
{
    double x[] = {1e16, 1.0, -1e16, 1.0, 3.0}; /* one after the other: 5, and the ones get lost differently */

    (void)state;
    heed_tree_sum(x, 5);
    assert_true(x[0] == ((1e16 + 1.0) + (-1e16 + 1.0)) + 3.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rank_has_its_piece_of_the_sum_in_the_order_of_the_tree),
        cmocka_unit_test(a_process_alone_keeps_its_numbers),
        cmocka_unit_test(the_sum_of_numbers_is_that_of_the_tree),
    };

    return launch_inside() ? inside() : cmocka_run_group_tests(tests, NULL, NULL);
}
