/* SPDX-License-Identifier: MIT */
#include "cases.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* --- sources --- */

static heed_node *add_source(case_graph *c, heed_node *node, case_fill fill, int low, int high)
{
    assert_true(c->n_sources < CASE_MAX_SOURCES);
    c->sources[c->n_sources++] = (case_source){.node = node, .fill = fill, .low = low, .high = high};
    return node;
}

static const char *source_name(const case_graph *c, char *name, size_t size)
{
    snprintf(name, size, "x%d", c->n_sources);
    return name;
}

heed_node *case_filled(case_graph *c, heed_shape shape, case_fill fill)
{
    char name[16];

    return add_source(c, heed_graph_parameter(c->g, source_name(c, name, sizeof name), shape), fill, 0, 0);
}

heed_node *case_parameter(case_graph *c, heed_shape shape)
{
    return case_filled(c, shape, CASE_NORMAL);
}

heed_node *case_state(case_graph *c, heed_shape shape)
{
    char name[16];

    return add_source(c, heed_graph_state(c->g, source_name(c, name, sizeof name), shape), CASE_NORMAL, 0, 0);
}

heed_node *case_filled_ints(case_graph *c, heed_shape shape, case_fill fill, int low, int high)
{
    char name[16];

    return add_source(c, heed_graph_input(c->g, source_name(c, name, sizeof name), HEED_I32, shape), fill, low,
                      high);
}

heed_node *case_ints(case_graph *c, heed_shape shape, int low, int high)
{
    return case_filled_ints(c, shape, CASE_RANGE, low, high);
}

heed_node *case_bytes(case_graph *c, heed_shape shape, int low, int high)
{
    char name[16];

    return add_source(c, heed_graph_input(c->g, source_name(c, name, sizeof name), HEED_U8, shape), CASE_RANGE,
                      low, high);
}

heed_node *case_int(case_graph *c, int value)
{
    return case_ints(c, heed_shape0(), value, value);
}

/* Element i of rows of n: each row is a permutation of n places half a unit apart, and a little beside them. */
static float ranked(heed_rng *rng, int64_t i, int64_t n)
{
    const int64_t row = i / n, place = n % 2 == 1 ? (2 * (i % n) + row) % n : ((n - 1) * (i % n) + row) % n;

    return 0.5f * (float)(place - n / 2) + 0.1f * heed_rng_float(rng);
}

heed_node *case_strided(case_graph *c)
{
    return heed_narrow(c->g, case_parameter(c, heed_shape2(3, 12)), 2, 7);
}

heed_node *case_heads(case_graph *c)
{
    return heed_split_heads(c->g, case_parameter(c, heed_shape3(2, 5, 12)), 3);
}

heed_node *case_many(case_graph *c)
{
    return case_parameter(c, heed_shape2(MANY_ROWS, MANY_COLUMNS));
}

static float draw(heed_rng *rng, const case_source *s, int64_t i)
{
    float x;

    switch (s->fill) {
    case CASE_NORMAL:
        return heed_rng_normal(rng);
    case CASE_APART:
        x = heed_rng_normal(rng);
        return x < 0.0f ? x - 0.5f : x + 0.5f;
    case CASE_POSITIVE:
        return 0.125f + 0.875f * heed_rng_float(rng);
    case CASE_RANKED:
        return ranked(rng, i, heed_cols(&s->node->tensor));
    case CASE_TARGETS:
        if (i % 3 == 1)
            return HEED_IGNORE_TARGET;
        break;
    case CASE_RANGE:
        break;
    }
    return (float)(s->low + heed_rng_below(rng, s->high - s->low + 1));
}

static void fill_source(case_source *s, int index)
{
    const int64_t count = heed_tensor_count(&s->node->tensor);
    const size_t bytes = (size_t)count * heed_dtype_bytes(s->node->tensor.dtype);
    heed_rng rng = heed_rng_make(1, 1000 + (uint64_t)index);

    s->data = malloc(bytes);
    s->pristine = malloc(bytes);
    assert_non_null(s->data);
    assert_non_null(s->pristine);
    s->node->tensor.data = s->data;
    for (int64_t i = 0; i < count; i++)
        heed_tensor_set(&s->node->tensor, i, draw(&rng, s, i));
    memcpy(s->pristine, s->data, bytes);
}

void case_reset(case_graph *c)
{
    for (int i = 0; i < c->n_sources; i++)
        memcpy(c->sources[i].data, c->sources[i].pristine, heed_tensor_span_bytes(&c->sources[i].node->tensor));
}

/* --- the graph --- */

