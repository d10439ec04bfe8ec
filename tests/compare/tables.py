# SPDX-License-Identifier: BSD-2-Clause
"""The tables of the report, made from the data of the runs: lists of rows, which report.py writes as text and as HTML.
Nothing in them is typed in but names."""

# What stands against what: title, our operation, the VT-x side's.
PAIRS = [
    ("hypercall", "hypercall", "hypercall"),
    ("ID register read", "id_register", "cpuid"),
    ("  of M-mode, refused", "id_csr", None),
    ("exception injected", "exception", "exception"),
    ("emulated device read", "device_read", "device_read"),
    ("page of 4 KiB given", "page_alone", "page"),
    ("  and zeroed", "page", "page_zeroed"),
    ("page of 2 MiB, zeroed", "page_2m", None),
    ("timer due, no Sstc", "timer_due", "timer_due"),
    ("timer ahead, no Sstc", "timer", "timer"),
    ("timer due, SBI call", "timer_due_sbi", None),
    ("timer ahead, Sstc", "timer_sstc", None),
    ("interrupt, running", "interrupt", "interrupt"),
    ("switch of vCPUs", "switch", "switch"),
    ("  with FP dirty", "switch_fp", "switch_fp"),
    ("move to another CPU", "move", "move"),
    ("first entry", "first_entry", "first_entry"),
]

# Where the two do not do quite the same.
DIFFER = [
    "exception: a CSR of the hypervisor's, or an MSR that is not there; of M-mode: mvendorid, which this firmware does "
    "not delegate, so that our hypervisor has no part in it.",
    "interrupt: here another hart signals a vCPU that runs (SBI call, IPI by the firmware, exit, injection: both harts "
    "are counted); there the host's own timer interrupts the guest, and nothing is injected.",
    "switch: here a vCPU signals the other and waits (two exits, an IPI of the hart to itself, a choice by the fair "
    "scheduler); there one hypercall yields to the next in a queue.",
    "move: here from the signal to a vCPU for which there is no hart, over another's going to sleep, to the first "
    "instruction on the hart that took it; there VMCLEAR, IPI, VMPTRLD, VMLAUNCH.",
    "first entry: here from SBI HSM start, over the caller's wait, to the first instruction; there the VMCS is built.",
]

ZEROING = "hw_zero_pages"

# Parts of the hypervisor, by the files that an instruction comes from; the first that fits.
PARTS = [
    ("entry", ("firmware/guest.S",)),
    ("FP", ("firmware/fpu.S", "hyp/vm/units.c", "platform/fpu.c")),
    ("CSRs", ("hyp/vm/vcpu_load.c", "hyp/mem/vmid.c", "platform/csr.c")),
    ("exits", ("hyp/exit/", "hyp/dev/", "hyp/vm/run.c", "hyp/vm/requests.c")),
    ("SBI", ("hyp/sbi/", "hyp/vm/hsm.c")),
    ("memory", ("hyp/mem/",)),
    ("sched", ("hyp/vm/sched", "hyp/heap.c", "hyp/lock.c", "hyp/vm/pcpu.c", "hyp/list.c")),
]
REST = "rest"
PART_NAMES = [name for name, _ in PARTS] + [REST]
PART_TEXT = {
    "entry": "world switch in assembly", "FP": "FP and vector state", "CSRs": "VS CSRs, VMID, fences",
    "exits": "exits, emulation, run loop", "SBI": "SBI calls", "memory": "guest memory",
    "sched": "scheduler, locks", "rest": "timers, IPIs, library",
}


class Table:
    """A title, heads, rows of texts, what to say below. The first column is text, the others are numbers unless
    `texts` has their index."""

    def __init__(self, name, title, heads, rows, notes=(), texts=()):
        self.name, self.title, self.heads, self.rows = name, title, heads, rows
        self.notes, self.texts = list(notes), {0, *texts}


def number(value):
    if value is None:
        return "-"
    return f"{value:.1f}" if abs(value - round(value)) > 0.04 else f"{value:.0f}"


def ours(data, name):
    """Our operation; that of a page without its zeroing is the one with it, less the function that zeroes."""
    if name != "page_alone":
        return data["operations"].get(name)
    page = data["operations"].get("page")
    if not page:
        return None
    zeroing = page["traced"]["functions"].get(ZEROING, 0)
    less = {key: page[key] - zeroing for key in ("mean", "least", "most", "hypervisor", "instructions")}
    return {**page, **less, "without_zeroing": True}


def theirs(vtx, name):
    return vtx["operations"].get(name) if vtx and name else None


def pairs(data, vtx):
    for title, mine, other in PAIRS:
        one, two = ours(data, mine), theirs(vtx, other)
        if one or two:
            yield title, one, two


def instructions(data, vtx):
    rows = []
    for title, one, two in pairs(data, vtx):
        mine = [number(one[key]) for key in ("hypervisor", "firmware", "mean", "least", "most", "n")] if one \
            else ["-"] * 6
        rows.append([title, *mine, number(two["instructions"]) if two else "-"])
    return Table("instructions", "Instructions executed by hypervisor software for one operation",
                 ["operation", "Hartwood", "firmware", "mean", "least", "most", "n", "VT-x"], rows, [
                     "Hartwood, firmware: the traced round of median length. mean, least, most: both together, over n "
                     "operations, but least and most of the 16 traced where a guest waits by spinning. VT-x: the traced "
                     "round, as vtx.log has it.", *DIFFER])


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
                     "own are not counted), the others the VT-x side's.",
                 ])


