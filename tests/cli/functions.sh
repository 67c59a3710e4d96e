# SPDX-License-Identifier: MIT
# What the scripts of this folder share. They set $program, and there are files named input and err.
failures=0

fail()
{
    echo "FAILED: $1"
    sed 's/^/    /' err
    failures=$((failures + 1))
}

# refuse CODE WORDS ARGUMENT...: heed ends with CODE, prints nothing, and says one sentence that contains WORDS.
refuse()
{
    want=$1 words=$2
    shift 2
    "$program" "$@" <input >out 2>err
    code=$?
    [ "$code" -eq "$want" ] || fail "heed $*: expected exit code $want, got $code"
    [ ! -s out ] || fail "heed $*: something was printed"
    [ "$(wc -l <err)" -eq 1 ] || fail "heed $*: expected one line"
    case $(cat err) in
    "heed: "*"$words"*) ;;
    *) fail "heed $*: expected \"heed: ...$words...\"" ;;
    esac
}

# allow ARGUMENT...: heed ends well.
allow()
{
    "$program" "$@" <input >out 2>err || fail "heed $*: expected exit code 0"
}

absent()
{
    [ ! -e "$1" ] || fail "$1 was left behind"
}
