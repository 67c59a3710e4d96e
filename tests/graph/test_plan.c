/* SPDX-License-Identifier: MIT */
/* Plans of random graphs: whatever shares memory, every number is the one that memory of its own would have given. */
#include "random_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "graph/plan_internal.h"

enum { N_GRAPHS = 60 };

/* --- the same bits --- */

static void compare_plans(const char *what, uint64_t seed, heed_device *device, int flags_a, int flags_b)
{
    random_graph *r = random_graph_open(seed);
    heed_plan *a = random_graph_plan(r, device, flags_a), *b = random_graph_plan(r, device, flags_b);
    size_t n = 0, again = 0;
    float *x = random_graph_outcome(r, a, &n), *y = random_graph_outcome(r, b, &n);
    float *z = random_graph_outcome(r, b, &again);

    assert_int_equal(n, again);
    assert_true(isfinite(x[0])); /* the loss: NaN would equal NaN */
    random_graph_expect_same(r, what, x, y, n);
    random_graph_expect_same(r, "a second run", y, z, n);
    free(x);
    free(y);
    free(z);
    heed_plan_destroy(a);
    heed_plan_destroy(b);
    random_graph_close(r);
}

static void memory_that_is_used_again_changes_no_bit(void **state)
{
    heed_device plain = random_device(true), fast = random_device(false);

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        compare_plans("reference", seed, &plain, RANDOM_KEEP_ALL, 0);
        compare_plans("kernels", seed, &fast, RANDOM_KEEP_ALL, 0);
    }
    heed_device_close(&plain);
    heed_device_close(&fast);
}

/* With keep_all every update is computed aside and copied; otherwise most are written over their source. */
static void an_update_in_place_equals_an_update_that_is_copied(void **state)
{
    heed_device plain = random_device(true), fast = random_device(false);

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        compare_plans("reference", seed, &plain, RANDOM_KEEP_ALL | RANDOM_ASSIGN, RANDOM_ASSIGN);
        compare_plans("kernels", seed, &fast, RANDOM_KEEP_ALL | RANDOM_ASSIGN, RANDOM_ASSIGN);
    }
    heed_device_close(&plain);
    heed_device_close(&fast);
}

/* A parameter that the loss reads only before its update needs no copy: if every update were copied, nobody would see it. */
static void an_update_is_written_over_its_parameter(void **state)
{
    heed_device device = random_device(false);
    int n_assigns = 0, n_copies = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        random_graph *r = random_graph_open(seed);
        heed_plan *plan = random_graph_plan(r, &device, RANDOM_ASSIGN);
        n_assigns += heed_graph_n_assigns(r->g);
        n_copies += plan->n_copies;
        heed_plan_destroy(plan);
        random_graph_close(r);
    }
    assert_true(n_assigns > 10 * N_GRAPHS);
    assert_int_equal(n_copies, 0);
    heed_device_close(&device);
}

/* --- updates that need a copy, outputs that want one place --- */

typedef struct tiny {
    heed_graph *g;
    heed_device device;
    heed_plan *plan;
    float a[4], b[4];
} tiny;

static void open_tiny(tiny *s)
{
    *s = (tiny){
        .g = heed_graph_create(), .device = random_device(true), .a = {1, 2, 3, 4}, .b = {10, 20, 30, 40}};
    assert_non_null(s->g);
}

static heed_node *tiny_state(tiny *s, const char *name, float *data)
{
    heed_node *node = heed_graph_state(s->g, name, heed_shape1(4));

    assert_non_null(node);
    node->tensor.data = data;
    return node;
}

