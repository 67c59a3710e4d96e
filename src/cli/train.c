/* SPDX-License-Identifier: MIT */
/* heed train [TEXT]: a model learns a text. */
#include <heed/head_history.h>
#include <heed/pull.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/needs.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/range_test.h"
#include "cli/start_options.h"
#include "cli/train_run.h"

#define PATH_BYTES 4096

#define AT(member) offsetof(heed_cli_train_options, member)

static const heed_cli_text texts[] = {
    {"out", "DIR",
     "the model's folder; without it a new one here, named after the text or the task (story for the stories)",
     AT(out)},
    {"resume", "DIR",
     "go on with the run in this folder, to the same bytes as if it had never stopped; with --steps to another "
     "end, and from here on by the schedule of so many steps",
     AT(resume)},
    {"preset", "NAME", HEED_CLI_PRESET_HELP, AT(preset)},
    {"config", "FILE", HEED_CLI_CONFIG_HELP, AT(config)},
    {"record_patterns", "HEADS", "with --record-heads, also the patterns of these heads: 0.1,1.3",
     AT(record_patterns)},
    {"record_text", "TEXT", "with --record-heads, measure them on this text, too", AT(record_text)},
};

static const heed_field fields[] = {
    {"sample_tokens", "tokens that the model writes after each evaluation; 0: none", HEED_FIELD_INTEGER,
     AT(sample_tokens), 0, 1e6, NULL},
    {"json", "print one JSON object about the run at its end", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
    {"stats",
     "after evaluations, show gradient, weights and update ratio of each group of parameters; not with several "
     "ranks, and with --resume where the run has --stats or --group-interval",
     HEED_FIELD_BOOLEAN, AT(stats), 0, 0, NULL},
    {"record_heads",
     "at each evaluation measure what the heads do on repeated random tokens, for heed inspect --run; --resume "
     "goes on with it",
     HEED_FIELD_BOOLEAN, AT(record_heads), 0, 0, NULL},
    {"record_length", "tokens that are repeated then; 0: 50, or what the context has room for",
     HEED_FIELD_INTEGER, AT(record_length), 0, 1e6, NULL},
    {"range_test",
     "train for no model, but find a learning rate: it grows from --range-low to --range-high. Writes nothing, "
     "or with "
     "--out DIR a log and a picture",
     HEED_FIELD_BOOLEAN, AT(range_test), 0, 0, NULL},
    {"range_low", "the first rate of the range test", HEED_FIELD_NUMBER, AT(range.low), 0, 1e3, NULL},
    {"range_high", "its last rate", HEED_FIELD_NUMBER, AT(range.high), 0, 1e3, NULL},
    {"range_steps", "its steps", HEED_FIELD_INTEGER, AT(range.steps), 20, 1e6, NULL},
    {"quiet", "say nothing while it trains", HEED_FIELD_BOOLEAN, AT(quiet), 0, 0, NULL},
};

/* --- where to --- */

/* NULL: no task is learned. */
static const char *task_name(const heed_train_options *train)
{
    int n;
    const heed_field *train_fields = heed_train_fields(&n);

    return train->task > 0 ? heed_field_find(train_fields, n, "task")->choices[train->task] : NULL;
}

/* "plays" for "texts/plays.txt"; a text without an ending gives its name and "-model". */
static heed_status name_folder(const char *text, const char *task, char *out, size_t size, heed_error *err)
{
    const char *name = text != NULL && strrchr(text, '/') != NULL ? strrchr(text, '/') + 1 : text;
    const char *dot = name != NULL ? strrchr(name, '.') : NULL;
    int n;

    if (name == NULL)
        n = snprintf(out, size, "%s", task != NULL ? task : "story");
    else if (dot != NULL && dot > name)
        n = snprintf(out, size, "%.*s", (int)(dot - name), name);
    else
        n = snprintf(out, size, "%s-model", name);
    if (n >= (int)size)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "the text's name is too long to name a folder; --out DIR names one");
    return HEED_OK;
}

/* A file in the folder's place is found before the text is read. A range test without --out writes nothing. */
static heed_status check_folder(const heed_cli_train_options *own, const char *folder, heed_ranks *ranks,
                                heed_error *err)
{
    const bool writes = own->resume == NULL && (own->out != NULL || !own->range_test);
    struct stat info;

    if (!writes || heed_ranks_rank(ranks) != 0 || stat(folder, &info) != 0 || S_ISDIR(info.st_mode))
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_FILE, "%.300s: expected a folder, this is a file", folder);
}

/* --- the command --- */

