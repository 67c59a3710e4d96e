/* SPDX-License-Identifier: MIT */
#include "cli/workbook_edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/workbook_split.h"

/* Each line of the text behind a #. */
static void put_commented(FILE *out, const char *text)
{
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n");

        fprintf(out, "# %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static heed_status write_form(const heed_posing *p, char path[512], heed_error *err)
{
    const char *folder = getenv("TMPDIR");
    FILE *out;
    int fd;

    snprintf(path, 512, "%.400s/heed-answer-XXXXXX", folder != NULL && folder[0] != '\0' ? folder : "/tmp");
    fd = mkstemp(path);
    out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL)
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be made: %s", path, strerror(errno));
    put_commented(out, heed_posing_question(p));
    for (int i = 0; i < heed_posing_n_options(p); i++) {
        fprintf(out, "#\n#  %c ", 'a' + i);
        put_commented(out, heed_posing_option_at(p, i).text);
    }
    for (int i = 0; i < heed_posing_n_fields(p); i++) {
        const heed_posing_field *f = heed_posing_field_at(p, i);

        fputs("\n", out);
        put_commented(out, f->ask);
        fprintf(out, "%s =\n", f->name);
    }
    return fclose(out) == 0
               ? HEED_OK
               : heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be written: %s", path, strerror(errno));
}

/* The editor may be a command with options, so the shell takes it apart. */
static heed_status open_editor(const char *path, heed_error *err)
{
    const char *editor = getenv("VISUAL");
    char command[1024];
    int code = -1;
    pid_t child;

    if (editor == NULL || editor[0] == '\0')
        editor = getenv("EDITOR");
    if (editor == NULL || editor[0] == '\0')
        editor = "vi";
    snprintf(command, sizeof command, "%.900s \"$1\"", editor);
    child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &code, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || !WIFEXITED(code) || WEXITSTATUS(code) != 0)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%.200s: the editor ended without success; nothing is judged",
                             editor);
    return HEED_OK;
}

static void drop_comments(char *text)
{
    char *out = text;

    while (*text != '\0') {
        const size_t n = strcspn(text, "\n"), whole = n + (text[n] == '\n');

        if (text[0] != '#') {
            memmove(out, text, whole);
            out += whole;
        }
        text += whole;
    }
    *out = '\0';
}

heed_status heed_cli_edit_answers(const heed_posing *p, char path[512], char **text, heed_error *err)
{
    heed_status status = write_form(p, path, err);

    *text = NULL;
    if (status == HEED_OK)
        status = open_editor(path, err);
    if (status == HEED_OK)
        status = heed_cli_answers_read_file(path, text, err);
    if (status == HEED_OK)
        drop_comments(*text);
    return status;
}
