/* SPDX-License-Identifier: MIT */
/* Building a graph: sources, nodes, names, the first error. */
#include "graph/graph.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "graph/internal.h"

heed_graph *heed_graph_create(void)
{
    heed_graph *g = calloc(1, sizeof *g);

    if (g == NULL)
        return NULL;
    g->arena = heed_arena_create();
    if (g->arena == NULL) {
        free(g);
        return NULL;
    }
    return g;
}

void heed_graph_destroy(heed_graph *g)
{
    if (g == NULL)
        return;
    heed_arena_destroy(g->arena);
    free(g->nodes);
    free(g->names);
    free(g->assigns);
    free(g);
}

heed_status heed_graph_status(const heed_graph *g, heed_error *err)
{
    if (g->error.status != HEED_OK && err != NULL)
        *err = g->error;
    return g->error.status;
}

bool heed_graph_fail(heed_graph *g, const heed_node *node, heed_status status, const char *format, ...)
{
    char message[400];
    va_list args;

    if (g->error.status != HEED_OK)
        return false;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (node != NULL && node->name != NULL)
        heed_fail(&g->error, status, "%s: %s", node->name, message);
    else
        heed_fail(&g->error, status, "%s", message);
    return false;
}

/* Makes room for one more element of an array that doubles. */
static bool grow(void *array, int n, int *capacity, size_t element_bytes)
{
    void **pointer = array;
    void *bigger;

    if (n < *capacity)
        return true;
    bigger = realloc(*pointer, (size_t)(*capacity * 2 + 64) * element_bytes);
    if (bigger == NULL)
        return false;
    *pointer = bigger;
    *capacity = *capacity * 2 + 64;
    return true;
}

static heed_node *new_node(heed_graph *g, const char *name)
{
    heed_node *node = heed_arena_alloc(g->arena, sizeof *node);

    if (node == NULL || !grow(&g->nodes, g->n_nodes, &g->node_capacity, sizeof *g->nodes)) {
        heed_graph_fail(g, NULL, HEED_ERR_MEMORY, "not enough memory for a graph of %d nodes", g->n_nodes + 1);
        return NULL;
    }
    node->id = g->n_nodes;
    node->first = node->owner = node;
    node->outputs[0] = node;
    g->nodes[g->n_nodes++] = node;
    node->name = heed_names_add(g, node, name);
    if (node->name == NULL) {
        heed_graph_fail(g, NULL, HEED_ERR_MEMORY, "not enough memory for the names of a graph");
        return NULL;
    }
    return node;
}

/* No size that a file or an option asks for may overflow a count of bytes. total: with all others, or NULL. */
static bool fits_memory(heed_graph *g, const heed_node *node, const heed_shape *shape, size_t *total)
{
    size_t bytes = sizeof(double);
    char text[96];

    for (int i = 0; i < shape->rank; i++) {
        if (!heed_size_mul(bytes, (size_t)shape->size[i], &bytes) || bytes > INT64_MAX)
            return heed_graph_fail(g, node, HEED_ERR_MEMORY, "a tensor %s is larger than any memory",
                                   heed_shape_format(text, sizeof text, shape));
    }
    if (total != NULL && (!heed_size_add(*total, bytes / 2, total) || *total > SIZE_MAX / 16 * 15))
        return heed_graph_fail(g, node, HEED_ERR_MEMORY, "with a tensor %s the model is larger than any memory",
                               heed_shape_format(text, sizeof text, shape));
    return true;
}

/* --- sources --- */

static heed_node *new_source(heed_graph *g, heed_role role, const char *name, heed_dtype dtype,
                             heed_shape shape)
{
    heed_node *node;

    if (heed_names_find(g, name) != NULL) {
        heed_graph_fail(g, NULL, HEED_ERR_INTERNAL, "two sources of a graph are named %s", name);
        return NULL;
    }
    node = new_node(g, name);
    if (node == NULL)
        return NULL;
    node->role = role;
    node->named = true;
    node->wants_grad = role == HEED_ROLE_PARAMETER && dtype == HEED_F32;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.size[i] < 1) {
            heed_graph_fail(g, node, HEED_ERR_SHAPE, "every size must be at least 1, axis %d has %lld", i,
                            (long long)shape.size[i]);
            return NULL;
        }
    }
    if (!fits_memory(g, node, &shape, &g->source_bytes))
        return NULL;
    node->tensor = heed_tensor_make(dtype, shape, NULL);
    return node;
}

heed_node *heed_graph_input(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape)
{
    return new_source(g, HEED_ROLE_INPUT, name, dtype, shape);
}

heed_node *heed_graph_bound_input(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape,
                                  void *data)
{
    heed_node *node = heed_graph_input(g, name, dtype, shape);

    if (node != NULL)
        node->tensor.data = data;
    return node;
}

