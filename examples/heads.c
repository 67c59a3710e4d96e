/* SPDX-License-Identifier: MIT */
/*
 * heads [MODEL]: which heads of the model in a folder have a role? It reads random tokens and the same again; whoever
 * finds out what came behind a token the first time is an induction head.
 *
 *     cc heads.c $(pkg-config --cflags --libs heed) -o heads && ./heads story
 */
#include <heed/heed.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const heed_repeated_options options = {.seed = 1}; /* 4 texts of 50 tokens, or of half of the context */
    heed_model *model = NULL;
    heed_heads *heads = NULL;
    heed_repeated test;
    heed_error err = {0};
    int n_named = 0;
    heed_status status = heed_model_open(argc > 1 ? argv[1] : "story", &model, &err);

    if (status == HEED_OK)
        status = heed_heads_repeat(model, &options, &heads, &test, &err);
    if (status != HEED_OK) {
        fprintf(stderr, "heads: %s\n", err.message);
        heed_model_close(model);
        return heed_status_exit_code(status);
    }
    printf("%lld random tokens cost %.2f nats each, and %.2f when they come again\n", (long long)test.length,
           test.first_loss, test.second_loss);
    for (int layer = 0; layer < heed_heads_n_layers(heads); layer++) {
        for (int head = 0; head < heed_heads_n_heads(heads); head++) {
            char words[HEED_HEAD_WORDS];
            heed_head_scores scores;

            heed_heads_scores(heads, HEED_HEADS_ALL, layer, head, &scores);
            if (heed_head_say(&scores, words)[0] == '\0')
                continue;
            printf("layer %d head %d: %s (%.0f %% of the possible entropy)\n", layer, head, words,
                   100.0 * scores.entropy_share);
            n_named++;
        }
    }
    if (n_named == 0)
        printf("no head has a role\n");
    heed_heads_destroy(heads);
    heed_model_close(model);
    return 0;
}
