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
/** Tells the system that only places here and there will be read, so that it fetches no megabytes around each; or not. */
void heed_file_expect_little(const heed_file *file, bool little);
/** Lets go of the pages inside of these bytes of a mapped file; where they are read again, the system fetches them again. */
void heed_file_let_go(const void *data, size_t size);
/** The same for every page of the file that may have come into memory because these bytes were read. */
void heed_file_let_go_around(const heed_file *file, const void *data, size_t size);

/** One piece of a file to write. */
typedef struct heed_bytes {
    const void *data;
    size_t size;
} heed_bytes;

/** Replaces the file at path by the pieces, one after the other. On failure the old file is untouched. */
heed_status heed_file_write(const char *path, const heed_bytes *pieces, size_t n_pieces, heed_error *err);

/* Where the bytes of a file that is being written go. */
typedef struct heed_file_sink heed_file_sink;
/** Adds bytes; false when they cannot be written, and then the writer is to give up with HEED_ERR_FILE. */
bool heed_file_put(heed_file_sink *sink, const void *data, size_t size);
/** Writes over the first bytes, which were put before: what is known only at the end, such as counts. */
bool heed_file_put_first(heed_file_sink *sink, const void *data, size_t size);
/** Bytes put so far. */
size_t heed_file_sink_bytes(const heed_file_sink *sink);

/** Puts a file's bytes into sink, as many at a time as it likes. */
typedef heed_status heed_file_fill_fn(void *context, heed_file_sink *sink, heed_error *err);
/** heed_file_write() for a file of total bytes that never lies in memory as a whole. */
heed_status heed_file_write_from(const char *path, size_t total, heed_file_fill_fn *fill, void *context,
                                 heed_error *err);

/** Is entry a temporary name "NAME.PID-N.tmp"? */
bool heed_file_is_temporary(const char *entry, const char *name);
/** The temporary name number attempt = 0, 1, … of this process for target, in out; false when it does not fit. */
bool heed_file_temporary_name(char *out, size_t size, const char *target, int attempt);
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
