# SPDX-License-Identifier: MIT
# embed_sources.sh ROOT LIST DEPENDENCIES OUTPUT: the functions of LIST, with the comments above them, as a table of C.
# The files that were read go into DEPENDENCIES, in the form of make. A function that is not there is an error.
set -eu
root=$1 list=$2 dependencies=$3 output=$4
awk -v root="$root" '
# The lines of a file, once.
function read_all(file,   path, n, line) {
    if (file in count)
        return
    path = root "/" file
    n = 0
    while ((getline line < path) > 0)
        lines[file, ++n] = line
    close(path)
    if (n == 0)
        fail(file " cannot be read")
    count[file] = n
}

# Where the definition of a function begins: its name and ( in a line that is not indented, and no ; before its {.
function find(file, name,   i, k) {
    for (i = 1; i <= count[file]; i++) {
        if (lines[file, i] !~ "^[a-z].*[ *]" name "\\(")
            continue
        for (k = i; k <= count[file] && lines[file, k] !~ /;$/; k++)
            if (lines[file, k] == "{")
                return i
    }
    fail(file " has no function " name)
}

function quoted(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    gsub(/\t/, "\\t", text)
    gsub(/\?\?/, "?\\?", text)
    return "\"" text "\\n\""
}

function put(id, file, name,   begin, i) {
    read_all(file)
    begin = find(file, name)
    printf "    {\"%s\", \"%s\", \"%s\", %d,\n", id, file, name, begin
    for (i = begin; i > 1 && lines[file, i - 1] ~ /^(\/\*| \*)/; i--)
        ;
    for (; i <= count[file]; i++) {
        printf "     %s\n", quoted(lines[file, i])
        if (lines[file, i] == "}")
            break
    }
    print "    },"
}

function fail(words) {
    print FILENAME ": " words > "/dev/stderr"
    failed = 1
    exit 1
}

BEGIN { print "/* Made by embed_sources.sh. */\n#include \"workbook/sources.h\"\n\nconst heed_source heed_workbook_sources[] = {" }
/^#/ || NF == 0 { next }
{ for (f = 3; f <= NF; f++) put($1, $2, $f) }
END {
    if (!failed)
        print "    {NULL, NULL, NULL, 0, NULL},\n};"
    exit failed
}' "$list" >"$output"
awk -v root="$root" -v output="$output" '
BEGIN { printf "%s:", output }
/^#/ || NF == 0 || seen[$2]++ { next }
{ printf " %s/%s", root, $2 }
END { print "" }' "$list" >"$dependencies"
