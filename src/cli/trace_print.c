/* SPDX-License-Identifier: MIT */
/* One number and where it came from, as text. */
#include "cli/trace_print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

enum {
    FEW_OPERANDS = 12,
    FEW = 12,       /* numbers of an operand that are listed one by one */
    MOST_HOPS = 32, /* views over views */
};

/* --- numbers --- */

const char *heed_cli_trace_value(const heed_trace *trace, heed_trace_element element, float value, char *out)
{
    if (heed_trace_tensor_at(trace, element.tensor).integers && isfinite(value))
        snprintf(out, 32, "%lld", (long long)value);
    else
        snprintf(out, 32, "%.9g", heed_cli_unsigned_nan((double)value));
    return out;
}

/* A token behind what it is the index of, or the value. */
static void put_token(const heed_trace *trace, heed_trace_element element)
{
    const int32_t id = heed_trace_token(trace, element);
    char shown[48], bytes[40];
    size_t n = 0;
    const char *piece = id >= 0 ? heed_model_piece(heed_trace_model(trace), id, &n) : NULL;

    if (piece == NULL)
        return;
    n = n < sizeof bytes - 1 ? n : sizeof bytes - 1;
    memcpy(bytes, piece, n);
    bytes[n] = '\0';
    printf(" (\"%s\")", heed_cli_quote(shown, sizeof shown, bytes));
}

void heed_cli_trace_put_number(const heed_trace *trace, heed_trace_element element)
{
    char address[HEED_TRACE_ADDRESS_BYTES], value[32];

    printf("%s", heed_trace_address(trace, element, address));
    put_token(trace, element);
    printf(" = %s", heed_cli_trace_value(trace, element, heed_trace_value(trace, element), value));
}

/* --- operands --- */

int heed_cli_trace_largest(const heed_trace_operand *o, heed_cli_trace_pick *out, int most)
{
    int n = 0;

    for (int64_t i = 0; i < o->count; i++) {
        const float size = isnan(o->values[i]) ? INFINITY : fabsf(o->values[i]);
        int at = n;
        while (at > 0 && size > (isnan(out[at - 1].value) ? INFINITY : fabsf(out[at - 1].value)))
            at--;
        if (at == most)
            continue;
        n += n < most;
        memmove(out + at + 1, out + at, (size_t)(n - 1 - at) * sizeof *out);
        out[at] = (heed_cli_trace_pick){i, o->values[i]};
    }
    return n;
}

static heed_trace_element element_at(const heed_trace_operand *o, int64_t i)
{
    return (heed_trace_element){o->first.tensor, o->first.element + i * o->step};
}

/* "32 numbers from -1.2 to 0.8", those that are not finite counted apart. */
static void put_spread(const heed_trace_operand *o)
{
    float low = INFINITY, high = -INFINITY;
    int64_t n_odd = 0;

    for (int64_t i = 0; i < o->count; i++) {
        if (!isfinite(o->values[i])) {
            n_odd++;
            continue;
        }
        low = o->values[i] < low ? o->values[i] : low;
        high = o->values[i] > high ? o->values[i] : high;
    }
    printf("%lld numbers", (long long)o->count);
    if (n_odd < o->count)
        printf(" from %.6g to %.6g", (double)low, (double)high);
    if (n_odd > 0)
        printf(", %lld not finite", (long long)n_odd);
}

static void put_operand(const heed_trace *trace, const heed_trace_operand *o, int width, bool all)
{
    char range[HEED_TRACE_ADDRESS_BYTES], value[32];

    printf("%-*s  ", width, o->role);
    if (o->count == 1) {
        heed_cli_trace_put_number(trace, o->first);
        putchar('\n');
        return;
    }
    printf("%s  ", heed_trace_range(trace, o, range));
    if (o->count <= FEW) {
        for (int64_t i = 0; i < o->count; i++)
            printf("%s%s", i > 0 ? ", " : "", heed_cli_trace_value(trace, o->first, o->values[i], value));
    } else {
        put_spread(o);
    }
    putchar('\n');
    for (int64_t i = 0; all && o->count > FEW && i < o->count; i++) {
        printf("        %*s  ", width, "");
        heed_cli_trace_put_number(trace, element_at(o, i));
        putchar('\n');
    }
}

static void put_operands(const heed_trace *trace, const heed_trace_explanation *e, bool all)
{
    const int shown = all || e->n_operands <= FEW_OPERANDS ? e->n_operands : FEW_OPERANDS;
    int width = 0;
    int64_t left_out = 0;

    for (int i = 0; i < shown; i++)
        width = (int)strlen(e->operands[i].role) > width ? (int)strlen(e->operands[i].role) : width;
    for (int i = 0; i < shown; i++) {
        printf("%-8s", i == 0 ? "from" : "");
        put_operand(trace, &e->operands[i], width, all);
    }
    for (int i = shown; i < e->n_operands; i++)
        left_out += e->operands[i].count;
    if (shown < e->n_operands)
        printf("        and %d further ranges of %lld numbers: --all\n", e->n_operands - shown,
               (long long)left_out);
}

