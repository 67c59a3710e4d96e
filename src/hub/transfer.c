/* SPDX-License-Identifier: MIT */
#include "hub/transfer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define SHOWN    200
#define REPORT_S 0.1
#define SPEED_S  2.0 /* over which the speed is taken */

heed_status heed_transfer_fail(heed_transfer *t, heed_status status, const char *what, int reason)
{
    char shown[SHOWN];

    t->status = heed_fail(t->err, status, "%s: %s: %s",
                          heed_quote(shown, sizeof shown, t->part, strlen(t->part)), what, strerror(reason));
    return t->status;
}

bool heed_transfer_refuse(heed_transfer *t, const char *format, ...)
{
    char words[300];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    t->status = heed_fail(t->err, HEED_ERR_FILE, "%s: %s", t->wanted->name, words);
    return false;
}

bool heed_transfer_tell(heed_transfer *t, heed_pull_event event, const char *reason, double wait_s)
{
    const heed_pull_options *o = t->f->options;
    const double now_s = heed_clock_s();
    heed_pull_progress progress = {.event = event,
                                   .file = t->wanted->name,
                                   .bytes = t->at,
                                   .total = t->total,
                                   .came = t->came,
                                   .seconds = now_s - t->begun_s,
                                   .bytes_per_s = t->speed,
                                   .verified = t->verified,
                                   .reason = reason,
                                   .wait_s = wait_s};

    if (event == HEED_PULL_BYTES && now_s - t->told_s < REPORT_S)
        return true;
    if (now_s - t->speed_s >= SPEED_S) {
        t->speed = (double)(t->came - t->speed_bytes) / (now_s - t->speed_s);
        t->speed_s = now_s;
        t->speed_bytes = t->came;
    } else if (t->speed == 0.0 && now_s > t->begun_s) {
        progress.bytes_per_s = (double)t->came / (now_s - t->begun_s);
    }
    t->told_s = now_s;
    return o->report == NULL || o->report(o->context, &progress);
}

bool heed_transfer_go_on(void *context)
{
    return heed_transfer_tell(context, HEED_PULL_BYTES, NULL, 0.0);
}
