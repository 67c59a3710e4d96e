/* SPDX-License-Identifier: MIT */
/*
 * model.safetensors.index.json: which of several files holds which tensor.
 *
 *     {"metadata": {"total_size": 1024},
 *      "weight_map": {"wte.weight": "model-00001-of-00002.safetensors", "ln_f.bias": "model-00002-of-00002.safetensors"}}
 *
 * The names of files come from outside and are opened: each is the bare name of a .safetensors file, so none leads out
 * of the index' own folder.
 */
#ifndef HEED_FORMATS_SHARD_INDEX_H
#define HEED_FORMATS_SHARD_INDEX_H

#include <heed/status.h>
#include <stddef.h>

#define HEED_SHARD_INDEX_MAX_BYTES ((size_t)16 << 20)
#define HEED_SHARD_INDEX_MAX_FILES 1024

/* One tensor and its file. */
typedef struct heed_shard_line {
    const char *name;
    int file;
} heed_shard_line;

typedef struct heed_shard_index {
    struct heed_arena *arena;
    const char **files; /* [n_files] in the order in which they are named first */
    int n_files;
    heed_shard_line *lines; /* [n_lines] by name */
    size_t n_lines;
} heed_shard_index;

/** Reads n bytes; `where` names them in messages. HEED_ERR_FILE: no map of names to names, a name that is a path. */
heed_status heed_shard_index_parse(const char *json, size_t n, const char *where, heed_shard_index **index,
                                   heed_error *err);
/** The same from a file. */
heed_status heed_shard_index_load(const char *path, heed_shard_index **index, heed_error *err);
void heed_shard_index_destroy(heed_shard_index *index); /* NULL is allowed */

/** The line of the tensor, or NULL. */
const heed_shard_line *heed_shard_index_find(const heed_shard_index *index, const char *name);

#endif
