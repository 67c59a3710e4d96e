/* SPDX-License-Identifier: MIT */
/*
 * train [TEXT]: a small GPT learns a text, or heed's built-in stories, into the folder story.
 *
 *     cc train.c $(pkg-config --cflags --libs heed) -o train && ./train
 */
#include <heed/heed.h>
#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *text = argc > 1 ? argv[1] : NULL;
    heed_config config = heed_config_default();
    heed_train_options options = heed_train_options_default();
    heed_trainer *trainer = NULL;
    heed_progress now = {0};
    heed_error err = {0};
    heed_status status;

    config.n_layers = 2;
    config.d_model = 32;
    options.steps = 200;
    options.eval_interval = 50;

    status = heed_trainer_create(text, &config, &options, "story", &trainer, &err);
    if (status == HEED_OK)
        printf("%lld parameters, %.1f MB\n", (long long)heed_trainer_plan(trainer)->n_parameters,
               heed_trainer_plan(trainer)->process_bytes / 1e6);
    while (status == HEED_OK && !now.done) {
        status = heed_trainer_step(trainer, &now, &err);
        if (status == HEED_OK && !isnan(now.validation_loss))
            printf("step %lld: loss %.3f, validation %.3f\n", (long long)now.step, now.loss,
                   now.validation_loss);
    }
    if (status == HEED_OK)
        status = heed_run_picture("story", "story/loss.png", &err);
    if (status != HEED_OK)
        fprintf(stderr, "train: %s\n", err.message);
    heed_trainer_close(trainer);
    return heed_status_exit_code(status);
}
