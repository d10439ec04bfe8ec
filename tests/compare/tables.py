# SPDX-License-Identifier: BSD-2-Clause
"""The tables of the report, made from the data of the runs: lists of rows, which compare_report.py writes as text and
as HTML. Nothing in them is typed in but names."""

import parts

# What stands against what: title, our operation, the VT-x side's, and whether the two are the same operation. A part of
# an operation is OPERATION.PART, its title is indented.
SAME, BY_PART = "=", "~"
PAIRS = [
    ("hypercall", "hypercall", "hypercall", SAME),
    ("ID register read", "id_register", "cpuid", SAME),
    ("ID register, M-mode", "id_csr", None, ""),
    ("exception injected", "exception", "exception", SAME),
    ("emulated device read", "device_read", "device_read", SAME),
    ("page given, 4 KiB", "page_alone", "page", BY_PART),
    ("page zeroed, 4 KiB", "page", "page_zeroed", BY_PART),
    ("page zeroed, 2 MiB", "page_2m", None, ""),
    ("timer due, no Sstc", "timer_due", "timer_due", SAME),
    ("timer ahead, no Sstc", "timer", "timer", SAME),
    ("timer due, SBI call", "timer_due_sbi", None, ""),
    ("timer ahead, Sstc", "timer_sstc", None, ""),
    ("host's timer", "host_timer", "interrupt", BY_PART),
    ("UART, to its guest", "host_device", None, ""),
    ("IPI to another CPU", "interrupt", None, ""),
    ("  its sender", "interrupt.sender", None, ""),
    ("  its receiver", "interrupt.receiver", None, ""),
    ("switch of vCPUs", "switch", "switch", BY_PART),
    ("switch, FP dirty", "switch_fp", "switch_fp", BY_PART),
    ("move to another CPU", "move", "move", BY_PART),
    ("  left by one vCPU", "move.leave", None, ""),
    ("  woken by another's", "move.signal", None, ""),
    ("  arrival", "move.arrive", None, ""),
    ("first entry", "first_entry", "first_entry", BY_PART),
    ("  SBI HSM start", "first_entry.start", None, ""),
    ("  to the first SRET", "first_entry.entry", None, ""),
]

# Where the two do not do quite the same.
DIFFER = [
    "= the same operation on both sides; ~ compare by part (next tables), as one side does more:",
    "ID register read: S-mode has no such register, so a guest asks by an SBI call (the vendor's ID); there CPUID.",
    "emulated device read: here the emulator's hart has the load in htinst. A hart may write zero there "
    "instead; then Hartwood fetches and decodes too.",
    "page: Hartwood gives 2 MiB at a time, and a single page only where these do not fit: it splits a block and may "
    "make tables. The VT-x side takes a page from a list, and its tables are there.",
    "host's timer: it interrupts the guest, to which nothing is injected. Here a grant of the VM's quota ends: time is charged, "
    "more granted, the timer set; there the interrupt is acknowledged.",
    "UART: a typed character, through the PLIC, to the virtual UART of the guest that runs. IPI: a guest's SBI call, the "
    "firmware's IPI, the exit of the guest that runs on the other hart, its injection.",
    "switch: here a vCPU signals the other and waits (two exits, a choice by the fair scheduler); there one hypercall "
    "yields to the next in a queue.",
    "move: here a vCPU waits, which leaves its hart idle; another hart's vCPU signals a third, which the idle hart takes and which "
    "had run elsewhere; each part is counted on its own hart. There one hypercall: VMCLEAR and IPI on the one CPU, VMPTRLD, "
    "INVVPID and VMLAUNCH on the other.",
    "first entry: here SBI HSM start, and from the caller's wait to the first instruction; there the VMCS is built and entered.",
    "exception: a CSR of the hypervisor's, or an MSR that is not there. ID register, M-mode: mvendorid, which this firmware "
    "does not delegate, so that our hypervisor has no part in it.",
]

ZEROING = "hw_zero_pages"


