/* SPDX-License-Identifier: MIT */
/* The parts of a conversion: what it reads, what is to be written, and where. */
#ifndef HEED_NN_CONVERT_H
#define HEED_NN_CONVERT_H

#include <heed/convert.h>
#include <jansson.h>

#include "base/file.h"
#include "base/new_folder.h"
#include "nn/weights.h"

/* One tensor to be written: a tensor of the source under a name, as a type and in its shape. */
typedef struct heed_convert_tensor {
    const char *name;
    const heed_safetensors_entry *from;
    heed_parameter stored; /* what `from` is, where it or what is written has 8 bits (numbers not NULL then) */
    bool scales;           /* the scales of its numbers are written, not the numbers */
    heed_safetensors_dtype dtype;
    int rank;
    int64_t size[HEED_SAFETENSORS_MAX_RANK];
    size_t bytes;
    int file; /* 0 .. n_files-1 */
} heed_convert_tensor;

typedef struct heed_convert {
    const heed_convert_options *options;
    const char *from;
    heed_config config; /* of what is written */
    json_t *config_json;
    heed_shards *shards;
    heed_weights *weights; /* of the source: names and shapes */
    heed_arena *arena;
    heed_convert_tensor *tensors; /* in the order of the files */
    int n_tensors, n_files, n_copied;
    size_t bytes, done;
    heed_new_folder out;
    heed_error *err;
} heed_convert;

/** Opens the source and lists what is to be written. */
heed_status heed_convert_open(heed_convert *c);
/** True when some of what is written has 8 bits. */
bool heed_convert_has_int8(const heed_convert *c);
/** Puts the numbers of a tensor, or its scales, into sink. */
heed_status heed_convert_put(const heed_convert_tensor *t, heed_file_sink *sink, heed_error *err);
/** Writes the weights, in one file or in several with their index. */
heed_status heed_convert_write_weights(heed_convert *c);
/** config.json, and the files that go along. */
heed_status heed_convert_write_others(heed_convert *c);
/** Nothing may be lost at the place where the model is to be: HEED_ERR_USAGE. */
heed_status heed_convert_check_target(const char *to, bool overwrite, heed_error *err);

#endif
