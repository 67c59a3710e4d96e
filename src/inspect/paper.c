/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "inspect/paper.h"

heed_status heed_paper_attention(const heed_paper_inputs *in, heed_paper **paper, heed_error *err)
{
    heed_paper *p = calloc(1, sizeof *p);
    heed_status status;

    *paper = NULL;
    if (p == NULL || (p->arena = heed_arena_create()) == NULL) {
        free(p);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a worked example");
    }
    status = heed_paper_check(in, &p->sizes, err);
    if (status == HEED_OK)
        status = heed_paper_run(in, &p->sizes, p->arena, &p->numbers, err);
    if (status == HEED_OK)
        status = heed_paper_list(p, in, err);
    if (status == HEED_OK)
        *paper = p;
    else
        heed_paper_destroy(p);
    return status;
}

void heed_paper_destroy(heed_paper *paper)
{
    if (paper == NULL)
        return;
    heed_arena_destroy(paper->arena);
    free(paper);
}

int heed_paper_n_steps(const heed_paper *paper)
{
    return paper->n_lines;
}

const heed_paper_step *heed_paper_step_at(const heed_paper *paper, int i)
{
    return &paper->lines[i].step;
}

const heed_paper_step *heed_paper_find(const heed_paper *paper, const char *name, int head)
{
    for (int i = 0; i < paper->n_lines; i++) {
        const heed_paper_step *step = &paper->lines[i].step;
        if (strcmp(step->name, name) == 0 && (head == -1 || step->head == head))
            return step;
    }
    return NULL;
}

const uint8_t *heed_paper_seen(const heed_paper *paper)
{
    return paper->numbers.seen;
}
