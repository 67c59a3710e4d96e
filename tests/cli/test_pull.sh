#!/bin/sh
# SPDX-License-Identifier: MIT
# test_pull.sh PROGRAM HUB VECTORS: heed pull against a hub on 127.0.0.1 that misbehaves (hub.py says how).
set -u
program=$1 hub_program=$2 vectors=$3
folder=$(mktemp -d)
cd "$folder" || exit 1
. "$(dirname "$0")/functions.sh"
: >input
: >err
mkdir -p hub/models/openai-community/gpt2 hub/models/someone/parts hub/models/plain
unset HEED_HUB_TOKEN XDG_CACHE_HOME http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export HOME="$folder/home" HEED_CACHE="$folder/cache"
cache=cache/models/openai-community

python3 "$hub_program" hub &
hub=$!
trap 'kill $hub; rm -rf "$folder"' EXIT
tries=0
while [ ! -e hub/port ] && [ $tries -lt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
[ -e hub/port ] || { echo "the hub did not start"; exit 1; }
url=http://127.0.0.1:$(cat hub/port)
export HEED_HUB="$url"

# ---- what the hub has ----

cp "$vectors/config.json" "$vectors/model.safetensors" hub/models/openai-community/gpt2
cp "$vectors/config.json" "$vectors/model.safetensors" hub/models/plain
cp "$vectors/config.json" hub/models/someone/parts
weights=hub/models/openai-community/gpt2/model.safetensors
size=$(wc -c <$weights)
hash() { python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; }
sum=$(hash $weights)

behave() { rm -f hub/release; printf '%s\n' "$@" >hub/behave; : >hub/log; }
asked() { grep -c "^$1 " hub/log; }
# pulled NAME: the model is there, whole, and nothing lies beside it
pulled()
{
    cmp -s "$1/model.safetensors" $weights || fail "$1: the weights are not the hub's"
    [ -e "$1/pull.json" ] || fail "$1: no pull.json"
    [ -z "$(ls -A "$(dirname "$1")" | grep '^\.')" ] || fail "$1: something is left beside it"
    [ -z "$(ls "$1" | grep part)" ] || fail "$1: a part is left in it"
}
unpulled() { absent $cache/gpt2; absent $cache/.gpt2.lock; }
forget() { rm -rf cache; behave "* none"; }
# fails CODE WORDS BEHAVIOUR...: pulling gpt2 from such a hub ends so, and no model appears
fails()
{
    want_code=$1 want_words=$2
    shift 2
    behave "$@"
    refuse "$want_code" "$want_words" pull gpt2 --quiet --retries ${retries:-0} --timeout ${timeout:-30}
    unpulled
}

# ---- names ----

refuse 2 'expected heed pull NAME' pull
refuse 2 '"../gpt2": expected the name of a model' pull ../gpt2
refuse 2 '"/etc": expected the name of a model' pull /etc
refuse 2 'expected the name of a model' pull a/../b
refuse 2 'expected the name of a model' pull a/b/c
refuse 2 'expected the name of a model' pull 'a b'
refuse 2 'expected the name of a model' pull 'gpt2%2f..'
refuse 2 'expected the name of a model' pull ''
refuse 2 'a\x1B[31m' pull "$(printf 'a\033[31m')"
refuse 2 'expected a revision' pull gpt2 --revision ../main
refuse 2 'expected a revision' pull gpt2@
refuse 2 'did you mean "gpt2"?' pull gtp2 --base-url https://huggingface.co
refuse 2 'expected OWNER/MODEL, or one of gpt2' pull nothing-like-it --base-url https://huggingface.co
refuse 2 'expected https://HOST' pull gpt2 --base-url file:///etc
refuse 2 'no user' pull gpt2 --base-url http://me:secret@127.0.0.1
refuse 2 'expected FILE=DIGITS' pull gpt2 --sha256 model.safetensors=12
refuse 2 'expected a new folder' pull gpt2 --out hub
absent cache

# ---- all is well ----

behave "* none"
allow pull gpt2
[ "$(cat out)" = "$folder/$cache/gpt2" ] || fail "expected the folder on standard output"
grep -q 'model.safetensors .*sha256 as it should be' err || fail "expected the checksum to be known"
pulled $cache/gpt2
behave "* none"
allow pull gpt2
grep -q 'is there already' err || fail "a second pull: expected to hear that it is there"
[ ! -s hub/log ] || fail "a second pull: expected no question"
allow info gpt2
grep -q '^gpt2: a GPT of 2 layers' out || fail "info: expected the pulled model"
allow pull --list
grep -q 'kB  openai-community/gpt2$' out || fail "list: expected the model"
allow pull gpt2 --json --force
grep -q "\"fetched\": $((size + $(wc -c <"$vectors/config.json")))," out || fail "force: expected all to be fetched again"
pulled $cache/gpt2
mkdir gpt2
refuse 3 'gpt2/config.json: cannot be opened' info gpt2
rmdir gpt2
allow pull --remove gpt2
absent $cache/gpt2
refuse 3 'there is no pulled model of that name' pull --remove gpt2
for command in 'info gpt2' 'generate gpt2' 'eval gpt2 input' 'inspect gpt2' 'tokenize gpt2'; do
    refuse 3 'to fetch it: heed pull gpt2' $command
done
refuse 3 'did you mean "gpt2", fetched by: heed pull gpt2' info gtp2
allow pull --list --json
grep -q '"models": \[\]' out || fail "list: expected an empty one"

allow pull gpt2 --out here/m --sha256 "model.safetensors=$sum"
pulled here/m
refuse 3 'model.safetensors: expected the SHA-256 0000' pull gpt2 --out here/m --sha256 "model.safetensors=$(printf '%064d' 0)"
refuse 2 'tokenizer.json is none of the files' pull gpt2 --quiet --out there --sha256 "tokenizer.json=$sum"
absent there
refuse 3 'model.safetensors: expected the SHA-256 0000' pull gpt2 --quiet --out there \
    --sha256 "config.json=$(hash "$vectors/config.json"),model.safetensors=$(printf '%064d' 0)"
absent there
allow pull gpt2 --quiet --out there
allow pull gpt2 --quiet --out there --json
grep -q '"fetched": 0,' out || fail "expected what is there not to come twice"
pulled there
allow pull plain --quiet
allow info plain
allow pull gpt2@refs/pr/1 --quiet
allow info gpt2@refs/pr/1
absent $cache/gpt2
XDG_CACHE_HOME=$folder/xdg HEED_CACHE='' "$program" pull gpt2 --quiet >out 2>err || fail "XDG_CACHE_HOME: expected exit code 0"
pulled xdg/heed/models/openai-community/gpt2
HEED_CACHE='' "$program" pull gpt2 --quiet >out 2>err || fail "HOME: expected exit code 0"
pulled home/.cache/heed/models/openai-community/gpt2
HEED_CACHE=here
refuse 2 'HEED_CACHE: expected an absolute path' pull gpt2
HEED_CACHE=$folder/cache

# a tokenizer comes along, and then the model writes
"$program" train --n-layers 1 --d-model 16 --context-length 16 --batch-size 4 --threads 1 --corpus-bytes 20000 --quiet \
    --steps 2 --out hub/models/someone/story <input >out 2>err || fail "train: expected exit code 0"
allow pull someone/story --quiet
allow generate someone/story --prompt One --max-tokens 5 --threads 1
allow tokenize someone/story --text One
[ "$(ls cache/models/someone/story | tr '\n' ' ')" = "config.json model.safetensors pull.json tokenizer.json " ] ||
    fail "someone/story: expected its files and no more, got $(ls cache/models/someone/story)"

# as the hub serves large files
forget
behave "model.safetensors lfs 1"
allow pull gpt2 --quiet
pulled $cache/gpt2
grep -q '"linked_etag"' $cache/gpt2/pull.json || fail "lfs: expected the hub's own mark in the record"

# all files are of the commit that the hub names first
commit=0123456789abcdef0123456789abcdef01234567
echo $commit >hub/models/openai-community/gpt2/.commit
forget
behave "model.safetensors lfs 1"
allow pull gpt2 --quiet
grep -q '^config.json .* main$' hub/log || fail "expected the first question to name the revision"
grep -q "^model.safetensors .* $commit$" hub/log || fail "expected the other questions to name the commit"
grep -q "\"commit\": \"$commit\"" $cache/gpt2/pull.json || fail "expected the commit in the record"
rm hub/models/openai-community/gpt2/.commit

# a model in the cache that was carried there by hand; folders that are not for pull to touch
forget
mkdir -p $cache
cp -R hub/models/openai-community/gpt2 $cache/gpt2
allow info gpt2
allow pull gpt2
grep -q 'is there already' err || fail "a model that was carried there: expected it to be taken"
refuse 2 'it is left alone' pull gpt2 --force --quiet
refuse 3 'there is no pulled model of that name' pull --remove gpt2
cmp -s $cache/gpt2/model.safetensors $weights || fail "a model that was carried there: expected it to stay"
refuse 2 'here/m: holds openai-community/gpt2 (main); --force puts plain (main) in its place' pull plain --out here/m
allow pull plain --out here/m --force --quiet
grep -q '"name": "plain"' here/m/pull.json || fail "force: expected the other model"
mkdir empty
allow pull plain --out empty --quiet
pulled empty

# ---- weights in parts ----

python3 - "$weights" hub/models/someone/parts <<'END'
import json, os, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + n])
header.pop("__metadata__", None)
names, where = sorted(header), {}
for i, part in enumerate((names[:5], names[5:])):
    file, at, out, body = "model-%05d-of-00002.safetensors" % (i + 1), 0, {}, b""
    for name in part:
        a, b = header[name]["data_offsets"]
        body += data[8 + n + a:8 + n + b]
        out[name] = dict(header[name], data_offsets=[at, at + b - a])
        at += b - a
        where[name] = file
    head = json.dumps(out).encode()
    open(os.path.join(sys.argv[2], file), "wb").write(struct.pack("<Q", len(head)) + head + body)
