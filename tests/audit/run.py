# SPDX-License-Identifier: BSD-2-Clause
"""The machines that guests/audit runs on: OpenSBI alone without H, OpenSBI alone with H, and Hartwood
with a second VM on the same hart. Each gives the text that was printed; Hartwood's also the CSRs of
the hart below, at the markers of guests/audit/marker.c."""

import contextlib
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import gdbstub  # noqa: E402
import hartwood  # noqa: E402

from gdbstub import A0, A6  # noqa: E402

MODELS = ["rv64", "max", "rva23s64"]
MARKER = 0x41554454
FIRST, QUIET, AFTER, HELD, LAST = 1, 2, 3, 0x1000, 4
LIFETIME = 600

# OpenSBI 1.6 prints megabytes, in which pexpect would look again from the start each time. What it
# reads at once (2,000 bytes) must be in the window, or something in the middle is not looked at.
WINDOW = 4096


def alone(model, name, words="", h=False):
    """Gives the text. With h the program finds itself in HS-mode."""
    with hartwood.Machine(name, kernel=hartwood.guest("audit"), smp=1, mem="512M",
                          cpu=model + ("" if h else ",h=false"), append=words,
                          lifetime=LIFETIME) as machine:
        machine.child.searchwindowsize = WINDOW
        machine.expect(r"done \d+ \d+", LIFETIME)
        return machine.text()


def device_tree(model):
    """The ISA extensions that OpenSBI's kernel is told of on the machine without H."""
    source = hartwood.device_tree(smp=1, mem="512M", cpu=model + ",h=false")
    return set(re.findall(r'"([a-z0-9]+)"', re.search(r"riscv,isa-extensions = (.*);",
                                                     source).group(1).replace("\\0", '","')))


class Markers:
    """CSRs of the hart at each marker, by marker and CSR number. Markers are calls of SBI BASE, which
    the hypervisor answers on the light path: the guest's registers are the function's arguments, and
    all CSRs are as the trap has left them."""

    def __init__(self):
        self.at = {}
        self.address = gdbstub.Image().address("sbi_base_call")
        self.numbers = range(0x1000)

    def _next(self, stub):
        """The guest's a0 to a4 at the next marker."""
        while True:
            stub.step(0)
            stub.run_to(self.address, LIFETIME)
            got = [stub.read(0, A0 + n) for n in range(5)]
            if got[0] == MARKER:
                return got

    def collect(self, stub, last):
        """Stops at each marker up to the last, which is told by its id."""
        stub.connect()
        marker = None
        while marker != last:
            _, marker, time, cycle, instret = self._next(stub)
            values = stub.read_csrs(0, self.numbers)
            if len(self.numbers) == 0x1000:
                self.numbers = [number for number, value in values.items() if value is not None]
            values.update(guest_time=time, guest_cycle=cycle, guest_instret=instret)
            self.at[marker] = values
            stub.write(0, A6, 0)
        stub.detach()


class Hartwood:
    """A run under Hartwood: text, markers, what the second VM saw, and the guest's extensions."""

    def __init__(self, model, name, words="", shares=1000):
        """shares: of the audit, against 100 of the VM that watches."""
        bundle = hartwood.bundle_of(hartwood.LOGS / f"{name}.dtb", [
            {"name": "watch", "guest": "audit", "memory": 64 << 20, "bootargs": "watch"},
            {"name": "audit", "guest": "audit", "memory": 64 << 20, "shares": shares,
             "bootargs": f"tables markers rest=1000000 quiet=5000 hold=25000 {words}".rstrip()},
        ], slice_us=1000)
        self.markers = Markers()
        with contextlib.closing(gdbstub.Stub(running=True)) as stub, \
                hartwood.Machine(name, bundle=bundle, smp=1, mem="512M", cpu=model,
                                 lifetime=LIFETIME, args=stub.arguments) as machine:
            machine.child.searchwindowsize = WINDOW
            # The first marker waits for the debugger, whenever the other one is ready.
            machine.expect_exact("watch: ready", LIFETIME)
            machine.focus("1", "audit")
            machine.expect_exact("audit: begin", LIFETIME)
            self.markers.collect(stub, QUIET)
            machine.expect_exact("audit: tables done", LIFETIME)
            self.markers.collect(stub, LAST)
            machine.expect(r"done \d+ \d+", LIFETIME)
            machine.focus("0", "watch")
            machine.send("x")
            seen = machine.expect(r"watch: (\d+) CSRs, (\d+) of them written, (\d+) rounds", 60)
            self.watched, self.written, self.rounds = (int(seen.group(n)) for n in (1, 2, 3))
            machine.wait_end(60)
            self.text = machine.text()
        self.watched_values = {int(number, 16): int(value, 16) for number, value in
                               re.findall(r"^watched (\S+) (\S+?)\r?$", self.text, re.M)}
        self.watch_saw = re.findall(r"^watch: (\S+ was \S+ and is \S+)\r?$", self.text, re.M)
        assert re.search(r"^audit: held, \d+ changed", self.text, re.M), "the audit held nothing"
