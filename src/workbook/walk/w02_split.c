/* SPDX-License-Identifier: MIT */
/* Step 2: what is for training, and what for validation. */
#include "workbook/demos/tenths.h"
#include "workbook/walk/steps.h"
#include "workbook/walk/walk.h"

static void run(heed_walking *w)
{
    const heed_corpus *c = w->corpus;
    const int64_t n_validation = c->n - c->n_train;
    heed_demo_tenths tenths;

    heed_walk_line(w, "%-12s %10s  %s", "part", "characters", "begins with");
    heed_walk_line(w, "%-12s %10lld  %s", "training", (long long)c->n_train,
                   heed_walk_signs(w, heed_walk_ids(w, 0, 20), 20));
    heed_walk_line(w, "%-12s %10lld  %s", "validation", (long long)n_validation,
                   heed_walk_signs(w, heed_walk_ids(w, c->n_train, n_validation < 20 ? n_validation : 20),
                                   n_validation < 20 ? n_validation : 20));
    heed_show_figure(w->d, "train", (double)c->n_train, "characters for training");
    heed_show_figure(w->d, "validation", (double)n_validation, "characters for validation");
    heed_show_check(w->d, c->n_train == c->n * 9 / 10, "training has floor(0.9 * %lld) = %lld", (long long)c->n,
                    (long long)c->n_train);
    heed_walk_say(
        w,
        "Other tenths could be kept back. For each of them, counts of the rest of the text predict it: "
        "the loss of single characters and of pairs, and how many of its windows of %d characters stand "
        "word for word in what was counted.",
        (int)HEED_DEMO_TENTHS_PIECE);
    tenths = heed_demo_tenths_of(w->d, w->text, w->n_text, false);
    heed_walk_line(w, "%-34s %8s %8s %10s", "kept back", "single", "pairs", "seen there");
    for (int i = 0; w->d->s.status == HEED_OK && i < HEED_DEMO_N_TENTHS; i++)
        heed_walk_line(w, "%-34s %8.3f %8.3f %8.1f %%", heed_demo_tenth_names[i], tenths.single[i],
                       tenths.pairs[i], 100.0 * tenths.seen[i]);
    heed_walk_say(
        w, "The end of a text may be unlike its beginning, so its loss may be a little higher or lower. But a "
           "random choice of windows that overlap is worse: nearly all of what is kept back has been seen "
           "in training, and the loss there says nothing about new text.");
}

const heed_walk_step heed_walk_step_02 = {
    .info =
        {.number = 2,
         .time = "13:45",
         .title = "Training and validation",
         .words =
             "A model that is asked about the text it was trained on can shine by knowing it by heart. So the "
             "last tenth is kept back: it is never trained on, and the loss on it says how well the model "
             "does with text that it has not seen.",
         .exercises = "a12.n02",
         .demos = "E04"},
    .run = run,
};
