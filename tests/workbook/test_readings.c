/* SPDX-License-Identifier: MIT */
/* What demonstrations read with: windows, models in a folder for a moment, sentences word by word. */
#include "../cmocka_all.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "data/tasks/task.h"
#include "train/trainer.h"
#include "workbook/demos/kept_model.h"
#include "workbook/demos/pronoun_reading.h"

/* A run of no demonstration, and a trainer that has made no step. */
typedef struct bench {
    heed_demoing d;
    heed_demo_options options;
    heed_error err;
    json_t *params;
    heed_trainer *trainer;
} bench;

static void open_bench(bench *b, int64_t context_length, const char *task)
{
    heed_demo_training t;

    *b = (bench){.options = {.seed = 3}, .params = json_loads("{\"steps\": 1}", 0, NULL)};
    b->d = (heed_demoing){.s = {.params = b->params, .arena = heed_arena_create(), .err = &b->err},
                          .rng = heed_rng_make(3, HEED_STREAM_DEMO),
                          .options = &b->options};
    t = heed_demo_training_of(&b->d, HEED_DEMO_P2S);
    t.config.context_length = context_length;
    t.config.positions = HEED_POSITIONS_ALIBI;
    t.options.task = task != NULL ? heed_task_find(task) : 0;
    t.options.task_prompts = task != NULL;
    b->trainer = heed_demo_train_begin(&b->d, &t);
    if (b->trainer == NULL)
        fail_msg("%s", b->err.message);
}

static void close_bench(bench *b)
{
    heed_trainer_close(b->trainer);
    heed_arena_destroy(b->d.s.arena);
    json_decref(b->params);
}

/* --- windows --- */

static double nats(heed_grid logits, int64_t row, int32_t target)
{
    const double *x = heed_grid_row(logits, row).data;
    double most = -INFINITY, sum = 0.0;

    for (int64_t v = 0; v < logits.columns; v++)
        most = fmax(most, x[v]);
    for (int64_t v = 0; v < logits.columns; v++)
        sum += exp(x[v] - most);
    return most + log(sum) - x[target];
}

/* Of 11 windows, more than are run at once, and longer than the context. */
static void the_loss_of_windows_is_that_of_their_logits(void **state)
{
    static const int64_t last[] = {0, 1, 16, 40};
    bench b;
    heed_demo_windows w;
    heed_grid logits;

    (void)state;
    open_bench(&b, 32, NULL);
    w = heed_demo_windows_of(&b.d, b.trainer, 11, 40);
    logits = heed_demo_windows_logits(&b.d, heed_trainer_model(b.trainer), &w);
    assert_int_equal(logits.rows, 11 * 40);
    for (size_t k = 0; k < sizeof last / sizeof last[0]; k++) {
        const int64_t first = last[k] > 0 ? 40 - last[k] : 0;
        double sum = 0.0, n = 0.0, loss;

        for (int64_t i = 0; i < 11 * 40; i++) {
            if (i % 40 >= first) {
                sum += nats(logits, i, w.targets[i]);
                n += 1.0;
            }
        }
        loss = heed_demo_windows_loss(&b.d, heed_trainer_model(b.trainer), &w, last[k]);
        if (!(fabs(loss - sum / n) <= 1e-5)) /* floats of about 3.3, and a mean of them */
            fail_msg("last %d: %.7f, of the logits %.7f", (int)last[k], loss, sum / n);
    }
    close_bench(&b);
}

static void windows_go_on_as_the_text_does_and_differ(void **state)
{
    bench b;
    heed_demo_windows w;

    (void)state;
    open_bench(&b, 32, NULL);
    w = heed_demo_windows_of(&b.d, b.trainer, 20, 64);
    for (int64_t i = 0; i < 20; i++) {
        for (int64_t t = 0; t + 1 < 64; t++)
            assert_int_equal(w.targets[i * 64 + t], w.ids[i * 64 + t + 1]);
        for (int64_t j = 0; j < i; j++)
            assert_memory_not_equal(w.ids + i * 64, w.ids + j * 64, 64 * sizeof *w.ids);
    }
    heed_demo_windows_of(&b.d, b.trainer, 1, 1000000);
    assert_int_equal(b.d.s.status, HEED_ERR_USAGE);
    close_bench(&b);
}

/* --- a model in a folder --- */

static void a_kept_model_opens_as_it_was_and_outlives_its_folder(void **state)
{
    bench b;
    heed_demo_folder folder;
    heed_model *again = NULL;

    (void)state;
    open_bench(&b, 32, NULL);
    assert_true(heed_demo_keep(&b.d, heed_trainer_model(b.trainer), &folder));
    assert_int_equal(heed_model_open(folder.path, &again, NULL), HEED_OK);
    {
        char path[300];

        snprintf(path, sizeof path, "%s", folder.path);
        heed_demo_drop(&folder);
        assert_false(heed_file_exists(path));
        assert_int_equal(folder.path[0], '\0');
        heed_demo_drop(&folder); /* and once more */
    }
    assert_int_equal(heed_model_n_parameters(again), heed_model_n_parameters(heed_trainer_model(b.trainer)));
    for (int i = 0; i < heed_model_n_parameters(again); i++) {
        const heed_parameter p = heed_model_parameter(again, i),
                             q = heed_model_parameter(heed_trainer_model(b.trainer), i);

        assert_string_equal(p.name, q.name);
        assert_int_equal(p.count, q.count);
        assert_memory_equal(p.data, q.data, (size_t)p.count * sizeof(float));
    }
    assert_true(heed_model_has_tokenizer(again));
    assert_int_equal(heed_tokenizer_vocab_size(heed_model_tokenizer(again)),
                     heed_trainer_config(b.trainer)->vocab_size);
    heed_model_close(again);
    close_bench(&b);
}

