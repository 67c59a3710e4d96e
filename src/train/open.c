/* SPDX-License-Identifier: MIT */
/* Making or resuming a run: its model, its folder. Its memory: prepare.c. Its text: text.c. Running it: trainer.c. */
#include "train/trainer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "kernels/limits.h"
#include "train/keep.h"

#define PEAK_SECONDS 0.15 /* for measuring the matrix peak before a run */

/* --- making and resuming --- */

/* The warm-up only rises, and nothing behind it is above its end. */
static double highest_rate(const heed_train_options *o)
{
    const heed_schedule schedule = heed_schedule_of(o);

    return o->warmup_steps < o->steps ? o->learning_rate : heed_schedule_rate(&schedule, o->steps - 1);
}

/* What multiplies, where it is not f32. */
static const char *precision_text(const heed_trainer *t)
{
    if (t->options.precision == HEED_PRECISION_F32)
        return "";
    return t->device.products != NULL && heed_products_has_bf16(t->device.products) ? ", bf16"
                                                                                    : ", bf16 as floats";
}

static void describe(heed_trainer *t)
{
    t->plan.initial_loss = t->plan.initial_tolerance = NAN;
    t->plan.highest_rate = highest_rate(&t->options);
    snprintf(t->device_text, sizeof t->device_text, "%s, %d thread%s%s%s%s%s", heed_device_name(&t->device),
             t->device.n_threads, t->device.n_threads == 1 ? "" : "s", t->device.products != NULL ? ", " : "",
             t->device.products != NULL ? heed_products_engine(t->device.products) : "",
             t->device.strict ? ", strict" : "", precision_text(t));
    t->plan.device = t->device_text;
}

/*
 * Measures the matrix peak. That wakes the threads and brings code into memory, so only now the process is as large as
 * it will be beside its block, of which nothing has been touched yet.
 */
static void measure(heed_trainer *t)
{
    heed_rate rate;
    double peak;

    if (t->device.kernels != NULL && !t->options.unmeasured &&
        heed_limits_peak(&t->device, PEAK_SECONDS, &rate, NULL) == HEED_OK)
        t->plan.matrix_peak_flops = rate.best;
    peak = (double)heed_memory_peak();
    t->plan.process_bytes = (double)heed_memory_block_bytes(t->block_bytes) + (double)heed_memory_resident() +
                            (t->reduce != NULL ? (double)t->reduce->bytes : 0.0) +
                            (double)t->start.teacher.out_bytes + heed_trainer_batch_bytes(t);
    if (t->start.teacher.model != NULL) /* mapped, and read as a whole when it was opened */
        t->plan.teacher_bytes = heed_weights_stored_bytes(t->start.teacher.model->weights);
    if (peak > t->plan.process_bytes)
        t->plan.process_bytes = peak;
}

int heed_trainer_threads(const heed_trainer *t)
{
    const bool divided = t->options.threads == 0 && heed_ranks_size(t->options.ranks) > 1;

    return divided ? heed_ranks_processors(t->options.ranks) : (int)t->options.threads;
}

static heed_status open_device(heed_trainer *t, heed_error *err)
{
    const int threads = heed_trainer_threads(t);

    return t->options.strict ? heed_device_open_strict(&t->device, NULL, threads, err)
                             : heed_device_open(&t->device, NULL, threads, err);
}

/* Tokens that go into a file are made by the first rank, which says whether they do, and the others find them there. */
static heed_status open_text(heed_trainer *t, heed_config *config, bool resumed, heed_tokenizer **tokenizer,
                             heed_error *err)
{
    heed_ranks *ranks = t->options.ranks;
    unsigned char in_turn = heed_ranks_size(ranks) > 1 && t->text.path[0] != '\0' &&
                            heed_text_size(&t->text) > (uint64_t)t->options.token_file_bytes;
    heed_status status = heed_ranks_broadcast(ranks, 0, &in_turn, sizeof in_turn, err);

    if (status == HEED_OK && in_turn && !heed_trainer_writes(t))
        status = heed_ranks_agree(ranks, HEED_OK, err);
    if (status == HEED_OK)
        status = heed_text_open(t, config, resumed, tokenizer, err);
    if (in_turn && heed_trainer_writes(t))
        status = heed_ranks_agree(ranks, status, err);
    return status;
}

