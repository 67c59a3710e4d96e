/* SPDX-License-Identifier: MIT */
#include "workbook/demos/kept_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/new_folder.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "nn/config_json.h"
#include "nn/model.h"

static bool make(heed_demoing *d, heed_demo_folder *folder)
{
    const char *root = getenv("TMPDIR");
    const int n = snprintf(folder->path, sizeof folder->path, "%s/heed-demo-XXXXXX",
                           root != NULL && root[0] != '\0' ? root : "/tmp");

    if (n < 0 || (size_t)n >= sizeof folder->path || mkdtemp(folder->path) == NULL) {
        heed_solve_fail(&d->s, HEED_ERR_FILE, "%.200s: no folder for a model can be made: %s", folder->path,
                        strerror(errno));
        folder->path[0] = '\0';
        return false;
    }
    return true;
}

static const char *inside(heed_demoing *d, const heed_demo_folder *folder, const char *name)
{
    return heed_demo_words(d, "%s/%s", folder->path, name);
}

static heed_status write_config(const heed_config *config, const char *path, heed_error *err)
{
    json_t *root = heed_config_to_json(config);
    const heed_status status = root != NULL ? heed_json_write(path, root, err) : HEED_ERR_MEMORY;

    json_decref(root);
    return status;
}

/* Under heed's own names, which are those of the parameters. */
static void write_weights(heed_demoing *d, const heed_model *model, const char *path)
{
    const int n = heed_model_n_parameters(model);
    heed_safetensors_entry *entries = heed_arena_alloc(d->s.arena, (size_t)n * sizeof *entries);
    heed_error err = {HEED_OK, ""};

    if (entries == NULL) {
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory to keep a model");
        return;
    }
    for (int i = 0; i < n; i++) {
        const heed_parameter p = heed_model_parameter(model, i);

        entries[i] = (heed_safetensors_entry){
            .name = p.name, .dtype = HEED_SAFETENSORS_F32, .rank = p.rank, .data = p.data};
        memcpy(entries[i].size, p.size, sizeof p.size);
    }
    heed_demo_ok(d, heed_safetensors_write(path, entries, (size_t)n, NULL, 0, &err), &err);
}

bool heed_demo_keep(heed_demoing *d, const heed_model *model, heed_demo_folder *folder)
{
    heed_error err = {HEED_OK, ""};

    *folder = (heed_demo_folder){""};
    if (d->s.status != HEED_OK || model == NULL || !make(d, folder))
        return false;
    heed_demo_ok(d, write_config(heed_model_config(model), inside(d, folder, "config.json"), &err), &err);
    if (d->s.status == HEED_OK)
        write_weights(d, model, inside(d, folder, "model.safetensors"));
    if (d->s.status == HEED_OK && heed_model_has_tokenizer(model))
        heed_demo_ok(
            d, heed_tokenizer_save(heed_model_tokenizer(model), inside(d, folder, "tokenizer.json"), &err),
            &err);
    return d->s.status == HEED_OK;
}

void heed_demo_drop(heed_demo_folder *folder)
{
    if (folder->path[0] != '\0')
        heed_new_folder_remove(folder->path);
    folder->path[0] = '\0';
}
