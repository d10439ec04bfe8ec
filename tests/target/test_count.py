# SPDX-License-Identifier: BSD-2-Clause
"""The plugin that counts instructions by who executed them (tests/count), against a guest whose
instructions are known, the clock, and the hypervisor's own count of exits."""

import os
import re
import subprocess
import sys

import pytest

import hartwood

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "count"))
import counts  # noqa: E402

SCAUSE, SEPC, SSCRATCH, STVEC, HSTATUS = 0x142, 0x141, 0x140, 0x105, 0x600
# struct vs_csrs: vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vstimecmp, vsatp, hvip,
# senvcfg, scounteren, hstatus, sstatus.
GUEST_CSRS = [0x200, 0x204, 0x205, *range(0x240, 0x244), 0x24d, 0x280, 0x645, 0x10a, 0x106, HSTATUS, 0x100]


def has_plugins():
    run = subprocess.run([hartwood.QEMU, "-plugin", "help"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    return run.returncode == 0


pytestmark = pytest.mark.skipif(not has_plugins(), reason="this QEMU was built without plugins")


def loops(text):
    """What guests/count says of its loops: name, mark, turns, begun, uncounted, ticks."""
    found = re.findall(r"^count: (\S+) (\d+) (\d+) (\d+) (\d+) (\d+)\r?$", text, re.M)
    assert len(found) == 8, text
    return {name: [int(number) for number in numbers] for name, *numbers in found}


def check_loops(text, marks):
    """Exactly the guest's known instructions, and in all what the clock says."""
    for name, (mark, _, begun, uncounted, ticks) in loops(text).items():
        window = marks.between(mark, mark + 1)
        assert window.guest == begun, name
        # The marks' values are the clock. It was read first before the first mark, and it leaves
        # out what it undoes.
        assert window.value == ticks, name
        clock = window.total + 1 - uncounted
        assert abs(counts.TICK * ticks - clock) < counts.TICK, name


def check_exits(text, marks):
    """The exits of each turn, and what one costs: what `make bench` says of it, which has the
    clock's view of a load that exits."""
    for name, (mark, turns, _, _, ticks) in loops(text).items():
        window = marks.between(mark, mark + 1)
        exits = {"sbi-base": ("exception", 10), "uart-read": ("exception", 21)}.get(name)
        assert window.firmware == 0, name
        if not exits:
            assert window.hypervisor == 0 and window.exits == 0, name
            continue
        assert window.causes() == [(exits, turns)], name
        assert window.hypervisor % turns == 0, name
        cost = (window.total - turns * (name == "uart-read")) / turns
        assert abs(cost - counts.TICK * ticks / turns) <= 0.2, name


def registers_moved(window, what, turns):
    """The guest's registers by number that were stored to or loaded from struct vcpu: each once a
    turn, whole. With EXIT=full the handlers use some of them there, too."""
    header = (hartwood.OUT / "include" / "offsets.h").read_text()
    start = int(re.search(r"^#define VCPU_X (\d+)$", header, re.M).group(1))
    verb = {"stores": "stored", "loads": "loaded"}[what]
    found = set()
    for offset in range(start, start + 32 * 8, 8):
        times = window.data[offset, what]
        if times:
            assert times == turns or hartwood.FULL and times > turns, offset
            assert window.data[offset, f"bytes {verb}"] == 8 * times, offset
            found.add((offset - start) // 8)
    return found


def check_state(text, marks):
    """What a base call moves. Lazily: scause, sepc and sscratch, and the caller-saved registers with
    sp; a0 and a1 not back, as they are the result. SWITCH=eager: all of the guest's CSRs, too, each
    from and to the hart once. EXIT=full: all registers; stvec changes, and hstatus says who trapped."""
    mark, turns = loops(text)["sbi-base"][:2]
    window = marks.between(mark, mark + 1)
    saved = set(range(1, 32)) if hartwood.FULL else {1, 2, 5, 6, 7, *range(10, 18), *range(28, 32)}
    csrs = {SCAUSE: [1, 0], SEPC: [1, 1], SSCRATCH: [2, 3] if hartwood.FULL else [3, 2]}
    if hartwood.EAGER:
        csrs |= {number: [1, 1] for number in GUEST_CSRS}
    if hartwood.FULL:
        csrs[STVEC] = [0, 2]
        csrs[HSTATUS] = [csrs.get(HSTATUS, [0, 0])[0] + 1, csrs.get(HSTATUS, [0, 0])[1]]
    assert window.csrs() == {number: [count * turns for count in counts] for number, counts in csrs.items()}
    assert registers_moved(window, "stores", turns) == saved
    assert registers_moved(window, "loads", turns) == (saved if hartwood.FULL else saved - {10, 11})


@pytest.mark.parametrize("smp", [1, 2])
def test_counts_of_a_known_guest_are_exact(run_guest, smp):
    """The second hart waits all the time: that it is there makes no difference."""
    options, path = counts.plugin(f"count-known-{smp}", vcpu=4096 if smp == 1 else 0)
    text = run_guest("count", smp=smp, qemu=[*counts.ICOUNT, *options]).machine.text()
    marks = counts.read(path)
    check_loops(text, marks)
    check_exits(text, marks)
    if smp == 1:
        check_state(text, marks)


def test_counts_exits_as_the_hypervisor_does(run_guest):
    options, path = counts.plugin("count-exits")
    text = run_guest("count", smp=1, qemu=[*counts.ICOUNT, *options],
                     cpu="rv64,sstc=off").machine.text()
    told = int(re.search(r"guest: (\d+) exits", text).group(1))
    assert counts.read(path).at("end").exits == told


@pytest.mark.once("no hypervisor")
def test_counts_without_a_hypervisor_are_exact(boot):
    """The same guest on the firmware alone: what the hypervisor had is the firmware's."""
    options, path = counts.plugin("count-alone", alone=True)
    machine = boot(kernel=hartwood.guest("count"), smp=1, mem="512M",
                   args=[*counts.ICOUNT, *options])
    assert machine.wait_end(60) == 0
    marks = counts.read(path)
    mark, turns = loops(machine.text())["sbi-base"][:2]
    window = marks.between(mark, mark + 1)
    assert window.hypervisor == 0 and window.firmware % turns == 0
    assert window.causes(to="firmware") == [(("exception", 9), turns)]
    assert window.guest == loops(machine.text())["sbi-base"][2]
