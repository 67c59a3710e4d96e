/* SPDX-License-Identifier: MIT */
/*
 * config.json from hostile bytes. What is read is a configuration that passes its own check, and what is written of it
 * reads back as the same one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "nn/config_json.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *root = NULL, *written, *again;
    heed_config config, other;
    heed_error err = {HEED_OK, ""};

    if (heed_json_parse((const char *)data, size, 10000, "fuzz", &root, &err) != HEED_OK)
        return 0;
    if (heed_config_from_json(root, "fuzz", &config, &err) == HEED_OK) {
        require(heed_config_check(&config, &err) == HEED_OK);
        written = heed_config_to_json(&config);
        require(heed_config_from_json(written, "written", &other, &err) == HEED_OK);
        again = heed_config_to_json(&other);
        require(json_equal(written, again));
        json_decref(again);
        json_decref(written);
    } else {
        require(err.message[0] != '\0' && memchr(err.message, '\0', sizeof err.message) != NULL);
        require(strpbrk(err.message, "\n\x1b") == NULL);
    }
    json_decref(root);
    return 0;
}
