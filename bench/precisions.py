#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each precision of weights costs: the loss of one model in f32, f16, bf16 and int8 on the same text.

    bench/precisions.py [--model FOLDER] [--text FILE] [--heed build/heed] [-- TRAIN OPTIONS]

Without --model it trains one on the first nine tenths of the text (all defaults, unless options of heed train follow --).
The loss is taken over all of the last tenth, in windows of the model's context. The result is a Markdown table on stdout.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PRECISIONS = ["f32", "f16", "bf16", "int8"]


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", help="a folder; none: one is trained")
    p.add_argument("--text", default=os.path.join(ROOT, "..", "shared", "data", "tinyshakespeare.txt"))
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    own, more = (argv[:argv.index("--")], argv[argv.index("--") + 1:]) if "--" in argv else (argv, [])
    a = p.parse_args(own)
    a.more = more
    return a


def run(a, *options):
    return subprocess.run([a.heed, *options], check=True, stdout=subprocess.PIPE).stdout


def main():
    a = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        with open(a.text, "rb") as file:
            text = file.read()
        split = len(text) * 9 // 10
        parts = [os.path.join(folder, "train.txt"), os.path.join(folder, "held.txt")]
        for path, part in zip(parts, (text[:split], text[split:])):
            with open(path, "wb") as file:
                file.write(part)
        model = a.model
        if model is None:
            model = os.path.join(folder, "model")
            print("training ...", file=sys.stderr)
            run(a, "train", parts[0], "--out", model, *a.more)
        print("| precision | MB | loss, nats a token | perplexity | loss against f32 | perplexity against f32 |")
        print("|---|---|---|---|---|---|")
        first = None
        for precision in PRECISIONS:
            narrow = os.path.join(folder, precision)
            said = json.loads(run(a, "convert", model, narrow, "--dtype", precision, "--json"))
            loss = json.loads(run(a, "eval", narrow, parts[1], "--json"))["loss"]
            first = loss if first is None else first
            print(f"| {precision} | {said['bytes'] / 1e6:.2f} | {loss:.6f} | {math.exp(loss):.5f} | "
                  f"{100 * (loss / first - 1):+.4f} % | {100 * (math.exp(loss - first) - 1):+.4f} % |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
