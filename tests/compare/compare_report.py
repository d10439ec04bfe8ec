#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts both sides of the comparison beside each other: reads DIR/compare/vtx.json, riscv.json and what there is of
riscv-LABEL.json and boots.json; prints tables of 80 columns (report.txt has all of them) and writes report.html, one
file that needs no other.

Each number comes from those files; what is written by hand is in mapping.toml (which functions and CSRs do what, and
how the designs differ), published.toml (what others measured) and the words of summary.py. The last line is `ok` or
`failed`.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import tomllib
import xml.etree.ElementTree
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(HERE))
import charts  # noqa: E402
import parts  # noqa: E402
import summary  # noqa: E402
import tables  # noqa: E402

WIDTH = 80
STYLE = """
:root { color-scheme: light dark; --ink: #111; --paper: #fff; --faint: #bbb; --head: #eee }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --faint: #555; --head: #2a2a2a } }
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --faint: #999; --head: #fff }
  body { max-width: none; margin: 0 } table, svg { break-inside: avoid } h2 { break-after: avoid }
}
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: var(--ink);
  background: var(--paper) }
a { color: inherit } .wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1.5em 0 .5em; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { border: 1px solid var(--faint); padding: 2px 7px; text-align: right; vertical-align: top }
th { background: var(--head) } th[scope=colgroup] { text-align: center }
.text { text-align: left } tbody th { font-weight: normal; white-space: pre-wrap }
caption { text-align: left; font-weight: bold; padding: 4px 0 }
p.note { font-size: 13px; margin: 2px 0; max-width: 62em }
.theirs { border-left: 6px double var(--ink); padding-left: 1em; margin-top: 3em }
""" + charts.STYLE


THEIRS = "Nothing below was measured by us, and none of it can be set against a count above."


class Failure(Exception):
    pass


def load_toml(name):
    with open(HERE / name, "rb") as file:
        return tomllib.load(file)


def load_json(path):
    return json.loads(path.read_text(encoding="ascii")) if path.exists() else None


# ---- what mapping.toml claims ----------------------------------------------------------------


def symbols_of(elf, nm):
    lines = subprocess.run([nm, str(elf)], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {line.split()[-1].split(".")[0] for line in lines}


def body_of(text, function, assembly):
    """A function's definition to its end, None if there is none. Assembly code is taken whole: it has macros."""
    if assembly:
        return text if re.search(rf"^{function}:", text, re.M) else None
    # A definition has its body after its arguments, and ends with a brace in the first column.
    match = re.search(rf"^[a-z][\w \*]*\b{function}\([^;{{]*\)\s*\{{.*?^\}}", text, re.M | re.S)
    return match and match[0]


def check_mapping(mapping, csrs, symbols):
    """{"file:function": "" or ", inlined"}; fails for what is not so."""
    where = {}
    for area in mapping["area"]:
        bodies = ""
        for word in area["functions"]:
            file, function = word.split(":")
            path = TOP / file
            body = path.exists() and body_of(path.read_text(encoding="utf-8"), function, file.endswith(".S"))
            if not body:
                raise Failure(f"mapping.toml: {file} does not define {function}")
            bodies += body
            where[word] = "" if function in symbols else ", inlined"
        for csr in area["csrs"]:
            if csr not in csrs:
                raise Failure(f"mapping.toml: no CSR is called {csr}")
            # As an operand, or in the name of an accessor: csrw, hw_write_vsie(), vs_set_hvip().
            if not re.search(rf"(?:\b|_(?:read|write|set|clear)_){csr}\b", bodies):
                raise Failure(f"mapping.toml: no function of the {area['name'].lower()} handles {csr}")
    return where


# ---- as text ---------------------------------------------------------------------------------


def wrap(words, indent=""):
    return textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)


def sides_as_text(table, widths):
    """Words over the columns that belong together."""
    if not table.sides:
        return []
    line, first = "", 0
    for words, many in table.sides:
        wide = sum(widths[first:first + many]) + many - 1
        line += (f" {words} ".center(wide, "-") if words else " " * wide) + " "
        first += many
    return [line.rstrip()]


