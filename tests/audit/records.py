# SPDX-License-Identifier: BSD-2-Clause
"""What guests/audit has written down on one machine (see guests/audit/tests.h), and how the records
of two machines differ."""

import fnmatch
import re
import tomllib

RECORD = re.compile(r"^r (\S+) (\S+) ([0-9a-f]+)-([0-9a-f]+) (\S.*?)\r?$", re.M)
WITNESS = re.compile(r"^x (\S+) (\S+) (\S+)\r?$", re.M)
# What OpenSBI 1.6 says of instructions that it refuses, without the end of a line.
MUTTERED = re.compile(r"system_opcode_insn: Invalid opcode for CSR read/write instruction")


class Records:
    """by_key[context, table, item] is a result; items of table "x" are names, else numbers."""

    def __init__(self, text):
        self.by_key = {}
        text = MUTTERED.sub("", text)
        for context, table, first, last, result in RECORD.findall(text):
            for item in range(int(first, 16), int(last, 16) + 1):
                self.by_key[context, table, item] = result
        count = sum(not table.startswith("held") for _, table, _ in self.by_key)
        for context, name, result in WITNESS.findall(text):
            self.by_key[context, "x", name] = result
        end = re.search(r"^audit: end, (\d+) records\r?$", text, re.M)
        assert end and "not ok" not in text, "the audit did not reach its end"
        assert count == int(end.group(1)), f"{end.group(1)} records, {count} of them were read"

    def get(self, context, table, item):
        return self.by_key.get((context, table, item))

    def csr(self, context, number, table="csr"):
        """The five words of a CSR's record as a list: read, write 1s, write 0s, set, clear. Where a
        write of ones trapped, that of zeros is the same instruction and was not tried."""
        words = self.by_key[context, table, number].split(" ")
        if len(words) == 4 and table == "csr":
            words.insert(2, words[1])
        return words


def went_through(word):
    """Of a word that says what came of an access or an instruction."""
    return word is not None and not word.startswith("t")


# ---- differences -----------------------------------------------------------------------------


class Expected:
    """An entry of differences.toml."""

    def __init__(self, entry):
        unknown = set(entry) - {"models", "where", "items", "alone", "hartwood", "reason",
                                "sometimes"}
        assert not unknown, f"unknown keys in differences.toml: {unknown}"
        self.models = entry["models"]
        self.where = [place.split() for place in entry["where"]]
        self.items = [parse_items(item) for item in entry["items"]]
        self.item_texts = entry["items"]
        self.alone = re.compile(entry["alone"])
        self.hartwood = re.compile(entry["hartwood"])
        self.sometimes = entry.get("sometimes", False)
        self.reason = " ".join(entry["reason"].split())
        assert self.reason, "an entry of differences.toml has no reason"

    def matches(self, key, alone, hartwood):
        context, table, item = key
        return (any(fnmatch.fnmatchcase(context, place[0]) and fnmatch.fnmatchcase(table, place[1])
                    for place in self.where)
                and any(holds(item) for holds in self.items)
                and self.alone.fullmatch(alone) and self.hartwood.fullmatch(hartwood))


def parse_items(text):
    """A name, a number, or a range of numbers, as a function."""
    match = re.fullmatch(r"(0x[0-9a-f]+)(?:-(0x[0-9a-f]+))?", text)
    if not match:
        return lambda item: item == text
    first = int(match.group(1), 16)
    last = int(match.group(2) or match.group(1), 16)
    return lambda item: isinstance(item, int) and first <= item <= last


def load_expected(path):
    with open(path, "rb") as file:
        return [Expected(entry) for entry in tomllib.load(file)["difference"]]


def differences(alone, hartwood):
    """[(key, result alone, result under Hartwood)] where they are not the same."""
    keys = sorted(set(alone.by_key) | set(hartwood.by_key), key=str)
    return [(key, alone.by_key.get(key, "-"), hartwood.by_key.get(key, "-")) for key in keys
            if alone.by_key.get(key) != hartwood.by_key.get(key)]


def sort_out(found, expected, model, tables=None):
    """Gives ([unlisted differences], [(entry, how many)], [entries that nothing matches]). An entry
    counts for the models that it names, and a brief run does not try all tables."""
    unlisted, counts = [], {entry: 0 for entry in expected if model in entry.models}
    for difference in found:
        entries = [entry for entry in counts if entry.matches(*difference)]
        for entry in entries:
            counts[entry] += 1
        if not entries:
            unlisted.append(difference)
    stale = [entry for entry, count in counts.items() if count == 0 and not entry.sometimes]
    return unlisted, [(entry, count) for entry, count in counts.items() if count], stale


def ranges(found):
    """Differences as lines: neighbours with the same results become one."""
    lines, last = [], None
    for (context, table, item), alone, hartwood in sorted(
            found, key=lambda difference: (difference[0][0], difference[0][1],
                                           str(difference[0][2]) if isinstance(difference[0][2], str)
                                           else f"{difference[0][2]:08x}")):
        same = (context, table, alone, hartwood)
        if last and last[0] == same and isinstance(item, int) and last[2] + 1 == item:
            last[2] = item
            continue
        last = [same, item, item]
        lines.append(last)
    return [f"{same[0]} {same[1]} "
            + (f"{first:#x}" + (f"-{end:#x}" if end != first else "")
               if isinstance(first, int) else first)
            + f": alone '{same[2]}', under Hartwood '{same[3]}'" for same, first, end in lines]
