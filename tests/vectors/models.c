/* SPDX-License-Identifier: MIT */
/* Whole models, built as heed builds them: the bigram model, the attention model, GPT-2 with its training. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn/model.h"
#include "nn/nn.h"
#include "train/step.h"
#include "vectors.h"

/* A model of the case and the graph of its logits, loss and gradients. */
typedef struct case_model {
    heed_weights *weights;
    heed_graph *g;
    heed_gpt gpt;
    heed_plan *plan;
} case_model;

static void release(case_model *m)
{
    heed_plan_destroy(m->plan);
    heed_graph_destroy(m->g);
    heed_weights_destroy(m->weights);
}

static bool wants_gradients(const vector_case *v)
{
    char start[256];
    const int n = snprintf(start, sizeof start, "%s/grad/", v->name);

    for (size_t i = 0; i < heed_safetensors_n_entries(v->file); i++) {
        if (strncmp(heed_safetensors_at(v->file, i)->name, start, (size_t)n) == 0)
            return true;
    }
    return false;
}

/* Builds, differentiates, runs with everything readable. The weights must have their numbers. */
static bool run_model(vector_case *v, case_model *m, heed_error *err)
{
    static const float one = 1.0f;
    const int64_t B = (int64_t)vector_number(v, "B"), T = (int64_t)vector_number(v, "T");
    heed_nn nn = {.config = &m->weights->config, .weights = m->weights};
    heed_node *ids, *targets, *seed, *wanted[64];
    heed_plan_options options = {
        .device = v->device, .reference = v->device->kernels == NULL, .targets = wanted};

    m->g = nn.g = heed_graph_create();
    ids = heed_graph_input(m->g, "ids", HEED_I32, heed_shape2(B, T));
    targets = heed_graph_input(m->g, "targets", HEED_I32, heed_shape2(B, T));
    seed = heed_graph_input(m->g, "seed", HEED_F32, heed_shape0());
    ids->tensor.data = vector_ints(v, "ids");
    targets->tensor.data = vector_ints(v, "targets");
    seed->tensor.data = (void *)(uintptr_t)&one;
    m->gpt = heed_gpt_build(&nn, ids, targets);
    if (wants_gradients(v))
        heed_graph_differentiate(m->g, m->gpt.loss, seed, heed_accumulate);
    heed_weights_bind(m->weights, m->g);
    if (heed_graph_status(m->g, err) != HEED_OK)
        return false;
    wanted[options.n_targets++] = m->gpt.logits;
    wanted[options.n_targets++] = heed_graph_value_of(m->gpt.loss);
    for (int i = 0; i < m->weights->n && i < 60; i++) {
        heed_node *p = heed_graph_find(m->g, m->weights->list[i].name);
        if (p->grad != NULL)
            wanted[options.n_targets++] = p->grad;
    }
    if (heed_plan_create(m->g, &options, &m->plan, err) != HEED_OK ||
        heed_plan_place(m->plan, NULL, err) != HEED_OK)
        return false;
    heed_plan_run(m->plan);
    vector_compare_tensor(v, "logits", heed_plan_value(m->plan, m->gpt.logits));
    vector_compare_tensor(v, "loss", heed_plan_value(m->plan, heed_graph_value_of(m->gpt.loss)));
    return true;
}

static const heed_tensor *gradient(const case_model *m, const char *parameter)
{
    const heed_node *p = heed_graph_find(m->g, parameter);

    return p != NULL && p->grad != NULL ? heed_plan_value(m->plan, p->grad) : NULL;
}

static bool make_weights(const heed_config *config, case_model *m, heed_error *err)
{
    return heed_weights_create(config, &m->weights, err) == HEED_OK &&
           heed_weights_place(m->weights, NULL, err) == HEED_OK;
}

static float *numbers(const case_model *m, const char *name)
{
    return (float *)(uintptr_t)heed_weights_find(m->weights, name)->data;
}

