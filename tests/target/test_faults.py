# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor's own mistakes. A hart is made to store, jump or run out of stack where it must
not, through QEMU's gdb stub; it has to stop the machine at once, with a dump that leads to the
line of code."""

import re

import pytest

import gdbstub
import hartwood
from gdbstub import PC, SP

LOAD_PAGE_FAULT, STORE_PAGE_FAULT, FETCH_PAGE_FAULT = 13, 15, 12
UNMAPPED = 0x60000000
GUARD_SIZE, AREA_SIZE = 0x1000, 0x8000

NAMES = {FETCH_PAGE_FAULT: "instruction page fault", LOAD_PAGE_FAULT: "load page fault",
         STORE_PAGE_FAULT: "store page fault"}


@pytest.fixture(scope="module")
def image():
    return gdbstub.Image()


@pytest.fixture
def stopped(boot, bundle_path, image):
    """stopped(smp=...) gives (machine, stub): a machine whose boot hart is about to print its first
    line, on its own page tables, while the others wait to be released. (A function with variable
    arguments is one that no compiler inlines.)"""
    stubs = []

    def start(smp=1):
        stub = gdbstub.Stub()
        stubs.append(stub)
        blob = hartwood.bundle(bundle_path(), hartwood.guest("sbi"), bootargs="base")
        machine = boot(bundle=blob, smp=smp, mem="256M", args=stub.arguments, lifetime=90)
        stub.connect()
        machine.boot_hart = stub.run_to(image.address("log_info"))
        return machine, stub

    yield start
    for stub in stubs:
        stub.close()


class Dump:
    """What was reported, once, by one hart, as the last thing that happened."""

    def __init__(self, machine):
        machine.wait_end(60)
        text = machine.text().replace("\r", "")
        assert text.count("hartwood: fatal: ") == 1, machine.tail()
        assert text.count("hartwood: the machine stops here") == 1, machine.tail()
        assert text.rstrip().endswith("hartwood: the machine stops here"), machine.tail()
        self.text = text[text.index("hartwood: fatal: "):]
        self.registers = {name: int(value, 16) for name, value in
                          re.findall(r"\b([a-z]+\d*) +([0-9a-f]{16})\b", self.text)}
        self.calls = [int(word, 16) for word in
                      re.search(r"called from.*\n (.*)", self.text).group(1).split()
                      if word != "..."]

    def check_trap(self, hart, cause, stval, pc=None):
        match = re.match(r"hartwood: fatal: hart (\d+) \(index (\d+)\)(, stack overflow)?: (.*) "
                         r"\(scause (0x[0-9a-f]+)\) at (0x[0-9a-f]+) \(sepc ([0-9a-f]{16})\), "
                         r"image at (0x[0-9a-f]+)\n", self.text)
        assert match, self.text
        assert int(match.group(1)) == hart
        assert (match.group(4), int(match.group(5), 16)) == (NAMES[cause], cause), self.text
        assert self.registers["stval"] == stval, self.text
        assert int(match.group(8), 16) == gdbstub.LOADED_AT
        self.sepc, self.at = int(match.group(7), 16), int(match.group(6), 16)
        assert pc is None or self.sepc == pc
        self.overflow = match.group(3) is not None


def wild_store(stub, image, hart, address):
    """A real function of the image stores a byte where it was told to: the C library's memset()."""
    stub.call(hart, image.address("memset"), address, 0x5a, 1)


def is_inside(image, linked, name):
    return name in image.functions_at(linked)


WILD = {
    "null": lambda image: 8,
    "text": lambda image: image.address("log_info"),
    "image header": lambda image: image.address("image_start") + 64,
    "rodata": lambda image: image.address("image_text_end") + 256,
    "its own guard page": lambda image: image.address("boot_area") + GUARD_SIZE - 64,
    "the emergency stack's guard page": lambda image: image.address("emergency_area") + 64,
    "firmware": lambda image: 0x80000000,
    "no memory": lambda image: UNMAPPED,
    "a device that is not ours": lambda image: 0x02004000,
    "not canonical": lambda image: 0xdead_beef_0000_0000,
}


