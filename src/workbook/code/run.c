/* SPDX-License-Identifier: MIT */
/* The learner's program, compiled and run in its folder. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_DIRECTORY */
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/program.h"
#include "workbook/book.h"
#include "workbook/code/code.h"

#define COMPILE_S     60.0
#define FILE_BYTES    ((int64_t)64 << 20) /* of a file that a program writes */
#define MEMORY_BYTES  ((int64_t)4 << 30)
#define PRINTED_BYTES ((int64_t)64 << 20)
#define PROCESSES     256  /* that a user may have more than there are */
#define SWARM         2000 /* that root may have */

bool heed_code_confines(void)
{
    return heed_confine_exists();
}

/* --- inputs are what they were, outputs are none --- */

static bool holds(int folder, const char *file, const heed_text_buffer *bytes)
{
    const int fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    char *now = malloc(bytes->size + 1);
    bool same = now != NULL && fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                info.st_size == (off_t)bytes->size;

    for (size_t n = 0; same && n < bytes->size;) {
        const ssize_t got = read(fd, now + n, bytes->size - n);

        same = got > 0;
        n += same ? (size_t)got : 0;
    }
    same = same && memcmp(now, bytes->data != NULL ? bytes->data : "", bytes->size) == 0;
    if (fd >= 0)
        close(fd);
    free(now);
    return same;
}

/* A file of that name takes the place of whatever had it, but of a folder. */
static bool replace(int folder, const char *file, const heed_text_buffer *bytes)
{
    static const char *const temporary = ".heed-input.tmp";
    int fd;
    bool whole;

    unlinkat(folder, temporary, 0);
    fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    whole = fd >= 0 && (bytes->size == 0 || write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size);
    if (fd >= 0)
        whole = close(fd) == 0 && whole;
    return whole && renameat(folder, temporary, folder, file) == 0;
}

static heed_status no_folder(const char *name, heed_error *err)
{
    return heed_fail(err, HEED_ERR_FILE, "%s: expected a folder: %s", name,
                     errno == ELOOP || errno == ENOTDIR ? "it is a link or a file" : strerror(errno));
}

static heed_status mend_inputs(const heed_code_folder *f, int64_t *n_mended, heed_error *err)
{
    const int folder = heed_code_open_folder(f->path, "inputs");
    heed_status status = HEED_OK;
    const char *name;
    json_t *value;

    if (folder < 0)
        return no_folder("inputs", err);
    json_object_foreach(f->asked->params, name, value)
    {
        heed_text_buffer bytes = {0};
        char file[128];

        if (!heed_code_input(name, value, f->format, file, &bytes))
            status = heed_fail(err, HEED_ERR_MEMORY, "not enough memory for inputs/%s", file);
        else if (!holds(folder, file, &bytes)) {
            *n_mended += 1;
            if (!replace(folder, file, &bytes))
                status = heed_fail(err, HEED_ERR_FILE, "inputs/%s: is not as it was, and cannot be written: %s",
                                   file, strerror(errno));
        }
        heed_text_free(&bytes);
        if (status != HEED_OK)
            break;
    }
    close(folder);
    return status;
}

/* So that what a run before this one has written is not taken for its work. */
static heed_status clear_outputs(const heed_code_folder *f, heed_error *err)
{
    const int folder = heed_code_open_folder(f->path, "outputs");
    heed_status status = HEED_OK;

    if (folder < 0)
        return no_folder("outputs", err);
    for (int i = 0; i < f->asked->n_fields && status == HEED_OK; i++) {
        for (int npy = 0; npy < 2 && status == HEED_OK; npy++) {
            char file[128];

            snprintf(file, sizeof file, "%.100s.%s", f->asked->specs[i]->name, npy ? "npy" : "txt");
            if (unlinkat(folder, file, 0) != 0 && errno != ENOENT)
                status = heed_fail(err, HEED_ERR_FILE,
                                   "outputs/%s: the one from before cannot be taken away: %s", file,
                                   strerror(errno));
        }
    }
    close(folder);
    return status;
}

/* Those that a learner, or a program, has taken away. */
static void make_folders(const heed_code_folder *f)
{
    static const char *const names[] = {"outputs", "build"};
    const int at = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; at >= 0 && i < sizeof names / sizeof names[0]; i++)
        mkdirat(at, names[i], 0777);
    if (at >= 0)
        close(at);
}

/* --- running --- */

/* command for the shell, which may write into `writable` alone; NULL: everywhere. */
static heed_status run_command(const heed_code_folder *f, const char *command, double time_s,
                               const char *const *writable, const heed_code_options *o,
                               heed_program_result *result, heed_error *err)
{
    char temporary[HEED_CODE_PATH + 32];
    const char *const environment[] = {temporary, "PYTHONDONTWRITEBYTECODE=1", NULL};
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    const heed_program program = {
        .argv = argv,
        .folder = f->path,
        .environment = environment,
        .writable = writable,
        .limits = {.file_bytes = FILE_BYTES, .memory_bytes = MEMORY_BYTES, .processes = PROCESSES},
        .time_s = time_s,
        .printed_bytes = PRINTED_BYTES,
        .swarm = SWARM,
        .stop = o->stop,
        .context = o->context};

    snprintf(temporary, sizeof temporary, "TMPDIR=%s/build", f->path);
    return heed_program_run(&program, result, err);
}

static const char *words_of_signal(int number)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
        return "it used memory that is not its own (a segmentation fault)";
    case SIGFPE:
        return "it divided a whole number by 0, or the like";
    case SIGABRT:
        return "it gave up (abort)";
    case SIGILL:
        return "it came to what is no instruction";
    case SIGKILL:
        return "it was killed, perhaps for want of memory";
    case SIGXFSZ:
        return "it wrote a file of more than 64 MiB";
    default:
        return NULL;
    }
}

