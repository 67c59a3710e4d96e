/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "inspect/paper.h"

#define MOST_SCORES (1 << 22) /* of all heads: paper is patient, memory is not */

/* --- one matrix --- */

static heed_status check_finite(const char *name, const heed_matrix *m, bool may_hide, heed_error *err)
{
    if (m == NULL)
        return HEED_OK;
    if (m->rows < 1 || m->columns < 1 || m->data == NULL)
        return heed_fail(err, HEED_ERR_SHAPE, "%s: expected a matrix, got nothing", name);
    for (int64_t i = 0; i < m->rows * m->columns; i++)
        if (!isfinite(m->data[i]) && !(may_hide && m->data[i] == -INFINITY))
            return heed_fail(err, HEED_ERR_USAGE, "%s[%lld,%lld]: expected a finite number%s, got %g", name,
                             (long long)(i / m->columns), (long long)(i % m->columns),
                             may_hide ? " or -inf" : "", (double)m->data[i]);
    return HEED_OK;
}

static heed_status check_numbers(const heed_paper_inputs *in, heed_error *err)
{
    const struct {
        const char *name;
        const heed_matrix *matrix;
    } all[] = {{"q", in->q},     {"k", in->k},     {"v", in->v},     {"x", in->x},        {"x_kv", in->x_kv},
               {"w_q", in->w_q}, {"w_k", in->w_k}, {"w_v", in->w_v}, {"w_o", in->w_o},    {"b_q", in->b_q},
               {"b_k", in->b_k}, {"b_v", in->b_v}, {"b_o", in->b_o}, {"mask", in->table}, {"grad", in->grad}};
    heed_status status = HEED_OK;

    for (size_t i = 0; status == HEED_OK && i < sizeof all / sizeof all[0]; i++)
        status = check_finite(all[i].name, all[i].matrix, all[i].matrix == in->table, err);
    return status;
}

/* --- where q, k and v come from --- */

/* One of the three, and what it may be made from. */
typedef struct source {
    char letter;
    const heed_matrix *given, *x, *w, *b;
} source;

