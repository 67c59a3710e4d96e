/* SPDX-License-Identifier: MIT */
/* Around a number: what it was made of, and who reads it, each as a tree. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/trace_print.h"

enum {
    BRANCHES = 3,      /* terms of a sum, or numbers of an operand: the largest */
    MOST_LINES = 1000, /* of a tree */
    INDENT = 8,
};

typedef struct tree {
    const heed_trace *trace;
    bool all; /* every number has its branch */
    int n_lines;
} tree;

static bool is_full(tree *t)
{
    if (t->n_lines++ < MOST_LINES)
        return false;
    if (t->n_lines == MOST_LINES + 1)
        printf("%*s... more than %d lines\n", INDENT, "", MOST_LINES);
    return true;
}

/* What is seen under another address, or taken over, has both. */
static void put_line(const tree *t, int level, const char *role, heed_trace_element seen,
                     heed_trace_element element, const char *how)
{
    char address[HEED_TRACE_ADDRESS_BYTES];

    printf("%*s%s%s", INDENT + 2 * level, "", role, role[0] != '\0' ? "  " : "");
    if (seen.tensor != element.tensor)
        printf("%s = ", heed_trace_address(t->trace, seen, address));
    heed_cli_trace_put_number(t->trace, element);
    printf("   %s\n", how);
}

/* --- what a number was made of --- */

typedef struct branch {
    heed_trace_element at;
    const char *role;
} branch;

typedef struct branches {
    branch *list;
    int n, capacity;
    bool failed;
} branches;

static void add_branch(branches *b, heed_trace_element at, const char *role)
{
    for (int i = 0; i < b->n; i++) {
        if (b->list[i].at.tensor == at.tensor && b->list[i].at.element == at.element)
            return;
    }
    if (b->n == b->capacity) {
        branch *bigger = realloc(b->list, (size_t)(2 * b->capacity + 16) * sizeof *bigger);
        b->failed = b->failed || bigger == NULL;
        if (bigger == NULL)
            return;
        b->list = bigger;
        b->capacity = 2 * b->capacity + 16;
    }
    b->list[b->n++] = (branch){at, role};
}

/* The letter of the operand that lists the element. */
static const char *role_of(const heed_trace_explanation *e, heed_trace_element at)
{
    for (int i = 0; i < e->n_operands; i++) {
        const heed_trace_operand *o = &e->operands[i];
        const int64_t from = at.element - o->first.element, step = o->step > 0 ? o->step : 1;
        if (o->first.tensor == at.tensor && from >= 0 && from % step == 0 && from / step < o->count)
            return o->role;
    }
    return "";
}

static void add_inputs(branches *b, const heed_trace_explanation *e, int line, int64_t term)
{
    heed_trace_element at;

    for (int k = 0; k < e->lines[line].n_inputs; k++) {
        if (heed_trace_line_element(e, line, k, term, &at))
            add_branch(b, at, role_of(e, at));
    }
}

static double size_of(double x)
{
    return isnan(x) ? INFINITY : fabs(x);
}

/* Of a sum its largest terms, largest first. */
static void add_terms(branches *b, const heed_trace_explanation *e, int line, int most)
{
    const heed_trace_line *l = &e->lines[line];
    double last = INFINITY;
    int64_t last_at = -1;

    for (int64_t i = 0; i < most && i < l->n_terms; i++) {
        int64_t best = -1;
        for (int64_t t = 0; t < l->n_terms; t++) {
            const double size = size_of(l->terms[t]);
            const bool behind = size < last || (size == last && t > last_at);
            if (behind && (best < 0 || size > size_of(l->terms[best])))
                best = t;
        }
        if (best < 0)
            return;
        add_inputs(b, e, line, best);
        last = size_of(l->terms[best]);
        last_at = best;
    }
}

static void add_largest(branches *b, const heed_trace_operand *o, int most)
{
    heed_cli_trace_pick *picks = malloc((size_t)(most > 0 ? most : 1) * sizeof *picks);
    const int n = picks != NULL ? heed_cli_trace_largest(o, picks, most) : 0;

    b->failed = b->failed || picks == NULL;
    for (int i = 0; i < n; i++)
        add_branch(b, (heed_trace_element){o->first.tensor, o->first.element + picks[i].at * o->step}, o->role);
    free(picks);
}

