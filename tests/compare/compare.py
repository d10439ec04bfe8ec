#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures both sides and makes the report: what `make compare` runs.

    compare.py [--build DIR] [--jobs N] [--count N] LABEL=DIR ...

Two lines of steps, side by side if N allows it: counts of instructions do not depend on what else the host does. Each
step says how long it took; what it printed is shown only if it failed. Then the report's tables.
"""

import argparse
import pathlib
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent


class Step:
    def __init__(self, title, *command):
        self.title, self.command = title, [sys.executable, "-B", *command]

    def run(self):
        start = time.monotonic()
        done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        said = done.stdout.splitlines() or [""]
        passed = done.returncode == 0
        if not passed:
            print(done.stdout, end="", flush=True)
        result = said[-1] if passed else "failed"
        print(f"  {self.title}: {result} ({time.monotonic() - start:.0f} s)", flush=True)
        return passed


def run_all(lines, jobs):
    """Each line's steps one after the other, up to the first that fails. True if none has."""
    passed = [False] * len(lines)

    def run_line(index):
        passed[index] = all(step.run() for step in lines[index])

    threads = [threading.Thread(target=run_line, args=(index,)) for index in range(len(lines))]
    for thread in threads:
        thread.start()
        if jobs < 2:
            thread.join()
    for thread in threads:
        thread.join()
    return all(passed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--count", default="10000", help="rounds of each operation")
    parser.add_argument("builds", nargs="+", help="LABEL=DIR")
    args = parser.parse_args()
    out = pathlib.Path(args.build) / "compare"
    for path in (*out.glob("*.json"), *out.glob("report.*")):
        path.unlink()
    build = ["--build", args.build]
    print(f"Measuring; the logs are {out}/*.log", flush=True)
    lines = [
        [Step("the VT-x side in Bochs", str(HERE / "vtx.py"), *build, "--count", args.count),
         Step("Linux boots", str(HERE / "boots.py"), *build, *args.builds)],
        [Step("Hartwood in QEMU", str(HERE / "riscv.py"), *build, "--count", args.count, *args.builds)],
    ]
    if not run_all(lines, args.jobs):
        print("failed")
        return 1
    return subprocess.run([sys.executable, "-B", str(HERE / "compare_report.py"), *build], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