class Table:
    """A title, heads, rows of texts, what to say below. The first column is text, the others are numbers unless
    `texts` has their index. `sides`: which columns belong together, as (words, how many)."""

    def __init__(self, name, title, heads, rows, notes=(), texts=(), sides=()):
        self.name, self.title, self.heads, self.rows = name, title, heads, rows
        self.notes, self.texts, self.sides = list(notes), {0, *texts}, list(sides)


def number(value):
    if value is None:
        return "-"
    return f"{value:.1f}" if abs(value - round(value)) > 0.04 else f"{value:.0f}"


def ours(data, name):
    """Our operation, or a part of one; that of a page without its zeroing is the one with it, less the function that
    zeroes."""
    name, _, part = name.partition(".")
    if part:
        op = data["operations"].get(name, {})
        found = op.get("parts", {}).get(part)
        return found and {**found, "n": op["n"], "rounds": op["rounds"],
                          "instructions": found["hypervisor"] + found["firmware"]}
    if name != "page_alone":
        return data["operations"].get(name)
    page = data["operations"].get("page")
    if not page:
        return None
    zeroing = page["traced"]["functions"][ZEROING]   # if it is inlined one day, that is to be noticed
    less = {key: page[key] - zeroing for key in ("mean", "median", "least", "most", "hypervisor", "instructions")}
    return {**page, **less, "without_zeroing": True}


def theirs(vtx, name):
    return vtx["operations"].get(name) if vtx and name else None


WHOLE = [row for row in PAIRS if "." not in row[1]]


def pairs(data, vtx, rows=tuple(WHOLE)):
    for title, mine, other, _ in rows:
        one, two = ours(data, mine), theirs(vtx, other)
        if one or two:
            yield title, one, two


def traps_of(op):
    """Traps to our hypervisor for one operation, its own included."""
    return op["traced"]["hardware"]["traps"] / op["rounds"]


def exits_of_vtx(op):
    return sum(op["traced"]["exits"].values()) / op["traced"]["rounds"]


def traced_words(data):
    """What the columns of the traced round are, and where none of the traced cost what most do."""
    beside = [f"{title.strip()} {number(op['median'])}" for title, mine, _, _ in PAIRS
              if (op := ours(data, mine)) and op["instructions"] != op["median"]]
    return "a traced round that costs what the median of all rounds does" + (
        f", or of the traced ones the next to it (the median is: {', '.join(beside)})" if beside else "")


def instructions(data, vtx):
    rows = []
    for title, mine, other, same in PAIRS:
        one, two = ours(data, mine), theirs(vtx, other)
        if one or two:
            cells = [number(one[key]) for key in ("hypervisor", "firmware", "mean", "least", "most", "n")] if one \
                else ["-"] * 6
            rows.append([title, *cells, same if two else "", number(two["instructions"]) if two else "-"])
    return Table("instructions", "Instructions executed by hypervisor software for one operation",
                 ["operation", "Hartwood", "firmware", "mean", "least", "most", "n", "same", "VT-x"], rows, [
                     f"Hartwood, firmware: {traced_words(data)}. mean, least, most: both "
                     "together, over n operations. VT-x: the traced round, as vtx.log has it.", *DIFFER], texts=[7], sides=[("", 1), ("RISC-V", 6), ("", 2)])


def software_of(op):
    traced, rounds = op["traced"], op["rounds"]
    reads = sum(pair[0] for pair in traced["csrs"].values())
    writes = sum(pair[1] for pair in traced["csrs"].values())
    loaded = sum(row["load_bytes"] for row in traced["memory"].values())
    stored = sum(row["store_bytes"] for row in traced["memory"].values())
    return [value / rounds for value in (reads, writes, loaded, stored)]


def software_of_vtx(op):
    traced = op["traced"]
    loaded = sum(row["load_bytes"] for row in traced["memory"].values())
    stored = sum(row["store_bytes"] for row in traced["memory"].values())
    values = (sum(traced["vmreads"].values()), sum(traced["vmwrites"].values()), loaded, stored)
    return [value / traced["rounds"] for value in values]


