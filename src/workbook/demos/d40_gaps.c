/* SPDX-License-Identifier: MIT */
/* D40: an encoder that fills gaps, the same with the causal mask, and a GPT. */
#include <heed/session.h>
#include <math.h>
#include <string.h>

#include "kernels/mask.h"
#include "nn/model.h"
#include "workbook/demos/demos.h"
#include "workbook/demos/learner.h"
#include "workbook/demos/small_model.h"
#include "workbook/demos/training.h"
#include "workbook/demos/written.h"

enum {
    BATCH = 32,
    LENGTH = 32,
    N = BATCH * LENGTH,
    LOOKS = 16,
    WRITTEN = 72,
    SMOOTH = 20,
    LETTERS = 12,
    GAP = LETTERS
};
#define GAPS 0.2 /* of the letters that have no gap before them */

typedef enum kind { TWO_WAY, MASKED, GPT, N_KINDS } kind;

static const struct {
    const char *key, *words;
    bool causal, gaps; /* gaps: it learns to fill them; otherwise to say what comes next */
} kinds[N_KINDS] = {{"two_way", "encoder", false, true},
                    {"masked", "encoder with the causal mask", true, true},
                    {"gpt", "GPT", true, false}};

typedef struct student {
    kind kind;
    heed_model *model;
    heed_learner learner;
    heed_node *logits;
    int32_t *ids, *targets, *truth; /* [BATCH, LENGTH]; truth: the walks without gaps */
    heed_grid curve;
    double accuracy, end_accuracy, change, steps_right;
    heed_status session; /* of opening one */
    char filled[LENGTH + 1];
} student;

/* --- walks --- */

/* Letters on a ring, each beside the one before it. */
static void draw_walks(int32_t *truth, heed_rng *rng)
{
    for (int i = 0; i < N; i++)
        truth[i] = i % LENGTH == 0 ? (int32_t)heed_rng_below(rng, LETTERS)
                                   : (truth[i - 1] + (heed_rng_below(rng, 2) == 0 ? 1 : LETTERS - 1)) % LETTERS;
}

/* Never two side by side, and none at the begin, where a GPT has nothing to tell it from. */
static void cut_gaps(student *s, heed_rng *rng)
{
    for (int i = 0; i < N; i++) {
        const bool out = i % LENGTH > 0 && s->ids[i - 1] != GAP && heed_rng_double(rng) < GAPS;
        s->ids[i] = out ? GAP : s->truth[i];
        s->targets[i] = out ? s->truth[i] : HEED_IGNORE_TARGET;
    }
}

static void fill(void *context, heed_rng *rng)
{
    student *s = context;

    draw_walks(s->truth, rng);
    cut_gaps(s, rng);
    for (int i = 0; !kinds[s->kind].gaps && i < N; i++) { /* targets are the letters behind */
        s->ids[i] = s->truth[i];
        s->targets[i] = (i + 1) % LENGTH > 0 ? s->truth[i + 1] : HEED_IGNORE_TARGET;
    }
}

/* --- training --- */

static void open(heed_demoing *d, const heed_config *config, kind which, student *s)
{
    heed_config c = *config;
    heed_train_options options = heed_learner_options(d);
    const heed_shape shape = heed_shape2(BATCH, LENGTH);
    heed_error err = {HEED_OK, ""};
    heed_node *ids, *targets;
    heed_gpt gpt;

    *s = (student){.kind = which};
    c.causal = kinds[which].causal || d->sabotage;
    if (!heed_demo_ok(d, heed_model_create(&c, d->options->seed, &s->model, &err), &err) ||
        !heed_learner_open(&s->learner, d, &options))
        return;
    ids = heed_learner_ids(&s->learner, "ids", shape, &s->ids);
    targets = heed_learner_ids(&s->learner, "targets", shape, &s->targets);
    s->truth = (int32_t *)(void *)heed_demo_floats(d, N);
    gpt = heed_learner_model(&s->learner, s->model, ids, targets);
    s->logits = gpt.logits;
    heed_learner_ready(&s->learner, gpt.loss, &gpt.logits, 1);
}

