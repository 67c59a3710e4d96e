/* SPDX-License-Identifier: MIT */
/*
 * A byte-level BPE tokenizer as a tokenizer.json.
 *
 * A table of ranks becomes a list of merges: of each token, in the order of ranks, every way to make it of two others.
 * With the token's own piece taken whole ("ignore_merges") the ids are the same. Added tokens stand in the vocabulary,
 * too: so the tokenizers library keeps their ids, where it would otherwise count on from the vocabulary's end.
 */
#include <stdio.h>
#include <string.h>

#include "formats/json.h"
#include "text/bpe.h"
#include "text/letters.h"

/* text as the inside of a JSON string; what is no UTF-8 cannot be here. */
static void write_text(heed_text_buffer *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\')
            heed_text_printf(out, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            heed_text_printf(out, "\\u%04x", byte);
        else
            heed_text_append(out, text + i, 1);
    }
}

/* Bytes as letters. */
static void write_letters(heed_text_buffer *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char letter[4];
        const size_t length = heed_letter_write((unsigned char)bytes[i], letter);

        if (length == 1 && (letter[0] == '"' || letter[0] == '\\'))
            heed_text_append(out, "\\", 1);
        heed_text_append(out, letter, length);
    }
}

static void write_part(heed_text_buffer *out, const json_t *parts, const char *name)
{
    const json_t *part = json_object_get(parts, name);

    heed_text_printf(out, "  \"%s\": ", name);
    if (json_is_null(part) || part == NULL)
        heed_text_puts(out, "null");
    else if (heed_json_format(part, 0, out, NULL) != HEED_OK)
        out->failed = true;
    heed_text_puts(out, ",\n");
}

static const char *word(bool value)
{
    return value ? "true" : "false";
}

static void write_added(heed_text_buffer *out, const heed_added_set *set)
{
    heed_text_puts(out, "  \"added_tokens\": [");
    for (size_t i = 0; i < set->n; i++) {
        const heed_added *token = &set->items[set->by_id[i]];

        heed_text_printf(out, "%s\n    {\"id\": %d, \"content\": \"", i > 0 ? "," : "", (int)token->id);
        write_text(out, token->text, token->n);
        heed_text_printf(out,
                         "\", \"single_word\": %s, \"lstrip\": %s, \"rstrip\": %s, \"normalized\": %s, "
                         "\"special\": %s}",
                         word(token->single_word), word(token->left_strip), word(token->right_strip),
                         word(token->normalized), word(token->special));
    }
    heed_text_puts(out, set->n > 0 ? "\n  ],\n" : "],\n");
}

static void write_vocab(heed_text_buffer *out, const heed_bpe *bpe)
{
    const int64_t n = heed_tokenizer_vocab_size(&bpe->base);
    const char *comma = "";

    heed_text_puts(out, "    \"vocab\": {");
    /* further behind the others a token is an added one alone */
    for (int64_t id = 0; id < n && id < (int64_t)(bpe->vocabulary.n + HEED_MAX_ID_HOLES); id++) {
        const heed_added *added = heed_added_by_id(&bpe->added, id);
        size_t length = 0;
        const char *piece = heed_vocabulary_piece(&bpe->vocabulary, id, &length);

        if (added == NULL && piece == NULL)
            continue;
        heed_text_puts(out, comma);
        heed_text_puts(out, "\n      \"");
        if (added != NULL)
            write_text(out, added->text, added->n);
        else if (heed_vocabulary_hides(&bpe->vocabulary, id))
            write_text(out, piece, length);
        else
            write_letters(out, piece, length);
        heed_text_printf(out, "\": %lld", (long long)id);
        comma = ",";
    }
    heed_text_puts(out, "\n    },\n");
}

static void write_merge(heed_text_buffer *out, const char *left, size_t n_left, const char *right,
                        size_t n_right, size_t *count)
{
    heed_text_puts(out, *count > 0 ? ",\n      \"" : "\n      \"");
    write_letters(out, left, n_left);
    heed_text_puts(out, " ");
    write_letters(out, right, n_right);
    heed_text_puts(out, "\"");
    (*count)++;
}

static void write_merges(heed_text_buffer *out, const heed_bpe *bpe)
{
    const heed_vocabulary *v = &bpe->vocabulary;
    size_t count = 0;

    heed_text_puts(out, "    \"merges\": [");
    for (size_t i = 0; i < bpe->n_merges; i++) {
        size_t n = 0, m = 0;
        const char *left = heed_vocabulary_piece(v, bpe->merges[i].left, &n);
        const char *right = heed_vocabulary_piece(v, bpe->merges[i].right, &m);

        write_merge(out, left, n, right, m, &count);
    }
    for (int64_t id = 0; bpe->by_ranks && id < v->size; id++) {
        size_t n = 0;
        const char *piece = heed_vocabulary_piece(v, id, &n);

        for (size_t k = 1; piece != NULL && k < n; k++)
            if (heed_vocabulary_find(v, piece, k) >= 0 && heed_vocabulary_find(v, piece + k, n - k) >= 0)
                write_merge(out, piece, k, piece + k, n - k, &count);
    }
    heed_text_puts(out, "\n    ]\n");
}

void heed_bpe_write(const heed_tokenizer *tokenizer, heed_text_buffer *out)
{
    const heed_bpe *bpe = (const heed_bpe *)tokenizer;

    heed_text_puts(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n");
    write_added(out, &bpe->added);
    write_part(out, bpe->parts, "normalizer");
    write_part(out, bpe->parts, "pre_tokenizer");
    write_part(out, bpe->parts, "post_processor");
    write_part(out, bpe->parts, "decoder");
    heed_text_puts(out, "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ");
    if (bpe->unknown >= 0) {
        size_t n = 0;
        const char *piece = heed_vocabulary_piece(&bpe->vocabulary, bpe->unknown, &n);

        heed_text_puts(out, "\"");
        write_letters(out, piece, n);
        heed_text_puts(out, "\"");
    } else {
        heed_text_puts(out, "null");
    }
    heed_text_printf(out,
                     ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
                     "    \"fuse_unk\": %s,\n    \"byte_fallback\": false,\n    \"ignore_merges\": %s,\n",
                     word(bpe->fuse_unknown), word(bpe->whole));
    write_vocab(out, bpe);
    write_merges(out, bpe);
    heed_text_puts(out, "  }\n}\n");
}