def software(data, vtx):
    rows = []
    for title, one, two in pairs(data, vtx):
        if one and one.get("without_zeroing"):
            continue
        mine = [number(value) for value in software_of(one)] if one else ["-"] * 4
        other = [number(value) for value in software_of_vtx(two)] if two else ["-"] * 4
        rows.append([title, *mine, *other])
    return Table("software", "State moved by software: CSRs or VMCS fields, bytes of memory",
                 ["operation", "CSR rd", "CSR wr", "loaded", "stored", "VMREAD", "VMWRITE", "loaded", "stored"], rows, [
                     "loaded, stored: bytes, stack and tables included. The first four are Hartwood's (the firmware's "
                     "own are not counted), the others the VT-x side's. In the chart a CSR access is 8 bytes, a VMCS "
                     "field as many as it has.",
                 ], sides=[("", 1), ("Hartwood", 4), ("VT-x", 4)])


def hardware_of(op):
    """Items and bytes that traps and SRETs move."""
    moved = op["traced"]["hardware"]
    lists = [moved[name] for name in ("trap", "trap_reads", "sret", "sret_reads")]
    return [value / op["rounds"] for value in (
        moved["traps"], moved["srets"], sum(part["items"] for part in lists), sum(part["bits"] for part in lists) / 8)]


def hardware_of_vtx(op):
    traced = op["traced"]
    moved = [part for name, part in traced["hardware"].items() if name != "checked"]
    values = (sum(traced["exits"].values()), traced["entries"], sum(part["fields"] for part in moved),
              sum(part["bytes"] for part in moved), traced["hardware"].get("checked", {"bytes": 0})["bytes"])
    return [value / traced["rounds"] for value in values]


def hardware(data, vtx):
    rows = []
    for title, one, two in pairs(data, vtx):
        if one and one.get("without_zeroing"):
            continue
        mine = [number(value) for value in hardware_of(one)] if one else ["-"] * 4
        other = [number(value) for value in hardware_of_vtx(two)] if two else ["-"] * 5
        rows.append([title, *mine, *other])
    return Table("hardware", "State moved by hardware, as the specifications list it",
                 ["operation", "traps", "SRETs", "items", "bytes", "exits", "entries", "fields", "bytes", "checked"],
                 rows, [
                     "The first four are RISC-V's (traps of the hypervisor itself included, those to the firmware "
                     "not), the others VT-x's; checked: bytes that entries read and do not load.",
                 ], sides=[("", 1), ("RISC-V", 4), ("VT-x", 5)])


def cells_of(found):
    return [f"{found[name]:.0f}" if found[name] else "." for name in parts.NAMES] + [f"{sum(found.values()):.0f}"]


def by_part(data, vtx):
    rows = []
    for title, one, two in pairs(data, vtx, PAIRS):
        if one and (one.get("without_zeroing") or not one["hypervisor"]):
            continue
        if one:
            rows.append([title, *cells_of(parts.of_ours(one))])
        if two:
            rows.append(["    VT-x", *cells_of(parts.of_theirs(two))])
    return Table("parts", "Instructions of one operation by what they were for", ["operation", *parts.NAMES, "all"],
                 rows, ["Hartwood's, and below them the VT-x side's, each by the file and function that an instruction comes "
                  "from; the firmware's are not among them.",
                  *(f"{name}: {parts.TEXT[name]}." for name in parts.NAMES)])


WORLD_SWITCHES = ("hypercall", "exception", "host_timer", "switch", "switch_fp", "move", "first_entry")


