#!/bin/sh
# SPDX-License-Identifier: MIT
# test_start.sh PROGRAM: heed train that starts from other models: what comes out opens, and what does not fit is named.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
HEED_CACHE=$folder/cache
export HEED_CACHE
size="--n-layers 1 --d-model 16 --context-length 16"
few="--batch-size 4 --threads 1 --corpus-bytes 20000 --steps 2 --quiet"

. "$here/functions.sh"

: >input
: >err
allow train $size $few --out base
mkdir -p cache/models/somebody llama
cp -r base cache/models/somebody/base

# ---- from a checkpoint ----

allow train --from base $few --out fine --dropout 0.1 --context-length 8
allow generate fine --prompt Once --max-tokens 5 --threads 1
cmp -s base/tokenizer.json fine/tokenizer.json || fail "--from: expected the checkpoint's tokenizer"
allow train --from somebody/base $few --out named
grep -q "cache/models/somebody/base" named/trainer.json || fail "--from NAME: expected the folder of the pulled model"
allow train --resume named --quiet
echo '{"from": "base", "dropout": 0.2}' >from.json
allow train --config from.json $few --out configured
grep -q '"dropout": 0.2' configured/trainer.json || fail "--config with from: expected its dropout"
for dtype in bf16 int8; do
    allow convert base base-$dtype --dtype $dtype
    allow train --from base-$dtype $few --out fine-$dtype
    allow generate fine-$dtype --prompt Once --max-tokens 5 --threads 1
done

# the rate of fresh weights is said to be none for a model that knows something, and a rate of one's own is not
for way in "" "--learning-rate 0.001" "--optimizer sgd" "--warmup-steps 100"; do
    allow train --from base ${few% --quiet} --warmup-steps 0 --sample-tokens 0 $way --out rates
    said=$(grep -c '^rates .*0.003 suits fresh weights.*1e-5 to 1e-4 for GPT-2' err)
    [ "$said" -eq "$([ -z "$way" ] && echo 1 || echo 0)" ] || fail "--from base $way: expected another word on the rate"
    rm -r rates
done

# a run that is kept nowhere has no configuration of its own, whatever lies here
echo '{}' >config.json
allow train --from base $few --range-test --range-steps 20
rm config.json

refuse 3 'nowhere' train --from nowhere --out o
refuse 2 'n_layers: the checkpoint' train --from base --n-layers 2 --out o
refuse 2 'has positions for 16 tokens, got 32' train --from base --context-length 32 --out o
refuse 2 '--preset cannot be given' train --from base --preset gpt --out o
refuse 2 'takes the tokenizer from the checkpoint' train --from base --tokenizer words --out o
refuse 2 'init_embeddings: a run from a checkpoint' train --from base --init-embeddings base --out o
refuse 2 '--resume takes text and settings' train --resume fine --from base
echo '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16}' >llama/config.json
refuse 3 'llama' train --from llama --out o
refuse 3 'llama' train --distill llama --out o
rm -r fine-int8
mkdir bare && cp base/config.json base/model.safetensors bare
refuse 2 'the model has no tokenizer' train --from bare --out o
absent o

# ---- embeddings ----

allow train --init-embeddings base --init-positions $size --n-heads 1 $few --out warm
refuse 2 'are 16 wide, those of this model 32' train --init-embeddings base $few --d-model 32 --out o
refuse 2 'has no tokenizer' train --init-embeddings bare $size $few --out o
refuse 2 'init_positions: expected init_embeddings' train --init-positions true $few --out o
absent o

# ---- a teacher ----

allow train --distill base --n-layers 1 --n-heads 1 --d-model 12 --context-length 16 $few --out student
grep -q '"kl": [0-9.]*, "val_kl": [0-9.]*}' student/log.jsonl || fail "--distill: expected kl and val_kl in the log"
allow generate student --prompt Once --max-tokens 5 --threads 1
allow train --distill base --n-layers 1 --n-heads 1 --d-model 12 --context-length 16 $few --out told --json
grep -q '"validation_kl": [0-9.]*' out || fail "--distill --json: expected validation_kl"
refuse 2 'has another tokenizer' train --distill base --tokenizer words $size $few --out o
refuse 2 'has positions for 16 tokens, got 64' train --distill base $few --out o
refuse 2 'temperature: expected a number from 0.01' train --distill base --temperature 0 --out o
refuse 2 'distill_weight: expected a number from 0 to 1' train --distill base --distill-weight 2 --out o
rm -r base
refuse 3 'base' train --resume student
allow train --resume warm --quiet
absent o

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
