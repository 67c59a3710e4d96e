/* SPDX-License-Identifier: MIT */
/*
 * Everything that changes files goes through here: open for writing, write, fsync, ftruncate, link, rename, unlink, rmdir.
 * The operations are counted, and one of them can be where the process dies or the disk is full. (Only calls of the
 * library and of the tests; what stdio does inside the C library is not seen.)
 *
 *     fault_arm(FAULT_EXIT, 7);         the seventh operation from now on is half done, if it can be, and then _exit()
 *     fault_arm(FAULT_ERROR, 7);        it fails with ENOSPC
 *     fault_arm(FAULT_FULL, 7);         it and all that write after it fail, until fault_clear()
 *     fault_then_exit(3);               and the process dies three operations after the one that failed
 *     fault_clear();
 *     fault_count()                     operations since the last arm or clear
 */
#ifndef HEED_TESTS_TRAIN_FILE_FAULTS_H
#define HEED_TESTS_TRAIN_FILE_FAULTS_H

#include <stdbool.h>

enum { FAULT_EXIT_CODE = 77 };

typedef enum fault_kind { FAULT_NONE, FAULT_EXIT, FAULT_ERROR, FAULT_FULL } fault_kind;

void fault_arm(fault_kind kind, int at);
void fault_then_exit(int after);
void fault_clear(void);
int fault_count(void);
/** What the operation at which the fault struck was: "rename"; "" when it has not. */
const char *fault_struck(void);

#endif
