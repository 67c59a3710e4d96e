/* SPDX-License-Identifier: MIT */
/*
 * D27: cross-attention learns which word of one language stands for which of another.
 *
 *     the red  cat  sees one old dog         seven words: article, adjective, noun, verb, article, adjective, noun
 *     tac der sees' dlo god                  five: no articles; some adjectives go behind their noun, others stay
 *
 * Words of the other language are the same ones backwards, so that one sees what belongs together; to the model they are
 * numbers. Half of the adjectives move, so no position tells where a word comes from: the sentence does.
 *
 *     q = E_t previous word + P_t t        k, v = E_s word + P_s s        guess = softmax(q k^T / sqrt(d)) v W
 *
 * Nothing leads from the source to a guess but the weights, and nothing tells the model which word belongs to which.
 */
#include <math.h>
#include <string.h>

#include "base/text_buffer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/learner.h"

enum { SOURCE = 7, TARGET = 5, BATCH = 32, MOST_WORDS = 8, N_ARTICLES = 2, LOOKS = 8 };

static const char *const articles[N_ARTICLES] = {"the", "one"};
static const char *const kinds[3][MOST_WORDS] = {
    {"cat", "dog", "fox", "bird", "king", "goat", "owl", "bear"},
    {"red", "old", "big", "wet", "shy", "warm", "tall", "grey"},
    {"sees", "finds", "hears", "helps", "meets", "knows", "fears", "calls"},
};

enum { NOUN, ADJECTIVE, VERB };

/* Embeddings begin so small that weights are even at first: no word is looked at before it is known to be worth it. */
#define SMALL 0.1

/* What is fed: source words [BATCH, 7], the words before [BATCH, 5] and the words to be said [BATCH, 5]. */
typedef struct sentences {
    int64_t words; /* of each kind */
    bool sabotage; /* the translation is that of another sentence */
    int32_t *source, *before, *target;
    int64_t from[BATCH][TARGET]; /* the place in the source that each target word is made of */
} sentences;

/* Ids: the articles, then the kinds; of the other language 0, which begins a sentence, then the kinds. */
static int32_t source_id(const sentences *s, int kind, int64_t k)
{
    return (int32_t)(N_ARTICLES + kind * s->words + k);
}

static const char *source_word(const sentences *s, int32_t id)
{
    return id < N_ARTICLES ? articles[id] : kinds[(id - N_ARTICLES) / s->words][(id - N_ARTICLES) % s->words];
}

static bool moves(int64_t adjective)
{
    return adjective % 2 == 0;
}

/* --- sentences --- */

static void draw_one(sentences *s, heed_rng *rng, int64_t b)
{
    const int64_t K = s->words, a[2] = {heed_rng_below(rng, K), heed_rng_below(rng, K)};
    int32_t *x = s->source + b * SOURCE;

    for (int64_t phrase = 0; phrase < 2; phrase++) {
        const int64_t at = phrase == 0 ? 0 : 4, to = phrase == 0 ? 0 : 3;

        x[at] = (int32_t)heed_rng_below(rng, N_ARTICLES);
        x[at + 1] = source_id(s, ADJECTIVE, a[phrase]);
        x[at + 2] = source_id(s, NOUN, heed_rng_below(rng, K));
        s->from[b][to] = at + (moves(a[phrase]) ? 2 : 1);
        s->from[b][to + 1] = at + (moves(a[phrase]) ? 1 : 2);
    }
    x[3] = source_id(s, VERB, heed_rng_below(rng, K));
    s->from[b][2] = 3;
}

static void draw(void *context, heed_rng *rng)
{
    sentences *s = context;

    for (int64_t b = 0; b < BATCH; b++)
        draw_one(s, rng, b);
    for (int64_t b = 0; b < BATCH; b++) {
        const int64_t of = s->sabotage ? (b + 1) % BATCH : b;

        for (int64_t t = 0; t < TARGET; t++) {
            s->target[b * TARGET + t] = s->source[of * SOURCE + s->from[of][t]] - N_ARTICLES + 1;
            s->before[b * TARGET + t] = t == 0 ? 0 : s->target[b * TARGET + t - 1];
        }
    }
}

/* --- the model --- */

typedef struct translator {
    heed_node *weights, *logits, *loss;
} translator;

static heed_node *embed(heed_learner *l, heed_node *ids, const char *table, const char *positions,
                        int64_t n_words, int64_t length, int64_t d)
{
    heed_node *words = heed_embedding(
        l->g, heed_learner_parameter(l, table, heed_shape2(n_words, d), 0.0, SMALL), ids);

    return heed_add(l->g, words, heed_learner_parameter(l, positions, heed_shape2(length, d), 0.0, SMALL));
}

