/* SPDX-License-Identifier: MIT */
/* G. Tables of tokens and of places: what is looked up, how large it is, where it ends. */
#include <math.h>

#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/op_graph.h"

#define MOST_TABLE 1048576 /* rows of tables that are laid out in numbers */
#define MOST_T     4096

/* --- one sentence --- */

typedef struct sentence {
    heed_grid ids; /* [1, T] */
    int64_t V, d, max;
    heed_config config;
} sentence;

static sentence take_sentence(heed_solving *s)
{
    sentence x = {.ids = heed_take_list(s, "input_ids"),
                  .V = heed_take_int(s, "vocab_size", 1, MOST_TABLE),
                  .d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D),
                  .max = heed_take_int(s, "max_length", 1, HEED_COUNT_MOST_T)};

    for (int64_t i = 0; i < x.ids.columns; i++) {
        const double id = x.ids.data[i];
        if (id != floor(id) || id < 0.0 || id >= (double)x.V)
            heed_solve_fail(s, HEED_ERR_USAGE, "input_ids: expected whole numbers from 0 to %lld, got %.10g",
                            (long long)x.V - 1, id);
    }
    if (s->status == HEED_OK && x.ids.columns > MOST_T)
        heed_solve_fail(s, HEED_ERR_USAGE, "input_ids: expected at most %d, got %lld", MOST_T,
                        (long long)x.ids.columns);
    x.config = heed_count_m0(x.V, x.d, 1, x.max);
    if (s->status == HEED_OK && heed_config_check_length(&x.config, x.ids.columns, s->err) != HEED_OK)
        s->status = HEED_ERR_USAGE;
    return x;
}

static void vary_sentence(heed_varying *v)
{
    const int64_t T = heed_draw_int(v, 3, 6), V = heed_vary_int(v, "vocab_size", 30, 99);
    const json_t *ids;

    heed_vary_whole(v, "input_ids", 0, T, 0, V - 1);
    heed_vary_pick_int(v, "d_model", 4, INT64_C(4), INT64_C(6), INT64_C(8), INT64_C(10));
    heed_vary_int(v, "max_length", T, T + 3);
    ids = json_object_get(v->params, "input_ids");
    v->again = true; /* unless an id is smaller than the one before: sorted ones show nothing */
    for (size_t i = 1; i < json_array_size(ids); i++) {
        if (json_integer_value(json_array_get(ids, i)) < json_integer_value(json_array_get(ids, i - 1)))
            v->again = false;
    }
}

static heed_grid sorted(heed_solving *s, heed_grid x)
{
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t i = 0; i < out.columns; i++) {
        int64_t at = i;
        for (; at > 0 && out.data[at - 1] > x.data[i]; at--)
            out.data[at] = out.data[at - 1];
        out.data[at] = x.data[i];
    }
    return out;
}

/* n numbers from first on. */
static heed_grid counted(heed_solving *s, int64_t n, double first)
{
    heed_grid out = heed_grid_make(s, 1, n);

    for (int64_t i = 0; i < out.columns; i++)
        out.data[i] = first + (double)i;
    return out;
}

/* --- pp.q18a, pp.q19a, pp.q20a --- */

/* A table whose row v holds the number v says which rows were looked up. */
static heed_grid rows_looked_up(heed_solving *s, const sentence *x)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *table, *ids;

    if (g == NULL)
        return (heed_grid){0, 0, NULL};
    table = heed_op_input(s, g, "table", heed_shape2(x->V, 1), counted(s, x->V, 0.0));
    ids = heed_op_input_ids(s, g, "ids", heed_shape1(x->ids.columns), x->ids);
    return heed_op_run(s, g, heed_embedding(g, table, ids));
}

