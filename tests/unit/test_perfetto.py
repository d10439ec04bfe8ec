# SPDX-License-Identifier: BSD-2-Clause
"""The converter from a dump of the trace to what the Perfetto UI opens: tests/trace/perfetto.py."""

import copy
import json
import os
import random
import re
import subprocess
import sys
import zlib

import pytest

import hartwood

sys.path.insert(0, str(hartwood.TOP / "tests" / "trace"))
import perfetto  # noqa: E402

pytestmark = pytest.mark.once("a converter of dumps")

EVENTS = ["entry", "exit", "inject", "interrupt", "switch", "leave", "move", "wake", "fault",
          "life"]
NUMBER = {name: number for number, name in enumerate(EVENTS)}
READY, RUNNING, WAITING, PARKED = 1, 2, 3, 4
SBI, STORE = 10, 23
TIMER = 1 << 63 | 5

HEAD = (["~begin 1 989680 2"]  # 10 MHz
        + [f"~name event {number:x} {name}" for number, name in enumerate(EVENTS)]
        + [f"~name exit {SBI:x} SBI", f"~name exit {STORE:x} store",
           "~name exit 2 illegal instruction", f"~name exit {TIMER:x} timer"]
        + [f"~name state {number:x} {name}"
           for number, name in enumerate(["off", "ready", "running", "waiting", "paused"])]
        + ["~name life 3 running", "~vm 0 2 linux", "~vm 3 1 heart beat"])


def record(delta, event, who="-", argument=0):
    return f"~{delta:x} {NUMBER[event]:x} {who} {argument:x}"


def sealed(lines):
    """The console's log of that dump."""
    body = "".join(line + "\n" for line in lines)
    end = f"~end {len(lines):x} {zlib.crc32(body.encode()):08x}"
    return "hello\r\n" + "\r\n".join([*lines, end, ""]) + "bye\r\n"


def converted(hart_0, hart_1=(), lost=(0, 0)):
    """(dump, trace), validated."""
    dump = perfetto.parse(sealed([*HEAD, f"~hart 0 {lost[0]:x}", *hart_0,
                                  f"~hart 1 {lost[1]:x}", *hart_1]))
    trace = perfetto.convert(dump)
    perfetto.validate(trace, dump)
    return dump, json.loads(json.dumps(trace))


def row(trace, pid, tid):
    """What a row shows, in order: (phase, microseconds, name)."""
    return [(event["ph"], event["ts"], event["name"]) for event in trace["traceEvents"]
            if event["ph"] != "M" and (event["pid"], event["tid"]) == (pid, tid)]


LINUX, HEARTBEAT = 10, 13  # pids

ONE_STRETCH = [
    record(1000, "switch", "0.1"),
    record(10, "entry", "0.1"),
    record(20, "exit", "0.1", SBI),
    record(5, "entry", "0.1"),
    record(20, "exit", "0.1", STORE),
    record(1, "fault", "0.1", 0x80001000),
    record(4, "entry", "0.1"),
    record(20, "exit", "0.1", TIMER),
    record(10, "leave", "0.1", WAITING),
    record(0, "switch"),
]


def test_a_hart_shows_the_vcpu_and_in_it_its_exits_by_cause():
    _, trace = converted(ONE_STRETCH)
    assert row(trace, 1, 0) == [
        ("B", 0, "linux/1"), ("B", 3, "SBI"), ("E", 3.5, "SBI"), ("B", 5.5, "store"),
        ("E", 6, "store"), ("B", 8, "timer"), ("E", 9, "timer"), ("E", 9, "linux/1"),
        ("B", 9, "idle"), ("E", 9, "idle")]


def test_a_vcpu_shows_what_it_does_and_what_happens_to_it():
    _, trace = converted(ONE_STRETCH, [
        record(1200, "wake", "0.1", 1), record(5, "move", "0.1", 0), record(5, "switch", "0.1"),
        record(1, "interrupt", "0.1", 1 << 2 | 1 << 6), record(9, "inject", "0.1", 2),
        record(10, "leave", "0.1", PARKED), record(10, "life", "0.0", 3)])
    assert row(trace, LINUX, 1) == [
        ("B", 0, "running"), ("i", 5.6, "page given"), ("E", 9, "running"), ("B", 9, "waiting"),
        ("i", 20, "wakes"), ("E", 20, "waiting"), ("B", 20, "ready"),
        ("i", 20.5, "moves from hart 0"), ("E", 21, "ready"), ("B", 21, "running"),
        ("i", 21.1, "software interrupt"), ("i", 21.1, "timer interrupt"),
        ("i", 22, "exception: illegal instruction"), ("E", 23, "running"), ("B", 23, "paused"),
        ("E", 24, "paused")]
    assert row(trace, LINUX, 0) == [("i", 24, "VM is running")]
    assert row(trace, HEARTBEAT, 0) == []


