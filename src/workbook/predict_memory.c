/* SPDX-License-Identifier: MIT */
/* I, G. What takes memory and what saves it: predictions that counts and measurements judge (D15, D39). */
#include "workbook/groups.h"

static double megabytes(double bytes)
{
    return bytes / 1e6;
}

/* --- hard.h1.1b --- */

static void largest_tensor(heed_solving *s, const heed_demo_result *r)
{
    static const char *const names[] = {"logits", "scores", "stream", "table"};
    const double bytes[] = {heed_take_figure(s, r, "logits_bytes"), heed_take_figure(s, r, "scores_bytes"),
                            heed_take_figure(s, r, "stream_bytes"), heed_take_figure(s, r, "table_bytes")};
    int best = 0;

    for (int i = 1; i < 4; i++)
        best = bytes[i] > bytes[best] ? i : best;
    heed_put_text(s, "prediction", names[best]);
    heed_step(s, "logits %.4g MB, scores of all heads %.4g MB", megabytes(bytes[0]), megabytes(bytes[1]));
    heed_step(s, "a tensor as wide as the model %.4g MB, the token table %.4g MB", megabytes(bytes[2]),
              megabytes(bytes[3]));
    heed_step(s, "of the whole step the logits and their gradient are %.1f %%",
              100.0 * heed_take_figure(s, r, "logits_share"));
}

static void vary_largest(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 5, INT64_C(1), INT64_C(4), INT64_C(8), INT64_C(16), INT64_C(64));
    heed_vary_pick_int(v, "seq_len", 4, INT64_C(64), INT64_C(128), INT64_C(512), INT64_C(1024));
    heed_vary_pick_int(v, "d_model", 3, INT64_C(128), INT64_C(256), INT64_C(512));
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_pick_int(v, "vocab_size", 4, INT64_C(65), INT64_C(8000), INT64_C(50257), INT64_C(200000));
}

/* --- hard.h1.4b --- */

static void crossing(heed_solving *s, const heed_demo_result *r)
{
    const double T = heed_take_figure(s, r, "crossing_length"),
                 heads = (double)heed_take_int(s, "n_heads", 1, INT64_MAX),
                 V = (double)heed_take_int(s, "vocab_size", 1, INT64_MAX);

    heed_put_number(s, "length", T);
    heed_step(s, "one sequence has n_heads T^2 scores in a layer and T V logits");
    heed_step(s, "%g T^2 > %g T where T > %g / %g = %.6g", heads, V, V, heads, V / heads);
    if (T > 0.0)
        heed_step(s, "counted on the graph of the pass: %g tokens are the first at which scores are larger", T);
}

static void vary_crossing(heed_varying *v)
{
    heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_pick_int(v, "vocab_size", 4, INT64_C(65), INT64_C(8000), INT64_C(50257), INT64_C(200000));
}

/* --- hard.h10.3b --- */

static void best_measure(heed_solving *s, const heed_demo_result *r)
{
    static const struct {
        const char *key, *figure, *words;
    } measures[] = {
        {"micro_batches", "micro_bytes", "micro-batches of one sequence"},
        {"tiles", "chunked_bytes", "the loss in tiles"},
        {"recompute", "recompute_bytes", "activations made again"},
        {"bf16", "bf16_bytes", "activations in bf16"},
        {"vocabulary", "vocabulary_bytes", "the smaller vocabulary"},
    };
    const double before = heed_take_figure(s, r, "step_bytes");
    double least = 0.0;
    int best = 0;

    heed_step(s, "the step as it is: %.4g MB", megabytes(before));
    for (int i = 0; i < 5; i++) {
        const double bytes = heed_take_figure(s, r, measures[i].figure);

        heed_step(s, "with %s: %.4g MB, %.1f %% of it", measures[i].words, megabytes(bytes),
                  100.0 * bytes / before);
        if (i == 0 || bytes < least) {
            least = bytes;
            best = i;
        }
    }
    heed_put_text(s, "prediction", measures[best].key);
    heed_put_bool(s, "bf16_saves", heed_take_figure(s, r, "bf16_bytes") < before);
}

static void vary_measures(heed_varying *v)
{
    heed_vary_pick_int(v, "batch", 4, INT64_C(1), INT64_C(4), INT64_C(8), INT64_C(16));
    heed_vary_pick_int(v, "seq_len", 3, INT64_C(64), INT64_C(128), INT64_C(256));
    heed_vary_pick_int(v, "vocab_size", 3, INT64_C(20000), INT64_C(50257), INT64_C(200000));
    heed_vary_pick_int(v, "small_vocab_size", 3, INT64_C(256), INT64_C(1000), INT64_C(8000));
}

/* --- hard.h1.5b --- */

static void asked(heed_solving *s, const heed_demo_result *r)
{
    const double first = heed_take_figure(s, r, "forward_first"),
                 later = heed_take_figure(s, r, "forward_each"), anew = heed_take_figure(s, r, "anew_each");

    heed_put_number(s, "later", later);
    heed_put_number(s, "anew", anew);
    heed_step(s, "the first forward pass asks for memory %g times: for its graph and for its arena", first);
    heed_step(s, "each later one: %g times", later);
    heed_step(s, "a pass that makes a list of its %g bytes of indices: %g times, every time",
              heed_take_figure(s, r, "index_bytes"), anew);
}

#define PREDICTION                                 \
    {                                              \
        "prediction", HEED_ANSWER_TEXT, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_memory[] = {
    {.id = "hard.h1.1b",
     .seed = "001 H1.1",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"batch\": 32, \"seq_len\": 256, \"d_model\": 256, \"n_heads\": 4, \"vocab_size\": 200000}",
     .vary = vary_largest,
     .demo = "D15",
     .outcome = largest_tensor,
     .fields = {PREDICTION, HEED_OWN_WORDS}},
    {.id = "hard.h1.4b",
     .seed = "001 H1.4",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"n_heads\": 4, \"vocab_size\": 200000}",
     .vary = vary_crossing,
     .demo = "D15",
     .outcome = crossing,
     .fields = {{"length", HEED_ANSWER_NUMBER, HEED_ABS_OR_R1(2.0)}, HEED_OWN_WORDS}},
    {.id = "hard.h10.3b",
     .seed = "001 H10.3",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"batch\": 32, \"seq_len\": 256, \"vocab_size\": 200000, \"small_vocab_size\": 8000}",
     .vary = vary_measures,
     .demo = "D15",
     .outcome = best_measure,
     .fields = {PREDICTION, {"bf16_saves", HEED_ANSWER_TRUTH, HEED_EXACT}, HEED_OWN_WORDS}},
    {.id = "hard.h1.5b",
     .seed = "001 H1.5",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D39",
     .outcome = asked,
     .fields = {{"later", HEED_ANSWER_NUMBER, HEED_EXACT},
                {"anew", HEED_ANSWER_NUMBER, HEED_EXACT},
                HEED_OWN_WORDS}},
    {.id = NULL},
};
