/* SPDX-License-Identifier: MIT */
/* The steps of a worked example in the order in which one writes them down. */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "inspect/paper.h"

/* What a place is called; its gradient is d and the same. */
static const struct {
    const char *name, *title, *base;
} places[HEED_PAPER_N_PLACES] = {
    [HEED_PAPER_X] = {"x", "tokens", "X"},
    [HEED_PAPER_X_KV] = {"x_kv", "tokens of the keys and values", "X_kv"},
    [HEED_PAPER_W_Q] = {"w_q", "map to the queries", "W_q"},
    [HEED_PAPER_W_K] = {"w_k", "map to the keys", "W_k"},
    [HEED_PAPER_W_V] = {"w_v", "map to the values", "W_v"},
    [HEED_PAPER_W_O] = {"w_o", "map to the output", "W_o"},
    [HEED_PAPER_B_Q] = {"b_q", "bias of the queries", "b_q"},
    [HEED_PAPER_B_K] = {"b_k", "bias of the keys", "b_k"},
    [HEED_PAPER_B_V] = {"b_v", "bias of the values", "b_v"},
    [HEED_PAPER_B_O] = {"b_o", "bias of the output", "b_o"},
    [HEED_PAPER_Q] = {"q", "queries", "Q"},
    [HEED_PAPER_K] = {"k", "keys", "K"},
    [HEED_PAPER_V] = {"v", "values", "V"},
    [HEED_PAPER_Q_HEADS] = {"q", "queries", "Q"},
    [HEED_PAPER_K_HEADS] = {"k", "keys", "K"},
    [HEED_PAPER_V_HEADS] = {"v", "values", "V"},
    [HEED_PAPER_SCORES] = {"scores", "scores", "S"},
    [HEED_PAPER_SCALED] = {"scaled", "scaled scores", "S'"},
    [HEED_PAPER_MASKED] = {"masked", "masked scores", "S''"},
    [HEED_PAPER_WEIGHTS] = {"weights", "weights", "A"},
    [HEED_PAPER_OUT_HEADS] = {"output", "output", "O"},
    [HEED_PAPER_OUT] = {"joined", "outputs of the heads side by side", "O"},
    [HEED_PAPER_Y] = {"y", "output", "Y"},
};

typedef struct listing {
    heed_paper *paper;
    const heed_paper_inputs *in;
    const heed_paper_line *
        *listed; /* [2, HEED_PAPER_N_PLACES, n_heads] the lines of values, and of gradients */
    const heed_paper_line *mask;
} listing;

static bool is_of_heads(heed_paper_place p)
{
    return p >= HEED_PAPER_Q_HEADS && p <= HEED_PAPER_OUT_HEADS;
}

static bool has(const listing *l, heed_paper_place p)
{
    return l->paper->numbers.value[p] != NULL;
}

/* --- lines --- */

#define MOST_LINES        48 /* of all heads together */
#define MOST_LINES_A_HEAD 20

/* The place of a line in the lists; head 0 where there is only one. */
static const heed_paper_line **slot(const listing *l, bool grad, heed_paper_place p, int64_t head)
{
    return &l->listed[((grad ? HEED_PAPER_N_PLACES : 0) + p) * l->paper->sizes.n_heads +
                      (is_of_heads(p) ? head : 0)];
}

/* The line of a value. Where nothing is split or scaled, an earlier place is the same matrix. */
static const heed_paper_line *value_of(const listing *l, heed_paper_place p, int64_t head)
{
    return *slot(l, false, p, head);
}

static const heed_paper_line *grad_of(const listing *l, heed_paper_place p, int64_t head)
{
    return *slot(l, true, p, head);
}

static const char *text(const listing *l, const char *first, const char *second)
{
    const char *both = heed_arena_format(l->paper->arena, "%s%s", first, second);

    return both != NULL ? both : first;
}

/* S, S', S'': a step that is left out has no prime. */
static const char *base_of(const listing *l, heed_paper_place p)
{
    return p == HEED_PAPER_MASKED && !has(l, HEED_PAPER_SCALED) ? "S'" : places[p].base;
}

