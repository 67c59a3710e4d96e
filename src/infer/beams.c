/* SPDX-License-Identifier: MIT */
/*
 * Beam search: the likeliest texts, as far as keeping `width` of them finds them.
 *
 *   log P(Y) = sum_t log p(y_t | prompt, y_1 .. y_(t-1))        score(Y) = log P(Y) / lp(|Y|)
 *   lp(n)    = ((5 + n) / 6)^alpha                               Wu et al. 2016 (arXiv:1609.08144) 7, eq. 14
 *
 * In each step every open beam is extended by every token. Of all these the `width` with the largest log P that do not end
 * a text go on; those that end one are kept where they are among the first `width` of all. log P only falls and lp only
 * grows, so log P(now) / lp(max_tokens) is the best that an open beam can come to: when the n-th text that has ended is
 * no worse than that of any beam, the search is over.
 *
 * The beams are the rows of a batch. One child of a beam stays in its row; others go to rows whose beams have none, and
 * there only the keys and values are copied in which the two differ (heed_texts_copy). What beams have written is a tree.
 */
#include "infer/beams.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "infer/likelihood.h"
#include "nn/model.h"

/* A token, and the way to it. */
typedef struct node {
    const struct node *before; /* NULL: the first token */
    int32_t id;
    int64_t n;                   /* tokens up to here */
    double log_probability, sum; /* of the token; of all up to here */
    const char *tail;            /* what is held back of the text, where there are stop strings */
    size_t n_tail;
} node;

typedef struct ended {
    const node *last; /* NULL: no token at all */
    heed_finish finish;
    double score;
} ended;

/* A beam extended by a token. */
typedef struct candidate {
    int64_t row;
    heed_likelihood token;
    double sum;
} candidate;

typedef struct search {
    heed_writing *writing;
    heed_texts *texts;
    heed_arena *arena;
    int64_t width, open, n;         /* beams; of them open; texts that are wanted */
    const node **beams, **children; /* [width] by row; NULL for the prompt alone */
    int64_t *parents;               /* [width] the row that a child comes from */
    int32_t *ids;                   /* [width] */
    candidate *candidates;          /* [width * each] */
    heed_likelihood *likely;
    int64_t each; /* candidates of a beam */
    ended *best;  /* [n] the best that have ended, the best first */
    int64_t n_best;
} search;

/* --- texts that have ended --- */

static double length_penalty(const search *s, int64_t n)
{
    return pow((5.0 + (double)n) / 6.0, s->writing->options->length_penalty);
}

static void keep_ended(search *s, const node *last, heed_finish finish)
{
    const double score = last != NULL ? last->sum / length_penalty(s, last->n) : 0.0;
    int64_t at = s->n_best < s->n ? s->n_best++ : s->n - 1;

    if (at == s->n - 1 && s->best[at].finish != HEED_FINISH_NONE && s->best[at].score >= score)
        return;
    for (; at > 0 && s->best[at - 1].score < score; at--)
        s->best[at] = s->best[at - 1];
    s->best[at] = (ended){last, finish, score};
}

static bool is_over(const search *s)
{
    const double longest = length_penalty(s, s->writing->options->max_tokens);

    if (s->open == 0)
        return true;
    for (int64_t r = 0; r < s->open; r++) {
        if (s->n_best < s->n || s->beams[r]->sum / longest > s->best[s->n - 1].score)
            return false;
    }
    return true;
}

/* --- one step --- */

static int by_sum(const void *a, const void *b)
{
    const candidate *x = a, *y = b;

    if (x->sum != y->sum)
        return x->sum > y->sum ? -1 : 1;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->token.id > y->token.id) - (x->token.id < y->token.id);
}

/* The likeliest extensions of all open beams, in order; returns how many. */
static heed_status find_candidates(search *s, int64_t *n, heed_error *err)
{
    const int64_t vocab_size = s->writing->model->config.vocab_size;

    *n = 0;
    for (int64_t r = 0; r < s->open; r++) {
        const float *logits = heed_texts_logits(s->texts, r);
        const double sum = s->beams[r] != NULL ? s->beams[r]->sum : 0.0;
        const heed_status status = heed_check_logits(logits, vocab_size, err);
        if (status != HEED_OK)
            return status;
        heed_likeliest(s->writing->sampler.kernels, logits, vocab_size, s->likely, s->each);
        for (int64_t i = 0; i < s->each; i++)
            s->candidates[(*n)++] = (candidate){r, s->likely[i], sum + s->likely[i].log_probability};
    }
    qsort(s->candidates, (size_t)*n, sizeof *s->candidates, by_sum);
    return HEED_OK;
}

