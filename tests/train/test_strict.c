/* SPDX-License-Identifier: MIT */
/* With strict, neither threads nor ranks nor the cut into runs change a bit; a step's windows add up as one tree. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "train/strict.h"

/* --- the tree --- */

enum { N = 70000 }; /* floats of a gradient: more than one piece of work */
enum { SOME_STEPS = 3 };

/* What run number `run` of a step gives: numbers whose sum depends on the order. */
static void draw(int64_t run, float *x)
{
    heed_rng rng = heed_rng_make(3, (uint64_t)run);

    for (int64_t i = 0; i < N; i++)
        x[i] = heed_rng_normal(&rng);
}

static double loss_of(int64_t run)
{
    return 1.0 / (double)(3 + 7 * run);
}

/* The definition: runs begin .. begin+n-1, n_leaf of which follow each other; halves of more. */
static double tree(int64_t begin, int64_t n, int64_t n_leaf, float *sum)
{
    float *other = malloc(N * sizeof *other);
    double loss = 0.0;

    assert_non_null(other);
    if (n > n_leaf) {
        loss = tree(begin, n / 2, n_leaf, sum);
        loss += tree(begin + n / 2, n / 2, n_leaf, other);
        for (int64_t i = 0; i < N; i++)
            sum[i] += other[i];
    } else {
        memset(sum, 0, N * sizeof *sum);
        for (int64_t run = begin; run < begin + n; run++) {
            draw(run, other);
            loss += loss_of(run);
            for (int64_t i = 0; i < N; i++)
                sum[i] += other[i];
        }
    }
    free(other);
    return loss;
}

