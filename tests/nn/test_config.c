/* SPDX-License-Identifier: MIT */
/* Configurations: what fits together, and that a config.json says the same when it is read again. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "formats/json.h"
#include "nn/config_json.h"
#include "nn/nn.h"

static heed_config valid(void)
{
    heed_config config = heed_config_default();

    config.vocab_size = 65;
    return config;
}

/* One sentence that names the place and holds `part`. */
static void expect_sentence(const heed_error *err, const char *part)
{
    if (strstr(err->message, part) == NULL || strchr(err->message, '\n') != NULL || strlen(err->message) < 15)
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err->message);
}

/* --- there and back --- */

/* A configuration of GPT-2's form spells out the width of its feed-forward, and leaves out what it has no use for. */
static heed_config spelled_out(const heed_config *config)
{
    heed_config c = *config;

    if (heed_config_is_gpt2(&c)) {
        const heed_config defaults = heed_config_default();
        c.d_mlp = heed_config_d_mlp(&c);
        c.mlp_factor = defaults.mlp_factor;
        c.n_kv_heads = 0;
        c.experts_per_token = defaults.experts_per_token;
        c.expert_capacity = defaults.expert_capacity;
        c.balance_weight = defaults.balance_weight;
        c.rotary_base = defaults.rotary_base; /* of positions that it does not have */
        c.rotary_dim = defaults.rotary_dim;
        c.rotary_interleaved = defaults.rotary_interleaved;
        c.rotary_scaling = defaults.rotary_scaling;
        c.rotary_factor = defaults.rotary_factor;
    }
    return c;
}

static void expect_same_config(const heed_config *a, const heed_config *b)
{
    int n;
    const heed_field *fields = heed_config_fields(&n);

    for (int i = 0; i < n; i++) {
        char x[64], y[64];
        heed_field_get(&fields[i], a, x, sizeof x);
        heed_field_get(&fields[i], b, y, sizeof y);
        if (strcmp(x, y) != 0)
            fail_msg("%s was %s and comes back as %s", fields[i].name, x, y);
    }
}

/* Through the text, as a file would have it. */
static void check_round_trip(const heed_config *config)
{
    json_t *object = heed_config_to_json(config), *read = NULL;
    const heed_config expected = spelled_out(config);
    heed_text_buffer text = {0};
    heed_config back;
    heed_error err = {0};

    assert_non_null(object);
    assert_int_equal(heed_json_format(object, 2, &text, &err), HEED_OK);
    assert_int_equal(heed_json_parse(text.data, text.size, 1000, "config.json", &read, &err), HEED_OK);
    if (heed_config_from_json(read, "config.json", &back, &err) != HEED_OK)
        fail_msg("%s\n%s", err.message, text.data);
    expect_same_config(&expected, &back);
    json_decref(object);
    json_decref(read);
    heed_text_free(&text);
}

static void presets_come_back(void **state)
{
    heed_config config;
    heed_error err = {0};

    (void)state;
    for (int i = 0; heed_config_presets()[i] != NULL; i++) {
        assert_int_equal(heed_config_preset(heed_config_presets()[i], &config, &err), HEED_OK);
        if (config.vocab_size == 0)
            config.vocab_size = 65;
        assert_int_equal(heed_config_check(&config, &err), HEED_OK);
        check_round_trip(&config);
    }
    assert_int_equal(heed_config_preset("gtp", &config, &err), HEED_ERR_USAGE);
    expect_sentence(&err, "gtp");
}

