/* SPDX-License-Identifier: MIT */
/* heed inspect --activation NAMES --to FILE: any number that runs, written down, with the cost of looking. */
#include <heed/activations.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view.h"

enum { MOST_NAMES = 256 };

typedef struct activations_options {
    const char *names, *to;
} activations_options;

static const heed_cli_text texts[] = {
    {"activation", "NAMES",
     "activations with commas between, such as blocks.0.attn.pattern; d.NAME or grad/PARAMETER is a gradient",
     offsetof(activations_options, names)},
    {"to", "FILE", "where to, as .npy (one of them), .safetensors or .json", offsetof(activations_options, to)},
};

/* The names of the line, cut at its commas. */
typedef struct name_list {
    char *text; /* holds them */
    const char *names[MOST_NAMES];
    int n;
} name_list;

static heed_status cut_names(const char *text, name_list *list, heed_error *err)
{
    *list = (name_list){.text = strdup(text)};
    if (list->text == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for names");
    for (char *at = list->text; at != NULL;) {
        char *comma = strchr(at, ',');
        if (comma != NULL)
            *comma = '\0';
        if (list->n == MOST_NAMES)
            return heed_cli_fail(err, HEED_ERR_USAGE, "activation: expected at most %d names", MOST_NAMES);
        if (*at != '\0')
            list->names[list->n++] = at;
        at = comma != NULL ? comma + 1 : NULL;
    }
    if (list->n == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "activation: expected a name such as blocks.0.attn.pattern");
    return HEED_OK;
}

static void print_text(const activations_options *own, const name_list *list, const heed_observing *cost)
{
    char bytes[32], shown[512];

    printf("%s: %d activation%s, %s\n", heed_cli_quote(shown, sizeof shown, own->to), list->n,
           list->n > 1 ? "s" : "", heed_cli_bytes(bytes, cost->bytes));
    printf("reading the text takes %.2f ms with them and %.2f ms without;\nthe logits %s\n",
           1e3 * cost->seconds, 1e3 * cost->seconds_without,
           cost->same_logits ? "are the same, bit for bit" : "differ: that is a fault of heed's");
}

static void print_json(heed_cli_json *json, const activations_options *own, const name_list *list,
                       const heed_observing *cost)
{
    heed_cli_json_text(json, "file", own->to);
    heed_cli_json_open(json, "names", '[');
    for (int i = 0; i < list->n; i++)
        heed_cli_json_text(json, NULL, list->names[i]);
    heed_cli_json_close(json, ']');
    heed_cli_json_number(json, "bytes", cost->bytes);
    heed_cli_json_number(json, "seconds", cost->seconds);
    heed_cli_json_number(json, "seconds_without", cost->seconds_without);
    heed_cli_json_bool(json, "same_logits", cost->same_logits);
}

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const activations_options *own = options;

    (void)look;
    if (own->names == NULL)
        return heed_cli_fail(
            err, HEED_ERR_USAGE,
            "activations: expected --activation NAMES, such as --activation blocks.0.attn.pattern");
    if (own->to == NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "activation: expected --to FILE as well, such as --to pattern.npy");
    return HEED_OK;
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const activations_options *own = options;
    name_list list;
    heed_observing cost;
    heed_status status = cut_names(own->names, &list, err);

    if (status == HEED_OK)
        status = heed_model_write_activations(look->model, look->ids, look->n_ids, list.names, list.n, own->to,
                                              err);
    if (status == HEED_OK)
        status = heed_model_measure_observing(look->model, look->ids, look->n_ids, list.names, list.n, &cost,
                                              err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        print_json(look->json, own, &list, &cost);
    else if (status == HEED_OK)
        print_text(own, &list, &cost);
    free(list.text);
    return status;
}

const heed_cli_view heed_cli_view_activations = {
    .name = "activations",
    .summary = "any of them, to a file",
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(activations_options),
    .check = check,
    .show = show,
};
