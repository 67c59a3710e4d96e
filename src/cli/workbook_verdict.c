/* SPDX-License-Identifier: MIT */
#include "cli/workbook_verdict.h"

#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

/* --- printed --- */

static void put_field(const heed_marking_field *f, int widest)
{
    printf("%s%s%s  %s", heed_cli_ink_on(f->ok ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG),
           f->ok        ? "right"
           : f->missing ? "open "
                        : "wrong",
           heed_cli_ink_off(), f->name);
    if (f->missing)
        printf("%*soutputs/%s.txt or .npy is not there\n", widest - (int)strlen(f->name) + 2, "", f->name);
    else if (f->words[0] != '\0') {
        printf("%*s", widest - (int)strlen(f->name) + 2, "");
        heed_cli_put_words(f->words, 9, 9 + widest);
    } else
        putchar('\n');
    if (f->slip != NULL)
        heed_cli_put_words(f->slip, 7, 0);
    if (f->remark != NULL)
        heed_cli_put_words(f->remark, 7, 0);
}

static void put_marking(const heed_marking *m)
{
    int widest = 0;

    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        const int n = (int)strlen(heed_marking_field_at(m, i)->name);
        widest = n > widest ? n : widest;
    }
    for (int i = 0; i < heed_marking_n_fields(m); i++)
        put_field(heed_marking_field_at(m, i), widest);
}

static void put_json(heed_cli_json *json, const heed_code_verdict *v)
{
    const heed_marking *m = v->marking;

    heed_cli_json_bool(json, "ok", heed_marking_ok(m));
    heed_cli_json_open(json, "fields", '{');
    for (int i = 0; i < heed_marking_n_fields(m); i++) {
        const heed_marking_field *f = heed_marking_field_at(m, i);

        heed_cli_json_open(json, f->name, '{');
        heed_cli_json_bool(json, "ok", f->ok);
        heed_cli_json_bool(json, "missing", f->missing);
        if (f->words[0] != '\0')
            heed_cli_json_text(json, "words", f->words);
        if (f->slip != NULL)
            heed_cli_json_text(json, "slip", f->slip);
        if (f->remark != NULL)
            heed_cli_json_text(json, "remark", f->remark);
        heed_cli_json_close(json, '}');
    }
    heed_cli_json_close(json, '}');
    if (v->remark != NULL)
        heed_cli_json_text(json, "remark", v->remark);
}

/* --- judged --- */

/* "a is right", or HEED_ERR_CHECK with how much of it is. */
static heed_status sum_up(const char *id, const heed_marking *m, heed_error *err)
{
    const int n = heed_marking_n_fields(m);
    int n_right = 0;

    if (heed_marking_ok(m))
        return HEED_OK;
    for (int i = 0; i < n; i++)
        n_right += heed_marking_field_at(m, i)->ok;
    if (n == 1)
        return heed_cli_fail(err, HEED_ERR_CHECK, "%s is not right yet", id);
    return heed_cli_fail(err, HEED_ERR_CHECK, "%s is not right yet: %d of %d parts are", id, n_right, n);
}

/* json NULL: printed. */
static heed_status judge(const heed_cli_desk *desk, const heed_code_folder *folder, heed_cli_json *json,
                         heed_error *err)
{
    const heed_posing *p = heed_code_posing(folder);
    const char *id = heed_posing_info(p)->id;
    heed_error unsaved = {HEED_OK, ""};
    heed_code_verdict v;
    heed_status status = heed_code_check(folder, &v, err);

    if (status != HEED_OK) {
        if (json != NULL)
            heed_cli_json_bool(json, "ok", false);
        return status;
    }
    if (json != NULL)
        put_json(json, &v);
    else {
        put_marking(v.marking);
        if (v.remark != NULL)
            heed_cli_put_words(v.remark, 0, 0);
    }
    heed_cli_desk_note(
        heed_notebook_attempted(desk->notebook, p, heed_marking_ok(v.marking), v.answer, &unsaved), &unsaved);
    status = sum_up(id, v.marking, err);
    heed_code_verdict_free(&v);
    return status;
}

heed_status heed_cli_judge_outputs(const heed_cli_desk *desk, const heed_code_folder *folder, heed_error *err)
{
    return judge(desk, folder, NULL, err);
}

heed_status heed_cli_judge_outputs_json(const heed_cli_desk *desk, const heed_code_folder *folder,
                                        heed_cli_json *json, heed_error *err)
{
    return judge(desk, folder, json, err);
}
