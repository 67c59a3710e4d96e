/* SPDX-License-Identifier: MIT */
/* Formulas as text compute what C computes, to the bit, in float and in double. */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "graph/formula.h"

enum { TRIES = 200 };

static double compute(const char *text, heed_arithmetic in, const double *values)
{
    heed_formula f;

    if (!heed_formula_parse(&f, text))
        fail_msg("%s is not read", text);
    return heed_formula_compute(&f, in, values);
}

static void expect(const char *text, double got, double expected)
{
    if (memcmp(&got, &expected, sizeof got) != 0 && !(isnan(got) && isnan(expected)))
        fail_msg("%s is %.17g, expected %.17g (seed 3)", text, got, expected);
}

#define IN_FLOAT(text, expression)  expect(text, compute(text, HEED_IN_FLOAT, values), (double)(expression))
#define IN_DOUBLE(text, expression) expect(text, compute(text, HEED_IN_DOUBLE, values), expression)

static void check_float(const double *values)
{
    const float a = (float)values[0], b = (float)values[1], c = (float)values[2];

    IN_FLOAT("a + b + c", a + b + c);
    IN_FLOAT("a - b - c", a - b - c);
    IN_FLOAT("a - (b - c)", a - (b - c));
    IN_FLOAT("a * b / c", a * b / c);
    IN_FLOAT("a / b * c + a", a / b * c + a);
    IN_FLOAT("a - -b * c", a - -b * c);
    IN_FLOAT("0.044715 * a + 1e-5", 0.044715f * a + 1e-5f);
    IN_FLOAT("exp(a - b)", expf(a - b));
    IN_FLOAT("log(abs(a)) / sqrt(abs(b))", logf(fabsf(a)) / sqrtf(fabsf(b)));
    IN_FLOAT("tanh(a) + erf(b) * sin(c) - cos(a)", tanhf(a) + erff(b) * sinf(c) - cosf(a));
    IN_FLOAT("pow(abs(a), b)", powf(fabsf(a), b));
    IN_FLOAT("max(a, b) - min(b, c)", (a > b ? a : b) - (b < c ? b : c));
}

static void check_double(const double *values)
{
    const double a = values[0], b = values[1], c = values[2];

    IN_DOUBLE("a + b * c", a + b * c);
    IN_DOUBLE("(a - b) / sqrt(abs(c) + 1e-5)", (a - b) / sqrt(fabs(c) + 1e-5));
    IN_DOUBLE("exp(a) + f32(b / c)", exp(a) + (double)(float)(b / c));
    IN_DOUBLE("1 - pow(abs(a), b)", 1.0 - pow(fabs(a), b));
}

static void a_formula_computes_what_c_computes(void **state)
{
    heed_rng rng = heed_rng_make(3, 1);

    (void)state;
    for (int t = 0; t < TRIES; t++) {
        const double values[3] = {(double)heed_rng_normal(&rng), (double)heed_rng_normal(&rng),
                                  (double)heed_rng_normal(&rng)};

        check_float(values);
        check_double(values);
    }
}

static void a_number_is_rounded_to_the_type_that_is_named(void **state)
{
    const double third[1] = {1.0 / 3.0};

    (void)state;
    expect("x", compute("x", HEED_IN_FLOAT, third), (double)(1.0f / 3.0f));
    expect("x", compute("x", HEED_IN_DOUBLE, third), 1.0 / 3.0);
    expect("bf16(x)", compute("bf16(x)", HEED_IN_DOUBLE, third), 0.333984375);      /* 171 / 512, 8 bits */
    expect("max(x, 0)", compute("max(x, 0)", HEED_IN_FLOAT, (double[]){NAN}), 0.0); /* as NaN > 0 ? NaN : 0 */
}

static void a_name_counts_once_and_keeps_its_brackets(void **state)
{
    heed_formula f;
    int at = 0, length = 0;
    char names[64] = "";

    (void)state;
    assert_true(heed_formula_parse(&f, "m' * x[i, 2] + (1 - exp(b1)) * x[i, 2] * x[j]"));
    assert_int_equal(f.n_names, 4);
    expect("of names", heed_formula_compute(&f, HEED_IN_DOUBLE, (double[]){2, 3, 0, 5}), 6.0);
    while (heed_formula_next_name(f.text, &at, &length)) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "%.*s;", length, f.text + at);
        at += length;
    }
    assert_string_equal(names, "m';x[i, 2];b1;x[i, 2];x[j];");
}

static void what_is_no_formula_is_refused(void **state)
{
    static const char *const wrong[] = {"",       "a +",   "(a",     "a)",        "a b",     "2 (a)", "f(a)",
                                        "max(a)", "exp a", "a ** b", "exp(a, b)", "a + + b", "* a",   "a $ b"};
    char deep[80] = "";
    heed_formula f;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (heed_formula_parse(&f, wrong[i]))
            fail_msg("\"%s\" is read", wrong[i]);
    }
    memset(deep, '(', 70);
    assert_false(heed_formula_parse(&f, deep));
    assert_false(heed_formula_parse(&f, "a + b + c + d + e + f + g + h + i")); /* nine names */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_formula_computes_what_c_computes),
        cmocka_unit_test(a_number_is_rounded_to_the_type_that_is_named),
        cmocka_unit_test(a_name_counts_once_and_keeps_its_brackets),
        cmocka_unit_test(what_is_no_formula_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
