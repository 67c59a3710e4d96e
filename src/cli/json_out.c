/* SPDX-License-Identifier: MIT */
#include "cli/json_out.h"

#include <math.h>
#include <string.h>

#include "cli/output.h"

static void put_string(FILE *out, const char *text, size_t n)
{
    unsigned code = 0;

    fputc('"', out);
    for (size_t i = 0; i < n;) {
        const int size = heed_cli_utf8(text + i, n - i, &code);
        if (size <= 0)
            fputs("\\ufffd", out);
        else if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (int)code);
        else if (code == '\n')
            fputs("\\n", out);
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
            fprintf(out, "\\u%04x", code);
        else
            fwrite(text + i, 1, (size_t)size, out);
        i += size > 0 ? (size_t)size : heed_cli_utf8_broken(text + i, n - i);
    }
    fputc('"', out);
}

static void begin(heed_cli_json *json, const char *key)
{
    if (json->comma)
        fputs(", ", json->out);
    json->comma = true;
    if (key != NULL) {
        put_string(json->out, key, strlen(key));
        fputs(": ", json->out);
    }
}

void heed_cli_json_open(heed_cli_json *json, const char *key, char bracket)
{
    begin(json, key);
    fputc(bracket, json->out);
    json->comma = false;
    json->depth++;
}

void heed_cli_json_close(heed_cli_json *json, char bracket)
{
    fputc(bracket, json->out);
    json->comma = true;
    if (--json->depth == 0)
        fputc('\n', json->out);
}

void heed_cli_json_number(heed_cli_json *json, const char *key, double value)
{
    begin(json, key);
    if (isfinite(value))
        fprintf(json->out, "%.9g", value);
    else
        fputs("null", json->out);
}

void heed_cli_json_integer(heed_cli_json *json, const char *key, int64_t value)
{
    begin(json, key);
    fprintf(json->out, "%lld", (long long)value);
}

void heed_cli_json_bool(heed_cli_json *json, const char *key, bool value)
{
    begin(json, key);
    fputs(value ? "true" : "false", json->out);
}

void heed_cli_json_text(heed_cli_json *json, const char *key, const char *text)
{
    heed_cli_json_bytes(json, key, text, strlen(text));
}

void heed_cli_json_bytes(heed_cli_json *json, const char *key, const char *text, size_t n)
{
    begin(json, key);
    put_string(json->out, text, n);
}

void heed_cli_json_raw(heed_cli_json *json, const char *key, const char *value)
{
    begin(json, key);
    fputs(value, json->out);
}
