/* SPDX-License-Identifier: MIT */
#include "inspect/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ops/ops.h"

#define NAME_SIZE 128
#define FULL_SIZE 512 /* of CASE/atol/NAME; what is longer is not found */

static const char *const ids_names[] = {"ids", "input_ids", "tokens", "prompt", "text"};
static const char *const other_inputs[] = {"targets", "labels", "attention_mask", "position_ids"};
#define N_IDS_NAMES    (sizeof ids_names / sizeof ids_names[0])
#define N_OTHER_INPUTS (sizeof other_inputs / sizeof other_inputs[0])

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

bool heed_reference_is_input(const char *local)
{
    return is_one_of(local, ids_names, N_IDS_NAMES) || is_one_of(local, other_inputs, N_OTHER_INPUTS);
}

/* --- cases --- */

/* Notes the case when the name is that of ids; false when memory is out. */
static bool note_case(heed_reference *r, const char *name)
{
    const char *slash = strrchr(name, '/'), *local = slash != NULL ? slash + 1 : name;
    const int n = slash != NULL ? (int)(slash - name) : 0;

    if (!is_one_of(local, ids_names, N_IDS_NAMES))
        return true;
    for (int i = 0; i < r->n_cases; i++) {
        if (strncmp(r->cases[i], name, (size_t)n) == 0 && r->cases[i][n] == '\0')
            return true;
    }
    r->cases[r->n_cases] = heed_arena_format(r->arena, "%.*s", n, name);
    return r->cases[r->n_cases++] != NULL;
}

static heed_status find_cases(heed_reference *r, heed_error *err)
{
    const size_t n = heed_safetensors_n_entries(r->file), n_metadata = heed_safetensors_n_metadata(r->file);
    bool whole = true;

    r->cases = heed_arena_alloc(r->arena, (n + n_metadata) * sizeof *r->cases);
    whole = r->cases != NULL;
    for (size_t i = 0; i < n && whole; i++)
        whole = note_case(r, heed_safetensors_at(r->file, i)->name);
    for (size_t i = 0; i < n_metadata && whole; i++) {
        const char *key = heed_safetensors_metadata_at(r->file, i).key, *slash = strrchr(key, '/');
        if (strcmp(slash != NULL ? slash + 1 : key, "text") == 0)
            whole = note_case(r, key);
    }
    if (!whole)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for its list of cases", r->where);
    if (r->n_cases == 0)
        return heed_fail(
            err, HEED_ERR_FILE,
            "%s: expected token ids (a tensor ids, input_ids, tokens or prompt, or \"text\" in the "
            "metadata), found none",
            r->where);
    return HEED_OK;
}

heed_status heed_reference_open(const char *path, heed_reference *r, heed_error *err)
{
    char shown[200];
    heed_status status;

    *r = (heed_reference){.arena = heed_arena_create()};
    if (r->arena == NULL || (r->where = heed_arena_format(
                                 r->arena, "%s", heed_quote(shown, sizeof shown, path, strlen(path)))) == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to open a file of activations");
    status = heed_safetensors_open(path, &r->file, err);
    return status == HEED_OK ? find_cases(r, err) : status;
}

void heed_reference_close(heed_reference *r)
{
    heed_safetensors_close(r->file);
    heed_arena_destroy(r->arena);
    *r = (heed_reference){0};
}

int heed_reference_case(const heed_reference *r, const char *name, const char **local)
{
    int found = -1;
    size_t longest = 0;

    for (int i = 0; i < r->n_cases; i++) {
        const size_t n = strlen(r->cases[i]);
        if (n == 0 && found < 0) {
            found = i;
            *local = name;
        } else if (n > longest && strncmp(name, r->cases[i], n) == 0 && name[n] == '/') {
            found = i;
            longest = n;
            *local = name + n + 1;
        }
    }
    return found;
}

/* --- what a case reads --- */

/* CASE/NAME, or NAME in the case "". */
static void full_name(char out[FULL_SIZE], const heed_reference *r, int i, const char *local)
{
    snprintf(out, FULL_SIZE, "%s%s%s", r->cases[i], r->cases[i][0] != '\0' ? "/" : "", local);
}

static const heed_safetensors_entry *find(const heed_reference *r, int i, const char *local)
{
    char name[FULL_SIZE];

    full_name(name, r, i, local);
    return heed_safetensors_find(r->file, name);
}

/* A tensor of whole numbers [T] or [batch, T]. */
static heed_status read_numbers(const heed_reference *r, const heed_safetensors_entry *entry,
                                const int32_t **out, heed_error *err)
{
    char shape[192], name[NAME_SIZE];
    int32_t *numbers;

    if (entry->rank < 1 || entry->rank > 2 || entry->count == 0)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: tensor \"%s\": expected [length] or [batch, length], file has %s", r->where,
                         heed_quote(name, sizeof name, entry->name, strlen(entry->name)),
                         heed_safetensors_shape(shape, sizeof shape, entry));
    numbers = heed_arena_alloc(r->arena, (size_t)entry->count * sizeof *numbers);
    *out = numbers;
    if (numbers == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for %lld tokens", r->where,
                         (long long)entry->count);
    return heed_safetensors_read_i32(entry, numbers, err);
}