@pytest.mark.parametrize("place", WILD)
def test_wild_store_stops_the_machine_with_a_dump(stopped, image, place):
    machine, stub = stopped()
    wild = WILD[place](image)
    sp = stub.read(0, SP)
    wild_store(stub, image, 0, wild)
    stub.resume()
    dump = Dump(machine)
    dump.check_trap(0, STORE_PAGE_FAULT, wild)
    assert is_inside(image, dump.at, "memset"), dump.text
    assert dump.registers["a0"] == wild and dump.registers["a1"] == 0x5a
    assert dump.registers["sp"] == sp and not dump.overflow
    # From what there is on the stack one gets to who began it all.
    found = [name for call in dump.calls for name in image.functions_at(call)]
    assert "bring_up" in found, (found, dump.text)


def test_wild_store_to_another_harts_guard_page(stopped, image):
    machine, stub = stopped(smp=2)
    boot = machine.boot_hart
    # The second entry of known[]: the struct hart at the end of the other one's area.
    other = stub.load(image.address("known") + 8)
    wild = other // AREA_SIZE * AREA_SIZE + 128
    wild_store(stub, image, boot, wild)
    stub.resume()
    dump = Dump(machine)
    dump.check_trap(boot, STORE_PAGE_FAULT, wild)


def test_stack_that_is_used_up_is_told(stopped, image):
    """The next call does not fit: its frame reaches into the guard page."""
    machine, stub = stopped()
    low = image.address("boot_area") + GUARD_SIZE
    stub.write(0, SP, low + 16)
    stub.write(0, PC, image.address("log_info"))
    stub.resume()
    dump = Dump(machine)
    dump.check_trap(0, STORE_PAGE_FAULT, dump.registers["stval"])
    assert low - GUARD_SIZE <= dump.registers["stval"] < low
    assert dump.overflow and is_inside(image, dump.at, "log_info")


@pytest.mark.parametrize("place", ["data", "rodata", "stack", "RAM", "null"])
def test_what_is_no_code_is_not_executed(stopped, image, place):
    machine, stub = stopped()
    target = {"data": image.address("bss_start"), "rodata": image.address("image_text_end"),
              "stack": stub.read(0, SP) & ~3, "RAM": image.address("image_end") + 0x100000,
              "null": 0}[place]
    stub.write(0, PC, target)
    stub.resume()
    dump = Dump(machine)
    dump.check_trap(0, FETCH_PAGE_FAULT, target, pc=target)


def test_null_pointer_is_not_read(stopped, image):
    machine, stub = stopped()
    stub.call(0, image.address("strlen"), 0)
    stub.resume()
    dump = Dump(machine)
    dump.check_trap(0, LOAD_PAGE_FAULT, 0)
    assert is_inside(image, dump.at, "strlen")


def test_overwritten_stack_frame_is_told(stopped, image):
    machine, stub = stopped()
    stub.write(0, PC, image.address("__stack_chk_fail"))
    stub.resume()
    dump = Dump(machine)
    assert "hart 0 (index 0): a function wrote beyond its stack frame" in dump.text


def test_two_harts_that_fail_at_once_make_one_report(stopped, image):
    machine, stub = stopped(smp=4)
    for hart in range(4):
        wild_store(stub, image, hart, UNMAPPED + 0x1000 * hart)
    stub.resume()
    dump = Dump(machine)
    hart = (dump.registers["stval"] - UNMAPPED) // 0x1000
    dump.check_trap(hart, STORE_PAGE_FAULT, UNMAPPED + 0x1000 * hart)


def test_fault_in_the_report_ends_the_machine(stopped, image):
    machine, stub = stopped(smp=2)
    boot = machine.boot_hart
    wild_store(stub, image, boot, UNMAPPED)
    for _ in range(3):
        assert stub.run_to(image.address("say")) == boot
        stub.step(boot)
    # In the middle of it, on the emergency stack: that is nobody's to report.
    wild_store(stub, image, boot, UNMAPPED + 64)
    stub.resume()
    machine.wait_end(30)
    text = machine.text()
    assert text.count("hartwood: fatal: ") == 1, machine.tail()
    assert "the machine stops here" not in text
