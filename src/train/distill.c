/* SPDX-License-Identifier: MIT */
/*
 * A teacher beside the student (ops/distill_loss.c has the mathematics): in each run of a step it reads the same windows,
 * forward alone, and what its head reads is kept; the student's loss puts both heads side by side, tile by tile.
 *
 *   ids ──► teacher's plan ──► resid [micro_batch, T, e] ──┐
 *   ids ──► student's graph ──► resid [micro_batch, T, d] ─┴─► distill_loss ──► gradients of the student
 *
 * The teacher's plan runs in the arena of the step before the step does, so what it needs is not added to what the step
 * needs. Only resid is: it is copied out. Its weights are mapped, in the precision of their file, and have no gradient.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/trainer.h"

heed_status heed_teacher_open(heed_trainer *t, const heed_config *config, heed_error *err)
{
    const char *path = t->options.distill;
    heed_model **model = &t->start.teacher.model;
    heed_status status = heed_model_open(path, model, err);

    if (status != HEED_OK)
        return status;
    if ((*model)->config.kind != HEED_KIND_GPT || config->kind != HEED_KIND_GPT)
        return heed_fail(err, HEED_ERR_USAGE,
                         "distill: expected a teacher and a student with a head, a bigram model has none");
    if (config->context_length > heed_config_reach(&(*model)->config))
        return heed_fail(err, HEED_ERR_USAGE,
                         "context_length: the teacher %.300s has positions for %lld tokens, got %lld", path,
                         (long long)heed_config_reach(&(*model)->config), (long long)config->context_length);
    return heed_start_identify(*model, path, &t->start.teacher_hash, err);
}

heed_status heed_teacher_check_tokens(heed_trainer *t, const heed_tokenizer *tokenizer, heed_error *err)
{
    const heed_model *model = t->start.teacher.model;

    if (model->tokenizer != NULL && !heed_start_same_tokens(model->tokenizer, tokenizer))
        return heed_fail(
            err, HEED_ERR_USAGE,
            "distill: the teacher %.300s has another tokenizer (%s of %lld tokens) than this model "
            "(%s of %lld); both must know the same tokens under the same ids",
            t->options.distill, heed_tokenizer_kind_name(model->tokenizer),
            (long long)heed_tokenizer_vocab_size(model->tokenizer), heed_tokenizer_kind_name(tokenizer),
            (long long)heed_tokenizer_vocab_size(tokenizer));
    return HEED_OK;
}

/* --- its plan --- */

heed_status heed_teacher_plan(heed_trainer *t, int32_t *ids, heed_error *err)
{
    heed_teacher *teacher = &t->start.teacher;
    const heed_config *own = &t->model->config, *its = &teacher->model->config;
    const int64_t T = own->context_length;
    heed_nn nn = {.config = its, .weights = teacher->model->weights};
    heed_status status;

    if (its->vocab_size < own->vocab_size)
        return heed_fail(err, HEED_ERR_USAGE, "vocab_size: the teacher has %lld tokens, got %lld",
                         (long long)its->vocab_size, (long long)own->vocab_size);
    teacher->g = nn.g = heed_graph_create();
    teacher->out_bytes = (size_t)(t->micro_batch * T) * (size_t)its->d_model * sizeof(float);
    teacher->out = malloc(teacher->out_bytes);
    if (teacher->g == NULL || teacher->out == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the teacher's graph");
    teacher->resid =
        heed_gpt_build(&nn, heed_graph_bound_input(nn.g, "ids", HEED_I32, heed_shape2(t->micro_batch, T), ids),
                       NULL)
            .resid_final;
    heed_weights_bind(teacher->model->weights, nn.g);
    status = heed_graph_status(nn.g, err);
    if (status == HEED_OK) {
        const heed_plan_options options = {.device = &t->device,
                                           .reference = t->device.kernels == NULL,
                                           .targets = &teacher->resid,
                                           .n_targets = 1};
        status = heed_plan_create(nn.g, &options, &teacher->plan, err);
    }
    return status;
}

void heed_teacher_run(const heed_teacher *teacher)
{
    if (teacher->plan == NULL)
        return;
    heed_plan_run(teacher->plan);
    const heed_tensor *resid = heed_plan_value(teacher->plan, teacher->resid);
    const heed_tensor out = heed_tensor_make(HEED_F32, resid->shape, teacher->out);

    heed_tensor_copy(&out, resid);
}

void heed_teacher_close(heed_teacher *teacher)
{
    heed_plan_destroy(teacher->plan);
    heed_graph_destroy(teacher->g);
    heed_model_close(teacher->model);
    free(teacher->out);
    *teacher = (heed_teacher){0};
}

/* --- in the student's graph --- */

heed_distill_nodes heed_teacher_loss(const heed_teacher *teacher, const heed_train_options *options,
                                     heed_graph *g, const heed_gpt *gpt, heed_node *head, heed_node *targets)
{
    const heed_distill_options its = {(float)options->temperature, (float)options->distill_weight};
    const heed_weights *w = teacher->model->weights;
    const heed_parameter *p = heed_weights_find(w, w->config.tied_head ? "wte.weight" : "lm_head.weight");
    heed_node *x = heed_graph_bound_input(g, "teacher.resid_final", HEED_F32, teacher->resid->tensor.shape,
                                          teacher->out);
    heed_node *weight = heed_graph_bound_input(g, "teacher.head", heed_precision_dtype(p->precision),
                                               heed_shape2(p->size[0], p->size[1]),
                                               (void *)(uintptr_t)p->numbers);

    if (weight != NULL && p->scales != NULL)
        weight->tensor.scales = &w->scales[p - w->list];
    return heed_distill_loss(g, gpt->resid_final, head, targets, x, weight, &its);
}