static void looked_up(heed_solving *s)
{
    const sentence x = take_sentence(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, 1, x.ids.columns);
    const heed_shapes_entry *table = heed_count_entry(s, all, "wte.weight"),
                            *rows = heed_count_entry(s, all, "embed");
    const heed_grid found = rows_looked_up(s, &x);

    heed_step(s, "the table has a row for each token of the vocabulary: %s", heed_sizes_text(s, table));
    heed_step_grid(s, heed_grid_turn(s, found), "row of each token, in the order of the text");
    heed_step(s, "one sequence, a row for each of its %lld tokens: %s", (long long)x.ids.columns,
              heed_sizes_text(s, rows));
    heed_put_list(s, "rows", s->slip == HEED_SLIP_SORTED ? sorted(s, x.ids) : found);
    heed_put_sizes(s, "shape", rows);
    heed_shapes_destroy(all);
}

static void places(heed_solving *s)
{
    const sentence x = take_sentence(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, 1, x.ids.columns);
    const heed_shapes_entry *table = heed_count_entry(s, all, "wpe.weight"),
                            *rows = heed_count_entry(s, all, "pos_embed"),
                            *sum = heed_count_entry(s, all, "blocks.0.resid_pre");

    heed_step(s, "places are counted from 0: rows 0 to %lld", (long long)x.ids.columns - 1);
    heed_step(s, "the table has a row for each place there can be: %s", heed_sizes_text(s, table));
    heed_step(s,
              "the rows that are taken are %s, without an axis of sequences; added to those of the tokens they "
              "are repeated: %s",
              heed_sizes_text(s, rows), heed_sizes_text(s, sum));
    heed_put_list(s, "rows", counted(s, x.ids.columns, s->slip == HEED_SLIP_OFF_BY_ONE ? 1.0 : 0.0));
    if (s->slip == HEED_SLIP_BATCH_AXIS)
        heed_put_shape(s, "shape", 3, INT64_C(1), x.ids.columns, x.d);
    else
        heed_put_sizes(s, "shape", rows);
    heed_put_sizes(s, "table", table);
    heed_shapes_destroy(all);
}

static void concatenated(heed_solving *s)
{
    const sentence x = take_sentence(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, 1, x.ids.columns);
    const heed_shapes_entry *token = heed_count_entry(s, all, "embed"),
                            *place = heed_count_entry(s, all, "pos_embed");

    if (s->status == HEED_OK) {
        const int64_t width = token->size[token->rank - 1] + place->size[place->rank - 1];
        heed_step(s, "a token has %lld numbers, its place %lld: side by side %lld", (long long)x.d,
                  (long long)x.d, (long long)width);
        heed_step(s, "one sequence of %lld tokens: (1, %lld, %lld); added, it stays %s",
                  (long long)x.ids.columns, (long long)x.ids.columns, (long long)width,
                  heed_sizes_text(s, token));
        heed_put_number(s, "concat_dim", (double)width);
        heed_put_shape(s, "concat_shape", 3, token->size[0], token->size[1], width);
    }
    heed_shapes_destroy(all);
}

/* --- pp.q18b --- */

/* What a lookup could be: a one-hot row for each id times the table, or each id times the first row of the table. */
typedef enum reading { LOOKUP, ONE_HOT, SCALED } reading;

static heed_grid read_table(heed_solving *s, const sentence *x, heed_grid table, reading how)
{
    const int64_t T = x->ids.columns;
    heed_graph *g = heed_op_graph(s);
    heed_grid one_hot = heed_grid_make(s, how == ONE_HOT ? T : 0, x->V);
    heed_node *rows, *left;

    if (g == NULL || s->status != HEED_OK)
        return heed_op_run(s, g, NULL);
    for (int64_t i = 0; i < one_hot.rows; i++)
        one_hot.data[i * x->V + (int64_t)x->ids.data[i]] = 1.0;
    rows = heed_op_input(s, g, "table", heed_shape2(how == SCALED ? 1 : x->V, x->d),
                         how == SCALED ? heed_grid_row(table, 0) : table);
    if (how == LOOKUP)
        return heed_op_run(s, g,
                           heed_embedding(g, rows, heed_op_input_ids(s, g, "ids", heed_shape1(T), x->ids)));
    left = how == ONE_HOT ? heed_op_input(s, g, "one_hot", heed_shape2(T, x->V), one_hot)
                          : heed_op_input(s, g, "ids", heed_shape2(T, 1), x->ids);
    return heed_op_run(s, g, heed_matmul(g, left, rows, false, false));
}

