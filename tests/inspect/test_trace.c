/* SPDX-License-Identifier: MIT */
/* Where numbers came from: every address, forward, backward and in the update, for models of several kinds. */
#include "cmocka_all.h"

#include <heed/trace.h>
#include <stdlib.h>

#include "folder.h"
#include "infer/small_model.h"
#include "inspect/trace_walk.h"

static const char sentence[] = "abcabdhe";

static heed_config small_mixture(void)
{
    heed_config c = small_config();

    c.positions = HEED_POSITIONS_ROTARY;
    c.norm_type = HEED_NORM_RMSNORM;
    c.activation = HEED_ACTIVATION_SWIGLU;
    c.n_experts = 4;
    c.balance_weight = 0.01;
    return c;
}

static heed_trace *read_text(const heed_model *model, bool gradients)
{
    heed_trace *trace = NULL;
    heed_error err = {0};

    if (heed_trace_text(model, sentence, strlen(sentence), gradients, &trace, &err) != HEED_OK ||
        heed_trace_run(trace, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return trace;
}

static heed_trace_element find(const heed_trace *trace, const char *address)
{
    heed_trace_element element;
    heed_error err = {0};

    if (heed_trace_find(trace, address, &element, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return element;
}

static void expect_walk(const heed_trace *trace, int64_t n, const char *what)
{
    trace_walk w = {.rng = heed_rng_make(21, 1)};

    if (!trace_walk_ask(trace, n, &w))
        fail_msg("%s: %s (seed 21)", what, w.fault);
    assert_int_equal(w.n_numbers, n);
    assert_true(w.n_operands > n / 2);
}

static void expect_refusal(const heed_trace *trace, const char *address, const char *part)
{
    heed_trace_element element;
    heed_error err = {0};

    assert_int_equal(heed_trace_find(trace, address, &element, &err), HEED_ERR_USAGE);
    if (strstr(err.message, part) == NULL)
        fail_msg("%s: expected a message with \"%s\", got: %s", address, part, err.message);
    assert_int_equal(err.status, HEED_ERR_USAGE);
}

/* --- texts --- */

static void any_number_of_a_text_has_its_bits_again(void **state)
{
    heed_config config;
    const char *name;

    (void)state;
    for (int i = 0; small_variant(i, &config, &name); i++) {
        heed_model *model;
        heed_trace *trace;
        if (config.context_length < (int64_t)strlen(sentence))
            continue;
        model = small_model(&config, 7);
        trace = read_text(model, true);
        expect_walk(trace, 60, name);
        heed_trace_close(trace);
        heed_model_close(model);
    }
}

static void names_of_the_field_lead_to_the_same_numbers(void **state)
{
    static const char *const same[][2] = {
        {"blocks.1.attn.W_Q[3,9]", "h.1.attn.c_attn.weight[3,9]"},
        {"blocks.1.attn.W_q[1,3,2]", "h.1.attn.c_attn.weight[3,10]"},
        {"blocks.0.attn.W_K[5,0]", "h.0.attn.c_attn.weight[5,16]"},
        {"blocks.0.attn.W_V[1,5,7]", "h.0.attn.c_attn.weight[5,47]"},
        {"blocks.0.attn.b_V[1,7]", "h.0.attn.c_attn.bias[47]"},
        {"blocks.0.attn.b_K[9]", "h.0.attn.c_attn.bias[25]"},
        {"blocks.0.attn.W_O[1,2,3]", "h.0.attn.c_proj.weight[10,3]"},
        {"blocks.0.attn.W_O[10,3]", "h.0.attn.c_proj.weight[10,3]"},
        {"blocks.0.mlp.W_in[3,60]", "h.0.mlp.c_fc.weight[3,60]"},
        {"blocks.0.mlp.b_out[3]", "h.0.mlp.c_proj.bias[3]"},
        {"W_E[\"c\",4]", "wte.weight[2,4]"},
        {"tok_embed['c',-1]", "wte.weight[2,15]"},
        {"W_U[4,\"c\"]", "wte.weight[2,4]"},
        {"W_pos[2,4]", "wpe.weight[2,4]"},
        {"ln_final.w[4]", "ln_f.weight[4]"},
        {"d.blocks.0.attn.W_Q[3,9]", "d.h.0.attn.c_attn.weight[3,9]"},
        {"grad/h.0.attn.c_attn.weight[3,9]", "d.h.0.attn.c_attn.weight[3,9]"},
        {"d.W_E[\"c\",4]", "d.wte.weight[2,4]"},
        {"blocks.0.attn.hook_pattern[0,1,5,2]", "blocks.0.attn.pattern[0,1,5,2]"},
        {"transformer.h.0.attn.c_attn[0,1,2]", "blocks.0.attn.qkv[0,1,2]"},
        {"logits[0,2,\"c\"]", "logits[0,-6,2]"},
        {"logits[2,\"c\"]", "logits[0,2,2]"},
        {" loss[] ", "loss"},
    };
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, true);

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const heed_trace_element a = find(trace, same[i][0]), b = find(trace, same[i][1]);
        if (a.tensor != b.tensor || a.element != b.element)
            fail_msg("%s is element %lld, %s is %lld", same[i][0], (long long)a.element, same[i][1],
                     (long long)b.element);
    }
    heed_trace_close(trace);
    heed_model_close(model);
}

/* By hand, with the definition: score = q . k / sqrt(head_dim). */
static void a_score_is_what_its_queries_and_keys_make(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, false);
    double sum = 0.0;

    (void)state;
    for (int d = 0; d < 8; d++) {
        char q[64], k[64];
        snprintf(q, sizeof q, "blocks.0.attn.q[0,1,7,%d]", d);
        snprintf(k, sizeof k, "blocks.0.attn.k[0,1,3,%d]", d);
        sum += (double)heed_trace_value(trace, find(trace, q)) *
               (double)heed_trace_value(trace, find(trace, k));
    }
    /* eight products in float: 8 epsilon of their sizes, which are below 100 */
    assert_float_equal(heed_trace_value(trace, find(trace, "blocks.0.attn.scores[0,1,7,3]")),
                       (float)(sum / sqrt(8.0)), 1e-4f);
    heed_trace_close(trace);
    heed_model_close(model);
}

static void bad_addresses_are_refused_with_what_was_expected(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, false);

    (void)state;
    expect_refusal(trace, "blocks.0.attn.score[0,0,0,0]", "did you mean blocks.0.attn.scores?");
    expect_refusal(trace, "blocks.2.attn.q[0,0,0,0]", "expected a block from 0 to 1, got 2");
    expect_refusal(trace, "blocks.0.attn.scores[0,2,0,0]", "expected an index from 0 to 1 for axis 1, got 2");
    expect_refusal(trace, "blocks.0.attn.scores[0,1,-9,0]", "for axis 2, got -9");
    expect_refusal(trace, "blocks.0.attn.scores[1,1]",
                   "expected 4 indices, one for each axis of [1, 2, 8, 8]; got 2");
    expect_refusal(trace, "logits[0,0,\"z\"]", "\"z\" is not one token of the vocabulary");
    expect_refusal(trace, "blocks.0.attn.q[0,0,\"a\",0]", "no tokens");
    expect_refusal(trace, "d.blocks.0.attn.q[0,0,0,0]", "no backward pass");
    expect_refusal(trace, "adamw.m.wte.weight[0,0]", "only a training step");
    expect_refusal(trace, "lr", "only a training step");
    expect_refusal(trace, "blocks.0.attn.q[0,0,0,0", "the address ends");
    expect_refusal(trace, "", "expected a tensor's name");
    expect_refusal(trace, "blocks.0.attn.q[0,0,0,:]", "expected one number of the range at character 23");
    expect_refusal(trace, "blocks.0.attn.q[0,0,,0]", "expected a number or a token in quotes at character 21");
    heed_trace_close(trace);
    heed_model_close(model);
}

