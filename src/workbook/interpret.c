/* SPDX-License-Identifier: MIT */
/* N. What a head looks at, and what makes equal tokens differ. */
#include <heed/heads.h>
#include <math.h>
#include <string.h>

#include "workbook/attend.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

#define MOST_TOKENS 1024

/* --- ch12.e08 --- */

typedef struct sequence {
    const char *token[MOST_TOKENS];
    int32_t id[MOST_TOKENS]; /* the first place of such a token */
    int64_t n;
} sequence;

static void take_sequence(heed_solving *s, sequence *q)
{
    const json_t *list = heed_take_json(s, "sequence");

    q->n = (int64_t)json_array_size(list);
    if (s->status == HEED_OK && (!json_is_array(list) || q->n < 2 || q->n > MOST_TOKENS))
        heed_solve_fail(s, HEED_ERR_USAGE, "sequence: expected a list of 2 to %d tokens", MOST_TOKENS);
    for (int64_t i = 0; s->status == HEED_OK && i < q->n; i++) {
        const json_t *item = json_array_get(list, (size_t)i);
        if (!json_is_string(item)) {
            heed_solve_fail(s, HEED_ERR_USAGE, "sequence: expected texts, entry %lld is none",
                            (long long)i + 1);
            return;
        }
        q->token[i] = json_string_value(item);
        for (q->id[i] = 0; strcmp(q->token[q->id[i]], q->token[i]) != 0;)
            q->id[i]++;
    }
}

/* The column of the last row where an induction head looks: the latest (or first) behind a token like the last; -1: none. */
static int64_t attended(heed_solving *s, const sequence *q)
{
    const heed_head_pattern pattern = {.ids = q->id, .n = q->n};
    float *detection = heed_arena_alloc(s->arena, (size_t)(q->n * q->n) * sizeof *detection);
    const float *last;
    heed_error err = {HEED_OK, ""};
    int64_t found = -1;

    if (detection == NULL || heed_head_detection(HEED_HEAD_INDUCTION, &pattern, detection, &err) != HEED_OK) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld tokens", (long long)q->n);
        return -1;
    }
    last = detection + (q->n - 1) * q->n;
    for (int64_t j = 0; j < q->n; j++) {
        if (last[j] != 0.0f && (found < 0 || s->slip != HEED_SLIP_FIRST_MATCH))
            found = j;
    }
    return found;
}

static void induction(heed_solving *s)
{
    sequence *q = heed_arena_alloc(s->arena, sizeof *q);
    int64_t at, shown;

    if (q == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a sequence");
        return;
    }
    take_sequence(s, q);
    at = s->status == HEED_OK ? attended(s, q) : -1;
    if (s->status == HEED_OK && at < 0)
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "sequence: expected the last token to stand there before, \"%.40s\" does not",
                        q->token[q->n - 1]);
    if (s->status != HEED_OK)
        return;
    shown = s->slip == HEED_SLIP_MATCH ? at - 1 : at;
    heed_step(s, "the last token is %s, at position %lld", q->token[q->n - 1], (long long)q->n - 1);
    heed_step(s, "the latest %s before it stands at position %lld", q->token[q->n - 1], (long long)at - 1);
    heed_step(s,
              "a previous-token head one layer below has written into position %lld that %s stands before it",
              (long long)at, q->token[at - 1]);
    heed_step(s,
              "so the query \"who stands behind a %s?\" meets the key of position %lld: one hop, to %s, which "
              "is copied as the prediction",
              q->token[q->n - 1], (long long)at, q->token[at]);
    heed_put_number(s, "attended_position_0based", (double)shown);
    heed_put_text(s, "attended_token", q->token[shown]);
    heed_put_text(s, "predicted_token", q->token[shown]);
    heed_put_number(s, "match_position_0based", (double)(at - 1));
}

/* The letter that ends it has been there before, not right before it: else the head would look at its own token. */
static void vary_sequence(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 4, 8), same = heed_draw_int(v, 0, n - 3);
    json_t *list = json_array();

    for (int64_t i = 0; i < n - 1; i++) {
        const char letter[] = {(char)('A' + heed_draw_int(v, 0, 7)), '\0'};
        json_array_append_new(list, json_string(letter));
    }
    json_array_append(list, json_array_get(list, (size_t)same));
    v->again = json_equal(json_array_get(list, (size_t)n - 2), json_array_get(list, (size_t)n - 1));
    heed_vary_set_json(v, "sequence", list);
}

