# SPDX-License-Identifier: BSD-2-Clause
"""Our side of the comparison with VT-x (tests/compare, guests/compare): the guest's checks pass, the counts are the
same twice, and what was traced is what was counted. The report's tests are test_compare_report.py."""

import json
import pathlib
import re
import struct
import subprocess
import sys

import pytest

import hartwood

COMPARE = pathlib.Path(__file__).resolve().parent.parent / "compare"
sys.path[:0] = [str(COMPARE), str(COMPARE.parent / "count")]
import counts  # noqa: E402
import layout as layouts  # noqa: E402
import parts  # noqa: E402
import riscv  # noqa: E402
import rounds  # noqa: E402
import tables  # noqa: E402

COUNT = 20   # as conftest's riscv_run has it
# struct vs_csrs.
GUEST_CSRS = ("vsstatus vsie vstvec vsscratch vsepc vscause vstval vsatp vstimecmp hvip senvcfg scounteren hstatus "
              "sstatus").split()
NM = counts.CROSS + "nm"
OPERATIONS = {mine for _, mine, *_ in tables.WHOLE} - {"page_alone"} \
    | {"timer_sbi", "timer_due_sstc", "host_timer", "host_device"}


def has_plugins():
    return subprocess.run([hartwood.QEMU, "-plugin", "help"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


needs_plugins = pytest.mark.skipif(not has_plugins(), reason="this QEMU was built without plugins")
pytestmark = pytest.mark.xdist_group("bochs")


@pytest.fixture(scope="module")
def ours(riscv_run):
    """A directory with riscv.json and riscv.log."""
    return riscv_run


@pytest.fixture(scope="module")
def measured(ours):
    return json.loads((ours / "riscv.json").read_text())


@needs_plugins
def test_every_operation_is_measured_and_its_effect_verified(ours, measured):
    assert set(measured["operations"]) == OPERATIONS
    log = (ours / "riscv.log").read_text()
    assert set(re.findall(r": ok (\w+)$", log, re.M)) >= OPERATIONS
    assert "not ok" not in log
    for name, op in measured["operations"].items():
        assert op["least"] <= op["median"] <= op["most"] and op["least"] <= op["mean"] <= op["most"], name
        assert sum(op["spread"].values()) * riscv.IN_A_ROUND.get(name, 1) == op["n"], name


@needs_plugins
def test_the_numbers_are_those_of_the_raw_log(ours, measured):
    """instret's sums by round, less the guest's own part, which is known from the trace."""
    log = (ours / "riscv.log").read_text()
    rows = {match[0]: list(map(int, match[1:]))
            for match in re.findall(r": compare: \d+ (\w+) (\d+) (\d+) (\d+) (\d+)$", log, re.M)}
    for name, op in measured["operations"].items():
        n, total, least, most = rows[name]
        divide = riscv.IN_A_ROUND.get(name, 1)
        if op["counted"] != "instret":
            continue
        assert op["rounds_run"] == n, name
        assert op["n"] == n * divide, name
        own = op["most"] * divide - most
        assert op["least"] * divide - least == own, name
        assert abs(op["mean"] * divide - total / n - own) < 1e-6, name
        # Half-way instructions are not in instret, so the guest's part is what was traced or less.
        assert 0 <= op["traced"]["guest"] + 1 + own <= 4, name


@needs_plugins
def test_a_second_run_counts_the_same(measured, tmp_path):
    """To the last field: also where harts wait for each other, and where somebody types."""
    with open(tmp_path / "log", "w", encoding="ascii") as log:
        again = riscv.measure("default", hartwood.OUT, COUNT, log, runs=[
            riscv.Run("exits"), *(run for run in riscv.RUNS if run.groups in ("pair", "interrupt", "device", "move"))])
    assert len(again["operations"]) > 10
    for name, op in again["operations"].items():
        assert op == measured["operations"][name], name


@needs_plugins
def test_an_operation_is_the_sum_of_its_parts(measured):
    parts = {"interrupt": {"sender", "receiver"}, "move": {"leave", "signal", "arrive"},
             "first_entry": {"start", "entry"}}
    for name, op in measured["operations"].items():
        assert set(op.get("parts", {})) == parts.get(name, set()), name
        for owner in ("hypervisor", "firmware"):
            if "parts" in op:
                assert sum(part[owner] for part in op["parts"].values()) == op[owner], name
    for part in measured["operations"]["first_entry"]["parts"].values():
        assert sum(part["steps"].values()) == part["hypervisor"] and min(part["steps"].values()) > 0


@needs_plugins
def test_an_interrupt_of_the_host_is_one_exit_and_nothing_else(measured):
    """The receiver's part of an IPI too: the sender's exit is its own."""
    for name, part, cause in (("host_timer", None, 5), ("host_device", None, 9), ("interrupt", "receiver", 1)):
        op = measured["operations"][name]
        traced = op["parts"][part]["traced"] if part else op["traced"]
        assert traced["exits"] == {f"interrupt {cause}": 1}, name
        assert traced["hardware"]["traps"] == traced["hardware"]["srets"] == 1, name
    calls = measured["operations"]["interrupt"]["parts"]["sender"]["traced"]["exits"]
    assert calls == {"exception 10": 1}
    device = measured["operations"]["host_device"]["traced"]
    assert device["places"]["platform/plic.c:plic_serve"] > 0 and device["csrs"]["hvip"][1] > 0
    assert measured["operations"]["host_timer"]["traced"]["csrs"]["stimecmp"] == [0, 2]


@needs_plugins
def test_a_base_call_moves_what_the_code_says(measured):
    """scause read; sepc read and written; sscratch swapped twice and read once: and a trap with an SRET. The guest's
    CSRs with SWITCH=eager, stvec and all registers with EXIT=full."""
    traced = measured["operations"]["hypercall"]["traced"]
    csrs = {"sscratch": [2, 3] if hartwood.FULL else [3, 2], "sepc": [1, 1], "scause": [1, 0]}
    if hartwood.EAGER:
        csrs |= {name: [1, 1] for name in GUEST_CSRS}
    if hartwood.FULL:
        csrs |= {"stvec": [0, 2], "hstatus": [2, 1] if hartwood.EAGER else [1, 0]}
    assert traced["csrs"] == csrs
    assert traced["exits"] == {"exception 10": 1} and traced["firmware"] == 0
    assert traced["hardware"]["traps"] == traced["hardware"]["srets"] == 1
    saved = {name for name, row in traced["fields"].items() if row["stores"] and name.startswith("x[")}
    light = (1, 2, 5, 6, 7, *range(10, 18), *range(28, 32))
    assert saved == {f"x[{number}]" for number in (range(1, 32) if hartwood.FULL else light)}
    for what in ("files", "places", "functions"):
        assert sum(traced[what].values()) == traced["hypervisor"], what


@needs_plugins
def test_a_move_takes_a_vcpu_to_another_hart(measured):
    """Its instruction fetches are fenced there, not in a switch (vcpu_load.c); translations are whenever the hart
    changes vCPU, and what the hart loads then is one vCPU's."""
    for name, changes in (("hypercall", 0), ("exception", 0), ("interrupt", 0), ("move", 1), ("switch", 2)):
        traced = measured["operations"][name]["traced"]
        assert traced["fences"]["fence.i"] == (name == "move"), name
        assert traced["csrs"].get("htimedelta", [0, 0])[1] == changes, name
        assert (traced["fences"]["hfence.vvma"] > 0) == (changes > 0), name


@pytest.mark.once("the lazy build's parts")
@needs_plugins
def test_parts_of_an_operation_are_where_they_belong(measured):
    """By files and functions of the debug information: what a light exit is, and a switch that moves FP state."""
    def of(name):
        return {part: count for part, count in parts.of_ours(measured["operations"][name]).items() if count}

    assert set(of("hypercall")) == set(of("id_register")) == {"entry", "serve"}
    assert set(of("exception")) == set(of("device_read")) == {"entry", "serve"}
    assert of("page_2m")["memory"] > 0.9 * measured["operations"]["page_2m"]["hypervisor"]
    plain, dirty = of("switch"), of("switch_fp")
    assert dirty["FP"] > plain["FP"] > 0 and plain["state"] == dirty["state"] > 0 and "make" not in plain
    assert of("first_entry")["make"] > 0


@pytest.mark.once("how a run of the comparison fails")
@needs_plugins
def test_a_guest_whose_call_has_no_effect_fails_the_run(tmp_path, monkeypatch):
    """The hypercall asks for another function, so that what it returns is not the version."""
    elf = hartwood.BUILD / "guests" / "compare.elf"
    lines = subprocess.run([NM, str(elf)], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    offset = next(int(line.split()[0], 16) for line in lines if line.endswith(" loop_sbi_base")) - 0x80200000
    data = bytearray((hartwood.BUILD / "guests" / "compare.bin").read_bytes())
    zero, one = struct.pack("<H", 0x4801), struct.pack("<H", 0x4805)   # c.li a6, 0 and 1
    at = data.index(zero, offset, offset + 16)
    data[at:at + 2] = one
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(data)
    monkeypatch.setattr(hartwood, "guest", lambda name: wrong)
    with open(tmp_path / "log", "w", encoding="ascii") as log, \
            pytest.raises(riscv.Failure, match="not ok hypercall: rounds that had no effect is 0x26"):
        riscv.measure("wrong", hartwood.OUT, COUNT, log, runs=[riscv.Run("exits")])


def test_an_operation_whose_result_is_lost_fails_the_run():
    text = "compare: 1 empty 20 140 7 7\r\nok empty\r\ncompare: 2 hypercall 20 1580 79 79\r\n"
    sections = {number: rounds.Section() for number in (0, 1, 2)}
    for number in (1, 2):   # 0: what is marked before an operation
        sections[number].loop = {rounds.LOOP_BEGIN: None, rounds.LOOP_END: None}
    assert riscv.read_results(text, sections) == {"empty": [1, 20, 140, 7, 7], "hypercall": [2, 20, 1580, 79, 79]}
    with pytest.raises(riscv.Failure, match="empty, but operations 1, 2"):
        riscv.read_results(text.replace("2 hypercall", "2 hyper~call"), sections)


def test_a_move_whose_wait_has_no_mark_is_no_round():
    """Nor has it the wait of the move before: that would count all in between."""
    def marks(*kinds):
        for at, (kind, hart) in enumerate(kinds):
            counts_ = [[0, 100 * at, 0], [0, 100 * at, 0]]
            yield rounds.Mark.read(f'{{"mark":{kind + rounds.SHORT},"hart":{hart},"value":1,"conflicts":0,'
                                   f'"instructions":{json.dumps(counts_, separators=(",", ":"))}}}')

    signal = ((rounds.MIDDLE, 1), (rounds.SENT, 1), (rounds.OTHER_END, 0))
    found = rounds.moves(marks((rounds.OTHER_BEGIN, 0), *signal, *signal, (rounds.OTHER_BEGIN, 0), *signal))
    assert [round_.cost for round_ in found] == [(100 + 100 + 200, 0)] * 2


def test_field_offsets_are_those_of_the_assembly():
    layout = layouts.of(counts.CROSS + "objdump", hartwood.OUT / "hartwood.elf", "vcpu")
    header = (hartwood.OUT / "include" / "offsets.h").read_text()
    names = {"VCPU_X": "x[0]", "VCPU_PC": "pc", "VCPU_HOST_SP": "host_sp", "VCPU_DEEPEN": "deepen",
             "VCPU_FULL_EXITS": "full_exits"}
    offsets = {name: offset for offset, _, name in layout.fields}
    found = dict(re.findall(r"^#define (VCPU_\w+) (\d+)$", header, re.M))
    assert set(found) >= set(names)
    for macro, field in names.items():
        assert offsets[field] == int(found[macro]), macro
    assert all(offset + size <= layout.size for offset, size, _ in layout.fields)
