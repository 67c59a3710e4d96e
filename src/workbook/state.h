/* SPDX-License-Identifier: MIT */
/*
 * The notebook's file, and what may change in it.
 *
 *     {"heed_workbook": 1, "now": "pp.q10",
 *      "exercises": {"pp.q10": {"variant": 3, "params": {...}, "right": 1, "wrong": 2, "tried": 3, "hints": 1, "explained": true,
 *                               "note": "...", "words": "...", "waiting": "...",
 *                               "attempts": [{"at": 0, "variant": 3, "ok": true, "answer": "..."}]}},
 *      "walk": {"last": 3, "done": [1, 2, 3], "text": "plays.txt"}}
 *
 * A change is a small object, {"do": "hint", "id": "pp.q10", "n": 2}, so that it can be made once more in a newer file.
 * What the program does not know, exercises of another version, stays in the file.
 */
#ifndef HEED_WORKBOOK_STATE_H
#define HEED_WORKBOOK_STATE_H

#include <heed/workbook.h>
#include <jansson.h>

#define HEED_STATE_PATH       4096
#define HEED_STATE_MOST_BYTES ((size_t)16 << 20) /* of a file that is read */
#define HEED_STATE_ATTEMPTS   20                 /* kept of an exercise */
#define HEED_STATE_ANSWER     512                /* bytes kept of an answer */
#define HEED_STATE_NOTE       4096               /* and of a note */
#define HEED_STATE_WORDS      16384              /* and of one's own words, and of a prediction */

/** Where the notebook is without a path: HEED_WORKBOOK, XDG_STATE_HOME, HOME. HEED_ERR_USAGE. */
heed_status heed_state_place(char path[HEED_STATE_PATH], heed_error *err);
/** *root is new: what the file holds, or an empty notebook where there is no file. HEED_ERR_FILE: damaged, of a newer heed. */
heed_status heed_state_load(const char *path, json_t **root, heed_error *err);
/** Waits for the lock beside the file, its folder being made; *fd is to be closed. HEED_ERR_FILE: after ten seconds. */
heed_status heed_state_lock(const char *path, int *fd, heed_error *err);
json_t *heed_state_empty(void); /* NULL: no memory */

/** Makes a change in root. */
void heed_state_change(json_t *root, const json_t *change);
/** Are these the numbers that the entry has in force? params NULL: a variant's. */
bool heed_state_in_force(const json_t *entry, int64_t variant, const json_t *params);

#endif
