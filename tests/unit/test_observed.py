# SPDX-License-Identifier: BSD-2-Clause
"""The programs that run whole VMs (live.h), once more with every exit traced and profiled: a guest
must not be able to tell."""

import os
import pathlib
import re
import subprocess

import pytest

import hartwood

UNIT = pathlib.Path(__file__).parent
PROGRAMS = sorted(path.stem for path in UNIT.glob("test_*.c")
                  if '"tests/unit/live.h"' in path.read_text(encoding="utf-8"))


def test_there_are_such_programs():
    assert {"test_run", "test_requests", "test_hsm", "test_guest"} <= set(PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_passes_when_observed(program):
    path = hartwood.BUILD / "host" / program
    assert path.exists(), f"{path} has not been built"
    done = subprocess.run([str(path)], env={**os.environ, "LIVE_OBSERVE": "1"}, timeout=600,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"exit status {done.returncode}\n{output[-6000:]}"
    assert re.search(r"^\[ +PASSED +\] [1-9]", output, re.M), output[-2000:]
