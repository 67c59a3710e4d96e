/* SPDX-License-Identifier: MIT */
/* Attention maps in files, each kind by the ending of its name. */
#include <heed/heads.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "base/text_buffer.h"
#include "formats/html_page.h"
#include "formats/json_put.h"
#include "formats/npy.h"
#include "inspect/attention_draw.h"

/* --- .npy --- */

static heed_status write_npy(const heed_attention_maps *maps, const char *path, heed_error *err)
{
    const int64_t size[] = {maps->n_chosen_layers, maps->n_chosen_heads, maps->n_tokens, maps->n_tokens};

    return heed_npy_write(path, 4, size, maps->patterns, err);
}

/* --- .json --- */

#define MOST_JSON_NUMBERS ((double)(1 << 26)) /* some 700 MB of text; .npy is smaller and exact */

static bool put_text(heed_file_sink *sink, heed_text_buffer *text)
{
    const bool well = !text->failed && heed_file_put(sink, text->data, text->size);

    text->size = 0;
    return well;
}

/* {"layer": 0, "head": 1, "pattern": [[1], [0.25, 0.75], ...]}, a row a line; null for a number that is not finite. */
static bool put_head(heed_file_sink *sink, heed_text_buffer *text, const heed_attention_maps *maps, int layer,
                     int head)
{
    const float *pattern = heed_attention_maps_pattern(maps, layer, head);
    const int n = maps->n_tokens;

    heed_text_printf(text, "{\"layer\": %d, \"head\": %d, \"pattern\": [", layer, head);
    for (int i = 0; i < n; i++) {
        heed_text_puts(text, i > 0 ? ",\n[" : "\n[");
        for (int j = 0; j < n; j++) {
            heed_text_puts(text, j > 0 ? "," : "");
            heed_json_put_float(text, pattern[(size_t)i * (size_t)n + (size_t)j]);
        }
        heed_text_puts(text, "]");
        if (!put_text(sink, text))
            return false;
    }
    heed_text_puts(text, "]}");
    return put_text(sink, text);
}

static heed_status fill_json(void *context, heed_file_sink *sink, heed_error *err)
{
    const heed_attention_maps *maps = context;
    heed_text_buffer text = {0};
    bool well, comma = false;

    heed_text_puts(&text, "{\"tokens\": [");
    for (int i = 0; i < maps->n_tokens; i++) {
        heed_text_puts(&text, i > 0 ? ", " : "");
        heed_json_put_bytes(&text, maps->labels[i], strlen(maps->labels[i]));
    }
    heed_text_puts(&text, maps->losses != NULL ? "],\n\"losses\": [" : "");
    for (int i = 0; maps->losses != NULL && i < maps->n_tokens; i++) {
        heed_text_puts(&text, i > 0 ? ", " : "");
        heed_json_put_float(&text, maps->losses[i]);
    }
    heed_text_puts(&text, "],\n\"heads\": [\n");
    well = put_text(sink, &text);
    for (int i = 0; well && i < maps->n_layers * maps->n_heads; i++) {
        if (heed_attention_maps_pattern(maps, i / maps->n_heads, i % maps->n_heads) == NULL)
            continue;
        heed_text_puts(&text, comma ? ",\n" : "");
        well = put_head(sink, &text, maps, i / maps->n_heads, i % maps->n_heads);
        comma = true;
    }
    heed_text_puts(&text, "\n]}\n");
    well = well && put_text(sink, &text);
    if (!well && text.failed)
        heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write a row of a pattern");
    well = well && !text.failed;
    heed_text_free(&text);
    return well ? HEED_OK : HEED_ERR_FILE;
}

static heed_status write_json(const heed_attention_maps *maps, const char *path, heed_error *err)
{
    const double numbers = (double)maps->n_chosen_layers * maps->n_chosen_heads * maps->n_tokens *
                           maps->n_tokens;

    if (numbers > MOST_JSON_NUMBERS)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "%.0f million weights are too many for JSON: choose layers and heads, or a name that ends in .npy",
            numbers * 1e-6);
    return heed_file_write_from(path, (size_t)(12 * numbers), fill_json, (void *)(uintptr_t)maps, err);
}

