/* SPDX-License-Identifier: MIT */
#include "workbook/demos/windows.h"

#include <math.h>

#include "inspect/forward.h"
#include "train/trainer.h"

enum { AT_ONCE = 8 }; /* windows in a run: logits of all would be large */

heed_demo_windows heed_demo_windows_of(heed_demoing *d, const heed_trainer *trainer, int64_t n, int64_t length)
{
    heed_demo_windows w = {.n = n, .length = length};
    const heed_source *source = trainer != NULL ? trainer->source : NULL;
    int64_t room;

    if (source == NULL || d->s.status != HEED_OK)
        return w;
    room = source->n_tokens[HEED_PART_VALIDATION] - length;
    if (source->n_tokens[HEED_PART_VALIDATION] > 0 && room < 1) {
        heed_solve_fail(&d->s, HEED_ERR_USAGE,
                        "text: its last tenth has %lld tokens, windows of %lld need more",
                        (long long)source->n_tokens[HEED_PART_VALIDATION], (long long)length);
        return w;
    }
    w.ids = (int32_t *)(void *)heed_demo_floats(d, n * length);
    w.targets = (int32_t *)(void *)heed_demo_floats(d, n * length);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++)
        source->fill(source, HEED_PART_VALIDATION, room > 0 ? i * room / n : i, length, w.ids + i * length,
                     w.targets + i * length);
    return w;
}

/* --- runs --- */

typedef struct reading {
    double sum;
    int64_t n; /* targets that counted */
    const int32_t *targets;
    heed_grid logits; /* rows that are left to be filled */
} reading;

static void add_losses(void *context, const heed_node *node, const heed_tensor *value)
{
    reading *r = context;

    (void)node;
    for (int64_t i = 0; i < heed_tensor_count(value); i++) {
        r->n += r->targets[i] != HEED_NO_TARGET;
        r->sum += r->targets[i] != HEED_NO_TARGET ? (double)heed_tensor_get(value, i) : 0.0;
    }
}

static void copy_logits(void *context, const heed_node *node, const heed_tensor *value)
{
    reading *r = context;
    const int64_t n = heed_tensor_count(value);

    (void)node;
    for (int64_t i = 0; i < n && i < r->logits.rows * r->logits.columns; i++)
        r->logits.data[i] = (double)heed_tensor_get(value, i);
    r->logits.data += n;
    r->logits.rows -= n / r->logits.columns;
}

/* Shows `name` of each AT_ONCE windows in turn. */
static void run(heed_demoing *d, const heed_model *model, const heed_demo_windows *w, const int32_t *targets,
                const char *name, heed_observe_fn *show, reading *r)
{
    for (int64_t i = 0; d->s.status == HEED_OK && i < w->n; i += AT_ONCE) {
        const heed_forward_ids in = {.ids = w->ids + i * w->length,
                                     .targets = targets + i * w->length,
                                     .batch = w->n - i < AT_ONCE ? w->n - i : AT_ONCE,
                                     .length = w->length};
        heed_forward *forward = NULL;
        heed_error err = {HEED_OK, ""};

        if (heed_demo_ok(d, heed_forward_create(model, &in, false, 0, &forward, &err), &err)) {
            heed_node *node = heed_forward_find(forward, name);

            r->targets = in.targets;
            heed_demo_ok(d, heed_forward_run(forward, &node, 1, show, r, &err), &err);
        }
        heed_forward_destroy(forward);
    }
}

double heed_demo_windows_loss(heed_demoing *d, const heed_model *model, const heed_demo_windows *w,
                              int64_t last)
{
    const int64_t first = last > 0 && last < w->length ? w->length - last : 0;
    int32_t *targets = (int32_t *)(void *)heed_demo_floats(d, w->n * w->length);
    reading r = {0};

    for (int64_t i = 0; d->s.status == HEED_OK && i < w->n * w->length; i++)
        targets[i] = i % w->length >= first ? w->targets[i] : HEED_NO_TARGET;
    if (model != NULL)
        run(d, model, w, targets, "token_loss", add_losses, &r);
    return d->s.status == HEED_OK && r.n > 0 ? r.sum / (double)r.n : NAN;
}

heed_grid heed_demo_windows_logits(heed_demoing *d, const heed_model *model, const heed_demo_windows *w)
{
    heed_grid out = {0};
    reading r = {0};

    if (d->s.status != HEED_OK || model == NULL)
        return out;
    out = heed_grid_make(&d->s, w->n * w->length, heed_model_config(model)->vocab_size);
    r.logits = out;
    run(d, model, w, w->targets, "logits", copy_logits, &r);
    return out;
}
