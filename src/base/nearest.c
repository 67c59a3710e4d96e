/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <limits.h>
#include <string.h>

int heed_edit_distance(const char *a, const char *b)
{
    int row[64];
    const int n = (int)strlen(a), m = (int)strlen(b);

    if (n > 63 || m > 63)
        return INT_MAX;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            const int change = diagonal + (a[i - 1] != b[j - 1]);
            const int least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[m];
}

int heed_is_near(const char *word, int distance)
{
    return distance <= 1 + (int)strlen(word) / 3;
}

const char *heed_nearer(const char *word, const char *best, const char *candidate)
{
    const int distance = heed_edit_distance(word, candidate);

    if (!heed_is_near(word, distance) || (best != NULL && heed_edit_distance(word, best) <= distance))
        return best;
    return candidate;
}
