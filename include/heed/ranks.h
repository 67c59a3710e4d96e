/* SPDX-License-Identifier: MIT */
/**
 * Ranks: processes that train one model together, on one machine or on many.
 *
 *     mpirun -n 4 heed train text.txt
 *
 *     heed_ranks *ranks = NULL;
 *     if (heed_ranks_open(&ranks, &err) != HEED_OK) …
 *     options.ranks = ranks;                        heed_trainer_create() and all that follows: every rank calls it
 *     …
 *     heed_ranks_close(ranks);                      after the trainer
 *
 * A process that nobody started as one of several is rank 0 of 1, and no MPI library is loaded. Calls with ranks are
 * made by all of them, in the same order, from one thread.
 */
#ifndef HEED_RANKS_H
#define HEED_RANKS_H

#include <heed/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct heed_ranks heed_ranks;

/**
 * Joins the ranks that mpirun or srun started; without one of them, this process alone. HEED_ERR_FILE: Open MPI's library
 * is not there, or heed was built without it. HEED_ERR_USAGE: the processes do not find each other.
 */
HEED_API heed_status heed_ranks_open(heed_ranks **ranks, heed_error *err);
/** True where mpirun or srun started this process, be it alone: then it has no terminal of its own. */
HEED_API bool heed_ranks_launched(void);
/** Waits for the others, unless a call has failed that needs them: then false. NULL is allowed. */
HEED_API bool heed_ranks_close(heed_ranks *ranks);

/** Which one this is, 0 .. size - 1, and how many there are; of NULL 0 and 1. */
HEED_API int heed_ranks_rank(const heed_ranks *ranks);
HEED_API int heed_ranks_size(const heed_ranks *ranks);
/** How many of them run on this machine. */
HEED_API int heed_ranks_neighbours(const heed_ranks *ranks);
/** Processors for each rank: those of this machine that its ranks may use, divided among them; at least 1. */
HEED_API int heed_ranks_processors(const heed_ranks *ranks);

/** *anywhere: is it so at some rank? */
HEED_API heed_status heed_ranks_any(heed_ranks *ranks, bool here, bool *anywhere, heed_error *err);
/**
 * Everybody says how it went. Where it failed somewhere, all return the status of the first such rank and its sentence,
 * with its number before it unless it is rank 0.
 */
HEED_API heed_status heed_ranks_agree(heed_ranks *ranks, heed_status status, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
