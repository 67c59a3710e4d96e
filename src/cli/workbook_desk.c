/* SPDX-License-Identifier: MIT */
/* The desk: the workbook and the learner's notebook, once a process. */
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook.h"

static heed_cli_desk the_desk;
static char said[512]; /* what was said last about a notebook that cannot be saved */

void heed_cli_desk_note(heed_status status, const heed_error *err)
{
    char safe[1024];

    if (status == HEED_OK || strcmp(said, err->message) == 0)
        return;
    snprintf(said, sizeof said, "%s", err->message);
    heed_cli_flush();
    fprintf(stderr, "heed: your notebook is not saved: %s\n", heed_cli_quote(safe, sizeof safe, err->message));
}

heed_status heed_cli_desk_open(heed_cli_desk **desk, heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    heed_status status = HEED_OK;

    *desk = &the_desk;
    if (the_desk.book == NULL)
        status = heed_workbook_open(&the_desk.book, err);
    if (status != HEED_OK)
        return status;
    status = the_desk.notebook == NULL ? heed_notebook_open(NULL, &the_desk.notebook, &own)
                                       : heed_notebook_refresh(the_desk.notebook, &own);
    if (the_desk.notebook == NULL)
        return heed_cli_fail(err, status, "%s", own.message);
    heed_cli_desk_note(status, &own);
    return HEED_OK;
}

heed_status heed_cli_desk_begin(heed_cli_options *options, int argc, char **argv, heed_cli_desk **desk,
                                heed_error *err)
{
    heed_status status = heed_cli_read(options, argc, argv, err);

    if (status != HEED_OK || options->help_shown)
        return status;
    status = heed_cli_apply(options, err);
    return status == HEED_OK ? heed_cli_desk_open(desk, err) : status;
}

void heed_cli_desk_close(void)
{
    heed_notebook_close(the_desk.notebook);
    heed_workbook_close(the_desk.book);
    the_desk = (heed_cli_desk){.in_place = false};
}

heed_status heed_cli_desk_find(const heed_cli_desk *desk, const char *name, const char **id, heed_error *err)
{
    const char *now = heed_notebook_now(desk->notebook);
    int i;

    *id = NULL;
    if (name == NULL && now == NULL)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "expected the id of an exercise; \"heed workbook next\" chooses one, "
                             "\"heed workbook list\" shows all groups");
    i = heed_workbook_find(desk->book, name != NULL ? name : now, err);
    if (i < 0)
        return HEED_ERR_USAGE;
    *id = heed_workbook_info(desk->book, i)->id;
    return HEED_OK;
}

heed_status heed_cli_desk_pose(const heed_cli_desk *desk, const char *name, heed_posing **posing,
                               heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    const char *id;
    heed_status status = heed_cli_desk_find(desk, name, &id, err);

    *posing = NULL;
    if (status == HEED_OK)
        status = heed_notebook_pose(desk->notebook, desk->book, id, posing, err);
    if (status == HEED_OK)
        heed_cli_desk_note(heed_notebook_work_on(desk->notebook, id, &own), &own);
    return status;
}
