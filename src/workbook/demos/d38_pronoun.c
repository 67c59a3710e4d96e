/* SPDX-License-Identifier: MIT */
/* D38: which noun "it" means, where a model looks for it, and what a window takes from it. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/tasks/task.h"
#include "train/trainer.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/learner.h"
#include "workbook/demos/pronoun_reading.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/subject.h"

enum { BATCH = 32, N_SENTENCES = 150, LEAST_WORDS = 10, MOST_BYTES = 1024 };

/* --- which noun is said --- */

/* How often the right noun is the likeliest, over the readings whose noun is near (inside true) or far; *n of them. */
typedef struct shares {
    double right[2];
    int64_t n[2]; /* far, near */
} shares;

static shares measure(heed_demoing *d, const heed_model *model, const heed_pronoun_pairs *p, int64_t reach)
{
    const heed_grid logits = heed_demo_windows_logits(d, model, &p->windows);
    shares out = {{0.0, 0.0}, {0, 0}};

    for (int64_t i = 0; d->s.status == HEED_OK && i < 2 * p->n; i++) {
        const int64_t ask = p->ask[i / 2], at = i * p->windows.length + ask;
        const int64_t noun = p->windows.targets[at] ==
                                     p->windows.ids[i * p->windows.length + HEED_PRONOUN_FIRST]
                                 ? HEED_PRONOUN_FIRST
                                 : HEED_PRONOUN_SECOND;
        const double *row = heed_grid_row(logits, at).data;
        const bool near = ask - noun <= reach;
        int64_t best = 0;

        for (int64_t v = 1; v < logits.columns; v++)
            best = row[v] > row[best] ? v : best;
        out.right[near] += best == p->windows.targets[at];
        out.n[near]++;
    }
    for (int k = 0; k < 2; k++)
        out.right[k] = out.n[k] > 0 ? out.right[k] / (double)out.n[k] : NAN;
    return out;
}

/* --- where the heads look --- */

/* Weight that goes over from the second noun to the first with the last word, from -1 to 1; at query `at` of each. */
static double shift_of(const heed_pronoun_look *look, const heed_pronoun_pairs *p, int64_t layer, int64_t head)
{
    double sum = 0.0;

    for (int64_t i = 0; i < p->n; i++) {
        for (int k = 0; k < 2; k++) {
            const double apart =
                heed_pronoun_weight(look, 2 * i + k, layer, head, p->ask[i], HEED_PRONOUN_FIRST) -
                heed_pronoun_weight(look, 2 * i + k, layer, head, p->ask[i], HEED_PRONOUN_SECOND);
            sum += k == 0 ? apart : -apart;
        }
    }
    return sum / (2.0 * (double)p->n);
}

/* Weight of the head on the noun that is meant, and on the other one. */
static double weight_on(const heed_pronoun_look *look, const heed_pronoun_pairs *p, int64_t layer, int64_t head,
                        bool meant)
{
    double sum = 0.0;

    for (int64_t i = 0; i < 2 * p->n; i++) {
        const bool first = (i % 2 == 0) == meant;
        sum += heed_pronoun_weight(look, i, layer, head, p->ask[i / 2],
                                   first ? HEED_PRONOUN_FIRST : HEED_PRONOUN_SECOND);
    }
    return sum / (2.0 * (double)p->n);
}

/* What another last word changes of the weights from "it", at most: it stands behind it. */
static double change_at_it(const heed_pronoun_look *look, const heed_pronoun_pairs *p)
{
    double most = 0.0;

    for (int64_t i = 0; i < p->n; i++) {
        for (int64_t l = 0; l < look->n_layers * look->n_heads; l++) {
            for (int64_t word = 0; word <= HEED_PRONOUN_IT; word++)
                most = fmax(most, fabs(heed_pronoun_weight(look, 2 * i, l / look->n_heads, l % look->n_heads,
                                                           HEED_PRONOUN_IT, word) -
                                       heed_pronoun_weight(look, 2 * i + 1, l / look->n_heads,
                                                           l % look->n_heads, HEED_PRONOUN_IT, word)));
        }
    }
    return most;
}

