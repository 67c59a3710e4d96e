#!/bin/sh
# SPDX-License-Identifier: MIT
# test_use.sh PROGRAM: what heed says when it is used wrongly, when a file is bad, and when nobody listens.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
tiny="--n-layers 1 --d-model 16 --context-length 16 --batch-size 4 --threads 1 --quiet"

. "$here/functions.sh"

: >input
: >err

# ---- words and options ----

refuse 2 'did you mean "heed train"?' trian
refuse 2 'did you mean "heed generate"?' help generat
refuse 2 'there is no command "xyzzy"' xyzzy
allow help trace attention
grep -q '^heed trace attention' out || fail "help trace attention: expected the help of trace attention"
refuse 2 'there is no command ""' ''
refuse 2 'did you mean "--n-layers"?' train --n-layrs 3
refuse 2 'did you mean "--temperature"?' generate m --temprature 1
refuse 2 'did you mean "--json"?' info --jsno
refuse 2 'did you mean "--mlp"?' train --no-mpl
refuse 2 'did you mean "--steps"?' train --no-steps
refuse 2 'has no option "-q"' train -q
refuse 2 '--steps: expected a number behind it' train --steps
refuse 2 '--out: expected DIR behind it' train --out --quiet
refuse 2 '--out: expected DIR, got an empty word' train --out ''
refuse 2 'expected --steps or --epochs, got both' train --steps 5 --epochs 2
refuse 2 'task: expected one of none, copy, reverse' train --task cop
refuse 2 'task_length: the task addition has none to choose' train --task addition --task-length 3
refuse 2 'an example of the task copy takes 18 tokens, and a window has 17' train --task copy --context-length 16
refuse 2 'epochs: a task has no end' train --task copy --epochs 2
refuse 2 'order: expected one of windows, epochs, got "random"' train --order random
refuse 2 'expected heed generate MODEL' generate
refuse 2 'expected heed eval MODEL TEXT' eval m
refuse 2 'or attention before all options, got "fast"' bench fast
refuse 2 'lengths: expected 1 to 16 numbers' bench attention --lengths 256,
refuse 2 'lengths: expected 1 to 16 numbers' bench attention --lengths 0
refuse 2 'lengths: expected 1 to 16 numbers' bench attention --lengths 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17
refuse 2 'window: expected a whole number' bench attention --window -1
refuse 2 'expected one of f32, bf16' bench attention --dtype f16
refuse 2 'expected a preset' train --preset gpt9
refuse 2 'expected one of pre, post, none' train --norm middle
refuse 2 'expected true or false' train --mlp=maybe
refuse 2 "a model's folder or a configuration, got both" info . --d-model 4

# needs WORDS SETTING...: it does nothing as it stands, and is refused before anything is read
needs()
{
    words=$1
    shift
    refuse 2 "$words" train "$@" --out o
}
for setting in "temperature 2" "distill-weight 1"; do
    needs "expected --distill beside it" --$setting
done
for setting in "task-symbols 5" "task-length 3" task-prompts; do
    needs "expected --task beside it" --$setting
done
needs 'task_held_out: expected --task addition' --task copy --task-held-out 0.5
needs 'tokenizer: expected no --task' --task copy --tokenizer words
needs 'tokenizer_vocab_size: expected no --task' --task copy --tokenizer-vocab-size 99
needs 'tokenizer_vocab_size: expected --tokenizer words or bpe' none.txt --tokenizer-vocab-size 99
needs 'text_field: expected a text' --task copy --text-field a
needs 'target_field: expected a text' --target-field a
needs 'token_file_bytes: expected a text' --token-file-bytes 1
needs 'order: expected no --task' --task copy --order epochs
needs 'order: expected epochs, as --epochs is beside it' none.txt --epochs 2 --order windows
needs 'corpus_bytes: expected neither a text nor --task' none.txt --corpus-bytes 2000
needs 'corpus_bytes: expected neither a text nor --task' --task copy --corpus-bytes 2000
needs 'decay_factor: expected --schedule step' --decay-factor 0.5
needs 'decay_steps: expected a schedule that decays' --decay-steps 5 --schedule constant
needs 'min_learning_rate: expected a schedule that decays' --min-learning-rate 0 --schedule constant
needs 'min_learning_rate: expected at most learning_rate = 0.003, got 0.01' --min-learning-rate 0.01
needs 'strict_parts: expected --strict' --strict-parts 2
needs 'patience: expected --eval-interval above 0' --patience 2 --eval-interval 0
for setting in "range-low 1e-4" "range-high 1" "range-steps 50"; do
    needs "expected --range-test beside it" --$setting
