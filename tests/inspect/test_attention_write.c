/* SPDX-License-Identifier: MIT */
/* Attention maps of selected heads, and in files and windows: always the numbers that all of them have. */
#include "cmocka_all.h"

#include <heed/inspect.h>
#include <heed/session.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"
#include "formats/npy.h"
#include "formats/well_formed.h"
#include "infer/small_model.h"

static const char text[] = "abacada";
enum { LENGTH = 7, LAYERS = 3, HEADS = 4 };

static heed_model *model;
static heed_attention_maps *all;

static heed_attention_maps *look(const char *layers, const char *heads)
{
    const heed_head_selection selection = {.layers = layers, .heads = heads, .losses = layers == NULL};
    heed_attention_maps *maps = NULL;
    heed_error err = {0};

    if (heed_attention_maps_create_selected(model, text, LENGTH, &selection, &maps, &err) != HEED_OK)
        fail_msg("%s", err.message);
    return maps;
}

static int prepare(void **state)
{
    heed_config config = small_config();

    config.n_layers = LAYERS;
    config.n_heads = config.n_kv_heads = HEADS;
    model = small_model(&config, 41);
    all = look(NULL, NULL);
    return make_folder(state);
}

static int clean_up(void **state)
{
    heed_attention_maps_destroy(all);
    heed_model_close(model);
    return remove_folder(state);
}

static void what_is_selected_is_what_all_have_and_nothing_else(void **state)
{
    heed_attention_maps *some = look("0,2", "1-3");

    (void)state;
    for (int layer = 0; layer < LAYERS; layer++)
        for (int head = 0; head < HEADS; head++) {
            const float *one = heed_attention_maps_pattern(some, layer, head);

            if (layer == 1 || head == 0)
                assert_null(one);
            else
                assert_memory_equal(one, heed_attention_maps_pattern(all, layer, head),
                                    LENGTH * LENGTH * sizeof(float));
        }
    heed_attention_maps_destroy(some);
}

static void a_head_that_there_is_not_is_refused(void **state)
{
    const heed_head_selection selection = {.heads = "4"};
    heed_attention_maps *maps = NULL;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_attention_maps_create_selected(model, text, LENGTH, &selection, &maps, &err),
                     HEED_ERR_USAGE);
    assert_null(maps);
    assert_non_null(strstr(err.message, "there is no head 4: heads are 0 to 3"));
}

static void write_to(const heed_attention_maps *maps, const char *name)
{
    heed_error err = {0};

    if (heed_attention_maps_write(maps, inside(name), &err) != HEED_OK)
        fail_msg("%s", err.message);
}

/* Against a session that reads the text token by token: the same graph, other sums, so 1e-4 of some nats. */
static void losses_are_those_of_the_next_token(void **state)
{
    heed_session *session = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_model_encode(model, text, LENGTH, &ids, &n, &err), HEED_OK);
    assert_int_equal(heed_session_open(model, NULL, &session, &err), HEED_OK);
    assert_true(isnan(heed_attention_maps_losses(all)[0]));
    for (int i = 0; i + 1 < LENGTH; i++) {
        const float *logits;
        double sum = 0.0;

        assert_int_equal(heed_session_feed(session, &ids[i], 1, &err), HEED_OK);
        logits = heed_session_logits(session);
        for (int v = 0; v < SMALL_VOCAB; v++)
            sum += exp((double)logits[v]);
        const double loss = log(sum) - (double)logits[ids[i + 1]];
        if (fabs((double)heed_attention_maps_losses(all)[i + 1] - loss) > 1e-4)
            fail_msg("token %d: expected a loss of %g, got %g", i + 1, loss,
                     (double)heed_attention_maps_losses(all)[i + 1]);
    }
    heed_session_close(session);
    free(ids);
}

static void an_array_holds_the_selected_patterns(void **state)
{
    heed_attention_maps *some = look("1,2", "0,3");
    heed_npy array = {0};
    heed_error err = {0};

    (void)state;
    write_to(some, "maps.npy");
    assert_int_equal(heed_npy_open(inside("maps.npy"), &array, &err), HEED_OK);
    assert_int_equal(array.rank, 4);
    assert_int_equal(array.dtype, HEED_NPY_F32);
    assert_int_equal(array.count, 2 * 2 * LENGTH * LENGTH);
    for (int64_t i = 0; i < array.count; i++) {
        const int layer = i < array.count / 2 ? 1 : 2, head = i / (LENGTH * LENGTH) % 2 == 0 ? 0 : 3;
        const float *pattern = heed_attention_maps_pattern(all, layer, head);

        assert_true(heed_npy_number(&array, i) == (double)pattern[i % (LENGTH * LENGTH)]);
    }
    heed_npy_close(&array);
    heed_attention_maps_destroy(some);
}

