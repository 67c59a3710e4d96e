/* SPDX-License-Identifier: MIT */
/* D30: a small model with one head, taught by a larger one, and alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/kept_model.h"
#include "workbook/demos/windows.h"

enum { TEACHER, ALONE, DISTILLED, N_MODELS };
enum { TEST_WINDOWS = 48 };

static const char *const names[N_MODELS] = {"teacher", "alone", "distilled"};

typedef struct measured {
    double parameters, flops; /* of a token */
    double loss, kl, agreement;
} measured;

/* --- training --- */

static heed_demo_training student_of(const heed_demo_training *teacher)
{
    heed_demo_training t = *teacher;

    t.config.n_layers = 1;
    t.config.n_heads = 1;
    t.config.d_model = 32;
    t.options.seed++;
    return t;
}

/* folder NULL: alone. The teacher is opened at the beginning, after which its folder is no longer needed. */
static heed_trainer *train_student(heed_demoing *d, heed_demo_training *t, heed_demo_folder *folder,
                                   double from)
{
    if (folder != NULL) {
        snprintf(t->options.distill, sizeof t->options.distill, "%s", folder->path);
        t->options.temperature = heed_take_number(&d->s, "temperature");
        t->options.distill_weight = d->sabotage ? 0.0 : heed_take_number(&d->s, "mix");
    }
    return heed_demo_train(d, t, folder != NULL ? "a student with a teacher" : "the same student alone", from,
                           from + 0.3);
}

/* --- measuring --- */

static void log_softmax(const double *logits, int64_t n, double *out)
{
    double most = -INFINITY, sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, logits[i]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(logits[i] - most);
    for (int64_t i = 0; i < n; i++)
        out[i] = logits[i] - most - log(sum);
}

static int64_t largest(const double *x, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        best = x[i] > x[best] ? i : best;
    return best;
}

/* KL(teacher || model) at temperature 1, and how often both have the same likeliest token. */
static void compare(heed_demoing *d, heed_grid teacher, heed_grid own, measured *out)
{
    const int64_t V = teacher.columns;
    heed_grid p = heed_grid_make(&d->s, 2, V);
    double kl = 0.0, same = 0.0;

    for (int64_t r = 0; d->s.status == HEED_OK && r < teacher.rows; r++) {
        const double *a = teacher.data + r * V, *b = own.data + r * V;

        log_softmax(a, V, p.data);
        log_softmax(b, V, p.data + V);
        for (int64_t i = 0; i < V; i++)
            kl += exp(p.data[i]) * (p.data[i] - p.data[V + i]);
        same += largest(a, V) == largest(b, V);
    }
    out->kl = kl / (double)teacher.rows;
    out->agreement = same / (double)teacher.rows;
}

static measured measure(heed_demoing *d, heed_trainer *trainer, const heed_demo_windows *w, heed_grid teacher)
{
    const heed_model *model = trainer != NULL ? heed_trainer_model(trainer) : NULL;
    measured out = {.loss = heed_demo_windows_loss(d, model, w, 0)};
    const heed_grid logits = teacher.rows > 0 ? heed_demo_windows_logits(d, model, w) : teacher;
    heed_accounting counted;
    heed_error err = {HEED_OK, ""};

    if (d->s.status != HEED_OK ||
        !heed_demo_ok(d, heed_model_account_forward(model, 1, w->length, &counted, &err), &err))
        return out;
    out.parameters = counted.parameters;
    out.flops = counted.flops / (double)w->length;
    compare(d, teacher, logits, &out);
    return out;
}

/* --- what came out --- */

static void show(heed_demoing *d, const measured *m)
{
    heed_grid table = heed_grid_make(&d->s, N_MODELS, 5);

    for (int i = 0; d->s.status == HEED_OK && i < N_MODELS; i++) {
        const double row[] = {m[i].parameters, m[i].flops, m[i].loss, m[i].kl, m[i].agreement};

        memcpy(table.data + 5 * i, row, sizeof row);
        heed_show_figure(d, heed_demo_words(d, "loss_%s", names[i]), m[i].loss, "nats a token, validation");
        if (i == TEACHER)
            continue;
        heed_show_figure(d, heed_demo_words(d, "kl_%s", names[i]), m[i].kl,
                         "KL(teacher || student), nats a token");
        heed_show_figure(d, heed_demo_words(d, "agreement_%s", names[i]), m[i].agreement,
                         "tokens for which both have the same likeliest one");
    }
    heed_show_figure(d, "parameters_teacher", m[TEACHER].parameters, "numbers");
    heed_show_figure(d, "parameters_student", m[ALONE].parameters, "numbers");
    heed_show_table(d, table, "Parameters, work of a token, and how near to the teacher",
                    "teacher|student alone|distilled", "parameters|flop|loss|KL|agree", false);
}

