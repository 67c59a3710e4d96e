/* SPDX-License-Identifier: MIT */
/*
 * Masks drawn out as tables of pairs, and the three forms in which such tables are written down.
 *
 *   seen      1 0      blocked   false  true      added   0 -inf      query 0 sees key 0,
 *             1 1                false false              0    0      query 1 sees both
 *
 * Reading makes rows of words; what a word means is said by the form alone, since a lone 0 hides in the first, shows
 * in the other two.
 */
#include <ctype.h>
#include <heed/mask.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text_buffer.h"
#include "kernels/mask.h"
#include "text/position.h"

#define HIDDEN_FROM (-1e9) /* what is added to hide a score, where -inf is not to be had */

/* --- descriptions --- */

static heed_status check_number(const char *name, int64_t value, heed_error *err)
{
    return value >= 0
               ? HEED_OK
               : heed_fail(err, HEED_ERR_USAGE, "%s: expected 0 or more, got %lld", name, (long long)value);
}

heed_status heed_mask_check(const heed_mask *m, int64_t n_query, int64_t n_key, heed_error *err)
{
    heed_status status = check_number("window", m->window, err);

    if (status == HEED_OK)
        status = check_number("stride", m->stride, err);
    if (status == HEED_OK)
        status = check_number("prefix", m->prefix, err);
    if (status != HEED_OK)
        return status;
    if (m->position < -HEED_MASK_MAX_POSITION || m->position > HEED_MASK_MAX_POSITION)
        return heed_fail(err, HEED_ERR_USAGE, "position: expected %lld to %lld, got %lld",
                         -(long long)HEED_MASK_MAX_POSITION, (long long)HEED_MASK_MAX_POSITION,
                         (long long)m->position);
    if ((m->query_documents == NULL) != (m->key_documents == NULL))
        return heed_fail(err, HEED_ERR_USAGE,
                         "documents: expected those of the queries and of the keys, got only one of the two");
    if (m->blocks != NULL && m->block < 1)
        return heed_fail(err, HEED_ERR_USAGE, "block: expected 1 or more, got %lld", (long long)m->block);
    if (m->blocks != NULL && n_query > m->block && m->blocks_stride < (n_key + m->block - 1) / m->block)
        return heed_fail(err, HEED_ERR_USAGE, "blocks_stride: expected %lld or more, got %lld",
                         (long long)((n_key + m->block - 1) / m->block), (long long)m->blocks_stride);
    if (m->pairs != NULL && n_query > 1 && m->pairs_stride < n_key)
        return heed_fail(err, HEED_ERR_USAGE, "pairs_stride: expected %lld or more, got %lld", (long long)n_key,
                         (long long)m->pairs_stride);
    return HEED_OK;
}

static heed_status make_table(int64_t n_query, int64_t n_key, heed_mask_table *table, heed_error *err)
{
    size_t bytes = 0;

    *table = (heed_mask_table){.n_query = n_query, .n_key = n_key};
    if (heed_size_mul((size_t)n_query, (size_t)n_key, &bytes))
        table->pairs = malloc(bytes);
    return table->pairs != NULL ? HEED_OK
                                : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a mask of %lld x %lld",
                                            (long long)n_query, (long long)n_key);
}

heed_status heed_mask_draw(const heed_mask *mask, int64_t n_query, int64_t n_key, heed_mask_table *table,
                           heed_error *err)
{
    heed_status status = HEED_OK;

    *table = (heed_mask_table){0};
    if (n_query < 1 || n_key < 1)
        status = heed_fail(err, HEED_ERR_USAGE, "expected 1 or more queries and keys, got %lld and %lld",
                           (long long)n_query, (long long)n_key);
    if (status == HEED_OK)
        status = heed_mask_check(mask, n_query, n_key, err);
    if (status == HEED_OK)
        status = make_table(n_query, n_key, table, err);
    for (int64_t i = 0; status == HEED_OK && i < n_query; i++) {
        for (int64_t j = 0; j < n_key; j++)
            table->pairs[i * n_key + j] = heed_mask_sees(mask, i, j);
    }
    return status;
}

