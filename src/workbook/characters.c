/* SPDX-License-Identifier: MIT */
/* O. From a text to the batches that training sees. */
#include <heed/tokenizer.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/counting.h"
#include "workbook/groups.h"
#include "workbook/window.h"

#define MOST_BYTES 1048576
#define MOST_BATCH 256

/* --- a12.n01 --- */

static void put_characters(heed_solving *s, const heed_tokenizer *t)
{
    const int64_t n = heed_tokenizer_vocab_size(t);
    json_t *all = json_array();

    for (int64_t i = 0; i < n; i++) {
        size_t size = 0;
        const char *piece = heed_tokenizer_piece(t, i, &size);
        json_array_append_new(all, json_stringn(piece, size));
        if (i < 8)
            heed_step(s, "id %lld: '%s' (code %u%s)", (long long)i, piece, (unsigned)(unsigned char)piece[0],
                      size > 1 ? " and more" : "");
    }
    heed_step(s, "%lld characters in all, in the order of their codes", (long long)n);
    heed_put_json(s, "charset", all);
    heed_put_number(s, "vocab_size", (double)n);
}

static void put_ids(heed_solving *s, const heed_tokenizer *t, const char *text)
{
    heed_error err = {HEED_OK, ""};
    int32_t *ids = NULL;
    char *back = NULL;
    size_t n = 0, n_back = 0;
    heed_status status = heed_tokenizer_encode(t, text, strlen(text), NULL, &ids, &n, &err);
    json_t *list = json_array();

    if (status == HEED_OK)
        status = heed_tokenizer_decode(t, ids, n, &back, &n_back, &err);
    for (size_t i = 0; status == HEED_OK && i < n; i++) {
        json_array_append_new(list, json_integer(ids[i]));
        if (i < 16)
            heed_step(s, "'%s' is %d", heed_tokenizer_piece(t, ids[i], NULL), (int)ids[i]);
    }
    if (status == HEED_OK) {
        heed_step(s, "looked up the other way round they give \"%.200s\" again", back);
        heed_put_json(s, "ids", list);
        heed_put_json(s, "decoded", json_stringn(back, n_back));
    } else {
        json_decref(list);
        heed_solve_fail(s, status, "encode: %s", err.message);
    }
    free(ids);
    free(back);
}

static void characters(heed_solving *s)
{
    const char *text = heed_take_text(s, "text"), *encode = heed_take_text(s, "encode");
    heed_tokenizer *t = NULL;
    heed_error err = {HEED_OK, ""};
    heed_status status;

    if (s->status == HEED_OK && (strlen(text) > MOST_BYTES || strlen(encode) > MOST_BYTES))
        heed_solve_fail(s, HEED_ERR_USAGE, "expected texts of at most %d bytes", MOST_BYTES);
    if (s->status != HEED_OK)
        return;
    status = heed_tokenizer_characters(text, strlen(text), &t, &err);
    if (status != HEED_OK) {
        heed_solve_fail(s, status, "text: %s", err.message);
        return;
    }
    put_characters(s, t);
    put_ids(s, t, encode);
    heed_tokenizer_destroy(t);
}

/* A line, and some words of it. */
static void vary_characters(heed_varying *v)
{
    static const char *const lines[] = {
        "the moon lends silver to the sea",       "a crow sat dreaming on the wire",
        "Rain wrote its letters on the glass.",   "No lamp was lit, no bell was rung;",
        "Who counts the stars before they fade?", "slow snow on old stone",
    };
    const char *line = lines[heed_draw_int(v, 0, 5)];
    const size_t n = strlen(line);
    char part[64];
    size_t from = (size_t)heed_draw_int(v, 0, (int64_t)n - 5), length = (size_t)heed_draw_int(v, 3, 9);

    while (line[from] == ' ')
        from++;
    length = from + length > n ? n - from : length;
    while (line[from + length - 1] == ' ')
        length--;
    memcpy(part, line + from, length);
    part[length] = '\0';
    heed_vary_set_text(v, "text", line);
    heed_vary_set_text(v, "encode", part);
}

/* --- a12.n02 --- */

/* A product such as 0.7 * 90 may come out a little below the whole number that it is. */
#define ROUNDING 1e-12