static void judge(heed_demoing *d, const measured *m)
{
    heed_show_check(d, m[DISTILLED].kl <= 0.97 * m[ALONE].kl,
                    "distilled, the student is nearer to the teacher: KL %.4f, alone %.4f", m[DISTILLED].kl,
                    m[ALONE].kl);
    heed_show_check(d, m[DISTILLED].loss <= m[ALONE].loss + 0.01,
                    "and its loss is not worse: %.4f nats, alone %.4f", m[DISTILLED].loss, m[ALONE].loss);
    heed_show_check(d, m[ALONE].parameters < 0.5 * m[TEACHER].parameters && m[TEACHER].loss < m[ALONE].loss,
                    "the teacher is larger (%.0f and %.0f numbers) and better", m[TEACHER].parameters,
                    m[ALONE].parameters);
}

static void check_params(heed_demoing *d)
{
    const double temperature = heed_take_number(&d->s, "temperature"), mix = heed_take_number(&d->s, "mix");

    if (d->s.status == HEED_OK && !(temperature >= 0.1 && temperature <= 100.0))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "temperature: expected 0.1 to 100, got %g", temperature);
    if (d->s.status == HEED_OK && !(mix >= 0.0 && mix <= 1.0))
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "mix: expected 0 to 1, got %g", mix);
}

static void run(heed_demoing *d)
{
    heed_demo_training large = heed_demo_training_of(d, HEED_DEMO_P2S), small = student_of(&large),
                       taught = small;
    heed_trainer *trainers[N_MODELS] = {NULL};
    heed_demo_folder folder = {""};
    measured m[N_MODELS] = {{0}};

    check_params(d);
    trainers[TEACHER] = heed_demo_train(d, &large, "the teacher", 0.0, 0.4);
    trainers[ALONE] = train_student(d, &small, NULL, 0.4);
    if (heed_demo_keep(d, trainers[TEACHER] != NULL ? heed_trainer_model(trainers[TEACHER]) : NULL, &folder))
        trainers[DISTILLED] = train_student(d, &taught, &folder, 0.7);
    heed_demo_drop(&folder);
    if (d->s.status == HEED_OK) {
        const heed_demo_windows w = heed_demo_windows_of(d, trainers[TEACHER], TEST_WINDOWS,
                                                         large.config.context_length);
        const heed_grid logits = heed_demo_windows_logits(d, heed_trainer_model(trainers[TEACHER]), &w);

        for (int i = 0; d->s.status == HEED_OK && i < N_MODELS; i++)
            m[i] = measure(d, trainers[i], &w, logits);
    }
    if (d->s.status == HEED_OK) {
        show(d, m);
        heed_show_axes(d, "Cross-entropy of each batch", "step", "nats a token", "");
        heed_show_curve(d, "teacher", heed_demo_counted(d, large.curve.columns),
                        heed_demo_smoothed(d, large.curve, 20));
        heed_show_curve(d, "student alone", heed_demo_counted(d, small.curve.columns),
                        heed_demo_smoothed(d, small.curve, 20));
        heed_show_curve(d, "distilled", heed_demo_counted(d, taught.curve.columns),
                        heed_demo_smoothed(d, taught.curve, 20));
        judge(d, m);
    }
    for (int i = 0; i < N_MODELS; i++)
        heed_trainer_close(trainers[i]);
}

const heed_demo heed_demo_30 = {
    .info = {.id = "D30",
             .title = "A teacher and its student",
             .shows = "Trains a teacher (two blocks of four heads, 64 numbers wide), and twice the same "
                      "student (one block, one "
                      "head, 32 wide): by the text alone, and by the text and what the teacher thinks of every "
                      "next token. A "
                      "text says which token came; a teacher says how likely each was, softened by a "
                      "temperature, so each "
                      "token teaches more. One head alone would make no model smaller: fewer blocks and a "
                      "smaller width do.",
             .rule = "The distilled student's divergence from the teacher is at least 3 % below that of the "
                     "one trained alone, "
                     "its loss at most 0.01 nats above; the teacher has more than twice the parameters, and a "
                     "lower loss.",
             .sabotage = "Nothing of the loss comes from the teacher.",
             .params = "{\"steps\": 500, \"temperature\": 2, \"mix\": 0.5, \"text\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 2500}",
    .run = run,
};
