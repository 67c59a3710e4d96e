/* SPDX-License-Identifier: MIT */
/* H. How many parameters a model has, by component. */
#include <string.h>

#include "workbook/counting.h"
#include "workbook/groups.h"

typedef struct sizes {
    int64_t V, d, H, T;
    heed_config config; /* without biases where they are the slip */
} sizes;

static sizes take_sizes(heed_solving *s)
{
    sizes x = {.V = heed_take_int(s, "vocab_size", 1, HEED_COUNT_MOST_V),
               .d = heed_take_int(s, "d_model", 1, HEED_COUNT_MOST_D),
               .H = heed_take_int(s, "n_heads", 1, HEED_COUNT_MOST_HEADS),
               .T = heed_take_int(s, "max_length", 1, HEED_COUNT_MOST_V)};

    x.config = heed_count_m0(x.V, x.d, x.H, x.T);
    x.config.attention_bias = s->slip != HEED_SLIP_NO_BIAS;
    return x;
}

static void vary_sizes(heed_varying *v)
{
    int64_t H;

    heed_vary_pick_int(v, "vocab_size", 7, INT64_C(65), INT64_C(8000), INT64_C(32000), INT64_C(50257),
                       INT64_C(100000), INT64_C(200000), INT64_C(200019));
    H = heed_vary_pick_int(v, "n_heads", 3, INT64_C(2), INT64_C(4), INT64_C(8));
    heed_vary_set_int(v, "d_model",
                      H * heed_vary_pick_int(v, "d_model", 3, INT64_C(32), INT64_C(48), INT64_C(64)));
    heed_vary_pick_int(v, "max_length", 5, INT64_C(64), INT64_C(128), INT64_C(256), INT64_C(512),
                       INT64_C(1024));
}

/* "200,000 * 256 = 51,200,000" */
static void step_product(heed_solving *s, const char *what, int64_t rows, int64_t columns, double count)
{
    heed_step(s, "%s: %s * %s = %s", what, heed_count_text(s, (double)rows),
              heed_count_text(s, (double)columns), heed_count_text(s, count));
}

/* --- pp.q23, pp.q24, pp.q26 --- */

static void token_table(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const double count = heed_count_parameters(s, &x.config, "token embedding");

    step_product(s, "a row of d_model numbers for each token, vocab_size * d_model", x.V, x.d, count);
    heed_put_number(s, "value", count);
}

static void position_table(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const double count = heed_count_parameters(s, &x.config, "position embedding");

    step_product(s, "a row of d_model numbers for each position, max_length * d_model", x.T, x.d, count);
    heed_put_number(s, "value", count);
}

static void head(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const double count = heed_count_parameters(s, &x.config, "head");

    step_product(s, "d_model weights for each token that may come next, d_model * vocab_size", x.d, x.V, count);
    heed_put_number(s, "value", count);
}

/* --- pp.q25 --- */

static void step_attention(heed_solving *s, const sizes *x, double one, double all)
{
    heed_step(s, "one map: d_model^2 weights and d_model biases, %s + %s = %s",
              heed_count_text(s, (double)x->d * (double)x->d), heed_count_text(s, (double)x->d),
              heed_count_text(s, one));
    heed_step(s, "attention has four of them (query, key, value, out): 4 * %s = %s", heed_count_text(s, one),
              heed_count_text(s, all));
}

static void attention(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const double one = heed_count_parameters(s, &x.config, "h.0.attn.c_proj.*");
    const double all = heed_count_parameters(s, &x.config, "attention");

    step_attention(s, &x, one, all);
    heed_put_number(s, "one_linear", one);
    heed_put_number(s, "attention", all);
}

/* --- pp.q27 --- */

/* As the engine calls them, as the answer does. */
static const char *const components[][2] = {{"token embedding", "token table"},
                                            {"position embedding", "position table"},
                                            {"attention", "attention"},
                                            {"head", "output head"}};

enum { N_COMPONENTS = (int)(sizeof components / sizeof components[0]) };

static const char *names_of(heed_solving *s, const json_t *list)
{
    const char *text = "";

    for (size_t i = 0; text != NULL && i < json_array_size(list); i++)
        text = heed_arena_format(s->arena, "%s%s%s", text, i > 0 ? " and " : "",
                                 json_string_value(json_array_get(list, i)));
    return text != NULL ? text : "";
}

static void total(heed_solving *s)
{
    const sizes x = take_sizes(s);
    const double all = heed_count_parameters(s, &x.config, NULL);
    double count[N_COMPONENTS], most = 0.0;
    json_t *largest = json_array();

    for (int i = 0; i < N_COMPONENTS; i++) {
        count[i] = heed_count_parameters(s, &x.config, components[i][0]);
        most = count[i] > most ? count[i] : most;
        heed_step(s, "%s: %s", components[i][1], heed_count_text(s, count[i]));
    }
    for (int i = 0; i < N_COMPONENTS; i++) {
        if (count[i] == most)
            json_array_append_new(largest, json_string(components[i][1]));
    }
    heed_step(s, "together %s, which is %.1f million", heed_count_text(s, all), all / 1e6);
    heed_step(s, "the largest, of %s: %s", heed_count_text(s, most), names_of(s, largest));
    heed_put_number(s, "total", all);
    heed_put_number(s, "millions", all / 1e6);
    heed_put_json(s, "largest", largest);
}

/* --- hard.h8.1a --- */

static void second_layer(heed_solving *s)
{
    const sizes x = take_sizes(s);
    heed_config two = x.config;
    double before, after;

    two.n_layers = 2;
    before = heed_count_parameters(s, &x.config, NULL);
    after = heed_count_parameters(s, &two, NULL);
    step_attention(s, &x, heed_count_parameters(s, &two, "h.1.attn.c_proj.*"),
                   heed_count_parameters(s, &two, "h.1.*"));
    heed_step(s, "with one layer %s, with two %s: %.2g %% more", heed_count_text(s, before),
              heed_count_text(s, after), 100.0 * (after - before) / before);
    heed_put_number(s, "added", after - before);
    heed_put_number(s, "total_before", before);
    heed_put_number(s, "total_after", after);
}

#define SEED "{\"vocab_size\": 200000, \"d_model\": 256, \"n_heads\": 4, \"max_length\": 256}"
#define WHOLE(name)                              \
    {                                            \
        name, HEED_ANSWER_NUMBER, HEED_EXACT, 0, \
    }

const heed_exercise heed_exercises_counts[] = {
    {.id = "pp.q23",
     .seed = "000 Q23",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = token_table,
     .fields = {WHOLE("value")}},
    {.id = "pp.q24",
     .seed = "000 Q24",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = position_table,
     .fields = {WHOLE("value")}},
    {.id = "pp.q25",
     .seed = "000 Q25",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = attention,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("one_linear"), WHOLE("attention")}},
    {.id = "pp.q26",
     .seed = "000 Q26",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = head,
     .fields = {WHOLE("value")}},
    {.id = "pp.q27",
     .seed = "000 Q27",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = total,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("total"),
                {"millions", HEED_ANSWER_NUMBER, HEED_ABS(0.05), 0},
                {"largest", HEED_ANSWER_LIST, HEED_EXACT, HEED_ASKED_ANY_ONE}}},
    {.id = "hard.h8.1a",
     .seed = "001 H8.1",
     .kind = HEED_EXERCISE_NUMBER,
     .params = SEED,
     .vary = vary_sizes,
     .solve = second_layer,
     .slips = HEED_SLIP(HEED_SLIP_NO_BIAS),
     .fields = {WHOLE("added"), WHOLE("total_before"), WHOLE("total_after")}},
    {.id = NULL},
};
