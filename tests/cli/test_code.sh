#!/bin/sh
# SPDX-License-Identifier: MIT
# test_code.sh PROGRAM: exercises that a program of the learner's answers, and what such a program may do.
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
unset COLUMNS CFLAGS

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
    [ "$code" -eq "$want" ] || { fail "heed $*: expected exit code $want, got $code"; sed 's/^/    > /' out; }
}

# expect_words WORDS: what was printed has them, wherever its lines are broken.
expect_words()
{
    tr '\n' ' ' <out | tr -s ' ' | grep -q -e "$1" || { fail "expected \"$1\""; sed 's/^/    > /' out; }
}

said()
{
    [ -z "$1" ] || grep -q -e "$1" err || fail "expected to hear \"$1\""
}

# runs CODE WORDS COMMAND: the command is run once in mask/, and heed ends with CODE and says WORDS.
limit=20
runs()
{
    end "$1" workbook watch mask --once --time-limit $limit --run "$3"
    said "$2"
}

# ---- the folder ----

refuse 2 'did you mean ch12.e1' workbook start ch12.e1l
refuse 2 'asks to choose' workbook start pp.q02b
allow workbook start ch12.e11
said 'README.md says what is asked'
for file in README.md solution.c files.h exercise.json inputs/Q.txt inputs/K.txt inputs/V.txt outputs; do
    [ -e "ch12.e11/$file" ] || fail "start: no $file"
done
[ "$(head -n 1 ch12.e11/inputs/V.txt)" = '-0.4 0.9' ] || fail "start: inputs/V.txt is not V"
refuse 2 'nothing is written over' workbook start ch12.e11
mkdir kept && echo mine >kept/notes.txt
refuse 2 'nothing is written over' workbook start ch12.e11 kept
[ "$(ls kept)" = notes.txt ] || fail "start: something was written into a folder with files"
refuse 2 'in C reads text' workbook start ch12.e11 new --as npy
absent new
refuse 3 'cannot be made' workbook start ch12.e11 no/such/place
allow workbook start s5.e5.5 tensor --variant 3 --language none --as npy
[ "$(head -c 6 tensor/inputs/Q.npy | tail -c 5)" = NUMPY ] || fail "start: inputs/Q.npy is none"
allow workbook show s5.e5.5 --json
grep -q '"variant": 3' out || fail "start: variant 3 is not in force"
allow workbook start s5.e5.5 rows --language none --param 'Q=[[[1, 2]], [[3, 4]]]' --param 'K=[[[1, 0]], [[0, 1]]]' \
    --param 'V=[[[5]], [[6]]]'
printf '# shape 2 1 2\n1 2\n\n3 4\n' | cmp -s - rows/inputs/Q.txt || fail "start: inputs/Q.txt has another form"
refuse 3 'no exercise.json' workbook check kept
refuse 3 'nothing that is asked for' workbook check rows
refuse 2 'expected a COMMAND' workbook watch rows --once
echo '{"heed_code_exercise": 1, "id": "ch12.e1l", "params": {}}' >kept/exercise.json
refuse 3 'ch12.e1l' workbook check kept
echo '{"heed_code_exercise": 2' >kept/exercise.json
refuse 3 'exercise.json' workbook check kept

# ---- in C: a starting file compiles, is not right, and gets right ----

end 1 workbook watch ch12.e11 --once
expect '^wrong  weights  *row 1, column 1: nan is not right$'
said '0 of 5 parts are'
cat >attention.c <<'END'
    for (int scaled = 0; scaled < 2; scaled++)
        for (int i = 0; i < 4; i++) {
            number sum = 0, entropy = 0;
            for (int j = 0; j < 4; j++) {
                number s = 0;
                for (int k = 0; k < 16; k++)
                    s += Q[i][k] * K[j][k];
                weights[i][j] = exp(scaled ? s / SCALE : s);
                sum += weights[i][j];
            }
            row_sums[i] = output[i][0] = output[i][1] = 0;
            for (int j = 0; j < 4; j++) {
                weights[i][j] /= sum;
                row_sums[i] += weights[i][j];
                entropy -= weights[i][j] * log(weights[i][j]);
                for (int k = 0; k < 2; k++)
                    output[i][k] += weights[i][j] * V[j][k];
            }
            (scaled ? entropy_scaled : entropy_unscaled)[i] = entropy;
        }
