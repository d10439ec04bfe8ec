# SPDX-License-Identifier: BSD-2-Clause
"""Tracing and profiling from the shell while guests run, and what comes of it."""

import re
import sys

import hartwood

sys.path.insert(0, str(hartwood.TOP / "tests" / "trace"))
import perfetto  # noqa: E402
import record  # noqa: E402

READY = "Hartwood guest: shell ready"


def to_guest(machine):
    machine.send("console guest\r")
    machine.expect_exact("[guest]")  # what is typed earlier, the shell gets


def exits_by_cause(trace):
    """{vCPU: {cause: how many}} of the rows of harts."""
    counts = {}
    running = {}
    for event in trace["traceEvents"]:
        if event["pid"] != perfetto.HARTS_PID or event["ph"] not in "BE":
            continue
        hart = running.setdefault(event["tid"], [])
        if event["ph"] == "E":
            hart.pop()
            continue
        if hart:
            causes = counts.setdefault(hart[0], {})
            causes[event["name"]] = causes.get(event["name"], 0) + 1
        hart.append(event["name"])
    return counts


def profiles(text):
    """{vCPU: (guest %, hypervisor %, {cause: (exits, us)})} of what `profile show` prints."""
    found = {}
    for line in text.replace("\r", "").splitlines():
        head = re.match(r"(\S+): (\d+) ms on harts, guest ([\d.]+) %, hypervisor ([\d.]+) %", line)
        row = re.match(r"  (\S.*\S|\S) +(\d+) +(\d+) +([\d.]+) +([\d.]+)$", line)
        if head:
            causes = {}
            found[head.group(1)] = (float(head.group(3)), float(head.group(4)), causes)
        elif row:
            causes[row.group(1).strip()] = (int(row.group(2)), int(row.group(3)))
    return found


def test_linux_is_traced_and_profiled(boot, bundle_path):
    blob = hartwood.linux_bundle(bundle_path(), bootargs="quiet", cpus=2, memory=256 << 20)
    machine = boot(bundle=blob, lifetime=280, timeout=60)
    machine.expect_exact(READY, 200)
    machine.expect_exact("guest# ")
    record.to_shell(machine)

    def work(machine, seconds):
        del seconds
        to_guest(machine)
        _, status = machine.run("for i in 1 2 3 4 5 6; do (echo $i | md5sum) & done; wait; "
                                "dmesg | tail -n 30")
        assert status == 0
        record.to_shell(machine)

    text, profile = record.record(machine, 0, kib=1024, meanwhile=work)
    dump, trace = record.convert(text)
    assert len(dump.records) > 200 and sum(dump.lost.values()) == 0
    traced = exits_by_cause(trace)
    profiled = profiles(profile)
    assert set(traced) == set(profiled) == {"guest/0", "guest/1"}
    for vcpu, (guest, hypervisor, causes) in profiled.items():
        assert 99.9 <= guest + hypervisor <= 100
        # Tracing began a little earlier than profiling, and ended a little earlier.
        for cause, count in traced[vcpu].items():
            timed, _ = causes.get(cause, (0, 0))
            assert abs(timed - count) <= 20 + count // 5, (vcpu, cause)
    assert {"SBI", "store", "load"} <= set(traced["guest/0"]) | set(traced["guest/1"])
    assert all(time > 0 for _, time in (profiled[vcpu][2]["SBI"] for vcpu in profiled))
    # The machine is none the worse for it.
    to_guest(machine)
    assert machine.run("echo $((6 * 7))") == ("42\n", 0)


def test_guests_do_not_notice(boot, bundle_path):
    """The checks of guests/smp pass while every hart changes its way of taking exits all the time."""
    blob = hartwood.bundle(bundle_path(), hartwood.guest("smp"), cpus=3, memory=64 << 20,
                           bootargs="rounds=40")
    machine = boot(bundle=blob, smp=2, mem="512M", lifetime=200, timeout=60)
    machine.expect("hartwood: guest: started")
    record.to_shell(machine)
    changes = 0
    while changes < 400 and "guest: off" not in machine.text():
        for line in ("trace on 64", "profile on", "trace off", "profile off"):
            record.command(machine, line)
            changes += 1
    assert changes > 20
    dump, _ = record.convert(record.command(machine, "trace dump"))
    assert dump.records
    to_guest(machine)
    machine.expect(r"done (\d+) (\d+)", timeout=150)
    assert machine.child.match.group(2) == "0", machine.tail()
