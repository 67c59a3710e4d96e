/* SPDX-License-Identifier: MIT */
/* heed inspect --show heads: how heads spread their attention, which roles they have, which are alike. */
#include <heed/heads.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/token_out.h"
#include "cli/view.h"
#include "cli/view_heads.h"

enum { MANY_HEADS = 48 }; /* of so many only those are listed that something is said of */

static const heed_cli_heads_options defaults = {.repeated_tokens = -1, .similar = 3};

#define AT(member) offsetof(heed_cli_heads_options, member)

static const heed_field fields[] = {
    {"repeated-tokens",
     "random tokens that the test for induction repeats; 0: no test, -1: 50, or as many as half of the context "
     "holds and the vocabulary has",
     HEED_FIELD_INTEGER, AT(repeated_tokens), -1, 1 << 20, NULL},
    {"repeated-seed", "where they are drawn from", HEED_FIELD_INTEGER, AT(seed), 0, 9e15, NULL},
    {"largest-weights", "so many of the largest weights of each head, with their tokens", HEED_FIELD_INTEGER,
     AT(n_largest), 0, 1000, NULL},
    {"similar", "so many pairs of heads whose patterns are most alike", HEED_FIELD_INTEGER, AT(similar), 0,
     1000, NULL},
    {"distance-profile", "the mean weight at each distance", HEED_FIELD_BOOLEAN, AT(profile), 0, 0, NULL},
    {"every-head", "list all heads of a large model, too", HEED_FIELD_BOOLEAN, AT(every), 0, 0, NULL},
};

/* --- which roles it has --- */

void heed_cli_heads_verdict(const heed_cli_heads *seen, int layer, int head, heed_head_scores *out)
{
    heed_head_scores repeated;

    heed_heads_scores(seen->heads, 0, layer, head, out);
    if (seen->repeated == NULL)
        return;
    heed_heads_scores(seen->repeated, HEED_HEADS_ALL, layer, head, &repeated);
    for (int role = HEED_HEAD_PREVIOUS; role <= HEED_HEAD_INDUCTION; role++)
        out->roles[role] = repeated.roles[role];
}

/* --- the table --- */

static void print_share(double share, int width)
{
    if (isnan(share))
        printf("%*s", width, "-");
    else
        printf("%*.0f %%", width - 2, 100.0 * share);
}

static void print_number(double x, int width, int digits)
{
    if (isnan(x))
        printf("%*s", width, "-");
    else
        printf("%*.*f", width, digits, x);
}

enum { ROLE_COLUMNS = 19 }; /* behind the figures, of 80 */

static void print_head(const heed_head_scores *s, int layer, int head)
{
    char words[HEED_HEAD_WORDS];

    printf("%5d %5d", layer, head);
    print_share(s->entropy_share, 9);
    print_number(exp(s->entropy), 12, 1);
    print_number(s->largest, 9, 2);
    print_number(s->distance, 10, 1);
    print_share(s->itself, 8);
    heed_head_say(s, words);
    if (strlen(words) > ROLE_COLUMNS) /* several roles */
        printf("\n%13s%s\n", "", words);
    else
        printf("%s%s\n", words[0] != '\0' ? "  " : "", words);
}

static void print_table(const heed_cli_heads *seen, bool every)
{
    const int L = heed_heads_n_layers(seen->heads), H = heed_heads_n_heads(seen->heads);
    char words[HEED_HEAD_WORDS];
    int left = 0;

    printf("layer  head  entropy over tokens  largest  distance  itself  roles\n");
    for (int i = 0; i < L * H; i++) {
        heed_head_scores s;
        heed_cli_heads_verdict(seen, i / H, i % H, &s);
        if (every || L * H <= MANY_HEADS || heed_head_say(&s, words)[0] != '\0' || s.not_finite > 0)
            print_head(&s, i / H, i % H);
        else
            left++;
    }
    if (left > 0)
        printf("and %d heads without a role; --every-head lists them\n", left);
}

/* --- the grid of roles --- */

static const char letters[HEED_N_HEAD_ROLES] = {'p', 'd', 'i', ',', '1'};

/* "pi", "." for none; "!" behind a head that is collapsed, "?" behind one with rows that are not finite. */
static const char *mark(const heed_head_scores *s, char out[HEED_N_HEAD_ROLES + 3])
{
    int n = 0;

    for (int role = 0; role < HEED_N_HEAD_ROLES; role++) {
        if (s->roles[role].named)
            out[n++] = letters[role];
    }
    if (s->collapsed)
        out[n++] = '!';
    if (s->not_finite > 0)
        out[n++] = '?';
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return out;
}

