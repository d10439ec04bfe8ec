#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Boots a bundle under QEMU, traces and profiles it from the shell for some seconds, and writes
what came of it for the Perfetto UI (`make trace`)."""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import hartwood  # noqa: E402
import perfetto  # noqa: E402

ESCAPE = "\x1d"
PROMPT = "hartwood> "
DUMP_TIMEOUT = 300


def command(machine, line, expect=PROMPT, timeout=30):
    """A line at the shell, whose prompt has been seen, to the next prompt; what it printed."""
    machine.send(line + "\r")
    machine.expect_exact(line, timeout)
    machine.expect_exact("\n", timeout)
    machine.expect_exact(expect, timeout)
    return machine.child.before


def wait(machine, seconds):
    """Lets it run and reads what it says meanwhile."""
    if not machine.refuse("\0never printed\0", seconds):
        raise AssertionError(f"the machine ended\n{machine.tail()}")


def to_shell(machine):
    machine.send(ESCAPE + "s")
    machine.expect_exact(PROMPT)


def record(machine, seconds, kib=None, meanwhile=wait):
    """Traces for so long; gives the dump's text and the profile's. The shell is in focus, before
    and after."""
    command(machine, f"trace on {kib}" if kib else "trace on")
    command(machine, "profile on")
    meanwhile(machine, seconds)
    command(machine, "trace off")
    command(machine, "profile off")
    profile = command(machine, "profile show")
    # The dump is long: what has been searched is not searched again.
    machine.child.searchwindowsize = 4096
    try:
        dump = command(machine, "trace dump", timeout=DUMP_TIMEOUT)
    finally:
        machine.child.searchwindowsize = None
    return dump, profile


def convert(dump_text):
    """(dump, trace) of a dump's text; raises perfetto.Damaged."""
    dump = perfetto.parse(dump_text)
    trace = perfetto.convert(dump)
    perfetto.validate(trace, dump)
    return dump, trace


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--smp", default="2")
    parser.add_argument("--mem", default="1G")
    parser.add_argument("--cpu", default="rv64")
    parser.add_argument("--machine", default="virt")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--kib", type=int, default=1024, help="of trace memory for each hart")
    parser.add_argument("arguments", nargs="*", help="more of QEMU's")
    options = parser.parse_args()
    machine = hartwood.Machine(name="trace", bundle=options.bundle, smp=options.smp,
                               mem=options.mem, cpu=options.cpu, machine=options.machine,
                               args=options.arguments,
                               lifetime=DUMP_TIMEOUT + options.seconds + 120)
    try:
        machine.expect(r"hartwood: \S+: started")
        to_shell(machine)
        print(f"recording {options.seconds:g} s of {options.bundle.name} on {options.smp} harts")
        text, profile = record(machine, options.seconds, options.kib)
        dump, trace = convert(text)
    except (AssertionError, perfetto.Damaged) as error:
        print(f"trace: {error}", file=sys.stderr)
        return 1
    finally:
        machine.kill()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(trace), encoding="utf-8")
    print(perfetto.summary(dump, trace))
    print(profile.replace("\r", "").rstrip())
    print(f"{options.out}: open it at https://ui.perfetto.dev")
    return 0


if __name__ == "__main__":
    sys.exit(main())
