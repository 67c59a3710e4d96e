/* SPDX-License-Identifier: MIT */
#include "cli/workbook_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/line.h"
#include "cli/output.h"
#include "cli/workbook_print.h"

/* Is a matrix whole with this line? Rows apart by ; or in brackets are; otherwise an empty line ends it, and own words. */
static bool is_whole(const heed_posing_field *f, const char *line)
{
    if (f->free)
        return line[0] == '\0' || line[0] == '@';
    return f->kind != HEED_ANSWER_MATRIX || line[0] == '\0' || line[0] == '@' || strchr(line, ';') != NULL ||
           strncmp(line, "[[", 2) == 0;
}

/* An answer, a line or rows up to an empty one; false: the input has ended. *answer is allocated. */
static bool read_answer(const heed_posing_field *f, const char *before, char **answer)
{
    size_t n = 0;
    FILE *out = open_memstream(answer, &n);
    const char *line;
    char prompt[80];
    bool there;

    if (out == NULL)
        return false;
    if (before != NULL && strlen(before) < 24 && strchr(before, '\n') == NULL)
        snprintf(prompt, sizeof prompt, "%.40s [%s] = ", f->name, before);
    else
        snprintf(prompt, sizeof prompt, "%.60s%s = ", f->name, before != NULL ? " [as it is]" : "");
    there = heed_cli_read_line(prompt, true, &line);
    fputs(line, out);
    while (there && !is_whole(f, line)) {
        snprintf(prompt, sizeof prompt, "%*s> ", (int)strlen(f->name) + 1, "");
        there = heed_cli_read_line(prompt, true, &line);
        if (line[0] == '\0')
            break;
        fprintf(out, "\n%s", line);
    }
    return fclose(out) == 0 && (there || n > 0);
}

/* Until it can be read; empty: left out, or as it was before. */
static bool ask(const heed_posing *p, int i, const char *before, char **answer)
{
    const heed_posing_field *f = heed_posing_field_at(p, i);
    heed_error own = {HEED_OK, ""};

    heed_cli_put_words(f->ask, 0, 0);
    if (f->free)
        puts("(an empty line ends it)");
    for (;;) {
        free(*answer);
        *answer = NULL;
        if (!read_answer(f, before, answer))
            return false;
        if ((*answer)[0] == '\0' && before != NULL) {
            free(*answer);
            *answer = strdup(before);
            return *answer != NULL;
        }
        if ((*answer)[0] == '@' || heed_posing_reads(p, i, *answer, &own) == HEED_OK)
            return true;
        heed_cli_put_words(own.message, 0, 0);
    }
}

heed_status heed_cli_ask_answers(const heed_posing *p, const heed_cli_answers *before, char **text,
                                 heed_error *err)
{
    size_t n = 0;
    FILE *out = open_memstream(text, &n);
    char *answer = NULL;
    bool more = true;

    if (out == NULL)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
    for (int i = 0; i < heed_posing_n_fields(p) && more; i++) {
        more = ask(p, i, before != NULL ? before->of[i] : NULL, &answer);
        if (more && answer[strspn(answer, " \t\n")] != '\0')
            fprintf(out, "%s = %s\n", heed_posing_field_at(p, i)->name, answer);
    }
    free(answer);
    if (fclose(out) != 0)
        return heed_cli_fail(err, HEED_ERR_MEMORY, "not enough memory for an answer");
    return HEED_OK;
}
