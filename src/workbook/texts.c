/* SPDX-License-Identifier: MIT */
#include "workbook/texts.h"

#include <ctype.h>
#include <string.h>

#include "base/text_buffer.h"
#include "workbook/judge.h"

/* --- cutting the words into parts --- */

typedef struct cutter {
    heed_arena *arena;
    heed_part_text *parts;
    int n, capacity;
    const char *group, *group_title;
    bool failed;
} cutter;

/* n bytes without blanks around them. */
static const char *keep(cutter *c, const char *text, size_t n)
{
    char *copy;

    while (n > 0 && isspace((unsigned char)*text)) {
        text++;
        n--;
    }
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    copy = heed_arena_alloc(c->arena, n + 1);
    if (copy == NULL) {
        c->failed = true;
        return "";
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

/* The part begun last; there is one. */
static heed_part_text *part(cutter *c)
{
    return &c->parts[c->n - 1];
}

static void begin_part(cutter *c, const char *line, size_t n)
{
    const char *space = memchr(line, ' ', n);
    const size_t n_id = space != NULL ? (size_t)(space - line) : n;

    if (c->n == c->capacity) {
        c->failed = true;
        return;
    }
    c->parts[c->n++] = (heed_part_text){.id = keep(c, line, n_id),
                                        .title = keep(c, line + n_id, n - n_id),
                                        .group = c->group,
                                        .group_title = c->group_title,
                                        .question = "",
                                        .why = "",
                                        .program = ""};
}

/* "A. Shapes and layout" */
static void begin_group(cutter *c, const char *line, size_t n)
{
    const char *dot = memchr(line, '.', n);
    const size_t n_name = dot != NULL ? (size_t)(dot - line) : n;

    c->group = keep(c, line, n_name);
    c->group_title = keep(c, line + n_name + (dot != NULL), n - n_name - (dot != NULL));
}

static void add_text(const char **list, int *n, const char *text)
{
    if (*n < HEED_TEXT_MOST)
        list[(*n)++] = text;
}

static void add_item(heed_text_item *list, int *n, const char *name, const char *text)
{
    if (*n < HEED_TEXT_MOST)
        list[(*n)++] = (heed_text_item){name, text};
}

/* A block that begins with **Label**, perhaps `name`, a colon; or a question. */
static void add_block(cutter *c, const char *text, size_t n)
{
    const char *end = n > 4 && strncmp(text, "**", 2) == 0 ? strstr(text + 2, "**") : NULL;
    const char *colon, *tick, *label, *name = NULL, *body;
    heed_part_text *p;

    if (c->n == 0 || c->failed)
        return;
    p = part(c);
    if (end == NULL || (size_t)(end - text) > n) {
        if (p->question[0] == '\0')
            p->question = keep(c, text, n);
        return;
    }
    label = keep(c, text + 2, (size_t)(end - text) - 2);
    tick = end + 2;
    while (*tick == ' ')
        tick++;
    colon = tick;
    if (*tick == '`' && strchr(tick + 1, '`') != NULL) {
        colon = strchr(tick + 1, '`');
        name = keep(c, tick + 1, (size_t)(colon - tick) - 1);
        colon++;
    }
    body = *colon == ':' ? colon + 1 : colon;
    body = keep(c, body, n - (size_t)(body - text));
    if (strcmp(label, "Answer") == 0)
        add_item(p->answers, &p->n_answers, name, body);
    else if (strcmp(label, "Option") == 0)
        add_item(p->options, &p->n_options, name, body);
    else if (strcmp(label, "Hint") == 0)
        add_text(p->hints, &p->n_hints, body);
    else if (strcmp(label, "Key point") == 0)
        add_text(p->key_points, &p->n_key_points, body);
    else if (strcmp(label, "Why") == 0)
        p->why = body;
    else if (strcmp(label, "Program") == 0)
        p->program = body;
}

/* A line that begins a block of its own. */
static bool begins(const char *line)
{
    static const char *const labels[] = {"**Answer**",    "**Hint**",   "**Why**",
                                         "**Key point**", "**Option**", "**Program**"};

    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (strncmp(line, labels[i], strlen(labels[i])) == 0)
            return true;
    }
    return line[0] == '#' && (line[1] == ' ' || line[1] == '#');
}

static int count_parts(const char *words)
{
    int n = 0;

    for (const char *line = words; line != NULL && *line != '\0';
         line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL)
        n += strncmp(line, "## ", 3) == 0;
    return n;
}

heed_part_text *heed_texts_read(const char *words, heed_arena *arena, int *n)
{
    cutter c = {.arena = arena, .capacity = count_parts(words), .group = "", .group_title = ""};
    const char *block = words, *line = words;

    c.parts = heed_arena_alloc(arena, ((size_t)c.capacity + 1) * sizeof *c.parts);
    *n = 0;
    if (c.parts == NULL)
        return NULL;
    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        const char *next = end != NULL ? end + 1 : line + strlen(line);

        if (begins(line)) {
            add_block(&c, block, (size_t)(line - block));
            block = line;
        }
        if (strncmp(line, "## ", 3) == 0)
            begin_part(&c, line + 3, (size_t)(next - line) - 3);
        else if (strncmp(line, "# ", 2) == 0)
            begin_group(&c, line + 2, (size_t)(next - line) - 2);
        if (line[0] == '#' && begins(line))
            block = next;
        line = next;
    }
    add_block(&c, block, (size_t)(line - block));
    *n = c.n;
    return c.failed ? NULL : c.parts;
}

/* --- filling in --- */

#define PARAM_DIGITS 15 /* as they were written: 1.000001 is not 1 */

const char *heed_text_fill(const char *text, const json_t *params, heed_arena *arena)
{
    heed_text_buffer out = {0};
    const char *filled;

    while (*text != '\0') {
        const char *open = strchr(text, '{'), *close = open != NULL ? strchr(open, '}') : NULL;
        const json_t *value = NULL;
        char name[64], shown[1024];

        if (close == NULL || (size_t)(close - open) > sizeof name)
            break;
        heed_text_append(&out, text, (size_t)(open - text));
        snprintf(name, sizeof name, "%.*s", (int)(close - open) - 1, open + 1);
        value = json_object_get(params, name);
        if (value != NULL) {
            heed_value_text(value, PARAM_DIGITS, shown, sizeof shown);
            heed_text_puts(&out, shown);
        } else
            heed_text_append(&out, open, (size_t)(close - open) + 1);
        text = close + 1;
    }
    heed_text_puts(&out, text);
    filled = heed_arena_format(arena, "%s", out.data != NULL ? out.data : "");
    filled = out.failed ? NULL : filled;
    heed_text_free(&out);
    return filled;
}
