/* SPDX-License-Identifier: MIT */
/*
 * What stands in the page, in this order:
 *
 *     style, skeleton            so that something is seen at once
 *     page-facts                 JSON: tokens, heads, levels, colours; small maps of all heads, packed
 *     head-0, head-1, ...        base64 of each head's packed codes; unpacked when the head is opened
 *     script
 */
#include "formats/html_page.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "base/text_buffer.h"
#include "formats/base64.h"
#include "formats/heat_values.h"
#include "formats/json_put.h"
#include "formats/label.h"
#include "formats/weight_codes.h"

#define SMALL_SIDE    64 /* cells a side of a small map */
#define TOKEN_COLUMNS 60
#define LEAST_LEVELS  15

extern const char heed_page_style[], heed_page_script[], heed_page_skeleton[];

/* A head as it comes to stand in the page. */
typedef struct packed_head {
    unsigned char *bytes;
    size_t n_bytes;
    int levels;  /* 0: none is few enough */
    bool failed; /* memory was out */
} packed_head;

/* A page being made. */
typedef struct maker {
    const heed_page *page;
    heed_text_buffer out;
    packed_head *heads;   /* [n_heads] */
    unsigned char *codes; /* [n_threads, n_tokens (n_tokens + 1) / 2] of one head each */
    unsigned char *small; /* [n_heads, side, side], by 254 levels */
    int side;
    size_t bytes; /* of all heads in base64, at most */
    size_t room;  /* bytes that a packed head may take */
} maker;

/* --- the heads --- */

static size_t count_of(const maker *m)
{
    return (size_t)m->page->n_tokens * ((size_t)m->page->n_tokens + 1) / 2;
}

/* With as many levels as there is room for. */
static void pack_head(const maker *m, int64_t k, unsigned char *codes)
{
    packed_head *head = &m->heads[k];

    for (int levels = HEED_WEIGHT_LEVELS; levels >= LEAST_LEVELS; levels /= 2) {
        heed_weight_codes(m->page->heads[k].pattern, m->page->n_tokens, levels, codes);
        if (levels == HEED_WEIGHT_LEVELS)
            heed_weight_codes_shrink(codes, m->page->n_tokens, m->side, m->small + k * m->side * m->side);
        if (heed_bytes_pack(codes, count_of(m), &head->bytes, &head->n_bytes, NULL) != HEED_OK) {
            head->failed = true;
            return;
        }
        if (head->n_bytes <= m->room) {
            head->levels = levels;
            return;
        }
        free(head->bytes);
        head->bytes = NULL;
    }
}

static void pack_range(void *context, int64_t begin, int64_t end, int thread)
{
    const maker *m = context;

    for (int64_t k = begin; k < end; k++)
        pack_head(m, k, m->codes + (size_t)thread * count_of(m));
}

