/* SPDX-License-Identifier: MIT */
#include "cli/train_run.h"

#include <heed/generate.h>
#include <heed/head_history.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/groups.h"
#include "cli/interrupt.h"
#include "cli/json_out.h"
#include "cli/normal.h"
#include "cli/output.h"
#include "cli/progress.h"

#define PATH_BYTES 4096

typedef struct train_run {
    const heed_cli_train_options *own;
    heed_trainer *trainer;
    heed_progress now;
    heed_cli_progress progress;
    int64_t n_steps;        /* done by this process */
    double validation_loss; /* the last one; NaN */
    char picture[PATH_BYTES];
    heed_head_recorder *heads; /* NULL: nobody records them here */
} train_run;

/* --- samples --- */

static bool keep_text(void *context, const heed_written *w)
{
    fwrite(w->text, 1, w->n_text, context);
    return !heed_cli_interrupted();
}

/* As many as training takes: the other ranks of this machine keep their processors busy while they wait. */
static int threads_of(const train_run *r)
{
    const heed_train_options *o = heed_trainer_options(r->trainer);
    const bool divided = o->threads == 0 && heed_ranks_size(o->ranks) > 1;

    return divided ? heed_ranks_processors(o->ranks) : (int)o->threads;
}

/* What the model writes as it is now; *text is allocated. */
static heed_status write_sample(const train_run *r, char **text, size_t *n, heed_error *err)
{
    const heed_train_options *o = heed_trainer_options(r->trainer);
    const heed_train_plan *plan = heed_trainer_plan(r->trainer);
    heed_generate_options options = heed_generate_default();
    const char *begin = plan->task_prompt != NULL ? plan->task_prompt : "";
    const heed_prompt prompt = {.text = begin, .n_text = strlen(begin)};
    FILE *out = open_memstream(text, n);
    heed_status status;

    if (out == NULL)
        return HEED_ERR_MEMORY;
    options.session = (heed_session_options){.threads = threads_of(r), .seed = (uint64_t)o->seed};
    options.max_tokens = r->own->sample_tokens;
    if (plan->task_prompt != NULL) { /* the answer to a prompt, and what the model holds most likely */
        options.sampling.temperature = 0.0;
        options.max_tokens = plan->task_answer < options.max_tokens ? plan->task_answer : options.max_tokens;
        fprintf(out, "%s ", plan->task_prompt);
    }
    status = heed_generate(heed_trainer_model(r->trainer), &prompt, 1, &options, keep_text, out, NULL, err);
    fclose(out);
    return status;
}

/* A failure here is no reason to end the run. */
static void show_sample(const train_run *r)
{
    FILE *out = r->progress.out;
    const int columns = out != NULL ? heed_cli_columns(out) : 0;
    heed_error err;
    char *text = NULL;
    size_t n = 0;

    if (r->own->sample_tokens == 0 || out == NULL || heed_cli_interrupted())
        return;
    if (write_sample(r, &text, &n, &err) == HEED_OK) {
        heed_cli_put_paragraph(out, text, n, columns < 100 ? columns : 100);
        fputc('\n', out);
    }
    free(text);
}

/* --- heads --- */

/* One rank records; a run that has a record goes on with it. */
static heed_status open_heads(train_run *r, heed_error *err)
{
    const heed_cli_train_options *own = r->own;
    const heed_train_options *o = heed_trainer_options(r->trainer);
    const char *folder = heed_trainer_folder(r->trainer);
    const heed_head_recorder_options options = {.text = own->record_text,
                                                .patterns = own->record_patterns,
                                                .length = own->record_length,
                                                .seed = (uint64_t)o->seed,
                                                .threads = threads_of(r)};
    heed_status status = HEED_OK;

    if (heed_ranks_rank(o->ranks) == 0 &&
        (own->record_heads || (own->resume != NULL && heed_head_recorder_exists(folder))))
        status = heed_head_recorder_open(folder, heed_trainer_model(r->trainer), r->now.step, &options,
                                         &r->heads, err);
    return heed_ranks_agree(o->ranks, status, err);
}

