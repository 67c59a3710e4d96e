/* SPDX-License-Identifier: MIT */
/* The optimizer's moments of several ranks: from their parts into one file, and back. */
#include "train/trainer.h"

bool heed_trainer_writes(const heed_trainer *t)
{
    return heed_ranks_rank(t->options.ranks) == 0;
}

/* The parts of parameter i are neighbours in the list: the first of them, and how many. */
static const heed_split_part *parts_of(const heed_split *split, int i, int *n)
{
    int first = 0;

    while (first < split->n_parts && split->parts[first].parameter < i)
        first++;
    *n = 0;
    while (first + *n < split->n_parts && split->parts[first + *n].parameter == i)
        ++*n;
    return split->parts + first;
}

static float *own_moments(const heed_trainer *t, const heed_split_part *part, int second)
{
    const heed_step_graph *step = &t->train;

    for (int k = 0; k < step->n_parts; k++) {
        if (step->parts[k].of == part)
            return heed_step_part_moment(step, t->model->weights, k, second);
    }
    return NULL;
}

/* --- to rank 0 --- */

/* One parameter's moments from all ranks. sink NULL: they are dropped. */
static heed_status take(heed_gathering *g, heed_file_sink *sink, heed_error *err)
{
    heed_trainer *t = g->trainer;
    float *room = t->reduce->room;
    const size_t n_parameters = (size_t)t->model->weights->n;
    const int second = g->next >= n_parameters;
    heed_status status = HEED_OK;
    int n;
    const heed_split_part *parts = parts_of(t->train.split, (int)(g->next % n_parameters), &n);

    for (int k = 0; k < n && second < t->train.groups.n_moments; k++) {
        const size_t bytes = (size_t)parts[k].n * sizeof(float);
        const float *numbers = room;
        heed_status received = HEED_OK;

        if (parts[k].rank == 0)
            numbers = own_moments(t, &parts[k], second);
        else
            received = heed_ranks_receive(t->options.ranks, parts[k].rank, room, bytes, err);
        if (received != HEED_OK)
            return received;
        if (status == HEED_OK && sink != NULL && !heed_file_put(sink, numbers, bytes))
            status = HEED_ERR_FILE;
    }
    g->next++;
    return status;
}

heed_status heed_gathering_put(heed_gathering *g, size_t i, heed_file_sink *sink, heed_error *err)
{
    heed_status status = HEED_OK;

    while (g->next < i && status == HEED_OK)
        status = take(g, NULL, err);
    return status == HEED_OK ? take(g, sink, err) : status;
}

heed_status heed_gathering_end(heed_gathering *g, heed_error *err)
{
    const size_t n = (size_t)(g->trainer->train.groups.n_moments * g->trainer->model->weights->n);
    heed_status status = HEED_OK;

    while (g->next < n && status == HEED_OK)
        status = take(g, NULL, err);
    return status;
}

heed_status heed_moments_send(heed_trainer *t, heed_error *err)
{
    const heed_step_graph *step = &t->train;
    heed_status status = HEED_OK;

    for (int second = 0; second < step->groups.n_moments; second++) {
        for (int k = 0; k < step->n_parts && status == HEED_OK; k++)
            status = heed_ranks_send(t->options.ranks, 0,
                                     heed_step_part_moment(step, t->model->weights, k, second),
                                     (size_t)step->parts[k].of->n * sizeof(float), err);
    }
    return status;
}

/* --- from a file --- */

heed_status heed_moments_read(heed_trainer *t, const heed_safetensors_entry *entry, int i, int second,
                              heed_error *err)
{
    const heed_step_graph *step = &t->train;
    const size_t element = heed_safetensors_dtype_bytes(entry->dtype);
    heed_status status = HEED_OK;

    for (int k = 0; k < step->n_parts && status == HEED_OK; k++) {
        const heed_split_part *part = step->parts[k].of;
        heed_safetensors_entry some = *entry;
        if (part->parameter != i)
            continue;
        some.data = (const char *)entry->data + (size_t)part->first * element;
        some.count = part->n;
        some.bytes = (size_t)part->n * element;
        some.rank = 1;
        some.size[0] = part->n;
        status = heed_safetensors_read_f32(&some, heed_step_part_moment(step, t->model->weights, k, second),
                                           err);
    }
    return status;
}