static void what_has_no_gradient_says_so(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, true);

    (void)state;
    expect_refusal(trace, "d.logits[0,0,0]", "the loss has no gradient by logits here");
    expect_refusal(trace, "d.ids[0,0]", "the loss has no gradient by ids here");
    expect_refusal(trace, "d.blocks.0.attn.hook_patern[0,0,0,0]", "there is no tensor");
    expect_refusal(trace, "d.W_q[1,2]", "did you mean d.blocks.0.attn.W_q?");
    expect_refusal(trace, "z[0,0,0,0]", "did you mean blocks.0.attn.z?");
    expect_refusal(trace, "qqqqqqqqqqqq[0]", "lists them, without an address");
    heed_trace_close(trace);
    heed_model_close(model);
}

/* The operand of that letter, as it is written. */
static void expect_range(const heed_trace *trace, const char *address, const char *role, const char *range)
{
    char got[HEED_TRACE_ADDRESS_BYTES] = "no such operand";
    heed_trace_explanation *e = NULL;

    assert_int_equal(heed_trace_explain(trace, find(trace, address), &e, NULL), HEED_OK);
    for (int i = e->n_operands - 1; i >= 0; i--) {
        if (strcmp(e->operands[i].role, role) == 0)
            heed_trace_range(trace, &e->operands[i], got);
    }
    assert_string_equal(got, range);
    heed_trace_explanation_free(e);
}