END
cp ch12.e11/solution.c start.c
sed '/Your computation/r attention.c' start.c >ch12.e11/solution.c
CFLAGS='-DSCALE=16.0' end 1 workbook watch ch12.e11 --once
expect '^wrong  weights '
expect 'divided by head_dim'
expect '^right  entropy_unscaled$'
CFLAGS='-DSCALE=4.0' end 0 workbook watch ch12.e11 --once
expect '^ch12.e11 is right$'
end 0 workbook check ch12.e11
echo 'int main(void) { return nothing; }' >ch12.e11/solution.c
end 1 workbook watch ch12.e11 --once
said 'solution.c does not compile'
expect 'nothing'
allow workbook show ch12.e11 --json
grep -q '"right": 2, "wrong": 2' out || fail "attempts are not kept"

# ---- in C with libheed, where this build of it can be linked ----

export PKG_CONFIG_PATH="${HEED_TEST_BUILD:-.}/meson-uninstalled" LD_LIBRARY_PATH="${HEED_TEST_BUILD:-.}/src"
allow workbook start s5.e5.6b masked --language libheed
end 1 workbook watch masked --once
if grep -q 'does not compile\|ended with exit code' err; then
    echo "skipped: libheed cannot be linked here"
else
    said '0 of 2 parts are'
    expect '^wrong  output  *entry \[0, 0, 0\]: nan is not right$'
    cat >lines.c <<'END'
    heed_attention_inputs in = {.n_query = 4, .head_dim = 2, .q = &Q[0][0][0], .k = &K[0][0][0], .v = &V[0][0][0], .mask.causal = CAUSAL};
    heed_attention_results want = {.out = &output[0][0][0], .weights = &weights[0][0][0]};
    if (heed_attention_run(&in, &want, NULL) != HEED_OK)
        return 1;
END
    cp masked/solution.c begun.c
    sed '/Your computation/r lines.c' begun.c >masked/solution.c
    CFLAGS=-DCAUSAL=false end 1 workbook watch masked --once
    expect_words 'mask'
    CFLAGS=-DCAUSAL=true end 0 workbook watch masked --once
    expect '^s5.e5.6b is right$'
fi
unset PKG_CONFIG_PATH LD_LIBRARY_PATH

# ---- in Python without NumPy, arrays of three axes ----

rm -r rows
allow workbook start s5.e5.5 rows --language none --variant 0
cat >rows/attention.py <<'END'
import math, sys
def read(name):
    lines = open("inputs/" + name + ".txt").read().split("\n")
    n, rows, columns = [int(x) for x in lines[0].split()[2:]]
    x = [[float(v) for v in line.split()] for line in lines[1:] if line.strip()]
    return [x[i * rows:(i + 1) * rows] for i in range(n)]
def write(name, x):
    with open("outputs/" + name + ".txt", "w") as f:
        f.write("# shape %d %d %d\n" % (len(x), len(x[0]), len(x[0][0])))
        for m in x:
            for row in m:
                f.write(" ".join(repr(v) for v in row) + "\n")
Q, K, V = read("Q"), read("K"), read("V")
d = len(Q[0][0]) if "wrong" not in sys.argv else 1
weights = []
for q, k in zip(Q, K):
    e = [[math.exp(sum(a * b for a, b in zip(i, j)) / d ** 0.5) for j in k] for i in q]
    weights.append([[v / sum(row) for v in row] for row in e])
write("weights", weights)
write("output", [[[sum(w * v[c] for w, v in zip(row, vs)) for c in range(len(vs[0]))] for row in ws]
                 for ws, vs in zip(weights, V)])
