/* SPDX-License-Identifier: MIT */
/*
 * Ranks train one model only if they have been given the same. Each makes a list of marks, one for each thing that must
 * agree, and all compare all lists before the first step; so all find the same difference, and name it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "train/trainer.h"

enum { N_OWN = 8 }; /* marks beside those of the fields */

typedef struct marks {
    uint64_t *list;
    const char **names; /* in the sentence "has another ..." */
    int n;
} marks;

static void add(marks *m, const char *name, uint64_t mark)
{
    m->list[m->n] = mark;
    m->names[m->n++] = name;
}

/* Paths may differ from machine to machine: what lies there is compared. Threads are each rank's own. */
static bool may_differ(const char *name)
{
    static const char *const names[] = {"threads", "from", "init_embeddings", "distill"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void add_fields(marks *m, const heed_field *fields, int n, const void *structure)
{
    char text[HEED_TRAIN_PATH_BYTES];

    for (int i = 0; i < n; i++) {
        if (may_differ(fields[i].name))
            continue;
        heed_field_get(&fields[i], structure, text, sizeof text);
        add(m, fields[i].name, heed_fnv(HEED_FNV_BEGIN, text, strlen(text)));
    }
}

/* What other differences may follow from comes first: the text, then the tokenizer. */
static heed_status make_marks(const heed_trainer *t, marks *m, heed_error *err)
{
    int n_config, n_options;
    const heed_field *config = heed_config_fields(&n_config), *options = heed_train_fields(&n_options);
    const size_t most = (size_t)(N_OWN + n_config + n_options);

    m->list = calloc(most, sizeof *m->list);
    m->names = calloc(most, sizeof *m->names);
    if (m->list == NULL || m->names == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to compare the ranks");
    add(m, "text", t->text.hash);
    add(m, "text", t->text.bytes);
    add(m, "tokenizer", t->tokenizer.hash);
    add(m, "model to start from", t->start.from_hash);
    add(m, "model for init_embeddings", t->start.embeddings_hash);
    add(m, "teacher", t->start.teacher_hash);
    add_fields(m, config, n_config, &t->model->config);
    add_fields(m, options, n_options, &t->options);
    add(m, "step to begin with", (uint64_t)t->step);
    add(m, "kind of run", t->folder[0] != '\0'); /* a range test is kept nowhere */
    return HEED_OK;
}

static heed_status compare(const marks *m, const uint64_t *all, int size, heed_error *err)
{
    for (int r = 1; r < size; r++) {
        for (int i = 0; i < m->n; i++) {
            if (all[r * m->n + i] != all[i])
                return heed_fail(err, HEED_ERR_USAGE,
                                 "rank %d has another %s than rank 0; ranks train one model with the same "
                                 "text and settings",
                                 r, m->names[i]);
        }
    }
    return HEED_OK;
}

heed_status heed_trainer_compare(const heed_trainer *t, heed_error *err)
{
    heed_ranks *ranks = t->options.ranks;
    const int size = heed_ranks_size(ranks);
    marks m = {0};
    uint64_t *all = NULL;
    heed_status status;

    if (size == 1)
        return HEED_OK;
    status = make_marks(t, &m, err);
    if (status == HEED_OK)
        all = calloc((size_t)size * (size_t)m.n, sizeof *all);
    if (status == HEED_OK && all == NULL)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory to compare the ranks");
    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK)
        status = heed_ranks_gather(ranks, m.list, (size_t)m.n * sizeof *m.list, all, err);
    if (status == HEED_OK)
        status = compare(&m, all, size, err);
    free(all);
    free(m.list);
    free(m.names);
    return status;
}
