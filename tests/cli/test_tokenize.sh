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

# ---- a vocabulary of one's own ----

# learned WORDS...: the line on standard error after learning
learned()
{
    grep -q -e "$1" err || fail "expected \"$1\" on standard error"
}

allow tokenize train bees.txt --out bees.json --vocab-size 280
learned '^bees.json: 280 tokens from 2.99 kB and '
[ ! -s out ] || fail "tokenize train: expected nothing on standard output"
allow tokenize bees.json bees.txt
cp out ids.txt
allow tokenize bees.json ids.txt --decode
same bees.txt out "what was learned must give the text back"
allow tokenize train bees.txt --out bees2.json --vocab-size 280 --threads 1 --quiet
same bees.json bees2.json "another number of threads must learn the same bytes"
[ ! -s err ] || fail "--quiet: expected silence"
cp bees.txt input
allow tokenize train - --out bees3.json --vocab-size 280 --quiet
same bees.json bees3.json "standard input must teach the same"
: >input
head -c 200000 /dev/urandom >noise
allow tokenize bees.json noise --out noise.ids
allow tokenize bees.json noise.ids --decode --raw --out noise.back
same noise noise.back "any bytes must come back"
allow tokenize train noise --out noise.json --vocab-size 300
allow tokenize train bees.txt --out end.json --special '<|end|>' --special '<|pad|>' --json --pattern o200k_base
grep -q '"kind": "byte-level BPE", "vocab_size": [0-9]*, "n_bytes": 2990' out || fail "--json: $(cat out)"
allow tokenize end.json --text 'bee<|end|>' --special --pieces
tail -n 1 out | grep -q '"<|end|>"$' || fail "--special: expected one token for <|end|>"
allow tokenize end.json --text 'bee<|end|>' --pieces
tail -n 1 out | grep -q '">"$' || fail "without --special <|end|> is text: $(cat out)"
allow tokenize train bees.txt --kind words --out words.json
learned 'fewer tokens than 32,768\|tokens from'
allow tokenize words.json --text 'A bee sees the xyzzy' --pieces
grep -q '\[UNK\]' out || fail "an unknown word: expected [UNK]"
allow tokenize train bees.txt --kind words --no-unknown --min-frequency 1 --out exact.json
refuse 2 'line 2, column 3: the word "xyzzy" is not among the' tokenize exact.json --text 'A
, xyzzy' --count
allow tokenize train bees.txt --kind characters --out letters
same letters/tokenizer.json m/tokenizer.json "characters must be those that a model learns"
allow tokenize train bees.txt --max-pieces 16 --out few.json

refuse 2 'bees.json: there is a file already; --force writes over it' tokenize train bees.txt --out bees.json
allow tokenize train bees.txt --out bees2.json --force --vocab-size 270
refuse 2 'expected --out FILE' tokenize train bees.txt
refuse 2 'expected heed tokenize train TEXT...' tokenize train --out x.json
refuse 2 'did you mean "heed tokenize train"?' tokenize trian bees.txt
refuse 2 'expected one of bpe, words, characters, got "byte"' tokenize train bees.txt --kind byte --out x.json
refuse 2 'did you mean "--vocab-size"?' tokenize train bees.txt --vocabsize 300 --out x.json
refuse 2 'vocab_size: expected at least 257 for the 256 bytes and 1 special token, got 256' tokenize train bees.txt \
    --vocab-size 256 --special '<|end|>' --out x.json
refuse 2 '--pattern is a part of --kind bpe' tokenize train bees.txt --kind words --pattern gpt2 --out x.json
refuse 3 'pattern' tokenize train bees.txt --pattern '(' --out x.json
: >empty.txt
refuse 2 'got an empty one' tokenize train empty.txt --out x.json
refuse 3 'none.txt: cannot be opened' tokenize train bees.txt none.txt --out x.json
refuse 3 'noise: line ' tokenize train noise --kind words --out x.json
refuse 3 'noise: line ' tokenize train noise --kind characters --out x.json
refuse 3 'x/y: cannot be made' tokenize train bees.txt --out x/y
refuse 3 'x/y.json' tokenize train bees.txt --out x/y.json
absent x.json
absent x

# ---- a disk that is full: files may have 4 KiB ----

# full ARGUMENT...: heed ends with 3 and a sentence, and leaves nothing of that name
full()
{
    (ulimit -f 8 && exec "$program" "$@" <input >out 2>err)
    code=$?
    [ "$code" -eq 3 ] || fail "heed $* on a full disk: expected exit code 3, got $code"
    grep -q 'cannot be written' err || fail "heed $* on a full disk: expected a sentence"
    absent x.out
    absent x.json
}
full tokenize m bees.txt --out x.out
full tokenize train bees.txt --out x.json --quiet
full tokenize bees.json noise.ids --decode --raw --out x.out

# ---- a model over it ----

tiny="--n-layers 1 --d-model 16 --context-length 16 --batch-size 4 --threads 1 --quiet"
allow train bees.txt $tiny --steps 3 --out pairs --tokenizer bpe --tokenizer-vocab-size 270 --json
grep -q '"validation_nats_per_byte": [0-9]' out || fail "train --json: expected nats a byte"
allow generate pairs --max-tokens 4 --prompt 'A bee' --threads 1
grep -q '^A bee' out || fail "generate: expected the prompt first"
allow eval pairs bees.txt --threads 1
allow train bees.txt $tiny --steps 3 --out given --tokenizer bees.json
same given/tokenizer.json bees.json "a given tokenizer must be the model's"
allow train bees.txt $tiny --steps 3 --out given2 --tokenizer pairs
allow tokenize pairs bees.txt --tokens bees.tokens
[ ! -s out ] || fail "tokenize --tokens printed something on standard output"
allow train bees.tokens $tiny --steps 3 --out from-tokens --tokenizer pairs
same from-tokens/model.safetensors given2/model.safetensors "tokens and their text must train the same model"
refuse 2 'needs the tokenizer that made it' train bees.tokens $tiny --out x
refuse 2 'expected no text_field or target_field' train bees.tokens $tiny --out x --tokenizer pairs --target-field a
refuse 3 'bees.tokens: made by' train bees.tokens $tiny --out x --tokenizer bees.json
refuse 2 'bees.tokens' tokenize pairs bees.txt --tokens bees.tokens
allow tokenize pairs bees.txt --tokens bees.tokens --force
printf a >one.txt
refuse 3 'one.txt: expected 2 tokens or more' tokenize pairs one.txt --tokens bees.tokens --force
refuse 3 'one.txt: expected 2 tokens or more' tokenize pairs one.txt --tokens one.tokens
absent one.tokens
allow train bees.tokens $tiny --steps 3 --out still --tokenizer pairs
refuse 2 'expected files beside --tokens' tokenize pairs --tokens x.tokens
refuse 2 'beside --tokens' tokenize pairs bees.txt --tokens x.tokens --count
refuse 2 'together with --tokens only' tokenize pairs bees.txt --text-field a
refuse 2 'expected one of characters, words, bpe, got "wrods"' train bees.txt $tiny --out x --tokenizer wrods
refuse 2 'the setting tokenizer cannot be given' train --resume pairs --tokenizer bees.json
refuse 3 'noise: ' train noise $tiny --out x --tokenizer words
absent x

for way in 'tokenize --help' 'tokenize train --help' 'tokenize convert -h'; do
    allow $way
    awk 'length($0) > 100 { exit 1 }' out || fail "heed $way: a line is longer than 100 columns"
done
[ -z "$(ls -A | grep tmp)" ] || fail "temporary files were left behind"
[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
