/* SPDX-License-Identifier: MIT */
#include "workbook/demos/writing.h"

#include <stdlib.h>
#include <string.h>

#include "base/text_buffer.h"

heed_demo_tokens heed_demo_tokens_make(heed_demoing *d, int64_t n)
{
    const heed_demo_tokens t = {(int32_t *)(void *)heed_demo_floats(d, n), n};

    return d->s.status == HEED_OK ? t : (heed_demo_tokens){NULL, 0};
}

heed_demo_tokens heed_demo_encode(heed_demoing *d, const heed_model *model, const char *text)
{
    const heed_prompt prompt = {.text = text, .n_text = strlen(text)};
    heed_demo_tokens t = {NULL, 0};
    heed_error err = {HEED_OK, ""};
    int32_t *ids = NULL;
    size_t n = 0;

    if (d->s.status == HEED_OK &&
        heed_demo_ok(d, heed_model_encode_prompt(model, &prompt, false, &ids, &n, &err), &err))
        t = heed_demo_tokens_make(d, (int64_t)n);
    if (t.ids != NULL)
        memcpy(t.ids, ids, n * sizeof *ids);
    free(ids);
    return t;
}

void heed_show_written(heed_demoing *d, const char *title, const heed_model *model, const int32_t *ids,
                       int64_t n)
{
    heed_text_buffer text = {0};

    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        size_t n_piece = 0;
        const char *piece = heed_model_piece(model, ids[i], &n_piece);

        if (piece != NULL)
            heed_text_append(&text, piece, n_piece);
        else
            heed_text_printf(&text, "%s%d", i > 0 ? " " : "", (int)ids[i]);
    }
    if (text.failed)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for a text");
    heed_show_passage(d, title, text.data != NULL ? text.data : "", text.size);
    heed_text_free(&text);
}

heed_sampling heed_demo_greedy(void)
{
    return heed_demo_drawn(0.0);
}

heed_sampling heed_demo_drawn(double temperature)
{
    return (heed_sampling){.temperature = temperature, .top_p = 1.0, .repetition_penalty = 1.0};
}
