/* SPDX-License-Identifier: MIT */
#include "data/grammar.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

const char *heed_grammar_body(const char *alternative, int *weight)
{
    const char *at = alternative;
    int value = 0;

    while (isdigit((unsigned char)*at))
        value = value * 10 + (*at++ - '0');
    if (at == alternative || *at != ':') {
        *weight = 1;
        return alternative;
    }
    *weight = value;
    return at + 1 + (at[1] == ' ');
}

static int find_rule(const heed_grammar *grammar, const char *name, size_t n)
{
    for (int r = 0; r < grammar->n_rules; r++)
        if (strncmp(grammar->rules[r].name, name, n) == 0 && grammar->rules[r].name[n] == '\0')
            return r;
    return -1;
}

/* he, him, his are forms 1, 2, 3; He is he with a capital. */
static void read_form(const char *name, size_t n, heed_symbol *symbol)
{
    static const char *const names[] = {"he", "him", "his"};

    symbol->form = -1;
    for (int f = 0; f < 3; f++)
        if (strlen(names[f]) == n && tolower((unsigned char)name[0]) == 'h' &&
            strncmp(names[f] + 1, name + 1, n - 1) == 0)
            symbol->form = f + 1;
    symbol->is_capital = name[0] == 'H';
}

heed_symbol heed_grammar_next(const heed_grammar *grammar, const char **at)
{
    const char *begin = *at;
    const bool is_fresh = *begin == '<', is_slot = *begin == '{';
    const bool is_new = is_slot && begin[1] == '+';
    heed_symbol symbol = {.kind = HEED_SYMBOL_TEXT, .begin = begin, .rule = -1};
    size_t n_name = 0;

    if (*begin == '\0' || *begin == '|') {
        symbol.kind = HEED_SYMBOL_END;
        return symbol;
    }
    if (!is_fresh && !is_slot) {
        symbol.n = strcspn(begin, "<{|");
        *at = begin + symbol.n;
        return symbol;
    }
    symbol.kind = is_fresh ? HEED_SYMBOL_FRESH : is_new ? HEED_SYMBOL_REMEMBER : HEED_SYMBOL_AGAIN;
    symbol.begin = begin + 1 + is_new;
    symbol.n = strcspn(symbol.begin, is_fresh ? ">" : "}");
    n_name = strcspn(symbol.begin, ".>}");
    symbol.rule = find_rule(grammar, symbol.begin, n_name);
    if (n_name < symbol.n)
        read_form(symbol.begin + n_name + 1, symbol.n - n_name - 1, &symbol);
    *at = symbol.begin + symbol.n + 1;
    return symbol;
}

const char *heed_grammar_form(const char *word, int form, size_t *n)
{
    for (; form > 0; form--) {
        word = strchr(word, '|');
        if (word == NULL)
            return NULL;
        word++;
    }
    *n = strcspn(word, "|");
    return word;
}

static int total_weight(const heed_rule *rule)
{
    int total = 0, weight = 0;

    for (const char *const *a = rule->alternatives; *a != NULL; a++) {
        heed_grammar_body(*a, &weight);
        total += weight;
    }
    return total;
}

double heed_grammar_probability(const heed_rule *rule, int a)
{
    int weight = 0;

    heed_grammar_body(rule->alternatives[a], &weight);
    return (double)weight / total_weight(rule);
}

/* ---- writing --------------------------------------------------------------------------------------------- */

typedef struct writer {
    const heed_grammar *grammar;
    heed_rng *rng;
    heed_text_buffer *out;
    double log_probability;
    const char *remembered[HEED_GRAMMAR_MAX_RULES];
} writer;

static const char *pick(writer *w, const heed_rule *rule)
{
    const int total = total_weight(rule);
    const char *const *a = rule->alternatives;
    int64_t left = heed_rng_below(w->rng, total);
    int weight = 0;
    const char *body = heed_grammar_body(*a, &weight);

    while (left >= weight) {
        left -= weight;
        body = heed_grammar_body(*++a, &weight);
    }
    w->log_probability += log((double)weight / total);
    return body;
}