static void close(student *s)
{
    if (s->learner.d != NULL)
        heed_learner_close(&s->learner);
    heed_model_close(s->model);
}

/* --- gaps that are filled --- */

/* What the model says of place i: an encoder in its row, a GPT in the row before it, where it has read all up to there. */
static int32_t said(const student *s, heed_grid logits, int i)
{
    const double *row = logits.data + (kinds[s->kind].gaps ? i : i - 1) * logits.columns;
    int32_t best = 0;

    for (int32_t v = 1; v < LETTERS; v++) {
        if (row[v] > row[best])
            best = v;
    }
    return best;
}

/* A look at new walks, the same of all kinds; the share of right ones at the places that are asked for. */
static double look(student *s, heed_rng *rng, bool *places, bool end)
{
    int n = 0, right = 0;
    heed_grid logits;

    draw_walks(s->truth, rng);
    cut_gaps(s, rng);
    for (int i = 0; i < N; i++) {
        places[i] = end ? (i + 1) % LENGTH == 0 : s->ids[i] == GAP;
        s->ids[i] = places[i] && kinds[s->kind].gaps ? GAP : s->truth[i];
        n += places[i];
    }
    heed_learner_look(&s->learner);
    logits = heed_learner_value(&s->learner, s->logits);
    for (int i = 0; logits.data != NULL && i < N; i++) {
        right += places[i] && said(s, logits, i) == s->truth[i];
        if (i < LENGTH)
            s->filled[i] = (char)('a' + (places[i] ? said(s, logits, i) : s->truth[i]));
    }
    return (double)right / (double)(n > 0 ? n : 1);
}

/* Of the last walks, the first one is shown: as it was, with its gaps, and as it was filled. */
static void measure(heed_demoing *d, student *s, char *truth, char *gaps)
{
    heed_rng rng = heed_rng_make(d->options->seed + 1, HEED_STREAM_LEARNER);
    bool *places = (bool *)(void *)heed_demo_floats(d, N);

    for (int i = 0; d->s.status == HEED_OK && i < LOOKS; i++) {
        s->end_accuracy += look(s, &rng, places, true) / LOOKS;
        s->accuracy += look(s, &rng, places, false) / LOOKS;
    }
    for (int i = 0; d->s.status == HEED_OK && i < LENGTH; i++) {
        truth[i] = (char)('a' + s->truth[i]);
        gaps[i] = places[i] ? '_' : truth[i];
    }
}

/* --- what writing would need --- */

/* How far the logits of half a window move when one more letter is read behind it. */
static double change_of(heed_demoing *d, const student *s)
{
    const heed_forward_ids half = {.ids = s->truth, .batch = 1, .length = LENGTH / 2},
                           more = {.ids = s->truth, .batch = 1, .length = LENGTH / 2 + 1};
    const heed_grid before = heed_demo_read(d, s->model, &half, "logits"),
                    after = heed_demo_read(d, s->model, &more, "logits");
    double most = 0.0;

    for (int64_t i = 0; d->s.status == HEED_OK && i < before.rows * before.columns; i++)
        most = fmax(most, fabs(before.data[i] - after.data[i]));
    return most;
}

static const char *try_session(heed_demoing *d, student *s)
{
    const heed_session_options options = {.threads = 1};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};

    s->session = heed_session_open(s->model, &options, &session, &err);
    heed_session_close(session);
    return s->session == HEED_OK ? "it is taken" : heed_demo_words(d, "%s", err.message);
}

