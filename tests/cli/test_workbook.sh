#!/bin/sh
# SPDX-License-Identifier: MIT
# test_workbook.sh PROGRAM: heed workbook as a learner and a teacher use it.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder" || exit 1

. "$here/functions.sh"

: >input
: >err
export HEED_WORKBOOK="$folder/book/workbook.json" NO_COLOR=
unset VISUAL EDITOR COLUMNS

expect()
{
    grep -q -e "$1" out || { fail "expected a line with \"$1\""; sed 's/^/    > /' out; }
}

# end CODE ARGUMENT...: heed ends with CODE.
end()
{
    want=$1
    shift
    "$program" "$@" <input >out 2>err
    code=$?
    [ "$code" -eq "$want" ] || fail "heed $*: expected exit code $want, got $code"
}

right='1 0 0; 1 1 0; 1 1 1'

# ---- a learner: where one stands, a question, answers, hints, the solution ----

allow workbook
expect '^C  Masks  *·*  *0 of '
expect 'Next: '
absent book
allow workbook show pp.q10
expect '^Write down the causal mask for 3 tokens'
expect '^  value  the mask (rows, apart by ;)$'
! grep -q '1 1 0' out || fail "show: the answer was shown"
refuse 2 'expected an answer of yours first' workbook explain
end 1 workbook answer pp.q10 '1 0 0; 1 1 0; 1 0 1'
expect '^wrong  value  row 3, column 2: 0 is not right$'
! grep -q '1 1 1' out || fail "answer: the right answer was shown"
end 1 workbook answer pp.q10 '1 1 1; 0 1 1; 0 0 1'
expect 'transposed'
end 1 workbook answer pp.q10 --show 3
expect 'Expected: \[\[1 0 0\]'
allow workbook hint
expect '^Hint 1 of 3: '
allow workbook hint
expect '^Hint 2 of 3: '
allow workbook hint pp.q10
expect '^Hint 3 of 3: '
allow workbook hint pp.q10
expect '^Hint 3 of 3: '
grep -q 'the last hint' err || fail "hint: expected to hear that it was the last"
allow workbook answer pp.q10 "$right"
expect '^right  value$'
allow workbook explain
expect '^Step by step$'
expect '^    \[ 1 1 0 \]$'
expect '^Your last answer$'
allow workbook note pp.q10 rows look, columns "are looked at"
allow workbook note pp.q10
expect '^rows look, columns are looked at$'
allow workbook show
expect '^Note: rows look'
expect 'answered right$'
allow workbook note pp.q10 --remove
refuse 1 'pp.q10 has no note' workbook note pp.q10
allow workbook list c
expect '^right  pp.q10 '
allow workbook list --json
python3 - out <<'END' || fail "list --json"
import json, sys
found = json.load(open(sys.argv[1]))
masks = [g for g in found["groups"] if g["group"] == "C"][0]
q10 = [e for e in masks["exercises"] if e["id"] == "pp.q10"][0]
assert masks["right"] == 1 and q10["right"] == 1 and q10["wrong"] == 3 and q10["hints"] == 3, q10
END

# ---- other numbers ----

allow workbook new pp.q10 --variant 5
cp out five
allow workbook new
! cmp -s out five || fail "new: the same question again"
allow workbook new pp.q10 --variant 5
cmp -s out five || fail "new: variant 5 asks something else now"
refuse 2 'expected an answer of yours first' workbook explain pp.q10
allow workbook explain pp.q10 --anyway
allow workbook new pp.q10 --param seq_len=2
expect 'for 2 tokens'
allow workbook answer pp.q10 '1 0; 1 1'
allow workbook show --json
python3 -c 'import json; q = json.load(open("out")); assert q["params"] == {"seq_len": 2} and "variant" not in q, q' || fail "show --json"
printf '0 1\n2 3\n' >keys.txt
allow workbook solve pp.q06 --param 'Q=1 0; 0 1' --param K=@keys.txt
python3 -c 'import json; q = json.load(open("out")); assert q["params"] == {"Q": [[1, 0], [0, 1]], "K": [[0, 1], [2, 3]]}, q' || fail "matrices of parameters in text and from a file"
allow workbook solve pp.q06 --param 'Q=[1 -0.5; 0 1]' --param 'K=[[0, 1], [2, 3]]'
allow workbook solve hard.h7.4a --param 'weights=0.5 -1'
refuse 2 'expected a list of 2' workbook solve s5.e5.4ab --param 'words=The, cat'
refuse 2 'row 2: expected 2 numbers' workbook solve pp.q06 --param 'Q=1 0; 0' --param K=@keys.txt
refuse 3 'cannot be opened' workbook solve pp.q06 --param Q=@nowhere.txt
refuse 2 'has no parameter "sqe_len"' workbook new pp.q10 --param sqe_len=2
refuse 2 'expected one of' workbook new pp.q10 --param seq_len=2 --variant 1
allow workbook reset pp.q10
allow workbook show pp.q10
expect 'for 3 tokens'

