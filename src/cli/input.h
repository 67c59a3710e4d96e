/* SPDX-License-Identifier: MIT */
/* Bytes that a command reads one after the other: a file, standard input, or a text from the line. */
#ifndef HEED_CLI_INPUT_H
#define HEED_CLI_INPUT_H

#include <heed/status.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heed_cli_input {
    const char *name; /* for messages */
    int fd;           /* -1: the text */
    const char *text;
    size_t n_left;   /* of the text */
    int64_t n_bytes; /* read so far */
} heed_cli_input;

/** The file at path; "-" is standard input. HEED_ERR_FILE: it cannot be opened. */
heed_status heed_cli_input_open(heed_cli_input *input, const char *path, heed_error *err);
/** A text that is there already; lent. */
heed_cli_input heed_cli_input_text(const char *text, size_t n);
void heed_cli_input_close(heed_cli_input *input);
/** A heed_text_source over a heed_cli_input. */
heed_status heed_cli_input_read(void *input, char *buffer, size_t capacity, size_t *n, heed_error *err);

#endif
