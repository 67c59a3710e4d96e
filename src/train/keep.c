/* SPDX-License-Identifier: MIT */
#include "train/keep.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/new_folder.h"
#include "train/kept.h"

#define PREFIX "step-"
#define BEST   "best"

enum { STEP_NAME_BYTES = 48 };

/* --- names --- */

static void name_of_step(char out[STEP_NAME_BYTES], int64_t step)
{
    snprintf(out, STEP_NAME_BYTES, PREFIX "%06lld", (long long)step);
}

/* The number of step-000500; -1 for any other name. */
static int64_t step_of(const char *name)
{
    char same[STEP_NAME_BYTES];
    int64_t step;

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0)
        return -1;
    step = strtoll(name + sizeof PREFIX - 1, NULL, 10);
    name_of_step(same, step);
    return step >= 0 && strcmp(same, name) == 0 ? step : -1;
}

/* What a killed process has left of a step folder that was to appear or to go. This process holds the run's lock. */
static bool is_stray(const char *name)
{
    char step[STEP_NAME_BYTES];
    const size_t n = strcspn(name, ".");

    snprintf(step, sizeof step, "%.*s", n < sizeof step ? (int)n : 0, name);
    return step_of(step) >= 0 && heed_file_is_temporary(name, step);
}

/* A run that goes on in a step folder of another run keeps nothing: it would be kept inside of what is kept. */
static bool is_kept_itself(const heed_trainer *t)
{
    char parent[HEED_PATH_BYTES], *full = realpath(t->folder, NULL),
                                  *slash = full != NULL ? strrchr(full, '/') : NULL;
    bool kept = false;

    if (slash != NULL && step_of(slash + 1) >= 0) {
        *slash = '\0';
        kept = heed_path_join(parent, sizeof parent, full[0] != '\0' ? full : "/", "trainer.json", NULL) ==
                   HEED_OK &&
               heed_file_exists(parent);
    }
    free(full);
    return kept;
}

heed_status heed_keep_check_unused(const heed_trainer *t, heed_error *err)
{
    DIR *folder = opendir(t->folder);
    const struct dirent *entry;
    heed_status status = HEED_OK;

    while (folder != NULL && status == HEED_OK && (entry = readdir(folder)) != NULL) {
        if ((t->options.keep_best && strcmp(entry->d_name, BEST) == 0) ||
            (t->options.keep_last > 0 && step_of(entry->d_name) >= 0))
            status = heed_fail(
                err, HEED_ERR_USAGE,
                "%.300s/%s: is there already, and the run would replace or remove it; choose another folder",
                t->folder, entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
    return status;
}

/* --- one of them --- */

static heed_status keep_file(const heed_trainer *t, const char *name, const char *to_folder, heed_error *err)
{
    char from[HEED_PATH_BYTES], to[HEED_PATH_BYTES];
    heed_file file = {0};
    heed_status status = heed_path_join(from, sizeof from, t->folder, name, err);

    if (status == HEED_OK)
        status = heed_path_join(to, sizeof to, to_folder, name, err);
    if (status != HEED_OK || link(from, to) == 0)
        return status;
    status = heed_file_open(&file, from, err); /* no links here: the bytes themselves */
    if (status == HEED_OK)
        status = heed_file_write(to, &(heed_bytes){file.data, file.size}, 1, err);
    heed_file_close(&file);
    return status;
}

/* The files from number `first` on. */
static heed_status keep_as(const heed_trainer *t, const char *name, int first, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_new_folder folder;
    heed_status status = heed_path_join(path, sizeof path, t->folder, name, err);

    if (status == HEED_OK)
        status = heed_kept_check_place(path, err);
    if (status != HEED_OK)
        return status;
    status = heed_new_folder_begin(&folder, path, err);
    for (int i = first; i < HEED_N_CHECKPOINT_FILES && status == HEED_OK; i++)
        status = keep_file(t, heed_checkpoint_files[i], folder.beside, err);
    if (status == HEED_OK)
        status = heed_new_folder_commit(&folder, err);
    if (status != HEED_OK)
        heed_new_folder_abandon(&folder);
    return status;
}

heed_status heed_keep_best(const heed_trainer *t, heed_error *err)
{
    return is_kept_itself(t) ? HEED_OK : keep_as(t, BEST, HEED_FIRST_OF_MODEL, err);
}

/* --- the last ones --- */

/* A folder that is to go first loses its name, so that nobody takes what is left of it for a checkpoint. */
static void remove_step(const heed_trainer *t, int64_t step)
{
    char name[STEP_NAME_BYTES], path[HEED_PATH_BYTES], aside[HEED_PATH_BYTES];

    name_of_step(name, step);
    if (heed_path_join(path, sizeof path, t->folder, name, NULL) == HEED_OK &&
        heed_file_temporary_name(aside, sizeof aside, path, 0) && rename(path, aside) == 0)
        heed_new_folder_remove(aside);
}

static bool is_its_own(const heed_trainer *t, const char *name)
{
    char path[HEED_PATH_BYTES];

    return heed_path_join(path, sizeof path, t->folder, name, NULL) == HEED_OK &&
           heed_kept_look(path, NULL) == HEED_KEPT_ITS_OWN;
}

/* The oldest kept step from `from` on, or -1; *n: how many there are. A folder that has been trained on in counts no more. */
static int64_t oldest_step(const heed_trainer *t, int64_t from, int64_t *n)
{
    const struct dirent *entry;
    DIR *folder = opendir(t->folder);
    int64_t oldest = -1;

    *n = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const int64_t step = step_of(entry->d_name);
        if (step < from || !is_its_own(t, entry->d_name))
            continue;
        ++*n;
        if (oldest < 0 || step < oldest)
            oldest = step;
    }
    if (folder != NULL)
        closedir(folder);
    return oldest;
}

static void remove_strays(const heed_trainer *t)
{
    char path[HEED_PATH_BYTES];
    const struct dirent *entry;
    DIR *folder = opendir(t->folder);

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (is_stray(entry->d_name) && is_its_own(t, entry->d_name) &&
            heed_path_join(path, sizeof path, t->folder, entry->d_name, NULL) == HEED_OK)
            heed_new_folder_remove(path);
    }
    if (folder != NULL)
        closedir(folder);
}

