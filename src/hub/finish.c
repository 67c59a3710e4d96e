/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "hub/form.h"
#include "hub/transfer.h"

static heed_status check_sha256(heed_transfer *t)
{
    char is[HEED_DIGEST_DIGITS + 1], given[HEED_DIGEST_DIGITS + 1];
    const bool has_given = heed_digest_given(t->f->options->sha256, t->wanted->name, given);

    if (!heed_digest_end(&t->digest, is))
        return heed_fail(t->err, HEED_ERR_INTERNAL, "a checksum cannot be computed");
    if (has_given && strcmp(given, is) != 0)
        return heed_fail(t->err, HEED_ERR_FILE, "%s: expected the SHA-256 %s, got %s; the file is removed",
                         t->wanted->name, given, is);
    if (t->file->sha256[0] != '\0' && strcmp(t->file->sha256, is) != 0)
        return heed_fail(t->err, HEED_ERR_FILE,
                         "%s: damaged on its way: the hub's SHA-256 is %s, this one's %s; the file is removed",
                         t->wanted->name, t->file->sha256, is);
    t->verified = has_given || t->file->sha256[0] != '\0';
    snprintf(t->file->sha256, sizeof t->file->sha256, "%s", is);
    return HEED_OK;
}

heed_status heed_part_finish(heed_transfer *t)
{
    heed_status status = check_sha256(t);

    if (status == HEED_OK)
        status = heed_form_check(t->part, t->wanted->name, t->wanted->form, t->err);
    if (status == HEED_ERR_FILE) {
        unlink(t->part);
        heed_part_start_over(t);
        heed_record_save(t->f->folder, t->f->record, NULL);
    }
    if (status != HEED_OK)
        return status;
    while (fsync(t->fd) != 0) {
        if (errno != EINTR && errno != EINVAL && errno != ENOTSUP)
            return heed_transfer_fail(t, HEED_ERR_FILE, "cannot be flushed to the disk", errno);
        if (errno != EINTR)
            break;
    }
    if (rename(t->part, t->path) != 0)
        return heed_transfer_fail(t, HEED_ERR_FILE, "cannot get its name", errno);
    t->total = t->file->bytes = t->at;
    t->file->done = true;
    status = heed_record_save(t->f->folder, t->f->record, t->err);
    if (status == HEED_OK && !heed_transfer_tell(t, HEED_PULL_FINISHED, NULL, 0.0))
        status = HEED_ERR_INTERRUPTED;
    return status;
}
