/* SPDX-License-Identifier: MIT */
/* Running with edits: one plan for all runs that begin at the same residuals, all plans in one block of memory. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "inspect/intervention_state.h"

/* --- running --- */

static void apply(const heed_edit *edit, const heed_tensor *value)
{
    const int64_t piece = heed_cols(value), n_pieces = value->shape.rank == 4 ? value->shape.size[1] : 1;
    const int64_t from = edit->head >= 0 ? edit->head : 0, to = edit->head >= 0 ? from + 1 : n_pieces;

    for (int64_t p = edit->first; p < edit->first + edit->n; p++) {
        const int64_t whose = edit->index != NULL ? edit->index[p] : p;
        for (int64_t h = from; h < to; h++) {
            float *x = heed_intervention_at(value, p, h);
            if (edit->rows == NULL)
                memset(x, 0, (size_t)piece * sizeof *x);
            else
                memcpy(x, edit->rows + whose * edit->stride + (h - from) * piece, (size_t)piece * sizeof *x);
        }
    }
}

static void edit_node(void *context, const heed_node *node, const heed_tensor *value)
{
    const heed_intervention *v = context;

    for (int i = 0; i < v->n_edits; i++) {
        if (v->edits[i].node == node)
            apply(&v->edits[i], value);
    }
}

/* The last start whose residuals come before all that is edited and have been kept; 0: a whole run. */
static int start_of(const heed_intervention *v, const heed_edit *edits, int n)
{
    int found = 0, first = heed_graph_n_nodes(heed_forward_graph(v->forward));

    for (int i = 0; i < n; i++)
        first = edits[i].node->first->id < first ? edits[i].node->first->id : first;
    for (int i = 1; i < v->n_starts && n > 0; i++) {
        if (v->starts[i].rows != NULL && v->starts[i].resid->id < first)
            found = i;
    }
    return found;
}

static heed_status make_plan(heed_intervention *v, int i, heed_error *err)
{
    heed_device *device = heed_forward_device(v->forward);
    heed_node *const given[] = {v->starts[i].resid};
    heed_node **edited = calloc((size_t)v->n_editable + 1, sizeof(heed_node *));
    heed_plan_options options = {.device = device,
                                 .reference = device->kernels == NULL,
                                 .targets = &v->target,
                                 .n_targets = 1,
                                 .given = given,
                                 .n_given = i > 0,
                                 .edited = edited,
                                 .edit = edit_node,
                                 .edit_context = v};
    heed_status status;

    if (edited == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    for (int k = 0; k < v->n_editable; k++) {
        if (i == 0 || v->editable[k]->first->id > v->starts[i].resid->id)
            edited[options.n_edited++] = v->editable[k];
    }
    status = heed_plan_create(heed_forward_graph(v->forward), &options, &v->starts[i].plan, err);
    free(edited);
    return status;
}

/* The block, large enough for this plan; what another plan has in it is lost. */
static heed_status grow_block(heed_intervention *v, size_t bytes, heed_error *err)
{
    if (bytes <= v->block_bytes)
        return HEED_OK;
    heed_memory_release(v->block, v->block_bytes);
    v->block_bytes = 0;
    v->block = bytes < heed_memory_available() ? heed_memory_reserve(bytes) : NULL;
    if (v->block == NULL)
        return heed_fail(err, HEED_ERR_MEMORY,
                         "one run of the model needs %.1f MB of memory, the system has %.1f MB to give",
                         (double)bytes / 1e6, (double)heed_memory_available() / 1e6);
    v->block_bytes = bytes;
    return HEED_OK;
}

/* Makes start i the one whose plan has the block, and gives it its residuals. */
static heed_status go_to(heed_intervention *v, int i, heed_error *err)
{
    heed_intervention_start *s = &v->starts[i];
    heed_status status = s->plan == NULL ? make_plan(v, i, err) : HEED_OK;

    if (status != HEED_OK || v->current == i)
        return status;
    v->current = -1;
    status = grow_block(v, heed_plan_bytes(s->plan), err);
    if (status == HEED_OK)
        status = heed_plan_place(s->plan, v->block, err);
    if (status != HEED_OK)
        return status;
    if (s->resid != NULL) {
        const heed_tensor *to = heed_plan_given(s->plan, s->resid);
        const int64_t width = heed_intervention_width(s->resid);
        for (int64_t p = 0; p < v->batch * v->length; p++)
            memcpy(heed_intervention_at(to, p, 0), s->rows + p * width, (size_t)width * sizeof(float));
    }
    v->current = i;
    return HEED_OK;
}

heed_status heed_intervention_run(heed_intervention *v, const heed_edit *edits, int n, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < n && status == HEED_OK; i++)
        status = heed_intervention_allow(v, edits[i].node, err);
    if (status == HEED_OK)
        status = go_to(v, start_of(v, edits, n), err);
    if (status != HEED_OK)
        return status;
    v->edits = edits;
    v->n_edits = n;
    heed_plan_run(v->starts[v->current].plan);
    v->edits = NULL;
    v->n_edits = 0;
    return HEED_OK;
}

const heed_tensor *heed_intervention_result(const heed_intervention *v)
{
    return v->current >= 0 ? heed_plan_value(v->starts[v->current].plan, v->target) : NULL;
}
