/* SPDX-License-Identifier: MIT */
/* heed workbook set …: sheets of exercises for a class, each student with numbers of their own. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/out_file.h"
#include "cli/output.h"
#include "cli/read_text.h"
#include "cli/workbook_experiment.h"
#include "cli/workbook_print.h"

#define MOST_STUDENTS 10000
#define MOST_NAME     200

typedef struct set_options {
    const char *students, *out, *title;
    int64_t seed;
    int as; /* a heed_sheet_format */
    bool answers, force;
} set_options;

#define AT(member) offsetof(set_options, member)

static const heed_cli_text texts[] = {
    {"students", "FILE|N", "a sheet each: names, one a line, or how many", AT(students)},
    {"out", "FOLDER", "write the sheets there, with set.jsonl; otherwise one sheet is printed", AT(out)},
    {"title", "TEXT", "of the sheets [Exercises]", AT(title)},
};

static const char *const formats[] = {"markdown", "latex", "html", NULL};
static const char *const endings[] = {"md", "tex", "html"};

static const heed_field fields[] = {
    {"seed", "of the class; 0, and no students: the source's numbers", HEED_FIELD_INTEGER, AT(seed), 0, 1e15,
     NULL},
    {"as", "what a sheet is written in", HEED_FIELD_CHOICE, AT(as), 0, 0, formats},
    {"answers", "print the answers and how they come about; with --out in files of their own beside the sheets",
     HEED_FIELD_BOOLEAN, AT(answers), 0, 0, NULL},
    {"force", "write over files that are there", HEED_FIELD_BOOLEAN, AT(force), 0, 0, NULL},
};

typedef struct set {
    const heed_workbook *book;
    const set_options *own;
    int *chosen, n; /* places of the exercises */
    char *names;    /* bytes of the file of students */
    char **students;
    int n_students;
} set;

/* --- which exercises --- */

/* A star stands for any signs, a question mark for one. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *again = NULL;

    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            again = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++again;
        } else
            return false;
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static void choose(set *s, int i)
{
    for (int k = 0; k < s->n; k++) {
        if (s->chosen[k] == i)
            return;
    }
    s->chosen[s->n++] = i;
}

/* An id, the letter of a group, or a pattern of ids. */
static heed_status choose_named(set *s, const char *name, heed_error *err)
{
    const bool pattern = strpbrk(name, "*?") != NULL;
    const int before = s->n;
    char shown[80];

    for (int i = 0; i < heed_workbook_count(s->book); i++) {
        const heed_exercise_info *info = heed_workbook_info(s->book, i);

        if (pattern ? matches(name, info->id)
                    : strcasecmp(name, info->group) == 0 || strcmp(name, info->id) == 0)
            choose(s, i);
    }
    if (s->n > before)
        return HEED_OK;
    if (!pattern)
        return heed_workbook_find(s->book, name, err) < 0 ? HEED_ERR_USAGE : HEED_OK; /* chosen before */
    for (int i = 0; i < heed_workbook_count(s->book); i++) {
        if (matches(name, heed_workbook_info(s->book, i)->id))
            return HEED_OK;
    }
    return heed_cli_fail(err, HEED_ERR_USAGE, "no exercise is called \"%s\"",
                         heed_cli_quote(shown, sizeof shown, name));
}

/* --- which students --- */

static heed_status add_student(set *s, char *name, heed_error *err)
{
    size_t n;

    name += strspn(name, " \t\r");
    for (n = strlen(name); n > 0 && strchr(" \t\r", name[n - 1]) != NULL; n--)
        ;
    name[n] = '\0';
    if (n == 0)
        return HEED_OK;
    if (n > MOST_NAME)
        return heed_cli_fail(err, HEED_ERR_FILE, "students: expected names of at most %d bytes", MOST_NAME);
    for (int i = 0; i < s->n_students; i++) {
        if (strcmp(s->students[i], name) == 0)
            return heed_cli_fail(err, HEED_ERR_FILE, "students: \"%s\" stands there twice", name);
    }
    if (s->n_students == MOST_STUDENTS)
        return heed_cli_fail(err, HEED_ERR_FILE, "students: expected at most %d", MOST_STUDENTS);
    s->students[s->n_students++] = name;
    return HEED_OK;
}

