/* SPDX-License-Identifier: MIT */
/*
 * One head over one text: sums over the rows of its pattern, and what they say. The definitions stand in heed/heads.h.
 *
 * What a pair of query and key is depends on the text alone, so it is found once and serves all heads. A row costs one
 * pass over the keys that it sees.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "inspect/heads.h"
#include "kernels/mask.h"

const char *heed_head_role_name(heed_head_role role)
{
    static const char *const names[HEED_N_HEAD_ROLES] = {"previous token", "duplicate token", "induction",
                                                         "delimiter", "first token"};

    return role >= 0 && role < HEED_N_HEAD_ROLES ? names[role] : "?";
}

/* --- pairs --- */

/* Is (i, j) in the detection pattern of the role? Pairs of a later key are in none. */
static bool wants(heed_head_role role, const heed_head_pattern *p, int64_t i, int64_t j)
{
    if (j > i)
        return false;
    switch (role) {
    case HEED_HEAD_PREVIOUS:
        return j == i - 1;
    case HEED_HEAD_DUPLICATE:
        return j < i && p->ids[j] == p->ids[i];
    case HEED_HEAD_INDUCTION:
        return j >= 1 && p->ids[j - 1] == p->ids[i];
    case HEED_HEAD_DELIMITER:
        return j >= 1 && p->delimiters[j] != 0;
    case HEED_HEAD_FIRST:
        return j == 0;
    default:
        return false;
    }
}

static bool is_known(heed_head_role role, const heed_head_pattern *p)
{
    if (role == HEED_HEAD_DUPLICATE || role == HEED_HEAD_INDUCTION)
        return p->ids != NULL;
    return role != HEED_HEAD_DELIMITER || p->delimiters != NULL;
}

static void mark_row(heed_head_text *text, const heed_head_pattern *p, const heed_mask *mask, int64_t i)
{
    uint8_t *pairs = text->pairs + i * text->n;
    int32_t *wanted = text->wanted + i * HEED_N_HEAD_ROLES;
    const heed_key_range keys = heed_mask_range(mask, i, i + 1, text->n);

    for (int64_t j = keys.begin; j < keys.end; j++) {
        if (!heed_mask_sees(mask, i, j))
            continue;
        pairs[j] = HEED_PAIR_SEEN;
        text->seen[i]++;
        text->end[i] = (int32_t)j + 1;
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            if (text->known[role] && wants((heed_head_role)role, p, i, j)) {
                pairs[j] |= (uint8_t)(2u << role);
                wanted[role]++;
            }
        }
    }
}

static const heed_mask causal = {.causal = true};

heed_status heed_head_text_create(const heed_head_pattern *p, heed_head_text *text, heed_error *err)
{
    const heed_mask *mask = p->mask != NULL ? p->mask : &causal;
    size_t bytes = 0;
    heed_status status;

    *text = (heed_head_text){.n = p->n};
    if (p->n < 1 || p->n >= INT32_MAX)
        return heed_fail(err, HEED_ERR_USAGE, "expected a pattern of at least one token, got %lld",
                         (long long)p->n);
    status = heed_mask_check(mask, p->n, p->n, err);
    if (status != HEED_OK)
        return status;
    if (heed_size_mul((size_t)p->n, (size_t)p->n, &bytes)) {
        text->pairs = calloc(bytes, 1);
        text->seen = calloc((size_t)p->n, sizeof *text->seen);
        text->end = calloc((size_t)p->n, sizeof *text->end);
        text->wanted = calloc((size_t)p->n * HEED_N_HEAD_ROLES, sizeof *text->wanted);
    }
    if (text->pairs == NULL || text->seen == NULL || text->end == NULL || text->wanted == NULL) {
        heed_head_text_free(text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the pairs of %lld tokens",
                         (long long)p->n);
    }
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        text->known[role] = is_known((heed_head_role)role, p);
    for (int64_t i = 0; i < p->n; i++)
        mark_row(text, p, mask, i);
    return HEED_OK;
}

void heed_head_text_free(heed_head_text *text)
{
    free(text->pairs);
    free(text->seen);
    free(text->end);
    free(text->wanted);
    *text = (heed_head_text){0};
}

/* --- sums over a row --- */

typedef struct row_sums {
    double weight, entropy, largest, distance;
    double hits[HEED_N_HEAD_ROLES];
    bool finite;
} row_sums;

