/* SPDX-License-Identifier: MIT */
#include "nn/types.h"

static const bool narrow[] = {
    [HEED_NN_STREAM] = false,
    [HEED_NN_OPERAND] = true,
    [HEED_NN_ACTIVATION] = true,
    [HEED_NN_ROUTING] = false,
};

heed_dtype heed_nn_type(const heed_nn *nn, heed_nn_role role)
{
    return nn->precision == HEED_PRECISION_BF16 && narrow[role] ? HEED_BF16 : HEED_F32;
}

heed_node *heed_nn_held(heed_nn *nn, heed_node *x, heed_nn_role role)
{
    if (x == NULL || x->tensor.dtype != HEED_F32 || heed_nn_type(nn, role) == HEED_F32)
        return x;
    return heed_to_bf16(nn->g, x);
}
