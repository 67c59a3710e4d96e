/* SPDX-License-Identifier: MIT */
/* Neighbours of tokens: the rows that an exhaustive comparison finds, in its order. */
#include "cmocka_all.h"

#include <heed/neighbours.h>
#include <math.h>
#include <stdlib.h>

#include "infer/small_model.h"

enum { NEAR = 6 };
static const int32_t ids[2] = {4, 17};

static void find(const heed_model *model, const heed_neighbour_options *options, int n_out, heed_neighbour *out)
{
    heed_error err = {0};

    if (heed_model_neighbours(model, ids, 2, options, n_out, out, &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* Rows of a table in double, less their mean where that is asked for. */
static void copy_rows(const float *table, int64_t d, bool centred, double *rows)
{
    for (int64_t i = 0; i < d; i++) {
        double mean = 0.0;
        for (int64_t id = 0; id < SMALL_VOCAB; id++)
            mean += (double)table[id * d + i] / SMALL_VOCAB;
        for (int64_t id = 0; id < SMALL_VOCAB; id++)
            rows[id * d + i] = (double)table[id * d + i] - (centred ? mean : 0.0);
    }
}

static double dot(const double *rows, int64_t d, int64_t a, int64_t b)
{
    double sum = 0.0;

    for (int64_t i = 0; i < d; i++)
        sum += rows[a * d + i] * rows[b * d + i];
    return sum;
}

static double score(const double *rows, int64_t d, int64_t a, int64_t b, bool by_dot)
{
    return by_dot ? dot(rows, d, a, b) : dot(rows, d, a, b) / sqrt(dot(rows, d, a, a) * dot(rows, d, b, b));
}

/* How many tokens but a itself score higher than b does. */
static int higher(const double *rows, int64_t d, int64_t a, int64_t b, bool by_dot)
{
    int n = 0;

    for (int64_t id = 0; id < SMALL_VOCAB; id++)
        n += id != a && score(rows, d, a, id, by_dot) > score(rows, d, a, b, by_dot);
    return n;
}

static void neighbours_are_the_best_of_all_rows(void **state)
{
    heed_config config = small_config();
    heed_model *model;
    double rows[SMALL_VOCAB * 16];

    (void)state;
    config.tied_head = false;
    model = small_model(&config, 5);
    for (int mode = 0; mode < 8; mode++) {
        const heed_neighbour_options options = {mode & 1, mode & 2, mode & 4};
        heed_neighbour near[2 * NEAR];
        copy_rows(heed_weights_find(model->weights, options.head ? "lm_head.weight" : "wte.weight")->data, 16,
                  options.centred, rows);
        find(model, &options, NEAR, near);
        for (int i = 0; i < 2 * NEAR; i++) {
            const int32_t asked = ids[i / NEAR], id = near[i].id;
            if (higher(rows, 16, asked, id, options.by_dot) != i % NEAR)
                fail_msg("mode %d: token %d is not number %d of token %d", mode, (int)id, i % NEAR, (int)asked);
            assert_true(fabs(near[i].dot - dot(rows, 16, asked, id)) < 1e-12);
            assert_true(fabs(near[i].cosine - score(rows, 16, asked, id, false)) < 1e-12);
        }
    }
    heed_model_close(model);
}

static void a_tied_head_has_the_rows_of_the_embedding(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_neighbour a[2 * NEAR], b[2 * NEAR];

    (void)state;
    find(model, &(heed_neighbour_options){.head = false}, NEAR, a);
    find(model, &(heed_neighbour_options){.head = true}, NEAR, b);
    for (int i = 0; i < 2 * NEAR; i++)
        assert_true(a[i].id == b[i].id && a[i].dot == b[i].dot);
    heed_model_close(model);
}

static void behind_the_last_token_there_is_none(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    heed_neighbour near[2 * (SMALL_VOCAB + 1)];

    (void)state;
    find(model, &(heed_neighbour_options){.head = false}, SMALL_VOCAB + 1, near);
    assert_true(near[SMALL_VOCAB - 2].id >= 0);
    assert_int_equal(near[SMALL_VOCAB - 1].id, -1);
    assert_int_equal(near[SMALL_VOCAB].id, -1);
    heed_model_close(model);
}

static void a_row_of_zeros_is_near_to_none(void **state)
{
    const heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    float *table = (float *)(uintptr_t)heed_weights_find(model->weights, "wte.weight")->data;
    heed_neighbour near[2];

    (void)state;
    for (int i = 0; i < 16; i++)
        table[ids[0] * 16 + i] = 0.0f;
    find(model, &(heed_neighbour_options){.head = false}, 1, near);
    assert_true(near[0].cosine == 0.0 && near[0].dot == 0.0);
    assert_int_equal(near[0].id, 0);
    heed_model_close(model);
}

static void what_is_not_there_is_refused(void **state)
{
    heed_config config = small_config();
    heed_model *model = small_model(&config, 5);
    const int32_t outside = SMALL_VOCAB;
    heed_neighbour near[1];
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_model_neighbours(model, &outside, 1, &(heed_neighbour_options){0}, 1, near, &err),
                     HEED_ERR_USAGE);
    assert_string_equal(err.message, "expected a token id from 0 to 22, got 23");
    assert_int_equal(heed_model_neighbours(model, ids, 1, &(heed_neighbour_options){0}, 0, near, &err),
                     HEED_ERR_USAGE);
    heed_model_close(model);
    config.kind = HEED_KIND_BIGRAM;
    config.n_layers = 0;
    model = small_model(&config, 5);
    assert_int_equal(heed_model_neighbours(model, ids, 1, &(heed_neighbour_options){0}, 1, near, &err),
                     HEED_ERR_USAGE);
    assert_string_equal(err.message, "a bigram model has a table of logits and no embeddings");
    heed_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_the_best_of_all_rows),
        cmocka_unit_test(a_tied_head_has_the_rows_of_the_embedding),
        cmocka_unit_test(behind_the_last_token_there_is_none),
        cmocka_unit_test(a_row_of_zeros_is_near_to_none),
        cmocka_unit_test(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
