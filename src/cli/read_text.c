/* SPDX-License-Identifier: MIT */
#include "cli/read_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

#define MOST_BYTES ((size_t)1 << 30) /* of a text that is held whole; a device may have no end */

heed_status heed_cli_read_all(FILE *in, const char *name, char **text, size_t *n, heed_error *err)
{
    size_t capacity = 0;
    char *data = NULL;

    *text = NULL;
    *n = 0;
    do {
        if (capacity - *n < 2) {
            const size_t more = capacity == 0 ? 65536 : 2 * capacity;
            char *grown = more > capacity ? realloc(data, more) : NULL;
            if (grown == NULL) {
                free(data);
                return heed_cli_fail(err, HEED_ERR_MEMORY, "%.300s: not enough memory for more than %zu bytes",
                                     name, *n);
            }
            data = grown;
            capacity = more;
        }
        *n += fread(data + *n, 1, capacity - *n - 1, in);
        if (*n > MOST_BYTES) {
            free(data);
            return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: expected at most %zu bytes, there are more", name,
                                 MOST_BYTES);
        }
    } while (!feof(in) && !ferror(in));
    if (ferror(in)) {
        free(data);
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be read: %s", name, strerror(errno));
    }
    data[*n] = '\0';
    *text = data;
    return HEED_OK;
}

heed_status heed_cli_read_file(const char *path, char **text, size_t *n, heed_error *err)
{
    FILE *in = fopen(path, "rb");
    heed_status status;

    *text = NULL;
    if (in == NULL)
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be opened: %s", path, strerror(errno));
    status = heed_cli_read_all(in, path, text, n, err);
    fclose(in);
    return status;
}
