#!/bin/sh
# SPDX-License-Identifier: MIT
# test_tokenize.sh PROGRAM: heed tokenize, as a person uses it and as a script does.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
. "$here/functions.sh"
: >input
: >err

# shows WORDS: the last output contains the line WORDS.
shows()
{
    grep -Fqx -e "$1" out || fail "expected the line \"$1\" in: $(head -c 300 out)"
}

# same A B WHAT
same()
{
    cmp -s "$1" "$2" || fail "$3"
}

i=0
while [ $i -lt 100 ]; do
    printf 'A bee sees the sea, %s times.\n' "$i"
    i=$((i + 1))
done >bees.txt
printf 'sea bee\n' >short.txt
allow train bees.txt --n-layers 1 --d-model 16 --context-length 16 --batch-size 4 --threads 1 --steps 1 --quiet --out m

# ---- text to ids ----

allow tokenize m --text 'a bee'
cp out expected
printf 'a bee' >input
allow tokenize m
same expected out 'standard input and --text must give the same ids'
allow tokenize m -
same expected out '"-" is standard input'
: >input
allow tokenize m short.txt short.txt
[ "$(wc -l <out)" -eq 2 ] || fail "two texts are two lines"
allow tokenize m/tokenizer.json --text 'a bee'
same expected out "a folder and its tokenizer.json must give the same ids"
allow tokenize m --text ''
[ "$(wc -c <out)" -eq 1 ] || fail "an empty text is an empty line"

allow tokenize m --text 'a
b' --pieces
grep -q '^ *[0-9][0-9]*  "\\n"$' out || fail "--pieces: expected a line with \"\\n\""
[ "$(wc -l <out)" -eq 3 ] || fail "--pieces: expected a line a token"
allow tokenize m bees.txt short.txt --count
grep -q "^ *8 tokens *8 bytes   1.000 bytes a token  short.txt$" out || fail "--count: $(cat out)"
[ "$(wc -l <out)" -eq 3 ] || fail "--count: expected a line for each text and one for all"
allow tokenize m short.txt --json
grep -q '"name": "short.txt", "ids": \[[0-9, ]*\], "n_tokens": 8, "n_bytes": 8}\]}$' out || fail "--json: $(cat out)"
allow tokenize m short.txt --json --pieces
grep -q '"piece": "\\n"}\], "n_tokens": 8' out || fail "--json --pieces: $(cat out)"
allow tokenize m short.txt --json --count
grep -q '{"name": "short.txt", "n_tokens": 8, "n_bytes": 8}' out || fail "--json --count: $(cat out)"

# ---- ids to text ----

allow tokenize m bees.txt
cp out ids.txt
allow tokenize m ids.txt --decode
same bees.txt out "decoding must give the text back"
cp ids.txt input
allow tokenize m --decode --out back.txt
same bees.txt back.txt "decoding into a file must give the text back"
: >input
allow tokenize m bees.txt --out bees.ids
[ "$(wc -c <bees.ids)" -eq $((4 * $(wc -c <bees.txt))) ] || fail "--out: expected four bytes a token"
[ ! -s out ] || fail "--out: expected nothing on standard output"
allow tokenize m bees.ids --decode --raw
same bees.txt out "decoding 32-bit numbers must give the text back"
printf '[1, 2,\n3]' >input
allow tokenize m --decode
[ "$(wc -c <out)" -eq 3 ] || fail "ids may stand in a list"
: >input
allow tokenize m --decode
[ ! -s out ] || fail "no ids are no text"

# ---- what is wrong ----

refuse 2 'bees.ids: there is a file already; --force writes over it' tokenize m bees.txt --out bees.ids
allow tokenize m short.txt --out bees.ids --force
[ "$(wc -c <bees.ids)" -eq 32 ] || fail "--force: expected the new file"
refuse 3 'expected a file'"'"'s name, this is a folder' tokenize m short.txt --out m
refuse 3 'none/x: cannot be made' tokenize m short.txt --out none/x
refuse 3 'none.txt: cannot be opened' tokenize m none.txt
refuse 3 'cannot be read' tokenize m .
printf 'a\nZ' >wrong.txt
refuse 3 'wrong.txt: line 2, column 1: the character "Z"' tokenize m wrong.txt --out wrong.ids
absent wrong.ids
refuse 2 'line 1, column 1: the character "Z"' tokenize m --text Z --count
printf '1 2 x' >input
refuse 3 'standard input: byte 4: expected ids, got "x"' tokenize m --decode
printf '1 2 999' >input
refuse 3 'standard input: byte 4: expected a token' tokenize m --decode
printf '99999999999999999999999' >input
refuse 3 'standard input: byte 0: expected a token' tokenize m --decode
printf '\000\000\000\000\000' >input
refuse 3 'no multiple of 4' tokenize m --decode --raw
: >input
refuse 2 'expected heed tokenize MODEL [FILE...]' tokenize
refuse 2 'did you mean "--pieces"?' tokenize m --peices
refuse 2 'did you mean "heed tokenize convert"?' tokenize convrt m
refuse 2 '--text or files, got both' tokenize m short.txt --text a
refuse 2 '--raw together with --decode only' tokenize m --raw
refuse 2 '--count or --pieces' tokenize m --count --pieces
refuse 2 'an encoding is named for a .tiktoken table only' tokenize m --encoding gpt2
if [ -e /dev/full ]; then
    "$program" tokenize m bees.txt <input >/dev/full 2>err
    [ $? -eq 3 ] || fail "a full disk under standard output: expected exit code 3"
fi
{
    "$program" tokenize m bees.txt bees.txt bees.txt bees.txt <input 2>err
    echo $? >code
} | head -c 10 >out
[ "$(cat code)" -eq 0 ] || fail "a reader that goes away: expected exit code 0, got $(cat code)"

# ---- another form ----

refuse 2 'expected --out FILE' tokenize convert m
allow tokenize convert m --out copy.json
same copy.json m/tokenizer.json "converting a tokenizer.json must change nothing"
refuse 2 'copy.json: there is a file already' tokenize convert m --out copy.json
mkdir f
allow tokenize convert copy.json --out f
same f/tokenizer.json copy.json "a folder gets a tokenizer.json"
allow tokenize f --text 'a bee'
same expected out "a copy must give the same ids"

[ -z "$(ls -A | grep tmp)" ] || fail "temporary files were left behind"
[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
