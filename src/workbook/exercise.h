/* SPDX-License-Identifier: MIT */
/*
 * The contract of an exercise: a question whose numbers may vary, and whose answer the engine works out.
 *
 *     static void triangle(heed_solving *s)
 *     {
 *         const int64_t n = heed_take_int(s, "seq_len", 1, 4096);
 *         heed_grid mask = heed_grid_make(s, n, n);
 *         …
 *         heed_put_grid(s, "value", mask);
 *     }
 *     static void vary_triangle(heed_varying *v)
 *     {
 *         heed_vary_int(v, "seq_len", 2, 8);
 *     }
 *     const heed_exercise heed_exercises_masks[] = {
 *         {.id = "pp.q10", .seed = "000 Q10", .kind = HEED_EXERCISE_MATRIX, .params = "{\"seq_len\": 3}",
 *          .vary = vary_triangle, .solve = triangle, .fields = {{"value", HEED_ANSWER_MATRIX, HEED_EXACT}}},
 *         {.id = NULL}};
 *
 * Right answers, the steps of the explanation and the answers of typical slips come from one function: solve() is called
 * with a slip, and whatever it computes with then goes wrong in that way. Nothing is answered from a stored number. The
 * texts, in words, are in workbook/GROUP.md: texts.h.
 *
 * Values are JSON: numbers, lists, nested lists (rows are queries, columns keys), texts, truths; "nan", "inf" and "-inf"
 * stand for numbers that JSON has not.
 *
 * A concept or a lab asks for a prediction first, and then its demonstration runs. What came out is the right answer:
 *
 *     static void level_or_falling(heed_solving *s, const heed_demo_result *r)
 *     {
 *         const double small = heed_take_figure(s, r, "unscaled_64"), large = heed_take_figure(s, r, "unscaled_1024");
 *         heed_put_text(s, "prediction", large < 0.8 * small ? "falls" : "level");        keys of its options
 *         heed_step(s, "entropy without the root: %.2f nats at d = 64, %.2f at d = 1024", small, large);
 *     }
 *     {.id = "ch12.e03b", .kind = HEED_EXERCISE_CONCEPT, .params = "{}", .demo = "D03", .outcome = level_or_falling,
 *      .fields = {{"prediction", HEED_ANSWER_TEXT, HEED_EXACT}, HEED_OWN_WORDS}}
 *
 * Its params are parameters of the demonstration, which runs with them.
 */
#ifndef HEED_WORKBOOK_EXERCISE_H
#define HEED_WORKBOOK_EXERCISE_H

#include <heed/demo.h>
#include <heed/workbook.h>
#include <jansson.h>

#include "base/memory.h"
#include "base/rng.h"

/* --- slips: what people do wrong, and what a given answer is compared with --- */

