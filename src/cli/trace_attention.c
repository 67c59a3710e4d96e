/* SPDX-License-Identifier: MIT */
/* heed trace attention: attention with pen and paper, every step with its numbers. */
#include "cli/trace_attention.h"

#include <heed/paper.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/output.h"

enum { Q, K, V, X, X_KV, W_Q, W_K, W_V, W_O, B_Q, B_K, B_V, B_O, GRAD, MASK, N_MATRICES };

typedef struct paper_options {
    const char *values[N_MATRICES];
    const char *scale;
    int64_t heads, position, window, digits, most;
    int maps, mask_form, format, work;
    bool causal, fill_1e9, fragment, json;
} paper_options;

#define AT(member) offsetof(paper_options, member)
#define VALUE(i)   (AT(values) + (i) * sizeof(const char *))

#define MATRIX "MATRIX"

static const heed_cli_text texts[] = {
    {"q", MATRIX, "queries, a row for each token", VALUE(Q)},
    {"k", MATRIX, "keys, a row for each token", VALUE(K)},
    {"v", MATRIX, "values, a row for each token", VALUE(V)},
    {"grad", MATRIX, "the gradient that arrives at the output: the steps backward are shown too", VALUE(GRAD)},
    {"scale", "NUMBER", "of the scores, or none [1/sqrt(head_dim)]", AT(scale)},
};

static const heed_cli_text map_texts[] = {
    {"x", MATRIX, "what q, k and v are made from; without maps it is all three", VALUE(X)},
    {"x_kv", MATRIX, "what k and v are made from, where that is another text [x]", VALUE(X_KV)},
    {"w_q", MATRIX, "the map to queries", VALUE(W_Q)},
    {"b_q", MATRIX, "and its bias", VALUE(B_Q)},
    {"w_k", MATRIX, "the map to keys", VALUE(W_K)},
    {"b_k", MATRIX, "and its bias", VALUE(B_K)},
    {"w_v", MATRIX, "the map to values", VALUE(W_V)},
    {"b_v", MATRIX, "and its bias", VALUE(B_V)},
    {"w_o", MATRIX, "the map of the heads' outputs, side by side", VALUE(W_O)},
    {"b_o", MATRIX, "and its bias", VALUE(B_O)},
};

static const heed_cli_text mask_texts[] = {
    {"mask", MATRIX, "a row for each query, or one for all; the form says what its entries mean", VALUE(MASK)},
};

static const char *const maps[] = {"rows", "columns", NULL};
static const char *const mask_forms[] = {"seen", "blocked", "added", NULL};
static const char *const formats[] = {"text", "markdown", "latex", "json", NULL};
static const char *const works[] = {"one", "all", "none", NULL};

static const heed_field map_fields[] = {
    {"heads", "heads that share the columns of q, k and v evenly", HEED_FIELD_INTEGER, AT(heads), 1, 4096,
     NULL},
    {"maps", "rows: a map is [in, out], x W; columns: it is [out, in], W x, as in PyTorch", HEED_FIELD_CHOICE,
     AT(maps), 0, 0, maps},
};

static const heed_field mask_fields[] = {
    {"causal", "no query sees a later key", HEED_FIELD_BOOLEAN, AT(causal), 0, 0, NULL},
    {"window", "keys that a query sees, its own included; 0: all", HEED_FIELD_INTEGER, AT(window), 0, 1e6,
     NULL},
    {"position", "where the first query stands among the keys", HEED_FIELD_INTEGER, AT(position), -1e6, 1e6,
     NULL},
    {"mask_form",
     "of --mask, and of the mask that is shown. seen: 1 may be seen; blocked: 1 or true is hidden; "
     "added: numbers added to the scores, -inf hides",
     HEED_FIELD_CHOICE, AT(mask_form), 0, 0, mask_forms},
    {"fill_1e9", "hidden pairs get -1e9 added, not -inf", HEED_FIELD_BOOLEAN, AT(fill_1e9), 0, 0, NULL},
};

static const heed_field show_fields[] = {
    {"format", "what is printed; json holds all numbers in full", HEED_FIELD_CHOICE, AT(format), 0, 0, formats},
    {"json", "the same as --format json", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
    {"digits", "behind the point", HEED_FIELD_INTEGER, AT(digits), 1, 9, NULL},
    {"work", "entries of each step that are worked out with their numbers", HEED_FIELD_CHOICE, AT(work), 0, 0,
     works},
    {"most", "rows and columns that are shown of a matrix", HEED_FIELD_INTEGER, AT(most), 3, 1e6, NULL},
    {"fragment", "LaTeX without its preamble, for \\input", HEED_FIELD_BOOLEAN, AT(fragment), 0, 0, NULL},
};

#define COUNT(table) ((int)(sizeof table / sizeof table[0]))

/* --- what is given --- */

static heed_status read_scale(const char *text, double *scale, heed_error *err)
{
    heed_status status = HEED_OK;

    if (text != NULL && strcmp(text, "none") == 0)
        *scale = 1.0;
    else if (text != NULL)
        status = heed_matrix_read_number("scale", text, scale, err);
    if (status == HEED_OK && text != NULL && *scale == 0.0)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "scale: expected a number that is not 0, or none");
    return status;
}

