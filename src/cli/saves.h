/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a person to save a file in a folder.
 *
 *     heed_cli_saves *saves = heed_cli_saves_open("attention", "solution.c");
 *     while (heed_cli_saves_wait(saves, heed_cli_interrupted)) {
 *         … something runs, and may write files, too …
 *         heed_cli_saves_go_on(saves);
 *     }
 *     heed_cli_saves_close(saves);
 *
 * Files are looked at a few times a second, by time, size and number; inotify, where it is, says at once that there is
 * something to look at. Hidden files, the copies that editors make, and what heed or a build writes do not count.
 */
#ifndef HEED_CLI_SAVES_H
#define HEED_CLI_SAVES_H

#include <stdbool.h>

typedef struct heed_cli_saves heed_cli_saves;

/** file, which may be NULL, is the one in folder that only a person writes. NULL: no memory. */
heed_cli_saves *heed_cli_saves_open(const char *folder, const char *file);
void heed_cli_saves_close(heed_cli_saves *saves); /* NULL is allowed */
/** Until something was saved since open or go_on, and has come to rest; false: stop() says so. */
bool heed_cli_saves_wait(heed_cli_saves *saves, bool (*stop)(void));
/** What was written since the last wait is no save; but a program's source, written meanwhile, is. */
void heed_cli_saves_go_on(heed_cli_saves *saves);

#endif
