/* SPDX-License-Identifier: MIT */
/* Where the numbers of a step lie: weights, gradients and moments, one behind the other (train/step.h). */
#include "train/step.h"

size_t heed_step_gradients_bytes(const heed_step_graph *step, const heed_weights *weights)
{
    return step->split != NULL ? heed_weights_bytes(weights) : step->groups.part_bytes;
}

static size_t moment_bytes(const heed_step_graph *step)
{
    return step->split != NULL ? heed_size_align((size_t)step->split->n_moments[step->rank] * sizeof(float))
                               : step->groups.part_bytes;
}

size_t heed_step_own_bytes(const heed_step_graph *step, const heed_weights *weights)
{
    return heed_weights_bytes(weights) + heed_step_gradients_bytes(step, weights) +
           (size_t)step->groups.n_moments * moment_bytes(step);
}

float *heed_step_gradients(const heed_weights *weights)
{
    return (float *)(void *)((char *)weights->list[0].data + heed_weights_bytes(weights));
}

static float *moments(const heed_step_graph *step, const heed_weights *weights, int second)
{
    return (float *)(void *)((char *)heed_step_gradients(weights) + heed_step_gradients_bytes(step, weights) +
                             (second ? moment_bytes(step) : 0));
}

float *heed_step_gradient(const heed_step_graph *step, const heed_weights *weights, int i)
{
    if (step->grad[i] == NULL)
        return NULL;
    if (step->split != NULL)
        return heed_step_gradients(weights) + step->split->places[i];
    return heed_step_gradients(weights) + step->groups.list[i].at / sizeof(float);
}

float *heed_step_moment(const heed_step_graph *step, const heed_weights *weights, int i, int second)
{
    if ((second ? step->v[i] : step->m[i]) == NULL)
        return NULL;
    return moments(step, weights, second) + step->groups.list[i].at / sizeof(float);
}

bool heed_step_has_moment(const heed_step_graph *step, int i, int second)
{
    return step->grad[i] != NULL && second < step->groups.n_moments;
}

/* Of this rank's parts: the first ones of all before the second ones. */
float *heed_step_part_moment(const heed_step_graph *step, const heed_weights *weights, int k, int second)
{
    return moments(step, weights, second) + step->parts[k].of->at;
}

static void place_parts(const heed_step_graph *step, const heed_weights *weights)
{
    for (int k = 0; k < step->n_parts; k++) {
        const heed_step_part *part = &step->parts[k];
        const int64_t at = step->split->places[part->of->parameter] + part->of->first;
        part->p->tensor.data = (float *)(uintptr_t)weights->list[0].data + at;
        part->grad->tensor.data = heed_step_gradients(weights) + at;
        if (part->m != NULL)
            part->m->tensor.data = heed_step_part_moment(step, weights, k, 0);
        if (part->v != NULL)
            part->v->tensor.data = heed_step_part_moment(step, weights, k, 1);
    }
}

void heed_step_place(const heed_step_graph *step, heed_weights *weights, void *block)
{
    heed_weights_place(weights, block, NULL);
    heed_weights_bind(weights, step->g);
    for (int i = 0; i < weights->n; i++) {
        if (step->grad[i] != NULL)
            step->grad[i]->tensor.data = heed_step_gradient(step, weights, i);
        if (step->m[i] != NULL)
            step->m[i]->tensor.data = heed_step_moment(step, weights, i, 0);
        if (step->v[i] != NULL)
            step->v[i]->tensor.data = heed_step_moment(step, weights, i, 1);
    }
    place_parts(step, weights);
}
