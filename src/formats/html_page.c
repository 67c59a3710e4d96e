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
#include "base/text_buffer.h"
#include "formats/base64.h"
#include "formats/colour.h"
#include "formats/json_put.h"
#include "formats/label.h"
#include "formats/weight_codes.h"

#define SMALL_SIDE    64 /* cells a side of a small map */
#define TOKEN_COLUMNS 60
#define LEAST_LEVELS  15

extern const char heed_page_style[], heed_page_script[], heed_page_skeleton[];

/* A page being made. */
typedef struct maker {
    const heed_page *page;
    heed_text_buffer out;
    heed_text_buffer heads; /* what is packed of each head */
    unsigned char *codes;   /* [n_tokens (n_tokens + 1) / 2] of one head */
    unsigned char *small;   /* [n_heads, side, side], by 254 levels */
    unsigned char *levels;  /* [n_heads] */
    int side;
    size_t bytes; /* of all heads in base64, at most */
    size_t room;  /* bytes that a packed head may take */
} maker;

/* --- the heads --- */

/* With as many levels as there is room for. */
static heed_status pack_head(maker *m, int k, heed_error *err)
{
    const int64_t n = m->page->n_tokens;
    const size_t count = (size_t)n * (size_t)(n + 1) / 2;
    unsigned char *packed = NULL;
    size_t n_packed = 0;
    int levels = HEED_WEIGHT_LEVELS;
    heed_status status;

    heed_weight_codes(m->page->heads[k].pattern, n, levels, m->codes);
    heed_weight_codes_shrink(m->codes, n, m->side, m->small + (size_t)k * (size_t)m->side * (size_t)m->side);
    for (;;) {
        status = heed_bytes_pack(m->codes, count, &packed, &n_packed, err);
        if (status != HEED_OK || n_packed <= m->room)
            break;
        free(packed);
        if (levels / 2 < LEAST_LEVELS)
            return heed_fail(err, HEED_ERR_USAGE,
                             "%d heads of %d tokens are more than a page of %.3g MB holds: choose layers or "
                             "heads, or a shorter text",
                             m->page->n_heads, m->page->n_tokens, (double)m->bytes * 1e-6);
        levels /= 2;
        heed_weight_codes(m->page->heads[k].pattern, n, levels, m->codes);
    }
    if (status != HEED_OK)
        return status;
    m->levels[k] = (unsigned char)levels;
    heed_text_printf(&m->heads, "<script type=\"text/plain\" id=\"head-%d\">", k);
    heed_base64_put(&m->heads, packed, n_packed);
    heed_text_puts(&m->heads, "</script>\n");
    free(packed);
    return HEED_OK;
}

static heed_status pack_heads(maker *m, heed_error *err)
{
    const size_t n = (size_t)m->page->n_tokens, n_heads = (size_t)m->page->n_heads;
    heed_status status = HEED_OK;

    m->side = n < SMALL_SIDE ? (int)n : SMALL_SIDE;
    m->bytes = m->page->bytes != 0 ? m->page->bytes : HEED_PAGE_BYTES;
    m->room = m->bytes / 4 * 3 / n_heads;
    m->codes = malloc(n * (n + 1) / 2);
    m->small = malloc(n_heads * (size_t)m->side * (size_t)m->side);
    m->levels = malloc(n_heads);
    if (m->codes == NULL || m->small == NULL || m->levels == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory to pack heads of %zu tokens", n);
    for (int k = 0; k < m->page->n_heads && status == HEED_OK; k++)
        status = pack_head(m, k, err);
    return status;
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
                         m->page->heads[k].head, m->levels[k]);
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
    for (int i = 0; i < 256; i++) {
        const heed_colour c = heed_colour_ramp(i / 255.0);
        heed_text_printf(&m->out, "%02x%02x%02x", c.r, c.g, c.b);
    }
    heed_text_puts(&m->out, "d60093\",\n");
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
    if (status == HEED_OK && (m.out.failed || m.heads.failed))
        status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a page of %d heads", page->n_heads);
    if (status == HEED_OK)
        status = heed_file_write(path,
                                 (const heed_bytes[]){{m.out.data, m.out.size},
                                                      {m.heads.data, m.heads.size},
                                                      {begin, sizeof begin - 1},
                                                      {heed_page_script, strlen(heed_page_script)},
                                                      {end, sizeof end - 1}},
                                 5, err);
    heed_text_free(&m.out);
    heed_text_free(&m.heads);
    free(m.codes);
    free(m.small);
    free(m.levels);
    return status;
}
