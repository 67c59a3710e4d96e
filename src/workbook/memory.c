/* SPDX-License-Identifier: MIT */
/* I. Bytes: scores, logits, and what training keeps. */
#include <heed/accounting.h>
#include <math.h>

#include "workbook/counting.h"
#include "workbook/groups.h"

#define FLOAT_BYTES 4.0

static double bytes_of(heed_solving *s, const heed_shapes *all, const char *name)
{
    const heed_shapes_entry *e = heed_count_entry(s, all, name);

    return e != NULL ? (double)e->bytes : 0.0;
}

/* --- hard.h1.1a --- */

static double scores_bytes(heed_solving *s, int64_t batch, int64_t T, int64_t d, int64_t n_heads)
{
    const heed_config c = heed_count_m0(1, d, n_heads, T);
    heed_shapes *all = heed_count_shapes(s, &c, batch, T);
    const double bytes = bytes_of(s, all, "blocks.0.attn.scores");

    heed_shapes_destroy(all);
    return bytes;
}

static void size_of_scores(heed_solving *s)
{
    const int64_t batch = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH);
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS);
    const double one = scores_bytes(s, batch, T, d, 1);
    const double all = scores_bytes(s, batch, T, d, s->slip == HEED_SLIP_NO_HEADS ? 1 : H);

    heed_step(s, "one matrix a sequence: %lld * %lld * %lld = %s numbers", (long long)batch, (long long)T,
              (long long)T, heed_count_text(s, one / FLOAT_BYTES));
    heed_step(s, "4 bytes each: %s bytes = %.4g GB = %.4g GiB = %.4g MiB", heed_count_text(s, one), one / 1e9,
              one / 1073741824.0, one / 1048576.0);
    heed_step(s, "with n_heads = %lld matrices a sequence: %s numbers, %s bytes = %.4g MiB", (long long)H,
              heed_count_text(s, all / FLOAT_BYTES), heed_count_text(s, all), all / 1048576.0);
    heed_put_number(s, "numbers_one_head", one / FLOAT_BYTES);
    heed_put_number(s, "bytes_one_head", one);
    heed_put_number(s, "GB_one_head", one / 1e9);
    heed_put_number(s, "GiB_one_head", one / 1073741824.0);
    heed_put_number(s, "MiB_one_head", one / 1048576.0);
    heed_put_number(s, "numbers_all_heads", all / FLOAT_BYTES);
    heed_put_number(s, "bytes_all_heads", all);
    heed_put_number(s, "MiB_all_heads", all / 1048576.0);
}

static void vary_size_of_scores(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 5, INT64_C(1), INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
    heed_vary_pick_int(v, "seq_len", 4, INT64_C(64), INT64_C(128), INT64_C(512), INT64_C(1024));
    heed_vary_pick_int(v, "d_model", 3, INT64_C(128), INT64_C(256), INT64_C(512));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
}

/* --- hard.h1.4a --- */

typedef struct step_bytes {
    double scores, stream, logits;
} step_bytes;

static step_bytes bytes_at(heed_solving *s, const heed_config *c, int64_t batch, int64_t T)
{
    heed_shapes *all = heed_count_shapes(s, c, batch, T);
    const step_bytes b = {bytes_of(s, all, "blocks.0.attn.scores"), bytes_of(s, all, "blocks.0.resid_pre"),
                          bytes_of(s, all, "logits")};

    heed_shapes_destroy(all);
    heed_step(s, "seq_len %lld: scores %s, a tensor as wide as the model %s, logits %s bytes", (long long)T,
              heed_count_text(s, b.scores), heed_count_text(s, b.stream), heed_count_text(s, b.logits));
    return b;
}

