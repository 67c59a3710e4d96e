/* SPDX-License-Identifier: MIT */
/* J. How many updates a run has, what a student weighs, how mistakes add up. */
#include <math.h>

#include "data/order.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

#define MOST_TOKENS INT64_C(1000000000000)
#define WHOLE(name)                             \
    {                                           \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0 \
    }
#define R1(name)                             \
    {                                        \
        name, HEED_ANSWER_NUMBER, HEED_R1, 0 \
    }

/* --- hard.h10.2a --- */

static int64_t part_of(const heed_solving *s, int64_t all, int64_t size)
{
    return s->slip == HEED_SLIP_ROUNDED_UP ? (all + size - 1) / size : all / size;
}

static void updates(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "tokens", 1, MOST_TOKENS), T = heed_take_int(s, "seq_len", 1, 1000000);
    const int64_t a = heed_take_int(s, "batch_a", 1, 1000000), b = heed_take_int(s, "batch_b", 1, 1000000);
    /* heed takes a last block that is short, too; here it is left */
    const int64_t some = heed_order_n_windows(n, T);
    int64_t blocks = s->slip == HEED_SLIP_ROUNDED_UP ? some : some - ((n - 1) % T != 0);

    if (s->slip == HEED_SLIP_NO_LENGTH)
        blocks = n - 1;
    heed_step(s, "tokens that are a target: all but the first, %s", heed_count_text(s, (double)(n - 1)));
    heed_step(s, "whole blocks of %lld: %s", (long long)T, heed_count_text(s, (double)blocks));
    heed_step(s, "batches of %lld: floor(%s / %lld) = %s updates", (long long)a,
              heed_count_text(s, (double)blocks), (long long)a, heed_count_text(s, (double)(blocks / a)));
    heed_step(s, "batches of %lld: floor(%s / %lld) = %s updates", (long long)b,
              heed_count_text(s, (double)blocks), (long long)b, heed_count_text(s, (double)(blocks / b)));
    heed_put_number(s, "updates_a", (double)part_of(s, blocks, a));
    heed_put_number(s, "updates_b", (double)part_of(s, blocks, b));
}

static void vary_updates(heed_varying *v)
{
    heed_vary_int(v, "tokens", 100000, 900000);
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(64), INT64_C(128), INT64_C(256));
    heed_vary_pick_int(v, "batch_a", 3, INT64_C(8), INT64_C(16), INT64_C(32));
    heed_vary_pick_int(v, "batch_b", 3, INT64_C(64), INT64_C(128), INT64_C(256));
}

/* --- hard.h10.4a --- */

/* Of a model of that width; four heads where they divide it, or one. */
static double weight_of(heed_solving *s, int64_t d, int64_t n_heads, const char *part)
{
    heed_config c = heed_count_m0(heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V), d,
                                  d % n_heads == 0 ? n_heads : 1,
                                  heed_take_int(s, "max_length", 1, HEED_COUNT_MOST_V));

    c.attention_bias = s->slip != HEED_SLIP_NO_BIAS;
    return heed_count_parameters(s, &c, part);
}

static void step_model(heed_solving *s, const char *who, int64_t d, int64_t n_heads)
{
    heed_step(s, "%s: token table %s, position table %s, attention %s, head %s: together %s", who,
              heed_count_text(s, weight_of(s, d, n_heads, "token embedding")),
              heed_count_text(s, weight_of(s, d, n_heads, "position embedding")),
              heed_count_text(s, weight_of(s, d, n_heads, "attention")),
              heed_count_text(s, weight_of(s, d, n_heads, "head")),
              heed_count_text(s, weight_of(s, d, n_heads, NULL)));
}

static void students(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t narrow = heed_take_int(s, "d_student", 1, HEED_COUNT_MOST_D);

    if (s->steps != NULL) {
        step_model(s, "teacher", d, 4);
        step_model(s, "narrow student", narrow, 1);
        heed_step(s, "one head of the same width: the maps stay d_model by d_model, so nothing changes");
    }
    heed_put_number(s, "teacher", weight_of(s, d, 4, NULL));
    heed_put_number(s, "student", weight_of(s, narrow, 1, NULL));
    heed_put_number(s, "student_same_d_one_head", weight_of(s, d, 1, NULL));
}

