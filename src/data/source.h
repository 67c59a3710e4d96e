/* SPDX-License-Identifier: MIT */
/*
 * Where training windows come from: a corpus (data/corpus.h), in memory or mapped from a token file, or a synthetic task
 * (data/tasks/task.h). A window is a row of a batch, T ids and the T targets that a model shall predict from them.
 *
 *     ids     [T]   ids[t]
 *     targets [T]   targets[t], or HEED_NO_TARGET where nothing is to be learned
 *
 * A window is a function of (source, part, at) alone. Which `at` comes when is data/batches.h's.
 */
#ifndef HEED_DATA_SOURCE_H
#define HEED_DATA_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#define HEED_NO_TARGET (-100) /* a target that counts for nothing; the number of HEED_IGNORE_TARGET */

typedef enum heed_part { HEED_PART_TRAIN, HEED_PART_VALIDATION } heed_part;

typedef struct heed_source heed_source;
struct heed_source {
    /*
     * Fills one window. Of a text: from token `at` of the part on; where it ends sooner, what is left over has the id 0
     * and no target. Of a task, which has no end: window number `at`. Threads may fill side by side.
     */
    void (*fill)(const heed_source *source, heed_part part, int64_t at, int64_t T, int32_t *ids,
                 int32_t *targets);
    void (*destroy)(heed_source *source);
    int64_t n_tokens[2]; /* by part; 0 and 0: there is no end */
};

static inline void heed_source_destroy(heed_source *source) /* NULL is allowed */
{
    if (source != NULL)
        source->destroy(source);
}

#endif
