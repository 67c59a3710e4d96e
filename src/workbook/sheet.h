/* SPDX-License-Identifier: MIT */
/* What a sheet is made of, in one of its formats. */
#ifndef HEED_WORKBOOK_SHEET_H
#define HEED_WORKBOOK_SHEET_H

#include <heed/workbook.h>

#include "base/text_buffer.h"

/* How a format writes things down. NULL for format, HEED_SHEET_MARKDOWN, HEED_SHEET_LATEX, HEED_SHEET_HTML. */
typedef struct heed_sheet_style {
    const char *bold[2], *code[2], *item[2], *list[2], *paragraph[2], *plain[2]; /* plain: lines as they are */
    const char *heading[2], *title[2];
    const char *head, *foot; /* of a file */
} heed_sheet_style;

const heed_sheet_style *heed_sheet_style_of(heed_sheet_format format);
/** Text whose signs mean nothing in the format. */
void heed_sheet_escape(heed_text_buffer *out, heed_sheet_format format, const char *text, size_t n);
/** Words of the workbook: paragraphs, lists, `code`, **bold**, and lines that are indented by four. */
void heed_sheet_words(heed_text_buffer *out, heed_sheet_format format, const char *words);
/** Lines as they are. */
void heed_sheet_plain(heed_text_buffer *out, heed_sheet_format format, const char *text);

#endif
