/* SPDX-License-Identifier: MIT */
/* Matrices as people write them: numbers in every form, rows by any sign, and one clear sentence about what is wrong. */
#include "folder.h"

#include <heed/matrix.h>
#include <math.h>
#include <string.h>

#include "formats/npy.h"

static heed_matrix read_matrix(const char *value)
{
    heed_matrix matrix;
    heed_error err = {0};

    if (heed_matrix_read("q", value, &matrix, &err) != HEED_OK)
        fail_msg("\"%s\": %s", value, err.message);
    return matrix;
}

static void expect_matrix(const char *value, int64_t rows, int64_t columns, const double *numbers)
{
    heed_matrix matrix = read_matrix(value);

    if (matrix.rows != rows || matrix.columns != columns)
        fail_msg("\"%s\" is read as %lld x %lld", value, (long long)matrix.rows, (long long)matrix.columns);
    for (int64_t i = 0; i < rows * columns; i++)
        if (matrix.data[i] != (float)numbers[i])
            fail_msg("\"%s\": number %lld is %.9g, expected %.9g", value, (long long)i, (double)matrix.data[i],
                     numbers[i]);
    heed_matrix_free(&matrix);
}

static void expect_number(const char *text, double expected)
{
    double value = 0.0;
    heed_error err = {0};

    if (heed_matrix_read_number("scale", text, &value, &err) != HEED_OK)
        fail_msg("\"%s\": %s", text, err.message);
    if (fabs(value - expected) > 1e-15 * fabs(expected)) /* a few operations in double precision */
        fail_msg("\"%s\" is read as %.17g, expected %.17g", text, value, expected);
}

static void numbers_are_worked_out_as_on_paper(void **state)
{
    (void)state;
    expect_number("3", 3.0);
    expect_number("-2.5", -2.5);
    expect_number("+.5", 0.5);
    expect_number("1e-3", 0.001);
    expect_number("1/3", 1.0 / 3.0);
    expect_number("1/sqrt(2)", 1.0 / sqrt(2.0));
    expect_number("sqrt(2)/2", sqrt(2.0) / 2.0);
    expect_number("e^0.5", exp(0.5));
    expect_number("E", exp(1.0));
    expect_number("exp( -1 )", exp(-1.0));
    expect_number("ln(2)", log(2.0));
    expect_number("2*pi", 8.0 * atan(1.0));
    expect_number("2^3^2", 512.0);
    expect_number("2**-1", 0.5);
    expect_number("-2^2", -4.0);
    expect_number("8/2/2", 2.0);
    expect_number("1-2-3", -4.0);
    expect_number("(1 + 2)/3", 1.0);
    expect_number("1/inf", 0.0);
}

static void rows_end_by_semicolon_line_or_bracket(void **state)
{
    const double x[] = {1, 0, 0, 1, 0.5, -2};

    (void)state;
    expect_matrix("1 0; 0 1; 1/2 -2", 3, 2, x);
    expect_matrix("1 0;0 1;.5 -2;", 3, 2, x);
    expect_matrix("1, 0\n0,1\r\n 0.5 , -2\n\n", 3, 2, x);
    expect_matrix("[[1, 0], [0, 1], [0.5, -2]]", 3, 2, x);
    expect_matrix("[[1. 0.]\n [0. 1.]\n [.5\n -2.]]", 3, 2, x);
    expect_matrix("[1 0] [0 1] [0.5 -2]", 3, 2, x);
    expect_matrix("[[[1,0],[0,1],[0.5,-2,],],]", 3, 2, x);
    expect_matrix("# q\n1 0 # the first\n0 1;0.5 -2", 3, 2, x);
    expect_matrix("\xef\xbb\xbf"
                  "1 0; 0 1; 0.5 -2",
                  3, 2, x);
    expect_matrix("1 0 0 1 .5 -2", 1, 6, x);
    expect_matrix("1;0;0;1;.5;-2", 6, 1, x);
    expect_matrix("-inf inf", 1, 2, (const double[]){-INFINITY, INFINITY});
}

