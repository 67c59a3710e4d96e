/* SPDX-License-Identifier: MIT */
/* Masks from hostile bytes: what is read is a table of ones and zeros, and survives being written and read again. */
#include <heed/mask.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int form = HEED_MASK_SEEN; form <= HEED_MASK_ADDED; form++) {
        heed_mask_table table, again;
        heed_error err = {0};
        char *text = NULL;

        if (heed_mask_read((const char *)data, size, (heed_mask_form)form, &table, &err) != HEED_OK) {
            require(table.pairs == NULL && err.message[0] != '\0');
            continue;
        }
        require(table.n_query > 0 && table.n_key > 0 && table.n_query <= (int64_t)size / table.n_key);
        for (int64_t i = 0; i < table.n_query * table.n_key; i++)
            require(table.pairs[i] <= 1);
        require(heed_mask_write(&table, (heed_mask_form)form, &text, &err) == HEED_OK);
        require(heed_mask_read(text, strlen(text), (heed_mask_form)form, &again, &err) == HEED_OK);
        require(again.n_query == table.n_query && again.n_key == table.n_key &&
                memcmp(again.pairs, table.pairs, (size_t)(table.n_query * table.n_key)) == 0);
        heed_mask_table_free(&again);
        heed_mask_table_free(&table);
        free(text);
    }
    return 0;
}
