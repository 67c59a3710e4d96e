#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attention alone, heed beside PyTorch on the same shapes, in turns, so that both meet the same machine.

    bench/attention_peer.py [--n-heads 12] [--head-dim 64] [--lengths 256,1024,4096] [--rounds 3] [--heed build/heed]

Causal, one batch, f32: forward, and forward with the gradients of q, k and v. PyTorch computes it
    by hand    softmax(q k^T / sqrt(head_dim) + mask) v, as in a text book
    sdpa       torch.nn.functional.scaled_dot_product_attention, where this PyTorch has it

Each round runs heed, then each form of PyTorch in a process of its own. Figures are medians of a round's repetitions,
and of those the median over the rounds, with the least and the most. The result is a Markdown table on stdout.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--n-heads", type=int, default=12)
    p.add_argument("--head-dim", type=int, default=64)
    p.add_argument("--lengths", default="256,1024,4096")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2.0, help="for each length, in each round")
    p.add_argument("--threads", type=int, default=0, help="0: one a processor")
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    p.add_argument("--python", default="/usr/bin/python3", help="an interpreter that has PyTorch")
    p.add_argument("--run", choices=["hand", "sdpa"], help=argparse.SUPPRESS)  # one form of PyTorch, by this script
    return p.parse_args()


# --- PyTorch, in a process of its own ---------------------------------------------------------------------------


def repeat(work, seconds):
    """Median seconds of work(), after one run that does not count."""
    work()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - begin < seconds and len(times) < 100):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run_torch(a):
    import torch

    if a.threads:
        torch.set_num_threads(a.threads)
    if a.run == "sdpa" and not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        return {"torch": torch.__version__, "lengths": []}
    torch.manual_seed(1)
    rows = []
    for T in [int(x) for x in a.lengths.split(",")]:
        q, k, v, dout = (torch.rand(1, a.n_heads, T, a.head_dim) * 2 - 1 for _ in range(4))
        mask = torch.full((T, T), float("-inf")).triu(1) if a.run == "hand" else None

        def attention():
            if a.run == "sdpa":
                return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return torch.softmax(q @ k.transpose(-1, -2) / a.head_dim ** 0.5 + mask, -1) @ v

        def both():
            for x in (q, k, v):
                x.grad = None
            attention().backward(dout)

        with torch.no_grad():
            forward_s = repeat(attention, a.seconds / 2)
        for x in (q, k, v):
            x.requires_grad_(True)
        rows.append({"length": T, "forward": forward_s, "both": repeat(both, a.seconds / 2)})
    return {"torch": torch.__version__, "lengths": rows}


# --- in turns ---------------------------------------------------------------------------------------------------


def last_json(command):
    """What the command prints, as JSON; None when it fails."""
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode != 0:
        print("%s: %s" % (command[0], run.stderr.strip().splitlines()[-1:]), file=sys.stderr)
        return None
    return json.loads(run.stdout.splitlines()[-1])


def options(a):
    return ["--n-heads", str(a.n_heads), "--head-dim", str(a.head_dim), "--lengths", a.lengths,
            "--seconds", str(a.seconds), "--threads", str(a.threads)]


def heed_rows(a):
    found = last_json([a.heed, "bench", "attention", "--no-masks", "--no-decode", "--json"] + options(a))
    if found is None:
        sys.exit("heed did not run: --heed says where it is")
    rows = [{"length": r["length"], "forward": r["forward"]["median_s"], "both": r["forward_backward"]["median_s"],
             "shares": (r["forward"]["peak_share"], r["forward_backward"]["peak_share"])} for r in found["lengths"]]
    return rows, "%s; %s" % (found["processor"], found["device"])


def figure(values):
    values = [1e3 * v for v in values]
    if len(values) == 1:
        return "%.3g" % values[0]
    return "%.3g (%.3g to %.3g)" % (statistics.median(values), min(values), max(values))


def main():
    a = arguments()
    if a.run:
        print(json.dumps(run_torch(a)))
        return
    runs = {"heed": [], "by hand": [], "sdpa": []}
    version = machine = None
    for _ in range(a.rounds):
        rows, machine = heed_rows(a)
        runs["heed"].append(rows)
        for name, form in (("by hand", "hand"), ("sdpa", "sdpa")):
            found = last_json([a.python, os.path.abspath(__file__), "--run", form] + options(a))
            if found and found["lengths"]:
                runs[name].append(found["lengths"])
            version = found["torch"] if found else version
    print("%s; PyTorch %s; %s\n%d heads of %d, causal, f32; ms, medians of %d rounds\n"
          % (machine, version or "is not there", time.strftime("%Y-%m-%d"), a.n_heads, a.head_dim, a.rounds))
    present = [name for name in runs if runs[name]]
    print("| length | pass | %s | heed of the f32 peak | %s |"
          % (" | ".join(present), " | ".join("heed is faster than " + name for name in present[1:])))
    print("|---|---|%s---|%s" % ("---|" * len(present), "---|" * (len(present) - 1)))
    for i, length in enumerate(int(x) for x in a.lengths.split(",")):
        for p, (key, what) in enumerate((("forward", "forward"), ("both", "forward + backward"))):
            times = {name: [rows[i][key] for rows in runs[name]] for name in present}
            share = statistics.median(rows[i]["shares"][p] for rows in runs["heed"])
            ratios = [statistics.median(times[name]) / statistics.median(times["heed"]) for name in present[1:]]
            print("| %d | %s | %s | %.0f %% | %s |" % (length, what, " | ".join(figure(times[n]) for n in present),
                                                   100 * share, " | ".join("%.1f x" % r for r in ratios)))


main()