open("outputs/shape.txt", "w").write("%d %d %d\n" % (len(Q), len(Q[0]), len(V[0][0])))
END
end 0 workbook watch rows --once --run 'python3 attention.py'
end 1 workbook watch rows --once --run 'python3 attention.py wrong'
expect_words 'not to be divided by'
for bad in '# shape 2 2 2\n1 2 3 4 5|its shape has 8 numbers, the file has 5' '1 2\n3 4|expected "# shape"' \
    '# shape 2 2 2\n|expected rows of numbers' '[[[1, 2]|outputs/output.txt: output: expected nested lists' \
    '# shape 2 0 2\n1 2|expected "# shape"' '[[[1, 2], [3, 4]]]|expected 2 rows, got 1'; do
    end 1 workbook watch rows --once --run "printf '${bad%|*}' >outputs/output.txt"
    expect_words "$(echo "${bad#*|}" | sed 's/\[/\\[/g')"
done
end 1 workbook watch rows --once --json --run 'python3 attention.py wrong'
python3 - out <<'END' || fail "watch --json"
import json, sys
v = json.load(open(sys.argv[1]))
assert not v["ok"] and v["fields"]["shape"]["ok"] and "divided" in v["fields"]["weights"]["slip"], v
END

# ---- the numbers of a split into heads, right and split as one should not ----

allow workbook start ch12.e14 split --language none --param seq_len=5 --param d=12 --param n_heads=3
cat >split/split.py <<'END'
import math, sys
how = sys.argv[1]
T, d, H = [int(open("inputs/%s.txt" % n).read()) for n in ("seq_len", "d", "n_heads")]
Q, K, V = [[[float(v) for v in line.split()] for line in open("inputs/%s.txt" % n)] for n in "QKV"]
h = d // H
def flat(x):
    return [v for y in x for v in flat(y)] if isinstance(x, list) else [x]
def write(name, x):
    shape, y = [], x
    while isinstance(y, list):
        shape.append(len(y))
        y = y[0]
    with open("outputs/" + name + ".txt", "w") as f:
        f.write("# shape " + " ".join(map(str, shape)) + "\n" if len(shape) > 2 else "")
        rows = flat(x)
        for i in range(0, len(rows), shape[-1]):
            f.write(" ".join(map(repr, rows[i:i + shape[-1]])) + "\n")
def cut(row):
    return [row[i * h:(i + 1) * h] for i in range(H)] if how != "split" else [row[i * H:(i + 1) * H] for i in range(h)]
def heads(x):
    if how == "split":
        return [[[row[m * H + i] for m in range(h)] for row in x] for i in range(H)]
    cuts = [cut(row) for row in x]
    return cuts if how == "swap" else [[c[i] for c in cuts] for i in range(H)]
q, k, v = heads(Q), heads(K), heads(V)
root = h ** 0.5 if how != "scale" else 1
scores = [[[sum(a * b for a, b in zip(i, j)) / root for j in kk] for i in qq] for qq, kk in zip(q, k)]
def soft(row):
    e = [math.exp(s - max(row)) for s in row]
    return [x / sum(e) for x in e]
context = [[[sum(w * vv[j][m] for j, w in enumerate(soft(row))) for m in range(h)] for row in s] for s, vv in zip(scores, v)]
write("split", [cut(row) for row in Q])
write("qkv", [q, k, v])
write("scores", scores)
write("context", context)
if how == "swap":
    write("output", [flat(c) for c in context])
else:
    write("output", [[context[i][t][m] for i in range(H) for m in range(h)] for t in range(T)])
END
end 0 workbook watch split --once --run 'python3 split.py right'
end 1 workbook watch split --once --run 'python3 split.py swap'
expect '^right  split$'
expect_words 'qkv .*the axes of heads and positions seem not to be swapped'
end 1 workbook watch split --once --run 'python3 split.py split'
expect_words 'split .*head_dim parts of n_heads numbers'
end 1 workbook watch split --once --run 'python3 split.py scale'
expect_words 'scores .*not to be divided by'
refuse 2 'expected' workbook start ch12.e14 large --param seq_len=1024 --param d=4096
absent large

# ---- .npy, and a list of a matrix's numbers, by a program in Python alone ----

allow workbook start s5.e5.6a mask --language none --as npy
cat >mask/mask.py <<'END'
import struct, sys
how = sys.argv[1]
n = struct.unpack("<q", open("inputs/seq_len.npy", "rb").read()[-8:])[0]
inf = float("-inf")
x = [0.0 if (j <= i if how != "turned" else i <= j) else inf for i in range(n) for j in range(n)]
def npy(shape, descr, data):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    open("outputs/mask.npy", "wb").write(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + data)
if how == "flat":
    npy((n * n,), "<f8", struct.pack("<%dd" % (n * n), *x))
elif how == "strange":
    npy((n, n), "|O", b"")
elif how == "claims":
    npy((1 << 40, 0), "<f8", b"")
elif how == "more":
    npy((1 << 20, 1 << 20), "<f8", b"")
else:
    npy((n, n), "<f8", struct.pack("<%dd" % (n * n), *x))
END
runs 0 '' 'python3 mask.py right'
runs 1 'is not right' 'python3 mask.py turned'
expect 'transposed'
runs 1 'is not right' 'python3 mask.py flat'
expect 'expected 5 rows, got 25'
runs 1 'is not right' 'python3 mask.py strange'
expect 'of type <f4'
runs 1 'is not right' 'python3 mask.py claims'
expect 'the array is empty'
runs 1 'is not right' 'python3 mask.py more'
expect 'the file has 0 bytes'

# ---- outputs that are none ----

ok='0 -inf -inf -inf -inf\n0 0 -inf -inf -inf\n0 0 0 -inf -inf\n0 0 0 0 -inf\n0 0 0 0 0\n'
runs 0 '' "printf '$ok' >outputs/mask.txt"
runs 0 '' "printf '# a comment\r\n$ok' >outputs/mask.txt"
runs 1 'not right' "printf '$ok' | sed 's/-inf/nan/' >outputs/mask.txt"
expect 'row 1, column 2: nan is not right'
runs 1 'not right' "printf '0 0\n0\n' >outputs/mask.txt"
expect_words 'outputs/mask.txt: mask, row 2: expected 2 numbers as in row 1, got 1'
runs 1 'not right' "printf '0 0\n0 0\n' >outputs/mask.txt"
expect 'expected 5 rows, got 2'
runs 1 'not right' "printf 'Traceback\n' >outputs/mask.txt"
expect_words 'row 1, column 1: expected a number, got "Traceback"'
runs 1 'not right' ': >outputs/mask.txt'
expect 'the file is empty'
runs 1 'not right' 'head -c 100 /dev/zero >outputs/mask.txt'
expect 'expected a text'
runs 1 'not right' 'yes "0 0 0 0 0" | head -n 900000 >outputs/mask.txt'
expect 'at most'
runs 1 'not right' 'yes "0 0 0 0 0" | head -n 100000 >outputs/mask.txt'
expect 'expected 5 rows, got 100000'
runs 1 'not right' 'ln -s /etc/passwd outputs/mask.txt'
expect 'expected a file, got a link'
runs 1 'not right' 'mkfifo outputs/mask.txt'
expect_words 'a pipe or a device'
runs 3 'nothing that is asked for' ':'
runs 3 'did you mean mask.txt' "printf '$ok' >outputs/masks.txt"
runs 0 '' "printf '$ok' >outputs/mask.txt"
expect 'outputs/masks.txt is not asked for'
runs 1 'not right' "printf '$ok' >outputs/mask.txt; cp outputs/mask.txt outputs/mask.npy"
expect 'expected one of them'
rm mask/outputs/*
runs 3 'nothing that is asked for' 'mkdir -p outputs/mask.d'
runs 1 'not right' 'mkdir outputs/mask.txt'
expect 'got a folder'
runs 3 'cannot be taken away' ':'
rmdir mask/outputs/mask.txt
runs 3 'outputs: expected a folder: it is a link' 'mv outputs kept; ln -s /tmp outputs'
rm mask/outputs && mv mask/kept mask/outputs
runs 0 '' "rm -r inputs/seq_len.npy; printf '$ok' >outputs/mask.txt"
runs 0 '' "printf '$ok' >outputs/mask.txt"
expect 'inputs/ was not as it was written'

# ---- programs that do badly ----

limit=0.5
runs 1 'ran longer than 0.5 s, and was ended' 'while :; do :; done'
runs 1 'ran longer than 0.5 s, and was ended' "trap '' TERM INT HUP; sleep 100.25 & sleep 100.25"
runs 1 'ran longer than 0.5 s, and was ended' 'setsid sleep 100.25 & (setsid setsid sleep 100.25 &) ; while :; do sleep 1; done'
limit=20
runs 0 '' "setsid sleep 100.25 & sleep 100.25 & printf '$ok' >outputs/mask.txt"
cat >mask/bomb.c <<'END'
#include <unistd.h>
int main(void)
{
    for (int i = 0; i < MANY; i++)
        if (fork() == 0) {
            setsid();
            if (fork() == 0)
                setsid();
            if (MANY > 1000)
                for (;;)
                    pause();
            execl("/bin/sleep", "sleep", "100.25", (char *)0);
        }
    for (;;)
        pause();
}
END
${CC:-cc} -DMANY=100 -o mask/build/bomb mask/bomb.c || fail "the compiler"
${CC:-cc} -DMANY=1500 -o mask/build/swarm mask/bomb.c || fail "the compiler"
limit=0.5
runs 1 'ran longer than 0.5 s, and was ended' './build/bomb'
# for root there are no limits to processes; for others there are, and the program finds out that it can have no more
runs 1 '\(started more than 2000 processes\|ran longer than 0.5 s\), and was ended' './build/swarm'
left=$(grep -lsz '^100\.25$' /proc/[0-9]*/cmdline 2>/dev/null | wc -l)
[ "$left" -eq 0 ] || fail "$left processes were left behind"
limit=20
runs 1 'crashed: it used memory that is not its own' 'kill -SEGV $$'
runs 1 'crashed: it gave up' 'sh -c "kill -ABRT \$\$"; exit $?'
runs 1 'ended with exit code 3' 'echo words; exit 3'
expect '^  | words$'
runs 1 'exit code 127: perhaps there is no such command' 'no-such-command'
runs 1 'printed more than 64 MiB, and was ended' 'yes'
[ "$(wc -c <out)" -lt 10000 ] || fail "too much of what was printed is shown"
runs 1 'ended with exit code 1' "printf 'a\033]0;evil\007b\0c\377\n'; exit 1"
expect '^  | a\\x1B\]0;evil\\x07b\\x00c\\xFF$'
runs 1 'ended with exit code 9' 'head -c 200000 /dev/urandom; exit 9'
[ "$(wc -c <out)" -lt 20000 ] || fail "too much of what was printed is shown"
LC_ALL=C grep -q "$(printf '\033')" out && fail "an escape reached the terminal"
runs 1 'wrote a file of more than 64 MiB' 'exec head -c 100000000 /dev/zero >outputs/mask.txt'
runs 1 'exit code' 'exec python3 -c "x = bytearray(5 << 30)"'
expect 'MemoryError'
runs 1 'ended with exit code 1' 'read line </dev/tty || exit 1'
runs 1 'ended with exit code 7' 'read line && exit 8; exit 7'

