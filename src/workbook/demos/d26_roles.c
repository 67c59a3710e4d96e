/* SPDX-License-Identifier: MIT */
/* D26: which heads of a model follow the token before, and which watch the signs that part words and sentences. */
#include <math.h>
#include <stdlib.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/patterns.h"

enum { WINDOWS = 24, MOST_HEADS = 4096 };

enum { PREVIOUS, EVEN_PREVIOUS, DELIMITER, EVEN_DELIMITER, FIRST, ITSELF, N_COLUMNS };

/* Of all heads: how many are named for a role, and the largest gain in it; NAN: it is not known. */
typedef struct role_state {
    int64_t named;
    double gain;
} role_state;

static void fill(const heed_heads *heads, heed_grid scores, role_state roles[HEED_N_HEAD_ROLES])
{
    for (int64_t i = 0; i < scores.rows; i++) {
        double *row = scores.data + i * N_COLUMNS;
        const heed_demo_head h = heed_demo_head_at(heads, i);
        heed_head_scores s;

        heed_heads_scores(heads, HEED_HEADS_ALL, h.layer, h.head, &s);
        row[PREVIOUS] = s.roles[HEED_HEAD_PREVIOUS].found;
        row[EVEN_PREVIOUS] = s.roles[HEED_HEAD_PREVIOUS].chance;
        row[DELIMITER] = s.roles[HEED_HEAD_DELIMITER].found;
        row[EVEN_DELIMITER] = s.roles[HEED_HEAD_DELIMITER].chance;
        row[FIRST] = s.roles[HEED_HEAD_FIRST].found;
        row[ITSELF] = s.itself;
        for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
            roles[role].named += s.roles[role].named;
            roles[role].gain = fmax(roles[role].gain, s.roles[role].gain); /* fmax passes NaN over */
        }
    }
}

