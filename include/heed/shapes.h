/* SPDX-License-Identifier: MIT */
/**
 * The shape, strides, bytes and meaning of everything that one pass of a model makes, read off the graph that runs. No
 * number is computed.
 *
 *     heed_shapes_options options = {.batch_size = 32, .length = 256};
 *     heed_shapes *shapes = NULL;
 *     if (heed_shapes_create(&config, &options, &shapes, &err) == HEED_OK) {
 *         const heed_shapes_entry *q = heed_shapes_find(shapes, "blocks.0.attn.q");
 *         q->size            32, 4, 256, 64        q->symbol           "B", "H", "T", "d/H"
 *         q->contiguous      false: a view of the fused row of queries, keys and values
 *     }
 *     heed_shapes_destroy(shapes);
 */
#ifndef HEED_SHAPES_H
#define HEED_SHAPES_H

#include <heed/model.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_SHAPES_RANK   5
#define HEED_SHAPES_SYMBOL 32 /* bytes of one */

typedef struct heed_shapes heed_shapes;

typedef struct heed_shapes_options {
    int64_t batch_size; /* windows; 0: 1 */
    int64_t length;     /* positions in each; 0: context_length, or 1 with a cache */
    bool cache; /* generation: `length` tokens are read behind those of a cache with room for context_length */
    bool training; /* the loss in place of the logits, and its backward pass */
    int precision; /* a heed_precision, of training: f32 or bf16 */
    /*
     * In place of the pass only how rows become heads and heads rows, as views of their own numbers: "x", "split", "heads" and
     * "joined"; and of heads that lie by themselves, "stored", "swapped" and "merged", with the copy that this takes.
     */
    bool heads;
} heed_shapes_options;

typedef enum heed_shapes_kind {
    HEED_SHAPES_INPUT,
    HEED_SHAPES_PARAMETER,
    HEED_SHAPES_ACTIVATION, /* of the forward pass */
    HEED_SHAPES_GRADIENT,   /* of the backward pass, and what serves it */
    HEED_SHAPES_STATE,      /* kept from pass to pass: a cache */
} heed_shapes_kind;

/* A size that expressions are made of: {"T", "length", 256}. */
typedef struct heed_shapes_symbol {
    const char *symbol, *name;
    int64_t size;
} heed_shapes_symbol;

/* One tensor; everything is lent by the shapes. */
typedef struct heed_shapes_entry {
    const char *name;        /* "blocks.0.attn.q" */
    const char *kind_name;   /* "blocks.*.attn.q": the same in every block */
    const char *op;          /* that computes it, "split_heads"; "" for inputs and parameters */
    const char *meaning;     /* a few words; "" where none are known */
    const char *const *also; /* [n_also] further names that it is found by */
    int n_also;
    heed_shapes_kind kind;
    int layer; /* -1: none */
    int rank;  /* 0: a single number */
    int64_t size[HEED_SHAPES_RANK];
    int64_t stride[HEED_SHAPES_RANK]; /* in numbers */
    /* the same in symbols, "3d" or "(H + 2K)d/H"; in figures where no expression holds in general */
    char symbol[HEED_SHAPES_RANK][HEED_SHAPES_SYMBOL];
    char stride_symbol[HEED_SHAPES_RANK][HEED_SHAPES_SYMBOL];
    char offset_symbol[HEED_SHAPES_SYMBOL];
    const char *type; /* "f32", "i32", "bf16" */
    int64_t bytes;    /* of its numbers, also where they lie in another tensor's memory */
    int storage;      /* entry in whose memory it lies; its own number where that is its own */
    int64_t offset;   /* of the first number there, in numbers */
    int of;           /* entry that the op reads first; -1: none */
    bool is_view;     /* nothing runs: the numbers of `of` under other sizes and strides */
    bool is_copy;     /* the same numbers as in `of`, in another order of memory */
    bool contiguous;  /* in memory as in order; axes of size one do not matter */
    bool flattens;    /* its numbers in order can be seen as one axis without a copy */
    bool on_request;  /* computed only for those who look */
} heed_shapes_entry;

/**
 * Of a configuration, without any weights. HEED_ERR_USAGE, HEED_ERR_SHAPE: sizes that cannot be; HEED_ERR_MEMORY: a tensor
 * larger than any memory.
 */
HEED_API heed_status heed_shapes_create(const heed_config *config, const heed_shapes_options *options,
                                        heed_shapes **shapes, heed_error *err);
/** Of a model: its parameters have the types that they are stored in. Training is in single precision or bf16 all the same. */
HEED_API heed_status heed_shapes_create_of(const heed_model *model, const heed_shapes_options *options,
                                           heed_shapes **shapes, heed_error *err);
HEED_API void heed_shapes_destroy(heed_shapes *shapes); /* NULL is allowed */

HEED_API int heed_shapes_n(const heed_shapes *shapes);
/** Entry i, in the order in which they are computed. */
HEED_API const heed_shapes_entry *heed_shapes_get(const heed_shapes *shapes, int i);
/** By any of its names, TransformerLens' too; NULL: there is none. */
HEED_API const heed_shapes_entry *heed_shapes_find(const heed_shapes *shapes, const char *name);
/**
 * Is entry i meant by the filter? A whole name means that entry alone; what some names have behind their last point, such
 * as k, all of these; anything else all that have it in one of their names, or match it where it has * (any characters)
 * or ? (one).
 */
HEED_API bool heed_shapes_matches(const heed_shapes *shapes, int i, const char *filter);
/** The name nearest to a wrong one, or to it in the first block; NULL when nothing is near. */
HEED_API const char *heed_shapes_nearest(const heed_shapes *shapes, const char *name);
/** The named sizes of this configuration. */
HEED_API const heed_shapes_symbol *heed_shapes_symbols(const heed_shapes *shapes, int *n);

#ifdef __cplusplus
}
#endif
#endif
