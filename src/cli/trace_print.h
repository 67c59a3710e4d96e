/* SPDX-License-Identifier: MIT */
/* What heed trace prints: one number and where it came from, as text or as JSON, and the trees around it. */
#ifndef HEED_CLI_TRACE_PRINT_H
#define HEED_CLI_TRACE_PRINT_H

#include <heed/trace.h>

#include "cli/json_out.h"

typedef struct heed_cli_trace_options {
    bool all;      /* every number and every term */
    bool up, down; /* who reads it; what it was made of, as trees */
    int64_t depth; /* of the trees; 0: one of readers, two of operands */
} heed_cli_trace_options;

/** Everything about one number; asked: the address that led to it, as it was given. */
heed_status heed_cli_trace_print(const heed_trace *trace, const char *asked, heed_trace_element element,
                                 const heed_cli_trace_options *options, heed_error *err);
/** The same as an object of the open list. */
heed_status heed_cli_trace_json(const heed_trace *trace, const char *asked, heed_trace_element element,
                                const heed_cli_trace_options *options, heed_cli_json *json, heed_error *err);
/** The tensors that can be asked, with their shapes. */
void heed_cli_trace_list(const heed_trace *trace, bool all);
void heed_cli_trace_list_json(const heed_trace *trace, heed_cli_json *json);

/** What a number was made of, and who reads it, indented. */
heed_status heed_cli_trace_down(const heed_trace *trace, heed_trace_element element, int64_t depth, bool all,
                                heed_error *err);
heed_status heed_cli_trace_up(const heed_trace *trace, heed_trace_element element, int64_t depth,
                              heed_error *err);

/** The same as elements of the open list. */
heed_status heed_cli_trace_down_json(const heed_trace *trace, heed_trace_element element, int64_t depth,
                                     bool all, heed_cli_json *json, heed_error *err);
heed_status heed_cli_trace_up_json(const heed_trace *trace, heed_trace_element element, int64_t depth,
                                   heed_cli_json *json, heed_error *err);
/** The depth that was asked for, or the usual one. */
int64_t heed_cli_trace_depth(const heed_cli_trace_options *options, bool up);
/** A number; what is not finite, for which JSON has no word, as text. */
void heed_cli_trace_json_value(heed_cli_json *json, const char *key, double value);

/** The calculation, line by line; all: no line and no term is left out. */
void heed_cli_trace_put_lines(const heed_trace_explanation *e, bool all);

/** "logits[0,2,5] (\"the\") = 1.25" without the final newline. */
void heed_cli_trace_put_number(const heed_trace *trace, heed_trace_element element);
/** The number as %.9g, an integer without a fraction; out holds 32 characters. Returns out. */
const char *heed_cli_trace_value(const heed_trace *trace, heed_trace_element element, float value, char *out);

/* Largest by magnitude first. */
typedef struct heed_cli_trace_pick {
    int64_t at; /* of the operand's values */
    float value;
} heed_cli_trace_pick;
/** The most values of largest magnitude, in out; returns how many. */
int heed_cli_trace_largest(const heed_trace_operand *operand, heed_cli_trace_pick *out, int most);

#endif
