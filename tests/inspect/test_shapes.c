/* SPDX-License-Identifier: MIT */
/* Shapes of everything in a pass: the symbols hold, the numbers are those of the graph and of its plan. */
#include "cmocka_all.h"

#include <heed/shapes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "graph/plan.h"
#include "inspect/shapes_graph.h"

enum { N_CONFIGS = 60 };

/* --- random configurations: small sizes, so that many of them are equal --- */

typedef struct shapes_case {
    heed_config config;
    heed_shapes_options options;
} shapes_case;

static int64_t one_of(heed_rng *rng, const int64_t *list, int64_t n)
{
    return list[heed_rng_below(rng, n)];
}

static bool maybe(heed_rng *rng)
{
    return heed_rng_below(rng, 2) == 1;
}

#define ONE_OF(rng, ...) one_of(rng, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

static void draw_attention(heed_rng *rng, heed_config *c)
{
    c->n_kv_heads = maybe(rng) ? 0 : c->n_heads / ONE_OF(rng, 1, 2, 4);
    c->positions = (int)heed_rng_below(rng, HEED_POSITIONS_TRANSFORMER_XL + 1);
    c->window = maybe(rng) ? 0 : ONE_OF(rng, 1, 2, 3, 4, 7, 8, 20);
    c->tied_kv = heed_rng_below(rng, 4) == 0;
    c->uniform_attention = heed_rng_below(rng, 8) == 0;
    c->causal = heed_rng_below(rng, 8) != 0;
    c->attention_bias = maybe(rng);
}

static shapes_case draw_case(heed_rng *rng)
{
    shapes_case s = {.config = heed_config_default()};
    heed_config *c = &s.config;

    do {
        *c = heed_config_default();
        c->kind = heed_rng_below(rng, 10) == 0 ? HEED_KIND_BIGRAM : HEED_KIND_GPT;
        c->vocab_size = ONE_OF(rng, 1, 4, 8, 65, 200019);
        c->context_length = ONE_OF(rng, 1, 4, 5, 8, 16);
        c->n_layers = ONE_OF(rng, 0, 1, 2, 3);
        c->n_heads = ONE_OF(rng, 1, 2, 4, 8);
        c->d_model = c->n_heads * ONE_OF(rng, 2, 4, 6, 8);
        c->d_mlp = maybe(rng) ? 0 : ONE_OF(rng, 1, 4, 8, 30);
        c->mlp_factor = maybe(rng) ? 4.0 : 2.5;
        c->activation = (int)heed_rng_below(rng, HEED_ACTIVATION_SWIGLU + 1);
        c->norm = (int)heed_rng_below(rng, 3);
        c->norm_type = (int)heed_rng_below(rng, 2);
        c->residual = heed_rng_below(rng, 4) != 0;
        c->mlp = maybe(rng);
        c->attention = heed_rng_below(rng, 6) != 0;
        c->tied_head = maybe(rng);
        c->dropout = maybe(rng) ? 0.0 : 0.1;
        draw_attention(rng, c);
        if (c->mlp && maybe(rng)) {
            c->n_experts = ONE_OF(rng, 2, 4, 8);
            c->experts_per_token = ONE_OF(rng, 1, 2);
            c->expert_capacity = maybe(rng) ? 0.0 : 1.25;
            c->balance_weight = maybe(rng) ? 0.0 : 0.01;
        }
        s.options.batch_size = ONE_OF(rng, 1, 2, 4, 8);
        s.options.length = maybe(rng) ? c->context_length : 1 + heed_rng_below(rng, c->context_length);
        s.options.cache = c->kind == HEED_KIND_GPT && heed_rng_below(rng, 4) == 0;
        s.options.training = !s.options.cache && maybe(rng);
        s.options.precision = maybe(rng) ? HEED_PRECISION_F32 : HEED_PRECISION_BF16;
    } while (heed_config_check(c, NULL) != HEED_OK);
    return s;
}

