/* SPDX-License-Identifier: MIT */
/* Writing what a conversion has listed: files of weights, their index, config.json, and what goes along. */
#include "nn/convert.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "nn/config_json.h"
#include "nn/nn.h"

#define PATH_BYTES 4096
#define SHOWN_SIZE 200

/* What goes along as it is. */
static const char *const companions[] = {
    "tokenizer.json",      "tokenizer_config.json",  "vocab.json",
    "merges.txt",          "added_tokens.json",      "special_tokens_map.json",
    "chat_template.jinja", "generation_config.json", "*.tiktoken",
};

/* What else a folder of a model may hold and still be replaced as a whole. */
static const char *const replaceable[] = {
    "config.json", HEED_SHARDS_SINGLE, "model-*.safetensors", HEED_SHARDS_INDEX, "README.md", ".gitattributes",
};

static bool is_one_of(const char *name, const char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fnmatch(patterns[i], name, 0) == 0)
            return true;
    }
    return false;
}

static bool is_companion(const char *name)
{
    return is_one_of(name, companions, sizeof companions / sizeof companions[0]);
}

heed_status heed_convert_check_target(const char *to, bool overwrite, heed_error *err)
{
    char shown[SHOWN_SIZE], name[SHOWN_SIZE];
    const struct dirent *entry;
    heed_status status = HEED_OK;
    DIR *folder = opendir(to);

    heed_quote(shown, sizeof shown, to, strlen(to));
    if (folder == NULL) /* nothing is there, or what comes later says why not */
        return heed_file_exists(to) && !heed_file_is_folder(to)
                   ? heed_fail(err, HEED_ERR_USAGE,
                               "%s: expected a folder or nothing of that name, there is a file", shown)
                   : HEED_OK;
    while (status == HEED_OK && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        heed_quote(name, sizeof name, entry->d_name, strlen(entry->d_name));
        if (!overwrite)
            status = heed_fail(err, HEED_ERR_USAGE,
                               "%s: the folder is not empty (%s); nothing is replaced without \"overwrite\"",
                               shown, name);
        else if (!is_companion(entry->d_name) &&
                 !is_one_of(entry->d_name, replaceable, sizeof replaceable / sizeof replaceable[0]))
            status = heed_fail(err, HEED_ERR_USAGE,
                               "%s: the folder is not replaced, it holds more than a model: %s", shown, name);
    }
    closedir(folder);
    return status;
}

/* --- weights --- */

static void name_file(const heed_convert *c, int file, char out[64])
{
    if (c->n_files == 1)
        snprintf(out, 64, HEED_SHARDS_SINGLE);
    else
        snprintf(out, 64, "model-%05d-of-%05d.safetensors", file + 1, c->n_files);
}

/* The tensors of one file, while it is written. */
typedef struct part {
    heed_convert *c;
    const heed_convert_tensor *tensors;
} part;

static heed_status put_tensor(void *context, size_t i, heed_file_sink *sink, heed_error *err)
{
    const part *p = context;
    heed_convert *c = p->c;
    const heed_convert_tensor *t = &p->tensors[i];
    heed_status status = heed_convert_put(t, sink, err);

    heed_file_let_go(t->from->data, t->from->bytes); /* so that no more than one tensor is in memory */
    if (status != HEED_OK)
        return status;
    c->done += t->bytes;
    if (c->options->progress != NULL &&
        !c->options->progress(c->options->progress_context, (double)c->done, (double)c->bytes))
        return heed_fail(err, HEED_ERR_INTERRUPTED, "interrupted; nothing was written");
    return HEED_OK;
}

static heed_status write_file(heed_convert *c, int first, int n)
{
    const heed_safetensors_pair metadata = {"format", "pt"};
    part p = {c, &c->tensors[first]};
    heed_safetensors_entry *entries = heed_arena_alloc(c->arena, (size_t)n * sizeof *entries);
    char name[64], path[PATH_BYTES];
    heed_status status;

    if (entries == NULL)
        return heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory for the names of a model");
    for (int i = 0; i < n; i++) {
        entries[i] = (heed_safetensors_entry){
            .name = p.tensors[i].name, .dtype = p.tensors[i].dtype, .rank = p.tensors[i].rank};
        memcpy(entries[i].size, p.tensors[i].size, sizeof entries[i].size);
    }
    name_file(c, p.tensors[0].file, name);
    status = heed_path_join(path, sizeof path, c->out.beside, name, c->err);
    return status == HEED_OK
               ? heed_safetensors_write_from(path, entries, (size_t)n, &metadata, 1, put_tensor, &p, c->err)
               : status;
}

static heed_status write_index(heed_convert *c)
{
    json_t *map = json_object();
    json_t *root = json_pack("{s:{s:I}, s:O}", "metadata", "total_size", (json_int_t)c->bytes, "weight_map",
                             map);
    char name[64], path[PATH_BYTES];
    bool whole = root != NULL;
    heed_status status = heed_path_join(path, sizeof path, c->out.beside, HEED_SHARDS_INDEX, c->err);

    for (int i = 0; i < c->n_tensors && whole; i++) {
        name_file(c, c->tensors[i].file, name);
        whole = json_object_set_new(map, c->tensors[i].name, json_string(name)) == 0;
    }
    if (!whole)
        status = heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory for the list of tensors");
    if (status == HEED_OK)
        status = heed_json_write(path, root, c->err);
    json_decref(root);
    json_decref(map);
    return status;
}