static heed_status pack_heads(maker *m, heed_error *err)
{
    const size_t n = (size_t)m->page->n_tokens, n_heads = (size_t)m->page->n_heads;
    const int n_threads = heed_processor_count();

    m->side = n < SMALL_SIDE ? (int)n : SMALL_SIDE;
    m->bytes = m->page->bytes != 0 ? m->page->bytes : HEED_PAGE_BYTES;
    m->room = m->bytes / 4 * 3 / n_heads;
    m->heads = calloc(n_heads, sizeof *m->heads);
    m->codes = malloc((size_t)n_threads * count_of(m));
    m->small = malloc(n_heads * (size_t)m->side * (size_t)m->side);
    if (m->heads == NULL || m->codes == NULL || m->small == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to pack heads of %zu tokens", n);
    heed_parallel(n_threads, m->page->n_heads, 1, pack_range, m);
    for (size_t k = 0; k < n_heads; k++) {
        if (m->heads[k].failed)
            return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to pack heads of %zu tokens", n);
        if (m->heads[k].levels == 0)
            return heed_fail(err, HEED_ERR_USAGE,
                             "%zu heads of %zu tokens are more than a page of %.3g MB holds: choose layers or "
                             "heads, or a shorter text",
                             n_heads, n, (double)m->bytes * 1e-6);
    }
    return HEED_OK;
}

/* --- the facts --- */

static void put_tokens(maker *m)
{
    char text[HEED_LABEL_SIZE];

    heed_text_puts(&m->out, "\"tokens\": [");
    for (int i = 0; i < m->page->n_tokens; i++) {
        heed_label_token(text, sizeof text, m->page->tokens[i], TOKEN_COLUMNS);
        heed_text_puts(&m->out, i > 0 ? "," : "");
        heed_json_put_bytes(&m->out, text, strlen(text));
    }
    heed_text_puts(&m->out, "],\n");
}

static void put_loss(maker *m)
{
    if (m->page->loss == NULL)
        return;
    heed_text_puts(&m->out, "\"loss\": [");
    for (int i = 0; i < m->page->n_tokens; i++) {
        heed_text_puts(&m->out, i > 0 ? "," : "");
        heed_json_put_float(&m->out, m->page->loss[i]);
    }
    heed_text_puts(&m->out, "],\n");
}

/* [layer, head, levels] of each, and what is said of it. */
static void put_heads(maker *m)
{
    heed_text_puts(&m->out, "\"heads\": [");
    for (int k = 0; k < m->page->n_heads; k++)
        heed_text_printf(&m->out, "%s[%d,%d,%d]", k > 0 ? "," : "", m->page->heads[k].layer,
                         m->page->heads[k].head, m->heads[k].levels);
    heed_text_puts(&m->out, "],\n\"words\": [");
    for (int k = 0; k < m->page->n_heads; k++) {
        const char *words = m->page->heads[k].words != NULL ? m->page->heads[k].words : "";
        heed_text_puts(&m->out, k > 0 ? "," : "");
        heed_json_put_bytes(&m->out, words, strlen(words));
    }
    heed_text_puts(&m->out, "],\n");
}

/* 256 amounts from 0 to 1, six hexadecimal digits each, and that of what is not finite. */
static void put_colours(maker *m)
{
    heed_text_puts(&m->out, "\"colours\": \"");
    for (int i = 0; i <= 256; i++) {
        const heed_colour c = i < 256 ? heed_colour_ramp(i / 255.0) : HEED_HEAT_NOT_FINITE;
        heed_text_printf(&m->out, "%02x%02x%02x", c.r, c.g, c.b);
    }
    heed_text_puts(&m->out, "\",\n");
}

static heed_status put_small(maker *m, heed_error *err)
{
    const size_t n = (size_t)m->page->n_heads * (size_t)m->side * (size_t)m->side;
    unsigned char *packed = NULL;
    size_t n_packed = 0;
    const heed_status status = heed_bytes_pack(m->small, n, &packed, &n_packed, err);

    if (status != HEED_OK)
        return status;
    heed_text_printf(&m->out, "\"side\": %d,\n\"small\": \"", m->side);
    heed_base64_put(&m->out, packed, n_packed);
    heed_text_puts(&m->out, "\"");
    free(packed);
    return HEED_OK;
}

/* --- the page --- */

/* A text as it may stand between tags. */
static void put_escaped(heed_text_buffer *out, const char *text)
{
    char shown[HEED_LABEL_SIZE];

    for (const char *p = heed_label_text(shown, text); *p != '\0'; p++) {
        const char *escaped = *p == '<' ? "&lt;" : *p == '>' ? "&gt;" : *p == '&' ? "&amp;" : NULL;

        if (escaped != NULL)
            heed_text_puts(out, escaped);
        else
            heed_text_append(out, p, 1);
    }
}

/* The policy lets nothing be fetched, whatever stood in the page. */
static heed_status put_page(maker *m, heed_error *err)
{
    heed_status status;

    heed_text_puts(&m->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                            "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
                            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                            "<link rel=\"icon\" href=\"data:,\">\n<title>");
    put_escaped(&m->out, m->page->title);
    heed_text_puts(&m->out, "</title>\n<style>\n");
    heed_text_puts(&m->out, heed_page_style);
    heed_text_puts(&m->out, "</style>\n</head>\n<body>\n<h1>");
    put_escaped(&m->out, m->page->title);
    heed_text_puts(&m->out, "</h1>\n");
    heed_text_puts(&m->out, heed_page_skeleton);
    heed_text_puts(&m->out, "<script type=\"application/json\" id=\"page-facts\">\n{");
    put_tokens(m);
    put_loss(m);
    put_heads(m);
    put_colours(m);
    status = put_small(m, err);
    heed_text_puts(&m->out, "}\n</script>\n");
    return status;
}

static void put_packed(maker *m)
{
    for (int k = 0; k < m->page->n_heads; k++) {
        heed_text_printf(&m->out, "<script type=\"text/plain\" id=\"head-%d\">", k);
        heed_base64_put(&m->out, m->heads[k].bytes, m->heads[k].n_bytes);
        heed_text_puts(&m->out, "</script>\n");
    }
}

static void free_maker(maker *m)
{
    for (int k = 0; m->heads != NULL && k < m->page->n_heads; k++)
        free(m->heads[k].bytes);
    heed_text_free(&m->out);
    free(m->heads);
    free(m->codes);
    free(m->small);
}

heed_status heed_page_write(const char *path, const heed_page *page, heed_error *err)
{
    static const char begin[] = "<script>\n", end[] = "</script>\n</body>\n</html>\n";
    maker m = {.page = page};
    heed_status status;

    if (page->n_tokens < 1 || page->n_heads < 1)
        return heed_fail(err, HEED_ERR_USAGE, "expected at least one head of one token, got %d of %d",
                         page->n_heads, page->n_tokens);
    status = pack_heads(&m, err);
    if (status == HEED_OK)
        status = put_page(&m, err);
    if (status == HEED_OK)
        put_packed(&m);
    if (status == HEED_OK && m.out.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a page of %d heads", page->n_heads);
    if (status == HEED_OK)
        status = heed_file_write(path,
                                 (const heed_bytes[]){{m.out.data, m.out.size},
                                                      {begin, sizeof begin - 1},
                                                      {heed_page_script, strlen(heed_page_script)},
                                                      {end, sizeof end - 1}},
                                 4, err);
    free_maker(&m);
    return status;
}