/* An encoder gets a gap at the end and says what stands there; then the next, and the whole window is read again. */
static void write(heed_demoing *d, student *s)
{
    const bool gaps = kinds[s->kind].gaps;
    const int32_t *text = heed_demo_write(d, s->model, s->truth, LENGTH, WRITTEN, 0, 1.0, gaps ? GAP : -1);
    char shown[WRITTEN];
    int right = 0;

    for (int i = 0; text != NULL && i < WRITTEN; i++) {
        const int32_t before = i > 0 ? text[i - 1] : s->truth[LENGTH - 1],
                      step = (text[i] - before + LETTERS) % LETTERS;
        right += text[i] < LETTERS && before < LETTERS && (step == 1 || step == LETTERS - 1);
        shown[i] = text[i] < LETTERS ? (char)('a' + text[i]) : '_';
    }
    s->steps_right = (double)right / WRITTEN;
    if (text != NULL)
        heed_show_passage(d,
                          heed_demo_words(d, "%s%s", kinds[s->kind].words,
                                          gaps ? ", a gap at the end, again and again" : ", letter by letter"),
                          shown, WRITTEN);
}

/* --- what came out --- */

/* Of two neighbours that differ the letter between is known; of two that are alike, and from the left alone, it is one of two. */
static double possible(heed_demoing *d)
{
    int32_t *truth = (int32_t *)(void *)heed_demo_floats(d, N);
    heed_rng rng = heed_rng_make(d->options->seed + 2, HEED_STREAM_LEARNER);
    double sum = 0.0;

    if (truth == NULL)
        return NAN;
    draw_walks(truth, &rng);
    for (int i = 1; i < N; i++)
        sum += i % LENGTH == 0 ? 0.0 : (i + 1) % LENGTH > 0 && truth[i - 1] != truth[i + 1] ? 1.0 : 0.5;
    return sum / (double)(N - BATCH);
}

static void show(heed_demoing *d, const student *s)
{
    static const heed_mask none = {.causal = false}, causal = {.causal = true};
    const heed_grid table = heed_grid_make(&d->s, N_KINDS, 5);

    for (int k = 0; d->s.status == HEED_OK && k < N_KINDS; k++) {
        const double row[] = {s[k].accuracy, s[k].end_accuracy, s[k].change, s[k].steps_right,
                              (double)heed_weights_count(s[k].model->weights)};
        memcpy(table.data + 5 * k, row, sizeof row);
        heed_show_curve(d, kinds[k].words, heed_demo_counted(d, s[k].curve.columns),
                        heed_demo_smoothed(d, s[k].curve, SMOOTH));
        heed_show_figure(d, heed_demo_words(d, "accuracy_%s", kinds[k].key), s[k].accuracy,
                         "share of the gaps that are filled right");
        heed_show_figure(d, heed_demo_words(d, "end_%s", kinds[k].key), s[k].end_accuracy,
                         "the same of the last place, behind which nothing stands");
        heed_show_figure(d, heed_demo_words(d, "change_%s", kinds[k].key), s[k].change,
                         "of the logits of a text when one more letter is read behind it");
        heed_show_figure(d, heed_demo_words(d, "session_%s", kinds[k].key), s[k].session == HEED_OK,
                         "1: a session takes it, to write from left to right");
        heed_show_figure(d, heed_demo_words(d, "parameters_%s", kinds[k].key), row[4],
                         "numbers that are learned");
    }
    heed_show_figure(d, "possible_two_way", possible(d), "of the gaps, by the neighbours on both sides");
    heed_show_figure(d, "possible_left", 0.5, "from the left alone: one of two");
    heed_show_figure(d, "pairs_two_way", heed_mask_pairs(&none, LENGTH, LENGTH),
                     "pairs of query and key that see each other");
    heed_show_figure(d, "pairs_causal", heed_mask_pairs(&causal, LENGTH, LENGTH),
                     "the same with the causal mask");
    heed_show_table(d, table,
                    "Gaps filled right, what one more letter changes, and steps that are right when it writes",
                    "encoder|with the mask|GPT", "gaps|last place|change|written|parameters", false);
}

static void show_filled(heed_demoing *d, const student *s, const char *truth, const char *gaps)
{
    const char *text = heed_demo_words(
        d, "%s  the walk\n%s  its gaps\n%s  encoder\n%s  encoder with the causal mask\n%s  GPT", truth, gaps,
        s[TWO_WAY].filled, s[MASKED].filled, s[GPT].filled);

    heed_show_passage(d, "A walk whose gaps are filled", text, strlen(text));
}

