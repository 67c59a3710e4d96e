/* SPDX-License-Identifier: MIT */
/*
 * attention: attention with pen and paper. Three tokens, two dimensions, one head, causal; then the gradient of the
 * sum of all outputs.
 *
 *     cc attention.c $(pkg-config --cflags --libs heed) -o attention && ./attention
 */
#include <heed/heed.h>
#include <stdio.h>

static void show(const char *title, const float *x, int columns)
{
    printf("%s\n", title);
    for (int i = 0; i < 3 * columns; i++)
        printf("%9.4f%s", (double)x[i], (i + 1) % columns == 0 ? "\n" : "");
}

int main(void)
{
    const float x[3][2] = {{1, 0}, {0, 1}, {1, 1}}, v[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    const float ones[3][2] = {{1, 1}, {1, 1}, {1, 1}};
    float scores[3][3], scaled[3][3], masked[3][3], weights[3][3], out[3][2], dscores[3][3], dq[3][2], dv[3][2];
    heed_attention_inputs in = {
        .n_query = 3, .head_dim = 2, .q = x[0], .k = x[0], .v = v[0], .dout = ones[0], .plain = true};
    heed_error err = {0};
    heed_status status;

    in.scale = 1.0; /* 0, the default, is 1/sqrt(head_dim) */
    status = heed_attention_run(&in, &(heed_attention_results){.scores = scores[0]}, &err);
    in.scale = 0.0;
    if (status == HEED_OK)
        status = heed_attention_run(&in, &(heed_attention_results){.scores = scaled[0]}, &err);
    in.mask.causal = true;
    if (status == HEED_OK)
        status = heed_attention_run(&in,
                                    &(heed_attention_results){.scores = masked[0],
                                                              .weights = weights[0],
                                                              .out = out[0],
                                                              .dscores = dscores[0],
                                                              .dq = dq[0],
                                                              .dv = dv[0]},
                                    &err);
    if (status != HEED_OK) {
        fprintf(stderr, "attention: %s\n", err.message);
        return heed_status_exit_code(status);
    }
    show("scores: q k^T", scores[0], 3);
    show("scaled by 1/sqrt(2)", scaled[0], 3);
    show("masked: no token sees a later one", masked[0], 3);
    show("weights: softmax, each row adds up to 1", weights[0], 3);
    show("output: weights v", out[0], 2);
    show("gradient of the sum of all outputs: d scores", dscores[0], 3);
    show("d q", dq[0], 2);
    show("d v", dv[0], 2);
    return 0;
}
