/* SPDX-License-Identifier: MIT */
/*
 * What a process that runs somebody's program may take, and where it may write.
 *
 * Writing, making, removing and renaming files is refused everywhere but below the folders that are named, and /dev/null:
 * by Landlock, which Linux has since 5.13 and which no program can shake off. Reading is free. Where the kernel knows
 * how (Linux 6.12), the process can signal none but those that it has started.
 *
 *     int rules = heed_confine_prepare(folder, (const char *const[]){"outputs", NULL});          before fork()
 *     … in the child: heed_confine_limit(&limits); confined = heed_confine_self(rules); execve(…)
 *
 * Source: the Linux manual, landlock(7), setrlimit(2), seccomp(2).
 */
#ifndef HEED_BASE_CONFINE_H
#define HEED_BASE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct heed_limits {
    int64_t time_s;       /* of a processor, for each process */
    int64_t file_bytes;   /* of a file that is written */
    int64_t memory_bytes; /* of each process: what it can write to */
    int64_t processes;    /* more than the system has now; root has as many as it likes */
} heed_limits;

/** Can this system refuse writing? */
bool heed_confine_exists(void);
/**
 * Rules by which only the folders `writable` (a list that ends with NULL), opened in folder without following a link,
 * can be written to: a file descriptor to be closed. -1: this system has no such thing, or a folder is not there.
 */
int heed_confine_prepare(const char *folder, const char *const *writable);

/** Processes and threads that the whole system has; -1: unknown. Also for a child between fork() and execve(). */
int64_t heed_processes_now(void);

/* For a child between fork() and execve(): nothing is allocated, no lock is taken. */

/** What the process holds to from now on, and all that it starts; limits that are lower already stay. */
void heed_confine_limit(const heed_limits *limits);
/** Puts rules in force for good. false: they are not. */
bool heed_confine_self(int rules);
/**
 * From now on the process and all that it starts stay in their process group (by seccomp), so that one signal reaches all of
 * them at once; killed one by one, those that fork fast enough would never end. false: this system does not know how.
 */
bool heed_confine_to_group(void);

#endif
