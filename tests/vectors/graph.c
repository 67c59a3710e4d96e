/* SPDX-License-Identifier: MIT */
/* Small graphs made from the tensors of a case, run and compared. */
#include <stdio.h>
#include <string.h>

#include "vectors.h"

static heed_shape shape_of(const heed_safetensors_entry *entry)
{
    heed_shape shape = {.rank = entry->rank};

    for (int i = 0; i < entry->rank && i < HEED_MAX_RANK; i++)
        shape.size[i] = entry->size[i];
    return shape;
}

vector_graph vector_graph_open(void)
{
    return (vector_graph){.g = heed_graph_create()};
}

heed_node *vector_optional(vector_case *v, vector_graph *s, const char *name)
{
    const heed_safetensors_entry *entry = vector_find(v, name);
    heed_node *node = entry != NULL ? heed_graph_parameter(s->g, name, shape_of(entry)) : NULL;

    if (node != NULL)
        node->tensor.data = vector_floats(v, name);
    return node;
}

heed_node *vector_parameter(vector_case *v, vector_graph *s, const char *name)
{
    heed_node *node = vector_optional(v, s, name);

    if (node == NULL)
        vector_fail(v, name);
    return node;
}

heed_node *vector_indices(vector_case *v, vector_graph *s, const char *name)
{
    const heed_safetensors_entry *entry = vector_find(v, name);
    heed_node *node = heed_graph_input(s->g, name, HEED_I32, shape_of(entry));

    node->tensor.data = vector_ints(v, name);
    return node;
}

heed_node *vector_scalar_int(vector_case *v, vector_graph *s, const char *name, int32_t value)
{
    heed_node *node = heed_graph_input(s->g, name, HEED_I32, heed_shape0());
    int32_t *data = heed_arena_alloc(v->arena, sizeof *data);

    *data = value;
    node->tensor.data = data;
    return node;
}

void vector_watch(vector_graph *s, const char *name, heed_node *node)
{
    s->watched[s->n_watched] = node;
    s->watched_name[s->n_watched++] = name;
}

heed_node *vector_activation(vector_graph *s, const char *name, heed_node *x)
{
    if (strcmp(name, "gelu_tanh") == 0)
        return heed_gelu_tanh(s->g, x);
    if (strcmp(name, "gelu_erf") == 0)
        return heed_gelu_erf(s->g, x);
    if (strcmp(name, "silu") == 0)
        return heed_silu(s->g, x);
    if (strcmp(name, "sigmoid") == 0)
        return heed_sigmoid(s->g, x);
    if (strcmp(name, "tanh") == 0)
        return heed_tanh(s->g, x);
    return strcmp(name, "relu") == 0 ? heed_relu(s->g, x) : NULL;
}

/* sum(out * dout) as a product of a row and a column. */
static heed_node *weighted_sum(vector_case *v, vector_graph *s, heed_node *out)
{
    const int64_t n = out != NULL ? heed_tensor_count(&out->tensor) : 1;
    heed_node *dout = heed_graph_input(s->g, "dout", HEED_F32, heed_shape2(n, 1));

    dout->tensor.data = vector_floats(v, "dout");
    return heed_reshape(s->g, heed_matmul(s->g, heed_reshape(s->g, out, heed_shape2(1, n)), dout, false, false),
                        heed_shape0());
}

/* Gradients are watched under the names that the files have for them. */
static void watch_gradients(vector_case *v, vector_graph *s, char (*names)[128])
{
    const int n = heed_graph_n_nodes(s->g);

    for (int i = 0, k = 0; i < n && k < 24; i++) {
        heed_node *p = heed_graph_node(s->g, i);
        if (p->role != HEED_ROLE_PARAMETER)
            continue;
        snprintf(names[k], sizeof names[k], "d%s", p->name);
        if (vector_find(v, names[k]) == NULL)
            snprintf(names[k], sizeof names[k], "grad/%s", p->name);
        if (vector_find(v, names[k]) == NULL)
            continue;
        if (p->grad == NULL)
            vector_fail(v, names[k]);
        else
            vector_watch(s, names[k], p->grad);
        k++;
    }
}

void vector_graph_check(vector_case *v, vector_graph *s, heed_node *out, bool is_loss)
{
    static const float one = 1.0f;
    char names[24][128];
    heed_error err = {HEED_OK, ""};
    heed_plan *plan = NULL;
    heed_node *seed = heed_graph_input(s->g, "seed", HEED_F32, heed_shape0());
    heed_node *loss = is_loss ? out : weighted_sum(v, s, out);
    heed_plan_options options = {
        .device = v->device, .reference = v->device->kernels == NULL, .targets = s->watched};
    heed_status status;

    seed->tensor.data = (void *)(uintptr_t)&one;
    heed_graph_differentiate(s->g, loss, seed, heed_accumulate);
    status = heed_graph_status(s->g, &err);
    if (status == HEED_OK) {
        watch_gradients(v, s, names);
        for (int i = 0; i < s->n_watched; i++)
            s->watched[i] = heed_graph_value_of(s->watched[i]);
        options.n_targets = s->n_watched;
        status = heed_plan_create(s->g, &options, &plan, &err);
    }
    if (status == HEED_OK)
        status = heed_plan_place(plan, NULL, &err);
    if (status == HEED_OK) {
        heed_plan_run(plan);
        for (int i = 0; i < s->n_watched; i++)
            vector_compare_tensor(v, s->watched_name[i], heed_plan_value(plan, s->watched[i]));
    } else
        vector_fail(v, err.message);
    heed_plan_destroy(plan);
    heed_graph_destroy(s->g);
}
