/* SPDX-License-Identifier: MIT */
/* D18: ways to choose the next token, from one model and behind one prompt. */
#include <heed/diagnosis.h>
#include <heed/label.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/subject.h"
#include "workbook/demos/writing.h"

enum { SHOWN_TOKENS = 8, SHOWN_WRITTEN = 120, LOOKED_AT = 64, READ_AGAIN = 12, WIDTHS = 4 };
enum { GREEDY, COOL, PLAIN, TOP_K, TOP_P, N_WAYS };

static const char *const names[N_WAYS] = {"greedy", "temperature 0.7", "temperature 1", "top-k 10",
                                          "top-p 0.9"};
static const char *const keys[N_WAYS] = {"greedy", "cool", "plain", "top_k", "top_p"};

/* Standard errors that a frequency may be off: 60 tokens stay within them in all but one of 2000 runs. */
#define MOST_OFF 4.5

typedef struct subject {
    const heed_model *model;
    int64_t V;
    heed_demo_tokens prompt;
} subject;

static heed_sampling sampling_of(const heed_demoing *d, int way)
{
    heed_sampling s = heed_demo_drawn(d->sabotage || way == GREEDY ? 0.0 : way == COOL ? 0.7 : 1.0);

    s.top_k = way == TOP_K ? 10 : 0;
    s.top_p = way == TOP_P ? 0.9 : 1.0;
    return s;
}

static heed_session *open(heed_demoing *d, const subject *m, uint64_t seed)
{
    const heed_session_options options = {.threads = 1, .seed = seed};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK || !heed_demo_ok(d, heed_session_open(m->model, &options, &session, &err), &err))
        return NULL;
    heed_demo_ok(d, heed_session_feed(session, m->prompt.ids, (size_t)m->prompt.n, &err), &err);
    return session;
}

/* --- texts --- */

/* Means over all texts of one way. */
typedef struct manner {
    double distinct, loop, log_probability;
} manner;

/* Writes tokens.n of them; the sum of their log-probabilities by the model itself. */
static double write_text(heed_demoing *d, heed_session *session, int64_t V, const heed_sampling *sampling,
                         heed_demo_tokens tokens)
{
    heed_error err = {HEED_OK, ""};
    double sum = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < tokens.n; i++) {
        tokens.ids[i] = heed_session_sample(session, sampling);
        sum += heed_logits_log_probability(heed_session_logits(session), V, tokens.ids[i]);
        heed_demo_ok(d, heed_session_feed(session, &tokens.ids[i], 1, &err), &err);
    }
    return sum;
}

static manner write_texts(heed_demoing *d, const subject *m, int way, int64_t texts, heed_demo_tokens tokens)
{
    const heed_sampling sampling = sampling_of(d, way);
    manner mean = {0.0, 0.0, 0.0};

    for (int64_t i = texts - 1; d->s.status == HEED_OK && i >= 0; i--) {
        heed_session *session = open(d, m, d->options->seed + (uint64_t)i);
        heed_repetition r = {0};
        heed_error err = {HEED_OK, ""};

        mean.log_probability += write_text(d, session, m->V, &sampling, tokens) / (double)(texts * tokens.n);
        heed_session_close(session);
        if (d->s.status == HEED_OK)
            heed_demo_ok(d, heed_repetition_find(tokens.ids, (size_t)tokens.n, &r, &err), &err);
        mean.distinct += r.distinct[HEED_REPETITION_GRAMS - 1] / (double)texts;
        mean.loop += (double)(r.loop_start >= 0 ? r.loop_length : 0) / (double)texts;
    }
    return mean;
}

static void show_texts(heed_demoing *d, const subject *m, int64_t texts, heed_demo_tokens tokens)
{
    heed_grid table = heed_grid_make(&d->s, N_WAYS, 3);
    manner ways[N_WAYS];

    for (int way = 0; d->s.status == HEED_OK && way < N_WAYS; way++) {
        ways[way] = write_texts(d, m, way, texts, tokens);
        heed_show_written(d, names[way], m->model, tokens.ids,
                          tokens.n < SHOWN_WRITTEN ? tokens.n : SHOWN_WRITTEN);
        heed_show_figure(d, heed_demo_words(d, "distinct_%s", keys[way]), ways[way].distinct,
                         heed_demo_words(d, "different runs of four tokens, of all: %s", names[way]));
        if (d->s.status == HEED_OK)
            memcpy(table.data + 3 * way, &ways[way], sizeof ways[way]);
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "Means over all texts", "greedy|temperature 0.7|temperature 1|top-k 10|top-p 0.9",
                    "distinct-4|loop length|ln p, token", false);
    heed_show_check(d, ways[GREEDY].distinct <= 0.7 * ways[PLAIN].distinct,
                    "greedy text repeats: distinct-4 %.2f against %.2f at temperature 1, at most 0.7 of it",
                    ways[GREEDY].distinct, ways[PLAIN].distinct);
}

