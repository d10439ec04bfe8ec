# SPDX-License-Identifier: BSD-2-Clause
"""The table of what VT-x hardware moves (tests/compare/vmcs.toml) agrees with what a field's encoding says of itself, and
with the hypervisor's own names for the encodings (Intel SDM vol. 3, "VM-Execution, VM-Entry, VM-Exit Control Fields and
Their Encodings": bits 14:13 are the width, bits 11:10 the type)."""

import re
import tomllib

import pytest

import hartwood

pytestmark = pytest.mark.once("the VT-x side")

COMPARE = hartwood.TOP / "tests" / "compare"
BYTES = (2, 8, 4, 8)   # 16-bit, 64-bit, 32-bit, natural width
TYPES = {"controls": 0, "consulted": 0, "information": 1, "guest": 2, "guest_checked": 2, "host": 3, "others": 1}
TABLE = tomllib.loads((COMPARE / "vmcs.toml").read_text(encoding="utf-8"))
ROWS = [(area, row) for area in TYPES for row in TABLE[area]]
# Of the fields that exits record, one is a control field: its valid bit is cleared.
CLEARED = 0x4016


def test_each_field_has_the_size_and_the_area_of_its_encoding():
    for area, row in ROWS:
        encoding, name, size = row[:3]
        assert size == BYTES[encoding >> 13 & 3], name
        assert TYPES[area] == encoding >> 10 & 3 or encoding == CLEARED, name
        assert encoding & 1 == 0, name


def test_no_field_is_there_twice_in_one_area():
    for area in TYPES:
        encodings = [row[0] for row in TABLE[area]]
        assert len(set(encodings)) == len(encodings), area


def test_every_rule_exists_is_used_and_cites_a_section():
    used = {rule for _, row in ROWS for rule in row[3:]}
    assert used == set(TABLE["rules"])
    for name, rule in TABLE["rules"].items():
        assert rule["section"], name
        assert ("control" in rule) == ("bit" in rule), name


def test_every_field_that_the_hypervisor_names_is_in_the_table():
    text = (COMPARE / "vtx" / "vmx.h").read_text(encoding="utf-8")
    named = {int(value, 16): name for name, value in re.findall(r"#define (VMCS_\w+)\s+(0x\w+)$", text, re.M)}
    assert len(named) > 60
    known = {row[0] for _, row in ROWS}
    assert not {name for value, name in named.items() if value not in known}
