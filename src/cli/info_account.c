/* SPDX-License-Identifier: MIT */
/* The accounts of heed info as text; info_account_json.c prints the same for programs. */
#include "cli/info_account.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/allocations.h"
#include "cli/output.h"

enum { MEASURED_STEPS = 3, SHOWN_TENSORS = 12, PLOT_COLUMNS = 78, PLOT_ROWS = 14 };

/* --- making them --- */

heed_status heed_cli_measure_step(heed_cli_accounts *a, const heed_config *config, heed_error *err)
{
    if (!a->measure)
        return HEED_OK;
    return heed_account_measure(config, &a->options, MEASURED_STEPS, heed_cli_allocation_counter(),
                                &a->measured, err);
}

static heed_status add_variant(heed_cli_accounts *a, const heed_config *config,
                               const heed_account_options *options, const char *what, heed_error *err)
{
    heed_account *account = NULL;
    heed_cli_variant *v = &a->variants[a->n_variants];
    const heed_status status = heed_account_create(config, options, &account, err);

    if (status == HEED_OK) {
        snprintf(v->what, sizeof v->what, "%s", what);
        v->total = *heed_account_totals(account);
        a->n_variants++;
    }
    heed_account_destroy(account);
    return status;
}

/* Each changes one thing. */
static heed_status make_variants(heed_cli_accounts *a, const heed_config *config, heed_error *err)
{
    const heed_account_options *given = &a->options;
    const int64_t length = given->length > 0 ? given->length : config->context_length;
    heed_account_options o[6] = {*given, *given, *given, *given, *given, *given};
    char half[48];
    heed_status status = HEED_OK;

    snprintf(half, sizeof half, "--length %lld", (long long)(length / 2));
    o[0].recompute = HEED_RECOMPUTE_CHEAP;
    o[1].recompute = HEED_RECOMPUTE_BLOCKS;
    o[2].micro_batch = 1;
    o[3].length = length / 2;
    o[4].precision = HEED_PRECISION_BF16;
    o[5].whole_logits = true;
    const struct {
        const char *what;
        bool makes_sense;
    } variants[] = {
        {"--recompute cheap", given->recompute != HEED_RECOMPUTE_CHEAP},
        {"--recompute blocks", given->recompute != HEED_RECOMPUTE_BLOCKS},
        {"--micro-batch 1", given->batch_size > 1 && given->micro_batch != 1},
        {half, length > 1},
        {"--precision bf16", given->precision != HEED_PRECISION_BF16},
        {"--whole-logits", config->kind == HEED_KIND_GPT && !given->whole_logits},
    };
    for (int i = 0; i < 6 && status == HEED_OK; i++) {
        if (variants[i].makes_sense)
            status = add_variant(a, config, &o[i], variants[i].what, err);
    }
    return status;
}

heed_status heed_cli_make_accounts(heed_cli_accounts *a, const heed_config *config, heed_error *err)
{
    const int64_t length = a->options.length > 0 ? a->options.length : config->context_length;
    heed_status status = HEED_OK;

    if (a->memory || a->flops)
        status = heed_account_create(config, &a->options, &a->account, err);
    if (status == HEED_OK && a->memory)
        status = make_variants(a, config, err);
    if (status == HEED_OK && a->generation)
        status = heed_account_generate(config, length - 1, &a->next, err);
    return status;
}

void heed_cli_release_accounts(heed_cli_accounts *a)
{
    heed_account_destroy(a->account);
    a->account = NULL;
}

/* --- memory --- */

static void print_part(const char *what, double bytes)
{
    char text[32];

    printf("%-24s %10s\n", what, heed_cli_bytes(text, bytes));
}

static void print_totals(const heed_cli_accounts *a)
{
    const heed_account_total *t = heed_account_totals(a->account);
    const heed_account_moment peak = heed_account_at(a->account, t->peak);
    const bool named = strncmp(peak.node, peak.op, strlen(peak.op)) != 0; /* not after its op */
    char text[32];

    print_part("weights", t->weights_bytes);
    print_part("gradients", t->gradients_bytes);
    print_part("moments", t->moments_bytes);
    print_part("arena", t->arena_bytes);
    print_part("ids and targets", t->batch_bytes);
    print_part("all", t->planned_bytes);
    printf("\nAt most %s of the arena are in use: at moment %d of %d, %s,\nwhile %s%s%s runs.\n",
           heed_cli_bytes(text, t->peak_bytes), t->peak + 1, t->n_moments,
           peak.again ? "made again for the backward pass" : heed_account_stage_name(peak.stage), peak.op,
           named ? " for " : "", named ? peak.node : "");
}

