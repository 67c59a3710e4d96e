/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: a set of files that changes as one.
 *
 *   1. every file is written beside the old one as NAME.next, and is on the disk
 *   2. the empty file checkpoint.commit appears: from here on the new set is the one that counts
 *   3. each NAME.next is renamed to NAME, then checkpoint.commit goes
 *
 * A process that dies before 2 leaves the old set, and stray .next files that the next resume removes. One that dies
 * after 2 leaves renames to be finished, which the next resume does. So there is never half a checkpoint.
 * Reading one: checkpoint_read.c.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "nn/config_json.h"
#include "train/trainer.h"

/* In the order in which they are written and renamed: the model's numbers last. */
const char *const heed_checkpoint_files[HEED_N_CHECKPOINT_FILES] = {
    "optimizer.safetensors", "trainer.json", "config.json", "tokenizer.json", "model.safetensors",
};

#define COMMIT "checkpoint.commit"

static heed_status path_of(char *out, const char *folder, const char *name, const char *suffix, heed_error *err)
{
    char full[64];

    snprintf(full, sizeof full, "%s%s", name, suffix);
    return heed_path_join(out, HEED_PATH_BYTES, folder, full, err);
}

/* --- the set as one --- */

static heed_status move_all(const char *folder, heed_error *err)
{
    char from[HEED_PATH_BYTES], to[HEED_PATH_BYTES];
    heed_status status = HEED_OK;

    for (int i = 0; i < HEED_N_CHECKPOINT_FILES && status == HEED_OK; i++) {
        status = path_of(from, folder, heed_checkpoint_files[i], ".next", err);
        if (status == HEED_OK)
            status = path_of(to, folder, heed_checkpoint_files[i], "", err);
        if (status == HEED_OK && rename(from, to) != 0 && errno != ENOENT)
            status = heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be renamed: %s", from, strerror(errno));
    }
    if (status == HEED_OK)
        status = heed_folder_sync(folder, err);
    if (status == HEED_OK)
        status = path_of(to, folder, COMMIT, "", err);
    if (status == HEED_OK && unlink(to) != 0 && errno != ENOENT)
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be removed: %s", to, strerror(errno));
    /* The next set must not be begun while the disk may still show this one's commit. */
    return status == HEED_OK ? heed_folder_sync(folder, err) : status;
}

/* The commit goes first: without it nobody takes what is left of the new set. */
static void drop_all(const char *folder)
{
    char path[HEED_PATH_BYTES];

    if (path_of(path, folder, COMMIT, "", NULL) == HEED_OK && unlink(path) == 0)
        heed_folder_sync(folder, NULL);
    for (int i = 0; i < HEED_N_CHECKPOINT_FILES; i++) {
        if (path_of(path, folder, heed_checkpoint_files[i], ".next", NULL) == HEED_OK)
            unlink(path);
    }
}

/* Temporary files of a process that died while it wrote. */
static void sweep(const char *folder)
{
    char path[HEED_PATH_BYTES];

    for (int i = 0; i < HEED_N_CHECKPOINT_FILES; i++) {
        if (path_of(path, folder, heed_checkpoint_files[i], ".next", NULL) == HEED_OK)
            heed_file_sweep(path);
    }
    if (path_of(path, folder, COMMIT, "", NULL) == HEED_OK)
        heed_file_sweep(path);
    /* of heed_checkpoint_begin() and heed_checkpoint_write_state() */
    if (path_of(path, folder, "trainer.json", "", NULL) == HEED_OK)
        heed_file_sweep(path);
    if (path_of(path, folder, "tokenizer.json", "", NULL) == HEED_OK)
        heed_file_sweep(path);
}

/* Finishes a set that is committed, drops one that is not. */
static heed_status settle(const char *folder, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    const heed_status status = path_of(path, folder, COMMIT, "", err);

    if (status != HEED_OK)
        return status;
    if (heed_file_exists(path))
        return move_all(folder, err);
    drop_all(folder);
    return HEED_OK;
}

heed_status heed_checkpoint_recover(const char *folder, heed_error *err)
{
    sweep(folder);
    return settle(folder, err);
}

bool heed_checkpoint_is_settled(const char *folder)
{
    char path[HEED_PATH_BYTES];

    return path_of(path, folder, COMMIT, "", NULL) == HEED_OK && !heed_file_exists(path);
}

bool heed_checkpoint_exists(const char *folder)
{
    static const char *const others[] = {COMMIT, "log.jsonl"};
    char path[HEED_PATH_BYTES];

    for (int i = 0; i < HEED_N_CHECKPOINT_FILES + 2; i++) {
        const char *name = i < HEED_N_CHECKPOINT_FILES ? heed_checkpoint_files[i]
                                                       : others[i - HEED_N_CHECKPOINT_FILES];
        if (path_of(path, folder, name, "", NULL) == HEED_OK && heed_file_exists(path))
            return true;
    }
    return false;
}

/* --- writing the files --- */

