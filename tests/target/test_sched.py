# SPDX-License-Identifier: BSD-2-Clause
"""Who gets how much of the harts, and when. Under -icount, where the machine's clock counts
instructions: the same numbers in every run, however busy this computer is. All harts of the
emulator take turns on that one clock, so two of them get half of it each."""

import re
import time

import pytest

import hartwood

from test_many import ICOUNT, SLOW, lasting

# Blocks of 1,000 instructions in a millisecond (guests/share).
BLOCKS_MS = 1000


def sharing(name, bootargs, **more):
    """Works all the time and tells how much."""
    return {"name": name, "guest": "share", "memory": 8 << 20, "bootargs": bootargs, **more}


def reports(machine, names, count, timeout=120):
    """The first so many reports of each VM, in blocks, from the view of all."""
    machine.focus("a", "all VMs")
    found = {name: [] for name in names}
    while any(len(lines) < count for lines in found.values()):
        match = machine.expect(r"m([\w-]+) +\|\S+ work (\d+) at \d+", timeout)
        found[match.group(1)].append(int(match.group(2)))
    return {name: lines[:count] for name, lines in found.items()}


def check_cap(machine, percent, lines, timeout=120):
    """Between any two reports of who is in focus, which are as late as they are: in no window of
    100 ms may there be more. Gives how much of the cap was used."""
    points, total = [], 0
    for _ in range(lines):
        match = machine.expect(r"work (\d+) at (\d+)\r?\n", timeout)
        total += int(match.group(1))
        points.append((int(match.group(2)), total))
    for i, (began, before) in enumerate(points):
        for ended, after in points[i + 1:]:
            windows = -(-(ended - began) // 100)
            assert after - before <= windows * percent * BLOCKS_MS, points
    (began, before), (ended, after) = points[0], points[-1]
    return (after - before) / ((ended - began) * percent / 100 * BLOCKS_MS)


# ---- shares ---------------------------------------------------------------------------------


def in_proportion(measured, shares):
    one = sum(measured.values()) / sum(shares.values())
    return all(abs(measured[name] - n * one) <= 0.05 * n * one for name, n in shares.items())


SHARES = {f"s{n:02}": n for n in range(1, 17)}


def test_sixteen_vms_get_what_their_shares_say(boot, bundle_path):
    """All of them work by the time the first begins to count, and none has ended by then."""
    vms = [sharing(name, "start_ms=300 every_ms=2000", shares=n) for name, n in SHARES.items()]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms, slice_us=1000), smp=1,
                   mem="512M", args=ICOUNT, lifetime=300)
    machine.expect(r"work \d+ at \d+", 250)
    blocks = {name: lines[0] for name, lines in reports(machine, SHARES, 1).items()}
    assert in_proportion(blocks, SHARES), blocks
    # And nothing is left over.
    assert sum(blocks.values()) > 0.97 * BLOCKS_MS * 2000, blocks


@pytest.mark.soak
def test_sixteen_vms_get_what_their_shares_say_on_two_harts(boot, bundle_path):
    """In time on harts, and not under -icount: there a hart that waits for another's lock, with its
    timer pending, waits for a whole turn of the emulator's. What the host takes from a hart is part
    of the stretch that it interrupts, so the time is long, and the host better has little to do."""
    vms = [sharing(name, "every_ms=1000000", shares=n) for name, n in SHARES.items()]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms, slice_us=1000), smp=2,
                   mem="512M", lifetime=300)
    for _ in vms:
        machine.expect(r"hartwood: s\d\d: started")
    machine.to_shell()
    machine.shell("profile on")
    time.sleep(60)
    shown = "\n".join(machine.shell("profile show"))
    times = {name: int(ms) for name, ms in re.findall(r"(s\d\d)/0: (\d+) ms on harts", shown)}
    assert in_proportion(times, SHARES), times


def test_vcpus_of_a_vm_divide_its_shares(boot, bundle_path):
    """Two VMs of equal shares get the same, though one has four times the vCPUs."""
    vms = [sharing("one", "start_ms=200 every_ms=600", cpus=1),
           sharing("four", "start_ms=200 every_ms=600", cpus=4)]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms, slice_us=1000), smp=1,
                   mem="256M", args=ICOUNT, lifetime=200)
    machine.expect(r"work \d+ at \d+", 120)
    blocks = {name: lines[0] for name, lines in reports(machine, ("one", "four"), 1).items()}
    assert blocks["one"] == pytest.approx(blocks["four"], rel=0.05), blocks