done
for setting in "momentum 0.5" nesterov; do
    needs "expected --optimizer sgd" --$setting
done
for setting in "beta1 0.5" "beta2 0.5" "eps 1e-8"; do
    needs "expected --optimizer adamw or adam" --$setting --optimizer sgd
done
# of a file, which may hold what is as usual
echo '{"momentum": 0.5}' >wrong.json
needs "wrong.json: momentum: expected --optimizer sgd" --config wrong.json
echo '{"target_field": "a"}' >wrong.json
needs "target_field: expected a text" --config wrong.json
echo '{"temperature": 3, "steps": 5}' >wrong.json
needs "temperature: expected --distill" --config wrong.json --steps 6
absent o

# ---- numbers ----

refuse 2 'eps: expected a number from 1e-30 to 1, got "0"' train --eps 0
refuse 2 'steps: expected a whole number from 1 to 1000000000000, got "0"' train --steps 0
refuse 2 'steps: expected a whole number' train --steps 1.5
refuse 2 'weight_decay: expected 0 or more, or -1 for the usual, got -0.01' train --weight-decay -0.01
refuse 2 'min_learning_rate: expected 0 or more, or -1 for the usual, got -0.5' train --min-learning-rate -0.5
refuse 2 'range_steps: expected a whole number from 20' train --range-test --range-steps 3
refuse 2 'so --resume cannot be given' train --resume none --range-test
refuse 2 'steps: expected a whole number' train --steps=
refuse 2 'steps: expected a whole number' train --steps 99999999999999999999
refuse 2 'threads: expected a whole number from 0' train --threads -1
refuse 2 'dropout: expected a number from 0 to 0.99, got "1"' train --dropout 1
refuse 2 'learning_rate: expected a number' train --learning-rate nan
refuse 2 'temperature: expected a number from 0' generate m --temperature -0.1
refuse 2 'top_p: expected a number from 0 to 1, got "1.01"' generate m --top_p 1.01
refuse 2 'min_p: expected a number from 0 to 1, got "-1"' generate m --min-p -1
refuse 2 'repetition_penalty: expected a number from 0.01' generate m --repetition-penalty 0
refuse 2 'presence_penalty: expected a number' generate m --presence-penalty often
refuse 2 'expected one of slide, stop, error' generate m --overflow wrap
refuse 2 'did you mean "--stop"?' generate m --stp .
refuse 2 'beams: expected a whole number' generate m --beams 1000
refuse 2 'n: expected a whole number' generate m --n 0
absent story

# ---- texts ----

printf 'a few words' >short.txt
: >empty.txt
printf 'some text\n\377\376 more' >latin.txt
printf 'some\000text' >binary.txt
i=0
while [ $i -lt 200 ]; do
    printf 'Once upon a time there was a cat. '
    i=$((i + 1))
done >good.txt

