/* SPDX-License-Identifier: MIT */
/*
 * The file that a learner begins with: it reads the inputs and writes the outputs, and between them there is room. Arrays
 * have the sizes of the numbers in force; where a shape is asked for, the sizes of outputs are for the learner to find.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "workbook/book.h"
#include "workbook/code/code.h"

const char *heed_code_identifier(const char *name, bool taken, char out[80])
{
    static const char *const reserved = " auto break case char const continue default do double else enum "
                                        "extern float for goto if inline int long "
                                        "main register restrict return short signed sizeof static struct "
                                        "switch typedef union unsigned void volatile "
                                        "while and as assert class def del elif except finally from global "
                                        "import in is lambda None nonlocal not np "
                                        "number or pass print raise try with yield ";
    char word[84];
    size_t n = 0;

    if (!isalpha((unsigned char)name[0]))
        out[n++] = '_';
    for (; *name != '\0' && n < 70; name++)
        out[n++] = isalnum((unsigned char)*name) ? *name : '_';
    out[n] = '\0';
    snprintf(word, sizeof word, " %s ", out);
    if (taken || strstr(reserved, word) != NULL)
        strcat(out, "_out");
    return out;
}

/* --- what is to be written --- */

/* An output with its name in the program and its sizes. */
typedef struct output {
    const heed_field_spec *spec;
    const char *ask;
    char name[80];
    heed_code_array array; /* of the right answer */
    bool numbers;          /* it is an array of them */
    bool open;             /* its sizes are for the learner to set */
} output;

static bool asks_for_shape(const heed_posing *p)
{
    for (int i = 0; i < p->n_fields; i++) {
        if (strcmp(p->specs[i]->name, "shape") == 0)
            return true;
    }
    return p->part == &p->own; /* the same stages, of which a person is asked for the shapes */
}

static output output_of(const heed_posing *p, int i)
{
    const heed_field_spec *f = p->specs[i];
    const json_t *expected = json_object_get(p->answer, f->name);
    output o = {.spec = f, .ask = p->fields[i].ask};

    if (expected == NULL) /* parameters that the learner gives */
        expected = json_object_get(p->params, f->name);
    heed_code_identifier(f->name, json_object_get(p->params, f->name) != NULL, o.name);
    o.numbers = f->kind != HEED_ANSWER_TEXT && f->kind != HEED_ANSWER_TRUTH &&
                heed_code_array_of(expected, &o.array);
    o.open = o.numbers && f->kind != HEED_ANSWER_LIST && o.array.rank > 0 && asks_for_shape(p);
    for (int axis = 0; o.open && axis < o.array.rank; axis++)
        o.array.size[axis] = 1;
    return o;
}

/* "4, 16", "4 * 16", "[4][16]" */
static void put_sizes(const heed_code_array *a, const char *before, const char *between, const char *behind,
                      heed_text_buffer *out)
{
    for (int i = 0; i < a->rank; i++)
        heed_text_printf(out, "%s%lld%s%s", before, (long long)a->size[i], behind,
                         i + 1 < a->rank ? between : "");
}

/* --- C --- */

/* "&Q[0][0]", "u" */
static void put_first(const char *name, int rank, heed_text_buffer *out)
{
    heed_text_printf(out, "%s%s", rank > 1 ? "&" : "", name);
    for (int i = 0; rank > 1 && i < rank; i++)
        heed_text_puts(out, "[0]");
}

static void put_c_input(const char *file, const json_t *value, heed_text_buffer *out)
{
    heed_code_array a;
    char name[80];

    heed_code_identifier(file, false, name);
    if (!heed_code_array_of(value, &a) || json_is_string(value)) {
        heed_text_printf(out, "    char %s[4096];\n    read_text(\"%s\", sizeof %s, %s);\n", name, file, name,
                         name);
        return;
    }
    if (a.rank == 0) {
        heed_text_printf(out,
                         a.whole ? "    const int %s = (int)read_number(\"%s\");\n"
                                 : "    const number %s = read_number(\"%s\");\n",
                         name, file);
        return;
    }
    heed_text_printf(out, "    %s %s", a.whole && a.rank == 1 ? "int" : "number", name);
    put_sizes(&a, "[", "", "]", out);
    heed_text_printf(out, ";\n    read_%s(\"%s\", ", a.whole && a.rank == 1 ? "integers" : "numbers", file);
    put_sizes(&a, "", " * ", "", out);
    heed_text_puts(out, ", ");
    put_first(name, a.rank, out);
    heed_text_puts(out, ");\n");
}

