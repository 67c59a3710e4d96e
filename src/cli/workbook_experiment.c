/* SPDX-License-Identifier: MIT */
#include "cli/workbook_experiment.h"

#include <string.h>

#include "cli/interrupt.h"
#include "cli/output.h"

#define REDRAW_S 0.1
#define PLAIN_S  15.0 /* between lines where none can be written over itself */
#define CELLS    20

/* --- the line --- */

/* In at most so many columns: words are cut by characters. */
static size_t bytes_of(const char *words, int columns)
{
    size_t n = 0;

    while (words[n] != '\0' && columns-- > 0) {
        n++;
        while (((unsigned char)words[n] & 0xc0) == 0x80)
            n++;
    }
    return n;
}

static void put_bar(double done)
{
    for (int i = 0; i < CELLS; i++)
        fputs(i < (int)(done * CELLS + 0.5) ? "\xe2\x96\x88" : "\xc2\xb7", stderr);
}

static const char *name_of(const heed_cli_watch *w)
{
    return w->info != NULL ? w->info->id : "experiment";
}

/* "D04  ███████·············  35 %  0:12  without the mask" */
static void draw(heed_cli_watch *w, const char *words, double done)
{
    char passed[32];
    int left = heed_cli_columns(stderr) - 1 - CELLS;

    left -= fprintf(stderr, "\r%s  ", name_of(w)) - 1;
    put_bar(done);
    left -= fprintf(stderr, "  %3.0f %%", 100.0 * done);
    if (left > 12) {
        left -= fprintf(stderr, "  %s  ", heed_cli_duration(passed, heed_cli_seconds() - w->begun_s));
        heed_cli_put_safe(stderr, words, bytes_of(words, left));
    }
    fputs("\033[K", stderr);
    fflush(stderr);
    w->stands = true;
}

const char *heed_cli_demo_patience(const heed_demo_info *info)
{
    return info->trains  ? "models are trained for it, which may take up to a minute"
           : info->timed ? "it takes times for some seconds"
                         : "it takes a moment";
}

static void tell(heed_cli_watch *w)
{
    char words[400];

    w->told = true;
    if (w->info == NULL)
        return;
    heed_cli_flush();
    snprintf(words, sizeof words, "%s is run, \"%s\": %s%s.", w->info->id, w->info->title,
             heed_cli_demo_patience(w->info), w->after);
    heed_cli_put_sentence(stderr, words);
}

bool heed_cli_watch_progress(void *watch, const char *words, double done)
{
    heed_cli_watch *w = watch;
    const double now = heed_cli_seconds();

    done = done < 0.0 ? 0.0 : done > 1.0 ? 1.0 : done;
    if (!w->told)
        tell(w);
    if (now - w->shown_s >= (w->live ? REDRAW_S : PLAIN_S)) {
        w->shown_s = now;
        if (w->live)
            draw(w, words, done);
        else
            fprintf(stderr, "%s: %.0f %%, %s\n", name_of(w), 100.0 * done, words);
    }
    return !heed_cli_interrupted();
}

/* --- its time --- */

heed_cli_watch heed_cli_watch_start(const char *words)
{
    heed_cli_catch_interrupts(words);
    return (heed_cli_watch){.after = "",
                            .live = heed_cli_is_terminal(stderr),
                            .told = true,
                            .begun_s = heed_cli_seconds(),
                            .shown_s = heed_cli_seconds()};
}

void heed_cli_watch_begin(heed_cli_watch *w, const heed_demo_info *info, const char *after)
{
    w->info = info;
    w->after = after;
    w->told = false;
    w->begun_s = w->shown_s = heed_cli_seconds();
}

void heed_cli_watch_clear(heed_cli_watch *w)
{
    if (w->stands)
        fputs("\r\033[K", stderr);
    w->stands = false;
}

void heed_cli_watch_end(heed_cli_watch *w)
{
    heed_cli_watch_clear(w);
    heed_cli_release_interrupts();
}

/* --- of a posing --- */

heed_status heed_cli_experiment_run(heed_posing *posing, const heed_demo_result **result, heed_error *err)
{
    const char *id = heed_posing_info(posing)->id;
    heed_cli_watch watch = heed_cli_watch_start("\nheed: stopping; what you wrote is kept\n");
    const heed_demo_options options = {.seed = 1, .progress = heed_cli_watch_progress, .context = &watch};
    heed_error own = {HEED_OK, ""};
    heed_status status;

    heed_cli_watch_begin(&watch, heed_demo_find(heed_posing_experiment(posing)), "; Ctrl-C stops it");
    status = heed_posing_run(posing, &options, result, &own);
    heed_cli_watch_end(&watch);
    if (status == HEED_ERR_INTERRUPTED)
        return heed_cli_fail(err, status, "%s: %s; \"heed workbook answer %s\" goes on with what you wrote", id,
                             own.message, id);
    return status == HEED_OK ? HEED_OK : heed_cli_fail(err, status, "%s", own.message);
}
