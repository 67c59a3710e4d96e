/* SPDX-License-Identifier: MIT */
#include "cli/workbook_shown.h"

#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/workbook_print.h"

#define MOST_SHOWN 12 /* rows, and columns, of a table */

static void put_label(const char *const *labels, int i, int width)
{
    if (labels != NULL)
        printf("%*s", width, labels[i]);
    else
        printf("%*d", width, i + 1);
}

static int label_width(const char *const *labels, int n)
{
    int width = 3;

    for (int i = 0; labels != NULL && i < n; i++)
        width = (int)strlen(labels[i]) > width ? (int)strlen(labels[i]) : width;
    return width;
}

/* As many columns as fit on the page, at least one. */
static int columns_shown(const heed_demo_table *t, int left, int wide)
{
    const int fit = (heed_cli_page_width() - left - 6) / (wide + 2), most = fit < MOST_SHOWN ? fit : MOST_SHOWN;

    return t->n_columns <= most ? t->n_columns : most > 1 ? most : 1;
}

static void put_table(const heed_demo_table *t)
{
    const int rows = t->n_rows < MOST_SHOWN ? t->n_rows : MOST_SHOWN, left = label_width(t->row_labels, rows),
              label = label_width(t->column_labels, t->n_columns), wide = label > 9 ? label : 9,
              columns = columns_shown(t, left, wide);

    heed_cli_put_head(t->title);
    printf("  %*s", left, "");
    for (int j = 0; j < columns; j++) {
        fputs("  ", stdout);
        put_label(t->column_labels, j, wide);
    }
    fputs(columns < t->n_columns ? "  ...\n" : "\n", stdout);
    for (int i = 0; i < rows; i++) {
        fputs("  ", stdout);
        put_label(t->row_labels, i, left);
        for (int j = 0; j < columns; j++) {
            const double x = t->values[(size_t)i * (size_t)t->n_columns + (size_t)j];
            printf("  %*.5g", wide, x == 0.0 ? 0.0 : x); /* not -0 */
        }
        putchar('\n');
    }
    if (rows < t->n_rows || columns < t->n_columns)
        printf("  ... %d x %d in all; --json has them\n", t->n_rows, t->n_columns);
}

static void put_passages(const heed_demo_result *r)
{
    for (int i = 0; i < r->n_passages; i++) {
        heed_cli_put_head(r->passages[i].title);
        heed_cli_put_paragraph(stdout, r->passages[i].text, strlen(r->passages[i].text), heed_cli_page_width());
    }
}

void heed_cli_put_demo_figures(const heed_demo_result *r)
{
    if (r->n_figures > 0)
        heed_cli_put_head("Figures");
    for (int i = 0; i < r->n_figures; i++) {
        const int n = printf("  %-24s %-11.5g ", r->figures[i].name, r->figures[i].value);

        heed_cli_put_words(r->figures[i].meaning, 39, n);
    }
}

void heed_cli_put_demo_verdict(const heed_demo_result *r)
{
    const heed_cli_ink ink = r->observed ? HEED_CLI_INK_RIGHT : HEED_CLI_INK_WRONG;

    heed_cli_put_head("The rule");
    heed_cli_put_words(r->info->rule, 2, 0);
    for (int i = 0; i < r->n_checks; i++) {
        fputs(r->checks[i].holds ? "  yes  " : "  NO   ", stdout);
        heed_cli_put_words(r->checks[i].words, 7, 7);
    }
    printf("\n%s%s%s\n", heed_cli_ink_on(ink), r->observed ? "observed" : "not observed", heed_cli_ink_off());
}

static heed_status put_drawing(const heed_demo_result *r, heed_error *err)
{
    const int columns = heed_cli_page_width();
    char *text = NULL;
    const heed_status status = heed_demo_text(r, columns, heed_cli_palette(stdout), &text, err);

    if (status == HEED_OK && text != NULL && text[0] != '\0')
        printf("\n%s", text);
    free(text);
    return status;
}

heed_status heed_cli_put_demo(const heed_demo_result *r, heed_error *err)
{
    heed_status status;

    printf("%s%s  %s%s\n", heed_cli_ink_on(HEED_CLI_INK_BOLD), r->info->id, r->info->title, heed_cli_ink_off());
    heed_cli_put_words(r->info->shows, 0, 0);
    if (r->sabotage) {
        heed_cli_put_head("Broken on purpose");
        heed_cli_put_words(r->info->sabotage, 2, 0);
    }
    for (int i = 0; i < r->n_tables; i++)
        put_table(&r->tables[i]);
    put_passages(r);
    status = put_drawing(r, err);
    heed_cli_put_demo_figures(r);
    heed_cli_put_demo_verdict(r);
    return status;
}

heed_status heed_cli_demo_json(const heed_demo_result *r, heed_error *err)
{
    char *text = NULL;
    const heed_status status = heed_demo_json(r, &text, err);

    if (status == HEED_OK)
        printf("%s\n", text);
    free(text);
    return status;
}