heed_status heed_convert_write_weights(heed_convert *c)
{
    heed_status status = HEED_OK;
    int first = 0, n;

    for (; first < c->n_tensors && status == HEED_OK; first += n) {
        n = 1;
        while (first + n < c->n_tensors && c->tensors[first + n].file == c->tensors[first].file)
            n++;
        status = write_file(c, first, n);
    }
    return status == HEED_OK && c->n_files > 1 ? write_index(c) : status;
}

/* --- config.json --- */

/* torch_dtype: what most of the numbers are. */
static const char *torch_dtype(const heed_convert *c)
{
    static const struct {
        heed_safetensors_dtype dtype;
        const char *name;
    } names[] = {{HEED_SAFETENSORS_F64, "float64"},
                 {HEED_SAFETENSORS_F16, "float16"},
                 {HEED_SAFETENSORS_BF16, "bfloat16"}};
    size_t bytes[HEED_SAFETENSORS_N_DTYPES] = {0};

    for (int i = 0; i < c->n_tensors; i++)
        bytes[c->tensors[i].dtype] += c->tensors[i].bytes;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (bytes[names[i].dtype] > c->bytes / 2)
            return names[i].name;
    }
    return "float32";
}

/*
 * A gpt2 configuration keeps its keys (ids of special tokens, the tokenizer's class); those that heed has read otherwise
 * than transformers would, or that have changed, are written anew. Any other is written as heed writes it.
 */
static json_t *make_config(const heed_convert *c)
{
    const bool was_gpt2 = json_object_get(c->config_json, "n_embd") != NULL;
    json_t *made = heed_config_to_json(&c->config);
    static const char *const renewed[] = {"model_type", "architectures",       "n_positions",
                                          "n_inner",    "tie_word_embeddings", "activation_function"};
    json_t *kept;
    bool whole = made != NULL;

    if (!heed_config_is_gpt2(&c->config) || made == NULL)
        return made;
    whole = json_object_set_new(made, "torch_dtype", json_string(torch_dtype(c))) == 0;
    if (!was_gpt2)
        return whole ? made : (json_decref(made), NULL);
    kept = json_copy(c->config_json);
    for (size_t i = 0; i < sizeof renewed / sizeof renewed[0] && whole; i++)
        whole = json_object_set(kept, renewed[i], json_object_get(made, renewed[i])) == 0;
    if (json_object_get(kept, "dtype") != NULL) /* its name since transformers 4.56 */
        whole = whole && json_object_set(kept, "dtype", json_object_get(made, "torch_dtype")) == 0;
    whole = whole && json_object_set(kept, "torch_dtype", json_object_get(made, "torch_dtype")) == 0;
    json_decref(made);
    return whole ? kept : (json_decref(kept), NULL);
}

/* With a method that is its own, so that transformers refuses the model and does not take integers for weights. */
static bool say_quantization(const heed_convert *c, json_t *object)
{
    if (!heed_convert_has_int8(c)) {
        json_object_del(object, HEED_QUANTIZATION_KEY);
        return true;
    }
    return json_object_set_new(object, HEED_QUANTIZATION_KEY,
                               json_pack("{s:s, s:i, s:b}", "quant_method", HEED_QUANTIZATION_METHOD, "bits", 8,
                                         "symmetric", 1)) == 0;
}

static heed_status write_config(heed_convert *c)
{
    char path[PATH_BYTES];
    json_t *object = make_config(c);
    heed_status status = heed_path_join(path, sizeof path, c->out.beside, "config.json", c->err);

    if (object == NULL || !say_quantization(c, object))
        status = heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory for a configuration");
    if (status == HEED_OK)
        status = heed_json_write(path, object, c->err);
    json_decref(object);
    return status;
}

/* --- what goes along --- */

static heed_status copy_file(heed_convert *c, const char *name)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    heed_file file = {0};
    heed_status status = heed_path_join(from, sizeof from, c->from, name, c->err);

    if (status == HEED_OK)
        status = heed_path_join(to, sizeof to, c->out.beside, name, c->err);
    if (status == HEED_OK)
        status = heed_file_open(&file, from, c->err);
    if (status == HEED_OK)
        status = heed_file_write(to, &(heed_bytes){file.data, file.size}, 1, c->err);
    heed_file_close(&file);
    c->n_copied += status == HEED_OK;
    return status;
}

heed_status heed_convert_write_others(heed_convert *c)
{
    const struct dirent *entry;
    heed_status status = write_config(c);
    DIR *folder = opendir(c->from);

    while (status == HEED_OK && folder != NULL && (entry = readdir(folder)) != NULL) {
        if (is_companion(entry->d_name))
            status = copy_file(c, entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
    return status;
}
