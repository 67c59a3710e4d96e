/* SPDX-License-Identifier: MIT */
/* heed tokenize train TEXT...: a vocabulary of one's own. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/json_out.h"
#include "cli/out_file.h"
#include "cli/output.h"
#include "cli/tokenize.h"

#define REDRAW_S 0.1

typedef struct train_options {
    const char *out, *pattern;
    heed_cli_list special;
    bool force, quiet, json;
} train_options;

#define AT(member) offsetof(train_options, member)

static const heed_cli_text texts[] = {
    {"out", "FILE", "where the tokenizer goes: NAME.json, or a folder for its tokenizer.json", AT(out)},
    {"pattern", "NAME",
     "bpe: how text is cut into pieces: gpt2, cl100k_base, o200k_base, or a regular expression [gpt2]",
     AT(pattern)},
};

static const heed_cli_text lists[] = {
    {"special", "TEXT",
     "bpe: a token that no text becomes by chance, such as <|endoftext|>; may be given again", AT(special)},
};

static const heed_field flags[] = {
    {"force", "write over a file that is there", HEED_FIELD_BOOLEAN, AT(force), 0, 0, NULL},
    {"quiet", "say nothing meanwhile", HEED_FIELD_BOOLEAN, AT(quiet), 0, 0, NULL},
    {"json", "print one JSON object about the tokenizer", HEED_FIELD_BOOLEAN, AT(json), 0, 0, NULL},
};

/* --- what is shown meanwhile --- */

typedef struct watching {
    bool live;   /* on a terminal */
    bool stands; /* a line is there */
    double begin_s, shown_s;
    double n_all; /* bytes of all texts, 0: unknown */
} watching;

static void clear_line(watching *w)
{
    if (w->stands)
        fputs("\r\033[K", stderr);
    w->stands = false;
}

static bool watch(void *context, const heed_vocab_progress *p)
{
    watching *w = context;
    const double now = heed_cli_seconds();
    char line[160], a[32], b[32], c[32];
    int n;

    if (!w->live || now - w->shown_s < REDRAW_S)
        return true;
    if (p->n_tokens > 0)
        n = snprintf(line, sizeof line, "learning: %s of %s tokens", heed_cli_grouped(a, (double)p->n_tokens),
                     heed_cli_grouped(b, (double)p->vocab_size));
    else
        n = snprintf(line, sizeof line, "counting: %s, %s different pieces, %s/s",
                     heed_cli_bytes(a, p->n_bytes), heed_cli_grouped(b, (double)p->n_pieces),
                     heed_cli_bytes(c, p->n_bytes / (now - w->begin_s)));
    if (p->n_tokens == 0 && w->n_all > p->n_bytes)
        snprintf(line + n, sizeof line - (size_t)n, ", %.0f %%", 100.0 * p->n_bytes / w->n_all);
    fprintf(stderr, "\r%.*s\033[K", heed_cli_columns(stderr) - 1, line);
    fflush(stderr);
    w->stands = true;
    w->shown_s = now;
    return true;
}

/* Bytes of all files together; 0 when one of them is no file. */
static double size_of(const heed_cli_options *o)
{
    double sum = 0.0;

    for (int i = 0; i < o->n_operands; i++) {
        struct stat info;
        if (stat(o->operands[i], &info) != 0 || !S_ISREG(info.st_mode))
            return 0.0;
        sum += (double)info.st_size;
    }
    return sum;
}

/* --- the work --- */

static heed_status add_texts(const heed_cli_options *o, heed_vocab *vocab, heed_error *err)
{
    heed_status status = HEED_OK;

    for (int i = 0; i < o->n_operands && status == HEED_OK; i++) {
        heed_cli_input in;

        status = heed_cli_input_open(&in, o->operands[i], err);
        if (status != HEED_OK)
            return status;
        status = heed_vocab_add(vocab, heed_cli_input_read, &in, err);
        if (status != HEED_OK && strncmp(err->message, in.name, strlen(in.name)) != 0) {
            const heed_error was = *err;
            status = heed_cli_fail(err, status == HEED_ERR_USAGE ? HEED_ERR_FILE : status, "%.200s: %.290s",
                                   in.name, was.message);
        }
        heed_cli_input_close(&in);
    }
    return status;
}

