/* SPDX-License-Identifier: MIT */
/* F. Problem 2: a head that tells, at every letter, whether the first one is a consonant. */
#include <math.h>
#include <string.h>

#include "workbook/groups.h"
#include "workbook/letter_tables.h"
#include "workbook/letters.h"

#define CLOSE 0.1 /* of an output to its ideal */

/* --- what is wanted: a12.p2x --- */

/* (1, 0) in every row where the first letter is a consonant, else zeros. */
static heed_grid ideal_of_first(heed_solving *s, const heed_letters *x)
{
    heed_grid out = heed_grid_make(s, x->r.rows, 2);

    for (int64_t i = 0; i < out.rows; i++)
        out.data[2 * i] = heed_letter_is_consonant(x, 0) ? 1.0 : 0.0;
    return out;
}

static void targets(heed_solving *s)
{
    const char *text = heed_take_text(s, "s");
    const heed_letters x = heed_letters_of(s, text, 3);
    const heed_grid ideal = ideal_of_first(s, &x);

    if (s->status == HEED_OK)
        heed_step(s, "the first letter, %c, is a %s", text[0],
                  heed_letter_is_consonant(&x, 0) ? "consonant" : "vowel");
    heed_step_grid(s, ideal, "so every row is");
    heed_put_grid(s, "targets", ideal);
}

/* --- a12.p2a1, a12.p2a2 --- */

/* The letter, so often that the last one stands at that place. */
static heed_letters letter_at(heed_solving *s, char letter, int64_t position)
{
    char text[HEED_MOST_LETTERS + 2]; /* one more place is too many, which heed_letters_of() says */

    memset(text, letter, (size_t)position);
    text[position] = '\0';
    return heed_letters_of(s, text, 3);
}

static void placed(heed_solving *s)
{
    const char letter = heed_take_letter(s);
    const int64_t position = heed_take_int(s, "position", 1, HEED_MOST_LETTERS);
    const heed_letters x = letter_at(s, letter, s->slip == HEED_SLIP_OFF_BY_ONE ? position + 1 : position);
    const int64_t last = x.r.rows - 1;

    if (s->status != HEED_OK)
        return;
    heed_step_grid(s, heed_grid_row(x.token, last), "column of W_E for %c, written as a row", letter);
    heed_step_grid(s, heed_grid_row(x.position, last), "column of W_P for place %lld, counted from 1",
                   (long long)position);
    heed_step_grid(s, heed_grid_row(x.r, last), "their sum, number by number");
    heed_put_list(s, "token", heed_grid_row(x.token, last));
    heed_put_list(s, "position", heed_grid_row(x.position, last));
    heed_put_list(s, "sum", heed_grid_row(x.r, last));
}

static void vary_placed(heed_varying *v)
{
    heed_vary_letter(v);
    heed_vary_int(v, "position", 1, 8);
}

static bool says_first(int64_t i, int64_t feature)
{
    return feature == HEED_LETTER_FIRST && i == 0;
}

static bool says_vowel_here(int64_t i, int64_t feature)
{
    return feature == HEED_LETTER_VOWEL && i % 2 == 0;
}

static bool says_every(int64_t i, int64_t feature)
{
    (void)i;
    return feature == HEED_LETTER_FIRST;
}

static void place_features(heed_solving *s)
{
    static const heed_letter_reading readings[] = {
        {"vowel", says_vowel_here}, {"every", says_every}, {"first", says_first}};
    const heed_letters x = heed_letters_of(s, "aaaaaaaa", 3);

    for (int64_t feature = 0; feature < x.position.columns; feature++)
        heed_step_letter_feature(s, x.position, feature, false);
    heed_put_text(s, "choice", heed_letter_reading_of(x.position, readings, 3));
}

/* --- a12.p2b --- */

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
    heed_letters_step_margin(s, margin);
    heed_put_number(s, "smallest_margin", margin);
    heed_put_bool(s, "accepted", margin >= HEED_LETTER_MARGIN - HEED_LETTER_ROUNDING);
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

/* --- a12.p2c --- */

static void weights_of_first(heed_solving *s)
{
    heed_letters_solve_weights(s, 3);
}

static void vary_first(heed_varying *v)
{
    heed_vary_letters(v, "s", 4, 8);
    heed_vary_letter_maps(v, 3);
}

/* --- a12.p2d1 --- */

#define MOST_STRINGS 64

