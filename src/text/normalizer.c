/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/normalizer.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/pattern.h"

#define MAX_STEPS  16
#define MOST_PARTS 32 /* characters that one becomes: 18 at most, in Unicode 16 */

typedef enum step_kind {
    NFC,
    NFD,
    NFKC,
    NFKD,
    LOWERCASE,
    STRIP_ACCENTS,
    STRIP,
    PREPEND,
    REPLACE,
    N_KINDS
} step_kind;

static const char *const kind_names[N_KINDS] = {
    [NFC] = "NFC",
    [NFD] = "NFD",
    [NFKC] = "NFKC",
    [NFKD] = "NFKD",
    [LOWERCASE] = "Lowercase",
    [STRIP] = "Strip",
    [PREPEND] = "Prepend",
    [REPLACE] = "Replace",
    [STRIP_ACCENTS] = "StripAccents",
};

typedef struct step {
    step_kind kind;
    char *text; /* what is prepended, or put in place of a match */
    size_t n;
    bool left, right; /* of Strip */
    pcre2_code *code; /* of Replace */
    char shown[80];
} step;

struct heed_normalizer {
    step steps[MAX_STEPS];
    int n;
};

void heed_normalizer_destroy(heed_normalizer *normalizer)
{
    if (normalizer == NULL)
        return;
    for (int i = 0; i < normalizer->n; i++) {
        free(normalizer->steps[i].text);
        pcre2_code_free(normalizer->steps[i].code);
    }
    free(normalizer);
}

static heed_status not_read(const char *name, const char *what, heed_error *err)
{
    char shown[80];

    heed_quote(shown, sizeof shown, what, strlen(what));
    return heed_fail(err, HEED_ERR_FILE, "%s: the normalizer \"%s\" is not supported", name, shown);
}

static heed_status read_replace(const json_t *value, step *s, const char *name, heed_error *err)
{
    const json_t *pattern = json_object_get(value, "pattern");
    const json_t *string = json_object_get(pattern, "String"), *regex = json_object_get(pattern, "Regex");
    heed_text_buffer text = {0};
    const json_t *given = string != NULL ? string : regex;
    heed_status status = HEED_OK;
    PCRE2_SIZE at = 0;
    int error = 0;
    uint32_t empty = 0;
    bool anchored = false;

    if (!json_is_string(given))
        return not_read(name, "Replace without a String or Regex", err);
    heed_quote(s->shown, sizeof s->shown, json_string_value(given), json_string_length(given));
    heed_text_append(&text, "", 0);
    if (string != NULL)
        heed_pattern_quote(json_string_value(string), json_string_length(string), &text);
    else
        status = heed_pattern_translate(json_string_value(regex), json_string_length(regex), name, &text,
                                        &anchored, err);
    if (status == HEED_OK && text.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a pattern", name);
    if (status == HEED_OK) {
        s->code = pcre2_compile((PCRE2_SPTR)text.data, text.size,
                                PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
        if (s->code != NULL) {
            pcre2_pattern_info(s->code, PCRE2_INFO_MATCHEMPTY, &empty);
            pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE);
        }
        if (s->code == NULL || empty != 0)
            status = heed_fail(err, HEED_ERR_FILE, "%s: the normalizer's pattern \"%s\" %s", name, s->shown,
                               s->code == NULL ? "is not a regular expression" : "matches the empty text");
    }
    heed_text_free(&text);
    return status;
}

static heed_status read_step(const json_t *value, step *s, const char *name, heed_error *err)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *text = NULL;

    while (type != NULL && s->kind < N_KINDS && strcmp(type, kind_names[s->kind]) != 0)
        s->kind++;
    if (type == NULL || s->kind == N_KINDS)
        return not_read(name, type != NULL ? type : "without a type", err);
    if (s->kind == STRIP) {
        s->left = !json_is_false(json_object_get(value, "strip_left"));
        s->right = !json_is_false(json_object_get(value, "strip_right"));
    }
    if (s->kind == PREPEND || s->kind == REPLACE) {
        text = json_object_get(value, s->kind == PREPEND ? "prepend" : "content");
        if (!json_is_string(text))
            return not_read(name, type, err);
        s->n = json_string_length(text);
        s->text = malloc(s->n + 1);
        if (s->text == NULL)
            return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a normalizer", name);
        memcpy(s->text, json_string_value(text), s->n + 1);
    }
    return s->kind == REPLACE ? read_replace(value, s, name, err) : HEED_OK;
}