def hardware_of(op):
    """Items and bytes that traps and SRETs move."""
    moved = op["traced"]["hardware"]
    parts = [moved["trap"], moved["sret"], moved["sret_reads"]]
    return [value / op["rounds"] for value in (
        moved["traps"], moved["srets"], sum(part["items"] for part in parts), sum(part["bits"] for part in parts) / 8)]


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
                 ])


def parts_of(op):
    found = dict.fromkeys(PART_NAMES, 0)
    for file, count in op["traced"]["files"].items():
        name = next((name for name, starts in PARTS if file.startswith(starts)), REST)
        found[name] += count / op["rounds"]
    return found


def parts(data):
    rows = []
    for title, name, _ in PAIRS:
        op = ours(data, name)
        if op and not op.get("without_zeroing") and op["hypervisor"]:
            rows.append([title, *(number(value) for value in parts_of(op).values())])
    return Table("parts", "Hartwood's instructions by the part of it that they come from", ["operation", *PART_NAMES],
                 rows, ["; ".join(f"{name}: {text}" for name, text in PART_TEXT.items()) + "."])


def vtx_functions(vtx):
    rows = []
    for name, op in vtx["operations"].items():
        traced = op["traced"]
        found = ", ".join(f"{function} {number(count / traced['rounds'])}"
                          for function, count in list(traced["functions"].items())[:6])
        rows.append([name, found])
    return Table("vtx-functions", "The VT-x side's instructions by function", ["operation", "functions"], rows,
                 texts=[1])


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
    for title, name, _ in PAIRS:
        op = ours(data, name)
        if not op or op.get("without_zeroing") or not op["hypervisor"]:
            continue
        csrs = ", ".join(f"{csr} {number(reads / op['rounds'])}/{number(writes / op['rounds'])}"
                         for csr, (reads, writes) in op["traced"]["csrs"].items())
        rows.append([title.strip(), csrs, field_names(op["traced"]["fields"], op["rounds"])])
    return Table("state", "CSRs (reads/writes) and words of struct vcpu (loads/stores) of one operation",
                 ["operation", "CSRs", "struct vcpu"], rows, texts=[1, 2])


def policies(data, others):
    """Builds that behave as if there were a VMCS, against the one that does not."""
    labels = list(others)
    rows = []
    for title, name, _ in PAIRS:
        op = ours(data, name)
        found = [ours(others[label], name) for label in labels]
        if op and any(found):
            cells = [number(op["instructions"])]
            for other in found:
                cells.append(number(other["instructions"]) if other else "-")
                cells.append(number(other["instructions"] - op["instructions"]) if other else "-")
            rows.append([title, *cells])
    heads = ["operation", "default"]
    for label in labels:
        heads += [label[:10], "more"]
    return Table("policies", "What laziness saves: instructions of builds that move state as a VMCS would", heads, rows)


def boots(numbers):
    """What `make bench-policies` found of a whole boot: {policy: {"boot": {title: number}}}."""
    names = list(numbers)
    rows = []
    for title, lazy in numbers["lazy"]["boot"].items():
        found = [numbers[name]["boot"][title] for name in names]
        rows.append([title, *(f"{value:.2f}" for value in found)])
        rows.append(["  against lazy", *(f"{value / lazy:.4f}" for value in found)])
    return Table("boots", "The same for a Linux boot, from make bench-policies", ["boot", *names], rows)


def mapping(entries, where):
    rows = []
    for area in entries["area"]:
        functions = ", ".join(f"{word.split(':')[1]}{where[word]}" for word in area["functions"])
        rows.append([area["name"], area["hardware"], ", ".join(area["csrs"]), functions, area["here"]])
    return Table("mapping", "The six areas of a VMCS, and where the same is here",
                 ["area", "VT-x hardware", "CSRs", "functions", "here"], rows,
                 ["(inlined): the ELF has no symbol of that name, as the function is part of its caller."],
                 texts=[1, 2, 3, 4])


def differences(entries):
    return Table("differences", "Where the two designs differ in what they make easy or hard",
                 ["", "VT-x", "RISC-V and Hartwood"],
                 [[row["topic"], row["vtx"], row["riscv"]] for row in entries["difference"]], texts=[1, 2])


def published(entries):
    """Theirs: on silicon, in cycles."""
    numbers = {name: index for index, name in enumerate(entries["sources"], 1)}
    rows = [[row["what"], row["arch"], row["cpu"], row["cycles"], f"[{numbers[row['source']]}]"]
            for row in entries["row"]]
    notes = []
    for name, index in numbers.items():
        source = entries["sources"][name]
        notes.append(f"[{index}] {source['title']}. Read: {source['read']}"
                     + (f" ({source['note']})" if "note" in source else "") + ".")
    return Table("published", "Published cycle counts on silicon: theirs, not ours",
                 ["operation", "architecture", "CPU", "cycles", "source"], rows, notes, texts=[1, 2, 3, 4])
