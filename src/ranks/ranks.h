/* SPDX-License-Identifier: MIT */
/*
 * What ranks do for each other. One implementation for each way to reach them: none (alone.c), MPI (mpi.c).
 *
 * All ranks make the same calls in the same order. A call that fails leaves ranks that are of no more use: heed_ranks_close()
 * then waits for nobody. NULL stands for a process alone everywhere.
 */
#ifndef HEED_RANKS_RANKS_H
#define HEED_RANKS_RANKS_H

#include <heed/ranks.h>
#include <stddef.h>

/* Messages on their way: to or from one rank each. */
typedef struct heed_messages heed_messages;

/* How ranks are reached. Sizes are in bytes. */
typedef struct heed_ranks_engine {
    /* all [size * bytes]: everybody's own, in the order of ranks */
    heed_status (*gather)(heed_ranks *ranks, const void *own, size_t bytes, void *all, heed_error *err);
    /* cuts [size + 1]: everybody gets bytes cuts[r] .. cuts[r + 1] - 1 of data from rank r */
    heed_status (*share)(heed_ranks *ranks, void *data, const size_t *cuts, heed_error *err);
    heed_status (*broadcast)(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err);
    heed_status (*send)(heed_ranks *ranks, int to, const void *data, size_t bytes, heed_error *err);
    heed_status (*receive)(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err);

    /* Room for n messages; posting them does not wait. tag tells one set of messages from another. */
    heed_messages *(*messages_create)(heed_ranks *ranks, int n, int tag);
    void (*messages_destroy)(heed_messages *messages);
    heed_status (*post_send)(heed_messages *messages, int to, const void *data, size_t bytes, heed_error *err);
    heed_status (*post_receive)(heed_messages *messages, int from, void *data, size_t bytes, heed_error *err);
    /* Lets them get on; *done: all have arrived. */
    heed_status (*test)(heed_messages *messages, bool *done, heed_error *err);

    void (*close)(heed_ranks *ranks);
} heed_ranks_engine;

struct heed_ranks {
    int rank, size;
    int neighbours; /* ranks of this machine, this one counted */
    int processors; /* for this rank */
    bool broken;    /* a call has failed */
    const heed_ranks_engine *engine;
};

/** Of a process alone; it does not look at the ranks it is given. */
extern const heed_ranks_engine heed_ranks_alone;
/** One of n_expected processes that MPI knows; 0: it alone knows how many. */
heed_status heed_ranks_open_mpi(int n_expected, heed_ranks **ranks, heed_error *err);

/** Of these ranks; of NULL heed_ranks_alone. */
const heed_ranks_engine *heed_ranks_engine_of(const heed_ranks *ranks);

/** The engine's calls; with a process alone they do what is left to do. */
heed_status heed_ranks_gather(heed_ranks *ranks, const void *own, size_t bytes, void *all, heed_error *err);
heed_status heed_ranks_share(heed_ranks *ranks, void *data, const size_t *cuts, heed_error *err);
heed_status heed_ranks_broadcast(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err);
heed_status heed_ranks_send(heed_ranks *ranks, int to, const void *data, size_t bytes, heed_error *err);
heed_status heed_ranks_receive(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err);

#endif
