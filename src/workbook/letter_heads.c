/* SPDX-License-Identifier: MIT */
/* F. Heads set by hand: has there been a consonant, how many, and was the first letter one? */
#include <heed/mask.h>
#include <math.h>
#include <string.h>

#include "workbook/groups.h"
#include "workbook/letters.h"

#define CLOSE       0.05 /* of an output to its ideal: as close as short texts get it with a factor of 5 */
#define FIRST_CLOSE 0.1
#define MARGIN      3.0  /* between scores: weights in a ratio of 20 */
#define ROUNDING    1e-6 /* of the engine's floats */

/* --- what is wanted --- */

static bool is_consonant(const heed_letters *x, int64_t i)
{
    return x->r.data[i * x->r.columns + HEED_LETTER_CONSONANT] == 1.0;
}

/* Is there a consonant among the letters that letter i sees, its own included? */
static bool hears_consonant(const heed_letters *x, int64_t i)
{
    const heed_mask mask = {.causal = true};

    for (int64_t j = 0; j < x->r.rows; j++) {
        if (heed_mask_sees(&mask, i, j) && is_consonant(x, j))
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

/* (1, 0) in every row where the first letter is a consonant, else zeros. */
static heed_grid ideal_of_first(heed_solving *s, const heed_letters *x)
{
    heed_grid out = heed_grid_make(s, x->r.rows, 2);

    for (int64_t i = 0; i < out.rows; i++)
        out.data[2 * i] = is_consonant(x, 0) ? 1.0 : 0.0;
    return out;
}

/* --- a12.p1x, a12.p2x --- */

static void labels(heed_solving *s)
{
    const char *text = heed_take_text(s, "s");
    const heed_letters x = heed_letters_of(s, text, 2);
    json_t *list = json_array();

    for (int64_t i = 0; s->status == HEED_OK && i < x.r.rows; i++) {
        const bool yes = hears_consonant(&x, i);
        heed_step(s, "%c is a %s: %s", text[i], is_consonant(&x, i) ? "consonant" : "vowel",
                  !yes                  ? "none so far, no"
                  : is_consonant(&x, i) ? "yes"
                                        : "there was one before, yes");
        json_array_append_new(list, json_string(yes ? "yes" : "no"));
    }
    heed_put_json(s, "labels", list);
}

static void vary_text(heed_varying *v)
{
    heed_vary_letters(v, "s", 4, 8);
}

static void targets(heed_solving *s)
{
    const char *text = heed_take_text(s, "s");
    const heed_letters x = heed_letters_of(s, text, 3);
    const heed_grid ideal = ideal_of_first(s, &x);

    if (s->status == HEED_OK)
        heed_step(s, "the first letter, %c, is a %s", text[0], is_consonant(&x, 0) ? "consonant" : "vowel");
    heed_step_grid(s, ideal, "so every row is");
    heed_put_grid(s, "targets", ideal);
}

/* --- a12.p1c, a12.p2c --- */

static void put_weights(heed_solving *s, const heed_attended *a)
{
    heed_put_grid(s, "Q", a->q);
    heed_put_grid(s, "K", a->k);
    heed_put_grid(s, "scores", a->scores);
    heed_put_grid(s, "masked", a->masked);
    heed_put_grid(s, "weights", a->weights);
}

static void weights(heed_solving *s, int64_t features)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), features);
    const heed_letter_maps maps = heed_take_letter_maps(s, features);
    const heed_attended a = heed_letters_work(s, &x, &maps, HEED_ATTEND_WEIGHTS);

    put_weights(s, &a);
}

static void weights_of_consonants(heed_solving *s)
{
    weights(s, 2);
}

static void weights_of_first(heed_solving *s)
{
    weights(s, 3);
}

static void vary_consonants(heed_varying *v)
{
    heed_vary_letters(v, "s", 4, 8);
    heed_vary_letter_maps(v, 2);
}

static void vary_first(heed_varying *v)
{
    heed_vary_letters(v, "s", 4, 8);
    heed_vary_letter_maps(v, 3);
}

/* --- a12.p1d --- */

static void step_closeness(heed_solving *s, heed_grid ideal, double deviation, double allowed)
{
    heed_step_grid(s, ideal, "what is wanted");
    heed_step(s, "the largest distance from it is %.4g: %s, %g being allowed", deviation,
              deviation <= allowed + ROUNDING ? "close" : "not close", allowed);
}

