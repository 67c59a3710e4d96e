/* SPDX-License-Identifier: MIT */
/* The walk: which steps there are, the text that they are about, and how one is run. */
#include "workbook/walk/walk.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/stories.h"

enum {
    STORIES_BYTES = 200000, /* those that demonstrations train on */
    LEAST_BYTES = 2000,     /* so that there is a window in each part */
    MOST_CHARACTERS = 1000, /* the bigram model has the square of them */
};

/* --- the steps --- */

int heed_walk_count(void)
{
    int n = 0;

    while (heed_walk_steps[n] != NULL)
        n++;
    return n;
}

const heed_walk_info *heed_walk_at(int number)
{
    return number >= 1 && number <= heed_walk_count() ? &heed_walk_steps[number - 1]->info : NULL;
}

/* --- the text --- */

static char *copy(const char *text)
{
    return text != NULL && text[0] != '\0' ? strdup(text) : NULL;
}

static heed_status read_text(heed_walk *w, heed_error *err)
{
    heed_status status;

    if (w->path != NULL) {
        status = heed_corpus_open_text(&w->file, w->path, false, err);
        w->text = w->file.data;
        w->n_text = w->file.size;
        w->name = w->path;
    } else {
        status = heed_stories_generate(w->options.seed & INT64_MAX, STORIES_BYTES, &w->stories, NULL, err);
        w->text = w->stories.data;
        w->n_text = w->stories.size;
        w->name = "the built-in stories";
    }
    if (status == HEED_OK && w->n_text < LEAST_BYTES)
        status = heed_fail(err, HEED_ERR_FILE, "%.300s: expected a text of %d bytes or more, got %zu", w->name,
                           (int)LEAST_BYTES, w->n_text);
    return status;
}

heed_status heed_walk_open(const heed_walk_options *options, heed_walk **out, heed_error *err)
{
    heed_walk *w = calloc(1, sizeof *w);
    const heed_corpus_options how = {.context_length = HEED_WALK_BLOCK, .threads = 1};
    heed_status status = HEED_OK;

    *out = NULL;
    if (w == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a walk");
    if (options != NULL)
        w->options = *options;
    w->options.text = w->path = copy(w->options.text);
    w->options.encode = w->encode = copy(w->options.encode);
    w->options.out = w->out = copy(w->options.out);
    status = read_text(w, err);
    if (status == HEED_OK)
        status = heed_tokenizer_characters(w->text, w->n_text, &w->tokenizer, err);
    if (status == HEED_OK && heed_tokenizer_vocab_size(w->tokenizer) > MOST_CHARACTERS)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "%.300s: expected a text of at most %d different characters, got %lld", w->name,
                           (int)MOST_CHARACTERS, (long long)heed_tokenizer_vocab_size(w->tokenizer));
    if (status == HEED_OK)
        status = heed_corpus_create(w->tokenizer, w->text, w->n_text, w->name, &how, &w->corpus, err);
    if (status == HEED_OK)
        *out = w;
    else
        heed_walk_close(w);
    return status;
}

void heed_walk_close(heed_walk *w)
{
    if (w == NULL)
        return;
    heed_trainer_close(w->bigram.trainer);
    heed_trainer_close(w->gpt.trainer);
    heed_corpus_destroy(w->corpus);
    heed_tokenizer_destroy(w->tokenizer);
    if (w->path != NULL)
        heed_file_close(&w->file);
    heed_text_free(&w->stories);
    free(w->path);
    free(w->encode);
    free(w->out);
    free(w);
}

/* --- a step --- */

static void run_step(heed_demoing *d)
{
    heed_walking *w = d->context;

    w->d = d;
    heed_walk_steps[w->made->result.info->number - 1]->run(w);
}

static char *params_of(const heed_walk *w)
{
    json_t *all = json_pack("{s:s, s:I}", "text", w->path != NULL ? w->path : "", "steps",
                            (json_int_t)(w->options.steps > 0 ? w->options.steps : 1));
    char *text = json_dumps(all, JSON_COMPACT);

    json_decref(all);
    return text;
}

static heed_status run(heed_walk *walk, heed_walk_made *made, const char *params, heed_error *err)
{
    heed_walking w = {.walk = walk,
                      .tokenizer = walk->tokenizer,
                      .corpus = walk->corpus,
                      .text = walk->text,
                      .n_text = walk->n_text,
                      .name = walk->name,
                      .V = heed_tokenizer_vocab_size(walk->tokenizer),
                      .made = made};
    const heed_demo_options options = {
        .seed = walk->options.seed, .progress = walk->options.progress, .context = walk->options.context};

    made->demo = (heed_demo){.info = {.id = "walk",
                                      .title = made->result.info->title,
                                      .shows = made->result.info->words,
                                      .rule = "",
                                      .sabotage = "",
                                      .params = params,
                                      .trains = made->result.info->trains},
                             .run = run_step};
    return heed_demo_run_as(&made->demo, &options, &w, &made->shown, err);
}

heed_status heed_walk_run(heed_walk *walk, int number, heed_walk_result **result, heed_error *err)
{
    const heed_walk_info *info = heed_walk_at(number);
    heed_status status;
    heed_walk_made *made;
    char *params;

    *result = NULL;
    if (info == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "there is no step %d: steps are 1 to %d", number,
                         heed_walk_count());
    made = calloc(1, sizeof *made);
    params = params_of(walk);
    if (made == NULL || params == NULL) {
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a step");
    } else {
        made->result = (heed_walk_result){.info = info, .blocks = made->blocks};
        status = run(walk, made, params, err);
        made->demo.info.params = "{}"; /* those in force are in the result */
        made->result.shown = made->shown;
    }
    free(params);
    if (status == HEED_OK)
        *result = &made->result;
    else if (made != NULL)
        heed_walk_result_destroy(&made->result);
    return status;
}

void heed_walk_result_destroy(heed_walk_result *result)
{
    heed_walk_made *made = (heed_walk_made *)result;

    if (result == NULL)
        return;
    heed_demo_result_destroy(made->shown);
    free(made);
}

heed_status heed_walk_json(const heed_walk_result *result, char **out, heed_error *err)
{
    json_t *blocks = json_array(), *all, *shown = NULL;
    char *text = NULL;
    heed_status status = heed_demo_json(result->shown, &text, err);

    *out = NULL;
    if (status == HEED_OK)
        shown = json_loads(text, 0, NULL);
    free(text);
    for (int i = 0; i < result->n_blocks; i++)
        json_array_append_new(blocks,
                              json_pack("{s:s, s:s}", "kind", result->blocks[i].lines ? "lines" : "words",
                                        "text", result->blocks[i].text));
    all = json_pack("{s:i, s:s?, s:s, s:s, s:s, s:s, s:o}", "step", result->info->number, "time",
                    result->info->time, "title", result->info->title, "words", result->info->words, "exercises",
                    result->info->exercises, "demos", result->info->demos, "blocks", blocks);
    for (int i = 0; i < 5 && all != NULL; i++) {
        static const char *const names[] = {"seed", "observed", "checks", "figures", "plot"};
        json_t *member = json_object_get(shown, names[i]);
        if (member != NULL)
            json_object_set(all, names[i], member);
    }
    if (status == HEED_OK && all != NULL)
        *out = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(all);
    json_decref(shown);
    if (status == HEED_OK && *out == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a step");
    return status;
}
