# SPDX-License-Identifier: BSD-2-Clause
"""A short pass of guests/hostile with fixed seeds, beside the heartbeat; tests/hostile/hostile.py
says what must hold, and does the same for as long as one likes, with a Linux VM there too."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hostile"))

import hostile  # noqa: E402

# Seeds whose guests get far in a short time, on different machines.
SEEDS = [(1, "rv64"), (3, "max"), (5, "rv64,sstc=off")]


@pytest.mark.parametrize("seed,cpu", SEEDS)
def test_nobody_notices_a_hostile_guest(seed, cpu):
    setup = hostile.Setup(seed, cpu=cpu, kinds=hostile.KINDS, linux=False)
    try:
        counts = hostile.run(setup, 6, f"test_hostile.{seed}", lifetime=120)
    except hostile.EmulatorDied as reason:
        pytest.skip(str(reason))
    assert all(counts.sums("rounds", len(hostile.KINDS))), counts.text()
    assert sum(counts.sums("traps", 20)) > 1000, counts.text()


LOG = """hartwood: 3 of 3 harts, boot hart 0; 511 MiB of RAM free; image at 0x80200000
hartwood: heart: started 1 ticks after the machine
hartwood: hostile: started 1 ticks after the machine
heart   | beat 10: missed 0, worst 1 ticks, mean 0 ticks
linux   | memcheck: 12 rounds, ok
hostile | hartwood: error: not the hypervisor's own
hostile | heart     | beat 20: missed 9
hartwood: hostile: restarting: the guest rebooted
"""

FINDINGS = [
    "heart   | beat 20: missed 1, worst 800000 ticks, mean 0 ticks\n",
    "heart   | beat 20: missed 1, worst 100 ticks, mean 0 ticks\n" * 2,
    "linux   | memcheck: WRONG: memory word 1 is 0x2, not 0x3\n",
    "linux   | Kernel panic - not syncing\n",
    "hartwood: fatal: load page fault\n",
    "hartwood: linux: stopped: the machine is out of memory\n",
    "hartwood: hostile: started 1 ticks after the machine\n" * 20,
]


@pytest.mark.parametrize("line", ["", *FINDINGS])
def test_what_others_could_notice_is_a_finding(line):
    setup = hostile.Setup(1)
    said = hostile.Said(LOG.replace("\n", "\r\n") + line.replace("\n", "\r\n"))
    if line:
        with pytest.raises(hostile.Finding):
            hostile.check_said(said, setup)
    else:
        hostile.check_said(said, setup)
        assert said.beats() == [(10, 0, 1)]


@pytest.mark.parametrize("words", ["odd 0 rounds 0,0,0,0,0,0,0,0,0", "odd 20 rounds 1,0", None])
def test_guest_that_attacks_nothing_or_meets_odd_exceptions_is_a_finding(words):
    counts = hostile.Counts()
    text = f"hostile 1a ms 5 lost 0 again 0 {words}"
    if words:
        counts.take(hostile.Said(f"hostile | {text} = {hostile.check_sum(text)}\r\n"))
    with pytest.raises(hostile.Finding):
        hostile.check_guest(counts)


def test_only_the_emulators_own_words_say_that_it_died():
    words = "ERROR:accel/tcg/cputlb.c:1459:probe_access_flags: assertion failed: (size)\r\n"
    assert hostile.EMULATOR_DIES.search(LOG + words)
    assert not hostile.EMULATOR_DIES.search(LOG + "hostile | " + words)


def test_counts_are_taken_from_whole_lines_only():
    counts = hostile.Counts()
    text = "hostile 1a ms 5 lost 0 again 0 rounds 1,2,3,0,0,0,0,0,4"
    good = f"hostile | {text} = {hostile.check_sum(text)}\r\n"
    counts.take(hostile.Said(good + good.replace("1,2,3", "7,2,3")))
    assert counts.sums("rounds", 9) == [1, 2, 3, 0, 0, 0, 0, 0, 4]
