#!/bin/sh
# SPDX-License-Identifier: MIT
# test_class.sh PROGRAM: a teacher and a class of forty: sheets, answers as students write them, verdicts, a table.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

. "$here/functions.sh"

: >input
: >err
export HEED_WORKBOOK="$folder/workbook.json" NO_COLOR=

printf 'Zo\303\253 M\303\274ller\n' >class.txt
i=2
while [ $i -le 40 ]; do
    printf 'Student %02d\n' $i >>class.txt
    i=$((i + 1))
done

# ---- the sheets: numbers of each student's own, room for words, no answers ----

exercises='pp.q01 pp.q06 pp.q09a pp.q10 pp.q12b pp.q15abc pp.q25 pp.q30b'
allow workbook set $exercises --students class.txt --seed 11 --out sheets --title 'Attention, first sheet'
[ "$(ls sheets/*.md | wc -l)" -eq 40 ] || fail "set: expected 40 sheets"
[ "$(wc -l <sheets/set.jsonl)" -eq 320 ] || fail "set: expected a line for each student and exercise"
[ "$(cat sheets/*.md | sort | uniq -c | sort -rn | grep -c 'Zo')" -eq 1 ] || fail "set: a name stands on one sheet"
! cat sheets/*.md | grep -q 'In this run\|heed_softmax' || fail "set: an answer is on a sheet"
allow workbook set $exercises --students class.txt --seed 11 --out again --title 'Attention, first sheet'
diff -r sheets again >/dev/null || fail "set: the same class has other sheets now"

# ---- what the class has written: most of it right, some of it wrong in ways that have names ----

python3 - "$program" <<'END' || fail "answers of the class"
import json, subprocess, sys

lines = [json.loads(line) for line in open("sheets/set.jsonl")]
solved = {}

def solve(id, params):
    key = id + json.dumps(params)
    if key not in solved:
        run = subprocess.run([sys.argv[1], "workbook", "solve", id, "--params", json.dumps(params)],
                             capture_output=True, text=True, check=True)
        solved[key] = json.loads(run.stdout)["answer"]
    return solved[key]

def written(value):
    """As a student types it."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "; ".join(" ".join(map(str, row)) for row in value)
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

wrong = 0
with open("filled.jsonl", "w") as out:
    for i, line in enumerate(lines):
        student, right = i // 8, solve(line["id"], line["params"])
        for name in line["answer"]:
            line["answer"][name] = written(right[name]) if student % 2 else right[name]
        if line["id"] == "pp.q10" and student % 4 == 0: # transposed
            line["answer"]["value"] = [list(row) for row in zip(*right["value"])]
            wrong += 1
        if line["id"] == "pp.q01" and student % 5 == 0:
            line["answer"]["value"] = None
            wrong += 1
        if line["id"] == "pp.q30b":
            line["answer"]["words"] = "sums, of many; student %d" % student
            if student % 3 == 0:
                line["answer"]["scaled"] = "little" if right["scaled"] != "little" else "most"
                wrong += 1
        line["class"] = "2B"
        print(json.dumps(line), file=out)
open("wrong.txt", "w").write(str(wrong))
END

# ---- marked: verdicts with the slips, and the table for the spreadsheet ----

"$program" workbook mark filled.jsonl --csv result.csv >verdicts.jsonl 2>err
[ $? -eq 1 ] || fail "mark: expected exit code 1"
python3 - <<'END' || fail "verdicts of the class"
import csv, json

verdicts = [json.loads(line) for line in open("verdicts.jsonl")]
rows = list(csv.DictReader(open("result.csv", newline="", encoding="utf-8")))
wrong = int(open("wrong.txt").read())
assert len(verdicts) == len(rows) == 320
assert sum(not v["ok"] for v in verdicts) == wrong, (wrong, [v for v in verdicts if not v["ok"]][:3])
for v, r in zip(verdicts, rows):
    assert (v["student"], v["id"], v["class"]) == (r["student"], r["id"], "2B") and r["ok"] == str(v["ok"]).lower()
assert rows[0]["student"] == "Zoë Müller"
turned = [v for v in verdicts if v["id"] == "pp.q10" and not v["ok"]]
assert turned and all("transposed" in v["fields"]["value"]["slip"] for v in turned)
words = [r for r in rows if r["id"] == "pp.q30b"]
assert all("words: sums, of many; student" in r["fields"] for r in words)
assert any("scaled: wrong" in r["fields"] for r in words) and any(r["ok"] == "true" for r in words)
assert len({json.dumps(json.loads(line)["params"]) for line in open("filled.jsonl") if '"pp.q06"' in line}) > 30
END
grep -q "answers are right" err || fail "mark: expected how many are right"

# ---- slips of the pen: named, and the lines around them are marked all the same ----

head -n 2 filled.jsonl | sed '1s/"answer"/"anwser"/' >pen.jsonl
"$program" workbook mark pen.jsonl >verdicts.jsonl 2>err
[ $? -eq 3 ] || fail "mark: expected exit code 3"
grep -q 'did you mean \\"answer\\"' verdicts.jsonl || fail "mark: the near name is not given"
[ "$(wc -l <verdicts.jsonl)" -eq 2 ] || fail "mark: expected a verdict for each line"

# ---- the teacher's own copies: answers, the experiment run, the key points ----

allow workbook set pp.q10 pp.q30b --students 2 --seed 11 --answers --out keys --as html
grep -q 'a saturated softmax' keys/student-01.answers.html || fail "set --answers: expected the key points"
grep -q 'ln 32' keys/student-01.answers.html || fail "set --answers: expected what came out"

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