typedef enum heed_slip {
    HEED_SLIP_NONE,
    HEED_SLIP_NO_SCALE,     /* scores not divided by sqrt(head_dim) */
    HEED_SLIP_HEAD_DIM,     /* divided by head_dim, not by its root */
    HEED_SLIP_COLUMNS,      /* softmax over columns */
    HEED_SLIP_MASK_LATE,    /* masked after the softmax, rows not renormalised */
    HEED_SLIP_MASK_TURNED,  /* the mask transposed */
    HEED_SLIP_TRANSPOSED,   /* rows and columns swapped in the result */
    HEED_SLIP_TURNED_INPUT, /* Q or K transposed, or taken for one another */
    HEED_SLIP_NO_BIAS,      /* biases forgotten */
    HEED_SLIP_NO_HEADS,     /* the number of heads forgotten */
    HEED_SLIP_OFF_BY_ONE,   /* counted from 1 where it is from 0, or the other way round */
    HEED_SLIP_MEBI,         /* MB taken for MiB, or GB for GiB */
    HEED_SLIP_PERCENT,      /* a share where per cent are asked for, or the other way round */
    HEED_SLIP_NO_MASK,      /* the mask forgotten */
    HEED_SLIP_SAMPLE,       /* divided by n - 1 where by n, or the other way round */
    HEED_SLIP_LOG_BASE,     /* the logarithm of another base */
    HEED_SLIP_SIGN,         /* the sign */
    HEED_SLIP_NOT_TURNED,   /* Q K or Q^T K where Q K^T is asked for */
    HEED_SLIP_ZERO_MASK,    /* hidden scores set to 0, not to -inf */
    HEED_SLIP_DIAGONAL,     /* the diagonal hidden too */
    HEED_SLIP_MASK_FORM,    /* another form: 1 where a key is hidden, or seen, or 0 and -inf */
    HEED_SLIP_NO_MEAN,      /* of the gradient of a softmax: p g, the mean of g not subtracted */
    HEED_SLIP_VARIANCE,     /* the variance where its root is asked for */
    HEED_SLIP_NO_SWAP,      /* heads and positions not swapped after the split */
    HEED_SLIP_WRONG_SPLIT,  /* a row cut into head_dim parts of n_heads numbers */
    HEED_SLIP_NO_SHIFT,     /* targets that are the inputs */
    HEED_SLIP_SCALED,       /* scores divided by sqrt(head_dim) where they are not to be */
    HEED_SLIP_SORTED,       /* ids sorted, where their order is that of the text */
    HEED_SLIP_BATCH_AXIS,   /* an axis of sequences where there is one for all of them */
    HEED_SLIP_ROWS_MOVED,   /* rows of positions moved along with the words */
    HEED_SLIP_LAST_BATCH,   /* the batch that is not full forgotten */
    HEED_SLIP_HALVES,       /* pairs (m, m + d/2) where they are (2m, 2m + 1) */
    HEED_SLIP_NO_EXP,       /* the loss itself where e^loss is meant */
    HEED_SLIP_NO_TWO,       /* the 2 of the derivative of a square */
    HEED_SLIP_NOT_SQUARED,  /* a norm where its square is meant */
    HEED_SLIP_SUM_NORMS,    /* norms added up, not their squares */
    HEED_SLIP_EACH_ALONE,   /* each clipped by its own norm */
    HEED_SLIP_SCALED_UP,    /* what is below the limit scaled up to it */
    HEED_SLIP_ROUNDED_UP,   /* where only what is whole counts */
    HEED_SLIP_NO_LENGTH,    /* the tokens of a sequence forgotten */
    HEED_SLIP_ONE_MAP,      /* one of two maps counted */
    HEED_SLIP_NOT_CENTRED,  /* the mean not subtracted */
    HEED_SLIP_TRIANGLE,     /* the visible half where all entries are meant */
    HEED_SLIP_SUM_P,        /* probabilities added up along a path */
    HEED_SLIP_PRINTED,      /* 003 P2 D: columns of V and of the output exchanged, as printed there */
    HEED_SLIP_SCALE_BACK,   /* of gradients: the scores are scaled, on the way back the scale is forgotten */
    HEED_SLIP_NO_RESIDUAL,  /* a part's output put in the place of its input, not added to it */
    HEED_SLIP_SUM,          /* a sum where its mean is asked for */
    HEED_SLIP_MATCH,        /* the earlier token that is alike, not the one behind it */
    HEED_SLIP_FIRST_MATCH,  /* the first such token, not the latest */
    HEED_SLIP_OLD_GRADIENT, /* of two steps: the gradient is not made anew */
    HEED_SLIP_NO_OLD,       /* the change alone, without what it is added to */
    HEED_SLIP_ALL_ROWS,     /* the first row counted, too, which has no choice */
    HEED_SLIP_UNTIED,       /* a head counted that is the token table again */
    HEED_SLIP_LENGTH,       /* the length of a difference where its largest entry is meant */
    HEED_N_SLIPS
} heed_slip;

_Static_assert(HEED_N_SLIPS <= 64, "slips are bits of 64");

#define HEED_SLIP(s) (UINT64_C(1) << (s))
/* Of scaled dot-product attention with and without a mask. */
#define HEED_SLIPS_ATTENTION                                                                        \
    (HEED_SLIP(HEED_SLIP_NO_SCALE) | HEED_SLIP(HEED_SLIP_HEAD_DIM) | HEED_SLIP(HEED_SLIP_COLUMNS) | \
     HEED_SLIP(HEED_SLIP_TURNED_INPUT) | HEED_SLIP(HEED_SLIP_NOT_TURNED))
#define HEED_SLIPS_MASKED                                                                       \
    (HEED_SLIPS_ATTENTION | HEED_SLIP(HEED_SLIP_MASK_LATE) | HEED_SLIP(HEED_SLIP_MASK_TURNED) | \
     HEED_SLIP(HEED_SLIP_NO_MASK) | HEED_SLIP(HEED_SLIP_ZERO_MASK))

/** What seems to have happened, in words: "this is the softmax over columns". */
const char *heed_slip_words(heed_slip slip);

/* --- fields of an answer --- */

typedef enum heed_tolerance_kind {
    HEED_TOLERANCE_EXACT, /* whole numbers equal, others to 1e-6 max(1, |x|): what the engine's floats hold */
    HEED_TOLERANCE_ABS,
    HEED_TOLERANCE_REL,
    HEED_TOLERANCE_PROGRAM, /* |a - x| <= t max(1, |x|) */
    HEED_TOLERANCE_MIXED,   /* whole numbers exact, others absolute */
    HEED_TOLERANCE_WIDER,   /* |a - x| <= max(t, |x| / 100): small numbers and large ones */
} heed_tolerance_kind;

