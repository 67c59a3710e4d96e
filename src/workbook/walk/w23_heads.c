/* SPDX-License-Identifier: MIT */
/* Steps 23 to 26: several heads, a feed-forward, residual blocks, norms. */
#include "workbook/walk/small.h"
#include "workbook/walk/steps.h"

/* One model with a part more than `before`. */
static void compare(heed_walking *w, heed_walk_parts before, heed_walk_parts after, const char *was,
                    const char *is, const char *words, bool must_fall)
{
    const heed_demo_characters text = heed_walk_characters(w);
    const double old = heed_walk_teach(w, &text, before, was, 0.0, 0.4, 0),
                 new = heed_walk_teach(w, &text, after, is, 0.4, 1.0, 0);

    if (w->d->s.status != HEED_OK)
        return;
    heed_walk_line(w, "  %-44s %8.4f", was, old);
    heed_walk_line(w, "  %-44s %8.4f", is, new);
    heed_walk_say(w, "%s", words);
    heed_show_figure(w->d, "loss_before", old, "nats: validation, without the new part");
    heed_show_figure(w->d, "validation_loss", new, "nats: validation, with it");
    if (must_fall)
        heed_show_check(w->d, new < old, "the loss falls from %.3f to %.3f", old, new);
}

static void several_heads(heed_walking *w)
{
    compare(w, (heed_walk_parts){.positions = true, .n_heads = 1, .scaled = true},
            (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true}, "one head of size 16",
            "four heads of size 8, side by side",
            "Each head has its own maps and so its own pattern of weights; their outputs are put side by side. "
            "Four narrow heads "
            "can follow four things at once: the last vowel, a blank, a capital.",
            true);
}

static void feed_forward(heed_walking *w)
{
    compare(w, (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true},
            (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true, .feed_forward = true},
            "four heads", "and a feed-forward of 4 * 32 units",
            "Attention gathers; the feed-forward works on what was gathered, at each position alone: up to "
            "four times the width, "
            "ReLU, and down again. Without the ReLU two maps would be one.",
            false);
}

static void blocks(heed_walking *w)
{
    compare(w, (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true, .feed_forward = true},
            (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true, .n_blocks = 3},
            "heads and feed-forward, once", "three blocks of both, with residuals",
            "In a block each part adds to its input: x + attention(x), x + feed-forward(x). The sum is a road "
            "on which gradients "
            "pass unchanged, so many blocks can be stacked.",
            true);
}

static void norms(heed_walking *w)
{
    compare(w, (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true, .n_blocks = 3},
            (heed_walk_parts){.positions = true, .n_heads = 4, .scaled = true, .n_blocks = 3, .norms = true},
            "three blocks", "with LayerNorm before each part",
            "LayerNorm gives each vector mean 0 and variance 1 before a part reads it, and learns a gain and a "
            "shift. At this depth it "
            "changes little; in deep models without it sums grow from block to block and training breaks.",
            false);
}

const heed_walk_step heed_walk_step_23 = {
    .info = {.number = 23,
             .title = "Several heads",
             .words = "One head is one question. Several heads run side by side, each with its own queries, "
                      "keys and values, and "
                      "together they cost no more than one wide head.",
             .exercises = "pp.q17b a12.k16 hard.h3.1 ch12.e07",
             .demos = "D24 D26 D46",
             .trains = true},
    .run = several_heads,
};

const heed_walk_step heed_walk_step_24 = {
    .info = {.number = 24,
             .title = "Time to think: the feed-forward",
             .words = "After attention every position has heard from the others, and its vector goes straight "
                      "to the head. Give it "
                      "something to compute with: two linear maps with a ReLU between.",
             .exercises = "hard.h8.3b hard.h8.5b",
             .demos = "D22",
             .trains = true},
    .run = feed_forward,
};

const heed_walk_step heed_walk_step_25 = {
    .info = {.number = 25,
             .title = "Blocks with residuals",
             .words = "Attention and feed-forward together are a block, and blocks can be stacked. Deep stacks "
                      "learn badly, though, "
                      "unless each part adds to what it reads in place of replacing it.",
             .exercises = "a12.k14 hard.h7.2 hard.h8.1b",
             .demos = "D11 D23",
             .trains = true},
    .run = blocks,
};

const heed_walk_step heed_walk_step_26 = {
    .info = {.number = 26,
             .title = "LayerNorm",
             .words = "One part is missing: a norm before attention, before the feed-forward, and before the "
                      "head. This order, norm "
                      "first, is that of GPT-2.",
             .exercises = "hard.h8.2b ch12.e20a ch12.e20b",
             .demos = "D23 D29",
             .trains = true},
    .run = norms,
};