static void copy(vector_case *v, const case_model *m, const char *to, const char *from)
{
    const float *x = vector_floats(v, from);

    if (x != NULL)
        memcpy(numbers(m, to), x, (size_t)heed_weights_find(m->weights, to)->count * sizeof(float));
}

void run_bigram(vector_case *v)
{
    case_model m = {0};
    heed_error err = {HEED_OK, ""};
    heed_config config = heed_config_default();

    config.kind = HEED_KIND_BIGRAM;
    config.vocab_size = (int64_t)vector_number(v, "V");
    if (make_weights(&config, &m, &err))
        copy(v, &m, "table.weight", "table");
    if (m.weights != NULL && run_model(v, &m, &err))
        vector_compare_tensor(v, "grad/table", gradient(&m, "table.weight"));
    else
        vector_fail(v, err.message);
    release(&m);
}

/* --- the attention model: the file has separate [out, in] maps, heed one fused [in, 3 out] --- */

static const char *const maps[] = {"query", "key", "value"};

static void fuse(vector_case *v, const case_model *m, int64_t d)
{
    char name[64];

    for (int part = 0; part < 3; part++) {
        snprintf(name, sizeof name, "attention.%s.weight", maps[part]);
        const float *w = vector_floats(v, name);
        snprintf(name, sizeof name, "attention.%s.bias", maps[part]);
        const float *b = vector_floats(v, name);
        for (int64_t o = 0; o < d; o++) {
            for (int64_t i = 0; i < d; i++)
                numbers(m, "h.0.attn.c_attn.weight")[i * 3 * d + part * d + o] = w[o * d + i];
            numbers(m, "h.0.attn.c_attn.bias")[part * d + o] = b[o];
        }
    }
    const float *w = vector_floats(v, "attention.out.weight");
    for (int64_t o = 0; o < d; o++) {
        for (int64_t i = 0; i < d; i++)
            numbers(m, "h.0.attn.c_proj.weight")[i * d + o] = w[o * d + i];
    }
    copy(v, m, "h.0.attn.c_proj.bias", "attention.out.bias");
}

/* Columns begin .. of a gradient [in, all] seen as [out, in], or of [all]. */
typedef struct columns {
    const heed_tensor *from;
    int64_t begin, in, all;
} columns;

static double transposed(const void *context, int64_t i)
{
    const columns *c = context;

    return (double)heed_tensor_get(c->from, i % c->in * c->all + c->begin + i / c->in);
}

static double in_order(const void *context, int64_t i)
{
    const columns *c = context;

    return (double)heed_tensor_get(c->from, c->begin + i);
}

static void compare_maps(vector_case *v, const case_model *m, int64_t d)
{
    const heed_tensor *fused = gradient(m, "h.0.attn.c_attn.weight"),
                      *bias = gradient(m, "h.0.attn.c_attn.bias");
    const columns out = {gradient(m, "h.0.attn.c_proj.weight"), 0, d, d};
    char name[64];

    for (int part = 0; part < 3; part++) {
        const columns w = {fused, part * d, d, 3 * d}, b = {bias, part * d, d, 3 * d};
        snprintf(name, sizeof name, "grad/attention.%s.weight", maps[part]);
        vector_compare(v, name, d * d, transposed, &w);
        snprintf(name, sizeof name, "grad/attention.%s.bias", maps[part]);
        vector_compare(v, name, d, in_order, &b);
    }
    vector_compare(v, "grad/attention.out.weight", d * d, transposed, &out);
    vector_compare_tensor(v, "grad/attention.out.bias", gradient(m, "h.0.attn.c_proj.bias"));
    vector_compare_tensor(v, "grad/token_embedding.weight", gradient(m, "wte.weight"));
    vector_compare_tensor(v, "grad/position_embedding.weight", gradient(m, "wpe.weight"));
    vector_compare_tensor(v, "grad/output_head.weight", gradient(m, "lm_head.weight"));
}

