/* SPDX-License-Identifier: MIT */
/*
 * The built-in stories: what their entropy is said to be, it is.
 *
 * The entropy of the picks is computed from the rules; that it is the entropy of the text needs that a text tells its
 * picks. This is proved here for all texts, by comparing the rules, and checked on samples, by parsing.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/stories.h"

/* ---- a text tells its picks: proof ------------------------------------------------------------------------- */

/* What is still to be written: the rest of an alternative, then the rest of those it stands in. */
typedef struct rest {
    const char *at;
    const struct rest *then;
} rest;

static const char *body_of(const char *alternative)
{
    int weight = 0;

    return heed_grammar_body(alternative, &weight);
}

static bool may_overlap(const heed_grammar *g, const rest *a, const rest *b);

/* Tries every text of the rule at the head of x (past which x_rest stands) against y. */
static bool any_expansion(const heed_grammar *g, heed_symbol symbol, const rest *x_rest, const rest *y)
{
    const heed_rule *rule = &g->rules[symbol.rule];

    for (int i = 0; rule->alternatives[i] != NULL; i++) {
        char word[32] = {0};
        rest head = {.at = body_of(rule->alternatives[i]), .then = x_rest};

        if (symbol.form > 0) {
            size_t n = 0;
            const char *form = heed_grammar_form(head.at, symbol.form, &n);

            assert_non_null(form);
            assert_true(n < sizeof word);
            memcpy(word, form, n);
            if (symbol.is_capital)
                word[0] = (char)(word[0] - 'a' + 'A');
            head.at = word;
        }
        if (may_overlap(g, &head, y))
            return true;
    }
    return false;
}

/*
 * True when some text of a begins some text of b or the other way round. A remembered word is taken as any word of
 * its list, so more texts are compared than can be written: "false" is a proof. Where both go on with the same rule
 * it is enough to compare what comes after, as the rule's own alternatives do not overlap.
 */
static bool may_overlap(const heed_grammar *g, const rest *a, const rest *b)
{
    rest x = *a, y = *b;

    for (;;) {
        const char *x_next = x.at, *y_next = y.at;
        const heed_symbol s = heed_grammar_next(g, &x_next), t = heed_grammar_next(g, &y_next);
        const rest x_rest = {.at = x_next, .then = x.then}, y_rest = {.at = y_next, .then = y.then};

        if (s.kind == HEED_SYMBOL_END && x.then != NULL)
            x = *x.then;
        else if (t.kind == HEED_SYMBOL_END && y.then != NULL)
            y = *y.then;
        else if (s.kind == HEED_SYMBOL_END || t.kind == HEED_SYMBOL_END)
            return true;
        else if (s.rule >= 0 && s.rule == t.rule && s.form == 0 && t.form == 0)
            x = x_rest, y = y_rest;
        else if (s.rule >= 0)
            return any_expansion(g, s, &x_rest, &y);
        else if (t.rule >= 0)
            return any_expansion(g, t, &y_rest, &x);
        else if (*x.at != *y.at)
            return false;
        else
            x.at++, y.at++;
    }
}

/* The first two alternatives of a rule that overlap, as "rule: one / other", or NULL. */
static const char *find_overlap(const heed_grammar *g, char *out, size_t size)
{
    for (int r = 0; r < g->n_rules; r++)
        for (int i = 0; g->rules[r].alternatives[i] != NULL; i++)
            for (int j = 0; j < i; j++) {
                const rest a = {.at = body_of(g->rules[r].alternatives[i])};
                const rest b = {.at = body_of(g->rules[r].alternatives[j])};

                if (!may_overlap(g, &a, &b))
                    continue;
                snprintf(out, size, "%s: \"%s\" / \"%s\"", g->rules[r].name, a.at, b.at);
                return out;
            }
    return NULL;
}

static void no_alternative_begins_another(void **state)
{
    char pair[600];

    (void)state;
    if (find_overlap(&heed_stories_grammar, pair, sizeof pair) != NULL)
        fail_msg("two ways to write one text: %s", pair);
}

