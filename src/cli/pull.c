/* SPDX-License-Identifier: MIT */
/* heed pull NAME: a model from a hub, into the cache. */
#include <heed/pull.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/json_out.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pull_progress.h"

typedef struct pull_options {
    const char *base_url, *revision, *out, *sha256;
    int64_t retries, timeout;
    bool force, list, remove, quiet, json;
} pull_options;

#define AT(member) offsetof(pull_options, member)

static const heed_cli_text texts[] = {
    {"out", "DIR", "a new folder for the model; without it, it goes into the cache", AT(out)},
    {"revision", "WORD", "a branch, tag or commit; without it main, or what NAME@WORD says", AT(revision)},
    {"base_url", "URL", "of the hub; without it that of HEED_HUB, or https://huggingface.co", AT(base_url)},
    {"sha256", "FILE=HEX", "what a file must hash to, beside what the hub says; more of them after commas",
     AT(sha256)},
};

static const heed_field fields[] = {
    {"force", "fetch again what is there already", HEED_FIELD_BOOLEAN, AT(force), 0, 0, NULL},
    {"list", "show the models of the cache", HEED_FIELD_BOOLEAN, AT(list), 0, 0, NULL},
    {"remove", "remove NAME from the cache, and what a stopped pull has left of it", HEED_FIELD_BOOLEAN,
     AT(remove), 0, 0, NULL},
    {"retries", "of a request after a cut connection, a time-out or a server's own fault", HEED_FIELD_INTEGER,
     AT(retries), 0, 100, NULL},
    {"timeout", "seconds without a byte, or until connected", HEED_FIELD_INTEGER, AT(timeout), 1, 86400, NULL},
    {"quiet", "say nothing but errors", HEED_FIELD_BOOLEAN, AT(quiet), 0, 0, NULL},
    {"json", "print one JSON object: name, folder, files, bytes, fetched, seconds, already", HEED_FIELD_BOOLEAN,
     AT(json), 0, 0, NULL},
};

/* --- fetching --- */

static void print_pulled(const heed_pulled *pulled, const pull_options *own)
{
    heed_cli_json json = {.out = stdout};
    char bytes[32], took[32], folder[2 * HEED_PULL_PATH_BYTES];

    if (!own->quiet && pulled->already)
        fprintf(stderr, "%s is there already; --force fetches it again\n", pulled->name);
    else if (!own->quiet)
        fprintf(stderr, "%s: %d files, %s in %s\n", pulled->name, pulled->n_files,
                heed_cli_bytes(bytes, (double)pulled->bytes), heed_cli_duration(took, pulled->seconds));
    if (!own->json) {
        printf("%s\n",
               isatty(STDOUT_FILENO) ? heed_cli_quote(folder, sizeof folder, pulled->folder) : pulled->folder);
        return;
    }
    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "name", pulled->name);
    heed_cli_json_text(&json, "folder", pulled->folder);
    heed_cli_json_integer(&json, "files", pulled->n_files);
    heed_cli_json_integer(&json, "bytes", pulled->bytes);
    heed_cli_json_integer(&json, "fetched", pulled->fetched);
    heed_cli_json_number(&json, "seconds", pulled->seconds);
    heed_cli_json_bool(&json, "already", pulled->already);
    heed_cli_json_close(&json, '}');
}

static heed_status fetch(const char *name, const pull_options *own, heed_error *err)
{
    heed_cli_pull_progress progress = heed_cli_pull_progress_start(own->quiet ? NULL : stderr);
    heed_pull_options options = heed_pull_options_default();
    heed_pulled pulled;
    heed_status status;

    options.base_url = own->base_url;
    options.revision = own->revision;
    options.folder = own->out;
    options.sha256 = own->sha256;
    options.force = own->force;
    options.timeout_s = (double)own->timeout;
    options.retries = (int)own->retries;
    options.report = heed_cli_show_pull;
    options.context = &progress;
    heed_cli_catch_interrupts(NULL); /* what is kept is said at the end */
    status = heed_pull(name, &options, &pulled, err);
    heed_cli_pull_clear_line(&progress);
    if (status == HEED_OK)
        print_pulled(&pulled, own);
    return status;
}

/* --- the cache --- */

