/* SPDX-License-Identifier: MIT */
/**
 * Where a number came from: any number of a real run has an address, and can be asked.
 *
 *     heed_trace *trace = NULL;
 *     heed_trace_element element;
 *     heed_trace_explanation *e = NULL;
 *     if (heed_trace_text(model, "the cat sat", 11, false, &trace, &err) == HEED_OK &&
 *         heed_trace_find(trace, "blocks.0.attn.scores[0,1,7,3]", &element, &err) == HEED_OK &&
 *         heed_trace_run(trace, &err) == HEED_OK && heed_trace_explain(trace, element, &e, &err) == HEED_OK)
 *         …e->value is e->formula of e->operands, and computed again from them e->recomputed…
 *     heed_trace_explanation_free(e);
 *     heed_trace_close(trace);
 *
 * The run keeps every tensor of its graph and is made in reference arithmetic: each op's plain loop, on one thread. What
 * is computed again from the operands then has the very bits of the number (e->same_bits). docs/formats.md lists how
 * addresses are written and which names there are.
 */
#ifndef HEED_TRACE_H
#define HEED_TRACE_H

#include <heed/model.h>
#include <heed/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_trace heed_trace;

#define HEED_TRACE_ADDRESS_BYTES 256 /* room for any address and range that is written here */
#define HEED_TRACE_RANK          5

/* ---- the run ---------------------------------------------------------------------------------------------- */

/* What a run must hold so that an address is in it; each holds the ones before. */
typedef enum heed_trace_part {
    HEED_TRACE_FORWARD,
    HEED_TRACE_BACKWARD, /* d.…, gradients of the loss */
    HEED_TRACE_STEP,     /* grad.…, adamw.…, new.…, lr: a training step */
} heed_trace_part;

/** Judged by how the address begins. */
HEED_API heed_trace_part heed_trace_part_of(const char *address);

/**
 * Reads n bytes of text with a model, which must stay open; with gradients of the loss (the mean over the tokens that
 * follow each other) if wanted. Nothing runs yet, but addresses can be found. HEED_ERR_USAGE: a text longer than the context,
 * or that the vocabulary lacks.
 */
HEED_API heed_status heed_trace_text(const heed_model *model, const char *text, size_t n, bool gradients,
                                     heed_trace **trace, heed_error *err);

/**
 * One whole training step: forward, backward, norm, clipping, update. All windows are run at once, and nothing is changed:
 * weights and moments keep the values that they have before it, what they become has names that begin with new.
 *
 * Where folder is that of a training run: its next step, with its options, moments, learning rate and its own next windows
 * (text NULL). The folder is only read. Elsewhere, and for a run that is given a text: windows of text side by side, no more
 * than options->batch_size; elsewhere the moments are fresh, and the rate is options->learning_rate.
 *
 * options NULL: heed_train_options_default(). HEED_ERR_FILE: no model there, or a run whose text is gone; HEED_ERR_USAGE: a
 * text of one token, a run that learns from a teacher; HEED_ERR_MEMORY.
 */
HEED_API heed_status heed_trace_step(const char *folder, const char *text, size_t n,
                                     const heed_train_options *options, heed_trace **trace, heed_error *err);
HEED_API void heed_trace_close(heed_trace *trace); /* NULL is allowed */

/** Runs it. Every number has its value from now on; before they are NaN. HEED_ERR_MEMORY: every tensor is kept. */
HEED_API heed_status heed_trace_run(heed_trace *trace, heed_error *err);
/** Runs everything once more on this machine's fast kernels, for heed_trace_fast_value(). */
HEED_API heed_status heed_trace_run_fast(heed_trace *trace, heed_error *err);
/** "avx512, 2 threads"; NULL before. */
HEED_API const char *heed_trace_fast_device(const heed_trace *trace);

/** The model that is traced; lent. */
HEED_API const heed_model *heed_trace_model(const heed_trace *trace);
/** What is run, in a sentence; lent. */
HEED_API const char *heed_trace_describe(const heed_trace *trace);
/** Token ids [batch, length] that are read; lent. */
HEED_API const int32_t *heed_trace_ids(const heed_trace *trace, int64_t *batch, int64_t *length);

/* ---- addresses -------------------------------------------------------------------------------------------- */

/* One number: element `element` (row-major) of tensor number `tensor`. */
typedef struct heed_trace_element {
    int tensor;
    int64_t element;
} heed_trace_element;

/* A tensor of the run, in running order. */
typedef struct heed_trace_tensor {
    const char *name;
    const char *op; /* NULL: it is given, not computed */
    int rank;
    int64_t size[HEED_TRACE_RANK];
    bool integers;
    bool named; /* by the model; others have the name of their op */
} heed_trace_tensor;

HEED_API int heed_trace_n_tensors(const heed_trace *trace);
HEED_API heed_trace_tensor heed_trace_tensor_at(const heed_trace *trace, int i);

/**
 * The number at an address. HEED_ERR_USAGE in one sentence: no such tensor (with the near name), another number of
 * indices, an index outside its axis, a token that the vocabulary lacks. A missing first index is taken as 0 where that
 * axis has one place.
 */
HEED_API heed_status heed_trace_find(const heed_trace *trace, const char *address, heed_trace_element *element,
                                     heed_error *err);