/* "student-01" … */
static heed_status number_students(set *s, long n, heed_error *err)
{
    const int digits = n < 100 ? 2 : n < 1000 ? 3 : 5;

    if (n < 1 || n > MOST_STUDENTS)
        return heed_cli_fail(err, HEED_ERR_USAGE, "students: expected 1 to %d, got %ld", MOST_STUDENTS, n);
    s->names = calloc((size_t)n, 24);
    if (s->names == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a class");
    for (long i = 0; i < n; i++) {
        snprintf(s->names + 24 * i, 24, "student-%0*ld", digits, i + 1);
        s->students[s->n_students++] = s->names + 24 * i;
    }
    return HEED_OK;
}

static heed_status find_students(set *s, heed_error *err)
{
    const char *from = s->own->students;
    size_t n = 0;
    heed_status status = HEED_OK;

    if (from == NULL)
        return HEED_OK;
    s->students = calloc(MOST_STUDENTS, sizeof *s->students);
    if (s->students == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a class");
    if (strspn(from, "0123456789") == strlen(from))
        return number_students(s, strlen(from) < 9 ? strtol(from, NULL, 10) : -1, err);
    status = heed_cli_read_file(from, &s->names, &n, err);
    for (char *line = s->names; status == HEED_OK && line != NULL;) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end = '\0';
        status = add_student(s, line, err);
        line = end != NULL ? end + 1 : NULL;
    }
    if (status == HEED_OK && s->n_students == 0)
        status = heed_cli_fail(err, HEED_ERR_FILE, "%.300s: expected names, one a line, it has none", from);
    return status;
}

/* --- sheets --- */

/* The exercises with the numbers of a student; NULL: of nobody, a variant of the seed. */
static heed_status pose_all(const set *s, const char *student, heed_posing **posings, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < s->n && status == HEED_OK; i++) {
        const char *id = heed_workbook_info(s->book, s->chosen[i])->id;
        const int64_t variant = student == NULL && s->own->seed == 0
                                    ? 0
                                    : heed_student_variant(s->own->seed, student != NULL ? student : "", id);

        status = heed_workbook_pose(s->book, id, variant, &posings[i], err);
        if (status == HEED_OK && s->own->answers && heed_posing_experiment(posings[i]) != NULL)
            status = heed_cli_experiment_run(posings[i], NULL, err);
    }
    return status;
}

static heed_status write_sheet(const set *s, heed_posing *const *posings, const char *student, bool answers,
                               char **text, heed_error *err)
{
    const heed_sheet_options o = {.format = (heed_sheet_format)s->own->as,
                                  .title = s->own->title,
                                  .student = student,
                                  .answers = answers};

    return heed_workbook_sheet((const heed_posing *const *)posings, s->n, &o, text, err);
}