refuse 3 'none.txt: cannot be opened' train none.txt $tiny
absent none
refuse 3 'empty.txt: expected a text, got an empty file' train empty.txt $tiny
absent empty
refuse 3 'short.txt: expected at least' train short.txt $tiny
absent short
refuse 3 'latin.txt: expected UTF-8, got 0xff at byte 10 (line 2)' train latin.txt $tiny
absent latin
refuse 3 'binary.txt: expected a text, got a binary file' train binary.txt $tiny
absent binary
refuse 3 'none.txt: cannot be opened' train good.txt none.txt $tiny --out o
refuse 2 'expected no text beside it' train good.txt --task copy --out o
printf '{"text": "a"}\n{"txt": "b"}\n' >lines.jsonl
refuse 3 'lines.jsonl: line 2: expected a text "text", there is none' train good.txt lines.jsonl $tiny --out o
refuse 2 'text_field: expected a file whose name ends in .jsonl' train good.txt --text-field a $tiny --out o
refuse 2 'target_field: expected a file whose name ends in .jsonl' train good.txt --target-field a $tiny --out o
refuse 3 'expected a file, got a folder' train . $tiny --out o
refuse 3 'holds a window of context_length 100000' train good.txt --context-length 100000 --out o
absent o

# ---- sizes ----

refuse 2 'n_heads: expected a divisor of d_model = 16, got 3' train good.txt $tiny --n-heads 3 --out o
refuse 2 'window is a part of attention' info --no-attention --window 8
refuse 2 'rotary_scaling is for positions rotary, these are alibi' info --positions alibi --rotary-scaling ntk
refuse 2 'vocab_size: the text has' train good.txt $tiny --vocab-size 2 --out o
refuse 4 'GB of memory' train good.txt --d-model 65536 --n-layers 96 --out o
absent o

# ---- the end of a run ----

mkdir -p drawn/loss.png
allow train good.txt $tiny --steps 2 --out drawn --json
grep -q '"done": true' out || fail "a picture that fails: expected the JSON of the run"
grep -q 'heed: the run is saved, its picture is not: drawn/loss.png' err || fail "a picture that fails: expected a sentence"
# evaluated again as at its end, whether that took more batches than usual or an evaluation ended the run
small="--n-layers 1 --d-model 16 --context-length 8 --batch-size 1 --threads 1 --corpus-bytes 40000 --quiet --json"
for way in "--eval-batches 300 --steps 2" "--eval-batches 3 --steps 9 --eval-interval 1 --patience 1 --learning-rate 0"; do
    rm -rf ended
    allow train $small $way --out ended
    sed -n 's/.*\("validation_loss": [0-9.]*\).*/\1/p' out >first
    allow train --resume ended --quiet --json
    sed -n 's/.*\("validation_loss": [0-9.]*\).*/\1/p' out | cmp -s first - || fail "$way: resumed, the loss is another"
    [ -s first ] || fail "$way: expected a loss"
done

allow train good.txt $tiny --steps 2 --momentum 0 --optimizer sgd --schedule step --decay-factor 0.5 --no-task-prompts --out given
refuse 2 'stats: expected a run that was begun with --stats' train --resume given --stats
allow train good.txt $tiny --steps 2 --stats --out looked
allow train --resume looked --stats --quiet
# after each evaluation, the last one too, wherever that falls and whoever counts the steps
for way in "--steps 6 --eval-interval 4" "--epochs 2 --eval-interval 0"; do
    rm -rf looked
    allow train good.txt ${tiny% --quiet} $way --sample-tokens 0 --stats --out looked
    evaluated=$(grep -c '"val_loss"' looked/log.jsonl)
    [ "$(grep -c 'usual: |update|' err)" -eq "$evaluated" ] || fail "--stats $way: expected $evaluated tables"
done

# a run that ends in its warm-up says so: 60 / 101 of the rate
allow train good.txt ${tiny% --quiet} --steps 60 --sample-tokens 0 --out short
grep -q '^rates .* 100 steps .* 60: at most 0.00178, not 0.003$' err || fail "expected a line about the warm-up"
allow train good.txt ${tiny% --quiet} --steps 60 --warmup-steps 59 --sample-tokens 0 --out warm
grep -q '^rates' err && fail "a warm-up that ends: expected no line about it"

