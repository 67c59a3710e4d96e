/* SPDX-License-Identifier: MIT */
/* Parts of a model, from a list such as 3.5,4.mlp,*.attn,blocks.2.mlp.post. */
#include "inspect/component.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "inspect/intervention.h"
#include "nn/model.h"

/* What is being read. */
typedef struct parts {
    const heed_config *config;
    heed_component *out;
    int n, capacity;
    const char *item; /* safe to show */
} parts;

static bool same(const heed_component *a, const heed_component *b)
{
    return a->kind == b->kind && a->layer == b->layer && a->head == b->head && strcmp(a->name, b->name) == 0;
}

static heed_status add(parts *p, const heed_component *part, heed_error *err)
{
    for (int i = 0; i < p->n; i++) {
        if (same(&p->out[i], part))
            return HEED_OK;
    }
    if (p->n == p->capacity)
        return heed_fail(err, HEED_ERR_USAGE, "expected at most %d parts of the model, got more", p->capacity);
    p->out[p->n++] = *part;
    return HEED_OK;
}

/* --- numbers --- */

typedef struct range {
    int first, last;
} range;

static heed_status no_such(const parts *p, const char *what, long n, int count, heed_error *err)
{
    if (count == 0)
        return heed_fail(err, HEED_ERR_USAGE, "\"%s\": the model has no %ss", p->item, what);
    return heed_fail(err, HEED_ERR_USAGE, "\"%s\": there is no %s %ld: %ss are 0 to %d", p->item, what, n, what,
                     count - 1);
}

/* n characters that are a number, a range or *; false where they are something else. */
static bool is_range(const char *text, size_t n)
{
    return n > 0 && (strspn(text, "0123456789-") >= n || (n == 1 && text[0] == '*'));
}

/* Of `count` things called `what`. */
static heed_status read_range(const parts *p, const char *text, size_t n, const char *what, int count,
                              range *out, heed_error *err)
{
    char *end;
    long first, last;

    *out = (range){0, count - 1};
    if (n == 1 && text[0] == '*')
        return count > 0 ? HEED_OK : no_such(p, what, 0, count, err);
    first = last = strtol(text, &end, 10);
    if (isdigit((unsigned char)text[0]) && end < text + n && *end == '-' && isdigit((unsigned char)end[1]))
        last = strtol(end + 1, &end, 10);
    if (!isdigit((unsigned char)text[0]) || end != text + n || last < first)
        return heed_fail(err, HEED_ERR_USAGE,
                         "\"%s\": expected a %s such as 2, a range such as 2-5, or * for all", p->item, what);
    if (last >= count)
        return no_such(p, what, first >= count ? first : last, count, err);
    *out = (range){(int)first, (int)last};
    return HEED_OK;
}

/* --- one item --- */

static heed_status unknown_kind(const parts *p, const char *kind, heed_error *err)
{
    static const char *const words[] = {"attn", "mlp"};
    const int to_attn = heed_edit_distance(kind, words[0]), to_mlp = heed_edit_distance(kind, words[1]);
    const char *near = words[to_mlp < to_attn];

    if (heed_is_near(kind, to_mlp < to_attn ? to_mlp : to_attn))
        return heed_fail(err, HEED_ERR_USAGE,
                         "\"%s\": expected a head, attn or mlp behind the layer; did you mean \"%s\"?", p->item,
                         near);
    return heed_fail(err, HEED_ERR_USAGE, "\"%s\": expected a head, attn or mlp behind the layer", p->item);
}

/* What stands behind the point: kind and heads. */
static heed_status read_kind(const parts *p, const char *kind, int *component, range *heads, heed_error *err)
{
    const heed_config *c = p->config;
    const bool attn = strcmp(kind, "attn") == 0, mlp = strcmp(kind, "mlp") == 0;

    *heads = (range){0, 0};
    if (attn || mlp) {
        *component = attn ? HEED_COMPONENT_ATTENTION : HEED_COMPONENT_MLP;
        if (attn ? c->attention : c->mlp)
            return HEED_OK;
        return heed_fail(err, HEED_ERR_USAGE, "\"%s\": the model has no %s", p->item,
                         attn ? "attention" : "feed-forwards");
    }
    if (!is_range(kind, strlen(kind)))
        return unknown_kind(p, kind, err);
    *component = HEED_COMPONENT_HEAD;
    return read_range(p, kind, strlen(kind), "head", c->attention ? (int)c->n_heads : 0, heads, err);
}

