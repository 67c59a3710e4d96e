/* SPDX-License-Identifier: MIT */
#include "workbook/paths.h"

#include <heed/session.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_TOKENS 1024 /* of a step */

/* p of n tokens, with their names or NULL. */
typedef struct choices {
    int64_t n;
    const double *p;
    const char **names;
} choices;

typedef struct path {
    int64_t first, second;
    double p;
} path;

/* --- searching --- */

/* The likeliest `most` of them, the likeliest first, as heed finds them in logits; equal ones in their order. */
static void likeliest(const choices *from, heed_likelihood *out, int64_t most)
{
    float logits[MOST_TOKENS];

    for (int64_t i = 0; i < from->n; i++)
        logits[i] = from->p[i] > 0.0 ? (float)log(from->p[i]) : -INFINITY;
    heed_logits_likeliest(logits, from->n, out, most);
}

/* The best path whose first token is among the `width` likeliest. Width 1: the greedy one. */
static path search(const choices *first, const choices *second, int64_t width)
{
    heed_likelihood beams[MOST_TOKENS], next;
    path best = {-1, -1, -1.0};

    width = width < first->n ? width : first->n;
    likeliest(first, beams, width);
    for (int64_t i = 0; i < width; i++) {
        const int64_t token = beams[i].id;
        double p;
        likeliest(&second[token], &next, 1);
        p = first->p[token] * second[token].p[next.id];
        if (p > best.p)
            best = (path){token, next.id, p};
    }
    return best;
}

/* --- taking --- */

static bool take_one(heed_solving *s, const char *what, const json_t *name, const json_t *value, choices *out,
                     double *p, int64_t i)
{
    if (!heed_json_to_double(value, &p[i]) || !(p[i] >= 0.0 && p[i] <= 1.0 + 1e-6))
        return heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected probabilities from 0 to 1", what);
    if (name != NULL && !json_is_string(name))
        return heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected a name before each probability", what);
    if (name != NULL)
        out->names[i] = json_string_value(name);
    return true;
}

static bool take_object(heed_solving *s, const char *what, const json_t *from, choices *out, double *p)
{
    const char *name;
    json_t *value;
    int64_t i = 0;

    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        out->names[i] = name;
        if (!take_one(s, what, NULL, value, out, p, i++))
            return false;
    }
    return true;
}

static bool take_list(heed_solving *s, const char *what, const json_t *from, choices *out, double *p)
{
    const bool pairs = json_is_array(json_array_get(from, 0));

    for (int64_t i = 0; i < out->n; i++) {
        const json_t *item = json_array_get(from, (size_t)i);
        if (pairs != json_is_array(item) || (pairs && json_array_size(item) != 2))
            return heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected pairs of a name and a probability", what);
        if (!take_one(s, what, pairs ? json_array_get(item, 0) : NULL, pairs ? json_array_get(item, 1) : item,
                      out, p, i))
            return false;
    }
    if (!pairs)
        out->names = NULL;
    return true;
}

static choices take_choices(heed_solving *s, const char *what, const json_t *from)
{
    const size_t n = json_is_object(from) ? json_object_size(from) : json_array_size(from);
    choices out = {.n = (int64_t)n};
    double *p = NULL;

    if (n < 1 || n > MOST_TOKENS) {
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected probabilities of 1 to %d tokens, got %zu", what,
                        MOST_TOKENS, n);
        return (choices){0};
    }
    p = heed_arena_alloc(s->arena, n * sizeof *p);
    out.p = p;
    out.names = heed_arena_alloc(s->arena, n * sizeof *out.names);
    if (p == NULL || out.names == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %zu tokens", n);
    else if (json_is_object(from) ? !take_object(s, what, from, &out, p) : !take_list(s, what, from, &out, p))
        return (choices){0};
    return s->status == HEED_OK ? out : (choices){0};
}

/* What stands behind first token i. */
static const json_t *behind(heed_solving *s, const json_t *second, const choices *first, int64_t i)
{
    char number[24];
    const char *name = number;
    const json_t *found;

    if (json_is_array(second))
        return json_array_get(second, (size_t)i);
    snprintf(number, sizeof number, "%lld", (long long)i);
    if (first->names != NULL)
        name = first->names[i];
    found = json_object_get(second, name);
    if (found == NULL)
        heed_solve_fail(s, HEED_ERR_USAGE, "second: expected probabilities behind \"%.40s\"", name);
    return found;
}

static choices *take_second(heed_solving *s, const choices *first)
{
    const json_t *second = heed_take_json(s, "second");
    choices *out = s->status == HEED_OK ? heed_arena_alloc(s->arena, (size_t)first->n * sizeof *out) : NULL;

    if (out == NULL)
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld tokens", (long long)first->n);
    if (s->status == HEED_OK && json_is_array(second) && (int64_t)json_array_size(second) != first->n)
        heed_solve_fail(s, HEED_ERR_USAGE,
                        "second: expected probabilities behind each of %lld first tokens, got %zu",
                        (long long)first->n, json_array_size(second));
    for (int64_t i = 0; s->status == HEED_OK && i < first->n; i++) {
        const json_t *row = behind(s, second, first, i);
        if (row != NULL)
            out[i] = take_choices(s, "second", row);
        if (s->status == HEED_OK && out[i].names == NULL && out[i].n == first->n)
            out[i].names = first->names; /* the same vocabulary */
    }
    return out;
}

