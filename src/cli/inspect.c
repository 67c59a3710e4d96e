/* SPDX-License-Identifier: MIT */
/* heed inspect MODEL: looks inside a model that reads a text, through the views that are asked for. */
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/own_text.h"
#include "cli/read_text.h"
#include "cli/view.h"

/* In the order in which they are shown. The first is shown where nothing is asked for. */
/* clang-format off */
static const heed_cli_view *const views[] = {
    &heed_cli_view_maps,
    &heed_cli_view_heads,
    &heed_cli_view_run,
    &heed_cli_view_lens,
    &heed_cli_view_predictions,
    &heed_cli_view_attribution,
    &heed_cli_view_ablation,
    &heed_cli_view_patch,
    &heed_cli_view_gradients,
    &heed_cli_view_neighbours,
    &heed_cli_view_activations,
    &heed_cli_view_compare,
};
/* clang-format on */

enum { N_VIEWS = sizeof views / sizeof views[0] };

typedef struct inspect_options {
    const char *text, *file, *show;
    bool json;
} inspect_options;

#define SHOW_HELP "what to show, with commas between: "

enum { TEXT, TEXT_FILE, SHOW, N_TEXTS, SHOW_BYTES = 400 };

static const heed_cli_text texts[N_TEXTS] = {
    [TEXT] = {"text", "TEXT",
              "what the model reads; without it a sentence that it writes itself. It may be longer than the "
              "context unless positions are a table",
              offsetof(inspect_options, text)},
    [TEXT_FILE] = {"file", "FILE", "the same from a file", offsetof(inspect_options, file)},
    [SHOW] = {"show", "NAMES", SHOW_HELP, offsetof(inspect_options, show)},
};

static const heed_field fields[] = {
    {"json", "print one JSON object: the text, its tokens, and an object for each thing that is shown",
     HEED_FIELD_BOOLEAN, offsetof(inspect_options, json), 0, 0, NULL},
};

/* The options of a view, as the line has set them. */
typedef struct view_state {
    _Alignas(16) char options[HEED_CLI_VIEW_BYTES];
    char title[96];
    bool chosen;
} view_state;

/* --- which views --- */

static void add_views(heed_cli_options *options, view_state *states)
{
    for (int i = 0; i < N_VIEWS; i++) {
        const heed_cli_view *view = views[i];
        if (view->defaults != NULL)
            memcpy(states[i].options, view->defaults, view->options_bytes);
        if (view->n_fields + view->n_texts == 0)
            continue;
        snprintf(states[i].title, sizeof states[i].title, "%s: %s", view->name, view->summary);
        heed_cli_add_group(options, states[i].title, view->fields, view->n_fields, states[i].options, true);
        heed_cli_add_texts(options, view->texts, view->n_texts);
    }
}

/* Adds the views' names to a text. */
static void add_names(char *text, size_t bytes)
{
    for (int i = 0; i < N_VIEWS; i++) {
        const size_t n = strlen(text);
        snprintf(text + n, bytes - n, "%s%s", i > 0 ? ", " : "", views[i]->name);
    }
}

static heed_status no_view(const char *name, heed_error *err)
{
    heed_field names[N_VIEWS] = {{.name = NULL}};
    char shown[80], all[SHOW_BYTES] = "";
    const char *near;

    for (int i = 0; i < N_VIEWS; i++)
        names[i].name = views[i]->name;
    add_names(all, sizeof all);
    near = heed_field_nearest(names, N_VIEWS, name);
    if (near != NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE, "show: there is no \"%s\"; did you mean \"%s\"?",
                             heed_cli_quote(shown, sizeof shown, name), near);
    return heed_cli_fail(err, HEED_ERR_USAGE, "show: there is no \"%s\"; expected some of %s",
                         heed_cli_quote(shown, sizeof shown, name), all);
}

/* Marks the views of a list of names. */
static heed_status choose_named(const char *list, view_state *states, heed_error *err)
{
    while (*list != '\0') {
        const size_t n = strcspn(list, ",");
        char name[64];
        int found = -1;

        snprintf(name, sizeof name, "%.*s", (int)n, list);
        for (int i = 0; i < N_VIEWS; i++) {
            if (strcmp(views[i]->name, name) == 0)
                found = i;
        }
        if (found < 0)
            return no_view(name, err);
        states[found].chosen = true;
        list += n + (list[n] == ',');
    }
    return HEED_OK;
}

