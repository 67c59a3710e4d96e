/* SPDX-License-Identifier: MIT */
#include "cli/nonfinite_out.h"

#include <heed/label.h>
#include <math.h>
#include <string.h>

#include "cli/output.h"

/* "[0,3,17]" in out. */
static const char *place(char *out, size_t size, int rank, const int64_t *index)
{
    size_t used = (size_t)snprintf(out, size, "[");

    for (int axis = 0; axis < rank && used < size; axis++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", axis > 0 ? "," : "",
                                 (long long)index[axis]);
    if (used < size)
        snprintf(out + used, size - used, "]");
    return out;
}

static const char *word_of(double value)
{
    return isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf";
}

static void print_text(const heed_cli_look *look, const heed_nonfinite *f)
{
    char at[96], label[HEED_LABEL_BYTES], token[HEED_LABEL_BYTES + 32] = "", text[1600], why[640];

    if (f->position >= 0) {
        heed_token_label(look->model, look->ids[f->position], 20, label, sizeof label);
        snprintf(token, sizeof token, " at token %lld \"%s\"", (long long)f->position, label);
    }
    if (f->parameter[0] != '\0')
        snprintf(why, sizeof why,
                 "It reads the weights %s, of which %lld %s not finite, the first at %s: the model is damaged. "
                 "Get it "
                 "anew, or go back to a checkpoint from before (heed train --keep-last).",
                 f->parameter, (long long)f->parameter_n, f->parameter_n == 1 ? "is" : "are",
                 place(at, sizeof at, f->parameter_rank, f->parameter_index));
    else
        snprintf(why, sizeof why,
                 "The weights that it reads are finite: numbers grew beyond single precision on the way. Look "
                 "at what "
                 "it reads with --activation; a lower --learning-rate or --clip-norm keeps training from it.");
    snprintf(text, sizeof text,
             "%s%s is %s%s: the first number of the run that is not finite, of %lld in its node. %s", f->node,
             place(at, sizeof at, f->rank, f->index), word_of(f->value), token, (long long)f->n, why);
    printf("NOT FINITE\n");
    heed_cli_put_paragraph(stdout, text, strlen(text), heed_cli_columns(stdout));
    printf("\n");
}

static void print_json(heed_cli_json *json, const heed_nonfinite *f)
{
    heed_cli_json_open(json, "not_finite", '{');
    heed_cli_json_text(json, "node", f->node);
    heed_cli_json_open(json, "index", '[');
    for (int axis = 0; axis < f->rank; axis++)
        heed_cli_json_integer(json, NULL, f->index[axis]);
    heed_cli_json_close(json, ']');
    heed_cli_json_integer(json, "position", f->position);
    heed_cli_json_text(json, "value", word_of(f->value));
    heed_cli_json_integer(json, "count", f->n);
    if (f->parameter[0] != '\0') {
        heed_cli_json_text(json, "parameter", f->parameter);
        heed_cli_json_integer(json, "parameter_count", f->parameter_n);
    }
    heed_cli_json_close(json, '}');
}

void heed_cli_put_nonfinite(const heed_cli_look *look, const heed_nonfinite *found)
{
    if (look->json != NULL)
        print_json(look->json, found);
    else
        print_text(look, found);
}
