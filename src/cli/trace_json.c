/* SPDX-License-Identifier: MIT */
/* One number and where it came from, as JSON. */
#include <math.h>
#include <stdlib.h>

#include "cli/trace_print.h"

void heed_cli_trace_json_value(heed_cli_json *json, const char *key, double value)
{
    if (isfinite(value))
        heed_cli_json_number(json, key, value);
    else
        heed_cli_json_text(json, key, isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf");
}

static void put_operand(const heed_trace *trace, const heed_trace_operand *o, heed_cli_json *json)
{
    char range[HEED_TRACE_ADDRESS_BYTES];

    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "role", o->role);
    heed_cli_json_text(json, "address", heed_trace_range(trace, o, range));
    heed_cli_json_text(json, "first", heed_trace_address(trace, o->first, range));
    heed_cli_json_integer(json, "step", o->step);
    heed_cli_json_open(json, "values", '[');
    for (int64_t i = 0; i < o->count; i++)
        heed_cli_trace_json_value(json, NULL, (double)o->values[i]);
    heed_cli_json_close(json, ']');
    heed_cli_json_close(json, '}');
}

static void put_line(const heed_trace_explanation *e, int i, heed_cli_json *json)
{
    static const char *const kinds[] = {"step", "sum", "largest", "found", "note"};
    const heed_trace_line *line = &e->lines[i];

    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "kind", kinds[line->kind]);
    heed_cli_json_integer(json, "depth", line->depth);
    if (line->label != NULL)
        heed_cli_json_text(json, "label", line->label);
    heed_cli_json_text(json, "formula", line->formula);
    if (line->kind != HEED_TRACE_NOTE) {
        heed_cli_json_text(json, "arithmetic", line->in_double ? "double" : "float");
        heed_cli_trace_json_value(json, "result", line->result);
    }
    if (line->kind == HEED_TRACE_SUM_OF)
        heed_cli_trace_json_value(json, "start", line->start);
    if (line->terms != NULL) {
        heed_cli_json_open(json, "terms", '[');
        for (int64_t t = 0; t < line->n_terms; t++)
            heed_cli_trace_json_value(json, NULL, line->terms[t]);
        heed_cli_json_close(json, ']');
    }
    heed_cli_json_close(json, '}');
}

static void put_explanation(const heed_trace *trace, const heed_trace_explanation *e, heed_cli_json *json)
{
    char address[HEED_TRACE_ADDRESS_BYTES];

    heed_cli_json_text(json, "address", heed_trace_address(trace, e->element, address));
    heed_cli_trace_json_value(json, "value", (double)e->value);
    if (e->given != NULL)
        heed_cli_json_text(json, "given", e->given);
    if (e->is_taken)
        heed_cli_json_text(json, "taken_from", heed_trace_address(trace, e->from, address));
    if (e->op == NULL)
        return;
    heed_cli_json_text(json, "op", e->op);
    heed_cli_json_bool(json, "view", e->is_view);
    heed_cli_json_text(json, "formula", e->formula);
    heed_cli_json_open(json, "operands", '[');
    for (int i = 0; i < e->n_operands; i++)
        put_operand(trace, &e->operands[i], json);
    heed_cli_json_close(json, ']');
    heed_cli_json_open(json, "lines", '[');
    for (int i = 0; i < e->n_lines; i++)
        put_line(e, i, json);
    heed_cli_json_close(json, ']');
    heed_cli_trace_json_value(json, "recomputed", (double)e->recomputed);
    heed_cli_json_bool(json, "same_bits", e->same_bits);
    if (heed_trace_fast_device(trace) != NULL)
        heed_cli_trace_json_value(json, "fast", (double)heed_trace_fast_value(trace, e->element));
}

/* The numbers behind a view or what was taken over, up to the one that was computed or given. */
static heed_status put_shown(const heed_trace *trace, const heed_trace_explanation *e, heed_cli_json *json,
                             heed_error *err)
{
    heed_trace_element next = e->is_view ? e->operands[0].first : e->from;
    heed_status status = HEED_OK;

    if (!e->is_view && !e->is_taken)
        return HEED_OK;
    heed_cli_json_open(json, "through", '[');
    for (bool more = true; more && status == HEED_OK;) {
        heed_trace_explanation *shown = NULL;
        status = heed_trace_explain(trace, next, &shown, err);
        more = status == HEED_OK && (shown->is_view || shown->is_taken);
        if (status == HEED_OK) {
            heed_cli_json_open(json, NULL, '{');
            put_explanation(trace, shown, json);
            heed_cli_json_close(json, '}');
        }
        if (more)
            next = shown->is_view ? shown->operands[0].first : shown->from;
        heed_trace_explanation_free(shown);
    }
    heed_cli_json_close(json, ']');
    return status;
}

heed_status heed_cli_trace_json(const heed_trace *trace, const char *asked, heed_trace_element element,
                                const heed_cli_trace_options *o, heed_cli_json *json, heed_error *err)
{
    heed_trace_explanation *e = NULL;
    heed_status status = heed_trace_explain(trace, element, &e, err);

    if (status != HEED_OK)
        return status;
    heed_cli_json_open(json, NULL, '{');
    heed_cli_json_text(json, "asked", asked);
    put_explanation(trace, e, json);
    status = put_shown(trace, e, json, err);
    if (status == HEED_OK && o->down) {
        heed_cli_json_open(json, "made_of", '[');
        status = heed_cli_trace_down_json(trace, element, heed_cli_trace_depth(o, false), o->all, json, err);
        heed_cli_json_close(json, ']');
    }
    if (status == HEED_OK && o->up) {
        heed_cli_json_open(json, "read_by", '[');
        status = heed_cli_trace_up_json(trace, element, heed_cli_trace_depth(o, true), json, err);
        heed_cli_json_close(json, ']');
    }
    heed_cli_json_close(json, '}');
    heed_trace_explanation_free(e);
    return status;
}
