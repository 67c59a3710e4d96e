/* SPDX-License-Identifier: MIT */
/* J. A student with and without a teacher: a lab whose report an experiment gives. */
#include "workbook/groups.h"

#define SAME 0.01 /* nats: below that, both are as good as each other */

/* --- hard.h10.4b --- */

static const char *compare(double distilled, double alone)
{
    return distilled < alone - SAME ? "lower" : distilled > alone + SAME ? "higher" : "same";
}

static void taught(heed_solving *s, const heed_demo_result *r)
{
    const double kl = heed_take_figure(s, r, "kl_distilled"), kl_alone = heed_take_figure(s, r, "kl_alone"),
                 loss = heed_take_figure(s, r, "loss_distilled"), alone = heed_take_figure(s, r, "loss_alone");

    heed_put_text(s, "divergence", compare(kl, kl_alone));
    heed_put_text(s, "loss", compare(loss, alone));
    heed_put_bool(s, "reaches_teacher", loss <= heed_take_figure(s, r, "loss_teacher") + SAME);
    heed_step(s, "KL(teacher || student): %.4f nats distilled, %.4f alone", kl, kl_alone);
    heed_step(s, "validation loss: %.4f nats distilled, %.4f alone, %.4f the teacher", loss, alone,
              heed_take_figure(s, r, "loss_teacher"));
    heed_step(s, "same likeliest token as the teacher: %.1f %% of all distilled, %.1f %% alone",
              100.0 * heed_take_figure(s, r, "agreement_distilled"),
              100.0 * heed_take_figure(s, r, "agreement_alone"));
    heed_step(s, "parameters: %.0f the teacher, %.0f the student", heed_take_figure(s, r, "parameters_teacher"),
              heed_take_figure(s, r, "parameters_student"));
}

static void vary_teaching(heed_varying *v)
{
    heed_vary_pick(v, "temperature", 3, 1.0, 2.0, 4.0);
    heed_vary_pick(v, "mix", 3, 0.3, 0.5, 0.9);
}

const heed_exercise heed_exercises_predict_student[] = {
    {.id = "hard.h10.4b",
     .seed = "001 H10.4",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"temperature\": 2, \"mix\": 0.5}",
     .vary = vary_teaching,
     .demo = "D30",
     .outcome = taught,
     .fields = {{"divergence", HEED_ANSWER_TEXT, HEED_EXACT},
                {"loss", HEED_ANSWER_TEXT, HEED_EXACT},
                {"reaches_teacher", HEED_ANSWER_TRUTH, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = NULL}};
