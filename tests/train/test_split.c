/* SPDX-License-Identifier: MIT */
/* How a model is split over ranks: every number has one owner, and nobody has much more than the others. */
#include "cmocka_all.h"

#include <stdlib.h>

#include "train/split.h"

static heed_weights *weights_of(int64_t d_model, int64_t n_layers, int64_t vocab_size)
{
    heed_config config = heed_config_default();
    heed_weights *weights = NULL;
    heed_error err = {0};

    config.d_model = d_model;
    config.n_layers = n_layers;
    config.n_heads = 2;
    config.vocab_size = vocab_size;
    config.context_length = 40;
    if (heed_weights_create(&config, &weights, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return weights;
}

static heed_split *split_of(const heed_weights *w, const bool *wanted, int size, int64_t bucket_floats)
{
    heed_split *split = NULL;
    heed_error err = {0};

    if (heed_split_create(w, wanted, size, bucket_floats, &split, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return split;
}

/* Parts follow each other through every wanted parameter, at blocks, and their moments do not overlap. */
static void check_parts(const heed_weights *w, const bool *wanted, const heed_split *s)
{
    int64_t *seen = calloc((size_t)w->n, sizeof *seen), *moments = calloc((size_t)s->size, sizeof *moments);

    for (int k = 0; k < s->n_parts; k++) {
        const heed_split_part *part = &s->parts[k];
        assert_true(wanted[part->parameter]);
        assert_int_equal(part->first, seen[part->parameter]);
        assert_int_equal(part->first % HEED_SPLIT_BLOCK, 0);
        assert_int_equal(part->at, moments[part->rank]);
        assert_int_equal(part->at % 16, 0);
        seen[part->parameter] += part->n;
        moments[part->rank] += (part->n + 15) / 16 * 16;
    }
    for (int i = 0; i < w->n; i++)
        assert_int_equal(seen[i], wanted[i] ? w->list[i].count : 0);
    for (int r = 0; r < s->size; r++)
        assert_int_equal(moments[r], s->n_moments[r]);
    free(seen);
    free(moments);
}

/* Buckets go from the end to the begin without overlaps; a rank's parts lie in its pieces. */
static void check_buckets(const heed_split *s, int64_t most)
{
    for (int k = 0; k < s->n_buckets; k++) {
        const heed_split_bucket *b = &s->buckets[k];
        assert_true(b->begin < b->end && b->end - b->begin <= most);
        assert_true(k == 0 || b->end <= s->buckets[k - 1].begin);
        assert_int_equal(b->cuts[0], b->begin);
        assert_int_equal(b->cuts[s->size], b->end);
        for (int r = 0; r < s->size; r++) {
            assert_true(b->cuts[r] <= b->cuts[r + 1]);
            assert_true(b->cuts[r + 1] - b->cuts[r] <= s->most);
        }
    }
    for (int i = 0; i < s->n_parts; i++) {
        const heed_split_part *part = &s->parts[i];
        const int64_t begin = s->places[part->parameter] + part->first;
        int found = 0;
        for (int k = 0; k < s->n_buckets; k++) {
            const heed_split_bucket *b = &s->buckets[k];
            found += b->cuts[part->rank] <= begin && begin + part->n <= b->cuts[part->rank + 1] &&
                     b->first_parameter <= part->parameter &&
                     part->parameter < b->first_parameter + b->n_parameters;
        }
        assert_int_equal(found, 1);
    }
}

static void every_number_has_one_owner(void **state)
{
    static const int64_t models[][3] = {{8, 1, 5}, {32, 2, 65}, {64, 3, 3001}, {160, 2, 1000}};
    static const int64_t buckets[] = {HEED_SPLIT_BLOCK, 10 * HEED_SPLIT_BLOCK, HEED_BUCKET_FLOATS};

    (void)state;
    for (size_t m = 0; m < 4; m++) {
        heed_weights *w = weights_of(models[m][0], models[m][1], models[m][2]);
        bool *wanted = calloc((size_t)w->n, sizeof *wanted);
        for (int frozen = 0; frozen < 3; frozen++) {
            for (int i = 0; i < w->n; i++)
                wanted[i] = frozen == 0 || (frozen == 1 ? i % 3 != 0 : i == w->n / 2);
            for (size_t b = 0; b < 3; b++) {
                for (int size = 1; size <= 7; size++) {
                    heed_split *s = split_of(w, wanted, size, buckets[b]);
                    check_parts(w, wanted, s);
                    check_buckets(s, buckets[b]);
                    heed_split_destroy(s);
                }
            }
        }
        free(wanted);
        heed_weights_destroy(w);
    }
}

/* So that the first ones can leave while the pass backward still runs. */
static void even_a_small_model_has_several_buckets(void **state)
{
    heed_weights *w = weights_of(128, 4, 65);
    bool *wanted = malloc((size_t)w->n * sizeof *wanted);

    (void)state;
    for (int i = 0; i < w->n; i++)
        wanted[i] = true;
    heed_split *s = split_of(w, wanted, 2, heed_split_bucket_floats(w));
    assert_in_range(s->n_buckets, 6, 16);
    heed_split_destroy(s);
    free(wanted);
    heed_weights_destroy(w);
}

/* Of a model of many blocks nobody keeps more than its share and one block a bucket. */
static void moments_are_divided_evenly(void **state)
{
    heed_weights *w = weights_of(160, 2, 1000);
    bool *wanted = malloc((size_t)w->n * sizeof *wanted);

    (void)state;
    for (int i = 0; i < w->n; i++)
        wanted[i] = true;
    for (int size = 2; size <= 8; size++) {
        heed_split *s = split_of(w, wanted, size, 40 * HEED_SPLIT_BLOCK);
        const int64_t share = heed_weights_count(w) / size;
        for (int r = 0; r < size; r++)
            assert_in_range(s->n_moments[r], 0, share + (int64_t)(s->n_buckets + 1) * HEED_SPLIT_BLOCK);
        heed_split_destroy(s);
    }
    free(wanted);
    heed_weights_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_has_one_owner),
        cmocka_unit_test(even_a_small_model_has_several_buckets),
        cmocka_unit_test(moments_are_divided_evenly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
