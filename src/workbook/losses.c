/* SPDX-License-Identifier: MIT */
/* H. Losses, the probabilities behind them, and the vocabulary. */
#include <math.h>

#include "workbook/counting.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

#define MOST_V    4000000
#define MOST_LOSS 34.0 /* a whole number near e^loss still has all its digits */

/* -log p, or of the slip's base, from the engine's log softmax. */
static double loss_of(const heed_solving *s, double log_p)
{
    return s->slip == HEED_SLIP_LOG_BASE ? -log_p / log(10.0) : -log_p;
}

/* --- pp.q31a --- */

static void first_loss(heed_solving *s)
{
    const int64_t V = heed_take_int(s, "vocab_size", 1, MOST_V);
    const heed_grid zeros = heed_grid_make(s, 1, V); /* logits that know nothing: all alike */
    const heed_grid log_p = heed_log_softmax_of_rows(s, zeros), p = heed_softmax_of_rows(s, zeros);

    if (s->status != HEED_OK)
        return;
    heed_step(s, "all logits are about alike, so each token gets p = 1 / %s = %.4g",
              heed_count_text(s, (double)V), p.data[0]);
    heed_step(s, "loss = -ln p = ln %s = %.4f, whichever token is right", heed_count_text(s, (double)V),
              loss_of(s, log_p.data[0]));
    heed_put_number(s, "loss", loss_of(s, log_p.data[0]));
    heed_put_number(s, "p_each", p.data[0]);
}

static void vary_first_loss(heed_varying *v)
{
    heed_vary_pick_int(v, "vocab_size", 9, INT64_C(50), INT64_C(65), INT64_C(256), INT64_C(1000), INT64_C(8192),
                       INT64_C(32000), INT64_C(50257), INT64_C(100277), INT64_C(200019));
}

/* --- hard.h5.3a --- */

/* Losses of the right token's probabilities: of logits ln p and ln(1 - p), whose softmax is p and 1 - p. */
static heed_grid losses_of(heed_solving *s, heed_grid p)
{
    heed_grid logits = heed_grid_make(s, p.columns, 2), losses = heed_grid_make(s, 1, p.columns), log_p;

    for (int64_t i = 0; i < logits.rows; i++) {
        if (!(p.data[i] > 0.0 && p.data[i] <= 1.0))
            heed_solve_fail(s, HEED_ERR_USAGE, "p, entry %lld: expected a probability above 0, got %g",
                            (long long)i + 1, p.data[i]);
        logits.data[2 * i] = log(p.data[i]);
        logits.data[2 * i + 1] = log(1.0 - p.data[i]);
    }
    log_p = heed_log_softmax_of_rows(s, logits);
    for (int64_t i = 0; s->status == HEED_OK && i < p.columns; i++) {
        losses.data[i] = loss_of(s, log_p.data[2 * i]);
        heed_step(s, "-ln %.6g = %.4f", p.data[i], losses.data[i]);
        losses.data[i] = s->slip == HEED_SLIP_SIGN ? -losses.data[i] : losses.data[i];
    }
    return losses;
}

static const char *against_uniform(double p, double uniform)
{
    if (fabs(p - uniform) <= 0.2 * uniform)
        return "same";
    return p > uniform ? "better" : "worse";
}

static void loss_and_chance(heed_solving *s)
{
    const heed_grid losses = losses_of(s, heed_take_list(s, "p"));
    const double loss = heed_take_number(s, "loss"), p = exp(-loss);
    const int64_t V = heed_take_int(s, "vocab_size", 1, MOST_V);
    const heed_grid uniform = heed_softmax_of_rows(s, heed_grid_make(s, 1, V));

    if (s->status == HEED_OK && !(loss >= 0.0 && loss <= MOST_LOSS))
        heed_solve_fail(s, HEED_ERR_USAGE, "loss: expected 0 to %g nats, got %g", MOST_LOSS, loss);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "loss %g: p = e^-%g = %.4g, one in %s", loss, loss, p, heed_count_text(s, round(exp(loss))));
    heed_step(s, "guessing gives 1 / %s = %.4g, a loss of %.4g", heed_count_text(s, (double)V), uniform.data[0],
              log((double)V));
    heed_step(s, "p is %.3g times that: %s", p / uniform.data[0], against_uniform(p, uniform.data[0]));
    heed_put_list(s, "losses", losses);
    heed_put_number(s, "p_from_loss", s->slip == HEED_SLIP_LOG_BASE ? pow(10.0, -loss) : p);
    heed_put_number(s, "uniform_p", uniform.data[0]);
    heed_put_number(s, "one_in", round(s->slip == HEED_SLIP_LOG_BASE ? pow(10.0, loss) : exp(loss)));
    heed_put_text(s, "verdict", against_uniform(p, uniform.data[0]));
}

static void vary_loss_and_chance(heed_varying *v)
{
    static const double apart[] = {-2.0, 0.0, 1.5};
    json_t *p = json_array();
    int64_t V;

    for (int i = 0; i < 3; i++)
        json_array_append_new(p, json_real((double)heed_draw_int(v, 1, 190) / 200.0)); /* 0.005 to 0.95 */
    heed_vary_set_json(v, "p", p);
    V = heed_vary_pick_int(v, "vocab_size", 4, INT64_C(65), INT64_C(1000), INT64_C(50257), INT64_C(200019));
    heed_vary_set_number(v, "loss", round(100.0 * (log((double)V) + apart[heed_draw_int(v, 0, 2)])) / 100.0);
}

const heed_exercise heed_exercises_losses[] = {
    {.id = "pp.q31a",
     .seed = "000 Q31",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"vocab_size\": 200000}",
     .vary = vary_first_loss,
     .solve = first_loss,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE),
     .fields = {{"loss", HEED_ANSWER_NUMBER, HEED_T2, 0}, {"p_each", HEED_ANSWER_NUMBER, HEED_R1, 0}},
     .demo = "D42"},
    {.id = "hard.h5.3a",
     .seed = "001 H5.3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"p\": [0.5, 0.1, 0.01], \"loss\": 12.2, \"vocab_size\": 200000}",
     .vary = vary_loss_and_chance,
     .solve = loss_and_chance,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE) | HEED_SLIP(HEED_SLIP_SIGN),
     .fields = {{"losses", HEED_ANSWER_LIST, HEED_T2, 0},
                {"p_from_loss", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"uniform_p", HEED_ANSWER_NUMBER, HEED_R1, 0},
                {"one_in", HEED_ANSWER_NUMBER, HEED_ABS(0.5), 0},
                {"verdict", HEED_ANSWER_TEXT, HEED_EXACT, 0}},
     .demo = "D42"},
    {.id = NULL},
};
