#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each kind of position is worth at the trained length and beyond it.

    bench/positions.py [KIND ...] [--text FILE] [--steps 600] [--length 64] [--threads 1] [--heed build/heed]

Trains one small model a kind on the first nine tenths of the text, each with the same seed, batches and steps, and
measures the loss on the last tenth in windows of 1, 2 and 4 times the trained length: over all tokens of a window, and
over its last 16, which have seen the most. A dash stands where a table has no rows. More settings of the models follow
--: bench/positions.py rotary alibi -- --n-layers 2 --d-model 64. The result is a Markdown table on stdout.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = ["learned", "none", "sinusoidal", "rotary", "alibi", "relative", "transformer_xl"]
TIMES = (1, 2, 4)
LAST = 16


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kinds", nargs="*", metavar="KIND", default=[], help="some of " + ", ".join(KINDS))
    p.add_argument("--text", default=os.path.join(ROOT, "..", "shared", "data", "tinyshakespeare.txt"))
    p.add_argument("--steps", type=int, default=600)
    p.add_argument("--length", type=int, default=64, help="context_length while training")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    own, more = (argv[:argv.index("--")], argv[argv.index("--") + 1:]) if "--" in argv else (argv, [])
    a = p.parse_args(own)
    for kind in a.kinds:
        if kind not in KINDS:
            p.error(f"expected one of {', '.join(KINDS)}, got {kind}")
    a.kinds, a.more = a.kinds or KINDS, more
    return a


def split(path, folder):
    """The text's first nine tenths and its last, without characters that the first part does not have."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    cut = len(text) * 9 // 10
    known = set(text[:cut])
    parts = text[:cut], "".join(c for c in text[cut:] if c in known)
    for name, part in zip(("train.txt", "held-out.txt"), parts):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(part)
    return os.path.join(folder, "train.txt"), os.path.join(folder, "held-out.txt")


def heed(a, *words):
    """What heed prints as JSON, or its complaint as text."""
    run = subprocess.run([a.heed, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return json.loads(run.stdout) if run.returncode == 0 else run.stderr.strip()


def must(answer):
    if isinstance(answer, str):
        sys.exit(answer)
    return answer


def loss(a, model, text, times, last):
    """The loss in windows of so many trained lengths; a dash where the model refuses them."""
    words = ["eval", model, text, "--threads", str(a.threads), "--context-length", str(times * a.length)]
    answer = heed(a, *words, *(["--last", str(last)] if last else []))
    if isinstance(answer, str) and "table" not in answer:
        sys.exit(answer)
    return "–" if isinstance(answer, str) else f"{answer['loss']:.3f}"


def row(a, kind, folder, train, held_out):
    model, begin = os.path.join(folder, kind), time.time()
    must(heed(a, "train", train, "--out", model, "--positions", kind, "--context-length", str(a.length), "--steps",
              str(a.steps), "--seed", str(a.seed), "--threads", str(a.threads), "--sample-tokens", "0", "--quiet",
              "--eval-interval", "0", "--save-interval", "0", *a.more))
    seconds = time.time() - begin
    parameters = must(heed(a, "info", model))["parameters"]
    losses = [loss(a, model, held_out, times, last) for last in (0, LAST) for times in TIMES]
    return [kind, f"{parameters:,}", f"{seconds:.0f}", *losses]


def main():
    a = arguments(sys.argv[1:])
    lengths = [f"{times * a.length}" for times in TIMES]
    head = ["positions", "parameters", "s", *lengths, *(f"last {LAST} of {n}" for n in lengths)]
    print(f"Loss in nats a token, trained at {a.length} for {a.steps} steps:\n")
    print("| " + " | ".join(head) + " |\n|---" + "|---:" * (len(head) - 1) + "|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        train, held_out = split(a.text, folder)
        for kind in a.kinds:
            print("| " + " | ".join(row(a, kind, folder, train, held_out)) + " |", flush=True)


if __name__ == "__main__":
    main()
