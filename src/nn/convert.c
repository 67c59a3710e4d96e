/* SPDX-License-Identifier: MIT */
/*
 * Converting a model: its tensors are listed under their new names and types, shared out among files, and streamed.
 *
 * The list is made from the parameters that the configuration has. So buffers that no model needs stay behind, and a
 * source that heed would not open is not converted either.
 */
#include "nn/convert.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "nn/config_json.h"

/* --- options --- */

static const char *const dtypes[] = {"keep", "f32", "f16", "bf16", "int8", NULL};
static const char *const heads[] = {"keep", "tied", "untied", NULL};

#define AT(member) offsetof(heed_convert_options, member)

static const heed_field fields[] = {
    {"dtype", "of the weights; keep: as they are", HEED_FIELD_CHOICE, AT(dtype), 0, 0, dtypes},
    {"head", "tied: the token embedding; untied: a matrix of its own", HEED_FIELD_CHOICE, AT(head), 0, 0,
     heads},
    {"prefix", "names begin with transformer.; --no-prefix: they do not", HEED_FIELD_BOOLEAN, AT(prefix), 0, 0,
     NULL},
    {"overwrite", "replace the model that is there", HEED_FIELD_BOOLEAN, AT(overwrite), 0, 0, NULL},
};

heed_convert_options heed_convert_options_default(void)
{
    return (heed_convert_options){.prefix = true};
}

const heed_field *heed_convert_fields(int *n)
{
    *n = (int)(sizeof fields / sizeof fields[0]);
    return fields;
}

/* --- what is written --- */

static heed_safetensors_dtype dtype_of(const heed_convert *c, const heed_safetensors_entry *entry, bool matrix)
{
    switch ((heed_convert_dtype)c->options->dtype) {
    case HEED_CONVERT_F32:
        return HEED_SAFETENSORS_F32;
    case HEED_CONVERT_F16:
        return HEED_SAFETENSORS_F16;
    case HEED_CONVERT_BF16:
        return HEED_SAFETENSORS_BF16;
    case HEED_CONVERT_INT8:
        return matrix ? HEED_SAFETENSORS_I8 : HEED_SAFETENSORS_F32;
    case HEED_CONVERT_KEEP:
        break;
    }
    return entry->dtype;
}

/* The prefix belongs to all but the head and what is no GPT. */
static const char *name_of(const heed_convert *c, const char *name)
{
    const bool bare = strncmp(name, "lm_head.", 8) == 0 || strncmp(name, "table.", 6) == 0;

    return heed_arena_format(c->arena, "%s%s", c->options->prefix && !bare ? "transformer." : "", name);
}

static heed_status add(heed_convert *c, const char *name, heed_convert_tensor tensor)
{
    heed_safetensors_entry entry = {.dtype = tensor.dtype, .rank = tensor.rank};

    memcpy(entry.size, tensor.size, sizeof entry.size);
    heed_safetensors_measure(&entry);
    tensor.bytes = entry.bytes;
    tensor.name = name_of(c, name);
    if (tensor.name == NULL)
        return heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory for the names of a model");
    c->tensors[c->n_tensors++] = tensor;
    c->bytes += tensor.bytes;
    return HEED_OK;
}

/* Scales of the integers that are written: those of the source's own integers, or of groups of HEED_INT8_GROUP. */
static heed_status add_scales(heed_convert *c, const char *name, heed_convert_tensor tensor)
{
    const heed_parameter *p = &tensor.stored;
    char scales[HEED_MAX_NAME + 8];
    heed_shape shape = heed_int8_scales_shape(p->size[0], p->size[1],
                                              p->scales != NULL ? p->group : HEED_INT8_GROUP, p->axis);

    tensor.scales = true;
    tensor.dtype = HEED_SAFETENSORS_F32;
    memcpy(tensor.size, shape.size, sizeof shape.size);
    return add(c, heed_weights_scales_name(scales, name), tensor);
}