/* Models that the run begins with or learns from. */
static heed_status open_models(heed_trainer *t, heed_config *config, bool resumed, heed_error *err)
{
    heed_status status = HEED_OK;

    if (t->options.from[0] != '\0' && !resumed)
        status = heed_from_open(t, config, err);
    if (status == HEED_OK && t->options.distill[0] != '\0')
        status = heed_teacher_open(t, config, err);
    return status;
}

/* Everything after the options are known: text, model, memory. All ranks come here, or none. */
static heed_status set_up(heed_trainer *t, heed_config *config, bool resumed, heed_error *err)
{
    heed_tokenizer *tokenizer = NULL;
    heed_weights *weights = NULL;
    heed_status status = open_text(t, config, resumed, &tokenizer, err);

    if (status == HEED_OK && t->options.distill[0] != '\0')
        status = heed_teacher_check_tokens(t, tokenizer, err);
    if (status == HEED_OK)
        status = heed_order_begin(t, config->context_length, err);
    if (status == HEED_OK)
        status = heed_config_check(config, err);
    if (status == HEED_OK)
        status = heed_weights_create(config, &weights, err);
    if (status != HEED_OK) {
        heed_tokenizer_destroy(tokenizer);
        return status;
    }
    status = heed_model_wrap(weights, tokenizer, &t->model, err);
    if (status == HEED_OK && t->options.from[0] != '\0')
        status = heed_from_keep_ids(t, resumed, err);
    if (status == HEED_OK)
        status = open_device(t, err);
    if (status == HEED_OK)
        status = heed_trainer_prepare(t, resumed, err);
    if (status != HEED_OK)
        return status;
    describe(t);
    measure(t);
    return HEED_OK;
}

/* `what` is the path of, in messages. */
heed_status heed_absolute_path(char *out, const char *path, const char *what, heed_error *err)
{
    char *full = realpath(path, NULL);
    char shown[256];
    heed_status status = HEED_OK;

    if (full != NULL && !heed_utf8_is_valid(full, strlen(full))) {
        free(full);
        return heed_fail(err, HEED_ERR_USAGE,
                         "%s: the path is not UTF-8, so no checkpoint can name it; rename the %s",
                         heed_quote(shown, sizeof shown, path, strlen(path)), what);
    }
    if (full == NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: cannot be opened: %s",
                         heed_quote(shown, sizeof shown, path, strlen(path)), strerror(errno));
    if (strlen(full) >= HEED_PATH_BYTES)
        status = heed_fail(err, HEED_ERR_FILE, "the %s's path is longer than %d bytes", what,
                           HEED_PATH_BYTES - 1);
    else
        memcpy(out, full, strlen(full) + 1);
    free(full);
    return status;
}