static void overlaps_of_rules_are_found(void **state)
{
    static const char *const bad_words[] = {"bell", "book", "bellows", NULL};
    static const char *const good_words[] = {"Ann|she|her|her", "Bob|he|him|his", NULL};
    static const char *const direct[] = {"<words> x", NULL};
    static const char *const hidden[] = {"{+words} said <words>.", "Ann said Bo<tail>", NULL};
    static const char *const forms[] = {"{+words}: {words.He} sat.", "Bob: She sat", NULL};
    static const char *const tail[] = {"b.", "x", NULL};
    static const heed_rule bad_rules[] = {{"direct", direct}, {"words", bad_words}};
    static const heed_rule hidden_rules[] = {{"hidden", hidden}, {"words", good_words}, {"tail", tail}};
    static const heed_rule form_rules[] = {{"forms", forms}, {"words", good_words}};
    char pair[600];

    (void)state;
    assert_non_null(find_overlap(&(heed_grammar){bad_rules, 2}, pair, sizeof pair));
    assert_string_equal(pair, "words: \"bellows\" / \"bell\"");
    assert_non_null(find_overlap(&(heed_grammar){hidden_rules, 3}, pair, sizeof pair));
    assert_non_null(find_overlap(&(heed_grammar){form_rules, 2}, pair, sizeof pair));
}

/* ---- a text tells its picks: samples ----------------------------------------------------------------------- */

typedef struct parser {
    const heed_grammar *grammar;
    const char *remembered[HEED_GRAMMAR_MAX_RULES];
    double log_probability;
} parser;

static const char *parse_rule(parser *p, int r, bool remember, const char *text);

/* Past the text that the alternative writes at `text`, or NULL where it cannot have. */
static const char *parse_alternative(parser *p, const char *at, const char *text)
{
    while (text != NULL) {
        const heed_symbol s = heed_grammar_next(p->grammar, &at);

        if (s.kind == HEED_SYMBOL_END)
            return text;
        if (s.kind == HEED_SYMBOL_TEXT) {
            text = strncmp(text, s.begin, s.n) == 0 ? text + s.n : NULL;
        } else if (s.kind == HEED_SYMBOL_AGAIN) {
            size_t n = 0;
            const char *word = p->remembered[s.rule];
            const char *form = word != NULL ? heed_grammar_form(word, s.form, &n) : NULL;

            if (form == NULL)
                fail_msg("rule %s is used again before it is remembered", p->grammar->rules[s.rule].name);
            if (s.is_capital)
                text = *text == *form - 'a' + 'A' && strncmp(text + 1, form + 1, n - 1) == 0 ? text + n : NULL;
            else
                text = strncmp(text, form, n) == 0 ? text + n : NULL;
        } else {
            text = parse_rule(p, s.rule, s.kind == HEED_SYMBOL_REMEMBER, text);
        }
    }
    return NULL;
}

static const char *parse_rule(parser *p, int r, bool remember, const char *text)
{
    const heed_rule *rule = &p->grammar->rules[r];
    const parser before = *p;
    parser after = *p;
    const char *end = NULL;

    for (int i = 0; rule->alternatives[i] != NULL; i++) {
        const char *body = body_of(rule->alternatives[i]);
        const char *reached = NULL;

        *p = before;
        reached = parse_alternative(p, body, text);
        if (reached == NULL)
            continue;
        if (end != NULL)
            fail_msg("rule %s: two alternatives write \"%.60s\"", rule->name, text);
        end = reached;
        p->log_probability += log(heed_grammar_probability(rule, i));
        if (remember)
            p->remembered[r] = body;
        after = *p;
    }
    *p = after;
    return end;
}

static void parsing_a_story_finds_its_probability(void **state)
{
    heed_rng rng = heed_rng_make(11, HEED_STREAM_CORPUS);

    (void)state;
    for (int i = 0; i < 300; i++) {
        heed_text_buffer text = {0};
        const double written = heed_grammar_write(&heed_stories_grammar, &rng, &text);
        parser p = {.grammar = &heed_stories_grammar};
        const char *end = parse_rule(&p, 0, false, text.data);

        assert_non_null(end);
        assert_ptr_equal(end, text.data + text.size);
        assert_true(strstr(text.data, "\n\n") == text.data + text.size - 2);
        /* some 60 logarithms of size 5 summed in another order: errors of 1e-13 */
        if (fabs(written - p.log_probability) > 1e-9)
            fail_msg("story %d: written with log p = %.12f, read with %.12f", i, written, p.log_probability);
        heed_text_free(&text);
    }
}

