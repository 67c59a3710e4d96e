/* SPDX-License-Identifier: MIT */
/*
 * lens [MODEL [TEXT]]: what would the model in a folder say behind a text if it stopped at each place on the way, and which
 * part of it speaks most for what it says in the end?
 *
 *     cc lens.c $(pkg-config --cflags --libs heed) -o lens && ./lens story "One day the c"
 */
#include <heed/heed.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_lens(const heed_model *model, const heed_lens *lens)
{
    char label[HEED_LABEL_BYTES];

    for (int place = 0; place < heed_lens_n_places(lens); place++) {
        const heed_prediction *said = heed_lens_at(lens, place, heed_lens_last(lens));

        heed_token_label(model, said->top[0].id, 12, label, sizeof label);
        printf("%-22s %s (%.2f nats)\n", heed_lens_name(lens, place), label, -said->top[0].log_probability);
    }
}

static void show_largest(const heed_attribution *a)
{
    int best = 0;

    for (int i = 1; i < a->n; i++)
        best = a->list[i].value > a->list[best].value ? i : best;
    printf("logit %.3f, most of it from %s", a->logit, a->list[best].name);
    if (a->list[best].head >= 0)
        printf(" of head %d", a->list[best].head);
    printf(": %+.3f\n", a->list[best].value);
}

int main(int argc, char **argv)
{
    const char *text = argc > 2 ? argv[2] : "One day the c";
    heed_lens_options options = heed_lens_default();
    heed_attribution attribution = {0};
    heed_model *model = NULL;
    heed_lens *lens = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {0};
    heed_status status = heed_model_open(argc > 1 ? argv[1] : "story", &model, &err);

    if (status == HEED_OK)
        status = heed_model_encode(model, text, strlen(text), &ids, &n, &err);
    options.first = (int64_t)n - 1; /* the last token alone */
    if (status == HEED_OK)
        status = heed_lens_create(model, ids, n, &options, &lens, &err);
    if (status == HEED_OK) {
        show_lens(model, lens);
        status = heed_model_attribute(
            model, ids, n, options.first,
            heed_lens_at(lens, heed_lens_n_places(lens) - 1, options.first)->top[0].id, -1, &attribution, &err);
    }
    if (status == HEED_OK)
        show_largest(&attribution);
    else
        fprintf(stderr, "lens: %s\n", err.message);
    heed_attribution_free(&attribution);
    heed_lens_destroy(lens);
    free(ids);
    heed_model_close(model);
    return heed_status_exit_code(status);
}