static heed_status write_config(const heed_trainer *t, const char *path, heed_error *err)
{
    json_t *root = heed_config_to_json(&t->model->config);

    if (root != NULL && t->start.ids != NULL && heed_config_is_gpt2(&t->model->config))
        json_object_update(root, t->start.ids);
    const heed_status status = root != NULL ? heed_json_write(path, root, err)
                                            : heed_fail(err, HEED_ERR_MEMORY, "not enough memory to save");

    json_decref(root);
    return status;
}

static heed_status write_tokenizer(const heed_trainer *t, const char *path, heed_error *err)
{
    heed_text_buffer text = {0};
    heed_status status = heed_tokenizer_write(t->model->tokenizer, &text, err);

    if (status == HEED_OK)
        status = heed_file_write(path, &(heed_bytes){text.data, text.size}, 1, err);
    heed_text_free(&text);
    return status;
}

static bool put_more_texts(const heed_trainer *t, json_t *root)
{
    json_t *list = json_array();
    bool done = list != NULL;

    for (int i = 0; i < t->text.n_more; i++)
        done = done && json_array_append_new(list, json_string(t->text.more[i])) == 0;
    return json_object_set_new(root, "more_texts", list) == 0 && done;
}

static bool put_known(json_t *root, const char *name, double value)
{
    return isnan(value) || json_object_set_new(root, name, json_real(value)) == 0;
}

static heed_status write_state(const heed_trainer *t, const char *path, heed_error *err)
{
    int n_options, n_config;
    const heed_field *option_fields = heed_train_fields(&n_options);
    const heed_field *config_fields = heed_config_fields(&n_config);
    json_t *options = json_object(), *config = json_object(), *root = NULL;
    heed_status status = HEED_ERR_MEMORY;
    char hash[24], tokenizer_hash[24];

    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)t->text.hash);
    snprintf(tokenizer_hash, sizeof tokenizer_hash, "%016llx", (unsigned long long)t->tokenizer.hash);
    if (heed_fields_to_json(option_fields, n_options, &t->options, options) &&
        heed_fields_to_json(config_fields, n_config, &t->model->config, config))
        root = json_pack("{s:s, s:I, s:I, s:s, s:I, s:s, s:s, s:s, s:O, s:O}", "heed_version", HEED_VERSION,
                         "step", (json_int_t)t->step, "batches_position", (json_int_t)t->batches.position,
                         "text", t->text.path, "text_bytes", (json_int_t)t->text.bytes, "text_hash", hash,
                         "tokenizer", t->tokenizer.path, "tokenizer_hash", tokenizer_hash, "options", options,
                         "config", config);
    if (root != NULL &&
        ((t->text.n_more > 0 && !put_more_texts(t, root)) || !put_known(root, "floor", t->plan.floor) ||
         !put_known(root, "first_loss", t->first_loss) || !heed_start_put(t, root))) {
        json_decref(root);
        root = NULL;
    }
    if (root != NULL && json_object_set_new(root, "guard", heed_guard_to_json(&t->guard)) == 0 &&
        json_object_set_new(root, "best", heed_best_to_json(&t->best)) == 0)
        status = heed_json_write(path, root, err);
    else
        heed_fail(err, HEED_ERR_MEMORY, "not enough memory to save");
    json_decref(root);
    json_decref(config);
    json_decref(options);
    return status;
}

static heed_safetensors_entry entry_of(const heed_parameter *p, const char *name, const float *data)
{
    heed_safetensors_entry entry = {.name = name, .dtype = HEED_SAFETENSORS_F32, .rank = p->rank, .data = data};

    memcpy(entry.size, p->size, sizeof p->size);
    return entry;
}

/* Moments that lie with other ranks, by the entries of the file. */
typedef struct moments_elsewhere {
    heed_gathering *gathering;
    size_t *which; /* of each entry: its number among all m and v */
} moments_elsewhere;

static heed_status put_moments(void *context, size_t i, heed_file_sink *sink, heed_error *err)
{
    const moments_elsewhere *m = context;

    return heed_gathering_put(m->gathering, m->which[i], sink, err);
}

static const char *name_of_moment(heed_arena *names, const heed_parameter *p, int second)
{
    return heed_arena_format(names, "%s.%s", second ? "v" : "m", p->name);
}