static void run_tiny(tiny *s, heed_node **targets, int n_targets)
{
    const heed_plan_options options = {
        .device = &s->device, .reference = true, .targets = targets, .n_targets = n_targets, .assign = true};
    heed_error err = {0};

    if (heed_plan_create(s->g, &options, &s->plan, &err) != HEED_OK ||
        heed_plan_place(s->plan, NULL, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_plan_run(s->plan);
}

static void close_tiny(tiny *s)
{
    heed_plan_destroy(s->plan);
    heed_graph_destroy(s->g);
    heed_device_close(&s->device);
}

/* a <- 2 a, but a + 1 is computed behind it from the old a. */
static void a_source_that_is_read_later_is_updated_after_the_run(void **state)
{
    float ones[4] = {1, 1, 1, 1};
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *a = tiny_state(&s, "a", s.a), *one = tiny_state(&s, "one", ones);
    heed_graph_assign(s.g, a, heed_scale(s.g, a, 2.0f));
    heed_node *later = heed_add(s.g, a, one);
    run_tiny(&s, &later, 1);
    for (int i = 0; i < 4; i++) {
        assert_true(heed_tensor_get(heed_plan_value(s.plan, later), i) == (float)(i + 2));
        assert_true(s.a[i] == (float)(2 * (i + 1)));
    }
    close_tiny(&s);
}

/* b <- a and a <- 2 a: b takes the a of before the run. */
static void a_source_may_take_the_value_of_another(void **state)
{
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *a = tiny_state(&s, "a", s.a), *b = tiny_state(&s, "b", s.b);
    heed_graph_assign(s.g, b, a);
    heed_graph_assign(s.g, a, heed_scale(s.g, a, 2.0f));
    run_tiny(&s, NULL, 0);
    for (int i = 0; i < 4; i++) {
        assert_true(s.a[i] == (float)(2 * (i + 1)));
        assert_true(s.b[i] == (float)(i + 1));
    }
    close_tiny(&s);
}

/* b <- 3 (a + a): nobody reads b, so the sum and its triple are computed where b lies, and the arena is empty. */
static void a_source_that_nobody_reads_is_written_straight_away(void **state)
{
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *a = tiny_state(&s, "a", s.a), *b = tiny_state(&s, "b", s.b);
    heed_graph_assign(s.g, b, heed_scale(s.g, heed_add(s.g, a, a), 3.0f));
    run_tiny(&s, NULL, 0);
    assert_true(heed_plan_bytes(s.plan) == 0);
    for (int i = 0; i < 4; i++)
        assert_true(s.a[i] == (float)(i + 1) && s.b[i] == (float)(6 * (i + 1)));
    close_tiny(&s);
}

/* A plan carries out the assignments of its stages and runs nothing else. */
static void a_plan_assigns_in_its_stages_alone(void **state)
{
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *a = tiny_state(&s, "a", s.a), *b = tiny_state(&s, "b", s.b);
    const float before = s.b[2];
    heed_graph_assign_in(s.g, 0, a, heed_scale(s.g, a, 2.0f));
    heed_graph_assign_in(s.g, 1, b, heed_scale(s.g, a, 5.0f));
    run_tiny(&s, NULL, 0);
    assert_int_equal(heed_plan_n_steps(s.plan), 1);
    assert_true(s.a[2] == 6.0f && s.b[2] == before);
    close_tiny(&s);
}

static void a_source_takes_one_value_in_a_stage(void **state)
{
    heed_error err = {0};
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *a = tiny_state(&s, "a", s.a);
    heed_graph_assign_in(s.g, 0, a, heed_scale(s.g, a, 2.0f));
    heed_graph_assign_in(s.g, 1, a, heed_scale(s.g, a, 3.0f));
    assert_int_equal(heed_graph_status(s.g, &err), HEED_OK);
    heed_graph_assign_in(s.g, 1, a, heed_scale(s.g, a, 4.0f));
    assert_int_equal(heed_graph_status(s.g, &err), HEED_ERR_INTERNAL);
    close_tiny(&s);
}

/* An op with two outputs, both of which may lie where its input is. */
static bool both_shape(heed_graph *g, heed_node *y)
{
    (void)g;
    for (int k = 0; k < 2; k++)
        heed_node_set_shape(y, k, HEED_F32, y->in[0]->tensor.shape);
    return true;
}

static void both_forward(const heed_op_args *a)
{
    for (int64_t i = 0; i < heed_tensor_count(a->out); i++) {
        const float x = heed_tensor_get(a->in[0], i);
        if (a->outs[1] != NULL)
            heed_tensor_set(a->outs[1], i, -x);
        heed_tensor_set(a->outs[0], i, x + 1.0f);
    }
}

static const heed_op both = {.name = "both",
                             .n_inputs = 1,
                             .n_outputs = 2,
                             .shape = both_shape,
                             .forward = both_forward,
                             .reuse = {1u, 1u}};

static void two_outputs_never_share_a_place(void **state)
{
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *x = heed_scale(s.g, tiny_state(&s, "a", s.a), 3.0f);
    heed_node *second = heed_node_append(s.g, &both, x)->outputs[1]; /* the first one is written and not read */
    run_tiny(&s, &second, 1);
    for (int i = 0; i < 4; i++)
        assert_true(heed_tensor_get(heed_plan_value(s.plan, second), i) == (float)(-3 * (i + 1)));
    close_tiny(&s);
}

/* y = x + (the first row of x, on every row): written over x, the second row would meet a new first one. */
static void an_input_that_is_read_in_another_order_too_is_not_written_over(void **state)
{
    tiny s;

    (void)state;
    open_tiny(&s);
    heed_node *x = heed_scale(s.g, heed_reshape(s.g, tiny_state(&s, "a", s.a), heed_shape2(2, 2)), 3.0f);
    heed_node *row = heed_reshape(s.g, heed_narrow(s.g, heed_reshape(s.g, x, heed_shape1(4)), 0, 2),
                                  heed_shape1(2));
    heed_node *y = heed_add(s.g, x, row);
    run_tiny(&s, &y, 1);
    for (int i = 0; i < 4; i++)
        assert_true(heed_tensor_get(heed_plan_value(s.plan, y), i) == (float)(3 * (i + 1) + 3 * (i % 2 + 1)));
    close_tiny(&s);
}

/* --- who lies where --- */

typedef struct resident {
    const char *begin, *end;
    int first, last; /* steps */
    const heed_node *node;
} resident;

/* What each step writes and until when somebody reads it, found from the arguments of the steps alone. */
static int residents(const random_graph *r, const heed_plan *plan, resident *all)
{
    const int n_steps = heed_plan_n_steps(plan);
    int n = 0;

    for (int s = 0; s < n_steps; s++) {
        const heed_op_args *a = heed_plan_args(plan, s);
        for (int k = 0; k < HEED_MAX_OUTPUTS && a->node->outputs[k] != NULL; k++) {
            const heed_node *out = a->node->outputs[k];
            if (a->outs[k] == NULL || a->outs[k]->data == NULL || out->owner->op == NULL)
                continue;
            all[n] = (resident){a->outs[k]->data, (char *)a->outs[k]->data + heed_tensor_span_bytes(a->outs[k]),
                                s, s, out};
            for (int reader = s + 1; reader < n_steps; reader++) {
                const heed_node *node = heed_plan_step(plan, reader);
                for (int i = 0; i < node->n_in; i++) {
                    if (node->in[i] != NULL && node->in[i]->owner == out->owner)
                        all[n].last = reader;
                }
            }
            for (int t = 0; t < r->n_targets; t++) {
                if (r->targets[t]->owner == out->owner)
                    all[n].last = n_steps;
            }
            n++;
        }
    }
    return n;
}

static bool may_write_over(const heed_node *out, const heed_node *in, const resident *a, const resident *b)
{
    for (int i = 0; i < out->first->n_in; i++) {
        if (out->first->in[i] != NULL && out->first->in[i]->owner == in->owner &&
            (out->op->reuse[out->output] >> i & 1u))
            return a->begin == b->begin && a->end == b->end;
    }
    return false;
}

static void check_pair(const random_graph *r, const resident *earlier, const resident *later)
{
    const bool apart = earlier->end <= later->begin || later->end <= earlier->begin;

    if (apart || earlier->node->owner == later->node->owner || later->first > earlier->last)
        return;
    if (later->first == earlier->last && later->first > earlier->first &&
        may_write_over(later->node, earlier->node, earlier, later))
        return;
    fail_msg("%s (steps %d to %d) and %s (steps %d to %d) lie over each other (seed %llu)", earlier->node->name,
             earlier->first, earlier->last, later->node->name, later->first, later->last,
             (unsigned long long)r->seed);
}

static void check_workspaces(const random_graph *r, const heed_plan *plan, const resident *all, int n)
{
    for (int s = 0; s < plan->n_steps; s++) {
        const char *begin = (const char *)plan->block + plan->steps[s].workspace_offset;
        const char *end = begin + plan->steps[s].workspace_bytes;
        if (begin == end)
            continue;
        assert_true(plan->steps[s].workspace_offset % HEED_ALIGNMENT == 0);
        for (int i = 0; i < n; i++) {
            if (all[i].first <= s && s <= all[i].last && all[i].begin < end && begin < all[i].end)
                fail_msg("the workspace of %s lies over %s (seed %llu)", plan->steps[s].node->name,
                         all[i].node->name, (unsigned long long)r->seed);
        }
    }
}

static void tensors_that_live_at_the_same_time_lie_apart(void **state)
{
    heed_device device = random_device(false);

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        random_graph *r = random_graph_open(seed);
        for (int flags = 0; flags <= RANDOM_ASSIGN; flags += RANDOM_ASSIGN) {
            heed_plan *plan = random_graph_plan(r, &device, flags);
            resident *all = calloc((size_t)heed_plan_n_steps(plan) * HEED_MAX_OUTPUTS, sizeof *all);
            assert_non_null(all);
            const int n = residents(r, plan, all);
            for (int i = 0; i < n; i++) {
                for (int j = i + 1; j < n; j++)
                    check_pair(r, &all[i], &all[j]);
            }
            check_workspaces(r, plan, all, n);
            free(all);
            heed_plan_destroy(plan);
        }
        random_graph_close(r);
    }
    heed_device_close(&device);
}

/* --- how much of it --- */

/* Whatever the order of packing, at one step all that lives then must fit. */
static size_t lower_bound(const heed_plan *plan)
{
    size_t most = 0;

    for (int s = 0; s < plan->n_steps; s++) {
        size_t live = heed_size_align(plan->steps[s].workspace_bytes);
        for (int i = 0; i < heed_graph_n_nodes(plan->graph); i++) {
            const plan_storage *storage = &plan->storage[i];
            if (storage->root == i && storage->in_source == NULL &&
                heed_graph_node(plan->graph, i)->op != NULL && storage->first <= s && s <= storage->last)
                live += heed_size_align(storage->bytes);
        }
        most = live > most ? live : most;
    }
    return most;
}

/* First fit by size is no optimum; these graphs show how near it comes. */
static void the_arena_is_near_the_least_that_could_do(void **state)
{
    heed_device device = random_device(false);
    double worst = 1.0, sum = 0.0, saved = 0.0;

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        random_graph *r = random_graph_open(seed);
        heed_plan *plan = random_graph_plan(r, &device, RANDOM_ASSIGN);
        heed_plan *all = random_graph_plan(r, &device, RANDOM_ASSIGN | RANDOM_KEEP_ALL);
        const double factor = (double)heed_plan_bytes(plan) / (double)lower_bound(plan);
        assert_true(factor >= 1.0);
        worst = factor > worst ? factor : worst;
        sum += factor;
        saved += (double)heed_plan_bytes(all) / (double)heed_plan_bytes(plan);
        heed_plan_destroy(all);
        heed_plan_destroy(plan);
        random_graph_close(r);
    }
    printf("the arena over the least possible: %.3f on average, %.3f at worst; keep_all takes %.1f times as "
           "much\n",
           sum / N_GRAPHS, worst, saved / N_GRAPHS);
    assert_true(worst < 1.25);
    heed_device_close(&device);
}