static void output_of_consonants(heed_solving *s)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 2);
    const heed_letter_maps maps = heed_take_letter_maps(s, 2);
    const heed_attended a = heed_letters_work(s, &x, &maps, HEED_ATTEND_OUTPUT);
    const heed_grid ideal = ideal_of_consonants(s, &x);
    const double deviation = heed_largest_deviation(a.output, ideal);

    step_closeness(s, ideal, deviation, CLOSE);
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

static heed_grid both_kinds(heed_solving *s)
{
    heed_grid r = heed_grid_make(s, 2, 2);

    if (r.data != NULL)
        r.data[0] = r.data[3] = 1.0; /* a vowel, a consonant */
    return r;
}

static void share(heed_solving *s)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 2);
    const heed_letter_maps maps = heed_take_letter_maps(s, 2);
    const heed_attended a = heed_letters_work(s, &x, &maps, HEED_ATTEND_OUTPUT);
    const double spread = score_spread(heed_letter_scores(s, both_kinds(s), &maps));

    put_weights(s, &a);
    heed_put_grid(s, "V", a.v);
    heed_put_grid(s, "output", a.output);
    heed_put_bool(s, "accepted", spread <= ROUNDING);
    if (spread <= ROUNDING)
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

/* --- a12.p1b, a12.p2b --- */

static void step_verdict(heed_solving *s, double margin)
{
    if (margin >= MARGIN - ROUNDING)
        heed_step(s, "the smallest margin is %.4g, %g or more: the weights are in a ratio of e^%.4g = %.4g",
                  margin, MARGIN, margin, exp(margin));
    else if (margin > 0.0)
        heed_step(s, "right direction, too weak: the smallest margin is %.4g where %g is needed", margin,
                  MARGIN);
    else
        heed_step(s, "the smallest margin is %.4g: some query scores the wrong key as high or higher", margin);
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
    step_verdict(s, margin);
    heed_put_number(s, "vowel_vowel", scores.data[0]);
    heed_put_number(s, "consonant_query_vowel_key", scores.data[2]);
    heed_put_number(s, "vowel_query_consonant_key", scores.data[1]);
    heed_put_number(s, "consonant_consonant", scores.data[3]);
    heed_put_number(s, "smallest_margin", margin);
    heed_put_bool(s, "accepted", margin >= MARGIN - ROUNDING);
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
    v->again = fmin(margin[0], margin[1]) < MARGIN; /* a variant is another pair that works */
}

/* Vowel and consonant, elsewhere and in the first place. */
static heed_grid four_kinds(heed_solving *s)
{
    heed_grid r = heed_grid_make(s, 4, 3);

    for (int64_t kind = 0; kind < r.rows; kind++) {
        r.data[kind * 3 + kind % 2] = 1.0;
        r.data[kind * 3 + HEED_LETTER_FIRST] = kind >= 2 ? 1.0 : 0.0;
    }
    return r;
}

static void look_at_first(heed_solving *s)
{
    const heed_letter_maps maps = heed_take_letter_maps(s, 3);
    const heed_grid scores = heed_letter_scores(s, four_kinds(s), &maps);
    double margin = INFINITY;

    if (s->status != HEED_OK)
        return;
    for (int64_t i = 0; i < scores.rows; i++) {
        const double *row = scores.data + i * scores.columns;
        margin = fmin(margin, fmin(row[2], row[3]) - fmax(row[0], row[1]));
    }
    heed_step_grid(s, scores,
                   "scores (W_q r_i).(W_k r_j): rows ask, columns are asked; each a vowel, a consonant, "
                   "a vowel in the first place, a consonant in the first place");
    heed_step(s, "in each row: the lower one of columns 3 and 4, less the higher one of columns 1 and 2");
    step_verdict(s, margin);
    heed_put_number(s, "smallest_margin", margin);
    heed_put_bool(s, "accepted", margin >= MARGIN - ROUNDING);
}

static void vary_look_at_first(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 1, 3);
    json_t *q = json_array(), *k = json_array();

    for (int64_t i = 0; i < n; i++) { /* each row alone has a margin of 3 or more */
        const json_int_t a = heed_draw_int(v, 1, 2), first = heed_draw_int(v, 0, 1),
                         strength = heed_draw_int(v, 3, 6);
        json_array_append_new(q, json_pack("[I, I, I]", a, a, first));
        json_array_append_new(k, json_pack("[i, i, I]", 0, 0, strength));
    }
    heed_vary_set_json(v, "Wq", q);
    heed_vary_set_json(v, "Wk", k);
}

