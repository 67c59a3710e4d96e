/* SPDX-License-Identifier: MIT */
#include "workbook/batched.h"

#include <math.h>
#include <string.h>

#include "workbook/attend.h"

#define MOST_TOGETHER 1024 /* sequences and heads of one call */

/* --- parts --- */

/* One of Q, K, V: n matrices one behind the other. */
typedef struct many {
    int64_t size[4], n;
    const double *data;
} many;

static many take(heed_solving *s, const char *name, int rank)
{
    many m = {.n = 1};

    m.data = heed_take_tensor(s, name, rank, m.size);
    for (int i = 0; i < rank - 2 && s->status == HEED_OK; i++)
        m.n *= m.size[i];
    if (s->status == HEED_OK && m.n > MOST_TOGETHER)
        heed_solve_fail(s, HEED_ERR_USAGE, "%s: expected at most %d sequences and heads, got %lld", name,
                        MOST_TOGETHER, (long long)m.n);
    return m;
}

static heed_grid part(const many *m, int rank, int64_t i)
{
    const int64_t rows = m->size[rank - 2], columns = m->size[rank - 1];

    return (heed_grid){rows, columns, (double *)(uintptr_t)m->data + i * rows * columns};
}

static bool fit(heed_solving *s, int rank, const many *q, const many *k, const many *v)
{
    for (int i = 0; s->status == HEED_OK && i < rank - 2; i++) {
        if (q->size[i] != k->size[i] || q->size[i] != v->size[i])
            heed_solve_fail(s, HEED_ERR_USAGE,
                            "expected Q, K and V of as many sequences and heads, got %lld, %lld and %lld",
                            (long long)q->size[i], (long long)k->size[i], (long long)v->size[i]);
    }
    return s->status == HEED_OK;
}

/* --- all of them --- */

static void make_room(heed_solving *s, int rank, const many *q, const many *k, const many *v, heed_batched *b)
{
    for (int i = 0; i < rank; i++)
        b->output_size[i] = b->weights_size[i] = q->size[i];
    b->output_size[rank - 1] = v->size[rank - 1];
    b->weights_size[rank - 1] = k->size[rank - 2];
    b->output = heed_grid_make(s, q->n * q->size[rank - 2], v->size[rank - 1]).data;
    b->weights = heed_grid_make(s, q->n * q->size[rank - 2], k->size[rank - 2]).data;
}

static void keep(heed_solving *s, double *to, int64_t i, heed_grid x, int64_t rows, int64_t columns)
{
    if (x.rows != rows || x.columns != columns)
        heed_solve_fail(s, HEED_ERR_INTERNAL, "expected %lld x %lld numbers of attention, got %lld x %lld",
                        (long long)rows, (long long)columns, (long long)x.rows, (long long)x.columns);
    else
        memcpy(to + i * rows * columns, x.data, (size_t)(rows * columns) * sizeof *to);
}

heed_batched heed_attend_batched(heed_solving *s, int rank, bool causal)
{
    const many q = take(s, "Q", rank), k = take(s, "K", rank), v = take(s, "V", rank);
    heed_batched b = {0};

    if (!fit(s, rank, &q, &k, &v))
        return b;
    make_room(s, rank, &q, &k, &v, &b);
    if (q.n > 1)
        heed_step(s, "%lld times the same, each with its own Q, K and V; the first:", (long long)q.n);
    for (int64_t i = 0; i < q.n && s->status == HEED_OK; i++) {
        const heed_attend_inputs in = {
            .q = part(&q, rank, i), .k = part(&k, rank, i), .v = part(&v, rank, i), .causal = causal};
        const heed_attended a = heed_attend(s, &in);

        if (i == 0)
            heed_attend_explain(s, &in, &a, HEED_ATTEND_OUTPUT);
        if (s->status == HEED_OK)
            keep(s, b.output, i, a.output, in.q.rows, in.v.columns);
        if (s->status == HEED_OK)
            keep(s, b.weights, i, a.weights, in.q.rows, in.k.rows);
    }
    return b;
}

/* --- varying --- */

static json_t *normals(heed_varying *v, int rank, const int64_t *size)
{
    json_t *list;

    if (rank == 0)
        return heed_json_of_double(round(100.0 * (double)heed_rng_normal(&v->rng)) / 100.0 + 0.0);
    list = json_array();
    for (int64_t i = 0; i < size[0]; i++)
        json_array_append_new(list, normals(v, rank - 1, size + 1));
    return list;
}

void heed_vary_normal_tensor(heed_varying *v, const char *name, int rank, const int64_t *size)
{
    heed_vary_set_json(v, name, normals(v, rank, size));
}
