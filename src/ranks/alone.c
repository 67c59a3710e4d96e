/* SPDX-License-Identifier: MIT */
/* One process: what it hands to everybody it has already, and it never sends or receives. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ranks/ranks.h"

static heed_status gather(heed_ranks *ranks, const void *own, size_t bytes, void *all, heed_error *err)
{
    (void)ranks;
    (void)err;
    memmove(all, own, bytes);
    return HEED_OK;
}

static heed_status share(heed_ranks *ranks, void *data, const size_t *cuts, heed_error *err)
{
    (void)ranks;
    (void)data;
    (void)cuts;
    (void)err;
    return HEED_OK;
}

static heed_status broadcast(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err)
{
    (void)ranks;
    (void)from;
    (void)data;
    (void)bytes;
    (void)err;
    return HEED_OK;
}

static heed_status nobody(int rank, heed_error *err)
{
    return heed_fail(err, HEED_ERR_INTERNAL, "a message to or from rank %d, but there is one process", rank);
}

static heed_status send_to(heed_ranks *ranks, int to, const void *data, size_t bytes, heed_error *err)
{
    (void)ranks;
    (void)data;
    (void)bytes;
    return nobody(to, err);
}

static heed_status receive_from(heed_ranks *ranks, int from, void *data, size_t bytes, heed_error *err)
{
    (void)ranks;
    (void)data;
    (void)bytes;
    return nobody(from, err);
}

static heed_messages *messages_create(heed_ranks *ranks, int n, int tag)
{
    (void)ranks;
    (void)n;
    (void)tag;
    return malloc(1); /* something to destroy */
}

static void messages_destroy(heed_messages *messages)
{
    free(messages);
}

static heed_status post_send(heed_messages *messages, int to, const void *data, size_t bytes, heed_error *err)
{
    (void)messages;
    (void)data;
    (void)bytes;
    return nobody(to, err);
}

static heed_status post_receive(heed_messages *messages, int from, void *data, size_t bytes, heed_error *err)
{
    (void)messages;
    (void)data;
    (void)bytes;
    return nobody(from, err);
}

static heed_status test(heed_messages *messages, bool *done, heed_error *err)
{
    (void)messages;
    (void)err;
    *done = true;
    return HEED_OK;
}

static void close_alone(heed_ranks *ranks)
{
    free(ranks);
}

const heed_ranks_engine heed_ranks_alone = {
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
    .close = close_alone,
};
