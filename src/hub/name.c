/* SPDX-License-Identifier: MIT */
#include "hub/name.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"

#define USUAL_REVISION "main"

/* GPT-2's family by the names that everyone uses, and who publishes them. */
static const char *const known[][2] = {
    {"gpt2", "openai-community"},    {"gpt2-medium", "openai-community"}, {"gpt2-large", "openai-community"},
    {"gpt2-xl", "openai-community"}, {"distilgpt2", "distilbert"},
};

#define N_KNOWN (sizeof known / sizeof known[0])

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* n bytes of letters, digits, ".", "_", "-", beginning with a letter or digit, without "..". */
static bool is_word(const char *text, size_t n)
{
    if (n == 0 || n >= HEED_HUB_PART_BYTES || !is_alphanumeric(text[0]))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_alphanumeric(text[i]) && strchr("._-", text[i]) == NULL)
            return false;
        if (i > 0 && text[i] == '.' && text[i - 1] == '.')
            return false;
    }
    return true;
}

bool heed_hub_file_name_is_safe(const char *name)
{
    return is_word(name, strlen(name));
}

/* Words between slashes: refs/pr/1. */
static bool is_revision(const char *text)
{
    if (strlen(text) >= HEED_HUB_PART_BYTES)
        return false;
    for (;;) {
        const size_t n = strcspn(text, "/");
        if (!is_word(text, n))
            return false;
        if (text[n] == '\0')
            return true;
        text += n + 1;
    }
}

static heed_status fail_name(const char *text, const char *what, heed_error *err)
{
    char shown[120];

    return heed_fail(err, HEED_ERR_USAGE, "\"%s\": expected %s",
                     heed_quote(shown, sizeof shown, text, strlen(text)), what);
}

static heed_status read_revision(const char *behind, const char *revision, heed_hub_name *name, heed_error *err)
{
    if (behind != NULL && revision != NULL && strcmp(behind, revision) != 0)
        return fail_name(revision, "the revision behind the name's @, or none", err);
    if (revision == NULL)
        revision = behind != NULL ? behind : USUAL_REVISION;
    if (!is_revision(revision))
        return fail_name(revision, "a revision: a branch, a tag or a commit", err);
    snprintf(name->revision, sizeof name->revision, "%s", revision);
    return HEED_OK;
}

heed_status heed_hub_name_read(const char *text, const char *revision, heed_hub_name *name, heed_error *err)
{
    const char *at = strchr(text, '@');
    const size_t n = at != NULL ? (size_t)(at - text) : strlen(text);
    const char *slash = memchr(text, '/', n);
    const size_t n_owner = slash != NULL ? (size_t)(slash - text) : 0;
    const char *model = slash != NULL ? slash + 1 : text;

    *name = (heed_hub_name){.is_short = slash == NULL};
    if ((slash != NULL && !is_word(text, n_owner)) || !is_word(model, n - (size_t)(model - text)))
        return fail_name(text, "the name of a model on a hub, such as gpt2 or openai-community/gpt2", err);
    snprintf(name->given, sizeof name->given, "%.*s", (int)n, text);
    snprintf(name->full, sizeof name->full, "%s", name->given);
    for (size_t i = 0; i < N_KNOWN && name->is_short; i++) {
        if (strcmp(known[i][0], name->given) == 0) {
            snprintf(name->full, sizeof name->full, "%s/%s", known[i][1], known[i][0]);
            name->is_known = true;
        }
    }
    return read_revision(at != NULL ? at + 1 : NULL, revision, name, err);
}

const char *heed_hub_name_near(const heed_hub_name *name)
{
    const char *best = NULL;
    int best_distance = INT_MAX;

    if (!name->is_short || name->is_known)
        return NULL;
    for (size_t i = 0; i < N_KNOWN; i++) {
        const int distance = heed_edit_distance(name->given, known[i][0]);
        if (heed_is_near(name->given, distance) && distance < best_distance) {
            best = known[i][0];
            best_distance = distance;
        }
    }
    return best;
}

void heed_hub_name_path(const heed_hub_name *name, char *out)
{
    const bool usual = strcmp(name->revision, USUAL_REVISION) == 0;
    const int n = snprintf(out, HEED_HUB_NAME_PATH_BYTES, "models/%s%s%s", name->full, usual ? "" : "@",
                           usual ? "" : name->revision);
    char *at = usual || n < 0 ? NULL : strchr(out, '@');

    /* one folder a model: refs/pr/1 becomes refs+pr+1, which no other revision does */
    while (at != NULL && (at = strchr(at, '/')) != NULL)
        *at = '+';
}
