/* SPDX-License-Identifier: MIT */
/*
 * A file of any length that a command writes. It has its name only once it is whole.
 *
 *     heed_cli_out out;
 *     status = heed_cli_out_open(&out, "ids.bin", force, err);
 *     status = heed_cli_out_put(&out, bytes, n, err);                      as often as there is something
 *     status = heed_cli_out_close(&out, status, err);                      anything but HEED_OK drops it
 *
 * Where the system can, the file has no name while it is written, so a process that is killed leaves nothing.
 */
#ifndef HEED_CLI_OUT_FILE_H
#define HEED_CLI_OUT_FILE_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct heed_cli_out {
    const char *path; /* the caller's */
    int fd;
    bool force;
    char name[4096]; /* of the file meanwhile; empty: it has none */
    char *buffer;
    size_t n;
} heed_cli_out;

/** HEED_ERR_USAGE: there is such a file, unless force; HEED_ERR_FILE: it cannot be made. */
heed_status heed_cli_out_open(heed_cli_out *out, const char *path, bool force, heed_error *err);
/** The same check alone, for a file that somebody else writes. */
heed_status heed_cli_out_check(const char *path, bool force, heed_error *err);
heed_status heed_cli_out_put(heed_cli_out *out, const void *bytes, size_t n, heed_error *err);
/** With HEED_OK: on the disk, under its name. Otherwise the file vanishes, and the status is given back. */
heed_status heed_cli_out_close(heed_cli_out *out, heed_status status, heed_error *err);

#endif
