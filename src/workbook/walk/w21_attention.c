/* SPDX-License-Identifier: MIT */
/* Step 21: the head in the model, trained. */
#include "workbook/walk/small.h"
#include "workbook/walk/steps.h"

static void run(heed_walking *w)
{
    const heed_demo_characters text = heed_walk_characters(w);
    const heed_walk_parts parts = {.positions = true, .n_heads = 1};
    const double counted = heed_walk_counted_loss(w);
    double loss;

    heed_walk_line(w, "%s", "  q = x Wq    k = x Wk    v = x Wv           heed_linear");
    heed_walk_line(w, "%s", "  scores = q k^T                             heed_attention_scores");
    heed_walk_line(w, "%s", "  mask: -inf where a key comes later         its option `causal`");
    heed_walk_line(w, "%s", "  weights = softmax(scores)                  heed_softmax");
    heed_walk_line(w, "%s", "  out = weights v                            heed_matmul");
    heed_walk_line(w, "%s", "  all of it in one node                      heed_attention");
    heed_walk_line(w, "%s", "");
    heed_walk_line(w, "%s", "what it writes:");
    loss = heed_walk_teach(w, &text, parts, "one head", 0.0, 1.0, 150);
    if (w->d->s.status != HEED_OK)
        return;
    heed_walk_line(w, "%s", "");
    heed_walk_compare(w, "one head of size 16", loss, counted);
    heed_walk_say(w,
                  "For the first time the loss is below that of every bigram: the model has looked back. Eight "
                  "characters are "
                  "all that it sees, and one head is one question; the rest of the path makes more of both.");
    heed_show_check(w->d, loss < counted - 0.02, "its loss, %.3f, is below that of counted pairs, %.3f", loss,
                    counted);
}

const heed_walk_step heed_walk_step_21 = {
    .info = {.number = 21,
             .time = "1:11:37",
             .title = "Self-attention in the model",
             .words = "Put the head between embeddings and the linear map to logits: out = softmax(mask(Q "
                      "K^T)) V. Everything is "
                      "trained together; nobody tells the head what to look for.",
             .exercises = "a12.n21",
             .demos = "D36 D02",
             .trains = true},
    .run = run,
};
