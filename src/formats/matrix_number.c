/* SPDX-License-Identifier: MIT */
#include "formats/matrix_number.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/nearest.h"

#define MOST_DEPTH  32 /* of parentheses, signs and powers inside of each other */
#define MOST_DIGITS 64

typedef struct reading {
    const char *at, *end;
    int depth, parentheses;
    bool infinite;       /* "inf" stands in it */
    const char *fault;   /* what was expected instead; NULL: all is well */
    const char *unknown; /* the name that means nothing */
    size_t unknown_size;
} reading;

static double fail(reading *r, const char *fault)
{
    if (r->fault == NULL)
        r->fault = fault;
    return 0.0;
}

/* The next character, 0 at the end. Inside of parentheses blanks are passed over. */
static char peek(reading *r)
{
    while (r->parentheses > 0 && r->at < r->end && isspace((unsigned char)*r->at))
        r->at++;
    return r->at < r->end ? *r->at : '\0';
}

static bool take(reading *r, const char *sign)
{
    const size_t n = strlen(sign);

    peek(r);
    if (r->fault != NULL || (size_t)(r->end - r->at) < n || memcmp(r->at, sign, n) != 0)
        return false;
    r->at += n;
    return true;
}

static bool is_digit(const reading *r, const char *c)
{
    return c < r->end && isdigit((unsigned char)*c);
}

/* 12.5e-3; an e that no digits follow belongs to something else. */
static double digits(reading *r)
{
    char copy[MOST_DIGITS + 1], *end;
    const char *begin = r->at, *c = begin;
    double value;

    while (is_digit(r, c))
        c++;
    if (c < r->end && *c == '.')
        for (c++; is_digit(r, c);)
            c++;
    if (c < r->end && (*c == 'e' || *c == 'E')) {
        const char *power = c + 1;
        if (power < r->end && (*power == '-' || *power == '+'))
            power++;
        if (is_digit(r, power))
            for (c = power; is_digit(r, c);)
                c++;
    }
    if (c - begin > MOST_DIGITS)
        return fail(r, "a number of up to 64 digits");
    memcpy(copy, begin, (size_t)(c - begin));
    copy[c - begin] = '\0';
    value = strtod(copy, &end);
    if (end == copy || *end != '\0')
        return fail(r, "a number");
    r->at = c;
    return value;
}

static double sum(reading *r);

static double parentheses(reading *r)
{
    double value;

    r->parentheses++;
    r->at++;
    value = sum(r);
    if (!take(r, ")"))
        return fail(r, "a closing parenthesis");
    r->parentheses--;
    return value;
}

static const struct {
    const char *name;
    double (*function)(double x);
} functions[] = {{"sqrt", sqrt}, {"exp", exp}, {"ln", log}, {"log", log}, {"sin", sin}, {"cos", cos}};

static const struct {
    const char *name;
    double value;
} constants[] = {
    {"pi", 3.14159265358979323846}, {"e", 2.71828182845904523536}, {"inf", INFINITY}, {"infinity", INFINITY}};

#define N_FUNCTIONS (sizeof functions / sizeof functions[0])
#define N_CONSTANTS (sizeof constants / sizeof constants[0])

static bool is_word(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && strncasecmp(word, name, n) == 0;
}

static double named(reading *r)
{
    const char *word = r->at;
    size_t n = 0;

    while (word + n < r->end && isalpha((unsigned char)word[n]))
        n++;
    r->at += n;
    for (size_t i = 0; i < N_CONSTANTS; i++)
        if (is_word(word, n, constants[i].name)) {
            r->infinite = r->infinite || isinf(constants[i].value);
            return constants[i].value;
        }
    for (size_t i = 0; i < N_FUNCTIONS; i++)
        if (is_word(word, n, functions[i].name))
            return peek(r) == '(' ? functions[i].function(parentheses(r))
                                  : fail(r, "parentheses behind the function's name");
    r->unknown = word;
    r->unknown_size = n;
    return fail(r, "a number");
}

static double atom(reading *r)
{
    const char c = peek(r);

    if (isdigit((unsigned char)c) || c == '.')
        return digits(r);
    if (c == '(')
        return parentheses(r);
    return isalpha((unsigned char)c) ? named(r) : fail(r, "a number");
}

static double power(reading *r)
{
    double value;

    if (r->depth == MOST_DEPTH)
        return fail(r, "a number with less inside of each other");
    r->depth++;
    if (take(r, "-"))
        value = -power(r);
    else if (take(r, "+"))
        value = power(r);
    else {
        value = atom(r);
        if (take(r, "^") || take(r, "**"))
            value = pow(value, power(r));
    }
    r->depth--;
    return value;
}

static double product(reading *r)
{
    double value = power(r);

    while (r->fault == NULL) {
        if (take(r, "*"))
            value *= power(r);
        else if (take(r, "/"))
            value /= power(r);
        else
            break;
    }
    return value;
}

static double sum(reading *r)
{
    double value = product(r);

    while (r->fault == NULL) {
        if (take(r, "+"))
            value += product(r);
        else if (take(r, "-"))
            value -= product(r);
        else
            break;
    }
    return value;
}

/* The name that is near to the unknown one, NULL if none is. */
static const char *near_name(const reading *r)
{
    const char *nearest = NULL;
    char word[16] = "";
    int least = 64;

    if (r->unknown == NULL || r->unknown_size >= sizeof word)
        return NULL;
    memcpy(word, r->unknown, r->unknown_size);
    for (size_t i = 0; i < N_FUNCTIONS + N_CONSTANTS; i++) {
        const char *name = i < N_FUNCTIONS ? functions[i].name : constants[i - N_FUNCTIONS].name;
        const int distance = heed_edit_distance(word, name);
        if (strlen(name) > 2 && distance < least) {
            least = distance;
            nearest = name;
        }
    }
    return nearest != NULL && heed_is_near(word, least) ? nearest : NULL;
}

heed_status heed_matrix_number(const char *text, size_t size, double *value, size_t *n, heed_error *err)
{
    reading r = {.at = text, .end = text + size};
    char shown[64];
    const char *near;
    size_t word = 0;

    *value = sum(&r);
    *n = (size_t)(r.at - text);
    if (r.fault == NULL && !isnan(*value) && (r.infinite || isfinite(*value)))
        return HEED_OK;
    while (word < size && strchr(" \t\r\n,;[]#", text[word]) == NULL)
        word++;
    heed_quote(shown, sizeof shown, text, word > *n || r.fault != NULL ? word : *n);
    near = near_name(&r);
    return heed_fail(err, HEED_ERR_USAGE, "expected %s, got \"%s\"%s%s%s",
                     r.fault != NULL ? r.fault : "a finite number", shown,
                     near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}
