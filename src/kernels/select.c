/* SPDX-License-Identifier: MIT */
/* Which kernel tables this processor can run. */
#include "base/error.h"
#include "kernels/kernels.h"

#include <string.h>

extern const heed_kernels heed_kernels_generic;
#if defined(__x86_64__)
extern const heed_kernels heed_kernels_avx2, heed_kernels_avx512, heed_kernels_avx512bf16;

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