static row_sums add_up(const heed_head_text *text, int64_t i, const float *weights)
{
    const uint8_t *pairs = text->pairs + i * text->n;
    row_sums row = {.finite = true};

    for (int64_t j = 0; j < text->end[i]; j++) {
        const double w = (double)weights[j];
        if (pairs[j] == 0)
            continue;
        row.finite = row.finite && isfinite(w);
        row.weight += w;
        row.entropy -= w > 0.0 ? w * log(w) : 0.0;
        row.distance += w * (double)(i - j);
        row.largest = w > row.largest ? w : row.largest;
        for (int role = 0; pairs[j] > HEED_PAIR_SEEN && role < HEED_N_HEAD_ROLES; role++)
            row.hits[role] += (pairs[j] & (2u << role)) != 0 ? w : 0.0;
    }
    return row;
}

static void add_roles(heed_head_sums *sums, const heed_head_text *text, int64_t i, const row_sums *row)
{
    const int32_t *wanted = text->wanted + i * HEED_N_HEAD_ROLES;

    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        heed_role_sums *to = &sums->roles[role];

        to->known = text->known[role];
        to->hits += row->hits[role];
        to->wanted += wanted[role];
        if (text->seen[i] < 2 || wanted[role] == 0)
            continue;
        to->found += row->hits[role] / row->weight;
        to->chance += (double)wanted[role] / text->seen[i];
        to->rows++;
    }
}

/* What a row with a choice adds to the means. */
static void add_figures(heed_head_sums *sums, int32_t seen, const row_sums *row)
{
    const double possible = log((double)seen);

    sums->rows++;
    sums->entropy += row->entropy;
    sums->max_entropy += possible;
    sums->largest += row->largest;
    sums->distance += row->distance;
    if (seen >= HEED_HEAD_COLLAPSE_KEYS) {
        sums->sharp_rows++;
        sums->sharp_entropy += row->entropy;
        sums->sharp_max_entropy += possible;
        sums->sharp_largest += row->largest;
    }
}

/* Is the query one of the second half of repeated tokens? Then the key behind its first appearance counts. */
static bool in_stripe(const heed_head_text *text, int64_t i)
{
    return text->period > 0 && i >= text->front + text->period;
}

bool heed_head_add_row(heed_head_sums *sums, const heed_head_text *text, int64_t i, const float *weights)
{
    const row_sums row = add_up(text, i, weights);

    if (!row.finite || row.weight <= 0.0) {
        sums->not_finite += !row.finite;
        sums->empty += row.finite;
        return false;
    }
    sums->finite++;
    sums->weight += row.weight;
    add_roles(sums, text, i, &row);
    if (text->seen[i] >= 2) {
        add_figures(sums, text->seen[i], &row);
        sums->itself += (text->pairs[i * text->n + i] & HEED_PAIR_SEEN) != 0 ? (double)weights[i] : 0.0;
    }
    if (in_stripe(text, i)) {
        sums->stripe += (double)weights[i - text->period + 1];
        sums->stripe_rows++;
    }
    return true;
}

void heed_head_add_sums(heed_head_sums *sums, const heed_head_sums *more)
{
    sums->finite += more->finite;
    sums->rows += more->rows;
    sums->not_finite += more->not_finite;
    sums->empty += more->empty;
    sums->sharp_rows += more->sharp_rows;
    sums->stripe_rows += more->stripe_rows;
    sums->weight += more->weight;
    sums->entropy += more->entropy;
    sums->max_entropy += more->max_entropy;
    sums->largest += more->largest;
    sums->distance += more->distance;
    sums->itself += more->itself;
    sums->stripe += more->stripe;
    sums->sharp_entropy += more->sharp_entropy;
    sums->sharp_max_entropy += more->sharp_max_entropy;
    sums->sharp_largest += more->sharp_largest;
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        sums->roles[role].hits += more->roles[role].hits;
        sums->roles[role].wanted += more->roles[role].wanted;
        sums->roles[role].found += more->roles[role].found;
        sums->roles[role].chance += more->roles[role].chance;
        sums->roles[role].rows += more->roles[role].rows;
        sums->roles[role].known = sums->roles[role].known || more->roles[role].known;
    }
}

/* --- what they say --- */

/* a ln(a / b), which is 0 for a = 0. */
static double divergence_part(double a, double b)
{
    return a > 0.0 ? a * log(a / b) : 0.0;
}

static double odds_of(double found, double chance, int64_t rows)
{
    if (found <= chance)
        return 1.0;
    found = found < 1.0 ? found : 1.0; /* a softmax in single precision may add up to a little more */
    return exp(-(double)rows * (divergence_part(found, chance) + divergence_part(1.0 - found, 1.0 - chance)));
}