static void say_result(const heed_vocab_options *o, const heed_vocab_progress *p, const char *path,
                       double seconds)
{
    char a[32], b[32], c[32], shown[256];

    if (p->n_dropped > 0)
        fprintf(stderr, "%s rare pieces of text were dropped on the way: --max-pieces %s allows no more\n",
                heed_cli_grouped(a, (double)p->n_dropped), heed_cli_grouped(b, (double)o->max_pieces));
    if (p->n_tokens < p->vocab_size && o->kind != HEED_VOCAB_CHARACTERS)
        fprintf(stderr, "the text has nothing more that comes %lld times or more: fewer tokens than %s\n",
                (long long)o->min_frequency, heed_cli_grouped(a, (double)p->vocab_size));
    fprintf(stderr, "%s: %s tokens from %s and %s different pieces, in %.1f s\n",
            heed_cli_quote(shown, sizeof shown, path), heed_cli_grouped(a, (double)p->n_tokens),
            heed_cli_bytes(b, p->n_bytes), heed_cli_grouped(c, (double)p->n_pieces), seconds);
}

static void print_json(const heed_tokenizer *tokenizer, const heed_vocab_progress *p, const char *path,
                       double seconds)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "tokenizer", path);
    heed_cli_json_text(&json, "kind", heed_tokenizer_kind_name(tokenizer));
    heed_cli_json_integer(&json, "vocab_size", p->n_tokens);
    heed_cli_json_number(&json, "n_bytes", p->n_bytes);
    heed_cli_json_integer(&json, "n_pieces", p->n_pieces);
    heed_cli_json_integer(&json, "n_dropped", p->n_dropped);
    heed_cli_json_number(&json, "seconds", seconds);
    heed_cli_json_close(&json, '}');
}

static heed_status train(const heed_cli_options *o, const train_options *own, const char *path,
                         const heed_vocab_options *options, watching *w, heed_error *err)
{
    heed_vocab *vocab = NULL;
    heed_tokenizer *tokenizer = NULL;
    heed_status status = heed_vocab_create(options, &vocab, err);

    if (status == HEED_OK)
        status = add_texts(o, vocab, err);
    if (status == HEED_OK)
        status = heed_vocab_learn(vocab, &tokenizer, err);
    if (status == HEED_OK)
        status = heed_tokenizer_save(tokenizer, path, err);
    clear_line(w);
    if (status == HEED_OK) {
        const heed_vocab_progress state = heed_vocab_state(vocab);
        const double seconds = heed_cli_seconds() - w->begin_s;

        if (!own->quiet)
            say_result(options, &state, path, seconds);
        if (own->json)
            print_json(tokenizer, &state, path, seconds);
    }
    heed_tokenizer_destroy(tokenizer);
    heed_vocab_destroy(vocab);
    return status;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    train_options own = {0};
    heed_vocab_options vocab = heed_vocab_options_default();
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = 2,
                                .lists = lists,
                                .n_lists = 1,
                                .structure = &own,
                                .least_operands = 1,
                                .most_operands = HEED_CLI_MAX_OPERANDS};
    watching w = {.begin_s = heed_cli_seconds()};
    int n;
    const heed_field *vocab_fields = heed_vocab_fields(&n);
    char path[4096];
    heed_status status;

    heed_cli_add_group(&options, NULL, flags, (int)(sizeof flags / sizeof flags[0]), &own, true);
    heed_cli_add_group(&options, "The vocabulary", vocab_fields, n, &vocab, false);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK && own.out == NULL)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "tokenize train: expected --out FILE");
    if (status == HEED_OK && own.pattern != NULL && vocab.kind != HEED_VOCAB_BPE)
        status = heed_cli_fail(err, HEED_ERR_USAGE, "tokenize train: --pattern is a part of --kind bpe");
    if (status == HEED_OK)
        status = heed_cli_tokenizer_path(own.out, own.force, path, sizeof path, err);
    if (status != HEED_OK)
        return status;
    if (own.pattern != NULL)
        vocab.pattern = own.pattern;
    vocab.special = own.special.items;
    vocab.n_special = own.special.n;
    w.live = !own.quiet && heed_cli_is_terminal(stderr);
    w.n_all = size_of(&options);
    vocab.progress = watch;
    vocab.progress_context = &w;
    return train(&options, &own, path, &vocab, &w, err);
}

const heed_cli_command heed_cli_tokenize_train = {
    .name = "tokenize train",
    .operands = "TEXT...",
    .summary = "learn a vocabulary from texts",
    .details =
        "TEXTs may be larger than memory; \"-\" is standard input. bpe takes any bytes, words and characters\n"
        "take UTF-8. The result depends on texts and options alone, and other programs read it.\n",
    .examples = "  heed tokenize train notes.txt --vocab-size 4096 --out notes.json\n"
                "  heed tokenize train *.txt --special \"<|endoftext|>\" --pattern o200k_base --out tokens\n"
                "  heed tokenize train notes.txt --kind words --vocab-size 10000 --out words.json\n",
    .run = run,
};
