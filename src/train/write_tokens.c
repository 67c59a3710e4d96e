/* SPDX-License-Identifier: MIT */
/* Texts into a token file that the caller names. */
#include "base/error.h"
#include "data/token_file.h"
#include "train/trainer.h"

heed_status heed_tokenizer_write_tokens(const heed_tokenizer *tokenizer, const char *const *texts, int n_texts,
                                        const heed_train_options *options, const char *path, int64_t *n_tokens,
                                        int64_t *n_bytes, heed_error *err)
{
    const heed_documents_options reading = {.paths = texts,
                                            .n_paths = n_texts,
                                            .text_field = options->text_field,
                                            .target_field = options->target_field,
                                            .any_bytes = !heed_tokenizer_needs_utf8(tokenizer)};
    const heed_corpus_options whole = {.context_length = 1,
                                       .whole = true,
                                       .end_of_text = options->end_of_text,
                                       .threads = (int)options->threads};
    heed_token_file_key key = {0};
    heed_documents *documents = NULL;
    heed_corpus *corpus = NULL;
    heed_status status = n_texts > 0 ? heed_text_hash_tokenizer(tokenizer, &key.tokenizer_hash, err)
                                     : heed_fail(err, HEED_ERR_USAGE, "expected at least one text");

    if (status == HEED_OK)
        status = heed_documents_open(&reading, &documents, err);
    if (status == HEED_OK)
        status = heed_token_file_write(path, tokenizer, documents, &key, &whole, err);
    if (status == HEED_OK)
        status = heed_token_file_open(path, tokenizer, &key, &whole, &corpus, NULL, err);
    if (status == HEED_OK && n_tokens != NULL)
        *n_tokens = corpus->n;
    if (status == HEED_OK && n_bytes != NULL)
        *n_bytes = corpus->n_bytes;
    heed_corpus_destroy(corpus);
    heed_documents_close(documents);
    return status;
}
