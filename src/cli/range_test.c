/* SPDX-License-Identifier: MIT */
#include "cli/range_test.h"

#include <errno.h>
#include <heed/ranks.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/json_out.h"
#include "cli/out_file.h"
#include "cli/output.h"

#define PATH_BYTES 4096

/* --- while it runs --- */

static bool show_point(void *context, const heed_range_point *point, const heed_progress *now)
{
    heed_cli_progress *p = context;

    (void)now;
    if (p->out != NULL && p->live) {
        fprintf(p->out, "\rstep %lld  learning rate %.3g  loss %.3f\033[K", (long long)point->step, point->rate,
                point->loss);
        fflush(p->out);
        p->line_stands = true;
    }
    return !heed_cli_interrupted();
}

/* --- the line that trains --- */

/* A word of a shell's line, quoted where it must be. */
static void put_word(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/:@%";

    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word != '\0'; word++)
        fputs(*word == '\'' ? "'\\''" : (char[2]){*word, '\0'}, out);
    fputc('\'', out);
}

/* Is arg this option? Its value may follow behind "=", then *joined is true. */
static bool is_option(const char *arg, const char *name, bool *joined)
{
    const char *c = arg;

    if (strncmp(arg, "--", 2) != 0)
        return false;
    for (c += 2; *name != '\0'; c++, name++)
        if ((*c == '_' ? '-' : *c) != *name)
            return false;
    *joined = *c == '=';
    return *c == '\0' || *c == '=';
}

/* Arguments that this option takes of the line; 0: it is for the training run too. */
static int own_arguments(const char *arg)
{
    static const char *const values[] = {"range-low", "range-high", "range-steps", "learning-rate", "out"};
    static const char *const flags[] = {"range-test", "json", "quiet"};
    bool joined = false;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (is_option(arg, values[i], &joined))
            return joined ? 1 : 2;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (is_option(arg, flags[i], &joined))
            return 1;
    return 0;
}

static void put_line(FILE *out, const heed_cli_range *range, double rate)
{
    bool options = true;

    fputs("heed train", out);
    for (int i = 0; i < range->argc; i++) {
        const int own = options ? own_arguments(range->argv[i]) : 0;

        if (own > 0) {
            i += own - 1;
            continue;
        }
        if (options && strcmp(range->argv[i], "--") == 0) {
            fprintf(out, " --learning-rate %.2g", rate);
            options = false;
        }
        fputc(' ', out);
        put_word(out, range->argv[i]);
    }
    if (options)
        fprintf(out, " --learning-rate %.2g", rate);
}

/* --- what came out --- */

static heed_status write_log(const heed_range_result *r, const char *folder, heed_error *err)
{
    char path[PATH_BYTES], line[256];
    heed_cli_out out;
    heed_status status;

    if (snprintf(path, sizeof path, "%s/log.jsonl", folder) >= (int)sizeof path)
        return heed_cli_fail(err, HEED_ERR_USAGE, "the folder's path is too long");
    status = heed_cli_out_open(&out, path, true, err);
    if (status != HEED_OK)
        return status;
    for (int64_t i = 0; i < r->n && status == HEED_OK; i++) {
        const heed_range_point *p = &r->points[i];
        int n = snprintf(line, sizeof line, "{\"step\": %lld, \"lr\": %.9g", (long long)p->step, p->rate);

        n += isfinite(p->loss) ? snprintf(line + n, sizeof line - (size_t)n, ", \"loss\": %.9g", p->loss)
                               : snprintf(line + n, sizeof line - (size_t)n, ", \"loss\": null");
        n += isfinite(p->gradient_norm)
                 ? snprintf(line + n, sizeof line - (size_t)n, ", \"grad_norm\": %.9g}\n", p->gradient_norm)
                 : snprintf(line + n, sizeof line - (size_t)n, ", \"grad_norm\": null}\n");
        status = heed_cli_out_put(&out, line, (size_t)n, err);
    }
    return heed_cli_out_close(&out, status, err);
}

/* Before the test, which takes its time: can the folder be made, or be written to? It is made when there is something for it. */
static heed_status try_folder(const char *folder, heed_error *err)
{
    struct stat info;

    if (mkdir(folder, 0777) == 0) {
        rmdir(folder);
        return HEED_OK;
    }
    if (errno == EEXIST && (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode) || access(folder, W_OK) == 0))
        return HEED_OK; /* a file in its place is told elsewhere */
    return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be made or written to: %s", folder,
                         strerror(errno));
}

