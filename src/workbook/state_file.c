/* SPDX-License-Identifier: MIT */
/* The file of a notebook: where it is, read, locked and replaced. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "formats/json.h"
#include "workbook/state.h"

#define FORMAT     1
#define PATIENCE_S 10.0 /* for another workbook's change, which takes milliseconds */
#define SHOWN      256

heed_status heed_state_place(char path[HEED_STATE_PATH], heed_error *err)
{
    /* As the XDG rules have it, an empty variable counts as none, and a path that is not absolute too. */
    static const struct {
        const char *variable, *below;
    } places[] = {{"XDG_STATE_HOME", "heed/workbook.json"}, {"HOME", ".local/state/heed/workbook.json"}};
    const char *own = getenv("HEED_WORKBOOK");

    path[0] = '\0';
    if (own != NULL && own[0] != '\0') {
        if (strlen(own) + 16 > HEED_STATE_PATH)
            return heed_fail(err, HEED_ERR_USAGE, "HEED_WORKBOOK: expected a shorter path");
        snprintf(path, HEED_STATE_PATH, "%s", own);
        return HEED_OK;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *value = getenv(places[i].variable);

        if (value != NULL && value[0] == '/')
            return heed_path_join(path, HEED_STATE_PATH - 16, value, places[i].below, err);
    }
    return heed_fail(err, HEED_ERR_USAGE,
                     "expected HOME, XDG_STATE_HOME or HEED_WORKBOOK to say where the notebook is");
}

json_t *heed_state_empty(void)
{
    return json_pack("{s:i, s:{}}", "heed_workbook", FORMAT, "exercises");
}

/* --- reading and writing --- */

static heed_status no_notebook(const char *why, heed_error *err)
{
    return heed_fail(err, HEED_ERR_FILE,
                     "%s; it is left as it is, \"heed workbook reset\" puts it aside and begins anew", why);
}

static heed_status check(const char *path, const json_t *root, heed_error *err)
{
    const json_t *exercises = json_object_get(root, "exercises"), *entry;
    const json_int_t format = json_integer_value(json_object_get(root, "heed_workbook"));
    const char *id;
    char shown[SHOWN], why[SHOWN + 80];

    heed_quote(shown, sizeof shown, path, strlen(path));
    if (format > FORMAT) {
        snprintf(why, sizeof why, "%s: a newer heed has written this notebook", shown);
        return no_notebook(why, err);
    }
    snprintf(why, sizeof why, "%s: this is no notebook of heed's", shown);
    if (format != FORMAT || !json_is_object(exercises))
        return no_notebook(why, err);
    json_object_foreach((json_t *)(uintptr_t)exercises, id, entry)
    {
        if (!json_is_object(entry))
            return no_notebook(why, err);
    }
    return HEED_OK;
}

heed_status heed_state_load(const char *path, json_t **root, heed_error *err)
{
    heed_error own = {HEED_OK, ""};
    heed_status status;

    *root = NULL;
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *root = heed_state_empty();
        return *root != NULL ? HEED_OK : heed_fail(err, HEED_ERR_MEMORY, "not enough memory for a notebook");
    }
    status = heed_json_load(path, HEED_STATE_MOST_BYTES, root, &own);
    if (status != HEED_OK)
        return status == HEED_ERR_MEMORY ? heed_fail(err, status, "%s", own.message)
                                         : no_notebook(own.message, err);
    status = check(path, *root, err);
    if (status != HEED_OK) {
        json_decref(*root);
        *root = NULL;
    }
    return status;
}

static heed_status make_folder_of(const char *path, heed_error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[HEED_STATE_PATH];

    if (slash == NULL || slash == path)
        return HEED_OK;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return heed_file_is_folder(folder) ? HEED_OK : heed_folder_make(folder, err);
}

heed_status heed_state_lock(const char *path, int *fd, heed_error *err)
{
    const double begun = heed_clock_s();
    const struct timespec moment = {0, 10000000};
    char name[HEED_STATE_PATH + 8], shown[SHOWN];
    heed_status status = make_folder_of(path, err);

    *fd = -1;
    if (status != HEED_OK)
        return status;
    snprintf(name, sizeof name, "%s.lock", path);
    heed_quote(shown, sizeof shown, name, strlen(name));
    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return heed_fail(err, HEED_ERR_FILE, "%s: cannot be made: %s", shown, strerror(errno));
    while (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        const int reason = errno;

        if ((reason == EWOULDBLOCK || reason == EINTR) && heed_clock_s() - begun < PATIENCE_S) {
            nanosleep(&moment, NULL);
            continue;
        }
        close(*fd);
        *fd = -1;
        return heed_fail(err, HEED_ERR_FILE, "%s: %s", shown,
                         reason == EWOULDBLOCK ? "another workbook has held it for ten seconds"
                                               : strerror(reason));
    }
    heed_file_sweep(path);
    return HEED_OK;
}
