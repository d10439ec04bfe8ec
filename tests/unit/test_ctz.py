# SPDX-License-Identifier: BSD-2-Clause
"""firmware/ctz.S: its table says of each bit which it is, and its instructions look it up there."""

import re

import hartwood

MASK = 2**64 - 1
TEXT = (hartwood.TOP / "firmware" / "ctz.S").read_text(encoding="ascii")
SEQUENCE = int(re.search(r"\.dword\s+(\w+)", TEXT).group(1), 0)
TABLE = [int(word) for row in re.findall(r"\.byte(.*)", TEXT) for word in row.split(",")]
#: What the standard calling convention leaves to who is called.
CLOBBERED = {f"{kind}{i}" for kind, count in (("a", 8), ("t", 7)) for i in range(count)}


def test_each_bit_is_found_by_its_number():
    assert len(TABLE) == 64
    for bit in range(64):
        assert TABLE[(SEQUENCE << bit) % 2**64 >> 58] == bit


def run(value):
    """What the function returns, by its own instructions. Address 0 is the table's."""
    code = re.search(r"^__ctzdi2:\n(.*?\n)\tret\n", TEXT, re.DOTALL | re.MULTILINE).group(1)
    x = {"a0": value}
    for line in code.splitlines():
        name, operands = line.split(None, 1)
        to, *args = re.split(r",\s*", operands)
        assert to in CLOBBERED
        if name == "ld":
            assert args == ["sequence"]
            x[to] = SEQUENCE
        elif name == "lla":
            assert args == ["number_of"]
            x[to] = 0
        elif name == "lbu":
            x[to] = TABLE[x[re.fullmatch(r"0\((\w+)\)", args[0]).group(1)]]
        else:
            a, *b = (x[arg] if arg in x else int(arg) for arg in args)
            results = {
                "neg": lambda a: -a,
                "and": lambda a, b: a & b,
                "mul": lambda a, b: a * b,
                "srli": lambda a, b: a >> b,
                "add": lambda a, b: a + b,
            }
            x[to] = results[name](a, *b) & MASK
    return x["a0"]


def test_the_lowest_bit_counts_whatever_is_above_it():
    for bit in range(64):
        for above in (0, MASK, 0x5555555555555555, 0xFEDCBA9876543210):
            assert run(1 << bit | (above << bit + 1) & MASK) == bit
