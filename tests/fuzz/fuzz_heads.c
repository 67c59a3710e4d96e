/* SPDX-License-Identifier: MIT */
/* Records of heads from hostile bytes: what is taken can be read to its end, and what is refused says why. */
#include <stdlib.h>

#include "inspect/head_history.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void read_states(const heed_head_history *h, int64_t i)
{
    heed_head_state state;

    for (int at = 0; at < heed_head_history_n_layers(h) * heed_head_history_n_heads(h); at++) {
        const int layer = at / heed_head_history_n_heads(h), head = at % heed_head_history_n_heads(h);

        for (int text = 0; text < 2; text++)
            heed_head_history_state(h, i, text == 1, layer, head, &state);
    }
}

/* Every number of a pattern, for a sanitizer to see. */
static void read_patterns(const heed_head_history *h, int64_t i)
{
    volatile float sum = 0.0f;

    for (int k = 0; k < heed_head_history_n_patterns(h); k++) {
        int64_t n = 0;
        const float *pattern = heed_head_history_pattern(h, i, k, &n);

        for (int64_t at = 0; at < n * n; at++)
            sum = sum + pattern[at];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heed_head_history *h = NULL;
    heed_error err = {0};

    if (heed_head_history_parse((const char *)data, size, "heads.jsonl", &h, &err) != HEED_OK) {
        require(h == NULL && err.message[0] != '\0');
        return 0;
    }
    require(heed_head_history_count(h) > 0);
    for (int64_t i = 0; i < heed_head_history_count(h); i++) {
        read_states(h, i);
        read_patterns(h, i);
    }
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        heed_head_history_appears(h, (heed_head_role)role, 0, 0);
    heed_head_history_close(h);
    return 0;
}
