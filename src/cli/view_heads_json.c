/* SPDX-License-Identifier: MIT */
/* heed inspect --show heads --json: all that is known, head by head. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/view_heads.h"

/* A role's name as a key: "previous_token". */
static const char *key_of(heed_head_role role, char out[32])
{
    snprintf(out, 32, "%s", heed_head_role_name(role));
    for (char *c = out; *c != '\0'; c++)
        *c = *c == ' ' ? '_' : *c;
    return out;
}

static void put_roles(heed_cli_json *json, const heed_head_scores *scores)
{
    heed_cli_json_open(json, "roles", '{');
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        const heed_head_role_score *s = &scores->roles[role];
        char key[32];

        heed_cli_json_open(json, key_of((heed_head_role)role, key), '{');
        heed_cli_json_number(json, "mul", s->mul);
        heed_cli_json_number(json, "abs", s->abs);
        heed_cli_json_number(json, "found", s->found);
        heed_cli_json_number(json, "chance", s->chance);
        heed_cli_json_number(json, "gain", s->gain);
        heed_cli_json_number(json, "odds", s->odds);
        heed_cli_json_integer(json, "rows", s->rows);
        heed_cli_json_bool(json, "named", s->named);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, '}');
}

static void put_figures(heed_cli_json *json, const heed_head_scores *s)
{
    heed_cli_json_integer(json, "rows", s->rows);
    heed_cli_json_integer(json, "not_finite", s->not_finite);
    heed_cli_json_integer(json, "empty", s->empty);
    heed_cli_json_number(json, "entropy", s->entropy);
    heed_cli_json_number(json, "max_entropy", s->max_entropy);
    heed_cli_json_number(json, "entropy_share", s->entropy_share);
    heed_cli_json_number(json, "largest", s->largest);
    heed_cli_json_number(json, "distance", s->distance);
    heed_cli_json_number(json, "itself", s->itself);
    heed_cli_json_bool(json, "collapsed", s->collapsed);
}

static void put_largest(heed_cli_json *json, const heed_heads *heads, int layer, int head)
{
    int n;
    const heed_head_weight *w = heed_heads_largest(heads, 0, layer, head, &n);

    if (n == 0)
        return;
    heed_cli_json_open(json, "largest_weights", '[');
    for (int k = 0; k < n; k++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "query", w[k].query);
        heed_cli_json_integer(json, "key", w[k].key);
        heed_cli_json_number(json, "weight", (double)w[k].weight);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void put_profile(heed_cli_json *json, const heed_heads *heads, int layer, int head, double *profile)
{
    heed_heads_profile(heads, layer, head, profile);
    heed_cli_json_open(json, "distance_profile", '[');
    for (int64_t d = 0; d < heed_heads_length(heads); d++)
        heed_cli_json_number(json, NULL, profile[d]);
    heed_cli_json_close(json, ']');
}

/* profile [length], or NULL: without it */
static void put_heads(heed_cli_json *json, const heed_heads *heads, double *profile)
{
    const int L = heed_heads_n_layers(heads), H = heed_heads_n_heads(heads);

    heed_cli_json_open(json, "heads", '[');
    for (int i = 0; i < L * H; i++) {
        heed_head_scores s;

        heed_heads_scores(heads, HEED_HEADS_ALL, i / H, i % H, &s);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "layer", i / H);
        heed_cli_json_integer(json, "head", i % H);
        put_figures(json, &s);
        if (!isnan(s.stripe))
            heed_cli_json_number(json, "stripe", s.stripe);
        put_roles(json, &s);
        if (profile != NULL) {
            put_largest(json, heads, i / H, i % H);
            put_profile(json, heads, i / H, i % H, profile);
        }
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void put_test(heed_cli_json *json, const heed_cli_heads *seen)
{
    const heed_repeated *t = &seen->test;

    heed_cli_json_open(json, "repeated", '{');
    heed_cli_json_integer(json, "batch", t->batch);
    heed_cli_json_integer(json, "length", t->length);
    heed_cli_json_integer(json, "first_token", t->first);
    heed_cli_json_bool(json, "distinct", t->distinct);
    heed_cli_json_number(json, "first_loss", t->first_loss);
    heed_cli_json_number(json, "second_loss", t->second_loss);
    put_heads(json, seen->repeated, NULL);
    heed_cli_json_close(json, '}');
}

static void put_pairs(heed_cli_json *json, const heed_cli_heads *seen)
{
    const int H = heed_heads_n_heads(seen->heads);

    heed_cli_json_open(json, "similar", '[');
    for (int k = 0; k < seen->n_pairs; k++) {
        const heed_cli_head_pair *p = &seen->pairs[k];
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "layer", p->a / H);
        heed_cli_json_integer(json, "head", p->a % H);
        heed_cli_json_integer(json, "other_layer", p->b / H);
        heed_cli_json_integer(json, "other_head", p->b % H);
        heed_cli_json_number(json, "cosine", p->cosine);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

/* Which roles each head has: those of the verdict, as in the table. */
static void put_verdict(heed_cli_json *json, const heed_cli_heads *seen)
{
    const int L = heed_heads_n_layers(seen->heads), H = heed_heads_n_heads(seen->heads);

    heed_cli_json_open(json, "verdict", '[');
    for (int i = 0; i < L * H; i++) {
        heed_head_scores s;
        heed_cli_heads_verdict(seen, i / H, i % H, &s);
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            char key[32];
            if (!s.roles[role].named)
                continue;
            heed_cli_json_open(json, NULL, '{');
            heed_cli_json_integer(json, "layer", i / H);
            heed_cli_json_integer(json, "head", i % H);
            heed_cli_json_text(json, "role", key_of((heed_head_role)role, key));
            heed_cli_json_number(json, "found", s.roles[role].found);
            heed_cli_json_close(json, '}');
        }
    }
    heed_cli_json_close(json, ']');
}

heed_status heed_cli_heads_json(heed_cli_json *json, const heed_cli_heads *seen, heed_error *err)
{
    double *profile = malloc((size_t)heed_heads_length(seen->heads) * sizeof *profile);

    if (profile == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the weights at each distance");
    put_heads(json, seen->heads, profile);
    if (seen->repeated != NULL)
        put_test(json, seen);
    put_verdict(json, seen);
    put_pairs(json, seen);
    free(profile);
    return HEED_OK;
}
