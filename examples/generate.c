/* SPDX-License-Identifier: MIT */
/*
 * generate [MODEL [PROMPT]]: the model in a folder continues a text.
 *
 *     cc generate.c $(pkg-config --cflags --libs heed) -o generate && ./generate story "One day"
 */
#include <heed/heed.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "story", *prompt = argc > 2 ? argv[2] : "One day";
    const heed_sampling sampling = heed_sampling_default();
    heed_model *model = NULL;
    heed_session *session = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {0};
    heed_status status = heed_model_open(folder, &model, &err);

    if (status == HEED_OK)
        status = heed_model_encode(model, prompt, strlen(prompt), &ids, &n, &err);
    if (status == HEED_OK)
        status = heed_session_open(model, NULL, &session, &err);
    if (status == HEED_OK)
        status = heed_session_feed(session, ids, n, &err);
    fputs(prompt, stdout);
    for (int i = 0; i < 200 && status == HEED_OK; i++) {
        const int32_t id = heed_session_sample(session, &sampling);
        const char *piece = heed_model_piece(model, id, &n);
        fwrite(piece, 1, n, stdout);
        fflush(stdout);
        status = heed_session_feed(session, &id, 1, &err);
    }
    puts("");
    if (status != HEED_OK)
        fprintf(stderr, "generate: %s\n", err.message);
    heed_session_close(session);
    heed_model_close(model);
    free(ids);
    return heed_status_exit_code(status);
}
