/* SPDX-License-Identifier: MIT */
#include "cli/shapes_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

enum { NAME_COLUMNS = 25, SIZE_COLUMNS = 20, BYTES_COLUMNS = 9, LINE_COLUMNS = 80 };

/* --- names in a block: what all blocks share is left out --- */

/* "d.blocks.0.attn.q" as "d.attn.q", "h.0.ln_1.weight" as "ln_1.weight" */
static void short_name(char *out, size_t size, const heed_shapes_entry *e)
{
    const char *star = strchr(e->kind_name, '*');
    const char *rest = star != NULL && star[1] == '.' ? star + 2 : NULL;

    if (rest == NULL)
        snprintf(out, size, "%s", e->name);
    else
        snprintf(out, size, "%s%s", strncmp(e->name, "d.", 2) == 0 ? "d." : "", rest);
}

/* The number that a name without its own got behind it: ".17" */
static size_t without_number(const char *name)
{
    size_t n = strlen(name);

    while (n > 0 && name[n - 1] >= '0' && name[n - 1] <= '9')
        n--;
    return n > 0 && n < strlen(name) && name[n - 1] == '.' ? n - 1 : strlen(name);
}

/* --- the order of the text: what is before the blocks, block after block, what is behind them --- */

typedef struct place {
    int entry, section; /* section: a block of the forward or backward pass, or what is outside of blocks */
    int layer;          /* -1: none */
    bool backward;
} place;

/* The stream before the first block is made before it. */
static int layer_of(const heed_shapes_entry *e)
{
    return strcmp(e->name, "blocks.0.resid_pre") == 0 ? -1 : e->layer;
}

static int n_layers_of(const heed_shapes *shapes)
{
    int n = 0;

    for (int i = 0; i < heed_shapes_n(shapes); i++)
        n = heed_shapes_get(shapes, i)->layer >= n ? heed_shapes_get(shapes, i)->layer + 1 : n;
    return n;
}

/* Sections in their order: 0, the layers from 1 on, what comes after the last entry of a block, and so backwards. */
static void find_places(const heed_shapes *shapes, place *places)
{
    const int n_layers = n_layers_of(shapes), n = heed_shapes_n(shapes);
    bool behind[2] = {true, true};

    for (int i = n - 1; i >= 0; i--) {
        const heed_shapes_entry *e = heed_shapes_get(shapes, i);
        const bool backward = e->kind == HEED_SHAPES_GRADIENT;
        const int layer = layer_of(e), from = backward ? n_layers + 2 : 0;
        places[i] = (place){i, from, layer, backward};
        if (layer >= 0) {
            behind[backward] = false;
            places[i].section += backward ? n_layers - layer : 1 + layer;
        } else if (behind[backward])
            places[i].section += n_layers + 1;
    }
}

static int by_section(const void *a, const void *b)
{
    const place *x = a, *y = b;

    return x->section != y->section ? x->section - y->section : x->entry - y->entry;
}

/* --- blocks that are alike --- */

/* Places begin .. end - 1, of one section. */
typedef struct part {
    int begin, end;
} part;

static part part_at(const place *places, int n, int begin)
{
    part p = {begin, begin};

    while (p.end < n && places[p.end].section == places[begin].section)
        p.end++;
    return p;
}

static bool entries_alike(const heed_shapes_entry *a, const heed_shapes_entry *b)
{
    const size_t n = without_number(a->kind_name), rank = (size_t)a->rank;

    return n == without_number(b->kind_name) && strncmp(a->kind_name, b->kind_name, n) == 0 &&
           a->meaning == b->meaning && a->is_view == b->is_view && a->is_copy == b->is_copy &&
           strcmp(a->type, b->type) == 0 && a->rank == b->rank &&
           memcmp(a->size, b->size, rank * sizeof a->size[0]) == 0 &&
           memcmp(a->stride, b->stride, rank * sizeof a->stride[0]) == 0 && a->offset == b->offset &&
           a->on_request == b->on_request;
}

