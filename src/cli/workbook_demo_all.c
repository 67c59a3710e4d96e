/* SPDX-License-Identifier: MIT */
#include "cli/workbook_demo_all.h"

#include "cli/output.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_print.h"

/* What came of the ones so far. */
typedef struct sums {
    int n, n_as_expected, n_failed;
    double seconds;
} sums;

static const char *verdict(const heed_demo_result *r)
{
    return r == NULL ? "failed" : r->observed ? "observed" : "not observed";
}

/* r NULL: it failed, and message says why. */
static void put_row(const heed_demo_info *info, const heed_demo_result *r, const char *message, double seconds,
                    bool expected)
{
    printf("%s  %s%-12s%s  %7.2f  ", info->id,
           heed_cli_ink_on(expected ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG), verdict(r), heed_cli_ink_off(),
           seconds);
    heed_cli_put_words(info->title, 28, 28);
    if (r == NULL) {
        fputs("     ", stdout);
        heed_cli_put_words(message, 5, 5);
    }
    for (int i = 0; r != NULL && !expected && i < r->n_checks; i++) {
        printf("     %s ", r->checks[i].holds ? "yes" : "NO ");
        heed_cli_put_words(r->checks[i].words, 9, 9);
    }
    heed_cli_flush();
}

static void json_row(heed_cli_json *json, const heed_demo_info *info, const heed_demo_result *r,
                     const char *message, double seconds)
{
    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "id", info->id);
    heed_cli_json_text(json, "title", info->title);
    if (r != NULL)
        heed_cli_json_bool(json, "observed", r->observed);
    else
        heed_cli_json_text(json, "error", message);
    heed_cli_json_number(json, "seconds", seconds);
    heed_cli_json_open(json, "checks", '[');
    for (int i = 0; r != NULL && i < r->n_checks; i++) {
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_text(json, "words", r->checks[i].words);
        heed_cli_json_bool(json, "holds", r->checks[i].holds);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

/* HEED_ERR_INTERRUPTED ends all of them; another failure is a row. json NULL: text. */
static heed_status run_one(const heed_demo_info *info, const heed_demo_options *options, heed_cli_watch *watch,
                           heed_cli_json *json, sums *s, heed_error *err)
{
    const double begun = heed_cli_seconds();
    heed_error own = {HEED_OK, ""};
    heed_demo_result *r = NULL;
    heed_status status;
    double seconds;
    bool expected;

    heed_cli_watch_begin(watch, info, "");
    watch->told = true;
    status = heed_demo_run(info->id, options, &r, &own);
    seconds = heed_cli_seconds() - begun;
    heed_cli_watch_clear(watch);
    if (status == HEED_ERR_INTERRUPTED)
        return heed_cli_fail(err, status, "%s", own.message);
    expected = r != NULL && r->observed != options->sabotage;
    s->n++;
    s->n_as_expected += expected;
    s->n_failed += r == NULL;
    s->seconds += seconds;
    if (json != NULL)
        json_row(json, info, r, own.message, seconds);
    else
        put_row(info, r, own.message, seconds, expected);
    heed_demo_result_destroy(r);
    return HEED_OK;
}

static heed_status judge(const sums *s, bool sabotage, heed_error *err)
{
    if (s->n_as_expected == s->n)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_CHECK,
                         sabotage ? "%d of %d are observed although they are sabotaged, or failed"
                                  : "%d of %d are not observed, or failed",
                         s->n - s->n_as_expected, s->n);
}

heed_status heed_cli_demo_all(const heed_demo_options *options, bool as_json, heed_error *err)
{
    heed_cli_watch watch = heed_cli_watch_start("\nheed: stopping\n");
    heed_demo_options own = *options;
    heed_cli_json json = {.out = stdout};
    heed_status status = HEED_OK;
    sums s = {0};

    own.progress = heed_cli_watch_progress;
    own.context = &watch;
    if (as_json) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_bool(&json, "sabotage", own.sabotage);
        heed_cli_json_open(&json, "demonstrations", '[');
    } else
        puts("id   verdict       seconds  title");
    for (int i = 0; i < heed_demo_count() && status == HEED_OK; i++)
        status = run_one(heed_demo_at(i), &own, &watch, as_json ? &json : NULL, &s, err);
    heed_cli_watch_end(&watch);
    if (as_json) {
        heed_cli_json_close(&json, ']');
        heed_cli_json_integer(&json, "as_expected", s.n_as_expected);
        heed_cli_json_number(&json, "seconds", s.seconds);
        heed_cli_json_close(&json, '}');
    } else
        printf("\n%d of %d %s, in %.1f s\n", s.n_as_expected, s.n,
               own.sabotage ? "not observed, as they should be" : "observed", s.seconds);
    return status == HEED_OK ? judge(&s, own.sabotage, err) : status;
}