json.dump({"metadata": {"total_size": len(data)}, "weight_map": where},
          open(os.path.join(sys.argv[2], "model.safetensors.index.json"), "w"))
END
parts=cache/models/someone/parts
index=hub/models/someone/parts/model.safetensors.index.json
behave "* none"
allow pull someone/parts --quiet
allow info someone/parts
allow pull --remove someone/parts
cp $index index
for bad in ../model-00001-of-00002.safetensors /etc/passwd 'a%2f..safetensors' '.safetensors' 'a b.safetensors'; do
    sed "s|model-00001-of-00002.safetensors|$bad|g" index >$index
    behave "* none"
    refuse 3 model.safetensors.index.json pull someone/parts --quiet
    absent $parts
    [ "$(asked model-00002-of-00002.safetensors)" -eq 0 ] || fail "an index that names $bad: expected no part to be fetched"
done
sed 's/"weight_map": {/"weight_map": {"no.such": "model-00003-of-00003.safetensors", /' index >$index
refuse 3 'has no model-00003-of-00003.safetensors, which its index names' pull someone/parts --quiet
absent $parts
sed 's/"weight_map": {/"weight_map": {"no.such": "model-00001-of-00002.safetensors", /' index >$index
refuse 3 'no.such' pull someone/parts --quiet
absent $parts
sed 's/"total_size": [0-9]*/"total_size": 1000000000000000/' index >$index
refuse 3 'the disk has' pull someone/parts --quiet
absent $parts
cp index $index
behave "* none"
allow pull someone/parts --quiet
[ "$(asked model-00001-of-00002.safetensors)" -le 1 ] || fail "parts: asked more often than needed"
allow info someone/parts

