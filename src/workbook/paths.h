/* SPDX-License-Identifier: MIT */
/*
 * Two steps of generation over given probabilities: the greedy path, that of a beam, and the best of all.
 *
 *   first    p of each first token:   [0.5, 0.3, 0.2], {"the": 0.5, "a": 0.3} or [["the", 0.5], ["a", 0.3]]
 *   second   for each of them p of each second token, in the same forms; by name where first has names
 *   width    beams that are kept after the first step
 *
 * A path is two names; where there are none, two numbers that count tokens from 0.
 */
#ifndef HEED_WORKBOOK_PATHS_H
#define HEED_WORKBOOK_PATHS_H

#include "workbook/exercise.h"

void heed_solve_paths(heed_solving *s);
void heed_vary_paths(heed_varying *v);

#endif
