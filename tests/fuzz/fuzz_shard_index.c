/* SPDX-License-Identifier: MIT */
/* An index of shards from hostile bytes: names of files stay in their folder, and every tensor is found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/shard_index.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heed_shard_index *index = NULL;
    heed_error err = {HEED_OK, ""};

    if (heed_shard_index_parse((const char *)data, size, "fuzz", &index, &err) != HEED_OK) {
        require(index == NULL && memchr(err.message, '\0', sizeof err.message) != NULL);
        require(strpbrk(err.message, "\n\x1b") == NULL);
        return 0;
    }
    require(index->n_lines > 0 && index->n_files > 0 && index->n_files <= HEED_SHARD_INDEX_MAX_FILES);
    for (int i = 0; i < index->n_files; i++) {
        const char *name = index->files[i];
        require(name[0] != '.' && strpbrk(name, "/\\") == NULL && strlen(name) <= 255);
        require(strcmp(name + strlen(name) - 12, ".safetensors") == 0);
        for (int k = 0; k < i; k++)
            require(strcmp(name, index->files[k]) != 0);
    }
    for (size_t i = 0; i < index->n_lines; i++) {
        require(index->lines[i].file >= 0 && index->lines[i].file < index->n_files);
        require(heed_shard_index_find(index, index->lines[i].name) == &index->lines[i]);
    }
    heed_shard_index_destroy(index);
    return 0;
}
