/* SPDX-License-Identifier: MIT */
/*
 * The texts that a corpus is made of, as documents, one after the other.
 *
 *     heed_documents *texts = NULL;
 *     heed_document document;
 *     status = heed_documents_open(&options, &texts, err);
 *     while ((status = heed_documents_next(texts, &document, err)) == HEED_OK && document.n_parts > 0)
 *         …document.parts[i].text…
 *     heed_documents_close(texts);
 *
 * A file whose name ends in .jsonl holds a document a line: a JSON object whose text is in the fields that the options
 * name, joined by line breaks. Any other file is a document by itself. Files are mapped, and what lies behind the document
 * at hand is let go of, so that a file may be larger than memory. Nothing of a file is believed: heed_documents_open() reads
 * every byte, and its errors name the file and the place.
 */
#ifndef HEED_DATA_DOCUMENTS_H
#define HEED_DATA_DOCUMENTS_H

#include <heed/tokenizer.h>

#include "base/text_buffer.h"

#define HEED_DOCUMENT_FIELDS 16     /* of a line of JSON, at most */
#define HEED_DOCUMENTS_FIELD "text" /* what is read of one when nothing else is asked for */

typedef struct heed_documents_options {
    const char *const *paths; /* [n_paths] lent while the texts are open */
    int n_paths;
    const char *text_field; /* of .jsonl files: names with commas between; lent */
    /* One more of them, the only one whose tokens are to be learned; NULL or "": all are. Behind the others, where
     * text_field does not say where it stands. */
    const char *target_field;
    bool any_bytes; /* text need not be UTF-8; JSON must */
} heed_documents_options;

/* Bytes that are tokenized by themselves. */
typedef struct heed_document_part {
    const char *text;
    size_t n;
    bool counts; /* its tokens are targets */
    bool mapped; /* the bytes lie in a file, and heed_file_let_go() may have them */
} heed_document_part;

typedef struct heed_document {
    heed_document_part parts[3]; /* what is before the target, the target, what is behind it; or one */
    int n_parts;                 /* 0: there are no more documents */
} heed_document;

typedef struct heed_documents heed_documents;

/**
 * HEED_ERR_FILE: a file that is missing, a folder, empty, binary (holds a NUL), UTF-16, or not UTF-8, as
 * heed_corpus_open_text() has it. HEED_ERR_USAGE: a target field and no .jsonl file, too many fields, an empty name.
 */
heed_status heed_documents_open(const heed_documents_options *options, heed_documents **texts, heed_error *err);
/** One text in memory, n bytes, lent and not checked. */
heed_status heed_documents_wrap(const char *text, size_t n, const char *name, heed_documents **texts,
                                heed_error *err);
void heed_documents_close(heed_documents *texts); /* NULL is allowed */

/** Bytes of all files, and their FNV-1a hash in that order. */
uint64_t heed_documents_bytes(const heed_documents *texts);
uint64_t heed_documents_hash(const heed_documents *texts);
/** True when a target field is named: some tokens are not to be learned. */
bool heed_documents_marked(const heed_documents *texts);
/** True when there may be more than one document. */
bool heed_documents_many(const heed_documents *texts);
/** The file of the document at hand, quoted, and its line where that is one of JSON. */
const char *heed_documents_where(const heed_documents *texts);
/** The name of the one file, or of the first "and N more". */
const char *heed_documents_name(const heed_documents *texts);

/** The next document, lent until the call after it. HEED_ERR_FILE names the file and the line. */
heed_status heed_documents_next(heed_documents *texts, heed_document *document, heed_error *err);
/** The first document comes next again. */
void heed_documents_rewind(heed_documents *texts);

/* What stands between two documents, and how they become ids. */
typedef struct heed_documents_encoding {
    bool
        end_of_text; /* the tokenizer's token for it, where it has one; otherwise a line break where there is none */
    int threads; /* 0: one a processor */
} heed_documents_encoding;

/* Receives the next n ids; counts: whether they are targets. */
typedef heed_status heed_marked_sink(void *context, const int32_t *ids, size_t n, bool counts, heed_error *err);

/**
 * All documents, from the first, as ids. HEED_ERR_FILE names the place of what has no ids. The end-of-text token behind a
 * document counts.
 */
heed_status heed_documents_encode(heed_documents *texts, const heed_tokenizer *tokenizer,
                                  const heed_documents_encoding *encoding, heed_marked_sink *sink,
                                  void *context, heed_error *err);
/** A heed_text_source over all documents from where heed_documents_rewind() has put them, with line breaks between. */
heed_status heed_documents_read(void *texts, char *buffer, size_t capacity, size_t *n, heed_error *err);

#endif