static void split(heed_solving *s)
{
    const int64_t n = heed_take_int(s, "n", 1, INT64_C(1) << 50);
    const double share = heed_take_number(s, "share");
    double exact, train;

    if (s->status == HEED_OK && !(share >= 0.0 && share <= 1.0))
        heed_solve_fail(s, HEED_ERR_USAGE, "share: expected a number from 0 to 1, got %.10g", share);
    if (s->status != HEED_OK)
        return;
    exact = share * (double)n;
    train = s->slip == HEED_SLIP_ROUNDED_UP ? ceil(exact * (1.0 - ROUNDING)) : floor(exact * (1.0 + ROUNDING));
    heed_step(s, "%.10g * %s = %.10g, of which the whole part counts: %s", share, heed_count_text(s, (double)n),
              exact, heed_count_text(s, train));
    heed_step(s, "the rest is for validation: %s - %s = %s", heed_count_text(s, (double)n),
              heed_count_text(s, train), heed_count_text(s, (double)n - train));
    heed_put_number(s, "train", train);
    heed_put_number(s, "val", (double)n - train);
}

static void vary_split(heed_varying *v)
{
    heed_vary_int(v, "n", 1000, 2000000);
    heed_vary_pick(v, "share", 3, 0.8, 0.9, 0.95);
}

/* --- a12.n03 --- */

/* The first n of ids, and the target behind them. */
static json_t *example(heed_grid ids, int64_t n, double target)
{
    json_t *row = json_array();

    for (int64_t j = 0; j < n; j++)
        json_array_append_new(row, heed_json_of_double(ids.data[j]));
    json_array_append_new(row, heed_json_of_double(target));
    return row;
}

static void contexts(heed_solving *s)
{
    const heed_grid chunk = heed_take_list(s, "chunk");
    const int64_t T = heed_take_int(s, "block_size", 1, MOST_BATCH);
    heed_grid ids, targets;
    json_t *rows;

    heed_window_of(s, chunk, 0, T, &ids, &targets);
    if (s->status != HEED_OK)
        return;
    rows = json_array();
    heed_step_grid(s, ids, "what the model reads, the first block_size ids");
    heed_step_grid(s, targets, "what it shall predict, one further on");
    for (int64_t t = 0; t < T; t++) {
        const double target = s->slip == HEED_SLIP_NO_SHIFT ? ids.data[t] : targets.data[t];
        json_array_append_new(rows, example(ids, t + 1, target));
        if (t < 16)
            heed_step(s, "the first %lld: next comes %.0f", (long long)t + 1, target);
    }
    heed_put_number(s, "count", (double)T);
    heed_put_json(s, "examples", rows);
}

static void vary_contexts(heed_varying *v)
{
    const int64_t T = heed_vary_int(v, "block_size", 3, 8);

    heed_vary_whole(v, "chunk", 0, T + 1, 0, 64);
}

/* --- a12.n04 --- */

typedef struct batch {
    heed_grid data, starts;
    int64_t T, i, j;
} batch;

static batch take_batch(heed_solving *s)
{
    batch b = {.data = heed_take_list(s, "data"),
               .starts = heed_take_list(s, "starts"),
               .T = heed_take_int(s, "block_size", 1, MOST_BATCH)};

    if (s->status == HEED_OK && b.starts.columns > MOST_BATCH)
        heed_solve_fail(s, HEED_ERR_USAGE, "starts: expected at most %d places", MOST_BATCH);
    b.i = heed_take_int(s, "i", 0, s->status == HEED_OK ? b.starts.columns - 1 : 0);
    b.j = heed_take_int(s, "j", 0, s->status == HEED_OK ? b.T - 1 : 0);
    for (int64_t k = 0; s->status == HEED_OK && k < b.starts.columns; k++) {
        const double at = b.starts.data[k];
        if (!(at >= 0.0 && at == floor(at) && at + (double)b.T < (double)b.data.columns))
            heed_solve_fail(s, HEED_ERR_USAGE, "starts: expected places from 0 to %lld, got %.10g",
                            (long long)(b.data.columns - b.T - 1), at);
    }
    return b;
}

