/* SPDX-License-Identifier: MIT */
/*
 * Tiny training runs in folders of their own, for the tests of this room.
 *
 *     run_case c;
 *     run_open(&c);                                a folder in /tmp with a text; a model that trains in milliseconds
 *     run_train(&c, "a", c.options.steps);         creates <root>/a and takes so many steps of it
 *     run_resume(&c, "a", n);                      at most n further steps; returns whether the run is done
 *     run_expect_same(&c, "a", "b");               every file, and the log but for its speeds
 *     run_close(&c);                               removes everything
 *
 * HEED_CPU decides what runs; run_open() sets it to plain, which needs no threads and no warming up.
 */
#ifndef HEED_TESTS_TRAIN_RUN_H
#define HEED_TESTS_TRAIN_RUN_H

#include "cmocka_all.h"

#include <heed/train.h>

enum { RUN_PATH = 512, RUN_MAX_STEPS = 64 };

typedef struct run_case {
    char root[RUN_PATH / 2]; /* of all folders of this test */
    char text[RUN_PATH];     /* the file that is trained on; "": none */
    heed_config config;
    heed_train_options options;
} run_case;

void run_open(run_case *c);
void run_close(run_case *c);
/** What run_open() sets of configuration and options, for a process that finds the folder made. */
void run_shape(run_case *c);

/** root/name, in one of a few buffers that take turns. */
const char *run_path(const run_case *c, const char *name);
/** root/name/file. */
const char *run_file(const run_case *c, const char *name, const char *file);

/** Both fail the test when they fail. */
heed_trainer *run_create(const run_case *c, const char *name);
heed_trainer *run_open_again(const run_case *c, const char *name);
/** At most n steps. losses [RUN_MAX_STEPS] by step, or NULL. True when the run is done. */
bool run_steps(heed_trainer *trainer, int64_t n, double *losses);
bool run_train(const run_case *c, const char *name, int64_t n, double *losses);
bool run_resume(const run_case *c, const char *name, int64_t n, double *losses);

/** A whole file; free() it. NULL when there is none. */
char *run_read(const char *path, size_t *size);
void run_write(const char *path, const char *data, size_t size);
/** cp -r of one folder with files alone; rm -r. */
void run_copy(const run_case *c, const char *from, const char *to);
void run_remove(const run_case *c, const char *name);
/** The names of the files of a folder in order, each behind a space; in a buffer of its own. */
const char *run_list(const run_case *c, const char *name);

/** Two folders hold the same run: the same files with the same bytes, the log without its speeds. */
void run_expect_same(const run_case *c, const char *a, const char *b);

/** One sentence of a few words that holds `part`. */
void run_expect_sentence(const heed_error *err, const char *part);

#endif