static heed_config random_config(heed_rng *rng)
{
    heed_config c = heed_config_default();

    c.kind = heed_rng_below(rng, 6) == 0 ? HEED_KIND_BIGRAM : HEED_KIND_GPT;
    c.vocab_size = 1 + heed_rng_below(rng, 100000);
    c.context_length = 1 + heed_rng_below(rng, 5000);
    c.n_layers = heed_rng_below(rng, 20);
    c.n_heads = 1 + heed_rng_below(rng, 12);
    c.d_model = c.n_heads * (1 + heed_rng_below(rng, 64));
    c.d_mlp = heed_rng_below(rng, 2) ? heed_rng_below(rng, 4096) : 0;
    c.mlp_factor = 0.5 + 7.0 * heed_rng_double(rng);
    c.activation = (int)heed_rng_below(rng, 6);
    c.norm = heed_rng_below(rng, 2) ? HEED_NORM_PRE : (int)heed_rng_below(rng, 3);
    c.norm_eps = heed_rng_double(rng) * 1e-4;
    c.norm_type = heed_rng_below(rng, 4) == 0;
    c.positions = heed_rng_below(rng, 2) ? HEED_POSITIONS_LEARNED : (int)heed_rng_below(rng, 7);
    c.n_kv_heads = heed_rng_below(rng, 2) ? heed_rng_below(rng, 13) : 0;
    c.attention_scale = heed_rng_below(rng, 4)   ? 0.0
                        : heed_rng_below(rng, 2) ? 1.0
                                                 : 2.0 * heed_rng_double(rng);
    c.window = heed_rng_below(rng, 4) ? 0 : heed_rng_below(rng, 300);
    c.tied_kv = heed_rng_below(rng, 8) == 0;
    c.n_experts = heed_rng_below(rng, 4) ? 0 : heed_rng_below(rng, 9);
    c.experts_per_token = 1 + heed_rng_below(rng, 3);
    c.expert_capacity = heed_rng_below(rng, 2) ? 4.0 * heed_rng_double(rng) : 0.0;
    c.balance_weight = heed_rng_double(rng);
    c.uniform_attention = heed_rng_below(rng, 8) == 0;
    c.rotary_base = 2.0 + 1e6 * heed_rng_double(rng);
    c.rotary_dim = heed_rng_below(rng, 2) ? 2 * heed_rng_below(rng, 20) : 0;
    c.rotary_interleaved = heed_rng_below(rng, 2) == 0;
    c.rotary_scaling = c.positions == HEED_POSITIONS_ROTARY ? (int)heed_rng_below(rng, 4) : 0;
    c.rotary_factor = c.rotary_scaling != 0 ? 1.0 + 7.0 * heed_rng_double(rng) : 1.0;
    c.dropout = heed_rng_below(rng, 2) ? 0.9 * heed_rng_double(rng) : 0.0;
    bool *const switches[] = {&c.attention, &c.mlp,       &c.residual,  &c.attention_bias,
                              &c.mlp_bias,  &c.norm_bias, &c.tied_head, &c.causal};
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        *switches[i] = heed_rng_below(rng, 8) > 0;
    return c;
}

static void any_configuration_comes_back(void **state)
{
    heed_rng rng = heed_rng_make(17, 1);
    int n_gpt2 = 0, n_own = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const heed_config config = random_config(&rng);
        if (heed_config_check(&config, NULL) != HEED_OK)
            continue;
        n_gpt2 += heed_config_is_gpt2(&config);
        n_own += !heed_config_is_gpt2(&config);
        check_round_trip(&config);
    }
    assert_true(n_gpt2 > 100 && n_own > 1000);
}

static void a_model_of_gpt2s_form_has_hugging_faces_names(void **state)
{
    const heed_config config = valid();
    json_t *object = heed_config_to_json(&config);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(object, "model_type")), "gpt2");
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "architectures"), 0)),
                        "GPT2LMHeadModel");
    assert_int_equal(json_integer_value(json_object_get(object, "n_embd")), 128);
    assert_int_equal(json_integer_value(json_object_get(object, "n_layer")), 4);
    assert_int_equal(json_integer_value(json_object_get(object, "n_head")), 4);
    assert_int_equal(json_integer_value(json_object_get(object, "n_positions")), 64);
    assert_int_equal(json_integer_value(json_object_get(object, "n_inner")), 512);
    assert_int_equal(json_integer_value(json_object_get(object, "vocab_size")), 65);
    assert_string_equal(json_string_value(json_object_get(object, "activation_function")), "gelu_new");
    assert_true(json_is_true(json_object_get(object, "tie_word_embeddings")));
    json_decref(object);
}

/* --- files of others --- */

static heed_status read_config(const char *text, heed_config *config, heed_error *err)
{
    json_t *root = NULL;
    heed_status status = heed_json_parse(text, strlen(text), 1000, "config.json", &root, err);

    if (status == HEED_OK)
        status = heed_config_from_json(root, "config.json", config, err);
    json_decref(root);
    return status;
}

