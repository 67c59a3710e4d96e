/* SPDX-License-Identifier: MIT */
#include "cli/run_count.h"

#include "cli/output.h"

#define FIRST_S 1.0 /* what is done sooner needs no line */
#define EACH_S  0.2

bool heed_cli_count_run(void *context, int64_t n_done, int64_t n_runs)
{
    heed_cli_run_count *count = context;
    const double now = heed_cli_seconds();
    char left[32];

    if (count->begun_s == 0.0)
        count->begun_s = now;
    if (n_done < 2 || now - count->begun_s < FIRST_S || now - count->shown_s < EACH_S ||
        !heed_cli_is_terminal(stderr))
        return true;
    heed_cli_duration(left, (now - count->begun_s) / (double)(n_done - 1) * (double)(n_runs - n_done));
    fprintf(stderr, "\r\033[Krun %lld of %lld, %s left", (long long)n_done, (long long)n_runs, left);
    fflush(stderr);
    count->shown_s = now;
    count->line_stands = true;
    return true;
}

void heed_cli_run_count_end(heed_cli_run_count *count)
{
    if (count->line_stands)
        fprintf(stderr, "\r\033[K");
    count->line_stands = false;
}
