# SPDX-License-Identifier: BSD-2-Clause
"""Several VMs from one bundle: which of them start, when, in which order, and what follows when one
of them ends. Times are those of the machine's own clock, from its log; under -icount it stands for
instructions, and a wait of seconds takes none of ours."""

import re

import hartwood

ICOUNT = ["-icount", "shift=0,sleep=off"]
# Of a slower machine, where a second of the guests' takes an eighth of the instructions.
SLOW = ["-icount", "shift=3,sleep=off"]
HZ = 10_000_000  # of QEMU's time CSR


def starts(machine):
    """When VMs have started, in ticks since the machine has: pairs of name and time."""
    return [(name, int(ticks)) for name, ticks in
            re.findall(r"hartwood: (\S+): started (\d+) ticks after", machine.text())]


def quick(name, **more):
    """It makes a few checks and shuts down."""
    return {"name": name, "guest": "sbi", "bootargs": "base", "memory": 16 << 20, **more}


def hopeless(name, **more):
    """It cannot go on, and is stopped."""
    return {"name": name, "guest": "traps", "bootargs": "hang-stvec", "memory": 16 << 20, **more}


def lasting(name, **more):
    """It wakes every ten milliseconds, for ever, and says nothing."""
    return {"name": name, "guest": "heartbeat", "bootargs": "period_us=10000 report=1000000000",
            "memory": 16 << 20, **more}


def test_sixteen_small_vms_all_do_their_work(boot, bundle_path):
    names = [f"vm{n:02}" for n in range(16)]
    blob = hartwood.bundle_of(bundle_path(), [
        quick(name, cpus=1 + n % 2) for n, name in enumerate(names)] + [
        quick("keeper", autostart="no")])
    machine = boot(bundle=blob, smp=2, mem="512M", lifetime=90)
    for _ in names:
        machine.expect(r"hartwood: vm\d\d: off: the guest shut down")
    machine.focus("a", "all VMs")
    # The first has been in focus and has shown its own already.
    for _ in names[1:]:
        machine.expect(r"\|\S+ done [1-9]\d* \d+", 20)
    shown = "\n".join(hartwood.render(machine.text()))
    assert re.search(r"^done [1-9]\d* 0$", shown, re.M), shown
    assert sorted(re.findall(r"^(vm\d\d) +\| done [1-9]\d* 0$", shown, re.M)) == names[1:], shown
    assert "not ok" not in shown
    for name in names:
        assert f"hartwood: {name}: off: the guest shut down" in shown, machine.tail()
    assert sorted(name for name, _ in starts(machine)) == names


def test_vm_without_autostart_stays_off_and_the_machine_on(boot, bundle_path):
    blob = hartwood.bundle_of(bundle_path(), [
        quick("first"), quick("later", autostart="no"), quick("last")])
    machine = boot(bundle=blob, smp=2, mem="512M", args=ICOUNT, lifetime=60)
    for _ in range(2):
        machine.expect("hartwood: (first|last): off: the guest shut down")
    assert machine.refuse("all virtual machines are off|later: started", 2)
    assert sorted(name for name, _ in starts(machine)) == ["first", "last"]


def test_vms_start_after_those_that_they_need(boot, bundle_path):
    """Whatever their order in the bundle, and though one of those does not start by itself."""
    blob = hartwood.bundle_of(bundle_path(), [
        lasting("shop", depends=["web", "base"]),
        lasting("web", depends=["store", "base"]),
        lasting("other"),
        lasting("store", depends=["base"], autostart="no"),
        lasting("base")])
    machine = boot(bundle=blob, smp=2, mem="512M", args=ICOUNT, lifetime=60)
    machine.expect_exact("hartwood: shop: started")
    machine.expect_exact("\n")
    order = [name for name, _ in starts(machine)]
    assert sorted(order) == ["base", "other", "shop", "store", "web"]
    order.remove("other")
    assert order == ["base", "store", "web", "shop"]


def test_restart_policies_and_their_back_off(boot, bundle_path):
    blob = hartwood.bundle_of(bundle_path(), [
        hopeless("stubborn", restart="on-failure"),
        quick("steady", restart="always"),
        quick("content", restart="on-failure"),
        hopeless("resigned", restart="never"),
        hopeless("default")])
    machine = boot(bundle=blob, smp=2, mem="512M", args=ICOUNT, lifetime=90)
    # The waits are 1, 2, 4, 8 and 16 seconds, and then up to a minute.
    for name in ("stubborn", "steady"):
        machine.expect_exact(f"hartwood: {name}: restarts in 32 s")
    times = {}
    for name, ticks in starts(machine):
        times.setdefault(name, []).append(ticks)
    for name in ("content", "resigned", "default"):
        assert len(times[name]) == 1, machine.tail()
    for name in ("stubborn", "steady"):
        waits = [(b - a) / HZ for a, b in zip(times[name], times[name][1:])][:5]
        for want, got in zip((1, 2, 4, 8, 16), waits):
            # Of its short life there is some more.
            assert want <= got < want + 0.5, f"{name}: {waits}"
    text = machine.text()
    assert re.search(r"^hartwood: stubborn: stopped: \S", text, re.M), machine.tail()
    assert "hartwood: steady: off: the guest shut down" in text
