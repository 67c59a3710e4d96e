/* SPDX-License-Identifier: MIT */
/* heed inspect --run RUN: what the heads were like at each evaluation of a training run, and when they began to work. */
#include <heed/head_history.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view.h"

typedef struct run_options {
    const char *run, *curves;
    int64_t at;
} run_options;

static const run_options defaults = {.at = -1};

static const heed_cli_text texts[] = {
    {"run", "DIR", "a run that was trained with --record-heads; no MODEL is given then",
     offsetof(run_options, run)},
    {"curves", "FILE", "its curves, as .png, .svg or .pdf by the name's ending", offsetof(run_options, curves)},
};

static const heed_field fields[] = {
    {"at",
     "draw the patterns that were recorded as they were at the evaluation of this step; -1: at the last one",
     HEED_FIELD_INTEGER, offsetof(run_options, at), -1, 1e15, NULL},
};

static const heed_head_role watched[] = {HEED_HEAD_PREVIOUS, HEED_HEAD_INDUCTION};

enum { N_WATCHED = sizeof watched / sizeof watched[0] };

/* --- as text --- */

static void put_loss(double loss, int width)
{
    if (isnan(loss))
        printf("%*s", width, "-");
    else
        printf("%*.4f", width, loss);
}

/* True when some head has the role from this step on. */
static bool begins(const heed_head_history *h, heed_head_role role, int64_t step)
{
    for (int layer = 0; layer < heed_head_history_n_layers(h); layer++) {
        for (int head = 0; head < heed_head_history_n_heads(h); head++) {
            if (heed_head_history_appears(h, role, layer, head) == step)
                return true;
        }
    }
    return false;
}

static void put_best(const heed_head_history *h, int64_t i, heed_head_role role, int64_t step)
{
    heed_head_state state;
    char name[32] = "-";
    int layer = 0, head = 0;

    if (!heed_head_history_best(h, i, role, &layer, &head) ||
        !heed_head_history_state(h, i, false, layer, head, &state)) {
        printf("  %5s %6s   ", name, name);
        return;
    }
    snprintf(name, sizeof name, "%d.%d", layer, head);
    printf("  %5s %6.2f %s", name, state.gain[role], begins(h, role, step) ? "<-" : "  ");
}

static void put_table(const heed_head_history *h)
{
    printf("    step  validation  first half  second half   previous token         induction\n");
    for (int64_t i = 0; i < heed_head_history_count(h); i++) {
        const heed_head_moment at = heed_head_history_at(h, i);

        printf("%8lld", (long long)at.step);
        put_loss(at.validation_loss, 12);
        put_loss(at.first_loss, 12);
        put_loss(at.second_loss, 13);
        for (int k = 0; k < N_WATCHED; k++)
            put_best(h, i, watched[k], at.step);
        printf("\n");
    }
    printf("The best head of each kind, and its gain: 0 is chance, 1 perfect. <- : from here\n"
           "on there is one.\n");
}

/* The evaluation of a step, and the one before. */
static void put_losses_around(const heed_head_history *h, int64_t step)
{
    for (int64_t i = 0; i < heed_head_history_count(h); i++) {
        const heed_head_moment at = heed_head_history_at(h, i);

        if (at.step != step)
            continue;
        if (i > 0)
            printf("\n          loss on the second half: %.4f at step %lld, %.4f here",
                   heed_head_history_at(h, i - 1).second_loss, (long long)heed_head_history_at(h, i - 1).step,
                   at.second_loss);
        return;
    }
}

static void put_events(const heed_head_history *h)
{
    int n = 0;

    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        for (int at = 0; at < heed_head_history_n_layers(h) * heed_head_history_n_heads(h); at++) {
            const int layer = at / heed_head_history_n_heads(h), head = at % heed_head_history_n_heads(h);
            const int64_t step = heed_head_history_appears(h, (heed_head_role)role, layer, head);

            if (step < 0)
                continue;
            printf("%shead %d.%d: %s, from step %lld on", n++ == 0 ? "\n" : "", layer, head,
                   heed_head_role_name((heed_head_role)role), (long long)step);
            if (role == HEED_HEAD_INDUCTION)
                put_losses_around(h, step);
            printf("\n");
        }
    }
    if (n == 0)
        printf("\nno head has a role at the end\n");
}

/* The evaluation whose patterns are drawn. */
static heed_status find_moment(const heed_head_history *h, int64_t step, int64_t *i, heed_error *err)
{
    const int64_t n = heed_head_history_count(h);

    *i = n - 1;
    for (int64_t k = 0; step >= 0 && k < n; k++) {
        if (heed_head_history_at(h, k).step == step) {
            *i = k;
            return HEED_OK;
        }
    }
    if (step < 0)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "at: there was no evaluation at step %lld; the last was at step %lld", (long long)step,
                         (long long)heed_head_history_at(h, n - 1).step);
}

static heed_status put_patterns(const heed_head_history *h, int64_t i, heed_error *err)
{
    for (int k = 0; k < heed_head_history_n_patterns(h); k++) {
        char *drawing = NULL;
        int layer, head;
        const heed_status status = heed_head_history_pattern_text(h, i, k, heed_cli_columns(stdout) - 1,
                                                                  heed_cli_palette(stdout), &drawing, err);

        if (status != HEED_OK)
            return status;
        heed_head_history_pattern_head(h, k, &layer, &head);
        printf("\nlayer %d head %d, step %lld\n%s", layer, head, (long long)heed_head_history_at(h, i).step,
               drawing);
        free(drawing);
    }
    return HEED_OK;
}