static void vary_students(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 3, INT64_C(128), INT64_C(256), INT64_C(512));
    heed_vary_pick_int(v, "d_student", 3, INT64_C(16), INT64_C(32), INT64_C(64));
    heed_vary_pick_int(v, "vocab_size", 3, INT64_C(65), INT64_C(8000), INT64_C(50257));
    heed_vary_pick_int(v, "max_length", 2, INT64_C(64), INT64_C(256));
}

/* --- hard.h10.5a --- */

/* e^x, and the logarithm, of the slip's base. */
static double power(const heed_solving *s, double x)
{
    return s->slip == HEED_SLIP_LOG_BASE ? exp2(x) : exp(s->slip == HEED_SLIP_SIGN ? -x : x);
}

static double logarithm(const heed_solving *s, double x)
{
    return s->slip == HEED_SLIP_LOG_BASE ? log2(x) : s->slip == HEED_SLIP_SIGN ? -log(x) : log(x);
}

static void compounding(heed_solving *s)
{
    const double p = heed_take_number(s, "accuracy"), loss = heed_take_number(s, "loss");
    const double n = (double)heed_take_int(s, "n", 1, 1000000);
    const double run = p / (1.0 - p) + (s->slip == HEED_SLIP_OFF_BY_ONE ? 1.0 : 0.0);

    if (s->status == HEED_OK && !(p >= 0.0 && p <= 1.0))
        heed_solve_fail(s, HEED_ERR_USAGE, "accuracy: expected a share from 0 to 1, got %g", p);
    if (s->status == HEED_OK && !(loss >= 0.0 && loss <= 700.0))
        heed_solve_fail(s, HEED_ERR_USAGE, "loss: expected a number from 0 to 700, got %g", loss);
    heed_step(s, "all of %g in a row: %g^%g = %.4g", n, p, n, pow(p, n));
    heed_step(s, "right ones before the first wrong one, in the mean: p + p^2 + p^3 + ... = p / (1 - p) = %.4g",
              run);
    heed_step(s, "a loss of %g is a mean p of e^-%g = %.4g", loss, loss, exp(-loss));
    heed_step(s, "a p of %g each time would be a loss of -ln %g = %.4g", p, p, -log(p));
    heed_put_number(s, "all_right", s->slip == HEED_SLIP_SUM_P ? n * p : pow(p, n));
    heed_put_number(s, "expected_run", run);
    heed_put_number(s, "mean_p_from_loss", power(s, -loss));
    heed_put_number(s, "loss_if_p_equals_accuracy", -logarithm(s, p) + 0.0);
}

static void vary_compounding(heed_varying *v)
{
    heed_vary_pick(v, "accuracy", 5, 0.5, 0.7, 0.8, 0.95, 0.99);
    heed_vary_int(v, "n", 3, 60);
    heed_vary_set_number(v, "loss", (double)heed_draw_int(v, 10, 60) / 10.0);
}

const heed_exercise heed_exercises_runs[] = {
    {.id = "hard.h10.2a",
     .seed = "001 H10.2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"tokens\": 300000, \"seq_len\": 256, \"batch_a\": 32, \"batch_b\": 256}",
     .vary = vary_updates,
     .solve = updates,
     .slips = HEED_SLIP(HEED_SLIP_ROUNDED_UP) | HEED_SLIP(HEED_SLIP_NO_LENGTH),
     .fields = {WHOLE("updates_a"), WHOLE("updates_b")},
     .demo = "D14"},
    {.id = "hard.h10.4a",
     .seed = "001 H10.4",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 256, \"d_student\": 64, \"vocab_size\": 200000, \"max_length\": 256}",
     .vary = vary_students,
     .solve = students,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("teacher"), WHOLE("student"), WHOLE("student_same_d_one_head")},
     .demo = "D30"},
    {.id = "hard.h10.5a",
     .seed = "001 H10.5",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"accuracy\": 0.9, \"n\": 20, \"loss\": 4.2}",
     .vary = vary_compounding,
     .solve = compounding,
     .slips = HEED_SLIP(HEED_SLIP_LOG_BASE) | HEED_SLIP(HEED_SLIP_SIGN) | HEED_SLIP(HEED_SLIP_OFF_BY_ONE) |
              HEED_SLIP(HEED_SLIP_SUM_P),
     .fields = {R1("all_right"), R1("expected_run"), R1("mean_p_from_loss"), R1("loss_if_p_equals_accuracy")},
     .demo = "D35"},
    {.id = NULL},
};