static heed_shapes *make(const shapes_case *c)
{
    heed_shapes *shapes = NULL;
    heed_error err = {0};

    if (heed_shapes_create(&c->config, &c->options, &shapes, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return shapes;
}

/* --- an expression read by itself: [number] ["(" sum ")"] letters ["/" divisor]..., products without a sign --- */

typedef struct reader {
    const char *at;
    const heed_shapes *shapes;
} reader;

static double size_named(const reader *r, char letter)
{
    int n;
    const heed_shapes_symbol *list = heed_shapes_symbols(r->shapes, &n);

    for (int i = 0; i < n; i++) {
        if (list[i].symbol[0] == letter && list[i].symbol[1] == '\0')
            return (double)list[i].size;
    }
    fail_msg("%c is not among the symbols", letter);
    return 0.0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static double read_factor(reader *r)
{
    char *end = NULL;
    double value;

    if (is_digit(*r->at)) {
        value = strtod(r->at, &end);
        r->at = end;
        return value;
    }
    return size_named(r, *r->at++);
}

static double read_product(reader *r)
{
    double value = 1.0;

    while (*r->at != '\0' && strchr(" )+-/", *r->at) == NULL)
        value *= read_factor(r);
    return value;
}

static double read_bracket(reader *r)
{
    double value;
    bool minus;

    r->at++;
    value = read_product(r);
    minus = r->at[1] == '-';
    r->at += 3;
    value += (minus ? -1.0 : 1.0) * read_product(r);
    assert_int_equal(*r->at, ')');
    r->at++;
    return value;
}

static double value_of(const heed_shapes *shapes, const char *text)
{
    reader r = {text, shapes};
    double value = 1.0;

    while (*r.at != '\0') {
        if (*r.at == '(')
            value *= read_bracket(&r);
        else if (*r.at == '/') {
            r.at++;
            value /= read_factor(&r);
        } else
            value *= read_factor(&r);
    }
    return value;
}

static bool is_number(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static void expect_real(const heed_shapes *shapes, const heed_shapes_entry *e, const char *what,
                        const char *text, int64_t real)
{
    const double value = value_of(shapes, text);

    if (value != (double)real)
        fail_msg("%s: %s \"%s\" is %.17g here, expected %lld", e->name, what, text, value, (long long)real);
}

/* Where number i of the entry lies, in numbers from its first. */
static int64_t place_of(const heed_shapes_entry *e, int64_t i)
{
    int64_t place = 0;

    for (int a = e->rank - 1; a >= 0; a--) {
        place += i % e->size[a] * e->stride[a];
        i /= e->size[a];
    }
    return place;
}

/* Number by number: one behind the other, or at least at equal distances? */
static void expect_order(const heed_shapes_entry *e)
{
    bool contiguous = true, even = true;
    int64_t count = 1;

    for (int a = 0; a < e->rank; a++)
        count *= e->size[a];
    for (int64_t i = 1; i < count && count <= 4096; i++) {
        contiguous = contiguous && place_of(e, i) == i;
        even = even && place_of(e, i) == i * place_of(e, 1);
    }
    if (count <= 4096 && (contiguous != e->contiguous || even != e->flattens))
        fail_msg("%s: contiguous %d, evenly spaced %d; shown as %d, %d", e->name, contiguous, even,
                 e->contiguous, e->flattens);
}

static void every_node_has_a_meaning_and_symbols_that_give_its_sizes(void **state)
{
    heed_rng rng = heed_rng_make(1, HEED_STREAM_INIT);

    (void)state;
    for (int k = 0; k < N_CONFIGS; k++) {
        const shapes_case c = draw_case(&rng);
        heed_shapes *shapes = make(&c);
        for (int i = 0; i < heed_shapes_n(shapes); i++) {
            const heed_shapes_entry *e = heed_shapes_get(shapes, i);
            for (int a = 0; a < e->rank; a++) {
                expect_real(shapes, e, "size", e->symbol[a], e->size[a]);
                expect_real(shapes, e, "stride", e->stride_symbol[a], e->stride[a]);
                if (is_number(e->symbol[a]) && strcmp(e->symbol[a], "1") != 0)
                    fail_msg("configuration %d, %s: axis %d is only a number, %s", k, e->name, a, e->symbol[a]);
            }
            expect_real(shapes, e, "offset", e->offset_symbol, e->offset);
            expect_order(e);
            if (e->meaning[0] == '\0' && (!e->on_request || e->kind != HEED_SHAPES_GRADIENT))
                fail_msg("configuration %d: %s, by %s, has no meaning", k, e->name, e->op);
        }
        heed_shapes_destroy(shapes);
    }
}

/* --- sizes that are alike --- */

static void expect_symbols(const heed_shapes *shapes, const char *name, const char *expected)
{
    const heed_shapes_entry *e = heed_shapes_find(shapes, name);
    char text[200] = "";

    if (e == NULL)
        fail_msg("there is no %s", name);
    for (int a = 0; a < e->rank; a++) {
        strcat(text, a > 0 ? ", " : "");
        strcat(text, e->symbol[a]);
    }
    assert_string_equal(text, expected);
}

/* batch, length, heads and their width are all 4, and d_model, vocabulary and context 16. */
static void equal_sizes_keep_their_own_symbols(void **state)
{
    shapes_case c = {.config = heed_config_default(), .options = {.batch_size = 4, .length = 4}};
    heed_shapes *shapes;

    (void)state;
    c.config.vocab_size = c.config.context_length = c.config.d_model = 16;
    c.config.n_heads = 4;
    shapes = make(&c);
    expect_symbols(shapes, "ids", "B, T");
    expect_symbols(shapes, "wte.weight", "V, d");
    expect_symbols(shapes, "wpe.weight", "C, d");
    expect_symbols(shapes, "blocks.0.attn.qkv", "B, T, 3d");
    expect_symbols(shapes, "blocks.0.attn.q", "B, H, T, d/H");
    expect_symbols(shapes, "blocks.0.attn.scores", "B, H, T, T");
    expect_symbols(shapes, "blocks.3.mlp.post", "B, T, 4d");
    expect_symbols(shapes, "h.3.mlp.c_fc.weight", "d, 4d");
    expect_symbols(shapes, "logits", "B, T, V");
    heed_shapes_destroy(shapes);
    c.config.n_kv_heads = 2;
    c.config.d_mlp = 64;
    shapes = make(&c);
    expect_symbols(shapes, "blocks.0.attn.k", "B, K, T, d/H");
    expect_symbols(shapes, "h.0.attn.c_attn.weight", "d, (H + 2K)d/H");
    expect_symbols(shapes, "blocks.0.mlp.post", "B, T, m");
    heed_shapes_destroy(shapes);
}

/* --- the numbers --- */

/* A plan that keeps everything gives each tensor of its own a place: together they are the bytes that are shown. */
static void bytes_are_those_of_the_plan(void **state)
{
    heed_rng rng = heed_rng_make(2, HEED_STREAM_INIT);

    (void)state;
    for (int k = 0; k < N_CONFIGS / 2; k++) {
        shapes_case c = draw_case(&rng);
        heed_shapes_graph built;
        heed_plan *plan = NULL;
        heed_shapes *shapes;
        size_t bytes = 0;
        c.options.training = false;
        c.config.vocab_size = 65;
        shapes = make(&c);
        assert_int_equal(heed_shapes_build(&c.config, NULL, c.options.batch_size, c.options.length, &c.options,
                                           &built, NULL),
                         HEED_OK);
        const heed_plan_options options = {
            .reference = true, .keep_all = true, .targets = &built.result, .n_targets = 1};
        assert_int_equal(heed_plan_create(built.g, &options, &plan, NULL), HEED_OK);
        for (int i = 0; i < heed_shapes_n(shapes); i++) {
            const heed_shapes_entry *e = heed_shapes_get(shapes, i);
            const heed_node *first = heed_graph_node(built.g, i)->first;
            if (e->op[0] != '\0' && e->storage == i && !heed_shapes_get(shapes, first->id)->on_request)
                bytes += heed_size_align((size_t)e->bytes);
        }
        if (bytes != heed_plan_bytes(plan))
            fail_msg("configuration %d: %zu bytes are shown, the plan takes %zu", k, bytes,
                     heed_plan_bytes(plan));
        heed_plan_destroy(plan);
        heed_graph_destroy(built.g);
        heed_shapes_destroy(shapes);
    }
}

static void parameters_are_those_of_the_model(void **state)
{
    shapes_case c = {.config = heed_config_default()};
    heed_shapes *shapes;
    heed_model *model = NULL;
    heed_accounting forward;
    int64_t count = 0;

    (void)state;
    c.config.vocab_size = 65;
    c.config.n_experts = 3;
    shapes = make(&c);
    for (int i = 0; i < heed_shapes_n(shapes); i++) {
        const heed_shapes_entry *e = heed_shapes_get(shapes, i);
        count += e->kind == HEED_SHAPES_PARAMETER ? e->bytes / 4 : 0;
    }
    assert_int_equal(heed_model_create(&c.config, 1, &model, NULL), HEED_OK);
    assert_int_equal(heed_model_account_forward(model, 1, 4, &forward, NULL), HEED_OK);
    assert_true((double)count == forward.parameters);
    heed_model_close(model);
    heed_shapes_destroy(shapes);
}

/* --- memory: views, order, copies --- */

static void heads_are_views_and_merging_them_copies_nothing(void **state)
{
    shapes_case c = {.config = heed_config_default(), .options = {.batch_size = 2, .length = 6}};
    const heed_shapes_entry *q, *k, *z, *merged;
    heed_shapes *shapes;

    (void)state;
    c.config.vocab_size = 65;
    shapes = make(&c);
    q = heed_shapes_find(shapes, "blocks.1.attn.q");
    k = heed_shapes_find(shapes, "blocks.1.attn.k");
    z = heed_shapes_find(shapes, "blocks.1.attn.z");
    merged = heed_shapes_find(shapes, "blocks.1.attn.merge_heads");
    assert_string_equal(heed_shapes_get(shapes, q->storage)->name, "blocks.1.attn.qkv");
    assert_true(q->is_view && !q->contiguous && !q->flattens && k->storage == q->storage);
    assert_int_equal(k->offset, 128);
    assert_string_equal(k->offset_symbol, "d");
    assert_string_equal(q->stride_symbol[0], "3Td");
    assert_string_equal(q->stride_symbol[1], "d/H");
    assert_string_equal(q->stride_symbol[2], "3d");
    assert_true(!z->contiguous && !z->is_view);
    assert_true(merged->is_view && merged->contiguous && merged->flattens && merged->storage == z->storage);
    heed_shapes_destroy(shapes);
    /* one head, or one position: nothing has changed places */
    for (int i = 0; i < 2; i++) {
        c.config.n_heads = i == 0 ? 1 : 4;
        c.options.length = i == 0 ? 6 : 1;
        shapes = make(&c);
        z = heed_shapes_find(shapes, "blocks.1.attn.z");
        assert_true(z->contiguous && z->flattens);
        heed_shapes_destroy(shapes);
    }
}

static void what_nobody_reads_is_computed_on_request(void **state)
{
    shapes_case c = {.config = heed_config_default()};
    heed_shapes *shapes;

    (void)state;
    c.config.vocab_size = 65;
    shapes = make(&c);
    assert_true(heed_shapes_find(shapes, "blocks.0.attn.pattern")->on_request);
    assert_false(heed_shapes_find(shapes, "blocks.0.attn.z")->on_request);
    assert_false(heed_shapes_find(shapes, "logits")->on_request);
    heed_shapes_destroy(shapes);
    c.options.training = true;
    shapes = make(&c);
    assert_true(heed_shapes_find(shapes, "logits")->on_request); /* the loss never has them whole */
    assert_false(heed_shapes_find(shapes, "d.wte.weight")->on_request);
    assert_int_equal(heed_shapes_find(shapes, "d.wte.weight")->kind, HEED_SHAPES_GRADIENT);
    heed_shapes_destroy(shapes);
}

/* The chain of pen and paper: x as heads, and heads that lie by themselves as rows again. */
static void heads_are_split_and_joined_step_by_step(void **state)
{
    shapes_case c = {.config = heed_config_default(), .options = {.batch_size = 1, .length = 3, .heads = true}};
    const heed_shapes_entry *heads, *swapped, *merged;
    heed_shapes *shapes;

    (void)state;
    c.config.d_model = 8;
    c.config.n_heads = 2;
    c.config.vocab_size = 65;
    shapes = make(&c);
    expect_symbols(shapes, "x", "B, T, d");
    expect_symbols(shapes, "split", "B, T, H, d/H");
    expect_symbols(shapes, "heads", "B, H, T, d/H");
    expect_symbols(shapes, "joined", "B, T, d");
    expect_symbols(shapes, "stored", "B, H, T, d/H");
    expect_symbols(shapes, "swapped", "B, T, H, d/H");
    expect_symbols(shapes, "merged", "B, T, d");
    heads = heed_shapes_find(shapes, "heads");
    assert_true(heads->is_view && !heads->flattens && heads->stride[1] == 4 && heads->stride[2] == 8);
    assert_int_equal(heed_shapes_find(shapes, "joined")->storage, heads->storage);
    swapped = heed_shapes_find(shapes, "swapped");
    assert_true(swapped->is_view && !swapped->flattens && swapped->stride[1] == 4 && swapped->stride[2] == 12);
    merged = heed_shapes_find(shapes, "merged");
    assert_true(heed_shapes_get(shapes, merged->of)->is_copy);
    heed_shapes_destroy(shapes);
    /* one head, or one position: no number changes its place, and none is copied */
    for (int i = 0; i < 2; i++) {
        c.config.n_heads = i == 0 ? 1 : 2;
        c.options.length = i == 0 ? 3 : 1;
        shapes = make(&c);
        assert_true(heed_shapes_find(shapes, "swapped")->flattens &&
                    heed_shapes_find(shapes, "heads")->flattens);
        heed_shapes_destroy(shapes);
    }
}

/* --- names --- */

static void nodes_are_found_by_all_their_names(void **state)
{
    shapes_case c = {.config = heed_config_default()};
    heed_shapes *shapes;
    const heed_shapes_entry *post;
    int n = 0;

    (void)state;
    c.config.vocab_size = 65;
    shapes = make(&c);
    post = heed_shapes_find(shapes, "blocks.0.resid_post");
    assert_ptr_equal(heed_shapes_find(shapes, "blocks.1.hook_resid_pre"), post);
    for (int i = 0; i < post->n_also; i++) {
        assert_ptr_equal(heed_shapes_find(shapes, post->also[i]), post);
        n += strcmp(post->also[i], "blocks.1.resid_pre") == 0;
    }
    assert_int_equal(n, 1);
    assert_string_equal(heed_shapes_find(shapes, "blocks.2.attn.hook_attn_scores")->name,
                        "blocks.2.attn.scores");
    assert_null(heed_shapes_find(shapes, "blocks.9.attn.q"));
    assert_string_equal(heed_shapes_nearest(shapes, "attn.scors"), "blocks.0.attn.scores");
    assert_string_equal(heed_shapes_find(shapes, "blocks.1.attn.scores")->kind_name, "blocks.*.attn.scores");
    heed_shapes_destroy(shapes);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    shapes_case c = {.config = heed_config_default(), .options = {.length = 65}};
    heed_shapes *shapes = NULL;
    heed_error err = {0};

    (void)state;
    c.config.vocab_size = 65;
    assert_int_equal(heed_shapes_create(&c.config, &c.options, &shapes, &err), HEED_ERR_USAGE);
    assert_null(shapes);
    c.options.length = 64;
    c.options.batch_size = INT64_MAX;
    assert_int_equal(heed_shapes_create(&c.config, &c.options, &shapes, &err), HEED_ERR_MEMORY);
    c.options.batch_size = -1;
    assert_int_equal(heed_shapes_create(&c.config, &c.options, &shapes, &err), HEED_ERR_USAGE);
    c.options.batch_size = 1;
    c.config.n_heads = 3;
    assert_int_equal(heed_shapes_create(&c.config, &c.options, &shapes, &err), HEED_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_has_a_meaning_and_symbols_that_give_its_sizes),
        cmocka_unit_test(equal_sizes_keep_their_own_symbols),
        cmocka_unit_test(bytes_are_those_of_the_plan),
        cmocka_unit_test(parameters_are_those_of_the_model),
        cmocka_unit_test(heads_are_views_and_merging_them_copies_nothing),
        cmocka_unit_test(heads_are_split_and_joined_step_by_step),
        cmocka_unit_test(what_nobody_reads_is_computed_on_request),
        cmocka_unit_test(nodes_are_found_by_all_their_names),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
