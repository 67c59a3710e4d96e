/* SPDX-License-Identifier: MIT */
/* --json: one object on stdout, valid, with the promised members. */
#include "program.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* What was printed, as one object on one line. */
static json_t *parse(void)
{
    const char *text = output("stdout");
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL)
        fail_msg("%s in: %s", error.text, text);
    assert_true(json_is_object(root));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    return root;
}

static double number(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);

    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    return json_number_value(value);
}

static const char *string(const json_t *root, const char *key)
{
    const json_t *value = json_object_get(root, key);

    if (!json_is_string(value))
        fail_msg("%s is no string", key);
    return json_string_value(value);
}

static void train_ends_with_a_summary(void **state)
{
    json_t *root;

    (void)state;
    assert_int_equal(run("train", TINY, "--steps", "20", "--out", "m", "--json", "--quiet", NULL), 0);
    assert_int_equal(output_size("stderr"), 0);
    root = parse();
    assert_string_equal(string(root, "model"), "m");
    assert_string_equal(string(root, "picture"), "m/loss.png");
    assert_true(number(root, "steps") == 20 && number(root, "step") == 20);
    assert_true(json_is_true(json_object_get(root, "done")));
    assert_true(number(root, "validation_loss") > number(root, "floor"));
    assert_true(number(root, "parameters") > 0 && number(root, "memory_bytes") > 0);
    json_decref(root);
}

static void generate_gives_the_text(void **state)
{
    json_t *root;

    (void)state;
    assert_int_equal(
        run("generate", "m", "--prompt", "\"One\n", "--max-tokens", "7", "--threads", "1", "--json", NULL), 0);
    root = parse();
    assert_string_equal(string(root, "prompt"), "\"One\n");
    assert_int_equal(strlen(string(root, "text")), 7);
    assert_true(number(root, "tokens") == 7 && number(root, "seconds") > 0);
    json_decref(root);
}

static json_t *object_of_line(const char *text, int line)
{
    json_error_t error;
    json_t *root;

    while (line-- > 0)
        text = strchr(text, '\n') + 1;
    root = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    if (root == NULL)
        fail_msg("%s in: %s", error.text, text);
    return root;
}

/* Prompts of a file, two texts each, in order; what was asked for is there. */
static void generate_gives_an_object_a_text(void **state)
{
    (void)state;
    put_file("p.jsonl", "{\"prompt\": \"One \", \"x\": 1}\n{\"prompt\": \"The\"}\n");
    assert_int_equal(run("generate", "m", "--prompts", "p.jsonl", "--n", "2", "--max-tokens", "30", "--threads",
                         "1", "--json", "--likeliest", "3", "--prompt-log-probabilities", "--stop", "e",
                         "--temperature", "2", NULL),
                     0);
    for (int i = 0; i < 4; i++) {
        json_t *root = object_of_line(output("stdout"), i);
        const json_t *ids = json_object_get(root, "ids"), *list = json_object_get(root, "log_probabilities");
        const json_t *prompt = json_object_get(root, "prompt_log_probabilities");
        const char *finish = string(root, "finish");
        double sum = 0.0;
        assert_string_equal(string(root, "prompt"), i < 2 ? "One " : "The");
        assert_true(number(root, "prompt_number") == i / 2 && number(root, "sample") == i % 2);
        assert_true(number(root, "prompt_tokens") == (i < 2 ? 4 : 3));
        assert_null(strchr(string(root, "text"), 'e'));
        assert_true(strcmp(finish, "stop") == 0 || strcmp(finish, "length") == 0);
        assert_int_equal(json_array_size(ids), (size_t)number(root, "tokens"));
        assert_int_equal(json_array_size(list), json_array_size(ids));
        assert_int_equal(json_array_size(prompt), i % 2 == 0 ? (i < 2 ? 4 : 3) : 0);
        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *token = json_array_get(list, k);
            assert_true(number(token, "id") == (double)json_integer_value(json_array_get(ids, k)));
            assert_int_equal(json_array_size(json_object_get(token, "likeliest")), 3);
            sum += number(token, "log_probability");
        }
        assert_true(fabs(sum - number(root, "log_probability")) < 1e-5); /* nine digits of each are printed */
        json_decref(root);
    }
}