static void show_heads(heed_demoing *d, const heed_model *model, const heed_pronoun_pairs *p)
{
    const heed_pronoun_look look = heed_pronoun_look_at(d, model, &p->windows);
    heed_grid table;
    int64_t best = 0;
    double at_it;

    if (d->s.status != HEED_OK)
        return;
    table = heed_grid_make(&d->s, look.n_layers, look.n_heads);
    for (int64_t l = 0; d->s.status == HEED_OK && l < table.rows * table.columns; l++) {
        table.data[l] = shift_of(&look, p, l / look.n_heads, l % look.n_heads);
        best = table.data[l] > table.data[best] ? l : best;
    }
    if (d->s.status != HEED_OK)
        return;
    at_it = change_at_it(&look, p);
    heed_show_table(d, table,
                    "Weight from the last word that moves to the noun that is meant, blocks and heads from 1",
                    NULL, NULL, false);
    heed_show_figure(d, "shift", table.data[best], "of the best head: weight that moves with the last word");
    heed_show_figure(d, "on_meant", weight_on(&look, p, best / look.n_heads, best % look.n_heads, true),
                     "its mean weight on the noun that is meant");
    heed_show_figure(d, "on_other", weight_on(&look, p, best / look.n_heads, best % look.n_heads, false),
                     "and on the other one");
    heed_show_figure(d, "change_at_it", at_it,
                     "what another last word changes of the weights from \"it\", at most");
    heed_show_check(
        d, table.data[best] >= 0.25,
        "with another last word, %.2f of a head's weight moves from one noun to the other, at least 0.25",
        table.data[best]);
    heed_show_check(d, at_it <= 1e-6, "from \"it\", which stands before the last word, nothing moves: %.2g",
                    at_it);
}

/* --- one sentence --- */

/* Small letters, one blank between words, no sign at the end: as the task has it. */
static void tidy(const char *text, char *out)
{
    size_t used = 0;

    for (; *text != '\0' && used + 2 < MOST_BYTES; text++) {
        if (isalpha((unsigned char)*text))
            out[used++] = (char)tolower((unsigned char)*text);
        else if (isspace((unsigned char)*text) && used > 0 && out[used - 1] != ' ')
            out[used++] = ' ';
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
}

/* Behind the last blank. */
static char *last_word(char *sentence)
{
    char *space = strrchr(sentence, ' ');

    return space != NULL ? space + 1 : sentence;
}

/* The words of text into ids; how many. */
static int64_t find_words(heed_demoing *d, const heed_tokenizer *tokenizer, const char *text, int32_t *ids)
{
    int64_t n = 0;

    while (*text != '\0' && d->s.status == HEED_OK) {
        const size_t bytes = strcspn(text, " ");
        const int64_t id = heed_tokenizer_find(tokenizer, text, bytes);

        if (id < 0)
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "sentence: \"%.*s\" is no word of the task pronoun",
                            bytes < 40 ? (int)bytes : 40, text);
        else if (n == HEED_PRONOUN_WORDS)
            heed_solve_fail(&d->s, HEED_ERR_USAGE, "sentence: expected at most %d words", HEED_PRONOUN_WORDS);
        else
            ids[n++] = (int32_t)id;
        text += bytes + (text[bytes] != '\0');
    }
    if (d->s.status == HEED_OK &&
        (n < LEAST_WORDS || ids[HEED_PRONOUN_IT] != heed_tokenizer_find(tokenizer, "it", 2) ||
         ids[HEED_PRONOUN_WAS] != heed_tokenizer_find(tokenizer, "was", 3)))
        heed_solve_fail(
            &d->s, HEED_ERR_USAGE,
            "sentence: expected one such as \"the cat sat on the mat because it was so tired\", got %lld words",
            (long long)n);
    return d->s.status == HEED_OK ? n : 0;
}

/* "the|cat|sat" */
static const char *names_of(heed_demoing *d, const heed_tokenizer *tokenizer, const int32_t *ids, int64_t n)
{
    const char *names = "";

    for (int64_t w = 0; w < n; w++) {
        size_t bytes = 0;
        const char *piece = heed_tokenizer_piece(tokenizer, ids[w], &bytes);

        names = heed_demo_words(d, "%s%s%.*s", names, w > 0 ? "|" : "", (int)bytes, piece != NULL ? piece : "");
    }
    return names;
}