# ---- a question has what it takes to answer it ----

allow workbook show a12.n14
tr '\n' ' ' <out >line
grep -q 'b = \[1.000001 5e-08 -0.5\]' line || fail "a12.n14: the numbers are not those that are judged"
allow workbook show ch12.e11
tr '\n' ' ' <out >line
grep -q '"params" of heed workbook show ch12.e11 --json' line || grep -q '"params" of `heed workbook show ch12.e11 --json`' line || fail "ch12.e11: not said where the inputs are"

# ---- answers as people write them ----

allow workbook new pp.q06 --param 'Q=-1 0; 0 1; 1 0' --param 'K=1 0; 0 1; 0 0'
allow workbook answer pp.q06 '−1 0 0; 0 1 0; 1 0 0'
allow workbook reset pp.q06
for shape in 1×4×8 '1 x 4 x 8' 1x4x8 '(1, 4, 8)'; do
    allow workbook answer pp.q02a "$shape"
done
for count in '200,000 * 256' '200000 * 2^8' '(200,000 * 256)' 51.2M '51 200 000'; do
    allow workbook answer pp.q23 "$count"
done
refuse 2 'expected a number' workbook answer pp.q23 '200000 *'
refuse 2 'expected a number' workbook answer pp.q23 ')51200000('

# ---- answers from everywhere ----

