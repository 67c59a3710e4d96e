/* SPDX-License-Identifier: MIT */
/* Values that are given and values that are changed on their way: what follows from them is what should follow. */
#include "../cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../infer/small_model.h"
#include "inspect/forward.h"

enum { LENGTH = SMALL_CONTEXT };

/* Models of several kinds, each with every part that could stand between a value and its readers. */
static heed_config kind(int i)
{
    heed_config c = small_config();

    switch (i) {
    case 1: /* as in Llama */
        c.positions = HEED_POSITIONS_ROTARY;
        c.norm_type = HEED_NORM_RMSNORM;
        c.norm_bias = c.attention_bias = c.mlp_bias = false;
        c.activation = HEED_ACTIVATION_SWIGLU;
        c.n_kv_heads = 1;
        break;
    case 2:
        c.n_experts = 3;
        c.experts_per_token = 2;
        break;
    case 3: /* one attention layer and nothing else */
        c.n_layers = 1;
        c.residual = c.mlp = false;
        c.norm = HEED_NORM_NONE;
        c.tied_head = false;
        break;
    case 4:
        c.positions = HEED_POSITIONS_RELATIVE;
        c.norm = HEED_NORM_POST;
        c.uniform_attention = false;
        break;
    default:
        break;
    }
    return c;
}

enum { N_KINDS = 5 };

typedef struct subject {
    heed_model *model;
    heed_forward *forward;
    heed_node *logits;
    float *first; /* the logits of a run that nobody disturbs */
    size_t n;
} subject;

static subject open_subject(int i)
{
    static const int32_t ids[LENGTH] = {3, 1, 4, 1, 5, 9, 2, 6};
    const heed_forward_ids in = {.ids = ids, .batch = 1, .length = LENGTH};
    const heed_config config = kind(i);
    subject s = {.model = small_model(&config, 7)};
    heed_error err = {0};

    assert_int_equal(heed_forward_create(s.model, &in, false, 2, &s.forward, &err), HEED_OK);
    s.logits = heed_forward_gpt(s.forward)->logits;
    s.n = (size_t)heed_tensor_count(&s.logits->tensor);
    return s;
}

static void close_subject(subject *s)
{
    free(s->first);
    heed_forward_destroy(s->forward);
    heed_model_close(s->model);
}

static float *copy_of(const heed_tensor *x)
{
    const int64_t n = heed_tensor_count(x);
    float *copy = malloc(((size_t)n + 1) * sizeof *copy);

    assert_non_null(copy);
    for (int64_t i = 0; i < n; i++)
        copy[i] = heed_tensor_get(x, i);
    return copy;
}

/* Makes the plan of options with the logits wanted; NULL where it is refused. */
static heed_plan *plan_of(subject *s, heed_plan_options options)
{
    heed_plan *plan = NULL;
    heed_error err = {0};
    heed_status status;

    options.device = heed_forward_device(s->forward);
    options.targets = &s->logits;
    options.n_targets = 1;
    status = heed_plan_create(heed_forward_graph(s->forward), &options, &plan, &err);
    if (status != HEED_OK) {
        assert_int_equal(status, HEED_ERR_USAGE);
        return NULL;
    }
    assert_int_equal(heed_plan_place(plan, NULL, &err), HEED_OK);
    return plan;
}

static float *logits_of(const subject *s, heed_plan *plan)
{
    heed_plan_run(plan);
    return copy_of(heed_plan_value(plan, s->logits));
}

/* Floats that can be changed; ids of experts and their like are no numbers. */
static bool is_number(const heed_node *node)
{
    return node->op != NULL && node->named && node->tensor.dtype == HEED_F32;
}

static void keep_value(void *context, const heed_node *node, const heed_tensor *value)
{
    (void)node;
    *(float **)context = copy_of(value);
}

/* What the node holds in an undisturbed run. */
static float *value_of(subject *s, heed_node *node)
{
    float *value = NULL;
    heed_plan *plan = plan_of(
        s, (heed_plan_options){
               .observed = &node, .n_observed = 1, .observe = keep_value, .observe_context = &value});

    assert_non_null(plan);
    heed_plan_run(plan);
    heed_plan_destroy(plan);
    assert_non_null(value);
    return value;
}

static void write_value(const heed_tensor *to, const float *from)
{
    for (int64_t i = 0; i < heed_tensor_count(to); i++)
        heed_tensor_set(to, i, from[i]);
}

static float changed(float x)
{
    return 0.5f * x + 0.25f;
}

static void change(void *context, const heed_node *node, const heed_tensor *value)
{
    (void)context;
    (void)node;
    for (int64_t i = 0; i < heed_tensor_count(value); i++)
        heed_tensor_set(value, i, changed(heed_tensor_get(value, i)));
}

static void expect_same(const heed_node *node, const float *got, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0)
            fail_msg("%s: logit %zu is %.9g, expected %.9g", node->name, i, (double)got[i],
                     (double)expected[i]);
    }
}

static float *with_given(subject *s, heed_node *node, const float *value)
{
    heed_plan *plan = plan_of(s, (heed_plan_options){.given = &node, .n_given = 1});
    float *logits, *again;

    if (plan == NULL)
        return NULL;
    write_value(heed_plan_given(plan, node), value);
    logits = logits_of(s, plan);
    again = logits_of(s, plan); /* what is given stays */
    expect_same(node, again, logits, s->n);
    free(again);
    heed_plan_destroy(plan);
    return logits;
}

