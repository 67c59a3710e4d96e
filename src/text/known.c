/* SPDX-License-Identifier: MIT */
/*
 * The three patterns that most vocabularies are made with, as plain loops over classes of characters: ten times as
 * fast as a general engine. PCRE2 stays the definition; tests compare the two. Alternatives are tried in the pattern's
 * order, and each loop says which one it is.
 *
 *     gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 *     cl100k  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *             \s*[\r\n]+|\s+(?!\S)|\s+
 *
 *     o200k   [^\r\n\p{L}\p{N}]?[UPPER]*[LOWER]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
 *             [^\r\n\p{L}\p{N}]?[UPPER]+[LOWER]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
 *             \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
 *             UPPER = \p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}     LOWER = \p{Ll}\p{Lm}\p{Lo}\p{M}
 *
 * Where the known part of the text ends and the text may go on, nothing is decided: see MORE.
 */
#include "text/cutter.h"

#define MORE   SIZE_MAX /* for an end: more of the text has to be seen */
#define LETTER HEED_CLASS_LETTER
#define WORD   (HEED_CLASS_MARK | HEED_CLASS_REST) /* what is neither space, letter nor number */
#define UPPER  (HEED_CLASS_UPPER | HEED_CLASS_OTHER | HEED_CLASS_MARK)
#define LOWER  (HEED_CLASS_LOWER | HEED_CLASS_OTHER | HEED_CLASS_MARK)

typedef struct scan {
    heed_classes *classes;
    const char *text;
    size_t n;
    bool last;
} scan;

static inline int class_at(const scan *s, size_t at, size_t *length)
{
    if (at < s->n && (unsigned char)s->text[at] < 0x80) {
        *length = 1;
        return heed_byte_classes[(unsigned char)s->text[at]];
    }
    return heed_class_of(s->classes, s->text, at, s->n, s->last, length);
}

/* The end of the characters of `set` from `at` on, or MORE. */
static inline size_t run_of(const scan *s, size_t at, int set)
{
    const unsigned char *text = (const unsigned char *)s->text;

    for (;;) {
        size_t length = 0;
        int class = 0;

        while (at < s->n && (heed_byte_classes[text[at]] & set) != 0)
            at++;
        if (at < s->n && text[at] < 0x80)
            return at;
        class = heed_class_of(s->classes, s->text, at, s->n, s->last, &length);
        if ((class & set) == 0)
            return class == HEED_CLASS_MORE ? MORE : at;
        at += length;
    }
}

/* The byte at `at`, -1 at the text's end (or where no character is), or -2 when it is not known yet. */
static inline int byte_at(const scan *s, size_t at)
{
    if (at < s->n)
        return (unsigned char)s->text[at];
    return s->last ? -1 : -2;
}

static inline size_t run_of_newlines(const scan *s, size_t at, bool slashes)
{
    int byte = 0;

    while ((byte = byte_at(s, at)) == '\r' || byte == '\n' || (slashes && byte == '/'))
        at++;
    return byte == -2 ? MORE : at;
}

/*
 * The end of 's 't 're 've 'm 'll 'd at `at`, `at` itself for none, or MORE. Without regard to case the long s,
 * U+017F, is an s.
 */
static size_t contraction(const scan *s, size_t at, bool any_case)
{
    const int fold = any_case ? 0x20 : 0;
    int second = 0, third = 0;

    if (byte_at(s, at) != '\'')
        return byte_at(s, at) == -2 ? MORE : at;
    second = byte_at(s, at + 1);
    if (second == -2)
        return MORE;
    if (any_case && second == 0xc5) {
        third = byte_at(s, at + 2);
        return third == -2 ? MORE : third == 0xbf ? at + 3 : at;
    }
    second |= second > 0 ? fold : 0;
    if (second == 's' || second == 't' || second == 'm' || second == 'd')
        return at + 2;
    if (second != 'r' && second != 'v' && second != 'l')
        return at;
    third = byte_at(s, at + 2);
    if (third == -2)
        return MORE;
    third |= third > 0 ? fold : 0;
    return third == (second == 'l' ? 'l' : 'e') ? at + 3 : at;
}

/* \p{N}{1,3}; the first is one. */
static size_t up_to_three_numbers(const scan *s, size_t at)
{
    for (int i = 0; i < 3; i++) {
        size_t length = 0;
        const int class = class_at(s, at, &length);

        if (class == HEED_CLASS_MORE)
            return MORE;
        if (class != HEED_CLASS_NUMBER)
            break;
        at += length;
    }
    return at;
}

/* [newlines: \s*[\r\n]+|] \s+(?!\S)|\s+ from a space on. */
static size_t spaces(const scan *s, size_t at, bool newlines)
{
    size_t end = at, last_begin = at, after_newline = 0, length = 0;
    int class = 0;

    while ((class = class_at(s, end, &length)) == HEED_CLASS_SPACE) {
        last_begin = end;
        end += length;
        if (s->text[last_begin] == '\n' || s->text[last_begin] == '\r')
            after_newline = end;
    }
    if (class == HEED_CLASS_MORE)
        return MORE;
    if (newlines && after_newline > 0)
        return after_newline;
    return class == HEED_CLASS_END || last_begin == at ? end : last_begin;
}