static heed_paper_line *add(listing *l, heed_paper_kind kind, heed_paper_part part, int64_t rows,
                            int64_t columns, const float *values)
{
    heed_paper_line *line = &l->paper->lines[l->paper->n_lines++];

    assert(l->paper->n_lines <= l->paper->capacity);
    line->kind = kind;
    line->step = (heed_paper_step){
        .part = part, .head = -1, .note = "", .rows = rows, .columns = columns, .values = values};
    return line;
}

/* Rows and columns of a place; of heads, those of one. */
static void size_of(const listing *l, heed_paper_place p, int64_t *rows, int64_t *columns)
{
    const heed_paper_sizes *s = &l->paper->sizes;
    const heed_matrix *given[HEED_PAPER_N_PLACES] = {
        [HEED_PAPER_X] = l->in->x,     [HEED_PAPER_X_KV] = l->in->x_kv, [HEED_PAPER_W_Q] = l->in->w_q,
        [HEED_PAPER_W_K] = l->in->w_k, [HEED_PAPER_W_V] = l->in->w_v,   [HEED_PAPER_W_O] = l->in->w_o,
        [HEED_PAPER_B_Q] = l->in->b_q, [HEED_PAPER_B_K] = l->in->b_k,   [HEED_PAPER_B_V] = l->in->b_v,
        [HEED_PAPER_B_O] = l->in->b_o};
    const int64_t n = p >= HEED_PAPER_Q_HEADS ? 1 : s->n_heads;

    if (given[p] != NULL) {
        *rows = given[p]->rows;
        *columns = given[p]->columns;
        return;
    }
    *rows = p == HEED_PAPER_K || p == HEED_PAPER_V || p == HEED_PAPER_K_HEADS || p == HEED_PAPER_V_HEADS
                ? s->n_key
                : s->n_query;
    if (p >= HEED_PAPER_SCORES && p <= HEED_PAPER_WEIGHTS)
        *columns = s->n_key;
    else if (p == HEED_PAPER_OUT)
        *columns = s->n_heads * s->v_dim;
    else if (p == HEED_PAPER_Y)
        *columns = s->out;
    else
        *columns = n * (p == HEED_PAPER_V || p == HEED_PAPER_V_HEADS || p == HEED_PAPER_OUT_HEADS
                            ? s->v_dim
                            : s->head_dim);
}

/* The line of a place, or of its gradient. */
static heed_paper_line *line_of(listing *l, heed_paper_kind kind, heed_paper_part part, bool grad,
                                heed_paper_place p, int64_t head)
{
    const heed_paper_numbers *n = &l->paper->numbers;
    const float *values = grad ? n->grad[p] : n->value[p];
    int64_t rows, columns;
    heed_paper_line *line;

    size_of(l, p, &rows, &columns);
    line = add(l, kind, part, rows, columns, values + (is_of_heads(p) ? head * rows * columns : 0));
    line->base = grad ? text(l, "d", base_of(l, p)) : base_of(l, p);
    line->numbered = is_of_heads(p) && l->paper->sizes.n_heads > 1;
    line->step.head = is_of_heads(p) ? (int)head : -1;
    line->step.name = grad ? text(l, "d", places[p].name) : places[p].name;
    line->step.title = grad ? text(l, "gradient of the ", places[p].title) : places[p].title;
    line->step.pairs = p >= HEED_PAPER_SCORES && p <= HEED_PAPER_WEIGHTS;
    line->late = (grad && (p == HEED_PAPER_Q || p >= HEED_PAPER_SCORES || p == HEED_PAPER_Q_HEADS)) ||
                 p >= HEED_PAPER_WEIGHTS;
    *slot(l, grad, p, head) = line;
    return line;
}

static void multiply(heed_paper_line *line, const heed_paper_line *a, bool transpose_a,
                     const heed_paper_line *b, bool transpose_b)
{
    line->products[line->n_products++] = (heed_paper_product){a, b, transpose_a, transpose_b};
}

/* --- what is given, and what the maps make of it --- */

