/* SPDX-License-Identifier: MIT */
#include "cli/activations.h"

#include "cli/output.h"

const char *const heed_cli_recompute_levels[] = {"none", "cheap", "blocks", NULL};

void heed_cli_show_memory(FILE *out, const heed_step_memory *memory, double flops)
{
    char held[32], again[32];

    fprintf(out, "%s wait for the backward pass", heed_cli_bytes(held, memory->held_bytes));
    if (memory->n_again > 0)
        fprintf(out, ", %s are made again (%.1f %% more arithmetic)",
                heed_cli_bytes(again, memory->again_bytes),
                flops > 0.0 ? 100.0 * memory->again_flops / flops : 0.0);
    fputc('\n', out);
}

void heed_cli_json_memory(heed_cli_json *json, const heed_step_memory *memory)
{
    heed_cli_json_number(json, "held_bytes", memory->held_bytes);
    heed_cli_json_number(json, "again_bytes", memory->again_bytes);
    heed_cli_json_number(json, "again_flops", memory->again_flops);
    heed_cli_json_integer(json, "steps_again", memory->n_again);
}

void heed_cli_print_activations(const heed_activations *list, int n)
{
    char bytes[32], name[160];
    double sum[2] = {0.0, 0.0};

    printf("\n%-44s %6s %10s  %s\n", "activations of a training step", "number", "bytes", "until backward");
    for (int i = 0; i < n; i++) {
        sum[list[i].again] += list[i].bytes;
        printf("%-44s %6d %10s  %s\n", heed_cli_quote(name, sizeof name, list[i].name), list[i].n,
               heed_cli_bytes(bytes, list[i].bytes), list[i].again ? "dropped, made again" : "waits");
    }
    printf("%-44s %6s %10s\n", "all that wait", "", heed_cli_bytes(bytes, sum[0]));
    if (sum[1] > 0.0)
        printf("%-44s %6s %10s\n", "all that are made again", "", heed_cli_bytes(bytes, sum[1]));
}

void heed_cli_json_activations(heed_cli_json *json, const heed_activations *list, int n)
{
    heed_cli_json_open(json, "activations", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", list[i].name);
        heed_cli_json_integer(json, "number", list[i].n);
        heed_cli_json_number(json, "bytes", list[i].bytes);
        heed_cli_json_bool(json, "again", list[i].again);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}
