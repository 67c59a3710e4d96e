#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What looking costs, and how near the patterns of the tiled attention are to those of the plain loops.

    bench/observing.py MODEL --text FILE [--heed build/heed]

The first table reads the text (one window of the model) for its logits alone and with activations shown, through
heed inspect --activation: the shortest of three readings each, and whether the logits have the same bits. The second
says how far every pattern is from softmax in double of the very scores of the run, from that of its q k / sqrt(d) (both
want NumPy), and from the pattern of a whole run on the reference device (HEED_CPU=plain). Both are Markdown on stdout.
"""
import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("--text", required=True)
parser.add_argument("--plain", type=int, default=200, help="characters that the plain loops, which are slow, read; 0: no second table")
parser.add_argument("--heed", default="build/heed")
args = parser.parse_args()
MOST_CHARACTERS = 30000  # of a word on the line


def heed(*words, cpu=None, codes=(0,)):
    """The program's output."""
    env = dict(os.environ)
    if cpu:
        env["HEED_CPU"] = cpu
    done = subprocess.run([args.heed, *words], env=env, capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(done.stderr)
    return done.stdout


def tensors_of(path):
    """name -> (shape, bytes) of a safetensors file."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: (entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def print_costs(folder, names):
    kept = os.path.join(folder, "kept.safetensors")
    patterns = [n for n in names if n.endswith("attn.pattern")]
    stream = [n for n in names if ".resid_" in n]
    print("| looked at | activations | bytes | with | without | more | logits |\n|---|---|---|---|---|---|---|")
    for title, some in (("one pattern", patterns[:1]), ("all patterns", patterns), ("the residual stream", stream),
                        ("everything with a name", names)):
        said = json.loads(heed("inspect", args.model, "--file", args.text, "--activation", ",".join(some), "--to", kept,
                               "--json"))["activations"]
        after, before = 1e3 * said["seconds"], 1e3 * said["seconds_without"]
        print(f"| {title} | {len(some)} | {said['bytes'] / 1e6:.2f} MB | {after:.1f} ms | {before:.1f} ms "
              f"| {100 * (after / before - 1):.0f} % | {'same bits' if said['same_logits'] else 'DIFFER'} |")
    return patterns


def print_patterns(folder, patterns):
    plain, fast = os.path.join(folder, "plain.safetensors"), os.path.join(folder, "fast.safetensors")
    text = open(args.text, encoding="utf-8").read()[:args.plain]
    heed("verify", args.model, "--write", plain, "--text", text, "--names", ",".join(patterns), cpu="plain")
    said = json.loads(heed("verify", args.model, "--against", plain, "--atol", "1e-6", "--rtol", "0", "--json",
                           codes=(0, 1)))
    rows = {t["name"]: t["largest_error"] for t in said["activations"] if t["name"] in patterns}
    parts = [p.replace("pattern", part) for p in patterns for part in ("q", "k", "scores")]
    heed("verify", args.model, "--write", fast, "--text", text, "--names", ",".join(patterns + parts))
    kept = tensors_of(fast)
    print("\n| pattern | largest score | from its own scores | from its own q and k | the plain device's run |")
    print("|---|---|---|---|---|")
    for name in patterns:
        print(f"| {name} | {from_formula(kept, name)} | {rows[name]:.2g} |")


def from_formula(kept, pattern):
    """The largest score, and how far the pattern is from softmax in double of these scores, and of q k / sqrt(d)."""
    try:
        import numpy as np
    except ImportError:
        return "no NumPy | - | -"
    q, k, scores, p = (np.frombuffer(kept[name][1], "<f4").reshape(kept[name][0]).astype("f8")
                       for name in (pattern.replace("pattern", part) for part in ("q", "k", "scores", "pattern")))
    seen = np.isfinite(scores)
    products = q @ np.repeat(k, q.shape[1] // k.shape[1], axis=1).swapaxes(-1, -2) / np.sqrt(q.shape[-1])

    def error(x):
        weights = np.exp(np.where(seen, x, -np.inf) - np.where(seen, x, -np.inf).max(-1, keepdims=True))
        return np.abs(weights / weights.sum(-1, keepdims=True) - p).max()

    return f"{np.abs(scores[seen]).max():.1f} | {error(scores):.2g} | {error(products):.2g}"


with tempfile.TemporaryDirectory() as folder:
    every = os.path.join(folder, "every.safetensors")
    text = open(args.text, encoding="utf-8").read()
    if len(text) > MOST_CHARACTERS:
        sys.exit(f"{args.text}: expected a text of one window of the model, got {len(text)} characters")
    heed("verify", args.model, "--write", every, "--text", text)
    patterns = print_costs(folder, [n for n in tensors_of(every) if n not in ("ids", "logits")])
    if args.plain > 0:
        print_patterns(folder, patterns)