/* Sequences may hold sequences; the file's depth is bounded. */
static heed_status read_steps(const json_t *value, heed_normalizer *normalizer, const char *name,
                              heed_error *err)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *list = json_object_get(value, "normalizers");
    heed_status status = HEED_OK;

    if (type != NULL && strcmp(type, "Sequence") == 0) {
        if (!json_is_array(list))
            return not_read(name, "Sequence without normalizers", err);
        for (size_t i = 0; status == HEED_OK && i < json_array_size(list); i++)
            status = read_steps(json_array_get(list, i), normalizer, name, err);
        return status;
    }
    if (normalizer->n == MAX_STEPS)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected at most %d normalizers", name, MAX_STEPS);
    return read_step(value, &normalizer->steps[normalizer->n++], name, err);
}

heed_status heed_normalizer_read(const json_t *value, const char *name, heed_normalizer **normalizer,
                                 heed_error *err)
{
    heed_normalizer *made = NULL;
    heed_status status = HEED_OK;

    *normalizer = NULL;
    if (value == NULL || json_is_null(value))
        return HEED_OK;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: no memory for a normalizer", name);
    status = read_steps(value, made, name, err);
    if (status != HEED_OK || made->n == 0) { /* an empty sequence is none */
        heed_normalizer_destroy(made);
        return status;
    }
    *normalizer = made;
    return HEED_OK;
}

bool heed_normalizer_cuts(const heed_normalizer *normalizer)
{
    for (int i = 0; i < normalizer->n; i++)
        if (normalizer->steps[i].kind == STRIP || normalizer->steps[i].kind == REPLACE)
            return false;
    return true;
}

/* ---- one step over a well-formed text ------------------------------------------------------------------------ */

/* Characters on their way through a Unicode form. */
typedef struct characters {
    utf8proc_int32_t *codes; /* and room for one more */
    size_t n, capacity;
} characters;

static bool decompose(const char *text, size_t n, utf8proc_option_t options, characters *out)
{
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        int bound = 0;
        size_t made = 0;

        if (out->capacity - out->n < MOST_PARTS + 1) {
            const size_t capacity = 2 * out->capacity + n - i + MOST_PARTS + 1;
            utf8proc_int32_t *codes = capacity < SIZE_MAX / sizeof *codes / 4
                                          ? realloc(out->codes, capacity * sizeof *codes)
                                          : NULL;

            if (codes == NULL)
                return false;
            out->codes = codes;
            out->capacity = capacity;
        }
        i += heed_utf8_decode(text + i, n - i, &code);
        made = (size_t)utf8proc_decompose_char((utf8proc_int32_t)code, out->codes + out->n, MOST_PARTS, options,
                                               &bound);
        if (made >
            MOST_PARTS) /* Unicode has none of that length; nor is a negative one an error to go on from */
            return false;
        out->n += made;
    }
    return true;
}

static int class_of(utf8proc_int32_t code)
{
    return utf8proc_get_property(code)->combining_class;
}

/* Sorts n marks by their combining class; of one class, in the order that they have. other: room for n. */
static void sort_marks(utf8proc_int32_t *marks, size_t n, utf8proc_int32_t *other)
{
    size_t begin[256] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        begin[class_of(marks[i])]++;
    for (int class = 0; class < 256; class ++) {
        const size_t count = begin[class];

        begin[class] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        other[begin[class_of(marks[i])]++] = marks[i];
    memcpy(marks, other, n * sizeof *marks);
}

/* The canonical order, in a time that does not grow with the square of a run of marks, as utf8proc_map()'s does. */
static bool order_marks(characters *c)
{
    utf8proc_int32_t *other = NULL;

    for (size_t i = 0, end = 0; i < c->n; i = end) {
        bool sorted = true;

        for (end = i; end < c->n && class_of(c->codes[end]) != 0; end++)
            sorted = sorted && (end == i || class_of(c->codes[end - 1]) <= class_of(c->codes[end]));
        if (!sorted && other == NULL) {
            other = malloc(c->n * sizeof *other);
            if (other == NULL)
                return false;
        }
        if (!sorted)
            sort_marks(c->codes + i, end - i, other);
        end += end == i;
    }
    free(other);
    return true;
}

static bool unicode_form(const step *s, const char *text, size_t n, heed_text_buffer *out)
{
    const int composes = s->kind == NFC || s->kind == NFKC ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
    const int compat = s->kind == NFKC || s->kind == NFKD ? UTF8PROC_COMPAT : 0;
    const utf8proc_option_t options = (utf8proc_option_t)(UTF8PROC_STABLE | composes | compat);
    characters c = {0};
    utf8proc_ssize_t length = -1;

    if (decompose(text, n, options, &c) && order_marks(&c))
        length = utf8proc_reencode(c.codes, (utf8proc_ssize_t)c.n, options);
    if (length >= 0)
        heed_text_append(out, (const char *)c.codes, (size_t)length);
    free(c.codes);
    return length >= 0;
}

/* Each character by itself. */
static bool by_characters(const step *s, const char *text, size_t n, heed_text_buffer *out)
{
    for (size_t i = 0; i < n;) {
        uint32_t code = 0;
        char bytes[4];
        const size_t length = heed_utf8_decode(text + i, n - i, &code);

        if (s->kind == STRIP_ACCENTS) {
            const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);

            if (category != UTF8PROC_CATEGORY_MN && category != UTF8PROC_CATEGORY_MC &&
                category != UTF8PROC_CATEGORY_ME)
                heed_text_append(out, text + i, length);
        } else if (code == 0x130) { /* the one letter whose small form is two characters */
            heed_text_puts(out, "i\xcc\x87");
        } else {
            heed_text_append(out, bytes,
                             heed_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)code), bytes));
        }
        i += length;
    }
    return true;
}

