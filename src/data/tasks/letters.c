/* SPDX-License-Identifier: MIT */
#include "data/tasks/letters.h"

#include <math.h>

int64_t heed_task_letters_n_tokens(const heed_task *task)
{
    return task->options.symbols + 2;
}

void heed_task_letters_token(const heed_task *task, int64_t i, char piece[HEED_TASK_PIECE_BYTES])
{
    const int64_t V = task->options.symbols;

    piece[0] = i < V ? heed_task_symbol(i) : i == V ? '=' : '\n';
    piece[1] = '\0';
}

int64_t heed_task_letters_n_example(const heed_task *task)
{
    return 2 * task->options.length + 2;
}

double heed_task_letters_floor(const heed_task *task)
{
    const int64_t n = task->options.length;
    double nats[HEED_TASK_LENGTH + 1];

    for (int64_t i = 0; i < n; i++)
        nats[i] = log((double)task->options.symbols);
    nats[n] = 0.0; /* "=" comes where it must */
    return heed_task_line_floor(task, nats, n + 1, 2 * n + 2);
}

void heed_task_letters_fill(const heed_task *task, heed_rng *rng, heed_task_window *window,
                            void (*answer)(const int *prompt, int *out, int64_t n))
{
    const int64_t V = task->options.symbols, n = task->options.length;
    const bool prompts = task->options.prompts;
    int prompt[HEED_TASK_LENGTH], out[HEED_TASK_LENGTH];

    while (window->n <= window->T) {
        for (int64_t i = 0; i < n; i++) {
            prompt[i] = (int)heed_rng_below(rng, V);
            heed_task_put(window, task->ids[prompt[i]], prompts);
        }
        heed_task_put(window, task->ids[V], prompts);
        answer(prompt, out, n);
        for (int64_t i = 0; i < n; i++)
            heed_task_put(window, task->ids[out[i]], true);
        heed_task_put(window, task->ids[V + 1], true);
    }
}
