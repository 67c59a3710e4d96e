/* SPDX-License-Identifier: MIT */
#ifndef HEED_CLI_READ_TEXT_H
#define HEED_CLI_READ_TEXT_H

#include <heed/status.h>
#include <stdio.h>

/** All bytes of an open file, 1 GiB at most, named in messages; *text is allocated and ends with a NUL that *n does not count. */
heed_status heed_cli_read_all(FILE *in, const char *name, char **text, size_t *n, heed_error *err);
/** The same for the file at path. */
heed_status heed_cli_read_file(const char *path, char **text, size_t *n, heed_error *err);

#endif