/* As published for GPT-2, with what heed has no use for. */
static void a_published_file_is_understood(void **state)
{
    static const char text[] =
        "{\"activation_function\": \"gelu_new\", \"architectures\": [\"GPT2LMHeadModel\"], \"attn_pdrop\": 0.1,"
        " \"bos_token_id\": 50256, \"embd_pdrop\": 0.1, \"eos_token_id\": 50256, \"initializer_range\": 0.02,"
        " \"layer_norm_epsilon\": 1e-05, \"model_type\": \"gpt2\", \"n_ctx\": 1024, \"n_embd\": 768, "
        "\"n_head\": 12,"
        " \"n_layer\": 12, \"n_positions\": 1024, \"n_inner\": null, \"resid_pdrop\": 0.1,"
        " \"task_specific_params\": {\"text-generation\": {\"do_sample\": true}}, \"vocab_size\": 50257}";
    heed_config config, expected;
    heed_error err = {0};

    (void)state;
    if (read_config(text, &config, &err) != HEED_OK)
        fail_msg("%s", err.message);
    assert_int_equal(heed_config_preset("gpt2", &expected, NULL), HEED_OK);
    expected.dropout = 0.1;
    expect_same_config(&expected, &config);
}

static void a_wrong_file_gets_one_sentence(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "model_type"},
        {"{\"model_type\": 7}", "model_type"},
        {"{\"model_type\": \"llama\"}", "llama"},
        {"{\"model_type\": \"gpt2\"}", "vocab_size"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 10, \"n_embd\": 8, \"n_layer\": 1}", "n_head"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 10, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 3}",
         "n_heads"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": -1, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2}",
         "vocab_size"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 1e9, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2}",
         "vocab_size"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 10, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2, "
         "\"activation_function\": \"mish\"}",
         "mish"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 10, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2, "
         "\"scale_attn_by_inverse_layer_idx\": true}",
         "scale_attn_by_inverse_layer_idx"},
        {"{\"model_type\": \"gpt2\", \"vocab_size\": 10, \"n_embd\": 8, \"n_layer\": 1, \"n_head\": 2, "
         "\"layer_norm_epsilon\": \"small\"}",
         "layer_norm_epsilon"},
        {"{\"model_type\": \"heed\"}", "vocab_size"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"position_table\": 3}", "position_table"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"positions\": \"rope\"}", "positions"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"n_kv_heads\": 3}", "n_kv_heads"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"n_layer\": 2}", "n_layers"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"norm\": \"rms\"}", "norm"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"mlp\": 1}", "mlp"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"dropout\": 1.5}", "dropout"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"attention\": false, \"mlp\": false}", "attention"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"mlp_factor\": 0.001, \"d_model\": 4}",
         "feed-forward"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"dropout\": NaN}", "JSON"},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"vocab_size\": 11}", "JSON"},
        {"[1, 2]", "object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_config config;
        heed_error err = {0};
        if (read_config(cases[i][0], &config, &err) != HEED_ERR_FILE)
            fail_msg("%s was taken", cases[i][0]);
        expect_sentence(&err, "config.json");
        expect_sentence(&err, cases[i][1]);
    }
}

/* --- what older files and GPT-2's say --- */

static void a_file_without_the_newer_keys_means_what_it_meant(void **state)
{
    static const struct {
        const char *text;
        int positions;
    } cases[] = {
        {"{\"model_type\": \"heed\", \"vocab_size\": 10}", HEED_POSITIONS_LEARNED},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"position_table\": true}", HEED_POSITIONS_LEARNED},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"position_table\": false}", HEED_POSITIONS_NONE},
        {"{\"model_type\": \"heed\", \"vocab_size\": 10, \"positions\": \"alibi\"}", HEED_POSITIONS_ALIBI},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_config config, expected = heed_config_default();
        heed_error err = {0};
        if (read_config(cases[i].text, &config, &err) != HEED_OK)
            fail_msg("%s", err.message);
        expected.vocab_size = 10;
        expected.positions = cases[i].positions;
        expect_same_config(&expected, &config);
    }
}

