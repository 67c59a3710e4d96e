/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <heed/anchors.h>
#include <heed/inspect.h>
#include <math.h>
#include <string.h>

#include "cli/activations.h"
#include "cli/model_options.h"
#include "cli/output.h"

#define REDRAW_S 0.1

/* A share above 1 says that the peak was measured while the machine was busy, and nothing else. */
static bool has_share(const heed_progress *now)
{
    return now->peak_share > 0.0 && now->peak_share <= 1.0;
}

/* --- before the first step --- */

/* At the end the picture is drawn, then tokens are counted, while all of the run is there. A range test does neither. */
double heed_cli_process_bytes(const heed_trainer *trainer)
{
    const bool ends = heed_trainer_folder(trainer)[0] != '\0';

    return heed_trainer_plan(trainer)->process_bytes +
           (ends ? fmax(HEED_PICTURE_BYTES, heed_anchors_bytes(trainer)) : 0.0);
}

static void show_memory(FILE *out, const heed_trainer *trainer, bool of_each_rank)
{
    const heed_train_plan *plan = heed_trainer_plan(trainer);
    const double process_bytes = heed_cli_process_bytes(trainer);
    const double rest = process_bytes - plan->state_bytes - plan->step_bytes;
    char all[32], state[32], step[32], other[32], available[32];

    fprintf(out, "needs   %s%s: %s of weights, gradients and moments, %s for a step, %s for text and program",
            heed_cli_bytes(all, process_bytes), of_each_rank ? " a rank" : "",
            heed_cli_bytes(state, plan->state_bytes), heed_cli_bytes(step, plan->step_bytes),
            heed_cli_bytes(other, rest > 0.0 ? rest : 0.0));
    if (plan->available_bytes > 0.0)
        fprintf(out, "; there are %s", heed_cli_bytes(available, plan->available_bytes));
    fputc('\n', out);
    fputs("waits   ", out);
    heed_cli_show_memory(out, &plan->memory, plan->flops_per_step);
}

/* The models it begins with or learns from. */
static void show_start(FILE *out, const heed_trainer *trainer)
{
    const heed_train_options *o = heed_trainer_options(trainer);
    const heed_train_plan *plan = heed_trainer_plan(trainer);
    char shown[256], mapped[32], all[32], bytes[32];

    if (o->from[0] != '\0')
        fprintf(out, "from    %s\n", heed_cli_quote(shown, sizeof shown, o->from));
    if (plan->n_embeddings > 0)
        fprintf(out, "from    %s: %s of %s token embeddings (%.1f %%)%s, the rest at random\n",
                heed_cli_quote(shown, sizeof shown, o->init_embeddings),
                heed_cli_grouped(mapped, (double)plan->n_embeddings_mapped),
                heed_cli_grouped(all, (double)plan->n_embeddings),
                100.0 * (double)plan->n_embeddings_mapped / (double)plan->n_embeddings,
                o->init_positions ? " and the positions" : "");
    if (o->distill[0] != '\0')
        fprintf(out, "teacher %s: %s of weights, T %g, a share of %g in the loss\n",
                heed_cli_quote(shown, sizeof shown, o->distill), heed_cli_bytes(bytes, plan->teacher_bytes),
                o->temperature, o->distill_weight);
}

static void show_text(FILE *out, const heed_train_plan *plan, const char *text)
{
    char a[32], b[32], shown[256];

    if (plan->task != NULL) {
        fprintf(out, "task    %s, made as it is learned; the least loss on average is %.4f\n", plan->task,
                plan->floor);
        return;
    }
    fprintf(out, "text    %s: %s tokens to learn from, %s to validate",
            heed_cli_quote(shown, sizeof shown, text), heed_cli_grouped(a, (double)plan->n_train_tokens),
            heed_cli_grouped(b, (double)plan->n_validation_tokens));
    if (plan->bytes_per_token != 1.0)
        fprintf(out, ", of %.3f bytes each", plan->bytes_per_token);
    fputc('\n', out);
}

