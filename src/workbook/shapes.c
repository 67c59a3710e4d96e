/* SPDX-License-Identifier: MIT */
/* A. Shapes: what a pass of the model makes, read off its graph. */
#include <string.h>

#include "workbook/attend.h"
#include "workbook/counting.h"
#include "workbook/groups.h"

typedef struct sizes {
    int64_t B, T, H, d;
    heed_config config;
} sizes;

static sizes take_sizes(heed_solving *s)
{
    sizes x = {.B = heed_take_int(s, "batch_size", 1, HEED_COUNT_MOST_BATCH),
               .T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T),
               .H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS),
               .d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D)};

    x.config = heed_count_m0(heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V), x.d, x.H, x.T);
    return x;
}

static void vary_sizes(heed_varying *v)
{
    heed_vary_heads(v);
    heed_vary_int(v, "vocab_size", 30, 999);
}

/* --- what the axes are --- */

/* As the engine's symbols say: [B, H, T, d/H]. Of two axes of positions the first is the query's. */
static const char *axis_name(const heed_shapes_entry *e, int axis)
{
    static const char *const names[][2] = {{"B", "batch"},      {"H", "heads"},   {"T", "seq"},
                                           {"d/H", "head_dim"}, {"d", "d_model"}, {"V", "vocab"}};
    int before = 0, in_all = 0;

    for (int i = 0; i < e->rank; i++) {
        in_all += strcmp(e->symbol[i], "T") == 0;
        before += i < axis && strcmp(e->symbol[i], "T") == 0;
    }
    if (in_all == 2 && strcmp(e->symbol[axis], "T") == 0)
        return before == 0 ? "query position" : "key position";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(e->symbol[axis], names[i][0]) == 0)
            return names[i][1];
    }
    return e->symbol[axis];
}

static void put_labels(heed_solving *s, const heed_shapes_entry *e)
{
    json_t *labels = json_array();

    for (int i = 0; e != NULL && i < e->rank; i++) {
        heed_step(s, "axis %d: %lld, the %s", i, (long long)e->size[i], axis_name(e, i));
        json_array_append_new(labels, json_string(axis_name(e, i)));
    }
    heed_put_json(s, "labels", labels);
}

/* --- pp.q01 --- */

static void size_of_head(heed_solving *s)
{
    sizes x = take_sizes(s);
    heed_shapes *all;
    const heed_shapes_entry *e;

    if (s->slip == HEED_SLIP_NO_HEADS)
        x.config.n_heads = 1;
    all = heed_count_heads(s, &x.config, x.B, x.T);
    e = heed_count_entry(s, all, "heads");
    if (e != NULL) {
        heed_step(s, "head_dim = d_model / n_heads = %lld / %lld = %lld", (long long)x.d, (long long)x.H,
                  (long long)e->size[3]);
        heed_put_number(s, "value", (double)e->size[3]);
    }
    heed_shapes_destroy(all);
}

/* --- pp.q02 --- */

/* Queries as they come out of the map, before heads are split: what blocks.0.attn.q is a view of. */
static const heed_shapes_entry *mapped(heed_solving *s, const heed_shapes *all)
{
    const heed_shapes_entry *q = heed_count_entry(s, all, "blocks.0.attn.q");

    return q != NULL && q->of >= 0 ? heed_shapes_get(all, q->of) : q;
}

static void after_map(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);
    const heed_shapes_entry *in = heed_count_entry(s, all, "blocks.0.resid_pre"), *out = mapped(s, all);

    heed_step(s, "what goes in: %s", heed_sizes_text(s, in));
    heed_step(s, "the map takes the %lld numbers of each position to %lld others: %s", (long long)x.d,
              (long long)x.d, heed_sizes_text(s, out));
    heed_put_sizes(s, "value", out);
    heed_shapes_destroy(all);
}

/* The axes before the last are what they were, and the weights know of nothing but d_model. */
static void why_unchanged(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);
    const heed_shapes_entry *in = heed_count_entry(s, all, "blocks.0.resid_pre"), *out = mapped(s, all);
    const heed_shapes_entry *weight = heed_count_entry(s, all, "h.0.attn.c_attn.weight");

    if (in != NULL && out != NULL && weight != NULL) {
        const bool rows_stay = in->rank == out->rank &&
                               memcmp(in->size, out->size, (size_t)(in->rank - 1) * sizeof in->size[0]) == 0;
        heed_step(s, "in %s, out %s", heed_sizes_text(s, in), heed_sizes_text(s, out));
        heed_step(s, "the weights of the query map are %lld of the %lld columns of %s: no axis of positions",
                  (long long)out->size[2], (long long)weight->size[1], heed_sizes_text(s, weight));
        heed_put_text(s, "choice",
                      rows_stay && weight->size[0] == in->size[in->rank - 1] ? "last_axis" : "mixes");
    }
    heed_shapes_destroy(all);
}

