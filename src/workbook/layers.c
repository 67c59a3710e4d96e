/* SPDX-License-Identifier: MIT */
/* K. Feed-forward and LayerNorm: how wide, how heavy, and what the norm computes. */
#include <math.h>

#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/op_graph.h"

#define MOST_WIDTH 65536
#define WHOLE(name)                             \
    {                                           \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0 \
    }

/* One block of that width, with biases or without; of one token and one position, which do not matter here. */
static heed_config block_of(int64_t d, int64_t hidden, bool bias)
{
    heed_config c = heed_count_m0(1, d, 1, 1);

    c.mlp = true;
    c.d_mlp = hidden;
    c.activation = HEED_ACTIVATION_RELU;
    c.mlp_bias = c.attention_bias = bias;
    return c;
}

/* --- hard.h8.2a --- */

static void feed_forward(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, MOST_WIDTH), expand = heed_take_int(s, "expand", 1, 64);
    const heed_config biased = block_of(d, expand * d, true), bare = block_of(d, expand * d, false);
    const double hidden = heed_count_parameters(s, &biased, "h.0.mlp.c_fc.bias");
    const double attention = heed_count_parameters(s, &bare, "attention");
    const double one = heed_count_parameters(s, &bare, "h.0.mlp.c_fc.*");
    double all = heed_count_parameters(s, s->slip == HEED_SLIP_NO_BIAS ? &bare : &biased, "mlp");
    double weights = heed_count_parameters(s, &bare, "mlp");

    heed_step(s, "hidden width: %lld * %lld = %s", (long long)expand, (long long)d, heed_count_text(s, hidden));
    heed_step(s, "weights: in %lld * %s, out %s * %lld, together %s", (long long)d, heed_count_text(s, hidden),
              heed_count_text(s, hidden), (long long)d, heed_count_text(s, weights));
    heed_step(s, "biases: %s + %lld, so with them %s", heed_count_text(s, hidden), (long long)d,
              heed_count_text(s, all));
    heed_step(s, "attention has 4 * %lld^2 = %s weights: the feed-forward has %.4g times as many", (long long)d,
              heed_count_text(s, attention), weights / attention);
    if (s->slip == HEED_SLIP_ONE_MAP) {
        weights = one;
        all = heed_count_parameters(s, &biased, "h.0.mlp.c_fc.*");
    }
    heed_put_number(s, "hidden", hidden);
    heed_put_number(s, "params", all);
    heed_put_number(s, "params_no_bias", weights);
    heed_put_number(s, "ratio_to_attention_no_bias", attention > 0.0 ? weights / attention : 0.0);
}

static void vary_feed_forward(heed_varying *v)
{
    heed_vary_pick_int(v, "expand", 4, INT64_C(2), INT64_C(3), INT64_C(4), INT64_C(8));
}

/* --- hard.h8.3a --- */

typedef struct spread {
    double mean, variance;
} spread;

static spread spread_of(const heed_solving *s, heed_grid x)
{
    const double n = (double)x.columns;
    spread of = {0.0, 0.0};

    for (int64_t i = 0; i < x.columns; i++)
        of.mean += x.data[i];
    of.mean /= x.columns > 0 ? n : 1.0;
    for (int64_t i = 0; i < x.columns; i++)
        of.variance += (x.data[i] - of.mean) * (x.data[i] - of.mean);
    of.variance /= s->slip == HEED_SLIP_SAMPLE && x.columns > 1 ? n - 1.0 : x.columns > 0 ? n : 1.0;
    return of;
}

/* By the op that models use, with a gamma of 1 and no beta. */
static heed_grid normalised(heed_solving *s, heed_grid x, double eps)
{
    heed_graph *g = heed_op_graph(s);
    heed_grid ones = heed_grid_make(s, 1, x.columns);
    heed_node *in, *gamma;

    for (int64_t i = 0; s->status == HEED_OK && i < x.columns; i++)
        ones.data[i] = 1.0;
    in = heed_op_input(s, g, "x", heed_shape2(1, x.columns), x);
    gamma = heed_op_input(s, g, "gamma", heed_shape1(x.columns), ones);
    return g != NULL ? heed_op_run(s, g, heed_layernorm(g, in, gamma, NULL, (float)eps)) : ones;
}

static bool goes_wrong(const heed_solving *s)
{
    return s->slip == HEED_SLIP_SAMPLE || s->slip == HEED_SLIP_VARIANCE || s->slip == HEED_SLIP_NOT_CENTRED;
}

static void go_wrong(const heed_solving *s, heed_grid x, spread of, double eps, heed_grid y)
{
    const double by = s->slip == HEED_SLIP_VARIANCE ? of.variance + eps : sqrt(of.variance + eps);

    for (int64_t i = 0; i < y.columns; i++)
        y.data[i] = (x.data[i] - (s->slip == HEED_SLIP_NOT_CENTRED ? 0.0 : of.mean)) / by;
}

