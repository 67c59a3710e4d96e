/* SPDX-License-Identifier: MIT */
/* F. Problem 1: a head that tells whether there has been a consonant, and how many. */
#include <heed/mask.h>
#include <math.h>

#include "workbook/groups.h"
#include "workbook/letter_tables.h"
#include "workbook/letters.h"

#define CLOSE 0.05 /* of an output to its ideal: as close as short texts get it with a factor of 5 */

/* --- what is wanted --- */

/* Is there a consonant among the letters that letter i sees, its own included? */
static bool hears_consonant(const heed_letters *x, int64_t i)
{
    const heed_mask mask = {.causal = true};

    for (int64_t j = 0; j < x->r.rows; j++) {
        if (heed_mask_sees(&mask, i, j) && heed_letter_is_consonant(x, j))
            return true;
    }
    return false;
}

/* (0, 1) from the first consonant on, (1, 0) before it. */
static heed_grid ideal_of_consonants(heed_solving *s, const heed_letters *x)
{
    heed_grid out = heed_grid_make(s, x->r.rows, 2);

    for (int64_t i = 0; i < out.rows; i++)
        out.data[2 * i + (hears_consonant(x, i) ? 1 : 0)] = 1.0;
    return out;
}

/* --- a12.p1x --- */

static void labels(heed_solving *s)
{
    const char *text = heed_take_text(s, "s");
    const heed_letters x = heed_letters_of(s, text, 2);
    json_t *list = json_array();

    for (int64_t i = 0; s->status == HEED_OK && i < x.r.rows; i++) {
        const bool yes = hears_consonant(&x, i);
        heed_step(s, "%c is a %s: %s", text[i], heed_letter_is_consonant(&x, i) ? "consonant" : "vowel",
                  !yes                              ? "none so far, no"
                  : heed_letter_is_consonant(&x, i) ? "yes"
                                                    : "there was one before, yes");
        json_array_append_new(list, json_string(yes ? "yes" : "no"));
    }
    heed_put_json(s, "labels", list);
}

/* --- a12.p1a1, a12.p1a2 --- */

static void column(heed_solving *s)
{
    const char text[] = {heed_take_letter(s), '\0'};
    const heed_letters x = heed_letters_of(s, text, 2);
    const int64_t shift = s->slip == HEED_SLIP_OFF_BY_ONE ? 1 : 0;

    if (s->status != HEED_OK)
        return;
    heed_step(s, "counted from a = 0, %s is letter %.0f", text, x.ids.data[0]);
    heed_step(s, "it is a %s: column (%.0f, %.0f)", x.r.data[HEED_LETTER_VOWEL] == 1.0 ? "vowel" : "consonant",
              x.r.data[HEED_LETTER_VOWEL], x.r.data[HEED_LETTER_CONSONANT]);
    heed_put_number(s, "token_id", x.ids.data[0] + (double)shift);
    heed_put_list(s, "column", x.r);
}

static bool says_kind(int64_t i, int64_t feature)
{
    return heed_letter_is_vowel(heed_alphabet[i]) == (feature == 0);
}

static bool says_half(int64_t i, int64_t feature)
{
    return (i < HEED_N_LETTERS / 2) == (feature == 0);
}

static bool says_parity(int64_t i, int64_t feature)
{
    return (i % 2 == 0) == (feature == 0);
}

static void letter_features(heed_solving *s)
{
    static const heed_letter_reading readings[] = {
        {"half", says_half}, {"parity", says_parity}, {"kind", says_kind}};
    const heed_letters x = heed_letters_of(s, heed_alphabet, 2);

    for (int64_t feature = 0; feature < x.token.columns; feature++)
        heed_step_letter_feature(s, x.token, feature, true);
    heed_put_text(s, "choice", heed_letter_reading_of(x.token, readings, 3));
}

/* --- a12.p1b --- */

static heed_grid both_kinds(heed_solving *s)
{
    heed_grid r = heed_grid_make(s, 2, 2);

    if (r.data != NULL)
        r.data[0] = r.data[3] = 1.0; /* a vowel, a consonant */
    return r;
}