static void list_given(listing *l)
{
    static const heed_paper_place order[] = {HEED_PAPER_X,   HEED_PAPER_X_KV, HEED_PAPER_W_Q, HEED_PAPER_B_Q,
                                             HEED_PAPER_W_K, HEED_PAPER_B_K,  HEED_PAPER_W_V, HEED_PAPER_B_V,
                                             HEED_PAPER_W_O, HEED_PAPER_B_O};
    const struct {
        heed_paper_place place;
        const heed_matrix *given;
    } three[] = {{HEED_PAPER_Q, l->in->q}, {HEED_PAPER_K, l->in->k}, {HEED_PAPER_V, l->in->v}};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (has(l, order[i]))
            line_of(l, HEED_PAPER_KIND_GIVEN, HEED_PAPER_GIVEN, false, order[i], 0);
    for (int i = 0; i < 3; i++)
        if (three[i].given != NULL)
            line_of(l, HEED_PAPER_KIND_GIVEN, HEED_PAPER_GIVEN, false, three[i].place, 0);
}

/* What q, k or v is made from. */
static heed_paper_place x_of(const listing *l, heed_paper_place p)
{
    return p != HEED_PAPER_Q && l->in->x_kv != NULL ? HEED_PAPER_X_KV : HEED_PAPER_X;
}

static heed_paper_place map_of(heed_paper_place p)
{
    return p == HEED_PAPER_Q   ? HEED_PAPER_W_Q
           : p == HEED_PAPER_K ? HEED_PAPER_W_K
           : p == HEED_PAPER_V ? HEED_PAPER_W_V
                               : HEED_PAPER_W_O;
}

static heed_paper_place bias_of(heed_paper_place p)
{
    return (heed_paper_place)(map_of(p) - HEED_PAPER_W_Q + HEED_PAPER_B_Q);
}

/* y = x W + b of q, k, v or the output; without a map y = x. */
static void list_map(listing *l, heed_paper_place y, const heed_paper_line *x)
{
    heed_paper_line *line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_FORWARD, false, y, 0);

    multiply(line, x, false, value_of(l, map_of(y), 0), l->in->columns);
    line->bias = value_of(l, bias_of(y), 0);
}

/* --- forward --- */

static void list_columns(listing *l, heed_paper_part part, bool grad, heed_paper_place p, int64_t head,
                         const heed_paper_line *from)
{
    heed_paper_line *line = line_of(l, HEED_PAPER_KIND_COLUMNS, part, grad, p, head);

    line->from = from;
    line->first = head * line->step.columns;
}

/* Q_h, K_h and V_h; with one head they are Q, K and V. */
static void list_split(listing *l, int64_t head)
{
    static const heed_paper_place whole[] = {HEED_PAPER_Q, HEED_PAPER_K, HEED_PAPER_V};
    static const heed_paper_place part[] = {HEED_PAPER_Q_HEADS, HEED_PAPER_K_HEADS, HEED_PAPER_V_HEADS};

    for (int i = 0; i < 3; i++) {
        if (l->paper->sizes.n_heads > 1)
            list_columns(l, HEED_PAPER_FORWARD, false, part[i], head, value_of(l, whole[i], 0));
        else
            *slot(l, false, part[i], 0) = value_of(l, whole[i], 0);
    }
}

/* "2 of 9 pairs are hidden: query 0 from key 1, 2; query 1 from key 2" */
static const char *hidden_pairs(const listing *l)
{
    enum { MOST_QUERIES = 8, MOST_KEYS = 8 };
    const heed_paper_sizes *s = &l->paper->sizes;
    const uint8_t *seen = l->paper->numbers.seen;
    heed_text_buffer words = {0};
    int64_t n_hidden = 0, n_queries = 0;
    const char *note;

    for (int64_t i = 0; i < s->n_query; i++) {
        int64_t n = 0;

        for (int64_t j = 0; j < s->n_key; j++) {
            if (seen[i * s->n_key + j])
                continue;
            if (n == 0 && n_queries++ < MOST_QUERIES)
                heed_text_printf(&words, "%s query %lld from key", n_queries > 1 ? ";" : ":", (long long)i);
            if (n_queries <= MOST_QUERIES && n <= MOST_KEYS)
                heed_text_printf(&words, n < MOST_KEYS ? "%s %lld" : "%s ..", n > 0 ? "," : "", (long long)j);
            n++;
        }
        n_hidden += n;
    }
    if (n_queries > MOST_QUERIES)
        heed_text_puts(&words, "; ..");
    note = heed_arena_format(l->paper->arena, "%lld of %lld pairs %s hidden%s", (long long)n_hidden,
                             (long long)(s->n_query * s->n_key), n_hidden == 1 ? "is" : "are",
                             words.data != NULL ? words.data : "");
    heed_text_free(&words);
    return note != NULL ? note : "";
}

