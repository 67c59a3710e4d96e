/* SPDX-License-Identifier: MIT */
/* The tensors of a run that can be asked: the first screen of heed trace. */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/trace_print.h"

/* What stands before the name of what it belongs to. */
static const char *const prefixes[] = {"d.", "grad.", "adamw.m.", "adamw.v.", "momentum.m.", "new."};

enum { N_PREFIXES = sizeof prefixes / sizeof prefixes[0], NAME = HEED_TRACE_ADDRESS_BYTES };

/* The name without indices, as an address has it. */
static const char *name_of(const heed_trace *trace, int tensor, char name[NAME])
{
    heed_trace_address(trace, (heed_trace_element){tensor, 0}, name);
    name[strcspn(name, "[")] = '\0';
    return name;
}

static int prefix_of(const char *name)
{
    for (int i = 0; i < N_PREFIXES; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return i;
    }
    return -1;
}

/* The number of its block, -1: it belongs to none. `rest` stands behind it. */
static int block_of(const char *name, const char **rest)
{
    const size_t before = strncmp(name, "blocks.", 7) == 0 ? 7 : strncmp(name, "h.", 2) == 0 ? 2 : 0;
    int block = 0, used = 0;

    if (before == 0 || sscanf(name + before, "%d%n", &block, &used) != 1)
        return -1;
    *rest = name + before + used;
    return block;
}

static void put_shape(const heed_trace_tensor *x)
{
    char shape[96] = "[";
    size_t used = 1;

    for (int i = 0; i < x->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%lld", i > 0 ? ", " : "",
                                 (long long)x->size[i]);
    snprintf(shape + used, sizeof shape - used, "]");
    printf("%-19s", shape);
}

static void put_tensor(const heed_trace *trace, int tensor, const char *name, bool any_block)
{
    const heed_trace_tensor x = heed_trace_tensor_at(trace, tensor);
    const char *rest = "";
    char shown[NAME];

    snprintf(shown, sizeof shown, "%s", name);
    if (any_block && block_of(name, &rest) >= 0)
        snprintf(shown, sizeof shown, "%s.L%s", name[0] == 'b' ? "blocks" : "h", rest);
    printf("%-34s ", shown);
    put_shape(&x);
    printf(" %s\n", x.op != NULL ? x.op : "given");
}

/* What one line stands for all blocks, and for all that belongs to a parameter. */
static void put_key(const heed_trace *trace)
{
    const int64_t n_layers = heed_model_config(heed_trace_model(trace))->n_layers;
    bool seen[N_PREFIXES] = {false};
    char name[NAME];

    for (int i = 0; i < heed_trace_n_tensors(trace); i++) {
        const int prefix = prefix_of(name_of(trace, i, name));
        if (prefix >= 0)
            seen[prefix] = true;
    }
    printf("        NAME[0,4,...] is a number to ask: an index for each axis, from 0\n");
    if (n_layers > 1)
        printf("        L is a block from 0 to %lld\n", (long long)n_layers - 1);
    if (seen[0])
        printf("        d.NAME is the gradient of the loss by what has that name\n");
    for (int i = 1; i < N_PREFIXES; i++) {
        if (seen[i])
            printf("        %sNAME of a parameter%s\n", prefixes[i],
                   i == 1                ? ": its gradient, where it is kept for the update"
                   : i == N_PREFIXES - 1 ? " or its moment: what the update makes of it"
                                         : ": its moment, before the update");
    }
    printf("        tok_embed, pos_embed, blocks.L.attn.W_Q, W_K, W_V, W_O, b_Q,\n"
           "        blocks.L.mlp.W_in, W_out, W_U are known, too\n\n");
}

void heed_cli_trace_list(const heed_trace *trace, bool all)
{
    char name[NAME];
    const char *rest;
    const int64_t n_layers = heed_model_config(heed_trace_model(trace))->n_layers;
    int left_out = 0;

    put_key(trace);
    for (int i = 0; i < heed_trace_n_tensors(trace); i++) {
        const heed_trace_tensor x = heed_trace_tensor_at(trace, i);
        name_of(trace, i, name);
        if (all || (x.named && prefix_of(name) < 0 && block_of(name, &rest) <= 0))
            put_tensor(trace, i, name, !all && n_layers > 1);
        else
            left_out += !x.named;
    }
    if (left_out > 0)
        printf("and %d steps without a name of their own (--all)\n", left_out);
}

void heed_cli_trace_list_json(const heed_trace *trace, heed_cli_json *json)
{
    char name[NAME];

    heed_cli_json_open(json, "tensors", '[');
    for (int i = 0; i < heed_trace_n_tensors(trace); i++) {
        const heed_trace_tensor x = heed_trace_tensor_at(trace, i);
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", name_of(trace, i, name));
        heed_cli_json_text(json, "op", x.op != NULL ? x.op : "given");
        heed_cli_json_open(json, "shape", '[');
        for (int k = 0; k < x.rank; k++)
            heed_cli_json_integer(json, NULL, x.size[k]);
        heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}