/* --- a12.p2d --- */

static heed_grid take_value_map(heed_solving *s)
{
    const heed_grid w = heed_take_letter_map(s, "Wv", 3);

    if (s->status == HEED_OK && w.rows != 2)
        heed_solve_fail(s, HEED_ERR_USAGE, "Wv: expected 2 rows, for outputs of 2 numbers, got %lld",
                        (long long)w.rows);
    return w;
}

/* Columns exchanged, as the source prints them. */
static heed_grid exchanged(heed_solving *s, heed_grid x)
{
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t i = 0; i < out.rows * out.columns; i++)
        out.data[i] = x.data[i / x.columns * x.columns + x.columns - 1 - i % x.columns];
    return out;
}

static void output_of_first(heed_solving *s)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 3);
    heed_letter_maps maps = heed_take_letter_maps(s, 3);
    heed_attended a;
    heed_grid ideal;
    double deviation;

    maps.v = take_value_map(s);
    a = heed_letters_work(s, &x, &maps, HEED_ATTEND_OUTPUT);
    if (s->slip == HEED_SLIP_PRINTED) {
        a.v = exchanged(s, a.v);
        a.output = exchanged(s, a.output);
    }
    ideal = ideal_of_first(s, &x);
    deviation = heed_largest_deviation(a.output, ideal);
    step_closeness(s, ideal, deviation, FIRST_CLOSE);
    heed_put_grid(s, "V", a.v);
    heed_put_grid(s, "output", a.output);
    heed_put_grid(s, "ideal", ideal);
    heed_put_number(s, "largest_deviation", deviation);
    heed_put_bool(s, "accepted", deviation <= FIRST_CLOSE + ROUNDING);
}

/* --- a12.p2d1 --- */

#define MOST_STRINGS 64

/* Over all strings, with W_q = [1 1 0], W_k = [0 0 5]. */
static double deviation_on(heed_solving *s, const json_t *strings, heed_grid w_v, const char **worst)
{
    double ones[3] = {1.0, 1.0, 0.0}, first[3] = {0.0, 0.0, 5.0}, most = 0.0;
    const heed_letter_maps maps = {.q = {1, 3, ones}, .k = {1, 3, first}, .v = w_v};

    for (size_t i = 0; s->status == HEED_OK && i < json_array_size(strings); i++) {
        const char *text = json_string_value(json_array_get(strings, i));
        const heed_letters x = heed_letters_of(s, text != NULL ? text : "", 3);
        const heed_attended a = heed_letters_attend(s, &x, &maps);
        const double deviation = heed_largest_deviation(a.output, ideal_of_first(s, &x));

        if (i == 0 || deviation > most) {
            most = deviation;
            *worst = text;
        }
    }
    return most;
}

/* Would it do with its rows exchanged? */
static bool is_printed(heed_solving *s, const json_t *strings, heed_grid w_v)
{
    heed_grid other = heed_grid_make(s, 2, 3);
    const char *worst = "";

    for (int64_t i = 0; i < other.rows * other.columns; i++)
        other.data[i] = w_v.data[(i + 3) % 6];
    return deviation_on(s, strings, other, &worst) <= FIRST_CLOSE + ROUNDING;
}

static void value_map(heed_solving *s)
{
    const heed_grid w_v = take_value_map(s);
    const json_t *strings = heed_take_json(s, "strings");
    const char *worst = "";
    double deviation;
    bool accepted;

    if (s->status == HEED_OK && (json_array_size(strings) < 1 || json_array_size(strings) > MOST_STRINGS))
        heed_solve_fail(s, HEED_ERR_USAGE, "strings: expected a list of 1 to %d words", MOST_STRINGS);
    deviation = deviation_on(s, strings, w_v, &worst);
    if (s->status != HEED_OK)
        return;
    accepted = deviation <= FIRST_CLOSE + ROUNDING;
    heed_step_grid(s, w_v, "W_V; W_q = [1 1 0] and W_k = [0 0 5] make every letter look at the first one");
    heed_step(s, "wanted: (1, 0) in each row where the first letter is a consonant, else (0, 0)");
    heed_step(s, "over %zu words the output is furthest from that in \"%s\"", json_array_size(strings), worst);
    if (accepted)
        heed_step(s, "the largest distance is %.4g, at most %g", deviation, FIRST_CLOSE);
    else if (is_printed(s, strings, w_v))
        heed_step(s,
                  "the largest distance is %.4g: this gives (0, 1) where (1, 0) is wanted, its rows are "
                  "exchanged",
                  deviation);
    else
        heed_step(s, "the largest distance is %.4g, %g is allowed", deviation, FIRST_CLOSE);
    heed_put_number(s, "largest_deviation", deviation);
    heed_put_bool(s, "accepted", accepted);
}

