/* SPDX-License-Identifier: MIT */
#include "cli/pull_progress.h"

#include "cli/interrupt.h"
#include "cli/output.h"

#define PLAIN_S 10.0 /* between lines about a long file where no line can be drawn over */

heed_cli_pull_progress heed_cli_pull_progress_start(FILE *out)
{
    return (heed_cli_pull_progress){.out = out, .live = out != NULL && heed_cli_is_terminal(out)};
}

void heed_cli_pull_clear_line(heed_cli_pull_progress *p)
{
    if (p->line_stands)
        fputs("\r\033[K", p->out);
    p->line_stands = false;
}

/* "model.safetensors  31 %  170 MB of 548 MB  42.1 MB/s  0:09 left" */
static void write_line(const heed_pull_progress *now, char *line, size_t size)
{
    char bytes[32], total[32], speed[32], left[32];
    size_t n = (size_t)snprintf(line, size, "%s", now->file);

    if (now->total > 0)
        n += (size_t)snprintf(
            line + n, size - n, "  %.0f %%  %s of %s", 100.0 * (double)now->bytes / (double)now->total,
            heed_cli_bytes(bytes, (double)now->bytes), heed_cli_bytes(total, (double)now->total));
    else
        n += (size_t)snprintf(line + n, size - n, "  %s", heed_cli_bytes(bytes, (double)now->bytes));
    if (now->came > 0 && now->bytes_per_s > 0.0)
        n += (size_t)snprintf(line + n, size - n, "  %s/s", heed_cli_bytes(speed, now->bytes_per_s));
    if (now->came > 0 && now->bytes_per_s > 0.0 && now->total > 0)
        snprintf(line + n, size - n, "  %s left",
                 heed_cli_duration(left, (double)(now->total - now->bytes) / now->bytes_per_s));
}

static void show_bytes(heed_cli_pull_progress *p, const heed_pull_progress *now)
{
    char line[320];

    if (!p->live && now->seconds - p->shown_s < PLAIN_S)
        return;
    write_line(now, line, sizeof line);
    if (p->live) {
        fprintf(p->out, "\r%.*s\033[K", heed_cli_columns(p->out) - 1, line);
        p->line_stands = true;
    } else
        fprintf(p->out, "%s\n", line);
    p->shown_s = now->seconds;
}

static void show_begin(heed_cli_pull_progress *p, const heed_pull_progress *now)
{
    char bytes[32], total[32];

    p->shown_s = now->seconds;
    if (now->bytes > 0 && now->came == 0)
        fprintf(p->out, "%s: going on at %s of %s\n", now->file, heed_cli_bytes(bytes, (double)now->bytes),
                heed_cli_bytes(total, (double)now->total));
}

static void show_finish(heed_cli_pull_progress *p, const heed_pull_progress *now)
{
    char bytes[32], took[32];

    fprintf(p->out, "%-24s  %10s", now->file, heed_cli_bytes(bytes, (double)now->total));
    if (now->seconds >= 1.0)
        fprintf(p->out, "  in %s", heed_cli_duration(took, now->seconds));
    fprintf(p->out, "%s\n", now->verified ? "  sha256 as it should be" : "");
}

static void show(heed_cli_pull_progress *p, const heed_pull_progress *now)
{
    char safe[600];

    if (now->event != HEED_PULL_BYTES)
        heed_cli_pull_clear_line(p);
    switch (now->event) {
    case HEED_PULL_WAITING:
        if (!p->waiting)
            fputs("another process pulls this model; waiting for it\n", p->out);
        p->waiting = true;
        break;
    case HEED_PULL_BEGINS:
        show_begin(p, now);
        break;
    case HEED_PULL_BYTES:
        show_bytes(p, now);
        break;
    case HEED_PULL_RETRIES:
        fprintf(p->out, "%s: %s; again in %.1f s\n", now->file, heed_cli_quote(safe, sizeof safe, now->reason),
                now->wait_s);
        break;
    case HEED_PULL_FINISHED:
        show_finish(p, now);
        break;
    }
    fflush(p->out);
}

bool heed_cli_show_pull(void *context, const heed_pull_progress *now)
{
    heed_cli_pull_progress *p = context;

    if (p->out != NULL)
        show(p, now);
    return !heed_cli_interrupted();
}
