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
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "train/trainer.h"

static const char name[] = "log.jsonl";

/* Bytes of the leading lines whose step is at most `step`. */
static size_t bytes_up_to(const heed_file *file, int64_t step)
{
    size_t at = 0;

    while (at < file->size) {
        const char *line = file->data + at, *end = memchr(line, '\n', file->size - at);
        static const char key[] = "{\"step\": ";
        if (end == NULL || (size_t)(end - line) <= sizeof key || memcmp(line, key, sizeof key - 1) != 0 ||
            strtoll(line + sizeof key - 1, NULL, 10) > step)
            break;
        at = (size_t)(end - file->data) + 1;
    }
    return at;
}

heed_status heed_log_open(heed_trainer *t, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_file old = {0};
    size_t keep = 0;
    heed_status status = heed_path_join(path, sizeof path, t->folder, name, err);

    if (status == HEED_OK && heed_file_exists(path)) {
        status = heed_file_open(&old, path, err);
        if (status == HEED_OK)
            keep = bytes_up_to(&old, t->step);
        heed_file_close(&old);
        if (status == HEED_OK && truncate(path, (off_t)keep) != 0)
            status = heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be shortened to step %lld: %s", path,
                               (long long)t->step, strerror(errno));
    }
    if (status != HEED_OK)
        return status;
    t->log = fopen(path, "ab");
    if (t->log == NULL)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be written: %s", path, strerror(errno));
    return HEED_OK;
}

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

static double ratio_of(const heed_group_stats *g)
{
    return g->update_norm / g->weight_norm;
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
        put_groups(t, "update_ratio", ratio_of);
    }
    fputs("}\n", t->log);
}

heed_status heed_log_sync(heed_trainer *t, heed_error *err)
{
    if (t->log != NULL && (fflush(t->log) != 0 || ferror(t->log) || fsync(fileno(t->log)) != 0)) {
        const int reason = errno;
        clearerr(t->log);
        return heed_fail(err, HEED_ERR_FILE, "%.300s/%s: cannot be written: %s", t->folder, name,
                         strerror(reason));
    }
    return HEED_OK;
}