def rows_as_text(table):
    columns = list(zip(table.heads, *table.rows))
    widths = [max(len(cell) for cell in column) for column in columns]
    if sum(widths) + len(widths) - 1 > WIDTH:
        raise Failure(f"{table.name} has {sum(widths) + len(widths) - 1} columns")
    lines = sides_as_text(table, widths)
    for row in [table.heads, *table.rows]:
        cells = [cell.ljust(width) if index in table.texts else cell.rjust(width)
                 for index, (cell, width) in enumerate(zip(row, widths))]
        lines.append(" ".join(cells).rstrip())
    return lines


def blocks_as_text(table):
    lines = []
    for row in table.rows:
        lines += wrap(row[0].strip())
        for head, cell in zip(table.heads[1:], row[1:]):
            lines += wrap(f"{head}: {cell}", "    ")
    return lines


def as_text(table):
    body = blocks_as_text(table) if len(table.texts) == len(table.heads) else rows_as_text(table)
    notes = [line for note in table.notes for line in wrap(note)]
    return "\n".join([table.title, "-" * len(table.title), *body, *notes]) + "\n"


# ---- as HTML ---------------------------------------------------------------------------------


def as_html(table):
    def cell(words, index, head=""):
        tag = "th" if head else "td"
        kind = ' class="text"' if index in table.texts else ""
        return f"<{tag}{kind}{head}>{escape(words)}</{tag}>"

    def row(cells, head=""):
        first = head or ' scope="row"'
        return "<tr>" + cell(cells[0], 0, first) + "".join(
            cell(words, index, head) for index, words in enumerate(cells[1:], 1)) + "</tr>"

    sides = "".join(f'<th colspan="{many}" scope="colgroup">{escape(words)}</th>' if words else
                    f'<td colspan="{many}"></td>' for words, many in table.sides)
    body = "".join(row(cells) for cells in table.rows)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    head = " scope=" + chr(34) + "col" + chr(34)
    return (f'<div class="wide"><table id="{table.name}"><caption>{escape(table.title)}</caption>'
            f"<thead>{f'<tr>{sides}</tr>' if sides else ''}{row(table.heads, head)}</thead>"
            f"<tbody>{body}</tbody></table></div>{notes}")


def chart_instructions(data, vtx):
    rows = []
    for title, one, two in tables.pairs(data, vtx):
        rows.append((title, [one and one["hypervisor"], one["instructions"] if one and one["firmware"] else None,
                             two and two["instructions"]]))
    series = [("Hartwood", "circle"), ("with its firmware", "triangle"), ("VT-x side", "square")]
    if not vtx:
        series, rows = series[:2], [(title, found[:2]) for title, found in rows]
    return charts.dots("Instructions for one operation", "instructions, logarithmic", series, rows)


def bars_by_size(title, unit, series, groups):
    """Two charts, so that what is small can be seen beside what is large. groups: rows that stay together."""
    def size(rows):
        return max(sum(values) for _, values in rows)

    groups = [rows for rows in groups if size(rows) > 0]
    limit = max(map(size, groups), default=0) / 8
    return "".join(charts.bars(f"{title}: {which} operations", unit, series, [row for rows in found for row in rows])
                   for which, found in (("short", [rows for rows in groups if size(rows) <= limit]),
                                        ("long", [rows for rows in groups if size(rows) > limit])) if found)


# Of parts.NAMES: what is one pattern in the chart.
CHART_PARTS = [("entry and exit", ["entry"], "solid"), ("a vCPU's other state", ["state", "FP"], "rising"),
               ("handling", ["serve"], "dots"), ("memory", ["memory"], "level"),
               ("timers, interrupts, signals", ["events"], "grid"), ("scheduler or queue", ["sched"], "blank"),
               ("making, library", ["make", "rest"], "falling")]


def chart_parts(data, vtx):
    groups = []
    for title, one, two in tables.pairs(data, vtx):
        rows = []
        for label, op, of in ((f"{title}: RISC-V", one, parts.of_ours), ("VT-x", two, parts.of_theirs)):
            if op and not op.get("without_zeroing"):
                found = of(op)
                rows.append((label, [sum(found[name] for name in names) for _, names, _ in CHART_PARTS]))
        if len(rows) == 2 or rows and not vtx:
            groups.append(rows)
    return bars_by_size("What instructions were for", "instructions",
                        [(name, pattern) for name, _, pattern in CHART_PARTS], groups)


