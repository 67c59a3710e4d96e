#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the suite of a build folder and ends with one line: N passed, N failed, N skipped.

    test.py BUILD [options of `meson test`]

Counts single tests: a cmocka program has several. A program that is no cmocka program, or that ends
before its own summary (a crash, a timeout), counts as one.
"""
import json
import os
import re
import subprocess
import sys

OK = re.compile(r"^\[ +OK \]", re.M)
SKIPPED = re.compile(r"^\[ +SKIPPED +\]", re.M)
FAILED = re.compile(r"^\[ +FAILED +\]", re.M)


def count(record):
    """(passed, failed, skipped) of one program's line in the log."""
    out = record.get("stdout", "")
    passed, failed, skipped = (len(p.findall(out)) for p in (OK, FAILED, SKIPPED))
    result = record["result"]
    if result in ("OK", "EXPECTEDFAIL"):
        return (passed, failed, skipped) if passed + failed + skipped else (1, 0, 0)
    if result == "SKIP":
        return passed, failed, max(skipped, 1)
    return passed, max(failed, 1), skipped


def main():
    build, options = sys.argv[1], sys.argv[2:]
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    run = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", *options])
    totals = (0, 0, 0)
    if os.path.exists(log):
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                totals = tuple(a + b for a, b in zip(totals, count(json.loads(line))))
    print("%d passed, %d failed, %d skipped" % totals)
    if sum(totals) == 0 or totals[1] > 0 or run.returncode != 0:
        sys.exit(1)


main()
