# SPDX-License-Identifier: BSD-2-Clause
"""The report of the comparison with VT-x (tests/compare): it has the numbers of both sides' raw logs, holds its form,
is made without the VT-x side too, and refuses what is not so."""

import copy
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import hartwood

COMPARE = pathlib.Path(__file__).resolve().parent.parent / "compare"
sys.path[:0] = [str(COMPARE), str(COMPARE.parent / "count")]
import boots  # noqa: E402
import charts  # noqa: E402
import compare  # noqa: E402
import compare_report as report  # noqa: E402
import counts  # noqa: E402
import parts  # noqa: E402
import summary  # noqa: E402
import tables  # noqa: E402
from test_compare import COUNT, NM, needs_plugins  # noqa: E402

pytestmark = [pytest.mark.xdist_group("bochs"), pytest.mark.once("the report of the comparison")]


def made_up_boots():
    """Two builds with the sums of boots that never were."""
    def row(seed, hypervisor):
        return {"seed": seed, "guest": 600_000_000 + seed, "hypervisor": hypervisor, "firmware": 7, "exits": 24_000,
                "firmware_traps": 0, "causes": {"SBI call": 24_000}}

    return {"emulator": "none", "between": ["here", "there"], "vcpus": 1, "memory": 512 << 20, "builds": {
        label: {"with messages": [row(seed, hypervisor) for seed in (1, 2)], "quiet": [row(1, hypervisor)]}
        for label, hypervisor in (("default", 13_000_000), ("eager", 15_400_028))}}


def make_report(out):
    done = subprocess.run([sys.executable, "-B", str(COMPARE / "compare_report.py"), "--build", str(hartwood.BUILD),
                           "--out", str(out)], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "OUT": str(hartwood.OUT), "CROSS": counts.CROSS})
    (out / "printed").write_text(done.stdout)
    return done


