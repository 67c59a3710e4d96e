/* SPDX-License-Identifier: MIT */
/* heed verify MODEL: its activations against stored ones, or stored for others. */
#include <ctype.h>
#include <errno.h>
#include <heed/verify.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/open_model.h"
#include "cli/output.h"

#define MAX_NAMES 256

typedef struct verify_options {
    const char *against, *write, *text, *ids, *names;
    double atol, rtol;
    int64_t threads;
    bool json;
} verify_options;

#define AT(member) offsetof(verify_options, member)

static const heed_cli_text texts[] = {
    {"against", "FILE", "compare with the activations in this safetensors file", AT(against)},
    {"write", "FILE", "write the model's own activations there", AT(write)},
    {"text", "TEXT", "with --write: what the model reads", AT(text)},
    {"ids", "IDS", "with --write: the same as token ids, with commas or spaces between", AT(ids)},
    {"names", "NAMES", "with --write: only these, with commas between; else all", AT(names)},
};

static const heed_field fields[] = {
    {"atol", "a number passes within atol + rtol |expected|; -1: what the file says, or 0.0001",
     HEED_FIELD_NUMBER, AT(atol), -1, 1e30, NULL},
    {"rtol", "see there; -1: what the file says, or 0.0001", HEED_FIELD_NUMBER, AT(rtol), -1, 1e30, NULL},
    {"threads", "0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- comparing --- */

/* "[2, 3]" in out. */
static const char *shape_text(char out[192], const heed_verified *row)
{
    size_t used = 1;

    snprintf(out, 192, "[");
    for (int i = 0; i < row->rank && used < 160; i++)
        used += (size_t)snprintf(out + used, 192 - used, "%s%lld", i > 0 ? ", " : "", (long long)row->size[i]);
    snprintf(out + used, 192 - used, "]");
    return out;
}

/* "[0, 3, 17]": where number i of the row stands. */
static const char *place_text(char out[192], const heed_verified *row, int64_t i)
{
    int64_t at[8];
    size_t used = 1;

    for (int axis = row->rank - 1; axis >= 0; axis--) {
        at[axis] = row->size[axis] > 0 ? i % row->size[axis] : 0;
        i = row->size[axis] > 0 ? i / row->size[axis] : 0;
    }
    snprintf(out, 192, "[");
    for (int axis = 0; axis < row->rank; axis++)
        used += (size_t)snprintf(out + used, 192 - used, "%s%lld", axis > 0 ? ", " : "", (long long)at[axis]);
    snprintf(out + used, 192 - used, "]");
    return out;
}

typedef struct counts {
    int compared, agree, passed_over;
} counts;

static counts count_rows(const heed_verification *v)
{
    counts c = {0};

    for (int i = 0; i < heed_verification_count(v); i++) {
        const heed_verified *row = heed_verification_at(v, i);
        c.compared += row->node != NULL;
        c.agree += row->node != NULL && row->agrees;
        c.passed_over += row->node == NULL;
    }
    return c;
}

static int name_width(const heed_verification *v)
{
    int width = 10;

    for (int i = 0; i < heed_verification_count(v); i++) {
        const heed_verified *row = heed_verification_at(v, i);
        const int n = (int)strlen(row->name);
        width = row->node != NULL && n > width ? n : width;
    }
    return width < 48 ? width : 48;
}

static void print_table(const heed_verification *v)
{
    const counts c = count_rows(v);
    const int width = name_width(v);
    char name[128], shape[192];

    if (c.compared > 0)
        printf("%-*s  %-20s  %12s  %9s  %9s\n", width, "activation", "shape", "largest error", "atol", "rtol");
    for (int i = 0; i < heed_verification_count(v); i++) {
        const heed_verified *row = heed_verification_at(v, i);
        if (row->node == NULL)
            continue;
        printf("%-*s  %-20s  ", width, heed_cli_quote(name, sizeof name, row->name), shape_text(shape, row));
        if (row->problem != NULL)
            printf("%s: differs\n", row->problem);
        else
            printf("%13.3g  %9.3g  %9.3g%s\n", row->max_error, row->atol, row->rtol,
                   row->agrees ? "" : "  differs");
    }
    for (int i = 0; i < heed_verification_count(v); i++) {
        const heed_verified *row = heed_verification_at(v, i);
        if (row->node == NULL)
            fprintf(stderr, "passed over: %s%s%s%s\n", heed_cli_quote(name, sizeof name, row->name),
                    row->near != NULL ? "; did you mean \"" : "", row->near != NULL ? row->near : "",
                    row->near != NULL ? "\"?" : "");
    }
    printf("%d compared, %d agree, %d differ, %d passed over\n", c.compared, c.agree, c.compared - c.agree,
           c.passed_over);
}

static void print_row(heed_cli_json *json, const heed_verified *row)
{
    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "name", row->name);
    if (row->node != NULL)
        heed_cli_json_text(json, "node", row->node);
    heed_cli_json_open(json, "shape", '[');
    for (int i = 0; i < row->rank; i++)
        heed_cli_json_integer(json, NULL, row->size[i]);
    heed_cli_json_close(json, ']');
    if (row->problem != NULL)
        heed_cli_json_text(json, "problem", row->problem);
    if (row->node != NULL && row->problem == NULL) {
        heed_cli_json_number(json, "largest_error", row->max_error);
        heed_cli_json_number(json, "atol", row->atol);
        heed_cli_json_number(json, "rtol", row->rtol);
        heed_cli_json_integer(json, "wrong", row->n_wrong);
        heed_cli_json_integer(json, "worst", row->worst);
        heed_cli_json_number(json, "got", row->got);
        heed_cli_json_number(json, "expected", row->expected);
    }
    if (row->node != NULL)
        heed_cli_json_bool(json, "agrees", row->agrees);
    heed_cli_json_close(json, '}');
}

static void print_json(const heed_verification *v, const char *model, const char *against)
{
    const counts c = count_rows(v);
    const heed_verified *wrong = heed_verification_first_wrong(v);
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "model", model);
    heed_cli_json_text(&json, "against", against);
    heed_cli_json_bool(&json, "agrees", wrong == NULL && c.compared > 0);
    heed_cli_json_integer(&json, "compared", c.compared);
    heed_cli_json_integer(&json, "passed_over", c.passed_over);
    if (wrong != NULL)
        heed_cli_json_text(&json, "first", wrong->name);
    heed_cli_json_open(&json, "activations", '[');
    for (int i = 0; i < heed_verification_count(v); i++)
        print_row(&json, heed_verification_at(v, i));
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

/* What the command ends with. */
static heed_status judge(const heed_verification *v, const char *file, heed_error *err)
{
    const heed_verified *wrong = heed_verification_first_wrong(v);
    char name[128], place[192], shown[128];

    if (count_rows(v).compared == 0)
        return heed_cli_fail(err, HEED_ERR_FILE,
                             "%s: no tensor has the name of an activation, nothing was compared",
                             heed_cli_quote(shown, sizeof shown, file));
    if (wrong == NULL)
        return HEED_OK;
    heed_cli_quote(name, sizeof name, wrong->name);
    if (wrong->problem != NULL)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%s differs first: %s", name, wrong->problem);
    return heed_cli_fail(err, HEED_ERR_CHECK,
                         "%s differs first: element %s is %.9g, expected %.9g (%lld of %lld differ)", name,
                         place_text(place, wrong, wrong->worst), wrong->got, wrong->expected,
                         (long long)wrong->n_wrong, (long long)wrong->count);
}

static heed_status compare(const heed_model *model, const verify_options *own, const char *folder,
                           heed_error *err)
{
    const heed_verify_options options = {.atol = own->atol, .rtol = own->rtol, .threads = (int)own->threads};
    heed_verification *v = NULL;
    heed_status status = heed_model_verify(model, own->against, &options, &v, err);

    if (status == HEED_OK && own->json)
        print_json(v, folder, own->against);
    else if (status == HEED_OK)
        print_table(v);
    if (status == HEED_OK)
        status = judge(v, own->against, err);
    heed_verification_destroy(v);
    return status;
}

/* --- writing --- */

/* "464, 3290" as ids; *ids is allocated. */
static heed_status read_ids(const char *text, int32_t **ids, size_t *n, heed_error *err)
{
    char shown[80];

    *n = 0;
    *ids = malloc((strlen(text) + 1) * sizeof **ids);
    if (*ids == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for ids");
    while (*text != '\0') {
        char *end;
        long id;
        if (isspace((unsigned char)*text) || *text == ',') {
            text++;
            continue;
        }
        errno = 0;
        id = strtol(text, &end, 10);
        if (end == text || errno != 0 || id < 0 || id > INT32_MAX ||
            !(*end == '\0' || *end == ',' || isspace((unsigned char)*end)))
            return heed_cli_fail(err, HEED_ERR_USAGE, "--ids: expected token ids such as 464,3290, got \"%s\"",
                                 heed_cli_quote(shown, sizeof shown, text));
        (*ids)[(*n)++] = (int32_t)id;
        text = end;
    }
    return HEED_OK;
}

static heed_status record(const heed_model *model, const verify_options *own, heed_error *err)
{
    const char *names[MAX_NAMES];
    char *list = own->names != NULL ? strdup(own->names) : NULL, *rest = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    int n_names = 0;
    heed_status status = own->ids != NULL
                             ? read_ids(own->ids, &ids, &n, err)
                             : heed_model_encode(model, own->text, strlen(own->text), &ids, &n, err);

    for (char *word = list != NULL ? strtok_r(list, ", ", &rest) : NULL; word != NULL && status == HEED_OK;
         word = strtok_r(NULL, ", ", &rest)) {
        if (n_names == MAX_NAMES)
            status = heed_cli_fail(err, HEED_ERR_USAGE, "--names: expected at most %d, got more", MAX_NAMES);
        else
            names[n_names++] = word;
    }
    if (status == HEED_OK)
        status = heed_model_record(model, ids, n, list != NULL ? names : NULL, n_names, own->write, err);
    free(list);
    free(ids);
    return status;
}

/* --- the command --- */

static heed_status check(const verify_options *own, heed_error *err)
{
    const char *words = NULL;

    if ((own->against != NULL) == (own->write != NULL))
        words = "--against FILE to compare, or --write FILE to write";
    else if (own->write != NULL && (own->text != NULL) == (own->ids != NULL))
        words = "--text or --ids with --write, one of them";
    else if (own->against != NULL && (own->text != NULL || own->ids != NULL || own->names != NULL))
        words = "--text, --ids and --names with --write only; the file of --against has its own ids";
    return words == NULL ? HEED_OK : heed_cli_fail(err, HEED_ERR_USAGE, "expected %s", words);
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    verify_options own = {.atol = -1.0, .rtol = -1.0};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = (int)(sizeof texts / sizeof texts[0]),
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = 1};
    heed_model *model = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = check(&own, err);
    if (status == HEED_OK)
        status = heed_cli_open_named(options.operands[0], &model, err);
    if (status == HEED_OK)
        status = own.against != NULL ? compare(model, &own, options.operands[0], err)
                                     : record(model, &own, err);
    heed_model_close(model);
    return status;
}

const heed_cli_command heed_cli_verify = {
    .name = "verify",
    .operands = "MODEL",
    .summary = "compare every activation with stored ones, or store them",
    .details = "The file holds token ids (ids, input_ids or tokens; [length] or [batch, length]) or a text in "
               "its metadata, and\n"
               "tensors with names of activations: heed's (blocks.0.attn.q, logits, loss), TransformerLens'\n"
               "(blocks.0.attn.hook_q), those of transformers' outputs (hidden_states.3, attentions.0, "
               "last_hidden_state) and\n"
               "modules (transformer.h.0.mlp), and gradients of the loss (grad/h.0.mlp.c_fc.weight). Several "
               "cases are CASE/NAME.\n"
               "Compared is in the order of the computation; the first that differs is named, and then the "
               "exit code is 1.\n",
    .examples = "  heed verify gpt2 --against reference.safetensors\n"
                "  heed verify gpt2-bf16 --against reference.safetensors --atol 0.05 --rtol 0.02\n"
                "  heed verify story --write mine.safetensors --text \"One day\" --names "
                "logits,blocks.0.attn.pattern\n",
    .run = run,
};