/* Weights from the last word on each word, one column a head. */
static void show_row(heed_demoing *d, const heed_pronoun_look *look, const char *names, const char *title)
{
    const int64_t n = look->n_layers * look->n_heads;
    heed_grid table = heed_grid_make(&d->s, look->length, n);
    const char *heads = "";

    for (int64_t l = 0; d->s.status == HEED_OK && l < n; l++) {
        heads = heed_demo_words(d, "%s%shead %lld.%lld", heads, l > 0 ? "|" : "",
                                (long long)(l / look->n_heads), (long long)(l % look->n_heads));
        for (int64_t w = 0; w < look->length; w++)
            table.data[w * n + l] = heed_pronoun_weight(look, 0, l / look->n_heads, l % look->n_heads,
                                                        look->length - 1, w);
    }
    heed_show_table(d, table, title, names, heads, true);
}

/* Before the last word: the mean weight of all heads on each word, and on the likeliest of each sort of words. */
static void show_ranking(heed_demoing *d, const heed_pronoun_look *look, const char *names)
{
    static const char *const sorts[6] = {"before_first_noun", "before_second_noun", "before_because",
                                         "before_it",         "before_was",         "before_other"};
    const int64_t query = look->length - 2, n = look->n_layers * look->n_heads;
    heed_grid row = heed_grid_make(&d->s, look->length, 1);
    double of[6] = {0.0};

    for (int64_t w = 0; d->s.status == HEED_OK && w <= query; w++) {
        const int sort = w == HEED_PRONOUN_FIRST     ? 0
                         : w == HEED_PRONOUN_SECOND  ? 1
                         : w == HEED_PRONOUN_BECAUSE ? 2
                         : w == HEED_PRONOUN_IT      ? 3
                         : w >= HEED_PRONOUN_WAS     ? 4
                                                     : 5;

        for (int64_t l = 0; l < n; l++)
            row.data[w] += heed_pronoun_weight(look, 0, l / look->n_heads, l % look->n_heads, query, w) /
                           (double)n;
        of[sort] = fmax(of[sort], row.data[w]);
    }
    heed_show_table(d, row, "Before the last word is read: mean weight of all heads on each word", names,
                    "weight", false);
    for (int i = 0; i < 6; i++)
        heed_show_figure(d, sorts[i], of[i], "mean weight of all heads there, before the last word is read");
}

static void show_sentence(heed_demoing *d, const heed_tokenizer *tokenizer, const heed_model *model)
{
    char sentence[MOST_BYTES], other[MOST_BYTES];
    int32_t ids[HEED_PRONOUN_WORDS];

    tidy(heed_take_text(&d->s, "sentence"), sentence);
    tidy(heed_take_text(&d->s, "other"), other);
    if (d->s.status == HEED_OK && strlen(sentence) + strlen(other) + 1 >= MOST_BYTES)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "other: expected a word, got %zu bytes", strlen(other));
    for (int k = 0; d->s.status == HEED_OK && k < 2; k++) {
        const heed_demo_windows w = {.n = 1, .length = find_words(d, tokenizer, sentence, ids), .ids = ids};
        const heed_pronoun_look look = heed_pronoun_look_at(d, model, &w);
        const char *names = d->s.status == HEED_OK ? names_of(d, tokenizer, ids, w.length) : "";

        if (d->s.status != HEED_OK)
            return;
        if (k == 0)
            show_ranking(d, &look, names);
        show_row(d, &look, names, heed_demo_words(d, "Where each head looks from \"%s\"", last_word(sentence)));
        memcpy(last_word(sentence), other, strlen(other) + 1);
    }
}

/* --- a model of a folder --- */

/* Bytes of the n-th word of the text, from 0: where it begins, and its end in *end. */
static size_t find_word(const char *text, int n, size_t *end)
{
    size_t at = strspn(text, " ");

    for (; n > 0; n--) {
        at += strcspn(text + at, " ");
        at += strspn(text + at, " ");
    }
    *end = at + strcspn(text + at, " ");
    return at;
}

/* Weight from the last token on those tokens that lie in the word. */
static double weight_on_word(const heed_model *model, const heed_pronoun_look *look, const int32_t *ids,
                             int64_t layer, int64_t head, const char *text, int word)
{
    const heed_grid p = look->patterns[layer];
    const double *row = p.data + (head * look->length + look->length - 1) * p.columns;
    size_t end, begin = find_word(text, word, &end), at = 0;
    double sum = 0.0;

    for (int64_t t = 0; t < look->length; t++) {
        size_t n = 0;
        heed_model_piece(model, ids[t], &n);
        sum += at < end && at + n > begin ? row[t] : 0.0;
        at += n;
    }
    return sum;
}