# ---- caps -----------------------------------------------------------------------------------


def test_quota_is_a_cap_over_any_tenth_of_a_second(boot, bundle_path):
    """For a hart that is free, too. What the guest counts is less than what it is charged for by
    what the hypervisor itself takes."""
    vms = [sharing("capped", "every_ms=100", quota=25), lasting("other")]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms), smp=1, mem="256M", args=ICOUNT,
                   lifetime=200)
    assert check_cap(machine, 25, 12) > 0.9


def test_quota_holds_for_all_vcpus_together(boot, bundle_path):
    vms = [sharing("capped", "every_ms=200", cpus=3, quota=60)]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms), smp=2, mem="256M", args=ICOUNT,
                   lifetime=200)
    # While it runs on both harts, each has half of the instructions.
    assert check_cap(machine, 60, 8) > 0.4


# ---- harts ----------------------------------------------------------------------------------


def test_vcpus_stay_on_the_harts_that_they_are_given(boot, bundle_path):
    vms = [sharing("here", "every_ms=10000", cpus=2, harts=[0]),
           sharing("there", "every_ms=10000", cpus=2, harts=[1]),
           sharing("anywhere", "every_ms=10000", cpus=2)]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms, slice_us=1000), smp=2, mem="256M",
                   lifetime=100)
    machine.expect_exact(": started ")
    machine.to_shell()
    machine.until(lambda: all(machine.vcpus("anywhere")[f"anywhere/{n}"].get("moves", 0) > 20
                              for n in (0, 1)), "moving")
    vcpus = machine.vcpus()
    # The bundle has the ids of harts; the hypervisor counts them from the one that boots.
    ids = {row["hart"]: row["id"] for row in
           hartwood.table(machine.shell("harts"), "hart id idle runs")}
    for name, hart in (("here", "0"), ("there", "1")):
        for n in (0, 1):
            row = vcpus[f"{name}/{n}"]
            assert ids[row["hart"]] == hart and row["moves"] == 0 and row["picks"] > 5, vcpus


# ---- steal time -----------------------------------------------------------------------------


def test_guest_is_told_what_others_take_from_it(boot, bundle_path):
    """By the SBI, which the guest checks (Debian's kernel has no CONFIG_PARAVIRT, so it does not
    ask)."""
    blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), cpus=2, bootargs="sta-half")
    machine = boot(bundle=blob, smp=1, mem="256M", args=SLOW, lifetime=150)
    assert machine.wait_end(130) == 0
    assert "not ok" not in machine.text() and "done 1 0" in machine.text(), machine.tail()


def test_operator_sees_what_vcpus_take_from_each_other(boot, bundle_path):
    vms = [sharing("greedy", "every_ms=100", cpus=2), lasting("calm")]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms), smp=1, mem="256M", args=ICOUNT,
                   lifetime=90)
    machine.expect_exact("hartwood: calm: started")
    machine.to_shell()
    machine.shell("vcpu list")
    machine.focus("0", "greedy")
    for _ in range(5):
        machine.expect(r"work \d+ at \d+")
    machine.to_shell()
    vcpus = machine.vcpus()
    for n in (0, 1):
        row = {key: float(vcpus[f"greedy/{n}"][key].rstrip("%"))
               for key in ("runs", "stolen", "waits")}
        assert row["waits"] == 0 and 35 < row["runs"] < 65, vcpus
        assert row["runs"] + row["stolen"] > 99, vcpus
    assert float(vcpus["calm/0"]["waits"].rstrip("%")) > 50, vcpus


# ---- dedicated harts, and the real-time class -----------------------------------------------


def beat(machine, timeout=200):
    """The last line of guests/heartbeat: missed, worst and mean lateness in instructions."""
    match = machine.expect(r"total \d+: missed (\d+), worst (\d+) insns \(\d+ ticks\), "
                           r"mean (\d+) insns", timeout)
    return tuple(int(group) for group in match.groups())


