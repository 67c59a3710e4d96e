/* SPDX-License-Identifier: MIT */
/*
 * Open MPI's library, loaded when a process finds itself started as one of several and not before.
 *
 * A program that is linked with it pays for it at every start, and does not start at all where it is missing. So this table
 * is filled by dlopen(), and the header gives the types. In Open MPI the constants MPI_COMM_WORLD, MPI_BYTE and
 * MPI_ERRORS_RETURN are addresses of objects in the library: they are looked up like functions.
 */
#ifndef HEED_RANKS_MPI_LIBRARY_H
#define HEED_RANKS_MPI_LIBRARY_H

#include <heed/status.h>
#include <mpi.h>

#ifndef OPEN_MPI
#error "heed knows the binary interface of Open MPI; -Dmpi=disabled builds without MPI"
#endif

typedef struct heed_mpi {
    int (*initialized)(int *flag);
    int (*init_thread)(int *argc, char ***argv, int required, int *provided);
    int (*finalize)(void);
    int (*comm_dup)(MPI_Comm comm, MPI_Comm *copy);
    int (*comm_free)(MPI_Comm *comm);
    int (*comm_split_type)(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part);
    int (*comm_set_errhandler)(MPI_Comm comm, MPI_Errhandler handler);
    int (*comm_rank)(MPI_Comm comm, int *rank);
    int (*comm_size)(MPI_Comm comm, int *size);
    int (*allgather)(const void *own, int n, MPI_Datatype type, void *all, int n_each, MPI_Datatype each,
                     MPI_Comm comm);
    int (*allgatherv)(const void *own, int n, MPI_Datatype type, void *all, const int *n_each, const int *at,
                      MPI_Datatype each, MPI_Comm comm);
    int (*bcast)(void *data, int n, MPI_Datatype type, int root, MPI_Comm comm);
    int (*send)(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm);
    int (*recv)(void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status);
    int (*isend)(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                 MPI_Request *request);
    int (*irecv)(void *data, int n, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request);
    int (*testall)(int n, MPI_Request *requests, int *flag, MPI_Status *statuses);
    int (*error_string)(int code, char *text, int *length);

    MPI_Comm world;
    MPI_Datatype byte;
    MPI_Errhandler errors_return;
    MPI_Info no_info;
} heed_mpi;

/** Fills the table. The library stays loaded: it has threads. HEED_ERR_FILE names what is not there. */
heed_status heed_mpi_load(heed_mpi *mpi, heed_error *err);

#endif
