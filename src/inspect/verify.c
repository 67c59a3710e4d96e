/* SPDX-License-Identifier: MIT */
/*
 * A model against stored activations.
 *
 * Each case is one run. What the file names is compared as soon as the model has it, number by number, so a difference is
 * found at the first node that has it, and nothing but the run itself is held in memory.
 */
#include <heed/verify.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/forward.h"
#include "inspect/reference.h"

/* One tensor of the file while it is compared. */
typedef struct item {
    heed_verified row;
    const heed_safetensors_entry *entry;
    const char *local; /* its name in its case */
    int case_number;   /* n_cases: none */
    heed_node *node;   /* NULL: passed over */
    bool done;
} item;

struct heed_verification {
    heed_reference reference;
    item *items;
    int n;
};

/* --- one tensor --- */

/* How the numbers of the file lie, seen from those of the node. */
typedef struct layout {
    int64_t period;      /* of the node's numbers: fewer than the file's where each of a batch has the same */
    bool heads_last;     /* [batch, T, n_heads, head_dim], the node has [batch, n_heads, T, head_dim] */
    int64_t T, n, width; /* of heads_last */
} layout;

static int n_leading_ones(int rank, const int64_t *size)
{
    int n = 0;

    while (n < rank && size[n] == 1)
        n++;
    return n;
}

/* Equal but for ones in front. */
static bool same_shape(const heed_safetensors_entry *entry, const heed_shape *shape)
{
    const int a = n_leading_ones(entry->rank, entry->size), b = n_leading_ones(shape->rank, shape->size);

    if (entry->rank - a != shape->rank - b)
        return false;
    for (int i = 0; a + i < entry->rank; i++) {
        if (entry->size[a + i] != shape->size[b + i])
            return false;
    }
    return true;
}

/* The node's shape behind more axes of the file: what does not depend on the text is the same for each of a batch. */
static bool repeats(const heed_safetensors_entry *entry, const heed_shape *shape)
{
    const int more = entry->rank - shape->rank;

    for (int i = 0; more > 0 && i < shape->rank; i++) {
        if (entry->size[more + i] != shape->size[i])
            return false;
    }
    return more > 0 && shape->rank > 0;
}

static bool heads_last(const heed_safetensors_entry *entry, const heed_shape *shape)
{
    const int skip = 4 - entry->rank; /* the batch may be left away */

    return shape->rank == 4 && (skip == 0 || (skip == 1 && shape->size[0] == 1)) &&
           (skip == 1 || entry->size[0] == shape->size[0]) && entry->size[1 - skip] == shape->size[2] &&
           entry->size[2 - skip] == shape->size[1] && entry->size[3 - skip] == shape->size[3];
}

/* TransformerLens puts the heads last. Where both layouts have the same sizes, the name decides. */
static bool has_heads(const item *it)
{
    static const char *const ends[] = {".q", ".k", ".v", ".z", ".rot_q", ".rot_k"};
    const size_t n = strlen(it->node->name);

    if (strstr(it->local, "hook_") == NULL)
        return false;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const size_t m = strlen(ends[i]);
        if (n > m && strcmp(it->node->name + n - m, ends[i]) == 0)
            return true;
    }
    return false;
}

static bool find_layout(const item *it, const heed_shape *shape, layout *out)
{
    const bool other = heads_last(it->entry, shape);
    const bool same = same_shape(it->entry, shape);

    *out = (layout){.period = heed_shape_count(shape)};
    if (other && (!same || has_heads(it))) {
        out->heads_last = true;
        out->n = shape->size[1];
        out->T = shape->size[2];
        out->width = shape->size[3];
        return true;
    }
    return same || repeats(it->entry, shape);
}

/* The node's number that stands in the file's place i. */
static int64_t place_of(const layout *l, int64_t i)
{
    if (!l->heads_last)
        return i % l->period;
    const int64_t d = i % l->width, h = i / l->width % l->n, t = i / l->width / l->n % l->T;
    return ((i / l->width / l->n / l->T * l->n + h) * l->T + t) * l->width + d;
}