static void operands_are_written_as_the_parts_of_tensors_that_they_are(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, true);
    const heed_trace_operand row = {"x", {find(trace, "blocks.0.attn.q[0,0,1,2]").tensor, 10}, 1, 9, NULL};
    char range[HEED_TRACE_ADDRESS_BYTES];

    (void)state;
    expect_range(trace, "blocks.0.attn.scores[0,1,7,3]", "q", "blocks.0.attn.q[0,1,7,:]");
    expect_range(trace, "blocks.0.attn.scores[0,1,7,3]", "k", "blocks.0.attn.k[0,1,3,:]");
    expect_range(trace, "blocks.0.attn.pattern[0,1,4,3]", "k", "blocks.0.attn.k[0,1,0:5,:]");
    expect_range(trace, "logits[0,2,\"c\"]", "W", "wte.weight[2,:]");
    expect_range(trace, "blocks.0.attn.qkv[0,2,9]", "W", "h.0.attn.c_attn.weight[:,9]");
    expect_range(trace, "d.blocks.0.attn.W_K[2,3]", "dy", "d.blocks.0.attn.qkv[0,:,19]");
    expect_range(trace, "loss", "W", "wte.weight[:,:]");
    expect_range(trace, "blocks.0.attn.q[0,1,2,3]", "x", "blocks.0.attn.narrow[0,2,11]");
    /* from the middle of a row to the middle of the next but one: no box */
    assert_string_equal(heed_trace_range(trace, &row, range), "blocks.0.attn.q[0,0,1,2]..[0,0,2,2]");
    heed_trace_close(trace);
    heed_model_close(model);
}

/* The total of the last term is the result, and letters lead to numbers of the run. */
static void lines_can_be_followed_to_the_numbers_in_them(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, false);
    const heed_trace_element k = find(trace, "blocks.0.attn.k[0,1,3,5]");
    heed_trace_explanation *e;
    heed_trace_element at;
    char text[128];

    (void)state;
    assert_int_equal(heed_trace_explain(trace, find(trace, "blocks.0.attn.scores[0,1,7,3]"), &e, NULL),
                     HEED_OK);
    assert_int_equal(e->n_lines, 2);
    assert_int_equal(e->lines[0].kind, HEED_TRACE_SUM_OF);
    assert_int_equal(e->lines[0].n_terms, 8);
    assert_float_equal((float)e->lines[0].running[7], (float)e->lines[0].result, 0.0f);
    assert_true(heed_trace_line_element(e, 0, 1, 5, &at));
    assert_int_equal(at.tensor, k.tensor);
    assert_int_equal(at.element, k.element);
    assert_false(heed_trace_line_element(e, 1, 0, 0, &at)); /* the line before */
    assert_string_equal(heed_trace_line_write(e, 0, 5, HEED_TRACE_LETTERS, text, sizeof text),
                        "q[0,1,7,5] * k[0,1,3,5]");
    assert_string_equal(heed_trace_line_write(e, 0, 5, HEED_TRACE_LETTERS, text, 12), "q[0,1,7,...");
    heed_trace_explanation_free(e);
    heed_trace_close(trace);
    heed_model_close(model);
}

