/* SPDX-License-Identifier: MIT */
/*
 * vectors DIR: runs every case of every safetensors file in DIR, and in DIR/gpt2.
 *
 * The last line counts cases, each once for all devices. Exit 0: all passed; 1: some failed; 77: there is no DIR.
 */
#include "vectors.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MAX_DEVICES 8

/* --- what the file says --- */

const heed_safetensors_entry *vector_find(const vector_case *v, const char *name)
{
    char full[512];
    const heed_safetensors_entry *entry;

    snprintf(full, sizeof full, "%s/%s", v->name, name);
    entry = heed_safetensors_find(v->file, full);
    return entry != NULL ? entry : heed_safetensors_find(v->file, name);
}

const char *vector_text(const vector_case *v, const char *name)
{
    char full[512];
    const char *text;

    snprintf(full, sizeof full, "%s/%s", v->name, name);
    text = heed_safetensors_metadata(v->file, full);
    return text != NULL ? text : "";
}

double vector_number(const vector_case *v, const char *name)
{
    return strtod(vector_text(v, name), NULL);
}

static void *read_entry(vector_case *v, const char *name, bool ints)
{
    const heed_safetensors_entry *entry = vector_find(v, name);
    void *out = entry != NULL ? heed_arena_alloc(v->arena, (size_t)(entry->count + 1) * 4) : NULL;
    heed_error err = {HEED_OK, ""};

    if (out == NULL || (ints ? heed_safetensors_read_i32(entry, out, &err)
                             : heed_safetensors_read_f32(entry, out, &err)) != HEED_OK)
        vector_fail(v, entry == NULL ? name : err.message);
    return out;
}

float *vector_floats(vector_case *v, const char *name)
{
    return read_entry(v, name, false);
}

int32_t *vector_ints(vector_case *v, const char *name)
{
    return read_entry(v, name, true);
}

void vector_skip(vector_case *v, const char *why)
{
    snprintf(v->skipped, sizeof v->skipped, "%s", why);
}

void vector_fail(vector_case *v, const char *what)
{
    printf("%s %s on %s: %s\n", v->file_name, v->name, heed_device_name(v->device), what);
    v->wrong++;
}

/* --- comparing --- */

static double tolerance_of(const vector_case *v, const char *kind, const char *name)
{
    char key[256];
    const char *text;

    snprintf(key, sizeof key, "%s/%s", kind, name);
    text = vector_text(v, key);
    if (text[0] == '\0') {
        snprintf(key, sizeof key, "%s/*", kind);
        text = vector_text(v, key);
    }
    return strtod(text, NULL);
}

static double element_of(const heed_safetensors_entry *entry, int64_t i)
{
    double x = 0.0;
    float f = 0.0f;
    unsigned char byte = 0;

    switch (entry->dtype) {
    case HEED_SAFETENSORS_F64:
        memcpy(&x, (const char *)entry->data + i * 8, 8);
        return x;
    case HEED_SAFETENSORS_F32:
        memcpy(&f, (const char *)entry->data + i * 4, 4);
        return (double)f;
    case HEED_SAFETENSORS_U8:
        memcpy(&byte, (const char *)entry->data + i, 1);
        return (double)byte;
    default:
        return NAN;
    }
}

void vector_compare(vector_case *v, const char *name, int64_t count, vector_get_fn *get, const void *context)
{
    const heed_safetensors_entry *entry = vector_find(v, name);
    const double atol = tolerance_of(v, "atol", name), rtol = tolerance_of(v, "rtol", name);
    char message[256];

    if (entry == NULL || entry->count != count) {
        snprintf(message, sizeof message, "%s: the file has %lld numbers, heed %lld", name,
                 entry != NULL ? (long long)entry->count : 0LL, (long long)count);
        vector_fail(v, message);
        return;
    }
    v->compared++;
    for (int64_t i = 0; i < count; i++) {
        const double x = get(context, i), y = element_of(entry, i);
        if (!(fabs(x - y) <= atol + rtol * fabs(y)) && !(isinf(y) && x == y)) {
            snprintf(message, sizeof message, "%s[%lld]: got %.9g, expected %.9g, tolerance %.2g", name,
                     (long long)i, x, y, atol + rtol * fabs(y));
            vector_fail(v, message);
            return;
        }
    }
}

static double get_tensor(const void *context, int64_t i)
{
    return (double)heed_tensor_get(context, i);
}

static double get_float(const void *context, int64_t i)
{
    return (double)((const float *)context)[i];
}

void vector_compare_tensor(vector_case *v, const char *name, const heed_tensor *got)
{
    if (got == NULL)
        vector_fail(v, name);
    else
        vector_compare(v, name, heed_tensor_count(got), get_tensor, got);
}

void vector_compare_floats(vector_case *v, const char *name, const float *got, int64_t n)
{
    vector_compare(v, name, n, get_float, got);
}

/* --- running --- */

