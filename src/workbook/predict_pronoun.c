/* SPDX-License-Identifier: MIT */
/* N. What a model looks at before the last word: a prediction that its attention judges. */
#include <stdio.h>

#include "workbook/groups.h"

/* --- s5.e5.1a --- */

static void most_attention(heed_solving *s, const heed_demo_result *r)
{
    static const char *const sorts[] = {"first_noun", "second_noun", "because", "it", "was", "other"};
    double weights[6];
    int best = 0;

    for (int i = 0; i < 6; i++) {
        char name[64];

        snprintf(name, sizeof name, "before_%s", sorts[i]);
        weights[i] = heed_take_figure(s, r, name);
        best = weights[i] > weights[best] ? i : best;
    }
    heed_put_text(s, "prediction", sorts[best]);
    heed_step(s,
              "mean weight of the heads: first noun %.3f, second noun %.3f, \"because\" %.3f, \"it\" %.3f, "
              "\"was\" %.3f, others %.3f "
              "at most",
              weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]);
    heed_step(s, "once the last word is read, a head moves %.2f of its weight to the noun that is meant",
              heed_take_figure(s, r, "shift"));
    heed_step(s,
              "nouns further back than the window of the second model are named right in %.0f %%, with all "
              "words seen in %.0f %%",
              100.0 * heed_take_figure(s, r, "window_far"), 100.0 * heed_take_figure(s, r, "right_far"));
}

static void vary_sentence(heed_varying *v)
{
    static const char *const beings[] = {"cat", "dog", "girl", "boy"}, *const cloths[] = {"mat", "rug", "coat",
                                                                                          "shirt"};
    static const char *const verbs[] = {"sat on", "lay by", "stood near", "slept under"};
    static const char *const said[] = {"tired", "hungry", "bored", "sleepy"};
    char text[128];

    snprintf(text, sizeof text, "the %s %s the %s because it was %s", beings[heed_draw_int(v, 0, 3)],
             verbs[heed_draw_int(v, 0, 3)], cloths[heed_draw_int(v, 0, 3)], said[heed_draw_int(v, 0, 3)]);
    heed_vary_set_text(v, "sentence", text);
}

const heed_exercise heed_exercises_predict_pronoun[] = {
    {.id = "s5.e5.1a",
     .seed = "004 5.1a",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"sentence\": \"the cat sat on the mat because it was tired\"}",
     .vary = vary_sentence,
     .demo = "D38",
     .outcome = most_attention,
     .fields = {{"prediction", HEED_ANSWER_TEXT, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = NULL}};
