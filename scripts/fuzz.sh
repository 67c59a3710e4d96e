#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh BUILD SECONDS: runs every fuzz target for so many seconds. What it learned stays in BUILD/corpus;
# an input that breaks a parser is written to BUILD/findings and ends the run.
set -eu
build=$1
seconds=$2
ran=0

for program in "$build"/tests/fuzz/fuzz_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=${program##*/fuzz_}
    mkdir -p "$build/corpus/$name" "$build/findings"
    seeds=tests/fuzz/seeds/$name
    [ -d "$seeds" ] || seeds=
    echo "fuzz $name: $seconds s"
    "$program" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" $seeds
    ran=$((ran + 1))
done
echo "$ran targets, nothing found"
[ "$ran" -gt 0 ]