static heed_node *mapped(heed_learner *l, heed_node *x, const char *name, int64_t out)
{
    const int64_t in = x != NULL ? heed_shape_size(&x->tensor.shape, -1) : 1;
    heed_node *w = heed_learner_parameter(l, name, heed_shape2(in, out), 0.0, 1.0 / sqrt((double)in));

    return heed_linear(l->g, x, w, NULL, HEED_WEIGHT_IN_OUT);
}

static translator build(heed_learner *l, sentences *s, int64_t d)
{
    heed_node *source = heed_learner_ids(l, "source", heed_shape2(BATCH, SOURCE), &s->source),
              *before = heed_learner_ids(l, "before", heed_shape2(BATCH, TARGET), &s->before),
              *target = heed_learner_ids(l, "target", heed_shape2(BATCH, TARGET), &s->target);
    heed_node *x = embed(l, source, "E_s", "P_s", N_ARTICLES + 3 * s->words, SOURCE, d),
              *y = embed(l, before, "E_t", "P_t", 1 + 3 * s->words, TARGET, d);
    const heed_attention_options options = {.scale = 0.0f};
    heed_node *q = heed_split_heads(l->g, mapped(l, y, "W_q", d), 1),
              *k = heed_split_heads(l->g, mapped(l, x, "W_k", d), 1),
              *v = heed_split_heads(l->g, mapped(l, x, "W_v", d), 1);
    heed_node *z = heed_attention(l->g, q, k, v, &options);
    translator m = {.logits = mapped(l, heed_merge_heads(l->g, z), "W", 1 + 3 * s->words)};

    m.weights = z != NULL ? z->outputs[HEED_ATTENTION_PATTERN] : NULL;
    m.loss = heed_cross_entropy(l->g, m.logits, target);
    return m;
}

/* --- what it has learned --- */

typedef struct outcome {
    double aligned, mass, right; /* shares of target words; mass: mean weight on the true source word */
    double pairs, moved,
        ordered; /* adjective and noun, those that change order, and whose order is as in the weights */
    double loss;
} outcome;

static int64_t largest_in(const double *row, int64_t n)
{
    int64_t best = 0;

    for (int64_t j = 1; j < n; j++)
        best = row[j] > row[best] ? j : best;
    return best;
}

static void count_sentence(const sentences *s, int64_t b, heed_grid weights, heed_grid logits, outcome *o)
{
    int64_t looks[TARGET];

    for (int64_t t = 0; t < TARGET; t++) {
        const double *row = weights.data + (b * TARGET + t) * SOURCE;

        looks[t] = largest_in(row, SOURCE);
        o->aligned += looks[t] == s->from[b][t];
        o->mass += row[s->from[b][t]];
        o->right += largest_in(logits.data + (b * TARGET + t) * logits.columns, logits.columns) ==
                    s->target[b * TARGET + t];
    }
    for (int64_t t = 0; t < TARGET; t += 3) {
        const bool moved = s->from[b][t] > s->from[b][t + 1];

        o->pairs++;
        o->moved += moved;
        o->ordered += (looks[t] > looks[t + 1]) == moved && looks[t] != looks[t + 1];
    }
}

static outcome measure(heed_learner *l, sentences *s, const translator *m)
{
    outcome o = {0};
    const double n = LOOKS * BATCH * TARGET;

    for (int i = 0; l->d->s.status == HEED_OK && i < LOOKS; i++) {
        heed_grid weights, logits;

        draw(s, &l->rng);
        o.loss += heed_learner_look(l) / LOOKS;
        weights = heed_learner_value(l, m->weights);
        logits = heed_learner_value(l, m->logits);
        for (int64_t b = 0; l->d->s.status == HEED_OK && b < BATCH; b++)
            count_sentence(s, b, weights, logits, &o);
    }
    o.aligned /= n;
    o.mass /= n;
    o.right /= n;
    return o;
}

/* --- a sentence of which one pair changes order --- */

static int64_t sentence_to_show(const sentences *s)
{
    for (int64_t b = 0; b < BATCH; b++) {
        if (s->from[b][0] > s->from[b][1] && s->from[b][3] < s->from[b][4])
            return b;
    }
    return 0;
}

static void put_backwards(const char *word, heed_text_buffer *out)
{
    for (size_t i = strlen(word); i-- > 0;)
        heed_text_printf(out, "%c", word[i]);
}

