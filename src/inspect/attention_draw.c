/* SPDX-License-Identifier: MIT */
/* Attention maps as pictures and as text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "formats/label.h"
#include "formats/picture.h"
#include "formats/terminal.h"
#include "inspect/attention_draw.h"

/* Maps on one scale; drawn holds one entry a map. */
static heed_heat_maps drawing(const heed_attention_maps *maps, heed_heat_map *drawn)
{
    return (heed_heat_maps){.maps = drawn,
                            .n_rows = maps->n_tokens,
                            .n_cols = maps->n_tokens,
                            .row_labels = maps->labels,
                            .col_labels = maps->labels,
                            .row_title = "from",
                            .col_title = "to",
                            .causal = maps->mask.causal};
}

/* --- as a picture --- */

#define TITLE_BYTES 48
#define MOST_ON_EVEN_SCALE \
    48 /* tokens: of more, a row gives most of them so little that all would look like nothing */

/* Heads beside each other; the layers of one head fill a square. */
static int maps_across(const heed_attention_maps *maps)
{
    int across = 1;

    if (maps->n_chosen_heads > 1)
        return maps->n_chosen_heads;
    while (across * across < maps->n_chosen_layers)
        across++;
    return across;
}

static int list_maps(const heed_attention_maps *maps, heed_heat_map *drawn, char (*titles)[TITLE_BYTES])
{
    int n = 0;

    for (int i = 0; i < maps->n_layers * maps->n_heads; i++) {
        const float *values = heed_attention_maps_pattern(maps, i / maps->n_heads, i % maps->n_heads);

        if (values == NULL)
            continue;
        snprintf(titles[n], sizeof titles[n], "layer %d head %d", i / maps->n_heads, i % maps->n_heads);
        drawn[n] = (heed_heat_map){.title = titles[n], .values = values};
        n++;
    }
    return n;
}

heed_status heed_attention_draw(const heed_attention_maps *maps, const char *path, heed_error *err)
{
    const int n = maps->n_chosen_layers * maps->n_chosen_heads;
    heed_heat_map *drawn = calloc((size_t)n, sizeof *drawn);
    char(*titles)[TITLE_BYTES] = calloc((size_t)n, sizeof *titles);
    heed_status status;

    if (drawn == NULL || titles == NULL) {
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw %d heads", n);
    } else {
        heed_heat_maps picture = drawing(maps, drawn);
        picture.n_maps = list_maps(maps, drawn, titles);
        picture.n_across = maps_across(maps);
        picture.title = "Attention";
        picture.root = maps->n_tokens > MOST_ON_EVEN_SCALE;
        picture.caption = picture.root
                              ? "Each row is a token, and shows how much of each earlier token it takes in; a "
                                "row adds up to 1. "
                                "Colours go with the square root, so that small weights can be told apart."
                              : "Each row is a token, and shows how much of each earlier token it takes in; a "
                                "row adds up to 1.";
        status = heed_heat_maps_write(path, &picture, err);
    }
    free(titles);
    free(drawn);
    return status;
}

/* --- as text --- */

/* Of the longest token as it is drawn at the left. */
static int label_columns(const heed_attention_maps *maps)
{
    char text[HEED_LABEL_SIZE];
    int longest = 1;

    for (int i = 0; i < maps->n_tokens; i++) {
        const int columns = heed_label_chars(
            heed_label_token(text, sizeof text, maps->labels[i], HEED_TERMINAL_LABEL));
        longest = columns > longest ? columns : longest;
    }
    return longest;
}

/* How many tokens fit, two columns each, behind the labels and, in a window, what goes to tokens before it. */
static int tokens_that_fit(const heed_attention_maps *maps, int columns)
{
    const int labels = label_columns(maps) + 1;
    int n = (columns - labels) / 2;

    if (n < maps->n_tokens)
        n = (columns - labels - 2) / 2;
    n = n > HEED_TERMINAL_TOKENS ? HEED_TERMINAL_TOKENS : n < 1 ? 1 : n;
    return n < maps->n_tokens ? n : maps->n_tokens;
}

/* What each query of the window sends to tokens before it. */
static void sum_before(const float *pattern, int n_tokens, int first, int n, float *before)
{
    for (int i = 0; i < n; i++) {
        const float *row = pattern + (size_t)(first + i) * (size_t)n_tokens;
        double sum = 0.0;

        for (int j = 0; j < first; j++)
            sum += (double)row[j];
        before[i] = (float)sum;
    }
}

static void put_window(heed_text_buffer *out, const heed_attention_maps *maps, int first, int n)
{
    heed_text_printf(out, "tokens %d to %d of 0 to %d", first, first + n - 1, maps->n_tokens - 1);
    if (first > 0)
        heed_text_printf(out, "; \"<\": all that goes to those before %d", first);
    heed_text_puts(out, "\n");
}

/* Rows and columns first .. first + n - 1, of what is seen. */
static bool all_finite(const float *pattern, int n_tokens, int first, int n)
{
    for (int i = first; i < first + n; i++)
        for (int j = first; j <= i; j++)
            if (!isfinite(pattern[(size_t)i * (size_t)n_tokens + (size_t)j]))
                return false;
    return true;
}

static void put_head(heed_text_buffer *out, const heed_attention_maps *maps, int layer, int head, int first,
                     int columns, heed_palette palette)
{
    const float *pattern = heed_attention_maps_pattern(maps, layer, head);
    const int n = tokens_that_fit(maps, columns), last = maps->n_tokens - n;
    float before[HEED_TERMINAL_TOKENS];
    char title[TITLE_BYTES];

    first = first < 0 ? 0 : first > last ? last : first;
    heed_heat_map drawn = {.title = title,
                           .values = pattern + (size_t)first * (size_t)(maps->n_tokens + 1),
                           .row_stride = maps->n_tokens,
                           .before = first > 0 ? before : NULL};
    heed_heat_maps picture = drawing(maps, &drawn);

    snprintf(title, sizeof title, "layer %d head %d", layer, head);
    if (first > 0)
        sum_before(pattern, maps->n_tokens, first, n, before);
    picture.n_maps = picture.n_across = 1;
    picture.n_rows = picture.n_cols = n;
    picture.row_labels = picture.col_labels = maps->labels + first;
    heed_terminal_heat_maps(out, &picture, columns, (heed_colours)palette);
    if (!all_finite(pattern, maps->n_tokens, first, n))
        heed_text_puts(out, "\"!\": not a finite number\n");
    if (n < maps->n_tokens)
        put_window(out, maps, first, n);
}

heed_status heed_attention_maps_text(const heed_attention_maps *maps, int layer, int head, int first,
                                     int columns, heed_palette palette, char **out, heed_error *err)
{
    heed_text_buffer text = {0};

    *out = NULL;
    if (heed_attention_maps_pattern(maps, layer, head) == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "layer %d head %d is not among the selected ones", layer, head);
    put_head(&text, maps, layer, head, first, columns, palette);
    if (text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to draw %d tokens", maps->n_tokens);
    }
    *out = text.data;
    return HEED_OK;
}
