/* SPDX-License-Identifier: MIT */
#include "graph/formula.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

enum { MAX_DEPTH = 16 };

enum { NUMBER, NAME, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATE, FIRST_FUNCTION };

/* --- functions ------------------------------------------------------------------------------------ */

static float max_float(float a, float b)
{
    return a > b ? a : b;
}

static double max_double(double a, double b)
{
    return a > b ? a : b;
}

static float min_float(float a, float b)
{
    return a < b ? a : b;
}

static double min_double(double a, double b)
{
    return a < b ? a : b;
}

static float float_of_float(float a)
{
    return a;
}

static double float_of_double(double a)
{
    return (double)(float)a;
}

static float bf16_of_float(float a)
{
    return heed_float_of_bf16(heed_bf16_of_float(a));
}

static double bf16_of_double(double a)
{
    return (double)bf16_of_float((float)a);
}

/* Of one number or of two. */
static const struct function {
    const char *name;
    float (*one_float)(float);
    double (*one_double)(double);
    float (*two_float)(float, float);
    double (*two_double)(double, double);
} functions[] = {
    {"exp", expf, exp, NULL, NULL},
    {"log", logf, log, NULL, NULL},
    {"sqrt", sqrtf, sqrt, NULL, NULL},
    {"tanh", tanhf, tanh, NULL, NULL},
    {"erf", erff, erf, NULL, NULL},
    {"sin", sinf, sin, NULL, NULL},
    {"cos", cosf, cos, NULL, NULL},
    {"abs", fabsf, fabs, NULL, NULL},
    {"f32", float_of_float, float_of_double, NULL, NULL},
    {"bf16", bf16_of_float, bf16_of_double, NULL, NULL},
    {"pow", NULL, NULL, powf, pow},
    {"max", NULL, NULL, max_float, max_double},
    {"min", NULL, NULL, min_float, min_double},
};

static int function_of(const char *name, int length)
{
    for (int i = 0; i < (int)(sizeof functions / sizeof functions[0]); i++) {
        if ((int)strlen(functions[i].name) == length && strncmp(functions[i].name, name, (size_t)length) == 0)
            return i;
    }
    return -1;
}

/* --- names ---------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '_' || c == '\'';
}

/* Of the word that begins here; without what is in brackets. */
static int word_length(const char *text)
{
    int n = 0;

    while (is_word(text[n]))
        n++;
    return n;
}

/* Of the name that begins here. */
static int name_length(const char *text)
{
    const int n = word_length(text);
    const char *end = text[n] == '[' ? strchr(text + n, ']') : NULL;

    return end != NULL ? (int)(end - text) + 1 : n;
}

static int number_length(const char *text)
{
    char *end;

    strtod(text, &end);
    return (int)(end - text);
}

bool heed_formula_next_name(const char *text, int *at, int *length)
{
    int i = *at;

    while (text[i] != '\0') {
        if (isdigit((unsigned char)text[i]) || text[i] == '.') {
            const int n = number_length(text + i);
            i += n > 0 ? n : 1;
        } else if (isalpha((unsigned char)text[i]) && text[i + word_length(text + i)] == '(') {
            i += word_length(text + i);
        } else if (isalpha((unsigned char)text[i])) {
            *at = i;
            *length = name_length(text + i);
            return true;
        } else {
            i++;
        }
    }
    return false;
}

/* --- parsing: sum = product {+- product}, product = factor {*'/' factor} -------------------------- */

typedef struct parser {
    heed_formula *f;
    const char *at;
    int depth;
    bool failed;
} parser;

static void parse_sum(parser *p);

static void put(parser *p, heed_formula_code code)
{
    if (p->f->n_codes == HEED_FORMULA_CODES)
        p->failed = true;
    else
        p->f->codes[p->f->n_codes++] = code;
}