static void shorter(heed_solving *s)
{
    const int64_t batch = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH);
    const int64_t H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS);
    const int64_t d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D);
    const int64_t V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V);
    const int64_t before = heed_take_int(s, "seq_before", 1, HEED_COUNT_MOST_T);
    const int64_t after = heed_take_int(s, "seq_after", 1, HEED_COUNT_MOST_T);
    const heed_config c = heed_count_m0(V, d, s->slip == HEED_SLIP_NO_HEADS ? 1 : H,
                                        before > after ? before : after);
    const step_bytes x = bytes_at(s, &c, batch, before), y = bytes_at(s, &c, batch, after);

    if (s->status != HEED_OK)
        return;
    heed_step(s, "scores shrink by %.4g, the square of %.4g; the others by %.4g", x.scores / y.scores,
              x.stream / y.stream, x.stream / y.stream);
    heed_step(s, "scores and logits together: %s / %s = %.5g", heed_count_text(s, x.scores + x.logits),
              heed_count_text(s, y.scores + y.logits), (x.scores + x.logits) / (y.scores + y.logits));
    heed_step(s, "the larger of the two are the %s: n_heads * seq_len = %s against vocab_size = %s",
              x.scores > x.logits ? "scores" : "logits", heed_count_text(s, (double)H * (double)before),
              heed_count_text(s, (double)V));
    heed_put_number(s, "scores_bytes_before", x.scores);
    heed_put_number(s, "scores_bytes_after", y.scores);
    heed_put_number(s, "scores_factor", x.scores / y.scores);
    heed_put_number(s, "stream_bytes_before", x.stream);
    heed_put_number(s, "stream_bytes_after", y.stream);
    heed_put_number(s, "logits_bytes_before", x.logits);
    heed_put_number(s, "logits_bytes_after", y.logits);
    heed_put_number(s, "linear_factor", x.logits / y.logits);
    heed_put_number(s, "scores_plus_logits_factor", (x.scores + x.logits) / (y.scores + y.logits));
}

static void vary_shorter(heed_varying *v)
{
    int64_t before;

    heed_vary_pick_int(v, "batch", 3, INT64_C(4), INT64_C(16), INT64_C(64));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_pick_int(v, "d_model", 2, INT64_C(128), INT64_C(256));
    heed_vary_pick_int(v, "vocab_size", 4, INT64_C(65), INT64_C(8000), INT64_C(50257), INT64_C(200019));
    before = heed_vary_pick_int(v, "seq_before", 4, INT64_C(128), INT64_C(256), INT64_C(512), INT64_C(1024));
    heed_vary_set_int(v, "seq_after", before / heed_vary_pick_int(v, "seq_after", 2, INT64_C(2), INT64_C(4)));
}

/* --- hard.h10.3a --- */

typedef struct kept_bytes {
    double weights, gradients, moments;
} kept_bytes;

/* What training with AdamW keeps for one parameter: counted on a model, whatever its size. */
static kept_bytes bytes_of_parameter(heed_solving *s)
{
    const heed_config c = heed_count_m0(1024, 64, 1, 64);
    heed_account_options options = heed_account_options_default();
    heed_account *account = NULL;
    heed_error err = {0};
    kept_bytes b = {0};

    options.batch_size = options.threads = 1;
    if (s->status == HEED_OK && heed_account_create(&c, &options, &account, &err) != HEED_OK)
        heed_solve_fail(s, HEED_ERR_INTERNAL, "%s", err.message);
    if (s->status == HEED_OK) {
        const heed_account_total *t = heed_account_totals(account);
        b = (kept_bytes){t->weights_bytes / t->n_parameters, t->gradients_bytes / t->n_parameters,
                         t->moments_bytes / t->n_parameters};
    }
    heed_account_destroy(account);
    return b;
}

static double logits_bytes(heed_solving *s, int64_t batch, int64_t T, int64_t V)
{
    const heed_config c = heed_count_m0(V, 1, 1, T);
    heed_shapes *all = heed_count_shapes(s, &c, batch, T);
    const double bytes = bytes_of(s, all, "logits");

    heed_shapes_destroy(all);
    return bytes;
}

