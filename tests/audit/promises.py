# SPDX-License-Identifier: BSD-2-Clause
"""Does the guest have just what its device tree promises? Witnesses of each extension in the records
against the names that the guest read in /cpus."""

import re

from records import went_through

# What a name contains (Unprivileged ISA, the extensions' own chapters).
CONTAINS = {
    "a": ["zaamo", "zalrsc"], "b": ["zba", "zbb", "zbs"], "c": ["zca"], "d": ["f"], "m": ["zmmul"],
    "v": ["zve64d"], "zve64d": ["zve64f"], "zve64f": ["zve32f", "zve64x"], "zve32f": ["zve32x"],
    "zve64x": ["zve32x"], "zfh": ["zfhmin"], "zvfh": ["zvfhmin"], "zvbb": ["zvkb"],
    "zvknhb": ["zvknha"], "zvfbfwma": ["zvfbfmin"],
    "zk": ["zkn", "zkr", "zkt"], "zkn": ["zbkb", "zbkc", "zbkx", "zknd", "zkne", "zknh"],
    "zks": ["zbkb", "zbkc", "zbkx", "zksed", "zksh"],
    "zvkn": ["zvkned", "zvknhb", "zvkb", "zvkt"], "zvknc": ["zvkn", "zvbc"],
    "zvkng": ["zvkn", "zvkg"], "zvks": ["zvksed", "zvksh", "zvkb", "zvkt"],
    "zvksc": ["zvks", "zvbc"], "zvksg": ["zvks", "zvkg"],
    # CLMUL, the witness of Zbkc, is Zbc's too.
    "zbc": ["zbkc"],
}
# Witnesses that are not the name of their extension.
WITNESS_OF = {"svpbmt-nc": "svpbmt", "svpbmt-io": "svpbmt"}
# Loads through page-table entries that must work, or must not, whatever is promised; None where it
# is the hart's affair alone (QEMU takes the reserved memory type).
ALWAYS = {"page": True, "svpbmt-reserved": None, "reserved-54": False}
# Privileged: no witness in U-mode.
S_ONLY = {"svinval"}


def closure(names):
    found, todo = set(), list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += CONTAINS.get(name, [])
    return found


def promised(text):
    """The extensions that the guest was told of."""
    return set(" ".join(re.findall(r"^isa (.*?)\r?$", text, re.M)).split())


def _csr_witnesses(records):
    """Extensions that are CSRs or fields, as (name, there or not)."""
    def readable(number, context="S0"):
        return went_through(records.csr(context, number)[0])

    def writable_bits(number):
        """Ones that could be read back after all ones were written, as S-mode sees them."""
        word = records.csr("S0", number)[1]
        return int(word[1:].split("/")[0], 16) if word.startswith("=") else 0

    senvcfg, sstatus = writable_bits(0x10a), writable_bits(0x100)
    # An access to seed that went through is one behind which only the read-back trapped.
    seed = records.csr("S0", 0x015)[1]
    return [
        ("sstc", readable(0x14d)),
        ("zicntr", all(readable(n) and readable(n, "U0") for n in (0xc00, 0xc01, 0xc02))),
        ("zihpm", any(readable(n) for n in range(0xc03, 0xc20))),
        ("f", readable(0x003)),
        ("zve32x", readable(0xc22)),
        ("zcmt", readable(0x017)),
        ("zicfiss", readable(0x011) or bool(senvcfg >> 3 & 1)),
        ("zicfilp", bool(senvcfg >> 2 & 1)),
        ("zicbom", bool(senvcfg >> 4 & 7)),
        ("zicboz", bool(senvcfg >> 7 & 1)),
        ("ssnpm", bool(senvcfg >> 32 & 3)),
        ("ssdbltrp", bool(sstatus >> 24 & 1)),
        # Nothing keeps a guest from reading scountovf, so that is no witness.
        ("sscofpmf", bool(writable_bits(0x104) >> 13 & 1)),
        ("ssstateen", readable(0x10c)),
        ("sscsrind", readable(0x150)),
        ("ssaia", readable(0xdb0)),
        ("ssccfg", readable(0x120)),
        ("ssctr", readable(0x14e) or readable(0x14f)),
        ("ssqosid", readable(0x181)),
        ("sdtrig", readable(0x5a8)),
        ("zkr", went_through(seed) or "+" in seed),
    ]


def check(records, names):
    """Gives (how many extensions were tried, failures as lines)."""
    promises = closure(names)
    tried, wrong = set(), []

    def judge(name, where, there):
        tried.add(name)
        if there and name not in promises:
            wrong.append(f"{name} works ({where}) and is not promised")
        if not there and name in promises:
            wrong.append(f"{name} is promised and does not work ({where})")

    for (context, table, item), result in sorted(records.by_key.items(), key=str):
        if table != "x" or (item in S_ONLY and context.startswith("U")):
            continue
        there = went_through(result) and result != "wrong"
        if item in ALWAYS:
            if ALWAYS[item] not in (None, there):
                wrong.append(f"page-table entry '{item}': {result}")
        else:
            judge(WITNESS_OF.get(item, item), f"witness in {context}: {result}", there)
    for name, there in _csr_witnesses(records):
        judge(name, "CSR", there)
    # Either hardware sets A and D, or a page fault asks for it.
    if ("svadu" in promises) == ("svade" in promises):
        wrong.append("not one of svade and svadu is promised")
    return len(tried), wrong
