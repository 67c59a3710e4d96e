/* SPDX-License-Identifier: MIT */
/* heed shapes: shape, strides, bytes and meaning of everything in one pass of a model. */
#include <heed/shapes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/shapes_text.h"

typedef struct shapes_options {
    const char *preset, *config, *filter;
    int64_t batch_size, length;
    int precision; /* a heed_precision */
    bool symbolic, real, training, cache, heads, all, json;
} shapes_options;

#define AT(member) offsetof(shapes_options, member)

static const heed_cli_text texts[] = {
    {"preset", "NAME", HEED_CLI_PRESET_HELP, AT(preset)},
    {"config", "FILE", HEED_CLI_CONFIG_HELP, AT(config)},
    {"filter", "NAME",
     "show what has this name, here or in TransformerLens, or this part of a name; * and ? are any",
     AT(filter)},
};

static const char *const precisions[] = {"f32", "bf16", NULL}; /* of training */

static const heed_field fields[] = {
    {"batch_size", "windows", HEED_FIELD_INTEGER, AT(batch_size), 1, 65536, NULL},
    {"length", "positions in each; 0: the whole context, with a cache one", HEED_FIELD_INTEGER, AT(length), 0,
     1 << 24, NULL},
    {"symbolic", "sizes in symbols alone: [B, H, T, d/H]", HEED_FIELD_BOOLEAN, AT(symbolic), 0, 0, NULL},
    {"real", "sizes in numbers alone", HEED_FIELD_BOOLEAN, AT(real), 0, 0, NULL},
    {"training", "the loss and its backward pass, in place of the logits", HEED_FIELD_BOOLEAN, AT(training), 0,
     0, NULL},
    {"cache", "of generation: tokens behind those that a cache of keys and values holds", HEED_FIELD_BOOLEAN,
     AT(cache), 0, 0, NULL},
    {"heads", "only how rows become heads and heads rows: views, strides, and where a copy is needed",
     HEED_FIELD_BOOLEAN, AT(heads), 0, 0, NULL},
    {"precision", "that training computes in", HEED_FIELD_CHOICE, AT(precision), 0, 0, precisions},
    {"all", "every block by itself, also where they are alike", HEED_FIELD_BOOLEAN, AT(all), 0, 0, NULL},
    {"json", "print one JSON object, with every block", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- what is shown --- */

/* Gradients that do not run are there for nobody but who asks for them, or for all. */
static heed_status choose(const heed_shapes *shapes, const shapes_options *own, bool *shown, heed_error *err)
{
    const char *filter = own->filter;
    char quoted[128];
    const char *near;
    int n_shown = 0;

    for (int i = 0; i < heed_shapes_n(shapes); i++) {
        const heed_shapes_entry *e = heed_shapes_get(shapes, i);
        const bool runs = !e->on_request || e->kind != HEED_SHAPES_GRADIENT || own->all || own->json;
        shown[i] = filter != NULL ? heed_shapes_matches(shapes, i, filter) : runs;
        n_shown += shown[i];
    }
    if (n_shown > 0)
        return HEED_OK;
    near = heed_shapes_nearest(shapes, filter);
    return heed_cli_fail(err, HEED_ERR_USAGE, "filter: nothing in this model is called \"%s\"%s%s%s",
                         heed_cli_quote(quoted, sizeof quoted, filter), near != NULL ? "; did you mean " : "",
                         near != NULL ? near : "", near != NULL ? "?" : "");
}

/* --- as JSON --- */

static void json_integers(heed_cli_json *json, const char *key, const int64_t *list, int n)
{
    heed_cli_json_open(json, key, '[');
    for (int i = 0; i < n; i++)
        heed_cli_json_integer(json, NULL, list[i]);
    heed_cli_json_close(json, ']');
}

static void json_symbols(heed_cli_json *json, const char *key, const char (*list)[HEED_SHAPES_SYMBOL], int n)
{
    heed_cli_json_open(json, key, '[');
    for (int i = 0; i < n; i++)
        heed_cli_json_text(json, NULL, list[i]);
    heed_cli_json_close(json, ']');
}

static void json_entry(heed_cli_json *json, const heed_shapes *shapes, const heed_shapes_entry *e)
{
    static const char *const kinds[] = {"input", "parameter", "activation", "gradient", "state"};

    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "name", e->name);
    heed_cli_json_open(json, "also", '[');
    for (int i = 0; i < e->n_also; i++)
        heed_cli_json_text(json, NULL, e->also[i]);
    heed_cli_json_close(json, ']');
    heed_cli_json_text(json, "kind", kinds[e->kind]);
    heed_cli_json_text(json, "meaning", e->meaning);
    heed_cli_json_text(json, "op", e->op);
    if (e->layer >= 0)
        heed_cli_json_integer(json, "layer", e->layer);
    heed_cli_json_text(json, "type", e->type);
    json_integers(json, "shape", e->size, e->rank);
    json_symbols(json, "symbolic", e->symbol, e->rank);
    json_integers(json, "strides", e->stride, e->rank);
    json_symbols(json, "symbolic_strides", e->stride_symbol, e->rank);
    heed_cli_json_integer(json, "bytes", e->bytes);
    heed_cli_json_text(json, "memory_of", heed_shapes_get(shapes, e->storage)->name);
    heed_cli_json_integer(json, "offset", e->offset);
    heed_cli_json_bool(json, "view", e->is_view);
    heed_cli_json_bool(json, "copy", e->is_copy);
    heed_cli_json_bool(json, "contiguous", e->contiguous);
    heed_cli_json_bool(json, "flattens", e->flattens);
    heed_cli_json_bool(json, "on_request", e->on_request);
    heed_cli_json_close(json, '}');
}

static void print_json(const heed_shapes *shapes, const bool *shown)
{
    heed_cli_json json = {.out = stdout};
    int n;
    const heed_shapes_symbol *symbols = heed_shapes_symbols(shapes, &n);

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_open(&json, "symbols", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "symbol", symbols[i].symbol);
        heed_cli_json_text(&json, "name", symbols[i].name);
        heed_cli_json_integer(&json, "size", symbols[i].size);
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_open(&json, "tensors", '[');
    for (int i = 0; i < heed_shapes_n(shapes); i++) {
        if (shown[i])
            json_entry(&json, shapes, heed_shapes_get(shapes, i));
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

/* --- the command --- */

static heed_status make_shapes(const heed_cli_options *options, const shapes_options *own, heed_config *config,
                               heed_shapes **shapes, heed_error *err)
{
    heed_shapes_options o = {0};
    heed_model *model = NULL;
    heed_status status = heed_cli_configure_or_folder(options, own->preset, own->config, config, err);

    if (status == HEED_OK && own->symbolic && own->real)
        status = heed_cli_fail(err, HEED_ERR_USAGE,
                               "symbolic and real: expected one of them; both are shown without them");
    if (status == HEED_OK && own->heads + own->training + own->cache > 1)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "training, cache and heads: expected one of them");
    if (status == HEED_OK && own->precision != HEED_PRECISION_F32 && !own->training)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "precision: expected --training or it has no effect");
    if (status != HEED_OK)
        return status;
    o = (heed_shapes_options){.batch_size = own->batch_size,
                              .length = own->length,
                              .training = own->training,
                              .cache = own->cache,
                              .precision = own->precision,
                              .heads = own->heads};
    if (options->n_operands == 0)
        return heed_shapes_create(config, &o, shapes, err);
    status = heed_cli_open_named(options->operands[0], &model, err);
    if (status == HEED_OK) {
        *config = *heed_model_config(model);
        status = heed_shapes_create_of(model, &o, shapes, err);
    }
    heed_model_close(model);
    return status;
}

static heed_status print_text(const heed_shapes *shapes, const bool *shown, const shapes_options *own,
                              const heed_config *config, heed_error *err)
{
    const heed_cli_shapes_text text = {.shapes = shapes,
                                       .shown = shown,
                                       .symbols = !own->real,
                                       .numbers = !own->symbolic,
                                       .all = own->all,
                                       .names = own->filter != NULL};
    char line[256];

    heed_cli_put_sentence(stdout, heed_cli_describe_model(config, line, sizeof line));
    return heed_cli_print_shapes(&text, err);
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    shapes_options own = {.batch_size = 1};
    heed_config config = heed_config_default();
    heed_cli_options options = {
        .command = command, .texts = texts, .n_texts = 3, .structure = &own, .most_operands = 1};
    int n;
    const heed_field *config_fields = heed_config_fields(&n);
    heed_shapes *shapes = NULL;
    bool *shown = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "Model, where no folder is given", config_fields, n, &config, false);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = make_shapes(&options, &own, &config, &shapes, err);
    if (status == HEED_OK && (shown = calloc((size_t)heed_shapes_n(shapes) + 1, sizeof *shown)) == NULL)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of tensors");
    if (status == HEED_OK)
        status = choose(shapes, &own, shown, err);
    if (status == HEED_OK && own.json)
        print_json(shapes, shown);
    else if (status == HEED_OK)
        status = print_text(shapes, shown, &own, &config, err);
    heed_shapes_destroy(shapes);
    free(shown);
    return status;
}

const heed_cli_command heed_cli_shapes = {
    .name = "shapes",
    .operands = "[MODEL]",
    .summary = "show the shape, strides, bytes and meaning of every intermediate",
    .details =
        "Of one pass of the model in the folder MODEL, or of one that is only described by a preset and\n"
        "settings (with a vocabulary of 65 unless --vocab-size says another). All is read off the graph that\n"
        "runs; the symbols too, by building it once more for other sizes. Nothing is computed.\n",
    .examples = "  heed shapes story --batch-size 4\n"
                "  heed shapes --preset gpt2 --length 256 --symbolic\n"
                "  heed shapes --preset m0 --vocab-size 200000 --batch-size 32 --filter scores\n"
                "  heed shapes story --cache --filter scores\n"
                "  heed shapes --heads --d-model 8 --n-heads 2 --length 3\n"
                "  heed shapes --n-heads 8 --n-kv-heads 2 --training --json\n",
    .run = run,
};