/* --- frequencies --- */

static double entropy_of(const double *p, int64_t n)
{
    double h = 0.0;

    for (int64_t i = 0; i < n; i++)
        h -= p[i] > 0.0 ? p[i] * log(p[i]) : 0.0;
    return h;
}

/* Reads on behind the prompt, drawing, to where the model is least sure of all: that many tokens on. */
static int64_t find_unsure(heed_demoing *d, const subject *m, double *p)
{
    const heed_sampling drawn = heed_demo_drawn(1.0);
    heed_session *session = open(d, m, d->options->seed);
    double most = -1.0;
    int64_t best = 0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < LOOKED_AT; i++) {
        heed_error err = {HEED_OK, ""};
        int32_t id;

        heed_demo_ok(d, heed_sampling_probabilities(&drawn, heed_session_logits(session), m->V, p, &err), &err);
        if (entropy_of(p, m->V) > most) {
            most = entropy_of(p, m->V);
            best = i;
        }
        id = heed_session_sample(session, &drawn);
        heed_demo_ok(d, heed_session_feed(session, &id, 1, &err), &err);
    }
    heed_session_close(session);
    return best;
}

/* A session that has read so far; the same seed takes the same way. */
static heed_session *read_on(heed_demoing *d, const subject *m, int64_t n)
{
    const heed_sampling drawn = heed_demo_drawn(1.0);
    heed_session *session = open(d, m, d->options->seed);

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        const int32_t id = heed_session_sample(session, &drawn);
        heed_error err = {HEED_OK, ""};

        heed_demo_ok(d, heed_session_feed(session, &id, 1, &err), &err);
    }
    return session;
}

/* The largest distance of a share from its probability in standard errors; rare tokens count as one. */
static double off_by(const double *p, const double *share, int64_t V, int64_t draws)
{
    double worst = 0.0, rare_p = 0.0, rare = 0.0;

    for (int64_t i = 0; i <= V; i++) {
        const bool last = i == V;
        const double q = last ? rare_p : p[i], f = last ? rare : share[i];

        if (!last && q * (double)draws < 5.0) {
            rare_p += q;
            rare += f;
        } else if (q < 1.0 && q * (double)draws >= 1.0)
            worst = fmax(worst, fabs(f - q) / sqrt(q * (1.0 - q) / (double)draws));
    }
    return worst;
}

static void show_shares(heed_demoing *d, const subject *m, const double *p, heed_grid shares)
{
    heed_likelihood best[SHOWN_TOKENS];
    const int64_t n = m->V < SHOWN_TOKENS ? m->V : SHOWN_TOKENS;
    heed_grid table = heed_grid_make(&d->s, n, N_WAYS + 1);
    float *logits = heed_demo_floats(d, m->V);
    const char *rows = "";

    for (int64_t i = 0; d->s.status == HEED_OK && i < m->V; i++)
        logits[i] = (float)log(p[i]);
    if (d->s.status == HEED_OK)
        heed_logits_likeliest(logits, m->V, best, n);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        char label[80];

        heed_token_label(m->model, best[i].id, 12, label, sizeof label);
        rows = heed_demo_words(d, "%s%s%s", rows, i > 0 ? "|" : "", strcmp(label, "|") == 0 ? "\\x7c" : label);
        table.data[i * (N_WAYS + 1)] = p[best[i].id];
        for (int way = 0; way < N_WAYS; way++)
            table.data[i * (N_WAYS + 1) + 1 + way] = shares.data[way * m->V + best[i].id];
    }
    heed_show_table(d, table, "The likeliest tokens where the model is least sure, and how often they came",
                    rows, "model|greedy|temp. 0.7|temp. 1|top-k 10|top-p 0.9", false);
}