/* Two processes in one folder would write over each other's files. The lock goes with the process, however it ends. */
static heed_status lock_folder(heed_trainer *t, heed_error *err)
{
    t->lock = open(t->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->lock < 0)
        return heed_fail(err, HEED_ERR_FILE, "%.300s: cannot be opened: %s", t->folder, strerror(errno));
    if (flock(t->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return heed_fail(err, HEED_ERR_USAGE, "%.300s: another process is training in this folder", t->folder);
    return HEED_OK;
}

static heed_status set_folder(heed_trainer *t, const char *folder, heed_error *err)
{
    if (strlen(folder) >= sizeof t->folder - 64)
        return heed_fail(err, HEED_ERR_USAGE, "the folder's path is longer than %zu bytes",
                         sizeof t->folder - 65);
    memcpy(t->folder, folder, strlen(folder) + 1);
    return HEED_OK;
}

static heed_status check_unused(const heed_trainer *t, heed_error *err)
{
    if (!heed_checkpoint_exists(t->folder))
        return heed_keep_check_unused(t, err);
    return heed_fail(err, HEED_ERR_USAGE,
                     "%.300s: there is a model already; resume it, or choose another folder", t->folder);
}

/* The folder becomes this run's. */
static heed_status begin_folder(heed_trainer *t, heed_error *err)
{
    heed_status status = heed_folder_make(t->folder, err);

    if (status == HEED_OK)
        status = lock_folder(t, err);
    if (status == HEED_OK) /* once more: another process may have trained here while this one read its text */
        status = check_unused(t, err);
    if (status == HEED_OK)
        status = heed_checkpoint_begin(t, err);
    return status == HEED_OK ? heed_log_open(t, err) : status;
}

/* Bytes of a text in JSON, at most. */
static size_t json_bytes(const char *text)
{
    size_t n = sizeof "\n    \"\",";

    for (; *text != '\0'; text++)
        n += (unsigned char)*text < 0x20 ? 6 : *text == '"' || *text == '\\' ? 2 : 1;
    return n;
}

/* trainer.json names them all, and is read back up to its limit: half of it is for them. */
static heed_status add_texts(heed_trainer *t, heed_error *err)
{
    const heed_train_options *o = &t->options;
    heed_status status = HEED_OK;
    char path[HEED_PATH_BYTES];
    size_t bytes = 0;

    for (int i = 0; status == HEED_OK && i < o->n_more_texts; i++) {
        status = heed_absolute_path(path, o->more_texts[i], "text", err);
        bytes += status == HEED_OK ? json_bytes(path) : 0;
        if (bytes > HEED_JSON_CONFIG_BYTES / 2)
            status = heed_fail(
                err, HEED_ERR_USAGE,
                "expected texts whose paths take at most %zu bytes, these %d take more: join some of them",
                HEED_JSON_CONFIG_BYTES / 2, o->n_more_texts + 1);
        if (status == HEED_OK)
            status = heed_text_add(&t->text, path, err);
    }
    return status;
}

/* Of the first step, before it is taken. */
static int64_t first_targets(heed_trainer *t)
{
    heed_batches batches = t->batches;

    heed_batches_next(&batches, t->ids, t->targets);
    return heed_count_targets(t->targets, t->options.batch_size * t->model->config.context_length);
}

/* Several ranks each have a part of the gradients alone. A run that they go on with takes no looks. */
static heed_status check_looks(const heed_train_options *o, heed_error *err)
{
    if (o->group_interval == 0 || heed_ranks_size(o->ranks) == 1)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE,
                     "group_interval: expected a single process, not several ranks, or it has no effect");
}

/* -1 stands for the usual; what is a little below 0 was meant otherwise. */
static heed_status check_negative(const char *name, double value, heed_error *err)
{
    if (value >= 0.0 || value == -1.0)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE, "%s: expected 0 or more, or -1 for the usual, got %g", name, value);
}

/* More texts are read behind a first one. */
static heed_status check_texts(const char *text_path, const heed_train_options *o, heed_error *err)
{
    if (o->n_more_texts == 0 || text_path != NULL)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE, "more_texts: expected a text before them, got none");
}

static heed_status no_memory(heed_error *err)
{
    return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a training run");
}

/*
 * What may fail at one rank alone ends in heed_ranks_agree() here, and so does heed_trainer_resume_with(): before ranks
 * wait for each other in open_text(), before they compare, and before the folder is touched.
 */
