#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What --strict costs a step of training, and what --precision bf16 changes of a loss curve.

    bench/training.py [strict] [curves] [--steps N] [--rounds 3] [--text FILE] [--tokenizers FOLDER]

strict   seconds of a step without it, with one part (any number of threads gives the same bits) and with the default's four
         (so do 1, 2 and 4 ranks): runs in turns, of a small model by characters (60 steps) and of GPT-2 124M (3 steps); each
         ends with an evaluation of the whole validation part, which is not counted
curves   GPT-2 124M, batch 4 x 256, in f32 and in bf16 with the same seed: both losses, and how far they part (200 steps)

FOLDER holds vocab.json and merges.txt of GPT-2. Without a word both are measured, in about an
hour on two cores. The result is Markdown on stdout.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(ROOT, "..", "shared", "data")
SMALL = ["--n-layers", "4", "--n-heads", "4", "--d-model", "128", "--context-length", "64", "--batch-size", "12"]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", help="strict, curves")
    p.add_argument("--steps", type=int, default=0, help="of each run; 0: as above")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    p.add_argument("--text", default=os.path.join(SHARED, "tinyshakespeare.txt"))
    p.add_argument("--tokenizers", default=os.path.join(SHARED, "tokenizers"))
    a = p.parse_args()
    if a.steps == 1:
        p.error("expected --steps 2 or more")
    return a


def gpt2(a):
    return ["--preset", "gpt2", "--tokenizer", a.tokenizers, "--context-length", "256", "--batch-size", "4"]


def train(a, steps, *options):
    """The log of a run, a line a step."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "run")
        subprocess.run([a.heed, "train", a.text, "--out", out, "--quiet", "--steps", str(steps), "--sample-tokens", "0",
                        "--save-interval", "0", *options], check=True)
        with open(os.path.join(out, "log.jsonl"), encoding="utf-8") as log:
            return [json.loads(line) for line in log]


def seconds(log, tokens):
    """Of each step but the first. The log's speed is that of a running mean, 0.95 of the one before and 0.05 of the step."""
    means = [tokens / line["tokens_per_s"] for line in log]
    return [(now - 0.95 * before) / 0.05 for before, now in zip(means, means[1:])]


def strict(a):
    ways = (("without", []), ("strict, 1 part", ["--strict", "--strict-parts", "1"]), ("strict, 4 parts", ["--strict"]))
    print("| model | | a step, least | median | more than without |")
    print("|---|---|---|---|---|")
    for model, steps, tokens, options in (("4 layers, d_model 128, context 64, batch 12", 60, 12 * 64, SMALL),
                                          ("GPT-2 124M, context 256, batch 4", 3, 4 * 256, gpt2(a))):
        taken = {name: [] for name, _ in ways}
        for _ in range(a.rounds):
            for name, way in ways:
                log = train(a, a.steps or steps, "--eval-interval", "0", *options, *way)
                taken[name] += seconds(log, tokens)
        base = min(taken["without"]), statistics.median(taken["without"])
        for name, s in taken.items():
            here = min(s), statistics.median(s)
            more = "" if name == "without" else " to ".join(f"{100 * (x / y - 1):+.1f}" for x, y in zip(here, base)) + " %"
            print(f"| {model} | {name} | {here[0]:.4f} | {here[1]:.4f} | {more} |", flush=True)


def curves(a):
    steps = a.steps or 200
    # one step more, as the evaluation at the end takes other windows than those before it
    logs = {p: train(a, steps + 1, "--precision", p, "--learning-rate", "6e-4", "--warmup-steps", str(steps // 4),
                     "--eval-interval", str(max(1, steps // 4)), "--eval-batches", "4", *gpt2(a))[:steps] for p in ("f32", "bf16")}
    losses = {p: [line["loss"] for line in log] for p, log in logs.items()}
    print("| step | training, f32 | bf16 | validation, f32 | bf16 |")
    print("|---|---|---|---|---|")
    for i in sorted({0, *range(max(1, steps // 4) - 1, steps, max(1, steps // 4)), steps - 1}):
        means = [f"{statistics.mean(losses[p][max(0, i - 9):i + 1]):.3f}" for p in losses]
        held = [f"{log[i]['val_loss']:.3f}" if "val_loss" in log[i] else "" for log in logs.values()]
        print("|", " | ".join([str(i + 1), *means, *held]), "|")
    apart = [abs(x - y) for x, y in zip(losses["f32"], losses["bf16"])]
    moves = [abs(x - y) for x, y in zip(losses["f32"], losses["f32"][1:])]
    print(f"\nTraining losses are means of ten steps. Step by step the two differ by {statistics.mean(apart):.4f} in the mean, "
          f"{max(apart):.4f} at most; from one step to the next a curve moves by {statistics.mean(moves):.4f}.")


def main():
    a = arguments()
    unknown = [part for part in a.parts if part not in ("strict", "curves")]
    if unknown:
        sys.exit(f"bench/training.py: expected strict or curves, got {unknown[0]}")
    for name, part in (("strict", strict), ("curves", curves)):
        if not a.parts or name in a.parts:
            part(a)
            print(flush=True)


main()
