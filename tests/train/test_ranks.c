/* SPDX-License-Identifier: MIT */
/*
 * Training on several ranks: the losses and the files of one process. This program starts itself under mpirun:
 *
 *     test_train_ranks ROOT NAME STEPS [OPTION=VALUE ...]       makes the run ROOT/NAME, or goes on with it
 *
 * An option may also be  die=RANK:MS  (it is killed so many milliseconds after MPI's start),  full=BYTES  (the first rank can
 * write no longer files),  poor=RANK:MB  (it gets no more memory than that),  range=RANK  (a range test of at most STEPS
 * steps, which this rank alone ends after its third),  tell=RANK  (it says how many buckets were under way when the last
 * gradient came).
 */
#include "../ranks/launch.h"
#include "run.h"

#include <heed/range_test.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "train/trainer.h"

enum { STEPS = 8 };

/* --- inside --- */

static int failed(const heed_error *err)
{
    fprintf(stderr, "exit %d: %s\n", heed_status_exit_code(err->status), err->message);
    return heed_status_exit_code(err->status);
}

/* Larger than other runs of this room: gradients of several blocks, so that ranks share parameters. */
static void shape_run(run_case *c)
{
    c->config.d_model = 32;
    c->config.n_layers = 2;
    c->config.context_length = 16;
    c->config.dropout = 0.1;
    c->options.batch_size = 8;
    c->options.steps = 50; /* the last one is evaluated at length */
    c->options.eval_interval = 3;
    c->options.eval_batches = 5;
    c->options.save_interval = 4;
    c->options.threads = 1;
}

