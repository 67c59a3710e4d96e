#!/bin/sh
# SPDX-License-Identifier: MIT
# One layer of attention under a very large vocabulary: the 200,019 tokens of o200k_base over d_model 256. Head and embedding
# are 102.4 of its 102.7 million parameters; with context 256 and batch 32 its logits alone would take 6.6 GB, which heed
# never stores. The first loss is ln 200019 = 12.21 and a little.
#
#     examples/recipes/large-vocabulary.sh --full TEXT TOKENIZER     five epochs, with a rate from a range test; an hour
#     examples/recipes/large-vocabulary.sh [TEXT]                    8192 byte pairs of its own, a minute or two
#
# TOKENIZER is a tokenizer.json or an o200k_base.tiktoken. HEED names the program (build/heed), OUT a folder that is kept.
set -eu
. "$(dirname "$0")/common.sh"

if [ $full = yes ]; then
    [ $# -eq 2 ] || { echo "expected --full TEXT TOKENIZER"; exit 2; }
    set -- --preset m0 --tokenizer "$2" --n-heads 4 --d-model 256 --context-length 256 --batch-size 32
    length="--epochs 5"
else
    set -- --preset m0 --tokenizer bpe --tokenizer-vocab-size 8192 --n-heads 4 --d-model 64 --context-length 64 \
        --batch-size 16
    length="--steps 150"
fi
"$heed" train ${text:+"$text"} "$@" --range-test --range-steps 60 --json --quiet >"$out/range.json"
rate=$(value suggestion "$out/range.json")
echo "the range test suggests $rate"
"$heed" train ${text:+"$text"} "$@" $length --learning-rate "$rate" --eval-interval 50 --out "$out/large"
