/* SPDX-License-Identifier: MIT */
#include "nn/config_json.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "nn/nn.h"

/* --- fields by their own names --- */

static void *member_of(void *structure, const heed_field *field)
{
    return (char *)structure + field->offset;
}

static void set_text(heed_json_reader *r, const heed_field *field, char *to)
{
    const char *text = heed_json_string(r, field->name, to);

    if (r->status != HEED_OK || text == to)
        return;
    if (strlen(text) >= (size_t)field->max)
        r->status = heed_fail(r->err, HEED_ERR_FILE, "%.300s: %s: expected at most %zu bytes, got %zu",
                              r->where, field->name, (size_t)field->max - 1, strlen(text));
    else
        memcpy(to, text, strlen(text) + 1);
}

static void set_from_json(heed_json_reader *r, const heed_field *field, void *structure)
{
    void *to = member_of(structure, field);
    int n_choices = 0;

    switch (field->type) {
    case HEED_FIELD_INTEGER:
        *(int64_t *)to = heed_json_int(r, field->name, *(int64_t *)to, (int64_t)field->min,
                                       (int64_t)field->max);
        break;
    case HEED_FIELD_NUMBER:
        *(double *)to = heed_json_number(r, field->name, *(double *)to, field->min, field->max);
        break;
    case HEED_FIELD_BOOLEAN:
        *(bool *)to = heed_json_bool(r, field->name, *(bool *)to);
        break;
    case HEED_FIELD_CHOICE:
        while (field->choices[n_choices] != NULL)
            n_choices++;
        *(int *)to = heed_json_choice(r, field->name, field->choices, n_choices, *(int *)to);
        break;
    case HEED_FIELD_TEXT:
        set_text(r, field, to);
        break;
    }
}

heed_status heed_fields_from_json(const heed_field *fields, int n, void *structure, const json_t *object,
                                  const char *where, heed_error *err)
{
    heed_json_reader r = heed_json_read(object, where, err);
    const char *key;
    json_t *value;

    if (r.status != HEED_OK)
        return r.status;
    json_object_foreach((json_t *)object, key, value)
    {
        char shown[80];
        if (heed_field_find(fields, n, key) == NULL) {
            const char *near = heed_field_nearest(fields, n, key);
            heed_quote(shown, sizeof shown, key, strlen(key));
            return heed_fail(err, HEED_ERR_FILE, "%s: there is no setting \"%s\"%s%s%s", where, shown,
                             near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                             near != NULL ? "\"?" : "");
        }
    }
    for (int i = 0; i < n; i++)
        set_from_json(&r, &fields[i], structure);
    return r.status;
}

static json_t *value_to_json(const heed_field *field, const void *structure)
{
    const void *from = (const char *)structure + field->offset;

    switch (field->type) {
    case HEED_FIELD_INTEGER:
        return json_integer(*(const int64_t *)from);
    case HEED_FIELD_NUMBER:
        return json_real(*(const double *)from);
    case HEED_FIELD_BOOLEAN:
        return json_boolean(*(const bool *)from);
    case HEED_FIELD_CHOICE:
        return json_string(field->choices[*(const int *)from]);
    case HEED_FIELD_TEXT:
        return json_string(from);
    }
    return NULL;
}

bool heed_fields_to_json(const heed_field *fields, int n, const void *structure, json_t *object)
{
    for (int i = 0; i < n; i++) {
        if (json_object_set_new(object, fields[i].name, value_to_json(&fields[i], structure)) != 0)
            return false;
    }
    return true;
}

/* Moves the member of that name into the object of the first table that has it. */
static heed_status sort_member(const json_t *root, const char *key, const heed_settings *settings,
                               int n_settings, json_t **objects, const char *where, heed_error *err)
{
    const char *near = NULL;
    char shown[80];

    for (int i = 0; i < n_settings; i++) {
        const heed_field *field = heed_field_find(settings[i].fields, settings[i].n, key);
        if (field == NULL)
            continue;
        if (json_object_set(objects[i], field->name, json_object_get(root, key)) != 0)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", where);
        return HEED_OK;
    }
    for (int i = 0; i < n_settings && near == NULL; i++)
        near = heed_field_nearest(settings[i].fields, settings[i].n, key);
    return heed_fail(err, HEED_ERR_FILE, "%s: there is no setting \"%s\"%s%s%s", where,
                     heed_quote(shown, sizeof shown, key, strlen(key)), near != NULL ? "; did you mean \"" : "",
                     near != NULL ? near : "", near != NULL ? "\"?" : "");
}