/* "--tokenizer FILE": a word that is none of the kinds, and there is such a file or model, names a tokenizer. */
static void take_tokenizer(heed_cli_options *options, heed_train_options *train,
                           char found[HEED_PULL_PATH_BYTES])
{
    heed_error ignored;

    for (int i = 0; i < options->n_settings; i++) {
        const heed_cli_setting *s = &options->settings[i];
        bool kind = false;

        if (s->group->structure != train || strcmp(s->name, "tokenizer") != 0)
            continue;
        for (int k = 0; s->field->choices[k] != NULL; k++)
            kind = kind || strcmp(s->field->choices[k], s->text) == 0;
        train->tokenizer_path = NULL;
        if (kind || heed_model_find(s->text, found, HEED_PULL_PATH_BYTES, &ignored) != HEED_OK)
            continue; /* what it may be is said when the setting is read */
        train->tokenizer_path = found;
        memmove(&options->settings[i], &options->settings[i + 1],
                (size_t)(options->n_settings - i - 1) * sizeof options->settings[0]);
        options->n_settings--;
        i--;
    }
}

/* Of a resumed run. The threads are the machine's, not the run's. */
static bool may_change(const char *name)
{
    return strcmp(name, "threads") == 0 || strcmp(name, "steps") == 0;
}

/* The first setting of the model or of the training that was given, but for those. */
static const char *given_setting(const heed_cli_options *options, const heed_config *config,
                                 const heed_train_options *train)
{
    for (int i = 0; i < options->n_settings; i++) {
        const heed_cli_setting *s = &options->settings[i];
        if (s->group->structure == config || (s->group->structure == train && !may_change(s->name)))
            return s->name;
    }
    return NULL;
}

/* A resumed run has its settings from its folder. */
static heed_status check_resume(const heed_cli_options *options, const heed_cli_train_options *own,
                                const heed_config *config, const heed_train_options *train, heed_error *err)
{
    const char *field = given_setting(options, config, train);
    const char *other = options->n_operands > 0 ? "a text"
                        : own->out != NULL      ? "--out"
                        : own->preset != NULL   ? "--preset"
                        : own->config != NULL   ? "--config"
                                                : field;

    if (own->resume == NULL || other == NULL)
        return HEED_OK;
    return heed_cli_fail(err, HEED_ERR_USAGE,
                         "--resume takes text and settings but --steps and --threads from the run's folder, so "
                         "%s%s cannot be given",
                         other == field ? "the setting " : "", other);
}

static bool was_given(const heed_cli_options *options, const char *field)
{
    for (int i = 0; i < options->n_settings; i++)
        if (strcmp(options->settings[i].name, field) == 0)
            return true;
    return false;
}

/* One of steps and epochs; steps of the line win over epochs of the file. */
static heed_status settle_length_of_run(const heed_cli_options *options, heed_train_options *train,
                                        heed_error *err)
{
    if (was_given(options, "steps") && was_given(options, "epochs"))
        return heed_cli_fail(err, HEED_ERR_USAGE, "train: expected --steps or --epochs, got both");
    if (was_given(options, "steps"))
        train->epochs = 0;
    return HEED_OK;
}

/* What is recorded of the heads is asked for by one option, which the others go with. */
static heed_status check_record(const heed_cli_train_options *own, const heed_config *config,
                                const heed_train_options *train, heed_error *err)
{
    const heed_head_recorder_options record = {.patterns = own->record_patterns};

    if ((own->record_patterns != NULL || own->record_text != NULL) && !own->record_heads)
        return heed_cli_fail(err, HEED_ERR_USAGE, "%s: expected --record-heads beside it",
                             own->record_patterns != NULL ? "--record-patterns" : "--record-text");
    if (own->record_heads && own->range_test)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "--range-test evaluates nothing, so --record-heads cannot be given");
    if (own->record_heads && own->resume == NULL && train->from[0] == '\0') /* else the model brings its own */
        return heed_head_recorder_check(config, &record, err);
    return HEED_OK;
}

static heed_status check_range(const heed_cli_train_options *own, heed_error *err)
{
    if (own->resume != NULL && own->range_test)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "--range-test begins with fresh weights, so --resume cannot be given");
    return HEED_OK;
}

static heed_status open_trainer(const heed_cli_train_options *own, const char *text, const char *folder,
                                const heed_config *config, const heed_train_options *train,
                                heed_trainer **trainer, heed_error *err)
{
    const heed_resume_options resume = {
        .threads = (int)train->threads, .steps = train->steps, .ranks = train->ranks};
    heed_status status = HEED_OK;

    if (own->resume != NULL)
        status = heed_trainer_resume_with(own->resume, &resume, trainer, err);
    if (own->resume != NULL && own->stats && status == HEED_OK &&
        heed_trainer_options(*trainer)->group_interval == 0)
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             "stats: expected a run that was begun with --stats or --group-interval; %.300s "
                             "does not look at its groups",
                             own->resume);
    if (own->resume != NULL)
        return status;
    return heed_trainer_create(text, config, train, own->range_test ? NULL : folder, trainer, err);
}

