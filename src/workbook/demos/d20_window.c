/* SPDX-License-Identifier: MIT */
/* D20: a text that is longer than the table of positions. */
#include <heed/session.h>
#include <math.h>

#include "workbook/demos/demos.h"
#include "workbook/demos/small_model.h"

enum { MOST_TOKENS = 4096 };

/* --- beyond the table --- */

static void show_refusal(heed_demoing *d, const heed_model *model, int64_t context)
{
    const heed_session_options longer = {.threads = 1, .context_length = context + 1};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};
    const heed_status status = heed_session_open(model, &longer, &session, &err);

    heed_session_close(session);
    heed_show_check(d, status == HEED_ERR_USAGE && err.message[0] != '\0', "a window of %lld is refused: %s",
                    (long long)context + 1, status == HEED_OK ? "it was not" : err.message);
}

/* --- a window that slides --- */

/* The likeliest token each time, n of them, into ids; how many there were. */
static int64_t write_on(heed_demoing *d, heed_session *session, int32_t *ids, int64_t n, int64_t *longest)
{
    const heed_sampling greedy = {.top_p = 1.0, .repetition_penalty = 1.0};
    heed_error err = {HEED_OK, ""};
    int32_t id = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!heed_demo_ok(d, heed_session_feed(session, &id, 1, &err), &err))
            return i;
        *longest = heed_session_length(session) > *longest ? heed_session_length(session) : *longest;
        ids[i] = id = heed_session_sample(session, &greedy);
    }
    return n;
}

static heed_session *open(heed_demoing *d, const heed_model *model, bool no_cache)
{
    const heed_session_options options = {.threads = 1, .no_cache = no_cache, .overflow = HEED_OVERFLOW_SLIDE};
    heed_session *session = NULL;
    heed_error err = {HEED_OK, ""};

    if (d->s.status == HEED_OK)
        heed_demo_ok(d, heed_session_open(model, &options, &session, &err), &err);
    return session;
}

static void show_writing(heed_demoing *d, const heed_model *model, int64_t context, int64_t n)
{
    int32_t *a = (int32_t *)(void *)heed_demo_floats(d, n), *b = (int32_t *)(void *)heed_demo_floats(d, n);
    heed_session *cached = open(d, model, false), *plain = open(d, model, true);
    int64_t longest = 0, written = 0, same = 0;

    if (d->s.status == HEED_OK)
        written = write_on(d, cached, a, n, &longest);
    if (d->s.status == HEED_OK)
        write_on(d, plain, b, n, &longest);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++)
        same += a[i] == b[i];
    if (d->s.status == HEED_OK) {
        const heed_slides slides = heed_session_slides(cached);

        heed_show_figure(d, "same", (double)same, "tokens that are the same with a cache and without");
        heed_show_figure(d, "slides", (double)slides.n, "times that the older half was forgotten");
        heed_show_figure(d, "longest", (double)longest, "tokens in the window at most");
        heed_show_check(d, written == n && slides.n > 0,
                        "all %lld tokens are written; the window slid %lld times", (long long)written,
                        (long long)slides.n);
        heed_show_check(d, longest <= context, "it held at most %lld of %lld tokens", (long long)longest,
                        (long long)context);
        heed_show_check(d, same == n, "with and without a cache %lld of %lld tokens are the same",
                        (long long)same, (long long)n);
    }
    heed_session_close(cached);
    heed_session_close(plain);
}

/* --- what is forgotten --- */

/* The largest difference of logits after each token of two texts that differ in their first one; where the first is gone. */
static void compare(heed_demoing *d, const heed_model *model, const int32_t *ids, heed_grid apart,
                    heed_grid gone)
{
    heed_session *a = open(d, model, false), *b = open(d, model, false);
    heed_error err = {HEED_OK, ""};

    for (int64_t i = 0; d->s.status == HEED_OK && i < apart.columns; i++) {
        const int32_t other = i == 0 ? ids[0] ^ 1 : ids[i];

        if (!heed_demo_ok(d, heed_session_feed(a, ids + i, 1, &err), &err) ||
            !heed_demo_ok(d, heed_session_feed(b, &other, 1, &err), &err))
            break;
        for (int64_t v = 0; v < heed_model_config(model)->vocab_size; v++)
            apart.data[i] = fmax(apart.data[i],
                                 fabs((double)heed_session_logits(a)[v] - (double)heed_session_logits(b)[v]));
        gone.data[i] = heed_session_slides(a).forgotten > 0;
    }
    heed_session_close(a);
    heed_session_close(b);
}