static void list_mask(listing *l)
{
    heed_paper *p = l->paper;
    const int64_t n = p->sizes.n_query * p->sizes.n_key;
    float *values = p->numbers.mask;
    heed_paper_line *line;

    if (p->sizes.form != HEED_MASK_ADDED) {
        values = heed_arena_alloc(p->arena, (size_t)n * sizeof *values);
        for (int64_t i = 0; values != NULL && i < n; i++)
            values[i] = (p->numbers.seen[i] != 0) == (p->sizes.form == HEED_MASK_SEEN) ? 1.0f : 0.0f;
    }
    if (values == NULL)
        return;
    line = add(l, HEED_PAPER_KIND_MASK, HEED_PAPER_FORWARD, p->sizes.n_query, p->sizes.n_key, values);
    line->base = "M";
    line->step.name = "mask";
    line->step.title = "mask";
    line->step.pairs = true;
    line->step.note = hidden_pairs(l);
    l->mask = line;
}

/* Says which queries see nothing; "" where each sees something. */
static const char *blind_queries(const listing *l)
{
    const heed_paper_sizes *s = &l->paper->sizes;
    int64_t n = 0, first = -1;
    const char *note = NULL;

    for (int64_t i = 0; i < s->n_query; i++)
        if (memchr(l->paper->numbers.seen + i * s->n_key, 1, (size_t)s->n_key) == NULL && n++ == 0)
            first = i;
    if (n == 0)
        return "";
    if (l->in->fill_1e9)
        note = heed_arena_format(l->paper->arena,
                                 "query %lld%s sees no key: with -1e9 everywhere all keys weigh alike",
                                 (long long)first, n > 1 ? " (and others)" : "");
    else
        note = heed_arena_format(
            l->paper->arena,
            "query %lld%s sees no key: its weights are zeros by heed's rule, where exp gives 0/0",
            (long long)first, n > 1 ? " (and others)" : "");
    return note != NULL ? note : "";
}

static void list_scores(listing *l, int64_t head)
{
    heed_paper_line *line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_FORWARD, false, HEED_PAPER_SCORES,
                                    head);
    const heed_paper_line *last = line;

    multiply(line, value_of(l, HEED_PAPER_Q_HEADS, head), false, value_of(l, HEED_PAPER_K_HEADS, head), true);
    if (has(l, HEED_PAPER_SCALED)) {
        line = line_of(l, HEED_PAPER_KIND_SCALE, HEED_PAPER_FORWARD, false, HEED_PAPER_SCALED, head);
        line->from = last;
        last = line;
    }
    if (has(l, HEED_PAPER_MASKED)) {
        if (l->mask == NULL)
            list_mask(l);
        line = line_of(l, HEED_PAPER_KIND_MASKED, HEED_PAPER_FORWARD, false, HEED_PAPER_MASKED, head);
        line->from = last;
        line->mask = l->mask;
        last = line;
    }
    line = line_of(l, HEED_PAPER_KIND_SOFTMAX, HEED_PAPER_FORWARD, false, HEED_PAPER_WEIGHTS, head);
    line->from = last;
    line->step.sums = true;
    line->step.note = blind_queries(l);
}

static void list_forward(listing *l)
{
    const heed_paper_sizes *s = &l->paper->sizes;

    for (heed_paper_place p = HEED_PAPER_Q; p <= HEED_PAPER_V; p++)
        if (value_of(l, p, 0) == NULL)
            list_map(l, p, value_of(l, x_of(l, p), 0));
    if (s->n_heads > 1 && has(l, HEED_PAPER_MASKED))
        list_mask(l);
    for (int64_t h = 0; h < s->n_heads; h++) {
        heed_paper_line *out;

        list_split(l, h);
        list_scores(l, h);
        out = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_FORWARD, false, HEED_PAPER_OUT_HEADS, h);
        multiply(out, value_of(l, HEED_PAPER_WEIGHTS, h), false, value_of(l, HEED_PAPER_V_HEADS, h), false);
    }
    if (s->n_heads > 1)
        line_of(l, HEED_PAPER_KIND_JOIN, HEED_PAPER_FORWARD, false, HEED_PAPER_OUT, 0);
    else
        *slot(l, false, HEED_PAPER_OUT, 0) = value_of(l, HEED_PAPER_OUT_HEADS, 0);
    if (has(l, HEED_PAPER_Y))
        list_map(l, HEED_PAPER_Y, value_of(l, HEED_PAPER_OUT, 0));
}