const vector_op vector_ops[] = {
    {"layernorm", run_layernorm},
    {"rmsnorm", run_rmsnorm},
    {"gelu_tanh", run_gelu_tanh},
    {"gelu_erf", run_gelu_erf},
    {"relu", run_relu},
    {"silu", run_silu},
    {"sigmoid", run_sigmoid},
    {"tanh", run_tanh},
    {"swiglu", run_swiglu},
    {"ffn_swiglu", run_ffn_swiglu},
    {"softmax", run_softmax},
    {"log_softmax", run_log_softmax},
    {"cross_entropy", run_cross_entropy},
    {"distill_loss", run_distill_loss},
    {"embedding", run_embedding},
    {"rope", run_rope},
    {"sinusoidal", run_sinusoidal},
    {"alibi_slopes", run_alibi_slopes},
    {"alibi_bias", run_alibi_bias},
    {"txl_core", run_txl_core},
    {"txl_module", run_txl_module},
    {"linear", run_linear},
    {"conv1d", run_conv1d},
    {"mlp", run_mlp},
    {"sdpa", run_sdpa},
    {"mha", run_mha},
    {"preln_block", run_preln_block},
    {"bigram", run_bigram},
    {"attn_gpt", run_attn_gpt},
    {"gpt2", run_gpt2},
    {"gpt2_generate", run_gpt2_generate},
    {"adamw_gpt2", run_adamw_gpt2},
    {"adamw", run_adamw},
    {"sgd", run_sgd},
    {"clip_grad_norm", run_clip_grad_norm},
    {"lr_schedule", run_lr_schedule},
    {"sampling", run_sampling},
    {NULL, NULL},
};

typedef struct totals {
    int passed, failed, skipped, devices;
    heed_device device[MAX_DEVICES];
} totals;

/* A case on every device; returns false and says why when heed has not got its op. */
static void run_case(totals *t, vector_case *v, char *why, size_t why_size)
{
    const char *op = vector_text(v, "op");
    const vector_op *of = vector_ops;
    int wrong = 0, compared = 0;

    while (of->name != NULL && strcmp(of->name, op) != 0)
        of++;
    if (of->name == NULL) {
        snprintf(why, why_size, "no op %s", op);
        t->skipped++;
        return;
    }
    for (int d = 0; d < t->devices; d++) {
        v->device = &t->device[d];
        v->arena = heed_arena_create();
        v->compared = v->wrong = 0;
        v->skipped[0] = '\0';
        of->run(v);
        heed_arena_destroy(v->arena);
        if (v->skipped[0] != '\0') {
            snprintf(why, why_size, "%s", v->skipped);
            t->skipped++;
            return;
        }
        wrong += v->wrong;
        compared += v->compared;
    }
    if (compared == 0) {
        vector_fail(v, "nothing was compared");
        wrong++;
    }
    *(wrong > 0 ? &t->failed : &t->passed) += 1;
}

/* Counts equal reasons: "window 4, rope 7". */
typedef struct reasons {
    char text[32][128];
    int count[32], n;
} reasons;

static void note_reason(reasons *r, const char *why)
{
    int i = 0;

    while (i < r->n && strcmp(r->text[i], why) != 0)
        i++;
    if (i == 32)
        return;
    if (i == r->n)
        snprintf(r->text[r->n++], sizeof r->text[0], "%s", why);
    r->count[i]++;
}

static void run_file(totals *t, const char *folder, const char *file_name)
{
    const totals before = *t;
    char path[4096], names[65536];
    heed_safetensors *file = NULL;
    heed_error err = {HEED_OK, ""};
    reasons why = {0};
    const char *cases;

    snprintf(path, sizeof path, "%s/%s", folder, file_name);
    if (heed_safetensors_open(path, &file, &err) != HEED_OK) {
        printf("%s\n", err.message);
        t->failed++;
        return;
    }
    cases = heed_safetensors_metadata(file, "cases");
    snprintf(names, sizeof names, "%s", cases != NULL ? cases : "");
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        vector_case v = {.file = file, .folder = folder, .file_name = file_name, .name = name};
        char reason[128] = "";
        run_case(t, &v, reason, sizeof reason);
        if (reason[0] != '\0')
            note_reason(&why, reason);
    }
    if (cases != NULL) {
        printf("%-32s %3d passed, %d failed, %d skipped", file_name, t->passed - before.passed,
               t->failed - before.failed, t->skipped - before.skipped);
        for (int i = 0; i < why.n; i++)
            printf("%s%s %d", i == 0 ? " (" : ", ", why.text[i], why.count[i]);
        printf("%s\n", why.n > 0 ? ")" : "");
    }
    heed_safetensors_close(file);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void run_folder(totals *t, const char *folder)
{
    struct dirent **list = NULL;
    const int n = scandir(folder, &list, NULL, by_name);

    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        const size_t length = strlen(name);
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (length > 12 && strcmp(name + length - 12, ".safetensors") == 0)
            run_file(t, folder, name);
        else if (name[0] != '.' && heed_file_is_folder(path))
            run_folder(t, path);
        free(list[i]);
    }
    free(list);
}

int main(int argc, char **argv)
{
    totals t = {0};

    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    if (!heed_file_is_folder(argv[1])) {
        printf("skipped: there is no folder %s\n", argv[1]);
        return 77;
    }
    if (heed_device_open(&t.device[t.devices], "plain", 2, NULL) == HEED_OK)
        t.devices++;
    for (int i = 0; t.devices < MAX_DEVICES && heed_kernels_at(i) != NULL; i++) {
        if (heed_device_open(&t.device[t.devices], heed_kernels_at(i)->name, 2, NULL) == HEED_OK)
            t.devices++;
    }
    printf("devices:");
    for (int d = 0; d < t.devices; d++)
        printf(" %s", heed_device_name(&t.device[d]));
    printf("\n");
    run_folder(&t, argv[1]);
    for (int d = 0; d < t.devices; d++)
        heed_device_close(&t.device[d]);
    printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped);
    return t.failed > 0 || t.passed == 0;
}