/* --- sentences --- */

static bool is(const heed_pronoun_source *s, int32_t id, const char *word)
{
    return id == heed_tokenizer_find(s->tokenizer, word, strlen(word));
}

static void sentences_are_read_word_by_word(void **state)
{
    bench b;
    heed_pronoun_source s;
    int lengths[HEED_PRONOUN_WORDS] = {0};

    (void)state;
    open_bench(&b, 2 * HEED_PRONOUN_WORDS + 1, "pronoun");
    s = heed_pronoun_open(&b.d, b.trainer);
    for (int64_t i = 0; i < 300; i++) {
        int32_t ids[HEED_PRONOUN_WORDS], targets[HEED_PRONOUN_WORDS];
        const int64_t ask = heed_pronoun_read(&s, HEED_PART_TRAIN, i, ids, targets);

        assert_in_range(ask, 9, HEED_PRONOUN_WORDS - 1);
        lengths[ask]++;
        assert_true(is(&s, ids[0], "the") && is(&s, ids[4], "the") &&
                    is(&s, ids[HEED_PRONOUN_BECAUSE], "because") && is(&s, ids[HEED_PRONOUN_IT], "it") &&
                    is(&s, ids[HEED_PRONOUN_WAS], "was"));
        assert_true((targets[ask] == ids[HEED_PRONOUN_FIRST]) != (targets[ask] == ids[HEED_PRONOUN_SECOND]));
        for (int64_t t = 0; t < HEED_PRONOUN_WORDS; t++)
            assert_int_equal(targets[t], t < ask ? ids[t + 1] : t == ask ? targets[ask] : HEED_NO_TARGET);
    }
    for (int ask = 9; ask < HEED_PRONOUN_WORDS; ask++)
        assert_true(lengths[ask] > 0);
    close_bench(&b);
}

/* In the pairs, what is said last has been said of the noun that is asked for, in sentences of the task. */
static void pairs_differ_in_the_last_word_alone(void **state)
{
    bench b;
    heed_pronoun_source s;
    heed_pronoun_pairs p, same;
    static bool known[256][256]; /* [noun][last word] */

    (void)state;
    open_bench(&b, 2 * HEED_PRONOUN_WORDS + 1, "pronoun");
    s = heed_pronoun_open(&b.d, b.trainer);
    for (int64_t i = 0; i < 5000; i++) {
        int32_t ids[HEED_PRONOUN_WORDS], targets[HEED_PRONOUN_WORDS];
        const int64_t ask = heed_pronoun_read(&s, HEED_PART_TRAIN, i, ids, targets);
        known[targets[ask]][ids[ask]] = true;
    }
    p = heed_pronoun_pairs_of(&b.d, &s, 50, false);
    same = heed_pronoun_pairs_of(&b.d, &s, 50, true);
    assert_int_equal(b.d.s.status, HEED_OK);
    for (int64_t i = 0; i < 50; i++) {
        const int32_t *x = p.windows.ids + 2 * i * HEED_PRONOUN_WORDS, *y = x + HEED_PRONOUN_WORDS;
        const int64_t ask = p.ask[i];

        for (int64_t t = 0; t < HEED_PRONOUN_WORDS; t++)
            assert_true((x[t] == y[t]) == (t != ask));
        assert_true(known[x[HEED_PRONOUN_FIRST]][x[ask]] && !known[x[HEED_PRONOUN_SECOND]][x[ask]]);
        assert_true(known[x[HEED_PRONOUN_SECOND]][y[ask]] && !known[x[HEED_PRONOUN_FIRST]][y[ask]]);
        assert_int_equal(p.windows.targets[2 * i * HEED_PRONOUN_WORDS + ask], x[HEED_PRONOUN_FIRST]);
        assert_int_equal(p.windows.targets[(2 * i + 1) * HEED_PRONOUN_WORDS + ask], x[HEED_PRONOUN_SECOND]);
        y = same.windows.ids + (2 * i + 1) * HEED_PRONOUN_WORDS;
        assert_true(known[y[HEED_PRONOUN_FIRST]][y[same.ask[i]]]);
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_of_windows_is_that_of_their_logits),
        cmocka_unit_test(windows_go_on_as_the_text_does_and_differ),
        cmocka_unit_test(a_kept_model_opens_as_it_was_and_outlives_its_folder),
        cmocka_unit_test(sentences_are_read_word_by_word),
        cmocka_unit_test(pairs_differ_in_the_last_word_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
