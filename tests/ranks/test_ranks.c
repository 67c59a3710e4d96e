/* SPDX-License-Identifier: MIT */
/* What ranks do together: this program starts itself under mpirun, and each rank checks what it has got. */
#include "launch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "ranks/ranks.h"

/* --- inside --- */

static int wrong(const char *what)
{
    fprintf(stderr, "%s is wrong\n", what);
    return 1;
}

static int failed(const heed_error *err)
{
    fprintf(stderr, "%s\n", err->message);
    return 1;
}

static int hand_around(heed_ranks *ranks)
{
    const int size = heed_ranks_size(ranks), rank = heed_ranks_rank(ranks);
    unsigned char own[3] = {(unsigned char)rank, 7, (unsigned char)(2 * rank)}, all[3 * 16], data[16 * 16];
    size_t cuts[17] = {0};
    heed_error err = {0};

    if (heed_ranks_gather(ranks, own, 3, all, &err) != HEED_OK)
        return failed(&err);
    for (int r = 0; r < size; r++) {
        if (all[3 * r] != r || all[3 * r + 1] != 7 || all[3 * r + 2] != 2 * r)
            return wrong("what was gathered");
        cuts[r + 1] = cuts[r] + (size_t)r; /* rank 0 has nothing to share */
    }
    memset(data, 255, sizeof data);
    memset(data + cuts[rank], rank, (size_t)rank);
    if (heed_ranks_share(ranks, data, cuts, &err) != HEED_OK)
        return failed(&err);
    for (int r = 0; r < size; r++) {
        for (size_t i = cuts[r]; i < cuts[r + 1]; i++) {
            if (data[i] != r)
                return wrong("what was shared");
        }
    }
    if (size > 1 && data[cuts[size]] != 255)
        return wrong("what lies behind it");
    memset(data, rank, sizeof data);
    if (heed_ranks_broadcast(ranks, size - 1, data, sizeof data, &err) != HEED_OK)
        return failed(&err);
    return data[0] == size - 1 && data[sizeof data - 1] == size - 1 ? 0 : wrong("what was broadcast");
}

/* A chain: everybody hears from the rank before and adds one. */
static int pass_on(heed_ranks *ranks)
{
    const int size = heed_ranks_size(ranks), rank = heed_ranks_rank(ranks);
    heed_error err = {0};
    int value = 0;

    if (rank > 0 && heed_ranks_receive(ranks, rank - 1, &value, sizeof value, &err) != HEED_OK)
        return failed(&err);
    if (value != rank)
        return wrong("what was received");
    value++;
    if (rank + 1 < size && heed_ranks_send(ranks, rank + 1, &value, sizeof value, &err) != HEED_OK)
        return failed(&err);
    return heed_ranks_agree(ranks, HEED_OK, &err) == HEED_OK ? 0 : failed(&err);
}

/* The last rank fails: everybody says so, in its words. */
static int agree(heed_ranks *ranks)
{
    const int last = heed_ranks_size(ranks) - 1;
    const bool is_last = heed_ranks_rank(ranks) == last;
    heed_error err = {0};
    char expected[64];
    bool anywhere = false;
    heed_status status = heed_ranks_agree(ranks, HEED_OK, &err);

    if (status != HEED_OK)
        return failed(&err);
    if (is_last)
        status = heed_fail(&err, HEED_ERR_MEMORY, "no room for %d tables", 3);
    status = heed_ranks_agree(ranks, status, &err);
    snprintf(expected, sizeof expected, "rank %d: no room for 3 tables", last);
    if (status != HEED_ERR_MEMORY || err.status != HEED_ERR_MEMORY ||
        strcmp(err.message, last > 0 ? expected : "no room for 3 tables") != 0)
        return wrong(err.message);
    if (heed_ranks_any(ranks, false, &anywhere, &err) != HEED_OK || anywhere)
        return wrong("what is nowhere");
    if (heed_ranks_any(ranks, is_last, &anywhere, &err) != HEED_OK || !anywhere)
        return wrong("what is somewhere");
    return 0;
}

