/* SPDX-License-Identifier: MIT */
/* Graphs of one's own learn what they can, as the optimizer's formulas say, and the same again. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "nn/model.h"
#include "workbook/demos/learner.h"

/* A run of no demonstration. */
typedef struct bench {
    heed_demoing d;
    heed_demo_options options;
    heed_error err;
    json_t *params;
} bench;

static void open_bench(bench *b, const char *params, uint64_t seed)
{
    *b = (bench){.options = {.seed = seed}, .params = json_loads(params, 0, NULL)};
    b->d = (heed_demoing){.s = {.params = b->params, .arena = heed_arena_create(), .err = &b->err},
                          .rng = heed_rng_make(seed, HEED_STREAM_DEMO),
                          .options = &b->options};
    assert_non_null(b->params);
    assert_non_null(b->d.s.arena);
}

static void close_bench(bench *b)
{
    heed_arena_destroy(b->d.s.arena);
    json_decref(b->params);
}

enum { ROWS = 16, IN = 3, OUT = 2 };
static const double truth[IN][OUT] = {{1.5, -0.5}, {0.25, 2.0}, {-1.0, 0.75}};

typedef struct map {
    heed_learner l;
    float *x, *y;
    heed_node *W, *guess;
} map;

/* y = x truth */
static void fill(void *context, heed_rng *rng)
{
    map *m = context;

    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < IN; i++)
            m->x[r * IN + i] = heed_rng_normal(rng);
        for (int o = 0; o < OUT; o++) {
            double sum = 0.0;
            for (int i = 0; i < IN; i++)
                sum += (double)m->x[r * IN + i] * truth[i][o];
            m->y[r * OUT + o] = (float)sum;
        }
    }
}

static void open_map(map *m, bench *b, const heed_train_options *o)
{
    heed_node *x, *y;

    assert_true(heed_learner_open(&m->l, &b->d, o));
    x = heed_learner_floats(&m->l, "x", heed_shape2(ROWS, IN), &m->x);
    y = heed_learner_floats(&m->l, "y", heed_shape2(ROWS, OUT), &m->y);
    m->W = heed_learner_parameter(&m->l, "W", heed_shape2(IN, OUT), 0.0, 0.02);
    m->guess = heed_linear(m->l.g, x, m->W, NULL, HEED_WEIGHT_IN_OUT);
    if (!heed_learner_ready(&m->l, heed_learner_square_error(&m->l, m->guess, y), &m->guess, 1))
        fail_msg("%s", b->err.message);
}

/* No noise, so the least squares are 0: what is left is the step's own size at the end of the cosine. */
static void a_linear_map_is_learned_by_each_optimizer(void **state)
{
    static const int optimizers[] = {HEED_OPTIMIZER_ADAMW, HEED_OPTIMIZER_ADAM, HEED_OPTIMIZER_SGD};

    (void)state;
    for (size_t k = 0; k < sizeof optimizers / sizeof optimizers[0]; k++) {
        bench b;
        map m;
        heed_train_options o;
        heed_grid curve, W, guess;
        heed_rng other = heed_rng_make(9, 1);
        double loss;

        open_bench(&b, "{\"steps\": 400}", 3 + k);
        o = heed_learner_options(&b.d);
        o.optimizer = optimizers[k];
        o.learning_rate = 0.1;
        open_map(&m, &b, &o);
        curve = heed_learner_train(&m.l, fill, &m, "a linear map", 0.0, 1.0);
        assert_true(curve.data[0] > 1.0 && curve.data[399] < 1e-3);
        fill(&m, &other);
        loss = heed_learner_look(&m.l);
        assert_true(loss < 1e-3);
        W = heed_learner_value(&m.l, m.W);
        for (int i = 0; i < IN * OUT; i++)
            assert_true(fabs(W.data[i] - truth[i / OUT][i % OUT]) < 0.05);
        guess = heed_learner_value(&m.l, m.guess);
        assert_int_equal(guess.rows, ROWS);
        for (int i = 0; i < ROWS * OUT; i++)
            assert_true(fabs(guess.data[i] - (double)m.y[i]) < 0.2);
        heed_learner_close(&m.l);
        close_bench(&b);
    }
}

/*
 * W' = W - lr dW with dW = 2 / (ROWS OUT) x^T (x W - y), in double: floats of the engine are 1e-6 of it. A look changes nothing.
 */
