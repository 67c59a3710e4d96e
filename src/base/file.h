/* SPDX-License-Identifier: MIT */
/*
 * Files, read as a whole and written as a whole.
 *
 * Writing goes to a temporary name beside the target, is flushed to the disk and renamed over it, so
 * a reader sees the old file or the new one and never a part; a failure leaves the old one in place.
 */
#ifndef HEED_BASE_FILE_H
#define HEED_BASE_FILE_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file's bytes, mapped read-only. An empty file has size 0 and a non-NULL data. */
typedef struct heed_file {
    const char *data;
    size_t size;
} heed_file;

/** Maps a regular file. HEED_ERR_FILE names the path and the reason (missing, a folder, not readable). */
heed_status heed_file_open(heed_file *file, const char *path, heed_error *err);
void heed_file_close(heed_file *file); /* an empty struct is allowed */

/** One piece of a file to write. */
typedef struct heed_bytes {
    const void *data;
    size_t size;
} heed_bytes;

/** Replaces the file at path by the pieces, one after the other. On failure the old file is untouched. */
heed_status heed_file_write(const char *path, const heed_bytes *pieces, size_t n_pieces, heed_error *err);

/** Removes temporary files that killed processes have left beside path while they replaced it. */
void heed_file_sweep(const char *path);

bool heed_file_exists(const char *path);
bool heed_file_is_folder(const char *path);
/** Makes the folder and its parents; an existing folder is fine. */
heed_status heed_folder_make(const char *path, heed_error *err);
/** fsync of a folder, so that renames inside it survive a power cut. */
heed_status heed_folder_sync(const char *path, heed_error *err);
/** "folder/name" in out; HEED_ERR_USAGE when it does not fit. */
heed_status heed_path_join(char *out, size_t size, const char *folder, const char *name, heed_error *err);

#endif