/* *usual: none is asked for, so the first is shown. */
static heed_status choose(const heed_cli_options *options, const inspect_options *own, view_state *states,
                          bool *usual, heed_error *err)
{
    heed_status status = own->show != NULL ? choose_named(own->show, states, err) : HEED_OK;

    *usual = true;
    for (int i = 0; i < N_VIEWS; i++) {
        states[i].chosen = states[i].chosen || heed_cli_given(options, states[i].options) != NULL;
        *usual = *usual && !states[i].chosen;
    }
    states[0].chosen = states[0].chosen || *usual;
    return status;
}

/* --- what they look at --- */

static bool want_model(const view_state *states)
{
    bool want = false;

    for (int i = 0; i < N_VIEWS; i++)
        want = want || (states[i].chosen && !views[i]->without_model);
    return want;
}

/* A text that is given is read by any view of a model. */
static bool want_text(const inspect_options *own, const view_state *states)
{
    bool want = (own->text != NULL || own->file != NULL) && want_model(states);

    for (int i = 0; i < N_VIEWS; i++)
        want = want || (states[i].chosen && !views[i]->without_model && !views[i]->without_text);
    return want;
}

/* The text of the line, of the file, or the model's own; *held is what must be freed. */
static heed_status find_text(const inspect_options *own, heed_cli_look *look, char **held, heed_error *err)
{
    heed_status status = HEED_OK;

    if (own->text != NULL && own->file != NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected --text or --file, got both");
    if (own->text == NULL) {
        status = own->file != NULL ? heed_cli_read_file(own->file, held, &look->n_text, err)
                                   : heed_cli_own_text(look->model, held, &look->n_text, err);
        look->text = *held;
        return status;
    }
    look->text = own->text;
    look->n_text = strlen(own->text);
    return HEED_OK;
}

/* --- showing --- */

/* Behind the usual view, for who has not named one. */
static void say_more(const char *model)
{
    char quoted[256];

    fprintf(stderr,
            "next: heed inspect %s --show heads           what each head is good for\n"
            "      ... --show lens,predictions            what it would say, and how sure it was\n"
            "      ... --ablate each                      what each part is worth\n"
            "      heed help inspect                      all views\n",
            heed_cli_quote(quoted, sizeof quoted, model));
}

static heed_status check(const heed_cli_look *look, const view_state *states, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < N_VIEWS && status == HEED_OK; i++) {
        if (states[i].chosen && views[i]->check != NULL)
            status = views[i]->check(look, states[i].options, err);
    }
    return status;
}

static heed_status show(const heed_cli_look *look, const view_state *states, heed_error *err)
{
    heed_cli_printed *printed = look->printed;
    heed_status status = HEED_OK;

    for (int i = 0; i < N_VIEWS && status == HEED_OK; i++) {
        if (!states[i].chosen)
            continue;
        printed->view = views[i]->name;
        printed->this_view = false;
        status = views[i]->show(look, states[i].options, err);
        if (look->json != NULL && printed->this_view)
            heed_cli_json_close(look->json, '}');
    }
    if (look->json != NULL && printed->any)
        heed_cli_json_close(look->json, '}');
    return status;
}

static bool read_windows(const view_state *states)
{
    bool all = true;

    for (int i = 0; i < N_VIEWS; i++)
        all = all && (!states[i].chosen || views[i]->any_length);
    return all;
}

/* Does the model take as many tokens at once? Beyond its context, where positions have values there. */
static bool fits(const heed_cli_look *look)
{
    const heed_config *c = heed_model_config(look->model);

    return look->n_ids > 0 && (look->n_ids <= (size_t)c->context_length ||
                               heed_config_check_length(c, (int64_t)look->n_ids, NULL) == HEED_OK);
}

static heed_status check_length(const heed_cli_look *look, const view_state *states, heed_error *err)
{
    if (fits(look) || (look->n_ids > 0 && read_windows(states)))
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "expected a text of 1 to %lld tokens (the model's context), got %zu",
                         (long long)heed_model_config(look->model)->context_length, look->n_ids);
}