# a stopped pull, and then the model has one file only: nothing of the old form comes along
allow pull --remove someone/parts
behave "model-00002-of-00002.safetensors status 500"
refuse 3 'answers 500' pull someone/parts --quiet --retries 0
mkdir -p other
mv $index other
cp $weights hub/models/someone/parts
behave "* none"
allow pull someone/parts --quiet
[ "$(ls $parts | tr '\n' ' ')" = "config.json model.safetensors pull.json " ] ||
    fail "a model with another form now: expected its files and no more, got $(ls $parts)"
mv other/model.safetensors.index.json $index
rm hub/models/someone/parts/model.safetensors

# ---- what does not come ----

forget
fails 3 'has no model gpt2 (revision main)' "* status 404"
refuse 3 'did you mean "gpt2"?' pull gtp2 --quiet
refuse 3 'has no model plain (revision main)' pull plain --quiet
behave "* none"
absent cache/models/plain
fails 3 'refuses (401): the model is gated' "config.json status 401"
fails 3 'refuses (403)' "config.json status 403"
fails 3 'the answer is 418' "config.json status 418"
fails 3 'answers 500' "config.json status 500"
fails 3 'config.json: 127.0.0.1:'"${url##*:}"' answers 429, too many requests' "config.json status 429"
fails 3 'leads elsewhere more than 5 times' "config.json redirect loop"
fails 3 'leads to file:///etc/passwd: expected https or http' "config.json redirect file:///etc/passwd"
fails 3 'leads to ftp://127.0.0.1/' "config.json redirect ftp://127.0.0.1/"
fails 3 'tokenizer.json: ' "tokenizer.json status 500"
fails 3 'no model.safetensors' "model.safetensors status 404"
fails 3 'config.json' "config.json page 1"
fails 3 'expected a JSON object' "tokenizer.json page 1"
fails 3 'model.safetensors' "model.safetensors page 1"
fails 3 'expected at most 1048576 bytes, the hub sends more' "config.json endless 1"
fails 3 'expected the hub to say its size' "model.safetensors endless 1"
fails 3 'the disk of' "model.safetensors length 900000000000000"
fails 3 'expected at most' "model.safetensors length 9000000000000000000"
fails 3 'expected the hub to say its size' "model.safetensors length 99999999999999999999"
fails 3 'model.safetensors' "model.safetensors length -5"
fails 3 'expected at most 1048576 bytes, the hub has 2000000' "config.json length 2000000"
fails 3 'compressed' "model.safetensors encoding gzip"
sed 's/"gpt2"/"llama"/' "$vectors/config.json" >hub/models/plain/config.json
behave "* none"
refuse 3 'the model is a "llama"' pull plain --quiet
absent cache/models/plain
[ "$(asked model.safetensors)" -eq 0 ] || fail "another architecture: expected no weights to be fetched"
forget
timeout=1
fails 3 'has sent nothing for 1 s' "config.json stall 10"
timeout=
refuse 3 'cannot be reached' pull gpt2 --quiet --base-url http://127.0.0.1:1 --out new
grep -q 'by hand' err || fail "no network: expected what to do by hand"
absent new
absent .new.pulling