static size_t next_gpt2(const scan *s, size_t at)
{
    size_t length = 0, begin = at, end = contraction(s, at, false);
    int class = 0;

    if (end != at)
        return end;
    if (s->text[at] == ' ')
        begin++;
    class = class_at(s, begin, &length);
    if ((class & LETTER) != 0)
        return run_of(s, begin, LETTER);
    if (class == HEED_CLASS_NUMBER)
        return run_of(s, begin, HEED_CLASS_NUMBER);
    if ((class & WORD) != 0)
        return run_of(s, begin, WORD);
    if (class == HEED_CLASS_MORE)
        return MORE;
    return spaces(s, at, false);
}

/* From the alternative of numbers on, which cl100k and o200k share but for the slash. */
static size_t next_of_rest(const scan *s, size_t at, int class, bool slashes)
{
    size_t length = 0, begin = at;

    if (class == HEED_CLASS_NUMBER)
        return up_to_three_numbers(s, at);
    if (s->text[at] == ' ') {
        begin++;
        class = class_at(s, begin, &length);
        if (class == HEED_CLASS_MORE)
            return MORE;
    }
    if ((class & WORD) != 0) {
        const size_t end = run_of(s, begin, WORD);

        return end == MORE ? MORE : run_of_newlines(s, end, slashes);
    }
    return spaces(s, at, true);
}

/* Whether [^\r\n\p{L}\p{N}] matches there. */
static bool may_lead(const scan *s, size_t at, int class)
{
    return (class & (LETTER | HEED_CLASS_NUMBER)) == 0 && s->text[at] != '\r' && s->text[at] != '\n';
}

static size_t next_cl100k(const scan *s, size_t at)
{
    size_t length = 0, end = contraction(s, at, true);
    int class = 0;

    if (end != at)
        return end;
    class = class_at(s, at, &length);
    if ((class & LETTER) != 0)
        return run_of(s, at, LETTER);
    if (may_lead(s, at, class)) {
        const size_t begin = at + length;
        const int second = class_at(s, begin, &length);

        if (second == HEED_CLASS_MORE)
            return MORE;
        if ((second & LETTER) != 0)
            return run_of(s, begin, LETTER);
    }
    return next_of_rest(s, at, class, false);
}

/*
 * [UPPER]*[LOWER]+ from `at` on: its end, `at` when it does not match, or MORE; *upper_end is where [UPPER]* ends.
 * When no lower-case letter follows, [UPPER]* gives characters back until one of them is also in LOWER.
 */
static size_t upper_then_lower(const scan *s, size_t at, size_t *upper_end)
{
    size_t here = at, shared_end = at, length = 0;
    int class = 0;

    while (((class = class_at(s, here, &length)) & UPPER) != 0) {
        here += length;
        if ((class & LOWER) != 0)
            shared_end = here;
    }
    *upper_end = here;
    if (class == HEED_CLASS_MORE)
        return MORE;
    return class == HEED_CLASS_LOWER ? run_of(s, here, LOWER) : shared_end;
}

/* Both alternatives of a word, with and without the character before it; `at` when neither matches. */
static size_t word_o200k(const scan *s, size_t at, int class, size_t length)
{
    size_t upper_after = at, upper_here = at, end = at;

    if (may_lead(s, at, class)) {
        end = upper_then_lower(s, at + length, &upper_after);
        if (end != at + length)
            return end;
    }
    end = upper_then_lower(s, at, &upper_here);
    if (end != at)
        return end;
    if (may_lead(s, at, class) && upper_after > at + length)
        return upper_after;
    return upper_here;
}

static size_t next_o200k(const scan *s, size_t at)
{
    size_t length = 0, end = at;
    const int class = class_at(s, at, &length);

    if (class != HEED_CLASS_NUMBER) {
        end = word_o200k(s, at, class, length);
        if (end == MORE)
            return MORE;
        if (end != at)
            return contraction(s, end, true);
    }
    return next_of_rest(s, at, class, true);
}

size_t heed_known_next(heed_classes *classes, heed_known known, const char *text, size_t at, size_t n,
                       bool last)
{
    const scan s = {.classes = classes, .text = text, .n = n, .last = last};
    size_t length = 0, end = 0;
    const int class = class_at(&s, at, &length);

    if (class == HEED_CLASS_MORE)
        return at;
    if (class == HEED_CLASS_END)
        return at + 1;
    end = known == HEED_KNOWN_GPT2     ? next_gpt2(&s, at)
          : known == HEED_KNOWN_CL100K ? next_cl100k(&s, at)
                                       : next_o200k(&s, at);
    return end == MORE ? at : end;
}
