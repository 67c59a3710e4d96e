/* SPDX-License-Identifier: MIT */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"

heed_status heed_cli_input_open(heed_cli_input *input, const char *path, heed_error *err)
{
    const bool standard = strcmp(path, "-") == 0;

    *input = (heed_cli_input){.name = standard ? "standard input" : path};
    input->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0)
        return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be opened: %s", path, strerror(errno));
    return HEED_OK;
}

heed_cli_input heed_cli_input_text(const char *text, size_t n)
{
    return (heed_cli_input){.name = "the text", .fd = -1, .text = text, .n_left = n};
}

void heed_cli_input_close(heed_cli_input *input)
{
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    input->fd = -1;
}

heed_status heed_cli_input_read(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    heed_cli_input *in = context;

    *n = 0;
    if (in->fd < 0) {
        *n = in->n_left < capacity ? in->n_left : capacity;
        memcpy(buffer, in->text, *n);
        in->text += *n;
        in->n_left -= *n;
    }
    while (in->fd >= 0 && *n < capacity) { /* a pipe gives less than was asked for */
        const ssize_t got = read(in->fd, buffer + *n, capacity - *n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: cannot be read: %s", in->name, strerror(errno));
        if (got == 0)
            break;
        *n += (size_t)got;
    }
    in->n_bytes += (int64_t)*n;
    return HEED_OK;
}
