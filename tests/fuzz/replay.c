/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without libFuzzer: feeds it every file of a folder whole, cut short at up to 256 places, and with
 * single bytes changed at as many. What the fuzzer once found stays found, with any compiler.
 *
 *     replay_<parser> SEEDS
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 20, N_PLACES = 256 };

/* A copy of exactly n bytes, so that the address sanitizer sees a read past the end. */
static void feed(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);

    if (!copy)
        exit(EXIT_FAILURE);
    memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void replay(uint8_t *data, size_t n)
{
    const size_t step = n / N_PLACES + 1;

    feed(data, n);
    for (size_t i = 0; i < n; i += step) {
        const uint8_t kept = data[i];

        feed(data, i);
        data[i] = (uint8_t)(kept ^ (1u << i % 8));
        feed(data, n);
        data[i] = kept;
    }
}

int main(int argc, char **argv)
{
    uint8_t *data = malloc(MAX_BYTES);
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int n_files = 0;

    if (!data || !folder) {
        fprintf(stderr, "usage: %s SEEDS\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[4096];
        FILE *file;
        size_t n;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        file = fopen(path, "rb");
        if (!file) {
            perror(path);
            return EXIT_FAILURE;
        }
        n = fread(data, 1, MAX_BYTES, file);
        fclose(file);
        replay(data, n);
        n_files++;
    }
    closedir(folder);
    free(data);
    printf("%d seeds\n", n_files);
    return n_files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
