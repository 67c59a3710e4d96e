/* SPDX-License-Identifier: MIT */
/*
 * A folder of files that appears as a whole, or replaces another as a whole.
 *
 *     heed_new_folder out;
 *     status = heed_new_folder_begin(&out, "story-bf16", err);
 *     … files are written into out.beside …
 *     status = status == HEED_OK ? heed_new_folder_commit(&out, err) : status;
 *     if (status != HEED_OK)
 *         heed_new_folder_abandon(&out);
 *
 * Files go into "NAME.PID-N.tmp" beside the target, which is renamed when all of them are on the disk. Where there is a
 * folder already, the two change places (Linux; elsewhere there is a moment without either), and the old one goes. What
 * a killed process leaves is a folder of that temporary name, and the next begin for the same target removes it: a writer
 * holds a lock on its folder (flock), which goes with the process.
 */
#ifndef HEED_BASE_NEW_FOLDER_H
#define HEED_BASE_NEW_FOLDER_H

#include <heed/status.h>
#include <stdbool.h>

enum { HEED_NEW_FOLDER_PATH = 4096 };

typedef struct heed_new_folder {
    char target[HEED_NEW_FOLDER_PATH]; /* through links, without slashes at its end */
    char beside[HEED_NEW_FOLDER_PATH]; /* "": none */
    int lock;                          /* on it */
} heed_new_folder;

/** Makes the parents of path and the folder beside it. HEED_ERR_FILE: it cannot be made; a file has that name. */
heed_status heed_new_folder_begin(heed_new_folder *folder, const char *path, heed_error *err);
/** Flushes the folder and puts it in the place of path. Files must have been flushed by their writers. */
heed_status heed_new_folder_commit(heed_new_folder *folder, heed_error *err);
/** Removes a folder and the files in it; where there are folders inside, these stay, and so does it. A link stays. */
void heed_new_folder_remove(const char *path);
/** Removes what was written so far, also after a failed begin or commit. */
void heed_new_folder_abandon(heed_new_folder *folder);

#endif
