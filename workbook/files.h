/* SPDX-License-Identifier: MIT */
/* Reads what is in inputs/ and writes what is to be in outputs/. Whatever goes wrong is said, and ends the program. */
#ifndef FILES_H
#define FILES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HEED_HEED_H
typedef float number; /* of libheed's arrays */
#else
typedef double number;
#endif

static inline void files_fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

static inline FILE *files_open(const char *folder, const char *name, const char *mode, char path[200])
{
    FILE *file;

    snprintf(path, 200, "%s/%.100s.txt", folder, name);
    file = fopen(path, mode);
    if (file == NULL)
        files_fail(path, "cannot be opened");
    return file;
}

static inline void files_close(FILE *file, const char *path)
{
    if (fclose(file) != 0)
        files_fail(path, "cannot be written");
}

/* --- inputs --- */

/* Past blanks, and lines that begin with #. */
static inline void files_skip(FILE *in)
{
    int c;

    while ((c = fgetc(in)) == ' ' || c == '\n' || c == '#') {
        while (c == '#' && (c = fgetc(in)) != '\n' && c != EOF)
            c = '#';
    }
    ungetc(c, in);
}

/* n numbers, row after row. */
static inline void read_numbers(const char *name, int n, number *out)
{
    char path[200];
    FILE *in = files_open("inputs", name, "r", path);
    double x;

    for (int i = 0; i < n; i++) {
        files_skip(in);
        if (fscanf(in, "%lf", &x) != 1)
            files_fail(path, "it has fewer numbers");
        out[i] = (number)x;
    }
    files_close(in, path);
}

static inline number read_number(const char *name)
{
    number x = 0;

    read_numbers(name, 1, &x);
    return x;
}

static inline void read_integers(const char *name, int n, int *out)
{
    number *x = malloc(((size_t)n + 1) * sizeof *x);

    if (x == NULL)
        files_fail(name, "not enough memory");
    read_numbers(name, n, x);
    for (int i = 0; i < n; i++)
        out[i] = (int)x[i];
    free(x);
}

static inline void read_text(const char *name, size_t size, char *out)
{
    char path[200];
    FILE *in = files_open("inputs", name, "r", path);

    out[fread(out, 1, size - 1, in)] = '\0';
    files_close(in, path);
}

/* --- outputs --- */

/* n numbers that are none, so that nobody takes what was not computed for an answer. */
static inline void nothing_yet(int n, number *x)
{
    for (int i = 0; i < n; i++)
        x[i] = NAN;
}

/* An array of n_axes sizes: the last axis on a line; more than two axes behind a line that says the sizes. */
static inline void write_numbers(const char *name, int n_axes, const int *sizes, const number *x)
{
    char path[200];
    FILE *out = files_open("outputs", name, "w", path);
    long n = 1;

    if (n_axes > 2)
        fprintf(out, "# shape");
    for (int i = 0; i < n_axes; i++) {
        n *= sizes[i];
        if (n_axes > 2)
            fprintf(out, " %d%s", sizes[i], i + 1 < n_axes ? "" : "\n");
    }
    for (long i = 0; i < n; i++)
        fprintf(out, "%.17g%c", (double)x[i], (i + 1) % sizes[n_axes - 1] != 0 ? ' ' : '\n');
    files_close(out, path);
}

static inline void write_number(const char *name, number x)
{
    write_numbers(name, 1, (const int[]){1}, &x);
}

static inline void write_text(const char *name, const char *text)
{
    char path[200];
    FILE *out = files_open("outputs", name, "w", path);

    fprintf(out, "%s\n", text);
    files_close(out, path);
}

#endif
