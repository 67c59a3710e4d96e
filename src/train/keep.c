/* SPDX-License-Identifier: MIT */
#include "train/keep.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/new_folder.h"

/* A model's files, then what a run has more. */
static const char *const files[] = {"config.json", "tokenizer.json", "model.safetensors",
                                    "optimizer.safetensors", "trainer.json"};
enum { N_OF_MODEL = 3, N_OF_RUN = 5 };

#define PREFIX "step-"

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

static heed_status keep_as(const heed_trainer *t, const char *name, int n_files, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_new_folder folder;
    heed_status status = heed_path_join(path, sizeof path, t->folder, name, err);

    if (status != HEED_OK)
        return status;
    status = heed_new_folder_begin(&folder, path, err);
    for (int i = 0; i < n_files && status == HEED_OK; i++)
        status = keep_file(t, files[i], folder.beside, err);
    if (status == HEED_OK)
        status = heed_new_folder_commit(&folder, err);
    if (status != HEED_OK)
        heed_new_folder_abandon(&folder);
    return status;
}

heed_status heed_keep_best(const heed_trainer *t, heed_error *err)
{
    return keep_as(t, "best", N_OF_MODEL, err);
}

/* --- the last ones --- */

/* The number of step-000500; -1 for any other name. */
static int64_t step_of(const char *name)
{
    char *end = NULL;
    int64_t step;

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 || strspn(name + sizeof PREFIX - 1, "0123456789") == 0)
        return -1;
    step = strtoll(name + sizeof PREFIX - 1, &end, 10);
    return *end == '\0' ? step : -1;
}

/* What a killed process has left of a folder that was to appear or to go. This process holds the run's lock. */
static bool is_stray(const char *name)
{
    const size_t n = strlen(name);

    return strncmp(name, PREFIX, sizeof PREFIX - 1) == 0 && n > 4 && strcmp(name + n - 4, ".tmp") == 0;
}

/* The oldest step folder if there are more than `most`, and stray ones at once; "" when there is nothing to remove. */
static void next_to_remove(const char *folder, int64_t most, char out[HEED_PATH_BYTES])
{
    const struct dirent *entry;
    DIR *open_folder = opendir(folder);
    int64_t n = 0, oldest = -1;

    out[0] = '\0';
    while (open_folder != NULL && (entry = readdir(open_folder)) != NULL) {
        const int64_t step = step_of(entry->d_name);
        if (is_stray(entry->d_name)) {
            heed_path_join(out, HEED_PATH_BYTES, folder, entry->d_name, NULL);
            break;
        }
        n += step >= 0;
        if (step >= 0 && (oldest < 0 || step < oldest)) {
            oldest = step;
            heed_path_join(out, HEED_PATH_BYTES, folder, entry->d_name, NULL);
        }
    }
    if (open_folder != NULL)
        closedir(open_folder);
    if (!is_stray(strrchr(out, '/') != NULL ? strrchr(out, '/') + 1 : out) && n <= most)
        out[0] = '\0';
}

/* A folder that is to go first loses its name, so that nobody takes what is left of it for a checkpoint. */
static bool remove_folder(const char *path)
{
    char aside[HEED_PATH_BYTES];

    if (is_stray(strrchr(path, '/') + 1)) {
        heed_new_folder_remove(path);
        return !heed_file_exists(path);
    }
    if (!heed_file_temporary_name(aside, sizeof aside, path, 0) || rename(path, aside) != 0)
        return false;
    heed_new_folder_remove(aside);
    return true;
}

heed_status heed_keep_step(const heed_trainer *t, heed_error *err)
{
    char name[48], path[HEED_PATH_BYTES];
    heed_status status;

    snprintf(name, sizeof name, PREFIX "%06lld", (long long)t->step);
    status = keep_as(t, name, N_OF_RUN, err);
    if (status != HEED_OK)
        return status;
    do /* what cannot be removed stays */
        next_to_remove(t->folder, t->options.keep_last, path);
    while (path[0] != '\0' && remove_folder(path));
    return HEED_OK;
}

heed_status heed_keep_again(const heed_trainer *t, heed_error *err)
{
    const heed_train_options *o = &t->options;
    const bool due = t->step >= o->steps || t->best.stopped ||
                     (o->save_interval > 0 && t->step % o->save_interval == 0);
    heed_status status = HEED_OK;

    if (t->step > 0 && o->keep_best && t->best.step == t->step)
        status = heed_keep_best(t, err);
    if (t->step > 0 && o->keep_last > 0 && due && status == HEED_OK)
        status = heed_keep_step(t, err);
    return status;
}
