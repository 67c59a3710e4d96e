/* SPDX-License-Identifier: MIT */
/* Terminal drawings: sizes are kept, no colour means no escape, and the numbers can be read. */
#include "cmocka_all.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "formats/label.h"
#include "formats/terminal.h"

static const heed_colours all_modes[] = {HEED_COLOURS_NONE, HEED_COLOURS_16, HEED_COLOURS_TRUE};

/* Checks that text is UTF-8 in which only `m` sequences of its own occur, and returns the widest line. */
static int widest_line(const heed_text_buffer *text, heed_colours colours, int *n_lines)
{
    int widest = 0, width = 0;

    *n_lines = 0;
    for (size_t i = 0; i < text->size;) {
        uint32_t code = 0;
        const size_t step = heed_utf8_decode(text->data + i, text->size - i, &code);

        assert_true(step > 0);
        if (code == 0x1b) {
            assert_int_not_equal(colours, HEED_COLOURS_NONE);
            i += 1 + strcspn(text->data + i, "m");
            continue;
        }
        assert_true(code >= 0x20 || code == '\n');
        width = code == '\n' ? 0 : width + 1;
        *n_lines += code == '\n';
        widest = width > widest ? width : widest;
        i += step;
    }
    assert_false(text->failed);
    return widest;
}

static void a_plot_keeps_its_size_and_shows_odd_data(void **state)
{
    const double constant[] = {2, 2, 2}, one[] = {5}, gap[] = {1, NAN, 3}, wide[] = {-DBL_MAX, DBL_MAX},
                 none[] = {NAN};
    const heed_series series[] = {
        {.label = "constant", .y = constant, .n = 3},
        {.label = "one \x1b[31m", .y = one, .n = 1},
        {.label = "a name that is so long that it cannot stand in any line of a small terminal",
         .y = gap,
         .n = 3},
        {.label = "wide", .y = wide, .n = 2},
        {.label = "none", .y = none, .n = 1, .faint = true},
    };
    const heed_reference floor_line = {.y = 1.2, .label = "floor"};

    (void)state;
    for (size_t m = 0; m < 3; m++)
        for (int first = 0; first < 5; first++)
            for (int columns = 20; columns <= 120; columns += 25)
                for (int n = 0; first + n <= 5; n++) {
                    const heed_line_plot plot = {.title = "loss",
                                                 .x_title = "step",
                                                 .y_title = "nats",
                                                 .series = series + first,
                                                 .n_series = n,
                                                 .references = &floor_line,
                                                 .n_references = 1,
                                                 .log_y = n == 2};
                    heed_text_buffer out = {0};
                    int lines;

                    heed_terminal_line_plot(&out, &plot, columns, 20, all_modes[m]);
                    const int width = widest_line(&out, all_modes[m], &lines);
                    if (width > columns || lines > 20)
                        fail_msg("%d columns, %d series from %d: got %d x %d", columns, n, first, width, lines);
                    heed_text_free(&out);
                }
}

static void a_rising_line_goes_from_the_lower_left_to_the_upper_right(void **state)
{
    const double y[] = {0, 1};
    const heed_series series = {.y = y, .n = 2};
    const heed_line_plot plot = {.series = &series, .n_series = 1};
    heed_text_buffer out = {0};
    const char *line;
    int indent = 1000, row = 0;

    (void)state;
    heed_terminal_line_plot(&out, &plot, 40, 12, HEED_COLOURS_NONE);
    for (line = out.data; row < 10; row++, line = strchr(line, '\n') + 1) {
        const char *field = strstr(line, "│") != NULL && strstr(line, "│") < strchr(line, '\n')
                                ? strstr(line, "│")
                                : strstr(line, "┤");
        const int here = (int)strspn(field + 3, " ");

        if (here >= indent)
            fail_msg("row %d begins at %d, the one above at %d", row, here, indent);
        indent = here;
    }
    assert_int_equal(indent, 0);
    heed_text_free(&out);
}

