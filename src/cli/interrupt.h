/* SPDX-License-Identifier: MIT */
/* Ctrl-C and SIGTERM: the first asks for an end, the second ends the process as if nobody had listened. */
#ifndef HEED_CLI_INTERRUPT_H
#define HEED_CLI_INTERRUPT_H

#include <stdbool.h>

/** From now on; says so on stderr when a signal comes, unless quiet. */
void heed_cli_catch_interrupts(bool quiet);
bool heed_cli_interrupted(void);

#endif
