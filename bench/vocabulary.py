#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Learning a vocabulary: heed beside the tokenizers library, on the same text, in turns.

    bench/vocabulary.py [--mb 100] [--vocab-size 32768] [--rounds 3] [--text FILE] [--python PYTHON]

The text is FILE again and again up to so many MB; in each copy but the first a twentieth of the words have their letters
turned around, so that pieces come that were not there before. heed runs on one thread and on all, the library (where the
interpreter has it) on all. Times are medians over the rounds, with the least and the most, from the start of the program
to the file on the disk. Merges are compared, too; the library reads a file line by line and so knows no piece that goes
over a line's end. The result is a Markdown table on stdout.
"""
import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = """
import sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
t = Tokenizer(models.BPE())
t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
t.decoder = decoders.ByteLevel()
t.train([sys.argv[1]], trainers.BpeTrainer(vocab_size=int(sys.argv[2]), min_frequency=2, show_progress=False,
                                           initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
t.save(sys.argv[3])
"""


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mb", type=int, default=100)
    p.add_argument("--vocab-size", type=int, default=32768)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--heed", default=os.path.join(ROOT, "build", "heed"))
    p.add_argument("--text", default=os.path.join(ROOT, "..", "shared", "data", "tinyshakespeare.txt"))
    p.add_argument("--python", default=sys.executable, help="an interpreter that has the tokenizers library")
    return p.parse_args()


def make_text(source, n_bytes, path):
    """Copies of the source with some words turned around; the same bytes each time."""
    text = open(source, encoding="utf-8").read()
    parts = re.split(r"([A-Za-z]{3,})", text)
    chance = random.Random(1)
    written = 0
    with open(path, "wb") as out:
        while written < n_bytes:
            if written > 0:
                text = "".join("".join(chance.sample(p, len(p))) if i % 2 and chance.random() < 0.05 else p
                               for i, p in enumerate(parts))
            data = text.encode()[:n_bytes - written]
            out.write(data)
            written += len(data)


def run(command):
    begin = time.time()
    pid = os.spawnvpe(os.P_NOWAIT, command[0], command, {**os.environ, "TOKENIZERS_PARALLELISM": "true"})
    _, status, usage = os.wait4(pid, 0)
    return (time.time() - begin, usage.ru_maxrss / 1e3) if status == 0 else None


def merges_of(path):
    merges = json.load(open(path))["model"]["merges"]
    return [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in merges]


def figure(values):
    return "%.3g (%.3g to %.3g)" % (statistics.median(values), min(values), max(values))


def main():
    a = arguments()
    folder = tempfile.TemporaryDirectory()
    text, ours, theirs = (os.path.join(folder.name, name) for name in ("text", "heed.json", "peer.json"))
    make_text(a.text, a.mb * 1000000, text)
    learn = [a.heed, "tokenize", "train", text, "--vocab-size", str(a.vocab_size), "--out", ours, "--force", "--quiet"]
    runs = {"heed, one thread": learn + ["--threads", "1"], "heed, all threads": learn}
    probe = [a.python, "-c", "import tokenizers; print(tokenizers.__version__)"]
    version = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if version.returncode == 0:
        name = "tokenizers %s, all threads" % version.stdout.strip()
        runs[name] = [a.python, "-c", PEER, text, str(a.vocab_size), theirs]
    results = {name: [] for name in runs}
    for _ in range(a.rounds):
        for name, command in runs.items():
            result = run(command)
            if result is None:
                sys.exit("%s failed" % name)
            results[name].append(result)
    print("%d MB of text, %d tokens" % (a.mb, a.vocab_size), end="")
    if version.returncode == 0:
        both = set(merges_of(ours)) & set(merges_of(theirs))
        print("; of %d merges %d are the library's" % (len(merges_of(ours)), len(both)), end="")
    print("\n")
    print("| | seconds | MB/s | peak MB |\n|---|---|---|---|")
    for name, rows in results.items():
        seconds = [row[0] for row in rows]
        print("| %s | %s | %.3g | %.0f |" % (name, figure(seconds), a.mb / statistics.median(seconds), max(r[1] for r in rows)))


if __name__ == "__main__":
    main()