/* --- backward --- */

/* dW and db of a map whose output's gradient is listed. */
static void list_map_gradients(listing *l, heed_paper_place y, const heed_paper_line *x)
{
    const heed_paper_line *dy = grad_of(l, y, 0);
    heed_paper_line *line;

    if (!has(l, map_of(y)))
        return;
    line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, map_of(y), 0);
    if (l->in->columns)
        multiply(line, dy, true, x, false);
    else
        multiply(line, x, true, dy, false);
    if (has(l, bias_of(y))) {
        line = line_of(l, HEED_PAPER_KIND_COLUMN_SUMS, HEED_PAPER_BACKWARD, true, bias_of(y), 0);
        line->from = dy;
    }
}

/* The gradient that arrives, and what comes of it in front of the heads. */
static void list_output_gradients(listing *l)
{
    const heed_paper_place last = has(l, HEED_PAPER_Y)          ? HEED_PAPER_Y
                                  : l->paper->sizes.n_heads > 1 ? HEED_PAPER_OUT
                                                                : HEED_PAPER_OUT_HEADS;
    heed_paper_line *line = line_of(l, HEED_PAPER_KIND_GIVEN, HEED_PAPER_BACKWARD, true, last, 0);

    line->step.title = "the gradient that arrives";
    line->step.head = -1;
    if (last != HEED_PAPER_Y)
        return;
    list_map_gradients(l, HEED_PAPER_Y, value_of(l, HEED_PAPER_OUT, 0));
    line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true,
                   l->paper->sizes.n_heads > 1 ? HEED_PAPER_OUT : HEED_PAPER_OUT_HEADS, 0);
    line->step.head = -1;
    multiply(line, grad_of(l, HEED_PAPER_Y, 0), false, value_of(l, HEED_PAPER_W_O, 0), !l->in->columns);
}

/* dA, through softmax and scale to dS. */
static void list_score_gradients(listing *l, int64_t head)
{
    const heed_paper_place last = has(l, HEED_PAPER_MASKED)   ? HEED_PAPER_MASKED
                                  : has(l, HEED_PAPER_SCALED) ? HEED_PAPER_SCALED
                                                              : HEED_PAPER_SCORES;
    heed_paper_line *line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, HEED_PAPER_WEIGHTS,
                                    head);
    const heed_paper_line *from;

    multiply(line, grad_of(l, HEED_PAPER_OUT_HEADS, head), false, value_of(l, HEED_PAPER_V_HEADS, head), true);
    from = line;
    line = line_of(l, HEED_PAPER_KIND_SOFTMAX_BACKWARD, HEED_PAPER_BACKWARD, true, last, head);
    multiply(line, value_of(l, HEED_PAPER_WEIGHTS, head), false, from, false);
    line->step.sums = true;
    if (last == HEED_PAPER_MASKED)
        line->step.note =
            "the mask adds constants, so the scores before it have the same gradient; a hidden pair has 0";
    from = line;
    if (has(l, HEED_PAPER_SCALED)) {
        line = line_of(l, HEED_PAPER_KIND_SCALE, HEED_PAPER_BACKWARD, true, HEED_PAPER_SCORES, head);
        line->from = from;
    } else if (last == HEED_PAPER_MASKED) {
        line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, HEED_PAPER_SCORES, head);
        multiply(line, from, false, NULL, false);
    }
}