static void declare_c_output(const output *o, heed_text_buffer *out)
{
    heed_text_printf(out, "\n    /* %s */\n", o->ask);
    if (o->spec->kind == HEED_ANSWER_TRUTH)
        heed_text_printf(out, "    int %s = 0;\n", o->name);
    else if (!o->numbers)
        heed_text_printf(out, "    const char *%s = \"\";\n", o->name);
    else if (o->array.rank == 0)
        heed_text_printf(out, "    number %s = NAN;\n", o->name);
    else {
        heed_text_printf(out, "    number %s", o->name);
        put_sizes(&o->array, "[", "", "]", out);
        heed_text_printf(out, ";%s\n    nothing_yet(",
                         o->open ? " /* the sizes are for you to set, three times */" : "");
        put_sizes(&o->array, "", " * ", "", out);
        heed_text_puts(out, ", ");
        put_first(o->name, o->array.rank, out);
        heed_text_puts(out, ");\n");
    }
}

static void write_c_output(const output *o, heed_text_buffer *out)
{
    if (o->spec->kind == HEED_ANSWER_TRUTH || (o->numbers && o->array.rank == 0))
        heed_text_printf(out, "    write_number(\"%s\", %s);\n", o->spec->name, o->name);
    else if (!o->numbers)
        heed_text_printf(out, "    write_text(\"%s\", %s);\n", o->spec->name, o->name);
    else {
        heed_text_printf(out, "    write_numbers(\"%s\", %d, (const int[]){", o->spec->name, o->array.rank);
        put_sizes(&o->array, "", ", ", "", out);
        heed_text_puts(out, "}, ");
        put_first(o->name, o->array.rank, out);
        heed_text_puts(out, ");\n");
    }
}

static void write_c(const heed_posing *p, bool libheed, heed_text_buffer *out)
{
    const char *name;
    json_t *value;

    heed_text_printf(out, "/* %s %s: README.md says what is asked. */\n", p->part->info.id,
                     p->part->info.title);
    if (libheed)
        heed_text_puts(out, "/* In libheed, <heed/attention.h> and <heed/paper.h> are about attention. */\n"
                            "#include <heed/heed.h>\n");
    heed_text_puts(out, "#include <math.h>\n\n#include \"files.h\"\n\nint main(void)\n{\n");
    json_object_foreach(p->params, name, value) put_c_input(name, value, out);
    for (int i = 0; i < p->n_fields; i++) {
        const output o = output_of(p, i);
        declare_c_output(&o, out);
    }
    heed_text_puts(out, "\n    /* Your computation goes here. */\n\n");
    for (int i = 0; i < p->n_fields; i++) {
        const output o = output_of(p, i);
        write_c_output(&o, out);
    }
    heed_text_puts(out, "    return 0;\n}\n");
}

/* --- Python --- */

static void put_python_input(const char *file, const json_t *value, heed_code_format format,
                             heed_text_buffer *out)
{
    heed_code_array a;
    const bool numbers = heed_code_array_of(value, &a) && !json_is_string(value);
    char name[80];

    heed_code_identifier(file, false, name);
    if (!numbers)
        heed_text_printf(out, "%s = open(\"inputs/%s.txt\").read()\n", name, file);
    else if (a.rank == 0)
        heed_text_printf(out, "%s = %s(np.load%s(\"inputs/%s.%s\"))\n", name, a.whole ? "int" : "float",
                         format == HEED_CODE_NPY ? "" : "txt", file, format == HEED_CODE_NPY ? "npy" : "txt");
    else if (format == HEED_CODE_NPY)
        heed_text_printf(out, "%s = np.load(\"inputs/%s.npy\")", name, file);
    else if (a.rank > 2)
        heed_text_printf(out, "%s = read(\"inputs/%s.txt\")", name, file);
    else
        heed_text_printf(out, "%s = np.loadtxt(\"inputs/%s.txt\", ndmin=%d%s)", name, file, a.rank,
                         a.whole && a.rank == 1 ? ", dtype=int" : "");
    if (numbers && a.rank > 0) {
        heed_text_puts(out, "  # ");
        put_sizes(&a, "", " x ", "", out);
        heed_text_puts(out, "\n");
    }
}

