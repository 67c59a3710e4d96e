#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh [BUILD]: a small GPT learns to tell stories, for about half a minute on two cores; then it tells
# one, and shows what its heads attend to and where a number came from. Everything lands in BUILD/demo.
set -eu
build=${1:-build}
heed=$build/heed
demo=$build/demo
# Half the layers of what `heed train` does by itself, and twice the steps: better stories for the same arithmetic.
recipe="--n-layers 2 --steps 3000 --learning-rate 4e-3 --eval-interval 750 --save-interval 0"

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ] || say() { printf '\n%s\n' "$1"; }

rm -rf "$demo"
mkdir -p "$demo"

say "A GPT learns from stories that a grammar makes up"
"$heed" train --out "$demo/story" $recipe

say "It tells one"
"$heed" generate "$demo/story" --max-tokens 500 --temperature 0.5 --seed 1 </dev/null | fold -s -w 96
echo

say "What its heads attend to while they read a sentence"
"$heed" inspect "$demo/story" --text "One day the cat found a little bell." --picture "$demo/attention.png"

say "Where one of these numbers came from"
"$heed" trace "$demo/story" 'blocks.0.attn.scores[0,0,9,8]' --text "One day the cat found a little bell."

"$heed" inspect "$demo/story" --text "One day the cat found a little bell." --picture "$demo/attention.html" >"$demo/inspect.txt"
say "Three pictures"
echo "  $demo/story/loss.png     the loss curve, and the entropy of the stories: on average no model gets below"
echo "  $demo/attention.png      every head's attention to a sentence"
echo "  $demo/attention.html     the same as a page to explore"

say "Now you"
echo "  $heed generate $demo/story --prompt \"One day\""
echo "  $heed train your-own-text.txt"
