/* SPDX-License-Identifier: MIT */
/*
 * log.jsonl: one line of metrics a step.
 *
 *     {"step": 250, "loss": 2.31, "lr": 0.001, "grad_norm": 0.8, "tokens_per_s": 81000, "val_loss": 2.2}
 *
 * val_loss is there when the step had an evaluation; epoch when the text is read in epochs: 1.5 is the middle of the second
 * one; clipped, the share of updates whose gradient was clipped so far, where gradients are; skipped says why the step made
 * no update; kl and val_kl when the run has a teacher. A number that is not finite is null.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_NOFOLLOW, getline() */
#endif
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "train/trainer.h"

static const char name[] = "log.jsonl";

/* --- going on behind the step of a checkpoint --- */

static size_t after_blanks(const char *line, size_t at)
{
    return at + strspn(line + at, " \t\r");
}

/* {"step": N at the beginning of a line, as heed writes it, with blanks anywhere; or -1. */
static int64_t step_at_front(const char *line)
{
    static const char key[] = "\"step\"";
    size_t at = after_blanks(line, 0);
    char *end = NULL;
    long long step;

    if (line[at] != '{')
        return -1;
    at = after_blanks(line, at + 1);
    if (strncmp(line + at, key, sizeof key - 1) != 0)
        return -1;
    at = after_blanks(line, at + sizeof key - 1);
    if (line[at] != ':')
        return -1;
    at = after_blanks(line, at + 1);
    if (line[at] < '0' || line[at] > '9')
        return -1;
    errno = 0;
    step = strtoll(line + at, &end, 10);
    end += after_blanks(end, 0);
    return errno == 0 && (*end == ',' || *end == '}') ? step : -1;
}

/* The step of a line, wherever in the object it stands. */
static heed_status read_step(const char *line, size_t size, const char *path, int64_t number, int64_t *step,
                             heed_error *err)
{
    char where[224]; /* what messages show of it */
    json_t *root = NULL;
    heed_status status;

    *step = step_at_front(line);
    if (*step >= 0)
        return HEED_OK;
    snprintf(where, sizeof where, "%.180s, line %lld", path, (long long)number);
    status = heed_json_parse(line, size, SIZE_MAX, where, &root, err);
    if (status != HEED_OK)
        return status;
    heed_json_reader r = heed_json_read(root, where, err);
    heed_json_require(&r, "step");
    *step = heed_json_int(&r, "step", 0, 0, INT64_MAX);
    json_decref(root);
    return r.status;
}

/*
 * Bytes of the leading lines whose step is at most `step`. What was written while the process died may end without a line
 * break and does not count; any other line that is not understood is a failure, as what lies behind it would be lost.
 */
static heed_status bytes_up_to(FILE *log, const char *path, int64_t step, off_t *keep, heed_error *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = 0;
    heed_status status = HEED_OK;

    *keep = 0;
    for (int64_t number = 1, here = 0; (n = getline(&line, &room, log)) > 0 && line[n - 1] == '\n'; number++) {
        line[n - 1] = '\0';
        if (line[after_blanks(line, 0)] != '\0' || strlen(line) + 1 != (size_t)n)
            status = read_step(line, (size_t)n - 1, path, number, &here, err);
        if (status != HEED_OK || here > step)
            break;
        *keep += (off_t)n;
    }
    free(line);
    if (status == HEED_OK && ferror(log))
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be read", path);
    return status;
}

/* The log for adding lines: a file of this folder, as a link may lead anywhere. */
static heed_status open_file(FILE **log, const char *path, heed_error *err)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    struct stat info;

    *log = NULL;
    if ((fd < 0 && errno == ELOOP) || (fd >= 0 && fstat(fd, &info) == 0 && !S_ISREG(info.st_mode))) {
        if (fd >= 0)
            close(fd);
        return heed_fail(err, HEED_ERR_FILE, "%.300s: expected a file, got a link or something else", path);
    }
    if (fd >= 0)
        *log = fdopen(fd, "a+b");
    if (*log != NULL)
        return HEED_OK;
    heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be written: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return HEED_ERR_FILE;
}

