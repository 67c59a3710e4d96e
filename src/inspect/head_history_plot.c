/* SPDX-License-Identifier: MIT */
/* The curves of a record of heads: what is lost on repeated tokens, and how good the best heads are. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/picture.h"
#include "formats/terminal.h"
#include "inspect/head_history.h"

enum { LOSS_ROWS = 12, GAIN_ROWS = 10 };
enum { FIRST, SECOND, VALIDATION, PREVIOUS, INDUCTION, SHARE, N_CURVES };

typedef struct curves {
    double *x, *y[N_CURVES]; /* [n] */
    int64_t n;
} curves;

static double best_gain(const heed_head_history *h, int64_t i, heed_head_role role)
{
    heed_head_state state;
    int layer, head;

    return heed_head_history_best(h, i, role, &layer, &head) &&
                   heed_head_history_state(h, i, false, layer, head, &state)
               ? state.gain[role]
               : NAN;
}

static bool make_curves(const heed_head_history *h, curves *c)
{
    c->n = heed_head_history_count(h);
    c->x = calloc((size_t)c->n * (N_CURVES + 1), sizeof *c->x);
    if (c->x == NULL)
        return false;
    for (int k = 0; k < N_CURVES; k++)
        c->y[k] = c->x + (size_t)(k + 1) * (size_t)c->n;
    for (int64_t i = 0; i < c->n; i++) {
        const heed_head_moment at = heed_head_history_at(h, i);

        c->x[i] = (double)at.step;
        c->y[FIRST][i] = at.first_loss;
        c->y[SECOND][i] = at.second_loss;
        c->y[VALIDATION][i] = at.validation_loss;
        c->y[PREVIOUS][i] = best_gain(h, i, HEED_HEAD_PREVIOUS);
        c->y[INDUCTION][i] = best_gain(h, i, HEED_HEAD_INDUCTION);
        c->y[SHARE][i] = at.second_loss / at.first_loss;
    }
    return true;
}

static heed_series series(const curves *c, int k, const char *label, int look)
{
    return (heed_series){.label = label, .x = c->x, .y = c->y[k], .n = c->n, .look = look};
}

heed_status heed_head_history_text(const heed_head_history *h, int columns, heed_palette palette, char **out,
                                   heed_error *err)
{
    heed_text_buffer text = {0};
    curves c = {.x = NULL};

    *out = NULL;
    if (!make_curves(h, &c))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld evaluations",
                         (long long)heed_head_history_count(h));
    const heed_series losses[] = {series(&c, SECOND, "second half of repeated tokens", 1),
                                  series(&c, FIRST, "first half", 2), series(&c, VALIDATION, "validation", 3)};
    const heed_series gains[] = {series(&c, INDUCTION, "best induction head", 1),
                                 series(&c, PREVIOUS, "best previous-token head", 2)};
    const heed_line_plot loss = {
        .title = "Loss", .x_title = "step", .y_title = "nats a token", .series = losses, .n_series = 3};
    const heed_line_plot gain = {.title = "Heads: 0 is chance, 1 perfect",
                                 .x_title = "step",
                                 .y_title = "gain",
                                 .series = gains,
                                 .n_series = 2};
    heed_terminal_line_plot(&text, &loss, columns, LOSS_ROWS, (heed_colours)palette);
    heed_text_puts(&text, "\n");
    heed_terminal_line_plot(&text, &gain, columns, GAIN_ROWS, (heed_colours)palette);
    free(c.x);
    if (text.failed) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw %lld evaluations", (long long)c.n);
    }
    *out = text.data;
    return HEED_OK;
}

/* "0" … of n tokens, whose words nobody has kept. */
static const char **number_tokens(heed_arena *arena, int64_t n)
{
    const char **labels = arena != NULL ? heed_arena_alloc(arena, (size_t)n * sizeof *labels) : NULL;

    for (int64_t i = 0; i < n && labels != NULL; i++) {
        labels[i] = heed_arena_format(arena, "%lld", (long long)i);
        if (labels[i] == NULL)
            return NULL;
    }
    return labels;
}

heed_status heed_head_history_pattern_text(const heed_head_history *h, int64_t i, int k, int columns,
                                           heed_palette palette, char **out, heed_error *err)
{
    heed_arena *arena = heed_arena_create();
    heed_text_buffer text = {0};
    int64_t n = 0;
    heed_heat_map map = {.values = heed_head_history_pattern(h, i, k, &n)};
    const char **labels = number_tokens(arena, n);
    const heed_heat_maps maps = {.maps = &map,
                                 .n_maps = 1,
                                 .n_across = 1,
                                 .n_rows = n,
                                 .n_cols = n,
                                 .row_labels = labels,
                                 .col_labels = labels,
                                 .causal = true};

    *out = NULL;
    if (labels != NULL)
        heed_terminal_heat_maps(&text, &maps, columns, (heed_colours)palette);
    heed_arena_destroy(arena);
    if (labels == NULL || text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw %lld tokens", (long long)n);
    }
    *out = text.data;
    return HEED_OK;
}

heed_status heed_head_history_picture(const heed_head_history *h, const char *path, heed_error *err)
{
    curves c = {.x = NULL};
    heed_status status;

    if (!make_curves(h, &c))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld evaluations",
                         (long long)heed_head_history_count(h));
    const heed_series all[] = {
        series(&c, INDUCTION, "best induction head: gain", 1),
        series(&c, PREVIOUS, "best previous-token head: gain", 2),
        series(&c, SHARE, "loss on the second half of repeated tokens, as a share of the first half's", 3)};
    const heed_line_plot plot = {.title = "Heads over time",
                                 .x_title = "step",
                                 .y_title = "gain (0: chance, 1: perfect), share of the loss",
                                 .series = all,
                                 .n_series = 3};
    status = heed_line_plot_write(path, &plot, err);
    free(c.x);
    return status;
}