static void write_form(writer *w, const heed_symbol *symbol)
{
    size_t n = 0;
    const char *form = heed_grammar_form(w->remembered[symbol->rule], symbol->form, &n);
    char first = 0;

    assert(form != NULL && n > 0);
    first = symbol->is_capital ? (char)toupper((unsigned char)form[0]) : form[0];
    heed_text_append(w->out, &first, 1);
    heed_text_append(w->out, form + 1, n - 1);
}

static void write_alternative(writer *w, const char *at)
{
    for (;;) {
        const heed_symbol symbol = heed_grammar_next(w->grammar, &at);

        assert(symbol.kind <= HEED_SYMBOL_TEXT || symbol.rule >= 0);
        switch (symbol.kind) {
        case HEED_SYMBOL_END:
            return;
        case HEED_SYMBOL_TEXT:
            heed_text_append(w->out, symbol.begin, symbol.n);
            break;
        case HEED_SYMBOL_FRESH:
            write_alternative(w, pick(w, &w->grammar->rules[symbol.rule]));
            break;
        case HEED_SYMBOL_REMEMBER:
            w->remembered[symbol.rule] = pick(w, &w->grammar->rules[symbol.rule]);
            write_form(w, &symbol);
            break;
        case HEED_SYMBOL_AGAIN:
            write_form(w, &symbol);
            break;
        }
    }
}

double heed_grammar_write(const heed_grammar *grammar, heed_rng *rng, heed_text_buffer *out)
{
    writer w = {.grammar = grammar, .rng = rng, .out = out};

    assert(grammar->n_rules <= HEED_GRAMMAR_MAX_RULES);
    write_alternative(&w, pick(&w, &grammar->rules[0]));
    return w.log_probability;
}

/* ---- entropy --------------------------------------------------------------------------------------------- */

typedef struct expectation {
    double nats, characters;
    bool is_known;
} expectation;

static expectation expect_rule(const heed_grammar *grammar, int r, expectation *known);

/* The expected length of one form of the words of a rule. */
static double expect_form(const heed_rule *rule, int form)
{
    double characters = 0.0;

    for (int a = 0; rule->alternatives[a] != NULL; a++) {
        size_t n = 0;
        int weight = 0;
        const char *word = heed_grammar_form(heed_grammar_body(rule->alternatives[a], &weight), form, &n);

        assert(word != NULL);
        (void)word;
        characters += heed_grammar_probability(rule, a) * (double)n;
    }
    return characters;
}

static expectation expect_alternative(const heed_grammar *grammar, const char *at, expectation *known)
{
    expectation sum = {0};

    for (;;) {
        const heed_symbol symbol = heed_grammar_next(grammar, &at);

        if (symbol.kind == HEED_SYMBOL_END)
            return sum;
        if (symbol.kind == HEED_SYMBOL_TEXT) {
            sum.characters += (double)symbol.n;
        } else if (symbol.kind == HEED_SYMBOL_AGAIN) {
            sum.characters += expect_form(&grammar->rules[symbol.rule], symbol.form);
        } else {
            const expectation e = expect_rule(grammar, symbol.rule, known);

            sum.nats += e.nats;
            sum.characters += e.characters;
        }
    }
}

/* Every rule is worked out once; `known` [n_rules] keeps what is. */
static expectation expect_rule(const heed_grammar *grammar, int r, expectation *known)
{
    const heed_rule *rule = &grammar->rules[r];
    expectation sum = {.is_known = true};

    if (known[r].is_known)
        return known[r];
    for (int a = 0; rule->alternatives[a] != NULL; a++) {
        const double p = heed_grammar_probability(rule, a);
        int weight = 0;
        const expectation e = expect_alternative(grammar, heed_grammar_body(rule->alternatives[a], &weight),
                                                 known);

        sum.nats += p * (e.nats - log(p));
        sum.characters += p * e.characters;
    }
    known[r] = sum;
    return sum;
}

void heed_grammar_entropy(const heed_grammar *grammar, double *nats, double *characters)
{
    expectation known[HEED_GRAMMAR_MAX_RULES] = {0};
    const expectation text = expect_rule(grammar, 0, known);

    *nats = text.nats;
    *characters = text.characters;
}