# what comes next is what the model can do
next_is()
{
    want=$1 way=$2
    rm -rf after
    allow train good.txt ${tiny% --quiet} --steps 2 --sample-tokens 0 --out after $way
    sed -n '/^next: /,$p' err | tr -s ' \n' ' ' >said
    [ "$(cat said)" = "$want " ] || fail "train $way: expected \"$want\", got \"$(cat said)\""
}
next_is "next: heed generate after heed inspect after" ""
next_is "next: heed inspect after --text TEXT" --no-causal
allow inspect after --text "a cat"
next_is "next: heed generate after heed inspect after --show predictions" "--preset bigram"
allow inspect after --show predictions

# ---- range tests ----

refuse 2 'drawn: there is a training run already' train nothing.txt $tiny --range-test --out drawn
mkdir logged
echo '{"step": 1, "loss": 1}' >logged/log.jsonl
refuse 2 'logged: there is a log.jsonl already' train nothing.txt $tiny --range-test --out logged
refuse 3 'good.txt: expected a folder, this is a file' train short.txt $tiny --range-test --out good.txt
refuse 3 'away/curve: cannot be made or written to' train good.txt $tiny --range-test --out away/curve
refuse 1 'no rate can be suggested' train good.txt $tiny --range-test --range-low 500 --range-high 1000 --out curve
[ -s curve/log.jsonl ] && [ -s curve/range.png ] || fail "nothing suggested: expected the log and the picture"
allow plot curve --x lr

# ---- configuration files ----

echo '{"n_layer": 3}' >wrong.json
refuse 3 'did you mean "n_layers"?' train good.txt --config wrong.json --out o
echo '{"steps": 0}' >wrong.json
refuse 3 '"steps"' train good.txt --config wrong.json --out o
echo '{"eps": 0}' >wrong.json
refuse 3 '"eps"' train good.txt --config wrong.json --out o
echo '{"steps": 5, "epochs": 2}' >wrong.json
refuse 3 'wrong.json: expected steps or epochs, got both' train good.txt --config wrong.json --out o
echo '{"steps": 5' >wrong.json
refuse 3 'not valid JSON' train good.txt --config wrong.json --out o
refuse 3 'none.json: cannot be opened' train good.txt --config none.json --out o
absent o

# ---- a model, and folders that are none ----

