/* SPDX-License-Identifier: MIT */
/*
 * ablation [MODEL [TEXT]]: which head or feed-forward would the model in a folder miss most while it reads a text, and which
 * token would suffer?
 *
 *     cc ablation.c $(pkg-config --cflags --libs heed) -o ablation && ./ablation story "One day the cat ran."
 */
#include <heed/heed.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const heed_sweep_entry *most_missed(const heed_ablation_sweep *sweep)
{
    const heed_sweep_entry *best = heed_ablation_sweep_at(sweep, 0);

    for (int i = 1; i < heed_ablation_sweep_count(sweep); i++) {
        if (heed_ablation_sweep_at(sweep, i)->effect.mean > best->effect.mean)
            best = heed_ablation_sweep_at(sweep, i);
    }
    return best;
}

static void show(const heed_model *model, const int32_t *ids, const heed_sweep_entry *e, const heed_ablation *a)
{
    const double *with = heed_ablation_losses(a), *without = heed_ablation_ablated_losses(a);
    char part[128], label[HEED_LABEL_BYTES];
    int64_t worst = 1;

    for (int64_t i = 2; i < heed_ablation_n_tokens(a); i++)
        worst = without[i] - with[i] > without[worst] - with[worst] ? i : worst;
    heed_token_label(model, ids[worst], 12, label, sizeof label);
    printf("without %s the loss changes by %+.3f nats a token (95 %% interval %+.3f to %+.3f), by %+.3f for as "
           "large a\n"
           "change in a random direction; \"%s\" at %lld loses most: %.3f, and %.3f without\n",
           heed_component_text(part, &e->part), e->effect.mean, e->effect.low, e->effect.high, e->control.mean,
           label, (long long)worst, with[worst], without[worst]);
}

int main(int argc, char **argv)
{
    const char *text = argc > 2 ? argv[2] : "One day the cat ran.";
    heed_model *model = NULL;
    heed_ablation_sweep *sweep = NULL;
    heed_ablation *alone = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {0};
    heed_status status = heed_model_open(argc > 1 ? argv[1] : "story", &model, &err);

    if (status == HEED_OK)
        status = heed_model_encode(model, text, strlen(text), &ids, &n, &err);
    if (status == HEED_OK)
        status = heed_ablation_sweep_create(model, ids, n, NULL, &sweep, &err);
    if (status == HEED_OK)
        status = heed_ablation_create(model, ids, n, &most_missed(sweep)->part, 1, NULL, &alone, &err);
    if (status == HEED_OK)
        show(model, ids, most_missed(sweep), alone);
    else
        fprintf(stderr, "ablation: %s\n", err.message);
    heed_ablation_destroy(alone);
    heed_ablation_sweep_destroy(sweep);
    free(ids);
    heed_model_close(model);
    return heed_status_exit_code(status);
}