static heed_status record_heads(train_run *r, heed_error *err)
{
    heed_ranks *ranks = heed_trainer_options(r->trainer)->ranks;
    heed_status status = HEED_OK;

    if (r->heads != NULL)
        status = heed_head_recorder_take(r->heads, heed_trainer_model(r->trainer), r->now.step,
                                         r->now.validation_loss, err);
    return heed_ranks_agree(ranks, status, err);
}

/* --- the run --- */

static heed_status stop_early(train_run *r, heed_error *err)
{
    const char *folder = heed_trainer_folder(r->trainer);
    const heed_status status = r->now.saved ? HEED_OK : heed_trainer_save(r->trainer, err);

    heed_cli_clear_line(&r->progress);
    if (status != HEED_OK)
        return status;
    return heed_cli_fail(err, HEED_ERR_INTERRUPTED,
                         "stopped at step %lld of %lld and saved; go on with: heed train --resume %.300s",
                         (long long)r->now.step, (long long)heed_trainer_options(r->trainer)->steps, folder);
}

static heed_status train(train_run *r, heed_error *err)
{
    heed_ranks *ranks = heed_trainer_options(r->trainer)->ranks;
    heed_status status = HEED_OK;

    while (status == HEED_OK && !r->now.done) {
        bool stop = false; /* all ranks after the same step */
        status = heed_ranks_any(ranks, heed_cli_interrupted(), &stop, err);
        if (status != HEED_OK)
            break;
        if (stop)
            return stop_early(r, err);
        status = heed_trainer_step(r->trainer, &r->now, err);
        if (status != HEED_OK)
            break;
        r->n_steps++;
        heed_cli_show_step(&r->progress, &r->now);
        if (isnan(r->now.validation_loss))
            continue;
        r->validation_loss = r->now.validation_loss;
        if (r->own->stats)
            heed_cli_show_groups(r->progress.out, r->trainer);
        show_sample(r);
        status = record_heads(r, err);
    }
    heed_cli_clear_line(&r->progress);
    return status;
}

/* --- its end --- */

/* Of the whole run, evaluations and samples included. */
static double mean_speed(const train_run *r)
{
    const int64_t tokens = heed_trainer_options(r->trainer)->batch_size *
                           heed_trainer_config(r->trainer)->context_length;

    return r->now.seconds > 0.0 ? (double)(r->n_steps * tokens) / r->now.seconds : 0.0;
}

static void show_curve(const train_run *r)
{
    const int columns = heed_cli_columns(r->progress.out);
    char *text = NULL;
    heed_error err;

    if (heed_run_text(heed_trainer_folder(r->trainer), columns < 100 ? columns - 1 : 100, 16,
                      heed_cli_palette(r->progress.out), &text, &err) == HEED_OK)
        fprintf(r->progress.out, "%s\n", text);
    free(text);
}

/* What clipping and the guard have done. */
static void show_updates(FILE *out, const heed_progress *now)
{
    if (!isnan(now->clipped_share))
        fprintf(out, "%.1f %% of the updates were clipped", 100.0 * now->clipped_share);
    if (now->n_skipped > 0)
        fprintf(out, "%s%lld %s not made", isnan(now->clipped_share) ? "updates: " : ", ",
                (long long)now->n_skipped, now->n_skipped == 1 ? "was" : "were");
    if (!isnan(now->clipped_share) || now->n_skipped > 0)
        fputc('\n', out);
}

/* The loss of a run that stopped by itself is its best one. */
static double headline(const train_run *r)
{
    return r->now.stopped_early && !isnan(r->now.best_loss) ? r->now.best_loss : r->validation_loss;
}

/* Which step was the best, where something has waited for it or kept it. */
static void show_best(const train_run *r)
{
    FILE *out = r->progress.out;
    char folder[PATH_BYTES], path[PATH_BYTES + 8];

    if (r->now.stopped_early)
        fprintf(out,
                "stopped early: no evaluation since step %lld was better than %.4f; the last one gave %.4f\n",
                (long long)r->now.best_step, r->now.best_loss, r->validation_loss);
    if (!heed_trainer_options(r->trainer)->keep_best || isnan(r->now.best_loss))
        return;
    snprintf(path, sizeof path, "%s/best", heed_trainer_folder(r->trainer));
    fprintf(out, "best: step %lld, validation loss %.4f, kept in %s\n", (long long)r->now.best_step,
            r->now.best_loss, heed_cli_quote(folder, sizeof folder, path));
}