static heed_status check_given(const source *s, bool mapped, heed_error *err)
{
    const char c = s->letter;

    if (s->given == NULL && s->x == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%c: expected a matrix, or x to make it from, got neither", c);
    if (s->given != NULL && s->w != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "w_%c: expected x to map, got %c itself", c, c);
    if (s->given == NULL && s->w == NULL && mapped)
        return heed_fail(err, HEED_ERR_USAGE, "w_%c: expected a map as its neighbours have one, got nothing",
                         c);
    if (s->b != NULL && s->w == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "b_%c: expected w_%c with it, got nothing", c, c);
    return HEED_OK;
}

/* A map that fits n_in columns, and its bias; *n_out is what comes out. */
static heed_status check_map(char letter, const heed_matrix *w, const heed_matrix *b, bool columns,
                             int64_t n_in, const char *of, int64_t *n_out, heed_error *err)
{
    const int64_t in = columns ? w->columns : w->rows;

    *n_out = columns ? w->rows : w->columns;
    if (in != n_in)
        return heed_fail(
            err, HEED_ERR_SHAPE, "w_%c: expected %lld %s for the %lld columns of %s, got %lld%s", letter,
            (long long)n_in, columns ? "columns" : "rows", (long long)n_in, of, (long long)in,
            (columns ? w->rows : w->columns) == n_in ? "; is it written the other way round?" : "");
    if (b != NULL && (b->rows * b->columns != *n_out || (b->rows != 1 && b->columns != 1)))
        return heed_fail(err, HEED_ERR_SHAPE, "b_%c: expected %lld numbers, got [%lld, %lld]", letter,
                         (long long)*n_out, (long long)b->rows, (long long)b->columns);
    return HEED_OK;
}

/* Rows and columns of one of the three. */
static heed_status measure(const source *s, bool columns, int64_t *rows, int64_t *n, heed_error *err)
{
    const heed_matrix *m = s->given != NULL ? s->given : s->x;

    *rows = m->rows;
    *n = m->columns;
    return s->given == NULL && s->w != NULL ? check_map(s->letter, s->w, s->b, columns, m->columns, "x", n, err)
                                            : HEED_OK;
}

static heed_status check_sources(const heed_paper_inputs *in, int64_t rows[3], int64_t columns[3],
                                 heed_error *err)
{
    const heed_matrix *x_kv = in->x_kv != NULL ? in->x_kv : in->x;
    const bool mapped = in->w_q != NULL || in->w_k != NULL || in->w_v != NULL;
    const source all[] = {{'q', in->q, in->x, in->w_q, in->b_q},
                          {'k', in->k, x_kv, in->w_k, in->b_k},
                          {'v', in->v, x_kv, in->w_v, in->b_v}};
    heed_status status = HEED_OK;

    if (in->x != NULL && in->q != NULL && (in->x_kv != NULL || (in->k != NULL && in->v != NULL)))
        return heed_fail(err, HEED_ERR_USAGE, "x: expected x or q, k and v, got both");
    if (in->x_kv != NULL && in->k != NULL && in->v != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "x_kv: expected x_kv or k and v, got both");
    for (int i = 0; status == HEED_OK && i < 3; i++) {
        status = check_given(&all[i], mapped, err);
        if (status == HEED_OK)
            status = measure(&all[i], in->columns, &rows[i], &columns[i], err);
    }
    return status;
}

/* --- all together --- */

static heed_status check_fit(const int64_t rows[3], const int64_t columns[3], const heed_paper_inputs *in,
                             heed_paper_sizes *s, heed_error *err)
{
    const int64_t n = in->n_heads == 0 ? 1 : in->n_heads;

    if (columns[1] != columns[0])
        return heed_fail(err, HEED_ERR_SHAPE, "k: expected %lld columns as q has, got %lld",
                         (long long)columns[0], (long long)columns[1]);
    if (rows[2] != rows[1])
        return heed_fail(err, HEED_ERR_SHAPE, "v: expected %lld row%s as k has, one for each token, got %lld%s",
                         (long long)rows[1], rows[1] == 1 ? "" : "s", (long long)rows[2],
                         rows[1] == 1 && columns[1] == rows[2]
                             ? "; k stands in one row, its tokens belong below each other"
                             : "");
    for (int i = 0; i < 3; i += 2)
        if (n < 1 || columns[i] % n != 0)
            return heed_fail(
                err, HEED_ERR_SHAPE, "n_heads: expected a divisor of the %lld column%s of %s, got %lld",
                (long long)columns[i], columns[i] == 1 ? "" : "s", i == 0 ? "q" : "v", (long long)n);
    if ((double)n * (double)rows[0] * (double)rows[1] > MOST_SCORES)
        return heed_fail(err, HEED_ERR_SHAPE,
                         "expected up to %d scores on paper, got %lld heads of %lld x %lld", MOST_SCORES,
                         (long long)n, (long long)rows[0], (long long)rows[1]);
    s->n_heads = n;
    s->n_query = rows[0];
    s->n_key = rows[1];
    s->head_dim = columns[0] / n;
    s->v_dim = columns[2] / n;
    return HEED_OK;
}

static heed_status check_scale(const heed_paper_inputs *in, heed_paper_sizes *s, heed_error *err)
{
    s->default_scale = in->scale == 0.0;
    s->scale = s->default_scale ? 1.0 / sqrt((double)s->head_dim) : in->scale;
    if (!(fabs(s->scale) >= (double)FLT_MIN && fabs(s->scale) <= (double)FLT_MAX))
        return heed_fail(err, HEED_ERR_USAGE, "scale: expected a number that a float holds, got %g", in->scale);
    return HEED_OK;
}

static heed_status check_table(const heed_matrix *t, heed_mask_form form, const heed_paper_sizes *s,
                               heed_error *err)
{
    if ((t->rows != s->n_query && t->rows != 1) || t->columns != s->n_key)
        return heed_fail(err, HEED_ERR_SHAPE,
                         "mask: expected [%lld, %lld], a row for each query or one for all, got [%lld, %lld]",
                         (long long)s->n_query, (long long)s->n_key, (long long)t->rows, (long long)t->columns);
    for (int64_t i = 0; form != HEED_MASK_ADDED && i < t->rows * t->columns; i++)
        if (t->data[i] != 0.0f && t->data[i] != 1.0f)
            return heed_fail(err, HEED_ERR_USAGE, "mask[%lld,%lld]: expected 1 or 0, got %g",
                             (long long)(i / t->columns), (long long)(i % t->columns), (double)t->data[i]);
    return HEED_OK;
}

static heed_status check_mask(const heed_paper_inputs *in, heed_paper_sizes *s, heed_error *err)
{
    const heed_mask *m = &in->mask;
    const heed_status status = heed_mask_check(m, s->n_query, s->n_key, err);

    s->masked = in->table != NULL || m->causal || m->window > 0 || m->stride > 0 || m->keys != NULL ||
                m->key_documents != NULL || m->blocks != NULL || m->pairs != NULL;
    s->form = in->fill_1e9 ? HEED_MASK_ADDED : in->form;
    return status == HEED_OK && in->table != NULL ? check_table(in->table, in->form, s, err) : status;
}

static heed_status check_output(const heed_paper_inputs *in, heed_paper_sizes *s, heed_error *err)
{
    heed_status status = HEED_OK;

    s->out = s->n_heads * s->v_dim;
    if (in->b_o != NULL && in->w_o == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "b_o: expected w_o with it, got nothing");
    if (in->w_o != NULL)
        status = check_map('o', in->w_o, in->b_o, in->columns, s->out, "the heads' outputs", &s->out, err);
    if (status == HEED_OK && in->grad != NULL && (in->grad->rows != s->n_query || in->grad->columns != s->out))
        status = heed_fail(err, HEED_ERR_SHAPE, "grad: expected [%lld, %lld] as the output, got [%lld, %lld]",
                           (long long)s->n_query, (long long)s->out, (long long)in->grad->rows,
                           (long long)in->grad->columns);
    return status;
}

heed_status heed_paper_check(const heed_paper_inputs *in, heed_paper_sizes *sizes, heed_error *err)
{
    int64_t rows[3] = {0}, columns[3] = {0};
    heed_status status = check_numbers(in, err);

    *sizes = (heed_paper_sizes){0};
    if (status == HEED_OK)
        status = check_sources(in, rows, columns, err);
    if (status == HEED_OK)
        status = check_fit(rows, columns, in, sizes, err);
    if (status == HEED_OK)
        status = check_scale(in, sizes, err);
    if (status == HEED_OK)
        status = check_mask(in, sizes, err);
    if (status == HEED_OK)
        status = check_output(in, sizes, err);
    return status;
}
