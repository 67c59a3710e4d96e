/* SPDX-License-Identifier: MIT */
/* .npy from hostile bytes. Of an array that opens, all numbers lie inside the bytes and each can be read. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/npy.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heed_npy array;
    heed_error err = {0};
    char shape[192];
    float *numbers;

    if (heed_npy_parse(data, size, "fuzz", &array, &err) != HEED_OK) {
        require(array.data == NULL && err.message[0] != '\0');
        return 0;
    }
    require(array.count >= 0 && (size_t)array.count <= size);
    require((const uint8_t *)array.data >= data && (const uint8_t *)array.data <= data + size);
    require(heed_npy_shape(shape, sizeof shape, &array)[0] == '[');
    numbers = malloc(((size_t)array.count + 1) * sizeof *numbers);
    require(numbers != NULL);
    heed_npy_read_f32(&array, numbers);
    free(numbers);
    return 0;
}