/* GPT-2's configuration can say that scores are not scaled; nothing else of the attention family. */
static void what_gpt2_cannot_say_is_said_in_heeds_words(void **state)
{
    heed_config config = valid();
    json_t *object;

    (void)state;
    config.attention_scale = 1.0;
    config.activation = HEED_ACTIVATION_SILU;
    config.n_kv_heads = config.n_heads;
    assert_true(heed_config_is_gpt2(&config));
    object = heed_config_to_json(&config);
    assert_true(json_is_false(json_object_get(object, "scale_attn_weights")));
    assert_string_equal(json_string_value(json_object_get(object, "activation_function")), "silu");
    json_decref(object);
    for (int i = 0; i < 10; i++) {
        config = valid();
        switch (i) {
        case 0:
            config.n_kv_heads = 2;
            break;
        case 1:
            config.tied_kv = true;
            break;
        case 2:
            config.uniform_attention = true;
            break;
        case 3:
            config.attention_scale = 0.5;
            break;
        case 4:
            config.window = 16;
            break;
        case 5:
            config.norm_type = HEED_NORM_RMSNORM;
            break;
        case 6:
            config.activation = HEED_ACTIVATION_SWIGLU;
            break;
        case 7:
            config.causal = false;
            break;
        case 8:
            config.positions = HEED_POSITIONS_ROTARY;
            break;
        default:
            config.positions = HEED_POSITIONS_NONE;
            break;
        }
        object = heed_config_to_json(&config);
        assert_string_equal(json_string_value(json_object_get(object, "model_type")), "heed");
        json_decref(object);
        check_round_trip(&config);
    }
}

/* --- what must fit --- */

static void what_does_not_fit_is_said(void **state)
{
    heed_config config;
    heed_error err = {0};
    const double nan = NAN;

    (void)state;
    config = valid();
    config.n_heads = 3;
    assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
    expect_sentence(&err, "n_heads");
    expect_sentence(&err, "128");
    config.attention = false; /* without attention the heads do not matter */
    assert_int_equal(heed_config_check(&config, &err), HEED_OK);
    config = valid();
    config.vocab_size = 0;
    assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
    expect_sentence(&err, "vocab_size");
    double *const numbers[] = {&config.dropout, &config.norm_eps, &config.mlp_factor};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        config = valid();
        *numbers[i] = nan;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
        *numbers[i] = INFINITY;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
    }
    int64_t *const integers[] = {&config.n_layers, &config.context_length, &config.d_model, &config.n_heads,
                                 &config.d_mlp};
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        config = valid();
        *integers[i] = -1;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
        *integers[i] = INT64_MAX;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
    }
    int *const choices[] = {&config.kind, &config.norm, &config.activation};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        config = valid();
        *choices[i] = 17;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
        *choices[i] = -1;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
    }
}

