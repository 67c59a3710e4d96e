/* SPDX-License-Identifier: MIT */
/* E02: which rows of the token table does one batch train? */
#include <math.h>
#include <string.h>

#include "inspect/forward.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"

/* --- a batch: token r comes as often as 1 / r, about as words do --- */

static int32_t *draw(heed_demoing *d, int64_t n, int64_t vocab_size)
{
    const heed_grid below = heed_grid_make(&d->s, 1, vocab_size); /* cumulated 1 / r */
    int32_t *ids = (int32_t *)(void *)heed_demo_floats(d, n);
    double sum = 0.0;

    for (int64_t r = 0; r < below.columns; r++)
        below.data[r] = sum += 1.0 / (double)(r + 1);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        const double u = sum * heed_rng_double(&d->rng);
        int64_t low = 0, high = vocab_size - 1;

        while (low < high) { /* the first that is above u */
            const int64_t middle = (low + high) / 2;
            if (below.data[middle] > u)
                high = middle;
            else
                low = middle + 1;
        }
        ids[i] = (int32_t)low;
    }
    return ids;
}

/* Windows side by side in a text: the last target of one is the first id of the next. */
static heed_forward_ids make_batch(heed_demoing *d, int64_t batch, int64_t length, int64_t vocab_size)
{
    const int32_t *text = draw(d, batch * length + 1, vocab_size);

    return (heed_forward_ids){
        .ids = text, .targets = text != NULL ? text + 1 : NULL, .batch = batch, .length = length};
}

static int64_t different(heed_demoing *d, const heed_forward_ids *batch, int64_t vocab_size)
{
    const heed_grid seen = heed_grid_make(&d->s, 1, vocab_size);
    int64_t count = 0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < batch->batch * batch->length; i++) {
        count += seen.data[batch->ids[i]] == 0.0;
        seen.data[batch->ids[i]] = 1.0;
    }
    return count;
}

/* --- gradients --- */

typedef struct counting {
    int64_t rows, touched_rows; /* of the token table */
    double n, touched;          /* numbers of all parameters */
} counting;

static void count(void *context, const heed_node *node, const heed_tensor *value)
{
    counting *c = context;
    const int64_t rows = heed_rows(value), columns = heed_cols(value);
    const bool table = strcmp(node->name, "d.wte.weight") == 0;

    for (int64_t r = 0; r < rows; r++) {
        int64_t here = 0;

        for (int64_t i = 0; i < columns; i++)
            here += heed_tensor_get(value, r * columns + i) != 0.0f;
        c->touched += (double)here;
        c->touched_rows += table && here > 0;
    }
    c->n += (double)(rows * columns);
    c->rows += table ? rows : 0;
}

static heed_model *make_model(heed_demoing *d, int64_t vocab_size, int64_t width, int64_t length, bool tied)
{
    heed_config config = heed_config_default();
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};

    config.vocab_size = vocab_size;
    config.context_length = length;
    config.n_layers = 1;
    config.n_heads = 1;
    config.d_model = width;
    config.tied_head = tied;
    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_model_create(&config, d->options->seed, &model, &err), &err);
    return model;
}

static counting measure(heed_demoing *d, const heed_forward_ids *batch, int64_t vocab_size, int64_t width,
                        bool tied)
{
    heed_model *model = make_model(d, vocab_size, width, batch->length, tied);
    heed_forward *forward = NULL;
    heed_error err = {HEED_OK, ""};
    heed_node *nodes[64];
    counting c = {0};
    int n = 0;

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_forward_create(model, batch, true, 0, &forward, &err), &err);
    for (int i = 0; d->s.status == HEED_OK && i < heed_model_n_parameters(model) && n < 64; i++) {
        heed_node *node = heed_forward_find(forward,
                                            heed_demo_words(d, "grad/%s", heed_model_parameter(model, i).name));
        if (node != NULL)
            nodes[n++] = node;
    }
    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_forward_run(forward, nodes, n, count, &c, &err), &err);
    heed_forward_destroy(forward);
    heed_model_close(model);
    return c;
}

