/* SPDX-License-Identifier: MIT */
/* The folder of a code exercise, written. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECTORY */
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "formats/json.h"
#include "workbook/book.h"
#include "workbook/code/code.h"

static const char *const language_names[HEED_CODE_N_LANGUAGES] = {"c", "libheed", "python", "none"};
static const char *const format_names[HEED_CODE_N_FORMATS] = {"text", "npy"};
static const char *const subfolders[] = {"inputs", "outputs", "build"};

const char *heed_code_language_name(heed_code_language language)
{
    return language_names[language];
}

const char *heed_code_format_name(heed_code_format format)
{
    return format_names[format];
}

const char *heed_code_file_of(heed_code_language language)
{
    static const char *const files[HEED_CODE_N_LANGUAGES] = {"solution.c", "solution.c", "solution.py", ""};

    return files[language];
}

/* --- which exercises --- */

heed_status heed_code_possible(const heed_posing *p, heed_error *err)
{
    const char *id = p->part->info.id, *name;
    json_t *value;

    if (p->open)
        return heed_fail(err, HEED_ERR_USAGE, "%s asks for a prediction, which no program makes", id);
    if (heed_posing_n_options(p) > 0)
        return heed_fail(err, HEED_ERR_USAGE, "%s asks to choose an answer, which no program does", id);
    json_object_foreach(p->params, name, value)
    {
        heed_text_buffer bytes = {0};
        char file[128];
        const bool fits = heed_code_input(name, value, HEED_CODE_TEXT, file, &bytes);

        heed_text_free(&bytes);
        if (!fits)
            return heed_fail(err, HEED_ERR_USAGE, "%s: its parameter \"%s\" is no array, and no file holds it",
                             id, name);
    }
    return HEED_OK;
}

/* --- files --- */

/* What was written, so that it can be taken away. */
typedef struct writing {
    const char *folder;
    int at; /* the folder, opened */
    bool made;
    char written[64][160];
    int n_written;
} writing;

static heed_status cannot(const writing *w, const char *name, heed_error *err)
{
    const int reason = errno;
    char shown[256];

    heed_quote(shown, sizeof shown, w->folder, strlen(w->folder));
    return heed_fail(err, HEED_ERR_FILE, "%s%s%s: cannot be made: %s", shown, name[0] != '\0' ? "/" : "", name,
                     strerror(reason));
}