echo '{"momentum": 0.9, "task": "none", "task_length": 0, "strict_parts": 0, "decay_factor": 0.1}' >usual.json
allow train good.txt $tiny --config usual.json --out usual --quiet
echo '{"momentum": 0.5}' >sgd.json
allow train good.txt $tiny --config sgd.json --momentum 0.9 --out neutral --quiet --steps 3
echo '{"steps": 3, "n_layers": 1, "d_model": 16, "context_length": 16, "batch_size": 4, "threads": 1}' >good.json
allow train good.txt --config good.json --steps 4 --out model
[ "$(wc -l <model/log.jsonl)" -eq 4 ] || fail "what the line says must win over the file"
[ ! -s out ] || fail "train printed something on standard output"
echo '{"epochs": 3, "save_interval": 2}' >epochs.json
allow train good.txt $tiny --config epochs.json --steps 4 --out steps
[ "$(wc -l <steps/log.jsonl)" -eq 4 ] || fail "the line's steps must win over the file's epochs"
allow train --resume steps --steps 6 --quiet
[ "$(wc -l <steps/log.jsonl)" -eq 6 ] || fail "--resume --steps: expected six steps"
refuse 2 'steps: expected more than the 6 that the run has done, got 5' train --resume steps --steps 5
allow train --resume steps --steps 6 --quiet
refuse 2 'steps: expected' train --resume steps --steps 0
refuse 2 'the setting epochs cannot be given' train --resume steps --epochs 2
refuse 2 'model: there is a model already' train good.txt $tiny --out model
refuse 3 'good.txt: expected a folder, this is a file' train short.txt $tiny --out good.txt
cp good.txt notes.txt
: >notes
refuse 3 'notes: expected a folder, this is a file' train notes.txt $tiny
refuse 3 'cannot be made' train good.txt $tiny --out good.txt/o
refuse 3 "none: expected a model's folder or the name of a pulled model" generate none
refuse 3 "expected a model's folder, there is nothing of that name" generate ./none
refuse 3 "expected a model's folder, this is a file" generate good.txt
mkdir other
refuse 3 'config.json' generate other
refuse 3 'expected a training run' train --resume other
refuse 3 'there is nothing of that name' train --resume none
refuse 2 'the character "Z" (U+005A) is not among' generate model --prompt Z
refuse 2 'prompt 2: ' generate model --prompt a --prompt Z
refuse 2 'expected one of --prompt, --prompt-file and --prompts' generate model --prompt a --prompts good.txt
refuse 2 '--beams and top_k exclude each other' generate model --beams 2 --top-k 3
refuse 2 'got n 3 of 2' generate model --beams 2 --n 3
refuse 2 'beams and likeliest' generate model --beams 2 --likeliest 3
refuse 2 'stop string 2: expected 1 to 4096 bytes, got 0' generate model --stop a --stop ''
refuse 2 'likeliest: expected at most' generate model --likeliest 9999
refuse 2 'the prompt has 17 tokens, the context holds 16' generate model --prompt 'Once upon a time ' --overflow stop
refuse 2 'the prompt has 4 tokens and 13 more' generate model --prompt Once --max-tokens 13 --overflow error
refuse 3 'nothing.txt: cannot be opened' generate model --prompts nothing.txt
refuse 3 'nothing.txt: cannot be opened' generate model --prompt-file nothing.txt
: >empty-prompts
refuse 3 'empty-prompts: expected prompts, one a line, got an empty file' generate model --prompts empty-prompts
printf 'a\n\nb\n' >hole
refuse 3 'hole line 2: expected a prompt, got an empty line' generate model --prompts hole
printf '{"prompt": "a"}\n{"promt": "b"}\n' >typo.jsonl
refuse 3 'typo.jsonl line 2: expected a member "prompt"' generate model --prompts typo.jsonl
printf '{"prompt": "a"}\nplain\n' >mixed.jsonl
refuse 3 'mixed.jsonl line 2: ' generate model --prompts mixed.jsonl
printf '{"prompt": 5}\n' >number.jsonl
refuse 3 'number.jsonl line 1: expected a member "prompt"' generate model --prompts number.jsonl
printf '{"a": 0}' >alone.json
refuse 3 'alone.json: expected a tokenizer.json, or a vocab.json with its merges in merges.txt' tokenize alone.json --text a
rm -rf no-tokenizer
cp -R model no-tokenizer
rm no-tokenizer/tokenizer.json
refuse 2 'no tokenizer.json' generate no-tokenizer --prompt a
refuse 2 'no tokenizer.json' generate no-tokenizer --stop a
refuse 2 'did you mean blocks.0.attn.scores?' trace model 'blocks.0.attn.score[0,0,1,1]' --text Once
refuse 2 'expected an index from 0 to 3 for axis 2, got 4' trace model 'blocks.0.attn.scores[0,0,4,1]' --text Once
refuse 2 'expected a block from 0 to 0, got 7' trace model 'blocks.7.resid_pre[0,0,0]' --text Once
refuse 2 'is not one token of the vocabulary' trace model 'logits[0,0,"Once"]' --text Once
refuse 2 'the model has no row for position 16' trace model loss --text 'Once upon a time there was a cat.'
allow trace model --text Once
grep -q '^        NAME\[0,4,...\] is a number to ask' out || fail "trace: expected how a number is asked"
[ "$(awk 'length > 80' out | wc -l)" -eq 0 ] || fail "trace: expected at most 80 columns"
refuse 2 'has no option "--dept"; did you mean "--depth"?' trace model loss --dept

# ---- attention with pen and paper ----