static void say_signal(heed_code_run *run, const char *what, int number)
{
    const char *words = words_of_signal(number);

    if (words != NULL)
        snprintf(run->words, sizeof run->words, "%s crashed: %s", what, words);
    else
        snprintf(run->words, sizeof run->words, "%s was ended by signal %d", what, number);
}

static void say_code(heed_code_run *run, const char *what, const heed_program_result *r)
{
    const bool refused = r->confined && strstr(r->printed, "Permission denied") != NULL;

    if (r->code == 0)
        return;
    if (r->code > 128 && words_of_signal(r->code - 128) != NULL) /* of a command in a shell */
        say_signal(run, what, r->code - 128);
    else
        snprintf(run->words, sizeof run->words, "%s ended with exit code %d%s%s", what, r->code,
                 r->code == 127 ? ": perhaps there is no such command" : "",
                 refused ? "; it may write in its folder alone" : "");
}

/* What happened, as a sentence; "" where it ended well. Hands on what was printed. */
static void tell(heed_code_run *run, const char *what, double time_s, heed_program_result *r)
{
    switch (r->end) {
    case HEED_PROGRAM_EXITED:
        say_code(run, what, r);
        break;
    case HEED_PROGRAM_CRASHED:
        say_signal(run, what, r->code);
        break;
    case HEED_PROGRAM_TIMED_OUT:
        snprintf(run->words, sizeof run->words, "%s ran longer than %g s, and was ended", what, time_s);
        break;
    case HEED_PROGRAM_FLOODED:
        snprintf(run->words, sizeof run->words, "%s printed more than %lld MiB, and was ended", what,
                 (long long)(PRINTED_BYTES >> 20));
        break;
    case HEED_PROGRAM_SWARMED:
        snprintf(run->words, sizeof run->words, "%s started more than %d processes, and was ended", what,
                 SWARM);
        break;
    case HEED_PROGRAM_STOPPED:
        snprintf(run->words, sizeof run->words, "%s was ended", what);
        run->stopped = true;
        break;
    case HEED_PROGRAM_LOST:
        snprintf(run->words, sizeof run->words, "%s ended the process that looks after it, and was ended",
                 what);
        break;
    }
    free(run->printed);
    run->printed = r->printed;
    run->n_printed = r->n_printed;
    run->n_written = r->n_written;
    run->seconds = r->seconds;
    run->ok = run->words[0] == '\0';
    r->printed = NULL;
}

/* What C is compiled with; NULL: nothing is to be compiled. */
static const char *compiler_of(heed_code_language language)
{
    if (language == HEED_CODE_C)
        return "exec ${CC:-cc} -std=gnu11 -O1 -g -Wall -Wno-unused $CFLAGS -o build/solution solution.c -lm";
    if (language == HEED_CODE_LIBHEED)
        return "flags=$(pkg-config --cflags --libs heed) && "
               "exec ${CC:-cc} -std=gnu11 -O1 -g -Wall -Wno-unused $CFLAGS -o build/solution solution.c $flags "
               "-lm";
    return NULL;
}

static heed_status compile(const heed_code_folder *f, const heed_code_options *o, heed_code_run *run,
                           heed_error *err)
{
    const double time_s = o->time_limit_s > COMPILE_S ? o->time_limit_s : COMPILE_S;
    heed_program_result result;
    heed_status status = run_command(f, compiler_of(f->language), time_s, NULL, o, &result, err);

    if (status != HEED_OK)
        return status;
    tell(run, "the compiler", time_s, &result);
    if (result.end == HEED_PROGRAM_EXITED && result.code != 0)
        snprintf(run->words, sizeof run->words, "%s does not compile", heed_code_file_of(f->language));
    return HEED_OK;
}

/* A command of the learner's may build something, so it writes in all of the folder; a program where it has to. */
static heed_status execute(const heed_code_folder *f, const heed_code_options *o, heed_code_run *run,
                           heed_error *err)
{
    static const char *const whole[] = {".", NULL}, *const parts[] = {"outputs", "build", NULL};
    static const char *const commands[HEED_CODE_N_LANGUAGES] = {
        "exec ./build/solution", "exec ./build/solution", "exec python3 solution.py", NULL};
    const char *command = o->command != NULL ? o->command : commands[f->language];
    heed_program_result result;
    heed_status status;

    if (command == NULL)
        return heed_fail(err, HEED_ERR_USAGE, "expected a command that runs your program");
    status = run_command(f, command, o->time_limit_s, o->command != NULL ? whole : parts, o, &result, err);
    if (status == HEED_OK)
        tell(run, o->command != NULL ? "the command" : "the program", o->time_limit_s, &result);
    return status;
}

heed_status heed_code_run_in(const heed_code_folder *f, const heed_code_options *o, heed_code_run *run,
                             heed_error *err)
{
    heed_status status;

    *run = (heed_code_run){.ok = true};
    make_folders(f);
    status = mend_inputs(f, &run->n_inputs_mended, err);
    if (status == HEED_OK)
        status = clear_outputs(f, err);
    if (status == HEED_OK && o->command == NULL && compiler_of(f->language) != NULL)
        status = compile(f, o, run, err);
    if (status == HEED_OK && run->ok)
        status = execute(f, o, run, err);
    if (status != HEED_OK)
        heed_code_run_free(run);
    return status;
}

void heed_code_run_free(heed_code_run *run)
{
    free(run->printed);
    *run = (heed_code_run){.printed = NULL};
}
