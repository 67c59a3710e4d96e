/* SPDX-License-Identifier: MIT */
#include "cli/needs.h"

#include <string.h>

#include "cli/output.h"

typedef struct run_facts {
    const heed_cli_options *options;
    const heed_cli_train_options *own;
    const heed_train_options *train;
} run_facts;

typedef bool fact(const run_facts *f);

/* --- what a setting may need --- */

static bool is_range_test(const run_facts *f)
{
    return f->own->range_test;
}

static bool records_heads(const run_facts *f)
{
    return f->own->record_heads;
}

static bool has_teacher(const run_facts *f)
{
    return f->train->distill[0] != '\0';
}

static bool has_task(const run_facts *f)
{
    return f->train->task > 0;
}

static bool has_no_task(const run_facts *f)
{
    return !has_task(f);
}

static bool is_addition(const run_facts *f)
{
    int n;
    const heed_field *fields = heed_train_fields(&n);

    return strcmp(heed_field_find(fields, n, "task")->choices[f->train->task], "addition") == 0;
}

static bool has_no_task_or_windows(const run_facts *f)
{
    return !has_task(f) || f->train->order != HEED_TRAIN_EPOCHS;
}

static bool is_in_order(const run_facts *f)
{
    return f->train->epochs == 0 || f->train->order == HEED_TRAIN_EPOCHS;
}

static bool has_text(const run_facts *f)
{
    return f->options->n_operands > 0;
}

static bool has_stories(const run_facts *f)
{
    return !has_text(f) && !has_task(f);
}

static bool makes_vocabulary(const run_facts *f)
{
    return f->train->tokenizer != HEED_TRAIN_CHARACTERS && f->train->tokenizer_path == NULL;
}

static bool is_sgd(const run_facts *f)
{
    return f->train->optimizer == HEED_OPTIMIZER_SGD;
}

static bool is_not_sgd(const run_facts *f)
{
    return !is_sgd(f);
}

static bool is_in_steps(const run_facts *f)
{
    return f->train->schedule == HEED_SCHEDULE_STEP;
}

static bool decays(const run_facts *f)
{
    return f->train->schedule != HEED_SCHEDULE_CONSTANT;
}

static bool is_strict(const run_facts *f)
{
    return f->train->strict;
}

static bool is_alone(const run_facts *f)
{
    return heed_ranks_size(f->train->ranks) == 1;
}

static bool evaluates(const run_facts *f)
{
    return f->train->eval_interval > 0;
}

/* A setting that has an effect only where something holds, and how that is said. */
static const struct need {
    const char *name;
    fact *met;
    const char *expected;
} needs[] = {
    {"range_low", is_range_test, "--range-test beside it"},
    {"range_high", is_range_test, "--range-test beside it"},
    {"range_steps", is_range_test, "--range-test beside it"},
    {"record_length", records_heads, "--record-heads beside it"},
    {"stats", is_alone, "a single process, not several ranks,"},

    {"decay_steps", decays, "a schedule that decays, not constant,"},
    {"min_learning_rate", decays, "a schedule that decays, not constant,"},
    {"decay_factor", is_in_steps, "--schedule step beside it"},
    {"momentum", is_sgd, "--optimizer sgd beside it"},
    {"nesterov", is_sgd, "--optimizer sgd beside it"},
    {"beta1", is_not_sgd, "--optimizer adamw or adam, not sgd,"},
    {"beta2", is_not_sgd, "--optimizer adamw or adam, not sgd,"},
    {"eps", is_not_sgd, "--optimizer adamw or adam, not sgd,"},
    {"patience", evaluates, "--eval-interval above 0"},
    {"strict_parts", is_strict, "--strict beside it"},

    {"text_field", has_text, "a text beside it"},
    {"target_field", has_text, "a text beside it"},
    {"token_file_bytes", has_text, "a text beside it"},
    {"corpus_bytes", has_stories, "neither a text nor --task beside it"},
    {"tokenizer", has_no_task, "no --task, which has tokens of its own,"},
    {"tokenizer_vocab_size", has_no_task, "no --task, which has tokens of its own,"},
    {"tokenizer_vocab_size", makes_vocabulary, "--tokenizer words or bpe beside it"},
    {"order", has_no_task_or_windows, "no --task, which has no end,"},
    {"order", is_in_order, "epochs, as --epochs is beside it,"},
    {"task_symbols", has_task, "--task beside it"},
    {"task_length", has_task, "--task beside it"},
    {"task_prompts", has_task, "--task beside it"},
    {"task_held_out", is_addition, "--task addition beside it"},

    {"temperature", has_teacher, "--distill beside it"},
    {"distill_weight", has_teacher, "--distill beside it"},
};

/* --- the check --- */

/* A yes that is switched off asks for nothing. */
static bool asks(const heed_cli_setting *s)
{
    char value[64];

    return s->field->type != HEED_FIELD_BOOLEAN ||
           strcmp(heed_field_get(s->field, s->group->structure, value, sizeof value), "true") == 0;
}

/* Does it have another value than its default? Only settings of a run are looked at, as a file has no others. */
static bool is_unusual(const char *name, const run_facts *f)
{
    const heed_train_options usual = heed_train_options_default();
    int n;
    const heed_field *fields = heed_train_fields(&n), *field = heed_field_find(fields, n, name);
    char value[HEED_TRAIN_PATH_BYTES], of_usual[HEED_TRAIN_PATH_BYTES];

    return field != NULL && strcmp(heed_field_get(field, f->train, value, sizeof value),
                                   heed_field_get(field, &usual, of_usual, sizeof of_usual)) != 0;
}

/* With a file, the line may put a setting back to its default. */
static heed_status check_setting(const heed_cli_setting *s, const run_facts *f, heed_error *err)
{
    for (size_t i = 0; i < sizeof needs / sizeof needs[0] && asks(s); i++) {
        if (strcmp(needs[i].name, s->field->name) == 0 && !needs[i].met(f) &&
            (f->own->config == NULL || s->group->structure != f->train || is_unusual(s->field->name, f)))
            return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected %s or it has no effect", needs[i].name,
                                 needs[i].expected);
    }
    return HEED_OK;
}

/* A file may hold every setting of a run. Those at their defaults ask for nothing. */
static heed_status check_file(const run_facts *f, heed_error *err)
{
    char shown[256];

    if (f->own->config == NULL)
        return HEED_OK;
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (!needs[i].met(f) && is_unusual(needs[i].name, f))
            return heed_cli_fail(err, HEED_ERR_USAGE, "%s: %s: expected %s or it has no effect",
                                 heed_cli_quote(shown, sizeof shown, f->own->config), needs[i].name,
                                 needs[i].expected);
    }
    return HEED_OK;
}

heed_status heed_cli_check_needs(const heed_cli_options *options, const heed_cli_train_options *own,
                                 const heed_train_options *train, heed_error *err)
{
    const run_facts facts = {.options = options, .own = own, .train = train};
    heed_status status = HEED_OK;

    for (int i = 0; i < options->n_settings && status == HEED_OK; i++)
        status = check_setting(&options->settings[i], &facts, err);
    return status == HEED_OK ? check_file(&facts, err) : status;
}