/* --- pp.q03a, pp.q04a --- */

static void split_heads(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_heads(s, &x.config, x.B, x.T);
    const heed_shapes_entry *e = heed_count_entry(s, all, s->slip == HEED_SLIP_NO_SWAP ? "split" : "heads");

    heed_step(s, "the query map gives %s", heed_sizes_text(s, heed_count_entry(s, all, "x")));
    heed_step(s, "view cuts each row of %lld into n_heads = %lld parts of %lld numbers: %s", (long long)x.d,
              (long long)x.H, (long long)(x.d / x.H), heed_sizes_text(s, heed_count_entry(s, all, "split")));
    heed_step(s, "transpose(1, 2) puts heads before positions: %s", heed_sizes_text(s, e));
    if (e != NULL && s->slip == HEED_SLIP_WRONG_SPLIT)
        heed_put_shape(s, "value", 4, e->size[0], e->size[3], e->size[2], e->size[1]);
    else
        heed_put_sizes(s, "value", e);
    put_labels(s, e);
    heed_shapes_destroy(all);
}

static void scores(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);
    const heed_shapes_entry *q = heed_count_entry(s, all, "blocks.0.attn.q");
    const heed_shapes_entry *e = heed_count_entry(s, all, "blocks.0.attn.scores");

    heed_step(s, "Q and K are %s each", heed_sizes_text(s, q));
    heed_step(s, "for each head of each sequence every query meets every key, and head_dim is summed over: %s",
              heed_sizes_text(s, e));
    if (e != NULL && s->slip == HEED_SLIP_NO_HEADS)
        heed_put_shape(s, "value", 3, e->size[0], e->size[2], e->size[3]);
    else if (q != NULL && s->slip == HEED_SLIP_TURNED_INPUT)
        heed_put_shape(s, "value", 4, q->size[0], q->size[1], q->size[3], q->size[3]);
    else
        heed_put_sizes(s, "value", e);
    put_labels(s, e);
    heed_shapes_destroy(all);
}

/* --- pp.q04b --- */

static double dot(heed_grid a, int64_t i, heed_grid b, int64_t j)
{
    double sum = 0.0;

    for (int64_t c = 0; c < a.columns; c++)
        sum += a.data[i * a.columns + c] * b.data[j * b.columns + c];
    return sum;
}

/* Of queries and keys such that q_i . k_j - q_j . k_i = i - j: no entry is like the one that mirrors it. */
static heed_grid marked_rows(heed_solving *s, int64_t T, double first, double second)
{
    heed_grid x = heed_grid_make(s, T, 2);

    for (int64_t i = 0; i < x.rows; i++) {
        x.data[2 * i] = first + (double)i;
        x.data[2 * i + 1] = second * (double)((i * 7) % 5);
    }
    return x;
}

static void what_an_entry_means(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const int64_t T = heed_take_int(s, "seq_len", 2, HEED_ATTEND_MOST), i = heed_take_int(s, "i", 0, T - 1),
                  j = heed_take_int(s, "j", 0, T - 1);
    const heed_grid q = marked_rows(s, T, 1.0, 3.0), k = marked_rows(s, T, 2.0, 11.0);
    const heed_attend_inputs in = {.q = q, .k = k};
    const heed_attended a = heed_attend(s, &in);
    const char *choice = "share";

    heed_take_int(s, "b", 0, x.B - 1);
    heed_take_int(s, "h", 0, x.H - 1);
    if (s->status != HEED_OK)
        return;
    if (i == j)
        heed_solve_fail(s, HEED_ERR_USAGE, "i and j: expected two different positions, got %lld twice",
                        (long long)i);
    heed_step(s, "tried with %lld queries and keys of which q_i . k_j and q_j . k_i are never the same",
              (long long)T);
    heed_step(s, "entry [%lld, %lld] is %g", (long long)i, (long long)j, a.scores.data[i * T + j]);
    heed_step(s, "query %lld . key %lld = %g; query %lld . key %lld = %g", (long long)i, (long long)j,
              dot(q, i, k, j), (long long)j, (long long)i, dot(q, j, k, i));
    if (a.scores.data[i * T + j] == dot(q, i, k, j))
        choice = "fit";
    else if (a.scores.data[i * T + j] == dot(q, j, k, i))
        choice = "turned";
    heed_put_text(s, "choice", choice);
}

