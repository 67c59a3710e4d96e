# SPDX-License-Identifier: MIT
# What the recipes share: where heed and the results lie, and reading numbers out of JSON. HEED names the program
# (build/heed), OUT a folder that is kept. --full in the place of the first argument is the real thing.
here=$(cd "$(dirname "$0")/../.." && pwd)
heed=${HEED:-$here/build/heed}
out=${OUT:-$(mktemp -d)}
[ -n "${OUT:-}" ] || trap 'rm -rf "$out"' EXIT
mkdir -p "$out"
full=no
if [ "${1:-}" = --full ]; then
    full=yes
    shift
fi
text=${1:-}

# value KEY FILE: the last number of that name in lines of JSON; nan where there is none.
value()
{
    number=$(sed -n "s/.*\"$1\": \([-0-9.e]*\).*/\1/p" "$2" | tail -n 1)
    echo "${number:-nan}"
}

# learn NAME ARGUMENT...: a run into $out/NAME; its JSON is $out/NAME.json. A run that diverges (exit code 1) has none, and
# is a row of the table all the same.
learn()
{
    name=$1
    shift
    "$heed" train ${text:+"$text"} "$@" --out "$out/$name" --json --quiet --eval-interval 0 >"$out/$name.json" || {
        ended=$?
        [ $ended -eq 1 ] || exit $ended
    }
}