/* A log belongs to a model, or to another test: both are left alone. */
heed_status heed_cli_range_check(const heed_cli_range *range, heed_ranks *ranks, heed_error *err)
{
    static const char *const files[] = {"trainer.json", "log.jsonl"};
    static const char *const words[] = {"training run", "log.jsonl"};
    const char *folder = range->folder;
    char path[PATH_BYTES];
    struct stat info;
    heed_status status;

    if (folder == NULL || heed_ranks_rank(ranks) != 0)
        return HEED_OK;
    status = try_folder(folder, err);
    for (int i = 0; i < 2 && status == HEED_OK; i++) {
        if (snprintf(path, sizeof path, "%s/%s", folder, files[i]) >= (int)sizeof path)
            status = heed_cli_fail(err, HEED_ERR_USAGE, "the folder's path is too long");
        else if (stat(path, &info) == 0)
            status = heed_cli_fail(err, HEED_ERR_USAGE, "%.300s: there is a %s already; choose another folder",
                                   folder, words[i]);
    }
    return status;
}

static heed_status write_folder(const heed_range_result *r, const char *folder, heed_error *err)
{
    char path[PATH_BYTES];
    heed_status status;

    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be made: %s", folder, strerror(errno));
    status = write_log(r, folder, err);
    if (status == HEED_OK && snprintf(path, sizeof path, "%s/range.png", folder) < (int)sizeof path)
        status = heed_range_picture(r, path, err);
    return status;
}

static void put_json(const heed_cli_range *range, const heed_range_result *r)
{
    heed_cli_json json = {.out = stdout};
    char *line = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&line, &n);

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_number(&json, "suggestion", r->suggestion);
    heed_cli_json_number(&json, "knee_rate", r->knee_rate);
    heed_cli_json_number(&json, "lowest_rate", r->lowest_rate);
    heed_cli_json_number(&json, "lowest_loss", r->lowest_loss);
    heed_cli_json_number(&json, "steepest_rate", r->steepest_rate);
    heed_cli_json_number(&json, "broken_rate", r->broken_rate);
    if (memory != NULL && !isnan(r->suggestion))
        put_line(memory, range, r->suggestion);
    if (memory != NULL && fclose(memory) == 0 && n > 0)
        heed_cli_json_text(&json, "command", line);
    free(line);
    heed_cli_json_open(&json, "points", '['); /* [rate, loss, average] each */
    for (int64_t i = 0; i < r->n; i++) {
        heed_cli_json_open(&json, NULL, '[');
        heed_cli_json_number(&json, NULL, r->points[i].rate);
        heed_cli_json_number(&json, NULL, r->points[i].loss);
        heed_cli_json_number(&json, NULL, r->points[i].average);
        heed_cli_json_close(&json, ']');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

static heed_status put_text(const heed_cli_range *range, const heed_range_result *r, heed_error *err)
{
    const int columns = heed_cli_columns(stdout);
    char *drawn = NULL;
    const heed_status status = heed_range_text(r, columns < 101 ? columns - 1 : 100, 18,
                                               heed_cli_palette(stdout), &drawn, err);

    if (status != HEED_OK)
        return status;
    printf("%s\nlowest loss %.3f at %.2g, steepest fall at %.2g", drawn, r->lowest_loss, r->lowest_rate,
           r->steepest_rate);
    if (!isnan(r->broken_rate))
        printf(", broken at %.2g", r->broken_rate);
    printf("\nsuggestion: %.2g, %s\n", r->suggestion,
           r->suggestion == r->knee_rate ? "where 95 % of the fall is made"
                                         : "half of the rate at which the loss is lowest");
    put_line(stdout, range, r->suggestion);
    putchar('\n');
    free(drawn);
    return HEED_OK;
}

/* What the first rank does with the numbers, which all have. */
static heed_status tell(const heed_cli_range *range, const heed_range_result *r, heed_error *err)
{
    heed_status status = HEED_OK;

    if (range->folder != NULL) /* where nothing can be suggested, the curve says why */
        status = write_folder(r, range->folder, err);
    if (status != HEED_OK)
        return status;
    if (isnan(r->lowest_rate))
        return heed_cli_fail(
            err, HEED_ERR_CHECK,
            "no step had a loss that is a number, so no rate can be suggested: their windows hold no target, "
            "or the model is broken from the first one on");
    if (isnan(r->suggestion))
        return heed_cli_fail(
            err, HEED_ERR_CHECK,
            "the loss was lowest at the first rate, %.2g, so no rate can be suggested; a smaller "
            "--range-low may help",
            r->lowest_rate);
    if (!range->json)
        return put_text(range, r, err);
    put_json(range, r);
    return HEED_OK;
}

heed_status heed_cli_range_test(const heed_cli_range *range, heed_trainer *trainer, heed_cli_progress *progress,
                                heed_error *err)
{
    heed_range_result r;
    heed_status status = heed_trainer_range_test(trainer, &range->options, show_point, progress, &r, err);

    heed_cli_clear_line(progress);
    if (status != HEED_OK)
        return status;
    if (r.stopped)
        status = heed_cli_fail(err, HEED_ERR_INTERRUPTED,
                               "stopped at step %lld of the range test; nothing was written", (long long)r.n);
    else if (heed_ranks_rank(heed_trainer_options(trainer)->ranks) == 0)
        status = tell(range, &r, err);
    heed_range_free(&r);
    return status;
}
