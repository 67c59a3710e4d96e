/* SPDX-License-Identifier: MIT */
#include "hub/form.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "nn/config_json.h"

/* Another architecture is refused here, before gigabytes of weights are fetched. */
static heed_status check_config(const char *path, const char *name, heed_error *err)
{
    heed_config config;
    json_t *root = NULL;
    heed_status status = heed_json_load(path, HEED_JSON_CONFIG_BYTES, &root, err);

    if (status == HEED_OK)
        status = heed_config_from_json(root, name, &config, err);
    json_decref(root);
    return status;
}

/* Its tokenizer or its index are read by others, with all their rules. */
static heed_status check_json(const char *path, const char *name, heed_error *err)
{
    heed_file file;
    heed_status status = heed_file_open(&file, path, err);
    size_t first = 0, last;

    if (status != HEED_OK)
        return status;
    while (first < file.size && strchr(" \t\r\n", file.data[first]) != NULL && file.data[first] != '\0')
        first++;
    for (last = file.size;
         last > first && strchr(" \t\r\n", file.data[last - 1]) != NULL && file.data[last - 1] != '\0';)
        last--;
    if (last < first + 2 || file.data[first] != '{' || file.data[last - 1] != '}')
        status = heed_fail(err, HEED_ERR_FILE, "%s: expected a JSON object, the hub has sent something else",
                           name);
    heed_file_close(&file);
    return status;
}

static heed_status check_weights(const char *path, heed_error *err)
{
    heed_safetensors *file = NULL;
    const heed_status status = heed_safetensors_open(path, &file, err);

    heed_safetensors_close(file);
    return status;
}

heed_status heed_form_check(const char *path, const char *name, heed_form form, heed_error *err)
{
    switch (form) {
    case HEED_FORM_CONFIG:
        return check_config(path, name, err);
    case HEED_FORM_JSON:
        return check_json(path, name, err);
    case HEED_FORM_WEIGHTS:
        return check_weights(path, err);
    case HEED_FORM_TEXT:
        break;
    }
    return HEED_OK;
}