/* Nine digits give the same float again. */
static void json_holds_tokens_and_patterns_exactly(void **state)
{
    json_error_t error;

    (void)state;
    write_to(all, "maps.json");
    json_t *root = json_load_file(inside("maps.json"), 0, &error), *heads = json_object_get(root, "heads");
    if (root == NULL)
        fail_msg("%s", error.text);
    assert_int_equal(json_array_size(json_object_get(root, "tokens")), LENGTH);
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "tokens"), 1)), "b");
    assert_int_equal(json_array_size(json_object_get(root, "losses")), LENGTH);
    assert_true(json_is_null(json_array_get(json_object_get(root, "losses"), 0)));
    assert_int_equal(json_array_size(heads), LAYERS * HEADS);
    for (int k = 0; k < LAYERS * HEADS; k++) {
        const int layer = k / HEADS, head = k % HEADS;
        const json_t *entry = json_array_get(heads, (size_t)k);
        const float *pattern = heed_attention_maps_pattern(all, layer, head);

        assert_int_equal(json_integer_value(json_object_get(entry, "layer")), layer);
        assert_int_equal(json_integer_value(json_object_get(entry, "head")), head);
        for (int i = 0; i < LENGTH * LENGTH; i++) {
            const json_t *row = json_array_get(json_object_get(entry, "pattern"), (size_t)i / LENGTH);
            const float read = (float)json_number_value(json_array_get(row, (size_t)i % LENGTH));

            assert_memory_equal(&read, &pattern[i], sizeof read);
        }
    }
    json_decref(root);
}

static char *slurp(const char *name)
{
    heed_file file;
    heed_error err = {0};
    char *copy;

    assert_int_equal(heed_file_open(&file, inside(name), &err), HEED_OK);
    copy = strndup(file.data, file.size);
    heed_file_close(&file);
    return copy;
}

static int count(const char *in, const char *part)
{
    int n = 0;

    for (; (in = strstr(in, part)) != NULL; in++)
        n++;
    return n;
}

static void pictures_and_pages_hold_each_selected_head_once(void **state)
{
    heed_attention_maps *some = look("0-1", "2");
    char *svg, *page;

    (void)state;
    write_to(some, "maps.svg");
    svg = slurp("maps.svg");
    assert_well_formed(svg);
    assert_int_equal(count(svg, ">layer 0 head 2</text>"), 1);
    assert_int_equal(count(svg, ">layer 1 head 2</text>"), 1);
    assert_int_equal(count(svg, ">layer "), 2);
    free(svg);
    write_to(some, "maps.html");
    page = slurp("maps.html");
    assert_non_null(strstr(page, "\"heads\": [[0,2,254],[1,2,254]]"));
    assert_null(strstr(page, "\"loss\": "));
    assert_null(heed_attention_maps_losses(some));
    free(page);
    heed_attention_maps_destroy(some);
}

static void another_ending_is_refused_and_the_known_ones_are_named(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_attention_maps_check_path("a.PNG", &err), HEED_OK);
    assert_int_equal(heed_attention_maps_check_path(".npy", &err), HEED_ERR_USAGE);
    assert_int_equal(heed_attention_maps_write(all, inside("a.htm"), &err), HEED_ERR_USAGE);
    assert_non_null(strstr(err.message, ".png, .svg, .pdf, .html, .npy or .json"));
    assert_false(heed_file_exists(inside("a.htm")));
}

/* 16 columns: a label, a blank, and six tokens, or five and what lies before. */
static void a_text_that_does_not_fit_is_seen_through_a_window(void **state)
{
    char *whole = NULL, *start = NULL, *end = NULL, expected[80];
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_attention_maps_text(all, 1, 2, 0, 40, HEED_PALETTE_NONE, &whole, &err), HEED_OK);
    assert_null(strstr(whole, "tokens "));
    assert_int_equal(heed_attention_maps_text(all, 1, 2, 0, 14, HEED_PALETTE_NONE, &start, &err), HEED_OK);
    assert_non_null(strstr(start, "tokens 0 to 4 of 0 to 6\n"));
    assert_non_null(strstr(start, "\n  a b a c a "));
    assert_int_equal(heed_attention_maps_text(all, 1, 2, 99, 14, HEED_PALETTE_NONE, &end, &err), HEED_OK);
    assert_non_null(strstr(end, "tokens 2 to 6 of 0 to 6; \"<\": all that goes to those before 2\n"));
    assert_non_null(strstr(end, "\n  < a c a d a "));
    /* the first row of the window: what goes to the two tokens before it, then to itself */
    const float *row = heed_attention_maps_pattern(all, 1, 2) + 2 * LENGTH;
    static const char signs[] = ".:-=+*#%@";
    const char before = signs[(int)((double)(row[0] + row[1]) * 8 + 0.5)],
               itself = signs[(int)((double)row[2] * 8 + 0.5)];
    snprintf(expected, sizeof expected, "\na %c%c%c%c  ", before, before, itself, itself);
    if (strstr(end, expected) == NULL)
        fail_msg("expected \"%s\" in\n%s", expected + 1, end);
    free(whole);
    free(start);
    free(end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_selected_is_what_all_have_and_nothing_else),
        cmocka_unit_test(a_head_that_there_is_not_is_refused),
        cmocka_unit_test(losses_are_those_of_the_next_token),
        cmocka_unit_test(an_array_holds_the_selected_patterns),
        cmocka_unit_test(json_holds_tokens_and_patterns_exactly),
        cmocka_unit_test(pictures_and_pages_hold_each_selected_head_once),
        cmocka_unit_test(another_ending_is_refused_and_the_known_ones_are_named),
        cmocka_unit_test(a_text_that_does_not_fit_is_seen_through_a_window),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
