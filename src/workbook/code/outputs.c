/* SPDX-License-Identifier: MIT */
/*
 * Outputs of a learner's program. Nothing in these files is trusted: they are opened without following links and without
 * waiting (for a pipe nobody writes to), they have at most so many bytes, and those are anything.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECTORY, O_NOFOLLOW */
#endif
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/npy.h"
#include "workbook/code/code.h"
#include "workbook/read_answer.h"

#define MOST_NUMBERS (1 << 20) /* of an array, each of which takes some thirty bytes as a value */

/* --- bytes --- */

int heed_code_open_folder(const char *folder, const char *name)
{
    const int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int inside = at >= 0 ? openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    const int reason = errno;

    if (at >= 0)
        close(at);
    errno = reason;
    return inside;
}

static heed_status cannot(const char *file, const char *what, heed_error *err)
{
    return heed_fail(err, HEED_ERR_FILE, "outputs/%s: %s", file, what);
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode) ? "expected a file, got a folder"
                         : "expected a file, got something else (a pipe or a device)";
}

/* At most size bytes, whatever the file becomes meanwhile; -1: an error. */
static ssize_t read_bytes(int fd, char *out, size_t size)
{
    size_t n = 0;

    while (n < size) {
        const ssize_t got = read(fd, out + n, size - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* *bytes is allocated, ends with a zero that *n does not count, and is NULL where there is no such file. */
static heed_status read_file(int folder, const char *file, char **bytes, size_t *n, heed_error *err)
{
    const int fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    heed_status status = HEED_OK;
    ssize_t got;

    *bytes = NULL;
    if (fd < 0 && errno == ENOENT)
        return HEED_OK;
    if (fd < 0)
        return cannot(file, errno == ELOOP ? "expected a file, got a link" : strerror(errno), err);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        status = cannot(file, kind_of(info.st_mode), err);
    else if (info.st_size > (off_t)HEED_CODE_MOST_BYTES)
        status = heed_fail(err, HEED_ERR_FILE, "outputs/%s: expected at most %zu MiB, it has %lld bytes", file,
                           HEED_CODE_MOST_BYTES >> 20, (long long)info.st_size);
    else if ((*bytes = malloc((size_t)info.st_size + 1)) == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "outputs/%s: not enough memory", file);
    else if ((got = read_bytes(fd, *bytes, (size_t)info.st_size)) < 0)
        status = cannot(file, "cannot be read", err);
    else {
        *n = (size_t)got;
        (*bytes)[got] = '\0';
    }
    close(fd);
    if (status != HEED_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

/* --- arrays --- */

/* The numbers x as lists of these sizes; x goes on behind them. */
static json_t *nest(const double **x, const int64_t *size, int rank)
{
    json_t *list;

    if (rank == 0)
        return heed_json_of_double(*(*x)++);
    list = json_array();
    for (int64_t i = 0; i < size[0]; i++)
        json_array_append_new(list, nest(x, size + 1, rank - 1));
    return list;
}

/* A list may be a row or a column, and a number may stand alone in any array. */
static json_t *as_asked(const heed_field_spec *f, const double *x, const int64_t *size, int rank, int64_t count)
{
    if (f->kind == HEED_ANSWER_NUMBER && count == 1)
        return heed_json_of_double(x[0]);
    if (f->kind == HEED_ANSWER_TRUTH && count == 1)
        return json_boolean(x[0] != 0.0);
    if (f->kind == HEED_ANSWER_LIST && (f->flags & HEED_ASKED_FLAT) == 0 && rank == 2 &&
        (size[0] == 1 || size[1] == 1))
        return nest(&x, &count, 1);
    return nest(&x, size, rank);
}

static heed_status read_npy(const heed_field_spec *f, const char *file, const char *bytes, size_t n,
                            json_t **value, heed_error *err)
{
    heed_npy a;
    char where[160];
    double *x;
    heed_status status;

    snprintf(where, sizeof where, "outputs/%s", file);
    status = heed_npy_parse(bytes, n, where, &a, err);
    if (status != HEED_OK)
        return status;
    if (a.count == 0)
        return cannot(file, "expected numbers, the array is empty", err);
    if (a.count > MOST_NUMBERS)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected at most %d numbers, it has %lld", where,
                         MOST_NUMBERS, (long long)a.count);
    x = malloc((size_t)a.count * sizeof *x);
    if (x == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", where);
    for (int64_t i = 0; i < a.count; i++)
        x[i] = heed_npy_number(&a, i);
    *value = as_asked(f, x, a.size, a.rank, a.count);
    free(x);
    return HEED_OK;
}

/* --- text --- */

/* What the bytes are none of: "byte 7 is 0". UTF-8 it is, with what a text may hold. */
static heed_status check_text(const char *file, const char *bytes, size_t n, heed_error *err)
{
    size_t step;

    if (n > HEED_ANSWER_MOST_BYTES)
        return heed_fail(err, HEED_ERR_FILE, "outputs/%s: expected at most %d bytes of text, it has %zu", file,
                         HEED_ANSWER_MOST_BYTES, n);
    for (size_t i = 0; i < n; i += step) {
        const unsigned char c = (unsigned char)bytes[i];
        uint32_t code = 0;

        step = heed_utf8_decode(bytes + i, n - i, &code);
        if (step == 0 || (c < ' ' && strchr("\t\n\v\f\r", c) == NULL) || c == 0)
            return heed_fail(err, HEED_ERR_FILE,
                             "outputs/%s: expected a text (or a .npy file of that name), byte %zu is 0x%02X",
                             file, i + 1, c);
    }
    return HEED_OK;
}

/* "# shape 2 3 4" or "shape: 2, 3, 4" at the beginning of text: its rank, 0: there is none. */
static int read_shape(const char *text, int64_t size[HEED_CODE_MOST_RANK], int64_t *count)
{
    const char *at = text + strspn(text, "# \t");
    int rank = 0;

    *count = 1;
    if (strncmp(at, "shape", 5) != 0)
        return 0;
    for (at += 5; *at != '\0' && *at != '\n';) {
        char *end;

        at += strspn(at, " \t\r:,()[]=");
        if (!isdigit((unsigned char)*at))
            break;
        if (rank == HEED_CODE_MOST_RANK)
            return 0;
        size[rank] = strtoll(at, &end, 10);
        if (size[rank] < 1 || size[rank] > MOST_NUMBERS || *count > MOST_NUMBERS / size[rank])
            return 0;
        *count *= size[rank++];
        at = end;
    }
    return *at == '\n' || *at == '\0' ? rank : 0;
}

/* In place: lines that begin with # are blank, and so is one that says the shape. */
static void drop_comments(char *text)
{
    for (char *line = text; *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        const char *first = line + strspn(line, " \t");

        if (*first == '#' || strncmp(first, "shape", 5) == 0)
            memset(line, ' ', n);
        line += n + (line[n] == '\n');
    }
}

/* Rows of numbers, whose line "# shape" says what they are. */
static heed_status read_tensor(const heed_field_spec *f, char *text, json_t **value, heed_error *err)
{
    const heed_field_spec flat = {f->name, HEED_ANSWER_LIST, HEED_EXACT, 0};
    heed_code_array a;
    int64_t size[HEED_CODE_MOST_RANK], count;
    const int rank = read_shape(text, size, &count);
    json_t *numbers = NULL;
    double *x;
    heed_status status;

    if (rank == 0 && text[strspn(text, " \t\r\n")] == '[')
        return heed_answer_read(f, false, text, value, err);
    if (rank == 0)
        return heed_fail(
            err, HEED_ERR_FILE,
            "expected \"# shape\" with the sizes of its axes on the first line, and rows of numbers");
    drop_comments(text);
    if (text[strspn(text, " \t\r\n")] == '\0')
        return heed_fail(err, HEED_ERR_FILE, "expected rows of numbers behind their shape");
    status = heed_answer_read(&flat, false, text, &numbers, err);
    if (status != HEED_OK)
        return status;
    if (!heed_code_array_of(numbers, &a) || a.count != count || (x = malloc((size_t)count * sizeof *x)) == NULL)
        status = heed_fail(err, HEED_ERR_FILE, "its shape has %lld numbers, the file has %zu", (long long)count,
                           json_array_size(numbers));
    else {
        heed_code_numbers(numbers, x);
        *value = as_asked(f, x, size, rank, count);
        free(x);
    }
    json_decref(numbers);
    return status;
}

static char *trim(char *text)
{
    size_t n;

    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n");
    for (n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL;)
        n--;
    text[n] = '\0';
    return text;
}

static heed_status read_text(const heed_field_spec *f, const json_t *expected, const char *file, char *bytes,
                             size_t n, json_t **value, heed_error *err)
{
    const bool words = (f->flags & HEED_ASKED_TEXTS) != 0 || json_is_string(json_array_get(expected, 0));
    const bool numbers = f->kind != HEED_ANSWER_TEXT && !words;
    heed_error own = {HEED_OK, ""};
    heed_status status = check_text(file, bytes, n, err);
    char *text;

    if (status != HEED_OK)
        return status;
    if (numbers && f->kind != HEED_ANSWER_TENSOR)
        drop_comments(bytes);
    text = f->flags & HEED_ASKED_LITERAL ? bytes : trim(bytes);
    if (*text == '\0')
        return cannot(file, "expected an answer, the file is empty", err);
    status = f->kind == HEED_ANSWER_TENSOR ? read_tensor(f, text, value, &own)
                                           : heed_answer_read(f, words, text, value, &own);
    return status == HEED_OK ? status
                             : heed_fail(err, status == HEED_ERR_MEMORY ? status : HEED_ERR_FILE,
                                         "outputs/%s: %s", file, own.message);
}

/* --- an output --- */

heed_status heed_code_read_output(int folder, const heed_field_spec *f, const json_t *expected, json_t **value,
                                  heed_error *err)
{
    char text_file[128], npy_file[128], *text = NULL, *npy = NULL;
    size_t n_text = 0, n_npy = 0;
    heed_status status;

    *value = NULL;
    snprintf(text_file, sizeof text_file, "%.100s.txt", f->name);
    snprintf(npy_file, sizeof npy_file, "%.100s.npy", f->name);
    status = read_file(folder, text_file, &text, &n_text, err);
    if (status == HEED_OK)
        status = read_file(folder, npy_file, &npy, &n_npy, err);
    if (status == HEED_OK && text != NULL && npy != NULL)
        status = heed_fail(err, HEED_ERR_FILE, "outputs/%s and outputs/%s: expected one of them", text_file,
                           npy_file);
    else if (status == HEED_OK && npy != NULL)
        status = read_npy(f, npy_file, npy, n_npy, value, err);
    else if (status == HEED_OK && text != NULL)
        status = read_text(f, expected, text_file, text, n_text, value, err);
    free(text);
    free(npy);
    return status;
}