static heed_status read_matrices(const paper_options *own, heed_matrix matrices[N_MATRICES], heed_error *err)
{
    static const char *const names[] = {"q",   "k",   "v",   "x",   "x_kv", "w_q",  "w_k", "w_v",
                                        "w_o", "b_q", "b_k", "b_v", "b_o",  "grad", "mask"};
    heed_status status = HEED_OK;

    for (int i = 0; i < N_MATRICES && status == HEED_OK; i++) {
        const bool truths = i == MASK && own->mask_form != HEED_MASK_ADDED;

        if (own->values[i] != NULL)
            status = (truths ? heed_matrix_read_truths : heed_matrix_read)(names[i], own->values[i],
                                                                           &matrices[i], err);
    }
    return status;
}

/* NULL where the matrix was not given. */
static const heed_matrix *given(const heed_matrix *m)
{
    return m->data != NULL ? m : NULL;
}

static heed_paper_inputs inputs_of(const paper_options *own, const heed_matrix *m, double scale)
{
    return (heed_paper_inputs){
        .q = given(&m[Q]),
        .k = given(&m[K]),
        .v = given(&m[V]),
        .x = given(&m[X]),
        .x_kv = given(&m[X_KV]),
        .w_q = given(&m[W_Q]),
        .w_k = given(&m[W_K]),
        .w_v = given(&m[W_V]),
        .w_o = given(&m[W_O]),
        .b_q = given(&m[B_Q]),
        .b_k = given(&m[B_K]),
        .b_v = given(&m[B_V]),
        .b_o = given(&m[B_O]),
        .columns = own->maps == 1,
        .n_heads = own->heads,
        .scale = scale,
        .mask = {.causal = own->causal, .window = own->window, .position = own->position},
        .table = given(&m[MASK]),
        .form = (heed_mask_form)own->mask_form,
        .fill_1e9 = own->fill_1e9,
        .grad = given(&m[GRAD]),
    };
}

/* --- the command --- */

static heed_status work_out(const paper_options *own, heed_error *err)
{
    const heed_paper_style style = {.format = own->json ? HEED_PAPER_JSON : (heed_paper_format)own->format,
                                    .work = (heed_paper_work)own->work,
                                    .digits = (int)own->digits,
                                    .most = (int)own->most,
                                    .fragment = own->fragment};
    heed_matrix matrices[N_MATRICES] = {0};
    heed_paper *paper = NULL;
    double scale = 0.0;
    char *text = NULL;
    heed_status status = read_scale(own->scale, &scale, err);

    if (status == HEED_OK)
        status = read_matrices(own, matrices, err);
    if (status == HEED_OK) {
        const heed_paper_inputs in = inputs_of(own, matrices, scale);
        status = heed_paper_attention(&in, &paper, err);
    }
    if (status == HEED_OK)
        status = heed_paper_write(paper, &style, &text, err);
    if (status == HEED_OK)
        fputs(text, stdout);
    free(text);
    heed_paper_destroy(paper);
    for (int i = 0; i < N_MATRICES; i++)
        heed_matrix_free(&matrices[i]);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    paper_options own = {.heads = 1, .digits = 4, .most = 12};
    heed_cli_options options = {.command = command, .texts = texts, .n_texts = COUNT(texts), .structure = &own};
    heed_status status;

    heed_cli_add_group(&options, "Maps and heads", map_fields, COUNT(map_fields), &own, true);
    heed_cli_add_texts(&options, map_texts, COUNT(map_texts));
    heed_cli_add_group(&options, "Who sees whom", mask_fields, COUNT(mask_fields), &own, true);
    heed_cli_add_texts(&options, mask_texts, COUNT(mask_texts));
    heed_cli_add_group(&options, "How it is shown", show_fields, COUNT(show_fields), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    return status == HEED_OK ? work_out(&own, err) : status;
}

const heed_cli_command heed_cli_trace_attention = {
    .name = "trace attention",
    .operands = "",
    .summary = "attention with pen and paper: every step, forward and backward",
    .details =
        "A MATRIX has a row for each token: \"1 0; 0 1\", rows apart by ; or as [[1, 0], [0, 1]]. A number may "
        "be\n"
        "1/3, sqrt(2)/2, e^0.5 or -inf. A name that ends in .csv, .txt or .npy is a file, and so is @FILE.\n"
        "The numbers are the engine's own, in float. A query that sees no key gets zeros.\n",
    .examples =
        "  heed trace attention --q \"1 0; 0 1; 1 1\" --k \"1 0; 0 1; 1 1\" --v \"1 2; 3 4; 5 6\" --causal\n"
        "  heed trace attention --q q.npy --k k.npy --v v.csv --heads 2 --grad @ones.txt\n"
        "  heed trace attention --x \"1 0; 0 1\" --w-q \"1 1\" --w-k \"0 5\" --w-v \"1 0; 0 1\" --maps columns "
        "\\\n"
        "      --scale none --format latex > worked.tex\n",
    .run = run,
};
