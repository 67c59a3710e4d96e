/* SPDX-License-Identifier: MIT */
/* Arrays as NumPy saves them: read in every type and order, refused in one sentence, and written as NumPy reads them. */
#include "folder.h"

#include <math.h>
#include <string.h>

#include "formats/npy.h"

/* A file of version 1.0 with this dictionary, no padding, and these bytes behind it. */
static size_t make_file(char *out, const char *dictionary, const void *data, size_t bytes)
{
    const size_t n = strlen(dictionary);

    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)(n & 0xff);
    out[9] = (char)(n >> 8);
    memcpy(out + 10, dictionary, n);
    memcpy(out + 10 + n, data, bytes);
    return 10 + n + bytes;
}

static void expect_numbers(const char *dictionary, const void *data, size_t bytes, int n, const double *numbers)
{
    char file[512];
    heed_npy array;
    heed_error err = {0};

    if (heed_npy_parse(file, make_file(file, dictionary, data, bytes), "x.npy", &array, &err) != HEED_OK)
        fail_msg("%s: %s", dictionary, err.message);
    assert_int_equal(array.count, n);
    for (int i = 0; i < n; i++)
        if (heed_npy_number(&array, i) != numbers[i])
            fail_msg("%s: number %d is %g, expected %g", dictionary, i, heed_npy_number(&array, i), numbers[i]);
}

static void numbers_of_every_type_are_read(void **state)
{
    const double numbers[] = {1, -2, 0.5}, whole[] = {1, -2, 7}, small[] = {1, 254, 7}, truths[] = {1, 0, 1};
    const float f32[] = {1, -2, 0.5f};
    const uint16_t f16[] = {0x3c00, 0xc000, 0x3800};
    const int64_t i64[] = {1, -2, 7};
    const int32_t i32[] = {1, -2, 7};
    const uint8_t u8[] = {1, 254, 7}, b1[] = {1, 0, 255};

    (void)state;
    expect_numbers("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", numbers, sizeof numbers, 3,
                   numbers);
    expect_numbers("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", f32, sizeof f32, 3, numbers);
    expect_numbers("{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }", f16, sizeof f16, 3, numbers);
    expect_numbers("{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", i64, sizeof i64, 3, whole);
    expect_numbers("{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", i32, sizeof i32, 3, whole);
    expect_numbers("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", u8, sizeof u8, 3, small);
    expect_numbers("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", b1, sizeof b1, 3, truths);
}

static void the_dictionary_may_be_written_in_any_way_that_python_reads(void **state)
{
    const float x[] = {1, 2, 3, 4};
    const double numbers[] = {1, 2, 3, 4};

    (void)state;
    expect_numbers("{\"shape\":(2,2,),\"descr\":\"<f4\",\"fortran_order\":False}  \n", x, sizeof x, 4, numbers);
    expect_numbers(" { 'fortran_order' : False , 'shape' : ( 4L, ) , 'descr' : '<f4' }", x, sizeof x, 4,
                   numbers);
    expect_numbers("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", x, 4, 1, numbers);
    expect_numbers("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}", x, 0, 0, numbers);
}

/* [2, 3, 4] in Fortran's order: number (i, j, k) lies at i + 2 j + 6 k. */
static void fortran_order_is_put_right(void **state)
{
    float x[24];
    double numbers[24];

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++) {
                x[i + 2 * j + 6 * k] = (float)(100 * i + 10 * j + k);
                numbers[12 * i + 4 * j + k] = 100 * i + 10 * j + k;
            }
    expect_numbers("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }", x, sizeof x, 24, numbers);
}

static void what_is_written_is_read_again_and_begins_as_numpy_begins_it(void **state)
{
    /* numpy 1.24.2: numpy.save(path, numpy.zeros((2, 3), 'f4')), the first 128 bytes */
    static const char begin[] =
        "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    const float x[] = {1, -2, 0.25f, INFINITY, -INFINITY, NAN};
    const int64_t size[] = {2, 3};
    heed_error err = {0};
    heed_file file;
    heed_npy array;
    float again[6];

    (void)state;
    assert_int_equal(heed_npy_write(inside("x.npy"), 2, size, x, &err), HEED_OK);
    assert_int_equal(heed_file_open(&file, inside("x.npy"), &err), HEED_OK);
    assert_int_equal(file.size, 128 + sizeof x);
    assert_memory_equal(file.data, begin, sizeof begin - 1);
    for (size_t i = sizeof begin - 1; i < 127; i++)
        assert_int_equal(file.data[i], ' ');
    assert_int_equal(file.data[127], '\n');
    heed_file_close(&file);

    assert_int_equal(heed_npy_open(inside("x.npy"), &array, &err), HEED_OK);
    assert_int_equal(array.rank, 2);
    assert_int_equal(array.size[0], 2);
    assert_int_equal(array.size[1], 3);
    heed_npy_read_f32(&array, again);
    assert_memory_equal(again, x, sizeof x);
    heed_npy_close(&array);
}

