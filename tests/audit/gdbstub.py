# SPDX-License-Identifier: BSD-2-Clause
"""Just as much of gdb's remote protocol as it takes to stop a hart of QEMU's at an instruction and to
read its registers: all CSRs among them, without a line of code in the machine itself."""

import pathlib
import re
import socket
import time


class Gdb:
    """A connection to QEMU's `-gdb unix:PATH`. The machine stands still while it is not running."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        end = time.monotonic() + timeout
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < end, f"{path}: no connection"
                time.sleep(0.05)
        self.buffer = b""
        self._send_raw(b"+")
        # Connecting stops the machine; asking why makes that certain.
        self.command("?")
        self.command("QStartNoAckMode")
        self.no_ack = True
        self.registers = self._read_descriptions()

    no_ack = False

    def _send_raw(self, data):
        self.socket.sendall(data)

    def _send(self, text):
        data = text.encode("latin-1")
        self._send_raw(b"$" + data + b"#%02x" % (sum(data) & 0xff))

    def _receive(self):
        while True:
            match = re.search(rb"\$([^#]*)#..", self.buffer, re.S)
            if match:
                self.buffer = self.buffer[match.end():]
                if not self.no_ack:
                    self._send_raw(b"+")
                return match.group(1)
            data = self.socket.recv(65536)
            assert data, "QEMU closed gdb's connection"
            self.buffer += data

    def command(self, text):
        self._send(text)
        return self._receive()

    def _xml(self, name):
        text, offset = b"", 0
        while True:
            part = self.command(f"qXfer:features:read:{name}:{offset:x},ff0")
            text += re.sub(rb"\}(.)", lambda m: bytes([m.group(1)[0] ^ 0x20]), part[1:])
            if part[:1] == b"l":
                return text.decode("latin-1")
            offset = len(text)

    def _read_descriptions(self):
        """Names of registers to numbers, from the target's description."""
        numbers, number = {}, 0
        for part in re.findall(r'href="([^"]+)"', self._xml("target.xml")):
            for tag in re.findall(r"<reg [^>]*>", self._xml(part)):
                given = re.search(r'regnum="(\d+)"', tag)
                number = int(given.group(1)) if given else number
                numbers[re.search(r'name="([^"]+)"', tag).group(1)] = number
                number += 1
        return numbers

    def _numbers(self, names):
        """Registers by name, CSRs by number too: QEMU knows all of them, named or not."""
        base = self.registers["fflags"] - 0x001
        return [base + name if isinstance(name, int) else self.registers[name] for name in names]

    def read(self, names):
        """Values by name; None where the hart has no such register now."""
        values, names = {}, list(names)
        numbers = self._numbers(names)
        # A lot at a time: waiting for each answer would take much longer.
        for start in range(0, len(names), 64):
            for number in numbers[start:start + 64]:
                self._send(f"p{number:x}")
            for name in names[start:start + 64]:
                data = self._receive().decode()
                good = re.fullmatch(r"(?:[0-9a-f]{2})+", data)
                values[name] = int.from_bytes(bytes.fromhex(data), "little") if good else None
        return values

    def write(self, name, value):
        answer = self.command(f"P{self.registers[name]:x}={value.to_bytes(8, 'little').hex()}")
        assert answer == b"OK", f"{name} cannot be written: {answer}"

    def breakpoint(self, address, on):
        answer = self.command(f"{'Z' if on else 'z'}0,{address:x},4")
        assert answer == b"OK", f"breakpoint at {address:#x}: {answer}"

    def run_to(self, address):
        """Lets the machine run until it is about to execute what is at the address (of whatever
        mode), other than where it stands."""
        self.command("s")
        self.breakpoint(address, True)
        self.command("c")
        self.breakpoint(address, False)

    def detach(self):
        self.command("D")
        self.socket.close()


def socket_path(directory, name):
    """A path for the socket, short enough for one."""
    path = pathlib.Path(directory) / f"{name}.gdb"
    path.unlink(missing_ok=True)
    return path if len(str(path)) < 100 else pathlib.Path("/tmp") / f"hartwood-{name}.{time.monotonic_ns():x}.gdb"
