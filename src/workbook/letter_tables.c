/* SPDX-License-Identifier: MIT */
#include "workbook/letter_tables.h"

#include <stdio.h>
#include <string.h>

const char heed_alphabet[] = "abcdefghijklmnopqrstuvwxyz";

char heed_take_letter(heed_solving *s)
{
    const char *text = heed_take_text(s, "letter");

    if (s->status == HEED_OK && strlen(text) != 1)
        heed_solve_fail(s, HEED_ERR_USAGE, "letter: expected one letter from a to z");
    return text[0];
}

void heed_vary_letter(heed_varying *v)
{
    const char text[] = {(char)('a' + heed_draw_int(v, 0, HEED_N_LETTERS - 1)), '\0'};

    heed_vary_set_text(v, "letter", text);
}

const char *heed_letter_reading_of(heed_grid table, const heed_letter_reading *readings, int n)
{
    for (int r = 0; r < n; r++) {
        bool holds = table.rows > 0;
        for (int64_t i = 0; i < table.rows * table.columns; i++)
            holds = holds && (table.data[i] == 1.0) == readings[r].says(i / table.columns, i % table.columns);
        if (holds)
            return readings[r].key;
    }
    return "";
}

void heed_step_letter_feature(heed_solving *s, heed_grid table, int64_t feature, bool letters)
{
    char text[256] = "";
    size_t used = 0;

    for (int64_t i = 0; i < table.rows && used + 8 < sizeof text; i++) {
        if (table.data[i * table.columns + feature] != 1.0)
            continue;
        used += letters ? (size_t)snprintf(text + used, sizeof text - used, " %c", heed_alphabet[i])
                        : (size_t)snprintf(text + used, sizeof text - used, " %lld", (long long)i + 1);
    }
    heed_step(s, "row %lld is 1 for:%s", (long long)feature + 1, used > 0 ? text : " nothing");
}