static float *with_edit(subject *s, heed_node *node, heed_edit_fn *edit)
{
    heed_plan *plan = plan_of(s, (heed_plan_options){.edited = &node, .n_edited = 1, .edit = edit});
    float *logits = plan != NULL ? logits_of(s, plan) : NULL;

    heed_plan_destroy(plan);
    return logits;
}

static void for_each_number(void (*check)(subject *s, heed_node *node, int *n_done))
{
    for (int i = 0; i < N_KINDS; i++) {
        subject s = open_subject(i);
        heed_graph *g = heed_forward_graph(s.forward);
        heed_plan *plan = plan_of(&s, (heed_plan_options){.n_given = 0});
        int n_done = 0;

        assert_non_null(plan);
        s.first = logits_of(&s, plan);
        heed_plan_destroy(plan);
        for (int k = 0; k < heed_graph_n_nodes(g); k++) {
            if (is_number(heed_graph_node(g, k)))
                check(&s, heed_graph_node(g, k), &n_done);
        }
        assert_true(n_done > 4);
        close_subject(&s);
    }
}

static void check_own_value(subject *s, heed_node *node, int *n_done)
{
    float *value = value_of(s, node), *logits = with_given(s, node, value);

    if (logits != NULL) {
        expect_same(node, logits, s->first, s->n);
        ++*n_done;
    }
    free(logits);
    free(value);
}

static void giving_a_node_its_own_value_changes_no_bit(void **state)
{
    (void)state;
    for_each_number(check_own_value);
}

static void check_no_change(subject *s, heed_node *node, int *n_done)
{
    float *logits = with_edit(s, node, NULL);

    if (logits != NULL) {
        expect_same(node, logits, s->first, s->n);
        ++*n_done;
    }
    free(logits);
}

static void an_edit_that_changes_nothing_changes_no_bit(void **state)
{
    (void)state;
    for_each_number(check_no_change);
}

/* Whatever can be both is the same both ways, and is felt. */
static void check_edit(subject *s, heed_node *node, int *n_done)
{
    float *value = value_of(s, node), *edited = with_edit(s, node, change), *given;
    bool felt = false;

    for (int64_t i = 0; i < heed_tensor_count(&node->tensor); i++)
        value[i] = changed(value[i]);
    given = with_given(s, node, value);
    for (size_t i = 0; edited != NULL && i < s->n; i++)
        felt = felt || edited[i] != s->first[i];
    if (edited != NULL && !felt)
        fail_msg("%s: changing it was accepted, and changed no logit", node->name);
    if (edited != NULL && given != NULL) {
        expect_same(node, edited, given, s->n);
        ++*n_done;
    }
    free(given);
    free(edited);
    free(value);
}

static void an_edit_equals_giving_the_changed_value_and_is_felt(void **state)
{
    (void)state;
    for_each_number(check_edit);
}

static void what_is_written_beside_the_computation_cannot_be_edited(void **state)
{
    subject s = open_subject(0);
    heed_node *pattern = heed_forward_find(s.forward, "blocks.0.attn.pattern");
    heed_plan_options options = {.device = heed_forward_device(s.forward),
                                 .targets = (heed_node *[]){s.logits, pattern},
                                 .n_targets = 2,
                                 .edited = &pattern,
                                 .n_edited = 1,
                                 .edit = change};
    heed_plan *plan = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_plan_create(heed_forward_graph(s.forward), &options, &plan, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message,
                        "blocks.0.attn.pattern: nothing that is wanted is computed from it, so changing "
                        "it changes nothing");
    close_subject(&s);
}

/* z has siblings; who wants the pattern too runs the op, which would write over what was given. */
static void an_output_cannot_be_given_where_its_sibling_is_wanted(void **state)
{
    subject s = open_subject(0);
    heed_node *z = heed_forward_find(s.forward, "blocks.0.attn.z");
    heed_plan_options options = {
        .device = heed_forward_device(s.forward),
        .targets = (heed_node *[]){s.logits, heed_forward_find(s.forward, "blocks.0.attn.pattern")},
        .n_targets = 2,
        .given = &z,
        .n_given = 1};
    heed_plan *plan = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_plan_create(heed_forward_graph(s.forward), &options, &plan, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "other outputs of its attention"));
    options.n_targets = 1;
    assert_int_equal(heed_plan_create(heed_forward_graph(s.forward), &options, &plan, &err), HEED_OK);
    heed_plan_destroy(plan);
    close_subject(&s);
}

/* Nothing before a given residual runs. */
static void what_only_a_given_node_needs_does_not_run(void **state)
{
    subject s = open_subject(0);
    heed_node *middle = heed_forward_find(s.forward, "blocks.1.resid_pre");
    heed_plan *whole = plan_of(&s, (heed_plan_options){.n_given = 0});
    heed_plan *half = plan_of(&s, (heed_plan_options){.given = &middle, .n_given = 1});

    (void)state;
    assert_non_null(half);
    assert_true(heed_plan_n_steps(half) < heed_plan_n_steps(whole));
    for (int i = 0; i < heed_plan_n_steps(half); i++)
        assert_null(strstr(heed_plan_step(half, i)->name, "blocks.0."));
    heed_plan_destroy(half);
    heed_plan_destroy(whole);
    close_subject(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(giving_a_node_its_own_value_changes_no_bit),
        cmocka_unit_test(an_edit_that_changes_nothing_changes_no_bit),
        cmocka_unit_test(an_edit_equals_giving_the_changed_value_and_is_felt),
        cmocka_unit_test(what_is_written_beside_the_computation_cannot_be_edited),
        cmocka_unit_test(an_output_cannot_be_given_where_its_sibling_is_wanted),
        cmocka_unit_test(what_only_a_given_node_needs_does_not_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
