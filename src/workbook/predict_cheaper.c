/* SPDX-License-Identifier: MIT */
/* I. Experts, windows, tiles: a prediction that trainings with equal work judge. */
#include "workbook/groups.h"

/* --- hard.h10.6b --- */

static void worth(heed_solving *s, const heed_demo_result *r)
{
    const double plain = heed_take_figure(s, r, "loss_plain"), more = heed_take_figure(s, r, "loss_plain_more"),
                 experts = heed_take_figure(s, r, "loss_experts"),
                 sparse = heed_take_figure(s, r, "loss_sparse"), apart = heed_take_figure(s, r, "tiled_off"),
                 share = heed_take_figure(s, r, "memory_share");

    heed_put_bool(s, "experts", experts <= more);
    heed_put_bool(s, "sparse", sparse <= more);
    heed_put_bool(s, "tiled", apart > 1e-5 && plain <= more); /* the same numbers are the same loss */
    heed_put_bool(s, "less_memory", share < 1.0);
    heed_step(s, "equal work: plain %.3f nats, experts %.3f, sparse %.3f; plain with half as much more %.3f",
              plain, experts, sparse, more);
    heed_step(s, "tiled attention differs from the plain one by %.2g: the same model, at the same work", apart);
    heed_step(s, "its memory is %.3f of the plain one's at this length, %.3f for a text 16 times as long",
              share, heed_take_figure(s, r, "memory_share_long"));
    heed_step(s, "a window of 16 keys does %.3f of the work of attention in that text",
              heed_take_figure(s, r, "sparse_work"));
}

static void vary_length(heed_varying *v)
{
    heed_vary_pick_int(v, "context_length", 3, INT64_C(32), INT64_C(48), INT64_C(64));
}

const heed_exercise heed_exercises_predict_cheaper[] = {
    {.id = "hard.h10.6b",
     .seed = "001 H10.6",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"context_length\": 64}",
     .vary = vary_length,
     .demo = "D33",
     .outcome = worth,
     .fields = {{"experts", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"sparse", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"tiled", HEED_ANSWER_TRUTH, HEED_EXACT},
                {"less_memory", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = NULL}};