/* loss = y as one row times dout as one column. */
static void differentiate(case_graph *c)
{
    const int64_t count = heed_tensor_count(&c->y->tensor);

    c->dout = add_source(c, heed_graph_input(c->g, "dout", HEED_F32, heed_shape2(count, 1)), CASE_NORMAL, 0, 0);
    c->seed = add_source(c, heed_graph_input(c->g, "seed", HEED_F32, heed_shape0()), CASE_RANGE, 1, 1);
    c->product = heed_matmul(c->g, heed_reshape(c->g, c->y, heed_shape2(1, count)), c->dout, false, false);
    c->loss = heed_sum(c->g, c->product);
    heed_graph_differentiate(c->g, c->loss, c->seed, heed_accumulate);
}

case_graph *case_open(const op_case *of)
{
    case_graph *c = calloc(1, sizeof *c);
    heed_error err = {0};

    assert_non_null(c);
    c->g = heed_graph_create();
    assert_non_null(c->g);
    c->y = of->build(c);
    if (c->y != NULL && of->gradient)
        differentiate(c);
    if (heed_graph_status(c->g, &err) != HEED_OK)
        fail_msg("%s: %s", of->name, err.message);
    assert_non_null(c->y);
    for (int i = 0; i < c->n_sources; i++)
        fill_source(&c->sources[i], i);
    return c;
}

void case_close(case_graph *c)
{
    for (int i = 0; i < c->n_sources; i++) {
        free(c->sources[i].data);
        free(c->sources[i].pristine);
    }
    heed_graph_destroy(c->g);
    free(c);
}

/* --- plans and devices --- */

/* The targets of a plan. y comes with the other outputs of its op: AdamW's moments, which always run beside it. */
static int wanted(case_graph *c, heed_node **nodes, int flags)
{
    int n = 0;

    if (flags & CASE_ALL) {
        for (int i = 0; i < heed_graph_n_nodes(c->g); i++)
            nodes[n++] = heed_graph_node(c->g, i);
        return n;
    }
    for (int k = 0; k < HEED_MAX_OUTPUTS && c->y->first->outputs[k] != NULL; k++)
        nodes[n++] = c->y->first->outputs[k];
    for (int i = 0; i < c->n_sources && !(flags & CASE_FORWARD); i++) {
        if (c->sources[i].node->grad != NULL)
            nodes[n++] = c->sources[i].node->grad;
    }
    return n;
}

heed_plan *case_plan(case_graph *c, heed_device *device, int flags)
{
    heed_node **nodes = calloc((size_t)heed_graph_n_nodes(c->g) + CASE_MAX_SOURCES, sizeof *nodes);
    heed_plan_options options = {
        .device = device,
        .reference = (flags & CASE_REFERENCE) != 0 || device->kernels == NULL,
        .keep_all = (flags & CASE_ALL) != 0,
    };
    heed_plan *plan = NULL;
    heed_error err = {0};

    assert_non_null(nodes);
    options.targets = options.observed = nodes; /* to observe a view makes it a step, which can be explained */
    options.n_targets = wanted(c, nodes, flags);
    options.n_observed = options.keep_all ? options.n_targets : 0;
    if (heed_plan_create(c->g, &options, &plan, &err) != HEED_OK ||
        heed_plan_place(plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    free(nodes);
    return plan;
}

int case_devices(heed_device *devices, int n_threads)
{
    heed_error err = {0};
    int n = 0;

    if (heed_device_open(&devices[n++], "plain", n_threads, &err) != HEED_OK)
        fail_msg("plain: %s", err.message);
    for (int i = 0; heed_kernels_at(i) != NULL && n < CASE_MAX_DEVICES; i++) {
        if (heed_device_open(&devices[n++], heed_kernels_at(i)->name, n_threads, &err) != HEED_OK)
            fail_msg("%s: %s", heed_kernels_at(i)->name, err.message);
    }
    return n;
}

void case_devices_close(heed_device *devices, int n)
{
    for (int i = 0; i < n; i++)
        heed_device_close(&devices[i]);
}

/* --- tolerances --- */

double case_largest(const heed_tensor *x)
{
    double largest = 0.0;

    for (int64_t i = 0; i < heed_tensor_count(x); i++) {
        const double size = fabs((double)heed_tensor_get(x, i));
        if (isfinite(size) && size > largest)
            largest = size;
    }
    return largest;
}

/*
 * Sources are of size 1, so what is added up is of size 1 and a rounding costs about FLT_EPSILON; a sum of n numbers
 * taken in two orders differs by up to n roundings of the partial sums, most often sqrt(n). exp(), tanh() and erf() of
 * the kernels add some units in the last place, and a second op that follows the first multiplies what it gets by
 * numbers of size 1 to 4. That is 4 (16 + n) epsilons of the largest element, or of 1.
 */
double case_tolerance(const op_case *of, const heed_tensor *reference)
{
    const double largest = case_largest(reference);

    return 4.0 * (16.0 + of->terms) * FLT_EPSILON * (largest > 1.0 ? largest : 1.0);
}