# ---- what comes damaged ----

forget
fails 3 'damaged on its way' "model.safetensors corrupt 5000"
[ -z "$(find cache -name 'model.safetensors*')" ] || fail "a damaged file: expected it to be gone"
behave "* none"
allow pull gpt2 --quiet
pulled $cache/gpt2
forget
fails 3 'the hub speaks of 151600 bytes, the answer has 150600' "model.safetensors lfs 1" "model.safetensors shorter 1000"
forget
fails 3 'has cut the connection' "model.safetensors longer 1000"
forget
fails 3 'model.safetensors' "model.safetensors shorter 1000"
forget
behave "* none"
refuse 3 "expected the SHA-256 0000" pull gpt2 --quiet --sha256 "model.safetensors=$(printf '%064d' 0)"
unpulled

# ---- cut, and gone on with ----

forget
fails 3 '66 % are kept, the same command goes on' "model.safetensors cut 100000"
allow pull --list
grep -q 'gpt2  (not complete: heed pull goes on)' out || fail "list: expected the stopped pull"
behave "* none"
allow pull gpt2
grep -q "^model.safetensors bytes=100000- 206" hub/log || fail "expected the rest to be asked for, got $(cat hub/log)"
grep -q 'going on at 100 kB of 152 kB' err || fail "expected to hear where it goes on"
pulled $cache/gpt2

