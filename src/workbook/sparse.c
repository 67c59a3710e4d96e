/* SPDX-License-Identifier: MIT */
/* I. What costs less: windows, experts, tiles. */
#include "kernels/mask.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

/* --- hard.h10.6a --- */

/* Parameters of experts and router of one feed-forward, biases in the experts. */
static double experts_count(heed_solving *s, int64_t d, double expand, int64_t n_experts, const char *part)
{
    heed_config c = heed_count_m0(1, d, 1, 1);

    c.mlp = true;
    c.mlp_bias = s->slip != HEED_SLIP_NO_BIAS;
    c.mlp_factor = expand;
    c.n_experts = n_experts;
    c.experts_per_token = 1;
    return heed_count_parameters(s, &c, part);
}

static double sum_of_rows(heed_solving *s, int64_t T, const char *name, const char *more)
{
    const heed_config c = heed_count_m0(1, 1, 1, T);
    heed_shapes *all = heed_count_shapes(s, &c, 1, T);
    const heed_shapes_entry *a = heed_count_entry(s, all, name);
    const heed_shapes_entry *b = more != NULL ? heed_count_entry(s, all, more) : NULL;
    const double bytes = (a != NULL ? (double)a->bytes : 0.0) + (b != NULL ? (double)b->bytes : 0.0);

    heed_shapes_destroy(all);
    return bytes;
}

static void cheaper(heed_solving *s)
{
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    const int64_t window = heed_take_int(s, "window", 1, HEED_COUNT_MOST_V);
    const int64_t E = heed_take_int(s, "n_experts", 1, 4096), k = heed_take_int(s, "top_k", 1, E);
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t expand = heed_take_int(s, "expand", 1, 1024);
    const heed_mask causal = {.causal = s->slip != HEED_SLIP_NO_MASK};
    const heed_mask windowed = {.causal = true, .window = window};
    const double less = s->slip == HEED_SLIP_DIAGONAL ? (double)T : 0.0; /* a query's own key */
    const double full = heed_mask_pairs(&causal, T, T) - less, some = heed_mask_pairs(&windowed, T, T) - less;
    const double expert = experts_count(s, d, (double)expand, 0, "mlp");
    const double all = experts_count(s, d, (double)expand, E, "experts");
    const double router = experts_count(s, d, (double)expand, E, "router");
    const double scores = sum_of_rows(s, T, "blocks.0.attn.scores", NULL);
    const double rows = sum_of_rows(s, T, "blocks.0.attn.attention.out2", "blocks.0.attn.attention.out3");

    heed_step(s, "causal: 1 + 2 + ... + %lld = %s entries", (long long)T, heed_count_text(s, full));
    heed_step(s,
              "in a window of %lld a query sees min(i, %lld) keys, i = 1 .. %lld: %s entries, a share of %.4g",
              (long long)window, (long long)window, (long long)T, heed_count_text(s, some), some / full);
    heed_step(s, "an expert is two maps, %lld -> %lld -> %lld, with biases: %s parameters; %lld of them %s",
              (long long)d, (long long)(expand * d), (long long)d, heed_count_text(s, expert), (long long)E,
              heed_count_text(s, all));
    heed_step(s, "a token goes through %lld: %s; the router has %lld * %lld = %s", (long long)k,
              heed_count_text(s, (double)k * expert), (long long)d, (long long)E, heed_count_text(s, router));
    heed_step(s,
              "scores of one head: %lld^2 numbers, %s bytes; in tiles a largest score and a sum for each row: "
              "%s bytes",
              (long long)T, heed_count_text(s, scores), heed_count_text(s, rows));
    heed_put_number(s, "full_causal_entries", full);
    heed_put_number(s, "window_entries", some);
    heed_put_number(s, "sparse_share", some / full);
    heed_put_number(s, "expert_params", expert);
    heed_put_number(s, "all_expert_params", all);
    heed_put_number(s, "active_expert_params", (double)k * expert);
    heed_put_number(s, "router_params", router);
    heed_put_number(s, "score_bytes_one_head", scores);
    heed_put_number(s, "flash_extra_bytes_one_head", rows);
}

static void vary_cheaper(heed_varying *v)
{
    heed_vary_pick_int(v, "seq_len", 4, INT64_C(128), INT64_C(512), INT64_C(1024), INT64_C(4096));
    heed_vary_pick_int(v, "window", 4, INT64_C(16), INT64_C(32), INT64_C(64), INT64_C(128));
    heed_vary_pick_int(v, "n_experts", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_int(v, "top_k", 1, 2);
    heed_vary_pick_int(v, "d_model", 3, INT64_C(64), INT64_C(128), INT64_C(256));
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_sparse[] = {
    {.id = "hard.h10.6a",
     .seed = "001 H10.6",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"seq_len\": 256, \"window\": 64, \"n_experts\": 4, \"top_k\": 1, \"d_model\": 256, "
               "\"expand\": 4}",
     .vary = vary_cheaper,
     .solve = cheaper,
     .slips = HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_DIAGONAL) | HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("full_causal_entries"),
                WHOLE("window_entries"),
                {"sparse_share", HEED_ANSWER_NUMBER, HEED_R1, 0},
                WHOLE("expert_params"),
                WHOLE("all_expert_params"),
                WHOLE("active_expert_params"),
                WHOLE("router_params"),
                WHOLE("score_bytes_one_head"),
                WHOLE("flash_extra_bytes_one_head")},
     .demo = "D33"},
    {.id = NULL},
};