heed_status heed_trainer_create(const char *text_path, const heed_config *config,
                                const heed_train_options *options, const char *folder, heed_trainer **trainer,
                                heed_error *err)
{
    int n;
    const heed_field *fields = heed_train_fields(&n);
    heed_config own = *config;
    heed_trainer *t = calloc(1, sizeof *t);
    heed_status status;

    *trainer = NULL;
    if (t == NULL)
        return heed_ranks_agree(options->ranks, no_memory(err), err);
    t->lock = -1;
    t->saved_step = -1;
    t->best.loss = t->first_loss = NAN;
    t->options = *options;
    status = heed_fields_check(fields, n, options, err);
    if (status == HEED_OK)
        status = heed_best_check(options, err);
    if (status == HEED_OK)
        status = check_looks(options, err);
    if (status == HEED_OK)
        status = check_negative("weight_decay", options->weight_decay, err);
    if (status == HEED_OK)
        status = check_negative("min_learning_rate", options->min_learning_rate, err);
    if (status == HEED_OK)
        status = heed_schedule_check(options, err);
    if (status == HEED_OK)
        status = check_texts(text_path, options, err);
    if (status == HEED_OK && folder != NULL)
        status = set_folder(t, folder, err);
    if (status == HEED_OK && folder != NULL && heed_trainer_writes(t))
        status = check_unused(t, err);
    /* as a rank that resumes: what they were given is compared later */
    status = heed_ranks_agree(t->options.ranks, status, err);
    if (status == HEED_OK && text_path != NULL)
        status = heed_absolute_path(t->text.path, text_path, "text", err);
    if (status == HEED_OK)
        status = add_texts(t, err);
    if (status == HEED_OK && options->tokenizer_path != NULL)
        status = heed_absolute_path(t->tokenizer.path, options->tokenizer_path, "tokenizer", err);
    if (status == HEED_OK)
        status = heed_start_check(t, err);
    if (status == HEED_OK)
        status = open_models(t, &own, false, err);
    status = heed_ranks_agree(t->options.ranks, status, err);
    if (status == HEED_OK)
        status = set_up(t, &own, false, err);
    if (status == HEED_OK)
        status = heed_start_weights(t, err);
    status = heed_ranks_agree(t->options.ranks, status, err);
    if (status == HEED_OK)
        status = heed_trainer_compare(t, err);
    if (status == HEED_OK && folder != NULL && heed_trainer_writes(t))
        status = begin_folder(t, err);
    status = heed_ranks_agree(t->options.ranks, status, err);
    if (status != HEED_OK) {
        heed_trainer_close(t);
        return status;
    }
    if (options->from[0] == '\0' && options->init_embeddings[0] == '\0' && options->task == 0)
        t->plan.initial_loss = heed_initial_loss(&t->model->config, first_targets(t),
                                                 &t->plan.initial_tolerance);
    t->start_s = heed_clock_s();
    *trainer = t;
    return HEED_OK;
}

/*
 * What a run was made with and cannot be gone on with was changed in its file. Ranks and threads are said anew each time;
 * threads have been checked.
 */
static heed_status blame_file(const heed_trainer *t, heed_status status, heed_error *err)
{
    heed_error fault;

    if (status != HEED_ERR_USAGE || heed_ranks_size(t->options.ranks) > 1)
        return status;
    if (err == NULL)
        return HEED_ERR_FILE;
    fault = *err;
    return heed_fail(err, HEED_ERR_FILE, "%.180s/trainer.json: %s", t->folder, fault.message);
}

static heed_status find_folder(heed_trainer *t, heed_error *err)
{
    heed_status status;

    if (!heed_file_is_folder(t->folder))
        return heed_fail(err, HEED_ERR_FILE, "%.300s: expected the folder of a training run, %s", t->folder,
                         heed_file_exists(t->folder) ? "this is a file" : "there is nothing of that name");
    status = lock_folder(t, err);
    return status == HEED_OK ? heed_checkpoint_recover(t->folder, err) : status;
}

/*
 * Nobody reads the folder before the first rank has put it in order. Who only looks takes it as it is: nothing is locked,
 * recovered or opened for writing.
 */