/* The tensor `from` of parameter `name` in the model as it is read (an untied head: the token embedding). */
static heed_status add_tensor(heed_convert *c, const char *name, const heed_safetensors_entry *from)
{
    const heed_parameter *p = heed_weights_find(c->weights, name);
    heed_convert_tensor t = {.from = from, .rank = from->rank};
    heed_status status = HEED_OK;

    p = p != NULL ? p : heed_weights_find(c->weights, "wte.weight");
    t.dtype = dtype_of(c, from, p->axis >= 0);
    memcpy(t.size, from->size, sizeof t.size);
    if (t.dtype == HEED_SAFETENSORS_I8 || from->dtype == HEED_SAFETENSORS_I8) {
        t.stored = *p;
        t.stored.numbers = from->data;
    }
    if (from->dtype == HEED_SAFETENSORS_I8) {
        t.stored.precision = HEED_PRECISION_INT8;
        status = heed_weights_scales(p, c->shards, from, c->arena, &t.stored.scales, &t.stored.group, c->err);
    }
    if (status == HEED_OK)
        status = add(c, name, t);
    return status == HEED_OK && t.dtype == HEED_SAFETENSORS_I8 ? add_scales(c, name, t) : status;
}

/* A head may be given up only where it says nothing that the token embedding does not. */
static heed_status compare_heads(heed_convert *c, const heed_safetensors_entry *head,
                                 const heed_safetensors_entry *table)
{
    enum { PIECE = 1024 };
    float x[PIECE], y[PIECE];

    if (head->dtype == HEED_SAFETENSORS_I8 || table->dtype == HEED_SAFETENSORS_I8)
        return heed_fail(c->err, HEED_ERR_CHECK, "%s: a head of 8 bits is not tied: convert it to f32 first",
                         head->where);
    for (int64_t first = 0; first < head->count; first += PIECE) {
        const int64_t n = head->count - first < PIECE ? head->count - first : PIECE;
        heed_safetensors_entry a = *head, b = *table;
        a.data = (const char *)a.data + (size_t)first * heed_safetensors_dtype_bytes(a.dtype);
        b.data = (const char *)b.data + (size_t)first * heed_safetensors_dtype_bytes(b.dtype);
        a.count = b.count = n;
        a.bytes = (size_t)n * heed_safetensors_dtype_bytes(a.dtype);
        b.bytes = (size_t)n * heed_safetensors_dtype_bytes(b.dtype);
        heed_safetensors_read_f32(&a, x, NULL);
        heed_safetensors_read_f32(&b, y, NULL);
        for (int64_t i = 0; i < n; i++) {
            if (memcmp(&x[i], &y[i], sizeof x[i]) != 0)
                return heed_fail(
                    c->err, HEED_ERR_CHECK,
                    "%s: the head cannot be tied, it is not the token embedding: lm_head.weight[%lld, "
                    "%lld] is %.9g, wte.weight has %.9g",
                    head->where, (long long)((first + i) / c->config.d_model),
                    (long long)((first + i) % c->config.d_model), (double)x[i], (double)y[i]);
        }
    }
    return HEED_OK;
}

static heed_status find(heed_convert *c, const char *name, const heed_safetensors_entry **entry)
{
    for (int i = 0; i < c->weights->n; i++) {
        if (strcmp(c->weights->list[i].name, name) == 0)
            return heed_weights_entry(c->weights, i, c->shards, entry, c->err);
    }
    *entry = NULL;
    return heed_fail(c->err, HEED_ERR_USAGE, "%s: the model has no %s, so its head is neither tied nor untied",
                     c->from, name);
}

/* Makes the head of what is written the one that was asked for. */
static heed_status list_head(heed_convert *c)
{
    const heed_safetensors_entry *table, *head;
    const int wanted = c->options->head;
    const bool was_tied = c->config.tied_head;
    heed_status status;

    if (wanted == HEED_CONVERT_HEAD_KEEP ||
        (c->config.kind == HEED_KIND_GPT && (wanted == HEED_CONVERT_HEAD_TIED) == was_tied))
        return HEED_OK;
    c->config.tied_head = !was_tied;
    status = find(c, "wte.weight", &table);
    if (status == HEED_OK && was_tied)
        return add_tensor(c, "lm_head.weight", table);
    if (status == HEED_OK)
        status = find(c, "lm_head.weight", &head);
    return status == HEED_OK ? compare_heads(c, head, table) : status;
}

static heed_status list_tensors(heed_convert *c)
{
    const bool drop_head = c->options->head == HEED_CONVERT_HEAD_TIED;
    const heed_safetensors_entry *entry;
    heed_status status = HEED_OK;

    c->tensors = heed_arena_alloc(c->arena, 2 * (size_t)(c->weights->n + 1) * sizeof *c->tensors);
    if (c->tensors == NULL)
        return heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory for the names of a model");
    for (int i = 0; i < c->weights->n && status == HEED_OK; i++) {
        const char *name = c->weights->list[i].name;
        status = heed_weights_entry(c->weights, i, c->shards, &entry, c->err);
        if (status == HEED_OK && !(drop_head && strcmp(name, "lm_head.weight") == 0))
            status = add_tensor(c, name, entry);
    }
    return status == HEED_OK ? list_head(c) : status;
}

