#!/bin/sh
# SPDX-License-Identifier: MIT
# test_shapes.sh PROGRAM: what heed shapes and the accounting of heed info print.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
gpt2=$here/../vectors/gpt2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

. "$here/functions.sh"

: >input
: >err

expect()
{
    grep -q "$1" out || fail "expected a line with \"$1\""
}

# ---- shapes ----

refuse 2 'expected one of them' shapes --symbolic --real
refuse 2 'did you mean blocks.0.attn.scores?' shapes --filter attn.scors
refuse 2 'got both' shapes "$gpt2" --d-model 4
refuse 2 'the model has no row for position 64' shapes --length 65
refuse 2 'did you mean "--filter"?' shapes --fliter x

refuse 2 'expected one of them' shapes --heads --training
refuse 2 'expected one of them' shapes --cache --training
refuse 2 'at most the 64 tokens' shapes --cache --length 65 --positions rotary
refuse 2 'precision: expected --training' shapes --precision bf16
refuse 2 'has no heads' shapes --heads --preset bigram

allow shapes --heads --d-model 8 --n-heads 2 --length 3
expect '^swapped  *\[B, T, H, d/H\]  *\[1, 3, 2, 4\]  *96 bytes$'
allow shapes --cache --batch-size 4
expect '^attn.k_cache  *\[B, H, C, d/H\]  *\[4, 4, 64, 32\]'
expect '^attn.q  *\[B, H, T, d/H\]  *\[4, 4, 1, 32\]'
allow shapes --preset m0 --vocab-size 200019 --batch-size 32
expect '^logits  *\[B, T, V\]  *\[32, 256, 200019\]  *6.55 GB$'
expect '^attn.scores  *\[B, H, T, T\]  *\[32, 4, 256, 256\]  *33.6 MB$'
allow shapes "$gpt2" --symbolic --filter hook_q
expect '^attn.q  *\[B, H, T, d/H\]'
! grep -q 'blocks.0 … blocks.1.*\[1,' out || fail "shapes --symbolic: expected no numbers"
allow shapes --n-heads 8 --n-kv-heads 2 --filter k
expect '^attn.k  *\[B, K, T, d/H\]  *\[1, 2, 64, 16\]'
! grep -q '^attn.q\|^embed' out || fail "shapes --filter k: expected what is called k alone"
allow shapes --n-heads 8 --n-kv-heads 2 --training --n-layers 3
expect '^attn.qkv  *\[B, T, (H + 2K)d/H\]  *\[1, 64, 192\]'
expect '^blocks.0 … blocks.2, each like this$'
expect '^d.attn.c_attn.weight  *\[d, (H + 2K)d/H\]'
# a column is a character here
[ "$(sed -e 's/…/./g' out | awk 'length > 80' | wc -l)" -eq 0 ] || fail "shapes: expected at most 80 columns"
allow shapes --json --training
python3 - out <<'END' || fail "shapes --json: expected one object that holds together"
import json, sys
found = json.load(open(sys.argv[1]))
by_name = {t["name"]: t for t in found["tensors"]}
q = by_name["blocks.0.attn.q"]
assert q["symbolic"] == ["B", "H", "T", "d/H"] and q["shape"] == [1, 4, 64, 32], q
assert q["memory_of"] == "blocks.0.attn.qkv" and q["view"] and not q["contiguous"], q
assert "blocks.0.attn.hook_q" in q["also"], q
END

# ---- accounts ----

refuse 2 'length: expected --memory, --flops, --generation or --measure' info --length 8
refuse 2 'micro_batch: expected a divisor of the batch_size 12, got 5' info --memory --micro-batch 5
refuse 4 'a training step of this model needs' info --measure --batch-size 60000 --context-length 4096
allow info --n-layers 2 --memory --flops --generation --measure
expect '^all  *[0-9.]* MB$'
expect '^At most .* of the arena are in use: at moment [0-9]* of [0-9]*, '
expect '^--recompute blocks '
expect '^linear_backward_weight  *8 '
expect '^blocks.0 '
expect 'of keys and values a token'
expect ' peak  *[0-9.]* MB: '
[ "$(sed 's/[^ -~]/./g' out | sed 's/\.\.\././g' | awk 'length > 100' | wc -l)" -eq 0 ] || fail "info: expected lines of 100 columns"
allow info "$gpt2" --memory --flops --generation --measure --batch-size 2 --json
python3 - out <<'END' || fail "info --json: expected accounts that add up"
import json, sys
found = json.load(open(sys.argv[1]))
memory, training = found["step_memory"], found["training"]
assert memory["arena_bytes"] == training["arena_bytes"], memory["arena_bytes"]
assert max(m["bytes"] for m in memory["moments"]) == memory["peak_bytes"]
stages = ["forward", "backward", "norm", "update"]
for rows in found["flops_by_op"], found["flops_by_part"]:
    assert sum(r[s] for r in rows for s in stages) == training["flops"]
assert sum(c["parameters"] for c in memory["components"]) == found["parameters"]
assert found["measured"].get("allocations", 0) == 0, found["measured"]
END

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
