#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory of training: what recomputation saves and costs, and how much whole runs hold.

    bench/memory.py [levels] [finetune] [vocabulary] [--steps 3] [--rounds 2] [--text FILE] [--tokenizers FOLDER]

levels       GPT-2 124M, batch 4 x 256: bytes and time of a step with --recompute none, cheap and blocks, in turns
finetune     GPT-2 124M, batch 1 x 256, with its tokenizer: the peak of the process beside what was announced and 2.2 GB
vocabulary   one layer of attention with 200,019 tokens, batch 32 x 256: the peak beside parameters, gradients, moments
             and 400 MB, and the share of the matrix peak

FOLDER holds vocab.json and merges.txt of GPT-2 and o200k_base.tiktoken. A peak is the kernel's own count of the most
that a process held (ru_maxrss), from its start, its text and its tokenizer to the checkpoint at its end. Without a word
all three are measured. The result is Markdown on stdout.
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(ROOT, "..", "shared", "data")
UNITS = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1.0}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", help="levels, finetune, vocabulary")
    p.add_argument("--steps", type=int, default=3)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    p.add_argument("--text", default=os.path.join(SHARED, "tinyshakespeare.txt"))
    p.add_argument("--tokenizers", default=os.path.join(SHARED, "tokenizers"))
    return p.parse_args()


def bench(a, *options):
    out = subprocess.run([a.heed, "bench", "train", "--json", "--steps", str(a.steps), *options],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)["training"]


def run(a, *options):
    """Stops a run as Ctrl-C does when so many steps are in its log; the announced and the real peak, and its losses."""
    with tempfile.TemporaryDirectory() as folder:
        out, said = os.path.join(folder, "run"), os.path.join(folder, "said")
        with open(said, "wb") as to:
            process = subprocess.Popen([a.heed, "train", a.text, "--out", out, "--steps", "100000", "--eval-interval",
                                        "0", "--save-interval", "0", *options], stderr=to)
        log, asked = os.path.join(out, "log.jsonl"), False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                break
            if not asked and os.path.exists(log) and open(log).read().count("\n") >= a.steps:
                process.send_signal(signal.SIGINT)
                asked = True
            time.sleep(0.1)
        text = open(said, encoding="utf-8").read()
        if not asked or os.waitstatus_to_exitcode(status) != 5:
            sys.exit(text)
        needs = re.search(r"^needs\s+([\d.]+) (\w+):", text, re.M)
        losses = [json.loads(line)["loss"] for line in open(log)]
        return float(needs[1]) * UNITS[needs[2]], usage.ru_maxrss * 1024.0, losses


def levels(a):
    results = {}
    for _ in range(a.rounds):
        for level in ("none", "cheap", "blocks"):
            r = bench(a, "--preset", "gpt2", "--batch-size", "4", "--context-length", "256", "--recompute", level)
            results.setdefault(level, []).append(r)
    base = statistics.median(r["median_s"] for r in results["none"])
    print("| recompute | wait for backward | made again | a step, planned | median of a step | beside none | of the peak |")
    print("|---|---|---|---|---|---|---|")
    for level, all_of in results.items():
        r, s = all_of[0], statistics.median(r["median_s"] for r in all_of)
        share = statistics.median(r["peak_share"] for r in all_of)
        print(f"| {level} | {r['held_bytes'] / 1e6:.1f} MB | {r['again_bytes'] / 1e6:.1f} MB "
              f"| {r['planned_bytes'] / 1e9:.3f} GB | {s:.3f} s | {100 * (s / base - 1):+.1f} % | {100 * share:.1f} % |")


def finetune(a):
    planned, peak, losses = run(a, "--preset", "gpt2", "--batch-size", "1", "--context-length", "256", "--recompute",
                                "blocks", "--tokenizer", a.tokenizers)
    print("| GPT-2 124M, 1 x 256 | announced | peak | difference | of 2.2 GB |")
    print("|---|---|---|---|---|")
    print(f"| --recompute blocks | {planned / 1e9:.3f} GB | {peak / 1e9:.3f} GB | {100 * (peak / planned - 1):+.1f} % "
          f"| {100 * peak / 2.2e9:.1f} % |")


def vocabulary(a):
    r = bench(a, "--preset", "m0", "--vocab-size", "200019", "--batch-size", "32")
    planned, peak, losses = run(a, "--preset", "m0", "--batch-size", "32", "--tokenizer",
                                os.path.join(a.tokenizers, "o200k_base.tiktoken"))
    state = 16 * 102738432
    print("| 200,019 tokens, 32 x 256 | announced | peak | beyond parameters, gradients, moments | a step | of the peak | first loss |")
    print("|---|---|---|---|---|---|---|")
    print(f"| f32 | {planned / 1e9:.3f} GB | {peak / 1e9:.3f} GB | {(peak - state) / 1e6:.0f} MB | {r['median_s']:.2f} s "
          f"| {100 * r['peak_share']:.1f} % | {losses[0]:.3f} |")


def main():
    a = arguments()
    for name, part in (("levels", levels), ("finetune", finetune), ("vocabulary", vocabulary)):
        if not a.parts or name in a.parts:
            part(a)
            print(flush=True)


main()