heed_node *heed_graph_parameter(heed_graph *g, const char *name, heed_shape shape)
{
    return new_source(g, HEED_ROLE_PARAMETER, name, HEED_F32, shape);
}

heed_node *heed_graph_weight(heed_graph *g, const char *name, heed_dtype dtype, heed_shape shape)
{
    return new_source(g, HEED_ROLE_PARAMETER, name, dtype, shape);
}

heed_node *heed_graph_state(heed_graph *g, const char *name, heed_shape shape)
{
    return new_source(g, HEED_ROLE_STATE, name, HEED_F32, shape);
}

/* --- names --- */

void heed_scope_begin(heed_graph *g, const char *format, ...)
{
    const size_t used = strlen(g->scope);
    va_list args;
    int n;

    assert(g->n_scopes < HEED_MAX_SCOPES);
    g->scope_end[g->n_scopes++] = used;
    va_start(args, format);
    n = vsnprintf(g->scope + used, sizeof g->scope - used, format, args);
    va_end(args);
    assert(n >= 0 && used + (size_t)n + 2 < sizeof g->scope);
    g->scope[used + (size_t)n] = '.';
    g->scope[used + (size_t)n + 1] = '\0';
}

void heed_scope_end(heed_graph *g)
{
    assert(g->n_scopes > 0);
    g->scope[g->scope_end[--g->n_scopes]] = '\0';
}

const char *heed_scope_name(const heed_graph *g, char *out, size_t size, const char *name)
{
    snprintf(out, size, "%s%s", g->scope, name);
    return out;
}

heed_node *heed_name(heed_graph *g, heed_node *node, const char *name)
{
    char full[2 * HEED_MAX_NAME];
    const char *unique;

    if (node == NULL)
        return NULL;
    heed_scope_name(g, full, sizeof full, name);
    if (heed_names_find(g, full) == node)
        return node;
    unique = heed_names_add(g, node, full);
    if (unique == NULL) {
        heed_graph_fail(g, NULL, HEED_ERR_MEMORY, "not enough memory for the names of a graph");
        return NULL;
    }
    if (!node->named)
        node->name = unique;
    node->named = true;
    return node;
}

/* --- computed nodes --- */

static heed_node *new_output(heed_graph *g, heed_node *first, const heed_op *op, int k)
{
    char name[2 * HEED_MAX_NAME];
    heed_node *node;

    snprintf(name, sizeof name, k == 0 ? "%s%s" : "%s%s.out%d", g->scope, op->name, k);
    node = new_node(g, name);
    if (node == NULL)
        return NULL;
    node->op = op;
    node->role = HEED_ROLE_COMPUTED;
    node->output = k;
    node->tensor = heed_tensor_make(HEED_F32, heed_shape0(), NULL);
    if (first != NULL) {
        node->first = first;
        first->outputs[k] = node;
    }
    return node;
}

/* All inputs that the op requires are there, none is from a failed builder. */
static bool inputs_are_there(heed_graph *g, const heed_op *op, heed_node *const *in, int n_in)
{
    const int required = op->required_inputs > 0   ? op->required_inputs
                         : op->required_inputs < 0 ? 0
                                                   : op->n_inputs;

    if (g->error.status != HEED_OK)
        return false;
    if (n_in > HEED_MAX_INPUTS || n_in < required)
        return heed_graph_fail(g, NULL, HEED_ERR_INTERNAL, "op %s was given %d inputs", op->name, n_in);
    for (int i = 0; i < required; i++) {
        if (in[i] == NULL)
            return heed_graph_fail(g, NULL, HEED_ERR_INTERNAL, "op %s: input %d is missing", op->name, i);
    }
    return true;
}

heed_node *heed_node_append_list(heed_graph *g, const heed_op *op, const void *attrs, size_t attrs_bytes,
                                 heed_node *const *in, int n_in)
{
    const int n_outputs = op->n_outputs > 0 ? op->n_outputs : 1;
    heed_node *first = NULL;

    if (!inputs_are_there(g, op, in, n_in))
        return NULL;
    for (int k = 0; k < n_outputs; k++) {
        heed_node *node = new_output(g, first, op, k);
        if (node == NULL)
            return NULL;
        first = k == 0 ? node : first;
        for (int i = 0; i < n_in; i++)
            node->wants_grad |= in[i] != NULL && in[i]->wants_grad;
    }
    memcpy(first->in, in, (size_t)n_in * sizeof *in);
    first->n_in = n_in;
    if (attrs != NULL) {
        void *copy = heed_arena_alloc(g->arena, attrs_bytes);
        if (copy == NULL) {
            heed_graph_fail(g, first, HEED_ERR_MEMORY, "not enough memory for its attributes");
            return NULL;
        }
        memcpy(copy, attrs, attrs_bytes);
        first->attrs = copy;
    }
    if (!op->shape(g, first))
        return NULL;
    for (int k = 0; k < n_outputs; k++) {
        if (!fits_memory(g, first->outputs[k], &first->outputs[k]->tensor.shape, NULL))
            return NULL;
    }
    return first;
}

