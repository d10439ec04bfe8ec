# SPDX-License-Identifier: BSD-2-Clause
"""firmware/ctz.S: its table says of each bit which it is."""

import re

import hartwood


def test_each_bit_is_found_by_its_number():
    text = (hartwood.TOP / "firmware" / "ctz.S").read_text(encoding="ascii")
    sequence = int(re.search(r"\.dword\s+(\w+)", text).group(1), 0)
    table = [int(word) for row in re.findall(r"\.byte(.*)", text) for word in row.split(",")]
    assert len(table) == 64
    for bit in range(64):
        assert table[(sequence << bit) % 2**64 >> 58] == bit
