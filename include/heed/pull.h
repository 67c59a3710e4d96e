/* SPDX-License-Identifier: MIT */
/**
 * Fetching a model from a hub, and the cache in which fetched models are found by name.
 *
 *     heed_pull_options options = heed_pull_options_default();
 *     heed_pulled pulled;
 *     if (heed_pull("gpt2", &options, &pulled, &err) == HEED_OK)
 *         status = heed_model_open(pulled.folder, &model, &err);
 *
 * A hub serves the files of a model at BASE/NAME/resolve/REVISION/FILE, as Hugging Face's does. NAME is OWNER/MODEL,
 * or a short name of the GPT-2 family (gpt2, gpt2-medium, gpt2-large, gpt2-xl, distilgpt2); NAME@REVISION names a
 * revision. A model appears in its folder at once, when all of its files are there and checked; what was fetched
 * before an interruption is kept beside it, and the next pull goes on from there.
 *
 * The cache is $HEED_CACHE, or $XDG_CACHE_HOME/heed, or ~/.cache/heed; a model lies in its folder models/NAME.
 */
#ifndef HEED_PULL_H
#define HEED_PULL_H

#include <heed/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_PULL_PATH_BYTES 4096

typedef enum heed_pull_event {
    HEED_PULL_WAITING,  /* another process pulls the same model; comes again while it does */
    HEED_PULL_BEGINS,   /* a file begins, at `bytes` where an earlier pull has stopped */
    HEED_PULL_BYTES,    /* some of it has come, or nothing for a while */
    HEED_PULL_RETRIES,  /* after wait_s seconds, because of `reason` */
    HEED_PULL_FINISHED, /* the file is complete and checked */
} heed_pull_event;

typedef struct heed_pull_progress {
    heed_pull_event event;
    const char *file;   /* "model.safetensors"; NULL while waiting */
    int64_t bytes;      /* of the file that are here */
    int64_t total;      /* of the file; -1: the server has not said */
    int64_t came;       /* bytes of the file that this pull has fetched */
    double seconds;     /* since the file began */
    double bytes_per_s; /* lately */
    bool verified;      /* HEED_PULL_FINISHED: a checksum was known and is right */
    const char *reason;
    double wait_s;
} heed_pull_progress;

/** Told what happens, about ten times a second while bytes come; false stops the pull. */
typedef bool heed_pull_report(void *context, const heed_pull_progress *now);

typedef struct heed_pull_options {
    const char *base_url; /* NULL: $HEED_HUB, then https://huggingface.co */
    const char *revision; /* a branch, tag or commit; NULL: that of NAME@REVISION, then main */
    const char *folder;   /* where the model goes; NULL: into the cache */
    const char
        *sha256;       /* what files must hash to: "model.safetensors=64 digits,..."; NULL: what the hub says */
    const char *token; /* of an account, sent to the host of base_url only; NULL: $HEED_HUB_TOKEN, then none */
    bool force;        /* fetch again what is there already */
    double timeout_s;  /* without a byte, or until connected */
    int retries;       /* of a request, after a cut connection, a time-out, or a server's own fault */
    heed_pull_report *report;
    void *context;
} heed_pull_options;

HEED_API heed_pull_options heed_pull_options_default(void);

typedef struct heed_pulled {
    char name[208]; /* openai-community/gpt2 */
    char folder[HEED_PULL_PATH_BYTES];
    bool already; /* it was there, nothing was asked for */
    int n_files;
    int64_t bytes;   /* of all files */
    int64_t fetched; /* of them, by this call */
    double seconds;
} heed_pulled;

/** True when this library was built with libcurl. */
HEED_API bool heed_can_pull(void);

/**
 * Fetches config.json, the weights (model.safetensors, or an index and its shards), the tokenizer where there is one
 * (tokenizer.json, or vocab.json with merges.txt) and generation_config.json. Sizes and checksums are verified.
 * HEED_ERR_USAGE: no possible name, or a folder that holds something else. HEED_ERR_FILE: no network, no such model, a
 * file that is damaged or does not fit the disk. HEED_ERR_INTERRUPTED: report() said so; another call goes on.
 * Blocks; one call a thread at a time. libcurl is loaded by the first call, not by the program.
 */
HEED_API heed_status heed_pull(const char *name, const heed_pull_options *options, heed_pulled *pulled,
                               heed_error *err);

/** The cache's folder, whether it is there or not. HEED_ERR_USAGE: no home, or a path that is not absolute. */
HEED_API heed_status heed_cache_folder(char *folder, size_t size, heed_error *err);

/**
 * What MODEL means: the folder of that path, otherwise the pulled model of that name.
 * HEED_ERR_FILE says what was looked for, and how to fetch it.
 */
HEED_API heed_status heed_model_find(const char *model, char *folder, size_t size, heed_error *err);

typedef struct heed_cached {
    char name[320]; /* as heed_model_find() takes it */
    int64_t bytes;
    bool complete; /* false: a pull has stopped on the way */
} heed_cached;

/** The models of the cache, by name; *models is allocated, free() it. An absent cache is an empty one. */
HEED_API heed_status heed_cache_list(heed_cached **models, int *n, heed_error *err);
/** Removes a model, or what a stopped pull has left of it. HEED_ERR_FILE: there is neither, or it is being pulled. */
HEED_API heed_status heed_cache_remove(const char *name, heed_error *err);

#ifdef __cplusplus
}
#endif
#endif
