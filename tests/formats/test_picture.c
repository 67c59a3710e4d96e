/* SPDX-License-Identifier: MIT */
/* Pictures: the format of the files, that texts cannot break them, and odd data. */
#include "cmocka_all.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "folder.h"
#include "formats/axis.h"
#include "formats/colour.h"
#include "formats/picture.h"
#include "formats/well_formed.h"

/* The file's bytes with a zero behind them; the caller frees. */
static char *slurp(const char *name, size_t *size)
{
    heed_file file;
    heed_error err = {0};
    char *copy;

    if (heed_file_open(&file, inside(name), &err) != HEED_OK)
        fail_msg("%s", err.message);
    copy = calloc(1, file.size + 1);
    assert_non_null(copy);
    memcpy(copy, file.data, file.size);
    if (size != NULL)
        *size = file.size;
    heed_file_close(&file);
    return copy;
}

static char *plot_svg(const heed_line_plot *plot)
{
    heed_error err = {0};

    if (heed_line_plot_write(inside("p.svg"), plot, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return slurp("p.svg", NULL);
}

static char *heat_svg(const heed_heat_maps *maps)
{
    heed_error err = {0};

    if (heed_heat_maps_write(inside("h.svg"), maps, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return slurp("h.svg", NULL);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        n++;
    return n;
}

/* No number that is none, no control character, and as many tags closed as opened. */
static void assert_sound(const char *svg)
{
    assert_well_formed(svg);
    assert_non_null(strstr(svg, "</svg>\n"));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    assert_int_equal(count(svg, "<text "), count(svg, "</text>"));
    for (const char *p = svg; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
}

static void a_png_has_its_signature_and_size_and_is_the_same_twice(void **state)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const double y[] = {3, 2, 1.5, 1.4};
    const heed_series series = {.label = "loss", .y = y, .n = 4};
    const heed_line_plot plot = {.title = "t", .series = &series, .n_series = 1};
    size_t n_first, n_second;

    (void)state;
    assert_int_equal(heed_line_plot_write(inside("a.png"), &plot, NULL), HEED_OK);
    assert_int_equal(heed_line_plot_write(inside("b.png"), &plot, NULL), HEED_OK);
    char *first = slurp("a.png", &n_first), *second = slurp("b.png", &n_second);
    assert_memory_equal(first, signature, 8);
    const unsigned char *size = (const unsigned char *)first + 16; /* width and height, big-endian, in IHDR */
    assert_int_equal(size[2] << 8 | size[3], 960);
    assert_int_equal(size[6] << 8 | size[7], 600);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    free(first);
    free(second);
}

static void an_svg_is_the_same_twice(void **state)
{
    static float values[200 * 200]; /* large enough to be drawn as an image */
    const heed_heat_map map = {.title = "L0 H0", .values = values};
    const heed_heat_maps maps = {.maps = &map, .n_maps = 1, .n_rows = 200, .n_cols = 200};

    (void)state;
    for (int i = 0; i < 200 * 200; i++)
        values[i] = (float)(i % 97) / 97;
    char *first = heat_svg(&maps), *second = heat_svg(&maps);
    assert_non_null(strstr(first, "data:image/png;base64,iVBORw0KGgo")); /* the signature of PNG in base 64 */
    assert_string_equal(first, second);
    free(first);
    free(second);
}

static void texts_are_escaped(void **state)
{
    const double y[] = {1, 2};
    const heed_series series = {.label = "<b>&\"'</b>", .y = y, .n = 2};
    const heed_reference floor_line = {.y = 1, .label = "\xff\x1b[31m]]>"};
    const heed_line_plot plot = {.title = "a\nb",
                                 .x_title = "</svg>",
                                 .y_title = "&amp;",
                                 .series = &series,
                                 .n_series = 1,
                                 .references = &floor_line,
                                 .n_references = 1};

    (void)state;
    char *svg = plot_svg(&plot);
    assert_sound(svg);
    assert_non_null(strstr(svg, ">&lt;b&gt;&amp;\"'&lt;/b&gt;</text>"));
    assert_non_null(strstr(svg, ">\\xFF\\x1B[31m]]&gt;</text>"));
    assert_non_null(strstr(svg, ">a\\x0Ab</text>"));
    assert_non_null(strstr(svg, ">&lt;/svg&gt;</text>"));
    assert_non_null(strstr(svg, ">&amp;amp;</text>"));
    assert_int_equal(count(svg, "</svg>"), 1);
    free(svg);
    assert_int_equal(heed_line_plot_write(inside("a.png"), &plot, NULL), HEED_OK); /* Cairo accepts them too */
}

static void tokens_are_shown_with_visible_white_space(void **state)
{
    static const char *const tokens[] = {" ", "\n", "\t", "<", "a b", "\x01"};
    static const float values[36];
    const heed_heat_map map = {.title = "L0 H1", .values = values};
    const heed_heat_maps maps = {
        .maps = &map, .n_maps = 1, .n_rows = 6, .n_cols = 6, .row_labels = tokens, .col_labels = tokens};

    (void)state;
    char *svg = heat_svg(&maps);
    assert_sound(svg);
    assert_int_equal(count(svg, ">\u2423</text>"), 2);
    assert_int_equal(count(svg, ">\u23ce</text>"), 2);
    assert_int_equal(count(svg, ">\u21e5</text>"), 2);
    assert_int_equal(count(svg, ">&lt;</text>"), 2);
    assert_int_equal(count(svg, ">a\u2423b</text>"), 2);
    assert_int_equal(count(svg, ">\\x01</text>"), 2);
    free(svg);
}

/* Nine pixels each, up to 2000; beyond, round positions stand at the axes, the first and the last ones too. */
static void too_many_tokens_give_way_to_positions(void **state)
{
    enum { MANY = 400 };
    static const char *tokens[MANY];
    static float values[MANY * MANY];
    const heed_heat_map map = {.values = values};
    heed_heat_maps maps = {
        .maps = &map, .n_maps = 1, .n_rows = 90, .n_cols = 90, .row_labels = tokens, .col_labels = tokens};

    (void)state;
    for (int i = 0; i < MANY; i++)
        tokens[i] = "word";
    char *svg = heat_svg(&maps);
    assert_int_equal(count(svg, ">word</text>"), 180);
    free(svg);
    maps.n_rows = maps.n_cols = MANY;
    svg = heat_svg(&maps);
    assert_int_equal(count(svg, ">word</text>"), 0);
    assert_int_equal(count(svg, ">200</text>"), 2);
    assert_int_equal(count(svg, ">400</text>"), 0);
    free(svg);
}

/* What is not finite has a colour that no amount has. */
static void what_is_not_finite_can_be_seen(void **state)
{
    static const float values[] = {1, 0, NAN, INFINITY};
    const heed_heat_map map = {.values = values};
    const heed_heat_maps maps = {.maps = &map, .n_maps = 1, .n_rows = 2, .n_cols = 2};
    char *svg = heat_svg(&maps);

    (void)state;
    assert_int_equal(count(svg, "#d60093"), 2);
    free(svg);
}

static void what_a_causal_mask_hides_is_not_drawn(void **state)
{
    static const float values[8 * 8];
    const heed_heat_map map = {.values = values};
    heed_heat_maps maps = {.maps = &map, .n_maps = 1, .n_rows = 8, .n_cols = 8};

    (void)state;
    char *full = heat_svg(&maps);
    maps.causal = true;
    char *lower = heat_svg(&maps);
    assert_int_equal(count(full, "<rect") - count(lower, "<rect"), 8 * 7 / 2);
    free(full);
    free(lower);
    maps.n_rows = 2; /* the last two queries: they see 7 and 8 keys */
    char *last = heat_svg(&maps);
    maps.causal = false;
    full = heat_svg(&maps);
    assert_int_equal(count(full, "<rect") - count(last, "<rect"), 1);
    free(full);
    free(last);
}

static void a_gap_cuts_the_line_and_a_single_point_is_a_dot(void **state)
{
    const double whole[] = {1, 2, 3, 4, 5}, gap[] = {1, 2, NAN, 4, INFINITY, 6};
    heed_series series = {.y = whole, .n = 5};
    const heed_line_plot plot = {.series = &series, .n_series = 1};

    (void)state;
    char *svg = plot_svg(&plot);
    const int lines = count(svg, "stroke=\"#0072b2\"");
    assert_int_equal(lines, 1);
    assert_int_equal(count(svg, "<circle"), 5);
    free(svg);
    series = (heed_series){.y = gap, .n = 6};
    svg = plot_svg(&plot);
    assert_sound(svg);
    assert_int_equal(count(svg, "stroke=\"#0072b2\""), 1); /* 1-2 is a line, 4 and 6 stand alone */
    assert_int_equal(count(svg, "<circle"), 4);
    free(svg);
}

static void odd_data_is_drawn_all_the_same(void **state)
{
    static double many[100000];
    const double constant[] = {2.5, 2.5, 2.5}, one[] = {0}, none[] = {NAN, NAN}, wide[] = {-DBL_MAX, DBL_MAX},
                 tiny[] = {1, 1 + 1e-15}, small[] = {1e-300, 1e300};
    const heed_series series[] = {{.y = constant, .n = 3},  {.y = one, .n = 1},  {.y = none, .n = 2},
                                  {.y = wide, .n = 2},      {.y = tiny, .n = 2}, {.y = small, .n = 2},
                                  {.y = many, .n = 100000}, {.y = NULL, .n = 0}};

    (void)state;
    for (int i = 0; i < 100000; i++)
        many[i] = sin(i * 0.37);
    for (size_t k = 0; k < sizeof series / sizeof series[0]; k++)
        for (int mode = 0; mode < 4; mode++) {
            const heed_line_plot plot = {
                .series = &series[k], .n_series = 1, .log_x = (mode & 1) != 0, .log_y = (mode & 2) != 0};

            char *svg = plot_svg(&plot);
            assert_sound(svg);
            assert_true(plot.log_y || strlen(svg) < 200000); /* 100,000 points are thinned to the pixels */
            free(svg);
        }
}

static void what_cannot_be_drawn_is_refused(void **state)
{
    static const float values[4];
    const heed_line_plot plot = {.title = "t"};
    const heed_line_plot large = {.width = 100000};
    const heed_heat_map map = {.values = values};
    heed_heat_maps maps = {.maps = &map, .n_maps = 1, .n_rows = 2, .n_cols = 0};
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_line_plot_write(inside("a.jpg"), &plot, &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, "a.jpg: expected a name that ends in .png, .svg or .pdf"));
    assert_int_equal(heed_line_plot_write(inside("new.png"), &large, &err), HEED_ERR_USAGE);
    assert_int_equal(heed_line_plot_write(inside("none/new.png"), &plot, &err), HEED_ERR_FILE);
    assert_int_equal(heed_heat_maps_write(inside("new.png"), &maps, &err), HEED_ERR_USAGE);
    maps.n_cols = 2;
    maps.low = 1;
    maps.high = 1;
    assert_int_equal(heed_heat_maps_write(inside("new.png"), &maps, &err), HEED_ERR_USAGE);
    assert_false(heed_file_exists(inside("new.png")));
}

static void ticks_are_round_numbers_inside_the_range(void **state)
{
    static const struct {
        double low, high;
        bool log;
        const char *first, *second;
    } cases[] = {
        {0, 1, false, "0.0", "0.2"},
        {-3, 7, false, "-2", "0"},
        {1.213, 4.5, false, "1.5", "2.0"},
        {0, 2000, false, "0", "500"},
        {1, 1e5, true, "1", "10"},
        {0.001, 0.1, true, "0.001", "0.002"},
        {1e-9, 5e-9, false, "1e-09", "2e-09"},
        {2.0, 3.1, true, "2.0", "2.2"},
        {1e8, 3e8, false, "1e+08", "1.5e+08"},
    };

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        heed_axis axis = heed_axis_empty(cases[k].log);
        heed_tick ticks[HEED_AXIS_MAX_TICKS];

        heed_axis_include(&axis, cases[k].low);
        heed_axis_include(&axis, cases[k].high);
        heed_axis_finish(&axis, 0);
        const int n = heed_axis_ticks(&axis, 5, ticks);
        if (n < 2 || n > 12 || strcmp(ticks[0].text, cases[k].first) != 0 ||
            strcmp(ticks[1].text, cases[k].second) != 0)
            fail_msg("case %zu: expected %s, %s, ..., got %d ticks %s, %s", k, cases[k].first, cases[k].second,
                     n, ticks[0].text, ticks[1].text);
        for (int i = 0; i < n; i++) {
            assert_true(heed_axis_place(&axis, ticks[i].value) > -1e-6);
            assert_true(heed_axis_place(&axis, ticks[i].value) < 1 + 1e-6);
        }
    }
}

/* Lightness as the eye weighs it (luma of sRGB) rises along the ramp, so it reads in grey too. */
static void the_ramp_rises_in_lightness(void **state)
{
    double before = -1;

    (void)state;
    for (int i = 0; i <= 32; i++) {
        const heed_colour c = heed_colour_ramp(i / 32.0);
        const double luma = 0.2126 * pow(c.r / 255.0, 2.2) + 0.7152 * pow(c.g / 255.0, 2.2) +
                            0.0722 * pow(c.b / 255.0, 2.2);

        assert_true(luma > before);
        before = luma;
    }
    assert_true(before > 0.7);
    assert_memory_equal(&(heed_colour[]){heed_colour_ramp(NAN)}, &(heed_colour[]){heed_colour_ramp(0)}, 3);
    assert_memory_equal(&(heed_colour[]){heed_colour_ramp(7)}, &(heed_colour[]){heed_colour_ramp(1)}, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_png_has_its_signature_and_size_and_is_the_same_twice),
        cmocka_unit_test(an_svg_is_the_same_twice),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(tokens_are_shown_with_visible_white_space),
        cmocka_unit_test(too_many_tokens_give_way_to_positions),
        cmocka_unit_test(what_is_not_finite_can_be_seen),
        cmocka_unit_test(what_a_causal_mask_hides_is_not_drawn),
        cmocka_unit_test(a_gap_cuts_the_line_and_a_single_point_is_a_dot),
        cmocka_unit_test(odd_data_is_drawn_all_the_same),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
        cmocka_unit_test(ticks_are_round_numbers_inside_the_range),
        cmocka_unit_test(the_ramp_rises_in_lightness),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
