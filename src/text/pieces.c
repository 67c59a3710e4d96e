/* SPDX-License-Identifier: MIT */
/* Patterns compiled: the stages of a cut. */
#include "text/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/cutter.h"
#include "text/pattern.h"

#define CONTRACTIONS_ANY_CASE "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define UPPER                 "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER                 "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"

/* As OpenAI published them; a second spelling of the same is known by heart, too. */
static const struct {
    const char *name;
    heed_known known;
    const char *pattern;
} table[] = {
    {"gpt2", HEED_KNOWN_GPT2,
     "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {"r50k_base", HEED_KNOWN_GPT2,
     "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
    {"cl100k_base", HEED_KNOWN_CL100K,
     CONTRACTIONS_ANY_CASE "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
                           "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
    {"o200k_base", HEED_KNOWN_O200K,
     "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" CONTRACTIONS_ANY_CASE "?|"
     "[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" CONTRACTIONS_ANY_CASE "?|"
     "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
};
#define N_TABLE (sizeof table / sizeof table[0])

const char *heed_pieces_named(const char *encoding)
{
    if (strcmp(encoding, "r50k_base") == 0 || strcmp(encoding, "p50k_base") == 0)
        encoding = "gpt2";
    for (size_t i = 0; i < N_TABLE; i++)
        if (strcmp(encoding, table[i].name) == 0)
            return table[i].pattern;
    return NULL;
}

static heed_known known_by_heart(const char *pattern, heed_split split, bool invert, bool letters)
{
    /* these patterns match every character, so nothing lies between matches */
    if (letters || (split != HEED_SPLIT_ISOLATED && !(split == HEED_SPLIT_REMOVED && invert)))
        return HEED_KNOWN_NONE;
    for (size_t i = 0; i < N_TABLE; i++)
        if (strcmp(pattern, table[i].pattern) == 0)
            return table[i].known;
    return HEED_KNOWN_NONE;
}

/* Compiles text for PCRE2; shown is the pattern as it was given. */
static heed_status compile(heed_stage *stage, const heed_text_buffer *text, const char *name, heed_error *err)
{
    PCRE2_SIZE at = 0;
    int error = 0;
    uint32_t behind = 0, empty = 0;
    PCRE2_UCHAR reason[128];

    stage->code = pcre2_compile((PCRE2_SPTR)text->data, text->size,
                                PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (stage->code == NULL) {
        pcre2_get_error_message(error, reason, sizeof reason);
        return heed_fail(err, HEED_ERR_FILE, "%s: the pattern \"%s\" is not a regular expression: %s", name,
                         stage->shown, (const char *)reason);
    }
    pcre2_pattern_info(stage->code, PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty != 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: the pattern \"%s\" matches the empty text, and so cuts none",
                         name, stage->shown);
    pcre2_pattern_info(stage->code, PCRE2_INFO_MAXLOOKBEHIND, &behind);
    stage->contextual = stage->contextual || behind > 0;
    /* without a compiler for this processor the interpreter serves */
    pcre2_jit_compile(stage->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    return HEED_OK;
}

heed_status heed_pieces_add(heed_pieces *pieces, const char *pattern, heed_split split, bool invert,
                            bool letters, const char *name, heed_error *err)
{
    heed_stage *stage = &pieces->stages[pieces->n_stages];
    heed_text_buffer text = {0};
    heed_status status = HEED_OK;
    bool anchored = false;
    char shown[200];

    if (pieces->n_stages == HEED_MAX_STAGES)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected at most %d steps that cut a text", name,
                         HEED_MAX_STAGES);
    *stage = (heed_stage){.split = split, .invert = invert, .letters = letters};
    pieces->n_stages++;
    heed_quote(shown, sizeof shown, pattern, strlen(pattern));
    stage->shown = strdup(shown);
    if (stage->shown == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a pattern", name);
    stage->known = known_by_heart(pattern, split, invert, letters);
    heed_text_append(&text, "", 0);
    status = heed_pattern_translate(pattern, strlen(pattern), name, &text, &anchored, err);
    stage->contextual = letters || anchored;
    if (status == HEED_OK)
        status = compile(stage, &text, name, err);
    heed_text_free(&text);
    return status;
}

heed_status heed_pieces_create(const char *pattern, const char *name, heed_pieces **pieces, heed_error *err)
{
    heed_pieces *p = calloc(1, sizeof *p);
    heed_status status = HEED_OK;

    *pieces = NULL;
    if (p != NULL)
        p->class_code = heed_classes_compile();
    if (p == NULL || p->class_code == NULL) {
        free(p);
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a pattern", name);
    }
    if (pattern != NULL)
        status = heed_pieces_add(p, pattern, HEED_SPLIT_ISOLATED, false, false, name, err);
    if (status != HEED_OK) {
        heed_pieces_destroy(p);
        return status;
    }
    *pieces = p;
    return HEED_OK;
}

void heed_pieces_destroy(heed_pieces *pieces)
{
    if (pieces == NULL)
        return;
    for (int i = 0; i < pieces->n_stages; i++) {
        pcre2_code_free(pieces->stages[i].code);
        free(pieces->stages[i].shown);
    }
    pcre2_code_free(pieces->class_code);
    free(pieces);
}

bool heed_pieces_start_anywhere(const heed_pieces *pieces)
{
    return pieces->n_stages > 0 && !pieces->stages[0].contextual;
}
