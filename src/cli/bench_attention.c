/* SPDX-License-Identifier: MIT */
/* heed bench attention: attention by itself, as a share of what this machine can do. */
#include <heed/bench.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench_attention.h"
#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/output.h"

typedef struct attention_options {
    const char *lengths;
    int64_t n_heads, head_dim, window, threads;
    double seconds;
    int dtype, layout;
    bool plain, masks, decode, json;
} attention_options;

#define AT(member) offsetof(attention_options, member)

static const heed_cli_text texts[] = {
    {"lengths", "LIST", "numbers of tokens, apart by commas [256,1024,4096]", AT(lengths)},
};

static const char *const dtypes[] = {"f32", "bf16", NULL};
static const char *const layouts[] = {"heads", "rows", NULL};

static const heed_field fields[] = {
    {"n_heads", "heads", HEED_FIELD_INTEGER, AT(n_heads), 1, 1024, NULL},
    {"head_dim", "numbers in a head's query, key and value", HEED_FIELD_INTEGER, AT(head_dim), 1, 1024, NULL},
    {"dtype", "of q, k and v; sums are f32", HEED_FIELD_CHOICE, AT(dtype), 0, 0, dtypes},
    {"layout", "of the lengths' q, k and v: each head by itself, or columns of one row a token as in models",
     HEED_FIELD_CHOICE, AT(layout), 0, 0, layouts},
    {"window", "keys that a token sees, itself included; 0: all before it", HEED_FIELD_INTEGER, AT(window), 0,
     1e7, NULL},
    {"seconds", "for each length, each form and for the masks", HEED_FIELD_NUMBER, AT(seconds), 0.001, 3600,
     NULL},
    {"threads", "0: one a processor", HEED_FIELD_INTEGER, AT(threads), 0, 1024, NULL},
};

