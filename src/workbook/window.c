/* SPDX-License-Identifier: MIT */
#include "workbook/window.h"

#include <math.h>

#include "data/corpus.h"

#define MOST_ID 1073741823.0 /* packed in four bytes, with room for a mark */

/* The stream as a corpus keeps it: packed ids, all of them in one part. */
static bool pack(heed_solving *s, heed_grid stream, heed_corpus *corpus)
{
    const int64_t n = stream.rows * stream.columns;
    int32_t *ids = heed_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *ids);
    uint8_t *packed = heed_arena_alloc(s->arena, ((size_t)n + 1) * 4);
    double most = 0.0;

    if (ids == NULL || packed == NULL)
        return heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for %lld ids", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const double id = stream.data[i];
        if (!(id >= 0.0 && id <= MOST_ID && id == floor(id)))
            return heed_solve_fail(s, HEED_ERR_USAGE,
                                   "entry %lld: expected an id, a whole number of 0 or more, got %g",
                                   (long long)i + 1, id);
        most = id > most ? id : most;
        ids[i] = (int32_t)id;
    }
    *corpus = (heed_corpus){.n = n, .packing = heed_packing_for((int64_t)most + 1, false), .tokens = packed};
    heed_packing_put(&corpus->packing, packed, ids, (size_t)n, true);
    heed_corpus_wire(corpus, true);
    return true;
}

static heed_grid row_of(heed_solving *s, const int32_t *ids, int64_t n)
{
    heed_grid out = heed_grid_make(s, 1, n);

    for (int64_t i = 0; i < out.columns; i++)
        out.data[i] = ids[i];
    return out;
}

void heed_window_of(heed_solving *s, heed_grid stream, int64_t at, int64_t T, heed_grid *ids,
                    heed_grid *targets)
{
    heed_corpus corpus;
    int32_t *both;

    *ids = *targets = (heed_grid){0, 0, NULL};
    if (s->status == HEED_OK && (T < 1 || at < 0 || at > stream.rows * stream.columns - T - 1))
        heed_solve_fail(s, HEED_ERR_USAGE, "expected a stream of %lld ids at least, got %lld",
                        (long long)(at + (T < 1 ? 1 : T) + 1), (long long)(stream.rows * stream.columns));
    if (s->status != HEED_OK || !pack(s, stream, &corpus))
        return;
    both = heed_arena_alloc(s->arena, 2 * (size_t)T * sizeof *both);
    if (both == NULL) {
        heed_solve_fail(s, HEED_ERR_MEMORY, "not enough memory for a window");
        return;
    }
    corpus.source.fill(&corpus.source, HEED_PART_VALIDATION, at, T, both, both + T);
    *ids = row_of(s, both, T);
    *targets = row_of(s, both + T, T);
}
