/* SPDX-License-Identifier: MIT */
/* Attention by itself, measured: over lengths, beside the text book; then under masks, and while decoding. */
#include <heed/bench.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "measure/attention_bench.h"
#include "measure/measure.h"
#include "measure/yardstick.h"

typedef struct bench {
    const heed_bench_attention_options *options;
    heed_device device;
    heed_yardstick f32_product, bf16_product;
} bench;

/* --- one length --- */

static heed_bench_pass pass_of(const heed_attention_case *c, heed_attention_turns *t, int pass, double peak)
{
    heed_bench_pass out = {
        .time = heed_measure_of(t->seconds[pass], t->n), .flops = c->flops[pass], .bytes = c->pass_bytes[pass]};

    out.peak_share = out.flops / out.time.median / peak;
    return out;
}

static double run_product(void *product)
{
    return heed_yardstick_run(product);
}

/* Runs the forward pass, both passes and the product in turns. */
static void take_turns(const heed_bench_attention_options *o, heed_attention_case *c, heed_yardstick *product,
                       heed_attention_turns *t)
{
    const double begin = heed_clock_s();

    for (t->n = 0; heed_attention_go_on(o, t->n, begin); t->n++) {
        for (int pass = 0; pass < HEED_ATTENTION_PASSES; pass++)
            t->seconds[pass][t->n] = heed_attention_pass_turn(c, pass);
        t->peaks[t->n] = HEED_YARDSTICK_FLOPS / heed_attention_turn(run_product, product);
    }
}

/*
 * Measures the tiled form, or the plain one. A plain one that does not fit into memory is left out: its times stay
 * empty.
 */
static heed_status measure_form(bench *b, const heed_attention_shape *shape, heed_bench_pass *forward,
                                heed_bench_pass *both, double *peak, heed_error *err)
{
    heed_yardstick *product = shape->bf16 ? &b->bf16_product : &b->f32_product;
    heed_attention_arrays arrays = {0};
    heed_attention_case c = {0};
    heed_attention_turns *t = malloc(sizeof *t);
    void *block = NULL;
    size_t bytes = 0;
    heed_status status = heed_attention_arrays_create(&arrays, shape, err);

    if (status == HEED_OK && t == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the times of %d turns",
                           HEED_ATTENTION_MOST_TURNS);
    if (status == HEED_OK)
        status = heed_attention_case_plan(&c, shape, &arrays, &b->device, err);
    if (status == HEED_OK && !(shape->plain && c.bytes > heed_memory_available() / 2)) {
        status = heed_attention_place_all(&c, 1, &block, &bytes, err);
        if (status == HEED_OK) {
            heed_attention_case_run(&c, HEED_ATTENTION_BOTH); /* touches the memory */
            take_turns(b->options, &c, product, t);
            *peak = heed_measure_of(t->peaks, t->n).median;
            *forward = pass_of(&c, t, HEED_ATTENTION_FORWARD, *peak);
            *both = pass_of(&c, t, HEED_ATTENTION_BOTH, *peak);
        }
    }
    heed_attention_case_destroy(&c);
    heed_attention_arrays_destroy(&arrays);
    heed_memory_release(block, bytes);
    free(t);
    return status;
}

static heed_status measure_length(bench *b, int64_t length, heed_bench_attention_row *row, heed_error *err)
{
    const heed_bench_attention_options *o = b->options;
    heed_attention_shape shape = {.n_heads = o->n_heads,
                                  .n_query = length,
                                  .n_key = length,
                                  .head_dim = o->head_dim,
                                  .bf16 = o->bf16,
                                  .backward = true,
                                  .rows = o->rows,
                                  .mask = {.causal = true, .window = o->window}};
    double plain_peak;
    heed_status status;

    *row = (heed_bench_attention_row){.length = length};
    heed_attention_report(o, "attention", length);
    status = measure_form(b, &shape, &row->forward, &row->both, &row->peak_flops, err);
    if (status == HEED_OK && o->plain) {
        heed_attention_report(o, "the text book", length);
        shape.plain = true;
        shape.bf16 = false;
        shape.rows = false;
        status = measure_form(b, &shape, &row->plain_forward, &row->plain_both, &plain_peak, err);
    }
    return status;
}

/* --- growth --- */

