/* SPDX-License-Identifier: MIT */
/* heed convert MODEL OUT: a model once more, in another precision, under other names, in parts. */
#include <heed/convert.h>
#include <heed/pull.h>
#include <stdlib.h>
#include <string.h>

#include "cli/interrupt.h"
#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/output.h"

typedef struct convert_options {
    const char *max_shard_size;
    bool json;
} convert_options;

static const heed_cli_text texts[] = {
    {"max_shard_size", "SIZE", "begin a new file where one would hold more: 500MB, 2GB, 1GiB, or bytes",
     offsetof(convert_options, max_shard_size)},
};

static const heed_field fields[] = {
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, offsetof(convert_options, json), 0, 0, NULL},
};

/* "2GB" in bytes. */
static heed_status read_size(const char *text, int64_t *bytes, heed_error *err)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"", 1},     {"B", 1},      {"KB", 1e3},      {"MB", 1e6},
                 {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824.0}};
    char shown[80], *end = NULL;
    const double n = strtod(text, &end);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (end != text && strcmp(end, units[i].name) == 0 && n * units[i].bytes >= 1 &&
            n * units[i].bytes < 1e18) {
            *bytes = (int64_t)(n * units[i].bytes);
            return HEED_OK;
        }
    }
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "--max-shard-size: expected a size such as 500MB, 2GB or 1GiB, got \"%s\"",
                         heed_cli_quote(shown, sizeof shown, text));
}

/* A line on a terminal that is written over itself. */
typedef struct live_line {
    bool on;
    double shown_s; /* when */
} live_line;

static bool show_progress(void *context, double done, double all)
{
    live_line *line = context;
    const double now = heed_cli_seconds();
    char a[32], b[32];

    if (line->on && now - line->shown_s > 0.1) {
        fprintf(stderr, "\r\033[K%s of %s", heed_cli_bytes(a, done), heed_cli_bytes(b, all));
        line->shown_s = now;
    }
    return !heed_cli_interrupted();
}

static void print_json(const char *out, const heed_conversion *c)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "model", out);
    heed_cli_json_integer(&json, "tensors", c->n_tensors);
    heed_cli_json_integer(&json, "files", c->n_files);
    heed_cli_json_number(&json, "bytes", c->bytes);
    heed_cli_json_integer(&json, "copied", c->n_copied);
    heed_cli_json_bool(&json, "for_transformers", c->for_transformers);
    heed_cli_json_close(&json, '}');
}

static void print_table(const char *out, const heed_conversion *c)
{
    char bytes[32], shown[256];

    printf("model    %s\n", heed_cli_quote(shown, sizeof shown, out));
    printf("weights  %d tensors, %s in %d file%s\n", c->n_tensors, heed_cli_bytes(bytes, c->bytes), c->n_files,
           c->n_files == 1 ? "" : "s");
    printf("beside   config.json");
    if (c->n_copied > 0)
        printf(c->n_copied == 1 ? ", %d file as it was" : ", %d files as they were", c->n_copied);
    printf("\nopens    in heed%s\n", c->for_transformers ? ", and in transformers as GPT2LMHeadModel" : "");
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    convert_options own = {0};
    heed_convert_options convert = heed_convert_options_default();
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .structure = &own,
                                .least_operands = 2,
                                .most_operands = 2};
    char folder[HEED_PULL_PATH_BYTES];
    heed_conversion done;
    int n;
    const heed_field *convert_fields = heed_convert_fields(&n);
    live_line line = {.on = heed_cli_is_terminal(stderr)};
    heed_status status;

    heed_cli_add_group(&options, NULL, convert_fields, n, &convert, true);
    heed_cli_add_group(&options, NULL, fields, 1, &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK && own.max_shard_size != NULL)
        status = read_size(own.max_shard_size, &convert.max_shard_bytes, err);
    if (status == HEED_OK)
        status = heed_model_find(options.operands[0], folder, sizeof folder, err);
    if (status != HEED_OK)
        return status;
    convert.progress = show_progress;
    convert.progress_context = &line;
    heed_cli_catch_interrupts(NULL);
    status = heed_model_convert(folder, options.operands[1], &convert, &done, err);
    if (line.on)
        fputs("\r\033[K", stderr);
    if (status == HEED_OK && own.json)
        print_json(options.operands[1], &done);
    else if (status == HEED_OK)
        print_table(options.operands[1], &done);
    return status;
}

const heed_cli_command heed_cli_convert = {
    .name = "convert",
    .operands = "MODEL OUT",
    .summary = "write a model in another precision, layout or number of files",
    .details =
        "Writes the model in the folder MODEL, or the pulled model of that name, as the new folder OUT, with\n"
        "its tokenizer's files. Numbers are rounded to the nearest, ties to even. OUT appears as a whole: an\n"
        "interrupted conversion leaves nothing. What GPT-2's architecture can express opens in\n"
        "transformers as GPT2LMHeadModel.\n",
    .examples = "  heed convert gpt2 gpt2-bf16 --dtype bf16\n"
                "  heed convert gpt2 parts --max-shard-size 100MB --no-prefix\n"
                "  heed convert story story-untied --head untied\n",
    .run = run,
};
