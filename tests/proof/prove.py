#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the proofs of one file: prove.py --cbmc CBMC [--out FILE] SOURCE PREPROCESSED

Each function `void prove_NAME(void)` of SOURCE is a proof. Options for it stand in a comment before
it, after "cbmc:". All that cbmc checks has to hold, except what REACH() states: that has to fail,
which shows that the proof gets there. One line a proof goes to FILE: its name, number of checks,
seconds. Without success there is no FILE, and the input that breaks the proof is shown.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys

OPTIONS = ["--arch", "riscv64", "--os", "linux", "--unwinding-assertions",
           "--bounds-check", "--pointer-check", "--pointer-overflow-check",
           "--div-by-zero-check", "--signed-overflow-check", "--undefined-shift-check",
           "--drop-unused-functions"]
PROOF = re.compile(r"(?:/\*((?:(?!\*/).)*?)\*/\s*)?^void (prove_\w+)\(void\)\s*^{", re.S | re.M)
TIME_MAX = 120  # seconds of processor time for one proof; a busy machine makes it no slower


class Wrong(Exception):
    """A proof that does not hold, or cannot be made. `broken`: there is an input that breaks it."""

    broken = False


def find_proofs(source):
    """The name and the options of each proof in a C source."""
    for comment, name in PROOF.findall(source):
        options = re.search(r"cbmc:(.*)", comment or "", re.S)
        yield name, re.sub(r"[*]", " ", options[1]).split() if options else []


def limit():
    """Of cbmc and of the solver that it calls, each."""
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_MAX, TIME_MAX))


def call(cbmc, preprocessed, name, options):
    """cbmc on one proof. Other solvers lie beside it."""
    path = os.path.dirname(os.path.abspath(cbmc)) + ":" + os.environ["PATH"]
    return subprocess.run([cbmc, preprocessed, "--function", name, *OPTIONS, *options],
                          capture_output=True, text=True, check=False, preexec_fn=limit,
                          env={**os.environ, "PATH": path})


def seconds():
    """Processor time of all that has been called."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(cbmc, preprocessed, name, options):
    """What cbmc says of each check: a list of (id, description, holds, place)."""
    done = call(cbmc, preprocessed, name, [*options, "--json-ui"])
    try:
        said = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Wrong(f"cbmc ended with {done.returncode} (it may take {TIME_MAX} s): "
                    f"{done.stdout[-500:]}") from None
    for part in said:
        if "result" in part:
            return [(check["property"], check["description"], check["status"] == "SUCCESS",
                     check.get("sourceLocation", {})) for check in part["result"]]
    errors = [part["messageText"] for part in said if part.get("messageType") == "ERROR"]
    raise Wrong("\n".join(errors) or "no result")


def judge(checks):
    """The number of checks, if all is as it has to be."""
    wrong, reached = [], 0
    for identity, text, holds, place in checks:
        where = f"{place.get('file', '?')}:{place.get('line', '?')}"
        if text.startswith("REACH "):
            reached += 1
            if holds:
                wrong.append((identity, f"{where}: never gets to: {text}"))
        elif not holds:
            wrong.append((identity, f"{where}: {text}"))
    if not reached:
        wrong.append((None, "it does not say what it reaches: REACH()"))
    return len(checks) - reached, wrong


def show_trace(cbmc, preprocessed, name, options, identity):
    """The way to a check that fails, as cbmc tells it."""
    done = call(cbmc, preprocessed, name,
                [*options, "--property", identity, "--compact-trace", "--trace-hex"])
    return "\n".join(done.stdout.splitlines()[-60:])


def prove(cbmc, source, preprocessed, only=None, trace=True):
    """Lines of a report; Wrong if a proof fails."""
    lines = []
    with open(source, encoding="utf-8") as file:
        proofs = list(find_proofs(file.read()))
    if not proofs:
        raise Wrong(f"{source} has no proof")
    for name, options in proofs:
        if only and name != only:
            continue
        begin = seconds()
        try:
            count, wrong = judge(run(cbmc, preprocessed, name, options))
        except Wrong as reason:
            raise Wrong(f"{source}: {name}: {reason}") from None
        if wrong:
            text = f"{source}: {name} does not hold:\n"
            text += "".join(f"    {what}\n" for _, what in wrong)
            first = next((identity for identity, what in wrong if identity
                          and "never gets to" not in what), None)
            if first and trace:
                text += show_trace(cbmc, preprocessed, name, options, first)
            reason = Wrong(text)
            reason.broken = first is not None
            raise reason
        title = f"{os.path.basename(source)[6:-2]}: {name[6:].replace('_', ' ')}"
        lines.append(f"{title:<70} {count} checks {seconds() - begin:.1f} s")
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cbmc", required=True)
    parser.add_argument("--out")
    parser.add_argument("--only")
    parser.add_argument("source")
    parser.add_argument("preprocessed")
    arguments = parser.parse_args()
    try:
        lines = prove(arguments.cbmc, arguments.source, arguments.preprocessed, arguments.only)
    except Wrong as reason:
        sys.exit(f"{reason}")
    text = "".join(line + "\n" for line in lines)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
