/* SPDX-License-Identifier: MIT */
/* Heads of a model: measured as they are observed, and on repeated random tokens. */
#include "cmocka_all.h"

#include <heed/heads.h>
#include <heed/inspect.h>
#include <heed/session.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/small_model.h"

/* A row is what the maps show, measured alone: the same kernels, so the same bits. */
static void heads_are_those_of_the_maps(void **state)
{
    static const char text[] = "abacabab";
    heed_config config;
    const char *name;

    (void)state;
    for (int v = 0; small_variant(v, &config, &name); v++) {
        if (config.kind == HEED_KIND_BIGRAM || !config.attention || config.n_layers == 0)
            continue;
        const size_t n = config.context_length < 8 ? (size_t)config.context_length : 8;
        heed_model *model = small_model(&config, 41);
        heed_attention_maps *maps = NULL;
        heed_heads *heads = NULL;
        int32_t *ids = NULL;
        size_t n_ids;
        heed_error err = {0};
        uint8_t delimiters[8];

        if (heed_attention_maps_create(model, text, n, &maps, &err) != HEED_OK ||
            heed_model_encode(model, text, n, &ids, &n_ids, &err) != HEED_OK ||
            heed_heads_look(model, ids, 1, (int64_t)n_ids, NULL, &heads, &err) != HEED_OK)
            fail_msg("%s: %s", name, err.message);
        assert_true(heed_head_delimiters(model, ids, (int64_t)n_ids, delimiters));
        for (int head = 0; head < config.n_layers * config.n_heads; head++) {
            const int l = head / (int)config.n_heads, h = head % (int)config.n_heads;
            const heed_mask mask = {.causal = true, .window = config.window};
            const heed_head_pattern p = {.weights = heed_attention_maps_pattern(maps, l, h),
                                         .ids = ids,
                                         .delimiters = delimiters,
                                         .n = (int64_t)n_ids,
                                         .mask = &mask};
            heed_head_scores alone, s;
            assert_int_equal(heed_head_measure(&p, &alone, &err), HEED_OK);
            heed_heads_scores(heads, 0, l, h, &s);
            if (fabs(s.entropy - alone.entropy) > 1e-6 || s.max_entropy != alone.max_entropy ||
                fabs(s.roles[HEED_HEAD_INDUCTION].mul - alone.roles[HEED_HEAD_INDUCTION].mul) > 1e-6)
                fail_msg("%s, head %d: entropy %.9g, in the map %.9g", name, head, s.entropy, alone.entropy);
        }
        free(ids);
        heed_heads_destroy(heads);
        heed_attention_maps_destroy(maps);
        heed_model_close(model);
    }
}