static heed_grid weights_of_given(heed_demoing *d, const heed_model *model, const char *text)
{
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {HEED_OK, ""};
    heed_grid out = {0};

    if (!heed_demo_ok(d, heed_model_encode(model, text, strlen(text), &ids, &n, &err), &err))
        return out;
    if (n > 0) {
        const heed_demo_windows w = {.n = 1, .length = (int64_t)n, .ids = ids};
        const heed_pronoun_look look = heed_pronoun_look_at(d, model, &w);

        out = heed_grid_make(&d->s, look.n_layers, look.n_heads);
        for (int64_t l = 0; d->s.status == HEED_OK && l < out.rows * out.columns; l++)
            out.data[l] = weight_on_word(model, &look, ids, l / look.n_heads, l % look.n_heads, text, 1) -
                          weight_on_word(model, &look, ids, l / look.n_heads, l % look.n_heads, text, 5);
    }
    free(ids);
    return out;
}

/* What the last word moves in each head of the model in the folder "model"; no check, as nobody trained it for this. */
static void show_given(heed_demoing *d)
{
    heed_model *model = heed_demo_given_model(d);
    char sentence[MOST_BYTES], other[MOST_BYTES], first[MOST_BYTES];
    heed_grid a, b;
    double most = 0.0;

    if (model == NULL)
        return;
    tidy(heed_take_text(&d->s, "sentence"), sentence);
    tidy(heed_take_text(&d->s, "other"), other);
    memcpy(first, sentence, sizeof first);
    if (strlen(sentence) + strlen(other) + 1 < MOST_BYTES)
        memcpy(last_word(sentence), other, strlen(other) + 1);
    a = weights_of_given(d, model, first);
    b = weights_of_given(d, model, sentence);
    for (int64_t l = 0; d->s.status == HEED_OK && l < a.rows * a.columns; l++) {
        a.data[l] = 0.5 * (a.data[l] - b.data[l]);
        most = fmax(most, a.data[l]);
    }
    heed_show_table(
        d, a, "The model in the folder: weight that the last word moves to its noun, blocks and heads from 1",
        NULL, NULL, false);
    heed_show_figure(d, "given_shift", most, "the largest of them");
    heed_model_close(model);
}

/* --- all of it --- */

/* One that only makes sentences. */
static heed_trainer *open_task(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_BIGRAM);

    t.config.context_length = 2 * HEED_PRONOUN_WORDS + 1;
    t.options.task = heed_task_find("pronoun");
    t.options.task_prompts = true;
    t.text = NULL;
    return heed_demo_train_begin(d, &t);
}

static heed_model *make_model(heed_demoing *d, const heed_pronoun_source *s, int64_t window)
{
    heed_config c = heed_config_default();
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK)
        return NULL;
    c.vocab_size = heed_tokenizer_vocab_size(s->tokenizer);
    c.context_length = HEED_PRONOUN_WORDS;
    c.n_layers = 1;
    c.n_heads = 2;
    c.d_model = 64;
    c.tied_head = false;
    c.window = window;
    heed_demo_ok(d, heed_model_create(&c, d->options->seed, &model, &err), &err);
    return model;
}

typedef struct lesson {
    const heed_pronoun_source *source;
    int64_t next;
    int32_t *ids, *targets; /* [BATCH, HEED_PRONOUN_WORDS] */
} lesson;

static void fill(void *context, heed_rng *rng)
{
    lesson *l = context;

    (void)rng;
    for (int64_t b = 0; b < BATCH; b++)
        heed_pronoun_read(l->source, HEED_PART_TRAIN, l->next++, l->ids + b * HEED_PRONOUN_WORDS,
                          l->targets + b * HEED_PRONOUN_WORDS);
}