static void without_colours_the_series_have_signs_of_their_own(void **state)
{
    const double a[] = {1, 2}, b[] = {2, 1};
    const heed_series series[] = {{.label = "a", .y = a, .n = 2}, {.label = "b", .y = b, .n = 2}};
    const heed_line_plot plot = {.series = series, .n_series = 2};
    heed_text_buffer out = {0};

    (void)state;
    heed_terminal_line_plot(&out, &plot, 40, 12, HEED_COLOURS_NONE);
    assert_non_null(strstr(out.data, "━━ a"));
    assert_non_null(strstr(out.data, "** b"));
    assert_non_null(strchr(strstr(out.data, "** b") + 4, '*'));
    heed_text_free(&out);
}

static void a_labelled_map_shows_each_cell(void **state)
{
    static const char *const tokens[] = {"a", " ", "long\n"};
    static const float values[] = {1, 0.9f, 0.9f, 0.5f, 0.5f, 0.9f, 0, 0.25f, 0.75f};
    const heed_heat_map map = {.title = "L0 H0", .values = values};
    const heed_heat_maps maps = {.maps = &map,
                                 .n_maps = 1,
                                 .n_rows = 3,
                                 .n_cols = 3,
                                 .row_labels = tokens,
                                 .col_labels = tokens,
                                 .causal = true};
    heed_text_buffer out = {0};

    (void)state;
    heed_terminal_heat_maps(&out, &maps, 40, HEED_COLOURS_NONE);
    assert_string_equal(out.data, "L0 H0\n"
                                  "      a ␣ l \n"
                                  "    a @@    \n"
                                  "    ␣ ++++  \n"
                                  "long⏎ ..--##\n"
                                  "0 .:::--===++***##%%%@ 1\n");
    heed_text_free(&out);
}

/* A window with what lies before it, a number that is none, and a wide character that keeps the columns in line. */
static void a_window_shows_what_lies_before_and_what_is_not_finite(void **state)
{
    static const char *const tokens[] = {" the", "\u65e5\u672c"};
    static const float values[] = {0.5f, 0, NAN, 1}, before[] = {0.5f, 0};
    const heed_heat_map map = {.title = "L0 H0", .values = values, .before = before};
    const heed_heat_maps maps = {.maps = &map,
                                 .n_maps = 1,
                                 .n_rows = 2,
                                 .n_cols = 2,
                                 .row_labels = tokens,
                                 .col_labels = tokens,
                                 .causal = true};
    heed_text_buffer out = {0}, coloured = {0};

    (void)state;
    heed_terminal_heat_maps(&out, &maps, 40, HEED_COLOURS_NONE);
    assert_string_equal(out.data, "L0 H0\n"
                                  "     < t \u65e5\n"
                                  "\u2423the ++++  \n"
                                  "\u65e5\u672c ..!!@@\n"
                                  "0 .:::--===++***##%%%@ 1\n");
    heed_terminal_heat_maps(&coloured, &maps, 40, HEED_COLOURS_16);
    assert_non_null(strstr(coloured.data, "\x1b[95m!!\x1b[0m"));
    assert_non_null(strstr(coloured.data, "\x1b[1;31m@@\x1b[0m"));
    heed_text_free(&out);
    heed_text_free(&coloured);
}

static void maps_keep_the_width_in_any_mode(void **state)
{
    static float values[200 * 200];
    static heed_heat_map map[7];
    char title[] = "L0 H0 \x1b[31m with a long name";

    (void)state;
    for (int i = 0; i < 200 * 200; i++)
        values[i] = (float)(i % 11) / 10;
    for (int k = 0; k < 7; k++)
        map[k] = (heed_heat_map){.title = title, .values = values};
    for (size_t m = 0; m < 3; m++)
        for (int n = 1; n <= 200; n += n < 5 ? 1 : 65)
            for (int columns = 20; columns <= 100; columns += 40) {
                const heed_heat_maps maps = {.title = title,
                                             .maps = map,
                                             .n_maps = 7,
                                             .n_across = 3,
                                             .n_rows = n,
                                             .n_cols = n,
                                             .causal = true};
                heed_text_buffer out = {0};
                int lines;

                heed_terminal_heat_maps(&out, &maps, columns, all_modes[m]);
                const int width = widest_line(&out, all_modes[m], &lines);
                if (width > (columns < 26 ? 26 : columns)) /* the scale alone takes 24 */
                    fail_msg("%d cells in %d columns: got %d", n, columns, width);
                heed_text_free(&out);
            }
}