def chart_bytes(data, vtx):
    groups = []
    for title, one, two in tables.pairs(data, vtx):
        if one and one.get("without_zeroing") or not one or not two or one["hypervisor"] == 0:
            continue
        reads, writes, loaded, stored = tables.software_of(one)
        mine = [tables.hardware_of(one)[3], 8 * (reads + writes), loaded + stored]
        traced = two["traced"]
        _, _, loaded, stored = tables.software_of_vtx(two)
        fields = (traced["vmread_bytes"] + traced["vmwrite_bytes"]) / traced["rounds"]
        groups.append([(f"{title}: RISC-V", mine),
                       ("VT-x", [tables.hardware_of_vtx(two)[3], fields, loaded + stored])])
    return bars_by_size("Bytes moved by one operation", "bytes", [
        ("by hardware", "solid"), ("by CSR accesses, VMREAD and VMWRITE", "rising"),
        ("by loads and stores", "blank")], groups) if groups else ""


def chart_policies(data, others):
    series = [("lazy", "circle"), *zip(others, ("square", "triangle", "cross"))]
    rows = []
    for title, name, *_ in tables.WHOLE:
        op = tables.ours(data, name)
        if op and op["instructions"] and not op.get("without_zeroing"):
            found = [tables.ours(other, name) for other in list(others.values())[:3]]
            rows.append((title, [op["instructions"], *(one and one["instructions"] for one in found)]))
    return charts.dots("Instructions for one operation by policy", "instructions, logarithmic", series, rows)


def document(found):
    html = ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/><title>Hartwood beside VT-x</title>'
            f"<style>{STYLE}</style></head><body>{charts.patterns()}<main>" + "\n".join(found)
            + "</main></body></html>\n")
    check_document(html)
    return html


def check_document(html):
    """One file that is well-formed and asks for no other."""
    root = xml.etree.ElementTree.fromstring(html)
    for element in root.iter():
        # href is in a namespace of its own where it is SVG's older one.
        references = [value for name, value in element.attrib.items() if name.split("}")[-1] == "href"]
        if element.tag in ("script", "link", "img", "iframe", "object") or "src" in element.attrib or \
                not all(value.startswith("#") for value in references) or \
                any("//" in value for value in element.attrib.values()):
            raise Failure(f"report.html refers to something outside: {element.tag}")
    for match in re.findall(r"url\(([^)]*)\)|@import", html):
        if not match.startswith("#"):
            raise Failure(f"report.html refers to {match}")


# ---- all of it -------------------------------------------------------------------------------


def provenance(data, vtx):
    lines = [f"RISC-V: Hartwood in {data['emulator']} with -icount shift=0, built by {data['compiler']}; "
             f"{data['count']} rounds of each operation unless n says otherwise."]
    if vtx:
        lines.append(f"VT-x: tests/compare/vtx in {vtx['emulator']} as {vtx['cpu']}, built by {vtx['compiler']}; "
                     f"{vtx['count']} rounds.")
    else:
        lines.append("VT-x: was not measured here (make compare-vtx says why).")
    return lines


def make_tables(data, vtx, others, mapping, where, boots):
    found = [tables.instructions(data, vtx), tables.by_part(data, vtx), tables.world_switch(data, vtx),
             tables.software(data, vtx), tables.hardware(data, vtx)]
    if others:
        found.append(tables.policies(data, others))
    if boots:
        found.append(tables.boots(boots))
    found += [tables.places(data, vtx), tables.state(data), tables.mapping(mapping, where), tables.differences(mapping)]
    return {table.name: table for table in found}


# Longer than a screen, or no numbers of ours: in the files alone.
NOT_PRINTED = {"state", "places", "mapping", "differences", "published"}


