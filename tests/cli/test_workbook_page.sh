#!/bin/sh
# SPDX-License-Identifier: MIT
# test_workbook_page.sh PROGRAM PAGE: docs/exercises.md is what the program prints now, by the plain loops everywhere.
set -u
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
HEED_CPU=plain "$1" workbook page >"$printed" || exit 1
if ! cmp -s "$printed" "$2"; then
    echo "docs/exercises.md is not what heed workbook page prints; \"make page\" writes it anew:"
    diff "$2" "$printed" | head -n 20
    exit 1
fi
[ "$(grep -c '^### ' "$printed")" -gt 250 ] || { echo "expected every exercise and demonstration on the page"; exit 1; }
! grep -n '{[a-z_]*}' "$printed" || { echo "a number is not filled in"; exit 1; }