static void repeated_tokens_are_random_ordinary_and_twice_the_same(void **state)
{
    heed_config config = small_config();
    const heed_repeated_options options = {.length = 12, .batch = 3, .seed = 9};
    heed_repeated_options longer = {.length = 30, .seed = 9};
    heed_model *model;
    heed_heads *heads = NULL, *again = NULL;
    heed_repeated test;
    heed_error err = {0};

    (void)state;
    config.context_length = 64;
    model = small_model(&config, 42);
    assert_int_equal(heed_heads_repeat(model, &options, &heads, &test, &err), HEED_OK);
    assert_true(test.batch == 3 && test.length == 12 && test.first == -1 && test.distinct);
    assert_int_equal(heed_heads_length(heads), 24);
    for (int b = 0; b < 3; b++) {
        const int32_t *ids = heed_heads_ids(heads) + b * 24;
        for (int i = 0; i < 12; i++) {
            assert_int_equal(ids[i], ids[12 + i]);
            for (int k = 0; k < i; k++)
                assert_int_not_equal(ids[i], ids[k]);
        }
    }
    assert_memory_not_equal(heed_heads_ids(heads), heed_heads_ids(heads) + 24, 24 * sizeof(int32_t));
    assert_int_equal(heed_heads_repeat(model, &options, &again, &test, &err), HEED_OK);
    assert_memory_equal(heed_heads_ids(heads), heed_heads_ids(again), 72 * sizeof(int32_t));
    heed_heads_destroy(again);
    assert_int_equal(heed_heads_repeat(model, &longer, &again, &test, &err), HEED_OK);
    assert_false(test.distinct); /* 23 letters */
    heed_heads_destroy(again);
    longer.length = 0;
    assert_int_equal(heed_heads_repeat(model, &longer, &again, &test, &err), HEED_OK);
    assert_true(test.length == SMALL_VOCAB && test.distinct && test.batch == 4);
    heed_heads_destroy(again);
    longer.length = 33;
    assert_int_equal(heed_heads_repeat(model, &longer, &again, &test, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "expected 2 to 32 tokens to be repeated (half of the context), got 33");
    assert_null(again);
    heed_heads_destroy(heads);
    heed_model_close(model);
}

/* The stripe from the maps of the same tokens, and the losses from a session that reads them one by one. */
static void stripe_and_losses_are_those_of_the_definitions(void **state)
{
    enum { T = 9 };
    heed_config config = small_config();
    const heed_repeated_options options = {.length = T, .batch = 1, .seed = 3};
    heed_model *model;
    heed_heads *heads = NULL;
    heed_attention_maps *maps = NULL;
    heed_session *session = NULL;
    heed_repeated test;
    heed_error err = {0};
    char text[2 * T];
    double loss[2] = {0};

    (void)state;
    config.context_length = 2 * T;
    model = small_model(&config, 43);
    if (heed_heads_repeat(model, &options, &heads, &test, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int i = 0; i < 2 * T; i++)
        text[i] = heed_model_piece(model, heed_heads_ids(heads)[i], NULL)[0];
    assert_int_equal(heed_attention_maps_create(model, text, 2 * T, &maps, &err), HEED_OK);
    for (int head = 0; head < 4; head++) {
        const float *A = heed_attention_maps_pattern(maps, head / 2, head % 2);
        double stripe = 0.0;
        heed_head_scores s;
        for (int i = T; i < 2 * T; i++)
            stripe += (double)A[i * 2 * T + i - T + 1] / T;
        heed_heads_scores(heads, 0, head / 2, head % 2, &s);
        assert_true(fabs(s.stripe - stripe) < 1e-6);
        /* each token stands once before: the detector finds the stripe, too */
        assert_true(fabs(s.roles[HEED_HEAD_INDUCTION].found - stripe) < 1e-6);
        assert_int_equal(s.roles[HEED_HEAD_INDUCTION].rows, T);
    }
    assert_int_equal(heed_session_open(model, NULL, &session, &err), HEED_OK);
    for (int i = 0; i + 1 < 2 * T; i++) {
        const int32_t *ids = heed_heads_ids(heads);
        assert_int_equal(heed_session_feed(session, ids + i, 1, &err), HEED_OK);
        loss[i + 1 >= T] -= heed_logits_log_probability(heed_session_logits(session), SMALL_VOCAB, ids[i + 1]);
    }
    /* logits of some units, by other kernels: 1e-5 of them */
    assert_true(fabs(test.first_loss - loss[0] / (T - 1)) < 1e-4);
    assert_true(fabs(test.second_loss - loss[1] / T) < 1e-4);
    heed_session_close(session);
    heed_attention_maps_destroy(maps);
    heed_heads_destroy(heads);
    heed_model_close(model);
}

/* A fresh model looks about evenly: it has no roles, and the second half is as hard as the first. */
static void a_model_that_has_learned_nothing_is_named_nothing(void **state)
{
    heed_config config = small_config();
    const heed_repeated_options options = {.seed = 5};
    heed_model *model = NULL;
    heed_heads *heads = NULL;
    heed_repeated test;
    heed_error err = {0};

    (void)state;
    config.context_length = 128;
    config.vocab_size = 200;
    if (heed_model_create(&config, 44, &model, &err) != HEED_OK ||
        heed_heads_repeat(model, &options, &heads, &test, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_true(test.length == 50 && test.batch == 4 && test.first == -1);
    assert_true(fabs(test.first_loss - log(200.0)) < 0.2 && fabs(test.second_loss - log(200.0)) < 0.2);
    for (int head = 0; head < 4; head++) {
        heed_head_scores s;
        heed_heads_scores(heads, HEED_HEADS_ALL, head / 2, head % 2, &s);
        assert_true(s.entropy_share > 0.95 && !s.collapsed && s.stripe < 0.1);
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
            assert_false(s.roles[role].named);
        assert_true(isnan(s.roles[HEED_HEAD_DELIMITER].found)); /* no tokenizer */
    }
    heed_heads_destroy(heads);
    heed_model_close(model);
}

/* --- a model made by hand --- */

/*
 * x = token | position | token before, each as one-hot numbers. Layer 0 looks at the position before and copies its token
 * into the third part; layer 1 looks for keys whose third part is its own token, and copies what stands there.
 */
enum { HAND_T = 10, HAND_C = 2 * HAND_T, HAND_D = 2 * SMALL_VOCAB + HAND_C };

static float *find(const heed_model *model, const char *name)
{
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        if (strcmp(p.name, name) == 0) {
            memset((float *)(uintptr_t)p.data, 0, (size_t)p.count * sizeof(float));
            return (float *)(uintptr_t)p.data;
        }
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

static heed_model *model_by_hand(void)
{
    const int V = SMALL_VOCAB, C = HAND_C, D = HAND_D;
    const float sharp = 400.0f; /* scores are 400 / sqrt(66): a weight off the mark is e^-49 */
    heed_config config = small_config();
    heed_model *model;
    float *token, *position, *attn[2], *proj[2];

    config.context_length = C;
    config.d_model = D;
    config.n_heads = 1;
    config.norm = HEED_NORM_NONE;
    config.mlp = config.attention_bias = false;
    model = small_model(&config, 1);
    token = find(model, "wte.weight");
    position = find(model, "wpe.weight");
    attn[0] = find(model, "h.0.attn.c_attn.weight");
    attn[1] = find(model, "h.1.attn.c_attn.weight");
    proj[0] = find(model, "h.0.attn.c_proj.weight");
    proj[1] = find(model, "h.1.attn.c_proj.weight");
    for (int t = 0; t < C; t++) {
        position[t * D + V + t] = 1.0f;
        attn[0][(V + t) * 3 * D + t] = sharp; /* q: position t */
        if (t + 1 < C)
            attn[0][(V + t) * 3 * D + D + t + 1] = 1.0f; /* k: wanted by position t + 1 */
    }
    for (int a = 0; a < V; a++) {
        token[a * D + a] = 1.0f;
        attn[0][a * 3 * D + 2 * D + a] = 1.0f; /* v: the token */
        proj[0][a * D + V + C + a] = 1.0f;
        attn[1][a * 3 * D + a] = sharp;              /* q: the token */
        attn[1][(V + C + a) * 3 * D + D + a] = 1.0f; /* k: the token before */
        attn[1][a * 3 * D + 2 * D + a] = 1.0f;       /* v: the token */
        proj[1][a * D + a] = 20.0f;
    }
    return model;
}

/*
 * Key 0 has itself for a token before, so the first query of the second half looks half at it; its loss is that of two
 * tokens that are as likely, or more. All else is exact to e^-20.
 */
static void an_induction_head_made_by_hand_is_named_above_a_previous_token_head(void **state)
{
    heed_model *model = model_by_hand();
    const heed_repeated_options options = {.length = HAND_T, .seed = 2};
    heed_heads *heads = NULL;
    heed_repeated test;
    heed_error err = {0};

    (void)state;
    if (heed_heads_repeat(model, &options, &heads, &test, &err) != HEED_OK)
        fail_msg("%s", err.message);
    for (int layer = 0; layer < 2; layer++) {
        heed_head_scores s;
        char words[HEED_HEAD_WORDS];
        heed_heads_scores(heads, HEED_HEADS_ALL, layer, 0, &s);
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            if (s.roles[role].named != (role == (layer == 0 ? HEED_HEAD_PREVIOUS : HEED_HEAD_INDUCTION)))
                fail_msg("layer %d: %s is %s, found %g", layer, heed_head_role_name((heed_head_role)role),
                         s.roles[role].named ? "named" : "not named", s.roles[role].found);
        }
        if (layer == 0) {
            assert_string_equal(heed_head_say(&s, words), "previous token 1.00, collapsed");
            assert_true(s.stripe < 1e-6);
        } else {
            assert_string_equal(heed_head_say(&s, words), "induction 0.95");
            assert_true(fabs(s.stripe - (1.0 - 0.5 / HAND_T)) < 1e-6);
        }
    }
    assert_true(test.first_loss > 3.0 && test.second_loss < 0.2 * test.first_loss);
    heed_heads_destroy(heads);
    heed_model_close(model);
}

static void what_cannot_be_looked_at_is_refused(void **state)
{
    heed_config config = small_config();
    const int32_t ids[] = {1, 99};
    heed_model *model = small_model(&config, 45);
    heed_heads *heads = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_heads_look(model, ids, 1, 2, NULL, &heads, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "token 1: expected an id from 0 to 22, got 99");
    assert_int_equal(heed_heads_look(model, ids, 1, 0, NULL, &heads, &err), HEED_ERR_USAGE);
    assert_null(heads);
    assert_int_equal(heed_heads_look(model, ids, 1, 1, NULL, &heads, &err), HEED_OK);
    assert_int_equal(heed_heads_similarity(heads, NULL, &err), HEED_ERR_USAGE);
    heed_heads_destroy(heads);
    heed_model_close(model);
    config.attention = false;
    model = small_model(&config, 45);
    assert_int_equal(heed_heads_look(model, ids, 1, 1, NULL, &heads, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "this model has no attention to look at");
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_those_of_the_maps),
        cmocka_unit_test(repeated_tokens_are_random_ordinary_and_twice_the_same),
        cmocka_unit_test(stripe_and_losses_are_those_of_the_definitions),
        cmocka_unit_test(a_model_that_has_learned_nothing_is_named_nothing),
        cmocka_unit_test(an_induction_head_made_by_hand_is_named_above_a_previous_token_head),
        cmocka_unit_test(what_cannot_be_looked_at_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
