/* SPDX-License-Identifier: MIT */
/* H. What a logit is about, and what is to be predicted. */
#include <heed/mask.h>

#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/window.h"

#define MOST_LENGTH 4096

/* --- pp.q21 --- */

/* Places as ids: the target at `position` is then the place that is predicted there. */
static int64_t place_predicted(heed_solving *s, int64_t T, int64_t position)
{
    heed_grid places = heed_grid_make(s, 1, T + 1), ids, targets;

    for (int64_t i = 0; i < places.columns; i++)
        places.data[i] = (double)i;
    heed_window_of(s, places, 0, T, &ids, &targets);
    return s->status == HEED_OK ? (int64_t)targets.data[position] : 0;
}

/* Places that the causal mask lets a position see. */
static heed_grid places_read(heed_solving *s, int64_t T, int64_t position)
{
    const heed_mask mask = {.causal = s->slip != HEED_SLIP_NO_MASK};
    heed_grid all = heed_grid_make(s, 1, T);
    int64_t n = 0;

    for (int64_t j = 0; j < all.columns; j++) {
        if (heed_mask_sees(&mask, position, j) && !(s->slip == HEED_SLIP_DIAGONAL && j == position))
            all.data[n++] = (double)(j + (s->slip == HEED_SLIP_OFF_BY_ONE));
    }
    all.columns = n;
    return all;
}

static void one_logit(heed_solving *s)
{
    const int64_t T = heed_take_int(s, "seq_len", 1, MOST_LENGTH);
    const int64_t V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V);
    const int64_t b = heed_take_int(s, "batch_index", 0, HEED_COUNT_MOST_BATCH - 1);
    const int64_t position = heed_take_int(s, "position", 0, T - 1);
    const int64_t token = heed_take_int(s, "token", 0, V - 1);
    const int64_t predicted = place_predicted(s, T, position);

    heed_step(s, "axes of the logits: sequence %lld, position %lld, token %lld of %lld", (long long)b,
              (long long)position, (long long)token, (long long)V);
    heed_step(s, "position %lld predicts what follows it: place %lld", (long long)position,
              (long long)predicted);
    heed_step(s, "the causal mask shows it places 0 to %lld", (long long)position);
    heed_step(s, "the entry is a score, not a probability: a softmax over the %lld of this position makes one",
              (long long)V);
    heed_put_number(s, "candidate_token", (double)token);
    heed_put_number(s, "predicted_position_0based", (double)predicted);
    heed_put_list(s, "reads_positions", places_read(s, T, position));
}

static void vary_one_logit(heed_varying *v)
{
    const int64_t T = heed_vary_int(v, "seq_len", 3, 9), V = heed_vary_int(v, "vocab_size", 20, 99);

    heed_vary_int(v, "batch_index", 0, 3);
    heed_vary_int(v, "position", 0, T - 1);
    heed_vary_int(v, "token", 0, V - 1);
}

/* --- pp.q22a --- */

static void shift(heed_solving *s)
{
    const heed_grid stream = heed_take_list(s, "stream");
    heed_grid ids, targets;

    heed_window_of(s, stream, 0, stream.columns - 1, &ids, &targets);
    heed_step_grid(s, ids, "inputs: all ids but the last");
    heed_step_grid(s, targets,
                   "targets: all but the first, so that below each id stands the one that follows it");
    heed_put_list(s, "input_ids", ids);
    heed_put_list(s, "target_ids", s->slip == HEED_SLIP_NO_SHIFT ? ids : targets);
}

static void vary_shift(heed_varying *v)
{
    heed_vary_whole(v, "stream", 0, heed_draw_int(v, 4, 8), 0, 59);
}

const heed_exercise heed_exercises_next_token[] = {
    {.id = "pp.q21",
     .seed = "000 Q21",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"seq_len\": 3, \"vocab_size\": 50, \"batch_index\": 0, \"position\": 2, \"token\": 7}",
     .vary = vary_one_logit,
     .solve = one_logit,
     .slips = HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_DIAGONAL) | HEED_SLIP(HEED_SLIP_OFF_BY_ONE),
     .fields = {{"candidate_token", HEED_ANSWER_NUMBER, HEED_EXACT, 0},
                {"predicted_position_0based", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"reads_positions", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
    {.id = "pp.q22a",
     .seed = "000 Q22",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"stream\": [7, 12, 3, 25]}",
     .vary = vary_shift,
     .solve = shift,
     .slips = HEED_SLIP(HEED_SLIP_NO_SHIFT),
     .fields = {{"input_ids", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"target_ids", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
    {.id = NULL},
};