@pytest.fixture(scope="module")
def reported(riscv_run, vtx_run, tmp_path_factory):
    """A directory with both sides' results, two policies and boots that are made up, and the report."""
    out = tmp_path_factory.mktemp("report")
    for path in (*riscv_run.glob("riscv.*"), *vtx_run.glob("vtx.*")):
        shutil.copy(path, out)
    data = json.loads((out / "riscv.json").read_text())
    for label, more in (("eager", 100), ("full", 50)):
        other = {**copy.deepcopy(data), "count": 7}
        for op in other["operations"].values():
            op["instructions"] += more
        (out / f"riscv-{label}.json").write_text(json.dumps(other))
    (out / "boots.json").write_text(json.dumps(made_up_boots()))
    done = make_report(out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def row_of(text, title):
    """The cells of the first row with this title."""
    return next(line for line in text.splitlines() if line.startswith(title + " ")).removeprefix(title).split()


@needs_plugins
def test_the_report_has_the_numbers_of_both_logs(reported):
    text = (reported / "printed").read_text().partition("Instructions executed by")[2]
    ours_log, vtx_log = ((reported / name).read_text() for name in ("riscv.log", "vtx.log"))
    total, least = re.search(r": compare: \d+ hypercall \d+ (\d+) (\d+) ", ours_log).groups()
    assert int(total) == COUNT * int(least)
    empty = re.search(r": compare: \d+ empty \d+ \d+ (\d+) ", ours_log).group(1)
    row = row_of(text, "hypercall")
    # Both loops have the same frame; the call's own has three instructions more.
    assert int(row[0]) == int(least) - int(empty) - 3
    n, host = re.search(r"result op=hypercall n=(\d+) total=\d+ guest=\d+ host=(\d+)", vtx_log).groups()
    assert int(row[-1]) == int(host) / int(n)
    for title, _, other, _ in tables.PAIRS:
        if other:
            traced = re.search(rf"^{other} +\d+ +[\d.]+ +\d+ +\d+ +([\d.]+) ", vtx_log, re.M).group(1)
            assert float(row_of(text, title)[-1]) == pytest.approx(float(traced), abs=0.06), title


@needs_plugins
def test_parts_add_up_to_the_operation_on_both_sides(reported):
    data, vtx = (json.loads((reported / name).read_text()) for name in ("riscv.json", "vtx.json"))
    for name, op in data["operations"].items():
        assert sum(parts.of_ours(op).values()) == pytest.approx(op["hypervisor"]), name
    for name, op in vtx["operations"].items():
        found = parts.of_theirs(op)
        assert sum(found.values()) == pytest.approx(op["instructions"]), name
        assert found["rest"] <= 1 and found["entry"] > 0, name
        assert (found["FP"] > 0) == (name in ("switch", "switch_msrs", "switch_fp", "move", "first_entry")), name
        assert (found["make"] > 0) == (name == "first_entry"), name
    table = {row[0]: row[1:] for row in tables.world_switch(data, vtx).rows}
    found = parts.of_theirs(vtx["operations"]["switch"])
    assert [int(cell) for cell in table["switch of vCPUs"][7:10]] == [found[name] for name in parts.WORLD_SWITCH]


@needs_plugins
def test_what_laziness_saves_is_the_difference_of_the_data(reported):
    text = (reported / "printed").read_text()
    policies = text.partition("What laziness saves: instructions")[2]
    assert row_of(policies, "hypercall")[2::2] == ["100", "50"]
    # Other builds have fewer rounds than the lazy one.
    assert "CSRs; 7 rounds." in " ".join(policies.split())
    rows = text.partition("What laziness saves in a Linux boot")[2]
    # 24,000 exits of 100 instructions and 28, of a boot of 613,000,008 or 9.
    assert row_of(rows, "with messages: eager")[-2:] == ["2400028", "0.392"]
    assert "more instructions: with messages (24,000 exits in 613 million), 0.392 % (eager); quiet" in \
        " ".join(text.split())


@needs_plugins
def test_sentences_follow_the_data(reported):
    data, vtx = (json.loads((reported / name).read_text()) for name in ("riscv.json", "vtx.json"))
    before = summary.sentences(data, vtx, {}, None)
    data["operations"]["hypercall"]["instructions"] = 1234567
    vtx["operations"]["device_read"]["instructions"] = 1
    after = summary.sentences(data, vtx, {}, None)
    assert "1,234,567 instructions" in after[0] and "1,234,567" not in before[0]
    assert " is 1 instructions there" in after[1] and "fewer than" in after[1] and "more than" in before[1]
    assert before[2] == after[2]
    # The information on an exit depends on what it was for.
    moved = [sum(part["bytes"] for part in of.values()) for of in vtx["hardware"]["exit"].values()]
    entry = vtx["hardware"]["entry"]["guest_loaded"]["bytes"]
    assert f"({min(moved) + entry} to {max(moved) + entry} bytes moved, whatever" in before[0]
    assert min(moved) < max(moved)


@needs_plugins
def test_tables_hold_eighty_columns(reported):
    for name in ("printed", "report.txt"):
        lines = (reported / name).read_text().splitlines()
        assert len(lines) > 100
        wide = [line for line in lines if len(line) > 80 and not line.startswith(str(reported))]
        assert wide == []


def test_ten_thousand_rounds_hold_eighty_columns_too():
    """The widest that the first table can be: numbers as make compare has them."""
    op = {"hypervisor": 75230.5, "firmware": 13624.5, "mean": 75231.6, "least": 75190.5, "most": 75288.5, "n": 20000,
          "median": 1, "instructions": 1, "traced": {"functions": {tables.ZEROING: 0}}}
    data = {"operations": {mine: op for _, mine, _, _ in tables.PAIRS}}
    vtx = {"operations": {other: {"instructions": 1234.5} for _, _, other, _ in tables.PAIRS}}
    assert max(map(len, report.rows_as_text(tables.instructions(data, vtx)))) <= 80


def test_a_traced_round_that_is_not_the_median_is_said():
    op = {"hypervisor": 1404, "firmware": 0, "mean": 1448.5, "median": 1404, "least": 1375, "most": 1845, "n": 461,
          "instructions": 1404, "traced": {"functions": {tables.ZEROING: 175}}}
    data = {"operations": {"hypercall": op, "page": op}}
    assert "next to it" not in tables.instructions(data, None).notes[0]
    data["operations"]["page"] = {**op, "median": 1435}
    note = tables.instructions(data, None).notes[0]
    assert "(the median is: page given, 4 KiB 1260, page zeroed, 4 KiB 1435)" in note


@needs_plugins
def test_a_host_without_the_vtx_side_gets_a_report(riscv_run, tmp_path):
    for path in riscv_run.glob("riscv.*"):
        shutil.copy(path, tmp_path)
    done = make_report(tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "ok", done.stdout + done.stderr
    assert "was not measured" in done.stdout
    assert all(len(line) <= 80 or line.startswith(str(tmp_path)) for line in done.stdout.splitlines())
    row = row_of(done.stdout.partition("Instructions executed by")[2], "hypercall")
    assert row[-1] == "-" and "=" not in row
    report.check_document((tmp_path / "report.html").read_text())


def test_a_report_without_our_side_fails(tmp_path):
    (tmp_path / "report.html").write_text("of an earlier run")
    done = make_report(tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("failed: there is no")
    assert not list(tmp_path.glob("report.*"))


class Reader(html.parser.HTMLParser):
    """Opens and closes, references, text of cells, what is in each chart."""

    EMPTY = {"meta"}

    def __init__(self):
        super().__init__()
        self.open, self.references, self.cells, self.ids, self.charts = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.references += [value for name, value in attrs.items() if name in ("src", "href", "data", "action")]
        if tag == "svg" and attrs.get("role") == "img":
            self.charts.append((attrs["aria-labelledby"].split(), []))
        elif self.charts and "svg" in self.open:
            self.charts[-1][1].append((tag, attrs))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


@needs_plugins
def test_the_page_is_well_formed_and_needs_no_other_file(reported):
    text = (reported / "report.html").read_text()
    report.check_document(text)
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [] and all(reference[1:] in reader.ids for reference in reader.references)
    assert len(reader.ids) == len(set(reader.ids))
    assert {"instructions", "parts", "world-switch", "software", "hardware", "places", "state", "policies", "boots",
            "mapping", "differences", "published", *charts.PATTERNS} <= set(reader.ids)
    for area in report.load_toml("mapping.toml")["area"]:
        assert area["name"] in reader.cells


@needs_plugins
def test_charts_need_no_colour_and_say_what_they_show(reported):
    reader = Reader()
    reader.feed((reported / "report.html").read_text())
    assert len(reader.charts) == 6
    for names, elements in reader.charts:
        assert len(names) == 2 and set(names) <= set(reader.ids)
        assert {"title", "desc"} <= {tag for tag, _ in elements}
        for _, attrs in elements:
            assert re.fullmatch(r"url\(#\w+\)|", attrs.get("fill", "")) and "stroke" not in attrs, attrs
            assert all(0 <= float(attrs[key]) <= charts.WIDTH for key in ("x", "cx") if key in attrs), attrs


def test_a_logarithmic_axis_has_a_place_for_zero_only_where_there_is_one():
    scale = charts.Logarithmic([0, 42, 3000], 100, 500)
    assert scale.place(0) < scale.left == scale.place(10) < scale.place(42) < scale.place(3000) < 500
    assert ">0<" in scale.draw(0, 10, "unit")
    scale = charts.Logarithmic([42, 3000], 100, 500)
    assert scale.zero is None and ">0<" not in scale.draw(0, 10, "unit")


def test_what_was_not_measured_has_no_point():
    two = charts.dots("title", "unit", [("a", "circle"), ("b", "square")], [("x", [5, 50]), ("y", [7, None])])
    # One of each in the legend and over the columns.
    assert two.count("<circle") == 2 + 2 and two.count("<rect") == 2 + 1


@pytest.mark.parametrize("planted", ['<script src="a.js"></script>', '<img alt="" src="data:x"/>', '<a href="b">c</a>',
                                     '<style>p { background: url(d.png) }</style>', "<p>",
                                     '<svg xmlns:x="http://www.w3.org/1999/xlink"><use x:href="e.svg"/></svg>',
                                     '<video poster="https://f/g.png"></video>'])
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
                       ("csrs", ["vsnothing"]), ("csrs", ["hgeie"])):
        bad = copy.deepcopy(mapping)
        bad["area"][0][key] = wrong
        with pytest.raises(report.Failure):
            report.check_mapping(bad, csrs, symbols)


# Of the specifications: the log of modified pages, the sizes of pages.
NUMBERS_OF_OTHERS = {"512", "2", "4"}


def test_what_is_written_by_hand_has_no_figures():
    mapping = report.load_toml("mapping.toml")
    words = [*mapping["limits"], *tables.DIFFER, *parts.TEXT.values(), *tables.POLICY_TEXT.values(),
             *(value for part in ("area", "difference") for row in mapping[part] for value in row.values()
               if isinstance(value, str))]
    for text in words:
        assert set(re.findall(r"(?<![\w.])\d[\d,.]*\b(?![\w-])", text)) <= NUMBERS_OF_OTHERS, text


def test_published_counts_have_a_source_each_and_quotations_are_marked():
    published = report.load_toml("published.toml")
    assert {row["source"] for row in published["row"]} == set(published["sources"])
    assert all(source["title"] and source["at"] for source in published["sources"].values())
    table = tables.published(published)
    for row, cells in zip(published["row"], table.rows):
        assert ("quoted" in cells[-1]) == ("quoted_by" in published["sources"][row["source"]])
    assert sum("Not read itself; quoted by" in note for note in table.notes) == \
        sum("quoted_by" in source for source in published["sources"].values()) > 0


def test_a_boot_is_described_as_it_was_counted():
    traps = {("hypervisor", "guest", "exception", 23): 3, ("hypervisor", "guest", "exception", 10): 2,
             ("hypervisor", "hypervisor", "interrupt", 1): 5, ("firmware", "guest", "interrupt", 7): 1}
    begin = counts.Counts(10, 20, 30, counts.collections.Counter(), counts.collections.Counter(),
                          counts.collections.Counter())
    end = counts.Counts(110, 220, 330, counts.collections.Counter(traps), counts.collections.Counter(),
                        counts.collections.Counter())
    marks = counts.Marks([])
    marks.found = {boots.FIRST: begin, boots.LAST: end}
    assert boots.describe(marks, 3) == {
        "seed": 3, "guest": 100, "hypervisor": 200, "firmware": 300, "exits": 5, "firmware_traps": 1,
        "causes": {"store guest-page fault": 3, "SBI call": 2}}


def test_a_step_that_fails_ends_its_line_and_the_run(capfd):
    def step(title, code):
        return compare.Step(title, "-c", f"print('said by {title}'); raise SystemExit({code})")

    assert compare.run_all([[step("one", 0)], [step("two", 0)]], 2)
    capfd.readouterr()
    assert not compare.run_all([[step("one", 0), step("two", 3), step("three", 0)], [step("four", 0)]], 1)
    out = capfd.readouterr().out
    assert "two: failed" in out and "said by two" in out and "three" not in out and "four: said by four" in out