static void generate_gives_the_scores_of_beams(void **state)
{
    (void)state;
    assert_int_equal(run("generate", "m", "--prompt", "One ", "--beams", "3", "--n", "3", "--length-penalty",
                         "1", "--max-tokens", "20", "--json", NULL),
                     0);
    for (int i = 0; i < 3; i++) {
        json_t *root = object_of_line(output("stdout"), i);
        assert_true(fabs(number(root, "score") - number(root, "log_probability") * 6.0 / 25.0) < 1e-6);
        assert_true(number(root, "slides") == 1 && number(root, "forgotten_tokens") == 8);
        json_decref(root);
    }
}

/* One token of some fifty cannot make a hundred texts; what there is of the second prompt comes all the same. */
static void generate_gives_what_beams_find_where_that_is_less(void **state)
{
    int n[2] = {0, 0};
    char *text, *line;

    (void)state;
    assert_int_equal(run("generate", "m", "--prompt", "One ", "--prompt", "The ", "--beams", "100", "--n",
                         "100", "--max-tokens", "1", "--json", NULL),
                     0);
    text = strdup(output("stdout"));
    assert_non_null(text);
    for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        n[0] += strstr(line, "\"prompt_number\": 0,") != NULL;
        n[1] += strstr(line, "\"prompt_number\": 1,") != NULL;
    }
    free(text);
    assert_true(n[0] > 10 && n[0] < 100);
    assert_int_equal(n[0], n[1]);
}

static void text_is_escaped(void **state)
{
    json_t *root;

    (void)state;
    put_file("odd.txt", "\x01\x02\x1b\x7f\\\"\t\r/ é€😀 ");
    for (int i = 0; i < 6; i++) { /* long enough to be trained on */
        char text[60000];
        snprintf(text, sizeof text, "%s%s", output("odd.txt"), output("odd.txt"));
        put_file("odd.txt", text);
    }
    assert_int_equal(run("train", "odd.txt", TINY_OF_A_TEXT, "--steps", "5", "--quiet", NULL), 0);
    assert_int_equal(run("generate", "odd", "--max-tokens", "200", "--threads", "1", "--json", "--prompt",
                         "\x1b\\\"é😀", NULL),
                     0);
    root = parse();
    assert_string_equal(string(root, "prompt"), "\x1b\\\"é😀");
    assert_null(strchr(output("stdout"), '\x1b'));
    json_decref(root);
}

static void eval_and_info_give_figures(void **state)
{
    json_t *root;
    double sum = 0.0;
    const char *key;
    json_t *value;

    (void)state;
    assert_int_equal(run("eval", "odd", "odd.txt", "--threads", "1", "--json", NULL), 0);
    root = parse();
    assert_true(number(root, "loss") > 0 && number(root, "perplexity") > 1 &&
                number(root, "bits_per_byte") > 0);
    assert_true(number(root, "tokens") > 100);
    assert_true(number(root, "context_length") == 16 && number(root, "last") == 0);
    json_decref(root);

    assert_int_equal(run("info", "m", "--tensors", "--json", NULL), 0);
    root = parse();
    json_object_foreach(json_object_get(root, "components"), key, value) sum += json_number_value(value);
    assert_true(sum == number(root, "parameters"));
    assert_true(json_array_size(json_object_get(root, "tensors")) > 4);
    assert_true(number(json_object_get(root, "config"), "d_model") == 16);
    assert_true(number(json_object_get(root, "training"), "flops") >
                number(json_object_get(root, "forward"), "flops"));
    json_decref(root);
}