static void look_at_consonants(heed_solving *s)
{
    const heed_letter_maps maps = heed_take_letter_maps(s, 2);
    const heed_grid scores = heed_letter_scores(s, both_kinds(s), &maps);
    double margin;

    if (s->status != HEED_OK)
        return;
    margin = fmin(scores.data[1] - scores.data[0], scores.data[3] - scores.data[2]);
    heed_step_grid(s, scores,
                   "scores (W_q r_i).(W_k r_j): rows are a vowel and a consonant that ask, columns "
                   "a vowel and a consonant that are asked");
    heed_step(s, "a consonant beats a vowel by %.4g for a vowel that asks, by %.4g for a consonant",
              scores.data[1] - scores.data[0], scores.data[3] - scores.data[2]);
    heed_letters_step_margin(s, margin);
    heed_put_number(s, "vowel_vowel", scores.data[0]);
    heed_put_number(s, "consonant_query_vowel_key", scores.data[2]);
    heed_put_number(s, "vowel_query_consonant_key", scores.data[1]);
    heed_put_number(s, "consonant_consonant", scores.data[3]);
    heed_put_number(s, "smallest_margin", margin);
    heed_put_bool(s, "accepted", margin >= HEED_LETTER_MARGIN - HEED_LETTER_ROUNDING);
}

static void vary_look_at_consonants(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 1, 4);
    double margin[2] = {0.0, 0.0}; /* for a vowel that asks, for a consonant */

    heed_vary_whole(v, "Wq", n, 2, -2, 2);
    heed_vary_whole(v, "Wk", n, 2, -5, 5);
    for (int64_t i = 0; i < n; i++) {
        const json_t *q = json_array_get(json_object_get(v->params, "Wq"), (size_t)i),
                     *k = json_array_get(json_object_get(v->params, "Wk"), (size_t)i);
        const double prefers = json_number_value(json_array_get(k, 1)) -
                               json_number_value(json_array_get(k, 0));
        for (size_t kind = 0; kind < 2; kind++)
            margin[kind] += json_number_value(json_array_get(q, kind)) * prefers;
    }
    v->again = fmin(margin[0], margin[1]) < HEED_LETTER_MARGIN; /* a variant is another pair that works */
}

/* --- a12.p1c, a12.p1d --- */

static void weights_of_consonants(heed_solving *s)
{
    heed_letters_solve_weights(s, 2);
}

static void vary_consonants(heed_varying *v)
{
    heed_vary_letters(v, "s", 4, 8);
    heed_vary_letter_maps(v, 2);
}

static void output_of_consonants(heed_solving *s)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 2);
    const heed_letter_maps maps = heed_take_letter_maps(s, 2);
    const heed_attended a = heed_letters_work(s, &x, &maps, HEED_ATTEND_OUTPUT);
    const heed_grid ideal = ideal_of_consonants(s, &x);
    const double deviation = heed_largest_deviation(a.output, ideal);

    heed_letters_step_closeness(s, ideal, deviation, CLOSE);
    heed_put_grid(s, "V", a.v);
    heed_put_grid(s, "output", a.output);
    heed_put_grid(s, "ideal", ideal);
    heed_put_number(s, "largest_deviation", deviation);
}

/* --- a12.p1e --- */

/* The largest difference between the scores of two keys for one query. */
static double score_spread(heed_grid scores)
{
    double most = 0.0;

    for (int64_t i = 0; i < scores.rows; i++) {
        for (int64_t j = 1; j < scores.columns; j++)
            most = fmax(most, fabs(scores.data[i * scores.columns + j] - scores.data[i * scores.columns]));
    }
    return most;
}

static void share(heed_solving *s)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 2);
    const heed_letter_maps maps = heed_take_letter_maps(s, 2);
    const heed_attended a = heed_letters_work(s, &x, &maps, HEED_ATTEND_OUTPUT);
    const double spread = score_spread(heed_letter_scores(s, both_kinds(s), &maps));

    heed_letters_put_weights(s, &a);
    heed_put_grid(s, "V", a.v);
    heed_put_grid(s, "output", a.output);
    heed_put_bool(s, "accepted", spread <= HEED_LETTER_ROUNDING);
    if (spread <= HEED_LETTER_ROUNDING)
        heed_step(s, "all keys score alike, so row i weighs i letters with 1/i each: column 2 of the output is "
                     "the share of consonants so far");
    else
        heed_step(s, "a vowel and a consonant score differently, by up to %.4g: the weights are not 1/i",
                  spread);
}

static void vary_share(heed_varying *v)
{
    const int64_t a = heed_draw_int(v, 0, 3);

    heed_vary_letters(v, "s", 4, 8);
    heed_vary_set_json(v, "Wk", json_pack("[[I, I]]", (json_int_t)a, (json_int_t)a));
}

