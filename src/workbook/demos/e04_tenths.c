/* SPDX-License-Identifier: MIT */
/* E04: which tenth of a text is kept back for validation. */
#include "workbook/demos/demos.h"
#include "workbook/demos/plain_text.h"
#include "workbook/demos/tenths.h"

#define MOST_BYTES 1000000

enum { N = HEED_DEMO_N_TENTHS };

static void show(heed_demoing *d, const heed_demo_tenths *t)
{
    static const char *const names[N][3] = {{"single_last", "pairs_last", "seen_last"},
                                            {"single_first", "pairs_first", "seen_first"},
                                            {"single_apart", "pairs_apart", "seen_apart"},
                                            {"single_overlap", "pairs_overlap", "seen_overlap"}};
    heed_grid table = heed_grid_make(&d->s, N, 3);

    for (int i = 0; d->s.status == HEED_OK && i < N; i++) {
        table.data[3 * i] = t->single[i];
        table.data[3 * i + 1] = t->pairs[i];
        table.data[3 * i + 2] = t->seen[i];
    }
    heed_show_table(d, table, "What is kept back, predicted by counts of the rest",
                    "last tenth|first tenth|random, side by side|random, overlapping", "single|pairs|seen",
                    true);
    for (int i = 0; i < N; i++) {
        heed_show_figure(d, names[i][0], t->single[i], "nats: single characters");
        heed_show_figure(d, names[i][1], t->pairs[i], "nats: pairs");
        heed_show_figure(d, names[i][2], t->seen[i], "of the windows kept back stand in training");
    }
}

static void run(heed_demoing *d)
{
    heed_demo_plain_text text = heed_demo_plain_text_of(
        d, (size_t)heed_take_int(&d->s, "bytes", 2000, MOST_BYTES));
    const heed_demo_tenths t = heed_demo_tenths_of(d, text.data, text.n, d->sabotage);
    const double others = t.seen[HEED_DEMO_TENTH_LAST] > t.seen[HEED_DEMO_TENTH_APART]
                              ? t.seen[HEED_DEMO_TENTH_LAST]
                              : t.seen[HEED_DEMO_TENTH_APART];

    show(d, &t);
    heed_show_check(d, t.seen[HEED_DEMO_TENTH_OVERLAP] >= 0.9,
                    "of random windows that overlap, %.1f %% stand in training, 90 %% or more",
                    100.0 * t.seen[HEED_DEMO_TENTH_OVERLAP]);
    heed_show_check(
        d, others <= t.seen[HEED_DEMO_TENTH_OVERLAP] - 0.5,
        "of the last tenth, or of windows side by side, %.1f %% at most, fewer by half of all or more",
        100.0 * others);
    heed_demo_plain_text_close(&text);
}

const heed_demo heed_demo_e04 = {
    .info = {.id = "E04",
             .title = "Which tenth is kept back",
             .shows = "Keeps back a tenth of a text in four ways, counts characters and pairs in the rest, and "
                      "asks how well "
                      "these counts predict what was kept back, and how much of it stands in the rest word for "
                      "word. The end "
                      "of a text, or its beginning, may be unlike the rest. Random windows are like it; but "
                      "where windows "
                      "overlap, neighbours of each are trained on, and what is kept back is known by heart.",
             .rule = "Of random windows that overlap, 90 % or more have their middle in training; of the last "
                     "tenth and of "
                     "windows side by side, fewer by at least half of all.",
             .sabotage = "No windows overlap.",
             .params = "{\"text\": \"\", \"bytes\": 200000}"},
    .full = "{\"bytes\": 1000000}",
    .run = run,
};
