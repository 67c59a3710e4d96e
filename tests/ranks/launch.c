/* SPDX-License-Identifier: MIT */
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

bool launch_inside(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") != NULL;
}

bool launch_possible(void)
{
#ifdef HEED_HAVE_MPI
    return system("command -v mpirun >/dev/null 2>&1 && mpirun --version 2>/dev/null | grep -q 'Open MPI'") ==
           0;
#else
    return false;
#endif
}

const char *launch_self(void)
{
    static char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    assert_true(n > 0);
    path[n] = '\0';
    return path;
}

launch_result launch_ranks(int n, const char *program, const char *words)
{
    launch_result r = {0, ""};
    char command[8192];
    size_t used = 0, got;
    FILE *out;
    int status;

    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    setenv("OMPI_MCA_hwloc_base_binding_policy", "none", 1);
    setenv("OMPI_MCA_btl", "self,vader", 1); /* through shared memory, without looking for networks */
    setenv("OMPI_MCA_pml", "ob1", 1);
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
    setenv("LSAN_OPTIONS", "detect_leaks=0", 1); /* MPI keeps some memory to its end */
    setenv("OMP_WAIT_POLICY", "passive", 1);
    assert_true(snprintf(command, sizeof command, "timeout -k 5 60 mpirun -n %d '%s' %s 2>&1 </dev/null", n,
                         program, words) < (int)sizeof command);
    out = popen(command, "r");
    assert_non_null(out);
    while ((got = fread(r.text + used, 1, sizeof r.text - 1 - used, out)) > 0)
        used += got;
    r.text[used] = '\0';
    while (fgetc(out) != EOF) /* a program that cannot write would be ended by that */
        ;
    status = pclose(out);
    r.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return r;
}
