#!/bin/sh
# SPDX-License-Identifier: MIT
# test_layering.sh ROOT: fails on an #include that points against the layering.
#
#   base <- tensor <- graph <- ops <- nn <- train, infer <- inspect, measure <- workbook      kernels <- ops
#   hub (models by name) stands behind nn; ranks know base alone, and train uses them
#   text, data, formats stand beside nn: they know nothing of it, and a model carries its tokenizer and its file;
#   cli, web and examples see include/heed only
set -eu
cd "$1"

# room: the rooms whose headers it may include. Its own are always allowed, and so is <heed/...>.
allowed='
base:
ranks: base
tensor: base
kernels: base
graph: base tensor
ops: base tensor kernels graph
nn: base tensor graph ops formats text
formats: base tensor
text: base tensor formats
data: base tensor formats text
hub: base tensor formats nn
train: base ranks tensor kernels graph ops nn formats text data
infer: base tensor kernels graph ops nn formats text data
inspect: base tensor kernels graph ops nn formats text data train infer
measure: base tensor kernels graph ops nn formats text data train infer
workbook: base tensor kernels graph ops nn formats text data train infer inspect
cli:
web:
examples:
'

find src examples include -name '*.[ch]' 2>/dev/null | sort | xargs grep -nE '^[ \t]*#[ \t]*include' /dev/null |
    awk -v allowed="$allowed" '
BEGIN {
    n = split(allowed, lines, "\n")
    for (i = 1; i <= n; i++) {
        if (split(lines[i], parts, ":") < 2)
            continue
        known[parts[1]] = 1
        m = split(parts[2], rooms, " ")
        for (k = 1; k <= m; k++)
            may[parts[1], rooms[k]] = 1
    }
}
{
    n_includes++
    where = $0
    sub(/:[ \t]*#.*/, "", where)                    # file:line
    file = where
    sub(/:.*/, "", file)
    target = $0
    sub(/^[^#]*#[ \t]*include[ \t]*/, "", target)   # "room/x.h" or <x.h>
    quoted = substr(target, 1, 1) == "\""
    target = substr(target, 2)
    sub(/[">].*/, "", target)

    n_parts = split(file, path, "/")
    room = path[1] == "src" ? path[2] : path[1]
    split(target, to, "/")

    if (room == "include") {
        if (quoted || (target ~ /\// && to[1] != "heed" && to[1] != "sys"))
            wrong(where ": a public header includes " target)
    } else if (!(room in known)) {
        wrong(where ": no room is called " room)
    } else if (quoted && to[1] == "heed") {
        wrong(where ": public headers are included as <" target ">")
    } else if (quoted && to[1] != room && !((room, to[1]) in may)) {
        wrong(where ": " room " may not include " target)
    } else if (!quoted && to[1] in known && target ~ /\//) {
        wrong(where ": headers of src/ are included as \"" target "\"")
    }
}
function wrong(message) { print message; n_wrong++ }
END {
    if (n_includes == 0)
        wrong("no #include was found")
    printf "%d includes read, %d wrong\n", n_includes, n_wrong
    exit n_wrong > 0
}'

# The graph room names no op: ops know the graph, never the other way round. Comments may show one as an example.
if grep -nE 'heed_op_[a-z]' src/graph/*.[ch] 2>/dev/null | grep -vE '^[^:]*:[0-9]+:[ \t]*(/?\*|//)' |
    grep -vE 'heed_op_(args|cost|explain|shape)'; then
    echo "the graph room names an op"
    exit 1
fi
