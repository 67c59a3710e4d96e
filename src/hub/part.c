/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "hub/transfer.h"

bool heed_part_start_over(heed_transfer *t)
{
    t->at = 0;
    t->file->bytes = -1;
    t->file->etag[0] = t->file->linked_etag[0] = t->file->sha256[0] = '\0';
    t->file->done = false;
    if (ftruncate(t->fd, 0) != 0 || lseek(t->fd, 0, SEEK_SET) != 0)
        heed_transfer_fail(t, HEED_ERR_FILE, "cannot be emptied", errno);
    else if (!heed_digest_begin(&t->digest, t->f->client->libraries))
        t->status = heed_fail(t->err, HEED_ERR_MEMORY, "not enough memory for a checksum");
    return t->status == HEED_OK;
}

/* Hashes what an earlier pull has left, up to `bytes`. */
static bool hash_part(heed_transfer *t, int64_t bytes)
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
        if (!heed_transfer_go_on(t)) {
            t->status = HEED_ERR_INTERRUPTED;
            return false;
        }
    }
    return ftruncate(t->fd, bytes) == 0;
}

bool heed_part_can_resume(const heed_record_file *file)
{
    return file->bytes > 0 && (file->etag[0] == '"' || file->linked_etag[0] != '\0');
}

bool heed_part_open(heed_transfer *t)
{
    struct stat info;
    int64_t kept = 0;

    t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (t->fd < 0 || fstat(t->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        heed_transfer_fail(t, HEED_ERR_FILE, "cannot be written", t->fd < 0 ? errno : EINVAL);
        return false;
    }
    if (t->file->done)
        return true; /* it is opened for what may have to come in the place of the file that is here */
    if (heed_part_can_resume(t->file) && info.st_size <= t->file->bytes)
        kept = info.st_size;
    /* The last byte is asked for again: of a file that is whole, a hub has nothing left to give. */
    if (kept > 0 && kept == t->file->bytes)
        kept--;
    t->total = t->file->bytes;
    if (kept > 0 && hash_part(t, kept))
        return true;
    return t->status == HEED_OK && heed_part_start_over(t);
}

bool heed_part_write(heed_transfer *t, const char *data, size_t n)
{
    while (n > 0) {
        const ssize_t written = write(t->fd, data, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            heed_transfer_fail(t, HEED_ERR_FILE, "cannot be written", written < 0 ? errno : EIO);
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