void run_attn_gpt(vector_case *v)
{
    const int64_t d = (int64_t)vector_number(v, "d_model");
    case_model m = {0};
    heed_error err = {HEED_OK, ""};
    heed_config config;

    heed_config_preset("m0", &config, &err);
    config.vocab_size = (int64_t)vector_number(v, "V");
    config.context_length = (int64_t)vector_number(v, "max_length");
    config.d_model = d;
    config.n_heads = (int64_t)vector_number(v, "H");
    if (make_weights(&config, &m, &err)) {
        copy(v, &m, "wte.weight", "token_embedding.weight");
        copy(v, &m, "wpe.weight", "position_embedding.weight");
        copy(v, &m, "lm_head.weight", "output_head.weight");
        fuse(v, &m, d);
    }
    if (m.weights != NULL && run_model(v, &m, &err))
        compare_maps(v, &m, d);
    else
        vector_fail(v, err.message);
    release(&m);
}

/* --- GPT-2, from its folder in Hugging Face's layout --- */

/* A folder beside this one may hold the same weights under other names (transformer. before all, mask buffers). */
static void compare_prefixed(vector_case *v, const heed_model *model)
{
    heed_model *other = NULL;
    heed_error err = {HEED_OK, ""};
    char folder[4096];

    snprintf(folder, sizeof folder, "%s_prefixed", v->folder);
    if (!heed_file_is_folder(folder))
        return;
    if (heed_model_open(folder, &other, &err) != HEED_OK) {
        vector_fail(v, err.message);
        return;
    }
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter a = heed_model_parameter(model, i), b = heed_model_parameter(other, i);
        if (strcmp(a.name, b.name) != 0 || a.count != b.count ||
            memcmp(a.data, b.data, (size_t)a.count * sizeof(float)) != 0)
            vector_fail(v, a.name);
    }
    heed_model_close(other);
}

void run_gpt2(vector_case *v)
{
    case_model m = {0};
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    char name[160];

    if (heed_model_open(v->folder, &model, &err) != HEED_OK) {
        vector_fail(v, err.message);
        return;
    }
    compare_prefixed(v, model);
    m.weights = model->weights;
    if (!run_model(v, &m, &err))
        vector_fail(v, err.message);
    for (int i = 0; i < m.weights->n && m.plan != NULL; i++) {
        snprintf(name, sizeof name, "grad/%s", m.weights->list[i].name);
        if (vector_find(v, name) != NULL)
            vector_compare_tensor(v, name, gradient(&m, m.weights->list[i].name));
    }
    m.weights = NULL;
    release(&m);
    heed_model_close(model);
}

/* Ten steps of the trainer's own graph on a copy of the weights. */
typedef struct training {
    heed_weights *weights;
    heed_step_inputs inputs;
    heed_step_graph step;
    heed_step_plans plans;
} training;

static bool prepare_training(vector_case *v, training *t, heed_error *err)
{
    heed_model *model = NULL;
    heed_train_options options = heed_train_options_default();
    const heed_step_shape shape = {
        .batch = (int64_t)vector_number(v, "B"), .length = (int64_t)vector_number(v, "T"), .training = true};
    bool ok = heed_model_open(v->folder, &model, err) == HEED_OK;

    options.beta1 = vector_number(v, "beta1");
    options.beta2 = vector_number(v, "beta2");
    options.eps = vector_number(v, "eps");
    options.weight_decay = vector_number(v, "weight_decay");
    options.clip_norm = vector_number(v, "clip");
    snprintf(options.groups, sizeof options.groups,
             "wte.weight: weight_decay %.9g; wpe.weight: weight_decay %.9g", options.weight_decay,
             options.weight_decay); /* the file's rule: all of two axes */
    ok = ok && heed_weights_create(&model->config, &t->weights, err) == HEED_OK &&
         heed_weights_place(t->weights, NULL, err) == HEED_OK;
    for (int i = 0; ok && i < t->weights->n; i++)
        memcpy((float *)(uintptr_t)t->weights->list[i].data, model->weights->list[i].data,
               (size_t)t->weights->list[i].count * sizeof(float));
    ok = ok && heed_step_graph_create(t->weights, &options, &shape, &t->inputs, &t->step, err) == HEED_OK;
    for (int i = 0; ok && i < t->weights->n; i++) {
        const size_t bytes = (size_t)t->weights->list[i].count * sizeof(float);
        t->step.grad[i]->tensor.data = heed_arena_alloc(v->arena, bytes);
        t->step.m[i]->tensor.data = heed_arena_alloc(v->arena, bytes);
        t->step.v[i]->tensor.data = heed_arena_alloc(v->arena, bytes);
    }
    ok = ok && heed_step_plan(&t->step, v->device, &t->plans, err) == HEED_OK;
    heed_model_close(model);
    return ok;
}

