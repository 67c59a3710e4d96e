/* SPDX-License-Identifier: MIT */
/* heed trace MODEL ADDRESS: where a number came from. */
#include <heed/pull.h>
#include <heed/trace.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/own_text.h"
#include "cli/trace_attention.h"
#include "cli/trace_print.h"

typedef struct trace_options {
    const char *text, *config;
    heed_cli_trace_options show;
    int64_t batch_size;
    double learning_rate;
    bool step, fast, json;
} trace_options;

#define AT(member) offsetof(trace_options, member)

static const heed_cli_text texts[] = {
    {"text", "TEXT",
     "what the model reads; without it a sentence that it writes itself, or with --step what the run would "
     "read next",
     AT(text)},
    {"config", "FILE", "settings of the step from a JSON file, where MODEL is no run", AT(config)},
};

static const heed_field fields[] = {
    {"step", "trace a training step; what only a step has (grad.…, adamw.…, new.…, lr) asks for it by itself",
     HEED_FIELD_BOOLEAN, AT(step), 0, 0, NULL},
    {"batch_size", "windows of a step at most, where they come from --text; 0: the usual number",
     HEED_FIELD_INTEGER, AT(batch_size), 0, 65536, NULL},
    {"learning_rate", "of a step, where MODEL is no run; -1: the usual one", HEED_FIELD_NUMBER,
     AT(learning_rate), -1, 1e6, NULL},
    {"up", "show who reads the number", HEED_FIELD_BOOLEAN, AT(show.up), 0, 0, NULL},
    {"down", "show what it was made of, as a tree", HEED_FIELD_BOOLEAN, AT(show.down), 0, 0, NULL},
    {"depth", "of the trees; 0: 1 up, 2 down", HEED_FIELD_INTEGER, AT(show.depth), 0, 64, NULL},
    {"all", "show every number of long operands, every term of sums, steps without a name", HEED_FIELD_BOOLEAN,
     AT(show.all), 0, 0, NULL},
    {"fast", "run on this machine's fast kernels, too, and say how far off they are", HEED_FIELD_BOOLEAN,
     AT(fast), 0, 0, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- the run --- */

/* What all addresses need, and the options. */
static heed_trace_part part_of(const heed_cli_options *options, const trace_options *own)
{
    heed_trace_part part = own->step ? HEED_TRACE_STEP : HEED_TRACE_FORWARD;

    for (int i = 1; i < options->n_operands; i++) {
        const heed_trace_part its = heed_trace_part_of(options->operands[i]);
        part = its > part ? its : part;
    }
    return options->n_operands == 1 && part == HEED_TRACE_FORWARD ? HEED_TRACE_BACKWARD : part;
}

static heed_status read_text(const heed_model *model, const trace_options *own, char **text, size_t *n,
                             heed_error *err)
{
    *text = own->text != NULL ? strdup(own->text) : NULL;
    *n = own->text != NULL ? strlen(own->text) : 0;
    if (own->text == NULL)
        return heed_cli_own_text(model, text, n, err);
    return *text != NULL ? HEED_OK : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the text");
}

static heed_status trace_text(const char *folder, const trace_options *own, bool gradients, heed_model **model,
                              heed_trace **trace, heed_error *err)
{
    char *text = NULL;
    size_t n = 0;
    heed_status status = heed_model_open(folder, model, err);

    if (status == HEED_OK)
        status = read_text(*model, own, &text, &n, err);
    if (status == HEED_OK)
        status = heed_trace_text(*model, text, n, gradients, trace, err);
    free(text);
    return status;
}

static heed_status trace_step(const char *folder, const trace_options *own, heed_trace **trace, heed_error *err)
{
    heed_train_options options = heed_train_options_default();
    int n = 0;
    const heed_field *train = heed_train_fields(&n);
    const heed_settings settings = {train, n, &options};
    heed_status status = own->config != NULL ? heed_fields_load(own->config, &settings, 1, err) : HEED_OK;

    if (own->batch_size > 0)
        options.batch_size = own->batch_size;
    if (own->learning_rate >= 0.0)
        options.learning_rate = own->learning_rate;
    if (status != HEED_OK)
        return status;
    return heed_trace_step(folder, own->text, own->text != NULL ? strlen(own->text) : 0, &options, trace, err);
}

static heed_status make_trace(const heed_cli_options *options, const trace_options *own, heed_model **model,
                              heed_trace **trace, heed_error *err)
{
    char folder[HEED_PULL_PATH_BYTES];
    const heed_trace_part part = part_of(options, own);
    heed_status status = heed_model_find(options->operands[0], folder, sizeof folder, err);

    if (status != HEED_OK)
        return status;
    return part == HEED_TRACE_STEP ? trace_step(folder, own, trace, err)
                                   : trace_text(folder, own, part == HEED_TRACE_BACKWARD, model, trace, err);
}

/* --- printing --- */

enum { FEW_TOKENS = 64, LABELS = 8 }; /* of what is read are shown; columns before it */

/* Columns of a piece, safe for a terminal; it is printed, or measured alone. */
static int put_piece(const heed_trace *trace, int32_t id, bool print)
{
    char bytes[128], shown[256];
    size_t n = 0;
    const char *piece = heed_model_piece(heed_trace_model(trace), id, &n);

    n = piece == NULL ? 0 : n < sizeof bytes - 1 ? n : sizeof bytes - 1;
    memcpy(bytes, piece != NULL ? piece : "", n);
    bytes[n] = '\0';
    heed_cli_quote(shown, sizeof shown, bytes);
    if (print)
        printf("%s", shown);
    return heed_cli_characters(shown, strlen(shown));
}

/* What is read, on a line of its own where it does not fit. */
static void put_tokens(const heed_trace *trace)
{
    int64_t batch, length;
    const int32_t *ids = heed_trace_ids(trace, &batch, &length);
    const bool words = heed_model_has_tokenizer(heed_trace_model(trace));
    const char *about = heed_trace_describe(trace);
    int columns = LABELS + (int)strlen(about) + 7; /* with : "..." */

    for (int64_t i = 0; i < length && i < FEW_TOKENS; i++)
        columns += put_piece(trace, ids[i], false);
    printf("run     %s%s", about, words ? ":" : "");
    if (words)
        printf("%s\"", columns > heed_cli_columns(stdout) ? "\n        " : " ");
    for (int64_t i = 0; i < length && i < FEW_TOKENS; i++)
        put_piece(trace, ids[i], true);
    printf("%s%s\n", length > FEW_TOKENS || batch > 1 ? "..." : "", words ? "\"" : "");
}

static heed_status print_text(const heed_trace *trace, const heed_cli_options *options,
                              const trace_options *own, heed_error *err)
{
    heed_status status = HEED_OK;

    put_tokens(trace);
    if (options->n_operands == 1)
        heed_cli_trace_list(trace, own->show.all);
    for (int i = 1; i < options->n_operands && status == HEED_OK; i++) {
        heed_trace_element element;
        status = heed_trace_find(trace, options->operands[i], &element, err);
        if (i > 1)
            putchar('\n');
        if (status == HEED_OK)
            status = heed_cli_trace_print(trace, options->operands[i], element, &own->show, err);
    }
    return status;
}

static heed_status print_json(const heed_trace *trace, const heed_cli_options *options,
                              const trace_options *own, heed_error *err)
{
    heed_cli_json json = {.out = stdout};
    heed_status status = HEED_OK;

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "run", heed_trace_describe(trace));
    if (options->n_operands == 1)
        heed_cli_trace_list_json(trace, &json);
    heed_cli_json_open(&json, "numbers", '[');
    for (int i = 1; i < options->n_operands && status == HEED_OK; i++) {
        heed_trace_element element;
        status = heed_trace_find(trace, options->operands[i], &element, err);
        if (status == HEED_OK)
            status = heed_cli_trace_json(trace, options->operands[i], element, &own->show, &json, err);
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
    return status;
}

/* Once all addresses are known to be there. Without any, nothing needs to run. */
static heed_status run_trace(heed_trace *trace, const heed_cli_options *options, bool fast, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 1; i < options->n_operands && status == HEED_OK; i++) {
        heed_trace_element element;
        status = heed_trace_find(trace, options->operands[i], &element, err);
    }
    if (status == HEED_OK && options->n_operands > 1)
        status = heed_trace_run(trace, err);
    return status == HEED_OK && fast && options->n_operands > 1 ? heed_trace_run_fast(trace, err) : status;
}

/* --- the command --- */

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    trace_options own = {.learning_rate = -1.0};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 2,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 64};
    heed_model *model = NULL;
    heed_trace *trace = NULL;
    heed_status status;

    if (argc > 0 && strcmp(argv[0], "attention") == 0) /* it has options of its own */
        return heed_cli_trace_attention.run(&heed_cli_trace_attention, argc - 1, argv + 1, err);
    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = make_trace(&options, &own, &model, &trace, err);
    if (status == HEED_OK)
        status = run_trace(trace, &options, own.fast, err);
    if (status == HEED_OK)
        status = own.json ? print_json(trace, &options, &own, err) : print_text(trace, &options, &own, err);
    heed_trace_close(trace);
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_trace = {
    .name = "trace",
    .operands = "MODEL [ADDRESS...]",
    .summary = "ask any number of a run where it came from",
    .details =
        "An address is a tensor's name and an index for each axis. blocks.0.attn.scores[0,1,7,3] is what\n"
        "query 7 and key 3 score in head 1 of text 0; logits[0,2,\"e\"] takes a token as text; d.NAME is a\n"
        "gradient of the loss. Names are heed's, TransformerLens' or the checkpoint's; without an address\n"
        "they are listed. The run is made in reference arithmetic, in which computing a number again from\n"
        "what it was made of gives the very same bits. \"heed trace attention --help\" is about attention "
        "with\n"
        "pen and paper: small matrices of your own, every step worked out.\n",
    .examples = "  heed trace story\n"
                "  heed trace story 'blocks.0.attn.scores[0,1,7,3]' --text \"The cat sat down.\"\n"
                "  heed trace story 'd.blocks.0.attn.W_Q[5,9]' --down --depth 2\n"
                "  heed trace story 'new.h.0.attn.c_attn.weight[5,9]' --step\n"
                "  heed trace attention --q \"1 0; 0 1\" --k \"1 0; 0 1\" --v \"1 2; 3 4\" --causal\n",
    .run = run,
};
