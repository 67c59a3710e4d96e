/* SPDX-License-Identifier: MIT */
/* Norms by kind of parameter are those of the parameters that they are made of; gradients are slopes of the loss. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "train/trainer.h"
#include "workbook/demos/norms.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/training.h"

enum { D = 16, HEADS = 2, LAYERS = 2, T = 12, BATCH = 2 };

/* A run of no demonstration. */
typedef struct bench {
    heed_demoing d;
    heed_demo_options options;
    heed_error err;
    json_t *params;
    heed_trainer *trainer;
} bench;

static void open_bench(bench *b, double rate)
{
    heed_demo_training t;

    *b = (bench){.options = {.seed = 3}, .params = json_loads("{\"steps\": 4}", 0, NULL)};
    b->d = (heed_demoing){.s = {.params = b->params, .arena = heed_arena_create(), .err = &b->err},
                          .rng = heed_rng_make(3, HEED_STREAM_DEMO),
                          .options = &b->options};
    t = heed_demo_training_of(&b->d, HEED_DEMO_P2S);
    t.config.d_model = D;
    t.config.n_heads = HEADS;
    t.config.n_layers = LAYERS;
    t.config.context_length = T;
    t.options.batch_size = BATCH;
    t.options.corpus_bytes = 4000;
    t.options.optimizer = HEED_OPTIMIZER_SGD;
    t.options.weight_decay = 0.0;
    t.options.warmup_steps = 0;
    t.options.learning_rate = rate;
    t.options.threads = 1;
    b->trainer = heed_demo_train_begin(&b->d, &t);
    if (b->trainer == NULL)
        fail_msg("%s", b->err.message);
}

static void close_bench(bench *b)
{
    heed_trainer_close(b->trainer);
    heed_arena_destroy(b->d.s.arena);
    json_decref(b->params);
}

static heed_parameter find(const heed_model *model, const char *name)
{
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        if (strcmp(heed_model_parameter(model, i).name, name) == 0)
            return heed_model_parameter(model, i);
    }
    fail_msg("no parameter %s", name);
    return heed_model_parameter(model, 0);
}

/* Numbers are floats, added in double: 1e-9 of a norm is generous. */
static void expect_near(double expected, double got, double tolerance, const char *what)
{
    if (!(fabs(expected - got) <= tolerance * fmax(fabs(expected), 1e-12)))
        fail_msg("%s: expected %.12g, got %.12g", what, expected, got);
}

static void every_number_counts_once(void **state)
{
    bench b;
    double all = 0.0, sum = 0.0;
    heed_grid weight;
    const heed_model *model;

    (void)state;
    open_bench(&b, 0.1);
    model = heed_trainer_model(b.trainer);
    weight = heed_demo_gradients_of(&b.d, b.trainer).weight;
    assert_int_equal(weight.rows, 1 + LAYERS);
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        for (int64_t k = 0; k < p.count; k++)
            all += (double)p.data[k] * (double)p.data[k];
    }
    for (int64_t i = 0; i < weight.rows * weight.columns; i++)
        sum += isnan(weight.data[i]) ? 0.0 : weight.data[i] * weight.data[i];
    expect_near(all, sum, 1e-9, "sum of squares");
    close_bench(&b);
}

static void queries_keys_and_values_are_thirds_of_the_columns(void **state)
{
    static const heed_demo_kind kinds[] = {HEED_DEMO_QUERY, HEED_DEMO_KEY, HEED_DEMO_VALUE};
    bench b;
    heed_grid weight;
    heed_parameter p;

    (void)state;
    open_bench(&b, 0.1);
    weight = heed_demo_gradients_of(&b.d, b.trainer).weight;
    p = find(heed_trainer_model(b.trainer), "h.1.attn.c_attn.weight");
    for (int part = 0; part < 3; part++) {
        double sum = 0.0;

        for (int64_t i = 0; i < D; i++) {
            for (int64_t c = part * D; c < (part + 1) * D; c++)
                sum += (double)p.data[i * 3 * D + c] * (double)p.data[i * 3 * D + c];
        }
        expect_near(sqrt(sum), weight.data[2 * HEED_DEMO_KINDS + kinds[part]], 1e-9, "a third of c_attn");
    }
    close_bench(&b);
}

/* The mean loss of the batch that gradients are measured on. */
static double loss_of(bench *b)
{
    static int32_t ids[BATCH * T], targets[BATCH * T];
    const heed_source *source = b->trainer->source;
    heed_grid loss;
    double sum = 0.0;

    for (int64_t i = 0; i < BATCH; i++)
        source->fill(source, HEED_PART_TRAIN, i * T, T, ids + i * T, targets + i * T);
    loss = heed_demo_read(&b->d, heed_trainer_model(b->trainer), &(heed_forward_ids){ids, targets, BATCH, T},
                          "token_loss");
    for (int64_t i = 0; i < BATCH * T; i++)
        sum += loss.data[i] / (BATCH * T);
    return sum;
}

/* Of the head: the norm of all its slopes, each a central difference. 4 h^2 and floats' 1e-7 of the loss over h leave 1 %. */
static void gradients_are_slopes_of_the_loss(void **state)
{
    const float h = 0.02f;
    bench b;
    heed_parameter p;
    double squares = 0.0;

    (void)state;
    open_bench(&b, 0.1);
    p = find(heed_trainer_model(b.trainer), "ln_f.weight");
    for (int64_t k = 0; k < p.count; k++) {
        float *x = (float *)(uintptr_t)p.data + k;
        const float at = *x;
        double up;

        *x = at + h;
        up = loss_of(&b);
        *x = at - h;
        squares += pow((up - loss_of(&b)) / (2.0 * (double)h), 2.0);
        *x = at;
    }
    /* the other norms' gains and shifts have gradients, too: those of this one are in row 0 with its shift */
    {
        const heed_parameter shift = find(heed_trainer_model(b.trainer), "ln_f.bias");
        for (int64_t k = 0; k < shift.count; k++) {
            float *x = (float *)(uintptr_t)shift.data + k;
            double up;

            *x = h;
            up = loss_of(&b);
            *x = -h;
            squares += pow((up - loss_of(&b)) / (2.0 * (double)h), 2.0);
            *x = 0.0f;
        }
    }
    expect_near(sqrt(squares), heed_demo_gradients_of(&b.d, b.trainer).gradient.data[HEED_DEMO_NORM], 0.01,
                "gradient of the last norm");
    close_bench(&b);
}

static void a_step_with_rate_0_changes_nothing_and_others_do(void **state)
{
    static const double rates[] = {0.0, 0.1};

    (void)state;
    for (int r = 0; r < 2; r++) {
        bench b;
        heed_demo_norms norms;

        open_bench(&b, rates[r]);
        norms = heed_demo_update_of(&b.d, b.trainer);
        for (int64_t i = 0; i < norms.update.rows * norms.update.columns; i++) {
            const double x = norms.update.data[i];
            if (!isnan(x) && i % norms.update.columns != HEED_DEMO_KEY_BIAS)
                assert_true(r == 0 ? x == 0.0 : x > 0.0);
        }
        assert_true(norms.loss > 1.0 && norms.loss < 6.0);
        close_bench(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_counts_once),
        cmocka_unit_test(queries_keys_and_values_are_thirds_of_the_columns),
        cmocka_unit_test(gradients_are_slopes_of_the_loss),
        cmocka_unit_test(a_step_with_rate_0_changes_nothing_and_others_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
