/* SPDX-License-Identifier: MIT */
#include "train/groups.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/pattern.h"

/* --- pieces of a rule --- */

/* Letters that are looked at: of a text, without the blanks around them. */
typedef struct piece {
    const char *at;
    size_t n;
} piece;

static piece trimmed(const char *at, size_t n)
{
    static const char blanks[] = " \t\r\n";

    while (n > 0 && strchr(blanks, at[0]) != NULL) {
        at++;
        n--;
    }
    while (n > 0 && strchr(blanks, at[n - 1]) != NULL)
        n--;
    return (piece){at, n};
}

/* What stands before the next separator; *rest goes behind it, to NULL after the last piece. */
static piece next_piece(const char **rest, const char *end, char separator)
{
    const char *at = *rest, *stop = memchr(at, separator, (size_t)(end - at));

    *rest = stop != NULL ? stop + 1 : NULL;
    return trimmed(at, (size_t)((stop != NULL ? stop : end) - at));
}

static bool copy_piece(char *out, size_t size, piece p)
{
    if (p.n >= size)
        return false;
    memcpy(out, p.at, p.n);
    out[p.n] = '\0';
    return true;
}

static heed_status fail_piece(heed_error *err, const char *option, const char *expected, piece got)
{
    char shown[96];

    return heed_fail(err, HEED_ERR_USAGE, "%s: expected %s, got \"%s\"", option, expected,
                     heed_quote(shown, sizeof shown, got.at, got.n));
}

/* --- patterns --- */

static const char *nearest_name(const heed_weights *weights, const char *pattern)
{
    const char *best = NULL;
    int least = INT_MAX;

    for (int i = 0; i < weights->n; i++) {
        const int distance = heed_pattern_distance(pattern, weights->list[i].name);
        if (distance < least && heed_is_near(pattern, distance)) {
            least = distance;
            best = weights->list[i].name;
        }
    }
    return best;
}

/* matched [n]: the parameters of that pattern, at least one. */
static heed_status match(const heed_weights *weights, const char *option, piece pattern, bool *matched,
                         heed_error *err)
{
    char name[HEED_MAX_NAME] = "", shown[96];
    const char *near = NULL;
    bool any = false;

    if (pattern.n == 0)
        return fail_piece(err, option, "the name of a parameter or a pattern such as *.attn.*", pattern);
    if (copy_piece(name, sizeof name, pattern)) {
        for (int i = 0; i < weights->n; i++) {
            matched[i] = heed_pattern_matches(name, weights->list[i].name);
            any = any || matched[i];
        }
        near = any ? NULL : nearest_name(weights, name);
    }
    if (any)
        return HEED_OK;
    heed_quote(shown, sizeof shown, pattern.at, pattern.n);
    if (near != NULL)
        return heed_fail(err, HEED_ERR_USAGE, "%s: no parameter matches \"%s\"; did you mean \"%s\"?", option,
                         shown, near);
    return heed_fail(err, HEED_ERR_USAGE,
                     "%s: no parameter matches \"%s\"; heed info lists their names, such as \"%s\"", option,
                     shown, weights->list[0].name);
}

/* --- freeze: patterns with commas between them --- */

static heed_status freeze(const heed_weights *weights, const char *text, heed_group *list, bool *matched,
                          heed_error *err)
{
    const char *rest = text, *end = text + strlen(text);
    heed_status status = HEED_OK;

    if (trimmed(text, (size_t)(end - text)).n == 0)
        return HEED_OK;
    while (rest != NULL && status == HEED_OK) {
        status = match(weights, "freeze", next_piece(&rest, end, ','), matched, err);
        for (int i = 0; i < weights->n && status == HEED_OK; i++)
            list[i].trains = list[i].trains && !matched[i];
    }
    return status;
}

/* --- groups: PATTERN: SETTING NUMBER, SETTING NUMBER; PATTERN: … --- */

/* Where each setting goes in a heed_group. */
static const heed_field settings[] = {
    {"lr", "factor on the learning rate", HEED_FIELD_NUMBER, offsetof(heed_group, lr), 0, 1e3, NULL},
    {"weight_decay", "apart from the gradient", HEED_FIELD_NUMBER, offsetof(heed_group, weight_decay), 0, 1e3,
     NULL},
    {"l2", "in the gradient", HEED_FIELD_NUMBER, offsetof(heed_group, l2), 0, 1e3, NULL},
};
#define N_SETTINGS ((int)(sizeof settings / sizeof settings[0]))

/* "lr 0.1" or "lr=0.1" for all that matched. */
static heed_status apply_setting(piece text, const bool *matched, heed_group *list, int n, heed_error *err)
{
    const char *end = text.at + text.n, *split = text.at;
    char name[32], value[48];
    heed_status status = HEED_OK;
    heed_error why = {HEED_OK, ""};

    while (split < end && *split != ' ' && *split != '\t' && *split != '=')
        split++;
    const piece key = {text.at, (size_t)(split - text.at)};
    piece number = trimmed(split, (size_t)(end - split));
    if (number.n > 0 && number.at[0] == '=')
        number = trimmed(number.at + 1, number.n - 1);
    if (key.n == 0 || number.n == 0 || !copy_piece(name, sizeof name, key) ||
        !copy_piece(value, sizeof value, number))
        return fail_piece(err, "groups", "a setting and a number, such as \"lr 0.1\"", text);
    for (int i = 0; i < n && status == HEED_OK; i++) {
        if (matched[i])
            status = heed_field_set(settings, N_SETTINGS, &list[i], name, value, &why);
    }
    return status == HEED_OK ? HEED_OK : heed_fail(err, status, "groups: %s", why.message);
}

