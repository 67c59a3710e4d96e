/* SPDX-License-Identifier: MIT */
/**
 * How every heed function says that it failed.
 *
 * A function that can fail returns heed_status and takes a last `heed_error *err`, which may be
 * NULL and otherwise receives one sentence: what was expected, what came, where.
 *
 *     heed_error err = {0};
 *     heed_model *model = NULL;
 *     if (heed_model_open("story", &model, &err) != HEED_OK)
 *         fprintf(stderr, "heed: %s\n", err.message);
 *
 * On failure, handles that would have been returned through a pointer are NULL.
 */
#ifndef HEED_STATUS_H
#define HEED_STATUS_H

#if defined(__GNUC__)
#define HEED_API __attribute__((visibility("default")))
#else
#define HEED_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every status, once: name, exit code of a command that ends with it, what it means. */
#define HEED_STATUS_LIST(X)                                            \
    X(HEED_OK, 0, "done")                                              \
    X(HEED_ERR_CHECK, 1, "a check failed")                             \
    X(HEED_ERR_USAGE, 2, "wrong use")                                  \
    X(HEED_ERR_SHAPE, 2, "sizes that do not fit")                      \
    X(HEED_ERR_FILE, 3, "a file that cannot be read, used or written") \
    X(HEED_ERR_MEMORY, 4, "not enough memory")                         \
    X(HEED_ERR_INTERRUPTED, 5, "interrupted, state saved")             \
    X(HEED_ERR_INTERNAL, 70, "a fault of heed itself")

#define HEED_STATUS_ENUM(name, exit_code, text) name,
typedef enum heed_status { HEED_STATUS_LIST(HEED_STATUS_ENUM) HEED_N_STATUSES } heed_status;
#undef HEED_STATUS_ENUM

typedef struct heed_error {
    heed_status status;
    char message[512]; /* one sentence without a final newline; UTF-8, safe to print */
} heed_error;

/** The exit code of a command that ends with this status (0, 1, 2, 3, 4, 5 or 70). */
HEED_API int heed_status_exit_code(heed_status status);

/** A few words for the status, such as "not enough memory". Never NULL. */
HEED_API const char *heed_status_text(heed_status status);

#ifdef __cplusplus
}
#endif
#endif