static void windows(heed_solving *s)
{
    const batch b = take_batch(s);
    heed_grid inputs = heed_grid_make(s, b.starts.columns, b.T),
              targets = heed_grid_make(s, b.starts.columns, b.T);
    /* counted from 1 by mistake */
    const int64_t shift = s->slip == HEED_SLIP_OFF_BY_ONE && b.i > 0 && b.j > 0;

    for (int64_t k = 0; s->status == HEED_OK && k < b.starts.columns; k++) {
        heed_grid ids, next;
        heed_window_of(s, b.data, (int64_t)b.starts.data[k], b.T, &ids, &next);
        for (int64_t t = 0; s->status == HEED_OK && t < b.T; t++) {
            inputs.data[k * b.T + t] = ids.data[t];
            targets.data[k * b.T + t] = s->slip == HEED_SLIP_NO_SHIFT ? ids.data[t] : next.data[t];
        }
    }
    if (s->status != HEED_OK)
        return;
    heed_step_grid(s, inputs, "inputs: block_size ids from each start on");
    heed_step_grid(s, targets, "targets: the same, one further on");
    heed_step(
        s,
        "row i = %lld of the inputs up to column j = %lld, %lld ids, is followed by targets[%lld][%lld] = %.0f",
        (long long)b.i, (long long)b.j, (long long)b.j + 1, (long long)b.i, (long long)b.j,
        targets.data[b.i * b.T + b.j]);
    heed_put_grid(s, "inputs", inputs);
    heed_put_grid(s, "targets", targets);
    heed_put_number(s, "examples", (double)(inputs.rows * inputs.columns));
    heed_put_list(s, "question_context", (heed_grid){1, b.j + 1 - shift, inputs.data + (b.i - shift) * b.T});
    heed_put_number(s, "question_target", targets.data[(b.i - shift) * b.T + b.j - shift]);
}

static void vary_windows(heed_varying *v)
{
    const int64_t n = heed_draw_int(v, 2, 4), T = heed_vary_int(v, "block_size", 3, 8);

    heed_vary_whole(v, "data", 0, 40, 0, 99);
    heed_vary_whole(v, "starts", 0, n, 0, 39 - T);
    heed_vary_int(v, "i", 0, n - 1);
    heed_vary_int(v, "j", 0, T - 1);
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_characters[] = {
    {.id = "a12.n01",
     .seed = "003 10:13",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"text\": \"hello world\", \"encode\": \"hello\"}",
     .vary = vary_characters,
     .solve = characters,
     .fields = {{"charset", HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_LITERAL},
                WHOLE("vocab_size"),
                {"ids", HEED_ANSWER_LIST, HEED_EXACT, 0},
                {"decoded", HEED_ANSWER_TEXT, HEED_EXACT, HEED_ASKED_LITERAL}},
     .demo = "D36"},
    {.id = "a12.n02",
     .seed = "003 13:45",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"n\": 1115394, \"share\": 0.9}",
     .vary = vary_split,
     .solve = split,
     .slips = HEED_SLIP(HEED_SLIP_ROUNDED_UP),
     .fields = {WHOLE("train"), WHOLE("val")},
     .demo = "E04"},
    {.id = "a12.n03",
     .seed = "003 16:59",
     .kind = HEED_EXERCISE_MATRIX,
     .params = "{\"chunk\": [18, 47, 56, 57, 58, 1, 15, 47, 58], \"block_size\": 8}",
     .vary = vary_contexts,
     .solve = contexts,
     .slips = HEED_SLIP(HEED_SLIP_NO_SHIFT),
     .fields = {WHOLE("count"), {"examples", HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_FLAT}},
     .demo = "D36"},
    {.id = "a12.n04",
     .seed = "003 20:59",
     .kind = HEED_EXERCISE_MATRIX,
     .params =
         "{\"data\": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,"
         " 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39],"
         " \"starts\": [3, 11, 20, 28], \"block_size\": 8, \"i\": 1, \"j\": 4}",
     .vary = vary_windows,
     .solve = windows,
     .slips = HEED_SLIP(HEED_SLIP_NO_SHIFT) | HEED_SLIP(HEED_SLIP_OFF_BY_ONE),
     .fields = {{"inputs", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                {"targets", HEED_ANSWER_MATRIX, HEED_EXACT, 0},
                WHOLE("examples"),
                {"question_context", HEED_ANSWER_LIST, HEED_EXACT, 0},
                WHOLE("question_target")},
     .demo = "D36"},
    {.id = NULL},
};
