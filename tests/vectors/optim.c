/* SPDX-License-Identifier: MIT */
/* Updates, clipping, schedules, and the probabilities of sampling. */
#include <heed/session.h>
#include <stdio.h>
#include <string.h>

#include "train/schedule.h"
#include "vectors.h"

/* --- AdamW and Adam: one graph, run once a step, its states carried from run to run --- */

typedef struct adamw_run {
    heed_graph *g;
    heed_plan *plan;
    float *p, *m, *v, *grad, lr;
    int32_t t;
} adamw_run;

static heed_node *bound(heed_graph *g, const char *name, int64_t n, float *data)
{
    heed_node *node = heed_graph_state(g, name, heed_shape1(n));

    node->tensor.data = data;
    return node;
}

static bool prepare(vector_case *v, adamw_run *r, int64_t n, heed_error *err)
{
    const heed_adamw_options adamw = {.beta1 = (float)vector_number(v, "beta1"),
                                      .beta2 = (float)vector_number(v, "beta2"),
                                      .eps = (float)vector_number(v, "eps"),
                                      .weight_decay = (float)vector_number(v, "weight_decay"),
                                      .l2 = (float)vector_number(v, "l2")};
    const size_t bytes = (size_t)n * sizeof(float);
    heed_plan_options options = {.device = v->device, .reference = v->device->kernels == NULL, .assign = true};
    heed_node *p, *m, *second, *grad, *lr, *t;
    heed_adamw_nodes after;

    r->g = heed_graph_create();
    r->p = vector_floats(v, "p0");
    r->m = heed_arena_alloc(v->arena, bytes);
    r->v = heed_arena_alloc(v->arena, bytes);
    r->grad = heed_arena_alloc(v->arena, bytes);
    r->lr = (float)vector_number(v, "lr");
    p = bound(r->g, "p", n, r->p);
    m = bound(r->g, "m", n, r->m);
    second = bound(r->g, "v", n, r->v);
    grad = heed_graph_input(r->g, "grad", HEED_F32, heed_shape1(n));
    lr = heed_graph_input(r->g, "lr", HEED_F32, heed_shape0());
    t = heed_graph_input(r->g, "t", HEED_I32, heed_shape0());
    grad->tensor.data = r->grad;
    lr->tensor.data = &r->lr;
    t->tensor.data = &r->t;
    after = heed_adamw(r->g, p, m, second, grad, lr, t, NULL, &adamw);
    heed_graph_assign(r->g, p, after.p);
    heed_graph_assign(r->g, m, after.m);
    heed_graph_assign(r->g, second, after.v);
    return heed_plan_create(r->g, &options, &r->plan, err) == HEED_OK &&
           heed_plan_place(r->plan, NULL, err) == HEED_OK;
}

void run_adamw(vector_case *v)
{
    const int64_t n = (int64_t)vector_number(v, "n"), steps = (int64_t)vector_number(v, "steps");
    const size_t bytes = (size_t)n * sizeof(float);
    const float *grads = vector_floats(v, "grads");
    float *params = heed_arena_alloc(v->arena, (size_t)steps * bytes),
          *m = heed_arena_alloc(v->arena, (size_t)steps * bytes);
    float *second = heed_arena_alloc(v->arena, (size_t)steps * bytes);
    adamw_run r = {0};
    heed_error err = {HEED_OK, ""};

    if (!prepare(v, &r, n, &err))
        vector_fail(v, err.message);
    for (int64_t s = 0; s < steps && r.plan != NULL; s++) {
        memcpy(r.grad, grads + s * n, bytes);
        r.t = (int32_t)s + 1;
        heed_plan_run(r.plan);
        memcpy(params + s * n, r.p, bytes);
        memcpy(m + s * n, r.m, bytes);
        memcpy(second + s * n, r.v, bytes);
    }
    vector_compare_floats(v, "params", params, steps * n);
    vector_compare_floats(v, "m", m, steps * n);
    vector_compare_floats(v, "v", second, steps * n);
    heed_plan_destroy(r.plan);
    heed_graph_destroy(r.g);
}

/* --- descent, with momentum or without --- */

static bool prepare_sgd(vector_case *v, adamw_run *r, int64_t n, heed_error *err)
{
    const float l2 = (float)vector_number(v, "l2");
    const heed_momentum_options momentum = {.momentum = (float)vector_number(v, "momentum"),
                                            .l2 = l2,
                                            .nesterov = vector_number(v, "nesterov") > 0.0};
    heed_plan_options options = {.device = v->device, .reference = v->device->kernels == NULL, .assign = true};
    heed_node *p, *m, *grad, *lr;

    r->g = heed_graph_create();
    r->p = vector_floats(v, "p0");
    r->m = heed_arena_alloc(v->arena, (size_t)n * sizeof(float));
    r->grad = heed_arena_alloc(v->arena, (size_t)n * sizeof(float));
    r->lr = (float)vector_number(v, "lr");
    p = bound(r->g, "p", n, r->p);
    m = bound(r->g, "m", n, r->m);
    grad = heed_graph_bound_input(r->g, "grad", HEED_F32, heed_shape1(n), r->grad);
    lr = heed_graph_bound_input(r->g, "lr", HEED_F32, heed_shape0(), &r->lr);
    if (momentum.momentum > 0.0f) {
        const heed_momentum_nodes after = heed_momentum(r->g, p, m, grad, lr, NULL, &momentum);
        heed_graph_assign(r->g, p, after.p);
        heed_graph_assign(r->g, m, after.m);
    } else
        heed_graph_assign(r->g, p, heed_sgd(r->g, p, grad, lr, NULL, l2));
    return heed_plan_create(r->g, &options, &r->plan, err) == HEED_OK &&
           heed_plan_place(r->plan, NULL, err) == HEED_OK;
}

