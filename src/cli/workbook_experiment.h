/* SPDX-License-Identifier: MIT */
/*
 * Experiments while they run: on stderr, a sentence at the beginning and a live line on a terminal. Ctrl-C ends the run, and not
 * the program.
 *
 *     heed_cli_watch watch = heed_cli_watch_start("heed: stopping\n");
 *     heed_demo_options options = {.seed = 1, .progress = heed_cli_watch_progress, .context = &watch};
 *
 *     heed_cli_watch_begin(&watch, info, "");
 *     status = heed_demo_run(info->id, &options, &result, err);
 *     heed_cli_watch_end(&watch);
 */
#ifndef HEED_CLI_WORKBOOK_EXPERIMENT_H
#define HEED_CLI_WORKBOOK_EXPERIMENT_H

#include <heed/workbook.h>
#include <stdio.h>

typedef struct heed_cli_watch {
    const heed_demo_info *info; /* NULL: experiments of several lines */
    const char *after;          /* of the sentence that says what is run */
    bool live;                  /* the line is written over itself */
    bool stands;                /* and is there now */
    bool told;                  /* what is run */
    double begun_s, shown_s;
} heed_cli_watch;

/** Ctrl-C is listened to from now on; words (a constant) are said when it comes. */
heed_cli_watch heed_cli_watch_start(const char *words);
/** One more is about to run; the sentence is said when it does, unless it is there already. */
void heed_cli_watch_begin(heed_cli_watch *watch, const heed_demo_info *info, const char *after);
/** For heed_demo_options and heed_workbook_listen(). */
bool heed_cli_watch_progress(void *watch, const char *words, double done);
/** Takes the line away. */
void heed_cli_watch_clear(heed_cli_watch *watch);
/** The same, and Ctrl-C ends the program again. */
void heed_cli_watch_end(heed_cli_watch *watch);

/** How long it takes on two cores, in words. */
const char *heed_cli_demo_patience(const heed_demo_info *info);
/** Runs the experiment of a posing that has one; result may be NULL. HEED_ERR_INTERRUPTED says that nothing is lost. */
heed_status heed_cli_experiment_run(heed_posing *posing, const heed_demo_result **result, heed_error *err);

#endif
