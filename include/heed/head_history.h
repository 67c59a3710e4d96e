/* SPDX-License-Identifier: MIT */
/**
 * Heads over time: what each head of a model in training is like at each evaluation, kept in a small file of the run.
 *
 *     heed_head_recorder *recorder = NULL;
 *     heed_status s = heed_head_recorder_open(folder, model, 0, NULL, &recorder, &err);
 *     while (…heed_trainer_step(trainer, &now, &err)…)
 *         if (!isnan(now.validation_loss))
 *             s = heed_head_recorder_take(recorder, model, now.step, now.validation_loss, &err);
 *     heed_head_recorder_close(recorder);
 *
 *     heed_head_history *history = NULL;
 *     s = heed_head_history_read("run", &history, &err);
 *     heed_head_history_appears(history, HEED_HEAD_INDUCTION, layer, head);      the step, or -1
 *     heed_head_history_close(history);
 *
 * Scores are those of heed/heads.h on repeated random tokens of a seed, the same at each evaluation; so the losses of the
 * halves show when a model begins to use what it has seen. A text of one's own may be measured beside them. The file is
 * heads.jsonl: docs/formats.md.
 */
#ifndef HEED_HEAD_HISTORY_H
#define HEED_HEAD_HISTORY_H

#include <heed/heads.h>
#include <heed/inspect.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_HEAD_HISTORY_PATTERNS 16 /* at most so many heads' patterns are kept */

typedef struct heed_head_recorder heed_head_recorder;

typedef struct heed_head_recorder_options {
    const char *text; /* measured as well; NULL: none */
    const char
        *patterns;  /* heads whose patterns are kept: "0.1,1.3" is layer 0 head 1, layer 1 head 3; NULL: none */
    int64_t length; /* of a half of the repeated tokens; 0: 50, or what the context has room for */
    uint64_t seed;  /* of the random tokens */
    int threads;    /* 0: one a processor */
} heed_head_recorder_options;

/**
 * Could a model of this configuration have such a record? Asked before there is a folder. HEED_ERR_USAGE: it has no attention,
 * or not one of the heads. A text is only read once there is a tokenizer.
 */
HEED_API heed_status heed_head_recorder_check(const heed_config *config,
                                              const heed_head_recorder_options *options, heed_error *err);

/**
 * Begins a record in the folder of a run whose model has done `step` steps, or goes on with the one that is there: its lines
 * behind that step are dropped, and its settings hold. options NULL: all zero. Runs the model once, so that what is not
 * possible fails before the training. HEED_ERR_USAGE: a model without attention, with a context too short for repeated
 * tokens; a head that there is not; a text that does not fit; other settings than those of the record. HEED_ERR_FILE.
 */
HEED_API heed_status heed_head_recorder_open(const char *folder, const heed_model *model, int64_t step,
                                             const heed_head_recorder_options *options,
                                             heed_head_recorder **recorder, heed_error *err);
/** True when the folder has a record. */
HEED_API bool heed_head_recorder_exists(const char *folder);
/** Measures the model's heads after `step` steps, and writes the file as a whole. validation_loss may be NaN. */
HEED_API heed_status heed_head_recorder_take(heed_head_recorder *recorder, const heed_model *model,
                                             int64_t step, double validation_loss, heed_error *err);
HEED_API void heed_head_recorder_close(heed_head_recorder *recorder); /* NULL is allowed */

/* ---- reading it -------------------------------------------------------------------------------------------- */

typedef struct heed_head_history heed_head_history;

/* One evaluation. Losses in nats a token; NaN: not known. */
typedef struct heed_head_moment {
    int64_t step;
    double validation_loss;
    double first_loss, second_loss; /* of the halves of the repeated tokens */
} heed_head_moment;

/* What is kept of one head at one evaluation; NaN: not known. */
typedef struct heed_head_state {
    double entropy, entropy_share, largest, stripe;
    double gain[HEED_N_HEAD_ROLES]; /* of the role: 0 is chance, 1 perfect */
    bool named[HEED_N_HEAD_ROLES];
} heed_head_state;

/** HEED_ERR_FILE: no record there, or a damaged one (a last line that is cut short is left out). HEED_ERR_MEMORY. */
HEED_API heed_status heed_head_history_read(const char *folder, heed_head_history **history, heed_error *err);
HEED_API void heed_head_history_close(heed_head_history *history); /* NULL is allowed */
HEED_API int heed_head_history_n_layers(const heed_head_history *history);
HEED_API int heed_head_history_n_heads(const heed_head_history *history);
HEED_API int64_t heed_head_history_count(const heed_head_history *history);
HEED_API heed_head_moment heed_head_history_at(const heed_head_history *history, int64_t i);
/** text: on the text of the record, where it has one (false: it has none); else on repeated tokens. */
HEED_API bool heed_head_history_state(const heed_head_history *history, int64_t i, bool text, int layer,
                                      int head, heed_head_state *out);
/** The step of the first evaluation from which on the role is named to the end; -1: it is not at the end. */
HEED_API int64_t heed_head_history_appears(const heed_head_history *history, heed_head_role role, int layer,
                                           int head);
/** The head with the largest gain in a role at evaluation i; false where nobody's is known. */
HEED_API bool heed_head_history_best(const heed_head_history *history, int64_t i, heed_head_role role,
                                     int *layer, int *head);

/** Patterns that are kept: their number, and which head the k-th is of. */
HEED_API int heed_head_history_n_patterns(const heed_head_history *history);
HEED_API void heed_head_history_pattern_head(const heed_head_history *history, int k, int *layer, int *head);
/** [*n, *n], to three digits, of the first of the repeated texts (of the text, where there is one); lent. */
HEED_API const float *heed_head_history_pattern(const heed_head_history *history, int64_t i, int k, int64_t *n);

/** Losses above, the best previous-token and induction gains below, for a terminal; *out is allocated, free() it. */
HEED_API heed_status heed_head_history_text(const heed_head_history *history, int columns, heed_palette palette,
                                            char **out, heed_error *err);
/** The k-th pattern at evaluation i, for a terminal; *out is allocated, free() it. */
HEED_API heed_status heed_head_history_pattern_text(const heed_head_history *history, int64_t i, int k,
                                                    int columns, heed_palette palette, char **out,
                                                    heed_error *err);
/** The gains, and the loss of the second half as a share of the first one's, as a PNG, SVG or PDF. */
HEED_API heed_status heed_head_history_picture(const heed_head_history *history, const char *path,
                                               heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
