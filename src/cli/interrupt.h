/* SPDX-License-Identifier: MIT */
/* Ctrl-C and SIGTERM: the first asks for an end, the second ends the process as if nobody had listened. */
#ifndef HEED_CLI_INTERRUPT_H
#define HEED_CLI_INTERRUPT_H

#include <stdbool.h>

/** From now on; when a signal comes, `words` (a constant, NULL: nothing) say on stderr what happens now. */
void heed_cli_catch_interrupts(const char *words);
/** SIGUSR1 as well: mpirun hands it to its ranks and lets them end by themselves, unlike Ctrl-C. */
void heed_cli_catch_user_signal(void);
bool heed_cli_interrupted(void);
/** From now on signals end the process again, and one that came is forgotten. */
void heed_cli_release_interrupts(void);

#endif