static bool equal(heed_grid a, heed_grid b)
{
    bool same = a.rows == b.rows && a.columns == b.columns;

    for (int64_t i = 0; same && i < a.rows * a.columns; i++)
        same = a.data[i] == b.data[i];
    return same;
}

static void what_a_lookup_is(heed_solving *s)
{
    const sentence x = take_sentence(s);
    heed_grid table = heed_grid_make(s, x.V, x.d), found, product;

    for (int64_t i = 0; i < table.rows * table.columns; i++)
        table.data[i] = 1.0 + (double)((i * i + 3 * i) % 101); /* rows that differ */
    found = read_table(s, &x, table, LOOKUP);
    product = read_table(s, &x, table, ONE_HOT);
    heed_step_grid(s, found, "rows of a table of %lld x %lld numbers, looked up", (long long)x.V,
                   (long long)x.d);
    heed_step_grid(s, product, "a row for each id with a 1 in its column and zeros elsewhere, times the table");
    heed_step(s, equal(found, product) ? "the two are equal, number by number" : "the two differ");
    heed_put_text(s, "choice",
                  equal(found, product)                            ? "one_hot"
                  : equal(found, read_table(s, &x, table, SCALED)) ? "scaled"
                                                                   : "other");
}

/* --- pp.q19b --- */

static void what_a_place_is(heed_solving *s)
{
    const sentence x = take_sentence(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, 1, x.ids.columns);
    const heed_shapes_entry *table = heed_count_entry(s, all, "wpe.weight"),
                            *rows = heed_count_entry(s, all, "pos_embed"),
                            *tokens = heed_count_entry(s, all, "embed");

    if (s->status == HEED_OK) {
        const bool learned = table->kind == HEED_SHAPES_PARAMETER, shared = rows->rank < tokens->rank;
        heed_step(s, "the table, %s, is %s", heed_sizes_text(s, table),
                  learned ? "a parameter like any other: training changes it" : "no parameter");
        heed_step(s, "its rows, %s, are %s; no id has a part in them", heed_sizes_text(s, rows),
                  shared ? "the same for every sequence" : "made for each sequence");
        heed_put_text(s, "choice", !learned ? "fixed" : shared ? "place" : "sentence");
    }
    heed_shapes_destroy(all);
}

/* --- hard.h1.5a --- */

static void allocations(heed_solving *s)
{
    const int64_t samples = heed_take_int(s, "samples", 1, INT64_C(1000000000000));
    const int64_t batch = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_V);
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_V);
    const int64_t passes = s->slip == HEED_SLIP_LAST_BATCH ? samples / batch : (samples + batch - 1) / batch;
    const int64_t bytes = T * (int64_t)sizeof(int64_t);

    heed_step(
        s,
        "each forward pass makes the indices once, for a whole batch: %lld samples in batches of %lld are "
        "%lld passes%s",
        (long long)samples, (long long)batch, (long long)passes,
        samples % batch != 0 ? ", the last one not full" : "");
    heed_step(s, "%lld indices of 64 bits: %lld * 8 = %lld bytes", (long long)T, (long long)T,
              (long long)bytes);
    heed_put_number(s, "allocations", (double)passes);
    heed_put_number(s, "bytes_each_int64", (double)bytes);
}

static void vary_allocations(heed_varying *v)
{
    heed_vary_int(v, "samples", 100, 5000);
    heed_vary_pick_int(v, "batch", 5, INT64_C(1), INT64_C(4), INT64_C(16), INT64_C(32), INT64_C(64));
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(64), INT64_C(128), INT64_C(256));
}

/* --- hard.h6.1a --- */

