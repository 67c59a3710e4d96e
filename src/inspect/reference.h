/* SPDX-License-Identifier: MIT */
/*
 * A file of reference activations: its cases, what each reads, and its tolerances.
 *
 * A case is what has ids of its own: CASE/ids, or ids without a name before them (the case "").
 */
#ifndef HEED_INSPECT_REFERENCE_H
#define HEED_INSPECT_REFERENCE_H

#include "base/memory.h"
#include "formats/safetensors.h"
#include "inspect/forward.h"

typedef struct heed_reference {
    heed_safetensors *file;
    heed_arena *arena;
    const char *where; /* safe to show */
    const char **cases;
    int n_cases;
} heed_reference;

/** HEED_ERR_FILE: damaged, or without ids. */
heed_status heed_reference_open(const char *path, heed_reference *reference, heed_error *err);
void heed_reference_close(heed_reference *reference);

/** The case that a tensor belongs to, -1 for none, and its name there. */
int heed_reference_case(const heed_reference *reference, const char *name, const char **local);
/** True for what a case reads: ids, targets, masks. */
bool heed_reference_is_input(const char *local);
/** What case i reads, in the arena. */
heed_status heed_reference_read(const heed_reference *reference, int i, const heed_model *model,
                                heed_forward_ids *in, heed_error *err);
/** The tolerance `kind` (atol, rtol) of a tensor of case i; fallback where the file has none. */
double heed_reference_tolerance(const heed_reference *reference, int i, const char *kind, const char *local,
                                double fallback);

#endif
