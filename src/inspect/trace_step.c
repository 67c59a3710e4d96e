/* SPDX-License-Identifier: MIT */
/* The run of a training step: its graph, and the numbers that it starts from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "inspect/trace_internal.h"

/* --- the windows --- */

static heed_status make_windows(heed_trace *t, int64_t batch, int64_t length, heed_error *err)
{
    const size_t n = (size_t)(batch * length);

    t->batch = batch;
    t->length = length;
    t->own_ids = malloc(n * sizeof *t->own_ids);
    t->own_targets = malloc(n * sizeof *t->own_targets);
    if (t->own_ids == NULL || t->own_targets == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a batch of %zu tokens", n);
    t->inputs.ids = t->own_ids;
    t->inputs.targets = t->own_targets;
    t->ids = t->own_ids;
    return HEED_OK;
}

/* Windows side by side: as long as the context, or one of what there is; each target is the next token. */
static heed_status windows_of_text(heed_trace *t, const char *text, size_t n, int64_t most, heed_error *err)
{
    const int64_t context = t->config->context_length;
    int32_t *ids = NULL;
    size_t n_ids = 0;
    heed_status status = heed_model_encode(t->model, text, n, &ids, &n_ids, err);
    int64_t n_targets, batch;

    if (status == HEED_OK && n_ids < 2)
        status = heed_fail(err, HEED_ERR_USAGE, "a step needs a text of two tokens or more, got %zu", n_ids);
    if (status == HEED_OK) {
        n_targets = (int64_t)n_ids - 1;
        batch = n_targets / context < 1 ? 1 : n_targets / context;
        batch = batch > most ? most : batch;
        status = make_windows(t, batch, n_targets < context ? n_targets : context, err);
    }
    for (int64_t i = 0; status == HEED_OK && i < t->batch * t->length; i++) {
        t->own_ids[i] = ids[i];
        t->own_targets[i] = ids[i + 1];
    }
    free(ids);
    snprintf(t->given_text, sizeof t->given_text, "the text");
    return status;
}

/* --- a run's next step --- */

static heed_status open_run(heed_trace *t, const char *folder, heed_error *err)
{
    heed_status status = heed_trainer_look(folder, &t->trainer, err);
    const long long step = status == HEED_OK ? (long long)t->trainer->step : 0;

    if (status != HEED_OK)
        return status;
    t->model = t->trainer->model;
    t->weights = t->trainer->model->weights;
    t->inputs.lr = (float)heed_trainer_rate(t->trainer);
    t->inputs.t = heed_trainer_update_number(t->trainer);
    t->inputs.window = (int32_t)(uint32_t)(t->trainer->step * t->trainer->options.batch_size);
    snprintf(t->given_weights, sizeof t->given_weights, "the run's weights after step %lld", step);
    snprintf(t->given_moments, sizeof t->given_moments, "the run's optimizer after step %lld", step);
    snprintf(t->given_rate, sizeof t->given_rate, "the run's schedule, for step %lld", step + 1);
    return HEED_OK;
}

/* Those that it would read next; the trainer's own, which its teacher reads too. */
static heed_status windows_of_run(heed_trace *t, heed_error *err)
{
    heed_trainer *trainer = t->trainer;

    if (trainer->start.teacher.model != NULL && trainer->micro_batch != trainer->options.batch_size)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "a run that learns from a teacher is traced where micro_batch is batch_size (%lld), got %lld",
            (long long)trainer->options.batch_size, (long long)trainer->micro_batch);
    heed_batches_next(&trainer->batches, trainer->ids, trainer->targets);
    heed_teacher_run(&trainer->start.teacher);
    t->batch = trainer->options.batch_size;
    t->length = t->config->context_length;
    t->ids = t->inputs.ids = trainer->ids;
    t->inputs.targets = trainer->targets;
    snprintf(t->given_text, sizeof t->given_text, "the run's windows for step %lld",
             (long long)trainer->step + 1);
    return HEED_OK;
}

/* --- a model's first step --- */

static heed_status open_model(heed_trace *t, const char *folder, const heed_train_options *options,
                              heed_error *err)
{
    heed_status status = heed_model_open(folder, &t->opened, err);

    if (status == HEED_OK)
        status = heed_weights_create(&t->opened->config, &t->weights, err);
    if (status != HEED_OK)
        return status;
    t->model = t->opened;
    t->inputs.lr = (float)options->learning_rate;
    t->inputs.t = 1;
    snprintf(t->given_weights, sizeof t->given_weights, "the model's file");
    snprintf(t->given_moments, sizeof t->given_moments, "0, as the moments are fresh");
    snprintf(t->given_rate, sizeof t->given_rate, "the learning rate that was asked for");
    return HEED_OK;
}