static void print_components(const heed_cli_accounts *a)
{
    char count[32], weights[32], gradients[32], moments[32];
    int n;
    const heed_account_component *list = heed_account_components(a->account, &n);

    printf("\n%-20s %14s %10s %10s %10s\n", "component", "parameters", "weights", "gradients", "moments");
    for (int i = 0; i < n; i++)
        printf(
            "%-20s %14s %10s %10s %10s\n", list[i].name, heed_cli_grouped(count, (double)list[i].n_parameters),
            heed_cli_bytes(weights, list[i].weights_bytes), heed_cli_bytes(gradients, list[i].gradients_bytes),
            heed_cli_bytes(moments, list[i].moments_bytes));
}

static void print_peak(const heed_cli_accounts *a)
{
    const heed_account_total *t = heed_account_totals(a->account);
    char bytes[32], name[160];
    double others = 0.0;
    int n;
    const heed_account_tensor *list = heed_account_peak(a->account, &n);

    printf("\n%-46s %6s %10s %6s\n", "in the arena then", "number", "bytes", "share");
    for (int i = 0; i < n; i++) {
        if (i >= SHOWN_TENSORS) {
            others += list[i].bytes;
            continue;
        }
        snprintf(name, sizeof name, "%s%s", list[i].scratch ? "scratch memory of " : "", list[i].name);
        printf("%-46s %6d %10s %4.0f %%\n", name, list[i].n, heed_cli_bytes(bytes, list[i].bytes),
               100.0 * list[i].bytes / t->peak_bytes);
    }
    if (n > SHOWN_TENSORS)
        printf("%-46s %6d %10s %4.0f %%\n", "others", n - SHOWN_TENSORS, heed_cli_bytes(bytes, others),
               100.0 * others / t->peak_bytes);
}

static void print_variant(const char *what, const heed_account_total *v, const heed_account_total *as_it_is)
{
    char all[32], arena[32], flops[32];

    printf("%-26s %10s %10s %7.1f %%  %9sFLOP\n", what, heed_cli_bytes(all, v->planned_bytes),
           heed_cli_bytes(arena, v->arena_bytes), 100.0 * (v->planned_bytes / as_it_is->planned_bytes - 1.0),
           heed_cli_scaled(flops, v->flops + v->again_flops));
}

static void print_variants(const heed_cli_accounts *a)
{
    const heed_account_total *t = heed_account_totals(a->account);
    char logits[32], scores[32];

    printf("\n%-26s %10s %10s %9s  %13s\n", "the same step", "all", "arena", "change", "arithmetic");
    print_variant("as above", t, t);
    for (int i = 0; i < a->n_variants; i++)
        print_variant(a->variants[i].what, &a->variants[i].total, t);
    if (t->logits_bytes > 0.0)
        printf("\nThe logits as a whole %s %s.\n",
               t->logits_stored ? "are stored, and take" : "are never there; they would take",
               heed_cli_bytes(logits, t->logits_bytes));
    if (t->scores_bytes > 0.0)
        printf("The attention scores of all layers are never there; they would take %s.\n",
               heed_cli_bytes(scores, t->scores_bytes));
}

static void print_heading(const heed_cli_accounts *a, const heed_config *config, const char *what)
{
    const heed_account_options *o = &a->options;

    printf("\n%s of a training step: %lld x %lld tokens, %s", what, (long long)o->batch_size,
           (long long)(o->length > 0 ? o->length : config->context_length),
           heed_precision_name((heed_precision)o->precision));
    if (o->micro_batch > 0)
        printf(", in runs of %lld", (long long)o->micro_batch);
    printf("\n\n");
}

static heed_status print_memory(const heed_cli_accounts *a, const heed_config *config, heed_error *err)
{
    char *drawing = NULL;
    const heed_status status = heed_account_draw(a->account, PLOT_COLUMNS, PLOT_ROWS, heed_cli_palette(stdout),
                                                 &drawing, err);

    if (status != HEED_OK)
        return status;
    print_heading(a, config, "Memory");
    print_totals(a);
    print_components(a);
    print_peak(a);
    printf("\n%s", drawing);
    free(drawing);
    print_variants(a);
    return HEED_OK;
}

/* --- arithmetic --- */

static double forward_of(const heed_account_flops *f)
{
    return f->stage[HEED_ACCOUNT_FORWARD];
}

static double backward_of(const heed_account_flops *f)
{
    return f->stage[HEED_ACCOUNT_BACKWARD];
}

static double update_of(const heed_account_flops *f)
{
    return f->stage[HEED_ACCOUNT_NORM] + f->stage[HEED_ACCOUNT_UPDATE];
}

