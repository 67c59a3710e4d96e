/* SPDX-License-Identifier: MIT */
/* Activations by name, written as .safetensors, .npy or .json. */
#include <heed/activations.h>
#include <heed/verify.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_buffer.h"
#include "formats/npy.h"

static bool ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);

    return n > m && strcmp(path + n - m, ending) == 0;
}

/* --- .npy --- */

typedef struct npy_file {
    const char *path;
    heed_status status;
    heed_error *err;
} npy_file;

static void write_npy(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    npy_file *file = context;

    (void)name;
    file->status = heed_npy_write(file->path, rank, size, numbers, file->err);
}

static heed_status to_npy(const heed_model *model, const int32_t *ids, size_t n, const char *const *names,
                          int n_names, const char *path, heed_error *err)
{
    npy_file file = {.path = path, .err = err};
    heed_status status;

    if (n_names != 1)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "a .npy file holds one activation, expected one name, got %d; .safetensors holds several", n_names);
    status = heed_model_observe(model, ids, n, names, n_names, write_npy, &file, err);
    return status != HEED_OK ? status : file.status;
}

/* --- .json --- */

static void put_number(heed_text_buffer *text, double number)
{
    if (isfinite(number))
        heed_text_printf(text, "%.9g", number);
    else
        heed_text_puts(text, isnan(number) ? "\"nan\"" : number > 0.0 ? "\"inf\"" : "\"-inf\"");
}

static void put_activation(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    heed_text_buffer *text = context;
    int64_t count = 1;

    if (text->failed)
        return;
    heed_text_printf(text, "%s\n{\"name\": \"%s\", \"shape\": [", text->data[text->size - 1] == '[' ? "" : ",",
                     name); /* names of nodes have no character that JSON escapes */
    for (int axis = 0; axis < rank; axis++) {
        heed_text_printf(text, "%s%lld", axis > 0 ? ", " : "", (long long)size[axis]);
        count *= size[axis];
    }
    heed_text_puts(text, "], \"values\": [");
    for (int64_t i = 0; i < count; i++) {
        heed_text_puts(text, i > 0 ? ", " : "");
        put_number(text, (double)numbers[i]);
    }
    heed_text_puts(text, "]}");
}

static heed_status to_json(const heed_model *model, const int32_t *ids, size_t n, const char *const *names,
                           int n_names, const char *path, heed_error *err)
{
    heed_text_buffer text = {0};
    heed_status status = HEED_OK;

    heed_text_puts(&text, "{\"ids\": [");
    for (size_t i = 0; i < n; i++)
        heed_text_printf(&text, "%s%d", i > 0 ? ", " : "", (int)ids[i]);
    heed_text_puts(&text, "], \"activations\": [");
    if (!text.failed)
        status = heed_model_observe(model, ids, n, names, n_names, put_activation, &text, err);
    heed_text_puts(&text, "\n]}\n");
    if (status == HEED_OK && text.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write %d activations as JSON", n_names);
    if (status == HEED_OK)
        status = heed_file_write(path, &(heed_bytes){text.data, text.size}, 1, err);
    heed_text_free(&text);
    return status;
}

heed_status heed_model_write_activations(const heed_model *model, const int32_t *ids, size_t n,
                                         const char *const *names, int n_names, const char *path,
                                         heed_error *err)
{
    char shown[160];

    if (ends_with(path, ".safetensors"))
        return heed_model_record(model, ids, n, names, n_names, path, err);
    if (ends_with(path, ".npy"))
        return to_npy(model, ids, n, names, n_names, path, err);
    if (ends_with(path, ".json"))
        return to_json(model, ids, n, names, n_names, path, err);
    return heed_fail(err, HEED_ERR_USAGE, "%s: expected a name that ends in .npy, .safetensors or .json",
                     heed_quote(shown, sizeof shown, path, strlen(path)));
}
