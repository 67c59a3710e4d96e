/* SPDX-License-Identifier: MIT */
#include "base/pattern.h"

#include <limits.h>
#include <string.h>

/* Only the last star needs to be tried again: what an earlier one could take, the last one can take too. */
bool heed_pattern_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *taken = NULL;

    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            taken = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++taken;
        } else
            return false;
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, in which a star takes any letters for nothing and a question mark one. */
int heed_pattern_distance(const char *pattern, const char *name)
{
    enum { MOST = 127 };
    int row[MOST + 1];
    const size_t n = strlen(pattern), m = strlen(name);

    if (n > MOST || m > MOST)
        return INT_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 0; i < n; i++) {
        const bool star = pattern[i] == '*';
        int diagonal = row[0];

        row[0] += !star;
        for (size_t j = 1; j <= m; j++) {
            const bool same = star || pattern[i] == '?' || pattern[i] == name[j - 1];
            const int changed = diagonal + !same, without = row[j] + !star, more = row[j - 1] + !star;

            diagonal = row[j];
            row[j] = least(changed, least(without, more));
        }
    }
    return row[m];
}