static void inspect_gives_patterns(void **state)
{
    json_t *root, *head, *row, *value;
    size_t i, k;

    (void)state;
    assert_int_equal(run("inspect", "m", "--text", "One day", "--head", "2", "--json", NULL), 0);
    root = parse();
    assert_int_equal(json_array_size(json_object_get(root, "tokens")), 7);
    assert_int_equal(json_array_size(json_object_get(json_object_get(root, "maps"), "heads")), 1);
    head = json_array_get(json_object_get(json_object_get(root, "maps"), "heads"), 0);
    assert_true(number(head, "head") == 2);
    assert_int_equal(json_array_size(json_object_get(head, "pattern")), 7);
    json_array_foreach(json_object_get(head, "pattern"), i, row)
    {
        double sum = 0.0;
        json_array_foreach(row, k, value) sum += json_number_value(value);
        /* seven f32 shares, each printed with nine digits */
        assert_true(sum > 1 - 1e-5 && sum < 1 + 1e-5);
    }
    json_decref(root);
}

static void inspect_measures_heads(void **state)
{
    json_t *root, *heads, *head, *repeated;
    size_t i;

    (void)state;
    assert_int_equal(run("inspect", "m", "--text", "One day", "--show", "heads", "--largest-weights", "2",
                         "--repeated-tokens", "5", "--json", NULL),
                     0);
    root = parse();
    heads = json_object_get(json_object_get(root, "heads"), "heads");
    repeated = json_object_get(json_object_get(root, "heads"), "repeated");
    assert_true(json_array_size(heads) > 0);
    assert_int_equal(json_array_size(json_object_get(repeated, "heads")), json_array_size(heads));
    assert_true(number(repeated, "length") == 5 && number(repeated, "second_loss") > 0);
    json_array_foreach(heads, i, head)
    {
        assert_true(number(head, "entropy") <= number(head, "max_entropy") && number(head, "rows") == 6);
        assert_int_equal(json_array_size(json_object_get(head, "distance_profile")), 7);
        assert_int_equal(json_array_size(json_object_get(head, "largest_weights")), 2);
        assert_int_equal(json_object_size(json_object_get(head, "roles")), 5);
        assert_true(number(json_object_get(json_object_get(head, "roles"), "first_token"), "mul") > 0);
    }
    assert_true(json_is_array(json_object_get(json_object_get(root, "heads"), "verdict")));
    json_decref(root);
}

static void inspect_counts_the_tokens_of_experts(void **state)
{
    json_t *root, *shares, *row, *value;
    size_t i, k;

    (void)state;
    assert_int_equal(run("train", TINY, "--steps", "2", "--n-experts", "12", "--experts-per-token", "3",
                         "--out", "experts", "--quiet", NULL),
                     0);
    assert_int_equal(run("inspect", "experts", "--text", "One day", "--json", NULL), 0);
    root = parse();
    shares = json_object_get(json_object_get(root, "maps"), "expert_shares");
    assert_int_equal(json_array_size(shares),
                     json_array_size(json_object_get(json_object_get(root, "maps"), "heads")) / 4);
    json_array_foreach(shares, i, row)
    {
        double sum = 0.0;
        assert_int_equal(json_array_size(row), 12);
        json_array_foreach(row, k, value)
        {
            const double tokens = 7 * json_number_value(value);
            assert_true(tokens >= 0 && tokens < 7 + 1e-5 && fabs(tokens - (int)(tokens + 0.5)) < 1e-5);
            sum += json_number_value(value);
        }
        assert_true(fabs(sum - 3) < 1e-5);
    }
    json_decref(root);
    /* ten a line: two lines for the one layer */
    assert_int_equal(run("inspect", "experts", "--text", "One day", NULL), 0);
    assert_non_null(strstr(output("stdout"), "even: 25 %\n    0       0 "));
    assert_non_null(strstr(output("stdout"), "\n    0      10 "));
    assert_int_equal(run("inspect", "m", "--text", "One day", NULL), 0);
    assert_null(strstr(output("stdout"), "expert"));
}

