/* SPDX-License-Identifier: MIT */
/*
 * Recorded results of PyTorch, run against heed.
 *
 * A folder holds safetensors files whose metadata say what each case computes (CASE/op), with which parameters
 * (CASE/NAME) and how closely (CASE/atol/NAME, CASE/rtol/NAME). A function here takes everything from there, so
 * any folder of the same layout can be given. Every case runs on every device of this processor.
 */
#ifndef HEED_TESTS_VECTORS_H
#define HEED_TESTS_VECTORS_H

#include "base/memory.h"
#include "formats/safetensors.h"
#include "graph/plan.h"
#include "kernels/device.h"
#include "ops/ops.h"

/* One case on one device. */
typedef struct vector_case {
    const heed_safetensors *file;
    const char *folder, *file_name, *name;
    heed_device *device;
    heed_arena *arena; /* of the case */
    int compared, wrong;
    char skipped[128]; /* why the case is not run; empty: it is */
} vector_case;

typedef void vector_fn(vector_case *v);

/* Every op of the files that heed has: its name and its function. */
typedef struct vector_op {
    const char *name;
    vector_fn *run;
} vector_op;
extern const vector_op vector_ops[];

/* --- what the file says --- */

/** Tensor CASE/name, or the bare name that several cases share; NULL: there is none. */
const heed_safetensors_entry *vector_find(const vector_case *v, const char *name);
float *vector_floats(vector_case *v, const char *name);
int32_t *vector_ints(vector_case *v, const char *name);
const char *vector_text(const vector_case *v, const char *name); /* "" when absent */
double vector_number(const vector_case *v, const char *name);    /* 0 when absent */
void vector_skip(vector_case *v, const char *why);
/** A failure that is no comparison, such as an error of the library. */
void vector_fail(vector_case *v, const char *what);

/** Compares with tensor `name` of the file, element by element; get(context, i) gives ours. */
typedef double vector_get_fn(const void *context, int64_t i);
void vector_compare(vector_case *v, const char *name, int64_t count, vector_get_fn *get, const void *context);
void vector_compare_tensor(vector_case *v, const char *name, const heed_tensor *got);
void vector_compare_floats(vector_case *v, const char *name, const float *got, int64_t n);

/* --- a graph from its tensors --- */

typedef struct vector_graph {
    heed_graph *g;
    heed_node *watched[24]; /* what is compared, and under which name */
    const char *watched_name[24];
    int n_watched;
} vector_graph;

vector_graph vector_graph_open(void);
/** A parameter with the file's numbers: its gradient is compared with d NAME (or with grad/NAME). */
heed_node *vector_parameter(vector_case *v, vector_graph *s, const char *name);
/** NULL when the file has no such tensor. */
heed_node *vector_optional(vector_case *v, vector_graph *s, const char *name);
heed_node *vector_indices(vector_case *v, vector_graph *s, const char *name);
heed_node *vector_scalar_int(vector_case *v, vector_graph *s, const char *name, int32_t value);
void vector_watch(vector_graph *s, const char *name, heed_node *node);
/** Differentiates sum(out * dout), or loss itself when dout is not in the file; runs; compares everything; closes. */
void vector_graph_check(vector_case *v, vector_graph *s, heed_node *out, bool is_loss);
/** heed_activation by the files' name. */
heed_node *vector_activation(vector_graph *s, const char *name, heed_node *x);

/* layers.c, attention.c, models.c, generate.c, optim.c */
vector_fn run_silu, run_sigmoid, run_tanh, run_swiglu, run_ffn_swiglu;
vector_fn run_alibi_bias, run_txl_core, run_txl_module;
vector_fn run_distill_loss, run_rmsnorm, run_log_softmax, run_rope, run_sinusoidal, run_alibi_slopes;
vector_fn run_layernorm, run_gelu_tanh, run_gelu_erf, run_relu, run_softmax, run_cross_entropy, run_embedding,
    run_linear, run_conv1d, run_mlp, run_sdpa, run_mha, run_preln_block, run_bigram, run_attn_gpt, run_gpt2,
    run_gpt2_generate, run_adamw_gpt2, run_adamw, run_sgd, run_clip_grad_norm, run_lr_schedule, run_sampling;

#endif
