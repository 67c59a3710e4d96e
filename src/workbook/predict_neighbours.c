/* SPDX-License-Identifier: MIT */
/* O. What lies near a token: a prediction that a trained table judges. */
#include "workbook/groups.h"

/* --- a12.k03 --- */

static void nearest(heed_solving *s, const heed_demo_result *r)
{
    static const char *const kinds[] = {"vowel", "consonant", "capital", "other"};
    const double kind = heed_take_figure(s, r, "nearest_kind");

    heed_put_text(s, "prediction", kind >= 0.0 && kind <= 3.0 ? kinds[(int)kind] : "other");
    heed_step(s, "the nearest token to \"%s\" is a %s, with a cosine of %.3f; the table lists those behind it",
              heed_take_text(s, "token"), kind >= 0.0 && kind <= 2.0 ? kinds[(int)kind] : "sign",
              heed_take_figure(s, r, "nearest_cosine"));
    heed_step(s, "two vowels have a mean cosine of %.3f, a vowel and a consonant %.3f",
              heed_take_figure(s, r, "vowels_after"), heed_take_figure(s, r, "vowels_consonants_after"));
}

static void vary_token(heed_varying *v)
{
    static const char *const tokens[] = {"a", "e", "i", "o", "n", "r", "s", "t"};

    heed_vary_set_text(v, "token", tokens[heed_draw_int(v, 0, 7)]);
}

const heed_exercise heed_exercises_predict_neighbours[] = {
    {.id = "a12.k03",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"token\": \"e\"}",
     .vary = vary_token,
     .demo = "D31",
     .outcome = nearest,
     .fields = {{"prediction", HEED_ANSWER_TEXT, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = NULL}};