/* The last rank is killed while the others wait for it. */
static int die(heed_ranks *ranks)
{
    heed_error err = {0};
    char byte = 0;

    if (heed_ranks_rank(ranks) == heed_ranks_size(ranks) - 1)
        raise(SIGKILL);
    return heed_ranks_receive(ranks, heed_ranks_size(ranks) - 1, &byte, 1, &err) == HEED_OK ? 0 : failed(&err);
}

static int inside(const char *what)
{
    heed_ranks *ranks = NULL;
    heed_error err = {0};
    int result;

    if (heed_ranks_open(&ranks, &err) != HEED_OK)
        return failed(&err);
    if (heed_ranks_processors(ranks) < 1)
        return wrong("the number of processors");
    result = strcmp(what, "die") == 0 ? die(ranks) : hand_around(ranks);
    if (result == 0)
        result = pass_on(ranks);
    if (result == 0)
        result = agree(ranks);
    heed_ranks_close(ranks);
    return result;
}

/* --- outside --- */

static void a_process_alone_needs_no_mpi(void **state)
{
    heed_ranks *ranks = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_ranks_open(&ranks, &err), HEED_OK);
    assert_int_equal(heed_ranks_size(ranks), 1);
    assert_int_equal(hand_around(ranks), 0);
    assert_int_equal(pass_on(ranks), 0);
    assert_int_equal(agree(ranks), 0);
    heed_ranks_close(ranks);
    assert_int_equal(hand_around(NULL), 0);
    assert_int_equal(agree(NULL), 0);
    heed_ranks_close(NULL);
}

static void ranks_hand_around_and_agree(void **state)
{
    (void)state;
    if (!launch_possible())
        skip();
    for (int n = 1; n <= 3; n++) {
        const launch_result r = launch_ranks(n, launch_self(), "all");
        if (r.exit_code != 0)
            fail_msg("%d ranks: exit code %d: %s", n, r.exit_code, r.text);
    }
}

static void a_rank_that_dies_ends_the_others(void **state)
{
    (void)state;
    if (!launch_possible())
        skip();
    const launch_result r = launch_ranks(3, launch_self(), "die");
    if (r.exit_code != 128 + SIGKILL || strstr(r.text, "rank 2") == NULL)
        fail_msg("expected a word on rank 2 and exit code 137, got %d: %s", r.exit_code, r.text);
}

/* A launcher's word for several processes, but no such launcher: never several runs in one folder. */
static void processes_that_do_not_find_each_other_are_refused(void **state)
{
    heed_ranks *ranks = NULL;
    heed_error err = {0};

    (void)state;
    setenv("PMI_SIZE", "3", 1);
    assert_int_not_equal(heed_ranks_open(&ranks, &err), HEED_OK);
    assert_null(ranks);
    assert_non_null(strstr(err.message, "3 processes"));
    unsetenv("PMI_SIZE");
}

/* srun --mpi=pmix says which one a process is, and beside it how many its step has. */
static void a_step_of_one_task_is_a_process_alone(void **state)
{
    heed_ranks *ranks = NULL;
    heed_error err = {0};

    (void)state;
    assert_false(heed_ranks_launched());
    setenv("PMIX_RANK", "0", 1);
    setenv("SLURM_STEP_NUM_TASKS", "1", 1);
    assert_true(heed_ranks_launched());
    assert_int_equal(heed_ranks_open(&ranks, &err), HEED_OK);
    assert_int_equal(heed_ranks_size(ranks), 1);
    assert_true(heed_ranks_close(ranks));
    unsetenv("SLURM_STEP_NUM_TASKS");
    unsetenv("PMIX_RANK");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_alone_needs_no_mpi),
        cmocka_unit_test(ranks_hand_around_and_agree),
        cmocka_unit_test(a_rank_that_dies_ends_the_others),
        cmocka_unit_test(processes_that_do_not_find_each_other_are_refused),
        cmocka_unit_test(a_step_of_one_task_is_a_process_alone),
    };

    return launch_inside() ? inside(argc > 1 ? argv[1] : "") : cmocka_run_group_tests(tests, NULL, NULL);
}