/* One rank alone may have failed, or have been asked for help: all end. */
static heed_status agree_to_begin(heed_ranks *ranks, heed_status status, bool *help_shown, heed_error *err)
{
    status = heed_ranks_agree(ranks, status, err);
    return status == HEED_OK ? heed_ranks_any(ranks, *help_shown, help_shown, err) : status;
}

/* "a.txt", "a.txt and 2 more", or what is learned without a text. */
static const char *text_name(const heed_cli_options *options, char *out, size_t size)
{
    if (options->n_operands == 0)
        return "built-in stories";
    if (options->n_operands == 1)
        return options->operands[0];
    snprintf(out, size, "%s and %d more", options->operands[0], options->n_operands - 1);
    return out;
}

static heed_status test_range(const heed_cli_range *range, bool quiet, const char *text, heed_trainer *trainer,
                              heed_error *err)
{
    heed_cli_progress progress = heed_cli_progress_start(quiet ? NULL : stderr, trainer);

    if (!quiet)
        heed_cli_show_plan(stderr, trainer, text);
    return heed_cli_range_test(range, trainer, &progress, err);
}

static heed_status run_on(heed_ranks *ranks, const heed_cli_command *command, int argc, char **argv,
                          heed_error *err)
{
    heed_cli_train_options own = {.sample_tokens = 160, .range = heed_range_options_default()};
    heed_config config = heed_config_default();
    heed_train_options train = heed_train_options_default();
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = (int)(sizeof texts / sizeof texts[0]),
                                .structure = &own,
                                .most_operands = HEED_CLI_MAX_OPERANDS};
    int n_config, n_train;
    const heed_field *config_fields = heed_config_fields(&n_config),
                     *train_fields = heed_train_fields(&n_train);
    heed_trainer *trainer = NULL;
    char tokenizer[HEED_PULL_PATH_BYTES], name[PATH_BYTES], folder[PATH_BYTES] = "";
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    heed_cli_add_group(&options, "Model", config_fields, n_config, &config, false);
    heed_cli_add_group(&options, "Training", train_fields, n_train, &train, false);
    status = agree_to_begin(ranks, heed_cli_read(&options, argc, argv, err), &options.help_shown, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    train.ranks = ranks;
    status = check_resume(&options, &own, &config, &train, err);
    take_tokenizer(&options, &train, tokenizer);
    if (own.resume != NULL) { /* as before, unless the line says otherwise */
        train.threads = -1;
        train.steps = 0;
    }
    if (status == HEED_OK)
        status = heed_cli_configure_run(&options, own.preset, own.config, &config, &train, err);
    if (status == HEED_OK)
        status = settle_length_of_run(&options, &train, err);
    if (status == HEED_OK)
        status = check_range(&own, err);
    if (status == HEED_OK)
        status = check_record(&own, &config, &train, err);
    if (status == HEED_OK)
        status = heed_cli_check_needs(&options, &own, &train, err);
    if (options.n_operands > 1) {
        train.more_texts = options.operands + 1;
        train.n_more_texts = options.n_operands - 1;
    }
    const heed_cli_range range = {
        .options = own.range, .folder = own.out, .json = own.json, .argc = argc, .argv = argv};
    if (status == HEED_OK && own.range_test)
        status = heed_cli_range_check(&range, ranks, err);
    if (status == HEED_OK && own.out == NULL)
        status = name_folder(options.operands[0], task_name(&train), folder, sizeof folder, err);
    if (status == HEED_OK)
        status = check_folder(&own, own.out != NULL ? own.out : folder, ranks, err);
    status = heed_ranks_agree(ranks, status, err);
    if (status != HEED_OK)
        return status;
    own.quiet = own.quiet || heed_ranks_rank(ranks) != 0;
    if (own.stats && train.group_interval == 0) /* a look comes with each evaluation; no more are asked for */
        train.group_interval = train.eval_interval > 0 ? train.eval_interval : train.steps;
    heed_cli_catch_interrupts(own.quiet || heed_ranks_size(ranks) > 1
                                  ? NULL /* mpirun interrupts ranks for reasons of its own */
                                  : "\nheed: finishing this step and saving; once more stops at once\n");
    if (heed_ranks_launched())
        heed_cli_catch_user_signal();
    status = open_trainer(&own, options.operands[0], own.out != NULL ? own.out : folder, &config, &train,
                          &trainer, err);
    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK && own.range_test)
        status = test_range(&range, own.quiet, text_name(&options, name, sizeof name), trainer, err);
    else if (status == HEED_OK)
        status = heed_cli_train_run(&own, text_name(&options, name, sizeof name), trainer, err);
    heed_trainer_close(trainer);
    return status;
}

