#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Puts both sides of the comparison beside each other: reads DIR/compare/vtx.json, riscv.json and what there is of
riscv-LABEL.json, and DIR/policies.json if `make bench-policies` was run; prints tables of 80 columns (report.txt has
all of them) and writes report.html, one file that needs no other.

Each number comes from those files; what is written by hand is in mapping.toml (which functions and CSRs do what, and
how the designs differ) and published.toml (what others measured). The last line is `ok` or `failed`.
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
import tables  # noqa: E402

WIDTH = 80
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #111; background: #fff }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px }
th, td { border: 1px solid #888; padding: 2px 7px; text-align: right; vertical-align: top }
th { background: #eee } td.text, th.text { text-align: left } td:first-child { white-space: pre-wrap }
caption { text-align: left; font-weight: bold; padding: 4px 0 } p.note { font-size: 13px; margin: 2px 0 }
svg { max-width: 100%; height: auto } .theirs { border-left: 6px double #000; padding-left: 1em }
"""


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


def is_defined(text, function, assembly):
    if assembly:
        return re.search(rf"^{function}:", text, re.M) is not None
    # A definition has its body after its arguments.
    return re.search(rf"^[a-z][\w \*]*\b{function}\([^;{{]*\)\s*\{{", text, re.M) is not None


def check_mapping(mapping, csrs, symbols):
    """{"file:function": "" or " (inlined)"}; fails for what is not so."""
    where = {}
    for area in mapping["area"]:
        for csr in area["csrs"]:
            if csr not in csrs:
                raise Failure(f"mapping.toml: no CSR is called {csr}")
        for word in area["functions"]:
            file, function = word.split(":")
            path = TOP / file
            if not path.exists() or not is_defined(path.read_text(encoding="utf-8"), function, file.endswith(".S")):
                raise Failure(f"mapping.toml: {file} does not define {function}")
            where[word] = "" if function in symbols else " (inlined)"
    return where


# ---- as text ---------------------------------------------------------------------------------


def wrap(words, indent=""):
    return textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)


def rows_as_text(table):
    columns = list(zip(table.heads, *table.rows))
    widths = [max(len(cell) for cell in column) for column in columns]
    if sum(widths) + len(widths) - 1 > WIDTH:
        raise Failure(f"{table.name} has {sum(widths) + len(widths) - 1} columns")
    lines = []
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
    def row(cells, tag):
        return "<tr>" + "".join(
            f'<{tag}{" class=" + chr(34) + "text" + chr(34) if index in table.texts else ""}>{escape(cell)}</{tag}>'
            for index, cell in enumerate(cells)) + "</tr>"

    body = "".join(row(cells, "td") for cells in table.rows)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return (f'<table id="{table.name}"><caption>{escape(table.title)}</caption><thead>{row(table.heads, "th")}</thead>'
            f"<tbody>{body}</tbody></table>{notes}")


def chart_instructions(data, vtx):
    rows = []
    for title, one, two in tables.pairs(data, vtx):
        rows.append((title.strip(), [one and one["hypervisor"], one and one["firmware"] and one["instructions"],
                                     two and two["instructions"]]))
    return charts.dots("Instructions for one operation, logarithmic",
                       [("Hartwood", "circle"), ("Hartwood and firmware", "triangle"), ("VT-x", "square")], rows)


def bars_by_size(title, series, groups):
    """Two charts, so that what is small can be seen beside what is large. groups: rows that stay together."""
    def size(rows):
        return max(sum(values) for _, values in rows)

    largest = max(map(size, groups))
    small = [row for rows in groups if size(rows) * 5 <= largest for row in rows]
    large = [row for rows in groups if size(rows) * 5 > largest for row in rows]
    return "".join(charts.bars(f"{title}: {which}", series, rows)
                   for which, rows in (("where they are few", small), ("where they are many", large)) if rows)


def chart_parts(data):
    rows = []
    for title, name, _ in tables.PAIRS:
        op = tables.ours(data, name)
        if op and op["hypervisor"] and name not in ("page_alone", "page_2m"):
            rows.append([(title.strip(), list(tables.parts_of(op).values()))])
    names = [f"{name}: {tables.PART_TEXT[name]}" for name in tables.PART_NAMES]
    return bars_by_size("Hartwood's instructions by part", list(zip(names, charts.PATTERNS)), rows)


def chart_bytes(data, vtx):
    rows = []
    for title, one, two in tables.pairs(data, vtx):
        if one and one.get("without_zeroing") or not one or not two or one["hypervisor"] == 0:
            continue
        reads, writes, loaded, stored = tables.software_of(one)
        mine = [tables.hardware_of(one)[3], 8 * (reads + writes), loaded + stored]
        traced = two["traced"]
        reads, writes, loaded, stored = tables.software_of_vtx(two)
        fields = (traced["vmread_bytes"] + traced["vmwrite_bytes"]) / traced["rounds"]
        rows.append([(f"{title.strip()}: RISC-V", mine),
                     ("VT-x", [tables.hardware_of_vtx(two)[3], fields, loaded + stored])])
    return bars_by_size("Bytes moved by one operation", [
        ("by hardware", "solid"), ("CSR accesses, VMREAD and VMWRITE", "rising"), ("loads and stores", "blank")], rows)


def chart_policies(data, others):
    series = [("as it is", "circle"), *zip(others, ("square", "triangle"))]
    rows = []
    for title, name, _ in tables.PAIRS:
        op = tables.ours(data, name)
        if op and op["instructions"] and not op.get("without_zeroing"):
            found = [tables.ours(other, name) for other in list(others.values())[:2]]
            rows.append((title.strip(), [op["instructions"], *(one and one["instructions"] for one in found)]))
    return charts.dots("Instructions by policy, logarithmic", series, rows)


def document(parts):
    html = ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>Hartwood beside VT-x</title>'
            f"<style>{STYLE}</style></head><body>{charts.patterns()}" + "\n".join(parts) + "</body></html>\n")
    check_document(html)
    return html


def check_document(html):
    """One file that is well-formed and asks for no other."""
    root = xml.etree.ElementTree.fromstring(html)
    for element in root.iter():
        if element.tag in ("script", "link", "img", "iframe", "object") or \
                {"src", "href"} & set(element.attrib):
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


def make_tables(data, vtx, others, mapping, where, policies):
    found = [tables.instructions(data, vtx), tables.software(data, vtx), tables.hardware(data, vtx),
             tables.parts(data)]
    if others:
        found.append(tables.policies(data, others))
    if policies and "boot" in policies.get("lazy", {}):
        found.append(tables.boots(policies))
    if vtx:
        found.append(tables.vtx_functions(vtx))
    found += [tables.state(data), tables.mapping(mapping, where), tables.differences(mapping)]
    return {table.name: table for table in found}


# Longer than a screen, or no numbers of ours: in the files alone.
NOT_PRINTED = {"state", "mapping", "differences", "published"}


def html_parts(data, vtx, others, found, theirs, limits):
    def section(title, *parts):
        return f"<h2>{escape(title)}</h2>" + "".join(parts)

    html = {name: as_html(table) for name, table in found.items()}
    parts = ["<h1>A hypervisor without a VMCS beside one with</h1>",
             "".join(f"<p>{escape(line)}</p>" for line in provenance(data, vtx)),
             section("What the numbers are not",
                     "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in limits) + "</ul>"),
             section("Instructions", chart_instructions(data, vtx), html["instructions"]),
             section("Where Hartwood's go", chart_parts(data), html["parts"]),
             section("State moved", chart_bytes(data, vtx), html["software"], html["hardware"], html["state"])]
    if others:
        parts.append(section("As if there were a VMCS", chart_policies(data, others), html["policies"],
                             html.get("boots", "")))
    if vtx:
        parts.append(section("Where the VT-x side's go", html["vtx-functions"]))
    parts += [section("What stands for the VMCS", html["mapping"]), section("Easy and hard", html["differences"]),
              '<div class="theirs">' + section("Measured by others", f"<p>{THEIRS}</p>", as_html(theirs)) + "</div>"]
    return parts


def report(directory, elf, nm, data, vtx, others, policies=None):
    mapping = load_toml("mapping.toml")
    where = check_mapping(mapping, load_toml("riscv.toml")["csrs"], symbols_of(elf, nm))
    found = make_tables(data, vtx, others, mapping, where, policies)
    theirs = tables.published(load_toml("published.toml"))
    limits = mapping["limits"]
    html = document(html_parts(data, vtx, others, found, theirs, limits))
    (directory / "report.html").write_text(html, encoding="utf-8")
    ends = "\n".join(line for limit in limits for line in wrap(f"- {limit}"))
    head = "\n".join(line for line_ in provenance(data, vtx) for line in wrap(line_))
    whole = [head + "\n", *(as_text(table) for table in [*found.values(), theirs]), "Limits\n------\n" + ends + "\n"]
    (directory / "report.txt").write_text("\n".join(whole), encoding="utf-8")
    shown = [head + "\n", *(as_text(table) for name, table in found.items() if name not in NOT_PRINTED),
             "Limits\n------\n" + ends + "\n"]
    return "\n".join(shown)


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
    try:
        if not data:
            raise Failure(f"there is no {directory}/riscv.json")
        elf = pathlib.Path(os.environ.get("OUT") or args.build) / "hartwood.elf"
        print(report(directory, elf, nm, data, load_json(directory / "vtx.json"), read_others(directory),
                     load_json(pathlib.Path(args.build) / "policies.json")))
    except (Failure, OSError, subprocess.CalledProcessError, xml.etree.ElementTree.ParseError) as error:
        print(f"failed: {error}")
        return 1
    print(f"{directory}/report.html has charts, state by CSR and field, the mapping and what others measured.\nok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
