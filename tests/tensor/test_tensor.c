/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"

#include "tensor/tensor.h"

#include <string.h>

/* A [2, 3, 4] view with axes 0 and 1 of a dense [3, 2, 4] swapped: what split heads look like. */
static heed_tensor swapped(float *data)
{
    heed_tensor t = heed_tensor_make(HEED_F32, heed_shape3(2, 3, 4), data);

    t.stride[0] = 4;
    t.stride[1] = 8;
    return t;
}

static void shapes_count_format_and_compare(void **state)
{
    const heed_shape scalar = heed_shape0(), row = heed_shape1(7), cube = heed_shape3(2, 3, 4);
    const heed_shape five = heed_shape5(1, 2, 3, 4, 5), none = heed_shape2(0, INT64_MAX);
    const heed_shape huge = heed_shape4(INT64_MAX, 2, 2, 2);
    char text[96];

    (void)state;
    assert_int_equal(heed_shape_count(&scalar), 1);
    assert_int_equal(heed_shape_count(&row), 7);
    assert_int_equal(heed_shape_count(&cube), 24);
    assert_int_equal(heed_shape_count(&five), 120);
    assert_int_equal(heed_shape_count(&none), 0);
    assert_true(heed_shape_count(&huge) == INT64_MAX);
    assert_int_equal(heed_shape_size(&cube, 0), 2);
    assert_int_equal(heed_shape_size(&cube, -1), 4);
    assert_int_equal(heed_shape_size(&cube, -3), 2);
    assert_string_equal(heed_shape_format(text, sizeof(text), &scalar), "[]");
    assert_string_equal(heed_shape_format(text, sizeof(text), &cube), "[2, 3, 4]");
    assert_string_equal(heed_shape_format(text, 5, &cube), "[2, ");
    assert_true(heed_shape_equal(&cube, &cube));
    assert_false(heed_shape_equal(&cube, &five));
    assert_false(heed_shape_equal(&row, &scalar));
}

static void a_made_tensor_is_dense_and_counts_its_bytes(void **state)
{
    float data[24];
    const heed_tensor t = heed_tensor_make(HEED_F32, heed_shape3(2, 3, 4), data);
    const heed_tensor none = heed_tensor_make(HEED_F32, heed_shape2(0, 4), NULL);
    const heed_tensor huge = heed_tensor_make(HEED_F32, heed_shape2(INT64_MAX, 4), NULL);

    (void)state;
    assert_int_equal(t.stride[0], 12);
    assert_int_equal(t.stride[1], 4);
    assert_int_equal(t.stride[2], 1);
    assert_true(heed_tensor_is_dense(&t));
    assert_int_equal(heed_tensor_span_bytes(&t), 96);
    assert_int_equal(heed_tensor_span_bytes(&none), 0);
    assert_true(heed_tensor_span_bytes(&huge) == SIZE_MAX);
    assert_int_equal(heed_rows(&t), 6);
    assert_int_equal(heed_cols(&t), 4);
    assert_ptr_equal(heed_row(&t, 5), data + 20);
}

static void a_scalar_is_one_row_of_one(void **state)
{
    float value = 2.5f;
    heed_tensor t = heed_tensor_make(HEED_F32, heed_shape0(), &value);
    int64_t row_stride;

    (void)state;
    assert_int_equal(heed_rows(&t), 1);
    assert_int_equal(heed_cols(&t), 1);
    assert_ptr_equal(heed_row(&t, 0), &value);
    assert_true(heed_tensor_is_dense(&t));
    assert_true(heed_tensor_rows_fold(&t, &row_stride));
    assert_true(heed_tensor_get(&t, 0) == 2.5f);
}

static void a_swapped_view_addresses_the_elements_it_should(void **state)
{
    float data[24];
    const heed_tensor t = swapped(data);
    int64_t i = 0;

    (void)state;
    assert_false(heed_tensor_is_dense(&t));
    assert_int_equal(heed_tensor_span_bytes(&t), 96);
    for (int64_t a = 0; a < 2; a++) {
        for (int64_t b = 0; b < 3; b++) {
            assert_ptr_equal(heed_row(&t, a * 3 + b), data + b * 8 + a * 4);
            for (int64_t c = 0; c < 4; c++)
                assert_int_equal(heed_tensor_offset(&t, i++), b * 8 + a * 4 + c);
        }
    }
}

