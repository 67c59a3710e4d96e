#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What looking costs, and how near the patterns of the tiled attention are to those of the plain loops.

    bench/observing.py MODEL --text FILE [--heed build/heed]

The first table reads the text (one window of the model) for its logits alone and with activations shown, through
heed inspect --activation: the shortest of three readings each, and whether the logits have the same bits. The second
compares every pattern with the one of a run on the reference device (HEED_CPU=plain), and, where NumPy is there, with
softmax(q k / sqrt(d)) in double of the very q and k of the run. Both are Markdown on stdout.
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
parser.add_argument("--plain", type=int, default=200, help="characters that the plain loops, which are slow, read")
parser.add_argument("--heed", default="build/heed")
args = parser.parse_args()


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
    heads = [p.replace("pattern", part) for p in patterns for part in ("q", "k")]
    heed("verify", args.model, "--write", fast, "--text", text, "--names", ",".join(patterns + heads))
    kept = tensors_of(fast)
    print("\n| pattern | to that of the plain device | to the formula, from the same q and k |\n|---|---|---|")
    for name in patterns:
        print(f"| {name} | {rows[name]:.2g} | {from_formula(kept, name)} |")


def from_formula(kept, pattern):
    try:
        import numpy as np
    except ImportError:
        return "no NumPy"
    q, k, p = (np.frombuffer(kept[name][1], "<f4").reshape(kept[name][0]).astype("f8")
               for name in (pattern.replace("pattern", "q"), pattern.replace("pattern", "k"), pattern))
    k = np.repeat(k, q.shape[1] // k.shape[1], axis=1)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return f"{np.abs(weights / weights.sum(-1, keepdims=True) - p).max():.2g}"


with tempfile.TemporaryDirectory() as folder:
    every = os.path.join(folder, "every.safetensors")
    heed("verify", args.model, "--write", every, "--text", open(args.text, encoding="utf-8").read())
    print_patterns(folder, print_costs(folder, [n for n in tensors_of(every) if n not in ("ids", "logits")]))