paper="trace attention --k 1,0;0,1 --v 1,2;3,4"
refuse 2 'q, row 2: expected 2 numbers as in row 1, got 1' $paper --q '1 0; 1'
refuse 2 'q, row 1, column 2: expected a number, got "sqr(2)"; did you mean sqrt?' $paper --q '1 sqr(2)'
refuse 2 'k: expected 3 columns as q has, got 2' $paper --q '1 0 0'
refuse 2 'q[0,0]: expected a finite number, got -inf' $paper --q '-inf 0'
refuse 2 'mask: expected [1, 2], a row for each query or one for all, got [1, 3]' $paper --q '1 0' --mask '1 1 0'
refuse 2 'scale: expected a number that is not 0, or none' $paper --q '1 0' --scale 1-1
refuse 2 'expected one of text, markdown, latex, json' $paper --q '1 0' --format tex
refuse 2 'trace attention has no option "--masks"; did you mean "--mask"?' $paper --q '1 0' --masks 1
refuse 3 'none.npy: cannot be opened' $paper --q none.npy
printf '1,0\n0,1\n' >q.csv
allow $paper --q q.csv --causal --grad '1 1; 1 1' --json
grep -q '"name": "dk"' out || fail "trace attention --json: expected the gradient of the keys"
for format in text markdown latex json; do
    allow $paper --q q.csv --heads 2 --scale none --format $format
    [ -s out ] || fail "trace attention --format $format: expected something"
done
refuse 2 'the character "Z" (U+005A) is not among' inspect model --text 'a Z'
refuse 2 'expected a text of 1 to 16 tokens' inspect model --text 'Once upon a time there was a cat.'
refuse 2 'there is no layer 1: the only layer is 0' inspect model --layer 1
refuse 2 'there is no head 9: heads are 0 to ' inspect model --heads 0,9
refuse 2 'heads: expected numbers and ranges such as 0,2-3, got "x"' inspect model --heads x
refuse 2 'expected --head or --heads, got both' inspect model --head 0 --heads 1
refuse 2 'ends in .png, .svg, .pdf, .html, .npy or .json' inspect model --picture map.gif
refuse 2 'repeated-tokens: expected 2 to 8 (half of the context), got 9' inspect model --repeated-tokens 9
allow inspect model --text O --show heads --largest-weights 3 --distance-profile
allow inspect model --text 'Once upon' --show heads,maps
refuse 2 'did you mean "--show lens"?' inspect model --lens
refuse 2 '"heed help inspect" shows all' inspect model --xyzzy
! grep -q '^next:' err || fail "inspect --show: expected no further views on standard error"
allow inspect model --text 'Once upon'
grep -q '^next: heed inspect model --show heads' err || fail "inspect: expected what shows more on standard error"
for view in maps heads lens predictions attribution gradients neighbours activations run ablation patch compare; do
    program_help=$("$program" help inspect | tr -s ' \n' ' ')
    case $program_help in *"with commas between: maps, "*"$view"*"--json"*) ;; *) fail "help inspect: no $view" ;; esac
done
refuse 2 'ends in .png, .svg or .pdf' plot model --out loss.gif
refuse 2 'expected heed plot RUN...' plot
refuse 2 'expected one of step, tokens, time, lr' plot model --x epoch
refuse 2 'expected something that the log has (loss, lr' plot model --what speeed
refuse 2 'from: expected at most 4, the last step with "loss", got 999999' plot model --from 999999
refuse 3 'model/config.json, line 1: not valid JSON' plot model/config.json
refuse 3 'none/log.jsonl: cannot be opened' plot none
allow plot model --what val
allow plot model model/log.jsonl --out points.csv
[ "$(head -1 points.csv)" = "run,key,member,smoothed,step,x,y" ] || fail "points.csv has other columns"
echo '{"step": 1, "a,\"b": 2}' >odd.jsonl
allow plot odd.jsonl --what 'a,"b' --out odd.csv
[ "$(tail -1 odd.csv | sed 's/^[^,]*,//')" = '"a,""b","",0,1,1,2' ] || fail "odd.csv: expected a quoted key"
refuse 3 'none.txt: cannot be opened' eval model none.txt
refuse 3 'empty file' eval model empty.txt
refuse 3 'binary' eval model binary.txt