heed_status heed_log_open(heed_trainer *t, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    off_t keep = 0;
    heed_status status = heed_path_join(path, sizeof path, t->folder, name, err);

    if (status == HEED_OK)
        status = open_file(&t->log, path, err);
    if (status == HEED_OK)
        status = bytes_up_to(t->log, path, t->step, &keep, err);
    if (status == HEED_OK && (fseeko(t->log, 0, SEEK_END) != 0 || ftruncate(fileno(t->log), keep) != 0))
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be shortened to step %lld: %s", path,
                           (long long)t->step, strerror(errno));
    t->log_end = keep;
    return status;
}

/* --- a line --- */

static void put_number(FILE *log, const char *key, double value)
{
    if (isfinite(value))
        fprintf(log, ", \"%s\": %.9g", key, value);
    else
        fprintf(log, ", \"%s\": null", key);
}

/* {"attention": 0.1, "mlp": 0.2}: one number of every group. */
static void put_groups(const heed_trainer *t, const char *key, double (*get)(const heed_group_stats *))
{
    fprintf(t->log, ", \"%s\": {", key);
    for (int i = 0; i < t->n_groups; i++) {
        const double value = get(&t->groups[i]);

        fprintf(t->log, "%s\"%s\": ", i > 0 ? ", " : "", t->groups[i].name);
        if (isfinite(value))
            fprintf(t->log, "%.6g", value);
        else
            fputs("null", t->log);
    }
    fputc('}', t->log);
}

static double gradient_of(const heed_group_stats *g)
{
    return g->gradient_norm;
}

static double weight_of(const heed_group_stats *g)
{
    return g->weight_norm;
}

/*
 * A line is one write, so who reads the log meanwhile finds whole ones. What a full disk has taken of one is cut off, or the
 * next one would go on in the middle of it.
 */
static void end_line(heed_trainer *t)
{
    fputs("}\n", t->log);
    if (fflush(t->log) != 0) {
        t->log_error = errno;
        clearerr(t->log);
        if (ftruncate(fileno(t->log), t->log_end) == 0)
            return;
    }
    t->log_end = ftello(t->log);
}

void heed_log_step(heed_trainer *t, const heed_progress *p)
{
    if (t->log == NULL)
        return; /* another rank writes, or nobody */
    fprintf(t->log, "{\"step\": %lld", (long long)p->step);
    put_number(t->log, "loss", p->loss);
    put_number(t->log, "lr", p->learning_rate);
    put_number(t->log, "grad_norm", p->gradient_norm);
    put_number(t->log, "tokens_per_s", p->tokens_per_s);
    if (p->epochs > 0.0)
        put_number(t->log, "epoch", p->epoch);
    if (!isnan(p->clipped_share))
        put_number(t->log, "clipped", p->clipped_share);
    if (p->skipped != HEED_SKIP_NONE)
        fprintf(t->log, ", \"skipped\": \"%s\"", heed_skip_name(p->skipped));
    if (!isnan(p->validation_loss))
        put_number(t->log, "val_loss", p->validation_loss);
    if (t->start.teacher.model != NULL)
        put_number(t->log, "kl", p->kl);
    if (t->start.teacher.model != NULL && !isnan(p->validation_loss))
        put_number(t->log, "val_kl", p->validation_kl);
    if (t->n_groups > 0) {
        put_groups(t, "group_grad_norm", gradient_of);
        put_groups(t, "weight_norm", weight_of);
        put_groups(t, "update_ratio", heed_group_update_ratio);
    }
    end_line(t);
}

heed_status heed_log_sync(heed_trainer *t, heed_error *err)
{
    int reason = t->log_error;

    if (t->log == NULL)
        return HEED_OK;
    t->log_error = 0;
    if (reason == 0 && fsync(fileno(t->log)) != 0)
        reason = errno;
    return reason == 0 ? HEED_OK
                       : heed_fail(err, HEED_ERR_FILE, "%.300s/%s: cannot be written: %s", t->folder, name,
                                   strerror(reason));
}
