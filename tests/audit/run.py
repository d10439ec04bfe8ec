# SPDX-License-Identifier: BSD-2-Clause
"""The machines that guests/audit runs on: OpenSBI alone without H, OpenSBI alone with H, and Hartwood
with a second VM on the same hart. Each gives the text that was printed; Hartwood's also the CSRs of
the hart below, at the markers of guests/audit/marker.c."""

import os
import re
import subprocess
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import hartwood  # noqa: E402

from gdbstub import Gdb, socket_path  # noqa: E402

MODELS = ["rv64", "max", "rva23s64"]
MARKER = 0x41554454
FIRST, QUIET, AFTER, HELD, LAST = 1, 2, 3, 0x1000, 4
LIFETIME = 600


def alone(model, name, words="", h=False):
    """Gives the text. With h the program finds itself in HS-mode."""
    with hartwood.Machine(name, kernel=hartwood.guest("audit"), smp=1, mem="512M",
                          cpu=model + ("" if h else ",h=false"), append=words,
                          lifetime=LIFETIME) as machine:
        machine.expect(r"done \d+ \d+", LIFETIME)
        return machine.text()


def device_tree(model):
    """The ISA extensions that OpenSBI's kernel is told of on the machine without H."""
    source = hartwood.device_tree(smp=1, mem="512M", cpu=model + ",h=false")
    return set(re.findall(r'"([a-z0-9]+)"', re.search(r"riscv,isa-extensions = (.*);",
                                                     source).group(1).replace("\\0", '","')))


def base_call():
    """Where the hypervisor answers calls of SBI BASE, on the light path: the guest's registers are
    the function's arguments, and all CSRs are as the trap has left them."""
    tool = os.environ.get("CROSS", "riscv64-unknown-elf-") + "nm"
    names = subprocess.run([tool, str(hartwood.OUT / "hartwood.elf")], stdout=subprocess.PIPE,
                           text=True, check=True).stdout
    offset, = re.findall(r"^([0-9a-f]+) \S sbi_base_call$", names, re.M)
    return 0x80200000 + int(offset, 16)


class Markers:
    """CSRs of the hart at each marker, by marker and CSR number."""

    def __init__(self):
        self.at = {}
        self.address = base_call()
        self.numbers = range(0x1000)

    def _next(self, gdb):
        while True:
            gdb.run_to(self.address)
            got = gdb.read(["a0", "a1", "a2", "a3", "a4"])
            if got["a0"] == MARKER:
                return got

    def collect(self, path, last):
        """Stops at each marker up to the last, which is told by its id."""
        gdb = Gdb(path)
        while True:
            got = self._next(gdb)
            values = gdb.read(self.numbers)
            if len(self.numbers) == 0x1000:
                self.numbers = [number for number, value in values.items() if value is not None]
            values.update(guest_time=got["a2"], guest_cycle=got["a3"],
                          guest_instret=got["a4"])
            self.at[got["a1"]] = values
            gdb.write("a6", 0)
            if got["a1"] == last:
                gdb.detach()
                return


class Hartwood:
    """A run under Hartwood: text, markers, what the second VM saw, and the guest's extensions."""

    def __init__(self, model, name, words="", shares=1000):
        """shares: of the audit, against 100 of the VM that watches."""
        bundle = hartwood.bundle_of(hartwood.LOGS / f"{name}.dtb", [
            {"name": "watch", "guest": "audit", "memory": 64 << 20, "bootargs": "watch"},
            {"name": "audit", "guest": "audit", "memory": 64 << 20, "shares": shares,
             "bootargs": f"tables markers rest=1000000 quiet=5000 hold=25000 {words}".rstrip()},
        ], slice_us=1000)
        path = socket_path(hartwood.LOGS, name)
        self.markers = Markers()
        with hartwood.Machine(name, bundle=bundle, smp=1, mem="512M", cpu=model, lifetime=LIFETIME,
                              args=["-gdb", f"unix:{path},server=on,wait=off"]) as machine:
            # The first marker waits for the debugger, whenever the other one is ready.
            machine.expect_exact("watch: ready", LIFETIME)
            machine.focus("1", "audit")
            machine.expect_exact("audit: begin", LIFETIME)
            self.markers.collect(path, QUIET)
            machine.expect_exact("audit: tables done", LIFETIME)
            self.markers.collect(path, LAST)
            machine.expect(r"done \d+ \d+", LIFETIME)
            machine.focus("0", "watch")
            machine.send("x")
            seen = machine.expect(r"watch: (\d+) CSRs, (\d+) of them written, (\d+) rounds", 60)
            self.watched, self.written, self.rounds = (int(seen.group(n)) for n in (1, 2, 3))
            machine.wait_end(60)
            self.text = machine.text()
        path.unlink(missing_ok=True)
        self.watched_values = {int(number, 16): int(value, 16) for number, value in
                               re.findall(r"^watched (\S+) (\S+?)\r?$", self.text, re.M)}
        self.watch_saw = re.findall(r"^watch: (\S+ was \S+ and is \S+)\r?$", self.text, re.M)
        assert re.search(r"^audit: held, \d+ changed", self.text, re.M), "the audit held nothing"