/*
 * Under mpirun every rank runs this, and the first one speaks for all: the others have no stdout and say nothing, and what
 * they fail of has been told to the first, whose exit code is the run's.
 */
static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    heed_ranks *ranks = NULL;
    heed_status status = heed_ranks_open(&ranks, err);
    bool speaks;

    if (status != HEED_OK)
        return status;
    speaks = heed_ranks_rank(ranks) == 0;
    if (!speaks && freopen("/dev/null", "w", stdout) == NULL)
        status = heed_cli_fail(err, HEED_ERR_FILE, "/dev/null: cannot be opened");
    status = heed_ranks_agree(ranks, status, err);
    if (status == HEED_OK)
        status = run_on(ranks, command, argc, argv, err);
    if (heed_ranks_close(ranks) && !speaks)
        status = HEED_OK;
    return status;
}

const heed_cli_command heed_cli_train = {
    .name = "train",
    .operands = "[TEXT...]",
    .summary = "train a model on texts, or on built-in stories",
    .details =
        "TEXT is a file in UTF-8; its characters become the tokens, its last tenth validates. --tokenizer\n"
        "makes words or byte pairs of it, or takes a file or folder that heed tokenize takes; with byte pairs\n"
        "any bytes will do. Several files are read as one, each a document; in a file named .jsonl each line\n"
        "is one. Texts may be larger than memory. Without a text the model learns from stories made by a\n"
        "grammar, or the --task: copy (dbca=dbca), reverse, sort, induction (a random sequence again and\n"
        "again), addition (31+90=24, modulo --task-symbols), translate (the red cat ...=belo beli ...),\n"
        "pronoun (the cat sat on the mat because it was tired=cat), consonant (has one occurred?),\n"
        "first-letter (is it a consonant?). The floor is known: on average no loss is below it. The folder\n"
        "is a model at every checkpoint. Ctrl-C finishes the step, saves and stops. mpirun -n N heed train\n"
        "... trains on N processes, here or on several machines; --batch-size is that of all together.\n"
        "\n"
        "--from goes on from a model: a folder, or a name that heed pull has fetched. Its configuration and\n"
        "tokenizer come along. --dropout, --expert-capacity, --balance-weight may be given, a shorter\n"
        "--context-length, and a longer one where positions have a formula. What it knows is kept with a low\n"
        "rate: 1e-5 to 1e-4 for GPT-2, for a small model a tenth of what it was trained with.\n"
        "--distill learns from a larger model beside the text: (1 - w) CE + w T^2 KL(teacher || model).\n",
    .examples =
        "  heed train\n"
        "  heed train shakespeare.txt --out plays --steps 5000\n"
        "  heed train shakespeare.txt --out small --n-layers 2 --d-model 64 --no-tied-head\n"
        "  heed train shakespeare.txt --out pairs --tokenizer bpe --tokenizer-vocab-size 1024\n"
        "  heed train letters/*.txt --out letters --epochs 4\n"
        "  heed train talks.jsonl --out talks --text-field question,answer --target-field answer\n"
        "  heed train --task copy --context-length 35\n"
        "  heed train --task reverse --task-length 4 --task-symbols 10\n"
        "  heed train --task sort --steps 5000\n"
        "  heed train --task induction --n-layers 2 --no-mlp --context-length 96 --record-heads\n"
        "  heed train --task addition --context-length 5 --batch-size 512 --weight-decay 1\n"
        "  heed train --task translate --context-length 47\n"
        "  heed train --task consonant --context-length 16\n"
        "  heed train --task first-letter --n-layers 1 --n-heads 1\n"
        "  heed train shakespeare.txt --out kept --keep-best --keep-last 2 --patience 5 --schedule wsd\n"
        "  heed train --resume plays\n"
        "  heed train --resume plays --steps 10000\n"
        "  heed train shakespeare.txt --range-test\n"
        "  heed train letters.txt --from gpt2 --out letters --learning-rate 5e-5 --steps 200\n"
        "  heed train shakespeare.txt --distill plays --out one-head --n-heads 1 --n-layers 2\n"
        "  mpirun -n 2 heed train shakespeare.txt --out plays\n",
    .run = run,
};
