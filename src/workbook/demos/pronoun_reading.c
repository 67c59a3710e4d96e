/* SPDX-License-Identifier: MIT */
#include "workbook/demos/pronoun_reading.h"

#include <string.h>

#include "train/trainer.h"
#include "workbook/demos/small_model.h"

enum { MOST_TOKENS = 256, LEARNED_FROM = 1000 };

/* --- sentences --- */

heed_pronoun_source heed_pronoun_open(heed_demoing *d, const heed_trainer *trainer)
{
    heed_pronoun_source s = {0};

    if (trainer == NULL || d->s.status != HEED_OK)
        return s;
    s.source = trainer->source;
    s.tokenizer = heed_model_tokenizer(heed_trainer_model(trainer));
    s.length = heed_trainer_config(trainer)->context_length;
    s.equals = heed_tokenizer_find(s.tokenizer, "=", 1);
    s.ids = (int32_t *)(void *)heed_demo_floats(d, s.length);
    s.targets = (int32_t *)(void *)heed_demo_floats(d, s.length);
    if (d->s.status == HEED_OK && heed_tokenizer_vocab_size(s.tokenizer) > MOST_TOKENS)
        heed_solve_fail(&d->s, HEED_ERR_INTERNAL, "the task pronoun has more than %d tokens", MOST_TOKENS);
    return s;
}

/* Words are the even tokens, "=" stands behind the last one, and its target is the noun. */
int64_t heed_pronoun_read(const heed_pronoun_source *s, heed_part part, int64_t i, int32_t *ids,
                          int32_t *targets)
{
    int64_t equals = 1, ask;

    s->source->fill(s->source, part, i, s->length, s->ids, s->targets);
    while (equals + 2 < s->length && s->ids[equals] != s->equals)
        equals += 2;
    ask = (equals - 1) / 2;
    for (int64_t w = 0; w < HEED_PRONOUN_WORDS; w++) {
        ids[w] = w <= ask ? s->ids[2 * w] : 0;
        targets[w] = w < ask ? s->ids[2 * w + 2] : w == ask ? s->targets[equals] : HEED_NO_TARGET;
    }
    return ask;
}

/* Two different last words that were said of each noun, by its id; -1: none yet. */
typedef struct lexicon {
    int32_t said[MOST_TOKENS][2];
} lexicon;

static void learn(const heed_pronoun_source *s, lexicon *words)
{
    int32_t ids[HEED_PRONOUN_WORDS], targets[HEED_PRONOUN_WORDS];

    memset(words, -1, sizeof *words);
    for (int64_t i = 0; i < LEARNED_FROM; i++) {
        const int64_t ask = heed_pronoun_read(s, HEED_PART_VALIDATION, i, ids, targets);
        int32_t *said = words->said[targets[ask]];

        if (said[0] < 0)
            said[0] = ids[ask];
        else if (said[1] < 0 && ids[ask] != said[0])
            said[1] = ids[ask];
    }
}

/* A sentence with another last word; only the noun is asked for. */
static void put(const int32_t *ids, int64_t ask, int32_t last, int32_t noun, heed_demo_windows *w, int64_t at)
{
    int32_t *to = w->ids + at * w->length, *targets = w->targets + at * w->length;

    memcpy(to, ids, (size_t)w->length * sizeof *to);
    to[ask] = last;
    for (int64_t t = 0; t < w->length; t++)
        targets[t] = t == ask ? noun : HEED_NO_TARGET;
}

heed_pronoun_pairs heed_pronoun_pairs_of(heed_demoing *d, const heed_pronoun_source *s, int64_t n, bool same)
{
    heed_pronoun_pairs out = {.n = n, .windows = {.n = 2 * n, .length = HEED_PRONOUN_WORDS}};
    lexicon *words = heed_arena_alloc(d->s.arena, sizeof *words);
    int32_t ids[HEED_PRONOUN_WORDS], targets[HEED_PRONOUN_WORDS];

    out.ask = heed_arena_alloc(d->s.arena, (size_t)n * sizeof *out.ask);
    out.windows.ids = (int32_t *)(void *)heed_demo_floats(d, 2 * n * HEED_PRONOUN_WORDS);
    out.windows.targets = (int32_t *)(void *)heed_demo_floats(d, 2 * n * HEED_PRONOUN_WORDS);
    if (out.ask == NULL || words == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for sentences");
    if (d->s.status != HEED_OK)
        return out;
    learn(s, words);
    for (int64_t i = 0; i < n; i++) {
        const int64_t ask = heed_pronoun_read(s, HEED_PART_VALIDATION, LEARNED_FROM + i, ids, targets);
        const int32_t first = ids[HEED_PRONOUN_FIRST], second = ids[HEED_PRONOUN_SECOND];

        out.ask[i] = ask;
        put(ids, ask, words->said[first][0], first, &out.windows, 2 * i);
        put(ids, ask, same ? words->said[first][1] : words->said[second][0], same ? first : second,
            &out.windows, 2 * i + 1);
    }
    return out;
}

/* --- patterns --- */

heed_pronoun_look heed_pronoun_look_at(heed_demoing *d, const heed_model *model, const heed_demo_windows *w)
{
    heed_pronoun_look look = {.batch = w->n, .length = w->length};
    const heed_forward_ids in = {.ids = w->ids, .batch = w->n, .length = w->length};

    if (d->s.status != HEED_OK || model == NULL)
        return look;
    look.n_layers = heed_model_config(model)->n_layers;
    look.n_heads = heed_model_config(model)->n_heads;
    look.patterns = heed_arena_alloc(d->s.arena, (size_t)look.n_layers * sizeof *look.patterns);
    if (look.patterns == NULL)
        heed_solve_fail(&d->s, HEED_ERR_MEMORY, "not enough memory for patterns");
    for (int64_t layer = 0; d->s.status == HEED_OK && layer < look.n_layers; layer++)
        look.patterns[layer] = heed_demo_read(d, model, &in,
                                              heed_demo_words(d, "blocks.%lld.attn.pattern", (long long)layer));
    return look;
}

double heed_pronoun_weight(const heed_pronoun_look *look, int64_t element, int64_t layer, int64_t head,
                           int64_t query, int64_t word)
{
    const heed_grid p = look->patterns[layer];

    return p.data[((element * look->n_heads + head) * look->length + query) * p.columns + word];
}