static double difference(double got, double expected)
{
    if (got == expected)
        return 0.0;
    return isfinite(got) && isfinite(expected) ? fabs(got - expected) : INFINITY;
}

static void compare(heed_verification *v, item *it, const heed_tensor *value)
{
    heed_verified *row = &it->row;
    char ours[96], theirs[192];
    layout l;

    it->done = true;
    if (row->count == 0 || !find_layout(it, &value->shape, &l)) {
        row->problem = heed_arena_format(v->reference.arena, "expected %s, file has %s",
                                         heed_shape_format(ours, sizeof ours, &value->shape),
                                         heed_safetensors_shape(theirs, sizeof theirs, it->entry));
        return;
    }
    for (int64_t i = 0; i < row->count; i++) {
        const double expected = heed_safetensors_number(it->entry, i);
        const double got = (double)heed_tensor_get(value, place_of(&l, i)), error = difference(got, expected);
        /* rtol times an infinity would let everything pass */
        const bool wrong = error > 0.0 && !(isfinite(error) && error <= row->atol + row->rtol * fabs(expected));
        if ((wrong && row->n_wrong == 0) || row->worst < 0 || (row->n_wrong == 0 && error > row->max_error)) {
            row->worst = i;
            row->got = got;
            row->expected = expected;
        }
        row->n_wrong += wrong;
        row->max_error = error > row->max_error ? error : row->max_error;
    }
    row->agrees = row->n_wrong == 0;
}

/* --- one case --- */

typedef struct showing {
    heed_verification *v;
    int case_number;
} showing;

static void show(void *context, const heed_node *node, const heed_tensor *value)
{
    const showing *s = context;

    for (int i = 0; i < s->v->n; i++) {
        item *it = &s->v->items[i];
        if (it->case_number == s->case_number && it->node == node && !it->done)
            compare(s->v, it, value);
    }
}

/* Finds the nodes that the case names; how many are to be shown. */
static int find_nodes(heed_verification *v, int number, heed_forward *f, heed_node **nodes)
{
    int n = 0;

    for (int i = 0; i < v->n; i++) {
        item *it = &v->items[i];
        const char *near;
        if (it->case_number != number)
            continue;
        it->node = heed_forward_find(f, it->local);
        if (it->node != NULL) {
            it->row.node = heed_arena_format(v->reference.arena, "%s", it->node->name);
            nodes[n++] = it->node;
        } else {
            near = heed_graph_nearest_name(heed_forward_graph(f), it->local);
            it->row.near = near != NULL ? heed_arena_format(v->reference.arena, "%s", near) : NULL;
        }
    }
    return n;
}

/* By the place in the computation; the nodes' ids are gone with the graph when all cases are sorted. */
static int by_node(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const int p = x->node != NULL ? x->node->id : -1, q = y->node != NULL ? y->node->id : -1;

    if (x->case_number != y->case_number)
        return x->case_number < y->case_number ? -1 : 1;
    if ((p < 0) != (q < 0))
        return p < 0 ? 1 : -1;
    if (p != q)
        return p < q ? -1 : 1;
    return strcmp(x->row.name, y->row.name);
}

static bool wants_gradients(const heed_verification *v, int number)
{
    for (int i = 0; i < v->n; i++) {
        const char *local = v->items[i].local;
        if (v->items[i].case_number == number &&
            (strncmp(local, "grad/", 5) == 0 || strncmp(local, "d.", 2) == 0))
            return true;
    }
    return false;
}

