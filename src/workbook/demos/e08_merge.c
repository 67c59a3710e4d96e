/* SPDX-License-Identifier: MIT */
/* E08: heads become rows again, with the numbers written anew and without. */
#include "ops/ops.h"
#include "workbook/counting.h"
#include "workbook/demos/demos.h"
#include "workbook/op_graph.h"

typedef struct sizes {
    int64_t batch, tokens, heads, width;
} sizes;

/* [batch * heads * tokens, head_dim] as attention leaves it: each number says which column of which row it belongs to. */
static heed_grid label(heed_demoing *d, const sizes *n)
{
    const int64_t head_dim = n->width / n->heads;
    heed_grid x = heed_grid_make(&d->s, n->batch * n->heads * n->tokens, head_dim);

    for (int64_t row = 0; d->s.status == HEED_OK && row < x.rows; row++) {
        const int64_t t = row % n->tokens, h = row / n->tokens % n->heads, b = row / n->tokens / n->heads;

        for (int64_t c = 0; c < head_dim; c++)
            x.data[row * head_dim + c] = (double)((b * n->tokens + t) * n->width + h * head_dim + c);
    }
    return x;
}

/* As rows [batch * tokens, d_model]: by the engine's merge, or the memory taken for rows as it is. */
static heed_grid rows_of(heed_demoing *d, heed_grid x, const sizes *n, bool merge)
{
    heed_graph *g = heed_op_graph(&d->s);
    heed_node *heads = heed_op_input(&d->s, g, "heads",
                                     heed_shape4(n->batch, n->heads, n->tokens, n->width / n->heads), x);

    if (heads == NULL)
        return heed_op_run(&d->s, g, NULL);
    return heed_op_run(&d->s, g,
                       merge ? heed_merge_heads(g, heads)
                             : heed_reshape(g, heads, heed_shape3(n->batch, n->tokens, n->width)));
}

/* Does the engine write the numbers anew before it joins heads that lie one after the other? */
static bool copies(heed_demoing *d, const sizes *n)
{
    const heed_config c = heed_count_m0(1, n->width, n->heads, n->tokens);
    heed_shapes *all = heed_count_heads(&d->s, &c, n->batch, n->tokens);
    const heed_shapes_entry *merged = heed_count_entry(&d->s, all, "merged");
    const bool copied = merged != NULL && heed_shapes_get(all, merged->of)->is_copy;

    heed_shapes_destroy(all);
    return copied;
}

typedef struct faults {
    int64_t moved, strange; /* numbers at a wrong place, and in the row of another token */
} faults;

static faults count(heed_grid rows, int64_t width)
{
    faults f = {0, 0};

    for (int64_t i = 0; i < rows.rows * rows.columns; i++) {
        const int64_t belongs = (int64_t)rows.data[i];

        f.moved += belongs != i;
        f.strange += belongs / width != i / width;
    }
    return f;
}

/* From which token each number of the first sequence's rows comes, counted from 1. */
static heed_grid origins(heed_demoing *d, heed_grid rows, const sizes *n)
{
    heed_grid x = heed_grid_make(&d->s, n->tokens, n->width);

    for (int64_t i = 0; d->s.status == HEED_OK && i < n->tokens * n->width; i++)
        x.data[i] = (double)((int64_t)rows.data[i] / n->width + 1);
    return x;
}

static void judge(heed_demoing *d, heed_grid merged, heed_grid raw, const sizes *n)
{
    const bool copied = copies(d, n);
    const double all = (double)(n->batch * n->tokens * n->width);
    faults with, without;

    if (d->s.status != HEED_OK)
        return;
    with = count(merged, n->width);
    without = count(raw, n->width);
    heed_show_figure(d, "copied", copied, "1: the engine writes the numbers anew, 0: a view will do");
    heed_show_figure(d, "misplaced", (double)without.moved / all,
                     "share of the numbers that are at a wrong place without a copy");
    heed_show_figure(d, "strangers", (double)without.strange / all, "share that is in another token's row");
    heed_show_check(d, with.moved == 0, "merged, each of %.0f numbers is where it belongs: %lld are not", all,
                    (long long)with.moved);
    heed_show_check(d, copied == (without.moved > 0),
                    copied ? "a copy is made, and without it %lld numbers are at a wrong place"
                           : "no copy is made, and without one %lld numbers are at a wrong place",
                    (long long)without.moved);
}

static void run(heed_demoing *d)
{
    const sizes n = {.batch = heed_take_int(&d->s, "batch_size", 1, 64),
                     .tokens = heed_take_int(&d->s, "seq_len", 1, 256),
                     .heads = heed_take_int(&d->s, "n_heads", 1, 64),
                     .width = heed_take_int(&d->s, "d_model", 1, 4096)};
    heed_grid x, merged, raw;

    if (d->s.status == HEED_OK && n.width % n.heads != 0)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "expected n_heads that divide d_model, got %lld and %lld",
                        (long long)n.heads, (long long)n.width);
    if (d->s.status != HEED_OK)
        return;
    x = label(d, &n);
    merged = rows_of(d, x, &n, !d->sabotage);
    raw = rows_of(d, x, &n, false);
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, origins(d, merged, &n), "Merged: the token that each number of a row comes from", NULL,
                    NULL, false);
    heed_show_table(d, origins(d, raw, &n), "The memory taken for rows as it is", NULL, NULL, true);
    judge(d, merged, raw, &n);
}

const heed_demo heed_demo_e08 = {
    .info =
        {.id = "E08",
         .title = "Heads become rows: with a copy and without",
         .shows =
             "Takes the outputs of heads that lie one after the other in memory, numbers that say where they "
             "belong, and makes rows of them in two ways: by the engine's merge, and by calling the same "
             "memory "
             "rows. After the swap of heads and positions the numbers of one row are no neighbours in memory, "
             "so "
             "no strides make one axis of them; the merge has to write them side by side. With one head, or "
             "one "
             "position, there is nothing to be swapped, and a view will do.",
         .rule =
             "Merged, each number is where it belongs; the engine makes a copy where, without one, numbers are "
             "at a wrong place, and only there.",
         .sabotage = "The merge leaves out the copy.",
         .params = "{\"batch_size\": 1, \"seq_len\": 3, \"d_model\": 8, \"n_heads\": 2}"},
    .full = "{\"batch_size\": 4, \"seq_len\": 64, \"d_model\": 256, \"n_heads\": 8}",
    .run = run,
};