heed_mask heed_mask_from_table(const heed_mask_table *table)
{
    return (heed_mask){.pairs = table->pairs, .pairs_stride = table->n_key};
}

void heed_mask_table_free(heed_mask_table *table)
{
    free(table->pairs);
    *table = (heed_mask_table){0};
}

/* --- words --- */

/* What a word of n characters says in a form: 1 the pair is seen, 0 it is hidden, -1 it says nothing. */
static int meaning(const char *word, size_t n, heed_mask_form form)
{
    char lower[32], *end;
    double value;

    if (n == 0 || n >= sizeof lower)
        return -1;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)word[i]);
    lower[n] = '\0';
    if (form != HEED_MASK_ADDED && (strcmp(lower, "true") == 0 || strcmp(lower, "false") == 0))
        return (lower[0] == 't') == (form == HEED_MASK_SEEN);
    value = strtod(lower, &end);
    if (end != lower + n)
        return -1;
    if (form == HEED_MASK_ADDED)
        return value == 0.0 ? 1 : value <= HIDDEN_FROM ? 0 : -1;
    if (value != 0.0 && value != 1.0)
        return -1;
    return (value == 1.0) == (form == HEED_MASK_SEEN);
}

static const char *words_of(heed_mask_form form)
{
    return form == HEED_MASK_ADDED ? "0 or -inf" : "1, 0, true or false";
}

/* --- reading --- */

/* c is among these; a zero byte is among none. */
static bool is_one_of(char c, const char *those)
{
    return c != '\0' && strchr(those, c) != NULL;
}

typedef struct reader {
    const char *text;
    size_t n, at;
    heed_mask_form form;
    bool bracketed; /* rows end with their bracket, not with the line */
    int depth;
    uint8_t *pairs; /* as many as the text has bytes */
    int64_t n_pairs, n_rows, n_key;
    int64_t in_row;
    size_t row_at; /* where the row that is being read begins */
} reader;

static heed_status fail_at(const reader *r, size_t at, heed_error *err, const char *what, const char *got)
{
    const heed_text_position place = heed_text_position_of(r->text, at);

    return heed_fail(err, HEED_ERR_USAGE, "mask, line %zu, column %zu: %s%s", place.line, place.column, what,
                     got);
}

static heed_status end_row(reader *r, heed_error *err)
{
    char got[96];

    if (r->in_row == 0)
        return HEED_OK;
    if (r->n_rows == 0)
        r->n_key = r->in_row;
    if (r->in_row != r->n_key) {
        snprintf(got, sizeof got, "expected a row of %lld as the first, got %lld", (long long)r->n_key,
                 (long long)r->in_row);
        return fail_at(r, r->row_at, err, got, "");
    }
    r->n_rows++;
    r->in_row = 0;
    return HEED_OK;
}

static heed_status read_word(reader *r, heed_error *err)
{
    const size_t begin = r->at;
    char shown[64], got[160];
    int seen;

    while (r->at < r->n && !is_one_of(r->text[r->at], " \t\r\n,[]"))
        r->at++;
    seen = meaning(r->text + begin, r->at - begin, r->form);
    if (seen < 0) {
        snprintf(got, sizeof got, "%s, got \"%s\"", words_of(r->form),
                 heed_quote(shown, sizeof shown, r->text + begin, r->at - begin));
        return fail_at(r, begin, err, "expected ", got);
    }
    if (r->bracketed && r->depth == 0)
        return fail_at(r, begin, err, "expected a bracket before the first word of a row", "");
    if (r->in_row == 0)
        r->row_at = begin;
    r->pairs[r->n_pairs++] = (uint8_t)seen;
    r->in_row++;
    return HEED_OK;
}