/* A model that looks ahead writes no text, not even one to be inspected on; one without attention has no maps. */
static void show_next(const train_run *r)
{
    FILE *out = r->progress.out;
    const heed_train_plan *plan = heed_trainer_plan(r->trainer);
    const heed_config *c = heed_trainer_config(r->trainer);
    const bool attends = c->kind == HEED_KIND_GPT && c->attention && c->n_layers > 0;
    const bool writes = !attends || c->causal;
    char folder[PATH_BYTES];

    heed_cli_quote(folder, sizeof folder, heed_trainer_folder(r->trainer));
    if (writes)
        fprintf(out, "next: heed generate %s", folder);
    if (writes && plan->task_prompt != NULL)
        fprintf(out, " --prompt \"%s\" --temperature 0 --max-tokens %lld", plan->task_prompt,
                (long long)plan->task_answer);
    fprintf(out, "%sheed inspect %s%s%s\n", writes ? "\n      " : "next: ", r->heads != NULL ? "--run " : "",
            folder,
            r->heads != NULL ? ""
            : !attends       ? " --show predictions"
            : !writes        ? " --text TEXT"
                             : "");
}

static void show_end(const train_run *r)
{
    FILE *out = r->progress.out;
    const heed_train_plan *plan = heed_trainer_plan(r->trainer);
    const double loss = headline(r);
    char speed[32], byte[32], perplexity[32], folder[PATH_BYTES];

    if (r->n_steps > 0)
        fprintf(out, "%lld steps in %.1f s, %s tokens/s in all: ", (long long)r->n_steps, r->now.seconds,
                heed_cli_grouped(speed, mean_speed(r)));
    fprintf(out, "%svalidation loss %.4f%s, perplexity %s", r->now.stopped_early ? "best " : "", loss,
            heed_cli_per_byte(byte, loss, plan->bytes_per_token), heed_cli_perplexity(perplexity, loss));
    if (!isnan(plan->floor))
        fprintf(out, " (%s, the floor: %.4f)",
                plan->task != NULL ? "the least on average" : "the stories' entropy", plan->floor);
    fputc('\n', out);
    heed_cli_show_normal(out, r->trainer, r->now.stopped_early ? r->now.best_step : r->now.step, loss);
    show_best(r);
    show_updates(out, &r->now);
    if (r->picture[0] != '\0')
        fprintf(out, "loss curve: %s\n", heed_cli_quote(folder, sizeof folder, r->picture));
    show_next(r);
}

static void print_json(const train_run *r)
{
    const heed_train_plan *plan = heed_trainer_plan(r->trainer);
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "model", heed_trainer_folder(r->trainer));
    heed_cli_json_integer(&json, "step", r->now.step);
    heed_cli_json_integer(&json, "steps", heed_trainer_options(r->trainer)->steps);
    heed_cli_json_bool(&json, "done", r->now.done);
    heed_cli_json_number(&json, "loss", r->progress.loss_weight > 0.0 ? r->progress.loss : NAN);
    heed_cli_json_number(&json, "validation_loss", r->validation_loss);
    heed_cli_json_number(&json, "perplexity", exp(r->validation_loss));
    heed_cli_json_number(&json, "validation_nats_per_byte", r->validation_loss / plan->bytes_per_token);
    if (!isnan(r->now.validation_kl))
        heed_cli_json_number(&json, "validation_kl", r->now.validation_kl);
    heed_cli_json_number(&json, "floor", plan->floor);
    if (plan->task != NULL)
        heed_cli_json_text(&json, "task", plan->task);
    if (!isnan(r->progress.initial)) {
        heed_cli_json_number(&json, "initial_loss", r->progress.initial);
        heed_cli_json_number(&json, "expected_initial_loss", r->progress.expected);
    }
    if (r->now.done)
        heed_cli_json_normal(&json, r->trainer, r->now.step, r->validation_loss);
    heed_cli_json_number(&json, "best_validation_loss", r->now.best_loss);
    heed_cli_json_integer(&json, "best_step", r->now.best_step);
    heed_cli_json_bool(&json, "stopped_early", r->now.stopped_early);
    heed_cli_json_number(&json, "clipped_share", r->now.clipped_share);
    heed_cli_json_integer(&json, "skipped_updates", r->now.n_skipped);
    heed_cli_json_number(&json, "seconds", r->now.seconds);
    heed_cli_json_number(&json, "tokens_per_s", mean_speed(r));
    heed_cli_json_integer(&json, "parameters", plan->n_parameters);
    heed_cli_json_number(&json, "memory_bytes", heed_cli_process_bytes(r->trainer));
    heed_cli_json_text(&json, "device", plan->device);
    if (r->picture[0] != '\0')
        heed_cli_json_text(&json, "picture", r->picture);
    heed_cli_json_close(&json, '}');
}

