#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Text to tokens: heed beside the reference package tiktoken, on one core and on more.

    pip install tiktoken
    python3 bench/tokens.py TABLES_DIR TEXT [--heed build/heed] [--megabytes 100] [--rounds 5] [--threads 1,2]

TABLES_DIR has gpt2.tiktoken and o200k_base.tiktoken; TEXT is repeated to the size asked for. First the ids of both are
compared, by their number. heed's time is that of the whole program, with opening the table and reading the text from a
warm file cache; tiktoken's is that of encode_ordinary() alone. Rounds of both alternate, and each round of tiktoken takes
the text in parts of 10 MB, a tenth of them. Printed are medians, and the spread from the fastest round to the slowest.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import tempfile
import time

GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
ENDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = "|".join([
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENDS}", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENDS}",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
PATTERNS = {"gpt2": GPT2, "o200k_base": O200K}


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return re.search(r"model name\s*: (.*)", file.read()).group(1)


def run_heed(heed, table, path, threads):
    begin = time.perf_counter()
    out = subprocess.run([heed, "tokenize", table, path, "--count", "--json", "--threads", str(threads)], check=True,
                         capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    return seconds, count_of(json.loads(out.stdout))


def count_of(value):
    """The number of tokens, wherever the object has it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("n_tokens", "tokens") and isinstance(inner, int):
                return inner
            found = count_of(inner) if isinstance(inner, (dict, list)) else None
            if found is not None:
                return found
    if isinstance(value, list):
        for inner in value:
            found = count_of(inner)
            if found is not None:
                return found
    return None


def reference(name, table):
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(table)
    return tiktoken.Encoding(name=name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens={})


def show(what, rates):
    middle = statistics.median(rates)
    print(f"    {what:<26}{middle:8.1f} MB/s    {min(rates):.1f} to {max(rates):.1f}", flush=True)
    return middle


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables")
    parser.add_argument("text")
    parser.add_argument("--heed", default="build/heed")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--encodings", default="gpt2,o200k_base")
    options = parser.parse_args()
    threads = [int(n) for n in options.threads.split(",")]

    with open(options.text, "rb") as file:
        once = file.read()
    size = options.megabytes * 1000000
    text = (once * (size // len(once) + 1))[:size]
    sample = text[:size // 10].decode("utf-8", errors="ignore")
    print(f"{processor()}, {os.cpu_count()} processors, Python {platform.python_version()}, {len(text):,} bytes")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        with open(path, "wb") as file:
            file.write(text)
        part = os.path.join(folder, "part")
        with open(part, "w", encoding="utf-8", newline="") as file:
            file.write(sample)
        for name in options.encodings.split(","):
            table = os.path.join(options.tables, name + ".tiktoken")
            encoding = reference(name, table)
            expected = len(encoding.encode_ordinary(sample))
            _, got = run_heed(options.heed, table, part, 1)
            print(f"{name}: {got:,} tokens of the first {len(sample):,} characters, "
                  f"{'the same number' if got == expected else f'tiktoken {expected:,}: WRONG'}")
            rates = {n: [] for n in threads}
            theirs = []
            for _ in range(options.rounds):
                begin = time.perf_counter()
                encoding.encode_ordinary(sample)
                theirs.append(len(sample.encode()) / 1e6 / (time.perf_counter() - begin))
                for n in threads:
                    seconds, _ = run_heed(options.heed, table, path, n)
                    rates[n].append(len(text) / 1e6 / seconds)
            middle = show("tiktoken, one thread", theirs)
            for n in threads:
                ours = show(f"heed, {n} thread{'s' if n > 1 else ''}", rates[n])
                print(f"{'':30}{ours / middle:8.1f} times tiktoken")


main()