/* --- the explanation --- */

static unsigned bits_of(float x)
{
    unsigned bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static heed_status put_fast(const heed_trace *trace, const heed_trace_explanation *e, heed_error *err)
{
    const float fast = heed_trace_fast_value(trace, e->element);
    float again = 0.0f;
    const heed_status status = heed_trace_fast_recomputed(trace, e->element, &again, err);

    if (status != HEED_OK || isnan(fast) || e->op == NULL)
        return status;
    printf("fast    %.9g on %s, %.2g away; its own operands make %.9g, %.2g away\n", (double)fast,
           heed_trace_fast_device(trace), fabs((double)fast - (double)e->value), (double)again,
           fabs((double)again - (double)fast));
    return HEED_OK;
}

static void put_odd(const heed_trace *trace, const heed_trace_explanation *e)
{
    heed_trace_element first;

    if (isfinite(e->value))
        return;
    if (!heed_trace_first_not_finite(trace, &first)) {
        printf("masked  this pair is not to be seen, and nothing else in this run is not finite\n");
        return;
    }
    printf("first   not finite in this run: ");
    heed_cli_trace_put_number(trace, first);
    putchar('\n');
}

/* "by      op: formula", broken at blanks. */
static void put_formula(const char *op, const char *formula)
{
    const int columns = heed_cli_columns(stdout);
    int at = printf("by      %s:", op);

    while (*formula != '\0') {
        const int n = (int)strcspn(formula, " ");
        if (at > 8 && at + 1 + n > columns)
            at = printf("\n        ") - 1;
        else
            at += printf(" ");
        at += printf("%.*s", n, formula);
        formula += n + (formula[n] == ' ');
    }
    putchar('\n');
}

static heed_status put_computed(const heed_trace *trace, const heed_trace_explanation *e, bool all,
                                heed_error *err)
{
    put_formula(e->op, e->formula);
    put_operands(trace, e, all);
    heed_cli_trace_put_lines(e, all);
    printf("again   %.9g from these numbers alone: %s (0x%08x)\n", heed_cli_unsigned_nan((double)e->recomputed),
           e->same_bits ? "the same bits" : "NOT the same bits", bits_of(e->recomputed));
    put_odd(trace, e);
    return put_fast(trace, e, err);
}

/* Through views, and from one part of a step to an earlier one: to the number that was computed or given. */
static heed_status follow(const heed_trace *trace, heed_trace_explanation **e, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int hop = 0; hop < MOST_HOPS && ((*e)->is_view || (*e)->is_taken); hop++) {
        const heed_trace_element next = (*e)->is_view ? (*e)->operands[0].first : (*e)->from;
        if ((*e)->is_view)
            printf("view    %s: %s, so it is\n", (*e)->op, (*e)->formula);
        else
            printf("taken   from an earlier part of the step, so it is\n");
        heed_trace_explanation_free(*e);
        status = heed_trace_explain(trace, next, e, err);
        if (status != HEED_OK)
            return status;
        printf("number  ");
        heed_cli_trace_put_number(trace, next);
        putchar('\n');
    }
    return HEED_OK;
}

/* Another name of it, an index that counts from the end or was left out: what was asked beside what it is. */
static void put_asked(const heed_trace *trace, const char *asked, heed_trace_element element)
{
    char address[HEED_TRACE_ADDRESS_BYTES], shown[HEED_TRACE_ADDRESS_BYTES];

    if (strcmp(asked, heed_trace_address(trace, element, address)) != 0)
        printf("asked   %s, which is\n", heed_cli_quote(shown, sizeof shown, asked));
}

int64_t heed_cli_trace_depth(const heed_cli_trace_options *o, bool up)
{
    return o->depth > 0 ? o->depth : up ? 1 : 2;
}

heed_status heed_cli_trace_print(const heed_trace *trace, const char *asked, heed_trace_element element,
                                 const heed_cli_trace_options *o, heed_error *err)
{
    heed_trace_explanation *e = NULL;
    heed_status status = heed_trace_explain(trace, element, &e, err);

    if (status != HEED_OK)
        return status;
    put_asked(trace, asked, element);
    printf("number  ");
    heed_cli_trace_put_number(trace, element);
    putchar('\n');
    status = follow(trace, &e, err);
    if (status == HEED_OK && e->op != NULL)
        status = put_computed(trace, e, o->all, err);
    else if (status == HEED_OK)
        printf("given   %s\n", e->given);
    heed_trace_explanation_free(e);
    if (status == HEED_OK && o->down) {
        printf("made of\n");
        status = heed_cli_trace_down(trace, element, heed_cli_trace_depth(o, false), o->all, err);
    }
    if (status == HEED_OK && o->up) {
        printf("read by\n");
        status = heed_cli_trace_up(trace, element, heed_cli_trace_depth(o, true), err);
    }
    return status;
}