/* ---- the entropy is right ---------------------------------------------------------------------------------- */

/* H = log 4 - 3/4 log 3 + 1/4 log 2 + 3/4 log 2; L = 1/4 (2 + 1) + 3/4 (1.5 + 1 + 2.5 + 1). */
static void the_entropy_of_a_small_grammar_is_that_of_pencil_and_paper(void **state)
{
    static const char *const start[] = {"a <x>", "3: {+y} {y.he}!", NULL};
    static const char *const x[] = {"1", "2", NULL};
    static const char *const y[] = {"B|he", "An|she", NULL};
    static const heed_rule rules[] = {{"start", start}, {"x", x}, {"y", y}};
    double nats = 0.0, characters = 0.0;

    (void)state;
    heed_grammar_entropy(&(heed_grammar){rules, 3}, &nats, &characters);
    assert_true(fabs(nats - (log(4.0) - 0.75 * log(3.0) + log(2.0))) < 1e-12);
    assert_true(fabs(characters - (0.25 * 3.0 + 0.75 * 6.0)) < 1e-12);
}

/* The share h / l of sampled stories against the exact rate; the deviation of a ratio by its residuals h - r l. */
static void sampled_stories_approach_the_exact_entropy(void **state)
{
    const heed_stories_floor floor = heed_stories_entropy();
    heed_rng rng = heed_rng_make(5, HEED_STREAM_CORPUS);
    heed_text_buffer text = {0};
    const int n = 4000;
    double h_sum = 0.0, l_sum = 0.0, residuals = 0.0, error = 0.0, rate = 0.0;

    (void)state;
    for (int i = 0; i < n; i++) {
        const size_t before = text.size;
        const double h = -heed_grammar_write(&heed_stories_grammar, &rng, &text);
        const double l = (double)(text.size - before);
        const double residual = h - floor.nats_per_character * l;

        h_sum += h;
        l_sum += l;
        residuals += residual * residual;
    }
    rate = h_sum / l_sum;
    error = sqrt(residuals) / l_sum; /* one standard deviation of rate */
    if (fabs(rate - floor.nats_per_character) > 4.0 * error)
        fail_msg("expected %.6f nats a character, sampled %.6f +- %.6f (seed 5)", floor.nats_per_character,
                 rate, error);
    assert_true(error < 0.003 * floor.nats_per_character); /* or the test would say little */
    /* the mean length: its deviation is that of one story, below 300, over sqrt(4000) */
    assert_true(fabs(l_sum / n - floor.characters_per_story) < 4.0 * 300.0 / sqrt(n));
    assert_true(fabs(floor.nats_per_character * floor.characters_per_story - floor.nats_per_story) < 1e-9);
    heed_text_free(&text);
}

/* Cross-entropy of the last tenth under counts of `order` characters in the first nine, in nats a character. */
static double counted_model(const char *text, size_t n, int order)
{
    enum { V = 128 };
    const size_t contexts = order == 3 ? V * V : 1, cut = n / 10 * 9;
    double *counts = calloc(contexts * V, sizeof *counts), *totals = calloc(contexts, sizeof *totals);
    double nats = 0.0;

    assert_non_null(counts);
    assert_non_null(totals);
    for (size_t i = 2; i < n; i++) {
        const size_t context = order == 3 ? (size_t)text[i - 2] * V + (size_t)text[i - 1] : 0;

        if (i < cut) {
            counts[context * V + (size_t)text[i]] += 1.0;
            totals[context] += 1.0;
        } else {
            nats -= log((counts[context * V + (size_t)text[i]] + 0.02) / (totals[context] + 0.02 * V));
        }
    }
    free(counts);
    free(totals);
    return nats / (double)(n - cut);
}

