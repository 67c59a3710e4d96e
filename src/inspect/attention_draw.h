/* SPDX-License-Identifier: MIT */
#ifndef HEED_INSPECT_ATTENTION_DRAW_H
#define HEED_INSPECT_ATTENTION_DRAW_H

#include "inspect/attention_maps.h"

/** The selected heads as PNG, SVG or PDF. */
heed_status heed_attention_draw(const heed_attention_maps *maps, const char *path, heed_error *err);

#endif
