/* SPDX-License-Identifier: MIT */
#ifndef HEED_BASE_CLOCK_H
#define HEED_BASE_CLOCK_H

/** Seconds of a clock that never goes back, from an arbitrary start. */
double heed_clock_s(void);

#endif