def heart(beats, **more):
    return {"name": "heart", "guest": "heartbeat", "memory": 16 << 20,
            "bootargs": f"period_us=1000 report=1000000 beats={beats}", **more}


LOAD = [sharing("busy", "every_ms=1000000", cpus=3),
        sharing("nappy", "every_ms=1000000 naps nap_us=300", cpus=3),
        {"name": "rebooting", "guest": "sbi", "bootargs": "reboot-cold", "memory": 16 << 20}]


def test_dedicated_hart_is_as_quick_beside_any_load(boot, bundle_path):
    """Hart 0, as the emulator gives hart n a turn only after those before it (guests/heartbeat).
    The other hart meanwhile has VMs that work, that sleep and wake each other's harts, and that
    begin anew all the time."""
    measured = {}
    for kind, others in (("alone", []), ("loaded", LOAD)):
        blob = hartwood.bundle_of(bundle_path(), [heart(500, harts=[0], dedicated=True)] + others,
                                  slice_us=1000)
        machine = boot(bundle=blob, smp=2, mem="512M", args=ICOUNT, lifetime=200)
        measured[kind] = beat(machine)
        exits = machine.expect(r"hartwood: heart: (\d+) exits([^\r]*)", 60)
        # It prints, it starts and it ends; nobody ticks, and its own timer takes no exit.
        assert "timer" not in exits.group(2) and int(exits.group(1)) < 300, exits.group()
    assert measured["alone"][0] == measured["loaded"][0] == 0, measured
    # The emulator rounds the moment of a timer by up to a tick, which is 100 instructions.
    assert abs(measured["loaded"][1] - measured["alone"][1]) <= 100, measured


def test_real_time_vcpu_runs_before_all_others(boot, bundle_path):
    """On one hart with those who take all they can get; who is not in the class waits for them."""
    measured = {}
    for kind, limits in (("real-time", {"rt_budget": 200, "rt_period": 1000}), ("fair", {})):
        blob = hartwood.bundle_of(bundle_path(), [
            heart(300, **limits), sharing("busy", "every_ms=1000000", cpus=3)])
        machine = boot(bundle=blob, smp=1, mem="256M", args=ICOUNT, lifetime=200)
        measured[kind] = beat(machine)
        machine.kill()
    missed, worst, _ = measured["real-time"]
    # A switch, and the longest that the hypervisor is not to be interrupted.
    assert missed == 0 and worst < 50_000, measured
    assert measured["fair"][1] > worst, measured


def test_real_time_vcpu_does_not_get_more_than_its_budget(boot, bundle_path):
    """A tenth of the hart for one that never sleeps, in addition to its fair part of the rest: it is
    of the class alone, so it gets that tenth, and the other what is left."""
    vms = [sharing("greedy", "start_ms=100 every_ms=200", rt_budget=500, rt_period=5000),
           sharing("other", "start_ms=100 every_ms=200")]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms), smp=1, mem="256M", args=ICOUNT,
                   lifetime=200)
    machine.expect(r"work \d+ at \d+", 120)
    blocks = reports(machine, ("greedy", "other"), 3)
    for greedy, other in zip(blocks["greedy"][1:], blocks["other"][1:]):
        assert 0.085 <= greedy / (200 * BLOCKS_MS) <= 0.105, blocks
        assert other / (200 * BLOCKS_MS) >= 0.85, blocks


def test_limits_that_cannot_be_kept_are_refused_by_name(boot, bundle_path):
    vms = [lasting("first", harts=[0], dedicated=True), lasting("second", harts=[0], dedicated=True),
           lasting("third", rt_budget=900, rt_period=1000),
           lasting("fourth", rt_budget=900, rt_period=1000), lasting("fifth")]
    machine = boot(bundle=hartwood.bundle_of(bundle_path(), vms), smp=2, mem="256M", args=ICOUNT,
                   lifetime=60)
    machine.expect_exact("hartwood: fifth: started")
    text = machine.text()
    assert '/vms/second: harts: hart 0 is dedicated to the VM "first" already' in text
    assert re.search(r"hartwood: error: fourth: not started: the real-time load would", text)
    assert sorted(re.findall(r"hartwood: (\w+): started", text)) == ["fifth", "first", "third"]