heed_status heed_fields_load(const char *path, const heed_settings *settings, int n_settings, heed_error *err)
{
    enum { MOST = 8 };
    json_t *root = NULL, *objects[MOST] = {NULL}, *value;
    char where[256];
    const char *key;
    heed_status status = HEED_OK;

    if (n_settings > MOST)
        return heed_fail(err, HEED_ERR_USAGE, "expected at most %d tables of settings, got %d", MOST,
                         n_settings);
    heed_quote(where, sizeof where, path, strlen(path));
    for (int i = 0; i < n_settings; i++) {
        if ((objects[i] = json_object()) == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", where);
    }
    if (status == HEED_OK)
        status = heed_json_load(path, HEED_JSON_CONFIG_BYTES, &root, err);
    json_object_foreach(root, key, value)
    {
        if (status == HEED_OK)
            status = sort_member(root, key, settings, n_settings, objects, where, err);
    }
    for (int i = 0; i < n_settings && status == HEED_OK; i++)
        status = heed_fields_from_json(settings[i].fields, settings[i].n, settings[i].structure, objects[i],
                                       where, err);
    for (int i = 0; i < n_settings; i++)
        json_decref(objects[i]);
    json_decref(root);
    return status;
}

/* --- GPT-2's names --- */

/* Its names for the activations; the first of each is the one that is written. */
static const struct {
    const char *name;
    heed_activation activation;
} gpt2_activations[] = {
    {"gelu_new", HEED_ACTIVATION_GELU_TANH}, {"gelu_pytorch_tanh", HEED_ACTIVATION_GELU_TANH},
    {"gelu", HEED_ACTIVATION_GELU_ERF},      {"relu", HEED_ACTIVATION_RELU},
    {"silu", HEED_ACTIVATION_SILU},          {"gelu_fast", HEED_ACTIVATION_GELU_TANH},
    {"swish", HEED_ACTIVATION_SILU},
};
#define N_GPT2_ACTIVATIONS (sizeof gpt2_activations / sizeof gpt2_activations[0])

/* Attention as GPT-2 has it; its configuration knows two scales, 1/sqrt(head_dim) and 1. */
static bool has_gpt2_attention(const heed_config *c)
{
    return c->attention && c->attention_bias && heed_config_n_kv_heads(c) == c->n_heads && !c->tied_kv &&
           !c->uniform_attention && c->causal && c->window == 0 &&
           (c->attention_scale == 0.0 || c->attention_scale == 1.0);
}

static bool has_gpt2_mlp(const heed_config *c)
{
    return c->mlp && c->mlp_bias && c->n_experts == 0 && c->activation != HEED_ACTIVATION_NONE &&
           c->activation != HEED_ACTIVATION_SWIGLU;
}

bool heed_config_is_gpt2(const heed_config *c)
{
    return c->kind == HEED_KIND_GPT && c->n_layers > 0 && c->residual && c->norm == HEED_NORM_PRE &&
           c->norm_type == HEED_NORM_LAYERNORM && c->norm_bias && c->positions == HEED_POSITIONS_LEARNED &&
           has_gpt2_attention(c) && has_gpt2_mlp(c);
}

/* What GPT-2's configuration can say but heed does not do. */
static heed_status refuse_variants(heed_json_reader *r, heed_error *err)
{
    static const struct {
        const char *name;
        bool value;
    } expected[] = {{"scale_attn_by_inverse_layer_idx", false}, {"add_cross_attention", false}};

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (heed_json_bool(r, expected[i].name, expected[i].value) != expected[i].value)
            return heed_fail(err, HEED_ERR_FILE, "%s: expected \"%s\": %s, got %s", r->where, expected[i].name,
                             expected[i].value ? "true" : "false", expected[i].value ? "false" : "true");
    }
    return r->status;
}

