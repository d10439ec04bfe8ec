#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The rule behind the layout, enforced.

usage: layering.py [--root DIR] [--cross PREFIX] [--objects DIR]
                   [--image ELF --assembly "OBJECTS"]

Sources: nothing in hyp/ touches the machine (inline assembly, CSRs, volatile pointers) or
includes platform/ or firmware/, and inside hyp/ a room includes only rooms below it.
Objects: the machine code of hyp/ holds no privileged instruction.
Image: gp and tp appear only in hand-written assembly, as they hold the guest's values while the
hypervisor runs.

Prints one line a violation and exits non-zero if there is one.
"""

import argparse
import pathlib
import re
import subprocess
import sys

# What each room of hyp/ may include, besides itself and the files in hyp/ proper.
BELOW = {
    "mem": set(),
    "sbi": {"mem"},
    "dev": {"mem"},
    "exit": {"sbi", "dev", "mem"},
    "vm": {"exit", "sbi", "dev", "mem"},
    "config": {"vm", "exit", "sbi", "dev", "mem"},
    "ui": {"config", "vm", "exit", "sbi", "dev", "mem"},
}

# hyp/main.c ties the rooms together.
ANYTHING = {"hyp/main.c"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ASSEMBLY = re.compile(r"\b(asm|__asm|__asm__)\b")
CSR_MNEMONIC = re.compile(r"\bcsr(r|w|s|c|wi|si|ci|rw|rs|rc|rwi|rsi|rci)\b")
VOLATILE_POINTER = re.compile(r"\bvolatile\b[^;{}]*\*|\*\s*volatile\b")

PRIVILEGED = re.compile(
    r"^(csr\w+|[msu]ret|mnret|wfi|wrs\.\w+|[shv]*fence\.v?(vma|w\.inval|inval\.ir)\w*"
    r"|hfence\.\w+|[sh]inval\.\w+|hlvx?\.\w+|hsv\.\w+|ecall|ebreak)$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\s+[0-9a-f]+(?: [0-9a-f]+)*\s+(\S+)\s*([^#<]*)")
SYMBOL = re.compile(r"^[0-9a-f]+ <([^>]+)>:")
GUEST_REGISTER = re.compile(r"\b[gt]p\b")


def blank(match):
    """Keeps the line count of what it removes."""
    return re.sub(r"[^\n]", " ", match.group(0))


def without_comments(text):
    """C source less its comments; literals are kept, so that // in them is no comment."""
    pattern = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*'
    return re.sub(pattern, lambda m: blank(m) if m.group(0)[0] == "/" else m.group(0), text,
                  flags=re.S)


def room_of(path):
    """The room that hyp/ROOM/... lies in; None for the files in hyp/ proper."""
    parts = pathlib.PurePosixPath(path).parts
    return parts[1] if len(parts) > 2 else None


def check_include(name, quote, target):
    """What is wrong with an #include in the hyp/ file `name`, or None."""
    if target.startswith(("platform/", "firmware/")):
        return f"includes {target}"
    if quote == "<":
        return None
    if ".." in target or not target.startswith("hyp/"):
        return f'includes "{target}", which is not named from the top as hyp/...'
    theirs = room_of(target)
    ours = room_of(name)
    if theirs is None or theirs == ours or name in ANYTHING:
        return None
    if ours is None:
        return f"is in hyp/ proper and includes {target}"
    if theirs not in BELOW.get(ours, set()):
        return f"includes {target}: {ours}/ must not know {theirs}/"
    return None


def check_source(name, text):
    """Violations in one file of hyp/, as (line number, what)."""
    text = without_comments(text)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            wrong = check_include(name, *match.groups())
            if wrong:
                yield number, wrong
            continue
        code = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', line)
        if ASSEMBLY.search(code):
            yield number, "has inline assembly"
        if CSR_MNEMONIC.search(line):
            yield number, "names a CSR instruction"
        if VOLATILE_POINTER.search(code):
            yield number, "has a pointer to volatile (use hyp/hw.h for devices, atomics for memory)"


def check_tree(root):
    violations = []
    for path in sorted(pathlib.Path(root, "hyp").rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix in (".S", ".s"):
            violations.append(f"{name}: assembly has no place in hyp/")
        elif path.suffix in (".c", ".h"):
            room = room_of(name)
            if room is not None and room not in BELOW:
                violations.append(f"{name}: {room}/ is no room that this check knows")
            for number, what in check_source(name, path.read_text(encoding="utf-8")):
                violations.append(f"{name}:{number}: {what}")
    for path in sorted(pathlib.Path(root, "platform").rglob("*.[ch]")):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match.group(2).startswith("firmware/"):
                violations.append(f"{name}:{number}: includes {match.group(2)}")
    return violations


def disassemble(cross, path):
    """Yields (function, mnemonic, operands)."""
    listing = subprocess.run([cross + "objdump", "-d", "-M", "no-aliases", str(path)],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    function = "?"
    for line in listing.splitlines():
        symbol = SYMBOL.match(line)
        if symbol:
            # Labels that the assembler made up name no function.
            if not symbol.group(1).startswith("."):
                function = symbol.group(1)
            continue
        match = INSTRUCTION.match(line)
        if match:
            yield function, match.group(1), match.group(2)


def check_objects(cross, directory):
    violations = []
    for path in sorted(pathlib.Path(directory).rglob("*.o")):
        count = 0
        for function, mnemonic, _ in disassemble(cross, path):
            count += 1
            if PRIVILEGED.match(mnemonic):
                violations.append(f"{path}: {function} contains {mnemonic}")
        # An object without machine code would pass for a clean one.
        if count == 0 and defines_functions(cross, path):
            violations.append(f"{path}: has no machine code to check")
    return violations


def symbols(cross, path):
    listing = subprocess.run([cross + "nm", str(path)], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return [line.split()[-2:] for line in listing.splitlines()]


def defines_functions(cross, path):
    return any(kind in "Tt" for kind, _ in symbols(cross, path))


def check_image(cross, image, assembly):
    by_hand = {name for path in assembly for kind, name in symbols(cross, path) if kind != "U"}
    found = {}
    for function, mnemonic, operands in disassemble(cross, image):
        if function not in by_hand and GUEST_REGISTER.search(operands):
            found.setdefault(function, f"{mnemonic} {operands.strip()}")
    return [f"{image}: {function} uses gp or tp ({what})" for function, what in found.items()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=".")
    parser.add_argument("--cross", default="riscv64-unknown-elf-")
    parser.add_argument("--objects")
    parser.add_argument("--image")
    parser.add_argument("--assembly", default="")
    options = parser.parse_args()
    violations = check_tree(options.root)
    if options.objects:
        violations += check_objects(options.cross, options.objects)
    if options.image:
        violations += check_image(options.cross, options.image, options.assembly.split())
    for violation in violations:
        print(f"layering: {violation}", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
