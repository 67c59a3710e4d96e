/* SPDX-License-Identifier: MIT */
/* What stands around the model in a tokenizer.json. Whatever is not done here is refused by its name. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "formats/json.h"
#include "text/bpe.h"
#include "text/letters.h"
#include "text/pattern.h"

#define MAX_ID           ((int64_t)1 << 24)
#define MAX_TEMPLATE_IDS 4096 /* a token of many ids may be named many times */

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));

    return type != NULL ? type : "without a type";
}

static bool is(const json_t *part, const char *type)
{
    return strcmp(type_of(part), type) == 0;
}

static heed_status refuse(const char *name, const char *part, const char *what, heed_error *err)
{
    char shown[80];

    return heed_fail(err, HEED_ERR_FILE, "%s: the %s \"%s\" is not supported", name, part,
                     heed_quote(shown, sizeof shown, what, strlen(what)));
}

/* ---- pre_tokenizer --------------------------------------------------------------------------------------------- */

typedef struct reading {
    heed_bpe *bpe;
    const char *name;
    heed_error *err;
    bool letters; /* a ByteLevel has turned bytes into letters: what follows sees those */
} reading;

static heed_status read_byte_level(reading *r, const json_t *part)
{
    heed_json_reader reader = heed_json_read(part, r->name, r->err);
    const bool prefix = heed_json_bool(&reader, "add_prefix_space", true);
    const bool regex = heed_json_bool(&reader, "use_regex", true);
    heed_status status = reader.status;

    if (status == HEED_OK && r->letters)
        return refuse(r->name, "pre_tokenizer", "ByteLevel twice", r->err);
    if (status == HEED_OK && prefix && r->bpe->pieces->n_stages > 0)
        return refuse(r->name, "pre_tokenizer", "ByteLevel with add_prefix_space behind other steps", r->err);
    r->bpe->prefix_space = prefix;
    if (status == HEED_OK && regex)
        status = heed_pieces_add(r->bpe->pieces, heed_pieces_named("gpt2"), HEED_SPLIT_ISOLATED, false, false,
                                 r->name, r->err);
    r->letters = true;
    return status;
}

static heed_status read_behavior(reading *r, const json_t *part, heed_split fallback, heed_split *split)
{
    static const char *const names[HEED_N_SPLITS] = {
        [HEED_SPLIT_ISOLATED] = "Isolated",
        [HEED_SPLIT_REMOVED] = "Removed",
        [HEED_SPLIT_MERGED_PREVIOUS] = "MergedWithPrevious",
        [HEED_SPLIT_MERGED_NEXT] = "MergedWithNext",
        [HEED_SPLIT_CONTIGUOUS] = "Contiguous",
    };
    heed_json_reader reader = heed_json_read(part, r->name, r->err);

    *split = (heed_split)heed_json_choice(&reader, "behavior", names, HEED_N_SPLITS, (int)fallback);
    return reader.status;
}

static heed_status read_split(reading *r, const json_t *part)
{
    const json_t *pattern = json_object_get(part, "pattern");
    const json_t *string = json_object_get(pattern, "String"), *regex = json_object_get(pattern, "Regex");
    heed_json_reader reader = heed_json_read(part, r->name, r->err);
    const bool invert = heed_json_bool(&reader, "invert", false);
    heed_text_buffer text = {0};
    heed_split split = HEED_SPLIT_ISOLATED;
    heed_status status = reader.status;

    if (status == HEED_OK)
        status = read_behavior(r, part, HEED_SPLIT_ISOLATED, &split);
    if (status == HEED_OK && !json_is_string(string) && !json_is_string(regex))
        status = heed_fail(r->err, HEED_ERR_FILE, "%s: expected a Split with a pattern, a String or a Regex",
                           r->name);
    if (status != HEED_OK)
        return status;
    if (json_is_string(string))
        heed_pattern_quote(json_string_value(string), json_string_length(string), &text);
    else
        heed_text_puts(&text, json_string_value(regex));
    if (text.data == NULL || text.failed)
        status = heed_fail(r->err, text.failed ? HEED_ERR_MEMORY : HEED_ERR_FILE,
                           "%s: expected a Split with a pattern that is not empty", r->name);
    else
        status = heed_pieces_add(r->bpe->pieces, text.data, split, invert, r->letters, r->name, r->err);
    heed_text_free(&text);
    return status;
}

