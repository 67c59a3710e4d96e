/* SPDX-License-Identifier: MIT */
/* Addresses from hostile bytes: what is read is within its bounds, and is the same once it was written and read again. */
#include "inspect/address.h"

#include <stdlib.h>
#include <string.h>

static void require(int condition)
{
    if (!condition)
        abort();
}

static void require_same(const heed_address *a, const heed_address *b)
{
    require(strcmp(a->name, b->name) == 0 && a->n == b->n);
    for (int i = 0; i < a->n; i++) {
        require(a->index[i].is_token == b->index[i].is_token && a->index[i].at == b->index[i].at);
        require(a->index[i].n_token == b->index[i].n_token &&
                memcmp(a->index[i].token, b->index[i].token, a->index[i].n_token) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[HEED_MAX_NAME + HEED_MAX_RANK * (4 * HEED_ADDRESS_TOKEN_BYTES + 4)], narrow[16];
    heed_address address, again;
    heed_error err = {0};

    if (heed_address_read((const char *)data, size, &address, &err) != HEED_OK) {
        require(err.status == HEED_ERR_USAGE && err.message[0] != '\0');
        return 0;
    }
    require(address.name[0] != '\0' && strlen(address.name) < HEED_MAX_NAME);
    require(address.n >= 0 && address.n <= HEED_MAX_RANK);
    heed_address_write(&address, text, sizeof text);
    require(heed_address_read(text, strlen(text), &again, &err) == HEED_OK);
    require_same(&address, &again);
    require(strlen(heed_address_write(&address, narrow, sizeof narrow)) < sizeof narrow);
    return 0;
}
