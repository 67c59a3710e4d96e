/* SPDX-License-Identifier: MIT */
/* heed generate MODEL: prompts, continued. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/diagnose.h"
#include "cli/generate_out.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/read_text.h"

typedef struct own_options {
    const char *prompt_file, *prompts;
    heed_cli_list prompt, stop;
    int64_t context_length, seed, threads;
    int overflow;
    bool no_cache, json, verbose, diagnose;
} own_options;

#define AT(member) offsetof(own_options, member)

static const heed_cli_text texts[] = {
    {"prompt_file", "FILE", "the text is what this file holds, less a final newline; - is standard input",
     AT(prompt_file)},
    {"prompts", "FILE", "one prompt a line, or JSON objects with a \"prompt\", one a line; - is standard input",
     AT(prompts)},
};

static const heed_cli_text lists[] = {
    {"prompt", "TEXT",
     "what the text begins with; several times: several texts, written side by side. Without any "
     "prompt: standard input, unless that is a terminal",
     AT(prompt)},
    {"stop", "TEXT", "ends the text before this comes; may be given several times", AT(stop)},
};

static const char *const overflows[] = {"slide", "stop", "error", NULL};

static const heed_field fields[] = {
    {"context_length", "tokens the model looks back on; 0: its own. Tables of positions have no longer ones",
     HEED_FIELD_INTEGER, AT(context_length), 0, 1 << 24, NULL},
    {"overflow",
     "when the context is full: forget the older half and go on; end the text; or refuse what may not fit",
     HEED_FIELD_CHOICE, AT(overflow), 0, 0, overflows},
    {"seed", "of the random draws: the same seed gives the same text", HEED_FIELD_INTEGER, AT(seed), 0, 9e15,
     NULL},
    {"threads", "0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
    {"no_cache", "compute the whole text again for each token: slow, the same tokens", HEED_FIELD_BOOLEAN,
     AT(no_cache), 0, 0, NULL},
    {"json", "print an object a text: prompt, text (what follows it), ids, why it ended, what was asked for",
     HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
    {"diagnose",
     "look into one text: where it goes in a circle, how sure each token was, what was looked at; a verdict, "
     "and "
     "what helps, tried",
     HEED_FIELD_BOOLEAN, AT(diagnose), 0, 0, NULL},
    {"verbose", "say how fast it was", HEED_FIELD_BOOLEAN, AT(verbose), 0, 0, NULL},
};

/* --- prompts --- */

/* What is continued; the texts are in `list`, `text` or the arguments. */
typedef struct prompts {
    heed_prompt *list; /* allocated */
    int64_t n;
    char *text; /* of a file; allocated */
} prompts;

static heed_status read_named(const char *path, char **text, size_t *n, heed_error *err)
{
    if (strcmp(path, "-") == 0)
        return heed_cli_read_all(stdin, "standard input", text, n, err);
    return heed_cli_read_file(path, text, n, err);
}

/* A whole text less its final newline. */
static heed_status read_whole(const char *path, prompts *p, heed_error *err)
{
    size_t n = 0;
    heed_status status = read_named(path, &p->text, &n, err);

    if (status == HEED_OK && n > 0 && p->text[n - 1] == '\n')
        n--;
    if (status == HEED_OK)
        *p->list = (heed_prompt){.text = p->text, .n_text = n};
    return status;
}

static heed_status read_lines(const char *path, prompts *p, heed_error *err)
{
    size_t n = 0;
    heed_status status = read_named(path, &p->text, &n, err);

    if (status == HEED_OK)
        status = heed_prompts_parse(p->text, n, strcmp(path, "-") == 0 ? "standard input" : path, &p->list,
                                    &p->n, err);
    return status;
}