static void tables(heed_solving *s)
{
    const int64_t V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V);
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t T = heed_take_int(s, "max_length", 1, HEED_COUNT_MOST_V);
    const heed_config config = heed_count_m0(V, d, 1, T);
    const double token = heed_count_parameters(s, &config, "token embedding");
    const double place = heed_count_parameters(s, &config, "position embedding");

    heed_step(s, "a row for each token: %s * %s = %s", heed_count_text(s, (double)V),
              heed_count_text(s, (double)d), heed_count_text(s, token));
    heed_step(s, "a row for each place: %s * %s = %s", heed_count_text(s, (double)T),
              heed_count_text(s, (double)d), heed_count_text(s, place));
    heed_step(s, "the width cancels: vocab_size / max_length = %.6g", (double)V / (double)T);
    heed_put_number(s, "token", token);
    heed_put_number(s, "position", place);
    heed_put_number(s, "ratio", token / place);
}

static void vary_tables(heed_varying *v)
{
    const int64_t H = (int64_t[]){2, 4, 8}[heed_draw_int(v, 0, 2)];

    heed_vary_pick_int(v, "vocab_size", 7, INT64_C(65), INT64_C(8000), INT64_C(32000), INT64_C(50257),
                       INT64_C(100000), INT64_C(200000), INT64_C(200019));
    heed_vary_set_int(v, "d_model",
                      H * heed_vary_pick_int(v, "d_model", 3, INT64_C(32), INT64_C(48), INT64_C(64)));
    heed_vary_pick_int(v, "max_length", 5, INT64_C(64), INT64_C(128), INT64_C(256), INT64_C(512),
                       INT64_C(1024));
}

/* --- hard.h6.2a --- */

static heed_grid sum_of(heed_solving *s, heed_grid a, heed_grid b)
{
    heed_graph *g = heed_op_graph(s);
    const heed_shape shape = heed_shape2(a.rows, a.columns);

    if (g == NULL)
        return (heed_grid){0, 0, NULL};
    return heed_op_run(
        s, g, heed_add(g, heed_op_input(s, g, "tokens", shape, a), heed_op_input(s, g, "positions", shape, b)));
}

/* Rows a and b (from 0) trade places. */
static heed_grid swapped(heed_solving *s, heed_grid x, int64_t a, int64_t b)
{
    heed_grid out = heed_grid_make(s, x.rows, x.columns);

    for (int64_t i = 0; i < out.rows; i++) {
        const int64_t from = i == a ? b : i == b ? a : i;
        for (int64_t j = 0; j < out.columns; j++)
            out.data[i * out.columns + j] = x.data[from * x.columns + j];
    }
    return out;
}

static int64_t take_place(heed_solving *s, heed_grid swap, int64_t i, int64_t rows)
{
    const double place = s->status == HEED_OK ? swap.data[i] : 1.0;

    if (place != floor(place) || place < 1.0 || place > (double)rows) {
        heed_solve_fail(s, HEED_ERR_USAGE, "swap: expected places from 1 to %lld, got %.10g", (long long)rows,
                        place);
        return 0;
    }
    return (int64_t)place - 1;
}