static heed_status apply_rule(const heed_weights *weights, piece rule, heed_group *list, bool *matched,
                              heed_error *err)
{
    const char *rest = rule.at, *end = rule.at + rule.n;
    const piece pattern = next_piece(&rest, end, ':');
    heed_status status;

    if (rest == NULL)
        return fail_piece(err, "groups", "rules such as \"*.attn.*: lr 0.1, weight_decay 0\"", rule);
    status = match(weights, "groups", pattern, matched, err);
    while (rest != NULL && status == HEED_OK)
        status = apply_setting(next_piece(&rest, end, ','), matched, list, weights->n, err);
    return status;
}

static heed_status apply_rules(const heed_weights *weights, const char *text, heed_group *list, bool *matched,
                               heed_error *err)
{
    const char *rest = text, *end = text + strlen(text);
    heed_status status = HEED_OK;

    while (rest != NULL && status == HEED_OK) {
        const piece rule = next_piece(&rest, end, ';');
        if (rule.n > 0) /* a semicolon may end the last rule */
            status = apply_rule(weights, rule, list, matched, err);
    }
    return status;
}

/* --- what holds without a rule --- */

/* As it is meant: -1 is 0.1 for AdamW, and none for the others. */
static double weight_decay(const heed_train_options *options)
{
    if (options->weight_decay >= 0.0)
        return options->weight_decay;
    return options->optimizer == HEED_OPTIMIZER_ADAMW ? 0.1 : 0.0;
}

/* Matrices of maps: no gain, shift or bias (those of experts have two axes), nothing that is looked up. */
static bool decays(const heed_parameter *p)
{
    static const char *const looked_up[] = {"token embedding", "position embedding", "relative positions",
                                            "bigram table"};
    const size_t n = strlen(p->name);

    for (size_t i = 0; i < sizeof looked_up / sizeof looked_up[0]; i++) {
        if (strcmp(p->component, looked_up[i]) == 0)
            return false;
    }
    return p->rank >= 2 && (n < 5 || strcmp(p->name + n - 5, ".bias") != 0);
}

static heed_group group_of(const heed_parameter *p, const heed_train_options *options)
{
    return (heed_group){
        .trains = true,
        .lr = 1.0,
        .weight_decay = decays(p) ? weight_decay(options) : 0.0,
        .l2 = decays(p) ? options->l2 : 0.0,
    };
}

/* --- the whole --- */

static int n_moments(const heed_train_options *options)
{
    if (options->optimizer != HEED_OPTIMIZER_SGD)
        return 2;
    return options->momentum > 0.0 ? 1 : 0;
}

static heed_status check_decay(const heed_weights *weights, const heed_groups *groups,
                               const heed_train_options *options, heed_error *err)
{
    const char *name = options->optimizer == HEED_OPTIMIZER_ADAM ? "adam" : "sgd";
    bool decoupled = weight_decay(options) > 0.0;

    for (int i = 0; i < weights->n; i++)
        decoupled = decoupled || groups->list[i].weight_decay > 0.0;
    if (decoupled && options->optimizer != HEED_OPTIMIZER_ADAMW)
        return heed_fail(
            err, HEED_ERR_USAGE,
            "weight_decay: the decay apart from the gradient is adamw's; %s has l2, in the gradient", name);
    if (options->nesterov && !(options->optimizer == HEED_OPTIMIZER_SGD && options->momentum > 0.0))
        return heed_fail(err, HEED_ERR_USAGE, "nesterov: it looks ahead along sgd's momentum, there is none");
    return HEED_OK;
}

/* Places in the parts, aligned as the weights are. */
static heed_status lay_out(const heed_weights *weights, heed_groups *groups, heed_error *err)
{
    for (int i = 0; i < weights->n; i++) {
        if (!groups->list[i].trains)
            continue;
        groups->list[i].at = groups->part_bytes;
        groups->part_bytes += heed_size_align((size_t)weights->list[i].count * sizeof(float));
        groups->n_trained += weights->list[i].count;
    }
    if (groups->n_trained == 0)
        return heed_fail(err, HEED_ERR_USAGE, "freeze: no parameter is left to train");
    return HEED_OK;
}

heed_status heed_groups_create(const heed_weights *weights, const heed_train_options *options,
                               heed_groups *groups, heed_error *err)
{
    bool *matched = calloc((size_t)weights->n, sizeof *matched);
    heed_status status;

    *groups = (heed_groups){.n_moments = n_moments(options)};
    groups->list = calloc((size_t)weights->n, sizeof *groups->list);
    if (matched == NULL || groups->list == NULL) {
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the groups of parameters");
        goto cleanup;
    }
    for (int i = 0; i < weights->n; i++)
        groups->list[i] = group_of(&weights->list[i], options);
    status = freeze(weights, options->freeze, groups->list, matched, err);
    if (status == HEED_OK)
        status = apply_rules(weights, options->groups, groups->list, matched, err);
    if (status == HEED_OK)
        status = check_decay(weights, groups, options, err);
    if (status == HEED_OK)
        status = lay_out(weights, groups, err);
cleanup:
    free(matched);
    if (status != HEED_OK)
        heed_groups_destroy(groups);
    return status;
}

void heed_groups_destroy(heed_groups *groups)
{
    free(groups->list);
    *groups = (heed_groups){0};
}