/* What is frozen has no moments, and not every optimizer has two. gathering: of several ranks; NULL: all numbers are here. */
static heed_status write_moments(const heed_trainer *t, const char *path, heed_gathering *gathering,
                                 heed_error *err)
{
    const heed_weights *w = t->model->weights;
    const heed_safetensors_pair format = {"format", "pt"};
    const size_t n = 2 * (size_t)w->n;
    size_t n_entries = 0;
    heed_safetensors_entry *entries = calloc(n + 1, sizeof *entries);
    moments_elsewhere elsewhere = {gathering, calloc(n + 1, sizeof *elsewhere.which)};
    heed_arena *names = heed_arena_create();
    bool ok = entries != NULL && elsewhere.which != NULL && names != NULL;
    heed_status status;

    for (size_t i = 0; i < n && ok; i++) {
        const int k = (int)(i % (size_t)w->n), second = i >= (size_t)w->n;
        const char *name = name_of_moment(names, &w->list[k], second);
        ok = name != NULL;
        if (!heed_step_has_moment(&t->train, k, second))
            continue;
        elsewhere.which[n_entries] = i;
        entries[n_entries++] = entry_of(&w->list[k], name,
                                        gathering != NULL ? NULL : heed_step_moment(&t->train, w, k, second));
    }
    status = ok ? heed_safetensors_write_from(path, entries, n_entries, &format, 1, put_moments, &elsewhere,
                                              err)
                : heed_fail(err, HEED_ERR_MEMORY, "not enough memory to save");
    free(entries);
    free(elsewhere.which);
    heed_arena_destroy(names);
    return status;
}

static heed_status write_weights(const heed_trainer *t, const char *path, heed_error *err)
{
    const heed_weights *w = t->model->weights;
    const heed_safetensors_pair format = {"format", "pt"}; /* what transformers looks for */
    heed_safetensors_entry *entries = calloc((size_t)w->n + 1, sizeof *entries);
    heed_arena *names = heed_arena_create();
    bool ok = entries != NULL && names != NULL;
    heed_status status;

    for (int i = 0; i < w->n && ok; i++) {
        const heed_parameter *p = &w->list[i];
        const bool head = strncmp(p->name, "lm_head", 7) == 0 || strncmp(p->name, "table", 5) == 0;
        const char *name = heed_arena_format(names, "%s%s", head ? "" : "transformer.", p->name);
        ok = name != NULL;
        entries[i] = entry_of(p, name, p->data);
    }
    status = ok ? heed_safetensors_write(path, entries, (size_t)w->n, &format, 1, err)
                : heed_fail(err, HEED_ERR_MEMORY, "not enough memory to save");
    free(entries);
    heed_arena_destroy(names);
    return status;
}

static heed_status write_one(const heed_trainer *t, const char *name, heed_gathering *gathering,
                             heed_error *err)
{
    char path[HEED_PATH_BYTES];
    const heed_status status = path_of(path, t->folder, name, ".next", err);

    if (status != HEED_OK)
        return status;
    if (strcmp(name, "config.json") == 0)
        return write_config(t, path, err);
    if (strcmp(name, "tokenizer.json") == 0)
        return write_tokenizer(t, path, err);
    if (strcmp(name, "trainer.json") == 0)
        return write_state(t, path, err);
    if (strcmp(name, "optimizer.safetensors") == 0)
        return write_moments(t, path, gathering, err);
    return write_weights(t, path, err);
}

heed_status heed_checkpoint_write_state(const heed_trainer *t, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    const heed_status status = path_of(path, t->folder, "trainer.json", "", err);

    return status == HEED_OK ? write_state(t, path, err) : status;
}

heed_status heed_checkpoint_begin(heed_trainer *t, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_status status;

    sweep(t->folder);
    status = heed_checkpoint_write_state(t, err);
    /* Characters are there again at once; another vocabulary may take long to learn, or be gone. */
    if (status == HEED_OK && (t->options.tokenizer != HEED_TRAIN_CHARACTERS || t->tokenizer.path[0] != '\0' ||
                              heed_start_gives_tokenizer(t))) {
        status = path_of(path, t->folder, "tokenizer.json", "", err);
        if (status == HEED_OK)
            status = write_tokenizer(t, path, err);
    }
    return status;
}

static heed_status save_all(heed_trainer *t, heed_gathering *gathering, heed_error *err)
{
    char path[HEED_PATH_BYTES];
    heed_status status = settle(t->folder, err); /* what an earlier save could not finish */

    if (status != HEED_OK)
        return status;
    status = heed_log_sync(t, err);
    for (int i = 0; i < HEED_N_CHECKPOINT_FILES && status == HEED_OK; i++)
        status = write_one(t, heed_checkpoint_files[i], gathering, err);
    if (status == HEED_OK)
        status = path_of(path, t->folder, COMMIT, "", err);
    if (status == HEED_OK)
        status = heed_file_write(path, NULL, 0, err);
    if (status != HEED_OK) {
        drop_all(t->folder);
        return status;
    }
    return move_all(t->folder, err);
}

heed_status heed_checkpoint_save(heed_trainer *t, heed_error *err)
{
    heed_gathering gathering = {.trainer = t};
    heed_status status, rest;
    heed_error rest_err;

    if (t->reduce == NULL)
        return save_all(t, NULL, err);
    if (!heed_trainer_writes(t))
        return heed_ranks_agree(t->options.ranks, heed_moments_send(t, err), err);
    status = save_all(t, &gathering, err);
    rest = heed_gathering_end(&gathering, &rest_err);
    if (status == HEED_OK && rest != HEED_OK)
        status = heed_fail(err, rest, "%s", rest_err.message);
    return heed_ranks_agree(t->options.ranks, status, err);
}