typedef struct heed_tolerance {
    heed_tolerance_kind kind;
    double t;
    double least; /* never less than this, whatever the kind says */
} heed_tolerance;

#define HEED_EXACT                     \
    {                                  \
        HEED_TOLERANCE_EXACT, 0.0, 0.0 \
    }
#define HEED_ABS(x)                \
    {                              \
        HEED_TOLERANCE_ABS, x, 0.0 \
    }
#define HEED_REL(x)                \
    {                              \
        HEED_TOLERANCE_REL, x, 0.0 \
    }
#define HEED_ABS_OR_R1(x)            \
    {                                \
        HEED_TOLERANCE_WIDER, x, 0.0 \
    }
#define HEED_T2 HEED_ABS(0.005)
#define HEED_T3 HEED_ABS(0.001)
#define HEED_R1 HEED_REL(0.01)
#define HEED_E5                           \
    {                                     \
        HEED_TOLERANCE_PROGRAM, 1e-5, 0.0 \
    }
#define HEED_MIXED                       \
    {                                    \
        HEED_TOLERANCE_MIXED, 0.005, 0.0 \
    }

/* How a field is read beside its kind. */
enum {
    HEED_ASKED_ANY_ONE =
        1,              /* a list of which one name is enough, and more of them are right too, in any order */
    HEED_ASKED_SET = 2, /* a list in any order */
    HEED_ASKED_POSITION = 4,  /* a place or a count of places: off by one is a slip */
    HEED_ASKED_HIDDEN = 8,    /* part of solve and mark, but not asked of a person */
    HEED_ASKED_FREE = 16,     /* taken as it is, never wrong */
    HEED_ASKED_PERCENT = 32,  /* 40% is 40, elsewhere 0.4 */
    HEED_ASKED_INFINITE = 64, /* no large negative number stands for -inf */
    HEED_ASKED_LITERAL = 128, /* texts are compared letter by letter, blanks and case too */
    HEED_ASKED_FLAT = 256,    /* rows are compared however their numbers are nested: [[1, 2], 3] is [1, 2, 3] */
    HEED_ASKED_MAY_HIDE = 512, /* of scores before a causal mask: -inf above the diagonal is right too */
    HEED_ASKED_TEXTS = 1024,   /* a list of texts */
};

typedef struct heed_field_spec {
    const char *name;
    heed_answer_kind kind;
    heed_tolerance tolerance;
    unsigned flags;
} heed_field_spec;

#define HEED_MAX_FIELDS 24

/* The reader's own words on a concept or a lab: kept beside the key points, never wrong. */
#define HEED_OWN_WORDS                                         \
    {                                                          \
        "words", HEED_ANSWER_TEXT, HEED_EXACT, HEED_ASKED_FREE \
    }

typedef struct heed_solving heed_solving;
typedef struct heed_varying heed_varying;

typedef struct heed_exercise {
    const char *id, *seed; /* "pp.q06", "000 Q6" */
    heed_exercise_kind kind;
    const char *params;             /* JSON of the seed's numbers, "{}": nothing varies */
    void (*vary)(heed_varying *v);  /* NULL: nothing varies */
    void (*solve)(heed_solving *s); /* NULL where there is an outcome */
    /* a prediction: the answer, read off a run of demo with the exercise's params */
    void (*outcome)(heed_solving *s, const heed_demo_result *result);
    uint64_t slips; /* bits HEED_SLIP(…) that solve() knows */
    uint64_t also;  /* bits of those whose answers are other readings of the question: right, with a remark */
    heed_field_spec fields[HEED_MAX_FIELDS]; /* ends with a NULL name */
    const char *demo;                        /* "D02"; NULL: none */
    /*
     * Where a person does not answer with numbers but gives parameters that must have a property: names of these, with commas
     * between, and the truth among the fields that judges them. The last step says in words why. NULL: the fields alone are
     * asked for. Fields that are not hidden are asked for too, and judged for the parameters that were given.
     */
    const char *given, *property;
    /*
     * How far right programs may be apart in a field by rounding in double precision alone, for the params of s: where that is
     * more than the field's tolerance it counts in its place. NULL: it never is.
     */
    double (*rounding)(heed_solving *s, const char *field);
    /*
     * Of a code exercise whose fields are not the numbers that a program computes: what a folder for one asks for, under the same
     * id. Its vary() draws inputs beside the exercise's parameters; its question is the **Program** of the words. NULL: the same.
     */
    const struct heed_exercise *program;
} heed_exercise;

