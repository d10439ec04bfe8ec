# SPDX-License-Identifier: BSD-2-Clause
"""The bare guests of guests/ as VMs: each check is one of theirs, shown by name when it fails.

They run on all kinds of harts, with fewer and with more vCPUs than harts. What a guest has to find
out about the machine it finds out by itself, from its device tree.
"""

import re

import pytest

import hartwood

# cpus, smp, -cpu. Names of CPU properties are QEMU's.
TRAPS = [
    (1, 1, "rv64"),
    (1, 1, "rv64,sstc=off"),
    (1, 1, "rv64,svadu=off"),
    (1, 1, "rv64,zicbom=off,zicboz=off"),
    (1, 1, "rv64,smstateen=on"),
    (1, 1, "rv64,v=true"),
    (1, 1, "rv64,sv57=off,sv48=off"),
    (1, 4, "rva23s64"),
    (2, 2, "max"),
    (4, 2, "rv64"),
]
SBI = [
    (1, 1, "rv64"),
    (2, 1, "rv64,sstc=off"),
    (2, 2, "max"),
    (2, 4, "rv64"),
    (4, 2, "rv64,sstc=off"),
    (4, 4, "rva23s64"),
]
FPU = [
    (1, 1, "rv64"),
    (2, 4, "max"),
    (4, 1, "rv64,v=true"),
    (4, 2, "rv64,v=true,vlen=256"),
    (4, 2, "rva23s64,sstc=off"),
]
SMP = [
    (1, 1, "rv64", "rounds=40"),
    (2, 2, "rva23s64", "rounds=40"),
    (4, 2, "rv64", "rounds=20"),
    (4, 4, "rv64,sstc=off", "rounds=20"),
    (8, 2, "rv64,v=true", "rounds=8"),
    # More harts than this machine may have processors: who waits for a lock may wait long, and
    # alarms come late.
    (8, 4, "max", "rounds=4 start ipi sfence fence-i private plic"),
]


def names(rows):
    return [f"{row[0]}on{row[1]}-{row[2]}" for row in rows]


@pytest.mark.parametrize("cpus,smp,cpu", TRAPS, ids=names(TRAPS))
def test_traps(run_guest, cpus, smp, cpu):
    report = run_guest("traps", cpus=cpus, smp=smp, cpu=cpu)
    report.check(report.machine.tail())


@pytest.mark.parametrize("cpus,smp,cpu", SBI, ids=names(SBI))
def test_sbi(run_guest, cpus, smp, cpu):
    report = run_guest("sbi", cpus=cpus, smp=smp, cpu=cpu)
    report.check(report.machine.tail())


@pytest.mark.parametrize("cpus,smp,cpu", FPU, ids=names(FPU))
def test_fpu(run_guest, cpus, smp, cpu):
    report = run_guest("fpu", cpus=cpus, smp=smp, cpu=cpu)
    report.check(report.machine.tail())


@pytest.mark.parametrize("cpus,smp,cpu,args", SMP, ids=names(SMP))
def test_smp(run_guest, cpus, smp, cpu, args):
    report = run_guest("smp", args=args, cpus=cpus, smp=smp, cpu=cpu, timeout=300)
    report.check(report.machine.tail())


def test_exits_measures_every_operation(run_guest):
    report = run_guest("exits", qemu=["-icount", "shift=0,sleep=off"], smp=1)
    costs = dict(re.findall(r"^exits: (\S+) ([\d.]+)\r?$", report.machine.text(), re.M))
    assert set(costs) == {"sbi-base", "sbi-set-timer", "ipi-self", "remote-sfence-self",
                          "plic-read", "uart-read", "hcsr-refused", "timer-cycle"}
    assert all(float(cost) > 0 for cost in costs.values()), costs
    assert not report.failed


# ---- guests that end in other ways ----------------------------------------------------------

HANGS = ["hang-satp", "hang-stvec", "hang-fetch"]


def pair(path, first, second):
    """A bundle of two VMs of one vCPU each: first has the console. Each is (guest, bootargs)."""
    images = [hartwood.image_source("first", hartwood.guest(first[0])),
              hartwood.image_source("second", hartwood.guest(second[0]))]
    vms = [hartwood.vm_source("first", "first", bootargs=first[1]),
           hartwood.vm_source("second", "second", bootargs=second[1])]
    return hartwood.compile_dts(hartwood.bundle_source(images, vms), path)


