/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NODELETE on older systems */
#endif
#include "ranks/mpi_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Its number has been 40 since Open MPI 3, which 4 and 5 keep. */
#ifdef __APPLE__
#define MPI_FILE "libmpi.40.dylib"
#else
#define MPI_FILE "libmpi.so.40"
#endif

typedef struct symbol {
    const char *name;
    size_t offset; /* of the pointer in the table */
} symbol;

#define AT(member) offsetof(heed_mpi, member)

static const symbol symbols[] = {
    {"MPI_Initialized", AT(initialized)},
    {"MPI_Init_thread", AT(init_thread)},
    {"MPI_Finalize", AT(finalize)},
    {"MPI_Comm_dup", AT(comm_dup)},
    {"MPI_Comm_free", AT(comm_free)},
    {"MPI_Comm_split_type", AT(comm_split_type)},
    {"MPI_Comm_set_errhandler", AT(comm_set_errhandler)},
    {"MPI_Comm_rank", AT(comm_rank)},
    {"MPI_Comm_size", AT(comm_size)},
    {"MPI_Allgather", AT(allgather)},
    {"MPI_Allgatherv", AT(allgatherv)},
    {"MPI_Bcast", AT(bcast)},
    {"MPI_Send", AT(send)},
    {"MPI_Recv", AT(recv)},
    {"MPI_Isend", AT(isend)},
    {"MPI_Irecv", AT(irecv)},
    {"MPI_Testall", AT(testall)},
    {"MPI_Error_string", AT(error_string)},
    {"ompi_mpi_comm_world", AT(world)},
    {"ompi_mpi_byte", AT(byte)},
    {"ompi_mpi_errors_return", AT(errors_return)},
    {"ompi_mpi_info_null", AT(no_info)},
    {NULL, 0},
};

/* By the name alone, as the system finds libraries; then in the folder where the build has found it. */
static void *open_library(void)
{
    /* Its plug-ins, loaded later, look for its symbols among the global ones. */
    const int how = RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE;
    void *library = dlopen(MPI_FILE, how);

    return library != NULL ? library : dlopen(HEED_MPI_FOLDER "/" MPI_FILE, how);
}

heed_status heed_mpi_load(heed_mpi *mpi, heed_error *err)
{
    void *library = open_library();

    *mpi = (heed_mpi){.world = NULL};
    if (library == NULL)
        return heed_fail(
            err, HEED_ERR_FILE,
            "a run on several ranks needs the library %s (Open MPI), which this system does not have",
            MPI_FILE);
    for (const symbol *s = symbols; s->name != NULL; s++) {
        void *found = dlsym(library, s->name);
        if (found == NULL)
            return heed_fail(err, HEED_ERR_FILE, "a run on several ranks needs another %s: this one has no %s",
                             MPI_FILE, s->name);
        memcpy((char *)mpi + s->offset, &found, sizeof found); /* C knows no cast from data to code */
    }
    return HEED_OK;
}
