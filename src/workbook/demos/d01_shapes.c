/* SPDX-License-Identifier: MIT */
/* D01: the shapes of a forward pass, traced, calculated and run. */
#include <heed/shapes.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"

/* One size of an expected shape. */
typedef enum axis { NONE, BATCH, LENGTH, WIDTH, HEADS, HEAD_DIM, VOCAB, N_AXES } axis;

static const struct {
    const char *name;
    axis axes[4];
} expected[] = {
    {"embed", {BATCH, LENGTH, WIDTH, NONE}},
    {"blocks.0.attn.q", {BATCH, HEADS, LENGTH, HEAD_DIM}},
    {"blocks.0.attn.k", {BATCH, HEADS, LENGTH, HEAD_DIM}},
    {"blocks.0.attn.v", {BATCH, HEADS, LENGTH, HEAD_DIM}},
    {"blocks.0.attn.scores", {BATCH, HEADS, LENGTH, LENGTH}},
    {"blocks.0.attn.pattern", {BATCH, HEADS, LENGTH, LENGTH}},
    {"blocks.0.attn.z", {BATCH, HEADS, LENGTH, HEAD_DIM}},
    {"blocks.0.attn.merge_heads", {BATCH, LENGTH, WIDTH, NONE}},
    {"blocks.0.resid_post", {BATCH, LENGTH, WIDTH, NONE}},
    {"logits", {BATCH, LENGTH, VOCAB, NONE}},
};

enum { N_EXPECTED = sizeof expected / sizeof expected[0], N_COLUMNS = 6 };

/* Sizes along the axes, then the strides' last and the bytes. */
static bool fill_row(const heed_shapes_entry *e, const axis *axes, const int64_t size[N_AXES], double *row)
{
    int rank = 0;
    bool same = true;

    while (rank < 4 && axes[rank] != NONE)
        rank++;
    for (int i = 0; i < 4; i++)
        row[i] = i < e->rank ? (double)e->size[i] : 0.0;
    row[4] = (double)e->bytes;
    row[5] = (double)e->contiguous;
    for (int i = 0; i < rank; i++)
        same = same && i < e->rank && e->size[i] == size[axes[i]];
    return same && e->rank == rank;
}

/* Does a run make as many numbers, and rows as long? */
static bool run_agrees(heed_demoing *d, const heed_model *model, const heed_forward_ids *ids, const char *name,
                       const heed_shapes_entry *e)
{
    const heed_grid x = heed_demo_read(d, model, ids, name);
    int64_t n = 1;

    for (int i = 0; i < e->rank; i++)
        n *= e->size[i];
    return x.rows * x.columns == n && x.columns == e->size[e->rank - 1];
}

static void compare(heed_demoing *d, const heed_shapes *shapes, const heed_model *model,
                    const heed_forward_ids *ids, const int64_t size[N_AXES], heed_grid table)
{
    int n_same = 0, n_run = 0;

    for (int i = 0; d->s.status == HEED_OK && i < N_EXPECTED; i++) {
        const heed_shapes_entry *e = heed_shapes_find(shapes, expected[i].name);

        if (e == NULL) {
            heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "there is no %s", expected[i].name);
            return;
        }
        n_same += fill_row(e, expected[i].axes, size, table.data + i * N_COLUMNS);
        n_run += run_agrees(d, model, ids, expected[i].name, e);
    }
    heed_show_check(d, n_same == N_EXPECTED, "%d of %d traced shapes are those of the formulas", n_same,
                    N_EXPECTED);
    heed_show_check(d, n_run == N_EXPECTED, "a run makes numbers of %d of %d of these shapes", n_run,
                    N_EXPECTED);
}

static void show(heed_demoing *d, const heed_shapes *shapes, heed_grid table)
{
    const heed_shapes_entry *logits = heed_shapes_find(shapes, "logits"),
                            *scores = heed_shapes_find(shapes, "blocks.0.attn.scores");

    heed_show_table(d, table, "Traced: sizes along the axes (0: there is none), and memory",
                    "embed|q|k|v|scores|pattern|z|merged|resid_post|logits",
                    "axis 0|axis 1|axis 2|axis 3|bytes|contiguous", false);
    heed_show_figure(d, "tensors", (double)heed_shapes_n(shapes), "that the pass makes or reads, views too");
    heed_show_figure(d, "scores_bytes", (double)scores->bytes, "of one layer's scores, where they are kept");
    heed_show_figure(d, "logits_bytes", (double)logits->bytes, "of the logits");
}

static void run(heed_demoing *d)
{
    const int64_t batch = heed_take_int(&d->s, "batch_size", 1, 64),
                  length = heed_take_int(&d->s, "seq_len", 2, 512),
                  vocab_size = heed_take_int(&d->s, "vocab_size", 2, 4096);
    const int32_t *ids = heed_demo_ids(d, batch * length, vocab_size);
    heed_model *model = heed_demo_small_model(d, vocab_size, length);
    heed_grid table = heed_grid_make(&d->s, N_EXPECTED, N_COLUMNS);
    heed_shapes *shapes = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK) {
        heed_config config = *heed_model_config(model);
        const heed_shapes_options options = {.batch_size = batch, .length = length};
        const heed_forward_ids all = {.ids = ids, .batch = batch, .length = length};
        const int64_t size[N_AXES] = {
            0, batch, length, config.d_model, config.n_heads, config.d_model / config.n_heads, vocab_size};

        config.n_heads = d->sabotage ? 1 : config.n_heads;
        if (heed_demo_ok(d, heed_shapes_create(&config, &options, &shapes, &err), &err)) {
            compare(d, shapes, model, &all, size, table);
            if (d->s.status == HEED_OK)
                show(d, shapes, table);
        }
    }
    heed_shapes_destroy(shapes);
    heed_model_close(model);
}

const heed_demo heed_demo_01 = {
    .info =
        {.id = "D01",
         .title = "The shape of every intermediate",
         .shows =
             "Traces one forward pass of two pre-norm blocks, d_model 64, 4 heads: shapes, bytes and whether "
             "numbers lie in memory as in order, read off the graph without computing. Then it runs the model "
             "and compares. Splitting into heads moves no number: q, k and v are views of one product, and "
             "their rows are not contiguous.",
         .rule = "Each traced shape is that of the formulas, [B, T, d], [B, H, T, d/H], [B, H, T, T], [B, T, "
                 "V], and "
                 "a run makes just these numbers.",
         .sabotage = "The traced model does not split into heads.",
         .params = "{\"batch_size\": 2, \"seq_len\": 16, \"vocab_size\": 65}"},
    .full = "{\"batch_size\": 8, \"seq_len\": 128, \"vocab_size\": 1000}",
    .run = run,
};
