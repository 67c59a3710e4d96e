/* SPDX-License-Identifier: MIT */
/* J. What a loss says: e^loss is the number of equally likely tokens that leave as much doubt. */
#include <math.h>

#include "workbook/counting.h"
#include "workbook/groups.h"

#define MOST_LOSS 700.0 /* e^700 still is a double */

static double take_loss(heed_solving *s, const char *name)
{
    const double loss = heed_take_number(s, name);

    if (s->status == HEED_OK && !(loss >= 0.0 && loss <= MOST_LOSS))
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a loss from 0 to %g, got %g", name, MOST_LOSS, loss);
    return s->status == HEED_OK ? loss : 0.0;
}

/* e^x, or what the slip makes of it. */
static double power(const heed_solving *s, double x)
{
    if (s->slip == HEED_SLIP_LOG_BASE)
        return exp2(x);
    return s->slip == HEED_SLIP_NO_EXP ? x : exp(s->slip == HEED_SLIP_SIGN ? -x : x);
}

/* --- hard.h5.1a --- */

static void drop(heed_solving *s, int number)
{
    const char *from_name = number == 1 ? "from1" : "from2", *to_name = number == 1 ? "to1" : "to2";
    const double from = take_loss(s, from_name), to = take_loss(s, to_name);
    const double before = power(s, from), after = power(s, to);
    const double factor = s->slip == HEED_SLIP_NO_EXP ? from / to : power(s, from - to);

    heed_step(s, "drop %d: perplexities e^%g = %s and e^%g = %s", number, from, heed_count_text(s, before), to,
              heed_count_text(s, after));
    heed_step(s, "  their quotient e^%g / e^%g = e^(%g - %g) = e^%.4g = %.4g", from, to, from, to, from - to,
              factor);
    heed_put_number(s, number == 1 ? "factor1" : "factor2", factor);
    heed_put_number(s, number == 1 ? "perplexity_from1" : "perplexity_from2", before);
    heed_put_number(s, number == 1 ? "perplexity_to1" : "perplexity_to2", after);
}

static void drops(heed_solving *s)
{
    drop(s, 1);
    drop(s, 2);
}

/* From least .. most tenths, less smallest .. largest hundredths. */
static void vary_drop(heed_varying *v, const char *from, const char *to, int64_t least, int64_t most,
                      int64_t smallest, int64_t largest)
{
    const int64_t tenths = heed_draw_int(v, least, most), hundredths = heed_draw_int(v, smallest, largest);

    heed_vary_set_number(v, from, (double)tenths / 10.0);
    heed_vary_set_number(v, to, (double)(10 * tenths - hundredths) / 100.0);
}

static void vary_drops(heed_varying *v)
{
    vary_drop(v, "from1", "to1", 80, 120, 30, 150);
    vary_drop(v, "from2", "to2", 30, 50, 5, 20);
}

/* --- hard.h5.2a --- */

static void say(heed_solving *s, const char *name, double loss)
{
    const double perplexity = power(s, loss), p = s->slip == HEED_SLIP_NO_EXP ? 1.0 / loss : power(s, -loss);
    const bool first = name[0] == 'a';

    heed_step(s, "loss %g: perplexity e^%g = %.4g, mean p e^-%g = 1 / %.4g = %.4g", loss, loss, perplexity,
              loss, perplexity, p);
    heed_put_number(s, first ? "perplexity_a" : "perplexity_b", perplexity);
    heed_put_number(s, first ? "mean_p_a" : "mean_p_b", p);
}

static void two_losses(heed_solving *s)
{
    say(s, "a", take_loss(s, "loss_a"));
    say(s, "b", take_loss(s, "loss_b"));
}

static void vary_losses(heed_varying *v)
{
    vary_drop(v, "loss_a", "loss_b", 20, 60, 10, 90);
}

#define PERPLEXITY_SLIPS \
    (HEED_SLIP(HEED_SLIP_LOG_BASE) | HEED_SLIP(HEED_SLIP_NO_EXP) | HEED_SLIP(HEED_SLIP_SIGN))
#define R1(name)                              \
    {                                         \
        name, HEED_ANSWER_NUMBER, HEED_R1, 0, \
    }

const heed_exercise heed_exercises_perplexity[] = {
    {.id = "hard.h5.1a",
     .seed = "001 H5.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"from1\": 12.2, \"to1\": 11.5, \"from2\": 4.5, \"to2\": 4.4}",
     .vary = vary_drops,
     .solve = drops,
     .slips = PERPLEXITY_SLIPS,
     .fields = {R1("factor1"), R1("factor2"), R1("perplexity_from1"), R1("perplexity_to1"),
                R1("perplexity_from2"), R1("perplexity_to2")},
     .demo = "D09"},
    {.id = "hard.h5.2a",
     .seed = "001 H5.2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"loss_a\": 4.2, \"loss_b\": 3.9}",
     .vary = vary_losses,
     .solve = two_losses,
     .slips = PERPLEXITY_SLIPS,
     .fields = {R1("perplexity_a"), R1("perplexity_b"), R1("mean_p_a"), R1("mean_p_b")},
     .demo = "D10"},
    {.id = NULL},
};
