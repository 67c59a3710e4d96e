/* SPDX-License-Identifier: MIT */
#include "cli/workbook_split.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/output.h"

/* --- files --- */

heed_status heed_cli_answers_read_file(const char *path, char **text, heed_error *err)
{
    const bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *in = standard ? stdin : fopen(path, "rb");
    size_t n = 0, capacity = 1 << 16;
    heed_status status = HEED_OK;

    *text = NULL;
    if (in == NULL)
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be opened: %s", path, strerror(errno));
    do {
        char *grown = *text == NULL || n + 1 == capacity ? realloc(*text, capacity *= 2) : *text;

        if (grown == NULL) {
            status = heed_cli_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", name);
            break;
        }
        *text = grown;
        n += fread(*text + n, 1, capacity - n - 1, in);
        if (n > HEED_CLI_ANSWER_BYTES)
            status = heed_cli_fail(err, HEED_ERR_FILE, "%.300s: expected answers of at most %zu MiB", name,
                                   HEED_CLI_ANSWER_BYTES >> 20);
        else if (ferror(in))
            status = heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be read: %s", name, strerror(errno));
        else if (memchr(*text, '\0', n) != NULL)
            status = heed_cli_fail(err, HEED_ERR_FILE, "%.300s: expected a text, it has a zero byte", name);
    } while (status == HEED_OK && !feof(in));
    if (!standard)
        fclose(in);
    if (status == HEED_OK)
        (*text)[n] = '\0';
    else {
        free(*text);
        *text = NULL;
    }
    return status;
}

/* A matrix of .npy as rows of text. */
static heed_status read_array(const char *path, const char *name, char **text, heed_error *err)
{
    heed_matrix m = {0};
    size_t n = 0;
    char at[1024];
    FILE *out;
    heed_status status;

    snprintf(at, sizeof at, "@%s", path);
    status = heed_matrix_read(name, at, &m, err);
    if (status != HEED_OK)
        return status;
    out = open_memstream(text, &n);
    for (int64_t i = 0; out != NULL && i < m.rows; i++) {
        for (int64_t j = 0; j < m.columns; j++)
            fprintf(out, "%s%.9g", j > 0 ? " " : "", (double)m.data[i * m.columns + j]);
        fputc('\n', out);
    }
    heed_matrix_free(&m);
    if (out == NULL || fclose(out) != 0)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory", path);
    return HEED_OK;
}

heed_status heed_cli_answers_read_value(const char *path, const char *name, char **text, heed_error *err)
{
    const size_t n = strlen(path);

    return n > 4 && strcmp(path + n - 4, ".npy") == 0 ? read_array(path, name, text, err)
                                                      : heed_cli_answers_read_file(path, text, err);
}

static heed_status read_part(heed_cli_answers *a, int i, const char *name, heed_error *err)
{
    const heed_status status = heed_cli_answers_read_value(a->of[i] + 1, name, &a->files[i], err);

    a->of[i] = a->files[i];
    return status;
}

/* --- cutting --- */

static bool is_name_sign(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Bytes up to behind the sign, where = stands after c, or : after a name that began its line; 0: neither. */
static size_t sign_at(const char *text, const char *at, const char *c)
{
    while (*c == ' ' || *c == '\t')
        c++;
    if ((*c == '=' && c[1] != '=') || (*c == ':' && (at == text || at[-1] == '\n')))
        return (size_t)(c - at) + 1;
    return 0;
}

/* The field whose name stands at `at` with a sign behind it; case counts only where it must. -1: none. *n: their bytes. */
static int field_at(const heed_posing *p, const char *text, const char *at, size_t *n)
{
    int found = -1;

    if (at > text && is_name_sign(at[-1]))
        return -1;
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const char *name = heed_posing_field_at(p, i)->name;
        const size_t length = strlen(name);
        const size_t with_sign = strncasecmp(name, at, length) == 0 ? sign_at(text, at, at + length) : 0;

        if (with_sign == 0 || (found >= 0 && strncmp(name, at, length) != 0))
            continue;
        found = i;
        *n = with_sign;
    }
    return found;
}

/* Bytes of anything that looks like a name with its sign. */
static size_t name_at(const char *text, const char *at)
{
    const char *c = at;

    if (!isalpha((unsigned char)*c))
        return 0;
    while (is_name_sign(*c))
        c++;
    return sign_at(text, at, c) > 0 ? (size_t)(c - at) : 0;
}

