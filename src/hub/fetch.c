/* SPDX-License-Identifier: MIT */
#include "hub/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "hub/digest.h"
#include "hub/form.h"

#define SHOWN         200
#define REPORT_S      0.1
#define SPEED_S       2.0 /* over which the speed is taken */
#define SPARE_BYTES   ((int64_t)16 << 20)
#define PROGRESS      ((int64_t)1 << 20) /* so many bytes more, and an attempt was not in vain */
#define MOST_RESTARTS 3
#define MOST_WAIT_S   30.0

/* One file on its way. */
typedef struct transfer {
    heed_fetching *f;
    const heed_wanted *wanted;
    heed_record_file *file;
    char part[HEED_PULL_PATH_BYTES], path[HEED_PULL_PATH_BYTES];
    int fd;
    int64_t at;    /* bytes in NAME.part */
    int64_t total; /* -1: not known */
    int64_t came;
    heed_digest digest;
    bool same;     /* the file that is here is still the hub's */
    bool restarts; /* the rest does not fit what is here */
    heed_status status;
    heed_error *err; /* of begin() and body() */
    double begun_s, told_s, speed_s, speed;
    int64_t speed_bytes;
} transfer;

static heed_status fail_file(transfer *t, heed_status status, const char *what, int reason)
{
    char shown[SHOWN];

    t->status = heed_fail(t->err, status, "%s: %s: %s",
                          heed_quote(shown, sizeof shown, t->part, strlen(t->part)), what, strerror(reason));
    return t->status;
}

/* --- telling --- */

static bool tell(transfer *t, heed_pull_event event, const char *reason, double wait_s)
{
    const heed_pull_options *o = t->f->options;
    const double now_s = heed_clock_s();
    const bool verified = t->file->sha256[0] != '\0';
    heed_pull_progress progress = {.event = event,
                                   .file = t->wanted->name,
                                   .bytes = t->at,
                                   .total = t->total,
                                   .came = t->came,
                                   .seconds = now_s - t->begun_s,
                                   .bytes_per_s = t->speed,
                                   .verified = verified,
                                   .reason = reason,
                                   .wait_s = wait_s};

    if (event == HEED_PULL_BYTES && now_s - t->told_s < REPORT_S)
        return true;
    if (now_s - t->speed_s >= SPEED_S) {
        t->speed = (double)(t->came - t->speed_bytes) / (now_s - t->speed_s);
        t->speed_s = now_s;
        t->speed_bytes = t->came;
    } else if (t->speed == 0.0 && now_s > t->begun_s) {
        progress.bytes_per_s = (double)t->came / (now_s - t->begun_s);
    }
    t->told_s = now_s;
    return o->report == NULL || o->report(o->context, &progress);
}

static bool go_on(void *context)
{
    return tell(context, HEED_PULL_BYTES, NULL, 0.0);
}

/* --- what is here --- */

/* Nothing of the file: NAME.part is empty, and the record knows no marks. */
static bool start_over(transfer *t)
{
    t->at = 0;
    t->file->bytes = -1;
    t->file->etag[0] = t->file->linked_etag[0] = t->file->sha256[0] = '\0';
    t->file->done = false;
    if (ftruncate(t->fd, 0) != 0 || lseek(t->fd, 0, SEEK_SET) != 0)
        fail_file(t, HEED_ERR_FILE, "cannot be emptied", errno);
    else if (!heed_digest_begin(&t->digest, t->f->client->libraries))
        t->status = heed_fail(t->err, HEED_ERR_MEMORY, "not enough memory for a checksum");
    return t->status == HEED_OK;
}

/* Hashes what an earlier pull has left, up to `bytes`. */
static bool hash_part(transfer *t, int64_t bytes)
{
    char block[1 << 16];

    if (!heed_digest_begin(&t->digest, t->f->client->libraries) || lseek(t->fd, 0, SEEK_SET) != 0)
        return false;
    for (t->at = 0; t->at < bytes;) {
        const int64_t left = bytes - t->at;
        const ssize_t n = read(t->fd, block, left < (int64_t)sizeof block ? (size_t)left : sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !heed_digest_add(&t->digest, block, (size_t)n))
            return false;
        t->at += n;
        if (!go_on(t)) {
            t->status = HEED_ERR_INTERRUPTED;
            return false;
        }
    }
    return ftruncate(t->fd, bytes) == 0;
}