/* --- what came out --- */

static void judge(heed_demoing *d, const counting *untied, const counting *tied, int64_t n_different)
{
    const double share = (double)untied->touched_rows / (double)untied->rows,
                 tied_share = (double)tied->touched_rows / (double)tied->rows;

    heed_show_figure(d, "different", (double)n_different, "different tokens in the batch");
    heed_show_figure(d, "rows", (double)untied->touched_rows,
                     "rows of the table with a gradient, a head of its own");
    heed_show_figure(d, "share", share, "of all rows");
    heed_show_figure(d, "tied_rows", (double)tied->touched_rows,
                     "rows with a gradient, the table is the head too");
    heed_show_figure(d, "tied_share", tied_share, "of all rows");
    heed_show_figure(d, "numbers_share", untied->touched / untied->n,
                     "of all numbers of the model, those with a gradient; a head of its own");
    heed_show_check(
        d, untied->touched_rows == n_different,
        "a table that is only looked up: %lld rows have a gradient, and %lld different tokens were there",
        (long long)untied->touched_rows, (long long)n_different);
    heed_show_check(d, tied->touched_rows == tied->rows,
                    "a table that is the head too: %lld of %lld rows have one", (long long)tied->touched_rows,
                    (long long)tied->rows);
    heed_show_check(d, share < 0.5, "the first is %.2f %% of the table, less than half of it", 100.0 * share);
}

static void run(heed_demoing *d)
{
    const int64_t vocab_size = heed_take_int(&d->s, "vocab_size", 2, 65536),
                  width = heed_take_int(&d->s, "d_model", 1, 256),
                  batch = heed_take_int(&d->s, "batch", 1, 256),
                  length = heed_take_int(&d->s, "seq_len", 2, 512);
    enum { MOST = 8 };
    heed_grid table = heed_grid_make(&d->s, MOST, 3);
    int n = 0;

    for (int64_t windows = 1; d->s.status == HEED_OK && n < MOST; windows *= 4, n++) {
        const int64_t b = windows < batch ? windows : batch;
        const heed_forward_ids in = make_batch(d, b, length, vocab_size);
        const int64_t n_different = different(d, &in, vocab_size);
        counting untied, tied;

        heed_demo_progress(d, (double)n / MOST, "gradients of a batch");
        untied = measure(d, &in, vocab_size, width, d->sabotage);
        tied = measure(d, &in, vocab_size, width, true);
        if (d->s.status != HEED_OK)
            return;
        table.data[3 * n] = (double)b;
        table.data[3 * n + 1] = (double)untied.touched_rows / (double)vocab_size;
        table.data[3 * n + 2] = (double)tied.touched_rows / (double)vocab_size;
        if (b == batch) {
            judge(d, &untied, &tied, n_different);
            n++;
            break;
        }
    }
    table.rows = n;
    heed_show_table(d, table, "Share of the table's rows with a gradient, by windows a batch", NULL,
                    "windows|head of its own|tied", false);
}

const heed_demo heed_demo_e02 = {
    .info = {.id = "E02",
             .title = "Rows of the token table that a batch trains",
             .shows = "Draws a batch of tokens, of which few come often and most hardly ever, and counts the "
                      "rows of the token "
                      "table whose gradient is not 0. A row is reached by being looked up, so a table that is "
                      "only looked up "
                      "learns of a batch what was in it, and nothing of other tokens. A table that is the head "
                      "too takes part "
                      "in every prediction: all rows are pushed away from what they were not.",
             .rule = "With a head of its own exactly the rows of the batch's different tokens have a gradient, "
                     "less than half of "
                     "all; with a tied head all rows have one.",
             .sabotage = "The head is tied in both.",
             .params = "{\"vocab_size\": 8192, \"d_model\": 32, \"batch\": 16, \"seq_len\": 32}"},
    .full = "{\"vocab_size\": 50257, \"batch\": 32, \"seq_len\": 128}",
    .run = run,
};