static heed_status read_bracket(reader *r, heed_error *err)
{
    const char c = r->text[r->at++];
    heed_status status;

    if (c == '[') {
        if (!r->bracketed || r->in_row > 0 || r->depth == 2)
            return fail_at(r, r->at - 1, err, "a bracket opens here that belongs to no row", "");
        r->depth++;
        return HEED_OK;
    }
    status = end_row(r, err);
    if (status == HEED_OK && r->depth-- == 0)
        status = fail_at(r, r->at - 1, err, "a bracket closes here that was never opened", "");
    return status;
}

static heed_status read_rows(reader *r, heed_error *err)
{
    heed_status status = HEED_OK;

    while (r->at < r->n && status == HEED_OK) {
        const char c = r->text[r->at];

        if (c == '[' || c == ']')
            status = read_bracket(r, err);
        else if (c == '\n' && !r->bracketed) {
            r->at++;
            status = end_row(r, err);
        } else if (is_one_of(c, " \t\r\n,"))
            r->at++;
        else
            status = read_word(r, err);
    }
    if (status == HEED_OK && r->depth > 0)
        status = fail_at(r, r->n, err, "the text ends inside of a bracket", "");
    if (status == HEED_OK)
        status = end_row(r, err);
    if (status == HEED_OK && r->n_rows == 0)
        status = heed_fail(err, HEED_ERR_USAGE, "mask: expected rows of %s, got an empty text",
                           words_of(r->form));
    return status;
}

/* Goes inside of tensor([[..]]) and array([[..]], dtype=bool), as PyTorch and NumPy print. */
static void unwrap(reader *r)
{
    size_t begin = strspn(r->text, " \t\r\n"), end = r->n;

    while (end > begin && is_one_of(r->text[end - 1], " \t\r\n"))
        end--;
    if (end == begin || r->text[end - 1] != ')')
        return;
    if (strncmp(r->text + begin, "tensor([", 8) == 0)
        begin += 7;
    else if (strncmp(r->text + begin, "array([", 7) == 0)
        begin += 6;
    else
        return;
    while (r->text[end - 1] != ']' && end > begin + 1)
        end--;
    r->at = begin;
    r->n = end;
}

heed_status heed_mask_read(const char *text, size_t n, heed_mask_form form, heed_mask_table *table,
                           heed_error *err)
{
    reader r = {.n = n, .form = form};
    char *copy = malloc(n + 1); /* ended by a zero, for finding places */
    heed_status status;

    *table = (heed_mask_table){0};
    r.pairs = malloc(n + 1);
    if (copy == NULL || r.pairs == NULL) {
        free(copy);
        free(r.pairs);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to read a mask of %zu bytes", n);
    }
    if (n > 0)
        memcpy(copy, text, n);
    copy[n] = '\0';
    r.text = copy;
    unwrap(&r);
    r.bracketed = copy[r.at + strspn(copy + r.at, " \t\r\n")] == '[';
    status = read_rows(&r, err);
    free(copy);
    if (status != HEED_OK) {
        free(r.pairs);
        return status;
    }
    *table = (heed_mask_table){.n_query = r.n_rows, .n_key = r.n_key, .pairs = r.pairs};
    return HEED_OK;
}

/* --- writing --- */

heed_status heed_mask_write(const heed_mask_table *table, heed_mask_form form, char **out, heed_error *err)
{
    static const char *const words[][2] = {
        [HEED_MASK_SEEN] = {"0", "1"},
        [HEED_MASK_BLOCKED] = {" true", "false"},
        [HEED_MASK_ADDED] = {"-inf", "   0"},
    };
    heed_text_buffer text = {0};

    for (int64_t i = 0; i < table->n_query; i++) {
        for (int64_t j = 0; j < table->n_key; j++) {
            heed_text_puts(&text, words[form][table->pairs[i * table->n_key + j] != 0]);
            heed_text_puts(&text, j + 1 < table->n_key ? " " : "\n");
        }
    }
    *out = NULL;
    if (text.failed || text.data == NULL) {
        heed_text_free(&text);
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to write a mask of %lld x %lld",
                         (long long)table->n_query, (long long)table->n_key);
    }
    *out = text.data;
    return HEED_OK;
}
