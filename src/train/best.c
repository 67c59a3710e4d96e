/* SPDX-License-Identifier: MIT */
#include "train/best.h"

#include <float.h>
#include <math.h>

#include "base/error.h"

heed_status heed_best_check(const heed_train_options *o, heed_error *err)
{
    if (o->patience == 0 || o->eval_interval > 0)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_USAGE,
                     "patience: expected an eval_interval above 0, as it waits for evaluations, got 0");
}

bool heed_best_judge(heed_best *b, int64_t patience, int64_t step, double loss)
{
    if (loss < b->loss || (isnan(b->loss) && isfinite(loss))) {
        *b = (heed_best){.loss = loss, .step = step};
        return true;
    }
    b->n_waited++;
    b->stopped = patience > 0 && b->n_waited >= patience;
    return false;
}

json_t *heed_best_to_json(const heed_best *b)
{
    return json_pack("{s:o, s:I, s:I, s:b}", "loss", isfinite(b->loss) ? json_real(b->loss) : json_null(),
                     "step", (json_int_t)b->step, "waited", (json_int_t)b->n_waited, "stopped",
                     (int)b->stopped);
}

void heed_best_from_json(heed_best *b, heed_json_reader *reader)
{
    if (!heed_json_has(reader, "best"))
        return;
    heed_json_reader r = heed_json_read(heed_json_object(reader, "best"), reader->where, reader->err);
    *b = (heed_best){
        .loss = heed_json_number(&r, "loss", NAN, -DBL_MAX, DBL_MAX),
        .step = heed_json_int(&r, "step", 0, 0, INT64_MAX),
        .n_waited = heed_json_int(&r, "waited", 0, 0, INT64_MAX / 2),
        .stopped = heed_json_bool(&r, "stopped", false),
    };
    if (reader->status == HEED_OK)
        reader->status = r.status;
}