static void vary_value_map(heed_varying *v)
{
    json_t *strings = json_array();

    for (int i = 0; i < 8; i++) {
        heed_vary_letters(v, "strings", 2, 8);
        json_array_append(strings, json_object_get(v->params, "strings"));
    }
    v->again = false; /* words of one kind are welcome here */
    heed_vary_set_json(v, "strings", strings);
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
#define CONSONANTS "\"Wq\": [[1, 1]], \"Wk\": [[0, 5]]"
#define FIRST      "\"Wq\": [[1, 1, 0]], \"Wk\": [[0, 0, 5]]"

#define OUTPUT_OF_FIRST                                                                       \
    {                                                                                         \
        WHOLE_MATRIX("V"), {"output", HEED_ANSWER_MATRIX, HEED_T3, 0}, WHOLE_MATRIX("ideal"), \
            {"largest_deviation", HEED_ANSWER_NUMBER, HEED_MIXED, 0},                         \
        {                                                                                     \
            "accepted", HEED_ANSWER_TRUTH, HEED_EXACT, 0                                      \
        }                                                                                     \
    }

const heed_exercise heed_exercises_letter_heads[] = {
    {.id = "a12.p1x",
     .seed = "003 problem 1 examples",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"s\": \"aeri\"}",
     .vary = vary_text,
     .solve = labels,
     .fields = {{"labels", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
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
    {.id = "a12.p2x",
     .seed = "003 problem 2 examples",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"eacia\"}",
     .vary = vary_text,
     .solve = targets,
     .fields = {WHOLE_MATRIX("targets")}},
    {.id = "a12.p2b",
     .seed = "003 problem 2 B",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{" FIRST "}",
     .vary = vary_look_at_first,
     .solve = look_at_first,
     .fields = {SHOWN("smallest_margin", HEED_ANSWER_NUMBER), SHOWN("accepted", HEED_ANSWER_TRUTH)},
     .given = "Wq,Wk",
     .property = "accepted"},
    {.id = "a12.p2c",
     .seed = "003 problem 2 C",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"cbcce\", " FIRST "}",
     .vary = vary_first,
     .solve = weights_of_first,
     .slips = HEED_SLIPS_LETTERS,
     .fields = {WEIGHTS_FIELDS}},
    {.id = "a12.p2d1",
     .seed = "003 problem 2 D",
     .kind = HEED_EXERCISE_MATRIX,
     .params =
         "{\"Wv\": [[0, 1, 0], [0, 0, 0]], \"strings\": [\"cbcce\", \"abcce\", \"eacia\", \"ccrs\", \"aeri\", "
         "\"beeeeeee\", \"abbbbbbb\", \"z\", \"e\"]}",
     .vary = vary_value_map,
     .solve = value_map,
     .fields = {SHOWN("largest_deviation", HEED_ANSWER_NUMBER), SHOWN("accepted", HEED_ANSWER_TRUTH)},
     .given = "Wv",
     .property = "accepted"},
    {.id = "a12.p2d",
     .seed = "003 problem 2 D",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"cbcce\", " FIRST ", \"Wv\": [[0, 1, 0], [0, 0, 0]]}",
     .vary = vary_first,
     .solve = output_of_first,
     .slips = HEED_SLIPS_LETTERS | HEED_SLIP(HEED_SLIP_PRINTED),
     .fields = OUTPUT_OF_FIRST},
    {.id = "a12.p2d-printed",
     .seed = "003 problem 2 D, as printed",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"cbcce\", " FIRST ", \"Wv\": [[0, 0, 0], [0, 1, 0]]}",
     .solve = output_of_first,
     .slips = HEED_SLIPS_LETTERS | HEED_SLIP(HEED_SLIP_PRINTED),
     .fields = OUTPUT_OF_FIRST},
    {.id = NULL},
};
