/* SPDX-License-Identifier: MIT */
/*
 * Where a model goes, and how it gets there whole.
 *
 *     PARENT/NAME             the model, once all of it is there
 *     PARENT/.NAME.pulling    the same while it is being fetched, or after a pull has stopped
 *     PARENT/.NAME.old        the one before, for the moment in which a new one takes its place
 *     PARENT/.NAME.lock       held by whoever pulls or removes it
 *
 * No model's name begins with a dot. A folder was pulled when it has a pull.json (hub/record.h); no other folder is
 * ever replaced or removed.
 */
#ifndef HEED_HUB_CACHE_H
#define HEED_HUB_CACHE_H

#include <heed/pull.h>

#include "hub/name.h"

typedef struct heed_place {
    char folder[HEED_PULL_PATH_BYTES];
    char parent[HEED_PULL_PATH_BYTES];
    char pulling[HEED_PULL_PATH_BYTES], old[HEED_PULL_PATH_BYTES], lock[HEED_PULL_PATH_BYTES];
} heed_place;

/** The places of a model in the cache, or of one that goes to `folder` where that is not NULL. */
heed_status heed_place_find(const heed_hub_name *name, const char *folder, heed_place *place, heed_error *err);

/** True when the folder holds a model, perhaps one that was carried there by hand. */
bool heed_place_has_model(const char *folder);
/** True when it holds one that was pulled: what may be replaced and removed. */
bool heed_place_was_pulled(const char *folder);

/** Takes the lock. *fd is -1, with HEED_OK, where somebody else has it. */
heed_status heed_place_lock(const heed_place *place, int *fd, heed_error *err);
/** Gives it back and leaves no file behind. */
void heed_place_unlock(const heed_place *place, int fd);

/** Lets what was fetched become the model, in the place of an older one. */
heed_status heed_place_publish(const heed_place *place, heed_error *err);
/** Finishes, or takes back, what a killed heed_place_publish() has begun. */
void heed_place_mend(const heed_place *place);

/** Removes a folder of plain files; false where something of it stays. */
bool heed_place_remove(const char *folder);

#endif