static void a_counted_model_stays_above_the_floor(void **state)
{
    const double floor = heed_stories_entropy().nats_per_character;
    heed_text_buffer text = {0};
    double one = 0.0, three = 0.0;

    (void)state;
    assert_int_equal(heed_stories_generate(1, 1000000, &text, NULL, NULL), HEED_OK);
    one = counted_model(text.data, text.size, 1);
    three = counted_model(text.data, text.size, 3);
    if (!(floor < three && three < one))
        fail_msg("expected floor %.3f < trigrams %.3f < single characters %.3f", floor, three, one);
    heed_text_free(&text);
}

/* ---- the corpus -------------------------------------------------------------------------------------------- */

static void a_seed_gives_one_corpus_and_a_longer_one_begins_with_it(void **state)
{
    heed_text_buffer a = {0}, b = {0}, c = {0};
    double p = 0.0, q = 0.0;

    (void)state;
    assert_int_equal(heed_stories_generate(7, 5000, &a, &p, NULL), HEED_OK);
    assert_int_equal(heed_stories_generate(7, 9000, &b, &q, NULL), HEED_OK);
    assert_int_equal(heed_stories_generate(8, 5000, &c, NULL, NULL), HEED_OK);
    assert_true(a.size >= 5000 && a.size < 8000 && b.size > a.size);
    assert_memory_equal(a.data, b.data, a.size);
    assert_true(q < p && p < 0.0);
    assert_true(memcmp(a.data, c.data, 5000) != 0);
    assert_string_equal(a.data + a.size - 2, "\n\n");
    heed_text_free(&a);
    heed_text_free(&b);
    heed_text_free(&c);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void stories_of_a_megabyte_are_all_different(void **state)
{
    heed_text_buffer text = {0};
    const char **stories = calloc(4000, sizeof *stories);
    size_t n = 0;

    (void)state;
    assert_int_equal(heed_stories_generate(3, 1000000, &text, NULL, NULL), HEED_OK);
    for (char *at = text.data; *at != '\0' && n < 4000;) {
        char *end = strstr(at, "\n\n");

        assert_non_null(end);
        *end = '\0';
        stories[n++] = at;
        at = end + 2;
    }
    assert_true(n > 1000 && n < 4000);
    qsort(stories, n, sizeof *stories, compare_texts);
    for (size_t i = 1; i < n; i++)
        assert_string_not_equal(stories[i - 1], stories[i]);
    free(stories);
    heed_text_free(&text);
}

static void stories_use_few_characters_and_all_of_them_soon(void **state)
{
    heed_text_buffer text = {0};
    size_t count[256] = {0}, soon[256] = {0};
    int n = 0;

    (void)state;
    assert_int_equal(heed_stories_generate(4, 2000000, &text, NULL, NULL), HEED_OK);
    for (size_t i = 0; i < text.size; i++) {
        count[(unsigned char)text.data[i]]++;
        soon[(unsigned char)text.data[i]] += i < 200000;
    }
    for (int c = 0; c < 256; c++) {
        n += count[c] > 0;
        /* so that any corpus of 200 kB has the same vocabulary */
        assert_true((count[c] > 0) == (soon[c] > 0));
        assert_true(count[c] == 0 || c == '\n' || (c >= ' ' && c < 127));
    }
    assert_in_range(n, 30, 60);
    heed_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_alternative_begins_another),
        cmocka_unit_test(overlaps_of_rules_are_found),
        cmocka_unit_test(parsing_a_story_finds_its_probability),
        cmocka_unit_test(the_entropy_of_a_small_grammar_is_that_of_pencil_and_paper),
        cmocka_unit_test(sampled_stories_approach_the_exact_entropy),
        cmocka_unit_test(a_counted_model_stays_above_the_floor),
        cmocka_unit_test(a_seed_gives_one_corpus_and_a_longer_one_begins_with_it),
        cmocka_unit_test(stories_of_a_megabyte_are_all_different),
        cmocka_unit_test(stories_use_few_characters_and_all_of_them_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
