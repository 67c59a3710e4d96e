/* SPDX-License-Identifier: MIT */
/*
 * What the control groups of Linux (containers, batch systems) leave to this process. Both versions are
 * read; elsewhere nothing is limited. A limit may sit on any group from ours up to the root.
 */
#ifndef HEED_BASE_CGROUP_H
#define HEED_BASE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

/** Bytes that the tightest group still allows (the page cache counts as free), SIZE_MAX when none limits. */
size_t heed_cgroup_memory_available(void);
/** Processors' worth of time that the tightest group allows, rounded up; 0 when none limits. */
int heed_cgroup_processors(void);

/** Reads a small text file of the kernel, terminated and cut at size - 1; false when it cannot be read. */
bool heed_kernel_file_read(const char *path, char *text, size_t size);

#endif