def world_switch(data, vtx):
    """What is left when nobody is chosen, told, made or served."""
    rows = []
    for title, mine, other, _ in PAIRS:
        one, two = ours(data, mine), theirs(vtx, other)
        if mine not in WORLD_SWITCHES or not one:
            continue
        row = [title]
        for op, found, exits in ((one, one and parts.of_ours(one), traps_of), (two, two and parts.of_theirs(two),
                                                                              exits_of_vtx)):
            moved = [found[name] for name in parts.WORLD_SWITCH] if op else []
            row += [number(exits(op)), *(f"{value:.0f}" for value in moved), f"{sum(moved):.0f}",
                    f"{sum(found.values()) - sum(moved):.0f}"] if op else ["-"] * 6
        rows.append(row)
    heads = [*parts.WORLD_SWITCH, "sum", "rest"]
    return Table("world-switch", "The world switch alone: instructions that move a vCPU's state",
                 ["operation", "traps", *heads, "exits", *heads], rows, [
                     "traps, exits: how often the world was left for the hypervisor. entry, state, FP: as in the table "
                     "before. rest: everything else of the operation (service, choice, signals). The first six are "
                     "Hartwood's, the others the VT-x side's, where VM entry, VM exit and VMPTRLD move by themselves "
                     "what the table after next has."],
                 sides=[("", 1), ("Hartwood", 6), ("VT-x", 6)])


def places(data, vtx):
    """Where both sides' instructions come from: the functions that have most of them."""
    def most(op, rounds):
        return ", ".join(f"{place.split(':')[1] or place} {number(count / rounds)}"
                         for place, count in list(op["traced"]["places"].items())[:8]) if op else "-"

    rows = [[title, most(one, one and one["rounds"]), most(two, two and two["traced"]["rounds"])]
            for title, one, two in pairs(data, vtx)
            if not one or one["hypervisor"] and not one.get("without_zeroing")]
    return Table("places", "Instructions of one operation by function, the eight that have most",
                 ["operation", "Hartwood", "VT-x side"], rows, ["Functions that are inlined count as themselves."],
                 texts=[1, 2])


def field_names(fields, rounds):
    """Fields of struct vcpu, those of an array together."""
    groups = {}
    for name, row in fields.items():
        group = name.split("[")[0] if "[" in name and "," not in name else name
        into = groups.setdefault(group, [0, 0, 0])
        into[0] += 1
        into[1] += row["loads"]
        into[2] += row["stores"]
    return ", ".join(f"{name}{f' (x{many})' if many > 1 else ''} {number(loads / rounds)}/{number(stores / rounds)}"
                     for name, (many, loads, stores) in groups.items())


def state(data):
    rows = []
    for title, name, *_ in WHOLE:
        op = ours(data, name)
        if not op or op.get("without_zeroing") or not op["hypervisor"]:
            continue
        csrs = ", ".join(f"{csr} {number(reads / op['rounds'])}/{number(writes / op['rounds'])}"
                         for csr, (reads, writes) in op["traced"]["csrs"].items())
        rows.append([title, csrs, field_names(op["traced"]["fields"], op["rounds"])])
    return Table("state", "CSRs (reads/writes) and words of struct vcpu (loads/stores) of one operation",
                 ["operation", "CSRs", "struct vcpu"], rows,
                 ["In brackets behind an array, how many of its elements. Several names before one pair of numbers share "
                  "a word of 8 bytes."], texts=[1, 2])


def policies(data, others):
    """Builds that behave as if there were a VMCS, against the one that does not."""
    labels = list(others)
    rows = []
    for title, name, *_ in WHOLE:
        op = ours(data, name)
        found = [ours(others[label], name) for label in labels]
        if op and any(found):
            cells = [number(op["instructions"])]
            for other in found:
                cells.append(number(other["instructions"]) if other else "-")
                cells.append(number(other["instructions"] - op["instructions"]) if other else "-")
            rows.append([title, *cells])
    heads = ["operation", "lazy"]
    for label in labels:
        heads += [label[:10], "more"]
    return Table("policies", "What laziness saves: instructions of builds that move state as a VMCS would", heads, rows,
                 [f"{label}: {POLICY_TEXT.get(label, label)}; {others[label]['count']} rounds." for label in labels] +
                 ["more: than the lazy build. Firmware included. What is imitated is the guest-state area; there is no "
                  "host-state area to load, and the control fields are CSRs that stay (hyp/vs.h)."])


POLICY_TEXT = {"default": "lazy, as it is", "full": "EXIT=full: each exit saves all general registers",
               "eager": "SWITCH=eager: each exit stores, each entry loads the guest's CSRs", "both": "both of these"}


