# SPDX-License-Identifier: BSD-2-Clause
"""Our side of the comparison with VT-x (tests/compare, guests/compare) and the report: the guest's checks pass, the
counts are the same twice, what was traced is what was counted, and the report has the logs' numbers."""

import copy
import html.parser
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

import hartwood

COMPARE = pathlib.Path(__file__).resolve().parent.parent / "compare"
sys.path[:0] = [str(COMPARE), str(COMPARE.parent / "count")]
import charts  # noqa: E402
import counts  # noqa: E402
import report  # noqa: E402
import riscv  # noqa: E402
import tables  # noqa: E402
from layout import Layout  # noqa: E402

COUNT = 20
NM = counts.CROSS + "nm"
OPERATIONS = {mine for _, mine, _ in tables.PAIRS} - {"page_alone"} | {"timer_sbi", "timer_due_sstc"}


def has_plugins():
    return subprocess.run([hartwood.QEMU, "-plugin", "help"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


needs_plugins = pytest.mark.skipif(not has_plugins(), reason="this QEMU was built without plugins")
pytestmark = pytest.mark.xdist_group("bochs")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A directory with riscv.json and riscv.log."""
    out = tmp_path_factory.mktemp("riscv")
    done = subprocess.run([sys.executable, "-B", str(COMPARE / "riscv.py"), "--build", str(hartwood.BUILD), "--out",
                           str(out), "--count", str(COUNT), f"default={hartwood.OUT}"], capture_output=True, text=True,
                          timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
    return out


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
        if op["counted"] == "instret":
            assert op["least"] <= op["mean"] <= op["most"], name


@needs_plugins
def test_the_numbers_are_those_of_the_raw_log(ours, measured):
    """instret's sums by round, less the guest's own part, which is known from the trace."""
    log = (ours / "riscv.log").read_text()
    rows = {match[0]: list(map(int, match[1:]))
            for match in re.findall(r": compare: \d+ (\w+) (\d+) (\d+) (\d+) (\d+)$", log, re.M)}
    for name, op in measured["operations"].items():
        n, total, least, most = rows[name]
        divide = riscv.IN_A_ROUND.get(name, 1)
        assert op["rounds_run"] == n, name
        if op["counted"] != "instret":
            continue
        assert op["n"] == n * divide, name
        own = op["most"] * divide - most
        assert op["least"] * divide - least == own, name
        assert abs(op["mean"] * divide - total / n - own) < 1e-6, name
        # Half-way instructions are not in instret, so the guest's part is what was traced or less.
        assert 0 <= op["traced"]["guest"] + 1 + own <= 4, name


@needs_plugins
def test_a_second_run_counts_the_same(measured, tmp_path):
    with open(tmp_path / "log", "w", encoding="ascii") as log:
        again = riscv.measure("default", hartwood.OUT, COUNT, log, runs=[riscv.RUNS[0], riscv.RUNS[2]])
    assert len(again["operations"]) > 10
    for name, op in again["operations"].items():
        assert op == measured["operations"][name], name


@needs_plugins
def test_a_base_call_moves_what_the_code_says(measured):
    """scause read; sepc read and written; sscratch swapped twice and read once: and a trap with an SRET."""
    traced = measured["operations"]["hypercall"]["traced"]
    assert traced["csrs"] == {"sscratch": [3, 2], "sepc": [1, 1], "scause": [1, 0]}
    assert traced["exits"] == {"exception 10": 1} and traced["firmware"] == 0
    assert traced["hardware"]["traps"] == traced["hardware"]["srets"] == 1
    saved = {name for name, row in traced["fields"].items() if row["stores"] and name.startswith("x[")}
    assert saved == {f"x[{number}]" for number in (1, 2, 5, 6, 7, *range(10, 18), *range(28, 32))}
    assert sum(traced["files"].values()) == sum(traced["functions"].values()) == traced["hypervisor"]


@needs_plugins
def test_a_move_takes_a_vcpu_to_another_hart(measured):
    """Its instruction fetches are fenced there, not in a switch (vcpu_load.c); translations are whenever the hart
    changes vCPU, and what the hart loads then is one vCPU's."""
    for name, changes in (("hypercall", 0), ("exception", 0), ("interrupt", 0), ("move", 1), ("switch", 2)):
        traced = measured["operations"][name]["traced"]
        assert traced["fences"]["fence.i"] == (name == "move"), name
        assert traced["csrs"].get("htimedelta", [0, 0])[1] == changes, name
        assert (traced["fences"]["hfence.vvma"] > 0) == (changes > 0), name


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
        riscv.measure("wrong", hartwood.OUT, COUNT, log, runs=[("exits", 1, 1, "rv64", 64 << 20)])


def test_field_offsets_are_those_of_the_assembly():
    layout = Layout(counts.CROSS + "objdump", hartwood.OUT / "hartwood.elf", "vcpu")
    header = (hartwood.OUT / "include" / "offsets.h").read_text()
    names = {"VCPU_X": "x[0]", "VCPU_PC": "pc", "VCPU_HOST_SP": "host_sp", "VCPU_DEEPEN": "deepen",
             "VCPU_FULL_EXITS": "full_exits"}
    offsets = {name: offset for offset, _, name in layout.fields}
    found = dict(re.findall(r"^#define (VCPU_\w+) (\d+)$", header, re.M))
    assert set(found) >= set(names)
    for macro, field in names.items():
        assert offsets[field] == int(found[macro]), macro
    assert all(offset + size <= layout.size for offset, size, _ in layout.fields)


# ---- the report ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reported(ours, vtx_run, tmp_path_factory):
    """A directory with both sides' results, two policies that are made up, and the report."""
    out = tmp_path_factory.mktemp("report")
    for path in (*ours.iterdir(), *vtx_run.glob("vtx.*")):
        shutil.copy(path, out)
    data = json.loads((out / "riscv.json").read_text())
    for label, more in (("eager", 100), ("full", 50)):
        other = copy.deepcopy(data)
        for op in other["operations"].values():
            op["instructions"] += more
        (out / f"riscv-{label}.json").write_text(json.dumps(other))
    done = subprocess.run([sys.executable, "-B", str(COMPARE / "report.py"), "--build", str(hartwood.BUILD), "--out",
                           str(out)], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "OUT": str(hartwood.OUT), "CROSS": counts.CROSS})
    assert done.returncode == 0, done.stdout + done.stderr
    (out / "printed").write_text(done.stdout)
    return out


def row_of(text, title):
    return next(line for line in text.splitlines() if line.startswith(title + "  ")).removeprefix(title).split()


@needs_plugins
def test_the_report_has_the_numbers_of_both_logs(reported):
    text = (reported / "printed").read_text()
    ours_log, vtx_log = ((reported / name).read_text() for name in ("riscv.log", "vtx.log"))
    total, least = re.search(r": compare: \d+ hypercall \d+ (\d+) (\d+) ", ours_log).groups()
    assert int(total) == COUNT * int(least)
    empty = re.search(r": compare: \d+ empty \d+ \d+ (\d+) ", ours_log).group(1)
    row = row_of(text, "hypercall")
    # Both loops have the same frame; the call's own has three instructions more.
    assert int(row[0]) == int(least) - int(empty) - 3
    host, n = re.search(r"result op=hypercall n=(\d+) total=\d+ guest=\d+ host=(\d+)", vtx_log).groups()[::-1]
    assert int(row[-1]) == int(host) / int(n)
    for title, _, other in tables.PAIRS:
        if other:
            traced = re.search(rf"^{other} +\d+ +[\d.]+ +\d+ +\d+ +([\d.]+) ", vtx_log, re.M).group(1)
            assert float(row_of(text, title)[-1]) == pytest.approx(float(traced), abs=0.06), title


@needs_plugins
def test_tables_hold_eighty_columns(reported):
    for name in ("printed", "report.txt"):
        lines = (reported / name).read_text().splitlines()
        assert len(lines) > 100
        wide = [line for line in lines if len(line) > 80 and not line.startswith(str(reported))]
        assert wide == []


class Reader(html.parser.HTMLParser):
    """Opens and closes, references, text of cells by table."""

    EMPTY = {"meta"}

    def __init__(self):
        super().__init__()
        self.open, self.references, self.cells, self.ids = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)
        attrs = dict(attrs)
        self.ids |= {attrs["id"]} if "id" in attrs else set()
        self.references += [value for name, value in attrs.items() if name in ("src", "href", "data", "action")]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@needs_plugins
