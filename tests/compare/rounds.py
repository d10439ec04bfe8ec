# SPDX-License-Identifier: BSD-2-Clause
"""The marks of guests/compare as the counting plugin has written them down, and the rounds and their parts that lie
between them. A part is what one hart has executed, or all: where harts wait for each other, nobody's waiting is in it.
"""

import collections
import functools
import json
import operator
import re

import counts

# Marks of guests/compare. A short one has this added.
LOOP_BEGIN, LOOP_END, BEGIN, END, OTHER_BEGIN, OTHER_END, MIDDLE, SENT, VOID = range(100, 109)
SHORT = 1024


class Failure(Exception):
    pass


class Mark:
    """A line of the plugin's: which mark, on which hart, and what each hart has executed up to there, as [guest,
    hypervisor, firmware]. A long one has all counts, which are read when they are asked for."""

    HEAD = re.compile(r'{"mark":(\d+),"hart":(\d+),"value":(\d+),"conflicts":(\d+),"instructions":(\[[\d,[\]]*\])')

    def __init__(self, text, head):
        mark, self.hart, self.number, conflicts = map(int, head.groups()[:4])
        if conflicts:
            raise Failure(f"{conflicts} pages were two owners'")
        self.kind = mark % SHORT
        self.totals = json.loads(head[5])
        self.text = text if mark < SHORT else None

    @classmethod
    def read(cls, text):
        """None for the lines that are no marks of ours."""
        head = cls.HEAD.match(text)
        return cls(text, head) if head and int(head[1]) % SHORT in range(LOOP_BEGIN, VOID + 1) else None

    @property
    def is_long(self):
        return self.text is not None

    @functools.cached_property
    def counts(self):
        return counts.parse(json.loads(self.text))


class Part:
    """What all harts, or one of them, have executed from one mark to another."""

    def __init__(self, first, last, hart=None):
        self.first, self.last, self.hart = first, last, hart

    @property
    def is_traced(self):
        return self.first.is_long and self.last.is_long

    @property
    def cost(self):
        """Instructions of the hypervisor and of the firmware."""
        harts = range(len(self.first.totals)) if self.hart is None else [self.hart]
        return tuple(sum(self.last.totals[hart][owner] - self.first.totals[hart][owner] for hart in harts)
                     for owner in (1, 2))

    @property
    def window(self):
        window = self.last.counts - self.first.counts
        window = window if self.hart is None else window.harts[self.hart]
        if self.first.kind in (BEGIN, OTHER_BEGIN) and self.hart in (None, self.first.hart):
            window.guest -= 1   # the mark itself, where the clock has its first reading
        return window


class Round:
    """An operation, or the two of IN_A_ROUND, as its parts by name."""

    def __init__(self, **parts):
        self.parts = parts
        self.cost = tuple(map(sum, zip(*(part.cost for part in parts.values()))))

    @property
    def is_traced(self):
        return all(part.is_traced for part in self.parts.values())

    @property
    def window(self):
        windows = [part.window for part in self.parts.values()]
        return functools.reduce(operator.add, windows[1:], windows[0])


def whole_rounds(marks):
    """From each beginning to the first end after it: lists of the marks."""
    found, begun = [], None
    for mark in marks:
        if mark.kind in (BEGIN, OTHER_BEGIN):
            begun = [mark]
        elif mark.kind == VOID:
            found.pop()
        elif begun:
            begun.append(mark)
            if mark.kind in (END, OTHER_END):
                found.append(begun)
                begun = None
    return found


def simple(marks):
    return [Round(all=Part(found[0], found[-1])) for found in whole_rounds(marks)]


def by_hart(marks):
    """The hart that signals, and the one that is interrupted."""
    return [Round(sender=Part(found[0], found[-1], found[0].hart),
                  receiver=Part(found[0], found[-1], 1 - found[0].hart)) for found in whole_rounds(marks)]


def start_and_entry(marks):
    """The caller's SBI call; and what follows until the new vCPU runs, the caller's wait included."""
    return [Round(start=Part(begin, middle), entry=Part(middle, end)) for begin, middle, end in whole_rounds(marks)]


def moves(marks):
    """As guests/compare/move.c has it: a hart is left, another signals, the first takes a vCPU from that one."""
    found, left, at = [], {}, {}
    for mark in marks:
        if mark.kind == OTHER_BEGIN:
            left[mark.hart] = mark
        elif mark.kind == MIDDLE:
            at = {MIDDLE: mark}
        elif mark.kind in (SENT, OTHER_END):
            at[mark.kind] = mark
        if set(at) == {MIDDLE, SENT, OTHER_END}:
            middle, sent, end = at[MIDDLE], at[SENT], at[OTHER_END]
            if sent.hart != middle.hart or end.hart == middle.hart:
                raise Failure(f"move: from hart {middle.hart} to hart {end.hart}")
            if end.hart in left:   # each wait is one move's; the first of all has none before it
                found.append(Round(leave=Part(left.pop(end.hart), middle, end.hart),
                                   signal=Part(middle, sent, middle.hart), arrive=Part(middle, end, end.hart)))
            at = {}
    return found


SPLIT = {"interrupt": by_hart, "first_entry": start_and_entry, "move": moves}


class Section:
    """What the plugin wrote between and behind the marks of an operation's loop."""

    def __init__(self):
        self.marks, self.loop = [], {}

    def take(self, mark):
        if mark.kind in (LOOP_BEGIN, LOOP_END):
            self.loop[mark.kind] = len(self.marks), mark
        self.marks.append(mark)

    @property
    def loop_window(self):
        return self.loop[LOOP_END][1].counts - self.loop[LOOP_BEGIN][1].counts

    def rounds(self, split):
        """Those that were counted, and those that were traced."""
        (begin, _), (end, _) = self.loop[LOOP_BEGIN], self.loop[LOOP_END]
        return split(self.marks[begin:end]), [round_ for round_ in split(self.marks[end:]) if round_.is_traced]


def read_sections(path):
    sections = collections.defaultdict(Section)
    with open(path, encoding="ascii") as file:
        for mark in filter(None, map(Mark.read, file)):
            sections[mark.number].take(mark)
    return sections
