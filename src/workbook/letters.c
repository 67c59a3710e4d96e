/* SPDX-License-Identifier: MIT */
#include "workbook/letters.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "workbook/op_graph.h"

#define MOST_QUERY_DIM 64

/* --- letters --- */

bool heed_letter_is_vowel(char letter)
{
    return letter != '\0' && strchr("aeiou", letter) != NULL;
}

/* W_E, a row for each letter. */
static heed_grid letter_table(heed_solving *s, int64_t features)
{
    heed_grid table = heed_grid_make(s, HEED_N_LETTERS, features);

    for (int64_t id = 0; id < table.rows; id++) {
        const bool vowel = heed_letter_is_vowel((char)('a' + id));
        table.data[id * features + (vowel ? HEED_LETTER_VOWEL : HEED_LETTER_CONSONANT)] = 1.0;
    }
    return table;
}

/* W_P, a row for each place; all zero where places have no feature. */
static heed_grid place_table(heed_solving *s, int64_t places, int64_t features)
{
    heed_grid table = heed_grid_make(s, places, features);

    if (table.data != NULL && features > HEED_LETTER_FIRST)
        table.data[HEED_LETTER_FIRST] = 1.0;
    return table;
}

static heed_grid take_ids(heed_solving *s, const char *text)
{
    const size_t n = strlen(text);
    heed_grid ids = {0, 0, NULL};

    if (s->status != HEED_OK)
        return ids;
    if (n < 1 || n > HEED_MOST_LETTERS) {
        heed_solve_fail(s, HEED_ERR_USAGE, "expected 1 to %d letters, got %zu", HEED_MOST_LETTERS, n);
        return ids;
    }
    ids = heed_grid_make(s, 1, (int64_t)n);
    for (int64_t i = 0; i < ids.columns; i++) {
        const int c = tolower((unsigned char)text[i]);

        if (c < 'a' || c > 'z')
            heed_solve_fail(s, HEED_ERR_USAGE, "expected letters from a to z, letter %lld is another sign",
                            (long long)i + 1);
        ids.data[i] = c - 'a';
    }
    return ids;
}

/* Which of the three is wanted of the sum: both, or one part. */
static heed_grid look_up(heed_solving *s, heed_grid ids, int64_t features, bool token, bool position)
{
    const int64_t T = ids.columns;
    heed_graph *g = heed_op_graph(s);
    heed_node *letters, *rows, *places, *y;

    if (g == NULL)
        return (heed_grid){0, 0, NULL};
    letters = heed_op_input(s, g, "W_E", heed_shape2(HEED_N_LETTERS, features), letter_table(s, features));
    rows = heed_embedding(g, letters, heed_op_input_ids(s, g, "ids", heed_shape1(T), ids));
    places = heed_position_embedding(
        g, heed_op_input(s, g, "W_P", heed_shape2(T, features), place_table(s, T, features)), NULL, T);
    y = token && position ? heed_add(g, rows, places) : token ? rows : places;
    return heed_op_run(s, g, y);
}

heed_letters heed_letters_of(heed_solving *s, const char *text, int64_t features)
{
    heed_letters x = {.ids = take_ids(s, text)};

    x.token = look_up(s, x.ids, features, true, false);
    x.position = look_up(s, x.ids, features, false, true);
    x.r = look_up(s, x.ids, features, true, true);
    return x;
}

bool heed_letter_is_consonant(const heed_letters *x, int64_t i)
{
    return x->r.data[i * x->r.columns + HEED_LETTER_CONSONANT] == 1.0;
}

/* --- maps --- */

heed_grid heed_take_letter_map(heed_solving *s, const char *name, int64_t features)
{
    const json_t *value = heed_take_json(s, name);
    const heed_grid w = json_is_number(json_array_get(value, 0)) ? heed_take_list(s, name)
                                                                 : heed_take_grid(s, name);

    if (s->status != HEED_OK)
        return w;
    if (w.columns != features)
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "%s: expected %lld columns, one for each feature (vowel, consonant%s), got %lld%s",
                        name, (long long)features, features > 2 ? ", first place" : "", (long long)w.columns,
                        features > 2 && w.columns == 2
                            ? "; the hint of the source speaks of 2, but its letters have 3 features"
                            : "");
    else if (w.rows > MOST_QUERY_DIM)
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected at most %d rows, got %lld", name, MOST_QUERY_DIM,
                        (long long)w.rows);
    return w;
}

heed_letter_maps heed_take_letter_maps(heed_solving *s, int64_t features)
{
    const heed_letter_maps maps = {.q = heed_take_letter_map(s, "Wq", features),
                                   .k = heed_take_letter_map(s, "Wk", features)};

    if (s->status == HEED_OK && maps.q.rows != maps.k.rows)
        heed_solve_fail(
            s, HEED_ERR_USAGE,
            "Wq and Wk: expected as many rows in both, queries and keys meet in a product; got %lld "
            "and %lld",
            (long long)maps.q.rows, (long long)maps.k.rows);
    return maps;
}

/* --- the head --- */

static heed_grid identity(heed_solving *s, int64_t n)
{
    heed_grid x = heed_grid_make(s, n, n);

    for (int64_t i = 0; i < x.rows; i++)
        x.data[i * n + i] = 1.0;
    return x;
}