static heed_status add_of_layers(parts *p, const char *item, size_t n_layer, heed_error *err)
{
    const char *kind = item[n_layer] == '.' ? item + n_layer + 1 : NULL;
    const int n_layers = p->config->kind == HEED_KIND_GPT ? (int)p->config->n_layers : 0;
    range layers, heads = {0, 0};
    int component = HEED_COMPONENT_LAYER;
    heed_status status = read_range(p, item, n_layer, "layer", n_layers, &layers, err);

    if (status == HEED_OK && kind != NULL)
        status = read_kind(p, kind, &component, &heads, err);
    for (int layer = layers.first; status == HEED_OK && layer <= layers.last; layer++) {
        for (int head = heads.first; status == HEED_OK && head <= heads.last; head++)
            status = add(p, &(heed_component){.kind = component, .layer = layer, .head = head}, err);
    }
    return status;
}

static heed_status add_item(parts *p, const char *item, heed_error *err)
{
    heed_component named = {.kind = HEED_COMPONENT_ACTIVATION};
    const size_t n_layer = strcspn(item, ".");

    if (is_range(item, n_layer))
        return add_of_layers(p, item, n_layer, err);
    if (strlen(item) >= sizeof named.name)
        return heed_fail(err, HEED_ERR_USAGE, "\"%s\": no part of the model has so long a name", p->item);
    if (item[0] == '\0')
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a part of the model such as 3.5, 3.attn, 3.mlp or 3, got nothing");
    if (strcmp(item, "attn") == 0 || strcmp(item, "mlp") == 0)
        return heed_fail(err, HEED_ERR_USAGE, "\"%s\": of which layer? 3.%s is that of layer 3, *.%s all",
                         p->item, item, item);
    memcpy(named.name, item, strlen(item) + 1);
    return add(p, &named, err);
}

/* --- activations --- */

/* Those that are there, and that something is computed from: a graph of one token tells. */
static heed_status check_activations(const heed_model *model, const heed_component *list, int n,
                                     heed_error *err)
{
    const int32_t id = 0;
    heed_intervention *v = NULL;
    heed_status status = HEED_OK;

    for (int i = 0; i < n && status == HEED_OK; i++) {
        heed_node *nodes[2];
        int n_nodes = 0;
        if (list[i].kind != HEED_COMPONENT_ACTIVATION)
            continue;
        if (v == NULL)
            status = heed_intervention_create(model, &(heed_forward_ids){.ids = &id, .batch = 1, .length = 1},
                                              false, 1, &v, err);
        if (status == HEED_OK)
            status = heed_component_nodes(heed_intervention_forward(v), &list[i], nodes, &n_nodes, err);
        if (status == HEED_OK)
            status = heed_intervention_allow(v, nodes[0], err);
    }
    heed_intervention_destroy(v);
    return status;
}

/* --- the list --- */

heed_status heed_components_of(const heed_config *config, const char *list, heed_component *out, int capacity,
                               int *n, heed_error *err)
{
    parts p = {.config = config, .out = out, .capacity = capacity};
    heed_status status = HEED_OK;
    const char *at = list;

    *n = 0;
    do {
        char item[160], shown[80];
        size_t length;

        at += strspn(at, " ");
        length = strcspn(at, ",");
        snprintf(item, sizeof item, "%.*s", length < sizeof item ? (int)length : (int)sizeof item, at);
        for (size_t k = strlen(item); k > 0 && item[k - 1] == ' '; k--)
            item[k - 1] = '\0';
        p.item = heed_quote(shown, sizeof shown, item, strlen(item));
        status = add_item(&p, item, err);
        at += length + (at[length] == ',');
    } while (status == HEED_OK && (*at != '\0' || (at > list && at[-1] == ',')));
    *n = status == HEED_OK ? p.n : 0;
    return status;
}

heed_status heed_components_read(const heed_model *model, const char *list, heed_component *out, int capacity,
                                 int *n, heed_error *err)
{
    heed_status status = heed_components_of(heed_model_config(model), list, out, capacity, n, err);

    if (status == HEED_OK)
        status = check_activations(model, out, *n, err);
    if (status != HEED_OK)
        *n = 0;
    return status;
}

const char *heed_component_text(char *out, const heed_component *c)
{
    static const char *const kinds[] = {[HEED_COMPONENT_ATTENTION] = ".attn", [HEED_COMPONENT_MLP] = ".mlp"};

    if (c->kind == HEED_COMPONENT_ACTIVATION)
        snprintf(out, 128, "%s", c->name);
    else if (c->kind == HEED_COMPONENT_HEAD)
        snprintf(out, 128, "%d.%d", c->layer, c->head);
    else
        snprintf(out, 128, "%d%s", c->layer, c->kind == HEED_COMPONENT_LAYER ? "" : kinds[c->kind]);
    return out;
}
