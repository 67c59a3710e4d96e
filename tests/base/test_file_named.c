/* SPDX-License-Identifier: MIT */
/* All the tests of files once more, as on a system without O_TMPFILE: temporary files have names from the start. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#undef O_TMPFILE

#include "base/file.c" /* takes the place of the library's */

#include "test_file.c"
