/* SPDX-License-Identifier: MIT */
/* Is one value the other, within a tolerance, and where not? */
#ifndef HEED_WORKBOOK_JUDGE_H
#define HEED_WORKBOOK_JUDGE_H

#include "workbook/exercise.h"

#define HEED_JUDGED_BYTES 320

typedef struct heed_judged {
    bool ok;
    char words[HEED_JUDGED_BYTES]; /* what is wrong and where; "" */
    const char *remark;            /* NULL: none */
} heed_judged;

/** given NULL: missing, which is wrong. */
heed_judged heed_judge(const heed_field_spec *field, const json_t *expected, const json_t *given);
/**
 * Is given what the slip makes of the field, clearly? wrong: what solve() gives with it. It must not be within the tolerance of the
 * right answer, twice over, so that no rounding is taken for a slip.
 */
bool heed_judge_slip(const heed_field_spec *field, const json_t *expected, const json_t *wrong,
                     const json_t *given);
/** A slip that needs no computation: transposed, off by one, MB for MiB, per cent, sign. HEED_SLIP_NONE: none. */
heed_slip heed_judge_plain_slip(const heed_field_spec *field, const json_t *expected, const json_t *given);

/** Do two words, in lower case and without signs, mean the same? "headdim" and "dk". */
bool heed_same_words(const char *a, const char *b);

/** A value as people write it: 3, 0.5, [1 2; 3 4]. Numbers to `digits`. */
void heed_value_text(const json_t *value, int digits, char *out, size_t size);

#endif