/* Fine-tuning at the rate of a run for which nobody chose one, or at what its warm-up leaves of that. Descent takes others. */
static bool is_forgetful(const heed_trainer *trainer)
{
    const heed_train_options *o = heed_trainer_options(trainer);

    return o->from[0] != '\0' && o->optimizer != HEED_OPTIMIZER_SGD &&
           o->learning_rate == heed_train_options_default().learning_rate &&
           heed_trainer_plan(trainer)->highest_rate > 0.1 * o->learning_rate;
}

/* A range test, which keeps nothing, has rates of its own. */
static void show_rates(FILE *out, const heed_trainer *trainer)
{
    const heed_train_options *o = heed_trainer_options(trainer);

    if (o->warmup_steps >= o->steps && heed_trainer_folder(trainer)[0] != '\0')
        fprintf(
            out,
            "rates   the warm-up of %lld steps does not end within the run's %lld: at most %.3g, not %.3g\n",
            (long long)o->warmup_steps, (long long)o->steps, heed_trainer_plan(trainer)->highest_rate,
            o->learning_rate);
    if (is_forgetful(trainer) && heed_trainer_folder(trainer)[0] != '\0')
        fprintf(
            out,
            "rates   %g suits fresh weights, and this model loses what it knows; usual are 1e-5 to 1e-4 for "
            "GPT-2, for a small model a tenth of what it was trained with\n",
            o->learning_rate);
}

void heed_cli_show_plan(FILE *out, const heed_trainer *trainer, const char *text)
{
    const heed_train_plan *plan = heed_trainer_plan(trainer);
    const int n_ranks = heed_ranks_size(heed_trainer_options(trainer)->ranks);
    char a[32], line[256], shown[256];

    heed_cli_describe_model(heed_trainer_config(trainer), line, sizeof line);
    show_text(out, plan, text);
    fprintf(out, "model   %s: %s parameters", line, heed_cli_grouped(a, (double)plan->n_parameters));
    if (plan->n_trained != plan->n_parameters)
        fprintf(out, ", of which %s train", heed_cli_grouped(a, (double)plan->n_trained));
    fputc('\n', out);
    show_start(out, trainer);
    show_rates(out, trainer);
    show_memory(out, trainer, n_ranks > 1);
    fprintf(out, "on      %s", plan->device);
    if (n_ranks > 1)
        fprintf(out, ", each of %d ranks", n_ranks);
    if (plan->matrix_peak_flops > 0.0)
        fprintf(out, ", matrix products at %sFLOP/s", heed_cli_scaled(a, plan->matrix_peak_flops));
    fprintf(out, "\ninto    %s\n\n",
            heed_trainer_folder(trainer)[0] != '\0'
                ? heed_cli_quote(shown, sizeof shown, heed_trainer_folder(trainer))
                : "nothing: the weights are not kept");
}

/* --- while it runs --- */

heed_cli_progress heed_cli_progress_start(FILE *out, const heed_trainer *trainer)
{
    return (heed_cli_progress){.out = out,
                               .live = out != NULL && heed_cli_is_terminal(out),
                               .loss = NAN,
                               .validation = NAN,
                               .initial = NAN,
                               .expected = heed_trainer_plan(trainer)->initial_loss,
                               .tolerance = heed_trainer_plan(trainer)->initial_tolerance,
                               .bytes_per_token = heed_trainer_plan(trainer)->bytes_per_token};
}

const char *heed_cli_perplexity(char *out, double loss)
{
    const double perplexity = exp(loss);

    if (perplexity < 9999.5)
        snprintf(out, 32, "%.*f", perplexity < 99.95 ? 2 : perplexity < 999.5 ? 1 : 0, perplexity);
    else if (perplexity < 1e7)
        heed_cli_grouped(out, perplexity);
    else
        snprintf(out, 32, "%.3g", perplexity);
    return out;
}

