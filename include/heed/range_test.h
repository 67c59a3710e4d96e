/* SPDX-License-Identifier: MIT */
/**
 * Which learning rate? The rate grows from step to step, from far too low to far too high, and the loss says where it
 * learns and where it breaks.
 *
 *   rate_i = low (high / low)^(i / (steps - 1))       i = 0 … steps - 1
 *
 * The loss is averaged over neighbouring steps (a triangle over a twentieth of the test on both sides, so that the curve is
 * not late). The test ends when the loss of late steps is 1.5 times the lowest so far, or no number. Steps whose windows
 * hold no target have no loss, and say nothing.
 *
 * The suggestion is the rate at which the average has made 95 % of its way from the first loss to the lowest: the knee of
 * the curve, but at most half of the rate of the lowest loss. Above the knee there is next to nothing to gain, and the rate
 * at which it breaks is nearer. This is the upper bound of the source, "where it slows", and learning_rate is the top of
 * the schedule in the same way. Two other rules are told beside it: the rate of the steepest fall, and that of the lowest
 * loss, a tenth of which some take. On small GPTs a tenth of the lowest was far too low, and the steepest fall depends on
 * how long the test is: what falls first are the frequencies of tokens, at whatever rate the test has by then. (4 layers,
 * d_model 128, Shakespeare: lowest 0.0049, knee 0.0016, steepest 0.0003; the best of whole runs of 2000 steps was 0.003.)
 *
 * The half is for short tests. A loss shows what the rates of the steps before have done, and in a short test those are
 * much lower, so all that is found is too high: in 20 steps under 200,019 tokens, each rate 1.39 times the last, the loss
 * fell as from a cliff, knee and lowest loss were both at 0.0097, and a run at that rate went up to 18 before it came down.
 *
 * Source: Smith 2015, Cyclical Learning Rates for Training Neural Networks (arXiv:1506.01186), 3.3; the exponential growth
 * and the average as in Howard and Gugger 2020, fastai (arXiv:2002.04688).
 */
#ifndef HEED_RANGE_TEST_H
#define HEED_RANGE_TEST_H

#include <heed/inspect.h>
#include <heed/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_range_options {
    double low, high; /* rates, 0 < low < high */
    int64_t steps;    /* 20 or more */
} heed_range_options;

/** 1e-5 to 1 in 200 steps. */
HEED_API heed_range_options heed_range_options_default(void);

typedef struct heed_range_point {
    int64_t step; /* from 1 on */
    double rate;
    double loss;    /* of the step's batch, before its update; NaN: no number, or no target in the batch */
    double average; /* over neighbouring steps; NaN while the test runs */
    double gradient_norm;
} heed_range_point;

typedef struct heed_range_result {
    heed_range_point *points; /* [n] */
    int64_t n;
    double lowest_rate, lowest_loss; /* of the average */
    double steepest_rate;            /* where the average falls fastest over the logarithm of the rate */
    double broken_rate;              /* at which the test ended early; NaN: it reached its end */
    double knee_rate;                /* where 95 % of the fall is made; NaN: nothing was learned at any rate */
    double suggestion; /* the knee, or half of lowest_rate where that is less; NaN with the knee */
    bool stopped;      /* told ended it before its last step, here or at another rank */
} heed_range_result;

/** Called after each step, by every rank; false, of one of them, ends the test there for all. */
typedef bool heed_range_fn(void *context, const heed_range_point *point, const heed_progress *progress);

/**
 * Runs the test with a trainer that has made no step; afterwards its weights are of no use, and it can only be closed.
 * A trainer without a folder (heed_trainer_create() with folder NULL) leaves nothing on the disk. told may be NULL.
 * HEED_ERR_USAGE: rates or steps out of range, a trainer that has made steps. HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_trainer_range_test(heed_trainer *trainer, const heed_range_options *options,
                                             heed_range_fn *told, void *context, heed_range_result *result,
                                             heed_error *err);
HEED_API void heed_range_free(heed_range_result *result);

/** The curve with the suggestion, as .png, .svg or .pdf by the ending of path. HEED_ERR_FILE, HEED_ERR_USAGE. */
HEED_API heed_status heed_range_picture(const heed_range_result *result, const char *path, heed_error *err);
/** The same as text for a terminal; *out is allocated, free() it. */
HEED_API heed_status heed_range_text(const heed_range_result *result, int columns, int rows,
                                     heed_palette palette, char **out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