static heed_status look_inside(heed_cli_look *look, const inspect_options *own, const view_state *states,
                               heed_error *err)
{
    heed_cli_json json = {.out = stdout};
    heed_cli_printed printed = {.any = false};
    char *held = NULL;
    int32_t *ids = NULL;
    heed_status status = HEED_OK;

    if (want_text(own, states))
        status = find_text(own, look, &held, err);
    if (status == HEED_OK && look->text != NULL)
        status = heed_model_encode(look->model, look->text, look->n_text, &ids, &look->n_ids, err);
    look->ids = ids;
    if (status == HEED_OK && look->text != NULL)
        status = check_length(look, states, err);
    if (status == HEED_OK)
        status = check(look, states, err);
    look->json = own->json ? &json : NULL;
    look->printed = &printed;
    if (status == HEED_OK && look->text != NULL && fits(look))
        status = heed_model_find_nonfinite(look->model, look->ids, look->n_ids, &printed.nonfinite, err);
    if (status == HEED_OK)
        status = show(look, states, err);
    free(ids);
    free(held);
    return status;
}

/* --- the command --- */

/* A line was refused. Was it for a view in the place of an option, --lens, that no option is near? */
static heed_status take_for_option(int argc, char **argv, heed_error *err)
{
    for (int i = 0; i < argc; i++) {
        char refused[80];

        for (int k = 0; k < N_VIEWS; k++) {
            snprintf(refused, sizeof refused, "no option \"--%s\"; \"heed help", views[k]->name);
            if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, views[k]->name) == 0 &&
                strstr(err->message, refused) != NULL)
                return heed_cli_fail(err, HEED_ERR_USAGE,
                                     "inspect has no option \"%s\"; did you mean \"--show %s\"?", argv[i],
                                     views[k]->name);
        }
    }
    return HEED_ERR_USAGE;
}

static heed_status open_model(const heed_cli_options *options, heed_model **model, heed_error *err)
{
    if (options->n_operands == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected heed inspect %s; \"heed help inspect\" shows more",
                             options->command->operands);
    return heed_cli_open_named(options->operands[0], model, err);
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    inspect_options own = {.json = false};
    char show_help[SHOW_BYTES] = SHOW_HELP;
    heed_cli_text named[N_TEXTS];
    heed_cli_options options = {
        .command = command, .texts = named, .n_texts = N_TEXTS, .structure = &own, .most_operands = 1};
    view_state states[N_VIEWS] = {{.chosen = false}};
    heed_model *model = NULL;
    heed_cli_look look = {.model = NULL};
    bool usual = false;
    heed_status status;

    memcpy(named, texts, sizeof named);
    add_names(show_help, sizeof show_help);
    named[SHOW].help = show_help;
    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    add_views(&options, states);
    status = heed_cli_read(&options, argc, argv, err);
    if (status == HEED_ERR_USAGE)
        status = take_for_option(argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = choose(&options, &own, states, &usual, err);
    if (status == HEED_OK && want_model(states))
        status = open_model(&options, &model, err);
    look.model = model;
    if (status == HEED_OK)
        status = look_inside(&look, &own, states, err);
    if (status == HEED_OK && usual && !own.json)
        say_more(options.operands[0]);
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_inspect = {
    .name = "inspect",
    .operands = "MODEL",
    .summary = "look inside a model that reads a text",
    .details =
        "There are views, and --show names some. What has one of its options given is shown as well; maps\n"
        "where nothing is asked for.\n"
        "\n"
        "  what heads do        maps, heads; run: over a training run\n"
        "  what is predicted    lens, predictions, attribution\n"
        "  what parts are for   ablation, patch\n"
        "  weights and numbers  gradients, neighbours, activations: any of them, to a file\n"
        "  two models           compare\n"
        "\n"
        "Each row of a map is a token and shows how much of each earlier token it takes in. The table says,\n"
        "as means over the tokens: over how many tokens a head spreads its attention, how far back it\n"
        "looks, and how much goes to the token itself, to the one before it and to the first. Where\n"
        "feed-forwards are mixtures of experts, a second table says how many tokens each expert gets.\n",
    .examples = "  heed inspect story\n"
                "  heed inspect story --text \"The cat sat down.\" --layer 1 --head 0\n"
                "  heed inspect story --picture attention.png\n"
                "  heed inspect story --show heads --largest-weights 3\n"
                "  heed inspect story --text \"The cat sat down.\" --show lens,predictions\n"
                "  heed inspect story --text \"The cat sat\" --attribute \" down\" --against \" up\"\n"
                "  heed inspect story --activation blocks.0.attn.pattern --to pattern.npy\n"
                "  heed inspect story --text \"The cat sat down.\" --ablate 1.2,3.mlp\n"
                "  heed inspect story --text \"The cat sat\" --patch-text \"The dog sat\"\n"
                "  heed inspect early --text \"The cat sat down.\" --compare story\n"
                "  heed inspect --run induction\n",
    .run = run,
};
