/* SPDX-License-Identifier: MIT */
/* Who is there, and what everybody agrees on. */
#include "ranks/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/parallel.h"

/* --- joining --- */

/* Variables that a launcher sets for each process: how many there are, or only which one it is. */
static const struct {
    const char *name;
    bool is_size;
} signs[] = {
    {"OMPI_COMM_WORLD_SIZE", true}, /* mpirun of Open MPI */
    {"PMI_SIZE", true},             /* other launchers, srun --mpi=pmi2 */
    {"PMIX_RANK", false},           /* srun --mpi=pmix, prterun */
};

static int read_size(const char *text)
{
    const long n = strtol(text, NULL, 10);

    return n > 0 && n < 1 << 24 ? (int)n : -1;
}

/* srun --mpi=pmix gives a rank to a process alone, too, and says how many its step has. A prterun that itself runs in a step
 * of Slurm hands that step's number on; the names of its processes' spaces are not Slurm's. */
static int slurm_size(void)
{
    const char *space = getenv("PMIX_NAMESPACE"), *tasks = getenv("SLURM_STEP_NUM_TASKS");

    return tasks != NULL && (space == NULL || strncmp(space, "slurm", 5) == 0) ? read_size(tasks) : -1;
}

/* 0: nobody has started it; -1: somebody has, but did not say as one of how many. */
static int expected_size(void)
{
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const char *text = getenv(signs[i].name);
        if (text == NULL)
            continue;
        return signs[i].is_size ? read_size(text) : slurm_size();
    }
    return 0;
}

#ifndef HEED_HAVE_MPI
heed_status heed_ranks_open_mpi(int n_expected, heed_ranks **ranks, heed_error *err)
{
    char many[32] = "several";

    *ranks = NULL;
    if (n_expected > 0)
        snprintf(many, sizeof many, "%d", n_expected);
    return heed_fail(err, HEED_ERR_FILE,
                     "this was started as one of %s processes, but this heed was built without MPI; start one "
                     "process alone, or build it where Open MPI is",
                     many);
}
#endif

bool heed_ranks_launched(void)
{
    return expected_size() != 0;
}

heed_status heed_ranks_open(heed_ranks **ranks, heed_error *err)
{
    const int n = expected_size();

    if (n == -1 || n > 1)
        return heed_ranks_open_mpi(n > 0 ? n : 0, ranks, err);
    *ranks = calloc(1, sizeof **ranks);
    if (*ranks == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the ranks");
    **ranks = (heed_ranks){
        .size = 1, .neighbours = 1, .processors = heed_processor_count(), .engine = &heed_ranks_alone};
    return HEED_OK;
}

bool heed_ranks_close(heed_ranks *ranks)
{
    const bool whole = ranks == NULL || !ranks->broken;

    if (ranks != NULL)
        ranks->engine->close(ranks);
    return whole;
}

int heed_ranks_rank(const heed_ranks *ranks)
{
    return ranks != NULL ? ranks->rank : 0;
}

int heed_ranks_size(const heed_ranks *ranks)
{
    return ranks != NULL ? ranks->size : 1;
}

int heed_ranks_neighbours(const heed_ranks *ranks)
{
    return ranks != NULL ? ranks->neighbours : 1;
}

int heed_ranks_processors(const heed_ranks *ranks)
{
    return ranks != NULL ? ranks->processors : heed_processor_count();
}

/* --- the engine's calls --- */

const heed_ranks_engine *heed_ranks_engine_of(const heed_ranks *ranks)
{
    return ranks != NULL ? ranks->engine : &heed_ranks_alone;
}

heed_status heed_ranks_gather(heed_ranks *ranks, const void *own, size_t bytes, void *all, heed_error *err)
{
    return heed_ranks_engine_of(ranks)->gather(ranks, own, bytes, all, err);
}

heed_status heed_ranks_share(heed_ranks *ranks, void *data, const size_t *cuts, heed_error *err)
{
    return heed_ranks_engine_of(ranks)->share(ranks, data, cuts, err);
}

heed_status heed_ranks_broadcast(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err)
{
    return heed_ranks_engine_of(ranks)->broadcast(ranks, from, data, bytes, err);
}

heed_status heed_ranks_send(heed_ranks *ranks, int to, const void *data, size_t bytes, heed_error *err)
{
    return heed_ranks_engine_of(ranks)->send(ranks, to, data, bytes, err);
}

heed_status heed_ranks_receive(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err)
{
    return heed_ranks_engine_of(ranks)->receive(ranks, from, data, bytes, err);
}

/* --- agreeing --- */

/* Everybody's number, in order; free() it. */
static heed_status numbers_of_all(heed_ranks *ranks, int own, int **all, heed_error *err)
{
    *all = calloc((size_t)heed_ranks_size(ranks), sizeof **all);
    if (*all == NULL) {
        ranks->broken = true; /* the others wait for this number */
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the ranks");
    }
    return heed_ranks_gather(ranks, &own, sizeof own, *all, err);
}

heed_status heed_ranks_any(heed_ranks *ranks, bool here, bool *anywhere, heed_error *err)
{
    int *all = NULL;
    heed_status status;

    *anywhere = here;
    if (heed_ranks_size(ranks) == 1)
        return HEED_OK;
    status = numbers_of_all(ranks, here, &all, err);
    for (int i = 0; i < heed_ranks_size(ranks) && status == HEED_OK; i++)
        *anywhere |= all[i] != 0;
    free(all);
    return status;
}

/* The first rank's sentence for everybody. Where all fail, they fail for one reason, and no rank need be named. */
static heed_status take_sentence(heed_ranks *ranks, const int *all, int first, heed_error *err)
{
    heed_error told = err != NULL ? *err : (heed_error){HEED_OK, ""};
    const heed_status status = heed_ranks_broadcast(ranks, first, told.message, sizeof told.message, err);

    if (status != HEED_OK)
        return status;
    told.message[sizeof told.message - 1] = '\0';
    if (first == 0)
        return heed_fail(err, (heed_status)all[first], "%s", told.message);
    return heed_fail(err, (heed_status)all[first], "rank %d: %.480s", first, told.message);
}

heed_status heed_ranks_agree(heed_ranks *ranks, heed_status status, heed_error *err)
{
    int *all = NULL, first = 0;
    heed_status heard;

    if (heed_ranks_size(ranks) == 1 || ranks->broken)
        return status;
    heard = numbers_of_all(ranks, (int)status, &all, err);
    if (heard == HEED_OK) {
        while (first < ranks->size && all[first] == HEED_OK)
            first++;
        heard = first < ranks->size ? take_sentence(ranks, all, first, err) : HEED_OK;
    }
    free(all);
    return heard;
}