/* --- ch12.e12 --- */

static heed_grid rows_of_tokens(heed_solving *s, heed_grid tokens, heed_grid table)
{
    heed_grid x = heed_grid_make(s, tokens.columns, table.columns);

    for (int64_t i = 0; s->status == HEED_OK && i < x.rows; i++) {
        const double id = tokens.data[i];
        if (!(id >= 0.0 && id < (double)table.rows && id == floor(id)))
            heed_solve_fail(s, HEED_ERR_USAGE, "tokens: expected ids from 0 to %lld, got %.10g",
                            (long long)table.rows - 1, id);
        else
            memcpy(x.data + i * x.columns, table.data + (int64_t)id * x.columns,
                   (size_t)x.columns * sizeof *x.data);
    }
    return x;
}

/* The largest difference of the entries of two rows; or the length of the difference. */
static double apart(const heed_solving *s, heed_grid x, int64_t a, int64_t b)
{
    double largest = 0.0, squares = 0.0;

    for (int64_t j = 0; j < x.columns; j++) {
        const double d = fabs(x.data[a * x.columns + j] - x.data[b * x.columns + j]);
        largest = d > largest ? d : largest;
        squares += d * d;
    }
    return s->slip == HEED_SLIP_LENGTH ? sqrt(squares) : largest;
}

static void take_pair(heed_solving *s, heed_grid tokens, int64_t *a, int64_t *b)
{
    const heed_grid pair = heed_take_list(s, "pair");

    *a = *b = 0;
    if (s->status != HEED_OK)
        return;
    if (pair.columns != 2 || !(pair.data[0] >= 1.0 && pair.data[0] <= (double)tokens.columns) ||
        !(pair.data[1] >= 1.0 && pair.data[1] <= (double)tokens.columns) ||
        pair.data[0] != floor(pair.data[0]) || pair.data[1] != floor(pair.data[1])) {
        heed_solve_fail(s, HEED_ERR_USAGE, "pair: expected two positions from 1 to %lld",
                        (long long)tokens.columns);
        return;
    }
    *a = (int64_t)pair.data[0] - 1;
    *b = (int64_t)pair.data[1] - 1;
}

static void equal_tokens(heed_solving *s)
{
    const heed_grid tokens = heed_take_list(s, "tokens"), E = heed_take_grid(s, "E");
    heed_attend_inputs in = {
        .w_q = heed_take_grid(s, "Wq"), .w_k = heed_take_grid(s, "Wk"), .w_v = heed_take_grid(s, "Wv")};
    heed_attended open, causal;
    int64_t a, b;

    take_pair(s, tokens, &a, &b);
    in.x = rows_of_tokens(s, tokens, E);
    open = heed_attend(s, &in);
    in.causal = true;
    causal = heed_attend(s, &in);
    if (s->status != HEED_OK)
        return;
    heed_step_grid(s, in.x, "the row of E for each token");
    heed_step_grid(s, open.weights,
                   "weights without a mask: equal tokens ask equal questions of the same keys");
    heed_step_grid(s, open.output, "so their outputs are equal, too");
    heed_step(s, "rows %lld and %lld differ by %.3g", (long long)a + 1, (long long)b + 1,
              apart(s, open.output, a, b));
    heed_step_grid(s, causal.weights, "weights with the causal mask: the later one sees more keys");
    heed_step_grid(s, causal.output, "and its output is another");
    heed_step(s, "rows %lld and %lld differ by %.5g", (long long)a + 1, (long long)b + 1,
              apart(s, causal.output, a, b));
    heed_put_grid(s, "out_unmasked", open.output);
    heed_put_grid(s, "out_causal", causal.output);
    heed_put_number(s, "difference_unmasked", apart(s, open.output, a, b));
    heed_put_number(s, "difference_causal", apart(s, causal.output, a, b));
}

