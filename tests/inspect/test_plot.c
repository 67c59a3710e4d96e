/* SPDX-License-Identifier: MIT */
/* Curves of runs: what the logs say, averaged and placed as asked for, and what is no log. */
#include "cmocka_all.h"

#include <heed/plot.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define N_STEPS 120

static char folder[64];

static const char *inside(const char *name)
{
    static char path[4][160];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void write_text(const char *name, const char *text)
{
    assert_int_equal(heed_file_write(inside(name), &(heed_bytes){text, strlen(text)}, 1, NULL), HEED_OK);
}

static double loss_at(int step)
{
    return 1.0 + 3.0 / step + 0.2 * sin(7.0 * step);
}

/* A whole run: batches of 4 windows of 8 tokens, an evaluation every tenth step, two groups of parameters there. */
static void write_run(const char *name, double times)
{
    char text[N_STEPS * 320], file[80];
    size_t n = 0;

    for (int i = 1; i <= N_STEPS; i++) {
        n += (size_t)snprintf(
            text + n, sizeof text - n,
            "{\"step\": %d, \"loss\": %.9g, \"lr\": %.9g, \"grad_norm\": 1, \"tokens_per_s\": 64", i,
            times * loss_at(i), 1e-6 * pow(1.1, i));
        if (i % 10 == 0)
            n += (size_t)snprintf(text + n, sizeof text - n,
                                  ", \"val_loss\": %.9g, \"update_ratio\": {\"wte\": %.9g, \"h.0\": 0.002}",
                                  times * loss_at(i) + 0.1, 1e-3 / i);
        n += (size_t)snprintf(text + n, sizeof text - n, "}\n");
    }
    assert_true(mkdir(inside(name), 0777) == 0);
    snprintf(file, sizeof file, "%s/log.jsonl", name);
    write_text(file, text);
    snprintf(file, sizeof file, "%s/trainer.json", name);
    write_text(file,
               "{\"text\": \"a.txt\", \"options\": {\"batch_size\": 4}, \"config\": {\"context_length\": 8}}");
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heed-test-plot-XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_run("a", 1.0);
    write_run("b", 2.0);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {
        "a/trainer.json", "a/log.jsonl", "b/trainer.json", "b/log.jsonl", "a",          "b",
        "p.svg",          "p.pdf",       "q.pdf",          "p.png",       "alone.jsonl"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (unlink(inside(names[i])) != 0)
            rmdir(inside(names[i]));
    return rmdir(folder);
}

static heed_plot *open_plot(int n_runs, const heed_plot_options *options)
{
    const char *const runs[] = {inside("a"), inside("b")};
    heed_plot *plot = NULL;
    heed_error err = {0};

    if (heed_plot_create(runs, n_runs, options, &plot, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return plot;
}

static heed_plot_curve find(const heed_plot *plot, const char *key, const char *member, bool smoothed)
{
    for (int i = 0; i < heed_plot_n_curves(plot); i++) {
        const heed_plot_curve c = heed_plot_get(plot, i);

        if (strcmp(c.key, key) == 0 && strcmp(c.member, member) == 0 && c.smoothed == smoothed)
            return c;
    }
    fail_msg("there is no curve of %s %s", key, member);
    return (heed_plot_curve){0};
}

/* Logs have nine digits. */
static void expect(double got, double want)
{
    if (!(fabs(got - want) <= 1e-8 * fabs(want)))
        fail_msg("expected %.12g, got %.12g", want, got);
}

static void raw_curves_are_the_numbers_of_the_log(void **state)
{
    const heed_plot_options options = heed_plot_default();
    heed_plot *plot = open_plot(1, &options);
    const heed_plot_curve loss = find(plot, "loss", "", false), val = find(plot, "val_loss", "", false);

    (void)state;
    assert_int_equal(loss.n, N_STEPS);
    assert_int_equal(val.n, N_STEPS / 10);
    for (int i = 0; i < N_STEPS; i++) {
        assert_int_equal(loss.step[i], i + 1);
        expect(loss.x[i], i + 1);
        expect(loss.y[i], loss_at(i + 1));
    }
    for (int i = 0; i < N_STEPS / 10; i++)
        expect(val.y[i], loss_at(10 * i + 10) + 0.1);
    assert_true(isnan(heed_plot_floor(plot)));
    heed_plot_destroy(plot);
}

/* The average as a sum written out: weights keep^(i - k), added up and divided by. */
static void averages_are_weighted_means_of_what_came_before(void **state)
{
    const heed_plot_options options = {.smooth = 10};
    heed_plot *plot = open_plot(1, &options);
    const heed_plot_curve loss = find(plot, "loss", "", true);

    (void)state;
    for (int i = 0; i < N_STEPS; i++) {
        double sum = 0.0, weights = 0.0;

        for (int k = 0; k <= i; k++) {
            sum += pow(0.9, i - k) * loss_at(k + 1);
            weights += pow(0.9, i - k);
        }
        expect(loss.y[i], sum / weights);
    }
    heed_plot_destroy(plot);
}

static void members_of_an_object_are_curves_of_their_own(void **state)
{
    const heed_plot_options options = {.what = "update_ratio"};
    heed_plot *plot = open_plot(1, &options);
    const heed_plot_curve wte = find(plot, "update_ratio", "wte", false),
                          h = find(plot, "update_ratio", "h.0", false);

    (void)state;
    assert_int_equal(heed_plot_n_curves(plot), 2);
    assert_int_equal(wte.n, N_STEPS / 10);
    expect(wte.y[1], 1e-3 / 20);
    expect(h.y[1], 0.002);
    assert_string_equal(wte.label, "wte");
    heed_plot_destroy(plot);
}

/* 32 tokens a step at 64 a second are half a second a step. */
static void steps_become_tokens_seconds_and_rates(void **state)
{
    static const double slopes[] = {1, 32, 0.5};

    (void)state;
    for (int x = HEED_PLOT_STEP; x <= HEED_PLOT_TIME; x++) {
        const heed_plot_options options = {.what = "val", .x = x};
        heed_plot *plot = open_plot(2, &options);
        const heed_plot_curve val = find(plot, "val_loss", "", false);

        for (int i = 0; i < N_STEPS / 10; i++)
            expect(val.x[i], (10 * i + 10) * slopes[x]);
        heed_plot_destroy(plot);
    }
    const heed_plot_options options = {.x = HEED_PLOT_RATE};
    heed_plot *plot = open_plot(1, &options);
    expect(find(plot, "loss", "", false).x[4], 1e-6 * pow(1.1, 5));
    heed_plot_destroy(plot);
}

static void perplexity_is_e_to_the_loss_and_early_steps_can_be_left_out(void **state)
{
    const heed_plot_options options = {.what = "perplexity", .from = 51};
    heed_plot *plot = open_plot(1, &options);
    const heed_plot_curve raw = find(plot, "loss", "", false);

    (void)state;
    assert_int_equal(raw.n, N_STEPS - 50);
    assert_int_equal(raw.step[0], 51);
    expect(raw.y[0], exp(loss_at(51)));
    heed_plot_destroy(plot);
}

static void refused(const char *run, const heed_plot_options *options, heed_status status, const char *part)
{
    heed_plot *plot = NULL;
    heed_error err = {0};

    assert_int_equal(heed_plot_create(&run, 1, options, &plot, &err), status);
    assert_null(plot);
    if (strstr(err.message, part) == NULL || strchr(err.message, '\n') != NULL)
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err.message);
}

/* A range test leaves a log and no trainer.json. */
static void a_folder_without_a_trainer_json_is_drawn_over_steps_and_rates(void **state)
{
    const heed_plot_options rate = {.x = HEED_PLOT_RATE};
    heed_plot *plot;

    (void)state;
    assert_int_equal(unlink(inside("a/trainer.json")), 0);
    plot = open_plot(1, &rate);
    assert_int_equal(find(plot, "loss", "", false).n, N_STEPS);
    heed_plot_destroy(plot);
    refused(inside("a"), &(heed_plot_options){.x = HEED_PLOT_TOKENS}, HEED_ERR_USAGE, "trainer.json");
}

static int count(const char *text, const char *part)
{
    int n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        n++;
    return n;
}

static char *slurp(const char *name, size_t *n)
{
    heed_file file = {0};
    char *text;

    assert_int_equal(heed_file_open(&file, inside(name), NULL), HEED_OK);
    text = calloc(file.size + 1, 1);
    assert_non_null(text);
    memcpy(text, file.data, file.size);
    *n = file.size;
    heed_file_close(&file);
    return text;
}

/* A grey copy must do: one run has discs, the other boxes, and validations are dashed. */
static void runs_differ_without_their_colours(void **state)
{
    const heed_plot_options options = heed_plot_default();
    heed_plot *plot = open_plot(2, &options);
    char *text = NULL;
    size_t n;

    (void)state;
    assert_int_equal(heed_plot_write(plot, inside("p.svg"), NULL), HEED_OK);
    char *svg = slurp("p.svg", &n);
    assert_true(count(svg, "<circle") >= 5);
    assert_true(count(svg, "<rect") >= 10);           /* a box is a rectangle in a rectangle */
    assert_true(count(svg, "stroke-dasharray") >= 4); /* two curves, and both in the legend */
    free(svg);
    assert_int_equal(heed_plot_text(plot, 79, 22, HEED_PALETTE_NONE, &text, NULL), HEED_OK);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "** a, validation"));
    assert_non_null(strstr(text, "++ b"));
    free(text);
    heed_plot_destroy(plot);
}

static void a_pdf_is_the_same_twice(void **state)
{
    const heed_plot_options options = heed_plot_default();
    heed_plot *plot = open_plot(2, &options);
    heed_error err = {0};
    size_t n_first, n_second;

    (void)state;
    if (heed_plot_write(plot, inside("p.pdf"), &err) == HEED_ERR_USAGE &&
        strstr(err.message, "Cairo") != NULL) {
        heed_plot_destroy(plot);
        skip();
    }
    assert_int_equal(heed_plot_write(plot, inside("q.pdf"), NULL), HEED_OK);
    char *first = slurp("p.pdf", &n_first), *second = slurp("q.pdf", &n_second);
    assert_int_equal(strncmp(first, "%PDF-", 5), 0);
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    free(first);
    free(second);
    heed_plot_destroy(plot);
}

static void what_cannot_be_drawn_is_refused_in_a_sentence(void **state)
{
    const heed_plot_options loss = heed_plot_default(), wrong = {.what = "lose"}, rate = {.x = HEED_PLOT_RATE},
                            time = {.x = HEED_PLOT_TIME};

    (void)state;
    refused(inside("nothing"), &loss, HEED_ERR_FILE, "nothing/log.jsonl: cannot be opened");
    refused(inside("a"), &wrong, HEED_ERR_USAGE,
            "the log has (loss, lr, grad_norm, tokens_per_s, val_loss, update_ratio)");
    refused(inside("a"), &(heed_plot_options){.from = N_STEPS + 1}, HEED_ERR_USAGE,
            "from: expected at most 120, the last step with \"loss\", got 121");
    refused(inside("a"), &(heed_plot_options){.what = "lose", .from = N_STEPS + 1}, HEED_ERR_USAGE,
            "the log has (loss,");
    refused(inside("a/log.jsonl"), &time, HEED_ERR_USAGE, "trainer.json");
    write_text("alone.jsonl", "{\"step\": 1, \"loss\": 2, \"lr\": 1}\n{\"step\": 2, \"loss\": 2, \"lr\": 1}\n");
    refused(inside("alone.jsonl"), &rate, HEED_ERR_USAGE, "line 2: the learning rate does not rise");
    write_text("alone.jsonl", "{\"step\": 3, \"loss\": 2}\n{\"step\": 3, \"loss\": 2}\n");
    refused(inside("alone.jsonl"), &loss, HEED_ERR_FILE, "line 2: expected a step after 3, got 3");
    write_text("alone.jsonl", "{\"step\": 3, \"loss\": \"2\"}\n");
    refused(inside("alone.jsonl"), &loss, HEED_ERR_FILE, "line 1: expected a number \"loss\", got 2");
    write_text("alone.jsonl", "{\"loss\": 2}\n");
    refused(inside("alone.jsonl"), &loss, HEED_ERR_FILE, "\"step\"");
    write_text("alone.jsonl", "{\"a\": {\"b\": {}}, \"step\": 1}\n");
    refused(inside("alone.jsonl"), &(heed_plot_options){.what = "a"}, HEED_ERR_FILE, "expected a number \"b\"");
    write_text("alone.jsonl", "epoch,loss\n1,2\n");
    refused(inside("alone.jsonl"), &loss, HEED_ERR_FILE, "line 1: not valid JSON");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(raw_curves_are_the_numbers_of_the_log),
        IN_FOLDER(averages_are_weighted_means_of_what_came_before),
        IN_FOLDER(members_of_an_object_are_curves_of_their_own),
        IN_FOLDER(steps_become_tokens_seconds_and_rates),
        IN_FOLDER(perplexity_is_e_to_the_loss_and_early_steps_can_be_left_out),
        IN_FOLDER(a_folder_without_a_trainer_json_is_drawn_over_steps_and_rates),
        IN_FOLDER(runs_differ_without_their_colours),
        IN_FOLDER(a_pdf_is_the_same_twice),
        IN_FOLDER(what_cannot_be_drawn_is_refused_in_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
