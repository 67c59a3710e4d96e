/* SPDX-License-Identifier: MIT */
/* C. Masks: who may look where. */
#include "workbook/groups.h"

#include <math.h>

/* --- pp.q10 --- */

/* 1 where query i sees key j, j <= i. */
static heed_grid triangle(heed_solving *s, int64_t n)
{
    heed_grid mask = heed_grid_make(s, n, n);

    for (int64_t i = 0; i < mask.rows; i++) {
        for (int64_t j = 0; j < mask.columns; j++)
            mask.data[i * n + j] = s->slip == HEED_SLIP_MASK_TURNED ? i <= j : j <= i;
    }
    return mask;
}

static void ones(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "seq_len", 1, 1024);
    const heed_grid mask = triangle(s, n);

    heed_step_grid(s, mask,
                   "row i has ones in columns 1 to i: a token may look at itself and at those before it");
    heed_put_grid(s, "value", mask);
}

static void vary_ones(heed_varying *v)
{
    heed_vary_int(v, "seq_len", 2, 8);
}

const heed_exercise heed_exercises_masks[] = {
    {.id = "pp.q10",
     .seed = "000 Q10",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"seq_len\": 3}",
     .vary = vary_ones,
     .solve = ones,
     .slips = HEED_SLIP(HEED_SLIP_MASK_TURNED),
     .fields = {{"value", HEED_ANSWER_MATRIX, HEED_EXACT, 0}}},
    {.id = NULL},
};
