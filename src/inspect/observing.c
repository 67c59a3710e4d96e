/* SPDX-License-Identifier: MIT */
/* What looking costs: readings for the logits alone beside readings that show activations too. */
#include <heed/activations.h>
#include <heed/verify.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

enum { READINGS = 3 };

typedef struct taken {
    float *logits; /* of the first reading; NULL before it */
    bool same, failed;
    bool count_logits; /* they were asked for by name */
    double bytes;
} taken;

static void take(void *context, const char *name, int rank, const int64_t *size, const float *numbers)
{
    taken *t = context;
    size_t bytes = sizeof(float);

    for (int axis = 0; axis < rank; axis++)
        bytes *= (size_t)size[axis];
    if (t->count_logits || strcmp(name, "logits") != 0)
        t->bytes += (double)bytes;
    if (strcmp(name, "logits") != 0)
        return;
    if (t->logits != NULL) {
        t->same = t->same && memcmp(t->logits, numbers, bytes) == 0;
    } else {
        t->logits = malloc(bytes);
        t->failed = t->logits == NULL;
        if (!t->failed)
            memcpy(t->logits, numbers, bytes);
    }
}

/* One reading; *shortest becomes its seconds where that is less. */
static heed_status read_once(const heed_model *model, const int32_t *ids, size_t n, const char *const *names,
                             int n_names, taken *t, double *shortest, heed_error *err)
{
    const double begin = heed_clock_s();
    heed_status status;

    t->bytes = 0.0;
    status = heed_model_observe(model, ids, n, names, n_names, take, t, err);
    *shortest = fmin(*shortest, heed_clock_s() - begin);
    return status;
}

heed_status heed_model_measure_observing(const heed_model *model, const int32_t *ids, size_t n,
                                         const char *const *names, int n_names, heed_observing *out,
                                         heed_error *err)
{
    const char **all = calloc((size_t)n_names + 1, sizeof *all);
    taken t = {.same = true};
    heed_status status = HEED_OK;

    *out = (heed_observing){.seconds = INFINITY, .seconds_without = INFINITY};
    if (all == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a list of activations");
    all[0] = "logits";
    memcpy(all + 1, names, (size_t)n_names * sizeof *all);
    for (int i = 0; i < n_names; i++)
        t.count_logits = t.count_logits || strcmp(names[i], "logits") == 0;
    for (int i = 0; i < READINGS && status == HEED_OK; i++) {
        status = read_once(model, ids, n, all, 1, &t, &out->seconds_without, err);
        if (status == HEED_OK)
            status = read_once(model, ids, n, all, 1 + n_names, &t, &out->seconds, err);
    }
    if (status == HEED_OK && t.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to keep the logits of %zu tokens", n);
    out->bytes = t.bytes;
    out->same_logits = t.same;
    free(t.logits);
    free(all);
    return status;
}