static heed_status add_stage(reading *r, const char *pattern, heed_split split, bool invert)
{
    return heed_pieces_add(r->bpe->pieces, pattern, split, invert, r->letters, r->name, r->err);
}

static heed_status read_step(reading *r, const json_t *part)
{
    heed_split split = HEED_SPLIT_ISOLATED;
    heed_status status = HEED_OK;

    if (is(part, "ByteLevel"))
        return read_byte_level(r, part);
    if (is(part, "Split"))
        return read_split(r, part);
    if (is(part, "Digits"))
        return add_stage(r, "\\p{N}",
                         json_is_true(json_object_get(part, "individual_digits")) ? HEED_SPLIT_ISOLATED
                                                                                  : HEED_SPLIT_CONTIGUOUS,
                         false);
    if (is(part, "Punctuation")) {
        status = read_behavior(r, part, HEED_SPLIT_ISOLATED, &split);
        return status == HEED_OK ? add_stage(r, "[!-/:-@\\[-`{-~\\p{P}]", split, false) : status;
    }
    if (is(part, "WhitespaceSplit"))
        return add_stage(r, "\\s", HEED_SPLIT_REMOVED, false);
    if (is(part, "Whitespace"))
        return add_stage(r, "[" HEED_PATTERN_WORD "]+|[^" HEED_PATTERN_WORD "\\s]+", HEED_SPLIT_REMOVED, true);
    return refuse(r->name, "pre_tokenizer", type_of(part), r->err);
}

/* Sequences may hold sequences; the file's depth is bounded. */
static heed_status read_steps(reading *r, const json_t *part)
{
    const json_t *list = json_object_get(part, "pretokenizers");
    heed_status status = HEED_OK;

    if (!is(part, "Sequence"))
        return read_step(r, part);
    if (!json_is_array(list))
        return refuse(r->name, "pre_tokenizer", "Sequence without pretokenizers", r->err);
    for (size_t i = 0; status == HEED_OK && i < json_array_size(list); i++)
        status = read_steps(r, json_array_get(list, i));
    return status;
}

static heed_status read_pre_tokenizer(heed_bpe *bpe, const json_t *part, const char *name, heed_error *err)
{
    reading r = {.bpe = bpe, .name = name, .err = err};
    heed_status status = heed_pieces_create(NULL, name, &bpe->pieces, err);

    if (status == HEED_OK && part != NULL && !json_is_null(part))
        status = read_steps(&r, part);
    if (status == HEED_OK && !r.letters)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: a BPE tokenizer over characters is not supported, only one over bytes (expected "
                         "\"ByteLevel\" in the pre_tokenizer)",
                         name);
    return status;
}

/* ---- added tokens ---------------------------------------------------------------------------------------------- */

/* The vocabulary may have the token too, then under the same id: its keys are letters, or texts that are none. */
static heed_status check_added(const heed_bpe *bpe, const heed_added *token, const char *name, heed_error *err)
{
    size_t n = 0;
    const char *piece = heed_vocabulary_piece(&bpe->vocabulary, token->id, &n);
    char *bytes = malloc(token->n + 1);
    const ptrdiff_t m = bytes != NULL ? heed_letters_decode(token->text, token->n, bytes) : -1;
    const int32_t other = m > 0 ? heed_vocabulary_find(&bpe->vocabulary, bytes, (size_t)m) : -1;
    const bool same = piece != NULL && heed_vocabulary_hides(&bpe->vocabulary, token->id)
                          ? n == token->n && memcmp(piece, token->text, n) == 0
                          : other == token->id;
    char shown[80], taken[80];

    if (bytes == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for an added token", name);
    free(bytes);
    heed_quote(shown, sizeof shown, token->text, token->n);
    if (piece != NULL && !same)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: the added token \"%s\" has the id %d, which the vocabulary gives to \"%s\"", name,
                         shown, (int)token->id, heed_quote(taken, sizeof taken, piece, n));
    if (piece == NULL && other >= 0)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: the added token \"%s\" has the id %d, in the vocabulary it has %d", name, shown,
                         (int)token->id, (int)other);
    return HEED_OK;
}

