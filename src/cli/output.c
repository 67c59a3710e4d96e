/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

heed_status heed_cli_fail(heed_error *err, heed_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

/* --- stdout --- */

static int output_error; /* the first errno of stdout */

/* Why an earlier write failed, whose errno is lost: the reader of a pipe has gone, or something else. */
static int reason_of_before(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0 ? EPIPE : EIO;
}

bool heed_cli_flush(void)
{
    errno = 0;
    if (output_error == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        output_error = errno != 0 ? errno : reason_of_before();
    return output_error == 0;
}

heed_status heed_cli_close_output(heed_error *err)
{
    if (heed_cli_flush() || output_error == EPIPE)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_FILE, "standard output cannot be written: %s", strerror(output_error));
}

/* --- the terminal --- */

int heed_cli_columns(FILE *out)
{
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");

    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col < 20 ? 20 : size.ws_col;
    if (columns != NULL && atoi(columns) >= 20 && atoi(columns) <= 1000)
        return atoi(columns);
    return 80;
}

bool heed_cli_is_terminal(FILE *out)
{
    const char *term = getenv("TERM");

    return isatty(fileno(out)) && (term == NULL || strcmp(term, "dumb") != 0);
}

heed_palette heed_cli_palette(FILE *out)
{
    const char *no_color = getenv("NO_COLOR"), *depth = getenv("COLORTERM");

    if (!heed_cli_is_terminal(out) || (no_color != NULL && no_color[0] != '\0'))
        return HEED_PALETTE_NONE;
    if (depth != NULL && (strcmp(depth, "truecolor") == 0 || strcmp(depth, "24bit") == 0))
        return HEED_PALETTE_TRUE;
    return HEED_PALETTE_16;
}

/* --- text --- */

int heed_cli_utf8(const char *text, size_t n, unsigned *code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned first = (unsigned char)text[0];
    const int size = first < 0x80   ? 1
                     : first < 0xc2 ? 0
                     : first < 0xe0 ? 2
                     : first < 0xf0 ? 3
                     : first < 0xf5 ? 4
                                    : 0;

    if (size <= 1) {
        *code = first;
        return size;
    }
    *code = first & (0x7fu >> size);
    for (int i = 1; i < size; i++) {
        if ((size_t)i == n)
            return -1;
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    return *code < least[size] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : size;
}

/* The longest beginning of a character, or one byte. */
size_t heed_cli_utf8_broken(const char *text, size_t n)
{
    size_t size = 1;
    unsigned code;

    while (size < n && size < 4 && heed_cli_utf8(text, size + 1, &code) < 0)
        size++;
    return heed_cli_utf8(text, size, &code) < 0 ? size : 1;
}

int heed_cli_characters(const char *text, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* Codes that steer a terminal, or turn the direction of the text around. */
static bool steers(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Writes the next character of text in its safe form to out (20 bytes); returns how many bytes of text it took. */
static size_t make_safe(const char *text, size_t n, bool lines, char *out)
{
    unsigned code = 0;
    const int size = heed_cli_utf8(text, n, &code);
    const size_t taken = size > 0 ? (size_t)size : 1;

    if (size > 0 && (!steers(code) || (lines && (code == '\n' || code == '\t')))) {
        memcpy(out, text, taken);
        out[taken] = '\0';
    } else if (code == '\n' && !lines) {
        memcpy(out, "\\n", 3);
    } else {
        for (size_t i = 0; i < taken; i++)
            snprintf(out + 4 * i, 5, "\\x%02X", (unsigned)(unsigned char)text[i]);
    }
    return taken;
}

void heed_cli_put_safe(FILE *out, const char *text, size_t n)
{
    char safe[20];

    for (size_t i = 0; i < n;) {
        i += make_safe(text + i, n - i, true, safe);
        fputs(safe, out);
    }
}

void heed_cli_put_text(FILE *out, const char *text, size_t n)
{
    char safe[20];
    unsigned code;

    for (size_t i = 0; i < n;) {
        if (heed_cli_utf8(text + i, n - i, &code) > 0) {
            i += make_safe(text + i, n - i, true, safe);
            fputs(safe, out);
        } else {
            i += heed_cli_utf8_broken(text + i, n - i);
            fputs("\xef\xbf\xbd", out);
        }
    }
}

const char *heed_cli_quote(char *out, size_t size, const char *text)
{
    const size_t n = strlen(text);
    size_t used = 0;
    char safe[20];

    out[0] = '\0';
    for (size_t i = 0; i < n;) {
        i += make_safe(text + i, n - i, false, safe);
        if (used + strlen(safe) + 4 > size) {
            memcpy(out + used, "...", 4);
            break;
        }
        memcpy(out + used, safe, strlen(safe) + 1);
        used += strlen(safe);
    }
    return out;
}

enum { INDENT = 4 };

/* Columns of the word at the start of text and its bytes, up to a space or the end. */
static int measure_word(const char *text, size_t n, size_t *bytes)
{
    for (*bytes = 0; *bytes < n && text[*bytes] != ' ' && text[*bytes] != '\n';)
        (*bytes)++;
    return heed_cli_characters(text, *bytes);
}

/* Wrapped to width; the first line is indented by `first`, others, and those after a newline, by INDENT. */
static void put_wrapped(FILE *out, const char *text, size_t n, int width, int first)
{
    int at = 0, spaces = 0; /* columns used in this line; spaces that the next word will need */
    int indent = first;

    for (size_t i = 0; i < n;) {
        size_t bytes = 1;
        if (text[i] == '\n' || text[i] == ' ') {
            spaces = text[i] == ' ' ? spaces + 1 : 0;
            if (text[i] == '\n') {
                fputc('\n', out);
                at = 0;
                indent = INDENT;
            }
        } else {
            const int word = measure_word(text + i, n - i, &bytes);
            if (at > 0 && at + spaces + word > width + INDENT - indent) {
                fputc('\n', out);
                at = spaces = 0;
                indent = INDENT;
            }
            fprintf(out, "%*s", spaces + (at == 0 ? indent : 0), "");
            heed_cli_put_safe(out, text + i, bytes);
            at += spaces + word;
            spaces = 0;
        }
        i += bytes;
    }
    if (at > 0)
        fputc('\n', out);
}

void heed_cli_put_paragraph(FILE *out, const char *text, size_t n, int columns)
{
    put_wrapped(out, text, n, columns - INDENT - 1, INDENT);
}

void heed_cli_put_sentence(FILE *out, const char *text)
{
    put_wrapped(out, text, strlen(text), heed_cli_columns(out) - INDENT - 1, 0);
}

/* --- numbers --- */

double heed_cli_unsigned_nan(double x)
{
    return isnan(x) ? NAN : x;
}

const char *heed_cli_grouped(char *out, double n)
{
    char digits[32];
    size_t used = 0;
    const size_t size = (size_t)snprintf(digits, sizeof digits, "%.0f", n < 1e18 ? n : 1e18);

    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

const char *heed_cli_scaled(char *out, double n)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    int i = 0;

    while (n >= 999.5 && i < 6) {
        n /= 1000.0;
        i++;
    }
    snprintf(out, 32, "%.*f %s", i == 0 ? 0 : n < 9.995 ? 2 : n < 99.95 ? 1 : 0, n, prefixes[i]);
    return out;
}

const char *heed_cli_bytes(char *out, double bytes)
{
    heed_cli_scaled(out, bytes);
    strcat(out, bytes < 999.5 ? "bytes" : "B");
    return out;
}

const char *heed_cli_duration(char *out, double s)
{
    const long long t = isfinite(s) && s < 1e9 ? (long long)(s + 0.5) : 0;

    if (t < 3600)
        snprintf(out, 32, "%lld:%02lld", t / 60, t % 60);
    else
        snprintf(out, 32, "%lld:%02lld:%02lld", t / 3600, t / 60 % 60, t % 60);
    return out;
}

double heed_cli_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