static int count_role(const branches *b, const char *role)
{
    int n = 0;

    for (int i = 0; i < b->n; i++)
        n += strcmp(b->list[i].role, role) == 0;
    return n;
}

/*
 * By the lines of the calculation, as far as they say;
 * the others by the size of the operands' numbers.
 */
static void find_branches(const tree *t, const heed_trace_explanation *e, branches *b)
{
    const int most = t->all ? MOST_LINES : BRANCHES;

    for (int i = 0; i < e->n_lines && b->n < MOST_LINES; i++) {
        if (e->lines[i].depth > 0)
            continue;
        if (e->lines[i].kind == HEED_TRACE_STEP_OF)
            add_inputs(b, e, i, 0);
        else if (e->lines[i].terms != NULL)
            add_terms(b, e, i, most);
    }
    for (int i = 0; i < e->n_operands && b->n < MOST_LINES; i++) {
        const heed_trace_operand *o = &e->operands[i];
        const int n = count_role(b, o->role), own = o->count < most ? (int)o->count : most;
        if (e->n_lines == 0)
            add_largest(b, o, own);
        else if (t->all ? o->count == 1 : n < (o->count == 1 ? BRANCHES : 1)) /* what earlier lines read */
            add_largest(b, o, 1);
    }
}

static int64_t count_operands(const heed_trace_explanation *e)
{
    int64_t n = 0;

    for (int i = 0; i < e->n_operands; i++)
        n += e->operands[i].count;
    return n;
}

/* The number behind views and what was taken over. */
static heed_status explain_origin(const tree *t, heed_trace_element element, heed_trace_explanation **e,
                                  heed_error *err)
{
    heed_status status = heed_trace_explain(t->trace, element, e, err);

    while (status == HEED_OK && ((*e)->is_view || (*e)->is_taken)) {
        element = (*e)->is_view ? (*e)->operands[0].first : (*e)->from;
        heed_trace_explanation_free(*e);
        status = heed_trace_explain(t->trace, element, e, err);
    }
    return status;
}

static heed_status down(tree *t, heed_trace_element element, const char *role, int level, int64_t depth,
                        heed_error *err)
{
    heed_trace_explanation *e = NULL;
    branches b = {.n = 0};
    heed_status status = is_full(t) ? HEED_OK : explain_origin(t, element, &e, err);

    if (e == NULL)
        return status;
    put_line(t, level, role, element, e->element, e->op != NULL ? e->op : e->given);
    if (depth > 0 && e->op != NULL)
        find_branches(t, e, &b);
    if (b.failed)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a tree");
    for (int i = 0; i < b.n && status == HEED_OK && t->n_lines <= MOST_LINES; i++)
        status = down(t, b.list[i].at, b.list[i].role, level + 1, depth - 1, err);
    if (depth > 0 && status == HEED_OK && count_operands(e) > b.n && e->op != NULL && !is_full(t))
        printf("%*sand %lld numbers that weigh less, or only decide\n", INDENT + 2 * level + 2, "",
               (long long)(count_operands(e) - b.n));
    free(b.list);
    heed_trace_explanation_free(e);
    return status;
}

heed_status heed_cli_trace_down(const heed_trace *trace, heed_trace_element element, int64_t depth, bool all,
                                heed_error *err)
{
    tree t = {.trace = trace, .all = all};

    return down(&t, element, "", 0, depth, err);
}

/* The same as nested objects: an address, its value and what made it, and in "made_of" what that was made of. */
static heed_status down_json(tree *t, heed_trace_element element, const char *role, int64_t depth,
                             heed_cli_json *json, heed_error *err)
{
    char address[HEED_TRACE_ADDRESS_BYTES];
    heed_trace_explanation *e = NULL;
    branches b = {.n = 0};
    heed_status status = ++t->n_lines > MOST_LINES ? HEED_OK : explain_origin(t, element, &e, err);

    if (e == NULL)
        return status;
    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "role", role);
    heed_cli_json_text(json, "address", heed_trace_address(t->trace, element, address));
    if (element.tensor != e->element.tensor)
        heed_cli_json_text(json, "is", heed_trace_address(t->trace, e->element, address));
    heed_cli_trace_json_value(json, "value", (double)e->value);
    heed_cli_json_text(json, e->op != NULL ? "op" : "given", e->op != NULL ? e->op : e->given);
    if (depth > 0 && e->op != NULL)
        find_branches(t, e, &b);
    if (b.failed)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a tree");
    heed_cli_json_open(json, "made_of", '[');
    for (int i = 0; i < b.n && status == HEED_OK && t->n_lines <= MOST_LINES; i++)
        status = down_json(t, b.list[i].at, b.list[i].role, depth - 1, json, err);
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
    free(b.list);
    heed_trace_explanation_free(e);
    return status;
}