static void swap_words(heed_solving *s)
{
    const heed_grid tokens = heed_take_grid(s, "tokens"), positions = heed_take_grid(s, "positions"),
                    swap = heed_take_list(s, "swap");
    const bool moved = s->slip == HEED_SLIP_ROWS_MOVED;
    heed_grid before, after, after_places;
    int64_t a, b, changed = 0;

    if (s->status == HEED_OK && (tokens.rows != positions.rows || tokens.columns != positions.columns))
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "expected as many positions as tokens, got %lld x %lld and %lld x %lld",
                        (long long)positions.rows, (long long)positions.columns, (long long)tokens.rows,
                        (long long)tokens.columns);
    if (s->status == HEED_OK && swap.columns != 2)
        heed_solve_fail(s, HEED_ERR_USAGE, "swap: expected two places, got %lld", (long long)swap.columns);
    a = take_place(s, swap, 0, tokens.rows);
    b = take_place(s, swap, 1, tokens.rows);
    if (s->status == HEED_OK && a == b)
        heed_solve_fail(s, HEED_ERR_USAGE, "swap: expected two different places");
    before = sum_of(s, tokens, positions);
    after_places = moved ? swapped(s, positions, a, b) : positions;
    after = sum_of(s, swapped(s, tokens, a, b), after_places);
    for (int64_t i = 0; s->status == HEED_OK && i < positions.rows; i++)
        changed += !equal(heed_grid_row(positions, i), heed_grid_row(after_places, i));
    heed_step_grid(s, before, "before: each token's row plus the row of its place");
    heed_step_grid(s, swapped(s, tokens, a, b), "rows of the tokens, with words %lld and %lld (from 1) swapped",
                   (long long)a + 1, (long long)b + 1);
    heed_step_grid(s, after, "after: these plus the rows of the places, which are where they were");
    heed_put_grid(s, "before", before);
    heed_put_grid(s, "after_swap", after);
    heed_put_number(s, "position_rows_changed", (double)changed);
}

static void vary_swap_words(heed_varying *v)
{
    const int64_t T = heed_draw_int(v, 3, 5), d = heed_draw_int(v, 2, 3), a = heed_draw_int(v, 1, T),
                  b = heed_draw_int(v, 1, T);
    const json_t *tokens, *positions;

    heed_vary_whole(v, "tokens", T, d, 0, 9);
    heed_vary_whole(v, "positions", T, d, 0, 9);
    heed_vary_set_json(v, "swap", json_pack("[I, I]", (json_int_t)a, (json_int_t)b));
    tokens = json_object_get(v->params, "tokens");
    positions = json_object_get(v->params, "positions");
    v->again = a == b ||
               json_equal(json_array_get(tokens, (size_t)a - 1), json_array_get(tokens, (size_t)b - 1)) ||
               json_equal(json_array_get(positions, (size_t)a - 1), json_array_get(positions, (size_t)b - 1));
}

/* --- hard.h6.3a --- */

/* One number for each place of a text: NaN where a table of that many rows has none for it. */
static heed_grid rows_of_places(heed_solving *s, int64_t max, int64_t length)
{
    heed_graph *g = heed_op_graph(s);
    heed_node *table, *ids;

    if (g == NULL)
        return (heed_grid){0, 0, NULL};
    table = heed_op_input(s, g, "table", heed_shape2(max, 1), heed_grid_make(s, max, 1));
    ids = heed_op_input_ids(s, g, "places", heed_shape1(length), counted(s, length, 0.0));
    return heed_op_run(s, g, heed_embedding(g, table, ids));
}

static void too_long(heed_solving *s)
{
    const int64_t max = heed_take_int(s, "max_length", 1, HEED_COUNT_MOST_T);
    const int64_t length = heed_take_int(s, "length", 1, HEED_COUNT_MOST_T);
    const heed_config config = heed_count_m0(1, 1, 1, max);
    const heed_grid rows = rows_of_places(s, max, length);
    heed_error refusal = {HEED_OK, ""};
    int64_t first = -1, n = 0;

    for (int64_t i = 0; i < rows.rows * rows.columns; i++) {
        if (!isnan(rows.data[i]))
            continue;
        first = first < 0 ? i : first;
        n++;
    }
    heed_step(s, "the table has rows 0 to %lld, the text has places 0 to %lld", (long long)max - 1,
              (long long)length - 1);
    if (n > 0)
        heed_step(s, "place %lld is the first without a row; %lld - %lld = %lld have none", (long long)first,
                  (long long)length, (long long)max, (long long)n);
    else
        heed_step(s, "every place has its row");
    if (heed_config_check_length(&config, length, &refusal) != HEED_OK)
        heed_step(s, "heed refuses such a text before it reads anything: %s", refusal.message);
    heed_put_number(s, "first_bad_position_0based", (double)first);
    heed_put_number(s, "positions_without_row", (double)n);
}