static void show_forgetting(heed_demoing *d, const heed_model *model, int64_t vocab_size, int64_t n)
{
    const int32_t *ids = heed_demo_ids(d, n, vocab_size);
    heed_grid apart = heed_grid_make(&d->s, 1, n), gone = heed_grid_make(&d->s, 1, n),
              x = heed_grid_make(&d->s, 1, n);
    int64_t before = 0, n_before = 0, after = 0, n_after = 0;

    compare(d, model, ids, apart, gone);
    for (int64_t i = 0; d->s.status == HEED_OK && i < n; i++) {
        x.data[i] = (double)i;
        if (gone.data[i] != 0.0) {
            n_after++;
            after += apart.data[i] == 0.0;
        } else {
            n_before++;
            before += apart.data[i] > 0.0;
        }
    }
    heed_show_figure(d, "changed_after", (double)(n_after - after),
                     "steps that another first token still changes once it is forgotten");
    heed_show_axes(d, "What another first token changes", "token, from 0", "largest difference of logits", "");
    heed_show_curve(d, "difference", x, apart);
    heed_show_table(d, (heed_grid){1, n, apart.data},
                    "Largest difference of logits after each token, from the first", "difference", NULL, false);
    heed_show_check(d, n_before > 0 && before == n_before,
                    "another first token changes the logits at %lld of %lld steps while the window holds it",
                    (long long)before, (long long)n_before);
    heed_show_check(d, n_after > 0 && after == n_after,
                    "and not by a bit at %lld of %lld steps once it is forgotten", (long long)after,
                    (long long)n_after);
}

static void run(heed_demoing *d)
{
    const int64_t context = heed_take_int(&d->s, "context_length", 4, 512),
                  n = heed_take_int(&d->s, "tokens", 5, MOST_TOKENS),
                  vocab_size = heed_take_int(&d->s, "vocab_size", 2, 1024);
    heed_model *model;

    if (d->s.status == HEED_OK && n <= context)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "tokens: expected more than the context of %lld",
                        (long long)context);
    if (d->s.status == HEED_OK && vocab_size % 2 != 0)
        heed_solve_fail(&d->s, HEED_ERR_USAGE, "vocab_size: expected an even number, got %lld",
                        (long long)vocab_size);
    /* Sabotaged, the table is as long as the text. */
    model = heed_demo_small_model(d, vocab_size, d->sabotage ? n + 1 : context);
    if (d->s.status == HEED_OK) {
        show_refusal(d, model, context);
        show_writing(d, model, context, n);
        show_forgetting(d, model, vocab_size, n);
    }
    heed_model_close(model);
}

const heed_demo heed_demo_20 = {
    .info =
        {.id = "D20",
         .title = "Longer than the table of positions",
         .shows =
             "Lets a model with a learned table of positions write on behind its end. There is no row for the "
             "next position, so a longer window is refused; a sliding one forgets its older half, reads the "
             "newer "
             "half again at new positions (cached keys of the old ones would be wrong), and goes on. What it "
             "has "
             "forgotten cannot matter any more.",
         .rule = "A longer window is refused; all tokens are written, with never more in the window than it "
                 "holds, and "
                 "the same with and without a cache; another first token changes all logits while the window "
                 "holds it, "
                 "and no bit afterwards.",
         .sabotage = "The table is as long as the text.",
         .params = "{\"context_length\": 16, \"tokens\": 100, \"vocab_size\": 64}"},
    .full = "{\"context_length\": 256, \"tokens\": 1000}",
    .run = run,
};
