/* SPDX-License-Identifier: MIT */
/*
 * generate [MODEL [PROMPT]]: the model in a folder continues a text.
 *
 *     cc generate.c $(pkg-config --cflags --libs heed) -o generate && ./generate story "One day"
 */
#include <heed/heed.h>
#include <stdio.h>
#include <string.h>

/* Called for each token: its text, once that is certain, and how likely the model found it. */
static bool show(void *context, const heed_written *w)
{
    double *surprise = context;

    fwrite(w->text, 1, w->n_text, stdout);
    fflush(stdout);
    *surprise -= w->log_probability;
    return true; /* false would end the text */
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "story", *text = argc > 2 ? argv[2] : "One day";
    const char *const stop[] = {"\n\n", "THE END"};
    const heed_prompt prompt = {.text = text, .n_text = strlen(text)};
    heed_generate_options options = heed_generate_default();
    heed_model *model = NULL;
    heed_generated result;
    heed_error err = {0};
    double surprise = 0.0;
    heed_status status = heed_model_open(folder, &model, &err);

    options.max_tokens = 100;
    options.sampling.top_p = 0.95;
    options.stop = stop;
    options.n_stop = 2;
    options.log_probabilities = true;
    fputs(text, stdout);
    if (status == HEED_OK)
        status = heed_generate(model, &prompt, 1, &options, show, &surprise, &result, &err);
    if (status == HEED_OK)
        printf("\n\n%lld tokens, %.2f nats each; the end: %s\n", (long long)result.n_written,
               result.n_written > 0 ? surprise / (double)result.n_written : 0.0,
               heed_finish_name(result.finish));
    else
        fprintf(stderr, "generate: %s\n", err.message);
    heed_model_close(model);
    return heed_status_exit_code(status);
}
