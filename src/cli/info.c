/* SPDX-License-Identifier: MIT */
/* heed info MODEL: what a model is made of and what it costs, counted on its parameters and graphs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/activations.h"
#include "cli/info_account.h"
#include "cli/json_out.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"

#define MAX_COMPONENTS 16

typedef struct info_options {
    const char *preset, *config;
    int64_t batch_size, micro_batch, length;
    int precision, recompute; /* heed_precision, heed_recompute */
    bool whole_logits, tensors, activations, memory, flops, generation, measure, json;
} info_options;

#define AT(member) offsetof(info_options, member)

static const heed_cli_text texts[] = {
    {"preset", "NAME", HEED_CLI_PRESET_HELP, AT(preset)},
    {"config", "FILE", HEED_CLI_CONFIG_HELP, AT(config)},
};

static const char *const precisions[] = {"f32", "bf16", NULL}; /* of training */

static const heed_field fields[] = {
    {"batch_size", "windows of a training step", HEED_FIELD_INTEGER, AT(batch_size), 1, 65536, NULL},
    {"micro_batch", "of them in one run of it; 0: all at once", HEED_FIELD_INTEGER, AT(micro_batch), 0, 65536,
     NULL},
    {"length", "tokens of a window; 0: the whole context", HEED_FIELD_INTEGER, AT(length), 0, 1 << 24, NULL},
    {"precision", "that it computes in", HEED_FIELD_CHOICE, AT(precision), 0, 0, precisions},
    {"recompute", "activations that are dropped and made again in it", HEED_FIELD_CHOICE, AT(recompute), 0, 0,
     heed_cli_recompute_levels},
    {"activations", "list what waits for its backward pass, and what is made again", HEED_FIELD_BOOLEAN,
     AT(activations), 0, 0, NULL},
    {"whole_logits", "the loss from logits that are stored whole, not tile by tile: for comparison",
     HEED_FIELD_BOOLEAN, AT(whole_logits), 0, 0, NULL},
    {"memory", "its memory by component, by tensor and over time, and what else it could take",
     HEED_FIELD_BOOLEAN, AT(memory), 0, 0, NULL},
    {"flops", "its arithmetic by op and by block", HEED_FIELD_BOOLEAN, AT(flops), 0, 0, NULL},
    {"generation", "what the last token of a window costs with and without a cache", HEED_FIELD_BOOLEAN,
     AT(generation), 0, 0, NULL},
    {"measure", "run some steps, and show what the process really takes", HEED_FIELD_BOOLEAN, AT(measure), 0, 0,
     NULL},
    {"tensors", "list every parameter", HEED_FIELD_BOOLEAN, AT(tensors), 0, 0, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

typedef struct component {
    const char *name;
    int64_t count, bytes;
    heed_precision precision; /* of its largest parameter */
    int64_t largest;
} component;

/* What was found out about a model. */
typedef struct findings {
    const heed_model *model;
    component components[MAX_COMPONENTS];
    int n_components;
    int64_t count, bytes;
    heed_accounting forward, training;
    heed_activations *activations;
    int n_activations;
    heed_cli_accounts accounts;
} findings;

static void add_parameter(component *c, const heed_parameter *p)
{
    c->count += p->count;
    c->bytes += p->bytes;
    if (p->count > c->largest) {
        c->largest = p->count;
        c->precision = p->precision;
    }
}

static void count_components(findings *f)
{
    for (int i = 0; i < heed_model_n_parameters(f->model); i++) {
        const heed_parameter p = heed_model_parameter(f->model, i);
        int k = 0;
        while (k < f->n_components && strcmp(f->components[k].name, p.component) != 0)
            k++;
        if (k == f->n_components && k < MAX_COMPONENTS)
            f->components[f->n_components++] = (component){.name = p.component};
        if (k < MAX_COMPONENTS)
            add_parameter(&f->components[k], &p);
        f->count += p.count;
        f->bytes += p.bytes;
    }
}

/* "[128, 384]" */
static const char *shape_of(const heed_parameter *p, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");

    for (int i = 0; i < p->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i > 0 ? ", " : "", (long long)p->size[i]);
    if (used < size)
        snprintf(out + used, size - used, "]");
    return out;
}

/* --- as a table --- */

static void print_work(const char *what, int64_t batch, int64_t length, const heed_accounting *a)
{
    char flops[32], traffic[32], arena[32], state[32], tokens[48];

    snprintf(tokens, sizeof tokens, "%lld x %lld", (long long)batch, (long long)length);
    printf("%-14s %10s  %9sFLOP  %10s  %10s  %10s  %6d\n", what, tokens, heed_cli_scaled(flops, a->flops),
           heed_cli_bytes(traffic, a->bytes_read + a->bytes_written), heed_cli_bytes(arena, a->arena_bytes),
           heed_cli_bytes(state, a->state_bytes), a->n_nodes);
}

static void print_tensors(const heed_model *model)
{
    char shape[96], count[32], bytes[32];

    printf("\n%-30s %-17s %12s %10s  %s\n", "tensor", "shape", "parameters", "bytes", "precision");
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        printf("%-30s %-17s %12s %10s  %s\n", p.name, shape_of(&p, shape, sizeof shape),
               heed_cli_grouped(count, (double)p.count), heed_cli_bytes(bytes, (double)p.bytes),
               heed_precision_name(p.precision));
    }
}

static heed_status print_table(const findings *f, const info_options *own, const char *name, heed_error *err)
{
    const heed_config *c = heed_model_config(f->model);
    char line[256], count[32], bytes[32], shown[256], both[sizeof line + sizeof shown + 2];

    snprintf(both, sizeof both, "%s%s%s", heed_cli_quote(shown, sizeof shown, name),
             name[0] != '\0' ? ": " : "", heed_cli_describe_model(c, line, sizeof line));
    heed_cli_put_sentence(stdout, both);
    printf("\n");
    printf("%-20s %14s %8s  %10s  %s\n", "component", "parameters", "share", "bytes", "precision");
    for (int i = 0; i < f->n_components; i++)
        printf("%-20s %14s %6.1f %%  %10s  %s\n", f->components[i].name,
               heed_cli_grouped(count, (double)f->components[i].count),
               100.0 * (double)f->components[i].count / (double)f->count,
               heed_cli_bytes(bytes, (double)f->components[i].bytes),
               heed_precision_name(f->components[i].precision));
    printf("%-20s %14s %8s  %10s\n\n", "all", heed_cli_grouped(count, (double)f->count), "",
           heed_cli_bytes(bytes, (double)f->bytes));
    printf("%-14s %10s  %13s  %10s  %10s  %10s  %6s\n", "work", "tokens", "arithmetic", "traffic", "work space",
           "weights", "nodes");
    print_work("forward pass", 1, c->context_length, &f->forward);
    print_work("training step", own->batch_size, c->context_length, &f->training);
    printf("\nIn a training step the weights have their gradients and two moments with them.\n");
    printf("Of its work space ");
    heed_cli_show_memory(stdout, &f->training.memory, f->training.flops);
    if (own->activations)
        heed_cli_print_activations(f->activations, f->n_activations);
    if (own->tensors)
        print_tensors(f->model);
    return heed_cli_print_accounts(&f->accounts, c, err);
}

/* --- as JSON --- */

static void json_work(heed_cli_json *json, const char *key, int64_t batch, int64_t length,
                      const heed_accounting *a)
{
    heed_cli_json_open(json, key, '{');
    heed_cli_json_integer(json, "batch_size", batch);
    heed_cli_json_integer(json, "length", length);
    heed_cli_json_number(json, "flops", a->flops);
    heed_cli_json_number(json, "bytes_read", a->bytes_read);
    heed_cli_json_number(json, "bytes_written", a->bytes_written);
    heed_cli_json_number(json, "arena_bytes", a->arena_bytes);
    heed_cli_json_number(json, "state_bytes", a->state_bytes);
    heed_cli_json_integer(json, "nodes", a->n_nodes);
    heed_cli_json_memory(json, &a->memory);
    heed_cli_json_close(json, '}');
}

static void json_config(heed_cli_json *json, const heed_config *c)
{
    int n;
    const heed_field *config_fields = heed_config_fields(&n);

    heed_cli_json_open(json, "config", '{');
    for (int i = 0; i < n; i++) {
        const heed_field *field = &config_fields[i];
        const void *at = (const char *)c + field->offset;
        if (field->type == HEED_FIELD_INTEGER)
            heed_cli_json_integer(json, field->name, *(const int64_t *)at);
        else if (field->type == HEED_FIELD_NUMBER)
            heed_cli_json_number(json, field->name, *(const double *)at);
        else if (field->type == HEED_FIELD_BOOLEAN)
            heed_cli_json_bool(json, field->name, *(const bool *)at);
        else if (field->type == HEED_FIELD_TEXT)
            heed_cli_json_text(json, field->name, at);
        else
            heed_cli_json_text(json, field->name, field->choices[*(const int *)at]);
    }
    heed_cli_json_close(json, '}');
}

static void json_tensors(heed_cli_json *json, const heed_model *model)
{
    heed_cli_json_open(json, "tensors", '[');
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", p.name);
        heed_cli_json_text(json, "component", p.component);
        heed_cli_json_text(json, "precision", heed_precision_name(p.precision));
        heed_cli_json_integer(json, "bytes", p.bytes);
        heed_cli_json_open(json, "shape", '[');
        for (int k = 0; k < p.rank; k++)
            heed_cli_json_integer(json, NULL, p.size[k]);
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void print_json(const findings *f, const info_options *own)
{
    const heed_config *c = heed_model_config(f->model);
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    json_config(&json, c);
    heed_cli_json_integer(&json, "parameters", f->count);
    heed_cli_json_integer(&json, "bytes", f->bytes);
    heed_cli_json_open(&json, "components", '{');
    for (int i = 0; i < f->n_components; i++)
        heed_cli_json_integer(&json, f->components[i].name, f->components[i].count);
    heed_cli_json_close(&json, '}');
    json_work(&json, "forward", 1, c->context_length, &f->forward);
    json_work(&json, "training", own->batch_size, c->context_length, &f->training);
    if (own->activations)
        heed_cli_json_activations(&json, f->activations, f->n_activations);
    if (own->tensors)
        json_tensors(&json, f->model);
    heed_cli_json_accounts(&json, &f->accounts);
    heed_cli_json_close(&json, '}');
}

/* --- the command --- */

/* What changes accounts that nobody asks for has no effect. */
static heed_status check_own(const info_options *own, heed_error *err)
{
    const bool accounts = own->memory || own->flops || own->generation || own->measure;

    if (accounts || (own->length == 0 && own->micro_batch == 0 && !own->whole_logits))
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "%s: expected --memory, --flops, --generation or --measure or it has no effect",
                         own->length != 0        ? "length"
                         : own->micro_batch != 0 ? "micro_batch"
                                                 : "whole_logits");
}

/* The configuration, with its model where it has a folder. */
static heed_status find_config(const heed_cli_options *options, const info_options *own, heed_config *config,
                               heed_model **model, heed_error *err)
{
    heed_status status = heed_cli_configure_or_folder(options, own->preset, own->config, config, err);

    if (status == HEED_OK)
        status = check_own(own, err);
    if (status == HEED_OK && options->n_operands > 0) {
        status = heed_cli_open_named(options->operands[0], model, err);
        if (status == HEED_OK)
            *config = *heed_model_config(*model);
    }
    return status;
}

static heed_cli_accounts asked_accounts(const info_options *own)
{
    heed_cli_accounts a = {.memory = own->memory,
                           .flops = own->flops,
                           .generation = own->generation,
                           .measure = own->measure,
                           .options = heed_account_options_default()};

    a.options.batch_size = own->batch_size;
    a.options.micro_batch = own->micro_batch;
    a.options.length = own->length;
    a.options.precision = own->precision;
    a.options.recompute = own->recompute;
    a.options.whole_logits = own->whole_logits;
    return a;
}

static heed_status find_out(findings *f, const info_options *own, heed_error *err)
{
    const heed_precision precision = (heed_precision)own->precision;
    const heed_recompute recompute = (heed_recompute)own->recompute;
    heed_status status;

    count_components(f);
    status = heed_model_account_forward(f->model, 1, heed_model_config(f->model)->context_length, &f->forward,
                                        err);
    if (status == HEED_OK)
        status = heed_model_account_training(f->model, own->batch_size, precision, recompute, &f->training,
                                             err);
    if (status == HEED_OK && own->activations)
        status = heed_model_list_activations(f->model, own->batch_size, precision, recompute, &f->activations,
                                             &f->n_activations, err);
    return status == HEED_OK ? heed_cli_make_accounts(&f->accounts, heed_model_config(f->model), err) : status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    info_options own = {.batch_size = heed_train_options_default().batch_size};
    heed_config config = heed_config_default();
    heed_cli_options options = {
        .command = command, .texts = texts, .n_texts = 2, .structure = &own, .most_operands = 1};
    int n;
    const heed_field *config_fields = heed_config_fields(&n);
    heed_model *model = NULL;
    findings found = {0};
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "Model, where no folder is given", config_fields, n, &config, false);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = find_config(&options, &own, &config, &model, err);
    found.accounts = asked_accounts(&own);
    if (status == HEED_OK)
        status = heed_cli_measure_step(&found.accounts, &config, err);
    if (status == HEED_OK && model == NULL)
        status = heed_model_describe(&config, &model, err);
    found.model = model;
    if (status == HEED_OK)
        status = find_out(&found, &own, err);
    if (status == HEED_OK && own.json)
        print_json(&found, &own);
    else if (status == HEED_OK)
        status = print_table(&found, &own,
                             options.n_operands > 0 ? options.operands[0]
                             : own.preset != NULL   ? own.preset
                                                    : "",
                             err);
    heed_model_close(model);
    free(found.activations);
    heed_cli_release_accounts(&found.accounts);
    return status;
}

const heed_cli_command heed_cli_info = {
    .name = "info",
    .operands = "[MODEL]",
    .summary = "show a model's parameters, arithmetic and memory",
    .details =
        "Of the model in the folder MODEL, or of one that is only described by a preset and settings (with a\n"
        "vocabulary of 65 unless --vocab-size says another). Everything is counted on the graph that runs.\n",
    .examples = "  heed info story --tensors\n"
                "  heed info --preset gpt2 --batch-size 4 --context-length 256\n"
                "  heed info --preset gpt2 --batch-size 4 --recompute blocks --activations\n"
                "  heed info --preset m0 --vocab-size 200019 --batch-size 32 --memory\n"
                "  heed info --n-layers 6 --d-model 384 --flops --measure --json\n",
    .run = run,
};
