/* SPDX-License-Identifier: MIT */
/* Texts to tokens: where they come from, and the forms in which they are shown. */
#include <stdio.h>
#include <string.h>

#include "cli/input.h"
#include "cli/json_out.h"
#include "cli/out_file.h"
#include "cli/output.h"
#include "cli/tokenize.h"

/* One run: what has been shown so far. */
typedef struct printing {
    const heed_cli_tokenizing *t;
    heed_id_sink *show;
    heed_cli_json json;
    heed_cli_out out;
    bool colours;
    bool gone;                /* nobody reads standard output any more */
    int64_t n_tokens;         /* of the text at hand */
    int64_t n_all, bytes_all; /* of all texts */
} printing;

/* When standard output cannot take more, the rest need not be computed; the end of the program says why. */
static heed_status after_printing(printing *p, heed_error *err)
{
    if (heed_cli_flush())
        return HEED_OK;
    p->gone = true;
    return heed_cli_fail(err, HEED_ERR_FILE, "standard output cannot be written");
}

/* --- the forms --- */

/* The digits of id, and how many there are. */
static size_t put_digits(char out[12], int32_t id)
{
    char digits[12];
    size_t n = 0, used = 0;

    do
        digits[n++] = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    while (n > 0)
        out[used++] = digits[--n];
    return used;
}

/* "15496 11 995": a line a text. */
static heed_status show_ids(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    printing *p = context;
    char line[4096];
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        if (p->n_tokens++ > 0)
            line[used++] = ' ';
        used += put_digits(line + used, ids[i]);
        if (used + 16 > sizeof line || i + 1 == n) {
            fwrite(line, 1, used, stdout);
            used = 0;
        }
    }
    return after_printing(p, err);
}

/* A token's text with everything visible: "\n" for a newline, \xE2 for a byte that is no character by itself. */
static void put_visible(const char *text, size_t n, bool quoted)
{
    static const char named[] = "\n\t\r\\\"", letters[] = "ntr\\\"";
    unsigned code = 0;

    for (size_t i = 0; i < n;) {
        const int size = heed_cli_utf8(text + i, n - i, &code);
        const char *name = memchr(named, text[i], quoted ? 5 : 3);
        const size_t taken = size > 0 ? (size_t)size : 1;

        if (name != NULL)
            printf("\\%c", letters[name - named]);
        else
            heed_cli_put_safe(stdout, text + i, taken);
        i += taken;
    }
}

/* A line a token: its id and its text. */
static heed_status show_list(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    printing *p = context;

    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *piece = heed_tokenizer_piece(p->t->tokenizer, ids[i], &length);

        printf("%8d  \"", (int)ids[i]);
        put_visible(piece, length, true);
        puts("\"");
    }
    p->n_tokens += (int64_t)n;
    return after_printing(p, err);
}

/* The text itself, its tokens in two colours that take turns. Lines end where the text's do. */
static heed_status show_colours(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    static const char *const colours[] = {"\033[30;46m", "\033[30;43m"};
    printing *p = context;

    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *piece = heed_tokenizer_piece(p->t->tokenizer, ids[i], &length);

        fputs(colours[p->n_tokens++ % 2], stdout);
        for (size_t at = 0; at < length;) {
            const char *end = memchr(piece + at, '\n', length - at);
            const size_t next = end != NULL ? (size_t)(end - piece) + 1 : length;

            put_visible(piece + at, next - at, false);
            if (end != NULL)
                printf("\033[0m\n%s", next < length ? colours[(p->n_tokens - 1) % 2] : "");
            at = next;
        }
        fputs("\033[0m", stdout);
    }
    return after_printing(p, err);
}

static heed_status show_json(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    printing *p = context;

    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        const char *piece = heed_tokenizer_piece(p->t->tokenizer, ids[i], &length);

        if (!p->t->own->pieces) {
            heed_cli_json_integer(&p->json, NULL, ids[i]);
            continue;
        }
        heed_cli_json_open(&p->json, NULL, '{');
        heed_cli_json_integer(&p->json, "id", ids[i]);
        heed_cli_json_bytes(&p->json, "piece", piece, length);
        heed_cli_json_close(&p->json, '}');
    }
    p->n_tokens += (int64_t)n;
    return after_printing(p, err);
}

static heed_status count_only(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    printing *p = context;

    (void)ids;
    (void)err;
    p->n_tokens += (int64_t)n;
    return HEED_OK;
}

static heed_status write_raw(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    printing *p = context;
    unsigned char bytes[4096];
    heed_status status = HEED_OK;

    for (size_t i = 0, used = 0; i < n && status == HEED_OK; i++) {
        for (int k = 0; k < 4; k++)
            bytes[used++] = (unsigned char)((uint32_t)ids[i] >> 8 * k);
        if (used == sizeof bytes || i + 1 == n) {
            status = heed_cli_out_put(&p->out, bytes, used, err);
            used = 0;
        }
    }
    p->n_tokens += (int64_t)n;
    return status;
}

/* --- around the tokens of a text --- */

static void begin_text(printing *p, const heed_cli_input *in)
{
    const heed_cli_tokenize_options *own = p->t->own;

    p->n_tokens = 0;
    if (!own->json)
        return;
    heed_cli_json_open(&p->json, NULL, '{');
    heed_cli_json_text(&p->json, "name", in->name);
    if (!own->count)
        heed_cli_json_open(&p->json, own->pieces ? "tokens" : "ids", '[');
}

