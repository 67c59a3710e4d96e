/* SPDX-License-Identifier: MIT */
/* What the numbers of a node are, in a few words: the one table of them, by pattern of name. */
#ifndef HEED_INSPECT_MEANING_H
#define HEED_INSPECT_MEANING_H

#include "graph/op.h"

/** The meaning of a node by its own name, else by its op; "" where neither is known. Constant text. */
const char *heed_meaning_of(const heed_node *node);
/** TransformerLens' name of what we call `name`, in out; "" where that library has none. Returns out. */
const char *heed_meaning_lens_name(char *out, size_t size, const char *name);

#endif