static void layernorm(heed_solving *s)
{
    const heed_grid x = heed_take_list(s, "x");
    heed_config c = heed_count_m0(1, x.columns > 0 ? x.columns : 1, 1, 1);
    const spread of = spread_of(s, x);
    double added;
    heed_grid y;

    if (s->status == HEED_OK && x.columns > MOST_WIDTH)
        heed_solve_fail(s, HEED_ERR_USAGE, "x: expected at most %d numbers, got %lld", MOST_WIDTH,
                        (long long)x.columns);
    for (int64_t i = 0; i < x.columns; i++) {
        if (!(fabs(x.data[i]) <= 1e15))
            heed_solve_fail(s, HEED_ERR_USAGE, "x: expected numbers up to 1e15, got %g", x.data[i]);
    }
    c.norm = HEED_NORM_PRE;
    c.norm_bias = s->slip != HEED_SLIP_NO_BIAS;
    added = heed_count_parameters(s, &c, "h.0.ln_1.*");
    y = normalised(s, x, c.norm_eps);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "mean: the sum divided by %lld = %.6g", (long long)x.columns, of.mean);
    heed_step(s, "variance: the mean of (x - %.6g)^2, divided by %lld as well = %.6g", of.mean,
              (long long)x.columns, of.variance);
    heed_step(s, "divide what is left of x by sqrt(%.6g + %g) = %.6g", of.variance, c.norm_eps,
              sqrt(of.variance + c.norm_eps));
    heed_step_grid(s, y, "(x - mean) / sqrt(variance + eps):");
    heed_step(s, "parameters: a factor and a shift for each of the %lld numbers, %s", (long long)x.columns,
              heed_count_text(s, added));
    if (goes_wrong(s))
        go_wrong(s, x, of, c.norm_eps, y);
    heed_put_number(s, "mean", of.mean);
    heed_put_number(s, "variance", s->slip == HEED_SLIP_VARIANCE ? sqrt(of.variance) : of.variance);
    heed_put_list(s, "normalised", y);
    heed_put_number(s, "added_params", added);
}

static void vary_layernorm(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 3, 6);
    const json_t *x;

    heed_vary_whole(v, "x", 0, n, -5, 9);
    x = json_object_get(v->params, "x");
    v->again = true; /* where all are equal */
    for (size_t i = 1; i < json_array_size(x); i++) {
        if (json_integer_value(json_array_get(x, i)) != json_integer_value(json_array_get(x, 0)))
            v->again = false;
    }
}

/* --- hard.h8.5a --- */

static double width_cost(heed_solving *s, int64_t d, int64_t hidden, bool bias)
{
    const heed_config c = block_of(d, hidden, bias);

    return heed_count_parameters(s, &c, "mlp");
}

/* The largest hidden width whose feed-forward has at most so many parameters; a hidden width of 4 d is too much. */
static int64_t width_for(heed_solving *s, int64_t d, double parameters, bool bias)
{
    int64_t fits = 1, too_wide = 4 * d + 1;

    while (s->status == HEED_OK && too_wide - fits > 1) {
        const int64_t middle = fits + (too_wide - fits) / 2;
        if (width_cost(s, d, middle, bias) <= parameters)
            fits = middle;
        else
            too_wide = middle;
    }
    return fits;
}

static void equal_weight(heed_solving *s)
{
    const int64_t d = heed_take_int(s, "d_model", 1, MOST_WIDTH);
    const bool bias = s->slip != HEED_SLIP_NO_BIAS;
    const heed_config c = block_of(d, d, bias);
    const double attention = heed_count_parameters(s, &c, "attention");
    const int64_t hidden = width_for(s, d, attention, bias);

    heed_step(s, "attention: 4 (d^2 + d) = 4 (%lld^2 + %lld) = %s", (long long)d, (long long)d,
              heed_count_text(s, attention));
    heed_step(s, "feed-forward of hidden width h: d h + h + h d + d = (2 d + 1) h + d");
    heed_step(s, "h = floor((4 d^2 + 4 d - d) / (2 d + 1)) = floor(%s / %lld) = %lld",
              heed_count_text(s, attention - (double)d), (long long)(2 * d + 1), (long long)hidden);
    heed_step(s, "with %lld it has %s parameters, with %lld it has %s", (long long)hidden,
              heed_count_text(s, width_cost(s, d, hidden, bias)), (long long)hidden + 1,
              heed_count_text(s, width_cost(s, d, hidden + 1, bias)));
    heed_put_number(s, "attention_params", attention);
    heed_put_number(s, "hidden_equal_params", (double)(hidden + (s->slip == HEED_SLIP_ROUNDED_UP)));
}

static void vary_equal_weight(heed_varying *v)
{
    heed_vary_pick_int(v, "d_model", 7, INT64_C(32), INT64_C(64), INT64_C(128), INT64_C(192), INT64_C(384),
                       INT64_C(512), INT64_C(768));
}

const heed_exercise heed_exercises_layers[] = {
    {.id = "hard.h8.2a",
     .seed = "001 H8.2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 256, \"expand\": 4}",
     .vary = vary_feed_forward,
     .solve = feed_forward,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS) | HEED_SLIP(HEED_SLIP_ONE_MAP),
     .fields = {WHOLE("hidden"),
                WHOLE("params"),
                WHOLE("params_no_bias"),
                {"ratio_to_attention_no_bias", HEED_ANSWER_NUMBER, HEED_R1, 0}},
     .demo = "D23"},
    {.id = "hard.h8.3a",
     .seed = "001 H8.3",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"x\": [1, 2, 3, 4]}",
     .vary = vary_layernorm,
     .solve = layernorm,
     .slips = HEED_SLIP(HEED_SLIP_SAMPLE) | HEED_SLIP(HEED_SLIP_VARIANCE) | HEED_SLIP(HEED_SLIP_NOT_CENTRED) |
              HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {{"mean", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                {"variance", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                {"normalised", HEED_ANSWER_LIST, HEED_T2, 0},
                WHOLE("added_params")},
     .demo = "D23"},
    {.id = "hard.h8.5a",
     .seed = "001 H8.5",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"d_model\": 256}",
     .vary = vary_equal_weight,
     .solve = equal_weight,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS) | HEED_SLIP(HEED_SLIP_ROUNDED_UP),
     .fields = {WHOLE("attention_params"), WHOLE("hidden_equal_params")},
     .demo = "D22"},
    {.id = NULL},
};
