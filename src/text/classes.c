/* SPDX-License-Identifier: MIT */
#include "text/classes.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define BLOCK    256
#define N_BLOCKS (0x110000 / BLOCK)

struct heed_classes {
    const pcre2_code *code;
    pcre2_match_data *match;
    uint8_t **blocks; /* [N_BLOCKS][BLOCK]; NULL, 0: not asked yet */
};

/* Group i of this pattern is class 1 << (i-1). */
static const char pattern[] =
    "([\\p{Lu}\\p{Lt}])|(\\p{Ll})|([\\p{Lm}\\p{Lo}])|(\\p{M})|(\\p{N})|(\\p{White_Space})|(.)";

#define O HEED_CLASS_REST
#define S HEED_CLASS_SPACE
#define N HEED_CLASS_NUMBER
#define U HEED_CLASS_UPPER
#define L HEED_CLASS_LOWER
const uint8_t heed_byte_classes[256] = {
    O, O, O, O, O, O, O, O, O, S, S, S, S, S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, /* 00 */
    S, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, N, N, N, N, N, N, N, N, N, N, O, O, O, O, O, O, /* 20 */
    O, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, O, O, O, O, O, /* 40 */
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O, /* 60 */
};
#undef O
#undef S
#undef N
#undef U
#undef L

pcre2_code *heed_classes_compile(void)
{
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, sizeof pattern - 1,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_ANCHORED, &error, &at, NULL);

    if (code != NULL)
        pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

heed_classes *heed_classes_create(const pcre2_code *code)
{
    heed_classes *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->code = code;
    c->match = pcre2_match_data_create_from_pattern(code, NULL);
    if (c->match != NULL)
        return c;
    heed_classes_destroy(c);
    return NULL;
}

void heed_classes_destroy(heed_classes *classes)
{
    if (classes == NULL)
        return;
    for (int i = 0; classes->blocks != NULL && i < N_BLOCKS; i++)
        free(classes->blocks[i]);
    free(classes->blocks);
    pcre2_match_data_free(classes->match);
    free(classes);
}

static uint8_t ask(heed_classes *c, uint32_t code)
{
    char text[4];
    const size_t n = heed_utf8_encode(code, text);
    const int groups = n > 0 ? pcre2_match(c->code, (PCRE2_SPTR)text, n, 0, PCRE2_NO_UTF_CHECK, c->match, NULL)
                             : 0;

    return groups > 1 ? (uint8_t)(1u << (groups - 2)) : HEED_CLASS_REST;
}

/* Every character is asked for once; without memory for its block, each time. */
static uint8_t look_up(heed_classes *c, uint32_t code)
{
    uint8_t *class = NULL;

    if (c->blocks == NULL)
        c->blocks = calloc(N_BLOCKS, sizeof *c->blocks);
    if (c->blocks != NULL && c->blocks[code / BLOCK] == NULL)
        c->blocks[code / BLOCK] = calloc(BLOCK, 1);
    if (c->blocks == NULL || c->blocks[code / BLOCK] == NULL)
        return ask(c, code);
    class = &c->blocks[code / BLOCK][code % BLOCK];
    if (*class == 0)
        *class = ask(c, code);
    return *class;
}

/* Whether n < 4 bytes at the end of what is known may be the begin of a character. */
static bool may_grow(const char *text, size_t n)
{
    static const char *const tails[] = {"\x80\x80\x80", "\xbf\xbf\xbf", "\x8f\xbf\xbf", "\x90\x80\x80",
                                        "\x9f\xbf\xbf"};
    char whole[4];
    uint32_t code = 0;

    for (size_t i = 0; i < sizeof tails / sizeof tails[0];
         i++) /* one of them completes whatever can be completed */
        for (size_t length = n + 1; length <= 4; length++) {
            memcpy(whole, text, n);
            memcpy(whole + n, tails[i], length - n);
            if (heed_utf8_decode(whole, length, &code) == length)
                return true;
        }
    return false;
}

int heed_class_of(heed_classes *classes, const char *text, size_t at, size_t n, bool last, size_t *length)
{
    uint32_t code = 0;

    *length = 0;
    if (at == n)
        return last ? HEED_CLASS_END : HEED_CLASS_MORE;
    if ((unsigned char)text[at] < 0x80) {
        *length = 1;
        return heed_byte_classes[(unsigned char)text[at]];
    }
    *length = heed_utf8_decode(text + at, n - at, &code);
    if (*length > 0)
        return look_up(classes, code);
    return !last && n - at < 4 && may_grow(text + at, n - at) ? HEED_CLASS_MORE : HEED_CLASS_END;
}
