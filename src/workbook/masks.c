/* SPDX-License-Identifier: MIT */
/* C. Masks: who may look where, drawn and counted. */
#include <heed/mask.h>
#include <math.h>

#include "kernels/mask.h"
#include "workbook/attend.h"
#include "workbook/by_hand.h"
#include "workbook/groups.h"

/* --- who sees whom --- */

/* 1 where query i sees key j by heed's causal mask, or by what a slip makes of it. */
static heed_grid causal(heed_solving *s, int64_t n)
{
    const heed_mask mask = {.causal = true};
    heed_grid seen = heed_grid_make(s, n, n);

    for (int64_t i = 0; i < seen.rows; i++) {
        for (int64_t j = 0; j < n; j++) {
            const bool turned = s->slip == HEED_SLIP_MASK_TURNED;
            bool sees = turned ? heed_mask_sees(&mask, j, i) : heed_mask_sees(&mask, i, j);

            if (s->slip == HEED_SLIP_DIAGONAL)
                sees = sees && i != j;
            sees = sees || s->slip == HEED_SLIP_NO_MASK;
            seen.data[i * n + j] = sees != (s->slip == HEED_SLIP_MASK_FORM);
        }
    }
    return seen;
}

/* What is added to the scores: 0 where query i sees key j, -inf elsewhere; or what a slip makes of it. */
static heed_grid additive(heed_solving *s, int64_t n)
{
    const bool other_form = s->slip == HEED_SLIP_MASK_FORM;
    heed_grid x = causal(s, n);

    for (int64_t i = 0; i < x.rows * x.columns; i++) {
        const bool sees = (x.data[i] != 0.0) != other_form;
        if (other_form)
            x.data[i] = sees;
        else
            x.data[i] = sees || s->slip == HEED_SLIP_ZERO_MASK ? 0.0 : -INFINITY;
    }
    return x;
}

#define OF_A_DRAWING \
    (HEED_SLIP(HEED_SLIP_MASK_TURNED) | HEED_SLIP(HEED_SLIP_DIAGONAL) | HEED_SLIP(HEED_SLIP_MASK_FORM))

/* --- pp.q10: ones --- */

static void ones(heed_solving *s)
{
    const heed_grid mask = causal(s, heed_take_int(s, "seq_len", 1, 1024));

    heed_step_grid(s, mask,
                   "row i has ones in columns 1 to i: a token may look at itself and at those before it");
    heed_put_grid(s, "value", mask);
}

static void vary_ones(heed_varying *v)
{
    heed_vary_int(v, "seq_len", 2, 8);
}

/* --- hard.h4.1: how many are hidden --- */

static void counted(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "seq_len", 1, 1000000);
    const double seen = heed_mask_pairs(&(heed_mask){.causal = true}, n, n), all = (double)n * (double)n;
    const double allowed = s->slip == HEED_SLIP_DIAGONAL ? seen - (double)n : seen, masked = all - allowed;

    heed_step(s, "row i (from 1) has %lld - i hidden keys: together %lld * %lld / 2 = %.0f", (long long)n,
              (long long)n, (long long)(n - 1), masked);
    heed_step(s, "%lld * %lld = %.0f entries, so %.0f are allowed", (long long)n, (long long)n, all, allowed);
    heed_step(s, "share hidden: %.0f / %.0f = (T - 1) / 2T = %.6g", masked, all, masked / all);
    heed_put_number(s, "masked", masked);
    heed_put_number(s, "allowed", allowed);
    heed_put_number(s, "fraction", masked / all);
}

static void vary_counted(heed_varying *v)
{
    heed_vary_int(v, "seq_len", 3, 2048);
}

/* --- hard.h4.2a: training and generation --- */

/* How many of n keys query i sees when the first query stands at position `first`. */
static int64_t n_seen(int64_t first, int64_t i, int64_t n)
{
    const heed_mask mask = {.position = first, .causal = true};
    int64_t seen = 0;

    for (int64_t j = 0; j < n; j++)
        seen += heed_mask_sees(&mask, i, j);
    return seen;
}