# damage FILE COMMAND...: a copy of the model, whose FILE the COMMAND on its standard input has changed
damage()
{
    rm -rf damaged
    cp -R model damaged
    file=$1
    shift
    "$@" <"model/$file" >"damaged/$file"
}
damage model.safetensors head -c 1000
refuse 3 'damaged/model.safetensors' generate damaged
refuse 3 'damaged/model.safetensors' train --resume damaged
damage model.safetensors tr '{' '['
refuse 3 'damaged/model.safetensors' generate damaged
damage optimizer.safetensors head -c 3000
refuse 3 'damaged/optimizer.safetensors' train --resume damaged
damage config.json sed 's/"n_embd": 16/"n_embd": 32/'
refuse 3 'damaged/' generate damaged
damage config.json sed 's/"gpt2"/"llama"/'
refuse 3 'the model is a "llama"' generate damaged
damage config.json head -c 20
refuse 3 'damaged/config.json' generate damaged
damage tokenizer.json head -c 20
refuse 3 'damaged/tokenizer.json' generate damaged
damage trainer.json tr ':' ','
refuse 3 'damaged/trainer.json' train --resume damaged
# the last number of the weights becomes none
spoil()
{
    head -c $(($(wc -c <model/model.safetensors) - 4))
    printf '\000\000\300\177'
}
damage model.safetensors spoil
refuse 1 'its weights are damaged' generate damaged
refuse 1 'its weights are damaged' eval damaged good.txt
refuse 1 'the weights are damaged' train --resume damaged --quiet
allow generate model --max-tokens 3 --threads 1

allow train good.txt short.txt $tiny --epochs 1 --batch-size 50 --out several
grep -q '"epoch": 1' several/log.jsonl || fail "expected an epoch in the log"
allow train --task addition $tiny --steps 2 --out sums --json
grep -q '"floor": 0,' out && grep -q '"task": "addition"' out || fail "expected the task and its floor"
refuse 2 'has other tokens than the task consonant' train --task consonant --from sums $tiny --out o
refuse 2 'has other tokens than the task addition' train --task addition --task-symbols 5 --from sums $tiny --out o
allow train --task addition --from sums $tiny --steps 1 --out more-sums
allow generate sums --prompt "3+5=" --max-tokens 1
printf '3+5=8\n90+90=83\n' >sums.txt
allow eval sums sums.txt
allow train good.txt $tiny --steps 2 --save-interval 1 --out changed-text
mv good.txt moved.txt
refuse 3 'good.txt' train --resume changed-text
tr 'a' 'o' <moved.txt >good.txt
refuse 3 'the text has changed since the run began' train --resume changed-text
mv moved.txt good.txt

# ---- what is right ----

for command in train generate eval tokenize info shapes trace inspect bench help version; do
    for way in "help $command" "$command --help" "$command -h"; do
        allow $way
        [ ! -s err ] || fail "heed $way: expected nothing on standard error"
        grep -q "^heed $command" out || fail "heed $way: expected the help of $command"
        awk 'length($0) > 100 { exit 1 }' out || fail "heed $way: a line is longer than 100 columns"
    done
done
allow trace model --text Once
grep -q '^blocks.0.attn.pattern .* attention$' out || fail "heed trace: expected the list of tensors"
allow trace model 'blocks.0.attn.scores[0,0,3,1]' 'd.blocks.0.attn.W_Q[5,9]' 'logits[0,2,"e"]' --text Once --fast
[ "$(grep -c 'the same bits' out)" -eq 3 ] || fail "heed trace: expected three numbers with the same bits"
allow trace model 'new.blocks.0.attn.W_Q[5,9]' --down --depth 3 --up
grep -q '^by      adamw: ' out && grep -q 'adamw.m.h.0.attn.c_attn.weight\[5,9\] = ' out ||
    fail "heed trace: expected the update of a weight with its moments"