/* Adds the token's bytes to what its text holds back; true when a stop string comes. */
static bool is_stopped(search *s, node *child)
{
    const heed_generate_options *o = s->writing->options;
    heed_held_text held = {.stop = o->stop, .n_stop = o->n_stop};
    size_t n = 0, n_ready = 0;
    const char *piece = heed_model_piece(s->writing->model, child->id, &n); /* NULL and 0: no bytes */
    bool stopped;
    char *tail;

    if (o->n_stop == 0)
        return false;
    if (child->before != NULL)
        heed_text_append(&held.bytes, child->before->tail, child->before->n_tail);
    stopped = heed_held_text_append(&held, piece, n, &n_ready);
    heed_held_text_take(&held, n_ready);
    tail = heed_arena_alloc(s->arena, held.bytes.size + 1);
    if (tail != NULL && held.bytes.size > 0)
        memcpy(tail, held.bytes.data, held.bytes.size);
    child->tail = tail;
    child->n_tail = tail != NULL ? held.bytes.size : 0;
    heed_held_text_free(&held);
    return stopped;
}

static heed_finish finish_of(search *s, node *child)
{
    const heed_generate_options *o = s->writing->options;

    if (!o->ignore_end_of_text && child->id == heed_model_end_of_text(s->writing->model))
        return HEED_FINISH_END_OF_TEXT;
    if (is_stopped(s, child))
        return HEED_FINISH_STOP;
    if (child->n == o->max_tokens)
        return HEED_FINISH_LENGTH;
    /* the windows of all beams are equally long */
    return s->texts->overflow != HEED_OVERFLOW_SLIDE && heed_texts_room(s->texts, 0) == 1 ? HEED_FINISH_CONTEXT
                                                                                          : HEED_FINISH_NONE;
}

/* From the candidates the texts that have ended, and the children that go on; returns how many these are, or -1. */
static int64_t choose(search *s, int64_t n_candidates)
{
    int64_t n = 0;

    for (int64_t c = 0; c < n_candidates && n < s->width; c++) {
        const candidate *of = &s->candidates[c];
        const node *before = s->beams[of->row];
        node *child = heed_arena_alloc(s->arena, sizeof *child);
        heed_finish finish;
        if (child == NULL)
            return -1;
        *child = (node){.before = before,
                        .id = of->token.id,
                        .n = before != NULL ? before->n + 1 : 1,
                        .log_probability = of->token.log_probability,
                        .sum = of->sum};
        finish = finish_of(s, child);
        if (finish == HEED_FINISH_NONE) {
            s->parents[n] = of->row;
            s->children[n++] = child;
        } else if (c < s->width)
            keep_ended(s, child, finish);
        else if (finish == HEED_FINISH_LENGTH || finish == HEED_FINISH_CONTEXT)
            break; /* all further ones end too */
    }
    return n;
}

/* Rows 0 .. n-1 become those of the children. */
static void move_rows(search *s, int64_t n)
{
    for (int64_t r = 0; r < s->width; r++)
        s->beams[r] = NULL;
    for (int64_t i = 0; i < n; i++) { /* the first child of a beam stays */
        const int64_t r = s->parents[i];
        if (r < n && s->beams[r] == NULL) {
            s->beams[r] = s->children[i];
            s->children[i] = NULL;
        }
    }
    for (int64_t i = 0, r = 0; i < n; i++) {
        if (s->children[i] == NULL)
            continue;
        while (s->beams[r] != NULL)
            r++;
        heed_texts_copy(s->texts, r, s->parents[i], s->texts->window[s->parents[i]].length);
        s->beams[r] = s->children[i];
    }
    for (int64_t r = 0; r < n; r++)
        s->ids[r] = s->beams[r]->id;
    s->open = n;
}

static heed_status step(search *s, heed_error *err)
{
    int64_t n_candidates, n;
    heed_status status = find_candidates(s, &n_candidates, err);

    if (status != HEED_OK)
        return status;
    n = choose(s, n_candidates);
    if (n < 0)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld beams", (long long)s->width);
    move_rows(s, n);
    return is_over(s) ? HEED_OK : heed_texts_step(s->texts, s->open, s->ids, err);
}

/* --- one prompt --- */