/* Weights in single precision, gradients and moments of 0 behind them. */
static heed_status place_model(heed_trace *t, heed_error *err)
{
    t->block_bytes = heed_step_own_bytes(&t->step, t->weights);
    if (t->block_bytes < heed_memory_available())
        t->block = heed_memory_reserve(t->block_bytes);
    if (t->block == NULL)
        return heed_fail(
            err, HEED_ERR_MEMORY,
            "weights, gradients and moments need %.1f MB of memory, the system has %.1f MB to give",
            (double)t->block_bytes / 1e6, (double)heed_memory_available() / 1e6);
    heed_step_place(&t->step, t->weights, t->block);
    for (int i = 0; i < t->weights->n; i++)
        heed_model_read_parameter(t->model, i, (float *)(uintptr_t)t->weights->list[i].data);
    return HEED_OK;
}

/* The trainer has weights and moments in a block already, and room for gradients. */
static void bind_run(const heed_trace *t)
{
    const heed_step_graph *own = &t->step, *its = &t->trainer->train;

    for (int i = 0; i < t->weights->n; i++) {
        if (own->grad[i] != NULL)
            own->grad[i]->tensor.data = heed_step_gradient(its, t->weights, i);
        if (own->m[i] != NULL)
            own->m[i]->tensor.data = heed_step_moment(its, t->weights, i, 0);
        if (own->v[i] != NULL)
            own->v[i]->tensor.data = heed_step_moment(its, t->weights, i, 1);
    }
}

/* --- the graph --- */

/* Gradients go to their states, their norm to the update. */
static heed_status list_links(heed_trace *t, heed_error *err)
{
    heed_node *norm = heed_graph_find(t->g, "norm");

    t->links = calloc((size_t)t->step.n_parameters + 1, sizeof *t->links);
    if (t->links == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a trace");
    for (int i = 0; i < t->step.n_parameters; i++) {
        if (t->step.grad[i] != NULL)
            t->links[t->n_links++] = (heed_trace_link){t->step.grad[i], t->step.complete[i]};
    }
    if (norm != NULL && t->step.norm != NULL)
        t->links[t->n_links++] = (heed_trace_link){norm, t->step.norm};
    return HEED_OK;
}

/* Gradients are written as a whole, which changes no bit, and nobody looks at groups. */
static heed_status build_graph(heed_trace *t, const heed_train_options *options, heed_error *err)
{
    heed_train_options own = *options;
    const heed_step_shape shape = {.batch = t->batch,
                                   .length = t->length,
                                   .training = true,
                                   .teacher = t->trainer != NULL && t->trainer->start.teacher.model != NULL
                                                  ? &t->trainer->start.teacher
                                                  : NULL};
    heed_status status;

    own.strict = true;
    own.group_interval = 0;
    status = heed_step_graph_create(t->weights, &own, &shape, &t->inputs, &t->step, err);
    t->g = t->step.g;
    if (status == HEED_OK && t->trainer != NULL)
        bind_run(t);
    else if (status == HEED_OK)
        status = place_model(t, err);
    return status == HEED_OK ? list_links(t, err) : status;
}

static bool is_run(const char *folder)
{
    char path[HEED_PATH_BYTES];

    return heed_path_join(path, sizeof path, folder, "trainer.json", NULL) == HEED_OK && heed_file_exists(path);
}

heed_status heed_trace_build_step(heed_trace *t, const char *folder, const char *text, size_t n,
                                  const heed_train_options *options, heed_error *err)
{
    const heed_train_options usual = heed_train_options_default();
    const bool run = is_run(folder);
    int n_fields;
    const heed_field *fields = heed_train_fields(&n_fields);
    heed_status status;

    options = options != NULL ? options : &usual;
    status = heed_fields_check(fields, n_fields, options, err);
    if (status == HEED_OK)
        status = run ? open_run(t, folder, err) : open_model(t, folder, options, err);
    if (status != HEED_OK)
        return status;
    t->config = &t->model->config;
    if (!run && text == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%.300s: a step of a model that has no run needs a text", folder);
    if (text != NULL && run && t->trainer->start.teacher.model != NULL)
        return heed_fail(err, HEED_ERR_USAGE,
                         "%.300s learns from a teacher: its step has its own windows, no text", folder);
    status = text != NULL ? windows_of_text(t, text, n, options->batch_size, err) : windows_of_run(t, err);
    if (status == HEED_OK)
        status = build_graph(t, run ? &t->trainer->options : options, err);
    if (run)
        snprintf(t->what, sizeof t->what, "step %lld of the run, %lld window%s of %lld tokens at once",
                 (long long)t->trainer->step + 1, (long long)t->batch, t->batch == 1 ? "" : "s",
                 (long long)t->length);
    else
        snprintf(t->what, sizeof t->what, "a first step of training, %lld window%s of %lld tokens",
                 (long long)t->batch, t->batch == 1 ? "" : "s", (long long)t->length);
    return status;
}

void heed_trace_close_step(heed_trace *t)
{
    heed_step_graph_destroy(&t->step);
    if (t->trainer == NULL)
        heed_weights_destroy(t->weights);
    heed_trainer_close(t->trainer);
    heed_model_close(t->opened);
    heed_memory_release(t->block, t->block_bytes);
    free(t->own_ids);
    free(t->own_targets);
}