/* What is looked for in the normalized text is itself normalized. */
static heed_status normalize_sought(const heed_bpe *bpe, heed_added *token, heed_error *err)
{
    heed_text_buffer text = {0};
    heed_status status = HEED_OK;

    if (bpe->normalizer == NULL || !token->normalized)
        return HEED_OK;
    heed_text_append(&text, "", 0);
    status = heed_normalizer_apply(bpe->normalizer, token->text, token->n, true, &text, err);
    if (status == HEED_OK && text.data == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "no memory for an added token");
    if (status != HEED_OK) {
        heed_text_free(&text);
        return status;
    }
    token->sought = text.data;
    token->n_sought = text.size;
    return HEED_OK;
}

static heed_status read_added_token(heed_bpe *bpe, const json_t *value, const char *name, heed_error *err)
{
    heed_json_reader r = heed_json_read(value, name, err);
    const char *content = heed_json_string(&r, "content", "");
    heed_added token = {
        .id = (int32_t)heed_json_int(&r, "id", -1, 0, MAX_ID - 1),
        .special = heed_json_bool(&r, "special", false),
        .left_strip = heed_json_bool(&r, "lstrip", false),
        .right_strip = heed_json_bool(&r, "rstrip", false),
        .single_word = heed_json_bool(&r, "single_word", false),
    };
    heed_status status = HEED_OK;

    token.normalized = heed_json_bool(&r, "normalized", !token.special);
    heed_json_require(&r, "id");
    heed_json_require(&r, "content");
    if (r.status != HEED_OK)
        return r.status;
    token.n = strlen(content);
    token.text = malloc(token.n + 1);
    if (token.text != NULL)
        memcpy(token.text, content, token.n + 1);
    if (token.text == NULL || !heed_added_append(&bpe->added, token))
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for an added token", name);
    status = check_added(bpe, &bpe->added.items[bpe->added.n - 1], name, err);
    return status == HEED_OK ? normalize_sought(bpe, &bpe->added.items[bpe->added.n - 1], err) : status;
}

static heed_status read_added(heed_bpe *bpe, const json_t *list, const char *name, heed_error *err)
{
    heed_status status = HEED_OK;

    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a list \"added_tokens\"", name);
    for (size_t i = 0; status == HEED_OK && i < json_array_size(list); i++)
        status = read_added_token(bpe, json_array_get(list, i), name, err);
    if (status == HEED_OK)
        status = heed_added_seal(&bpe->added, name, err);
    for (size_t i = 1; status == HEED_OK && i < bpe->added.n; i++) {
        const heed_added *a = &bpe->added.items[bpe->added.by_id[i - 1]],
                         *b = &bpe->added.items[bpe->added.by_id[i]];
        char first[80], second[80];

        if (a->id == b->id)
            status = heed_fail(err, HEED_ERR_FILE,
                               "%s: the id %d belongs to two added tokens, \"%s\" and \"%s\"", name, (int)a->id,
                               heed_quote(first, sizeof first, a->text, a->n),
                               heed_quote(second, sizeof second, b->text, b->n));
    }
    return status;
}

/* ---- post_processor --------------------------------------------------------------------------------------------- */