def test_the_page_is_well_formed_and_needs_no_other_file(reported):
    text = (reported / "report.html").read_text()
    report.check_document(text)
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [] and reader.references == []
    assert {"instructions", "software", "hardware", "parts", "state", "policies", "mapping", "differences",
            "published", *charts.PATTERNS} <= reader.ids
    assert text.count("<svg viewBox") == 6
    for area in report.load_toml("mapping.toml")["area"]:
        assert area["name"] in reader.cells


@pytest.mark.parametrize("planted", ['<script src="a.js"></script>', '<img alt="" src="data:x"/>', '<a href="b">c</a>',
                                     '<style>p { background: url(d.png) }</style>', "<p>"])
def test_a_page_that_refers_to_another_is_refused(planted):
    page = f"<html><body>{planted}</body></html>"
    with pytest.raises((report.Failure, report.xml.etree.ElementTree.ParseError)):
        report.check_document(page)


def test_the_mapping_names_functions_and_csrs_that_are_there():
    mapping, csrs = report.load_toml("mapping.toml"), report.load_toml("riscv.toml")["csrs"]
    symbols = report.symbols_of(hartwood.OUT / "hartwood.elf", NM)
    assert len(mapping["area"]) == 6
    where = report.check_mapping(mapping, csrs, symbols)
    assert where["firmware/guest.S:guest_run"] == ""
    for key, wrong in (("functions", ["hyp/vm/run.c:vcpu_put"]), ("functions", ["hyp/vm/none.c:run_light"]),
                       ("csrs", ["vsnothing"])):
        bad = copy.deepcopy(mapping)
        bad["area"][0][key] = wrong
        with pytest.raises(report.Failure):
            report.check_mapping(bad, csrs, symbols)


def test_published_counts_have_a_source_each():
    published = report.load_toml("published.toml")
    used = {row["source"] for row in published["row"]}
    assert used == set(published["sources"])
    for source in published["sources"].values():
        assert source["read"] in ("the source", "a quotation")
        assert source["read"] == "the source" or "note" in source
