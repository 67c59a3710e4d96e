/* SPDX-License-Identifier: MIT */
#include "cli/token_out.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void heed_cli_put_token(const heed_model *model, int32_t id, int columns)
{
    char label[HEED_LABEL_BYTES];
    const int used = heed_token_label(model, id, columns, label, sizeof label);

    printf("%s%*s", label, columns > used ? columns - used : 0, "");
}

void heed_cli_json_token(heed_cli_json *json, const heed_model *model, int32_t id)
{
    size_t n = 0;
    const char *piece = heed_model_piece(model, id, &n);

    heed_cli_json_integer(json, "id", id);
    heed_cli_json_bytes(json, "token", piece != NULL ? piece : "", n);
}

/* --- tokens of the line --- */

/* "#12" as an id; false for anything else. */
static bool read_id(const char *text, int64_t *id)
{
    char *end = NULL;

    if (text[0] != '#' || !isdigit((unsigned char)text[1]))
        return false;
    errno = 0;
    *id = strtoll(text + 1, &end, 10);
    return *end == '\0' && errno == 0;
}

/* The first tokens of a text that is several, as "a" "b" ... */
static void list_tokens(const heed_model *model, const int32_t *ids, size_t n, char *out, size_t size)
{
    char label[HEED_LABEL_BYTES];
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n && i < 4 && used < size; i++) {
        heed_token_label(model, ids[i], 12, label, sizeof label);
        used += (size_t)snprintf(out + used, size - used, "%s\"%s\"", i > 0 ? " " : "", label);
    }
    if (n > 4 && used < size)
        snprintf(out + used, size - used, " ...");
}

heed_status heed_cli_find_token(const heed_model *model, const char *option, const char *text, int32_t *id,
                                heed_error *err)
{
    const int64_t vocab_size = heed_model_config(model)->vocab_size;
    char shown[96], tokens[320];
    int32_t *ids = NULL;
    size_t n = 0;
    int64_t number;
    heed_error why = {HEED_OK, ""};
    heed_status status;

    if (read_id(text, &number)) {
        *id = (int32_t)number;
        return number < vocab_size
                   ? HEED_OK
                   : heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected an id from #0 to #%lld, got #%lld",
                                   option, (long long)vocab_size - 1, (long long)number);
    }
    status = heed_model_encode(model, text, strlen(text), &ids, &n, &why);
    if (status != HEED_OK) {
        heed_cli_fail(err, status, "%s: %s", option, why.message);
    } else if (n == 1) {
        *id = ids[0];
    } else {
        list_tokens(model, ids, n, tokens, sizeof tokens);
        status = heed_cli_fail(err, HEED_ERR_USAGE,
                               "%s: expected one token, or an id such as #12; \"%s\" is %zu tokens%s%s", option,
                               heed_cli_quote(shown, sizeof shown, text), n, n > 0 ? ": " : "", tokens);
    }
    free(ids);
    return status;
}

/* --- positions --- */

/* Digits at *text, or `missing` where there are none; *text goes behind them. False: too many. */
static bool read_position(const char **text, int64_t missing, int64_t *position)
{
    char *end = NULL;

    *position = missing;
    if (!isdigit((unsigned char)**text))
        return true;
    errno = 0;
    *position = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0;
}

heed_status heed_cli_read_range(const char *option, const char *text, size_t n_ids, int64_t *first,
                                int64_t *last, heed_error *err)
{
    const int64_t end = (int64_t)n_ids - 1;
    const char *at = text;
    char shown[64];
    bool good;

    *first = 0;
    *last = end;
    if (strcmp(text, "all") == 0)
        return HEED_OK;
    good = *text != '\0' && strcmp(text, "-") != 0 && read_position(&at, 0, first);
    if (good && *at == '-') {
        at++;
        good = read_position(&at, end, last);
    } else {
        *last = *first;
    }
    if (!good || *at != '\0')
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "%s: expected positions such as 3-9, 5, 4- or all, got \"%s\"", option,
                             heed_cli_quote(shown, sizeof shown, text));
    if (*first > *last || *last > end)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected positions from 0 to %lld, got \"%s\"", option,
                             (long long)end, heed_cli_quote(shown, sizeof shown, text));
    return HEED_OK;
}

/* --- hard tokens --- */

#define HARD_BELOW      0.10
#define VERY_HARD_BELOW 0.01

heed_cli_hardness heed_cli_hardness_of(double probability)
{
    return probability >= HARD_BELOW        ? HEED_CLI_EASY
           : probability >= VERY_HARD_BELOW ? HEED_CLI_HARD
                                            : HEED_CLI_VERY_HARD; /* nan too */
}

const char *heed_cli_hardness_legend(void)
{
    return "[..] had a probability below 10 %, [[..]] below 1 %";
}

const char *heed_cli_open_hard(heed_cli_hardness hardness, heed_palette palette)
{
    static const char *const plain[] = {"", "[", "[["};
    static const char *const coloured[] = {"", "\033[33m[", "\033[1;31m[["};

    return palette == HEED_PALETTE_NONE ? plain[hardness] : coloured[hardness];
}

const char *heed_cli_close_hard(heed_cli_hardness hardness, heed_palette palette)
{
    static const char *const plain[] = {"", "]", "]]"};
    static const char *const coloured[] = {"", "]\033[0m", "]]\033[0m"};

    return palette == HEED_PALETTE_NONE ? plain[hardness] : coloured[hardness];
}
