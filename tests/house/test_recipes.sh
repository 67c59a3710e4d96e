#!/bin/sh
# SPDX-License-Identifier: MIT
# test_recipes.sh ROOT PROGRAM: every script of examples/recipes is one that a shell can read, says how it is used, and
# names only commands and options that the program has. They are not run here: that takes minutes.
set -u
root=$1 program=$2
cd "$root/examples/recipes" || exit 1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

fail()
{
    echo "FAILED: $1"
    failures=$((failures + 1))
}

"$program" help | sed -n 's/^ *heed \([a-z]*\) .*/\1/p; s/^  \([a-z]\{3,\}\) .*/\1/p' | sort -u >"$folder/commands"
[ -s "$folder/commands" ] || fail "heed help names no command"
for command in $(cat "$folder/commands"); do
    "$program" help "$command" 2>/dev/null
done | grep -o -- '--[a-z][a-z0-9-]*' | sed 's/^--no-/--/' | sort -u >"$folder/options"
grep -qx -- --range-test "$folder/options" || fail "heed help train has no --range-test"

n=0
for script in *.sh; do
    n=$((n + 1))
    sh -n "$script" || fail "$script cannot be parsed"
    [ "$script" = common.sh ] || [ -x "$script" ] || fail "$script cannot be executed"
    [ "$script" = common.sh ] || grep -q "^#     examples/recipes/$script" "$script" ||
        fail "$script does not say how it is used"
    [ "$script" = common.sh ] || grep -q "$script" README.md || fail "README.md does not name $script"
    # --full is the scripts' own
    grep -v '^ *#' "$script" | grep -o -- '--[a-z][a-z0-9-]*' | sed 's/^--no-/--/' | sort -u |
        grep -vx -e --full >"$folder/used"
    for option in $(cat "$folder/used"); do
        grep -qx -- "$option" "$folder/options" || fail "$script: heed has no option $option"
    done
    for command in $(grep -v '^ *#' "$script" | sed -n 's/.*"\$heed" \([a-z]*\).*/\1/p' | sort -u); do
        grep -qx "$command" "$folder/commands" || fail "$script: there is no heed $command"
    done
done
# A run that diverges is a row of a sweep, not its end; any other failure is.
printf '#!/bin/sh\nexit $CODE\n' >"$folder/fails"
chmod +x "$folder/fails"
for code in 1 2; do
    CODE=$code HEED=$folder/fails OUT=$folder/out sh -c \
        'set -eu; . ./common.sh; learn a --steps 1; value loss "$out/a.json"' "$PWD/common.sh" >"$folder/said"
    echo $? >>"$folder/said"
    [ "$(tr '\n' ' ' <"$folder/said")" = "$([ $code = 1 ] && echo 'nan 0 ' || echo '2 ')" ] ||
        fail "common.sh: a run that ends with $code: $(cat "$folder/said")"
done
[ $n -ge 8 ] || fail "expected at least 8 scripts, found $n"
exit $((failures > 0))