/* Parts of attention that do not go together, each with the words that its sentence must hold. */
static void parts_of_attention_must_fit(void **state)
{
    static const struct {
        heed_config change; /* what differs from the defaults; sizes of 0 are left as they are */
        const char *words[2];
    } cases[] = {
        {{.n_kv_heads = 3}, {"n_kv_heads", "n_heads = 4"}},
        {{.n_kv_heads = 8}, {"n_kv_heads", "n_heads = 4"}},
        {{.positions = HEED_POSITIONS_ROTARY, .n_heads = 128}, {"even head_dim", "1"}},
        {{.positions = HEED_POSITIONS_ROTARY, .rotary_dim = 7}, {"even rotary_dim", "7"}},
        {{.positions = HEED_POSITIONS_ROTARY, .rotary_dim = 34}, {"rotary_dim", "head_dim = 32"}},
        {{.positions = HEED_POSITIONS_ROTARY, .rotary_factor = 2.0}, {"rotary_factor 2", "rotary_scaling"}},
        {{.positions = HEED_POSITIONS_ALIBI, .uniform_attention = true}, {"uniform_attention", "alibi"}},
        {{.tied_kv = true, .uniform_attention = true}, {"uniform_attention", "tied_kv"}},
        {{.attention_scale = 0.5, .uniform_attention = true}, {"uniform_attention", "attention_scale"}},
        {{.attention_scale = -1.0}, {"attention_scale", "-1"}},
        {{.attention_scale = 1e-60}, {"attention_scale", "1e-60"}},
        {{.window = -1}, {"window", "-1"}},
        {{.rotary_factor = 2.0}, {"rotary_factor", "learned"}},
        {{.rotary_scaling = HEED_ROTARY_NTK, .positions = HEED_POSITIONS_ALIBI}, {"rotary_scaling", "alibi"}},
        {{.n_experts = 1}, {"experts_per_token", "n_experts = 1"}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const heed_config *change = &cases[i].change;
        heed_config config = valid();
        heed_error err = {0};
        config.positions = change->positions;
        config.n_kv_heads = change->n_kv_heads;
        config.n_heads = change->n_heads > 0 ? change->n_heads : config.n_heads;
        config.rotary_dim = change->rotary_dim;
        config.rotary_scaling = change->rotary_scaling;
        config.rotary_factor = change->rotary_factor > 0.0 ? change->rotary_factor : config.rotary_factor;
        config.uniform_attention = change->uniform_attention;
        config.tied_kv = change->tied_kv;
        config.attention_scale = change->attention_scale;
        config.window = change->window;
        config.n_experts = change->n_experts;
        if (heed_config_check(&config, &err) != HEED_ERR_USAGE)
            fail_msg("case %zu was taken", i);
        expect_sentence(&err, cases[i].words[0]);
        expect_sentence(&err, cases[i].words[1]);
    }
}

/* Without the mask there are distances ahead, which windows and some positions have no words for. */
static void what_counts_back_needs_the_causal_mask(void **state)
{
    static const heed_positions back[] = {HEED_POSITIONS_ALIBI, HEED_POSITIONS_RELATIVE,
                                          HEED_POSITIONS_TRANSFORMER_XL};
    heed_config config = valid();
    heed_error err = {0};

    (void)state;
    config.causal = false;
    assert_int_equal(heed_config_check(&config, &err), HEED_OK);
    config.window = 5;
    assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
    expect_sentence(&err, "window");
    expect_sentence(&err, "not causal");
    config.attention = false; /* then nobody looks anywhere */
    config.window = 0;
    assert_int_equal(heed_config_check(&config, &err), HEED_OK);
    for (size_t i = 0; i < sizeof back / sizeof back[0]; i++) {
        config = valid();
        config.positions = (int)back[i];
        assert_int_equal(heed_config_check(&config, &err), HEED_OK);
        config.causal = false;
        assert_int_equal(heed_config_check(&config, &err), HEED_ERR_USAGE);
        expect_sentence(&err, "not causal");
    }
}

static void every_preset_is_causal(void **state)
{
    heed_config config;
    heed_error err = {0};

    (void)state;
    for (const char *const *name = heed_config_presets(); *name != NULL; name++) {
        assert_int_equal(heed_config_preset(*name, &config, &err), HEED_OK);
        assert_true(config.causal);
    }
}

static void a_table_of_positions_ends_and_a_formula_does_not(void **state)
{
    heed_error err = {0};

    (void)state;
    for (int positions = HEED_POSITIONS_LEARNED; positions <= HEED_POSITIONS_TRANSFORMER_XL; positions++) {
        heed_config config = valid();
        const bool table = positions == HEED_POSITIONS_LEARNED || positions == HEED_POSITIONS_RELATIVE;
        config.positions = positions;
        assert_int_equal(heed_config_check_length(&config, 64, &err), HEED_OK);
        assert_int_equal(heed_config_check_length(&config, 65, &err), table ? HEED_ERR_USAGE : HEED_OK);
        if (table)
            expect_sentence(&err, "64 rows");
        assert_int_equal(heed_config_check_length(&config, 0, &err), HEED_ERR_USAGE);
        config.attention = false; /* then it makes no sense to act there */
        assert_int_equal(heed_config_check(&config, &err),
                         positions <= HEED_POSITIONS_SINUSOIDAL ? HEED_OK : HEED_ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_come_back),
        cmocka_unit_test(any_configuration_comes_back),
        cmocka_unit_test(a_model_of_gpt2s_form_has_hugging_faces_names),
        cmocka_unit_test(a_published_file_is_understood),
        cmocka_unit_test(a_wrong_file_gets_one_sentence),
        cmocka_unit_test(a_file_without_the_newer_keys_means_what_it_meant),
        cmocka_unit_test(what_gpt2_cannot_say_is_said_in_heeds_words),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(parts_of_attention_must_fit),
        cmocka_unit_test(what_counts_back_needs_the_causal_mask),
        cmocka_unit_test(every_preset_is_causal),
        cmocka_unit_test(a_table_of_positions_ends_and_a_formula_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
