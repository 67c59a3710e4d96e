/* SPDX-License-Identifier: MIT */
/* The shapes of a pass as text of 80 columns: blocks that are alike once, views and gaps in words. */
#ifndef HEED_CLI_SHAPES_TEXT_H
#define HEED_CLI_SHAPES_TEXT_H

#include <heed/shapes.h>

typedef struct heed_cli_shapes_text {
    const heed_shapes *shapes;
    const bool *shown;     /* [n] entries; the others are left out */
    bool symbols, numbers; /* which of both sizes are written in */
    bool all;              /* every block by itself */
    bool names;            /* further names of each */
} heed_cli_shapes_text;

/** HEED_ERR_MEMORY. */
heed_status heed_cli_print_shapes(const heed_cli_shapes_text *text, heed_error *err);

#endif
