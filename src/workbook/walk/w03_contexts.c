/* SPDX-License-Identifier: MIT */
/* Step 3: the examples inside one chunk. */
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

static void run(heed_walking *w)
{
    const int64_t T = HEED_WALK_BLOCK;
    const int32_t *chunk = heed_walk_ids(w, 0, T + 1);
    char numbers[128];
    int used = 0;

    if (chunk == NULL)
        return;
    for (int64_t t = 0; t <= T; t++)
        used += snprintf(numbers + used, sizeof numbers - (size_t)used, " %d", (int)chunk[t]);
    heed_walk_line(w, "block_size = %lld; the first %lld ids of the text:%s", (long long)T, (long long)T + 1,
                   numbers);
    heed_walk_line(w, "%s", "");
    heed_walk_line(w, "  %-8s  %-30s %4s", "context", "as ids", "target");
    for (int64_t t = 0; t < T; t++) {
        used = 0;
        for (int64_t i = 0; i <= t; i++)
            used += snprintf(numbers + used, sizeof numbers - (size_t)used, "%s%d", i > 0 ? " " : "",
                             (int)chunk[i]);
        heed_walk_line(w, "  %s  %-30s %4d  %s", heed_walk_pad(w, heed_walk_signs(w, chunk, t + 1), T), numbers,
                       (int)chunk[t + 1], heed_walk_sign(w, chunk[t + 1]));
    }
    heed_show_figure(w->d, "examples", (double)T, "in a chunk of block_size + 1 ids");
    heed_walk_say(
        w,
        "%lld ids give %lld examples, one for each length of context from 1 to %lld. Short contexts are "
        "wanted: a model that begins to write has read one character only.",
        (long long)T + 1, (long long)T, (long long)T);
}

const heed_walk_step heed_walk_step_03 = {
    .info = {.number = 3,
             .time = "16:59",
             .title = "Contexts of all lengths",
             .words =
                 "The whole text at once would be too much for a model. It reads chunks, and block_size is the "
                 "longest context that it ever sees. Inside one chunk there is an example for every position: "
                 "what stands up to there is the context, what comes next is the target.",
             .exercises = "a12.n03",
             .demos = ""},
    .run = run,
};
