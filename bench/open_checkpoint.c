/* SPDX-License-Identifier: MIT */
/*
 * What opening a checkpoint reads: bench_open_checkpoint [FOLDER]
 *
 * Without a folder it makes one of GPT-2's 124M shape (498 MB, removed afterwards). The file is first taken out of the
 * page cache. Then the model is opened, and the system is asked: how many bytes came from the disk, how many pages of
 * the file are in memory now, how many the process holds. At the end all weights are read, for comparison.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "formats/json.h"
#include "nn/config_json.h"
#include "nn/model.h"

static int fail(const char *words)
{
    fprintf(stderr, "bench_open_checkpoint: %s\n", words);
    exit(EXIT_FAILURE);
}

/* --- the checkpoint --- */

static void make_checkpoint(const char *folder)
{
    heed_config config;
    heed_model *model = NULL;
    heed_safetensors_entry entries[512];
    heed_error err = {HEED_OK, ""};
    char path[256];
    json_t *object;
    int n;

    if (heed_config_preset("gpt2", &config, &err) != HEED_OK)
        fail(err.message);
    config.vocab_size = 50257;
    if (heed_model_create(&config, 1, &model, &err) != HEED_OK)
        fail(err.message);
    n = heed_model_n_parameters(model);
    for (int i = 0; i < n && i < 512; i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        entries[i] = (heed_safetensors_entry){
            .name = p.name, .dtype = HEED_SAFETENSORS_F32, .rank = p.rank, .data = p.data};
        memcpy(entries[i].size, p.size, sizeof p.size);
    }
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (heed_safetensors_write(path, entries, (size_t)n, NULL, 0, &err) != HEED_OK)
        fail(err.message);
    object = heed_config_to_json(&config);
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (object == NULL || heed_json_write(path, object, &err) != HEED_OK)
        fail(err.message);
    json_decref(object);
    heed_model_close(model);
}

/* --- what the system knows --- */

static double bytes_from_disk(void)
{
    char line[128];
    double bytes = 0.0;
    FILE *in = fopen("/proc/self/io", "r");

    while (in != NULL && fgets(line, sizeof line, in) != NULL)
        sscanf(line, "read_bytes: %lf", &bytes);
    if (in != NULL)
        fclose(in);
    return bytes;
}

static double bytes_in_page_cache(const char *path)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    heed_file file;
    unsigned char *there;
    double n = 0.0;

    if (heed_file_open(&file, path, NULL) != HEED_OK || (there = malloc(file.size / page + 1)) == NULL)
        return -1.0;
    if (mincore((void *)(uintptr_t)file.data, file.size, there) == 0) {
        for (size_t i = 0; i < (file.size + page - 1) / page; i++)
            n += there[i] & 1;
    }
    free(there);
    heed_file_close(&file);
    return n * (double)page;
}

static void evict(const char *path)
{
    const int fd = open(path, O_RDONLY);

    if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        fail("the file cannot be taken out of the page cache");
    close(fd);
}

static void show(const char *what, double seconds, const char *path, double disk, double resident)
{
    printf("%-18s %9.2f ms  from disk %8.3f MB  in the page cache %8.3f MB  process %8.3f MB\n", what,
           seconds * 1e3, (bytes_from_disk() - disk) / 1e6, bytes_in_page_cache(path) / 1e6,
           ((double)heed_memory_resident() - resident) / 1e6);
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/heed-bench-open-XXXXXX", path[4096], command[128];
    const char *folder = argc > 1 ? argv[1] : mkdtemp(made);
    heed_model *model = NULL;
    heed_error err = {HEED_OK, ""};
    struct stat info;
    double begin, disk, resident, sum = 0.0;

    if (argc < 2)
        make_checkpoint(made);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (stat(path, &info) != 0)
        fail("there is no model.safetensors");
    evict(path);
    printf("%s: %.1f MB, of which %.3f MB in the page cache\n", path, (double)info.st_size / 1e6,
           bytes_in_page_cache(path) / 1e6);
    disk = bytes_from_disk();
    resident = (double)heed_memory_resident();
    begin = heed_clock_s();
    if (heed_model_open(folder, &model, &err) != HEED_OK)
        fail(err.message);
    show("opened", heed_clock_s() - begin, path, disk, resident);
    begin = heed_clock_s();
    for (int i = 0; i < heed_model_n_parameters(model); i++) {
        const heed_parameter p = heed_model_parameter(model, i);
        for (int64_t k = 0; k < p.count; k += 1024)
            sum += (double)p.data[k];
    }
    show("all weights read", heed_clock_s() - begin, path, disk, resident);
    heed_model_close(model);
    if (argc < 2) {
        snprintf(command, sizeof command, "rm -rf '%s'", made);
        if (system(command) != 0)
            fail("the folder cannot be removed");
    }
    return sum != sum;
}
