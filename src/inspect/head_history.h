/* SPDX-License-Identifier: MIT */
/*
 * heads.jsonl, which head_recorder.c writes and head_history.c reads: a line of settings, then one an evaluation.
 *
 *     {"heads": 1, "n_layers": 2, "n_heads": 4, "length": 0, "seed": 1, "patterns": [[0, 1]], "text": "One day"}
 *     {"step": 250, "val_loss": 1.2, "first_loss": 3.1, "second_loss": 0.4,
 *      "repeated": {"entropy": […], "entropy_share": […], "largest": […], "stripe": […],
 *                   "previous": […], "duplicate": […], "induction": […], "delimiter": […], "first": […],
 *                   "named": {"previous": [1], "induction": [6]}},
 *      "on_text": {…}, "patterns": [[1, 0.4, 0.6, …]]}
 *
 * A list has a number for each head, layer by layer; null: not known. Under the name of a role it is the gain; "named" lists
 * the heads of the verdict. A pattern is a list of its lower triangle, row by row, for each head of the settings.
 */
#ifndef HEED_INSPECT_HEAD_HISTORY_H
#define HEED_INSPECT_HEAD_HISTORY_H

#include <heed/head_history.h>

#include "formats/json.h"

#define HEED_HEADS_FILE     "heads.jsonl"
#define HEED_HEADS_VERSION  1
#define HEED_HEADS_MAX_LINE 2097152 /* values of JSON */

/* Members of a state in the order of the file: figures, then roles. */
enum { HEED_STATE_FIGURES = 4, HEED_STATE_LISTS = HEED_STATE_FIGURES + HEED_N_HEAD_ROLES };
extern const char *const heed_state_names[HEED_STATE_LISTS];

/* The first line. */
typedef struct heed_heads_settings {
    int n_layers, n_heads;
    int64_t length; /* as it was asked for, 0: the usual one */
    uint64_t seed;
    int n_patterns;
    int pattern_heads[HEED_HEAD_HISTORY_PATTERNS]; /* layer * n_heads + head */
    char *text;                                    /* allocated; NULL: none */
} heed_heads_settings;

/** Reads the first line of a file; *rest is where the second one begins. HEED_ERR_FILE. */
heed_status heed_heads_settings_read(heed_heads_settings *settings, const char *data, size_t size,
                                     const char *path, size_t *rest, heed_error *err);
void heed_heads_settings_free(heed_heads_settings *settings);

/** A whole file that lies in memory; path is for messages. HEED_ERR_FILE. */
heed_status heed_head_history_parse(const char *data, size_t size, const char *path, heed_head_history **out,
                                    heed_error *err);

/** The next whole line from *at on as JSON, and where the one behind it begins; *root NULL: there is none. */
heed_status heed_heads_next_line(const char *data, size_t size, const char *path, int64_t number, size_t *at,
                                 json_t **root, heed_error *err);

#endif
