# SPDX-License-Identifier: BSD-2-Clause
"""Line and branch coverage of hyp/ by the host tests and by the fuzzers' seeds.

    coverage.py --build build/coverage --floor tests/coverage/floor PROGRAM...

Runs the programs that make has built there, prints a table, and writes build/coverage/html, which
shows each line with how often it ran. Ends with status 1 if a program fails, if less is covered
than the floor says, or if the floor is lower than it once was.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
UNIT = TOP / "tests" / "unit"
CORPUS = TOP / "tests" / "fuzz" / "corpus"
PROGRAM_TIMEOUT = 240

# Above the floor by that much, in percent, and it can be raised. What threads do varies a little.
SLACK = 0.5
KINDS = ("lines", "branches")


# ---- running ---------------------------------------------------------------------------------


def tool(name):
    """llvm-cov and the like: of the compiler's own version, where there are several."""
    version = subprocess.run([os.environ.get("CC") or "clang", "-dumpversion"],
                             capture_output=True, text=True, check=True).stdout.split(".")[0]
    return shutil.which(f"{name}-{version}") or name


def is_live(program):
    """Runs whole VMs: once more with every exit observed, as tests/unit/test_observed.py does."""
    source = UNIT / f"{program}.c"
    return source.exists() and '"tests/unit/live.h"' in source.read_text(encoding="utf-8")


def runs_of(programs):
    """(program, what its profile is called, arguments, environment) of each run."""
    for program in programs:
        if program.startswith("fuzz_"):
            seeds = sorted(CORPUS.joinpath(program.removeprefix("fuzz_")).glob("*"))
            yield program, "fuzz", [str(seed) for seed in seeds], {}
            continue
        yield program, "tests", [], {}
        if is_live(program):
            yield program, "tests", [], {"LIVE_OBSERVE": "1"}


def run(build, program, profile, arguments, environment):
    """Nothing if it passed, or what it said."""
    # %m: programs that run at the same time merge what they counted into one file.
    environment = {**os.environ, **environment,
                   "LLVM_PROFILE_FILE": str(build / "raw" / f"{profile}-%m.profraw")}
    try:
        done = subprocess.run([str(build / program), *arguments], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PROGRAM_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as late:
        return f"{program} timed out\n" + (late.stdout or b"").decode(errors="replace")[-2000:]
    if done.returncode == 0:
        return None
    return f"{program}: exit status {done.returncode}\n" + done.stdout.decode("latin-1")[-4000:]


def run_all(build, programs):
    shutil.rmtree(build / "raw", ignore_errors=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda each: run(build, *each), runs_of(programs)))
    failed = [result for result in results if result]
    for result in failed:
        print(result)
    return not failed


# ---- counting --------------------------------------------------------------------------------


def merge(build, name, prefix):
    raw = sorted((build / "raw").glob(f"{prefix}*.profraw"))
    if not raw:
        return None
    profile = build / f"{name}.profdata"
    subprocess.run([tool("llvm-profdata"), "merge", "-sparse", "-o", str(profile),
                    *map(str, raw)], check=True)
    return profile


def summary(build, profile):
    """{file below hyp/: {"lines": (covered, of all), "branches": ...}}"""
    if profile is None:
        return {}
    exported = subprocess.run([tool("llvm-cov"), "export", "-summary-only",
                               f"-instr-profile={profile}", str(build / "libhyp.so")],
                              capture_output=True, check=True).stdout
    files = {}
    for entry in json.loads(exported)["data"][0]["files"]:
        path = pathlib.Path(entry["filename"])
        path = path.relative_to(TOP) if path.is_absolute() else path
        files[str(path)] = {kind: (entry["summary"][kind]["covered"], entry["summary"][kind]["count"])
                            for kind in KINDS}
    return {name: counts for name, counts in files.items() if name.startswith("hyp/")}


def total(files, kind):
    return (sum(counts[kind][0] for counts in files.values()),
            sum(counts[kind][1] for counts in files.values()))


def percent(pair):
    covered, count = pair
    return 100 * covered / count if count else 100.0


def shown(pair):
    return f"{percent(pair):6.1f}" if pair[1] else "     -"