const char *heed_cli_per_byte(char *out, double loss, double bytes_per_token)
{
    out[0] = '\0';
    if (bytes_per_token != 1.0 && bytes_per_token > 0.0)
        snprintf(out, 32, " (%.4f a byte)", loss / bytes_per_token);
    return out;
}

void heed_cli_clear_line(heed_cli_progress *p)
{
    if (p->line_stands)
        fputs("\r\033[K", p->out);
    p->line_stands = false;
}

/* An exponential average of about the last twenty steps, without the bias of its start. */
static void follow(heed_cli_progress *p, const heed_progress *now)
{
    if (now->skipped != HEED_SKIP_NOT_FINITE && now->skipped != HEED_SKIP_NO_TARGET) {
        p->loss = p->loss_weight > 0.0 ? 0.95 * p->loss + 0.05 * now->loss : now->loss;
        p->loss_weight = 1.0;
    }
    if (!isnan(now->validation_loss))
        p->validation = now->validation_loss;
    if (now->step >= p->curve_step && p->n_curve < HEED_CLI_CURVE_POINTS) {
        p->curve[p->n_curve++] = p->loss;
        p->curve_step = now->step + (now->steps + HEED_CLI_CURVE_POINTS - 1) / HEED_CLI_CURVE_POINTS;
    }
}

/* The loss so far in eight heights. */
static void draw_curve(const heed_cli_progress *p, char *out)
{
    static const char *const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double least = INFINITY, most = -INFINITY;

    for (int i = 0; i < p->n_curve; i++) {
        least = fmin(least, p->curve[i]);
        most = fmax(most, p->curve[i]);
    }
    out[0] = '\0';
    for (int i = 0; i < p->n_curve; i++) {
        const double height = most > least ? (p->curve[i] - least) / (most - least) * 7.0 : 0.0;
        strcat(out, heights[isfinite(height) ? (int)(height + 0.5) : 7]);
    }
}

/* The line without its curve, in at most so many columns: what matters least goes first. */
static int write_line(const heed_cli_progress *p, const heed_progress *now, int columns, char *line,
                      size_t size)
{
    char number[32], validation[32] = "", speed[48], share[32] = "", eta[40], epoch[48] = "", perplexity[48];
    int n;

    if (now->epochs > 0.0)
        snprintf(epoch, sizeof epoch, "  epoch %.2f/%.4g", now->epoch, now->epochs);
    if (!isnan(p->validation))
        snprintf(validation, sizeof validation, "  val %.3f", p->validation);
    if (has_share(now))
        snprintf(share, sizeof share, "  %.0f %% of peak", 100.0 * now->peak_share);
    snprintf(speed, sizeof speed, "  %s tokens/s", heed_cli_grouped(number, now->tokens_per_s));
    snprintf(eta, sizeof eta, "  %s left", heed_cli_duration(number, now->eta_s));
    snprintf(perplexity, sizeof perplexity, "  perplexity %s", heed_cli_perplexity(number, p->loss));
    for (int left_out = 0;; left_out++) {
        n = snprintf(line, size, "%lld/%lld%s  loss %.3f%s%s%s%s%s", (long long)now->step,
                     (long long)now->steps, left_out > 2 ? "" : epoch, p->loss, left_out > 1 ? "" : perplexity,
                     validation, left_out > 2 ? "" : speed, left_out > 0 ? "" : share, left_out > 3 ? "" : eta);
        if (n <= columns || left_out == 4)
            return n;
    }
}

static void draw_line(heed_cli_progress *p, const heed_progress *now)
{
    char line[256], curve[4 * HEED_CLI_CURVE_POINTS];
    const int columns = heed_cli_columns(p->out) - 1, n = write_line(p, now, columns, line, sizeof line);

    draw_curve(p, curve);
    fprintf(p->out, "\r%.*s", columns, line);
    if (n + 2 + p->n_curve <= columns)
        fprintf(p->out, "  %s", curve);
    fputs("\033[K", p->out);
    fflush(p->out);
    p->line_stands = true;
    p->shown_s = now->seconds;
}

