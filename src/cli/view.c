/* SPDX-License-Identifier: MIT */
/* What stands before the first view, and between views. */
#include "cli/view.h"

#include "cli/nonfinite_out.h"
#include "cli/output.h"

static void json_tokens(const heed_cli_look *look)
{
    heed_cli_json_bytes(look->json, "text", look->text, look->n_text);
    heed_cli_json_open(look->json, "tokens", '[');
    for (size_t i = 0; i < look->n_ids; i++) {
        size_t n = 0;
        const char *piece = heed_model_piece(look->model, look->ids[i], &n);
        heed_cli_json_bytes(look->json, NULL, piece != NULL ? piece : "", n);
    }
    heed_cli_json_close(look->json, ']');
}

/* The text, and where its run stops being finite. */
static void print_heading(const heed_cli_look *look)
{
    if (look->json != NULL)
        heed_cli_json_open(look->json, NULL, '{');
    if (look->json != NULL && look->text != NULL) {
        json_tokens(look);
    } else if (look->text != NULL) {
        printf("text: ");
        heed_cli_put_safe(stdout, look->text, look->n_text);
        printf("\n\n");
    }
    if (look->printed->nonfinite.found)
        heed_cli_put_nonfinite(look, &look->printed->nonfinite);
}

void heed_cli_view_begin(const heed_cli_look *look)
{
    heed_cli_printed *printed = look->printed;

    if (!printed->any)
        print_heading(look);
    else if (look->json == NULL)
        printf("\n");
    if (look->json != NULL)
        heed_cli_json_open(look->json, printed->view, '{');
    printed->any = printed->this_view = true;
}
