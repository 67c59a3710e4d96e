/* SPDX-License-Identifier: MIT */
/*
 * Modular addition: c = (a + b) mod p, p = symbols.       31+90=24
 *
 * Each number is one token. Of the p^2 pairs (a, b) a share `held_out` is kept for validation: the same ones for a seed, in the
 * order of data/order.h, and at least one on either side. Pairs are drawn uniformly from their side. Only c counts, and it
 * follows from a and b: the floor is 0, on both sides. A model that has only learned its pairs by heart is at 0 in training
 * and far above ln(p) in validation; one that goes on may come to 0 there, too.
 *
 * Source of the task: Power et al. 2022, "Grokking: generalization beyond overfitting on small algorithmic datasets"
 * (arXiv:2201.02177).
 */
#include <stdio.h>

#include "data/order.h"
#include "data/tasks/list.h"

static int64_t n_tokens(const heed_task *task)
{
    return task->options.symbols + 3;
}

static void token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES])
{
    const int64_t p = task->options.symbols;

    if (i < p)
        snprintf(piece, HEED_TASK_PIECE_BYTES, "%lld", (long long)i);
    else
        snprintf(piece, HEED_TASK_PIECE_BYTES, "%c", "+=\n"[i - p]);
}

static int64_t n_example(const heed_task *task)
{
    (void)task;
    return 5;
}

/* Pairs to learn from. */
static int64_t n_learned(const heed_task *task)
{
    const int64_t n = task->options.symbols * task->options.symbols;
    const int64_t held_out = (int64_t)((double)n * task->options.held_out + 0.5);

    return held_out < 1 ? n - 1 : held_out > n - 1 ? 1 : n - held_out;
}

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    const int64_t p = task->options.symbols, n = p * p, n_train = n_learned(task);

    while (window->n <= window->T) {
        const int64_t number = part == HEED_PART_TRAIN ? heed_rng_below(rng, n_train)
                                                       : n_train + heed_rng_below(rng, n - n_train);
        const int64_t pair = heed_order_place(task->options.seed, HEED_STREAM_HELD_OUT, n, number);
        const int64_t a = pair / p, b = pair % p;

        heed_task_put(window, task->ids[a], false);
        heed_task_put(window, task->ids[p], false); /* + */
        heed_task_put(window, task->ids[b], false);
        heed_task_put(window, task->ids[p + 1], false); /* = */
        heed_task_put(window, task->ids[(a + b) % p], true);
        heed_task_put(window, task->ids[p + 2], false); /* line break */
    }
}

static double floor_of(const heed_task *task)
{
    (void)task;
    return 0.0;
}

const heed_task_kind heed_task_addition = {
    .symbols = {97, 2, 9973},
    .length = {0, 0, 0},
    .words = true,
    .n_tokens = n_tokens,
    .token = token,
    .n_example = n_example,
    .fill = fill,
    .floor = floor_of,
};