static heed_status open_run(const char *folder, const heed_resume_options *o, bool looks,
                            heed_trainer **trainer, heed_error *err)
{
    heed_ranks *ranks = o->ranks;
    heed_trainer *t = calloc(1, sizeof *t);
    int n;
    const heed_field *fields = heed_train_fields(&n);
    heed_config config = heed_config_default();
    uint64_t position = 0;
    heed_status status;

    *trainer = NULL;
    if (t == NULL)
        return heed_ranks_agree(ranks, no_memory(err), err);
    t->lock = -1;
    t->saved_step = -1;
    t->best.loss = t->first_loss = NAN;
    t->options = heed_train_options_default();
    t->options.ranks = ranks;
    status = set_folder(t, folder, err);
    if (status == HEED_OK && !looks && heed_trainer_writes(t))
        status = find_folder(t, err);
    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK)
        status = heed_checkpoint_read_state(folder, t, &config, &position, err);
    if (o->threads >= 0)
        t->options.threads = o->threads;
    if (status == HEED_OK && o->steps != 0)
        status = heed_order_change_steps(t, o->steps, err);
    if (status == HEED_OK)
        status = heed_fields_check(fields, n, &t->options, err);
    if (status == HEED_OK)
        status = blame_file(t, open_models(t, &config, true, err), err);
    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK)
        status = blame_file(t, set_up(t, &config, true, err), err);
    t->batches.position = position;
    if (status == HEED_OK)
        status = heed_checkpoint_read_numbers(t, err);
    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK)
        status = heed_trainer_compare(t, err);
    if (status == HEED_OK && !looks && heed_trainer_writes(t))
        status = heed_keep_again(t, err);
    if (status == HEED_OK && !looks && heed_trainer_writes(t))
        status = heed_log_open(t, err);
    if (status == HEED_OK && o->steps != 0 && heed_trainer_writes(t)) /* no kill takes the new end back */
        status = heed_checkpoint_write_state(t, err);
    status = heed_ranks_agree(ranks, status, err);
    if (status != HEED_OK) {
        heed_trainer_close(t);
        return status;
    }
    t->saved_step = t->step > 0 ? t->step : -1;
    t->start_s = heed_clock_s();
    *trainer = t;
    return HEED_OK;
}

heed_resume_options heed_resume_options_default(void)
{
    return (heed_resume_options){.threads = -1};
}

heed_status heed_trainer_resume_with(const char *folder, const heed_resume_options *options,
                                     heed_trainer **trainer, heed_error *err)
{
    return open_run(folder, options, false, trainer, err);
}

heed_status heed_trainer_resume(const char *folder, int threads, heed_trainer **trainer, heed_error *err)
{
    const heed_resume_options options = {.threads = threads};

    return open_run(folder, &options, false, trainer, err);
}

/* Which trainer.json that is: another one after each checkpoint. 0: it is about to be replaced. */
static uint64_t checkpoint_number(const char *folder)
{
    char path[HEED_PATH_BYTES];
    struct stat file;

    if (!heed_checkpoint_is_settled(folder) ||
        heed_path_join(path, sizeof path, folder, "trainer.json", NULL) != HEED_OK || stat(path, &file) != 0)
        return 0;
    return (uint64_t)file.st_ino + 1;
}

heed_status heed_trainer_look(const char *folder, heed_trainer **trainer, heed_error *err)
{
    const heed_resume_options as_before = heed_resume_options_default();
    const uint64_t before = checkpoint_number(folder);
    heed_status status;

    *trainer = NULL;
    if (!heed_file_is_folder(folder))
        return heed_fail(err, HEED_ERR_FILE, "%.300s: expected the folder of a training run", folder);
    status = open_run(folder, &as_before, true, trainer, err);
    if (status == HEED_OK && (before == 0 || checkpoint_number(folder) != before)) {
        heed_trainer_close(*trainer);
        *trainer = NULL;
        status = heed_fail(err, HEED_ERR_FILE,
                           "%.300s: a checkpoint is being written there, or was interrupted; try again, or let "
                           "heed train --resume finish it",
                           folder);
    }
    return status;
}

void heed_trainer_close(heed_trainer *t)
{
    if (t == NULL)
        return;
    if (t->log != NULL)
        fclose(t->log);
    if (t->lock >= 0)
        close(t->lock);
    heed_step_plans_destroy(&t->train_plans);
    heed_step_plans_destroy(&t->eval_plans);
    heed_step_graph_destroy(&t->train);
    heed_step_graph_destroy(&t->eval);
    heed_reduce_destroy(t->reduce);
    heed_device_close(&t->device);
    heed_start_close(t);
    heed_source_destroy(t->source);
    for (int i = 0; i < t->text.n_more; i++)
        free(t->text.more[i]);
    free(t->text.more);
    heed_model_close(t->model);
    heed_memory_release(t->block, t->block_bytes);
    free(t->ids);
    free(t->targets);
    free(t);
}