/* --- .html --- */

/* The heads of a page, and what is said of them. */
typedef struct page_heads {
    const heed_attention_maps *maps;
    heed_page_head *heads;          /* [n] */
    char (*words)[HEED_HEAD_WORDS]; /* [n] */
    bool *failed;                   /* [n] memory was out */
    int n;
} page_heads;

/* The roles that heads have on this text, in words. */
static void say(void *context, int64_t begin, int64_t end, int thread)
{
    const page_heads *all = context;
    const heed_attention_maps *maps = all->maps;

    (void)thread;
    for (int64_t k = begin; k < end; k++) {
        const heed_head_pattern measured = {.weights = all->heads[k].pattern,
                                            .ids = maps->ids,
                                            .delimiters = maps->delimiters,
                                            .n = maps->n_tokens,
                                            .mask = &maps->mask};
        heed_head_scores scores;

        all->failed[k] = heed_head_measure(&measured, &scores, NULL) != HEED_OK;
        if (!all->failed[k])
            heed_head_say(&scores, all->words[k]);
    }
}

static bool list_heads(page_heads *all)
{
    const heed_attention_maps *maps = all->maps;
    bool failed = false;

    for (int i = 0; i < maps->n_layers * maps->n_heads; i++) {
        const float *pattern = heed_attention_maps_pattern(maps, i / maps->n_heads, i % maps->n_heads);

        if (pattern == NULL)
            continue;
        all->heads[all->n] = (heed_page_head){i / maps->n_heads, i % maps->n_heads, pattern,
                                              all->words[all->n]};
        all->n++;
    }
    heed_parallel(heed_processor_count(), all->n, 1, say, all);
    for (int k = 0; k < all->n; k++)
        failed = failed || all->failed[k];
    return !failed;
}

static heed_status write_html(const heed_attention_maps *maps, const char *path, heed_error *err)
{
    const size_t n = (size_t)(maps->n_chosen_layers * maps->n_chosen_heads);
    page_heads all = {.maps = maps,
                      .heads = calloc(n, sizeof *all.heads),
                      .words = calloc(n, sizeof *all.words),
                      .failed = calloc(n, sizeof *all.failed)};
    const heed_page page = {.title = "Attention",
                            .tokens = maps->labels,
                            .n_tokens = maps->n_tokens,
                            .loss = maps->losses,
                            .heads = all.heads,
                            .n_heads = (int)n};
    heed_status status;

    if (all.heads == NULL || all.words == NULL || all.failed == NULL || !list_heads(&all))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write %zu heads", n);
    else
        status = heed_page_write(path, &page, err);
    free(all.failed);
    free(all.words);
    free(all.heads);
    return status;
}

/* --- which --- */

static const struct {
    const char *ending;
    heed_status (*write)(const heed_attention_maps *maps, const char *path, heed_error *err);
} kinds[] = {
    {".png", heed_attention_draw}, {".svg", heed_attention_draw}, {".pdf", heed_attention_draw},
    {".html", write_html},         {".npy", write_npy},           {".json", write_json},
};

enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* The kind of a file's name, or -1. */
static int kind_of(const char *path)
{
    const size_t n = strlen(path);

    for (int i = 0; i < N_KINDS; i++) {
        const size_t m = strlen(kinds[i].ending);
        if (n > m && strcasecmp(path + n - m, kinds[i].ending) == 0)
            return i;
    }
    return -1;
}

heed_status heed_attention_maps_check_path(const char *path, heed_error *err)
{
    char shown[224];

    if (kind_of(path) >= 0)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE,
                     "%s: expected a name that ends in .png, .svg, .pdf, .html, .npy or .json",
                     heed_quote(shown, sizeof shown, path, strlen(path)));
}

heed_status heed_attention_maps_write(const heed_attention_maps *maps, const char *path, heed_error *err)
{
    const heed_status status = heed_attention_maps_check_path(path, err);

    return status == HEED_OK ? kinds[kind_of(path)].write(maps, path, err) : status;
}
