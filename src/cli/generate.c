/* SPDX-License-Identifier: MIT */
/* heed generate MODEL: a prompt, continued. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json_out.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/read_text.h"
#include "cli/writing.h"

typedef struct generate_options {
    const char *prompt;
    int64_t max_tokens, context_length, seed, threads;
    bool no_cache, json, verbose;
} generate_options;

#define AT(member) offsetof(generate_options, member)

static const heed_cli_text texts[] = {
    {"prompt", "TEXT", "what the text begins with; without it standard input, unless that is a terminal",
     AT(prompt)},
};

static const heed_field fields[] = {
    {"max_tokens", "tokens to write", HEED_FIELD_INTEGER, AT(max_tokens), 0, 1e12, NULL},
    {"context_length", "tokens the model looks back on; 0: its own. Tables of positions have no longer ones",
     HEED_FIELD_INTEGER, AT(context_length), 0, 1 << 24, NULL},
    {"seed", "of the random draws: the same seed gives the same text", HEED_FIELD_INTEGER, AT(seed), 0, 9e15,
     NULL},
    {"threads", "0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
    {"no_cache", "compute the whole text again for each token: slow, the same tokens", HEED_FIELD_BOOLEAN,
     AT(no_cache), 0, 0, NULL},
    {"json", "print one JSON object: prompt, text (what follows it), tokens, seconds", HEED_FIELD_BOOLEAN,
     AT(json), 0, 0, NULL},
    {"verbose", "say how fast it was", HEED_FIELD_BOOLEAN, AT(verbose), 0, 0, NULL},
};

/* Text to stdout as it comes. */
static bool show_piece(void *context, const char *piece, size_t n)
{
    heed_cli_stream *stream = context;

    heed_cli_stream_put(stream, piece, n);
    return stream->out != stdout || heed_cli_flush();
}

/* The prompt of the line, or of standard input less its final newline. */
static heed_status get_prompt(const char *given, char **prompt, size_t *n, heed_error *err)
{
    heed_status status = HEED_OK;

    *n = 0;
    if (given == NULL && !isatty(STDIN_FILENO)) {
        status = heed_cli_read_all(stdin, "standard input", prompt, n, err);
        if (status == HEED_OK && *n > 0 && (*prompt)[*n - 1] == '\n')
            (*prompt)[--*n] = '\0';
        return status;
    }
    *prompt = strdup(given != NULL ? given : "");
    if (*prompt == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the prompt");
    *n = strlen(*prompt);
    return HEED_OK;
}

static void show_speed(const heed_cli_writing *w)
{
    if (w->n_tokens > 1 && w->seconds > w->first_s)
        fprintf(stderr, "%lld tokens in %.2f s, %.0f tokens/s; the first after %.0f ms\n",
                (long long)w->n_tokens, w->seconds, (double)(w->n_tokens - 1) / (w->seconds - w->first_s),
                w->first_s * 1e3);
}

static heed_status generate_text(heed_cli_writing *writing, const char *prompt, size_t n_prompt,
                                 heed_error *err)
{
    heed_cli_stream stream = {.out = stdout, .safe = isatty(STDOUT_FILENO)};
    heed_status status;

    heed_cli_stream_put(&stream, prompt, n_prompt);
    heed_cli_flush();
    status = heed_cli_write(writing, show_piece, &stream, err);
    heed_cli_stream_end(&stream);
    if (stream.safe && stream.last != '\n' && stream.last != '\0')
        putchar('\n');
    heed_cli_flush();
    return status;
}

static heed_status generate_json(heed_cli_writing *writing, const char *prompt, size_t n_prompt,
                                 heed_error *err)
{
    char *text = NULL;
    size_t n = 0;
    heed_cli_stream stream = {.out = open_memstream(&text, &n)};
    heed_cli_json json = {.out = stdout};
    heed_status status;

    if (stream.out == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the text");
    status = heed_cli_write(writing, show_piece, &stream, err);
    heed_cli_stream_end(&stream);
    fclose(stream.out);
    if (status == HEED_OK) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_bytes(&json, "prompt", prompt, n_prompt);
        heed_cli_json_bytes(&json, "text", text, n);
        heed_cli_json_integer(&json, "tokens", writing->n_tokens);
        heed_cli_json_number(&json, "seconds", writing->seconds);
        heed_cli_json_close(&json, '}');
    }
    free(text);
    return status;
}

/* The prompt becomes tokens before anything is printed. */
static heed_status generate(heed_cli_writing *writing, const generate_options *own, heed_error *err)
{
    char *prompt = NULL;
    size_t n = 0;
    heed_status status = get_prompt(own->prompt, &prompt, &n, err);

    if (status == HEED_OK)
        status = heed_cli_prompt(writing->model, prompt, n, &writing->ids, &writing->n_ids, err);
    if (status == HEED_OK)
        status = (own->json ? generate_json : generate_text)(writing, prompt, n, err);
    if (status == HEED_OK && (own->verbose || (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO))))
        show_speed(writing);
    free(writing->ids);
    free(prompt);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    generate_options own = {.max_tokens = 200};
    heed_cli_writing writing = {.sampling = heed_sampling_default()};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 1,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    int n;
    const heed_field *sampling_fields = heed_sampling_fields(&n);
    heed_model *model = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "How a token is drawn", sampling_fields, n, &writing.sampling, false);
    status = heed_cli_open_model(&options, argc, argv, &model, err);
    if (model == NULL)
        return status;
    if (status == HEED_OK && own.context_length > 0)
        status = heed_config_check_length(heed_model_config(model), own.context_length, err);
    if (status == HEED_OK) {
        writing.model = model;
        writing.max_tokens = own.max_tokens;
        writing.session = (heed_session_options){.no_cache = own.no_cache,
                                                 .threads = (int)own.threads,
                                                 .seed = (uint64_t)own.seed,
                                                 .context_length = own.context_length};
        status = generate(&writing, &own, err);
    }
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_generate = {
    .name = "generate",
    .operands = "MODEL",
    .summary = "let a model continue a text",
    .details =
        "MODEL is a folder that heed train has made, or one of Hugging Face's layout with a tokenizer of\n"
        "characters. The text goes to standard output as it comes, prompt first.\n",
    .examples = "  heed generate story\n"
                "  heed generate story --prompt \"One day\" --max-tokens 400 --temperature 0.6 --seed 7\n"
                "  echo \"One day\" | heed generate story --top-k 5 --json\n",
    .run = run,
};
