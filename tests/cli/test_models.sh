#!/bin/sh
# SPDX-License-Identifier: MIT
# test_models.sh PROGRAM: models converted and verified from the command line, and what is said when that cannot be.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
gpt2=$here/../vectors/gpt2
transformers=$here/../vectors/transformers
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

. "$here/functions.sh"

: >input
: >err

# ---- convert ----

refuse 2 'expected heed convert MODEL OUT' convert "$gpt2"
refuse 2 'expected one of keep, f32, f16, bf16, int8, got "f8"' convert "$gpt2" made --dtype f8
refuse 2 'expected a size such as 500MB' convert "$gpt2" made --max-shard-size 5XB
refuse 2 'expected a size such as 500MB' convert "$gpt2" made --max-shard-size 0
refuse 2 'did you mean "--overwrite"?' convert "$gpt2" made --overwrit
refuse 3 'there is nothing of that name' convert none made
absent made
allow convert "$gpt2" made --dtype bf16 --max-shard-size 20KB
grep -q '28 tensors, 74.7 kB in 5 files' out || fail "convert: expected 5 files"
refuse 2 'the folder is not empty' convert "$gpt2" made
allow convert made made --overwrite --dtype f32 --head untied
[ ! -e made/model.safetensors.index.json ] || fail "convert --overwrite: expected the parts to be gone"
refuse 2 'there is a file' convert "$gpt2" input

# ---- verify ----

refuse 2 'expected --against FILE to compare, or --write FILE' verify "$gpt2"
refuse 2 'expected --text or --ids with --write' verify "$gpt2" --write f
refuse 2 'got "seven"' verify "$gpt2" --write f --ids 'seven'
refuse 2 'token 0: expected an id from 0 to 96' verify "$gpt2" --write f --ids 97
refuse 2 'did you mean "logits"?' verify "$gpt2" --write f --ids 1,2 --names logit
refuse 2 'no tokenizer' verify "$gpt2" --write f --text hello
absent f
allow verify "$gpt2" --against "$gpt2/expected.safetensors"
grep -q '67 compared, 67 agree, 0 differ' out || fail "verify: expected all to agree"
allow verify "$gpt2" --write mine.safetensors --ids '1 2, 3'
allow verify "$gpt2" --against mine.safetensors --atol 0 --rtol 0
"$program" verify made --against mine.safetensors --atol 1e-7 --rtol 1e-7 <input >out 2>err
[ $? -eq 1 ] || fail "verify: expected exit code 1"
grep -q '^heed: embed differs first: element \[0, 0, 0\] is -0.0466' err || fail "verify: expected the first difference"
grep -q '^embed .*differs$' out || fail "verify: expected a table"
"$program" verify made --against mine.safetensors --json <input >json 2>err
[ $? -eq 1 ] || fail "verify --json: expected exit code 1"
grep -q '"agrees": false' json || fail "verify --json: expected the verdict"
for form in sharded bf16 base_f16; do # as transformers has written them, with what it computes
    allow verify "$transformers/$form" --against "$transformers/$form/expected.safetensors"
    grep -q '7 compared, 7 agree, 0 differ, 0 passed over' out || fail "verify $form: expected all to agree"
done
for dtype in f16 bf16 int8; do # gradients of the loss are among what is compared, in single precision from these weights
    allow convert "$gpt2" narrow-$dtype --dtype $dtype
    allow verify narrow-$dtype --against "$gpt2/expected.safetensors" --atol 0.3 --rtol 0.3
    grep -q '67 compared, 67 agree' out || fail "verify $dtype: expected all to agree within 0.3"
    "$program" verify narrow-$dtype --against "$gpt2/expected.safetensors" --atol 1e-7 --rtol 0 <input >out 2>err
    [ $? -eq 1 ] || fail "verify $dtype: expected a difference"
done
refuse 3 'not a safetensors file' verify "$gpt2" --against input
refuse 3 'expected token ids' verify "$gpt2" --against "$gpt2/model.safetensors"

# ---- what does not open ----

mkdir llama pickle
echo '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}' >llama/config.json
refuse 3 'the model is a "llama" (LlamaForCausalLM)' info llama
cp "$gpt2/config.json" pickle/
echo PK >pickle/pytorch_model.bin
refuse 3 'save_pretrained(FOLDER, safe_serialization=True)' generate pickle
refuse 3 'found only pytorch_model.bin' convert pickle other
absent other

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
