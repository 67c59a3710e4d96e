/* SPDX-License-Identifier: MIT */
#include "cli/own_text.h"

#include <heed/generate.h>
#include <stdlib.h>

#include "cli/output.h"

#define OWN_TOKENS 36 /* its map fits 80 columns */

typedef struct own_text {
    char *text; /* [size] */
    size_t n, size;
} own_text;

/* Keeps the first line that is not empty. */
static bool keep_line(void *context, const heed_written *w)
{
    own_text *own = context;

    for (size_t i = 0; i < w->n_text; i++) {
        if (w->text[i] == '\n' && own->n > 0)
            return false;
        if (w->text[i] != '\n' && own->n < own->size)
            own->text[own->n++] = w->text[i];
    }
    return true;
}

/* A model that writes nothing but empty lines is shown one. */
heed_status heed_cli_own_text(const heed_model *model, char **text, size_t *n, heed_error *err)
{
    const int64_t context = heed_model_config(model)->context_length;
    own_text own = {.text = malloc(16 * OWN_TOKENS), .size = 16 * OWN_TOKENS};
    heed_generate_options options = heed_generate_default();
    const heed_prompt empty = {.text = ""};
    heed_status status;

    *text = own.text;
    if (own.text == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the text");
    options.sampling.temperature = 0.5;
    options.max_tokens = context < OWN_TOKENS ? context : OWN_TOKENS;
    status = heed_generate(model, &empty, 1, &options, keep_line, &own, NULL, err);
    if (own.n == 0)
        own.text[own.n++] = '\n';
    *n = own.n;
    return status;
}
