/* SPDX-License-Identifier: MIT */
/* What else the entries are called: names of the next block, and TransformerLens'. */
#include <stdlib.h>
#include <string.h>

#include "inspect/meaning.h"
#include "inspect/shapes_internal.h"

typedef struct named {
    int id;
    const char *name;
} named;

typedef struct names {
    named *list;
    int n, capacity;
    bool failed;
} names;

static void add_name(void *context, const char *name, const heed_node *node)
{
    names *all = context;

    if (all->n == all->capacity) {
        named *bigger = realloc(all->list, (size_t)(2 * all->capacity + 256) * sizeof *bigger);
        all->failed |= bigger == NULL;
        if (bigger == NULL)
            return;
        all->list = bigger;
        all->capacity = 2 * all->capacity + 256;
    }
    all->list[all->n++] = (named){node->id, name};
}

static int by_node(const void *a, const void *b)
{
    const named *x = a, *y = b;

    return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->name, y->name);
}

/* Before its builder named it, it was called after its op: blocks.0.add.2. That tells nobody anything. */
static bool is_after_op(const char *name, const heed_shapes_entry *e)
{
    const char *at = e->op[0] != '\0' ? strstr(name, e->op) : NULL;
    const char *end = at != NULL ? at + strlen(e->op) : NULL;

    return at != NULL && (at == name || at[-1] == '.') && (*end == '\0' || *end == '.');
}

/* The names of one entry, n of them, but for the one it goes by; each in TransformerLens' spelling as well. */
static bool set_names(heed_shapes *s, const named *list, int n)
{
    heed_shapes_entry *e = &s->entries[list[0].id];
    const char **also = heed_arena_alloc(s->arena, 2 * (size_t)n * sizeof *also);
    char lens[HEED_MAX_NAME + 16];
    int count = 0;

    if (also == NULL)
        return false;
    for (int i = 0; i < n; i++) {
        if (strcmp(list[i].name, e->name) != 0 && !is_after_op(list[i].name, e))
            also[count++] = heed_arena_format(s->arena, "%s", list[i].name);
        if (heed_meaning_lens_name(lens, sizeof lens, list[i].name)[0] != '\0')
            also[count++] = heed_arena_format(s->arena, "%s", lens);
    }
    for (int i = 0; i < count; i++) {
        if (also[i] == NULL)
            return false;
    }
    e->also = also;
    e->n_also = count;
    return true;
}

bool heed_shapes_find_names(heed_shapes *s)
{
    names all = {0};
    bool ok;
    int end;

    heed_graph_each_name(s->graph.g, add_name, &all);
    ok = !all.failed;
    if (ok && all.n > 0)
        qsort(all.list, (size_t)all.n, sizeof *all.list, by_node);
    for (int i = 0; ok && i < all.n; i = end) {
        for (end = i + 1; end < all.n && all.list[end].id == all.list[i].id;)
            end++;
        ok = set_names(s, all.list + i, end - i);
    }
    free(all.list);
    return ok;
}