static heed_status search_prompt(search *s, heed_writer *prompt, heed_error *err)
{
    const heed_generate_options *o = s->writing->options;
    heed_status status = heed_read_prompt(s->texts, 0, prompt, s->writing, o->prompt_log_probabilities, err);
    const bool full = s->texts->overflow != HEED_OVERFLOW_SLIDE && heed_texts_room(s->texts, 0) == 0;

    s->open = 1;
    s->n_best = 0;
    memset(s->best, 0, (size_t)s->n * sizeof *s->best);
    s->beams[0] = NULL;
    if (status != HEED_OK || prompt->result.finish != HEED_FINISH_NONE)
        return status;
    if (full || o->max_tokens == 0) {
        for (int64_t i = 0; i < s->n; i++)
            keep_ended(s, NULL, full ? HEED_FINISH_CONTEXT : HEED_FINISH_LENGTH);
        return HEED_OK;
    }
    do
        status = step(s, err);
    while (status == HEED_OK && !is_over(s));
    return status;
}

/* Hands a text on that has ended, token by token. */
static heed_status hand_on(search *s, heed_writer *writer, const ended *of, heed_error *err)
{
    const int64_t n = of->last != NULL ? of->last->n : 0;
    const node **way = malloc(((size_t)n + 1) * sizeof *way);
    heed_status status = HEED_OK;

    if (way == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a text of %lld tokens", (long long)n);
    for (const node *at = of->last; at != NULL; at = at->before)
        way[at->n - 1] = at;
    for (int64_t i = 0; i < n && status == HEED_OK && writer->result.finish == HEED_FINISH_NONE; i++)
        status = heed_writer_add(writer, s->writing, way[i]->id, NULL, way[i]->log_probability,
                                 i == n - 1 && of->finish == HEED_FINISH_CONTEXT ? 1 : -1, err);
    if (n == 0)
        heed_writer_end(writer, s->writing, of->finish);
    free((void *)way);
    writer->result.log_probability = of->last != NULL ? of->last->sum : 0.0;
    writer->result.score = of->score;
    writer->result.slides = s->texts->window[0].slides;
    return status;
}

static heed_status write_prompt(search *s, const heed_prompts *prompts, int64_t p, heed_generated *results,
                                heed_error *err)
{
    heed_writer writer;
    heed_status status = heed_writer_open(&writer, s->writing, p, 0, prompts->ids[p], prompts->n_ids[p], err);

    if (status == HEED_OK)
        status = search_prompt(s, &writer, err);
    for (int64_t i = 0; i < s->n && status == HEED_OK; i++) {
        if (i > 0) {
            heed_writer_close(&writer);
            status = heed_writer_open(&writer, s->writing, p, i, prompts->ids[p], prompts->n_ids[p], err);
        }
        if (status == HEED_OK && i < s->n_best)
            status = hand_on(s, &writer, &s->best[i], err);
        if (results != NULL)
            results[p * s->n + i] = writer.result;
    }
    heed_writer_close(&writer);
    return status;
}

static heed_status open_search(search *s, heed_error *err)
{
    const heed_generate_options *o = s->writing->options;
    const int64_t vocab_size = s->writing->model->config.vocab_size;
    const size_t width = (size_t)o->beams;

    s->width = o->beams;
    s->n = o->n;
    s->each = 2 * s->width < vocab_size ? 2 * s->width : vocab_size;
    s->beams = calloc(width, sizeof *s->beams);
    s->children = calloc(width, sizeof *s->children);
    s->parents = calloc(width, sizeof *s->parents);
    s->ids = calloc(width, sizeof *s->ids);
    s->candidates = calloc(width * (size_t)s->each, sizeof *s->candidates);
    s->likely = calloc((size_t)s->each, sizeof *s->likely);
    s->best = calloc((size_t)s->n, sizeof *s->best);
    if (!s->beams || !s->children || !s->parents || !s->ids || !s->candidates || !s->likely || !s->best)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld beams", (long long)s->width);
    return heed_texts_open(s->writing->model, &o->session, s->width, &s->texts, err);
}

static void close_search(search *s)
{
    heed_texts_close(s->texts);
    free((void *)s->beams);
    free((void *)s->children);
    free(s->parents);
    free(s->ids);
    free(s->candidates);
    free(s->likely);
    free(s->best);
}

heed_status heed_search_beams(heed_writing *writing, const heed_prompts *prompts, heed_generated *results,
                              heed_error *err)
{
    search s = {.writing = writing};
    heed_status status = open_search(&s, err);

    for (int64_t p = 0; p < prompts->n && status == HEED_OK; p++) {
        s.arena = heed_arena_create();
        if (s.arena == NULL)
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld beams", (long long)s.width);
        else
            status = write_prompt(&s, prompts, p, results, err);
        heed_arena_destroy(s.arena);
    }
    close_search(&s);
    return status;
}
