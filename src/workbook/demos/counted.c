/* SPDX-License-Identifier: MIT */
#include "workbook/demos/counted.h"

#include <math.h>

double heed_demo_counted_loss(heed_demoing *d, const heed_demo_characters *text)
{
    const int64_t V = text->V;
    heed_grid pairs = heed_grid_make(&d->s, V, V), rows = heed_grid_make(&d->s, 1, V);
    double nats = 0.0;

    if (d->s.status != HEED_OK || text->n - text->n_train < 2)
        return NAN;
    for (int64_t i = 0; i + 1 < text->n_train; i++) {
        pairs.data[text->ids[i] * V + text->ids[i + 1]]++;
        rows.data[text->ids[i]]++;
    }
    for (int64_t i = text->n_train; i + 1 < text->n; i++)
        nats -= log((pairs.data[text->ids[i] * V + text->ids[i + 1]] + 1.0) /
                    (rows.data[text->ids[i]] + (double)V));
    return nats / (double)(text->n - text->n_train - 1);
}