static bool is_space(const char *text, size_t n)
{
    uint32_t code = 0;
    const size_t length = heed_utf8_decode(text, n, &code);

    return length > 0 && (code == ' ' || (code >= 9 && code <= 13) || code == 0x85 || code == 0xa0 ||
                          code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                          code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000);
}

static bool strip(const step *s, const char *text, size_t n, heed_text_buffer *out)
{
    size_t begin = 0, end = n;

    while (s->left && begin < end && is_space(text + begin, end - begin))
        for (begin++; begin < end && ((unsigned char)text[begin] & 0xc0) == 0x80;)
            begin++;
    while (s->right && end > begin) {
        size_t last = end - 1;

        while (last > begin && ((unsigned char)text[last] & 0xc0) == 0x80)
            last--;
        if (!is_space(text + last, end - last))
            break;
        end = last;
    }
    heed_text_append(out, text + begin, end - begin);
    return true;
}

static heed_status replace(const step *s, const char *text, size_t n, heed_text_buffer *out, heed_error *err)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    size_t at = 0;
    int code = match != NULL ? 1 : PCRE2_ERROR_NOMEMORY;

    while (code > 0 && at < n) {
        code = pcre2_match(s->code, (PCRE2_SPTR)text, n, at, PCRE2_NO_UTF_CHECK, match, NULL);
        if (code > 0) {
            const PCRE2_SIZE *span = pcre2_get_ovector_pointer(match);

            heed_text_append(out, text + at, span[0] - at);
            heed_text_append(out, s->text, s->n);
            at = span[1];
        }
    }
    heed_text_append(out, text + at, n - at);
    pcre2_match_data_free(match);
    if (code > 0 || code == PCRE2_ERROR_NOMATCH)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_FILE, "the normalizer's pattern \"%s\" takes too much work on this text",
                     s->shown);
}

static heed_status apply_step(const step *s, const char *text, size_t n, bool begin, heed_text_buffer *out,
                              heed_error *err)
{
    bool done = true;

    if (n == 0)
        return HEED_OK;
    switch (s->kind) {
    case LOWERCASE:
    case STRIP_ACCENTS:
        done = by_characters(s, text, n, out);
        break;
    case STRIP:
        done = strip(s, text, n, out);
        break;
    case PREPEND:
        if (begin)
            heed_text_append(out, s->text, s->n);
        heed_text_append(out, text, n);
        break;
    case REPLACE:
        return replace(s, text, n, out, err);
    default:
        done = unicode_form(s, text, n, out);
    }
    return done ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "no memory to normalize %zu bytes of text", n);
}

/* ---- the steps, over each well-formed stretch ------------------------------------------------------------------ */

static heed_status apply_steps(const heed_normalizer *normalizer, const char *text, size_t n, bool begin,
                               heed_text_buffer *out, heed_error *err)
{
    heed_text_buffer now = {0}, next = {0};
    heed_status status = HEED_OK;

    heed_text_append(&now, text, n);
    for (int i = 0; status == HEED_OK && i < normalizer->n; i++) {
        const heed_text_buffer kept = now;

        next.size = 0;
        status = apply_step(&normalizer->steps[i], now.data, now.size, begin, &next, err);
        now = next;
        next = kept;
    }
    heed_text_append(out, now.data != NULL ? now.data : "", now.size);
    if (now.failed || next.failed)
        out->failed = true;
    heed_text_free(&now);
    heed_text_free(&next);
    return status;
}

heed_status heed_normalizer_apply(const heed_normalizer *normalizer, const char *text, size_t n, bool begin,
                                  heed_text_buffer *out, heed_error *err)
{
    heed_status status = HEED_OK;

    for (size_t at = 0; status == HEED_OK && at < n;) {
        size_t end = at, length = 0;
        uint32_t code = 0;

        while (end < n && (length = heed_utf8_decode(text + end, n - end, &code)) > 0)
            end += length;
        if (end > at)
            status = apply_steps(normalizer, text + at, end - at, begin && at == 0, out, err);
        if (end < n)
            heed_text_append(out, text + end++, 1); /* no character: nothing to normalize */
        at = end;
    }
    if (status == HEED_OK && out->failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "no memory to normalize %zu bytes of text", n);
    return status;
}
