/* SPDX-License-Identifier: MIT */
/*
 * The views of heed inspect: ways to look at a model that reads a text. A view is one file: its options as tables, a
 * structure that they fill, and a function that shows. It is shown when --show names it, or when one of its options is
 * given.
 *
 *     static const heed_cli_text texts[] = {{"ablate", "PARTS", "…", offsetof(ablation_options, parts)}};
 *     static heed_status show(const heed_cli_look *look, const void *options, heed_error *err) { … }
 *     const heed_cli_view heed_cli_view_ablation = {.name = "ablation", .texts = texts, .n_texts = 1, …};
 *
 * A new one is its file, a declaration below and a line in the table of inspect.c.
 */
#ifndef HEED_CLI_VIEW_H
#define HEED_CLI_VIEW_H

#include <heed/activations.h>
#include <heed/model.h>

#include "cli/json_out.h"
#include "cli/options.h"

/* What has been printed so far. */
typedef struct heed_cli_printed {
    heed_nonfinite nonfinite; /* of the text's run; found is false where all is well */
    const char *view;         /* whose turn it is */
    bool any, this_view;      /* has something been printed at all, and of this view? */
} heed_cli_printed;

/* What is looked at. All is lent. */
typedef struct heed_cli_look {
    const heed_model *model; /* NULL: no view that is shown wants one */
    const char *text;        /* what it reads; NULL: no view that is shown wants it */
    size_t n_text;
    const int32_t *ids; /* of the text */
    size_t n_ids;
    heed_cli_json *json; /* the open object that takes this view's members; NULL: text for people, on stdout */
    heed_cli_printed *printed;
} heed_cli_look;

/**
 * Called by a view between its computation and its first word: prints what stands before all views, and under --json opens the
 * view's object. So what fails leaves nothing on stdout.
 */
void heed_cli_view_begin(const heed_cli_look *look);

typedef struct heed_cli_view {
    const char *name;    /* for --show, and of its object under --json */
    const char *summary; /* a few words behind it in the help */
    const heed_field *fields;
    int n_fields;
    const heed_cli_text *texts;
    int n_texts;
    size_t options_bytes; /* of the structure of fields and texts; at most HEED_CLI_VIEW_BYTES */
    const void *defaults; /* such a structure; NULL: zeros */
    bool without_text;    /* it looks at the model alone */
    bool any_length;      /* it reads a text that is longer than the context in windows */
    bool without_model;   /* it looks at neither */
    /* Is it possible? Asked of all before anything is printed; NULL: always. */
    heed_status (*check)(const heed_cli_look *look, const void *options, heed_error *err);
    heed_status (*show)(const heed_cli_look *look, const void *options, heed_error *err);
} heed_cli_view;

#define HEED_CLI_VIEW_BYTES 512

extern const heed_cli_view heed_cli_view_ablation;
extern const heed_cli_view heed_cli_view_activations;
extern const heed_cli_view heed_cli_view_attribution;
extern const heed_cli_view heed_cli_view_compare;
extern const heed_cli_view heed_cli_view_gradients;
extern const heed_cli_view heed_cli_view_heads;
extern const heed_cli_view heed_cli_view_lens;
extern const heed_cli_view heed_cli_view_maps;
extern const heed_cli_view heed_cli_view_neighbours;
extern const heed_cli_view heed_cli_view_patch;
extern const heed_cli_view heed_cli_view_predictions;
extern const heed_cli_view heed_cli_view_run;

#endif
