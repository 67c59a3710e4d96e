/* SPDX-License-Identifier: MIT */
#include "cli/saves.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/inotify.h>
#endif

#define MOST_ENTRIES 4096 /* of all folders that are looked at */
#define DEPTH        3    /* of folders in folders */
#define LOOK_MS      300
#define TOLD_MS      1000 /* the same where inotify tells */
#define REST_MS      60   /* an editor writes in several steps */
#define MOST_RESTS   30

struct heed_cli_saves {
    char folder[4096], file[256];
    int notices;           /* of inotify; -1: none */
    uint64_t all, sources; /* what was there when somebody last waited */
};

/* --- which files count --- */

static bool is_source(const char *name)
{
    static const char *const ends[] = {".c",  ".h",  ".py",    ".cpp", ".cc",   ".hpp", ".rs",  ".go",
                                       ".js", ".ts", ".java",  ".jl",  ".m",    ".r",   ".R",   ".rb",
                                       ".hs", ".ml", ".scala", ".kt",  ".zig",  ".cs",  ".f90", ".lua",
                                       ".pl", ".sh", ".swift", ".scm", ".lisp", ".d",   ".nim", NULL};
    const char *end = strrchr(name, '.');

    for (int i = 0; end != NULL && ends[i] != NULL; i++) {
        if (strcmp(end, ends[i]) == 0)
            return true;
    }
    return false;
}

static bool counts(const char *name, int depth)
{
    static const char *const others[] = {"inputs", "outputs",      "build",       "README.md", "exercise.json",
                                         "target", "node_modules", "__pycache__", "4913",      NULL};
    const size_t n = strlen(name);

    for (int i = 0; others[i] != NULL; i++) {
        if (strcmp(name, others[i]) == 0 && (depth == 0 || i >= 5))
            return false;
    }
    return name[0] != '.' && name[0] != '#' && name[n - 1] != '~' &&
           (n < 4 || strcmp(name + n - 4, ".tmp") != 0);
}

/* --- what is there: one number of names, times, sizes and places --- */

typedef struct looking {
    uint64_t all, sources; /* sums, so that the order of entries does not count */
    int n;
} looking;

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *b = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ b[i]) * UINT64_C(1099511628211);
    return hash;
}

static void look_at(looking *l, const char *path, const char *own, int depth);

static void look_at_entry(looking *l, const char *path, const char *name, const char *own, int depth)
{
    char inside[4096];
    struct stat info;
    uint64_t hash = UINT64_C(14695981039346656037);

    if (snprintf(inside, sizeof inside, "%s/%s", path, name) >= (int)sizeof inside || lstat(inside, &info) != 0)
        return;
    if (S_ISDIR(info.st_mode)) {
        if (depth < DEPTH)
            look_at(l, inside, own, depth + 1);
        return;
    }
    hash = mix(hash, inside, strlen(inside));
    hash = mix(hash, &info.st_mtim, sizeof info.st_mtim);
    hash = mix(hash, &info.st_size, sizeof info.st_size);
    hash = mix(hash, &info.st_ino, sizeof info.st_ino);
    l->all += hash;
    if (is_source(name) || (depth == 0 && strcmp(name, own) == 0))
        l->sources += hash;
}

static void look_at(looking *l, const char *path, const char *own, int depth)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;

    while (folder != NULL && l->n < MOST_ENTRIES && (entry = readdir(folder)) != NULL) {
        l->n++;
        if (counts(entry->d_name, depth))
            look_at_entry(l, path, entry->d_name, own, depth);
    }
    if (folder != NULL)
        closedir(folder);
}

static looking look(const heed_cli_saves *s)
{
    looking l = {0};

    look_at(&l, s->folder, s->file, 0);
    return l;
}

/* --- waiting --- */

heed_cli_saves *heed_cli_saves_open(const char *folder, const char *file)
{
    heed_cli_saves *s = calloc(1, sizeof *s);
    looking l;

    if (s == NULL)
        return NULL;
    snprintf(s->folder, sizeof s->folder, "%s", folder);
    snprintf(s->file, sizeof s->file, "%s", file != NULL ? file : "");
    s->notices = -1;
#ifdef __linux__
    s->notices = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->notices >= 0 &&
        inotify_add_watch(s->notices, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB) < 0) {
        close(s->notices);
        s->notices = -1;
    }
#endif
    l = look(s);
    s->all = l.all;
    s->sources = l.sources;
    return s;
}

void heed_cli_saves_close(heed_cli_saves *s)
{
    if (s == NULL)
        return;
    if (s->notices >= 0)
        close(s->notices);
    free(s);
}

static void drain(const heed_cli_saves *s)
{
    char bytes[4096];

    while (s->notices >= 0 && read(s->notices, bytes, sizeof bytes) > 0)
        ;
}

/* Until nothing has changed for a moment. */
static looking rest(const heed_cli_saves *s)
{
    looking before = look(s), now = before;

    for (int i = 0; i < MOST_RESTS; i++) {
        poll(NULL, 0, REST_MS);
        now = look(s);
        if (now.all == before.all)
            break;
        before = now;
    }
    return now;
}

bool heed_cli_saves_wait(heed_cli_saves *s, bool (*stop)(void))
{
    while (!stop()) {
        struct pollfd notices = {.fd = s->notices, .events = POLLIN};

        if (look(s).all != s->all) {
            const looking now = rest(s);

            drain(s);
            s->all = now.all;
            s->sources = now.sources;
            return true;
        }
        poll(&notices, 1, s->notices >= 0 ? TOLD_MS : LOOK_MS);
        drain(s);
    }
    return false;
}

void heed_cli_saves_go_on(heed_cli_saves *s)
{
    const looking now = look(s);

    /* a source that was saved while something ran is still to be looked at */
    s->all = now.sources == s->sources ? now.all : ~now.all;
    s->sources = now.sources;
}