static void nothing_is_explained_before_the_run(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = NULL;
    heed_trace_explanation *e;
    heed_trace_reader *list;
    int n;

    (void)state;
    assert_int_equal(heed_trace_text(model, "abc", 3, false, &trace, NULL), HEED_OK);
    assert_true(isnan(heed_trace_value(trace, find(trace, "loss"))));
    assert_int_equal(heed_trace_explain(trace, find(trace, "loss"), &e, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_trace_readers(trace, find(trace, "loss"), &list, &n, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_trace_run(trace, NULL), HEED_OK);
    assert_int_equal(heed_trace_token(trace, find(trace, "ids[0,2]")), 2);
    assert_int_equal(heed_trace_token(trace, find(trace, "logits[0,1,7]")), 7);
    assert_int_equal(heed_trace_token(trace, find(trace, "wte.weight[3,7]")), 3);
    assert_int_equal(heed_trace_token(trace, find(trace, "blocks.0.attn.q[0,1,1,3]")), -1);
    heed_trace_close(trace);
    assert_int_equal(heed_trace_text(model, "abz", 3, false, &trace, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_trace_text(model, "abcabcabc", 9, false, &trace, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_trace_text(model, "a", 1, true, &trace, NULL), HEED_ERR_USAGE);
    assert_int_equal(heed_trace_step(inside("nothing"), "abc", 3, NULL, &trace, NULL), HEED_ERR_FILE);
    assert_null(trace);
    heed_model_close(model);
}

/* Each element that reads a number lists it, and asking all of them finds no other one. */
static void readers_of_a_number_are_those_that_list_it(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, false);
    heed_trace_reader *list;
    int n, scores = -1;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_trace_readers(trace, find(trace, "blocks.0.attn.q[0,1,2,3]"), &list, &n, &err),
                     HEED_OK);
    for (int i = 0; i < n; i++) {
        assert_int_equal(list[i].n_asked, list[i].n_elements);
        if (strcmp(heed_trace_tensor_at(trace, list[i].first[0].tensor).name, "blocks.0.attn.scores") == 0)
            scores = i;
    }
    assert_true(scores >= 0);
    assert_int_equal(list[scores].n, 3); /* query 2 of head 1 with the keys that it sees */
    assert_int_equal(list[scores].first[0].element, find(trace, "blocks.0.attn.scores[0,1,2,0]").element);
    free(list);
    heed_trace_close(trace);
    heed_model_close(model);
}

static void a_number_that_is_not_finite_is_traced_to_the_first_one(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, false);
    heed_trace_element first;
    heed_trace_explanation *e;

    (void)state;
    assert_false(heed_trace_first_not_finite(trace, &first)); /* masked scores are as they should be */
    assert_true(isinf(heed_trace_value(trace, find(trace, "blocks.0.attn.scores[0,1,2,3]"))));
    heed_trace_close(trace);
    ((float *)(uintptr_t)heed_weights_find(model->weights, "h.0.mlp.c_fc.bias")->data)[5] = NAN;
    trace = read_text(model, false);
    assert_true(heed_trace_first_not_finite(trace, &first));
    assert_int_equal(first.tensor, find(trace, "h.0.mlp.c_fc.bias[5]").tensor);
    assert_int_equal(first.element, 5);
    assert_true(isnan(heed_trace_value(trace, find(trace, "loss"))));
    assert_int_equal(heed_trace_explain(trace, find(trace, "blocks.0.mlp.pre[0,0,5]"), &e, NULL), HEED_OK);
    assert_true(isnan(e->recomputed));
    heed_trace_explanation_free(e);
    heed_trace_close(trace);
    heed_model_close(model);
}

/* --- steps --- */

static heed_train_options tiny_run(void)
{
    heed_train_options o = heed_train_options_default();

    o.steps = 6;
    o.batch_size = 2;
    o.warmup_steps = 2;
    o.learning_rate = 1e-2;
    o.eval_interval = o.save_interval = 0;
    o.eval_batches = 1;
    o.corpus_bytes = 20000;
    return o;
}

static void take_steps(heed_trainer *trainer, int64_t n)
{
    heed_progress progress = {0};
    heed_error err = {0};

    for (int64_t i = 0; i < n && !progress.done; i++) {
        if (heed_trainer_step(trainer, &progress, &err) != HEED_OK)
            fail_msg("%s", err.message);
    }
}

static void train_some(const heed_config *config, const heed_train_options *options, int64_t n,
                       const char *path)
{
    heed_config own = *config;
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    own.vocab_size = 0; /* the stories' */
    if (heed_trainer_create(NULL, &own, options, path, &trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    take_steps(trainer, n);
    assert_int_equal(heed_trainer_save(trainer, &err), HEED_OK);
    heed_trainer_close(trainer);
}

static heed_trace *trace_run(const char *path, const char *text)
{
    heed_trace *trace = NULL;
    heed_error err = {0};

    if (heed_trace_step(path, text, text != NULL ? strlen(text) : 0, NULL, &trace, &err) != HEED_OK ||
        heed_trace_run(trace, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return trace;
}

/* The run goes on on the plain loops, too, so its step is the step that was traced. */
static void expect_step_of(const char *path, const heed_trace *trace)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    if (heed_trainer_resume(path, 1, &trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    take_steps(trainer, 1);
    for (int i = 0; i < heed_model_n_parameters(heed_trainer_model(trainer)); i++) {
        const heed_parameter p = heed_model_parameter(heed_trainer_model(trainer), i);
        char address[160], zeros[32];
        heed_trace_element first;
        snprintf(zeros, sizeof zeros, "%s", p.rank == 1 ? "[0]" : p.rank == 2 ? "[0,0]" : "[0,0,0]");
        snprintf(address, sizeof address, "new.%s%s", p.name, zeros);
        first = find(trace, address);
        for (int64_t k = 0; k < p.count; k++) {
            const float traced = heed_trace_value(trace, (heed_trace_element){first.tensor, k});
            if (!trace_walk_same(traced, p.data[k]))
                fail_msg("%s, element %lld: traced as %.9g, trained to %.9g", address, (long long)k,
                         (double)traced, (double)p.data[k]);
        }
    }
    heed_trainer_close(trainer);
}

static void a_traced_step_is_the_step_that_training_takes(void **state)
{
    heed_config configs[4] = {small_config(), small_config(), small_mixture(), small_config()};
    heed_train_options options[4] = {tiny_run(), tiny_run(), tiny_run(), tiny_run()};

    (void)state;
    configs[1].n_layers = 1;
    configs[1].norm = HEED_NORM_NONE;
    configs[1].mlp = configs[1].residual = configs[1].tied_head = false;
    configs[3].dropout = 0.1;
    options[3].optimizer = HEED_OPTIMIZER_SGD;
    options[3].momentum = 0.9;
    snprintf(options[3].freeze, sizeof options[3].freeze, "wpe.weight");
    for (int i = 0; i < 3; i++) {
        const char *path = inside(i == 0 ? "gpt" : i == 1 ? "m0" : "mixture");
        heed_trace *trace;
        train_some(&configs[i], &options[i], 3, path);
        trace = trace_run(path, NULL);
        expect_walk(trace, 150, path);
        expect_step_of(path, trace);
        heed_trace_close(trace);
    }
    train_some(&configs[3], &options[3], 3, inside("momentum"));
    heed_trace *trace = trace_run(inside("momentum"), NULL);
    expect_walk(trace, 150, "momentum");
    assert_true(find(trace, "momentum.m.blocks.0.attn.W_Q[3,4]").tensor >= 0);
    heed_trace_close(trace);
}

static void numbers_of_a_step_are_read_before_its_update(void **state)
{
    const char *path = inside("before");
    heed_trace *trace;
    heed_trace_explanation *e;
    heed_model *model = NULL;
    const heed_config config = small_config();
    const heed_train_options options = tiny_run();

    (void)state;
    train_some(&config, &options, 3, path);
    assert_int_equal(heed_model_open(path, &model, NULL), HEED_OK);
    trace = trace_run(path, "the cat");
    const heed_parameter p = heed_model_parameter(model, 0);
    assert_true(trace_walk_same(heed_trace_value(trace, find(trace, "wte.weight[1,2]")), p.data[1 * 16 + 2]));
    assert_float_equal(heed_trace_value(trace, find(trace, "t")), 4.0f, 0.0f);
    assert_float_equal(heed_trace_value(trace, find(trace, "norm")),
                       heed_trace_value(trace, find(trace, "grad_norm")), 0.0);
    assert_int_equal(heed_trace_explain(trace, find(trace, "grad.wte.weight[1,2]"), &e, NULL), HEED_OK);
    assert_true(e->is_taken);
    assert_int_equal(e->from.tensor, find(trace, "d.wte.weight[1,2]").tensor);
    heed_trace_explanation_free(e);
    assert_int_equal(heed_trace_explain(trace, find(trace, "adamw.m.wte.weight[1,2]"), &e, NULL), HEED_OK);
    assert_non_null(strstr(e->given, "after step 3"));
    heed_trace_explanation_free(e);
    assert_int_equal(heed_trace_explain(trace, find(trace, "new.adamw.m.W_E[1,2]"), &e, NULL), HEED_OK);
    assert_string_equal(e->op, "adamw");
    heed_trace_explanation_free(e);
    heed_trace_close(trace);
    heed_model_close(model);
}

/* The fast kernels run on the same numbers, and leave those of the reference as they were. */
static void the_fast_kernels_are_near_and_change_nothing(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 7);
    heed_trace *trace = read_text(model, true);
    const heed_trace_element loss = find(trace, "loss"), d = find(trace, "d.blocks.0.attn.W_Q[3,9]");
    const float before = heed_trace_value(trace, loss), gradient = heed_trace_value(trace, d);
    float again;

    (void)state;
    unsetenv("HEED_CPU");
    assert_true(isnan(heed_trace_fast_value(trace, loss)));
    assert_null(heed_trace_fast_device(trace));
    assert_int_equal(heed_trace_run_fast(trace, NULL), HEED_OK);
    assert_true(trace_walk_same(heed_trace_value(trace, loss), before));
    assert_true(trace_walk_same(heed_trace_value(trace, d), gradient));
    /* losses of some units from sums of 16: a hundred epsilon */
    assert_float_equal(heed_trace_fast_value(trace, loss), before, 1e-4f * (1.0f + fabsf(before)));
    assert_int_equal(heed_trace_fast_recomputed(trace, d, &again, NULL), HEED_OK);
    assert_float_equal(again, heed_trace_fast_value(trace, d), 1e-4f * (1.0f + fabsf(gradient)));
    heed_trace_close(trace);
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_a_text_has_its_bits_again),
        cmocka_unit_test(names_of_the_field_lead_to_the_same_numbers),
        cmocka_unit_test(a_score_is_what_its_queries_and_keys_make),
        cmocka_unit_test(bad_addresses_are_refused_with_what_was_expected),
        cmocka_unit_test(what_has_no_gradient_says_so),
        cmocka_unit_test(operands_are_written_as_the_parts_of_tensors_that_they_are),
        cmocka_unit_test(lines_can_be_followed_to_the_numbers_in_them),
        cmocka_unit_test(nothing_is_explained_before_the_run),
        cmocka_unit_test(readers_of_a_number_are_those_that_list_it),
        cmocka_unit_test(a_number_that_is_not_finite_is_traced_to_the_first_one),
        cmocka_unit_test(a_traced_step_is_the_step_that_training_takes),
        cmocka_unit_test(numbers_of_a_step_are_read_before_its_update),
        cmocka_unit_test(the_fast_kernels_are_near_and_change_nothing),
    };
    setenv("HEED_CPU", "plain", 1); /* training takes the loops that are traced; the last test lifts it */
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
