# SPDX-License-Identifier: BSD-2-Clause
"""A client of QEMU's gdb stub (GDB, "Remote Protocol"), for tests that change what a hart is about
to do or look at all its CSRs, and the image's symbols. The image that runs is the one that ships: no
test has a door in it.

    stub = gdbstub.Stub()
    machine = boot(args=stub.arguments, ...)
    stub.connect()                     # the machine stands still
    stub.run_to(image.address("log_info"))
    stub.write(0, PC, image.address("memset"))
    stub.resume()
"""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import hartwood

LOADED_AT = 0x80200000

SP, A0, A1, A6, A7, PC = 2, 10, 11, 16, 17, 32


class Image:
    """Symbols of hartwood.elf, where QEMU loads it."""

    def __init__(self, cross="riscv64-unknown-elf-"):
        self.elf = hartwood.OUT / "hartwood.elf"
        self.cross = cross
        text = self._run("nm", str(self.elf))
        self.symbols = {name: int(value, 16) for value, name in
                        re.findall(r"^([0-9a-f]+) \w (\S+)$", text, re.M)}

    def _run(self, tool, *arguments):
        return subprocess.run([self.cross + tool, *arguments], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def address(self, name):
        """Link-time optimisation may add something to the name of what is static."""
        found = [value for symbol, value in self.symbols.items()
                 if symbol == name or symbol.startswith(f"{name}.lto_priv.")]
        assert len(found) == 1, f"{name} is in the image {len(found)} times"
        return LOADED_AT + found[0]

    def functions_at(self, *linked):
        """What addr2line says of addresses as the hypervisor prints them."""
        lines = self._run("addr2line", "-e", str(self.elf), "-f", "-i", *map(hex, linked))
        return lines.splitlines()[::2]

    def ecalls(self, function=None):
        """Where the hypervisor, or one function of it, calls the firmware."""
        only = [f"--disassemble={function}"] if function else ["-d"]
        text = self._run("objdump", *only, str(self.elf))
        return [LOADED_AT + int(at, 16) for at in
                re.findall(r"^ *([0-9a-f]+):\s+[0-9a-f]+\s+ecall\b", text, re.M)]


class Stub:
    def __init__(self, running=False):
        """running: the machine does not wait for connect() to begin."""
        # A socket's path is 107 bytes long at most, and build/ may lie deep.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hartwood-gdb-"))
        self.path = self.folder / "socket"
        self.arguments = ([] if running else ["-S"]) + [
            "-gdb", f"unix:{self.path},server=on,wait=off"]
        self.socket = None

    def close(self):
        if self.socket:
            self.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, timeout=30):
        """Stops the machine. After detach() it can be done again."""
        end = time.monotonic() + timeout
        self.socket = socket.socket(socket.AF_UNIX)
        self.pending = b""
        self.acknowledges = True
        while True:
            try:
                self.socket.connect(str(self.path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                assert time.monotonic() < end, "QEMU's gdb stub does not answer"
                time.sleep(0.05)
        self.ask("qSupported")
        self.ask("?")
        self.ask("QStartNoAckMode")
        self.acknowledges = False

    def detach(self):
        """The machine goes on alone."""
        self.ask("D")
        self.socket.close()
        self.socket = None

    # ---- packets ----

    def _read(self, timeout):
        self.socket.settimeout(timeout)
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("QEMU has ended")
        self.pending += got

    def receive(self, timeout=30):
        while True:
            match = re.search(rb"\$([^#]*)#[0-9a-f]{2}", self.pending)
            if match:
                self.pending = self.pending[match.end():]
                if self.acknowledges:
                    self.socket.sendall(b"+")
                return match.group(1).decode("latin-1")
            self._read(timeout)

    def send(self, packet):
        data = packet.encode()
        self.socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xff))

    def ask(self, packet):
        self.send(packet)
        return self.receive()

    # ---- harts: QEMU numbers its threads from 1, in the order of the harts ----

    def read(self, hart, register):
        assert self.ask(f"Hg{hart + 1:x}") == "OK"
        return int.from_bytes(bytes.fromhex(self.ask(f"p{register:x}")), "little")

    def write(self, hart, register, value):
        assert self.ask(f"Hg{hart + 1:x}") == "OK"
        assert self.ask(f"P{register:x}={value.to_bytes(8, 'little').hex()}") == "OK"

    def read_csrs(self, hart, numbers):
        """Values by the CSRs' numbers, named in QEMU's description or not; None where the hart has no such CSR."""
        assert self.ask(f"Hg{hart + 1:x}") == "OK"
        values, numbers, base = {}, list(numbers), self._first_csr()
        # A lot at a time: waiting for each answer would take much longer.
        for some in (numbers[at:at + 64] for at in range(0, len(numbers), 64)):
            for number in some:
                self.send(f"p{base + number:x}")
            for number in some:
                data = self.receive()
                good = re.fullmatch(r"(?:[0-9a-f]{2})+", data)
                values[number] = int.from_bytes(bytes.fromhex(data), "little") if good else None
        return values

    def _first_csr(self):
        """The stub's number of CSR 0, which its description of the target gives by that of fflags."""
        number = 0
        for part in re.findall(r'href="([^"]+)"', self._description("target.xml")):
            for tag in re.findall(r"<reg [^>]*>", self._description(part)):
                given = re.search(r'regnum="(\d+)"', tag)
                number = int(given.group(1)) if given else number
                if 'name="fflags"' in tag:
                    return number - 0x001
                number += 1
        raise AssertionError("QEMU does not tell of CSRs")

    def _description(self, name):
        text = ""
        while True:
            part = self.ask(f"qXfer:features:read:{name}:{len(text):x},ff0")
            text += re.sub(r"\}(.)", lambda match: chr(ord(match.group(1)) ^ 0x20), part[1:])
            if part.startswith("l"):
                return text

    def call(self, hart, address, *arguments):
        """The hart goes on at a function, with arguments; ra stays what it is."""
        for index, value in enumerate(arguments):
            self.write(hart, A0 + index, value)
        self.write(hart, PC, address)

    def load(self, address):
        """Eight bytes, as the hart that was last looked at sees them."""
        return int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},8")), "little")

    # ---- running ----

    def stop_at(self, address):
        assert self.ask(f"Z0,{address:x},2") == "OK"

    def stop_no_more_at(self, address):
        assert self.ask(f"z0,{address:x},2") == "OK"

    def resume(self, harts=None):
        """All harts, or some while the others stand still."""
        self.send("vCont;" + ";".join("c" if harts is None else f"c:{hart + 1:x}"
                                      for hart in harts or [None]))

    def wait_stop(self, timeout=30):
        """The hart that has come to a breakpoint."""
        reply = self.receive(timeout)
        if reply.startswith("W"):
            raise ConnectionError("QEMU ends")
        match = re.match(r"T05.*thread:(?:p\w+\.)?([0-9a-f]+);", reply)
        assert match, f"the stub says {reply!r}"
        return int(match.group(1), 16) - 1

    def interrupt(self):
        """Everything stands still again."""
        self.socket.sendall(b"\x03")
        reply = self.receive()
        assert reply.startswith("T"), reply

    def run_to(self, address, timeout=30):
        self.stop_at(address)
        self.resume()
        hart = self.wait_stop(timeout)
        self.stop_no_more_at(address)
        return hart

    def step(self, hart):
        self.send(f"vCont;s:{hart + 1:x}")
        self.wait_stop()

    # ---- the firmware ----

    def answer_firmware(self, ecalls, rule, timeout=60):
        """Runs the machine with rule(hart, eid, fid, a0) asked at each of these calls of the
        firmware, or all of an image: None lets the firmware answer, (error, value) is the answer instead, "enough" ends this with
        all harts stopped at a call. (error, value, "last") is an answer and the end."""
        if isinstance(ecalls, Image):
            ecalls = ecalls.ecalls()
        assert ecalls
        for address in ecalls:
            self.stop_at(address)
        end = time.monotonic() + timeout
        try:
            while True:
                self.resume()
                hart = self.wait_stop(max(0.1, end - time.monotonic()))
                answer = rule(hart, self.read(hart, A7), self.read(hart, A6), self.read(hart, A0))
                if answer == "enough":
                    break
                at = self.read(hart, PC)
                if answer is None:
                    self.stop_no_more_at(at)
                    self.step(hart)
                    self.stop_at(at)
                else:
                    self.write(hart, A0, answer[0] & (1 << 64) - 1)
                    self.write(hart, A1, answer[1])
                    self.write(hart, PC, at + 4)
                    if answer[2:]:
                        break
        except ConnectionError:
            return
        for address in ecalls:
            self.stop_no_more_at(address)