def test_every_row_has_a_name():
    _, trace = converted(ONE_STRETCH)
    names = {(event["pid"], event.get("tid")): event["args"]["name"]
             for event in trace["traceEvents"] if event["ph"] == "M"}
    assert names == {(1, None): "harts", (1, 0): "hart 0", (1, 1): "hart 1",
                     (LINUX, None): "VM linux", (LINUX, 0): "vCPU 0", (LINUX, 1): "vCPU 1",
                     (HEARTBEAT, None): "VM heart beat", (HEARTBEAT, 0): "vCPU 0"}


def test_off_is_no_state_to_show():
    _, trace = converted([record(9, "switch", "3.0"), record(9, "leave", "3.0", 0)])
    assert row(trace, HEARTBEAT, 0) == [("B", 0, "running"), ("E", 0.9, "running")]


def test_the_first_records_may_be_gone():
    """The ring begins within a stretch, within an exit."""
    _, trace = converted([record(500, "entry", "0.0"), record(10, "exit", "0.0", SBI),
                          record(10, "leave", "0.0", READY)], lost=(77, 0))
    assert row(trace, 1, 0) == [("B", 0, "linux/0"), ("B", 1, "SBI"), ("E", 2, "SBI"),
                                ("E", 2, "linux/0")]
    assert trace["otherData"]["records lost"] == 77


def test_some_in_the_middle_may_be_gone():
    _, trace = converted([record(500, "switch", "0.0"), record(10, "exit", "0.0", SBI), "~lost 40",
                          record(50, "exit", "3.0", STORE), record(10, "leave", "3.0", READY)])
    assert row(trace, 1, 0) == [
        ("B", 0, "linux/0"), ("B", 1, "SBI"), ("i", 1, "64 records lost"), ("E", 6, "SBI"),
        ("E", 6, "linux/0"), ("B", 6, "heart beat/0"), ("B", 6, "store"), ("E", 7, "store"),
        ("E", 7, "heart beat/0")]
    assert row(trace, LINUX, 0) == [("B", 0, "running"), ("E", 6, "running")]


def test_a_vcpu_is_on_one_hart_at_a_time():
    """By the clock it comes to hart 1 in the tick in which it leaves hart 0."""
    _, trace = converted([record(500, "switch", "0.0"), record(100, "leave", "0.0", READY)],
                         [record(600, "switch", "0.0"), record(50, "leave", "0.0", WAITING)])
    running = [event for event in row(trace, LINUX, 0) if event[2] == "running"]
    assert running[-2:] == [("B", 10, "running"), ("E", 15, "running")]
    _, trace = converted([record(600, "switch", "0.0"), record(50, "leave", "0.0", WAITING)],
                         [record(500, "switch", "0.0"), record(101, "leave", "0.0", READY)])
    assert row(trace, LINUX, 0)[-4:] == [("B", 10, "running"), ("E", 15, "running"),
                                         ("B", 15, "waiting"), ("E", 15, "waiting")]


def test_other_lines_between_those_of_the_dump_do_not_matter():
    log = sealed([*HEAD, "~hart 0 0", *ONE_STRETCH])
    noisy = log.replace("\r\n", "\r\nhartwood: linux: off\r\n~ not one of ours\r\n")
    assert perfetto.parse(noisy).records == perfetto.parse(log).records


def test_the_last_dump_counts():
    log = (sealed([*HEAD, "~hart 0 0", *ONE_STRETCH]) + sealed([*HEAD, "~hart 0 0"])
           + "> trace dump\r\n")
    assert perfetto.parse(log).records == []


def test_a_dump_of_nothing_is_a_trace_of_nothing():
    dump, trace = converted([])
    assert all(event["ph"] == "M" for event in trace["traceEvents"])
    assert perfetto.summary(dump, trace).startswith("0 records, 0 lost, of 0.000 s")


