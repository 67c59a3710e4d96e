/* SPDX-License-Identifier: MIT */
/* How often heed's own code in this program has asked for memory: the linker sends its calls through a count. */
#ifndef HEED_CLI_ALLOCATIONS_H
#define HEED_CLI_ALLOCATIONS_H

#include <heed/accounting.h>

/** For heed_account_measure(); NULL where the linker cannot do it. What other libraries ask for is not counted. */
heed_account_count_fn *heed_cli_allocation_counter(void);

#endif
