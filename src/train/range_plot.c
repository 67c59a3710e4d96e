/* SPDX-License-Identifier: MIT */
/* The picture of a range test: the loss over the rate, and where the suggestion lies. */
#include <heed/range_test.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "formats/picture.h"
#include "formats/terminal.h"

#define TOP 1.15 /* times the first loss: what lies above says only that it broke */

typedef struct drawing {
    double *numbers; /* [3, n] */
    double rate[2], ends[2];
    char label[64];
    heed_series series[3];
    heed_line_plot plot;
} drawing;

/* Where the curve begins: the first steps may have no targets, and then no loss. */
static double first_loss(const heed_range_result *r)
{
    for (int64_t i = 0; i < r->n; i++) {
        if (!isnan(r->points[i].loss))
            return r->points[i].loss;
    }
    return INFINITY;
}

/* Numbers of the points in columns; losses above the top are left out. */
static bool fill(const heed_range_result *r, drawing *d)
{
    const int64_t n = r->n;
    double *rate, *loss, *average, low = INFINITY, high = -INFINITY;

    d->numbers = malloc((size_t)(3 * n + 3) * sizeof *d->numbers);
    if (d->numbers == NULL)
        return false;
    rate = d->numbers;
    loss = rate + n;
    average = loss + n;
    const double top = TOP * first_loss(r);
    for (int64_t i = 0; i < n; i++) {
        rate[i] = r->points[i].rate;
        loss[i] = r->points[i].loss <= top ? r->points[i].loss : NAN;
        average[i] = r->points[i].average <= top ? r->points[i].average : NAN;
        low = fmin(low, loss[i]);
        high = fmax(high, loss[i]);
    }
    d->rate[0] = d->rate[1] = r->suggestion;
    d->ends[0] = low;
    d->ends[1] = high;
    return true;
}

static bool prepare(const heed_range_result *r, bool with_raw, drawing *d)
{
    const bool has_suggestion = !isnan(r->suggestion);
    int n = 0;

    *d = (drawing){.numbers = NULL};
    if (!fill(r, d))
        return false;
    snprintf(d->label, sizeof d->label, "suggestion: %.2g", r->suggestion);
    d->series[n++] = (heed_series){
        .label = "training loss, averaged", .x = d->numbers, .y = d->numbers + 2 * r->n, .n = r->n, .look = 1};
    if (has_suggestion)
        d->series[n++] = (heed_series){.label = d->label, .x = d->rate, .y = d->ends, .n = 2, .look = 2};
    if (with_raw)
        d->series[n++] = (heed_series){.label = "each batch",
                                       .x = d->numbers,
                                       .y = d->numbers + r->n,
                                       .n = r->n,
                                       .faint = true,
                                       .look = 1};
    d->plot = (heed_line_plot){.title = "Learning-rate range test",
                               .x_title = "learning rate",
                               .y_title = "nats per token",
                               .series = d->series,
                               .n_series = n,
                               .log_x = true};
    return true;
}

heed_status heed_range_picture(const heed_range_result *r, const char *path, heed_error *err)
{
    drawing d;
    heed_status status = HEED_OK;

    if (!prepare(r, true, &d))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a picture");
    status = heed_line_plot_write(path, &d.plot, err);
    free(d.numbers);
    return status;
}

heed_status heed_range_text(const heed_range_result *r, int columns, int rows, heed_palette palette, char **out,
                            heed_error *err)
{
    heed_text_buffer text = {0};
    drawing d;

    *out = NULL;
    if (!prepare(r, false, &d))
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw the curve");
    heed_terminal_line_plot(&text, &d.plot, columns, rows, (heed_colours)palette);
    free(d.numbers);
    if (text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw the curve");
    }
    *out = text.data;
    return HEED_OK;
}