static void vary_too_long(heed_varying *v)
{
    const int64_t max = heed_vary_pick_int(v, "max_length", 4, INT64_C(32), INT64_C(64), INT64_C(128),
                                           INT64_C(256));

    heed_vary_int(v, "length", max - 10, 3 * max);
}

#define SENTENCE "{\"input_ids\": [7, 12, 3], \"vocab_size\": 50, \"d_model\": 4, \"max_length\": 3}"
#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }
#define SHAPE(name)                            \
    {                                          \
        name, HEED_ANSWER_LIST, HEED_EXACT, 0, \
    }
#define CHOICE                                     \
    {                                              \
        "choice", HEED_ANSWER_TEXT, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_embeddings[] = {
    {.id = "pp.q18a",
     .seed = "000 Q18",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SENTENCE,
     .vary = vary_sentence,
     .solve = looked_up,
     .slips = HEED_SLIP(HEED_SLIP_SORTED),
     .fields = {SHAPE("rows"), SHAPE("shape")}},
    {.id = "pp.q18b",
     .seed = "000 Q18",
     .kind = HEED_EXERCISE_CHOICE,
     .params = SENTENCE,
     .vary = vary_sentence,
     .solve = what_a_lookup_is,
     .fields = {CHOICE}},
    {.id = "pp.q19a",
     .seed = "000 Q19",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SENTENCE,
     .vary = vary_sentence,
     .solve = places,
     .slips = HEED_SLIP(HEED_SLIP_OFF_BY_ONE) | HEED_SLIP(HEED_SLIP_BATCH_AXIS),
     .fields = {SHAPE("rows"), SHAPE("shape"), SHAPE("table")}},
    {.id = "pp.q19b",
     .seed = "000 Q19",
     .kind = HEED_EXERCISE_CHOICE,
     .params = SENTENCE,
     .solve = what_a_place_is,
     .fields = {CHOICE}},
    {.id = "pp.q20a",
     .seed = "000 Q20",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SENTENCE,
     .vary = vary_sentence,
     .solve = concatenated,
     .fields = {WHOLE("concat_dim"), SHAPE("concat_shape")}},
    {.id = "hard.h1.5a",
     .seed = "001 H1.5",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"samples\": 1000, \"batch\": 32, \"seq_len\": 256}",
     .vary = vary_allocations,
     .solve = allocations,
     .slips = HEED_SLIP(HEED_SLIP_LAST_BATCH),
     .fields = {WHOLE("allocations"), WHOLE("bytes_each_int64")},
     .demo = "D39"},
    {.id = "hard.h6.1a",
     .seed = "001 H6.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"vocab_size\": 200000, \"d_model\": 256, \"max_length\": 256}",
     .vary = vary_tables,
     .solve = tables,
     .fields = {WHOLE("token"), WHOLE("position"), {"ratio", HEED_ANSWER_NUMBER, HEED_R1, 0}}},
    {.id = "hard.h6.2a",
     .seed = "001 H6.2",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"tokens\": [[1, 0], [0, 2], [3, 3]], \"positions\": [[10, 0], [0, 10], [10, 10]], \"swap\": "
               "[1, 3]}",
     .vary = vary_swap_words,
     .solve = swap_words,
     .slips = HEED_SLIP(HEED_SLIP_ROWS_MOVED),
     .fields = {{"before", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                {"after_swap", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                WHOLE("position_rows_changed")},
     .demo = "D28"},
    {.id = "hard.h6.3a",
     .seed = "001 H6.3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"max_length\": 256, \"length\": 300}",
     .vary = vary_too_long,
     .solve = too_long,
     .fields = {{"first_bad_position_0based", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION},
                {"positions_without_row", HEED_ANSWER_NUMBER, HEED_EXACT, HEED_ASKED_POSITION}},
     .demo = "D20"},
    {.id = NULL},
};
