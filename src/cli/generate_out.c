/* SPDX-License-Identifier: MIT */
#include "cli/generate_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/json_out.h"
#include "cli/output.h"

/* --- keeping texts --- */

static bool keep_token(heed_cli_tokens *tokens, const heed_written *w)
{
    heed_cli_token token = {w->id, w->log_probability, NULL, w->n_likeliest};

    if (tokens->n == tokens->capacity) {
        const size_t capacity = 2 * tokens->capacity + 64;
        heed_cli_token *grown = realloc(tokens->list, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        tokens->list = grown;
        tokens->capacity = capacity;
    }
    if (w->n_likeliest > 0) {
        token.likeliest = malloc((size_t)w->n_likeliest * sizeof *token.likeliest);
        if (token.likeliest == NULL)
            return false;
        memcpy(token.likeliest, w->likeliest, (size_t)w->n_likeliest * sizeof *token.likeliest);
    }
    tokens->list[tokens->n++] = token;
    return true;
}

static void free_tokens(heed_cli_tokens *tokens)
{
    for (size_t i = 0; i < tokens->n; i++)
        free(tokens->list[i].likeliest);
    free(tokens->list);
    *tokens = (heed_cli_tokens){0};
}

static void free_text(heed_cli_kept_text *text)
{
    if (text->stream != NULL)
        fclose(text->stream);
    free(text->text);
    free_tokens(&text->prompt);
    free_tokens(&text->written);
    *text = (heed_cli_kept_text){0};
}

static bool keep(heed_cli_generated *out, const heed_written *w)
{
    heed_cli_kept_text *text = &out->texts[w->prompt * out->options->n + w->sample];

    if (text->stream == NULL)
        text->stream = open_memstream(&text->text, &text->n_text);
    if (text->stream == NULL || fwrite(w->text, 1, w->n_text, text->stream) != w->n_text)
        return false;
    if (w->finish != HEED_FINISH_NONE)
        text->seconds = heed_cli_seconds() - out->begin;
    return !out->json || w->id < 0 || keep_token(w->in_prompt ? &text->prompt : &text->written, w);
}

/* --- as text --- */

static void put(heed_cli_generated *out, const char *text, size_t n)
{
    if (n == 0)
        return;
    if (out->safe)
        heed_cli_put_text(stdout, text, n);
    else
        fwrite(text, 1, n, stdout);
    out->last = text[n - 1];
}

/* Texts are apart by an empty line. */
static void print_text(heed_cli_generated *out, int64_t i)
{
    const heed_prompt *prompt = &out->prompts[i / out->options->n];

    if (i > 0)
        putchar('\n');
    put(out, prompt->text, prompt->n_text);
    put(out, out->texts[i].text, out->texts[i].n_text);
    if (out->last != '\n')
        putchar('\n');
}

/* --- as JSON --- */

static void json_token(heed_cli_json *json, const heed_model *model, int32_t id, double log_probability)
{
    size_t n = 0;
    const char *piece = heed_model_piece(model, id, &n);

    heed_cli_json_integer(json, "id", id);
    heed_cli_json_bytes(json, "piece", piece != NULL ? piece : "", n);
    heed_cli_json_number(json, "log_probability", log_probability);
}

static void json_tokens(heed_cli_json *json, const heed_model *model, const char *key,
                        const heed_cli_tokens *tokens)
{
    heed_cli_json_open(json, key, '[');
    for (size_t i = 0; i < tokens->n; i++) {
        const heed_cli_token *token = &tokens->list[i];
        heed_cli_json_open(json, NULL, '{');
        json_token(json, model, token->id, token->log_probability);
        if (token->n_likeliest > 0)
            heed_cli_json_open(json, "likeliest", '[');
        for (int64_t k = 0; k < token->n_likeliest; k++) {
            heed_cli_json_open(json, NULL, '{');
            json_token(json, model, token->likeliest[k].id, token->likeliest[k].log_probability);
            heed_cli_json_close(json, '}');
        }
        if (token->n_likeliest > 0)
            heed_cli_json_close(json, ']');
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, ']');
}

static bool is_utf8(const char *text, size_t n)
{
    unsigned code;

    for (size_t i = 0; i < n;) {
        const int size = heed_cli_utf8(text + i, n - i, &code);
        if (size <= 0)
            return false;
        i += (size_t)size;
    }
    return true;
}

/* The bytes themselves, where the text can only show U+FFFD. */
static void json_hex(heed_cli_json *json, const char *key, const char *text, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = malloc(2 * n + 1);

    for (size_t i = 0; hex != NULL && i < n; i++) {
        hex[2 * i] = digits[(unsigned char)text[i] >> 4];
        hex[2 * i + 1] = digits[(unsigned char)text[i] & 15];
    }
    if (hex != NULL)
        heed_cli_json_bytes(json, key, hex, 2 * n);
    free(hex);
}

static void json_result(heed_cli_json *json, const heed_generated *result)
{
    heed_cli_json_integer(json, "tokens", result->n_written);
    heed_cli_json_text(json, "finish", heed_finish_name(result->finish));
    heed_cli_json_integer(json, "prompt_tokens", result->n_prompt);
    heed_cli_json_integer(json, "slides", result->slides.n);
    heed_cli_json_integer(json, "forgotten_tokens", result->slides.forgotten);
    if (!isnan(result->log_probability))
        heed_cli_json_number(json, "log_probability", result->log_probability);
    if (!isnan(result->score))
        heed_cli_json_number(json, "score", result->score);
}

static void print_json(const heed_cli_generated *out, int64_t i)
{
    const heed_generate_options *o = out->options;
    const heed_prompt *prompt = &out->prompts[i / o->n];
    const heed_cli_kept_text *text = &out->texts[i];
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_bytes(&json, "prompt", prompt->text, prompt->n_text);
    heed_cli_json_bytes(&json, "text", text->text, text->n_text);
    if (!is_utf8(text->text, text->n_text))
        json_hex(&json, "bytes", text->text, text->n_text);
    heed_cli_json_integer(&json, "prompt_number", i / o->n);
    heed_cli_json_integer(&json, "sample", i % o->n);
    json_result(&json, &out->results[i]);
    heed_cli_json_number(&json, "seconds", text->seconds);
    heed_cli_json_open(&json, "ids", '[');
    for (size_t k = 0; k < text->written.n; k++)
        heed_cli_json_integer(&json, NULL, text->written.list[k].id);
    heed_cli_json_close(&json, ']');
    if (o->prompt_log_probabilities && i % o->n == 0)
        json_tokens(&json, out->model, "prompt_log_probabilities", &text->prompt);
    if (o->log_probabilities || o->likeliest > 0)
        json_tokens(&json, out->model, "log_probabilities", &text->written);
    heed_cli_json_close(&json, '}');
}

/* --- the way from heed_generate() --- */

/*
 * Prints the texts that have ended, up to the first that has not; false when nobody reads them. over: none goes on any
 * more, and one without an end is one that beam search did not find.
 */
static bool print_ended(heed_cli_generated *out, bool over)
{
    const int64_t before = out->printed;

    for (; out->printed < out->n_texts; out->printed++) {
        const bool ended = out->results[out->printed].finish != HEED_FINISH_NONE;
        heed_cli_kept_text *text = &out->texts[out->printed];
        if (!ended && !over)
            break;
        if (text->stream != NULL)
            fflush(text->stream);
        if (ended && out->json)
            print_json(out, out->printed);
        else if (ended)
            print_text(out, out->printed);
        free_text(text);
    }
    return out->printed == before || heed_cli_flush();
}

heed_status heed_cli_generated_open(heed_cli_generated *out, const heed_model *model,
                                    const heed_prompt *prompts, int64_t n_prompts,
                                    const heed_generate_options *options, bool json, heed_error *err)
{
    *out = (heed_cli_generated){.model = model,
                                .prompts = prompts,
                                .options = options,
                                .n_texts = n_prompts * options->n,
                                .json = json,
                                .safe = isatty(STDOUT_FILENO),
                                .begin = heed_cli_seconds()};
    out->results = calloc((size_t)out->n_texts, sizeof *out->results);
    if (json || out->n_texts > 1)
        out->texts = calloc((size_t)out->n_texts, sizeof *out->texts);
    if (out->results == NULL || (out->texts == NULL && (json || out->n_texts > 1)))
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for %lld texts", (long long)out->n_texts);
    return HEED_OK;
}

bool heed_cli_generated_take(void *context, const heed_written *w)
{
    heed_cli_generated *out = context;

    if (out->first_s == 0.0 && !w->in_prompt)
        out->first_s = heed_cli_seconds() - out->begin;
    if (out->texts != NULL) {
        if (!keep(out, w))
            out->failed = true;
        return !out->failed && print_ended(out, false);
    }
    if (out->printed == 0) { /* the prompt stands before the text, once it is known to be good */
        put(out, out->prompts[0].text, out->prompts[0].n_text);
        out->printed = 1;
    }
    put(out, w->text, w->n_text);
    return heed_cli_flush();
}

static void say_how_fast(const heed_cli_generated *out)
{
    int64_t n = 0;

    for (int64_t i = 0; i < out->n_texts; i++)
        n += out->results[i].n_written;
    if (n > 1 && out->seconds > out->first_s)
        fprintf(stderr, "%lld tokens in %.2f s, %.0f tokens/s; the first after %.0f ms\n", (long long)n,
                out->seconds, (double)(n - 1) / (out->seconds - out->first_s), out->first_s * 1e3);
}

/* One line about windows that slid, and about texts that the context ended. */
static void say_what_was_forgotten(const heed_cli_generated *out)
{
    const heed_session_options *session = &out->options->session;
    const int64_t context = session->context_length > 0 ? session->context_length
                                                        : heed_model_config(out->model)->context_length;
    int64_t slides = 0, forgotten = 0, n_slid = 0, n_full = 0;
    char texts[64] = "";

    if (!heed_cli_flush())
        return; /* nobody reads the text any more */
    for (int64_t i = 0; i < out->n_texts; i++) {
        const heed_generated *result = &out->results[i];
        slides += result->slides.n;
        forgotten += result->slides.forgotten;
        n_slid += result->slides.n > 0;
        n_full += result->finish == HEED_FINISH_CONTEXT;
    }
    if (out->n_texts > 1)
        snprintf(texts, sizeof texts, " in %lld of %lld texts", (long long)(slides > 0 ? n_slid : n_full),
                 (long long)out->n_texts);
    if (slides > 0)
        fprintf(stderr,
                "heed: the context holds %lld tokens: its window slid %lld time%s%s, each time forgetting the "
                "older "
                "half, %lld tokens in all\n",
                (long long)context, (long long)slides, slides == 1 ? "" : "s", texts, (long long)forgotten);
    else if (n_full > 0)
        fprintf(stderr, "heed: the context of %lld tokens is full, and the text ends there%s\n",
                (long long)context, texts);
}

heed_status heed_cli_generated_close(heed_cli_generated *out, heed_status status, bool speed, heed_error *err)
{
    out->seconds = heed_cli_seconds() - out->begin;
    if (status == HEED_OK && out->failed)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for the texts");
    if (status == HEED_OK && out->texts != NULL)
        print_ended(out, true);
    if (out->texts == NULL && out->safe && out->last != '\n' && out->last != '\0')
        putchar('\n');
    heed_cli_flush();
    if (status == HEED_OK)
        say_what_was_forgotten(out);
    if (status == HEED_OK && speed)
        say_how_fast(out);
    for (int64_t i = 0; out->texts != NULL && i < out->n_texts; i++)
        free_text(&out->texts[i]);
    free(out->texts);
    free(out->results);
    return status;
}