static bool parts_alike(const heed_cli_shapes_text *t, const place *places, const part *a, const part *b)
{
    const place *x = places + a->begin, *y = places + b->begin;

    if (a->end - a->begin != b->end - b->begin || x->layer < 0 || y->layer < 0 || x->backward != y->backward)
        return false;
    for (int i = 0; i < a->end - a->begin; i++) {
        if (!entries_alike(heed_shapes_get(t->shapes, x[i].entry), heed_shapes_get(t->shapes, y[i].entry)))
            return false;
    }
    return true;
}

/* --- one entry --- */

/* "[B, H, T, d/H]" or "[4, 12, 256, 64]" */
static const char *sizes_of(char *out, size_t size, const heed_shapes_entry *e, bool strides, bool symbols)
{
    size_t used = (size_t)snprintf(out, size, "[");

    for (int k = 0; k < e->rank && used < size; k++) {
        if (symbols)
            used += (size_t)snprintf(out + used, size - used, "%s%s", k > 0 ? ", " : "",
                                     strides ? e->stride_symbol[k] : e->symbol[k]);
        else
            used += (size_t)snprintf(out + used, size - used, "%s%lld", k > 0 ? ", " : "",
                                     (long long)(strides ? e->stride[k] : e->size[k]));
    }
    if (used < size)
        snprintf(out + used, size - used, "]");
    return out;
}

static void put_line(const heed_cli_shapes_text *t, const heed_shapes_entry *e, const char *name)
{
    char sizes[200], bytes[32], line[512];
    int used = snprintf(line, sizeof line, "%-*s", NAME_COLUMNS, name);

    if (used > NAME_COLUMNS) { /* it takes a line of its own */
        printf("%s\n", name);
        used = snprintf(line, sizeof line, "%-*s", NAME_COLUMNS, "");
    }
    for (int symbols = 1; symbols >= 0; symbols--) {
        if (symbols ? t->symbols : t->numbers)
            used += snprintf(line + used, sizeof line - (size_t)used, " %-*s", SIZE_COLUMNS,
                             sizes_of(sizes, sizeof sizes, e, false, symbols));
    }
    printf("%s %*s\n", line, BYTES_COLUMNS, heed_cli_bytes(bytes, (double)e->bytes));
}