static heed_status append_id(int32_t **ids, size_t *n, int64_t id, const char *name, heed_error *err)
{
    int32_t *grown = NULL;

    if (*n == MAX_TEMPLATE_IDS)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected at most %d tokens of a template around a text", name,
                         MAX_TEMPLATE_IDS);
    grown = realloc(*ids, (*n + 1) * sizeof *grown);
    if (grown == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a template", name);
    *ids = grown;
    grown[(*n)++] = (int32_t)id;
    return HEED_OK;
}

static bool has_token(const heed_bpe *bpe, const json_t *id)
{
    size_t n = 0;

    return json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < MAX_ID &&
           (heed_added_by_id(&bpe->added, json_integer_value(id)) != NULL ||
            heed_vocabulary_piece(&bpe->vocabulary, json_integer_value(id), &n) != NULL);
}

/* {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [0]}}} */
static heed_status read_template(heed_bpe *bpe, const json_t *part, const char *name, heed_error *err)
{
    const json_t *single = json_object_get(part, "single");
    bool behind = false;
    heed_status status = HEED_OK;

    for (size_t i = 0; status == HEED_OK && i < json_array_size(single); i++) {
        const json_t *item = json_array_get(single, i);
        const char *key = json_string_value(json_object_get(json_object_get(item, "SpecialToken"), "id"));
        const json_t *ids = NULL;

        if (json_object_get(item, "Sequence") != NULL) {
            if (behind)
                return refuse(name, "post_processor", "TemplateProcessing with the text twice", err);
            behind = true;
            continue;
        }
        ids = key != NULL
                  ? json_object_get(json_object_get(json_object_get(part, "special_tokens"), key), "ids")
                  : NULL;
        if (json_array_size(ids) == 0)
            return heed_fail(err, HEED_ERR_FILE, "%s: the post_processor's template names a token without ids",
                             name);
        for (size_t k = 0; status == HEED_OK && k < json_array_size(ids); k++) {
            const json_t *id = json_array_get(ids, k);

            if (!has_token(bpe, id))
                return heed_fail(err, HEED_ERR_FILE,
                                 "%s: the post_processor's template has an id that no token has", name);
            status = behind ? append_id(&bpe->after, &bpe->n_after, json_integer_value(id), name, err)
                            : append_id(&bpe->before, &bpe->n_before, json_integer_value(id), name, err);
        }
    }
    if (status == HEED_OK && !behind)
        return heed_fail(err, HEED_ERR_FILE, "%s: the post_processor's template has no place for the text",
                         name);
    return status;
}

/* {"cls": ["<s>", 0], "sep": ["</s>", 2]} */
static heed_status read_cls_sep(heed_bpe *bpe, const json_t *part, const char *name, heed_error *err)
{
    const json_t *cls = json_array_get(json_object_get(part, "cls"), 1);
    const json_t *sep = json_array_get(json_object_get(part, "sep"), 1);
    heed_status status = HEED_OK;

    if (!has_token(bpe, cls) || !has_token(bpe, sep))
        return heed_fail(err, HEED_ERR_FILE, "%s: the post_processor's cls or sep has an id that no token has",
                         name);
    status = append_id(&bpe->before, &bpe->n_before, json_integer_value(cls), name, err);
    return status == HEED_OK ? append_id(&bpe->after, &bpe->n_after, json_integer_value(sep), name, err)
                             : status;
}

static heed_status read_post_processor(heed_bpe *bpe, const json_t *part, const char *name, heed_error *err)
{
    const json_t *list = json_object_get(part, "processors");
    heed_status status = HEED_OK;

    if (part == NULL || json_is_null(part) || is(part, "ByteLevel")) /* that one only moves offsets */
        return HEED_OK;
    if (is(part, "Sequence")) {
        for (size_t i = 0; status == HEED_OK && i < json_array_size(list); i++)
            status = read_post_processor(bpe, json_array_get(list, i), name, err);
        return status;
    }
    if (bpe->n_before + bpe->n_after > 0)
        return refuse(name, "post_processor", "Sequence of two templates", err);
    if (is(part, "TemplateProcessing"))
        return read_template(bpe, part, name, err);
    if (is(part, "RobertaProcessing") || is(part, "BertProcessing"))
        return read_cls_sep(bpe, part, name, err);
    return refuse(name, "post_processor", type_of(part), err);
}