/** Its address, which heed_trace_find() takes; out holds HEED_TRACE_ADDRESS_BYTES. Returns out. */
HEED_API const char *heed_trace_address(const heed_trace *trace, heed_trace_element element, char *out);
/** The token that an index of the address means, or that the number (of ids, targets) is; -1: none. */
HEED_API int32_t heed_trace_token(const heed_trace *trace, heed_trace_element element);
HEED_API float heed_trace_value(const heed_trace *trace, heed_trace_element element);
/** On the fast kernels; NaN before heed_trace_run_fast(). */
HEED_API float heed_trace_fast_value(const heed_trace *trace, heed_trace_element element);
/** Of the fast run: what the plain formula makes of the fast run's own operands. */
HEED_API heed_status heed_trace_fast_recomputed(const heed_trace *trace, heed_trace_element element,
                                                float *value, heed_error *err);

/* ---- explanations ----------------------------------------------------------------------------------------- */

/* `count` numbers of one tensor: elements first, first + step, … */
typedef struct heed_trace_operand {
    const char *role; /* its letter in the formula */
    heed_trace_element first;
    int64_t step, count;
    const float *values;
} heed_trace_operand;

/* What one line of the calculation does. */
typedef enum heed_trace_line_kind {
    HEED_TRACE_STEP_OF, /* label = formula */
    HEED_TRACE_SUM_OF,  /* label = start + the formula for each term, one after the other */
    HEED_TRACE_LARGEST, /* label = the largest of the terms */
    HEED_TRACE_FOUND, /* label = a number that is looked up or decided; the formula is a sentence that says how */
    HEED_TRACE_NOTE, /* the sentence alone */
} heed_trace_line_kind;

/* Every number is what the reference computes, in its order. */
typedef struct heed_trace_line {
    heed_trace_line_kind kind;
    int depth; /* 0: the calculation; deeper: how a number in it came about, before the line that needs it */
    bool in_double;      /* computed, or added up, in double and not in float */
    const char *label;   /* what later lines call the result; NULL in a note */
    const char *formula; /* with the letters of operands and lines */
    int n_inputs;        /* letters in it */
    int64_t n_terms;     /* of a sum, or of those of which the largest is taken */
    double start;        /* of a sum */
    const double *terms,
        *running; /* [n_terms] a term, and the total up to and with it; NULL: too many to be kept */
    double result;
} heed_trace_line;

/* Where a number came from. Exactly one of op, from and given says so. */
typedef struct heed_trace_explanation {
    heed_trace_element element;
    float value;
    const char *op; /* what computed it; NULL: a number that is given, or taken over */
    bool is_view;   /* it is the number at operands[0], seen under another address */
    const char *formula;
    const heed_trace_operand *operands;
    int n_operands;
    const heed_trace_line
        *lines; /* the calculation; the last one that is no note has the number as its result */
    int n_lines;
    int64_t n_left_out; /* lines of the deeper ones that were too many to be kept */
    float recomputed;   /* from the operands alone */
    bool same_bits;
    bool is_taken; /* an earlier part of the step wrote it: it is the number at `from` */
    heed_trace_element from;
    const char *given; /* by whom */
} heed_trace_explanation;

/** *e is the caller's, and lends what it points to. HEED_ERR_USAGE before the run; HEED_ERR_MEMORY. */
HEED_API heed_status heed_trace_explain(const heed_trace *trace, heed_trace_element element,
                                        heed_trace_explanation **e, heed_error *err);
HEED_API void heed_trace_explanation_free(heed_trace_explanation *e); /* NULL is allowed */
/** The operand as an address: q[0,1,7,:], W[:,5], [0,1]..[0,9]; out holds HEED_TRACE_ADDRESS_BYTES. Returns out. */
HEED_API const char *heed_trace_range(const heed_trace *trace, const heed_trace_operand *operand, char *out);

/* What stands in the place of a formula's letters. */
typedef enum heed_trace_words {
    HEED_TRACE_LETTERS, /* q[1,7,0] */
    HEED_TRACE_NUMBERS, /* -0.25 */
} heed_trace_words;

/** Line `line` with that in it; of a sum its term number `term`. Cut with "..." where out is too small. Returns out. */
HEED_API const char *heed_trace_line_write(const heed_trace_explanation *e, int line, int64_t term,
                                           heed_trace_words words, char *out, size_t size);
/** The number of the run that letter `input` stands for; false: an earlier line's result, or a constant. */
HEED_API bool heed_trace_line_element(const heed_trace_explanation *e, int line, int input, int64_t term,
                                      heed_trace_element *element);

/* ---- onward ----------------------------------------------------------------------------------------------- */

#define HEED_TRACE_SHOWN 4

/* A tensor that is made from the number. */
typedef struct heed_trace_reader {
    heed_trace_element first[HEED_TRACE_SHOWN]; /* the first of its elements that read the number */
    int64_t n;                                  /* all that were found */
    int64_t n_asked, n_elements;                /* how many were asked, of how many there are */
    bool is_taken;                              /* the number itself is handed on to first[0] */
} heed_trace_reader;

/**
 * Who reads a number, found by asking the elements of every tensor that is made from its tensor, up to a bound on the work.
 * The caller frees *list.
 */
HEED_API heed_status heed_trace_readers(const heed_trace *trace, heed_trace_element element,
                                        heed_trace_reader **list, int *n, heed_error *err);

/**
 * The first number of the run, in running order, that is not finite; false: all are. A score that a mask has set to -inf
 * is as it should be, and does not count.
 */
HEED_API bool heed_trace_first_not_finite(const heed_trace *trace, heed_trace_element *element);

#ifdef __cplusplus
}
#endif
#endif