static void vary_equal_tokens(heed_varying *v)
{
    json_t *tokens = json_array(), *pair = json_array();
    const int64_t n = heed_draw_int(v, 3, 5), first = heed_draw_int(v, 0, n - 2);
    const int64_t second = heed_draw_int(v, first + 1, n - 1);

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(tokens, json_integer(i == first || i == second ? 0 : heed_draw_int(v, 1, 3)));
    json_array_append_new(pair, json_integer(first + 1));
    json_array_append_new(pair, json_integer(second + 1));
    heed_vary_set_json(v, "tokens", tokens);
    heed_vary_set_json(v, "pair", pair);
    heed_vary_normal(v, "E", 4, 3, 1.0);
    heed_vary_normal(v, "Wq", 3, 3, 0.7);
    heed_vary_normal(v, "Wk", 3, 3, 0.7);
    heed_vary_normal(v, "Wv", 3, 3, 0.7);
}

/* --- ch12.e17a --- */

/* Mean over the rows that have a choice (2 .. T, counted from 1) of the weight on pairs where D is 1. */
static double score(heed_grid weights, const float *D, int64_t first_row)
{
    double sum = 0.0;

    for (int64_t i = first_row; i < weights.rows; i++) {
        for (int64_t j = 0; j < weights.columns; j++)
            sum += D[i * weights.columns + j] != 0.0f ? weights.data[i * weights.columns + j] : 0.0;
    }
    return sum / (double)(weights.rows - first_row);
}

static float *detection(heed_solving *s, heed_head_role role, int64_t n)
{
    const heed_head_pattern pattern = {.n = n};
    float *D = heed_arena_alloc(s->arena, (size_t)(n * n) * sizeof *D);
    heed_error err = {HEED_OK, ""};

    if (D == NULL || heed_head_detection(role, &pattern, D, &err) != HEED_OK)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld tokens", (long long)n);
    return s->status == HEED_OK ? D : NULL;
}

/* D of the delimiters that a query sees, and what uniform weights would give them. */
static float *seen_delimiters(heed_solving *s, heed_grid delimiters, int64_t n, heed_grid *uniform)
{
    const heed_mask mask = {.causal = true};
    float *D = heed_arena_alloc(s->arena, (size_t)(n * n) * sizeof *D);

    *uniform = heed_grid_make(s, n, n);
    if (D == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld tokens", (long long)n);
    for (int64_t i = 0; s->status == HEED_OK && i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            D[i * n + j] = 0.0f;
            uniform->data[i * n + j] = heed_mask_sees(&mask, i, j) ? 1.0 / (double)(i + 1) : 0.0;
        }
        for (int64_t k = 0; k < delimiters.columns; k++) {
            const int64_t j = (int64_t)delimiters.data[k];
            if (heed_mask_sees(&mask, i, j))
                D[i * n + j] = 1.0f;
        }
    }
    return s->status == HEED_OK ? D : NULL;
}

static void take_map(heed_solving *s, heed_grid *weights, heed_grid *delimiters)
{
    const json_t *list = heed_take_json(s, "delimiters");

    *weights = heed_take_grid(s, "weights");
    *delimiters = (heed_grid){1, 0, NULL};
    if (json_array_size(list) > 0 || !json_is_array(list))
        *delimiters = heed_take_list(s, "delimiters");
    if (s->status == HEED_OK &&
        (weights->rows != weights->columns || weights->rows < 2 || weights->rows > MOST_TOKENS))
        heed_solve_fail(s, HEED_ERR_USAGE, "weights: expected a square map of 2 to %d tokens, got %lld x %lld",
                        MOST_TOKENS, (long long)weights->rows, (long long)weights->columns);
    for (int64_t k = 0; s->status == HEED_OK && k < delimiters->columns; k++) {
        const double j = delimiters->data[k];
        if (!(j >= 0.0 && j < (double)weights->columns && j == floor(j)))
            heed_solve_fail(s, HEED_ERR_USAGE, "delimiters: expected columns from 0 to %lld, got %.10g",
                            (long long)weights->columns - 1, j);
    }
}