/* ---- decoder, and all --------------------------------------------------------------------------------------------- */

static heed_status read_decoder(const json_t *part, const char *name, heed_error *err)
{
    const json_t *list = json_object_get(part, "decoders");
    heed_status status = HEED_OK;

    if (part == NULL || json_is_null(part) || is(part, "ByteLevel") || is(part, "Fuse"))
        return HEED_OK;
    if (!is(part, "Sequence"))
        return refuse(name, "decoder", type_of(part), err);
    for (size_t i = 0; status == HEED_OK && i < json_array_size(list); i++)
        status = read_decoder(json_array_get(list, i), name, err);
    return status;
}

static heed_status keep(heed_bpe *bpe, const json_t *root, const char *name, heed_error *err)
{
    static const char *const parts[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};
    int failed = 0;

    bpe->parts = json_object();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const json_t *part = json_object_get(root, parts[i]);

        failed |= json_object_set_new(bpe->parts, parts[i], part != NULL ? json_deep_copy(part) : json_null());
    }
    return failed == 0 ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a tokenizer", name);
}

heed_status heed_bpe_read_parts(heed_bpe *bpe, const json_t *root, const char *name, heed_error *err)
{
    static const char *const unused[] = {"truncation", "padding"};
    const json_t *pre_tokenizer = json_object_get(root, "pre_tokenizer");
    heed_status status = HEED_OK;

    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++)
        if (json_object_get(root, unused[i]) != NULL && !json_is_null(json_object_get(root, unused[i])))
            return heed_fail(err, HEED_ERR_FILE, "%s: \"%s\" in a tokenizer is not supported", name, unused[i]);
    status = heed_normalizer_read(json_object_get(root, "normalizer"), name, &bpe->normalizer, err);
    if (status == HEED_OK)
        status = read_pre_tokenizer(bpe, pre_tokenizer, name, err);
    if (status == HEED_OK)
        status = read_added(bpe, json_object_get(root, "added_tokens"), name, err);
    if (status == HEED_OK)
        status = read_post_processor(bpe, json_object_get(root, "post_processor"), name, err);
    if (status == HEED_OK)
        status = read_decoder(json_object_get(root, "decoder"), name, err);
    return status == HEED_OK ? keep(bpe, root, name, err) : status;
}

/* ---- parts of our own ---------------------------------------------------------------------------------------------- */

json_t *heed_bpe_parts_for(const char *pattern)
{
    const bool regex = strcmp(pattern, heed_pieces_named("gpt2")) == 0;
    json_t *byte_level = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                                   "trim_offsets", 1, "use_regex", regex ? 1 : 0);
    json_t *sequence = regex ? json_incref(byte_level)
                             : json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, O]}", "type", "Sequence",
                                         "pretokenizers", "type", "Split", "pattern", "Regex", pattern,
                                         "behavior", "Isolated", "invert", 0, byte_level);
    json_t *root = json_pack("{s:[], s:n, s:o, s:n, s:{s:s, s:b, s:b, s:b}}", "added_tokens", "normalizer",
                             "pre_tokenizer", sequence, "post_processor", "decoder", "type", "ByteLevel",
                             "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1);

    json_decref(byte_level);
    return root;
}

bool heed_bpe_parts_add_special(json_t *root, const char *text, size_t n, int32_t id)
{
    return json_array_append_new(json_object_get(root, "added_tokens"),
                                 json_pack("{s:i, s:s%, s:b, s:b, s:b, s:b, s:b}", "id", (int)id, "content",
                                           text, n, "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                           "special", 1)) == 0;
}
