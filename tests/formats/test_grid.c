/* SPDX-License-Identifier: MIT */
/* Grids of numbers: they can be read without colours, keep the width, and show what is not finite. */
#include "cmocka_all.h"

#include <heed/grid.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "folder.h"
#include "formats/colour.h"
#include "formats/label.h"
#include "formats/well_formed.h"

static char *drawn(const heed_grid *grid, int columns, heed_palette palette)
{
    char *text = NULL;
    heed_error err = {0};

    if (heed_grid_text(grid, columns, palette, &text, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return text;
}

static void each_number_stands_below_its_head_and_beside_its_layer(void **state)
{
    static const double values[] = {0.0012, -0.0003, 0.0121, 0, 0.0085, NAN};
    const heed_grid grid = {.title = "Change",
                            .values = values,
                            .n_rows = 2,
                            .n_columns = 3,
                            .row_name = "layer",
                            .column_name = "head",
                            .diverging = true,
                            .caption = "in nats"};
    char *text = drawn(&grid, 80, HEED_PALETTE_NONE);

    (void)state;
    assert_string_equal(text, "Change, in units of 0.001\n"
                              "      head\n"
                              "layer    0    1    2\n"
                              "    0  1.2 -0.3 12.1\n"
                              "    1  0.0  8.5  nan\n"
                              "in nats\n");
    free(text);
}

static void shares_are_shown_in_percent(void **state)
{
    static const double values[] = {0.251, 1, INFINITY, -INFINITY};
    static const char *const rows[] = {"previous\n", "first"};
    const heed_grid grid = {.values = values, .n_rows = 2, .n_columns = 2, .row_labels = rows, .percent = true};
    char *text = drawn(&grid, 80, HEED_PALETTE_NONE);

    (void)state;
    assert_string_equal(text, "in %\n"
                              "                0    1\n"
                              "previous\\x0A   25  100\n"
                              "       first  inf -inf\n");
    free(text);
}

/* The number of columns that the widest line takes, passing over what starts and ends colours. */
static int widest_line(char *text)
{
    int widest = 0;

    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char plain[4096];
        size_t n = 0;

        for (const char *p = line; *p != '\0'; p++) {
            if (*p == '\x1b')
                p = strchr(p, 'm');
            else
                plain[n++] = *p;
        }
        plain[n] = '\0';
        widest = heed_label_chars(plain) > widest ? heed_label_chars(plain) : widest;
    }
    return widest;
}

static void columns_that_do_not_fit_come_below(void **state)
{
    static double values[3 * 40];
    const heed_grid grid = {.title = "A title that is longer than forty columns by far, and then some more",
                            .values = values,
                            .n_rows = 3,
                            .n_columns = 40,
                            .diverging = true};

    (void)state;
    for (int i = 0; i < 120; i++)
        values[i] = i * 0.01 - 0.5;
    for (int palette = HEED_PALETTE_NONE; palette <= HEED_PALETTE_TRUE; palette++)
        for (int columns = 40; columns < 200; columns += 13) {
            char *text = drawn(&grid, columns, (heed_palette)palette);

            assert_non_null(strstr(text, "0.69")); /* the last number */
            assert_true(palette != HEED_PALETTE_NONE || strchr(text, '\x1b') == NULL);
            const int widest = widest_line(text);
            if (widest > columns)
                fail_msg("palette %d: a line of %d columns, at most %d were asked for", palette, widest,
                         columns);
            free(text);
        }
}

static void blue_is_below_zero_and_red_above(void **state)
{
    const heed_colour low = heed_colour_diverging(-1), middle = heed_colour_diverging(0),
                      high = heed_colour_diverging(1);

    (void)state;
    assert_true(low.b > low.r && high.r > high.b);
    assert_true(abs(middle.r - middle.b) < 4 && middle.r > 235);
    assert_true(heed_colour_is_light(middle) && !heed_colour_is_light((heed_colour){0, 0, 0}));
}

static void a_picture_holds_each_number_and_is_the_same_twice(void **state)
{
    static const double values[] = {0.5, -0.25, NAN, 0.125};
    static const char *const rows[] = {"a<b", "\x1b]&"};
    const heed_grid grid = {
        .title = "T", .values = values, .n_rows = 2, .n_columns = 2, .row_labels = rows, .diverging = true};
    heed_file first, second;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_grid_picture(&grid, inside("a.svg"), &err), HEED_OK);
    assert_int_equal(heed_file_open(&first, inside("a.svg"), &err), HEED_OK);
    assert_int_equal(heed_grid_picture(&grid, inside("b.svg"), &err), HEED_OK);
    assert_int_equal(heed_file_open(&second, inside("b.svg"), &err), HEED_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    char *svg = strndup(first.data, first.size);
    assert_well_formed(svg);
    static const char *const parts[] = {">0.50<", ">-0.25<", ">nan<", ">0.12<", ">a&lt;b<", ">\\x1B]&amp;<"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(svg, parts[i]) == NULL)
            fail_msg("expected %s in %s", parts[i], svg);
    free(svg);
    heed_file_close(&first);
    heed_file_close(&second);
    assert_int_equal(heed_grid_picture(&grid, inside("a.bmp"), &err), HEED_ERR_USAGE);
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    static const double values[] = {1};
    const heed_grid none = {.values = values, .n_rows = 0, .n_columns = 1};
    const heed_grid falling = {.values = values, .n_rows = 1, .n_columns = 1, .low = 2, .high = 1};
    char *text = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_grid_text(&none, 80, HEED_PALETTE_NONE, &text, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_grid_text(&falling, 80, HEED_PALETTE_NONE, &text, &err), HEED_ERR_USAGE);
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_stands_below_its_head_and_beside_its_layer),
        cmocka_unit_test(shares_are_shown_in_percent),
        cmocka_unit_test(columns_that_do_not_fit_come_below),
        cmocka_unit_test(blue_is_below_zero_and_red_above),
        cmocka_unit_test(a_picture_holds_each_number_and_is_the_same_twice),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
