#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""heed beside PyTorch on the same work, in turns, so that both meet the same machine.

    bench/peers.py [small] [124m] [decode] [recipe] [--rounds 3] [--heed build/heed] [--peer FILE] [--text FILE]

small, 124m   a training step (4 layers, d_model 128, batch 12 x 64; GPT-2's 124M shape, batch 4 x 256)
decode        one token after the other, 124M, batch 1
recipe        the whole of `heed train TEXT`: seconds and validation loss; and the peer's 2000 steps and 200 evaluations

Each round runs heed, PyTorch as installed, PyTorch tuned. Figures are medians over the rounds, with the least and
the most. Without the peer's file or PyTorch only heed is measured. The result is a Markdown table on stdout.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHAPES = {
    "small": (["--vocab-size", "65", "--batch-size", "12", "--steps", "200"], ["--shape", "small", "--steps", "100"]),
    "124m": (["--preset", "gpt2", "--batch-size", "4", "--context-length", "256", "--steps", "8"],
             ["--shape", "124m", "--steps", "8"]),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="*", choices=["small", "124m", "decode", "recipe", []], default=[])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    p.add_argument("--peer", default=os.path.join(ROOT, "..", "shared", "peers", "pytorch_gpt.py"))
    p.add_argument("--text", default=os.path.join(ROOT, "..", "shared", "data", "tinyshakespeare.txt"))
    p.add_argument("--python", default="/usr/bin/python3", help="an interpreter that has PyTorch")
    return p.parse_args()


A = arguments()


def last_json(command):
    """What the command's last line says, with the seconds it took; None when it fails."""
    begin = time.time()
    # threads that spin while they wait would make whoever is measured crawl when anything else runs; the same for all
    env = {**os.environ, "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "10000")}
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env)
    lines = run.stdout.strip()
    if run.returncode != 0 or not lines:
        return None
    row = json.loads(lines if lines.startswith("{\n") else lines.splitlines()[-1])
    row["wall_s"] = time.time() - begin
    return row


def has_peer():
    probe = [A.python, "-c", "import torch"]
    return os.path.exists(A.peer) and subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0


def heed_row(what):
    if what == "decode":
        row = last_json([A.heed, "bench", "decode", "--preset", "gpt2", "--steps", "64", "--json"])
        part = row["decode"]
        return {"tokens/s": part["tokens_per_s"], "share of bandwidth %": 100 * part["bandwidth_share"],
                "peak MB": part["resident_bytes"] / 1e6}
    if what == "recipe":
        folder = tempfile.mkdtemp()
        row = last_json([A.heed, "train", A.text, "--out", folder + "/run", "--sample-tokens", "0", "--json"])
        shutil.rmtree(folder)
        return {"seconds": row["wall_s"], "validation loss": row["validation_loss"]}
    row = last_json([A.heed, "bench", "train", "--json"] + SHAPES[what][0])
    part = row["training"]
    return {"ms a step": 1e3 * part["median_s"], "tokens/s": part["tokens_per_s"],
            "share of f32 peak %": 100 * part["peak_share"], "peak MB": part["resident_bytes"] / 1e6}


def peer_row(what, tuned):
    command = [A.python, A.peer] + (["decode"] if what == "decode" else ["train"]) + (["--tuned"] if tuned else [])
    if what == "recipe":
        row = last_json(command + ["--shape", "small", "--text", A.text])
        return row and {"seconds": row["wall_s"], "validation loss": row["val"]}
    row = last_json(command + (SHAPES[what][1] if what in SHAPES else ["--new", "64"]))
    if row is None:
        return None
    out = {"tokens/s": row["tokens_per_s"], "peak MB": row["peak_rss_MB"] * 1.048576}
    if "ms_per_step" in row:
        out["ms a step"] = row["ms_per_step"]
    return out


def figure(values):
    if len(values) == 1:
        return "%.4g" % values[0]
    return "%.4g (%.4g to %.4g)" % (statistics.median(values), min(values), max(values))


def measure(what, peer):
    runners = {"heed": lambda: heed_row(what)}
    if peer:
        runners["PyTorch as installed"] = lambda: peer_row(what, False)
        runners["PyTorch tuned"] = lambda: peer_row(what, True)
    rows = {name: [] for name in runners}
    for _ in range(A.rounds):
        for name, run in runners.items():
            row = run()
            if row:
                rows[name].append(row)
    columns = []
    for group in rows.values():
        for k in (k for row in group for k in row):
            columns += [k] * (k not in columns)
    print("\n%s, %d rounds\n\n| |%s|\n|---|%s|" % (what, A.rounds, "|".join(" %s " % c for c in columns), "---|" * len(columns)))
    for name, group in rows.items():
        cells = [figure([r[c] for r in group if c in r]) if any(c in r for r in group) else "" for c in columns]
        print("| %s | %s |" % (name, " | ".join(cells)), flush=True)
    key = "seconds" if what == "recipe" else "tokens/s"
    base = statistics.median(r[key] for r in rows["heed"])
    for name, group in rows.items():
        if name != "heed" and group:
            other = statistics.median(r[key] for r in group)
            print("\nheed is %.2f x %s" % (other / base if what == "recipe" else base / other, name), flush=True)


def main():
    peer = has_peer()
    limits = last_json([A.heed, "bench", "limits", "--json"])
    print("%s; %s\n%s" % (limits["processor"], limits["device"], time.strftime("%Y-%m-%d")))
    print("limits: f32 %.0f GFLOP/s, bf16 %.0f GFLOP/s, reading %.1f GB/s"
          % tuple(limits["machine"][k] / 1e9 for k in ("f32_flops_per_s", "bf16_flops_per_s", "read_bytes_per_s")))
    if not peer:
        print("PyTorch or its script is not there: only heed is measured")
    for what in A.what or ["small", "124m", "decode", "recipe"]:
        measure(what, peer)


sys.exit(main())