/** The groups, ended by NULL; each a list that ends with a NULL id. */
extern const heed_exercise *const heed_exercise_groups[];

/* --- solving --- */

/* The first failure is kept; from then on what is taken is 0 or empty, and nothing is put. */
struct heed_solving {
    const json_t *params;
    heed_slip slip; /* go wrong in this way; HEED_SLIP_NONE: do not */
    json_t *answer; /* fields */
    json_t *steps;  /* lines of text; NULL: nobody reads them */
    heed_arena *arena;
    heed_status status;
    heed_error *err;
};

/* [rows, columns]; of the arena. A vector is one row. */
typedef struct heed_grid {
    int64_t rows, columns;
    double *data;
} heed_grid;

int64_t heed_take_int(heed_solving *s, const char *name, int64_t least, int64_t most);
double heed_take_number(heed_solving *s, const char *name);
bool heed_take_bool(heed_solving *s, const char *name);
const char *heed_take_text(heed_solving *s, const char *name);
/** A list of numbers as one row. */
heed_grid heed_take_list(heed_solving *s, const char *name);
heed_grid heed_take_grid(heed_solving *s, const char *name);
/** A member as it is, NULL after a failure or where it is absent (then also a failure). */
const json_t *heed_take_json(heed_solving *s, const char *name);
/** Nested lists of `rank` axes with equal lengths, size [rank]; dense, row-major. */
const double *heed_take_tensor(heed_solving *s, const char *name, int rank, int64_t *size);

/** A figure that the demonstration shows under that name. */
double heed_take_figure(heed_solving *s, const heed_demo_result *result, const char *name);

heed_grid heed_grid_make(heed_solving *s, int64_t rows, int64_t columns); /* zeros */
heed_grid heed_grid_row(heed_grid x, int64_t row);                        /* lent by x */
heed_grid heed_grid_turn(heed_solving *s, heed_grid x);                   /* transposed */

void heed_put_number(heed_solving *s, const char *name, double x);
void heed_put_bool(heed_solving *s, const char *name, bool x);
void heed_put_text(heed_solving *s, const char *name, const char *x);
void heed_put_list(heed_solving *s, const char *name, heed_grid x); /* all numbers of x in a row */
void heed_put_grid(heed_solving *s, const char *name, heed_grid x);
void heed_put_tensor(heed_solving *s, const char *name, int rank, const int64_t *size, const double *x);
/** n whole numbers follow, as int64_t. */
void heed_put_shape(heed_solving *s, const char *name, int n, ...);
void heed_put_json(heed_solving *s, const char *name, json_t *x); /* takes x over */

/** A line of the worked solution. */
void heed_step(heed_solving *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** "title" and a matrix below it. */
void heed_step_grid(heed_solving *s, heed_grid x, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Records a failure: HEED_ERR_USAGE for parameters that do not fit each other. Returns false. */
bool heed_solve_fail(heed_solving *s, heed_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- varying --- */

struct heed_varying {
    heed_rng rng;
    json_t *params; /* begins as the seed's */
    bool again;     /* set by vary(): these numbers would be degenerate, draw others */
};

int64_t heed_vary_int(heed_varying *v, const char *name, int64_t least, int64_t most);
/** One of n numbers, which follow as double. */
double heed_vary_pick(heed_varying *v, const char *name, int n, ...);
/** The same of int64_t, for shapes. */
int64_t heed_vary_pick_int(heed_varying *v, const char *name, int n, ...);
/** Whole numbers least .. most in [rows, columns]; rows 0: a plain list. */
void heed_vary_whole(heed_varying *v, const char *name, int64_t rows, int64_t columns, int64_t least,
                     int64_t most);
/** Normal ones times scale, with two digits behind the point. */
void heed_vary_normal(heed_varying *v, const char *name, int64_t rows, int64_t columns, double scale);
void heed_vary_set_int(heed_varying *v, const char *name, int64_t x);
void heed_vary_set_number(heed_varying *v, const char *name, double x);
void heed_vary_set_text(heed_varying *v, const char *name, const char *x);
void heed_vary_set_json(heed_varying *v, const char *name, json_t *x); /* takes x over */
int64_t heed_draw_int(heed_varying *v, int64_t least, int64_t most);   /* without setting anything */

/* --- values --- */

/** A number, or one of the words "nan", "inf", "-inf"; false for anything else. */
bool heed_json_to_double(const json_t *value, double *x);
/** Whole numbers become integers; what is not finite becomes a word. */
json_t *heed_json_of_double(double x);

#endif
