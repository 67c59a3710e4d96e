/* SPDX-License-Identifier: MIT */
/* H, O. From a text to its first models: predictions that experiments judge. */
#include <math.h>
#include <string.h>

#include "workbook/groups.h"

/* --- pp.q22b --- */

static void not_shifted(heed_solving *s, const heed_demo_result *r)
{
    const double own = heed_take_figure(s, r, "loss_own"), next = heed_take_figure(s, r, "loss_shifted"),
                 asked = heed_take_figure(s, r, "next_own"), uniform = heed_take_figure(s, r, "uniform");

    heed_put_text(s, "prediction",
                  own < 0.1          ? "zero"
                  : own < next - 0.1 ? "lower"
                  : own > next + 0.1 ? "higher"
                                     : "same");
    heed_put_bool(s, "useful", asked < uniform);
    heed_step(s,
              "validation loss of its own targets: %.3f nats; of a model whose targets are shifted by 1: %.3f",
              own, next);
    heed_step(s, "asked for the next character it has a loss of %.2f nats; a guess without knowledge has %.2f",
              asked, uniform);
    heed_step(
        s, "the model that is not shifted repeats its last character at %.0f %% of the places that it writes",
        100.0 * heed_take_figure(s, r, "repeats_not_shifted"));
}

static void vary_shift(heed_varying *v)
{
    heed_vary_pick_int(v, "shift", 4, INT64_C(0), INT64_C(2), INT64_C(3), INT64_C(4));
}

/* --- a12.k01 --- */

static void token_counts(heed_solving *s, const heed_demo_result *r)
{
    const double c = heed_take_figure(s, r, "characters"), w = heed_take_figure(s, r, "words"),
                 b = heed_take_figure(s, r, "bpe");

    heed_put_text(s, "order",
                  c == w || c == b || w == b ? "equal"
                  : c > b && b > w           ? "c_b_w"
                  : c > w && w > b           ? "c_w_b"
                  : b > c && c > w           ? "b_c_w"
                  : b > w && w > c           ? "b_w_c"
                  : w > c && c > b           ? "w_c_b"
                                             : "w_b_c");
    heed_put_number(s, "characters_per_token", heed_take_figure(s, r, "characters_per_bpe"));
    heed_step(s, "%.0f characters, %.0f byte pair tokens, %.0f words and signs (white space not counted)", c, b,
              w);
    heed_step(s, "their vocabularies: %.0f, %.0f and %.0f", heed_take_figure(s, r, "vocab_characters"),
              heed_take_figure(s, r, "vocab_bpe"), heed_take_figure(s, r, "vocab_words"));
    heed_step(s, "a byte pair token has %.2f characters on average",
              heed_take_figure(s, r, "characters_per_bpe"));
}

static void vary_vocabulary(heed_varying *v)
{
    heed_vary_pick_int(v, "vocab_size", 4, INT64_C(384), INT64_C(512), INT64_C(2048), INT64_C(4096));
}

/* --- a12.k04 --- */

#define APART 1e-3 /* of the vectors' length, as in E07's rule */

static void two_contexts(heed_solving *s, const heed_demo_result *r)
{
    const double before = heed_take_figure(s, r, "before"), first = heed_take_figure(s, r, "first_attention"),
                 block = heed_take_figure(s, r, "first_block"), last = heed_take_figure(s, r, "last_block");

    heed_put_text(s, "where",
                  before > APART  ? "embedding"
                  : first > APART ? "attention"
                  : block > APART ? "feed_forward"
                  : last > APART  ? "later"
                                  : "never");
    heed_put_bool(s, "farther", last > first);
    heed_step(s, "distance of the two vectors over their length, before any attention: %.2g", before);
    heed_step(
        s,
        "after the attention of the first block %.3f, after all of the block %.3f, after the last block %.3f",
        first, block, last);
}

/* Texts of equal length that end with one letter. */
static void vary_texts(heed_varying *v)
{
    static const char *const pairs[][2] = {{"The fox sat by the river", "An old owl found a lever"},
                                           {"It was cold in the barn", "They went to the garden"},
                                           {"A mouse ran up the clock", "We put it in a red truck"}};
    const int64_t i = heed_draw_int(v, 0, 2);

    heed_vary_set_text(v, "first", pairs[i][0]);
    heed_vary_set_text(v, "second", pairs[i][1]);
}

/* --- a12.k07 --- */

static void review(heed_solving *s)
{
    static const char *const ideas[][2] = {
        {"lookup", "looking a row up in a table: a12.n05, pp.q23"},
        {"linear", "a linear map, a product with a matrix and a bias: pp.q25, a12.n16"},
        {"softmax", "softmax, numbers that become probabilities: a12.k06, pp.q08"},
        {"cross_entropy",
         "cross-entropy, minus the logarithm of the right one's probability: pp.q31a, a12.n05"},
        {"descent", "gradient descent, a step against the gradient: a12.n09"}};
    json_t *all = json_array();

    for (size_t i = 0; i < sizeof ideas / sizeof ideas[0]; i++) {
        json_array_append_new(all, json_string(ideas[i][0]));
        heed_step(s, "%s", ideas[i][1]);
    }
    heed_put_json(s, "ideas", all);
    heed_put_text(s, "words", "");
}

/* --- a12.k08 --- */

