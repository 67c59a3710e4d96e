/* SPDX-License-Identifier: MIT */
/*
 * safetensors from hostile bytes. Of a file that opens, every entry lies inside the bytes, all of them together
 * cover the data, each is found by its name, and each can be converted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/safetensors.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void convert(const heed_safetensors_entry *entry)
{
    const size_t n = (size_t)entry->count;
    float *f32 = malloc((n + 1) * sizeof *f32);
    int32_t *i32 = malloc((n + 1) * sizeof *i32);
    heed_error err;

    require(f32 != NULL && i32 != NULL);
    require(heed_safetensors_read_f32(entry, f32, &err) == HEED_OK);
    if (heed_safetensors_read_i32(entry, i32, &err) == HEED_OK)
        for (size_t i = 0; i < n; i++)
            require((float)i32[i] == f32[i]);
    free(i32);
    free(f32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heed_safetensors *file = NULL;
    heed_error err;
    size_t covered = 0;

    if (heed_safetensors_parse(data, size, "fuzz", &file, &err) != HEED_OK) {
        require(file == NULL && memchr(err.message, '\0', sizeof err.message) != NULL);
        return 0;
    }
    for (size_t i = 0; i < heed_safetensors_n_entries(file); i++) {
        const heed_safetensors_entry *entry = heed_safetensors_at(file, i);
        const uint8_t *begin = entry->data;
        char shape[192];

        require(begin >= data && begin <= data + size && entry->bytes <= (size_t)(data + size - begin));
        require(heed_safetensors_find(file, entry->name) == entry);
        require(heed_safetensors_shape(shape, sizeof shape, entry)[0] == '[');
        convert(entry);
        covered += entry->bytes;
    }
    require(covered <= size);
    for (size_t i = 0; i < heed_safetensors_n_metadata(file); i++) {
        const heed_safetensors_pair pair = heed_safetensors_metadata_at(file, i);
        require(heed_safetensors_metadata(file, pair.key) == pair.value);
    }
    heed_safetensors_close(file);
    return 0;
}
