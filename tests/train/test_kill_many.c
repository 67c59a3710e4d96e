/* SPDX-License-Identifier: MIT */
/* The test of test_kill.c with 200 kills. */
#define KILLS 200
#include "test_kill.c"
