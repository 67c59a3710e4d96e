/* SPDX-License-Identifier: MIT */
/*
 * pull.json: where a model came from, and each file's size and marks. While a model is being fetched it is what the
 * next pull resumes by; in the finished folder it says that the model was pulled.
 *
 *     {"base_url": "https://huggingface.co", "name": "openai-community/gpt2", "revision": "main", "commit": "607a30d7…",
 *      "files": {"model.safetensors": {"bytes": 548105171, "etag": "\"248dfc3911…\"", "linked_etag": "\"248d…\"",
 *                                      "sha256": "248dfc3911…", "done": true}, …}}
 */
#ifndef HEED_HUB_RECORD_H
#define HEED_HUB_RECORD_H

#include <heed/status.h>
#include <stdbool.h>
#include <stdint.h>

#define HEED_RECORD_NAME      "pull.json"
#define HEED_RECORD_MAX_FILES 1040
#define HEED_ETAG_BYTES       160
#define HEED_SHA256_DIGITS    64

typedef struct heed_record_file {
    char name[100];
    int64_t bytes;                       /* -1: not known yet */
    char etag[HEED_ETAG_BYTES];          /* of the answer that carries the file, with its quotes; "": none */
    char linked_etag[HEED_ETAG_BYTES];   /* of the hub's own answer, before it leads elsewhere */
    char sha256[HEED_SHA256_DIGITS + 1]; /* while it comes: as the hub says, or ""; when done: as it is */
    bool done;                           /* the file has its name, and is checked */
    bool seen;                           /* by this pull; not written down */
} heed_record_file;

typedef struct heed_record {
    char base_url[512], name[208], revision[100], commit[44];
    heed_record_file *files; /* [n] */
    int n;
} heed_record;

/** Reads what an earlier pull has left; a record that is absent or damaged reads as an empty one. */
heed_status heed_record_load(const char *folder, heed_record *record, heed_error *err);
heed_status heed_record_save(const char *folder, const heed_record *record, heed_error *err);
/** The file of that name, added where it is new; NULL: memory is out, or there are too many. Valid until the next one. */
heed_record_file *heed_record_get(heed_record *record, const char *name);
void heed_record_free(heed_record *record);

#endif
