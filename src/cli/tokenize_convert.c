/* SPDX-License-Identifier: MIT */
/* heed tokenize convert MODEL: any tokenizer that heed reads, as a tokenizer.json. */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/tokenize.h"

typedef struct convert_options {
    const char *out, *encoding;
    bool force;
} convert_options;

#define AT(member) offsetof(convert_options, member)

static const heed_cli_text texts[] = {
    {"out", "FILE", "where the tokenizer goes: NAME.json, or a folder for its tokenizer.json", AT(out)},
    {"encoding", "NAME", "of a .tiktoken table whose name does not say it: gpt2, cl100k_base, o200k_base",
     AT(encoding)},
};

static const heed_field fields[] = {
    {"force", "write over a file that is there", HEED_FIELD_BOOLEAN, AT(force), 0, 0, NULL},
};

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    convert_options own = {0};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 2,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    heed_tokenizer *tokenizer = NULL;
    char path[4096], shown[4096];
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK && own.out == NULL)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "tokenize convert: expected --out FILE");
    if (status == HEED_OK)
        status = heed_cli_tokenizer_path(own.out, own.force, path, sizeof path, err);
    if (status == HEED_OK)
        status = heed_cli_open_tokenizer(options.operands[0], own.encoding, &tokenizer, err);
    if (status == HEED_OK)
        status = heed_tokenizer_save(tokenizer, path, err);
    if (status == HEED_OK)
        fprintf(stderr, "%s: %s, %lld tokens\n", heed_cli_quote(shown, sizeof shown, path),
                heed_tokenizer_kind_name(tokenizer), (long long)heed_tokenizer_vocab_size(tokenizer));
    heed_tokenizer_destroy(tokenizer);
    return status;
}

const heed_cli_command heed_cli_tokenize_convert = {
    .name = "tokenize convert",
    .operands = "MODEL",
    .summary = "write a tokenizer as tokenizer.json",
    .details = "MODEL is what heed tokenize takes. Other programs read the result.\n",
    .examples = "  heed tokenize convert o200k_base.tiktoken --out o200k.json\n",
    .run = run,
};
