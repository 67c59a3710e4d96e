/* SPDX-License-Identifier: MIT */
/* D10: many epochs on a small slice of a text. */
#include <math.h>
#include <string.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/study.h"
#include "workbook/demos/training.h"
#include "workbook/demos/written.h"

enum {
    BATCH = 16,
    VALIDATION_CHARACTERS = 16000,
    BATCHES = 12,
    LOOKS = 30,
    PATIENCE = 4,
    WRITTEN = 160,
    SMALLEST = 2000
};
enum { EPOCH, TRAINING, VALIDATION, GAP, N_COLUMNS };

typedef struct course {
    heed_grid table; /* [looks, N_COLUMNS]: one before the first step, then LOOKS or fewer */
    int64_t n, best,
        stopped; /* looks; of the lowest validation loss; where patience would have ended it, or n - 1 */
    float *kept; /* the model at its best */
} course;

/* --- training --- */

static void look(heed_demo_study *s, course *c)
{
    double *row = c->table.data + c->n * N_COLUMNS;

    row[EPOCH] = heed_demo_study_epochs(s);
    row[TRAINING] = heed_demo_study_loss(s, HEED_PART_TRAIN, BATCHES);
    row[VALIDATION] = heed_demo_study_loss(s, HEED_PART_VALIDATION, BATCHES);
    row[GAP] = row[VALIDATION] - row[TRAINING];
    if (c->n == 0 || row[VALIDATION] < c->table.data[c->best * N_COLUMNS + VALIDATION]) {
        c->best = c->n;
        c->kept = heed_demo_study_keep(s, c->kept);
    }
    if (c->stopped == 0 && c->n - c->best >= PATIENCE)
        c->stopped = c->n;
    c->n++;
}

static void go_through(heed_demoing *d, heed_demo_study *s, int64_t steps, course *c)
{
    const int64_t looks = steps < LOOKS ? steps : LOOKS;

    look(s, c);
    for (int64_t i = 0; d->s.status == HEED_OK && i < steps; i++) {
        heed_demo_study_step(s);
        heed_demo_progress(d, (double)(i + 1) / (double)steps, "the same slice again and again");
        if ((i + 1) * looks / steps > i * looks / steps)
            look(s, c);
    }
    c->table.rows = c->n;
    if (c->stopped == 0)
        c->stopped = c->n - 1;
}

/* --- what it writes --- */

/* The longest run of tokens of a text that stands in the slice, too. */
static int64_t longest_copy(const int32_t *text, int64_t n, const int32_t *slice, int64_t n_slice)
{
    int64_t longest = 0;

    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n_slice; j++) {
            int64_t k = 0;
            while (i + k < n && j + k < n_slice && text[i + k] == slice[j + k])
                k++;
            longest = k > longest ? k : longest;
        }
    }
    return longest;
}

static int64_t show_written(heed_demoing *d, heed_demo_study *s, int64_t n_slice, const char *title)
{
    const heed_demo_reading *r = s->reading;
    const int64_t begin = s->first_other * s->length;
    const int32_t *written = heed_demo_write(d, s->model, r->ids + begin, s->length / 2, WRITTEN, 0, 1.0, -1);

    if (written == NULL)
        return 0;
    heed_demo_show_ids(d, r->tokenizer, title, written, WRITTEN);
    return longest_copy(written, WRITTEN, r->ids, n_slice);
}

static void show_texts(heed_demoing *d, heed_demo_study *s, int64_t n_slice, const course *c)
{
    const heed_rng before = d->rng; /* both draw with the same numbers */
    const int64_t end = show_written(d, s, n_slice, "Written at the end");

    d->rng = before;
    heed_demo_study_put_back(s, c->kept);
    heed_show_figure(d, "copied_end", (double)end,
                     "characters: the longest piece of its text that stands in the slice, at the end");
    heed_show_figure(d, "copied_best",
                     (double)show_written(d, s, n_slice, "Written at the lowest validation loss"),
                     "the same at the lowest validation loss");
}

/* --- what came out --- */

static void show(heed_demoing *d, const course *c)
{
    heed_grid x = heed_grid_make(&d->s, 1, c->n), training = heed_grid_make(&d->s, 1, c->n),
              validation = heed_grid_make(&d->s, 1, c->n);

    for (int64_t i = 0; d->s.status == HEED_OK && i < c->n; i++) {
        x.data[i] = c->table.data[i * N_COLUMNS + EPOCH];
        training.data[i] = c->table.data[i * N_COLUMNS + TRAINING];
        validation.data[i] = c->table.data[i * N_COLUMNS + VALIDATION];
    }
    heed_show_axes(d, "Loss on the slice and on other text", "epoch", "nats a token", "");
    heed_show_curve(d, "training", x, training);
    heed_show_curve(d, "validation", x, validation);
    heed_show_table(d, c->table, "Losses in nats", NULL, "epoch|training|validation|gap", false);
}