static heed_status from_gpt2(const json_t *root, const char *where, heed_config *c, heed_error *err)
{
    heed_json_reader r = heed_json_read(root, where, err);
    const char *activation;
    char shown[64];
    size_t i = 0;

    heed_json_require(&r, "vocab_size");
    heed_json_require(&r, "n_embd");
    heed_json_require(&r, "n_layer");
    heed_json_require(&r, "n_head");
    c->vocab_size = heed_json_int(&r, "vocab_size", 0, 1, 1 << 24);
    c->context_length = heed_json_int(&r, "n_positions", heed_json_int(&r, "n_ctx", 1024, 1, 1 << 24), 1,
                                      1 << 24);
    c->d_model = heed_json_int(&r, "n_embd", 0, 1, 1 << 24);
    c->n_layers = heed_json_int(&r, "n_layer", 0, 1, 1024);
    c->n_heads = heed_json_int(&r, "n_head", 0, 1, 1024);
    c->d_mlp = heed_json_int(&r, "n_inner", 0, 0, 1 << 24);
    c->norm_eps = heed_json_number(&r, "layer_norm_epsilon", 1e-5, 0.0, 1.0);
    c->tied_head = heed_json_bool(&r, "tie_word_embeddings", true);
    c->dropout = heed_json_number(&r, "resid_pdrop", 0.0, 0.0, 0.99);
    c->attention_scale = heed_json_bool(&r, "scale_attn_weights", true) ? 0.0 : 1.0;
    activation = heed_json_string(&r, "activation_function", "gelu_new");
    if (r.status != HEED_OK)
        return r.status;
    while (i < N_GPT2_ACTIVATIONS && strcmp(activation, gpt2_activations[i].name) != 0)
        i++;
    if (i == N_GPT2_ACTIVATIONS)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: expected \"activation_function\" gelu_new, gelu_pytorch_tanh, gelu_fast, gelu, "
                         "relu, silu or swish, "
                         "got \"%s\"",
                         where, heed_quote(shown, sizeof shown, activation, strlen(activation)));
    c->activation = (int)gpt2_activations[i].activation;
    return refuse_variants(&r, err);
}

static json_t *to_gpt2(const heed_config *c)
{
    const char *activation = "gelu_new";

    for (size_t i = N_GPT2_ACTIVATIONS; i-- > 0;) {
        if ((int)gpt2_activations[i].activation == c->activation)
            activation = gpt2_activations[i].name;
    }
    /* transformers would take GPT-2's own tokenizer and its token 50256 for the end of a text, were they not named */
    return json_pack(
        "{s:s, s:[s], s:s, s:n, s:n, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s, s:f, s:f, s:f, s:f, s:f, s:b, "
        "s:b, s:s}",
        "model_type", "gpt2", "architectures", "GPT2LMHeadModel", "tokenizer_class", "PreTrainedTokenizerFast",
        "bos_token_id", "eos_token_id", "vocab_size", (json_int_t)c->vocab_size, "n_positions",
        (json_int_t)c->context_length, "n_ctx", (json_int_t)c->context_length, "n_embd", (json_int_t)c->d_model,
        "n_layer", (json_int_t)c->n_layers, "n_head", (json_int_t)c->n_heads, "n_inner",
        json_integer(heed_config_d_mlp(c)), "activation_function", activation, "layer_norm_epsilon",
        c->norm_eps, "initializer_range", 0.02, "resid_pdrop", c->dropout, "embd_pdrop", c->dropout,
        "attn_pdrop", 0.0, "tie_word_embeddings", (int)c->tied_head, "scale_attn_weights",
        (int)(c->attention_scale == 0.0), "torch_dtype", "float32");
}

/* --- heed's own --- */

/* Earlier files say with a switch whether there are learned positions. */
static heed_status rename_position_table(json_t *own, const char *where, heed_error *err)
{
    heed_json_reader r = heed_json_read(own, where, err);
    const json_t *there = json_object_get(own, "position_table");
    bool learned;

    if (r.status != HEED_OK || there == NULL || json_object_get(own, "positions") != NULL)
        return r.status;
    learned = heed_json_bool(&r, "position_table", true);
    if (r.status != HEED_OK)
        return r.status;
    if (json_object_set_new(own, "positions", json_string(learned ? "learned" : "none")) != 0 ||
        json_object_del(own, "position_table") != 0)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", where);
    return HEED_OK;
}

