# SPDX-License-Identifier: BSD-2-Clause
"""The committed seeds of every fuzz target run through it without a complaint."""

import os
import subprocess

import pytest

import hartwood

FUZZ = hartwood.TOP / "tests" / "fuzz"
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c"))


def seeds_of(target):
    return sorted((FUZZ / "corpus" / target).glob("*"))


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_pass(target):
    program = hartwood.BUILD / "fuzz" / f"fuzz_{target}"
    seeds = seeds_of(target)
    assert seeds, "a target needs seeds"
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    done = subprocess.run([program, *seeds], env=environment, text=True,
                          errors="replace", capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stderr.count("Executed ") == len(seeds)


@pytest.mark.once("seeds themselves")
@pytest.mark.parametrize("target", TARGETS)
def test_seeds_are_small(target):
    sizes = [seed.stat().st_size for seed in seeds_of(target)]
    assert len(sizes) <= 200 and sum(sizes) <= 200 * 1024, "make fuzz-merge T=" + target