/* A finished run that is resumed in a step folder has no steps in its log there. */
static bool has_steps(const char *folder)
{
    char path[PATH_BYTES];
    struct stat info;

    return snprintf(path, sizeof path, "%s/log.jsonl", folder) < (int)sizeof path && stat(path, &info) == 0 &&
           info.st_size > 0;
}

/* A link of the picture's name may lead anywhere, so a picture takes its place: its file is not written over. */
static heed_status draw(const char *folder, const char *path, heed_error *err)
{
    struct stat info;

    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
        unlink(path);
    return heed_run_picture(folder, path, err);
}

/* A run that was done already is evaluated as it was at its end. */
static double evaluate_again(const train_run *r)
{
    return heed_trainer_evaluate(r->trainer,
                                 r->now.stopped_early ? heed_trainer_options(r->trainer)->eval_batches : -1);
}

/* The run is trained and saved: a picture that fails takes nothing from it. */
static void write_picture(train_run *r)
{
    const char *folder = heed_trainer_folder(r->trainer);
    char path[PATH_BYTES], shown[sizeof(heed_error)];
    heed_error err = {0};

    if (!has_steps(folder) || snprintf(path, sizeof path, "%s/loss.png", folder) >= (int)sizeof path)
        return;
    if (draw(folder, path, &err) == HEED_OK)
        memcpy(r->picture, path, sizeof path);
    else
        fprintf(stderr, "heed: the run is saved, its picture is not: %s\n",
                heed_cli_quote(shown, sizeof shown, err.message));
}

static heed_status finish(train_run *r, heed_error *err)
{
    if (isnan(r->validation_loss))
        r->validation_loss = evaluate_again(r);
    if (isnan(r->validation_loss))
        return heed_cli_fail(
            err, HEED_ERR_CHECK,
            "%.300s: the validation loss is not a number; the weights are damaged, the run has "
            "diverged, or no window for validation holds a target",
            heed_trainer_folder(r->trainer));
    if (heed_ranks_rank(heed_trainer_options(r->trainer)->ranks) != 0)
        return HEED_OK;
    write_picture(r);
    if (r->progress.out != NULL) {
        show_curve(r);
        show_end(r);
    }
    return HEED_OK;
}

/* --- all of it --- */

heed_status heed_cli_train_run(const heed_cli_train_options *own, const char *text, heed_trainer *trainer,
                               heed_error *err)
{
    train_run r = {
        .own = own, .trainer = trainer, .now = heed_trainer_progress(trainer), .validation_loss = NAN};
    heed_status status;

    r.progress = heed_cli_progress_start(own->quiet ? NULL : stderr, trainer);
    if (!own->quiet)
        heed_cli_show_plan(stderr, trainer, own->resume != NULL ? "as before" : text);
    status = open_heads(&r, err);
    if (status == HEED_OK)
        status = train(&r, err);
    if (status == HEED_OK)
        status = finish(&r, err);
    heed_head_recorder_close(r.heads);
    if (own->json && (status == HEED_OK || status == HEED_ERR_INTERRUPTED))
        print_json(&r);
    return status;
}
