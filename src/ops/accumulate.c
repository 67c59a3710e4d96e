/* SPDX-License-Identifier: MIT */
/*
 * How the gradients that reach one node add up.      n contributions, each of x's shape  ->  one node
 *
 *   1. One contribution is the sum already.
 *   2. The columns of a fused q|k|v row get their gradients from different places, each widened with zeros. When those
 *      parts already lie side by side in one storage, that storage is the sum: an alias, and nothing is added.
 *   3. A table that is looked up and used as a matrix too (a tied head): the looked-up rows are added to the other
 *      gradient in place.
 *   4. Otherwise they are added one by one, in the order in which they came; those of a bf16 node in f32, so that the sum
 *      is rounded once, and not at all where one of them is f32 itself.
 */
#include <string.h>

#include "ops/embedding.h"
#include "ops/list.h"
#include "ops/ops.h"
#include "ops/views.h"

/* --- parts of one storage ------------------------------------------------------------------------ */

/* True when part lies where columns start .. of the alias would, strides included (axes of size one do not matter). */
static bool lies_in(const heed_node *part, const heed_tensor *whole, int64_t offset)
{
    if (part->offset != offset || part->tensor.shape.rank != whole->shape.rank)
        return false;
    for (int axis = 0; axis < whole->shape.rank; axis++) {
        if (part->tensor.shape.size[axis] > 1 && part->tensor.stride[axis] != whole->stride[axis])
            return false;
    }
    return true;
}

/* Each column of x is in exactly one part: the parts' lengths make up the row, and following starts covers it. */
static bool parts_tile_row(heed_node *const *widened, int n, int64_t n_columns)
{
    int64_t covered = 0;

    for (int found = 0; found < n; found++) {
        int next = 0;

        while (next < n && ((const heed_columns *)widened[next]->attrs)->start != covered)
            next++;
        if (next == n)
            return false;
        covered += ((const heed_columns *)widened[next]->attrs)->length;
    }
    return covered == n_columns;
}

/* The alias of case 2, or NULL when it does not apply. */
static heed_node *alias_of_parts(heed_graph *g, const heed_node *x, heed_node *const *widened, int n)
{
    const heed_tensor whole = heed_tensor_make(x->tensor.dtype, x->tensor.shape, NULL);
    heed_alias alias = {.shape = x->tensor.shape};
    heed_node *parts[HEED_MAX_INPUTS];

    if (n > HEED_MAX_INPUTS)
        return NULL;
    for (int i = 0; i < n; i++) {
        if (widened[i]->op != &heed_op_widen)
            return NULL;
        const heed_columns *columns = widened[i]->attrs;

        parts[i] = widened[i]->in[0];
        alias.start[i] = columns->start;
        if (i == 0)
            alias.offset = parts[0]->offset - columns->start;
        if (alias.offset < 0 || parts[i]->owner != parts[0]->owner || parts[i]->owner->op == NULL ||
            parts[i]->tensor.dtype != whole.dtype || !lies_in(parts[i], &whole, alias.offset + columns->start))
            return NULL;
    }
    return parts_tile_row(widened, n, heed_cols(&x->tensor)) ? heed_alias_of(g, parts, n, &alias) : NULL;
}

/* --- the sum ------------------------------------------------------------------------------------- */

static heed_node *as_f32(heed_graph *g, heed_node *x)
{
    return x->tensor.dtype == HEED_BF16 ? heed_to_f32(g, x) : x;
}

static heed_node *sum_for_bf16(heed_graph *g, heed_node *const *contributions, int n)
{
    heed_node *sum = as_f32(g, contributions[0]);
    bool all_bf16 = true;

    for (int i = 1; i < n; i++)
        sum = heed_add(g, sum, as_f32(g, contributions[i]));
    for (int i = 0; i < n; i++)
        all_bf16 = all_bf16 && contributions[i]->tensor.dtype == HEED_BF16;
    return all_bf16 ? heed_to_bf16(g, sum) : sum;
}

heed_node *heed_accumulate(heed_graph *g, heed_node *x, heed_node *const *contributions, int n)
{
    heed_node *sum = n > 1 ? alias_of_parts(g, x, contributions, n) : contributions[0];

    if (sum != NULL)
        return sum;
    if (x->tensor.dtype == HEED_BF16)
        return sum_for_bf16(g, contributions, n);
    for (int i = 0; i < n; i++) {
        if (!heed_is_lookup_gradient(contributions[i]))
            sum = sum == NULL ? contributions[i] : heed_add(g, sum, contributions[i]);
    }
    for (int i = 0; i < n; i++) {
        if (heed_is_lookup_gradient(contributions[i]))
            sum = sum == NULL ? contributions[i] : heed_add_lookup_gradient(g, contributions[i], sum);
    }
    return sum;
}