static void head_scores(heed_solving *s)
{
    heed_grid weights, delimiters, uniform;
    const float *previous, *first, *parting;
    const int64_t from = s->slip == HEED_SLIP_ALL_ROWS ? 0 : 1;

    take_map(s, &weights, &delimiters);
    if (s->status != HEED_OK)
        return;
    previous = detection(s, HEED_HEAD_PREVIOUS, weights.rows);
    first = detection(s, HEED_HEAD_FIRST, weights.rows);
    parting = seen_delimiters(s, delimiters, weights.rows, &uniform);
    if (s->status != HEED_OK)
        return;
    heed_step(s, "row 1 sees itself alone and says nothing; means are over rows 2 to %lld",
              (long long)weights.rows);
    heed_step(s, "weight on the token before: in the mean %.4g; of even weights %.4g",
              score(weights, previous, 1), score(uniform, previous, 1));
    heed_step(s, "weight on the first token: %.4g; of even weights %.4g", score(weights, first, 1),
              score(uniform, first, 1));
    heed_step(s, "weight on delimiters that are seen, none being 0: %.4g; of even weights %.4g",
              score(weights, parting, 1), score(uniform, parting, 1));
    heed_put_number(s, "previous_token", score(weights, previous, from));
    heed_put_number(s, "first_token", score(weights, first, from));
    heed_put_number(s, "delimiter", score(weights, parting, from));
    heed_put_number(s, "delimiter_share_of_visible", score(uniform, parting, from));
}

/* Rows of tenths that add up to 1, one column heavier than the others. */
static void vary_map(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 4, 7), n_parting = heed_draw_int(v, 1, 2);
    json_t *rows = json_array(), *parting = json_array();
    int64_t last = 0;

    for (int64_t i = 0; i < n; i++) {
        json_t *row = json_array();
        int64_t share[7] = {0};
        for (int64_t k = 0; k < 20; k++)
            share[k < 10 && i > 0 ? heed_draw_int(v, 0, 1) * (i - 1) : heed_draw_int(v, 0, i)]++;
        for (int64_t j = 0; j < n; j++)
            json_array_append_new(row, heed_json_of_double((double)share[j] / 20.0));
        json_array_append_new(rows, row);
    }
    for (int64_t k = 0; k < n_parting && last < n - 1; k++) {
        last = heed_draw_int(v, last + 1, n - 1);
        json_array_append_new(parting, json_integer(last));
    }
    heed_vary_set_json(v, "weights", rows);
    heed_vary_set_json(v, "delimiters", parting);
}

/* --- ch12.e17b --- */

static void pretrained_counts(heed_solving *s)
{
    heed_config c;
    heed_shapes *all;
    const heed_shapes_entry *pattern, *q;
    double count;

    heed_config_preset("gpt2", &c, NULL);
    c.n_layers = heed_take_int(s, "layers", 1, 256);
    c.n_heads = heed_take_int(s, "heads", 1, HEED_COUNT_MOST_HEADS);
    c.d_model = heed_take_int(s, "d", 1, HEED_COUNT_MOST_D);
    c.vocab_size = heed_take_int(s, "vocab", 1, HEED_COUNT_MOST_V);
    c.context_length = heed_take_int(s, "positions", 1, HEED_COUNT_MOST_V);
    c.tied_head = s->slip != HEED_SLIP_UNTIED;
    c.attention_bias = c.mlp_bias = c.norm_bias = s->slip != HEED_SLIP_NO_BIAS;
    count = heed_count_parameters(s, &c, NULL);
    all = heed_count_shapes(s, &c, 1, 1);
    pattern = heed_count_entry(s, all, "blocks.0.attn.pattern");
    q = heed_count_entry(s, all, "blocks.0.attn.q");
    if (s->status == HEED_OK) {
        const double maps = (double)(c.n_layers * pattern->size[1]);
        heed_step(s, "a map for each head of each layer: %lld * %lld = %.0f", (long long)c.n_layers,
                  (long long)pattern->size[1], maps);
        heed_step(s, "d_head = d / heads = %lld / %lld = %lld", (long long)c.d_model, (long long)c.n_heads,
                  (long long)q->size[3]);
        heed_step(s, "token table vocab * d = %s, position table positions * d = %s",
                  heed_count_text(s, heed_count_parameters(s, &c, "token embedding")),
                  heed_count_text(s, heed_count_parameters(s, &c, "position embedding")));
        heed_step(s, "a block 12d^2 + 13d = %s, %lld of them, and the last LayerNorm 2d",
                  heed_count_text(s, heed_count_parameters(s, &c, "h.0.*")), (long long)c.n_layers);
        heed_step(s, "the head is the token table again and costs nothing: together %s",
                  heed_count_text(s, count));
        heed_put_number(s, "attention_maps", maps);
        heed_put_number(s, "d_head", (double)q->size[3]);
        heed_put_number(s, "parameters_tied", count);
    }
    heed_shapes_destroy(all);
}