static void judge(heed_demoing *d, const course *c)
{
    const double *start = c->table.data, *best = start + c->best * N_COLUMNS,
                 *end = start + (c->n - 1) * N_COLUMNS, *stopped = start + c->stopped * N_COLUMNS;

    heed_show_figure(d, "epochs", end[EPOCH], "in all");
    heed_show_figure(d, "best_epoch", best[EPOCH], "of the lowest validation loss");
    heed_show_figure(d, "stopped_epoch", stopped[EPOCH],
                     "where early stopping ends, after four looks without a better one");
    heed_show_figure(d, "best_validation", best[VALIDATION], "nats");
    heed_show_figure(d, "end_validation", end[VALIDATION], "nats");
    heed_show_figure(d, "end_training", end[TRAINING], "nats");
    heed_show_figure(d, "gap_start", start[GAP], "nats: validation minus training before the first step");
    heed_show_figure(d, "gap_best", best[GAP], "nats, at the lowest validation loss");
    heed_show_figure(d, "gap_end", end[GAP], "nats, at the end");
    heed_show_check(d, end[TRAINING] < best[TRAINING] - 0.1,
                    "the training loss keeps falling behind the best point: from %.3f to %.3f", best[TRAINING],
                    end[TRAINING]);
    heed_show_check(d, end[VALIDATION] > best[VALIDATION] + 0.1,
                    "the validation loss turns up: from %.3f to %.3f", best[VALIDATION], end[VALIDATION]);
    heed_show_check(d, c->best > 0 && c->best < c->n - 1 && c->stopped < c->n - 1,
                    "the best epoch is %.1f of %.1f, and early stopping would have ended at %.1f", best[EPOCH],
                    end[EPOCH], stopped[EPOCH]);
    heed_show_check(d, fabs(start[GAP]) < 0.1 && end[GAP] > 0.3,
                    "the gap between them is %.3f before the first step and %.3f at the end", start[GAP],
                    end[GAP]);
}

/* Sabotaged, the slice is so large that no epoch ends. */
static void run(heed_demoing *d)
{
    heed_config config = heed_demo_training_of(d, HEED_DEMO_P2S).config;
    heed_train_options options = heed_learner_options(d);
    const int64_t asked = heed_take_int(&d->s, "slice", SMALLEST, 1 << 20),
                  epochs = heed_take_int(&d->s, "epochs", 1, 1000),
                  slice = d->sabotage ? options.steps * BATCH * config.context_length + asked : asked,
                  enough = epochs * (asked / config.context_length) / BATCH;
    course c = {.table = heed_grid_make(&d->s, LOOKS + 2, N_COLUMNS)};
    heed_demo_reading reading = {0};
    heed_demo_study study = {0};

    options.steps = enough >= 1 && enough < options.steps ? enough : options.steps;
    options.batch_size = BATCH;
    options.schedule = HEED_SCHEDULE_CONSTANT;
    if (d->s.status == HEED_OK && heed_demo_reading_open(d, slice + VALIDATION_CHARACTERS, &reading)) {
        const int64_t n_train = reading.n > slice + SMALLEST ? slice : reading.n - reading.n / 4;

        if (heed_demo_study_open(d, &config, &options, &reading, n_train, &study)) {
            go_through(d, &study, options.steps, &c);
            if (d->s.status == HEED_OK) {
                show(d, &c);
                judge(d, &c);
                show_texts(d, &study, n_train, &c);
            }
        }
    }
    heed_demo_study_close(&study);
    heed_demo_reading_close(&reading);
}

const heed_demo heed_demo_10 = {
    .info = {.id = "D10",
             .title = "Learning by heart",
             .shows = "Trains a small GPT on a slice of a text for many epochs, and looks at the loss on the "
                      "slice and on text "
                      "that it never sees. First both fall together. Then the model begins to know the slice "
                      "itself: its loss "
                      "goes on falling, while that of other text turns up. Early stopping ends the training "
                      "once the loss on "
                      "other text has not become better for four looks, and takes the model of the best one.",
             .rule = "Behind the best point of the validation loss the training loss falls by 0.1 more, and "
                     "the validation loss rises by "
                     "0.1; that point lies before the end, and early stopping does too; the gap is below 0.1 "
                     "before the first step and "
                     "above 0.3 at the end.",
             .sabotage = "The slice is so large that the training ends before its first epoch does.",
             .params = "{\"slice\": 20000, \"epochs\": 35, \"steps\": 700, \"text\": \"\"}",
             .trains = true},
    .full = "{\"epochs\": 200, \"steps\": 4000}",
    .run = run,
};
