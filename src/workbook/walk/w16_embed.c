/* SPDX-License-Identifier: MIT */
/* Step 16: a table of n_embd columns, and a head. */
#include "workbook/small_graph.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

enum { B = HEED_WALK_PRINTED, T = HEED_WALK_BLOCK, N = HEED_WALK_EMBED };

static void show(heed_walking *w, heed_small *m, heed_node *table, heed_node *x, heed_node *head,
                 heed_node *bias, heed_node *logits)
{
    const long long V = w->V, n = N;
    const double count = (double)(heed_tensor_count(&table->tensor) + heed_tensor_count(&head->tensor) +
                                  heed_tensor_count(&bias->tensor));

    heed_walk_line(w, "  %-22s %-14s %10lld", "token table", heed_small_shape_text(m, table), V * n);
    heed_walk_line(w, "  %-22s %-14s", "embedded batch", heed_small_shape_text(m, x));
    heed_walk_line(w, "  %-22s %-14s %10lld", "head", heed_small_shape_text(m, head), V * n);
    heed_walk_line(w, "  %-22s %-14s %10lld", "bias of the head", heed_small_shape_text(m, bias), V);
    heed_walk_line(w, "  %-22s %-14s", "logits", heed_small_shape_text(m, logits));
    heed_walk_line(w, "  %-22s %-14s %10.0f   the bigram table: %lld", "together", "", count, V * V);
    heed_show_figure(w->d, "parameters", count, "of table, head and bias");
    heed_show_figure(w->d, "bigram_parameters", (double)(V * V), "of the bigram table");
    heed_show_check(w->d, count == (double)(2 * V * n + V), "2 V n + V = %lld parameters were counted",
                    2 * V * n + V);
}

static void run(heed_walking *w)
{
    int32_t *ids, *targets;
    const heed_grid t = heed_demo_normal(w->d, w->V, N), h = heed_demo_normal(w->d, N, w->V),
                    b = heed_grid_make(&w->d->s, 1, w->V);
    heed_node *table, *x, *head, *bias, *logits;
    heed_grid numbers;
    heed_small m;

    if (!heed_walk_batch(w, B, T, &ids, &targets) || !heed_small_begin(&w->d->s, &m))
        return;
    table = heed_small_matrix(&m, "token_embedding_table", t);
    head = heed_small_matrix(&m, "lm_head", h);
    bias = heed_small_vector(&m, "lm_head_bias", b);
    x = heed_embedding(m.g, table,
                       heed_reshape(m.g, heed_small_ids(&m, "ids", heed_walk_ids_grid(w, ids, B, T), w->V),
                                    heed_shape2(B, T)));
    logits = heed_linear(m.g, x, head, bias, HEED_WEIGHT_IN_OUT);
    heed_small_run(&m, (heed_node *[]){x, logits}, 2);
    numbers = heed_small_value(&m, x);
    if (w->d->s.status == HEED_OK) {
        show(w, &m, table, x, head, bias, logits);
        numbers.rows = 3;
        heed_walk_grid(w, numbers, 2, "the vectors of the first characters, %s, %s and %s",
                       heed_walk_sign(w, ids[0]), heed_walk_sign(w, ids[1]), heed_walk_sign(w, ids[2]));
    }
    heed_small_end(&m);
}

const heed_walk_step heed_walk_step_16 = {
    .info =
        {.number = 16,
         .time = "59:10",
         .title = "Vectors for characters",
         .words =
             "Before positions can ask each other anything they need vectors to compute with. So the table no "
             "longer holds logits: it holds n_embd = 32 numbers for each character, its embedding, and a "
             "linear "
             "map with a bias, the head, makes logits of them.",
         .exercises = "a12.n16",
         .demos = "E05"},
    .run = run,
};
