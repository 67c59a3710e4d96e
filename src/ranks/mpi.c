/* SPDX-License-Identifier: MIT */
/*
 * Ranks through MPI. Bytes are all it carries: sums are formed here, in an order that does not change with the library.
 *
 * A rank that dies is noticed by mpirun, which ends the others within seconds. What MPI itself notices comes back as a
 * status: it must not end the process, which may be writing a checkpoint.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ranks/mpi_library.h"
#include "ranks/processors.h"
#include "ranks/ranks.h"

/* MPI counts in int: longer data goes in parts. */
#define PART_BYTES ((size_t)1 << 30)
#define PLAIN_TAG  0 /* of send and receive; messages count from 1 */

typedef struct mpi_ranks {
    heed_ranks base;
    heed_mpi mpi;
    MPI_Comm comm;        /* heed's own, so that nobody else's messages are taken */
    bool started;         /* by us: what somebody else has started, he ends */
    int *counts, *places; /* [size] */
} mpi_ranks;

struct heed_messages {
    mpi_ranks *ranks;
    MPI_Request *requests;
    int n, most, tag;
};

/* --- failing --- */

static heed_status checked(mpi_ranks *r, int code, const char *what, heed_error *err)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n = 0;

    if (code == MPI_SUCCESS)
        return HEED_OK;
    r->base.broken = true;
    r->mpi.error_string(code, text, &n);
    return heed_fail(err, HEED_ERR_INTERNAL,
                     "rank %d of %d: %s has failed, a rank or the network is gone: %.200s", r->base.rank,
                     r->base.size, what, text);
}

/* --- together --- */

static heed_status gather(heed_ranks *ranks, const void *own, size_t bytes, void *all, heed_error *err)
{
    mpi_ranks *r = (mpi_ranks *)ranks;

    if (bytes > INT_MAX)
        return heed_fail(err, HEED_ERR_INTERNAL, "%zu bytes of each rank are too many to gather", bytes);
    return checked(r, r->mpi.allgather(own, (int)bytes, r->mpi.byte, all, (int)bytes, r->mpi.byte, r->comm),
                   "gathering", err);
}

static heed_status share(heed_ranks *ranks, void *data, const size_t *cuts, heed_error *err)
{
    mpi_ranks *r = (mpi_ranks *)ranks;

    if (cuts[ranks->size] - cuts[0] > INT_MAX)
        return heed_fail(err, HEED_ERR_INTERNAL, "%zu bytes are too many to share at once",
                         cuts[ranks->size] - cuts[0]);
    for (int i = 0; i < ranks->size; i++) {
        r->counts[i] = (int)(cuts[i + 1] - cuts[i]);
        r->places[i] = (int)(cuts[i] - cuts[0]);
    }
    return checked(r,
                   r->mpi.allgatherv(MPI_IN_PLACE, 0, r->mpi.byte, (char *)data + cuts[0], r->counts, r->places,
                                     r->mpi.byte, r->comm),
                   "sharing", err);
}

static size_t part_of(size_t bytes, size_t at)
{
    return bytes - at < PART_BYTES ? bytes - at : PART_BYTES;
}

static heed_status broadcast(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err)
{
    mpi_ranks *r = (mpi_ranks *)ranks;
    heed_status status = HEED_OK;

    for (size_t at = 0; at < bytes && status == HEED_OK; at += PART_BYTES)
        status = checked(r,
                         r->mpi.bcast((char *)data + at, (int)part_of(bytes, at), r->mpi.byte, from, r->comm),
                         "broadcasting", err);
    return status;
}

static heed_status send_to(heed_ranks *ranks, int to, const void *data, size_t bytes, heed_error *err)
{
    mpi_ranks *r = (mpi_ranks *)ranks;
    heed_status status = HEED_OK;

    for (size_t at = 0; at < bytes && status == HEED_OK; at += PART_BYTES)
        status = checked(
            r,
            r->mpi.send((const char *)data + at, (int)part_of(bytes, at), r->mpi.byte, to, PLAIN_TAG, r->comm),
            "sending", err);
    return status;
}

static heed_status receive_from(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err)
{
    mpi_ranks *r = (mpi_ranks *)ranks;
    heed_status status = HEED_OK;

    for (size_t at = 0; at < bytes && status == HEED_OK; at += PART_BYTES)
        status = checked(r,
                         r->mpi.recv((char *)data + at, (int)part_of(bytes, at), r->mpi.byte, from, PLAIN_TAG,
                                     r->comm, MPI_STATUS_IGNORE),
                         "receiving", err);
    return status;
}

/* --- messages --- */

static void messages_destroy(heed_messages *messages)
{
    if (messages == NULL)
        return;
    free(messages->requests);
    free(messages);
}

static heed_messages *messages_create(heed_ranks *ranks, int n, int tag)
{
    heed_messages *messages = calloc(1, sizeof *messages);

    if (messages == NULL)
        return NULL;
    messages->ranks = (mpi_ranks *)ranks;
    messages->most = n;
    messages->tag = PLAIN_TAG + 1 + tag;
    messages->requests = calloc((size_t)n + 1, sizeof *messages->requests);
    if (messages->requests == NULL) {
        messages_destroy(messages);
        return NULL;
    }
    return messages;
}