static void a_sparkline_has_the_lowest_and_the_highest_bar(void **state)
{
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7}, constant[] = {3, 3}, gap[] = {1, NAN, 2};
    heed_text_buffer out = {0};

    (void)state;
    heed_terminal_sparkline(&out, values, 8, 20);
    heed_text_puts(&out, "|");
    heed_terminal_sparkline(&out, values, 8, 2);
    heed_text_puts(&out, "|");
    heed_terminal_sparkline(&out, constant, 2, 20);
    heed_text_puts(&out, "|");
    heed_terminal_sparkline(&out, gap, 3, 20);
    heed_text_puts(&out, "|");
    heed_terminal_sparkline(&out, NULL, 0, 20);
    assert_string_equal(out.data, "▁▂▃▄▅▆▇█|▁█|▄▄|▁ █|");
    heed_text_free(&out);
}

static void labels_are_cut_by_columns(void **state)
{
    char out[32];

    (void)state;
    assert_string_equal(heed_label_token(out, sizeof out, "abc", 3), "abc");
    assert_string_equal(heed_label_token(out, sizeof out, "abcd", 3), "ab…");
    assert_string_equal(heed_label_token(out, sizeof out, "äöü", 3), "äöü");
    assert_string_equal(heed_label_token(out, sizeof out, "a b", 1), "…");
    assert_string_equal(heed_label_token(out, sizeof out, "\xff", 4), "\\xFF");
    assert_string_equal(heed_label_cut(out, sizeof out, "a b\n", 9), "a b\\x0A");
    assert_string_equal(heed_label_cut(out, sizeof out, NULL, 9), "");
    assert_string_equal(heed_label_cut(out, 9, "abcdefghij", 30), "abcde…");
    assert_string_equal(heed_label_token(out, sizeof out, "a\u202Eb\u200D", 20), "a\\u202Eb\\u200D");
    assert_string_equal(heed_label_token(out, sizeof out, "\u2028\U000E0001", 20), "\\u2028\\U000E0001");
    assert_string_equal(heed_label_token(out, sizeof out, "\u0301e\u0301", 9), "\u25cc\u0301e\u0301");
    assert_int_equal(heed_label_chars("e\u0301"), 1);
    assert_string_equal(heed_label_token(out, sizeof out, "\u65e5\u672c\u8a9e", 5), "\u65e5\u672c\u2026");
    assert_string_equal(heed_label_token(out, sizeof out, "\u65e5\u672c\u8a9e", 6), "\u65e5\u672c\u8a9e");
    assert_string_equal(heed_label_token(out, sizeof out, "\u65e5", 1), "\u2026");
    for (int chars = 1; chars < 9; chars++)
        for (size_t size = 8; size < sizeof out; size++) {
            heed_label_token(out, size,
                             "a\x01 ü€\xff\n"
                             "bcdefgh",
                             chars);
            assert_true(strlen(out) < size);
            assert_true(heed_label_chars(out) <= chars);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plot_keeps_its_size_and_shows_odd_data),
        cmocka_unit_test(a_rising_line_goes_from_the_lower_left_to_the_upper_right),
        cmocka_unit_test(without_colours_the_series_have_signs_of_their_own),
        cmocka_unit_test(a_labelled_map_shows_each_cell),
        cmocka_unit_test(a_window_shows_what_lies_before_and_what_is_not_finite),
        cmocka_unit_test(maps_keep_the_width_in_any_mode),
        cmocka_unit_test(a_sparkline_has_the_lowest_and_the_highest_bar),
        cmocka_unit_test(labels_are_cut_by_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