static void json_list(const char *folder, const heed_cached *models, int n)
{
    heed_cli_json json = {.out = stdout};

    heed_cli_json_open(&json, NULL, '{');
    heed_cli_json_text(&json, "folder", folder);
    heed_cli_json_open(&json, "models", '[');
    for (int i = 0; i < n; i++) {
        heed_cli_json_open(&json, NULL, '{');
        heed_cli_json_text(&json, "name", models[i].name);
        heed_cli_json_integer(&json, "bytes", models[i].bytes);
        heed_cli_json_bool(&json, "complete", models[i].complete);
        heed_cli_json_close(&json, '}');
    }
    heed_cli_json_close(&json, ']');
    heed_cli_json_close(&json, '}');
}

static heed_status list(const pull_options *own, heed_error *err)
{
    char folder[HEED_PULL_PATH_BYTES], shown[512], bytes[32];
    heed_cached *models = NULL;
    int n = 0;
    heed_status status = heed_cache_folder(folder, sizeof folder, err);

    if (status == HEED_OK)
        status = heed_cache_list(&models, &n, err);
    if (status == HEED_OK && own->json)
        json_list(folder, models, n);
    else if (status == HEED_OK) {
        if (!own->quiet)
            fprintf(stderr, "%s %s\n", n > 0 ? "in" : "nothing in",
                    heed_cli_quote(shown, sizeof shown, folder));
        for (int i = 0; i < n; i++)
            printf("%10s  %s%s\n", heed_cli_bytes(bytes, (double)models[i].bytes), models[i].name,
                   models[i].complete ? "" : "  (not complete: heed pull goes on)");
    }
    free(models);
    return status;
}

/* --- the command --- */

static heed_status check(const heed_cli_options *options, const pull_options *own, heed_error *err)
{
    if (own->list && own->remove)
        return heed_cli_fail(err, HEED_ERR_USAGE, "expected --list or --remove, got both");
    if (own->list != (options->n_operands == 0))
        return heed_cli_fail(err, HEED_ERR_USAGE,
                             own->list
                                 ? "--list: expected no name behind it"
                                 : "expected heed pull NAME, such as gpt2; \"heed help pull\" shows more");
    return HEED_OK;
}

static heed_status run(const heed_cli_command *command, int argc, char **argv, heed_error *err)
{
    const heed_pull_options usual = heed_pull_options_default();
    pull_options own = {.retries = usual.retries, .timeout = (int64_t)usual.timeout_s};
    heed_cli_options options = {.command = command,
                                .texts = texts,
                                .n_texts = (int)(sizeof texts / sizeof texts[0]),
                                .structure = &own,
                                .most_operands = 1};
    heed_status status;

    heed_cli_add_group(&options, NULL, fields, (int)(sizeof fields / sizeof fields[0]), &own, true);
    status = heed_cli_read(&options, argc, argv, err);
    if (status != HEED_OK || options.help_shown)
        return status;
    status = heed_cli_apply(&options, err);
    if (status == HEED_OK)
        status = check(&options, &own, err);
    if (status != HEED_OK)
        return status;
    if (own.list)
        return list(&own, err);
    return own.remove ? heed_cache_remove(options.operands[0], err) : fetch(options.operands[0], &own, err);
}

const heed_cli_command heed_cli_pull = {
    .name = "pull",
    .operands = "NAME",
    .summary = "fetch a published model",
    .details =
        "NAME is OWNER/MODEL on the hub, or gpt2, gpt2-medium, gpt2-large, gpt2-xl or distilgpt2. The model's\n"
        "folder is printed, and every command that takes a MODEL finds it by NAME. A pull that was stopped\n"
        "goes on where it was; sizes and checksums are verified. The cache is ~/.cache/heed, or what\n"
        "XDG_CACHE_HOME or HEED_CACHE say. For a gated model, HEED_HUB_TOKEN holds the token of an account.\n",
    .examples = "  heed pull gpt2 && heed generate gpt2 --prompt \"Hello\"\n"
                "  heed pull openai-community/gpt2-medium --out medium\n"
                "  heed pull tiny --base-url http://127.0.0.1:8000\n"
                "  heed pull --list\n",
    .run = run,
};
