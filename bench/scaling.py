#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of docs/scaling.md: what data parallel training on N nodes is predicted to reach, by its formulas.

    python3 bench/scaling.py            all tables
    python3 bench/scaling.py 2.5e12     the speed of a node in FLOP/s, in training
"""
import sys

BUCKET_BYTES = 1600 * 4096 * 4

# parameters, layers, d_model, context, numbers of the tied table (its gradient is complete at the very end)
MODELS = {
    "124M": (124.4e6, 12, 768, 1024, 50257 * 768),
    "1.56B": (1557.6e6, 48, 1600, 1024, 50257 * 1600),
}
# bytes a second and direction, seconds of one message
NETWORKS = {
    "100 Gbit/s, 2 us": (12.5e9, 2e-6),
    "10 Gbit/s, 20 us": (1.25e9, 20e-6),
}


def step(model, network, tokens, flops_s, n):
    """Seconds of one step on n nodes: computing, reducing that nothing hides, sharing weights."""
    parameters, layers, d_model, context, table = MODELS[model]
    bandwidth, latency = NETWORKS[network]
    flops = (6 * parameters + 6 * layers * d_model * context) * tokens
    computing = flops / flops_s
    size = 4 * parameters
    buckets = max(1, round(size / BUCKET_BYTES))
    moving = (n - 1) / n * size / bandwidth + buckets * (n - 1) * latency
    late = table / parameters
    exposed = late * moving + max(0.0, (1 - late) * moving - 2 / 3 * computing)
    return computing, exposed, moving


def main():
    flops_s = float(sys.argv[1]) if len(sys.argv) > 1 else 2e12
    nodes = [8, 32, 128, 512, 1024]
    print(f"A node trains at {flops_s / 1e12:g} TFLOP/s.\n")
    print("| model | network | tokens a node and step | one node, s | " + " | ".join(str(n) for n in nodes) + " |")
    print("|---|---|---|---|" + "---|" * len(nodes))
    for model in MODELS:
        for network in NETWORKS:
            for tokens in (8192, 65536):
                cells = []
                for n in nodes:
                    computing, exposed, sharing = step(model, network, tokens, flops_s, n)
                    cells.append(f"{100 * computing / (computing + exposed + sharing):.1f} %")
                print(f"| {model} | {network} | {tokens} | {computing:.2f} | " + " | ".join(cells) + " |")


main()