/* The arena ends where a page begins that nobody may touch, and its last cache line is written. */
static void a_run_uses_the_arena_up_to_its_last_byte_and_no_further(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    heed_device device = random_device(false);

    (void)state;
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        random_graph *r = random_graph_open(seed);
        heed_plan *plan = random_graph_plan(r, &device, 0);
        const size_t bytes = heed_plan_bytes(plan), whole = (bytes + page - 1) / page * page;
        char *block = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char *arena = block + whole - bytes, before[HEED_ALIGNMENT];
        size_t n = 0;

        assert_true(block != MAP_FAILED);
        assert_int_equal(mprotect(block + whole, page, PROT_NONE), 0);
        assert_int_equal(bytes % HEED_ALIGNMENT, 0);
        memset(arena, 0x5a, bytes);
        memcpy(before, arena + bytes - sizeof before, sizeof before);
        assert_int_equal(heed_plan_place(plan, arena, NULL), HEED_OK);
        free(random_graph_outcome(r, plan, &n));
        assert_true(memcmp(before, arena + bytes - sizeof before, sizeof before) != 0);
        heed_plan_destroy(plan);
        munmap(block, whole + page);
        random_graph_close(r);
    }
    heed_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_used_again_changes_no_bit),
        cmocka_unit_test(an_update_in_place_equals_an_update_that_is_copied),
        cmocka_unit_test(an_update_is_written_over_its_parameter),
        cmocka_unit_test(a_source_that_is_read_later_is_updated_after_the_run),
        cmocka_unit_test(a_source_may_take_the_value_of_another),
        cmocka_unit_test(a_source_that_nobody_reads_is_written_straight_away),
        cmocka_unit_test(a_plan_assigns_in_its_stages_alone),
        cmocka_unit_test(a_source_takes_one_value_in_a_stage),
        cmocka_unit_test(two_outputs_never_share_a_place),
        cmocka_unit_test(an_input_that_is_read_in_another_order_too_is_not_written_over),
        cmocka_unit_test(tensors_that_live_at_the_same_time_lie_apart),
        cmocka_unit_test(the_arena_is_near_the_least_that_could_do),
        cmocka_unit_test(a_run_uses_the_arena_up_to_its_last_byte_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
