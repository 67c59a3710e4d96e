/* SPDX-License-Identifier: MIT */
/*
 * What a position looked at while it foresaw the next token: the pattern's row, in the mean over all heads of all layers.
 * The text is read once more as the session held it at the end; what had slid out by then is not known.
 */
#include <heed/verify.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/diagnosis.h"
#include "nn/model.h"

typedef struct rows {
    double *sums;  /* [n_rows, T] of the last rows */
    int64_t first; /* the first of them within the window */
    int64_t n_rows, T;
    int64_t n_heads; /* added up so far */
} rows;

static void add_heads(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    rows *r = context;
    const int64_t n_heads = size[rank - 3];

    (void)name;
    for (int64_t h = 0; h < n_heads; h++) {
        for (int64_t i = 0; i < r->n_rows; i++) {
            const float *row = numbers + (h * r->T + r->first + i) * r->T;
            for (int64_t j = 0; j <= r->first + i; j++)
                r->sums[i * r->T + j] += (double)row[j];
        }
    }
    r->n_heads += n_heads;
}

/* The three places with the largest weights, the earlier of equals first. */
static void find_attended(const double *row, int64_t n, double scale, int64_t offset, heed_diagnosis_step *step)
{
    for (int64_t j = 0; j < n; j++) {
        const double weight = row[j] * scale;
        int at = HEED_DIAGNOSIS_ATTENDED;

        while (at > 0 && (step->attended[at - 1] < 0 || weight > step->weight[at - 1]))
            at--;
        for (int k = HEED_DIAGNOSIS_ATTENDED - 1; k > at; k--) {
            step->attended[k] = step->attended[k - 1];
            step->weight[k] = step->weight[k - 1];
        }
        if (at < HEED_DIAGNOSIS_ATTENDED) {
            step->attended[at] = j + offset;
            step->weight[at] = weight;
        }
    }
    if (n > 1)
        step->previous = row[n - 2] * scale;
}

static heed_status observe(const heed_model *model, const int32_t *ids, rows *r, heed_error *err)
{
    const int n = (int)model->config.n_layers;
    char(*names)[48] = calloc((size_t)n, sizeof *names);
    const char **wanted = calloc((size_t)n, sizeof *wanted);
    heed_status status = HEED_OK;

    if (names == NULL || wanted == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    for (int layer = 0; layer < n && status == HEED_OK; layer++) {
        snprintf(names[layer], sizeof names[layer], "blocks.%d.attn.pattern", layer);
        wanted[layer] = names[layer];
    }
    if (status == HEED_OK)
        status = heed_model_observe(model, ids, (size_t)r->T, wanted, n, add_heads, r, err);
    free(wanted);
    free(names);
    return status;
}

heed_status heed_diagnosed_attend(const heed_model *model, heed_diagnosed *text, heed_error *err)
{
    const heed_config *c = &model->config;
    const int64_t n = (int64_t)text->n - 1; /* the last token was not read any more */
    const int64_t T = text->window < n ? text->window : n, offset = n - T;
    const int64_t first_row = (int64_t)text->n_prompt - 1 > offset ? (int64_t)text->n_prompt - 1 : offset;
    rows r = {.first = first_row - offset, .n_rows = n - first_row, .T = T};
    heed_status status;

    if (c->kind != HEED_KIND_GPT || !c->attention || c->n_layers == 0 || text->n == text->n_prompt)
        return HEED_OK;
    r.sums = calloc((size_t)(r.n_rows * T) + 1, sizeof *r.sums);
    if (r.sums == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the attention of %lld tokens",
                         (long long)T);
    status = observe(model, text->ids + offset, &r, err);
    for (int64_t i = 0; i < r.n_rows && status == HEED_OK; i++)
        find_attended(r.sums + i * T, r.first + i + 1, 1.0 / (double)r.n_heads, offset,
                      &text->steps[first_row + i + 1 - (int64_t)text->n_prompt]);
    free(r.sums);
    return status;
}