# ---- writing elsewhere, and the process that looks on ----

if "$program" workbook watch mask --once --run : 2>&1 | grep -q 'no Landlock'; then
    echo "skipped: this kernel has no Landlock"
else
    runs 1 'it may write in its folder alone' "echo x >../outside.txt || { echo 'Permission denied'; exit 1; }"
    absent outside.txt
    runs 1 'exit code' 'mv mask.py ..'
    runs 1 'exit code' 'rm ../start.c'
    [ -e start.c ] && [ -e mask/mask.py ] || fail "a program changed files outside of its folder"
    runs 0 '' "ln -s ../start.c link; echo x >link; (: >\"\$HEED_WORKBOOK\"); printf '$ok' >outputs/mask.txt"
    [ "$(wc -l <start.c)" -gt 5 ] || fail "a program wrote through a link"
    # a program that is not a command of the learner's cannot touch what it stands beside
    cat >ch12.e11/solution.c <<'END'
#include <stdio.h>
int main(void) { return remove("inputs/Q.txt") == 0 || fopen("solution.c", "w") != NULL || fopen("outputs/x", "w") == NULL; }
END
    end 3 workbook watch ch12.e11 --once
    said 'nothing that is asked for'
    [ -s ch12.e11/solution.c ] || fail "a program wrote over its source"