static void take_option(run_case *c, const char *word)
{
    int n, n_config;
    const heed_field *fields = heed_train_fields(&n), *config_fields = heed_config_fields(&n_config);
    const char *value = strchr(word, '=');
    heed_error err = {0};
    char name[64];

    assert_non_null(value);
    snprintf(name, sizeof name, "%.*s", (int)(value - word), word);
    if (heed_field_find(config_fields, n_config, name) != NULL
            ? heed_field_set(config_fields, n_config, &c->config, name, value + 1, &err) != HEED_OK
            : heed_field_set(fields, n, &c->options, name, value + 1, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* What is to go wrong here. */
static int die_rank = -1, die_ms, poor_rank = -1, poor_mb, range_rank = -1, tell_rank = -1;
static long full_bytes;

static bool take_fault(const char *word)
{
    return sscanf(word, "die=%d:%d", &die_rank, &die_ms) == 2 || sscanf(word, "full=%ld", &full_bytes) == 1 ||
           sscanf(word, "poor=%d:%d", &poor_rank, &poor_mb) == 2 ||
           sscanf(word, "range=%d", &range_rank) == 1 || sscanf(word, "tell=%d", &tell_rank) == 1;
}

static void *die(void *ignored)
{
    const struct timespec time = {die_ms / 1000, die_ms % 1000 * 1000000L};

    (void)ignored;
    nanosleep(&time, NULL);
    kill(getpid(), SIGKILL);
    return NULL;
}

static void begin_dying(int rank)
{
    pthread_t thread;

    if (rank == die_rank)
        pthread_create(&thread, NULL, die, NULL);
}

/* Beyond what the process has now. */
static void become_poor(int rank)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    struct rlimit limit;

    if (file != NULL && fscanf(file, "%lu", &pages) == 1 && rank == poor_rank) {
        limit.rlim_cur = limit.rlim_max = pages * (unsigned long)sysconf(_SC_PAGESIZE) +
                                          (unsigned long)poor_mb * 1000000;
        setrlimit(RLIMIT_AS, &limit);
    }
    if (file != NULL)
        fclose(file);
}

static void fill_disk(int rank)
{
    const struct rlimit limit = {(rlim_t)full_bytes, (rlim_t)full_bytes};

    signal(SIGXFSZ, SIG_IGN);
    if (rank == 0 && full_bytes > 0)
        setrlimit(RLIMIT_FSIZE, &limit);
}

/* Stands before the trainer's own watch over complete gradients. */
typedef struct witness {
    heed_step_watch own;
    const heed_reduce *reduce;
    int n_started; /* buckets, when the last gradient so far was complete */
} witness;

static void see_gradient(void *context, int i)
{
    witness *w = context;

    w->n_started = w->reduce->running ? w->reduce->n_started : 0;
    w->own.settled(w->own.context, i);
}

static void stand_before(witness *w, heed_trainer *trainer)
{
    *w = (witness){.own = trainer->train.watch, .reduce = trainer->reduce};
    trainer->train.watch = (heed_step_watch){see_gradient, w};
}

static int train(const run_case *c, const char *name, int64_t n, heed_ranks *ranks)
{
    const heed_resume_options as_before = {.threads = -1, .ranks = ranks};
    heed_trainer *trainer = NULL;
    heed_progress progress = {0};
    heed_error err = {0};
    heed_status status = access(run_file(c, name, "trainer.json"), F_OK) == 0
                             ? heed_trainer_resume_with(run_path(c, name), &as_before, &trainer, &err)
                             : heed_trainer_create(c->text, &c->config, &c->options, run_path(c, name),
                                                   &trainer, &err);
    const bool tells = status == HEED_OK && heed_ranks_rank(ranks) == tell_rank;
    witness w = {.n_started = 0};

    fill_disk(heed_ranks_rank(ranks));
    if (tells)
        stand_before(&w, trainer);
    for (int64_t i = 0; i < n && status == HEED_OK && !progress.done; i++)
        status = heed_trainer_step(trainer, &progress, &err);
    if (tells)
        fprintf(stderr, "rank %d: %d of %d buckets\n", tell_rank, w.n_started, trainer->train.split->n_buckets);
    heed_trainer_close(trainer);
    if (status != HEED_OK && heed_ranks_rank(ranks) == 0)
        return failed(&err);
    return 0;
}

static bool end_here(void *context, const heed_range_point *point, const heed_progress *now)
{
    (void)now;
    return heed_ranks_rank(context) != range_rank || point->step < 3;
}

static int test_range(const run_case *c, int64_t n, heed_ranks *ranks)
{
    const heed_range_options options = {.low = 1e-4, .high = 1e-3, .steps = n};
    heed_trainer *trainer = NULL;
    heed_range_result result = {0};
    heed_error err = {0};
    heed_status status = heed_trainer_create(c->text, &c->config, &c->options, NULL, &trainer, &err);

    if (status == HEED_OK)
        status = heed_trainer_range_test(trainer, &options, end_here, ranks, &result, &err);
    if (status == HEED_OK)
        fprintf(stderr, "rank %d: %d steps, stopped %d\n", heed_ranks_rank(ranks), (int)result.n,
                result.stopped);
    heed_range_free(&result);
    heed_trainer_close(trainer);
    return status == HEED_OK ? 0 : failed(&err);
}

static int inside(int argc, char **argv)
{
    run_case c = {.config = heed_config_default(), .options = heed_train_options_default()};
    heed_ranks *ranks = NULL;
    heed_error err = {0};
    int result;

    if (argc < 4)
        return 99;
    snprintf(c.root, sizeof c.root, "%s", argv[1]);
    snprintf(c.text, sizeof c.text, "%s/text.txt", argv[1]);
    run_shape(&c);
    shape_run(&c);
    for (int i = 4; i < argc; i++) {
        if (!take_fault(argv[i]))
            take_option(&c, argv[i]);
    }
    if (heed_ranks_open(&ranks, &err) != HEED_OK)
        return failed(&err);
    begin_dying(heed_ranks_rank(ranks));
    become_poor(heed_ranks_rank(ranks));
    c.options.ranks = ranks;
    result = range_rank >= 0 ? test_range(&c, strtoll(argv[3], NULL, 10), ranks)
                             : train(&c, argv[2], strtoll(argv[3], NULL, 10), ranks);
    heed_ranks_close(ranks);
    return result;
}

/* --- outside --- */

static void open_run(run_case *c)
{
    if (!launch_possible())
        skip();
    run_open(c);
    shape_run(c);
}

static launch_result train_on(const run_case *c, int n, const char *name, int steps, const char *options)
{
    char words[1024];

    snprintf(words, sizeof words, "'%s' %s %d %s", c->root, name, steps, options);
    return launch_ranks(n, launch_self(), words);
}

static void expect_exit(const launch_result *r, int code, const char *part)
{
    if (r->exit_code != code || strstr(r->text, part) == NULL)
        fail_msg("expected exit code %d and \"%s\", got %d: %s", code, part, r->exit_code, r->text);
}

/* Line `step` of the log says "KEY": number. */
static double logged(const run_case *c, const char *name, int step, const char *key)
{
    size_t size;
    char *text = run_read(run_file(c, name, "log.jsonl"), &size), *line = text, word[32];
    double value;

    assert_non_null(text);
    for (int i = 1; i < step; i++) {
        line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL;
        assert_non_null(line);
    }
    snprintf(word, sizeof word, "\"%s\": ", key);
    const char *at = strstr(line, word);
    value = at != NULL ? strtod(at + strlen(word), NULL) : NAN;
    free(text);
    return value;
}

/* of_loss, of_norm: relative differences that may be. */
static void expect_losses_within(const run_case *c, const char *a, const char *b, double of_loss,
                                 double of_norm)
{
    for (int step = 1; step <= STEPS; step++) {
        static const char *const keys[] = {"loss", "grad_norm", "val_loss"};
        for (int k = 0; k < 3; k++) {
            const double x = logged(c, a, step, keys[k]), y = logged(c, b, step, keys[k]);
            const double tolerance = k == 1 ? of_norm : of_loss;
            if (isnan(x) != isnan(y) || fabs(x - y) > tolerance * fabs(x))
                fail_msg("step %d: %s is %.9g in %s and %.9g in %s, expected a difference below %g of it", step,
                         keys[k], x, a, y, b, tolerance);
        }
    }
}

/*
 * A sum of 128 losses in another order differs by a few units in the last place, 6e-8 each; over eight steps the
 * weights, and so the losses, drift apart by some more of them.
 */
static void expect_same_losses(const run_case *c, const char *a, const char *b)
{
    expect_losses_within(c, a, b, 1e-5, 1e-5);
}

static void ranks_train_as_one_process_does(void **state)
{
    static const char *const options[] = {"", "micro_batch=1"};
    run_case c;

    (void)state;
    open_run(&c);
    run_train(&c, "one", STEPS, NULL);
    for (int n = 2; n <= 4; n *= 2) {
        char name[16];
        snprintf(name, sizeof name, "ranks%d", n);
        const launch_result r = train_on(&c, n, name, STEPS, options[n / 4]);
        expect_exit(&r, 0, "");
        assert_string_equal(run_list(&c, name), run_list(&c, "one"));
        expect_same_losses(&c, "one", name);
    }
    run_close(&c);
}

/*
 * What differs in the last place of f32 may be rounded to the other neighbour in bf16, 2^-8 of it away: one number in 2^16
 * is. Of the 150 000 activations of a step those are a few, each one of the 32 numbers of one of 128 tokens: 2e-6 of the
 * loss each. The norm moves more, as AdamW makes as large an update of a small gradient as of a large one. Over eight steps
 * and four seeds it was 2e-5 of a loss and 9e-4 of a norm.
 */
static void ranks_train_as_one_process_does_in_bf16(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    c.options.precision = HEED_PRECISION_BF16;
    run_train(&c, "one", STEPS, NULL);
    const launch_result r = train_on(&c, 2, "by2", STEPS, "precision=bf16");
    expect_exit(&r, 0, "");
    expect_losses_within(&c, "one", "by2", 1e-4, 1e-2);
    run_close(&c);
}

/* Saved after 4 steps by 2 ranks, gone on with by one process and by 3 ranks. */
static void another_number_of_ranks_resumes(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    c.options.batch_size = 6;
    run_train(&c, "one", STEPS, NULL);
    launch_result r = train_on(&c, 2, "by2", 4, "batch_size=6");
    expect_exit(&r, 0, "");
    run_copy(&c, "by2", "by2then1");
    run_resume(&c, "by2then1", STEPS - 4, NULL);
    expect_same_losses(&c, "one", "by2then1");
    r = train_on(&c, 3, "by2", STEPS - 4, "");
    expect_exit(&r, 0, "");
    expect_same_losses(&c, "one", "by2");
    run_close(&c);
}

/* Fast kernels, a step of four parts, and a resume by another number of ranks on the way. */
static void strict_ranks_end_with_the_bytes_of_one_process(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    unsetenv("HEED_CPU");
    c.options.strict = true;
    run_train(&c, "one", STEPS, NULL);
    launch_result r = train_on(&c, 2, "by2", STEPS / 2, "strict=true");
    expect_exit(&r, 0, "");
    run_copy(&c, "by2", "by2then4");
    r = train_on(&c, 4, "by2then4", STEPS / 2, "");
    expect_exit(&r, 0, "");
    run_expect_same(&c, "one", "by2then4");
    r = train_on(&c, 2, "by2", STEPS / 2, "");
    expect_exit(&r, 0, "");
    run_expect_same(&c, "one", "by2");
    run_close(&c);
}

/* What else a step may be made of. */
static void strict_ranks_of_every_kind_end_with_the_bytes_of_one_process(void **state)
{
    static const char *const kinds[][3] = {
        {"precision=bf16", NULL},
        {"precision=bf16", "recompute=blocks", NULL},
        {"optimizer=sgd", "groups=*.attn.*: lr 0.5; wte.weight: l2 0.1", NULL},
    };
    run_case c;

    (void)state;
    open_run(&c);
    unsetenv("HEED_CPU");
    c.options.strict = true;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const heed_train_options plain = c.options;
        char words[256] = "strict=true";
        for (int k = 0; kinds[i][k] != NULL; k++) {
            take_option(&c, kinds[i][k]);
            snprintf(words + strlen(words), sizeof words - strlen(words), " '%s'", kinds[i][k]);
        }
        run_train(&c, "one", STEPS, NULL);
        const launch_result r = train_on(&c, 2, "by2", STEPS, words);
        expect_exit(&r, 0, "");
        run_expect_same(&c, "one", "by2");
        run_remove(&c, "one");
        run_remove(&c, "by2");
        c.options = plain;
    }
    run_close(&c);
}

/* A table that is only looked up, and a rank for each part: what a part's tokens give is complete before it is added. */
static void strict_ranks_look_up_tables_like_one_process(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    unsetenv("HEED_CPU");
    c.options.strict = true;
    c.config.tied_head = false;
    run_train(&c, "one", STEPS / 2, NULL);
    const launch_result r = train_on(&c, 4, "by4", STEPS / 2, "strict=true tied_head=false");
    expect_exit(&r, 0, "");
    run_expect_same(&c, "one", "by4");
    run_close(&c);
}

/*
 * The reduction goes on beside the backward pass: buckets leave before the last gradient is there. Where the sums of a strict
 * step wait for each other (train/strict.h), here of four parts of a rank, all of them leave after its last run.
 */
static void buckets_leave_while_the_backward_pass_still_runs(void **state)
{
    static const char *const options[] = {"", "micro_batch=1", "strict=true", "strict=true strict_parts=8"};
    run_case c;

    (void)state;
    open_run(&c);
    for (int i = 0; i < 4; i++) {
        char words[64];
        int n = -1, of = -1;
        snprintf(words, sizeof words, "tell=1 %s", options[i]);
        const launch_result r = train_on(&c, 2, "by2", 2, words);
        expect_exit(&r, 0, "rank 1: ");
        assert_int_equal(sscanf(strstr(r.text, "rank 1: "), "rank 1: %d of %d buckets", &n, &of), 2);
        if (of < 3 || (i < 3 ? n < 1 || n >= of : n != 0))
            fail_msg("\"%s\": %d of %d buckets were under way when the last gradient came", options[i], n, of);
        run_remove(&c, "by2");
    }
    run_close(&c);
}

/* HEED_RANK_KILLS=50 does it more often. The end has the bytes of a run that nobody killed. */
static void a_rank_that_is_killed_ends_the_run_and_it_resumes(void **state)
{
    const char *most = getenv("HEED_RANK_KILLS");
    const int n_kills = most != NULL ? atoi(most) : 3;
    heed_rng rng = heed_rng_make(77, 1);
    int hits[2] = {0, 0};
    double slowest = 0.0;
    run_case c;

    (void)state;
    open_run(&c);
    unsetenv("HEED_CPU");
    c.options.strict = true;
    c.options.save_interval = 1;
    c.options.steps = 40;
    assert_true(run_train(&c, "one", RUN_MAX_STEPS, NULL));
    while (hits[0] + hits[1] < n_kills) {
        const int rank = (int)heed_rng_below(&rng, 2), ms = (int)heed_rng_below(&rng, 600);
        const double begin = heed_clock_s();
        char words[128], said[32];
        snprintf(words, sizeof words, "strict=true save_interval=1 steps=40 die=%d:%d", rank, ms);
        const launch_result r = train_on(&c, 2, "killed", RUN_MAX_STEPS, words);
        const double seconds = heed_clock_s() - begin;
        slowest = seconds > slowest ? seconds : slowest;
        if (r.exit_code == 0) { /* it was faster */
            run_expect_same(&c, "one", "killed");
            run_remove(&c, "killed");
            continue;
        }
        hits[rank]++;
        snprintf(said, sizeof said, "rank %d", rank);
        expect_exit(&r, 128 + SIGKILL, said);
    }
    const launch_result r = train_on(&c, 2, "killed", RUN_MAX_STEPS, "strict=true save_interval=1 steps=40");
    expect_exit(&r, 0, "");
    run_expect_same(&c, "one", "killed");
    printf("%d kills of rank 0, %d of rank 1; the slowest took %.1f s from start to end\n", hits[0], hits[1],
           slowest);
    run_close(&c);
}

/* The file of moments does not fit; what was saved before is whole, and goes on. */
static void a_full_disk_at_the_first_rank_ends_all_with_its_sentence(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    launch_result r = train_on(&c, 2, "by2", 4, "");
    expect_exit(&r, 0, "");
    run_train(&c, "one", STEPS, NULL);
    r = train_on(&c, 2, "by2", 4, "full=150000");
    expect_exit(&r, 3, "exit 3: ");
    run_resume(&c, "by2", 4, NULL);
    expect_same_losses(&c, "one", "by2");
    run_close(&c);
}

static void a_rank_without_memory_ends_all_with_its_sentence(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    const launch_result r = train_on(&c, 2, "none", 1, "batch_size=4096 poor=1:60");
    expect_exit(&r, 4, "exit 4: rank 1: ");
    run_close(&c);
}

static void a_batch_that_ranks_cannot_divide_is_refused_in_one_sentence(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    const launch_result r = train_on(&c, 3, "none", 1, "");
    expect_exit(
        &r, 2,
        "exit 2: batch_size: expected a multiple of the 3 ranks, so that each has as many windows; got 8");
    assert_int_not_equal(access(run_path(&c, "none"), F_OK), 0);
    run_close(&c);
}

static void looks_at_groups_are_refused_in_one_sentence(void **state)
{
    run_case c;

    (void)state;
    open_run(&c);
    const launch_result r = train_on(&c, 2, "none", 1, "group_interval=2");
    expect_exit(&r, 2,
                "exit 2: group_interval: expected a single process, not several ranks, or it has no effect");
    assert_int_not_equal(access(run_path(&c, "none"), F_OK), 0);
    run_close(&c);
}

/* A signal may reach one of them alone. */
static void a_range_test_that_one_rank_ends_ends_for_all(void **state)
{
    run_case c;
    launch_result r;

    (void)state;
    open_run(&c);
    r = train_on(&c, 2, "none", 20, "range=1");
    expect_exit(&r, 0, "rank 0: 3 steps, stopped 1");
    expect_exit(&r, 0, "rank 1: 3 steps, stopped 1");
    run_close(&c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_train_as_one_process_does),
        cmocka_unit_test(ranks_train_as_one_process_does_in_bf16),
        cmocka_unit_test(another_number_of_ranks_resumes),
        cmocka_unit_test(strict_ranks_end_with_the_bytes_of_one_process),
        cmocka_unit_test(strict_ranks_of_every_kind_end_with_the_bytes_of_one_process),
        cmocka_unit_test(strict_ranks_look_up_tables_like_one_process),
        cmocka_unit_test(buckets_leave_while_the_backward_pass_still_runs),
        cmocka_unit_test(a_rank_that_is_killed_ends_the_run_and_it_resumes),
        cmocka_unit_test(a_full_disk_at_the_first_rank_ends_all_with_its_sentence),
        cmocka_unit_test(a_rank_without_memory_ends_all_with_its_sentence),
        cmocka_unit_test(a_batch_that_ranks_cannot_divide_is_refused_in_one_sentence),
        cmocka_unit_test(looks_at_groups_are_refused_in_one_sentence),
        cmocka_unit_test(a_range_test_that_one_rank_ends_ends_for_all),
    };

    return launch_inside() ? inside(argc, argv) : cmocka_run_group_tests(tests, NULL, NULL);
}