static void add(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *out, size_t size, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

static void add_strides(const heed_cli_shapes_text *t, const heed_shapes_entry *e, char *out, size_t size)
{
    char text[200];

    add(out, size, "; strides");
    if (t->symbols)
        add(out, size, " %s", sizes_of(text, sizeof text, e, true, true));
    if (t->numbers)
        add(out, size, "%s%s", t->symbols ? " = " : " ", sizes_of(text, sizeof text, e, true, false));
    add(out, size, ": %s", e->flattens ? "evenly spaced" : "not contiguous, flattening would copy");
}

/* Whose memory it lies in, and whether its numbers stand there one behind the other. */
static void add_memory(const heed_cli_shapes_text *t, const heed_shapes_entry *e, char *out, size_t size)
{
    const heed_shapes_entry *owner = heed_shapes_get(t->shapes, e->storage);
    const heed_shapes_entry *from = e->of >= 0 ? heed_shapes_get(t->shapes, e->of) : NULL;
    char name[160];

    if (owner != e) {
        short_name(name, sizeof name, owner);
        add(out, size, "; %s %s", e->is_view ? "view of" : "in the memory of", name);
    }
    if (e->offset > 0 && t->symbols)
        add(out, size, " from number %s on", e->offset_symbol);
    else if (e->offset > 0)
        add(out, size, " from number %lld on", (long long)e->offset);
    if (e->is_copy)
        add(out, size, "; a copy: the strides of what it reads allow no view");
    if (!e->contiguous)
        add_strides(t, e, out, size);
    else if (e->is_view && from != NULL && !from->contiguous)
        add(out, size, "; contiguous again without a copy");
}

static void put_notes(const heed_cli_shapes_text *t, const heed_shapes_entry *e)
{
    const bool gradient = e->kind == HEED_SHAPES_GRADIENT && strncmp(e->name, "d.", 2) == 0;
    char notes[1024] = "";

    if (e->meaning[0] != '\0')
        add(notes, sizeof notes, "; %s%s", gradient ? "gradient by: " : "", e->meaning);
    else
        add(notes, sizeof notes, "; %s%s", gradient ? "gradient, by " : "", e->op);
    if (strcmp(e->type, "f32") != 0)
        add(notes, sizeof notes, "; %s", e->type);
    if (e->kind == HEED_SHAPES_PARAMETER || e->kind == HEED_SHAPES_STATE)
        add(notes, sizeof notes, "; %s", e->kind == HEED_SHAPES_STATE ? "kept" : "parameter");
    add_memory(t, e, notes, sizeof notes);
    if (e->on_request)
        add(notes, sizeof notes, "; %s",
            e->kind == HEED_SHAPES_GRADIENT ? "not run" : "computed only when asked for");
    for (int i = 0; i < e->n_also && t->names; i++)
        add(notes, sizeof notes, "%s%s", i == 0 ? "; also " : ", ", e->also[i]);
    heed_cli_put_paragraph(stdout, notes + 2, strlen(notes + 2), LINE_COLUMNS);
}

/* --- all of it --- */

static void put_title(const place *first, int last_layer, bool has_blocks)
{
    if (first->layer >= 0 && last_layer != first->layer)
        printf("\nblocks.%d … blocks.%d%s, each like this\n", first->layer, last_layer,
               first->backward ? ", backward" : "");
    else if (first->layer >= 0)
        printf("\nblocks.%d%s\n", first->layer, first->backward ? ", backward" : "");
    else if (has_blocks)
        printf("\n%s\n", first->backward ? "backward, outside of the blocks" : "outside of the blocks");
    else
        printf("\n%s", first->backward ? "backward\n" : "");
}

static void put_part(const heed_cli_shapes_text *t, const place *places, const part *p, int last_layer)
{
    char name[160];

    put_title(&places[p->begin], last_layer, n_layers_of(t->shapes) > 0);
    for (int i = p->begin; i < p->end; i++) {
        const heed_shapes_entry *e = heed_shapes_get(t->shapes, places[i].entry);
        short_name(name, sizeof name, e);
        put_line(t, e, places[i].layer >= 0 ? name : e->name);
        put_notes(t, e);
    }
}

static void put_symbols(const heed_cli_shapes_text *t)
{
    char item[96], size[32];
    int n, used = 0;
    const heed_shapes_symbol *list = heed_shapes_symbols(t->shapes, &n);

    for (int i = 0; i < n; i++) {
        const int columns = snprintf(item, sizeof item, "%s = %s %s", list[i].symbol,
                                     heed_cli_grouped(size, (double)list[i].size), list[i].name);
        if (used > 0 && used + 3 + columns > LINE_COLUMNS) {
            printf("\n");
            used = 0;
        }
        printf("%s%s", used > 0 ? "   " : "", item);
        used += (used > 0 ? 3 : 0) + columns;
    }
    printf("\n");
}

heed_status heed_cli_print_shapes(const heed_cli_shapes_text *t, heed_error *err)
{
    const int most = heed_shapes_n(t->shapes);
    place *places = calloc((size_t)most + 1, sizeof *places);
    int n = 0;
    part p;

    if (places == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of tensors");
    find_places(t->shapes, places);
    for (int i = 0; i < most; i++) {
        if (t->shown[places[i].entry])
            places[n++] = places[i];
    }
    qsort(places, (size_t)n, sizeof *places, by_section);
    if (t->symbols)
        put_symbols(t);
    for (int i = 0; i < n; i = p.end) {
        const part first = p = part_at(places, n, i);
        int last_layer = places[i].layer;
        while (!t->all && p.end < n) {
            const part next = part_at(places, n, p.end);
            if (!parts_alike(t, places, &first, &next))
                break;
            last_layer = places[next.begin].layer;
            p.end = next.end;
        }
        put_part(t, places, &first, last_layer);
    }
    free(places);
    return HEED_OK;
}