static heed_status put_file(writing *w, const char *name, const heed_text_buffer *bytes, heed_error *err)
{
    size_t n = 0;
    int fd;

    if (bytes->failed)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory", name);
    fd = openat(w->at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot(w, name, err);
    if (w->n_written < 64)
        snprintf(w->written[w->n_written++], sizeof w->written[0], "%s", name);
    while (n < bytes->size) {
        const ssize_t put = write(fd, bytes->data + n, bytes->size - n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            break;
        n += (size_t)put;
    }
    if (n < bytes->size || fsync(fd) != 0) {
        const heed_status status = cannot(w, name, err);
        close(fd);
        return status;
    }
    return close(fd) == 0 ? HEED_OK : cannot(w, name, err);
}

static void take_away(writing *w)
{
    for (int i = 0; i < w->n_written; i++)
        unlinkat(w->at, w->written[i], 0);
    for (size_t i = 0; i < sizeof subfolders / sizeof subfolders[0]; i++)
        unlinkat(w->at, subfolders[i], AT_REMOVEDIR);
    if (w->made)
        rmdir(w->folder);
}

/* --- what is in them --- */

static heed_status put_inputs(writing *w, const heed_posing *p, heed_code_format format, heed_error *err)
{
    heed_status status = HEED_OK;
    const char *name;
    json_t *value;

    json_object_foreach(p->params, name, value)
    {
        heed_text_buffer bytes = {0};
        char file[128], path[160];

        heed_code_input(name, value, format, file, &bytes);
        snprintf(path, sizeof path, "inputs/%s", file);
        status = put_file(w, path, &bytes, err);
        heed_text_free(&bytes);
        if (status != HEED_OK)
            break;
    }
    return status;
}

static heed_status put_description(writing *w, const heed_posing *p, heed_code_language language,
                                   heed_code_format format, heed_error *err)
{
    json_t *all = json_pack("{s:i, s:s, s:I, s:O, s:s, s:s}", "heed_code_exercise", 1, "id", p->part->info.id,
                            "variant", (json_int_t)p->variant, "params", p->params, "language",
                            heed_code_language_name(language), "as", heed_code_format_name(format));
    heed_text_buffer text = {0};
    heed_status status = HEED_ERR_MEMORY;

    if (all != NULL)
        status = heed_json_format(all, 0, &text, err);
    heed_text_puts(&text, "\n");
    if (status == HEED_OK)
        status = put_file(w, "exercise.json", &text, err);
    json_decref(all);
    heed_text_free(&text);
    return status;
}

typedef void write_fn(const heed_posing *p, heed_code_language language, heed_code_format format,
                      heed_text_buffer *out);

static heed_status put_made(writing *w, const char *name, write_fn *write, const heed_posing *p,
                            heed_code_language language, heed_code_format format, heed_error *err)
{
    heed_text_buffer text = {0};
    heed_status status;

    write(p, language, format, &text);
    status = put_file(w, name, &text, err);
    heed_text_free(&text);
    return status;
}

static void write_files_h(const heed_posing *p, heed_code_language language, heed_code_format format,
                          heed_text_buffer *out)
{
    (void)p;
    (void)language;
    (void)format;
    heed_text_puts(out, heed_code_files_h);
}

/* p: what posing asks a program for. */
static heed_status put_all(writing *w, const heed_posing *posing, const heed_posing *p,
                           heed_code_language language, heed_code_format format, heed_error *err)
{
    const char *file = heed_code_file_of(language);
    heed_status status = put_inputs(w, p, format, err);

    if (status == HEED_OK)
        status = put_made(w, "README.md", heed_code_write_readme, p, language, format, err);
    if (status == HEED_OK && file[0] != '\0')
        status = put_made(w, file, heed_code_write_solution, p, language, format, err);
    if (status == HEED_OK && (language == HEED_CODE_C || language == HEED_CODE_LIBHEED))
        status = put_made(w, "files.h", write_files_h, p, language, format, err);
    return status == HEED_OK ? put_description(w, posing, language, format, err) : status;
}

/* --- the folder --- */

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool empty = folder != NULL;

    while (empty && (entry = readdir(folder)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (folder != NULL)
        closedir(folder);
    return empty;
}

static heed_status make_folders(writing *w, heed_error *err)
{
    char shown[256];

    w->made = mkdir(w->folder, 0777) == 0;
    if (!w->made && errno != EEXIST)
        return cannot(w, "", err);
    if (!w->made && !is_empty(w->folder))
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s: expected a folder that is not there yet, or is empty; nothing is written over",
                         heed_quote(shown, sizeof shown, w->folder, strlen(w->folder)));
    w->at = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; w->at >= 0 && i < sizeof subfolders / sizeof subfolders[0]; i++) {
        if (mkdirat(w->at, subfolders[i], 0777) != 0)
            return cannot(w, subfolders[i], err);
    }
    return w->at >= 0 ? HEED_OK : cannot(w, "", err);
}

heed_status heed_code_start(const heed_posing *p, const char *folder, heed_code_language language,
                            heed_code_format format, heed_error *err)
{
    writing w = {.folder = folder, .at = -1};
    heed_posing *program = NULL;
    heed_status status = heed_code_possible(p, err);

    if (status == HEED_OK && format == HEED_CODE_NPY &&
        (language == HEED_CODE_C || language == HEED_CODE_LIBHEED))
        status = heed_fail(err, HEED_ERR_USAGE,
                           "as: a file to begin with in C reads text; .npy is for \"python\" and \"none\"");
    if (status == HEED_OK)
        status = heed_posing_program(p, &program, err);
    if (status != HEED_OK)
        return status;
    status = make_folders(&w, err);
    if (status == HEED_OK)
        status = put_all(&w, p, program != NULL ? program : p, language, format, err);
    if (status != HEED_OK && w.at >= 0)
        take_away(&w);
    else if (status != HEED_OK && w.made)
        rmdir(folder);
    if (w.at >= 0)
        close(w.at);
    heed_posing_destroy(program);
    return status;
}
