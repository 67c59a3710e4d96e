/* SPDX-License-Identifier: MIT */
/* B. Attention as the learner's program computes it. */
#include "workbook/attend.h"
#include "workbook/batched.h"
#include "workbook/by_hand.h"
#include "workbook/distribution.h"
#include "workbook/groups.h"

/* --- ch12.e11: weights, output, entropies --- */

static heed_grid sums_of_rows(heed_solving *s, heed_grid x)
{
    heed_grid sums = heed_grid_make(s, 1, x.rows);

    for (int64_t i = 0; s->status == HEED_OK && i < x.rows * x.columns; i++)
        sums.data[i / x.columns] += x.data[i];
    return sums;
}

static int64_t n_lower(heed_grid a, heed_grid b)
{
    int64_t n = 0;

    for (int64_t i = 0; i < a.columns; i++)
        n += a.data[i] < b.data[i];
    return n;
}

static void with_entropies(heed_solving *s)
{
    const heed_attend_inputs in = {
        .q = heed_take_grid(s, "Q"), .k = heed_take_grid(s, "K"), .v = heed_take_grid(s, "V")};
    const heed_attended a = heed_attend(s, &in);
    const heed_grid scaled = heed_entropy_of_rows(s, a.scaled), unscaled = heed_entropy_of_rows(s, a.scores);

    heed_attend_explain(s, &in, &a, HEED_ATTEND_OUTPUT);
    heed_step_grid(s, scaled, "entropy of each row in nats");
    heed_step_grid(s, unscaled, "entropy of each row's softmax without the division");
    heed_step(s, "it is lower than with the division in %lld of %lld rows",
              (long long)n_lower(unscaled, scaled), (long long)scaled.columns);
    heed_put_grid(s, "weights", a.weights);
    heed_put_grid(s, "output", a.output);
    heed_put_list(s, "row_sums", sums_of_rows(s, a.weights));
    heed_put_list(s, "entropy_scaled", scaled);
    heed_put_list(s, "entropy_unscaled", unscaled);
}

static void vary_with_entropies(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 3, 5), sizes[] = {16, 36, 64}, d = sizes[heed_draw_int(v, 0, 2)];

    heed_vary_normal(v, "Q", n, d, 1.0);
    heed_vary_normal(v, "K", n, d, 1.0);
    heed_vary_normal(v, "V", n, 2, 1.0);
}

/* Drawn once: four tokens, 16 numbers each. */
#define ENTROPY_Q                                                                                              \
    "[[0.42, -1.1, 0.67, 1.35, -0.28, 0.9, -1.54, 0.13, 0.77, -0.36, 1.82, -0.95, 0.21, -0.6, 1.04, -0.17],"   \
    " [-0.83, 0.55, 1.21, -0.44, 0.08, -1.73, 0.62, 0.39, -1.2, 0.94, -0.07, 1.48, -0.51, 0.33, -0.89, 1.15]," \
    " [1.67, 0.24, -0.98, 0.71, -1.36, 0.47, 0.05, -0.66, 1.09, -1.41, 0.58, 0.3, -0.12, 1.26, -0.75, 0.84],"  \
    " [-0.31, 1.44, 0.16, -1.07, 0.88, -0.53, 1.31, -0.22, -0.69, 0.5, -1.6, 0.74, 1.02, -0.4, 0.27, -1.18]]"
#define ENTROPY_K                                                                                             \
    "[[1.13, -0.47, 0.36, 0.82, -1.25, 0.19, -0.71, 1.56, -0.04, 0.63, 0.98, -1.33, 0.45, -0.9, 0.11, 0.7],"  \
    " [-0.58, 1.29, -0.15, 0.41, 0.93, -1.02, 0.26, -0.79, 1.38, -0.34, -1.11, 0.52, 0.07, 1.46, -0.62, "     \
    "-0.23],"                                                                                                 \
    " [0.76, 0.03, -1.49, 1.17, -0.37, 0.85, 1.08, -0.56, 0.29, -1.27, 0.61, 0.14, -0.92, 0.38, 1.7, -0.65]," \
    " [-1.05, 0.68, 0.22, -0.81, 1.4, 0.1, -0.49, 0.96, -1.16, 0.43, 0.35, -0.28, 1.23, -0.73, -0.09, 1.51]]"

/* --- ch12.e16: PyTorch's function --- */

static void like_pytorch(heed_solving *s)
{
    const bool causal = heed_take_bool(s, "causal");
    const heed_batched b = heed_attend_batched(s, 4, causal);

    heed_put_tensor(s, "output", 4, b.output_size, b.output);
}

