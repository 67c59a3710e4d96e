/* SPDX-License-Identifier: MIT */
/* heed_fields_load(): settings of a model and of its training in one JSON file. */
#include "cmocka_all.h"

#include <heed/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct both {
    heed_config config;
    heed_train_options train;
} both;

/* Loads text as a file into both. */
static heed_status load(const char *text, both *to, heed_error *err)
{
    char path[] = "/tmp/heed-settings-XXXXXX";
    const int fd = mkstemp(path);
    heed_settings settings[2] = {{.structure = &to->config}, {.structure = &to->train}};

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    *to = (both){heed_config_default(), heed_train_options_default()};
    settings[0].fields = heed_config_fields(&settings[0].n);
    settings[1].fields = heed_train_fields(&settings[1].n);
    const heed_status status = heed_fields_load(path, settings, 2, err);
    unlink(path);
    return status;
}

static void each_setting_finds_its_table(void **state)
{
    heed_error err = {0};
    both b;

    (void)state;
    assert_int_equal(
        load("{\"n_layers\": 2, \"steps\": 7, \"norm\": \"post\", \"mlp\": false, \"learning-rate\": 0.5}", &b,
             &err),
        HEED_OK);
    assert_int_equal(b.config.n_layers, 2);
    assert_int_equal(b.config.norm, HEED_NORM_POST);
    assert_false(b.config.mlp);
    assert_int_equal(b.config.d_model, heed_config_default().d_model);
    assert_int_equal(b.train.steps, 7);
    assert_true(b.train.learning_rate == 0.5);
    assert_int_equal(b.train.batch_size, heed_train_options_default().batch_size);
    assert_int_equal(load("{}", &b, &err), HEED_OK);
}

static void a_wrong_file_says_what_is_wrong(void **state)
{
    static const char *const wrong[][2] = {
        {"{\"n_layer\": 2}", "did you mean \"n_layers\"?"},
        {"{\"step\": 2}", "did you mean \"steps\"?"},
        {"{\"completely_else\": 2}", "completely_else"},
        {"{\"steps\": 0}", "steps"},
        {"{\"dropout\": 1.5}", "dropout"},
        {"{\"mlp\": \"yes\"}", "mlp"},
        {"{\"norm\": \"middle\"}", "norm"},
        {"[1]", "object"},
        {"{\"steps\": 1, \"steps\": 2}", "steps"},
        {"{", "JSON"},
        {"", "JSON"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_error err = {0};
        both b;
        assert_int_equal(load(wrong[i][0], &b, &err), HEED_ERR_FILE);
        if (strstr(err.message, wrong[i][1]) == NULL)
            fail_msg("%s: \"%s\" lacks \"%s\"", wrong[i][0], err.message, wrong[i][1]);
    }
}

static void a_missing_file_is_named(void **state)
{
    heed_error err = {0};

    (void)state;
    assert_int_equal(heed_fields_load("/nowhere/settings.json", NULL, 0, &err), HEED_ERR_FILE);
    assert_non_null(strstr(err.message, "/nowhere/settings.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_setting_finds_its_table),
        cmocka_unit_test(a_wrong_file_says_what_is_wrong),
        cmocka_unit_test(a_missing_file_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
