/* SPDX-License-Identifier: MIT */
/* What a person sees: colours only where they belong, a live line, no control characters out of a model. */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#define ESCAPE '\x1b'

static int make_model(void **state)
{
    return enter_folder(state) == 0 && run("train", TINY, "--steps", "5", "--eval-interval", "0", "--out", "m",
                                           "--quiet", NULL) == 0
               ? 0
               : -1;
}

/* Drawn on a terminal with this environment. */
static const char *draw(const char *no_color, const char *colorterm, const char *term)
{
    setenv("NO_COLOR", no_color, 1);
    setenv("COLORTERM", colorterm, 1);
    setenv("TERM", term, 1);
    assert_int_equal(run_on_terminal("inspect", "m", "--text", "One day", NULL), 0);
    return output("terminal");
}

static void colours_follow_the_terminal(void **state)
{
    (void)state;
    assert_non_null(strchr(draw("", "truecolor", "xterm"), ESCAPE));
    assert_contains(output("terminal"), "48;2;");
    assert_contains(draw("", "24bit", "xterm"), "48;2;");
    assert_null(strstr(draw("", "", "xterm"), "48;2;"));
    assert_null(strchr(draw("1", "truecolor", "xterm"), ESCAPE));
    assert_null(strchr(draw("", "truecolor", "dumb"), ESCAPE));
}

static void no_colours_into_a_file(void **state)
{
    (void)state;
    setenv("NO_COLOR", "", 1);
    setenv("COLORTERM", "truecolor", 1);
    setenv("TERM", "xterm", 1);
    assert_int_equal(run("inspect", "m", "--text", "One day", NULL), 0);
    assert_null(strchr(output("stdout"), ESCAPE));
    assert_int_equal(run("train", TINY, "--steps", "5", "--out", "f", NULL), 0);
    assert_null(strchr(output("stderr"), ESCAPE));
    assert_null(strchr(output("stderr"), '\r'));
}

static void live_line_is_drawn_over_itself(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    assert_int_equal(run_on_terminal("train", TINY, "--steps", "40", "--out", "live", NULL), 0);
    assert_contains(output("terminal"), "\r1/40");
    assert_contains(output("terminal"), "\x1b[K");
    setenv("TERM", "dumb", 1);
    assert_int_equal(run_on_terminal("train", TINY, "--steps", "40", "--out", "dumb", NULL), 0);
    assert_null(strchr(output("terminal"), ESCAPE));
}

/* A text of escape sequences gives a model that writes them. */
static void control_characters_reach_files_but_no_terminal(void **state)
{
    char text[7001] = "";

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        strcat(text + 7 * i, "\x1b[31m\x07 ");
    put_file("evil.txt", text);
    setenv("NO_COLOR", "1", 1);
    setenv("TERM", "xterm", 1);
    assert_int_equal(run("train", "evil.txt", TINY_OF_A_TEXT, "--steps", "20", "--quiet", NULL), 0);
    assert_int_equal(run_on_terminal("generate", "evil", "--max-tokens", "100", "--threads", "1", NULL), 0);
    assert_null(strchr(output("terminal"), ESCAPE));
    assert_null(strchr(output("terminal"), '\x07'));
    assert_contains(output("terminal"), "\\x1B");
    assert_int_equal(run_on_terminal("inspect", "evil", "--text", "\x1b[31m", NULL), 0);
    assert_null(strchr(output("terminal"), ESCAPE));
    assert_int_equal(run("generate", "evil", "--max-tokens", "100", "--threads", "1", NULL), 0);
    assert_non_null(strchr(output("stdout"), ESCAPE));
    assert_int_equal(output_size("stdout"), 100);
    assert_int_equal(
        run_on_terminal("train", "evil.txt", TINY_OF_A_TEXT, "--steps", "20", "--out", "\x1b[31m", NULL), 0);
    assert_null(strstr(output("terminal"), "\x1b[31m"));
}

static void tokens_take_turns_in_colour_on_a_terminal(void **state)
{
    (void)state;
    setenv("NO_COLOR", "", 1);
    setenv("TERM", "xterm", 1);
    assert_int_equal(run_on_terminal("tokenize", "m", "--pieces", "--text", "on", NULL), 0);
    assert_contains(output("terminal"), "\x1b[30;46mo\x1b[0m\x1b[30;43mn\x1b[0m");
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(run_on_terminal("tokenize", "m", "--pieces", "--text", "on", NULL), 0);
    assert_null(strchr(output("terminal"), ESCAPE));
    assert_contains(output("terminal"), "\"o\"");
}

static void learning_a_vocabulary_is_seen_on_a_terminal(void **state)
{
    (void)state;
    setenv("TERM", "xterm", 1);
    assert_int_equal(run_on_terminal("tokenize", "train", "m/log.jsonl", "--out", "v.json", NULL), 0);
    assert_contains(output("terminal"), "\rcounting: ");
    assert_contains(output("terminal"), "v.json: ");
    assert_int_equal(run("tokenize", "train", "m/log.jsonl", "--out", "v.json", "--force", NULL), 0);
    assert_null(strchr(output("stderr"), '\r'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_follow_the_terminal),
        cmocka_unit_test(no_colours_into_a_file),
        cmocka_unit_test(live_line_is_drawn_over_itself),
        cmocka_unit_test(tokens_take_turns_in_colour_on_a_terminal),
        cmocka_unit_test(learning_a_vocabulary_is_seen_on_a_terminal),
        cmocka_unit_test(control_characters_reach_files_but_no_terminal),
    };

    return cmocka_run_group_tests(tests, make_model, leave_folder);
}