/* --- telling --- */

static const char *name_of(heed_solving *s, const choices *c, int64_t i)
{
    const char *text = c->names != NULL ? c->names[i] : heed_arena_format(s->arena, "%lld", (long long)i);

    return text != NULL ? text : "";
}

static void put_token(json_t *list, const choices *c, int64_t i)
{
    json_array_append_new(list, c->names != NULL ? json_string(c->names[i]) : json_integer(i));
}

static void put_path(heed_solving *s, const char *name, const char *name_p, const choices *first,
                     const choices *second, path x)
{
    const double p = first->p[x.first], then = second[x.first].p[x.second];
    json_t *list = json_array();

    put_token(list, first, x.first);
    put_token(list, &second[x.first], x.second);
    heed_step(s, "%s: %.40s, then %.40s: %g * %g = %.5g", name, name_of(s, first, x.first),
              name_of(s, &second[x.first], x.second), p, then, p * then);
    heed_put_json(s, name, list);
    heed_put_number(s, name_p, s->slip == HEED_SLIP_SUM_P ? p + then : x.p);
}

/* The best way on from each first token. */
static void step_ways(heed_solving *s, const choices *first, const choices *second)
{
    heed_likelihood next;

    for (int64_t i = 0; s->steps != NULL && i < first->n && i < 12; i++) {
        likeliest(&second[i], &next, 1);
        heed_step(s, "behind %.40s (%g) the likeliest is %.40s: %g * %g = %.5g", name_of(s, first, i),
                  first->p[i], name_of(s, &second[i], next.id), first->p[i], second[i].p[next.id],
                  first->p[i] * second[i].p[next.id]);
    }
}

void heed_solve_paths(heed_solving *s)
{
    const json_t *given = heed_take_json(s, "first");
    const choices first = s->status == HEED_OK ? take_choices(s, "first", given) : (choices){0};
    const int64_t width = heed_take_int(s, "width", 1, MOST_TOKENS);
    const choices *second = take_second(s, &first);

    if (s->status != HEED_OK)
        return;
    step_ways(s, &first, second);
    put_path(s, "greedy", "greedy_p", &first, second, search(&first, second, 1));
    put_path(s, "beam", "beam_p", &first, second, search(&first, second, width));
    put_path(s, "best", "best_p", &first, second, search(&first, second, first.n));
}

/* --- other numbers --- */

enum { TOKENS = 3 };

/* Probabilities that add up to 1, multiples of 0.05, none of them 0. */
static void draw_row(heed_varying *v, double *p)
{
    const int64_t a = heed_draw_int(v, 1, 18), b = heed_draw_int(v, 1, 19 - a);

    p[0] = (double)a / 20.0;
    p[1] = (double)b / 20.0;
    p[2] = (double)(20 - a - b) / 20.0;
}

static json_t *list_of(const double *p)
{
    json_t *list = json_array();

    for (int i = 0; i < TOKENS; i++)
        json_array_append_new(list, heed_json_of_double(p[i]));
    return list;
}

/* Is there a second path as probable as the best one, or a tie on the way? */
static bool has_ties(const choices *first, const choices *second, path best)
{
    int as_good = 0;

    for (int i = 0; i < TOKENS; i++) {
        for (int j = 0; j < TOKENS; j++) {
            as_good += fabs(first->p[i] * second[i].p[j] - best.p) < 1e-9;
            if (j > i && (first->p[i] == first->p[j]))
                return true;
            for (int k = 0; k < j; k++) {
                if (second[i].p[j] == second[i].p[k])
                    return true;
            }
        }
    }
    return as_good != 1;
}

void heed_vary_paths(heed_varying *v)
{
    double rows[TOKENS + 1][TOKENS];
    const choices first = {.n = TOKENS, .p = rows[0]};
    choices second[TOKENS];
    json_t *all = json_array();
    path greedy, beam;

    for (int i = 0; i <= TOKENS; i++)
        draw_row(v, rows[i]);
    for (int i = 0; i < TOKENS; i++) {
        second[i] = (choices){.n = TOKENS, .p = rows[i + 1]};
        json_array_append_new(all, list_of(rows[i + 1]));
    }
    heed_vary_set_json(v, "first", list_of(rows[0]));
    heed_vary_set_json(v, "second", all);
    greedy = search(&first, second, 1);
    beam = search(&first, second, 2);
    v->again = greedy.first == beam.first || has_ties(&first, second, search(&first, second, TOKENS));
}
