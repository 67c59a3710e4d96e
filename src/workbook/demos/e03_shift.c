/* SPDX-License-Identifier: MIT */
/* E03: targets that are not shifted. */
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/pupil.h"
#include "workbook/demos/training.h"

enum { WRITTEN = 60, PROMPT = 8, BATCHES = 8 };

typedef struct outcome {
    double own, next; /* validation loss: of what it was taught, and of the next character */
    double repeats;   /* share of what it writes that is the character before it */
    heed_grid curve;
} outcome;

static outcome teach(heed_demoing *d, const heed_demo_characters *text, const heed_demo_lesson *lesson,
                     const char *words, double from, double to)
{
    int32_t ids[PROMPT + WRITTEN] = {0};
    heed_demo_pupil p;
    outcome o = {.own = NAN};

    heed_demo_teach(&p, d, text, lesson, words, from, to);
    o.own = heed_demo_pupil_loss(&p, lesson->shift, BATCHES);
    o.next = heed_demo_pupil_loss(&p, 1, BATCHES);
    o.curve = p.curve;
    for (int64_t i = 0; d->s.status == HEED_OK && i < PROMPT; i++)
        ids[i] = text->ids[text->n_train + i];
    heed_demo_pupil_write(&p, ids, PROMPT, WRITTEN, false);
    for (int64_t i = PROMPT; i < PROMPT + WRITTEN; i++)
        o.repeats += (double)(ids[i] == ids[i - 1]) / WRITTEN;
    heed_demo_pupil_close(&p);
    return o;
}

static void show(heed_demoing *d, const outcome *next, const outcome *same, const outcome *own, int64_t shift)
{
    const outcome *const all[] = {next, same, own};
    const int n = shift == 0 || shift == 1 ? 2 : 3;
    heed_grid table = heed_grid_make(&d->s, n, 3);

    for (int i = 0; i < n; i++) {
        table.data[3 * i] = all[i]->own;
        table.data[3 * i + 1] = all[i]->next;
        table.data[3 * i + 2] = all[i]->repeats;
    }
    heed_show_table(d, table, "Validation, nats, and what it writes",
                    heed_demo_words(d, "shifted by 1|not shifted|shifted by %lld", (long long)shift),
                    "of its own targets|of the next character|repeats the last", false);
    heed_show_axes(d, "Loss while training", "step", "nats", "");
    heed_show_curve(d, "shifted by 1", heed_demo_counted(d, next->curve.columns), next->curve);
    heed_show_curve(d, "not shifted", heed_demo_counted(d, same->curve.columns), same->curve);
}

static void judge(heed_demoing *d, const outcome *next, const outcome *same, const outcome *own, double uniform)
{
    heed_show_figure(d, "loss_shifted", next->own, "nats: validation, targets shifted by 1");
    heed_show_figure(d, "loss_not_shifted", same->own, "nats: validation, targets that are the inputs");
    heed_show_figure(d, "loss_own", own->own, "nats: validation, targets shifted as \"shift\" says");
    heed_show_figure(d, "next_not_shifted", same->next,
                     "nats: what the model that is not shifted says of the next one");
    heed_show_figure(d, "next_own", own->next, "nats: the same of the model that \"shift\" is about");
    heed_show_figure(d, "uniform", uniform, "nats: ln of the number of characters");
    heed_show_figure(d, "repeats_not_shifted", same->repeats, "of what it writes is the character before it");
    heed_show_figure(d, "repeats_shifted", next->repeats, "the same of the model whose targets are shifted");
    heed_show_check(d, same->own < 0.1, "not shifted, the loss falls to %.4f nats, below 0.1", same->own);
    heed_show_check(
        d, same->next > uniform,
        "and of the next character that model knows less than nothing: %.2f nats, above ln V = %.2f",
        same->next, uniform);
    heed_show_check(d, same->repeats >= 0.9,
                    "it repeats its last character at %.0f %% of all places, 90 %% or more",
                    100.0 * same->repeats);
    heed_show_check(d, next->own > 0.5 && next->own < uniform - 1.0,
                    "shifted, the loss is honest: %.2f nats, above 0.5 and well below ln V", next->own);
}

static void run(heed_demoing *d)
{
    const int64_t shift = heed_take_int(&d->s, "shift", 0, 8);
    heed_demo_characters text = heed_demo_characters_of(d, 200000, false);
    heed_demo_lesson lesson = heed_demo_lesson_of(d);
    outcome next, same, own;

    next = teach(d, &text, &lesson, "shifted", 0.0, 0.4);
    lesson.shift = d->sabotage ? 1 : 0;
    same = teach(d, &text, &lesson, "not shifted", 0.4, 0.7);
    lesson.shift = shift;
    own = shift == 0 ? same : shift == 1 ? next : teach(d, &text, &lesson, "shifted by more", 0.7, 1.0);
    if (d->s.status == HEED_OK) {
        show(d, &next, &same, &own, shift);
        judge(d, &next, &same, &own, log((double)text.V));
    }
    heed_demo_characters_close(&text);
}

const heed_demo heed_demo_e03 = {
    .info =
        {.id = "E03",
         .title = "Targets that are not shifted",
         .shows =
             "Trains a small GPT twice: to say the next character, and to say the character that it has just "
             "read. A "
             "causal mask hides what comes after a position, not the position itself, so the second task is "
             "copying: its loss falls to 0, and nothing about the text is learned. Asked for the next "
             "character, "
             "that model is sure of the wrong one.",
         .rule = "Not shifted, the validation loss falls below 0.1, that of the next character is above ln V, "
                 "and what it "
                 "writes repeats itself; shifted, the loss stays above 0.5 and at least 1 below ln V.",
         .sabotage = "Both models have shifted targets.",
         .params = "{\"steps\": 500, \"shift\": 0, \"text\": \"\"}",
         .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
