/* SPDX-License-Identifier: MIT */
/* Lists of numbers as people write them: "0,2-3". */
#include <ctype.h>
#include <heed/inspect.h>
#include <string.h>

#include "base/error.h"

/* The number at *p, which moves behind it; -1: there is none. Anything beyond six digits is beyond any count. */
static int64_t take_number(const char **p)
{
    int64_t value = 0;

    if (!isdigit((unsigned char)**p))
        return -1;
    for (; isdigit((unsigned char)**p); (*p)++)
        value = value < 1000000 ? 10 * value + (**p - '0') : value;
    return value;
}

static heed_status no_such(const char *what, int64_t count, int64_t number, heed_error *err)
{
    if (count == 1)
        return heed_fail(err, HEED_ERR_USAGE, "there is no %s %lld: the only %s is 0", what, (long long)number,
                         what);
    return heed_fail(err, HEED_ERR_USAGE, "there is no %s %lld: %ss are 0 to %lld", what, (long long)number,
                     what, (long long)count - 1);
}

heed_status heed_select_numbers(const char *list, const char *what, int64_t count, bool *chosen,
                                heed_error *err)
{
    char shown[80];

    for (int64_t i = 0; i < count; i++)
        chosen[i] = list == NULL;
    for (const char *p = list; list != NULL;) {
        const int64_t first = take_number(&p);
        const bool range = first >= 0 && *p == '-';
        int64_t last = first;

        if (range) {
            p++;
            last = take_number(&p);
        }
        if (first < 0 || last < first || (*p != ',' && *p != '\0'))
            return heed_fail(err, HEED_ERR_USAGE, "%ss: expected numbers and ranges such as 0,2-3, got \"%s\"",
                             what, heed_quote(shown, sizeof shown, list, strlen(list)));
        if (last >= count)
            return no_such(what, count, first >= count ? first : last, err);
        for (int64_t i = first; i <= last; i++)
            chosen[i] = true;
        if (*p == '\0')
            break;
        p++;
    }
    return HEED_OK;
}
