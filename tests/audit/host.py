# SPDX-License-Identifier: BSD-2-Clause
"""Nothing that a guest does may reach the host's state: the hart's CSRs at the markers of
guests/audit/marker.c against each other, but for what host.toml lets change."""

import tomllib

import csrs

FIRST, QUIET, AFTER, LAST = 1, 2, 3, 4
ALL = 0xffffffffffffffff


class Rule:
    """An entry of host.toml."""

    def __init__(self, entry):
        assert set(entry) <= {"csrs", "bits", "owner", "reason", "sometimes"}, entry
        self.names, self.owner, self.reason = entry["csrs"], entry["owner"], entry["reason"]
        self.sometimes = entry.get("sometimes", False)
        self.bits = entry.get("bits", ALL)
        self.numbers = {csrs.NUMBERS[name] for name in self.names}


def load_rules(path):
    with open(path, "rb") as file:
        return [Rule(entry) for entry in tomllib.load(file)["may_change"]]


class HostState:
    """What came of the comparison: how many of the hart's CSRs were compared and at how many
    markers, which changed by rule, and which must not have."""

    def __init__(self, at, rules):
        self.compared = [number for number in at[FIRST]
                         if isinstance(number, int) and not csrs.is_vs(number)
                         and any(values.get(number) is not None for values in at.values())]
        self.markers = len(at)
        self.used, self.failures, self.wrong, still = set(), [], set(), set(self.compared)
        base = at[QUIET]
        for marker, values in sorted(at.items()):
            for number in self.compared:
                difference = (values.get(number) or 0) ^ (base.get(number) or 0)
                if number not in values or not difference:
                    continue
                still.discard(number)
                self._judge(marker, number, difference, rules, base, values)
        self.unchanged = len(still)
        missing = {1, 2, 3, 4} - set(at)
        self.failures += [f"marker {marker} is missing" for marker in sorted(missing)]

    def _judge(self, marker, number, difference, rules, base, values):
        for rule in rules:
            if number in rule.numbers and difference & rule.bits:
                self.used.add(rule)
                difference &= ~rule.bits
        if difference:
            self.wrong.add(number)
            where = {FIRST: "before anything", AFTER: "after the tables", LAST: "at the end"}
            text = where.get(marker)
            if marker >= 0x1000:
                text = (f"while the guest's {csrs.name((marker - 0x1000) // 2)} had all bits "
                        + ("clear" if marker & 1 else "set"))
            self.failures.append(f"host CSR {csrs.name(number)} was {base[number]:#x} and is "
                                 f"{values[number]:#x} {text}")
