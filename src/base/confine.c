/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH */
#endif
#include "base/confine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"

/* --- limits --- */

static void limit(unsigned resource, int64_t most)
{
    struct rlimit now;

    if (getrlimit(resource, &now) != 0)
        return;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < (rlim_t)most)
        most = (int64_t)now.rlim_max;
    now.rlim_cur = now.rlim_max = (rlim_t)most;
    setrlimit(resource, &now);
}

/*
 * Processes of the user count, not those of this program: so the limit lies above all that the system has. /proc/loadavg:
 * "0.20 0.18 0.12 1/80 11206", of which the 80 are meant.
 */
int64_t heed_processes_now(void)
{
    char text[128];
    const char *slash = heed_kernel_file_read("/proc/loadavg", text, sizeof text) ? strchr(text, '/') : NULL;

    return slash != NULL ? strtoll(slash + 1, NULL, 10) : -1;
}

void heed_confine_limit(const heed_limits *limits)
{
    const int64_t now = heed_processes_now();

    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, limits->time_s);
    limit(RLIMIT_FSIZE, limits->file_bytes);
#ifdef __linux__
    /* Not the address space, of which Go, Java and the sanitizers reserve terabytes that they never use. */
    limit(RLIMIT_DATA, limits->memory_bytes);
#else
    limit(RLIMIT_AS, limits->memory_bytes);
#endif
    if (now >= 0)
        limit(RLIMIT_NPROC, now + limits->processes);
}

/* --- rules --- */

#ifdef __linux__
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* The kernel's interface, of which headers may know less than the kernel does: linux/landlock.h. */
struct rule_set {
    uint64_t files, net, scoped;
};

struct rule_below {
    uint64_t allowed;
    int32_t folder;
} __attribute__((packed));

enum {
    CREATE_SET = 444,
    ADD_RULE = 445,
    RESTRICT_SELF = 446,
    ASK_VERSION = 1,
    PATH_BENEATH = 1,
};

#define WRITE_FILE   (UINT64_C(1) << 1)
#define REMOVE_MAKE  (UINT64_C(0x1ff) << 4) /* removing of two kinds, making of seven */
#define MOVE         (UINT64_C(1) << 13)    /* into another folder: since version 2 */
#define TRUNCATE     (UINT64_C(1) << 14)    /* since version 3 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)     /* since version 6, as is that of sockets without a file */
#define SCOPE_SOCKET (UINT64_C(1) << 0)

static int version(void)
{
    return (int)syscall(CREATE_SET, NULL, (size_t)0, ASK_VERSION);
}

bool heed_confine_exists(void)
{
    return version() > 0;
}

static bool allow_below(int rules, int at, const char *name, uint64_t allowed, int flags)
{
    const int folder = openat(at, name, O_PATH | O_CLOEXEC | flags);
    const struct rule_below rule = {allowed, folder};
    bool done;

    if (folder < 0)
        return false;
    done = syscall(ADD_RULE, rules, PATH_BENEATH, &rule, 0) == 0;
    close(folder);
    return done;
}

int heed_confine_prepare(const char *folder, const char *const *writable)
{
    const int v = version(), at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const uint64_t handled = WRITE_FILE | REMOVE_MAKE | (v >= 2 ? MOVE : 0) | (v >= 3 ? TRUNCATE : 0);
    const struct rule_set set = {handled, 0, v >= 6 ? SCOPE_SIGNAL | SCOPE_SOCKET : 0};
    int rules = -1;
    bool whole = at >= 0 && v > 0;

    if (whole)
        rules = (int)syscall(CREATE_SET, &set, v >= 6 ? sizeof set : sizeof set.files, 0);
    whole = whole && rules >= 0;
    for (int i = 0; whole && writable[i] != NULL; i++)
        whole = allow_below(rules, at, writable[i], handled, O_DIRECTORY | O_NOFOLLOW);
    if (whole)
        allow_below(rules, at, "/dev/null", WRITE_FILE | (v >= 3 ? TRUNCATE : 0), 0);
    if (at >= 0)
        close(at);
    if (!whole && rules >= 0) {
        close(rules);
        rules = -1;
    }
    return rules;
}

bool heed_confine_self(int rules)
{
    return rules >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(RESTRICT_SELF, rules, 0) == 0;
}

/* --- the group --- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

#define X32_BIT 0x40000000 /* numbers of x86-64's second set of calls */

/* setsid and setpgid are not permitted, and neither is any call by the numbers of another architecture, where these have others. */
bool heed_confine_to_group(void)
{
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsid, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setpgid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof lines / sizeof lines[0], lines};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

#else

bool heed_confine_to_group(void)
{
    return false;
}

#endif

#else

bool heed_confine_exists(void)
{
    return false;
}

int heed_confine_prepare(const char *folder, const char *const *writable)
{
    (void)folder;
    (void)writable;
    return -1;
}

bool heed_confine_self(int rules)
{
    (void)rules;
    return false;
}

bool heed_confine_to_group(void)
{
    return false;
}

#endif