static void bench_and_version_speak_json(void **state)
{
    json_t *root;

    (void)state;
    assert_int_equal(run("version", "--json", NULL), 0);
    root = parse();
    assert_true(strlen(string(root, "version")) > 0);
    json_decref(root);
    assert_int_equal(run("bench", "train", "--n-layers", "1", "--d-model", "16", "--steps", "2", "--threads",
                         "1", "--json", NULL),
                     0);
    root = parse();
    assert_true(json_array_size(json_object_get(json_object_get(root, "training"), "rows")) > 3);
    assert_true(number(json_object_get(root, "training"), "tokens_per_s") > 0);
    json_decref(root);
}

static void bench_decode_gives_the_reading_beside_it(void **state)
{
    const json_t *part, *reading;
    json_t *root;

    (void)state;
    assert_int_equal(run("bench", "decode", "--n-layers", "1", "--d-model", "16", "--steps", "5", "--threads",
                         "1", "--json", NULL),
                     0);
    root = parse();
    part = json_object_get(root, "decode");
    reading = json_object_get(part, "reading");
    assert_int_equal((int)number(reading, "runs"), 5);
    assert_true(number(reading, "least_s") > 0);
    assert_true(fabs(number(part, "bandwidth_share") * number(part, "median_s") - number(reading, "median_s")) <
                1e-9);
    json_decref(root);
}

static void bench_attention_measures_each_length_and_mask(void **state)
{
    const json_t *rows, *masks, *row, *decode;
    json_t *root;

    (void)state;
    assert_int_equal(run("bench", "attention", "--n-heads", "2", "--head-dim", "16", "--lengths", "64,192",
                         "--plain", "--seconds", "0.05", "--threads", "1", "--json", NULL),
                     0);
    assert_int_equal(output_size("stderr"), 0);
    root = parse();
    rows = json_object_get(root, "lengths");
    masks = json_object_get(root, "masks");
    decode = json_object_get(root, "decode");
    assert_int_equal((int)json_array_size(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        static const char *const passes[] = {"forward", "forward_backward", "plain_forward",
                                             "plain_forward_backward"};
        const double length = i == 0 ? 64 : 192, pairs = length * (length + 1) / 2;
        row = json_array_get(rows, i);
        assert_true(number(row, "length") == length);
        for (int k = 0; k < 4; k++) {
            const json_t *pass = json_object_get(row, passes[k]);
            assert_true(number(pass, "flops") == (k % 2 == 0 ? 4 : 12) * 16 * 2 * pairs);
            assert_true(number(pass, "least_s") > 0 && number(pass, "least_s") <= number(pass, "most_s"));
            assert_true(number(pass, "peak_share") > 0 && number(pass, "bytes") > 0);
        }
    }
    /* nine times the pairs are stored by the text book, and by no other */
    assert_true(number(json_object_get(root, "plain_growth"), "bytes") > 1.5);
    assert_true(number(json_object_get(root, "growth"), "bytes") < 1.2);
    assert_int_equal((int)json_array_size(masks), 6);
    assert_string_equal(string(json_array_get(masks, 1), "mask"), "causal");
    assert_true(fabs(number(json_array_get(masks, 1), "pairs_share") - 193.0 / 384.0) < 1e-9);
    assert_true(number(decode, "bytes") == 2.0 * 8192 * 2 * 16 * 4);
    assert_true(number(decode, "reading_alone_bytes_per_s") > 0 && number(decode, "bandwidth_share") > 0);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train_ends_with_a_summary),
        cmocka_unit_test(generate_gives_the_text),
        cmocka_unit_test(generate_gives_an_object_a_text),
        cmocka_unit_test(generate_gives_the_scores_of_beams),
        cmocka_unit_test(generate_gives_what_beams_find_where_that_is_less),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(eval_and_info_give_figures),
        cmocka_unit_test(inspect_gives_patterns),
        cmocka_unit_test(inspect_measures_heads),
        cmocka_unit_test(inspect_counts_the_tokens_of_experts),
        cmocka_unit_test(bench_and_version_speak_json),
        cmocka_unit_test(bench_decode_gives_the_reading_beside_it),
        cmocka_unit_test(bench_attention_measures_each_length_and_mask),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