static void two_paths(heed_solving *s)
{
    const int64_t base = heed_take_int(s, "index_base", 0, 1), t = heed_take_int(s, "t", base, 1000000);
    const int64_t shift = s->slip == HEED_SLIP_OFF_BY_ONE ? 1 - base : base, at = t - shift < 0 ? 0 : t - shift;
    const int64_t later = at + 8; /* tokens of a training text that goes on behind t */
    const int64_t trained = n_seen(0, at, later), generated = n_seen(at, 0, at + 1);

    heed_step(s, "counted from %lld, position %lld is token number %lld", (long long)base, (long long)t,
              (long long)(t - base + 1));
    heed_step(s, "training: its row sees itself and all before it, %lld keys; what follows is hidden",
              (long long)trained);
    heed_step(s, "generation: the token after it is made from the same %lld tokens, for more are not there",
              (long long)generated);
    heed_step(s, "with the keys and values kept, only the newest query is computed: 1 row of scores a step");
    heed_put_number(s, "train_visible", (double)trained);
    heed_put_number(s, "generate_visible", (double)generated);
    heed_put_number(s, "new_rows", (double)(n_seen(0, at + 1, later) - trained));
}

static void vary_two_paths(heed_varying *v)
{
    heed_vary_int(v, "t", 2, 200);
    heed_vary_int(v, "index_base", 0, 1);
}

/* --- ch12.e05: the additive mask and zero scores --- */

/* Queries and keys of 0: all scores are 0, and what is left is the mask. */
static heed_attended masked_zeros(heed_solving *s, int64_t n)
{
    const heed_grid zeros = heed_grid_make(s, n, 1);
    heed_attend_inputs in = {.q = zeros, .k = zeros, .causal = true};

    if (s->slip == HEED_SLIP_DIAGONAL) {
        in.causal = false;
        in.mask = causal(s, n);
    }
    return heed_attend(s, &in);
}

static void zero_scores(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "seq_len", 1, 512);
    const heed_attended a = masked_zeros(s, n);
    double allowed = 0.0;

    for (int64_t i = 0; i < a.masked.rows * a.masked.columns; i++)
        allowed += isfinite(a.masked.data[i]);
    heed_step_grid(s, a.masked, "0 where a query may look, -inf where it may not; this is added to the scores");
    heed_step_grid(s, a.weights, "softmax: row i shares 1 among its i equal scores");
    heed_step(s, "allowed: 1 + 2 + .. + %lld = %lld * %lld / 2 = %.0f", (long long)n, (long long)n,
              (long long)(n + 1), allowed);
    if (s->slip == HEED_SLIP_MASK_FORM) { /* the mask alone is drawn in another form */
        heed_put_grid(s, "additive_mask", additive(s, n));
        return;
    }
    heed_put_grid(s, "weights_for_zero_scores", a.weights);
    if (s->slip == HEED_SLIP_MASK_LATE) /* of the weights alone */
        return;
    heed_put_grid(s, "additive_mask", a.masked);
    if (s->slip != HEED_SLIP_ZERO_MASK)
        heed_put_number(s, "allowed", allowed);
}

/* --- s5.e5.4ab: words --- */

static int64_t take_words(heed_solving *s)
{
    const json_t *words = heed_take_json(s, "words");
    const int64_t n = (int64_t)json_array_size(words);

    for (int64_t i = 0; i < n; i++) {
        if (!json_is_string(json_array_get(words, (size_t)i)))
            heed_solve_fail(s, HEED_ERR_USAGE, "words: expected a list of words");
    }
    if (n < 2 || n > 512)
        heed_solve_fail(s, HEED_ERR_USAGE, "words: expected a list of 2 to 512 words, got %lld", (long long)n);
    return s->status == HEED_OK ? n : 0;
}

static double smallest(heed_grid x)
{
    double least = INFINITY;

    for (int64_t i = 0; i < x.rows * x.columns; i++)
        least = fmin(least, x.data[i]);
    return least;
}

static void words(heed_solving *s)
{
    const int64_t n = take_words(s);
    const heed_grid seen = causal(s, n), plus = additive(s, n);

    if (s->status != HEED_OK)
        return;
    for (int64_t i = 0; i < n && i < 16; i++)
        heed_step(s, "\"%s\" may look at the first %lld word%s",
                  json_string_value(json_array_get(heed_take_json(s, "words"), (size_t)i)), (long long)i + 1,
                  i == 0 ? "" : "s");
    heed_step_grid(s, seen, "as ones and zeros");
    heed_step_grid(s, plus, "as numbers added to the scores: e^-inf = 0");
    heed_put_grid(s, "can_attend", seen);
    heed_put_grid(s, "additive", plus);
    heed_put_number(s, "masked_value", smallest(plus));
}