static const heed_field flags[] = {
    {"plain", "time the text book too (scores, softmax, product; f32), where its memory is to be had",
     HEED_FIELD_BOOLEAN, AT(plain), 0, 0, NULL},
    {"masks", "what masks save", HEED_FIELD_BOOLEAN, AT(masks), 0, 0, NULL},
    {"decode", "one query over 8192 cached keys", HEED_FIELD_BOOLEAN, AT(decode), 0, 0, NULL},
    {"json", "print one JSON object", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- as text --- */

static void print_pass(int64_t length, const char *what, const heed_bench_pass *p)
{
    char bytes[32];

    if (p->time.n == 0)
        return;
    printf("  %8lld  %-27s %10.3f %10.3f %10.3f %9.1f %6.1f %% %11s\n", (long long)length, what,
           1e3 * p->time.median, 1e3 * p->time.least, 1e3 * p->time.most, p->flops / p->time.median / 1e9,
           100.0 * p->peak_share, heed_cli_bytes(bytes, p->bytes));
}

static void print_growth(const char *what, const heed_bench_growth *g)
{
    if (!isnan(g->both))
        printf(
            "  %s grows with the length to the power of: forward %.2f, forward + backward %.2f, memory %.2f\n",
            what, g->forward, g->both, g->bytes);
}

static void print_lengths(const attention_options *own, const heed_bench_attention_result *r)
{
    char least[32], most[32];
    double low = INFINITY, high = 0.0, share = 0.0;

    printf("\nattention, %lld heads of %lld, %s, causal", (long long)own->n_heads, (long long)own->head_dim,
           dtypes[own->dtype]);
    if (own->layout == 1)
        printf(", q, k and v in one row a token");
    if (own->window > 0)
        printf(", window of %lld", (long long)own->window);
    printf("\n  %8s  %-27s %10s %10s %10s %9s %8s %11s\n", "length", "", "ms", "from", "to", "GFLOP/s",
           "of peak", "memory");
    for (int i = 0; i < r->n_rows; i++) {
        const heed_bench_attention_row *row = &r->rows[i];
        print_pass(row->length, "forward", &row->forward);
        print_pass(row->length, "forward + backward", &row->both);
        print_pass(row->length, "text book, forward", &row->plain_forward);
        print_pass(row->length, "text book, forward + backw.", &row->plain_both);
        if (own->plain && row->plain_both.time.n == 0)
            printf("  %8lld  %-27s %10s\n", (long long)row->length, "text book", "no memory");
        low = fmin(low, row->peak_flops);
        high = fmax(high, row->peak_flops);
        share = fmax(share, fmax(row->forward.peak_share, row->both.peak_share));
    }
    print_growth("time", &r->growth);
    print_growth("the text book's", &r->plain_growth);
    printf("  peak: a matrix product in %s, in turns with it, %sFLOP/s to %sFLOP/s; pairs that see each other "
           "count\n",
           dtypes[own->dtype], heed_cli_scaled(least, low), heed_cli_scaled(most, high));
    if (share > 1.0)
        printf("  above 100 %%: others use this machine too, and slowed the product more\n");
}

static void print_masks(const heed_bench_attention_result *r)
{
    printf("\nwhat a mask saves, length %lld, as a share of no mask\n  %-30s %8s %10s %20s\n",
           (long long)r->mask_length, "", "pairs", "forward", "forward + backward");
    for (int i = 0; i < r->n_masks; i++)
        printf("  %-30s %6.1f %% %8.1f %% %18.1f %%\n", r->masks[i].mask, 100.0 * r->masks[i].pairs,
               100.0 * r->masks[i].forward, 100.0 * r->masks[i].both);
}

static void print_decode(const heed_bench_attention_result *r)
{
    char own[32], alone[32], bytes[32];

    printf("\ndecoding, one query over %d cached keys (%s)\n", HEED_BENCH_CACHED_KEYS,
           heed_cli_bytes(bytes, r->decode_bytes));
    printf("  query                %.3f ms, from %.3f to %.3f over %d\n", 1e3 * r->decode.median,
           1e3 * r->decode.least, 1e3 * r->decode.most, r->decode.n);
    printf("  reading              %s/s, %.1f %% of the %s/s that reading alone reached in turns with it\n",
           heed_cli_bytes(own, r->decode_bytes / r->decode.median),
           100.0 * r->reading.median / r->decode.median,
           heed_cli_bytes(alone, r->decode_bytes / r->reading.median));
}

static void print_text(const attention_options *own, const heed_bench_attention_result *r,
                       const char *processor, const char *device)
{
    char shown[160], bytes[32];

    printf("%s\n%s\n", heed_cli_quote(shown, sizeof shown, processor), device);
    print_lengths(own, r);
    if (r->n_masks > 0)
        print_masks(r);
    if (r->decode_bytes > 0.0)
        print_decode(r);
    printf("\nthe process held %s at most\n", heed_cli_bytes(bytes, r->peak_bytes));
}

/* --- as JSON --- */

static void json_time(heed_cli_json *json, const heed_measure *m)
{
    heed_cli_json_number(json, "median_s", m->median);
    heed_cli_json_number(json, "least_s", m->least);
    heed_cli_json_number(json, "most_s", m->most);
    heed_cli_json_integer(json, "runs", m->n);
}

static void json_pass(heed_cli_json *json, const char *key, const heed_bench_pass *p)
{
    if (p->time.n == 0)
        return;
    heed_cli_json_open(json, key, '{');
    json_time(json, &p->time);
    heed_cli_json_number(json, "flops", p->flops);
    heed_cli_json_number(json, "flops_per_s", p->flops / p->time.median);
    heed_cli_json_number(json, "peak_share", p->peak_share);
    heed_cli_json_number(json, "bytes", p->bytes);
    heed_cli_json_close(json, '}');
}

static void json_growth(heed_cli_json *json, const char *key, const heed_bench_growth *g)
{
    if (isnan(g->both))
        return;
    heed_cli_json_open(json, key, '{');
    heed_cli_json_number(json, "forward", g->forward);
    heed_cli_json_number(json, "forward_backward", g->both);
    heed_cli_json_number(json, "bytes", g->bytes);
    heed_cli_json_close(json, '}');
}

static void json_lengths(heed_cli_json *json, const heed_bench_attention_result *r)
{
    heed_cli_json_open(json, "lengths", '[');
    for (int i = 0; i < r->n_rows; i++) {
        const heed_bench_attention_row *row = &r->rows[i];
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_integer(json, "length", row->length);
        heed_cli_json_number(json, "peak_flops_per_s", row->peak_flops);
        json_pass(json, "forward", &row->forward);
        json_pass(json, "forward_backward", &row->both);
        json_pass(json, "plain_forward", &row->plain_forward);
        json_pass(json, "plain_forward_backward", &row->plain_both);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    json_growth(json, "growth", &r->growth);
    json_growth(json, "plain_growth", &r->plain_growth);
}

static void json_masks(heed_cli_json *json, const heed_bench_attention_result *r)
{
    heed_cli_json_integer(json, "mask_length", r->mask_length);
    heed_cli_json_open(json, "masks", '[');
    for (int i = 0; i < r->n_masks; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "mask", r->masks[i].mask);
        heed_cli_json_number(json, "pairs_share", r->masks[i].pairs);
        heed_cli_json_number(json, "forward_share", r->masks[i].forward);
        heed_cli_json_number(json, "forward_backward_share", r->masks[i].both);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static void json_decode(heed_cli_json *json, const heed_bench_attention_result *r)
{
    heed_cli_json_open(json, "decode", '{');
    heed_cli_json_integer(json, "cached_keys", HEED_BENCH_CACHED_KEYS);
    json_time(json, &r->decode);
    heed_cli_json_number(json, "bytes", r->decode_bytes);
    heed_cli_json_number(json, "read_bytes_per_s", r->decode_bytes / r->decode.median);
    heed_cli_json_number(json, "reading_alone_bytes_per_s", r->decode_bytes / r->reading.median);
    heed_cli_json_number(json, "bandwidth_share", r->reading.median / r->decode.median);
    heed_cli_json_close(json, '}');
}

static void print_json(const attention_options *own, const heed_bench_attention_result *r,
                       const char *processor, const char *device)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "version", heed_version());
    heed_cli_json_text(&json, "processor", processor);
    heed_cli_json_text(&json, "device", device);
    heed_cli_json_integer(&json, "n_heads", own->n_heads);
    heed_cli_json_integer(&json, "head_dim", own->head_dim);
    heed_cli_json_text(&json, "dtype", dtypes[own->dtype]);
    heed_cli_json_text(&json, "layout", layouts[own->layout]);
    heed_cli_json_integer(&json, "window", own->window);
    json_lengths(&json, r);
    if (r->n_masks > 0)
        json_masks(&json, r);
    if (r->decode_bytes > 0.0)
        json_decode(&json, r);
    heed_cli_json_number(&json, "peak_bytes", r->peak_bytes);
    heed_cli_json_close(&json, '}');
}

/* --- the command --- */

static heed_status read_lengths(const char *text, int64_t *lengths, int *n, heed_error *err)
{
    char shown[80];
    const char *c = text;

    for (*n = 0; *n < HEED_BENCH_LENGTHS; c++) {
        char *end;
        const long long length = strtoll(c, &end, 10);

        if (end == c || length < 1 || length > 1 << 24 || (*end != ',' && *end != '\0'))
            break;
        lengths[(*n)++] = length;
        c = end;
        if (*c == '\0')
            return HEED_OK;
    }
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "lengths: expected 1 to %d numbers from 1 to %d, apart by commas, got \"%s\"",
                         HEED_BENCH_LENGTHS, 1 << 24, heed_cli_quote(shown, sizeof shown, text));
}

static void show_doing(void *context, const char *doing)
{
    (void)context;
    fprintf(stderr, "\r\033[Kmeasuring: %s", doing);
    fflush(stderr);
}

static heed_status measure(const attention_options *own, heed_bench_attention_result *result, heed_error *err)
{
    const bool live = heed_cli_is_terminal(stderr);
    int64_t lengths[HEED_BENCH_LENGTHS];
    heed_bench_attention_options o = {.n_heads = own->n_heads,
                                      .head_dim = own->head_dim,
                                      .lengths = lengths,
                                      .window = own->window,
                                      .bf16 = own->dtype == 1,
                                      .rows = own->layout == 1,
                                      .plain = own->plain,
                                      .masks = own->masks,
                                      .decode = own->decode,
                                      .seconds = own->seconds,
                                      .threads = (int)own->threads,
                                      .report = live ? show_doing : NULL};
    heed_status status = read_lengths(own->lengths, lengths, &o.n_lengths, err);

    if (status == HEED_OK)
        status = heed_bench_attention(&o, result, err);
    if (live)
        fputs("\r\033[K", stderr);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    attention_options own = {.lengths = "256,1024,4096",
                             .n_heads = 12,
                             .head_dim = 64,
                             .seconds = 2.0,
                             .masks = true,
                             .decode = true};
    heed_cli_options options = {.command = command, .texts = texts, .n_texts = 1, .structure = &own};
    char device[128], processor[128];
    heed_bench_attention_result *result = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "What is measured, and how it is shown", flags,
                       (int)(sizeof flags / sizeof flags[0]), &own, false);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK && (result = malloc(sizeof *result)) == NULL)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the results");
    if (status == HEED_OK)
        status = heed_machine_describe((int)own.threads, device, sizeof device, processor, err);
    if (status == HEED_OK)
        status = measure(&own, result, err);
    if (status == HEED_OK && own.json)
        print_json(&own, result, processor, device);
    else if (status == HEED_OK)
        print_text(&own, result, processor, device);
    free(result);
    return status;
}

const heed_cli_command heed_cli_bench_attention = {
    .name = "bench attention",
    .operands = "",
    .summary = "measure attention by itself, as a share of this machine's matrix products",
    .details =
        "Causal attention without stored scores, forward and with its gradients, on random numbers. Pairs of\n"
        "tokens that see each other are counted, and no others. Whatever is compared runs in turns.\n",
    .examples = "  heed bench attention\n"
                "  heed bench attention --plain --no-masks --no-decode\n"
                "  heed bench attention --n-heads 1 --lengths 65536 --no-masks --no-decode\n"
                "  heed bench attention --dtype bf16 --lengths 1024,4096 --json\n",
    .run = run,
};