/* The slope of the line through (log x_i, log y_i) by least squares; NaN below two points. */
static double slope(const double *x, const double *y, int n)
{
    double mean_x = 0.0, mean_y = 0.0, xy = 0.0, xx = 0.0;

    for (int i = 0; i < n; i++) {
        mean_x += log(x[i]) / n;
        mean_y += log(y[i]) / n;
    }
    for (int i = 0; i < n; i++) {
        xy += (log(x[i]) - mean_x) * (log(y[i]) - mean_y);
        xx += (log(x[i]) - mean_x) * (log(x[i]) - mean_x);
    }
    return xx > 0.0 ? xy / xx : (double)NAN;
}

static heed_bench_growth growth_of(const heed_bench_attention_result *r, bool plain)
{
    double length[HEED_BENCH_LENGTHS], forward[HEED_BENCH_LENGTHS], both[HEED_BENCH_LENGTHS],
        bytes[HEED_BENCH_LENGTHS];
    int n = 0;

    for (int i = 0; i < r->n_rows; i++) {
        const heed_bench_attention_row *row = &r->rows[i];
        const heed_bench_pass *f = plain ? &row->plain_forward : &row->forward;
        const heed_bench_pass *b = plain ? &row->plain_both : &row->both;
        if (b->time.n == 0)
            continue;
        length[n] = (double)row->length;
        forward[n] = f->time.median;
        both[n] = b->time.median;
        bytes[n++] = b->bytes;
    }
    return (heed_bench_growth){slope(length, forward, n), slope(length, both, n), slope(length, bytes, n)};
}

/* --- all of it --- */

static heed_status check(const heed_bench_attention_options *o, heed_error *err)
{
    if (o->n_heads < 1 || o->n_heads > 1024 || o->head_dim < 1 || o->head_dim > 1024)
        return heed_fail(err, HEED_ERR_USAGE, "expected 1 to 1024 heads of 1 to 1024, got %lld of %lld",
                         (long long)o->n_heads, (long long)o->head_dim);
    if (o->n_lengths < 1 || o->n_lengths > HEED_BENCH_LENGTHS)
        return heed_fail(err, HEED_ERR_USAGE, "expected 1 to %d lengths, got %d", HEED_BENCH_LENGTHS,
                         o->n_lengths);
    for (int i = 0; i < o->n_lengths; i++) {
        if (o->lengths[i] < 1 || o->lengths[i] > 1 << 24)
            return heed_fail(err, HEED_ERR_USAGE, "length: expected 1 to %d, got %lld", 1 << 24,
                             (long long)o->lengths[i]);
    }
    if (o->window < 0)
        return heed_fail(err, HEED_ERR_USAGE, "window: expected 0 or more, got %lld", (long long)o->window);
    return HEED_OK;
}

static heed_status open_bench(bench *b, heed_error *err)
{
    const heed_bench_attention_options *o = b->options;
    heed_status status = heed_device_open(&b->device, NULL, o->threads, err);

    if (status == HEED_OK && o->bf16)
        status = heed_yardstick_open(&b->bf16_product, o->threads, true, err);
    if (status == HEED_OK && (!o->bf16 || o->plain))
        status = heed_yardstick_open(&b->f32_product, o->threads, false, err);
    return status;
}

heed_status heed_bench_attention(const heed_bench_attention_options *o, heed_bench_attention_result *out,
                                 heed_error *err)
{
    bench b = {.options = o};
    heed_status status = check(o, err);

    *out = (heed_bench_attention_result){0};
    if (status == HEED_OK)
        status = open_bench(&b, err);
    for (int i = 0; i < o->n_lengths && status == HEED_OK; i++) {
        status = measure_length(&b, o->lengths[i], &out->rows[i], err);
        out->n_rows = i + 1;
    }
    if (status == HEED_OK) {
        out->growth = growth_of(out, false);
        out->plain_growth = growth_of(out, true);
    }
    if (status == HEED_OK && o->masks)
        status = heed_attention_masks_measure(o, &b.device, out, err);
    if (status == HEED_OK && o->decode)
        status = heed_attention_decode_measure(o, &b.device, out, err);
    out->peak_bytes = (double)heed_memory_peak();
    heed_yardstick_close(&b.bf16_product);
    heed_yardstick_close(&b.f32_product);
    heed_device_close(&b.device);
    return status;
}
