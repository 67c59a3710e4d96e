/* SPDX-License-Identifier: MIT */
/* JSON from hostile bytes: what parses can be asked for anything, and survives being written and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "formats/json.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void ask(const json_t *root, const char *key)
{
    static const char *const names[] = {"relu", "gelu"};
    heed_error err;
    heed_json_reader r = heed_json_read(root, "fuzz", &err);
    const int64_t n = heed_json_int(&r, key, 5, 1, 1024);

    require(n >= 1 && n <= 1024);
    r = heed_json_read(root, "fuzz", &err);
    const double x = heed_json_number(&r, key, 0.5, 0, 1);
    require(x >= 0 && x <= 1);
    r = heed_json_read(root, "fuzz", &err);
    require(heed_json_string(&r, key, "") != NULL || r.status != HEED_OK);
    r = heed_json_read(root, "fuzz", &err);
    require((unsigned)heed_json_choice(&r, key, names, 2, 0) < 2);
    r = heed_json_read(root, "fuzz", &err);
    heed_json_bool(&r, key, false);
    heed_json_object(&r, key);
    heed_json_list(&r, key);
    heed_json_require(&r, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heed_text_buffer text = {0};
    json_t *root = NULL, *again = NULL;
    const char *key;
    json_t *value;
    heed_error err;

    if (heed_json_parse((const char *)data, size, 10000, "fuzz", &root, &err) != HEED_OK) {
        require(root == NULL);
        return 0;
    }
    json_object_foreach(root, key, value)
    {
        (void)value;
        ask(root, key);
    }
    require(heed_json_format(root, 2, &text, &err) == HEED_OK);
    require(heed_json_parse(text.data, text.size, 10000, "again", &again, &err) == HEED_OK);
    require(json_equal(root, again));
    json_decref(again);
    json_decref(root);
    heed_text_free(&text);
    return 0;
}
