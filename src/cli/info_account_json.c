/* SPDX-License-Identifier: MIT */
#include "cli/info_account.h"

static void json_total(heed_cli_json *json, const heed_account_total *t)
{
    heed_cli_json_number(json, "planned_bytes", t->planned_bytes);
    heed_cli_json_number(json, "weights_bytes", t->weights_bytes);
    heed_cli_json_number(json, "gradients_bytes", t->gradients_bytes);
    heed_cli_json_number(json, "moments_bytes", t->moments_bytes);
    heed_cli_json_number(json, "arena_bytes", t->arena_bytes);
    heed_cli_json_number(json, "batch_bytes", t->batch_bytes);
    heed_cli_json_number(json, "peak_bytes", t->peak_bytes);
    heed_cli_json_number(json, "logits_bytes", t->logits_bytes);
    heed_cli_json_number(json, "scores_bytes", t->scores_bytes);
    heed_cli_json_number(json, "flops", t->flops);
    heed_cli_json_number(json, "again_flops", t->again_flops);
}

static void json_moment(heed_cli_json *json, const heed_account_moment *m)
{
    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "node", m->node);
    heed_cli_json_text(json, "op", m->op);
    heed_cli_json_text(json, "stage", heed_account_stage_name(m->stage));
    heed_cli_json_bool(json, "again", m->again);
    heed_cli_json_number(json, "bytes", m->live_bytes);
    heed_cli_json_close(json, '}');
}

static void json_components(heed_cli_json *json, const heed_account *account)
{
    int n;
    const heed_account_component *list = heed_account_components(account, &n);

    heed_cli_json_open(json, "components", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "component", list[i].name);
        heed_cli_json_integer(json, "parameters", list[i].n_parameters);
        heed_cli_json_number(json, "weights_bytes", list[i].weights_bytes);
        heed_cli_json_number(json, "gradients_bytes", list[i].gradients_bytes);
        heed_cli_json_number(json, "moments_bytes", list[i].moments_bytes);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_memory(heed_cli_json *json, const heed_cli_accounts *a)
{
    const heed_account_total *t = heed_account_totals(a->account);
    int n;
    const heed_account_tensor *peak = heed_account_peak(a->account, &n);

    heed_cli_json_open(json, "step_memory", '{');
    json_total(json, t);
    json_components(json, a->account);
    heed_cli_json_integer(json, "peak", t->peak);
    heed_cli_json_open(json, "at_peak", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", peak[i].name);
        heed_cli_json_integer(json, "number", peak[i].n);
        heed_cli_json_number(json, "bytes", peak[i].bytes);
        heed_cli_json_bool(json, "scratch", peak[i].scratch);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "moments", '[');
    for (int i = 0; i < t->n_moments; i++) {
        const heed_account_moment m = heed_account_at(a->account, i);
        json_moment(json, &m);
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "variants", '[');
    for (int i = 0; i < a->n_variants; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "what", a->variants[i].what);
        json_total(json, &a->variants[i].total);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

static void json_flops(heed_cli_json *json, const char *key, const heed_account_flops *list, int n)
{
    heed_cli_json_open(json, key, '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "name", list[i].name);
        heed_cli_json_integer(json, "nodes", list[i].n_nodes);
        for (int stage = 0; stage < HEED_ACCOUNT_STAGES; stage++)
            heed_cli_json_number(json, heed_account_stage_name((heed_account_stage)stage),
                                 list[i].stage[stage]);
        heed_cli_json_number(json, "again", list[i].again);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_generation(heed_cli_json *json, const heed_account_generation *g)
{
    heed_cli_json_open(json, "generation", '{');
    heed_cli_json_integer(json, "length", g->length);
    heed_cli_json_number(json, "flops_cached", g->flops_cached);
    heed_cli_json_number(json, "flops_uncached", g->flops_uncached);
    heed_cli_json_number(json, "bytes_read", g->bytes_read);
    heed_cli_json_number(json, "cache_bytes_per_token", g->cache_bytes);
    heed_cli_json_number(json, "cache_bytes", g->cache_full_bytes);
    heed_cli_json_close(json, '}');
}

static void json_measured(heed_cli_json *json, const heed_account_measured *m)
{
    heed_cli_json_open(json, "measured", '{');
    heed_cli_json_integer(json, "steps", m->n_steps);
    heed_cli_json_number(json, "planned_bytes", m->planned_bytes);
    heed_cli_json_number(json, "program_bytes", m->program_bytes);
    heed_cli_json_number(json, "estimate_bytes", m->estimate_bytes);
    heed_cli_json_number(json, "peak_bytes", m->peak_bytes);
    if (m->n_allocations >= 0)
        heed_cli_json_integer(json, "allocations", m->n_allocations);
    heed_cli_json_number(json, "heap_growth_bytes", m->heap_growth_bytes);
    heed_cli_json_number(json, "seconds", m->seconds);
    heed_cli_json_number(json, "loss", m->loss);
    heed_cli_json_close(json, '}');
}

void heed_cli_json_accounts(heed_cli_json *json, const heed_cli_accounts *a)
{
    const heed_account_flops *list;
    int n;

    if (a->memory)
        json_memory(json, a);
    if (a->flops) {
        list = heed_account_flops_by_op(a->account, &n);
        json_flops(json, "flops_by_op", list, n);
        list = heed_account_flops_by_part(a->account, &n);
        json_flops(json, "flops_by_part", list, n);
    }
    if (a->generation)
        json_generation(json, &a->next);
    if (a->measure)
        json_measured(json, &a->measured);
}