/* The largest first, numbers that are not known last; equal ones by layer and head. */
static void rank(heed_grid scores, int column, int64_t *order)
{
    for (int64_t i = 0; i < scores.rows; i++) {
        const double x = scores.data[i * N_COLUMNS + column];
        int64_t at = i;

        for (; at > 0; at--) {
            const double before = scores.data[order[at - 1] * N_COLUMNS + column];
            if (before >= x || isnan(x))
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static void show_ranking(heed_demoing *d, const heed_heads *heads, heed_grid scores, const int64_t *order,
                         const char *title)
{
    const heed_grid sorted = heed_grid_make(&d->s, scores.rows, N_COLUMNS);
    heed_demo_head *names = heed_arena_alloc(d->s.arena, (size_t)scores.rows * sizeof *names);

    for (int64_t i = 0; names != NULL && d->s.status == HEED_OK && i < scores.rows; i++) {
        names[i] = heed_demo_head_at(heads, order[i]);
        for (int64_t j = 0; j < N_COLUMNS; j++)
            sorted.data[i * N_COLUMNS + j] = scores.data[order[i] * N_COLUMNS + j];
    }
    heed_show_table(d, sorted, title, heed_demo_names_of(d, names, scores.rows),
                    "previous|even|delimiter|even|first|itself", false);
}

static void judge(heed_demoing *d, const heed_heads *heads, heed_grid scores, const int64_t *previous,
                  const int64_t *delimiter)
{
    const double *p = scores.data + previous[0] * N_COLUMNS, *m = scores.data + delimiter[0] * N_COLUMNS;
    const heed_demo_head a = heed_demo_head_at(heads, previous[0]), b = heed_demo_head_at(heads, delimiter[0]);
    double sink = 0.0;

    for (int64_t i = 0; i < scores.rows; i++)
        sink = fmax(sink, scores.data[i * N_COLUMNS + FIRST]);
    heed_show_figure(d, "best_previous", p[PREVIOUS],
                     heed_demo_words(d, "weight on the token before, head %d.%d", a.layer, a.head));
    heed_show_figure(d, "even_previous", p[EVEN_PREVIOUS], "what even attention would put there");
    heed_show_figure(d, "best_delimiter", m[DELIMITER],
                     heed_demo_words(d, "weight on delimiters, head %d.%d", b.layer, b.head));
    heed_show_figure(d, "even_delimiter", m[EVEN_DELIMITER], "their share of the visible tokens");
    heed_show_figure(d, "best_first", sink, "weight on the first token, of the head with most of it");
    heed_show_check(d, p[PREVIOUS] > 2.0 * p[EVEN_PREVIOUS],
                    "head %d.%d puts %.3f on the token before, more than twice the %.3f of even attention",
                    a.layer, a.head, p[PREVIOUS], p[EVEN_PREVIOUS]);
    heed_show_check(d, m[DELIMITER] > 1.2 * m[EVEN_DELIMITER],
                    "head %d.%d puts %.3f on delimiters, more than 1.2 times their share of %.3f", b.layer,
                    b.head, m[DELIMITER], m[EVEN_DELIMITER]);
}

static void show_roles(heed_demoing *d, const role_state roles[HEED_N_HEAD_ROLES])
{
    static const char *const names[HEED_N_HEAD_ROLES] = {"previous", "duplicate", "induction", "delimiter",
                                                         "first"};
    int64_t named = 0;

    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        heed_show_figure(d, heed_demo_words(d, "gain_%s", names[role]), roles[role].gain,
                         heed_demo_words(d, "best in the role \"%s\": 0 is chance, 1 perfect",
                                         heed_head_role_name((heed_head_role)role)));
        named += roles[role].named;
    }
    heed_show_figure(d, "named", (double)named, "roles that heads are named for: a gain of 0.4 or more");
}

static void look(heed_demoing *d, const heed_demo_subject *subject, const heed_heads *heads)
{
    const int64_t n = (int64_t)heed_heads_n_layers(heads) * heed_heads_n_heads(heads);
    heed_grid scores = heed_grid_make(&d->s, n, N_COLUMNS);
    int64_t *previous = (int64_t *)(void *)heed_grid_make(&d->s, 1, n).data,
            *delimiter = (int64_t *)(void *)heed_grid_make(&d->s, 1, n).data;
    role_state roles[HEED_N_HEAD_ROLES];
    heed_demo_head best[4];

    if (d->s.status != HEED_OK)
        return;
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        roles[role] = (role_state){0, NAN};
    fill(heads, scores, roles);
    rank(scores, PREVIOUS, previous);
    rank(scores, DELIMITER, delimiter);
    show_ranking(d, heads, scores, previous, "Heads by their weight on the token before");
    show_ranking(d, heads, scores, delimiter, "Heads by their weight on delimiters");
    for (int64_t i = 0; i < 4; i++)
        best[i] = heed_demo_head_at(heads, i < 2 ? previous[i < n ? i : 0] : delimiter[i - 2 < n ? i - 2 : 0]);
    heed_show_patterns(d, subject, best, 4, "Two that follow the token before, two that watch delimiters");
    heed_show_pattern(
        d, subject, best[0],
        heed_demo_words(d, "Head %d.%d, which looks most at the token before", best[0].layer, best[0].head));
    show_roles(d, roles);
    judge(d, heads, scores, previous, delimiter);
}

static void run(heed_demoing *d)
{
    heed_demo_training t = heed_demo_training_of(d, HEED_DEMO_P2S);
    heed_demo_subject subject;
    heed_heads *heads;

    if (d->s.status != HEED_OK)
        return;
    if (d->sabotage)
        t.options.steps = 0;
    if (!heed_demo_subject_open(d, &t, "training", 0.0, 0.95, WINDOWS, &subject))
        return;
    heads = heed_demo_look(d, &subject, false);
    if (heads != NULL && (int64_t)heed_heads_n_layers(heads) * heed_heads_n_heads(heads) > MOST_HEADS)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "model: expected at most %d heads", MOST_HEADS);
    if (d->s.status == HEED_OK)
        look(d, &subject, heads);
    heed_heads_destroy(heads);
    heed_demo_subject_close(&subject);
}

const heed_demo heed_demo_26 = {
    .info = {.id = "D26",
             .title = "Heads with a role: the token before, delimiters, the first token",
             .shows = "Opens the model in \"model\", or trains a small one, and measures what each head looks "
                      "at in a text that it was "
                      "not trained on (or \"text\"): how much weight goes to the token before, to delimiters "
                      "(blanks, line breaks and "
                      "the signs that part sentences), to the first token and to itself, each beside what even "
                      "attention would put "
                      "there. Many heads of large models rest on the first token when there is nothing to "
                      "find; that is easily taken "
                      "for an interest in delimiters, so it has a column of its own and the first token never "
                      "counts as one.",
             .rule = "The head with most weight on the token before has more than twice what even attention "
                     "has, and the one with "
                     "most on delimiters has more than 1.2 times their share of the visible tokens.",
             .sabotage = "The model is not trained.",
             .params = "{\"steps\": 1600, \"text\": \"\", \"model\": \"\"}",
             .trains = true},
    .full = "{\"steps\": 4000}",
    .run = run,
};