static bool is_skipped_bias(const char *name)
{
    return strstr(name, "attn.c_attn.bias") != NULL;
}

/* The key part of a fused bias has no gradient but rounding, which Adam blows up: its middle third is passed over. */
static void compare_parameters(vector_case *v, const training *t, int step)
{
    char name[160];

    for (int i = 0; i < t->weights->n; i++) {
        const heed_parameter *p = &t->weights->list[i];
        const heed_safetensors_entry *entry;
        snprintf(name, sizeof name, "step%d/%s", step, p->name);
        entry = vector_find(v, name);
        if (entry == NULL)
            continue;
        if (is_skipped_bias(p->name)) {
            float *x = heed_arena_alloc(v->arena, (size_t)p->count * sizeof *x), *y = vector_floats(v, name);
            memcpy(x, p->data, (size_t)p->count * sizeof *x);
            for (int64_t k = p->count / 3; k < 2 * p->count / 3; k++)
                x[k] = y[k];
            vector_compare_floats(v, name, x, p->count);
        } else
            vector_compare_floats(v, name, p->data, p->count);
    }
}

void run_adamw_gpt2(vector_case *v)
{
    const int steps = (int)vector_number(v, "steps");
    const size_t n = (size_t)(vector_number(v, "B") * vector_number(v, "T"));
    int32_t *ids = vector_ints(v, "ids"), *targets = vector_ints(v, "targets");
    const float *lr = vector_floats(v, "lr");
    float *loss = heed_arena_alloc(v->arena, (size_t)steps * sizeof *loss);
    float *norm = heed_arena_alloc(v->arena, (size_t)steps * sizeof *norm);
    training t = {0};
    heed_error err = {HEED_OK, ""};

    t.inputs.ids = heed_arena_alloc(v->arena, n * sizeof(int32_t));
    t.inputs.targets = heed_arena_alloc(v->arena, n * sizeof(int32_t));
    if (!prepare_training(v, &t, &err) || heed_step_plans_place(&t.plans, NULL, &err) != HEED_OK)
        vector_fail(v, err.message);
    else {
        for (int s = 0; s <= steps; s++) {
            const size_t batch = s < steps ? (size_t)s : 0; /* the last run only reads the loss of batch 0 */
            memcpy(t.inputs.ids, ids + batch * n, n * sizeof *ids);
            memcpy(t.inputs.targets, targets + batch * n, n * sizeof *targets);
            t.inputs.lr = s < steps ? lr[s] : 0.0f;
            t.inputs.t = s + 1;
            const float value = heed_step_run_gradients(&t.step, &t.plans);
            if (s == steps) {
                vector_compare_floats(v, "final_loss_batch0", &value, 1);
                break;
            }
            loss[s] = value;
            norm[s] = heed_step_run_norm(&t.step, &t.plans, &t.inputs);
            heed_step_run_update(&t.plans);
            compare_parameters(v, &t, s + 1);
        }
        vector_compare_floats(v, "loss", loss, steps);
        vector_compare_floats(v, "grad_norm", norm, steps);
    }
    heed_step_plans_destroy(&t.plans);
    heed_step_graph_destroy(&t.step);
    heed_weights_destroy(t.weights);
}