fi
runs 1 '\(ended the process\|ended with exit code\|ran longer\)' 'kill -9 $PPID; exit 5'
allow workbook list
expect ' answered right'
python3 -c 'import json; json.load(open("book/workbook.json"))' || fail "the notebook is damaged"

# ---- waiting for saves ----

printf '%b' "$ok" >right.txt
cp right.txt mask/right.txt
"$program" workbook watch mask --run 'cp right.txt outputs/mask.txt' <input >seen 2>err &
watcher=$!
# seen_times N WORDS: until N lines of what the watch printed have WORDS.
seen_times()
{
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; do
        [ "$(grep -c -e "$2" seen)" -ge "$1" ] && return
        sleep 0.25
    done
    fail "watch: expected $1 times \"$2\""
    sed 's/^/    > /' seen
}
seen_times 1 's5.e5.6a is right'
echo 0 >mask/right.txt
seen_times 1 'not right yet'
cp right.txt mask/.right.tmp && mv mask/.right.tmp mask/right.txt
seen_times 2 's5.e5.6a is right'
kill -TERM $watcher # in the background a shell has its children ignore Ctrl-C
wait $watcher
code=$?
[ $code -eq 0 ] || fail "watch: expected exit code 0 after SIGTERM, got $code"
[ "$(grep -c -e ' cp right' seen)" -eq 3 ] || fail "watch: expected a verdict for each save, and no more"

[ "$failures" -eq 0 ]