static heed_status unknown_name(const heed_posing *p, const char *at, size_t n, heed_error *err)
{
    heed_field names[HEED_CLI_MOST_FIELDS] = {{.name = NULL}};
    char name[64], all[256] = "";
    const char *near;

    snprintf(name, sizeof name, "%.*s", (int)n, at);
    for (int i = 0; i < heed_posing_n_fields(p) && i < HEED_CLI_MOST_FIELDS; i++) {
        names[i].name = heed_posing_field_at(p, i)->name;
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i > 0 ? ", " : "", names[i].name);
    }
    near = heed_field_nearest(names, heed_posing_n_fields(p), name);
    return heed_cli_fail(err, HEED_ERR_USAGE, "%s asks for no \"%s\"; %s%s%s", heed_posing_info(p)->id, name,
                         near != NULL ? "did you mean " : "expected ", near != NULL ? near : all,
                         near != NULL ? "?" : "");
}

static bool blank_until(const char *begin, const char *end)
{
    return begin + strspn(begin, " \t\r\n") >= end;
}

static heed_status needs_names(const heed_posing *p, heed_error *err)
{
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "%s asks for %d answers: expected each with its name, %s=... %s=...",
                         heed_posing_info(p)->id, heed_posing_n_fields(p), heed_posing_field_at(p, 0)->name,
                         heed_posing_field_at(p, 1)->name);
}

/* What stands from begin to end is the answer for the field; -1: for no field, so there must be nothing. */
static heed_status put(heed_cli_answers *a, const heed_posing *p, int field, char *begin, const char *end,
                       heed_error *err)
{
    if (blank_until(begin, end))
        return HEED_OK;
    if (field < 0)
        return needs_names(p, err);
    if (a->of[field] != NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected it once", heed_posing_field_at(p, field)->name);
    a->of[field] = begin;
    return HEED_OK;
}

/* The field that needs no name: the only one, free words apart. -1: there are more. */
static int nameless(const heed_posing *p)
{
    int found = -1;

    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        if (heed_posing_field_at(p, i)->free)
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

/* Does the name of a field end what stands before it? Not in one's own words, where it was answered already. */
static bool ends(const heed_cli_answers *a, const heed_posing *p, int field, int found)
{
    return field < 0 || !heed_posing_field_at(p, field)->free || (found != field && a->of[found] == NULL);
}

/* Every name with its sign ends the answer before it. */
static heed_status cut(heed_cli_answers *a, const heed_posing *p, heed_error *err)
{
    int field = nameless(p);
    char *begin = a->parts, *c = a->parts;
    heed_status status;

    while (*c != '\0') {
        size_t n = 0;
        int found = field_at(p, a->parts, c, &n);
        const size_t unknown = found < 0 && begin == a->parts && blank_until(begin, c) ? name_at(a->parts, c)
                                                                                       : 0;

        if (unknown > 0)
            return unknown_name(p, c, unknown, err);
        if (found >= 0 && !ends(a, p, field, found))
            found = -1;
        if (found >= 0) {
            status = put(a, p, field, begin, c, err);
            if (status != HEED_OK)
                return status;
            *c = '\0';
            field = found;
            begin = c + n;
        }
        c += found >= 0 ? n : 1;
    }
    return put(a, p, field, begin, c, err);
}

/* Blanks, and commas that stand between answers, are taken off the ends. */
static void trim(heed_cli_answers *a, int i, bool free)
{
    char *begin = a->parts + (a->of[i] - a->parts), *end;

    begin += strspn(begin, " \t\r\n");
    end = begin + strlen(begin);
    while (end > begin && strchr(free ? " \t\r\n" : " \t\r\n,;", end[-1]) != NULL)
        end--;
    *end = '\0';
    a->of[i] = *begin != '\0' ? begin : NULL;
}

heed_status heed_cli_answers_split(heed_cli_answers *a, const heed_posing *p, char *text, heed_error *err)
{
    const int n = heed_posing_n_fields(p);
    bool any = false;
    heed_status status;

    *a = (heed_cli_answers){.text = text, .parts = strdup(text)};
    if (a->parts == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
    if (n == 0 || n > HEED_CLI_MOST_FIELDS)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s asks for no answer", heed_posing_info(p)->id);
    status = cut(a, p, err);
    for (int i = 0; i < n && status == HEED_OK; i++) {
        if (a->of[i] != NULL)
            trim(a, i, heed_posing_field_at(p, i)->free);
        if (a->of[i] != NULL && a->of[i][0] == '@')
            status = read_part(a, i, heed_posing_field_at(p, i)->name, err);
        any = any || a->of[i] != NULL;
    }
    if (status == HEED_OK && !any)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected an answer, got nothing",
                               heed_posing_info(p)->id);
    return status;
}

void heed_cli_answers_free(heed_cli_answers *a)
{
    for (int i = 0; i < HEED_CLI_MOST_FIELDS; i++)
        free(a->files[i]);
    free(a->text);
    free(a->parts);
    *a = (heed_cli_answers){.text = NULL};
}