def value(row, key):
    return row["guest"] + row["hypervisor"] + row["firmware"] if key == "all" else row[key]


def mean(rows, key):
    return sum(value(row, key) for row in rows) / len(rows)


def spread(rows, key):
    found = [value(row, key) for row in rows]
    return max(found) - min(found)


def boots(found):
    rows, notes = [], []
    first, last = found["between"]
    for variant in found["builds"]["default"]:
        lazy = found["builds"]["default"][variant]
        base = mean(lazy, "all"), mean(lazy, "hypervisor")
        for build, variants in found["builds"].items():
            runs = variants[variant]
            everything, hypervisor = mean(runs, "all"), mean(runs, "hypervisor")
            rows.append([f"{variant}: {'lazy' if build == 'default' else build}", number(mean(runs, "exits")),
                         f"{hypervisor:.0f}", f"{100 * hypervisor / everything:.3f}", f"{everything:.0f}",
                         f"{hypervisor - base[1]:.0f}", f"{100 * (hypervisor - base[1]) / base[0]:.3f}"])
        seeds = ", ".join(str(row["seed"]) for row in lazy)
        causes = ", ".join(f"{count} {cause}" for cause, count in lazy[0]["causes"].items())
        notes.append(f"{variant}: seed{'s' if len(lazy) > 1 else ''} {seeds}; exits of the first: {causes}.")
        if len(lazy) > 1:
            most = [max(spread(variants[variant], key) for variants in found["builds"].values())
                    for key in ("all", "hypervisor")]
            notes.append(f"From seed to seed of one build all instructions differ by {most[0]} at most, the "
                         f"hypervisor's by {most[1]}; the table has the mean.")
    return Table("boots", "What laziness saves in a Linux boot, in instructions",
                 ["boot: build", "exits", "hypervisor", "% of all", "all", "more", "% of lazy"], rows,
                 [f"From {first} to {last}; {found['vcpus']} vCPU, {found['memory'] >> 20} MiB, one hart with Sstc. "
                  "all: the guest's, the hypervisor's and the firmware's. more: of the hypervisor's than in the lazy build, "
                  "and what part of the lazy build's boot that is.", *notes])


def mapping(entries, where):
    rows = []
    for area in entries["area"]:
        functions = ", ".join(f"{word.split(':')[1]} ({word.split(':')[0]}{where[word]})" for word in area["functions"])
        rows.append([area["name"], f"{area['vtx']}: {area['hardware']}.", ", ".join(area["csrs"]), functions,
                     area["here"]])
    return Table("mapping", "The six areas of a VMCS, and where the same is here",
                 ["area", "VT-x", "CSRs", "functions", "here"], rows,
                 ["inlined: the ELF has no symbol of that name, as the function is part of its callers."],
                 texts=[1, 2, 3, 4])


def differences(entries):
    return Table("differences", "Where the two designs differ in what they make easy or hard",
                 ["topic", "VT-x", "RISC-V and Hartwood"],
                 [[row["topic"], row["vtx"], row["riscv"]] for row in entries["difference"]], texts=[1, 2])


def published(entries):
    """Theirs: on silicon, in cycles."""
    numbers = {name: index for index, name in enumerate(entries["sources"], 1)}
    rows = []
    for row in entries["row"]:
        source = entries["sources"][row["source"]]
        rows.append([row["what"], row["arch"], row["cpu"], row["cycles"],
                     f"[{numbers[row['source']]}]" + (" quoted" if "quoted_by" in source else "")])
    notes = [entries["missing"]]
    for name, index in numbers.items():
        source = entries["sources"][name]
        read = f"Not read itself; quoted by {source['quoted_by']}" if "quoted_by" in source else "Read"
        notes.append(f"[{index}] {source['title']}. {read}: {source['at']}."
                     + (f" {source['note']}." if "note" in source else ""))
    return Table("published", "Published cycle counts on silicon: theirs, not ours",
                 ["operation", "architecture", "CPU", "cycles", "source"], rows, notes, texts=[1, 2, 3, 4])