void run_sgd(vector_case *v)
{
    const int64_t n = (int64_t)vector_number(v, "n"), steps = (int64_t)vector_number(v, "steps");
    const size_t bytes = (size_t)n * sizeof(float);
    const float *grads = vector_floats(v, "grads");
    float *params = heed_arena_alloc(v->arena, (size_t)steps * bytes),
          *m = heed_arena_alloc(v->arena, (size_t)steps * bytes);
    adamw_run r = {0};
    heed_error err = {HEED_OK, ""};

    if (!prepare_sgd(v, &r, n, &err))
        vector_fail(v, err.message);
    for (int64_t s = 0; s < steps && r.plan != NULL; s++) {
        memcpy(r.grad, grads + s * n, bytes);
        heed_plan_run(r.plan);
        memcpy(params + s * n, r.p, bytes);
        memcpy(m + s * n, r.m, bytes);
    }
    vector_compare_floats(v, "params", params, steps * n);
    if (vector_find(v, "m") != NULL)
        vector_compare_floats(v, "m", m, steps * n);
    heed_plan_destroy(r.plan);
    heed_graph_destroy(r.g);
}

void run_clip_grad_norm(vector_case *v)
{
    vector_graph s = vector_graph_open();
    heed_node *a = vector_parameter(v, &s, "a"), *b = vector_parameter(v, &s, "b");
    heed_node *norm = heed_sqrt(s.g, heed_sum_squares(s.g, b, heed_sum_squares(s.g, a, NULL)));
    heed_node *factor = heed_clip_factor(s.g, norm, (float)vector_number(v, "max_norm"));
    heed_node *targets[] = {norm, factor};
    const heed_plan_options options = {
        .device = v->device, .reference = v->device->kernels == NULL, .targets = targets, .n_targets = 2};
    heed_plan *plan = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_plan_create(s.g, &options, &plan, &err) != HEED_OK || heed_plan_place(plan, NULL, &err) != HEED_OK)
        vector_fail(v, err.message);
    else {
        heed_node *const clipped[] = {a, b};
        heed_plan_run(plan);
        vector_compare_tensor(v, "norm", heed_plan_value(plan, norm));
        for (int i = 0; i < 2; i++) {
            float *x = clipped[i]->tensor.data;
            for (int64_t k = 0; k < heed_tensor_count(&clipped[i]->tensor); k++)
                x[k] *= heed_tensor_get(heed_plan_value(plan, factor), 0);
            vector_compare_tensor(v, i == 0 ? "a_clipped" : "b_clipped", &clipped[i]->tensor);
        }
    }
    heed_plan_destroy(plan);
    heed_graph_destroy(s.g);
}

static double rate_at(const void *context, int64_t step)
{
    return heed_schedule_rate(context, step);
}

void run_lr_schedule(vector_case *v)
{
    static const char styles[] = "abc";
    const char *style = strchr(styles, vector_text(v, "style")[0]);
    static const char *const kinds[] = {"cosine", "constant", "linear", "step", "wsd"};
    int kind = 0; /* where a file names none */

    for (int k = 0; k < 5; k++) {
        if (strcmp(vector_text(v, "kind"), kinds[k]) == 0)
            kind = k;
    }
    const heed_schedule schedule = {
        .kind = (heed_train_schedule)kind,
        .decay_steps = (int64_t)vector_number(v, "decay_steps"),
        .factor = vector_number(v, "factor"),
        .max = vector_number(v, "max_lr"),
        .min = vector_number(v, "min_lr"),
        .warmup = (int64_t)vector_number(v, "warmup"),
        .total = (int64_t)vector_number(v, "total"),
        .form = style != NULL ? (heed_warmup)(style - styles) : HEED_WARMUP_OPEN,
    };

    vector_compare(v, "lr", vector_find(v, "lr")->count, rate_at, &schedule);
}

/* --- sampling --- */

static double get_double(const void *context, int64_t i)
{
    return ((const double *)context)[i];
}

/* A token that is kept may have a probability too small for any float; it then counts as the file says. */
typedef struct kept_tokens {
    const double *ours;
    const float *theirs, *kept;
} kept_tokens;

static double is_kept(const void *context, int64_t i)
{
    const kept_tokens *c = context;

    return c->ours[i] > 0.0 || (c->theirs[i] == 0.0f && c->kept[i] > 0.0f);
}

void run_sampling(vector_case *v)
{
    const int64_t N = (int64_t)vector_number(v, "N"), V = (int64_t)vector_number(v, "V");
    const heed_sampling filtered = {.temperature = vector_number(v, "temperature"),
                                    .top_k = (int64_t)vector_number(v, "top_k"),
                                    .top_p = vector_number(v, "top_p")};
    const heed_sampling open = {.temperature = filtered.temperature, .top_p = 1.0};
    const float *logits = vector_floats(v, "logits");
    double *probs = heed_arena_alloc(v->arena, (size_t)(N * V) * sizeof *probs);
    double *softmax = heed_arena_alloc(v->arena, (size_t)(N * V) * sizeof *softmax);

    for (int64_t r = 0; r < N; r++) {
        heed_sampling_probabilities(&filtered, logits + r * V, V, probs + r * V, NULL);
        heed_sampling_probabilities(&open, logits + r * V, V, softmax + r * V, NULL);
    }
    vector_compare(v, "probs", N * V, get_double, probs);
    vector_compare(v, "softmax", N * V, get_double, softmax);
    const kept_tokens kept = {probs, vector_floats(v, "probs"), vector_floats(v, "kept")};
    vector_compare(v, "kept", N * V, is_kept, &kept);
}
