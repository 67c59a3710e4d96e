#!/bin/sh
# SPDX-License-Identifier: MIT
# test_ranks.sh PROGRAM: heed train under mpirun. Whatever fails at one rank ends all of them with its sentence and its exit
# code; one that waits for ever is ended by timeout, whose exit code no case expects.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v mpirun >/dev/null 2>&1 && mpirun --version 2>/dev/null | grep -q 'Open MPI' ||
    { echo "skipped: there is no mpirun of Open MPI"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
HEED_CACHE=$folder/cache
OMPI_ALLOW_RUN_AS_ROOT=1
OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1
OMPI_MCA_hwloc_base_binding_policy=none
OMPI_MCA_btl=self,vader # through shared memory, without looking for networks
OMPI_MCA_pml=ob1
OMPI_MCA_mpi_yield_when_idle=1
LSAN_OPTIONS=detect_leaks=0 # MPI keeps some memory to its end
export HEED_CACHE OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe
export OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_btl OMPI_MCA_pml OMPI_MCA_mpi_yield_when_idle LSAN_OPTIONS

. "$here/functions.sh"

for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    echo "line $i: the fox and the hen went over the hill to see the $i ships"
done >a.txt
sed 's/fox/cat/' a.txt >b.txt      # of the same length
sed 's/fox/elephant/' a.txt >c.txt # of another one
size="--n-layers 1 --n-heads 2 --d-model 16 --context-length 16 --batch-size 4 --threads 1 --sample-tokens 0"
few="$size --steps 3 --quiet"

# ranks CODE WORDS LINE...: mpirun with that line ends with CODE, and rank 0 says one sentence with WORDS ("": none at all).
# In the line, heed is the program.
ranks()
{
    want=$1 words=$2
    shift 2
    line=$(echo "$*" | sed "s|heed|$program|g")
    # shellcheck disable=SC2086
    timeout -k 2 20 mpirun -q $line </dev/null >out 2>err
    code=$?
    [ "$code" -eq "$want" ] || fail "$*: expected exit code $want, got $code"
    said=$(grep -c '^heed: ' err)
    if [ -z "$words" ]; then
        [ "$said" -eq 0 ] || fail "$*: expected no word"
        return
    fi
    [ "$said" -eq 1 ] || fail "$*: expected one sentence, got $said"
    grep -q "^heed: .*$words" err || fail "$*: expected \"heed: ...$words...\""
    [ ! -s out ] || fail "$*: something was printed"
}

# ---- the first rank speaks ----

ranks 0 '' -n 2 heed train a.txt $few --out tokens --token-file-bytes 100 --json
[ "$(wc -l <out)" -eq 1 ] || fail "--json: expected one object from both ranks"
ranks 0 '' -n 1 heed train a.txt $few --out two : -n 1 heed train --help
absent two
ranks 0 '' -n 2 heed train --resume tokens --quiet
[ ! -s out ] || fail "--resume: something was printed"

# ---- what fails at one rank, or at one before the others ----

ranks 2 'there is a model already' -n 2 heed train a.txt $few --out tokens --token-file-bytes 100
ranks 3 'rank 1: .*away.txt' -n 1 heed train a.txt $few --out o --token-file-bytes 100 \
    : -n 1 heed train away.txt $few --out o --token-file-bytes 100
ranks 3 'rank 1: .*away' -n 1 heed train a.txt $few --out o : -n 1 heed train a.txt $few --out o --config away.json
ranks 3 'rank 1: .*away' -n 1 heed train a.txt $few --out o : -n 1 heed train a.txt $few --out o --from away
ranks 2 'rank 1: .*--stepz' -n 1 heed train a.txt $few --out o : -n 1 heed train a.txt $few --out o --stepz 3
ranks 3 'away: expected the folder' -n 2 heed train --resume away --quiet

ranks 2 'stats: expected a single process' -n 2 heed train a.txt $few --out o --stats
echo '{"group_interval": 2}' >looks.json
ranks 2 'group_interval: expected a single process' -n 2 heed train a.txt $few --out o --config looks.json
ranks 2 'group_interval: expected a single process' -n 2 heed train a.txt $few --out o --group-interval 2
ranks 2 'tokens: there is a training run already' -n 1 heed train a.txt $few --out tokens --range-test \
    : -n 1 heed train a.txt $few --range-test

# ---- what ranks must have in common ----

ranks 2 'rank 1 has another text than rank 0' -n 1 heed train a.txt $few --out o : -n 1 heed train b.txt $few --out o
ranks 2 'rank 1 has another text than rank 0' -n 1 heed train a.txt $few --out o : -n 1 heed train c.txt $few --out o
ranks 2 'rank 1 has another learning_rate' -n 1 heed train a.txt $few --out o \
    : -n 1 heed train a.txt $few --out o --learning-rate 0.1
ranks 2 'rank 1 has another ' -n 1 heed train --resume tokens --quiet : -n 1 heed train a.txt $few --out o
ranks 2 'rank 1 has another steps' -n 1 heed train --resume tokens --quiet --steps 99 : -n 1 heed train --resume tokens --quiet
ranks 2 'rank 1 has another steps' -n 1 heed train --resume tokens --quiet --steps 99 \
    : -n 1 heed train --resume tokens --quiet --steps 98
ranks 0 '' -n 2 heed train --resume tokens --quiet --steps 30
[ "$(tail -1 tokens/log.jsonl | grep -o '"step": [0-9]*')" = '"step": 30' ] || fail "two ranks, --steps: expected 30 steps"
ranks 0 '' -n 1 heed train a.txt $few --batch-size 6 --micro-batch 2 --out parts
ranks 0 '' -n 2 heed train --resume parts --quiet --steps 5 # three windows each, in parts of one
[ "$(wc -l <parts/log.jsonl)" -eq 5 ] || fail "two ranks, three windows each: expected 5 steps"
ranks 2 'micro_batch: expected a divisor' -n 2 heed train a.txt $few --batch-size 6 --micro-batch 2 --out o
ranks 2 'rank 1: the range test has other' -n 1 heed train a.txt $few --range-test \
    : -n 1 heed train a.txt $few --range-test --range-steps 30
ranks 2 'rank 1 has another kind of run' -n 1 heed train a.txt $few --out o \
    : -n 1 heed train a.txt $few --out o --range-test
absent o

# ---- one process under mpirun is stopped as several are ----

mpirun -q --timeout 30 -n 1 "$program" train a.txt $size --quiet --steps 100000000 --eval-interval 0 --out long \
    </dev/null >out 2>err &
for i in $(seq 100); do
    [ -s long/log.jsonl ] && break
    sleep 0.1
done
kill -USR1 $! # mpirun hands it on
wait $!
code=$?
[ "$code" -eq 5 ] || fail "mpirun -n 1 and kill -USR1: expected exit code 5, got $code"
[ -s long/model.safetensors ] || fail "mpirun -n 1 and kill -USR1: expected a checkpoint"

# ---- several are stopped by mpirun, or at one of them: all after the same step, and the run goes on ----

# two ARGUMENT...: two ranks of heed train, in the background; each writes down which process it is
two()
{
    rm -f process.*
    # shellcheck disable=SC2016
    mpirun -q --timeout 60 -n 2 sh -c 'echo $$ >process.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' "$program" train "$@" \
        </dev/null >out 2>err &
    mpirun=$!
}

# stop_two SIGNAL WHOM STEP: behind that step mpirun gets the signal, or rank 1; $stopped is the step they end with
stop_two()
{
    how="kill -$1 to $2"
    for i in $(seq 300); do
        [ -s both/log.jsonl ] && [ "$(wc -l <both/log.jsonl)" -gt "$3" ] && break
        sleep 0.1
    done
    if [ "$2" = mpirun ]; then
        kill "-$1" "$mpirun"
    else
        kill "-$1" "$(cat process.1)"
    fi
    wait "$mpirun"
    code=$?
    [ "$code" -eq 5 ] || fail "$how: expected exit code 5, got $code"
    [ "$(grep -c '^heed: ' err)" -eq 1 ] || fail "$how: expected one sentence"
    stopped=$(sed -n 's/^heed: stopped at step \([0-9]*\) of .* and saved; go on with: .*/\1/p' err)
    [ "${stopped:-0}" -gt "$3" ] || fail "$how: expected a step behind $3"
    [ "$(wc -l <both/log.jsonl)" -eq "${stopped:-0}" ] || fail "$how: expected $stopped lines in the log"
    grep -q "\"step\": $stopped," both/trainer.json || fail "$how: expected the checkpoint of step $stopped"
    "$program" generate both --max-tokens 3 --threads 1 >out 2>err || fail "$how: expected a model"
}

# shellcheck disable=SC2086
two a.txt $size --quiet --steps 100000000 --eval-interval 0 --out both
stop_two USR1 mpirun 0
two --resume both --quiet
stop_two TERM 'rank 1' "$stopped"

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
