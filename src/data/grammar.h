/* SPDX-License-Identifier: MIT */
/*
 * Probabilistic grammars that write text, and their exact entropy.
 *
 * A rule is a name and a list of alternatives; a text is made by picking one and writing it out. In an alternative
 *
 *     <rule>        writes a fresh alternative of the rule
 *     {+rule}       the same, and remembers it until the end of the text
 *     {rule}        writes the remembered one again
 *     {rule.form}   writes another form of it: he, him, his, He, Him or His
 *     3: at its start makes the alternative three times as likely as one without a number
 *
 * A remembered rule is a list of plain words; its forms follow the word as "Pip|he|him|his". Nothing that is picked
 * depends on what was picked before, so the entropy of a text is the sum of the entropies of its picks, and both it
 * and the length follow exactly from the rules:
 *
 *     H(rule) = -sum_a p_a log p_a + sum_a p_a sum over the <rule> and {+rule} in a of H
 *     L(rule) =                      sum_a p_a (letters of a + sum over all its references of L)
 *
 * A rule never reaches itself, so the sums end. H is the entropy of the text itself, and not only of the picks, where
 * distinct picks write distinct texts. That holds when no text of one alternative of a rule begins a text of another:
 * then a reader from left to right can tell each pick. The tests prove it for the grammar of the stories.
 */
#ifndef HEED_DATA_GRAMMAR_H
#define HEED_DATA_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"
#include "base/text_buffer.h"

#define HEED_GRAMMAR_MAX_RULES 128

typedef struct heed_rule {
    const char *name;
    const char *const *alternatives; /* ended by NULL */
} heed_rule;

typedef struct heed_grammar {
    const heed_rule *rules; /* the first is where a text starts */
    int n_rules;            /* at most HEED_GRAMMAR_MAX_RULES */
} heed_grammar;

/* One piece of an alternative. */
typedef enum heed_symbol_kind {
    HEED_SYMBOL_END,
    HEED_SYMBOL_TEXT,     /* letters, begin .. begin + n - 1 */
    HEED_SYMBOL_FRESH,    /* <rule> */
    HEED_SYMBOL_REMEMBER, /* {+rule} */
    HEED_SYMBOL_AGAIN,    /* {rule} or {rule.form} */
} heed_symbol_kind;

typedef struct heed_symbol {
    heed_symbol_kind kind;
    const char *begin;
    size_t n;
    int rule;        /* index, or -1 where the name is unknown */
    int form;        /* 0 is the word itself */
    bool is_capital; /* first letter of the form in upper case */
} heed_symbol;

/** The alternative without its weight, and the weight (1 where there is none). */
const char *heed_grammar_body(const char *alternative, int *weight);
/** The piece at *at, which moves past it. Pieces of {+rule} and words end before a "|". */
heed_symbol heed_grammar_next(const heed_grammar *grammar, const char **at);
/** Form `form` of a word such as "Pip|he|him|his", n letters; NULL when it has none. */
const char *heed_grammar_form(const char *word, int form, size_t *n);
/** The probability of alternative a of the rule. */
double heed_grammar_probability(const heed_rule *rule, int a);

/** Appends one text and returns its log probability in nats. */
double heed_grammar_write(const heed_grammar *grammar, heed_rng *rng, heed_text_buffer *out);

/** Expected entropy in nats and expected length in characters of one text, exactly (up to rounding). */
void heed_grammar_entropy(const heed_grammar *grammar, double *nats, double *characters);

#endif
