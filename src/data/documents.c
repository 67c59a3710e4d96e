/* SPDX-License-Identifier: MIT */
#include "data/documents.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/fnv.h"
#include "data/corpus.h"
#include "formats/json.h"

#define NAME_BYTES    320
#define VALUES_A_LINE ((size_t)1 << 16) /* of JSON */
#define LET_GO_BYTES  ((size_t)1 << 24) /* read of a file before what is behind is let go of */

struct heed_documents {
    heed_documents_options options;
    char *fields; /* the names, each ended by 0 */
    const char *field[HEED_DOCUMENT_FIELDS];
    int n_fields, target; /* target: its place among the fields, -1: there is none */
    uint64_t bytes, hash;
    char name[NAME_BYTES], where[NAME_BYTES + 32];

    /* the document at hand */
    heed_file file;
    bool open, json;
    int path;             /* of the file at hand */
    size_t at, let_go;    /* read of it; let go of it */
    size_t line;          /* lines of JSON read */
    json_t *root;         /* of the line at hand */
    heed_text_buffer own; /* the fields, joined */

    /* one text in memory */
    const char *text;
    size_t n_text;

    /* heed_documents_read() */
    heed_document reading;
    int part;
    size_t read; /* of that part */
    bool broken; /* the document before has ended in a line break, or there was none */
};

static bool is_jsonl(const char *path)
{
    const size_t n = strlen(path);

    return n > 6 && strcmp(path + n - 6, ".jsonl") == 0;
}

/* --- opening --- */