static void print_grid(const heed_cli_heads *seen)
{
    const int L = heed_heads_n_layers(seen->heads), H = heed_heads_n_heads(seen->heads);
    char out[HEED_N_HEAD_ROLES + 3];
    bool nan = false;
    int width = 3;

    for (int i = 0; i < L * H; i++) {
        heed_head_scores s;
        heed_cli_heads_verdict(seen, i / H, i % H, &s);
        nan = nan || s.not_finite > 0;
        width = (int)strlen(mark(&s, out)) > width ? (int)strlen(out) : width;
    }
    printf("\n%-10s", "head");
    for (int head = 0; head < H; head++)
        printf(" %*d", width, head);
    for (int i = 0; i < L * H; i++) {
        heed_head_scores s;
        heed_cli_heads_verdict(seen, i / H, i % H, &s);
        if (i % H == 0)
            printf("\nlayer %-4d", i / H);
        printf(" %*s", width, mark(&s, out));
    }
    printf("\np previous, d duplicate, i induction, \",\" delimiter, 1 first token, ! collapsed%s\n",
           nan ? ",\n? rows that are not finite, and left out" : "");
}

/* --- the verdict --- */

static void print_test(const heed_cli_heads *seen)
{
    const heed_repeated *t = &seen->test;

    if (seen->repeated == NULL)
        return;
    printf("\nPrevious token, duplicate token and induction heads are found on random tokens\n"
           "that are repeated, %lld times %lld%s: %.2f nats a token,\n"
           "and %.2f when they come again. All else is of the text.\n",
           (long long)t->batch, (long long)t->length, t->first >= 0 ? " behind a token that begins a text" : "",
           t->first_loss, t->second_loss);
}

/* A line with the heads that `has` is true of; how many there are. */
static int print_those(const heed_cli_heads *seen, const char *name,
                       bool (*has)(const heed_head_scores *s, int role), int role)
{
    const int L = heed_heads_n_layers(seen->heads), H = heed_heads_n_heads(seen->heads);
    int n = 0;

    for (int i = 0; i < L * H; i++) {
        heed_head_scores s;
        heed_cli_heads_verdict(seen, i / H, i % H, &s);
        if (!has(&s, role))
            continue;
        if (n == 0)
            printf("%-15s", name);
        printf("%s %d.%d", n > 0 ? "," : "", i / H, i % H);
        n++;
    }
    printf("%s", n > 0 ? "\n" : "");
    return n;
}

static bool has_role(const heed_head_scores *s, int role)
{
    return s->roles[role].named;
}

/* Sharp without a role that would explain it. */
static bool is_idle(const heed_head_scores *s, int unused)
{
    bool named = false;

    (void)unused;
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        named = named || s->roles[role].named;
    return s->collapsed && !named;
}

static bool has_nan(const heed_head_scores *s, int unused)
{
    (void)unused;
    return s->not_finite > 0;
}

static void print_verdict(const heed_cli_heads *seen)
{
    int n = 0;

    printf("\n");
    for (int role = 0; role < HEED_N_HEAD_ROLES; role++)
        n += print_those(seen, heed_head_role_name((heed_head_role)role), has_role, role);
    if (n == 0)
        printf("no head has a role: none finds clearly more than chance does\n");
    print_those(seen, "collapsed", is_idle, 0);
    print_those(seen, "not finite", has_nan, 0);
}

/* --- what else is asked for --- */

enum { TOKEN_COLUMNS = 12 };

static void print_largest(const heed_cli_look *look, const heed_cli_heads *seen)
{
    const int L = heed_heads_n_layers(seen->heads), H = heed_heads_n_heads(seen->heads);

    printf("\nlargest weights\nlayer  head  weight   query               looks at\n");
    for (int i = 0; i < L * H; i++) {
        int n;
        const heed_head_weight *w = heed_heads_largest(seen->heads, 0, i / H, i % H, &n);
        for (int k = 0; k < n; k++) {
            printf("%5d %5d %7.3f %7lld ", i / H, i % H, (double)w[k].weight, (long long)w[k].query);
            heed_cli_put_token(look->model, look->ids[w[k].query], TOKEN_COLUMNS);
            printf(" %7lld ", (long long)w[k].key);
            heed_cli_put_token(look->model, look->ids[w[k].key], TOKEN_COLUMNS);
            printf("\n");
        }
    }
}

/* Distances 0 1 2 3 4 6 8 12 16 …, as many as fit and the text has. */
static int list_distances(int64_t length, int64_t *distances, int most)
{
    int n = 0;

    for (int64_t d = 0; d < length && n < most; d = d < 4 ? d + 1 : n % 2 ? d * 3 / 2 : d * 4 / 3)
        distances[n++] = d;
    return n;
}