forget
behave "model.safetensors cut 60000 1" "config.json status 500 1" "tokenizer.json status 429 1"
allow pull gpt2 --quiet --retries 1
grep -q "^model.safetensors bytes=60000- 206" hub/log || fail "expected the rest to be asked for in the same pull"
pulled $cache/gpt2

for way in "ranges off" "mark weak" "mark none" "lie 1"; do
    forget
    fails 3 'cut the connection' "model.safetensors cut 100000" "model.safetensors $way"
    behave "model.safetensors $way"
    allow pull gpt2 --quiet
    pulled $cache/gpt2
done

forget
fails 3 '66 % are kept' "model.safetensors cut 100000" "model.safetensors lfs 1"
behave "model.safetensors lfs 1"
allow pull gpt2 --quiet
grep -q "^model.safetensors bytes=100000- 206" hub/log || fail "lfs: expected the rest to be asked for"
pulled $cache/gpt2

# the file changes between: another one begins, and no mixture comes out
for way in "lfs 1" "none 1"; do
    forget
    cp $weights original
    fails 3 '66 % are kept' "model.safetensors cut 100000" "model.safetensors $way"
    python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[-1] ^= 1; open(sys.argv[1], "wb").write(d)' $weights
    behave "model.safetensors $way"
    allow pull gpt2 --quiet
    pulled $cache/gpt2
    cp original $weights
done

# what is here may be damaged too: the checksum sees it
forget
fails 3 '66 % are kept' "model.safetensors cut 100000"
printf 'x' | dd of=$cache/.gpt2.pulling/model.safetensors.part bs=1 seek=50000 conv=notrunc 2>/dev/null
behave "* none"
refuse 3 'damaged on its way' pull gpt2 --quiet
unpulled
allow pull gpt2 --quiet
pulled $cache/gpt2
# complete but for its name; longer than it may be; a record that is none; a link in the place of the part
forget
fails 3 'are kept' "model.safetensors cut 100000"
cp $weights $cache/.gpt2.pulling/model.safetensors.part
behave "* none"
allow pull gpt2 --quiet
pulled $cache/gpt2
forget
fails 3 'are kept' "model.safetensors cut 100000"
cat $weights $weights >$cache/.gpt2.pulling/model.safetensors.part
behave "* none"
allow pull gpt2 --quiet
pulled $cache/gpt2
forget
fails 3 'are kept' "model.safetensors cut 100000"
echo '{"files": {"../../x": {"done": true}}' >$cache/.gpt2.pulling/pull.json
behave "* none"
allow pull gpt2 --quiet
pulled $cache/gpt2
forget
fails 3 'are kept' "model.safetensors cut 100000"
echo precious >precious
rm $cache/.gpt2.pulling/model.safetensors.part
ln -s "$folder/precious" $cache/.gpt2.pulling/model.safetensors.part
behave "* none"
refuse 3 'model.safetensors.part: cannot be written' pull gpt2 --quiet
[ "$(cat precious)" = precious ] || fail "a link in the place of a part: expected its target to stay"

# ---- a full disk ----

forget
(ulimit -f 128; "$program" pull gpt2 --quiet <input >out 2>err; echo $? >code)
[ "$(cat code)" = 3 ] && grep -q 'cannot be written: File too large' err || fail "a full disk: expected exit code 3"
unpulled
allow pull gpt2 --quiet
grep -q "^model.safetensors bytes=65536- 206" hub/log || fail "a full disk: expected what fitted to be kept"
pulled $cache/gpt2

