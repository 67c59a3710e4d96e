/* SPDX-License-Identifier: MIT */
/* A demonstration's plot or map, for a terminal and as a picture. */
#include <heed/demo.h>
#include <heed/grid.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text_buffer.h"
#include "formats/picture.h"
#include "formats/terminal.h"

enum { MOST_CURVES = 16, ROWS = 18 };

static heed_line_plot plot_of(const heed_demo_result *r, heed_series series[MOST_CURVES])
{
    const heed_demo_plot *p = &r->plot;
    const int n = p->n_curves < MOST_CURVES ? p->n_curves : MOST_CURVES;

    for (int i = 0; i < n; i++) {
        const heed_demo_curve *c = &p->curves[i];
        series[i] = (heed_series){.label = c->label, .x = c->x, .y = c->y, .n = c->n};
    }
    return (heed_line_plot){.title = p->title,
                            .x_title = p->x_title,
                            .y_title = p->y_title,
                            .series = series,
                            .n_series = n,
                            .log_x = p->log_x,
                            .log_y = p->log_y};
}

static const heed_demo_table *map_of(const heed_demo_result *r)
{
    for (int i = 0; i < r->n_tables; i++) {
        if (r->tables[i].map)
            return &r->tables[i];
    }
    return NULL;
}

static heed_grid grid_of(const heed_demo_table *t)
{
    return (heed_grid){.title = t->title,
                       .values = t->values,
                       .n_rows = t->n_rows,
                       .n_columns = t->n_columns,
                       .row_labels = t->row_labels,
                       .column_labels = t->column_labels};
}

heed_status heed_demo_text(const heed_demo_result *result, int columns, heed_palette palette, char **out,
                           heed_error *err)
{
    const heed_demo_table *map = map_of(result);
    heed_series series[MOST_CURVES];
    heed_text_buffer text = {0};

    *out = NULL;
    if (result->plot.n_curves == 0 && map != NULL) {
        const heed_grid grid = grid_of(map);
        return heed_grid_text(&grid, columns, palette, out, err);
    }
    if (result->plot.n_curves > 0) {
        const heed_line_plot plot = plot_of(result, series);
        heed_terminal_line_plot(&text, &plot, columns, ROWS, (heed_colours)palette);
    }
    if (text.failed) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw a demonstration");
    }
    *out = text.data != NULL ? text.data : calloc(1, 1);
    return *out != NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an empty text");
}

heed_status heed_demo_picture(const heed_demo_result *result, const char *path, heed_error *err)
{
    const heed_demo_table *map = map_of(result);
    heed_series series[MOST_CURVES];

    if (result->plot.n_curves > 0) {
        const heed_line_plot plot = plot_of(result, series);
        return heed_line_plot_write(path, &plot, err);
    }
    if (map != NULL) {
        const heed_grid grid = grid_of(map);
        return heed_grid_picture(&grid, path, err);
    }
    return heed_fail(err, HEED_ERR_USAGE, "%s has no picture", result->info->id);
}
