/* SPDX-License-Identifier: MIT */
/* What losses are held against: counts of the text against slow ones, the loss of fresh weights, recipes. */
#include "cmocka_all.h"

#include <heed/anchors.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/corpus.h"
#include "text/tokenizer.h"
#include "train/counts.h"
#include "train/run.h"

enum { LETTERS = 6, LENGTH = 3000 };

/* Letters that prefer some neighbours. */
static heed_corpus *make_corpus(heed_tokenizer **tokenizer)
{
    const heed_corpus_options options = {.context_length = 8, .threads = 1};
    heed_rng rng = heed_rng_make(7, 1);
    heed_corpus *corpus = NULL;
    char text[LENGTH];
    int at = 0;

    for (int i = 0; i < LENGTH; i++) {
        at = heed_rng_below(&rng, 3) == 0 ? (int)heed_rng_below(&rng, LETTERS) : (at * at + 1) % LETTERS;
        text[i] = (char)('a' + at);
    }
    memcpy(text, "fedcba", 6); /* all letters are there, whatever was drawn */
    assert_int_equal(heed_tokenizer_characters(text, LENGTH, tokenizer, NULL), HEED_OK);
    assert_int_equal(heed_corpus_create(*tokenizer, text, LENGTH, "text", &options, &corpus, NULL), HEED_OK);
    return corpus;
}

/* The formulas of heed/anchors.h, term by term. */
static double slow_loss(const int32_t *ids, int64_t n_train, int64_t n, double V, bool pairs)
{
    double token[LETTERS] = {0}, before[LETTERS] = {0}, pair[LETTERS][LETTERS] = {{0}}, sum = 0.0;
    double u = 0.0, followers[LETTERS] = {0};

    for (int64_t i = 1; i < n_train; i++) {
        token[ids[i]]++;
        before[ids[i - 1]]++;
        pair[ids[i - 1]][ids[i]]++;
    }
    for (int a = 0; a < LETTERS; a++) {
        u += token[a] > 0.0;
        for (int b = 0; b < LETTERS; b++)
            followers[a] += pair[a][b] > 0.0;
    }
    for (int64_t i = n_train + 1; i < n; i++) {
        const int a = ids[i - 1], b = ids[i];
        const double p1 = (token[b] + u / V) / ((double)(n_train - 1) + u);

        sum -= log(pairs ? (pair[a][b] + followers[a] * p1) / (before[a] + followers[a]) : p1);
    }
    return sum / (double)(n - n_train - 1);
}

static void counts_predict_what_slow_counts_predict(void **state)
{
    static const int64_t vocabularies[] = {LETTERS, 50, 5000}; /* the last one is counted by sorting */
    heed_tokenizer *tokenizer = NULL;
    heed_corpus *corpus = make_corpus(&tokenizer);
    int32_t ids[LENGTH];

    (void)state;
    heed_corpus_read(corpus, 0, LENGTH, ids);
    for (size_t i = 0; i < 3; i++) {
        const double V = (double)vocabularies[i];
        double unigram, bigram;

        assert_int_equal(heed_counts_losses(&corpus->source, vocabularies[i], &unigram, &bigram, NULL),
                         HEED_OK);
        /* Sums of 300 terms in double, in another order. */
        assert_true(fabs(unigram - slow_loss(ids, corpus->n_train, corpus->n, V, false)) < 1e-12);
        assert_true(fabs(bigram - slow_loss(ids, corpus->n_train, corpus->n, V, true)) < 1e-12);
        assert_true(bigram < unigram && unigram < log((double)LETTERS) + 0.01);
    }
    heed_corpus_destroy(corpus);
    heed_tokenizer_destroy(tokenizer);
}