static void show_frequencies(heed_demoing *d, const subject *m, int64_t draws)
{
    heed_grid p = heed_grid_make(&d->s, 1, m->V), shares = heed_grid_make(&d->s, N_WAYS, m->V);
    heed_session *session = read_on(d, m, find_unsure(d, m, p.data));
    double off[N_WAYS] = {0.0};
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK) {
        const heed_sampling itself = heed_demo_drawn(1.0);

        heed_demo_ok(d, heed_sampling_probabilities(&itself, heed_session_logits(session), m->V, p.data, &err),
                     &err);
    }
    for (int way = 0; d->s.status == HEED_OK && way < N_WAYS; way++) {
        const heed_sampling sampling = sampling_of(d, way);
        double *share = shares.data + way * m->V;

        for (int64_t i = 0; i < draws; i++)
            share[heed_session_sample(session, &sampling)] += 1.0;
        for (int64_t i = 0; i < m->V; i++)
            share[i] /= (double)draws;
        off[way] = off_by(p.data, share, m->V, draws);
        heed_show_figure(d, heed_demo_words(d, "off_%s", keys[way]), off[way],
                         heed_demo_words(d, "standard errors that a token's share is off: %s", names[way]));
    }
    heed_session_close(session);
    if (d->s.status != HEED_OK)
        return;
    show_shares(d, m, p.data, shares);
    heed_show_check(d, off[PLAIN] <= MOST_OFF,
                    "at temperature 1 tokens come as often as the model says: off by %.2f standard errors at "
                    "most, of %g allowed",
                    off[PLAIN], MOST_OFF);
    heed_show_check(d, off[GREEDY] > MOST_OFF, "greedy ones do not: %.3g", off[GREEDY]);
}

/* --- beams --- */

typedef struct kept {
    heed_demo_tokens tokens;
    int64_t n;
} kept;

static bool keep(void *context, const heed_written *w)
{
    kept *k = context;

    if (w->id >= 0 && k->n < k->tokens.n)
        k->tokens.ids[k->n++] = w->id;
    return true;
}

/* ln P of the text that a search of so many beams finds; 0: greedy. */
static double search(heed_demoing *d, const subject *m, int64_t beams, kept *k)
{
    const heed_prompt prompt = {.ids = m->prompt.ids, .n_ids = (size_t)m->prompt.n};
    heed_generate_options o = heed_generate_default();
    heed_generated result = {0};
    heed_error err = {HEED_OK, ""};

    o.max_tokens = k->tokens.n;
    o.beams = beams;
    o.ignore_end_of_text = o.log_probabilities = true;
    o.sampling = heed_demo_greedy();
    o.session.threads = 1;
    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_generate(m->model, &prompt, 1, &o, keep, k, &result, &err), &err);
    return result.log_probability;
}

static void show_beams(heed_demoing *d, const subject *m, int64_t tokens)
{
    kept greedy = {heed_demo_tokens_make(d, tokens), 0};
    const double plain = search(d, m, 0, &greedy);
    heed_grid x = heed_grid_make(&d->s, 1, WIDTHS), y = heed_grid_make(&d->s, 1, WIDTHS),
              level = heed_grid_make(&d->s, 1, WIDTHS), table = heed_grid_make(&d->s, WIDTHS + 1, 1);
    int64_t same = 0;
    double least = INFINITY, most = -INFINITY;

    for (int64_t i = 0; d->s.status == HEED_OK && i < WIDTHS; i++) {
        kept k = {heed_demo_tokens_make(d, tokens), 0};

        x.data[i] = (double)(1 << i);
        y.data[i] = table.data[i + 1] = search(d, m, 1 << i, &k);
        level.data[i] = table.data[0] = plain;
        for (int64_t t = 0; i == 0 && t < k.n && t < greedy.n; t++)
            same += k.tokens.ids[t] == greedy.tokens.ids[t];
        least = fmin(least, y.data[i]);
        most = fmax(most, y.data[i]);
        if (i == WIDTHS - 1)
            heed_show_written(d, "8 beams", m->model, k.tokens.ids, k.n);
    }
    if (d->s.status != HEED_OK)
        return;
    heed_show_table(d, table, "ln P of the text that is found", "greedy|1 beam|2 beams|4 beams|8 beams", "ln P",
                    false);
    heed_show_axes(d, "What a wider search finds", "beams", "ln P of the text", "x");
    heed_show_curve(d, "beam search", x, y);
    heed_show_curve(d, "greedy", x, level);
    heed_show_figure(d, "log_p_greedy", plain, "ln P of the greedy text");
    heed_show_figure(d, "log_p_least", least, "the least of all widths");
    heed_show_figure(d, "log_p_most", most, "the most");
    heed_show_figure(d, "one_beam_same", (double)same, "tokens of one beam that are the greedy ones");
    heed_show_check(d, same == tokens, "one beam writes the greedy text: %lld of %lld tokens", (long long)same,
                    (long long)tokens);
    heed_show_figure(d, "log_p_widest", y.data[WIDTHS - 1], "of the widest search");
    heed_show_check(d, y.data[WIDTHS - 1] >= plain - 1e-3,
                    "the widest search finds a text that is at least as probable: ln P %.3f, greedy %.3f",
                    y.data[WIDTHS - 1], plain);
}

