/* SPDX-License-Identifier: MIT */
/* Which kernel tables this processor can run. */
#include "base/error.h"
#include "kernels/kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

extern const heed_kernels heed_kernels_generic;
#if defined(__x86_64__)
extern const heed_kernels heed_kernels_avx2, heed_kernels_avx512, heed_kernels_avx512bf16, heed_kernels_amx;

/* The builds of these sets also use F16C, which every processor with AVX2 and FMA has. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx512bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

/*
 * The tiles' 8 KB are a state that Linux saves only for a program that has asked for it. A system that does not know the
 * request refuses it, and the kernels below serve. Asking again is harmless; threads inherit the permission.
 */
static bool system_allows_tiles(void)
{
#if defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

/* CPUID leaf 7: bits 22 and 24 of EDX are AMX-BF16 and AMX-TILE. */
static bool has_amx(void)
{
    const unsigned wanted = 1u << 22 | 1u << 24;
    unsigned eax, ebx, ecx, edx;

    return has_avx512bf16() && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & wanted) == wanted &&
           system_allows_tiles();
}
#endif

static bool has_always(void)
{
    return true;
}

/* Every table of this build, worst first. */
static const struct table {
    const heed_kernels *kernels;
    bool (*runs_here)(void);
} tables[] = {
    {&heed_kernels_generic, has_always},
#if defined(__x86_64__)
    {&heed_kernels_avx2, has_avx2},
    {&heed_kernels_avx512, has_avx512},
    {&heed_kernels_avx512bf16, has_avx512bf16},
    {&heed_kernels_amx, has_amx},
#endif
};
enum { N_TABLES = sizeof tables / sizeof tables[0] };

const heed_kernels *heed_kernels_at(int i)
{
    for (int t = 0; i >= 0 && t < N_TABLES; t++)
        if (tables[t].runs_here() && i-- == 0)
            return tables[t].kernels;
    return NULL;
}

heed_status heed_kernels_select(const char *name, const heed_kernels **kernels, heed_error *err)
{
    char quoted[64], known[64] = "";

    *kernels = NULL;
    if (!name || name[0] == '\0') {
        for (int i = 0; heed_kernels_at(i); i++)
            *kernels = heed_kernels_at(i);
        return HEED_OK;
    }
    for (int i = 0; heed_kernels_at(i); i++)
        if (strcmp(name, heed_kernels_at(i)->name) == 0) {
            *kernels = heed_kernels_at(i);
            return HEED_OK;
        }
    heed_quote(quoted, sizeof quoted, name, strlen(name));
    for (int t = 0; t < N_TABLES; t++) {
        if (strcmp(name, tables[t].kernels->name) == 0)
            return heed_fail(err, HEED_ERR_USAGE, "this processor cannot run the kernels \"%s\"", quoted);
        strcat(strcat(known, " "), tables[t].kernels->name);
    }
    return heed_fail(err, HEED_ERR_USAGE, "unknown kernels \"%s\"; there are: plain%s", quoted, known);
}
