/* SPDX-License-Identifier: MIT */
/*
 * Printing JSON for --json: one object, on one line.
 *
 *     heed_cli_json json = {.out = stdout};
 *     heed_cli_json_open(&json, NULL, '{');
 *     heed_cli_json_number(&json, "loss", 1.5);
 *     heed_cli_json_close(&json, '}');
 *
 * Keys are NULL inside lists. Numbers that are not finite become null, bytes that are not UTF-8 U+FFFD.
 */
#ifndef HEED_CLI_JSON_OUT_H
#define HEED_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct heed_cli_json {
    FILE *out;
    int depth;
    bool comma; /* something stands before on this level */
} heed_cli_json;

/** bracket is '{' or '['. */
void heed_cli_json_open(heed_cli_json *json, const char *key, char bracket);
/** A newline follows the last one. */
void heed_cli_json_close(heed_cli_json *json, char bracket);
void heed_cli_json_number(heed_cli_json *json, const char *key, double value);
void heed_cli_json_integer(heed_cli_json *json, const char *key, int64_t value);
void heed_cli_json_bool(heed_cli_json *json, const char *key, bool value);
void heed_cli_json_text(heed_cli_json *json, const char *key, const char *text);
/** A value that is JSON already. */
void heed_cli_json_raw(heed_cli_json *json, const char *key, const char *value);
void heed_cli_json_bytes(heed_cli_json *json, const char *key, const char *text, size_t n);

#endif