static heed_grid take_value_map(heed_solving *s)
{
    const heed_grid w = heed_take_letter_map(s, "Wv", 3);

    if (s->status == HEED_OK && w.rows != 2)
        heed_solve_fail(s, HEED_ERR_USAGE, "Wv: expected 2 rows, for outputs of 2 numbers, got %lld",
                        (long long)w.rows);
    return w;
}

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
    return deviation_on(s, strings, other, &worst) <= CLOSE + HEED_LETTER_ROUNDING;
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
    accepted = deviation <= CLOSE + HEED_LETTER_ROUNDING;
    heed_step_grid(s, w_v, "W_V; W_q = [1 1 0] and W_k = [0 0 5] make every letter look at the first one");
    heed_step(s, "wanted: (1, 0) in each row where the first letter is a consonant, else (0, 0)");
    heed_step(s, "over %zu words the output is furthest from that in \"%s\"", json_array_size(strings), worst);
    if (accepted)
        heed_step(s, "the largest distance is %.4g, at most %g", deviation, CLOSE);
    else if (is_printed(s, strings, w_v))
        heed_step(s,
                  "the largest distance is %.4g: this gives (0, 1) where (1, 0) is wanted, its rows are "
                  "exchanged",
                  deviation);
    else
        heed_step(s, "the largest distance is %.4g, %g is allowed", deviation, CLOSE);
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

/* --- a12.p2d --- */

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
    heed_letters_step_closeness(s, ideal, deviation, CLOSE);
    heed_put_grid(s, "V", a.v);
    heed_put_grid(s, "output", a.output);
    heed_put_grid(s, "ideal", ideal);
    heed_put_number(s, "largest_deviation", deviation);
    heed_put_bool(s, "accepted", deviation <= CLOSE + HEED_LETTER_ROUNDING);
}

/* --- a12.p2d2 --- */

static bool same_grid(heed_grid a, heed_grid b, bool exchanged)
{
    bool same = a.rows == b.rows && a.columns == b.columns;

    for (int64_t i = 0; same && i < a.rows * a.columns; i++) {
        const int64_t j = i % a.columns;
        same = a.data[i] == b.data[i - j + (exchanged ? a.columns - 1 - j : j)];
    }
    return same;
}

static void printed_values(heed_solving *s)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), 3);
    const heed_grid printed = heed_take_grid(s, "printed");
    const heed_letter_maps maps = {.q = heed_take_letter_map(s, "Wv", 3),
                                   .k = heed_take_letter_map(s, "Wv", 3),
                                   .v = heed_take_letter_map(s, "Wv", 3)};
    const heed_grid v = heed_letters_attend(s, &x, &maps).v; /* W_q and W_k do not matter to it */

    heed_step_grid(s, v, "V: W_V r of each letter, a row for each");
    heed_step_grid(s, printed, "as it is printed");
    heed_put_text(s, "choice",
                  same_grid(v, printed, false)  ? "fits"
                  : same_grid(v, printed, true) ? "columns"
                                                : "other");
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
#define FIRST "\"Wq\": [[1, 1, 0]], \"Wk\": [[0, 0, 5]]"

#define OUTPUT_OF_FIRST                                                                       \
    {                                                                                         \
        WHOLE_MATRIX("V"), {"output", HEED_ANSWER_MATRIX, HEED_T3, 0}, WHOLE_MATRIX("ideal"), \
            {"largest_deviation", HEED_ANSWER_NUMBER, HEED_MIXED, 0},                         \
        {                                                                                     \
            "accepted", HEED_ANSWER_TRUTH, HEED_EXACT, 0                                      \
        }                                                                                     \
    }

const heed_exercise heed_exercises_letter_first[] = {
    {.id = "a12.p2x",
     .seed = "003 problem 2 examples",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"s\": \"eacia\"}",
     .vary = heed_vary_letter_text,
     .solve = targets,
     .fields = {WHOLE_MATRIX("targets")}},
    {.id = "a12.p2a1",
     .seed = "003 problem 2 A",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"letter\": \"c\", \"position\": 1}",
     .vary = vary_placed,
     .solve = placed,
     .slips = HEED_SLIP(HEED_SLIP_OFF_BY_ONE),
     .fields = {{"token", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"position", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"sum", HEED_ANSWER_LIST, HEED_EXACT, 0}}},
    {.id = "a12.p2a2",
     .seed = "003 problem 2 A",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{}",
     .solve = place_features,
     .fields = {CHOICE}},
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
    {.id = "a12.p2d2",
     .seed = "003 problem 2 D",
     .kind = HEED_EXERCISE_CHOICE,
     .params =
         "{\"s\": \"cbcce\", \"Wv\": [[0, 1, 0], [0, 0, 0]], \"printed\": [[0, 1], [0, 1], [0, 1], [0, 1], "
         "[0, 0]]}",
     .solve = printed_values,
     .fields = {CHOICE}},
    {.id = NULL},
};