/* Cuts "a,b" into names. */
static heed_status cut_fields(heed_documents *t, const char *names, heed_error *err)
{
    const char *target = t->options.target_field;
    const size_t n = strlen(names), room = n + 1 + (target != NULL ? strlen(target) + 1 : 0);
    char *at = t->fields = malloc(room);

    t->target = -1;
    if (at == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for the names of fields");
    memcpy(at, names, n + 1);
    for (bool more = true; more;) {
        char *comma = strchr(at, ',');
        more = comma != NULL;
        if (more)
            *comma = '\0';
        if (at[0] == '\0' || t->n_fields + 1 >= HEED_DOCUMENT_FIELDS)
            return heed_fail(err, HEED_ERR_USAGE,
                             "text_field: expected 1 to %d names with commas between, got \"%.100s\"",
                             HEED_DOCUMENT_FIELDS - 1, names);
        if (target != NULL && strcmp(at, target) == 0)
            t->target = t->n_fields;
        t->field[t->n_fields++] = at;
        at += strlen(at) + 1;
    }
    if (target != NULL && t->target < 0) {
        t->target = t->n_fields;
        t->field[t->n_fields++] = strcpy(at, target);
    }
    return HEED_OK;
}

/* Every byte of a file, checked and hashed. */
static heed_status take_in(heed_documents *t, const char *path, heed_error *err)
{
    heed_file file = {0};
    heed_status status = heed_corpus_open_text(&file, path, t->options.any_bytes && !is_jsonl(path), err);

    for (size_t at = 0; status == HEED_OK && at < file.size; at += LET_GO_BYTES) {
        const size_t n = file.size - at < LET_GO_BYTES ? file.size - at : LET_GO_BYTES;
        t->hash = heed_fnv(t->hash, file.data + at, n);
        heed_file_let_go(file.data, at + n);
    }
    t->bytes += file.size;
    heed_file_close(&file);
    return status;
}

static heed_documents *create(const heed_documents_options *options)
{
    heed_documents *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->options = *options;
    t->hash = HEED_FNV_BEGIN;
    t->target = -1;
    if (options->target_field != NULL && options->target_field[0] == '\0')
        t->options.target_field = NULL;
    heed_documents_rewind(t);
    return t;
}

heed_status heed_documents_open(const heed_documents_options *options, heed_documents **texts, heed_error *err)
{
    heed_documents *t = create(options);
    heed_status status = HEED_OK;
    bool json = false;
    char shown[256];

    *texts = NULL;
    if (t == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for texts");
    for (int i = 0; i < options->n_paths; i++)
        json = json || is_jsonl(options->paths[i]);
    if (json)
        status = cut_fields(t, options->text_field, err);
    else if (t->options.target_field != NULL)
        status = heed_fail(err, HEED_ERR_USAGE, "target_field: expected a file whose name ends in .jsonl");
    else if (options->text_field != NULL && strcmp(options->text_field, HEED_DOCUMENTS_FIELD) != 0)
        status = heed_fail(err, HEED_ERR_USAGE, "text_field: expected a file whose name ends in .jsonl");
    for (int i = 0; i < options->n_paths && status == HEED_OK; i++)
        status = take_in(t, options->paths[i], err);
    if (status != HEED_OK) {
        heed_documents_close(t);
        return status;
    }
    heed_quote(shown, sizeof shown, options->paths[0], strlen(options->paths[0]));
    if (options->n_paths > 1)
        snprintf(t->name, sizeof t->name, "%s and %d more", shown, options->n_paths - 1);
    else
        snprintf(t->name, sizeof t->name, "%s", shown);
    *texts = t;
    return HEED_OK;
}

heed_status heed_documents_wrap(const char *text, size_t n, const char *name, heed_documents **texts,
                                heed_error *err)
{
    const heed_documents_options options = {.n_paths = 1};
    heed_documents *t = create(&options);

    *texts = t;
    if (t == NULL)
        return heed_fail(err, HEED_ERR_MEMORY, "not enough memory for texts");
    t->text = text;
    t->n_text = n;
    t->bytes = n;
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(t->where, sizeof t->where, "%s", t->name);
    return HEED_OK;
}

void heed_documents_close(heed_documents *t)
{
    if (t == NULL)
        return;
    json_decref(t->root);
    heed_text_free(&t->own);
    heed_file_close(&t->file);
    free(t->fields);
    free(t);
}

uint64_t heed_documents_bytes(const heed_documents *t)
{
    return t->bytes;
}

uint64_t heed_documents_hash(const heed_documents *t)
{
    return t->text != NULL ? heed_fnv(t->hash, t->text, t->n_text) : t->hash;
}

bool heed_documents_marked(const heed_documents *t)
{
    return t->target >= 0;
}

bool heed_documents_many(const heed_documents *t)
{
    return t->n_fields > 0 || t->options.n_paths > 1;
}

const char *heed_documents_where(const heed_documents *t)
{
    return t->where;
}

const char *heed_documents_name(const heed_documents *t)
{
    return t->name;
}

/* --- documents --- */

void heed_documents_rewind(heed_documents *t)
{
    heed_file_close(&t->file);
    t->open = false;
    t->path = 0;
    t->reading = (heed_document){0};
    t->part = 0;
    t->read = 0;
    t->broken = true;
}

static void say_where(heed_documents *t)
{
    const char *path = t->options.paths[t->path];
    char shown[256];

    heed_quote(shown, sizeof shown, path, strlen(path));
    if (t->json)
        snprintf(t->where, sizeof t->where, "%s: line %zu", shown, t->line);
    else
        snprintf(t->where, sizeof t->where, "%s", shown);
}

static heed_status open_next(heed_documents *t, heed_error *err)
{
    const char *path = t->options.paths[t->path];
    const heed_status status = heed_file_open(&t->file, path, err);

    t->open = status == HEED_OK;
    t->json = is_jsonl(path);
    t->at = t->let_go = t->line = 0;
    return status;
}

static void close_this(heed_documents *t)
{
    heed_file_close(&t->file);
    t->open = false;
    t->path++;
}

static void let_go_behind(heed_documents *t)
{
    if (t->at - t->let_go < LET_GO_BYTES)
        return;
    heed_file_let_go(t->file.data, t->at); /* from the first: no page on a border stays */
    t->let_go = t->at;
}

static bool is_blank(const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    return n == 0;
}

/* The next line that is not empty; NULL at the end. */
static const char *next_line(heed_documents *t, size_t *n)
{
    while (t->at < t->file.size) {
        const char *line = t->file.data + t->at, *end = memchr(line, '\n', t->file.size - t->at);
        const size_t whole = end != NULL ? (size_t)(end - line) : t->file.size - t->at;

        let_go_behind(t);
        t->at += whole + (end != NULL);
        t->line++;
        *n = whole > 0 && line[whole - 1] == '\r' ? whole - 1 : whole;
        if (!is_blank(line, *n))
            return line;
    }
    return NULL;
}

/* Adds text to the document: to its last part, or as one more where that counts differently. */
static void add_part(heed_document *d, size_t begin, size_t end, bool counts)
{
    heed_document_part *last = d->n_parts > 0 ? &d->parts[d->n_parts - 1] : NULL;

    if (last != NULL && last->counts == counts)
        last->n += end - begin;
    else if (end > begin)
        d->parts[d->n_parts++] = (heed_document_part){.n = end - begin, .counts = counts};
}

/* Appends one field to t->own. */
static heed_status take_field(heed_documents *t, int i, heed_error *err)
{
    const json_t *value = json_object_get(t->root, t->field[i]);
    char shown[80];

    heed_quote(shown, sizeof shown, t->field[i], strlen(t->field[i]));
    if (!json_is_string(value))
        return heed_fail(err, HEED_ERR_FILE, "%s: expected a text \"%s\", %s", t->where, shown,
                         value == NULL ? "there is none" : "this is another value");
    if (memchr(json_string_value(value), '\0', json_string_length(value)) != NULL)
        return heed_fail(err, HEED_ERR_FILE, "%s: \"%s\" holds a NUL", t->where, shown);
    heed_text_append(&t->own, json_string_value(value), json_string_length(value));
    if (i + 1 < t->n_fields)
        heed_text_append(&t->own, "\n", 1);
    return HEED_OK;
}

/* The fields of a line, joined. */
static heed_status take_line(heed_documents *t, const char *line, size_t n, heed_document *d, heed_error *err)
{
    heed_status status;
    size_t begin = 0;

    say_where(t);
    json_decref(t->root);
    t->root = NULL;
    t->own.size = 0;
    status = heed_json_parse(line, n, VALUES_A_LINE, t->where, &t->root, err);
    for (int i = 0; i < t->n_fields && status == HEED_OK; i++) {
        begin = t->own.size;
        status = take_field(t, i, err);
        add_part(d, begin, t->own.size, t->target < 0 || i == t->target);
    }
    if (status == HEED_OK && t->own.failed)
        status = heed_fail(err, HEED_ERR_MEMORY, "%s: not enough memory for the line", t->where);
    begin = 0;
    for (int i = 0; i < d->n_parts && status == HEED_OK; i++) {
        d->parts[i].text = t->own.data + begin;
        begin += d->parts[i].n;
    }
    return status;
}

heed_status heed_documents_next(heed_documents *t, heed_document *d, heed_error *err)
{
    heed_status status = HEED_OK;

    *d = (heed_document){0};
    if (t->text != NULL) {
        if (t->path++ == 0 && t->n_text > 0)
            *d = (heed_document){.parts = {{t->text, t->n_text, true, false}}, .n_parts = 1};
        return HEED_OK;
    }
    while (status == HEED_OK && d->n_parts == 0 && t->path < t->options.n_paths) {
        const char *line;
        size_t n = 0;

        if (!t->open)
            status = open_next(t, err);
        if (status == HEED_OK && !t->json && t->at < t->file.size) {
            *d = (heed_document){.parts = {{t->file.data, t->file.size, true, true}}, .n_parts = 1};
            t->at = t->file.size;
            say_where(t);
        } else if (status == HEED_OK && t->json && (line = next_line(t, &n)) != NULL) {
            status = take_line(t, line, n, d, err);
        } else if (status == HEED_OK) {
            close_this(t);
        }
    }
    return status;
}

/* --- one long text --- */

/* Moves on to the part that is to be read; what is due before it is put into buffer. */
static heed_status find_part(heed_documents *t, char *buffer, size_t *n, heed_error *err)
{
    heed_status status = HEED_OK;

    while (status == HEED_OK && t->read == t->reading.parts[t->part].n) {
        t->read = 0;
        if (++t->part < t->reading.n_parts)
            continue;
        t->part = 0;
        status = heed_documents_next(t, &t->reading, err);
        if (status != HEED_OK || t->reading.n_parts == 0)
            break;
        if (!t->broken)
            buffer[(*n)++] = '\n';
    }
    return status;
}

heed_status heed_documents_read(void *context, char *buffer, size_t capacity, size_t *n, heed_error *err)
{
    heed_documents *t = context;
    heed_status status = HEED_OK;

    *n = 0;
    while (status == HEED_OK && *n < capacity) {
        const heed_document_part *part;
        size_t take;

        status = find_part(t, buffer, n, err);
        if (status != HEED_OK || t->reading.n_parts == 0)
            break;
        part = &t->reading.parts[t->part];
        take = part->n - t->read < capacity - *n ? part->n - t->read : capacity - *n;
        memcpy(buffer + *n, part->text + t->read, take);
        *n += take;
        t->read += take;
        if (part->mapped && t->read % LET_GO_BYTES < take)
            heed_file_let_go(part->text, t->read);
        t->broken = part->text[part->n - 1] == '\n';
    }
    return status;
}