static heed_status get_prompts(const own_options *own, prompts *p, heed_error *err)
{
    const int n_sources = (own->prompt.n > 0) + (own->prompt_file != NULL) + (own->prompts != NULL);

    if (n_sources > 1)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected one of --prompt, --prompt-file and --prompts");
    if (own->prompts != NULL)
        return read_lines(own->prompts, p, err);
    p->n = own->prompt.n > 0 ? own->prompt.n : 1;
    p->list = calloc((size_t)p->n, sizeof *p->list);
    if (p->list == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the prompts");
    for (int i = 0; i < own->prompt.n; i++)
        p->list[i] = (heed_prompt){.text = own->prompt.items[i], .n_text = strlen(own->prompt.items[i])};
    if (own->prompt_file != NULL)
        return read_whole(own->prompt_file, p, err);
    if (own->prompt.n == 0 && !isatty(STDIN_FILENO))
        return read_whole("-", p, err);
    if (own->prompt.n == 0)
        *p->list = (heed_prompt){.text = ""};
    return HEED_OK;
}

/* --- the command --- */

static heed_status check(const heed_cli_options *options, const heed_generate_options *o,
                         const heed_model *model, heed_error *err)
{
    const char *drawing = heed_cli_given(options, &o->sampling);
    heed_status status = HEED_OK;

    if (o->session.context_length > 0)
        status = heed_config_check_length(heed_model_config(model), o->session.context_length, err);
    if (status == HEED_OK && o->beams > 0 && drawing != NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "--beams and %s exclude each other: beam search draws nothing", drawing);
    return status;
}

/* One text is looked into, and what only ends or numbers texts has no part in it. */
static heed_status check_diagnose(const own_options *own, const heed_generate_options *o, int64_t n_prompts,
                                  heed_error *err)
{
    const char *other = o->n > 1           ? "--n"
                        : o->beams > 0     ? "--beams"
                        : own->stop.n > 0  ? "--stop"
                        : o->likeliest > 0 ? "--likeliest"
                        : n_prompts > 1    ? "several prompts"
                                           : NULL;

    if (other == NULL)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "--diagnose looks into one text that is drawn, so %s cannot be given", other);
}

/* Prompts become tokens before anything is printed. */
static heed_status generate(const heed_model *model, const own_options *own, const heed_generate_options *o,
                            heed_error *err)
{
    const bool speed = own->verbose || (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO));
    heed_cli_generated out;
    prompts p = {0};
    heed_status status = get_prompts(own, &p, err);

    if (status == HEED_OK && own->diagnose) {
        status = check_diagnose(own, o, p.n, err);
        if (status == HEED_OK)
            status = heed_cli_diagnose(model, p.list, o, own->json, err);
    } else if (status == HEED_OK) {
        status = heed_cli_generated_open(&out, model, p.list, p.n, o, own->json, err);
        if (status == HEED_OK)
            status = heed_generate(model, p.list, p.n, o, heed_cli_generated_take, &out, out.results, err);
        status = heed_cli_generated_close(&out, status, speed, err);
    }
    free(p.list);
    free(p.text);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    own_options own = {0};
    heed_generate_options o = heed_generate_default();
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 2,
                                .lists = lists,
                                .n_lists = 2,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    int n, n_sampling;
    const heed_field *generate_fields = heed_generate_fields(&n);
    const heed_field *sampling_fields = heed_sampling_fields(&n_sampling);
    heed_model *model = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "What is written", generate_fields, n, &o, true);
    heed_cli_add_group(&options, "How a token is drawn", sampling_fields, n_sampling, &o.sampling, true);
    status = heed_cli_open_model(&options, argc, argv, &model, err);
    if (model == NULL)
        return status;
    o.stop = own.stop.items;
    o.n_stop = own.stop.n;
    o.session = (heed_session_options){.no_cache = own.no_cache,
                                       .threads = (int)own.threads,
                                       .seed = (uint64_t)own.seed,
                                       .context_length = own.context_length,
                                       .overflow = (heed_overflow)own.overflow};
    if (status == HEED_OK)
        status = check(&options, &o, model, err);
    if (status == HEED_OK)
        status = generate(model, &own, &o, err);
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_generate = {
    .name = "generate",
    .operands = "MODEL",
    .summary = "let a model continue a text",
    .details =
        "MODEL is a folder that heed train has made, or one of Hugging Face's layout, or the name of a pulled\n"
        "model. The text goes to standard output as it comes, prompt first; several texts in their order, an\n"
        "empty line between. Penalties act on tokens that were there before. Bytes that are no UTF-8 are\n"
        "shown as U+FFFD on a terminal, and go into a file or a pipe as they are.\n",
    .examples = "  heed generate story\n"
                "  heed generate story --prompt \"One day\" --max-tokens 400 --temperature 0.6 --seed 7\n"
                "  echo \"One day\" | heed generate story --top-k 5 --stop . --json\n"
                "  heed generate story --prompts days.txt --n 4 --batch-size 16 --json\n"
                "  heed generate story --prompt \"One day\" --temperature 0 --diagnose\n"
                "  heed generate story --prompt \"One day\" --beams 4 --length-penalty 0.6 --n 2\n",
    .run = run,
};