static void judge(heed_demoing *d, const student *s, const char *refused)
{
    heed_show_check(
        d, s[TWO_WAY].accuracy > 0.65,
        "the encoder fills %.1f %% of the gaps; both sides allow for 75 %%, the left alone for 50 %%",
        100.0 * s[TWO_WAY].accuracy);
    heed_show_check(
        d, s[MASKED].accuracy < 0.56 && s[GPT].accuracy < 0.56,
        "with the causal mask added, which is all that differs, it fills %.1f %%, and a GPT %.1f %%",
        100.0 * s[MASKED].accuracy, 100.0 * s[GPT].accuracy);
    heed_show_check(d, s[TWO_WAY].session == HEED_ERR_USAGE && s[GPT].session == HEED_OK,
                    "the encoder cannot write from left to right: %s", refused);
    heed_show_check(
        d, s[TWO_WAY].change > 0.01 && s[GPT].change < 1e-3,
        "one more letter changes what the encoder says of those before by %.3g, so nothing of it can be kept; "
        "what the GPT says by %.3g",
        s[TWO_WAY].change, s[GPT].change);
}

static void run(heed_demoing *d)
{
    heed_config config = heed_demo_training_of(d, HEED_DEMO_P2S).config;
    student s[N_KINDS] = {{.model = NULL}};
    const char *refused = "";
    char truth[LENGTH + 1] = "", gaps[LENGTH + 1] = "";

    config.context_length = LENGTH;
    config.vocab_size = LETTERS + 1;
    config.positions = HEED_POSITIONS_ROTARY; /* what it is to be beside a gap is the same everywhere */
    heed_show_axes(d, "Loss of the batches: of gaps, of next letters", "step", "nats", "");
    for (int k = 0; d->s.status == HEED_OK && k < N_KINDS; k++) {
        open(d, &config, (kind)k, &s[k]);
        s[k].curve = heed_learner_train(&s[k].learner, fill, &s[k], kinds[k].words, k / (double)N_KINDS,
                                        (k + 1) / (double)N_KINDS);
        measure(d, &s[k], truth, gaps);
        if (d->s.status == HEED_OK) {
            const char *answer = try_session(d, &s[k]);
            refused = k == TWO_WAY ? answer : refused;
            s[k].change = change_of(d, &s[k]);
            write(d, &s[k]);
        }
    }
    if (d->s.status == HEED_OK) {
        show(d, s);
        show_filled(d, s, truth, gaps);
        judge(d, s, refused);
    }
    for (int k = 0; k < N_KINDS; k++)
        close(&s[k]);
}

const heed_demo heed_demo_40 = {
    .info = {.id = "D40",
             .title = "Both ways, or from left to right",
             .shows = "Texts are walks on a ring of twelve letters: each is a neighbour of the one before. "
                      "From the left a letter is one of two; between two "
                      "neighbours that differ there is but one. An encoder, which sees all keys, learns to "
                      "fill gaps; so does the same "
                      "with the causal mask added; a GPT learns to say what comes next. The encoder uses both "
                      "sides, and the mask takes that away. But what it "
                      "says of a letter depends on all later ones: one more changes everything, nothing can be "
                      "kept from step to step, and there is "
                      "no probability of a next letter. To make it write, a gap is put at the end and the "
                      "whole is read again, each time.",
             .rule = "Of gaps that never stand side by side the encoder fills more than 65 %, the same with "
                     "the causal mask and the GPT less than 56 %; a "
                     "session refuses the encoder and takes the GPT; one more letter moves the encoder's "
                     "earlier logits by more than 0.01, the GPT's by "
                     "less than 0.001.",
             .sabotage = "The encoder has the causal mask, too.",
             .params = "{\"steps\": 250}",
             .trains = true},
    .full = "{\"steps\": 2000}",
    .run = run,
};