static void a_step_of_gradient_descent_is_the_formula(void **state)
{
    bench b;
    map m;
    heed_train_options o;
    heed_rng rng = heed_rng_make(5, 1);
    heed_grid before, after;
    double loss = 0.0, first;

    (void)state;
    open_bench(&b, "{\"steps\": 5}", 1);
    o = heed_learner_options(&b.d);
    o.optimizer = HEED_OPTIMIZER_SGD;
    o.learning_rate = 0.3;
    o.warmup_steps = 0;
    o.schedule = HEED_SCHEDULE_CONSTANT;
    o.clip_norm = 0.0;
    open_map(&m, &b, &o);
    fill(&m, &rng);
    before = heed_learner_value(&m.l, m.W);
    first = heed_learner_look(&m.l);
    assert_true(first == heed_learner_look(&m.l));
    assert_true(fabs(heed_learner_step(&m.l) - first) < 1e-6 * first);
    after = heed_learner_value(&m.l, m.W);
    for (int i = 0; i < IN; i++) {
        for (int c = 0; c < OUT; c++) {
            double gradient = 0.0;
            for (int r = 0; r < ROWS; r++) {
                double apart = -(double)m.y[r * OUT + c];
                for (int k = 0; k < IN; k++)
                    apart += (double)m.x[r * IN + k] * before.data[k * OUT + c];
                gradient += 2.0 / (ROWS * OUT) * apart * (double)m.x[r * IN + i];
                loss += i == 0 ? apart * apart / (ROWS * OUT) : 0.0;
            }
            assert_true(fabs(after.data[i * OUT + c] - (before.data[i * OUT + c] - 0.3 * gradient)) < 2e-6);
        }
    }
    assert_true(fabs(loss - first) < 1e-5 * first);
    assert_true(heed_learner_look(&m.l) < first);
    heed_learner_close(&m.l);
    close_bench(&b);
}

enum { B = 16, T = 8, V = 11 };

typedef struct gaps {
    int32_t *ids, *targets;
} gaps;

/* Ascending texts with one token taken out, which its neighbours tell. */
static void fill_gaps(void *context, heed_rng *rng)
{
    gaps *x = context;

    for (int b = 0; b < B; b++) {
        const int start = (int)heed_rng_below(rng, V - 1), gap = 1 + (int)heed_rng_below(rng, T - 2);
        for (int t = 0; t < T; t++) {
            x->ids[b * T + t] = t == gap ? V - 1 : (start + t) % (V - 1);
            x->targets[b * T + t] = t == gap ? (start + t) % (V - 1) : HEED_IGNORE_TARGET;
        }
    }
}

/* The model's own weights change, so that it is a trained model afterwards; equal seeds give equal losses. */
static void a_model_learns_to_fill_gaps_and_twice_the_same(void **state)
{
    double losses[2] = {0.0, 0.0};

    (void)state;
    for (int again = 0; again < 2; again++) {
        heed_config config = heed_config_default();
        heed_model *model = NULL;
        heed_learner l;
        heed_train_options o;
        heed_node *ids, *targets;
        heed_grid curve;
        heed_rng other = heed_rng_make(77, 1);
        gaps x;
        bench b;

        open_bench(&b, "{\"steps\": 250}", 8);
        config.vocab_size = V;
        config.context_length = T;
        config.n_layers = 1;
        config.d_model = 32;
        config.causal = false;
        assert_int_equal(heed_model_create(&config, 4, &model, &b.err), HEED_OK);
        o = heed_learner_options(&b.d);
        o.learning_rate = 1e-2;
        o.threads = 1;
        assert_true(heed_learner_open(&l, &b.d, &o));
        ids = heed_learner_ids(&l, "ids", heed_shape2(B, T), &x.ids);
        targets = heed_learner_ids(&l, "targets", heed_shape2(B, T), &x.targets);
        if (!heed_learner_ready(&l, heed_learner_model(&l, model, ids, targets).loss, NULL, 0))
            fail_msg("%s", b.err.message);
        curve = heed_learner_train(&l, fill_gaps, &x, "gaps", 0.0, 1.0);
        assert_true(curve.data[0] > 2.0); /* about ln 11 */
        fill_gaps(&x, &other);
        losses[again] = heed_learner_look(&l);
        assert_true(losses[again] < 0.2);
        heed_learner_close(&l);
        heed_model_close(model);
        close_bench(&b);
    }
    assert_true(losses[0] == losses[1]);
}

static void what_does_not_fit_fails_the_demonstration(void **state)
{
    bench b;
    heed_learner l;
    heed_train_options o;
    float *x;
    heed_node *in, *W;

    (void)state;
    open_bench(&b, "{\"steps\": 3}", 1);
    o = heed_learner_options(&b.d);
    assert_true(heed_learner_open(&l, &b.d, &o));
    in = heed_learner_floats(&l, "x", heed_shape2(2, 3), &x);
    W = heed_learner_parameter(&l, "W", heed_shape2(4, 2), 0.0, 1.0);
    assert_false(
        heed_learner_ready(&l, heed_sum(l.g, heed_linear(l.g, in, W, NULL, HEED_WEIGHT_IN_OUT)), NULL, 0));
    assert_int_not_equal(b.d.s.status, HEED_OK);
    assert_true(b.err.message[0] != '\0');
    assert_true(isnan(heed_learner_step(&l)) && isnan(heed_learner_look(&l)));
    assert_null(heed_learner_value(&l, W).data);
    assert_null(heed_learner_floats(&l, "y", heed_shape1(2), &x));
    heed_learner_close(&l);
    assert_false(heed_learner_open(&l, &b.d, &o));
    heed_learner_close(&l);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_map_is_learned_by_each_optimizer),
        cmocka_unit_test(a_step_of_gradient_descent_is_the_formula),
        cmocka_unit_test(a_model_learns_to_fill_gaps_and_twice_the_same),
        cmocka_unit_test(what_does_not_fit_fails_the_demonstration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