static void place_in_input(heed_solving *s, const heed_demo_result *r)
{
    const double plain = heed_take_figure(s, r, "input_plain"), placed = heed_take_figure(s, r, "input_placed");

    heed_put_text(s, "prediction", plain > 1e-5 ? "always" : placed > 1e-5 ? "if_added" : "never");
    heed_step(s,
              "one token at two places: its input vectors differ by %.2g without positions, by %.3g with them",
              plain, placed);
    heed_step(s, "what attention makes of them differs by %.2g and by %.3g",
              heed_take_figure(s, r, "output_plain"), heed_take_figure(s, r, "output_placed"));
}

/* --- a12.n11 --- */

static void random_vectors(heed_solving *s, const heed_demo_result *r)
{
    const bool same_shape = heed_take_figure(s, r, "same_shape") != 0.0,
               mean = heed_take_figure(s, r, "mean_vectors") <= 1e-5 &&
                      heed_take_figure(s, r, "mean_embedded") <= 1e-5,
               masked = heed_take_figure(s, r, "future") <= 1e-6;
    const double apart = heed_take_figure(s, r, "outputs_apart");

    heed_put_text(s, "prediction",
                  !(same_shape && mean && masked) ? "nothing"
                  : apart > 1e-5                  ? "mechanism"
                                                  : "all");
    heed_step(s, "shapes are %s; each result is the mean of its past, off by %.1e and %.1e",
              same_shape ? "equal" : "not equal", heed_take_figure(s, r, "mean_vectors"),
              heed_take_figure(s, r, "mean_embedded"));
    heed_step(s, "later rows move earlier results by %.1e; the two results differ by %.3g",
              heed_take_figure(s, r, "future"), apart);
}

static void vary_sizes(heed_varying *v)
{
    heed_vary_int(v, "B", 1, 8);
    heed_vary_int(v, "T", 3, 16);
    heed_vary_int(v, "C", 1, 8);
}

/* --- a12.n17 --- */

static const char *beside_table(double loss, double table)
{
    return loss > table + 0.06 ? "worse" : loss < table - 0.06 ? "better" : "same";
}

static void width_of_bigram(heed_solving *s, const heed_demo_result *r)
{
    const double table = heed_take_figure(s, r, "loss_bigram"), own = heed_take_figure(s, r, "loss_own"),
                 narrow = heed_take_figure(s, r, "loss_narrow");

    heed_put_text(s, "wide", beside_table(own, table));
    heed_put_text(s, "narrow", beside_table(narrow, table));
    heed_step(s, "validation: a table of logits %.3f nats, counted pairs %.3f", table,
              heed_take_figure(s, r, "loss_counted"));
    heed_step(
        s,
        "through embeddings %.3f nats, through embeddings of 2 columns %.3f; within 0.06 they count as equal",
        own, narrow);
}

static void vary_embedding(heed_varying *v)
{
    heed_vary_pick_int(v, "n_embd", 4, INT64_C(1), INT64_C(4), INT64_C(16), INT64_C(64));
}

#define TEXT(name)                         \
    {                                      \
        name, HEED_ANSWER_TEXT, HEED_EXACT \
    }
#define TRUTH(name)                         \
    {                                       \
        name, HEED_ANSWER_TRUTH, HEED_EXACT \
    }

const heed_exercise heed_exercises_predict_walk[] = {
    {.id = "pp.q22b",
     .seed = "000 Q22",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"shift\": 0}",
     .vary = vary_shift,
     .demo = "E03",
     .outcome = not_shifted,
     .fields = {TEXT("prediction"), TRUTH("useful"), HEED_OWN_WORDS}},
    {.id = "a12.k01",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_LAB,
     .params = "{\"text\": \"\", \"vocab_size\": 1024}",
     .vary = vary_vocabulary,
     .demo = "E06",
     .outcome = token_counts,
     .fields = {TEXT("order"), {"characters_per_token", HEED_ANSWER_NUMBER, HEED_REL(0.3)}, HEED_OWN_WORDS}},
    {.id = "a12.k04",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"first\": \"The hare lost a red ball\", \"second\": \"She stood by a grey wall\"}",
     .vary = vary_texts,
     .demo = "E07",
     .outcome = two_contexts,
     .fields = {TEXT("where"), TRUTH("farther"), HEED_OWN_WORDS}},
    {.id = "a12.k07",
     .seed = "003 first video",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .solve = review,
     .fields = {{"ideas", HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_FREE | HEED_ASKED_SET | HEED_ASKED_TEXTS},
                HEED_OWN_WORDS}},
    {.id = "a12.k08",
     .seed = "003 second video",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{}",
     .demo = "D28",
     .outcome = place_in_input,
     .fields = {TEXT("prediction"), HEED_OWN_WORDS}},
    {.id = "a12.n11",
     .seed = "003 43:16",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"B\": 4, \"T\": 8, \"C\": 2}",
     .vary = vary_sizes,
     .demo = "E11",
     .outcome = random_vectors,
     .fields = {TEXT("prediction"), HEED_OWN_WORDS}},
    {.id = "a12.n17",
     .seed = "003 1:00:17",
     .kind = HEED_EXERCISE_CONCEPT,
     .params = "{\"n_embd\": 32}",
     .vary = vary_embedding,
     .demo = "E05",
     .outcome = width_of_bigram,
     .fields = {TEXT("wide"), TEXT("narrow"), HEED_OWN_WORDS}},
    {.id = NULL}};
