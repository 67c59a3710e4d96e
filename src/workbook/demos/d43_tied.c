/* SPDX-License-Identifier: MIT */
/* D43: may the key be the value too? Looking up what is kept under a key. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/learner.h"
#include "workbook/demos/training.h"

enum { WIDTH = 32, BATCH = 64, N_SIZES = 4, MOST_KEYS = 32, TEST_BATCHES = 10 };

static const int64_t head_dims[N_SIZES] = {2, 3, 4, 8};

#define SOLVED 0.95

/* Pairs of key and payload in random order, then each key again; the payload under it is to be found. */
typedef struct task {
    int64_t keys, pairs;
    int32_t *pair, *query, *target; /* [BATCH, pairs]; a pair is one id, keys * key + payload */
} task;

static void fill(void *context, heed_rng *rng)
{
    const task *t = context;

    for (int64_t b = 0; b < BATCH; b++) {
        int64_t order[MOST_KEYS];

        for (int64_t k = 0; k < t->keys; k++)
            order[k] = k;
        for (int64_t i = 0; i < t->pairs; i++) {
            const int64_t other = i + heed_rng_below(rng, t->keys - i), key = order[other],
                          payload = heed_rng_below(rng, t->keys), at = b * t->pairs + i;

            order[other] = order[i];
            order[i] = key;
            t->pair[at] = (int32_t)(t->keys * key + payload);
            t->query[at] = (int32_t)key;
            t->target[at] = (int32_t)payload;
        }
    }
}

/* --- one head of attention from the keys that are asked for to the pairs --- */

typedef struct lookup {
    heed_node *loss, *logits;
} lookup;

static heed_node *map(heed_learner *l, heed_node *x, const char *name, int64_t in, int64_t out)
{
    heed_node *w = heed_learner_parameter(l, name, heed_shape2(in, out), 0.0, 1.0 / sqrt((double)in));

    return heed_linear(l->g, x, w, NULL, HEED_WEIGHT_IN_OUT);
}

static heed_node *look_up(heed_learner *l, const char *name, int64_t rows, heed_node *ids)
{
    return heed_embedding(l->g, heed_learner_parameter(l, name, heed_shape2(rows, WIDTH), 0.0, 0.5), ids);
}

/* Parameters are drawn in the same order, W_v after the others that both have but W_o: keys and queries begin as the same. */
static lookup build(heed_learner *l, task *t, int64_t head_dim, bool tied)
{
    const heed_shape shape = heed_shape2(BATCH, t->pairs);
    heed_node *pairs = heed_learner_ids(l, "pairs", shape, &t->pair),
              *queries = heed_learner_ids(l, "queries", shape, &t->query),
              *targets = heed_learner_ids(l, "targets", shape, &t->target);
    heed_node *x = look_up(l, "pair", t->keys * t->keys, pairs), *asked = look_up(l, "key", t->keys, queries);
    heed_node *q = map(l, asked, "W_q", WIDTH, head_dim), *k = map(l, x, "W_k", WIDTH, head_dim),
              *head = heed_learner_parameter(l, "head", heed_shape2(t->keys, WIDTH), 0.0,
                                             1.0 / sqrt((double)WIDTH)),
              *z, *y;
    lookup out;

    q = heed_split_heads(l->g, q, 1);
    k = heed_split_heads(l->g, k, 1);
    z = heed_attention(l->g, q, k, tied ? k : heed_split_heads(l->g, map(l, x, "W_v", WIDTH, head_dim), 1),
                       &(heed_attention_options){.scale = 0.0f});
    y = heed_add(l->g, map(l, heed_merge_heads(l->g, z), "W_o", head_dim, WIDTH), asked);
    out.logits = heed_linear(l->g, y, head, NULL, HEED_WEIGHT_OUT_IN);
    out.loss = heed_linear_cross_entropy(l->g, y, head, targets);
    return out;
}

/* The share of payloads that get the largest logit, over pairs that training has not seen together. */
static double accuracy(heed_learner *l, task *t, const lookup *model)
{
    int64_t right = 0, n = 0;

    for (int i = 0; l->d->s.status == HEED_OK && i < TEST_BATCHES; i++) {
        heed_grid logits;

        fill(t, &l->rng);
        heed_learner_look(l);
        logits = heed_learner_value(l, model->logits);
        for (int64_t r = 0; r < logits.rows; r++, n++) {
            const double *row = heed_grid_row(logits, r).data;
            int64_t best = 0;

            for (int64_t p = 1; p < logits.columns; p++)
                best = row[p] > row[best] ? p : best;
            right += best == t->target[r];
        }
    }
    return n > 0 ? (double)right / (double)n : NAN;
}