/* "the|red|..", or the translation backwards. */
static const char *names_of(heed_demoing *d, const sentences *s, int64_t b, bool target)
{
    heed_text_buffer text = {0};
    const char *out;

    for (int64_t i = 0; i < (target ? TARGET : SOURCE); i++) {
        if (i > 0)
            heed_text_puts(&text, "|");
        if (target)
            put_backwards(source_word(s, s->target[b * TARGET + i] - 1 + N_ARTICLES), &text);
        else
            heed_text_puts(&text, source_word(s, s->source[b * SOURCE + i]));
    }
    out = text.failed || text.data == NULL ? NULL : heed_arena_format(d->s.arena, "%s", text.data);
    if (out == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for words");
    heed_text_free(&text);
    return out;
}

static void show_sentence(heed_demoing *d, heed_learner *l, const sentences *s, const translator *m)
{
    const int64_t b = sentence_to_show(s);
    const heed_grid all = heed_learner_value(l, m->weights);
    const char *rows = names_of(d, s, b, true), *columns = names_of(d, s, b, false);
    heed_grid map = heed_grid_make(&d->s, TARGET, SOURCE), truth = heed_grid_make(&d->s, TARGET, SOURCE);

    for (int64_t t = 0; d->s.status == HEED_OK && t < TARGET; t++) {
        for (int64_t j = 0; j < SOURCE; j++)
            map.data[t * SOURCE + j] = all.data[(b * TARGET + t) * SOURCE + j];
        truth.data[t * SOURCE + s->from[b][t]] = 1.0;
    }
    heed_show_table(d, map, "What each target word looks at in the source", rows, columns, true);
    heed_show_table(d, truth, "Where it comes from", rows, columns, false);
}

/* --- all of it --- */

static void judge(heed_demoing *d, const outcome *o)
{
    heed_show_figure(d, "aligned", o->aligned, "of the target words look most at the word that they come from");
    heed_show_figure(d, "mass", o->mass, "mean weight on that word");
    heed_show_figure(d, "right", o->right, "of the target words are guessed");
    heed_show_figure(d, "ordered", o->ordered / o->pairs,
                     "of adjectives and nouns are looked at in the right order");
    heed_show_figure(d, "moved", o->moved / o->pairs, "of them change their order");
    heed_show_figure(d, "loss", o->loss, "nats a word, sentences that were not trained on");
    heed_show_check(d, o->aligned >= 0.9,
                    "%.1f %% of the words look most at the word they come from, at least 90",
                    100.0 * o->aligned);
    heed_show_check(d, o->mass >= 0.8, "the mean weight on that word is %.3f, at least 0.8", o->mass);
    heed_show_check(
        d, o->ordered >= 0.9 * o->pairs,
        "weights leave the diagonal where the order changes, and only there: for %.1f %% of %.0f pairs, "
        "at least 90",
        100.0 * o->ordered / o->pairs, o->pairs);
}

static void run(heed_demoing *d)
{
    heed_train_options options = heed_learner_options(d);
    const int64_t width = heed_take_int(&d->s, "d_model", 8, 256);
    sentences s = {.words = heed_take_int(&d->s, "words", 4, MOST_WORDS), .sabotage = d->sabotage};
    heed_learner l;

    options.learning_rate = 0.01;
    if (heed_learner_open(&l, d, &options)) {
        const translator m = build(&l, &s, width);
        heed_node *const watched[] = {m.weights, m.logits};

        if (heed_learner_ready(&l, m.loss, watched, 2)) {
            const heed_grid curve = heed_learner_train(&l, draw, &s, "training", 0.0, 0.95);
            const outcome o = measure(&l, &s, &m);

            if (d->s.status == HEED_OK) {
                show_sentence(d, &l, &s, &m);
                heed_show_figure(d, "first_loss", curve.data[0], "nats a word, before the first step");
                judge(d, &o);
            }
        }
    }
    heed_learner_close(&l);
}

const heed_demo heed_demo_27 = {
    .info = {.id = "D27",
             .title = "Cross-attention finds which word stands for which",
             .shows = "Trains a translator of one layer of cross-attention: sentences of seven words become "
                      "five, without articles and "
                      "with some adjectives behind their nouns. Queries come from the target, keys and values "
                      "from the source, with no "
                      "mask. Nobody tells the model which word belongs to which; it has to look at the right "
                      "one, or it cannot say the "
                      "right word. So its weights draw the alignment: along the diagonal, and beside it where "
                      "the order changes, which "
                      "depends on the adjective.",
             .rule = "On new sentences at least 90 % of the target words look most at the word that they come "
                     "from, with a mean "
                     "weight of at least 0.8 on it, and for at least 90 % of all pairs of adjective and noun "
                     "the order of the places "
                     "looked at is the true one.",
             .sabotage = "Each sentence gets the translation of another one.",
             .params = "{\"steps\": 1200, \"d_model\": 32, \"words\": 6}",
             .trains = true},
    .full = "{\"steps\": 4000, \"words\": 8}",
    .run = run,
};
