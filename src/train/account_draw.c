/* SPDX-License-Identifier: MIT */
/* Bytes of the arena in use over a step, as text. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "formats/terminal.h"
#include "train/account.h"

heed_status heed_account_draw(const heed_account *a, int columns, int rows, heed_palette palette, char **out,
                              heed_error *err)
{
    const int n = a->total.n_moments;
    double *megabytes = calloc((size_t)n + 1, sizeof *megabytes);
    heed_text_buffer text = {0};
    char label[64];
    int turn = 0;

    *out = NULL;
    if (megabytes == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a drawing");
    for (int i = 0; i < n; i++)
        megabytes[i] = a->live[i] / 1e6;
    while (turn < n && a->moments[turn].stage == HEED_ACCOUNT_FORWARD)
        turn++;
    snprintf(label, sizeof label, "moments of a step; backward from %d on", turn);
    const heed_series series = {.y = megabytes, .n = n};
    const heed_reference arena = {.y = a->total.arena_bytes / 1e6, .label = "the arena"};
    const heed_line_plot plot = {.y_title = "MB in use",
                                 .x_title = label,
                                 .series = &series,
                                 .n_series = 1,
                                 .references = &arena,
                                 .n_references = 1};
    heed_terminal_line_plot(&text, &plot, columns, rows, (heed_colours)palette);
    free(megabytes);
    if (text.failed) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a drawing");
    }
    *out = text.data;
    return HEED_OK;
}