/* A mark that stands for every byte: a strong ETag, or the hub's own of a file that it links to. */
static bool can_resume(const heed_record_file *file)
{
    return file->bytes > 0 && (file->etag[0] == '"' || file->linked_etag[0] != '\0');
}

/* Opens NAME.part; what is in it counts only if the record knows what it is from. */
static bool open_part(transfer *t)
{
    struct stat info;
    int64_t kept = 0;

    t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (t->fd < 0 || fstat(t->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        fail_file(t, HEED_ERR_FILE, "cannot be written", t->fd < 0 ? errno : EINVAL);
        return false;
    }
    if (t->file->done)
        return true; /* it is opened for what may have to come in the place of the file that is here */
    if (can_resume(t->file) && info.st_size <= t->file->bytes)
        kept = info.st_size;
    /* The last byte is asked for again: of a file that is whole, a hub has nothing left to give. */
    if (kept > 0 && kept == t->file->bytes)
        kept--;
    t->total = t->file->bytes;
    if (kept > 0 && hash_part(t, kept))
        return true;
    return t->status == HEED_OK && start_over(t);
}

/* --- what comes --- */

static bool refuse(transfer *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(transfer *t, const char *format, ...)
{
    char words[300];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    t->status = heed_fail(t->err, HEED_ERR_FILE, "%s: %s", t->wanted->name, words);
    return false;
}

static bool check_disk(transfer *t, int64_t more)
{
    struct statvfs disk;
    char shown[SHOWN];

    if (fstatvfs(t->fd, &disk) != 0)
        return true; /* then writing will show */
    const double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    if ((double)more + (double)SPARE_BYTES <= free_bytes)
        return true;
    return refuse(t, "%.3g MB are still to come, the disk of %s has %.3g MB left", (double)more * 1e-6,
                  heed_quote(shown, sizeof shown, t->f->folder, strlen(t->f->folder)), free_bytes * 1e-6);
}

/* The size as the hub gives it, into t->total. */
static bool check_size(transfer *t, const heed_reply *reply)
{
    const int64_t said = reply->code == 206 ? reply->range_total : reply->length;

    t->total = said >= 0 ? said : reply->linked_size;
    if (said >= 0 && reply->linked_size >= 0 && said != reply->linked_size)
        return refuse(t, "the hub speaks of %lld bytes, the answer has %lld", (long long)reply->linked_size,
                      (long long)said);
    if (t->total > t->wanted->most_bytes)
        return refuse(t, "expected at most %lld bytes, the hub has %lld", (long long)t->wanted->most_bytes,
                      (long long)t->total);
    if (t->total < 0 && t->wanted->form == HEED_FORM_WEIGHTS)
        return refuse(t, "expected the hub to say its size");
    return t->total < 0 || check_disk(t, t->total - t->at);
}

/* A hub's large files are marked with their SHA-256. */
static void keep_marks(transfer *t, const heed_reply *reply)
{
    const char *marks[] = {reply->linked_etag, reply->etag};

    t->file->bytes = t->total;
    snprintf(t->file->etag, sizeof t->file->etag, "%s", reply->etag);
    snprintf(t->file->linked_etag, sizeof t->file->linked_etag, "%s", reply->linked_etag);
    t->file->sha256[0] = '\0';
    for (int i = 0; i < 2 && t->file->sha256[0] == '\0'; i++) {
        if (!heed_digest_read(marks[i] + (marks[i][0] == '"'), t->file->sha256))
            t->file->sha256[0] = '\0';
    }
}

/* Are the marks still those that the record has? */
static bool is_same(const transfer *t, const heed_reply *reply, int64_t total)
{
    const heed_record_file *file = t->file;

    return total >= 0 && total == file->bytes && strcmp(reply->linked_etag, file->linked_etag) == 0 &&
           (file->linked_etag[0] != '\0' || (file->etag[0] != '\0' && strcmp(reply->etag, file->etag) == 0));
}

static bool begin(void *context, const heed_reply *reply)
{
    transfer *t = context;

    if (reply->encoded)
        return refuse(t, "expected the file as it is, the hub sends it compressed");
    if (t->file->done) {
        t->same = is_same(t, reply,
                          reply->code == 200 && reply->length >= 0 ? reply->length : reply->linked_size);
        if (t->same)
            return false;
        t->file->done = false;
    }
    if (reply->code == 206) {
        if (reply->range_from == t->at && is_same(t, reply, reply->range_total) && t->at > 0)
            return check_size(t, reply) && tell(t, HEED_PULL_BEGINS, NULL, 0.0);
        t->restarts = true;
        return false;
    }
    if (!start_over(t) || !check_size(t, reply))
        return false;
    keep_marks(t, reply);
    if (heed_record_save(t->f->folder, t->f->record, t->err) != HEED_OK) {
        t->status = HEED_ERR_FILE;
        return false;
    }
    return tell(t, HEED_PULL_BEGINS, NULL, 0.0);
}

static bool write_all(transfer *t, const char *data, size_t n)
{
    while (n > 0) {
        const ssize_t written = write(t->fd, data, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            fail_file(t, HEED_ERR_FILE, "cannot be written", written < 0 ? errno : EIO);
            return false;
        }
        if (!heed_digest_add(&t->digest, data, (size_t)written)) {
            t->status = heed_fail(t->err, HEED_ERR_INTERNAL, "a checksum cannot be computed");
            return false;
        }
        data += written;
        n -= (size_t)written;
        t->at += written;
        t->came += written;
        t->f->fetched += written;
    }
    return true;
}

static bool body(void *context, const char *data, size_t n)
{
    transfer *t = context;
    const int64_t most = t->total >= 0 ? t->total : t->wanted->most_bytes;

    if ((int64_t)n > most - t->at)
        return refuse(t, "expected at most %lld bytes, the hub sends more", (long long)most);
    return write_all(t, data, n);
}

/* --- one request, and what follows from it --- */

/* Sleeps, looking up ten times a second; false when the pull is to stop. */
static bool wait_for(transfer *t, double wait_s)
{
    const struct timespec tenth = {0, 100000000};
    const double end_s = heed_clock_s() + wait_s;

    while (heed_clock_s() < end_s) {
        if (!go_on(t))
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

static heed_outcome ask(transfer *t, heed_reply *reply)
{
    char url[2048];
    const bool resumes = !t->file->done && can_resume(t->file);
    const heed_request request = {.url = url,
                                  .from = resumes ? t->at : 0,
                                  .if_range = t->file->linked_etag[0] == '\0' ? t->file->etag : NULL,
                                  .context = t,
                                  .begin = begin,
                                  .body = body,
                                  .go_on = go_on};

    write_url(t->f, t->wanted->name, url, sizeof url);
    t->restarts = false;
    return heed_client_get(t->f->client, &request, reply, t->err);
}

/* Asks until the file has come, is absent, or fails for good. */
static heed_outcome ask_patiently(transfer *t)
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
            if (!start_over(t))
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
        if (!tell(t, HEED_PULL_RETRIES, t->err->message, wait_s) || !wait_for(t, wait_s))
            return HEED_INTERRUPTED;
    }
}

/* --- the end --- */

/* What the caller wants FILE to hash to, of "FILE=HEX,…". */
static bool given_sha256(const heed_fetching *f, const char *name, char out[HEED_DIGEST_DIGITS + 1])
{
    const size_t n = strlen(name);

    for (const char *at = f->options->sha256; at != NULL;
         at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, name, n) == 0 && at[n] == '=')
            return heed_digest_read(at + n + 1, out);
    }
    return false;
}

