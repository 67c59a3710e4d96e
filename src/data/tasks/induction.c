/* SPDX-License-Identifier: MIT */
/*
 * Repeated random sequences, for induction heads: P different symbols in random order, again and again to the end of the
 * window.
 *
 *     x_t = s_(t mod P)        P uniform over l … m,  m = length,  l = max(2, m / 4)        V = symbols >= m
 *
 * The period is random in each window, so no position tells where the sequence begins again: whoever predicts it must look
 * for the place where the token at hand stood before, and copy what came behind it. All symbols of a period differ, so
 * there is one such place, and the first token that comes a second time is the beginning of the second period.
 *
 * Targets from the second period on count. A model that knows that a target counts knows that what it has seen is a whole
 * period, and so the target: the floor is 0.
 *
 * Where prompts count, all T targets do. (P, s_1 … s_(P-1)), given s_0, is told by the window and tells all of it (T >= m),
 * so the chain rule gives the nats of all targets together:
 *
 *     H(P) + E_P H(s_1 … s_(P-1) | s_0, P)  =  ln(m - l + 1) + E_P sum_(i = 1 … P-1) ln(V - i)
 *
 * The floor is that over T. Source of the task: Olsson et al. 2022, "In-context learning and induction heads"
 * (arXiv:2209.11895).
 */
#include <math.h>

#include "base/error.h"
#include "data/tasks/letters.h"
#include "data/tasks/list.h"

static int64_t shortest(const heed_task *task)
{
    return task->options.length / 4 > 2 ? task->options.length / 4 : 2;
}

static int64_t n_tokens(const heed_task *task)
{
    return task->options.symbols;
}

static heed_status check(const heed_task *task, heed_error *err)
{
    if (task->options.symbols >= task->options.length)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE,
                     "task_symbols: the task induction needs as many as its longest period has, %lld, got %lld",
                     (long long)task->options.length, (long long)task->options.symbols);
}

/* The longest period, and the token that shows where it ends. */
static int64_t n_example(const heed_task *task)
{
    return task->options.length + 1;
}

static void fill(const heed_task *task, heed_part part, heed_rng *rng, heed_task_window *window)
{
    const int64_t V = task->options.symbols, least = shortest(task);
    const int64_t P = least + heed_rng_below(rng, task->options.length - least + 1);
    int32_t s[HEED_TASK_SYMBOLS];

    (void)part;
    for (int64_t i = 0; i < V; i++)
        s[i] = task->ids[i];
    for (int64_t i = 0; i < P; i++) {
        const int64_t k = i + heed_rng_below(rng, V - i);
        const int32_t swap = s[i];

        s[i] = s[k];
        s[k] = swap;
    }
    for (int64_t t = 0; t <= window->T; t++)
        heed_task_put(window, s[t % P], t >= P || task->options.prompts);
}

static double floor_of(const heed_task *task)
{
    const int64_t V = task->options.symbols, least = shortest(task), most = task->options.length;
    double sum = 0.0;

    if (!task->options.prompts)
        return 0.0;
    for (int64_t P = least; P <= most; P++)
        for (int64_t i = 1; i < P; i++)
            sum += log((double)(V - i));
    return (log((double)(most - least + 1)) + sum / (double)(most - least + 1)) /
           (double)task->options.context_length;
}

const heed_task_kind heed_task_induction = {
    .symbols = {32, 2, HEED_TASK_SYMBOLS},
    .length = {24, 2, HEED_TASK_SYMBOLS},
    .has_prompts = true,
    .n_tokens = n_tokens,
    .token = heed_task_letters_token,
    .check = check,
    .n_example = n_example,
    .fill = fill,
    .floor = floor_of,
};
