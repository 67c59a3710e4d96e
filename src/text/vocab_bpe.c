/* SPDX-License-Identifier: MIT */
/*
 * Merges as a tokenizer.json, which is then read as any other: so what was learned is what will be read.
 *
 * Ids: 0 .. 255 the bytes in the order of GPT-2's alphabet, then the merges in the order of learning, then the special
 * tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_buffer.h"
#include "text/json_text.h"
#include "text/letters.h"
#include "text/pieces.h"
#include "text/vocab_kinds.h"

static void put_added(const heed_vocab_options *o, int64_t first, heed_text_buffer *out)
{
    heed_text_puts(out, "  \"added_tokens\": [");
    for (int i = 0; i < o->n_special; i++) {
        heed_text_printf(out, "%s\n    {\"id\": %lld, \"content\": ", i > 0 ? "," : "", (long long)(first + i));
        heed_json_put_string(out, o->special[i], strlen(o->special[i]));
        heed_text_puts(out, ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                            "\"normalized\": false, \"special\": true}");
    }
    heed_text_puts(out, o->n_special > 0 ? "\n  ],\n" : "],\n");
}

/* GPT-2's pattern is the one that the format has a word for; any other is written down. */
static void put_cutting(const heed_vocab_options *o, heed_text_buffer *out)
{
    const char *named = heed_pieces_named(o->pattern), *pattern = named != NULL ? named : o->pattern;

    if (named != NULL && strcmp(o->pattern, "gpt2") == 0) {
        heed_text_puts(out, "  \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                            "\"trim_offsets\": true, \"use_regex\": true},\n");
        return;
    }
    heed_text_puts(out, "  \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [\n"
                        "    {\"type\": \"Split\", \"pattern\": {\"Regex\": ");
    heed_json_put_string(out, pattern, strlen(pattern));
    heed_text_puts(out, "}, \"behavior\": \"Isolated\", \"invert\": false},\n"
                        "    {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
                        "\"use_regex\": false}\n  ]},\n");
}

/* The letters of a token. Two of them would be read as escapes. */
static void put_letters(const heed_piece_table *tokens, int32_t id, heed_text_buffer *out)
{
    const char *bytes = heed_piece_table_bytes(tokens, (uint32_t)id);

    for (uint32_t i = 0; i < tokens->pieces[id].length; i++) {
        char letter[4];

        if (bytes[i] == '"' || bytes[i] == '\\')
            heed_text_puts(out, "\\");
        heed_text_append(out, letter, heed_letter_write((unsigned char)bytes[i], letter));
    }
}

static void put_vocab(const heed_vocab_options *o, const heed_bpe_merges *m, heed_text_buffer *out)
{
    heed_text_puts(out, "    \"vocab\": {");
    for (size_t id = 0; id < m->tokens.n; id++) {
        heed_text_puts(out, id > 0 ? ",\n      \"" : "\n      \"");
        put_letters(&m->tokens, (int32_t)id, out);
        heed_text_printf(out, "\": %zu", id);
    }
    for (int i = 0; i < o->n_special; i++) {
        heed_text_puts(out, ",\n      ");
        heed_json_put_string(out, o->special[i], strlen(o->special[i]));
        heed_text_printf(out, ": %zu", m->tokens.n + (size_t)i);
    }
    heed_text_puts(out, "\n    },\n");
}

/* A space is no letter, so it may stand between the two: all versions of the library read this form. */
static void put_merges(const heed_bpe_merges *m, heed_text_buffer *out)
{
    heed_text_puts(out, "    \"merges\": [");
    for (size_t i = 0; i < m->n; i++) {
        heed_text_puts(out, i > 0 ? ",\n      \"" : "\n      \"");
        put_letters(&m->tokens, m->list[i].left, out);
        heed_text_puts(out, " ");
        put_letters(&m->tokens, m->list[i].right, out);
        heed_text_puts(out, "\"");
    }
    heed_text_puts(out, m->n > 0 ? "\n    ]\n" : "]\n");
}

/* Each special token needs a key of its own in the vocabulary, where the bytes are written as letters. */
static heed_status check_keys(const heed_vocab_options *o, const heed_bpe_merges *m, heed_error *err)
{
    for (int i = 0; i < o->n_special; i++) {
        const size_t n = strlen(o->special[i]);
        char *bytes = malloc(n);
        const ptrdiff_t length = bytes != NULL ? heed_letters_decode(o->special[i], n, bytes) : -1;
        const bool taken = length > 0 &&
                           heed_piece_table_find(&m->tokens, bytes, (size_t)length) != HEED_PIECE_NONE;
        char shown[80];

        if (bytes == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a special token");
        free(bytes);
        if (taken)
            return heed_fail(
                err, HEED_ERR_USAGE,
                "special tokens: \"%s\" is how the vocabulary writes another token; expected a text "
                "like <|endoftext|>",
                heed_quote(shown, sizeof shown, o->special[i], n));
    }
    return HEED_OK;
}

heed_status heed_vocab_make_bpe(const heed_vocab_options *o, const heed_bpe_merges *merges,
                                heed_tokenizer **tokenizer, heed_error *err)
{
    heed_text_buffer out = {0};
    heed_status status = check_keys(o, merges, err);

    if (status != HEED_OK)
        return status;
    heed_text_puts(&out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n");
    put_added(o, (int64_t)merges->tokens.n, &out);
    heed_text_puts(&out, "  \"normalizer\": null,\n");
    put_cutting(o, &out);
    heed_text_puts(&out, "  \"post_processor\": null,\n"
                         "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                         "\"trim_offsets\": true, \"use_regex\": true},\n"
                         "  \"model\": {\n"
                         "    \"type\": \"BPE\",\n"
                         "    \"dropout\": null,\n"
                         "    \"unk_token\": null,\n"
                         "    \"continuing_subword_prefix\": null,\n"
                         "    \"end_of_word_suffix\": null,\n"
                         "    \"fuse_unk\": false,\n"
                         "    \"byte_fallback\": false,\n");
    put_vocab(o, merges, &out);
    put_merges(merges, &out);
    heed_text_puts(&out, "  }\n}\n");
    status = out.failed ? heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a vocabulary of %zu tokens",
                                    merges->tokens.n)
                        : heed_tokenizer_parse(out.data, out.size, "the vocabulary", tokenizer, err);
    heed_text_free(&out);
    return status;
}
