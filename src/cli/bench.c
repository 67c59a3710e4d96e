/* SPDX-License-Identifier: MIT */
/* heed bench: how fast this machine is, and how much of that heed uses. */
#include <heed/bench.h>
#include <string.h>

#include "cli/activations.h"
#include "cli/bench_attention.h"
#include "cli/json_out.h"
#include "cli/model_options.h"
#include "cli/output.h"

#define LIMITS_SECONDS 3.0
#define LARGE_MODEL    1e7 /* parameters; from here on fewer steps are enough, and a smaller batch */

typedef struct bench_options {
    const char *preset, *config;
    int64_t batch_size, steps, prompt_length, threads;
    int precision; /* heed_precision */
    int recompute; /* heed_recompute */
    bool json, batch_given;
} bench_options;

static const char *const precisions[] = {"f32", "bf16", "f16", "int8", NULL};

#define AT(member) offsetof(bench_options, member)

static const heed_cli_text texts[] = {
    {"preset", "NAME", HEED_CLI_PRESET_HELP, AT(preset)},
    {"config", "FILE", HEED_CLI_CONFIG_HELP, AT(config)},
};

static const heed_field fields[] = {
    {"batch_size",
     "windows of a training step; 0: 12, or 4 for a large model. Texts decoded side by side; 0: 1",
     HEED_FIELD_INTEGER, AT(batch_size), 0, 65536, NULL},
    {"steps", "training steps, or tokens decoded; 0: 100, or 10 for a large model", HEED_FIELD_INTEGER,
     AT(steps), 0, 1e6, NULL},
    {"prompt_length", "tokens that stand before the first decoded one", HEED_FIELD_INTEGER, AT(prompt_length),
     1, 1e6, NULL},
    {"precision", "of a training step (f32, bf16), and of the matrices while decoding", HEED_FIELD_CHOICE,
     AT(precision), 0, 0, precisions},
    {"recompute", "activations that are dropped and made again while training", HEED_FIELD_CHOICE,
     AT(recompute), 0, 0, heed_cli_recompute_levels},
    {"threads", "0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* What is measured, and what came out. */
typedef struct bench_run {
    bool limits, training, decode;
    heed_config config;
    char device[128], processor[128];
    heed_machine machine;
    heed_bench_result trained, decoded;
} bench_run;

/* --- measuring --- */

static int64_t texts_of(const bench_options *own)
{
    return own->batch_given ? own->batch_size : 1;
}

static void choose_sizes(bench_options *own, const heed_config *c)
{
    const double d = (double)c->d_model;
    const bool large = 12.0 * d * d * (double)c->n_layers + d * (double)c->vocab_size > LARGE_MODEL;

    own->batch_given = own->batch_size > 0;
    if (own->batch_size == 0)
        own->batch_size = large ? 4 : 12;
    if (own->steps == 0)
        own->steps = large ? 10 : 100;
}

static int64_t tokens_to_decode(const bench_options *own, const heed_config *c)
{
    const int64_t room = c->context_length - own->prompt_length;

    return own->steps < room ? own->steps : room;
}

/* Beside a decoding in other precisions training stays in f32. */
static heed_precision trained_precision(const bench_run *b, const bench_options *own)
{
    return own->precision > HEED_PRECISION_BF16 && b->decode ? HEED_PRECISION_F32
                                                             : (heed_precision)own->precision;
}

static heed_status measure(bench_run *b, const bench_options *own, heed_error *err)
{
    const int threads = (int)own->threads;
    heed_status status = heed_machine_describe(threads, b->device, sizeof b->device, b->processor, err);

    if (status == HEED_OK && b->limits)
        status = heed_machine_measure(threads, LIMITS_SECONDS, &b->machine, err);
    if (status == HEED_OK && b->training)
        status = heed_bench_training(&b->config, trained_precision(b, own), own->batch_size,
                                     (heed_recompute)own->recompute, own->steps, threads, &b->trained, err);
    if (status == HEED_OK && b->decode)
        status = heed_bench_decode(&b->config, (heed_precision)own->precision, texts_of(own),
                                   own->prompt_length, tokens_to_decode(own, &b->config), threads, &b->decoded,
                                   err);
    return status;
}

/* --- as text --- */

static void print_limits(const heed_machine *m)
{
    char a[32];

    printf("  f32 matrix product   %sFLOP/s\n", heed_cli_scaled(a, m->f32_flops));
    if (m->bf16_flops > 0.0)
        printf("  bf16 matrix product  %sFLOP/s\n", heed_cli_scaled(a, m->bf16_flops));
    printf("  reading memory       %s/s\n", heed_cli_bytes(a, m->read_bytes_per_s));
}

static void print_times(const char *what, const heed_measure *m)
{
    printf("  %-19s  %.3f ms, from %.3f to %.3f over %d\n", what, 1e3 * m->median, 1e3 * m->least,
           1e3 * m->most, m->n);
}

static void print_step(const char *what, const heed_bench_result *r)
{
    char tokens[32];

    print_times(what, &r->step);
    if (r->reading.n > 0)
        print_times("reading alone", &r->reading);
    printf("  speed                %s tokens/s\n",
           heed_cli_grouped(tokens, (double)r->tokens / r->step.median));
}

static void print_rates(const heed_bench_result *r)
{
    const double rate = r->flops / r->step.median;
    char a[32], b[32];

    printf("  arithmetic           %sFLOP/s, %.1f %% of the f32 peak", heed_cli_scaled(a, rate),
           100.0 * rate / r->machine.f32_flops);
    if (r->machine.bf16_flops > 0.0)
        printf(", %.1f %% of the bf16 peak", 100.0 * rate / r->machine.bf16_flops);
    putchar('\n');
    if (r->bytes > 0.0)
        printf("  reading              %s/s, %.1f %% of reading alone\n",
               heed_cli_bytes(a, r->bytes / r->step.median), 100.0 * r->reading.median / r->step.median);
    printf("  memory               %s planned, %s held by the process\n", heed_cli_bytes(a, r->planned_bytes),
           heed_cli_bytes(b, r->resident_bytes));
    if (r->memory.held_bytes > 0.0) {
        printf("  activations          ");
        heed_cli_show_memory(stdout, &r->memory, r->flops);
    }
}

static void print_rows(const heed_bench_result *r)
{
    double sum = 0.0;

    for (int i = 0; i < r->n_rows; i++)
        sum += r->rows[i].seconds;
    printf("\n  %-32s %6s %10s %8s %10s\n", "where the time goes", "nodes", "ms", "share", "GFLOP/s");
    for (int i = 0; i < r->n_rows; i++) {
        const heed_bench_row *row = &r->rows[i];
        printf("  %-32s %6d %10.3f %6.1f %%", row->op, row->n_nodes, 1e3 * row->seconds,
               100.0 * row->seconds / sum);
        if (row->flops > 0.0 && row->seconds > 0.0)
            printf(" %10.1f", row->flops / row->seconds / 1e9);
        putchar('\n');
    }
}

static void print_part(const char *title, const char *step, const heed_bench_result *r)
{
    printf("\n%s\n", title);
    print_limits(&r->machine);
    print_step(step, r);
    print_rates(r);
    print_rows(r);
}

static void print_text(const bench_run *b, const bench_options *own)
{
    char model[256], title[400], processor[160];

    printf("%s\n%s\n", heed_cli_quote(processor, sizeof processor, b->processor), b->device);
    heed_cli_describe_model(&b->config, model, sizeof model);
    if (b->limits) {
        printf("\nlimits of this machine\n");
        print_limits(&b->machine);
    }
    if (b->training) {
        snprintf(title, sizeof title, "training in %s, batch %lld, %s", precisions[trained_precision(b, own)],
                 (long long)own->batch_size, model);
        print_part(title, "step", &b->trained);
    }
    if (b->decode) {
        snprintf(title, sizeof title, "decoding, batch %lld, %s, after %lld tokens, %s",
                 (long long)texts_of(own), precisions[own->precision], (long long)own->prompt_length, model);
        print_part(title, texts_of(own) > 1 ? "token of each text" : "token", &b->decoded);
    }
}

/* --- as JSON --- */

static void json_machine(heed_cli_json *json, const heed_machine *m)
{
    heed_cli_json_open(json, "machine", '{');
    heed_cli_json_number(json, "f32_flops_per_s", m->f32_flops);
    heed_cli_json_number(json, "bf16_flops_per_s", m->bf16_flops);
    heed_cli_json_number(json, "read_bytes_per_s", m->read_bytes_per_s);
    heed_cli_json_close(json, '}');
}

static void json_times(heed_cli_json *json, const heed_measure *m)
{
    heed_cli_json_number(json, "median_s", m->median);
    heed_cli_json_number(json, "least_s", m->least);
    heed_cli_json_number(json, "most_s", m->most);
    heed_cli_json_integer(json, "runs", m->n);
}

static void json_part(heed_cli_json *json, const char *key, const heed_bench_result *r)
{
    heed_cli_json_open(json, key, '{');
    json_machine(json, &r->machine);
    json_times(json, &r->step);
    heed_cli_json_integer(json, "tokens", r->tokens);
    heed_cli_json_number(json, "tokens_per_s", (double)r->tokens / r->step.median);
    heed_cli_json_number(json, "flops", r->flops);
    heed_cli_json_number(json, "peak_share", r->flops / r->step.median / r->machine.f32_flops);
    if (r->machine.bf16_flops > 0.0)
        heed_cli_json_number(json, "bf16_peak_share", r->flops / r->step.median / r->machine.bf16_flops);
    if (r->bytes > 0.0) {
        heed_cli_json_number(json, "bytes", r->bytes);
        heed_cli_json_number(json, "bandwidth_share", r->reading.median / r->step.median);
        heed_cli_json_open(json, "reading", '{');
        json_times(json, &r->reading);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_number(json, "planned_bytes", r->planned_bytes);
    heed_cli_json_number(json, "resident_bytes", r->resident_bytes);
    heed_cli_json_memory(json, &r->memory);
    heed_cli_json_open(json, "rows", '[');
    for (int i = 0; i < r->n_rows; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "op", r->rows[i].op);
        heed_cli_json_integer(json, "nodes", r->rows[i].n_nodes);
        heed_cli_json_number(json, "seconds", r->rows[i].seconds);
        heed_cli_json_number(json, "flops", r->rows[i].flops);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

static void print_json(const bench_run *b, const bench_options *own)
{
    heed_cli_json json = {.out = stdout};
    char model[256];

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "version", heed_version());
    heed_cli_json_text(&json, "processor", b->processor);
    heed_cli_json_text(&json, "device", b->device);
    heed_cli_json_text(&json, "model", heed_cli_describe_model(&b->config, model, sizeof model));
    if (b->limits)
        json_machine(&json, &b->machine);
    if (b->training) {
        heed_cli_json_integer(&json, "batch_size", own->batch_size);
        heed_cli_json_text(&json, "training_precision", precisions[trained_precision(b, own)]);
        json_part(&json, "training", &b->trained);
    }
    if (b->decode) {
        heed_cli_json_integer(&json, "prompt_length", own->prompt_length);
        heed_cli_json_text(&json, "precision", precisions[own->precision]);
        heed_cli_json_integer(&json, "decoded_texts", texts_of(own));
        json_part(&json, "decode", &b->decoded);
    }
    heed_cli_json_close(&json, '}');
}

/* --- the command --- */

static heed_status choose_parts(bench_run *b, const char *what, heed_error *err)
{
    char shown[80];

    b->limits = what != NULL && strcmp(what, "limits") == 0;
    b->training = what == NULL || strcmp(what, "train") == 0;
    b->decode = what == NULL || strcmp(what, "decode") == 0;
    if (!b->limits && !b->training && !b->decode)
        return heed_cli_fail(
            err, HEED_ERR_USAGE,
            "bench: expected train, decode or limits, or attention before all options, got \"%s\"",
            heed_cli_quote(shown, sizeof shown, what));
    return HEED_OK;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    bench_options own = {.prompt_length = 16};
    bench_run b = {.config = heed_config_default()};
    heed_cli_options options = {
        .command = command, .texts = texts, .n_texts = 2, .structure = &own, .most_operands = 1};
    int n;
    const heed_field *config_fields = heed_config_fields(&n);
    heed_status status;

    if (argc > 0 && strcmp(argv[0], "attention") == 0) /* it has options of its own */
        return heed_cli_bench_attention.run(&heed_cli_bench_attention, argc - 1, argv + 1, err);
    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "Model", config_fields, n, &b.config, false);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = choose_parts(&b, options.operands[0], err);
    if (status == HEED_OK)
        status = heed_cli_configure(&options, own.preset, own.config, &b.config, NULL, err);
    if (status != HEED_OK)
        return status;
    choose_sizes(&own, &b.config);
    status = measure(&b, &own, err);
    if (status == HEED_OK && own.json)
        print_json(&b, &own);
    else if (status == HEED_OK)
        print_text(&b, &own);
    return status;
}

const heed_cli_command heed_cli_bench = {
    .name = "bench",
    .operands = "[train|decode|limits|attention]",
    .summary = "measure this machine, and heed as a share of it",
    .details =
        "Training steps and decoding of a model with random weights; without a word both. The limits of the\n"
        "machine are measured before and after each, and the better figure counts. Between decoded tokens all\n"
        "threads read as many bytes as a token must, and do nothing else: no decoding can take less time.\n"
        "attention has options of its own: heed bench attention --help\n",
    .examples = "  heed bench\n"
                "  heed bench limits --threads 1\n"
                "  heed bench train --preset gpt2 --batch-size 4 --context-length 256 --recompute blocks\n"
                "  heed bench train --preset gpt2 --precision bf16\n"
                "  heed bench decode --preset gpt2 --precision bf16 --json\n"
                "  heed bench decode --preset gpt2 --batch-size 8\n"
                "  heed bench attention --lengths 1024,4096\n",
    .run = run,
};