static heed_status print_profiles(const heed_cli_heads *seen, heed_error *err)
{
    const int L = heed_heads_n_layers(seen->heads), H = heed_heads_n_heads(seen->heads);
    double *profile = malloc((size_t)heed_heads_length(seen->heads) * sizeof *profile);
    int64_t distances[9];
    const int n = list_distances(heed_heads_length(seen->heads), distances, 9);

    if (profile == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the weights at each distance");
    printf("\nmean weight at a distance of\nlayer  head");
    for (int k = 0; k < n; k++)
        printf("%7lld", (long long)distances[k]);
    for (int i = 0; i < L * H; i++) {
        heed_heads_profile(seen->heads, i / H, i % H, profile);
        printf("\n%5d %5d", i / H, i % H);
        for (int k = 0; k < n; k++)
            printf("%7.3f", profile[distances[k]]);
    }
    printf("\n");
    free(profile);
    return HEED_OK;
}

static void print_similar(const heed_cli_heads *seen)
{
    const int H = heed_heads_n_heads(seen->heads);

    for (int k = 0; k < seen->n_pairs; k++) {
        const heed_cli_head_pair *p = &seen->pairs[k];
        printf("%s%d.%d and %d.%d %.3f", k == 0 ? "\nmost alike: " : ", ", p->a / H, p->a % H, p->b / H,
               p->b % H, p->cosine);
    }
    printf("%s", seen->n_pairs > 0 ? "\n" : "");
}

static heed_status print_text(const heed_cli_look *look, const heed_cli_heads_options *own,
                              const heed_cli_heads *seen, heed_error *err)
{
    print_table(seen, own->every);
    print_grid(seen);
    print_test(seen);
    print_verdict(seen);
    print_similar(seen);
    if (own->n_largest > 0)
        print_largest(look, seen);
    return own->profile ? print_profiles(seen, err) : HEED_OK;
}

/* --- looking --- */

/* The pairs with the largest cosines, largest first; NaN is in none. */
static heed_status find_similar(heed_cli_heads *seen, int64_t most, heed_error *err)
{
    const int N = heed_heads_n_layers(seen->heads) * heed_heads_n_heads(seen->heads);
    float *cosines = malloc((size_t)N * (size_t)N * sizeof *cosines);
    heed_status status;

    seen->pairs = calloc((size_t)most + 1, sizeof *seen->pairs);
    status = cosines != NULL && seen->pairs != NULL
                 ? heed_heads_similarity(seen->heads, cosines, err)
                 : heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory to compare %d heads", N);
    for (int i = 0; status == HEED_OK && i < N * N; i++) {
        const heed_cli_head_pair pair = {i / N, i % N, (double)cosines[i]};
        int at = seen->n_pairs;

        if (pair.a >= pair.b || isnan(pair.cosine))
            continue;
        for (; at > 0 && seen->pairs[at - 1].cosine < pair.cosine; at--)
            seen->pairs[at] = seen->pairs[at - 1]; /* there is room for one more than is wanted */
        seen->pairs[at] = pair;
        seen->n_pairs = seen->n_pairs < (int)most ? seen->n_pairs + 1 : (int)most;
    }
    free(cosines);
    return status;
}

static int64_t room(const heed_model *model)
{
    return heed_model_config(model)->context_length / 2;
}

static heed_status look_at(const heed_cli_look *look, const heed_cli_heads_options *own, heed_cli_heads *seen,
                           heed_error *err)
{
    const heed_heads_options options = {.n_largest = (int)own->n_largest, .similarity = own->similar > 0};
    const heed_repeated_options repeated = {.length = own->repeated_tokens > 0 ? own->repeated_tokens : 0,
                                            .seed = (uint64_t)own->seed};
    const bool test = own->repeated_tokens > 0 || (own->repeated_tokens < 0 && room(look->model) > 2);
    heed_status status = heed_heads_look(look->model, look->ids, 1, (int64_t)look->n_ids, &options,
                                         &seen->heads, err);

    if (status == HEED_OK && test)
        status = heed_heads_repeat(look->model, &repeated, &seen->repeated, &seen->test, err);
    if (status == HEED_OK && own->similar > 0)
        status = find_similar(seen, own->similar, err);
    return status;
}

/* --- the view --- */

static heed_status check(const heed_cli_look *look, const void *options, heed_error *err)
{
    const heed_cli_heads_options *own = options;
    const heed_config *config = heed_model_config(look->model);

    if (config->kind != HEED_KIND_GPT || !config->attention || config->n_layers == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE, "this model has no attention to look at");
    if (own->repeated_tokens == 1 || own->repeated_tokens > room(look->model))
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "repeated-tokens: expected 2 to %lld (half of the context), got %lld",
                             (long long)room(look->model), (long long)own->repeated_tokens);
    return HEED_OK;
}

static heed_status show(const heed_cli_look *look, const void *options, heed_error *err)
{
    const heed_cli_heads_options *own = options;
    heed_cli_heads seen = {.heads = NULL};
    heed_status status = look_at(look, own, &seen, err);

    if (status == HEED_OK)
        heed_cli_view_begin(look);
    if (status == HEED_OK && look->json != NULL)
        status = heed_cli_heads_json(look->json, &seen, err);
    else if (status == HEED_OK)
        status = print_text(look, own, &seen, err);
    heed_heads_destroy(seen.heads);
    heed_heads_destroy(seen.repeated);
    free(seen.pairs);
    return status;
}

const heed_cli_view heed_cli_view_heads = {
    .name = "heads",
    .summary = "how each head spreads its attention, and what it looks for",
    .fields = fields,
    .n_fields = (int)(sizeof fields / sizeof fields[0]),
    .options_bytes = sizeof(heed_cli_heads_options),
    .defaults = &defaults,
    .check = check,
    .show = show,
};