static bool take(parser *p, char c)
{
    while (*p->at == ' ')
        p->at++;
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static void expect(parser *p, char c)
{
    if (!take(p, c))
        p->failed = true;
}

static void parse_call(parser *p)
{
    const int length = word_length(p->at), function = function_of(p->at, length);

    p->at += length;
    expect(p, '(');
    if (function < 0) {
        p->failed = true;
        return;
    }
    parse_sum(p);
    if (functions[function].two_float != NULL) {
        expect(p, ',');
        parse_sum(p);
    }
    expect(p, ')');
    put(p, (heed_formula_code){.what = FIRST_FUNCTION + function});
}

static void parse_name(parser *p)
{
    heed_formula *f = p->f;
    const int at = (int)(p->at - f->text), length = name_length(p->at);
    int name = 0;

    while (name < f->n_names && (f->names[name].length != length ||
                                 strncmp(f->text + f->names[name].at, p->at, (size_t)length) != 0))
        name++;
    if (name == HEED_FORMULA_NAMES) {
        p->failed = true;
        return;
    }
    if (name == f->n_names) {
        f->names[name].at = at;
        f->names[name].length = length;
        f->n_names++;
    }
    p->at += length;
    put(p, (heed_formula_code){.what = NAME, .name = name});
}

static void parse_number(parser *p)
{
    const int length = number_length(p->at);

    if (length == 0) {
        p->failed = true;
        return;
    }
    put(p, (heed_formula_code){.what = NUMBER, .number = strtod(p->at, NULL)});
    p->at += length;
}

static void parse_factor(parser *p)
{
    if (p->failed || ++p->depth > MAX_DEPTH) {
        p->failed = true;
        return;
    }
    if (take(p, '-')) {
        parse_factor(p);
        put(p, (heed_formula_code){.what = NEGATE});
    } else if (take(p, '(')) {
        parse_sum(p);
        expect(p, ')');
    } else if (isalpha((unsigned char)*p->at)) {
        if (p->at[word_length(p->at)] == '(')
            parse_call(p);
        else
            parse_name(p);
    } else {
        parse_number(p);
    }
    p->depth--;
}

static void parse_product(parser *p)
{
    parse_factor(p);
    while (!p->failed) {
        const int what = take(p, '*') ? MULTIPLY : take(p, '/') ? DIVIDE : NUMBER;

        if (what == NUMBER)
            return;
        parse_factor(p);
        put(p, (heed_formula_code){.what = what});
    }
}

static void parse_sum(parser *p)
{
    parse_product(p);
    while (!p->failed) {
        const int what = take(p, '+') ? ADD : take(p, '-') ? SUBTRACT : NUMBER;

        if (what == NUMBER)
            return;
        parse_product(p);
        put(p, (heed_formula_code){.what = what});
    }
}

bool heed_formula_parse(heed_formula *f, const char *text)
{
    parser p = {.f = f, .at = text};

    f->text = text;
    f->n_codes = f->n_names = 0;
    parse_sum(&p);
    return !p.failed && !take(&p, ' ') && *p.at == '\0';
}

bool heed_formula_is_product(const heed_formula *f)
{
    return f->n_codes == 3 && f->n_names == 2 && f->codes[0].what == NAME && f->codes[1].what == NAME &&
           f->codes[2].what == MULTIPLY;
}

/* --- computing ------------------------------------------------------------------------------------ */

static double two_of(heed_arithmetic in, int what, double a, double b)
{
    const float x = (float)a, y = (float)b;
    const bool wide = in == HEED_IN_DOUBLE;

    switch (what) {
    case ADD:
        return wide ? a + b : (double)(x + y);
    case SUBTRACT:
        return wide ? a - b : (double)(x - y);
    case MULTIPLY:
        return wide ? a * b : (double)(x * y);
    case DIVIDE:
        return wide ? a / b : (double)(x / y);
    default: {
        const struct function *f = &functions[what - FIRST_FUNCTION];
        return wide ? f->two_double(a, b) : (double)f->two_float(x, y);
    }
    }
}

static double one_of(heed_arithmetic in, int what, double a)
{
    if (what == NEGATE)
        return -a;
    const struct function *f = &functions[what - FIRST_FUNCTION];

    return in == HEED_IN_DOUBLE ? f->one_double(a) : (double)f->one_float((float)a);
}

double heed_formula_compute(const heed_formula *f, heed_arithmetic in, const double *values)
{
    double stack[HEED_FORMULA_CODES];
    int n = 0;

    stack[0] = (double)NAN; /* of a formula without codes */
    for (int i = 0; i < f->n_codes; i++) {
        const heed_formula_code *code = &f->codes[i];
        const int what = code->what;

        if (what == NUMBER || what == NAME) {
            const double number = what == NUMBER ? code->number : values[code->name];
            stack[n++] = in == HEED_IN_DOUBLE ? number : (double)(float)number;
        } else if (what == NEGATE || (what >= FIRST_FUNCTION && functions[what - FIRST_FUNCTION].one_float)) {
            stack[n - 1] = one_of(in, what, stack[n - 1]);
        } else {
            stack[n - 2] = two_of(in, what, stack[n - 2], stack[n - 1]);
            n--;
        }
    }
    assert(n == 1);
    return stack[0];
}