/* Fresh models of many forms start where the formula says, within the tolerance that warns. */
static void fresh_weights_start_at_the_expected_loss(void **state)
{
    static const struct {
        int64_t d_model, n_layers;
        int norm, norm_type, kind;
        bool tied_head, mlp;
    } forms[] = {
        {64, 2, HEED_NORM_PRE, HEED_NORM_LAYERNORM, HEED_KIND_GPT, true, true},
        {256, 1, HEED_NORM_PRE, HEED_NORM_LAYERNORM, HEED_KIND_GPT, true, true},
        {256, 1, HEED_NORM_PRE, HEED_NORM_LAYERNORM, HEED_KIND_GPT, false, false},
        {128, 2, HEED_NORM_POST, HEED_NORM_RMSNORM, HEED_KIND_GPT, false, true},
        {64, 1, HEED_NORM_NONE, HEED_NORM_LAYERNORM, HEED_KIND_GPT, true, false},
        {64, 0, HEED_NORM_PRE, HEED_NORM_LAYERNORM, HEED_KIND_BIGRAM, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        run_case c;
        heed_progress p;
        heed_error err = {0};

        run_open(&c);
        c.config.kind = forms[i].kind;
        c.config.d_model = forms[i].d_model;
        c.config.n_layers = forms[i].n_layers > 0 ? forms[i].n_layers : c.config.n_layers;
        c.config.norm = forms[i].norm;
        c.config.norm_type = forms[i].norm_type;
        c.config.tied_head = forms[i].tied_head;
        c.config.mlp = forms[i].mlp;
        c.options.eval_interval = 0;
        heed_trainer *t = run_create(&c, "a");
        const heed_train_plan *plan = heed_trainer_plan(t);
        if (heed_trainer_step(t, &p, &err) != HEED_OK)
            fail_msg("%s", err.message);
        if (!(fabs(p.loss - plan->initial_loss) <= plan->initial_tolerance))
            fail_msg("form %zu: expected %.4f within %.4f, got %.4f", i, plan->initial_loss,
                     plan->initial_tolerance, p.loss);
        heed_trainer_close(t);
        run_close(&c);
    }
}

/* A head that is the embedding and sees nothing else knows the token that was just read: no formula, no warning. */
static void where_no_formula_holds_nothing_is_expected(void **state)
{
    run_case c;

    (void)state;
    run_open(&c);
    c.config.tied_head = true;
    c.config.mlp = false;
    c.config.norm = HEED_NORM_PRE;
    heed_trainer *t = run_create(&c, "a");
    assert_true(isnan(heed_trainer_plan(t)->initial_loss));
    run_steps(t, 1, NULL);
    assert_int_equal(heed_trainer_save(t, NULL), HEED_OK);
    heed_trainer_close(t);
    t = run_open_again(&c, "a"); /* not fresh any more */
    assert_true(isnan(heed_trainer_plan(t)->initial_loss));
    heed_trainer_close(t);
    run_close(&c);
}

static void the_first_run_is_recognised_and_another_is_not(void **state)
{
    run_case c;
    heed_anchors a;

    (void)state;
    run_open(&c);
    c.config = heed_config_default();
    c.options = heed_train_options_default();
    c.options.corpus_bytes = 20000;
    for (int other = 0; other < 6; other++) {
        heed_trainer *t = NULL;
        heed_error err = {0};

        c.config.d_model = other == 1 ? 144 : 128;
        c.options.optimizer = other == 2 ? HEED_OPTIMIZER_SGD : HEED_OPTIMIZER_ADAMW;
        snprintf(c.options.freeze, sizeof c.options.freeze, "%s", other == 3 ? "wte.weight" : "");
        c.options.order = other == 4 ? HEED_TRAIN_EPOCHS : HEED_TRAIN_WINDOWS;
        c.config.attention_bias = c.config.mlp_bias = c.config.norm_bias = other !=
                                                                           5; /* still the same recipe */
        if (heed_trainer_create(NULL, &c.config, &c.options, NULL, &t, &err) != HEED_OK)
            fail_msg("%s", err.message);
        assert_int_equal(heed_trainer_anchors(t, &a, NULL), HEED_OK);
        assert_true((a.recipe != NULL) == (other == 0 || other == 5));
        assert_true(a.floor < a.bigram && a.bigram < a.unigram && a.unigram < a.uniform);
        heed_trainer_close(t);
    }
    run_close(&c);
}

static void expect_words(const heed_anchors *a, int64_t steps, double loss, const char *words)
{
    char out[HEED_ANCHORS_WORDS];

    if (strstr(heed_anchors_say(a, steps, loss, out), words) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", words, out);
}

static void a_loss_is_put_where_it_lies(void **state)
{
    static const double curve[] = {100, 2.0, 400, 1.0};
    const heed_anchors a = {.uniform = 4.0,
                            .unigram = 3.0,
                            .bigram = 2.5,
                            .floor = 0.5,
                            .first_loss = 4.1,
                            .recipe = "R",
                            .source = "S",
                            .recipe_loss = 0.8,
                            .recipe_steps = 1000,
                            .curve = curve,
                            .n_curve = 2};

    (void)state;
    expect_words(&a, 200, 4.2, "above guessing (4.00), 3.70"); /* about where it began */
    expect_words(&a, 200, 4.6, "above guessing (4.00) and the first step (4.10): it has diverged");
    expect_words(&a, 200, (double)INFINITY, "it has diverged");
    expect_words(&a, 200, (double)NAN, "it has diverged");
    expect_words(&a, 200, 1e300, "it has diverged");
    expect_words(&a, 200, 3.5, "between guessing (4.00) and the frequencies of tokens (3.00)");
    expect_words(&a, 200, 2.7, "between the frequencies of tokens (3.00) and of pairs (2.50)");
    expect_words(&a, 200, 1.5, "below the frequencies of pairs (2.50), 1.00 above the floor (0.50)");
    expect_words(&a, 200, 1.51, "as usual after 200 steps (1.50)"); /* half way on a logarithmic axis */
    expect_words(&a, 200, 1.4, "better than usual");
    expect_words(&a, 200, 1.6, "worse than usual");
    expect_words(&a, 600, 0.9, "R reaches 0.80 in 1000 steps (S)");
    assert_true(isnan(heed_anchors_usual(&a, 600)));
    assert_true(heed_anchors_usual(&a, 1000) == 0.8);
}

/* Whatever the numbers are, and however long the names. */
static void a_sentence_keeps_to_its_room(void **state)
{
    char name[2 * HEED_ANCHORS_WORDS], room[HEED_ANCHORS_WORDS + 64];
    heed_anchors a = {.uniform = 1e300, .unigram = 1e299, .bigram = 1e298, .floor = 1e200, .recipe_steps = 10};

    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    a.recipe = a.source = name;
    for (double loss = 1e-3; loss < 1e305; loss *= 1e4) {
        memset(room, 7, sizeof room);
        heed_anchors_say(&a, 10, loss, room);
        assert_non_null(memchr(room, '\0', HEED_ANCHORS_WORDS));
        for (size_t i = HEED_ANCHORS_WORDS; i < sizeof room; i++)
            assert_int_equal(room[i], 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_predict_what_slow_counts_predict),
        cmocka_unit_test(fresh_weights_start_at_the_expected_loss),
        cmocka_unit_test(where_no_formula_holds_nothing_is_expected),
        cmocka_unit_test(the_first_run_is_recognised_and_another_is_not),
        cmocka_unit_test(a_loss_is_put_where_it_lies),
        cmocka_unit_test(a_sentence_keeps_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
