/* SPDX-License-Identifier: MIT */
/* Losses of counted characters: what models are compared with that look back no further than one. */
#ifndef HEED_WORKBOOK_DEMOS_COUNTED_H
#define HEED_WORKBOOK_DEMOS_COUNTED_H

#include "workbook/demos/pupil.h"

/** Nats a character of the validation part by pairs that were counted in training, one added to each. NaN after a failure. */
double heed_demo_counted_loss(heed_demoing *d, const heed_demo_characters *text);

#endif