static heed_node *append_va(heed_graph *g, const heed_op *op, const void *attrs, size_t attrs_bytes,
                            va_list args)
{
    heed_node *in[HEED_MAX_INPUTS] = {NULL};

    for (int i = 0; i < op->n_inputs; i++)
        in[i] = va_arg(args, heed_node *);
    return heed_node_append_list(g, op, attrs, attrs_bytes, in, op->n_inputs);
}

heed_node *heed_node_append(heed_graph *g, const heed_op *op, ...)
{
    va_list args;
    heed_node *node;

    va_start(args, op);
    node = append_va(g, op, NULL, 0, args);
    va_end(args);
    return node;
}

heed_node *heed_node_append_with(heed_graph *g, const heed_op *op, const void *attrs, size_t attrs_bytes, ...)
{
    va_list args;
    heed_node *node;

    va_start(args, attrs_bytes);
    node = append_va(g, op, attrs, attrs_bytes, args);
    va_end(args);
    return node;
}

void heed_node_set_shape(heed_node *node, int k, heed_dtype dtype, heed_shape shape)
{
    node->outputs[k]->tensor = heed_tensor_make(dtype, shape, NULL);
}

void heed_node_share_storage(heed_node *node, int k, heed_node *owner, int64_t offset)
{
    node->outputs[k]->owner = owner;
    node->outputs[k]->offset = offset;
}

bool heed_node_wants_grad(const heed_node *node)
{
    return node != NULL && node->wants_grad &&
           (node->tensor.dtype == HEED_F32 || node->tensor.dtype == HEED_BF16);
}

static double tensor_bytes(const heed_node *node)
{
    const heed_scales *scales = node->tensor.scales;
    const double count = (double)heed_tensor_count(&node->tensor);

    return count * (double)heed_dtype_bytes(node->tensor.dtype) +
           (scales != NULL ? count / (double)scales->group * sizeof(float) : 0.0);
}

void heed_cost_add_traffic(const heed_node *node, heed_cost *cost)
{
    for (int i = 0; i < node->n_in; i++) {
        if (node->in[i] != NULL)
            cost->bytes_read += tensor_bytes(node->in[i]);
    }
    for (int k = 0; k < HEED_MAX_OUTPUTS && node->outputs[k] != NULL; k++)
        cost->bytes_written += tensor_bytes(node->outputs[k]);
}

/* --- looking around --- */

int heed_graph_n_nodes(const heed_graph *g)
{
    return g->n_nodes;
}

int heed_graph_n_forward(const heed_graph *g)
{
    return g->n_forward > 0 ? g->n_forward : g->n_nodes;
}

heed_node *heed_graph_node(const heed_graph *g, int i)
{
    return g->nodes[i];
}

void heed_graph_assign(heed_graph *g, heed_node *source, heed_node *value)
{
    heed_graph_assign_in(g, 0, source, value);
}

void heed_graph_assign_in(heed_graph *g, int stage, heed_node *source, heed_node *value)
{
    if (source == NULL || value == NULL)
        return;
    if (source->op != NULL || !heed_shape_equal(&source->tensor.shape, &value->tensor.shape)) {
        heed_graph_fail(g, source, HEED_ERR_INTERNAL, "cannot take the value of %s", value->name);
        return;
    }
    for (int i = 0; i < g->n_assigns; i++) {
        if (g->assigns[i].source == source && g->assigns[i].stage == stage) {
            heed_graph_fail(g, source, HEED_ERR_INTERNAL, "takes the values of %s and %s in one stage",
                            g->assigns[i].value->name, value->name);
            return;
        }
    }
    if (!grow(&g->assigns, g->n_assigns, &g->assign_capacity, sizeof *g->assigns)) {
        heed_graph_fail(g, source, HEED_ERR_MEMORY, "not enough memory for its update");
        return;
    }
    g->assigns[g->n_assigns++] = (heed_assign){source, value, stage};
}

int heed_graph_n_assigns(const heed_graph *g)
{
    return g->n_assigns;
}

int heed_graph_assign_at(const heed_graph *g, int i, heed_node **source, heed_node **value)
{
    *source = g->assigns[i].source;
    *value = g->assigns[i].value;
    return g->assigns[i].stage;
}

heed_node *heed_graph_value_of(heed_node *node)
{
    return node != NULL && node->value != NULL ? node->value : node;
}
