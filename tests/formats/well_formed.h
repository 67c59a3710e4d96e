/* SPDX-License-Identifier: MIT */
/* Is a text well-formed XML, as far as pictures use it: nested elements, quoted attributes, escaped text. */
#ifndef HEED_TESTS_FORMATS_WELL_FORMED_H
#define HEED_TESTS_FORMATS_WELL_FORMED_H

#include "cmocka_all.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"

/* Behind a name at p. */
static const char *xml_name(const char *p)
{
    const char *end = p;

    while (isalnum((unsigned char)*end) || *end == '-' || *end == ':' || *end == '_')
        end++;
    if (end == p)
        fail_msg("expected a name at \"%.20s\"", p);
    return end;
}

/* Behind an entity that XML itself knows. */
static const char *xml_entity(const char *p)
{
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(p, known[i], strlen(known[i])) == 0)
            return p + strlen(known[i]);
    fail_msg("expected an entity at \"%.20s\"", p);
    return p;
}

/* Behind the attributes of a tag, at its '>' or '/'. */
static const char *xml_attributes(const char *p)
{
    while (*p == ' ') {
        p = xml_name(p + 1);
        if (p[0] != '=' || p[1] != '"')
            fail_msg("expected a quoted value at \"%.20s\"", p);
        for (p += 2; *p != '"';) {
            if (*p == '\0' || *p == '<')
                fail_msg("a value does not end at \"%.20s\"", p);
            p = *p == '&' ? xml_entity(p) : p + 1;
        }
        p++;
    }
    return p;
}

static void assert_well_formed(const char *xml)
{
    const char *open[64];
    int depth = 0, roots = 0;
    const char *p = strstr(xml, "?>");

    assert_int_equal(strncmp(xml, "<?xml ", 6), 0);
    assert_non_null(p);
    assert_true(heed_utf8_is_valid(xml, strlen(xml)));
    for (p += 2; *p != '\0';) {
        if (*p == '&') {
            p = xml_entity(p);
        } else if (*p != '<') {
            assert_true((unsigned char)*p >= 0x20 || *p == '\n');
            assert_true(depth > 0 || isspace((unsigned char)*p));
            p++;
        } else if (p[1] == '/') {
            const char *end = xml_name(p + 2);
            const size_t n = (size_t)(end - p - 2);

            if (depth == 0 || strncmp(open[depth - 1], p + 2, n) != 0 ||
                xml_name(open[depth - 1]) != open[depth - 1] + n)
                fail_msg("an element ends that is not open: \"%.20s\"", p);
            assert_int_equal(*end, '>');
            depth--;
            p = end + 1;
        } else {
            const char *end = xml_attributes(xml_name(p + 1));

            assert_true(depth < 63);
            roots += depth == 0;
            open[depth] = p + 1;
            depth += *end == '>';
            assert_true(*end == '>' || (end[0] == '/' && end[1] == '>'));
            p = end + (*end == '>' ? 1 : 2);
        }
    }
    assert_int_equal(depth, 0);
    assert_int_equal(roots, 1);
}

#endif
