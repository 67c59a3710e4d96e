/* SPDX-License-Identifier: MIT */
/* heed eval MODEL TEXT: how well a model predicts a text. */
#include <heed/session.h>
#include <math.h>
#include <stdlib.h>

#include "cli/json_out.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/read_text.h"

typedef struct eval_options {
    int64_t context_length, last, threads;
    bool json;
} eval_options;

#define AT(member) offsetof(eval_options, member)

static const heed_field fields[] = {
    {"context_length", "tokens of a window; 0: the model's. Tables of positions have no longer ones",
     HEED_FIELD_INTEGER, AT(context_length), 0, 1 << 24, NULL},
    {"last", "count only the last so many tokens of each window; 0: all", HEED_FIELD_INTEGER, AT(last), 0,
     1 << 24, NULL},
    {"threads", "0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* How the text was cut. */
typedef struct windows {
    int64_t length, last; /* tokens of a window, and how many of them count; last 0: all */
} windows;

static void print_json(const char *model, const char *text, const heed_evaluation *e, const windows *w)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "model", model);
    heed_cli_json_text(&json, "text", text);
    heed_cli_json_number(&json, "loss", e->loss);
    heed_cli_json_number(&json, "perplexity", e->perplexity);
    if (!isnan(e->nats_per_byte))
        heed_cli_json_number(&json, "bits_per_byte", e->nats_per_byte / log(2.0));
    heed_cli_json_integer(&json, "tokens", e->n_tokens);
    heed_cli_json_integer(&json, "context_length", w->length);
    heed_cli_json_integer(&json, "last", w->last);
    heed_cli_json_close(&json, '}');
}

static void print_table(const heed_evaluation *e, const windows *w)
{
    char tokens[32], length[32], last[32];

    printf("loss           %.4f nats a token\n", e->loss);
    printf("perplexity     %.4f\n", e->perplexity);
    if (!isnan(e->nats_per_byte))
        printf("bits per byte  %.4f\n", e->nats_per_byte / log(2.0));
    printf("tokens         %s predicted\n", heed_cli_grouped(tokens, (double)e->n_tokens));
    printf("windows        of %s", heed_cli_grouped(length, (double)w->length));
    if (w->last > 0)
        printf(", the last %s of each count", heed_cli_grouped(last, (double)w->last));
    printf("\n");
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    eval_options own = {0};
    heed_cli_options options = {.command = command, .least_operands = 2, .most_operands = 2};
    heed_model *model = NULL;
    heed_evaluation evaluation;
    windows cut;
    char *text = NULL;
    size_t n = 0;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_open_model(&options, argc, argv, &model, err);
    if (model == NULL)
        return status;
    cut.length = own.context_length > 0 ? own.context_length : heed_model_config(model)->context_length;
    cut.last = own.last < cut.length ? own.last : 0;
    status = heed_cli_read_file(options.operands[1], &text, &n, err);
    if (status == HEED_OK) {
        const heed_evaluation_options how = {
            .context_length = own.context_length, .last = cut.last, .threads = (int)own.threads};
        status = heed_model_evaluate(model, text, n, options.operands[1], &how, &evaluation, err);
    }
    if (status == HEED_OK && own.json)
        print_json(options.operands[0], options.operands[1], &evaluation, &cut);
    else if (status == HEED_OK)
        print_table(&evaluation, &cut);
    free(text);
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_eval = {
    .name = "eval",
    .operands = "MODEL TEXT",
    .summary = "measure how well a model predicts a text",
    .details =
        "The loss is the mean over every token of the file TEXT but the first, in windows of the model's\n"
        "context that do not overlap. Beyond the length that a model was trained on, positions with a formula\n"
        "(rotary, alibi, sinusoidal, none, transformer_xl) have values and tables have not.\n",
    .examples = "  heed eval story other-stories.txt\n"
                "  heed eval plays shakespeare.txt --json\n"
                "  heed eval far shakespeare.txt --context-length 256 --last 16\n",
    .run = run,
};