static void vary_like_pytorch(heed_varying *v)
{
    const int64_t size[] = {1, heed_draw_int(v, 1, 2), heed_draw_int(v, 2, 4), heed_draw_int(v, 2, 4)};

    heed_vary_normal_tensor(v, "Q", 4, size);
    heed_vary_normal_tensor(v, "K", 4, size);
    heed_vary_normal_tensor(v, "V", 4, size);
    heed_vary_set_json(v, "causal", json_boolean(heed_draw_int(v, 0, 1)));
}

/* --- s5.e5.5: sequences of different lengths --- */

static void batched(heed_solving *s)
{
    const heed_batched b = heed_attend_batched(s, 3, false);

    heed_put_tensor(s, "output", 3, b.output_size, b.output);
    heed_put_tensor(s, "weights", 3, b.weights_size, b.weights);
    heed_put_shape(s, "shape", 3, b.output_size[0], b.output_size[1], b.output_size[2]);
}

static void vary_batched(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 1, 2), n_query = heed_draw_int(v, 2, 4), n_key = heed_draw_int(v, 2, 4),
                  d = heed_draw_int(v, 2, 3), v_dim = heed_draw_int(v, 2, 3);

    heed_vary_normal_tensor(v, "Q", 3, (int64_t[]){n, n_query, d});
    heed_vary_normal_tensor(v, "K", 3, (int64_t[]){n, n_key, d});
    heed_vary_normal_tensor(v, "V", 3, (int64_t[]){n, n_key, v_dim});
    v->again = v_dim == d;
}

/* --- the list --- */

const heed_exercise heed_exercises_attention_code[] = {
    {.id = "ch12.e11",
     .seed = "002 e11",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"Q\": " ENTROPY_Q ", \"K\": " ENTROPY_K
               ", \"V\": [[-0.4, 0.9], [1.2, -0.3], [0.5, 1.6], [-1.1, 0.2]]}",
     .vary = vary_with_entropies,
     .solve = with_entropies,
     .slips = HEED_SLIPS_ATTENTION,
     .fields = {{"weights", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"output", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"row_sums", HEED_ANSWER_LIST, HEED_E5, 0},
                {"entropy_scaled", HEED_ANSWER_LIST, {HEED_TOLERANCE_PROGRAM, 1e-4, 0.0}, 0},
                {"entropy_unscaled", HEED_ANSWER_LIST, {HEED_TOLERANCE_PROGRAM, 1e-4, 0.0}, 0}},
     .demo = "D03"},
    {.id = "ch12.e16",
     .seed = "002 e16",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"Q\": [[[[0.5, -1.2], [1.1, 0.3], [-0.7, 0.8]], [[1.4, 0.2], [-0.6, -0.9], [0.1, 1.3]]]],"
               " \"K\": [[[[1.0, 0.4], [-0.5, 1.5], [0.3, -1.1]], [[-0.2, 0.7], [0.9, -1.4], [1.6, 0.5]]]],"
               " \"V\": [[[[0.2, 1.0], [-1.3, 0.6], [0.8, -0.4]], [[1.2, -0.1], [0.4, 0.9], [-0.8, 1.7]]]],"
               " \"causal\": false}",
     .vary = vary_like_pytorch,
     .solve = like_pytorch,
     .slips = HEED_SLIPS_MASKED,
     .fields = {{"output", HEED_ANSWER_TENSOR, HEED_E5, 0}}},
    {.id = "s5.e5.5",
     .seed = "004 5.5",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"Q\": [[[0.9, -0.4, 1.3], [-1.1, 0.6, 0.2]], [[0.3, 1.5, -0.7], [1.0, -0.2, 0.8]]],"
               " \"K\": [[[1.2, 0.1, -0.5], [0.4, -1.3, 0.7], [-0.6, 0.9, 1.1]],"
               " [[-0.8, 0.5, 1.4], [0.7, 1.2, -0.3], [1.6, -0.9, 0.2]]],"
               " \"V\": [[[1.0, 0.5], [-0.2, 1.7], [0.6, -1.4]], [[0.3, -0.9], [1.1, 0.4], [-0.7, 0.8]]]}",
     .vary = vary_batched,
     .solve = batched,
     .slips = HEED_SLIPS_ATTENTION,
     .fields = {{"output", HEED_ANSWER_TENSOR, HEED_E5, 0},
                {"weights", HEED_ANSWER_TENSOR, HEED_MIXED, 0},
                {"shape", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
    {.id = NULL},
};
