#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Turns a dump of Hartwood's trace into a file for the Perfetto UI (ui.perfetto.dev, "Open trace
file"), which is Chrome's JSON trace format.

    perfetto.py console.log trace.json

The dump is what the shell's `trace dump` prints (hyp/ui/trace_dump.h says what its lines mean); it
is found in whatever else the console showed. The result has a row for each hart, with the vCPU that
runs there and in it each exit by its cause, and a row for each vCPU, with what it is doing, where,
and what happened to it.

Validated before it is written: slices are nested and closed, time goes forward in each row, and all
names are known ones.
"""

import argparse
import collections
import json
import pathlib
import re
import sys
import zlib

VERSION = 1
LINE = re.compile(r"~(?:(?:begin|name|vm|hart|lost|end) [^\r\n]*|[0-9a-f]+ [0-9a-f]+ (?:-|\d+\.\d+) "
                  r"[0-9a-f]+)(?=\r?\n|\r?$)")

HARTS_PID = 1
VM_PID = 10  # and the VM's id

# What the converter does with an event depends on what it is called.
EVENTS = {"entry", "exit", "inject", "interrupt", "switch", "leave", "move", "wake", "fault", "life"}

HVIP = {1 << 2: "software interrupt", 1 << 6: "timer interrupt", 1 << 10: "external interrupt"}


class Damaged(Exception):
    """The dump is not whole, or not one that this program understands."""


Record = collections.namedtuple("Record", "time hart event vm vcpu argument")


class Dump:
    """records: those of all harts, in the order in which they happened."""

    def __init__(self):
        self.timebase = 0
        self.harts = 0
        self.names = collections.defaultdict(dict)  # by kind
        self.vms = {}  # id: (name, vCPUs)
        self.lost = collections.Counter()  # by hart
        self.records = []

    def name(self, kind, number, fallback=None):
        return self.names[kind].get(number, fallback or f"{kind} {number:#x}")


def find_lines(text):
    """The lines of the last dump in the text."""
    start = text.rfind("~begin ")
    if start < 0:
        raise Damaged("there is no ~begin: was it dumped at all?")
    lines = []
    for match in LINE.finditer(text, start):
        if match.start() and text[match.start() - 1] not in "\r\n":
            continue
        lines.append(match.group(0))
        if lines[-1].startswith("~end "):
            return lines
    raise Damaged(f"no ~end after {len(lines)} lines")


def check_whole(lines):
    count, crc = lines[-1].split()[1:]
    body = "".join(line + "\n" for line in lines[:-1])
    if int(count, 16) != len(lines) - 1:
        raise Damaged(f"{len(lines) - 1} lines of {int(count, 16)}")
    if int(crc, 16) != zlib.crc32(body.encode()):
        raise Damaged("the checksum is another one")


def parse_record(dump, hart, time, fields):
    number, who, argument = int(fields[0], 16), fields[1], int(fields[2], 16)
    event = dump.names["event"].get(number)
    if event is None:
        raise Damaged(f"event {number} has no name")
    vm, vcpu = (None, None) if who == "-" else map(int, who.split("."))
    if vm is not None and (vm not in dump.vms or vcpu >= dump.vms[vm][1]):
        raise Damaged(f"there is no vCPU {who}")
    return Record(time, hart, event, vm, vcpu, argument)


def parse(text):
    lines = find_lines(text)
    check_whole(lines)
    dump = Dump()
    hart, time = None, 0
    for line in lines[:-1]:
        word, *fields = line[1:].split(" ")
        if word == "begin":
            version, dump.timebase, dump.harts = (int(field, 16) for field in fields)
            if version != VERSION:
                raise Damaged(f"format {version}; this program reads {VERSION}")
        elif word == "name":
            dump.names[fields[0]][int(fields[1], 16)] = " ".join(fields[2:])
        elif word == "vm":
            dump.vms[int(fields[0])] = (" ".join(fields[2:]), int(fields[1]))
        elif word == "hart":
            hart, time = int(fields[0], 16), 0
            dump.lost[hart] += int(fields[1], 16)
        elif word == "lost":
            dump.lost[hart] += int(fields[0], 16)
            if time:  # else nobody knows when it was
                dump.records.append(Record(time, hart, "lost", None, None, int(fields[0], 16)))
        else:
            time += int(word, 16)
            dump.records.append(parse_record(dump, hart, time, fields))
    unknown = set(dump.names["event"].values()) - EVENTS
    if unknown:
        raise Damaged(f"unknown events: {', '.join(sorted(unknown))}")
    # Stable: within a hart they are in order already.
    dump.records.sort(key=lambda record: record.time)
    return dump


class Row:
    """A thread of the trace: slices, one in the other, and instants. Times are in microseconds."""

    def __init__(self, events, pid, tid):
        self.events = events
        self.place = {"pid": pid, "tid": tid}
        self.open = []

    def begin(self, time, name, **args):
        self.open.append(name)
        self.events.append({"ph": "B", "ts": time, "name": name, **self.place,
                            **({"args": args} if args else {})})

    def end(self, time):
        if self.open:
            self.events.append({"ph": "E", "ts": time, "name": self.open.pop(), **self.place})

    def end_all(self, time, depth=0):
        while len(self.open) > depth:
            self.end(time)

    def become(self, time, name, **args):
        """Instead of whatever is open."""
        self.end_all(time)
        if name:
            self.begin(time, name, **args)

    def instant(self, time, name, scope="t", **args):
        self.events.append({"ph": "i", "ts": time, "name": name, "s": scope, **self.place,
                            **({"args": args} if args else {})})


class Converter:
    def __init__(self, dump):
        self.dump = dump
        self.events = []
        self.start = dump.records[0].time if dump.records else 0
        self.harts = [Row(self.events, HARTS_PID, hart) for hart in range(dump.harts)]
        self.vcpus = {(vm, vcpu): Row(self.events, VM_PID + vm, vcpu)
                      for vm, (_, count) in dump.vms.items() for vcpu in range(count)}
        self.running_on = {}  # hart by vCPU
        self.on = {}  # vCPU by hart

    def microseconds(self, time):
        return (time - self.start) * 1000000 / self.dump.timebase

    def title(self, who):
        return f"{self.dump.vms[who[0]][0]}/{who[1]}"

    # ---- the vCPU comes to a hart and goes

    def comes(self, time, hart, who):
        row = self.harts[hart]
        row.end_all(time)
        before = self.on.pop(hart, None)
        if before is not None and self.running_on.get(before) == hart:
            self.goes(time, hart, before, None)
        other = self.running_on.get(who)
        if other is not None:
            # Its LEAVE, on the other hart, was a tick later by the clock, or is lost.
            self.harts[other].end_all(time)
            self.on.pop(other, None)
        self.on[hart] = who
        self.running_on[who] = hart
        row.begin(time, self.title(who))
        self.vcpus[who].become(time, "running", hart=hart)

    def goes(self, time, hart, who, state):
        if self.running_on.get(who) != hart:
            return
        del self.running_on[who]
        self.on.pop(hart, None)
        self.harts[hart].end_all(time)
        self.vcpus[who].become(time, state)

    def ensure(self, time, hart, who):
        """The beginning of its stretch is not among the records."""
        if self.on.get(hart) != who:
            self.comes(time, hart, who)

    # ---- events, a method each

    def entry(self, time, record, who):
        self.ensure(time, record.hart, who)
        self.harts[record.hart].end_all(time, depth=1)

    def exit(self, time, record, who):
        self.ensure(time, record.hart, who)
        self.harts[record.hart].end_all(time, depth=1)
        name = self.dump.name("exit", record.argument, f"exit {record.argument:#x}")
        self.harts[record.hart].begin(time, name)

    def inject(self, time, record, who):
        cause = self.dump.name("exit", record.argument, f"exception {record.argument:#x}")
        self.vcpus[who].instant(time, f"exception: {cause}")

    def interrupt(self, time, record, who):
        for bit, name in HVIP.items():
            if record.argument & bit:
                self.vcpus[who].instant(time, name)

    def switch(self, time, record, who):
        if who is not None:
            self.comes(time, record.hart, who)
            return
        if self.harts[record.hart].open != ["idle"]:
            self.harts[record.hart].become(time, "idle")
            self.on.pop(record.hart, None)

    def leave(self, time, record, who):
        state = self.dump.name("state", record.argument)
        self.goes(time, record.hart, who, None if state == "off" else state)

    def move(self, time, record, who):
        if record.argument < self.dump.harts:
            self.vcpus[who].instant(time, f"moves from hart {record.argument}", hart=record.hart)

    def wake(self, time, record, who):
        self.vcpus[who].instant(time, "wakes", by_hart=record.hart, queue_of_hart=record.argument)
        if who not in self.running_on:
            self.vcpus[who].become(time, "ready")

    def fault(self, time, record, who):
        self.vcpus[who].instant(time, "page given", address=f"{record.argument:#x}")

    def life(self, time, record, who):
        state = self.dump.name("life", record.argument)
        self.vcpus[who].instant(time, f"VM is {state}", scope="p")

    def lost(self, time, record, who):
        del who
        self.harts[record.hart].instant(time, f"{record.argument} records lost")

    # ---- all of it

    def metadata(self):
        def name(kind, pid, text, tid=None):
            event = {"ph": "M", "name": kind, "pid": pid, "args": {"name": text}}
            if tid is not None:
                event["tid"] = tid
            return event

        yield name("process_name", HARTS_PID, "harts")
        for hart in range(self.dump.harts):
            yield name("thread_name", HARTS_PID, f"hart {hart}", hart)
        for vm, (title, vcpus) in sorted(self.dump.vms.items()):
            yield name("process_name", VM_PID + vm, f"VM {title}")
            for vcpu in range(vcpus):
                yield name("thread_name", VM_PID + vm, f"vCPU {vcpu}", vcpu)

    def convert(self):
        time = 0
        for record in self.dump.records:
            time = self.microseconds(record.time)
            who = None if record.vm is None else (record.vm, record.vcpu)
            if who is None and record.event not in ("switch", "lost"):
                raise Damaged(f"{record.event} of nobody")
            getattr(self, record.event)(time, record, who)
        for row in [*self.harts, *self.vcpus.values()]:
            row.end_all(time)
        return {"traceEvents": [*self.metadata(), *self.events],
                "displayTimeUnit": "ns",
                "otherData": {"source": "Hartwood", "ticks per second": self.dump.timebase,
                              "records lost": sum(self.dump.lost.values())}}


def convert(dump):
    return Converter(dump).convert()


# ---- is it right? ------------------------------------------------------------------------------


def known_names(dump):
    return ({"idle", "running", "ready", "waiting", "paused", "wakes", "page given"}
            | set(HVIP.values()) | set(dump.names["exit"].values())
            | {f"exception: {name}" for name in dump.names["exit"].values()}
            | {f"VM is {name}" for name in dump.names["life"].values()}
            | {f"moves from hart {hart}" for hart in range(dump.harts)}
            | {f"{name}/{vcpu}" for name, count in dump.vms.values() for vcpu in range(count)})


def validate(trace, dump=None):
    """Raises Damaged if a row's slices are not nested and closed, its time goes back, it has no
    name, or, given the dump, something has a name that nobody knows."""
    rows = collections.defaultdict(list)
    times = {}
    titles = set()
    known = known_names(dump) if dump else None
    for event in trace["traceEvents"]:
        row = (event["pid"], event.get("tid"))
        if event["ph"] == "M":
            titles.add(row)
            continue
        if row not in titles:
            raise Damaged(f"row {row} has no name")
        if not 0 <= times.get(row, 0) <= event["ts"]:
            raise Damaged(f"row {row}: {event['name']} at {event['ts']}, after {times[row]}")
        times[row] = event["ts"]
        if known is not None and event["name"] not in known and "lost" not in event["name"]:
            raise Damaged(f"row {row}: what is {event['name']!r}?")
        if event["ph"] == "B":
            rows[row].append(event["name"])
        elif event["ph"] == "E":
            if not rows[row] or rows[row].pop() != event["name"]:
                raise Damaged(f"row {row}: {event['name']} ends, but is not the innermost slice")
        elif event["ph"] != "i":
            raise Damaged(f"row {row}: phase {event['ph']!r}")
    for row, left in rows.items():
        if left:
            raise Damaged(f"row {row}: {', '.join(left)} never ends")


# ---- in words ----------------------------------------------------------------------------------


def slices(trace):
    """Yields (pid, tid, depth, name, microseconds)."""
    rows = collections.defaultdict(list)
    for event in trace["traceEvents"]:
        row = (event["pid"], event.get("tid"))
        if event["ph"] == "B":
            rows[row].append(event["ts"])
        elif event["ph"] == "E":
            began = rows[row].pop()
            yield (*row, len(rows[row]), event["name"], event["ts"] - began)


def summary(dump, trace):
    last = dump.records[-1].time if dump.records else 0
    first = dump.records[0].time if dump.records else 0
    seconds = (last - first) / dump.timebase
    lines = [f"{len(dump.records)} records, {sum(dump.lost.values())} lost, of {seconds:.3f} s "
             f"on {dump.harts} harts"]
    rows = collections.defaultdict(collections.Counter)
    exits, times = collections.Counter(), collections.Counter()
    for pid, tid, depth, name, length in slices(trace):
        if depth == 0:
            rows[pid, tid][name] += length
        else:
            exits[name] += 1
            times[name] += length
    for (pid, tid), shares in sorted(rows.items()):
        title = (f"hart {tid}" if pid == HARTS_PID
                 else f"{dump.vms[pid - VM_PID][0]}/{tid}")
        parts = [f"{name} {share / seconds / 10000:.1f} %" for name, share in shares.most_common(5)]
        lines.append(f"  {title}: {', '.join(parts)}" if seconds else f"  {title}")
    if exits:
        lines.append(f"  {'exit':24}{'count':>9}{'us in all':>12}{'us each':>9}")
    for name, count in exits.most_common():
        lines.append(f"  {name:24}{count:9}{times[name]:12.1f}{times[name] / count:9.2f}")
    instants = collections.Counter(event["name"] for event in trace["traceEvents"]
                                   if event["ph"] == "i")
    lines += [f"  {name:24}{count:9}" for name, count in instants.most_common(12)]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("log", type=pathlib.Path, help="what the console showed")
    parser.add_argument("trace", type=pathlib.Path, help="the JSON file to write")
    options = parser.parse_args()
    try:
        dump = parse(options.log.read_text(encoding="latin-1"))
        trace = convert(dump)
        validate(trace, dump)
    except Damaged as error:
        print(f"{options.log}: {error}", file=sys.stderr)
        return 1
    options.trace.parent.mkdir(parents=True, exist_ok=True)
    options.trace.write_text(json.dumps(trace), encoding="utf-8")
    print(summary(dump, trace))
    return 0


if __name__ == "__main__":
    sys.exit(main())