echo 'value =' >answer.txt
echo "$right" | tr ';' '\n' >>answer.txt
allow workbook answer pp.q10 --file answer.txt
cp answer.txt input
allow workbook answer pp.q10 --file -
echo "$right" >mask.txt
allow workbook answer pp.q10 value=@mask.txt
allow workbook answer pp.q10 @mask.txt
cp mask.txt input
allow workbook answer pp.q10
: >input
python3 - <<'END'
import struct
body = struct.pack("<9f", 1, 0, 0, 1, 1, 0, 1, 1, 1)
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }"
head += " " * (118 - len(head) - 1) + "\n"
open("mask.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + head.encode() + body)
END
allow workbook answer pp.q10 VALUE=@mask.npy
cat >editor <<END
#!/bin/sh
grep -q '^# Write down the causal mask' "\$2" && sed -i 's/^value =.*/value = $right/' "\$2"
END
chmod +x editor
EDITOR="$folder/editor --wait" TMPDIR=$folder allow workbook answer pp.q10 --edit
absent "$(ls heed-answer-* 2>/dev/null || echo none)"
printf '#!/bin/sh\necho "value = x" >>"$1"\n' >editor
EDITOR=$folder/editor TMPDIR=$folder end 2 workbook answer pp.q10 --edit
ls heed-answer-* >/dev/null 2>&1 || fail "answer --edit: what was written is lost"
EDITOR=false TMPDIR=$folder end 1 workbook answer pp.q10 --edit

allow workbook answer pp.q10 --json "$right"
python3 -c 'import json; a = json.load(open("out")); assert a["ok"] and a["fields"]["value"]["ok"] and "expected" not in a["fields"]["value"]' ||
    fail "answer --json"

# ---- what cannot be read: a sentence, and no attempt ----

cp "$HEED_WORKBOOK" before
refuse 2 'did you mean pp.q10?' workbook answer pp.q1o 3
refuse 2 'there is no exercise "zeppelin"' workbook show zeppelin
refuse 2 'did you mean value?' workbook answer pp.q10 vlaue=3
refuse 2 'value: expected it once' workbook answer pp.q10 value=1 value=2
refuse 2 'row 2: expected 3 numbers as in row 1, got 2' workbook answer pp.q10 '1 0 0; 1 1; 1 1 1'
refuse 2 'row 1, column 2: expected a number, got "x' workbook answer pp.q10 '1 x 0; 1 1 0; 1 1 1'
refuse 2 'expected an answer, got nothing' workbook answer pp.q10
refuse 3 'cannot be opened' workbook answer pp.q10 --file none.txt
refuse 3 'cannot be opened' workbook answer pp.q10 value=@none.txt
refuse 2 'got two of them' workbook answer pp.q10 --edit 3
head -c 10000000 /dev/zero | tr '\0' 1 >big.txt
refuse 3 'expected answers of at most 8 MiB' workbook answer pp.q10 --file big.txt
refuse 3 'zero byte' workbook answer pp.q10 --file /dev/zero
head -c 5000000 big.txt >half.txt
refuse 2 'expected at most' workbook answer pp.q10 --file half.txt
printf '1 \0 0' >zero.txt
refuse 3 'it has a zero byte' workbook answer pp.q10 --file zero.txt
refuse 2 'did you mean "show"?' workbook shwo
refuse 2 'there is no group "9"' workbook list 9
refuse 1 'no exercise has all of' workbook search zeppelin mask
refuse 2 'or --yes to forget everything' workbook reset
cmp -s before "$HEED_WORKBOOK" || fail "an answer that cannot be read was kept"
allow workbook search triangle mask
expect '^pp.q10 '

# ---- a notebook that cannot be kept: the answer is judged ----

end 1 workbook answer pp.q10 3
printf '{"heed' >damaged.json
HEED_WORKBOOK=damaged.json end 0 workbook answer pp.q10 "$right"
expect '^right  value$'
grep -q 'your notebook is not saved: damaged.json' err || fail "a damaged notebook was not named"
[ "$(cat damaged.json)" = '{"heed' ] || fail "a damaged notebook was written over"
HEED_WORKBOOK=damaged.json end 0 workbook reset --yes
[ "$(cat damaged.json.old)" = '{"heed' ] || fail "a damaged notebook was not put aside"
HEED_WORKBOOK=answer.txt/workbook.json end 1 workbook answer pp.q10 '1 1 1; 0 1 1; 0 0 1'
expect '^wrong  value'
grep -q 'your notebook is not saved' err || fail "a place that cannot be written was not named"
HEED_WORKBOOK=answer.txt/workbook.json end 3 workbook note pp.q10 lost
if [ "$(id -u)" != 0 ]; then
    mkdir closed
    chmod 555 closed
    HEED_WORKBOOK=closed/w.json end 0 workbook answer pp.q10 "$right"
    grep -q 'your notebook is not saved: closed' err || fail "a closed folder was not named"
fi
(
    ulimit -f 0
    HEED_WORKBOOK=$folder/full.json "$program" workbook answer pp.q10 "$right" 2>/dev/null | cat >/dev/null
)
[ ! -s full.json ] || fail "a full disk left a notebook behind"

# ---- two at once ----

rm -rf book
for i in 1 2 3 4 5 6; do
    "$program" workbook answer pp.q10 "$right" >/dev/null 2>>err &
done
wait
allow workbook list --json
python3 -c '
import json
found = json.load(open("out"))
assert sum(e["right"] for g in found["groups"] for e in g["exercises"]) == 6, found' || fail "six workbooks at once"

# ---- a teacher: a class of forty ----

printf 'Ada Lovelace\n../../evil\n  Bob \n\n"Quote, Comma"\n' >class.txt
i=5
while [ $i -le 40 ]; do
    echo "student $i" >>class.txt
    i=$((i + 1))
done
masks='pp.q10 pp.q11 pp.q12* pp.q13* hard.h2.3* ch12.e05' # no predictions, whose experiments take their time
allow workbook set $masks --students class.txt --seed 7 --out sheets --answers
[ "$(ls sheets/*.md | wc -l)" -eq 80 ] || fail "set: expected 40 sheets and 40 with answers"
absent evil.md
grep -q 'Ada Lovelace' sheets/Ada-Lovelace.md || fail "set: expected the name on the sheet"
refuse 2 'there is a file already' workbook set $masks --students class.txt --seed 7 --out sheets
cp sheets/set.jsonl all.jsonl
printf 'Zoe\nAda Lovelace\n' >class.txt
allow workbook set C --students class.txt --seed 7 --out sheets2 --as html
grep -q "$(grep 'Ada Lovelace' all.jsonl | head -1 | sed 's/.*"variant":\([0-9]*\).*/\1/')" sheets2/set.jsonl ||
    fail "set: a student's numbers changed with the class"
grep -q '<h1>Exercises</h1>' sheets2/Zoe.html || fail "set: expected HTML"
allow workbook set pp.q10 'pp.*' --as latex
expect '^\\documentclass'
[ "$(grep -c 'texttt{pp.q10}' out)" -eq 1 ] || fail "set: an exercise named twice stands there twice"
refuse 2 'expected --out FOLDER' workbook set C --students 3
printf '%s\n' '"Q" Li' '../x' >odd.txt
allow workbook set ch12.e11 --students odd.txt --out odd
for sheet in _Q--Li.md _.-x.md; do
    grep -q 'inputs are the `params` of this exercise' "odd/$sheet" || fail "set: odd/$sheet"
done
refuse 2 'students: expected 1 to' workbook set C --students 0 --out s3
refuse 2 'no exercise is called "zz' workbook set 'zz*'
refuse 2 'did you mean pp.q10?' workbook set pp.q1o
printf 'A\nA\n' >class.txt
refuse 3 'stands there twice' workbook set C --students class.txt --out s3
printf 'Ann B\nBob\nAnn-B\n' >class.txt
refuse 3 'would have the sheet "Ann-B"' workbook set C --students class.txt --out s3
absent s3

python3 - "$program" <<'END' >filled.jsonl || fail "set.jsonl: expected lines of JSON"
import json, subprocess, sys
for i, line in enumerate(open("all.jsonl")):
    one = json.loads(line)
    solved = json.loads(subprocess.run([sys.argv[1], "workbook", "solve", one["id"], "--params", json.dumps(one["params"])],
                                       capture_output=True, check=True).stdout) if one["id"] == "pp.q10" else None
    if solved is None:
        continue
    one["answer"] = solved["answer"]
    if i % 2:
        one["answer"]["value"] = [list(r) for r in zip(*one["answer"]["value"])]
    print(json.dumps(one))
END
end 1 workbook mark filled.jsonl --csv result.csv
python3 - <<'END' || fail "mark --csv: expected a line for each student"
import csv
rows = list(csv.DictReader(open("result.csv")))
assert len(rows) == 40 and list(rows[0]) == ["student", "id", "ok", "fields"], rows[:2]
assert {r["ok"] for r in rows} == {"true", "false"}, rows[:4]
assert any("transposed" in r["fields"] for r in rows), rows[:4]
assert rows[0]["student"] == "Ada Lovelace" and '"Quote, Comma"' in {r["student"] for r in rows}
END
refuse 2 'there is a file already' workbook mark filled.jsonl --csv result.csv
allow workbook table
expect '^pp.q10  *matrix  *yes  *yes  *yes  *yes'
! grep -q NO out || fail "table: something is lacking"

# ---- demonstrations ----

allow workbook demo
expect '^  D02  .'
allow workbook demo d2 --picture weights.svg
expect '^observed$'
test -s weights.svg || fail "demo --picture: expected a picture"
allow workbook demo D02 --sabotage
expect '^not observed$'
allow workbook demo pp.q06 --json
expect '"id":"D02".*"observed":true'
allow workbook demo D37 --param seq_len=3 --json
expect '"seq_len":3'
refuse 2 'D02 has no parameter "seq_len"' workbook demo D02 --param seq_len=3
refuse 2 'there is no demonstration "D99"' workbook demo D99
refuse 2 'pp.q10 has no demonstration' workbook demo pp.q10
allow workbook explain pp.q06 --anyway
expect 'heed workbook demo D02'

# ---- a prediction, its experiment, and words of one's own ----

allow workbook show pp.q30b
expect '^Predict first; then the experiment D03 is run'
expect '^  words .*(as you like)$'
refuse 2 'expected your prediction before the experiment runs' workbook answer pp.q30b scaled=a words=hm
refuse 2 'unscaled: expected a letter from a to c, got "z"' workbook answer pp.q30b unscaled=z scaled=a
end 1 workbook answer pp.q30b 'unscaled=b scaled=most words=Sums grow; so do scores, I think: scaled = not so.'
grep -q '^D03 is run, ' err || fail "answer: expected to hear which experiment runs"
grep -q '1 of 2 predictions came true' err || fail "answer: expected a friendly word"
expect '^  unscaled_here  *[0-9.]'
expect '^observed$'
expect '^  otherwise  unscaled  you said b: '
expect '^                       it is    c: '
expect '^  came true  scaled    you said a: '
expect '^In this run$'
expect '^Your words  *Key points$'
expect '^Sums grow; so do scores, I think:  *- '
allow workbook explain
expect '^  unscaled = c: '
expect '^The experiment D03, '
expect '"observed"\.$'
expect '^Sums grow; so do scores, I think:  *- '
allow workbook answer pp.q30b --json unscaled=c scaled=a
python3 - out <<'END' || fail "answer --json of a prediction"
import json, sys
a = json.load(open(sys.argv[1]))
assert a["ok"] and a["fields"]["unscaled"] == {"ok": True, "missing": False, "expected": "little"}, a
assert a["experiment"]["id"] == "D03" and a["experiment"]["observed"] and a["experiment"]["figures"]["ceiling"] > 3.46, a
assert len(a["steps"]) > 1 and len(a["key_points"]) > 1, a
END
allow workbook new pp.q30b --param head_dim=8
end 1 workbook answer pp.q30b unscaled=little scaled=most
allow workbook solve pp.q30b --param head_dim=8
python3 -c 'import json; s = json.load(open("out")); assert s["answer"] == {"unscaled": "middle", "scaled": "most", "words": ""} and s["steps"], s' ||
    fail "solve of a prediction"
allow workbook note pp.q30b wide heads
allow workbook show pp.q30b --json
python3 -c '
import json
q = json.load(open("out"))
assert q["experiment"] == "D03" and q["words"].startswith("Sums grow") and q["note"] == "wide heads", q
assert [f["name"] for f in q["fields"] if f.get("free")] == ["words"], q' || fail "show --json of a prediction"
cat >editor <<'END'
#!/bin/sh
sed -i 's/^unscaled =.*/unscaled = middle/; s/^scaled =.*/scaled = most/; s/^words =.*/words = in two\nlines/' "$1"
END
EDITOR="$folder/editor" TMPDIR=$folder allow workbook answer pp.q30b --edit
expect '^in two  *- '
expect '^lines  *'
printf '%s\n' '{"id": "pp.q30b", "student": "Ada", "answer": {"unscaled": "c", "scaled": "most", "words": "sums; they grow"}, "variant": 0}' \
    '{"id": "pp.q30b", "answer": {"unscaled": "little", "scaled": "little"}, "class": "2B"}' \
    '{"id": "pp.q30b", "anwser": {"unscaled": "little"}}' \
    '{"id": "pp.q30b", "answer": {"unscald": "little"}}' \
    '{"id": "pp.q30b", "parms": {}, "answer": {"unscaled": "little"}}' >predicted.jsonl
end 3 workbook mark predicted.jsonl --csv predicted.csv
python3 - out <<'END' || fail "mark of predictions"
import csv, json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert [line["ok"] for line in lines] == [True, False, False, False, False], lines
assert lines[0]["fields"]["words"]["given"] == "sums; they grow" and lines[0]["fields"]["scaled"]["ok"], lines[0]
assert lines[1]["class"] == "2B" and not lines[1]["fields"]["scaled"]["ok"] and lines[1]["fields"]["unscaled"]["ok"], lines[1]
assert 'did you mean "answer"?' in lines[2]["error"], lines[2]
assert 'did you mean "unscaled"?' in lines[3]["error"], lines[3]
assert 'did you mean "params"?' in lines[4]["error"], lines[4]
rows = list(csv.DictReader(open("predicted.csv")))
assert rows[0]["fields"].endswith("words: sums; they grow"), rows[0]
END
allow workbook set pp.q30b
expect '^\*\*words\*\*: '
! grep -q 'In this run\|demo D03' out || fail "set: the answer is on the sheet"
allow workbook set pp.q30b --answers
expect '^\*\*unscaled\*\*: `c`$'
expect '^- a saturated softmax'

# ---- forms filled in with what solve answers: each fifth exercise ----

python3 - "$program" <<'END' >out 2>err || fail "a form that is filled in right is not right"
import json, subprocess, sys

def run(*arguments, text=""):
    return subprocess.run([sys.argv[1], "workbook", *arguments], input=text, capture_output=True, text=True)

def number(x):
    if isinstance(x, str) and x.strip() != x:
        return "'%s'" % x
    return {True: "yes", False: "no"}[x] if isinstance(x, bool) else str(x)

def written(value):
    if not isinstance(value, list):
        return number(value)
    if value and isinstance(value[0], list) and value[0] and isinstance(value[0][0], list):
        return json.dumps(value)
    if value and isinstance(value[0], list):
        return "\n".join(" ".join(map(number, row)) for row in value)
    return ", ".join(map(number, value)) + ","

groups = json.loads(run("list", "--json").stdout)["groups"]
for id in [e["id"] for g in groups for e in g["exercises"]][::5]:
    asked = json.loads(run("show", id, "--json").stdout)
    if "experiment" in asked: # below
        continue
    solved = json.loads(run("solve", id, "--params", json.dumps(asked["params"])).stdout)
    both = {**solved["params"], **solved["answer"]}
    form = "".join("%s = %s\n" % (f["name"], written(both[f["name"]])) for f in asked["fields"])
    judged = run("answer", id, text=form)
    if judged.returncode != 0:
        sys.exit("%s: %s gives %s%s" % (id, form, judged.stdout, judged.stderr))
END

# ---- the place at a terminal of 80 x 24 ----

rm -rf book
if python3 - "$program" <<'END' >out 2>err; then :; else fail "the place at a terminal"; sed 's/^/    > /' out; fi
import fcntl, os, pty, re, select, struct, sys, termios, time

program = sys.argv[1]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.environ.update(TERM="xterm", NO_COLOR="1", LC_ALL="C.UTF-8")
    os.execv(program, [program, "workbook"])
seen, at = b"", 0

def read(until, limit=20.0):
    """What comes up to the words, or to the end; the next read begins behind them."""
    global seen, at
    begin, end = at, time.time() + limit
    while until is None or until.encode() not in seen[begin:]:
        if time.time() > end:
            sys.exit("%r did not come: %r" % (until, seen[begin:]))
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            break
        seen += data
    at = len(seen) if until is None else seen.index(until.encode(), begin) + len(until)
    return seen[begin:at].decode()

def type(words, until="q10> "):
    os.write(fd, words.encode())
    return read(until)

def expect(text, *words):
    for word in words:
        if word not in text:
            sys.exit("%r lacks %r" % (text, word))

read("heed> ")
expect(type("show pp.q10\n"), "Write down the causal mask for 3 tokens")
expect(type("1 0 0; 1 1 0; 1 0 1\n"), "wrong  value  row 3, column 2")
expect(type("hint\n"), "Hint 1 of 3")
expect(type("shwo\n"), 'did you mean "show"?')
if os.environ.get("HEED_TEST_KEYS") == "yes":
    type("hi\t", "nt ")
    type("\n", "Hint 2 of 3")
    read("q10> ")
    type("hi\t", "nt ") # the editor has the keys now, so that Ctrl-C is one of them
    type("\x03hi\t", "nt ")
    type("\n", "Hint 3 of 3")
    read("q10> ")
    type("\x1b[A\n", "Hint 3 of 3")
    read("q10> ")
type("answer\n", "value = ")
type("1 0 0\n", "      > ")
type("1 1 0\n", "      > ")
type("1 1 1\n", "      > ")
expect(type("\n"), "right  value")
expect(type("explain\n"), "Step by step")
expect(type("note what looks: rows = queries\n"), "q10> ")
expect(type("note\n"), "what looks: rows = queries")
expect(type("new pp.q10 --param seq_len=2\n"), "for 2 tokens")
expect(type("value = 1 0; 1 1\n"), "right  value")
type("reset\n", "[yes/no] ")
type("no\n")
expect(type("help\n"), "quit")
os.write(fd, b"quit\n")
read(None)
_, status = os.waitpid(pid, 0)
if status != 0:
    sys.exit("it ended with %d" % status)
plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r", "")
for line in plain.split("\n"):
    if len(line) > 80 and "> " not in line:
        sys.exit("longer than 80 columns: %r" % line)
END
allow workbook list C
expect '^right  pp.q10'

# ---- the walk: where one is, the next step, one of one's choice, on a text of one's own ----

allow workbook walk --list
expect '^-     1  10:13    Characters become numbers'
allow workbook walk
expect '^Step 1 of '
expect '^Exercises       a12.n01'
allow workbook walk
expect '^Step 2 of '
i=0
while [ $i -lt 200 ]; do echo "to be or not to be, that is the question"; i=$((i + 1)); done >own.txt
allow workbook walk 1 --text own.txt --encode 'to be'
expect 'text        own.txt'
expect '| to be$'
allow workbook walk
expect '^Step 2 of '
allow workbook walk --list
expect '^done  2  .*<- you are here'
expect 'with own.txt$'
allow workbook walk 3 --json
expect '"step":3,"time":"16:59"'
refuse 2 'expected a step from 1 to' workbook walk 99
refuse 2 'column 4' workbook walk 1 --encode 'to Be'
refuse 3 'none.txt' workbook walk 1 --text none.txt

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