static void write_text(const char *name, const char *text)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text, strlen(text)}, 1, NULL), HEED_OK);
}

static void a_matrix_comes_from_a_file_by_its_name_or_behind_an_at(void **state)
{
    const float x[] = {1, 0, 0, 1, 0.5f, -2};
    const double numbers[] = {1, 0, 0, 1, 0.5, -2};
    const int64_t size[] = {1, 3, 2}, row[] = {6};
    char at[200];

    (void)state;
    write_text("q.csv", "1,0\n0,1\n0.5,-2\n");
    write_text("q.txt", "1 0; 0 1\n1/2 -2");
    write_text("q.data", "1 0; 0 1\n1/2 -2");
    assert_int_equal(heed_npy_write(inside("q.npy"), 3, size, x, NULL), HEED_OK);
    assert_int_equal(heed_npy_write(inside("row.npy"), 1, row, x, NULL), HEED_OK);
    expect_matrix(inside("q.csv"), 3, 2, numbers);
    expect_matrix(inside("q.txt"), 3, 2, numbers);
    expect_matrix(inside("q.npy"), 3, 2, numbers);
    expect_matrix(inside("q.data"), 3, 2, numbers);
    expect_matrix(inside("row.npy"), 1, 6, numbers);
    snprintf(at, sizeof at, "@%s", inside("q.data"));
    expect_matrix(at, 3, 2, numbers);
    snprintf(at, sizeof at, "@%s", inside("q.npy"));
    expect_matrix(at, 3, 2, numbers);
}

static void truths_are_ones_and_zeros(void **state)
{
    static const char *const texts[] = {"1 0; 1 1", "True False; TRUE true", "[[1., 0.0], [1, true]]"};
    heed_matrix matrix;
    heed_error err = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(heed_matrix_read_truths("mask", texts[i], &matrix, &err), HEED_OK);
        assert_int_equal(matrix.columns, 2);
        assert_memory_equal(matrix.data, ((const float[]){1, 0, 1, 1}), 4 * sizeof(float));
        heed_matrix_free(&matrix);
    }
    assert_int_equal(heed_matrix_read_truths("mask", "1 0; 2 1", &matrix, &err), HEED_ERR_USAGE);
    assert_string_equal(err.message, "mask, row 2, column 1: expected 1, 0, true or false, got \"2\"");
}