heed_status heed_config_from_fields(const json_t *root, const char *where, heed_config *config, heed_error *err)
{
    int n;
    const heed_field *fields = heed_config_fields(&n);
    json_t *own = json_copy((json_t *)root);
    heed_status status;

    if (own == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", where);
    json_object_del(own, "model_type");
    json_object_del(own, HEED_QUANTIZATION_KEY);
    status = rename_position_table(own, where, err);
    if (status == HEED_OK)
        status = heed_fields_from_json(fields, n, config, own, where, err);
    json_decref(own);
    return status;
}

/* --- either --- */

/* What else than 8 bits there is could be read as weights that they are not. */
static heed_status check_quantization(heed_json_reader *r, heed_error *err)
{
    json_t *object = json_object_get(r->object, HEED_QUANTIZATION_KEY);
    char where[300], shown[64];
    const char *method;

    if (object == NULL || json_is_null(object))
        return HEED_OK;
    snprintf(where, sizeof where, "%s: " HEED_QUANTIZATION_KEY, r->where);
    heed_json_reader inner = heed_json_read(object, where, err);
    method = heed_json_string(&inner, "quant_method", "");
    if (inner.status == HEED_OK && strcmp(method, HEED_QUANTIZATION_METHOD) != 0)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: expected the quant_method \"" HEED_QUANTIZATION_METHOD "\", got \"%s\"", where,
                         heed_quote(shown, sizeof shown, method, strlen(method)));
    return inner.status;
}

/* The class that the file names first, "" if none. */
static const char *class_of(const json_t *root)
{
    const char *name = json_string_value(json_array_get(json_object_get(root, "architectures"), 0));

    return name != NULL ? name : "";
}

static heed_status refuse_architecture(const json_t *root, const char *type, const char *where, heed_error *err)
{
    const char *class_name = class_of(root);
    char shown[64], shown_class[64];

    return heed_fail(
        err, HEED_ERR_FILE,
        "%s: the model is a \"%s\"%s%s%s; expected \"model_type\" gpt2 (GPT-2 and its family) or heed", where,
        heed_quote(shown, sizeof shown, type, strlen(type)), class_name[0] != '\0' ? " (" : "",
        heed_quote(shown_class, sizeof shown_class, class_name, strlen(class_name)),
        class_name[0] != '\0' ? ")" : "");
}

heed_status heed_config_from_json(const json_t *root, const char *where, heed_config *config, heed_error *err)
{
    heed_json_reader r = heed_json_read(root, where, err);
    heed_error inner = {HEED_OK, ""};
    /* the oldest files name their class alone */
    const bool is_gpt2_class = strncmp(class_of(root), "GPT2", 4) == 0;
    const char *type;
    heed_status status;

    *config = heed_config_default();
    if (!is_gpt2_class)
        heed_json_require(&r, "model_type");
    type = heed_json_string(&r, "model_type", "gpt2");
    if (r.status != HEED_OK)
        return r.status;
    status = check_quantization(&r, err);
    if (status != HEED_OK)
        return status;
    if (strcmp(type, "gpt2") == 0)
        status = from_gpt2(root, where, config, err);
    else if (strcmp(type, "heed") == 0)
        status = heed_config_from_fields(root, where, config, err);
    else
        return refuse_architecture(root, type, where, err);
    if (status == HEED_OK && heed_config_check(config, &inner) != HEED_OK)
        return heed_fail(err, HEED_ERR_FILE, "%s: %.400s", where, inner.message);
    return status;
}

heed_status heed_config_open(const char *folder, heed_config *config, json_t **root, heed_error *err)
{
    char path[4096], shown[300];
    json_t *object = NULL;
    heed_status status = heed_path_join(path, sizeof path, folder, "config.json", err);

    if (root != NULL)
        *root = NULL;
    if (status == HEED_OK && !heed_file_is_folder(folder))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a model's folder, %s",
                         heed_quote(shown, sizeof shown, folder, strlen(folder)),
                         heed_file_exists(folder) ? "this is a file" : "there is nothing of that name");
    if (status == HEED_OK)
        status = heed_json_load(path, HEED_JSON_CONFIG_BYTES, &object, err);
    if (status == HEED_OK)
        status = heed_config_from_json(object, heed_quote(shown, sizeof shown, path, strlen(path)), config,
                                       err);
    if (status == HEED_OK && root != NULL)
        *root = object;
    else
        json_decref(object);
    return status;
}

heed_status heed_config_load(const char *folder, heed_config *config, heed_error *err)
{
    return heed_config_open(folder, config, NULL, err);
}

json_t *heed_config_to_json(const heed_config *config)
{
    int n;
    const heed_field *fields = heed_config_fields(&n);
    json_t *object;

    if (heed_config_is_gpt2(config))
        return to_gpt2(config);
    object = json_pack("{s:s}", "model_type", "heed");
    if (object != NULL && !heed_fields_to_json(fields, n, config, object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}