static void print_count(FILE *out, int64_t n_tokens, int64_t n_bytes, const char *name)
{
    char tokens[32], bytes[32], shown[256];

    fprintf(out, "%14s tokens %14s bytes", heed_cli_grouped(tokens, (double)n_tokens),
            heed_cli_grouped(bytes, (double)n_bytes));
    if (n_tokens > 0)
        fprintf(out, "  %6.3f bytes a token", (double)n_bytes / (double)n_tokens);
    fprintf(out, "  %s\n", heed_cli_quote(shown, sizeof shown, name));
}

static void end_text(printing *p, const heed_cli_input *in)
{
    const heed_cli_tokenize_options *own = p->t->own;

    p->n_all += p->n_tokens;
    p->bytes_all += in->n_bytes;
    if (own->json) {
        if (!own->count)
            heed_cli_json_close(&p->json, ']');
        heed_cli_json_integer(&p->json, "n_tokens", p->n_tokens);
        heed_cli_json_integer(&p->json, "n_bytes", in->n_bytes);
        heed_cli_json_close(&p->json, '}');
    } else if (own->count) {
        print_count(stdout, p->n_tokens, in->n_bytes, in->name);
    } else if (own->out == NULL && (!own->pieces || p->colours)) {
        putchar('\n');
    }
}

/* A text that the vocabulary does not cover is a wrong file where it came from one. */
static heed_status blame(const heed_cli_input *in, heed_status status, heed_error *err)
{
    const heed_error was = *err;

    if (in->fd < 0 || strncmp(was.message, in->name, strlen(in->name)) == 0)
        return status;
    return heed_cli_fail(err, status == HEED_ERR_USAGE ? HEED_ERR_FILE : status, "%.200s: %.290s", in->name,
                         was.message);
}

static heed_status tokenize_one(printing *p, heed_cli_input *in, heed_error *err)
{
    const heed_cli_tokenize_options *own = p->t->own;
    const heed_encode_options options = {
        .special = own->special, .complete = own->complete, .threads = (int)own->threads};
    heed_status status;

    begin_text(p, in);
    status = heed_tokenizer_stream(p->t->tokenizer, &options, heed_cli_input_read, in, p->show, p, err);
    if (status != HEED_OK)
        return p->gone ? status : blame(in, status, err);
    end_text(p, in);
    return HEED_OK;
}

static heed_status tokenize_all(printing *p, heed_error *err)
{
    const heed_cli_tokenizing *t = p->t;
    const char *const standard[] = {"-"};
    const char *const *files = t->n_files > 0 ? t->files : standard;
    heed_cli_input in = {0};
    heed_status status = HEED_OK;

    if (t->own->text != NULL) {
        in = heed_cli_input_text(t->own->text, strlen(t->own->text));
        return tokenize_one(p, &in, err);
    }
    for (int i = 0; i < (t->n_files > 0 ? t->n_files : 1) && status == HEED_OK; i++) {
        status = heed_cli_input_open(&in, files[i], err);
        if (status == HEED_OK)
            status = tokenize_one(p, &in, err);
        heed_cli_input_close(&in);
    }
    return status;
}

/* --- the whole --- */

static heed_id_sink *form_of(const heed_cli_tokenize_options *own, bool colours)
{
    if (own->out != NULL)
        return write_raw;
    if (own->count)
        return count_only;
    if (own->json)
        return show_json;
    if (own->pieces)
        return colours ? show_colours : show_list;
    return show_ids;
}

static void begin_json(printing *p)
{
    heed_cli_json_open(&p->json, NULL, '{');
    heed_cli_json_text(&p->json, "tokenizer", p->t->name);
    heed_cli_json_text(&p->json, "kind", heed_tokenizer_kind_name(p->t->tokenizer));
    heed_cli_json_integer(&p->json, "vocab_size", heed_tokenizer_vocab_size(p->t->tokenizer));
    heed_cli_json_open(&p->json, "texts", '[');
}

static void end_json(printing *p)
{
    heed_cli_json_close(&p->json, ']');
    heed_cli_json_close(&p->json, '}');
}

heed_status heed_cli_tokenize_texts(const heed_cli_tokenizing *t, heed_error *err)
{
    const heed_cli_tokenize_options *own = t->own;
    printing p = {.t = t, .json = {.out = stdout}, .out = {.fd = -1}};
    heed_status status = HEED_OK;

    p.colours = own->pieces && !own->json && heed_cli_palette(stdout) != HEED_PALETTE_NONE;
    p.show = form_of(own, p.colours);
    if (own->out != NULL)
        status = heed_cli_out_open(&p.out, own->out, own->force, err);
    if (status == HEED_OK && own->json)
        begin_json(&p);
    if (status == HEED_OK)
        status = tokenize_all(&p, err);
    if (status == HEED_OK && own->json)
        end_json(&p);
    else if (status == HEED_OK && own->count && t->n_files > 1)
        print_count(stdout, p.n_all, p.bytes_all, "all");
    status = heed_cli_out_close(&p.out, status, err);
    if (status == HEED_OK && own->out != NULL)
        print_count(stderr, p.n_all, p.bytes_all, own->out);
    return p.gone ? HEED_OK : status;
}