static heed_status check_sha256(transfer *t)
{
    char is[HEED_DIGEST_DIGITS + 1], given[HEED_DIGEST_DIGITS + 1];
    const bool has_given = given_sha256(t->f, t->wanted->name, given);

    if (!heed_digest_end(&t->digest, is))
        return heed_fail(t->err, HEED_ERR_INTERNAL, "a checksum cannot be computed");
    if (has_given && strcmp(given, is) != 0)
        return heed_fail(t->err, HEED_ERR_FILE, "%s: expected the SHA-256 %s, got %s; the file is removed",
                         t->wanted->name, given, is);
    if (t->file->sha256[0] != '\0' && strcmp(t->file->sha256, is) != 0)
        return heed_fail(t->err, HEED_ERR_FILE,
                         "%s: damaged on its way: the hub's SHA-256 is %s, this one's %s; the file is removed",
                         t->wanted->name, t->file->sha256, is);
    if (has_given)
        snprintf(t->file->sha256, sizeof t->file->sha256, "%s", given);
    return HEED_OK;
}

/* NAME.part is complete: checks it, and gives it its name. */
static heed_status finish(transfer *t)
{
    heed_status status = check_sha256(t);

    if (status == HEED_OK)
        status = heed_form_check(t->part, t->wanted->name, t->wanted->form, t->err);
    if (status == HEED_ERR_FILE) {
        unlink(t->part);
        start_over(t);
        heed_record_save(t->f->folder, t->f->record, NULL);
    }
    if (status != HEED_OK)
        return status;
    while (fsync(t->fd) != 0) {
        if (errno != EINTR && errno != EINVAL && errno != ENOTSUP)
            return fail_file(t, HEED_ERR_FILE, "cannot be flushed to the disk", errno);
        if (errno != EINTR)
            break;
    }
    if (rename(t->part, t->path) != 0)
        return fail_file(t, HEED_ERR_FILE, "cannot get its name", errno);
    t->total = t->file->bytes = t->at;
    t->file->done = true;
    status = heed_record_save(t->f->folder, t->f->record, t->err);
    if (status == HEED_OK && !tell(t, HEED_PULL_FINISHED, NULL, 0.0))
        status = HEED_ERR_INTERRUPTED;
    return status;
}