def test_loss_before_the_first_record_is_not_the_beginning_of_time():
    dump, trace = converted(["~lost 1", *ONE_STRETCH])
    assert trace["otherData"]["records lost"] == 1
    assert row(trace, LINUX, 1)[0][:2] == ("B", 0)
    assert " of 0.000 s" in perfetto.summary(dump, trace)


@pytest.mark.parametrize("damage", [
    lambda log: log[:len(log) // 2],
    lambda log: log.replace("~14 1 0.1 a", "~14 1 0.1 b"),
    lambda log: log.replace("~14 1 0.1 a\r\n", ""),
    lambda log: log.replace("~end", "~~nd"),
    lambda log: log.replace("~begin", "begin"),
    lambda log: sealed(["~begin 2 989680 2"]),
    lambda log: sealed([*HEAD, "~hart 0 0", "~1 4 7.0 0"]),
    lambda log: sealed([*HEAD, "~hart 0 0", "~1 4 0.2 0"]),
    lambda log: sealed([*HEAD, "~hart 0 0", "~1 f 0.1 0"]),
    lambda log: sealed([*HEAD, "~name event f surprise"]),
    lambda log: "",
], ids=["cut", "changed", "missing", "no-end", "no-begin", "version", "no-vm", "no-vcpu",
        "no-event", "new-event", "empty"])
def test_a_damaged_dump_is_refused(damage):
    with pytest.raises(perfetto.Damaged):
        perfetto.parse(damage(sealed([*HEAD, "~hart 0 0", *ONE_STRETCH])))


def test_what_is_wrong_in_a_trace_is_found():
    dump, trace = converted(ONE_STRETCH)
    first = next(i for i, event in enumerate(trace["traceEvents"]) if event["ph"] == "B")

    def changed(index, **what):
        wrong = copy.deepcopy(trace)
        wrong["traceEvents"][index].update(what)
        return wrong

    short = copy.deepcopy(trace)
    short["traceEvents"].pop()
    for wrong in (changed(first, ts=5000), changed(first, ph="E"), changed(first, name="?"),
                  changed(first, tid=9), changed(first, ph="X"), short):
        with pytest.raises(perfetto.Damaged):
            perfetto.validate(wrong, dump)


def test_whatever_the_rings_hold_the_trace_is_well_formed():
    """As after losses of any kind: records that make no sense together."""
    for seed in range(200):
        random.seed(seed)

        def some():
            return [random.choice([
                record(random.choice([0, 0, 1, 50]), random.choice(["entry", "exit"]),
                       random.choice(["0.0", "0.1", "3.0"]), random.choice([SBI, STORE, TIMER])),
                record(random.choice([0, 1]), "switch", random.choice(["0.0", "0.1", "3.0", "-"])),
                record(random.choice([0, 1]), "leave", random.choice(["0.0", "0.1", "3.0"]),
                       random.choice([0, READY, WAITING, PARKED])),
                record(0, "wake", random.choice(["0.0", "0.1"]), 1),
                record(1, "move", "0.1", random.choice([0, 1, 2**64 - 1])),
                "~lost 3",
            ]) for _ in range(60)]

        converted(some(), some())


def test_what_the_hypervisor_dumps_is_understood(tmp_path):
    program = hartwood.BUILD / "host" / "test_trace_dump"
    assert program.exists(), f"{program} has not been built"
    log, result = tmp_path / "log", tmp_path / "trace.json"
    subprocess.run([str(program)], env={**os.environ, "TRACE_DUMP": str(log)}, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    done = subprocess.run([sys.executable, "-B", str(hartwood.TOP / "tests/trace/perfetto.py"),
                           str(log), str(result)],
                          stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert re.match(r"\d{3,} records, 0 lost, of ", done.stdout)
    assert re.search(r"^  SBI +\d+", done.stdout, re.M)
    trace = json.loads(result.read_text(encoding="utf-8"))
    perfetto.validate(trace)
    names = {event["name"] for event in trace["traceEvents"]}
    assert {"live/0", "live/1", "SBI", "store", "virtual instruction", "IPI", "running",
            "software interrupt", "exception: illegal instruction", "page given"} <= names
