/* SPDX-License-Identifier: MIT */
/* Matrices from hostile bytes: what is read is no NaN, and truths are ones and zeros. */
#include <math.h>
#include <stdlib.h>

#include "formats/matrix_text.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int kind = 0; kind < 4; kind++) {
        const heed_matrix_text how = {
            .where = "fuzz", .csv = kind & 1, .truths = kind & 2, .status = HEED_ERR_FILE};
        heed_matrix matrix;
        heed_error err = {0};

        if (heed_matrix_parse((const char *)data, size, &how, &matrix, &err) != HEED_OK) {
            require(matrix.data == NULL && err.message[0] != '\0');
            continue;
        }
        require(matrix.rows > 0 && matrix.columns > 0 && matrix.rows <= (int64_t)size / matrix.columns);
        for (int64_t i = 0; i < matrix.rows * matrix.columns; i++)
            require(!isnan(matrix.data[i]) &&
                    (!how.truths || matrix.data[i] == 0.0f || matrix.data[i] == 1.0f));
        heed_matrix_free(&matrix);
    }
    return 0;
}