static void what_is_left(heed_solving *s)
{
    const double params = (double)heed_take_int(s, "params", 1, INT64_C(1000000000000));
    const double used_GB = heed_take_number(s, "used_GB");
    const int64_t batch = heed_take_int(s, "batch", 1, HEED_COUNT_MOST_BATCH);
    const int64_t T = heed_take_int(s, "seq_len", 1, HEED_COUNT_MOST_T);
    const int64_t V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V);
    const kept_bytes each = bytes_of_parameter(s);
    const double weights = params * each.weights / 1e6, gradients = params * each.gradients / 1e6,
                 moments = params * each.moments / 1e6, kept = weights + gradients + moments;
    const double left = used_GB * 1000.0 - kept, logits = logits_bytes(s, batch, T, V) / 1e6;

    if (s->status == HEED_OK && !(used_GB > 0.0 && used_GB <= 1e9))
        heed_solve_fail(s, HEED_ERR_USAGE, "used_GB: expected a number above 0, got %g", used_GB);
    heed_step(s, "weights: %s * %g bytes = %.2f MB, gradients as much: %.2f MB", heed_count_text(s, params),
              each.weights, weights, gradients);
    heed_step(s, "Adam keeps two numbers for each weight, a mean and a mean of squares: %.2f MB", moments);
    heed_step(s, "together %.2f MB; of %g GB = %.0f MB there are %.2f MB left", kept, used_GB, used_GB * 1000.0,
              left);
    heed_step(s, "logits: %lld * %lld * %s * 4 bytes = %.2f MB: they %s", (long long)batch, (long long)T,
              heed_count_text(s, (double)V), logits, logits <= left ? "fit" : "do not fit");
    if (left > 0.0)
        heed_step(s, "what is left holds the logits of %.0f tokens at most, less with their gradient",
                  floor(left * 1e6 / (FLOAT_BYTES * (double)V)));
    heed_put_number(s, "weights_MB", weights);
    heed_put_number(s, "gradients_MB", gradients);
    heed_put_number(s, "adam_MB", moments);
    heed_put_number(s, "static_MB", kept);
    heed_put_number(s, "activations_by_subtraction_MB", left);
    heed_put_number(s, "logits_MB", logits);
    heed_put_bool(s, "fits", logits <= left);
}

static void vary_what_is_left(heed_varying *v)
{
    heed_vary_int(v, "params", 5000000, 300000000);
    heed_vary_int(v, "used_GB", 6, 24);
    heed_vary_pick_int(v, "batch", 4, INT64_C(1), INT64_C(4), INT64_C(8), INT64_C(16));
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(64), INT64_C(128), INT64_C(256));
    heed_vary_pick_int(v, "vocab_size", 4, INT64_C(65), INT64_C(8000), INT64_C(50257), INT64_C(200019));
}

#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }
#define ABOUT(name)                           \
    {                                         \
        name, HEED_ANSWER_NUMBER, HEED_R1, 0, \
    }

const heed_exercise heed_exercises_memory[] = {
    {.id = "hard.h1.1a",
     .seed = "001 H1.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"batch\": 32, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4}",
     .vary = vary_size_of_scores,
     .solve = size_of_scores,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {WHOLE("numbers_one_head"), WHOLE("bytes_one_head"), ABOUT("GB_one_head"), ABOUT("GiB_one_head"),
                ABOUT("MiB_one_head"), WHOLE("numbers_all_heads"), WHOLE("bytes_all_heads"),
                ABOUT("MiB_all_heads")},
     .demo = "D15"},
    {.id = "hard.h1.4a",
     .seed = "001 H1.4",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"batch\": 32, \"n_heads\": 4, \"d_model\": 256, \"vocab_size\": 200000, "
               "\"seq_before\": 256, \"seq_after\": 128}",
     .vary = vary_shorter,
     .solve = shorter,
     .slips = HEED_SLIP(HEED_SLIP_NO_HEADS),
     .fields = {WHOLE("scores_bytes_before"), WHOLE("scores_bytes_after"), ABOUT("scores_factor"),
                WHOLE("stream_bytes_before"), WHOLE("stream_bytes_after"), WHOLE("logits_bytes_before"),
                WHOLE("logits_bytes_after"), ABOUT("linear_factor"), ABOUT("scores_plus_logits_factor")},
     .demo = "D15"},
    {.id = "hard.h10.3a",
     .seed = "001 H10.3",
     .kind = HEED_EXERCISE_NUMBER,
     .params = "{\"params\": 102738432, \"used_GB\": 3.0, \"batch\": 32, \"seq_len\": 256, "
               "\"vocab_size\": 200019}",
     .vary = vary_what_is_left,
     .solve = what_is_left,
     .fields = {ABOUT("weights_MB"),
                ABOUT("gradients_MB"),
                ABOUT("adam_MB"),
                ABOUT("static_MB"),
                ABOUT("activations_by_subtraction_MB"),
                ABOUT("logits_MB"),
                {"fits", HEED_ANSWER_TRUTH, HEED_EXACT, 0}},
     .demo = "D15"},
    {.id = NULL},
};