static heed_head_role_score score_role(const heed_role_sums *sums, double weight, int64_t finite)
{
    const double n = (double)sums->rows;
    heed_head_role_score s = {.mul = NAN, .abs = NAN, .found = NAN, .chance = NAN, .gain = NAN, .odds = NAN};

    if (!sums->known || finite == 0)
        return s;
    s.mul = sums->hits / weight;
    s.abs = 1.0 - (weight - 2.0 * sums->hits + sums->wanted) / (double)finite;
    s.rows = sums->rows;
    if (s.rows == 0)
        return s;
    s.found = sums->found / n;
    s.chance = sums->chance / n;
    s.gain = (s.found - s.chance) / (1.0 - s.chance);
    s.odds = odds_of(s.found, s.chance, s.rows);
    s.named = s.gain >= HEED_HEAD_GAIN && s.odds <= HEED_HEAD_ODDS;
    return s;
}

void heed_head_finish(const heed_head_sums *sums, heed_head_scores *out)
{
    const double n = sums->rows > 0 ? (double)sums->rows : NAN;
    const double n_sharp = sums->sharp_rows > 0 ? (double)sums->sharp_rows : NAN;

    *out = (heed_head_scores){.rows = sums->rows,
                              .not_finite = sums->not_finite,
                              .empty = sums->empty,
                              .entropy = sums->entropy / n,
                              .max_entropy = sums->max_entropy / n,
                              .entropy_share = sums->rows > 0 ? sums->entropy / sums->max_entropy : NAN,
                              .largest = sums->largest / n,
                              .distance = sums->distance / n,
                              .itself = sums->itself / n,
                              .stripe = sums->stripe_rows > 0 ? sums->stripe / (double)sums->stripe_rows : NAN};
    out->collapsed = sums->sharp_entropy <= HEED_HEAD_COLLAPSE_ENTROPY * sums->sharp_max_entropy &&
                     sums->sharp_largest / n_sharp >= HEED_HEAD_COLLAPSE_LARGEST;
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        out->roles[role] = score_role(&sums->roles[role], sums->weight, sums->finite);
}

const char *heed_head_say(const heed_head_scores *scores, char out[HEED_HEAD_WORDS])
{
    size_t n = 0;

    out[0] = '\0';
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        const heed_head_role_score *s = &scores->roles[role];
        if (s->named)
            n += (size_t)snprintf(out + n, HEED_HEAD_WORDS - n, "%s%s %.2f", n > 0 ? ", " : "",
                                  heed_head_role_name((heed_head_role)role), s->found);
    }
    if (scores->collapsed)
        snprintf(out + n, HEED_HEAD_WORDS - n, "%scollapsed", n > 0 ? ", " : "");
    return out;
}

heed_status heed_head_measure(const heed_head_pattern *pattern, heed_head_scores *out, heed_error *err)
{
    heed_head_text text;
    heed_head_sums sums = {0};
    const heed_status status = heed_head_text_create(pattern, &text, err);

    *out = (heed_head_scores){0};
    if (status != HEED_OK)
        return status;
    for (int64_t i = 0; i < pattern->n; i++)
        heed_head_add_row(&sums, &text, i, pattern->weights + i * pattern->n);
    heed_head_finish(&sums, out);
    heed_head_text_free(&text);
    return HEED_OK;
}

/* --- TransformerLens' functions --- */

heed_status heed_head_detection(heed_head_role role, const heed_head_pattern *p, float *out, heed_error *err)
{
    if (role < 0 || role >= HEED_N_HEAD_ROLES || p->n < 1)
        return heed_fail(err, HEED_ERR_USAGE,
                         "expected a role and at least one token, got role %d, %lld tokens", (int)role,
                         (long long)p->n);
    if (!is_known(role, p))
        return heed_fail(err, HEED_ERR_USAGE, "the pairs of a %s head need %s, got none",
                         heed_head_role_name(role), role == HEED_HEAD_DELIMITER ? "delimiters" : "ids");
    for (int64_t i = 0; i < p->n; i++) {
        for (int64_t j = 0; j < p->n; j++)
            out[i * p->n + j] = wants(role, p, i, j) ? 1.0f : 0.0f;
    }
    return HEED_OK;
}

double heed_head_matches(const float *pattern, const float *detection, int64_t n, const heed_head_match *how)
{
    double hits = 0.0, weight = 0.0, difference = 0.0;

    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            const double a = (double)pattern[i * n + j], d = (double)detection[i * n + j];
            if ((how->exclude_first && j == 0) || (how->exclude_current && i == j))
                continue;
            hits += a * d;
            weight += a;
            difference += fabs(a - d);
        }
    }
    return how->abs ? 1.0 - difference / (double)n : weight != 0.0 ? hits / weight : NAN;
}
