/* SPDX-License-Identifier: MIT */
/* Around a number: what it was made of, and who reads it, each as a tree. */
#include <stdlib.h>

#include "cli/output.h"
#include "cli/trace_print.h"

enum {
    BRANCHES = 3,      /* of an operand's numbers, the largest */
    MOST_LINES = 1000, /* of a tree */
    INDENT = 8,
};

typedef struct tree {
    const heed_trace *trace;
    bool all; /* every operand's number has its branch */
    int n_lines;
} tree;

static bool is_full(tree *t)
{
    if (t->n_lines++ < MOST_LINES)
        return false;
    if (t->n_lines == MOST_LINES + 2)
        printf("%*s... more than %d lines\n", INDENT, "", MOST_LINES);
    return true;
}

static void put_line(const tree *t, int level, const char *role, heed_trace_element element, const char *how)
{
    printf("%*s%s%s", INDENT + 2 * level, "", role, role[0] != '\0' ? "  " : "");
    heed_cli_trace_put_number(t->trace, element);
    printf("%s%s\n", how[0] != '\0' ? "   " : "", how);
}

/* --- down --- */

static heed_status down(tree *t, heed_trace_element element, const char *role, int level, int64_t depth,
                        heed_error *err);

/* The numbers of largest magnitude; how many are left out. */
static heed_status down_operand(tree *t, const heed_trace_operand *o, int level, int64_t depth, heed_error *err)
{
    heed_cli_trace_pick few[BRANCHES];
    const int most = t->all && o->count < MOST_LINES ? (int)o->count : BRANCHES;
    heed_cli_trace_pick *picks = most > BRANCHES ? malloc((size_t)most * sizeof *picks) : few;
    heed_status status = HEED_OK;
    char range[HEED_TRACE_ADDRESS_BYTES];
    int n;

    if (picks == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a tree");
    n = heed_cli_trace_largest(o, picks, most);
    for (int i = 0; i < n && status == HEED_OK; i++)
        status = down(t, (heed_trace_element){o->first.tensor, o->first.element + picks[i].at * o->step},
                      o->role, level, depth, err);
    if (o->count > n && !is_full(t))
        printf("%*s%s  %lld smaller ones of %s\n", INDENT + 2 * level, "", o->role, (long long)(o->count - n),
               heed_trace_range(t->trace, o, range));
    if (picks != few)
        free(picks);
    return status;
}

static heed_status down(tree *t, heed_trace_element element, const char *role, int level, int64_t depth,
                        heed_error *err)
{
    heed_trace_explanation *e = NULL;
    heed_status status = is_full(t) ? HEED_OK : heed_trace_explain(t->trace, element, &e, err);

    if (e == NULL)
        return status;
    put_line(t, level, role, element, e->op != NULL ? e->op : e->is_taken ? "taken over" : e->given);
    if (depth > 0 && e->is_taken)
        status = down(t, e->from, "", level + 1, depth - 1, err);
    for (int i = 0; depth > 0 && i < e->n_operands && status == HEED_OK; i++)
        status = down_operand(t, &e->operands[i], level + 1, depth - 1, err);
    heed_trace_explanation_free(e);
    return status;
}

heed_status heed_cli_trace_down(const heed_trace *trace, heed_trace_element element, int64_t depth, bool all,
                                heed_error *err)
{
    tree t = {.trace = trace, .all = all};

    return down(&t, element, "", 0, depth, err);
}

/* --- up --- */

static heed_status up(tree *t, heed_trace_element element, int level, int64_t depth, heed_error *err);

static heed_status up_reader(tree *t, const heed_trace_reader *r, int level, int64_t depth, heed_error *err)
{
    const int shown = r->n < BRANCHES ? (int)r->n : BRANCHES;
    heed_status status = HEED_OK;

    for (int i = 0; i < shown && status == HEED_OK; i++) {
        const heed_trace_tensor x = heed_trace_tensor_at(t->trace, r->first[i].tensor);
        if (is_full(t))
            return HEED_OK;
        put_line(t, level, "", r->first[i], r->is_taken || x.op == NULL ? "taken over" : x.op);
        if (depth > 1 && i == 0)
            status = up(t, r->first[i], level + 1, depth - 1, err);
    }
    if (r->n_asked < r->n_elements && !is_full(t))
        printf("%*s%lld of the %lld elements that were asked, of %lld\n", INDENT + 2 * level, "",
               (long long)r->n, (long long)r->n_asked, (long long)r->n_elements);
    else if (r->n > shown && !is_full(t))
        printf("%*sand %lld more of the same tensor's %lld elements\n", INDENT + 2 * level, "",
               (long long)(r->n - shown), (long long)r->n_elements);
    return status;
}

static heed_status up(tree *t, heed_trace_element element, int level, int64_t depth, heed_error *err)
{
    heed_trace_reader *list = NULL;
    int n = 0;
    heed_status status = heed_trace_readers(t->trace, element, &list, &n, err);

    if (status == HEED_OK && n == 0 && !is_full(t))
        printf("%*snobody: this is where the run ends\n", INDENT + 2 * level, "");
    for (int i = 0; i < n && status == HEED_OK; i++)
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
