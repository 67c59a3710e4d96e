/* SPDX-License-Identifier: MIT */
/*
 * Shards: the tensors of a model, in one safetensors file or in several with an index, seen as one set.
 *
 *     heed_shards *shards = NULL;
 *     status = heed_shards_open("story", &shards, err);        story/model.safetensors, or its parts
 *     entry = heed_shards_find(shards, "wte.weight");
 *     heed_shards_close(shards);
 *
 * The files are mapped, and only their headers are read. A set that opens is whole: the index and the files name the
 * same tensors, each in one file. Its files must not be changed in place while they are open; a file that is replaced
 * by another, as all of heed's writers do it, is no change.
 */
#ifndef HEED_FORMATS_SHARDS_H
#define HEED_FORMATS_SHARDS_H

#include "formats/safetensors.h"

#define HEED_SHARDS_SINGLE "model.safetensors"
#define HEED_SHARDS_INDEX  "model.safetensors.index.json"

typedef struct heed_shards heed_shards;

/**
 * Opens model.safetensors of the folder, else what model.safetensors.index.json lists. HEED_ERR_FILE: neither is there
 * (a file of another kind that is there instead is named), one of the files is damaged, or index and files disagree.
 */
heed_status heed_shards_open(const char *folder, heed_shards **shards, heed_error *err);
/** A set of one file that is open already, and that it takes over, also after a failure. HEED_ERR_MEMORY. */
heed_status heed_shards_wrap(heed_safetensors *file, const char *where, heed_shards **shards, heed_error *err);
void heed_shards_close(heed_shards *shards); /* NULL is allowed; entries die with it */

/** The single file or the index: its path, safe to show. */
const char *heed_shards_where(const heed_shards *shards);
int heed_shards_n_files(const heed_shards *shards);
size_t heed_shards_n_entries(const heed_shards *shards);
/** Entry i of 0 .. n-1, file by file, in the order of the data. */
const heed_safetensors_entry *heed_shards_at(const heed_shards *shards, size_t i);
/** The entry of that name, or NULL. */
const heed_safetensors_entry *heed_shards_find(const heed_shards *shards, const char *name);

#endif
