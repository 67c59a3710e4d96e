/* SPDX-License-Identifier: MIT */
#include "train/touched.h"

#include <stdlib.h>
#include <string.h>

bool heed_touched_open(heed_touched *touched, int64_t n_rows)
{
    *touched = (heed_touched){.n_rows = n_rows,
                              .marks = calloc((size_t)n_rows, sizeof(int32_t)),
                              .rows = calloc((size_t)n_rows, sizeof(int32_t))};
    return touched->marks != NULL && touched->rows != NULL;
}

void heed_touched_close(heed_touched *touched)
{
    free(touched->marks);
    free(touched->rows);
    *touched = (heed_touched){0};
}

void heed_touched_clear(const heed_touched *touched, const heed_tensor *grad)
{
    const int64_t d = grad->shape.size[1];

    for (int64_t i = 0; i < touched->n; i++)
        memset((float *)grad->data + touched->rows[i] * d, 0, (size_t)d * sizeof(float));
}

void heed_touched_mark(heed_touched *touched, const int32_t *ids, int64_t n)
{
    for (int64_t i = 0; i < touched->n; i++)
        touched->marks[touched->rows[i]] = 0;
    touched->n = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t id = ids[i];
        if (id < 0 || id >= touched->n_rows || touched->marks[id] != 0)
            continue;
        touched->marks[id] = 1;
        touched->rows[touched->n++] = id;
    }
}