bool heed_convert_has_int8(const heed_convert *c)
{
    for (int i = 0; i < c->n_tensors; i++) {
        if (c->tensors[i].dtype == HEED_SAFETENSORS_I8)
            return true;
    }
    return false;
}

/* In their order, a new file where the next tensor would not fit. */
static void share_out(heed_convert *c)
{
    const size_t most = (size_t)c->options->max_shard_bytes;
    size_t used = 0;

    c->n_files = 1;
    for (int i = 0; i < c->n_tensors; i++) {
        heed_convert_tensor *t = &c->tensors[i];
        if (most > 0 && used > 0 && (t->bytes > most || used > most - t->bytes)) {
            c->n_files++;
            used = 0;
        }
        used += t->bytes;
        t->file = c->n_files - 1;
    }
}

/*
 * In a file, numbers of more bytes stand before those of fewer: then each lies at a multiple of its own size, and can be
 * used where it lies.
 */
static heed_status order(heed_convert *c)
{
    heed_convert_tensor *to = heed_arena_alloc(c->arena, (size_t)c->n_tensors * sizeof *to);
    int n = 0;

    if (to == NULL)
        return heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory for the names of a model");
    for (int file = 0, first = 0; file < c->n_files; file++, first = n) {
        for (size_t bytes = sizeof(double); bytes > 0; bytes /= 2) {
            for (int i = first; i < c->n_tensors && c->tensors[i].file == file; i++) {
                if (heed_safetensors_dtype_bytes(c->tensors[i].dtype) == bytes)
                    to[n++] = c->tensors[i];
            }
        }
    }
    c->tensors = to;
    return HEED_OK;
}

heed_status heed_convert_open(heed_convert *c)
{
    heed_status status = heed_config_open(c->from, &c->config, &c->config_json, c->err);

    c->arena = heed_arena_create();
    if (status == HEED_OK && c->arena == NULL)
        status = heed_fail(c->err, HEED_ERR_MEMORY, "not enough memory to convert a model");
    if (status == HEED_OK)
        status = heed_shards_open(c->from, &c->shards, c->err);
    if (status == HEED_OK)
        status = heed_weights_create(&c->config, &c->weights, c->err);
    if (status == HEED_OK)
        status = heed_weights_refuse_strangers(c->weights, c->shards, c->err);
    if (status == HEED_OK)
        status = list_tensors(c);
    if (status != HEED_OK)
        return status;
    share_out(c);
    return order(c);
}

/* --- all of it --- */

static heed_status check_options(const heed_convert_options *o, heed_error *err)
{
    const heed_status status = heed_fields_check(fields, (int)(sizeof fields / sizeof fields[0]), o, err);

    if (status == HEED_OK && o->max_shard_bytes < 0)
        return heed_fail(err, HEED_ERR_USAGE, "max_shard_bytes: expected 0 or more, got %lld",
                         (long long)o->max_shard_bytes);
    return status;
}

heed_status heed_model_convert(const char *from, const char *to, const heed_convert_options *options,
                               heed_conversion *out, heed_error *err)
{
    heed_convert c = {.options = options, .from = from, .err = err};
    heed_status status = check_options(options, err);

    if (out != NULL)
        *out = (heed_conversion){0};
    if (status == HEED_OK)
        status = heed_convert_check_target(to, options->overwrite, err);
    if (status == HEED_OK)
        status = heed_convert_open(&c);
    if (status == HEED_OK)
        status = heed_new_folder_begin(&c.out, to, err);
    if (status == HEED_OK)
        status = heed_convert_write_weights(&c);
    if (status == HEED_OK)
        status = heed_convert_write_others(&c);
    if (status == HEED_OK)
        status = heed_new_folder_commit(&c.out, err);
    if (status == HEED_OK && out != NULL)
        *out = (heed_conversion){.n_tensors = c.n_tensors,
                                 .n_files = c.n_files,
                                 .n_copied = c.n_copied,
                                 .bytes = (double)c.bytes,
                                 .for_transformers = heed_config_is_gpt2(&c.config) &&
                                                     (options->prefix || c.config.tied_head) &&
                                                     !heed_convert_has_int8(&c)};
    heed_new_folder_abandon(&c.out);
    heed_weights_destroy(c.weights);
    heed_shards_close(c.shards);
    json_decref(c.config_json);
    heed_arena_destroy(c.arena);
    return status;
}
