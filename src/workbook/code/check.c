/* SPDX-License-Identifier: MIT */
/* The outputs of a learner's program, judged like an answer. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/nearest.h"
#include "workbook/book.h"
#include "workbook/code/code.h"
#include "workbook/judge.h"

#define MOST_ENTRIES  4096 /* of a folder that are looked at */
#define ANSWER_DIGITS 6
#define ANSWER_BYTES  512 /* of one value in the notebook's words */

/* --- files that nobody asked for --- */

/* NAME of NAME.txt and NAME.npy of something that is asked for. */
static bool is_asked(const heed_posing *p, const char *entry)
{
    for (int i = 0; i < p->n_fields; i++) {
        const size_t n = strlen(p->specs[i]->name);

        if (strncmp(entry, p->specs[i]->name, n) == 0 &&
            (strcmp(entry + n, ".txt") == 0 || strcmp(entry + n, ".npy") == 0))
            return true;
    }
    return false;
}

/* What the name of a file is near to, NULL: nothing. */
static const char *near_name(const heed_posing *p, const char *entry)
{
    const char *end = strrchr(entry, '.'), *near = NULL;
    char stem[64];
    int least = INT_MAX;

    snprintf(stem, sizeof stem, "%.*s", (int)(end != NULL ? end - entry : (long)strlen(entry)), entry);
    for (int i = 0; i < p->n_fields; i++) {
        const int distance = heed_edit_distance(stem, p->specs[i]->name);

        if (distance < least && heed_is_near(stem, distance)) {
            least = distance;
            near = p->specs[i]->name;
        }
    }
    return near;
}

/* One sentence about the first of them; NULL: there are none. */
static char *remark_on_others(const heed_posing *p, int folder)
{
    const int copy = dup(folder);
    DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    char first[96] = "", near[160] = "", *remark = NULL;
    int n = 0;

    if (entries == NULL && copy >= 0)
        close(copy);
    if (entries != NULL)
        rewinddir(entries);
    for (int i = 0; entries != NULL && i < MOST_ENTRIES && (entry = readdir(entries)) != NULL; i++) {
        if (entry->d_name[0] == '.' || is_asked(p, entry->d_name))
            continue;
        if (n++ == 0) {
            const char *name = near_name(p, entry->d_name);

            heed_quote(first, sizeof first, entry->d_name, strlen(entry->d_name));
            if (name != NULL)
                snprintf(near, sizeof near, "; did you mean %.64s.txt or %.64s.npy?", name, name);
        }
    }
    if (entries != NULL)
        closedir(entries);
    if (n > 0 && (remark = malloc(320)) != NULL) {
        if (n == 1)
            snprintf(remark, 320, "outputs/%s is not asked for%s", first, near);
        else
            snprintf(remark, 320, "outputs/%s and %d more files are not asked for%s", first, n - 1, near);
    }
    return remark;
}

/* --- the verdict --- */

static void put_answer(heed_text_buffer *out, const char *name, const json_t *value)
{
    char text[ANSWER_BYTES];

    if (value == NULL)
        return;
    heed_value_text(value, ANSWER_DIGITS, text, sizeof text);
    heed_text_printf(out, "%s%s = %s", out->size > 0 ? "; " : "", name, text);
}

static heed_status nothing_there(const heed_posing *p, const char *remark, heed_error *err)
{
    char names[200] = "";

    for (int i = 0; i < p->n_fields; i++) {
        const size_t n = strlen(names);

        if (n + strlen(p->specs[i]->name) + 12 > sizeof names) {
            snprintf(names + n, sizeof names - n, ", ...");
            break;
        }
        snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "", p->specs[i]->name);
    }
    return heed_fail(err, HEED_ERR_FILE,
                     "outputs/ has nothing that is asked for: expected %s, each a .txt or .npy file%s%s", names,
                     remark != NULL ? "; " : "", remark != NULL ? remark : "");
}

heed_status heed_code_check(const heed_code_folder *f, heed_code_verdict *verdict, heed_error *err)
{
    const heed_posing *p = f->asked;
    const int folder = heed_code_open_folder(f->path, "outputs");
    json_t *values[HEED_MAX_FIELDS] = {NULL};
    heed_error broken[HEED_MAX_FIELDS] = {{HEED_OK, ""}};
    heed_text_buffer answer = {0};
    heed_status status = HEED_OK;
    int n_found = 0;

    *verdict = (heed_code_verdict){.marking = NULL};
    if (folder < 0)
        return heed_fail(err, HEED_ERR_FILE, "outputs: expected a folder: %s",
                         errno == ELOOP || errno == ENOTDIR ? "it is a link or a file" : strerror(errno));
    for (int i = 0; i < p->n_fields && status == HEED_OK; i++) {
        const char *name = p->specs[i]->name;

        if (heed_code_read_output(folder, p->specs[i], json_object_get(p->answer, name), &values[i],
                                  &broken[i]) == HEED_ERR_MEMORY)
            status = heed_fail(err, HEED_ERR_MEMORY, "%s", broken[i].message);
        n_found += values[i] != NULL || broken[i].status != HEED_OK;
        put_answer(&answer, name, values[i]);
    }
    verdict->remark = remark_on_others(p, folder);
    close(folder);
    if (status == HEED_OK && n_found == 0)
        status = nothing_there(p, verdict->remark, err);
    if (status == HEED_OK)
        status = heed_posing_judge(p, values, broken, &verdict->marking, err);
    if (status == HEED_ERR_USAGE) /* parameters that the engine takes no more than it takes them from a line */
        status = HEED_ERR_CHECK;
    for (int i = 0; i < p->n_fields; i++)
        json_decref(values[i]);
    verdict->answer = answer.data != NULL ? answer.data : strdup("");
    if (status != HEED_OK)
        heed_code_verdict_free(verdict);
    return status;
}

void heed_code_verdict_free(heed_code_verdict *verdict)
{
    heed_marking_destroy(verdict->marking);
    free(verdict->answer);
    free(verdict->remark);
    *verdict = (heed_code_verdict){.marking = NULL};
}
