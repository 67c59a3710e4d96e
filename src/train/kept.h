/* SPDX-License-Identifier: MIT */
/*
 * What lies where a run keeps a model (keep.h): only a folder that holds nothing but files of a model or of a checkpoint may
 * be replaced or removed. Links are never followed: what they point to is not the run's.
 */
#ifndef HEED_TRAIN_KEPT_H
#define HEED_TRAIN_KEPT_H

#include <heed/status.h>

typedef enum heed_kept {
    HEED_KEPT_NOTHING, /* the name is free */
    HEED_KEPT_ITS_OWN, /* a folder of known files alone */
    HEED_KEPT_USED, /* a folder that holds something else (a run that went on there), or that is trained in now */
    HEED_KEPT_OTHER /* a link, a file */
} heed_kept;

enum { HEED_KEPT_NAME_BYTES = 64 };

/** what: of HEED_KEPT_USED, the first thing that is not known, safe to print; or NULL. */
heed_kept heed_kept_look(const char *path, char what[HEED_KEPT_NAME_BYTES]);
/** HEED_ERR_FILE names path and what is in the way, unless a folder may appear or be replaced there. */
heed_status heed_kept_check_place(const char *path, heed_error *err);

#endif