static void list_head_gradients(listing *l, int64_t head)
{
    const bool split = l->paper->sizes.n_heads > 1;
    const heed_paper_place q = split ? HEED_PAPER_Q_HEADS : HEED_PAPER_Q,
                           k = split ? HEED_PAPER_K_HEADS : HEED_PAPER_K,
                           v = split ? HEED_PAPER_V_HEADS : HEED_PAPER_V;
    heed_paper_line *line;

    if (split)
        list_columns(l, HEED_PAPER_BACKWARD, true, HEED_PAPER_OUT_HEADS, head, grad_of(l, HEED_PAPER_OUT, 0));
    line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, v, head);
    multiply(line, value_of(l, HEED_PAPER_WEIGHTS, head), true, grad_of(l, HEED_PAPER_OUT_HEADS, head), false);
    list_score_gradients(l, head);
    line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, q, head);
    multiply(line, grad_of(l, HEED_PAPER_SCORES, head), false, value_of(l, HEED_PAPER_K_HEADS, head), false);
    line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, k, head);
    multiply(line, grad_of(l, HEED_PAPER_SCORES, head), true, value_of(l, HEED_PAPER_Q_HEADS, head), false);
}

/* dx: what comes back through q, k and v, as far as they were made from it. */
static void list_x_gradient(listing *l, heed_paper_place x)
{
    const heed_matrix *given[] = {l->in->q, l->in->k, l->in->v};
    heed_paper_line *line;

    if (!has(l, x))
        return;
    line = line_of(l, HEED_PAPER_KIND_PRODUCTS, HEED_PAPER_BACKWARD, true, x, 0);
    for (int i = 0; i < 3; i++) {
        const heed_paper_place p = (heed_paper_place)(HEED_PAPER_Q + i);
        if (given[i] == NULL && x_of(l, p) == x)
            multiply(line, grad_of(l, p, 0), false, value_of(l, map_of(p), 0), !l->in->columns);
    }
}

static void list_backward(listing *l)
{
    const heed_matrix *given[] = {l->in->q, l->in->k, l->in->v};

    list_output_gradients(l);
    for (int64_t h = 0; h < l->paper->sizes.n_heads; h++)
        list_head_gradients(l, h);
    if (l->paper->sizes.n_heads > 1)
        for (heed_paper_place p = HEED_PAPER_Q; p <= HEED_PAPER_V; p++)
            line_of(l, HEED_PAPER_KIND_JOIN, HEED_PAPER_BACKWARD, true, p, 0);
    for (int i = 0; i < 3; i++) {
        const heed_paper_place p = (heed_paper_place)(HEED_PAPER_Q + i);
        if (given[i] == NULL)
            list_map_gradients(l, p, value_of(l, x_of(l, p), 0));
    }
    list_x_gradient(l, HEED_PAPER_X);
    list_x_gradient(l, HEED_PAPER_X_KV);
}

/* --- all of them --- */

/* Symbols and formulas as plain text, for the outside. */
static bool finish(heed_paper *paper)
{
    const heed_paper_notation plain = {.latex = false, .digits = 4};

    for (int i = 0; i < paper->n_lines; i++) {
        heed_paper_line *line = &paper->lines[i];
        heed_text_buffer symbol = {0}, formula = {0};

        heed_paper_put_symbol(&symbol, &plain, line);
        heed_paper_put_formula(&formula, &plain, paper, line);
        line->step.symbol = heed_arena_format(paper->arena, "%s", symbol.data != NULL ? symbol.data : "");
        line->step.formula = heed_arena_format(paper->arena, "%s", formula.data != NULL ? formula.data : "");
        if (symbol.failed || formula.failed || line->step.symbol == NULL || line->step.formula == NULL)
            return false;
        heed_text_free(&symbol);
        heed_text_free(&formula);
    }
    return true;
}

heed_status heed_paper_list(heed_paper *paper, const heed_paper_inputs *in, heed_error *err)
{
    const int64_t n_heads = paper->sizes.n_heads;
    listing l = {.paper = paper, .in = in};

    paper->capacity = (int)(MOST_LINES + MOST_LINES_A_HEAD * n_heads);
    paper->lines = heed_arena_alloc(paper->arena, (size_t)paper->capacity * sizeof *paper->lines);
    l.listed = heed_arena_alloc(paper->arena, (size_t)(2 * HEED_PAPER_N_PLACES * n_heads) * sizeof(void *));
    if (paper->lines == NULL || l.listed == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the steps");
    list_given(&l);
    list_forward(&l);
    if (in->grad != NULL)
        list_backward(&l);
    return finish(paper) && (!paper->sizes.masked || l.mask != NULL)
               ? HEED_OK
               : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the steps");
}