static void vary_entry(heed_varying *v)
{
    int64_t T;

    vary_sizes(v);
    T = json_integer_value(json_object_get(v->params, "seq_len"));
    heed_vary_int(v, "b", 0, json_integer_value(json_object_get(v->params, "batch_size")) - 1);
    heed_vary_int(v, "h", 0, json_integer_value(json_object_get(v->params, "n_heads")) - 1);
    if (heed_vary_int(v, "i", 0, T - 1) == heed_vary_int(v, "j", 0, T - 1))
        v->again = true;
}

/* --- pp.q05 --- */

static void logits(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);
    const heed_shapes_entry *e = heed_count_entry(s, all, "logits");

    heed_step(s, "what attention hands on: %s",
              heed_sizes_text(s, heed_count_entry(s, all, "blocks.0.attn_out")));
    heed_step(s, "the head takes the %lld numbers of each position to one for each token: %s", (long long)x.d,
              heed_sizes_text(s, e));
    heed_put_sizes(s, "value", e);
    heed_shapes_destroy(all);
}

/* The head's weights have an axis for d_model and one for the vocabulary: the others are those of what it reads. */
static void why_logits(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_shapes *all = heed_count_shapes(s, &x.config, x.B, x.T);
    const heed_shapes_entry *e = heed_count_entry(s, all, "logits");

    if (e != NULL) {
        const bool each = e->rank == 3 && strcmp(axis_name(e, 0), "batch") == 0 &&
                          strcmp(axis_name(e, 1), "seq") == 0 && strcmp(axis_name(e, 2), "vocab") == 0;
        for (int i = 0; i < e->rank; i++)
            heed_step(s, "axis %d: %lld, the %s", i, (long long)e->size[i], axis_name(e, i));
        heed_put_text(s, "choice", each ? "everywhere" : "last");
    }
    heed_shapes_destroy(all);
}

#define COMMON "\"batch_size\": 1, \"seq_len\": 4, \"d_model\": 8, \"n_heads\": 2, \"vocab_size\": 50"
#define SEED   "{" COMMON "}"
#define SHAPE(name)                            \
    {                                          \
        name, HEED_ANSWER_LIST, HEED_EXACT, 0, \
    }
#define CHOICE                                     \
    {                                              \
        "choice", HEED_ANSWER_TEXT, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_shapes[] = {
    {.id = "pp.q01",
     .seed = "000 Q1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = size_of_head,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {{"value", HEED_ANSWER_NUMBER, HEED_EXACT, 0}},
     .demo = "D01"},
    {.id = "pp.q02a",
     .seed = "000 Q2",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SEED,
     .vary = vary_sizes,
     .solve = after_map,
     .fields = {SHAPE("value")},
     .demo = "D01"},
    {.id = "pp.q02b",
     .seed = "000 Q2",
     .kind = HEED_EXERCISE_CHOICE,
     .params = SEED,
     .vary = vary_sizes,
     .solve = why_unchanged,
     .fields = {CHOICE},
     .demo = "D01"},
    {.id = "pp.q03a",
     .seed = "000 Q3",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SEED,
     .vary = vary_sizes,
     .solve = split_heads,
     .slips = HEED_SLIP(HEED_SLIP_NO_SWAP) | HEED_SLIP(HEED_SLIP_WRONG_SPLIT),
     .fields = {SHAPE("value"), SHAPE("labels")},
     .demo = "D01"},
    {.id = "pp.q04a",
     .seed = "000 Q4",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SEED,
     .vary = vary_sizes,
     .solve = scores,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS) | HEED_SLIP(HEED_SLIP_TURNED_INPUT),
     .fields = {SHAPE("value"), SHAPE("labels")},
     .demo = "D01"},
    {.id = "pp.q04b",
     .seed = "000 Q4",
     .kind = HEED_EXERCISE_CHOICE,
     .params = "{" COMMON ", \"b\": 0, \"h\": 1, \"i\": 2, \"j\": 1}",
     .vary = vary_entry,
     .solve = what_an_entry_means,
     .fields = {CHOICE},
     .demo = "D01"},
    {.id = "pp.q05a",
     .seed = "000 Q5",
     .kind = HEED_EXERCISE_SHAPE,
     .params = SEED,
     .vary = vary_sizes,
     .solve = logits,
     .fields = {SHAPE("value")},
     .demo = "D01"},
    {.id = "pp.q05b",
     .seed = "000 Q5",
     .kind = HEED_EXERCISE_CHOICE,
     .params = SEED,
     .solve = why_logits,
     .fields = {CHOICE},
     .demo = "D01"},
    {.id = NULL},
};