static heed_status interrupted(const transfer *t)
{
    if (t->at > 0 && t->total > 0)
        return heed_fail(t->err, HEED_ERR_INTERRUPTED,
                         "stopped at %.0f %% of %s, which is kept; the same command goes on",
                         100.0 * (double)t->at / (double)t->total, t->wanted->name);
    return heed_fail(t->err, HEED_ERR_INTERRUPTED, "stopped before %s; the same command goes on",
                     t->wanted->name);
}

/* What went wrong with which file, and what of it is kept. */
static heed_status fail_request(const transfer *t)
{
    const heed_error why = *t->err;
    char kept[64] = "";

    if (t->at > 0 && t->total > 0 && can_resume(t->file))
        snprintf(kept, sizeof kept, "; %.0f %% are kept, the same command goes on",
                 100.0 * (double)t->at / (double)t->total);
    return heed_fail(t->err, why.status, "%s: %.380s%s", t->wanted->name, why.message, kept);
}

static heed_status settle(transfer *t, heed_outcome outcome, bool *absent)
{
    switch (outcome) {
    case HEED_CAME:
        return finish(t);
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
    transfer t = {.f = f, .wanted = wanted, .fd = -1, .total = -1, .err = err != NULL ? err : &own};
    char part_name[128];
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
    t.file->done = t.file->done && heed_file_exists(t.path);
    if (!open_part(&t))
        status = t.status == HEED_ERR_INTERRUPTED ? interrupted(&t) : t.status;
    if (status == HEED_OK)
        status = settle(&t, ask_patiently(&t), absent);
    if (t.fd >= 0)
        close(t.fd);
    heed_digest_free(&t.digest);
    return status;
}
