/* SPDX-License-Identifier: MIT */
/* Tokens made visible: formats/label.h on the bytes of a model's token, which may hold zeros. */
#include <heed/label.h>
#include <stdio.h>
#include <string.h>

#include "formats/label.h"

enum { MOST_BYTES = 256 }; /* of a token that are looked at: more than 60 columns of them */

int heed_token_label(const heed_model *model, int32_t id, int columns, char *out, size_t size)
{
    size_t n = 0, used = 0;
    const char *piece = heed_model_piece(model, id, &n);
    char text[4 * MOST_BYTES + 1];

    if (piece == NULL) {
        snprintf(text, sizeof text, "#%d", (int)id);
    } else {
        for (size_t i = 0; i < n && i < MOST_BYTES; i++) {
            if (piece[i] == '\0')
                used += (size_t)snprintf(text + used, sizeof text - used, "\\x00");
            else
                text[used++] = piece[i];
        }
        text[used] = '\0';
    }
    heed_label_token(out, size, text, columns);
    return heed_label_chars(out);
}