def sections(data, vtx, others, found, theirs, words):
    """(title, HTML) of each."""
    html = {name: as_html(table) for name, table in found.items()}

    def listed(lines):
        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"

    yield "In short", listed(words["sentences"]) + "".join(f"<p>{escape(line)}</p>" for line in provenance(data, vtx))
    yield "What these numbers are not", listed(words["limits"])
    yield "Instructions for one operation", chart_instructions(data, vtx) + html["instructions"]
    yield ("What the instructions were for", chart_parts(data, vtx) + html["parts"] + html["world-switch"]
           + html["places"])
    yield "State moved, and who moves it", chart_bytes(data, vtx) + html["software"] + html["hardware"] + html["state"]
    if others:
        yield "What laziness saves", chart_policies(data, others) + html["policies"] + html.get("boots", "")
    yield "What stands for the VMCS", html["mapping"]
    yield "Easy and hard", html["differences"]
    yield "Measured by others", f'<div class="theirs"><p>{THEIRS}</p>{as_html(theirs)}</div>'


def page(data, vtx, others, found, theirs, words):
    whole = list(sections(data, vtx, others, found, theirs, words))
    contents = "".join(f'<li><a href="#section{index}">{escape(title)}</a></li>'
                       for index, (title, _) in enumerate(whole))
    return document(["<h1>Hartwood beside VT-x</h1><p>What a switch between two worlds costs with a VMCS and without "
                     "one, counted on both machines for the same operations.</p>", f"<nav><ol>{contents}</ol></nav>",
                     *(f'<section><h2 id="section{index}">{escape(title)}</h2>{body}</section>'
                       for index, (title, body) in enumerate(whole))])


def titled(title, lines):
    """A list as text."""
    body = "\n".join("\n".join(textwrap.wrap(line, WIDTH, initial_indent="- ", subsequent_indent="  ",
                                             break_long_words=False)) for line in lines)
    return f"{title}\n{'-' * len(title)}\n{body}\n"


def report(directory, elf, nm, data, vtx, others, boots=None):
    """Writes report.html and report.txt; gives what of it is printed."""
    mapping = load_toml("mapping.toml")
    where = check_mapping(mapping, load_toml("riscv.toml")["csrs"], symbols_of(elf, nm))
    found = make_tables(data, vtx, others, mapping, where, boots)
    theirs = tables.published(load_toml("published.toml"))
    words = {"limits": mapping["limits"], "sentences": summary.sentences(data, vtx, others, boots)}
    html = page(data, vtx, others, found, theirs, words)
    head = ["\n".join(line for line_ in provenance(data, vtx) for line in wrap(line_)) + "\n",
            titled("In short", words["sentences"])]
    end = titled("What these numbers are not", words["limits"])
    whole = [*head, end, *(as_text(table) for table in [*found.values(), theirs])]
    (directory / "report.html").write_text(html, encoding="utf-8")
    (directory / "report.txt").write_text("\n".join(whole), encoding="utf-8")
    return "\n".join([*head, *(as_text(table) for name, table in found.items() if name not in NOT_PRINTED), end])


def read_others(directory):
    """The builds beside the default, those with one thing changed first."""
    found = {path.stem.removeprefix("riscv-"): load_json(path) for path in directory.glob("riscv-*.json")}
    return {name: found[name] for name in sorted(found, key=lambda name: (name == "both", name))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--out", help="where the results are (BUILD/compare)")
    args = parser.parse_args()
    directory = pathlib.Path(args.out or f"{args.build}/compare")
    nm = (os.environ.get("CROSS") or "riscv64-unknown-elf-") + "nm"
    data = load_json(directory / "riscv.json")
    for path in directory.glob("report.*"):   # of an earlier run, which must not look like this one's
        path.unlink()
    try:
        if not data:
            raise Failure(f"there is no {directory}/riscv.json")
        elf = pathlib.Path(os.environ.get("OUT") or args.build) / "hartwood.elf"
        print(report(directory, elf, nm, data, load_json(directory / "vtx.json"), read_others(directory),
                     load_json(directory / "boots.json")))
    except (Failure, OSError, subprocess.CalledProcessError, xml.etree.ElementTree.ParseError) as error:
        print(f"failed: {error}")
        return 1
    print(f"{directory}/report.html has charts, state by CSR and field, the mapping and what others measured.\nok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