@pytest.mark.parametrize("group", HANGS)
def test_guest_that_locks_itself_out_is_stopped_with_one_line(boot, bundle_path, group):
    blob = hartwood.bundle(bundle_path(), hartwood.guest("traps"), bootargs=group)
    machine = boot(bundle=blob, smp=1, mem="512M", lifetime=90)
    machine.expect_exact(f"{group}: ")
    assert machine.wait_end(60) == 0
    text = machine.text()
    assert "not ok" not in text
    assert len(re.findall(r"^hartwood: guest: stopped: \S.*\r?$", text, re.M)) == 1, machine.tail()
    assert "hartwood: all virtual machines are off" in text


@pytest.mark.parametrize("smp", [1, 2])
@pytest.mark.parametrize("group", HANGS)
def test_guest_that_locks_itself_out_leaves_the_other_alone(boot, bundle_path, group, smp):
    blob = pair(bundle_path(), ("sbi", None), ("traps", group))
    machine = boot(bundle=blob, smp=smp, mem="512M", lifetime=120)
    assert machine.wait_end(100) == 0
    text = machine.text()
    # A line of the hypervisor's may stand in the middle of one of the guest's.
    assert "not ok" not in text and "done " in text, machine.tail()
    assert text.count("hartwood: second: stopped: ") == 1, machine.tail()
    assert text.count("hartwood: first: off: the guest shut down") == 1, machine.tail()


def test_unknown_calls_do_not_flood_the_log(run_guest):
    report = run_guest("sbi", args="flood", smp=1)
    report.check(report.machine.tail())
    lines = [line for line in report.machine.text().splitlines() if line.startswith("hartwood: ")]
    assert len(lines) < 12, "\n".join(lines)


@pytest.mark.parametrize("cpus,smp", [(1, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("kind", ["cold", "warm"])
def test_reset_starts_the_guest_from_its_images(boot, bundle_path, kind, cpus, smp):
    """Often: what is lost once in a while must turn up."""
    blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), cpus=cpus,
                           bootargs=f"reboot-{kind}")
    machine = boot(bundle=blob, smp=smp, mem="512M", lifetime=180)
    for count in range(100):
        # Lines of the hypervisor's, which it holds down, may stand in the middle of a guest's.
        machine.expect(r"ok reboot-(cold|warm): this boot's memory", 30)
        assert machine.child.match.group(1) == kind
        assert not machine.child.before.endswith("not "), f"boot {count}\n{machine.tail(3)}"


@pytest.mark.parametrize("group", ["shutdown-failure", "legacy-shutdown"])
def test_shutdown_by_other_calls(run_guest, group):
    report = run_guest("sbi", args=group, smp=1)
    assert f"{group}: now" in report.machine.text()
    assert not report.failed and not report.ok
    assert "hartwood: guest: off: " in report.machine.text(), report.machine.tail()


def test_typed_line_arrives_through_dbcn(boot, bundle_path):
    blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), bootargs="dbcn-input")
    machine = boot(bundle=blob, smp=1, mem="512M", lifetime=60)
    machine.expect_exact("dbcn-input: type a line")
    line = "Hello, DBCN! ~{}|"
    machine.sendline(line)
    machine.expect_exact(f"dbcn-input: {line.encode().hex()}0d")
    machine.expect_exact("ok dbcn read of a line")
    assert machine.wait_end() == 0


# ---- where the image lies ---------------------------------------------------------------------


@pytest.mark.parametrize("address", [0x80400000, 0x8fe00000, 0x140000000],
                         ids=lambda address: f"{address:#x}")
def test_image_runs_at_any_2_mib_aligned_address(run_guest, tmp_path, address):
    kernel = hartwood.elf_at(address, tmp_path / "hartwood.elf")
    report = run_guest("sbi", kernel=kernel, cpus=2, smp=2, mem="4G")
    report.check(report.machine.tail())
    assert f"image at {address:#x}" in report.machine.text()