static void axes_of_size_one_do_not_break_density(void **state)
{
    float data[6];
    heed_tensor t = heed_tensor_make(HEED_F32, heed_shape4(1, 2, 1, 3), data);
    int64_t row_stride = 0;

    (void)state;
    t.stride[0] = 999;
    t.stride[2] = -5;
    assert_true(heed_tensor_is_dense(&t));
    assert_true(heed_tensor_rows_fold(&t, &row_stride));
    assert_int_equal(row_stride, 3);
}

static void rows_fold_when_one_stride_reaches_them_all(void **state)
{
    float data[400];
    heed_tensor q = heed_tensor_make(HEED_F32, heed_shape3(2, 3, 4), data); /* q of rows q|k|v */
    heed_tensor t = swapped(data), column = heed_tensor_make(HEED_F32, heed_shape2(5, 1), data);
    int64_t row_stride = 0;

    (void)state;
    q.stride[1] = 12;
    q.stride[0] = 36;
    assert_true(heed_tensor_rows_fold(&q, &row_stride));
    assert_int_equal(row_stride, 12);
    q.stride[0] = 40;
    assert_false(heed_tensor_rows_fold(&q, &row_stride));
    assert_false(heed_tensor_rows_fold(&t, &row_stride));
    column.stride[0] = 9;
    column.stride[1] = 9;
    assert_true(heed_tensor_rows_fold(&column, &row_stride));
    assert_int_equal(row_stride, 9);
    q.stride[2] = 2;
    assert_false(heed_tensor_rows_fold(&q, &row_stride));
}

static void copies_between_any_strides_keep_the_order(void **state)
{
    float source[24], middle[24], back[24];
    heed_tensor dense = heed_tensor_make(HEED_F32, heed_shape3(2, 3, 4), source), view = swapped(middle);
    heed_tensor columns = heed_tensor_make(HEED_F32, heed_shape3(2, 3, 4), back);

    (void)state;
    for (int i = 0; i < 24; i++)
        source[i] = (float)i;
    heed_tensor_copy(&view, &dense);
    for (int64_t i = 0; i < 24; i++)
        assert_true(heed_tensor_get(&view, i) == (float)i);
    columns.stride[0] = 1;
    columns.stride[1] = 2;
    columns.stride[2] = 6;
    heed_tensor_copy(&columns, &view);
    for (int64_t i = 0; i < 24; i++)
        assert_true(heed_tensor_get(&columns, i) == (float)i);
    assert_true(back[6] == 1.0f);
    memset(source, 0, sizeof(source));
    heed_tensor_copy(&dense, &columns);
    for (int i = 0; i < 24; i++)
        assert_true(source[i] == (float)i);
}

static void integers_are_read_and_written_as_integers(void **state)
{
    int32_t data[4] = {0};
    heed_tensor t = heed_tensor_make(HEED_I32, heed_shape2(2, 2), data);

    (void)state;
    heed_tensor_set(&t, 3, 65.0f);
    assert_int_equal(data[3], 65);
    assert_true(heed_tensor_get(&t, 3) == 65.0f);
    assert_ptr_equal(heed_row_i32(&t, 1), data + 2);
    assert_int_equal(heed_dtype_bytes(HEED_I32), 4);
    assert_string_equal(heed_dtype_name(HEED_I32), "i32");
    assert_string_equal(heed_dtype_name(HEED_F32), "f32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_count_format_and_compare),
        cmocka_unit_test(a_made_tensor_is_dense_and_counts_its_bytes),
        cmocka_unit_test(a_scalar_is_one_row_of_one),
        cmocka_unit_test(a_swapped_view_addresses_the_elements_it_should),
        cmocka_unit_test(axes_of_size_one_do_not_break_density),
        cmocka_unit_test(rows_fold_when_one_stride_reaches_them_all),
        cmocka_unit_test(copies_between_any_strides_keep_the_order),
        cmocka_unit_test(integers_are_read_and_written_as_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