# ---- a terminal ----

forget
behave "model.safetensors slow 300000" "tokenizer.json status 500 1"
python3 - "$program" >shown 2>err <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], [sys.argv[1], "pull", "gpt2"])
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
os.waitpid(pid, 0)
END
if grep -q 'out of pty devices' err; then
    echo "this system has no pseudo terminals"
else
    tr '\r' '\n' <shown | grep -Eq '^model.safetensors  [0-9]+ %  [0-9.]+ kB of 152 kB  [0-9.]+ kB/s  [0-9]+:[0-9]+ left' ||
        fail "a terminal: expected a line that moves, got $(cat shown)"
    grep -q 'tokenizer.json: .* answers 500; again in 0.5 s' shown || fail "a terminal: expected to hear why it waits"
fi

# ---- interrupted ----

# until the part has 60000 bytes, which is where the hub waits
wait_for_part()
{
    tries=0
    while [ "$(cat $cache/.gpt2.pulling/model.safetensors.part 2>/dev/null | wc -c)" -lt 60000 ] && [ $tries -lt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}
for how in INT KILL; do
    forget
    behave "model.safetensors hold 60000"
    # not in the background of this shell, which would let it ignore SIGINT
    python3 - "$program" "$how" "$cache/.gpt2.pulling/model.safetensors.part" >code 2>err <<'END'
import os, signal, subprocess, sys, time
run = subprocess.Popen([sys.argv[1], "pull", "gpt2", "--quiet"], stdout=subprocess.DEVNULL)
deadline = time.time() + 60
while time.time() < deadline and not (os.path.exists(sys.argv[3]) and os.path.getsize(sys.argv[3]) >= 60000):
    time.sleep(0.02)
run.send_signal(getattr(signal, "SIG" + sys.argv[2]))
print(run.wait())
END
    if [ $how = INT ]; then
        [ "$(cat code)" = 5 ] || fail "SIGINT: expected exit code 5, got $(cat code)"
        grep -q 'stopped at 40 % of model.safetensors, which is kept; the same command goes on' err ||
            fail "SIGINT: expected how to go on"
    fi
    : >hub/release
    absent $cache/gpt2
    behave "* none"
    allow pull gpt2 --quiet
    grep -q "^model.safetensors bytes=60000- 206" hub/log || fail "SIG$how: expected the rest to be asked for"
    pulled $cache/gpt2
done

# ---- two at once ----

forget
behave "model.safetensors hold 60000"
"$program" pull gpt2 --quiet <input >out1 2>err1 &
first=$!
wait_for_part
refuse 3 'is being pulled by another process' pull --remove gpt2
"$program" pull gpt2 <input >out2 2>err2 &
second=$!
tries=0
while ! grep -q 'another process pulls this model' err2 && [ $tries -lt 600 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
[ $tries -lt 600 ] || fail "the second of two: expected to hear that it waits"
: >hub/release
wait $first || fail "the first of two: expected exit code 0"
wait $second || fail "the second of two: expected exit code 0"
cmp -s out1 out2 || fail "two at once: expected the same folder"
[ "$(asked model.safetensors)" -eq 1 ] || fail "two at once: expected the weights to be fetched once"
pulled $cache/gpt2

# ---- a token ----

forget
behave "model.safetensors redirect http://localhost:${url##*:}/openai-community/gpt2/resolve/main/model.safetensors 1"
HEED_HUB_TOKEN=secret "$program" pull gpt2 --quiet <input >out 2>err || fail "a token: expected exit code 0"
grep -q '^config.json - 200 Bearer secret' hub/log || fail "expected the token to reach the hub"
grep -q '^model.safetensors - 200 -' hub/log || fail "expected the token to reach nobody else"

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
