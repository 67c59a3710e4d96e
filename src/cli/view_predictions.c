/* SPDX-License-Identifier: MIT */
/* heed inspect --show predictions: how well each token of the text was foreseen. */
#include <heed/lens.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/token_out.h"
#include "cli/view.h"

enum { TOKEN_COLUMNS = 10, OTHER_COLUMNS = 10, FIXED_COLUMNS = 47 };

typedef struct predictions_options {
    int64_t alternatives, hardest;
} predictions_options;

static const predictions_options defaults = {.alternatives = 3};

static const heed_field fields[] = {
    {"alternatives", "likeliest tokens shown beside each", HEED_FIELD_INTEGER,
     offsetof(predictions_options, alternatives), 0, HEED_LENS_MOST_TOP - 1, NULL},
    {"hardest", "list only the so many tokens with the largest loss; 0: all", HEED_FIELD_INTEGER,
     offsetof(predictions_options, hardest), 0, 1 << 24, NULL},
};

/* What was foreseen of all tokens but the first. */
typedef struct foreseen {
    const heed_cli_look *look;
    const predictions_options *own;
    const heed_lens *lens;
    double *means; /* [n_ids] of the losses up to and with each token */
    double loss;   /* their mean */
    int n_right;   /* tokens that were the likeliest */
    bool *listed;  /* [n_ids] */
} foreseen;

/* What was said of token i, behind the one before it. */
static const heed_prediction *said_of(const foreseen *f, size_t i)
{
    return heed_lens_at(f->lens, 0, (int64_t)i - 1);
}

static void add_up(foreseen *f)
{
    double sum = 0.0;

    for (size_t i = 1; i < f->look->n_ids; i++) {
        sum -= said_of(f, i)->log_probability;
        f->means[i] = sum / (double)i;
        f->n_right += said_of(f, i)->rank == 1;
    }
    f->loss = f->look->n_ids > 1 ? f->means[f->look->n_ids - 1] : NAN;
}

/* How likely token i was held to be; what is no number comes before all others. */
static double likelihood_of(const foreseen *f, size_t i)
{
    const double x = said_of(f, i)->log_probability;

    return isnan(x) ? -INFINITY : x;
}

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

