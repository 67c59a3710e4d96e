/* SPDX-License-Identifier: MIT */
/* What the README of a code exercise's folder says. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "workbook/book.h"
#include "workbook/code/code.h"

/* --- what an array is, in words --- */

static void put_sizes(const heed_code_array *a, heed_text_buffer *out)
{
    for (int i = 0; i < a->rank; i++)
        heed_text_printf(out, "%s%lld", i > 0 ? " x " : "", (long long)a->size[i]);
}

/* "4 x 16: a row on each line" */
static void put_input_form(const json_t *value, heed_code_format format, heed_text_buffer *out)
{
    heed_code_array a;

    if (json_is_string(value))
        heed_text_puts(out, "a text, as it is");
    else if (!heed_code_array_of(value, &a))
        heed_text_puts(out, "a text on each line");
    else if (json_is_boolean(value))
        heed_text_puts(out, "1 (yes) or 0 (no)");
    else if (a.rank == 0)
        heed_text_puts(out, "a number");
    else {
        put_sizes(&a, out);
        heed_text_puts(out, a.rank == 1 ? " numbers" : a.rank == 2 ? " numbers, row after row" : " numbers");
        if (a.rank > 2 && format == HEED_CODE_TEXT)
            heed_text_puts(out, "; the first line says the sizes");
    }
}

static const char *output_form(const heed_field_spec *f)
{
    switch (f->kind) {
    case HEED_ANSWER_NUMBER:
        return "a number";
    case HEED_ANSWER_LIST:
        return f->flags & HEED_ASKED_TEXTS ? "words, apart by commas" : "a list of numbers";
    case HEED_ANSWER_MATRIX:
        return "a matrix";
    case HEED_ANSWER_TENSOR:
        return "an array of more than two axes";
    case HEED_ANSWER_TEXT:
        return "a text";
    case HEED_ANSWER_TRUTH:
        return "yes or no";
    }
    return "";
}

/* --- the page --- */

static void put_inputs(const heed_posing *p, heed_code_format format, heed_text_buffer *out)
{
    const char *name;
    json_t *value;

    heed_text_puts(out, json_object_size(p->params) > 0 ? "\n## Inputs\n\n" : "");
    json_object_foreach(p->params, name, value)
    {
        heed_text_buffer bytes = {0};
        char file[128];

        heed_code_input(name, value, format, file, &bytes);
        heed_text_free(&bytes);
        heed_text_printf(out, "- `inputs/%s`: ", file);
        put_input_form(value, format, out);
        heed_text_puts(out, "\n");
    }
}

static void put_outputs(const heed_posing *p, heed_code_format format, heed_text_buffer *out)
{
    heed_text_puts(out, "\n## What your program writes\n\n");
    for (int i = 0; i < p->n_fields; i++) {
        const heed_field_spec *f = p->specs[i];
        const bool words = f->kind == HEED_ANSWER_TEXT || (f->flags & HEED_ASKED_TEXTS) != 0;

        heed_text_printf(out, "- `outputs/%s.%s`: %s (%s)\n", f->name,
                         format == HEED_CODE_NPY && !words ? "npy" : "txt", p->fields[i].ask, output_form(f));
    }
}

static void put_formats(heed_text_buffer *out)
{
    heed_text_puts(
        out, "\nA text has the numbers of a row on a line, apart by blanks; `nan`, `inf` and `-inf` are "
             "numbers, and a line that\n"
             "begins with # says nothing. An array of more than two axes has `# shape 2 3 4`, its sizes, on "
             "its first line and\n"
             "then all its rows. In place of NAME.txt a program may write NAME.npy, as NumPy's `save` does.\n");
}

static void put_commands(const heed_posing *p, heed_code_language language, heed_text_buffer *out)
{
    static const char *const how[HEED_CODE_N_LANGUAGES] = {
        "    cc -std=gnu11 -Wall -o build/solution solution.c -lm && ./build/solution\n",
        ("    cc -std=gnu11 -Wall -o build/solution solution.c $(pkg-config --cflags --libs heed) -lm && "
         "./build/solution\n"),
        "    python3 solution.py\n", ""};
    const char *run = language == HEED_CODE_NONE ? " --run 'COMMAND'" : "";

    heed_text_puts(out, "\n## How it goes\n\n");
    if (language != HEED_CODE_NONE)
        heed_text_printf(
            out,
            "`%s` reads the inputs and writes the outputs; the computation is yours. In this folder,\n\n"
            "    heed workbook watch%s\n\n"
            "runs it whenever you save it, and says what is right and what is not yet. By hand:\n\n%s"
            "    heed workbook check\n\n",
            heed_code_file_of(language), run, how[language]);
    else
        heed_text_printf(
            out,
            "Write a program in any language, which is run in this folder. Here,\n\n"
            "    heed workbook watch%s\n\n"
            "runs COMMAND whenever you save a file, and says what is right and what is not yet. By hand:\n\n"
            "    heed workbook check\n\n",
            run);
    heed_text_printf(
        out,
        "A program has ten seconds, unless --time-limit says otherwise, and writes in this folder alone.\n"
        "`heed workbook hint %s` helps; `heed workbook explain %s --source` shows how heed does it.\n",
        p->part->info.id, p->part->info.id);
}

void heed_code_write_readme(const heed_posing *p, heed_code_language language, heed_code_format format,
                            heed_text_buffer *out)
{
    heed_text_printf(out, "# %s %s\n\n%s\n", p->part->info.id, p->part->info.title, p->question);
    put_inputs(p, format, out);
    put_outputs(p, format, out);
    put_formats(out);
    put_commands(p, language, out);
}
