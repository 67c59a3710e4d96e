/* SPDX-License-Identifier: MIT */
/* The folder of a code exercise, found again by its exercise.json. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "workbook/book.h"
#include "workbook/code/code.h"

#define FORMAT 1

/* By the variant that is named, if the numbers are still its own; else by the numbers. */
static heed_status pose(const heed_workbook *book, const char *id, int64_t variant, const json_t *params,
                        heed_posing **posing, heed_error *err)
{
    char *text;
    heed_status status;

    if (variant >= 0 && heed_workbook_pose(book, id, variant, posing, NULL) == HEED_OK) {
        if (json_equal((*posing)->params, params))
            return HEED_OK;
        heed_posing_destroy(*posing);
        *posing = NULL;
    }
    text = json_dumps(params, JSON_COMPACT);
    status = text != NULL ? heed_workbook_pose_with(book, id, text, posing, err)
                          : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an exercise");
    free(text);
    return status;
}

static heed_status read_description(const heed_workbook *book, const json_t *root, const char *where,
                                    heed_code_folder *f, heed_error *err)
{
    static const char *const languages[] = {"c", "libheed", "python", "none"}, *const formats[] = {"text",
                                                                                                   "npy"};
    heed_json_reader r = heed_json_read(root, where, err);
    heed_error own = {HEED_OK, ""};
    const json_t *params = json_object_get(root, "params");
    const char *id;
    int64_t variant;
    heed_status status;

    heed_json_require(&r, "heed_code_exercise");
    heed_json_int(&r, "heed_code_exercise", FORMAT, FORMAT, FORMAT);
    heed_json_require(&r, "id");
    id = heed_json_string(&r, "id", "");
    variant = heed_json_int(&r, "variant", -1, -1, INT64_MAX);
    f->language = (heed_code_language)heed_json_choice(&r, "language", languages, HEED_CODE_N_LANGUAGES, 0);
    f->format = (heed_code_format)heed_json_choice(&r, "as", formats, HEED_CODE_N_FORMATS, 0);
    if (r.status != HEED_OK)
        return r.status;
    if (!json_is_object(params))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected an object \"params\"", where);
    status = pose(book, id, variant, params, &f->posing, &own);
    if (status == HEED_OK)
        status = heed_code_possible(f->posing, &own);
    if (status == HEED_OK)
        status = heed_posing_program(f->posing, &f->program, &own);
    f->asked = f->program != NULL ? f->program : f->posing;
    if (status != HEED_OK)
        return heed_fail(err, status == HEED_ERR_MEMORY ? status : HEED_ERR_FILE, "%s: %s", where, own.message);
    return HEED_OK;
}

heed_status heed_code_open(const heed_workbook *book, const char *path, heed_code_folder **folder,
                           heed_error *err)
{
    heed_code_folder *f = calloc(1, sizeof *f);
    char name[HEED_CODE_PATH], shown[256], *real;
    json_t *root = NULL;
    heed_status status;

    *folder = NULL;
    if (f == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for an exercise");
    heed_quote(shown, sizeof shown, path, strlen(path));
    real = realpath(path, NULL);
    if (real == NULL || strlen(real) + 32 > sizeof f->path)
        status = heed_fail(err, HEED_ERR_FILE, "%s: cannot be opened: %s", shown,
                           strerror(real == NULL ? errno : ENAMETOOLONG));
    else {
        strcpy(f->path, real);
        status = heed_path_join(name, sizeof name, f->path, "exercise.json", err);
    }
    free(real);
    if (status == HEED_OK && !heed_file_exists(name))
        status = heed_fail(err, HEED_ERR_FILE,
                           "%s: no exercise.json is there: expected a folder of \"heed workbook start\"",
                           shown);
    if (status == HEED_OK)
        status = heed_json_load(name, HEED_JSON_CONFIG_BYTES, &root, err);
    if (status == HEED_OK)
        status = read_description(book, root, "exercise.json", f, err);
    json_decref(root);
    if (status != HEED_OK) {
        heed_code_close(f);
        return status;
    }
    *folder = f;
    return HEED_OK;
}

void heed_code_close(heed_code_folder *f)
{
    if (f == NULL)
        return;
    heed_posing_destroy(f->program);
    heed_posing_destroy(f->posing);
    free(f);
}

const heed_posing *heed_code_posing(const heed_code_folder *f)
{
    return f->posing;
}

const char *heed_code_file(const heed_code_folder *f)
{
    const char *file = heed_code_file_of(f->language);

    return file[0] != '\0' ? file : NULL;
}