heed_status heed_cli_trace_down_json(const heed_trace *trace, heed_trace_element element, int64_t depth,
                                     bool all, heed_cli_json *json, heed_error *err)
{
    tree t = {.trace = trace, .all = all};

    return down_json(&t, element, "", depth, json, err);
}

/* --- who reads it --- */

static heed_status up(tree *t, heed_trace_element element, int level, int64_t depth, heed_error *err);

static heed_status up_reader(tree *t, const heed_trace_reader *r, int level, int64_t depth, heed_error *err)
{
    const int shown = r->n < BRANCHES ? (int)r->n : BRANCHES;
    heed_status status = HEED_OK;

    for (int i = 0; i < shown && status == HEED_OK; i++) {
        const heed_trace_tensor x = heed_trace_tensor_at(t->trace, r->first[i].tensor);
        if (is_full(t))
            return HEED_OK;
        put_line(t, level, "", r->first[i], r->first[i], r->is_taken || x.op == NULL ? "taken over" : x.op);
        if (depth > 1 && i == 0)
            status = up(t, r->first[i], level + 1, depth - 1, err);
    }
    if (r->n_asked < r->n_elements && !is_full(t))
        printf("%*s%lld read it of %lld that were asked; the tensor has %lld elements\n", INDENT + 2 * level,
               "", (long long)r->n, (long long)r->n_asked, (long long)r->n_elements);
    else if (r->n > shown && !is_full(t))
        printf("%*sand %lld more of the %lld elements of that tensor\n", INDENT + 2 * level, "",
               (long long)(r->n - shown), (long long)r->n_elements);
    return status;
}

static heed_status up(tree *t, heed_trace_element element, int level, int64_t depth, heed_error *err)
{
    heed_trace_reader *list = NULL;
    int n = 0;
    heed_status status = heed_trace_readers(t->trace, element, &list, &n, err);

    if (status == HEED_OK && n == 0 && !is_full(t))
        printf("%*snobody: here the run ends\n", INDENT + 2 * level, "");
    for (int i = 0; i < n && status == HEED_OK && t->n_lines <= MOST_LINES; i++)
        status = up_reader(t, &list[i], level, depth, err);
    free(list);
    return status;
}

heed_status heed_cli_trace_up(const heed_trace *trace, heed_trace_element element, int64_t depth,
                              heed_error *err)
{
    tree t = {.trace = trace};

    return up(&t, element, 0, depth, err);
}

static heed_status up_json(tree *t, heed_trace_element element, int64_t depth, heed_cli_json *json,
                           heed_error *err)
{
    char address[HEED_TRACE_ADDRESS_BYTES];
    heed_trace_reader *list = NULL;
    int n = 0;
    heed_status status = ++t->n_lines > MOST_LINES ? HEED_OK
                                                   : heed_trace_readers(t->trace, element, &list, &n, err);

    for (int i = 0; i < n && status == HEED_OK; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_open(json, "first", '[');
        for (int k = 0; k < HEED_TRACE_SHOWN && k < list[i].n; k++)
            heed_cli_json_text(json, NULL, heed_trace_address(t->trace, list[i].first[k], address));
        heed_cli_json_close(json, ']');
        heed_cli_json_integer(json, "n", list[i].n);
        heed_cli_json_integer(json, "n_asked", list[i].n_asked);
        heed_cli_json_integer(json, "n_elements", list[i].n_elements);
        heed_cli_json_open(json, "read_by", '[');
        if (depth > 1 && list[i].n > 0)
            status = up_json(t, list[i].first[0], depth - 1, json, err);
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    free(list);
    return status;
}

heed_status heed_cli_trace_up_json(const heed_trace *trace, heed_trace_element element, int64_t depth,
                                   heed_cli_json *json, heed_error *err)
{
    tree t = {.trace = trace};

    return up_json(&t, element, depth, json, err);
}