/* items of the case are neighbours */
static heed_status run_case(heed_verification *v, int number, const heed_model *model, int threads,
                            heed_error *err)
{
    heed_forward_ids in;
    heed_forward *f = NULL;
    heed_node **nodes = heed_arena_alloc(v->reference.arena, ((size_t)v->n + 1) * sizeof(heed_node *));
    showing s = {v, number};
    heed_error inner = {HEED_OK, ""};
    heed_status status = heed_reference_read(&v->reference, number, model, &in, err);
    int n, first = 0, count = 0;

    if (status == HEED_OK && nodes == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    if (status != HEED_OK)
        return status;
    status = heed_forward_create(model, &in, wants_gradients(v, number), threads, &f, &inner);
    if (status != HEED_OK) /* ids that do not fit the model are the file's */
        return heed_fail(err, status == HEED_ERR_USAGE ? HEED_ERR_FILE : status, "%s: case \"%s\": %.300s",
                         v->reference.where, v->reference.cases[number], inner.message);
    n = find_nodes(v, number, f, nodes);
    if (n > 0)
        status = heed_forward_run(f, nodes, n, show, &s, err);
    while (first < v->n && v->items[first].case_number != number)
        first++;
    while (first + count < v->n && v->items[first + count].case_number == number)
        count++;
    qsort(v->items + first, (size_t)count, sizeof *v->items, by_node);
    heed_forward_destroy(f);
    return status;
}

/* --- the file --- */

static int by_case(const void *a, const void *b)
{
    const item *x = a, *y = b;

    if (x->case_number != y->case_number)
        return x->case_number < y->case_number ? -1 : 1;
    return strcmp(x->row.name, y->row.name);
}

static heed_status list_items(heed_verification *v, const heed_verify_options *o, heed_error *err)
{
    const heed_reference *r = &v->reference;
    const size_t n = heed_safetensors_n_entries(r->file);

    v->items = heed_arena_alloc(r->arena, n * sizeof *v->items);
    if (v->items == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for its list of tensors", r->where);
    for (size_t i = 0; i < n; i++) {
        const heed_safetensors_entry *entry = heed_safetensors_at(r->file, i);
        item *it = &v->items[v->n];
        *it = (item){.entry = entry, .local = entry->name};
        it->case_number = heed_reference_case(r, entry->name, &it->local);
        if (it->case_number >= 0 && heed_reference_is_input(it->local))
            continue;
        if (it->case_number < 0)
            it->case_number = r->n_cases;
        it->row = (heed_verified){.name = entry->name, .rank = entry->rank, .count = entry->count, .worst = -1};
        memcpy(it->row.size, entry->size, sizeof it->row.size);
        if (it->case_number < r->n_cases) {
            it->row.atol = o->atol >= 0.0 ? o->atol
                                          : heed_reference_tolerance(r, it->case_number, "atol", it->local,
                                                                     HEED_VERIFY_TOLERANCE);
            it->row.rtol = o->rtol >= 0.0 ? o->rtol
                                          : heed_reference_tolerance(r, it->case_number, "rtol", it->local,
                                                                     HEED_VERIFY_TOLERANCE);
        }
        v->n++;
    }
    qsort(v->items, (size_t)v->n, sizeof *v->items, by_case);
    return HEED_OK;
}

heed_status heed_model_verify(const heed_model *model, const char *path, const heed_verify_options *options,
                              heed_verification **verification, heed_error *err)
{
    const heed_verify_options defaults = {.atol = -1.0, .rtol = -1.0},
                              *o = options != NULL ? options : &defaults;
    heed_verification *v = calloc(1, sizeof *v);
    heed_status status;

    *verification = NULL;
    if (v == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to compare activations");
    status = heed_reference_open(path, &v->reference, err);
    if (status == HEED_OK)
        status = list_items(v, o, err);
    for (int i = 0; status == HEED_OK && i < v->reference.n_cases; i++)
        status = run_case(v, i, model, o->threads, err);
    if (status != HEED_OK) {
        heed_verification_destroy(v);
        return status;
    }
    *verification = v;
    return HEED_OK;
}

void heed_verification_destroy(heed_verification *v)
{
    if (v == NULL)
        return;
    heed_reference_close(&v->reference);
    free(v);
}

int heed_verification_count(const heed_verification *v)
{
    return v->n;
}

const heed_verified *heed_verification_at(const heed_verification *v, int i)
{
    return &v->items[i].row;
}

const heed_verified *heed_verification_first_wrong(const heed_verification *v)
{
    for (int i = 0; i < v->n; i++) {
        if (v->items[i].row.node != NULL && !v->items[i].row.agrees)
            return &v->items[i].row;
    }
    return NULL;
}