static heed_status show_text(const heed_head_history *h, const run_options *own, int64_t at, heed_error *err)
{
    char *drawing = NULL;
    heed_status status = heed_head_history_text(h, heed_cli_columns(stdout) - 1, heed_cli_palette(stdout),
                                                &drawing, err);

    if (status != HEED_OK)
        return status;
    printf("run: ");
    heed_cli_put_safe(stdout, own->run, strlen(own->run));
    printf("   %d layer%s of %d heads, %lld evaluations\n\n%s\n", heed_head_history_n_layers(h),
           heed_head_history_n_layers(h) == 1 ? "" : "s", heed_head_history_n_heads(h),
           (long long)heed_head_history_count(h), drawing);
    free(drawing);
    put_table(h);
    put_events(h);
    status = put_patterns(h, at, err);
    if (status == HEED_OK && own->curves != NULL) {
        printf("\ncurves: ");
        heed_cli_put_safe(stdout, own->curves, strlen(own->curves));
        printf("\n");
    }
    return status;
}

/* --- as JSON --- */

static void json_state(heed_cli_json *json, const heed_head_history *h, int64_t i, bool text)
{
    heed_head_state state;

    if (!heed_head_history_state(h, i, text, 0, 0, &state))
        return;
    heed_cli_json_open(json, text ? "on_text" : "repeated", '[');
    for (int at = 0; at < heed_head_history_n_layers(h) * heed_head_history_n_heads(h); at++) {
        const int layer = at / heed_head_history_n_heads(h), head = at % heed_head_history_n_heads(h);

        heed_head_history_state(h, i, text, layer, head, &state);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "layer", layer);
        heed_cli_json_integer(json, "head", head);
        heed_cli_json_number(json, "entropy", state.entropy);
        heed_cli_json_number(json, "entropy_share", state.entropy_share);
        heed_cli_json_number(json, "largest", state.largest);
        heed_cli_json_number(json, "stripe", state.stripe);
        heed_cli_json_open(json, "gain", '{');
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
            heed_cli_json_number(json, heed_head_role_name((heed_head_role)role), state.gain[role]);
        heed_cli_json_close(json, '}');
        heed_cli_json_open(json, "named", '[');
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            if (state.named[role])
                heed_cli_json_text(json, NULL, heed_head_role_name((heed_head_role)role));
        }
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_patterns(heed_cli_json *json, const heed_head_history *h, int64_t i)
{
    heed_cli_json_open(json, "patterns", '[');
    for (int k = 0; k < heed_head_history_n_patterns(h); k++) {
        int64_t n = 0;
        const float *pattern = heed_head_history_pattern(h, i, k, &n);
        int layer, head;

        heed_head_history_pattern_head(h, k, &layer, &head);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "layer", layer);
        heed_cli_json_integer(json, "head", head);
        heed_cli_json_open(json, "pattern", '[');
        for (int64_t row = 0; row < n; row++) {
            heed_cli_json_open(json, NULL, '[');
            for (int64_t column = 0; column < n; column++)
                heed_cli_json_number(json, NULL, (double)pattern[row * n + column]);
            heed_cli_json_close(json, ']');
        }
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void show_json(heed_cli_json *json, const heed_head_history *h, const run_options *own)
{
    heed_cli_json_text(json, "run", own->run);
    heed_cli_json_integer(json, "n_layers", heed_head_history_n_layers(h));
    heed_cli_json_integer(json, "n_heads", heed_head_history_n_heads(h));
    heed_cli_json_open(json, "evaluations", '[');
    for (int64_t i = 0; i < heed_head_history_count(h); i++) {
        const heed_head_moment at = heed_head_history_at(h, i);

        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "step", at.step);
        heed_cli_json_number(json, "validation_loss", at.validation_loss);
        heed_cli_json_number(json, "first_loss", at.first_loss);
        heed_cli_json_number(json, "second_loss", at.second_loss);
        json_state(json, h, i, false);
        json_state(json, h, i, true);
        if (heed_head_history_n_patterns(h) > 0)
            json_patterns(json, h, i);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "appears", '[');
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        for (int at = 0; at < heed_head_history_n_layers(h) * heed_head_history_n_heads(h); at++) {
            const int layer = at / heed_head_history_n_heads(h), head = at % heed_head_history_n_heads(h);
            const int64_t step = heed_head_history_appears(h, (heed_head_role)role, layer, head);

            if (step < 0)
                continue;
            heed_cli_json_open(json, NULL, '{');
            heed_cli_json_text(json, "role", heed_head_role_name((heed_head_role)role));
            heed_cli_json_integer(json, "layer", layer);
            heed_cli_json_integer(json, "head", head);
            heed_cli_json_integer(json, "step", step);
            heed_cli_json_close(json, '}');
        }
    }
    heed_cli_json_close(json, ']');
    if (own->curves != NULL)
        heed_cli_json_text(json, "curves", own->curves);
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const run_options *own = options;

    (void)look;
    return own->run != NULL
               ? HEED_OK
               : heed_cli_fail(err, HEED_ERR_USAGE, "expected --run DIR, a run whose heads were recorded");
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const run_options *own = options;
    heed_head_history *history = NULL;
    int64_t at = 0;
    heed_status status = heed_head_history_read(own->run, &history, err);

    if (status == HEED_OK)
        status = find_moment(history, own->at, &at, err);
    if (status == HEED_OK && own->curves != NULL)
        status = heed_head_history_picture(history, own->curves, err);
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        show_json(look->json, history, own);
    else if (status == HEED_OK)
        status = show_text(history, own, at, err);
    heed_head_history_close(history);
    return status;
}

const heed_cli_view heed_cli_view_run = {
    .name = "run",
    .summary = "heads over a training run, and when they began to work",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .texts = texts,
    .n_texts = (int)(sizeof texts / sizeof texts[0]),
    .options_bytes = sizeof(run_options),
    .defaults = &defaults,
    .without_model = true,
    .check = check,
    .show = show,
};