/* Marks what is listed: the tokens of the least probabilities, of equals the first ones. */
static heed_status choose(foreseen *f, heed_error *err)
{
    const size_t n = f->look->n_ids, wanted = f->own->hardest > 0 ? (size_t)f->own->hardest : n;
    double *sorted = malloc((n + 1) * sizeof *sorted), limit;
    size_t left = wanted;

    if (sorted == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the losses of %zu tokens", n);
    for (size_t i = 1; i < n; i++)
        sorted[i - 1] = likelihood_of(f, i);
    qsort(sorted, n - 1, sizeof *sorted, by_number);
    limit = wanted < n ? sorted[wanted - 1] : INFINITY;
    free(sorted);
    for (size_t i = 1; i < n; i++)
        left -= f->listed[i] = likelihood_of(f, i) < limit && left > 0;
    for (size_t i = 1; i < n && left > 0; i++) {
        if (!f->listed[i] && (wanted >= n || likelihood_of(f, i) == limit)) {
            f->listed[i] = true;
            left--;
        }
    }
    return HEED_OK;
}

/* --- as text --- */

/* The text as one run of tokens with the hard ones marked, in lines of the terminal's width. */
static void print_marked(const foreseen *f)
{
    const heed_palette palette = heed_cli_palette(stdout);
    const int columns = heed_cli_columns(stdout) - 1;
    char label[HEED_LABEL_BYTES];
    int used = 0;

    for (size_t i = 0; i < f->look->n_ids; i++) {
        const heed_cli_hardness hardness = i == 0 ? HEED_CLI_EASY
                                                  : heed_cli_hardness_of(exp(said_of(f, i)->log_probability));
        const int width = heed_token_label(f->look->model, f->look->ids[i], 40, label, sizeof label) +
                          2 * (int)hardness;
        if (used > 0 && used + width > columns) {
            printf("\n");
            used = 0;
        }
        printf("%s%s%s", heed_cli_open_hard(hardness, palette), label, heed_cli_close_hard(hardness, palette));
        used += width;
    }
    printf("\n%s\n", heed_cli_hardness_legend());
}

/* The likeliest tokens but the one that came, as many as fit the line. */
static void put_others(const foreseen *f, const heed_prediction *p)
{
    int64_t left = (heed_cli_columns(stdout) - FIXED_COLUMNS) / (OTHER_COLUMNS + 1), n = 0;

    left = left < f->own->alternatives ? left : f->own->alternatives;
    for (int k = 0; k < p->n_top && n < left; k++) {
        if (p->top[k].id == p->next)
            continue;
        printf(" ");
        heed_cli_put_token(f->look->model, p->top[k].id, OTHER_COLUMNS - 4);
        printf("%4.0f", 100.0 * exp(p->top[k].log_probability));
        n++;
    }
}

static void print_row(const foreseen *f, size_t i)
{
    const heed_prediction *p = said_of(f, i);
    const heed_palette palette = heed_cli_palette(stdout);
    const heed_cli_hardness hardness = heed_cli_hardness_of(exp(p->log_probability));
    static const char *const marks[] = {"  ", " !", "!!"};
    const char *colour = palette == HEED_PALETTE_NONE || hardness == HEED_CLI_EASY ? ""
                         : hardness == HEED_CLI_HARD                               ? "\033[33m"
                                                                                   : "\033[1;31m";

    printf("%6zu %s%s ", i, colour, marks[hardness]);
    heed_cli_put_token(f->look->model, p->next, TOKEN_COLUMNS);
    printf("%s%6.2f %6.2f %% %5lld %5.2f", colour[0] != '\0' ? "\033[0m" : "",
           heed_cli_unsigned_nan(-p->log_probability), 100.0 * exp(p->log_probability), (long long)p->rank,
           f->means[i]);
    put_others(f, p);
    printf("\n");
}

static void print_text(const foreseen *f)
{
    const size_t n = f->look->n_ids;

    if (n < 2) {
        printf("a text of one token: nothing was to be foreseen\n");
        return;
    }
    printf("loss %.4f nats a token over %zu tokens, perplexity %.2f\n"
           "the likeliest token was right for %d of them, %.0f %%\n\n",
           f->loss, n - 1, exp(f->loss), f->n_right, 100.0 * f->n_right / (double)(n - 1));
    print_marked(f);
    printf("\nposition  %-*s  loss   chance  rank  mean%s\n", TOKEN_COLUMNS, "token",
           f->own->alternatives > 0 ? " likeliest others, %" : "");
    for (size_t i = 1; i < n; i++) {
        if (f->listed[i])
            print_row(f, i);
    }
}

/* --- as JSON --- */

static void json_row(const foreseen *f, size_t i)
{
    const heed_prediction *p = said_of(f, i);
    heed_cli_json *json = f->look->json;
    int64_t n = 0;

    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_integer(json, "position", (int64_t)i);
    heed_cli_json_token(json, f->look->model, p->next);
    heed_cli_json_number(json, "loss", -p->log_probability);
    heed_cli_json_number(json, "probability", exp(p->log_probability));
    heed_cli_json_integer(json, "rank", p->rank);
    heed_cli_json_number(json, "mean_loss", f->means[i]);
    heed_cli_json_number(json, "entropy", p->entropy);
    heed_cli_json_open(json, "alternatives", '[');
    for (int k = 0; k < p->n_top && n < f->own->alternatives; k++) {
        if (p->top[k].id == p->next)
            continue;
        heed_cli_json_open(json, NULL, '{');
        heed_cli_json_token(json, f->look->model, p->top[k].id);
        heed_cli_json_number(json, "probability", exp(p->top[k].log_probability));
        heed_cli_json_close(json, '}');
        n++;
    }
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

static void print_json(const foreseen *f)
{
    heed_cli_json *json = f->look->json;

    heed_cli_json_number(json, "loss", f->loss);
    heed_cli_json_number(json, "perplexity", exp(f->loss));
    heed_cli_json_integer(json, "n_right", f->n_right);
    heed_cli_json_open(json, "predicted", '[');
    for (size_t i = 1; i < f->look->n_ids; i++) {
        if (f->listed[i])
            json_row(f, i);
    }
    heed_cli_json_close(json, ']');
}

/* --- the view --- */

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    foreseen f = {.look = look, .own = options};
    heed_lens_options lens_options = heed_lens_default();
    heed_lens *lens = NULL;
    heed_status status;

    lens_options.predictions_only = true;
    lens_options.n_top = (int)f.own->alternatives + 1;
    f.means = calloc(look->n_ids + 1, sizeof *f.means);
    f.listed = calloc(look->n_ids + 1, sizeof *f.listed);
    status = f.means != NULL && f.listed != NULL
                 ? heed_lens_create(look->model, look->ids, look->n_ids, &lens_options, &lens, err)
                 : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the losses of %zu tokens",
                                 look->n_ids);
    if (status == HEED_OK) {
        f.lens = lens;
        add_up(&f);
        status = choose(&f, err);
    }
    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        print_json(&f);
    else if (status == HEED_OK)
        print_text(&f);
    heed_lens_destroy(lens);
    free(f.means);
    free(f.listed);
    return status;
}

const heed_cli_view heed_cli_view_predictions = {
    .name = "predictions",
    .summary = "how well each token was foreseen",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .options_bytes = sizeof(predictions_options),
    .defaults = &defaults,
    .show = show,
};
