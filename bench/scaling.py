#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tables of docs/scaling.md: what data parallel training on N nodes is predicted to reach, by its formulas.

    python3 bench/scaling.py            all tables
    python3 bench/scaling.py 2.5e12     the speed of a node in FLOP/s, in training
"""
import sys

BUCKET = 1600 * 4096  # numbers, the most that one takes (src/train/split.h)
RUN_TOKENS = 8192  # of one run at most; a step of more is several, and only the last hides anything

# layers, d_model, context, vocabulary
MODELS = {
    "124M": (12, 768, 1024, 50257),
    "1.56B": (48, 1600, 1024, 50257),
}
# bytes a second and direction, seconds of one message
NETWORKS = {
    "100 Gbit/s, 2 us": (12.5e9, 2e-6),
    "10 Gbit/s, 20 us": (1.25e9, 20e-6),
}


def parameters_of(layers, d_model, context, vocabulary):
    """Numbers of each parameter of a GPT-2, in the order of the model."""
    d = d_model
    block = [d, d, 3 * d * d, 3 * d, d * d, d, d, d, 4 * d * d, 4 * d, 4 * d * d, d]
    return [vocabulary * d, context * d] + layers * block + [d, d]


def buckets_of(counts):
    """How many buckets they fill, from the end on: one takes whole parameters, or a piece of one that is larger."""
    n, here = 0, 0
    for count in reversed(counts):
        if here > 0 and (here >= BUCKET or here + count > BUCKET):
            n += -(-here // BUCKET)
            here = 0
        here += count
    return n + -(-here // BUCKET)


def step(model, network, tokens, flops_s, n):
    """Seconds of one step on n nodes: computing, reducing that nothing hides, sharing weights."""
    layers, d_model, context, vocabulary = MODELS[model]
    counts = parameters_of(layers, d_model, context, vocabulary)
    bandwidth, latency = NETWORKS[network]
    flops = (6 * sum(counts) + 6 * layers * d_model * context) * tokens
    computing = flops / flops_s
    moving = (n - 1) / n * 4 * sum(counts) / bandwidth + buckets_of(counts) * (n - 1) * latency
    late = counts[0] / sum(counts)  # the tied table: its gradient is complete at the very end
    backward = 2 / 3 * computing * min(1.0, RUN_TOKENS / tokens)
    exposed = late * moving + max(0.0, (1 - late) * moving - backward)
    return computing, exposed, moving


def main():
    flops_s = float(sys.argv[1]) if len(sys.argv) > 1 else 2e12
    nodes = [8, 32, 128, 512, 1024]
    filled = ", ".join(f"{model} {buckets_of(parameters_of(*shape))}" for model, shape in MODELS.items())
    print(f"A node trains at {flops_s / 1e12:g} TFLOP/s. Buckets: {filled}.\n")
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
