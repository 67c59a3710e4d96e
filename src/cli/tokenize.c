/* SPDX-License-Identifier: MIT */
/* heed tokenize MODEL [FILE...]: text to tokens, and tokens to text. */
#include "cli/tokenize.h"

#include <errno.h>
#include <heed/pull.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out_file.h"
#include "cli/output.h"

#define AT(member) offsetof(heed_cli_tokenize_options, member)

static const heed_cli_text texts[] = {
    {"text", "TEXT", "this text, instead of files", AT(text)},
    {"out", "FILE",
     "write here instead of printing: ids as 32-bit numbers, the least byte first; text with --decode",
     AT(out)},
    {"tokens", "FILE", "write all texts as one token file, for heed train FILE --tokenizer MODEL", AT(tokens)},
    {"text_field", "NAMES",
     "with --tokens, of .jsonl files: what to read, with commas between; text unless given", AT(text_field)},
    {"target_field", "NAME", "with --tokens, of .jsonl files: the only field whose tokens are to be learned",
     AT(target_field)},
    {"encoding", "NAME", "of a .tiktoken table whose name does not say it: gpt2, cl100k_base, o200k_base",
     AT(encoding)},
};

static const heed_field fields[] = {
    {"pieces", "show each token's text beside its id; on a terminal the text, with tokens in turning colours",
     HEED_FIELD_BOOLEAN, AT(pieces), 0, 0, NULL},
    {"count", "print how many tokens and bytes, and no tokens", HEED_FIELD_BOOLEAN, AT(count), 0, 0, NULL},
    {"special", "special tokens act where the text spells them, such as <|endoftext|>; else they are text",
     HEED_FIELD_BOOLEAN, AT(special), 0, 0, NULL},
    {"complete", "add what the tokenizer puts around a text, such as a first <s>", HEED_FIELD_BOOLEAN,
     AT(complete), 0, 0, NULL},
    {"decode", "the other way round: FILEs hold ids with spaces, commas or line ends between",
     HEED_FIELD_BOOLEAN, AT(decode), 0, 0, NULL},
    {"raw", "with --decode: ids are 32-bit numbers, as --out writes them", HEED_FIELD_BOOLEAN, AT(raw), 0, 0,
     NULL},
    {"force", "--out and --tokens may write over a file that is there", HEED_FIELD_BOOLEAN, AT(force), 0, 0,
     NULL},
    {"threads", "0: one a processor; tokens do not depend on it", HEED_FIELD_INTEGER, AT(threads), 0, 1024,
     NULL},
    {"json", "print one JSON object: for each text its ids (with --pieces: tokens), their number, its bytes",
     HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

heed_status heed_cli_open_tokenizer(const char *path, const char *encoding, heed_tokenizer **tokenizer,
                                    heed_error *err)
{
    static const heed_field words[] = {{.name = "train"}, {.name = "convert"}};
    const char *near = heed_field_nearest(words, 2, path);
    char found[HEED_PULL_PATH_BYTES];
    heed_status status = heed_model_find(path, found, sizeof found, err);

    *tokenizer = NULL;
    if (status == HEED_OK)
        status = heed_tokenizer_open(found, encoding, tokenizer, err);
    if (status != HEED_OK && near != NULL && access(path, F_OK) != 0)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "there is no tokenizer \"%.64s\"; did you mean \"heed tokenize %s\"?", path, near);
    return status;
}

heed_status heed_cli_tokenizer_path(const char *out, bool force, char *path, size_t size, heed_error *err)
{
    const size_t n = strlen(out);
    const bool file = n > 5 && strcmp(out + n - 5, ".json") == 0;

    if (snprintf(path, size, "%s%s", out, file ? "" : "/tokenizer.json") >= (int)size)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%.300s...: the path is too long", out);
    if (!file && mkdir(out, 0777) != 0 && errno != EEXIST)
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be made: %s", out, strerror(errno));
    return heed_cli_out_check(path, force, err);
}

/* Of two options that exclude each other. */
static heed_status check_pairs(const heed_cli_options *options, const heed_cli_tokenize_options *own,
                               heed_error *err)
{
    const struct {
        bool both;
        const char *words;
    } pairs[] = {
        {own->text != NULL && options->n_operands > 1, "--text or files, got both"},
        {own->text != NULL && own->decode, "--text or --decode, got both"},
        {own->raw && !own->decode, "--raw together with --decode only"},
        {own->decode && (own->pieces || own->count || own->json || own->special || own->complete),
         "nothing but --raw, --out and files beside --decode"},
        {own->out != NULL && (own->pieces || own->json || own->count),
         "--out, or one of --pieces, --count and --json, got both"},
        {own->count && own->pieces, "--count or --pieces, got both"},
        {own->tokens != NULL && (own->text != NULL || own->out != NULL || own->decode || own->pieces ||
                                 own->count || own->json || own->special || own->complete),
         "nothing but files, fields, --force and --threads beside --tokens"},
        {own->tokens != NULL && options->n_operands < 2, "files beside --tokens"},
        {own->tokens == NULL && (own->text_field != NULL || own->target_field != NULL),
         "--text-field and --target-field together with --tokens only"},
        {own->force && own->out == NULL && own->tokens == NULL, "--force together with --out or --tokens only"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (pairs[i].both)
            return heed_cli_fail(err, HEED_ERR_USAGE, "tokenize: expected %s", pairs[i].words);
    }
    return HEED_OK;
}

static heed_status copy_name(char *to, size_t size, const char *from, const char *option, heed_error *err)
{
    if (from != NULL && snprintf(to, size, "%s", from) >= (int)size)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected at most %zu bytes", option, size - 1);
    return HEED_OK;
}

static heed_status write_tokens(const heed_cli_tokenizing *t, heed_error *err)
{
    const heed_cli_tokenize_options *own = t->own;
    heed_train_options options = heed_train_options_default();
    int64_t n_tokens = 0, n_bytes = 0;
    char tokens[32], bytes[32], shown[256];
    heed_status status = heed_cli_out_check(own->tokens, own->force, err);

    options.threads = own->threads;
    if (status == HEED_OK)
        status = copy_name(options.text_field, sizeof options.text_field, own->text_field, "--text-field", err);
    if (status == HEED_OK)
        status = copy_name(options.target_field, sizeof options.target_field, own->target_field,
                           "--target-field", err);
    if (status == HEED_OK)
        status = heed_tokenizer_write_tokens(t->tokenizer, t->files, t->n_files, &options, own->tokens,
                                             &n_tokens, &n_bytes, err);
    if (status == HEED_OK)
        fprintf(stderr, "%s tokens of %s bytes in %s\n", heed_cli_grouped(tokens, (double)n_tokens),
                heed_cli_grouped(bytes, (double)n_bytes), heed_cli_quote(shown, sizeof shown, own->tokens));
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_cli_tokenize_options own = {0};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = (int)(sizeof texts / sizeof texts[0]),
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = HEED_CLI_MAX_OPERANDS};
    heed_cli_tokenizing t = {.own = &own};
    heed_tokenizer *tokenizer = NULL;
    heed_status status;

    if (argc > 0 && strcmp(argv[0], "train") == 0)
        return heed_cli_tokenize_train.run(&heed_cli_tokenize_train, argc - 1, argv + 1, err);
    if (argc > 0 && strcmp(argv[0], "convert") == 0)
        return heed_cli_tokenize_convert.run(&heed_cli_tokenize_convert, argc - 1, argv + 1, err);
    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = check_pairs(&options, &own, err);
    if (status == HEED_OK)
        status = heed_cli_open_tokenizer(options.operands[0], own.encoding, &tokenizer, err);
    if (status == HEED_OK) {
        t.name = options.operands[0];
        t.tokenizer = tokenizer;
        t.files = options.operands + 1;
        t.n_files = options.n_operands - 1;
        if (own.tokens != NULL)
            status = write_tokens(&t, err);
        else
            status = (own.decode ? heed_cli_tokenize_ids : heed_cli_tokenize_texts)(&t, err);
    }
    heed_tokenizer_destroy(tokenizer);
    return status;
}

const heed_cli_command heed_cli_tokenize = {
    .name = "tokenize",
    .operands = "MODEL [FILE...]",
    .summary = "turn text into tokens and back; train and convert tokenizers",
    .details =
        "MODEL is a model's folder or name, or a file with a tokenizer: tokenizer.json, vocab.json beside\n"
        "merges.txt, a .tiktoken table. Without FILEs the text comes from standard input. Each text's ids are\n"
        "one line. Files may be larger than memory. heed tokenize train learns a vocabulary from texts, and\n"
        "heed tokenize convert writes any tokenizer as tokenizer.json. Both have options of their own, which\n"
        "--help behind them shows.\n",
    .examples = "  heed tokenize gpt2 --text \"To be, or not to be\" --pieces\n"
                "  heed tokenize gpt2 notes.txt | heed tokenize gpt2 --decode\n"
                "  heed tokenize gpt2 *.txt --count\n"
                "  heed tokenize gpt2 corpus.txt --out corpus.ids\n"
                "  heed tokenize gpt2 corpus.txt notes.jsonl --tokens corpus.tokens\n",
    .run = run,
};