#define WHOLE_MATRIX(name)                       \
    {                                            \
        name, HEED_ANSWER_MATRIX, HEED_EXACT, 0, \
    }
#define WEIGHTS_FIELDS                                                                    \
    WHOLE_MATRIX("Q"), WHOLE_MATRIX("K"), WHOLE_MATRIX("scores"), WHOLE_MATRIX("masked"), \
    {                                                                                     \
        "weights", HEED_ANSWER_MATRIX, HEED_T3, 0                                         \
    }
#define SHOWN(name, kind)                          \
    {                                              \
        name, kind, HEED_MIXED, HEED_ASKED_HIDDEN, \
    }
#define CHOICE                                     \
    {                                              \
        "choice", HEED_ANSWER_TEXT, HEED_EXACT, 0, \
    }
#define CONSONANTS "\"Wq\": [[1, 1]], \"Wk\": [[0, 5]]"

const heed_exercise heed_exercises_letter_consonants[] = {
    {.id = "a12.p1x",
     .seed = "003 problem 1 examples",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"s\": \"aeri\"}",
     .vary = heed_vary_letter_text,
     .solve = labels,
     .fields = {{"labels", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
    {.id = "a12.p1a1",
     .seed = "003 problem 1 A",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"letter\": \"r\"}",
     .vary = heed_vary_letter,
     .solve = column,
     .slips = HEED_SLIP(HEED_SLIP_OFF_BY_ONE),
     .fields = {{"token_id", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"column", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
    {.id = "a12.p1a2",
     .seed = "003 problem 1 A",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{}",
     .solve = letter_features,
     .fields = {CHOICE}},
    {.id = "a12.p1b",
     .seed = "003 problem 1 B",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" CONSONANTS "}",
     .vary = vary_look_at_consonants,
     .solve = look_at_consonants,
     .fields = {SHOWN("vowel_vowel", HEED_ANSWER_NUMBER),
                SHOWN("consonant_query_vowel_key", HEED_ANSWER_NUMBER),
                SHOWN("vowel_query_consonant_key", HEED_ANSWER_NUMBER),
                SHOWN("consonant_consonant", HEED_ANSWER_NUMBER), SHOWN("smallest_margin", HEED_ANSWER_NUMBER),
                SHOWN("accepted", HEED_ANSWER_TRUTH)},
     .given = "Wq,Wk",
     .property = "accepted"},
    {.id = "a12.p1c",
     .seed = "003 problem 1 C",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"abcce\", " CONSONANTS "}",
     .vary = vary_consonants,
     .solve = weights_of_consonants,
     .slips = HEED_SLIPS_LETTERS,
     .fields = {WEIGHTS_FIELDS}},
    {.id = "a12.p1d",
     .seed = "003 problem 1 D",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"abcce\", " CONSONANTS "}",
     .vary = vary_consonants,
     .solve = output_of_consonants,
     .slips = HEED_SLIPS_LETTERS,
     .fields = {WHOLE_MATRIX("V"),
                {"output", HEED_ANSWER_MATRIX, HEED_T3, 0},
                WHOLE_MATRIX("ideal"),
                {"largest_deviation", HEED_ANSWER_NUMBER, HEED_MIXED, 0}}},
    {.id = "a12.p1e",
     .seed = "003 problem 1 E",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"abcce\", \"Wq\": [[1, 1]], \"Wk\": [[1, 1]]}",
     .vary = vary_share,
     .solve = share,
     .slips = HEED_SLIPS_LETTERS,
     .fields = {SHOWN("Q", HEED_ANSWER_MATRIX),
                SHOWN("K", HEED_ANSWER_MATRIX),
                SHOWN("scores", HEED_ANSWER_MATRIX),
                SHOWN("masked", HEED_ANSWER_MATRIX),
                {"weights", HEED_ANSWER_MATRIX, HEED_T3, 0},
                SHOWN("V", HEED_ANSWER_MATRIX),
                {"output", HEED_ANSWER_MATRIX, HEED_T3, 0},
                {"accepted", HEED_ANSWER_TRUTH, HEED_EXACT, HEED_ASKED_HIDDEN | HEED_ASKED_FREE}},
     .given = "Wq,Wk",
     .property = "accepted"},
    {.id = NULL},
};