static heed_strict_sum cut_of(int64_t batch, int64_t parts, int64_t micro, int n_ranks)
{
    heed_train_options options = heed_train_options_default();
    heed_strict_sum sum;
    heed_error err = {0};

    options.batch_size = batch;
    options.strict_parts = parts;
    options.micro_batch = micro;
    if (heed_strict_cut(&sum, &options, n_ranks, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return sum;
}

/* The sum of one rank, as the trainer forms it. */
static double sum_of_rank(heed_strict_sum *sum, int rank, const heed_device *device, float *gradients)
{
    float *buffers = malloc(heed_strict_bytes(sum, N) + 1), *run_gives = malloc(N * sizeof *run_gives);

    assert_true(buffers != NULL && run_gives != NULL);
    heed_strict_place(sum, device, gradients, N, buffers);
    for (int64_t run = 0; run < sum->n_runs; run++) {
        heed_strict_begin(sum, run);
        draw(rank * sum->n_runs + run, run_gives);
        for (int64_t i = 0; i < N; i++)
            gradients[i] += run_gives[i];
        heed_strict_end(sum, run, loss_of(rank * sum->n_runs + run));
    }
    free(buffers);
    free(run_gives);
    return sum->loss;
}

/* Each rank's branch is the branch of the tree over all runs, to the bit. */
static void check_tree(int64_t batch, int64_t parts, int64_t micro, const heed_device *device)
{
    const int64_t part_runs = batch / parts / (micro > 0 && micro < batch / parts ? micro : batch / parts);
    float *expected = malloc(N * sizeof *expected), *got = malloc(N * sizeof *got);

    assert_true(expected != NULL && got != NULL);
    for (int n_ranks = 1; n_ranks <= parts; n_ranks *= 2) {
        for (int rank = 0; rank < n_ranks; rank++) {
            heed_strict_sum sum = cut_of(batch, parts, micro, n_ranks);
            const double loss = tree(rank * sum.n_runs, sum.n_runs, part_runs, expected);

            assert_int_equal(sum.n_runs * n_ranks * sum.micro_batch, batch);
            assert_true(sum_of_rank(&sum, rank, device, got) == loss);
            if (memcmp(got, expected, N * sizeof *got) != 0)
                fail_msg("%lld windows in %lld parts, runs of %lld: rank %d of %d has another sum",
                         (long long)batch, (long long)parts, (long long)sum.micro_batch, rank, n_ranks);
        }
    }
    free(expected);
    free(got);
}

static void windows_add_up_as_a_tree_of_which_ranks_have_branches(void **state)
{
    heed_device devices[2];

    (void)state;
    assert_int_equal(heed_device_open(&devices[0], "plain", 1, NULL), HEED_OK);
    assert_int_equal(heed_device_open(&devices[1], NULL, 3, NULL), HEED_OK);
    for (int d = 0; d < 2; d++) {
        check_tree(1, 1, 0, &devices[d]);
        check_tree(6, 2, 1, &devices[d]);
        check_tree(8, 8, 0, &devices[d]);
        check_tree(24, 8, 1, &devices[d]);
        heed_device_close(&devices[d]);
    }
}

static void the_cut_follows_from_the_batch_and_is_refused_where_it_does_not_fit(void **state)
{
    static const struct {
        int64_t batch, parts, micro;
        int n_ranks;
        const char *sentence;
    } wrong[] = {
        {12, 3, 0, 1, "strict_parts: expected a power of two that divides the batch_size 12, got 3"},
        {12, 8, 0, 1, "strict_parts: expected a power of two that divides the batch_size 12, got 8"},
        {12, 16, 0, 1, "strict_parts: expected a power of two that divides the batch_size 12, got 16"},
        {12, 0, 0, 3, "expected 1, 2, 4, ... up to 4 ranks, got 3"},
        {6, 0, 0, 4, "up to 2 ranks, got 4"},
        {12, 4, 2, 1, "micro_batch: with strict expected a divisor of 3, the windows of one of 4 parts, got 2"},
    };

    (void)state;
    assert_int_equal(cut_of(12, 0, 0, 1).n_parts, 4);
    assert_int_equal(cut_of(7, 0, 0, 1).n_parts, 1);
    assert_int_equal(cut_of(64, 0, 0, 1).micro_batch, 16);
    assert_int_equal(cut_of(64, 0, 32, 1).micro_batch, 16); /* a run is at most a part */
    assert_int_equal(cut_of(64, 0, 0, 1).n_levels, 1);
    assert_int_equal(cut_of(64, 0, 4, 1).n_levels, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_train_options options = heed_train_options_default();
        heed_strict_sum sum;
        heed_error err = {0};

        options.batch_size = wrong[i].batch;
        options.strict_parts = wrong[i].parts;
        options.micro_batch = wrong[i].micro;
        assert_int_equal(heed_strict_cut(&sum, &options, wrong[i].n_ranks, &err), HEED_ERR_USAGE);
        run_expect_sentence(&err, wrong[i].sentence);
    }
}

/* --- whole runs --- */

static void expect_same_file(const run_case *c, const char *a, const char *b, const char *file)
{
    size_t n_a, n_b;
    char *x = run_read(run_file(c, a, file), &n_a), *y = run_read(run_file(c, b, file), &n_b);

    assert_true(x != NULL && y != NULL);
    if (n_a != n_b || memcmp(x, y, n_a) != 0)
        fail_msg("%s and %s have other bytes in %s", a, b, file);
    free(x);
    free(y);
}

static void save_and_close(heed_trainer *trainer)
{
    heed_error err = {0};

    if (heed_trainer_save(trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    heed_trainer_close(trainer);
}

/* A few steps of a longer run, whose last evaluation would take most of the time, and a checkpoint. */
static void train_some(const run_case *c, const char *name, double *losses)
{
    heed_trainer *trainer = run_create(c, name);

    run_steps(trainer, SOME_STEPS, losses);
    losses[SOME_STEPS] = heed_trainer_evaluate(trainer, 2);
    save_and_close(trainer);
}

/* Trains c as it now is, and expects the losses, weights and moments of the run "one". */
static void expect_as_one(const run_case *c, const double *losses)
{
    double more[RUN_MAX_STEPS] = {0};

    train_some(c, "more", more);
    assert_memory_equal(losses, more, sizeof more);
    expect_same_file(c, "one", "more", "model.safetensors");
    expect_same_file(c, "one", "more", "optimizer.safetensors");
    run_remove(c, "more");
}

static void same_for_any_threads(run_case *c, int most)
{
    static const int threads[] = {2, 3, 4, 7};
    double losses[RUN_MAX_STEPS] = {0};

    c->options.threads = 1;
    train_some(c, "one", losses);
    for (int i = 0; i < 4 && threads[i] <= most; i++) {
        c->options.threads = threads[i];
        expect_as_one(c, losses);
    }
    run_remove(c, "one");
}

/* More rows than oneDNN sums in one piece, on this machine's best kernels. */
static void open_large(run_case *c)
{
    run_open(c);
    unsetenv("HEED_CPU");
    c->config.d_model = 32;
    c->config.context_length = 64;
    c->options.batch_size = 36;
    c->options.strict = true;
    c->options.strict_parts = 1;
    c->options.eval_interval = 0;
    c->options.save_interval = 0;
}

static void the_number_of_threads_changes_no_bit_of_a_strict_run(void **state)
{
    run_case c;

    (void)state;
    open_large(&c);
    same_for_any_threads(&c, 7);
    run_close(&c);
}

static void nor_of_other_models(void **state)
{
    run_case c;

    (void)state;
    open_large(&c);
    c.config.norm_type = HEED_NORM_RMSNORM;
    c.config.positions = HEED_POSITIONS_ROTARY;
    c.config.activation = HEED_ACTIVATION_SWIGLU;
    c.config.n_heads = 4;
    c.config.n_kv_heads = 2;
    c.config.tied_head = false;
    same_for_any_threads(&c, 3);
    c.config.n_experts = 4;
    c.config.experts_per_token = 2;
    same_for_any_threads(&c, 3);
    run_close(&c);
}

static void nor_of_one_in_bf16(void **state)
{
    run_case c;

    (void)state;
    open_large(&c);
    c.options.precision = HEED_PRECISION_BF16;
    same_for_any_threads(&c, 3);
    run_close(&c);
}

static void nor_does_the_cut_into_runs(void **state)
{
    double losses[RUN_MAX_STEPS] = {0};
    run_case c;

    (void)state;
    run_open(&c);
    unsetenv("HEED_CPU");
    c.options.batch_size = 8;
    c.options.strict = true;
    c.options.threads = 2;
    train_some(&c, "one", losses);
    c.options.micro_batch = 4; /* a part has two windows: a run is a part */
    expect_as_one(&c, losses);
    c.options.strict_parts = 4; /* what 0 stands for */
    c.options.micro_batch = 2;
    c.options.threads = 1;
    expect_as_one(&c, losses);
    run_close(&c);
}

static void a_strict_run_resumes_to_the_same_bits_on_other_threads(void **state)
{
    double losses[RUN_MAX_STEPS] = {0};
    heed_trainer *trainer;
    heed_error err = {0};
    run_case c;

    (void)state;
    open_large(&c);
    c.options.strict_parts = 4;
    c.options.micro_batch = 3;
    c.options.threads = 3;
    train_some(&c, "one", losses);
    trainer = run_create(&c, "part");
    run_steps(trainer, SOME_STEPS - 1, NULL);
    save_and_close(trainer);
    if (heed_trainer_resume(run_path(&c, "part"), 1, &trainer, &err) != HEED_OK)
        fail_msg("%s", err.message);
    run_steps(trainer, 1, NULL);
    save_and_close(trainer);
    expect_same_file(&c, "one", "part", "model.safetensors");
    expect_same_file(&c, "one", "part", "optimizer.safetensors");
    run_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_add_up_as_a_tree_of_which_ranks_have_branches),
        cmocka_unit_test(the_cut_follows_from_the_batch_and_is_refused_where_it_does_not_fit),
        cmocka_unit_test(the_number_of_threads_changes_no_bit_of_a_strict_run),
        cmocka_unit_test(nor_of_other_models),
        cmocka_unit_test(nor_of_one_in_bf16),
        cmocka_unit_test(nor_does_the_cut_into_runs),
        cmocka_unit_test(a_strict_run_resumes_to_the_same_bits_on_other_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