/* After training; *curve is that of the losses. */
static double train(heed_demoing *d, task *t, int64_t head_dim, bool tied, double from, heed_grid *curve)
{
    heed_train_options o = heed_learner_options(d);
    heed_learner l;
    double share = NAN;

    o.learning_rate = 1e-2;
    o.threads = 1;
    if (heed_learner_open(&l, d, &o)) {
        lookup model = build(&l, t, head_dim, tied);

        if (heed_learner_ready(&l, model.loss, &model.logits, 1)) {
            *curve = heed_learner_train(&l, fill, t,
                                        heed_demo_words(d, "%s, head size %lld",
                                                        tied ? "keys are the values" : "keys and values",
                                                        (long long)head_dim),
                                        from, from + 0.5 / N_SIZES);
            share = accuracy(&l, t, &model);
        }
    }
    heed_learner_close(&l);
    return share;
}

static void judge(heed_demoing *d, heed_grid table)
{
    const double apart = table.data[0], tied = table.data[1], roomy = table.data[2 * (N_SIZES - 1) + 1];

    heed_show_figure(d, "separate", apart,
                     "right answers, keys and values by maps of their own, 2 numbers each");
    heed_show_figure(d, "tied", tied, "the same, the key is the value too");
    heed_show_figure(d, "separate_wide", table.data[2 * (N_SIZES - 1)], "the first, 8 numbers each");
    heed_show_figure(d, "tied_wide", roomy, "the second, 8 numbers");
    heed_show_check(d, apart >= SOLVED, "with maps of their own %.1f %% are found, at least 95 %%",
                    100.0 * apart);
    heed_show_check(d, tied <= apart - 0.05,
                    "where the key is the value too, %.1f %%: at least 5 less in a hundred", 100.0 * tied);
}

static void run(heed_demoing *d)
{
    task t = {.keys = heed_take_int(&d->s, "keys", 4, MOST_KEYS),
              .pairs = heed_take_int(&d->s, "pairs", 2, MOST_KEYS)};
    heed_grid table = heed_grid_make(&d->s, N_SIZES, 2), x = heed_grid_make(&d->s, 1, N_SIZES),
              curves[2] = {{0}};

    if (d->s.status == HEED_OK && t.pairs > t.keys)
        heed_solve_fail(&d->s, HEED_ERR_USAGE,
                        "pairs: expected at most as many as there are keys, %lld, got %lld", (long long)t.keys,
                        (long long)t.pairs);
    for (int i = 0; d->s.status == HEED_OK && i < N_SIZES; i++) {
        x.data[i] = (double)head_dims[i];
        for (int tied = 0; tied < 2; tied++) {
            heed_grid curve = {0};

            table.data[2 * i + tied] = train(d, &t, head_dims[i], tied == 1 && !d->sabotage,
                                             ((double)i + 0.5 * tied) / N_SIZES, &curve);
            if (i == 0)
                curves[tied] = heed_demo_smoothed(d, curve, 20);
        }
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Right answers by the size of the head", "2|3|4|8", "separate|tied", false);
    heed_show_axes(d, "Loss with 2 numbers a head", "step", "nats an answer", "");
    heed_show_curve(d, "keys and values", heed_demo_counted(d, curves[0].columns), curves[0]);
    heed_show_curve(d, "keys are the values", heed_demo_counted(d, curves[1].columns), curves[1]);
    judge(d, table);
}

const heed_demo heed_demo_43 = {
    .info =
        {.id = "D43",
         .title = "Key and value by one map",
         .shows =
             "Trains one head to look up what is kept under a key. Each pair of key and payload is one vector; "
             "asked "
             "for by the key, the payload is to be handed over. With maps of their own, keys say how a pair is "
             "found and values what it holds. With one map for both, the same few numbers must do both: "
             "whoever "
             "spreads out keys so that a query can tell them apart has no room left for payloads. With more "
             "numbers a head there is room for the two side by side, and the difference goes.",
         .rule = "With 2 numbers a head, at least 95 % of the answers are right with separate maps, and at "
                 "least 5 in a "
                 "hundred fewer where keys are the values too.",
         .sabotage = "The values have a map of their own in both.",
         .params = "{\"keys\": 8, \"pairs\": 5, \"steps\": 400}",
         .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
