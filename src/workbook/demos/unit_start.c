/* SPDX-License-Identifier: MIT */
#include "workbook/demos/unit_start.h"

#include <math.h>
#include <string.h>

#include "nn/model.h"

#define GPT2 0.02 /* what heed_weights_init() draws with */

void heed_demo_unit_start(const heed_model *model)
{
    const heed_weights *w = model != NULL ? model->weights : NULL;

    for (int i = 0; w != NULL && i < w->n; i++) {
        const heed_parameter *p = &w->list[i];
        const bool table = strcmp(p->name, "wte.weight") == 0 || strcmp(p->name, "wpe.weight") == 0;
        const double deviation = table ? 1.0 : 1.0 / sqrt(3.0 * (double)w->config.d_model);
        float *x = (float *)(uintptr_t)p->data;

        for (int64_t k = 0; p->rank >= 2 && k < p->count; k++)
            x[k] *= (float)(deviation / GPT2);
    }
}