allow trace model 'd.blocks.0.attn.q[0,0,1,3]' --text Once --up --json
grep -q '"same_bits": true' out && grep -q '"read_by"' out || fail "heed trace --json: expected bits and readers"
allow
awk '/^  heed / && !/^  heed .*[^ ]  +[^ ]/ { exit 1 }' out || fail "heed: a command and its summary run together"
allow --version
grep -qx 'heed [0-9.]*' out || fail "heed --version: expected the version"
allow generate model --prompt=Once --max-tokens=5 --top_k 1 --threads=1
[ "$(wc -c <out)" -eq 9 ] || fail "a prompt of 4 and 5 tokens are 9 characters"
cp out first
allow generate model --prompt Once --max-tokens 5 --top-k 1 --threads 1 --no-cache
cmp -s first out || fail "without the cache the text must be the same"
echo Once >input
allow generate model --max-tokens 5 --top-k 1 --threads 1
cmp -s first out || fail "a prompt from standard input must give the same, without its newline"
printf 'Once\n' >once
allow generate model --max-tokens 5 --top-k 1 --threads 1 --prompt-file once
cmp -s first out || fail "a prompt from a file must give the same, without its newline"
grep -q . err && fail "nothing is forgotten within the context, and nothing need be said"
allow generate model --max-tokens 5 --top-k 1 --threads 1 --prompt Once --prompt there --prompt Once
{ cat first; echo; echo; head -n 3 out | tail -n 1; echo; cat first; echo; } >three
cmp -s three out || fail "three prompts: expected three texts in order, an empty line between"
allow generate model --max-tokens 5 --beams 1 --prompt Once
cmp -s first out || fail "one beam is greedy"
allow generate model --max-tokens 40 --threads 1 --prompt Once --temperature 0
grep -q 'the context holds 16 tokens: its window slid 4 times, each time forgetting the older half, 32 tokens in all' err ||
    fail "a window that slides: expected a line about it on standard error"
allow generate model --max-tokens 40 --threads 1 --prompt Once --overflow stop
[ "$(wc -c <out)" -eq 16 ] || fail "overflow stop: expected a text of 16 characters"
grep -q 'the context of 16 tokens is full' err || fail "overflow stop: expected a line about it"
: >input
allow info --preset gpt --no-mlp --attention-bias false --mlp=false
# what the help says of a switch holds for all of them
allow info --help
grep -q -- '--no-NAME or --NAME=false switches' out || fail "expected how a yes is switched off"
allow info --preset gpt --json=false
grep -q '^{' out && fail "--json=false: expected no JSON"
allow eval model good.txt --threads 1
grep -qx 'windows        of 16' out || fail "eval: expected the length of its windows"
allow eval model good.txt --threads 1 --last 4
grep -qx 'windows        of 16, the last 4 of each count' out || fail "eval --last: expected what counts"
refuse 2 'no row for position 16' eval model good.txt --context-length 32
refuse 2 'no row for position 16' generate model --context-length 32
allow train good.txt $tiny --steps 2 --preset m0 --out m0
allow generate m0 --threads 1 --max-tokens 3
allow train good.txt $tiny --steps 2 --preset bigram --out bigram
allow generate bigram --threads 1 --max-tokens 3

# ---- nobody listens ----

{
    "$program" generate model --max-tokens 100000 --threads 1 <input 2>err
    echo $? >code
} | head -c 10 >out
[ "$(cat code)" -eq 0 ] || fail "a reader that goes away: expected exit code 0, got $(cat code)"
[ ! -s err ] || fail "a reader that goes away: expected silence"
"$program" generate model --max-tokens 5 --threads 1 <input 2>err >&- || fail "closed standard output: expected exit code 0"
"$program" train good.txt $tiny --steps 2 --out closed <&- >&- 2>&- || fail "all closed: expected exit code 0"
allow generate closed --max-tokens 5 --threads 1
if [ -e /dev/full ]; then
    "$program" help <input >/dev/full 2>err
    [ $? -eq 3 ] || fail "a full disk under standard output: expected exit code 3"
    grep -q 'standard output cannot be written' err || fail "a full disk: expected a sentence"
fi

[ "$failures" -eq 0 ] || { echo "$failures failed"; exit 1; }
echo "all as expected"