def room_of(name):
    return name.rsplit("/", 1)[0] + "/"


def print_row(name, tables, chosen):
    """What each table has of the chosen files; what no program of a table links counts as well."""
    both = {file: tables["both"][file] for file in chosen}
    pairs = [(total({file: files[file] for file in chosen if file in files}, kind)[0],
              total(both, kind)[1]) for files in tables.values() for kind in KINDS]
    print(f"{name:28}{total(both, 'lines')[1]:6}" + "".join(f" {shown(pair)}" for pair in pairs))


def print_table(tables):
    """A row for each file and room; a column for lines and branches of each table."""
    files = sorted(tables["both"], key=lambda name: (room_of(name), name))
    print(f"{'':28}{'lines':>6}" + "".join(f"{name:>8}{'':6}" for name in tables))
    print(f"{'':34}" + "   line branch" * len(tables))
    for name in files:
        print_row("  " + name.removeprefix("hyp/"), tables, [name])
    print()
    for room in sorted({room_of(name) for name in files}):
        print_row("hyp/ itself" if room == "hyp/" else room, tables,
                  [name for name in files if room_of(name) == room])
    print_row("all of hyp/", tables, files)


def write_pages(build, profile):
    pages = build / "html"
    shutil.rmtree(pages, ignore_errors=True)
    subprocess.run([tool("llvm-cov"), "show", "-format=html", "-show-branches=count",
                    f"-instr-profile={profile}", f"-output-dir={pages}",
                    str(build / "libhyp.so"), str(TOP / "hyp")], check=True)
    text = subprocess.run([tool("llvm-cov"), "show", f"-instr-profile={profile}",
                           str(build / "libhyp.so"), str(TOP / "hyp")],
                          capture_output=True, check=True, text=True).stdout
    (build / "lines.txt").write_text(text, encoding="utf-8")


# ---- the floor -------------------------------------------------------------------------------


def read_floor(text):
    return {kind: float(value) for kind, value in
            re.findall(r"^(lines|branches) +(\d+(?:\.\d+)?)$", text, re.M)}


def highest_floor(path):
    """What the floor has been at most, as far as the repository's history tells."""
    git = shutil.which("git") or "false"
    history = subprocess.run([git, "-C", str(TOP), "log", "--format=", "-p", "--", str(path)],
                             capture_output=True, text=True, check=False).stdout
    highest = dict.fromkeys(KINDS, 0.0)
    for line in history.splitlines():
        if line.startswith("+"):
            for kind, value in read_floor(line[1:]).items():
                highest[kind] = max(highest[kind], value)
    return highest


def hold_floor(path, files):
    """True if nothing is below it."""
    floor = read_floor(path.read_text(encoding="utf-8"))
    before = highest_floor(path)
    holds = True
    for kind in KINDS:
        value = percent(total(files, kind))
        if floor.get(kind, 0.0) < before[kind]:
            print(f"{path}: {kind} {floor.get(kind, 0.0)}, but it was {before[kind]} before; "
                  "the floor only rises")
            holds = False
        if value < floor.get(kind, 0.0):
            print(f"{kind}: {value:.2f} % are covered, less than the floor of {floor[kind]} %")
            holds = False
        elif value >= floor.get(kind, 0.0) + 2 * SLACK:
            print(f"{kind}: {value:.2f} % are covered; the floor in {path} can be raised to "
                  f"{int(10 * (value - SLACK)) / 10}")
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--floor", type=pathlib.Path, required=True)
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    build = arguments.build.resolve()

    passed = run_all(build, arguments.programs)
    tables = {"tests": summary(build, merge(build, "tests", "tests-")),
              "seeds": summary(build, merge(build, "fuzz", "fuzz-"))}
    profile = merge(build, "both", "")
    tables["both"] = summary(build, profile)
    write_pages(build, profile)
    print_table(tables)
    print(f"Each line: {build}/html/index.html, {build}/lines.txt")
    holds = hold_floor(arguments.floor, tables["both"])
    if not passed:
        print("A program failed; see above.")
    return 0 if passed and holds else 1


if __name__ == "__main__":
    sys.exit(main())