static void put_python_output(const output *o, heed_text_buffer *out)
{
    heed_text_printf(out, "%s = ", o->name);
    if (o->spec->kind == HEED_ANSWER_TRUTH)
        heed_text_puts(out, "False");
    else if (!o->numbers)
        heed_text_puts(out, "\"\"");
    else if (o->array.rank == 0)
        heed_text_puts(out, "np.nan");
    else {
        heed_text_puts(out, "np.full((");
        put_sizes(&o->array, "", ", ", "", out);
        heed_text_puts(out, o->array.rank == 1 ? ",), np.nan)" : "), np.nan)");
    }
    heed_text_printf(out, "  # %s%s\n", o->ask, o->open ? "; its shape is for you to find" : "");
}

static void write_python_output(const output *o, heed_code_format format, heed_text_buffer *out)
{
    if (o->spec->kind == HEED_ANSWER_TRUTH || !o->numbers)
        heed_text_printf(out, "open(\"outputs/%s.txt\", \"w\").write(str(%s))\n", o->spec->name, o->name);
    else if (format == HEED_CODE_NPY)
        heed_text_printf(out, "np.save(\"outputs/%s.npy\", %s)\n", o->spec->name, o->name);
    else
        heed_text_printf(out, "write(\"outputs/%s.txt\", %s)\n", o->spec->name, o->name);
}

static bool reads_tensors(const heed_posing *p)
{
    const char *name;
    json_t *value;

    json_object_foreach(p->params, name, value)
    {
        heed_code_array a;

        if (heed_code_array_of(value, &a) && a.rank > 2)
            return true;
    }
    return false;
}

static void write_python(const heed_posing *p, heed_code_format format, heed_text_buffer *out)
{
    const char *name;
    json_t *value;

    heed_text_printf(out, "# %s %s: README.md says what is asked.\nimport numpy as np\n\n", p->part->info.id,
                     p->part->info.title);
    if (format == HEED_CODE_TEXT && reads_tensors(p))
        heed_text_puts(out, "\ndef read(path):  # \"# shape 2 3 4\", and then all rows\n"
                            "    shape = [int(n) for n in open(path).readline().split()[2:]]\n"
                            "    return np.loadtxt(path).reshape(shape)\n\n");
    if (format == HEED_CODE_TEXT)
        heed_text_puts(out, "\ndef write(path, x):\n"
                            "    x = np.atleast_1d(x)\n"
                            "    shape = \"shape \" + \" \".join(str(n) for n in x.shape)\n"
                            "    np.savetxt(path, x.reshape(-1, x.shape[-1]), header=shape if x.ndim > 2 else "
                            "\"\")\n\n\n");
    json_object_foreach(p->params, name, value) put_python_input(name, value, format, out);
    heed_text_puts(out, "\n# Your computation goes here.\n\n");
    for (int i = 0; i < p->n_fields; i++) {
        const output o = output_of(p, i);
        put_python_output(&o, out);
    }
    heed_text_puts(out, "\n");
    for (int i = 0; i < p->n_fields; i++) {
        const output o = output_of(p, i);
        write_python_output(&o, format, out);
    }
}

/* --- either --- */

void heed_code_write_solution(const heed_posing *p, heed_code_language language, heed_code_format format,
                              heed_text_buffer *out)
{
    if (language == HEED_CODE_PYTHON)
        write_python(p, format, out);
    else
        write_c(p, language == HEED_CODE_LIBHEED, out);
}