/* --- what the next token is made from --- */

/* The largest difference of logits between a session and one that reads ids anew. */
static double apart(heed_demoing *d, const subject *m, const float *logits, const int32_t *ids, int64_t n)
{
    const heed_session_options options = {.threads = 1};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};
    double most = 0.0;

    if (d->s.status == HEED_OK && heed_demo_ok(d, heed_session_open(m->model, &options, &session, &err), &err))
        heed_demo_ok(d, heed_session_feed(session, ids, (size_t)n, &err), &err);
    for (int64_t v = 0; d->s.status == HEED_OK && v < m->V; v++)
        most = fmax(most, fabs((double)heed_session_logits(session)[v] - (double)logits[v]));
    heed_session_close(session);
    return most;
}

static void show_reading(heed_demoing *d, const subject *m)
{
    const int64_t n = m->prompt.n;
    const heed_sampling drawn = heed_demo_drawn(1.0);
    heed_demo_tokens all = heed_demo_tokens_make(d, n + READ_AGAIN);
    heed_session *session = open(d, m, d->options->seed);

    if (d->s.status == HEED_OK) {
        memcpy(all.ids, m->prompt.ids, (size_t)n * sizeof *all.ids);
        write_text(d, session, m->V, &drawn, (heed_demo_tokens){all.ids + n, READ_AGAIN});
    }
    if (d->s.status == HEED_OK) {
        const float *logits = heed_session_logits(session);

        heed_show_figure(d, "apart_all", apart(d, m, logits, all.ids, all.n),
                         "largest difference of logits to those of one reading of prompt and all written");
        heed_show_figure(d, "apart_prompt", apart(d, m, logits, all.ids, n), "of the prompt alone");
        heed_show_figure(d, "apart_last", apart(d, m, logits, all.ids + all.n - 1, 1),
                         "of the last token alone");
    }
    heed_session_close(session);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    const int64_t tokens = heed_take_int(&d->s, "tokens", 8, 2000),
                  texts = heed_take_int(&d->s, "texts", 1, 100),
                  draws = heed_take_int(&d->s, "draws", 100, 1000000),
                  searched = heed_take_int(&d->s, "beam_tokens", 1, 500);
    heed_demo_subject who = {0};

    t.config.positions = HEED_POSITIONS_ROTARY;
    if (heed_demo_subject_open(d, &t, "training", 0.0, 0.8, 1, &who)) {
        const subject m = {who.model, heed_model_config(who.model)->vocab_size,
                           heed_demo_encode(d, who.model, heed_take_text(&d->s, "prompt"))};

        heed_demo_progress(d, 0.8, "writing");
        show_texts(d, &m, texts, heed_demo_tokens_make(d, tokens));
        show_frequencies(d, &m, draws);
        show_beams(d, &m, searched);
        show_reading(d, &m);
    }
    heed_demo_subject_close(&who);
}

const heed_demo heed_demo_18 = {
    .info =
        {.id = "D18",
         .title = "Choosing the next token",
         .shows = "Lets one model continue one prompt in several ways: always the likeliest token "
                  "(greedy), drawn at temperature 0.7 and 1, drawn from the 10 likeliest or from the "
                  "likeliest nine tenths, and by beam search. The model gives a distribution; a way of "
                  "choosing makes a token of it, which is appended, and the longer text is read again. "
                  "Greedy text falls into circles, because the same context always gives the same token. "
                  "Only drawing at temperature 1 without filters writes as often what the model holds "
                  "likely.",
         .rule =
             "The greedy text has at most 0.7 as many different runs of four tokens as drawn text. One beam "
             "writes the greedy text, and 8 beams find one that is at least as probable; 2 may miss it. Where "
             "the model is least sure, shares of tokens drawn at temperature 1 are within 4.5 standard errors "
             "of their probabilities, greedy ones are not.",
         .sabotage = "All of them take the likeliest token.",
         .params = "{\"prompt\": \"The best way to learn\", \"steps\": 400, \"tokens\": 200, \"texts\": 4, "
                   "\"draws\": 5000, \"beam_tokens\": 40, \"text\": \"\", \"model\": \"\"}",
         .trains = true},
    .full = "{\"steps\": 1500, \"tokens\": 400, \"texts\": 16, \"draws\": 50000, \"beam_tokens\": "
            "60}",
    .run = run,
};