/* What cannot be removed stays, beside as many as are to stay. */
static void remove_older(const heed_trainer *t)
{
    int64_t n, oldest = oldest_step(t, 0, &n);

    remove_strays(t);
    while (n > t->options.keep_last) {
        remove_step(t, oldest);
        oldest = oldest_step(t, oldest + 1, &n);
    }
}

heed_status heed_keep_step(const heed_trainer *t, heed_error *err)
{
    char name[STEP_NAME_BYTES];
    heed_status status;

    if (is_kept_itself(t))
        return HEED_OK;
    name_of_step(name, t->step);
    status = keep_as(t, name, 0, err);
    if (status == HEED_OK)
        remove_older(t);
    return status;
}

/* --- after a process that died --- */

/* A folder that holds more than what was kept: somebody went on there, or put something into it. */
static bool is_used(const heed_trainer *t, const char *name)
{
    char path[HEED_PATH_BYTES];

    return heed_path_join(path, sizeof path, t->folder, name, NULL) == HEED_OK &&
           heed_kept_look(path, NULL) == HEED_KEPT_USED;
}

/* The best is replaced sooner or later unless the run is over: what is in its way is said before hours of training. */
static heed_status keep_best_again(const heed_trainer *t, bool over, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_status status = heed_path_join(path, sizeof path, t->folder, BEST, err);

    if (status != HEED_OK || (over && is_used(t, BEST)))
        return status;
    return t->step > 0 && t->best.step == t->step ? heed_keep_best(t, err) : heed_kept_check_place(path, err);
}

heed_status heed_keep_again(const heed_trainer *t, heed_error *err)
{
    const heed_train_options *o = &t->options;
    const bool over = t->step >= o->steps || t->best.stopped;
    const bool due = over || (o->save_interval > 0 && t->step % o->save_interval == 0);
    char name[STEP_NAME_BYTES];
    heed_status status = HEED_OK;

    if (is_kept_itself(t))
        return HEED_OK;
    if (o->keep_best)
        status = keep_best_again(t, over, err);
    name_of_step(name, t->step);
    if (status == HEED_OK && t->step > 0 && o->keep_last > 0 && due && !is_used(t, name))
        status = heed_keep_step(t, err);
    return status;
}