static void every_rank_is_written(void **state)
{
    const int64_t size[] = {1, 2, 1, 2, 1, 1, 1, 2}, huge[] = {INT64_MAX, INT64_MAX};
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    heed_error err = {0};

    (void)state;
    for (int rank = 0; rank <= HEED_NPY_MAX_RANK; rank++) {
        heed_npy array;
        int64_t count = 1;

        for (int i = 0; i < rank; i++)
            count *= size[i];
        assert_int_equal(heed_npy_write(inside("rank.npy"), rank, size, x, &err), HEED_OK);
        if (heed_npy_open(inside("rank.npy"), &array, &err) != HEED_OK)
            fail_msg("rank %d: %s", rank, err.message);
        assert_int_equal(array.rank, rank);
        assert_int_equal(array.count, count);
        heed_npy_close(&array);
    }
    assert_int_equal(heed_npy_write(inside("no.npy"), 2, huge, x, &err), HEED_ERR_SHAPE);
}

static void expect_refused(const char *dictionary, const char *part)
{
    const float x[] = {1, 2, 3, 4};
    char file[512];
    heed_npy array;
    heed_error err = {0};
    const size_t size = make_file(file, dictionary, x, sizeof x);

    assert_int_equal(heed_npy_parse(file, size, "x.npy", &array, &err), HEED_ERR_FILE);
    assert_null(array.data);
    if (strstr(err.message, part) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("%s: expected one sentence with \"%s\", got \"%s\"", dictionary, part, err.message);
}

static void what_is_no_array_of_numbers_is_refused_in_one_sentence(void **state)
{
    (void)state;
    expect_refused("{'descr': '>f4', 'fortran_order': False, 'shape': (4,)}", "got \">f4\"");
    expect_refused("{'descr': '|O', 'fortran_order': False, 'shape': (4,)}", "got \"|O\"");
    expect_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}", "one type");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}",
                   "[5], 4 bytes each, the file has 16");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "the file has 16");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905, 4)}",
                   "the file has 16");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                   "whole numbers");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", "whole numbers");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4)}", "8 axes");
    expect_refused("{'descr': '<f4', 'fortran_order': False}", "\"shape\"");
    expect_refused("{'descr': '<f4', 'descr': '<f4', 'shape': (4,)}", "each once");
    expect_refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (4,)}", "True or False");
    expect_refused("{'descr': '<f4", "one type");
    expect_refused("", "a dictionary");
    expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x", "nothing behind");
}

static void a_file_that_is_cut_or_of_another_kind_is_refused(void **state)
{
    const float x[] = {1, 2, 3, 4};
    char file[512], *copy;
    heed_npy array;
    heed_error err = {0};
    const size_t size = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", x, sizeof x);

    (void)state;
    for (size_t n = 0; n < size;
         n++) { /* a copy of exactly n bytes, so that a sanitizer sees a read past the end */
        copy = malloc(n + (n == 0));
        memcpy(copy, file, n);
        assert_int_equal(heed_npy_parse(copy, n, "x.npy", &array, &err), HEED_ERR_FILE);
        free(copy);
    }
    file[6] = 9;
    assert_int_equal(heed_npy_parse(file, size, "x.npy", &array, &err), HEED_ERR_FILE);
    assert_string_equal(err.message, "x.npy: expected a .npy file of version 1.0 or 2.0, got 9.0");
    assert_int_equal(heed_npy_open(inside("missing.npy"), &array, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "missing.npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_type_are_read),
        cmocka_unit_test(the_dictionary_may_be_written_in_any_way_that_python_reads),
        cmocka_unit_test(fortran_order_is_put_right),
        cmocka_unit_test(what_is_written_is_read_again_and_begins_as_numpy_begins_it),
        cmocka_unit_test(every_rank_is_written),
        cmocka_unit_test(what_is_no_array_of_numbers_is_refused_in_one_sentence),
        cmocka_unit_test(a_file_that_is_cut_or_of_another_kind_is_refused),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
