/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"

/* Words of a few letters: enough to learn from. */
static void write_text(const char *path)
{
    heed_rng rng = heed_rng_make(5, 99);
    char text[3000];
    size_t n = 0;

    while (n < sizeof text) {
        static const char *const words[] = {"to ", "be ", "or ", "not ", "that ", "is ", "so. ", "who\n"};
        for (const char *w = words[heed_rng_below(&rng, 8)]; *w != '\0' && n < sizeof text; w++)
            text[n++] = *w;
    }
    run_write(path, text, sizeof text);
}

void run_shape(run_case *c)
{
    c->config.n_layers = 1;
    c->config.n_heads = 2;
    c->config.d_model = 8;
    c->config.context_length = 6;
    c->config.dropout = 0.1;
    c->options.steps = 12;
    c->options.batch_size = 2;
    c->options.warmup_steps = 2;
    c->options.eval_interval = 5;
    c->options.eval_batches = 2;
    c->options.save_interval = 4;
    c->options.threads = 1;
}

void run_open(run_case *c)
{
    setenv("HEED_CPU", "plain", 1);
    *c = (run_case){.config = heed_config_default(), .options = heed_train_options_default()};
    /* memory flushes faster than a disk, and these tests flush thousands of times */
    snprintf(c->root, sizeof c->root, "%s/heed-run-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(c->root));
    snprintf(c->text, sizeof c->text, "%s/text.txt", c->root);
    write_text(c->text);
    run_shape(c);
}

const char *run_path(const run_case *c, const char *name)
{
    static char paths[4][RUN_PATH];
    static int turn;

    turn = (turn + 1) % 4;
    const int n = snprintf(paths[turn], sizeof paths[turn], "%s/%s", c->root, name);
    assert_true(n > 0 && n < RUN_PATH);
    return paths[turn];
}

const char *run_file(const run_case *c, const char *name, const char *file)
{
    char both[RUN_PATH / 2];

    const int n = snprintf(both, sizeof both, "%s/%s", name, file);

    assert_true(n > 0 && n < (int)sizeof both);
    return run_path(c, both);
}

/* --- runs --- */

heed_trainer *run_create(const run_case *c, const char *name)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    if (heed_trainer_create(c->text[0] != '\0' ? c->text : NULL, &c->config, &c->options, run_path(c, name),
                            &trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return trainer;
}

heed_trainer *run_open_again(const run_case *c, const char *name)
{
    heed_trainer *trainer = NULL;
    heed_error err = {0};

    if (heed_trainer_resume(run_path(c, name), -1, &trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return trainer;
}

bool run_steps(heed_trainer *trainer, int64_t n, double *losses)
{
    heed_progress progress = {0};
    heed_error err = {0};

    for (int64_t i = 0; i < n && !progress.done; i++) {
        if (heed_trainer_step(trainer, &progress, &err) != HEED_OK)
            fail_msg("step %lld: %s", (long long)progress.step, err.message);
        assert_true(progress.step <= RUN_MAX_STEPS);
        if (losses != NULL && progress.step > 0)
            losses[progress.step - 1] = progress.loss;
    }
    return progress.done;
}

bool run_train(const run_case *c, const char *name, int64_t n, double *losses)
{
    heed_trainer *trainer = run_create(c, name);
    const bool done = run_steps(trainer, n, losses);

    heed_trainer_close(trainer);
    return done;
}

bool run_resume(const run_case *c, const char *name, int64_t n, double *losses)
{
    heed_trainer *trainer = run_open_again(c, name);
    const bool done = run_steps(trainer, n, losses);

    heed_trainer_close(trainer);
    return done;
}

/* --- files --- */

char *run_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    char *data;

    *size = 0;
    if (file == NULL)
        return NULL;
    assert_int_equal(fstat(fileno(file), &info), 0);
    data = malloc((size_t)info.st_size + 1);
    assert_non_null(data);
    *size = fread(data, 1, (size_t)info.st_size, file);
    data[*size] = '\0';
    fclose(file);
    return data;
}

void run_write(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The files of a folder in order. */
static int files_of(const run_case *c, const char *name, char names[][128], int most)
{
    DIR *folder = opendir(run_path(c, name));
    const struct dirent *entry;
    int n = 0;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        assert_true(n < most);
        snprintf(names[n++], 128, "%.127s", entry->d_name);
    }
    if (folder != NULL)
        closedir(folder);
    qsort(names, (size_t)n, sizeof *names, by_name);
    return n;
}

const char *run_list(const run_case *c, const char *name)
{
    static char list[4096];
    char names[64][128];
    const int n = files_of(c, name, names, 64);
    size_t used = 0;

    list[0] = '\0';
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, " %s", names[i]);
    return list;
}

void run_copy(const run_case *c, const char *from, const char *to)
{
    char names[64][128];
    const int n = files_of(c, from, names, 64);

    assert_int_equal(mkdir(run_path(c, to), 0777), 0);
    for (int i = 0; i < n; i++) {
        size_t size;
        char *data = run_read(run_file(c, from, names[i]), &size);
        run_write(run_file(c, to, names[i]), data, size);
        free(data);
    }
}

void run_remove(const run_case *c, const char *name)
{
    char names[64][128];
    const int n = files_of(c, name, names, 64);

    for (int i = 0; i < n; i++)
        unlink(run_file(c, name, names[i]));
    rmdir(run_path(c, name));
}

void run_close(run_case *c)
{
    char names[64][128];
    const int n = files_of(c, ".", names, 64);

    for (int i = 0; i < n; i++) {
        if (unlink(run_path(c, names[i])) != 0)
            run_remove(c, names[i]);
    }
    assert_int_equal(rmdir(c->root), 0);
}

/* --- comparing --- */

/* Takes "tokens_per_s": NUMBER out of every line: two runs are never equally fast. */
static size_t without_speeds(char *text)
{
    static const char key[] = "\"tokens_per_s\": ";
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        if (strncmp(from, key, sizeof key - 1) == 0) {
            from += sizeof key - 1;
            from += strcspn(from, ",}");
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}

static void expect_same_file(const run_case *c, const char *a, const char *b, const char *file)
{
    size_t n_a, n_b;
    char *x = run_read(run_file(c, a, file), &n_a), *y = run_read(run_file(c, b, file), &n_b);

    assert_non_null(x);
    assert_non_null(y);
    if (strcmp(file, "log.jsonl") == 0) {
        n_a = without_speeds(x);
        n_b = without_speeds(y);
    }
    for (size_t i = 0; i < n_a && i < n_b; i++) {
        if (x[i] != y[i])
            fail_msg("%s of %s and %s differ at byte %zu", file, a, b, i);
    }
    if (n_a != n_b)
        fail_msg("%s has %zu bytes in %s and %zu in %s", file, n_a, a, n_b, b);
    free(x);
    free(y);
}

void run_expect_same(const run_case *c, const char *a, const char *b)
{
    static const char all[] =
        " config.json log.jsonl model.safetensors optimizer.safetensors tokenizer.json trainer.json";
    char names[64][128];

    assert_string_equal(run_list(c, a), all);
    assert_string_equal(run_list(c, b), all);
    for (int i = 0, n = files_of(c, a, names, 64); i < n; i++)
        expect_same_file(c, a, b, names[i]);
}

void run_expect_sentence(const heed_error *err, const char *part)
{
    const size_t n = strlen(err->message);

    if (n < 15 || n > 400 || strchr(err->message, '\n') != NULL || strstr(err->message, part) == NULL)
        fail_msg("expected one sentence with \"%s\", got \"%s\"", part, err->message);
}