static heed_attend_inputs inputs(heed_solving *s, heed_grid r, const heed_letter_maps *maps, bool causal)
{
    return (heed_attend_inputs){.x = r,
                                .w_q = maps->q,
                                .w_k = maps->k,
                                .w_v = maps->v.data != NULL ? maps->v : identity(s, r.columns),
                                .columns = true,
                                .scale = s->slip == HEED_SLIP_SCALED ? 0.0 : 1.0,
                                .causal = causal};
}

heed_attended heed_letters_attend(heed_solving *s, const heed_letters *x, const heed_letter_maps *maps)
{
    const heed_attend_inputs in = inputs(s, x->r, maps, true);

    return heed_attend(s, &in);
}

heed_attended heed_letters_work(heed_solving *s, const heed_letters *x, const heed_letter_maps *maps,
                                heed_attend_step last)
{
    const heed_attend_inputs in = inputs(s, x->r, maps, true);
    const heed_attended a = heed_attend(s, &in);

    heed_step_grid(s, x->r, "r of each letter as a row: vowel, consonant%s",
                   x->r.columns > 2 ? ", first place" : "");
    heed_step_grid(s, a.q, "Q: W_q r of each letter, a row for each token");
    heed_step_grid(s, a.k, "K: W_k r of each letter");
    if (last >= HEED_ATTEND_OUTPUT)
        heed_step_grid(s, a.v, "V: W_V r of each letter%s",
                       maps->v.data == NULL ? "; W_V is the identity, so r itself" : "");
    heed_attend_explain(s, &in, &a, last);
    return a;
}

heed_grid heed_letter_scores(heed_solving *s, heed_grid r, const heed_letter_maps *maps)
{
    const heed_attend_inputs in = inputs(s, r, maps, false);

    return heed_attend(s, &in).scores;
}

double heed_largest_deviation(heed_grid a, heed_grid b)
{
    double most = 0.0;

    for (int64_t i = 0; i < a.rows * a.columns && i < b.rows * b.columns; i++)
        most = fmax(most, fabs(a.data[i] - b.data[i]));
    return most;
}

/* --- answers --- */

void heed_letters_put_weights(heed_solving *s, const heed_attended *a)
{
    heed_put_grid(s, "Q", a->q);
    heed_put_grid(s, "K", a->k);
    heed_put_grid(s, "scores", a->scores);
    heed_put_grid(s, "masked", a->masked);
    heed_put_grid(s, "weights", a->weights);
}

void heed_letters_solve_weights(heed_solving *s, int64_t features)
{
    const heed_letters x = heed_letters_of(s, heed_take_text(s, "s"), features);
    const heed_letter_maps maps = heed_take_letter_maps(s, features);
    const heed_attended a = heed_letters_work(s, &x, &maps, HEED_ATTEND_WEIGHTS);

    heed_letters_put_weights(s, &a);
}

void heed_letters_step_closeness(heed_solving *s, heed_grid ideal, double deviation, double allowed)
{
    heed_step_grid(s, ideal, "what is wanted");
    heed_step(s, "the largest distance from it is %.4g: %s, %g being allowed", deviation,
              deviation <= allowed + HEED_LETTER_ROUNDING ? "close" : "not close", allowed);
}

void heed_letters_step_margin(heed_solving *s, double margin)
{
    if (margin >= HEED_LETTER_MARGIN - HEED_LETTER_ROUNDING)
        heed_step(s, "the smallest margin is %.4g, %g or more: the weights are in a ratio of e^%.4g = %.4g",
                  margin, HEED_LETTER_MARGIN, margin, exp(margin));
    else if (margin > 0.0)
        heed_step(s, "right direction, too weak: the smallest margin is %.4g where %g is needed", margin,
                  HEED_LETTER_MARGIN);
    else
        heed_step(s, "the smallest margin is %.4g: some query scores the wrong key as high or higher", margin);
}

/* --- varying --- */

void heed_vary_letters(heed_varying *v, const char *name, int64_t least, int64_t most)
{
    const int64_t n = heed_draw_int(v, least, most);
    char text[HEED_MOST_LETTERS + 1] = "";
    int64_t n_vowels = 0;

    for (int64_t i = 0; i < n && i < HEED_MOST_LETTERS; i++) {
        const bool vowel = heed_draw_int(v, 0, 1) == 1; /* of 26 letters 5 would be vowels */
        char letter;

        do {
            letter = vowel ? "aeiou"[heed_draw_int(v, 0, 4)]
                           : (char)('a' + heed_draw_int(v, 0, HEED_N_LETTERS - 1));
        } while (heed_letter_is_vowel(letter) != vowel);
        text[i] = letter;
        n_vowels += vowel;
    }
    heed_vary_set_text(v, name, text);
    v->again = v->again || n_vowels == 0 || n_vowels == n;
}

void heed_vary_letter_maps(heed_varying *v, int64_t features)
{
    const int64_t strength = heed_draw_int(v, 4, 7);

    if (features == 2) {
        heed_vary_set_json(v, "Wq", json_pack("[[i, i]]", 1, 1));
        heed_vary_set_json(v, "Wk", json_pack("[[i, I]]", 0, (json_int_t)strength));
    } else {
        heed_vary_set_json(v, "Wq", json_pack("[[i, i, i]]", 1, 1, 0));
        heed_vary_set_json(v, "Wk", json_pack("[[i, i, I]]", 0, 0, (json_int_t)strength));
    }
}

void heed_vary_letter_text(heed_varying *v)
{
    heed_vary_letters(v, "s", 4, 8);
}
