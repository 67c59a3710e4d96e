/* SPDX-License-Identifier: MIT */
/*
 * Documents as one row of ids. Each part of a document is tokenized by itself, so no token goes over the end of a document,
 * and none is half of what is to be learned. Between two documents stands the end-of-text token, or, where that is not wanted or
 * the tokenizer has none, a line break unless the first one ends with it.
 */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "data/documents.h"
#include "text/tokenizer.h"

#define STREAM_BYTES ((size_t)1 << 22) /* a part as long as this is streamed */
#define LET_GO_BYTES ((size_t)1 << 24)

typedef struct encoder {
    heed_documents *texts;
    const heed_tokenizer *tokenizer;
    heed_encode_options options;
    heed_marked_sink *sink;
    void *context;
    bool counts;      /* the part at hand */
    bool sink_failed; /* the status is the sink's own, with its own message */
} encoder;

static heed_status pass_on(void *context, const int32_t *ids, size_t n, heed_error *err)
{
    encoder *e = context;
    const heed_status status = e->sink(e->context, ids, n, e->counts, err);

    e->sink_failed = status != HEED_OK;
    return status;
}

/* A part as a source of bytes. */
typedef struct reading {
    const heed_document_part *part;
    size_t at;
} reading;

static heed_status read_part(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    reading *r = context;
    const size_t left = r->part->n - r->at;

    (void)err;
    *n = left < capacity ? left : capacity;
    memcpy(buffer, r->part->text + r->at, *n);
    r->at += *n;
    if (r->part->mapped && *n > 0 && r->at % LET_GO_BYTES < *n)
        heed_file_let_go(r->part->text, r->at);
    return HEED_OK;
}

static heed_status encode_part(encoder *e, const heed_document_part *part, heed_error *err)
{
    reading r = {.part = part};
    heed_encode_options options = e->options;
    heed_error problem = {0};
    heed_status status;

    e->counts = part->counts;
    if (part->n < STREAM_BYTES / 64)
        options.threads = 1;
    if (part->n < STREAM_BYTES || !part->mapped)
        status = heed_tokenizer_encode_to(e->tokenizer, part->text, part->n, &options, pass_on, e, &problem);
    else
        status = heed_tokenizer_stream(e->tokenizer, &options, read_part, &r, pass_on, e, &problem);
    if (status == HEED_OK)
        return HEED_OK;
    if (e->sink_failed)
        return heed_fail(err, status, "%s", problem.message);
    return heed_fail(err, status == HEED_ERR_USAGE ? HEED_ERR_FILE : status, "%s: %s",
                     heed_documents_where(e->texts), problem.message);
}

/* What stands behind a document that another one follows. */
static heed_status end_document(encoder *e, int32_t end, bool broken, heed_error *err)
{
    static const heed_document_part line_break = {.text = "\n", .n = 1, .counts = true};

    e->counts = true;
    if (end >= 0)
        return pass_on(e, &end, 1, err);
    return broken ? HEED_OK : encode_part(e, &line_break, err);
}

heed_status heed_documents_encode(heed_documents *texts, const heed_tokenizer *tokenizer,
                                  const heed_documents_encoding *encoding, heed_marked_sink *sink,
                                  void *context, heed_error *err)
{
    encoder e = {.texts = texts,
                 .tokenizer = tokenizer,
                 .options = {.threads = encoding->threads},
                 .sink = sink,
                 .context = context};
    const int32_t end = encoding->end_of_text ? heed_tokenizer_end_of_text(tokenizer) : -1;
    heed_document document = {0};
    heed_status status = HEED_OK;
    bool first = true, broken = false;

    heed_documents_rewind(texts);
    while (status == HEED_OK) {
        status = heed_documents_next(texts, &document, err);
        if (status != HEED_OK || document.n_parts == 0)
            break;
        if (!first)
            status = end_document(&e, end, broken, err);
        for (int i = 0; i < document.n_parts && status == HEED_OK; i++)
            status = encode_part(&e, &document.parts[i], err);
        const heed_document_part *last = &document.parts[document.n_parts - 1];
        broken = last->text[last->n - 1] == '\n';
        first = false;
    }
    return status;
}