static void expect_refused(const char *value, heed_status status, const char *message)
{
    heed_matrix matrix;
    heed_error err = {0};

    assert_int_equal(heed_matrix_read("q", value, &matrix, &err), status);
    assert_null(matrix.data);
    if (strstr(err.message, message) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("\"%s\": expected one sentence with \"%s\", got \"%s\"", value, message, err.message);
}

static void what_is_no_matrix_is_refused_by_row_and_column(void **state)
{
    char deep[200], many[200];

    (void)state;
    expect_refused("1 2; 3", HEED_ERR_USAGE, "q, row 2: expected 2 numbers as in row 1, got 1");
    expect_refused("1; 2 3", HEED_ERR_USAGE, "q, row 2: expected 1 number as in row 1, got 2");
    expect_refused("1 2; 3 x", HEED_ERR_USAGE, "q, row 2, column 2: expected a number, got \"x\"");
    expect_refused("1 sqr(2)", HEED_ERR_USAGE,
                   "q, row 1, column 2: expected a number, got \"sqr(2)\"; did you mean sqrt?");
    expect_refused("1 nan", HEED_ERR_USAGE, "q, row 1, column 2: expected a number, got \"nan\"");
    expect_refused("1/0 2", HEED_ERR_USAGE, "q, row 1, column 1: expected a finite number, got \"1/0\"");
    expect_refused("ln(-1)", HEED_ERR_USAGE, "expected a finite number, got \"ln(-1)\"");
    expect_refused("inf-inf", HEED_ERR_USAGE, "expected a finite number, got \"inf-inf\"");
    expect_refused("1e39", HEED_ERR_USAGE, "expected a number that a float holds, got \"1e39\"");
    expect_refused("1 - 2", HEED_ERR_USAGE, "q, row 1, column 2: expected a number, got \"-\"");
    expect_refused("2x", HEED_ERR_USAGE, "expected a blank or a comma behind the number, got \"x\"");
    expect_refused("1,,2", HEED_ERR_USAGE, "q, row 1, column 2: expected a number, got a comma");
    expect_refused("1,2,; 3,4", HEED_ERR_USAGE, "expected a number behind the comma, got the end of the row");
    expect_refused("sqrt 2", HEED_ERR_USAGE, "expected parentheses behind the function's name");
    expect_refused("(1", HEED_ERR_USAGE, "expected a closing parenthesis");
    expect_refused("[1 2", HEED_ERR_USAGE, "expected a closing bracket, got the end");
    expect_refused("[1 2] 3", HEED_ERR_USAGE, "expected a bracket before the first number of a row, got \"3\"");
    expect_refused("1 ]", HEED_ERR_USAGE, "expected a bracket that opens");
    expect_refused("", HEED_ERR_USAGE, "q: expected rows of numbers, got nothing");
    expect_refused(" ;\n", HEED_ERR_USAGE, "q: expected rows of numbers, got nothing");
    expect_refused("1 \x1b[31m", HEED_ERR_USAGE, "\\x1B");
    expect_refused("missing.csv", HEED_ERR_FILE, "missing.csv");
    expect_refused("@missing", HEED_ERR_FILE, "missing");
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    expect_refused(deep, HEED_ERR_USAGE, "less inside of each other");
    memset(many, '9', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    expect_refused(many, HEED_ERR_USAGE, "up to 64 digits");
}

static void a_file_that_holds_no_matrix_is_named(void **state)
{
    const float x[] = {1, NAN, 2, 3, 4, 5, 6, 7};
    const int64_t cube[] = {2, 2, 2}, square[] = {2, 2}, none[] = {0, 2};

    (void)state;
    write_text("bad.csv", "a,b\n1,2\n");
    expect_refused(inside("bad.csv"), HEED_ERR_FILE, "bad.csv, row 1, column 1: expected a number, got \"a\"");
    write_text("german.csv", "1;2\n3;4\n");
    expect_refused(inside("german.csv"), HEED_ERR_FILE,
                   "expected a blank or a comma behind the number, got \";2\"");
    assert_int_equal(heed_npy_write(inside("cube.npy"), 3, cube, x, NULL), HEED_OK);
    expect_refused(inside("cube.npy"), HEED_ERR_FILE,
                   "expected a matrix of 1 to 1048576 numbers, got an array of [2, 2, 2]");
    assert_int_equal(heed_npy_write(inside("none.npy"), 2, none, x, NULL), HEED_OK);
    expect_refused(inside("none.npy"), HEED_ERR_FILE, "got an array of [0, 2]");
    assert_int_equal(heed_npy_write(inside("nan.npy"), 2, square, x, NULL), HEED_OK);
    expect_refused(inside("nan.npy"), HEED_ERR_FILE,
                   "nan.npy, row 1, column 2: expected a number that a float holds, got nan");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_worked_out_as_on_paper),
        cmocka_unit_test(rows_end_by_semicolon_line_or_bracket),
        cmocka_unit_test(a_matrix_comes_from_a_file_by_its_name_or_behind_an_at),
        cmocka_unit_test(truths_are_ones_and_zeros),
        cmocka_unit_test(what_is_no_matrix_is_refused_by_row_and_column),
        cmocka_unit_test(a_file_that_holds_no_matrix_is_named),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