static void print_flops_row(const heed_account_flops *f, const char *name, double all, bool again)
{
    char forward[32], backward[32], update[32], more[32];
    const double sum = forward_of(f) + backward_of(f) + update_of(f);

    printf("%-30s %5d %9s %9s %9s %5.1f %%", name, f->n_nodes, heed_cli_scaled(forward, forward_of(f)),
           heed_cli_scaled(backward, backward_of(f)), heed_cli_scaled(update, update_of(f)), 100.0 * sum / all);
    if (again)
        printf(" %9s", heed_cli_scaled(more, f->again));
    printf("\n");
}

static bool rows_alike(const heed_account_flops *a, const heed_account_flops *b)
{
    return strncmp(a->name, "blocks.", 7) == 0 && strncmp(b->name, "blocks.", 7) == 0 &&
           a->n_nodes == b->n_nodes && memcmp(a->stage, b->stage, sizeof a->stage) == 0 && a->again == b->again;
}

static void print_flops_table(const heed_cli_accounts *a, const char *title, const heed_account_flops *list,
                              int n)
{
    const heed_account_total *t = heed_account_totals(a->account);
    const bool again = t->again_flops > 0.0;
    char name[160];
    int last;

    printf("%-30s %5s %9s %9s %9s %7s%s\n", title, "nodes", "forward", "backward", "update", "share",
           again ? "     again" : "");
    for (int i = 0; i < n; i = last + 1) {
        for (last = i; last + 1 < n && rows_alike(&list[i], &list[last + 1]);)
            last++;
        snprintf(name, sizeof name, last > i ? "%s to %s, each" : "%s", list[i].name, list[last].name);
        print_flops_row(&list[i], name, t->flops, again);
    }
}

static void print_flops(const heed_cli_accounts *a, const heed_config *config)
{
    const heed_account_total *t = heed_account_totals(a->account);
    char all[32], again[32];
    int n;
    const heed_account_flops *list;

    print_heading(a, config, "Arithmetic");
    list = heed_account_flops_by_op(a->account, &n);
    print_flops_table(a, "by op", list, n);
    printf("\n");
    list = heed_account_flops_by_part(a->account, &n);
    print_flops_table(a, "by part", list, n);
    printf("\nall: %sFLOP", heed_cli_scaled(all, t->flops));
    if (t->again_flops > 0.0)
        printf(", and %sFLOP again", heed_cli_scaled(again, t->again_flops));
    printf("\n");
}

/* --- a token, and what was measured --- */

static void print_generation(const heed_account_generation *g)
{
    char a[32], b[32];

    printf("\nThe next token after %lld others\n", (long long)g->length);
    printf("    %sFLOP with the cache, %sFLOP when all is computed again: %.1f times as much\n",
           heed_cli_scaled(a, g->flops_cached), heed_cli_scaled(b, g->flops_uncached),
           g->flops_uncached / g->flops_cached);
    printf("    %s of weights and cache are read for it\n", heed_cli_bytes(a, g->bytes_read));
    printf("    %s of keys and values a token, %s for the whole context\n", heed_cli_bytes(a, g->cache_bytes),
           heed_cli_bytes(b, g->cache_full_bytes));
}

static void print_measured(const heed_account_measured *m, const heed_config *config)
{
    char peak[32], estimate[32], planned[32], program[32], heap[32];

    printf("\nMeasured in %d steps on random tokens\n", m->n_steps);
    printf("    expected %s: %s planned, %s of program, libraries and plans\n",
           heed_cli_bytes(estimate, m->estimate_bytes), heed_cli_bytes(planned, m->planned_bytes),
           heed_cli_bytes(program, m->program_bytes));
    printf("    peak     %s: %+.1f %%\n", heed_cli_bytes(peak, m->peak_bytes),
           100.0 * (m->peak_bytes / m->estimate_bytes - 1.0));
    if (m->n_allocations >= 0)
        printf("    after the first step heed asked %lld times for memory", (long long)m->n_allocations);
    else
        printf("    allocations are not counted in this build");
    if (!isnan(m->heap_growth_bytes))
        printf(", and the heap grew by %s", heed_cli_bytes(heap, m->heap_growth_bytes));
    printf("\n    %.3g s a step, loss %.3f (ln V is %.3f)\n", m->seconds, m->loss,
           log((double)config->vocab_size));
}

heed_status heed_cli_print_accounts(const heed_cli_accounts *a, const heed_config *config, heed_error *err)
{
    heed_status status = HEED_OK;

    if (a->memory)
        status = print_memory(a, config, err);
    if (status == HEED_OK && a->flops)
        print_flops(a, config);
    if (status == HEED_OK && a->generation)
        print_generation(&a->next);
    if (status == HEED_OK && a->measure)
        print_measured(&a->measured, config);
    return status;
}