#define PLACE(name)                                                \
    {                                                              \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION, \
    }
#define TOKEN(name)                            \
    {                                          \
        name, HEED_ANSWER_TEXT, HEED_EXACT, 0, \
    }
#define SCORE(name)                           \
    {                                         \
        name, HEED_ANSWER_NUMBER, HEED_T2, 0, \
    }
#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_interpret[] = {
    {.id = "ch12.e08",
     .seed = "002 e8",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{\"sequence\": [\"A\", \"B\", \"C\", \"A\"]}",
     .vary = vary_sequence,
     .solve = induction,
     .slips = HEED_SLIP(HEED_SLIP_MATCH) | HEED_SLIP(HEED_SLIP_FIRST_MATCH),
     .fields = {PLACE("attended_position_0based"), TOKEN("attended_token"), TOKEN("predicted_token"),
                PLACE("match_position_0based")},
     .demo = "D25"},
    {.id = "ch12.e12",
     .seed = "002 e12",
     .kind = HEED_EXERCISE_CODE,
     .params = "{\"tokens\": [0, 1, 0, 2],"
               " \"E\": [[-0.01, 1.05, 0.74], [0.72, 1.62, -1.21], [-0.63, -1.32, -0.11], [1.0, -0.02, 0.5]],"
               " \"Wq\": [[-1.15, 0.09, -0.54], [1.07, 0.53, 0.57], [-0.03, 0.37, 0.39]],"
               " \"Wk\": [[-0.21, -0.3, -0.07], [-0.36, -0.36, -0.17], [-0.44, 0.46, -0.96]],"
               " \"Wv\": [[0.49, -0.38, -0.33], [-0.81, -0.09, -0.15], [0.11, -0.32, 0.06]],"
               " \"pair\": [1, 3]}",
     .vary = vary_equal_tokens,
     .solve = equal_tokens,
     .slips = HEED_SLIPS_MASKED,
     .also = HEED_SLIP(HEED_SLIP_LENGTH),
     .fields = {{"out_unmasked", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"out_causal", HEED_ANSWER_MATRIX, HEED_E5, 0},
                {"difference_unmasked", HEED_ANSWER_NUMBER, HEED_E5, 0},
                {"difference_causal", HEED_ANSWER_NUMBER, HEED_E5, 0}},
     .demo = "D28"},
    {.id = "ch12.e17a",
     .seed = "002 e17",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"weights\": [[1, 0, 0, 0], [0.9, 0.1, 0, 0], [0.05, 0.9, 0.05, 0], [0.1, 0.1, 0.7, 0.1]],"
               " \"delimiters\": [2]}",
     .vary = vary_map,
     .solve = head_scores,
     .slips = HEED_SLIP(HEED_SLIP_ALL_ROWS),
     .fields = {SCORE("previous_token"), SCORE("first_token"), SCORE("delimiter"),
                SCORE("delimiter_share_of_visible")},
     .demo = "D26"},
    {.id = "ch12.e17b",
     .seed = "002 e17",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"layers\": 6, \"heads\": 12, \"d\": 768, \"vocab\": 50257, \"positions\": 1024}",
     .solve = pretrained_counts,
     .slips = HEED_SLIP(HEED_SLIP_UNTIED) | HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("attention_maps"), WHOLE("d_head"), WHOLE("parameters_tied")},
     .demo = "D26"},
    {.id = NULL},
};
