/* SPDX-License-Identifier: MIT */
/* A walk: its text, and the models that steps have trained so far. */
#ifndef HEED_WORKBOOK_WALK_WALK_H
#define HEED_WORKBOOK_WALK_WALK_H

#include "base/file.h"
#include "base/text_buffer.h"
#include "workbook/demo_shown.h"
#include "workbook/walk/walking.h"

enum { HEED_WALK_BLOCKS = 64, HEED_WALK_TEXT = 16384 };

struct heed_walk {
    heed_walk_options options; /* its texts are copies */
    char *path, *encode, *out;
    heed_file file; /* the text, mapped; or the stories */
    heed_text_buffer stories;
    const char *text, *name;
    size_t n_text;
    heed_tokenizer *tokenizer;
    heed_corpus *corpus;
    heed_walk_trained bigram, gpt;
};

/* What a step has said so far: the memory behind its result. */
typedef struct heed_walk_made {
    heed_walk_result result; /* first: this is what is handed out */
    heed_demo demo;          /* the step as a demonstration */
    heed_walk_block blocks[HEED_WALK_BLOCKS];
    heed_demo_result *shown;
} heed_walk_made;

#endif