/* A name of a file, at most MOST_NAME bytes: what could be more than a name becomes a dash. */
static void file_name(char *out, const char *student)
{
    size_t n = 0;

    for (const char *c = student; *c != '\0'; c++)
        out[n++] = isalnum((unsigned char)*c) || strchr("-_.", *c) != NULL || (unsigned char)*c >= 0x80 ? *c
                                                                                                        : '-';
    out[n] = '\0';
    if (out[0] == '.' || out[0] == '-') /* neither hidden nor taken for an option */
        out[0] = '_';
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "Ann B" and "Ann-B" would have one sheet. */
static heed_status check_file_names(const set *s, heed_error *err)
{
    char(*names)[MOST_NAME + 1] = calloc((size_t)s->n_students + 1, sizeof *names);
    heed_status status = HEED_OK;

    if (names == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a class");
    for (int i = 0; i < s->n_students; i++)
        file_name(names[i], s->students[i]);
    qsort(names, (size_t)s->n_students, sizeof *names, compare_names);
    for (int i = 1; i < s->n_students && status == HEED_OK; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            status = heed_cli_fail(err, HEED_ERR_FILE, "students: two of them would have the sheet \"%s\"",
                                   names[i]);
    }
    free(names);
    return status;
}

static heed_status put_file(const set *s, const char *student, const char *ending, const char *text,
                            heed_error *err)
{
    char path[4096], name[MOST_NAME + 1];
    heed_cli_out out;
    heed_status status;

    file_name(name, student);
    if (snprintf(path, sizeof path, "%s/%s%s", s->own->out, name, ending) >= (int)sizeof path)
        return heed_cli_fail(err, HEED_ERR_USAGE, "out: expected a shorter path");
    status = heed_cli_out_open(&out, path, s->own->force, err);
    if (status != HEED_OK)
        return status;
    return heed_cli_out_close(&out, heed_cli_out_put(&out, text, strlen(text), err), err);
}

/* The sheet of a student, the sheet with answers, and the lines for mark. */
static heed_status put_student(const set *s, const char *student, heed_posing **posings, FILE *lines,
                               heed_error *err)
{
    const char *name = student != NULL ? student : "sheet";
    heed_status status = pose_all(s, student, posings, err);
    char ending[32];

    for (int answers = 0; answers <= s->own->answers && status == HEED_OK; answers++) {
        char *text = NULL;

        status = write_sheet(s, posings, student, answers == 1, &text, err);
        snprintf(ending, sizeof ending, "%s.%s", answers == 1 ? ".answers" : "", endings[s->own->as]);
        if (status == HEED_OK)
            status = put_file(s, name, ending, text, err);
        free(text);
    }
    for (int i = 0; i < s->n && status == HEED_OK; i++) {
        char *line = NULL;

        status = heed_posing_line(posings[i], student != NULL ? student : "", &line, err);
        if (status == HEED_OK)
            fprintf(lines, "%s\n", line);
        free(line);
    }
    for (int i = 0; i < s->n; i++) {
        heed_posing_destroy(posings[i]);
        posings[i] = NULL;
    }
    return status;
}

static heed_status put_class(const set *s, heed_posing **posings, heed_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *lines = open_memstream(&text, &n);
    heed_status status = HEED_OK;

    if (lines == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a class");
    if (mkdir(s->own->out, 0777) != 0 && errno != EEXIST)
        status = heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be made: %s", s->own->out, strerror(errno));
    if (s->n_students == 0 && status == HEED_OK)
        status = put_student(s, NULL, posings, lines, err);
    for (int i = 0; i < s->n_students && status == HEED_OK; i++)
        status = put_student(s, s->students[i], posings, lines, err);
    if (fclose(lines) != 0 && status == HEED_OK)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a class");
    if (status == HEED_OK)
        status = put_file(s, "set", ".jsonl", text, err);
    free(text);
    if (status == HEED_OK)
        fprintf(stderr, "%s: %d sheets of %d exercises%s, and set.jsonl for \"heed workbook mark\"\n",
                s->own->out, s->n_students > 0 ? s->n_students : 1, s->n,
                s->own->answers ? ", their answers" : "");
    return status;
}

static heed_status print_one(const set *s, heed_posing **posings, heed_error *err)
{
    char *text = NULL;
    heed_status status = pose_all(s, NULL, posings, err);

    if (status == HEED_OK)
        status = write_sheet(s, posings, NULL, s->own->answers, &text, err);
    if (status == HEED_OK)
        fputs(text, stdout);
    free(text);
    for (int i = 0; i < s->n; i++)
        heed_posing_destroy(posings[i]);
    return status;
}

static heed_status make(const heed_cli_options *options, const set_options *own, const heed_workbook *book,
                        heed_error *err)
{
    const size_t most = (size_t)heed_workbook_count(book) + 1;
    set s = {.book = book, .own = own, .chosen = calloc(most, sizeof(int))};
    heed_posing **posings = calloc(most, sizeof *posings);
    heed_status status = HEED_OK;

    if (s.chosen == NULL || posings == NULL)
        status = heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for a set");
    for (int i = 0; i < options->n_operands && status == HEED_OK; i++)
        status = choose_named(&s, options->operands[i], err);
    if (status == HEED_OK)
        status = find_students(&s, err);
    if (status == HEED_OK)
        status = check_file_names(&s, err);
    if (status == HEED_OK && s.n_students > 0 && own->out == NULL)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "students: expected --out FOLDER for their sheets");
    if (status == HEED_OK)
        status = own->out != NULL ? put_class(&s, posings, err) : print_one(&s, posings, err);
    free(posings);
    free(s.chosen);
    free(s.students);
    free(s.names);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    set_options own = {.title = "Exercises"};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 3,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = HEED_CLI_MAX_OPERANDS};
    heed_workbook *book = NULL;
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = heed_workbook_open(&book, err);
    if (status == HEED_OK)
        status = make(&options, &own, book, err);
    heed_workbook_close(book);
    return status;
}

const heed_cli_command heed_cli_workbook_set = {
    .name = "workbook set",
    .operands = "ID ...",
    .summary = "sheets for a class, each student with numbers of their own",
    .details = "Exercises are named by ids, letters of groups, and patterns of ids such as 'pp.q1*'.\n"
               "A student's numbers come from the seed, the name and the id: they stay the same whoever else "
               "is in the\n"
               "class. set.jsonl has a line for each student and exercise, with the answers still empty: fill "
               "them in\n"
               "and give the file to \"heed workbook mark\". Predictions have room for words; --answers runs "
               "their\n"
               "experiments, each once for equal numbers.\n",
    .examples = "  heed workbook set pp.q10\n"
                "  heed workbook set 'pp.q1*' --answers\n"
                "  heed workbook set A C --students class.txt --seed 7 --as latex --answers --out sheets\n"
                "  heed workbook set A --students 40 --out sheets\n",
    .run = run,
};
