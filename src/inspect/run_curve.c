/* SPDX-License-Identifier: MIT */
/* The loss curve of one run: heed/plot.h with everything as usual. */
#include <heed/inspect.h>
#include <heed/plot.h>

static heed_status open_run(const char *folder, heed_plot **plot, heed_error *err)
{
    const heed_plot_options options = heed_plot_default();

    return heed_plot_create(&folder, 1, &options, plot, err);
}

heed_status heed_run_picture(const char *folder, const char *path, heed_error *err)
{
    heed_plot *plot = NULL;
    heed_status status = open_run(folder, &plot, err);

    if (status == HEED_OK)
        status = heed_plot_write(plot, path, err);
    heed_plot_destroy(plot);
    return status;
}

heed_status heed_run_text(const char *folder, int columns, int rows, heed_palette palette, char **out,
                          heed_error *err)
{
    heed_plot *plot = NULL;
    heed_status status = open_run(folder, &plot, err);

    *out = NULL;
    if (status == HEED_OK)
        status = heed_plot_text(plot, columns, rows, palette, out, err);
    heed_plot_destroy(plot);
    return status;
}
