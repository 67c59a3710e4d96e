/* SPDX-License-Identifier: MIT */
/**
 * Writing a model once more: in another precision, under other names, in parts, for other programs.
 *
 *     heed_convert_options options = heed_convert_options_default();
 *     options.dtype = HEED_CONVERT_BF16;
 *     heed_status s = heed_model_convert("gpt2", "gpt2-bf16", &options, NULL, &err);
 *
 * What GPT-2's architecture can express opens in transformers as GPT2LMHeadModel; files of the tokenizer go along.
 */
#ifndef HEED_CONVERT_H
#define HEED_CONVERT_H

#include <heed/fields.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum heed_convert_dtype {
    HEED_CONVERT_KEEP, /* each tensor as it is */
    HEED_CONVERT_F32,
    HEED_CONVERT_F16, /* refused where a number is too large: 65520 and above */
    HEED_CONVERT_BF16,
    HEED_CONVERT_INT8, /* matrices as integers with a scale for each group of 64; for heed alone */
} heed_convert_dtype;

typedef enum heed_convert_head {
    HEED_CONVERT_HEAD_KEEP,
    HEED_CONVERT_HEAD_TIED,   /* no lm_head.weight; refused where it differs from the token embedding */
    HEED_CONVERT_HEAD_UNTIED, /* lm_head.weight of its own, the token embedding once more where they were tied */
} heed_convert_head;

typedef struct heed_convert_options {
    int dtype;               /* heed_convert_dtype; rounding is to nearest, ties to even */
    int head;                /* heed_convert_head */
    bool prefix;             /* names begin with transformer., as GPT2LMHeadModel saves them */
    bool overwrite;          /* replace the model that is there */
    int64_t max_shard_bytes; /* of numbers in one file; 0: all in model.safetensors */
    /* called after each tensor with the bytes written so far and in all; false ends with HEED_ERR_INTERRUPTED */
    bool (*progress)(void *context, double done_bytes, double all_bytes);
    void *progress_context;
} heed_convert_options;

HEED_API heed_convert_options heed_convert_options_default(void); /* as it is, in one file, with the prefix */
/** dtype, head, prefix and overwrite by name. */
HEED_API const heed_field *heed_convert_fields(int *n);

/* What was written. */
typedef struct heed_conversion {
    int n_tensors, n_files; /* files with weights */
    int n_copied;           /* files of the tokenizer and others that went along */
    double bytes;           /* of numbers */
    bool for_transformers;  /* GPT-2's architecture; a head of its own needs the prefix there */
} heed_conversion;

/**
 * Writes the model in folder `from` as the new folder `to`. Weights stream from the mapped files to the new ones, and the
 * folder appears as a whole: whatever ends the process, it is there completely or not at all. out may be NULL.
 *
 * HEED_ERR_USAGE: `to` holds files and overwrite is not set, or holds files that are no part of a model.
 * HEED_ERR_CHECK: a number too large for the precision (the tensor and how many), heads that differ.
 * HEED_ERR_FILE: a model that does not open, a full disk. HEED_ERR_INTERRUPTED: progress said so.
 */
HEED_API heed_status heed_model_convert(const char *from, const char *to, const heed_convert_options *options,
                                        heed_conversion *out, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