static heed_status room_for(const heed_messages *m, size_t bytes, heed_error *err)
{
    if (m->n < m->most && bytes <= INT_MAX)
        return HEED_OK;
    return heed_fail(err, HEED_ERR_INTERNAL, "message %d of at most %d, with %zu bytes, cannot be posted", m->n,
                     m->most, bytes);
}

static heed_status post_send(heed_messages *m, int to, const void *data, size_t bytes, heed_error *err)
{
    mpi_ranks *r = m->ranks;
    const heed_status status = room_for(m, bytes, err);

    if (status != HEED_OK)
        return status;
    return checked(r, r->mpi.isend(data, (int)bytes, r->mpi.byte, to, m->tag, r->comm, &m->requests[m->n++]),
                   "sending", err);
}

static heed_status post_receive(heed_messages *m, int from, void *data, size_t bytes, heed_error *err)
{
    mpi_ranks *r = m->ranks;
    const heed_status status = room_for(m, bytes, err);

    if (status != HEED_OK)
        return status;
    return checked(r, r->mpi.irecv(data, (int)bytes, r->mpi.byte, from, m->tag, r->comm, &m->requests[m->n++]),
                   "receiving", err);
}

static heed_status test(heed_messages *m, bool *done, heed_error *err)
{
    int all = 1;
    const int code = m->n > 0 ? m->ranks->mpi.testall(m->n, m->requests, &all, MPI_STATUSES_IGNORE)
                              : MPI_SUCCESS;

    *done = all != 0;
    if (*done)
        m->n = 0;
    return checked(m->ranks, code, "exchanging", err);
}

/* --- begin and end --- */

/* Nobody waits in MPI_Finalize for ranks that are gone; mpirun then ends the others. */
static void close_mpi(heed_ranks *ranks)
{
    mpi_ranks *r = (mpi_ranks *)ranks;

    if (!r->base.broken && r->comm != NULL)
        r->mpi.comm_free(&r->comm);
    if (!r->base.broken && r->started)
        r->mpi.finalize();
    free(r->counts);
    free(r->places);
    free(r);
}

static const heed_ranks_engine engine = {
    .gather = gather,
    .share = share,
    .broadcast = broadcast,
    .send = send_to,
    .receive = receive_from,
    .messages_create = messages_create,
    .messages_destroy = messages_destroy,
    .post_send = post_send,
    .post_receive = post_receive,
    .test = test,
    .close = close_mpi,
};

static heed_status start(mpi_ranks *r, heed_error *err)
{
    int running = 0, level = 0;

    r->mpi.initialized(&running);
    if (!running) {
        if (r->mpi.init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level) != MPI_SUCCESS)
            return heed_fail(err, HEED_ERR_INTERNAL, "MPI cannot be started");
        r->started = true;
    }
    r->mpi.comm_rank(r->mpi.world, &r->base.rank);
    r->mpi.comm_size(r->mpi.world, &r->base.size);
    return checked(r, r->mpi.comm_dup(r->mpi.world, &r->comm), "starting", err);
}

/* The ranks of this machine divide its processors. */
static heed_status divide_processors(mpi_ranks *r, heed_error *err)
{
    MPI_Comm node;
    heed_processors own = heed_processors_own(), *all = NULL;
    int n = 1;
    heed_status status = checked(
        r, r->mpi.comm_split_type(r->comm, MPI_COMM_TYPE_SHARED, r->base.rank, r->mpi.no_info, &node),
        "starting", err);

    if (status != HEED_OK)
        return status;
    r->mpi.comm_size(node, &n);
    r->base.neighbours = n;
    all = calloc((size_t)n, sizeof *all);
    if (all == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %d ranks", n);
    /* everybody takes part, or those who do would wait for ever */
    status = heed_ranks_agree(&r->base, status, err);
    if (status == HEED_OK)
        status = checked(
            r, r->mpi.allgather(&own, (int)sizeof own, r->mpi.byte, all, (int)sizeof own, r->mpi.byte, node),
            "starting", err);
    if (status == HEED_OK)
        r->base.processors = heed_processors_share(all, n, &own);
    r->mpi.comm_free(&node);
    free(all);
    return status;
}

heed_status heed_ranks_open_mpi(int n_expected, heed_ranks **ranks, heed_error *err)
{
    mpi_ranks *r = calloc(1, sizeof *r);
    heed_status status;

    *ranks = NULL;
    if (r == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the ranks");
    r->base.engine = &engine;
    r->base.size = 1;
    status = heed_mpi_load(&r->mpi, err);
    if (status == HEED_OK)
        status = start(r, err);
    if (status == HEED_OK)
        status = checked(r, r->mpi.comm_set_errhandler(r->comm, r->mpi.errors_return), "starting", err);
    if (status == HEED_OK && n_expected > 0 && r->base.size != n_expected)
        status = heed_fail(err, HEED_ERR_USAGE,
                           "%d processes were started together, but MPI sees %d of them: start them with Open "
                           "MPI's own mpirun, or with srun --mpi=pmix",
                           n_expected, r->base.size);
    r->counts = calloc((size_t)r->base.size, sizeof *r->counts);
    r->places = calloc((size_t)r->base.size, sizeof *r->places);
    if (status == HEED_OK && (r->counts == NULL || r->places == NULL))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for %d ranks", r->base.size);
    if (status == HEED_OK)
        status = divide_processors(r, err);
    if (status != HEED_OK) {
        close_mpi(&r->base);
        return status;
    }
    *ranks = &r->base;
    return HEED_OK;
}
