/* SPDX-License-Identifier: MIT */
/*
 * A folder of its own for a test program that writes files:
 *
 *     cmocka_run_group_tests(tests, make_folder, remove_folder);      in between, inside("x.png") is a path in it
 */
#ifndef HEED_TESTS_FOLDER_H
#define HEED_TESTS_FOLDER_H

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/heed-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0;
}

/* Good until three more paths have been asked for. */
static const char *inside(const char *name)
{
    static char path[4][160];
    static int turn;

    turn = (turn + 1) % 4;
    assert_int_equal(heed_path_join(path[turn], sizeof path[turn], folder, name, NULL), HEED_OK);
    return path[turn];
}

#endif
