/* SPDX-License-Identifier: MIT */
/* F. The tables of the letters: what a column holds, and what its features mean. */
#include <string.h>

#include "workbook/groups.h"
#include "workbook/letters.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz";

/* --- a12.p1a1, a12.p2a1 --- */

static char take_letter(heed_solving *s)
{
    const char *text = heed_take_text(s, "letter");

    if (s->status == HEED_OK && strlen(text) != 1)
        heed_solve_fail(s, HEED_ERR_USAGE, "letter: expected one letter from a to z");
    return text[0];
}

static void column(heed_solving *s)
{
    const char text[] = {take_letter(s), '\0'};
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

static void vary_letter(heed_varying *v)
{
    const char text[] = {(char)('a' + heed_draw_int(v, 0, HEED_N_LETTERS - 1)), '\0'};

    heed_vary_set_text(v, "letter", text);
}

/* The letter, so often that the last one stands at that place. */
static heed_letters letter_at(heed_solving *s, char letter, int64_t position)
{
    char text[HEED_ATTEND_MOST + 1];

    memset(text, letter, (size_t)position);
    text[position] = '\0';
    return heed_letters_of(s, text, 3);
}

static void placed(heed_solving *s)
{
    const char letter = take_letter(s);
    const int64_t position = heed_take_int(s, "position", 1, HEED_ATTEND_MOST);
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
    vary_letter(v);
    heed_vary_int(v, "position", 1, 8);
}

/* --- a12.p1a2, a12.p2a2: the option that says of every column what it is --- */

typedef bool says_fn(int64_t i, int64_t feature);

static bool says_kind(int64_t i, int64_t feature)
{
    return heed_letter_is_vowel(alphabet[i]) == (feature == 0);
}

static bool says_half(int64_t i, int64_t feature)
{
    return (i < HEED_N_LETTERS / 2) == (feature == 0);
}

static bool says_parity(int64_t i, int64_t feature)
{
    return (i % 2 == 0) == (feature == 0);
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

typedef struct reading {
    const char *key;
    says_fn *says;
} reading;

static const char *reading_of(heed_grid table, const reading *readings, int n)
{
    for (int r = 0; r < n; r++) {
        bool holds = table.rows > 0;
        for (int64_t i = 0; i < table.rows * table.columns; i++)
            holds = holds && (table.data[i] == 1.0) == readings[r].says(i / table.columns, i % table.columns);
        if (holds)
            return readings[r].key;
    }
    return "";
}

/* The columns of table (its rows) with a 1 in that feature, as text: letters, or places from 1 on. */
static void step_feature(heed_solving *s, heed_grid table, int64_t feature, bool letters)
{
    char text[256] = "";
    size_t used = 0;

    for (int64_t i = 0; i < table.rows && used + 8 < sizeof text; i++) {
        if (table.data[i * table.columns + feature] != 1.0)
            continue;
        used += letters ? (size_t)snprintf(text + used, sizeof text - used, " %c", alphabet[i])
                        : (size_t)snprintf(text + used, sizeof text - used, " %lld", (long long)i + 1);
    }
    heed_step(s, "row %lld is 1 for:%s", (long long)feature + 1, used > 0 ? text : " nothing");
}

static void letter_features(heed_solving *s)
{
    static const reading readings[] = {{"half", says_half}, {"parity", says_parity}, {"kind", says_kind}};
    const heed_letters x = heed_letters_of(s, alphabet, 2);

    for (int64_t feature = 0; feature < x.token.columns; feature++)
        step_feature(s, x.token, feature, true);
    heed_put_text(s, "choice", reading_of(x.token, readings, 3));
}

static void place_features(heed_solving *s)
{
    static const reading readings[] = {
        {"vowel", says_vowel_here}, {"every", says_every}, {"first", says_first}};
    const heed_letters x = heed_letters_of(s, "aaaaaaaa", 3);

    for (int64_t feature = 0; feature < x.position.columns; feature++)
        step_feature(s, x.position, feature, false);
    heed_put_text(s, "choice", reading_of(x.position, readings, 3));
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

#define CHOICE                                     \
    {                                              \
        "choice", HEED_ANSWER_TEXT, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_letter_tables[] = {
    {.id = "a12.p1a1",
     .seed = "003 problem 1 A",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"letter\": \"r\"}",
     .vary = vary_letter,
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
