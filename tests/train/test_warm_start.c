/* SPDX-License-Identifier: MIT */
/* Embeddings that begin as another model's: whose rows they are, what is left alone, and what is refused. */
#include "run.h"

#include "from_case.h"

/* A text with other characters than that of run_open(): upper case, digits. */
static void write_other_text(const run_case *c)
{
    static const char line[] = "To Be 1 or 2 Not to be, that is So. 3 who, To Be?\n";
    char text[1500];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = line[i % (sizeof line - 1)];
    run_write(c->text, text, sizeof text);
}

/* A run of one step that moves nothing: the weights it begins with. */
static heed_model *first_weights(run_case *c, const char *name, heed_train_plan *plan)
{
    heed_trainer *trainer;

    c->options.learning_rate = c->options.min_learning_rate = 0.0;
    c->options.steps = 1;
    trainer = run_create(c, name);
    *plan = *heed_trainer_plan(trainer);
    assert_true(run_steps(trainer, 1, NULL));
    heed_trainer_close(trainer);
    return start_open(c, name);
}

/* Row for row: the other's where both know the token, else that of a run without the other. */
static void check_rows(const char *table, const heed_model *warm, const heed_model *other,
                       const heed_model *cold, int64_t n_expected)
{
    int64_t n = 0, m = 0, k = 0, n_mapped = 0;
    float *rows = start_numbers(warm, table, &n), *theirs = start_numbers(other, table, &m);
    float *own = start_numbers(cold, table, &k);
    const int64_t d = heed_model_config(warm)->d_model;

    assert_int_equal(n, k);
    for (int64_t row = 0; row < n / d; row++) {
        size_t bytes = 0;
        const char *piece = heed_model_piece(warm, (int32_t)row, &bytes);
        const int32_t id = heed_tokenizer_find(heed_model_tokenizer(other), piece, bytes);
        const float *expected = id >= 0 ? theirs + id * d : own + row * d;

        n_mapped += id >= 0;
        if (memcmp(rows + row * d, expected, (size_t)d * sizeof *rows) != 0)
            fail_msg("%s: row %lld (\"%s\") is not that of %s", table, (long long)row, piece,
                     id >= 0 ? "the other model" : "the seed");
    }
    assert_int_equal(n_mapped, n_expected);
    free(rows);
    free(theirs);
    free(own);
}

static void rows_of_tokens_that_both_know_are_taken(void **state)
{
    run_case c;
    heed_train_plan plan;
    heed_model *warm, *cold, *other;

    (void)state;
    run_open(&c);
    c.config.tied_head = false;
    start_make(&c, "other");
    write_other_text(&c);
    c.options.seed = 8;
    cold = first_weights(&c, "cold", &plan);
    assert_int_equal(plan.n_embeddings, 0);
    start_set(c.options.init_embeddings, run_path(&c, "other"));
    warm = first_weights(&c, "warm", &plan);
    other = start_open(&c, "other");
    assert_int_equal(plan.n_embeddings, heed_model_config(warm)->vocab_size);
    assert_true(plan.n_embeddings_mapped > 5 && plan.n_embeddings_mapped < plan.n_embeddings);
    check_rows("wte.weight", warm, other, cold, plan.n_embeddings_mapped);
    check_rows("lm_head.weight", warm, other, cold, plan.n_embeddings_mapped);
    heed_model_close(warm);
    heed_model_close(cold);
    heed_model_close(other);
    run_close(&c);
}

static void expect_begins_with(const heed_model *model, const heed_model *other, const char *table,
                               bool expected)
{
    int64_t n = 0, m = 0;
    float *x = start_numbers(model, table, &n), *y = start_numbers(other, table, &m);
    const size_t bytes = (size_t)(n < m ? n : m) * sizeof *x;

    if ((memcmp(x, y, bytes) == 0) != expected)
        fail_msg("%s: expected %s rows", table, expected ? "the other's" : "other");
    free(x);
    free(y);
}

/* Of another depth and context, with more rows than tokens; one tied head. */
static void all_rows_come_from_a_model_with_the_same_tokens(void **state)
{
    run_case c;
    heed_train_plan plan;
    heed_model *warm, *other;

    (void)state;
    run_open(&c);
    c.config.vocab_size = 20;
    start_make(&c, "other");
    other = start_open(&c, "other");
    c.config.n_layers = 2;
    c.config.context_length = 4;
    c.options.seed = 8;
    start_set(c.options.init_embeddings, run_path(&c, "other"));
    warm = first_weights(&c, "warm", &plan);
    assert_int_equal(plan.n_embeddings, 20);
    assert_int_equal(plan.n_embeddings_mapped, 20);
    expect_begins_with(warm, other, "wte.weight", true);
    expect_begins_with(warm, other, "wpe.weight", false);
    heed_model_close(warm);
    c.options.init_positions = true;
    warm = first_weights(&c, "positions", &plan);
    expect_begins_with(warm, other, "wpe.weight", true);
    expect_begins_with(warm, other, "h.0.attn.c_attn.weight", false);
    heed_model_close(warm);
    heed_model_close(other);
    run_close(&c);
}

static void what_does_not_fit_is_refused(void **state)
{
    run_case c;
    heed_config config;

    (void)state;
    run_open(&c);
    start_make(&c, "other");
    start_set(c.options.init_embeddings, run_path(&c, "other"));
    config = c.config;
    c.config.d_model = 12;
    start_expect_refusal(&c, HEED_ERR_USAGE, "are 8 wide, those of this model 12");
    c.config = config;
    c.config.positions = HEED_POSITIONS_ROTARY;
    c.options.init_positions = true;
    start_expect_refusal(&c, HEED_ERR_USAGE, "learned positions, this model has others");
    c.config = config;
    c.config.kind = HEED_KIND_BIGRAM;
    start_expect_refusal(&c, HEED_ERR_USAGE, "a bigram model has none");
    c.config = config;
    run_write(c.text,
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "01234567890123456789012345678901234567890123456789",
              120);
    start_expect_refusal(&c, HEED_ERR_USAGE, "no token in common");
    c.options.init_embeddings[0] = '\0';
    start_expect_refusal(&c, HEED_ERR_USAGE, "init_positions: expected init_embeddings");
    run_close(&c);
}

static void a_resumed_run_with_a_warm_start_ends_with_the_same_bytes(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    start_make(&c, "other");
    write_other_text(&c);
    start_set(c.options.init_embeddings, run_path(&c, "other"));
    start_check_resuming(&c);
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_tokens_that_both_know_are_taken),
        cmocka_unit_test(all_rows_come_from_a_model_with_the_same_tokens),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_resumed_run_with_a_warm_start_ends_with_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