static heed_model *train(heed_demoing *d, const heed_pronoun_source *s, int64_t window, const char *words,
                         double from)
{
    const heed_shape shape = heed_shape2(BATCH, HEED_PRONOUN_WORDS);
    heed_train_options o = heed_learner_options(d);
    heed_model *model = make_model(d, s, window);
    lesson all = {.source = s};
    heed_learner l;

    o.threads = 1;
    if (heed_learner_open(&l, d, &o)) {
        heed_node *ids = heed_learner_ids(&l, "ids", shape, &all.ids),
                  *targets = heed_learner_ids(&l, "targets", shape, &all.targets);
        const heed_gpt gpt = heed_learner_model(&l, model, ids, targets);

        if (heed_learner_ready(&l, gpt.loss, NULL, 0))
            heed_learner_train(&l, fill, &all, words, from, from + 0.45);
    }
    heed_learner_close(&l);
    return model;
}

static void judge_window(heed_demoing *d, const shares *all, const shares *narrow, int64_t window,
                         int64_t reach)
{
    heed_grid table = heed_grid_make(&d->s, 2, 2);

    for (int k = 0; d->s.status == HEED_OK && k < 2; k++) {
        table.data[k] = all->right[1 - k];
        table.data[2 + k] = narrow->right[1 - k];
    }
    heed_show_table(
        d, table,
        heed_demo_words(d, "Right nouns, by whether they are at most %lld words back", (long long)reach),
        heed_demo_words(d, "all words|window of %lld", (long long)window), "near|far", false);
    heed_show_figure(d, "right_near", all->right[1], "the model that sees all keys: nouns that are near");
    heed_show_figure(d, "right_far", all->right[0], "and those that are far");
    heed_show_figure(d, "window_near", narrow->right[1], "the model with a window: nouns within its reach");
    heed_show_figure(d, "window_far", narrow->right[0], "and those beyond it");
    heed_show_check(d, all->right[0] >= 0.8, "seeing all keys it says the right noun, far as it may be: %.2f",
                    all->right[0]);
    heed_show_check(d, narrow->right[0] <= 0.5 && narrow->right[0] <= all->right[0] - 0.3,
                    "with a window that does not reach the noun it is right in %.2f, in %.2f where it does",
                    narrow->right[0], narrow->right[1]);
}

static void run(heed_demoing *d)
{
    const int64_t window = heed_take_int(&d->s, "window", 2, HEED_PRONOUN_WORDS), reach = window - 1;
    heed_trainer *task = open_task(d);
    const heed_pronoun_source source = heed_pronoun_open(d, task);
    heed_model *model = train(d, &source, 0, "sentences, all words seen", 0.0),
               *narrow = train(d, &source, d->sabotage ? 0 : window, "sentences, with a window", 0.45);

    if (d->s.status == HEED_OK) {
        const heed_pronoun_pairs pairs = heed_pronoun_pairs_of(d, &source, N_SENTENCES, d->sabotage);
        const shares seen = measure(d, model, &pairs, reach), unseen = measure(d, narrow, &pairs, reach);

        show_sentence(d, source.tokenizer, model);
        show_heads(d, model, &pairs);
        judge_window(d, &seen, &unseen, window, reach);
        show_given(d);
    }
    heed_model_close(model);
    heed_model_close(narrow);
    heed_trainer_close(task);
}

const heed_demo heed_demo_38 = {
    .info =
        {.id = "D38",
         .title = "What \"it\" means",
         .shows =
             "Trains one block of a GPT on sentences of two nouns such as \"the cat sat on the mat because it "
             "was tired\", "
             "behind which the noun is named that \"it\" means; it follows from the last word (what is said of "
             "beings, of "
             "cloths, of dishes, of machines). Each sentence is then read with a last word of either noun. The "
             "last word, "
             "behind which the noun is to be named, looks at the noun that fits; \"it\" itself stands before "
             "it and "
             "cannot know. A second model sees a window of keys alone: it can only guess a noun beyond that.",
         .rule = "One head or more moves at least 0.25 of its weight from one noun to the other with the last "
                 "word; from \"it\" "
                 "nothing moves; seeing all words at least 80 % of far nouns are named right, with the window "
                 "at most half, and "
                 "at least 30 in a hundred fewer.",
         .sabotage = "Both last words are said of the first noun, and the second model sees all keys.",
         .params = "{\"steps\": 600, \"window\": 8, \"sentence\": \"the cat sat on the mat because it was "
                   "tired\", \"other\": "
                   "\"dirty\", \"model\": \"\"}",
         .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
