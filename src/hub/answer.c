/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/error.h"
#include "hub/transfer.h"

#define SHOWN       200
#define SPARE_BYTES ((int64_t)16 << 20)

static bool check_disk(heed_transfer *t, int64_t more)
{
    struct statvfs disk;
    char shown[SHOWN];

    if (fstatvfs(t->fd, &disk) != 0)
        return true; /* then writing will show */
    const double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    if ((double)more + (double)SPARE_BYTES <= free_bytes)
        return true;
    return heed_transfer_refuse(
        t, "%.3g MB are still to come, the disk of %s has %.3g MB left", (double)more * 1e-6,
        heed_quote(shown, sizeof shown, t->f->folder, strlen(t->f->folder)), free_bytes * 1e-6);
}

/* The size as the hub gives it, into t->total. */
static bool check_size(heed_transfer *t, const heed_reply *reply)
{
    const int64_t said = reply->code == 206 ? reply->range_total : reply->length;

    t->total = said >= 0 ? said : reply->linked_size;
    if (said >= 0 && reply->linked_size >= 0 && said != reply->linked_size)
        return heed_transfer_refuse(t, "the hub speaks of %lld bytes, the answer has %lld",
                                    (long long)reply->linked_size, (long long)said);
    if (t->total > t->wanted->most_bytes)
        return heed_transfer_refuse(t, "expected at most %lld bytes, the hub has %lld",
                                    (long long)t->wanted->most_bytes, (long long)t->total);
    if (t->total < 0 && t->wanted->form == HEED_FORM_WEIGHTS)
        return heed_transfer_refuse(t, "expected the hub to say its size");
    return t->total < 0 || check_disk(t, t->total - t->at);
}

/* A hub's large files are marked with their SHA-256. */
static void keep_marks(heed_transfer *t, const heed_reply *reply)
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
static bool is_same(const heed_transfer *t, const heed_reply *reply, int64_t total)
{
    const heed_record_file *file = t->file;

    return total >= 0 && total == file->bytes && strcmp(reply->linked_etag, file->linked_etag) == 0 &&
           (file->linked_etag[0] != '\0' || (file->etag[0] != '\0' && strcmp(reply->etag, file->etag) == 0));
}

bool heed_answer_begin(void *context, const heed_reply *reply)
{
    heed_transfer *t = context;

    if (reply->encoded)
        return heed_transfer_refuse(t, "expected the file as it is, the hub sends it compressed");
    if (t->file->done) {
        t->same = is_same(t, reply,
                          reply->code == 200 && reply->length >= 0 ? reply->length : reply->linked_size);
        if (t->same)
            return false;
        t->file->done = false;
    }
    if (reply->code == 206) {
        if (reply->range_from == t->at && is_same(t, reply, reply->range_total) && t->at > 0)
            return check_size(t, reply) && heed_transfer_tell(t, HEED_PULL_BEGINS, NULL, 0.0);
        t->restarts = true;
        return false;
    }
    if (!heed_part_start_over(t) || !check_size(t, reply))
        return false;
    keep_marks(t, reply);
    if (heed_record_save(t->f->folder, t->f->record, t->err) != HEED_OK) {
        t->status = HEED_ERR_FILE;
        return false;
    }
    return heed_transfer_tell(t, HEED_PULL_BEGINS, NULL, 0.0);
}

bool heed_answer_body(void *context, const char *data, size_t n)
{
    heed_transfer *t = context;
    const int64_t most = t->total >= 0 ? t->total : t->wanted->most_bytes;

    if ((int64_t)n > most - t->at)
        return heed_transfer_refuse(t, "expected at most %lld bytes, the hub sends more", (long long)most);
    return heed_part_write(t, data, n);
}