static void vary_words(heed_varying *v)
{
    static const char *const sentences[][6] = {
        {"the", "old", "man", "feeds", "his", "birds"},   {"we", "sail", "at", "dawn", "without", "him"},
        {"rain", "fell", "on", "every", "quiet", "roof"}, {"she", "reads", "letters", "by", "the", "fire"},
        {"no", "one", "knows", "where", "it", "went"},    {"seven", "dogs", "sleep", "under", "one", "tree"}};
    const int64_t n = heed_draw_int(v, 2, 6), which = heed_draw_int(v, 0, 5);
    json_t *list = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(sentences[which][i]));
    heed_vary_set_json(v, "words", list);
}

/* --- s5.e5.6a: the same by program --- */

static void program(heed_solving *s)
{
    const heed_grid mask = additive(s, heed_take_int(s, "seq_len", 1, 1024));

    heed_step_grid(s, mask, "0 on and below the diagonal, -inf above it");
    heed_put_grid(s, "mask", mask);
}

static void vary_program(heed_varying *v)
{
    heed_vary_int(v, "seq_len", 1, 9);
}

/* --- the list --- */

const heed_exercise heed_exercises_masks[] = {
    {.id = "pp.q10",
     .seed = "000 Q10",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"seq_len\": 3}",
     .vary = vary_ones,
     .solve = ones,
     .slips = OF_A_DRAWING | HEED_SLIP(HEED_SLIP_NO_MASK),
     .fields = {{"value", HEED_ANSWER_MATRIX, HEED_EXACT, 0}}},
    {.id = "hard.h4.1",
     .seed = "001 H4.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"seq_len\": 256}",
     .vary = vary_counted,
     .solve = counted,
     .slips = HEED_SLIP(HEED_SLIP_DIAGONAL),
     .fields = {{"masked", HEED_ANSWER_NUMBER, HEED_EXACT, 0},
                {"allowed", HEED_ANSWER_NUMBER, HEED_MIXED, 0},
                {"fraction", HEED_ANSWER_NUMBER, HEED_ABS(0.0005), 0}}},
    {.id = "hard.h4.2a",
     .seed = "001 H4.2",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"t\": 50, \"index_base\": 0}",
     .vary = vary_two_paths,
     .solve = two_paths,
     .slips = HEED_SLIP(HEED_SLIP_OFF_BY_ONE),
     .fields = {{"train_visible", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"generate_visible", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"new_rows", HEED_ANSWER_NUMBER, HEED_EXACT, 0}},
     .demo = "D41"},
    {.id = "ch12.e05",
     .seed = "002 e5",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"seq_len\": 4}",
     .vary = vary_ones,
     .solve = zero_scores,
     .slips = HEED_SLIP(HEED_SLIP_MASK_TURNED) | HEED_SLIP(HEED_SLIP_DIAGONAL) | HEED_SLIP(HEED_SLIP_COLUMNS) |
              HEED_SLIP(HEED_SLIP_MASK_LATE) | HEED_SLIP(HEED_SLIP_ZERO_MASK) | HEED_SLIP(HEED_SLIP_NO_MASK) |
              HEED_SLIP(HEED_SLIP_MASK_FORM),
     .fields = {{"additive_mask", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                {"weights_for_zero_scores", HEED_ANSWER_MATRIX, HEED_T2, 0},
                {"allowed", HEED_ANSWER_NUMBER, HEED_EXACT, 0}}},
    {.id = "s5.e5.4ab",
     .seed = "004 5.4a,b",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"words\": [\"The\", \"cat\", \"sat\"]}",
     .vary = vary_words,
     .solve = words,
     .slips = OF_A_DRAWING | HEED_SLIP(HEED_SLIP_ZERO_MASK),
     .fields = {{"can_attend", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                {"additive", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                {"masked_value", HEED_ANSWER_NUMBER, HEED_EXACT, 0}}},
    {.id = "s5.e5.6a",
     .seed = "004 5.6",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"seq_len\": 5}",
     .vary = vary_program,
     .solve = program,
     .slips = OF_A_DRAWING,
     .fields = {{"mask", HEED_ANSWER_MATRIX, HEED_EXACT, 0}}},
    {.id = NULL},
};