static heed_status read_text(const heed_reference *r, int i, const heed_model *model, heed_forward_ids *in,
                             heed_error *err)
{
    char name[FULL_SIZE];
    const char *text;
    int32_t *ids = NULL, *kept;
    size_t n = 0;
    heed_status status;

    full_name(name, r, i, "text");
    text = heed_safetensors_metadata(r->file, name);
    if (text == NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: expected ids as a tensor, \"%.128s\" is none", r->where,
                         name);
    status = heed_model_encode(model, text, strlen(text), &ids, &n, err);
    if (status != HEED_OK)
        return status;
    kept = heed_arena_alloc(r->arena, (n + 1) * sizeof *kept);
    if (kept != NULL)
        memcpy(kept, ids, n * sizeof *kept);
    free(ids);
    *in = (heed_forward_ids){.ids = kept, .batch = 1, .length = (int64_t)n};
    return kept != NULL ? HEED_OK
                        : heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for its text", r->where);
}

static heed_status read_ids(const heed_reference *r, int i, const heed_model *model, heed_forward_ids *in,
                            heed_error *err)
{
    for (size_t k = 0; k < N_IDS_NAMES; k++) {
        const heed_safetensors_entry *entry = find(r, i, ids_names[k]);
        if (entry == NULL)
            continue;
        in->batch = entry->rank == 2 ? entry->size[0] : 1;
        in->length = entry->rank > 0 ? entry->size[entry->rank - 1] : 0;
        return read_numbers(r, entry, &in->ids, err);
    }
    return read_text(r, i, model, in, err);
}

/* labels [batch, T] as targets: one place to the left. */
static heed_status shift(const heed_reference *r, heed_forward_ids *in, heed_error *err)
{
    const int64_t n = in->batch * in->length;
    int32_t *shifted = heed_arena_alloc(r->arena, (size_t)n * sizeof *shifted);

    if (shifted == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for its labels", r->where);
    for (int64_t k = 0; k < n; k++)
        shifted[k] = k % in->length == in->length - 1 ? -1 : in->targets[k + 1];
    in->targets = shifted;
    return HEED_OK;
}

static heed_status read_targets(const heed_reference *r, int i, heed_forward_ids *in, heed_error *err)
{
    const heed_safetensors_entry *targets = find(r, i, "targets"), *labels = find(r, i, "labels");
    const heed_safetensors_entry *entry = targets != NULL ? targets : labels;
    heed_status status;

    if (entry == NULL)
        return HEED_OK;
    if (entry->count != in->batch * in->length)
        return heed_fail(err, HEED_ERR_FILE,
                         "%s: case \"%s\": expected as many targets as ids, %lld, file has %lld", r->where,
                         r->cases[i], (long long)(in->batch * in->length), (long long)entry->count);
    status = read_numbers(r, entry, &in->targets, err);
    return status == HEED_OK && targets == NULL ? shift(r, in, err) : status;
}

/* Only what changes nothing: every token is seen, and stands where it stands. */
static heed_status check_others(const heed_reference *r, int i, const heed_forward_ids *in, heed_error *err)
{
    const heed_safetensors_entry *mask = find(r, i, "attention_mask"), *places = find(r, i, "position_ids");

    for (int64_t k = 0; mask != NULL && k < mask->count; k++) {
        if (heed_safetensors_number(mask, k) != 1.0)
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: case \"%s\": an attention_mask that hides tokens is not supported", r->where,
                             r->cases[i]);
    }
    for (int64_t k = 0; places != NULL && k < places->count; k++) {
        if (heed_safetensors_number(places, k) != (double)(k % in->length))
            return heed_fail(err, HEED_ERR_FILE,
                             "%s: case \"%s\": position_ids other than 0, 1, 2, … are not supported", r->where,
                             r->cases[i]);
    }
    return HEED_OK;
}

heed_status heed_reference_read(const heed_reference *r, int i, const heed_model *model, heed_forward_ids *in,
                                heed_error *err)
{
    heed_status status;

    *in = (heed_forward_ids){0};
    status = read_ids(r, i, model, in, err);
    if (status == HEED_OK)
        status = read_targets(r, i, in, err);
    return status == HEED_OK ? check_others(r, i, in, err) : status;
}

double heed_reference_tolerance(const heed_reference *r, int i, const char *kind, const char *local,
                                double fallback)
{
    char key[FULL_SIZE / 2], within[FULL_SIZE];
    const char *text, *names[] = {local, "*"};
    char *end;

    for (size_t k = 0; k < 2; k++) {
        snprintf(key, sizeof key, "%s/%s", kind, names[k]);
        full_name(within, r, i, key);
        text = heed_safetensors_metadata(r->file, within);
        if (text != NULL) {
            const double value = strtod(text, &end);
            return end != text && *end == '\0' && value >= 0.0 ? value : fallback;
        }
    }
    return fallback;
}
