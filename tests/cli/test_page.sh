#!/bin/sh
# SPDX-License-Identifier: MIT
# test_page.sh PROGRAM: the page of heed inspect in a browser, without a network: its script runs, and shows what there is.
# What the page holds is tested in tests/formats/test_html_page.c, without a browser.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
browser=
for name in chromium chromium-browser google-chrome; do
    [ -n "$browser" ] || ! command -v $name >/dev/null 2>&1 || browser=$name
done
[ -n "$browser" ] || { echo "skipped: there is no Chromium"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
HOME=$folder # the browser's profile
export HOME
. "$here/functions.sh"
: >input

# look PAGE: what the page is made into, in dom; the browser's own complaints do not count.
look()
{
    [ -s "$1" ] || exit 1 # said already
    timeout 120 $browser --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
        --host-resolver-rules='MAP * ~NOTFOUND' --virtual-time-budget=5000 --dump-dom "file://$folder/$1" >dom 2>browser-err
    [ -s dom ] || { echo "skipped: the browser does not start here"; tail -3 browser-err; exit 77; }
}

# shows PAGE WORDS
shows()
{
    grep -q -e "$2" dom || fail "$1: expected \"$2\" in the page"
}

# A letter a token; "<" and "&" are among them.
printf 'a <b> & "c" said: <!-- no. a <b> & "c" said: <!-- yes. %.0s' 1 2 3 4 5 6 7 8 9 >text
allow train text --steps 2 --n-layers 2 --n-heads 3 --d-model 12 --context-length 32 --batch-size 2 --threads 1 --quiet \
    --out model --sample-tokens 0
allow inspect model --text 'a <b> & "c" said: <!-- no' --picture all.html
look all.html
shows all.html 'Layer 0 head 0'
[ "$(grep -o '<button type="button" title="layer' dom | wc -l)" -eq 6 ] || fail "all.html: expected a button for each of 6 heads"
shows all.html 'On average: spread over'
shows all.html 'role="alert" hidden=""'
[ "$(grep -o '<span title="[0-9]*' dom | wc -l)" -eq 25 ] || fail "all.html: expected 25 tokens"
shows all.html '>&lt;</span>'

# a head with a role is the first that is open
sed 's/"words": \[[^]]*\]/"words": ["", "", "", "", "previous token 0.9", ""]/' all.html >named.html
look named.html
shows named.html 'Layer 1 head 1'

allow inspect model --text 'a' --layer 1 --heads 1-2 --picture some.html
look some.html
shows some.html 'Layer 1 head 1'
shows some.html 'role="alert" hidden=""'

[ $failures -eq 0 ] || exit 1
echo "the page runs in $browser"