static void print_line(heed_cli_progress *p, const heed_progress *now)
{
    char eta[32], speed[32], byte[32], epoch[48] = "", perplexity[32];

    heed_cli_clear_line(p);
    if (now->epochs > 0.0)
        snprintf(epoch, sizeof epoch, " (epoch %.2f of %.4g)", now->epoch, now->epochs);
    fprintf(p->out, "step %lld of %lld%s: loss %.4f, validation %.4f%s, perplexity %s, %s tokens/s",
            (long long)now->step, (long long)now->steps, epoch, p->loss, now->validation_loss,
            heed_cli_per_byte(byte, now->validation_loss, p->bytes_per_token),
            heed_cli_perplexity(perplexity, now->validation_loss), heed_cli_grouped(speed, now->tokens_per_s));
    if (!isnan(now->validation_kl))
        fprintf(p->out, ", %.4f from the teacher", now->validation_kl);
    if (has_share(now))
        fprintf(p->out, ", %.0f %% of the peak", 100.0 * now->peak_share);
    if (now->clipped_share >= 0.005)
        fprintf(p->out, ", %.0f %% clipped", 100.0 * now->clipped_share);
    if (!now->done)
        fprintf(p->out, ", %s left", heed_cli_duration(eta, now->eta_s));
    fputc('\n', p->out);
    fflush(p->out);
}

/* A model that starts far from guessing has a fault, or is not what one thinks. */
static void print_initial(const heed_cli_progress *p)
{
    if (isnan(p->expected) || isnan(p->initial))
        return;
    fprintf(p->out, "initial loss %.2f, expected %.2f\n", p->initial, p->expected);
    if (fabs(p->initial - p->expected) > p->tolerance)
        fprintf(
            p->out,
            "warning: that is %.2f apart, where %.2f would be chance: are the targets what they should be?\n",
            fabs(p->initial - p->expected), p->tolerance);
}

/* Whatever was wrong with the step, the weights have not seen it. Steps without targets may be many, and one says it. */
static void print_skipped(heed_cli_progress *p, const heed_progress *now)
{
    if (now->skipped == HEED_SKIP_NO_TARGET && p->said_no_target)
        return;
    heed_cli_clear_line(p);
    if (now->skipped == HEED_SKIP_NO_TARGET)
        fprintf(p->out,
                "step %lld: no update, its windows hold no target; a larger batch or context makes such steps "
                "rare\n",
                (long long)now->step);
    else if (now->skipped == HEED_SKIP_NOT_FINITE)
        fprintf(p->out, "step %lld: no update, the loss or its gradient is not finite\n", (long long)now->step);
    else
        fprintf(p->out, "step %lld: no update, the %s %.4g is %.1f deviations above its running mean\n",
                (long long)now->step, now->skipped == HEED_SKIP_NORM ? "gradient's norm" : "loss",
                now->skipped == HEED_SKIP_NORM ? now->gradient_norm : now->loss, now->deviations);
    p->said_no_target |= now->skipped == HEED_SKIP_NO_TARGET;
    fflush(p->out);
}

void heed_cli_show_step(heed_cli_progress *p, const heed_progress *now)
{
    follow(p, now);
    if (now->step == 1)
        p->initial = now->loss;
    if (p->out == NULL)
        return;
    if (now->step == 1)
        print_initial(p);
    if (now->skipped != HEED_SKIP_NONE)
        print_skipped(p, now);
    if (!isnan(now->validation_loss))
        print_line(p, now);
    else if (p->live && (p->shown_s == 0.0 || now->seconds - p->shown_s >= REDRAW_S))
        draw_line(p, now);
}
