/* SPDX-License-Identifier: MIT */
#include "hub/fetch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "hub/transfer.h"

#define PROGRESS      ((int64_t)1 << 20) /* so many bytes more, and an attempt was not in vain */
#define MOST_RESTARTS 3
#define MOST_WAIT_S   30.0

/* --- asking --- */

/* Sleeps, looking up ten times a second; false when the pull is to stop. */
static bool wait_for(heed_transfer *t, double wait_s)
{
    const struct timespec tenth = {0, 100000000};
    const double end_s = heed_clock_s() + wait_s;

    while (heed_clock_s() < end_s) {
        if (!heed_transfer_go_on(t))
            return false;
        nanosleep(&tenth, NULL);
    }
    return true;
}

/* BASE/NAME/resolve/REVISION/FILE; a slash inside of a revision is no slash of the path. */
static void write_url(const heed_fetching *f, const char *file, char *out, size_t size)
{
    char revision[3 * sizeof f->revision];
    size_t n = 0;

    for (const char *c = f->revision; *c != '\0'; c++) {
        if (*c == '/') {
            memcpy(revision + n, "%2F", 3);
            n += 3;
        } else
            revision[n++] = *c;
    }
    revision[n] = '\0';
    snprintf(out, size, "%s/%s/resolve/%s/%s", f->base_url, f->hub_name, revision, file);
}

static heed_outcome ask(heed_transfer *t, heed_reply *reply)
{
    char url[2048];
    const bool resumes = !t->file->done && heed_part_can_resume(t->file);
    const heed_request request = {.url = url,
                                  .from = resumes ? t->at : 0,
                                  .if_range = t->file->linked_etag[0] == '\0' ? t->file->etag : NULL,
                                  .context = t,
                                  .begin = heed_answer_begin,
                                  .body = heed_answer_body,
                                  .go_on = heed_transfer_go_on};

    write_url(t->f, t->wanted->name, url, sizeof url);
    t->restarts = false;
    return heed_client_get(t->f->client, &request, reply, t->err);
}

/* Asks until the file has come, is absent, or fails for good. */
static heed_outcome ask_patiently(heed_transfer *t)
{
    const int retries = t->f->options->retries;
    int64_t last_at = t->at;
    int failures = 0, restarts = 0;

    for (;;) {
        heed_reply reply;
        double wait_s;
        heed_outcome outcome = ask(t, &reply);

        if (reply.commit[0] != '\0' && t->f->record->commit[0] == '\0')
            snprintf(t->f->record->commit, sizeof t->f->record->commit, "%s", reply.commit);
        if (outcome == HEED_CAME && t->total >= 0 && t->at < t->total) {
            heed_fail(t->err, HEED_ERR_FILE, "the hub has sent %lld of %lld bytes", (long long)t->at,
                      (long long)t->total);
            outcome = HEED_AGAIN;
        }
        if (outcome == HEED_NO_RANGE || (outcome == HEED_STOPPED && t->restarts)) {
            if (++restarts > MOST_RESTARTS) {
                heed_fail(t->err, HEED_ERR_FILE, "the hub does not give the rest that it was asked for");
                return HEED_FAILED;
            }
            if (!heed_part_start_over(t))
                return HEED_STOPPED;
            continue;
        }
        if (outcome != HEED_AGAIN)
            return outcome;
        failures = t->at - last_at >= PROGRESS ? 1 : failures + 1;
        last_at = t->at;
        if (failures > retries)
            return HEED_FAILED;
        wait_s = 0.5 * (double)(1 << (failures < 6 ? failures - 1 : 5));
        wait_s = reply.retry_after_s > wait_s ? reply.retry_after_s : wait_s;
        wait_s = wait_s < MOST_WAIT_S ? wait_s : MOST_WAIT_S;
        if (!heed_transfer_tell(t, HEED_PULL_RETRIES, t->err->message, wait_s) || !wait_for(t, wait_s))
            return HEED_INTERRUPTED;
    }
}

/* --- what it came to --- */

static heed_status interrupted(const heed_transfer *t)
{
    if (t->at > 0 && t->total > 0)
        return heed_fail(t->err, HEED_ERR_INTERRUPTED,
                         "stopped at %.0f %% of %s, which is kept; the same command goes on",
                         100.0 * (double)t->at / (double)t->total, t->wanted->name);
    return heed_fail(t->err, HEED_ERR_INTERRUPTED, "stopped before %s; the same command goes on",
                     t->wanted->name);
}

/* What went wrong with which file, and what of it is kept. */
static heed_status fail_request(const heed_transfer *t)
{
    const heed_error why = *t->err;
    char kept[64] = "";

    if (t->at > 0 && t->total > 0 && heed_part_can_resume(t->file))
        snprintf(kept, sizeof kept, "; %.0f %% are kept, the same command goes on",
                 100.0 * (double)t->at / (double)t->total);
    return heed_fail(t->err, why.status, "%s: %.380s%s", t->wanted->name, why.message, kept);
}

static heed_status settle(heed_transfer *t, heed_outcome outcome, bool *absent)
{
    switch (outcome) {
    case HEED_CAME:
        return heed_part_finish(t);
    case HEED_STOPPED:
        if (t->same)
            unlink(t->part);
        return t->same || t->status != HEED_OK ? t->status : interrupted(t);
    case HEED_INTERRUPTED:
        return interrupted(t);
    case HEED_ABSENT:
        unlink(t->part);
        t->file->done = false;
        t->file->bytes = -1;
        *absent = true;
        return HEED_OK;
    default:
        return fail_request(t);
    }
}

heed_status heed_fetch(heed_fetching *f, const heed_wanted *wanted, bool *absent, heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    heed_transfer t = {.f = f, .wanted = wanted, .fd = -1, .total = -1, .err = err != NULL ? err : &own};
    char part_name[128], given[HEED_DIGEST_DIGITS + 1];
    heed_status status;

    *absent = false;
    t.begun_s = t.speed_s = heed_clock_s();
    t.file = heed_record_get(f->record, wanted->name);
    if (t.file == NULL)
        return heed_fail(t.err, HEED_ERR_FILE, "expected at most %d files of a model", HEED_RECORD_MAX_FILES);
    t.file->seen = true;
    snprintf(part_name, sizeof part_name, "%s.part", wanted->name);
    status = heed_path_join(t.part, sizeof t.part, f->folder, part_name, t.err);
    if (status == HEED_OK)
        status = heed_path_join(t.path, sizeof t.path, f->folder, wanted->name, t.err);
    if (status != HEED_OK)
        return status;
    /* a file that is here counts unless the caller now expects another one */
    t.file->done = t.file->done && heed_file_exists(t.path) &&
                   (!heed_digest_given(f->options->sha256, wanted->name, given) ||
                    strcmp(given, t.file->sha256) == 0);
    if (!heed_part_open(&t))
        status = t.status == HEED_ERR_INTERRUPTED ? interrupted(&t) : t.status;
    if (status == HEED_OK)
        status = settle(&t, ask_patiently(&t), absent);
    if (t.fd >= 0)
        close(t.fd);
    heed_digest_free(&t.digest);
    return status;
}
