#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first token from a cold process: heed generate MODEL --max-tokens 1 from start to end, its files in the cache.

    bench/cold_start.py [--heed PROGRAM] [--rounds N] [--precision f32] [--tokenizer FILE ...] [--json]

Makes a GPT-2 of 124M random numbers (0.5 GB in f32) in a temporary folder, or takes --model FOLDER. Beside the process it
measures the least that the work can take: `heed bench limits` gives this machine's rates, and a prompt of n tokens is 2
FLOPs a weight and token, or all weights read once, whichever is longer. What the process takes beyond that is printed as
"above". `heed --version` is measured too. Medians of the rounds. Needs Python 3.8 and nothing else.
"""
import argparse
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

V, CONTEXT, D, LAYERS, HEADS = 50257, 1024, 768, 12, 12
PROMPT = "The first thing that a cold process does is to read"


def tensors():
    """Names and shapes of GPT-2's checkpoint."""
    yield "wte.weight", [V, D]
    yield "wpe.weight", [CONTEXT, D]
    for i in range(LAYERS):
        for name, shape in [("ln_1.weight", [D]), ("ln_1.bias", [D]), ("attn.c_attn.weight", [D, 3 * D]),
                            ("attn.c_attn.bias", [3 * D]), ("attn.c_proj.weight", [D, D]), ("attn.c_proj.bias", [D]),
                            ("ln_2.weight", [D]), ("ln_2.bias", [D]), ("mlp.c_fc.weight", [D, 4 * D]),
                            ("mlp.c_fc.bias", [4 * D]), ("mlp.c_proj.weight", [4 * D, D]), ("mlp.c_proj.bias", [D])]:
            yield f"h.{i}.{name}", shape
    yield "ln_f.weight", [D]
    yield "ln_f.bias", [D]


def write_model(folder):
    """Small numbers that repeat every million: what they are does not change how long anything takes."""
    source = random.Random(1)
    block = struct.pack("<1000003f", *(source.gauss(0.0, 0.02) for _ in range(1000003)))
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors():
        n = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while at > 0:
            file.write(block[:at])
            at -= len(block)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"model_type": "gpt2", "vocab_size": V, "n_positions": CONTEXT, "n_embd": D, "n_layer": LAYERS,
                   "n_head": HEADS}, file)
    return sum(math.prod(shape) for _, shape in tensors())


def median(values):
    return sorted(values)[len(values) // 2]


def seconds(command, rounds):
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heed", default="build/heed")
    parser.add_argument("--model", help="a folder of a 124M GPT-2 with its tokenizer, in place of a random one")
    parser.add_argument("--tokenizer", nargs="*", default=[], help="files of GPT-2's tokenizer; characters else")
    parser.add_argument("--precision", default="f32", choices=["f32", "bf16", "f16", "int8"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keep", help="write the random model into this folder, and leave it there")
    parser.add_argument("--json", action="store_true")
    own = parser.parse_args()

    temporary = tempfile.mkdtemp()
    try:
        model = own.model or own.keep or os.path.join(temporary, "f32")
        if not own.model and not os.path.exists(os.path.join(model, "config.json")):
            os.makedirs(model, exist_ok=True)
            write_model(model)
            for file in own.tokenizer:
                shutil.copy(file, model)
            if not own.tokenizer:
                letters = "".join(sorted(set(PROMPT)))
                story = os.path.join(temporary, "letters")
                with open(story + ".txt", "w") as file:
                    file.write(PROMPT * 200)
                subprocess.run([own.heed, "train", story + ".txt", "--steps", "1", "--out", story], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                shutil.copy(os.path.join(story, "tokenizer.json"), model)
        if own.precision != "f32":
            narrow = os.path.join(temporary, own.precision)
            subprocess.run([own.heed, "convert", model, narrow, "--dtype", own.precision], check=True,
                           stdout=subprocess.DEVNULL)
            model = narrow
        generate = [own.heed, "generate", model, "--prompt", PROMPT, "--max-tokens", "1", "--temperature", "0"]
        said = json.loads(subprocess.run([own.heed, "tokenize", model, "--json"], input=PROMPT.encode(), check=True,
                                         stdout=subprocess.PIPE).stdout.splitlines()[0])
        n_tokens = said["texts"][0]["n_tokens"]
        seconds(generate, 2)
        limits = json.loads(subprocess.run([own.heed, "bench", "limits", "--json"], check=True,
                                           stdout=subprocess.PIPE).stdout)["machine"]
        whole = seconds(generate, own.rounds)
        version = seconds([own.heed, "--version"], own.rounds)
        nothing = seconds(["true"], own.rounds)
        n_weights = sum(math.prod(shape) for _, shape in tensors())
        n_bytes = sum(os.path.getsize(os.path.join(model, name)) for name in os.listdir(model)
                      if name.endswith(".safetensors"))
        arithmetic = 2 * (n_weights - V * D - CONTEXT * D) * n_tokens / limits["f32_flops_per_s"]
        least = max(arithmetic, n_bytes / limits["read_bytes_per_s"])
        out = {"precision": own.precision, "prompt_tokens": n_tokens, "first_token_ms": 1e3 * median(whole),
               "first_token_least_ms": 1e3 * min(whole), "first_token_most_ms": 1e3 * max(whole),
               "arithmetic_ms": 1e3 * least, "above_ms": 1e3 * (median(whole) - least),
               "version_ms": 1e3 * median(version), "empty_process_ms": 1e3 * median(nothing), "rounds": own.rounds}
        if own.json:
            print(json.dumps(out))
        else:
            for key, value in out.items():
                print(f"{key:22s} {value if not isinstance(value, float) else round(value, 1)}")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
